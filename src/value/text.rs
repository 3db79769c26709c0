//! Text that takes no more room than other values: short ones need no memory of their own.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// Bytes of UTF-8 that fit into a text itself.
const INLINE_BYTES: usize = 14;

/// Unicode text that can't be changed. A copy is cheap: up to 14 bytes of UTF-8 are in the value itself, longer text is shared.
#[derive(Clone)]
pub struct Text(Repr);

// A length beside the bytes, and not a slice, so that the whole takes sixteen bytes, the tag included.
#[derive(Clone)]
enum Repr {
    Short { length: u8, bytes: [u8; INLINE_BYTES] },
    Long(Arc<Box<str>>),
}

impl Text {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // It was made of a `str`, so that this never fails.
            Repr::Short { .. } => str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Repr::Long(text) => text,
        }
    }

    /// Its UTF-8.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Repr::Long(text) => text.as_bytes(),
        }
    }

    /// Its length in bytes of UTF-8.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Short { length, .. } => usize::from(*length),
            Repr::Long(text) => text.len(),
        }
    }

    /// Whether it has no characters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::from("")
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let mut bytes = [0; INLINE_BYTES];
        match bytes.get_mut(..text.len()) {
            Some(inline) => {
                inline.copy_from_slice(text.as_bytes());
                Self(Repr::Short { length: text.len() as u8, bytes })
            }
            None => Self(Repr::Long(Arc::new(Box::from(text)))),
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        if text.len() <= INLINE_BYTES { Self::from(&*text) } else { Self(Repr::Long(Arc::new(text.into()))) }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Short { length: a, bytes: x }, Repr::Short { length: b, bytes: y }) => a == b && x == y,
            _ => self.as_bytes() == other.as_bytes(),
        }
    }
}

impl Eq for Text {}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of the characters, which is that of the bytes of UTF-8.
impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            // Shorter ones end in zeros: as numbers they have the order of the bytes, and the length tells zeros from none.
            (Repr::Short { length: a, bytes: x }, Repr::Short { length: b, bytes: y }) => {
                number(x).cmp(&number(y)).then(a.cmp(b))
            }
            _ => self.as_bytes().cmp(other.as_bytes()),
        }
    }
}

/// The bytes as a number, the first one the greatest part.
fn number(bytes: &[u8; INLINE_BYTES]) -> u128 {
    let mut all = [0; 16];
    all[..INLINE_BYTES].copy_from_slice(bytes);
    u128::from_be_bytes(all)
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As a `str`, because it can be borrowed as one.
        state.write(self.as_bytes());
        state.write_u8(0xff);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn short_and_long_texts_are_alike() {
        let texts =
            ["", "a", "item_0049", "fourteen bytes", "fifteen bytes..", "Zoë 🎲", "ein längerer Text"];
        for text in texts {
            let made = Text::from(text);
            assert_eq!((made.as_str(), made.len(), made.is_empty()), (text, text.len(), text.is_empty()));
            assert_eq!(made, Text::from(text.to_owned()));
            assert_eq!(format!("{made}{made:?}"), format!("{text}{text:?}"));
            for other in texts {
                assert_eq!(made.cmp(&Text::from(other)), text.cmp(other));
            }
        }
        let by_text: HashMap<Text, usize> = texts.iter().map(|t| Text::from(*t)).zip(0..).collect();
        for (place, text) in texts.iter().enumerate() {
            assert_eq!(by_text.get(*text), Some(&place), "found as a str");
        }
        assert_eq!(size_of::<Text>(), 16);
    }
}

//! A TOML document that is read key by key. Mistakes are collected with their places instead of ending the reading, and
//! every key that is asked for is remembered: what nobody asked for is unknown.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A place in the file, counted from one, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Position {
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What is wrong, and where when it is in the file.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mistake {
    pub(super) at: Option<Position>,
    pub(super) text: String,
}

/// A value, and where its key stands.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) at: Position,
}

/// Keys are named as TOML's dotted keys: `tls.cert` is the key `cert` in the section `[tls]`. There are no sections
/// within sections.
pub(super) struct Document<'i> {
    text: &'i str,
    /// What was not asked for yet.
    rest: DeTable<'i>,
    asked: Vec<&'static str>,
    bad: BTreeSet<&'static str>,
    mistakes: Vec<Mistake>,
}

/// What is left when a document was read.
pub(super) struct Read {
    /// All keys that were asked for, in that order.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(super) known: Vec<&'static str>,
    /// Those of them whose values are no good.
    pub(super) bad: BTreeSet<&'static str>,
    pub(super) mistakes: Vec<Mistake>,
}

impl<'i> Document<'i> {
    /// # Errors
    /// All violations of the syntax. What the text means is not looked at then: an unclosed bracket would make
    /// mistakes of good keys.
    pub(super) fn parse(text: &'i str) -> Result<Self, Vec<Mistake>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            let (rest, asked) = (table.into_inner(), Vec::new());
            return Ok(Self { text, rest, asked, bad: BTreeSet::new(), mistakes: Vec::new() });
        }
        let mut mistakes: Vec<Mistake> = errors
            .iter()
            .map(|error| {
                let at = error.span().map(|span| Position::of(text, span.start));
                let context = at.map(|at| context(text, at.line)).unwrap_or_default();
                Mistake { at, text: format!("{}{}{}", context.0, error.message(), context.1) }
            })
            .collect();
        // One slip often makes the parser stumble several times on a line; the first time tells.
        mistakes.sort();
        mistakes.dedup_by_key(|mistake| mistake.at.map(|at| at.line));
        Err(mistakes)
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<Located<String>> {
        self.read(key, "a string", |value| match value {
            DeValue::String(text) if text.is_empty() => Err("must not be empty".into()),
            DeValue::String(text) => Ok(Some(text.into_owned())),
            _ => Ok(None),
        })
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<Located<bool>> {
        self.read(key, "true or false", |value| Ok(value.as_bool()))
    }

    pub(super) fn integer(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<Located<u64>> {
        self.read(key, "an integer", |value| {
            let DeValue::Integer(integer) = value else { return Ok(None) };
            match u64::from_str_radix(integer.as_str(), integer.radix()) {
                Ok(number) if range.contains(&number) => Ok(Some(number)),
                _ => Err(format!("{integer} is not between {} and {}", range.start(), range.end())),
            }
        })
    }

    /// Asks for a key. `convert` gives `None` for a value of another type than the `expected` one.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        convert: impl FnOnce(DeValue<'i>) -> Result<Option<T>, String>,
    ) -> Option<Located<T>> {
        let (key_span, value) = self.take(key)?;
        let at = Position::of(self.text, key_span.start);
        let (value_span, value) = (value.span(), value.into_inner());
        let found = value.type_str();
        let text = match convert(value) {
            Ok(Some(value)) => return Some(Located { value, at }),
            Ok(None) => format!("{key}: expected {expected}, found {}", a(found)),
            Err(text) => format!("{key}: {text}"),
        };
        self.mistake(value_span, text);
        self.bad.insert(key);
        None
    }

    pub(super) fn mistake_at(&mut self, at: Position, text: String) {
        self.mistakes.push(Mistake { at: Some(at), text });
    }

    fn mistake(&mut self, span: Range<usize>, text: String) {
        self.mistake_at(Position::of(self.text, span.start), text);
    }

    fn take(&mut self, key: &'static str) -> Option<(Range<usize>, Spanned<DeValue<'i>>)> {
        self.asked.push(key);
        let (section, name) = split(key);
        let table = match section {
            None => &mut self.rest,
            Some(section) => match self.rest.get_mut(section)?.get_mut() {
                DeValue::Table(table) => table,
                // Told at the end, once for all keys of the section.
                _ => {
                    self.bad.insert(key);
                    return None;
                }
            },
        };
        let (found, value) = table.remove_entry(name)?;
        Some((found.span(), value))
    }

    /// Ends the reading: what is left was not asked for.
    pub(super) fn finish(mut self) -> Read {
        let rest = std::mem::take(&mut self.rest);
        for (name, value) in rest {
            let (span, name) = (name.span(), name.into_inner());
            let keys = self.keys_of(&name);
            match value.into_inner() {
                DeValue::Table(table) if !keys.is_empty() => {
                    for (key, _) in table {
                        let (span, key) = (key.span(), format!("{name}.{}", key.into_inner()));
                        self.mistake(span, self.unknown_key(&key));
                    }
                }
                DeValue::Table(_) => self.mistake(span, self.unknown_section(&name)),
                other if !keys.is_empty() => {
                    let (keys, found) = (keys.join(", "), a(other.type_str()));
                    let text = format!("{name}: expected a section [{name}] with {keys}, found {found}");
                    self.mistake(span, text);
                }
                _ => self.mistake(span, self.unknown_key(&name)),
            }
        }
        Read { known: self.asked, bad: self.bad, mistakes: self.mistakes }
    }

    /// The names of the keys in a section.
    fn keys_of(&self, section: &str) -> Vec<&'static str> {
        let of_section = |key: &&'static str| split(key).0 == Some(section);
        self.asked.iter().copied().filter(of_section).map(|key| split(key).1).collect()
    }

    fn unknown_key(&self, key: &str) -> String {
        let name = |key: &'_ str| key.rsplit('.').next().unwrap_or_default().to_string();
        let distance = |known: &str| {
            let whole = strsim::damerau_levenshtein(key, known);
            // The right name in the wrong section is close, too.
            whole.min(strsim::damerau_levenshtein(&name(key), &name(known)) + 1)
        };
        match self.asked.iter().min_by_key(|known| distance(known)) {
            Some(closest) => format!("unknown key `{key}`; the closest known one is `{closest}`"),
            None => format!("unknown key `{key}`"),
        }
    }

    fn unknown_section(&self, section: &str) -> String {
        let known = self.asked.iter().filter_map(|key| split(key).0);
        match known.min_by_key(|known| strsim::damerau_levenshtein(section, known)) {
            Some(closest) => format!("unknown section [{section}]; the closest known one is [{closest}]"),
            None => format!("unknown section [{section}]"),
        }
    }
}

/// What to say before and after a violation of the syntax in this line: the key that it is about, and a hint for the
/// most frequent slip.
fn context(text: &str, line: usize) -> (String, &'static str) {
    let mut section = None;
    for line in text.lines().take(line).map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = Some(name.trim());
        }
    }
    let Some((key, value)) = text.lines().nth(line - 1).and_then(|line| line.split_once('=')) else {
        return (String::new(), "");
    };
    let is_key = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let key = match (section, key.trim()) {
        (_, key) if key.is_empty() || !key.chars().all(is_key) => return (String::new(), ""),
        (Some(section), key) => format!("{section}.{key}: "),
        (None, key) => format!("{key}: "),
    };
    let is_bare = !value.trim_start().starts_with(['"', '\'', '[', '{']);
    (key, if is_bare { "; a text must stand in quotes" } else { "" })
}

fn split(key: &'static str) -> (Option<&'static str>, &'static str) {
    key.split_once('.').map_or((None, key), |(section, name)| (Some(section), name))
}

/// The name of a type with its article.
fn a(type_name: &str) -> String {
    let article = if type_name.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {type_name}")
}

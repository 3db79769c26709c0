//! The members of objects: whether they are known, and of the JSON type that they should be.

use std::collections::HashMap;
use std::str::FromStr;

use jsonc_parser::ast::{Array, Object, Value};
use jsonc_parser::common::Ranged as _;

use super::findings::Reader;
use super::words::Word;

/// The member with this name; the first, if there are several.
pub(super) fn find<'v, 't>(object: &'v Object<'t>, name: &str) -> Option<&'v Value<'t>> {
    object.properties.iter().find(|member| member.name.as_str() == name).map(|member| &member.value)
}

impl Reader<'_> {
    /// Finds members that an object has twice, in the value and all that is in it.
    pub(super) fn check_duplicates(&mut self, value: &Value<'_>) {
        match value {
            Value::Array(array) => array.elements.iter().for_each(|element| self.check_duplicates(element)),
            Value::Object(object) => {
                let mut seen = HashMap::with_capacity(object.properties.len());
                for member in &object.properties {
                    let (name, at) = (member.name.as_str(), member.name.start());
                    if let Some(first) = seen.insert(name, at) {
                        let line = self.line_of(first);
                        self.add(at, format!("the member `{}` is on line {line} already", quotable(name)));
                    }
                    self.check_duplicates(&member.value);
                }
            }
            _ => {}
        }
    }

    /// Finds members that nobody reads. `elsewhere` are those that belong into the member `limits`.
    pub(super) fn check_members(&mut self, object: &Object<'_>, known: &[&str], elsewhere: &[&str]) {
        for member in &object.properties {
            let name = member.name.as_str();
            if known.contains(&name) {
                continue;
            }
            let hint = match closest(name, known.iter().copied()) {
                _ if elsewhere.contains(&name) => "it belongs into `limits`".into(),
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("the members here are {}", enumerate(known)),
            };
            self.add(member.name.start(), format!("unknown member `{}`; {hint}", quotable(name)));
        }
    }

    pub(super) fn object<'v, 't>(&mut self, what: &str, value: &'v Value<'t>) -> Option<&'v Object<'t>> {
        let object = value.as_object();
        if object.is_none() {
            self.add(value.start(), format!("{what} must be an object, not {}", kind_of(value)));
        }
        object
    }

    pub(super) fn array<'v, 't>(&mut self, name: &str, value: &'v Value<'t>) -> Option<&'v Array<'t>> {
        let array = value.as_array();
        if array.is_none() {
            self.add(value.start(), format!("`{name}` must be an array, not {}", kind_of(value)));
        }
        array
    }

    pub(super) fn string<'v>(&mut self, name: &str, value: &'v Value<'_>) -> Option<&'v str> {
        let string = value.as_string_lit().map(|literal| &*literal.value);
        if string.is_none() {
            self.add(value.start(), format!("`{name}` must be a text, not {}", kind_of(value)));
        }
        string
    }

    /// The text of a member that has to be there, and where it is.
    pub(super) fn needed<'v>(&mut self, object: &'v Object<'_>, name: &str) -> Option<(&'v str, usize)> {
        let Some(value) = find(object, name) else {
            self.add(object.range.start, format!("`{name}` is missing"));
            return None;
        };
        Some((self.string(name, value)?, value.start()))
    }

    pub(super) fn flag(&mut self, name: &str, value: &Value<'_>) -> Option<bool> {
        let flag = value.as_boolean_lit().map(|literal| literal.value);
        if flag.is_none() {
            self.add(value.start(), format!("`{name}` must be true or false, not {}", kind_of(value)));
        }
        flag
    }

    /// A whole number from 0 to `most`, the greatest number of its type.
    pub(super) fn whole<N: FromStr>(&mut self, name: &str, value: &Value<'_>, most: u32) -> Option<N> {
        let number = value.as_number_lit();
        let whole = number.and_then(|literal| literal.value.parse().ok());
        if whole.is_none() {
            let found = number.map_or(kind_of(value), |literal| literal.value);
            let message =
                format!("`{name}` must be a whole number from 0 to {most}, not {}", quotable(found));
            self.add(value.start(), message);
        }
        whole
    }

    pub(super) fn word<W: Word>(&mut self, name: &str, value: &Value<'_>) -> Option<W> {
        let text = self.string(name, value)?;
        let word = W::of_word(text);
        if word.is_none() {
            let words = || W::WORDS.iter().map(|(word, _)| *word);
            let hint = closest(text, words()).map(|close| format!("; did you mean `{close}`?"));
            let words = enumerate(&words().collect::<Vec<_>>());
            let text = quotable(text);
            let message = format!("`{name}` is {words}, not `{text}`{}", hint.unwrap_or_default());
            self.add(value.start(), message);
        }
        word
    }
}

fn kind_of(value: &Value<'_>) -> &'static str {
    match value {
        Value::StringLit(_) => "a text",
        Value::NumberLit(_) => "a number",
        Value::BooleanLit(_) => "true or false",
        Value::Object(_) => "an object",
        Value::Array(_) => "an array",
        Value::NullKeyword(_) => "null",
    }
}

/// The known word that a mistyped one was most likely meant to be.
pub(super) fn closest<K: AsRef<str>>(word: &str, known: impl Iterator<Item = K>) -> Option<K> {
    // Longer ones are like none; comparing them takes long.
    if word.len() > 64 {
        return None;
    }
    let word = word.to_lowercase();
    let typos = (word.chars().count() / 3).max(1);
    (known.map(|known| (strsim::osa_distance(&word, known.as_ref()), known)))
        .filter(|(distance, _)| *distance <= typos)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// `a`, `b` or `c`.
pub(super) fn enumerate(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// As much of a text as a message can quote.
pub(super) fn quotable(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.into(),
    }
}

//! Text to JSON whose values know their places.

use std::str::Chars;

use jsonc_parser::ast::Value;
use jsonc_parser::errors::ParseErrorKind;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::findings::Finding;
use crate::schema::Schema;

/// How deep values may be in each other. A schema needs six; the parser calls itself for each.
const MAX_DEPTH: usize = 32;

/// JSON as its standard has it.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

pub(super) fn parse(text: &str) -> Result<Value<'_>, Finding> {
    let limit = Schema::MAX_JSON_BYTES;
    if text.len() > limit {
        return Err(Finding::new(0, format!("a schema has at most {limit} bytes, this one {}", text.len())));
    }
    check_characters(text)?;
    match parse_to_ast(text, &CollectOptions::default(), &STRICT) {
        Ok(parsed) => parsed.value.ok_or_else(|| Finding::new(0, "the file is empty")),
        Err(error) => {
            Err(Finding::new(error.range().start, explain(text, error.range().start, error.kind())))
        }
    }
}

/// Refuses what the parser lets through, and what is too deep for it.
fn check_characters(text: &str) -> Result<(), Finding> {
    let mut depth = 0_usize;
    let mut chars = text.chars();
    let place = |chars: &Chars<'_>| text.len() - chars.as_str().len();
    loop {
        let at = place(&chars);
        let Some(c) = chars.next() else { return Ok(()) };
        match c {
            '"' => check_string(text, &mut chars)?,
            '{' | '[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Finding::new(at, format!("more than {MAX_DEPTH} values in each other")));
                }
            }
            '}' | ']' => depth = depth.saturating_sub(1),
            ' ' | '\t' | '\n' | '\r' | '!'..='~' => {}
            _ => return Err(Finding::new(at, format!("unexpected character {}", name_of(c)))),
        }
    }
}

/// Goes to the end of a text in quotes, if it has one.
fn check_string(text: &str, chars: &mut Chars<'_>) -> Result<(), Finding> {
    loop {
        let at = text.len() - chars.as_str().len();
        match chars.next() {
            Some('"') | None => return Ok(()),
            Some('\\') => drop(chars.next()),
            Some('\n' | '\r') => {
                return Err(Finding::new(at, "a text ends in its line; a line break in it is written \\n"));
            }
            Some(c) if c < ' ' => {
                let escape = format!("\\u{:04x}", u32::from(c));
                let message = format!("the character {} is written {escape} in a text", name_of(c));
                return Err(Finding::new(at, message));
            }
            Some(_) => {}
        }
    }
}

/// The character, if it can be seen, and its number.
fn name_of(c: char) -> String {
    let number = format!("U+{:04X}", u32::from(c));
    match c.is_control() || c.is_whitespace() {
        true => number,
        false => format!("`{c}` ({number})"),
    }
}

/// The parser's reason in the words of this library.
fn explain(text: &str, at: usize, kind: &ParseErrorKind) -> String {
    let found = text.get(at..).and_then(|rest| rest.chars().next());
    match kind {
        ParseErrorKind::UnexpectedToken | ParseErrorKind::UnexpectedTokenInObject => match found {
            Some(c) if c.is_alphabetic() => explain(text, at, &ParseErrorKind::UnexpectedWord),
            Some(c) => format!("unexpected character {}", name_of(c)),
            None => "unexpected end".into(),
        },
        ParseErrorKind::UnexpectedWord => "unexpected word; texts stand in double quotes".into(),
        ParseErrorKind::ExpectedStringObjectProperty => "the name of a member stands in double quotes".into(),
        ParseErrorKind::ExpectedColonAfterObjectKey => "expected a colon after the name of a member".into(),
        ParseErrorKind::ExpectedObjectValue => "expected a value after the colon".into(),
        ParseErrorKind::MultipleRootJsonValues => "expected nothing after the end of the schema".into(),
        ParseErrorKind::UnterminatedArray => "this array has no end".into(),
        ParseErrorKind::UnterminatedObject => "this object has no end".into(),
        kind => {
            let reason = kind.to_string();
            let mut chars = reason.chars();
            // Messages begin like those of everybody else here.
            chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
        }
    }
}

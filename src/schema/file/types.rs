//! The record types that a file declares, and types as they are written: with the names of these.
//!
//! A type may use others that are declared further below, so that all names are known first; then each type is made after those
//! that it uses. One that has mistakes stays known, so that nothing is said about what uses it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged as _;

use super::entry::{LIMITS, places_of, read_default, read_limits};
use super::findings::{Finding, Reader};
use super::members::{closest, enumerate, find, quotable};
use crate::definitions;
use crate::error::Error;
use crate::limits::{MAX_FIELDS, MAX_NESTING};
use crate::value::{Field, KeyType, RecordType, SHAPES, ScalarType, TypeMistake, ValueType, check_type_name};

/// The members of a record type.
pub(super) const MEMBERS: &[&str] = &["name", "description", "fields"];

/// The members of a field.
pub(super) const FIELD_MEMBERS: &[&str] = &["name", "type", "default", "description", "limits", "aliases"];

/// Types that are compared with a mistyped name, and types that are told to be made of themselves.
const MOST_TOLD: usize = 256;

/// Names of a chain of types that are told.
const MOST_OF_CHAIN: usize = 16;

/// The types that have names in a file.
#[derive(Default)]
pub(super) struct Types {
    /// `None` for one with mistakes.
    known: HashMap<String, Option<ValueType>>,
    /// The names, in their order.
    names: Vec<String>,
}

impl Types {
    /// Reads those that a file declares.
    pub(super) fn read(reader: &mut Reader<'_>, file: &ast::Object<'_>) -> Self {
        let mut types = Self::default();
        let array = find(file, "types").and_then(|value| reader.array("types", value));
        let declared = array.iter().flat_map(|array| &array.elements);
        let declared: Vec<_> = declared.filter_map(|entry| Declared::read(reader, entry)).collect();
        let mut places = HashMap::new();
        for (place, Declared { name, .. }) in declared.iter().enumerate() {
            let Some((name, at)) = *name else { continue };
            match places.entry(name) {
                Entry::Occupied(first) => {
                    let first: &Declared<'_, '_> = &declared[*first.get()];
                    let line = reader.line_of(first.name.map_or(0, |(_, at)| at));
                    reader.add(at, format!("the type `{}` is on line {line} already", quotable(name)));
                }
                Entry::Vacant(entry) => {
                    entry.insert(place);
                    types.known.insert(name.into(), None);
                    types.names.push(name.into());
                }
            }
        }
        for place in order(reader, &declared, &places) {
            let made = declared[place].make(reader, &types);
            let name = declared[place].name.map(|(name, _)| name);
            if let Some(name) = name.filter(|name| places.get(name) == Some(&place)) {
                types.known.insert(name.into(), made.map(ValueType::from));
            }
        }
        types
    }

    /// The type that a text means, within so many others. `None` with a finding, but for one that is of types with mistakes.
    pub(super) fn find(
        &self,
        reader: &mut Reader<'_>,
        text: &str,
        at: usize,
        within: usize,
    ) -> Option<ValueType> {
        let mut is_bad = false;
        let found = ValueType::from_name_with(text, |name| match self.known.get(name) {
            Some(Some(value_type)) => Some(value_type.clone()),
            Some(None) => {
                is_bad = true;
                Some(ValueType::Scalar(ScalarType::Bool))
            }
            None => definitions::record_type(name).map(ValueType::from),
        });
        let found = match found {
            Ok(_) if text.trim() != text => Err(TypeMistake::Syntax),
            Ok(found) if within + found.depth() > MAX_NESTING => Err(TypeMistake::TooDeep),
            found => found,
        };
        match found {
            Ok(found) => return Some(found).filter(|_| !is_bad),
            // Whoever has made so many mistakes is not helped by hints, which take their time.
            Err(TypeMistake::Unknown(_) | TypeMistake::Syntax) if reader.findings.len() > MOST_TOLD => {
                reader.add(at, format!("unknown type `{}`", quotable(text)));
            }
            Err(mistake) => reader.add(at, self.explain(text, &mistake)),
        }
        None
    }

    fn explain(&self, text: &str, mistake: &TypeMistake<'_>) -> String {
        let hint = match mistake {
            TypeMistake::TooDeep => {
                return format!("more than {MAX_NESTING} records, lists and dictionaries within one another");
            }
            TypeMistake::Record(reason) => return format!("the type `{}`: {reason}", quotable(text)),
            TypeMistake::Unknown(word) => {
                closest(word, self.words()).map(|close| replaced(text, word, close))
            }
            TypeMistake::UnknownKey(word) => {
                let keys = KeyType::ALL.iter().map(|key| key.name());
                closest(word, keys).map(|close| replaced(text, word, close))
            }
            TypeMistake::Syntax => None,
        };
        let hint = hint.or_else(|| closest(text, ValueType::all().map(|t| t.name())));
        let hint = match hint {
            Some(close) => format!("did you mean `{close}`?"),
            None => {
                let words: Vec<_> =
                    self.words().filter(|word| !SHAPES.contains(word) || *word == "custom").collect();
                let keys: Vec<_> = KeyType::ALL.iter().map(|key| key.name()).collect();
                let (words, keys) = (enumerate(&words), enumerate(&keys));
                format!(
                    "the types are {words}, and of these `record{{…}}`, `list<…>` and, by {keys}, `dict<…,…>`"
                )
            }
        };
        format!("unknown type `{}`; {hint}", quotable(text))
    }

    /// The words that types are written with.
    fn words(&self) -> impl Iterator<Item = &str> {
        let scalars = ScalarType::ALL.iter().map(|scalar| scalar.name());
        let declared = self.names.iter().take(MOST_TOLD).map(String::as_str);
        let ready_made = definitions::NAMES.iter().copied().filter(|name| !self.known.contains_key(*name));
        scalars.chain(SHAPES.iter().copied()).chain(declared).chain(ready_made)
    }
}

/// The text with another word for the first that is this one.
fn replaced(text: &str, word: &str, by: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = text.match_indices(word).map(|(at, _)| at);
    let at = starts.into_iter().find(|at| {
        !text[..*at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word)
            // Not the name of a field.
            && !text[at + word.len()..].trim_start().starts_with(':')
    });
    match at {
        Some(at) => format!("{}{by}{}", &text[..at], &text[at + word.len()..]),
        None => by.into(),
    }
}

/// A record type before it is made.
struct Declared<'v, 't> {
    /// The name and where it is.
    name: Option<(&'v str, usize)>,
    description: Option<&'v str>,
    fields: Option<&'v ast::Array<'t>>,
    /// Where it begins.
    at: usize,
    /// Whether its name or its members are wrong.
    is_bad: bool,
}

impl<'v, 't> Declared<'v, 't> {
    fn read(reader: &mut Reader<'_>, entry: &'v ast::Value<'t>) -> Option<Self> {
        let before = reader.findings.len();
        let object = reader.object("a type", entry)?;
        reader.check_members(object, MEMBERS, &[]);
        let name = reader.needed(object, "name");
        if let Some((name, at)) = name
            && let Err(reason) = check_type_name(name)
        {
            reader.add(at, reason);
        }
        let description = find(object, "description").and_then(|value| reader.string("description", value));
        let fields = find(object, "fields");
        if fields.is_none() {
            reader.add(object.range.start, "`fields` is missing");
        }
        let fields = fields.and_then(|value| reader.array("fields", value));
        if let Some(fields) = fields.filter(|fields| fields.elements.is_empty()) {
            reader.add(fields.range.start, "a record has at least one field");
        }
        if let Some(first) = fields.and_then(|fields| fields.elements.get(MAX_FIELDS)) {
            reader.add(first.start(), format!("a record has at most {MAX_FIELDS} fields"));
        }
        let is_bad = reader.findings.len() > before;
        Some(Self { name, description, fields, at: object.range.start, is_bad })
    }

    fn fields(&self) -> impl Iterator<Item = &'v ast::Value<'t>> + use<'v, 't> {
        // Of what is too much, that it is says enough.
        self.fields.into_iter().flat_map(|fields| &fields.elements).take(MAX_FIELDS)
    }

    /// The names of other types in the types of its fields, and where these are.
    fn uses(&self) -> Vec<(&'v str, usize)> {
        let mut uses = Vec::new();
        for field in self.fields().filter_map(|field| field.as_object()) {
            let Some(value) = find(field, "type") else { continue };
            let Some(text) = value.as_string_lit() else { continue };
            let parsed = ValueType::from_name_with(&text.value, |name| {
                uses.push((name, value.start()));
                Some(ValueType::Scalar(ScalarType::Bool))
            });
            // It is told when it is made.
            drop(parsed);
        }
        uses
    }

    fn make(&self, reader: &mut Reader<'_>, types: &Types) -> Option<RecordType> {
        let before = reader.findings.len();
        let mut seen = HashMap::new();
        let mut fields = Some(Vec::new());
        for entry in self.fields() {
            let field = read_field(reader, types, entry, &mut seen);
            fields = fields.zip(field).map(|(mut fields, field)| {
                fields.push(field);
                fields
            });
        }
        let fields = fields.filter(|_| !self.is_bad && reader.findings.len() == before)?;
        let (name, at) = self.name?;
        match RecordType::named(name, fields) {
            Ok(made) => Some(match self.description {
                Some(text) => made.describe(text),
                None => made,
            }),
            Err(Error::InvalidSchema { reason }) => {
                reader.add(at, format!("the type `{name}`: {reason}"));
                None
            }
            Err(error) => {
                reader.findings.push(Finding::of(self.at, error));
                None
            }
        }
    }
}

fn read_field<'v>(
    reader: &mut Reader<'_>,
    types: &Types,
    entry: &'v ast::Value<'_>,
    seen: &mut HashMap<&'v str, usize>,
) -> Option<Field> {
    let object = reader.object("a field", entry)?;
    reader.check_members(object, FIELD_MEMBERS, LIMITS);
    let name = reader.needed(object, "name");
    if let Some((name, at)) = name {
        if !crate::value::is_identifier(name) {
            let name = quotable(name);
            reader.add(at, format!("the field `{name}`: a name has 1 to 64 ASCII letters, digits and `_`"));
        }
        if let Some(first) = seen.insert(name, at) {
            let line = reader.line_of(first);
            reader.add(at, format!("the field `{}` is on line {line} already", quotable(name)));
        }
    }
    let value_type = reader.needed(object, "type").and_then(|(text, at)| types.find(reader, text, at, 1));
    let description = find(object, "description").and_then(|value| reader.string("description", value));
    let before = reader.findings.len();
    let limits_object = find(object, "limits").and_then(|value| reader.object("`limits`", value));
    let limits = limits_object.map(|object| read_limits(reader, value_type.as_ref(), object));
    // Nothing can be said about what goes with a type that is not known.
    let (limits, value_type) = (limits.unwrap_or_default(), value_type?);
    let (name, _) = name?;
    for (member, reason) in limits.mistakes(&value_type) {
        let places = limits_object.map(|object| places_of(object, LIMITS)).unwrap_or_default();
        let at = places.iter().find(|(name, _)| *name == member).map_or(object.range.start, |(_, at)| *at);
        reader.add(at, format!("the field `{}`: {member} {reason}", quotable(name)));
    }
    if !reader.count_default(object.range.start, value_type.zero().size()) {
        return None;
    }
    let default = find(object, "default");
    let said = default.and_then(|value| read_default(reader, &value_type, value));
    let said = said.unwrap_or_else(|| value_type.zero());
    let mut field = Field::new(name, said).limits(limits);
    let aliases = find(object, "aliases").and_then(|value| reader.array("aliases", value));
    let aliases = aliases.iter().flat_map(|aliases| &aliases.elements);
    let aliases: Vec<_> = aliases.filter_map(|alias| reader.string("aliases", alias)).collect();
    field = field.aliases(aliases);
    if let Some(text) = description {
        field = field.description(text);
    }
    if reader.findings.len() == before
        && crate::value::is_identifier(name)
        && let Err(error) = RecordType::new([field.clone()])
    {
        let at = default.map_or(object.range.start, |value| value.start());
        reader.findings.push(Finding::of(at, error));
    }
    Some(field)
}

/// The places of the types, each after those that it uses. Those that are made of themselves are told.
fn order<'v>(
    reader: &mut Reader<'_>,
    declared: &[Declared<'v, '_>],
    places: &HashMap<&'v str, usize>,
) -> Vec<usize> {
    let uses = |place: usize| {
        let names = declared[place].uses().into_iter();
        names.filter_map(|(name, at)| Some((*places.get(name)?, at))).collect::<Vec<_>>().into_iter()
    };
    let mut order = Vec::with_capacity(declared.len());
    let mut seen = vec![false; declared.len()];
    let mut is_open = seen.clone();
    let mut told = 0;
    for start in 0..declared.len() {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        // Not by functions that call themselves: chains may be long.
        let mut open = vec![(start, uses(start))];
        let mut chain = vec![start];
        is_open[start] = true;
        while let Some((place, rest)) = open.last_mut() {
            let Some((next, at)) = rest.next() else {
                order.push(*place);
                is_open[*place] = false;
                open.pop();
                chain.pop();
                continue;
            };
            if !std::mem::replace(&mut seen[next], true) {
                open.push((next, uses(next)));
                chain.push(next);
                is_open[next] = true;
            } else if is_open[next] && told < MOST_TOLD {
                told += 1;
                let first = chain.iter().position(|place| *place == next).unwrap_or(0);
                reader.add(at, circle(declared, &chain[first..]));
            }
        }
    }
    order
}

/// What is said of types of which each uses the next, and the last the first.
fn circle(declared: &[Declared<'_, '_>], chain: &[usize]) -> String {
    let name = |place: &usize| declared[*place].name.map_or("?", |(name, _)| name);
    let mut names: Vec<_> =
        chain.iter().take(MOST_OF_CHAIN).map(|place| format!("`{}`", name(place))).collect();
    let first = names[0].clone();
    if chain.len() > MOST_OF_CHAIN {
        names.push("…".into());
    }
    format!("the type {first} is made of itself: {} → {first}", names.join(" → "))
}

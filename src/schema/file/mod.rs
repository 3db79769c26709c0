//! Schema files: schemas as JSON text.
//!
//! A mistake in a schema is made by a person, who wants to see all of them at once and where they are. So the text is
//! read with the place of every value in it ([`syntax`]): the record types that it declares ([`types`]), and then entry by entry
//! ([`entry`]); then the properties are checked as
//! those of any schema are ([`SchemaBuilder::mistakes`]), and what that finds is traced back to the text.

mod entry;
mod findings;
mod members;
mod syntax;
#[cfg(test)]
mod tests;
mod type_names;
mod types;
mod words;
mod write;

use std::fmt;
use std::sync::Arc;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged as _;

use self::entry::Entry;
use self::findings::{Finding, Reader};
use self::types::Types;
use super::{Mistake, Property, Schema, SchemaBuilder};
use crate::error::{Error, Result};
use crate::limits::MAX_PROPERTIES;

/// Something that is wrong with a schema file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SchemaMistake {
    /// The line, from 1.
    pub line: usize,
    /// The place in the line, from 1, in Unicode characters.
    pub column: usize,
    /// What is wrong, in one line.
    pub message: String,
}

/// `line:column: message`.
impl fmt::Display for SchemaMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// The members of a file.
const MEMBERS: &[&str] = &["$schema", "types", "properties"];

impl Schema {
    /// The most bytes that the text of a schema may have.
    pub const MAX_JSON_BYTES: usize = 4 * 1024 * 1024;

    /// Reads a schema from JSON: `{"properties":[{"name":"level","type":"i32","default":1}, …]}`.
    ///
    /// Record types may be declared by name beside the properties, and used wherever a type is written, also in each other:
    ///
    /// ```
    /// let schema = mst_profiles::Schema::from_json(
    ///     r#"{
    ///         "types": [{"name": "quest", "fields": [
    ///             {"name": "id", "type": "string"},
    ///             {"name": "progress", "type": "i32", "limits": {"min": 0}}
    ///         ]}],
    ///         "properties": [{"name": "quests", "type": "list<quest>"}]
    ///     }"#,
    /// )?;
    /// assert_eq!(schema.properties()[0].value_type().declared_name(), "list<quest>");
    /// # Ok::<(), mst_profiles::Error>(())
    /// ```
    ///
    /// `schemas/profile-schema.json`, a JSON Schema, has all members and what they mean; the README has them in short.
    ///
    /// # Errors
    /// The first mistake in the text: what [`SchemaBuilder::build`] finds, or [`Error::InvalidSchema`] with line and
    /// column. [`check_json`](Self::check_json) tells all of them.
    pub fn from_json(text: &str) -> Result<Arc<Self>> {
        match read(text) {
            Ok(properties) => {
                Ok(Arc::new(Self::of(properties.into_iter().map(Property::into_info).collect())))
            }
            Err(found) => Err(found.into_iter().next().map_or_else(
                || Error::InvalidSchema { reason: "not a schema".into() },
                |(mistake, error)| error.unwrap_or_else(|| mistake.into_error()),
            )),
        }
    }

    /// Finds everything that is wrong with the text of a schema, in the order of the text. Nothing is exactly when
    /// [`from_json`](Self::from_json) reads it. Of text that is no JSON the first place that is wrong is told.
    ///
    /// ```
    /// let mistakes = mst_profiles::Schema::check_json(
    ///     r#"{"properties": [{"name": "gold", "type": "i64", "defualt": 100}]}"#,
    /// );
    /// assert_eq!(mistakes[0].to_string(), "1:49: unknown member `defualt`; did you mean `default`?");
    /// ```
    #[must_use]
    pub fn check_json(text: &str) -> Vec<SchemaMistake> {
        read(text).err().unwrap_or_default().into_iter().map(|(mistake, _)| mistake).collect()
    }
}

impl SchemaMistake {
    fn into_error(self) -> Error {
        let Self { line, column, message } = self;
        Error::InvalidSchema { reason: format!("line {line} column {column}: {message}") }
    }
}

/// Reads the properties that a text declares. An error of its own comes with what has one.
fn read(text: &str) -> Result<Vec<Property>, Vec<(SchemaMistake, Option<Error>)>> {
    // Editors show neither the mark nor a column for it.
    let marked = text.strip_prefix('\u{feff}');
    let mut reader = Reader::new(marked.unwrap_or(text));
    if marked.is_some() {
        reader.add(0, "begins with a byte order mark (U+FEFF); save the file as UTF-8 without one");
    }
    let entries = match syntax::parse(reader.text) {
        Ok(file) => read_file(&mut reader, &file),
        Err(finding) => {
            reader.findings.push(finding);
            Vec::new()
        }
    };
    check(&mut reader, &entries);
    if reader.findings.is_empty() {
        return Ok(entries.into_iter().map(|entry| entry.property).collect());
    }
    Err(reader.finish())
}

fn read_file(reader: &mut Reader<'_>, file: &ast::Value<'_>) -> Vec<Entry> {
    reader.check_duplicates(file);
    let Some(file) = reader.object("a schema file", file) else { return Vec::new() };
    reader.check_members(file, MEMBERS, &[]);
    if let Some(hint) = members::find(file, "$schema") {
        reader.string("$schema", hint);
    }
    let types = Types::read(reader, file);
    let Some(properties) = members::find(file, "properties") else {
        reader.add(file.range.start, "`properties` is missing");
        return Vec::new();
    };
    let Some(properties) = reader.array("properties", properties) else { return Vec::new() };
    // Of what is too much, that it is says enough.
    if let Some(first) = properties.elements.get(MAX_PROPERTIES) {
        let error = Error::TooManyProperties { count: properties.elements.len() };
        reader.findings.push(Finding::of(first.start(), error));
    }
    let entries = properties.elements.iter().take(MAX_PROPERTIES);
    entries.filter_map(|entry| Entry::read(reader, &types, entry)).collect()
}

/// Checks the properties as those of any schema, and traces the mistakes back to the text.
fn check(reader: &mut Reader<'_>, entries: &[Entry]) {
    // One without a name takes part in nothing that is about names and keys.
    let (named, nameless): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.has_name);
    let mistakes = |entries: &[&Entry]| {
        let properties = entries.iter().map(|entry| entry.property.clone()).collect();
        SchemaBuilder { properties }.mistakes()
    };
    for mistake in mistakes(&named) {
        trace(reader, &named, mistake);
    }
    for entry in nameless {
        for mistake in mistakes(&[entry]) {
            if !matches!(mistake.member, Some("name" | "key")) {
                trace(reader, &[entry], mistake);
            }
        }
    }
}

fn trace(reader: &mut Reader<'_>, entries: &[&Entry], mistake: Mistake) {
    let Some(entry) = entries.get(mistake.property) else { return };
    // The default in its place is not what the file says.
    if mistake.member == Some("default") && entry.has_bad_default {
        return;
    }
    let alias = mistake.alias.and_then(|nth| entry.aliases.get(nth)).copied();
    let at = alias.or(mistake.member.and_then(|member| entry.place_of(member))).unwrap_or(entry.at);
    let mut finding = Finding::of(at, mistake.error);
    let first = mistake.first.and_then(|place| entries.get(place));
    if let Some(first) = first {
        let line = reader.line_of(first.place_of("name").unwrap_or(first.at));
        let first = first.property.effective_name();
        finding.message = match &finding.error {
            Some(Error::DuplicateName { name }) if alias.is_some() => {
                format!("the alias `{name}` is a name of property `{first}` (line {line})")
            }
            _ => format!("{} (`{first}` is on line {line})", finding.message),
        };
    }
    reader.findings.push(finding);
}

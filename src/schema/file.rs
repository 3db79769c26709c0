//! Schemas as JSON text.

use std::sync::Arc;

use serde::Deserialize;

use super::{Property, Schema, Visibility, Writers};
use crate::error::{Error, Result};
use crate::value::ValueType;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemaFile {
    /// An editor's hint, ignored here.
    #[serde(rename = "$schema", default)]
    _schema: Option<String>,
    properties: Vec<PropertyEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PropertyEntry {
    name: String,
    #[serde(rename = "type")]
    value_type: String,
    #[serde(default)]
    default: Option<serde_json::Value>,
    #[serde(default)]
    key: Option<u16>,
    #[serde(default)]
    write: Writers,
    #[serde(default)]
    see: Visibility,
}

impl Schema {
    /// Reads a schema from JSON: `{"properties":[{"name":"level","type":"i32","default":1}, …]}`.
    ///
    /// An entry may also say `"write"` (`"servers"`, `"owner"` or `"master"`), `"see"` (`"owner"`, `"public"` or
    /// `"servers"`) and `"key"` (a number from 0 to 65535).
    ///
    /// # Errors
    /// [`Error::InvalidSchema`] with line and column, or what [`SchemaBuilder::build`](super::SchemaBuilder::build)
    /// finds.
    pub fn from_json(text: &str) -> Result<Arc<Self>> {
        let file: SchemaFile =
            serde_json::from_str(text).map_err(|e| Error::InvalidSchema { reason: e.to_string() })?;
        let mut builder = Self::builder();
        for (place, entry) in file.properties.into_iter().enumerate() {
            builder.add(entry.into_property(place)?);
        }
        builder.build()
    }
}

impl PropertyEntry {
    fn into_property(self, place: usize) -> Result<Property> {
        let at = |reason: String| Error::InvalidSchema {
            reason: format!("property {} (`{}`): {reason}", place + 1, self.name),
        };
        let value_type = ValueType::from_name(&self.value_type)
            .ok_or_else(|| at(format!("unknown type `{}`", self.value_type)))?;
        let default = match &self.default {
            None => value_type.zero(),
            Some(json) => crate::json::value_from_json(value_type, json)
                .map_err(|reason| at(format!("default: {reason}")))?,
        };
        let property = Property::new(&self.name, default).writers(self.write).visibility(self.see);
        Ok(match self.key {
            Some(key) => property.key(key),
            None => property,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    #[test]
    fn a_file_gives_what_the_builder_gives() {
        let read = Schema::from_json(
            r#"{"properties":[
                {"name":"level","type":"i32","default":1,"see":"public"},
                {"name":"title","type":"string","write":"owner","key":9},
                {"name":"rating","type":"f64","default":1.5}
            ]}"#,
        )
        .unwrap();
        let built = Schema::builder()
            .property(Property::new("level", 1).visibility(Visibility::Public))
            .property(Property::new("title", "").writers(Writers::Owner).key(9))
            .property(Property::new("rating", 1.5))
            .build()
            .unwrap();
        assert_eq!(read.fingerprint(), built.fingerprint());
        assert_eq!(read.properties()[2].default(), &Value::F64(1.5));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let check = |text: &str, expected: &str| {
            let error = Schema::from_json(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("{", "line 1 column 1");
        check(r#"{"properties":[{"name":"a","type":"int"}]}"#, "property 1 (`a`): unknown type `int`");
        check(
            r#"{"properties":[{"name":"a","type":"i32","default":3000000000}]}"#,
            "property 1 (`a`): default: 3000000000 does not fit i32",
        );
        check(r#"{"properties":[{"name":"a","type":"i32","wite":"owner"}]}"#, "unknown field `wite`");
    }
}

//! A document made of what Master Server Toolkit stored.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mst_profiles::{PropertyInfo, Schema};
use serde_json::{Map, Value as Json, json};

use super::{bytes, texts};
use crate::profile::import::source::{Finding, Incoming};

pub(super) struct MstDocument<'s> {
    schema: &'s Schema,
    values: Map<String, Json>,
    /// What was not understood, as it was stored.
    aside: BTreeMap<String, Vec<Json>>,
    findings: Vec<Finding>,
}

impl<'s> MstDocument<'s> {
    pub(super) fn new(schema: &'s Schema) -> Self {
        Self { schema, values: Map::new(), aside: BTreeMap::new(), findings: Vec::new() }
    }

    /// Takes a whole profile.
    pub(super) fn take_blob(&mut self, blob: &[u8]) {
        let (entries, problem) = bytes::entries(blob);
        for (key, bytes) in entries {
            self.take(key, bytes, |value_type| bytes::value(value_type, bytes));
        }
        if let Some(why) = problem {
            self.keep_aside("blob", blob, why);
        }
    }

    /// Takes a property's JSON from the table.
    pub(super) fn take_text(&mut self, key: &str, text: &str) {
        let by_number = key.trim().parse::<u16>().ok();
        // By name, too: some wrote it so themselves.
        let number = by_number.or_else(|| {
            let index = self.schema.index_of(key).ok()?;
            Some(self.schema.property(index).key())
        });
        match number {
            Some(number) => self.take(number, text.as_bytes(), |value_type| texts::value(value_type, text)),
            None => {
                self.keep_aside(key, text.as_bytes(), "is neither a key nor the name of a property".into())
            }
        }
    }

    fn take(
        &mut self,
        key: u16,
        stored: &[u8],
        read: impl FnOnce(&mst_profiles::ValueType) -> Result<Json, String>,
    ) {
        let known: Option<&PropertyInfo> =
            self.schema.index_of_key(key).ok().map(|index| self.schema.property(index));
        let read = match known {
            None => Err("no property has this key".into()),
            Some(property) if self.values.contains_key(property.name()) => Err("is there twice".into()),
            Some(property) if !property.is_saved() => {
                Err(format!("`{}` is not saved, by the schema", property.name()))
            }
            Some(property) => read(property.value_type())
                .map(|json| (property.name().to_owned(), json))
                .map_err(|why| format!("`{}`, {}: {why}", property.name(), property.value_type())),
        };
        match read {
            Ok((name, json)) => drop(self.values.insert(name, json)),
            Err(why) => self.keep_aside(&key.to_string(), stored, why),
        }
    }

    fn keep_aside(&mut self, key: &str, stored: &[u8], why: String) {
        let values = self.aside.entry(format!("mst:{key}")).or_default();
        values.push(Json::from(BASE64_STANDARD.encode(stored)));
        self.findings.push(Finding { what: format!("key {key}"), why });
    }

    pub(super) fn finish(self, user: String) -> Incoming {
        let mut document = self.values;
        // It says nothing of versions and writers, which there were none of.
        document.insert("$mst".into(), json!({ "aside": self.aside }));
        Incoming { user, document: Json::Object(document).to_string(), findings: self.findings }
    }
}

//! The types of records of a schema.

use std::collections::{HashMap, HashSet};

use mst_profiles::{FieldInfo, RecordType, Value, ValueType};

use super::model::{KeyKind, Kind, Scalar, first_fact, lines, shown};
use super::names::{self, Rules};

/// A type of records.
pub(super) struct RecordItem {
    pub(super) identifier: String,
    /// What it is, in one line.
    pub(super) summary: String,
    pub(super) fields: Vec<FieldItem>,
}

/// A field of a record.
pub(super) struct FieldItem {
    /// What its accessor is called.
    pub(super) identifier: String,
    /// What it is called in a record that is a value.
    pub(super) member: String,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Its value in a new record, if that is not the usual one of its type.
    pub(super) default: Option<Value>,
    /// What it is for, line by line.
    pub(super) description: Vec<String>,
    /// What holds for it, in one sentence.
    pub(super) fact: String,
}

/// The types of records that were found.
pub(super) struct Records<'r> {
    rules: &'r Rules,
    items: Vec<RecordItem>,
    /// Those that have a name of their own, by it.
    by_name: HashMap<String, usize>,
    /// Identifiers of records and of their accessors.
    taken: HashSet<String>,
    problems: Vec<String>,
}

/// The name that a type of records has of its own; without one it is called after where it is.
fn own_name(_record: &RecordType) -> Option<&str> {
    None
}

impl<'r> Records<'r> {
    pub(super) fn new(rules: &'r Rules) -> Self {
        let (by_name, taken) = (HashMap::new(), HashSet::new());
        Self { rules, items: Vec::new(), by_name, taken, problems: Vec::new() }
    }

    /// All of them, and what is wrong with them.
    pub(super) fn into_items(self) -> (Vec<RecordItem>, Vec<String>) {
        (self.items, self.problems)
    }

    /// The kind of a property's type; `None` when there is something in it that no code can be written for.
    pub(super) fn kind(&mut self, value_type: &ValueType, property: &str) -> Option<Kind> {
        self.kind_at(value_type, &Place { names: vec![property], last: "", shown: shown(property) })
    }

    fn kind_at(&mut self, value_type: &ValueType, place: &Place<'_>) -> Option<Kind> {
        Some(match value_type {
            ValueType::Scalar(scalar) => Kind::Scalar(Scalar::of(*scalar)?),
            ValueType::Custom(name) => Kind::Custom(name.as_deref().map(String::from)),
            ValueType::List(item) => {
                let place = Place { last: "item", ..place.clone() };
                Kind::List(Box::new(self.kind_at(item, &place)?))
            }
            ValueType::Dict(key, value) => {
                let place = Place { last: "entry", ..place.clone() };
                Kind::Dict(KeyKind::of(*key)?, Box::new(self.kind_at(value, &place)?))
            }
            ValueType::Record(record) => Kind::Record(self.record(record, place)?),
            _ => return None,
        })
    }

    fn record(&mut self, record: &RecordType, place: &Place<'_>) -> Option<usize> {
        let own = own_name(record).map(String::from);
        if let Some(known) = own.as_ref().and_then(|name| self.by_name.get(name)) {
            return Some(*known);
        }
        let names: Vec<&str> = match &own {
            Some(name) => vec![name],
            None => place.names.iter().copied().chain([place.last]).collect(),
        };
        let identifier = self.free(names::record_identifier(&names, self.rules));
        let mut kinds = Vec::new();
        for field in record.fields() {
            let mut names = place.names.clone();
            names.push(field.name());
            let shown = format!("{}.{}", place.shown, field.name());
            kinds.push(self.kind_at(field.value_type(), &Place { names, last: "", shown })?);
        }
        let names: Vec<&str> = record.fields().iter().map(FieldInfo::name).collect();
        let what = format!("{identifier}: fields");
        let identifiers =
            names::field_identifiers(&what, &names, &identifier, self.rules).unwrap_or_else(|problems| {
                self.problems.extend(problems);
                names.iter().map(|name| (name.to_string(), name.to_string())).collect()
            });
        let fields = record.fields().iter().zip(kinds).zip(identifiers);
        let fields = fields.map(|((field, kind), names)| FieldItem::new(field, kind, names)).collect();
        let summary = match &own {
            Some(name) => format!("`{name}`."),
            None => format!("{} of `{}`.", place.role(), place.shown),
        };
        self.items.push(RecordItem { identifier, summary, fields });
        let index = self.items.len() - 1;
        if let Some(name) = own {
            self.by_name.insert(name, index);
        }
        Some(index)
    }

    /// An identifier that is not taken, nor those of its accessors.
    fn free(&mut self, wanted: String) -> String {
        let all = |identifier: &str| -> Vec<String> {
            let accessors = self.rules.accessors.iter();
            accessors.map(|accessor| format!("{identifier}{accessor}")).chain([identifier.into()]).collect()
        };
        let mut identifier = wanted.clone();
        let mut number = 1;
        while all(&identifier).iter().any(|name| self.taken.contains(name)) {
            number += 1;
            identifier = format!("{wanted}{number}");
        }
        let names = all(&identifier);
        self.taken.extend(names);
        identifier
    }
}

/// Where a type is.
#[derive(Clone)]
struct Place<'n> {
    /// The property and the fields that lead there.
    names: Vec<&'n str>,
    /// What it is there, if it is not the field itself.
    last: &'static str,
    /// The names, for people.
    shown: String,
}

impl Place<'_> {
    fn role(&self) -> &'static str {
        match self.last {
            "item" => "An item",
            "entry" => "The value of an entry",
            _ => "The value",
        }
    }
}

impl FieldItem {
    fn new(field: &FieldInfo, kind: Kind, (identifier, member): (String, String)) -> Self {
        let (value_type, default) = (field.value_type(), field.default());
        Self {
            identifier,
            member,
            name: field.name().into(),
            fact: first_fact(field.name(), value_type, default, field.limits(), &kind),
            kind,
            default: (*default != value_type.zero()).then(|| default.clone()),
            description: lines(field.description().unwrap_or_default()),
        }
    }
}

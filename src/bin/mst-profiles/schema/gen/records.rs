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
    by_name: HashMap<String, (RecordType, usize)>,
    /// Identifiers of records and of their accessors.
    taken: HashSet<String>,
    problems: Vec<String>,
}

/// The name that a type of records has of its own; without one it is called after where it is.
fn own_name(record: &RecordType) -> Option<&str> {
    record.name()
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
        if let Some((known, index)) = own.as_ref().and_then(|name| self.by_name.get(name))
            && known == record
        {
            return Some(*index);
        }
        // What is within a type that has a name is called after that.
        let place = match &own {
            Some(name) => Place { names: vec![name], last: "", shown: name.clone() },
            None => place.clone(),
        };
        let names: Vec<&str> = place.names.iter().copied().chain([place.last]).collect();
        let identifier = self.free(names::record_identifier(&names, self.rules));
        let mut kinds = Vec::new();
        for field in record.fields() {
            let mut within = place.clone();
            within.names.push(field.name());
            within.last = "";
            within.shown = format!("{}.{}", place.shown, field.name());
            kinds.push(self.kind_at(field.value_type(), &within)?);
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
        let summary = match (&own, record.description()) {
            (_, Some(description)) => lines(description).join(" "),
            (Some(name), None) => format!("`{name}`."),
            (None, None) => format!("{} of `{}`.", place.role(), place.shown),
        };
        self.items.push(RecordItem { identifier, summary, fields });
        let index = self.items.len() - 1;
        if let Some(name) = own {
            self.by_name.insert(name, (record.clone(), index));
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

#[cfg(test)]
mod tests {
    use mst_profiles::{
        Custom, DateTime, Dict, Field, KeyType, Limits, List, Property, Record, RecordType, ScalarType,
        Schema, Value,
    };

    use super::super::model::Model;
    use super::super::{cpp, csharp, rust};

    /// A record with a default of every kind.
    fn schema() -> std::sync::Arc<Schema> {
        let inner = RecordType::new([Field::new("a", 5), Field::of_type("b", ScalarType::String)]).unwrap();
        let other = Record::new(&inner, [("b", "x".into())]).unwrap();
        let items = List::from_items(ScalarType::I64, vec![Value::I64(i64::MIN), Value::I64(7)]).unwrap();
        let entry = ("k\"".into(), Value::Record(other.clone()));
        let entries = Dict::from_entries(KeyType::String, inner.clone(), [entry]).unwrap();
        let mut limits = Limits::default();
        (limits.min, limits.max) = (Some(0.into()), Some(60.into()));
        let outer = RecordType::new([
            Field::new("level", 1).limits(limits),
            Field::new("bool", true).description("Whether.\nOr not."),
            Field::new("i32", i32::MIN),
            Field::new("f32", 0.1_f32),
            Field::new("f64", f64::NEG_INFINITY),
            Field::new("text", "Größe \"\\"),
            Field::new("bytes", vec![0_u8, 255]),
            Field::new("v2", Value::Vector2([1.0, f32::NAN])),
            Field::new("v3", Value::Vector3([1.0, 2.0, 3.5])),
            Field::new("q", Value::from([0.5_f32; 4])),
            Field::new("color", Value::Color([1, 2, 3, 4])),
            Field::new("at", DateTime::from_unix_micros(-1).unwrap()),
            Field::new("id", Value::from([250_u8; 16])),
            Field::new("custom", Value::Custom(Custom::new(Some("build"), [1, 2]))),
            Field::new("items", items),
            Field::new("entries", entries),
            Field::of_type("same", inner.clone()),
            Field::new("other", Value::Record(other)),
        ]);
        Schema::builder().property(Property::list("quests", outer.unwrap())).build().unwrap()
    }

    #[test]
    fn records_begin_with_the_defaults_of_their_fields() {
        let schema = schema();
        let model = |rules| {
            Model::new(&schema, "GameProfile".into(), vec!["game".into()], rules, "test".into()).unwrap()
        };
        let (rust, cpp, csharp) = (
            rust::write(&model(&rust::RULES)),
            cpp::write(&model(&cpp::RULES)),
            csharp::write(&model(&csharp::RULES)),
        );
        for (code, parts) in [
            (
                rust,
                [
                    "/// Whether.\n        /// Or not.\n        ///\n        /// `bool`: `bool`, `true` at first.",
                    "text: ::std::string::String::from(\"Gr\\u{f6}\\u{df}e \\\"\\\\\"),",
                    "items: ::std::vec::Vec::from([-9223372036854775808, 7]),",
                    "(::std::string::String::from(\"k\\\"\"), QuestsEntriesEntry { a: 5, b: ",
                    "/// `level`: `i32`, `1` at first, 0 to 60.\n        pub level: i32,",
                    "same: ::std::default::Default::default(),",
                    "other: QuestsOther { a: 5, b: ::std::string::String::from(\"x\") },",
                ],
            ),
            (
                cpp,
                [
                    "     * Whether.\n     * Or not.\n     * `bool`: `bool`, `true` at first.",
                    "std::string text = \"Gr\\303\\266\\303\\237e \\\"\\\\\";",
                    "items = std::vector<int64_t>{(-9223372036854775807LL - 1), 7};",
                    "{\"k\\\"\", [] { ::game::GameProfileRecords::QuestsEntriesEntry v; v.a = 5; v.b = \"x\"; return v; }()}",
                    "     * `level`: `i32`, `1` at first, 0 to 60.\n     */\n    int32_t level = 1;",
                    "same = ::game::GameProfileRecords::QuestsSame();",
                    "double f64 = -std::numeric_limits<double>::infinity();",
                ],
            ),
            (
                csharp,
                [
                    "/// Whether.\n                /// Or not.\n                /// <para><c>bool</c>: <c>bool</c>, <c>true</c> at",
                    "public string Text = \"Gr\\u00f6\\u00dfe \\\"\\\\\";",
                    "List<long> { -9223372036854775808, 7 };",
                    "{ \"k\\\"\", new global::game.GameProfile.Records.QuestsEntriesEntry { A = 5, B = \"x\" } }",
                    "public global::game.GameProfile.Records.QuestsSame Same = new global::game.GameProfile.Records.QuestsSame();",
                    "<c>level</c>: <c>i32</c>, <c>1</c> at first, 0 to 60.\n",
                    "public double F64 = double.NegativeInfinity;",
                ],
            ),
        ] {
            for part in parts {
                assert!(code.contains(part), "{part}\nis not in\n{code}");
            }
        }
    }
}

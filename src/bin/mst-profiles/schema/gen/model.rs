//! What there is to write down of a schema, whatever the language.

use mst_profiles::{
    DateTime, KeyType, Limits, Merge, Number, PropertyInfo, ScalarType, Schema, SyncClass, Value, ValueType,
    Visibility, Writers,
};

use super::names::{self, Rules};
use super::records::{RecordItem, Records};

/// The name of a type that is longer is shortened where people read it.
const LONG_TYPE_BYTES: usize = 60;

pub(super) struct Model {
    pub(super) class: String,
    pub(super) namespace: Vec<String>,
    pub(super) fingerprint: u64,
    /// The command that writes this code.
    pub(super) command: String,
    /// The schema as JSON in ASCII, one property a line.
    pub(super) json: String,
    pub(super) items: Vec<Item>,
    /// The types of records, those that are within others before them.
    pub(super) records: Vec<RecordItem>,
}

/// A property.
pub(super) struct Item {
    pub(super) identifier: String,
    pub(super) name: String,
    pub(super) key: u16,
    /// The type as schema files have it.
    pub(super) type_name: String,
    /// The same for people.
    shown_type: String,
    pub(super) kind: Kind,
    /// Whether it can only be set.
    pub(super) is_volatile: bool,
    /// What it is for, line by line.
    pub(super) description: Vec<String>,
    /// What holds for it, in sentences.
    pub(super) facts: Vec<String>,
}

/// What kind of value a property or a field is: what every generator goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value without parts.
    Scalar(Scalar),
    /// Bytes of the game's own, with the name of their type.
    Custom(Option<String>),
    /// Values by name: the place in [`Model::records`].
    Record(usize),
    /// Items in an order.
    List(Box<Kind>),
    /// Values by key.
    Dict(KeyKind, Box<Kind>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Bool,
    I32,
    I64,
    F32,
    F64,
    String,
    Bytes,
    Vector2,
    Vector3,
    Quaternion,
    Color,
    DateTime,
    Uuid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    String,
    I32,
    I64,
}

impl Kind {
    /// What is in it: itself, an item, or an entry's value.
    pub(super) fn element(&self) -> &Self {
        match self {
            Self::List(of) | Self::Dict(_, of) => of,
            of => of,
        }
    }

    /// Its scalar type, if it is one.
    pub(super) fn scalar(&self) -> Option<Scalar> {
        match self {
            Self::Scalar(scalar) => Some(*scalar),
            _ => None,
        }
    }
}

impl Scalar {
    pub(super) fn of(scalar: ScalarType) -> Option<Self> {
        Some(match scalar {
            ScalarType::Bool => Self::Bool,
            ScalarType::I32 => Self::I32,
            ScalarType::I64 => Self::I64,
            ScalarType::F32 => Self::F32,
            ScalarType::F64 => Self::F64,
            ScalarType::String => Self::String,
            ScalarType::Bytes => Self::Bytes,
            ScalarType::Vector2 => Self::Vector2,
            ScalarType::Vector3 => Self::Vector3,
            ScalarType::Quaternion => Self::Quaternion,
            ScalarType::Color => Self::Color,
            ScalarType::DateTime => Self::DateTime,
            ScalarType::Uuid => Self::Uuid,
            _ => return None,
        })
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::I32 | Self::I64 | Self::F32 | Self::F64)
    }
}

impl KeyKind {
    pub(super) fn of(key: KeyType) -> Option<Self> {
        Some(match key {
            KeyType::String => Self::String,
            KeyType::I32 => Self::I32,
            KeyType::I64 => Self::I64,
            _ => return None,
        })
    }
}

impl Model {
    /// What there is to write down, or why it can't be.
    pub(super) fn new(
        schema: &Schema,
        class: String,
        namespace: Vec<String>,
        rules: &Rules,
        command: String,
    ) -> Result<Self, Vec<String>> {
        let properties = schema.properties();
        let names: Vec<_> = properties.iter().map(|property| (property.name(), property.key())).collect();
        let identifiers = names::identifiers("properties", &names, &class, rules)?;
        let mut problems = Vec::new();
        let mut items = Vec::new();
        let mut records = Records::new(rules);
        for (property, identifier) in properties.iter().zip(identifiers) {
            match records.kind(property.value_type(), property.name()) {
                Some(kind) => items.push(Item::new(property, identifier, kind)),
                None => {
                    let (name, value_type) = (property.name(), property.value_type());
                    problems.push(format!("property `{name}`: no code can be written yet for {value_type}"));
                }
            }
        }
        let (records, problems_of_records) = records.into_items();
        problems.extend(problems_of_records);
        if !problems.is_empty() {
            return Err(problems);
        }
        let json = ascii_json(&schema.to_json());
        // Escapes make it longer than the file that was read.
        if json.len() > Schema::MAX_JSON_BYTES {
            let most = Schema::MAX_JSON_BYTES;
            return Err(vec![format!("in ASCII it is {} bytes; {most} can be read back", json.len())]);
        }
        Ok(Self { class, namespace, fingerprint: schema.fingerprint(), command, json, items, records })
    }
}

impl Item {
    fn new(property: &PropertyInfo, identifier: String, kind: Kind) -> Self {
        let facts = facts(property, &kind);
        Self {
            identifier,
            name: property.name().into(),
            key: property.key(),
            type_name: property.value_type().name(),
            shown_type: shown_type(property.value_type()),
            kind,
            is_volatile: property.sync() == SyncClass::Volatile,
            description: lines(property.description().unwrap_or_default()),
            facts,
        }
    }

    /// It in one line: its name, and what it is for, or of what type it is.
    pub(super) fn summary(&self) -> String {
        let name = shown(&self.name);
        match self.description.is_empty() {
            true => format!("`{name}`: `{}`", self.shown_type),
            false => format!("`{name}`: {}", self.description.join(" ")),
        }
    }

    /// All that is told of it: what it is for, then what holds for it.
    pub(super) fn comment(&self) -> impl Iterator<Item = &str> {
        self.description.iter().chain(&self.facts).map(String::as_str)
    }
}

/// The lines of a text, by whatever a compiler may take for the end of one, without what is no text.
pub(super) fn lines(text: &str) -> Vec<String> {
    let is_end = |c| matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    // A mark that turns the direction of text would show code as something else than it is.
    let is_visible = |c: &char| {
        !(c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}'))
    };
    let visible = |line: &str| -> String {
        line.replace('\t', " ").chars().filter(is_visible).collect::<String>().trim().into()
    };
    text.split(is_end).map(visible).filter(|line| !line.is_empty()).collect()
}

/// JSON whose texts have no characters beyond ASCII.
fn ascii_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            c if c.is_ascii() => text.push(c),
            c => text.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}"))),
        }
    }
    text
}

fn facts(property: &PropertyInfo, kind: &Kind) -> Vec<String> {
    let first =
        first_fact(property.name(), property.value_type(), property.default(), property.limits(), kind);
    let mut facts = vec![first];
    if property.merge() == Merge::Sum {
        facts.push(
            "A value that is set is sent as the difference, so that the changes of all writers count.".into(),
        );
    }
    match property.sync() {
        SyncClass::Interval => {}
        SyncClass::Immediate => facts.push("Changes are sent at once.".into()),
        SyncClass::Volatile => {
            facts.push("Volatile: the latest value alone matters; never stored, and in no batches.".into());
        }
    }
    if let Some(interval) = property.interval() {
        facts.push(format!("Changes may wait for {} ms.", interval.as_millis()));
    }
    if !property.is_saved() && property.sync() != SyncClass::Volatile {
        facts.push("Not stored.".into());
    }
    let writers = match property.writers() {
        Writers::Servers => "game servers",
        Writers::Owner => "its owner and game servers",
        Writers::Master => "the master alone",
    };
    let visibility = match property.visibility() {
        Visibility::Owner => "its owner and game servers",
        Visibility::Public => "everybody",
        Visibility::Servers => "game servers",
    };
    facts.push(format!("Written by {writers}; seen by {visibility}."));
    facts
}

/// What a property or a field is called, of what type it is, and what its values keep to.
pub(super) fn first_fact(
    name: &str,
    value_type: &ValueType,
    default: &Value,
    limits: &Limits,
    kind: &Kind,
) -> String {
    let mut facts = vec![format!("`{}`: `{}`", shown(name), shown_type(value_type))];
    facts.extend(default_fact(value_type, default));
    facts.extend(limit_facts(limits, kind));
    facts.join(", ") + "."
}

/// The name of a type; without the fields of its records when they make it long.
fn shown_type(value_type: &ValueType) -> String {
    let name = value_type.name();
    match value_type {
        _ if name.len() <= LONG_TYPE_BYTES => name,
        ValueType::Record(_) => "record{...}".into(),
        ValueType::List(item) => format!("list<{}>", shown_type(item)),
        ValueType::Dict(key, value) => format!("dict<{key},{}>", shown_type(value)),
        _ => name,
    }
}

/// The value of a new profile, if it is not the usual one of its type.
fn default_fact(value_type: &ValueType, default: &Value) -> Option<String> {
    if *default == value_type.zero() {
        return None;
    }
    let text = default.to_string();
    let is_short = text.chars().count() <= 40 && !text.contains('`');
    Some(if is_short { format!("`{}` at first", shown(&text)) } else { "not empty at first".into() })
}

pub(super) fn shown(text: &str) -> String {
    lines(text).join(" ")
}

fn limit_facts(limits: &Limits, kind: &Kind) -> Vec<String> {
    let of_each = if matches!(kind, Kind::List(_) | Kind::Dict(..)) { "each " } else { "" };
    let moments = kind.element().scalar() == Some(Scalar::DateTime);
    let bound = |number: Number| match number {
        Number::Int(micros) if moments => DateTime::from_unix_micros(micros)
            .map_or_else(|_| micros.to_string(), |moment| moment.to_string()),
        number => number.to_string(),
    };
    let length = if kind.element().scalar() == Some(Scalar::Bytes) { "bytes" } else { "characters" };
    let count = if matches!(kind, Kind::Dict(..)) { "entries" } else { "items" };
    let mut told = Vec::new();
    told.extend(range(limits.min_count, limits.max_count).map(|range| format!("{range} {count}")));
    told.extend(range(limits.min.map(bound), limits.max.map(bound)).map(|range| format!("{of_each}{range}")));
    let lengths = range(limits.min_length, limits.max_length);
    told.extend(lengths.map(|range| format!("{of_each}{range} {length}")));
    told.extend(limits.pattern.iter().map(|pattern| format!("{of_each}matching `{}`", shown(pattern))));
    told.extend(range(None::<u32>, limits.max_key_length).map(|range| format!("keys of {range} characters")));
    told.extend(limits.key_pattern.iter().map(|pattern| format!("keys matching `{}`", shown(pattern))));
    if limits.finite {
        told.push(format!("{of_each}finite"));
    }
    if limits.monotonic {
        told.push("may only grow".into());
    }
    told
}

fn range(min: Option<impl ToString>, max: Option<impl ToString>) -> Option<String> {
    match (min, max) {
        (Some(min), Some(max)) => Some(format!("{} to {}", min.to_string(), max.to_string())),
        (Some(min), None) => Some(format!("at least {}", min.to_string())),
        (None, Some(max)) => Some(format!("at most {}", max.to_string())),
        (None, None) => None,
    }
}

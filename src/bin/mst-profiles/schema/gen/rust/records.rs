//! Structs of records, and what is reached by paths.

use mst_profiles::{Key, Value};

use super::super::model::{KeyKind, Kind, Scalar};
use super::super::records::{FieldItem, RecordItem};
use super::{key_type, literal, markdown, read_as, told, type_of};

const NESTED: &str = "::mst_profiles::typed::nested";

/// The module of the records; nothing when there are none.
pub(super) fn write(records: &[RecordItem]) -> String {
    if records.is_empty() {
        return String::new();
    }
    let nested = Nested { records, module: "" };
    let structs: String = records.iter().map(|record| structs(record, &nested)).collect();
    format!(
        "\n/// The records, each with what reads it in place and what changes it.\n#[rustfmt::skip]\npub mod records {{\n{structs}}}\n"
    )
}

/// How kinds are called in Rust.
pub(super) struct Nested<'r> {
    pub(super) records: &'r [RecordItem],
    /// What leads to the records.
    pub(super) module: &'static str,
}

impl Nested<'_> {
    /// What stands for it: see `mst_profiles::typed::nested::Part`.
    pub(super) fn part(&self, kind: &Kind) -> String {
        match kind {
            Kind::Scalar(scalar) => format!("{NESTED}::Scalar<{}>", type_of(*scalar)),
            Kind::Custom(_) => format!("{NESTED}::Custom"),
            Kind::Record(record) => self.record(*record, ""),
            Kind::List(of) => format!("{NESTED}::List<{}>", self.part(of)),
            Kind::Dict(key, of) => format!("{NESTED}::Dict<{}, {}>", key_type(*key), self.part(of)),
        }
    }

    /// What reads it in place.
    pub(super) fn view(&self, kind: &Kind) -> String {
        match kind {
            Kind::Scalar(scalar) => read_as(*scalar).into(),
            Kind::Custom(_) => "&'p [u8]".into(),
            Kind::Record(record) => self.record(*record, "View") + "<'p>",
            Kind::List(of) => format!("{NESTED}::ListView<'p, {}>", self.part(of)),
            Kind::Dict(key, of) => {
                format!("{NESTED}::DictView<'p, {}, {}>", key_type(*key), self.part(of))
            }
        }
    }

    /// What changes it.
    pub(super) fn changed(&self, kind: &Kind) -> String {
        match kind {
            Kind::Scalar(scalar) => format!("{NESTED}::ScalarMut<'_, {}>", type_of(*scalar)),
            Kind::Custom(_) => format!("{NESTED}::CustomMut<'_>"),
            Kind::Record(record) => self.record(*record, "Mut") + "<'_>",
            Kind::List(of) => format!("{NESTED}::ListMut<'_, {}>", self.part(of)),
            Kind::Dict(key, of) => {
                format!("{NESTED}::DictMut<'_, {}, {}>", key_type(*key), self.part(of))
            }
        }
    }

    /// It as a value of its own.
    fn owned(&self, kind: &Kind) -> String {
        match kind {
            Kind::Scalar(Scalar::String) => "::std::string::String".into(),
            Kind::Scalar(Scalar::Bytes) | Kind::Custom(_) => "::std::vec::Vec<u8>".into(),
            Kind::Scalar(scalar) => type_of(*scalar).into(),
            Kind::Record(record) => self.record(*record, ""),
            Kind::List(of) => format!("::std::vec::Vec<{}>", self.owned(of)),
            Kind::Dict(key, of) => {
                let key = match key {
                    KeyKind::String => "::std::string::String",
                    key => key_type(*key),
                };
                format!("::std::collections::BTreeMap<{key}, {}>", self.owned(of))
            }
        }
    }

    fn record(&self, record: usize, accessor: &str) -> String {
        format!("{}{}{accessor}", self.module, self.records[record].identifier)
    }

    /// The usual value of a kind.
    fn zero(&self, kind: &Kind) -> String {
        match kind {
            Kind::Scalar(Scalar::Quaternion) => "[0.0, 0.0, 0.0, 1.0]".into(),
            Kind::Scalar(Scalar::Color) => "[0, 0, 0, 255]".into(),
            Kind::Scalar(Scalar::DateTime) => "::mst_profiles::DateTime::UNIX_EPOCH".into(),
            _ => "::std::default::Default::default()".into(),
        }
    }

    /// An expression of a value.
    fn value(&self, kind: &Kind, value: &Value) -> String {
        let floats = |floats: &[f32]| {
            let each: Vec<_> = floats.iter().map(|float| f32_of(*float)).collect();
            format!("[{}]", each.join(", "))
        };
        let list = |values: Vec<String>| format!("::std::vec::Vec::from([{}])", values.join(", "));
        match (kind, value) {
            (_, Value::Bool(v)) => v.to_string(),
            (_, Value::I32(v)) => v.to_string(),
            (_, Value::I64(v)) => v.to_string(),
            (_, Value::F32(v)) => f32_of(*v),
            (_, Value::F64(v)) => format!("f64::from_bits(0x{:016x}) /* {v:?} */", v.to_bits()),
            (_, Value::String(v)) => format!("::std::string::String::from({})", literal(v)),
            (_, Value::Bytes(v)) => format!("::std::vec::Vec::<u8>::from({:?})", &**v),
            (_, Value::Vector2(v)) => floats(v),
            (_, Value::Vector3(v)) => floats(v),
            (_, Value::Quaternion(v)) => floats(&**v),
            (_, Value::Color(v)) => format!("{v:?}"),
            (_, Value::DateTime(v)) => format!(
                "::mst_profiles::DateTime::from_unix_micros({}).unwrap_or(::mst_profiles::DateTime::UNIX_EPOCH)",
                v.unix_micros()
            ),
            (_, Value::Uuid(v)) => format!("{:?}", **v),
            (_, Value::Custom(v)) => format!("::std::vec::Vec::<u8>::from({:?})", v.bytes()),
            (Kind::List(of), Value::List(items)) => {
                list(items.iter().map(|item| self.value(of, item)).collect())
            }
            (Kind::Dict(_, of), Value::Dict(entries)) => {
                let entry = |(key, value): (&Key, &Value)| {
                    let key = match key {
                        Key::Int(int) => int.to_string(),
                        key => format!("::std::string::String::from({})", literal(&key.to_string())),
                    };
                    format!("({key}, {})", self.value(of, value))
                };
                let entries: Vec<_> = entries.iter().map(entry).collect();
                format!("::std::collections::BTreeMap::from([{}])", entries.join(", "))
            }
            (Kind::Record(index), Value::Record(record)) => {
                let fields = self.records[*index].fields.iter().zip(record.values());
                let fields: Vec<_> = fields
                    .map(|(field, value)| format!("{}: {}", field.member, self.value(&field.kind, value)))
                    .collect();
                format!("{} {{ {} }}", self.record(*index, ""), fields.join(", "))
            }
            (kind, _) => self.zero(kind),
        }
    }
}

fn f32_of(float: f32) -> String {
    format!("f32::from_bits(0x{:08x}) /* {float:?} */", float.to_bits())
}

fn structs(record: &RecordItem, nested: &Nested<'_>) -> String {
    let (name, count) = (&record.identifier, record.fields.len());
    let summary = markdown(&record.summary);
    let each = |write: &dyn Fn(usize, &FieldItem) -> String| -> String {
        record.fields.iter().enumerate().map(|(place, field)| write(place, field)).collect()
    };
    let comment = |field: &FieldItem| told(&field.description, &field.fact, "        ");
    let members = each(&|_, field| {
        format!("{}        pub {}: {},\n", comment(field), field.member, nested.owned(&field.kind))
    });
    let defaults = each(&|_, field| {
        let value = match &field.default {
            Some(value) => nested.value(&field.kind, value),
            None => nested.zero(&field.kind),
        };
        format!("                {}: {value},\n", field.member)
    });
    let read = each(&|place, field| {
        format!("                {}: fields.read::<{}>({place})?,\n", field.member, nested.part(&field.kind))
    });
    let written = each(&|_, field| {
        format!("                .with::<{}>(value.{})?\n", nested.part(&field.kind), field.member)
    });
    let function = |field: &FieldItem, receiver: &str, result: String, call: String| {
        let (comment, identifier) = (comment(field), &field.identifier);
        format!(
            "\n{comment}        pub fn {identifier}({receiver}) -> {result} {{\n            {call}\n        }}\n"
        )
    };
    let readers = each(&|place, field| {
        let call = format!("self.0.view::<{}>({place})", nested.part(&field.kind));
        function(field, "&self", nested.view(&field.kind), call)
    });
    let writers = each(&|place, field| {
        let call = format!("self.0.field::<{}>({place})", nested.part(&field.kind));
        function(field, "&mut self", nested.changed(&field.kind), call)
    });
    format!(
        r"
    /// {summary}
    #[derive(Clone, Debug, PartialEq)]
    pub struct {name} {{
{members}    }}

    impl {name} {{
        /// The same of a record; `None` when that is of another type.
        #[must_use]
        pub fn from_record(record: &::mst_profiles::Record) -> ::std::option::Option<Self> {{
            <Self as {NESTED}::Part>::read(&::mst_profiles::Value::Record(record.clone()))
        }}

        /// A record of this type; `None` when that has other fields.
        #[must_use]
        pub fn to_record(&self, record_type: &::mst_profiles::RecordType) -> ::std::option::Option<::mst_profiles::Record> {{
            let of = ::mst_profiles::ValueType::Record(record_type.clone());
            match <Self as {NESTED}::Part>::write(self.clone(), &of) {{
                ::std::option::Option::Some(::mst_profiles::Value::Record(record)) => ::std::option::Option::Some(record),
                _ => ::std::option::Option::None,
            }}
        }}
    }}

    impl ::std::default::Default for {name} {{
        fn default() -> Self {{
            Self {{
{defaults}            }}
        }}
    }}

    impl {NESTED}::Part for {name} {{
        type Owned = Self;
        type Arg<'v> = Self;
        type View<'p> = {name}View<'p>;
        type Mut<'p> = {name}Mut<'p>;

        fn view(value: &::mst_profiles::Value) -> ::std::option::Option<{name}View<'_>> {{
            {NESTED}::Fields::of(value, {count}).map({name}View)
        }}

        fn read(value: &::mst_profiles::Value) -> ::std::option::Option<Self> {{
            let fields = {NESTED}::Fields::of(value, {count})?;
            ::std::option::Option::Some(Self {{
{read}            }})
        }}

        fn write(value: Self, of: &::mst_profiles::ValueType) -> ::std::option::Option<::mst_profiles::Value> {{
            {NESTED}::Values::new(of)
{written}                .record()
        }}

        fn write_owned(value: Self, of: &::mst_profiles::ValueType) -> ::std::option::Option<::mst_profiles::Value> {{
            <Self as {NESTED}::Part>::write(value, of)
        }}

        fn at(place: {NESTED}::Place<'_>) -> {name}Mut<'_> {{
            {name}Mut(place)
        }}
    }}

    /// A [`{name}`], to be read in place.
    #[derive(Clone, Copy, Debug)]
    pub struct {name}View<'p>({NESTED}::Fields<'p>);

    impl<'p> {name}View<'p> {{
        /// All of it, as a value of its own.
        #[must_use]
        pub fn get(&self) -> {name} {{
            self.0.get::<{name}>()
        }}
{readers}    }}

    /// A [`{name}`], to be changed.
    #[derive(Debug)]
    pub struct {name}Mut<'p>({NESTED}::Place<'p>);

    impl<'p> {name}Mut<'p> {{
        /// The place of the record.
        #[must_use]
        pub fn place(&self) -> &{NESTED}::Place<'p> {{
            &self.0
        }}

        /// It as this process sees it, as a value of its own; `None` when nothing is there.
        #[must_use]
        pub fn get(&self) -> ::std::option::Option<{name}> {{
            self.0.get::<{name}>()
        }}

        /// It as this process sees it, its own unconfirmed changes included; `None` when nothing is there.
        #[must_use]
        pub fn view(&self) -> ::std::option::Option<{name}View<'_>> {{
            self.0.view::<{name}>()
        }}

        /// It without this process's unconfirmed changes; `None` when nothing is there.
        #[must_use]
        pub fn confirmed(&self) -> ::std::option::Option<{name}View<'_>> {{
            self.0.confirmed::<{name}>()
        }}

        /// Sets all of it: what differs is changed, in one batch. An entry that is not there is made.
        ///
        /// # Errors
        /// As [`set_at`](::mst_profiles::Profile::set_at).
        pub fn set(&mut self, value: {name}) -> ::mst_profiles::Result<bool> {{
            self.0.set::<{name}>(value)
        }}
{writers}    }}
"
    )
}

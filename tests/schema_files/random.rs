//! Schemas and texts by chance.

use std::time::Duration;

use mst_profiles::{
    Custom, DateTime, Dict, Field, Key, KeyType, Limits, List, Merge, Number, Property, Record, RecordType,
    ScalarType, Schema, SyncClass, Value, ValueType, Visibility, Writers,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{KITCHEN_SINK, assert_equal, mistakes, read, validator};

fn scalar(scalar: ScalarType) -> BoxedStrategy<Value> {
    let f32s = || any::<u32>().prop_map(f32::from_bits);
    match scalar {
        ScalarType::Bool => any::<bool>().prop_map(Value::from).boxed(),
        ScalarType::I32 => any::<i32>().prop_map(Value::from).boxed(),
        ScalarType::I64 => any::<i64>().prop_map(Value::from).boxed(),
        ScalarType::F32 => f32s().prop_map(Value::from).boxed(),
        ScalarType::F64 => any::<u64>().prop_map(|bits| Value::from(f64::from_bits(bits))).boxed(),
        ScalarType::String => "[^\0]{0,9}".prop_map(Value::from).boxed(),
        ScalarType::Bytes => vec(any::<u8>(), 0..9).prop_map(Value::from).boxed(),
        ScalarType::Vector2 => [f32s(), f32s()].prop_map(Value::Vector2).boxed(),
        ScalarType::Vector3 => [f32s(), f32s(), f32s()].prop_map(Value::Vector3).boxed(),
        ScalarType::Quaternion => [f32s(), f32s(), f32s(), f32s()].prop_map(Value::from).boxed(),
        ScalarType::Color => any::<[u8; 4]>().prop_map(Value::Color).boxed(),
        ScalarType::DateTime => (DateTime::MIN.unix_micros()..=DateTime::MAX.unix_micros())
            .prop_map(|micros| Value::from(DateTime::from_unix_micros(micros).unwrap()))
            .boxed(),
        ScalarType::Uuid => any::<[u8; 16]>().prop_map(Value::from).boxed(),
        other => panic!("a type without a strategy: {other}"),
    }
}

fn value(value_type: ValueType) -> BoxedStrategy<Value> {
    match value_type {
        ValueType::List(item) => vec(value((*item).clone()), 0..4)
            .prop_map(move |items| Value::from(List::from_items(&*item, items).unwrap()))
            .boxed(),
        ValueType::Dict(key_type, item) => {
            let keys = match key_type {
                KeyType::String => "[^\0]{0,5}".prop_map(Key::from).boxed(),
                KeyType::I32 => any::<i32>().prop_map(|key| Key::from(i64::from(key))).boxed(),
                _ => any::<i64>().prop_map(Key::from).boxed(),
            };
            btree_map(keys, value((*item).clone()), 0..4)
                .prop_map(move |entries| Value::from(Dict::from_entries(key_type, &*item, entries).unwrap()))
                .boxed()
        }
        ValueType::Scalar(of) => scalar(of),
        ValueType::Custom(name) => vec(any::<u8>(), 0..9)
            .prop_map(move |bytes| Value::from(Custom::new(name.as_deref(), bytes)))
            .boxed(),
        ValueType::Record(record) => {
            let fields = record.fields().iter().map(|field| match *field.limits() == Limits::default() {
                true => value(field.value_type().clone()),
                false => Just(field.default().clone()).boxed(),
            });
            let values = fields.collect::<Vec<_>>();
            values
                .prop_map(move |values| {
                    let names = record.fields().iter().map(|field| field.name());
                    Value::from(Record::new(&record, names.zip(values)).unwrap())
                })
                .boxed()
        }
        other => panic!("a type without a strategy: {other}"),
    }
}

/// Limits that go with the value and that it keeps to; of those that there may be, the ones that are asked for.
fn limits(value: &Value, asked: [bool; 11]) -> Limits {
    let mut asked = asked.into_iter();
    let mut asked = || asked.next().unwrap();
    let mut limits = Limits::default();
    let number = match value {
        Value::I32(v) => Some(Number::from(*v)),
        Value::I64(v) => Some(Number::from(*v)),
        Value::F32(v) if !v.is_nan() => Some(Number::from(f64::from(*v))),
        Value::F64(v) if !v.is_nan() => Some(Number::from(*v)),
        Value::DateTime(v) => Some(Number::from(*v)),
        _ => None,
    };
    limits.min = number.filter(|_| asked());
    limits.max = number.filter(|_| asked());
    limits.monotonic = number.is_some() && asked();
    let finite =
        [value.as_float().unwrap_or(f64::NAN), f64::from(f32::MAX)].iter().all(|float| float.is_finite());
    limits.finite = finite && asked();
    let value_type = value.value_type();
    let element = value_type.element().scalar();
    if matches!(element, Some(ScalarType::String | ScalarType::Bytes)) {
        limits.min_length = asked().then_some(0);
        limits.max_length = asked().then_some(u32::MAX);
    }
    if element == Some(ScalarType::String) && asked() {
        limits.pattern = Some(r#"^(?s:.*)$|"\\/ é"#.into());
    }
    let count = value.as_list().map(List::len).or(value.as_dict().map(Dict::len)).map(|count| count as u32);
    limits.min_count = count.filter(|_| asked());
    limits.max_count = count.filter(|_| asked());
    if matches!(value.value_type(), ValueType::Dict(KeyType::String, _)) {
        limits.max_key_length = asked().then_some(5);
        limits.key_pattern = asked().then(|| "".into());
    }
    limits
}

/// Types within one another.
fn value_type() -> impl Strategy<Value = ValueType> {
    let flat = select(ValueType::all().collect::<Vec<_>>());
    let custom = select(["custom", "custom<item>"].map(|name| ValueType::from_name(name).unwrap()).to_vec());
    prop_oneof![3 => flat, 1 => custom].prop_recursive(3, 8, 3, |inner| {
        let fields = vec(inner.clone().prop_flat_map(field), 1..4);
        // Few names, so that several types have one.
        let names = option::of(select(vec!["quest", "step", "record_2"]));
        let record = (names, fields, option::of("\\PC{0,9}")).prop_map(|(name, fields, description)| {
            let fields = fields.into_iter().enumerate();
            let fields = fields.map(|(place, (default, limits, description))| {
                let field = Field::new(&format!("f{place}"), default).limits(limits);
                description.into_iter().fold(field, |field: Field, text: String| field.description(&text))
            });
            let record = name.map_or_else(
                || RecordType::new(fields.clone()),
                |name| RecordType::named(name, fields.clone()),
            );
            let record = record.unwrap();
            ValueType::from(description.into_iter().fold(record, |record, text| record.describe(&text)))
        });
        prop_oneof![
            2 => record,
            1 => inner.clone().prop_map(ValueType::list),
            1 => (select(KeyType::ALL), inner).prop_map(|(key, value)| ValueType::dict(key, value)),
        ]
    })
}

/// The default, limits and description of a field. Half of them have nothing to be said of them.
fn field(value_type: ValueType) -> impl Strategy<Value = (Value, Limits, Option<String>)> {
    let zero = Just((value_type.zero(), Limits::default(), None));
    let more = (value(value_type), any::<[bool; 11]>(), option::of("\\PC{0,9}"))
        .prop_map(|(default, asked, description)| (default.clone(), limits(&default, asked), description));
    prop_oneof![zero, more]
}

prop_compose! {
    /// A property, and whether the name of its place in the schema leads to its key.
    fn property(place: u16)(
        value_type in value_type(),
    )(
        default in value(value_type),
        name in "[^$#\\pC][^\\pC]{0,20}",
        has_key in any::<bool>(),
        writers in select(vec![Writers::Servers, Writers::Owner, Writers::Master]),
        visibility in select(vec![Visibility::Owner, Visibility::Public, Visibility::Servers]),
        merge in select(vec![Merge::Last, Merge::Sum]),
        sync in select(vec![SyncClass::Interval, SyncClass::Immediate, SyncClass::Volatile]),
        interval_ms in select(vec![0_u64, 1, 3_600_000]),
        saved in any::<bool>(),
        aliases in 0..3_usize,
        description in option::of("\\PC{0,20}\n?"),
        asked in any::<[bool; 11]>(),
    ) -> Property {
        let limits = limits(&default, asked);
        let name = format!("{name}{place}");
        let sums = matches!(default, Value::I32(_) | Value::I64(_) | Value::F32(_) | Value::F64(_));
        let blind = writers == Writers::Owner && visibility == Visibility::Servers;
        let aliases: Vec<_> = (0..aliases).map(|nth| format!("{name}.{nth}")).collect();
        let scalar = matches!(default.value_type(), ValueType::Scalar(_));
        let sync = if scalar { sync } else { SyncClass::Interval };
        let merge = if sync == SyncClass::Volatile { Merge::Last } else { merge };
        let interval_ms = if sync == SyncClass::Interval { interval_ms } else { 0 };
        let mut property = Property::new(&name, default)
            .writers(writers)
            .visibility(if blind { Visibility::Public } else { visibility })
            .merge(if sums { merge } else { Merge::Last })
            .sync(sync)
            .interval(Duration::from_millis(interval_ms))
            .saved(saved)
            .limits(limits)
            .aliases(aliases.iter().map(String::as_str));
        if let Some(description) = description {
            property = property.description(&description);
        }
        if has_key { property.key(place) } else { property }
    }
}

/// What a hasty hand does to a text.
#[derive(Clone, Debug)]
enum Edit {
    Remove(Index, usize),
    Insert(Index, String),
    Replace(Index, Index),
    Copy(Index, usize, Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let tokens = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u",
        "0",
        "-",
        "1e400",
        ".5",
        "true",
        "null",
        "//",
        "/*",
        " ",
        "\n",
        "\0",
        "\u{feff}",
        "\u{a0}",
        "é",
        "😀",
        "\"name\"",
        "\"type\"",
        "\"key\":7,",
        "\"limits\":{}",
        "\"min\":",
        "\"i32\"",
        "\"list<i32>\"",
        "\"mission\"",
        "\"list<mission_step>\"",
        "record{a:",
        "dict<i32,",
        "\"default\":[",
        "9223372036854775808",
        "'",
    ];
    let token = prop_oneof![4 => select(tokens.to_vec()).prop_map(String::from), 1 => ".{0,3}"];
    prop_oneof![
        (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        (any::<Index>(), token).prop_map(|(at, token)| Edit::Insert(at, token)),
        (any::<Index>(), any::<Index>()).prop_map(|(at, by)| Edit::Replace(at, by)),
        (any::<Index>(), 1..200_usize, any::<Index>())
            .prop_map(|(from, length, to)| Edit::Copy(from, length, to)),
    ]
}

fn apply(text: &str, edit: &Edit) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    if chars.is_empty() {
        return text.into();
    }
    let end = |from: usize, length: usize| (from + length).min(chars.len());
    match edit {
        Edit::Remove(at, length) => {
            let at = at.index(chars.len());
            chars.drain(at..end(at, *length));
        }
        Edit::Insert(at, token) => {
            let at = at.index(chars.len());
            chars.splice(at..at, token.chars());
        }
        Edit::Replace(at, by) => {
            let by = chars[by.index(chars.len())];
            let at = at.index(chars.len());
            chars[at] = by;
        }
        Edit::Copy(from, length, to) => {
            let from = from.index(chars.len());
            let copy = chars[from..end(from, *length)].to_vec();
            let to = to.index(chars.len());
            chars.splice(to..to, copy);
        }
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_schema_that_is_written_reads_back_equal(
        properties in (0..5_u16).prop_flat_map(|count| (0..count).map(property).collect::<Vec<_>>())
    ) {
        let builder = properties.into_iter().fold(Schema::builder(), |builder, next| builder.property(next));
        // Keys may collide.
        if let Ok(schema) = builder.build() {
            let text = schema.to_json();
            prop_assert_eq!(mistakes(&text), "", "{}", text);
            assert_equal(&Schema::from_json(&text).unwrap(), &schema);
        }
    }

    #[test]
    fn a_file_by_a_hasty_hand_is_a_schema_or_has_mistakes(edits in vec(edit(), 1..4)) {
        let text = edits.iter().fold(read(KITCHEN_SINK), |text, edit| apply(&text, edit));
        let said = mistakes(&text);
        let lines: Vec<_> = text.split('\n').collect();
        for mistake in Schema::check_json(&text) {
            prop_assert!(mistake.line <= lines.len(), "{}", mistake);
            let columns = lines[mistake.line - 1].trim_start_matches('\u{feff}').chars().count() + 1;
            prop_assert!(mistake.column <= columns.max(1), "{}", mistake);
        }
        match serde_json::from_str::<serde_json::Value>(&text) {
            // Whatever is read is JSON by another reader, too.
            Err(error) => prop_assert!(!said.is_empty(), "{}", error),
            Ok(json) if said.is_empty() => {
                let error = validator().validate(&json).map_err(|error| format!("{}: {error}", error.instance_path()));
                prop_assert_eq!(error, Ok(()));
            }
            Ok(_) => {}
        }
    }

    #[test]
    fn any_text_is_a_schema_or_has_mistakes(text in "\\PC{0,60}|[\\[\\]{}\",:\\\\0-9a-z \\s]{0,60}") {
        mistakes(&text);
    }
}

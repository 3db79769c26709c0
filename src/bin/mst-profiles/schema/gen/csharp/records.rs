//! Classes of records, and what is reached by paths.

use mst_profiles::{Key, Value};

use super::super::model::{Kind, Scalar};
use super::super::records::{FieldItem, RecordItem};
use super::{comment, key_type, literal, safe, type_of};

/// The class that holds the records; nothing when there are none.
pub(super) fn write(nested: &Nested<'_>) -> String {
    if nested.records.is_empty() {
        return String::new();
    }
    let classes: Vec<String> = nested.records.iter().map(|record| classes(record, nested)).collect();
    let classes = classes.join("\n");
    format!(
        "\n        /// <summary>The records, each with what reads and changes it in place.</summary>\n        public static class \
         Records\n        {{\n{classes}        }}\n"
    )
}

/// How kinds are called in C#.
pub(super) struct Nested<'r> {
    pub(super) records: &'r [RecordItem],
    /// What leads to the records.
    pub(super) scope: &'r str,
}

impl Nested<'_> {
    /// What stands for it at a place.
    pub(super) fn part(&self, kind: &Kind) -> String {
        match kind {
            Kind::Scalar(scalar) => {
                let part = if scalar.is_number() { "NumberPlace" } else { "ScalarPlace" };
                let (of, in_c) = type_of(*scalar);
                format!("MstTyped.{part}<{of}, {in_c}>")
            }
            Kind::Custom(_) => "MstTyped.ScalarPlace<byte[], MstTyped.Custom>".into(),
            Kind::Record(record) => self.record(*record) + "Place",
            Kind::List(of) => format!("MstTyped.ListPlace<{}, {}>", self.value_type(of), self.part(of)),
            Kind::Dict(key, of) => {
                let ((key, key_in_c), value, part) = (key_type(*key), self.value_type(of), self.part(of));
                format!("MstTyped.DictPlace<{key}, {value}, {key_in_c}, {part}>")
            }
        }
    }

    /// It as a value.
    fn value_type(&self, kind: &Kind) -> String {
        match kind {
            Kind::Scalar(scalar) => type_of(*scalar).0.into(),
            Kind::Custom(_) => "byte[]".into(),
            Kind::Record(record) => self.record(*record),
            Kind::List(of) => format!("global::System.Collections.Generic.List<{}>", self.value_type(of)),
            Kind::Dict(key, of) => {
                let (key, value) = (key_type(*key).0, self.value_type(of));
                format!("global::System.Collections.Generic.Dictionary<{key}, {value}>")
            }
        }
    }

    fn record(&self, record: usize) -> String {
        format!("{}{}", self.scope, self.records[record].identifier)
    }

    /// The usual value of a kind; nothing when it is that of the language.
    fn zero(&self, kind: &Kind) -> Option<String> {
        Some(match kind {
            Kind::Scalar(Scalar::String) => "\"\"".into(),
            Kind::Scalar(Scalar::Bytes) | Kind::Custom(_) => "new byte[0]".into(),
            Kind::Scalar(Scalar::Quaternion) => "new MstTyped.Quaternion(0, 0, 0, 1)".into(),
            Kind::Scalar(Scalar::Color) => "new MstTyped.Color(0, 0, 0)".into(),
            Kind::Scalar(Scalar::DateTime) => moment(0),
            Kind::Scalar(_) => return None,
            kind => format!("new {}()", self.value_type(kind)),
        })
    }

    /// An expression of a value.
    fn value(&self, kind: &Kind, value: &Value) -> String {
        let name = self.value_type(kind);
        let floats = |floats: &[f32]| {
            let each: Vec<_> = floats.iter().map(|float| f32_of(*float)).collect();
            format!("new {name}({})", each.join(", "))
        };
        let numbers = |bytes: &[u8]| bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        match (kind, value) {
            (_, Value::Bool(v)) => v.to_string(),
            (_, Value::I32(v)) => v.to_string(),
            (_, Value::I64(v)) => v.to_string(),
            (_, Value::F32(v)) => f32_of(*v),
            (_, Value::F64(v)) if v.is_finite() => format!("{v:?}"),
            (_, Value::F64(v)) => not_finite("double", *v),
            (_, Value::String(v)) => literal(v),
            (_, Value::Vector2(v)) => floats(v),
            (_, Value::Vector3(v)) => floats(v),
            (_, Value::Quaternion(v)) => floats(&**v),
            (_, Value::Color(v)) => format!("new {name}({})", numbers(v)),
            (_, Value::DateTime(v)) => moment(v.unix_micros()),
            (_, Value::Uuid(v)) => {
                let (a, b, c) = (&v[..4], u16::from_be_bytes([v[4], v[5]]), u16::from_be_bytes([v[6], v[7]]));
                let a = a.iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
                format!("new {name}({a}u, {b}, {c}, {})", numbers(&v[8..]))
            }
            (_, Value::Bytes(v)) => format!("new byte[] {{ {} }}", numbers(v)),
            (_, Value::Custom(v)) => format!("new byte[] {{ {} }}", numbers(v.bytes())),
            (Kind::List(of), Value::List(items)) => {
                let items: Vec<_> = items.iter().map(|item| self.value(of, item)).collect();
                format!("new {name} {{ {} }}", items.join(", "))
            }
            (Kind::Dict(_, of), Value::Dict(entries)) => {
                let entry = |(key, value): (&Key, &Value)| {
                    let key = match key {
                        Key::Int(int) => int.to_string(),
                        key => literal(&key.to_string()),
                    };
                    format!("{{ {key}, {} }}", self.value(of, value))
                };
                let entries: Vec<_> = entries.iter().map(entry).collect();
                format!("new {name} {{ {} }}", entries.join(", "))
            }
            (Kind::Record(index), Value::Record(record)) => {
                let fields = self.records[*index].fields.iter().zip(record.values());
                let fields: Vec<_> = fields
                    .map(|(field, value)| format!("{} = {}", field.member, self.value(&field.kind, value)))
                    .collect();
                format!("new {name} {{ {} }}", fields.join(", "))
            }
            (kind, _) => self.zero(kind).unwrap_or_else(|| "0".into()),
        }
    }
}

fn moment(unix_micros: i64) -> String {
    let ticks = 621_355_968_000_000_000 + unix_micros * 10;
    format!("new global::System.DateTime({ticks}, global::System.DateTimeKind.Utc)")
}

fn f32_of(float: f32) -> String {
    if float.is_finite() { format!("{float:?}f") } else { not_finite("float", f64::from(float)) }
}

fn not_finite(name: &str, float: f64) -> String {
    match float {
        float if float.is_nan() => format!("{name}.NaN"),
        float if float > 0.0 => format!("{name}.PositiveInfinity"),
        _ => format!("{name}.NegativeInfinity"),
    }
}

fn classes(record: &RecordItem, nested: &Nested<'_>) -> String {
    let name = &record.identifier;
    let scoped = format!("{}{name}", nested.scope);
    let each = |write: &dyn Fn(&FieldItem) -> String| -> String { record.fields.iter().map(write).collect() };
    let told = |field: &FieldItem| comment(&field.description, &field.fact, "                ");
    let members = each(&|field| {
        let value = match &field.default {
            Some(value) => Some(nested.value(&field.kind, value)),
            None => nested.zero(&field.kind),
        };
        let value = value.map_or_else(String::new, |value| format!(" = {value}"));
        let value_type = nested.value_type(&field.kind);
        format!("{}                public {value_type} {}{value};\n", told(field), field.member)
    });
    let accessors = each(&|field| {
        let (part, name, identifier) = (nested.part(&field.kind), literal(&field.name), &field.identifier);
        format!(
            "\n{}                public {part} {identifier}\n                {{\n                    get {{ return new \
             {part}(place.Field({name})); }}\n                }}\n",
            told(field)
        )
    });
    let read = each(&|field| {
        let (part, name, member) = (nested.part(&field.kind), literal(&field.name), &field.member);
        format!(
            "                    if (result == MstNative.MstResult.MST_OK)\n                    {{\n                        result = \
             new {part}(place.Field({name})).TryGet(out read.{member});\n                    }}\n"
        )
    });
    let written = each(&|field| {
        let (part, name, member) = (nested.part(&field.kind), literal(&field.name), &field.member);
        format!(
            "                    json.Name({name});\n                    default({part}).Write(json, value.{member});\n"
        )
    });
    let summary = safe(&record.summary);
    format!(
        r"            /// <summary>{summary}</summary>
            public sealed class {name}
            {{
{members}            }}

            /// <summary>What reads and changes it in place.</summary>
            public struct {name}Place : MstTyped.IPart<{scoped}>
            {{
                private MstTyped.Place place;

                public {name}Place(MstTyped.Place place) {{ this.place = place; }}

                /// <summary>The property's index in its schema, as events have it.</summary>
                public uint Index {{ get {{ return place.Index; }} }}

                /// <summary>Whether a change of this process to the property is not confirmed yet.</summary>
                public bool IsPending {{ get {{ return place.IsPending; }} }}

                /// <summary>All of it, as this process sees it.</summary>
                public {scoped} Value
                {{
                    get {{ return MstTyped.Places.Value<{scoped}, {scoped}Place>(this); }}
                }}
{accessors}
                /// <summary>Reads all of it, field by field: on a thread where nothing changes it meanwhile.</summary>
                public MstNative.MstResult TryGet(out {scoped} value)
                {{
                    var read = new {scoped}();
                    MstNative.MstResult result = MstNative.MstResult.MST_OK;
{read}                    value = result == MstNative.MstResult.MST_OK ? read : null;
                    return result;
                }}

                /// <summary>Sets all of it: what differs is changed, in one batch. An entry that is not there is made. See
                /// <c>mst_profile_set_json_at</c>.</summary>
                public MstNative.MstResult Set({scoped} value)
                {{
                    var json = new MstTyped.JsonText();
                    Write(json, value);
                    return place.Set(json);
                }}

                public void Stand(MstTyped.Place place) {{ this.place = place; }}

                public MstNative.MstResult InsertInto(MstTyped.Place list, uint item, {scoped} value)
                {{
                    var json = new MstTyped.JsonText();
                    Write(json, value);
                    return list.Insert(item, json);
                }}

                public void Write(MstTyped.JsonText json, {scoped} value)
                {{
                    MstTyped.Places.Given(value);
                    json.Open('{{');
{written}                    json.Close('}}');
                }}
            }}
"
    )
}

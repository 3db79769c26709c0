//! Structs of records, and what is reached by paths.

use mst_profiles::{Key, Value};

use super::super::model::{Kind, Scalar};
use super::super::records::{FieldItem, RecordItem};
use super::{comment, key_type, literal, safe, type_of};

/// The namespace of the records; nothing when there are none.
pub(super) fn write(class: &str, nested: &Nested<'_>) -> String {
    if nested.records.is_empty() {
        return String::new();
    }
    let structs: String = nested.records.iter().map(|record| structs(record, nested)).collect();
    format!(
        "\n/** The records, each with what reads and changes it in place. */\nnamespace {class}Records {{\n{structs}\n}} // namespace \
         {class}Records\n"
    )
}

/// How kinds are called in C++.
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
                let part = if scalar.is_number() { "NumberAt" } else { "ScalarAt" };
                format!("::mst::typed::{part}<{}>", type_of(*scalar))
            }
            Kind::Custom(_) => "::mst::typed::CustomAt".into(),
            Kind::Record(record) => self.record(*record) + "Place",
            Kind::List(of) => format!("::mst::typed::ListAt<{}>", self.part(of)),
            Kind::Dict(key, of) => format!("::mst::typed::DictAt<{}, {}>", key_type(*key), self.part(of)),
        }
    }

    /// It as a value.
    fn value_type(&self, kind: &Kind) -> String {
        match kind {
            Kind::Scalar(scalar) => type_of(*scalar).into(),
            Kind::Custom(_) => type_of(Scalar::Bytes).into(),
            Kind::Record(record) => self.record(*record),
            Kind::List(of) => format!("std::vector<{}>", self.value_type(of)),
            Kind::Dict(key, of) => format!("std::map<{}, {}>", key_type(*key), self.value_type(of)),
        }
    }

    fn record(&self, record: usize) -> String {
        format!("{}{}", self.scope, self.records[record].identifier)
    }

    /// An expression of a value.
    fn value(&self, kind: &Kind, value: &Value) -> String {
        let name = self.value_type(kind);
        let floats = |floats: &[f32]| {
            let each: Vec<_> = floats.iter().map(|float| f32_of(*float)).collect();
            format!("{name}({})", each.join(", "))
        };
        let numbers = |bytes: &[u8]| bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        match (kind, value) {
            (_, Value::Bool(v)) => v.to_string(),
            (_, Value::I32(v)) => int_of(i64::from(*v)),
            (_, Value::I64(v)) => int_of(*v),
            (_, Value::F32(v)) => f32_of(*v),
            (_, Value::F64(v)) => f64_of(*v),
            (_, Value::String(v)) => literal(v),
            (_, Value::Vector2(v)) => floats(v),
            (_, Value::Vector3(v)) => floats(v),
            (_, Value::Quaternion(v)) => floats(&**v),
            (_, Value::Color(v)) => format!("{name}({})", numbers(v)),
            (_, Value::DateTime(v)) => format!("{name}({})", int_of(v.unix_micros())),
            (_, Value::Uuid(v)) => format!("{name}({{{}}})", numbers(&**v)),
            (_, Value::Bytes(v)) => format!("{name}{{{}}}", numbers(v)),
            (_, Value::Custom(v)) => format!("{name}{{{}}}", numbers(v.bytes())),
            (Kind::List(of), Value::List(items)) => {
                let items: Vec<_> = items.iter().map(|item| self.value(of, item)).collect();
                format!("{name}{{{}}}", items.join(", "))
            }
            (Kind::Dict(_, of), Value::Dict(entries)) => {
                let entry = |(key, value): (&Key, &Value)| {
                    let key = match key {
                        Key::Int(int) => int_of(*int),
                        key => literal(&key.to_string()),
                    };
                    format!("{{{key}, {}}}", self.value(of, value))
                };
                let entries: Vec<_> = entries.iter().map(entry).collect();
                format!("{name}{{{}}}", entries.join(", "))
            }
            (Kind::Record(index), Value::Record(record)) => {
                let fields = self.records[*index].fields.iter().zip(record.values());
                let fields: String = fields
                    .map(|(field, value)| {
                        format!("v.{} = {}; ", field.member, self.value(&field.kind, value))
                    })
                    .collect();
                format!("[] {{ {name} v; {fields}return v; }}()")
            }
            _ => format!("{name}()"),
        }
    }
}

fn int_of(int: i64) -> String {
    match int {
        i64::MIN => "(-9223372036854775807LL - 1)".into(),
        int if i32::try_from(int).is_ok_and(|int| int > i32::MIN) => int.to_string(),
        int => format!("{int}LL"),
    }
}

fn f32_of(float: f32) -> String {
    if float.is_finite() { format!("{float:?}f") } else { not_finite("float", f64::from(float)) }
}

fn f64_of(float: f64) -> String {
    if float.is_finite() { format!("{float:?}") } else { not_finite("double", float) }
}

fn not_finite(name: &str, float: f64) -> String {
    match float {
        float if float.is_nan() => format!("std::numeric_limits<{name}>::quiet_NaN()"),
        float if float > 0.0 => format!("std::numeric_limits<{name}>::infinity()"),
        _ => format!("-std::numeric_limits<{name}>::infinity()"),
    }
}

fn structs(record: &RecordItem, nested: &Nested<'_>) -> String {
    let name = &record.identifier;
    let each = |write: &dyn Fn(&FieldItem) -> String| -> String { record.fields.iter().map(write).collect() };
    let told = |field: &FieldItem| {
        let lines: Vec<&str> =
            field.description.iter().map(String::as_str).chain([field.fact.as_str()]).collect();
        comment(&lines, "    ")
    };
    let members = each(&|field| {
        let value_type = nested.value_type(&field.kind);
        let value = match &field.default {
            Some(value) => nested.value(&field.kind, value),
            None => format!("{value_type}()"),
        };
        format!("{}    {value_type} {} = {value};\n", told(field), field.member)
    });
    let written = each(&|field| {
        let (part, name, member) = (nested.part(&field.kind), literal(&field.name), &field.member);
        format!("        json_.Name({name});\n        {part}::Write(json_, this->{member});\n")
    });
    let read = each(&|field| {
        let (part, name, member) = (nested.part(&field.kind), literal(&field.name), &field.member);
        format!(
            "        if (result_ == MST_OK)\n            result_ = {part}(place_.Field({name})).Get(this->{member});\n"
        )
    });
    let accessors = each(&|field| {
        let (part, name, identifier) = (nested.part(&field.kind), literal(&field.name), &field.identifier);
        format!(
            "\n{}    {part} {identifier}() const\n    {{\n        return {part}(place_.Field({name}));\n    }}\n",
            told(field)
        )
    });
    let summary = safe(&record.summary);
    let scoped = format!("{}{name}", nested.scope);
    format!(
        r"
/** {summary} */
struct {name} {{
{members}
    /** Writes it as JSON. */
    void WriteTo(::mst::typed::Json &json_) const
    {{
        json_.Open('{{');
{written}        json_.Close('}}');
    }}

    /** Reads what stands at a place, field by field. */
    MstResult ReadFrom(const ::mst::typed::Place &place_)
    {{
        MstResult result_ = MST_OK;
{read}        return result_;
    }}
}};

/** What reads and changes it in place. */
class {name}Place : public ::mst::typed::RecordAt<{scoped}> {{
public:
    explicit {name}Place(const ::mst::typed::Place &place) : ::mst::typed::RecordAt<{scoped}>(place) {{}}
{accessors}}};
"
    )
}

//! Records: values by name.

use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::types::{is_built_in, is_identifier};
use super::{Value, ValueType};
use crate::error::{Error, Result};
use crate::limits::{MAX_FIELD_NAME_BYTES, MAX_FIELDS, MAX_NESTING, MAX_PROFILE_BYTES, MAX_TYPE_FIELDS};
use crate::schema::{Limits, Rules};

/// A field of a record, as it is declared.
#[derive(Clone, Debug)]
#[must_use]
pub struct Field {
    name: Arc<str>,
    default: Value,
    limits: Limits,
    aliases: Vec<Arc<str>>,
    description: Option<Arc<str>>,
}

impl Field {
    /// A field whose type is that of its default.
    pub fn new(name: &str, default: impl Into<Value>) -> Self {
        Self {
            name: Arc::from(name),
            default: default.into(),
            limits: Limits::default(),
            aliases: Vec::new(),
            description: None,
        }
    }

    /// A field with the zero of a type as its default.
    pub fn of_type(name: &str, value_type: impl Into<ValueType>) -> Self {
        Self::new(name, value_type.into().zero())
    }

    /// Declares what its values must keep to.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Declares names that it had before, under which stored records may have it.
    pub fn aliases<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.aliases = names.into_iter().map(Arc::from).collect();
        self
    }

    /// Says what it is for.
    pub fn description(mut self, text: &str) -> Self {
        self.description = Some(Arc::from(text));
        self
    }
}

/// A field of a record type.
#[derive(Clone, Debug)]
pub struct FieldInfo {
    name: Arc<str>,
    value_type: ValueType,
    default: Value,
    rules: Rules,
    aliases: Vec<Arc<str>>,
    description: Option<Arc<str>>,
}

impl FieldInfo {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its type.
    #[must_use]
    pub fn value_type(&self) -> &ValueType {
        &self.value_type
    }

    /// The value that it has in a record of which nothing is said.
    #[must_use]
    pub fn default(&self) -> &Value {
        &self.default
    }

    /// What its values must keep to.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.rules.limits()
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Names that it had before.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.aliases.iter().map(|name| &**name)
    }

    /// What it is for.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }
}

/// The type of records with these fields. Two are equal when the names and types of their fields are, in their order; what else
/// is declared, and the name, are no part of it.
#[derive(Clone)]
pub struct RecordType(Arc<TypeBody>);

#[derive(Clone)]
struct TypeBody {
    name: Option<Arc<str>>,
    description: Option<Arc<str>>,
    fields: Vec<FieldInfo>,
    depth: usize,
    /// The fields, with those of all records in it.
    total: usize,
}

impl RecordType {
    /// The type of records with these fields.
    ///
    /// # Errors
    /// [`Error::InvalidSchema`] for no fields or more than [`MAX_FIELDS`], for a name that is used twice or is not made of ASCII
    /// letters, digits and `_`, for limits that don't go with the field's type or that its default is against, for more than [`MAX_NESTING`] records,
    /// lists and dictionaries within one another, and for more than [`MAX_TYPE_FIELDS`] fields in all of them.
    pub fn new(fields: impl IntoIterator<Item = Field>) -> Result<Self> {
        Self::declared(None, fields, true)
    }

    /// The type of which nothing more is known than names and types, as another peer or the journal names it. Its defaults are
    /// zeros, which need not be values of a type of the game's own.
    pub(super) fn of_zeros(fields: impl IntoIterator<Item = Field>) -> Result<Self> {
        Self::declared(None, fields, false)
    }

    /// The same with a name, by which schema files know it. It is ASCII letters, digits and `_`, and not the name of a type that
    /// there is anyway, such as `i32`. On the network a type is what it is made of, whatever it is called.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::InvalidSchema`] for such a name.
    pub fn named(name: &str, fields: impl IntoIterator<Item = Field>) -> Result<Self> {
        check_type_name(name).map_err(|reason| Error::InvalidSchema { reason })?;
        Self::declared(Some(Arc::from(name)), fields, true)
    }

    /// Says what such a record is.
    #[must_use]
    pub fn describe(mut self, text: &str) -> Self {
        Arc::make_mut(&mut self.0).description = Some(Arc::from(text));
        self
    }

    fn declared(
        name: Option<Arc<str>>,
        fields: impl IntoIterator<Item = Field>,
        checked: bool,
    ) -> Result<Self> {
        let fields: Vec<Field> = fields.into_iter().collect();
        let invalid = |reason: String| Err(Error::InvalidSchema { reason });
        if fields.is_empty() || fields.len() > MAX_FIELDS {
            return invalid(format!("a record with {} fields: it has 1 to {MAX_FIELDS}", fields.len()));
        }
        let mut names = HashSet::new();
        let mut infos = Vec::with_capacity(fields.len());
        for field in &fields {
            let Field { name, default, limits, aliases, description } = field.clone();
            if !is_identifier(&name) {
                return invalid(format!("the field `{name}`: a name has ASCII letters, digits and `_`"));
            }
            if !names.insert(name.clone()) {
                return invalid(format!("the field `{name}` is declared twice"));
            }
            let value_type = default.value_type();
            if let Some((member, reason)) = limits.mistakes(&value_type).into_iter().next() {
                return invalid(format!("the field `{name}`: {member} {reason}"));
            }
            if default.size() > MAX_PROFILE_BYTES {
                return invalid(format!(
                    "the field `{name}`: its default alone is larger than a profile may be"
                ));
            }
            if checked {
                default.check(|| format!("the default of the field `{name}`"))?;
            }
            let rules = Rules::new(limits);
            let info = FieldInfo { name, value_type, default, rules, aliases, description };
            if checked
                && let Err(error) = info.rules.check_default(&info.name, &info.value_type, &info.default)
            {
                return invalid(format!(
                    "the field `{}`: the default is against the limits: {error}",
                    info.name
                ));
            }
            infos.push(info);
        }
        for (field, alias) in
            infos.iter().flat_map(|field| field.aliases.iter().map(move |alias| (field, alias)))
        {
            let name = &field.name;
            if !is_identifier(alias) {
                return invalid(format!(
                    "the field `{name}`: its alias `{alias}`: a name has ASCII letters, digits and `_`"
                ));
            }
            if !names.insert(alias.clone()) {
                return invalid(format!("the field `{name}`: its alias `{alias}` is declared twice"));
            }
        }
        let depth = 1 + infos.iter().map(|field| field.value_type.depth()).max().unwrap_or(0);
        if depth > MAX_NESTING {
            return invalid(format!(
                "{depth} records, lists and dictionaries within one another, not {MAX_NESTING}"
            ));
        }
        let total = infos.iter().map(|field| 1 + field.value_type.total_fields()).sum();
        if total > MAX_TYPE_FIELDS {
            return invalid(format!("{total} fields in a record and those within it, not {MAX_TYPE_FIELDS}"));
        }
        Ok(Self(Arc::new(TypeBody { name, description: None, fields: infos, depth, total })))
    }

    /// The name that it was given.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// What such a record is.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// Its fields, in their order.
    #[must_use]
    pub fn fields(&self) -> &[FieldInfo] {
        &self.0.fields
    }

    /// The place and the description of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<(usize, &FieldInfo)> {
        self.fields().iter().enumerate().find(|(_, field)| *field.name == *name)
    }

    /// Where records of this type have what another type calls this field: under its name, or one that it had before.
    pub(super) fn stored_field(&self, field: &FieldInfo) -> Option<usize> {
        let names = std::iter::once(field.name()).chain(field.aliases());
        names.filter_map(|name| self.field(name)).map(|(place, _)| place).next()
    }

    /// The record of its fields' defaults.
    #[must_use]
    pub fn zero(&self) -> Record {
        Record::of(self.clone(), self.fields().iter().map(|field| field.default.clone()).collect())
    }

    pub(crate) fn depth(&self) -> usize {
        self.0.depth
    }

    /// How many fields it has, with those of all records in it.
    pub(super) fn total_fields(&self) -> usize {
        self.0.total
    }

    /// Whether all that was declared is the same.
    pub(crate) fn is_declared_as(&self, other: &Self) -> bool {
        let same = |(a, b): (&FieldInfo, &FieldInfo)| {
            (&a.name, &a.default, &a.aliases, &a.description)
                == (&b.name, &b.default, &b.aliases, &b.description)
                && a.limits() == b.limits()
                && a.value_type.is_declared_as(&b.value_type)
        };
        Arc::ptr_eq(&self.0, &other.0)
            || ((&self.0.name, &self.0.description) == (&other.0.name, &other.0.description)
                && self.fields().len() == other.fields().len()
                && self.fields().iter().zip(other.fields()).all(same))
    }
}

/// Checks the name of a record type.
pub(crate) fn check_type_name(name: &str) -> Result<(), String> {
    if !is_identifier(name) {
        return Err(format!(
            "the type `{name}`: a name has 1 to {MAX_FIELD_NAME_BYTES} ASCII letters, digits and `_`"
        ));
    }
    match is_built_in(name) {
        true => Err(format!("the type `{name}`: that is the name of another type")),
        false => Ok(()),
    }
}

impl PartialEq for RecordType {
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&FieldInfo, &FieldInfo)| a.name == b.name && a.value_type == b.value_type;
        Arc::ptr_eq(&self.0, &other.0)
            || (self.fields().len() == other.fields().len()
                && self.fields().iter().zip(other.fields()).all(same))
    }
}

impl Eq for RecordType {}

impl Hash for RecordType {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for field in self.fields() {
            (&field.name, &field.value_type).hash(state);
        }
    }
}

impl fmt::Debug for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("record{")?;
        for (place, field) in self.fields().iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            write!(f, "{comma}{}:{}", field.name, field.value_type)?;
        }
        f.write_str("}")
    }
}

/// Values by name. A copy shares its contents until one of the two changes.
#[derive(Clone)]
pub struct Record(Arc<Contents>);

#[derive(Clone)]
struct Contents {
    record_type: RecordType,
    values: Vec<Value>,
    /// The sum of the values' sizes.
    size: usize,
}

impl Record {
    /// A record of a type with these values of fields; of fields that are not named it has the defaults.
    ///
    /// # Errors
    /// [`Error::NoSuchPlace`] for a name that no field has; [`Error::InvalidArgument`] for a value of another type than its
    /// field's.
    pub fn new<'n>(
        record_type: &RecordType,
        fields: impl IntoIterator<Item = (&'n str, Value)>,
    ) -> Result<Self> {
        let mut values: Vec<Value> = record_type.fields().iter().map(|field| field.default.clone()).collect();
        for (name, value) in fields {
            let (place, field) = record_type.field(name).ok_or_else(|| Error::NoSuchPlace {
                property: Arc::from(record_type.to_string()),
                place: name.into(),
            })?;
            if !value.is_of(&field.value_type) {
                let reason =
                    format!("the field `{name}` is {}, not {}", field.value_type, value.value_type());
                return Err(Error::InvalidArgument { argument: "fields", reason });
            }
            values[place] = value;
        }
        Ok(Self::of(record_type.clone(), values))
    }

    /// A record of values that are of its fields' types, in their order.
    pub(crate) fn of(record_type: RecordType, values: Vec<Value>) -> Self {
        let size = values.iter().map(Value::size).sum();
        Self(Arc::new(Contents { record_type, values, size }))
    }

    /// Its type.
    #[must_use]
    pub fn record_type(&self) -> &RecordType {
        &self.0.record_type
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.values.get(self.record_type().field(name)?.0)
    }

    /// The values of its fields, in their order.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.0.values
    }

    pub(crate) fn size(&self) -> usize {
        self.0.size
    }

    /// Changes a field, which is there.
    pub(crate) fn modify<R>(&mut self, field: usize, change: impl FnOnce(&mut Value) -> R) -> R {
        let contents = Arc::make_mut(&mut self.0);
        let value = &mut contents.values[field];
        let before = value.size();
        let result = change(value);
        contents.size = contents.size - before + value.size();
        result
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.record_type() == other.record_type() && self.values() == other.values())
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.record_type().fields().iter().map(|field| &field.name);
        f.debug_map().entries(names.zip(self.values())).finish()
    }
}

//! One property: as it is declared, and as part of a built schema.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::limits::Rules;
use super::{Limits, Number, Relation, property_key};
use crate::error::Error;
use crate::value::{Dict, KeyType, List, Value, ValueType};

/// Who may see a property, beside the master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// The profile's owner and game servers.
    #[default]
    Owner,
    /// Everybody who observes the profile.
    Public,
    /// Game servers alone.
    Servers,
}

/// Who may write a property, beside the master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Writers {
    /// Game servers.
    #[default]
    Servers,
    /// The profile's owner and game servers.
    Owner,
    /// The master alone.
    Master,
}

/// How concurrent writes of a number merge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Merge {
    /// The last one stands.
    #[default]
    Last,
    /// Assigning a value sends the difference to what was shown, so that all writers' changes count. Of floating-point
    /// numbers the sum may differ from the value assigned by rounding.
    Sum,
}

/// When changes of a property travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncClass {
    /// With the next flush of the endpoint's, and then of the master's interval.
    #[default]
    Interval,
    /// At once, with all that was changed before.
    Immediate,
    /// At each tick by datagram, and once more when it is quiet, so that the last value arrives. For what changes all the time
    /// and of which only the latest value matters, such as a position: it is never stored, has no part in batches, and can only
    /// be set. Scalars alone.
    Volatile,
}

/// One property of a schema, as it is declared.
#[derive(Clone, Debug)]
#[must_use]
pub struct Property {
    /// `None` for one that is declared by its key alone.
    pub(super) name: Option<Arc<str>>,
    pub(super) key: Option<u16>,
    pub(super) default: Value,
    pub(super) attributes: Attributes,
}

/// What is said of a property beside its name, key and type.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Attributes {
    pub(crate) writers: Writers,
    pub(crate) visibility: Visibility,
    pub(crate) merge: Merge,
    pub(crate) sync: SyncClass,
    pub(crate) interval_ms: u32,
    pub(crate) unsaved: bool,
    pub(crate) limits: Limits,
    pub(crate) aliases: Vec<Arc<str>>,
    pub(crate) description: Option<Arc<str>>,
}

impl Property {
    /// A property whose type is that of its default.
    pub fn new(name: &str, default: impl Into<Value>) -> Self {
        Self {
            name: Some(Arc::from(name)),
            key: None,
            default: default.into(),
            attributes: Attributes::default(),
        }
    }

    /// A property with the zero of a type as its default.
    pub fn of_type(name: &str, value_type: impl Into<ValueType>) -> Self {
        Self::new(name, value_type.into().zero())
    }

    /// A list, at first empty.
    pub fn list(name: &str, item: impl Into<ValueType>) -> Self {
        Self::new(name, List::new(item))
    }

    /// A dictionary, at first empty.
    pub fn dict(name: &str, key: KeyType, value: impl Into<ValueType>) -> Self {
        Self::new(name, Dict::new(key, value))
    }

    /// A property that is known by its key alone. A client or game server whose schema has one is told all names, limits
    /// and rights by the master; such a schema is no good for a master.
    pub fn with_key(key: u16, default: impl Into<Value>) -> Self {
        Self { name: None, key: Some(key), default: default.into(), attributes: Attributes::default() }
    }

    /// Declares who may write it; game servers unless told.
    pub fn writers(mut self, writers: Writers) -> Self {
        self.attributes.writers = writers;
        self
    }

    /// Declares who may see it; the owner and game servers unless told.
    pub fn visibility(mut self, visibility: Visibility) -> Self {
        self.attributes.visibility = visibility;
        self
    }

    /// Gives it a key of its own instead of its name's hash, which resolves a collision.
    pub fn key(mut self, key: u16) -> Self {
        self.key = Some(key);
        self
    }

    /// Declares how concurrent writes merge; the last one stands unless told.
    pub fn merge(mut self, merge: Merge) -> Self {
        self.attributes.merge = merge;
        self
    }

    /// Declares when changes travel; at the next interval unless told.
    pub fn sync(mut self, sync: SyncClass) -> Self {
        self.attributes.sync = sync;
        self
    }

    /// Declares how long its changes may wait, up to the master and once more down to the observers, when that is not to be
    /// the endpoint's and the master's own interval. What is sent sooner for another reason takes them along. In whole
    /// milliseconds, up to an hour; zero is none of its own.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.attributes.interval_ms = u32::try_from(interval.as_millis()).unwrap_or(u32::MAX);
        self
    }

    /// Declares whether it is stored; it is unless told. One that is not has its default again when the profile was out of
    /// the master's memory.
    pub fn saved(mut self, saved: bool) -> Self {
        self.attributes.unsaved = !saved;
        self
    }

    /// Declares all limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.attributes.limits = limits;
        self
    }

    /// Declares the range of its numbers.
    pub fn range<N: Into<Number>>(mut self, range: RangeInclusive<N>) -> Self {
        let (min, max) = range.into_inner();
        self.attributes.limits.min = Some(min.into());
        self.attributes.limits.max = Some(max.into());
        self
    }

    /// Declares the greatest length of its texts, in Unicode characters, or of its `bytes`.
    pub fn max_length(mut self, length: u32) -> Self {
        self.attributes.limits.max_length = Some(length);
        self
    }

    /// Declares the greatest number of items or entries.
    pub fn max_count(mut self, count: u32) -> Self {
        self.attributes.limits.max_count = Some(count);
        self
    }

    /// Declares names that it had before.
    pub fn aliases<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.attributes.aliases = names.into_iter().map(Arc::from).collect();
        self
    }

    /// Says what it is for.
    pub fn description(mut self, text: &str) -> Self {
        self.attributes.description = Some(Arc::from(text));
        self
    }

    /// The key it will have.
    pub(super) fn effective_key(&self) -> u16 {
        self.key.unwrap_or_else(|| self.name.as_deref().map_or(0, property_key))
    }

    /// The name it will have; of one that is known by its key alone, `#` and the key.
    pub(super) fn effective_name(&self) -> Arc<str> {
        self.name.clone().unwrap_or_else(|| Arc::from(format!("#{}", self.effective_key())))
    }

    pub(super) fn into_info(self) -> PropertyInfo {
        PropertyInfo::new(self.effective_name(), self.effective_key(), self.default, self.attributes)
    }
}

/// A property of a built schema.
#[derive(Clone, Debug)]
pub struct PropertyInfo {
    name: Arc<str>,
    key: u16,
    default: Value,
    value_type: ValueType,
    attributes: Attributes,
    rules: Rules,
    /// Whether the master does not have it.
    absent: bool,
}

impl PropertyInfo {
    pub(super) fn new(name: Arc<str>, key: u16, default: Value, attributes: Attributes) -> Self {
        Self {
            name,
            key,
            value_type: default.value_type(),
            default,
            rules: Rules::new(attributes.limits.clone()),
            attributes,
            absent: false,
        }
    }

    /// The same property as the master knows it: with its name, rights and limits.
    pub(super) fn described(&self, name: Arc<str>, attributes: Attributes) -> Self {
        Self::new(name, self.key, self.default.clone(), attributes)
    }

    /// The same property of another master.
    pub(super) fn at_master(&self, is_there: bool) -> Self {
        Self { absent: !is_there, ..self.clone() }
    }

    /// Whether the master has it, as far as this process was told: of the schema of a client or a game server
    /// ([`Endpoint::schema`](crate::Endpoint::schema)) that is connected. A property that a newer schema of the master does not have any
    /// more stays as it is, and can't be changed.
    #[must_use]
    pub fn is_at_master(&self) -> bool {
        !self.absent
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its 16-bit key: the hash of its name unless given.
    #[must_use]
    pub fn key(&self) -> u16 {
        self.key
    }

    /// Its type.
    #[must_use]
    pub fn value_type(&self) -> &ValueType {
        &self.value_type
    }

    /// The value of a new profile.
    #[must_use]
    pub fn default(&self) -> &Value {
        &self.default
    }

    /// Who may write it, beside the master.
    #[must_use]
    pub fn writers(&self) -> Writers {
        self.attributes.writers
    }

    /// Who may see it, beside the master.
    #[must_use]
    pub fn visibility(&self) -> Visibility {
        self.attributes.visibility
    }

    /// How concurrent writes merge.
    #[must_use]
    pub fn merge(&self) -> Merge {
        self.attributes.merge
    }

    /// When changes travel.
    #[must_use]
    pub fn sync(&self) -> SyncClass {
        self.attributes.sync
    }

    /// How long its changes may wait, if that is not the endpoint's and the master's own interval.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        let own = Some(self.attributes.interval_ms).filter(|ms| *ms > 0);
        own.map(|ms| Duration::from_millis(ms.into()))
    }

    pub(crate) fn is_volatile(&self) -> bool {
        self.attributes.sync == SyncClass::Volatile
    }

    /// Whether it is stored. What is volatile is not.
    #[must_use]
    pub fn is_saved(&self) -> bool {
        !self.attributes.unsaved && !self.is_volatile()
    }

    /// What its values must keep to.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.attributes.limits
    }

    /// Names that it had before.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.attributes.aliases.iter().map(|name| &**name)
    }

    /// What it is for.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.attributes.description.as_deref()
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether its values have to be within limits or in an order.
    pub(crate) fn has_rules(&self) -> bool {
        self.rules.any()
    }

    /// The error of using it as something else.
    pub(crate) fn wrong_type(&self, found: impl Into<String>) -> Error {
        self.slot().wrong_type(found)
    }

    pub(crate) fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    pub(crate) fn writable_by(&self, relation: Relation) -> bool {
        !self.absent
            && match self.writers() {
                Writers::Master => relation == Relation::Master,
                Writers::Servers => matches!(relation, Relation::Server | Relation::Master),
                Writers::Owner => relation != Relation::OtherClient,
            }
    }

    pub(crate) fn visible_to(&self, relation: Relation) -> bool {
        !self.absent
            && match self.visibility() {
                Visibility::Public => true,
                Visibility::Owner => relation != Relation::OtherClient,
                Visibility::Servers => matches!(relation, Relation::Server | Relation::Master),
            }
    }
}

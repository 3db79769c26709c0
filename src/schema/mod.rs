//! What a profile is made of: properties with names, keys, types, defaults, limits and rights.

mod diff;
mod file;
mod key;
mod limits;
mod property;
mod slot;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

pub use self::diff::{PropertyChange, SchemaChange};
pub use self::file::SchemaMistake;
pub use self::key::property_key;
pub(crate) use self::limits::Rules;
pub use self::limits::{Limits, Number};
pub(crate) use self::property::Attributes;
pub use self::property::{Merge, Property, PropertyInfo, SyncClass, Visibility, Writers};
pub(crate) use self::slot::{Part, Slot};
use crate::error::{Error, Result};
use crate::limits::{MAX_NAME_BYTES, MAX_PROPERTIES, MAX_PROPERTY_INTERVAL, MAX_USER_ID_BYTES};
use crate::value::ValueType;

/// The place of a property in its schema, from 0; the fast way to name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PropertyIndex(pub(crate) u16);

impl PropertyIndex {
    /// The place, from 0.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }

    pub(crate) fn usize(self) -> usize {
        usize::from(self.0)
    }
}

/// What somebody is to a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// The client whose profile it is.
    Owner,
    /// Another client.
    OtherClient,
    /// A game server.
    Server,
    /// The code of the master's own process.
    Master,
}

impl Relation {
    pub(crate) fn who(self) -> &'static str {
        match self {
            Self::Owner => "the owner",
            Self::OtherClient => "another player",
            Self::Server => "a game server",
            Self::Master => "the master",
        }
    }
}

/// The properties of a profile. Immutable, and shared by all profiles made of it.
#[derive(Debug)]
pub struct Schema {
    properties: Vec<PropertyInfo>,
    by_name: HashMap<Arc<str>, PropertyIndex>,
    by_key: HashMap<u16, PropertyIndex>,
    by_alias: HashMap<Arc<str>, PropertyIndex>,
    /// By the key of an alias; none for one that several have.
    by_old_key: HashMap<u16, Option<PropertyIndex>>,
    fingerprint: u64,
}

impl Schema {
    /// Starts a schema.
    ///
    /// ```
    /// use mst_profiles::{Property, Schema, Writers};
    /// let schema = Schema::builder()
    ///     .property(Property::new("level", 1))
    ///     .property(Property::new("title", "Novice").writers(Writers::Owner))
    ///     .build()?;
    /// assert_eq!(schema.index_of("title")?.get(), 1);
    /// # Ok::<(), mst_profiles::Error>(())
    /// ```
    pub fn builder() -> SchemaBuilder {
        SchemaBuilder { properties: Vec::new() }
    }

    /// Its properties, in the order of their declaration.
    #[must_use]
    pub fn properties(&self) -> &[PropertyInfo] {
        &self.properties
    }

    /// The property at `index`, which must be of this schema.
    #[must_use]
    pub fn property(&self, index: PropertyIndex) -> &PropertyInfo {
        &self.properties[index.usize()]
    }

    /// The property with this name.
    ///
    /// # Errors
    /// [`Error::UnknownProperty`].
    pub fn index_of(&self, name: &str) -> Result<PropertyIndex> {
        self.by_name.get(name).copied().ok_or_else(|| Error::UnknownProperty { name: name.into() })
    }

    /// The property that has this name, or had it once.
    #[cfg_attr(not(feature = "master"), allow(dead_code))]
    pub(crate) fn index_of_stored(&self, name: &str) -> Option<PropertyIndex> {
        self.by_name.get(name).or_else(|| self.by_alias.get(name)).copied()
    }

    /// The property with this 16-bit key.
    ///
    /// # Errors
    /// [`Error::UnknownPropertyNumber`].
    pub fn index_of_key(&self, key: u16) -> Result<PropertyIndex> {
        (self.by_key.get(&key).copied())
            .ok_or(Error::UnknownPropertyNumber { what: "key", number: u32::from(key) })
    }

    /// The property that had a name with this key once.
    #[cfg_attr(not(feature = "master"), allow(dead_code))]
    pub(crate) fn index_of_old_key(&self, key: u16) -> Option<PropertyIndex> {
        self.by_old_key.get(&key).copied().flatten()
    }

    /// The property at this place.
    ///
    /// # Errors
    /// [`Error::UnknownPropertyNumber`].
    pub fn index(&self, place: u32) -> Result<PropertyIndex> {
        match u16::try_from(place) {
            Ok(index) if usize::from(index) < self.properties.len() => Ok(PropertyIndex(index)),
            _ => Err(Error::UnknownPropertyNumber { what: "index", number: place }),
        }
    }

    pub(crate) fn indexes(&self) -> impl Iterator<Item = PropertyIndex> + use<> {
        (0..self.properties.len() as u16).map(PropertyIndex)
    }

    /// A hash of everything that two roles must agree on. Equal schemas have equal fingerprints.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Whether some of its properties are known by their keys alone, so that the master has to say the rest.
    #[must_use]
    pub fn is_view(&self) -> bool {
        self.properties.iter().any(|p| p.name().starts_with('#'))
    }

    /// The same properties as the master knows them, in the same order.
    pub(crate) fn described(&self, described: Vec<(Arc<str>, Attributes)>) -> Arc<Self> {
        let described = self.properties.iter().zip(described).map(|(p, (name, attributes))| {
            // What the master does not have it can't name.
            let name = if name.starts_with('#') { p.shared_name().clone() } else { name };
            p.described(name, attributes)
        });
        Arc::new(Self::of(described.collect()))
    }

    /// The same properties, of which the master does not have some.
    pub(crate) fn at_master(&self, is_there: impl Fn(PropertyIndex) -> bool) -> Arc<Self> {
        let properties = self.indexes().map(|index| self.property(index).at_master(is_there(index)));
        Arc::new(Self::of(properties.collect()))
    }

    /// A schema of properties that were checked.
    fn of(properties: Vec<PropertyInfo>) -> Self {
        let indexes = || (0_u16..).map(PropertyIndex);
        let by_name = properties.iter().map(|p| p.shared_name().clone()).zip(indexes()).collect();
        let by_key = properties.iter().map(PropertyInfo::key).zip(indexes()).collect();
        let aliases = |(p, index): (&PropertyInfo, PropertyIndex)| {
            p.attributes().aliases.iter().map(|alias| (alias.clone(), index)).collect::<Vec<_>>()
        };
        let mut by_old_key: HashMap<u16, Option<PropertyIndex>> = HashMap::new();
        for (property, index) in properties.iter().zip(indexes()) {
            for alias in property.aliases() {
                let known = by_old_key.entry(property_key(alias)).or_insert(Some(index));
                *known = known.filter(|known| *known == index);
            }
        }
        let by_alias = properties.iter().zip(indexes()).flat_map(aliases).collect();
        let mut hash = Sha256::new();
        for property in &properties {
            hash.update((property.name().len() as u64).to_le_bytes());
            hash.update(property.name().as_bytes());
            hash.update(property.key().to_le_bytes());
            match property.value_type().code() {
                Some(code) => hash.update(code.to_le_bytes()),
                None => {
                    let name = property.value_type().name();
                    hash.update((name.len() as u64 + 0x1_0000).to_le_bytes());
                    hash.update(name);
                }
            }
            hash.update([property.writers() as u8, property.visibility() as u8, property.merge() as u8]);
        }
        let mut fingerprint = [0; 8];
        fingerprint.copy_from_slice(&hash.finalize()[..8]);
        let fingerprint = u64::from_le_bytes(fingerprint);
        Self { properties, by_name, by_key, by_alias, by_old_key, fingerprint }
    }
}

/// Collects the properties of a [`Schema`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct SchemaBuilder {
    properties: Vec<Property>,
}

impl SchemaBuilder {
    /// Adds a property.
    pub fn property(mut self, property: Property) -> Self {
        self.properties.push(property);
        self
    }

    /// Adds a property in place.
    pub fn add(&mut self, property: Property) {
        self.properties.push(property);
    }

    /// Checks the properties and makes the schema of them.
    ///
    /// # Errors
    /// [`Error::InvalidSchema`], [`Error::InvalidName`], [`Error::DuplicateName`], [`Error::KeyCollision`], [`Error::TooManyProperties`], and
    /// what makes a default unusable: [`Error::TooLong`], [`Error::InvalidText`].
    pub fn build(self) -> Result<Arc<Schema>> {
        match self.mistakes().into_iter().next() {
            Some(mistake) => Err(mistake.error),
            None => Ok(Arc::new(Schema::of(self.properties.into_iter().map(Property::into_info).collect()))),
        }
    }

    /// Everything that is wrong with the properties.
    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        if self.properties.len() > MAX_PROPERTIES {
            let error = Error::TooManyProperties { count: self.properties.len() };
            mistakes.push(Mistake::new(MAX_PROPERTIES, None, error));
        }
        let mut names: HashMap<Arc<str>, usize> = HashMap::with_capacity(self.properties.len());
        let mut keys: HashMap<u16, usize> = HashMap::with_capacity(self.properties.len());
        for (place, property) in self.properties.iter().enumerate() {
            let name = property.effective_name();
            if let Some(Err(error)) = property.name.as_deref().map(check_name) {
                mistakes.push(Mistake::new(place, Some("name"), error));
            }
            match names.entry(name.clone()) {
                // Its key collides too, which says nothing more.
                Entry::Occupied(first) => {
                    let error = Error::DuplicateName { name: name.clone() };
                    mistakes.push(Mistake::new(place, Some("name"), error).because_of(*first.get()));
                }
                Entry::Vacant(entry) => {
                    entry.insert(place);
                    let key = property.effective_key();
                    let first = *keys.entry(key).or_insert(place);
                    if first != place {
                        let member = if property.key.is_some() { "key" } else { "name" };
                        let (first_name, second) = (self.properties[first].effective_name(), name.clone());
                        let error = Error::KeyCollision { first: first_name, second, key };
                        mistakes.push(Mistake::new(place, Some(member), error).because_of(first));
                    }
                }
            }
            let mut mistake = |member, error| mistakes.push(Mistake::new(place, Some(member), error));
            let invalid =
                |reason: String| Error::InvalidSchema { reason: format!("property `{name}`: {reason}") };
            let attributes = &property.attributes;
            if attributes.writers == Writers::Owner && attributes.visibility == Visibility::Servers {
                mistake("see", invalid("its owner may write it, but not see it".into()));
            }
            let value_type = property.default.value_type();
            let summable = matches!(value_type, ValueType::Scalar(scalar) if scalar.is_number());
            if attributes.merge == Merge::Sum && !summable {
                mistake("merge", invalid(format!("only numbers can be summed, not {value_type}")));
            }
            let interval = Duration::from_millis(attributes.interval_ms.into());
            if attributes.interval_ms > 0 && attributes.sync != SyncClass::Interval {
                mistake("interval_ms", invalid("only changes that wait have an interval".into()));
            } else if interval > MAX_PROPERTY_INTERVAL {
                let longest = MAX_PROPERTY_INTERVAL.as_millis();
                mistake("interval_ms", invalid(format!("an interval is {longest} ms at most")));
            }
            if attributes.sync == SyncClass::Volatile {
                let reason = match value_type {
                    ValueType::Scalar(_) if attributes.merge == Merge::Sum => Some("one that is summed"),
                    ValueType::Scalar(_) => None,
                    _ => Some("what has parts or is the game's own"),
                };
                if let Some(what) = reason {
                    mistake("sync", invalid(format!("{what} can't be volatile")));
                }
            }
            let limit_mistakes = attributes.limits.mistakes(&value_type);
            let bad_limits = !limit_mistakes.is_empty();
            for (member, reason) in limit_mistakes {
                mistake(member, invalid(format!("{member} {reason}")));
            }
            if let Err(error) = property.default.check(|| format!("the default of property `{name}`")) {
                mistake("default", error);
            } else if !bad_limits
                && let Err(error) = property.clone().into_info().slot().check(&property.default)
            {
                let error = error.to_string();
                let reason = error.strip_prefix(&format!("property `{name}`: ")).unwrap_or(&error);
                mistake("default", invalid(format!("the default is against the limits: {reason}")));
            }
        }
        for (place, property) in self.properties.iter().enumerate() {
            for (nth, alias) in property.attributes.aliases.iter().enumerate() {
                let mistake =
                    |error| Mistake { alias: Some(nth), ..Mistake::new(place, Some("aliases"), error) };
                match (check_name(alias), names.get(alias)) {
                    (Err(error), _) => mistakes.push(mistake(error)),
                    (Ok(()), Some(first)) => {
                        let error = Error::DuplicateName { name: alias.clone() };
                        mistakes.push(mistake(error).because_of(*first));
                    }
                    (Ok(()), None) => drop(names.insert(alias.clone(), place)),
                }
            }
        }
        mistakes
    }
}

/// Something that is wrong with a schema.
pub(crate) struct Mistake {
    /// The place of the property among those declared.
    pub(crate) property: usize,
    /// The member of its entry in a schema file.
    pub(crate) member: Option<&'static str>,
    /// Which of the aliases it is, if it is one.
    pub(crate) alias: Option<usize>,
    /// The place of the property that has the name or key already.
    pub(crate) first: Option<usize>,
    pub(crate) error: Error,
}

impl Mistake {
    fn new(property: usize, member: Option<&'static str>, error: Error) -> Self {
        Self { property, member, alias: None, first: None, error }
    }

    fn because_of(self, first: usize) -> Self {
        Self { first: Some(first), ..self }
    }
}

fn check_name(name: &str) -> Result<()> {
    let invalid = |reason| Err(Error::InvalidName { name: name.into(), reason });
    if name.is_empty() {
        return invalid("is empty");
    }
    if name.len() > MAX_NAME_BYTES {
        return invalid("is longer than 128 bytes");
    }
    if name.chars().any(char::is_control) {
        return invalid("has a control character");
    }
    if name.starts_with(['$', '#']) {
        return invalid("begins with `$` or `#`, which are reserved");
    }
    Ok(())
}

/// Checks a user id: 1 to 128 bytes without control characters.
pub(crate) fn check_user_id(user: &str) -> Result<()> {
    let invalid = |reason| {
        let shown = user.chars().take(MAX_USER_ID_BYTES).collect();
        Err(Error::InvalidUserId { user: shown, reason })
    };
    if user.is_empty() {
        return invalid("is empty");
    }
    if user.len() > MAX_USER_ID_BYTES {
        return invalid("is longer than 128 bytes");
    }
    if user.chars().any(char::is_control) {
        return invalid("has a control character");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first two short names that share a key.
    fn colliding_names() -> (String, String) {
        let mut seen = HashMap::new();
        for i in 0.. {
            let name = format!("p{i}");
            if let Some(first) = seen.insert(property_key(&name), name.clone()) {
                return (first, name);
            }
        }
        unreachable!()
    }

    #[test]
    fn a_collision_names_both_and_an_explicit_key_resolves_it() {
        let (first, second) = colliding_names();
        let both = || Schema::builder().property(Property::new(&first, 0));
        let error = both().property(Property::new(&second, 0)).build().unwrap_err();
        assert_eq!(error.code(), crate::ErrorCode::KeyCollision);
        assert!(error.to_string().contains(&first) && error.to_string().contains(&second), "{error}");
        let schema = both().property(Property::new(&second, 0).key(7)).build().unwrap();
        assert_eq!(schema.index_of_key(7).unwrap().get(), 1);
    }

    #[test]
    fn bad_names_and_defaults_are_refused() {
        for name in ["", "a\nb", "$mst", &"x".repeat(129)] {
            let error = Schema::builder().property(Property::new(name, 0)).build().unwrap_err();
            assert!(matches!(error, Error::InvalidName { .. }), "{name:?}: {error}");
        }
        let twice = Schema::builder().property(Property::new("a", 0)).property(Property::new("a", 0));
        assert!(matches!(twice.build(), Err(Error::DuplicateName { .. })));
        let blind = Property::new("a", 0).writers(Writers::Owner).visibility(Visibility::Servers);
        assert!(matches!(Schema::builder().property(blind).build(), Err(Error::InvalidSchema { .. })));
        let nul = Schema::builder().property(Property::new("a", "x\0y"));
        assert!(matches!(nul.build(), Err(Error::InvalidText { .. })));
    }

    #[test]
    fn the_fingerprint_follows_what_roles_must_agree_on() {
        let print = |property: Property| Schema::builder().property(property).build().unwrap().fingerprint();
        let base = print(Property::new("a", 0));
        assert_eq!(base, print(Property::new("a", 5)));
        assert_ne!(base, print(Property::new("b", 0)));
        assert_ne!(base, print(Property::new("a", 0_i64)));
        assert_ne!(base, print(Property::new("a", 0).key(1)));
        assert_ne!(base, print(Property::new("a", 0).writers(Writers::Owner)));
        assert_ne!(base, print(Property::new("a", 0).visibility(Visibility::Public)));
    }
}

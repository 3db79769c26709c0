//! What a profile is made of: properties with names, keys, types, defaults and rights.

mod file;
mod key;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use sha2::{Digest, Sha256};

pub use self::key::property_key;
use crate::error::{Error, Result};
use crate::limits::{MAX_NAME_BYTES, MAX_PROPERTIES, MAX_USER_ID_BYTES};
use crate::value::{Value, ValueType};

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

/// What somebody is to a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// The client whose profile it is.
    Owner,
    /// Another client.
    OtherClient,
    /// A game server.
    Server,
}

impl Relation {
    pub(crate) fn who(self) -> &'static str {
        match self {
            Self::Owner => "the owner",
            Self::OtherClient => "another player",
            Self::Server => "a game server",
        }
    }
}

/// One property of a schema, as it is declared.
#[derive(Clone, Debug)]
#[must_use]
pub struct Property {
    name: Arc<str>,
    key: u16,
    default: Value,
    writers: Writers,
    visibility: Visibility,
}

impl Property {
    /// A property whose type is that of its default.
    pub fn new(name: &str, default: impl Into<Value>) -> Self {
        Self {
            name: Arc::from(name),
            key: property_key(name),
            default: default.into(),
            writers: Writers::default(),
            visibility: Visibility::default(),
        }
    }

    /// Declares who may write it; game servers unless told.
    pub fn writers(mut self, writers: Writers) -> Self {
        self.writers = writers;
        self
    }

    /// Declares who may see it; the owner and game servers unless told.
    pub fn visibility(mut self, visibility: Visibility) -> Self {
        self.visibility = visibility;
        self
    }

    /// Gives it a key of its own instead of its name's hash, which resolves a collision.
    pub fn key(mut self, key: u16) -> Self {
        self.key = key;
        self
    }
}

/// A property of a built schema.
#[derive(Debug)]
pub struct PropertyInfo {
    name: Arc<str>,
    key: u16,
    default: Value,
    writers: Writers,
    visibility: Visibility,
}

impl PropertyInfo {
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
    pub fn value_type(&self) -> ValueType {
        self.default.value_type()
    }

    /// The value of a new profile.
    #[must_use]
    pub fn default(&self) -> &Value {
        &self.default
    }

    /// Who may write it, beside the master.
    #[must_use]
    pub fn writers(&self) -> Writers {
        self.writers
    }

    /// Who may see it, beside the master.
    #[must_use]
    pub fn visibility(&self) -> Visibility {
        self.visibility
    }

    pub(crate) fn writable_by(&self, relation: Relation) -> bool {
        match self.writers {
            Writers::Master => false,
            Writers::Servers => relation == Relation::Server,
            Writers::Owner => relation != Relation::OtherClient,
        }
    }

    pub(crate) fn visible_to(&self, relation: Relation) -> bool {
        match self.visibility {
            Visibility::Public => true,
            Visibility::Owner => relation != Relation::OtherClient,
            Visibility::Servers => relation == Relation::Server,
        }
    }
}

/// The properties of a profile. Immutable, and shared by all profiles made of it.
#[derive(Debug)]
pub struct Schema {
    properties: Vec<PropertyInfo>,
    by_name: HashMap<Arc<str>, PropertyIndex>,
    by_key: HashMap<u16, PropertyIndex>,
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

    /// The property with this 16-bit key.
    ///
    /// # Errors
    /// [`Error::UnknownPropertyNumber`].
    pub fn index_of_key(&self, key: u16) -> Result<PropertyIndex> {
        (self.by_key.get(&key).copied())
            .ok_or(Error::UnknownPropertyNumber { what: "key", number: u32::from(key) })
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
        if self.properties.len() > MAX_PROPERTIES {
            return Err(Error::TooManyProperties { count: self.properties.len() });
        }
        let mut by_name = HashMap::with_capacity(self.properties.len());
        let mut by_key: HashMap<u16, PropertyIndex> = HashMap::with_capacity(self.properties.len());
        let mut hash = Sha256::new();
        for (place, property) in self.properties.iter().enumerate() {
            check_name(&property.name)?;
            if property.writers == Writers::Owner && property.visibility == Visibility::Servers {
                let reason = format!("property `{}`: its owner may write it, but not see it", property.name);
                return Err(Error::InvalidSchema { reason });
            }
            property.default.check(|| format!("the default of `{}`", property.name))?;
            let index = PropertyIndex(place as u16);
            match by_name.entry(property.name.clone()) {
                Entry::Occupied(_) => return Err(Error::DuplicateName { name: property.name.clone() }),
                Entry::Vacant(entry) => entry.insert(index),
            };
            if let Some(first) = by_key.insert(property.key, index) {
                return Err(Error::KeyCollision {
                    first: self.properties[first.usize()].name.clone(),
                    second: property.name.clone(),
                    key: property.key,
                });
            }
            hash.update((property.name.len() as u64).to_le_bytes());
            hash.update(property.name.as_bytes());
            hash.update(property.key.to_le_bytes());
            hash.update([
                property.default.value_type() as u8,
                property.writers as u8,
                property.visibility as u8,
            ]);
        }
        let mut fingerprint = [0; 8];
        fingerprint.copy_from_slice(&hash.finalize()[..8]);
        let properties = self
            .properties
            .into_iter()
            .map(|p| PropertyInfo {
                name: p.name,
                key: p.key,
                default: p.default,
                writers: p.writers,
                visibility: p.visibility,
            })
            .collect();
        Ok(Arc::new(Schema { properties, by_name, by_key, fingerprint: u64::from_le_bytes(fingerprint) }))
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
    if name.starts_with('$') {
        return invalid("begins with `$`, which is reserved");
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

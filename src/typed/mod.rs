//! Typed views of profiles: what the code is made of that `mst-profiles schema gen --lang rust` writes.
//!
//! That code declares the properties of one schema ([`Declared`]) and has a function for each of them, over a [`View`] for
//! reading or a [`ViewMut`] for changing. A view of a profile can only be had when the profile's schema has every declared
//! property, with its key and its type, so what is done through it can't be of the wrong type.

mod containers;
pub mod nested;
mod scalars;
mod types;

pub use self::containers::{DictMut, DictView, ListMut, ListView};
pub use self::scalars::{ScalarMut, VolatileMut};
pub use self::types::{Number, Typed, TypedKey};
use crate::error::{Error, Result};
use crate::profile::Profile;
use crate::schema::{PropertyIndex, Schema};
use crate::value::{ScalarType, Value};

/// A property that generated code was written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeclaredProperty {
    /// Its name.
    pub name: &'static str,
    /// Its 16-bit key.
    pub key: u16,
    /// The name of its type, as [`ValueType::name`](crate::ValueType::name) gives it.
    pub type_name: &'static str,
}

/// The schema that generated code was written for.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// Its [fingerprint](Schema::fingerprint).
    pub fingerprint: u64,
    /// Its properties, in their order.
    pub properties: &'static [DeclaredProperty],
}

impl Declared {
    /// How the declared properties are found in a schema.
    ///
    /// A schema with the same fingerprint has them at the same places. In another one they are found by their keys, and
    /// each must have the type that was declared: it may have more properties, in another order, and other rights.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] with the first property that is missing or of another type.
    fn find_in(&'static self, schema: &Schema) -> Result<Places> {
        if schema.fingerprint() == self.fingerprint {
            return Ok(Places::Declared);
        }
        for declared in self.properties {
            let DeclaredProperty { name, key, type_name } = declared;
            let index = schema.index_of_key(*key).map_err(|_| Error::SchemaMismatch {
                reason: format!("it has no property `{name}` (key {key}), for which the code was generated"),
            })?;
            let found = schema.property(index);
            let found_type = found.value_type().name();
            if found_type != *type_name {
                let found_name = found.name();
                return Err(Error::SchemaMismatch {
                    reason: format!(
                        "its property `{found_name}` is of type {found_type}; the code was generated for `{name}` of type \
                         {type_name}"
                    ),
                });
            }
        }
        Ok(Places::ByKey(self.properties))
    }
}

/// Where the declared properties are in a schema.
#[derive(Clone, Copy, Debug)]
enum Places {
    /// Where they were declared.
    Declared,
    /// Where their keys are.
    ByKey(&'static [DeclaredProperty]),
}

impl Places {
    /// The property that was declared at `place`. All of them were found before.
    fn index(self, schema: &Schema, place: u16) -> PropertyIndex {
        let found = match self {
            Self::Declared => schema.index(place.into()),
            Self::ByKey(properties) => schema.index_of_key(properties[usize::from(place)].key),
        };
        found.unwrap_or_else(|error| {
            panic!("generated code asks for a property that it did not declare: {error}")
        })
    }
}

/// Declared properties of a profile, to be read.
#[derive(Clone, Copy, Debug)]
pub struct View<'p> {
    profile: &'p Profile,
    places: Places,
    /// Whether it shows confirmed values.
    confirmed: bool,
}

impl<'p> View<'p> {
    /// A view of a profile.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] when its schema is not one that the code was generated for; the first property that is
    /// missing or of another type is named.
    pub fn of(profile: &'p Profile, declared: &'static Declared) -> Result<Self> {
        let places = declared.find_in(profile.schema())?;
        Ok(Self { profile, places, confirmed: false })
    }

    /// The same profile without this process's own unconfirmed changes: see [`Profile::confirmed`].
    #[must_use]
    pub fn confirmed(self) -> Self {
        Self { confirmed: true, ..self }
    }

    /// The profile.
    #[must_use]
    pub fn profile(&self) -> &'p Profile {
        self.profile
    }

    /// The index of the property that was declared at `place`.
    ///
    /// # Panics
    /// When none was.
    #[must_use]
    pub fn index(&self, place: u16) -> PropertyIndex {
        self.places.index(self.profile.schema(), place)
    }

    /// The value of the property that was declared at `place` with the type `T`.
    ///
    /// # Panics
    /// When none was.
    #[must_use]
    pub fn scalar<T: Typed + ?Sized>(&self, place: u16) -> T::Ref<'p> {
        read::<T>(self.value(place))
    }

    /// The list that was declared at `place`.
    ///
    /// # Panics
    /// When none was.
    #[must_use]
    pub fn list<T: Typed + ?Sized>(&self, place: u16) -> ListView<'p, T> {
        ListView::of(self.value(place))
    }

    /// The dictionary that was declared at `place`.
    ///
    /// # Panics
    /// When none was.
    #[must_use]
    pub fn dict<K: TypedKey + ?Sized, T: Typed + ?Sized>(&self, place: u16) -> DictView<'p, K, T> {
        DictView::of(self.value(place))
    }

    /// What was declared at `place` and is reached by paths.
    ///
    /// # Panics
    /// When none was.
    #[must_use]
    pub fn nested<P: nested::Part>(&self, place: u16) -> P::View<'p> {
        nested::view::<P>(self.value(place))
    }

    fn value(&self, place: u16) -> &'p Value {
        let index = self.index(place);
        if self.confirmed { self.profile.confirmed(index) } else { self.profile.get(index) }
    }
}

/// Declared properties of a profile, to be changed.
#[derive(Debug)]
pub struct ViewMut<'p> {
    profile: &'p mut Profile,
    places: Places,
}

impl<'p> ViewMut<'p> {
    /// A view of a profile.
    ///
    /// # Errors
    /// As [`View::of`].
    pub fn of(profile: &'p mut Profile, declared: &'static Declared) -> Result<Self> {
        let places = declared.find_in(profile.schema())?;
        Ok(Self { profile, places })
    }

    /// The same properties, to be read.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View { profile: self.profile, places: self.places, confirmed: false }
    }

    /// The profile.
    pub fn profile(&mut self) -> &mut Profile {
        self.profile
    }

    /// The property that was declared at `place`.
    ///
    /// # Panics
    /// When none was.
    pub fn scalar<T: Typed + ?Sized>(&mut self, place: u16) -> ScalarMut<'_, T> {
        let index = self.index(place);
        ScalarMut::new(self.profile, index)
    }

    /// The volatile property that was declared at `place`.
    ///
    /// # Panics
    /// When none was.
    pub fn volatile<T: Typed + ?Sized>(&mut self, place: u16) -> VolatileMut<'_, T> {
        let index = self.index(place);
        VolatileMut::new(self.profile, index)
    }

    /// The list that was declared at `place`.
    ///
    /// # Panics
    /// When none was.
    pub fn list<T: Typed + ?Sized>(&mut self, place: u16) -> ListMut<'_, T> {
        let index = self.index(place);
        ListMut::new(self.profile, index)
    }

    /// The dictionary that was declared at `place`.
    ///
    /// # Panics
    /// When none was.
    pub fn dict<K: TypedKey + ?Sized, T: Typed + ?Sized>(&mut self, place: u16) -> DictMut<'_, K, T> {
        let index = self.index(place);
        DictMut::new(self.profile, index)
    }

    /// What was declared at `place` and is reached by paths.
    ///
    /// # Panics
    /// When none was.
    pub fn nested<P: nested::Part>(&mut self, place: u16) -> P::Mut<'_> {
        let index = self.index(place);
        P::at(nested::Place::new(self.profile, index))
    }

    fn index(&self, place: u16) -> PropertyIndex {
        self.places.index(self.profile.schema(), place)
    }
}

/// The value as Rust has it; its type was checked when the view was made.
fn read<T: Typed + ?Sized>(value: &Value) -> T::Ref<'_> {
    T::read(value).unwrap_or_else(|| not_declared(T::SCALAR, value))
}

fn not_declared(expected: ScalarType, value: &Value) -> ! {
    panic!("generated code reads {} as {expected}", value.value_type())
}

#[cfg(test)]
mod tests;

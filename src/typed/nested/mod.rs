//! Places within properties, however deep: fields of records, items of lists, entries of dictionaries.
//!
//! What is there is named by a [`Part`]: [`Scalar`], [`Custom`], [`List`], [`Dict`], or a record's struct, which generated
//! code has. A place to be changed is a [`Place`] with the functions of its kind.

mod dicts;
mod lists;
mod records;
mod scalars;

use std::fmt;

pub use self::dicts::{Dict, DictMut, DictView};
pub use self::lists::{List, ListMut, ListView};
pub use self::records::{Fields, Values};
pub use self::scalars::{Custom, CustomMut, Scalar, ScalarMut};
use crate::error::Result;
use crate::profile::Profile;
use crate::schema::PropertyIndex;
use crate::value::{Addition, Key, Path, PathStep, Value, ValueType};

/// What can be at a place, and how Rust has it.
pub trait Part {
    /// As a value of its own: `String`, `Vec<…>`, `BTreeMap<…>`, or a record's struct.
    type Owned;

    /// How it is given.
    type Arg<'v>;

    /// How it is read.
    type View<'p>;

    /// How it is changed.
    type Mut<'p>;

    /// Reads a value; `None` when it is of another type.
    fn view(value: &Value) -> Option<Self::View<'_>>;

    /// Reads a value whole; `None` when it is of another type.
    fn read(value: &Value) -> Option<Self::Owned>;

    /// The value that it is, as one of a type; `None` when that is another.
    fn write(value: Self::Arg<'_>, of: &ValueType) -> Option<Value>;

    /// The same of a value of its own.
    fn write_owned(value: Self::Owned, of: &ValueType) -> Option<Value>;

    /// What is done at a place.
    fn at(place: Place<'_>) -> Self::Mut<'_>;
}

/// A place within a property, to be changed.
pub struct Place<'p> {
    profile: &'p mut Profile,
    index: PropertyIndex,
    path: Path,
}

impl<'p> Place<'p> {
    pub(super) fn new(profile: &'p mut Profile, index: PropertyIndex) -> Self {
        Self { profile, index, path: Path::root() }
    }

    /// The property's index in its schema, as events have it.
    #[must_use]
    pub fn index(&self) -> PropertyIndex {
        self.index
    }

    /// The way from the property's value, as events have it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a change of this process to the property is unconfirmed.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.profile.is_pending(self.index)
    }

    /// What is there, as this process sees it; `None` when nothing is.
    #[must_use]
    pub fn view<P: Part>(&self) -> Option<P::View<'_>> {
        self.path.find(self.profile.get(self.index)).map(view::<P>)
    }

    /// What is there without this process's unconfirmed changes; `None` when nothing is.
    #[must_use]
    pub fn confirmed<P: Part>(&self) -> Option<P::View<'_>> {
        self.path.find(self.profile.confirmed(self.index)).map(view::<P>)
    }

    /// What is there, whole; `None` when nothing is.
    #[must_use]
    pub fn get<P: Part>(&self) -> Option<P::Owned> {
        self.path.find(self.profile.get(self.index)).map(read::<P>)
    }

    /// Gives what is there another value.
    ///
    /// # Errors
    /// As [`Profile::set_at`].
    pub fn set<P: Part>(&mut self, value: P::Arg<'_>) -> Result<bool> {
        let value = written(P::write(value, self.value_type()));
        self.profile.set_at(self.index, &self.path, value)
    }

    /// The field at a place in its record's type.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn field<P: Part>(&mut self, field: u16) -> P::Mut<'_> {
        let name = match self.value_type().record().and_then(|record| record.fields().get(usize::from(field)))
        {
            Some(info) => info.shared_name().clone(),
            None => panic!("generated code asks {} for its field {field}", self.value_type()),
        };
        P::at(self.within(PathStep::Field(crate::value::FieldStep { index: field, name })))
    }

    fn item<P: Part>(&mut self, place: u32) -> P::Mut<'_> {
        P::at(self.within(PathStep::Item(place)))
    }

    fn entry<P: Part>(&mut self, key: Key) -> P::Mut<'_> {
        P::at(self.within(PathStep::Entry(key)))
    }

    fn within(&mut self, step: PathStep) -> Place<'_> {
        let path = self.path.clone().with(step);
        Place { profile: self.profile, index: self.index, path }
    }

    fn add(&mut self, addition: Addition) -> Result<bool> {
        self.profile.add_at(self.index, &self.path, addition)
    }

    fn insert<P: Part>(&mut self, place: Option<u32>, value: P::Arg<'_>) -> Result<bool> {
        let value = written(P::write(value, self.value_type().element()));
        match place {
            Some(place) => self.profile.insert_at(self.index, &self.path, place, value),
            None => self.profile.push_at(self.index, &self.path, value),
        }
    }

    fn set_within<P: Part>(&mut self, step: PathStep, value: P::Arg<'_>) -> Result<bool> {
        let value = written(P::write(value, self.value_type().element()));
        self.profile.set_at(self.index, self.path.clone().with(step), value)
    }

    fn remove(&mut self, step: PathStep) -> Result<bool> {
        self.profile.remove_at(self.index, self.path.clone().with(step))
    }

    fn move_item(&mut self, from: u32, to: u32) -> Result<bool> {
        self.profile.move_at(self.index, self.path.clone().with(PathStep::Item(from)), to)
    }

    fn clear(&mut self) -> Result<bool> {
        self.profile.clear_at(self.index, &self.path)
    }

    /// The type of what is there; the way was made along it.
    fn value_type(&self) -> &ValueType {
        let value_type = self.profile.schema().property(self.index).value_type();
        self.path.type_in(value_type).unwrap_or(value_type)
    }
}

impl fmt::Debug for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.find(self.profile.get(self.index)).fmt(f)
    }
}

/// The value as Rust has it; its type was checked when the view of the profile was made.
pub(super) fn view<P: Part>(value: &Value) -> P::View<'_> {
    P::view(value).unwrap_or_else(|| not_declared(value))
}

fn read<P: Part>(value: &Value) -> P::Owned {
    P::read(value).unwrap_or_else(|| not_declared(value))
}

fn not_declared(value: &Value) -> ! {
    panic!("generated code reads {} as another type", value.value_type())
}

fn written(value: Option<Value>) -> Value {
    value.unwrap_or_else(|| panic!("generated code writes a value of another type than the place has"))
}

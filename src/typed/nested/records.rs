//! Records, for the structs of generated code.

use super::{Part, read, view};
use crate::value::{Record, Value, ValueType};

/// The fields of a record, to be read.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'p>(&'p Record);

impl<'p> Fields<'p> {
    /// Those of a value, if that is a record of so many.
    #[must_use]
    pub fn of(value: &'p Value, count: usize) -> Option<Self> {
        match value {
            Value::Record(record) if record.values().len() == count => Some(Self(record)),
            _ => None,
        }
    }

    /// The field at a place in the record's type.
    ///
    /// # Panics
    /// When it is of another type.
    #[must_use]
    pub fn view<P: Part>(&self, field: u16) -> P::View<'p> {
        view::<P>(&self.0.values()[usize::from(field)])
    }

    /// The same as a value of its own; `None` when it is of another type.
    #[must_use]
    pub fn read<P: Part>(&self, field: u16) -> Option<P::Owned> {
        P::read(&self.0.values()[usize::from(field)])
    }

    /// The record.
    #[must_use]
    pub fn record(&self) -> &'p Record {
        self.0
    }

    /// The record as a value of its own.
    ///
    /// # Panics
    /// When it is of another type.
    #[must_use]
    pub fn get<P: Part>(&self) -> P::Owned {
        read::<P>(&Value::Record(self.0.clone()))
    }
}

/// The values of the fields of a record, of which it is made.
#[derive(Debug)]
pub struct Values<'t> {
    of: &'t ValueType,
    values: Vec<Value>,
}

impl<'t> Values<'t> {
    /// None as yet, of a record of this type.
    #[must_use]
    pub fn new(of: &'t ValueType) -> Self {
        Self { of, values: Vec::new() }
    }

    /// Gives the next field a value; `None` when it is of another type.
    pub fn with<P: Part>(mut self, value: P::Owned) -> Option<Self> {
        let field = self.of.record()?.fields().get(self.values.len())?.value_type();
        let value = P::write_owned(value, field).filter(|value| value.is_of(field))?;
        self.values.push(value);
        Some(self)
    }

    /// The record; `None` when it has more fields.
    #[must_use]
    pub fn record(self) -> Option<Value> {
        let of = self.of.record().filter(|of| of.fields().len() == self.values.len())?;
        Some(Value::Record(Record::of(of.clone(), self.values)))
    }
}

//! The names that record types have when a schema is written.

use std::collections::HashSet;

use crate::schema::{Limits, Schema};
use crate::value::{RecordType, ValueType, check_type_name};

/// The record types that are written by name.
pub(super) struct TypeNames {
    /// Each after those that it is made of.
    pub(super) types: Vec<(RecordType, String)>,
}

impl TypeNames {
    pub(super) fn of(schema: &Schema) -> Self {
        let mut types = Vec::new();
        schema.properties().iter().for_each(|property| collect(&mut types, property.value_type()));
        let mut names = HashSet::new();
        let mut named: Vec<_> = types.iter().map(|record| own_name(record, &mut names)).collect();
        // Those that have one keep it, wherever they stand.
        for name in named.iter_mut().filter(|name| name.is_none()) {
            *name = Some(free_name("record", &mut names));
        }
        Self { types: types.into_iter().zip(named.into_iter().flatten()).collect() }
    }

    /// A type as it is written.
    pub(super) fn write(&self, value_type: &ValueType) -> String {
        value_type.name_with(&|record| {
            let known = self.types.iter().find(|(known, _)| known.is_declared_as(record));
            known.map(|(_, name)| name.clone())
        })
    }
}

/// Finds the record types of which there is something to be said.
fn collect(types: &mut Vec<RecordType>, value_type: &ValueType) {
    match value_type {
        ValueType::List(item) | ValueType::Dict(_, item) => collect(types, item),
        ValueType::Record(record) if !types.iter().any(|known| known.is_declared_as(record)) => {
            record.fields().iter().for_each(|field| collect(types, field.value_type()));
            if record.name().is_some() || has_more(record) {
                types.push(record.clone());
            }
        }
        _ => {}
    }
}

/// Whether there is more to it than the names and types of its fields.
fn has_more(record: &RecordType) -> bool {
    record.description().is_some()
        || record.fields().iter().any(|field| {
            field.description().is_some()
                || *field.limits() != Limits::default()
                || *field.default() != field.value_type().zero()
        })
}

/// The name that a type has, or one like it when another type has that, too.
fn own_name(record: &RecordType, names: &mut HashSet<String>) -> Option<String> {
    let name = record.name()?;
    match names.insert(name.into()) {
        true => Some(name.into()),
        false => Some(free_name(name, names)),
    }
}

fn free_name(like: &str, names: &mut HashSet<String>) -> String {
    // What is too long with a number becomes shorter.
    let like = (0..8).map(|less| &like[..like.len().saturating_sub(less)]);
    let likes: Vec<_> = like.collect();
    let mut number = 1_usize;
    loop {
        number += 1;
        let found =
            likes.iter().map(|like| format!("{like}_{number}")).find(|name| check_type_name(name).is_ok());
        if let Some(name) = found.filter(|name| names.insert(name.clone())) {
            return name;
        }
    }
}

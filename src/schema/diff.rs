//! What a new schema changes, for the profiles that are stored and for the peers that have the old one.

use std::sync::Arc;

use super::{Limits, Merge, PropertyIndex, PropertyInfo, Schema, SyncClass, Visibility, Writers};
use crate::value::{Conversion, Value, ValueType};

/// A property of which something is another in a new schema: see [`Schema::changes_since`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PropertyChange {
    /// Its name; in the new schema, if it is there.
    pub property: Arc<str>,
    /// What is another.
    pub what: SchemaChange,
}

/// What a new schema says otherwise of a property.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SchemaChange {
    /// It is new.
    Added {
        /// What stored profiles have of it.
        default: Value,
    },
    /// It is gone.
    Removed,
    /// It had another name.
    Renamed {
        /// The old name.
        from: Arc<str>,
    },
    /// It is of another type.
    Retyped {
        /// The old type.
        from: ValueType,
        /// The new one.
        to: ValueType,
        /// What becomes of stored values.
        conversion: Conversion,
    },
    /// Peers with the old schema know it by a key that is not found any more.
    KeyLost {
        /// The old key.
        from: u16,
        /// The new one.
        to: u16,
    },
    /// Peers with the old schema know it by a key that another property has now.
    KeyTaken {
        /// The key.
        key: u16,
        /// The property that has it.
        by: Arc<str>,
    },
    /// New profiles begin with another value.
    Default {
        /// The old one.
        from: Value,
        /// The new one.
        to: Value,
    },
    /// It has to keep to other limits.
    Limits {
        /// The old ones.
        from: Box<Limits>,
        /// The new ones.
        to: Box<Limits>,
    },
    /// Of fields of its records defaults, limits or descriptions are others.
    Fields,
    /// Others may write it.
    Writers {
        /// Who could.
        from: Writers,
        /// Who can.
        to: Writers,
    },
    /// Others may see it.
    Visibility {
        /// Who could.
        from: Visibility,
        /// Who can.
        to: Visibility,
    },
    /// Concurrent writes merge otherwise.
    Merge {
        /// How they did.
        from: Merge,
        /// How they do.
        to: Merge,
    },
    /// Its changes travel at other times.
    Sync {
        /// When they did.
        from: SyncClass,
        /// When they do.
        to: SyncClass,
    },
    /// It is stored from now on, or is not any more.
    Saved {
        /// Whether it is.
        to: bool,
    },
}

impl SchemaChange {
    /// Whether no stored value is kept aside for it, and no peer with the old schema turned away or misled.
    #[must_use]
    pub fn is_compatible(&self) -> bool {
        !matches!(self, Self::Retyped { .. } | Self::KeyTaken { .. })
    }

    /// Whether some stored values are kept aside for it.
    #[must_use]
    pub fn keeps_aside(&self) -> bool {
        matches!(self, Self::Retyped { conversion, .. } if *conversion != Conversion::Always)
    }
}

impl Schema {
    /// What this schema changes, compared with an older one: for profiles that were stored under that, and for peers that still
    /// have it. In the order of the properties, those of the older one that are gone last.
    #[must_use]
    pub fn changes_since(&self, old: &Self) -> Vec<PropertyChange> {
        let mut changes = Vec::new();
        let mut known = vec![false; old.properties().len()];
        for new in self.properties() {
            let names = std::iter::once(new.name()).chain(new.aliases());
            let before = names.filter_map(|name| old.index_of(name).ok()).next();
            // What has its own name still is not what another one was.
            let before = before.filter(|index| {
                let name = old.property(*index).name();
                name == new.name() || self.index_of(name).is_err()
            });
            let mut add = |what| changes.push(PropertyChange { property: new.shared_name().clone(), what });
            match before {
                Some(before) => {
                    known[before.usize()] = true;
                    self.compare(old.property(before), new, &mut add);
                }
                None => add(SchemaChange::Added { default: new.default().clone() }),
            }
        }
        for property in old.indexes().filter(|index| !known[index.usize()]) {
            let property = old.property(property);
            let mut add =
                |what| changes.push(PropertyChange { property: property.shared_name().clone(), what });
            add(SchemaChange::Removed);
            if let Some(taken) = self.taken(property, None) {
                add(taken);
            }
        }
        changes
    }

    /// The property that a peer with an older schema reaches by a key.
    fn reached_by(&self, key: u16) -> Option<PropertyIndex> {
        self.index_of_key(key).ok().or_else(|| self.index_of_old_key(key))
    }

    fn taken(&self, old: &PropertyInfo, new: Option<&PropertyInfo>) -> Option<SchemaChange> {
        let reached = self.property(self.reached_by(old.key())?);
        let is_other = new.is_none_or(|new| new.name() != reached.name());
        is_other.then(|| SchemaChange::KeyTaken { key: old.key(), by: reached.shared_name().clone() })
    }

    fn compare(&self, old: &PropertyInfo, new: &PropertyInfo, add: &mut impl FnMut(SchemaChange)) {
        if old.name() != new.name() {
            add(SchemaChange::Renamed { from: old.shared_name().clone() });
        }
        let (from, to) = (old.value_type(), new.value_type());
        if from != to {
            let conversion = Conversion::between(from, to);
            add(SchemaChange::Retyped { from: from.clone(), to: to.clone(), conversion });
        }
        if let Some(taken) = self.taken(old, Some(new)) {
            add(taken);
        } else if self.reached_by(old.key()).is_none() {
            add(SchemaChange::KeyLost { from: old.key(), to: new.key() });
        }
        if from == to && old.default() != new.default() {
            add(SchemaChange::Default { from: old.default().clone(), to: new.default().clone() });
        }
        if old.limits() != new.limits() {
            let (from, to) = (Box::new(old.limits().clone()), Box::new(new.limits().clone()));
            add(SchemaChange::Limits { from, to });
        }
        if from == to && !from.is_declared_as(to) {
            add(SchemaChange::Fields);
        }
        if old.writers() != new.writers() {
            add(SchemaChange::Writers { from: old.writers(), to: new.writers() });
        }
        if old.visibility() != new.visibility() {
            add(SchemaChange::Visibility { from: old.visibility(), to: new.visibility() });
        }
        if old.merge() != new.merge() {
            add(SchemaChange::Merge { from: old.merge(), to: new.merge() });
        }
        if old.sync() != new.sync() {
            add(SchemaChange::Sync { from: old.sync(), to: new.sync() });
        }
        if old.is_saved() != new.is_saved() {
            add(SchemaChange::Saved { to: new.is_saved() });
        }
    }
}

//! Handles: values that name a slot, its generation and a kind, and are never followed as pointers. A stale, freed,
//! forged or wrong-kind one is found out from any thread.

use std::sync::{Arc, PoisonError, RwLock};

use super::result::{Failure, Outcome};
use crate::error::ErrorCode;

/// What a handle is of. In its highest byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    SchemaBuilder = 1,
    Schema = 2,
    Profile = 3,
    Endpoint = 4,
    Master = 5,
    Subscription = 6,
}

const KIND_SHIFT: u32 = 56;
const GENERATION_BITS: u32 = 24;
const LAST_GENERATION: u32 = (1 << GENERATION_BITS) - 1;

/// The objects of one kind.
pub(super) struct Registry<T: ?Sized> {
    kind: Kind,
    slots: RwLock<Slots<T>>,
}

struct Slots<T: ?Sized> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

struct Slot<T: ?Sized> {
    generation: u32,
    object: Option<Arc<T>>,
}

impl<T: ?Sized> Registry<T> {
    pub(super) const fn new(kind: Kind) -> Self {
        Self { kind, slots: RwLock::new(Slots { slots: Vec::new(), free: Vec::new() }) }
    }

    /// Gives an object a handle.
    pub(super) fn insert(&self, object: Arc<T>) -> usize {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let place = match slots.free.pop() {
            Some(place) => place,
            None => {
                slots.slots.push(Slot { generation: 0, object: None });
                slots.slots.len() as u32 - 1
            }
        };
        let slot = &mut slots.slots[place as usize];
        slot.generation += 1;
        slot.object = Some(object);
        (self.kind as usize) << KIND_SHIFT | (slot.generation as usize) << 32 | place as usize
    }

    /// The object of a handle.
    #[inline]
    pub(super) fn get(&self, handle: usize) -> Outcome<Arc<T>> {
        match self.find(handle) {
            Some(object) => Ok(object),
            None => Err(self.what_is_wrong(handle)),
        }
    }

    fn find(&self, handle: usize) -> Option<Arc<T>> {
        let (place, generation) = parts(handle);
        if handle >> KIND_SHIFT != self.kind as usize {
            return None;
        }
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.slots.get(place).filter(|slot| slot.generation == generation)?;
        slot.object.clone()
    }

    #[cold]
    fn what_is_wrong(&self, handle: usize) -> Failure {
        let invalid = |text: String| Failure::new(ErrorCode::InvalidHandle, text);
        if handle == 0 {
            return invalid(format!("the {:?} handle is null", self.kind));
        }
        if handle >> KIND_SHIFT != self.kind as usize {
            return invalid(format!("{handle:#x} is no {:?} handle", self.kind));
        }
        invalid(format!("the {:?} handle was freed", self.kind))
    }

    /// Takes a handle's object out. Null gives nothing.
    pub(super) fn remove(&self, handle: usize) -> Outcome<Option<Arc<T>>> {
        if handle == 0 {
            return Ok(None);
        }
        if handle >> KIND_SHIFT != self.kind as usize {
            return Err(self.what_is_wrong(handle));
        }
        let (place, generation) = parts(handle);
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let object = match slots.slots.get_mut(place) {
            Some(slot) if slot.generation == generation => slot.object.take(),
            _ => None,
        };
        let object = object.ok_or_else(|| self.what_is_wrong(handle))?;
        // A slot whose generations are used up is never used again, so that no old handle comes to life.
        if generation < LAST_GENERATION {
            slots.free.push(place as u32);
        }
        Ok(Some(object))
    }
}

/// The place and the generation that a handle names.
fn parts(handle: usize) -> (usize, u32) {
    (handle & 0xffff_ffff, (handle >> 32) as u32 & LAST_GENERATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_forged_and_foreign_handles_are_found_out() {
        let registry = Registry::new(Kind::Profile);
        let other = Registry::<i32>::new(Kind::Schema);
        let first = registry.insert(Arc::new(1));
        assert_eq!(*registry.get(first).unwrap(), 1);
        assert!(other.get(first).is_err());
        assert_eq!(registry.remove(first).unwrap().as_deref(), Some(&1));
        assert!(registry.remove(first).is_err());
        let second = registry.insert(Arc::new(2));
        assert_ne!(first, second);
        assert!(registry.get(first).is_err());
        for forged in [0, 1, second + 1, second ^ (1 << 40), usize::MAX] {
            assert!(registry.get(forged).is_err(), "{forged:#x}");
        }
        assert!(registry.remove(0).unwrap().is_none());
    }

    #[test]
    fn a_slot_is_given_up_when_its_generations_are() {
        let registry = Registry::new(Kind::Profile);
        let first = registry.insert(Arc::new(0));
        registry.slots.write().unwrap().slots[0].generation = LAST_GENERATION;
        assert!(registry.get(first).is_err());
        let last = first | (LAST_GENERATION as usize) << 32;
        registry.remove(last).unwrap();
        let next = registry.insert(Arc::new(1));
        assert_eq!(next & 0xffff_ffff, 1);
    }
}

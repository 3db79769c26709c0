//! Properties whose shown value is not the confirmed one, or may not be.

use crate::value::{Change, Value};

const NONE: u16 = u16::MAX;

/// What lies over one property's confirmed value.
#[derive(Debug)]
pub(crate) struct Overlay {
    pub(crate) property: u16,
    /// The value without any change of this process that is not confirmed.
    pub(crate) confirmed: Value,
    /// Sealed batches that touch the property and are undecided.
    pub(crate) in_flight: u32,
    /// The change since the last seal.
    pub(crate) dirty: Option<Dirty>,
}

/// Changes since the last seal, as one.
#[derive(Debug)]
pub(crate) struct Dirty {
    pub(crate) change: Change,
    /// The value they were made on.
    pub(crate) base: Value,
}

/// The overlays of a profile. Finding one costs one look-up; there is room only for those in use.
#[derive(Debug)]
pub(crate) struct Overlays {
    place: Vec<u16>,
    overlays: Vec<Overlay>,
}

impl Overlays {
    pub(crate) fn new(properties: usize) -> Self {
        Self { place: vec![NONE; properties], overlays: Vec::new() }
    }

    pub(crate) fn get(&self, property: u16) -> Option<&Overlay> {
        self.overlays.get(usize::from(self.place[usize::from(property)]))
    }

    pub(crate) fn get_mut(&mut self, property: u16) -> Option<&mut Overlay> {
        self.overlays.get_mut(usize::from(self.place[usize::from(property)]))
    }

    /// The property's overlay, made over `confirmed` when there is none.
    pub(crate) fn over(&mut self, property: u16, confirmed: &Value) -> &mut Overlay {
        let place = &mut self.place[usize::from(property)];
        if *place == NONE {
            *place = self.overlays.len() as u16;
            let confirmed = confirmed.clone();
            self.overlays.push(Overlay { property, confirmed, in_flight: 0, dirty: None });
        }
        &mut self.overlays[usize::from(*place)]
    }

    pub(crate) fn remove(&mut self, property: u16) -> Option<Overlay> {
        let place = std::mem::replace(&mut self.place[usize::from(property)], NONE);
        if place == NONE {
            return None;
        }
        let removed = self.overlays.swap_remove(usize::from(place));
        if let Some(moved) = self.overlays.get(usize::from(place)) {
            self.place[usize::from(moved.property)] = place;
        }
        Some(removed)
    }
}

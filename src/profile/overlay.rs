//! Properties whose shown value is not the confirmed one, or may not be.

use crate::value::{Happened, ItemRef, ListEffect, Logged, Named, Path, Tracked, Value, target_of};

const NONE: u16 = u16::MAX;

/// What lies over one property's confirmed value.
#[derive(Debug)]
pub(crate) struct Overlay {
    pub(crate) property: u16,
    /// The value without any change of this process that is not confirmed.
    pub(crate) confirmed: Value,
    /// Operations on the property in batches that are undecided, sealed or not.
    pub(crate) pending: u32,
    /// The batch of this property alone that may take further operations; zero when none may.
    pub(crate) open: u64,
    /// Of a scalar, the value before the last operation of that batch.
    pub(crate) base: Value,
    /// Of a list, how those operations move the items of the confirmed one.
    pub(crate) track: Vec<Tracked>,
}

impl Overlay {
    /// The item that is shown at a place of a list, as pending operations name it.
    pub(crate) fn item_at(&self, index: u32) -> ItemRef {
        let mut place = index;
        for tracked in self.track.iter().rev() {
            let Logged::List(effect) = &tracked.effect else { continue };
            match effect {
                ListEffect::Insert { index, .. } if *index == place => return ItemRef::Own(tracked.own),
                ListEffect::Insert { index, .. } => place -= u32::from(*index < place),
                ListEffect::Remove { index } => place += u32::from(*index <= place),
                ListEffect::Move { from, to } if *to == place => place = *from,
                ListEffect::Move { from, to } => {
                    let without = place - u32::from(*to < place);
                    place = without + u32::from(*from <= without);
                }
                // What is there after a list was cleared was inserted after it.
                ListEffect::Clear => return ItemRef::Gone,
                ListEffect::Set { .. } => {}
            }
        }
        ItemRef::Base { index: place, since: 0 }
    }

    /// The place that is shown of a value with parts in parts, as pending operations name it.
    pub(crate) fn target_of(&self, shown: &Path) -> Named {
        target_of(shown, self.track.iter().rev().map(Tracked::happened))
    }

    /// How pending operations moved the items of the confirmed list.
    pub(crate) fn history(&self) -> impl Iterator<Item = Happened<'_>> + Clone {
        self.track.iter().map(Tracked::happened)
    }
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
            let base = Value::Bool(false);
            self.overlays.push(Overlay { property, confirmed, pending: 0, open: 0, base, track: Vec::new() });
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

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Overlay> {
        self.overlays.iter()
    }

    pub(crate) fn clear(&mut self) {
        for overlay in self.overlays.drain(..) {
            self.place[usize::from(overlay.property)] = NONE;
        }
    }
}

//! What pending operations call the items of lists, as what is confirmed moves them: a request always speaks of what this
//! process has confirmed.

use super::Profile;
use super::batches::Batch;
use crate::planted::{Bug, planted};
use crate::value::{
    Anchor, Change, Effect, Gap, Happened, Happening, ItemRef, ListChange, Origin, OwnOp, Target, Value,
};
use crate::wire::delta::DeltaEntry;

/// New names for the places in pending operations.
trait Rename {
    fn item(&self, item: ItemRef) -> ItemRef;
    fn anchor(&self, anchor: Anchor) -> Anchor;
    fn target(&self, target: &Target) -> Target;
    fn gap(&self, gap: &Gap) -> Gap;
}

impl Profile {
    /// Lets pending operations on a list name its items by where they stand after what the master confirmed, also within
    /// other values.
    pub(super) fn follow(&mut self, entry: &DeltaEntry, own: u64) {
        let happenings: Vec<Happening<'_>> = match &entry.effect {
            Effect::List(effects) => effects.iter().map(Happening::List).collect(),
            Effect::Parts(effects) => effects.iter().map(Happening::Part).collect(),
            Effect::Value(_) | Effect::Diff(_) | Effect::Dict(_) => {
                return self.lose_items(entry.property, own);
            }
        };
        if planted(Bug::ItemNotFollowedByPeer) {
            return;
        }
        // Insertions of decided batches and those that the delta marks as own are the same, in the same order.
        let decided = self.batches.between(self.batches.applied_through(), own).flat_map(|batch| {
            let inserts = batch.ops.iter().zip(0..).filter(|(op, _)| op.property == entry.property);
            let inserts = inserts.filter(|(op, _)| op.change.inserts_item());
            inserts.map(|(_, place)| OwnOp { batch: batch.number, op: place })
        });
        let decided: Vec<OwnOp> = decided.collect();
        let own_of = |place: u32| {
            let nth = entry.own.binary_search(&place).ok()?;
            // Else it is not known which is which.
            decided.get(nth).copied().filter(|_| decided.len() == entry.own.len())
        };
        let history: Vec<Happened<'_>> = happenings
            .into_iter()
            .zip(0..)
            .map(|(effect, place)| Happened { version: 1, own: own_of(place), effect })
            .collect();
        let count = match self.overlays.get(entry.property).map(|overlay| &overlay.confirmed) {
            Some(Value::List(list)) => list.len(),
            _ => 0,
        };
        self.rename(entry.property, own, &Followed { history: &history, own, count });
    }

    /// A value is another one as a whole: pending operations name no item in it any more, only what they insert
    /// themselves.
    pub(super) fn lose_items(&mut self, property: u16, own: u64) {
        self.rename(property, own, &Lost { own });
    }

    /// A batch is taken back: whoever names an item that it inserted names nothing.
    pub(super) fn lose_own(&mut self, batch: &Batch) {
        for op in batch.ops.iter().filter(|op| op.change.inserts_item()) {
            self.rename(op.property, batch.number, &TakenBack { batch: batch.number });
        }
    }

    fn rename(&mut self, property: u16, own: u64, by: &impl Rename) {
        let undecided = self.batches.undecided_mut().filter(|batch| batch.number > own);
        for op in undecided.flat_map(|batch| &mut batch.ops).filter(|op| op.property == property) {
            match &mut op.change {
                Change::List(ListChange::Insert { after, .. }) => *after = by.anchor(*after),
                Change::List(ListChange::Set { item, .. } | ListChange::Remove { item }) => {
                    *item = by.item(*item);
                }
                Change::List(ListChange::Move { item, after }) => {
                    *item = by.item(*item);
                    *after = by.anchor(*after);
                }
                Change::At(at) => at.rename(|target| by.target(target), |gap| by.gap(gap)),
                _ => {}
            }
        }
    }
}

/// As they stand after what happened, up to the batch `own` of this writer.
struct Followed<'a> {
    history: &'a [Happened<'a>],
    own: u64,
    /// Items of the list now, of one that is the property itself.
    count: usize,
}

impl Rename for Followed<'_> {
    fn item(&self, item: ItemRef) -> ItemRef {
        match item {
            ItemRef::Own(op) if op.batch > self.own => item,
            _ => match item.position(self.history.iter().copied()) {
                Some(index) => ItemRef::Base { index, since: 0 },
                None => ItemRef::Gone,
            },
        }
    }

    fn anchor(&self, anchor: Anchor) -> Anchor {
        match anchor {
            Anchor::After(ItemRef::Own(op)) if op.batch > self.own => anchor,
            Anchor::After(_) => match anchor.position(self.count, self.history.iter().copied()) {
                Some(0) => Anchor::Front,
                Some(place) => Anchor::After(ItemRef::Base { index: place - 1, since: 0 }),
                None => Anchor::After(ItemRef::Gone),
            },
            anchor => anchor,
        }
    }

    fn target(&self, target: &Target) -> Target {
        match target.origin {
            Origin::Own { op, .. } if op.batch > self.own => target.clone(),
            _ => target.renamed(self.history.iter().copied()),
        }
    }

    fn gap(&self, gap: &Gap) -> Gap {
        match gap {
            Gap::After(Target { origin: Origin::Own { op, .. }, .. }) if op.batch > self.own => gap.clone(),
            gap => gap.renamed(self.history.iter().copied()),
        }
    }
}

/// Gone, but for what batches after `own` insert.
struct Lost {
    own: u64,
}

impl Rename for Lost {
    fn item(&self, item: ItemRef) -> ItemRef {
        match item {
            ItemRef::Own(op) if op.batch > self.own => item,
            _ => ItemRef::Gone,
        }
    }

    fn anchor(&self, anchor: Anchor) -> Anchor {
        match anchor {
            Anchor::After(item) => Anchor::After(self.item(item)),
            anchor => anchor,
        }
    }

    fn target(&self, target: &Target) -> Target {
        match target.origin {
            Origin::Own { op, .. } if op.batch > self.own => target.clone(),
            // Fields and keys are names.
            Origin::Base { .. } if !target.path.has_items() => target.clone(),
            _ => Target { origin: Origin::Gone, path: target.path.clone() },
        }
    }

    fn gap(&self, gap: &Gap) -> Gap {
        match gap {
            Gap::After(target) => Gap::After(self.target(target)),
            gap => gap.clone(),
        }
    }
}

/// Gone, what this batch inserted.
struct TakenBack {
    batch: u64,
}

impl Rename for TakenBack {
    fn item(&self, item: ItemRef) -> ItemRef {
        match item {
            ItemRef::Own(op) if op.batch == self.batch => ItemRef::Gone,
            item => item,
        }
    }

    fn anchor(&self, anchor: Anchor) -> Anchor {
        match anchor {
            Anchor::After(item) => Anchor::After(self.item(item)),
            anchor => anchor,
        }
    }

    fn target(&self, target: &Target) -> Target {
        match target.origin {
            Origin::Own { op, .. } if op.batch == self.batch => {
                Target { origin: Origin::Gone, path: target.path.clone() }
            }
            _ => target.clone(),
        }
    }

    fn gap(&self, gap: &Gap) -> Gap {
        match gap {
            Gap::After(target) => Gap::After(self.target(target)),
            gap => gap.clone(),
        }
    }
}

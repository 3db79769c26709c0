//! What a profile does without an endpoint: deltas and snapshots as bytes, and JSON.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use super::changes::bracket_error;
use super::overlay::Overlay;
use super::{Cause, Profile, State};
use crate::error::{Error, Result};
use crate::json;
use crate::schema::PropertyIndex;
use crate::value::{Change, DictChange, Effect, Key, Logged, OwnOp, PartChange, Tracked, Value};
use crate::wire::delta::{DeltaWriter, read_delta};
use crate::wire::keys::WrittenOut;
use crate::wire::parts::OutStep;
use crate::wire::values::{put_snapshot, read_snapshot};
use crate::wire::varint::Reader;

/// First byte of a stand-alone delta.
const DELTA_FORMAT: u8 = 0xd1;
/// First byte of a stand-alone snapshot.
const SNAPSHOT_FORMAT: u8 = 0xa1;

/// Bytes that most deltas take at most.
const USUAL_BYTES: usize = 32;

impl Profile {
    /// What changed since the last delta, as bytes; empty when nothing did. Apply each delta once, in the order in which
    /// they were taken: of numbers, texts and entries of dictionaries a delta carries values, but of lists what was done.
    ///
    /// # Errors
    /// [`Error::Attached`] for a profile of an endpoint; [`Error::InvalidArgument`] while a batch is begun.
    pub fn take_delta(&mut self) -> Result<Vec<u8>> {
        let delta = self.peek_delta()?;
        self.batches.confirm_all();
        self.overlays.clear();
        Ok(delta)
    }

    /// The bytes [`take_delta`](Self::take_delta) would give, without taking them.
    ///
    /// # Errors
    /// [`Error::Attached`] for a profile of an endpoint; [`Error::InvalidArgument`] while a batch is begun.
    pub fn peek_delta(&self) -> Result<Vec<u8>> {
        self.alone()?;
        if self.batches.in_bracket() {
            return Err(bracket_error("is begun: commit or cancel it first"));
        }
        let mut overlays: SmallVec<[_; 8]> = self.overlays.iter().collect();
        if overlays.is_empty() {
            return Ok(Vec::new());
        }
        let mut out = Vec::with_capacity(USUAL_BYTES);
        overlays.sort_unstable_by_key(|overlay| overlay.property);
        self.put_stamp(DELTA_FORMAT, &mut out);
        let mut writer = DeltaWriter::new(&mut out);
        for overlay in overlays {
            let value = &self.values[usize::from(overlay.property)];
            let value_type = self.schema.property(PropertyIndex(overlay.property)).value_type();
            match value {
                value if value_type.is_nested() => {
                    let steps = self.steps(overlay);
                    let steps: Vec<_> = steps.iter().filter_map(Logged::part).map(OutStep::of).collect();
                    let some = !steps.is_empty();
                    if some
                        && writer.put_parts(overlay.property, value, steps.into_iter(), 0, &mut WrittenOut)
                    {
                        continue;
                    }
                }
                Value::List(list) => {
                    let steps = self.steps(overlay);
                    let steps: Vec<_> = steps.iter().filter_map(Logged::list).map(|e| (e, false)).collect();
                    if !steps.is_empty()
                        && writer.put_list(overlay.property, list, steps.len(), steps.into_iter())
                    {
                        continue;
                    }
                }
                Value::Dict(dict) => {
                    let keys = self.changed_keys(overlay.property).filter(|keys| keys.len() < dict.len());
                    if let Some(keys) = keys {
                        let entries = keys.iter().map(|key| (*key, dict.get(key), None));
                        writer.put_entries(overlay.property, entries, &mut WrittenOut);
                        continue;
                    }
                }
                _ => {}
            }
            writer.put(overlay.property, value, None, &mut WrittenOut);
        }
        Ok(out)
    }

    /// What the changes that no delta has taken make of a list, or of a value with parts in parts, in their order; nothing
    /// when they don't lead to what is shown.
    fn steps(&self, overlay: &Overlay) -> Vec<Logged> {
        let info = self.schema.property(PropertyIndex(overlay.property));
        let mut value = overlay.confirmed.clone();
        let (mut steps, mut track) = (Vec::new(), Vec::<Tracked>::new());
        for batch in self.batches.undecided() {
            for (op, place) in batch.ops.iter().zip(0..) {
                if op.property != overlay.property {
                    continue;
                }
                let history = track.iter().map(Tracked::happened);
                let Ok(step) = op.change.resolve(&info.slot(), &value, history) else { continue };
                if step.apply(&mut value).is_err() {
                    continue;
                }
                if let Some(effect) = step.moving() {
                    track.push(Tracked { own: OwnOp { batch: batch.number, op: place }, effect });
                }
                steps.extend(step.into_logged());
            }
        }
        if value != self.values[usize::from(overlay.property)] {
            steps.clear();
        }
        steps
    }

    /// The keys of a dictionary that changed; `None` when all of it did.
    fn changed_keys(&self, property: u16) -> Option<BTreeSet<&Key>> {
        let ops = self.batches.undecided().flat_map(|batch| &batch.ops).filter(|op| op.property == property);
        ops.map(|op| match &op.change {
            Change::Dict(
                DictChange::Put { key, .. } | DictChange::Remove { key } | DictChange::Add { key, .. },
            ) => Some(key),
            _ => None,
        })
        .collect()
    }

    /// Applies a delta of another profile of the same schema; whole, or on an error not at all. Empty bytes are the
    /// delta in which nothing changed. Local changes that no delta has taken yet stay over it.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Attached`].
    pub fn apply_delta(&mut self, delta: &[u8]) -> Result<()> {
        self.alone()?;
        if delta.is_empty() {
            return Ok(());
        }
        let reader = self.check_stamp(DELTA_FORMAT, "delta", delta)?;
        let mut entries = Vec::new();
        read_delta(reader, &*self.schema, &mut WrittenOut, &mut entries)?;
        let of_connections = |effect: &Effect| match effect {
            Effect::Diff(_) => true,
            Effect::Parts(steps) => steps.iter().any(|step| matches!(step.what, PartChange::Diff(_))),
            _ => false,
        };
        if entries.iter().any(|entry| of_connections(&entry.effect) || !entry.own.is_empty()) {
            return Err(Error::malformed("delta", "has what only a connection may send"));
        }
        self.apply_effects(&entries, self.applied_through())
    }

    /// All values as bytes, this process's changes included.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put_stamp(SNAPSHOT_FORMAT, &mut out);
        put_snapshot(&mut out, self.values.len(), |i| Some(&self.values[i]), &mut WrittenOut);
        out
    }

    /// Takes over all values of a snapshot; whole, or on an error not at all. Local changes that no delta has taken
    /// are dropped.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Attached`].
    pub fn apply_snapshot(&mut self, snapshot: &[u8]) -> Result<()> {
        self.alone()?;
        let reader = self.check_stamp(SNAPSHOT_FORMAT, "snapshot", snapshot)?;
        let values = read_snapshot(reader, &*self.schema, &mut WrittenOut)?;
        self.batches.confirm_all();
        self.overlays.clear();
        self.load_values(values, Cause::Load);
        Ok(())
    }

    /// The canonical JSON: one member a property, sorted by name, no white space.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::profile_to_json(&self.schema, |i| Some(self.get(i)))
    }

    fn alone(&self) -> Result<()> {
        match self.state {
            State::Alone => Ok(()),
            _ => Err(Error::Attached),
        }
    }

    /// Marks bytes with their format and two bytes of the schema's fingerprint.
    fn put_stamp(&self, format: u8, out: &mut Vec<u8>) {
        out.push(format);
        out.extend_from_slice(&(self.schema.fingerprint() as u16).to_le_bytes());
    }

    fn check_stamp<'b>(&self, format: u8, what: &'static str, bytes: &'b [u8]) -> Result<Reader<'b>> {
        let mut reader = Reader::new(bytes);
        if reader.u8() != Some(format) {
            return Err(Error::malformed(what, "does not begin as one"));
        }
        match reader.bytes(2) {
            Some(stamp) if *stamp == (self.schema.fingerprint() as u16).to_le_bytes() => Ok(reader),
            Some(_) => Err(Error::malformed(what, "is of another schema")),
            None => Err(Error::malformed(what, "ends too early")),
        }
    }
}

//! What goes down: deltas, snapshots, and how far batches are durable.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use smallvec::SmallVec;

use super::log::Last;
use super::profile::{Done, Entry, ListLog, ListStep, MasterProfile, Recent, RecentStep};
use super::session::{Channel, ChannelPhase, PeerInfo, View};
use super::{Action, Due, Master, MasterEvent, Now};
use crate::error::Error;
use crate::limits::{MAX_DELTA_BYTES, MAX_DURABLE_ENTRIES, OUTBOUND_HIGH_WATER_BYTES, OUTBOUND_LIMIT_BYTES};
use crate::planted::{Bug, planted};
use crate::schema::{PropertyIndex, Relation, Schema};
use crate::value::{Key, PartChange, Path, Value};
use crate::wire::by_index::ByIndex;
use crate::wire::compress::compress;
use crate::wire::control::{COMPRESSED, Down, relation_code};
use crate::wire::delta::DeltaWriter;
use crate::wire::frames::{DeltaHead, KIND_DURABLE, KIND_HASH, put_delta, put_frame};
use crate::wire::hash::hash_of;
use crate::wire::keys::{KeyNumbers, PutKeys, ToldKeys, WrittenOut};
use crate::wire::parts::OutStep;
use crate::wire::values::put_snapshot;
use crate::wire::varint::put_u64;

/// Buffers that flushes use again and again.
#[derive(Default)]
pub(super) struct Scratch {
    changed: Vec<PropertyIndex>,
    /// The same by the peer's index.
    entries: Vec<(u16, PropertyIndex)>,
    body: Vec<u8>,
    /// For the steps of a batch.
    pub(super) done: Vec<Done>,
}

/// Names keys to one observer.
pub(super) struct ChannelKeys<'a> {
    pub(super) numbers: &'a mut ByIndex<KeyNumbers>,
    pub(super) told: &'a mut ToldKeys,
    pub(super) view: &'a View,
}

impl PutKeys for ChannelKeys<'_> {
    const NUMBERED: bool = true;

    fn number(&mut self, property: u16, key: &Key) -> Option<(u32, bool)> {
        let number = self
            .numbers
            .or_insert_with(self.view.to_master(property)?.get(), KeyNumbers::default)
            .number(key);
        Some((number, self.told.tell(property, number)))
    }

    fn removed(&mut self, property: u16, key: &Key) -> Option<u32> {
        let number = self.numbers.get(self.view.to_master(property)?.get())?.find(key)?;
        self.told.take_back(property, number).then_some(number)
    }

    fn forget(&mut self, property: u16) {
        self.told.forget(property);
    }
}

impl Master {
    /// A channel has something to flush.
    pub(super) fn mark(&mut self, session: u64, channel: u64) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let Some(open) = state.channels.get_mut(&channel) else { return };
        if !open.dirty {
            open.dirty = true;
            state.dirty.push(channel);
        }
        self.list(session);
    }

    /// A session has something to flush, and room for it.
    pub(super) fn list(&mut self, session: u64) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let something = !state.dirty.is_empty() || !state.durable.is_empty();
        if something && !state.listed && state.outstanding < OUTBOUND_HIGH_WATER_BYTES {
            state.listed = true;
            self.flush.push(session);
        }
    }

    pub(super) fn flush_due(&self) -> Option<Duration> {
        if self.flush.is_empty() {
            return None;
        }
        let last = self.last_flush.filter(|_| !self.urgent);
        Some(last.map_or(Duration::ZERO, |last| last + self.config.update_interval))
    }

    /// Sends every observer what it does not have.
    pub(super) fn flush(&mut self, now: Now) {
        self.last_flush = Some(now.mono);
        self.urgent = false;
        self.tell_modified();
        let mut sessions = std::mem::take(&mut self.flush);
        for session in sessions.drain(..) {
            self.flush_session(now, session);
        }
        sessions.append(&mut self.flush);
        self.flush = sessions;
    }

    fn tell_modified(&mut self) {
        for place in std::mem::take(&mut self.modified) {
            let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { continue };
            profile.modified = false;
            let (user, version) = (profile.user.clone(), profile.version);
            self.events.push(MasterEvent::ProfileModified { user, version });
        }
    }

    fn flush_session(&mut self, now: Now, session: u64) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        state.listed = false;
        let mut dirty = std::mem::take(&mut state.dirty);
        for (place, channel) in dirty.iter().enumerate() {
            let Some(state) = self.sessions.get_mut(&session) else { return };
            if state.outstanding + state.outbox.len() >= OUTBOUND_HIGH_WATER_BYTES {
                // A slow observer's cursor lags; nothing queues.
                state.dirty.extend_from_slice(&dirty[place..]);
                break;
            }
            if let Some(open) = state.channels.get_mut(channel) {
                open.dirty = false;
                self.tell_volatile_reliably(session, *channel);
                self.send_delta(now, session, *channel);
            }
        }
        let Some(state) = self.sessions.get_mut(&session) else { return };
        if state.dirty.is_empty() {
            dirty.clear();
            state.dirty = dirty;
        }
        if !state.durable.is_empty() {
            // The last number of each profile tells all.
            state.durable.sort_unstable();
            let entries = &state.durable;
            let last_of_channel =
                |i: usize| entries.get(i + 1).is_none_or(|(channel, _)| *channel != entries[i].0);
            for chunk in (0..entries.len())
                .filter(|i| last_of_channel(*i))
                .collect::<Vec<_>>()
                .chunks(MAX_DURABLE_ENTRIES)
            {
                put_frame(&mut state.outbox, |out| {
                    out.push(KIND_DURABLE);
                    for i in chunk {
                        put_u64(out, entries[*i].0);
                        put_u64(out, entries[*i].1);
                    }
                });
            }
            state.durable.clear();
        }
        if state.waiting_outbound() > OUTBOUND_LIMIT_BYTES {
            let error = Error::LimitReached { what: "bytes waiting for a peer", limit: OUTBOUND_LIMIT_BYTES };
            return self.close(now, session, error);
        }
        self.send_outbox(session);
    }

    /// Appends the delta of one profile to the session's output.
    fn send_delta(&mut self, now: Now, session: u64, channel: u64) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let (Some(peer), Some(open)) = (&state.peer, state.channels.get_mut(&channel)) else { return };
        match open.phase {
            ChannelPhase::Live => {}
            ChannelPhase::NeedSnapshot => return self.send_snapshot(session, channel),
            ChannelPhase::AwaitConfirm { .. } if planted(Bug::DeltaBeforeConfirm) => {}
            _ => return,
        }
        let Some(profile) = self.profiles[open.profile].as_mut().and_then(Entry::live) else { return };
        let start = state.outbox.len();
        let schema = &self.config.schema;
        let put = Delta { schema, profile, peer, open, channel, last_channel: state.last_channel };
        match put.put(&mut self.scratch, &mut state.outbox) {
            Put::Nothing => {}
            Put::TooLong => self.send_snapshot(session, channel),
            Put::Delta { changed } => {
                state.last_channel = channel;
                self.stats.deltas += 1;
                self.stats.delta_bytes += (state.outbox.len() - start) as u64;
                if changed {
                    self.arm_hash(now, session, channel);
                }
            }
        }
    }

    /// Lets an observer be told the hash of what it has by then, at the latest after the interval.
    pub(super) fn arm_hash(&mut self, now: Now, session: u64, channel: u64) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let Some(open) = state.channels.get_mut(&channel) else { return };
        if open.hash_at.is_none() {
            let at = open.last_hash.map_or(now.mono, |last| last + self.config.hash_interval);
            open.hash_at = Some(at);
            self.timers.push(Reverse((at, Due::Hash(session, channel))));
        }
    }

    pub(super) fn hash_due(&mut self, now: Now, session: u64, channel: u64) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let (Some(peer), Some(open)) = (&state.peer, state.channels.get_mut(&channel)) else { return };
        if open.hash_at.take_if(|at| *at <= now.mono).is_none() {
            return;
        }
        let Some(profile) = self.profiles[open.profile].as_mut().and_then(Entry::live) else { return };
        // One that lags is told after the delta that lets it catch up.
        let has_all = open.version == profile.version && !open.refresh_unsaved;
        if open.phase != ChannelPhase::Live || !has_all {
            return;
        }
        open.last_hash = Some(now.mono);
        let schema = &self.config.schema;
        let relation = open.relation;
        let MasterProfile { hashes, values, epoch, .. } = profile;
        let visible = schema.indexes().filter(|index| {
            let property = schema.property(*index);
            property.visible_to(relation) && !property.is_volatile() && peer.view.to_peer(*index).is_some()
        });
        // Those that are kept are by the master's keys.
        let (renamed, usual): (Vec<_>, Vec<_>) = visible.partition(|i| peer.view.old_key(*i).is_some());
        let usual = usual.into_iter().map(|i| (i.usize(), schema.property(i).key(), &values[i.usize()]));
        let renamed = renamed
            .into_iter()
            .filter_map(|index| Some(hash_of(*epoch, peer.view.old_key(index)?, &values[index.usize()])));
        let hash = hashes.sum(*epoch, values.len(), usual);
        let hash = renamed.fold(hash, u64::wrapping_add);
        put_frame(&mut state.outbox, |out| {
            out.push(KIND_HASH);
            put_u64(out, channel);
            out.extend_from_slice(&hash.to_le_bytes());
        });
        self.stats.hashes += 1;
        self.send_outbox(session);
    }

    /// Sends a whole profile, after which no delta of it goes out until the observer has confirmed it.
    pub(super) fn send_snapshot(&mut self, session: u64, channel: u64) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let (Some(peer), Some(open)) = (state.peer.clone(), state.channels.get_mut(&channel)) else { return };
        if state.snapshot_outstanding >= OUTBOUND_HIGH_WATER_BYTES {
            open.phase = ChannelPhase::NeedSnapshot;
            state.snapshots_waiting.insert(channel);
            return;
        }
        let Some(profile) = self.profiles[open.profile].as_mut().and_then(Entry::live) else { return };
        state.last_serial += 1;
        let serial = state.last_serial;
        let own = profile.writers.get(&peer.writer.id).map_or(0, |w| w.last);
        open.phase = ChannelPhase::AwaitConfirm { serial };
        open.refresh_unsaved = false;
        open.told.clear();
        open.version = profile.version;
        open.own = own;
        let mut bytes = Vec::new();
        put_u64(&mut bytes, channel);
        put_u64(&mut bytes, serial);
        bytes.extend_from_slice(&profile.epoch.to_le_bytes());
        put_u64(&mut bytes, profile.version);
        put_u64(&mut bytes, own);
        let relation_at = bytes.len();
        bytes.push(relation_code(open.relation));
        let relation = open.relation;
        let MasterProfile { keys, values, .. } = profile;
        let mut keys = ChannelKeys { numbers: keys, told: &mut open.told, view: &peer.view };
        let visible = |index: usize| -> Option<&Value> {
            let property = peer.view.to_master(index as u16)?;
            let info = self.config.schema.property(property);
            // What is volatile is told by itself.
            let visible = info.visible_to(relation) && !info.is_volatile();
            visible.then(|| &values[property.usize()])
        };
        put_snapshot(&mut bytes, peer.view.types.len(), visible, &mut keys);
        if compress(&mut bytes, relation_at + 1) {
            bytes[relation_at] |= COMPRESSED;
        }
        state.send(&Down::Snapshot { channel, serial });
        state.snapshot_outstanding += bytes.len();
        self.stats.snapshots += 1;
        self.stats.snapshot_bytes += bytes.len() as u64;
        self.send_outbox(session);
        self.actions.push_back(Action::SendSnapshot { session, bytes });
    }

    /// Gives a session's output to the network.
    pub(super) fn send_outbox(&mut self, session: u64) {
        if let Some(state) = self.sessions.get_mut(&session)
            && !state.outbox.is_empty()
        {
            let bytes = std::mem::take(&mut state.outbox);
            state.outstanding += bytes.len();
            self.actions.push_back(Action::Send { session, bytes });
        }
    }
}

/// The delta of one profile for one observer.
pub(super) struct Delta<'a> {
    pub(super) schema: &'a Schema,
    pub(super) profile: &'a mut MasterProfile,
    pub(super) peer: &'a PeerInfo,
    pub(super) open: &'a mut Channel,
    pub(super) channel: u64,
    /// The channel of the delta before on the connection.
    pub(super) last_channel: u64,
}

/// What came of it.
pub(super) enum Put {
    /// The observer has everything.
    Nothing,
    /// A snapshot goes instead.
    TooLong,
    /// It is sent; whether it has more to say than what became of the observer's own batches.
    Delta { changed: bool },
}

impl Delta<'_> {
    /// Appends it as a frame, and moves the observer's cursor.
    pub(super) fn put(self, scratch: &mut Scratch, out: &mut Vec<u8>) -> Put {
        let Self { schema, profile, peer, open, channel, last_channel } = self;
        let last = profile.writers.get(&peer.writer.id).map_or(0, |w| w.last);
        let own = last.saturating_sub(open.own);
        let step = profile.version - open.version;
        if step == 0 && own == 0 && !open.refresh_unsaved {
            return Put::Nothing;
        }
        let body = &mut scratch.body;
        body.clear();
        if !open.refresh_unsaved
            && open.version >= profile.recent_from
            && put_scalars(schema, profile, peer, open, body)
        {
            put_delta(out, DeltaHead { channel, step, own }, last_channel, body);
            open.version = profile.version;
            open.own += own;
            return Put::Delta { changed: step > 0 };
        }
        profile.changed_since(open.version, &mut scratch.changed);
        let changed = &mut scratch.changed;
        if open.refresh_unsaved {
            changed.extend(schema.indexes().filter(|index| is_refreshed(schema, *index)));
            changed.sort_unstable();
            changed.dedup();
        }
        let entries = &mut scratch.entries;
        entries.clear();
        for property in changed.iter() {
            if (schema.property(*property).visible_to(open.relation) || planted(Bug::DeltaShowsAll))
                && let Some(index) = peer.view.to_peer(*property)
            {
                entries.push((index, *property));
            }
        }
        entries.sort_unstable();
        body.clear();
        let mut keys = ChannelKeys { numbers: &mut profile.keys, told: &mut open.told, view: &peer.view };
        let history = History {
            schema,
            recent: profile.recent.last_while(|recent| recent.version > open.version),
            lists: &profile.lists,
            reaches: open.version >= profile.recent_from,
            since: open.version,
            writer: peer.writer.id,
            relation: open.relation,
        };
        let mut writer = DeltaWriter::new(body);
        for (index, property) in entries.iter() {
            let value = &profile.values[property.usize()];
            let refreshed = open.refresh_unsaved && is_refreshed(schema, *property);
            if writer.len() > MAX_DELTA_BYTES {
                break;
            }
            history.put(&mut writer, *index, *property, value, refreshed, &mut keys);
        }
        if body.len() > MAX_DELTA_BYTES {
            return Put::TooLong;
        }
        put_delta(out, DeltaHead { channel, step, own }, last_channel, body);
        // The hash after a resume in another epoch could not be sent before that.
        let refreshed = std::mem::take(&mut open.refresh_unsaved);
        open.version = profile.version;
        open.own += own;
        Put::Delta { changed: step > 0 || refreshed }
    }
}

/// Scalars up to which the short way is tried.
const FEW: usize = 16;

/// The short way for what there is most: a few scalars changed. Writes nothing, and gives false, when it is not that.
fn put_scalars(
    schema: &Schema,
    profile: &MasterProfile,
    peer: &PeerInfo,
    open: &Channel,
    body: &mut Vec<u8>,
) -> bool {
    let unseen = profile.recent_since(open.version);
    if unseen.len() > FEW {
        return false;
    }
    let mut scalars: SmallVec<[(u16, &Recent); FEW]> = SmallVec::new();
    let mut ascending = true;
    for recent in unseen {
        let RecentStep::Scalar { .. } = recent.what else { return false };
        if !schema.property(recent.property).visible_to(open.relation) && !planted(Bug::DeltaShowsAll) {
            continue;
        }
        let Some(index) = peer.view.to_peer(recent.property) else { continue };
        ascending &= scalars.last().is_none_or(|(last, _)| *last < index);
        scalars.push((index, recent));
    }
    if !ascending {
        // Of those that changed more than once, what was before the first one counts.
        scalars.sort_by_key(|(index, _)| *index);
        scalars.dedup_by_key(|(index, _)| *index);
    }
    let mut writer = DeltaWriter::new(body);
    for (index, Recent { property, what, .. }) in &scalars {
        let RecentStep::Scalar { before } = what else { continue };
        writer.put(*index, &profile.values[property.usize()], *before, &mut WrittenOut);
    }
    true
}

/// Whether a property may have begun anew with the epoch.
fn is_refreshed(schema: &Schema, property: PropertyIndex) -> bool {
    let property = schema.property(property);
    !property.is_saved() && !property.is_volatile()
}

/// Bytes by which the steps of a value with parts in parts may be longer than all of it, besides its size, for who may have
/// changes of it pending: these name places, and what comes whole leaves none of them.
const WRITER_SPARE_BYTES: usize = 256;

/// What an observer has not seen of the recent steps.
struct History<'a> {
    schema: &'a Schema,
    /// Those that it has not seen, if all of them are there.
    recent: Last<'a, Recent>,
    lists: &'a ByIndex<ListLog>,
    /// Whether all that it has not seen is among the recent steps.
    reaches: bool,
    since: u64,
    writer: u128,
    relation: Relation,
}

impl<'a> History<'a> {
    fn log_reaches(&self, property: PropertyIndex) -> bool {
        self.lists.get(property.get()).is_some_and(|log| log.reaches(self.since))
    }

    /// The steps of a property's log that the observer has not seen.
    fn unseen(&self, property: PropertyIndex) -> Last<'a, ListStep> {
        self.lists.get(property.get()).map_or_else(Last::default, |log| log.since(self.since))
    }

    /// Writes what a property is now, as steps where these are known and shorter. `whole` asks for all of it.
    fn put(
        &self,
        writer: &mut DeltaWriter<'_>,
        index: u16,
        property: PropertyIndex,
        value: &Value,
        whole: bool,
        keys: &mut impl PutKeys,
    ) {
        let is_nested = self.schema.property(property).value_type().is_nested();
        let reaches = match value {
            Value::List(_) => self.log_reaches(property),
            _ if is_nested => self.log_reaches(property),
            _ => self.reaches,
        };
        if whole || !reaches {
            return writer.put(index, value, None, keys);
        }
        let mut steps = self.recent.clone().filter(|recent| recent.property == property);
        let mut before = None;
        match value {
            _ if is_nested => {
                let steps = merged(self.unseen(property), self.writer);
                // What comes whole loses the pending changes of whoever writes it.
                let spare = match self.schema.property(property).writable_by(self.relation) {
                    true => value.size() + WRITER_SPARE_BYTES,
                    false => 0,
                };
                if !steps.is_empty() && writer.put_parts(index, value, steps.into_iter(), spare, keys) {
                    return;
                }
            }
            Value::List(list) => {
                let unseen = self.unseen(property);
                let count = unseen.len();
                let items = unseen.filter_map(|step| Some((step.effect.list()?, step.writer == self.writer)));
                if count > 0 && writer.put_list(index, list, count, items) {
                    return;
                }
            }
            Value::Dict(dict) => {
                // By key, the integer before the first step that is not seen.
                let mut changed: SmallVec<[(&Key, Option<i64>); 8]> = SmallVec::new();
                let known = steps.try_for_each(|recent| match &recent.what {
                    RecentStep::Entry { key, before } => {
                        changed.push((key, *before));
                        Some(())
                    }
                    _ => None,
                });
                // The first of each key stays.
                changed.sort_by_key(|(key, _)| *key);
                changed.dedup_by_key(|(key, _)| *key);
                if known.is_some() && !changed.is_empty() && changed.len() <= dict.len() {
                    let entries = changed.iter().map(|(key, before)| (*key, dict.get(key), *before));
                    return writer.put_entries(index, entries, keys);
                }
            }
            _ => {
                before = steps.find_map(|recent| match &recent.what {
                    RecentStep::Scalar { before } => Some(*before),
                    _ => None,
                });
            }
        }
        writer.put(index, value, before.flatten(), keys);
    }
}

/// The steps, of which those that give the same part another value are one, as long as nothing moves.
fn merged<'s>(steps: Last<'s, ListStep>, writer: u128) -> Vec<OutStep<'s>> {
    let mut merged: Vec<OutStep<'s>> = Vec::new();
    let mut places: BTreeMap<&Path, usize> = BTreeMap::new();
    for step in steps {
        let Some(effect) = step.effect.part() else { continue };
        let own = step.writer == writer && matches!(effect.what, PartChange::Insert(_));
        let out = OutStep { effect, own, before: step.before };
        if effect.moves_items() {
            places.clear();
        } else if let (PartChange::Value(_), Some(place)) = (&effect.what, places.get(&effect.path)) {
            merged[*place].effect = effect;
            continue;
        } else {
            places.insert(&effect.path, merged.len());
        }
        merged.push(out);
    }
    merged
}

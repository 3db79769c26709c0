//! What goes down: deltas, snapshots, and how far batches are durable.

use std::time::Duration;

use super::profile::Entry;
use super::session::ChannelPhase;
use super::{Action, Master, Now};
use crate::error::Error;
use crate::limits::{MAX_DELTA_BYTES, MAX_DURABLE_ENTRIES, OUTBOUND_HIGH_WATER_BYTES, OUTBOUND_LIMIT_BYTES};
use crate::schema::PropertyIndex;
use crate::value::Value;
use crate::wire::control::{Down, relation_code};
use crate::wire::frames::{DeltaHead, KIND_DURABLE, put_delta_head, put_frame};
use crate::wire::values::{DeltaWriter, put_snapshot};
use crate::wire::varint::put_u64;

/// Buffers that flushes use again and again.
#[derive(Default)]
pub(super) struct Scratch {
    changed: Vec<(PropertyIndex, Option<i64>)>,
    /// The same by the peer's index.
    entries: Vec<(u16, PropertyIndex, Option<i64>)>,
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
        Some(self.last_flush.map_or(Duration::ZERO, |last| last + self.config.update_interval))
    }

    /// Sends every observer what it does not have.
    pub(super) fn flush(&mut self, now: Now) {
        self.last_flush = Some(now.mono);
        let mut sessions = std::mem::take(&mut self.flush);
        for session in sessions.drain(..) {
            self.flush_session(now, session);
        }
        sessions.append(&mut self.flush);
        self.flush = sessions;
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
                self.send_delta(session, *channel);
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
        if state.outstanding + state.outbox.len() > OUTBOUND_LIMIT_BYTES {
            let error = Error::LimitReached { what: "bytes waiting for a peer", limit: OUTBOUND_LIMIT_BYTES };
            return self.close(now, session, error);
        }
        self.send_outbox(session);
    }

    /// Appends the delta of one profile to the session's output.
    fn send_delta(&mut self, session: u64, channel: u64) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let (Some(peer), Some(open)) = (&state.peer, state.channels.get_mut(&channel)) else { return };
        match open.phase {
            ChannelPhase::Live => {}
            ChannelPhase::NeedSnapshot => return self.send_snapshot(session, channel),
            _ => return,
        }
        let Some(profile) = self.profiles[open.profile].as_mut().and_then(Entry::live) else { return };
        let last = profile.writers.get(&peer.writer.id).map_or(0, |w| w.last);
        let own = last.saturating_sub(open.own);
        let step = profile.version - open.version;
        if step == 0 && own == 0 {
            return;
        }
        profile.changed_since(open.version, &mut self.scratch.changed);
        let entries = &mut self.scratch.entries;
        entries.clear();
        for (property, before) in &self.scratch.changed {
            if self.config.schema.property(*property).visible_to(open.relation)
                && let Some(index) = peer.view.to_peer(*property)
            {
                entries.push((index, *property, *before));
            }
        }
        entries.sort_unstable_by_key(|(index, ..)| *index);
        let start = state.outbox.len();
        let last_channel = state.last_channel;
        let text: usize = entries.iter().map(|(_, p, _)| profile.values[p.usize()].text_bytes() + 24).sum();
        if text > MAX_DELTA_BYTES {
            return self.send_snapshot(session, channel);
        }
        put_frame(&mut state.outbox, |out| {
            put_delta_head(out, DeltaHead { channel, step, own }, last_channel);
            let mut writer = DeltaWriter::new(out);
            for (index, property, before) in entries.iter() {
                writer.put(*index, &profile.values[property.usize()], *before);
            }
        });
        open.version = profile.version;
        open.own += own;
        state.last_channel = channel;
        self.stats.deltas += 1;
        self.stats.delta_bytes += (state.outbox.len() - start) as u64;
    }

    /// Sends a whole profile, after which no delta of it goes out until the observer has confirmed it.
    pub(super) fn send_snapshot(&mut self, session: u64, channel: u64) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let (Some(peer), Some(open)) = (state.peer.clone(), state.channels.get_mut(&channel)) else { return };
        let Some(profile) = self.profiles[open.profile].as_mut().and_then(Entry::live) else { return };
        state.last_serial += 1;
        let serial = state.last_serial;
        let own = profile.writers.get(&peer.writer.id).map_or(0, |w| w.last);
        open.phase = ChannelPhase::AwaitConfirm { serial };
        open.version = profile.version;
        open.own = own;
        let mut bytes = Vec::new();
        put_u64(&mut bytes, channel);
        put_u64(&mut bytes, serial);
        bytes.extend_from_slice(&profile.epoch.to_le_bytes());
        put_u64(&mut bytes, profile.version);
        put_u64(&mut bytes, own);
        bytes.push(relation_code(open.relation));
        let relation = open.relation;
        put_snapshot(&mut bytes, peer.view.types.len(), |index| -> Option<&Value> {
            let property = peer.view.to_master(index as u16);
            let visible = self.config.schema.property(property).visible_to(relation);
            visible.then(|| &profile.values[property.usize()])
        });
        state.send(&Down::Snapshot { channel, serial });
        state.outstanding += bytes.len();
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

//! Batches of writers: recognised when they come again, checked, applied whole or refused whole, and journaled.

use std::collections::HashMap;
use std::sync::Arc;

use super::decide::{self, Decision};
use super::profile::{Done, Entry, MasterProfile, Refusal, WriterState};
use super::session::{ChannelPhase, PeerInfo, Session, violation};
use super::{Master, Now};
use crate::error::{Error, ErrorCode, Result};
use crate::limits::{
    MAX_REFUSED, MAX_RETAINED_BATCHES, MAX_UNJOURNALED_BYTES, MAX_UNJOURNALED_ROWS, MAX_WAITING_BYTES,
    MAX_WRITERS,
};
use crate::planted::{Bug, planted};
use crate::schema::{PropertyIndex, Relation, SyncClass};
use crate::store::JournalRow;
use crate::wire::control::Down;
use crate::wire::frames::{Ops, read_batch};
use crate::wire::keys::Meaning;
use crate::wire::varint::Reader;

impl Master {
    pub(super) fn batches(
        &mut self,
        now: Now,
        session: u64,
        peer: &Arc<PeerInfo>,
        mut reader: Reader<'_>,
    ) -> Result<()> {
        let (Some(channel), Some(mut number)) = (reader.u64(), reader.u64()) else {
            return Err(Error::malformed("batches", "end inside their head"));
        };
        if number == 0 {
            return Err(violation("a batch with the number zero"));
        }
        let mut frame_bytes = reader.len();
        while !reader.is_empty() {
            let Some(state) = self.sessions.get(&session) else { return Ok(()) };
            let profile = state.channels.get(&channel).and_then(|open| self.profiles[open.profile].as_ref());
            let meaning = |property: u16, key: u32| match profile {
                Some(Entry::Live(profile)) => {
                    profile.keys.get(&peer.view.to_master(property).get())?.meaning(key)
                }
                // While it is being loaded, no number has been given.
                Some(Entry::Loading { .. }) => None,
                // What a number meant in a channel that is closed is not known any more, and does not matter.
                None => Some(Meaning::Forgotten),
            };
            let ops = read_batch(&mut reader, number, &*peer.view.types, &meaning)?;
            let Some(state) = self.sessions.get_mut(&session) else { return Ok(()) };
            match state.channels.get_mut(&channel) {
                // Sent before the peer knew that the profile can't be opened.
                None => return Ok(()),
                Some(open) if matches!(open.phase, ChannelPhase::Loading { .. }) => {
                    if open.waiting.len() >= MAX_RETAINED_BATCHES {
                        return Err(violation("more batches than a writer may keep"));
                    }
                    // Counted once a frame.
                    open.waiting_bytes += frame_bytes;
                    state.waiting_bytes += std::mem::take(&mut frame_bytes);
                    if state.waiting_bytes > MAX_WAITING_BYTES {
                        let what = "bytes waiting for profiles to load";
                        return Err(Error::LimitReached { what, limit: MAX_WAITING_BYTES });
                    }
                    open.waiting.push_back((number, ops));
                }
                Some(_) => self.batch(now, session, peer, channel, number, ops),
            }
            number = number.checked_add(1).ok_or_else(|| violation("a batch number beyond all numbers"))?;
        }
        Ok(())
    }

    /// Decides one batch.
    pub(super) fn batch(
        &mut self,
        now: Now,
        session: u64,
        peer: &Arc<PeerInfo>,
        channel: u64,
        number: u64,
        ops: Ops,
    ) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let Some(open) = state.channels.get_mut(&channel) else { return };
        let place = open.profile;
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        if open.relation == Relation::OtherClient {
            // May write nothing, whatever it is; so nothing is remembered of it, and it takes no one's place.
            let property = ops.first().map(|op| peer.view.to_master(op.property));
            let name = property
                .map_or_else(Default::default, |p| self.config.schema.property(p).shared_name().clone());
            let error = Error::NotPermitted { who: open.relation.who(), property: name };
            self.stats.batches_refused += 1;
            refuse(state, peer, channel, number, property, &error);
            return;
        }
        if !profile.writers.contains_key(&peer.writer.id) && profile.writers.len() >= MAX_WRITERS {
            forget_writer(profile, &self.writers, &peer.writer.subject);
            if profile.writers.len() >= MAX_WRITERS {
                // All of them are connected. Nothing is kept of this one, so it may come again with the same number.
                let error = Error::LimitReached { what: "writer sessions of a profile", limit: MAX_WRITERS };
                self.stats.batches_refused += 1;
                refuse(state, peer, channel, number, None, &error);
                return;
            }
        }
        let writer = profile
            .writers
            .entry(peer.writer.id)
            .or_insert_with(|| WriterState::new(peer.writer.clone(), now.unix_ms));
        if number <= writer.last && !planted(Bug::NoDedup) {
            // It came again: it gets its original outcome. An applied one is told by the deltas.
            self.stats.duplicates += 1;
            if let Some(refusal) = writer.refused.get(&number) {
                let refused = refused_message(peer, channel, number, refusal);
                state.send(&refused);
            }
            return;
        }
        writer.last = number;
        writer.seen_unix_ms = now.unix_ms;
        let outcome =
            if self.journal.len() >= MAX_UNJOURNALED_ROWS || self.journal_bytes >= MAX_UNJOURNALED_BYTES {
                Err((None, Error::Unavailable { reason: "the database is too far behind".into() }))
            } else {
                Decision::new(&self.config.schema, profile, peer, open, number).take(&ops)
            };
        match outcome {
            Ok(done) => self.apply(now, place, peer, number, done),
            Err((property, error)) => {
                self.stats.batches_refused += 1;
                let refusal = refuse(state, peer, channel, number, property, &error);
                if let Some(writer) = profile.writers.get_mut(&peer.writer.id) {
                    if !planted(Bug::RefusalForgotten) {
                        writer.refused.insert(number, refusal);
                    }
                    while writer.refused.len() > MAX_REFUSED {
                        writer.refused.pop_first();
                    }
                }
                self.mark(session, channel);
            }
        }
    }

    /// Takes note of a batch whose steps are taken.
    fn apply(&mut self, now: Now, place: usize, peer: &PeerInfo, number: u64, done: Vec<Done>) {
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        profile.version += 1;
        let version = profile.version;
        let schema = &self.config.schema;
        let immediate = |done: &Done| schema.property(done.property).sync() == SyncClass::Immediate;
        self.urgent |= done.iter().any(immediate);
        let effects = decide::effects_of(schema, profile, &done);
        profile.remember(version, peer.writer.id, number, done);
        profile.unjournaled += 1;
        let refused = match profile.writers.get_mut(&peer.writer.id) {
            Some(writer) => {
                let since = writer.refused_journaled.max(writer.applied);
                writer.applied = number;
                writer.applied_version = version;
                writer.refused_journaled = number;
                // That earlier ones expired must not be lost with this master while the row stays: it says that all up to
                // its own number are decided.
                let expired = Some(writer.expired_through).filter(|through| *through > since);
                let expired = expired.map(|through| (through, ErrorCode::WriterExpired));
                let refused =
                    writer.refused.range(since + 1..).map(|(number, refusal)| (*number, refusal.code));
                expired.into_iter().chain(refused).collect()
            }
            None => Vec::new(),
        };
        let row = JournalRow {
            user: profile.user.clone(),
            epoch: profile.epoch,
            version,
            writer: peer.writer.clone(),
            number,
            refused,
            effects,
            unix_ms: now.unix_ms,
        };
        self.journal_bytes += row.bytes();
        self.journal.push_back((place, row));
        self.stats.batches_applied += 1;
        // Taken out for the while: marking changes sessions alone.
        let observers = std::mem::take(&mut profile.observers);
        for (session, channel) in &observers {
            self.mark(*session, *channel);
        }
        if let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) {
            profile.observers = observers;
        }
        self.schedule_save(now, place);
    }
}

/// Tells a writer that a batch is refused.
fn refuse(
    state: &mut Session,
    peer: &PeerInfo,
    channel: u64,
    number: u64,
    property: Option<PropertyIndex>,
    error: &Error,
) -> Refusal {
    let refusal = Refusal { code: error.code(), property, text: error.to_string() };
    state.send(&refused_message(peer, channel, number, &refusal));
    refusal
}

/// Makes room for a writer session of `subject`: one that is not connected is forgotten. Rather one of the same subject,
/// so that nobody pushes out others; rather one of which nothing was ever applied; and then the one silent longest.
fn forget_writer(profile: &mut MasterProfile, connected: &HashMap<u128, u64>, subject: &Arc<str>) {
    let absent =
        profile.writers.iter().filter(|(id, w)| !connected.contains_key(id) && w.durable == w.applied);
    let order = |w: &WriterState| (w.info.subject != *subject, w.applied > 0, w.seen_unix_ms);
    if let Some(id) = absent.min_by_key(|(id, w)| (order(w), **id)).map(|(id, _)| *id)
        && let Some(forgotten) = profile.forget_writer(id)
    {
        profile.forgotten_version = profile.forgotten_version.max(forgotten.applied_version);
        profile.touched = true;
    }
}

pub(super) fn refused_message(peer: &PeerInfo, channel: u64, number: u64, refusal: &Refusal) -> Down {
    Down::Refused {
        channel,
        number,
        code: refusal.code as i32,
        property: refusal.property.and_then(|p| peer.view.to_peer(p)),
        text: refusal.text.clone(),
    }
}

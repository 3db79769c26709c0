//! Batches of writers: recognised when they come again, checked, applied whole or refused whole, and journaled.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::profile::{Entry, MasterProfile, Refusal, WriterState};
use super::session::{ChannelPhase, PeerInfo, Session, violation};
use super::{Master, Now};
use crate::error::{Error, Result};
use crate::limits::{
    MAX_PROFILE_TEXT_BYTES, MAX_REFUSED, MAX_RETAINED_BATCHES, MAX_UNJOURNALED_BYTES, MAX_UNJOURNALED_ROWS,
    MAX_WAITING_BYTES, MAX_WRITERS,
};
use crate::schema::{PropertyIndex, Relation, Schema};
use crate::store::JournalRow;
use crate::value::{Effect, Value};
use crate::wire::control::Down;
use crate::wire::frames::{Ops, read_batch};
use crate::wire::varint::{Reader, len_i64};

/// What a batch makes of the properties it touches; nearly always one.
type Outcome = SmallVec<[(PropertyIndex, Value); 1]>;

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
            let ops = read_batch(&mut reader, &*peer.view.types)?;
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
        if number <= writer.last {
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
                decide(&self.config.schema, profile, peer, open.relation, &ops)
            };
        match outcome {
            Ok(outcome) => self.apply(now, place, peer, number, outcome),
            Err((property, error)) => {
                self.stats.batches_refused += 1;
                let refusal = refuse(state, peer, channel, number, property, &error);
                if let Some(writer) = profile.writers.get_mut(&peer.writer.id) {
                    writer.refused.insert(number, refusal);
                    while writer.refused.len() > MAX_REFUSED {
                        writer.refused.pop_first();
                    }
                }
                self.mark(session, channel);
            }
        }
    }

    fn apply(&mut self, now: Now, place: usize, peer: &PeerInfo, number: u64, outcome: Outcome) {
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        profile.version += 1;
        let version = profile.version;
        let mut effects = Vec::with_capacity(outcome.len());
        for (property, value) in outcome {
            let before = &profile.values[property.usize()];
            if *before == value {
                continue;
            }
            let name = self.config.schema.property(property).shared_name().clone();
            effects.push((name, shorter_effect(before, &value)));
            profile.commit(version, property, value);
        }
        profile.unjournaled += 1;
        let refused = match profile.writers.get_mut(&peer.writer.id) {
            Some(writer) => {
                let since = writer.refused_journaled.max(writer.applied);
                writer.applied = number;
                writer.applied_version = version;
                writer.refused_journaled = number;
                writer.refused.range(since + 1..).map(|(number, refusal)| (*number, refusal.code)).collect()
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
    if let Some(id) = absent.min_by_key(|(_, w)| order(w)).map(|(id, _)| *id)
        && let Some(forgotten) = profile.writers.remove(&id)
    {
        profile.forgotten_version = profile.forgotten_version.max(forgotten.applied_version);
        profile.touched = true;
    }
}

/// What the batch makes of the profile, or the property and the reason why it may not.
fn decide(
    schema: &Schema,
    profile: &MasterProfile,
    peer: &PeerInfo,
    relation: Relation,
    ops: &Ops,
) -> Result<Outcome, (Option<PropertyIndex>, Error)> {
    let mut outcome = Outcome::new();
    let mut text_bytes = profile.text_bytes;
    for op in ops {
        let property = peer.view.to_master(op.property);
        let info = schema.property(property);
        let fail = |error| (Some(property), error);
        if !info.writable_by(relation) {
            let property = info.shared_name().clone();
            return Err(fail(Error::NotPermitted { who: relation.who(), property }));
        }
        let place = outcome.iter().position(|(p, _)| *p == property);
        let base = place.map_or(&profile.values[property.usize()], |i| &outcome[i].1);
        let value = op.change.apply(base, info.shared_name()).map_err(fail)?;
        value.check(|| format!("property `{}`", info.name())).map_err(fail)?;
        text_bytes = text_bytes - base.text_bytes() + value.text_bytes();
        if text_bytes > MAX_PROFILE_TEXT_BYTES && value.text_bytes() > base.text_bytes() {
            let property = info.shared_name().clone();
            return Err(fail(Error::ProfileTooLarge { property, length: text_bytes }));
        }
        match place {
            Some(i) => outcome[i].1 = value,
            None => outcome.push((property, value)),
        }
    }
    Ok(outcome)
}

fn shorter_effect(before: &Value, after: &Value) -> Effect {
    if let (Some(before), Some(after)) = (before.as_int(), after.as_int()) {
        let diff = after.wrapping_sub(before);
        if len_i64(diff) < len_i64(after) {
            return Effect::Diff(diff);
        }
    }
    Effect::Value(after.clone())
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

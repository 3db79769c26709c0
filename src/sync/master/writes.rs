//! Batches of writers: recognised when they come again, checked, applied whole or refused whole, and journaled.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::decide::{self, Decision};
use super::outcomes::{self, Outcome};
use super::profile::{Done, Entry, MasterProfile, Refusal, WriterState};
use super::session::{ChannelPhase, PeerInfo, Request, Session, violation};
use super::{Due, Master, Now};
use crate::error::{Error, ErrorCode, Result};
use crate::limits::{
    MAX_IDEMPOTENCY_KEY_BYTES, MAX_REFUSED, MAX_RETAINED_BATCHES, MAX_UNJOURNALED_BYTES,
    MAX_UNJOURNALED_ROWS, MAX_WAITING_BYTES, MAX_WRITERS,
};
use crate::planted::{Bug, planted};
use crate::profile::check_idempotency_key;
use crate::schema::{Relation, SyncClass};
use crate::store::JournalRow;
use crate::wire::control::Down;
use crate::wire::frames::{Ops, read_batch};
use crate::wire::keys::Meaning;
use crate::wire::values::read_text;
use crate::wire::varint::Reader;

/// Where a batch comes from, and when.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) now: Now,
    pub(super) session: u64,
    pub(super) channel: u64,
    pub(super) peer: &'a Arc<PeerInfo>,
}

impl Master {
    pub(super) fn batches(
        &mut self,
        now: Now,
        session: u64,
        peer: &Arc<PeerInfo>,
        mut reader: Reader<'_>,
    ) -> Result<()> {
        let (channel, mut number) = read_batches_head(&mut reader)?;
        let source = Source { now, session, channel, peer };
        let mut frame_bytes = reader.len();
        while !reader.is_empty() {
            if !self.request(source, number, None, &mut reader, &mut frame_bytes)? {
                return Ok(());
            }
            number = number.checked_add(1).ok_or_else(|| violation("a batch number beyond all numbers"))?;
        }
        Ok(())
    }

    /// One batch with an idempotency key.
    pub(super) fn batch_once(
        &mut self,
        now: Now,
        session: u64,
        peer: &Arc<PeerInfo>,
        mut reader: Reader<'_>,
    ) -> Result<()> {
        let (channel, number) = read_batches_head(&mut reader)?;
        let source = Source { now, session, channel, peer };
        let mut frame_bytes = reader.len();
        let key = read_text(&mut reader, MAX_IDEMPOTENCY_KEY_BYTES)
            .map_err(|reason| Error::malformed("idempotency key", reason))?;
        check_idempotency_key(key)?;
        let key = Some(Arc::from(key));
        if self.request(source, number, key, &mut reader, &mut frame_bytes)? && !reader.is_empty() {
            return Err(Error::malformed("batch", "has trailing bytes"));
        }
        Ok(())
    }

    /// Reads one batch, and decides it unless the profile is still being loaded. False when the channel is closed.
    fn request(
        &mut self,
        source: Source<'_>,
        number: u64,
        key: Option<Arc<str>>,
        reader: &mut Reader<'_>,
        frame_bytes: &mut usize,
    ) -> Result<bool> {
        let Source { session, channel, peer, .. } = source;
        let Some(state) = self.sessions.get(&session) else { return Ok(false) };
        let profile = state.channels.get(&channel).and_then(|open| self.profiles[open.profile].as_ref());
        let meaning = |property: u16, key: u32| match profile {
            Some(Entry::Live(profile)) => {
                profile.keys.get(peer.view.to_master(property)?.get())?.meaning(key)
            }
            // While it is being loaded, no number has been given.
            Some(Entry::Loading(_) | Entry::Deleting(_)) => None,
            // What a number meant in a channel that is closed is not known any more, and does not matter.
            None => Some(Meaning::Forgotten),
        };
        let ops = read_batch(reader, number, &*peer.view.types, &meaning)?;
        let request = Request { number, key, ops };
        let Some(state) = self.sessions.get_mut(&session) else { return Ok(false) };
        match state.channels.get_mut(&channel) {
            // Sent before the peer knew that the profile can't be opened.
            None => return Ok(false),
            Some(open) if matches!(open.phase, ChannelPhase::Loading { .. }) => {
                if open.waiting.len() >= MAX_RETAINED_BATCHES {
                    return Err(violation("more batches than a writer may keep"));
                }
                // Counted once a frame.
                open.waiting_bytes += *frame_bytes;
                state.waiting_bytes += std::mem::take(frame_bytes);
                if state.waiting_bytes > MAX_WAITING_BYTES {
                    let what = "bytes waiting for profiles to load";
                    return Err(Error::LimitReached { what, limit: MAX_WAITING_BYTES });
                }
                open.waiting.push_back(request);
            }
            Some(_) => self.batch(source, request),
        }
        Ok(true)
    }

    /// Decides one batch.
    pub(super) fn batch(&mut self, source: Source<'_>, request: Request) {
        let Source { now, session, channel, peer } = source;
        let Request { number, key, ops } = request;
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let Some(open) = state.channels.get_mut(&channel) else { return };
        let place = open.profile;
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        if open.relation == Relation::OtherClient {
            // May write nothing, whatever it is; so nothing is remembered of it, and it takes no one's place.
            let property = ops.first().and_then(|op| peer.view.to_master(op.property));
            let name = property
                .map_or_else(Default::default, |p| self.config.schema.property(p).shared_name().clone());
            let error = Error::NotPermitted { who: open.relation.who(), property: name };
            self.stats.batches_refused += 1;
            refuse(state, peer, channel, number, Refusal::new(property, &error));
            return;
        }
        if !profile.writers.contains_key(&peer.writer.id) && profile.writers.len() >= MAX_WRITERS {
            forget_writer(profile, &self.writers, &peer.writer.subject);
            if profile.writers.len() >= MAX_WRITERS {
                // All of them are connected. Nothing is kept of this one, so it may come again with the same number.
                let error = Error::LimitReached { what: "writer sessions of a profile", limit: MAX_WRITERS };
                self.stats.batches_refused += 1;
                refuse(state, peer, channel, number, Refusal::new(None, &error));
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
            } else if writer.repeated.contains(&number) {
                state.send(&Down::Repeated { channel, number });
            }
            return;
        }
        writer.last = number;
        writer.seen_unix_ms = now.unix_ms;
        let full = self.journal.len() >= MAX_UNJOURNALED_ROWS || self.journal_bytes >= MAX_UNJOURNALED_BYTES;
        let key = key.map(|key| outcomes::scoped(peer.identity.role, &key));
        let known = match &key {
            Some(key) => profile.outcomes.find(key, now.unix_ms).cloned(),
            None => None,
        };
        let outcome = match known {
            Some(Outcome { refusal: Some(refusal), .. }) => Err(refusal),
            // Also what does nothing makes a row.
            _ if full => Err(unavailable("the database is too far behind")),
            Some(Outcome { refusal: None, .. }) => {
                // It was done before: this one is a batch that does nothing, and is as durable as what comes before it.
                self.stats.batches_repeated += 1;
                writer.repeated.insert(number);
                while writer.repeated.len() > MAX_REFUSED {
                    writer.repeated.pop_first();
                }
                state.send(&Down::Repeated { channel, number });
                return self.apply(now, place, peer, number, None, Vec::new());
            }
            None => self.decide(source, place, number, key.as_deref(), &ops),
        };
        match outcome {
            Ok(done) => self.apply(now, place, peer, number, key, done),
            Err(refusal) => self.refused(source, place, number, key, refusal),
        }
    }

    /// Takes a batch's steps, or none of them.
    fn decide(
        &mut self,
        Source { now, session, channel, peer }: Source<'_>,
        place: usize,
        number: u64,
        key: Option<&str>,
        ops: &Ops,
    ) -> Result<Vec<Done>, Refusal> {
        let open = self.sessions.get(&session).and_then(|state| state.channels.get(&channel));
        let profile = self.profiles[place].as_mut().and_then(Entry::live);
        let (Some(open), Some(profile)) = (open, profile) else {
            return Err(unavailable("the profile is closed"));
        };
        if let Some(key) = key {
            profile.outcomes.make_room(key, now.unix_ms).map_err(|error| Refusal::new(None, &error))?;
        }
        if let Some(op) = ops.iter().find(|op| peer.view.to_master(op.property).is_none()) {
            return Err(Refusal::absent(op.property, &peer.view.absence(op.property)));
        }
        let decision = Decision::new(&self.config.schema, profile, peer, open, number);
        let done = std::mem::take(&mut self.scratch.done);
        decision.with(done).take(ops).map_err(|(property, error)| Refusal::new(property, &error))
    }

    /// Tells a writer that a batch is refused, and remembers it.
    fn refused(
        &mut self,
        Source { now, session, channel, peer }: Source<'_>,
        place: usize,
        number: u64,
        key: Option<Arc<str>>,
        refusal: Refusal,
    ) {
        self.stats.batches_refused += 1;
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        // What was refused for want of room, not for what it asks, may be asked again under the same key.
        let key = key.filter(|_| !matches!(refusal.code, ErrorCode::Unavailable | ErrorCode::LimitReached));
        let mut is_new = false;
        if let Some(key) = key {
            is_new = profile.outcomes.refused(key, refusal.clone(), now.unix_ms);
            profile.touched |= is_new;
        }
        if let Some(state) = self.sessions.get_mut(&session) {
            refuse(state, peer, channel, number, refusal.clone());
        }
        if let Some(writer) = profile.writers.get_mut(&peer.writer.id) {
            if !planted(Bug::RefusalForgotten) {
                writer.refused.insert(number, refusal);
            }
            while writer.refused.len() > MAX_REFUSED {
                writer.refused.pop_first();
            }
        }
        self.mark(session, channel);
        if is_new {
            self.schedule_save(now, place);
        }
    }

    /// Takes note of a batch whose steps are taken.
    fn apply(
        &mut self,
        now: Now,
        place: usize,
        peer: &PeerInfo,
        number: u64,
        key: Option<Arc<str>>,
        done: Vec<Done>,
    ) {
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        profile.version += 1;
        let version = profile.version;
        let schema = &self.config.schema;
        let immediate = |done: &Done| schema.property(done.property).sync() == SyncClass::Immediate;
        self.urgent |= done.iter().any(immediate);
        // Without a property there is nothing that could wait.
        let intervals = done.iter().map(|done| schema.property(done.property).interval());
        let may_wait = intervals.min().flatten();
        let effects = decide::effects_of(schema, profile, &done);
        let mut done = done;
        profile.remember(version, peer.writer.id, number, &mut done);
        self.scratch.done = done;
        if let Some(key) = key {
            profile.outcomes.applied(key, now.unix_ms);
        }
        if self.config.tell_modified && !std::mem::replace(&mut profile.modified, true) {
            self.modified.push(place);
        }
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
        let outcomes = profile.outcomes.take_unjournaled();
        if self.config.journal {
            profile.unjournaled += 1;
            let row = JournalRow {
                user: profile.user.clone(),
                epoch: profile.epoch,
                version,
                writer: peer.writer.clone(),
                number,
                refused,
                effects,
                outcomes,
                unix_ms: now.unix_ms,
            };
            self.journal_bytes += row.bytes();
            self.journal.push_back((place, row));
        }
        self.stats.batches_applied += 1;
        match may_wait {
            Some(interval) => self.tell_later(now, place, peer.writer.id, interval),
            None => self.tell(now, place),
        }
        self.schedule_save(now, place);
    }

    /// Lets the observers of a profile be told with the next flush.
    fn tell(&mut self, now: Now, place: usize) {
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        profile.told_at = Some(now.mono);
        profile.tell_at = None;
        // Taken out for the while: marking changes sessions alone.
        let observers = std::mem::take(&mut profile.observers);
        for (session, channel) in &observers {
            self.mark(*session, *channel);
        }
        if let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) {
            profile.observers = observers;
        }
    }

    /// Lets them be told when this interval is over since the last time; but the writer at once, who waits to hear of it.
    fn tell_later(&mut self, now: Now, place: usize, writer: u128, interval: Duration) {
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        let at = profile.told_at.map_or(now.mono, |told| told + interval);
        if profile.tell_at.is_none_or(|(tell, _)| tell > at) {
            profile.tell_at = Some((at, interval < self.config.update_interval));
            if profile.tell_timers.start(at) {
                self.timers.push(Reverse((at, Due::Tell(place))));
            }
        }
        let own = self.writers.get(&writer).copied();
        let own = profile.observers.iter().find(|(session, _)| Some(*session) == own).copied();
        if let Some((session, channel)) = own {
            self.mark(session, channel);
        }
    }

    pub(super) fn tell_due(&mut self, now: Now, place: usize) {
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        profile.tell_timers.ended(now.mono);
        match profile.tell_at {
            Some((at, urgent)) if at <= now.mono => {
                self.tell(now, place);
                self.urgent |= urgent;
            }
            // They were told sooner since, and wait anew.
            Some((at, _)) if profile.tell_timers.start(at) => {
                self.timers.push(Reverse((at, Due::Tell(place))));
            }
            _ => {}
        }
    }
}

fn unavailable(reason: &str) -> Refusal {
    Refusal::new(None, &Error::Unavailable { reason: reason.into() })
}

/// Tells a writer that a batch is refused.
fn refuse(state: &mut Session, peer: &PeerInfo, channel: u64, number: u64, refusal: Refusal) {
    state.send(&refused_message(peer, channel, number, &refusal));
}

/// Channel and first number of a frame of batches.
fn read_batches_head(reader: &mut Reader<'_>) -> Result<(u64, u64)> {
    let (Some(channel), Some(number)) = (reader.u64(), reader.u64()) else {
        return Err(Error::malformed("batches", "end inside their head"));
    };
    if number == 0 {
        return Err(violation("a batch with the number zero"));
    }
    Ok((channel, number))
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
        property: refusal.property.and_then(|p| peer.view.to_peer(p)).or(refusal.absent),
        text: refusal.text.clone(),
    }
}

//! Opening, loading and leaving profiles.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::document;
use super::health::Area;
use super::profile::{Deleting, Entry, Loading, MasterProfile, Waiter, WriterState};
use super::session::{Channel, ChannelPhase, OpenInfo, PeerInfo, violation};
use super::writes::{Source, refused_message};
use super::{Action, Due, Master, MasterEvent, Now, PeerRole, StoreRequest};
use crate::error::{Error, ErrorCode, Result};
use crate::limits::{MAX_OPEN_PROFILES, OUTBOUND_HIGH_WATER_BYTES};
use crate::planted::{Bug, planted};
use crate::schema::{PropertyIndex, Relation, Schema, check_user_id};
use crate::store::StoredProfile;
use crate::value::Value;
use crate::wire::control::Down;

impl Master {
    pub(super) fn open(
        &mut self,
        now: Now,
        session: u64,
        peer: &PeerInfo,
        channel: u64,
        user: String,
        open: OpenInfo,
    ) -> Result<()> {
        let Some(state) = self.sessions.get(&session) else { return Ok(()) };
        if state.channels.contains_key(&channel) {
            return Err(violation("a channel is opened twice"));
        }
        let full = state.channels.len() >= MAX_OPEN_PROFILES;
        let profile = self.by_user.get(&*user).copied();
        let twice = profile.and_then(|p| self.profiles[p].as_ref()).is_some_and(|entry| match entry {
            Entry::Loading(Loading { waiters, .. }) | Entry::Deleting(Deleting { waiters, .. }) => {
                waiters.iter().any(|waiter| waiter.session == session)
            }
            Entry::Live(profile) => profile.observers.iter().any(|(observer, _)| *observer == session),
        });
        let refusal = match check_user_id(&user) {
            Err(error) => Some(error),
            Ok(()) if twice => Some(Error::AlreadyOpen { user: Arc::from(&*user) }),
            Ok(()) if full => Some(Error::LimitReached { what: "open profiles", limit: MAX_OPEN_PROFILES }),
            Ok(()) => None,
        };
        if let Some(error) = refusal {
            self.open_failed(session, channel, &error);
            return Ok(());
        }
        let user: Arc<str> = Arc::from(user);
        let relation = match peer.identity.role {
            PeerRole::Master => Relation::Master,
            PeerRole::Server => Relation::Server,
            PeerRole::Client if peer.identity.subject == user => Relation::Owner,
            PeerRole::Client => Relation::OtherClient,
        };
        let profile = profile.unwrap_or_else(|| self.load(now, user));
        if let Some(state) = self.sessions.get_mut(&session) {
            let phase = ChannelPhase::Loading { open };
            state.channels.insert(channel, Channel::new(profile, relation, phase));
        }
        let until = now.mono + self.config.load_timeout;
        match &mut self.profiles[profile] {
            Some(Entry::Loading(Loading { waiters, .. }) | Entry::Deleting(Deleting { waiters, .. })) => {
                waiters.push(Waiter { session, channel, until });
            }
            _ => self.opened(now, session, channel),
        }
        Ok(())
    }

    pub(super) fn open_failed(&mut self, session: u64, channel: u64, error: &Error) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let server = state.peer.as_ref().is_some_and(|peer| peer.identity.role != PeerRole::Client);
        let text = match error {
            // The words of a database are not for players.
            Error::Store { .. } if !server => "the profile can't be loaded now".into(),
            error => error.to_string(),
        };
        state.send(&Down::OpenFailed { channel, code: error.code() as i32, text });
    }

    /// A place in memory for a profile that is not there.
    pub(super) fn place_for(&mut self, user: Arc<str>) -> usize {
        let place = self.free.pop().unwrap_or_else(|| {
            self.profiles.push(None);
            self.profiles.len() - 1
        });
        self.by_user.insert(user, place);
        place
    }

    /// Takes a profile out of memory.
    pub(super) fn free(&mut self, place: usize, user: &Arc<str>) {
        self.profiles[place] = None;
        self.free.push(place);
        self.by_user.remove(user);
    }

    /// Begins to load a profile.
    fn load(&mut self, now: Now, user: Arc<str>) -> usize {
        let place = self.place_for(user.clone());
        self.profiles[place] = Some(Entry::Loading(Loading::new(user)));
        self.ask_for(now, place);
        place
    }

    /// Asks the store for a profile.
    pub(super) fn ask_for(&mut self, now: Now, place: usize) {
        let Some(Entry::Loading(loading)) = &mut self.profiles[place] else { return };
        loading.asked = true;
        let first = loading.waiters.iter().map(|waiter| waiter.until).min();
        let until = first.unwrap_or(now.mono + self.config.load_timeout);
        self.timers.push(Reverse((until, Due::Load(place))));
        let user = loading.user.clone();
        self.actions.push_back(Action::Store(StoreRequest::Restore { user }));
    }

    /// Some may have waited too long for a profile, and the store may have to be asked again.
    pub(super) fn load_due(&mut self, now: Now, place: usize) {
        let Some(Entry::Loading(loading)) = &mut self.profiles[place] else { return };
        let late = loading.waiters.extract_if(.., |waiter| waiter.until <= now.mono).collect();
        self.waited_too_long(now, late);
        let Some(Entry::Loading(loading)) = &mut self.profiles[place] else { return };
        if loading.asked {
            // The answer may come yet; who comes until then waits for it.
            if let Some(until) = loading.waiters.iter().map(|waiter| waiter.until).min() {
                self.timers.push(Reverse((until, Due::Load(place))));
            }
        } else if loading.waiters.is_empty() && loading.doomed.is_empty() {
            let user = loading.user.clone();
            self.free(place, &user);
        } else if loading.retry.is_due(now.mono) {
            self.ask_for(now, place);
        }
    }

    /// These have waited too long for a profile: it could not be read in their time.
    fn waited_too_long(&mut self, now: Now, waiters: Vec<Waiter>) {
        if waiters.is_empty() {
            return;
        }
        let millis = self.config.load_timeout.as_millis() as u64;
        self.in_trouble(now, Area::Loads, Error::Timeout { what: "reading a profile", millis });
        let error = Error::Unavailable { reason: "the profile can't be read now".into() };
        for Waiter { session, channel, .. } in waiters {
            self.give_up(session, channel, &error);
        }
    }

    /// Tells a session that it can't have a profile that it waits for.
    fn give_up(&mut self, session: u64, channel: u64, error: &Error) {
        if let Some(state) = self.sessions.get_mut(&session)
            && let Some(open) = state.channels.remove(&channel)
        {
            state.waiting_bytes -= open.waiting_bytes;
        }
        self.open_failed(session, channel, error);
        self.send_outbox(session);
    }

    /// The store answered.
    pub(super) fn restored(&mut self, now: Now, user: &Arc<str>, result: Result<Option<StoredProfile>>) {
        let Some(place) = self.by_user.get(user).copied() else { return };
        let Some(Entry::Loading(loading)) = &mut self.profiles[place] else { return };
        loading.asked = false;
        if loading.waiters.is_empty() && loading.doomed.is_empty() {
            // They have gone, or were told that it takes too long.
            return self.free(place, user);
        }
        match result {
            Err(error) if may_pass(&error) => {
                let wait = loading.retry.failed(now.mono, &mut self.rng);
                self.timers.push(Reverse((now.mono + wait, Due::Load(place))));
                return self.in_trouble(now, Area::Loads, error);
            }
            _ => self.out_of_trouble(now, Area::Loads),
        }
        let Some(Entry::Loading(Loading { waiters, doomed, .. })) = self.profiles[place].take() else {
            return;
        };
        let epoch = self.rng.next();
        let defaults = || self.config.schema.properties().iter().map(|p| p.default().clone()).collect();
        let loaded = match result {
            // Made at the first login, or when a game server asks; not because another player looks.
            Ok(None) if !waiters.iter().any(|waiter| self.may_create(waiter.session, waiter.channel)) => {
                Err(Error::NoSuchProfile { user: user.clone() })
            }
            Ok(None) => {
                self.events.push(MasterEvent::ProfileCreated { user: user.clone() });
                let mut profile = MasterProfile::new(user.clone(), epoch, defaults());
                profile.unstored = not_from_nothing(&self.config.schema);
                Ok(profile)
            }
            Ok(Some(stored)) => document::load(&self.config.schema, user, stored, now.unix_ms).map(
                |(mut profile, misfits)| {
                    profile.begin_epoch(epoch);
                    // Else a cursor of this epoch would not be known after an unload in which nothing changed.
                    profile.touched = true;
                    for (property, reason) in misfits {
                        let user = user.clone();
                        self.events.push(MasterEvent::ValueKeptAside { user, property, reason });
                    }
                    self.events.push(MasterEvent::ProfileLoaded { user: user.clone() });
                    profile
                },
            ),
            Err(error) => Err(error),
        };
        match loaded {
            Ok(profile) => {
                // A new profile is written at once: a login that was answered is in the store.
                // And what was converted or kept aside is soon so in the store, too.
                let new = profile.saved.is_none() || !profile.unstored.is_empty();
                self.profiles[place] = Some(Entry::Live(Box::new(profile)));
                if new {
                    self.queue_save(place);
                }
                for waiter in waiters {
                    self.opened(now, waiter.session, waiter.channel);
                }
                self.idle(now, place);
            }
            Err(error) => {
                // An error for the players, never defaults over good data.
                self.free(place, user);
                if !matches!(error, Error::NoSuchProfile { .. }) {
                    self.events.push(MasterEvent::StoreFailed { error: error.clone() });
                }
                for waiter in waiters {
                    self.give_up(waiter.session, waiter.channel, &error);
                }
            }
        }
        for asker in doomed {
            self.delete(asker, user.clone());
        }
    }

    fn may_create(&self, session: u64, channel: u64) -> bool {
        let state = self.sessions.get(&session).and_then(|state| state.channels.get(&channel));
        state.is_some_and(|open| open.relation != Relation::OtherClient)
    }

    /// The profile is there: answers the open, and takes what came meanwhile.
    fn opened(&mut self, now: Now, session: u64, channel: u64) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let (Some(peer), Some(open)) = (state.peer.clone(), state.channels.get_mut(&channel)) else { return };
        let ChannelPhase::Loading { open: info } = open.phase.clone() else { return };
        let Some(profile) = self.profiles[open.profile].as_mut().and_then(Entry::live) else { return };
        profile.observers.push((session, channel));
        profile.unload_at = None;
        let mut writer = profile.writers.get_mut(&peer.writer.id);
        if let Some(writer) = &mut writer
            && writer.info.subject != peer.writer.subject
        {
            let error = Error::AuthFailed { reason: "the writer session belongs to somebody else".into() };
            return self.close(now, session, error);
        }
        let known = writer.is_some();
        if let Some(writer) = writer {
            if std::mem::take(&mut writer.closed) {
                profile.touched = true;
            }
            writer.refused.retain(|number, _| *number > info.heard);
            writer.repeated.retain(|number| *number > info.heard);
        }
        let expired = !known && was_forgotten(profile, &info);
        if expired {
            // Its numbers stay used up, so that none of them is ever applied, now or after the next reconnect.
            let mut writer = WriterState::new(peer.writer.clone(), now.unix_ms);
            (writer.last, writer.expired_through) = (info.last, info.last);
            profile.writers.insert(peer.writer.id, writer);
            profile.touched = true;
        }
        let writer = profile.writers.get(&peer.writer.id);
        let (applied, durable) = writer.map_or((0, 0), |writer| (writer.last, writer.durable));
        let resumed = info.cursor.filter(|cursor| profile.serves(*cursor)).map(|cursor| cursor.version);
        let epoch = profile.epoch;
        open.own = info.applied.saturating_sub(u64::from(planted(Bug::OwnCountOffByOne)));
        open.version = resumed.unwrap_or(0);
        open.versions_are_known = resumed.is_some();
        open.crossed_epochs = resumed.is_some() && info.cursor.is_some_and(|cursor| cursor.epoch != epoch);
        open.refresh_unsaved = open.crossed_epochs;
        open.phase = if resumed.is_some() { ChannelPhase::Live } else { ChannelPhase::NeedSnapshot };
        let waiting = std::mem::take(&mut open.waiting);
        state.waiting_bytes -= std::mem::take(&mut open.waiting_bytes);
        open.volatile.opened(info.volatile);
        let volatile = self.volatile.last();
        state.send(&Down::Opened { channel, epoch, resumed, applied, durable, volatile });
        if let Some(writer) = writer {
            // Outcomes come before the delta or the snapshot that says how far batches are decided.
            if writer.expired_through > info.heard {
                state.send(&Down::Expired { channel, through: writer.expired_through });
            }
            for (number, refusal) in &writer.refused {
                state.send(&refused_message(&peer, channel, *number, refusal));
            }
            for number in &writer.repeated {
                state.send(&Down::Repeated { channel, number: *number });
            }
        }
        if resumed.is_none() && state.outstanding < OUTBOUND_HIGH_WATER_BYTES {
            self.send_snapshot(session, channel);
        }
        self.mark(session, channel);
        if resumed.is_some() {
            self.arm_hash(now, session, channel);
        }
        for request in waiting {
            self.batch(Source { now, session, channel, peer: &peer }, request);
        }
        self.send_outbox(session);
    }

    pub(super) fn release(&mut self, now: Now, session: u64, peer: &PeerInfo, channel: u64, drained: bool) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let Some(open) = state.channels.remove(&channel) else { return };
        state.waiting_bytes -= open.waiting_bytes;
        state.send(&Down::Released { channel });
        if drained
            && let Some(profile) = self.profiles[open.profile].as_mut().and_then(Entry::live)
            && let Some(writer) = profile.writers.get_mut(&peer.writer.id)
            && writer.durable == writer.applied
        {
            writer.closed = true;
            profile.touched = true;
            if planted(Bug::WriterForgottenEarly) {
                profile.forget_writer(peer.writer.id);
            }
        }
        self.leave(now, session, channel, open.profile);
    }

    /// A session's interest in a profile ended.
    pub(super) fn leave(&mut self, now: Now, session: u64, channel: u64, place: usize) {
        match &mut self.profiles[place] {
            Some(Entry::Loading(Loading { waiters, .. }) | Entry::Deleting(Deleting { waiters, .. })) => {
                waiters.retain(|waiter| (waiter.session, waiter.channel) != (session, channel));
            }
            Some(Entry::Live(profile)) => {
                profile.observers.retain(|o| *o != (session, channel));
                self.idle(now, place);
            }
            None => {}
        }
    }

    /// A profile that nobody observes is saved at once, and leaves memory later.
    fn idle(&mut self, now: Now, place: usize) {
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        if !profile.observers.is_empty() {
            return;
        }
        let at = now.mono + self.config.unload_after;
        profile.unload_at = Some(at);
        if !std::mem::replace(&mut profile.unload_armed, true) {
            self.timers.push(Reverse((at, Due::Unload(place))));
        }
        if profile.unsaved() {
            self.queue_save(place);
        }
    }

    pub(super) fn unload_due(&mut self, now: Now, place: usize) {
        const AGAIN: Duration = Duration::from_millis(100);
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        profile.unload_armed = false;
        let Some(at) = profile.unload_at.filter(|_| profile.observers.is_empty()) else { return };
        if at > now.mono {
            // Somebody came and left again since.
            profile.unload_armed = true;
            return self.timers.push(Reverse((at, Due::Unload(place))));
        }
        if profile.unsaved() || profile.saving || profile.unjournaled > 0 {
            // Never before all of it is in the store.
            let at = now.mono + AGAIN;
            profile.unload_at = Some(at);
            profile.unload_armed = true;
            self.timers.push(Reverse((at, Due::Unload(place))));
            return;
        }
        let user = profile.user.clone();
        self.free(place, &user);
        self.events.push(MasterEvent::ProfileUnloaded { user });
    }
}

/// Whether the store may do next time what it failed to do.
fn may_pass(error: &Error) -> bool {
    matches!(
        error.code(),
        ErrorCode::StoreFailed | ErrorCode::Timeout | ErrorCode::Unavailable | ErrorCode::System
    )
}

/// The properties of which the first row says the whole value, as long as there is no document with the default that it goes on
/// from: by the time that the row is read, that may be another one. What is empty at first is no question.
fn not_from_nothing(schema: &Schema) -> BTreeSet<PropertyIndex> {
    let is_empty = |value: &Value| match value {
        Value::List(list) => list.is_empty(),
        Value::Dict(dict) => dict.is_empty(),
        value => matches!(value, Value::Record(_)),
    };
    schema.indexes().filter(|index| !is_empty(schema.property(*index).default())).collect()
}

/// Whether a writer session that the profile does not know was known once, so that its undecided batches may have been
/// applied. The other possibility is that a crash took back all that it ever did; then they must be applied.
fn was_forgotten(profile: &MasterProfile, info: &OpenInfo) -> bool {
    if info.last == 0 {
        return false;
    }
    let survived = info.cursor.filter(|cursor| profile.serves(*cursor));
    match survived {
        // It has batches in a version that survived, or was told that some are durable: the store knew it.
        Some(_) if info.applied > info.heard => true,
        _ if info.durable > 0 => true,
        // What it has not heard of came after its cursor: was somebody forgotten who wrote there?
        Some(cursor) => cursor.version < profile.forgotten_version,
        None => profile.forgotten_version > 0,
    }
}

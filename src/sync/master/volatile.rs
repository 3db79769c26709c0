//! Volatile properties: the latest value wins, passed on by datagram at once, and on the ordered stream once it is quiet.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::profile::{Entry, MasterProfile};
use super::session::{Channel, ChannelPhase, PeerInfo, View};
use super::{Action, Due, Master, Now};
use crate::error::{Error, Result};
use crate::limits::{MAX_PROFILE_BYTES, OUTBOUND_HIGH_WATER_BYTES, VOLATILE_QUIET};
use crate::schema::{PropertyIndex, Schema};
use crate::wire::control::Down;
use crate::wire::varint::Reader;
use crate::wire::volatile::{Datagrams, VolatileEntry, fits_datagram, put_volatile_frames, read_volatile};

/// Of all profiles.
#[derive(Debug, Default)]
pub(super) struct Volatile {
    /// The number of the latest value of any of them.
    last: u64,
    /// Profiles with values that were not passed on.
    fresh: Vec<usize>,
}

impl Volatile {
    pub(super) fn last(&self) -> u64 {
        self.last
    }
}

/// Of one profile.
#[derive(Debug, Default)]
pub(super) struct ProfileVolatile {
    latest: BTreeMap<PropertyIndex, Latest>,
    /// Those that were not passed on.
    fresh: BTreeSet<PropertyIndex>,
    /// When one of them is quiet that was not told on the streams, if it is not set anew before.
    quiet_at: Option<Duration>,
}

/// The latest value of a property is in the profile; this is what belongs to it.
#[derive(Clone, Copy, Debug)]
struct Latest {
    number: u64,
    /// The session that it came from.
    session: u64,
    /// When it came, and whether observers were told on the streams since.
    at: Duration,
    told: bool,
}

/// Of one observer of a profile.
#[derive(Debug, Default)]
pub(super) struct ChannelVolatile {
    /// Its values have greater numbers; others are of a profile that had the channel before.
    from: u64,
    /// The number of its own latest value of each property.
    own: BTreeMap<PropertyIndex, u64>,
    /// The master's number up to which it was told on the ordered stream; none before the first time.
    told: Option<u64>,
    /// Properties of which a value of its own was refused: it is told what they are instead.
    refused: BTreeSet<PropertyIndex>,
    /// Whether it is to be told.
    due: bool,
}

impl ChannelVolatile {
    pub(super) fn opened(&mut self, from: u64) {
        self.from = from;
        self.due = true;
    }

    fn entry(
        &self,
        property: PropertyIndex,
        profile: &MasterProfile,
        schema: &Schema,
        channel: &Channel,
        view: &View,
    ) -> Option<VolatileEntry> {
        if !schema.property(property).visible_to(channel.relation) {
            return None;
        }
        let latest = profile.volatile.latest.get(&property);
        Some(VolatileEntry {
            property: view.to_peer(property)?,
            number: latest.map_or(0, |latest| latest.number),
            own: Some(self.own.get(&property).copied().unwrap_or(0)),
            value: profile.values[property.usize()].clone(),
        })
    }
}

impl Master {
    /// A datagram of a session.
    pub(crate) fn received_datagram(&mut self, now: Now, session: u64, bytes: &[u8]) {
        let Some(state) = self.sessions.get(&session) else { return };
        // One that overtook the hello is lost, as datagrams may be.
        let Some(peer) = state.peer.clone().filter(|_| !self.stopping) else { return };
        if let Err(error) = self.receive_volatile(now, session, &peer, Reader::new(bytes), false) {
            self.close(now, session, error);
        }
    }

    /// Values that a peer has set; `reliable` when they come on the ordered stream.
    pub(super) fn receive_volatile(
        &mut self,
        now: Now,
        session: u64,
        peer: &Arc<PeerInfo>,
        reader: Reader<'_>,
        reliable: bool,
    ) -> Result<()> {
        let mut entries = Vec::new();
        read_volatile(reader, false, &*peer.view.types, |channel, entry| entries.push((channel, entry)))?;
        for (channel, entry) in entries {
            let Some(property) = peer.view.to_master(entry.property) else {
                let error = peer.view.absence(entry.property);
                if let Some(state) = self.sessions.get_mut(&session).filter(|_| reliable) {
                    state.send(&Down::Refused {
                        channel,
                        number: 0,
                        code: error.code() as i32,
                        property: Some(entry.property),
                        text: error.to_string(),
                    });
                }
                continue;
            };
            self.set_volatile(now, session, channel, property, entry, reliable);
        }
        Ok(())
    }

    fn set_volatile(
        &mut self,
        now: Now,
        session: u64,
        channel: u64,
        property: PropertyIndex,
        entry: VolatileEntry,
        reliable: bool,
    ) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let Some(open) = state.channels.get_mut(&channel) else { return };
        let place = open.profile;
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        if matches!(open.phase, ChannelPhase::Loading { .. }) || entry.number <= open.volatile.from {
            return;
        }
        let own = open.volatile.own.entry(property).or_default();
        if entry.number <= *own {
            return;
        }
        let info = self.config.schema.property(property);
        let size = profile.size - profile.values[property.usize()].size() + entry.value.size();
        let permitted = match info.writable_by(open.relation) {
            // By the peer's schema it is.
            _ if !info.is_volatile() => {
                let reason = format!("`{}` is not volatile at the master", info.name());
                Err(Error::InvalidArgument { argument: "property", reason })
            }
            _ if size > MAX_PROFILE_BYTES => {
                Err(Error::ProfileTooLarge { property: info.shared_name().clone(), length: size })
            }
            true => info
                .slot()
                .check(&entry.value)
                .and_then(|()| info.slot().check_order(&profile.values[property.usize()], &entry.value)),
            false => {
                let property = info.shared_name().clone();
                Err(Error::NotPermitted { who: open.relation.who(), property })
            }
        };
        match permitted {
            Ok(()) => {
                *own = entry.number;
                profile.size = size;
                profile.values[property.usize()] = entry.value;
            }
            // It is repeated on the stream, and answered there.
            Err(_) if !reliable => return,
            Err(error) => {
                *own = entry.number;
                // It is told what the property is instead; for others nothing changed.
                open.volatile.refused.insert(property);
                open.volatile.due = true;
                state.send(&Down::Refused {
                    channel,
                    number: 0,
                    code: error.code() as i32,
                    property: Some(entry.property),
                    text: error.to_string(),
                });
                return self.mark(session, channel);
            }
        }
        self.volatile.last += 1;
        let before = profile.volatile.latest.get(&property).filter(|before| !before.told);
        let at = match before {
            // No datagram tells it, so it does not wait until it rests.
            Some(before) if !fits_datagram(&profile.values[property.usize()]) => before.at,
            _ => now.mono,
        };
        let latest = Latest { number: self.volatile.last, session, at, told: false };
        profile.volatile.latest.insert(property, latest);
        if profile.volatile.fresh.is_empty() {
            self.volatile.fresh.push(place);
        }
        profile.volatile.fresh.insert(property);
        if profile.volatile.quiet_at.is_none() {
            let quiet_at = now.mono + VOLATILE_QUIET;
            profile.volatile.quiet_at = Some(quiet_at);
            self.timers.push(Reverse((quiet_at, Due::Quiet(place))));
        }
    }

    /// Passes on by datagram what came since the last time.
    pub(super) fn tell_volatile(&mut self) {
        if self.volatile.fresh.is_empty() {
            return;
        }
        // By session, so that one datagram carries many profiles.
        let mut sessions: BTreeMap<u64, Datagrams> = BTreeMap::new();
        let mut entries = Vec::new();
        for place in std::mem::take(&mut self.volatile.fresh) {
            let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { continue };
            let fresh = std::mem::take(&mut profile.volatile.fresh);
            for (session, channel) in &profile.observers {
                let Some(state) = self.sessions.get(session) else { continue };
                let (Some(peer), Some(open)) = (&state.peer, state.channels.get(channel)) else { continue };
                if state.outstanding >= OUTBOUND_HIGH_WATER_BYTES {
                    // What is quiet by then it will be told on the stream.
                    continue;
                }
                entries.clear();
                for property in &fresh {
                    let is_own = profile.volatile.latest.get(property).is_some_and(|l| l.session == *session);
                    if !is_own {
                        let schema = &self.config.schema;
                        entries.extend(open.volatile.entry(*property, profile, schema, open, &peer.view));
                    }
                }
                if !entries.is_empty() {
                    let (actions, stats) = (&mut self.actions, &mut self.stats);
                    sessions.entry(*session).or_default().add(*channel, &entries, |bytes| {
                        stats.datagrams += 1;
                        actions.push_back(Action::SendDatagram { session: *session, bytes });
                    });
                }
            }
        }
        for (session, mut datagrams) in sessions {
            datagrams.finish(|bytes| {
                self.stats.datagrams += 1;
                self.actions.push_back(Action::SendDatagram { session, bytes });
            });
        }
    }

    /// No value of some property came for a while: whoever observes the profile is told on the ordered stream. Each
    /// property rests by itself, or one that never does would keep back all others.
    pub(super) fn quiet_due(&mut self, now: Now, place: usize) {
        let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { return };
        if profile.volatile.quiet_at.take_if(|at| *at <= now.mono).is_none() {
            // Of a profile that had the place before.
            return;
        }
        let mut any = false;
        for latest in profile.volatile.latest.values_mut().filter(|latest| !latest.told) {
            let at = latest.at + VOLATILE_QUIET;
            if at <= now.mono {
                latest.told = true;
                any = true;
            } else {
                profile.volatile.quiet_at = Some(profile.volatile.quiet_at.map_or(at, |least| least.min(at)));
            }
        }
        if let Some(at) = profile.volatile.quiet_at {
            self.timers.push(Reverse((at, Due::Quiet(place))));
        }
        if !any {
            return;
        }
        let observers = std::mem::take(&mut profile.observers);
        for (session, channel) in &observers {
            let state = self.sessions.get_mut(session);
            if let Some(open) = state.and_then(|state| state.channels.get_mut(channel)) {
                open.volatile.due = true;
            }
            self.mark(*session, *channel);
        }
        if let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) {
            profile.observers = observers;
        }
    }

    /// Tells an observer on the ordered stream what it was not told there.
    pub(super) fn tell_volatile_reliably(&mut self, session: u64, channel: u64) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let (Some(peer), Some(open)) = (&state.peer, state.channels.get_mut(&channel)) else { return };
        let Some(profile) = self.profiles[open.profile].as_mut().and_then(Entry::live) else { return };
        if !matches!(open.phase, ChannelPhase::AwaitConfirm { .. } | ChannelPhase::Live) {
            // The snapshot is not announced yet, and the observer takes nothing before: it is marked anew when it confirms.
            return;
        }
        if !std::mem::take(&mut open.volatile.due) {
            return;
        }
        let schema = &self.config.schema;
        let told = open.volatile.told.replace(self.volatile.last);
        let refused = std::mem::take(&mut open.volatile.refused);
        // Of an observer that has just come all is told: its values may be from before the master's start.
        let is_new = |property: PropertyIndex, entry: &VolatileEntry| {
            told.is_none_or(|told| entry.number > told) || refused.contains(&property)
        };
        let properties = schema.indexes().filter(|property| {
            // Also what only the peer takes for volatile, if it set it.
            schema.property(*property).is_volatile() || refused.contains(property)
        });
        let entries = properties.filter_map(|property| {
            let entry = open.volatile.entry(property, profile, schema, open, &peer.view)?;
            is_new(property, &entry).then_some(entry)
        });
        let entries: Vec<_> = entries.collect();
        put_volatile_frames(&mut state.outbox, channel, &entries);
    }
}

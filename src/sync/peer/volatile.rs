//! Volatile properties: values go out by datagram at each tick, and on the ordered stream once they are quiet.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::{Peer, Phase, State};
use crate::error::Result;
use crate::profile::Telling;
use crate::wire::varint::Reader;
use crate::wire::volatile::{Datagrams, VolatileEntry, put_volatile_frames, read_volatile};

#[derive(Debug, Default)]
pub(super) struct Volatile {
    /// The number of the latest value told, of all profiles.
    last: u64,
    /// Slots whose profile has values that were not told.
    fresh: Vec<u32>,
    /// When which slots have something to tell on the stream; one that is not what the replica says is over.
    quiet: BinaryHeap<Reverse<(Duration, u32)>>,
    datagrams: Datagrams,
    outbox: VecDeque<Vec<u8>>,
    /// Kept to spare its allocation.
    entries: Vec<VolatileEntry>,
}

impl Volatile {
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn disconnected(&mut self) {
        self.outbox.clear();
        self.quiet.clear();
    }

    /// When values are to be told.
    pub(super) fn due(&self) -> Option<Duration> {
        match self.fresh.is_empty() {
            true => self.quiet.peek().map(|Reverse((at, _))| *at),
            false => Some(Duration::ZERO),
        }
    }
}

impl Peer {
    /// A datagram.
    pub(crate) fn received_datagram(&mut self, now: Duration, bytes: &[u8]) {
        if matches!(self.state, State::Ready)
            && let Err(error) = self.receive_volatile(Reader::new(bytes), false)
        {
            self.fail(now, error);
        }
    }

    /// How many timers of values that may have been lost are running.
    #[cfg(test)]
    pub(crate) fn quiet_timers(&self) -> usize {
        self.volatile.quiet.len()
    }

    /// The next datagram to send.
    pub(crate) fn take_datagram(&mut self) -> Option<Vec<u8>> {
        self.volatile.outbox.pop_front()
    }

    /// Lists a profile whose volatile properties were set.
    pub(super) fn list_volatile(&mut self, slot: u32) {
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return };
        if replica.profile.has_fresh_volatile() && !replica.volatile_listed {
            replica.volatile_listed = true;
            self.volatile.fresh.push(slot);
        }
    }

    /// Tells what was set since the last tick, and what has been quiet for long enough.
    pub(super) fn tell_volatile(&mut self, now: Duration) {
        if !self.volatile.fresh.is_empty() {
            let mut fresh = std::mem::take(&mut self.volatile.fresh);
            for slot in fresh.drain(..) {
                self.tell_volatile_of(now, slot);
            }
            // Keeps the allocation.
            self.volatile.fresh = fresh;
            let Volatile { datagrams, outbox, .. } = &mut self.volatile;
            datagrams.finish(|bytes| outbox.push_back(bytes));
        }
        while let Some(Reverse((at, slot))) = self.volatile.quiet.peek().copied()
            && at <= now
        {
            self.volatile.quiet.pop();
            let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { continue };
            // Else it is of a profile that had the slot before.
            if replica.volatile_quiet_at.take_if(|quiet_at| *quiet_at <= now).is_some() {
                self.tell_volatile_reliably(slot, Telling::Quiet(now));
                self.arm_volatile(slot);
            }
        }
    }

    /// Puts a profile's new values into datagrams. Of one that is not open they are told when it is.
    fn tell_volatile_of(&mut self, now: Duration, slot: u32) {
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return };
        replica.volatile_listed = false;
        if replica.phase != Phase::Open {
            return;
        }
        let Volatile { last, datagrams, outbox, entries, .. } = &mut self.volatile;
        entries.clear();
        replica.profile.tell_volatile(Telling::Fresh(now), last, entries);
        datagrams.add(u64::from(slot), entries, |bytes| outbox.push_back(bytes));
        self.arm_volatile(slot);
    }

    /// Starts the timer of a profile's values that may have been lost, unless it is running.
    fn arm_volatile(&mut self, slot: u32) {
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return };
        if replica.volatile_quiet_at.is_none()
            && let Some(at) = replica.profile.volatile_quiet_at()
        {
            replica.volatile_quiet_at = Some(at);
            self.volatile.quiet.push(Reverse((at, slot)));
        }
    }

    /// Tells values that the master is not known to have on the ordered stream.
    pub(super) fn tell_volatile_reliably(&mut self, slot: u32, which: Telling) {
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return };
        if !replica.profile.has_unconfirmed_volatile() {
            return;
        }
        let Volatile { last, entries, .. } = &mut self.volatile;
        entries.clear();
        replica.profile.tell_volatile(which, last, entries);
        put_volatile_frames(&mut self.outbox, u64::from(slot), entries);
    }

    /// The master has opened a profile: what it is not known to have it is told now.
    pub(super) fn volatile_opened(&mut self, slot: u32, from: u64) {
        if let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() {
            replica.volatile_from = from;
        }
        self.tell_volatile_reliably(slot, Telling::All);
    }

    /// Values that the master tells; `reliable` when they come on the ordered stream.
    pub(super) fn receive_volatile(&mut self, reader: Reader<'_>, reliable: bool) -> Result<()> {
        let mut entries = Vec::new();
        read_volatile(reader, true, &*self.config.schema, |channel, entry| entries.push((channel, entry)))?;
        for (channel, entry) in entries {
            let Some(slot) = self.slot_of(channel) else { continue };
            let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { continue };
            // On the stream nothing is of a profile that had the channel before.
            let late = !reliable && entry.number <= replica.volatile_from;
            let closed = matches!(replica.phase, Phase::Waiting | Phase::Opening | Phase::Releasing);
            if late || closed {
                continue;
            }
            replica.profile.receive_volatile(entry)?;
            self.collect_changes(slot);
        }
        Ok(())
    }
}

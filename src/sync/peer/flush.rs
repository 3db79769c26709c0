//! When changes are sealed and sent: at once, at the endpoint's interval, or at a property's own.

use std::cmp::Reverse;
use std::time::Duration;

use super::{Peer, Phase, ProfileId, Slot, State};
use crate::error::{Error, Result};
use crate::limits::BATCHES_FRAME_TARGET_BYTES;
use crate::sync::Timers;
use crate::value::Key;
use crate::wire::frames::{KIND_BATCH_ONCE, KIND_BATCHES, put_batch, put_frame};
use crate::wire::values::put_text;
use crate::wire::varint::put_u64;

impl Peer {
    /// Seals a profile's changes and sends them without waiting for the interval. The number returned is that of the
    /// batch which, once applied (or durable), tells that all changes so far are; zero when they are durable already.
    pub(crate) fn flush_profile(&mut self, id: ProfileId) -> Result<u64> {
        self.profile(id)?;
        let Some(replica) = self.replicas[id.slot as usize].replica.as_deref_mut() else {
            return Err(Error::Released);
        };
        replica.profile.seal();
        let all = !replica.profile.has_sealable();
        let number = if replica.profile.has_retained() { replica.profile.last_number() } else { 0 };
        self.send_batches(id.slot);
        if let Some(error) = &self.failure {
            return Err(error.clone());
        }
        if !all {
            return Err(Error::Unavailable {
                reason: "not all changes fit what may wait for the master".into(),
            });
        }
        Ok(number)
    }

    /// Seals and sends all changes now.
    pub(crate) fn flush(&mut self, now: Duration) {
        self.flush_usual(now);
        for Reverse((_, slot)) in std::mem::take(&mut self.timed) {
            self.replicas[slot as usize].timers = Timers::default();
            self.flush_slot(now, slot);
        }
    }

    /// The same, without profiles in which only properties with an interval of their own have changed.
    pub(super) fn flush_usual(&mut self, now: Duration) {
        self.last_flush = Some(now);
        let mut dirty = std::mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            self.flush_slot(now, slot);
        }
        // Keeps the allocation.
        self.dirty = dirty;
    }

    pub(super) fn flush_slot(&mut self, now: Duration, slot: u32) {
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return };
        replica.listed = false;
        replica.timed_at = None;
        // Changes made offline, or while the window is full, go on coalescing: `relist` brings them back.
        if matches!(self.state, State::Ready) && replica.phase == Phase::Open {
            replica.flushed_at = Some(now);
            replica.profile.seal();
            self.send_batches(slot);
        }
    }

    /// Lists a profile for the next flush if it has changes left and they may fit now.
    pub(super) fn relist(&mut self, slot: u32) {
        let Slot { replica: Some(replica), timers, .. } = &mut self.replicas[slot as usize] else { return };
        if !replica.profile.has_sealable() {
            return;
        }
        let wait = replica.profile.wait();
        if wait.usual && !replica.listed {
            replica.listed = true;
            self.dirty.push(slot);
        }
        if let Some(interval) = wait.own {
            let at = replica.flushed_at.map_or(Duration::ZERO, |flushed| flushed + interval);
            if replica.timed_at.is_none_or(|timed| timed > at) {
                replica.timed_at = Some(at);
                if timers.start(at) {
                    self.timed.push(Reverse((at, slot)));
                }
            }
        }
    }

    pub(super) fn flush_due(&self) -> Option<Duration> {
        if self.dirty.is_empty() {
            return None;
        }
        Some(self.last_flush.map_or(Duration::ZERO, |last| last + self.config.flush_interval))
    }

    pub(super) fn send_batches(&mut self, slot: u32) {
        if !matches!(self.state, State::Ready) {
            return;
        }
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return };
        if matches!(replica.phase, Phase::Waiting | Phase::Releasing) {
            return;
        }
        let base = replica.cursor.map_or(0, |cursor| cursor.version);
        let keys = replica.keys_are_good.then_some(&replica.keys);
        let number_of = |property: u16, key: &Key| keys?.number(property, key);
        let mut batches = replica.profile.retained_from(replica.sent_through + 1).peekable();
        while let Some(first) = batches.peek() {
            let mut number = first.number;
            let start = self.outbox.len();
            let key = first.key.clone();
            put_frame(&mut self.outbox, |out| {
                out.push(if key.is_some() { KIND_BATCH_ONCE } else { KIND_BATCHES });
                put_u64(out, u64::from(slot));
                put_u64(out, number);
                if let Some(key) = &key {
                    put_text(out, key);
                }
                // One with a key has a frame of its own.
                while let Some(batch) = batches.next_if(|b| b.number == number && b.key == key) {
                    put_batch(out, number, &batch.ops, base, &number_of);
                    replica.sent_through = number;
                    number += 1;
                    self.stats.batches_sent += 1;
                    if key.is_some() || out.len() - start > BATCHES_FRAME_TARGET_BYTES {
                        break;
                    }
                }
            });
            self.stats.batch_bytes += (self.outbox.len() - start) as u64;
        }
    }
}

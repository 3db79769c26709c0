//! What the master says, and what becomes of it.

use std::time::Duration;

use super::{Event, Peer, Phase, Replica, State};
use crate::error::{Error, ErrorCode, Result};
use crate::planted::{Bug, planted};
use crate::profile::Cause;
use crate::schema::PropertyIndex;
use crate::wire::compress::expand;
use crate::wire::control::{
    COMPRESSED, Cursor, Described, Down, NO_CHANNEL, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN, Up, decode,
    relation_of,
};
use crate::wire::delta::read_delta;
use crate::wire::frames::{
    DeltaHead, FrameBuffer, Head, KIND_CONFIRM, KIND_CONTROL, KIND_DURABLE, KIND_HASH, KIND_VOLATILE,
    put_control, put_frame, read_head,
};
use crate::wire::values::read_snapshot;
use crate::wire::varint::{Reader, len_u64, put_u64};

const REOPEN_AFTER: Duration = Duration::from_secs(1);
/// No writer gets as far, and from there on there is room to count.
const MAX_BATCH_NUMBER: u64 = u64::MAX / 2;

impl Peer {
    /// A piece of the ordered stream.
    pub(crate) fn received(&mut self, now: Duration, bytes: &[u8]) {
        if !matches!(self.state, State::Greeting { .. } | State::Ready) {
            return;
        }
        let mut inbound = std::mem::take(&mut self.inbound);
        inbound.push(bytes);
        if let Err(error) = self.read_frames(now, &mut inbound) {
            return self.fail(now, error);
        }
        self.inbound = inbound;
        self.mark_absent();
    }

    fn read_frames(&mut self, now: Duration, inbound: &mut FrameBuffer) -> Result<()> {
        while let Some(frame) = inbound.next_frame()? {
            let mut reader = Reader::new(frame);
            match read_head(&mut reader, self.last_channel)? {
                Head::Delta(head) => {
                    self.stats.deltas += 1;
                    self.stats.delta_bytes += (len_u64(frame.len() as u64) + frame.len()) as u64;
                    self.delta(head, reader)?;
                }
                Head::Kind(KIND_CONTROL) => self.control(now, decode(reader.rest())?)?,
                Head::Kind(KIND_DURABLE) => self.durable(reader)?,
                Head::Kind(KIND_HASH) => self.compare(reader)?,
                Head::Kind(KIND_VOLATILE) => self.receive_volatile(reader, true)?,
                Head::Kind(kind) => return Err(violation(format!("a frame of kind {kind} from the master"))),
            }
        }
        Ok(())
    }

    fn control(&mut self, now: Duration, message: Down) -> Result<()> {
        match (message, &self.state) {
            (Down::Welcome { version, properties }, State::Greeting { .. }) => {
                if !(PROTOCOL_VERSION_MIN..=PROTOCOL_VERSION).contains(&version) {
                    return Err(Error::ProtocolVersion {
                        peer_min: version,
                        peer_max: version,
                        own_min: PROTOCOL_VERSION_MIN,
                        own_max: PROTOCOL_VERSION,
                    });
                }
                self.described(properties)?;
                self.absent.clear();
                self.absent_is_new = true;
                self.state = State::Ready;
                self.ready_since = now;
                self.stats.connections += 1;
                self.events.push(Event::Connected);
                for slot in 0..self.replicas.len() as u32 {
                    self.open(slot);
                }
                self.flush(now);
                Ok(())
            }
            (Down::Welcome { .. }, _) | (_, State::Greeting { .. }) => {
                Err(violation("a message out of its time from the master".into()))
            }
            (Down::Opened { channel, epoch, resumed, applied, durable, volatile }, _) => {
                if let Some(slot) = self.slot_of(channel) {
                    self.volatile_opened(slot, volatile);
                }
                self.opened(channel, epoch, resumed, applied, durable)
            }
            (Down::Snapshot { channel, serial }, _) => self.announced(channel, serial),
            (Down::OpenFailed { channel, code, text }, _) => {
                self.open_failed(now, channel, remote(code, text));
                Ok(())
            }
            (Down::Expired { channel, through }, _) => {
                self.expired(channel, through);
                Ok(())
            }
            (Down::Refused { channel: NO_CHANNEL, property, .. }, _) => {
                self.absent.extend(property);
                self.absent_is_new = true;
                Ok(())
            }
            (Down::Refused { channel, number, code, property, text }, _) => {
                self.refused(channel, number, property, remote(code, text));
                Ok(())
            }
            (Down::Repeated { channel, number }, _) => {
                if let Some(slot) = self.slot_of(channel)
                    && let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut()
                    && replica.profile.mark_repeated(number)
                {
                    self.events.push(Event::Repeated { profile: self.id(slot), batch: number });
                }
                Ok(())
            }
            (Down::Answer { request, code, more, text }, _) => {
                let error = (code != 0).then(|| remote(code, text.clone()));
                self.answered(request, error, more, &text);
                Ok(())
            }
            (Down::Released { channel }, _) => {
                if let Some(slot) = self.slot_of(channel)
                    && self.replica(slot).is_some_and(|r| r.phase == Phase::Releasing)
                {
                    self.forget(slot);
                }
                Ok(())
            }
        }
    }

    /// The master has said what it knows of the properties, if it was asked to.
    fn described(&mut self, properties: Option<Vec<Described>>) -> Result<()> {
        let Some(properties) = properties else { return Ok(()) };
        let count = self.config.schema.properties().len();
        if !self.describe || properties.len() != count {
            return Err(violation(format!("{} properties described instead of {count}", properties.len())));
        }
        let properties = properties.into_iter().map(Described::into_attributes).collect();
        self.config.schema = self.config.schema.described(properties);
        for slot in &mut self.replicas {
            if let Some(replica) = &mut slot.replica {
                replica.profile.describe(self.config.schema.clone());
            }
        }
        Ok(())
    }

    /// Takes over which properties the master does not have, if it has just said.
    fn mark_absent(&mut self) {
        if !std::mem::take(&mut self.absent_is_new) {
            return;
        }
        let absent = &self.absent;
        let is_there = |index: PropertyIndex| !absent.contains(&index.get());
        let schema = &self.config.schema;
        if schema.indexes().all(|index| schema.property(index).is_at_master() == is_there(index)) {
            return;
        }
        self.config.schema = schema.at_master(is_there);
        for replica in self.replicas.iter_mut().filter_map(|slot| slot.replica.as_mut()) {
            replica.profile.describe(self.config.schema.clone());
            for index in absent {
                // What an earlier master had is no more part of what is compared.
                if let Some(has) = replica.has.get_mut(usize::from(*index)) {
                    *has = false;
                }
            }
        }
    }

    fn opened(
        &mut self,
        channel: u64,
        epoch: u64,
        resumed: Option<u64>,
        applied: u64,
        durable: u64,
    ) -> Result<()> {
        // A profile may have been let go while the master was loading it.
        let Some(slot) = self.slot_of(channel) else { return Ok(()) };
        let profile_id = self.id(slot);
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return Ok(()) };
        if replica.phase != Phase::Opening {
            return Ok(());
        }
        if applied > MAX_BATCH_NUMBER {
            return Err(violation(format!("batches up to {applied} decided, more than there can be")));
        }
        // More than a welcome came of this connection.
        self.attempts = 0;
        let known = replica.profile.retained_from(0).take_while(|b| b.number <= applied).count();
        self.stats.duplicates += known as u64;
        replica.durable = replica.durable.max(durable);
        if !replica.loaded {
            // The writer session may have had this profile before: its numbers go on. What an earlier answer said counts no
            // more: a master that was restarted since may have forgotten it, and the numbers begin anew.
            replica.durable = durable;
            replica.profile.count_from(applied);
            replica.sent_through = applied;
            replica.durable_told = durable;
            replica.durable_before = durable;
        }
        if replica.cursor.is_none_or(|cursor| cursor.epoch != epoch) {
            replica.keys.clear();
        }
        replica.keys_are_good = true;
        match (resumed, replica.cursor) {
            (Some(version), Some(cursor)) if cursor.version == version => {
                // The cursor is of that epoch with the first delta: it has what is not stored and began anew.
                replica.resumed_in = Some(epoch);
                replica.phase = Phase::Open;
                if planted(Bug::OverlayDroppedByOpened) {
                    let own = applied.min(replica.profile.last_number());
                    replica.profile.apply_effects(&[], own.max(replica.profile.applied_through()))?;
                }
                self.events.push(Event::ProfileResumed { profile: profile_id, whole: false });
                self.settle(slot);
                Ok(())
            }
            (Some(_), _) => Err(violation("a resume from a version that was not asked for".into())),
            // The message that announces the snapshot follows.
            (None, _) => Ok(()),
        }
    }

    /// A snapshot with this number is under way; no delta comes until it is confirmed.
    fn announced(&mut self, channel: u64, serial: u64) -> Result<()> {
        let Some(slot) = self.slot_of(channel) else { return Ok(()) };
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return Ok(()) };
        if !matches!(replica.phase, Phase::Opening | Phase::Open | Phase::Healing) {
            return Ok(());
        }
        replica.phase = Phase::AwaitSnapshot { serial };
        match replica.early_snapshot.take() {
            Some((early, bytes)) if early == serial => self.apply_snapshot(&bytes),
            _ => Ok(()),
        }
    }

    /// Does what may have become possible for a profile.
    fn settle(&mut self, slot: u32) {
        self.tell_durable(slot);
        self.confirm(self.id(slot));
        self.relist(slot);
        self.list_volatile(slot);
        self.advance_release(slot);
    }

    fn open_failed(&mut self, now: Duration, channel: u64, error: Error) {
        let Some(slot) = self.slot_of(channel) else { return };
        let profile = self.id(slot);
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return };
        self.events.push(Event::OpenFailed { profile, error });
        if replica.loaded {
            replica.phase = Phase::Waiting;
            self.reopen.push((now + REOPEN_AFTER, slot));
        } else {
            self.forget(slot);
        }
    }

    fn refused(&mut self, channel: u64, number: u64, property: Option<u16>, error: Error) {
        let Some(slot) = self.slot_of(channel) else { return };
        let profile = self.id(slot);
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return };
        // The number zero is that of a value of a volatile property, which is told by itself what it is instead.
        if number > 0 && !replica.profile.refuse(number) {
            return;
        }
        let property = property.and_then(|p| self.config.schema.index(u32::from(p)).ok());
        let error = match property {
            // The master knows its key alone.
            Some(property) if error.code() == ErrorCode::UnknownProperty => {
                Error::NotAtMaster { property: self.config.schema.property(property).shared_name().clone() }
            }
            _ => error,
        };
        self.confirmations.refused(profile, number, &error);
        self.events.push(Event::Refused { profile, batch: number, property, error });
        self.collect_changes(slot);
        self.settle(slot);
    }

    /// The master no longer knows what became of the batches up to a number.
    fn expired(&mut self, channel: u64, through: u64) {
        let Some(slot) = self.slot_of(channel) else { return };
        let Some(replica) = self.replica(slot) else { return };
        let numbers: Vec<u64> =
            replica.profile.retained_from(0).map(|b| b.number).take_while(|n| *n <= through).collect();
        for number in numbers {
            self.refused(channel, number, None, Error::WriterExpired { number });
        }
    }

    /// A snapshot arrived on a stream of its own.
    pub(crate) fn received_snapshot(&mut self, now: Duration, bytes: Vec<u8>) {
        if !matches!(self.state, State::Ready) {
            return;
        }
        let mut reader = Reader::new(&bytes);
        let (channel, serial) = (reader.u64(), reader.u64());
        if let Some(slot) = channel.and_then(|channel| self.slot_of(channel))
            && let Some(serial) = serial
            && let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut()
            && replica.phase != (Phase::AwaitSnapshot { serial })
        {
            // It may have overtaken its announcement; if it is an old one, nobody asks for it.
            if replica.early_snapshot.as_ref().is_none_or(|(early, _)| *early < serial) {
                replica.early_snapshot = Some((serial, bytes));
            }
            return;
        }
        if let Err(error) = self.apply_snapshot(&bytes) {
            self.fail(now, error);
        }
    }

    fn apply_snapshot(&mut self, bytes: &[u8]) -> Result<()> {
        let mut reader = Reader::new(bytes);
        let short = || Error::malformed("snapshot", "ends inside its head");
        let channel = reader.u64().ok_or_else(short)?;
        let serial = reader.u64().ok_or_else(short)?;
        let epoch = reader.fixed_u64().ok_or_else(short)?;
        let version = reader.u64().ok_or_else(short)?;
        let own = reader.u64().ok_or_else(short)?;
        let relation = reader.u8().ok_or_else(short)?;
        let is_compressed = relation & COMPRESSED != 0;
        let relation = relation_of(relation & !COMPRESSED).ok_or_else(short)?;
        let Some(slot) = self.slot_of(channel) else { return Ok(()) };
        let profile = self.id(slot);
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return Ok(()) };
        if replica.phase != (Phase::AwaitSnapshot { serial }) {
            return Ok(());
        }
        replica.keys.clear();
        let expanded = match is_compressed {
            true => Some(expand(&mut reader).map_err(|reason| Error::malformed("snapshot", reason))?),
            false => None,
        };
        let reader = expanded.as_ref().map_or(reader, |expanded| Reader::new(expanded));
        let values = read_snapshot(reader, &*self.config.schema, &mut replica.keys)?;
        replica.keys_are_good = true;
        let before = replica.profile.applied_through();
        let first = !std::mem::replace(&mut replica.loaded, true);
        replica.relation = Some(relation);
        let cause = if first { Cause::Load } else { Cause::Remote };
        replica.has = values.iter().map(Option::is_some).collect();
        replica.hashes.clear();
        let taken_back = replica.profile.load(relation, values, own, cause)?;
        if replica.releasing {
            replica.profile.release();
        }
        replica.cursor = Some(Cursor { epoch, version });
        replica.resumed_in = None;
        replica.phase = Phase::Open;
        self.stats.snapshots += 1;
        self.stats.snapshot_bytes += bytes.len() as u64;
        put_confirm(&mut self.outbox, channel, serial);
        if taken_back {
            self.events.push(Event::TakenBack { profile, through: own });
        }
        self.collect_changes(slot);
        self.events.push(if first {
            Event::ProfileLoaded { profile }
        } else {
            Event::ProfileResumed { profile, whole: true }
        });
        if own > before {
            self.events.push(Event::Applied { profile, through: own });
        }
        self.settle(slot);
        Ok(())
    }

    fn delta(&mut self, head: DeltaHead, reader: Reader<'_>) -> Result<()> {
        self.last_channel = head.channel;
        let Some(slot) = self.slot_of(head.channel) else { return Ok(()) };
        let profile = self.id(slot);
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return Ok(()) };
        if replica.phase == Phase::Healing {
            // The snapshot has it.
            return Ok(());
        }
        let (Phase::Open | Phase::Releasing, Some(cursor)) = (replica.phase, &mut replica.cursor) else {
            return Err(violation("a delta before the snapshot was confirmed".into()));
        };
        let mut effects = Vec::new();
        read_delta(reader, &*self.config.schema, &mut replica.keys, &mut effects)?;
        let overflow = || violation("a version beyond all numbers".into());
        let version = cursor.version.checked_add(head.step).ok_or_else(overflow)?;
        let own = replica.profile.applied_through().checked_add(head.own).ok_or_else(overflow)?;
        match replica.profile.apply_effects(&effects, own) {
            Ok(()) => {}
            // It is made for other values than those that are here.
            Err(Error::Malformed { .. }) => {
                self.diverged(slot);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        effects.iter().for_each(|entry| replica.hashes.forget(usize::from(entry.property)));
        cursor.version = version;
        if let Some(epoch) = replica.resumed_in.take()
            && cursor.epoch != epoch
        {
            cursor.epoch = epoch;
            // From here on requests speak of what is not stored as it began anew.
            put_confirm(&mut self.outbox, head.channel, 0);
        }
        self.collect_changes(slot);
        if head.own > 0 {
            self.events.push(Event::Applied { profile, through: own });
            self.settle(slot);
        }
        Ok(())
    }

    fn durable(&mut self, mut reader: Reader<'_>) -> Result<()> {
        while !reader.is_empty() {
            let (Some(channel), Some(number)) = (reader.u64(), reader.u64()) else {
                return Err(Error::malformed("durable frame", "ends inside an entry"));
            };
            let Some(slot) = self.slot_of(channel) else { continue };
            if let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() {
                replica.durable = replica.durable.max(number);
                self.settle(slot);
            }
        }
        Ok(())
    }

    /// Compares what this peer has with what the master says that it has.
    fn compare(&mut self, mut reader: Reader<'_>) -> Result<()> {
        let (Some(channel), Some(theirs), true) = (reader.u64(), reader.fixed_u64(), reader.is_empty())
        else {
            return Err(Error::malformed("hash", "is not a channel and eight bytes"));
        };
        let Some(slot) = self.slot_of(channel) else { return Ok(()) };
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return Ok(()) };
        let (Phase::Open, Some(cursor)) = (replica.phase, replica.cursor) else { return Ok(()) };
        let epoch = replica.resumed_in.unwrap_or(cursor.epoch);
        let Replica { profile, hashes, has, .. } = replica;
        let schema = profile.schema();
        let indexes = schema.indexes().filter(|index| has.get(index.usize()).copied().unwrap_or(false));
        let values = indexes.map(|i| (i.usize(), schema.property(i).key(), profile.confirmed(i)));
        let ours = hashes.sum(epoch, has.len(), values);
        if ours != theirs {
            self.diverged(slot);
        }
        Ok(())
    }

    /// What is here is not what the master has: asks for all of it. What is pending stays so.
    fn diverged(&mut self, slot: u32) {
        let profile = self.id(slot);
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return };
        self.stats.divergences += 1;
        self.events.push(Event::Diverged { profile });
        if replica.phase == Phase::Open {
            replica.phase = Phase::Healing;
            // If the connection is lost before the snapshot is here, the next one begins with one.
            replica.cursor = None;
            replica.resumed_in = None;
            put_control(&mut self.outbox, &Up::Resync { channel: u64::from(slot) });
        }
    }

    /// Tells what is durable, as far as it was told to be applied.
    fn tell_durable(&mut self, slot: u32) {
        let profile = self.id(slot);
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return };
        if !matches!(replica.phase, Phase::Open | Phase::Releasing) {
            // What counts as applied may be so by word of a master that crashed. A snapshot that is under way may be older than
            // such a batch and take it back, though it was sent again and is durable by now: till then it is kept.
            return;
        }
        if planted(Bug::OverlayDroppedByDurable) {
            let own = replica.durable.min(replica.profile.last_number());
            let _ = replica.profile.apply_effects(&[], own.max(replica.profile.applied_through()));
        }
        replica.profile.durable_through(replica.durable);
        // What was refused is decided for good too.
        let through = replica.profile.heard_through().min(replica.profile.applied_through());
        if through > replica.durable_told {
            replica.durable_told = through;
            self.events.push(Event::Durable { profile, through });
        }
    }

    pub(super) fn slot_of(&self, channel: u64) -> Option<u32> {
        let slot = u32::try_from(channel).ok()?;
        self.replica(slot).map(|_| slot)
    }
}

fn put_confirm(out: &mut Vec<u8>, channel: u64, serial: u64) {
    put_frame(out, |out| {
        out.push(KIND_CONFIRM);
        put_u64(out, channel);
        put_u64(out, serial);
    });
}

fn violation(reason: String) -> Error {
    Error::ProtocolViolation { reason }
}

fn remote(code: i32, text: String) -> Error {
    Error::Remote { code: ErrorCode::from_i32(code).unwrap_or(ErrorCode::ProtocolViolation), text }
}

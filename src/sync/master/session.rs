//! One connection of a peer: who it is, what it knows, and what it has open.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::profile::Entry;
use super::volatile::ChannelVolatile;
use super::{Identity, Master, MasterEvent, Now, PeerRole};
use crate::error::{Error, ErrorCode, Result};
use crate::limits::{MAX_CONTROL_BYTES, MAX_PROPERTIES, MAX_TOKEN_BYTES, OUTBOUND_LIMIT_BYTES};
use crate::schema::{PropertyIndex, Relation, Schema};
use crate::store::WriterInfo;
use crate::value::ValueType;
use crate::wire::control::{
    DeclaredType, Described, Down, NO_CHANNEL, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN, Up, decode,
    encoded_len,
};
use crate::wire::frames::{
    FrameBuffer, Head, KIND_BATCH_ONCE, KIND_BATCHES, KIND_CONFIRM, KIND_CONTROL, KIND_VOLATILE, Ops,
    put_control, read_head,
};
use crate::wire::keys::ToldKeys;
use crate::wire::varint::Reader;

#[derive(Default)]
pub(super) struct Session {
    /// Who it is, once it said hello.
    pub(super) peer: Option<Arc<PeerInfo>>,
    /// Who the host says that it is, whatever its token is.
    pub(super) vouched: Option<Identity>,
    inbound: FrameBuffer,
    pub(super) outbox: Vec<u8>,
    /// Bytes of the ordered stream given to the network and not yet sent.
    pub(super) outstanding: usize,
    /// The same of snapshots, which deltas of other profiles do not wait for.
    pub(super) snapshot_outstanding: usize,
    /// Channels whose snapshots wait until there is room for them.
    pub(super) snapshots_waiting: BTreeSet<u64>,
    pub(super) channels: HashMap<u64, Channel>,
    /// The channel of the last delta on this connection.
    pub(super) last_channel: u64,
    pub(super) last_serial: u64,
    /// Bytes of batches that wait for profiles to be loaded.
    pub(super) waiting_bytes: usize,
    /// Channels with something to flush.
    pub(super) dirty: Vec<u64>,
    /// Own batches to report as durable.
    pub(super) durable: Vec<(u64, u64)>,
    /// Whether it is in the master's list of sessions to flush.
    pub(super) listed: bool,
}

/// Who a peer is and how its property indexes map to the master's.
pub(super) struct PeerInfo {
    pub(super) identity: Identity,
    pub(super) writer: Arc<WriterInfo>,
    pub(super) view: View,
}

/// A peer's property indexes.
pub(super) struct View {
    /// The types, by the peer's index.
    pub(super) types: Vec<ValueType>,
    /// The master's index by the peer's, of what the master has; none when they are the same.
    to_master: Option<Vec<Option<u16>>>,
    /// The peer's index by the master's, for what the peer knows.
    to_peer: Option<Vec<Option<u16>>>,
    /// The peer's indexes of what the master does not have (any more), with their keys.
    absent: Vec<(u16, u16)>,
    /// What the peer knows by a key that it had once.
    renamed: Vec<(PropertyIndex, u16)>,
}

/// A batch as a writer asks for it.
pub(super) struct Request {
    pub(super) number: u64,
    /// Its idempotency key.
    pub(super) key: Option<Arc<str>>,
    pub(super) ops: Ops,
}

/// A profile that a session has open.
pub(super) struct Channel {
    pub(super) profile: usize,
    pub(super) relation: Relation,
    pub(super) phase: ChannelPhase,
    /// What the observer has, once the snapshot is confirmed.
    pub(super) version: u64,
    /// Up to which of its own batches the observer was told.
    pub(super) own: u64,
    /// Whether it is in the session's list.
    pub(super) dirty: bool,
    /// Batches that came while the profile was loading.
    pub(super) waiting: VecDeque<Request>,
    /// The bytes of their frames.
    pub(super) waiting_bytes: usize,
    /// Which numbers of keys the observer knows.
    pub(super) told: ToldKeys,
    /// Whether the versions that the writer names are of this profile's history: it resumed, or has confirmed a snapshot.
    pub(super) versions_are_known: bool,
    /// Whether it has to be told the values that are not stored: it comes from an earlier epoch.
    pub(super) refresh_unsaved: bool,
    /// Whether it came from an earlier epoch and has not confirmed what it was sent since, so that what it says of values
    /// that are not stored may be of those.
    pub(super) crossed_epochs: bool,
    /// When a hash is to be sent, and when the last one was.
    pub(super) hash_at: Option<Duration>,
    pub(super) last_hash: Option<Duration>,
    pub(super) volatile: ChannelVolatile,
}

impl Channel {
    pub(super) fn new(profile: usize, relation: Relation, phase: ChannelPhase) -> Self {
        Self {
            profile,
            relation,
            phase,
            version: 0,
            own: 0,
            dirty: false,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            told: ToldKeys::default(),
            versions_are_known: false,
            refresh_unsaved: false,
            crossed_epochs: false,
            hash_at: None,
            last_hash: None,
            volatile: ChannelVolatile::default(),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum ChannelPhase {
    /// The store was asked for the profile.
    Loading {
        open: OpenInfo,
    },
    /// A snapshot is to be sent when there is room.
    NeedSnapshot,
    /// The snapshot with this number is under way.
    AwaitConfirm {
        serial: u64,
    },
    Live,
}

/// What an observer said when it opened the channel.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OpenInfo {
    pub(super) cursor: Option<crate::wire::control::Cursor>,
    pub(super) heard: u64,
    pub(super) applied: u64,
    pub(super) durable: u64,
    pub(super) last: u64,
    pub(super) volatile: u64,
}

impl Session {
    pub(super) fn new(vouched: Option<Identity>) -> Self {
        Self { vouched, ..Self::default() }
    }

    pub(super) fn is_greeting(&self) -> bool {
        self.peer.is_none()
    }

    /// Bytes that wait for the connection, all together.
    pub(super) fn waiting_outbound(&self) -> usize {
        self.outstanding + self.snapshot_outstanding + self.outbox.len()
    }

    pub(super) fn send(&mut self, message: &Down) {
        put_control(&mut self.outbox, message);
    }
}

impl View {
    /// That of a peer that has the master's schema.
    pub(super) fn whole(schema: &Schema) -> Self {
        let types = schema.properties().iter().map(|p| p.value_type().clone()).collect();
        Self { types, to_master: None, to_peer: None, absent: Vec::new(), renamed: Vec::new() }
    }

    /// Matches a peer's properties with the master's. A peer may know fewer, and others that the master has no more; what both
    /// know must be of the same type. What was renamed is found by the key of the name that it had.
    fn negotiate(schema: &Schema, fingerprint: u64, properties: &[(u16, DeclaredType)]) -> Result<Self> {
        let count = schema.properties().len();
        if fingerprint == schema.fingerprint() && properties.len() == count {
            return Ok(Self::whole(schema));
        }
        if properties.len() > MAX_PROPERTIES {
            return Err(Error::TooManyProperties { count: properties.len() });
        }
        let mismatch = |reason| Err(Error::SchemaMismatch { reason });
        let mut view = Self::whole(schema);
        view.types.clear();
        let mut to_master: Vec<Option<u16>> = Vec::with_capacity(properties.len());
        let mut to_peer = vec![None; count];
        let places = || (0_u16..).zip(properties);
        for (place, (key, _)) in places() {
            let index = schema.index_of_key(*key).ok();
            if let Some(index) = index
                && to_peer[index.usize()].replace(place).is_some()
            {
                return mismatch(format!("`{}` is declared twice", schema.property(index).name()));
            }
            to_master.push(index.map(PropertyIndex::get));
        }
        for (place, (key, declared)) in places() {
            let theirs = declared.value_type();
            let index = &mut to_master[usize::from(place)];
            if index.is_none()
                && let Some(renamed) = schema.index_of_old_key(*key)
                // Else the peer knows it by its present name, too.
                && to_peer[renamed.usize()].is_none()
            {
                *index = Some(renamed.get());
                to_peer[renamed.usize()] = Some(place);
                view.renamed.push((renamed, *key));
            }
            let info = index.map(|index| schema.property(PropertyIndex(index)));
            match (theirs, info) {
                (Some(theirs), Some(info)) if theirs == *info.value_type() => view.types.push(theirs),
                (Some(theirs), None) => {
                    view.absent.push((place, *key));
                    view.types.push(theirs);
                }
                // Not even its changes could be read.
                (None, None) => {
                    return mismatch(format!("the property with the key {key} is of an unknown type"));
                }
                (theirs, Some(info)) => {
                    let theirs = theirs.map_or_else(|| "of an unknown type".into(), |theirs| theirs.name());
                    let (name, ours) = (info.name(), info.value_type());
                    return mismatch(format!("`{name}` is {ours} at the master, not {theirs}"));
                }
            }
        }
        if let Some((_, key)) = view.absent.first().filter(|_| view.absent.len() == properties.len()) {
            // That is another game's schema, not an older one.
            return mismatch(format!(
                "the master has none of the peer's properties, such as that with the key {key}"
            ));
        }
        Ok(Self { to_master: Some(to_master), to_peer: Some(to_peer), ..view })
    }

    /// The master's property that is one of the peer's; none when the master does not have it.
    pub(super) fn to_master(&self, index: u16) -> Option<PropertyIndex> {
        match &self.to_master {
            None => Some(PropertyIndex(index)),
            Some(map) => map[usize::from(index)].map(PropertyIndex),
        }
    }

    /// Why nothing can be done to one of the peer's properties that the master does not have.
    pub(super) fn absence(&self, index: u16) -> Error {
        let key = self.absent.iter().find(|(place, _)| *place == index).map_or(0, |(_, key)| *key);
        Error::UnknownPropertyNumber { what: "key", number: u32::from(key) }
    }

    /// The key by which the peer knows a property, if that is another one than the master's.
    pub(super) fn old_key(&self, index: PropertyIndex) -> Option<u16> {
        self.renamed.iter().find(|(renamed, _)| *renamed == index).map(|(_, key)| *key)
    }

    fn describe(&self, schema: &Schema) -> Vec<Described> {
        let absent = |index| self.absent.iter().find(|(place, _)| *place == index).map_or(0, |(_, key)| *key);
        let describe = |index| match self.to_master(index) {
            Some(property) => Described::of(schema.property(property)),
            None => Described::absent(absent(index)),
        };
        (0..self.types.len() as u16).map(describe).collect()
    }

    pub(super) fn to_peer(&self, index: PropertyIndex) -> Option<u16> {
        match &self.to_peer {
            None => Some(index.get()),
            Some(map) => map[index.usize()],
        }
    }
}

impl Master {
    /// A piece of a session's ordered stream. What follows from it for others waits for `handle_timeout`, so that a
    /// driver that has several pieces fans out once.
    pub(crate) fn received(&mut self, now: Now, session: u64, bytes: &[u8]) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        if self.stopping {
            // The writer keeps what is not acknowledged, and sends it again to the next master.
            return;
        }
        let mut inbound = std::mem::take(&mut state.inbound);
        inbound.push(bytes);
        if let Err(error) = self.read_frames(now, session, &mut inbound) {
            return self.close(now, session, error);
        }
        if let Some(state) = self.sessions.get_mut(&session) {
            state.inbound = inbound;
            if state.waiting_outbound() > OUTBOUND_LIMIT_BYTES {
                let error =
                    Error::LimitReached { what: "bytes waiting for a peer", limit: OUTBOUND_LIMIT_BYTES };
                return self.close(now, session, error);
            }
        }
        self.send_outbox(session);
    }

    fn read_frames(&mut self, now: Now, session: u64, inbound: &mut FrameBuffer) -> Result<()> {
        while let Some(frame) = inbound.next_frame()? {
            let Some(state) = self.sessions.get(&session) else { return Ok(()) };
            let peer = state.peer.clone();
            let mut reader = Reader::new(frame);
            let kind = match read_head(&mut reader, 0)? {
                Head::Kind(kind) => kind,
                Head::Delta(_) => return Err(violation("a delta from a peer")),
            };
            match (kind, peer) {
                (KIND_CONTROL, None) => self.hello(now, session, decode(reader.rest())?)?,
                (_, None) => return Err(violation("something else before the hello")),
                (KIND_CONTROL, Some(peer)) => match decode(reader.rest())? {
                    Up::Hello { .. } => return Err(violation("a second hello")),
                    Up::Open { channel, user, cursor, heard, applied, durable, last, volatile } => {
                        let open = OpenInfo { cursor, heard, applied, durable, last, volatile };
                        self.open(now, session, &peer, channel, user, open)?;
                    }
                    Up::Resync { channel } => self.resync(session, channel),
                    Up::Ask { request, query } => self.peer_asked(session, &peer, request, query),
                    Up::Release { channel, drained } => self.release(now, session, &peer, channel, drained),
                },
                (KIND_BATCHES, Some(peer)) => self.batches(now, session, &peer, reader)?,
                (KIND_BATCH_ONCE, Some(peer)) => self.batch_once(now, session, &peer, reader)?,
                (KIND_VOLATILE, Some(peer)) => self.receive_volatile(now, session, &peer, reader, true)?,
                (KIND_CONFIRM, Some(_)) => self.confirm(now, session, reader)?,
                (kind, Some(_)) => return Err(violation(&format!("a frame of kind {kind} from a peer"))),
            }
        }
        Ok(())
    }

    fn hello(&mut self, now: Now, session: u64, message: Up) -> Result<()> {
        let Up::Hello { version_min, version_max, token, writer, fingerprint, properties, describe } =
            message
        else {
            return Err(violation("something else before the hello"));
        };
        if version_min > PROTOCOL_VERSION || version_max < PROTOCOL_VERSION_MIN {
            return Err(Error::ProtocolVersion {
                peer_min: version_min,
                peer_max: version_max,
                own_min: PROTOCOL_VERSION_MIN,
                own_max: PROTOCOL_VERSION,
            });
        }
        if token.len() > MAX_TOKEN_BYTES {
            let what = "the token".into();
            return Err(Error::TooLong { what, length: token.len(), limit: MAX_TOKEN_BYTES });
        }
        let vouched = self.sessions.get_mut(&session).and_then(|state| state.vouched.take());
        let is_vouched = vouched.is_some();
        let identity = match vouched {
            Some(identity) => identity,
            None => self.config.authenticator.authenticate(&token)?,
        };
        if identity.role == PeerRole::Master && !is_vouched {
            let reason = "nobody is the master over the network".into();
            return Err(Error::AuthFailed { reason });
        }
        let view = View::negotiate(&self.config.schema, fingerprint, &properties)?;
        let role = match identity.role {
            PeerRole::Client => "client",
            PeerRole::Server => "server",
            PeerRole::Master => "master",
        };
        let info = WriterInfo { id: writer, subject: identity.subject.clone(), role: Arc::from(role) };
        let schema = &self.config.schema;
        let properties = describe.then(|| view.describe(schema));
        let welcome = Down::Welcome { version: PROTOCOL_VERSION.min(version_max), properties };
        if encoded_len(&welcome) > MAX_CONTROL_BYTES {
            let what = "bytes in the description of a peer's properties";
            return Err(Error::LimitReached { what, limit: MAX_CONTROL_BYTES });
        }
        // A writer that comes again has left its old connection, whether or not that has been noticed here.
        if let Some(old) = self.writers.get(&writer).copied() {
            let same = self.sessions.get(&old).and_then(|s| s.peer.as_ref());
            if same.is_some_and(|p| p.identity != identity) {
                return Err(Error::AuthFailed {
                    reason: "the writer session belongs to somebody else".into(),
                });
            }
            let text = "another connection of this writer session took its place".into();
            let superseded = Error::Transport { code: ErrorCode::Superseded, text };
            if old > session {
                // What it said on an earlier connection arrives late. The peer would not come back from being closed.
                return Err(superseded);
            }
            self.close(now, old, superseded);
        }
        self.writers.insert(writer, session);
        self.events.push(MasterEvent::PeerJoined { session, subject: identity.subject.clone(), role });
        let Some(state) = self.sessions.get_mut(&session) else { return Ok(()) };
        state.send(&welcome);
        for (index, _) in &view.absent {
            let error = view.absence(*index);
            state.send(&Down::Refused {
                channel: NO_CHANNEL,
                number: 0,
                code: error.code() as i32,
                property: Some(*index),
                text: error.to_string(),
            });
        }
        state.peer = Some(Arc::new(PeerInfo { identity, writer: Arc::new(info), view }));
        Ok(())
    }

    fn confirm(&mut self, now: Now, session: u64, mut reader: Reader<'_>) -> Result<()> {
        let (Some(channel), Some(serial)) = (reader.u64(), reader.u64()) else {
            return Err(Error::malformed("confirmation", "ends too early"));
        };
        let Some(state) = self.sessions.get_mut(&session) else { return Ok(()) };
        let Some(open) = state.channels.get_mut(&channel) else { return Ok(()) };
        if serial == 0 && !open.refresh_unsaved {
            // It has the first delta after a resume, and with it all that began anew.
            open.crossed_epochs = false;
        }
        if open.phase == (ChannelPhase::AwaitConfirm { serial }) {
            open.crossed_epochs = false;
            open.phase = ChannelPhase::Live;
            open.versions_are_known = true;
            open.last_hash = Some(now.mono);
            self.mark(session, channel);
        }
        Ok(())
    }

    /// An observer has something else than it should.
    fn resync(&mut self, session: u64, channel: u64) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let Some(open) = state.channels.get_mut(&channel) else { return };
        if open.phase != ChannelPhase::Live {
            return;
        }
        open.phase = ChannelPhase::NeedSnapshot;
        open.versions_are_known = false;
        if let Some(profile) = self.profiles[open.profile].as_mut().and_then(Entry::live) {
            self.events.push(MasterEvent::Diverged { session, user: profile.user.clone() });
        }
        self.stats.divergences += 1;
        self.mark(session, channel);
    }
}

pub(super) fn violation(reason: &str) -> Error {
    Error::ProtocolViolation { reason: reason.into() }
}

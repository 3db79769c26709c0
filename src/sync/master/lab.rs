//! A profile of the master and one observer of it, with nothing around: what the master does to the profile for a change, what
//! its encoder sends to the observer, and what that makes of it. For measurements.

use std::sync::Arc;

use super::decide::Decision;
use super::outbound::{ChannelKeys, Delta, Put, Scratch};
use super::profile::MasterProfile;
use super::session::{Channel, ChannelPhase, PeerInfo, View};
use super::{Identity, PeerRole};
use crate::error::{Error, Result};
use crate::profile::{Cause, Profile};
use crate::schema::{PropertyIndex, Relation, Schema};
use crate::store::WriterInfo;
use crate::value::{Addition, Anchor, Change, DictChange, ItemRef, Key, ListChange, Value};
use crate::wire::compress::{compress, expand};
use crate::wire::delta::{DeltaEntry, read_delta};
use crate::wire::frames::{FrameBuffer, Head, Op, Ops, read_head};
use crate::wire::keys::KnownKeys;
use crate::wire::values::{put_snapshot, read_snapshot};
use crate::wire::varint::Reader;

const CHANNEL: u64 = 1;

/// See the [module](self).
pub struct Lab {
    schema: Arc<Schema>,
    profile: MasterProfile,
    /// Whoever changes it, and the observer.
    writer: PeerInfo,
    writes: Channel,
    observer: PeerInfo,
    open: Channel,
    scratch: Scratch,
    ops: Ops,
    number: u64,
    inbound: FrameBuffer,
    entries: Vec<DeltaEntry>,
    keys: KnownKeys,
    replica: Profile,
}

impl Lab {
    /// A profile with these values at the master and at the observer.
    ///
    /// # Errors
    /// What the observer finds wrong with the snapshot.
    pub fn new(values: &Profile) -> Result<Self> {
        let schema = values.schema().clone();
        let peer = |id: u128, role| PeerInfo::for_lab(&schema, id, role);
        let all = schema.indexes().map(|index| values.get(index).clone()).collect();
        let mut lab = Self {
            profile: MasterProfile::new(Arc::from("ann"), 1, all),
            writer: peer(1, PeerRole::Server),
            writes: Channel {
                versions_are_known: true,
                ..Channel::new(0, Relation::Server, ChannelPhase::Live)
            },
            observer: peer(2, PeerRole::Client),
            open: Channel::new(0, Relation::Owner, ChannelPhase::Live),
            scratch: Scratch::default(),
            ops: Ops::new(),
            number: 0,
            inbound: FrameBuffer::default(),
            entries: Vec::new(),
            keys: KnownKeys::default(),
            replica: Profile::filling(schema.clone(), Arc::from("ann")),
            schema,
        };
        let mut snapshot = Vec::new();
        lab.snapshot(&mut snapshot);
        let loaded = read_snapshot(Reader::new(&snapshot), &*lab.schema, &mut lab.keys)?;
        lab.replica.load(Relation::Owner, loaded, 0, Cause::Load)?;
        Ok(lab)
    }

    /// The values at the master.
    #[must_use]
    pub fn value(&self, property: PropertyIndex) -> &Value {
        &self.profile.values[property.usize()]
    }

    /// The observer's profile.
    pub fn replica(&mut self) -> &mut Profile {
        &mut self.replica
    }

    /// Asks for a change of a property. The changes up to the next [`make`](Self::make) are one batch.
    pub fn ask(&mut self, property: PropertyIndex, what: Ask) {
        let change = match what {
            Ask::Set(value) => Change::Set(value),
            Ask::Add(amount) => Change::Add(Addition::int(amount).0),
            Ask::Put(key, value) => Change::Dict(DictChange::Put { key, value }),
            Ask::RemoveKey(key) => Change::Dict(DictChange::Remove { key }),
            Ask::SetItem(index, value) => Change::List(ListChange::Set { item: self.item(index), value }),
            Ask::Insert(0, value) => Change::List(ListChange::Insert { after: Anchor::Front, value }),
            Ask::Insert(index, value) => {
                let after = Anchor::After(self.item(index - 1));
                Change::List(ListChange::Insert { after, value })
            }
            Ask::RemoveItem(index) => Change::List(ListChange::Remove { item: self.item(index) }),
            Ask::MoveItem(from, to) => {
                let after = match to {
                    0 => Anchor::Front,
                    to => Anchor::After(self.item(to - 1 + u32::from(from < to))),
                };
                Change::List(ListChange::Move { item: self.item(from), after })
            }
        };
        self.ops.push(Op { property: property.get(), change });
    }

    fn item(&self, index: u32) -> ItemRef {
        ItemRef::Base { index, since: self.profile.version }
    }

    /// Decides what was asked for as a batch, and appends what the session's encoder sends down because of it: nothing, when it
    /// was nothing.
    ///
    /// # Errors
    /// Why the batch was refused.
    pub fn make(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if !self.ops.is_empty() {
            self.number += 1;
            let Self { schema, profile, writer, writes, .. } = self;
            let decision = Decision::new(schema, profile, writer, writes, self.number);
            let done = std::mem::take(&mut self.scratch.done);
            let mut done = decision.with(done).take(&self.ops).map_err(|(_, error)| error)?;
            self.ops.clear();
            profile.version += 1;
            let version = profile.version;
            profile.remember(version, writer.writer.id, self.number, &mut done);
            self.scratch.done = done;
        }
        let delta = Delta {
            schema: &self.schema,
            profile: &mut self.profile,
            peer: &self.observer,
            open: &mut self.open,
            channel: CHANNEL,
            last_channel: CHANNEL,
        };
        match delta.put(&mut self.scratch, out) {
            Put::TooLong => unreachable!("changes of a measurement are small"),
            Put::Nothing | Put::Delta { .. } => Ok(()),
        }
    }

    /// Takes over at the observer what [`make`](Self::make) gave.
    ///
    /// # Errors
    /// What the observer finds wrong with it.
    pub fn apply(&mut self, bytes: &[u8]) -> Result<()> {
        self.inbound.push(bytes);
        while let Some(frame) = self.inbound.next_frame()? {
            let mut reader = Reader::new(frame);
            if let Head::Delta(head) = read_head(&mut reader, CHANNEL)? {
                self.entries.clear();
                read_delta(reader, &*self.schema, &mut self.keys, &mut self.entries)?;
                let own = self.replica.applied_through() + head.own;
                self.replica.apply_effects(&self.entries, own)?;
            }
        }
        Ok(())
    }

    /// Appends what the observer gets when it has nothing.
    pub fn snapshot(&mut self, out: &mut Vec<u8>) {
        self.open.told.clear();
        let Self { profile, open, observer, .. } = self;
        let MasterProfile { keys, values, .. } = profile;
        let mut keys = ChannelKeys { numbers: keys, told: &mut open.told, view: &observer.view };
        put_snapshot(out, values.len(), |index| Some(&values[index]), &mut keys);
    }

    /// The same as it travels where it is long: compressed.
    pub fn compressed(&mut self, out: &mut Vec<u8>) {
        let from = out.len();
        self.snapshot(out);
        compress(out, from);
    }

    /// A fresh observer's profile of what was compressed.
    ///
    /// # Errors
    /// What it finds wrong with it.
    pub fn load_compressed(schema: &Arc<Schema>, compressed: &[u8]) -> Result<Profile> {
        let plain = expand(&mut Reader::new(compressed)).map_err(|why| Error::malformed("snapshot", why))?;
        Self::load(schema, &plain)
    }

    /// A fresh observer's profile of a snapshot.
    ///
    /// # Errors
    /// What it finds wrong with it.
    pub fn load(schema: &Arc<Schema>, snapshot: &[u8]) -> Result<Profile> {
        let values = read_snapshot(Reader::new(snapshot), &**schema, &mut KnownKeys::default())?;
        let mut replica = Profile::filling(schema.clone(), Arc::from("ann"));
        replica.load(Relation::Owner, values, 0, Cause::Load)?;
        while replica.pop_change().is_some() {}
        Ok(replica)
    }

    /// The oldest event of the observer's profile; false when there is none.
    pub fn next_event(&mut self) -> bool {
        self.replica.pop_change().is_some()
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Ask {
    /// The scalar becomes this value.
    Set(Value),
    /// So much is added to the integer.
    Add(i64),
    /// The key of a dictionary gets this value.
    Put(Key, Value),
    /// The key is removed.
    RemoveKey(Key),
    /// The item becomes this value.
    SetItem(u32, Value),
    /// This is inserted, and stands there then.
    Insert(u32, Value),
    /// The item is removed.
    RemoveItem(u32),
    /// The item is moved, and stands there then.
    MoveItem(u32, u32),
}

impl PeerInfo {
    fn for_lab(schema: &Schema, id: u128, role: PeerRole) -> Self {
        let subject: Arc<str> = Arc::from("ann");
        let writer = WriterInfo { id, subject: subject.clone(), role: Arc::from("lab") };
        Self { identity: Identity { subject, role }, writer: Arc::new(writer), view: View::whole(schema) }
    }
}

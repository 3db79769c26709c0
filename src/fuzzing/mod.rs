//! Every decoder of the library behind one door, so that tests and fuzzers can feed it any bytes. Each of these must end in
//! a value or an error, whatever it is given. For the tests of this project.

#![allow(clippy::unwrap_used)]

mod decoders;
mod game;
mod master;
mod peer;
mod script;
mod traffic;

use std::sync::{Arc, LazyLock};

use self::decoders::Live;
use self::master::MasterRig;
use self::peer::PeerRig;
pub use self::traffic::{Recorded, record};
use crate::{Merge, Property, Schema, SyncClass, ValueType, Visibility, Writers};

/// What reads bytes that somebody else made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Decoder {
    /// Frames of the ordered stream, of both directions, and what each of them holds: batches too.
    Frame,
    /// The entries of a delta.
    Delta,
    /// A snapshot, with and without the head that it has on the network.
    Snapshot,
    /// A control message of either direction.
    Control,
    /// A datagram with values of volatile properties, of either direction.
    Volatile,
    /// A stored document, and after a zero byte a journal's row, loaded by a master, changed, and saved again.
    Document,
    /// A profile as JSON.
    ProfileJson,
    /// A schema file.
    Schema,
    /// What a journal's row says of effects, and of refusals.
    Journal,
    /// A delta that is applied to a profile with pending changes, and to one without an endpoint.
    ApplyDelta,
    /// What peers say to a master: a script of pieces.
    MasterSession,
    /// What a master says to a peer: a script of pieces.
    PeerSession,
}

impl Decoder {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Frame,
        Self::Delta,
        Self::Snapshot,
        Self::Control,
        Self::Volatile,
        Self::Document,
        Self::ProfileJson,
        Self::Schema,
        Self::Journal,
        Self::ApplyDelta,
        Self::MasterSession,
        Self::PeerSession,
    ];

    /// The name of its fuzz target.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Delta => "delta",
            Self::Snapshot => "snapshot",
            Self::Control => "control",
            Self::Volatile => "volatile",
            Self::Document => "document",
            Self::ProfileJson => "profile_json",
            Self::Schema => "schema",
            Self::Journal => "journal",
            Self::ApplyDelta => "apply_delta",
            Self::MasterSession => "master_session",
            Self::PeerSession => "peer_session",
        }
    }

    /// What stands ready to read one input.
    #[must_use]
    pub fn subject(self, layout: Layout) -> Subject {
        let (schema, of_master) = (layout.schema(), layout.schema_of_master());
        Subject {
            decoder: self,
            machine: match self {
                Self::ApplyDelta => Machine::Live(Box::new(Live::new(&schema))),
                Self::Document | Self::MasterSession => {
                    Machine::Master(Box::new(MasterRig::new(&of_master, layout)))
                }
                Self::PeerSession => Machine::Peer(Box::new(PeerRig::new(&schema, 0))),
                _ => Machine::None,
            },
            schema,
        }
    }
}

/// What the bytes are read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layout {
    /// A property of every type, and of every kind of limit.
    Everything,
    /// Records, lists and dictionaries in each other, and a plain number.
    Nested,
    /// A few properties.
    Small,
    /// These few, of which a peer knows the keys and types alone, so that the master describes them. Only for the sessions.
    View,
}

impl Layout {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Everything, Self::Nested, Self::Small, Self::View];

    /// Those that make a difference to a decoder.
    #[must_use]
    pub fn of(decoder: Decoder) -> &'static [Self] {
        match decoder {
            Decoder::MasterSession | Decoder::PeerSession => &Self::ALL,
            Decoder::Control | Decoder::Schema => &[Self::Everything],
            // What has parts is never volatile.
            Decoder::Volatile => &[Self::Everything, Self::Small],
            _ => &[Self::Everything, Self::Nested, Self::Small],
        }
    }

    /// Its schema.
    #[must_use]
    pub fn schema(self) -> Arc<Schema> {
        static EVERYTHING: LazyLock<Arc<Schema>> = LazyLock::new(|| {
            let text = include_str!("../../examples/kitchen-sink.profile.schema.json");
            Schema::from_json(text).unwrap()
        });
        static NESTED: LazyLock<Arc<Schema>> = LazyLock::new(|| {
            let of = |name: &str, value_type: &str| {
                let value_type = value_type.replace("reward", "record{item:custom<item>,count:i32}");
                Property::of_type(name, ValueType::from_name(&value_type).unwrap())
            };
            Schema::builder()
                // The first one is what the document's test sets.
                .property(Property::new("flag", false).visibility(Visibility::Public))
                .property(
                    of("quests", "list<record{id:string,n:i64,tags:list<string>,by:dict<string,i32>}>")
                        .visibility(Visibility::Public),
                )
                .property(of("stock", "dict<string,reward>").writers(Writers::Owner))
                .property(of("home", "record{open:bool,at:record{map:string,place:vector3,visits:i64}}"))
                .property(of("grid", "dict<i32,list<dict<string,reward>>>"))
                .property(of("deep", "list<list<list<list<record{a:list<record{b:list<bool>}>}>>>>"))
                .property(of("own", "custom"))
                .property(Property::new("score", 0_i64).merge(Merge::Sum).visibility(Visibility::Public))
                .build()
                .unwrap()
        });
        static SMALL: LazyLock<Arc<Schema>> = LazyLock::new(|| {
            Schema::builder()
                .property(Property::new("flag", false).visibility(Visibility::Public))
                .property(Property::new("score", 0_i64).merge(Merge::Sum).visibility(Visibility::Public))
                .property(Property::new("health", 50).range(0..=100).sync(SyncClass::Immediate))
                .property(Property::of_type("bag", ValueType::from_name("list<i64>").unwrap()))
                .property(
                    Property::of_type("stock", ValueType::from_name("dict<string,i32>").unwrap())
                        .writers(Writers::Owner),
                )
                .property(Property::new("place", 0.0_f64).sync(SyncClass::Volatile).saved(false))
                .property(
                    Property::new("mood", "calm").sync(SyncClass::Volatile).visibility(Visibility::Public),
                )
                .build()
                .unwrap()
        });
        static VIEW: LazyLock<Arc<Schema>> = LazyLock::new(|| {
            let mut view = Schema::builder();
            for property in Layout::Small.schema().properties() {
                view.add(Property::with_key(property.key(), property.value_type().zero()));
            }
            view.build().unwrap()
        });
        match self {
            Self::Everything => EVERYTHING.clone(),
            Self::Nested => NESTED.clone(),
            Self::Small => SMALL.clone(),
            Self::View => VIEW.clone(),
        }
    }

    fn schema_of_master(self) -> Arc<Schema> {
        match self {
            Self::View => Self::Small.schema(),
            other => other.schema(),
        }
    }
}

/// A decoder with all that it needs to read one input.
pub struct Subject {
    decoder: Decoder,
    schema: Arc<Schema>,
    machine: Machine,
}

enum Machine {
    None,
    Live(Box<Live>),
    Master(Box<MasterRig>),
    Peer(Box<PeerRig>),
}

impl Subject {
    /// Reads an input. True when it was good: a value came of it, or no side closed a connection.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        let schema = &self.schema;
        match (self.decoder, &mut self.machine) {
            (Decoder::Frame, _) => decoders::frames(schema, bytes),
            (Decoder::Delta, _) => decoders::delta(schema, bytes),
            (Decoder::Snapshot, _) => decoders::snapshot(schema, bytes),
            (Decoder::Control, _) => decoders::control(bytes),
            (Decoder::Volatile, _) => decoders::volatile(schema, bytes),
            (Decoder::ProfileJson, _) => decoders::profile_json(schema, bytes),
            (Decoder::Schema, _) => decoders::schema(bytes),
            (Decoder::Journal, _) => decoders::journal(schema, bytes),
            (Decoder::ApplyDelta, Machine::Live(live)) => live.apply(bytes),
            (Decoder::Document, Machine::Master(rig)) => rig.load(bytes),
            (Decoder::MasterSession, Machine::Master(rig)) => rig.play(bytes),
            (Decoder::PeerSession, Machine::Peer(rig)) => rig.play(bytes),
            (decoder, _) => unreachable!("{decoder:?} has its machine"),
        }
    }
}

/// Reads an input of any decoder with each schema.
pub fn feed(decoder: Decoder, bytes: &[u8]) {
    for layout in Layout::of(decoder) {
        decoder.subject(*layout).feed(bytes);
    }
}

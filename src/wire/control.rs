//! Control messages: rare, so a general encoding (bincode 2) serves. Only this file knows which.

use std::sync::Arc;

use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, Result};
use crate::limits::MAX_CONTROL_BYTES;
use crate::schema::{Attributes, Limits, Merge, PropertyInfo, Relation, SyncClass, Visibility, Writers};
use crate::value::ValueType;

/// The newest protocol version this library speaks.
pub(crate) const PROTOCOL_VERSION: u16 = 1;
/// The oldest.
pub(crate) const PROTOCOL_VERSION_MIN: u16 = 1;

/// A message that [`encode`] takes.
pub(crate) trait Control: Serialize + DeserializeOwned {}

impl Control for Up {}
impl Control for Down {}

/// Where an observer stands in a profile's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    pub(crate) epoch: u64,
    pub(crate) version: u64,
}

/// A type as a peer declares it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum DeclaredType {
    /// By its number, if it has one.
    Number(u16),
    Name(String),
}

impl DeclaredType {
    pub(crate) fn of(value_type: &ValueType) -> Self {
        value_type.code().map_or_else(|| Self::Name(value_type.name()), Self::Number)
    }

    /// The type, if there is one with this number or name.
    pub(crate) fn value_type(&self) -> Option<ValueType> {
        match self {
            Self::Number(code) => ValueType::from_code(*code),
            Self::Name(name) => ValueType::from_name(name),
        }
    }
}

/// What a peer says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Up {
    /// The first message.
    Hello {
        version_min: u16,
        version_max: u16,
        token: String,
        /// The writer session's random id, the same on every connection of it.
        writer: u128,
        fingerprint: u64,
        /// Key and type of each property, in the peer's order, by which it names them from here on.
        #[serde(deserialize_with = "grown")]
        properties: Vec<(u16, DeclaredType)>,
        /// Whether it wants to be told the names, rights and limits of these properties.
        describe: bool,
    },
    /// Asks for a profile, under a number of the peer's choice.
    Open {
        channel: u64,
        user: String,
        /// What it has of it already.
        cursor: Option<Cursor>,
        /// The number up to which it knows the outcome of all its batches for good.
        heard: u64,
        /// The number up to which the values at the cursor have its own batches.
        applied: u64,
        /// The highest number that it was told is durable, of batches made since it first asked for the profile.
        durable: u64,
        /// The highest number that it has used.
        last: u64,
        /// The highest number that it has used for a volatile value; those of this channel are greater.
        volatile: u64,
    },
    /// Ends the interest in a profile. `drained`: every batch's outcome is known, the writer session of this profile
    /// may be forgotten.
    Release { channel: u64, drained: bool },
    /// What the peer has differs from what the master says: asks for a snapshot.
    Resync { channel: u64 },
    /// Asks something, under a number of the peer's choice.
    Ask { request: u64, query: Query },
}

/// A question about a profile that need not be open, or about all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Query {
    /// The profile as it is, as canonical JSON. Unlike opening it, this makes none.
    Get {
        /// Whose.
        user: String,
    },
    /// The profile as it was at a version, as canonical JSON, as far back as the history is kept.
    At {
        /// Whose.
        user: String,
        /// The version.
        version: u64,
    },
    /// What happened to the profile: see [`Master::history`](crate::Master::history) for the form.
    History {
        /// Whose.
        user: String,
        /// The version after which to begin.
        after: u64,
        /// The most entries to tell, at most 1000.
        limit: u32,
    },
    /// User ids in byte order, as an array of JSON.
    List {
        /// The one after which to begin.
        after: Option<String>,
        /// The most to tell, at most 1000.
        limit: u32,
    },
    /// Deletes the profile and its journal for good: `true`, or `false` when there was none. Who has it open loses it; it is made
    /// anew when its owner or a game server opens it again.
    Delete {
        /// Whose.
        user: String,
    },
}

/// A property as the master knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) writers: Writers,
    pub(crate) visibility: Visibility,
    pub(crate) merge: Merge,
    pub(crate) sync: SyncClass,
    pub(crate) interval_ms: u32,
    pub(crate) saved: bool,
    pub(crate) limits: Limits,
}

impl Described {
    pub(crate) fn of(property: &PropertyInfo) -> Self {
        Self {
            name: property.name().into(),
            writers: property.writers(),
            visibility: property.visibility(),
            merge: property.merge(),
            sync: property.sync(),
            interval_ms: property.attributes().interval_ms,
            saved: property.is_saved(),
            limits: property.limits().clone(),
        }
    }

    /// One that the master does not have: nobody may see or write it, and it is called by its key.
    #[cfg_attr(not(feature = "master"), allow(dead_code))]
    pub(crate) fn absent(key: u16) -> Self {
        Self {
            name: format!("#{key}"),
            writers: Writers::Master,
            visibility: Visibility::Servers,
            merge: Merge::Last,
            sync: SyncClass::Interval,
            interval_ms: 0,
            saved: false,
            limits: Limits::default(),
        }
    }

    pub(crate) fn into_attributes(self) -> (Arc<str>, Attributes) {
        let attributes = Attributes {
            writers: self.writers,
            visibility: self.visibility,
            merge: self.merge,
            sync: self.sync,
            interval_ms: self.interval_ms,
            unsaved: !self.saved,
            limits: self.limits,
            ..Attributes::default()
        };
        (Arc::from(self.name), attributes)
    }
}

/// What the master says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Down {
    /// The answer to a hello.
    Welcome {
        version: u16,
        /// The properties that the peer asked to be described, in its order.
        #[serde(deserialize_with = "grown_if_any")]
        properties: Option<Vec<Described>>,
    },
    /// The answer to an open.
    Opened {
        channel: u64,
        epoch: u64,
        /// Where the deltas begin: the cursor's version when it still serves, else a snapshot is under way.
        resumed: Option<u64>,
        /// The last of the writer's batches that was applied or refused, and the last that is durable.
        applied: u64,
        durable: u64,
        /// The highest number that the master has used for a volatile value; datagrams about this channel have greater ones.
        volatile: u64,
    },
    /// The snapshot with this number is under way; no delta of the profile comes until it is confirmed.
    Snapshot { channel: u64, serial: u64 },
    /// The profile can't be opened.
    OpenFailed { channel: u64, code: i32, text: String },
    /// The master has forgotten this writer session: whether its batches up to this number were applied is not known, and
    /// they are not applied now.
    Expired { channel: u64, through: u64 },
    /// A batch was refused.
    Refused { channel: u64, number: u64, code: i32, property: Option<u16>, text: String },
    /// The answer to a release.
    Released { channel: u64 },
    /// A batch was applied before, under its idempotency key, and is not applied again.
    Repeated { channel: u64, number: u64 },
    /// A part of the answer to what was asked; the whole of it when `more` is false. With a code other than zero the text says
    /// what was wrong.
    Answer { request: u64, code: i32, more: bool, text: String },
}

/// In place of a channel in a refusal: it is of the whole connection. No profile has this channel.
pub(crate) const NO_CHANNEL: u64 = u64::MAX;

/// With the number of what the observer is to the profile, in a snapshot: its values are compressed.
pub(crate) const COMPRESSED: u8 = 0x80;

/// What an observer is to a profile, as a number.
pub(crate) fn relation_code(relation: Relation) -> u8 {
    match relation {
        Relation::Owner => 0,
        Relation::Server => 1,
        Relation::OtherClient => 2,
        // Only within a process.
        Relation::Master => 3,
    }
}

/// The relation with this number.
pub(crate) fn relation_of(code: u8) -> Option<Relation> {
    [Relation::Owner, Relation::Server, Relation::OtherClient, Relation::Master]
        .into_iter()
        .find(|r| relation_code(*r) == code)
}

/// Appends a message.
pub(crate) fn encode<M: Control>(message: &M, out: &mut Vec<u8>) {
    // Encoding plain data into memory does not fail. That it is not too long for a frame is up to who makes the message.
    match bincode::serde::encode_to_vec(message, bincode::config::standard()) {
        Ok(bytes) => out.extend_from_slice(&bytes),
        Err(error) => debug_assert!(false, "control message: {error}"),
    }
}

/// Bytes that [`encode`] appends.
pub(crate) fn encoded_len<M: Control>(message: &M) -> usize {
    let mut out = Vec::new();
    encode(message, &mut out);
    out.len()
}

/// Reads a message that fills the bytes.
pub(crate) fn decode<M: Control>(bytes: &[u8]) -> Result<M> {
    // The encoding believes what a text claims of its length, up to a limit. So that is never much more than there are bytes:
    // one of them is at most sixteen of what the limit is of, those of a number of 128 bits.
    let read = match bytes.len() {
        0..=64 => read::<M, 1024>(bytes),
        65..=512 => read::<M, 8192>(bytes),
        513..=4096 => read::<M, 65_536>(bytes),
        _ => read::<M, MAX_CONTROL_BYTES>(bytes),
    };
    match read {
        Ok((message, length)) if length == bytes.len() => Ok(message),
        Ok(_) => Err(Error::malformed("control message", "has trailing bytes")),
        Err(error) => Err(Error::malformed("control message", error.to_string())),
    }
}

fn read<M: Control, const LIMIT: usize>(bytes: &[u8]) -> Result<(M, usize), bincode::error::DecodeError> {
    bincode::serde::decode_from_slice(bytes, bincode::config::standard().with_limit::<LIMIT>())
}

/// Reads items that grow with what is there: for a count that is claimed the usual way takes up to a megabyte at once.
fn grown<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Grown::deserialize(from).map(|grown| grown.0)
}

fn grown_if_any<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Vec<T>>, D::Error> {
    Option::<Grown<T>>::deserialize(from).map(|some| some.map(|grown| grown.0))
}

struct Grown<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Grown<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Items<T>(Vec<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = Grown<T>;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(mut self, mut from: A) -> Result<Self::Value, A::Error> {
                while let Some(item) = from.next_element()? {
                    self.0.push(item);
                }
                Ok(Grown(self.0))
            }
        }

        from.deserialize_seq(Items(Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_bytes_truncations_and_huge_lengths_are_refused() {
        let mut out = Vec::new();
        encode(&Up::Release { channel: 3, drained: true }, &mut out);
        for cut in 0..out.len() {
            assert!(decode::<Up>(&out[..cut]).is_err());
        }
        out.push(0);
        assert!(decode::<Up>(&out).is_err());
        // A hello whose token claims four gigabytes.
        assert!(decode::<Up>(&[0, 1, 1, 0xfc, 0xff, 0xff, 0xff, 0xff]).is_err());
    }
}

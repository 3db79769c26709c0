//! What can go wrong, as one enum that names what happened to whom, and the stable numbers that cross
//! the network and the C ABI.

use std::sync::Arc;

use crate::value::ValueType;

/// Result of the library's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal;)*) => {
        /// The stable number of an error: the same in Rust, in C (`MstResult`) and on the network.
        ///
        /// Negative, in blocks of one hundred by area; never renumbered.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum ErrorCode { $($(#[$doc])* $name = $value,)* }

        impl ErrorCode {
            /// The codes, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code with this number.
            #[must_use]
            pub fn from_i32(value: i32) -> Option<Self> {
                match value { $($value => Some(Self::$name),)* _ => None }
            }

            /// The name as in the C header, without `MST_ERR_`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

error_codes! {
    /// An argument is out of its domain.
    InvalidArgument = -1, "INVALID_ARGUMENT";
    /// A handle is null, stale, freed, forged or of another kind.
    InvalidHandle = -2, "INVALID_HANDLE";
    /// The caller's buffer is too small; nothing changed.
    BufferTooSmall = -3, "BUFFER_TOO_SMALL";
    /// A panic was caught at the C boundary; the handle it happened on is poisoned.
    Panic = -4, "PANIC";
    /// The handle was poisoned by an earlier panic.
    Poisoned = -5, "POISONED";
    /// This build leaves the role out; or the host's own database does not do this.
    FeatureDisabled = -6, "FEATURE_DISABLED";
    /// Text is not UTF-8.
    InvalidUtf8 = -7, "INVALID_UTF8";
    /// An options struct has a size or a tail this library does not know.
    InvalidStructSize = -8, "INVALID_STRUCT_SIZE";
    /// The operating system refused something that is not the network or the database.
    System = -9, "SYSTEM";
    /// A name that no property of the schema has, or a property that the master does not have.
    UnknownProperty = -101, "UNKNOWN_PROPERTY";
    /// Two properties have one key.
    KeyCollision = -102, "KEY_COLLISION";
    /// Two properties have one name.
    DuplicateName = -103, "DUPLICATE_NAME";
    /// A property's name is empty, too long or has a forbidden character.
    InvalidName = -104, "INVALID_NAME";
    /// A schema file is not a schema.
    InvalidSchema = -105, "INVALID_SCHEMA";
    /// A peer's properties do not fit the master's schema.
    SchemaMismatch = -106, "SCHEMA_MISMATCH";
    /// More properties than a schema may have.
    TooManyProperties = -107, "TOO_MANY_PROPERTIES";
    /// A value of another type than the property's.
    WrongType = -201, "WRONG_TYPE";
    /// The sum does not fit the property's type.
    Overflow = -202, "OVERFLOW";
    /// A text is longer than its limit.
    TooLong = -203, "TOO_LONG";
    /// A text has U+0000 in it.
    InvalidText = -204, "INVALID_TEXT";
    /// The values of the profile together are larger than the limit.
    ProfileTooLarge = -205, "PROFILE_TOO_LARGE";
    /// JSON that is not a profile of this schema.
    InvalidJson = -206, "INVALID_JSON";
    /// A number or moment is outside of its range.
    OutOfRange = -207, "OUT_OF_RANGE";
    /// A text is shorter than it must be.
    TooShort = -208, "TOO_SHORT";
    /// A list or dictionary would have more elements than it may.
    TooMany = -209, "TOO_MANY";
    /// A list or dictionary would have fewer elements than it must.
    TooFew = -210, "TOO_FEW";
    /// A text does not match the pattern.
    PatternMismatch = -211, "PATTERN_MISMATCH";
    /// A NaN or an infinity where numbers must be finite.
    NotFinite = -212, "NOT_FINITE";
    /// A value that may only grow would become less.
    NotMonotonic = -213, "NOT_MONOTONIC";
    /// A guarded addition would lead out of its bounds.
    GuardFailed = -214, "GUARD_FAILED";
    /// A list has no item at this place.
    IndexOutOfRange = -215, "INDEX_OUT_OF_RANGE";
    /// A dictionary has no such key.
    NoSuchKey = -216, "NO_SUCH_KEY";
    /// The list item that was meant is gone, or the change is too old to tell which one it was; or a request was answered
    /// already, or too late.
    Stale = -217, "STALE";
    /// A property does not have the value that a batch requires.
    PreconditionFailed = -218, "PRECONDITION_FAILED";
    /// A path that leads to no place of a property's value.
    NoSuchPlace = -219, "NO_SUCH_PLACE";
    /// Bytes that are no value of a type of the game's own.
    InvalidCustom = -220, "INVALID_CUSTOM";
    /// The profile is being filled; its values are placeholders.
    NotLoaded = -301, "NOT_LOADED";
    /// The profile belongs to an endpoint, which makes and applies its deltas.
    Attached = -302, "ATTACHED";
    /// The profile was released.
    Released = -303, "RELEASED";
    /// This role may not write the property. (What it may not see shows its default.)
    NotPermitted = -304, "NOT_PERMITTED";
    /// A user id is empty, too long or has a control character.
    InvalidUserId = -305, "INVALID_USER_ID";
    /// The endpoint has this profile open already.
    AlreadyOpen = -306, "ALREADY_OPEN";
    /// Nobody has a profile under this user id yet, and the asker may not make one.
    NoSuchProfile = -307, "NO_SUCH_PROFILE";
    /// Bytes that are not what they should be.
    Malformed = -401, "MALFORMED";
    /// The peer speaks no protocol version that this one does.
    ProtocolVersion = -402, "PROTOCOL_VERSION";
    /// A peer broke the protocol's rules.
    ProtocolViolation = -403, "PROTOCOL_VIOLATION";
    /// The writer session is unknown to the master: too long absent, or closed.
    WriterExpired = -404, "WRITER_EXPIRED";
    /// The service can't take this now; try again later.
    Unavailable = -405, "UNAVAILABLE";
    /// It took too long.
    Timeout = -406, "TIMEOUT";
    /// A named limit was reached.
    LimitReached = -407, "LIMIT_REACHED";
    /// Another program listens at the address.
    AddressInUse = -501, "ADDRESS_IN_USE";
    /// The address can't be parsed, resolved or bound.
    InvalidAddress = -502, "INVALID_ADDRESS";
    /// Nobody answers at the address.
    Unreachable = -503, "UNREACHABLE";
    /// The peer's certificate is not the expected one.
    Certificate = -504, "CERTIFICATE";
    /// The connection ended.
    ConnectionLost = -505, "CONNECTION_LOST";
    /// A certificate or key file can't be used.
    TlsConfig = -506, "TLS_CONFIG";
    /// The endpoint is closed, or the master is shutting down.
    Closed = -507, "CLOSED";
    /// Another connection of the same writer session took this one's place.
    Superseded = -508, "SUPERSEDED";
    /// The database can't be opened, or is none.
    StoreOpen = -601, "STORE_OPEN";
    /// The database failed to read or write.
    StoreFailed = -602, "STORE_FAILED";
    /// A stored profile can't be read.
    StoreCorrupt = -603, "STORE_CORRUPT";
    /// The database has a newer layout than this program knows.
    StoreNewer = -604, "STORE_NEWER";
    /// Another master holds the database.
    StoreInUse = -605, "STORE_IN_USE";
    /// Another master took the database over.
    StoreFenced = -606, "STORE_FENCED";
    /// The database keeps no history, or none that goes back as far.
    StoreNoHistory = -607, "STORE_NO_HISTORY";
    /// The token is refused.
    AuthFailed = -701, "AUTH_FAILED";
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that no property of the schema has.
    #[error("no property is named `{name}`")]
    UnknownProperty {
        /// The name asked for.
        name: String,
    },
    /// The master that this process is connected to does not have the property (any more): it stays as it is here.
    #[error("the master has no property `{property}`, so it can't be changed")]
    NotAtMaster {
        /// The property's name here.
        property: Arc<str>,
    },
    /// A property index or key that the schema does not have.
    #[error("no property has the {what} {number}")]
    UnknownPropertyNumber {
        /// `index` or `key`.
        what: &'static str,
        /// The number asked for.
        number: u32,
    },
    /// Two properties have one key.
    #[error("properties `{first}` and `{second}` both have the key {key}; give one of them an explicit key")]
    KeyCollision {
        /// The property declared first.
        first: Arc<str>,
        /// The property declared second.
        second: Arc<str>,
        /// Their key.
        key: u16,
    },
    /// Two properties have one name.
    #[error("property `{name}` is declared twice")]
    DuplicateName {
        /// The name.
        name: Arc<str>,
    },
    /// A property's name is unusable.
    #[error("property name `{name}`: {reason}")]
    InvalidName {
        /// The name.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// A schema text is not a schema.
    #[error("schema: {reason}")]
    InvalidSchema {
        /// What and where.
        reason: String,
    },
    /// A peer's properties do not fit the master's schema.
    #[error("schema mismatch: {reason}")]
    SchemaMismatch {
        /// What differs.
        reason: String,
    },
    /// More properties than a schema may have.
    #[error("a schema has at most {} properties, this one {count}", crate::limits::MAX_PROPERTIES)]
    TooManyProperties {
        /// How many there are.
        count: usize,
    },
    /// A value of another type than the property's.
    #[error("property `{property}` is {expected}, not {found}")]
    WrongType {
        /// The property's name.
        property: Arc<str>,
        /// Its type.
        expected: ValueType,
        /// What it was used as.
        found: String,
    },
    /// The sum does not fit the property's type.
    #[error("property `{property}`: adding {amount} overflows {value_type}")]
    Overflow {
        /// The property's name.
        property: Arc<str>,
        /// Its type.
        value_type: &'static str,
        /// What was added.
        amount: String,
    },
    /// A text is longer than its limit.
    #[error("{what}: a length of {length} is more than {limit}")]
    TooLong {
        /// What is too long.
        what: String,
        /// Its length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A text has U+0000 in it.
    #[error("{what}: U+0000 is not allowed")]
    InvalidText {
        /// What has it.
        what: String,
    },
    /// The profile's values together are larger than the limit.
    #[error(
        "property `{property}`: the profile would have {length} bytes, more than {}",
        crate::limits::MAX_PROFILE_BYTES
    )]
    ProfileTooLarge {
        /// The property whose change was refused.
        property: Arc<str>,
        /// The length there would have been.
        length: usize,
    },
    /// A number or moment is outside of its range.
    #[error("property `{property}`: {reason}")]
    OutOfRange {
        /// The property's name.
        property: Arc<str>,
        /// Value and bound.
        reason: String,
    },
    /// A text is shorter than it must be.
    #[error("{what}: a length of {length} is less than {limit}")]
    TooShort {
        /// What is too short.
        what: String,
        /// Its length.
        length: usize,
        /// The least.
        limit: usize,
    },
    /// More elements than there may be.
    #[error("{what}: {count} elements are more than {limit}")]
    TooMany {
        /// What would have them.
        what: String,
        /// How many there would be.
        count: usize,
        /// The greatest number.
        limit: usize,
    },
    /// Fewer elements than there must be.
    #[error("{what}: {count} elements are fewer than {limit}")]
    TooFew {
        /// What would have them.
        what: String,
        /// How many there would be.
        count: usize,
        /// The least number.
        limit: usize,
    },
    /// A text does not match its pattern.
    #[error("property `{property}`: the text does not match `{pattern}`")]
    PatternMismatch {
        /// The property's name.
        property: Arc<str>,
        /// The regular expression.
        pattern: String,
    },
    /// A NaN or an infinity where numbers must be finite.
    #[error("property `{property}`: numbers must be finite")]
    NotFinite {
        /// The property's name.
        property: Arc<str>,
    },
    /// A value that may only grow would become less.
    #[error("property `{property}` may only grow, not go {reason}")]
    NotMonotonic {
        /// The property's name.
        property: Arc<str>,
        /// From where to where.
        reason: String,
    },
    /// A guarded addition would lead out of its bounds.
    #[error("property `{property}`: {reason}")]
    GuardFailed {
        /// The property's name.
        property: Arc<str>,
        /// Amount and bounds.
        reason: String,
    },
    /// A property does not have the value that a batch requires.
    #[error("property `{property}` does not have the value that the batch requires")]
    PreconditionFailed {
        /// The property's name.
        property: Arc<str>,
    },
    /// A path leads to no place of a property's value.
    #[error("property `{property}` has no place `{place}`")]
    NoSuchPlace {
        /// The property's name, or the record's type.
        property: Arc<str>,
        /// The path, or the part of it that is not there.
        place: String,
    },
    /// The codec of a type of the game's own refuses bytes.
    #[error("{what}: {reason}")]
    InvalidCustom {
        /// What it was for.
        what: String,
        /// What the codec said.
        reason: String,
    },
    /// A list has no item at this place.
    #[error("property `{property}` has no item {index}; it has {count}")]
    IndexOutOfRange {
        /// The property's name.
        property: Arc<str>,
        /// The place asked for.
        index: u32,
        /// How many items there are.
        count: usize,
    },
    /// A dictionary has no such key.
    #[error("property `{property}` has no key `{key}`")]
    NoSuchKey {
        /// The property's name.
        property: Arc<str>,
        /// The key asked for.
        key: String,
    },
    /// The list item that was meant can't be told any more.
    #[error(
        "property `{property}`: the item that was meant is gone, or the change is too old to tell which one it was"
    )]
    Stale {
        /// The property's name.
        property: Arc<str>,
    },
    /// JSON that is not a profile of this schema.
    #[error("profile JSON: {reason}")]
    InvalidJson {
        /// What and where.
        reason: String,
    },
    /// The profile is being filled; its values are placeholders.
    #[error("the profile of `{user}` is not loaded yet")]
    NotLoaded {
        /// Whose profile.
        user: Arc<str>,
    },
    /// The profile belongs to an endpoint.
    #[error("the profile belongs to a connection, which makes and applies its deltas")]
    Attached,
    /// The profile was released.
    #[error("the profile was released")]
    Released,
    /// This role may not write the property.
    #[error("{who} may not write property `{property}`")]
    NotPermitted {
        /// Who tried.
        who: &'static str,
        /// The property's name.
        property: Arc<str>,
    },
    /// A user id is unusable.
    #[error("user id {user:?}: {reason}")]
    InvalidUserId {
        /// The id.
        user: String,
        /// Why.
        reason: &'static str,
    },
    /// The endpoint has this profile open already.
    #[error("the profile of `{user}` is open already")]
    AlreadyOpen {
        /// Whose profile.
        user: Arc<str>,
    },
    /// Nobody has a profile under this user id yet.
    #[error("`{user}` has no profile yet")]
    NoSuchProfile {
        /// The id asked for.
        user: Arc<str>,
    },
    /// Bytes that are not what they should be.
    #[error("malformed {what}: {reason}")]
    Malformed {
        /// What was decoded.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A peer broke the protocol's rules.
    #[error("protocol violation: {reason}")]
    ProtocolViolation {
        /// Which.
        reason: String,
    },
    /// No common protocol version.
    #[error(
        "the peer speaks protocol versions {peer_min} to {peer_max}, this library {own_min} to {own_max}"
    )]
    ProtocolVersion {
        /// The peer's oldest.
        peer_min: u16,
        /// The peer's newest.
        peer_max: u16,
        /// Our oldest.
        own_min: u16,
        /// Our newest.
        own_max: u16,
    },
    /// The writer session is unknown to the master, which so can't tell whether it had the batch before.
    #[error(
        "the master does not know this writer session any more; batch {number} is not applied now, and may have been before"
    )]
    WriterExpired {
        /// The batch that was refused.
        number: u64,
    },
    /// The service can't take this now.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// It took too long.
    #[error("{what} took longer than {millis} ms")]
    Timeout {
        /// What did.
        what: &'static str,
        /// The time it had.
        millis: u64,
    },
    /// A named limit was reached.
    #[error("at most {limit} {what}")]
    LimitReached {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// An argument is out of its domain.
    #[error("{argument}: {reason}")]
    InvalidArgument {
        /// The argument's name.
        argument: &'static str,
        /// Why.
        reason: String,
    },
    /// An error of the network, the TLS configuration or an endpoint's life.
    #[error("{text}")]
    Transport {
        /// One of the codes from -500 to -599.
        code: ErrorCode,
        /// What and where.
        text: String,
    },
    /// An error of the database.
    #[error("{text}")]
    Store {
        /// One of the codes from -600 to -699.
        code: ErrorCode,
        /// What and where.
        text: String,
    },
    /// The token is refused.
    #[error("token refused: {reason}")]
    AuthFailed {
        /// Why.
        reason: String,
    },
    /// The operating system refused something.
    #[error("{what}: {text}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        text: String,
    },
    /// An error that the peer at the other end reported.
    #[error("{text}")]
    Remote {
        /// The code it gave.
        code: ErrorCode,
        /// The text it gave.
        text: String,
    },
}

impl Error {
    /// The stable number of this error.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownProperty { .. } | Self::UnknownPropertyNumber { .. } | Self::NotAtMaster { .. } => {
                ErrorCode::UnknownProperty
            }
            Self::KeyCollision { .. } => ErrorCode::KeyCollision,
            Self::DuplicateName { .. } => ErrorCode::DuplicateName,
            Self::InvalidName { .. } => ErrorCode::InvalidName,
            Self::InvalidSchema { .. } => ErrorCode::InvalidSchema,
            Self::SchemaMismatch { .. } => ErrorCode::SchemaMismatch,
            Self::TooManyProperties { .. } => ErrorCode::TooManyProperties,
            Self::WrongType { .. } => ErrorCode::WrongType,
            Self::Overflow { .. } => ErrorCode::Overflow,
            Self::TooLong { .. } => ErrorCode::TooLong,
            Self::InvalidText { .. } => ErrorCode::InvalidText,
            Self::ProfileTooLarge { .. } => ErrorCode::ProfileTooLarge,
            Self::InvalidJson { .. } => ErrorCode::InvalidJson,
            Self::OutOfRange { .. } => ErrorCode::OutOfRange,
            Self::TooShort { .. } => ErrorCode::TooShort,
            Self::TooMany { .. } => ErrorCode::TooMany,
            Self::TooFew { .. } => ErrorCode::TooFew,
            Self::PatternMismatch { .. } => ErrorCode::PatternMismatch,
            Self::NotFinite { .. } => ErrorCode::NotFinite,
            Self::NotMonotonic { .. } => ErrorCode::NotMonotonic,
            Self::GuardFailed { .. } => ErrorCode::GuardFailed,
            Self::PreconditionFailed { .. } => ErrorCode::PreconditionFailed,
            Self::NoSuchPlace { .. } => ErrorCode::NoSuchPlace,
            Self::InvalidCustom { .. } => ErrorCode::InvalidCustom,
            Self::IndexOutOfRange { .. } => ErrorCode::IndexOutOfRange,
            Self::NoSuchKey { .. } => ErrorCode::NoSuchKey,
            Self::Stale { .. } => ErrorCode::Stale,
            Self::NotLoaded { .. } => ErrorCode::NotLoaded,
            Self::Attached => ErrorCode::Attached,
            Self::Released => ErrorCode::Released,
            Self::NotPermitted { .. } => ErrorCode::NotPermitted,
            Self::InvalidUserId { .. } => ErrorCode::InvalidUserId,
            Self::AlreadyOpen { .. } => ErrorCode::AlreadyOpen,
            Self::NoSuchProfile { .. } => ErrorCode::NoSuchProfile,
            Self::Malformed { .. } => ErrorCode::Malformed,
            Self::ProtocolViolation { .. } => ErrorCode::ProtocolViolation,
            Self::ProtocolVersion { .. } => ErrorCode::ProtocolVersion,
            Self::WriterExpired { .. } => ErrorCode::WriterExpired,
            Self::Unavailable { .. } => ErrorCode::Unavailable,
            Self::Timeout { .. } => ErrorCode::Timeout,
            Self::LimitReached { .. } => ErrorCode::LimitReached,
            Self::InvalidArgument { .. } => ErrorCode::InvalidArgument,
            Self::AuthFailed { .. } => ErrorCode::AuthFailed,
            Self::System { .. } => ErrorCode::System,
            Self::Transport { code, .. } | Self::Store { code, .. } | Self::Remote { code, .. } => *code,
        }
    }

    pub(crate) fn malformed(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Malformed { what, reason: reason.into() }
    }

    #[cfg_attr(not(feature = "quic"), allow(dead_code))]
    pub(crate) fn transport(code: ErrorCode, text: impl Into<String>) -> Self {
        Self::Transport { code, text: text.into() }
    }

    #[cfg_attr(not(feature = "master"), allow(dead_code))]
    pub(crate) fn store(code: ErrorCode, text: impl Into<String>) -> Self {
        Self::Store { code, text: text.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_negative_and_found_again() {
        for (i, code) in ErrorCode::ALL.iter().enumerate() {
            assert!((*code as i32) < 0);
            assert_eq!(ErrorCode::from_i32(*code as i32), Some(*code));
            assert!(ErrorCode::ALL[..i].iter().all(|c| c.name() != code.name()));
        }
        assert_eq!(ErrorCode::from_i32(0), None);
    }
}

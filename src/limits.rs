//! Every limit of the library, in one place. Each is asserted where it holds and named in the error
//! that reports it.

use std::time::Duration;

/// Properties in one schema.
pub const MAX_PROPERTIES: usize = 4096;
/// UTF-8 bytes of a property's name.
pub const MAX_NAME_BYTES: usize = 128;
/// Bytes that the regular expression of one limit takes in memory.
pub const MAX_PATTERN_MEMORY_BYTES: usize = 64 * 1024;
/// UTF-8 bytes of a user id.
pub const MAX_USER_ID_BYTES: usize = 128;
/// UTF-8 bytes of a token that a peer presents.
pub const MAX_TOKEN_BYTES: usize = 4096;
/// Bytes of one text (in UTF-8) or one value of type `bytes`.
pub const MAX_STRING_BYTES: usize = 64 * 1024;
/// UTF-8 bytes of a dictionary's key.
pub const MAX_KEY_BYTES: usize = 1024;
/// Items of one list.
pub const MAX_LIST_ITEMS: usize = 131_072;
/// Entries of one dictionary.
pub const MAX_DICT_ENTRIES: usize = 131_072;
/// Removed keys of one dictionary whose numbers the master still knows.
pub const MAX_REMOVED_KEYS: usize = 1024;
/// Records, lists and dictionaries within one another, in the type of a property.
pub const MAX_NESTING: usize = 8;
/// Fields of a record.
pub const MAX_FIELDS: usize = 256;
/// Fields of a record together with those of all records within it.
pub const MAX_TYPE_FIELDS: usize = 4096;
/// Bytes of the name of a field, or of a type of the game's own.
pub const MAX_FIELD_NAME_BYTES: usize = 64;
/// Bytes of all values of one profile together, as they travel.
pub const MAX_PROFILE_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of one frame on the ordered stream.
pub const MAX_FRAME_BYTES: usize = 256 * 1024;
/// Bytes of one control message (hello, open, refusals) inside a frame.
pub const MAX_CONTROL_BYTES: usize = 192 * 1024;
/// Bytes after which pending batches go on in a next frame. A frame is at most this and one batch.
pub const BATCHES_FRAME_TARGET_BYTES: usize = 32 * 1024;
/// Bytes of a delta above which the observer gets a snapshot instead.
pub const MAX_DELTA_BYTES: usize = 192 * 1024;
/// Bytes of one snapshot.
pub const MAX_SNAPSHOT_BYTES: usize = MAX_PROFILE_BYTES + 1024 * 1024;
/// Operations in one batch.
pub const MAX_BATCH_OPS: usize = 4096;
/// Bytes of one batch.
pub const MAX_BATCH_BYTES: usize = 128 * 1024;
/// Batches of one profile that a writer may have sent and not yet seen applied.
pub const MAX_UNAPPLIED_BATCHES: usize = 1024;
/// Bytes of batches that a writer keeps for one profile until they are durable.
pub const MAX_RETAINED_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of changes to one profile that a writer has not yet put on their way. Past it new changes are refused as unavailable.
pub const MAX_UNSENT_BYTES: usize = 4 * 1024 * 1024;
/// Batches that a writer keeps for one profile until they are durable, and so the most that it sends again at once.
pub const MAX_RETAINED_BATCHES: usize = 16_384;
/// Bytes of one connection's batches that wait for profiles to be loaded. Past it the connection is closed.
pub const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;
/// Profiles that one connection may have open.
pub const MAX_OPEN_PROFILES: usize = 65_536;
/// Events that wait to be polled, per endpoint or stand-alone profile. Past it the oldest are dropped and
/// one `Overflow` event says so.
pub const MAX_QUEUED_EVENTS: usize = 65_536;
/// Confirmations that the callers of one endpoint may wait for at a time; those that were dropped do not count.
pub const MAX_CONFIRMATIONS: usize = 16_384;
/// Recent steps that the master remembers for each list, to send these instead of the whole, and to follow its items.
pub const MAX_LIST_STEPS: usize = 256;
/// Recent steps that the master remembers for each profile, to send differences and entries instead of values.
pub const MAX_RECENT_CHANGES: usize = 128;
/// Writer sessions that one stored profile remembers.
pub const MAX_WRITERS: usize = 1024;
/// UTF-8 bytes of a batch's idempotency key.
pub const MAX_IDEMPOTENCY_KEY_BYTES: usize = 128;
/// Time for which the outcome of a batch with an idempotency key is kept.
pub const IDEMPOTENCY_EXPIRY: Duration = Duration::from_secs(7 * 24 * 3600);
/// Idempotency keys of game servers and the master that one profile remembers. Past it batches with further keys are refused.
pub const MAX_IDEMPOTENCY_KEYS: usize = 4096;
/// The same, of clients.
pub const MAX_CLIENT_IDEMPOTENCY_KEYS: usize = 256;
/// Time after which an abandoned writer session is forgotten.
pub const WRITER_EXPIRY: Duration = Duration::from_secs(7 * 24 * 3600);
/// Refused batches remembered for one writer session of a profile, and as many of those that were done before.
pub const MAX_REFUSED: usize = MAX_RETAINED_BATCHES;
/// Pairs of epoch and end version kept with a profile.
pub const MAX_EPOCHS: usize = 16;
/// Journal rows that wait for the database. Past it new changes are refused as unavailable.
pub const MAX_UNJOURNALED_ROWS: usize = 262_144;
/// Bytes of journal rows that wait for the database. Past it new changes are refused as unavailable.
pub const MAX_UNJOURNALED_BYTES: usize = 256 * 1024 * 1024;
/// Journal rows in one transaction.
pub const MAX_GROUP_ROWS: usize = 4096;
/// Bytes of journal rows after which a transaction takes no more.
pub const GROUP_TARGET_BYTES: usize = 8 * 1024 * 1024;
/// Documents in one save.
pub const MAX_SAVE_DOCUMENTS: usize = 256;
/// Bytes that wait for one session's connection above which no further deltas and snapshots are made for it.
pub const OUTBOUND_HIGH_WATER_BYTES: usize = 256 * 1024;
/// Bytes of all that waits for one session's connection above which the session is closed: it does not read. Snapshots and
/// deltas stop long before; what goes on are answers to what the peer itself asks.
pub const OUTBOUND_LIMIT_BYTES: usize = MAX_SNAPSHOT_BYTES + 4 * 1024 * 1024;
/// Bytes received from one connection that wait to be processed.
pub const INBOUND_LIMIT_BYTES: usize = 512 * 1024;
/// Time without a new value after which a volatile property's last one is told on the ordered stream, so that it arrives.
pub const VOLATILE_QUIET: Duration = Duration::from_millis(250);
/// The longest interval that a property may have.
pub const MAX_PROPERTY_INTERVAL: Duration = Duration::from_secs(3600);
/// Bytes of one datagram that fits every path: QUIC's smallest packet, less what QUIC itself puts in. A larger one may be
/// dropped.
pub const MAX_DATAGRAM_BYTES: usize = 1150;
/// Bytes of datagrams that wait for one connection to send them. Past it the oldest are dropped.
pub const DATAGRAM_SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Bytes of datagrams received from one connection that wait to be processed. Past it new ones are dropped.
pub const DATAGRAM_RECEIVE_BUFFER_BYTES: usize = 64 * 1024;
/// Connections that a master serves at a time.
pub const MAX_SESSIONS: usize = 65_536;
/// Time in which a connection must say hello and be answered.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Least time between two hashes of what an observer of a profile has.
pub const HASH_INTERVAL: Duration = Duration::from_secs(5);
/// Profiles named in one frame of durable acknowledgements.
pub const MAX_DURABLE_ENTRIES: usize = 1000;
/// Events of a master that wait for its operator; past it new ones are dropped.
pub const MAX_MASTER_EVENTS: usize = 4096;
/// Age up to which journal rows are kept as history, unless set.
pub const HISTORY_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Journal rows of one profile that are kept as history, unless set.
pub const HISTORY_ROWS: u64 = 1000;
/// Journal rows in one answer about a profile's history.
pub const MAX_ASKED_ROWS: usize = 1000;
/// User ids in one answer.
pub const MAX_ASKED_USERS: usize = 1000;
/// Questions that wait for the database at a time.
pub const MAX_ASKS: usize = 1024;
/// Questions of one peer to the master at a time.
pub const MAX_PEER_ASKS: usize = 64;
/// Bytes of an answer to a peer. What is longer can only be asked for on the master's own machine.
pub const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of one message with a part of an answer.
pub const ANSWER_PART_BYTES: usize = 64 * 1024;
/// Time in which a master without a journal gathers changes before the first save after a rest.
pub const FIRST_SAVE_DELAY: Duration = Duration::from_millis(20);
/// Journal rows from one kept document to the next: what a look into the past has to go through, and by how much more than
/// what is asked for is kept.
pub const HISTORY_STRIDE_ROWS: u64 = 64;
/// Time within which a profile has to be read, with all attempts; after it whoever waits is told that it is unavailable.
pub const LOAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Time in which a database of the host's own has to answer, unless set.
pub const HOST_STORE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time a stopping master has to save everything.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest interval or delay that is told from for ever.
pub const MAX_INTERVAL: Duration = Duration::from_secs(365 * 24 * 3600);

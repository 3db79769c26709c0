/* mst-profiles: real-time player profiles.
 *
 * Generated from the sources of the library; do not edit.
 *
 * Handles are values, never followed as pointers: a null, freed, forged or foreign one gives MST_ERR_INVALID_HANDLE.
 * Every fallible function returns an MstResult; on anything but MST_OK nothing changed and no output was written, unless
 * the function says otherwise, and but for the length that MST_ERR_BUFFER_TOO_SMALL reports. Any of them may also return
 * MST_ERR_PANIC for a defect of the library, and MST_ERR_POISONED for an object on which one showed. mst_last_error gives
 * the text of the calling thread's last failure. Texts go in as UTF-8 with a length in bytes; they need no terminating zero.
 */

#ifndef MST_PROFILES_H
#define MST_PROFILES_H

#include <stdint.h>

/* What mst_abi_hash() of the library must return. */
#define MST_ABI_HASH 0x6c018e2013823641ULL


/**
 * The version of this header's functions. It grows when some are added; none is ever changed or removed under its name.
 */
#define MST_ABI_VERSION 1

/**
 * What a function returns: `MST_OK`, or why it did nothing. Numbers are never given another meaning.
 */
enum MstResult
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * It did what it says.
   */
  MST_OK = 0,
  /**
   * An argument is out of its domain.
   */
  MST_ERR_INVALID_ARGUMENT = -1,
  /**
   * A handle is null, stale, freed, forged or of another kind.
   */
  MST_ERR_INVALID_HANDLE = -2,
  /**
   * The caller's buffer is too small; nothing changed.
   */
  MST_ERR_BUFFER_TOO_SMALL = -3,
  /**
   * A panic was caught at the C boundary; the handle it happened on is poisoned.
   */
  MST_ERR_PANIC = -4,
  /**
   * The handle was poisoned by an earlier panic.
   */
  MST_ERR_POISONED = -5,
  /**
   * This build leaves the role out.
   */
  MST_ERR_FEATURE_DISABLED = -6,
  /**
   * Text is not UTF-8.
   */
  MST_ERR_INVALID_UTF8 = -7,
  /**
   * An options struct has a size or a tail this library does not know.
   */
  MST_ERR_INVALID_STRUCT_SIZE = -8,
  /**
   * The operating system refused something that is not the network or the database.
   */
  MST_ERR_SYSTEM = -9,
  /**
   * A name that no property of the schema has.
   */
  MST_ERR_UNKNOWN_PROPERTY = -101,
  /**
   * Two properties have one key.
   */
  MST_ERR_KEY_COLLISION = -102,
  /**
   * Two properties have one name.
   */
  MST_ERR_DUPLICATE_NAME = -103,
  /**
   * A property's name is empty, too long or has a forbidden character.
   */
  MST_ERR_INVALID_NAME = -104,
  /**
   * A schema file is not a schema.
   */
  MST_ERR_INVALID_SCHEMA = -105,
  /**
   * A peer's properties do not fit the master's schema.
   */
  MST_ERR_SCHEMA_MISMATCH = -106,
  /**
   * More properties than a schema may have.
   */
  MST_ERR_TOO_MANY_PROPERTIES = -107,
  /**
   * A value of another type than the property's.
   */
  MST_ERR_WRONG_TYPE = -201,
  /**
   * The sum does not fit the property's type.
   */
  MST_ERR_OVERFLOW = -202,
  /**
   * A text is longer than its limit.
   */
  MST_ERR_TOO_LONG = -203,
  /**
   * A text has U+0000 in it.
   */
  MST_ERR_INVALID_TEXT = -204,
  /**
   * The texts of the profile together are longer than the limit.
   */
  MST_ERR_PROFILE_TOO_LARGE = -205,
  /**
   * JSON that is not a profile of this schema.
   */
  MST_ERR_INVALID_JSON = -206,
  /**
   * The profile is being filled; its values are placeholders.
   */
  MST_ERR_NOT_LOADED = -301,
  /**
   * The profile belongs to an endpoint, which makes and applies its deltas.
   */
  MST_ERR_ATTACHED = -302,
  /**
   * The profile was released.
   */
  MST_ERR_RELEASED = -303,
  /**
   * This role may not write the property. (What it may not see shows its default.)
   */
  MST_ERR_NOT_PERMITTED = -304,
  /**
   * A user id is empty, too long or has a control character.
   */
  MST_ERR_INVALID_USER_ID = -305,
  /**
   * The endpoint has this profile open already.
   */
  MST_ERR_ALREADY_OPEN = -306,
  /**
   * Nobody has a profile under this user id yet, and the asker may not make one.
   */
  MST_ERR_NO_SUCH_PROFILE = -307,
  /**
   * Bytes that are not what they should be.
   */
  MST_ERR_MALFORMED = -401,
  /**
   * The peer speaks no protocol version that this one does.
   */
  MST_ERR_PROTOCOL_VERSION = -402,
  /**
   * A peer broke the protocol's rules.
   */
  MST_ERR_PROTOCOL_VIOLATION = -403,
  /**
   * The writer session is unknown to the master: too long absent, or closed.
   */
  MST_ERR_WRITER_EXPIRED = -404,
  /**
   * The service can't take this now; try again later.
   */
  MST_ERR_UNAVAILABLE = -405,
  /**
   * It took too long.
   */
  MST_ERR_TIMEOUT = -406,
  /**
   * A named limit was reached.
   */
  MST_ERR_LIMIT_REACHED = -407,
  /**
   * Another program listens at the address.
   */
  MST_ERR_ADDRESS_IN_USE = -501,
  /**
   * The address can't be parsed, resolved or bound.
   */
  MST_ERR_INVALID_ADDRESS = -502,
  /**
   * Nobody answers at the address.
   */
  MST_ERR_UNREACHABLE = -503,
  /**
   * The peer's certificate is not the expected one.
   */
  MST_ERR_CERTIFICATE = -504,
  /**
   * The connection ended.
   */
  MST_ERR_CONNECTION_LOST = -505,
  /**
   * A certificate or key file can't be used.
   */
  MST_ERR_TLS_CONFIG = -506,
  /**
   * The endpoint is closed, or the master is shutting down.
   */
  MST_ERR_CLOSED = -507,
  /**
   * Another connection of the same writer session took this one's place.
   */
  MST_ERR_SUPERSEDED = -508,
  /**
   * The database can't be opened, or is none.
   */
  MST_ERR_STORE_OPEN = -601,
  /**
   * The database failed to read or write.
   */
  MST_ERR_STORE_FAILED = -602,
  /**
   * A stored profile can't be read.
   */
  MST_ERR_STORE_CORRUPT = -603,
  /**
   * The database has a newer layout than this program knows.
   */
  MST_ERR_STORE_NEWER = -604,
  /**
   * Another master holds the database.
   */
  MST_ERR_STORE_IN_USE = -605,
  /**
   * Another master took the database over.
   */
  MST_ERR_STORE_FENCED = -606,
  /**
   * The token is refused.
   */
  MST_ERR_AUTH_FAILED = -701,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum MstResult MstResult;
#else
typedef int32_t MstResult;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The type of a property.
 */
enum MstValueType
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * No value.
   */
  MST_TYPE_NONE = 0,
  /**
   * True or false, as 1 or 0.
   */
  MST_TYPE_BOOL = 1,
  /**
   * A 32-bit integer.
   */
  MST_TYPE_I32 = 2,
  /**
   * A 64-bit integer.
   */
  MST_TYPE_I64 = 3,
  /**
   * A 64-bit floating-point number.
   */
  MST_TYPE_F64 = 4,
  /**
   * Text.
   */
  MST_TYPE_STRING = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum MstValueType MstValueType;
#else
typedef int32_t MstValueType;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Who may write a property, beside the master.
 */
enum MstWriters
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Game servers.
   */
  MST_WRITERS_SERVERS = 0,
  /**
   * The profile's owner and game servers.
   */
  MST_WRITERS_OWNER = 1,
  /**
   * The master alone.
   */
  MST_WRITERS_MASTER = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum MstWriters MstWriters;
#else
typedef int32_t MstWriters;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Who may see a property, beside the master.
 */
enum MstVisibility
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * The profile's owner and game servers.
   */
  MST_VISIBILITY_OWNER = 0,
  /**
   * Everybody who observes the profile.
   */
  MST_VISIBILITY_PUBLIC = 1,
  /**
   * Game servers alone.
   */
  MST_VISIBILITY_SERVERS = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum MstVisibility MstVisibility;
#else
typedef int32_t MstVisibility;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What an event tells.
 */
enum MstEventType
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * There is no event.
   */
  MST_EVENT_NONE = 0,
  /**
   * The master said welcome.
   */
  MST_EVENT_CONNECTED = 1,
  /**
   * The connection ended or an attempt failed; the next begins in `number` milliseconds. `code` and the text say why.
   */
  MST_EVENT_DISCONNECTED = 2,
  /**
   * The master will not have this peer; no attempt follows. `code` and the text say why.
   */
  MST_EVENT_FAILED = 3,
  /**
   * `profile` has its values.
   */
  MST_EVENT_PROFILE_LOADED = 4,
  /**
   * `profile` goes on after a reconnect; `number` is 1 when all of it travelled again, 0 when only what changed did.
   */
  MST_EVENT_PROFILE_RESUMED = 5,
  /**
   * `profile` can't be loaded; `code` and the text say why. One that never was loaded is released by that.
   */
  MST_EVENT_OPEN_FAILED = 6,
  /**
   * A property of `profile` changed; `cause` says why, and the old and the new value are there for numbers.
   */
  MST_EVENT_PROPERTY_CHANGED = 7,
  /**
   * Batches of `profile` up to `number` are decided: applied, or refused as told before.
   */
  MST_EVENT_APPLIED = 8,
  /**
   * Batches of `profile` up to `number` are decided for good: in the database, committed and synced, or refused as told
   * before.
   */
  MST_EVENT_DURABLE = 9,
  /**
   * Batch `number` of `profile` was refused and is taken back; `code`, the property and the text say why.
   */
  MST_EVENT_REFUSED = 10,
  /**
   * A crash of the master took back what was applied to `profile` after batch `number`; it is sent again.
   */
  MST_EVENT_TAKEN_BACK = 11,
  /**
   * `profile` was let go. Its handle still has to be freed.
   */
  MST_EVENT_PROFILE_RELEASED = 12,
  /**
   * `number` events, of whatever type, were dropped because nobody polled; read values and states anew.
   */
  MST_EVENT_OVERFLOW = 13,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum MstEventType MstEventType;
#else
typedef int32_t MstEventType;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Why a value changed.
 */
enum MstCause
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * This process changed it.
   */
  MST_CAUSE_LOCAL = 0,
  /**
   * Somebody else changed it, or the master decided differently.
   */
  MST_CAUSE_REMOTE = 1,
  /**
   * A change of this process was refused and taken back.
   */
  MST_CAUSE_ROLLBACK = 2,
  /**
   * The profile was loaded.
   */
  MST_CAUSE_LOAD = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum MstCause MstCause;
#else
typedef int32_t MstCause;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a master's event tells.
 */
enum MstMasterEventType
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * There is no event.
   */
  MST_MASTER_EVENT_NONE = 0,
  /**
   * Connection `session` said hello and was let in; the text is its subject.
   */
  MST_MASTER_EVENT_PEER_JOINED = 1,
  /**
   * Connection `session` ended; `code` and the text say why.
   */
  MST_MASTER_EVENT_PEER_LEFT = 2,
  /**
   * The profile of the user in the text was made from defaults.
   */
  MST_MASTER_EVENT_PROFILE_CREATED = 3,
  /**
   * The profile of the user in the text was read from the database.
   */
  MST_MASTER_EVENT_PROFILE_LOADED = 4,
  /**
   * The profile of the user in the text left memory.
   */
  MST_MASTER_EVENT_PROFILE_UNLOADED = 5,
  /**
   * A stored value does not fit its property and is kept aside; the text says whose, which and why.
   */
  MST_MASTER_EVENT_VALUE_KEPT_ASIDE = 6,
  /**
   * The database failed; `code` and the text say how. What was to be written is kept and tried again.
   */
  MST_MASTER_EVENT_STORE_FAILED = 7,
  /**
   * The master can't go on; `code` and the text say why.
   */
  MST_MASTER_EVENT_FATAL = 8,
  /**
   * Connection `session` came from the address in the text; who it is is not known yet.
   */
  MST_MASTER_EVENT_PEER_CONNECTED = 9,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum MstMasterEventType MstMasterEventType;
#else
typedef int32_t MstMasterEventType;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A client or a game server of this process.
 */
typedef struct MstEndpoint MstEndpoint;

/**
 * A master of this process.
 */
typedef struct MstMaster MstMaster;

/**
 * Observable typed properties.
 */
typedef struct MstProfile MstProfile;

/**
 * The properties of a profile: immutable, shared by the profiles made of it, usable from any thread.
 */
typedef struct MstSchema MstSchema;

/**
 * Collects the properties of a schema.
 */
typedef struct MstSchemaBuilder MstSchemaBuilder;

/**
 * What may be said of a property beside its name and default. Zero is the usual.
 */
typedef struct MstPropertyOptions {
  /**
   * Set by `mst_property_options_init`.
   */
  uint32_t struct_size;
  /**
   * An `MstWriters`.
   */
  int32_t writers;
  /**
   * An `MstVisibility`.
   */
  int32_t visibility;
  /**
   * 1 when `key` is the property's key, 0 when the hash of its name is.
   */
  uint16_t has_key;
  /**
   * See `has_key`.
   */
  uint16_t key;
} MstPropertyOptions;

/**
 * What a schema says of a property.
 */
typedef struct MstPropertyInfo {
  /**
   * An `MstValueType`.
   */
  int32_t value_type;
  /**
   * An `MstWriters`.
   */
  int32_t writers;
  /**
   * An `MstVisibility`.
   */
  int32_t visibility;
  /**
   * Its 16-bit key.
   */
  uint16_t key;
  /**
   * Zero.
   */
  uint16_t reserved;
} MstPropertyInfo;

/**
 * Something that happened. Fields that an event does not use are zero.
 */
typedef struct MstEvent {
  /**
   * An `MstEventType`.
   */
  int32_t event_type;
  /**
   * An `MstResult`.
   */
  int32_t code;
  /**
   * The profile, as the handle that its maker got; null where there is none, or it was freed.
   */
  struct MstProfile *profile;
  /**
   * A batch's number, or what the event's type says.
   */
  uint64_t number;
  /**
   * The property's index in its schema; `UINT32_MAX` where there is none.
   */
  uint32_t property_index;
  /**
   * The property's key.
   */
  uint16_t property_key;
  /**
   * An `MstValueType`, for the four values that follow.
   */
  uint8_t value_type;
  /**
   * An `MstCause`.
   */
  uint8_t cause;
  /**
   * The value before, of a bool or an integer.
   */
  int64_t old_int;
  /**
   * The value after, of a bool or an integer.
   */
  int64_t new_int;
  /**
   * The value before, of a floating-point number.
   */
  double old_float;
  /**
   * The value after, of a floating-point number.
   */
  double new_float;
} MstEvent;

/**
 * What of a profile's changes is where.
 */
typedef struct MstPending {
  /**
   * Batches that the master has not decided.
   */
  uint64_t unapplied;
  /**
   * Batches that are not known to be durable, the undecided ones included.
   */
  uint64_t undurable;
  /**
   * The number of the last batch.
   */
  uint64_t last;
  /**
   * 1 when there are changes in no batch yet, else 0.
   */
  uint8_t unsent;
  /**
   * Zero.
   */
  uint8_t reserved[7];
} MstPending;

/**
 * How to reach the master, and as whom. Zero is the usual, where nothing else is said. The texts are copied.
 */
typedef struct MstConnectOptions {
  /**
   * Set by `mst_connect_options_init`.
   */
  uint32_t struct_size;
  /**
   * Bytes of `address`.
   */
  uint32_t address_len;
  /**
   * `host:port` of the master; needed.
   */
  const char *address;
  /**
   * What tells the master who this is; needed.
   */
  const char *token;
  /**
   * Bytes of `token`.
   */
  uint32_t token_len;
  /**
   * Bytes of `fingerprint`.
   */
  uint32_t fingerprint_len;
  /**
   * The SHA-256 of the master's certificate, in hexadecimal, when it is to be known by that.
   */
  const char *fingerprint;
  /**
   * A PEM file of the authorities that may have signed the master's certificate, when it is to be known by that.
   * With neither, those that web browsers trust may have.
   */
  const char *ca_file;
  /**
   * Bytes of `ca_file`.
   */
  uint32_t ca_file_len;
  /**
   * Bytes of `server_name`.
   */
  uint32_t server_name_len;
  /**
   * The name the certificate must have, when it is not the address's host.
   */
  const char *server_name;
  /**
   * What profiles are made of here; needed. The handle may be freed afterwards.
   */
  const struct MstSchema *schema;
  /**
   * Least time between two flushes of changes, in milliseconds. 0 is the role's usual (50 for a client, 100 for a
   * game server), a negative number flushes at each tick.
   */
  int32_t flush_interval_ms;
  /**
   * Time for one attempt to connect, in milliseconds; 0 is 5000.
   */
  uint32_t connect_timeout_ms;
  /**
   * Silence after which the connection counts as lost, in milliseconds; 0 is 15000.
   */
  uint32_t idle_timeout_ms;
  /**
   * Silence after which the master is asked for a sign of life, in milliseconds; 0 is 5000.
   */
  uint32_t keep_alive_ms;
} MstConnectOptions;

/**
 * Counters of an endpoint, from its beginning.
 */
typedef struct MstEndpointStats {
  /**
   * Batches sent, those sent again included.
   */
  uint64_t batches_sent;
  /**
   * Bytes of their frames.
   */
  uint64_t batch_bytes;
  /**
   * Batches sent again after a reconnect.
   */
  uint64_t batches_resent;
  /**
   * Batches sent again that the master turned out to have already.
   */
  uint64_t duplicates;
  /**
   * Deltas received.
   */
  uint64_t deltas;
  /**
   * Bytes of their frames.
   */
  uint64_t delta_bytes;
  /**
   * Snapshots received.
   */
  uint64_t snapshots;
  /**
   * Their bytes.
   */
  uint64_t snapshot_bytes;
  /**
   * Connections on which the master said welcome.
   */
  uint64_t connections;
  /**
   * Bytes of UDP payload sent.
   */
  uint64_t udp_sent_bytes;
  /**
   * Bytes of UDP payload received.
   */
  uint64_t udp_received_bytes;
} MstEndpointStats;

/**
 * How a master is set up. Zero is the usual, where nothing else is said. The texts are copied.
 */
typedef struct MstMasterOptions {
  /**
   * Set by `mst_master_options_init`.
   */
  uint32_t struct_size;
  /**
   * Bytes of `listen`.
   */
  uint32_t listen_len;
  /**
   * Where to listen, as `address:port`; port 0 lets the system choose. `127.0.0.1:0` when null.
   */
  const char *listen;
  /**
   * The SQLite file of the database, made when it is not there. Null keeps profiles in memory alone.
   */
  const char *database;
  /**
   * Bytes of `database`.
   */
  uint32_t database_len;
  /**
   * Bytes of `cert_file`.
   */
  uint32_t cert_file_len;
  /**
   * A PEM file with the certificate and those that lead to its authority. Null makes one for development, known by
   * its fingerprint, which is kept beside the database.
   */
  const char *cert_file;
  /**
   * A PEM file with the certificate's private key.
   */
  const char *key_file;
  /**
   * Bytes of `key_file`.
   */
  uint32_t key_file_len;
  /**
   * 1 to accept tokens that prove nothing (`dev:<user>`, `dev-server:<name>`), else 0.
   */
  uint32_t development;
  /**
   * What profiles are made of; needed. The handle may be freed afterwards.
   */
  const struct MstSchema *schema;
  /**
   * Least time between two rounds of deltas to observers, in milliseconds; 0 is 50, a negative number sends at once.
   */
  int32_t update_interval_ms;
  /**
   * Time from a profile's first change to the save of its document, in milliseconds; 0 is 5000.
   */
  uint32_t save_interval_ms;
  /**
   * Time from the last observer's leaving until a profile leaves memory, in milliseconds; 0 is 30000.
   */
  uint32_t unload_after_ms;
  /**
   * Silence after which a connection counts as lost, in milliseconds; 0 is 15000.
   */
  uint32_t idle_timeout_ms;
} MstMasterOptions;

/**
 * Something that happened to a master. Fields that an event does not use are zero.
 */
typedef struct MstMasterEvent {
  /**
   * An `MstMasterEventType`.
   */
  int32_t event_type;
  /**
   * An `MstResult`.
   */
  int32_t code;
  /**
   * The number of a connection.
   */
  uint64_t session;
} MstMasterEvent;

/**
 * Counters of a master, from its start.
 */
typedef struct MstMasterStats {
  /**
   * Connections now.
   */
  uint64_t sessions;
  /**
   * Profiles in memory now.
   */
  uint64_t profiles;
  /**
   * Batches applied.
   */
  uint64_t batches_applied;
  /**
   * Batches refused.
   */
  uint64_t batches_refused;
  /**
   * Batches that came again after they were decided.
   */
  uint64_t duplicates;
  /**
   * Deltas sent.
   */
  uint64_t deltas;
  /**
   * Bytes of their frames.
   */
  uint64_t delta_bytes;
  /**
   * Snapshots sent.
   */
  uint64_t snapshots;
  /**
   * Their bytes.
   */
  uint64_t snapshot_bytes;
  /**
   * Journal rows committed.
   */
  uint64_t journal_rows;
  /**
   * Transactions that committed them.
   */
  uint64_t journal_groups;
  /**
   * Documents written.
   */
  uint64_t documents_saved;
  /**
   * Sessions closed for breaking the protocol.
   */
  uint64_t violations;
} MstMasterStats;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * `MST_ABI_VERSION` of the library that was loaded, to compare with that of the header. Any thread.
 */
uint32_t mst_abi_version(void);

/**
 * A hash of all signatures and structs of the library that was loaded, to compare with `MST_ABI_HASH` of the header.
 * Equal hashes are one ABI. Any thread.
 */
uint64_t mst_abi_hash(void);

/**
 * The library's version, such as `0.1.0`, terminated by a zero. The text is static. Any thread.
 */
const char *mst_version(void);

/**
 * The 16-bit key that a property of this name has, unless its schema says otherwise.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_UTF8`, or `MST_ERR_INVALID_ARGUMENT` for a null with a length or a null
 * output.
 */
MstResult mst_property_key(const char *name,
                           uint32_t name_len,
                           uint16_t *out_key);

/**
 * Ends the library's network threads, waiting at most `timeout_ms` milliseconds for them. Close every endpoint and
 * master before: an endpoint reconnects, but a master that still runs is deaf from then on and has to be freed. The next
 * use starts the threads again. For hosts that unload the library, or reload their own code.
 *
 * Any thread. Returns `MST_OK`.
 */
MstResult mst_shutdown(uint32_t timeout_ms);

/**
 * The text of the last failure on this thread, as UTF-8 without a terminating zero; empty when there was none.
 * `out_len` gets the text's length in bytes, also when `MST_ERR_BUFFER_TOO_SMALL` is returned and nothing was written.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT` when `out_len` is null, or
 * `buffer` is and `capacity` is not zero. Does not change the text.
 */
MstResult mst_last_error(char *buffer,
                         uint32_t capacity,
                         uint32_t *out_len);

/**
 * The name of a result, such as `MST_ERR_OVERFLOW`, terminated by a zero; `MST_UNKNOWN` for a number that is none. The
 * text is static. Any thread.
 */
const char *mst_result_name(int32_t result);

/**
 * Fills property options with their defaults. Any thread.
 *
 * Returns `MST_OK`, or `MST_ERR_INVALID_ARGUMENT` for a null.
 */
MstResult mst_property_options_init(struct MstPropertyOptions *options);

/**
 * Makes a schema builder. Free it with `mst_schema_builder_free`. Any thread.
 *
 * Returns `MST_OK`, or `MST_ERR_INVALID_ARGUMENT` for a null.
 */
MstResult mst_schema_builder_create(struct MstSchemaBuilder **out_builder);

/**
 * Frees a schema builder. Null does nothing. Any thread.
 *
 * Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
 */
MstResult mst_schema_builder_free(struct MstSchemaBuilder *builder);

/**
 * Adds a `bool` property; its default is true when `default_value` is not 0. `options` may be null. Names and keys are
 * checked by `mst_schema_builder_build`.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_ARGUMENT`, or
 * `MST_ERR_INVALID_STRUCT_SIZE`.
 */
MstResult mst_schema_builder_add_bool(struct MstSchemaBuilder *builder,
                                      const char *name,
                                      uint32_t name_len,
                                      uint8_t default_value,
                                      const struct MstPropertyOptions *options);

/**
 * Adds an `i32` property: see `mst_schema_builder_add_bool`.
 */
MstResult mst_schema_builder_add_i32(struct MstSchemaBuilder *builder,
                                     const char *name,
                                     uint32_t name_len,
                                     int32_t default_value,
                                     const struct MstPropertyOptions *options);

/**
 * Adds an `i64` property: see `mst_schema_builder_add_bool`.
 */
MstResult mst_schema_builder_add_i64(struct MstSchemaBuilder *builder,
                                     const char *name,
                                     uint32_t name_len,
                                     int64_t default_value,
                                     const struct MstPropertyOptions *options);

/**
 * Adds an `f64` property: see `mst_schema_builder_add_bool`.
 */
MstResult mst_schema_builder_add_f64(struct MstSchemaBuilder *builder,
                                     const char *name,
                                     uint32_t name_len,
                                     double default_value,
                                     const struct MstPropertyOptions *options);

/**
 * Adds a `string` property, whose default is the UTF-8 text of `default_len` bytes: see `mst_schema_builder_add_bool`.
 */
MstResult mst_schema_builder_add_string(struct MstSchemaBuilder *builder,
                                        const char *name,
                                        uint32_t name_len,
                                        const char *default_value,
                                        uint32_t default_len,
                                        const struct MstPropertyOptions *options);

/**
 * Checks what was added and makes a schema of it. The builder stays as it is. Free the schema with `mst_schema_free`.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_ARGUMENT`, `MST_ERR_INVALID_NAME`,
 * `MST_ERR_DUPLICATE_NAME`, `MST_ERR_KEY_COLLISION` (the text names both), `MST_ERR_TOO_MANY_PROPERTIES`,
 * `MST_ERR_TOO_LONG`, or `MST_ERR_INVALID_TEXT`.
 */
MstResult mst_schema_builder_build(struct MstSchemaBuilder *builder,
                                   struct MstSchema **out_schema);

/**
 * Reads a schema from JSON text: `{"properties":[{"name":"level","type":"i32","default":1}]}`. Free it with
 * `mst_schema_free`.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_ARGUMENT`, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_SCHEMA` (the text
 * says where), or what `mst_schema_builder_build` returns.
 */
MstResult mst_schema_from_json(const char *json,
                               uint32_t json_len,
                               struct MstSchema **out_schema);

/**
 * Frees a schema handle. What was made of the schema goes on. Null does nothing. Any thread.
 *
 * Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
 */
MstResult mst_schema_free(struct MstSchema *schema);

/**
 * The number of properties. Their indexes go from 0, in the order of their declaration.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_schema_property_count(const struct MstSchema *schema, uint32_t *out_count);

/**
 * The index of the property with this name. Look it up once and keep it.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_ARGUMENT`, or
 * `MST_ERR_UNKNOWN_PROPERTY`.
 */
MstResult mst_schema_find(const struct MstSchema *schema,
                          const char *name,
                          uint32_t name_len,
                          uint32_t *out_index);

/**
 * The index of the property with this key.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_UNKNOWN_PROPERTY`.
 */
MstResult mst_schema_find_key(const struct MstSchema *schema,
                              uint16_t key,
                              uint32_t *out_index);

/**
 * The name of a property, as UTF-8 without a terminating zero.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_INVALID_ARGUMENT`, or
 * `MST_ERR_BUFFER_TOO_SMALL`, with the length needed in `out_len`.
 */
MstResult mst_schema_property_name(const struct MstSchema *schema,
                                   uint32_t index,
                                   char *buffer,
                                   uint32_t capacity,
                                   uint32_t *out_len);

/**
 * Type, rights and key of a property.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_schema_property_info(const struct MstSchema *schema,
                                   uint32_t index,
                                   struct MstPropertyInfo *out_info);

/**
 * A hash of all that two roles must agree on; equal schemas have equal ones.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_schema_fingerprint(const struct MstSchema *schema, uint64_t *out_fingerprint);

/**
 * Makes a stand-alone profile with the schema's defaults. It belongs to no connection: its owner takes deltas of it and
 * applies them to others. Free it with `mst_profile_free`.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_create(const struct MstSchema *schema,
                             struct MstProfile **out_profile);

/**
 * Frees a profile handle. Null does nothing. A profile of an endpoint is released by that, if it was not before: what
 * was changed is still sent as long as the endpoint lives and ticks.
 *
 * Any thread. Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
 */
MstResult mst_profile_free(struct MstProfile *profile);

/**
 * Whether the values are real: 0 while an endpoint is filling the profile, else 1.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_RELEASED`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_is_loaded(const struct MstProfile *profile,
                                uint8_t *out_loaded);

/**
 * Whether there are changes that no delta and no batch has taken yet.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_RELEASED`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_is_dirty(const struct MstProfile *profile,
                               uint8_t *out_dirty);

/**
 * Whether a change of this process to the property is not confirmed yet.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_RELEASED`, or
 * `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_is_pending(const struct MstProfile *profile,
                                 uint32_t index,
                                 uint8_t *out_pending);

/**
 * Reads a `bool` property, as 1 or 0: the value as this process sees it, its own unconfirmed changes included.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
 * `MST_ERR_RELEASED`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_get_bool(const struct MstProfile *profile,
                               uint32_t index,
                               uint8_t *out_value);

/**
 * Reads an `i32` property: see `mst_profile_get_bool`.
 */
MstResult mst_profile_get_i32(const struct MstProfile *profile, uint32_t index, int32_t *out_value);

/**
 * Reads an `i64` property, or an `i32` one: see `mst_profile_get_bool`.
 */
MstResult mst_profile_get_i64(const struct MstProfile *profile, uint32_t index, int64_t *out_value);

/**
 * Reads an `f64` property: see `mst_profile_get_bool`.
 */
MstResult mst_profile_get_f64(const struct MstProfile *profile, uint32_t index, double *out_value);

/**
 * Reads a `string` property, as UTF-8 without a terminating zero: see `mst_profile_get_bool`. Too small a buffer gives
 * `MST_ERR_BUFFER_TOO_SMALL`, and the length needed in `out_len`.
 */
MstResult mst_profile_get_string(const struct MstProfile *profile,
                                 uint32_t index,
                                 char *buffer,
                                 uint32_t capacity,
                                 uint32_t *out_len);

/**
 * Sets a `bool` property; `value` 0 is false, everything else true. It shows at once, and is sent with the next flush if
 * the profile belongs to an endpoint. An equal value is no change.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
 * `MST_ERR_NOT_LOADED`, `MST_ERR_NOT_PERMITTED`, or `MST_ERR_RELEASED`.
 */
MstResult mst_profile_set_bool(struct MstProfile *profile,
                               uint32_t index,
                               uint8_t value);

/**
 * Sets an `i32` property: see `mst_profile_set_bool`.
 */
MstResult mst_profile_set_i32(struct MstProfile *profile, uint32_t index, int32_t value);

/**
 * Sets an `i64` property: see `mst_profile_set_bool`.
 */
MstResult mst_profile_set_i64(struct MstProfile *profile, uint32_t index, int64_t value);

/**
 * Sets an `f64` property: see `mst_profile_set_bool`.
 */
MstResult mst_profile_set_f64(struct MstProfile *profile, uint32_t index, double value);

/**
 * Sets a `string` property to the UTF-8 text of `value_len` bytes: see `mst_profile_set_bool`. Also returns
 * `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_TEXT` (U+0000), `MST_ERR_TOO_LONG`, `MST_ERR_PROFILE_TOO_LARGE`, or
 * `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_set_string(struct MstProfile *profile,
                                 uint32_t index,
                                 const char *value,
                                 uint32_t value_len);

/**
 * Adds to an `i32` or `i64` property. Additions of several writers all count.
 *
 * Any thread. Returns what `mst_profile_set_bool` does, or `MST_ERR_OVERFLOW` when the sum does not fit the property.
 */
MstResult mst_profile_add_int(struct MstProfile *profile,
                              uint32_t index,
                              int64_t amount);

/**
 * Adds to an `f64` property. Additions of several writers all count.
 *
 * Any thread. Returns what `mst_profile_set_bool` does.
 */
MstResult mst_profile_add_f64(struct MstProfile *profile, uint32_t index, double amount);

/**
 * Takes what changed in a stand-alone profile since the last delta; no bytes when nothing did. Too small a buffer gives
 * `MST_ERR_BUFFER_TOO_SMALL` and the size needed in `out_len`, and the changes stay.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_ATTACHED` for a profile of an endpoint,
 * `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_take_delta(struct MstProfile *profile,
                                 uint8_t *buffer,
                                 uint32_t capacity,
                                 uint32_t *out_len);

/**
 * Applies a delta to a stand-alone profile of the same schema; whole, or on an error not at all.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_ATTACHED`, `MST_ERR_MALFORMED`, or
 * `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_apply_delta(struct MstProfile *profile,
                                  const uint8_t *delta,
                                  uint32_t delta_len);

/**
 * All values as bytes. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL` and the size needed in `out_len`.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_RELEASED`, `MST_ERR_BUFFER_TOO_SMALL`, or
 * `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_snapshot(const struct MstProfile *profile,
                               uint8_t *buffer,
                               uint32_t capacity,
                               uint32_t *out_len);

/**
 * Takes over all values of a snapshot into a stand-alone profile of the same schema; whole, or on an error not at all.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_ATTACHED`, `MST_ERR_MALFORMED`, or
 * `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_apply_snapshot(struct MstProfile *profile,
                                     const uint8_t *snapshot,
                                     uint32_t snapshot_len);

/**
 * The canonical JSON: one member a property, sorted by name, no white space; UTF-8 without a terminating zero. Too small
 * a buffer gives `MST_ERR_BUFFER_TOO_SMALL` and the size needed in `out_len`.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_RELEASED`, `MST_ERR_BUFFER_TOO_SMALL`, or
 * `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_to_json(const struct MstProfile *profile,
                              char *buffer,
                              uint32_t capacity,
                              uint32_t *out_len);

/**
 * Sets each property that is a member of this JSON object; all of them, or on an error none.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_JSON`, `MST_ERR_UNKNOWN_PROPERTY`, or what `mst_profile_set_string`
 * returns.
 */
MstResult mst_profile_apply_json(struct MstProfile *profile,
                                 const char *json,
                                 uint32_t json_len);

/**
 * The oldest event of a stand-alone profile that was not polled yet; one of type `MST_EVENT_NONE` when there is none.
 * (Those of an endpoint's profiles come from `mst_endpoint_next_event`.)
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_ATTACHED`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_next_event(struct MstProfile *profile,
                                 struct MstEvent *out_event);

/**
 * Sends an endpoint's profile's changes now instead of at the next interval. `out_batch` gets the number of the batch
 * whose `MST_EVENT_APPLIED` or `MST_EVENT_DURABLE` (with this number or a greater one) tells that all changes so far are;
 * 0 when there is nothing to wait for. `out_batch` may be null.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_RELEASED`, `MST_ERR_INVALID_ARGUMENT` for a
 * stand-alone profile, the error with which the master turned the endpoint away for good, or `MST_ERR_UNAVAILABLE` when not
 * all changes fit what may wait for the master: those that do were sent, the others go on coalescing.
 */
MstResult mst_profile_flush(struct MstProfile *profile,
                            uint64_t *out_batch);

/**
 * What of an endpoint's profile's changes is where.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_RELEASED`, or `MST_ERR_INVALID_ARGUMENT`, which is
 * also for a stand-alone profile.
 */
MstResult mst_profile_pending(const struct MstProfile *profile,
                              struct MstPending *out_pending);

/**
 * Lets an endpoint's profile go once all its changes are durable; `MST_EVENT_PROFILE_RELEASED` tells when. It takes no
 * further changes. The handle still has to be freed.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_RELEASED` when it was let go before, or
 * `MST_ERR_INVALID_ARGUMENT` for a stand-alone profile.
 */
MstResult mst_profile_release(struct MstProfile *profile);

/**
 * Fills connect options with their defaults. Any thread.
 *
 * Returns `MST_OK`, or `MST_ERR_INVALID_ARGUMENT` for a null.
 */
MstResult mst_connect_options_init(struct MstConnectOptions *options);

/**
 * Begins to connect as a player's game; `MST_EVENT_CONNECTED` tells when the connection stands. Call
 * `mst_endpoint_tick` once a frame, or `mst_endpoint_wait`. Free it with `mst_endpoint_free`.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_ARGUMENT`, `MST_ERR_INVALID_STRUCT_SIZE`, `MST_ERR_INVALID_UTF8`,
 * `MST_ERR_INVALID_HANDLE` (the schema), `MST_ERR_INVALID_ADDRESS`, `MST_ERR_TLS_CONFIG`, `MST_ERR_TOO_LONG`,
 * `MST_ERR_SYSTEM`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_client_connect(const struct MstConnectOptions *options,
                             struct MstEndpoint **out_endpoint);

/**
 * Begins to connect as a game server: see `mst_client_connect`.
 */
MstResult mst_server_connect(const struct MstConnectOptions *options,
                             struct MstEndpoint **out_endpoint);

/**
 * Disconnects at once and frees an endpoint's handle. What was not durable may be lost: call `mst_endpoint_close` before.
 * Its profiles' handles stay, and answer `MST_ERR_RELEASED`; threads in `mst_endpoint_wait` or `mst_endpoint_close` return
 * `MST_ERR_INVALID_HANDLE`. Null does nothing.
 *
 * Any thread. Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
 */
MstResult mst_endpoint_free(struct MstEndpoint *endpoint);

/**
 * Takes in what arrived and sends what is due. Never blocks. With a `budget_us` other than 0 it leaves what it could not
 * take in within so many microseconds to the next tick.
 *
 * One thread at a time per endpoint (others wait). Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
 */
MstResult mst_endpoint_tick(struct MstEndpoint *endpoint,
                            uint32_t budget_us);

/**
 * Ticks until there is an event to poll, at most for `timeout_ms` milliseconds. For hosts that do not run frames. Other
 * threads can use the endpoint meanwhile. `out_has_events` gets 1 when there is one, else 0; it may be null.
 *
 * Any thread. Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
 */
MstResult mst_endpoint_wait(struct MstEndpoint *endpoint,
                            uint32_t timeout_ms,
                            uint8_t *out_has_events);

/**
 * The oldest event that was not polled yet; one of type `MST_EVENT_NONE` when there is none. Poll until then after each
 * tick.
 *
 * One thread at a time per endpoint (others wait). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or
 * `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_endpoint_next_event(struct MstEndpoint *endpoint,
                                  struct MstEvent *out_event);

/**
 * The text that belongs to the event polled last: why it failed; for a property of type string its new value. UTF-8
 * without a terminating zero. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL` and the length needed in `out_len`.
 *
 * One thread at a time per endpoint (others wait). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`,
 * `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_endpoint_event_text(struct MstEndpoint *endpoint,
                                  char *buffer,
                                  uint32_t capacity,
                                  uint32_t *out_len);

/**
 * Whether the master said welcome on a connection that still stands.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_endpoint_is_connected(const struct MstEndpoint *endpoint, uint8_t *out_connected);

/**
 * Asks for the profile of a user. `MST_EVENT_PROFILE_LOADED` tells when its values are there; until then they are
 * placeholders that can't be set. One that is being released may be asked for again at once, and gets another handle. Free
 * the handle with `mst_profile_free`.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_USER_ID`,
 * `MST_ERR_ALREADY_OPEN`, `MST_ERR_LIMIT_REACHED`, `MST_ERR_CLOSED`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_endpoint_fill_profile(struct MstEndpoint *endpoint,
                                    const char *user,
                                    uint32_t user_len,
                                    struct MstProfile **out_profile);

/**
 * The handle of a user's profile, as `mst_endpoint_fill_profile` gave it; null when it is not open. It is not another
 * handle to be freed.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_UTF8`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_endpoint_find_profile(const struct MstEndpoint *endpoint,
                                    const char *user,
                                    uint32_t user_len,
                                    struct MstProfile **out_profile);

/**
 * Sends the changes of all profiles now instead of at the next interval.
 *
 * Any thread. Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
 */
MstResult mst_endpoint_flush(struct MstEndpoint *endpoint);

/**
 * Sets the least time between two flushes, in milliseconds; 0 flushes at each tick.
 *
 * Any thread. Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
 */
MstResult mst_endpoint_set_flush_interval(struct MstEndpoint *endpoint, uint32_t interval_ms);

/**
 * Counters from the endpoint's beginning on.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_endpoint_stats(const struct MstEndpoint *endpoint,
                             struct MstEndpointStats *out_stats);

/**
 * Releases all profiles, waits at most `timeout_ms` milliseconds until their changes are durable, and disconnects: after
 * that it waits until the master was told, which takes milliseconds, or up to two seconds when it does not answer. Events
 * can be polled meanwhile and afterwards. The handle still has to be freed.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_TIMEOUT`, or the error with which the master turned the
 * endpoint away for good; what was not durable by then may be lost.
 */
MstResult mst_endpoint_close(struct MstEndpoint *endpoint,
                             uint32_t timeout_ms);

/**
 * Fills master options with their defaults. Any thread.
 *
 * Returns `MST_OK`, or `MST_ERR_INVALID_ARGUMENT` for a null.
 */
MstResult mst_master_options_init(struct MstMasterOptions *options);

/**
 * Takes the database over, listens, and serves on threads of its own from then on. Free it with `mst_master_free`.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_ARGUMENT`, `MST_ERR_INVALID_STRUCT_SIZE`, `MST_ERR_INVALID_UTF8`,
 * `MST_ERR_INVALID_HANDLE` (the schema), `MST_ERR_INVALID_ADDRESS`, `MST_ERR_ADDRESS_IN_USE`, `MST_ERR_TLS_CONFIG`,
 * `MST_ERR_STORE_OPEN`, `MST_ERR_STORE_IN_USE`, `MST_ERR_STORE_NEWER`, `MST_ERR_STORE_FAILED`, `MST_ERR_STORE_CORRUPT`,
 * `MST_ERR_SYSTEM`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_start(const struct MstMasterOptions *options,
                           struct MstMaster **out_master);

/**
 * Takes no more changes, makes durable what was applied, tells the peers, saves everything, and ends. Blocks for up to
 * about ten seconds. The handle still has to be freed.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED` when it was stopped before, `MST_ERR_TIMEOUT`
 * when the database did not take everything in time, or the error that ended the master before.
 */
MstResult mst_master_stop(struct MstMaster *master);

/**
 * Stops a master as `mst_master_stop` does, if it was not before, and frees its handle. It has ended when this returns,
 * unless another thread is in `mst_master_stop` just now. Null does nothing.
 *
 * Any thread. Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
 */
MstResult mst_master_free(struct MstMaster *master);

/**
 * The port at which it listens.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_master_port(const struct MstMaster *master,
                          uint16_t *out_port);

/**
 * The SHA-256 of its certificate as 64 hexadecimal digits, without a terminating zero, for
 * `MstConnectOptions.fingerprint`.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, `MST_ERR_BUFFER_TOO_SMALL`, or
 * `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_master_fingerprint(const struct MstMaster *master,
                                 char *buffer,
                                 uint32_t capacity,
                                 uint32_t *out_len);

/**
 * The oldest event that was not polled yet; one of type `MST_MASTER_EVENT_NONE` when there is none.
 *
 * One thread at a time per master (others wait). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, or
 * `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_master_next_event(struct MstMaster *master,
                                struct MstMasterEvent *out_event);

/**
 * The text that belongs to the event polled last, as UTF-8 without a terminating zero.
 *
 * One thread at a time per master (others wait). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_BUFFER_TOO_SMALL`,
 * or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_master_event_text(struct MstMaster *master,
                                char *buffer,
                                uint32_t capacity,
                                uint32_t *out_len);

/**
 * Counters from the master's start on.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, `MST_ERR_TIMEOUT` when the master does not
 * answer, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_master_stats(const struct MstMaster *master,
                           struct MstMasterStats *out_stats);

/**
 * The canonical JSON of a profile that is in the master's memory, as UTF-8 without a terminating zero. Too small a buffer
 * gives `MST_ERR_BUFFER_TOO_SMALL` and the size needed in `out_len`.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, `MST_ERR_TIMEOUT`, `MST_ERR_INVALID_UTF8`,
 * `MST_ERR_NOT_LOADED` when it is not in memory, `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_master_profile_json(const struct MstMaster *master,
                                  const char *user,
                                  uint32_t user_len,
                                  char *buffer,
                                  uint32_t capacity,
                                  uint32_t *out_len);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MST_PROFILES_H */

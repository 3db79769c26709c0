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
#define MST_ABI_HASH 0xd92ac1176bc25c1dULL


/**
 * The version of this header's functions. It grows when some are added; none is ever changed or removed under its name.
 */
#define MST_ABI_VERSION 1

/**
 * In place of a document's index: all documents of a request that have no answer yet.
 */
#define MST_STORE_ALL 4294967295

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
   * This build leaves the role out; or the host's own database does not do this.
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
   * A number or moment is outside of its range.
   */
  MST_ERR_OUT_OF_RANGE = -207,
  /**
   * A text is shorter than it must be.
   */
  MST_ERR_TOO_SHORT = -208,
  /**
   * A list or dictionary would have more elements than it may.
   */
  MST_ERR_TOO_MANY = -209,
  /**
   * A list or dictionary would have fewer elements than it must.
   */
  MST_ERR_TOO_FEW = -210,
  /**
   * A text does not match the pattern.
   */
  MST_ERR_PATTERN_MISMATCH = -211,
  /**
   * A NaN or an infinity where numbers must be finite.
   */
  MST_ERR_NOT_FINITE = -212,
  /**
   * A value that may only grow would become less.
   */
  MST_ERR_NOT_MONOTONIC = -213,
  /**
   * A guarded addition would lead out of its bounds.
   */
  MST_ERR_GUARD_FAILED = -214,
  /**
   * There is nothing at the place that was asked for, such as an item of a list.
   */
  MST_ERR_INDEX_OUT_OF_RANGE = -215,
  /**
   * A dictionary has no such key.
   */
  MST_ERR_NO_SUCH_KEY = -216,
  /**
   * The list item that was meant is gone, or the change is too old to tell which one it was; or a request was answered
   * already, or too late.
   */
  MST_ERR_STALE = -217,
  /**
   * A property does not have the value that a batch requires.
   */
  MST_ERR_PRECONDITION_FAILED = -218,
  /**
   * A path that leads to no place of a property's value.
   */
  MST_ERR_NO_SUCH_PLACE = -219,
  /**
   * Bytes that are no value of a type of the game's own.
   */
  MST_ERR_INVALID_CUSTOM = -220,
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
   * The database keeps no history, or none that goes back as far.
   */
  MST_ERR_STORE_NO_HISTORY = -607,
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
 * The type of a property or of a value.
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
  /**
   * A 32-bit floating-point number.
   */
  MST_TYPE_F32 = 6,
  /**
   * Bytes.
   */
  MST_TYPE_BYTES = 7,
  /**
   * Two 32-bit floating-point numbers.
   */
  MST_TYPE_VECTOR2 = 8,
  /**
   * Three 32-bit floating-point numbers.
   */
  MST_TYPE_VECTOR3 = 9,
  /**
   * A rotation, as four 32-bit floating-point numbers.
   */
  MST_TYPE_QUATERNION = 10,
  /**
   * Red, green, blue and alpha, 8 bits each.
   */
  MST_TYPE_COLOR = 11,
  /**
   * A moment in UTC, in microseconds; the years 1 to 9999.
   */
  MST_TYPE_DATETIME = 12,
  /**
   * A 128-bit identifier.
   */
  MST_TYPE_UUID = 13,
  /**
   * Items of one type, in an order.
   */
  MST_TYPE_LIST = 64,
  /**
   * Values of one type, by key.
   */
  MST_TYPE_DICT = 65,
  /**
   * Values of several types, by name.
   */
  MST_TYPE_RECORD = 66,
  /**
   * Bytes of which only the game knows what they are.
   */
  MST_TYPE_CUSTOM = 67,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum MstValueType MstValueType;
#else
typedef int32_t MstValueType;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The type of a dictionary's keys.
 */
enum MstKeyType
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * No key.
   */
  MST_KEY_NONE = 0,
  /**
   * Text.
   */
  MST_KEY_STRING = 1,
  /**
   * A 32-bit integer.
   */
  MST_KEY_I32 = 2,
  /**
   * A 64-bit integer.
   */
  MST_KEY_I64 = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum MstKeyType MstKeyType;
#else
typedef int32_t MstKeyType;
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
 * How concurrent writes of a number merge.
 */
enum MstMerge
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * The last one stands.
   */
  MST_MERGE_LAST = 0,
  /**
   * Setting a value sends the difference to what was shown, so that all writers' changes count.
   */
  MST_MERGE_SUM = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum MstMerge MstMerge;
#else
typedef int32_t MstMerge;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * When changes of a property travel.
 */
enum MstSync
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * With the next flush of the endpoint's, and then of the master's interval.
   */
  MST_SYNC_INTERVAL = 0,
  /**
   * At once, with all that was changed before.
   */
  MST_SYNC_IMMEDIATE = 1,
  /**
   * At each tick by datagram, and once more when it is quiet. For scalars of which only the latest value matters: never
   * stored, no part of batches, and only set.
   */
  MST_SYNC_VOLATILE = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum MstSync MstSync;
#else
typedef int32_t MstSync;
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
   * A property of `profile`, or an element of it, changed; `cause` says why and `change` how. The old and the new value
   * are there for numbers; `mst_endpoint_event_value` gives them for every type.
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
   * Batch `number` of `profile` was refused and is taken back; `code`, the property and the text say why. The number is 0
   * for a value of a volatile property.
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
  /**
   * Batch `number` of `profile` was applied before, under the same idempotency key, and was not applied again. It counts as
   * applied.
   */
  MST_EVENT_REPEATED = 14,
  /**
   * What this process had of `profile` was not what the master had. All of it is sent anew; `MST_EVENT_PROFILE_RESUMED`
   * follows.
   */
  MST_EVENT_DIVERGED = 15,
  /**
   * Question `number` was answered: with `MST_OK` in `code` the text is JSON, else it says why there is no answer.
   */
  MST_EVENT_ANSWER = 16,
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
   * A change of this process was refused, or its batch cancelled, and is taken back.
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
 * How a property changed.
 */
enum MstChange
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * It did not.
   */
  MST_CHANGE_NONE = 0,
  /**
   * The whole value is another one.
   */
  MST_CHANGE_REPLACED = 1,
  /**
   * The item of a list at `item_index` is another one.
   */
  MST_CHANGE_ITEM_SET = 2,
  /**
   * An item was inserted into a list, and stands at `item_index`.
   */
  MST_CHANGE_ITEM_INSERTED = 3,
  /**
   * The item that stood at `item_index` was removed from a list.
   */
  MST_CHANGE_ITEM_REMOVED = 4,
  /**
   * The item of a list that stood at `item_index` stands at `to_index`.
   */
  MST_CHANGE_ITEM_MOVED = 5,
  /**
   * A key of a dictionary has a value now (`has_old` is 0), or another one.
   */
  MST_CHANGE_ENTRY_PUT = 6,
  /**
   * A key was removed from a dictionary.
   */
  MST_CHANGE_ENTRY_REMOVED = 7,
  /**
   * Everything was removed from a list or dictionary; `old_int` says how many there were.
   */
  MST_CHANGE_CLEARED = 8,
  /**
   * A field of a record has another value. `mst_endpoint_event_path` and `mst_profile_event_path` give the way to it.
   */
  MST_CHANGE_FIELD_SET = 9,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum MstChange MstChange;
#else
typedef int32_t MstChange;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Where an endpoint is with its connection.
 */
enum MstConnectionState
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * An attempt is under way, or the master's welcome is.
   */
  MST_CONNECTION_CONNECTING = 1,
  /**
   * The master said welcome.
   */
  MST_CONNECTION_CONNECTED = 2,
  /**
   * Not connected; the next attempt begins by itself.
   */
  MST_CONNECTION_WAITING = 3,
  /**
   * Turned away: no attempt follows. Only `mst_endpoint_set_token` begins anew, when `code` is `MST_ERR_AUTH_FAILED`.
   */
  MST_CONNECTION_FAILED = 4,
  /**
   * Closed by the game.
   */
  MST_CONNECTION_CLOSED = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum MstConnectionState MstConnectionState;
#else
typedef int32_t MstConnectionState;
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
   * Connection `session` came over the network from the address in the text; who it is is not known yet.
   */
  MST_MASTER_EVENT_PEER_CONNECTED = 9,
  /**
   * What connection `session` had of the profile in the text was not what it should have had; it is sent all of it anew.
   */
  MST_MASTER_EVENT_DIVERGED = 10,
  /**
   * The profile of the user in the text was changed, and has reached the version in `session`. Only with
   * `MstMasterOptions.tell_modified`.
   */
  MST_MASTER_EVENT_PROFILE_MODIFIED = 11,
  /**
   * The profile of the user in the text was deleted.
   */
  MST_MASTER_EVENT_PROFILE_DELETED = 12,
  /**
   * The database does again what it failed to do; the text says what, and for how long it failed.
   */
  MST_MASTER_EVENT_STORE_RECOVERED = 13,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum MstMasterEventType MstMasterEventType;
#else
typedef int32_t MstMasterEventType;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a master wants of the host's database.
 */
enum MstStoreRequestType
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * There is no request.
   */
  MST_STORE_REQUEST_NONE = 0,
  /**
   * To read a user's document: `mst_master_complete_restore`.
   */
  MST_STORE_REQUEST_RESTORE = 1,
  /**
   * To write a document: `mst_master_complete_update`.
   */
  MST_STORE_REQUEST_UPDATE = 2,
  /**
   * To write several documents, each of which may fail alone: `mst_master_complete_update`.
   */
  MST_STORE_REQUEST_UPDATE_MANY = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum MstStoreRequestType MstStoreRequestType;
#else
typedef int32_t MstStoreRequestType;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What is asked.
 */
enum MstQueryType
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * The profile as it is, as canonical JSON, wherever it is. Unlike filling it, this makes none. `number` and `limit` are 0.
   */
  MST_QUERY_GET = 0,
  /**
   * The profile as it was at the version `number`, as canonical JSON, as far back as the history is kept. `limit` is 0.
   */
  MST_QUERY_AT = 1,
  /**
   * What happened to the profile after the version `number`: at most `limit` batches, and at most 1000. An object with
   * `user`; `from`, the version from which on the history is kept; `entries`, oldest first; and `next`, the version after
   * which to ask for more, null when there was nothing. An entry has the `version` that the batch made; `at` (RFC 3339); the
   * writer's `subject`, `role` and `session`; the `batch`'s number there; the idempotency `key`, if it had one; and its
   * `changes`. Each has the `path` of what changed (`gold`, `bag[3]`, `stats["kills"]`); `what` was done, where that is no
   * mere change of value: `insert`, `remove`, `move` or `clear`; the `old` and the `new` value, where there is one; and
   * `to`, of a move.
   */
  MST_QUERY_HISTORY = 2,
  /**
   * User ids greater than `user` (which may be empty), in byte order, at most `limit` of them, and at most 1000, as an array.
   * `number` is 0.
   */
  MST_QUERY_LIST = 3,
  /**
   * Deletes the profile and its journal for good: `true`, or `false` when there was none. Who has it open loses it; it is
   * made anew when its owner or a game server opens it again. Only for `mst_endpoint_ask`; see
   * `mst_master_delete_profile`. `number` and `limit` are 0.
   */
  MST_QUERY_DELETE = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum MstQueryType MstQueryType;
#else
typedef int32_t MstQueryType;
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
 * A callback and what it is called for.
 */
typedef struct MstSubscription MstSubscription;

/**
 * What values of a property must keep to; all zeros is no limit. Of a list or dictionary, those of numbers and texts hold
 * for each item or value. (Patterns are texts of their own.)
 */
typedef struct MstLimits {
  /**
   * The least integer, or moment in microseconds since 1970 UTC: see `has_min`.
   */
  int64_t min_int;
  /**
   * The greatest: see `has_max`.
   */
  int64_t max_int;
  /**
   * The least floating-point number: see `has_min`.
   */
  double min_float;
  /**
   * The greatest: see `has_max`.
   */
  double max_float;
  /**
   * The least length: of a text in Unicode characters, of `bytes` in bytes.
   */
  uint32_t min_length;
  /**
   * The greatest length.
   */
  uint32_t max_length;
  /**
   * The least number of items or entries.
   */
  uint32_t min_count;
  /**
   * The greatest.
   */
  uint32_t max_count;
  /**
   * The greatest length of a text key, in Unicode characters.
   */
  uint32_t max_key_length;
  /**
   * 1 when `min_float` (of floating-point numbers) or `min_int` (of integers and moments) is a limit, else 0.
   */
  uint8_t has_min;
  /**
   * The same for `max_float` or `max_int`.
   */
  uint8_t has_max;
  /**
   * 1 when `min_length` is a limit, else 0.
   */
  uint8_t has_min_length;
  /**
   * 1 when `max_length` is a limit, else 0.
   */
  uint8_t has_max_length;
  /**
   * 1 when `min_count` is a limit, else 0.
   */
  uint8_t has_min_count;
  /**
   * 1 when `max_count` is a limit, else 0.
   */
  uint8_t has_max_count;
  /**
   * 1 when `max_key_length` is a limit, else 0.
   */
  uint8_t has_max_key_length;
  /**
   * 1 when floating-point numbers must be neither NaN nor an infinity, else 0.
   */
  uint8_t finite;
  /**
   * 1 when a number or moment may only grow, else 0.
   */
  uint8_t monotonic;
  /**
   * Zero.
   */
  uint8_t reserved[3];
} MstLimits;

/**
 * What may be said of a property beside its name and default. Zero is the usual. The texts are copied.
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
  uint8_t has_key;
  /**
   * 1 when it is not stored: it has its default again when the profile was out of the master's memory. Else 0.
   */
  uint8_t unsaved;
  /**
   * See `has_key`.
   */
  uint16_t key;
  /**
   * An `MstMerge`.
   */
  int32_t merge;
  /**
   * An `MstSync`.
   */
  int32_t sync;
  /**
   * Bytes of `pattern`.
   */
  uint32_t pattern_len;
  /**
   * Bytes of `key_pattern`.
   */
  uint32_t key_pattern_len;
  /**
   * Bytes of `description`.
   */
  uint32_t description_len;
  /**
   * Bytes of `aliases`.
   */
  uint32_t aliases_len;
  /**
   * A regular expression that must be found in a text; `^` and `$` anchor it. Of a list or dictionary, in each item or
   * value. None when empty.
   */
  const char *pattern;
  /**
   * The same for the text keys of a dictionary.
   */
  const char *key_pattern;
  /**
   * What it is for.
   */
  const char *description;
  /**
   * Names that it had before, separated by line feeds. Stored values under these are taken over.
   */
  const char *aliases;
  /**
   * What its values must keep to.
   */
  struct MstLimits limits;
  /**
   * How long its changes may wait, in milliseconds, up to the master and once more down to the observers, when that is not
   * to be the endpoint's and the master's own interval; 0 when it is. An hour at most.
   */
  uint32_t interval_ms;
  /**
   * Zero.
   */
  uint32_t reserved;
} MstPropertyOptions;

/**
 * A value of any type without parts. Fields that its type does not use are zero when the library writes them, and are not
 * looked at when it reads them.
 */
typedef struct MstValue {
  /**
   * An `MstValueType`.
   */
  int32_t value_type;
  /**
   * Bytes of `text`.
   */
  uint32_t text_len;
  /**
   * A bool, as 1 or 0 (any other number is read as true); an integer; a datetime, in microseconds since 1970 UTC; a
   * color, as `0xRRGGBBAA`. Of a list or dictionary, the number of its elements.
   */
  int64_t int_value;
  /**
   * A floating-point number. An `f32` is widened when it is written, and rounded when it is read.
   */
  double float_value;
  /**
   * The first component of a vector or quaternion.
   */
  float x;
  /**
   * The second.
   */
  float y;
  /**
   * The third, but of a `vector2`.
   */
  float z;
  /**
   * The fourth, of a quaternion alone.
   */
  float w;
  /**
   * A uuid, in the order of its text.
   */
  uint8_t uuid[16];
  /**
   * The UTF-8 text of a string, or the bytes of `bytes` or of a value of the game's own; no terminating zero. When the library writes it, this is the
   * buffer that the caller gave.
   */
  const char *text;
} MstValue;

/**
 * What a schema says of a property.
 */
typedef struct MstPropertyInfo {
  /**
   * An `MstValueType`.
   */
  int32_t value_type;
  /**
   * The `MstValueType` of what is in it: of itself, of an item of a list, of a value of a dictionary.
   */
  int32_t element_type;
  /**
   * The `MstKeyType` of a dictionary's keys, else 0.
   */
  int32_t key_type;
  /**
   * An `MstWriters`.
   */
  int32_t writers;
  /**
   * An `MstVisibility`.
   */
  int32_t visibility;
  /**
   * An `MstMerge`.
   */
  int32_t merge;
  /**
   * An `MstSync`.
   */
  int32_t sync;
  /**
   * How long its changes may wait, in milliseconds; 0 when that is the endpoint's and the master's own interval.
   */
  uint32_t interval_ms;
  /**
   * Its 16-bit key.
   */
  uint16_t key;
  /**
   * 1 when it is stored, else 0.
   */
  uint8_t saved;
  /**
   * Zero.
   */
  uint8_t reserved[5];
  /**
   * What its values must keep to.
   */
  struct MstLimits limits;
} MstPropertyInfo;

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
 * A key of a dictionary.
 */
typedef struct MstKey {
  /**
   * An `MstKeyType`. Where one is read, either integer type is good for a dictionary with integer keys.
   */
  int32_t key_type;
  /**
   * Bytes of `text`.
   */
  uint32_t text_len;
  /**
   * An integer.
   */
  int64_t int_value;
  /**
   * UTF-8 text without a terminating zero. When the library writes it, this is the buffer that the caller gave.
   */
  const char *text;
} MstKey;

/**
 * Tells whether bytes are a value of a type of the game's own: 1 if they are, 0 if not. It is called on whatever thread decodes a
 * value, also on several at a time, must not unwind, and must not call functions of this library, which may hold what these wait
 * for. `user_data` is what was given when the codec was registered.
 */
typedef uint8_t (*MstCodecValidate)(const uint8_t *bytes, uint32_t bytes_len, void *user_data);

/**
 * Gives the value that bytes are as JSON text, which must not be a JSON string, or JSON text as the bytes of the value that it is:
 * as many as there are into `out_len`, and as many as fit into `buffer`, which has `capacity` bytes. It is called again with room
 * enough when they don't fit. 1 when there is such a value, 0 if not. Else as `MstCodecValidate`.
 */
typedef uint8_t (*MstCodecConvert)(const uint8_t *given,
                                   uint32_t given_len,
                                   uint8_t *buffer,
                                   uint32_t capacity,
                                   uint32_t *out_len,
                                   void *user_data);

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
   * An `MstValueType`, of the value before and after: of a list or dictionary that of the element that changed, or of
   * itself when all of it did.
   */
  uint8_t value_type;
  /**
   * An `MstCause`.
   */
  uint8_t cause;
  /**
   * The value before, of a bool, an integer, a datetime or a color (as in `MstValue`).
   */
  int64_t old_int;
  /**
   * The value after, of the same.
   */
  int64_t new_int;
  /**
   * The value before, of a floating-point number.
   */
  double old_float;
  /**
   * The value after, of the same.
   */
  double new_float;
  /**
   * The key of the entry that changed, if it is an integer; a text is given by `mst_endpoint_event_key`.
   */
  int64_t key_int;
  /**
   * The place of the item that changed, from 0.
   */
  uint32_t item_index;
  /**
   * The place of the item that moved, from 0.
   */
  uint32_t to_index;
  /**
   * An `MstChange`.
   */
  uint8_t change;
  /**
   * The `MstKeyType` of the entry that changed.
   */
  uint8_t key_type;
  /**
   * 1 when there is a value before, else 0.
   */
  uint8_t has_old;
  /**
   * 1 when there is a value after, else 0.
   */
  uint8_t has_new;
  /**
   * 1 when a field changed, or something within an item, an entry or a field: `mst_endpoint_event_path` and
   * `mst_profile_event_path` give the way to it.
   */
  uint8_t is_within;
  /**
   * Zero.
   */
  uint8_t reserved[3];
} MstEvent;

/**
 * What is called with each event that was subscribed to, on the thread that dispatches, while nothing is locked. The
 * event is there until the callback returns; `user_data` is what was given when subscribing. It may call any function of
 * the library, and may free what the event speaks of. It must not unwind: no exception of C++ or C#, and no longjmp, may
 * leave it.
 */
typedef void (*MstEventCallback)(const struct MstEvent *event, void *user_data);

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
  /**
   * Datagrams sent.
   */
  uint64_t datagrams_sent;
  /**
   * Datagrams received, those dropped for want of room included.
   */
  uint64_t datagrams_received;
  /**
   * Datagrams dropped at this side: too long, for a master that takes none, or without room to send or to receive them. At least so many: a
   * few may go uncounted when very many come at once.
   */
  uint64_t datagrams_dropped;
  /**
   * Times that a profile was found to differ from the master's, and was sent whole.
   */
  uint64_t divergences;
} MstEndpointStats;

/**
 * What `mst_endpoint_state` tells. Fields that a state does not use are zero.
 */
typedef struct MstConnectionInfo {
  /**
   * An `MstConnectionState`.
   */
  int32_t state;
  /**
   * Why it failed: an `MstResult`.
   */
  int32_t code;
  /**
   * The number of the attempt that is under way or next, from 1, since the last connection that was of use.
   */
  uint32_t attempt;
  /**
   * Time until the next attempt, in milliseconds.
   */
  uint32_t retry_in_ms;
} MstConnectionInfo;

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
   * The SQLite file of the database, made when it is not there; or a PostgreSQL database, as
   * `postgres://user:password@host/name?sslmode=require` or `host=... user=... dbname=...`, whose tables are made when they
   * are not there. Null keeps profiles in memory alone.
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
   * its fingerprint, which is kept beside the database, or else made anew at each start.
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
  /**
   * 1 to listen nowhere, without a socket and a certificate, for peers of this process alone
   * (`mst_master_connect_client` and the like); else 0.
   */
  uint32_t in_process_only;
  /**
   * 1 to tell by `MST_MASTER_EVENT_PROFILE_MODIFIED` which profiles were changed, which is many events; else 0.
   */
  uint32_t tell_modified;
  /**
   * Time within which a profile has to be read from the database, with all attempts, in milliseconds; 0 is 10000. Whoever
   * waits longer is told that it is unavailable.
   */
  uint32_t load_timeout_ms;
  /**
   * Time that a stop has to make durable and save everything, in milliseconds; 0 is 10000.
   */
  uint32_t stop_timeout_ms;
  /**
   * The age of the oldest journal rows that are kept as the profiles' history, in seconds; 0 is 604800, seven days.
   */
  uint32_t history_age_s;
  /**
   * The journal rows of one profile that are kept as its history; 0 is 1000, `UINT32_MAX` keeps none.
   */
  uint32_t history_rows;
  /**
   * 1 when the host is the database (see `mst_master_next_store_request`), `database` being null; else 0. There is no journal
   * then: a change is durable when a document that contains it was written, `save_interval_ms` after it at the latest, or as long
   * after as the host takes for it. That only one master works on the host's database is the host's business.
   */
  uint32_t own_store;
  /**
   * Time for the host to complete a request of `own_store`, in milliseconds; 0 is 30000.
   */
  uint32_t store_timeout_ms;
  /**
   * A PEM file with the authorities that vouch for the PostgreSQL server's certificate. Null are those that are usual on the
   * web.
   */
  const char *database_ca_file;
  /**
   * Bytes of `database_ca_file`.
   */
  uint32_t database_ca_file_len;
  /**
   * Zero.
   */
  uint32_t reserved;
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
   * The number of a connection, or what the event's type says.
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
  /**
   * Batches that were applied before, under their idempotency key, and not applied again.
   */
  uint64_t batches_repeated;
  /**
   * Observers that turned out to have something else than they should, and were sent all of it.
   */
  uint64_t divergences;
} MstMasterStats;

/**
 * A request of a master to the host's database.
 */
typedef struct MstStoreRequest {
  /**
   * Its number, for the functions that read and complete it; never given twice by one master. 0 when there is none.
   */
  uint64_t id;
  /**
   * An `MstStoreRequestType`.
   */
  int32_t request_type;
  /**
   * How many documents it is about: 1, or at least 2 of `MST_STORE_REQUEST_UPDATE_MANY`. 0 when there is no request.
   */
  uint32_t count;
} MstStoreRequest;

/**
 * One of the documents that a callback is asked to read or write. The texts are UTF-8 without a terminating zero, and are there
 * until the callback returns.
 */
typedef struct MstStoreDocument {
  /**
   * Whose.
   */
  const char *user;
  /**
   * JSON text to write; null when one is to be read.
   */
  const char *document;
  /**
   * The document's version; 0 when one is to be read. It only grows, but after a time-out an older save may be at work still:
   * a database must not write over a greater version.
   */
  uint64_t version;
  /**
   * Bytes of `user`.
   */
  uint32_t user_len;
  /**
   * Bytes of `document`; 0 when one is to be read.
   */
  uint32_t document_len;
} MstStoreDocument;

/**
 * What is called with a request to the host's database, on the thread that dispatches, while nothing is locked. `request` is its
 * number; `documents` are `count` documents, which are there until the callback returns, as are their texts; `user_data` is what
 * was given with the callback. It may complete the request at once, or let another thread do so later, and may call any other
 * function of the library, but `mst_master_stop` for this master. It must not unwind: no exception of C++ or C#, and no longjmp,
 * may leave it.
 */
typedef void (*MstStoreCallback)(struct MstMaster *master,
                                 uint64_t request,
                                 const struct MstStoreDocument *documents,
                                 uint32_t count,
                                 void *user_data);

/**
 * How a peer in the master's own process is set up. Zero is the usual.
 */
typedef struct MstInProcessOptions {
  /**
   * Set by `mst_in_process_options_init`.
   */
  uint32_t struct_size;
  /**
   * Least time between two flushes of changes, in milliseconds. 0 is the role's usual (50 for a client, 100 for a game
   * server, each tick for the master's own code), a negative number flushes at each tick.
   */
  int32_t flush_interval_ms;
  /**
   * What profiles are made of here; the master's schema when null. The handle may be freed afterwards.
   */
  const struct MstSchema *schema;
} MstInProcessOptions;

/**
 * How a master fares with its database.
 */
typedef struct MstMasterHealth {
  /**
   * 1 when nothing fails, else 0.
   */
  uint32_t is_well;
  /**
   * 1 when nothing becomes durable, because the journal can't be written; else 0.
   */
  uint32_t journal_fails;
  /**
   * 1 when no profile can be saved, else 0.
   */
  uint32_t documents_fail;
  /**
   * 1 when no profile can be read, else 0.
   */
  uint32_t loads_fail;
  /**
   * For how long what fails longest has failed, in milliseconds.
   */
  uint64_t failing_for_ms;
  /**
   * Journal rows that are not known to be committed.
   */
  uint64_t unjournaled_rows;
  /**
   * The bytes of those that are not with the database yet.
   */
  uint64_t unjournaled_bytes;
  /**
   * Profiles in memory that differ from their documents.
   */
  uint64_t unsaved_profiles;
  /**
   * Those of them whose last save failed while others' did not.
   */
  uint64_t unsavable_profiles;
  /**
   * Profiles that are being read.
   */
  uint64_t loading_profiles;
} MstMasterHealth;

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
 * Adds a `bool` property; its default is true when `default_value` is not 0. `options` may be null; they and all texts
 * are copied. Names, keys, limits and whether the default keeps to them are checked by `mst_schema_builder_build`.
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
 * Adds a property of any type without parts, whose default is `default_value`: see `mst_schema_builder_add_bool`. Also
 * returns `MST_ERR_OUT_OF_RANGE` for a number that does not fit its own type.
 */
MstResult mst_schema_builder_add_value(struct MstSchemaBuilder *builder,
                                       const char *name,
                                       uint32_t name_len,
                                       const struct MstValue *default_value,
                                       const struct MstPropertyOptions *options);

/**
 * Adds a list, at first empty, whose items have this `MstValueType`: see `mst_schema_builder_add_bool`.
 */
MstResult mst_schema_builder_add_list(struct MstSchemaBuilder *builder,
                                      const char *name,
                                      uint32_t name_len,
                                      int32_t item_type,
                                      const struct MstPropertyOptions *options);

/**
 * Adds a dictionary, at first empty, whose keys have this `MstKeyType` and whose values this `MstValueType`: see
 * `mst_schema_builder_add_bool`.
 */
MstResult mst_schema_builder_add_dict(struct MstSchemaBuilder *builder,
                                      const char *name,
                                      uint32_t name_len,
                                      int32_t dict_key_type,
                                      int32_t item_type,
                                      const struct MstPropertyOptions *options);

/**
 * Adds a property of any type, given by its name in UTF-8 of `type_len` bytes: `i64`, `list<string>`, `dict<string,i32>`,
 * `record{id:string,steps:list<i32>}`, `list<record{…}>`, `custom<loadout>`, and so on within one another. `default_json` is its default
 * as JSON text of `default_len` bytes; without any it is false, zero, nothing, or a record of such. Else as
 * `mst_schema_builder_add_bool`. Also returns `MST_ERR_INVALID_JSON`.
 */
MstResult mst_schema_builder_add_type(struct MstSchemaBuilder *builder,
                                      const char *name,
                                      uint32_t name_len,
                                      const char *type_name,
                                      uint32_t type_len,
                                      const char *default_json,
                                      uint32_t default_len,
                                      const struct MstPropertyOptions *options);

/**
 * Adds a property that is known by its key and its type alone, for a view: a client or game server whose schema has one
 * is told all names, limits and rights by the master, and sees of each profile what its schema names. Such a schema is no
 * good for a master. Until it was told, the property's name is `#` and its key; `mst_schema_of_profile` gives the names
 * after that. `value_type` is an `MstValueType`. Of a list or dictionary, `item_type` is that of its items or values, and
 * `dict_key_type` the `MstKeyType` of a dictionary's keys; else they are 0.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_schema_builder_add_by_key(struct MstSchemaBuilder *builder,
                                        uint16_t key,
                                        int32_t value_type,
                                        int32_t item_type,
                                        int32_t dict_key_type);

/**
 * Checks what was added and makes a schema of it. The builder stays as it is. Free the schema with `mst_schema_free`.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_ARGUMENT`, `MST_ERR_INVALID_NAME`,
 * `MST_ERR_DUPLICATE_NAME`, `MST_ERR_KEY_COLLISION` (the text names both), `MST_ERR_TOO_MANY_PROPERTIES`,
 * `MST_ERR_INVALID_SCHEMA` for limits that do not go with the property, that are no regular expression, or that the default
 * does not keep to, `MST_ERR_TOO_LONG`, or `MST_ERR_INVALID_TEXT`.
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
 * A hash of all that two roles must agree on; equal schemas have equal ones.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_schema_fingerprint(const struct MstSchema *schema, uint64_t *out_fingerprint);

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
 * The name of a property's type, such as `list<record{id:string,progress:i32}>`, as UTF-8 without a terminating zero.
 *
 * Any thread. Returns what `mst_schema_property_name` does.
 */
MstResult mst_schema_property_type(const struct MstSchema *schema,
                                   uint32_t index,
                                   char *buffer,
                                   uint32_t capacity,
                                   uint32_t *out_len);

/**
 * Types, rights, merge, sync, key and limits of a property.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_schema_property_info(const struct MstSchema *schema,
                                   uint32_t index,
                                   struct MstPropertyInfo *out_info);

/**
 * The default of a property without parts. Its text, if it has one, goes into `buffer`; `out_len` gets the text's length
 * in bytes and may be null. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL`, and the length needed in `out_len`.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE` for a list or
 * dictionary, `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_schema_property_default(const struct MstSchema *schema,
                                      uint32_t index,
                                      struct MstValue *out_value,
                                      void *buffer,
                                      uint32_t capacity,
                                      uint32_t *out_len);

/**
 * The regular expression that must be found in texts of a property, as UTF-8 without a terminating zero; empty when there
 * is none.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_INVALID_ARGUMENT`, or
 * `MST_ERR_BUFFER_TOO_SMALL`, with the length needed in `out_len`.
 */
MstResult mst_schema_property_pattern(const struct MstSchema *schema,
                                      uint32_t index,
                                      char *buffer,
                                      uint32_t capacity,
                                      uint32_t *out_len);

/**
 * The regular expression that must be found in the text keys of a dictionary: see `mst_schema_property_pattern`.
 */
MstResult mst_schema_property_key_pattern(const struct MstSchema *schema,
                                          uint32_t index,
                                          char *buffer,
                                          uint32_t capacity,
                                          uint32_t *out_len);

/**
 * What a property is for; empty when nothing is said: see `mst_schema_property_pattern`.
 */
MstResult mst_schema_property_description(const struct MstSchema *schema,
                                          uint32_t index,
                                          char *buffer,
                                          uint32_t capacity,
                                          uint32_t *out_len);

/**
 * How many names a property had before.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_schema_property_alias_count(const struct MstSchema *schema,
                                          uint32_t index,
                                          uint32_t *out_count);

/**
 * One of the names that a property had before, by its place from 0: see `mst_schema_property_pattern`. Also returns
 * `MST_ERR_INDEX_OUT_OF_RANGE` when there is none at this place.
 */
MstResult mst_schema_property_alias(const struct MstSchema *schema,
                                    uint32_t index,
                                    uint32_t alias,
                                    char *buffer,
                                    uint32_t capacity,
                                    uint32_t *out_len);

/**
 * Ends a subscription and frees its handle: on the thread that dispatches, also within a callback, it is not called
 * afterwards. (Another thread's callback may be running when this returns.) Null does nothing. Those of a profile or an
 * endpoint end when that handle is freed; theirs are stale then.
 *
 * Any thread. Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
 */
MstResult mst_subscription_free(struct MstSubscription *subscription);

/**
 * Makes a stand-alone profile with the schema's defaults. It belongs to no connection: its owner takes deltas of it and
 * applies them to others. Free it with `mst_profile_free`.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_create(const struct MstSchema *schema,
                             struct MstProfile **out_profile);

/**
 * The schema that a profile has, as a handle of its own: free it with `mst_schema_free`. Of a view, the names, limits and
 * rights in it are those that the master told by then.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_RELEASED`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_schema_of_profile(const struct MstProfile *profile,
                                struct MstSchema **out_schema);

/**
 * Frees a profile handle, and ends its subscriptions. Null does nothing. A profile of an endpoint is released by that, if
 * it was not before: what was changed is still sent as long as the endpoint lives and ticks.
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
 * Begins a batch: all changes of the profile until `mst_profile_commit_batch` are applied together or not at all, and
 * nothing of them is sent before. They show at once. When the master refuses one of them, all are taken back. (A change
 * that is refused at once is not in the batch; the others stay.)
 *
 * Any thread; but the batch takes in what every thread changes. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`,
 * `MST_ERR_INVALID_ARGUMENT` when one is begun already, `MST_ERR_NOT_LOADED`, or `MST_ERR_RELEASED`.
 */
MstResult mst_profile_begin_batch(struct MstProfile *profile);

/**
 * Begins a batch under an idempotency key, a payment's id for example, for what must be done once though this process may
 * crash and ask again. The profile remembers the key and the outcome for seven days, in the database: whoever asks again
 * under the same key, this process or another, gets that outcome, and nothing is done a second time. A batch that was applied
 * before counts as applied, and `MST_EVENT_REPEATED` tells; one that was refused is refused for the same reason (but one that
 * was refused as unavailable or for a limit may be tried again). Clients' keys are others than those of game servers and the
 * master, which have theirs in common. Else as `mst_profile_begin_batch`.
 *
 * In such a batch required values, and bounds and guards of additions, are for the master alone: what is not possible with the
 * values that are here may look so because it was done already. It is no error, and is asked for all the same; so is what would
 * change nothing. A batch in which nothing was asked for is none, and its key is not remembered.
 *
 * `key`: UTF-8 without U+0000, 1 to 128 bytes.
 *
 * Any thread; but the batch takes in what every thread changes. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`,
 * `MST_ERR_INVALID_ARGUMENT` when a batch is begun already, for an empty key, or for a stand-alone profile;
 * `MST_ERR_INVALID_UTF8`, `MST_ERR_TOO_LONG`, `MST_ERR_NOT_LOADED`, or `MST_ERR_RELEASED`.
 */
MstResult mst_profile_begin_batch_once(struct MstProfile *profile,
                                       const char *key,
                                       uint32_t key_len);

/**
 * Lets the batch that is begun be refused unless a property has this value when the master decides it, whatever this process
 * sees: for what must not be done twice or on a wrong premise. The property must be a scalar that this process may see.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_PRECONDITION_FAILED` when it does not have the value here
 * (but not in a batch with an idempotency key); `MST_ERR_INVALID_ARGUMENT` outside of a batch, or for a volatile property; `MST_ERR_UNKNOWN_PROPERTY`,
 * `MST_ERR_WRONG_TYPE`, `MST_ERR_NOT_PERMITTED`, `MST_ERR_INVALID_UTF8`, `MST_ERR_LIMIT_REACHED`, `MST_ERR_UNAVAILABLE`, or
 * `MST_ERR_RELEASED`.
 */
MstResult mst_profile_require(struct MstProfile *profile,
                              uint32_t index,
                              const struct MstValue *value);

/**
 * Ends a batch; it is sent with the next flush.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_ARGUMENT` when none is begun, or
 * `MST_ERR_RELEASED`.
 */
MstResult mst_profile_commit_batch(struct MstProfile *profile);

/**
 * Ends a batch and takes back what was changed in it, with events whose cause is `MST_CAUSE_ROLLBACK`.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_ARGUMENT` when none is begun, or
 * `MST_ERR_RELEASED`.
 */
MstResult mst_profile_cancel_batch(struct MstProfile *profile);

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
 * Reads an `f32` property: see `mst_profile_get_bool`.
 */
MstResult mst_profile_get_f32(const struct MstProfile *profile, uint32_t index, float *out_value);

/**
 * Reads an `f64` property, or an `f32` one: see `mst_profile_get_bool`.
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
 * Reads a property of any type without parts: the value as this process sees it, its own unconfirmed changes included.
 * Its text or bytes, if it has any, go into `buffer`; `out_len` gets their number and may be null. Too small a buffer gives
 * `MST_ERR_BUFFER_TOO_SMALL`, and the number needed in `out_len`; a type without text needs none.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE` for a list or
 * dictionary, `MST_ERR_RELEASED`, `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_get_value(const struct MstProfile *profile,
                                uint32_t index,
                                struct MstValue *out_value,
                                void *buffer,
                                uint32_t capacity,
                                uint32_t *out_len);

/**
 * Reads the confirmed value of a property: what the master said last, without this process's own changes that it has not
 * decided yet. `mst_profile_get_value` gives the value that these are predicted to make of it. Of a stand-alone profile it
 * is the value without what no delta has taken yet. Else as `mst_profile_get_value`.
 */
MstResult mst_profile_get_confirmed(const struct MstProfile *profile,
                                    uint32_t index,
                                    struct MstValue *out_value,
                                    void *buffer,
                                    uint32_t capacity,
                                    uint32_t *out_len);

/**
 * Sets a property of any type without parts. It shows at once, and is sent with the next flush if the profile belongs to
 * an endpoint. An equal value is no change. Of a number that merges by sum the difference to what is shown is added.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
 * `MST_ERR_INVALID_ARGUMENT`, `MST_ERR_INVALID_UTF8`, or `MST_ERR_INVALID_TEXT` (U+0000); for what the property's limits
 * refuse `MST_ERR_OUT_OF_RANGE`, `MST_ERR_TOO_LONG`, `MST_ERR_TOO_SHORT`, `MST_ERR_PATTERN_MISMATCH`, `MST_ERR_NOT_FINITE`,
 * or `MST_ERR_NOT_MONOTONIC`; `MST_ERR_OVERFLOW` for a difference that is too great; `MST_ERR_PROFILE_TOO_LARGE`;
 * `MST_ERR_UNAVAILABLE` when too much waits for the master already; `MST_ERR_LIMIT_REACHED` when it is too much for one
 * batch; `MST_ERR_NOT_LOADED`, `MST_ERR_NOT_PERMITTED`, or `MST_ERR_RELEASED`. The text of an error names the property.
 */
MstResult mst_profile_set_value(struct MstProfile *profile,
                                uint32_t index,
                                const struct MstValue *value);

/**
 * Sets a `bool` property; `value` 0 is false, everything else true. Else as `mst_profile_set_value`.
 */
MstResult mst_profile_set_bool(struct MstProfile *profile,
                               uint32_t index,
                               uint8_t value);

/**
 * Sets an `i32` property: see `mst_profile_set_value`.
 */
MstResult mst_profile_set_i32(struct MstProfile *profile, uint32_t index, int32_t value);

/**
 * Sets an `i64` property: see `mst_profile_set_value`.
 */
MstResult mst_profile_set_i64(struct MstProfile *profile, uint32_t index, int64_t value);

/**
 * Sets an `f32` property: see `mst_profile_set_value`.
 */
MstResult mst_profile_set_f32(struct MstProfile *profile, uint32_t index, float value);

/**
 * Sets an `f64` property: see `mst_profile_set_value`.
 */
MstResult mst_profile_set_f64(struct MstProfile *profile, uint32_t index, double value);

/**
 * Sets a `string` property to the UTF-8 text of `value_len` bytes: see `mst_profile_set_value`.
 */
MstResult mst_profile_set_string(struct MstProfile *profile,
                                 uint32_t index,
                                 const char *value,
                                 uint32_t value_len);

/**
 * Adds to an `i32` or `i64` property. Additions of several writers all count.
 *
 * Any thread. Returns what `mst_profile_set_value` does; `MST_ERR_OVERFLOW` when the sum does not fit the property.
 */
MstResult mst_profile_add_int(struct MstProfile *profile,
                              uint32_t index,
                              int64_t amount);

/**
 * Adds to an `i32` or `i64` property and brings the sum to the nearer bound: "heal 80, but not above 100". Use
 * `INT64_MIN` or `INT64_MAX` for no bound. The master decides by its own value, so that additions of several writers all
 * count.
 *
 * Any thread. Returns what `mst_profile_set_value` does; `MST_ERR_INVALID_ARGUMENT` when `min` is greater than `max`.
 */
MstResult mst_profile_add_int_clamped(struct MstProfile *profile,
                                      uint32_t index,
                                      int64_t amount,
                                      int64_t min,
                                      int64_t max);

/**
 * Adds to an `i32` or `i64` property, if the sum is within the bounds: "take 30, but refuse below 0". Use `INT64_MIN` or
 * `INT64_MAX` for no bound. It is decided by the master's value, whatever this process sees: it is a batch of its own, and
 * may be refused (`MST_EVENT_REFUSED`) though it was possible here.
 *
 * Any thread. Returns what `mst_profile_set_value` does; `MST_ERR_GUARD_FAILED` when the sum of what this process sees is
 * not within the bounds, `MST_ERR_OVERFLOW` when it does not fit the property, `MST_ERR_INVALID_ARGUMENT` when `min` is
 * greater than `max`.
 */
MstResult mst_profile_add_int_guarded(struct MstProfile *profile,
                                      uint32_t index,
                                      int64_t amount,
                                      int64_t min,
                                      int64_t max);

/**
 * Adds to an `f32` or `f64` property. Additions of several writers all count.
 *
 * Any thread. Returns what `mst_profile_set_value` does.
 */
MstResult mst_profile_add_f64(struct MstProfile *profile, uint32_t index, double amount);

/**
 * Adds to an `f32` or `f64` property and brings the sum to the nearer bound; infinities are no bounds. Else as
 * `mst_profile_add_int_clamped`.
 */
MstResult mst_profile_add_f64_clamped(struct MstProfile *profile,
                                      uint32_t index,
                                      double amount,
                                      double min,
                                      double max);

/**
 * Adds to an `f32` or `f64` property, if the sum is within the bounds; infinities are no bounds. Else as
 * `mst_profile_add_int_guarded`.
 */
MstResult mst_profile_add_f64_guarded(struct MstProfile *profile,
                                      uint32_t index,
                                      double amount,
                                      double min,
                                      double max);

/**
 * The number of items of a list, as this process sees it, its own unconfirmed changes included.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
 * `MST_ERR_RELEASED`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_list_count(const struct MstProfile *profile,
                                 uint32_t index,
                                 uint32_t *out_count);

/**
 * The number of items of a list as the master said last: see `mst_profile_get_confirmed` and `mst_profile_list_count`.
 */
MstResult mst_profile_list_confirmed_count(const struct MstProfile *profile,
                                           uint32_t index,
                                           uint32_t *out_count);

/**
 * The item at a place of a list, from 0, as this process sees it. Its text or bytes, if it has any, go into `buffer`;
 * `out_len` gets their number and may be null. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL`, and the number needed
 * in `out_len`; a type without text needs none. Takes the same time at every place.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
 * `MST_ERR_INDEX_OUT_OF_RANGE`, `MST_ERR_RELEASED`, `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_list_get(const struct MstProfile *profile,
                               uint32_t index,
                               uint32_t item,
                               struct MstValue *out_value,
                               void *buffer,
                               uint32_t capacity,
                               uint32_t *out_len);

/**
 * The item at a place of a list as the master said last: see `mst_profile_get_confirmed` and `mst_profile_list_get`.
 */
MstResult mst_profile_list_get_confirmed(const struct MstProfile *profile,
                                         uint32_t index,
                                         uint32_t item,
                                         struct MstValue *out_value,
                                         void *buffer,
                                         uint32_t capacity,
                                         uint32_t *out_len);

/**
 * Appends an item to a list. It shows at once, and is sent with the next flush if the profile belongs to an endpoint. What
 * several writers append all counts.
 *
 * Any thread. Returns what `mst_profile_set_value` does, or `MST_ERR_TOO_MANY` items.
 */
MstResult mst_profile_list_push(struct MstProfile *profile,
                                uint32_t index,
                                const struct MstValue *value);

/**
 * Inserts an item into a list, so that it stands at `item`: before the one that stands there, which may also be the end.
 * The master puts it beside the same items, wherever these stand then.
 *
 * Any thread. Returns what `mst_profile_set_value` does, `MST_ERR_INDEX_OUT_OF_RANGE`, or `MST_ERR_TOO_MANY` items.
 */
MstResult mst_profile_list_insert(struct MstProfile *profile,
                                  uint32_t index,
                                  uint32_t item,
                                  const struct MstValue *value);

/**
 * Gives the item at a place of a list another value. The master changes the same item, wherever it stands then; when it is
 * gone, the change is refused (`MST_EVENT_REFUSED`) as `MST_ERR_STALE`.
 *
 * Any thread. Returns what `mst_profile_set_value` does, or `MST_ERR_INDEX_OUT_OF_RANGE`.
 */
MstResult mst_profile_list_set(struct MstProfile *profile,
                               uint32_t index,
                               uint32_t item,
                               const struct MstValue *value);

/**
 * Removes the item at a place of a list: see `mst_profile_list_set`.
 *
 * Any thread. Returns what `mst_profile_set_value` does, `MST_ERR_INDEX_OUT_OF_RANGE`, or `MST_ERR_TOO_FEW` items.
 */
MstResult mst_profile_list_remove(struct MstProfile *profile,
                                  uint32_t index,
                                  uint32_t item);

/**
 * Moves the item at a place of a list, so that it stands at `to`: see `mst_profile_list_set`.
 *
 * Any thread. Returns what `mst_profile_set_value` does, or `MST_ERR_INDEX_OUT_OF_RANGE`.
 */
MstResult mst_profile_list_move(struct MstProfile *profile,
                                uint32_t index,
                                uint32_t from,
                                uint32_t to);

/**
 * Removes everything from a list or a dictionary, also what others put there meanwhile.
 *
 * Any thread. Returns what `mst_profile_set_value` does, or `MST_ERR_TOO_FEW` elements.
 */
MstResult mst_profile_clear(struct MstProfile *profile, uint32_t index);

/**
 * The number of entries of a dictionary, as this process sees it, its own unconfirmed changes included.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
 * `MST_ERR_RELEASED`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_dict_count(const struct MstProfile *profile,
                                 uint32_t index,
                                 uint32_t *out_count);

/**
 * The number of entries of a dictionary as the master said last: see `mst_profile_get_confirmed` and
 * `mst_profile_dict_count`.
 */
MstResult mst_profile_dict_confirmed_count(const struct MstProfile *profile,
                                           uint32_t index,
                                           uint32_t *out_count);

/**
 * The value of a key of a dictionary, as this process sees it. Its text or bytes, if it has any, go into `buffer`;
 * `out_len` gets their number and may be null. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL`, and the number needed
 * in `out_len`; a type without text needs none. Takes time with the logarithm of the number of entries.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
 * `MST_ERR_NO_SUCH_KEY`, `MST_ERR_INVALID_UTF8`, `MST_ERR_RELEASED`, `MST_ERR_BUFFER_TOO_SMALL`, or
 * `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_dict_get(const struct MstProfile *profile,
                               uint32_t index,
                               const struct MstKey *key,
                               struct MstValue *out_value,
                               void *buffer,
                               uint32_t capacity,
                               uint32_t *out_len);

/**
 * The value of a key of a dictionary as the master said last: see `mst_profile_get_confirmed` and
 * `mst_profile_dict_get`.
 */
MstResult mst_profile_dict_get_confirmed(const struct MstProfile *profile,
                                         uint32_t index,
                                         const struct MstKey *key,
                                         struct MstValue *out_value,
                                         void *buffer,
                                         uint32_t capacity,
                                         uint32_t *out_len);

/**
 * Whether a dictionary has a key, as this process sees it: `out_contains` gets 1 or 0.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
 * `MST_ERR_INVALID_UTF8`, `MST_ERR_RELEASED`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_dict_contains(const struct MstProfile *profile,
                                    uint32_t index,
                                    const struct MstKey *key,
                                    uint8_t *out_contains);

/**
 * Goes through a dictionary in the order of its keys (texts by their bytes), as this process sees it. `key` names the key
 * before, whether it is still there or not, or is of type `MST_KEY_NONE` for the first entry; it is given the next key, or
 * type `MST_KEY_NONE` after the last one. So the same struct and buffer can be passed again and again, and the dictionary
 * may change meanwhile. `out_value` gets the value; it may be null, when keys are all that is wanted.
 *
 * A text key goes into `key_buffer`, a value's text or bytes into `value_buffer`; `out_key_len` and `out_value_len` get
 * their numbers and may be null. When one buffer is too small, that gives `MST_ERR_BUFFER_TOO_SMALL`, the numbers needed
 * in both, and nothing else. Each call takes time with the logarithm of the number of entries.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
 * `MST_ERR_INVALID_UTF8`, `MST_ERR_RELEASED`, `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_dict_next(const struct MstProfile *profile,
                                uint32_t index,
                                struct MstKey *key,
                                void *key_buffer,
                                uint32_t key_capacity,
                                uint32_t *out_key_len,
                                struct MstValue *out_value,
                                void *value_buffer,
                                uint32_t value_capacity,
                                uint32_t *out_value_len);

/**
 * The key at a place in the order of a dictionary's keys, from 0, as this process sees it. A text goes into `buffer`;
 * `out_len` gets its length in bytes and may be null. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL`, and the length
 * needed in `out_len`. Takes time with the place: to go through all of them, use `mst_profile_dict_next`.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
 * `MST_ERR_INDEX_OUT_OF_RANGE`, `MST_ERR_RELEASED`, `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_dict_key_at(const struct MstProfile *profile,
                                  uint32_t index,
                                  uint32_t place,
                                  struct MstKey *out_key,
                                  void *buffer,
                                  uint32_t capacity,
                                  uint32_t *out_len);

/**
 * Gives a key of a dictionary a value. It shows at once, and is sent with the next flush if the profile belongs to an
 * endpoint.
 *
 * Any thread. Returns what `mst_profile_set_value` does, or `MST_ERR_TOO_MANY` entries.
 */
MstResult mst_profile_dict_put(struct MstProfile *profile,
                               uint32_t index,
                               const struct MstKey *key,
                               const struct MstValue *value);

/**
 * Removes a key of a dictionary. One that is not there is no change.
 *
 * Any thread. Returns what `mst_profile_set_value` does, or `MST_ERR_TOO_FEW` entries.
 */
MstResult mst_profile_dict_remove(struct MstProfile *profile,
                                  uint32_t index,
                                  const struct MstKey *key);

/**
 * Adds to the integer of a key of a dictionary; a key that is not there counts as zero. Additions of several writers all
 * count.
 *
 * Any thread. Returns what `mst_profile_set_value` does; `MST_ERR_TOO_MANY` entries; `MST_ERR_OVERFLOW` when the sum does not
 * fit the values' type.
 */
MstResult mst_profile_dict_add_int(struct MstProfile *profile,
                                   uint32_t index,
                                   const struct MstKey *key,
                                   int64_t amount);

/**
 * Adds to the integer of a key of a dictionary and brings the sum to the nearer bound: see `mst_profile_dict_add_int` and
 * `mst_profile_add_int_clamped`.
 */
MstResult mst_profile_dict_add_int_clamped(struct MstProfile *profile,
                                           uint32_t index,
                                           const struct MstKey *key,
                                           int64_t amount,
                                           int64_t min,
                                           int64_t max);

/**
 * Adds to the integer of a key of a dictionary, if the sum is within the bounds: see `mst_profile_dict_add_int` and
 * `mst_profile_add_int_guarded`.
 */
MstResult mst_profile_dict_add_int_guarded(struct MstProfile *profile,
                                           uint32_t index,
                                           const struct MstKey *key,
                                           int64_t amount,
                                           int64_t min,
                                           int64_t max);

/**
 * Adds to the floating-point number of a key of a dictionary: see `mst_profile_dict_add_int`.
 */
MstResult mst_profile_dict_add_f64(struct MstProfile *profile,
                                   uint32_t index,
                                   const struct MstKey *key,
                                   double amount);

/**
 * Adds to the floating-point number of a key of a dictionary and brings the sum to the nearer bound: see
 * `mst_profile_dict_add_int` and `mst_profile_add_f64_clamped`.
 */
MstResult mst_profile_dict_add_f64_clamped(struct MstProfile *profile,
                                           uint32_t index,
                                           const struct MstKey *key,
                                           double amount,
                                           double min,
                                           double max);

/**
 * Adds to the floating-point number of a key of a dictionary, if the sum is within the bounds: see
 * `mst_profile_dict_add_int` and `mst_profile_add_f64_guarded`.
 */
MstResult mst_profile_dict_add_f64_guarded(struct MstProfile *profile,
                                           uint32_t index,
                                           const struct MstKey *key,
                                           double amount,
                                           double min,
                                           double max);

/**
 * Reads the value of any type without parts at a place within a property's value, and its text or bytes as
 * `mst_profile_list_get` does. A list or dictionary gives its type and the number of its elements, a record its type alone.
 *
 * `path` says the way from the property's value, in UTF-8 of `path_len` bytes: `[3]` is an item of a list or an entry with an integer
 * key, `["main quest"]` an entry with a text key, in JSON's notation, `.progress` a field or such a key of letters, digits and `_`. So
 * `[3].steps[0].done`; the first dot may be left out. No text is the property's value itself.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_NO_SUCH_PLACE` for a way that the
 * property's type does not have, or where nothing is now, `MST_ERR_RELEASED`, `MST_ERR_BUFFER_TOO_SMALL`,
 * `MST_ERR_INVALID_UTF8`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_get_at(const struct MstProfile *profile,
                             uint32_t index,
                             const char *path,
                             uint32_t path_len,
                             struct MstValue *out_value,
                             void *buffer,
                             uint32_t capacity,
                             uint32_t *out_len);

/**
 * The same without the unconfirmed changes of this process: see `mst_profile_get_at`.
 */
MstResult mst_profile_get_confirmed_at(const struct MstProfile *profile,
                                       uint32_t index,
                                       const char *path,
                                       uint32_t path_len,
                                       struct MstValue *out_value,
                                       void *buffer,
                                       uint32_t capacity,
                                       uint32_t *out_len);

/**
 * The value of any type at a place as JSON text, as it stands in documents: see `mst_profile_get_at` for `path`. The UTF-8 goes into
 * `buffer` without a terminating zero, and its length into `out_len`.
 *
 * Any thread. Returns what `mst_profile_get_at` does.
 */
MstResult mst_profile_get_json_at(const struct MstProfile *profile,
                                  uint32_t index,
                                  const char *path,
                                  uint32_t path_len,
                                  char *buffer,
                                  uint32_t capacity,
                                  uint32_t *out_len);

/**
 * The number of items of the list, or of entries of the dictionary, at a place: see `mst_profile_get_at` for `path`.
 *
 * Any thread. Returns what `mst_profile_get_at` does, or `MST_ERR_WRONG_TYPE`.
 */
MstResult mst_profile_count_at(const struct MstProfile *profile,
                               uint32_t index,
                               const char *path,
                               uint32_t path_len,
                               uint32_t *out_count);

/**
 * Gives a field, an item or an entry of any type without parts another value; an entry that is not there is made. See
 * `mst_profile_get_at` for `path`. A value of type `MST_TYPE_CUSTOM` is of whatever custom type the place has.
 *
 * Any thread. Returns what `mst_profile_set_value` does; `MST_ERR_NO_SUCH_PLACE` for a way that the property's type does not
 * have, `MST_ERR_INDEX_OUT_OF_RANGE` or `MST_ERR_NO_SUCH_KEY` where nothing is on the way, or `MST_ERR_INVALID_CUSTOM` for bytes that
 * their codec refuses.
 */
MstResult mst_profile_set_at(struct MstProfile *profile,
                             uint32_t index,
                             const char *path,
                             uint32_t path_len,
                             const struct MstValue *value);

/**
 * The same for a value of any type, as JSON text of `json_len` bytes. Of a record, list or dictionary what differs is changed, in
 * one batch. Members of a record that are left out have their defaults.
 *
 * Any thread. Returns what `mst_profile_set_at` does, or `MST_ERR_INVALID_JSON`.
 */
MstResult mst_profile_set_json_at(struct MstProfile *profile,
                                  uint32_t index,
                                  const char *path,
                                  uint32_t path_len,
                                  const char *json,
                                  uint32_t json_len);

/**
 * Inserts an item into the list at a place, so that it stands at `item`; `UINT32_MAX` appends it. See `mst_profile_get_at` for
 * `path`.
 *
 * Any thread. Returns what `mst_profile_set_at` does, or `MST_ERR_TOO_MANY`.
 */
MstResult mst_profile_insert_at(struct MstProfile *profile,
                                uint32_t index,
                                const char *path,
                                uint32_t path_len,
                                uint32_t item,
                                const struct MstValue *value);

/**
 * The same for an item of any type, as JSON text of `json_len` bytes; members of a record that are left out have their defaults.
 *
 * Any thread. Returns what `mst_profile_insert_at` does, or `MST_ERR_INVALID_JSON`.
 */
MstResult mst_profile_insert_json_at(struct MstProfile *profile,
                                     uint32_t index,
                                     const char *path,
                                     uint32_t path_len,
                                     uint32_t item,
                                     const char *json,
                                     uint32_t json_len);

/**
 * Removes the item or entry at a place. It is no error when there is no such entry. See `mst_profile_get_at` for `path`.
 *
 * Any thread. Returns what `mst_profile_set_at` does, or `MST_ERR_TOO_FEW`.
 */
MstResult mst_profile_remove_at(struct MstProfile *profile,
                                uint32_t index,
                                const char *path,
                                uint32_t path_len);

/**
 * Moves the item at a place within its list, so that it stands at `to`. See `mst_profile_get_at` for `path`.
 *
 * Any thread. Returns what `mst_profile_set_at` does.
 */
MstResult mst_profile_move_at(struct MstProfile *profile,
                              uint32_t index,
                              const char *path,
                              uint32_t path_len,
                              uint32_t to);

/**
 * Removes everything from the list or dictionary at a place, also what others put there meanwhile. See `mst_profile_get_at` for
 * `path`.
 *
 * Any thread. Returns what `mst_profile_set_at` does, or `MST_ERR_TOO_FEW`.
 */
MstResult mst_profile_clear_at(struct MstProfile *profile,
                               uint32_t index,
                               const char *path,
                               uint32_t path_len);

/**
 * Adds to the integer of a field, an item or an entry; an entry that is not there counts as zero. See `mst_profile_get_at` for
 * `path`, and `mst_profile_add_int`.
 *
 * Any thread. Returns what `mst_profile_set_at` does; `MST_ERR_OVERFLOW` when the sum does not fit.
 */
MstResult mst_profile_add_int_at(struct MstProfile *profile,
                                 uint32_t index,
                                 const char *path,
                                 uint32_t path_len,
                                 int64_t amount);

/**
 * The same, brought to the nearer bound: see `mst_profile_add_int_clamped` and `mst_profile_add_int_at`.
 */
MstResult mst_profile_add_int_clamped_at(struct MstProfile *profile,
                                         uint32_t index,
                                         const char *path,
                                         uint32_t path_len,
                                         int64_t amount,
                                         int64_t min,
                                         int64_t max);

/**
 * The same, if the sum is within the bounds: see `mst_profile_add_int_guarded` and `mst_profile_add_int_at`.
 */
MstResult mst_profile_add_int_guarded_at(struct MstProfile *profile,
                                         uint32_t index,
                                         const char *path,
                                         uint32_t path_len,
                                         int64_t amount,
                                         int64_t min,
                                         int64_t max);

/**
 * Adds to the floating-point number of a field, an item or an entry: see `mst_profile_add_int_at` and `mst_profile_add_f64`.
 */
MstResult mst_profile_add_f64_at(struct MstProfile *profile,
                                 uint32_t index,
                                 const char *path,
                                 uint32_t path_len,
                                 double amount);

/**
 * The same, brought to the nearer bound: see `mst_profile_add_f64_clamped` and `mst_profile_add_int_at`.
 */
MstResult mst_profile_add_f64_clamped_at(struct MstProfile *profile,
                                         uint32_t index,
                                         const char *path,
                                         uint32_t path_len,
                                         double amount,
                                         double min,
                                         double max);

/**
 * The same, if the sum is within the bounds: see `mst_profile_add_f64_guarded` and `mst_profile_add_int_at`.
 */
MstResult mst_profile_add_f64_guarded_at(struct MstProfile *profile,
                                         uint32_t index,
                                         const char *path,
                                         uint32_t path_len,
                                         double amount,
                                         double min,
                                         double max);

/**
 * Registers what a type of the game's own is, for the whole process: that which a schema calls `custom<NAME>`. Do it before the first
 * profile that has such a value. Where a type has no codec, any bytes are a value, and their JSON is base64. `to_json` and
 * `from_json` may be null, and then it is that too. Stored profiles are JSON: `from_json` must take all that `to_json` gives, and there
 * is no `to_json` without it. The functions must always give the same answers, be good for any thread, and stay there until the process
 * ends; the master and the network call them on their own threads.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_UTF8`, or `MST_ERR_INVALID_ARGUMENT` for a name that no type can have, one that is
 * registered already, no `validate`, or a `to_json` without a `from_json`.
 */
MstResult mst_codec_register(const char *name,
                             uint32_t name_len,
                             MstCodecValidate validate,
                             MstCodecConvert to_json,
                             MstCodecConvert from_json,
                             void *user_data);

/**
 * Takes what changed in a stand-alone profile since the last delta; no bytes when nothing did. Too small a buffer gives
 * `MST_ERR_BUFFER_TOO_SMALL` and the size needed in `out_len`, and the changes stay.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_ATTACHED` for a profile of an endpoint,
 * `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`, which is also for a batch that is begun.
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
 * Sets each property that is a member of this JSON object, lists and dictionaries too, in one batch; all of them, or on an
 * error none.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_JSON`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_TOO_MANY` or `MST_ERR_TOO_FEW`
 * elements, or what `mst_profile_set_value` returns.
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
 * A value that belongs to the event of a stand-alone profile that was polled last, or, within a callback, to the one that
 * it is called with: see `mst_endpoint_event_value`. Also returns `MST_ERR_ATTACHED` for a profile of an endpoint.
 */
MstResult mst_profile_event_value(const struct MstProfile *profile,
                                  uint32_t which,
                                  struct MstValue *out_value,
                                  void *buffer,
                                  uint32_t capacity,
                                  uint32_t *out_len);

/**
 * The key that belongs to the event of a stand-alone profile that was polled last, or, within a callback, to the one that
 * it is called with: see `mst_endpoint_event_key`. Also returns `MST_ERR_ATTACHED` for a profile of an endpoint.
 */
MstResult mst_profile_event_key(const struct MstProfile *profile,
                                struct MstKey *out_key,
                                void *buffer,
                                uint32_t capacity,
                                uint32_t *out_len);

/**
 * The way to what changed in the event of a stand-alone profile that was polled last, or, within a callback, in the one that it
 * is called with: see `mst_endpoint_event_path`. Also returns `MST_ERR_ATTACHED` for a profile of an endpoint.
 */
MstResult mst_profile_event_path(const struct MstProfile *profile,
                                 char *buffer,
                                 uint32_t capacity,
                                 uint32_t *out_len);

/**
 * Calls `callback` for the events of a profile from now on: with `property_index` `UINT32_MAX` for all of them, else for
 * those whose `property_index` it is. (And for `MST_EVENT_OVERFLOW`, as its own may be among those dropped.) Those of a
 * stand-alone profile are told by `mst_profile_dispatch`, those of an endpoint's profile by `mst_endpoint_dispatch`; a
 * profile that is not loaded yet may be subscribed to. `user_data` is given to the callback as it is, and never followed.
 * End it with `mst_subscription_free`; it ends with the profile's handle too. `out_subscription` may be null.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_RELEASED`, or
 * `MST_ERR_INVALID_ARGUMENT`, which is also for a null callback.
 */
MstResult mst_profile_subscribe(struct MstProfile *profile,
                                uint32_t property_index,
                                MstEventCallback callback,
                                void *user_data,
                                struct MstSubscription **out_subscription);

/**
 * Takes every event of a stand-alone profile that waits to be polled, and calls those who subscribed to it: see
 * `mst_endpoint_dispatch`. `out_dispatched` gets the number of events, and may be null.
 *
 * One thread at a time per profile (others do nothing). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_ATTACHED` for a
 * profile of an endpoint, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_profile_dispatch(struct MstProfile *profile,
                               uint32_t *out_dispatched);

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
 * Its profiles' handles stay, and answer `MST_ERR_RELEASED`; its subscriptions and theirs end; threads in
 * `mst_endpoint_wait` or `mst_endpoint_close` return `MST_ERR_INVALID_HANDLE`. Null does nothing.
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
 * The text that belongs to the event that was polled last, or, within a callback, to the one that it is called with: why it
 * failed; for a property, item or entry of type string its new value. UTF-8 without a terminating zero. Too small a buffer
 * gives `MST_ERR_BUFFER_TOO_SMALL` and the length needed in `out_len`.
 *
 * One thread at a time per endpoint (others wait). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`,
 * `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_endpoint_event_text(struct MstEndpoint *endpoint,
                                  char *buffer,
                                  uint32_t capacity,
                                  uint32_t *out_len);

/**
 * A value that belongs to the event that was polled last, or, within a callback, to the one that it is called with: the one
 * before the change when `which` is 0, the one after it when `which` is 1; of type `MST_TYPE_NONE` when the event has none.
 * Of a list or dictionary it has the number of elements alone. A text or bytes go into `buffer`; `out_len` gets their number
 * and may be null. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL`, and the number needed in `out_len`.
 *
 * One thread at a time per endpoint (others wait). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`,
 * `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_endpoint_event_value(const struct MstEndpoint *endpoint,
                                   uint32_t which,
                                   struct MstValue *out_value,
                                   void *buffer,
                                   uint32_t capacity,
                                   uint32_t *out_len);

/**
 * The key of the entry that the event is of that was polled last, or, within a callback, that it is called with; of type
 * `MST_KEY_NONE` when the event has none. A text goes into `buffer`; `out_len` gets its length in bytes and may be null.
 * Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL`, and the length needed in `out_len`.
 *
 * One thread at a time per endpoint (others wait). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`,
 * `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_endpoint_event_key(const struct MstEndpoint *endpoint,
                                 struct MstKey *out_key,
                                 void *buffer,
                                 uint32_t capacity,
                                 uint32_t *out_len);

/**
 * The way from the property's value to what changed in the event that was polled last, or, within a callback, in the one that it
 * is called with: as `mst_profile_get_at` reads it, to the field, item or entry (of one that moved, to where it stood), or to the list
 * or dictionary that was cleared. No text when the whole value changed. It goes into `buffer` without a terminating zero, and its
 * length into `out_len`. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL`, and the length needed in `out_len`.
 *
 * One thread at a time per endpoint (others wait). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`,
 * `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_endpoint_event_path(const struct MstEndpoint *endpoint,
                                  char *buffer,
                                  uint32_t capacity,
                                  uint32_t *out_len);

/**
 * Calls `callback` for every event of an endpoint and its profiles from now on; `mst_endpoint_dispatch` does it.
 * (`mst_profile_subscribe` is for those of one profile.) `user_data` is given to the callback as it is, and never followed.
 * End it with `mst_subscription_free`; it ends with the endpoint's handle too. `out_subscription` may be null.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`, which is also for a null callback.
 */
MstResult mst_endpoint_subscribe(struct MstEndpoint *endpoint,
                                 MstEventCallback callback,
                                 void *user_data,
                                 struct MstSubscription **out_subscription);

/**
 * Ticks, as `mst_endpoint_tick` does, then takes every event that waits to be polled and calls those who subscribed to it,
 * on this thread and while nothing is locked: first those of the endpoint, then those of its profile, each in the order of
 * their subscribing. Events that nobody subscribed to are taken too. Those that callbacks bring about follow in the same
 * dispatch, though it ends after 65536 events. With a `budget_us` other than 0 it leaves what it could not take in or tell
 * within so many microseconds to the next dispatch; it tells at least one event. `out_dispatched` gets the number of events
 * that it took, and may be null.
 *
 * A callback may call any function. What it frees or subscribes to counts at once; a new subscription begins with the next
 * event. When it polls, it takes the event away from this dispatch. When it dispatches again, that ticks and tells nothing,
 * as the dispatch that is under way goes on; it should not wait for events that way. When it frees the endpoint, this
 * dispatch ends well.
 *
 * One thread at a time per endpoint: while one dispatches, others tick and tell nothing. Returns `MST_OK`,
 * `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_endpoint_dispatch(struct MstEndpoint *endpoint,
                                uint32_t budget_us,
                                uint32_t *out_dispatched);

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
 * Where an endpoint is with its connection: for a game that shows it, or did not poll when it changed. It moves with the
 * endpoint's ticks.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_endpoint_state(const struct MstEndpoint *endpoint,
                             struct MstConnectionInfo *out_info);

/**
 * Sets the token of the next connection; the present one goes on. An endpoint that was turned away because of its token
 * (`MST_EVENT_FAILED` with `MST_ERR_AUTH_FAILED`) begins anew with this one: its profiles and subscriptions, and
 * changes that the master does not have, were kept. It must be a token of the same user or game server. The text is copied.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_UTF8`, `MST_ERR_TOO_LONG`, `MST_ERR_CLOSED` when
 * the endpoint is closed or closing, the error with which the master turned it away for good if that was not for its token,
 * `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_endpoint_set_token(struct MstEndpoint *endpoint,
                                 const char *token,
                                 uint32_t token_len);

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
 * When the host is the database (`own_store`), it has to complete the final saves meanwhile. Callbacks are called by this function,
 * on this thread, as by `mst_master_dispatch`; a host without callbacks goes on taking requests on another thread. One that can do
 * neither, or completes requests on this very thread later, uses `mst_master_begin_stop`, goes on as before until
 * `mst_master_is_stopped`, and then gets the result here.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED` when it was stopped before, `MST_ERR_TIMEOUT`
 * when the database did not take everything in time, the error that ended the master before, or `MST_ERR_UNAVAILABLE`,
 * having done nothing, within a callback of this master's requests.
 */
MstResult mst_master_stop(struct MstMaster *master);

/**
 * Begins what `mst_master_stop` does, and returns at once. From then on the master has about ten seconds. For hosts that are the
 * database, which complete the final saves as they did before, until `mst_master_is_stopped` or `mst_master_wait` tells that it has
 * ended. Then call `mst_master_stop` for what came of it, and `mst_master_free`. Does nothing when it was begun before.
 *
 * Any thread, also within a callback. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED` when it was stopped, or
 * `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_begin_stop(struct MstMaster *master);

/**
 * Whether a master has ended: 1 after it was stopped, or could not go on; else 0.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_is_stopped(const struct MstMaster *master,
                                uint8_t *out_stopped);

/**
 * Stops a master as `mst_master_stop` does, if it was not before, and frees its handle. It has ended when this returns,
 * unless another thread is in `mst_master_stop` just now. Null does nothing.
 *
 * A master whose database is the host is not given the time for final saves, as the handle is stale from the beginning on: it ends
 * at once, and what was not durable is lost as in a crash. Its pending requests are gone with it. Call `mst_master_stop` before.
 *
 * Any thread, also within a callback. Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
 */
MstResult mst_master_free(struct MstMaster *master);

/**
 * The port at which it listens; 0 when it listens nowhere.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, or `MST_ERR_INVALID_ARGUMENT`.
 */
MstResult mst_master_port(const struct MstMaster *master,
                          uint16_t *out_port);

/**
 * The SHA-256 of its certificate as 64 hexadecimal digits, without a terminating zero, for
 * `MstConnectOptions.fingerprint`. Nothing, and a length of 0, when it listens nowhere.
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
 * Sets the least time between two rounds of deltas to observers, in milliseconds; 0 sends at once. A round that waits comes
 * as soon as the new interval says.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_CLOSED` when the master was stopped or has ended.
 */
MstResult mst_master_set_update_interval(struct MstMaster *master,
                                         uint32_t interval_ms);

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

/**
 * The oldest request to the host's database that was not taken yet; one of type `MST_STORE_REQUEST_NONE` when there is none.
 *
 * The host reads it by `mst_master_store_request_user` and the like, and completes it once, at any time until the time-out
 * (`MstMasterOptions.store_timeout_ms`), in any order, from any thread. Many requests to restore may be under way at once, and
 * besides at most one to update. What fails, or is not completed in time, is asked for again as another request. After a time-out
 * the host may still be at work on the old one: it must see to it that a document is not written over one of a greater version.
 *
 * Documents are JSON texts. They must come back with all of their members, `$mst` included; their order and white space are free.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED` once the master has ended and will ask for no more,
 * `MST_ERR_INVALID_ARGUMENT` also when the master was started without `own_store`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_next_store_request(struct MstMaster *master,
                                        struct MstStoreRequest *out_request);

/**
 * Whose document `index` of a request is, as UTF-8 without a terminating zero.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_STALE` when the request was completed, or it is too late for
 * that, `MST_ERR_INDEX_OUT_OF_RANGE`, `MST_ERR_BUFFER_TOO_SMALL`, `MST_ERR_INVALID_ARGUMENT` also when there was no such request
 * or the master was started without `own_store`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_store_request_user(const struct MstMaster *master,
                                        uint64_t request,
                                        uint32_t index,
                                        char *buffer,
                                        uint32_t capacity,
                                        uint32_t *out_len);

/**
 * The version of document `index` of a request to update. It only grows with what is done to a profile.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_STALE` when the request was completed, or it is too late for
 * that, `MST_ERR_INDEX_OUT_OF_RANGE`, `MST_ERR_INVALID_ARGUMENT` also when it is a request to restore, there was no such request or
 * the master was started without `own_store`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_store_request_version(const struct MstMaster *master,
                                           uint64_t request,
                                           uint32_t index,
                                           uint64_t *out_version);

/**
 * Document `index` of a request to update, as UTF-8 without a terminating zero.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_STALE` when the request was completed, or it is too late for
 * that, `MST_ERR_INDEX_OUT_OF_RANGE`, `MST_ERR_BUFFER_TOO_SMALL`, `MST_ERR_INVALID_ARGUMENT` also when it is a request to restore,
 * there was no such request or the master was started without `own_store`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_store_request_document(const struct MstMaster *master,
                                            uint64_t request,
                                            uint32_t index,
                                            char *buffer,
                                            uint32_t capacity,
                                            uint32_t *out_len);

/**
 * Completes a request to restore. With `found` 1 the document is `document`, as it was given to be written; with `found` 0 there is no
 * profile of this user, which makes one of defaults, so that an error must never be told this way: see
 * `mst_master_fail_store_request`.
 *
 * Any thread, also within a callback. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_STALE` when the request was completed
 * already or it is too late, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_ARGUMENT` also when it is a request to update, there was no
 * such request or the master was started without `own_store`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_complete_restore(struct MstMaster *master,
                                      uint64_t request,
                                      uint8_t found,
                                      const char *document,
                                      uint32_t document_len);

/**
 * Says that document `index` of a request to update was written and will be there after a crash; `MST_STORE_ALL` says it of all that
 * have no answer yet. The request is complete when each of its documents has an answer.
 *
 * Any thread, also within a callback. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_STALE` when the request or the document was
 * completed already or it is too late, `MST_ERR_INDEX_OUT_OF_RANGE`, `MST_ERR_INVALID_ARGUMENT` when it is a request to restore, there
 * was no such request or the master was started without `own_store`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_complete_update(struct MstMaster *master,
                                     uint64_t request,
                                     uint32_t index);

/**
 * Says that document `index` of a request could not be read or written, or that it is not known whether it was. `MST_STORE_ALL` says it of
 * all that have no answer yet, and, when none has one, of the database: then other documents wait, too, until it is tried again. `code` says
 * why: `MST_ERR_STORE_FAILED`, after which it is tried again with growing delays; `MST_ERR_STORE_CORRUPT` for a document that can't be read,
 * which is told to whoever asked for the profile; or `MST_ERR_STORE_FENCED`, for an update, when the database belongs to another master by
 * now, which ends this one. The text is for events and logs.
 *
 * Any thread, also within a callback. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_STALE` when the request or the document was
 * completed already or it is too late, `MST_ERR_INDEX_OUT_OF_RANGE`, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_ARGUMENT` also when there
 * was no such request, for another code, or when the master was started without `own_store`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_fail_store_request(struct MstMaster *master,
                                        uint64_t request,
                                        uint32_t index,
                                        int32_t code,
                                        const char *text,
                                        uint32_t text_len);

/**
 * Lets `mst_master_dispatch` call `restore`, `update` and `update_many` with the requests of the three types, in place of those set
 * before; all of them null lets it call nobody. Requests that were not taken before are told, too.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_ARGUMENT` when only some are null, or the master was started
 * without `own_store`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_set_store_callbacks(struct MstMaster *master,
                                         MstStoreCallback restore,
                                         MstStoreCallback update,
                                         MstStoreCallback update_many,
                                         void *user_data);

/**
 * The tick of a master: calls the callbacks with what waits for the host's database, on this thread, and returns when nothing waits.
 * With a `budget_us` other than 0 it leaves what it could not tell within so many microseconds to the next dispatch; it tells at least
 * one request. `out_dispatched` gets the number of requests that it took, and may be null. Without callbacks it does nothing; events
 * are polled by `mst_master_next_event`.
 *
 * When a callback takes requests by itself, they are not told. When it dispatches again, that tells nothing, as the dispatch that is
 * under way goes on. When it frees the master, this dispatch ends well.
 *
 * One thread at a time per master: while one dispatches, others tell nothing. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`,
 * `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_dispatch(struct MstMaster *master,
                              uint32_t budget_us,
                              uint32_t *out_dispatched);

/**
 * Waits at most `timeout_ms` milliseconds until there is something for the host to do: an event to poll, or a request to its database.
 * `out_has` gets 1 when there is, else 0, and may be null. For hosts without frames.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED` once the master has ended and nothing is left to be polled,
 * `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_wait(struct MstMaster *master,
                          uint32_t timeout_ms,
                          uint8_t *out_has);

/**
 * Fills the options of an in-process peer with their defaults. Any thread.
 *
 * Returns `MST_OK`, or `MST_ERR_INVALID_ARGUMENT` for a null.
 */
MstResult mst_in_process_options_init(struct MstInProcessOptions *options);

/**
 * Connects as the game of the player `user` to a master of this process, over no network: no socket is opened and no token
 * needed. The endpoint is like all others, and is freed with `mst_endpoint_free`. `options` may be null for the usual.
 *
 * It belongs to this master: when that ends, `MST_EVENT_FAILED` tells so and no attempt follows; what it was not told is
 * durable by then may be lost, so close it before.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE` (the master or the schema), `MST_ERR_CLOSED` when the master was
 * stopped or has ended, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_USER_ID`, `MST_ERR_INVALID_STRUCT_SIZE`,
 * `MST_ERR_INVALID_ARGUMENT`, `MST_ERR_SYSTEM`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_connect_client(struct MstMaster *master,
                                    const char *user,
                                    uint32_t user_len,
                                    const struct MstInProcessOptions *options,
                                    struct MstEndpoint **out_endpoint);

/**
 * Connects as the game server `name` to a master of this process: see `mst_master_connect_client`.
 */
MstResult mst_master_connect_server(struct MstMaster *master,
                                    const char *name,
                                    uint32_t name_len,
                                    const struct MstInProcessOptions *options,
                                    struct MstEndpoint **out_endpoint);

/**
 * Connects as the own code of a master of this process, under a name of its choice: it sees every property and may write
 * every one, those that only the master may write too; no peer of the network may. Its changes are checked against types
 * and limits, ordered and stored like everybody's. Else as `mst_master_connect_client`.
 */
MstResult mst_master_connect_own(struct MstMaster *master,
                                 const char *name,
                                 uint32_t name_len,
                                 const struct MstInProcessOptions *options,
                                 struct MstEndpoint **out_endpoint);

/**
 * Asks the master something about a profile that need not be open, or about all of them: `query_type` is an `MstQueryType`.
 * For game servers, and for the code of the master's own process. `MST_EVENT_ANSWER` has the number that is written to
 * `out_request`, and the answer as its text; when the connection is lost before, that is the answer.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNAVAILABLE` without a connection,
 * `MST_ERR_LIMIT_REACHED`, `MST_ERR_TOO_LONG`, `MST_ERR_CLOSED`, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_ARGUMENT`, or
 * `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_endpoint_ask(struct MstEndpoint *endpoint,
                           int32_t query_type,
                           const char *user,
                           uint32_t user_len,
                           uint64_t number,
                           uint32_t limit,
                           uint64_t *out_request);

/**
 * Asks a master of this process, and waits for the answer: `query_type` is an `MstQueryType`, but not `MST_QUERY_DELETE`. The
 * answer is UTF-8 without a terminating zero. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL` and the size needed in
 * `out_len`, and the question has to be asked again.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, `MST_ERR_TIMEOUT` when there is no answer,
 * `MST_ERR_NO_SUCH_PROFILE`, `MST_ERR_INVALID_USER_ID`, `MST_ERR_STORE_FAILED`, `MST_ERR_STORE_CORRUPT`,
 * `MST_ERR_STORE_NO_HISTORY`, `MST_ERR_LIMIT_REACHED`, `MST_ERR_BUFFER_TOO_SMALL`, `MST_ERR_INVALID_UTF8`,
 * `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_ask(const struct MstMaster *master,
                         int32_t query_type,
                         const char *user,
                         uint32_t user_len,
                         uint64_t number,
                         uint32_t limit,
                         char *buffer,
                         uint32_t capacity,
                         uint32_t *out_len);

/**
 * Deletes a profile and its journal for good. `out_existed` is 1, or 0 when there was none; it may be null. Who has it open
 * loses it, with `MST_EVENT_OPEN_FAILED`; it is made anew when its owner or a game server opens it again.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, `MST_ERR_TIMEOUT` when there is no answer,
 * `MST_ERR_INVALID_USER_ID`, `MST_ERR_STORE_FAILED`, `MST_ERR_STORE_FENCED`, `MST_ERR_INVALID_UTF8`,
 * `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_delete_profile(struct MstMaster *master,
                                    const char *user,
                                    uint32_t user_len,
                                    uint8_t *out_existed);

/**
 * How a master of this process fares with its database.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, `MST_ERR_TIMEOUT` when the master does not answer,
 * `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_health(const struct MstMaster *master,
                            struct MstMasterHealth *out_health);

/**
 * Sets the time from a profile's first change to the save of its document, in milliseconds, for those too that wait for one.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED` when the master was stopped or has ended, or
 * `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_set_save_interval(struct MstMaster *master,
                                       uint32_t interval_ms);

/**
 * Sets the time from the last observer's leaving until a profile leaves memory, in milliseconds, for those too that wait for
 * that.
 *
 * Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED` when the master was stopped or has ended, or
 * `MST_ERR_FEATURE_DISABLED`.
 */
MstResult mst_master_set_unload_after(struct MstMaster *master,
                                      uint32_t after_ms);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MST_PROFILES_H */

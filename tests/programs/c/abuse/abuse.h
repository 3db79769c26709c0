/* What the parts of `abuse` share: a place for outputs that must not be written, and objects to abuse. */

#ifndef ABUSE_H
#define ABUSE_H

#include <string.h>

#include "../check.h"
#include "../values.h"

#define LEN(text) ((uint32_t)strlen(text))
#define AT(path) (path), LEN(path)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PATIENCE_MS 40000

/* The parts. */
void handles(void);
void outputs(void);
void texts(void);
void property_options(void);
void connect_options_of_both_roles(void);
void master_start_options(void);
void schemas(void);
void declarations(void);
void infos(void);
void views(void);
void alone(void);
void types(void);
void additions(void);
void batches(void);
void lists(void);
void dictionaries(void);
void places(void);
void nested_deltas(void);
void places_of_endpoints(void);
void custom_types(void);
void callbacks_alone(void);
void callbacks_of_endpoints(void);
void mangled_bytes(void);
void lives(void);
void refused_by_the_master(void);
void nobody_answers(void);
void hosted(void);
void another_token(void);
void own_store(void);
void own_store_callbacks(void);
void own_store_ends(void);
void threads_on_shared_handles(void);

/* What `make_schema` reads, and the places of its properties. */
extern const char SCHEMA[];
enum { LEVEL, GOLD, RATING, TITLE, VIP, PROPERTIES };

/* What `make_wide_schema` builds: a property of every type. */
enum {
    WIDE_VIP,
    WIDE_LEVEL,
    WIDE_GOLD,
    WIDE_SPEED,
    WIDE_RATING,
    WIDE_TITLE,
    WIDE_ICON,
    WIDE_PLACE,
    WIDE_POSITION,
    WIDE_FACING,
    WIDE_TINT,
    WIDE_SINCE,
    WIDE_ID,
    WIDE_SCALARS,
    WIDE_ITEMS = WIDE_SCALARS, /* list<string> */
    WIDE_SCORES,               /* list<i64> */
    WIDE_STATS,                /* dict<string,i64> */
    WIDE_SLOTS,                /* dict<i32,string> */
    WIDE_WEIGHTS,              /* dict<i64,f32> */
    WIDE_PROPERTIES
};

/* What `make_nested_schema` builds: name, type and default of properties with parts in parts, and of some without. */
enum { QUESTS, BAGS, HERO, GRID, DEEP, RANKS, STATS, RANK, TITLES, NESTED_PROPERTIES };
extern const char *const NESTED[NESTED_PROPERTIES][3];

/* A fingerprint that no master has. */
extern const char FINGERPRINT[];
extern const char BAD_UTF8[];

/* Where outputs go. Filled with a pattern before each call that must fail, and compared after it. */
typedef union {
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    MstValue value;
    MstKey key;
    MstSubscription *subscription;
    MstSchemaBuilder *builder;
    MstSchema *schema;
    MstProfile *profile;
    MstEndpoint *endpoint;
    MstMaster *master;
    MstPropertyInfo info;
    MstEvent event;
    MstPending pending;
    MstConnectionInfo connection;
    MstEndpointStats endpoint_stats;
    MstMasterEvent master_event;
    MstMasterStats master_stats;
    MstMasterHealth master_health;
    MstStoreRequest store_request;
    uint8_t bytes[512];
} Out;

extern Out out;
extern char text[512];
extern uint32_t len;

void pattern(void);
int pattern_stands(void);

/* The call gives this error and writes no output. */
#define REFUSED(expected, call)                                                                                        \
    do {                                                                                                               \
        pattern();                                                                                                     \
        GIVES(expected, call);                                                                                         \
        CHECK(pattern_stands() && #call);                                                                              \
    } while (0)

#define NO_OUT(call) REFUSED(MST_ERR_INVALID_ARGUMENT, call)
/* Memory at an odd address. */
#define ODD ((void *)(text + ((uintptr_t)text % 2 == 0)))

/* For a function with `buffer, capacity, out_len` at its end. */
#define NO_BUFFER(function, type, ...)                                                                                 \
    do {                                                                                                               \
        NO_OUT(function(__VA_ARGS__, (type *)text, sizeof text, NULL));                                                \
        NO_OUT(function(__VA_ARGS__, NULL, 1, &len));                                                                  \
        NO_OUT(function(__VA_ARGS__, (type *)text, sizeof text, ODD));                                                 \
    } while (0)

/* For one that may leave out the length. */
#define NO_ROOM(function, ...)                                                                                         \
    do {                                                                                                               \
        NO_OUT(function(__VA_ARGS__, NULL, 1, &len));                                                                  \
        NO_OUT(function(__VA_ARGS__, text, sizeof text, ODD));                                                         \
    } while (0)

/* The same as NO_BUFFER, with a text that is there: asking for its length, a buffer that lacks a byte, and one that fits. */
#define SHORT_BUFFER(function, type, ...)                                                                              \
    do {                                                                                                               \
        uint32_t needed = 0;                                                                                           \
        pattern();                                                                                                     \
        GIVES(MST_ERR_BUFFER_TOO_SMALL, function(__VA_ARGS__, NULL, 0, &len));                                         \
        needed = len;                                                                                                  \
        CHECK(needed > 0 && needed < sizeof text);                                                                     \
        len = 0xa5a5a5a5;                                                                                              \
        GIVES(MST_ERR_BUFFER_TOO_SMALL, function(__VA_ARGS__, (type *)text, needed - 1, &len));                        \
        CHECK(len == needed);                                                                                          \
        len = 0xa5a5a5a5;                                                                                              \
        CHECK(pattern_stands() && #function);                                                                          \
        OK(function(__VA_ARGS__, (type *)text, needed, &len));                                                         \
        CHECK(len == needed && text[needed] == 0x5a);                                                                  \
    } while (0)

int last_error_names(const char *word);

MstSchema *make_schema(void);
MstSchema *make_wide_schema(void);
MstSchema *make_nested_schema(void);
MstPropertyOptions property_options_of(int32_t writers, int32_t visibility);
MstValue wide_default(uint32_t property);
MstValue wide_other(uint32_t property);
MstSchemaBuilder *make_builder(void);
MstProfile *make_profile(const MstSchema *schema);
MstMasterOptions master_options(const MstSchema *schema);
MstMaster *start_master(const MstSchema *schema);
MstConnectOptions connect_options(const MstSchema *schema, const char *address, const char *fingerprint);

/* A game server on this master; `token` may be null. */
MstEndpoint *connect_to(const MstMaster *master, const MstSchema *schema, const char *token);
MstProfile *fill(MstEndpoint *endpoint, const char *user);

/* Waits for an event of this type; others are passed over. */
MstEvent wait_for(MstEndpoint *endpoint, int32_t event_type);

/* Polls a stand-alone profile until it has no more events. */
void drop_events(MstProfile *profile);
int json_is(const MstProfile *profile, const char *expected);

/* A callback that fails when it is called. */
void never_called(const MstEvent *event, void *user_data);

/* A generator of pseudo-random numbers: xorshift. */
uint32_t random_number(uint64_t *state);

#endif

/* What the parts of `abuse` share: a place for outputs that must not be written, and objects to abuse. */

#ifndef ABUSE_H
#define ABUSE_H

#include <string.h>

#include "../check.h"

#define LEN(text) ((uint32_t)strlen(text))
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
void alone(void);
void mangled_bytes(void);
void lives(void);
void nobody_answers(void);
void threads_on_shared_handles(void);

/* What `make_schema` reads, and the places of its properties. */
extern const char SCHEMA[];
enum { LEVEL, GOLD, RATING, TITLE, VIP, PROPERTIES };

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
    double f64;
    MstSchemaBuilder *builder;
    MstSchema *schema;
    MstProfile *profile;
    MstEndpoint *endpoint;
    MstMaster *master;
    MstPropertyInfo info;
    MstEvent event;
    MstPending pending;
    MstEndpointStats endpoint_stats;
    MstMasterEvent master_event;
    MstMasterStats master_stats;
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

/* The same, with a text that is there: asking for its length, a buffer that lacks a byte, and one that fits. */
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

/* A generator of pseudo-random numbers: xorshift. */
uint32_t random_number(uint64_t *state);

#endif

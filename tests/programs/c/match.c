/* One side of a match: `match client|server <address> <fingerprint> <user>`.
 *
 * The client gives itself a title and watches its gold rise; the game server waits for the title, awards gold and sets
 * the rest. Each prints what it is told, one event a line, and at the end the profile as it sees it. */

#include <string.h>
#include <time.h>

#include "check.h"

#define PATIENCE_SECONDS 15
#define ADDS 50
#define AMOUNT 2
#define TITLE "Champion of Z\xc3\xbc" "rich"

enum { LEVEL, GOLD, RATING, TITLE_OF, VIP, SECRET, MOTD, PROPERTIES };

typedef struct {
    MstSchema *schema;
    MstEndpoint *endpoint;
    MstProfile *profile;
    uint32_t index[PROPERTIES];
    int loaded;
    int released;
    uint64_t durable;
    int remote_gold_changes;
} Game;

/* ---- the schema: the same in every program of the match ---- */

static MstPropertyOptions options(int32_t writers, int32_t visibility) {
    MstPropertyOptions made;
    OK(mst_property_options_init(&made));
    made.writers = writers;
    made.visibility = visibility;
    return made;
}

static MstSchema *make_schema(void) {
    const MstPropertyOptions everybody_sees = options(MST_WRITERS_SERVERS, MST_VISIBILITY_PUBLIC);
    const MstPropertyOptions owner_writes = options(MST_WRITERS_OWNER, MST_VISIBILITY_PUBLIC);
    const MstPropertyOptions servers_see = options(MST_WRITERS_SERVERS, MST_VISIBILITY_SERVERS);
    const MstPropertyOptions master_writes = options(MST_WRITERS_MASTER, MST_VISIBILITY_OWNER);
    MstSchemaBuilder *builder = NULL;
    MstSchema *schema = NULL;
    OK(mst_schema_builder_create(&builder));
    OK(mst_schema_builder_add_i32(builder, "level", 5, 1, &everybody_sees));
    OK(mst_schema_builder_add_i64(builder, "gold", 4, 10, NULL));
    OK(mst_schema_builder_add_f64(builder, "rating", 6, 0.5, NULL));
    OK(mst_schema_builder_add_string(builder, "title", 5, "Novice", 6, &owner_writes));
    OK(mst_schema_builder_add_bool(builder, "vip", 3, 0, NULL));
    OK(mst_schema_builder_add_i32(builder, "secret", 6, 0, &servers_see));
    OK(mst_schema_builder_add_string(builder, "motd", 4, NULL, 0, &master_writes));
    OK(mst_schema_builder_build(builder, &schema));
    OK(mst_schema_builder_free(builder));
    GIVES(MST_ERR_INVALID_HANDLE, mst_schema_builder_free(builder));
    return schema;
}

static void find_properties(Game *game) {
    static const char *const names[PROPERTIES] = {"level", "gold", "rating", "title", "vip", "secret", "motd"};
    for (int i = 0; i < PROPERTIES; i++) {
        OK(mst_schema_find(game->schema, names[i], (uint32_t)strlen(names[i]), &game->index[i]));
    }
}

/* ---- reading ---- */

static int64_t integer(const Game *game, int property) {
    int64_t value = 0;
    OK(mst_profile_get_i64(game->profile, game->index[property], &value));
    return value;
}

static int title_is(const Game *game, const char *expected) {
    char title[64];
    uint32_t length = 0;
    OK(mst_profile_get_string(game->profile, game->index[TITLE_OF], title, sizeof title, &length));
    return length == strlen(expected) && memcmp(title, expected, length) == 0;
}

static int last_error_names(const char *word) {
    char text[256];
    uint32_t length = 0;
    OK(mst_last_error(text, sizeof text - 1, &length));
    text[length] = 0;
    return strstr(text, word) != NULL;
}

/* ---- events ---- */

static void print_name(const Game *game, uint32_t index) {
    char name[64];
    uint32_t length = 0;
    OK(mst_schema_property_name(game->schema, index, name, sizeof name, &length));
    printf("%.*s", (int)length, name);
}

static void print_change(const Game *game, const MstEvent *event, const char *text) {
    static const char *const causes[] = {"local", "remote", "rollback", "load"};
    printf("changed ");
    print_name(game, event->property_index);
    if (event->value_type == MST_TYPE_STRING) {
        printf(" -> %s", text);
    } else if (event->value_type == MST_TYPE_F64) {
        printf(" %g -> %g", event->old_float, event->new_float);
    } else {
        printf(" %lld -> %lld", (long long)event->old_int, (long long)event->new_int);
    }
    CHECK(event->cause <= MST_CAUSE_LOAD);
    printf(" %s\n", causes[event->cause]);
}

static void take_event(Game *game, const MstEvent *event) {
    char text[256];
    uint32_t length = 0;
    const unsigned long long number = event->number;
    OK(mst_endpoint_event_text(game->endpoint, text, sizeof text - 1, &length));
    text[length] = 0;
    CHECK(event->profile == NULL || event->profile == game->profile);
    switch (event->event_type) {
    case MST_EVENT_CONNECTED:
        puts("connected");
        break;
    case MST_EVENT_DISCONNECTED:
        printf("disconnected %s %s\n", mst_result_name(event->code), text);
        break;
    case MST_EVENT_FAILED:
    case MST_EVENT_OPEN_FAILED:
        printf("failed %s %s\n", mst_result_name(event->code), text);
        CHECK(!"refused by the master");
        break;
    case MST_EVENT_PROFILE_LOADED:
        puts("loaded");
        game->loaded = 1;
        break;
    case MST_EVENT_PROFILE_RESUMED:
        printf("resumed %llu\n", number);
        break;
    case MST_EVENT_PROPERTY_CHANGED:
        print_change(game, event, text);
        if (event->property_index == game->index[GOLD] && event->cause == MST_CAUSE_REMOTE) {
            CHECK(event->new_int > event->old_int);
            game->remote_gold_changes++;
        }
        break;
    case MST_EVENT_APPLIED:
        printf("applied %llu\n", number);
        break;
    case MST_EVENT_DURABLE:
        printf("durable %llu\n", number);
        game->durable = number;
        break;
    case MST_EVENT_REFUSED:
        printf("refused %llu %s %s\n", number, mst_result_name(event->code), text);
        break;
    case MST_EVENT_TAKEN_BACK:
        printf("taken back %llu\n", number);
        break;
    case MST_EVENT_PROFILE_RELEASED:
        puts("released");
        game->released = 1;
        break;
    default:
        CHECK(!"an event of a known type");
    }
}

/* Waits for events, at most so long, and takes all there are. */
static void poll_events(Game *game, uint32_t timeout_ms) {
    MstEvent event;
    OK(mst_endpoint_wait(game->endpoint, timeout_ms, NULL));
    for (;;) {
        OK(mst_endpoint_next_event(game->endpoint, &event));
        if (event.event_type == MST_EVENT_NONE) {
            return;
        }
        take_event(game, &event);
    }
}

#define WAIT_UNTIL(game, condition)                                                                                    \
    do {                                                                                                               \
        const time_t begin = time(NULL);                                                                               \
        while (!(condition)) {                                                                                         \
            CHECK(time(NULL) - begin < PATIENCE_SECONDS && #condition);                                                \
            poll_events(game, 100);                                                                                    \
        }                                                                                                              \
    } while (0)

/* ---- the match ---- */

static void connect_as(Game *game, const char *role, const char *address, const char *fingerprint, const char *user) {
    const int client = strcmp(role, "client") == 0;
    MstConnectOptions options;
    char token[200];
    snprintf(token, sizeof token, client ? "dev:%s" : "dev-server:arena-of-%s", user);
    OK(mst_connect_options_init(&options));
    options.address = address;
    options.address_len = (uint32_t)strlen(address);
    options.token = token;
    options.token_len = (uint32_t)strlen(token);
    options.fingerprint = fingerprint;
    options.fingerprint_len = (uint32_t)strlen(fingerprint);
    options.schema = game->schema;
    OK((client ? mst_client_connect : mst_server_connect)(&options, &game->endpoint));
    OK(mst_endpoint_set_flush_interval(game->endpoint, 10));
    OK(mst_endpoint_fill_profile(game->endpoint, user, (uint32_t)strlen(user), &game->profile));
}

static void load(Game *game) {
    uint8_t loaded = 1;
    OK(mst_profile_is_loaded(game->profile, &loaded));
    CHECK(loaded == 0);
    GIVES(MST_ERR_NOT_LOADED, mst_profile_set_i32(game->profile, game->index[LEVEL], 99));
    WAIT_UNTIL(game, game->loaded);
    OK(mst_profile_is_loaded(game->profile, &loaded));
    CHECK(loaded == 1);
}

static void wait_until_durable(Game *game) {
    MstPending pending;
    uint64_t batch = 0;
    OK(mst_profile_flush(game->profile, &batch));
    CHECK(batch > 0);
    WAIT_UNTIL(game, game->durable >= batch);
    OK(mst_profile_pending(game->profile, &pending));
    CHECK(pending.unsent == 0 && pending.unapplied == 0 && pending.undurable == 0 && pending.last == batch);
}

static void play_client(Game *game) {
    GIVES(MST_ERR_NOT_PERMITTED, mst_profile_add_int(game->profile, game->index[GOLD], 1));
    CHECK(last_error_names("gold"));
    OK(mst_profile_set_string(game->profile, game->index[TITLE_OF], TITLE, (uint32_t)strlen(TITLE)));
    CHECK(title_is(game, TITLE));
    wait_until_durable(game);
    WAIT_UNTIL(game, integer(game, GOLD) == 10 + ADDS * AMOUNT && integer(game, LEVEL) == 42);
    CHECK(game->remote_gold_changes > 0);
    CHECK(integer(game, SECRET) == 0);
}

static void play_server(Game *game) {
    GIVES(MST_ERR_NOT_PERMITTED, mst_profile_set_string(game->profile, game->index[MOTD], "hello", 5));
    CHECK(last_error_names("motd"));
    WAIT_UNTIL(game, title_is(game, TITLE));
    OK(mst_profile_set_i32(game->profile, game->index[LEVEL], 42));
    OK(mst_profile_set_f64(game->profile, game->index[RATING], 2.25));
    OK(mst_profile_set_bool(game->profile, game->index[VIP], 1));
    OK(mst_profile_set_i32(game->profile, game->index[SECRET], 7));
    wait_until_durable(game);
    for (int i = 0; i < ADDS; i++) {
        OK(mst_profile_add_int(game->profile, game->index[GOLD], AMOUNT));
        CHECK(integer(game, GOLD) == 10 + (i + 1) * AMOUNT);
        if (i % 10 == 9) {
            wait_until_durable(game);
        } else {
            poll_events(game, 1);
        }
    }
    CHECK(integer(game, GOLD) == 10 + ADDS * AMOUNT);
}

static void print_json(const Game *game) {
    uint32_t length = 0;
    char *json;
    GIVES(MST_ERR_BUFFER_TOO_SMALL, mst_profile_to_json(game->profile, NULL, 0, &length));
    json = malloc(length);
    CHECK(json != NULL);
    OK(mst_profile_to_json(game->profile, json, length, &length));
    printf("json %.*s\n", (int)length, json);
    free(json);
}

static void leave(Game *game) {
    int32_t level = 0;
    MstEvent event;
    OK(mst_profile_release(game->profile));
    WAIT_UNTIL(game, game->released);
    GIVES(MST_ERR_RELEASED, mst_profile_get_i32(game->profile, game->index[LEVEL], &level));
    OK(mst_endpoint_close(game->endpoint, 1000 * PATIENCE_SECONDS));
    OK(mst_profile_free(game->profile));
    OK(mst_endpoint_free(game->endpoint));
    OK(mst_schema_free(game->schema));
    /* Freed handles are found out. */
    GIVES(MST_ERR_INVALID_HANDLE, mst_profile_get_i32(game->profile, game->index[LEVEL], &level));
    GIVES(MST_ERR_INVALID_HANDLE, mst_profile_free(game->profile));
    GIVES(MST_ERR_INVALID_HANDLE, mst_endpoint_next_event(game->endpoint, &event));
    GIVES(MST_ERR_INVALID_HANDLE, mst_endpoint_free(game->endpoint));
    GIVES(MST_ERR_INVALID_HANDLE, mst_schema_free(game->schema));
    OK(mst_shutdown(1000));
}

int main(int count, char **arguments) {
    Game game;
    if (count != 5 || (strcmp(arguments[1], "client") != 0 && strcmp(arguments[1], "server") != 0)) {
        fprintf(stderr, "usage: match client|server <address> <fingerprint> <user>\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 4096);
    CHECK(mst_abi_version() == MST_ABI_VERSION);
    CHECK(mst_abi_hash() == MST_ABI_HASH);

    memset(&game, 0, sizeof game);
    game.schema = make_schema();
    find_properties(&game);
    connect_as(&game, arguments[1], arguments[2], arguments[3], arguments[4]);
    load(&game);
    if (strcmp(arguments[1], "client") == 0) {
        play_client(&game);
    } else {
        play_server(&game);
    }
    print_json(&game);
    leave(&game);
    return 0;
}

/* One side of a match: `match client|server <address> <fingerprint> <user>`.
 *
 * The client gives itself a title, spends coins that the game server spends before it and is refused, writes its list of
 * quests and watches its gold rise; the game server waits for the title, awards gold and sets the rest. Both write within
 * the tasks, which are records. Each prints what it is told, one event a line, and at the end the profile as it sees it, and
 * the quests as the events alone told them.
 *
 * The client polls its events; the game server has them told to callbacks. */

#include <string.h>
#include <time.h>

#include "check.h"
#include "values.h"

#define PATIENCE_SECONDS 15
#define ADDS 50
#define AMOUNT 2
#define TITLE "Champion of Z\xc3\xbc" "rich"

#define TASKS_TYPE "list<record{id:string,progress:i32,steps:list<string>}>"

/* A path, and its length. */
#define AT(path) (path), (uint32_t)strlen(path)

#define QUEST_ROOM 16
#define MAX_QUESTS 8

enum {
    LEVEL,
    GOLD,
    RATING,
    TITLE_OF,
    VIP,
    SECRET,
    MOTD,
    HP,
    COINS,
    SPEED,
    ICON,
    PLACE,
    POSITION,
    FACING,
    TINT,
    SINCE,
    ID,
    QUESTS,
    STATS,
    SLOTS,
    TASKS,
    PROPERTIES
};

static const char *const NAMES[PROPERTIES] = {"level", "gold",  "rating",   "title",  "vip",  "secret", "motd",
                                              "hp",    "coins", "speed",    "icon",   "place", "position", "facing",
                                              "tint",  "since", "id",       "quests", "stats", "slots",
                                              "tasks"};

typedef struct {
    MstSchema *schema;
    MstEndpoint *endpoint;
    MstProfile *profile;
    uint32_t index[PROPERTIES];
    int has_callbacks;
    int loaded;
    int released;
    uint64_t durable;
    int remote_gold_changes;
    int refusals;
    int repeats;
    /* The quests as the events told them. */
    char quests[MAX_QUESTS][QUEST_ROOM];
    uint32_t quest_count;
    /* What callbacks counted. */
    MstSubscription *gold_subscription;
    int gold_calls;
    int profile_calls;
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
    {
        MstPropertyOptions hp = options(MST_WRITERS_SERVERS, MST_VISIBILITY_OWNER);
        const MstPropertyOptions owned = options(MST_WRITERS_OWNER, MST_VISIBILITY_OWNER);
        const MstValue of_types[] = {
            float_of(MST_TYPE_F32, 1.5),
            bytes_of(MST_TYPE_BYTES, NULL, 0),
            components_of(MST_TYPE_VECTOR2, 0, 0, 0, 0),
            components_of(MST_TYPE_VECTOR3, 0, 0, 0, 0),
            components_of(MST_TYPE_QUATERNION, 0, 0, 0, 1),
            int_of(MST_TYPE_COLOR, 255),
            int_of(MST_TYPE_DATETIME, 0),
            int_of(MST_TYPE_UUID, 0),
        };
        hp.limits.has_min = hp.limits.has_max = 1;
        hp.limits.max_int = 100;
        OK(mst_schema_builder_add_i32(builder, "hp", 2, 50, &hp));
        OK(mst_schema_builder_add_i64(builder, "coins", 5, 100, &owned));
        for (int i = SPEED; i <= ID; i++) {
            OK(mst_schema_builder_add_value(builder, NAMES[i], (uint32_t)strlen(NAMES[i]), &of_types[i - SPEED], NULL));
        }
        OK(mst_schema_builder_add_list(builder, "quests", 6, MST_TYPE_STRING, &owned));
        OK(mst_schema_builder_add_dict(builder, "stats", 5, MST_KEY_STRING, MST_TYPE_I64, NULL));
        OK(mst_schema_builder_add_dict(builder, "slots", 5, MST_KEY_I32, MST_TYPE_STRING, NULL));
        OK(mst_schema_builder_add_type(builder, "tasks", 5, AT(TASKS_TYPE), NULL, 0, &owned));
    }
    OK(mst_schema_builder_build(builder, &schema));
    OK(mst_schema_builder_free(builder));
    GIVES(MST_ERR_INVALID_HANDLE, mst_schema_builder_free(builder));
    return schema;
}

static void find_properties(Game *game) {
    for (int i = 0; i < PROPERTIES; i++) {
        OK(mst_schema_find(game->schema, NAMES[i], (uint32_t)strlen(NAMES[i]), &game->index[i]));
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

/* What the master said last, without what this program predicts. */
static int64_t confirmed(const Game *game, int property) {
    MstValue value;
    OK(mst_profile_get_confirmed(game->profile, game->index[property], &value, NULL, 0, NULL));
    return value.int_value;
}

static uint32_t quests(const Game *game) {
    uint32_t count = 0;
    OK(mst_profile_list_count(game->profile, game->index[QUESTS], &count));
    return count;
}

static int64_t stat(const Game *game, const char *name) {
    const MstKey key = text_key(name);
    MstValue value;
    const MstResult result = mst_profile_dict_get(game->profile, game->index[STATS], &key, &value, NULL, 0, NULL);
    if (result == MST_ERR_NO_SUCH_KEY) {
        return -1;
    }
    OK(result);
    return value.int_value;
}

/* Of the first task; -1 when there is none. */
static int64_t progress(const Game *game) {
    MstValue value;
    const MstResult result =
        mst_profile_get_at(game->profile, game->index[TASKS], AT("[0].progress"), &value, NULL, 0, NULL);
    if (result == MST_ERR_NO_SUCH_PLACE) {
        return -1;
    }
    OK(result);
    return value.int_value;
}

static uint32_t steps(const Game *game) {
    uint32_t count = 99;
    OK(mst_profile_count_at(game->profile, game->index[TASKS], AT("[0].steps"), &count));
    return count;
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

static void print_value(const MstValue *value) {
    switch (value->value_type) {
    case MST_TYPE_F32:
    case MST_TYPE_F64:
        printf("%g", value->float_value);
        break;
    case MST_TYPE_RECORD:
        printf("record");
        break;
    case MST_TYPE_STRING:
        printf("%.*s", (int)value->text_len, value->text);
        break;
    case MST_TYPE_BYTES:
        for (uint32_t i = 0; i < value->text_len; i++) {
            printf("%02x", (unsigned)(uint8_t)value->text[i]);
        }
        break;
    case MST_TYPE_VECTOR2:
        printf("(%g,%g)", value->x, value->y);
        break;
    case MST_TYPE_VECTOR3:
        printf("(%g,%g,%g)", value->x, value->y, value->z);
        break;
    case MST_TYPE_QUATERNION:
        printf("(%g,%g,%g,%g)", value->x, value->y, value->z, value->w);
        break;
    case MST_TYPE_UUID:
        for (int i = 0; i < 16; i++) {
            printf("%02x", (unsigned)value->uuid[i]);
        }
        break;
    default:
        printf("%lld", (long long)value->int_value);
    }
}

/* The quests as the events tell them. */
static void follow_quests(Game *game, const MstEvent *event, const MstValue *now) {
    char item[QUEST_ROOM];
    const uint32_t place = event->item_index;
    memset(item, 0, sizeof item);
    if (event->has_new) {
        CHECK(now->value_type == MST_TYPE_STRING && now->text_len < QUEST_ROOM);
        memcpy(item, now->text, now->text_len);
    }
    switch (event->change) {
    case MST_CHANGE_ITEM_SET:
        CHECK(place < game->quest_count);
        memcpy(game->quests[place], item, QUEST_ROOM);
        return;
    case MST_CHANGE_ITEM_INSERTED:
        CHECK(place <= game->quest_count && game->quest_count < MAX_QUESTS);
        memmove(game->quests[place + 1], game->quests[place], (game->quest_count++ - place) * QUEST_ROOM);
        memcpy(game->quests[place], item, QUEST_ROOM);
        return;
    case MST_CHANGE_ITEM_REMOVED:
        CHECK(place < game->quest_count);
        memmove(game->quests[place], game->quests[place + 1], (--game->quest_count - place) * QUEST_ROOM);
        return;
    case MST_CHANGE_ITEM_MOVED:
        CHECK(place < game->quest_count && event->to_index < game->quest_count);
        memcpy(item, game->quests[place], QUEST_ROOM);
        memmove(game->quests[place], game->quests[place + 1], (game->quest_count - 1 - place) * QUEST_ROOM);
        memmove(game->quests[event->to_index + 1], game->quests[event->to_index],
                (game->quest_count - 1 - event->to_index) * QUEST_ROOM);
        memcpy(game->quests[event->to_index], item, QUEST_ROOM);
        return;
    case MST_CHANGE_CLEARED:
        CHECK(event->old_int == game->quest_count);
        game->quest_count = 0;
        return;
    default:
        CHECK(!"a change of a list");
    }
}

/* Where within the tasks. */
static void print_task(const Game *game, const MstEvent *event, const MstValue *now) {
    char path[64];
    uint32_t length = 0;
    OK(mst_endpoint_event_path(game->endpoint, path, sizeof path, &length));
    CHECK(event->is_within == (length > 3));
    CHECK(event->change == MST_CHANGE_ITEM_INSERTED || event->change == MST_CHANGE_FIELD_SET);
    printf(" at %.*s %s ", (int)length, path, event->change == MST_CHANGE_FIELD_SET ? "set" : "inserted");
    print_value(now);
}

static void print_change(Game *game, const MstEvent *event) {
    static const char *const causes[] = {"local", "remote", "rollback", "load"};
    char before_room[64], after_room[64], key_room[64];
    MstValue before, after;
    MstKey key;
    OK(mst_endpoint_event_value(game->endpoint, 0, &before, before_room, sizeof before_room, NULL));
    OK(mst_endpoint_event_value(game->endpoint, 1, &after, after_room, sizeof after_room, NULL));
    OK(mst_endpoint_event_key(game->endpoint, &key, key_room, sizeof key_room, NULL));
    /* What fits is in the event too. */
    CHECK(event->old_int == before.int_value && event->new_int == after.int_value);
    CHECK(event->old_float == before.float_value && event->new_float == after.float_value);
    CHECK(event->has_old == (before.value_type != MST_TYPE_NONE) && event->has_new == (after.value_type != MST_TYPE_NONE));
    CHECK(event->key_type == key.key_type && event->key_int == key.int_value);
    if (event->property_index == game->index[QUESTS]) {
        follow_quests(game, event, &after);
    }
    printf("changed ");
    print_name(game, event->property_index);
    CHECK(event->cause <= MST_CAUSE_LOAD);
    if (event->property_index == game->index[TASKS]) {
        print_task(game, event, &after);
        printf(" %s\n", causes[event->cause]);
        return;
    }
    CHECK(event->is_within == 0);
    switch (event->change) {
    case MST_CHANGE_REPLACED:
        printf(" ");
        if (event->value_type != MST_TYPE_STRING) {
            print_value(&before);
            printf(" ");
        }
        printf("-> ");
        print_value(&after);
        break;
    case MST_CHANGE_ITEM_SET:
        printf("[%u] set ", (unsigned)event->item_index);
        print_value(&after);
        break;
    case MST_CHANGE_ITEM_INSERTED:
        printf("[%u] inserted ", (unsigned)event->item_index);
        print_value(&after);
        break;
    case MST_CHANGE_ITEM_REMOVED:
        printf("[%u] removed ", (unsigned)event->item_index);
        print_value(&before);
        break;
    case MST_CHANGE_ITEM_MOVED:
        printf("[%u] moved to %u", (unsigned)event->item_index, (unsigned)event->to_index);
        break;
    case MST_CHANGE_CLEARED:
        printf(" cleared of %lld", (long long)event->old_int);
        break;
    default:
        if (key.key_type == MST_KEY_STRING) {
            printf("{%.*s} ", (int)key.text_len, key.text);
        } else {
            printf("{%lld} ", (long long)key.int_value);
        }
        if (event->change == MST_CHANGE_ENTRY_PUT) {
            printf("put ");
            print_value(&after);
        } else {
            CHECK(event->change == MST_CHANGE_ENTRY_REMOVED);
            printf("removed ");
            print_value(&before);
        }
    }
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
        print_change(game, event);
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
        printf("refused %llu %s ", number, mst_result_name(event->code));
        print_name(game, event->property_index);
        puts("");
        CHECK(strstr(text, "coins") != NULL);
        game->refusals++;
        break;
    case MST_EVENT_REPEATED:
        game->repeats++;
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

/* ---- callbacks ---- */

static void told(const MstEvent *event, void *user_data) {
    take_event((Game *)user_data, event);
}

static void told_of_profile(const MstEvent *event, void *user_data) {
    Game *game = user_data;
    CHECK(event->profile == game->profile);
    game->profile_calls++;
}

static void told_of_gold(const MstEvent *event, void *user_data) {
    Game *game = user_data;
    int64_t now = 0;
    CHECK(event->property_index == game->index[GOLD] && event->value_type == MST_TYPE_I64);
    /* It may read, and whatever else. */
    OK(mst_profile_get_i64(event->profile, event->property_index, &now));
    CHECK(now >= event->new_int);
    game->gold_calls++;
}

/* Waits for events, at most so long, and takes all there are. */
static void take_events(Game *game, uint32_t timeout_ms) {
    MstEvent event;
    OK(mst_endpoint_wait(game->endpoint, timeout_ms, NULL));
    if (game->has_callbacks) {
        OK(mst_endpoint_dispatch(game->endpoint, 0, NULL));
        return;
    }
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
            take_events(game, 100);                                                                                    \
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
    if (!client) {
        game->has_callbacks = 1;
        OK(mst_endpoint_subscribe(game->endpoint, told, game, NULL));
        OK(mst_profile_subscribe(game->profile, UINT32_MAX, told_of_profile, game, NULL));
        OK(mst_profile_subscribe(game->profile, game->index[GOLD], told_of_gold, game, &game->gold_subscription));
    }
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

/* Coins that the game server spends meanwhile are spent in vain: the whole batch is refused, and all of it taken back. */
static void spend_in_vain(Game *game) {
    const MstValue quest = string_of("steal");
    uint64_t batch = 0;
    uint32_t count = 99;
    OK(mst_profile_begin_batch(game->profile));
    OK(mst_profile_list_push(game->profile, game->index[QUESTS], &quest));
    OK(mst_profile_add_int_guarded(game->profile, game->index[COINS], -80, 0, INT64_MAX));
    /* Predicted, and not confirmed. */
    CHECK(integer(game, COINS) == 20 && confirmed(game, COINS) == 100);
    OK(mst_profile_list_confirmed_count(game->profile, game->index[QUESTS], &count));
    CHECK(quests(game) == 1 && count == 0);
    /* The title goes; what is in the batch does not. */
    OK(mst_profile_flush(game->profile, &batch));
    CHECK(batch > 0);
    WAIT_UNTIL(game, game->durable >= batch);
    WAIT_UNTIL(game, confirmed(game, COINS) == 20);
    OK(mst_profile_commit_batch(game->profile));
    OK(mst_profile_flush(game->profile, &batch));
    WAIT_UNTIL(game, game->refusals == 1);
    CHECK(integer(game, COINS) == 20 && confirmed(game, COINS) == 20 && quests(game) == 0);
    GIVES(MST_ERR_GUARD_FAILED, mst_profile_add_int_guarded(game->profile, game->index[COINS], -21, 0, INT64_MAX));
    CHECK(last_error_names("coins"));
}

static void write_quests(Game *game) {
    const MstValue find = string_of("find"), fight = string_of("fight"), rest = string_of("rest"), flee = string_of("flee");
    MstProfile *profile = game->profile;
    const uint32_t property = game->index[QUESTS];
    MstValue value;
    char room[QUEST_ROOM];
    OK(mst_profile_list_push(profile, property, &flee));
    OK(mst_profile_clear(profile, property));
    OK(mst_profile_list_push(profile, property, &find));
    OK(mst_profile_list_push(profile, property, &flee));
    OK(mst_profile_list_insert(profile, property, 0, &rest));
    OK(mst_profile_list_move(profile, property, 2, 0));
    OK(mst_profile_list_set(profile, property, 0, &fight));
    OK(mst_profile_list_remove(profile, property, 2));
    OK(mst_profile_list_get(profile, property, 1, &value, room, sizeof room, NULL));
    CHECK(is_text(&value, "rest") && quests(game) == 2);
    GIVES(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_list_get(profile, property, 2, &value, room, sizeof room, NULL));
}

/* Once the game server has counted, the client adds a step to the task. */
static void step(Game *game) {
    const MstValue search = string_of("search");
    const uint32_t tasks = game->index[TASKS];
    WAIT_UNTIL(game, progress(game) == 3);
    OK(mst_profile_insert_at(game->profile, tasks, AT("[0].steps"), UINT32_MAX, &search));
    CHECK(steps(game) == 1);
    GIVES(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_insert_at(game->profile, tasks, AT("[1].steps"), 0, &search));
    CHECK(last_error_names("tasks"));
    wait_until_durable(game);
}

static void play_client(Game *game) {
    GIVES(MST_ERR_NOT_PERMITTED, mst_profile_add_int(game->profile, game->index[GOLD], 1));
    CHECK(last_error_names("gold"));
    OK(mst_profile_set_string(game->profile, game->index[TITLE_OF], TITLE, (uint32_t)strlen(TITLE)));
    CHECK(title_is(game, TITLE));
    spend_in_vain(game);
    write_quests(game);
    wait_until_durable(game);
    step(game);
    WAIT_UNTIL(game, integer(game, GOLD) == 10 + ADDS * AMOUNT && integer(game, LEVEL) == 42);
    CHECK(game->remote_gold_changes > 0);
    CHECK(integer(game, SECRET) == 0);
    CHECK(stat(game, "kills") == 3 && stat(game, "deaths") == -1 && integer(game, HP) == 100);
}

static void set_every_type(Game *game) {
    const uint8_t icon[] = {1, 0, 255};
    const MstValue values[] = {
        float_of(MST_TYPE_F32, 2.25),
        bytes_of(MST_TYPE_BYTES, icon, sizeof icon),
        components_of(MST_TYPE_VECTOR2, 1, -2, 0, 0),
        components_of(MST_TYPE_VECTOR3, 1, 2.5f, -3, 0),
        components_of(MST_TYPE_QUATERNION, 0.5f, 0.5f, 0.5f, 0.5f),
        int_of(MST_TYPE_COLOR, 0xff800040),
        int_of(MST_TYPE_DATETIME, INT64_C(1767323045250000)),
        uuid_of(1),
    };
    for (int i = SPEED; i <= ID; i++) {
        char room[16];
        MstValue value;
        OK(mst_profile_set_value(game->profile, game->index[i], &values[i - SPEED]));
        OK(mst_profile_get_value(game->profile, game->index[i], &value, room, sizeof room, NULL));
        CHECK(same_value(&value, &values[i - SPEED]));
    }
}

static void write_dictionaries(Game *game) {
    MstProfile *profile = game->profile;
    const MstKey kills = text_key("kills"), deaths = text_key("deaths"), one = int_key(1), two = int_key(2);
    const MstValue number = int_of(MST_TYPE_I64, 1), sword = string_of("sword"), bow = string_of("bow");
    MstValue value;
    MstKey key;
    uint8_t contains = 9;
    uint32_t count = 0;
    OK(mst_profile_dict_put(profile, game->index[STATS], &kills, &number));
    OK(mst_profile_dict_add_int(profile, game->index[STATS], &kills, 2));
    OK(mst_profile_dict_add_int_clamped(profile, game->index[STATS], &deaths, 5, 0, 3));
    CHECK(stat(game, "kills") == 3 && stat(game, "deaths") == 3);
    GIVES(MST_ERR_GUARD_FAILED, mst_profile_dict_add_int_guarded(profile, game->index[STATS], &kills, -4, 0, 99));
    CHECK(last_error_names("stats"));
    OK(mst_profile_dict_remove(profile, game->index[STATS], &deaths));
    CHECK(stat(game, "deaths") == -1);
    OK(mst_profile_dict_put(profile, game->index[SLOTS], &two, &bow));
    OK(mst_profile_dict_put(profile, game->index[SLOTS], &one, &sword));
    OK(mst_profile_dict_contains(profile, game->index[SLOTS], &two, &contains));
    CHECK(contains == 1);
    memset(&key, 0, sizeof key);
    for (;;) {
        char room[16];
        OK(mst_profile_dict_next(profile, game->index[SLOTS], &key, NULL, 0, NULL, &value, room, sizeof room, NULL));
        if (key.key_type == MST_KEY_NONE) {
            break;
        }
        CHECK(key.int_value == ++count && is_text(&value, count == 1 ? "sword" : "bow"));
    }
    CHECK(count == 2);
}

static void give_a_task(Game *game) {
    const uint32_t tasks = game->index[TASKS];
    MstValue value;
    CHECK(progress(game) == -1);
    OK(mst_profile_insert_json_at(game->profile, tasks, NULL, 0, UINT32_MAX, AT("{\"id\":\"rats\"}")));
    wait_until_durable(game);
    OK(mst_profile_add_int_at(game->profile, tasks, AT("[0].progress"), 3));
    OK(mst_profile_get_confirmed_at(game->profile, tasks, AT("[0].progress"), &value, NULL, 0, NULL));
    CHECK(progress(game) == 3 && value.int_value == 0 && steps(game) == 0);
    GIVES(MST_ERR_NO_SUCH_PLACE, mst_profile_add_int_at(game->profile, tasks, AT("[0].health"), 3));
    CHECK(last_error_names("tasks") && last_error_names("[0].health"));
    wait_until_durable(game);
}

/* What is under an idempotency key is done once, also when it is asked for again. */
static void pay_twice(Game *game) {
    const MstValue level = int_of(MST_TYPE_I32, 42), wrong = int_of(MST_TYPE_I32, 41);
    const int64_t before = integer(game, SECRET);
    OK(mst_profile_begin_batch(game->profile));
    GIVES(MST_ERR_PRECONDITION_FAILED, mst_profile_require(game->profile, game->index[LEVEL], &wrong));
    CHECK(last_error_names("level"));
    OK(mst_profile_cancel_batch(game->profile));
    for (int i = 0; i < 2; i++) {
        OK(mst_profile_begin_batch_once(game->profile, "payment-2041", 12));
        OK(mst_profile_require(game->profile, game->index[LEVEL], &level));
        OK(mst_profile_add_int(game->profile, game->index[SECRET], 100));
        OK(mst_profile_commit_batch(game->profile));
        wait_until_durable(game);
        CHECK(game->repeats == i);
        CHECK(integer(game, SECRET) == before + 100 && confirmed(game, SECRET) == before + 100);
    }
    OK(mst_profile_add_int(game->profile, game->index[SECRET], -100));
    wait_until_durable(game);
}

static void play_server(Game *game) {
    MstProfile *profile = game->profile;
    GIVES(MST_ERR_NOT_PERMITTED, mst_profile_set_string(profile, game->index[MOTD], "hello", 5));
    CHECK(last_error_names("motd"));
    WAIT_UNTIL(game, title_is(game, TITLE));
    OK(mst_profile_add_int_guarded(profile, game->index[COINS], -80, 0, INT64_MAX));
    /* A batch that is taken back, and one that is not. */
    OK(mst_profile_begin_batch(profile));
    OK(mst_profile_set_i32(profile, game->index[LEVEL], 41));
    OK(mst_profile_cancel_batch(profile));
    CHECK(integer(game, LEVEL) == 1);
    OK(mst_profile_begin_batch(profile));
    OK(mst_profile_set_i32(profile, game->index[LEVEL], 42));
    OK(mst_profile_set_f64(profile, game->index[RATING], 2.25));
    OK(mst_profile_set_bool(profile, game->index[VIP], 1));
    OK(mst_profile_set_i32(profile, game->index[SECRET], 7));
    OK(mst_profile_commit_batch(profile));
    pay_twice(game);
    OK(mst_profile_add_int_clamped(profile, game->index[HP], 80, 0, 100));
    GIVES(MST_ERR_OUT_OF_RANGE, mst_profile_add_int(profile, game->index[HP], 1));
    CHECK(last_error_names("hp"));
    set_every_type(game);
    write_dictionaries(game);
    wait_until_durable(game);
    give_a_task(game);
    for (int i = 0; i < ADDS; i++) {
        OK(mst_profile_add_int(profile, game->index[GOLD], AMOUNT));
        CHECK(integer(game, GOLD) == 10 + (i + 1) * AMOUNT);
        if (i % 10 == 9) {
            wait_until_durable(game);
        } else {
            take_events(game, 1);
        }
    }
    CHECK(integer(game, GOLD) == 10 + ADDS * AMOUNT);
    WAIT_UNTIL(game, game->quest_count == 2 && strcmp(game->quests[0], "fight") == 0 && quests(game) == 2);
    WAIT_UNTIL(game, steps(game) == 1);
    CHECK(game->gold_calls == ADDS && game->profile_calls > ADDS);
    OK(mst_subscription_free(game->gold_subscription));
}

/* The quests as the events told them, which are those that the profile has. */
static void print_quests(const Game *game) {
    char room[QUEST_ROOM];
    MstValue value;
    CHECK(quests(game) == game->quest_count);
    printf("quests");
    for (uint32_t i = 0; i < game->quest_count; i++) {
        OK(mst_profile_list_get(game->profile, game->index[QUESTS], i, &value, room, sizeof room, NULL));
        CHECK(is_text(&value, game->quests[i]));
        printf(" %s", game->quests[i]);
    }
    puts("");
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
    print_quests(&game);
    print_json(&game);
    leave(&game);
    return 0;
}

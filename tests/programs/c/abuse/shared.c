/* What the parts share: see abuse.h. */

#include <time.h>

#include "abuse.h"

const char SCHEMA[] = "{\"properties\":["
                      "{\"name\":\"level\",\"type\":\"i32\",\"default\":1},"
                      "{\"name\":\"gold\",\"type\":\"i64\",\"default\":10},"
                      "{\"name\":\"rating\",\"type\":\"f64\",\"default\":0.5},"
                      "{\"name\":\"title\",\"type\":\"string\",\"default\":\"Novice\",\"write\":\"owner\"},"
                      "{\"name\":\"vip\",\"type\":\"bool\"}]}";

const char FINGERPRINT[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const char BAD_UTF8[] = "\xff\xfe";

Out out;
char text[512];
uint32_t len;

void pattern(void) {
    memset(&out, 0xa5, sizeof out);
    memset(text, 0x5a, sizeof text);
    len = 0xa5a5a5a5;
}

int pattern_stands(void) {
    for (size_t i = 0; i < sizeof out; i++) {
        if (((const uint8_t *)&out)[i] != 0xa5) {
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof text; i++) {
        if (text[i] != 0x5a) {
            return 0;
        }
    }
    return len == 0xa5a5a5a5;
}

int last_error_names(const char *word) {
    char error[1024];
    uint32_t length = 0;
    OK(mst_last_error(error, sizeof error - 1, &length));
    error[length] = 0;
    return strstr(error, word) != NULL;
}

MstSchema *make_schema(void) {
    MstSchema *schema = NULL;
    OK(mst_schema_from_json(SCHEMA, LEN(SCHEMA), &schema));
    return schema;
}

MstPropertyOptions property_options_of(int32_t writers, int32_t visibility) {
    MstPropertyOptions options;
    OK(mst_property_options_init(&options));
    CHECK(options.struct_size == sizeof options && options.pattern == NULL && options.limits.has_min == 0);
    options.writers = writers;
    options.visibility = visibility;
    return options;
}

static const char ICON[] = {1, 0, (char)255};

MstValue wide_default(uint32_t property) {
    switch (property) {
    case WIDE_VIP:
        return int_of(MST_TYPE_BOOL, 1);
    case WIDE_LEVEL:
        return int_of(MST_TYPE_I32, 7);
    case WIDE_GOLD:
        return int_of(MST_TYPE_I64, -5000000000);
    case WIDE_SPEED:
        return float_of(MST_TYPE_F32, 1.5);
    case WIDE_RATING:
        return float_of(MST_TYPE_F64, 0.1);
    case WIDE_TITLE:
        return string_of("Novice");
    case WIDE_ICON:
        return bytes_of(MST_TYPE_BYTES, ICON, sizeof ICON);
    case WIDE_PLACE:
        return components_of(MST_TYPE_VECTOR2, 1, 2, 0, 0);
    case WIDE_POSITION:
        return components_of(MST_TYPE_VECTOR3, 1, 2, 3, 0);
    case WIDE_FACING:
        return components_of(MST_TYPE_QUATERNION, 0, 0, 0, 1);
    case WIDE_TINT:
        return int_of(MST_TYPE_COLOR, 0xff8000ff);
    case WIDE_SINCE:
        return int_of(MST_TYPE_DATETIME, -1);
    default:
        return uuid_of(1);
    }
}

MstValue wide_other(uint32_t property) {
    switch (property) {
    case WIDE_VIP:
        return int_of(MST_TYPE_BOOL, 0);
    case WIDE_LEVEL:
        return int_of(MST_TYPE_I32, 8);
    case WIDE_GOLD:
        return int_of(MST_TYPE_I64, INT64_MAX);
    case WIDE_SPEED:
        return float_of(MST_TYPE_F32, -0.25);
    case WIDE_RATING:
        return float_of(MST_TYPE_F64, 1e300);
    case WIDE_TITLE:
        return string_of("Z\xc3\xbcrich");
    case WIDE_ICON:
        return bytes_of(MST_TYPE_BYTES, ICON, 1);
    case WIDE_PLACE:
        return components_of(MST_TYPE_VECTOR2, -1, 0.5f, 0, 0);
    case WIDE_POSITION:
        return components_of(MST_TYPE_VECTOR3, 0, 0, -3, 0);
    case WIDE_FACING:
        return components_of(MST_TYPE_QUATERNION, 0.5f, 0.5f, 0.5f, 0.5f);
    case WIDE_TINT:
        return int_of(MST_TYPE_COLOR, 0x01020304);
    case WIDE_SINCE:
        return int_of(MST_TYPE_DATETIME, INT64_C(1767323045250000));
    default:
        return uuid_of(240);
    }
}

static void add_wide(MstSchemaBuilder *builder, uint32_t property, const char *name, const MstPropertyOptions *options) {
    const MstValue value = wide_default(property);
    OK(mst_schema_builder_add_value(builder, name, LEN(name), &value, options));
}

MstSchema *make_wide_schema(void) {
    MstSchemaBuilder *builder = make_builder();
    MstSchema *schema = NULL;
    const MstPropertyOptions plain = property_options_of(MST_WRITERS_SERVERS, MST_VISIBILITY_OWNER);
    MstPropertyOptions level = plain, gold = plain, speed = plain, title = plain, since = plain, items = plain;
    MstPropertyOptions stats = plain, slots = plain;
    level.limits.has_min = level.limits.has_max = 1;
    level.limits.max_int = 100;
    level.visibility = MST_VISIBILITY_PUBLIC;
    gold.merge = MST_MERGE_SUM;
    gold.sync = MST_SYNC_IMMEDIATE;
    gold.aliases = "coins\nmoney";
    gold.aliases_len = LEN(gold.aliases);
    gold.description = "What there is to spend.";
    gold.description_len = LEN(gold.description);
    speed.limits.finite = speed.limits.has_max = 1;
    speed.limits.max_float = 2.5;
    title.writers = MST_WRITERS_OWNER;
    title.limits.has_max_length = title.limits.has_min_length = 1;
    title.limits.min_length = 2;
    title.limits.max_length = 10;
    title.pattern = "^[A-Z]";
    title.pattern_len = LEN(title.pattern);
    since.unsaved = 1;
    since.limits.monotonic = 1;
    items.limits.has_max_count = 1;
    items.limits.max_count = 4;
    items.pattern = "^[a-z]*$";
    items.pattern_len = LEN(items.pattern);
    stats.limits.has_max_key_length = 1;
    stats.limits.max_key_length = 6;
    stats.key_pattern = "^[a-z]+$";
    stats.key_pattern_len = LEN(stats.key_pattern);
    stats.has_key = 1;
    stats.key = 77;
    slots.limits.has_min_count = slots.limits.has_max_count = 1;
    slots.limits.max_count = 2;
    add_wide(builder, WIDE_VIP, "vip", NULL);
    add_wide(builder, WIDE_LEVEL, "level", &level);
    add_wide(builder, WIDE_GOLD, "gold", &gold);
    add_wide(builder, WIDE_SPEED, "speed", &speed);
    add_wide(builder, WIDE_RATING, "rating", &plain);
    add_wide(builder, WIDE_TITLE, "title", &title);
    add_wide(builder, WIDE_ICON, "icon", NULL);
    add_wide(builder, WIDE_PLACE, "place", NULL);
    add_wide(builder, WIDE_POSITION, "position", NULL);
    add_wide(builder, WIDE_FACING, "facing", NULL);
    add_wide(builder, WIDE_TINT, "tint", NULL);
    add_wide(builder, WIDE_SINCE, "since", &since);
    add_wide(builder, WIDE_ID, "id", NULL);
    OK(mst_schema_builder_add_list(builder, "items", 5, MST_TYPE_STRING, &items));
    OK(mst_schema_builder_add_list(builder, "scores", 6, MST_TYPE_I64, NULL));
    OK(mst_schema_builder_add_dict(builder, "stats", 5, MST_KEY_STRING, MST_TYPE_I64, &stats));
    OK(mst_schema_builder_add_dict(builder, "slots", 5, MST_KEY_I32, MST_TYPE_STRING, &slots));
    OK(mst_schema_builder_add_dict(builder, "weights", 7, MST_KEY_I64, MST_TYPE_F32, NULL));
    OK(mst_schema_builder_build(builder, &schema));
    OK(mst_schema_builder_free(builder));
    return schema;
}

#define QUEST_TYPE "record{id:string,progress:i32,done:bool,steps:list<string>,rewards:dict<string,i64>}"

const char *const NESTED[NESTED_PROPERTIES][3] = {
    {"quests", "list<" QUEST_TYPE ">", ""},
    {"bags", "dict<i32,dict<string,f64>>", ""},
    {"hero", "record{name:string,hp:i32,speed:f64,place:vector3,gear:record{weapon:string,icon:bytes}}",
     "{\"name\":\"Ann\",\"hp\":10}"},
    {"grid", "list<list<i64>>", "[[1,2],[3]]"},
    {"deep", "list<list<list<list<list<list<list<list<i32>>>>>>>>", "[[[[[[[[7]]]]]]]]"},
    {"ranks", "list<i32>", "[5]"},
    {"stats", "dict<string,i64>", "{\"main quest\":1}"},
    {"rank", "i32", "3"},
    {"titles", "dict<i64,string>", ""},
};

MstSchema *make_nested_schema(void) {
    MstSchemaBuilder *builder = make_builder();
    MstSchema *schema = NULL;
    for (int i = 0; i < NESTED_PROPERTIES; i++) {
        MstPropertyOptions options = property_options_of(MST_WRITERS_OWNER, MST_VISIBILITY_PUBLIC);
        options.limits.has_max_count = i == GRID;
        options.limits.max_count = 3;
        OK(mst_schema_builder_add_type(builder, AT(NESTED[i][0]), AT(NESTED[i][1]), AT(NESTED[i][2]), &options));
    }
    OK(mst_schema_builder_build(builder, &schema));
    OK(mst_schema_builder_free(builder));
    return schema;
}

MstSchemaBuilder *make_builder(void) {
    MstSchemaBuilder *builder = NULL;
    OK(mst_schema_builder_create(&builder));
    return builder;
}

MstProfile *make_profile(const MstSchema *schema) {
    MstProfile *profile = NULL;
    OK(mst_profile_create(schema, &profile));
    return profile;
}

MstMasterOptions master_options(const MstSchema *schema) {
    MstMasterOptions options;
    OK(mst_master_options_init(&options));
    CHECK(options.struct_size == sizeof options && options.schema == NULL && options.development == 0);
    options.schema = schema;
    options.development = 1;
    return options;
}

MstMaster *start_master(const MstSchema *schema) {
    const MstMasterOptions options = master_options(schema);
    MstMaster *master = NULL;
    OK(mst_master_start(&options, &master));
    return master;
}

MstConnectOptions connect_options(const MstSchema *schema, const char *address, const char *fingerprint) {
    MstConnectOptions options;
    OK(mst_connect_options_init(&options));
    CHECK(options.struct_size == sizeof options && options.schema == NULL && options.token == NULL);
    options.address = address;
    options.address_len = LEN(address);
    options.token = "dev-server:abuse";
    options.token_len = LEN(options.token);
    options.fingerprint = fingerprint;
    options.fingerprint_len = LEN(fingerprint);
    options.schema = schema;
    return options;
}

MstEndpoint *connect_to(const MstMaster *master, const MstSchema *schema, const char *token) {
    char address[32], fingerprint[65];
    uint16_t port = 0;
    uint32_t length = 0;
    MstEndpoint *endpoint = NULL;
    MstConnectOptions options;
    OK(mst_master_port(master, &port));
    snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)port);
    OK(mst_master_fingerprint(master, fingerprint, 64, &length));
    CHECK(length == 64);
    fingerprint[length] = 0;
    options = connect_options(schema, address, fingerprint);
    if (token != NULL) {
        options.token = token;
        options.token_len = LEN(token);
    }
    OK(mst_server_connect(&options, &endpoint));
    return endpoint;
}

MstProfile *fill(MstEndpoint *endpoint, const char *user) {
    MstProfile *profile = NULL;
    OK(mst_endpoint_fill_profile(endpoint, user, LEN(user), &profile));
    return profile;
}

MstEvent wait_for(MstEndpoint *endpoint, int32_t event_type) {
    const time_t begin = time(NULL);
    MstEvent event;
    for (;;) {
        CHECK((time(NULL) - begin) * 1000 < PATIENCE_MS && "the event came");
        OK(mst_endpoint_wait(endpoint, 100, NULL));
        do {
            OK(mst_endpoint_next_event(endpoint, &event));
            if (event.event_type == event_type) {
                return event;
            }
        } while (event.event_type != MST_EVENT_NONE);
    }
}

void drop_events(MstProfile *profile) {
    MstEvent event;
    do {
        OK(mst_profile_next_event(profile, &event));
    } while (event.event_type != MST_EVENT_NONE);
}

int json_is(const MstProfile *profile, const char *expected) {
    char json[1024];
    uint32_t length = 0;
    OK(mst_profile_to_json(profile, json, sizeof json, &length));
    return length == strlen(expected) && memcmp(json, expected, length) == 0;
}

void never_called(const MstEvent *event, void *user_data) {
    (void)event;
    (void)user_data;
    CHECK(!"a callback that nobody may call");
}

uint32_t random_number(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 16);
}

/* Types of the game's own: codecs that keep to what they promise, and others. */

#include "abuse.h"

/* ---- a pair of bytes, whose JSON is `[1,2]` ---- */

static int pair_user_data;

static uint8_t pair_validate(const uint8_t *bytes, uint32_t bytes_len, void *user_data) {
    CHECK(user_data == &pair_user_data && (bytes != NULL || bytes_len == 0));
    return bytes_len == 2;
}

static uint8_t give(const void *made, uint32_t made_len, uint8_t *buffer, uint32_t capacity, uint32_t *out_len) {
    memcpy(buffer, made, made_len < capacity ? made_len : capacity);
    *out_len = made_len;
    return 1;
}

static uint8_t pair_to_json(const uint8_t *given, uint32_t given_len, uint8_t *buffer, uint32_t capacity,
                            uint32_t *out_len, void *user_data) {
    char json[16];
    CHECK(user_data == &pair_user_data && given_len == 2);
    snprintf(json, sizeof json, "[%u,%u]", (unsigned)given[0], (unsigned)given[1]);
    return give(json, LEN(json), buffer, capacity, out_len);
}

static uint8_t pair_from_json(const uint8_t *given, uint32_t given_len, uint8_t *buffer, uint32_t capacity,
                              uint32_t *out_len, void *user_data) {
    char json[32];
    unsigned first = 0, second = 0;
    uint8_t pair[2];
    CHECK(user_data == &pair_user_data);
    if (given_len >= sizeof json) {
        return 0;
    }
    memcpy(json, given, given_len);
    json[given_len] = 0;
    /* The last of three is lost, and one byte alone is no pair: `validate` has the last word. */
    switch (sscanf(json, "[%u,%u]", &first, &second)) {
    case 1:
        pair[0] = (uint8_t)first;
        return give(pair, 1, buffer, capacity, out_len);
    case 2:
        pair[0] = (uint8_t)first;
        pair[1] = (uint8_t)second;
        return give(pair, 2, buffer, capacity, out_len);
    default:
        return 0;
    }
}

/* ---- one that lies ---- */

enum {
    HONEST,
    REFUSES,     /* 0 */
    ANSWERS_TWO, /* neither 1 nor 0 */
    SILENT,      /* no length at all */
    HUGE_LENGTH,
    TOO_LARGE,  /* more than any value may have */
    GROWS,      /* wants more than there is each time */
    SHRINKS,    /* less when it is asked again */
    FAILS_LATE, /* 0 when it is asked again */
    CLAIMS,     /* a length of which it writes nothing */
    GARBAGE,    /* what is no JSON */
    NO_UTF8,
    A_STRING, /* JSON that it must not give */
    NESTS,    /* more arrays within one another than anyone reads */
    LONG,     /* does not fit at first; as long as JSON may be, but more than a value may have */
    MODES
};

static struct {
    int convert, validate;
    int calls;
    uint32_t capacities[4];
} liar;

static uint8_t liar_validate(const uint8_t *bytes, uint32_t bytes_len, void *user_data) {
    uint32_t sum = 0;
    CHECK(user_data == NULL);
    for (uint32_t i = 0; i < bytes_len; i++) {
        sum += bytes[i]; /* all of them can be read */
    }
    (void)sum;
    return liar.validate == HONEST ? 1 : liar.validate == ANSWERS_TWO ? 2 : 0;
}

static uint8_t liar_convert(const uint8_t *given, uint32_t given_len, uint8_t *buffer, uint32_t capacity,
                            uint32_t *out_len, void *user_data) {
    static uint8_t made[300000];
    const int again = capacity > 256;
    (void)given;
    (void)given_len;
    CHECK(user_data == NULL && capacity >= 256);
    if (liar.calls < 4) {
        liar.capacities[liar.calls] = capacity;
    }
    liar.calls++;
    memset(buffer, 0, capacity); /* all of it can be written */
    switch (liar.convert) {
    case REFUSES:
        return 0;
    case ANSWERS_TWO:
        give("7", 1, buffer, capacity, out_len);
        return 2;
    case SILENT:
        return 1;
    case HUGE_LENGTH:
        *out_len = UINT32_MAX;
        return 1;
    case TOO_LARGE:
        *out_len = 8 * 65536 + 1;
        return 1;
    case GROWS:
        *out_len = capacity + 1;
        return 1;
    case SHRINKS:
        if (again) {
            return give("[3]", 3, buffer, capacity, out_len);
        }
        *out_len = 300;
        return 1;
    case FAILS_LATE:
        *out_len = 300;
        return !again;
    case CLAIMS:
        *out_len = 200;
        return 1;
    case GARBAGE:
        return give("}{", 2, buffer, capacity, out_len);
    case NO_UTF8:
        return give("\xff\xfe", 2, buffer, capacity, out_len);
    case A_STRING:
        return give("\"AAA=\"", 6, buffer, capacity, out_len);
    case NESTS:
        memset(made, '[', 5000);
        memset(made + 5000, ']', 5000);
        return give(made, 10000, buffer, capacity, out_len);
    case LONG:
        memset(made, ' ', sizeof made);
        made[0] = '7';
        return give(made, sizeof made, buffer, capacity, out_len);
    default:
        return give("7", 1, buffer, capacity, out_len);
    }
}

/* ---- registering ---- */

static void names_of_codecs(void) {
    static const char *const none[] = {"", " ", "a b", "a<b>", "a.b", "a-b", "Z\xc3\xbcrich", "a\n", "custom<a>"};
    char name[66];
    memset(name, 'a', sizeof name);
    for (size_t i = 0; i < COUNT(none); i++) {
        REFUSED(MST_ERR_INVALID_ARGUMENT,
                mst_codec_register(AT(none[i]), pair_validate, pair_to_json, pair_from_json, &pair_user_data));
        CHECK(last_error_names("name"));
    }
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_codec_register(name, 65, pair_validate, NULL, NULL, NULL));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_codec_register("a\0b", 3, pair_validate, NULL, NULL, NULL));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_codec_register(NULL, 0, pair_validate, NULL, NULL, NULL));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_codec_register(AT("pair"), NULL, pair_to_json, pair_from_json, NULL));
    CHECK(last_error_names("validate"));
    /* What nobody would read again from a stored profile. */
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_codec_register(AT("pair"), pair_validate, pair_to_json, NULL, NULL));
    CHECK(last_error_names("from_json"));
    OK(mst_codec_register(AT("half_a_pair"), pair_validate, NULL, pair_from_json, &pair_user_data));
    OK(mst_codec_register(name, 64, pair_validate, NULL, NULL, NULL));
    OK(mst_codec_register(AT("pair"), pair_validate, pair_to_json, pair_from_json, &pair_user_data));
    OK(mst_codec_register(AT("quiet_pair"), pair_validate, NULL, NULL, &pair_user_data));
    OK(mst_codec_register(AT("liar"), liar_validate, liar_convert, liar_convert, NULL));
    /* Once each. */
    REFUSED(MST_ERR_INVALID_ARGUMENT,
            mst_codec_register(AT("pair"), pair_validate, pair_to_json, pair_from_json, &pair_user_data));
    CHECK(last_error_names("pair"));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_codec_register(AT("liar"), pair_validate, NULL, NULL, NULL));
}

/* ---- values ---- */

enum { PAIR, QUIET, LIE, PAIRS, BOX, PLAIN, RECORDS, RAW, CUSTOM_PROPERTIES };

static const char CUSTOM_SCHEMA[] =
    "{\"properties\":["
    "{\"name\":\"pair\",\"type\":\"custom<pair>\",\"default\":[1,2]},"
    "{\"name\":\"quiet\",\"type\":\"custom<quiet_pair>\",\"default\":\"AQI=\"},"
    "{\"name\":\"lie\",\"type\":\"custom<liar>\"},"
    "{\"name\":\"pairs\",\"type\":\"list<custom<pair>>\"},"
    "{\"name\":\"box\",\"type\":\"dict<string,custom<nobody_knows>>\"},"
    "{\"name\":\"plain\",\"type\":\"custom\"},"
    "{\"name\":\"records\",\"type\":\"list<record{lie:custom<liar>,lies:list<custom<liar>>,pairs:list<custom<pair>>}>\"},"
    "{\"name\":\"raw\",\"type\":\"bytes\"}]}";

static int json_at_is(const MstProfile *profile, uint32_t property, const char *path, const char *expected) {
    char json[256];
    uint32_t length = 0;
    OK(mst_profile_get_json_at(profile, property, AT(path), json, sizeof json, &length));
    return length == strlen(expected) && memcmp(json, expected, length) == 0;
}

static int bytes_at_are(const MstProfile *profile, uint32_t property, const char *path, const char *bytes, uint32_t count) {
    const MstValue expected = bytes_of(MST_TYPE_CUSTOM, bytes, count);
    MstValue value;
    OK(mst_profile_get_at(profile, property, AT(path), &value, text, sizeof text, &len));
    return same_value(&value, &expected) && len == count;
}

static void values(MstProfile *profile) {
    const MstValue pair = bytes_of(MST_TYPE_CUSTOM, "\x03\0", 2), three = bytes_of(MST_TYPE_CUSTOM, "abc", 3);
    const MstValue none = bytes_of(MST_TYPE_CUSTOM, NULL, 0), missing = bytes_of(MST_TYPE_CUSTOM, NULL, 2);
    const MstValue raw = bytes_of(MST_TYPE_BYTES, "ab", 2);
    MstValue value;
    MstEvent event;

    CHECK(bytes_at_are(profile, PAIR, "", "\1\2", 2) && json_at_is(profile, PAIR, "", "[1,2]"));
    CHECK(bytes_at_are(profile, QUIET, "", "\1\2", 2) && json_at_is(profile, QUIET, "", "\"AQI=\""));
    OK(mst_profile_get_value(profile, PAIR, &value, text, sizeof text, &len));
    CHECK(value.value_type == MST_TYPE_CUSTOM && value.text == text && value.text_len == 2 && len == 2);
    OK(mst_profile_set_value(profile, PAIR, &pair));
    OK(mst_profile_next_event(profile, &event));
    CHECK(event.change == MST_CHANGE_REPLACED && event.value_type == MST_TYPE_CUSTOM && event.has_old == 1);
    OK(mst_profile_event_value(profile, 0, &value, text, sizeof text, &len));
    CHECK(value.value_type == MST_TYPE_CUSTOM && len == 2 && memcmp(text, "\1\2", 2) == 0);
    SHORT_BUFFER(mst_profile_event_value, void, profile, 1, &out.value);
    CHECK(memcmp(text, "\3\0", 2) == 0);
    OK(mst_profile_set_json_at(profile, PAIR, NULL, 0, AT("[4,5]")));
    CHECK(bytes_at_are(profile, PAIR, "", "\4\5", 2));
    OK(mst_profile_set_json_at(profile, PAIR, NULL, 0, AT("\"Bgc=\"")));
    CHECK(bytes_at_are(profile, PAIR, "", "\6\7", 2));

    /* What the codec refuses; the error names the place. */
    REFUSED(MST_ERR_INVALID_CUSTOM, mst_profile_set_value(profile, PAIR, &three));
    CHECK(last_error_names("pair"));
    REFUSED(MST_ERR_INVALID_CUSTOM, mst_profile_set_value(profile, QUIET, &none));
    REFUSED(MST_ERR_INVALID_CUSTOM, mst_profile_set_at(profile, PAIR, NULL, 0, &three));
    OK(mst_profile_insert_at(profile, PAIRS, NULL, 0, UINT32_MAX, &pair));
    OK(mst_profile_insert_json_at(profile, PAIRS, NULL, 0, 0, AT("[8,9]")));
    CHECK(json_at_is(profile, PAIRS, "", "[[8,9],[3,0]]") && bytes_at_are(profile, PAIRS, "[1]", "\3\0", 2));
    OK(mst_profile_list_get(profile, PAIRS, 0, &value, text, sizeof text, NULL));
    CHECK(value.value_type == MST_TYPE_CUSTOM && value.text_len == 2);
    REFUSED(MST_ERR_INVALID_CUSTOM, mst_profile_insert_at(profile, PAIRS, NULL, 0, 0, &three));
    REFUSED(MST_ERR_INVALID_CUSTOM, mst_profile_set_at(profile, PAIRS, AT("[1]"), &none));
    CHECK(last_error_names("pairs"));
    OK(mst_profile_insert_json_at(profile, RECORDS, NULL, 0, 0, AT("{\"pairs\":[[1,1]]}")));
    REFUSED(MST_ERR_INVALID_CUSTOM, mst_profile_set_at(profile, RECORDS, AT("[0].pairs[0]"), &three));
    CHECK(last_error_names("records[0].pairs"));
    REFUSED(MST_ERR_INVALID_CUSTOM, mst_profile_insert_at(profile, RECORDS, AT("[0].pairs"), 1, &three));
    OK(mst_profile_set_at(profile, RECORDS, AT("[0].pairs[0]"), &pair));
    static const char *const no_pair[] = {"1", "{}", "null", "[]", "[1]", "\"AQ==\"", "\"?\"", "[1,2", "[[1,2]]"};
    for (size_t i = 0; i < COUNT(no_pair); i++) {
        REFUSED(MST_ERR_INVALID_JSON, mst_profile_set_json_at(profile, PAIR, NULL, 0, AT(no_pair[i])));
        CHECK(last_error_names("pair"));
        REFUSED(MST_ERR_INVALID_JSON, mst_profile_insert_json_at(profile, PAIRS, NULL, 0, 0, AT(no_pair[i])));
    }
    REFUSED(MST_ERR_INVALID_JSON, mst_profile_apply_json(profile, AT("{\"raw\":\"\",\"pair\":[1]}")));
    /* Where nobody knows what it is, or the codec has no JSON, it is base64 alone. */
    REFUSED(MST_ERR_INVALID_JSON, mst_profile_set_json_at(profile, QUIET, NULL, 0, AT("[1,2]")));
    REFUSED(MST_ERR_INVALID_JSON, mst_profile_set_json_at(profile, PLAIN, NULL, 0, AT("1")));
    REFUSED(MST_ERR_INVALID_JSON, mst_profile_set_json_at(profile, BOX, AT("a"), AT("{}")));
    OK(mst_profile_set_at(profile, PLAIN, NULL, 0, &three));
    OK(mst_profile_set_at(profile, BOX, AT("a"), &three));
    CHECK(json_at_is(profile, BOX, "", "{\"a\":\"YWJj\"}") && bytes_at_are(profile, PLAIN, "", "abc", 3));

    /* Bytes are no value of the game's own, nor is that bytes. */
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_value(profile, PAIR, &raw));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_at(profile, PLAIN, NULL, 0, &raw));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_value(profile, RAW, &pair));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_at(profile, PAIRS, NULL, 0, &pair));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_add_int_at(profile, PAIR, NULL, 0, 1));
    REFUSED(MST_ERR_NO_SUCH_PLACE, mst_profile_set_at(profile, PAIR, AT("[0]"), &pair));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_set_at(profile, PAIR, NULL, 0, &missing));
    {
        char *huge = calloc(1, 70000);
        CHECK(huge != NULL);
        value = bytes_of(MST_TYPE_CUSTOM, huge, 70000);
        REFUSED(MST_ERR_TOO_LONG, mst_profile_set_at(profile, PLAIN, NULL, 0, &value));
        REFUSED(MST_ERR_TOO_LONG, mst_profile_set_at(profile, LIE, NULL, 0, &value));
        free(huge);
    }
    SHORT_BUFFER(mst_profile_get_at, void, profile, PAIR, NULL, 0, &out.value);
    SHORT_BUFFER(mst_profile_get_value, void, profile, PLAIN, &out.value);
    SHORT_BUFFER(mst_profile_get_json_at, char, profile, PAIR, NULL, 0);
    drop_events(profile);
}

/* What comes of each lie. */
static void lies(MstProfile *profile) {
    const MstValue value = bytes_of(MST_TYPE_CUSTOM, "\1\2", 2);
    static const struct {
        const char *json; /* as what it stands in JSON */
        int takes;        /* the bytes that JSON makes, or -1 where it makes none */
        int calls;
    } expected[MODES] = {
        [HONEST] = {"7", 1, 1},
        [REFUSES] = {"\"AQI=\"", -1, 1},
        [ANSWERS_TWO] = {"\"AQI=\"", -1, 1},
        [SILENT] = {"\"AQI=\"", 0, 1},
        [HUGE_LENGTH] = {"\"AQI=\"", -1, 1},
        [TOO_LARGE] = {"\"AQI=\"", -1, 1},
        [GROWS] = {"\"AQI=\"", -1, 2},
        [SHRINKS] = {"[3]", 3, 2},
        [FAILS_LATE] = {"\"AQI=\"", -1, 2},
        [CLAIMS] = {"\"AQI=\"", 200, 1},
        [GARBAGE] = {"\"AQI=\"", 2, 1},
        [NO_UTF8] = {"\"AQI=\"", 2, 1},
        [A_STRING] = {"\"AQI=\"", 6, 1},
        [NESTS] = {"\"AQI=\"", 10000, 2},
        [LONG] = {"7", -1, 2},
    };
    static char room[16384];
    MstValue found;
    for (int mode = 0; mode < MODES; mode++) {
        liar.convert = mode;
        OK(mst_profile_set_value(profile, LIE, &value));
        liar.calls = 0;
        CHECK(json_at_is(profile, LIE, "", expected[mode].json));
        CHECK(liar.calls == expected[mode].calls);
        CHECK(liar.calls < 2 || liar.capacities[1] > liar.capacities[0]);
        if (expected[mode].takes < 0) {
            REFUSED(MST_ERR_INVALID_JSON, mst_profile_set_json_at(profile, LIE, NULL, 0, AT("{}")));
            CHECK(last_error_names("lie"));
            OK(mst_profile_get_value(profile, LIE, &found, room, sizeof room, &len));
            CHECK(same_value(&found, &value));
            continue;
        }
        OK(mst_profile_set_json_at(profile, LIE, NULL, 0, AT("{}")));
        OK(mst_profile_get_value(profile, LIE, &found, room, sizeof room, &len));
        CHECK(found.value_type == MST_TYPE_CUSTOM && len == (uint32_t)expected[mode].takes);
        for (uint32_t i = 0; mode == CLAIMS && i < len; i++) {
            CHECK(room[i] == 0); /* nothing of this process's memory */
        }
        /* The whole profile as JSON stands, whatever the codec says. */
        OK(mst_profile_to_json(profile, room, sizeof room, &len));
    }
    liar.convert = HONEST;

    /* Answers that are no yes are a no. */
    liar.validate = REFUSES;
    REFUSED(MST_ERR_INVALID_CUSTOM, mst_profile_set_value(profile, LIE, &value));
    REFUSED(MST_ERR_INVALID_JSON, mst_profile_set_json_at(profile, LIE, NULL, 0, AT("{}")));
    liar.validate = ANSWERS_TWO;
    REFUSED(MST_ERR_INVALID_CUSTOM, mst_profile_set_value(profile, LIE, &value));
    CHECK(last_error_names("lie"));
    liar.validate = HONEST;
    drop_events(profile);
}

/* Bytes that the codec of whoever gets them refuses are not taken. */
static void refused_on_arrival(const MstSchema *schema) {
    static uint8_t delta[4096], snapshot[4096];
    static char before[4096], after[4096];
    MstProfile *here = make_profile(schema), *there = make_profile(schema);
    const MstValue value = bytes_of(MST_TYPE_CUSTOM, "\5\6", 2);
    uint32_t delta_len = 0, snapshot_len = 0, before_len = 0, after_len = 0;

    OK(mst_profile_insert_json_at(here, RECORDS, NULL, 0, 0, AT("{\"lies\":[1],\"pairs\":[[1,2]]}")));
    OK(mst_profile_set_value(here, LIE, &value));
    OK(mst_profile_set_json_at(here, BOX, AT("a"), AT("\"AQI=\"")));
    OK(mst_profile_take_delta(here, delta, sizeof delta, &delta_len));
    OK(mst_profile_snapshot(here, snapshot, sizeof snapshot, &snapshot_len));
    OK(mst_profile_to_json(there, before, sizeof before, &before_len));
    for (int answer = REFUSES; answer <= ANSWERS_TWO; answer++) {
        liar.validate = answer;
        REFUSED(MST_ERR_MALFORMED, mst_profile_apply_delta(there, delta, delta_len));
        REFUSED(MST_ERR_MALFORMED, mst_profile_apply_snapshot(there, snapshot, snapshot_len));
        OK(mst_profile_to_json(there, after, sizeof after, &after_len));
        CHECK(before_len == after_len && memcmp(before, after, after_len) == 0);
    }
    liar.validate = HONEST;
    OK(mst_profile_apply_delta(there, delta, delta_len));
    OK(mst_profile_to_json(here, before, sizeof before, &before_len));
    OK(mst_profile_to_json(there, after, sizeof after, &after_len));
    CHECK(before_len == after_len && memcmp(before, after, after_len) == 0);
    CHECK(bytes_at_are(there, LIE, "", "\5\6", 2) && bytes_at_are(there, RECORDS, "[0].lies[0]", "7", 1));
    OK(mst_profile_free(there));
    there = make_profile(schema);
    OK(mst_profile_apply_snapshot(there, snapshot, snapshot_len));
    CHECK(bytes_at_are(there, RECORDS, "[0].pairs[0]", "\1\2", 2) && bytes_at_are(there, BOX, "a", "\1\2", 2));
    OK(mst_profile_free(here));
    OK(mst_profile_free(there));
}

/* The master and a game server of this process know the codec, too. */
static void by_the_master(const MstSchema *schema) {
    MstMaster *master = start_master(schema);
    MstEndpoint *server = connect_to(master, schema, NULL), *other = connect_to(master, schema, "dev-server:other");
    MstProfile *profile = fill(server, "ann"), *seen = fill(other, "ann");
    const MstValue pair = bytes_of(MST_TYPE_CUSTOM, "\x09\x0a", 2);
    MstEvent event;
    wait_for(server, MST_EVENT_PROFILE_LOADED);
    wait_for(other, MST_EVENT_PROFILE_LOADED);
    OK(mst_profile_insert_at(profile, PAIRS, NULL, 0, 0, &pair));
    OK(mst_profile_flush(profile, NULL));
    event = wait_for(other, MST_EVENT_PROPERTY_CHANGED);
    CHECK(event.change == MST_CHANGE_ITEM_INSERTED && event.value_type == MST_TYPE_CUSTOM);
    OK(mst_endpoint_event_value(other, 1, &out.value, text, sizeof text, &len));
    CHECK(same_value(&out.value, &pair) && json_at_is(seen, PAIRS, "", "[[9,10]]"));
    OK(mst_endpoint_close(server, PATIENCE_MS));
    OK(mst_endpoint_close(other, PATIENCE_MS));
    OK(mst_profile_free(profile));
    OK(mst_profile_free(seen));
    OK(mst_endpoint_free(server));
    OK(mst_endpoint_free(other));
    OK(mst_master_free(master));
}

void custom_types(void) {
    MstSchema *schema = NULL;
    MstProfile *profile;

    names_of_codecs();
    OK(mst_schema_from_json(AT(CUSTOM_SCHEMA), &schema));
    profile = make_profile(schema);
    values(profile);
    lies(profile);
    refused_on_arrival(schema);
    by_the_master(schema);
    OK(mst_profile_free(profile));
    OK(mst_schema_free(schema));
}

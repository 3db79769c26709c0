/* Places within values: records, lists and dictionaries within one another, of profiles that belong to no endpoint. */

#include "abuse.h"

static int json_at_is(const MstProfile *profile, uint32_t property, const char *path, const char *expected) {
    char json[1024];
    uint32_t length = 0;
    OK(mst_profile_get_json_at(profile, property, AT(path), json, sizeof json, &length));
    if (length != strlen(expected) || memcmp(json, expected, length) != 0) {
        fprintf(stderr, "at %s: %.*s\n", path, (int)length, json);
        return 0;
    }
    return 1;
}

static uint32_t count_at(const MstProfile *profile, uint32_t property, const char *path) {
    uint32_t count = 99;
    OK(mst_profile_count_at(profile, property, AT(path), &count));
    return count;
}

/* The next event is this change at this place, by this process. */
static MstEvent changed_at(MstProfile *profile, uint32_t property, uint8_t change, const char *path, int within) {
    MstEvent event;
    OK(mst_profile_next_event(profile, &event));
    CHECK(event.event_type == MST_EVENT_PROPERTY_CHANGED && event.property_index == property);
    OK(mst_profile_event_path(profile, text, sizeof text - 1, &len));
    text[len] = 0;
    if (event.change != change || strcmp(text, path) != 0 || event.is_within != within) {
        fprintf(stderr, "change %d at %s, within %d, not %d at %s\n", event.change, text, event.is_within, change, path);
    }
    CHECK(event.change == change && strcmp(text, path) == 0 && event.is_within == within);
    return event;
}

static void nothing_happened(MstProfile *profile) {
    MstEvent event;
    OK(mst_profile_next_event(profile, &event));
    CHECK(event.event_type == MST_EVENT_NONE && event.is_within == 0);
    OK(mst_profile_event_path(profile, NULL, 0, &len));
    CHECK(len == 0);
}

static int event_value_is(MstProfile *profile, uint32_t which, const char *expected) {
    MstValue value;
    OK(mst_profile_event_value(profile, which, &value, text, sizeof text, NULL));
    return expected == NULL ? value.value_type == MST_TYPE_NONE : is_text(&value, expected);
}

/* ---- types that are none ---- */

static void names_of_types(void) {
    static const char *const none[] = {
        "", " ", "int", "list", "list<>", "list<i32", "list<i32>>", "list<i32> x", "dict<i32>", "dict<bool,i32>",
        "dict<string,>", "record", "record{}", "record{a}", "record{a:i32,}", "record{a:i32,a:i64}", "record{:i32}",
        "record{a b:i32}", "record{a:i32", "record{\xc3\xbc:i32}", "custom<>", "custom<a b>", "custom<a", "CUSTOM", "i32,",
        "list<list<list<list<list<list<list<list<list<i32>>>>>>>>>",
        "record{a:list<list<list<list<list<list<list<list<i32>>>>>>>>}",
    };
    static const struct {
        const char *type, *json;
    } no_default[] = {
        {"i32", "1.5"}, {"i32", "2147483648"}, {"i32", "\"1\""}, {"i32", "{"}, {"i32", "1 2"}, {"list<i32>", "{}"},
        {"list<i32>", "[1,null]"}, {"dict<i32,i32>", "{\"a\":1}"}, {"record{a:i32}", "{\"b\":1}"},
        {"record{a:i32}", "[1]"}, {"record{a:i32}", "{\"a\":{}}"}, {"custom", "1"}, {"custom<nobody_knows>", "{}"},
        {"custom", "\"?\""}, {"bytes", "\"AQ\""}, {"i32", "null"}, {"string", "\"a\\u0000\""},
    };
    MstSchemaBuilder *builder = make_builder();
    MstSchema *schema;
    MstPropertyOptions options;
    char *huge = malloc(1000000);

    for (size_t i = 0; i < COUNT(none); i++) {
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_type(builder, AT("a"), AT(none[i]), NULL, 0, NULL));
        CHECK(last_error_names("type_name"));
    }
    for (size_t i = 0; i < COUNT(no_default); i++) {
        REFUSED(MST_ERR_INVALID_JSON, mst_schema_builder_add_type(builder, AT("a"), AT(no_default[i].type),
                                                                  AT(no_default[i].json), NULL));
        CHECK(last_error_names("default_json"));
    }
    /* A name that goes on for ever. */
    CHECK(huge != NULL);
    for (uint32_t i = 0; i < 1000000; i += 5) {
        memcpy(huge + i, "list<", 5);
    }
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_type(builder, AT("a"), huge, 1000000, NULL, 0, NULL));
    memset(huge, '[', 1000000);
    REFUSED(MST_ERR_INVALID_JSON, mst_schema_builder_add_type(builder, AT("a"), AT("list<i32>"), huge, 1000000, NULL));
    free(huge);
    OK(mst_property_options_init(&options));
    options.visibility = 9;
    REFUSED(MST_ERR_INVALID_ARGUMENT,
            mst_schema_builder_add_type(builder, AT("a"), AT("record{a:i32}"), NULL, 0, &options));
    options.struct_size = 3;
    REFUSED(MST_ERR_INVALID_STRUCT_SIZE,
            mst_schema_builder_add_type(builder, AT("a"), AT("record{a:i32}"), NULL, 0, &options));

    /* Limits that don't go with the type. */
    OK(mst_property_options_init(&options));
    options.limits.has_min = 1;
    OK(mst_schema_builder_add_type(builder, AT("a"), AT("record{a:i32}"), NULL, 0, &options));
    REFUSED(MST_ERR_INVALID_SCHEMA, mst_schema_builder_build(builder, &out.schema));
    OK(mst_schema_builder_free(builder));

    /* The names are given back, without what space was in them. */
    builder = make_builder();
    OK(mst_schema_builder_add_type(builder, AT("a"), AT(" list < record { b : custom<c> , d : i32 } > "), NULL, 0, NULL));
    OK(mst_schema_builder_build(builder, &schema));
    OK(mst_schema_property_type(schema, 0, text, sizeof text, &len));
    CHECK(len == 31 && memcmp(text, "list<record{b:custom<c>,d:i32}>", len) == 0);
    OK(mst_schema_builder_free(builder));
    OK(mst_schema_free(schema));
}

/* ---- ways that there are not ---- */

/* Every function that takes a path refuses this one, and says why. */
static void refuses(MstResult expected, MstProfile *profile, uint32_t property, const char *path, uint32_t path_len,
                    const char *word) {
    const MstValue number = int_of(MST_TYPE_I32, 1);
    REFUSED(expected, mst_profile_get_at(profile, property, path, path_len, &out.value, text, sizeof text, &len));
    CHECK(last_error_names(word));
    REFUSED(expected,
            mst_profile_get_confirmed_at(profile, property, path, path_len, &out.value, text, sizeof text, &len));
    REFUSED(expected, mst_profile_get_json_at(profile, property, path, path_len, text, sizeof text, &len));
    REFUSED(expected, mst_profile_count_at(profile, property, path, path_len, &out.u32));
    REFUSED(expected, mst_profile_set_at(profile, property, path, path_len, &number));
    CHECK(last_error_names(word));
    REFUSED(expected, mst_profile_set_json_at(profile, property, path, path_len, "1", 1));
    REFUSED(expected, mst_profile_insert_at(profile, property, path, path_len, 0, &number));
    REFUSED(expected, mst_profile_insert_at(profile, property, path, path_len, UINT32_MAX, &number));
    REFUSED(expected, mst_profile_insert_json_at(profile, property, path, path_len, 0, "1", 1));
    REFUSED(expected, mst_profile_remove_at(profile, property, path, path_len));
    REFUSED(expected, mst_profile_move_at(profile, property, path, path_len, 0));
    REFUSED(expected, mst_profile_clear_at(profile, property, path, path_len));
    REFUSED(expected, mst_profile_add_int_at(profile, property, path, path_len, 1));
    REFUSED(expected, mst_profile_add_int_clamped_at(profile, property, path, path_len, 1, 0, 9));
    REFUSED(expected, mst_profile_add_int_guarded_at(profile, property, path, path_len, 1, 0, 9));
    REFUSED(expected, mst_profile_add_f64_at(profile, property, path, path_len, 1));
    REFUSED(expected, mst_profile_add_f64_clamped_at(profile, property, path, path_len, 1, 0, 9));
    REFUSED(expected, mst_profile_add_f64_guarded_at(profile, property, path, path_len, 1, 0, 9));
    CHECK(last_error_names(word));
}

static void no_ways(MstProfile *profile) {
    static const struct {
        uint32_t property;
        const char *path;
    } none[] = {
        /* Not well written. */
        {QUESTS, "["}, {QUESTS, "]"}, {QUESTS, "[]"}, {QUESTS, "[0"}, {QUESTS, "0]"}, {QUESTS, "[0]]"}, {QUESTS, "[0] "},
        {QUESTS, " [0]"}, {QUESTS, "[ 0]"}, {QUESTS, "[00]"}, {QUESTS, "[+0]"}, {QUESTS, "[-0]"}, {QUESTS, "[0x0]"},
        {QUESTS, "[0.0]"}, {QUESTS, "[0]id"}, {QUESTS, "[0]."}, {QUESTS, "[0]..id"}, {QUESTS, "[0].id."},
        {QUESTS, "."}, {QUESTS, ".[0]"}, {QUESTS, "[0].[\"id\"]"}, {QUESTS, "[\"id]"}, {QUESTS, "[0][\"id\" ]"},
        {QUESTS, "[0]['id']"}, {QUESTS, "[0].i d"}, {QUESTS, "[0].\xc3\xbc"}, {QUESTS, "\xc3\xbc"}, {QUESTS, "[\xc3\xbc]"},
        {QUESTS, "[0]/id"}, {QUESTS, "[0].rewards[\"a\\u0000b\"]"}, {QUESTS, "[0].rewards[\"\\ud800\"]"},
        {QUESTS, "[0].rewards[\"a\"\"b\"]"}, {QUESTS, "[0].rewards[a]"}, {STATS, ".1a"}, {STATS, "main quest"},
        /* Places in lists that are too far or before the first. */
        {QUESTS, "[-1]"}, {QUESTS, "[4294967296]"}, {QUESTS, "[9223372036854775807]"}, {QUESTS, "[9223372036854775808]"},
        {QUESTS, "[99999999999999999999999999999999]"}, {RANKS, "[-1]"}, {GRID, "[0][-1]"},
        /* Fields that there are not, and more steps than there are. */
        {QUESTS, "[0].nothing"}, {QUESTS, "[0].ID"}, {QUESTS, "id"}, {QUESTS, ".id"}, {HERO, "gear.id"}, {HERO, "[0]"},
        {QUESTS, "[0].progress.x"}, {QUESTS, "[0].progress[0]"}, {QUESTS, "[0].id[0]"}, {HERO, "place.x"}, {RANK, "[0]"},
        {RANK, ".rank"}, {RANKS, "[0][0]"}, {STATS, "a.b"}, {DEEP, "[0][0][0][0][0][0][0][0][0]"}, {GRID, "[0][0][0]"},
        /* Steps of another kind. */
        {QUESTS, "[\"a\"]"}, {QUESTS, "[0][0]"}, {QUESTS, "[0].steps.a"}, {QUESTS, "[0].rewards[1]"}, {STATS, "[0]"},
        {BAGS, ".a"}, {BAGS, "[\"1\"]"}, {BAGS, "[1][2]"}, {BAGS, "[2147483648]"}, {BAGS, "[-2147483649]"},
        {TITLES, "[9223372036854775808]"}, {TITLES, "[\"1\"]"},
    };
    static const uint32_t no_index[] = {NESTED_PROPERTIES, 65535, 65536, UINT32_MAX};
    enum { LONG = 200000 };
    char *huge = malloc(LONG);
    CHECK(huge != NULL);

    for (size_t i = 0; i < COUNT(none); i++) {
        refuses(MST_ERR_NO_SUCH_PLACE, profile, none[i].property, AT(none[i].path), NESTED[none[i].property][0]);
        CHECK(last_error_names(none[i].path));
    }
    /* A terminating zero is no part of a path. */
    refuses(MST_ERR_NO_SUCH_PLACE, profile, QUESTS, "[0]", 4, "quests");
    refuses(MST_ERR_NO_SUCH_PLACE, profile, HERO, "hp", 3, "hero");
    for (uint32_t i = 0; i + 3 <= LONG; i += 3) {
        memcpy(huge + i, "[0]", 3);
    }
    refuses(MST_ERR_NO_SUCH_PLACE, profile, DEEP, huge, LONG / 3 * 3, "deep");
    memset(huge, '9', LONG);
    huge[0] = '[';
    huge[LONG - 1] = ']';
    refuses(MST_ERR_NO_SUCH_PLACE, profile, QUESTS, huge, LONG, "quests");
    memset(huge, 'a', LONG);
    refuses(MST_ERR_NO_SUCH_PLACE, profile, HERO, huge, LONG, "hero");
    free(huge);
    for (size_t i = 0; i < COUNT(no_index); i++) {
        refuses(MST_ERR_UNKNOWN_PROPERTY, profile, no_index[i], "[0]", 3, "");
        refuses(MST_ERR_UNKNOWN_PROPERTY, profile, no_index[i], NULL, 0, "");
    }
    nothing_happened(profile);
}

/* ---- ways where nothing is, and what is there does not take it ---- */

static void nothing_there(MstProfile *profile) {
    const MstValue number = int_of(MST_TYPE_I32, 1), name = string_of("a"), real = float_of(MST_TYPE_F64, 1);
    static const struct {
        uint32_t property;
        const char *path;
    } nothing[] = {
        {QUESTS, "[1]"}, {QUESTS, "[4294967295]"}, {QUESTS, "[1].id"}, {QUESTS, "[0].steps[3]"}, {BAGS, "[7]"},
        {BAGS, "[7].gold"}, {STATS, "[\"\"]"}, {STATS, ".nothing"}, {RANKS, "[1]"}, {GRID, "[0][2]"}, {GRID, "[2][0]"},
    };
    for (size_t i = 0; i < COUNT(nothing); i++) {
        const uint32_t property = nothing[i].property;
        const char *path = nothing[i].path;
        REFUSED(MST_ERR_NO_SUCH_PLACE, mst_profile_get_at(profile, property, AT(path), &out.value, text, sizeof text, &len));
        CHECK(last_error_names(NESTED[property][0]) && last_error_names(path));
        REFUSED(MST_ERR_NO_SUCH_PLACE,
                mst_profile_get_confirmed_at(profile, property, AT(path), &out.value, text, sizeof text, &len));
        REFUSED(MST_ERR_NO_SUCH_PLACE, mst_profile_get_json_at(profile, property, AT(path), text, sizeof text, &len));
        REFUSED(MST_ERR_NO_SUCH_PLACE, mst_profile_count_at(profile, property, AT(path), &out.u32));
    }
    /* An item that is not there; the error names the list. */
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_set_at(profile, QUESTS, AT("[1].id"), &name));
    CHECK(last_error_names("quests"));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_set_at(profile, QUESTS, AT("[0].steps[2]"), &name));
    CHECK(last_error_names("quests[0].steps"));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_set_json_at(profile, QUESTS, AT("[4294967295]"), AT("{}")));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_add_int_at(profile, QUESTS, AT("[1].progress"), 1));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_insert_at(profile, QUESTS, AT("[0].steps"), 3, &name));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_insert_at(profile, QUESTS, AT("[0].steps"), UINT32_MAX - 1, &name));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_insert_at(profile, QUESTS, AT("[1].steps"), 0, &name));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_insert_json_at(profile, QUESTS, NULL, 0, 2, AT("{}")));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_remove_at(profile, QUESTS, AT("[1]")));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_remove_at(profile, GRID, AT("[0][2]")));
    CHECK(last_error_names("grid[0]"));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_remove_at(profile, RANKS, AT("[1]")));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_move_at(profile, GRID, AT("[0][0]"), 2));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_move_at(profile, GRID, AT("[0][0]"), UINT32_MAX));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_move_at(profile, GRID, AT("[0][2]"), 0));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_move_at(profile, RANKS, AT("[0]"), 1));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_clear_at(profile, GRID, AT("[2]")));
    /* An entry on the way that is not there. */
    REFUSED(MST_ERR_NO_SUCH_KEY, mst_profile_set_at(profile, BAGS, AT("[7].gold"), &real));
    CHECK(last_error_names("bags") && last_error_names("7"));
    REFUSED(MST_ERR_NO_SUCH_KEY, mst_profile_add_f64_at(profile, BAGS, AT("[7].gold"), 1));
    REFUSED(MST_ERR_NO_SUCH_KEY, mst_profile_remove_at(profile, BAGS, AT("[7].gold")));

    /* Of another type. */
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_at(profile, QUESTS, AT("[0].id"), &number));
    CHECK(last_error_names("quests[0].id") && last_error_names("string"));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_at(profile, QUESTS, AT("[0].progress"), &name));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_at(profile, QUESTS, AT("[0]"), &name));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_at(profile, HERO, AT("gear"), &name));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_at(profile, HERO, NULL, 0, &name));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_insert_at(profile, QUESTS, AT("[0].steps"), 0, &number));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_insert_at(profile, QUESTS, NULL, 0, 0, &name));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_insert_at(profile, QUESTS, AT("[0].rewards"), 0, &number));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_insert_at(profile, HERO, AT("hp"), 0, &number));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_insert_at(profile, HERO, NULL, 0, 0, &number));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_insert_json_at(profile, HERO, AT("hp"), 0, AT("1")));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_insert_json_at(profile, STATS, NULL, 0, 0, AT("1")));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_count_at(profile, HERO, AT("hp"), &out.u32));
    CHECK(last_error_names("hero"));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_count_at(profile, HERO, AT("gear"), &out.u32));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_remove_at(profile, HERO, AT("hp")));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_remove_at(profile, HERO, NULL, 0));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_remove_at(profile, RANK, NULL, 0));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_remove_at(profile, RANKS, NULL, 0));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_move_at(profile, HERO, AT("hp"), 0));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_move_at(profile, QUESTS, NULL, 0, 0));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_move_at(profile, STATS, AT("[\"main quest\"]"), 0));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_clear_at(profile, HERO, AT("gear")));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_clear_at(profile, HERO, AT("name")));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_clear_at(profile, HERO, NULL, 0));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_clear_at(profile, RANK, NULL, 0));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_clear_at(profile, RANKS, AT("[0]")));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_add_int_at(profile, HERO, AT("name"), 1));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_add_int_at(profile, HERO, AT("speed"), 1));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_add_int_at(profile, HERO, NULL, 0, 1));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_add_int_at(profile, QUESTS, AT("[0].steps"), 1));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_add_f64_at(profile, HERO, AT("hp"), 1));
    CHECK(last_error_names("hero.hp"));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_add_f64_clamped_at(profile, HERO, AT("gear"), 1, 0, 1));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_add_f64_guarded_at(profile, RANKS, AT("[0]"), 1, 0, 1));

    /* Values that are none. */
    {
        const MstValue lists[] = {int_of(MST_TYPE_NONE, 0), int_of(MST_TYPE_LIST, 0), int_of(MST_TYPE_RECORD, 0),
                                  int_of(99, 0)};
        for (size_t i = 0; i < COUNT(lists); i++) {
            REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_set_at(profile, HERO, AT("gear"), &lists[i]));
            REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_insert_at(profile, QUESTS, NULL, 0, 0, &lists[i]));
        }
    }
    {
        const MstValue zero = bytes_of(MST_TYPE_STRING, "a\0b", 3), no_text = bytes_of(MST_TYPE_STRING, NULL, 3);
        const MstValue bad = string_of(BAD_UTF8), wide = int_of(MST_TYPE_I32, INT64_MAX);
        REFUSED(MST_ERR_INVALID_TEXT, mst_profile_set_at(profile, HERO, AT("gear.weapon"), &zero));
        CHECK(last_error_names("hero.gear.weapon"));
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_set_at(profile, HERO, AT("name"), &no_text));
        REFUSED(MST_ERR_INVALID_UTF8, mst_profile_set_at(profile, HERO, AT("name"), &bad));
        REFUSED(MST_ERR_OUT_OF_RANGE, mst_profile_set_at(profile, HERO, AT("hp"), &wide));
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_set_at(profile, HERO, AT("hp"), NULL));
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_set_at(profile, HERO, AT("hp"), ODD));
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_insert_at(profile, QUESTS, AT("[0].steps"), 0, NULL));
        REFUSED(MST_ERR_INVALID_TEXT, mst_profile_insert_at(profile, QUESTS, AT("[0].steps"), 0, &zero));
    }
    {
        static const struct {
            uint32_t property;
            const char *path, *json;
        } no_json[] = {
            {HERO, "hp", ""}, {HERO, "hp", "1.5"}, {HERO, "hp", "1 2"}, {HERO, "hp", "2147483648"}, {HERO, "gear", "[]"},
            {HERO, "gear", "{\"weapon\":1}"}, {HERO, "gear", "{\"nothing\":1}"}, {HERO, "", "{\"gear\":{\"icon\":\"?\"}}"},
            {HERO, "place", "{\"x\":1}"}, {QUESTS, "", "{}"}, {QUESTS, "", "[{\"id\":null}]"}, {QUESTS, "[0]", "null"},
            {GRID, "", "[1]"}, {GRID, "[0]", "[[1]]"}, {BAGS, "", "{\"a\":{}}"}, {BAGS, "[1]", "{\"a\":\"1\"}"},
            {HERO, "name", "\"a\\u0000\""}, {HERO, "gear", "{\"weapon\":\"a\""},
        };
        for (size_t i = 0; i < COUNT(no_json); i++) {
            REFUSED(MST_ERR_INVALID_JSON, mst_profile_set_json_at(profile, no_json[i].property, AT(no_json[i].path),
                                                                  AT(no_json[i].json)));
            CHECK(last_error_names(NESTED[no_json[i].property][0]));
        }
        REFUSED(MST_ERR_INVALID_JSON, mst_profile_insert_json_at(profile, QUESTS, NULL, 0, 0, AT("[]")));
        REFUSED(MST_ERR_INVALID_JSON, mst_profile_insert_json_at(profile, QUESTS, AT("[0].steps"), 0, AT("1")));
        REFUSED(MST_ERR_INVALID_JSON, mst_profile_insert_json_at(profile, GRID, AT("[0]"), 0, AT("")));
    }

    /* Sums and bounds that are none. */
    REFUSED(MST_ERR_OVERFLOW, mst_profile_add_int_at(profile, HERO, AT("hp"), INT32_MAX));
    CHECK(last_error_names("hero.hp"));
    REFUSED(MST_ERR_OVERFLOW, mst_profile_add_int_at(profile, GRID, AT("[0][0]"), INT64_MAX));
    REFUSED(MST_ERR_GUARD_FAILED, mst_profile_add_int_guarded_at(profile, HERO, AT("hp"), -11, 0, 99));
    CHECK(last_error_names("hero.hp") && last_error_names("-11"));
    REFUSED(MST_ERR_GUARD_FAILED, mst_profile_add_f64_guarded_at(profile, HERO, AT("speed"), -1, 0, 9));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_add_int_clamped_at(profile, HERO, AT("hp"), 1, 2, 1));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_add_int_guarded_at(profile, GRID, AT("[0][0]"), 1, 2, 1));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_add_f64_clamped_at(profile, HERO, AT("speed"), 1, 2, 1));
    {
        const double zero = 0, nan = zero / zero;
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_add_f64_guarded_at(profile, HERO, AT("speed"), 1, nan, 1));
    }
    /* No more rows than three. */
    OK(mst_profile_insert_json_at(profile, GRID, NULL, 0, UINT32_MAX, AT("[]")));
    REFUSED(MST_ERR_TOO_MANY, mst_profile_insert_json_at(profile, GRID, NULL, 0, UINT32_MAX, AT("[]")));
    CHECK(last_error_names("grid"));
    REFUSED(MST_ERR_TOO_MANY, mst_profile_set_json_at(profile, GRID, NULL, 0, AT("[[],[],[],[]]")));
    OK(mst_profile_remove_at(profile, GRID, AT("[2]")));
    drop_events(profile);
}

/* ---- what there is ---- */

static void changes_at_depth(MstProfile *profile) {
    const MstValue dragon = string_of("dragon"), search = string_of("search"), fight = string_of("fight");
    const MstValue yes = int_of(MST_TYPE_BOOL, 1);
    MstEvent event;

    /* A record by JSON; what is left out has its default. */
    OK(mst_profile_insert_json_at(profile, QUESTS, NULL, 0, UINT32_MAX, AT("{\"id\":\"rats\",\"steps\":[\"search\"]}")));
    event = changed_at(profile, QUESTS, MST_CHANGE_ITEM_INSERTED, "[0]", 0);
    CHECK(event.value_type == MST_TYPE_RECORD && event.has_new == 1 && event.item_index == 0);
    OK(mst_profile_event_value(profile, 1, &out.value, NULL, 0, &len));
    CHECK(out.value.value_type == MST_TYPE_RECORD && out.value.text == NULL && len == 0);
    CHECK(json_at_is(profile, QUESTS, "[0]",
                     "{\"done\":false,\"id\":\"rats\",\"progress\":0,\"rewards\":{},\"steps\":[\"search\"]}"));

    /* Values without parts, and numbers of elements. */
    OK(mst_profile_get_at(profile, QUESTS, AT("[0].id"), &out.value, text, sizeof text, &len));
    CHECK(is_text(&out.value, "rats") && out.value.text == text && len == 4);
    OK(mst_profile_get_at(profile, QUESTS, AT("[0][\"id\"]"), &out.value, text, sizeof text, NULL));
    CHECK(is_text(&out.value, "rats"));
    OK(mst_profile_get_at(profile, QUESTS, AT("[0].steps"), &out.value, NULL, 0, NULL));
    CHECK(out.value.value_type == MST_TYPE_LIST && out.value.int_value == 1 && out.value.text == NULL);
    OK(mst_profile_get_at(profile, QUESTS, AT("[0].rewards"), &out.value, NULL, 0, NULL));
    CHECK(out.value.value_type == MST_TYPE_DICT && out.value.int_value == 0);
    OK(mst_profile_get_at(profile, HERO, NULL, 0, &out.value, NULL, 0, NULL));
    CHECK(out.value.value_type == MST_TYPE_RECORD && out.value.int_value == 0 && out.value.text == NULL);
    OK(mst_profile_get_at(profile, RANK, NULL, 0, &out.value, NULL, 0, NULL));
    CHECK(out.value.value_type == MST_TYPE_I32 && out.value.int_value == 3);
    OK(mst_profile_list_get(profile, QUESTS, 0, &out.value, NULL, 0, NULL));
    CHECK(out.value.value_type == MST_TYPE_RECORD && out.value.text == NULL);
    OK(mst_profile_list_get(profile, GRID, 0, &out.value, NULL, 0, NULL));
    CHECK(out.value.value_type == MST_TYPE_LIST && out.value.int_value == 2);
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_get_value(profile, HERO, &out.value, text, sizeof text, &len));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_get_value(profile, QUESTS, &out.value, text, sizeof text, &len));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_get_confirmed(profile, HERO, &out.value, text, sizeof text, &len));
    CHECK(count_at(profile, QUESTS, "") == 1 && count_at(profile, QUESTS, "[0].steps") == 1);
    CHECK(count_at(profile, QUESTS, "[0].rewards") == 0 && count_at(profile, STATS, "") == 1);
    CHECK(count_at(profile, DEEP, "[0][0][0][0][0][0][0]") == 1 && json_at_is(profile, DEEP, "[0][0][0][0][0][0][0][0]", "7"));

    /* What is shown is not confirmed. */
    REFUSED(MST_ERR_NO_SUCH_PLACE,
            mst_profile_get_confirmed_at(profile, QUESTS, AT("[0].id"), &out.value, text, sizeof text, &len));
    OK(mst_profile_take_delta(profile, (uint8_t *)text, sizeof text, &len));
    OK(mst_profile_get_confirmed_at(profile, QUESTS, AT("[0].id"), &out.value, text, sizeof text, &len));
    CHECK(is_text(&out.value, "rats"));
    OK(mst_profile_set_at(profile, QUESTS, AT("[0].id"), &dragon));
    OK(mst_profile_get_confirmed_at(profile, QUESTS, AT("[0].id"), &out.value, text, sizeof text, &len));
    CHECK(is_text(&out.value, "rats"));
    event = changed_at(profile, QUESTS, MST_CHANGE_FIELD_SET, "[0].id", 1);
    CHECK(event.value_type == MST_TYPE_STRING && event.has_old == 1 && event.has_new == 1);
    CHECK(event_value_is(profile, 0, "rats") && event_value_is(profile, 1, "dragon"));
    OK(mst_profile_set_at(profile, QUESTS, AT("[0].id"), &dragon)); /* no change */

    OK(mst_profile_add_int_at(profile, QUESTS, AT("[0].progress"), 3));
    event = changed_at(profile, QUESTS, MST_CHANGE_FIELD_SET, "[0].progress", 1);
    CHECK(event.value_type == MST_TYPE_I32 && event.old_int == 0 && event.new_int == 3);
    OK(mst_profile_add_int_clamped_at(profile, QUESTS, AT("[0].progress"), 9, 0, 10));
    OK(mst_profile_add_int_guarded_at(profile, QUESTS, AT("[0].progress"), -4, 0, 10));
    CHECK(json_at_is(profile, QUESTS, "[0].progress", "6"));
    changed_at(profile, QUESTS, MST_CHANGE_FIELD_SET, "[0].progress", 1);
    changed_at(profile, QUESTS, MST_CHANGE_FIELD_SET, "[0].progress", 1);
    OK(mst_profile_set_at(profile, QUESTS, AT("[0].done"), &yes));
    changed_at(profile, QUESTS, MST_CHANGE_FIELD_SET, "[0].done", 1);

    /* A list within. */
    OK(mst_profile_insert_at(profile, QUESTS, AT("[0].steps"), UINT32_MAX, &fight));
    event = changed_at(profile, QUESTS, MST_CHANGE_ITEM_INSERTED, "[0].steps[1]", 1);
    CHECK(event.item_index == 1 && event_value_is(profile, 1, "fight"));
    OK(mst_profile_insert_json_at(profile, QUESTS, AT("[0].steps"), 0, AT("\"run\"")));
    changed_at(profile, QUESTS, MST_CHANGE_ITEM_INSERTED, "[0].steps[0]", 1);
    OK(mst_profile_move_at(profile, QUESTS, AT("[0].steps[0]"), 2));
    event = changed_at(profile, QUESTS, MST_CHANGE_ITEM_MOVED, "[0].steps[0]", 1);
    CHECK(event.item_index == 0 && event.to_index == 2 && event.has_new == 0);
    CHECK(json_at_is(profile, QUESTS, "[0].steps", "[\"search\",\"fight\",\"run\"]"));
    OK(mst_profile_move_at(profile, QUESTS, AT("[0].steps[1]"), 1)); /* no change */
    OK(mst_profile_set_at(profile, QUESTS, AT("[0].steps[1]"), &search));
    event = changed_at(profile, QUESTS, MST_CHANGE_ITEM_SET, "[0].steps[1]", 1);
    CHECK(event_value_is(profile, 0, "fight") && event_value_is(profile, 1, "search"));
    OK(mst_profile_remove_at(profile, QUESTS, AT("[0].steps[0]")));
    event = changed_at(profile, QUESTS, MST_CHANGE_ITEM_REMOVED, "[0].steps[0]", 1);
    CHECK(event.has_old == 1 && event.has_new == 0 && event_value_is(profile, 0, "search"));
    OK(mst_profile_clear_at(profile, QUESTS, AT("[0].steps")));
    event = changed_at(profile, QUESTS, MST_CHANGE_CLEARED, "[0].steps", 1);
    CHECK(event.value_type == MST_TYPE_LIST && event.old_int == 2);
    OK(mst_profile_clear_at(profile, QUESTS, AT("[0].steps"))); /* no change */

    /* Dictionaries within: keys of every kind. */
    OK(mst_profile_add_int_at(profile, QUESTS, AT("[0].rewards[\"a \\\"big\\\" \\u00fc\"]"), 2));
    event = changed_at(profile, QUESTS, MST_CHANGE_ENTRY_PUT, "[0].rewards[\"a \\\"big\\\" \xc3\xbc\"]", 1);
    CHECK(event.key_type == MST_KEY_STRING && event.has_old == 0 && event.new_int == 2);
    OK(mst_profile_event_key(profile, &out.key, text, sizeof text, &len));
    CHECK(is_text_key(&out.key, "a \"big\" \xc3\xbc"));
    OK(mst_profile_get_at(profile, QUESTS, AT("[0].rewards[\"a \\\"big\\\" \xc3\xbc\"]"), &out.value, NULL, 0, NULL));
    CHECK(out.value.value_type == MST_TYPE_I64 && out.value.int_value == 2);
    OK(mst_profile_set_json_at(profile, QUESTS, AT("[0].rewards"), AT("{\"gold\":5,\"\":1}")));
    drop_events(profile);
    CHECK(json_at_is(profile, QUESTS, "[0].rewards", "{\"\":1,\"gold\":5}"));
    OK(mst_profile_remove_at(profile, QUESTS, AT("[0].rewards[\"\"]")));
    changed_at(profile, QUESTS, MST_CHANGE_ENTRY_REMOVED, "[0].rewards[\"\"]", 1);
    OK(mst_profile_remove_at(profile, QUESTS, AT("[0].rewards.nothing"))); /* no such entry is no error */
    OK(mst_profile_set_json_at(profile, BAGS, AT("[-2147483648]"), AT("{\"gold\":1.5}")));
    event = changed_at(profile, BAGS, MST_CHANGE_ENTRY_PUT, "[-2147483648]", 0);
    CHECK(event.value_type == MST_TYPE_DICT && event.new_int == 1);
    CHECK(event.key_type == MST_KEY_I32 && event.key_int == INT32_MIN);
    OK(mst_profile_add_f64_at(profile, BAGS, AT("[-2147483648].gold"), 0.5));
    event = changed_at(profile, BAGS, MST_CHANGE_ENTRY_PUT, "[-2147483648][\"gold\"]", 1);
    CHECK(event.old_float == 1.5 && event.new_float == 2 && event.key_type == MST_KEY_STRING);
    OK(mst_profile_add_f64_clamped_at(profile, BAGS, AT("[-2147483648].silver"), 9, 0, 4));
    OK(mst_profile_add_f64_guarded_at(profile, BAGS, AT("[-2147483648].silver"), -4, 0, 4));
    CHECK(json_at_is(profile, BAGS, "", "{\"-2147483648\":{\"gold\":2.0,\"silver\":0.0}}"));
    OK(mst_profile_clear_at(profile, BAGS, NULL, 0));
    drop_events(profile);

    /* A record of which two fields differ changes in two steps, which are one batch. */
    OK(mst_profile_set_json_at(profile, HERO, NULL, 0,
                               AT("{\"name\":\"Ann\",\"hp\":11,\"speed\":0,\"gear\":{\"weapon\":\"bow\"}}")));
    event = changed_at(profile, HERO, MST_CHANGE_FIELD_SET, ".hp", 1);
    CHECK(event.old_int == 10 && event.new_int == 11);
    changed_at(profile, HERO, MST_CHANGE_FIELD_SET, ".gear.weapon", 1);
    nothing_happened(profile);
    /* A field of it that is left out has its default. */
    OK(mst_profile_set_json_at(profile, HERO, AT("gear"), AT("{\"icon\":\"AQ==\"}")));
    CHECK(json_at_is(profile, HERO, "gear", "{\"icon\":\"AQ==\",\"weapon\":\"\"}"));
    drop_events(profile);

    /* Places of what has no parts in parts. */
    OK(mst_profile_add_int_at(profile, RANKS, AT("[0]"), 2));
    changed_at(profile, RANKS, MST_CHANGE_ITEM_SET, "[0]", 0);
    OK(mst_profile_insert_json_at(profile, RANKS, NULL, 0, 0, AT("1")));
    changed_at(profile, RANKS, MST_CHANGE_ITEM_INSERTED, "[0]", 0);
    OK(mst_profile_move_at(profile, RANKS, AT("[0]"), 1));
    changed_at(profile, RANKS, MST_CHANGE_ITEM_MOVED, "[0]", 0);
    CHECK(json_at_is(profile, RANKS, "", "[7,1]"));
    OK(mst_profile_add_int_at(profile, STATS, AT("[\"main quest\"]"), 2));
    changed_at(profile, STATS, MST_CHANGE_ENTRY_PUT, "[\"main quest\"]", 0);
    OK(mst_profile_add_int_at(profile, RANK, NULL, 0, 2));
    event = changed_at(profile, RANK, MST_CHANGE_REPLACED, "", 0);
    CHECK(event.new_int == 5);
    OK(mst_profile_set_json_at(profile, TITLES, AT("[9223372036854775807]"), AT("\"Duke\"")));
    event = changed_at(profile, TITLES, MST_CHANGE_ENTRY_PUT, "[9223372036854775807]", 0);
    CHECK(event.key_type == MST_KEY_I64 && event.key_int == INT64_MAX);
    OK(mst_profile_clear_at(profile, TITLES, NULL, 0));
    changed_at(profile, TITLES, MST_CHANGE_CLEARED, "", 0);
    OK(mst_profile_remove_at(profile, RANKS, AT("[1]")));
    OK(mst_profile_clear_at(profile, RANKS, NULL, 0));
    drop_events(profile);

    /* A batch that is taken back, with its places in the events. */
    OK(mst_profile_begin_batch(profile));
    OK(mst_profile_add_int_at(profile, QUESTS, AT("[0].progress"), 1));
    OK(mst_profile_insert_at(profile, QUESTS, AT("[0].steps"), 0, &fight));
    drop_events(profile);
    OK(mst_profile_cancel_batch(profile));
    event = changed_at(profile, QUESTS, MST_CHANGE_FIELD_SET, "[0].progress", 1);
    CHECK(event.cause == MST_CAUSE_ROLLBACK && event.new_int == 6);
    event = changed_at(profile, QUESTS, MST_CHANGE_ITEM_REMOVED, "[0].steps[0]", 1);
    CHECK(event.cause == MST_CAUSE_ROLLBACK && event_value_is(profile, 0, "fight"));
    nothing_happened(profile);
}

static void short_buffers(MstProfile *profile) {
    MstEvent event;
    SHORT_BUFFER(mst_profile_get_at, void, profile, QUESTS, AT("[0].id"), &out.value);
    SHORT_BUFFER(mst_profile_get_confirmed_at, void, profile, QUESTS, AT("[0].id"), &out.value);
    SHORT_BUFFER(mst_profile_get_json_at, char, profile, QUESTS, AT("[0]"));
    pattern();
    GIVES(MST_ERR_BUFFER_TOO_SMALL, mst_profile_get_at(profile, QUESTS, AT("[0].id"), &out.value, NULL, 0, NULL));
    CHECK(pattern_stands());
    OK(mst_profile_insert_json_at(profile, QUESTS, AT("[0].steps"), 0, AT("\"wait\"")));
    OK(mst_profile_next_event(profile, &event));
    SHORT_BUFFER(mst_profile_event_path, char, profile);
    SHORT_BUFFER(mst_profile_event_value, void, profile, 1, &out.value);
    NO_BUFFER(mst_profile_event_path, char, profile);
    NO_BUFFER(mst_profile_get_json_at, char, profile, QUESTS, AT("[0]"));
    NO_ROOM(mst_profile_get_at, profile, QUESTS, AT("[0].id"), &out.value);
    NO_ROOM(mst_profile_get_confirmed_at, profile, QUESTS, AT("[0].progress"), &out.value);
    NO_OUT(mst_profile_get_at(profile, QUESTS, AT("[0].id"), NULL, text, sizeof text, &len));
    NO_OUT(mst_profile_get_confirmed_at(profile, QUESTS, AT("[0].id"), ODD, text, sizeof text, &len));
    NO_OUT(mst_profile_count_at(profile, QUESTS, AT("[0].steps"), NULL));
    NO_OUT(mst_profile_count_at(profile, QUESTS, AT("[0].steps"), ODD));
}

void places(void) {
    MstSchema *schema = make_nested_schema();
    MstProfile *profile = make_profile(schema);
    MstPropertyInfo info;

    names_of_types();
    for (uint32_t i = 0; i < NESTED_PROPERTIES; i++) {
        OK(mst_schema_property_type(schema, i, text, sizeof text, &len));
        CHECK(len == LEN(NESTED[i][1]) && memcmp(text, NESTED[i][1], len) == 0);
        SHORT_BUFFER(mst_schema_property_type, char, schema, i);
    }
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_schema_property_type(schema, NESTED_PROPERTIES, text, sizeof text, &len));
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_schema_property_type(schema, UINT32_MAX, text, sizeof text, &len));
    OK(mst_schema_property_info(schema, QUESTS, &info));
    CHECK(info.value_type == MST_TYPE_LIST && info.element_type == MST_TYPE_RECORD);
    OK(mst_schema_property_info(schema, BAGS, &info));
    CHECK(info.value_type == MST_TYPE_DICT && info.element_type == MST_TYPE_DICT && info.key_type == MST_KEY_I32);
    OK(mst_schema_property_info(schema, HERO, &info));
    CHECK(info.value_type == MST_TYPE_RECORD);

    no_ways(profile);
    OK(mst_profile_insert_json_at(profile, QUESTS, NULL, 0, 0, AT("{\"id\":\"a\",\"steps\":[\"b\",\"c\"]}")));
    drop_events(profile);
    no_ways(profile);
    nothing_there(profile);
    OK(mst_profile_clear_at(profile, QUESTS, NULL, 0));
    changed_at(profile, QUESTS, MST_CHANGE_CLEARED, "", 0);
    changes_at_depth(profile);
    short_buffers(profile);
    OK(mst_profile_free(profile));
    OK(mst_schema_free(schema));
}

/* What properties are declared with, what a schema says of them, and views. */

#include "abuse.h"

/* Options whose field has this value are refused, and the error names the field. */
#define OPTION_REFUSED(field, given)                                                                                   \
    do {                                                                                                               \
        MstPropertyOptions options = property_options_of(MST_WRITERS_SERVERS, MST_VISIBILITY_OWNER);                   \
        options.field = (given);                                                                                       \
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_i32(builder, "a", 1, 0, &options));                   \
        CHECK(last_error_names(strrchr("." #field, '.') + 1));                                                         \
    } while (0)

#define OPTION_TEXT_REFUSED(field)                                                                                     \
    do {                                                                                                               \
        MstPropertyOptions options = property_options_of(MST_WRITERS_SERVERS, MST_VISIBILITY_OWNER);                   \
        options.field##_len = 2;                                                                                       \
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_i32(builder, "a", 1, 0, &options));                   \
        CHECK(last_error_names(#field));                                                                               \
        options.field = BAD_UTF8;                                                                                      \
        REFUSED(MST_ERR_INVALID_UTF8, mst_schema_builder_add_i32(builder, "a", 1, 0, &options));                       \
    } while (0)

/* One property with this default and these options makes no schema. */
static void no_schema(MstResult expected, const char *word, MstValue value, const MstPropertyOptions *options) {
    MstSchemaBuilder *builder = make_builder();
    OK(mst_schema_builder_add_value(builder, "a", 1, &value, options));
    REFUSED(expected, mst_schema_builder_build(builder, &out.schema));
    CHECK(last_error_names(word));
    OK(mst_schema_builder_free(builder));
}

void declarations(void) {
    MstSchemaBuilder *builder = make_builder();
    MstPropertyOptions options;
    MstValue value = int_of(MST_TYPE_I32, 1);
    static const int32_t no_scalar[] = {MST_TYPE_NONE, 14, MST_TYPE_LIST, MST_TYPE_DICT, 256 + 2, -1, INT32_MAX, INT32_MIN};
    static const int32_t no_key[] = {MST_KEY_NONE, 4, -1, 256 + 1, INT32_MAX};

    /* Values that are none. */
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_value(builder, "a", 1, NULL, NULL));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_value(builder, "a", 1, ODD, NULL));
    for (size_t i = 0; i < COUNT(no_scalar); i++) {
        value.value_type = no_scalar[i];
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_value(builder, "a", 1, &value, NULL));
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_list(builder, "a", 1, no_scalar[i], NULL));
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_dict(builder, "a", 1, MST_KEY_I32, no_scalar[i], NULL));
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_by_key(builder, 1, MST_TYPE_LIST, no_scalar[i], 0));
        REFUSED(MST_ERR_INVALID_ARGUMENT,
                mst_schema_builder_add_by_key(builder, 1, MST_TYPE_DICT, no_scalar[i], MST_KEY_I32));
    }
    for (size_t i = 0; i < COUNT(no_key); i++) {
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_dict(builder, "a", 1, no_key[i], MST_TYPE_I32, NULL));
        REFUSED(MST_ERR_INVALID_ARGUMENT,
                mst_schema_builder_add_by_key(builder, 1, MST_TYPE_DICT, MST_TYPE_I32, no_key[i]));
    }
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_by_key(builder, 1, 0, 0, 0));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_by_key(builder, 1, 14, 0, 0));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_by_key(builder, 1, MST_TYPE_I32, MST_TYPE_I32, 0));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_by_key(builder, 1, MST_TYPE_I32, 0, MST_KEY_I32));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_by_key(builder, 1, MST_TYPE_LIST, MST_TYPE_I32, 1));
    value = int_of(MST_TYPE_I32, INT64_C(1) << 31);
    REFUSED(MST_ERR_OUT_OF_RANGE, mst_schema_builder_add_value(builder, "a", 1, &value, NULL));
    value = int_of(MST_TYPE_COLOR, INT64_C(1) << 32);
    REFUSED(MST_ERR_OUT_OF_RANGE, mst_schema_builder_add_value(builder, "a", 1, &value, NULL));
    value = int_of(MST_TYPE_COLOR, -1);
    REFUSED(MST_ERR_OUT_OF_RANGE, mst_schema_builder_add_value(builder, "a", 1, &value, NULL));
    value = int_of(MST_TYPE_DATETIME, INT64_MAX);
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_value(builder, "a", 1, &value, NULL));
    value = bytes_of(MST_TYPE_STRING, NULL, 3);
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_value(builder, "a", 1, &value, NULL));
    value = bytes_of(MST_TYPE_BYTES, NULL, 3);
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_value(builder, "a", 1, &value, NULL));
    value = string_of(BAD_UTF8);
    REFUSED(MST_ERR_INVALID_UTF8, mst_schema_builder_add_value(builder, "a", 1, &value, NULL));

    /* Options that are none. */
    OPTION_REFUSED(merge, 2);
    OPTION_REFUSED(merge, -1);
    OPTION_REFUSED(sync, 3);
    OPTION_REFUSED(unsaved, 2);
    OPTION_REFUSED(has_key, 255);
    OPTION_REFUSED(limits.has_min, 2);
    OPTION_REFUSED(limits.has_max, 2);
    OPTION_REFUSED(limits.has_min_length, 2);
    OPTION_REFUSED(limits.has_max_length, 2);
    OPTION_REFUSED(limits.has_min_count, 2);
    OPTION_REFUSED(limits.has_max_count, 2);
    OPTION_REFUSED(limits.has_max_key_length, 2);
    OPTION_REFUSED(limits.finite, 2);
    OPTION_REFUSED(limits.monotonic, 2);
    options = property_options_of(MST_WRITERS_SERVERS, MST_VISIBILITY_OWNER);
    options.limits.reserved[1] = 1;
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_schema_builder_add_i32(builder, "a", 1, 0, &options));
    OPTION_TEXT_REFUSED(pattern);
    OPTION_TEXT_REFUSED(key_pattern);
    OPTION_TEXT_REFUSED(description);
    OPTION_TEXT_REFUSED(aliases);

    /* Limits that do not go with the property, that are none, or that the default does not keep to. */
    options = property_options_of(MST_WRITERS_SERVERS, MST_VISIBILITY_OWNER);
    options.limits.has_max_count = 1;
    no_schema(MST_ERR_INVALID_SCHEMA, "max_count", int_of(MST_TYPE_I32, 1), &options);
    options = property_options_of(MST_WRITERS_SERVERS, MST_VISIBILITY_OWNER);
    options.limits.has_min = options.limits.has_max = 1;
    options.limits.min_int = 2;
    no_schema(MST_ERR_INVALID_SCHEMA, "min", int_of(MST_TYPE_I32, 1), &options);
    options.limits.max_int = 3;
    no_schema(MST_ERR_INVALID_SCHEMA, "default", int_of(MST_TYPE_I32, 1), &options);
    options.limits.max_int = INT64_MAX;
    no_schema(MST_ERR_INVALID_SCHEMA, "max", int_of(MST_TYPE_I32, 2), &options);
    options = property_options_of(MST_WRITERS_SERVERS, MST_VISIBILITY_OWNER);
    options.pattern = "(";
    options.pattern_len = 1;
    no_schema(MST_ERR_INVALID_SCHEMA, "pattern", string_of("a"), &options);
    options = property_options_of(MST_WRITERS_SERVERS, MST_VISIBILITY_OWNER);
    options.aliases = "\n\na\n";
    options.aliases_len = 4;
    no_schema(MST_ERR_DUPLICATE_NAME, "`a`", string_of("a"), &options);
    value = bytes_of(MST_TYPE_STRING, "a\0b", 3);
    no_schema(MST_ERR_INVALID_TEXT, "`a`", value, NULL);

    OK(mst_schema_builder_free(builder));
}

static int text_of_property_is(MstResult (*get)(const MstSchema *, uint32_t, char *, uint32_t, uint32_t *),
                               const MstSchema *schema, uint32_t property, const char *expected) {
    uint32_t length = 0;
    OK(get(schema, property, text, sizeof text, &length));
    return length == strlen(expected) && memcmp(text, expected, length) == 0;
}

void infos(void) {
    MstSchema *schema = make_wide_schema();
    MstPropertyInfo info;
    uint32_t count = 0;

    for (uint32_t i = 0; i < WIDE_SCALARS; i++) {
        const MstValue expected = wide_default(i);
        MstValue value;
        OK(mst_schema_property_info(schema, i, &info));
        CHECK(info.value_type == expected.value_type && info.element_type == info.value_type);
        CHECK(info.key_type == MST_KEY_NONE && info.interval_ms == 0);
        len = 99;
        OK(mst_schema_property_default(schema, i, &value, text, sizeof text, &len));
        CHECK(same_value(&value, &expected) && len == expected.text_len);
        CHECK(value.text == (expected.text_len > 0 ? text : NULL));
        OK(mst_schema_property_default(schema, i, &value, text, sizeof text, NULL));
    }
    OK(mst_schema_property_info(schema, WIDE_ITEMS, &info));
    CHECK(info.value_type == MST_TYPE_LIST && info.element_type == MST_TYPE_STRING && info.key_type == MST_KEY_NONE);
    CHECK(info.limits.has_max_count == 1 && info.limits.max_count == 4 && info.limits.has_min_count == 0);
    OK(mst_schema_property_info(schema, WIDE_STATS, &info));
    CHECK(info.value_type == MST_TYPE_DICT && info.element_type == MST_TYPE_I64 && info.key_type == MST_KEY_STRING);
    CHECK(info.key == 77 && info.limits.has_max_key_length == 1 && info.limits.max_key_length == 6);
    OK(mst_schema_property_info(schema, WIDE_SLOTS, &info));
    CHECK(info.value_type == MST_TYPE_DICT && info.element_type == MST_TYPE_STRING && info.key_type == MST_KEY_I32);
    CHECK(info.limits.has_min_count == 1 && info.limits.min_count == 0 && info.limits.max_count == 2);
    OK(mst_schema_property_info(schema, WIDE_LEVEL, &info));
    CHECK(info.limits.has_min == 1 && info.limits.min_int == 0 && info.limits.has_max == 1);
    CHECK(info.limits.max_int == 100 && info.limits.max_float == 0 && info.visibility == MST_VISIBILITY_PUBLIC);
    CHECK(info.merge == MST_MERGE_LAST && info.sync == MST_SYNC_INTERVAL && info.saved == 1);
    OK(mst_schema_property_info(schema, WIDE_GOLD, &info));
    CHECK(info.merge == MST_MERGE_SUM && info.sync == MST_SYNC_IMMEDIATE && info.limits.has_min == 0);
    OK(mst_schema_property_info(schema, WIDE_SPEED, &info));
    CHECK(info.limits.finite == 1 && info.limits.has_min == 0 && info.limits.has_max == 1);
    CHECK(info.limits.max_float == 2.5 && info.limits.max_int == 0 && info.limits.monotonic == 0);
    OK(mst_schema_property_info(schema, WIDE_TITLE, &info));
    CHECK(info.writers == MST_WRITERS_OWNER && info.limits.min_length == 2 && info.limits.max_length == 10);
    CHECK(info.limits.has_min_length == 1 && info.limits.has_max_length == 1);
    OK(mst_schema_property_info(schema, WIDE_SINCE, &info));
    CHECK(info.saved == 0 && info.limits.monotonic == 1);

    CHECK(text_of_property_is(mst_schema_property_pattern, schema, WIDE_TITLE, "^[A-Z]"));
    CHECK(text_of_property_is(mst_schema_property_pattern, schema, WIDE_STATS, ""));
    CHECK(text_of_property_is(mst_schema_property_key_pattern, schema, WIDE_STATS, "^[a-z]+$"));
    CHECK(text_of_property_is(mst_schema_property_key_pattern, schema, WIDE_TITLE, ""));
    CHECK(text_of_property_is(mst_schema_property_description, schema, WIDE_GOLD, "What there is to spend."));
    CHECK(text_of_property_is(mst_schema_property_description, schema, WIDE_VIP, ""));
    OK(mst_schema_property_alias_count(schema, WIDE_GOLD, &count));
    CHECK(count == 2);
    OK(mst_schema_property_alias(schema, WIDE_GOLD, 1, text, sizeof text, &len));
    CHECK(len == 5 && memcmp(text, "money", 5) == 0);
    OK(mst_schema_property_alias_count(schema, WIDE_VIP, &count));
    CHECK(count == 0);

    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_schema_property_alias(schema, WIDE_GOLD, 2, text, sizeof text, &len));
    CHECK(last_error_names("gold"));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_schema_property_alias(schema, WIDE_VIP, UINT32_MAX, text, sizeof text, &len));
    for (uint32_t i = WIDE_SCALARS; i < WIDE_PROPERTIES; i++) {
        REFUSED(MST_ERR_WRONG_TYPE, mst_schema_property_default(schema, i, &out.value, text, sizeof text, &len));
    }
    static const uint32_t no_index[] = {WIDE_PROPERTIES, 65536, UINT32_MAX};
    for (size_t i = 0; i < COUNT(no_index); i++) {
        const uint32_t no = no_index[i];
        REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_schema_property_default(schema, no, &out.value, text, sizeof text, &len));
        REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_schema_property_pattern(schema, no, text, sizeof text, &len));
        REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_schema_property_key_pattern(schema, no, text, sizeof text, &len));
        REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_schema_property_description(schema, no, text, sizeof text, &len));
        REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_schema_property_alias_count(schema, no, &out.u32));
        REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_schema_property_alias(schema, no, 0, text, sizeof text, &len));
    }
    NO_OUT(mst_schema_property_alias_count(schema, WIDE_GOLD, NULL));
    NO_OUT(mst_schema_property_alias_count(schema, WIDE_GOLD, ODD));
    NO_OUT(mst_schema_property_default(schema, WIDE_TITLE, NULL, text, sizeof text, &len));
    NO_OUT(mst_schema_property_default(schema, WIDE_TITLE, ODD, text, sizeof text, &len));
    NO_ROOM(mst_schema_property_default, schema, WIDE_TITLE, &out.value);
    NO_BUFFER(mst_schema_property_pattern, char, schema, WIDE_TITLE);
    NO_BUFFER(mst_schema_property_key_pattern, char, schema, WIDE_STATS);
    NO_BUFFER(mst_schema_property_description, char, schema, WIDE_GOLD);
    NO_BUFFER(mst_schema_property_alias, char, schema, WIDE_GOLD, 0);
    SHORT_BUFFER(mst_schema_property_pattern, char, schema, WIDE_TITLE);
    SHORT_BUFFER(mst_schema_property_key_pattern, char, schema, WIDE_STATS);
    SHORT_BUFFER(mst_schema_property_description, char, schema, WIDE_GOLD);
    SHORT_BUFFER(mst_schema_property_alias, char, schema, WIDE_GOLD, 1);
    SHORT_BUFFER(mst_schema_property_default, void, schema, WIDE_TITLE, &out.value);
    OK(mst_schema_free(schema));
}

/* A game server that knows two properties by their keys alone is told the rest; one whose types are others is not let in. */
void views(void) {
    MstSchema *schema = make_wide_schema(), *view = NULL, *told = NULL;
    MstMaster *master = start_master(schema);
    MstSchemaBuilder *builder = make_builder();
    MstEndpoint *endpoint;
    MstProfile *profile;
    MstPropertyInfo info;
    uint16_t gold_key = 0;
    int64_t gold = 0;
    const MstKey kills = text_key("kills");

    OK(mst_property_key("gold", 4, &gold_key));
    OK(mst_schema_builder_add_by_key(builder, 77, MST_TYPE_DICT, MST_TYPE_I64, MST_KEY_STRING));
    OK(mst_schema_builder_add_by_key(builder, gold_key, MST_TYPE_I64, 0, 0));
    OK(mst_schema_builder_build(builder, &view));
    OK(mst_schema_builder_free(builder));
    CHECK(text_of_property_is(mst_schema_property_name, view, 0, "#77"));

    endpoint = connect_to(master, view, NULL);
    profile = fill(endpoint, "viewed");
    wait_for(endpoint, MST_EVENT_PROFILE_LOADED);
    OK(mst_schema_of_profile(profile, &told));
    CHECK(text_of_property_is(mst_schema_property_name, told, 0, "stats"));
    CHECK(text_of_property_is(mst_schema_property_name, told, 1, "gold"));
    CHECK(text_of_property_is(mst_schema_property_key_pattern, told, 0, "^[a-z]+$"));
    OK(mst_schema_property_info(told, 1, &info));
    CHECK(info.merge == MST_MERGE_SUM && info.sync == MST_SYNC_IMMEDIATE && info.key == gold_key);
    OK(mst_schema_free(told));
    OK(mst_profile_get_i64(profile, 1, &gold));
    CHECK(gold == -5000000000);
    OK(mst_profile_dict_add_int(profile, 0, &kills, 3));
    CHECK(json_is(profile, "{\"gold\":-5000000000,\"stats\":{\"kills\":3}}"));
    OK(mst_profile_flush(profile, NULL));
    wait_for(endpoint, MST_EVENT_DURABLE);
    OK(mst_endpoint_close(endpoint, PATIENCE_MS));
    REFUSED(MST_ERR_RELEASED, mst_schema_of_profile(profile, &out.schema));
    OK(mst_profile_free(profile));
    OK(mst_endpoint_free(endpoint));
    OK(mst_schema_free(view));

    builder = make_builder();
    OK(mst_schema_builder_add_by_key(builder, 77, MST_TYPE_LIST, MST_TYPE_I64, 0));
    OK(mst_schema_builder_build(builder, &view));
    OK(mst_schema_builder_free(builder));
    endpoint = connect_to(master, view, NULL);
    CHECK(wait_for(endpoint, MST_EVENT_FAILED).code == MST_ERR_SCHEMA_MISMATCH);
    OK(mst_endpoint_free(endpoint));
    OK(mst_schema_free(view));

    profile = make_profile(schema);
    NO_OUT(mst_schema_of_profile(profile, NULL));
    NO_OUT(mst_schema_of_profile(profile, ODD));
    OK(mst_schema_of_profile(profile, &told));
    CHECK(told != schema);
    OK(mst_schema_property_count(told, &len));
    CHECK(len == WIDE_PROPERTIES);
    OK(mst_schema_free(told));
    OK(mst_profile_free(profile));
    OK(mst_master_free(master));
    OK(mst_schema_free(schema));
}

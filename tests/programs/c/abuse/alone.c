/* Schemas, and profiles that belong to no endpoint. */

#include "abuse.h"

void schemas(void) {
    MstSchemaBuilder *builder = make_builder();
    MstSchema *schema = make_schema(), *same = make_schema(), *empty = NULL;
    MstPropertyOptions options;
    char first[16], second[16];
    static uint8_t seen[65536];
    uint16_t key = 0;
    uint64_t one = 0, two = 1;
    int i;

    /* Two names with one key: the error names both, and an explicit key resolves it. */
    for (i = 0;; i++) {
        snprintf(second, sizeof second, "p%d", i);
        OK(mst_property_key(second, LEN(second), &key));
        if (seen[key]) {
            break;
        }
        seen[key] = 1;
    }
    for (i = 0;; i++) {
        uint16_t other = 0;
        snprintf(first, sizeof first, "p%d", i);
        OK(mst_property_key(first, LEN(first), &other));
        if (other == key) {
            break;
        }
    }
    OK(mst_schema_builder_add_i32(builder, first, LEN(first), 0, NULL));
    OK(mst_schema_builder_add_string(builder, second, LEN(second), "x", 1, NULL));
    REFUSED(MST_ERR_KEY_COLLISION, mst_schema_builder_build(builder, &out.schema));
    CHECK(last_error_names(first) && last_error_names(second));
    OK(mst_schema_builder_free(builder));

    builder = make_builder();
    OK(mst_property_options_init(&options));
    options.has_key = 1;
    options.key = (uint16_t)(key + 1);
    OK(mst_schema_builder_add_i32(builder, first, LEN(first), 0, NULL));
    OK(mst_schema_builder_add_string(builder, second, LEN(second), "x", 1, &options));
    OK(mst_schema_builder_build(builder, &empty));
    OK(mst_schema_find_key(empty, (uint16_t)(key + 1), &out.u32));
    CHECK(out.u32 == 1);
    OK(mst_schema_property_info(empty, 1, &out.info));
    CHECK(out.info.value_type == MST_TYPE_STRING && out.info.key == (uint16_t)(key + 1) && out.info.interval_ms == 0);
    CHECK(out.info.writers == MST_WRITERS_SERVERS && out.info.visibility == MST_VISIBILITY_OWNER);
    CHECK(out.info.element_type == MST_TYPE_STRING && out.info.key_type == MST_KEY_NONE && out.info.saved == 1);
    OK(mst_schema_free(empty));

    /* Names and defaults that no schema has. */
    static const struct {
        const char *name, *value;
        MstResult expected;
    } bad[] = {
        {"", "x", MST_ERR_INVALID_NAME},     {"$mst", "x", MST_ERR_INVALID_NAME},
        {"a\nb", "x", MST_ERR_INVALID_NAME}, {"a", "x\0y", MST_ERR_INVALID_TEXT},
    };
    for (i = 0; i < (int)COUNT(bad); i++) {
        MstSchemaBuilder *made = make_builder();
        const uint32_t value_len = bad[i].expected == MST_ERR_INVALID_TEXT ? 3 : 1;
        OK(mst_schema_builder_add_string(made, bad[i].name, LEN(bad[i].name), bad[i].value, value_len, NULL));
        REFUSED(bad[i].expected, mst_schema_builder_build(made, &out.schema));
        OK(mst_schema_builder_free(made));
    }
    for (i = 0; i <= 4096; i++) {
        snprintf(first, sizeof first, "p%d", i);
        options.key = (uint16_t)i;
        OK(mst_schema_builder_add_bool(builder, first, LEN(first), 1, &options));
    }
    REFUSED(MST_ERR_TOO_MANY_PROPERTIES, mst_schema_builder_build(builder, &out.schema));
    OK(mst_schema_builder_free(builder));

    /* An index and a key that are not there. */
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_schema_find_key(schema, 1, &out.u32));
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_schema_property_name(schema, PROPERTIES, text, sizeof text, &len));
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_schema_property_name(schema, UINT32_MAX, text, sizeof text, &len));
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_schema_property_info(schema, 65536, &out.info));
    OK(mst_schema_property_count(schema, &out.u32));
    CHECK(out.u32 == PROPERTIES);
    OK(mst_schema_fingerprint(schema, &one));
    OK(mst_schema_fingerprint(same, &two));
    CHECK(one == two);
    OK(mst_schema_free(same));
    OK(mst_schema_free(schema));
}

static void next_change(MstProfile *profile, uint32_t property, uint8_t cause, int64_t before, int64_t after) {
    MstEvent event;
    OK(mst_profile_next_event(profile, &event));
    CHECK(event.event_type == MST_EVENT_PROPERTY_CHANGED && event.profile == profile && event.code == MST_OK);
    CHECK(event.property_index == property && event.cause == cause);
    CHECK(event.old_int == before && event.new_int == after);
}

static void no_more_events(MstProfile *profile) {
    MstEvent event;
    OK(mst_profile_next_event(profile, &event));
    CHECK(event.event_type == MST_EVENT_NONE && event.profile == NULL);
    CHECK(event.property_index == UINT32_MAX && event.number == 0 && event.value_type == MST_TYPE_NONE);
}

void alone(void) {
    MstSchema *schema = make_schema();
    MstProfile *here = make_profile(schema), *there = make_profile(schema);
    uint8_t delta[256], snapshot[256], flag = 9;
    uint32_t delta_len = 0, snapshot_len = 0;
    MstEvent event;

    CHECK(json_is(here, "{\"gold\":10,\"level\":1,\"rating\":0.5,\"title\":\"Novice\",\"vip\":false}"));
    OK(mst_profile_is_loaded(here, &flag));
    CHECK(flag == 1);
    OK(mst_profile_is_dirty(here, &flag));
    CHECK(flag == 0);

    /* Every type: set and get, and each other type's functions refuse it. */
    OK(mst_profile_set_i32(here, LEVEL, -7));
    OK(mst_profile_set_i64(here, GOLD, INT64_MAX));
    OK(mst_profile_set_f64(here, RATING, -2.5));
    OK(mst_profile_set_string(here, TITLE, "Z\xc3\xbcrich", 7));
    OK(mst_profile_set_bool(here, VIP, 255));
    OK(mst_profile_get_i32(here, LEVEL, &out.i32));
    CHECK(out.i32 == -7);
    OK(mst_profile_get_i64(here, LEVEL, &out.i64));
    CHECK(out.i64 == -7);
    OK(mst_profile_get_i64(here, GOLD, &out.i64));
    CHECK(out.i64 == INT64_MAX);
    OK(mst_profile_get_f64(here, RATING, &out.f64));
    CHECK(out.f64 == -2.5);
    OK(mst_profile_get_string(here, TITLE, text, sizeof text, &len));
    CHECK(len == 7 && memcmp(text, "Z\xc3\xbcrich", 7) == 0);
    OK(mst_profile_get_bool(here, VIP, &out.u8));
    CHECK(out.u8 == 1);
    OK(mst_profile_is_pending(here, VIP, &flag));
    CHECK(flag == 1);
    for (uint32_t i = 0; i < PROPERTIES; i++) {
        if (i != VIP) {
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_get_bool(here, i, &out.u8));
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_bool(here, i, 1));
        }
        if (i != LEVEL) {
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_get_i32(here, i, &out.i32));
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_i32(here, i, 1));
        }
        if (i != GOLD) {
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_i64(here, i, 1));
        }
        if (i != GOLD && i != LEVEL) {
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_get_i64(here, i, &out.i64));
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_add_int(here, i, 1));
        }
        if (i != RATING) {
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_get_f32(here, i, &out.f32));
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_get_f64(here, i, &out.f64));
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_f32(here, i, 1));
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_f64(here, i, 1));
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_add_f64(here, i, 1));
        }
        if (i != TITLE) {
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_get_string(here, i, text, sizeof text, &len));
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_string(here, i, "a", 1));
        }
    }
    static const uint32_t no_index[] = {PROPERTIES, 65535, 65536, UINT32_MAX};
    for (size_t i = 0; i < COUNT(no_index); i++) {
        REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_profile_get_i32(here, no_index[i], &out.i32));
        REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_profile_get_string(here, no_index[i], text, sizeof text, &len));
        REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_profile_set_i64(here, no_index[i], 1));
        REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_profile_add_int(here, no_index[i], 1));
        REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_profile_is_pending(here, no_index[i], &out.u8));
    }
    REFUSED(MST_ERR_OVERFLOW, mst_profile_add_int(here, GOLD, 1));
    CHECK(last_error_names("gold"));
    REFUSED(MST_ERR_OVERFLOW, mst_profile_add_int(here, LEVEL, INT64_MIN));
    next_change(here, LEVEL, MST_CAUSE_LOCAL, 1, -7);
    next_change(here, GOLD, MST_CAUSE_LOCAL, 10, INT64_MAX);
    OK(mst_profile_next_event(here, &event));
    CHECK(event.value_type == MST_TYPE_F64 && event.old_float == 0.5 && event.new_float == -2.5);
    OK(mst_profile_next_event(here, &event));
    CHECK(event.value_type == MST_TYPE_STRING && event.property_index == TITLE);
    next_change(here, VIP, MST_CAUSE_LOCAL, 0, 1);
    no_more_events(here);

    /* A delta carries it over; a second one has nothing. */
    OK(mst_profile_take_delta(here, delta, sizeof delta, &delta_len));
    CHECK(delta_len > 0 && delta_len < 40);
    OK(mst_profile_apply_delta(there, delta, delta_len));
    CHECK(json_is(there, "{\"gold\":9223372036854775807,\"level\":-7,\"rating\":-2.5,\"title\":\"Z\xc3\xbcrich\","
                         "\"vip\":true}"));
    next_change(there, LEVEL, MST_CAUSE_REMOTE, 1, -7);
    next_change(there, GOLD, MST_CAUSE_REMOTE, 10, INT64_MAX);
    drop_events(there);
    OK(mst_profile_take_delta(here, delta, sizeof delta, &delta_len));
    CHECK(delta_len == 0);

    /* JSON: all or nothing. */
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_profile_apply_json(there, "{\"gold\":1,\"mana\":2}", 19));
    REFUSED(MST_ERR_INVALID_JSON, mst_profile_apply_json(there, "{\"gold\":1,\"level\":\"a\"}", 22));
    REFUSED(MST_ERR_INVALID_JSON, mst_profile_apply_json(there, "[1]", 3));
    no_more_events(there);
    OK(mst_profile_apply_json(there, "{\"gold\":1,\"vip\":false}", 22));
    OK(mst_profile_add_f64(there, RATING, 3));
    CHECK(json_is(there, "{\"gold\":1,\"level\":-7,\"rating\":0.5,\"title\":\"Z\xc3\xbcrich\",\"vip\":false}"));

    /* A snapshot takes all of it over. */
    OK(mst_profile_snapshot(here, snapshot, sizeof snapshot, &snapshot_len));
    OK(mst_profile_apply_snapshot(there, snapshot, snapshot_len));
    drop_events(there);
    OK(mst_profile_is_dirty(there, &flag));
    CHECK(flag == 0);
    CHECK(json_is(there, "{\"gold\":9223372036854775807,\"level\":-7,\"rating\":-2.5,\"title\":\"Z\xc3\xbcrich\","
                         "\"vip\":true}"));

    /* What only an endpoint's profile does. */
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_flush(here, &out.u64));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_pending(here, &out.pending));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_release(here));

    OK(mst_profile_free(here));
    OK(mst_profile_free(there));
    OK(mst_schema_free(schema));
}

/* Deltas and snapshots with changed bytes: taken, or malformed and then not taken at all. */
void mangled_bytes(void) {
    MstSchema *schema = make_schema();
    MstProfile *source = make_profile(schema), *target = make_profile(schema);
    uint8_t delta[256], snapshot[256], mangled[256];
    uint32_t delta_len = 0, snapshot_len = 0;
    uint64_t state = 88172645463325252u;
    const char changes[] = "{\"gold\":-5,\"level\":300,\"title\":\"Duke\",\"vip\":true}";
    char before[1024], after[1024];
    uint32_t before_len = 0, after_len = 0;

    OK(mst_profile_apply_json(source, changes, LEN(changes)));
    OK(mst_profile_take_delta(source, delta, sizeof delta, &delta_len));
    OK(mst_profile_snapshot(source, snapshot, sizeof snapshot, &snapshot_len));
    for (int i = 0; i < 4000; i++) {
        const int is_delta = i % 2 == 0;
        uint32_t length = is_delta ? delta_len : snapshot_len;
        MstResult result;
        memcpy(mangled, is_delta ? delta : snapshot, length);
        for (uint32_t left = random_number(&state) % 4; left > 0; left--) {
            /* The first three bytes say what it is. */
            mangled[3 + random_number(&state) % (length - 3)] = (uint8_t)random_number(&state);
        }
        length -= random_number(&state) % 8 == 0 ? random_number(&state) % length : 0;
        OK(mst_profile_to_json(target, before, sizeof before, &before_len));
        result = (is_delta ? mst_profile_apply_delta : mst_profile_apply_snapshot)(target, mangled, length);
        CHECK(result == MST_OK || result == MST_ERR_MALFORMED);
        OK(mst_profile_to_json(target, after, sizeof after, &after_len));
        CHECK(result == MST_OK || (before_len == after_len && memcmp(before, after, after_len) == 0));
    }
    REFUSED(MST_ERR_MALFORMED, mst_profile_apply_delta(target, snapshot, snapshot_len));
    REFUSED(MST_ERR_MALFORMED, mst_profile_apply_snapshot(target, delta, delta_len));
    OK(mst_profile_free(source));
    OK(mst_profile_free(target));
    OK(mst_schema_free(schema));
}

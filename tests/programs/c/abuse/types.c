/* Values of every type, additions and batches of profiles that belong to no endpoint. */

#include "abuse.h"

static MstValue read_back(MstProfile *profile, uint32_t property) {
    static char room[64];
    MstValue value;
    memset(&value, 0xa5, sizeof value);
    OK(mst_profile_get_value(profile, property, &value, room, sizeof room, NULL));
    return value;
}

static MstValue confirmed(MstProfile *profile, uint32_t property) {
    static char room[64];
    MstValue value;
    OK(mst_profile_get_confirmed(profile, property, &value, room, sizeof room, NULL));
    return value;
}

/* The last event was this change of a whole value. */
static void replaced(MstProfile *profile, uint32_t property, const MstValue *before, const MstValue *after) {
    static char room[64];
    MstEvent event;
    MstValue value;
    MstKey key;
    OK(mst_profile_next_event(profile, &event));
    CHECK(event.event_type == MST_EVENT_PROPERTY_CHANGED && event.property_index == property);
    CHECK(event.change == MST_CHANGE_REPLACED && event.has_old == 1 && event.has_new == 1);
    CHECK(event.value_type == after->value_type && event.key_type == MST_KEY_NONE && event.item_index == 0);
    CHECK(event.old_int == before->int_value && event.new_int == after->int_value);
    CHECK(event.old_float == before->float_value && event.new_float == after->float_value);
    OK(mst_profile_event_value(profile, 0, &value, room, sizeof room, &len));
    CHECK(same_value(&value, before) && len == before->text_len);
    OK(mst_profile_event_value(profile, 1, &value, room, sizeof room, &len));
    CHECK(same_value(&value, after) && len == after->text_len);
    OK(mst_profile_event_key(profile, &key, NULL, 0, NULL));
    CHECK(key.key_type == MST_KEY_NONE && key.text == NULL && key.text_len == 0);
}

/* A value that the property's limits refuse: the error names it. */
static void against(MstResult expected, MstProfile *profile, uint32_t property, const char *name, MstValue value) {
    REFUSED(expected, mst_profile_set_value(profile, property, &value));
    CHECK(last_error_names(name));
}

void types(void) {
    MstSchema *schema = make_wide_schema();
    MstProfile *here = make_profile(schema), *there = make_profile(schema);
    uint8_t delta[1024];
    uint32_t delta_len = 0;
    MstValue value;
    MstEvent event;

    for (uint32_t i = 0; i < WIDE_SCALARS; i++) {
        const MstValue before = wide_default(i), after = wide_other(i);
        value = read_back(here, i);
        CHECK(same_value(&value, &before));
        OK(mst_profile_set_value(here, i, &before)); /* no change */
        OK(mst_profile_set_value(here, i, &after));
        value = read_back(here, i);
        CHECK(same_value(&value, &after));
        /* What is shown, and what is confirmed. */
        value = confirmed(here, i);
        CHECK(same_value(&value, &before));
        replaced(here, i, &before, &after);
        /* No other property takes it. */
        for (uint32_t j = 0; j < WIDE_PROPERTIES; j++) {
            if (j != i) {
                REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_value(here, j, &after));
            }
        }
    }
    OK(mst_profile_next_event(here, &event));
    CHECK(event.event_type == MST_EVENT_NONE && event.change == MST_CHANGE_NONE);
    OK(mst_profile_event_value(here, 1, &value, NULL, 0, NULL));
    CHECK(value.value_type == MST_TYPE_NONE);

    OK(mst_profile_take_delta(here, delta, sizeof delta, &delta_len));
    OK(mst_profile_apply_delta(there, delta, delta_len));
    for (uint32_t i = 0; i < WIDE_SCALARS; i++) {
        const MstValue after = wide_other(i);
        value = confirmed(here, i);
        CHECK(same_value(&value, &after));
        value = read_back(there, i);
        CHECK(same_value(&value, &after));
        value = int_of(MST_TYPE_NONE, 0);
    }

    /* f32 has its own functions, and is an f64 too. */
    OK(mst_profile_set_f32(here, WIDE_SPEED, 0.1f));
    OK(mst_profile_get_f32(here, WIDE_SPEED, &out.f32));
    CHECK(out.f32 == 0.1f);
    OK(mst_profile_get_f64(here, WIDE_SPEED, &out.f64));
    CHECK(out.f64 == (double)0.1f);
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_get_f32(here, WIDE_RATING, &out.f32));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_f32(here, WIDE_RATING, 1));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_set_f64(here, WIDE_SPEED, 1));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_get_i64(here, WIDE_SINCE, &out.i64));
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_profile_get_f32(here, WIDE_PROPERTIES, &out.f32));
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_profile_set_f32(here, WIDE_PROPERTIES, 1));

    /* Limits. */
    against(MST_ERR_OUT_OF_RANGE, here, WIDE_LEVEL, "level", int_of(MST_TYPE_I32, 101));
    against(MST_ERR_OUT_OF_RANGE, here, WIDE_LEVEL, "level", int_of(MST_TYPE_I32, -1));
    against(MST_ERR_OUT_OF_RANGE, here, WIDE_SPEED, "speed", float_of(MST_TYPE_F32, 3));
    {
        const double zero = 0, infinity = 1 / zero;
        against(MST_ERR_NOT_FINITE, here, WIDE_SPEED, "speed", float_of(MST_TYPE_F32, infinity));
        value = float_of(MST_TYPE_F64, infinity);
        OK(mst_profile_set_value(here, WIDE_RATING, &value));
    }
    against(MST_ERR_PATTERN_MISMATCH, here, WIDE_TITLE, "title", string_of("duke"));
    against(MST_ERR_TOO_LONG, here, WIDE_TITLE, "title", string_of("Archduchess"));
    against(MST_ERR_TOO_SHORT, here, WIDE_TITLE, "title", string_of("D"));
    against(MST_ERR_INVALID_TEXT, here, WIDE_TITLE, "title", bytes_of(MST_TYPE_STRING, "A\0b", 3));
    against(MST_ERR_NOT_MONOTONIC, here, WIDE_SINCE, "since", int_of(MST_TYPE_DATETIME, 5));
    REFUSED(MST_ERR_OUT_OF_RANGE, mst_profile_set_i32(here, WIDE_LEVEL, 101));
    REFUSED(MST_ERR_PATTERN_MISMATCH, mst_profile_set_string(here, WIDE_TITLE, "duke", 4));
    {
        char *huge = calloc(1, 70000);
        CHECK(huge != NULL);
        against(MST_ERR_TOO_LONG, here, WIDE_ICON, "icon", bytes_of(MST_TYPE_BYTES, huge, 70000));
        free(huge);
    }

    /* Values that are none, outputs that are none, and what is not there. */
    value = int_of(MST_TYPE_NONE, 0);
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_set_value(here, WIDE_LEVEL, &value));
    value = int_of(MST_TYPE_LIST, 0);
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_set_value(here, WIDE_ITEMS, &value));
    value = int_of(MST_TYPE_I32, INT64_MAX);
    REFUSED(MST_ERR_OUT_OF_RANGE, mst_profile_set_value(here, WIDE_LEVEL, &value));
    value = bytes_of(MST_TYPE_STRING, NULL, 1);
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_set_value(here, WIDE_TITLE, &value));
    value = string_of(BAD_UTF8);
    REFUSED(MST_ERR_INVALID_UTF8, mst_profile_set_value(here, WIDE_TITLE, &value));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_set_value(here, WIDE_TITLE, NULL));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_set_value(here, WIDE_TITLE, ODD));
    value = int_of(MST_TYPE_I32, 1);
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_profile_set_value(here, WIDE_PROPERTIES, &value));
    for (uint32_t i = WIDE_SCALARS; i < WIDE_PROPERTIES; i++) {
        REFUSED(MST_ERR_WRONG_TYPE, mst_profile_get_value(here, i, &out.value, text, sizeof text, &len));
        REFUSED(MST_ERR_WRONG_TYPE, mst_profile_get_confirmed(here, i, &out.value, text, sizeof text, &len));
    }
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_profile_get_value(here, UINT32_MAX, &out.value, text, sizeof text, &len));
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_profile_get_confirmed(here, 65536, &out.value, text, sizeof text, &len));
    NO_OUT(mst_profile_get_f32(here, WIDE_SPEED, NULL));
    NO_OUT(mst_profile_get_f32(here, WIDE_SPEED, ODD));
    NO_OUT(mst_profile_get_value(here, WIDE_TITLE, NULL, text, sizeof text, &len));
    NO_OUT(mst_profile_get_value(here, WIDE_TITLE, ODD, text, sizeof text, &len));
    NO_OUT(mst_profile_get_confirmed(here, WIDE_TITLE, NULL, text, sizeof text, &len));
    NO_OUT(mst_profile_event_value(here, 0, NULL, text, sizeof text, &len));
    NO_OUT(mst_profile_event_value(here, 2, &out.value, text, sizeof text, &len));
    NO_OUT(mst_profile_event_value(here, UINT32_MAX, &out.value, text, sizeof text, &len));
    NO_OUT(mst_profile_event_key(here, NULL, text, sizeof text, &len));
    NO_OUT(mst_profile_event_key(here, ODD, text, sizeof text, &len));
    NO_ROOM(mst_profile_get_value, here, WIDE_TITLE, &out.value);
    NO_ROOM(mst_profile_get_value, here, WIDE_LEVEL, &out.value);
    NO_ROOM(mst_profile_get_confirmed, here, WIDE_TITLE, &out.value);
    NO_ROOM(mst_profile_event_value, here, 1, &out.value);
    NO_ROOM(mst_profile_event_key, here, &out.key);
    SHORT_BUFFER(mst_profile_get_value, void, here, WIDE_TITLE, &out.value);
    SHORT_BUFFER(mst_profile_get_value, void, here, WIDE_ICON, &out.value);
    SHORT_BUFFER(mst_profile_get_confirmed, void, here, WIDE_TITLE, &out.value);
    pattern();
    GIVES(MST_ERR_BUFFER_TOO_SMALL, mst_profile_get_value(here, WIDE_TITLE, &out.value, NULL, 0, NULL));
    CHECK(pattern_stands());
    drop_events(here);
    OK(mst_profile_set_string(here, WIDE_TITLE, "Count", 5));
    OK(mst_profile_next_event(here, &event));
    SHORT_BUFFER(mst_profile_event_value, void, here, 0, &out.value);
    SHORT_BUFFER(mst_profile_event_value, void, here, 1, &out.value);
    CHECK(is_text(&out.value, "Count"));

    OK(mst_profile_free(here));
    OK(mst_profile_free(there));
    OK(mst_schema_free(schema));
}

static int64_t int_at(MstProfile *profile, uint32_t property) {
    int64_t value = 0;
    OK(mst_profile_get_i64(profile, property, &value));
    return value;
}

static double float_at(MstProfile *profile, uint32_t property) {
    double value = 0;
    OK(mst_profile_get_f64(profile, property, &value));
    return value;
}

void additions(void) {
    MstSchema *schema = make_wide_schema();
    MstProfile *profile = make_profile(schema);
    const double zero = 0, infinity = 1 / zero, nan = infinity - infinity;

    OK(mst_profile_set_i64(profile, WIDE_GOLD, 50));
    OK(mst_profile_add_int_clamped(profile, WIDE_GOLD, 80, INT64_MIN, 100));
    CHECK(int_at(profile, WIDE_GOLD) == 100);
    OK(mst_profile_add_int_clamped(profile, WIDE_GOLD, -500, 0, INT64_MAX));
    CHECK(int_at(profile, WIDE_GOLD) == 0);
    OK(mst_profile_add_int_guarded(profile, WIDE_GOLD, 30, 0, INT64_MAX));
    REFUSED(MST_ERR_GUARD_FAILED, mst_profile_add_int_guarded(profile, WIDE_GOLD, -31, 0, INT64_MAX));
    CHECK(last_error_names("gold") && last_error_names("-31"));
    CHECK(int_at(profile, WIDE_GOLD) == 30);
    OK(mst_profile_add_int_guarded(profile, WIDE_GOLD, -30, 0, 0));
    CHECK(int_at(profile, WIDE_GOLD) == 0);
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_add_int_clamped(profile, WIDE_GOLD, 1, 2, 1));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_add_int_guarded(profile, WIDE_GOLD, 1, 2, 1));
    /* The property has limits of its own. */
    REFUSED(MST_ERR_OUT_OF_RANGE, mst_profile_add_int_clamped(profile, WIDE_LEVEL, 100, 0, 200));
    CHECK(last_error_names("level"));
    REFUSED(MST_ERR_OVERFLOW, mst_profile_add_int_guarded(profile, WIDE_LEVEL, INT64_C(1) << 40, 0, INT64_MAX));

    OK(mst_profile_set_f32(profile, WIDE_SPEED, 1));
    OK(mst_profile_add_f64(profile, WIDE_SPEED, 0.5));
    OK(mst_profile_add_f64_clamped(profile, WIDE_SPEED, 9, -infinity, 2));
    CHECK(float_at(profile, WIDE_SPEED) == 2);
    OK(mst_profile_set_f64(profile, WIDE_RATING, 1));
    OK(mst_profile_add_f64_clamped(profile, WIDE_RATING, -9, -2, infinity));
    CHECK(float_at(profile, WIDE_RATING) == -2);
    OK(mst_profile_add_f64_guarded(profile, WIDE_RATING, 2, 0, 0));
    REFUSED(MST_ERR_GUARD_FAILED, mst_profile_add_f64_guarded(profile, WIDE_RATING, -0.5, 0, infinity));
    CHECK(last_error_names("rating"));
    CHECK(float_at(profile, WIDE_RATING) == 0);
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_add_f64_clamped(profile, WIDE_RATING, 1, 2, 1));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_add_f64_clamped(profile, WIDE_RATING, 1, nan, 1));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_add_f64_guarded(profile, WIDE_RATING, 1, 0, nan));

    for (uint32_t i = 0; i < WIDE_PROPERTIES; i++) {
        if (i != WIDE_LEVEL && i != WIDE_GOLD) {
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_add_int(profile, i, 1));
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_add_int_clamped(profile, i, 1, 0, 9));
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_add_int_guarded(profile, i, 1, 0, 9));
        }
        if (i != WIDE_SPEED && i != WIDE_RATING) {
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_add_f64(profile, i, 1));
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_add_f64_clamped(profile, i, 1, 0, 9));
            REFUSED(MST_ERR_WRONG_TYPE, mst_profile_add_f64_guarded(profile, i, 1, 0, 9));
        }
    }
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_profile_add_int_clamped(profile, WIDE_PROPERTIES, 1, 0, 9));
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_profile_add_int_guarded(profile, WIDE_PROPERTIES, 1, 0, 9));
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_profile_add_f64_clamped(profile, WIDE_PROPERTIES, 1, 0, 9));
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_profile_add_f64_guarded(profile, WIDE_PROPERTIES, 1, 0, 9));
    OK(mst_profile_free(profile));
    OK(mst_schema_free(schema));
}

void batches(void) {
    MstSchema *schema = make_wide_schema();
    MstProfile *profile = make_profile(schema);
    const MstValue axe = string_of("axe"), seven = int_of(MST_TYPE_I32, 7);
    MstEvent event;
    uint32_t count = 0;
    uint8_t flag = 0;

    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_commit_batch(profile));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_cancel_batch(profile));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_require(profile, WIDE_LEVEL, &seven));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_begin_batch_once(profile, "key", 3));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_begin_batch_once(profile, "", 0));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_begin_batch_once(profile, NULL, 3));
    REFUSED(MST_ERR_INVALID_UTF8, mst_profile_begin_batch_once(profile, "\xff", 1));
    REFUSED(MST_ERR_TOO_LONG, mst_profile_begin_batch_once(profile, text, 129));
    OK(mst_profile_begin_batch(profile));
    OK(mst_profile_require(profile, WIDE_LEVEL, &seven));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_require(profile, WIDE_LEVEL, &axe));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_require(profile, WIDE_ITEMS, &axe));
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_profile_require(profile, WIDE_PROPERTIES, &seven));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_require(profile, WIDE_LEVEL, NULL));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_begin_batch(profile));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_take_delta(profile, (uint8_t *)text, sizeof text, &len));
    OK(mst_profile_set_i32(profile, WIDE_LEVEL, 9));
    OK(mst_profile_list_push(profile, WIDE_ITEMS, &axe));
    /* What is refused at once is not in it; the others stay. */
    REFUSED(MST_ERR_OUT_OF_RANGE, mst_profile_set_i32(profile, WIDE_LEVEL, 999));
    CHECK(int_at(profile, WIDE_LEVEL) == 9);
    OK(mst_profile_cancel_batch(profile));
    CHECK(int_at(profile, WIDE_LEVEL) == 7);
    OK(mst_profile_list_count(profile, WIDE_ITEMS, &count));
    CHECK(count == 0);
    OK(mst_profile_next_event(profile, &event));
    CHECK(event.property_index == WIDE_LEVEL && event.cause == MST_CAUSE_LOCAL && event.new_int == 9);
    OK(mst_profile_next_event(profile, &event));
    CHECK(event.property_index == WIDE_ITEMS && event.cause == MST_CAUSE_LOCAL);
    OK(mst_profile_next_event(profile, &event));
    CHECK(event.property_index == WIDE_LEVEL && event.cause == MST_CAUSE_ROLLBACK && event.new_int == 7);
    OK(mst_profile_next_event(profile, &event));
    CHECK(event.property_index == WIDE_ITEMS && event.cause == MST_CAUSE_ROLLBACK);
    CHECK(event.change == MST_CHANGE_ITEM_REMOVED && event.item_index == 0 && event.value_type == MST_TYPE_STRING);
    OK(mst_profile_is_dirty(profile, &flag));
    CHECK(flag == 0);
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_cancel_batch(profile));

    OK(mst_profile_begin_batch(profile));
    OK(mst_profile_commit_batch(profile));
    OK(mst_profile_begin_batch(profile));
    OK(mst_profile_set_i32(profile, WIDE_LEVEL, 9));
    OK(mst_profile_commit_batch(profile));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_commit_batch(profile));
    CHECK(int_at(profile, WIDE_LEVEL) == 9);
    /* A begun one ends with the profile. */
    OK(mst_profile_begin_batch(profile));
    OK(mst_profile_free(profile));
    REFUSED(MST_ERR_INVALID_HANDLE, mst_profile_commit_batch(profile));
    OK(mst_schema_free(schema));
}

/* Lists and dictionaries of profiles that belong to no endpoint. */

#include "abuse.h"

static uint32_t count_of(MstProfile *profile, uint32_t list) {
    uint32_t count = 99;
    OK(mst_profile_list_count(profile, list, &count));
    return count;
}

static void push(MstProfile *profile, uint32_t list, const char *item) {
    const MstValue value = string_of(item);
    OK(mst_profile_list_push(profile, list, &value));
}

/* The next event is a change of a list's item. */
static MstEvent item_changed(MstProfile *profile, uint8_t change, uint32_t place) {
    MstEvent event;
    OK(mst_profile_next_event(profile, &event));
    CHECK(event.event_type == MST_EVENT_PROPERTY_CHANGED && event.property_index == WIDE_ITEMS);
    CHECK(event.change == change && event.item_index == place && event.cause == MST_CAUSE_LOCAL);
    CHECK(event.key_type == MST_KEY_NONE && event.key_int == 0);
    return event;
}

static int event_value_is(MstProfile *profile, uint32_t which, const char *expected) {
    MstValue value;
    OK(mst_profile_event_value(profile, which, &value, text, sizeof text, NULL));
    return expected == NULL ? value.value_type == MST_TYPE_NONE : is_text(&value, expected);
}

void lists(void) {
    MstSchema *schema = make_wide_schema();
    MstProfile *profile = make_profile(schema);
    const MstValue axe = string_of("axe"), bow = string_of("bow"), bad = string_of("Bow"), number = int_of(MST_TYPE_I64, 5);
    MstEvent event;
    uint32_t count = 99;

    push(profile, WIDE_ITEMS, "axe");
    push(profile, WIDE_ITEMS, "bow");
    OK(mst_profile_list_insert(profile, WIDE_ITEMS, 0, &bow));
    OK(mst_profile_list_insert(profile, WIDE_ITEMS, 3, &axe));
    CHECK(count_of(profile, WIDE_ITEMS) == 4);
    REFUSED(MST_ERR_TOO_MANY, mst_profile_list_push(profile, WIDE_ITEMS, &axe));
    REFUSED(MST_ERR_TOO_MANY, mst_profile_list_insert(profile, WIDE_ITEMS, 0, &axe));
    CHECK(last_error_names("items"));
    event = item_changed(profile, MST_CHANGE_ITEM_INSERTED, 0);
    CHECK(event.has_old == 0 && event.has_new == 1 && event.value_type == MST_TYPE_STRING);
    CHECK(event_value_is(profile, 0, NULL) && event_value_is(profile, 1, "axe"));
    item_changed(profile, MST_CHANGE_ITEM_INSERTED, 1);
    item_changed(profile, MST_CHANGE_ITEM_INSERTED, 0);
    item_changed(profile, MST_CHANGE_ITEM_INSERTED, 3);
    /* bow axe bow axe */
    OK(mst_profile_list_move(profile, WIDE_ITEMS, 0, 3));
    event = item_changed(profile, MST_CHANGE_ITEM_MOVED, 0);
    CHECK(event.to_index == 3 && event.has_old == 0 && event.has_new == 0);
    CHECK(event_value_is(profile, 0, NULL) && event_value_is(profile, 1, NULL));
    /* axe bow axe bow */
    OK(mst_profile_list_remove(profile, WIDE_ITEMS, 2));
    event = item_changed(profile, MST_CHANGE_ITEM_REMOVED, 2);
    CHECK(event.has_old == 1 && event.has_new == 0);
    CHECK(event_value_is(profile, 0, "axe") && event_value_is(profile, 1, NULL));
    OK(mst_profile_list_set(profile, WIDE_ITEMS, 2, &axe));
    event = item_changed(profile, MST_CHANGE_ITEM_SET, 2);
    CHECK(event_value_is(profile, 0, "bow") && event_value_is(profile, 1, "axe"));
    OK(mst_profile_list_set(profile, WIDE_ITEMS, 2, &axe)); /* no change */
    OK(mst_profile_list_get(profile, WIDE_ITEMS, 1, &out.value, text, sizeof text, &len));
    CHECK(is_text(&out.value, "bow") && out.value.text == text && len == 3);
    OK(mst_profile_list_confirmed_count(profile, WIDE_ITEMS, &count));
    CHECK(count == 0);
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE,
            mst_profile_list_get_confirmed(profile, WIDE_ITEMS, 0, &out.value, text, sizeof text, &len));
    OK(mst_profile_take_delta(profile, (uint8_t *)text, sizeof text, &len));
    OK(mst_profile_list_confirmed_count(profile, WIDE_ITEMS, &count));
    CHECK(count == 3);
    OK(mst_profile_clear(profile, WIDE_ITEMS));
    event = item_changed(profile, MST_CHANGE_CLEARED, 0);
    CHECK(event.value_type == MST_TYPE_LIST && event.old_int == 3 && event.has_old == 1 && event.has_new == 0);
    OK(mst_profile_event_value(profile, 0, &out.value, NULL, 0, NULL));
    CHECK(out.value.value_type == MST_TYPE_LIST && out.value.int_value == 3 && out.value.text == NULL);
    CHECK(count_of(profile, WIDE_ITEMS) == 0);
    OK(mst_profile_list_get_confirmed(profile, WIDE_ITEMS, 0, &out.value, text, sizeof text, &len));
    CHECK(is_text(&out.value, "axe"));

    push(profile, WIDE_ITEMS, "axe");
    for (int i = 0; i < 3; i++) {
        OK(mst_profile_list_push(profile, WIDE_SCORES, &number));
    }
    drop_events(profile);
    /* Places that are not there. */
    static const uint32_t no_place[] = {1, 2, 131072, UINT32_MAX};
    for (size_t i = 0; i < COUNT(no_place); i++) {
        const uint32_t no = no_place[i];
        REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_list_get(profile, WIDE_ITEMS, no, &out.value, text, 9, &len));
        CHECK(last_error_names("items"));
        REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_list_set(profile, WIDE_ITEMS, no, &axe));
        REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_list_remove(profile, WIDE_ITEMS, no));
        REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_list_move(profile, WIDE_ITEMS, no, 0));
        REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_list_move(profile, WIDE_ITEMS, 0, no));
        if (no > 1) {
            REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_list_insert(profile, WIDE_ITEMS, no, &axe));
        }
    }
    /* Items that are none. */
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_list_push(profile, WIDE_ITEMS, &number));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_list_insert(profile, WIDE_ITEMS, 0, &number));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_list_set(profile, WIDE_ITEMS, 0, &number));
    REFUSED(MST_ERR_PATTERN_MISMATCH, mst_profile_list_push(profile, WIDE_ITEMS, &bad));
    REFUSED(MST_ERR_PATTERN_MISMATCH, mst_profile_list_set(profile, WIDE_ITEMS, 0, &bad));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_list_push(profile, WIDE_ITEMS, NULL));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_list_insert(profile, WIDE_ITEMS, 0, ODD));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_list_set(profile, WIDE_ITEMS, 0, NULL));
    /* Properties that are none, or no lists. */
    static const uint32_t others[] = {WIDE_LEVEL, WIDE_TITLE, WIDE_STATS, WIDE_PROPERTIES, UINT32_MAX};
    for (size_t i = 0; i < COUNT(others); i++) {
        const uint32_t no = others[i];
        const MstResult expected = no < WIDE_PROPERTIES ? MST_ERR_WRONG_TYPE : MST_ERR_UNKNOWN_PROPERTY;
        REFUSED(expected, mst_profile_list_count(profile, no, &out.u32));
        REFUSED(expected, mst_profile_list_confirmed_count(profile, no, &out.u32));
        REFUSED(expected, mst_profile_list_get(profile, no, 0, &out.value, text, sizeof text, &len));
        REFUSED(expected, mst_profile_list_get_confirmed(profile, no, 0, &out.value, text, sizeof text, &len));
        REFUSED(expected, mst_profile_list_push(profile, no, &axe));
        REFUSED(expected, mst_profile_list_insert(profile, no, 0, &axe));
        REFUSED(expected, mst_profile_list_set(profile, no, 0, &axe));
        REFUSED(expected, mst_profile_list_remove(profile, no, 0));
        REFUSED(expected, mst_profile_list_move(profile, no, 0, 0));
        if (no != WIDE_STATS) {
            REFUSED(expected, mst_profile_clear(profile, no));
        }
    }
    NO_OUT(mst_profile_list_count(profile, WIDE_ITEMS, NULL));
    NO_OUT(mst_profile_list_count(profile, WIDE_ITEMS, ODD));
    NO_OUT(mst_profile_list_confirmed_count(profile, WIDE_ITEMS, NULL));
    NO_OUT(mst_profile_list_get(profile, WIDE_ITEMS, 0, NULL, text, sizeof text, &len));
    NO_OUT(mst_profile_list_get_confirmed(profile, WIDE_ITEMS, 0, ODD, text, sizeof text, &len));
    NO_ROOM(mst_profile_list_get, profile, WIDE_ITEMS, 0, &out.value);
    NO_ROOM(mst_profile_list_get_confirmed, profile, WIDE_ITEMS, 0, &out.value);
    SHORT_BUFFER(mst_profile_list_get, void, profile, WIDE_ITEMS, 0, &out.value);
    SHORT_BUFFER(mst_profile_list_get_confirmed, void, profile, WIDE_ITEMS, 0, &out.value);
    OK(mst_profile_next_event(profile, &event));
    CHECK(event.event_type == MST_EVENT_NONE);
    OK(mst_profile_free(profile));
    OK(mst_schema_free(schema));
}

static MstEvent entry_changed(MstProfile *profile, uint32_t property, uint8_t change) {
    MstEvent event;
    OK(mst_profile_next_event(profile, &event));
    CHECK(event.event_type == MST_EVENT_PROPERTY_CHANGED && event.property_index == property);
    CHECK(event.change == change && event.cause == MST_CAUSE_LOCAL && event.item_index == 0);
    return event;
}

static int64_t stat(MstProfile *profile, const char *name) {
    const MstKey key = text_key(name);
    MstValue value;
    OK(mst_profile_dict_get(profile, WIDE_STATS, &key, &value, NULL, 0, NULL));
    CHECK(value.value_type == MST_TYPE_I64);
    return value.int_value;
}

/* Goes through all of a dictionary that has these text keys, in this order. */
static void has_keys(MstProfile *profile, uint32_t property, const char *const *names, size_t count) {
    char room[32];
    MstKey key;
    MstValue value;
    memset(&key, 0, sizeof key);
    for (size_t i = 0; i < count; i++) {
        OK(mst_profile_dict_next(profile, property, &key, room, sizeof room, NULL, &value, NULL, 0, NULL));
        CHECK(is_text_key(&key, names[i]) && key.text == room && value.value_type == MST_TYPE_I64);
        OK(mst_profile_dict_key_at(profile, property, (uint32_t)i, &out.key, text, sizeof text, &len));
        CHECK(is_text_key(&out.key, names[i]) && len == strlen(names[i]));
    }
    /* After the last one there is none, and that is where it begins again. */
    OK(mst_profile_dict_next(profile, property, &key, room, sizeof room, NULL, &value, NULL, 0, NULL));
    CHECK(key.key_type == MST_KEY_NONE && key.text == NULL && value.value_type == MST_TYPE_NONE);
}

static void many_entries(const MstSchema *schema) {
    enum { MANY = 5000 };
    MstProfile *profile = make_profile(schema);
    MstValue value;
    MstKey key;
    int64_t next = -MANY / 2;
    uint32_t count = 0;
    for (int i = 0; i < MANY; i++) {
        /* 7919 is prime, so all of them come. */
        key = int_key((int64_t)(i * INT64_C(7919) % MANY) - MANY / 2);
        value = float_of(MST_TYPE_F32, (double)i);
        OK(mst_profile_dict_put(profile, WIDE_WEIGHTS, &key, &value));
    }
    OK(mst_profile_dict_count(profile, WIDE_WEIGHTS, &count));
    CHECK(count == MANY);
    memset(&key, 0, sizeof key);
    for (;;) {
        OK(mst_profile_dict_next(profile, WIDE_WEIGHTS, &key, NULL, 0, NULL, &value, NULL, 0, NULL));
        if (key.key_type == MST_KEY_NONE) {
            break;
        }
        CHECK(key.key_type == MST_KEY_I64 && key.int_value == next++ && value.value_type == MST_TYPE_F32);
        if (next % 2 == 0) {
            /* It may change meanwhile. */
            OK(mst_profile_dict_remove(profile, WIDE_WEIGHTS, &key));
        }
    }
    CHECK(next == MANY / 2);
    OK(mst_profile_dict_count(profile, WIDE_WEIGHTS, &count));
    CHECK(count == MANY / 2);
    OK(mst_profile_free(profile));
}

void dictionaries(void) {
    MstSchema *schema = make_wide_schema();
    MstProfile *profile = make_profile(schema);
    const MstKey kills = text_key("kills"), deaths = text_key("deaths"), wins = text_key("wins"), bad = text_key("Wins");
    const MstKey longer = text_key("victory"), no_text = {MST_KEY_STRING, 3, 0, NULL}, no_utf8 = text_key(BAD_UTF8);
    const MstKey none = {MST_KEY_NONE, 0, 0, NULL}, unknown = {99, 0, 0, NULL}, one = int_key(1), huge = int_key(INT64_MAX);
    const MstValue seven = int_of(MST_TYPE_I64, 7), axe = string_of("axe");
    MstKey key;
    MstValue value;
    MstEvent event;
    uint32_t count = 99;
    uint8_t flag = 9;

    OK(mst_profile_dict_put(profile, WIDE_STATS, &kills, &seven));
    event = entry_changed(profile, WIDE_STATS, MST_CHANGE_ENTRY_PUT);
    CHECK(event.has_old == 0 && event.has_new == 1 && event.new_int == 7 && event.value_type == MST_TYPE_I64);
    CHECK(event.key_type == MST_KEY_STRING && event.key_int == 0);
    OK(mst_profile_event_key(profile, &key, text, sizeof text, &len));
    CHECK(is_text_key(&key, "kills") && len == 5);
    SHORT_BUFFER(mst_profile_event_key, void, profile, &out.key);
    OK(mst_profile_dict_add_int(profile, WIDE_STATS, &kills, 3));
    event = entry_changed(profile, WIDE_STATS, MST_CHANGE_ENTRY_PUT);
    CHECK(event.has_old == 1 && event.old_int == 7 && event.new_int == 10);
    /* A key that is not there counts as zero. */
    OK(mst_profile_dict_add_int_clamped(profile, WIDE_STATS, &deaths, 80, 0, 50));
    CHECK(stat(profile, "deaths") == 50);
    REFUSED(MST_ERR_GUARD_FAILED, mst_profile_dict_add_int_guarded(profile, WIDE_STATS, &deaths, -51, 0, INT64_MAX));
    CHECK(last_error_names("stats"));
    OK(mst_profile_dict_add_int_guarded(profile, WIDE_STATS, &deaths, -50, 0, INT64_MAX));
    CHECK(stat(profile, "deaths") == 0);
    REFUSED(MST_ERR_GUARD_FAILED, mst_profile_dict_add_int_guarded(profile, WIDE_STATS, &wins, -1, 0, INT64_MAX));
    OK(mst_profile_dict_contains(profile, WIDE_STATS, &wins, &flag));
    CHECK(flag == 0);
    OK(mst_profile_dict_contains(profile, WIDE_STATS, &deaths, &flag));
    CHECK(flag == 1);
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_dict_add_int_clamped(profile, WIDE_STATS, &kills, 1, 2, 1));
    REFUSED(MST_ERR_OVERFLOW, mst_profile_dict_add_int(profile, WIDE_STATS, &kills, INT64_MAX));
    has_keys(profile, WIDE_STATS, (const char *const[]){"deaths", "kills"}, 2);
    /* From a key that is not there. */
    key = text_key("e");
    OK(mst_profile_dict_next(profile, WIDE_STATS, &key, text, sizeof text, &len, NULL, NULL, 0, NULL));
    CHECK(is_text_key(&key, "kills") && len == 5);

    OK(mst_profile_dict_confirmed_count(profile, WIDE_STATS, &count));
    CHECK(count == 0);
    REFUSED(MST_ERR_NO_SUCH_KEY, mst_profile_dict_get_confirmed(profile, WIDE_STATS, &kills, &out.value, NULL, 0, NULL));
    OK(mst_profile_take_delta(profile, (uint8_t *)text, sizeof text, &len));
    OK(mst_profile_dict_remove(profile, WIDE_STATS, &kills));
    OK(mst_profile_dict_remove(profile, WIDE_STATS, &kills)); /* no change */
    OK(mst_profile_dict_get_confirmed(profile, WIDE_STATS, &kills, &value, NULL, 0, NULL));
    CHECK(value.int_value == 10);
    OK(mst_profile_dict_count(profile, WIDE_STATS, &count));
    CHECK(count == 1);
    OK(mst_profile_dict_confirmed_count(profile, WIDE_STATS, &count));
    CHECK(count == 2);
    drop_events(profile);

    /* Keys that are integers, and values that are texts or floating-point numbers. */
    OK(mst_profile_dict_put(profile, WIDE_SLOTS, &one, &axe));
    event = entry_changed(profile, WIDE_SLOTS, MST_CHANGE_ENTRY_PUT);
    CHECK(event.key_type == MST_KEY_I32 && event.key_int == 1 && event.value_type == MST_TYPE_STRING);
    OK(mst_profile_event_key(profile, &key, NULL, 0, &len));
    CHECK(key.key_type == MST_KEY_I32 && key.int_value == 1 && key.text == NULL && len == 0);
    OK(mst_profile_dict_key_at(profile, WIDE_SLOTS, 0, &key, NULL, 0, NULL));
    CHECK(key.key_type == MST_KEY_I32 && key.int_value == 1);
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_dict_put(profile, WIDE_SLOTS, &huge, &axe));
    key = int_key(2);
    OK(mst_profile_dict_put(profile, WIDE_SLOTS, &key, &axe));
    key = int_key(3);
    REFUSED(MST_ERR_TOO_MANY, mst_profile_dict_put(profile, WIDE_SLOTS, &key, &axe));
    OK(mst_profile_dict_remove(profile, WIDE_SLOTS, &one));
    entry_changed(profile, WIDE_SLOTS, MST_CHANGE_ENTRY_PUT);
    event = entry_changed(profile, WIDE_SLOTS, MST_CHANGE_ENTRY_REMOVED);
    CHECK(event.key_int == 1 && event.has_old == 1 && event.has_new == 0);
    OK(mst_profile_event_value(profile, 0, &value, text, sizeof text, NULL));
    CHECK(is_text(&value, "axe"));
    OK(mst_profile_clear(profile, WIDE_SLOTS));
    event = entry_changed(profile, WIDE_SLOTS, MST_CHANGE_CLEARED);
    CHECK(event.value_type == MST_TYPE_DICT && event.old_int == 1 && event.key_type == MST_KEY_NONE);
    OK(mst_profile_dict_put(profile, WIDE_SLOTS, &one, &axe));
    OK(mst_profile_dict_add_f64(profile, WIDE_WEIGHTS, &one, 1.5));
    OK(mst_profile_dict_add_f64_clamped(profile, WIDE_WEIGHTS, &one, 9, 0, 2));
    REFUSED(MST_ERR_GUARD_FAILED, mst_profile_dict_add_f64_guarded(profile, WIDE_WEIGHTS, &one, 1, 0, 2));
    OK(mst_profile_dict_add_f64_guarded(profile, WIDE_WEIGHTS, &one, -0.5, 0, 2));
    OK(mst_profile_dict_get(profile, WIDE_WEIGHTS, &one, &value, NULL, 0, NULL));
    CHECK(value.value_type == MST_TYPE_F32 && value.float_value == 1.5);
    drop_events(profile);

    /* Keys that are none, or of another kind. */
    static const struct {
        int place;
        MstResult expected;
    } bad_keys[] = {
        {0, MST_ERR_INVALID_ARGUMENT}, {1, MST_ERR_INVALID_ARGUMENT}, {2, MST_ERR_INVALID_ARGUMENT},
        {3, MST_ERR_INVALID_UTF8},     {4, MST_ERR_WRONG_TYPE},       {5, MST_ERR_INVALID_ARGUMENT},
        {6, MST_ERR_INVALID_ARGUMENT},
    };
    const MstKey *const given[] = {&none, &unknown, &no_text, &no_utf8, &one, NULL, ODD};
    for (size_t i = 0; i < COUNT(bad_keys); i++) {
        const MstKey *const it = given[bad_keys[i].place];
        const MstResult expected = bad_keys[i].expected;
        REFUSED(expected, mst_profile_dict_get(profile, WIDE_STATS, it, &out.value, text, sizeof text, &len));
        REFUSED(expected, mst_profile_dict_get_confirmed(profile, WIDE_STATS, it, &out.value, text, sizeof text, &len));
        REFUSED(expected, mst_profile_dict_contains(profile, WIDE_STATS, it, &out.u8));
        REFUSED(expected, mst_profile_dict_put(profile, WIDE_STATS, it, &seven));
        if (it != &one) {
            REFUSED(expected, mst_profile_dict_remove(profile, WIDE_STATS, it));
        }
        REFUSED(expected, mst_profile_dict_add_int(profile, WIDE_STATS, it, 1));
        REFUSED(expected, mst_profile_dict_add_int_clamped(profile, WIDE_STATS, it, 1, 0, 9));
        REFUSED(expected, mst_profile_dict_add_int_guarded(profile, WIDE_STATS, it, 1, 0, 9));
        if (bad_keys[i].place != 0) {
            MstKey *const in_out = (MstKey *)it;
            REFUSED(expected, mst_profile_dict_next(profile, WIDE_STATS, in_out, text, sizeof text, &len, &out.value,
                                                    NULL, 0, NULL));
        }
    }
    REFUSED(MST_ERR_PATTERN_MISMATCH, mst_profile_dict_put(profile, WIDE_STATS, &bad, &seven));
    REFUSED(MST_ERR_PATTERN_MISMATCH, mst_profile_dict_add_int(profile, WIDE_STATS, &bad, 1));
    CHECK(last_error_names("stats"));
    REFUSED(MST_ERR_TOO_LONG, mst_profile_dict_put(profile, WIDE_STATS, &longer, &seven));
    REFUSED(MST_ERR_NO_SUCH_KEY, mst_profile_dict_get(profile, WIDE_STATS, &wins, &out.value, text, sizeof text, &len));
    CHECK(last_error_names("stats") && last_error_names("wins"));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_dict_put(profile, WIDE_STATS, &wins, &axe));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_dict_add_f64(profile, WIDE_STATS, &wins, 1));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_dict_add_f64_clamped(profile, WIDE_STATS, &wins, 1, 0, 9));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_dict_add_f64_guarded(profile, WIDE_STATS, &wins, 1, 0, 9));
    REFUSED(MST_ERR_WRONG_TYPE, mst_profile_dict_add_int(profile, WIDE_SLOTS, &one, 1));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_dict_put(profile, WIDE_STATS, &wins, NULL));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_dict_key_at(profile, WIDE_STATS, 1, &out.key, text, 9, &len));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_dict_key_at(profile, WIDE_STATS, UINT32_MAX, &out.key, text, 9, &len));

    /* Properties that are none, or no dictionaries. */
    static const uint32_t others[] = {WIDE_GOLD, WIDE_ITEMS, WIDE_PROPERTIES, UINT32_MAX};
    for (size_t i = 0; i < COUNT(others); i++) {
        const uint32_t no = others[i];
        const MstResult expected = no < WIDE_PROPERTIES ? MST_ERR_WRONG_TYPE : MST_ERR_UNKNOWN_PROPERTY;
        REFUSED(expected, mst_profile_dict_count(profile, no, &out.u32));
        REFUSED(expected, mst_profile_dict_confirmed_count(profile, no, &out.u32));
        REFUSED(expected, mst_profile_dict_get(profile, no, &kills, &out.value, text, sizeof text, &len));
        REFUSED(expected, mst_profile_dict_get_confirmed(profile, no, &kills, &out.value, text, sizeof text, &len));
        REFUSED(expected, mst_profile_dict_contains(profile, no, &kills, &out.u8));
        REFUSED(expected, mst_profile_dict_key_at(profile, no, 0, &out.key, text, sizeof text, &len));
        key = none;
        REFUSED(expected, mst_profile_dict_next(profile, no, &key, text, sizeof text, &len, NULL, NULL, 0, NULL));
        REFUSED(expected, mst_profile_dict_put(profile, no, &kills, &seven));
        REFUSED(expected, mst_profile_dict_remove(profile, no, &kills));
        REFUSED(expected, mst_profile_dict_add_int(profile, no, &kills, 1));
        REFUSED(expected, mst_profile_dict_add_int_clamped(profile, no, &kills, 1, 0, 9));
        REFUSED(expected, mst_profile_dict_add_int_guarded(profile, no, &kills, 1, 0, 9));
        REFUSED(expected, mst_profile_dict_add_f64(profile, no, &kills, 1));
        REFUSED(expected, mst_profile_dict_add_f64_clamped(profile, no, &kills, 1, 0, 9));
        REFUSED(expected, mst_profile_dict_add_f64_guarded(profile, no, &kills, 1, 0, 9));
    }

    /* Outputs that are none or too small. */
    NO_OUT(mst_profile_dict_count(profile, WIDE_STATS, NULL));
    NO_OUT(mst_profile_dict_confirmed_count(profile, WIDE_STATS, ODD));
    NO_OUT(mst_profile_dict_contains(profile, WIDE_STATS, &kills, NULL));
    NO_OUT(mst_profile_dict_get(profile, WIDE_STATS, &deaths, NULL, text, sizeof text, &len));
    NO_OUT(mst_profile_dict_get_confirmed(profile, WIDE_STATS, &kills, ODD, text, sizeof text, &len));
    NO_OUT(mst_profile_dict_key_at(profile, WIDE_STATS, 0, NULL, text, sizeof text, &len));
    NO_ROOM(mst_profile_dict_get, profile, WIDE_SLOTS, &one, &out.value);
    NO_ROOM(mst_profile_dict_get_confirmed, profile, WIDE_STATS, &kills, &out.value);
    NO_ROOM(mst_profile_dict_key_at, profile, WIDE_STATS, 0, &out.key);
    SHORT_BUFFER(mst_profile_dict_get, void, profile, WIDE_SLOTS, &one, &out.value);
    SHORT_BUFFER(mst_profile_dict_key_at, void, profile, WIDE_STATS, 0, &out.key);
    key = none;
    NO_OUT(mst_profile_dict_next(profile, WIDE_STATS, &key, NULL, 1, &len, &out.value, NULL, 0, NULL));
    NO_OUT(mst_profile_dict_next(profile, WIDE_STATS, &key, text, 9, ODD, &out.value, NULL, 0, NULL));
    NO_OUT(mst_profile_dict_next(profile, WIDE_STATS, &key, text, 9, &len, ODD, NULL, 0, NULL));
    NO_OUT(mst_profile_dict_next(profile, WIDE_STATS, &key, text, 9, NULL, &out.value, NULL, 1, NULL));
    NO_OUT(mst_profile_dict_next(profile, WIDE_STATS, &key, text, 9, NULL, &out.value, NULL, 0, ODD));
    count = 99;
    pattern();
    GIVES(MST_ERR_BUFFER_TOO_SMALL,
          mst_profile_dict_next(profile, WIDE_STATS, &key, text, 5, &len, &out.value, NULL, 0, &count));
    CHECK(len == 6 && count == 0 && key.key_type == MST_KEY_NONE);
    len = 0xa5a5a5a5;
    CHECK(pattern_stands());
    GIVES(MST_ERR_BUFFER_TOO_SMALL,
          mst_profile_dict_next(profile, WIDE_SLOTS, &key, text, 5, &len, &out.value, text, 2, &count));
    CHECK(len == 0 && count == 3 && key.key_type == MST_KEY_NONE);
    len = 0xa5a5a5a5;
    CHECK(pattern_stands());
    OK(mst_profile_dict_next(profile, WIDE_SLOTS, &key, NULL, 0, NULL, NULL, NULL, 0, NULL));
    CHECK(key.key_type == MST_KEY_I32 && key.int_value == 1);

    OK(mst_profile_next_event(profile, &event));
    CHECK(event.event_type == MST_EVENT_NONE);
    many_entries(schema);
    OK(mst_profile_free(profile));
    OK(mst_schema_free(schema));
}

/* Values with parts in parts on their way: deltas and snapshots of them, and profiles of endpoints. */

#include "abuse.h"

/* A change at random; whether there is such a place is not known. */
static void change_somewhere(MstProfile *profile, uint64_t *state) {
    char path[96], item[16];
    const uint32_t at = random_number(state) % 4, within = random_number(state) % 4, to = random_number(state) % 4;
    MstValue name;
    MstResult result = MST_OK;
    snprintf(item, sizeof item, "s%u", (unsigned)(random_number(state) % 10));
    name = string_of(item);
    switch (random_number(state) % 12) {
    case 0:
        result = mst_profile_insert_json_at(profile, QUESTS, NULL, 0, at, AT("{\"id\":\"q\",\"steps\":[\"a\",\"b\"]}"));
        break;
    case 1:
        snprintf(path, sizeof path, "[%u]", (unsigned)at);
        result = at < 2 ? mst_profile_remove_at(profile, QUESTS, AT(path)) : mst_profile_move_at(profile, QUESTS, AT(path), to);
        break;
    case 2:
        snprintf(path, sizeof path, "[%u].steps", (unsigned)at);
        result = mst_profile_insert_at(profile, QUESTS, AT(path), within == 3 ? UINT32_MAX : within, &name);
        break;
    case 3:
        snprintf(path, sizeof path, "[%u].steps[%u]", (unsigned)at, (unsigned)within);
        result = mst_profile_set_at(profile, QUESTS, AT(path), &name);
        break;
    case 4:
        snprintf(path, sizeof path, "[%u].steps[%u]", (unsigned)at, (unsigned)within);
        result = mst_profile_remove_at(profile, QUESTS, AT(path));
        break;
    case 5:
        snprintf(path, sizeof path, "[%u].steps[%u]", (unsigned)at, (unsigned)within);
        result = mst_profile_move_at(profile, QUESTS, AT(path), to);
        break;
    case 6:
        snprintf(path, sizeof path, "[%u].progress", (unsigned)at);
        result = mst_profile_add_int_at(profile, QUESTS, AT(path), (int64_t)within - 1);
        break;
    case 7:
        snprintf(path, sizeof path, "[%u].rewards.%s", (unsigned)at, item);
        result = mst_profile_add_int_at(profile, QUESTS, AT(path), 5);
        break;
    case 8:
        snprintf(path, sizeof path, "[%u]", (unsigned)at);
        result = mst_profile_set_json_at(profile, BAGS, AT(path), AT("{\"gold\":1.5,\"main bag\":2}"));
        break;
    case 9:
        snprintf(path, sizeof path, within == 0 ? "[%u]" : "[%u].gold", (unsigned)at);
        result = mst_profile_remove_at(profile, BAGS, AT(path));
        break;
    case 10:
        result = mst_profile_add_int_at(profile, GRID, AT("[0][1]"), 7);
        break;
    default:
        snprintf(path, sizeof path, "[%u].steps", (unsigned)at);
        result = within == 0 ? mst_profile_clear_at(profile, QUESTS, AT(path))
                             : mst_profile_set_json_at(profile, QUESTS, AT(path), AT("[\"x\",\"b\",\"y\"]"));
    }
    CHECK(result == MST_OK || result == MST_ERR_INDEX_OUT_OF_RANGE || result == MST_ERR_NO_SUCH_KEY);
}

static int same_json(const MstProfile *one, const MstProfile *two) {
    static char first[65536], second[65536];
    uint32_t first_len = 0, second_len = 0;
    OK(mst_profile_to_json(one, first, sizeof first, &first_len));
    OK(mst_profile_to_json(two, second, sizeof second, &second_len));
    return first_len == second_len && memcmp(first, second, first_len) == 0;
}

void nested_deltas(void) {
    static uint8_t bytes[65536], mangled[65536];
    MstSchema *schema = make_nested_schema();
    MstProfile *here = make_profile(schema), *there = make_profile(schema), *victim = make_profile(schema);
    MstProfile *before = make_profile(schema);
    uint64_t state = 0x9e3779b97f4a7c15u;
    uint32_t bytes_len = 0, within = 0, taken = 0, malformed = 0;
    MstEvent event;

    printf("  seed %#llx\n", (unsigned long long)state);
    for (int round = 0; round < 300; round++) {
        const int is_delta = round % 7 != 6;
        for (uint32_t left = random_number(&state) % 5; left > 0; left--) {
            change_somewhere(here, &state);
        }
        OK(mst_profile_take_delta(here, bytes, sizeof bytes, &bytes_len));
        if (!is_delta) {
            OK(mst_profile_snapshot(here, bytes, sizeof bytes, &bytes_len));
        }
        OK((is_delta ? mst_profile_apply_delta : mst_profile_apply_snapshot)(there, bytes, bytes_len));
        CHECK(same_json(here, there));
        drop_events(here);
        /* The other one is told of each change, with a way to it. */
        for (;;) {
            OK(mst_profile_next_event(there, &event));
            if (event.event_type == MST_EVENT_NONE) {
                break;
            }
            OK(mst_profile_event_path(there, text, sizeof text, &len));
            CHECK(event.cause == (is_delta ? MST_CAUSE_REMOTE : MST_CAUSE_LOAD) && (!event.is_within || len > 0));
            within += event.is_within;
        }
        /* The same with bytes that are others: taken, or not at all. */
        for (int i = 0; i < 4 && bytes_len > 4; i++) {
            uint32_t length = bytes_len;
            MstResult result;
            memcpy(mangled, bytes, length);
            for (uint32_t left = 1 + random_number(&state) % 3; left > 0; left--) {
                mangled[3 + random_number(&state) % (length - 3)] = (uint8_t)random_number(&state);
            }
            length -= random_number(&state) % 4 == 0 ? random_number(&state) % length : 0;
            result = (is_delta ? mst_profile_apply_delta : mst_profile_apply_snapshot)(victim, mangled, length);
            CHECK(result == MST_OK || result == MST_ERR_MALFORMED);
            CHECK(result == MST_OK || same_json(victim, before));
            *(result == MST_OK ? &taken : &malformed) += 1;
            if (result == MST_OK) {
                OK(mst_profile_snapshot(victim, mangled, sizeof mangled, &length));
                OK(mst_profile_apply_snapshot(before, mangled, length));
                CHECK(same_json(victim, before));
                drop_events(victim);
                drop_events(before);
            }
        }
    }
    CHECK(within > 100 && taken > 50 && malformed > 50);
    OK(mst_profile_free(here));
    OK(mst_profile_free(there));
    OK(mst_profile_free(victim));
    OK(mst_profile_free(before));
    OK(mst_schema_free(schema));
}

/* ---- of an endpoint ---- */

static int paths_told;

static void told_its_path(const MstEvent *event, void *user_data) {
    char path[64];
    uint32_t length = 0;
    MstEndpoint *endpoint = user_data;
    if (event->event_type != MST_EVENT_PROPERTY_CHANGED) {
        return;
    }
    OK(mst_endpoint_event_path(endpoint, path, sizeof path, &length));
    CHECK(event->change == MST_CHANGE_FIELD_SET && event->is_within == 1);
    CHECK(length == 12 && memcmp(path, "[0].progress", length) == 0);
    paths_told++;
}

void places_of_endpoints(void) {
    MstSchema *schema = make_nested_schema();
    MstMaster *master = start_master(schema);
    MstEndpoint *server = connect_to(master, schema, NULL), *other = connect_to(master, schema, "dev-server:other");
    MstProfile *profile = fill(server, "ann"), *seen = fill(other, "ann");
    MstSubscription *subscription = NULL;
    MstEvent event;
    uint64_t batch = 0;
    const MstValue number = int_of(MST_TYPE_I32, 1);

    REFUSED(MST_ERR_NOT_LOADED, mst_profile_set_at(profile, RANK, NULL, 0, &number));
    REFUSED(MST_ERR_NOT_LOADED, mst_profile_set_json_at(profile, HERO, AT("hp"), AT("1")));
    REFUSED(MST_ERR_NOT_LOADED, mst_profile_add_int_at(profile, HERO, AT("hp"), 1));
    REFUSED(MST_ERR_NOT_LOADED, mst_profile_clear_at(profile, QUESTS, NULL, 0));
    wait_for(server, MST_EVENT_PROFILE_LOADED);
    wait_for(other, MST_EVENT_PROFILE_LOADED);
    OK(mst_endpoint_event_path(server, text, sizeof text, &len));
    CHECK(len == 0);
    OK(mst_profile_insert_json_at(profile, QUESTS, NULL, 0, 0, AT("{\"id\":\"rats\"}")));
    OK(mst_profile_flush(profile, NULL));
    event = wait_for(other, MST_EVENT_PROPERTY_CHANGED);
    CHECK(event.change == MST_CHANGE_ITEM_INSERTED && event.profile == seen && event.is_within == 0);
    SHORT_BUFFER(mst_endpoint_event_path, char, other);
    NO_BUFFER(mst_endpoint_event_path, char, other);
    OK(mst_profile_set_json_at(seen, QUESTS, AT("[0].rewards[\"two words\"]"), AT("5")));
    OK(mst_profile_flush(seen, NULL));
    do {
        event = wait_for(server, MST_EVENT_PROPERTY_CHANGED);
    } while (event.cause != MST_CAUSE_REMOTE);
    CHECK(event.change == MST_CHANGE_ENTRY_PUT && event.is_within == 1 && event.new_int == 5);
    OK(mst_endpoint_event_path(server, text, sizeof text, &len));
    CHECK(len == 24 && memcmp(text, "[0].rewards[\"two words\"]", len) == 0);
    REFUSED(MST_ERR_ATTACHED, mst_profile_event_path(profile, text, sizeof text, &len));

    OK(mst_endpoint_subscribe(server, told_its_path, server, &subscription));
    OK(mst_profile_add_int_at(profile, QUESTS, AT("[0].progress"), 4));
    OK(mst_endpoint_dispatch(server, 0, NULL));
    CHECK(paths_told == 1);
    OK(mst_subscription_free(subscription));
    OK(mst_profile_flush(profile, &batch));
    while (wait_for(server, MST_EVENT_DURABLE).number < batch) {
    }
    OK(mst_profile_get_confirmed_at(profile, QUESTS, AT("[0].progress"), &out.value, NULL, 0, NULL));
    CHECK(out.value.int_value == 4);

    OK(mst_profile_release(profile));
    wait_for(server, MST_EVENT_PROFILE_RELEASED);
    REFUSED(MST_ERR_RELEASED, mst_profile_get_at(profile, QUESTS, AT("[0].id"), &out.value, text, sizeof text, &len));
    REFUSED(MST_ERR_RELEASED, mst_profile_get_json_at(profile, QUESTS, AT("[0].id"), text, sizeof text, &len));
    REFUSED(MST_ERR_RELEASED, mst_profile_count_at(profile, QUESTS, NULL, 0, &out.u32));
    REFUSED(MST_ERR_RELEASED, mst_profile_set_at(profile, RANK, NULL, 0, &number));
    REFUSED(MST_ERR_RELEASED, mst_profile_insert_json_at(profile, QUESTS, NULL, 0, 0, AT("{}")));
    REFUSED(MST_ERR_RELEASED, mst_profile_remove_at(profile, QUESTS, AT("[0]")));
    REFUSED(MST_ERR_RELEASED, mst_profile_add_int_at(profile, QUESTS, AT("[0].progress"), 1));
    OK(mst_endpoint_close(server, PATIENCE_MS));
    OK(mst_endpoint_close(other, PATIENCE_MS));
    OK(mst_profile_free(profile));
    OK(mst_profile_free(seen));
    OK(mst_endpoint_free(server));
    OK(mst_endpoint_free(other));
    OK(mst_master_free(master));
    OK(mst_schema_free(schema));
}

/* The life of an endpoint, its profiles and a master. */

#include "abuse.h"

void lives(void) {
    MstSchema *schema = make_schema();
    MstMaster *master = start_master(schema);
    MstEndpoint *endpoint = connect_to(master, schema, NULL), *other;
    MstProfile *profile = fill(endpoint, "ann"), *freed = fill(endpoint, "bob"), *found = NULL;
    MstEvent event;
    MstMasterEvent master_event;
    uint8_t flag = 9;

    /* What may not be done to an endpoint's profile; and nothing before it is loaded. */
    REFUSED(MST_ERR_ATTACHED, mst_profile_take_delta(profile, (uint8_t *)text, sizeof text, &len));
    REFUSED(MST_ERR_ATTACHED, mst_profile_apply_delta(profile, NULL, 0));
    REFUSED(MST_ERR_ATTACHED, mst_profile_apply_snapshot(profile, NULL, 0));
    REFUSED(MST_ERR_ATTACHED, mst_profile_next_event(profile, &out.event));
    REFUSED(MST_ERR_NOT_LOADED, mst_profile_set_bool(profile, VIP, 1));
    REFUSED(MST_ERR_NOT_LOADED, mst_profile_add_f64(profile, RATING, 1));
    REFUSED(MST_ERR_NOT_LOADED, mst_profile_apply_json(profile, "{\"gold\":1}", 10));
    REFUSED(MST_ERR_NOT_LOADED, mst_profile_begin_batch(profile));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_commit_batch(profile));
    REFUSED(MST_ERR_NOT_LOADED, mst_profile_add_int_guarded(profile, GOLD, 1, 0, 99));
    REFUSED(MST_ERR_ALREADY_OPEN, mst_endpoint_fill_profile(endpoint, "ann", 3, &out.profile));
    OK(mst_endpoint_find_profile(endpoint, "ann", 3, &found));
    CHECK(found == profile);
    OK(mst_endpoint_find_profile(endpoint, "nobody", 6, &found));
    CHECK(found == NULL);
    OK(mst_profile_free(freed));
    OK(mst_endpoint_find_profile(endpoint, "bob", 3, &found));
    CHECK(found == NULL);

    OK(mst_endpoint_tick(endpoint, 1));
    wait_for(endpoint, MST_EVENT_PROFILE_LOADED);
    OK(mst_endpoint_is_connected(endpoint, &flag));
    CHECK(flag == 1);
    OK(mst_profile_set_i32(profile, LEVEL, 5));
    OK(mst_endpoint_flush(endpoint));
    event = wait_for(endpoint, MST_EVENT_DURABLE);
    CHECK(event.profile == profile && event.number == 1);
    OK(mst_endpoint_stats(endpoint, &out.endpoint_stats));
    CHECK(out.endpoint_stats.batches_sent == 1 && out.endpoint_stats.connections == 1);
    OK(mst_master_stats(master, &out.master_stats));
    CHECK(out.master_stats.batches_applied == 1 && out.master_stats.violations == 0);
    OK(mst_master_next_event(master, &master_event));
    CHECK(master_event.event_type == MST_MASTER_EVENT_PEER_CONNECTED && master_event.session == 1);
    OK(mst_master_event_text(master, text, sizeof text, &len));
    CHECK(len > 10 && memcmp(text, "127.0.0.1:", 10) == 0);
    OK(mst_master_next_event(master, &master_event));
    CHECK(master_event.event_type == MST_MASTER_EVENT_PEER_JOINED && master_event.session == 1);
    OK(mst_master_event_text(master, text, sizeof text, &len));
    CHECK(len == 5 && memcmp(text, "abuse", 5) == 0);

    /* Closed: no more profiles, a second close is none, and the handles go on answering. */
    OK(mst_endpoint_close(endpoint, PATIENCE_MS));
    OK(mst_endpoint_close(endpoint, 0));
    REFUSED(MST_ERR_CLOSED, mst_endpoint_fill_profile(endpoint, "cem", 3, &out.profile));
    OK(mst_endpoint_tick(endpoint, 0));
    OK(mst_endpoint_is_connected(endpoint, &flag));
    CHECK(flag == 0);
    REFUSED(MST_ERR_RELEASED, mst_profile_set_i32(profile, LEVEL, 6));
    REFUSED(MST_ERR_RELEASED, mst_profile_get_i32(profile, LEVEL, &out.i32));
    REFUSED(MST_ERR_RELEASED, mst_profile_flush(profile, &out.u64));
    REFUSED(MST_ERR_RELEASED, mst_profile_pending(profile, &out.pending));
    REFUSED(MST_ERR_RELEASED, mst_profile_release(profile));
    REFUSED(MST_ERR_RELEASED, mst_profile_to_json(profile, text, sizeof text, &len));
    OK(mst_endpoint_free(endpoint));
    REFUSED(MST_ERR_RELEASED, mst_profile_get_i32(profile, LEVEL, &out.i32));
    OK(mst_profile_free(profile));

    /* Freed at once: its profiles are released, loaded or not. */
    endpoint = connect_to(master, schema, NULL);
    profile = fill(endpoint, "ann");
    wait_for(endpoint, MST_EVENT_PROFILE_LOADED);
    freed = fill(endpoint, "dora");
    OK(mst_endpoint_free(endpoint));
    REFUSED(MST_ERR_RELEASED, mst_profile_set_i32(profile, LEVEL, 6));
    REFUSED(MST_ERR_RELEASED, mst_profile_get_i32(profile, LEVEL, &out.i32));
    REFUSED(MST_ERR_RELEASED, mst_profile_is_loaded(profile, &out.u8));
    REFUSED(MST_ERR_RELEASED, mst_profile_get_i32(freed, LEVEL, &out.i32));
    OK(mst_profile_free(profile));
    OK(mst_profile_free(freed));

    /* Peers that the master, or who doubts the master, will not have. */
    endpoint = connect_to(master, schema, "nonsense");
    event = wait_for(endpoint, MST_EVENT_FAILED);
    CHECK(event.code == MST_ERR_AUTH_FAILED && event.profile == NULL);
    SHORT_BUFFER(mst_endpoint_event_text, char, endpoint);
    OK(mst_endpoint_free(endpoint));
    {
        MstConnectOptions options;
        char address[32];
        uint16_t port = 0;
        OK(mst_master_port(master, &port));
        snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)port);
        options = connect_options(schema, address, FINGERPRINT);
        OK(mst_client_connect(&options, &other));
        CHECK(wait_for(other, MST_EVENT_FAILED).code == MST_ERR_CERTIFICATE);
        OK(mst_endpoint_free(other));
    }

    /* A stopped master's handle goes on answering too. */
    OK(mst_master_stop(master));
    REFUSED(MST_ERR_CLOSED, mst_master_stop(master));
    REFUSED(MST_ERR_CLOSED, mst_master_port(master, &out.u16));
    REFUSED(MST_ERR_CLOSED, mst_master_fingerprint(master, text, sizeof text, &len));
    REFUSED(MST_ERR_CLOSED, mst_master_next_event(master, &out.master_event));
    REFUSED(MST_ERR_CLOSED, mst_master_stats(master, &out.master_stats));
    REFUSED(MST_ERR_CLOSED, mst_master_profile_json(master, "ann", 3, text, sizeof text, &len));
    OK(mst_master_free(master));
    OK(mst_schema_free(schema));
}

static int64_t gold_of(MstProfile *profile, MstResult (*get)(const MstProfile *, uint32_t, MstValue *, void *, uint32_t, uint32_t *)) {
    MstValue value;
    OK(get(profile, GOLD, &value, NULL, 0, NULL));
    return value.int_value;
}

/* Two game servers spend the same gold: the second one's batch is refused as a whole, and all of it taken back. */
void refused_by_the_master(void) {
    MstSchema *schema = make_schema();
    MstMaster *master = start_master(schema);
    MstEndpoint *first = connect_to(master, schema, "dev-server:first");
    MstEndpoint *second = connect_to(master, schema, "dev-server:second");
    MstProfile *rich = fill(first, "shared"), *poor = fill(second, "shared");
    MstEvent event;
    MstPending pending;

    OK(mst_endpoint_set_flush_interval(second, 3600 * 1000));
    wait_for(first, MST_EVENT_PROFILE_LOADED);
    wait_for(second, MST_EVENT_PROFILE_LOADED);
    OK(mst_profile_begin_batch(poor));
    OK(mst_profile_set_i32(poor, LEVEL, 5));
    OK(mst_profile_add_int_guarded(poor, GOLD, -8, 0, INT64_MAX));
    /* Nothing of it is sent before it is committed. */
    OK(mst_profile_flush(poor, &out.u64));
    CHECK(out.u64 == 0);
    CHECK(gold_of(poor, mst_profile_get_value) == 2 && gold_of(poor, mst_profile_get_confirmed) == 10);
    OK(mst_profile_add_int_guarded(rich, GOLD, -8, 0, INT64_MAX));
    OK(mst_profile_flush(rich, NULL));
    wait_for(first, MST_EVENT_DURABLE);
    OK(mst_profile_commit_batch(poor));
    OK(mst_profile_pending(poor, &pending));
    CHECK(pending.unsent == 1 && pending.unapplied == 0);
    OK(mst_profile_flush(poor, &out.u64));
    CHECK(out.u64 == 1);
    event = wait_for(second, MST_EVENT_REFUSED);
    CHECK(event.code == MST_ERR_GUARD_FAILED && event.number == 1 && event.property_index == GOLD);
    OK(mst_endpoint_event_text(second, text, sizeof text - 1, &len));
    text[len] = 0;
    CHECK(strstr(text, "gold") != NULL);
    OK(mst_profile_get_i32(poor, LEVEL, &out.i32));
    CHECK(out.i32 == 1);
    CHECK(gold_of(poor, mst_profile_get_value) == 2 && gold_of(poor, mst_profile_get_confirmed) == 2);
    REFUSED(MST_ERR_GUARD_FAILED, mst_profile_add_int_guarded(poor, GOLD, -3, 0, INT64_MAX));

    /* A batch that is begun when the profile is released is taken back. */
    OK(mst_profile_begin_batch(poor));
    OK(mst_profile_set_i32(poor, LEVEL, 6));
    OK(mst_profile_release(poor));
    wait_for(second, MST_EVENT_PROFILE_RELEASED);
    REFUSED(MST_ERR_RELEASED, mst_profile_begin_batch(poor));
    REFUSED(MST_ERR_RELEASED, mst_profile_commit_batch(poor));
    REFUSED(MST_ERR_RELEASED, mst_profile_cancel_batch(poor));
    REFUSED(MST_ERR_RELEASED, mst_profile_get_value(poor, GOLD, &out.value, text, sizeof text, &len));
    REFUSED(MST_ERR_RELEASED, mst_profile_add_int_guarded(poor, GOLD, 1, 0, 9));
    OK(mst_profile_get_i32(rich, LEVEL, &out.i32));
    CHECK(out.i32 == 1);
    OK(mst_endpoint_close(first, PATIENCE_MS));
    OK(mst_endpoint_close(second, PATIENCE_MS));
    OK(mst_profile_free(rich));
    OK(mst_profile_free(poor));
    OK(mst_endpoint_free(first));
    OK(mst_endpoint_free(second));
    OK(mst_master_free(master));
    OK(mst_schema_free(schema));
}

/* An endpoint that nobody answers says so, and can be closed. */
void nobody_answers(void) {
    MstSchema *schema = make_schema();
    MstConnectOptions options = connect_options(schema, "127.0.0.1:9", FINGERPRINT);
    MstEndpoint *endpoint = NULL;
    MstProfile *profile;
    MstEvent event;
    options.connect_timeout_ms = 200;
    OK(mst_client_connect(&options, &endpoint));
    profile = fill(endpoint, "ann");
    event = wait_for(endpoint, MST_EVENT_DISCONNECTED);
    CHECK(event.code < 0 && event.number > 0);
    /* Nothing was made that could be lost. */
    OK(mst_endpoint_close(endpoint, 100));
    OK(mst_profile_free(profile));
    OK(mst_endpoint_free(endpoint));
    OK(mst_schema_free(schema));
}

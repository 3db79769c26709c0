/* Outputs that are null, at an odd address or too small. */

#include "abuse.h"

void outputs(void) {
    MstSchemaBuilder *builder = make_builder();
    MstSchema *schema = make_schema();
    MstMaster *master = start_master(schema);
    MstEndpoint *endpoint = connect_to(master, schema, NULL);
    MstProfile *profile = make_profile(schema), *attached = fill(endpoint, "ann");
    const MstConnectOptions connect = connect_options(schema, "127.0.0.1:9", FINGERPRINT);
    const MstMasterOptions start = master_options(schema);
    MstPropertyInfo info;
    uint8_t flag = 0;

    OK(mst_schema_property_info(schema, LEVEL, &info));
    NO_OUT(mst_property_key("a", 1, NULL));
    NO_OUT(mst_property_key("a", 1, ODD));
    NO_OUT(mst_property_options_init(NULL));
    NO_OUT(mst_connect_options_init(NULL));
    NO_OUT(mst_master_options_init(NULL));
    NO_OUT(mst_schema_builder_create(NULL));
    NO_OUT(mst_schema_builder_build(builder, NULL));
    NO_OUT(mst_schema_from_json(SCHEMA, LEN(SCHEMA), NULL));
    NO_OUT(mst_schema_property_count(schema, NULL));
    NO_OUT(mst_schema_find(schema, "level", 5, NULL));
    NO_OUT(mst_schema_find_key(schema, info.key, NULL));
    NO_OUT(mst_schema_property_info(schema, 0, NULL));
    NO_OUT(mst_schema_fingerprint(schema, NULL));
    NO_OUT(mst_profile_create(schema, NULL));
    NO_OUT(mst_profile_is_loaded(profile, NULL));
    NO_OUT(mst_profile_is_dirty(profile, NULL));
    NO_OUT(mst_profile_is_pending(profile, LEVEL, NULL));
    NO_OUT(mst_profile_get_bool(profile, VIP, NULL));
    NO_OUT(mst_profile_get_i32(profile, LEVEL, NULL));
    NO_OUT(mst_profile_get_i64(profile, GOLD, NULL));
    NO_OUT(mst_profile_get_i64(profile, GOLD, ODD));
    NO_OUT(mst_profile_get_f64(profile, RATING, NULL));
    NO_OUT(mst_profile_get_at(profile, TITLE, NULL, 0, NULL, text, sizeof text, &len));
    NO_OUT(mst_profile_get_at(profile, TITLE, NULL, 0, ODD, text, sizeof text, &len));
    NO_OUT(mst_profile_get_confirmed_at(profile, TITLE, NULL, 0, NULL, text, sizeof text, &len));
    NO_OUT(mst_profile_get_confirmed_at(profile, TITLE, NULL, 0, ODD, text, sizeof text, &len));
    NO_OUT(mst_profile_count_at(profile, TITLE, NULL, 0, NULL));
    NO_OUT(mst_profile_count_at(profile, TITLE, NULL, 0, ODD));
    NO_OUT(mst_profile_next_event(profile, NULL));
    NO_OUT(mst_client_connect(&connect, NULL));
    NO_OUT(mst_server_connect(&connect, NULL));
    NO_OUT(mst_client_connect(NULL, &out.endpoint));
    NO_OUT(mst_server_connect(NULL, &out.endpoint));
    NO_OUT(mst_endpoint_next_event(endpoint, NULL));
    NO_OUT(mst_endpoint_next_event(endpoint, ODD));
    NO_OUT(mst_endpoint_is_connected(endpoint, NULL));
    NO_OUT(mst_endpoint_fill_profile(endpoint, "bob", 3, NULL));
    NO_OUT(mst_endpoint_find_profile(endpoint, "ann", 3, NULL));
    NO_OUT(mst_endpoint_stats(endpoint, NULL));
    NO_OUT(mst_master_start(&start, NULL));
    NO_OUT(mst_master_start(NULL, &out.master));
    NO_OUT(mst_master_port(master, NULL));
    NO_OUT(mst_master_next_event(master, NULL));
    NO_OUT(mst_master_stats(master, NULL));
    NO_OUT(mst_master_health(master, NULL));
    NO_OUT(mst_master_ask(master, MST_QUERY_LIST, NULL, 0, 0, 10, text, sizeof text, NULL));
    NO_OUT(mst_endpoint_ask(endpoint, MST_QUERY_LIST, NULL, 0, 0, 10, NULL));
    NO_OUT(mst_master_is_stopped(master, NULL));
    NO_OUT(mst_master_dispatch(master, 0, ODD));
    NO_OUT(mst_master_next_store_request(master, NULL));
    NO_OUT(mst_master_next_store_request(master, ODD));
    NO_OUT(mst_master_store_request_version(master, 1, 0, NULL));
    NO_OUT(mst_profile_pending(attached, NULL));

    NO_OUT(mst_last_error(text, sizeof text, NULL));
    NO_OUT(mst_last_error(NULL, 1, &len));
    NO_BUFFER(mst_schema_property_name, char, schema, 0);
    NO_BUFFER(mst_profile_get_string, char, profile, TITLE);
    NO_BUFFER(mst_profile_snapshot, uint8_t, profile);
    NO_BUFFER(mst_profile_to_json, char, profile);
    NO_BUFFER(mst_schema_property_type, char, schema, 0);
    NO_BUFFER(mst_profile_get_json_at, char, profile, TITLE, NULL, 0);
    NO_BUFFER(mst_profile_event_path, char, profile);
    NO_BUFFER(mst_endpoint_event_path, char, endpoint);
    NO_ROOM(mst_profile_get_at, profile, TITLE, NULL, 0, &out.value);
    NO_ROOM(mst_profile_get_confirmed_at, profile, TITLE, NULL, 0, &out.value);
    NO_BUFFER(mst_endpoint_event_text, char, endpoint);
    NO_BUFFER(mst_master_event_text, char, master);
    NO_BUFFER(mst_master_fingerprint, char, master);

    /* A delta that can't be written stays to be taken. */
    OK(mst_profile_set_i32(profile, LEVEL, 5));
    OK(mst_profile_set_string(profile, TITLE, "Champion", 8));
    NO_BUFFER(mst_profile_take_delta, uint8_t, profile);
    OK(mst_profile_is_dirty(profile, &flag));
    CHECK(flag == 1);
    SHORT_BUFFER(mst_profile_take_delta, uint8_t, profile);
    OK(mst_profile_is_dirty(profile, &flag));
    CHECK(flag == 0);
    OK(mst_profile_take_delta(profile, NULL, 0, &len));
    CHECK(len == 0);

    SHORT_BUFFER(mst_schema_property_name, char, schema, GOLD);
    SHORT_BUFFER(mst_profile_get_string, char, profile, TITLE);
    SHORT_BUFFER(mst_profile_get_at, void, profile, TITLE, NULL, 0, &out.value);
    SHORT_BUFFER(mst_profile_get_confirmed_at, void, profile, TITLE, NULL, 0, &out.value);
    SHORT_BUFFER(mst_profile_get_json_at, char, profile, TITLE, NULL, 0);
    SHORT_BUFFER(mst_schema_property_type, char, schema, GOLD);
    SHORT_BUFFER(mst_profile_snapshot, uint8_t, profile);
    SHORT_BUFFER(mst_profile_to_json, char, profile);
    SHORT_BUFFER(mst_master_fingerprint, char, master);
    wait_for(endpoint, MST_EVENT_PROFILE_LOADED);
    SHORT_BUFFER(mst_master_profile_json, char, master, "ann", 3);
    NO_BUFFER(mst_master_profile_json, char, master, "ann", 3);

    /* An error's text is not changed by asking for it in vain. */
    GIVES(MST_ERR_UNKNOWN_PROPERTY, mst_schema_find(schema, "mana", 4, &out.u32));
    len = 0;
    GIVES(MST_ERR_BUFFER_TOO_SMALL, mst_last_error(NULL, 0, &len));
    CHECK(len > 0 && last_error_names("mana"));

    /* A flush whose output can't be written does not flush. */
    OK(mst_profile_set_i32(attached, LEVEL, 8));
    NO_OUT(mst_profile_flush(attached, ODD));
    OK(mst_profile_is_dirty(attached, &flag));
    CHECK(flag == 1);

    /* These outputs may be left out. */
    OK(mst_endpoint_wait(endpoint, 0, NULL));
    OK(mst_profile_flush(attached, NULL));

    OK(mst_endpoint_close(endpoint, PATIENCE_MS));
    OK(mst_schema_builder_free(builder));
    OK(mst_schema_free(schema));
    OK(mst_profile_free(profile));
    OK(mst_profile_free(attached));
    OK(mst_endpoint_free(endpoint));
    OK(mst_master_free(master));
}

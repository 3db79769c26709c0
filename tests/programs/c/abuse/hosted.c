/* A master that listens nowhere, and its peers in the same process; an endpoint's state and token. */

#include "abuse.h"

static MstConnectionInfo state_of(const MstEndpoint *endpoint) {
    MstConnectionInfo info;
    OK(mst_endpoint_state(endpoint, &info));
    return info;
}

static int64_t gold_of(const MstProfile *profile) {
    int64_t gold = 0;
    OK(mst_profile_get_i64(profile, GOLD, &gold));
    return gold;
}

static void wait_for_gold(MstEndpoint *endpoint, const MstProfile *profile, int64_t wanted) {
    while (gold_of(profile) != wanted) {
        wait_for(endpoint, MST_EVENT_PROPERTY_CHANGED);
    }
}

static void options_of_in_process_peers(MstMaster *master) {
    struct {
        MstInProcessOptions known;
        uint64_t tail;
    } wider;
    MstInProcessOptions options;
    MstEndpoint *made = NULL;
    memset(&wider, 0, sizeof wider);
    OK(mst_in_process_options_init(&options));
    CHECK(options.struct_size == sizeof options && options.schema == NULL && options.flush_interval_ms == 0);
    NO_OUT(mst_in_process_options_init(NULL));
    NO_OUT(mst_master_connect_own(master, "quests", 6, &options, NULL));
    NO_OUT(mst_master_connect_own(master, "quests", 6, &options, ODD));
    REFUSED(MST_ERR_INVALID_USER_ID, mst_master_connect_own(master, NULL, 0, NULL, &out.endpoint));
    REFUSED(MST_ERR_INVALID_USER_ID, mst_master_connect_client(master, "a\nb", 3, NULL, &out.endpoint));
    REFUSED(MST_ERR_INVALID_UTF8, mst_master_connect_server(master, BAD_UTF8, 2, NULL, &out.endpoint));
    options.schema = (const MstSchema *)master;
    REFUSED(MST_ERR_INVALID_HANDLE, mst_master_connect_server(master, "arena", 5, &options, &out.endpoint));
    options.struct_size = 3;
    REFUSED(MST_ERR_INVALID_STRUCT_SIZE, mst_master_connect_server(master, "arena", 5, &options, &out.endpoint));
    OK(mst_in_process_options_init(&wider.known));
    wider.known.struct_size = sizeof wider;
    wider.tail = 1;
    REFUSED(MST_ERR_INVALID_STRUCT_SIZE, mst_master_connect_own(master, "quests", 6, &wider.known, &out.endpoint));
    wider.tail = 0;
    OK(mst_master_connect_own(master, "quests", 6, &wider.known, &made));
    OK(mst_endpoint_free(made));
}

/* The answer of a master, as text that ends. */
static const char *answer(const MstMaster *master, int32_t query_type, const char *user, uint64_t number, uint32_t limit) {
    static char said[8192];
    uint32_t length = 0;
    OK(mst_master_ask(master, query_type, user, LEN(user), number, limit, said, sizeof said - 1, &length));
    said[length] = 0;
    return said;
}

/* What is asked about profiles, from outside and by an endpoint. */
static void questions(MstMaster *master, MstEndpoint *server) {
    MstMasterHealth health;
    MstEvent event;
    uint64_t request = 0;
    uint8_t existed = 1;
    OK(mst_master_set_save_interval(master, 10));
    OK(mst_master_set_unload_after(master, 60000));
    OK(mst_master_health(master, &health));
    CHECK(health.is_well == 1 && health.failing_for_ms == 0);

    CHECK(strcmp(answer(master, MST_QUERY_LIST, "", 0, 10), "[\"ann\"]") == 0);
    CHECK(strstr(answer(master, MST_QUERY_HISTORY, "ann", 0, 10), "\"subject\":\"arena\"") != NULL);
    CHECK(strstr(answer(master, MST_QUERY_HISTORY, "ann", 0, 10), "\"subject\":\"quests\"") != NULL);
    CHECK(strstr(answer(master, MST_QUERY_HISTORY, "ann", 2, 10), "\"entries\":[]") != NULL);
    snprintf(text, sizeof text, "%.500s", answer(master, MST_QUERY_GET, "ann", 0, 0));
    CHECK(strcmp(answer(master, MST_QUERY_AT, "ann", 2, 0), text) == 0);
    CHECK(strstr(answer(master, MST_QUERY_AT, "ann", 0, 0), "gold") != NULL);
    REFUSED(MST_ERR_STORE_NO_HISTORY, mst_master_ask(master, MST_QUERY_AT, "ann", 3, 99, 0, text, sizeof text, &len));
    REFUSED(MST_ERR_NO_SUCH_PROFILE, mst_master_ask(master, MST_QUERY_GET, "bob", 3, 0, 0, text, sizeof text, &len));
    REFUSED(MST_ERR_INVALID_USER_ID, mst_master_ask(master, MST_QUERY_GET, NULL, 0, 0, 0, text, sizeof text, &len));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_ask(master, 77, "ann", 3, 0, 0, text, sizeof text, &len));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_ask(master, MST_QUERY_GET, "ann", 3, 1, 0, text, sizeof text, &len));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_ask(master, MST_QUERY_DELETE, "ann", 3, 0, 0, text, sizeof text, &len));
    GIVES(MST_ERR_BUFFER_TOO_SMALL, mst_master_ask(master, MST_QUERY_LIST, NULL, 0, 0, 10, text, 3, &len));
    CHECK(len == 7);
    OK(mst_master_delete_profile(master, "bob", 3, &existed));
    CHECK(existed == 0);
    OK(mst_master_delete_profile(master, "bob", 3, NULL));

    OK(mst_endpoint_ask(server, MST_QUERY_LIST, NULL, 0, 0, 10, &request));
    event = wait_for(server, MST_EVENT_ANSWER);
    CHECK(event.number == request && event.code == MST_OK);
    OK(mst_endpoint_event_text(server, text, sizeof text, &len));
    CHECK(len == 7 && memcmp(text, "[\"ann\"]", 7) == 0);
    OK(mst_endpoint_ask(server, MST_QUERY_GET, "bob", 3, 0, 0, &request));
    event = wait_for(server, MST_EVENT_ANSWER);
    CHECK(event.number == request && event.code == MST_ERR_NO_SUCH_PROFILE);
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_endpoint_ask(server, -1, "ann", 3, 0, 0, &out.u64));
}

void hosted(void) {
    MstSchema *schema = make_schema();
    MstMasterOptions options = master_options(schema);
    MstMaster *master = NULL;
    MstEndpoint *client = NULL, *server = NULL, *own = NULL;
    MstProfile *at_client, *at_server, *at_own;
    MstInProcessOptions peer;
    uint16_t port = 1;

    options.in_process_only = 2;
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_start(&options, &out.master));
    options.in_process_only = 1;
    options.listen = "127.0.0.1:0";
    options.listen_len = LEN(options.listen);
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_start(&options, &out.master));
    options.listen = NULL;
    options.listen_len = 0;
    OK(mst_master_start(&options, &master));
    OK(mst_master_port(master, &port));
    CHECK(port == 0);
    OK(mst_master_fingerprint(master, text, sizeof text, &len));
    CHECK(len == 0);
    OK(mst_master_set_update_interval(master, 0));
    options_of_in_process_peers(master);

    OK(mst_in_process_options_init(&peer));
    peer.flush_interval_ms = -1;
    peer.schema = schema;
    OK(mst_master_connect_client(master, "ann", 3, &peer, &client));
    OK(mst_master_connect_server(master, "arena", 5, &peer, &server));
    OK(mst_master_connect_own(master, "quests", 6, NULL, &own));
    CHECK(state_of(client).state == MST_CONNECTION_CONNECTING && state_of(client).attempt == 1);
    NO_OUT(mst_endpoint_state(client, NULL));
    NO_OUT(mst_endpoint_state(client, ODD));
    at_client = fill(client, "ann");
    at_server = fill(server, "ann");
    at_own = fill(own, "ann");
    wait_for(client, MST_EVENT_PROFILE_LOADED);
    wait_for(server, MST_EVENT_PROFILE_LOADED);
    wait_for(own, MST_EVENT_PROFILE_LOADED);
    CHECK(state_of(client).state == MST_CONNECTION_CONNECTED);
    {
        const int64_t begin = gold_of(at_client);
        OK(mst_profile_add_int(at_server, GOLD, 5));
        OK(mst_profile_add_int(at_own, GOLD, 20));
        OK(mst_profile_flush(at_server, NULL));
        OK(mst_profile_flush(at_own, NULL));
        wait_for(server, MST_EVENT_DURABLE);
        wait_for(own, MST_EVENT_DURABLE);
        wait_for_gold(client, at_client, begin + 25);
    }
    questions(master, server);
    OK(mst_endpoint_close(client, 10000));
    CHECK(state_of(client).state == MST_CONNECTION_CLOSED);
    REFUSED(MST_ERR_CLOSED, mst_endpoint_set_token(client, "dev:ann", 7));

    /* The master ends under the others. */
    OK(mst_master_stop(master));
    REFUSED(MST_ERR_CLOSED, mst_master_connect_own(master, "quests", 6, NULL, &out.endpoint));
    REFUSED(MST_ERR_CLOSED, mst_master_set_update_interval(master, 1));
    CHECK(wait_for(server, MST_EVENT_FAILED).code == MST_ERR_CLOSED);
    CHECK(state_of(server).state == MST_CONNECTION_FAILED && state_of(server).code == MST_ERR_CLOSED);
    REFUSED(MST_ERR_CLOSED, mst_endpoint_set_token(server, "dev-server:arena", 16));
    OK(mst_master_free(master));
    OK(mst_profile_free(at_client));
    OK(mst_profile_free(at_server));
    OK(mst_profile_free(at_own));
    OK(mst_endpoint_free(client));
    OK(mst_endpoint_free(server));
    OK(mst_endpoint_free(own));
    OK(mst_schema_free(schema));
}

void another_token(void) {
    static char long_token[5000];
    MstSchema *schema = make_schema();
    MstMaster *master = start_master(schema);
    MstEndpoint *endpoint = connect_to(master, schema, "expired");
    MstProfile *profile = fill(endpoint, "ann");
    CHECK(wait_for(endpoint, MST_EVENT_FAILED).code == MST_ERR_AUTH_FAILED);
    CHECK(state_of(endpoint).state == MST_CONNECTION_FAILED && state_of(endpoint).code == MST_ERR_AUTH_FAILED);
    memset(long_token, 'x', sizeof long_token);
    REFUSED(MST_ERR_TOO_LONG, mst_endpoint_set_token(endpoint, long_token, sizeof long_token));
    REFUSED(MST_ERR_INVALID_UTF8, mst_endpoint_set_token(endpoint, BAD_UTF8, 2));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_endpoint_set_token(endpoint, NULL, 2));
    OK(mst_endpoint_set_token(endpoint, "dev-server:abuse", 16));
    CHECK(wait_for(endpoint, MST_EVENT_PROFILE_LOADED).profile == profile);
    CHECK(state_of(endpoint).state == MST_CONNECTION_CONNECTED);
    OK(mst_endpoint_close(endpoint, 10000));
    OK(mst_profile_free(profile));
    OK(mst_endpoint_free(endpoint));
    OK(mst_master_free(master));
    OK(mst_schema_free(schema));
}

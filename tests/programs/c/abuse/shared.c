/* What the parts share: see abuse.h. */

#include <time.h>

#include "abuse.h"

const char SCHEMA[] = "{\"properties\":["
                      "{\"name\":\"level\",\"type\":\"i32\",\"default\":1},"
                      "{\"name\":\"gold\",\"type\":\"i64\",\"default\":10},"
                      "{\"name\":\"rating\",\"type\":\"f64\",\"default\":0.5},"
                      "{\"name\":\"title\",\"type\":\"string\",\"default\":\"Novice\",\"write\":\"owner\"},"
                      "{\"name\":\"vip\",\"type\":\"bool\"}]}";

const char FINGERPRINT[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const char BAD_UTF8[] = "\xff\xfe";

Out out;
char text[512];
uint32_t len;

void pattern(void) {
    memset(&out, 0xa5, sizeof out);
    memset(text, 0x5a, sizeof text);
    len = 0xa5a5a5a5;
}

int pattern_stands(void) {
    for (size_t i = 0; i < sizeof out; i++) {
        if (((const uint8_t *)&out)[i] != 0xa5) {
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof text; i++) {
        if (text[i] != 0x5a) {
            return 0;
        }
    }
    return len == 0xa5a5a5a5;
}

int last_error_names(const char *word) {
    char error[1024];
    uint32_t length = 0;
    OK(mst_last_error(error, sizeof error - 1, &length));
    error[length] = 0;
    return strstr(error, word) != NULL;
}

MstSchema *make_schema(void) {
    MstSchema *schema = NULL;
    OK(mst_schema_from_json(SCHEMA, LEN(SCHEMA), &schema));
    return schema;
}

MstSchemaBuilder *make_builder(void) {
    MstSchemaBuilder *builder = NULL;
    OK(mst_schema_builder_create(&builder));
    return builder;
}

MstProfile *make_profile(const MstSchema *schema) {
    MstProfile *profile = NULL;
    OK(mst_profile_create(schema, &profile));
    return profile;
}

MstMasterOptions master_options(const MstSchema *schema) {
    MstMasterOptions options;
    OK(mst_master_options_init(&options));
    CHECK(options.struct_size == sizeof options && options.schema == NULL && options.development == 0);
    options.schema = schema;
    options.development = 1;
    return options;
}

MstMaster *start_master(const MstSchema *schema) {
    const MstMasterOptions options = master_options(schema);
    MstMaster *master = NULL;
    OK(mst_master_start(&options, &master));
    return master;
}

MstConnectOptions connect_options(const MstSchema *schema, const char *address, const char *fingerprint) {
    MstConnectOptions options;
    OK(mst_connect_options_init(&options));
    CHECK(options.struct_size == sizeof options && options.schema == NULL && options.token == NULL);
    options.address = address;
    options.address_len = LEN(address);
    options.token = "dev-server:abuse";
    options.token_len = LEN(options.token);
    options.fingerprint = fingerprint;
    options.fingerprint_len = LEN(fingerprint);
    options.schema = schema;
    return options;
}

MstEndpoint *connect_to(const MstMaster *master, const MstSchema *schema, const char *token) {
    char address[32], fingerprint[65];
    uint16_t port = 0;
    uint32_t length = 0;
    MstEndpoint *endpoint = NULL;
    MstConnectOptions options;
    OK(mst_master_port(master, &port));
    snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)port);
    OK(mst_master_fingerprint(master, fingerprint, 64, &length));
    CHECK(length == 64);
    fingerprint[length] = 0;
    options = connect_options(schema, address, fingerprint);
    if (token != NULL) {
        options.token = token;
        options.token_len = LEN(token);
    }
    OK(mst_server_connect(&options, &endpoint));
    return endpoint;
}

MstProfile *fill(MstEndpoint *endpoint, const char *user) {
    MstProfile *profile = NULL;
    OK(mst_endpoint_fill_profile(endpoint, user, LEN(user), &profile));
    return profile;
}

MstEvent wait_for(MstEndpoint *endpoint, int32_t event_type) {
    const time_t begin = time(NULL);
    MstEvent event;
    for (;;) {
        CHECK((time(NULL) - begin) * 1000 < PATIENCE_MS && "the event came");
        OK(mst_endpoint_wait(endpoint, 100, NULL));
        do {
            OK(mst_endpoint_next_event(endpoint, &event));
            if (event.event_type == event_type) {
                return event;
            }
        } while (event.event_type != MST_EVENT_NONE);
    }
}

uint32_t random_number(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 16);
}

/* Options of every size, with values that there are not. */

#include <stddef.h>

#include "abuse.h"

static MstResult add_with(MstSchemaBuilder *builder, const void *options) {
    return mst_schema_builder_add_i32(builder, "a", 1, 0, options);
}

void property_options(void) {
    struct {
        MstPropertyOptions known;
        uint32_t tail[4];
    } options;
    const uint32_t whole = sizeof options.known;
    MstSchemaBuilder *builder = make_builder();
    MstSchema *schema = make_schema();

    memset(&options, 0, sizeof options);
    OK(mst_property_options_init(&options.known));
    CHECK(options.known.struct_size == whole);
    static const struct {
        uint32_t size, tail;
        MstResult expected;
    } sizes[] = {
        {0, 0, MST_ERR_INVALID_STRUCT_SIZE},
        {3, 0, MST_ERR_INVALID_STRUCT_SIZE},
        {65537, 0, MST_ERR_INVALID_STRUCT_SIZE},
        {UINT32_MAX, 0, MST_ERR_INVALID_STRUCT_SIZE},
        {sizeof(MstPropertyOptions) + 16, 1, MST_ERR_INVALID_STRUCT_SIZE}, /* a field that is not known here */
        {sizeof(MstPropertyOptions) + 16, 0, MST_OK},                      /* a newer caller that does not use it */
        {sizeof(MstPropertyOptions), 1, MST_OK},                           /* what is behind it does not count */
        {offsetof(MstPropertyOptions, visibility), 0, MST_ERR_INVALID_STRUCT_SIZE}, /* shorter than the first header's */
        {sizeof(MstPropertyOptions) - 1, 0, MST_ERR_INVALID_STRUCT_SIZE},
        {sizeof(uint32_t), 0, MST_ERR_INVALID_STRUCT_SIZE},
    };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        options.known.struct_size = sizes[i].size;
        options.tail[3] = sizes[i].tail;
        REFUSED(sizes[i].expected, add_with(builder, &options));
    }
    options.tail[3] = 0;

    options.known.struct_size = whole;
    options.known.visibility = 99;
    REFUSED(MST_ERR_INVALID_ARGUMENT, add_with(builder, &options));

    static const int32_t no_enum[] = {-1, 3, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < COUNT(no_enum); i++) {
        OK(mst_property_options_init(&options.known));
        options.known.visibility = no_enum[i];
        REFUSED(MST_ERR_INVALID_ARGUMENT, add_with(builder, &options));
        CHECK(last_error_names("visibility"));
        OK(mst_property_options_init(&options.known));
        options.known.writers = no_enum[i];
        REFUSED(MST_ERR_INVALID_ARGUMENT, add_with(builder, &options));
        CHECK(last_error_names("writers"));
    }
    OK(mst_property_options_init(&options.known));
    options.known.has_key = 2;
    REFUSED(MST_ERR_INVALID_ARGUMENT, add_with(builder, &options));
    CHECK(last_error_names("has_key"));

    /* All that was accepted has one name. */
    REFUSED(MST_ERR_DUPLICATE_NAME, mst_schema_builder_build(builder, &out.schema));
    OK(mst_schema_builder_free(builder));
    OK(mst_schema_free(schema));
}

/* A size, and a field of the tail: what both roles' and the master's options make of them. */
#define OPTION_SIZES(Options, shorter, start, stop)                                                                    \
    do {                                                                                                               \
        struct {                                                                                                       \
            Options known;                                                                                             \
            uint64_t tail;                                                                                             \
        } wider;                                                                                                       \
        memset(&wider, 0, sizeof wider);                                                                               \
        wider.known = good;                                                                                            \
        wider.known.struct_size = 0;                                                                                   \
        REFUSED(MST_ERR_INVALID_STRUCT_SIZE, start(&wider.known, &made));                                              \
        wider.known.struct_size = 3;                                                                                   \
        REFUSED(MST_ERR_INVALID_STRUCT_SIZE, start(&wider.known, &made));                                              \
        wider.known.struct_size = sizeof wider;                                                                        \
        wider.tail = 1;                                                                                                \
        REFUSED(MST_ERR_INVALID_STRUCT_SIZE, start(&wider.known, &made));                                              \
        CHECK(made == NULL);                                                                                           \
        wider.tail = 0;                                                                                                \
        OK(start(&wider.known, &made));                                                                                \
        OK(stop(made));                                                                                                \
        made = NULL;                                                                                                   \
        /* Shorter than the first header's, and cut through a pointer. */                                              \
        wider.known.struct_size = offsetof(Options, shorter);                                                          \
        REFUSED(MST_ERR_INVALID_STRUCT_SIZE, start(&wider.known, &made));                                              \
        wider.known.struct_size = 12;                                                                                  \
        REFUSED(MST_ERR_INVALID_STRUCT_SIZE, start(&wider.known, &made));                                              \
        CHECK(made == NULL);                                                                                           \
    } while (0)

/* One field of otherwise good options. */
#define OPTION(field, value, expected, start)                                                                          \
    do {                                                                                                               \
        options = good;                                                                                                \
        options.field = (value);                                                                                       \
        REFUSED(expected, start(&options, &made));                                                                     \
        CHECK(made == NULL);                                                                                           \
    } while (0)

#define OPTION_TEXT(field, value, expected, start)                                                                     \
    do {                                                                                                               \
        options = good;                                                                                                \
        options.field = (value);                                                                                       \
        options.field##_len = 2;                                                                                       \
        REFUSED(expected, start(&options, &made));                                                                     \
        CHECK(made == NULL);                                                                                           \
    } while (0)

static void endpoint_options(MstResult (*start)(const MstConnectOptions *, MstEndpoint **)) {
    MstSchema *schema = make_schema();
    const MstConnectOptions good = connect_options(schema, "127.0.0.1:9", FINGERPRINT);
    MstConnectOptions options;
    MstEndpoint *made = NULL;

    OPTION_SIZES(MstConnectOptions, flush_interval_ms, start, mst_endpoint_free);
    OPTION(schema, NULL, MST_ERR_INVALID_HANDLE, start);
    OPTION_TEXT(address, NULL, MST_ERR_INVALID_ARGUMENT, start);
    OPTION_TEXT(token, NULL, MST_ERR_INVALID_ARGUMENT, start);
    OPTION_TEXT(fingerprint, NULL, MST_ERR_INVALID_ARGUMENT, start);
    OPTION_TEXT(ca_file, NULL, MST_ERR_INVALID_ARGUMENT, start);
    OPTION_TEXT(server_name, NULL, MST_ERR_INVALID_ARGUMENT, start);
    OPTION_TEXT(address, BAD_UTF8, MST_ERR_INVALID_UTF8, start);
    OPTION_TEXT(token, BAD_UTF8, MST_ERR_INVALID_UTF8, start);
    OPTION_TEXT(fingerprint, BAD_UTF8, MST_ERR_INVALID_UTF8, start);
    OPTION_TEXT(ca_file, BAD_UTF8, MST_ERR_INVALID_UTF8, start);
    OPTION_TEXT(server_name, BAD_UTF8, MST_ERR_INVALID_UTF8, start);
    OPTION_TEXT(fingerprint, "zz", MST_ERR_INVALID_ARGUMENT, start);
    OPTION_TEXT(ca_file, "/x", MST_ERR_INVALID_ARGUMENT, start); /* beside a fingerprint */
    OPTION(fingerprint_len, 63, MST_ERR_INVALID_ARGUMENT, start);
    OPTION(address_len, 9, MST_ERR_INVALID_ADDRESS, start); /* no port */
    OPTION(address_len, 0, MST_ERR_INVALID_ADDRESS, start);
    {
        char *token = malloc(5000);
        CHECK(token != NULL);
        memset(token, 'x', 5000);
        options = good;
        options.token = token;
        options.token_len = 5000;
        REFUSED(MST_ERR_TOO_LONG, start(&options, &made));
        options = good;
        options.fingerprint_len = 0;
        options.ca_file = "/no/such/file.pem";
        options.ca_file_len = LEN(options.ca_file);
        REFUSED(MST_ERR_TLS_CONFIG, start(&options, &made));
        free(token);
    }
    OK(mst_schema_free(schema));
}

void connect_options_of_both_roles(void) {
    endpoint_options(mst_client_connect);
    endpoint_options(mst_server_connect);
}

void master_start_options(void) {
    MstSchema *schema = make_schema();
    const MstMasterOptions good = master_options(schema);
    MstMasterOptions options;
    MstMaster *made = NULL, *other = start_master(schema);
    char address[32];
    uint16_t port = 0;

    OPTION_SIZES(MstMasterOptions, update_interval_ms, mst_master_start, mst_master_free);
    OPTION(schema, NULL, MST_ERR_INVALID_HANDLE, mst_master_start);
    OPTION(development, 2, MST_ERR_INVALID_ARGUMENT, mst_master_start);
    OPTION(own_store, 2, MST_ERR_INVALID_ARGUMENT, mst_master_start);
    OPTION(store_timeout_ms, 1, MST_ERR_INVALID_ARGUMENT, mst_master_start); /* without own_store */
    options.own_store = 1;
    options.store_timeout_ms = 0;
    options.database = "profiles.db";
    options.database_len = LEN(options.database);
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_start(&options, &made)); /* two databases */
    CHECK(made == NULL);
    OPTION_TEXT(listen, NULL, MST_ERR_INVALID_ARGUMENT, mst_master_start);
    OPTION_TEXT(database, NULL, MST_ERR_INVALID_ARGUMENT, mst_master_start);
    OPTION_TEXT(cert_file, NULL, MST_ERR_INVALID_ARGUMENT, mst_master_start);
    OPTION_TEXT(key_file, NULL, MST_ERR_INVALID_ARGUMENT, mst_master_start);
    OPTION_TEXT(listen, BAD_UTF8, MST_ERR_INVALID_UTF8, mst_master_start);
    OPTION_TEXT(database, BAD_UTF8, MST_ERR_INVALID_UTF8, mst_master_start);
    OPTION_TEXT(cert_file, BAD_UTF8, MST_ERR_INVALID_UTF8, mst_master_start);
    OPTION_TEXT(key_file, BAD_UTF8, MST_ERR_INVALID_UTF8, mst_master_start);
    OPTION_TEXT(listen, "zz", MST_ERR_INVALID_ADDRESS, mst_master_start);
    OPTION_TEXT(cert_file, "/x", MST_ERR_INVALID_ARGUMENT, mst_master_start); /* without its key */
    OPTION_TEXT(database, "//", MST_ERR_STORE_OPEN, mst_master_start);        /* a folder */

    OK(mst_master_port(other, &port));
    snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)port);
    options = good;
    options.listen = address;
    options.listen_len = LEN(address);
    REFUSED(MST_ERR_ADDRESS_IN_USE, mst_master_start(&options, &made));
    CHECK(made == NULL);
    OK(mst_master_free(other));
    OK(mst_schema_free(schema));
}

/* Handles that are null, stale, forged or of another kind: one row for each function that takes one. */

#include "abuse.h"

static MstResult client_with(const MstSchema *schema) {
    const MstConnectOptions options = connect_options(schema, "127.0.0.1:9", FINGERPRINT);
    return mst_client_connect(&options, &out.endpoint);
}

static MstResult server_with(const MstSchema *schema) {
    const MstConnectOptions options = connect_options(schema, "127.0.0.1:9", FINGERPRINT);
    return mst_server_connect(&options, &out.endpoint);
}

static MstResult master_with(const MstSchema *schema) {
    const MstMasterOptions options = master_options(schema);
    return mst_master_start(&options, &out.master);
}

static const MstValue a_value = {.value_type = MST_TYPE_I32};
static const MstKey a_key = {.key_type = MST_KEY_I32};

static MstResult dict_next_from_the_first(const MstProfile *profile) {
    MstKey key = {0};
    return mst_profile_dict_next(profile, 0, &key, text, sizeof text, &len, &out.value, NULL, 0, NULL);
}

/* X(function, arguments), where `it` is the handle. */
#define BUILDER_CALLS(X)                                                                                               \
    X(mst_schema_builder_free, (it))                                                                                   \
    X(mst_schema_builder_add_bool, (it, "a", 1, 1, NULL))                                                              \
    X(mst_schema_builder_add_i32, (it, "a", 1, 1, NULL))                                                               \
    X(mst_schema_builder_add_i64, (it, "a", 1, 1, NULL))                                                               \
    X(mst_schema_builder_add_f64, (it, "a", 1, 1, NULL))                                                               \
    X(mst_schema_builder_add_string, (it, "a", 1, "b", 1, NULL))                                                       \
    X(mst_schema_builder_add_value, (it, "a", 1, &a_value, NULL))                                                      \
    X(mst_schema_builder_add_list, (it, "a", 1, MST_TYPE_I32, NULL))                                                   \
    X(mst_schema_builder_add_dict, (it, "a", 1, MST_KEY_I32, MST_TYPE_I32, NULL))                                      \
    X(mst_schema_builder_add_type, (it, "a", 1, "custom", 6, NULL, 0, NULL))                                           \
    X(mst_schema_builder_add_by_key, (it, 1, MST_TYPE_I32, 0, 0))                                                      \
    X(mst_schema_builder_build, (it, &out.schema))

#define SCHEMA_CALLS(X)                                                                                                \
    X(mst_schema_free, (it))                                                                                           \
    X(mst_schema_property_count, (it, &out.u32))                                                                       \
    X(mst_schema_find, (it, "level", 5, &out.u32))                                                                     \
    X(mst_schema_find_key, (it, 1, &out.u32))                                                                          \
    X(mst_schema_property_name, (it, 0, text, sizeof text, &len))                                                      \
    X(mst_schema_property_type, (it, 0, text, sizeof text, &len))                                                      \
    X(mst_schema_property_info, (it, 0, &out.info))                                                                    \
    X(mst_schema_property_default, (it, 0, &out.value, text, sizeof text, &len))                                       \
    X(mst_schema_property_pattern, (it, 0, text, sizeof text, &len))                                                   \
    X(mst_schema_property_key_pattern, (it, 0, text, sizeof text, &len))                                               \
    X(mst_schema_property_description, (it, 0, text, sizeof text, &len))                                               \
    X(mst_schema_property_alias_count, (it, 0, &out.u32))                                                              \
    X(mst_schema_property_alias, (it, 0, 0, text, sizeof text, &len))                                                  \
    X(mst_schema_fingerprint, (it, &out.u64))                                                                          \
    X(mst_profile_create, (it, &out.profile))                                                                          \
    X(client_with, (it))                                                                                               \
    X(server_with, (it))                                                                                               \
    X(master_with, (it))

#define PROFILE_CALLS(X)                                                                                               \
    X(mst_profile_free, (it))                                                                                          \
    X(mst_profile_is_loaded, (it, &out.u8))                                                                            \
    X(mst_profile_is_dirty, (it, &out.u8))                                                                             \
    X(mst_profile_is_pending, (it, LEVEL, &out.u8))                                                                    \
    X(mst_profile_get_bool, (it, VIP, &out.u8))                                                                        \
    X(mst_profile_get_i32, (it, LEVEL, &out.i32))                                                                      \
    X(mst_profile_get_i64, (it, GOLD, &out.i64))                                                                       \
    X(mst_profile_get_f64, (it, RATING, &out.f64))                                                                     \
    X(mst_profile_get_string, (it, TITLE, text, sizeof text, &len))                                                    \
    X(mst_profile_set_bool, (it, VIP, 1))                                                                              \
    X(mst_profile_set_i32, (it, LEVEL, 1))                                                                             \
    X(mst_profile_set_i64, (it, GOLD, 1))                                                                              \
    X(mst_profile_set_f64, (it, RATING, 1))                                                                            \
    X(mst_profile_set_string, (it, TITLE, "a", 1))                                                                     \
    X(mst_profile_add_int, (it, GOLD, 1))                                                                              \
    X(mst_profile_add_f64, (it, RATING, 1))                                                                            \
    X(mst_profile_take_delta, (it, (uint8_t *)text, sizeof text, &len))                                                \
    X(mst_profile_apply_delta, (it, (const uint8_t *)"", 0))                                                           \
    X(mst_profile_snapshot, (it, (uint8_t *)text, sizeof text, &len))                                                  \
    X(mst_profile_apply_snapshot, (it, (const uint8_t *)"a", 1))                                                       \
    X(mst_profile_to_json, (it, text, sizeof text, &len))                                                              \
    X(mst_profile_apply_json, (it, "{}", 2))                                                                           \
    X(mst_profile_next_event, (it, &out.event))                                                                        \
    X(mst_schema_of_profile, (it, &out.schema))                                                                        \
    X(mst_profile_get_f32, (it, RATING, &out.f32))                                                                     \
    X(mst_profile_get_value, (it, TITLE, &out.value, text, sizeof text, &len))                                         \
    X(mst_profile_get_confirmed, (it, TITLE, &out.value, text, sizeof text, &len))                                     \
    X(mst_profile_set_f32, (it, RATING, 1))                                                                            \
    X(mst_profile_set_value, (it, LEVEL, &a_value))                                                                    \
    X(mst_profile_add_int_clamped, (it, GOLD, 1, 0, 9))                                                                \
    X(mst_profile_add_int_guarded, (it, GOLD, 1, 0, 9))                                                                \
    X(mst_profile_add_f64_clamped, (it, RATING, 1, 0, 9))                                                              \
    X(mst_profile_add_f64_guarded, (it, RATING, 1, 0, 9))                                                              \
    X(mst_profile_begin_batch, (it))                                                                                   \
    X(mst_profile_begin_batch_once, (it, "key", 3))                                                                      \
    X(mst_profile_require, (it, LEVEL, &a_value))                                                                      \
    X(mst_profile_commit_batch, (it))                                                                                  \
    X(mst_profile_cancel_batch, (it))                                                                                  \
    X(mst_profile_list_count, (it, 0, &out.u32))                                                                       \
    X(mst_profile_list_confirmed_count, (it, 0, &out.u32))                                                             \
    X(mst_profile_list_get, (it, 0, 0, &out.value, text, sizeof text, &len))                                           \
    X(mst_profile_list_get_confirmed, (it, 0, 0, &out.value, text, sizeof text, &len))                                 \
    X(mst_profile_list_push, (it, 0, &a_value))                                                                        \
    X(mst_profile_list_insert, (it, 0, 0, &a_value))                                                                   \
    X(mst_profile_list_set, (it, 0, 0, &a_value))                                                                      \
    X(mst_profile_list_remove, (it, 0, 0))                                                                             \
    X(mst_profile_list_move, (it, 0, 0, 1))                                                                            \
    X(mst_profile_clear, (it, 0))                                                                                      \
    X(mst_profile_dict_count, (it, 0, &out.u32))                                                                       \
    X(mst_profile_dict_confirmed_count, (it, 0, &out.u32))                                                             \
    X(mst_profile_dict_get, (it, 0, &a_key, &out.value, text, sizeof text, &len))                                      \
    X(mst_profile_dict_get_confirmed, (it, 0, &a_key, &out.value, text, sizeof text, &len))                            \
    X(mst_profile_dict_contains, (it, 0, &a_key, &out.u8))                                                             \
    X(dict_next_from_the_first, (it))                                                                                  \
    X(mst_profile_dict_key_at, (it, 0, 0, &out.key, text, sizeof text, &len))                                          \
    X(mst_profile_dict_put, (it, 0, &a_key, &a_value))                                                                 \
    X(mst_profile_dict_remove, (it, 0, &a_key))                                                                        \
    X(mst_profile_dict_add_int, (it, 0, &a_key, 1))                                                                    \
    X(mst_profile_dict_add_int_clamped, (it, 0, &a_key, 1, 0, 9))                                                      \
    X(mst_profile_dict_add_int_guarded, (it, 0, &a_key, 1, 0, 9))                                                      \
    X(mst_profile_dict_add_f64, (it, 0, &a_key, 1))                                                                    \
    X(mst_profile_dict_add_f64_clamped, (it, 0, &a_key, 1, 0, 9))                                                      \
    X(mst_profile_dict_add_f64_guarded, (it, 0, &a_key, 1, 0, 9))                                                      \
    X(mst_profile_event_value, (it, 1, &out.value, text, sizeof text, &len))                                           \
    X(mst_profile_event_key, (it, &out.key, text, sizeof text, &len))                                                  \
    X(mst_profile_get_at, (it, TITLE, NULL, 0, &out.value, text, sizeof text, &len))                                   \
    X(mst_profile_get_confirmed_at, (it, TITLE, NULL, 0, &out.value, text, sizeof text, &len))                         \
    X(mst_profile_get_json_at, (it, TITLE, NULL, 0, text, sizeof text, &len))                                          \
    X(mst_profile_count_at, (it, 0, NULL, 0, &out.u32))                                                                \
    X(mst_profile_set_at, (it, LEVEL, NULL, 0, &a_value))                                                              \
    X(mst_profile_set_json_at, (it, LEVEL, NULL, 0, "2", 1))                                                           \
    X(mst_profile_insert_at, (it, 0, "[0]", 3, UINT32_MAX, &a_value))                                                  \
    X(mst_profile_insert_json_at, (it, 0, "[0]", 3, 0, "2", 1))                                                        \
    X(mst_profile_remove_at, (it, 0, "[0]", 3))                                                                        \
    X(mst_profile_move_at, (it, 0, "[0]", 3, 0))                                                                       \
    X(mst_profile_clear_at, (it, 0, NULL, 0))                                                                          \
    X(mst_profile_add_int_at, (it, GOLD, NULL, 0, 1))                                                                  \
    X(mst_profile_add_int_clamped_at, (it, GOLD, NULL, 0, 1, 0, 9))                                                    \
    X(mst_profile_add_int_guarded_at, (it, GOLD, NULL, 0, 1, 0, 9))                                                    \
    X(mst_profile_add_f64_at, (it, RATING, NULL, 0, 1))                                                                \
    X(mst_profile_add_f64_clamped_at, (it, RATING, NULL, 0, 1, 0, 9))                                                  \
    X(mst_profile_add_f64_guarded_at, (it, RATING, NULL, 0, 1, 0, 9))                                                  \
    X(mst_profile_event_path, (it, text, sizeof text, &len))                                                           \
    X(mst_profile_subscribe, (it, UINT32_MAX, never_called, NULL, &out.subscription))                                  \
    X(mst_profile_dispatch, (it, &out.u32))                                                                            \
    X(mst_profile_flush, (it, &out.u64))                                                                               \
    X(mst_profile_pending, (it, &out.pending))                                                                         \
    X(mst_profile_release, (it))

#define ENDPOINT_CALLS(X)                                                                                              \
    X(mst_endpoint_free, (it))                                                                                         \
    X(mst_endpoint_tick, (it, 0))                                                                                      \
    X(mst_endpoint_wait, (it, 60000, &out.u8))                                                                         \
    X(mst_endpoint_next_event, (it, &out.event))                                                                       \
    X(mst_endpoint_event_text, (it, text, sizeof text, &len))                                                          \
    X(mst_endpoint_ask, (it, MST_QUERY_GET, "ann", 3, 0, 0, &out.u64))                                                 \
    X(mst_endpoint_event_value, (it, 1, &out.value, text, sizeof text, &len))                                          \
    X(mst_endpoint_event_key, (it, &out.key, text, sizeof text, &len))                                                 \
    X(mst_endpoint_event_path, (it, text, sizeof text, &len))                                                          \
    X(mst_endpoint_subscribe, (it, never_called, NULL, &out.subscription))                                             \
    X(mst_endpoint_dispatch, (it, 0, &out.u32))                                                                        \
    X(mst_endpoint_is_connected, (it, &out.u8))                                                                        \
    X(mst_endpoint_state, (it, &out.connection))                                                                       \
    X(mst_endpoint_set_token, (it, "a", 1))                                                                            \
    X(mst_endpoint_fill_profile, (it, "ann", 3, &out.profile))                                                         \
    X(mst_endpoint_find_profile, (it, "ann", 3, &out.profile))                                                         \
    X(mst_endpoint_flush, (it))                                                                                        \
    X(mst_endpoint_set_flush_interval, (it, 1))                                                                        \
    X(mst_endpoint_stats, (it, &out.endpoint_stats))                                                                   \
    X(mst_endpoint_close, (it, 60000))

#define MASTER_CALLS(X)                                                                                                \
    X(mst_master_free, (it))                                                                                           \
    X(mst_master_stop, (it))                                                                                           \
    X(mst_master_set_update_interval, (it, 1))                                                                         \
    X(mst_master_set_save_interval, (it, 1))                                                                           \
    X(mst_master_set_unload_after, (it, 1))                                                                            \
    X(mst_master_health, (it, &out.master_health))                                                                     \
    X(mst_master_ask, (it, MST_QUERY_GET, "ann", 3, 0, 0, text, sizeof text, &len))                                    \
    X(mst_master_delete_profile, (it, "ann", 3, &out.u8))                                                              \
    X(mst_master_connect_client, (it, "ann", 3, NULL, &out.endpoint))                                                  \
    X(mst_master_connect_server, (it, "arena", 5, NULL, &out.endpoint))                                                \
    X(mst_master_connect_own, (it, "quests", 6, NULL, &out.endpoint))                                                  \
    X(mst_master_port, (it, &out.u16))                                                                                 \
    X(mst_master_fingerprint, (it, text, sizeof text, &len))                                                           \
    X(mst_master_next_event, (it, &out.master_event))                                                                  \
    X(mst_master_event_text, (it, text, sizeof text, &len))                                                            \
    X(mst_master_begin_stop, (it))                                                                                     \
    X(mst_master_is_stopped, (it, &out.u8))                                                                            \
    X(mst_master_wait, (it, 0, &out.u8))                                                                               \
    X(mst_master_dispatch, (it, 0, &out.u32))                                                                          \
    X(mst_master_next_store_request, (it, &out.store_request))                                                         \
    X(mst_master_store_request_user, (it, 1, 0, text, sizeof text, &len))                                              \
    X(mst_master_store_request_version, (it, 1, 0, &out.u64))                                                          \
    X(mst_master_store_request_document, (it, 1, 0, text, sizeof text, &len))                                          \
    X(mst_master_complete_restore, (it, 1, 0, NULL, 0))                                                                \
    X(mst_master_complete_update, (it, 1, 0))                                                                          \
    X(mst_master_fail_store_request, (it, 1, 0, MST_ERR_STORE_FAILED, NULL, 0))                                        \
    X(mst_master_set_store_callbacks, (it, NULL, NULL, NULL, NULL))                                                    \
    X(mst_master_stats, (it, &out.master_stats))                                                                       \
    X(mst_master_profile_json, (it, "ann", 3, text, sizeof text, &len))

#define SUBSCRIPTION_CALLS(X) X(mst_subscription_free, (it))

typedef struct {
    const char *name;
    MstResult (*call)(void *handle);
} Row;

/* Each row's function, with `it` of the kind's type. */
#define DEFINE(type, name, arguments)                                                                                  \
    static MstResult row_##name(void *handle) {                                                                        \
        type *it = handle;                                                                                             \
        return name arguments;                                                                                         \
    }
#define DEFINE_BUILDER(name, arguments) DEFINE(MstSchemaBuilder, name, arguments)
#define DEFINE_SCHEMA(name, arguments) DEFINE(MstSchema, name, arguments)
#define DEFINE_PROFILE(name, arguments) DEFINE(MstProfile, name, arguments)
#define DEFINE_ENDPOINT(name, arguments) DEFINE(MstEndpoint, name, arguments)
#define DEFINE_MASTER(name, arguments) DEFINE(MstMaster, name, arguments)
#define DEFINE_SUBSCRIPTION(name, arguments) DEFINE(MstSubscription, name, arguments)
BUILDER_CALLS(DEFINE_BUILDER)
SCHEMA_CALLS(DEFINE_SCHEMA)
PROFILE_CALLS(DEFINE_PROFILE)
ENDPOINT_CALLS(DEFINE_ENDPOINT)
MASTER_CALLS(DEFINE_MASTER)
SUBSCRIPTION_CALLS(DEFINE_SUBSCRIPTION)

#define ROW(name, arguments) {#name, row_##name},
static const Row BUILDER_ROWS[] = {BUILDER_CALLS(ROW)};
static const Row SCHEMA_ROWS[] = {SCHEMA_CALLS(ROW)};
static const Row PROFILE_ROWS[] = {PROFILE_CALLS(ROW)};
static const Row ENDPOINT_ROWS[] = {ENDPOINT_CALLS(ROW)};
static const Row MASTER_ROWS[] = {MASTER_CALLS(ROW)};
static const Row SUBSCRIPTION_ROWS[] = {SUBSCRIPTION_CALLS(ROW)};

enum { KINDS = 6 };

static void row_gives(const Row *row, MstResult expected, uintptr_t handle) {
    char what[200];
    MstResult got;
    pattern();
    got = row->call((void *)handle);
    snprintf(what, sizeof what, "%s on %#llx gave %s, not %s, or wrote an output", row->name,
             (unsigned long long)handle, mst_result_name(got), mst_result_name(expected));
    if (got != expected || !pattern_stands()) {
        fail(__FILE__, __LINE__, what);
    }
}

void handles(void) {
    static const struct {
        const Row *rows;
        size_t count;
    } kinds[KINDS] = {
        {BUILDER_ROWS, COUNT(BUILDER_ROWS)}, {SCHEMA_ROWS, COUNT(SCHEMA_ROWS)},
        {PROFILE_ROWS, COUNT(PROFILE_ROWS)}, {ENDPOINT_ROWS, COUNT(ENDPOINT_ROWS)},
        {MASTER_ROWS, COUNT(MASTER_ROWS)},   {SUBSCRIPTION_ROWS, COUNT(SUBSCRIPTION_ROWS)},
    };
    MstSchema *schema = make_schema(), *stale_schema = make_schema();
    MstSchemaBuilder *builder = make_builder(), *stale_builder = make_builder();
    MstProfile *profile = make_profile(schema), *stale_profile = make_profile(schema);
    MstMaster *master = start_master(schema), *stale_master = start_master(schema);
    MstEndpoint *endpoint = connect_to(master, schema, NULL), *stale_endpoint = connect_to(master, schema, NULL);
    MstSubscription *subscription = NULL, *stale_subscription = NULL;
    OK(mst_profile_subscribe(profile, LEVEL, never_called, NULL, &subscription));
    OK(mst_profile_subscribe(profile, LEVEL, never_called, NULL, &stale_subscription));
    const uintptr_t live[KINDS] = {(uintptr_t)builder,  (uintptr_t)schema, (uintptr_t)profile,
                                   (uintptr_t)endpoint, (uintptr_t)master, (uintptr_t)subscription};
    const uintptr_t stale[KINDS] = {(uintptr_t)stale_builder,  (uintptr_t)stale_schema, (uintptr_t)stale_profile,
                                    (uintptr_t)stale_endpoint, (uintptr_t)stale_master, (uintptr_t)stale_subscription};
    OK(mst_subscription_free(stale_subscription));
    OK(mst_schema_builder_free(stale_builder));
    OK(mst_schema_free(stale_schema));
    OK(mst_profile_free(stale_profile));
    OK(mst_endpoint_free(stale_endpoint));
    OK(mst_master_free(stale_master));

    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t i = 0; i < kinds[kind].count; i++) {
            const Row *row = &kinds[kind].rows[i];
            const uintptr_t place = (uintptr_t)0xffffffff, generation = (uintptr_t)1 << 40;
            const uintptr_t forged[] = {
                1,                       /* a small number */
                (uintptr_t)&schema,      /* an address */
                live[kind] | place,      /* a slot that was never made */
                live[kind] ^ generation, /* another generation */
                live[kind] & ~((uintptr_t)0xffffff << 32), /* generation 0 */
                live[kind] & ~((uintptr_t)0xff << 56),     /* no kind */
                live[kind] | ((uintptr_t)0x80 << 56),      /* a kind that there is not */
                UINTPTR_MAX,
            };
            const int frees = strlen(row->name) > 5 && strcmp(row->name + strlen(row->name) - 5, "_free") == 0;
            row_gives(row, frees ? MST_OK : MST_ERR_INVALID_HANDLE, 0);
            row_gives(row, MST_ERR_INVALID_HANDLE, stale[kind]);
            for (int other = 0; other < KINDS; other++) {
                if (other != kind) {
                    row_gives(row, MST_ERR_INVALID_HANDLE, live[other]);
                }
            }
            for (size_t j = 0; j < COUNT(forged); j++) {
                row_gives(row, MST_ERR_INVALID_HANDLE, forged[j]);
            }
        }
    }

    /* A slot that is used again gives another handle, and the old one stays stale. */
    for (int i = 0; i < 1000; i++) {
        MstProfile *again = make_profile(schema);
        CHECK(again != stale_profile && again != profile);
        OK(mst_profile_free(again));
        GIVES(MST_ERR_INVALID_HANDLE, mst_profile_free(again));
        GIVES(MST_ERR_INVALID_HANDLE, mst_profile_free(stale_profile));
    }

    /* What was made of a schema outlives its handle; and the live ones still live. */
    OK(mst_schema_builder_free(builder));
    OK(mst_schema_free(schema));
    OK(mst_profile_get_i32(profile, LEVEL, &out.i32));
    OK(mst_endpoint_is_connected(endpoint, &out.u8));
    OK(mst_subscription_free(subscription));
    OK(mst_profile_free(profile));
    OK(mst_endpoint_free(endpoint));
    OK(mst_master_free(master));
}

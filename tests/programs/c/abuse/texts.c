/* Texts that are null, not UTF-8, or not what is wanted. */

#include "abuse.h"

/* A text that is null and has a length, and one that is not UTF-8. */
#define BAD_TEXT(call)                                                                                                 \
    do {                                                                                                               \
        const char *bad = NULL;                                                                                        \
        REFUSED(MST_ERR_INVALID_ARGUMENT, call);                                                                       \
        bad = BAD_UTF8;                                                                                                \
        REFUSED(MST_ERR_INVALID_UTF8, call);                                                                           \
    } while (0)

static uint8_t never_asked(const uint8_t *bytes, uint32_t bytes_len, void *user_data) {
    (void)bytes;
    (void)bytes_len;
    (void)user_data;
    CHECK(!"a codec that was not registered is asked");
    return 0;
}

void texts(void) {
    const MstValue number = int_of(MST_TYPE_I32, 1);
    MstSchemaBuilder *builder = make_builder();
    MstSchema *schema = make_schema();
    MstMaster *master = start_master(schema);
    MstEndpoint *endpoint = connect_to(master, schema, NULL);
    MstProfile *profile = make_profile(schema);
    char long_text[300];

    BAD_TEXT(mst_property_key(bad, 2, &out.u16));
    BAD_TEXT(mst_schema_builder_add_bool(builder, bad, 2, 0, NULL));
    BAD_TEXT(mst_schema_builder_add_i32(builder, bad, 2, 0, NULL));
    BAD_TEXT(mst_schema_builder_add_i64(builder, bad, 2, 0, NULL));
    BAD_TEXT(mst_schema_builder_add_f64(builder, bad, 2, 0, NULL));
    BAD_TEXT(mst_schema_builder_add_string(builder, bad, 2, "a", 1, NULL));
    BAD_TEXT(mst_schema_builder_add_string(builder, "a", 1, bad, 2, NULL));
    BAD_TEXT(mst_schema_builder_add_type(builder, bad, 2, "i32", 3, NULL, 0, NULL));
    BAD_TEXT(mst_schema_builder_add_type(builder, "a", 1, bad, 2, NULL, 0, NULL));
    BAD_TEXT(mst_schema_builder_add_type(builder, "a", 1, "i32", 3, bad, 2, NULL));
    BAD_TEXT(mst_schema_from_json(bad, 2, &out.schema));
    BAD_TEXT(mst_schema_find(schema, bad, 2, &out.u32));
    BAD_TEXT(mst_profile_set_string(profile, TITLE, bad, 2));
    BAD_TEXT(mst_profile_apply_json(profile, bad, 2));
    BAD_TEXT(mst_profile_get_at(profile, TITLE, bad, 2, &out.value, text, sizeof text, &len));
    BAD_TEXT(mst_profile_get_confirmed_at(profile, TITLE, bad, 2, &out.value, text, sizeof text, &len));
    BAD_TEXT(mst_profile_get_json_at(profile, TITLE, bad, 2, text, sizeof text, &len));
    BAD_TEXT(mst_profile_count_at(profile, TITLE, bad, 2, &out.u32));
    BAD_TEXT(mst_profile_set_at(profile, LEVEL, bad, 2, &number));
    BAD_TEXT(mst_profile_set_json_at(profile, LEVEL, bad, 2, "2", 1));
    BAD_TEXT(mst_profile_set_json_at(profile, LEVEL, NULL, 0, bad, 2));
    BAD_TEXT(mst_profile_insert_at(profile, LEVEL, bad, 2, 0, &number));
    BAD_TEXT(mst_profile_insert_json_at(profile, LEVEL, bad, 2, 0, "2", 1));
    BAD_TEXT(mst_profile_insert_json_at(profile, LEVEL, NULL, 0, 0, bad, 2));
    BAD_TEXT(mst_profile_remove_at(profile, LEVEL, bad, 2));
    BAD_TEXT(mst_profile_move_at(profile, LEVEL, bad, 2, 0));
    BAD_TEXT(mst_profile_clear_at(profile, LEVEL, bad, 2));
    BAD_TEXT(mst_profile_add_int_at(profile, GOLD, bad, 2, 1));
    BAD_TEXT(mst_profile_add_int_clamped_at(profile, GOLD, bad, 2, 1, 0, 9));
    BAD_TEXT(mst_profile_add_int_guarded_at(profile, GOLD, bad, 2, 1, 0, 9));
    BAD_TEXT(mst_profile_add_f64_at(profile, RATING, bad, 2, 1));
    BAD_TEXT(mst_profile_add_f64_clamped_at(profile, RATING, bad, 2, 1, 0, 9));
    BAD_TEXT(mst_profile_add_f64_guarded_at(profile, RATING, bad, 2, 1, 0, 9));
    BAD_TEXT(mst_codec_register(bad, 2, never_asked, NULL, NULL, NULL));
    BAD_TEXT(mst_endpoint_fill_profile(endpoint, bad, 2, &out.profile));
    BAD_TEXT(mst_endpoint_find_profile(endpoint, bad, 2, &out.profile));
    BAD_TEXT(mst_master_profile_json(master, bad, 2, text, sizeof text, &len));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_apply_delta(profile, NULL, 2));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_profile_apply_snapshot(profile, NULL, 2));

    /* Null without a length is the empty text. */
    OK(mst_property_key(NULL, 0, &out.u16));
    REFUSED(MST_ERR_INVALID_SCHEMA, mst_schema_from_json(NULL, 0, &out.schema));
    REFUSED(MST_ERR_UNKNOWN_PROPERTY, mst_schema_find(schema, NULL, 0, &out.u32));
    REFUSED(MST_ERR_INVALID_JSON, mst_profile_apply_json(profile, NULL, 0));
    REFUSED(MST_ERR_MALFORMED, mst_profile_apply_snapshot(profile, NULL, 0));
    OK(mst_profile_apply_delta(profile, NULL, 0));
    REFUSED(MST_ERR_INVALID_USER_ID, mst_endpoint_fill_profile(endpoint, NULL, 0, &out.profile));
    OK(mst_endpoint_find_profile(endpoint, NULL, 0, &out.profile));
    CHECK(out.profile == NULL);
    OK(mst_profile_set_string(profile, TITLE, NULL, 0));
    OK(mst_profile_get_string(profile, TITLE, NULL, 0, &len));
    CHECK(len == 0);

    /* Texts that are UTF-8 and still not what is wanted. */
    memset(long_text, 'x', sizeof long_text);
    REFUSED(MST_ERR_INVALID_TEXT, mst_profile_set_string(profile, TITLE, "a\0b", 3));
    REFUSED(MST_ERR_INVALID_USER_ID, mst_endpoint_fill_profile(endpoint, "a\nb", 3, &out.profile));
    REFUSED(MST_ERR_INVALID_USER_ID, mst_endpoint_fill_profile(endpoint, long_text, sizeof long_text, &out.profile));
    REFUSED(MST_ERR_INVALID_SCHEMA, mst_schema_from_json("{\"properties\":[{\"name\":1}]}", 27, &out.schema));
    CHECK(last_error_names("line 1"));
    REFUSED(MST_ERR_NOT_LOADED, mst_master_profile_json(master, "nobody", 6, text, sizeof text, &len));
    {
        char *huge = calloc(1, 70000);
        CHECK(huge != NULL);
        memset(huge, 'x', 70000);
        REFUSED(MST_ERR_TOO_LONG, mst_profile_set_string(profile, TITLE, huge, 70000));
        CHECK(last_error_names("title"));
        free(huge);
    }

    OK(mst_schema_builder_free(builder));
    OK(mst_schema_free(schema));
    OK(mst_profile_free(profile));
    OK(mst_endpoint_free(endpoint));
    OK(mst_master_free(master));
}

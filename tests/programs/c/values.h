/* Values and keys for the C programs. */

#ifndef VALUES_H
#define VALUES_H

#include <string.h>

#include "mst_profiles.h"

/* A bool, an integer, a datetime or a color. */
static inline MstValue int_of(int32_t type, int64_t number) {
    MstValue value;
    memset(&value, 0, sizeof value);
    value.value_type = type;
    value.int_value = number;
    return value;
}

static inline MstValue float_of(int32_t type, double number) {
    MstValue value = int_of(type, 0);
    value.float_value = number;
    return value;
}

/* A vector or a quaternion. */
static inline MstValue components_of(int32_t type, float x, float y, float z, float w) {
    MstValue value = int_of(type, 0);
    value.x = x;
    value.y = y;
    value.z = z;
    value.w = w;
    return value;
}

static inline MstValue bytes_of(int32_t type, const void *bytes, uint32_t count) {
    MstValue value = int_of(type, 0);
    value.text = (const char *)bytes;
    value.text_len = count;
    return value;
}

static inline MstValue string_of(const char *text) {
    return bytes_of(MST_TYPE_STRING, text, (uint32_t)strlen(text));
}

/* A uuid whose bytes count up from this one. */
static inline MstValue uuid_of(uint8_t first) {
    MstValue value = int_of(MST_TYPE_UUID, 0);
    for (int i = 0; i < 16; i++) {
        value.uuid[i] = (uint8_t)(first + i);
    }
    return value;
}

static inline MstKey text_key(const char *text) {
    MstKey key;
    memset(&key, 0, sizeof key);
    key.key_type = MST_KEY_STRING;
    key.text = text;
    key.text_len = (uint32_t)strlen(text);
    return key;
}

static inline MstKey int_key(int64_t number) {
    MstKey key;
    memset(&key, 0, sizeof key);
    key.key_type = MST_KEY_I64;
    key.int_value = number;
    return key;
}

/* Whether two values are the same, wherever their texts are. */
static inline int same_value(const MstValue *a, const MstValue *b) {
    return a->value_type == b->value_type && a->int_value == b->int_value && a->float_value == b->float_value &&
           a->x == b->x && a->y == b->y && a->z == b->z && a->w == b->w && memcmp(a->uuid, b->uuid, 16) == 0 &&
           a->text_len == b->text_len && (a->text_len == 0 || memcmp(a->text, b->text, a->text_len) == 0);
}

static inline int is_text(const MstValue *value, const char *text) {
    const MstValue expected = string_of(text);
    return same_value(value, &expected);
}

static inline int is_text_key(const MstKey *key, const char *text) {
    return key->key_type == MST_KEY_STRING && key->int_value == 0 && key->text_len == strlen(text) &&
           memcmp(key->text, text, key->text_len) == 0;
}

#endif

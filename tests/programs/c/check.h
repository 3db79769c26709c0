/* Checks for the C programs: the first that fails says where, and what the library said, and ends the program. */

#ifndef CHECK_H
#define CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "mst_profiles.h"

/* Ends the program unless the condition holds. */
#define CHECK(condition) ((condition) ? (void)0 : fail(__FILE__, __LINE__, #condition))

/* Ends the program unless the call returns this result. */
#define GIVES(expected, call) check_result(__FILE__, __LINE__, #call, (expected), (call))

/* Ends the program unless the call succeeds. */
#define OK(call) GIVES(MST_OK, call)

static void fail(const char *file, int line, const char *what) {
    char text[512];
    uint32_t length = 0;
    if (mst_last_error(text, sizeof text, &length) != MST_OK) {
        length = 0;
    }
    fflush(stdout);
    fprintf(stderr, "%s:%d: %s; the library's last error: %.*s\n", file, line, what, (int)length, text);
    exit(1);
}

static void check_result(const char *file, int line, const char *call, MstResult expected, MstResult got) {
    char what[512];
    if (got == expected) {
        return;
    }
    snprintf(what, sizeof what, "%s gave %s instead of %s", call, mst_result_name(got), mst_result_name(expected));
    fail(file, line, what);
}

#endif

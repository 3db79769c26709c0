/*
 * Measures calls of the library through its C ABI, on stand-alone profiles of twenty integers.
 *
 * usage: abi RUNS
 *
 * Prints nanoseconds of processor time as JSON: medians of so many runs. The events that changes queue are taken between the
 * measured times.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mst_profiles.h"

enum { PROPERTIES = 20, CALLS = 1000, CHUNKS = 200, WARM_UP_RUNS = 2, MAX_RUNS = 101, BUFFER = 256 };

static MstSchema *schema;
static MstProfile *here;
static MstProfile *there;
static uint8_t deltas[CALLS][BUFFER];
static uint32_t lengths[CALLS];
/* What was read, so that reading can't be left out. */
static volatile int64_t sink;

static void check(MstResult result, const char *what) {
    if (result != MST_OK) {
        char text[512] = "";
        uint32_t length = 0;
        mst_last_error(text, sizeof text - 1, &length);
        fprintf(stderr, "%s: %s: %s\n", what, mst_result_name(result), text);
        exit(1);
    }
}

static double cpu_ns(void) {
    struct timespec time;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) {
        perror("clock_gettime");
        exit(1);
    }
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Another value than the property has, whatever was set before. */
static int32_t value(int chunk, int call) {
    return 10000 + (int32_t)(((uint32_t)chunk * CALLS + (uint32_t)call) % 90000u);
}

static void call_empty(int chunk) {
    int64_t sum = 0;
    (void)chunk;
    for (int i = 0; i < CALLS; i++) sum += mst_abi_version();
    sink = sum;
}

static void set_ints(int chunk) {
    for (int i = 0; i < CALLS; i++) {
        check(mst_profile_set_i32(here, 7, value(chunk, i)), "set");
    }
}

static void get_ints(int chunk) {
    int64_t sum = 0;
    (void)chunk;
    for (int i = 0; i < CALLS; i++) {
        int32_t number = 0;
        check(mst_profile_get_i32(here, 7, &number), "get");
        sum += number;
    }
    sink = sum;
}

static void make_deltas(int chunk) {
    for (int i = 0; i < CALLS; i++) {
        check(mst_profile_set_i32(here, 7, value(chunk, i)), "set");
        check(mst_profile_take_delta(here, deltas[i], BUFFER, &lengths[i]), "take_delta");
    }
}

static void apply_deltas(int chunk) {
    (void)chunk;
    for (int i = 0; i < CALLS; i++) check(mst_profile_apply_delta(there, deltas[i], lengths[i]), "apply_delta");
}

static void take_events(MstProfile *profile) {
    check(mst_profile_dispatch(profile, NULL), "dispatch");
}

static void take_changes(void) {
    check(mst_profile_take_delta(here, deltas[0], BUFFER, &lengths[0]), "take_delta");
    check(mst_profile_apply_delta(there, deltas[0], lengths[0]), "apply_delta");
}

static void same_on_both_sides(void) {
    static char texts[2][4096];
    uint32_t sizes[2];
    check(mst_profile_to_json(here, texts[0], sizeof texts[0], &sizes[0]), "to_json");
    check(mst_profile_to_json(there, texts[1], sizeof texts[1], &sizes[1]), "to_json");
    if (sizes[0] != sizes[1] || memcmp(texts[0], texts[1], sizes[0]) != 0) {
        fprintf(stderr, "the receiver differs from the sender\n");
        exit(1);
    }
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *figures, int count) {
    qsort(figures, (size_t)count, sizeof *figures, compare);
    return figures[count / 2];
}

static void make_profiles(void) {
    MstSchemaBuilder *builder = NULL;
    check(mst_schema_builder_create(&builder), "schema_builder_create");
    for (int i = 0; i < PROPERTIES; i++) {
        char name[16];
        int length = snprintf(name, sizeof name, "int_%02d", i);
        check(mst_schema_builder_add_i32(builder, name, (uint32_t)length, 0, NULL), "add_i32");
    }
    check(mst_schema_builder_build(builder, &schema), "build");
    check(mst_schema_builder_free(builder), "schema_builder_free");
    check(mst_profile_create(schema, &here), "profile_create");
    check(mst_profile_create(schema, &there), "profile_create");
}

int main(int argc, char **argv) {
    static double figures[5][MAX_RUNS];
    int runs = argc == 2 ? atoi(argv[1]) : 0;
    if (runs < 1 || runs > MAX_RUNS) {
        fprintf(stderr, "usage: abi RUNS (1 to %d)\n", MAX_RUNS);
        return 2;
    }
    if (mst_abi_hash() != MST_ABI_HASH) {
        fprintf(stderr, "the header and the library are not of one version\n");
        return 1;
    }
    make_profiles();
    for (int run = -WARM_UP_RUNS; run < runs; run++) {
        double sums[5] = {0};
        for (int chunk = 0; chunk < CHUNKS; chunk++) {
            double times[6];
            times[0] = cpu_ns();
            call_empty(chunk);
            times[1] = cpu_ns();
            set_ints(chunk);
            times[2] = cpu_ns();
            sums[0] += times[1] - times[0];
            sums[1] += times[2] - times[1];
            take_changes();
            take_events(here);
            take_events(there);

            times[2] = cpu_ns();
            get_ints(chunk);
            times[3] = cpu_ns();
            make_deltas(chunk);
            times[4] = cpu_ns();
            apply_deltas(chunk);
            times[5] = cpu_ns();
            for (int i = 2; i < 5; i++) sums[i] += times[i + 1] - times[i];
            take_events(here);
            take_events(there);
        }
        same_on_both_sides();
        for (int i = 0; i < 5 && run >= 0; i++) figures[i][run] = sums[i] / ((double)CHUNKS * CALLS);
    }
    printf("{\"empty_call_ns\":%.1f,\"set_i32_ns\":%.1f,\"get_i32_ns\":%.1f,\"delta_ns\":%.1f,\"apply_ns\":%.1f}\n",
           median(figures[0], runs), median(figures[1], runs), median(figures[2], runs), median(figures[3], runs),
           median(figures[4], runs));
    check(mst_profile_free(here), "profile_free");
    check(mst_profile_free(there), "profile_free");
    check(mst_schema_free(schema), "schema_free");
    return 0;
}

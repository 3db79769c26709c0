/* Four threads on shared handles. */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <time.h>

#include "abuse.h"

enum { THREADS = 4, SLOTS = 8, ROUNDS = 4000 };

static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
static MstProfile *slots[SLOTS];
static MstSchema *shared_schema;
static MstEndpoint *shared_endpoint;

static MstProfile *slot(uint32_t i) {
    MstProfile *profile;
    pthread_mutex_lock(&slots_lock);
    profile = slots[i];
    pthread_mutex_unlock(&slots_lock);
    return profile;
}

static void may_be(const char *what, MstResult result, MstResult other) {
    if (result != MST_OK && result != MST_ERR_INVALID_HANDLE && result != other) {
        char text_of[200];
        snprintf(text_of, sizeof text_of, "%s gave %s", what, mst_result_name(result));
        fail(__FILE__, __LINE__, text_of);
    }
}
#define MAY_BE(other, call) may_be(#call, (call), (other))

/* Counts on whichever thread dispatches. */
static void counted(const MstEvent *event, void *user_data) {
    int64_t gold = 0;
    (void)user_data;
    CHECK(event->event_type != MST_EVENT_NONE);
    if (event->profile != NULL) {
        const MstResult result = mst_profile_get_i64(event->profile, GOLD, &gold);
        CHECK(result == MST_OK || result == MST_ERR_INVALID_HANDLE || result == MST_ERR_RELEASED);
    }
}

static void *hammer_profiles(void *seed) {
    uint64_t state = 1234567 + 1000003 * (uint64_t)(uintptr_t)seed;
    for (int i = 0; i < ROUNDS; i++) {
        const uint32_t place = random_number(&state) % SLOTS, amount = random_number(&state) % 100;
        MstProfile *profile = slot(place);
        char buffer[64];
        uint32_t length;
        int64_t gold;
        MstEvent event;
        MstValue value;
        MstSubscription *subscription = NULL;
        MstResult result;
        switch (random_number(&state) % 13) {
        case 0:
            MAY_BE(MST_OK, mst_profile_get_i64(profile, GOLD, &gold));
            break;
        case 1:
            MAY_BE(MST_OK, mst_profile_set_i64(profile, GOLD, amount));
            break;
        case 2:
            MAY_BE(MST_OK, mst_profile_add_int(profile, GOLD, amount));
            break;
        case 3:
            MAY_BE(MST_OK, mst_profile_set_string(profile, TITLE, "Champion of many", amount % 16));
            break;
        case 4:
            MAY_BE(MST_ERR_BUFFER_TOO_SMALL, mst_profile_get_string(profile, TITLE, buffer, amount % 16, &length));
            break;
        case 5:
            result = mst_profile_take_delta(profile, (uint8_t *)buffer, amount % 64, &length);
            /* Somebody may have begun a batch. */
            if (result != MST_ERR_INVALID_ARGUMENT) {
                may_be("mst_profile_take_delta", result, MST_ERR_BUFFER_TOO_SMALL);
            }
            break;
        case 6:
            MAY_BE(MST_OK, mst_profile_next_event(profile, &event));
            break;
        case 7:
            MAY_BE(MST_ERR_BUFFER_TOO_SMALL, mst_profile_to_json(profile, buffer, sizeof buffer, &length));
            break;
        case 8:
            MAY_BE(MST_OK, mst_profile_get_confirmed(profile, TITLE, &value, buffer, sizeof buffer, NULL));
            break;
        case 9:
            MAY_BE(MST_ERR_INVALID_ARGUMENT, mst_profile_begin_batch(profile));
            MAY_BE(MST_ERR_INVALID_ARGUMENT,
                   (amount % 2 == 0 ? mst_profile_commit_batch : mst_profile_cancel_batch)(profile));
            break;
        case 10:
            /* It may be left to end with the profile. */
            MAY_BE(MST_OK, mst_profile_subscribe(profile, UINT32_MAX, counted, NULL, &subscription));
            if (amount % 2 == 0) {
                MAY_BE(MST_OK, mst_subscription_free(subscription));
            }
            break;
        case 11:
            MAY_BE(MST_OK, mst_profile_dispatch(profile, &length));
            break;
        default:
            /* Of those who free it at once, one does. */
            if (mst_profile_free(profile) == MST_OK) {
                MstProfile *made = make_profile(shared_schema);
                pthread_mutex_lock(&slots_lock);
                slots[place] = made;
                pthread_mutex_unlock(&slots_lock);
            } else {
                CHECK(last_error_names("freed"));
            }
        }
    }
    return NULL;
}

static void *hammer_endpoint(void *seed) {
    uint64_t state = 7654321 + 1000003 * (uint64_t)(uintptr_t)seed;
    char user[8];
    snprintf(user, sizeof user, "u%u", (unsigned)(uintptr_t)seed);
    for (;;) {
        MstProfile *profile = NULL;
        MstSubscription *subscription = NULL;
        MstEvent event;
        uint8_t flag;
        MstResult result = mst_endpoint_fill_profile(shared_endpoint, user, LEN(user), &profile);
        if (result == MST_ERR_INVALID_HANDLE) {
            return NULL;
        }
        /* The last one may not be gone yet. */
        CHECK(result == MST_OK || result == MST_ERR_ALREADY_OPEN || result == MST_ERR_CLOSED);
        if (profile != NULL) {
            MAY_BE(MST_ERR_RELEASED, mst_profile_subscribe(profile, GOLD, counted, NULL, NULL));
        }
        MAY_BE(MST_OK, mst_endpoint_subscribe(shared_endpoint, counted, NULL, &subscription));
        for (uint32_t i = random_number(&state) % 20; i > 0; i--) {
            MAY_BE(MST_OK, mst_endpoint_dispatch(shared_endpoint, 50, NULL));
            MAY_BE(MST_OK, mst_endpoint_wait(shared_endpoint, random_number(&state) % 3, &flag));
            MAY_BE(MST_OK, mst_endpoint_next_event(shared_endpoint, &event));
            if (profile != NULL && mst_profile_add_int(profile, GOLD, 1) == MST_OK) {
                const MstResult flushed = mst_profile_flush(profile, NULL);
                /* Too many wait already, as nobody makes a pause. */
                if (flushed != MST_ERR_UNAVAILABLE) {
                    may_be("mst_profile_flush(profile, NULL)", flushed, MST_ERR_RELEASED);
                }
            }
            MAY_BE(MST_OK, mst_endpoint_tick(shared_endpoint, 50));
        }
        MAY_BE(MST_OK, mst_subscription_free(subscription));
        if (profile != NULL) {
            OK(mst_profile_free(profile));
        }
    }
}

static void run_threads(void *(*body)(void *), void (*meanwhile)(void)) {
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, body, (void *)i) == 0);
    }
    if (meanwhile != NULL) {
        meanwhile();
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

static void free_the_endpoint_soon(void) {
    const struct timespec soon = {0, 300 * 1000 * 1000};
    nanosleep(&soon, NULL);
    OK(mst_endpoint_free(shared_endpoint));
}

void threads_on_shared_handles(void) {
    MstMaster *master;
    shared_schema = make_schema();
    for (int i = 0; i < SLOTS; i++) {
        slots[i] = make_profile(shared_schema);
    }
    run_threads(hammer_profiles, NULL);
    for (int i = 0; i < SLOTS; i++) {
        OK(mst_profile_free(slots[i]));
    }

    master = start_master(shared_schema);
    shared_endpoint = connect_to(master, shared_schema, NULL);
    run_threads(hammer_endpoint, free_the_endpoint_soon);
    OK(mst_master_free(master));
    OK(mst_schema_free(shared_schema));
}

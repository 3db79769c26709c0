/* A master whose database is this program: requests that are completed by whom, when and how they must not be. */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <time.h>

#include "abuse.h"

static void nap(long milliseconds) {
    const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static MstMaster *start_own(const MstSchema *schema, uint32_t timeout_ms) {
    MstMasterOptions options;
    MstMaster *master = NULL;
    OK(mst_master_options_init(&options));
    options.schema = schema;
    options.in_process_only = 1;
    options.own_store = 1;
    options.store_timeout_ms = timeout_ms;
    options.save_interval_ms = 1;
    OK(mst_master_start(&options, &master));
    return master;
}

/* An endpoint of the master's own code, which has asked for a user's profile. */
static MstEndpoint *connect_own(MstMaster *master, const char *user, MstProfile **profile) {
    MstEndpoint *endpoint = NULL;
    OK(mst_master_connect_own(master, "abuse", 5, NULL, &endpoint));
    *profile = fill(endpoint, user);
    /* Until the master has heard of it. */
    wait_for(endpoint, MST_EVENT_CONNECTED);
    OK(mst_endpoint_tick(endpoint, 0));
    return endpoint;
}

static void poll_events(MstMaster *master) {
    MstMasterEvent event;
    do {
        OK(mst_master_next_event(master, &event));
    } while (event.event_type != MST_MASTER_EVENT_NONE);
}

/* Waits for a request of this type. To one to write, which may come before another one to read, it says that it was done. */
static MstStoreRequest next_request(MstMaster *master, int32_t request_type) {
    const time_t begin = time(NULL);
    MstStoreRequest request = {0, 0, 0};
    while (request.request_type == MST_STORE_REQUEST_NONE) {
        CHECK((time(NULL) - begin) * 1000 < PATIENCE_MS && "the request came");
        poll_events(master);
        OK(mst_master_wait(master, 100, NULL));
        OK(mst_master_next_store_request(master, &request));
        if (request_type == MST_STORE_REQUEST_RESTORE && request.id != 0 && request.request_type != request_type) {
            OK(mst_master_complete_update(master, request.id, MST_STORE_ALL));
            request.request_type = MST_STORE_REQUEST_NONE;
        }
    }
    CHECK(request.request_type == request_type && request.id > 0 && request.count > 0);
    return request;
}

static void without_own_store(const MstSchema *schema) {
    MstMaster *master = start_master(schema);
    uint32_t dispatched = 9;
    uint8_t is_stopped = 9;
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_next_store_request(master, &out.store_request));
    CHECK(last_error_names("own_store"));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_store_request_user(master, 1, 0, text, sizeof text, &len));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_store_request_version(master, 1, 0, &out.u64));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_store_request_document(master, 1, 0, text, sizeof text, &len));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_complete_restore(master, 1, 0, NULL, 0));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_complete_update(master, 1, 0));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_fail_store_request(master, 1, 0, MST_ERR_STORE_FAILED, NULL, 0));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_set_store_callbacks(master, NULL, NULL, NULL, NULL));
    OK(mst_master_dispatch(master, 0, &dispatched));
    CHECK(dispatched == 0);
    OK(mst_master_is_stopped(master, &is_stopped));
    CHECK(is_stopped == 0);
    OK(mst_master_begin_stop(master));
    OK(mst_master_begin_stop(master));
    OK(mst_master_stop(master));
    REFUSED(MST_ERR_CLOSED, mst_master_begin_stop(master));
    REFUSED(MST_ERR_CLOSED, mst_master_wait(master, 60000, &out.u8));
    OK(mst_master_is_stopped(master, &is_stopped));
    CHECK(is_stopped == 1);
    OK(mst_master_free(master));
}

static void wrong_answers_to_a_restore(MstMaster *master) {
    const MstStoreRequest request = next_request(master, MST_STORE_REQUEST_RESTORE);
    const uint64_t id = request.id, never[] = {0, id + 1, UINT64_MAX};
    CHECK(request.count == 1);
    SHORT_BUFFER(mst_master_store_request_user, char, master, id, 0);
    NO_BUFFER(mst_master_store_request_user, char, master, id, 0);
    pattern();
    OK(mst_master_store_request_user(master, id, 0, text, sizeof text, &len));
    CHECK(len == 3 && memcmp(text, "ann", 3) == 0);
    for (size_t i = 0; i < COUNT(never); i++) {
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_store_request_user(master, never[i], 0, text, sizeof text, &len));
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_complete_restore(master, never[i], 0, NULL, 0));
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_complete_update(master, never[i], MST_STORE_ALL));
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_fail_store_request(master, never[i], 0, MST_ERR_STORE_FAILED, "", 0));
    }
    /* Of the wrong kind. */
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_store_request_version(master, id, 0, &out.u64));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_store_request_document(master, id, 0, text, sizeof text, &len));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_complete_update(master, id, 0));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_complete_update(master, id, MST_STORE_ALL));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_master_store_request_user(master, id, 1, text, sizeof text, &len));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_master_fail_store_request(master, id, 1, MST_ERR_STORE_FAILED, "", 0));
    /* Bad arguments. */
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_complete_restore(master, id, 2, "{}", 2));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_complete_restore(master, id, 0, "{}", 2));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_complete_restore(master, id, 1, NULL, 2));
    REFUSED(MST_ERR_INVALID_UTF8, mst_master_complete_restore(master, id, 1, BAD_UTF8, 2));
    REFUSED(MST_ERR_INVALID_UTF8, mst_master_fail_store_request(master, id, 0, MST_ERR_STORE_FAILED, BAD_UTF8, 2));
    static const int32_t no_failure[] = {MST_OK, MST_ERR_INVALID_ARGUMENT, MST_ERR_STORE_NEWER, 1, INT32_MIN};
    for (size_t i = 0; i < COUNT(no_failure); i++) {
        REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_fail_store_request(master, id, 0, no_failure[i], "", 0));
    }
    /* After all that it can be answered still, once. */
    OK(mst_master_fail_store_request(master, id, 0, MST_ERR_STORE_FAILED, "on purpose", 10));
    REFUSED(MST_ERR_STALE, mst_master_fail_store_request(master, id, 0, MST_ERR_STORE_FAILED, "", 0));
    REFUSED(MST_ERR_STALE, mst_master_complete_restore(master, id, 0, NULL, 0));
    REFUSED(MST_ERR_STALE, mst_master_store_request_user(master, id, 0, text, sizeof text, &len));
}

typedef struct {
    MstMaster *master;
    uint64_t request;
} Job;

static void *complete_restore(void *given) {
    const Job *job = given;
    OK(mst_master_complete_restore(job->master, job->request, 0, NULL, 0));
    GIVES(MST_ERR_STALE, mst_master_complete_restore(job->master, job->request, 0, NULL, 0));
    return NULL;
}

static void complete_elsewhere(MstMaster *master, uint64_t request) {
    Job job;
    pthread_t thread;
    job.master = master;
    job.request = request;
    CHECK(pthread_create(&thread, NULL, complete_restore, &job) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void wrong_answers_to_an_update(MstMaster *master) {
    const MstStoreRequest request = next_request(master, MST_STORE_REQUEST_UPDATE);
    const uint64_t id = request.id;
    uint32_t needed = 0;
    char *document;
    CHECK(request.count == 1);
    OK(mst_master_store_request_version(master, id, 0, &out.u64));
    pattern();
    GIVES(MST_ERR_BUFFER_TOO_SMALL, mst_master_store_request_document(master, id, 0, NULL, 0, &needed));
    CHECK(needed > 2);
    document = malloc(needed);
    CHECK(document != NULL);
    GIVES(MST_ERR_BUFFER_TOO_SMALL, mst_master_store_request_document(master, id, 0, document, needed - 1, &needed));
    OK(mst_master_store_request_document(master, id, 0, document, needed, &needed));
    CHECK(document[0] == '{' && document[needed - 1] == '}');
    free(document);
    NO_OUT(mst_master_store_request_document(master, id, 0, text, sizeof text, NULL));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_complete_restore(master, id, 1, "{}", 2));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_master_complete_update(master, id, 1));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_master_store_request_version(master, id, 1, &out.u64));
    REFUSED(MST_ERR_INDEX_OUT_OF_RANGE, mst_master_store_request_document(master, id, 1, text, sizeof text, &len));
    OK(mst_master_complete_update(master, id, 0));
    REFUSED(MST_ERR_STALE, mst_master_complete_update(master, id, 0));
    REFUSED(MST_ERR_STALE, mst_master_complete_update(master, id, MST_STORE_ALL));
    REFUSED(MST_ERR_STALE, mst_master_store_request_document(master, id, 0, text, sizeof text, &len));
}

/* Ends a master well: completes what it wants, until it has ended. */
static void pump_to_the_end(MstMaster *master) {
    const time_t begin = time(NULL);
    uint8_t is_stopped = 0, has = 9;
    OK(mst_master_begin_stop(master));
    while (!is_stopped) {
        MstStoreRequest request;
        const MstResult waited = mst_master_wait(master, 100, &has);
        CHECK((time(NULL) - begin) * 1000 < PATIENCE_MS && "it ended");
        CHECK(waited == MST_OK || waited == MST_ERR_CLOSED);
        poll_events(master);
        while (mst_master_next_store_request(master, &request) == MST_OK && request.id != 0) {
            CHECK(request.request_type != MST_STORE_REQUEST_RESTORE);
            /* One by one, from the last. */
            for (uint32_t i = request.count; i-- > 0;) {
                OK(mst_master_complete_update(master, request.id, i));
                REFUSED(MST_ERR_STALE, mst_master_complete_update(master, request.id, i));
            }
        }
        OK(mst_master_is_stopped(master, &is_stopped));
    }
    REFUSED(MST_ERR_CLOSED, mst_master_wait(master, 60000, &out.u8));
    REFUSED(MST_ERR_CLOSED, mst_master_next_store_request(master, &out.store_request));
    OK(mst_master_stop(master));
    REFUSED(MST_ERR_CLOSED, mst_master_stop(master));
    REFUSED(MST_ERR_CLOSED, mst_master_next_store_request(master, &out.store_request));
    REFUSED(MST_ERR_CLOSED, mst_master_wait(master, 60000, &out.u8));
}

void own_store(void) {
    MstSchema *schema = make_schema();
    MstMaster *master;
    MstEndpoint *endpoint, *other;
    MstProfile *profile, *of_bob;
    uint8_t has = 9;

    without_own_store(schema);
    master = start_own(schema, 0);
    NO_OUT(mst_master_next_store_request(master, NULL));
    NO_OUT(mst_master_next_store_request(master, ODD));
    OK(mst_master_next_store_request(master, &out.store_request));
    CHECK(out.store_request.id == 0 && out.store_request.request_type == MST_STORE_REQUEST_NONE);
    CHECK(out.store_request.count == 0);
    OK(mst_master_wait(master, 0, &has));
    CHECK(has == 0);
    endpoint = connect_own(master, "ann", &profile);
    wrong_answers_to_a_restore(master);
    /* It is asked for again, as another request. */
    complete_elsewhere(master, next_request(master, MST_STORE_REQUEST_RESTORE).id);
    wait_for(endpoint, MST_EVENT_PROFILE_LOADED);
    OK(mst_profile_add_int(profile, GOLD, 5));
    OK(mst_profile_flush(profile, NULL));
    OK(mst_endpoint_tick(endpoint, 0));
    wrong_answers_to_an_update(master);

    /* What is not complete stays as it is beside others. */
    other = connect_own(master, "bob", &of_bob);
    complete_elsewhere(master, next_request(master, MST_STORE_REQUEST_RESTORE).id);
    wait_for(other, MST_EVENT_PROFILE_LOADED);
    OK(mst_profile_add_int(of_bob, GOLD, 1));
    OK(mst_profile_add_int(profile, GOLD, 1));
    OK(mst_profile_flush(of_bob, NULL));
    OK(mst_profile_flush(profile, NULL));
    OK(mst_endpoint_tick(endpoint, 0));
    OK(mst_endpoint_tick(other, 0));
    pump_to_the_end(master);
    GIVES(MST_ERR_STALE, mst_master_complete_update(master, 1, 0));
    OK(mst_master_free(master));
    GIVES(MST_ERR_INVALID_HANDLE, mst_master_complete_update(master, 1, 0));
    OK(mst_profile_free(profile));
    OK(mst_profile_free(of_bob));
    OK(mst_endpoint_free(endpoint));
    OK(mst_endpoint_free(other));
    OK(mst_schema_free(schema));
}

/* ---- callbacks ---- */

typedef struct {
    uint32_t restores, updates;
    int frees;
} Calls;

static void on_restore(MstMaster *master, uint64_t request, const MstStoreDocument *documents, uint32_t count, void *data) {
    Calls *calls = data;
    uint32_t dispatched = 9;
    calls->restores++;
    CHECK(count == 1 && documents->user_len == 3 && memcmp(documents->user, "ann", 3) == 0);
    CHECK(documents->document == NULL && documents->document_len == 0 && documents->version == 0);
    /* The dispatch that is under way goes on; what would wait for it does not. */
    OK(mst_master_dispatch(master, 0, &dispatched));
    CHECK(dispatched == 0);
    REFUSED(MST_ERR_UNAVAILABLE, mst_master_stop(master));
    if (calls->frees) {
        OK(mst_master_free(master));
        GIVES(MST_ERR_INVALID_HANDLE, mst_master_complete_restore(master, request, 0, NULL, 0));
    } else {
        OK(mst_master_complete_restore(master, request, 0, NULL, 0));
        GIVES(MST_ERR_STALE, mst_master_complete_restore(master, request, 0, NULL, 0));
    }
    /* There until the callback returns, whatever became of the request. */
    CHECK(memcmp(documents->user, "ann", 3) == 0);
}

static void on_update(MstMaster *master, uint64_t request, const MstStoreDocument *documents, uint32_t count, void *data) {
    Calls *calls = data;
    CHECK(count == 1 && documents->document_len > 2);
    if (calls->updates++ == 0) {
        OK(mst_master_fail_store_request(master, request, MST_STORE_ALL, MST_ERR_STORE_FAILED, "on purpose", 10));
    } else {
        OK(mst_master_complete_update(master, request, MST_STORE_ALL));
    }
    CHECK(documents->document[0] == '{' && documents->document[documents->document_len - 1] == '}');
}

static void on_update_many(MstMaster *master, uint64_t request, const MstStoreDocument *documents, uint32_t count,
                           void *data) {
    (void)master, (void)request, (void)documents, (void)count, (void)data;
    CHECK(0 && "there is one profile");
}

static void dispatch_until(MstMaster *master, MstEndpoint *endpoint, int32_t event_type) {
    const time_t begin = time(NULL);
    MstEvent event;
    do {
        CHECK((time(NULL) - begin) * 1000 < PATIENCE_MS && "the event came");
        OK(mst_master_wait(master, 1, NULL));
        OK(mst_master_dispatch(master, 1, NULL));
        poll_events(master);
        OK(mst_endpoint_tick(endpoint, 0));
        OK(mst_endpoint_next_event(endpoint, &event));
    } while (event.event_type != event_type);
}

void own_store_callbacks(void) {
    MstSchema *schema = make_schema();
    MstMaster *master = start_own(schema, 0);
    MstProfile *profile;
    MstEndpoint *endpoint = connect_own(master, "ann", &profile);
    Calls calls = {0, 0, 0};
    uint32_t dispatched = 9;

    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_set_store_callbacks(master, NULL, on_update, on_update_many, NULL));
    REFUSED(MST_ERR_INVALID_ARGUMENT, mst_master_set_store_callbacks(master, on_restore, NULL, NULL, NULL));
    NO_OUT(mst_master_dispatch(master, 0, ODD));
    OK(mst_master_dispatch(master, 0, &dispatched));
    CHECK(dispatched == 0);
    OK(mst_master_set_store_callbacks(master, on_restore, on_update, on_update_many, &calls));
    dispatch_until(master, endpoint, MST_EVENT_PROFILE_LOADED);
    CHECK(calls.restores == 1);
    OK(mst_profile_add_int(profile, GOLD, 5));
    OK(mst_profile_flush(profile, NULL));
    dispatch_until(master, endpoint, MST_EVENT_DURABLE);
    CHECK(calls.updates >= 2);
    /* Nobody is called any more, and then again: by the stop, which saves what is new. */
    OK(mst_master_set_store_callbacks(master, NULL, NULL, NULL, NULL));
    OK(mst_profile_add_int(profile, GOLD, 5));
    OK(mst_profile_flush(profile, NULL));
    wait_for(endpoint, MST_EVENT_APPLIED);
    OK(mst_master_dispatch(master, 0, &dispatched));
    CHECK(dispatched == 0);
    calls.updates = 1;
    OK(mst_master_set_store_callbacks(master, on_restore, on_update, on_update_many, &calls));
    OK(mst_master_stop(master));
    CHECK(calls.updates > 1);
    OK(mst_master_free(master));
    OK(mst_profile_free(profile));
    OK(mst_endpoint_free(endpoint));

    /* A callback may free the master. */
    master = start_own(schema, 0);
    endpoint = connect_own(master, "ann", &profile);
    calls.restores = 0;
    calls.frees = 1;
    OK(mst_master_set_store_callbacks(master, on_restore, on_update, on_update_many, &calls));
    while (calls.restores == 0) {
        OK(mst_master_wait(master, 100, NULL));
        OK(mst_master_dispatch(master, 0, &dispatched));
        if (calls.restores == 0) {
            poll_events(master);
        }
    }
    CHECK(dispatched == 1);
    GIVES(MST_ERR_INVALID_HANDLE, mst_master_dispatch(master, 0, NULL));
    OK(mst_profile_free(profile));
    OK(mst_endpoint_free(endpoint));
    OK(mst_schema_free(schema));
}

/* ---- ends ---- */

static void *pump(void *given) {
    MstMaster *master = given;
    MstStoreRequest request;
    MstResult result;
    while ((result = mst_master_next_store_request(master, &request)) == MST_OK) {
        if (request.request_type != MST_STORE_REQUEST_NONE) {
            OK(mst_master_complete_update(master, request.id, MST_STORE_ALL));
        } else {
            nap(1);
        }
    }
    CHECK(result == MST_ERR_CLOSED);
    return NULL;
}

void own_store_ends(void) {
    MstSchema *schema = make_schema();
    MstMaster *master = start_own(schema, 50);
    MstProfile *profile;
    MstEndpoint *endpoint = connect_own(master, "ann", &profile);
    MstStoreRequest request = next_request(master, MST_STORE_REQUEST_RESTORE), again;
    pthread_t pumping;
    time_t begin;

    /* Too late. It is asked for again, and the late answer is nobody's. */
    while (mst_master_store_request_user(master, request.id, 0, text, sizeof text, &len) == MST_OK) {
        nap(5);
    }
    REFUSED(MST_ERR_STALE, mst_master_complete_restore(master, request.id, 1, "{}", 2));
    do {
        again = next_request(master, MST_STORE_REQUEST_RESTORE);
        CHECK(again.id > request.id);
    } while (mst_master_complete_restore(master, again.id, 0, NULL, 0) == MST_ERR_STALE);
    wait_for(endpoint, MST_EVENT_PROFILE_LOADED);
    OK(mst_profile_add_int(profile, GOLD, 5));
    OK(mst_profile_flush(profile, NULL));
    wait_for(endpoint, MST_EVENT_APPLIED);
    /* Stopped on this thread, while another one does what it wants. */
    CHECK(pthread_create(&pumping, NULL, pump, master) == 0);
    OK(mst_master_stop(master));
    CHECK(pthread_join(pumping, NULL) == 0);
    OK(mst_master_free(master));
    OK(mst_profile_free(profile));
    OK(mst_endpoint_free(endpoint));

    /* Freed with requests that were taken and such that were not: at once, though nothing can be saved. */
    master = start_own(schema, 0);
    endpoint = connect_own(master, "ann", &profile);
    request = next_request(master, MST_STORE_REQUEST_RESTORE);
    OK(mst_master_complete_restore(master, request.id, 0, NULL, 0));
    wait_for(endpoint, MST_EVENT_PROFILE_LOADED);
    OK(mst_profile_add_int(profile, GOLD, 5));
    OK(mst_profile_flush(profile, NULL));
    OK(mst_endpoint_tick(endpoint, 0));
    request = next_request(master, MST_STORE_REQUEST_UPDATE);
    begin = time(NULL);
    OK(mst_master_free(master));
    CHECK(time(NULL) - begin < 8);
    GIVES(MST_ERR_INVALID_HANDLE, mst_master_complete_update(master, request.id, 0));
    OK(mst_profile_free(profile));
    OK(mst_endpoint_free(endpoint));
    OK(mst_schema_free(schema));
}

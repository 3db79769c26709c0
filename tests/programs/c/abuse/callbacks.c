/* Callbacks, and all that they may do. */

#include <time.h>

#include "abuse.h"

enum { MOST = 16 };

/* What a callback does when it is called, besides noting it down. */
typedef enum { NOTHING, FREES, FREES_ITSELF, SUBSCRIBES, CHANGES, FEEDS, DISPATCHES, POLLS, ENDS_PROFILE, ENDS_ENDPOINT } Deed;

typedef struct Journal Journal;

/* One subscription; `user_data` is its address. */
typedef struct {
    Journal *journal;
    char name;
    Deed deed;
    MstSubscription *self, *other;
} Watcher;

/* Who was called, in which order. */
struct Journal {
    MstProfile *profile;
    MstEndpoint *endpoint;
    Watcher watchers[MOST];
    char calls[64];
    size_t count;
    int64_t last_int;
    uint32_t last_index;
    int32_t last_type;
    MstProfile *last_profile;
};

static void noted(const MstEvent *event, void *user_data);

static Watcher *watch(Journal *journal, char name, uint32_t property, Deed deed) {
    Watcher *watcher = journal->watchers;
    while (watcher->name != 0) {
        watcher++;
    }
    watcher->journal = journal;
    watcher->name = name;
    watcher->deed = deed;
    OK(mst_profile_subscribe(journal->profile, property, noted, watcher, &watcher->self));
    return watcher;
}

static void noted(const MstEvent *event, void *user_data) {
    Watcher *watcher = user_data;
    Journal *journal = watcher->journal;
    uint32_t dispatched = 99;
    MstEvent polled;
    journal->last_int = event->new_int;
    journal->last_index = event->property_index;
    journal->last_type = event->event_type;
    journal->last_profile = event->profile;
    if (journal->count < sizeof journal->calls - 1) {
        journal->calls[journal->count] = watcher->name;
    }
    journal->count++;
    switch (watcher->deed) {
    case NOTHING:
        break;
    case FREES:
        OK(mst_subscription_free(watcher->other));
        break;
    case FREES_ITSELF:
        OK(mst_subscription_free(watcher->self));
        GIVES(MST_ERR_INVALID_HANDLE, mst_subscription_free(watcher->self));
        break;
    case SUBSCRIBES:
        watcher->deed = NOTHING;
        watch(journal, 'n', UINT32_MAX, NOTHING);
        break;
    case CHANGES:
        watcher->deed = NOTHING;
        OK(mst_profile_set_i64(journal->profile, GOLD, event->new_int));
        break;
    case FEEDS:
        OK(mst_profile_add_int(journal->profile, GOLD, 1));
        break;
    case DISPATCHES:
        if (journal->endpoint != NULL) {
            OK(mst_endpoint_dispatch(journal->endpoint, 0, &dispatched));
        } else {
            OK(mst_profile_dispatch(journal->profile, &dispatched));
        }
        CHECK(dispatched == 0);
        break;
    case POLLS:
        watcher->deed = NOTHING;
        if (journal->endpoint != NULL) {
            OK(mst_endpoint_next_event(journal->endpoint, &polled));
        } else {
            OK(mst_profile_next_event(journal->profile, &polled));
        }
        break;
    case ENDS_PROFILE:
        OK(mst_profile_free(journal->profile));
        break;
    case ENDS_ENDPOINT:
        OK(mst_endpoint_free(journal->endpoint));
        break;
    }
}

/* Dispatches, and compares who was called, and how many events there were. */
static void dispatch_calls(Journal *journal, uint32_t events, const char *expected) {
    uint32_t dispatched = 99;
    journal->count = 0;
    memset(journal->calls, 0, sizeof journal->calls);
    OK(mst_profile_dispatch(journal->profile, &dispatched));
    if (strcmp(journal->calls, expected) != 0 || dispatched != events) {
        fprintf(stderr, "called: %s (expected %s), %u events (expected %u)\n", journal->calls, expected,
                (unsigned)dispatched, (unsigned)events);
        CHECK(!"who is called");
    }
}

static void begin(Journal *journal, const MstSchema *schema) {
    memset(journal, 0, sizeof *journal);
    journal->profile = make_profile(schema);
}

static void only_compared(const MstEvent *event, void *user_data) {
    (void)event;
    /* An address at which there is nothing. */
    CHECK(user_data == (void *)(uintptr_t)0xdead);
}

/* The second one still sees what belongs to the event. */
static void reads_text(const MstEvent *event, void *user_data) {
    MstProfile *profile = user_data;
    MstValue value;
    char room[16];
    CHECK(event->property_index == TITLE);
    OK(mst_profile_event_value(profile, 1, &value, room, sizeof room, NULL));
    CHECK(is_text(&value, "Duke"));
}

void callbacks_alone(void) {
    MstSchema *schema = make_schema();
    static Journal journal;
    Watcher *watcher;
    MstSubscription *stale;
    uint32_t dispatched = 0;

    begin(&journal, schema);
    NO_OUT(mst_profile_subscribe(journal.profile, GOLD, NULL, NULL, &out.subscription));
    NO_OUT(mst_profile_subscribe(journal.profile, GOLD, never_called, NULL, ODD));
    NO_OUT(mst_profile_dispatch(journal.profile, ODD));
    REFUSED(MST_ERR_UNKNOWN_PROPERTY,
            mst_profile_subscribe(journal.profile, PROPERTIES, never_called, NULL, &out.subscription));
    REFUSED(MST_ERR_UNKNOWN_PROPERTY,
            mst_profile_subscribe(journal.profile, UINT32_MAX - 1, never_called, NULL, &out.subscription));
    OK(mst_profile_dispatch(journal.profile, NULL));
    OK(mst_subscription_free(NULL));

    /* Those of the property and of the whole profile are called in their order; events that nobody watches are taken too. */
    watch(&journal, 'g', GOLD, NOTHING);
    watch(&journal, 'a', UINT32_MAX, NOTHING);
    watcher = watch(&journal, 'h', GOLD, NOTHING);
    OK(mst_profile_subscribe(journal.profile, UINT32_MAX, only_compared, (void *)(uintptr_t)0xdead, NULL));
    OK(mst_profile_add_int(journal.profile, GOLD, 1));
    OK(mst_profile_set_i32(journal.profile, LEVEL, 5));
    dispatch_calls(&journal, 2, "gaha");
    CHECK(journal.last_int == 5 && journal.last_index == LEVEL && journal.last_profile == journal.profile);
    dispatch_calls(&journal, 0, "");
    OK(mst_subscription_free(watcher->self));
    OK(mst_profile_add_int(journal.profile, GOLD, 1));
    dispatch_calls(&journal, 1, "ga");
    stale = journal.watchers[0].self;
    OK(mst_profile_free(journal.profile));
    /* They ended with it. */
    GIVES(MST_ERR_INVALID_HANDLE, mst_subscription_free(stale));
    GIVES(MST_ERR_INVALID_HANDLE, mst_profile_dispatch(journal.profile, NULL));

    /* Freed within a callback: not called afterwards, not even for the same event. */
    begin(&journal, schema);
    watch(&journal, 'f', GOLD, FREES);
    journal.watchers[0].other = watch(&journal, 'x', GOLD, NOTHING)->self;
    watch(&journal, 's', GOLD, FREES_ITSELF);
    OK(mst_profile_add_int(journal.profile, GOLD, 1));
    dispatch_calls(&journal, 1, "fs");
    journal.watchers[0].deed = NOTHING;
    OK(mst_profile_add_int(journal.profile, GOLD, 1));
    dispatch_calls(&journal, 1, "f");
    OK(mst_profile_free(journal.profile));

    /* Subscribed within a callback: called from the next event on. */
    begin(&journal, schema);
    watch(&journal, 's', GOLD, SUBSCRIBES);
    OK(mst_profile_add_int(journal.profile, GOLD, 1));
    OK(mst_profile_set_i32(journal.profile, LEVEL, 5));
    dispatch_calls(&journal, 2, "sn");
    OK(mst_profile_free(journal.profile));

    /* Changes within a callback are told by the same dispatch, and endless ones by the next. */
    begin(&journal, schema);
    watch(&journal, 'l', LEVEL, CHANGES);
    watch(&journal, 'g', GOLD, NOTHING);
    OK(mst_profile_set_i32(journal.profile, LEVEL, 5));
    dispatch_calls(&journal, 2, "lg");
    CHECK(journal.last_int == 5);
    journal.watchers[1].deed = FEEDS;
    OK(mst_profile_add_int(journal.profile, GOLD, 1));
    OK(mst_profile_dispatch(journal.profile, &dispatched));
    CHECK(dispatched == 65536);
    journal.watchers[1].deed = NOTHING;
    dispatch_calls(&journal, 1, "g");
    OK(mst_profile_free(journal.profile));

    /* A dispatch within a callback tells nothing; a poll takes the next event away, and the one under way stays. */
    begin(&journal, schema);
    watch(&journal, 'd', GOLD, DISPATCHES);
    OK(mst_profile_add_int(journal.profile, GOLD, 1));
    OK(mst_profile_add_int(journal.profile, GOLD, 1));
    dispatch_calls(&journal, 2, "dd");
    watch(&journal, 'p', TITLE, POLLS);
    OK(mst_profile_subscribe(journal.profile, TITLE, reads_text, journal.profile, NULL));
    OK(mst_profile_set_string(journal.profile, TITLE, "Duke", 4));
    OK(mst_profile_add_int(journal.profile, GOLD, 1));
    dispatch_calls(&journal, 1, "p");
    OK(mst_profile_free(journal.profile));

    /* The profile may go while its events are told. */
    begin(&journal, schema);
    watch(&journal, 'e', GOLD, ENDS_PROFILE);
    stale = watch(&journal, 'x', GOLD, NOTHING)->self;
    OK(mst_profile_add_int(journal.profile, GOLD, 1));
    OK(mst_profile_add_int(journal.profile, GOLD, 1));
    dispatch_calls(&journal, 1, "e");
    GIVES(MST_ERR_INVALID_HANDLE, mst_profile_free(journal.profile));
    GIVES(MST_ERR_INVALID_HANDLE, mst_subscription_free(stale));

    /* Events that were dropped are told to everyone. */
    begin(&journal, schema);
    watch(&journal, 'l', LEVEL, NOTHING);
    for (int i = 0; i < 65537; i++) {
        OK(mst_profile_add_int(journal.profile, GOLD, 1));
    }
    OK(mst_profile_dispatch(journal.profile, NULL));
    CHECK(strcmp(journal.calls, "l") == 0 && journal.last_type == MST_EVENT_OVERFLOW);
    OK(mst_profile_free(journal.profile));
    OK(mst_schema_free(schema));
}

/* Dispatches until who is called has this in it. */
static void dispatch_until(Journal *journal, MstEndpoint *endpoint, const char *wanted) {
    const time_t begin_time = time(NULL);
    journal->count = 0;
    memset(journal->calls, 0, sizeof journal->calls);
    while (strstr(journal->calls, wanted) == NULL) {
        CHECK((time(NULL) - begin_time) * 1000 < PATIENCE_MS && "who is called");
        OK(mst_endpoint_wait(endpoint, 100, NULL));
        OK(mst_endpoint_dispatch(endpoint, 0, NULL));
    }
}

static Watcher *watch_all(Journal *journal, MstEndpoint *endpoint, char name) {
    Watcher *watcher = &journal->watchers[MOST - 1];
    watcher->journal = journal;
    watcher->name = name;
    OK(mst_endpoint_subscribe(endpoint, noted, watcher, &watcher->self));
    return watcher;
}

static void slow(const MstEvent *event, void *user_data) {
    const struct timespec pause = {0, 2000 * 1000};
    (void)event;
    (void)user_data;
    nanosleep(&pause, NULL);
}

void callbacks_of_endpoints(void) {
    MstSchema *schema = make_schema();
    MstMaster *master = start_master(schema);
    MstEndpoint *endpoint = connect_to(master, schema, NULL);
    MstSubscription *stale, *slow_one = NULL;
    static Journal journal;
    MstProfile *other;
    uint32_t dispatched = 0;
    Watcher *watcher;

    NO_OUT(mst_endpoint_subscribe(endpoint, NULL, NULL, &out.subscription));
    NO_OUT(mst_endpoint_subscribe(endpoint, never_called, NULL, ODD));
    NO_OUT(mst_endpoint_dispatch(endpoint, 0, ODD));
    NO_OUT(mst_endpoint_event_value(endpoint, 2, &out.value, text, sizeof text, &len));
    NO_OUT(mst_endpoint_event_value(endpoint, 1, NULL, text, sizeof text, &len));
    NO_OUT(mst_endpoint_event_key(endpoint, ODD, text, sizeof text, &len));
    NO_ROOM(mst_endpoint_event_value, endpoint, 1, &out.value);
    NO_ROOM(mst_endpoint_event_key, endpoint, &out.key);

    /* A profile may be watched before it is loaded; another one's events are not its own. */
    memset(&journal, 0, sizeof journal);
    journal.profile = fill(endpoint, "called");
    other = fill(endpoint, "other");
    REFUSED(MST_ERR_ATTACHED, mst_profile_dispatch(journal.profile, &out.u32));
    REFUSED(MST_ERR_ATTACHED, mst_profile_event_value(journal.profile, 1, &out.value, text, sizeof text, &len));
    REFUSED(MST_ERR_ATTACHED, mst_profile_event_key(journal.profile, &out.key, text, sizeof text, &len));
    REFUSED(MST_ERR_ATTACHED, mst_profile_event_path(journal.profile, text, sizeof text, &len));
    watch(&journal, 'p', UINT32_MAX, NOTHING);
    watch(&journal, 'g', GOLD, NOTHING);
    dispatch_until(&journal, endpoint, "p");
    CHECK(journal.last_type == MST_EVENT_PROFILE_LOADED && journal.last_profile == journal.profile);
    watcher = watch_all(&journal, endpoint, 'e');
    OK(mst_profile_add_int(journal.profile, GOLD, 1));
    dispatch_until(&journal, endpoint, "epg"); /* changed */
    dispatch_until(&journal, endpoint, "epep"); /* applied, durable */
    CHECK(journal.last_type == MST_EVENT_DURABLE);
    do {
        OK(mst_endpoint_wait(endpoint, 10, NULL));
        OK(mst_endpoint_dispatch(endpoint, 0, &dispatched));
    } while (dispatched > 0);
    OK(mst_subscription_free(watcher->self));

    /* A budget ends a dispatch after the event that used it up. */
    OK(mst_endpoint_subscribe(endpoint, slow, NULL, &slow_one));
    OK(mst_endpoint_set_flush_interval(endpoint, 3600 * 1000));
    for (int i = 0; i < 3; i++) {
        OK(mst_profile_add_int(journal.profile, GOLD, 1));
    }
    for (int i = 0; i < 3; i++) {
        OK(mst_endpoint_dispatch(endpoint, 1, &dispatched));
        CHECK(dispatched == 1);
    }
    OK(mst_endpoint_dispatch(endpoint, 1, &dispatched));
    CHECK(dispatched == 0);
    OK(mst_subscription_free(slow_one));

    /* A callback may dispatch and poll. */
    journal.endpoint = endpoint;
    journal.watchers[1].deed = DISPATCHES;
    OK(mst_profile_add_int(journal.profile, GOLD, 1));
    dispatch_until(&journal, endpoint, "pg");
    journal.watchers[1].deed = POLLS;
    OK(mst_profile_add_int(journal.profile, GOLD, 1));
    OK(mst_profile_add_int(journal.profile, GOLD, 1));
    journal.count = 0;
    memset(journal.calls, 0, sizeof journal.calls);
    OK(mst_endpoint_dispatch(endpoint, 0, &dispatched));
    CHECK(strcmp(journal.calls, "pg") == 0 && dispatched == 1);

    /* It may free its profile: who was to be called for that profile is not, and its event names no freed one. */
    journal.watchers[0].deed = ENDS_PROFILE;
    stale = journal.watchers[1].self;
    OK(mst_profile_add_int(journal.profile, GOLD, 1));
    dispatch_until(&journal, endpoint, "p");
    CHECK(strcmp(journal.calls, "p") == 0);
    GIVES(MST_ERR_INVALID_HANDLE, mst_profile_free(journal.profile));
    GIVES(MST_ERR_INVALID_HANDLE, mst_subscription_free(stale));

    /* It may free the endpoint. */
    memset(&journal, 0, sizeof journal);
    journal.profile = other;
    journal.endpoint = endpoint;
    watcher = watch(&journal, 'x', UINT32_MAX, ENDS_ENDPOINT);
    stale = watch(&journal, 'y', UINT32_MAX, NOTHING)->self;
    OK(mst_profile_add_int(other, GOLD, 1));
    OK(mst_profile_add_int(other, GOLD, 1));
    OK(mst_endpoint_dispatch(endpoint, 0, &dispatched));
    CHECK(strcmp(journal.calls, "x") == 0 && dispatched >= 1);
    GIVES(MST_ERR_INVALID_HANDLE, mst_endpoint_free(endpoint));
    GIVES(MST_ERR_INVALID_HANDLE, mst_subscription_free(stale));
    GIVES(MST_ERR_INVALID_HANDLE, mst_subscription_free(watcher->self));
    REFUSED(MST_ERR_RELEASED, mst_profile_subscribe(other, GOLD, never_called, NULL, &out.subscription));
    OK(mst_profile_free(other));
    OK(mst_master_free(master));
    OK(mst_schema_free(schema));
}

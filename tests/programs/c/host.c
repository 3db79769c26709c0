/* A whole master whose database is this program (see host/database.c), with a game server and a player's game in the same process:
 *
 *   host write <folder>   adds gold to several profiles, and prints each when that is durable; then adds to one on and on, printing
 *                         what is durable, until the program is killed
 *   host end <folder>     adds gold, and ends in order without having waited
 *   host read <folder>    prints what is stored
 *
 * All runs on one thread but the database: the master's requests are told when it dispatches. */

#include <string.h>
#include <time.h>

#include "host/database.h"

#define PATIENCE_SECONDS 40
#define USERS 6
#define GOLD 0
#define TITLE 1

static const char *const NAMES[USERS] = {"ann", "b\xc3\xbclent", "cem", "dora/..", "ebru", "felix"};
static const char SCHEMA[] = "{\"properties\":["
                             "{\"name\":\"gold\",\"type\":\"i64\",\"default\":10},"
                             "{\"name\":\"title\",\"type\":\"string\",\"default\":\"Novice\",\"write\":\"owner\"}]}";

typedef struct {
    MstMaster *master;
    MstEndpoint *server;
    MstEndpoint *client;
    MstProfile *profiles[USERS];
    MstProfile *own;
    uint64_t durable[USERS];
    uint64_t own_durable;
    int loaded;
    int is_ending;
} Host;

static int place_of(const Host *host, const MstProfile *profile) {
    for (int i = 0; i < USERS; i++) {
        if (host->profiles[i] == profile) {
            return i;
        }
    }
    CHECK(profile == host->own);
    return USERS;
}

static void events_of(Host *host, MstEndpoint *endpoint) {
    MstEvent event;
    OK(mst_endpoint_tick(endpoint, 0));
    for (;;) {
        OK(mst_endpoint_next_event(endpoint, &event));
        switch (event.event_type) {
        case MST_EVENT_NONE:
            return;
        case MST_EVENT_PROFILE_LOADED:
            host->loaded++;
            break;
        case MST_EVENT_DURABLE: {
            const int place = place_of(host, event.profile);
            *(place < USERS ? &host->durable[place] : &host->own_durable) = event.number;
            break;
        }
        case MST_EVENT_OPEN_FAILED:
        case MST_EVENT_REFUSED:
            CHECK(0 && "every profile is opened, and every change applied");
            break;
        case MST_EVENT_FAILED:
            CHECK(host->is_ending);
            break;
        default:
            break;
        }
    }
}

/* One frame of a host without frames. */
static void pump(Host *host) {
    MstMasterEvent event;
    const MstResult waited = mst_master_wait(host->master, 2, NULL);
    CHECK(waited == MST_OK || (waited == MST_ERR_CLOSED && host->is_ending));
    OK(mst_master_dispatch(host->master, 0, NULL));
    do {
        OK(mst_master_next_event(host->master, &event));
        CHECK(event.event_type != MST_MASTER_EVENT_FATAL);
    } while (event.event_type != MST_MASTER_EVENT_NONE);
    events_of(host, host->server);
    events_of(host, host->client);
}

#define PUMP_UNTIL(host, condition)                                                                                    \
    do {                                                                                                               \
        const time_t begin = time(NULL);                                                                               \
        while (!(condition)) {                                                                                         \
            CHECK(time(NULL) - begin < PATIENCE_SECONDS && #condition);                                                \
            pump(host);                                                                                                \
        }                                                                                                              \
    } while (0)

static MstProfile *fill(MstEndpoint *endpoint, const char *user) {
    MstProfile *profile = NULL;
    OK(mst_endpoint_fill_profile(endpoint, user, (uint32_t)strlen(user), &profile));
    return profile;
}

static Host start(const char *folder) {
    MstSchema *schema = NULL;
    MstMasterOptions options;
    MstInProcessOptions peer;
    Host host;
    memset(&host, 0, sizeof host);
    OK(mst_schema_from_json(SCHEMA, (uint32_t)strlen(SCHEMA), &schema));
    OK(mst_master_options_init(&options));
    options.schema = schema;
    options.in_process_only = 1;
    options.own_store = 1;
    options.update_interval_ms = -1;
    options.save_interval_ms = 20;
    OK(mst_master_start(&options, &host.master));
    database_serve(folder, host.master);
    OK(mst_in_process_options_init(&peer));
    peer.flush_interval_ms = -1;
    OK(mst_master_connect_server(host.master, "arena", 5, &peer, &host.server));
    OK(mst_master_connect_client(host.master, NAMES[0], (uint32_t)strlen(NAMES[0]), &peer, &host.client));
    for (int i = 0; i < USERS; i++) {
        host.profiles[i] = fill(host.server, NAMES[i]);
    }
    host.own = fill(host.client, NAMES[0]);
    PUMP_UNTIL(&host, host.loaded == USERS + 1);
    OK(mst_schema_free(schema));
    return host;
}

/* Gives up the handles of a host whose master has ended, or ends now. */
static void end(Host *host) {
    Asked asked;
    OK(mst_master_stop(host->master));
    asked = database_end();
    printf("asked %u %u %u %u %u\n", asked.restored, asked.not_restored_on_purpose, asked.updated, asked.updated_many,
           asked.not_updated_on_purpose);
    OK(mst_master_free(host->master));
    for (int i = 0; i < USERS; i++) {
        OK(mst_profile_free(host->profiles[i]));
    }
    OK(mst_profile_free(host->own));
    OK(mst_endpoint_free(host->server));
    OK(mst_endpoint_free(host->client));
}

static void print_profiles(const Host *host) {
    for (int i = 0; i < USERS; i++) {
        char json[512];
        uint32_t length = 0;
        OK(mst_profile_to_json(host->profiles[i], json, sizeof json, &length));
        printf("profile %s %.*s\n", NAMES[i], (int)length, json);
    }
}

/* Adds gold to the first `count`, and gives the first another title; `batches` are the numbers to wait for. */
static void change(Host *host, int count, const char *title, uint64_t batches[USERS + 1]) {
    for (int i = 0; i < count; i++) {
        OK(mst_profile_add_int(host->profiles[i], GOLD, i + 1));
        OK(mst_profile_flush(host->profiles[i], &batches[i]));
    }
    OK(mst_profile_set_string(host->own, TITLE, title, (uint32_t)strlen(title)));
    OK(mst_profile_flush(host->own, &batches[USERS]));
}

static int are_durable(const Host *host, const uint64_t batches[USERS + 1]) {
    for (int i = 0; i < USERS; i++) {
        if (host->durable[i] < batches[i]) {
            return 0;
        }
    }
    return host->own_durable >= batches[USERS];
}

static int title_is(const Host *host, const char *title) {
    char found[64];
    uint32_t length = 0;
    OK(mst_profile_get_string(host->profiles[0], TITLE, found, sizeof found, &length));
    return length == strlen(title) && memcmp(found, title, length) == 0;
}

static void write_until_killed(const char *folder) {
    Host host = start(folder);
    uint64_t batches[USERS + 1] = {0};
    unsigned round = 0;
    char title[32];
    int64_t gold;
    /* Until all three methods were called: all profiles at once, and one alone. */
    do {
        snprintf(title, sizeof title, "Champion %u", ++round);
        change(&host, round % 2 == 1 ? USERS : 0, title, batches);
        PUMP_UNTIL(&host, are_durable(&host, batches) && title_is(&host, title));
        CHECK(round < 1000);
    } while (database_asked().updated < 2 || database_asked().updated_many < 2);
    CHECK(database_asked().not_restored_on_purpose == 1 && database_asked().not_updated_on_purpose == 2);
    print_profiles(&host);
    for (;;) {
        OK(mst_profile_add_int(host.profiles[0], GOLD, 1));
        OK(mst_profile_flush(host.profiles[0], &batches[0]));
        OK(mst_profile_get_i64(host.profiles[0], GOLD, &gold));
        PUMP_UNTIL(&host, host.durable[0] >= batches[0]);
        printf("durable %lld\n", (long long)gold);
    }
}

/* The stop saves what was not saved before: the requests are told by it, on this thread. */
static void change_and_end(const char *folder) {
    Host host = start(folder);
    uint64_t batches[USERS + 1];
    change(&host, USERS, "Champion of Z\xc3\xbcrich", batches);
    PUMP_UNTIL(&host, title_is(&host, "Champion of Z\xc3\xbcrich"));
    print_profiles(&host);
    end(&host);
}

/* The other way to stop: as before, frame by frame, until it has ended. */
static void read_and_end(const char *folder) {
    Host host = start(folder);
    uint8_t is_stopped = 0;
    print_profiles(&host);
    host.is_ending = 1;
    OK(mst_master_begin_stop(host.master));
    PUMP_UNTIL(&host, mst_master_is_stopped(host.master, &is_stopped) == MST_OK && is_stopped);
    end(&host);
}

int main(int count, char **arguments) {
    static const struct {
        const char *name;
        void (*run)(const char *folder);
    } modes[] = {{"write", write_until_killed}, {"end", change_and_end}, {"read", read_and_end}};
    setvbuf(stdout, NULL, _IOLBF, 4096);
    for (size_t i = 0; count == 3 && i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(arguments[1], modes[i].name) == 0) {
            modes[i].run(arguments[2]);
            OK(mst_shutdown(1000));
            return 0;
        }
    }
    fprintf(stderr, "usage: host write|end|read <folder>\n");
    return 2;
}

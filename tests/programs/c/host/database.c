/* Documents are read on a thread of its own, a while later and the last first; one is written at once, within the callback;
 * several are written on the thread, and answered one by one. A file begins with the document's version. Some requests fail on
 * purpose, and are made again. */

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "database.h"

#define ALL_OR_NOTHING(condition) CHECK((condition) && "the folder can be read and written")

/* What the thread is to do: to read, without a document, or to write. */
typedef struct Job {
    uint64_t request;
    uint32_t index;
    uint64_t version;
    char *user;
    char *document;
    uint32_t document_len;
    int fails;
    struct Job *next;
} Job;

static struct {
    const char *folder;
    MstMaster *master;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    Job *last;
    int is_ending;
    Asked asked;
} database;

/* ---- files ---- */

/* The path of a user's file; any user id is a name there. */
static void path_of(char *path, size_t capacity, const char *user, const char *ending) {
    size_t length = (size_t)snprintf(path, capacity, "%s/", database.folder);
    for (; *user != 0; user++) {
        length += (size_t)snprintf(path + length, capacity - length, "%02x", (unsigned char)*user);
    }
    snprintf(path + length, capacity - length, "%s", ending);
}

/* A user's document, ended by a zero, and its version; null when there is none. */
static char *read_document(const char *user, unsigned long long *version) {
    char path[1024];
    FILE *file;
    char *document = malloc(1 << 20);
    size_t length;
    CHECK(document != NULL);
    path_of(path, sizeof path, user, ".json");
    file = fopen(path, "rb");
    if (file == NULL) {
        CHECK(errno == ENOENT && "no error is taken for a profile that is not there");
        free(document);
        return NULL;
    }
    ALL_OR_NOTHING(fscanf(file, "%llu\n", version) == 1);
    length = fread(document, 1, (1 << 20) - 1, file);
    ALL_OR_NOTHING(feof(file) && fclose(file) == 0);
    document[length] = 0;
    return document;
}

/* Returns when the file is on the disk under its name, whole. */
static void write_document(const char *user, uint64_t version, const char *document, uint32_t length) {
    char path[1024], beside[1024];
    unsigned long long there = 0;
    FILE *file;
    int folder;
    free(read_document(user, &there));
    if (there > version) {
        return; /* A save that was given up, and was at work still. */
    }
    path_of(path, sizeof path, user, ".json");
    path_of(beside, sizeof beside, user, ".new");
    file = fopen(beside, "wb");
    ALL_OR_NOTHING(file != NULL && fprintf(file, "%llu\n", (unsigned long long)version) > 0);
    ALL_OR_NOTHING(fwrite(document, 1, length, file) == length);
    ALL_OR_NOTHING(fflush(file) == 0 && fsync(fileno(file)) == 0 && fclose(file) == 0);
    ALL_OR_NOTHING(rename(beside, path) == 0);
    folder = open(database.folder, O_RDONLY);
    ALL_OR_NOTHING(folder >= 0 && fsync(folder) == 0 && close(folder) == 0);
}

/* ---- the thread ---- */

static void fails(uint64_t request, uint32_t index) {
    OK(mst_master_fail_store_request(database.master, request, index, MST_ERR_STORE_FAILED, "on purpose", 10));
}

static void do_job(const Job *job) {
    if (job->fails) {
        fails(job->request, job->index);
    } else if (job->document != NULL) {
        write_document(job->user, job->version, job->document, job->document_len);
        OK(mst_master_complete_update(database.master, job->request, job->index));
    } else {
        unsigned long long version;
        char *document = read_document(job->user, &version);
        const uint32_t length = document == NULL ? 0 : (uint32_t)strlen(document);
        OK(mst_master_complete_restore(database.master, job->request, document != NULL, document, length));
        free(document);
    }
}

static void *work(void *unused) {
    (void)unused;
    pthread_mutex_lock(&database.lock);
    for (;;) {
        const struct timespec while_more_comes = {0, 3000000};
        Job *jobs;
        while (database.last == NULL && !database.is_ending) {
            pthread_cond_wait(&database.more, &database.lock);
        }
        if (database.last == NULL) {
            break;
        }
        pthread_mutex_unlock(&database.lock);
        nanosleep(&while_more_comes, NULL);
        pthread_mutex_lock(&database.lock);
        jobs = database.last;
        database.last = NULL;
        pthread_mutex_unlock(&database.lock);
        while (jobs != NULL) {
            Job *job = jobs;
            jobs = job->next;
            do_job(job);
            free(job->user);
            free(job->document);
            free(job);
        }
        pthread_mutex_lock(&database.lock);
    }
    pthread_mutex_unlock(&database.lock);
    return NULL;
}

/* ---- what the master wants ---- */

static char *copy(const char *given, uint32_t length) {
    char *made = malloc((size_t)length + 1);
    CHECK(made != NULL);
    memcpy(made, given, length);
    made[length] = 0;
    return made;
}

static void later(uint64_t request, uint32_t index, const MstStoreDocument *document, int fails_on_purpose) {
    Job *job = malloc(sizeof *job);
    CHECK(job != NULL);
    job->request = request;
    job->index = index;
    job->version = document->version;
    job->user = copy(document->user, document->user_len);
    job->document = document->document == NULL ? NULL : copy(document->document, document->document_len);
    job->document_len = document->document_len;
    job->fails = fails_on_purpose;
    pthread_mutex_lock(&database.lock);
    job->next = database.last;
    database.last = job;
    pthread_cond_signal(&database.more);
    pthread_mutex_unlock(&database.lock);
}

static void restore(MstMaster *master, uint64_t request, const MstStoreDocument *documents, uint32_t count, void *data) {
    const int fails_on_purpose = database.asked.restored++ == 0;
    CHECK(master == database.master && count == 1 && data == &database);
    database.asked.not_restored_on_purpose += (unsigned)fails_on_purpose;
    later(request, 0, documents, fails_on_purpose);
}

static void update(MstMaster *master, uint64_t request, const MstStoreDocument *documents, uint32_t count, void *data) {
    CHECK(master == database.master && count == 1 && data == &database);
    if (database.asked.updated++ == 0) {
        database.asked.not_updated_on_purpose++;
        fails(request, MST_STORE_ALL);
    } else {
        char *user = copy(documents->user, documents->user_len);
        write_document(user, documents->version, documents->document, documents->document_len);
        OK(mst_master_complete_update(master, request, 0));
        free(user);
    }
}

static void update_many(MstMaster *master, uint64_t request, const MstStoreDocument *documents, uint32_t count,
                        void *data) {
    const int one_fails = database.asked.updated_many++ == 0;
    CHECK(master == database.master && count > 1 && data == &database);
    for (uint32_t i = 0; i < count; i++) {
        const int fails_on_purpose = one_fails && i == 1;
        database.asked.not_updated_on_purpose += (unsigned)fails_on_purpose;
        later(request, i, &documents[i], fails_on_purpose);
    }
}

void database_serve(const char *folder, MstMaster *master) {
    database.folder = folder;
    database.master = master;
    CHECK(pthread_mutex_init(&database.lock, NULL) == 0 && pthread_cond_init(&database.more, NULL) == 0);
    CHECK(pthread_create(&database.thread, NULL, work, NULL) == 0);
    OK(mst_master_set_store_callbacks(master, restore, update, update_many, &database));
}

Asked database_asked(void) { return database.asked; }

Asked database_end(void) {
    pthread_mutex_lock(&database.lock);
    database.is_ending = 1;
    pthread_cond_signal(&database.more);
    pthread_mutex_unlock(&database.lock);
    CHECK(pthread_join(database.thread, NULL) == 0);
    return database.asked;
}

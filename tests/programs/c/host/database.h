/* The database of `host`: a folder with a file for each profile. */

#ifndef DATABASE_H
#define DATABASE_H

#include "../check.h"

/* What was asked of it. */
typedef struct {
    unsigned restored;
    unsigned not_restored_on_purpose;
    unsigned updated;
    unsigned updated_many;
    unsigned not_updated_on_purpose;
} Asked;

/* Opens it, and answers what the master wants of it from then on. */
void database_serve(const char *folder, MstMaster *master);

/* Ends its thread, when nothing is wanted any more. */
Asked database_end(void);

/* What was asked so far. */
Asked database_asked(void);

#endif

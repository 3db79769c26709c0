/* Calls every function with everything it must not get: each gives its result, writes no output, and nothing crashes.
 * Needs no arguments; the master it talks to is its own. The parts are in the folder beside this file. */

#include "abuse/abuse.h"

static void names_and_versions(void) {
    uint16_t key = 0;
    CHECK(mst_abi_version() == MST_ABI_VERSION);
    CHECK(mst_abi_hash() == MST_ABI_HASH);
    CHECK(strlen(mst_version()) >= 5);
    CHECK(strcmp(mst_result_name(MST_OK), "MST_OK") == 0);
    CHECK(strcmp(mst_result_name(MST_ERR_AUTH_FAILED), "MST_ERR_AUTH_FAILED") == 0);
    CHECK(strcmp(mst_result_name(1), "MST_UNKNOWN") == 0);
    CHECK(strcmp(mst_result_name(INT32_MIN), "MST_UNKNOWN") == 0);
    OK(mst_property_key("level", 5, &key));
    CHECK(key != 0);
    /* No failure on this thread yet. */
    OK(mst_last_error(NULL, 0, &len));
    CHECK(len == 0);
}

int main(void) {
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {
        {"names and versions", names_and_versions},
        {"handles", handles},
        {"outputs", outputs},
        {"texts", texts},
        {"property options", property_options},
        {"connect options", connect_options_of_both_roles},
        {"master options", master_start_options},
        {"schemas", schemas},
        {"declarations", declarations},
        {"infos", infos},
        {"views", views},
        {"a profile alone", alone},
        {"types", types},
        {"additions", additions},
        {"batches", batches},
        {"lists", lists},
        {"dictionaries", dictionaries},
        {"places", places},
        {"nested deltas", nested_deltas},
        {"places of endpoints", places_of_endpoints},
        {"types of the game's own", custom_types},
        {"callbacks of a profile alone", callbacks_alone},
        {"callbacks of endpoints", callbacks_of_endpoints},
        {"mangled bytes", mangled_bytes},
        {"lives", lives},
        {"refused by the master", refused_by_the_master},
        {"nobody answers", nobody_answers},
        {"hosted", hosted},
        {"another token", another_token},
        {"the host's own database", own_store},
        {"callbacks of the host's own database", own_store_callbacks},
        {"ends of the host's own database", own_store_ends},
        {"threads", threads_on_shared_handles},
    };
    setvbuf(stdout, NULL, _IOLBF, 4096);
    for (size_t i = 0; i < COUNT(parts); i++) {
        printf("%s\n", parts[i].name);
        parts[i].run();
    }
    OK(mst_shutdown(1000));
    OK(mst_shutdown(0));
    puts("done");
    return 0;
}

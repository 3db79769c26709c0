// The README's snippet.

#include <cinttypes>
#include <cstdio>

#include "match_profile.hpp"

static MstResult Award(MstProfile *profile)
{
    profiles::MatchProfile ann;
    MstResult result = ann.Bind(profile);
    if (result != MST_OK)
        return result;
    ann.CurrencyGold().Add(25);
    ann.InventoryItems().Push("axe");
    std::printf("level %d\n", ann.ProgressionLevel().Get());
    return MST_OK;
}

int main()
{
    MstSchema *schema = nullptr;
    MstProfile *profile = nullptr;
    profiles::MatchProfile ann;
    if (profiles::MatchProfile::CreateSchema(&schema) != MST_OK || mst_profile_create(schema, &profile) != MST_OK
        || Award(profile) != MST_OK || ann.Bind(profile) != MST_OK || ann.InventoryItems().Get(0) != "axe")
        return 1;
    std::printf("%" PRId64 " gold\n", ann.CurrencyGold().Get());
    mst_profile_free(profile);
    mst_schema_free(schema);
    return 0;
}

// Names and comments that no compiler may stumble over, a schema of nothing, and a namespace.

#include <cstdio>
#include <cstring>

#include "empty.hpp"
#include "namespaced.hpp"
#include "odd.hpp"

int main()
{
    MstSchema *schema = nullptr;
    MstProfile *profile = nullptr;
    profiles::OddProfile odd;
    if (profiles::OddProfile::CreateSchema(&schema) != MST_OK || mst_profile_create(schema, &profile) != MST_OK
        || odd.Bind(profile) != MST_OK)
        return 1;
    mst_schema_free(schema);
    if (odd.Type().Add(1) != MST_OK || odd.Self().Add(2) != MST_OK || odd.Type().Get() != 1 || odd.Self().Get() != 2)
        return 2;
    if (odd.Handle_().Get() != mst::typed::Color() || odd.OddProfile_().Get() != mst::typed::Quaternion()
        || odd.Property1().Get() != mst::typed::Uuid() || odd.AU1f600B().Get() != "\"quoted\" \\ ?\?/ \"### {0} {{1}} \360\237\230\200")
        return 3;
    if (std::strcmp(profiles::OddProfileNames::QuoteBackSlash, "quote\"back\\slash?\?/") != 0 || odd.Keys().IsPending()
        || odd._2fast().Set(mst::typed::Bytes()) != MST_OK || odd.EndsSummaryCode().Count() != 0)
        return 4;
    mst_profile_free(profile);
    profiles::Profile empty;
    if (profiles::Profile::CreateSchema(&schema) != MST_OK || mst_profile_create(schema, &profile) != MST_OK
        || empty.Bind(profile) != MST_OK)
        return 5;
    mst_profile_free(profile);
    mst_schema_free(schema);
    My::Game::Sink sink;
    if (sink.Health().Get() != 0 || My::Game::SinkKeys::BanReason != 7)
        return 6;
    std::printf("all is well\n");
    return 0;
}

// Uses every kind of accessor that is generated for the kitchen sink's schema, on a profile of its own.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "kitchen_sink.hpp"

using profiles::KitchenSinkProfile;
using mst::typed::Bytes;
using mst::typed::Color;
using mst::typed::DateTime;
using mst::typed::Quaternion;
using mst::typed::Uuid;
using mst::typed::Vector2;
using mst::typed::Vector3;

namespace {

void Check(bool holds, int line)
{
    if (holds)
        return;
    char text[512];
    uint32_t length = 0;
    if (mst_last_error(text, sizeof text, &length) != MST_OK)
        length = 0;
    std::fprintf(stderr, "line %d does not hold; the last error is: %.*s\n", line, static_cast<int>(length), text);
    std::exit(1);
}

#define CHECK(condition) Check(condition, __LINE__)
#define OK(call) Check((call) == MST_OK, __LINE__)

void Defaults(const KitchenSinkProfile &sink)
{
    CHECK(sink.TypesBool().Get());
    CHECK(sink.TypesI32().Get() == std::numeric_limits<int32_t>::min());
    CHECK(sink.TypesI64().Get() == std::numeric_limits<int64_t>::max());
    CHECK(sink.TypesF32().Get() == 0.1f);
    CHECK(std::isinf(sink.TypesF64().Get()) && sink.TypesF64().Get() < 0);
    CHECK(sink.TypesString().Get() == "Gr\303\266\303\237e \360\237\230\200");
    CHECK(sink.TypesBytes().Get() == (Bytes{1, 2, 3}));
    CHECK(sink.TypesVector2().Get() == Vector2(0.5f, -1));
    CHECK(sink.TypesVector3().Get() == Vector3(12.5f, 0.25f, -81.125f));
    CHECK(sink.TypesQuaternion().Get() == Quaternion(0, 0, 1, 0));
    CHECK(sink.TypesColor().Get() == Color(255, 128, 0));
    CHECK(sink.TypesDatetime().Get().unix_micros == 1767323045250000);
    CHECK(sink.TypesUuid().Get().bytes[0] == 0x6b && sink.TypesUuid().Get().bytes[15] == 0xc8);
    CHECK(sink.TypesList().All() == (std::vector<std::string>{"sword", "rope"}));
    CHECK(sink.TypesDictString().Get("gold") == 100 && sink.TypesDictString().Count() == 2);
    CHECK(sink.TypesDictI32().Get(-1) && !sink.TypesDictI32().Get(7) && sink.TypesDictI32().Contains(7));
    CHECK(sink.TypesDictI64().Get(9007199254740993) == Vector2(1, 2));
    CHECK(sink.Heading().Get() == 0);
}

void Scalars(const KitchenSinkProfile &sink)
{
    const uint8_t counting[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    const std::string text = "\303\234ber";
    OK(sink.TypesBool().Set(false));
    OK(sink.TypesI32().Set(-5));
    OK(sink.TypesI64().Set(-6));
    OK(sink.TypesF32().Set(0.5f));
    OK(sink.TypesF64().Set(0.25));
    OK(sink.TypesString().Set(text));
    OK(sink.TypesBytes().Set(Bytes{9, 0}));
    OK(sink.TypesVector2().Set(Vector2(1, 2)));
    OK(sink.TypesVector3().Set(Vector3(1, 2, 3)));
    OK(sink.TypesQuaternion().Set(Quaternion()));
    OK(sink.TypesColor().Set(Color(1, 2, 3, 4)));
    OK(sink.TypesDatetime().Set(DateTime(-1)));
    OK(sink.TypesUuid().Set(Uuid(counting)));
    OK(sink.Heading().Set(1.5f));
    CHECK(!sink.TypesBool().Get() && sink.TypesBool().GetConfirmed());
    CHECK(sink.TypesI32().Get() == -5 && sink.TypesI64().Get() == -6);
    CHECK(sink.TypesF32().Get() == 0.5f && sink.TypesF64().Get() == 0.25);
    CHECK(sink.TypesString().Get() == text && sink.TypesString().IsPending() && !sink.DisplayName().IsPending());
    CHECK(sink.TypesBytes().Get() == (Bytes{9, 0}));
    CHECK(sink.TypesVector2().Get() == Vector2(1, 2) && sink.TypesVector3().Get() == Vector3(1, 2, 3));
    CHECK(sink.TypesQuaternion().Get() == Quaternion(0, 0, 0, 1) && sink.TypesColor().Get() == Color(1, 2, 3, 4));
    CHECK(sink.TypesDatetime().Get() == DateTime(-1) && sink.TypesUuid().Get() == Uuid(counting));
    CHECK(sink.Heading().Get() == 1.5f);
    CHECK(sink.DisplayName().Set("no") == MST_ERR_TOO_SHORT && sink.DisplayName().Get() == "Player");
    // Longer than what fits without an allocation, and nothing at all.
    const std::string lengthy(5000, 'x');
    OK(sink.TypesString().Set(lengthy));
    CHECK(sink.TypesString().Get() == lengthy);
    OK(sink.TypesString().Set(""));
    OK(sink.TypesBytes().Set(Bytes()));
    CHECK(sink.TypesString().Get().empty() && sink.TypesBytes().Get().empty());
}

void Numbers(const KitchenSinkProfile &sink)
{
    OK(sink.Health().Add(-30));
    OK(sink.Health().AddClamped(80, 0, 100));
    CHECK(sink.Health().Get() == 100 && sink.Health().Add(1) == MST_ERR_OUT_OF_RANGE);
    OK(sink.Health().SubtractGuarded(60, 0));
    CHECK(sink.Health().SubtractGuarded(41, 0) == MST_ERR_GUARD_FAILED);
    CHECK(sink.Health().AddGuarded(1, 0, 40) == MST_ERR_GUARD_FAILED && sink.Health().Get() == 40);
    OK(sink.Experience().Add(5000000000));
    CHECK(sink.Experience().Add(-1) == MST_ERR_NOT_MONOTONIC && sink.Experience().Get() == 5000000000);
    CHECK(sink.TypesI64().SubtractGuarded(std::numeric_limits<int64_t>::min(), 0) == MST_ERR_INVALID_ARGUMENT);
    OK(sink.Rating().Add(-0.5));
    OK(sink.Rating().AddClamped(9999, 0, 1600));
    CHECK(sink.Rating().SubtractGuarded(1600.5, 0) == MST_ERR_GUARD_FAILED);
    OK(sink.Rating().AddGuarded(-600, 0, 2000));
    CHECK(sink.Rating().Get() == 1000);
    OK(sink.TypesF32().Add(0.25f));
    CHECK(sink.TypesF32().Get() == 0.75f);
}

void Lists(const KitchenSinkProfile &sink)
{
    auto party = sink.Party();
    OK(party.Push("cem"));
    OK(party.Insert(1, "bob"));
    OK(party.Set(0, "ada"));
    OK(party.Move(2, 0));
    CHECK(party.All() == (std::vector<std::string>{"cem", "ada", "bob"}) && party.Count() == 3);
    std::string item;
    CHECK(party.ConfirmedCount() == 1 && party.GetConfirmed(0, item) == MST_OK && item == "ann");
    OK(party.Remove(1));
    CHECK(party.Get(1) == "bob" && party.Get(2, item) == MST_ERR_INDEX_OUT_OF_RANGE && party.Get(2).empty());
    CHECK(party.Clear() == MST_ERR_TOO_FEW && party.IsPending());
    std::string all;
    for (const std::string &name : party)
        all += name + " ";
    CHECK(all == "cem bob ");
    OK(sink.TypesList().Clear());
    for (const std::string &name : sink.TypesList())
        CHECK(name.empty() && false);
}

void Dictionaries(const KitchenSinkProfile &sink)
{
    auto purse = sink.TypesDictString();
    OK(purse.Add("gold", 5));
    OK(purse.Add("ore", 1));
    OK(purse.AddClamped("ore", 50, 0, 9));
    OK(purse.SubtractGuarded("gems", 4, 0));
    CHECK(purse.SubtractGuarded("gems", 2, 0) == MST_ERR_GUARD_FAILED);
    CHECK(purse.AddGuarded("gems", 9, 0, 9) == MST_ERR_GUARD_FAILED);
    OK(purse.Put(std::string("silver"), -3));
    std::string all;
    for (const auto &entry : purse)
        all += entry.key + "=" + std::to_string(entry.value) + " ";
    CHECK(all == "gems=1 gold=105 ore=9 silver=-3 ");
    OK(purse.Remove("ore"));
    int64_t value = 0;
    CHECK(!purse.Contains("ore") && purse.Get("ore", value) == MST_ERR_NO_SUCH_KEY && purse.Get("ore") == 0);
    CHECK(purse.GetConfirmed("gold", value) == MST_OK && value == 100);
    CHECK(purse.Count() == 3 && purse.ConfirmedCount() == 2 && purse.IsPending());
    OK(sink.TypesDictI32().Put(std::numeric_limits<int32_t>::max(), true));
    int64_t sum = 0;
    for (const auto &entry : sink.TypesDictI32())
        sum += entry.key;
    CHECK(sum == int64_t(std::numeric_limits<int32_t>::max()) + 6);
    OK(sink.TypesDictI64().Put(-1, Vector2(3, 4)));
    CHECK(sink.TypesDictI64().begin()->key == -1 && sink.TypesDictI64().begin()->value == Vector2(3, 4));
    OK(sink.TypesDictI64().Clear());
    CHECK(sink.TypesDictI64().Count() == 0);
    // An entry that neither buffer has room for at first.
    auto settings = sink.Settings();
    CHECK(settings.Put("LANG", "tr") == MST_ERR_PATTERN_MISMATCH);
    OK(settings.Put("lang.ui", "tr"));
    OK(settings.Put("note", std::string(256, '\303').replace(1, 255, std::string(255, 'x')).replace(0, 1, "y")));
    std::string lengths;
    for (const auto &entry : settings)
        lengths += entry.key + ":" + std::to_string(entry.value.size()) + " ";
    CHECK(lengths == "lang.ui:2 note:256 ");
}

void NamedRecords(const KitchenSinkProfile &sink)
{
    namespace records = profiles::KitchenSinkProfileRecords;
    CHECK(records::Reward().count == 1 && records::Mission().due == DateTime(4102444799000000));
    CHECK(sink.TypesRecord().Get().item == (Bytes{1, 2, 3}) && sink.TypesRecord().Count().Get() == 5);
    CHECK(sink.TypesRecord().Count().Add(95) == MST_ERR_OUT_OF_RANGE);
    records::MissionStep step;
    step.at.map = "woods";
    OK(sink.TypesListRecord().At(0).Steps().Push(step));
    OK(sink.TypesListRecord().At(0).Rewards().Put("gold", records::Reward()));
    OK(sink.TypesListRecord().At(0).Rewards().At("gold").Count().Add(1));
    const records::Mission bridge = sink.TypesListRecord().Get(0);
    CHECK(bridge.steps.size() == 3 && bridge.steps[2].at.map == "woods" && bridge.rewards.at("gold").count == 2);
}

void CountCalls(const MstEvent *event, void *user_data)
{
    if (event->property_key == profiles::KitchenSinkProfileKeys::Health && event->new_int == 50)
        ++*static_cast<int *>(user_data);
}

void BatchesAndEvents(const KitchenSinkProfile &sink)
{
    OK(mst_profile_begin_batch(sink.Handle()));
    CHECK(sink.Rating().Require(1) == MST_ERR_PRECONDITION_FAILED);
    OK(sink.Rating().Require(1000));
    OK(sink.Experience().Add(1));
    OK(mst_profile_cancel_batch(sink.Handle()));
    CHECK(sink.Experience().Get() == 5000000000);
    OK(mst_profile_dispatch(sink.Handle(), nullptr));
    int calls = 0;
    MstSubscription *subscription = nullptr;
    OK(sink.Health().Subscribe(CountCalls, &calls, &subscription));
    OK(sink.Health().Set(50));
    OK(sink.Rating().Set(50));
    OK(mst_profile_dispatch(sink.Handle(), nullptr));
    CHECK(calls == 1);
    OK(mst_subscription_free(subscription));
}

// The kitchen sink's schema with another property in front, and with a part of its text replaced.
MstProfile *Other(const char *from, const char *to)
{
    std::string json = KitchenSinkProfile::SchemaJson();
    json.insert(json.find('[', json.find("\"properties\"")) + 1, "{\"name\":\"extra\",\"type\":\"bool\"},");
    CHECK(json.find(from) != std::string::npos);
    json.replace(json.find(from), std::string(from).size(), to);
    MstSchema *schema = nullptr;
    MstProfile *profile = nullptr;
    OK(mst_schema_from_json(json.data(), static_cast<uint32_t>(json.size()), &schema));
    OK(mst_profile_create(schema, &profile));
    OK(mst_schema_free(schema));
    return profile;
}

void OtherSchemas()
{
    KitchenSinkProfile sink;
    CHECK(sink.Handle() == nullptr && sink.Health().Add(1) == MST_ERR_INVALID_HANDLE && sink.Health().Get() == 0);
    MstProfile *profile = Other("\"min\":0,\"max\":100", "\"min\":0,\"max\":200");
    OK(sink.Bind(profile));
    OK(sink.Health().Add(70));
    CHECK(sink.Mismatch() == nullptr && sink.Health().Get() == 170 && sink.Party().Get(0) == "ann");
    OK(mst_profile_free(profile));
    CHECK(sink.Bind(profile) == MST_ERR_INVALID_HANDLE && sink.Handle() == nullptr);
    profile = Other("\"name\":\"health\",\"type\":\"i32\"", "\"name\":\"health\",\"type\":\"i64\"");
    CHECK(sink.Bind(profile) == MST_ERR_SCHEMA_MISMATCH && std::string(sink.Mismatch()) == "health");
    OK(mst_profile_free(profile));
    profile = Other("\"name\":\"rating\"", "\"name\":\"score\"");
    CHECK(sink.Bind(profile) == MST_ERR_SCHEMA_MISMATCH && std::string(sink.Mismatch()) == "rating");
    OK(mst_profile_free(profile));
    profile = Other("\"list<string>\",\"default\":[\"sword\",\"rope\"]", "\"list<i32>\"");
    CHECK(sink.Bind(profile) == MST_ERR_SCHEMA_MISMATCH && std::string(sink.Mismatch()) == "types.list");
    OK(mst_profile_free(profile));
}

} // namespace

int main()
{
    MstSchema *schema = nullptr;
    MstProfile *profile = nullptr;
    uint64_t fingerprint = 0;
    uint32_t index = 0;
    OK(KitchenSinkProfile::CreateSchema(&schema));
    OK(mst_schema_fingerprint(schema, &fingerprint));
    CHECK(fingerprint == KitchenSinkProfile::SchemaFingerprint());
    OK(mst_profile_create(schema, &profile));
    KitchenSinkProfile sink;
    OK(sink.Bind(profile));
    OK(mst_schema_find_key(schema, profiles::KitchenSinkProfileKeys::TypesDictI64, &index));
    CHECK(index == sink.TypesDictI64().Index());
    CHECK(std::string(profiles::KitchenSinkProfileNames::BanReason) == "banReason");
    OK(mst_schema_free(schema));
    Defaults(sink);
    Scalars(sink);
    Numbers(sink);
    Lists(sink);
    Dictionaries(sink);
    NamedRecords(sink);
    BatchesAndEvents(sink);
    OK(mst_profile_free(profile));
    OtherSchemas();
    std::printf("all is well\n");
    return 0;
}

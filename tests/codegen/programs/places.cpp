// Uses what is generated for records, lists and dictionaries of anything, and types of the game's own.

#include <clocale>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "nested.hpp"

using namespace mst::typed;
using namespace profiles::NestedProfileRecords;
using profiles::NestedProfile;

#define CHECK(condition)                                                         \
    do {                                                                         \
        if (!(condition)) {                                                      \
            std::printf("line %d: %s is not so\n", __LINE__, #condition);        \
            std::exit(1);                                                        \
        }                                                                        \
    } while (0)
#define OK(call)                                                                 \
    do {                                                                         \
        const MstResult result_ = (call);                                        \
        if (result_ != MST_OK) {                                                 \
            char text_[1024];                                                    \
            uint32_t length_ = 0;                                                \
            mst_last_error(text_, sizeof text_, &length_);                       \
            std::printf("line %d: %d: %.*s\n", __LINE__, result_, static_cast<int>(length_), text_); \
            std::exit(1);                                                        \
        }                                                                        \
    } while (0)

namespace {

QuestsItem Quest(const char *id)
{
    QuestsItem quest;
    quest.id = id;
    return quest;
}

QuestsStepsItem Step(const char *name)
{
    QuestsStepsItem step;
    step.name = name;
    return step;
}

// The README's snippet.
void Slay(const NestedProfile &ann)
{
    QuestsItem dragon;
    dragon.id = "dragon";
    ann.Quests().Push(dragon);
    ann.Quests().At(0).Progress().Add(1);
    ann.Loadouts().At("main").Power().Set(5);
    std::printf("%d steps\n", static_cast<int>(ann.Quests().Get(0).steps.size()));
}

void RecordsInLists(const NestedProfile &mine)
{
    auto quests = mine.Quests();
    QuestsItem wolves = Quest("wolves");
    wolves.progress = 2;
    wolves.steps.push_back(Step("track"));
    wolves.steps.push_back(Step("hunt"));
    wolves.rewards["gold"] = 50;
    OK(quests.Push(Quest("dragon")));
    OK(quests.Insert(0, wolves));
    OK(quests.At(1).Progress().Add(7));
    OK(quests[1].Progress().AddClamped(70, 0, 10));
    CHECK(quests.At(1).Progress().AddGuarded(1, 0, 10) == MST_ERR_GUARD_FAILED);
    CHECK(quests.At(1).Progress().SubtractGuarded(11, 0) == MST_ERR_GUARD_FAILED);
    OK(quests.At(1).Progress().SubtractGuarded(1, 0));
    OK(quests.At(0).Steps().At(1).Done().Set(true));
    OK(quests.At(0).Steps().Push(Step("skin")));
    OK(quests.At(0).Steps().Move(2, 0));
    OK(quests.At(0).Rewards().At("gold").Add(5));
    OK(quests.At(0).Rewards().At("fur").Add(1));
    OK(quests.At(0).Rewards().Put("tooth \"\\\n\t\001\303\274", 3));
    OK(quests.At(0).Id().Set("the wolves"));
    CHECK(quests.Count() == 2 && quests.ConfirmedCount() == 0 && quests.IsPending());
    CHECK(quests.At(1).Progress().Get() == 9 && quests.At(2).Progress().Get() == 0);
    int32_t progress = 0;
    CHECK(quests.At(2).Progress().Get(progress) == MST_ERR_NO_SUCH_PLACE);
    CHECK(quests.At(1).Progress().GetConfirmed(progress) == MST_ERR_NO_SUCH_PLACE);
    CHECK(quests.At(2).Progress().Add(1) == MST_ERR_INDEX_OUT_OF_RANGE);
    const QuestsItem first = quests.Get(0);
    CHECK(first.id == "the wolves" && first.progress == 2 && first.steps.size() == 3);
    CHECK(first.steps[0].name == "skin" && first.steps[2].name == "hunt" && first.steps[2].done && !first.steps[1].done);
    CHECK(first.rewards.size() == 3 && first.rewards.at("gold") == 55 && first.rewards.at("tooth \"\\\n\t\001\303\274") == 3);
    std::string all;
    for (const QuestsItem &quest : quests)
        all += quest.id + " ";
    CHECK(all == "the wolves dragon ");
    all.clear();
    for (const auto &reward : quests.At(0).Rewards())
        all += reward.key + "=" + std::to_string(reward.value) + " ";
    CHECK(all == "fur=1 gold=55 tooth \"\\\n\t\001\303\274=3 ");
    // Whole again, with what differs.
    OK(quests.Set(0, wolves));
    CHECK(quests.Get()[0].id == "wolves" && quests.Get()[0].steps.size() == 2);
    OK(quests.At(1).Set(Quest("dragons")));
    OK(quests.Remove(0));
    std::vector<QuestsItem> three;
    three.push_back(Quest("a"));
    three.push_back(wolves);
    three.push_back(Quest("b"));
    OK(quests.Set(three));
    OK(quests.Move(0, 2));
    CHECK(quests.Get(0).id == "wolves" && quests.Get(2).id == "a" && quests.Count() == 3);
    OK(quests.Push(Quest("c")));
    OK(quests.Push(Quest("d")));
    CHECK(quests.Push(Quest("e")) == MST_ERR_TOO_MANY && quests.Push(Quest("\377")) == MST_ERR_INVALID_UTF8);
    OK(quests.Clear());
    CHECK(quests.Count() == 0 && quests.Get().empty());
    for (const QuestsItem &quest : quests)
        CHECK(quest.id.empty() && false);
}

void RecordsInDictionaries(const NestedProfile &mine)
{
    auto loadouts = mine.Loadouts();
    LoadoutsEntry entry;
    entry.power = 3;
    entry.weight = 1.5;
    entry.slots.push_back("axe");
    entry.build = Bytes{1, 2, 3};
    CHECK(loadouts.At("main").Power().Set(5) == MST_ERR_NO_SUCH_KEY);
    OK(loadouts.Put("main", entry));
    OK(loadouts.At("second").Set(LoadoutsEntry()));
    OK(loadouts.At("main").Power().Set(5));
    OK(loadouts.At("main").Weight().Add(0.25));
    OK(loadouts.At("main").Slots().Push("bow"));
    OK(loadouts.At("main").Slots().At(0).Set("sword"));
    CHECK(loadouts.At("main").Build().Get() == (Bytes{1, 2, 3}));
    OK(loadouts.At("main").Build().Set(Bytes{9}));
    // A way that is longer than most, with a key that has to be escaped.
    const std::string lengthy(300, '"');
    OK(loadouts.Put(lengthy, entry));
    OK(loadouts.At(lengthy).Slots().Push("long"));
    CHECK(loadouts.At(lengthy).Slots().Get() == (std::vector<std::string>{"axe", "long"}) && loadouts.Contains(lengthy));
    CHECK(loadouts.Keys() == (std::vector<std::string>{lengthy, "main", "second"}));
    OK(loadouts.Remove(lengthy));
    const auto all = loadouts.Get();
    CHECK(all.size() == 2 && all.at("main").power == 5 && all.at("main").weight == 1.75 && all.at("main").build == Bytes{9});
    CHECK(all.at("main").slots == (std::vector<std::string>{"sword", "bow"}) && all.at("second").slots.empty());
    CHECK(loadouts.Contains("second") && !loadouts.Contains("third") && loadouts.Count() == 2);
    CHECK(loadouts.ConfirmedCount() == 0 && loadouts.Get("third").power == 0);
    LoadoutsEntry found;
    CHECK(loadouts.Get("third", found) == MST_ERR_NO_SUCH_PLACE);
    std::map<std::string, LoadoutsEntry> whole;
    whole["x"] = entry;
    OK(loadouts.Set(whole));
    CHECK(loadouts.begin()->key == "x" && loadouts.begin()->value.power == 3 && loadouts.Count() == 1);
    OK(loadouts.Clear());
    CHECK(loadouts.Count() == 0);
}

void Nested(const NestedProfile &mine)
{
    Home home;
    home.name = "hut";
    home.place = Vector3(1, 2, 3);
    home.rooms[-7].size = 2.5f;
    home.rooms[-7].doors = std::vector<std::vector<int32_t>>{{1, 2}, {}};
    home.rooms[10];
    home.rooms[9];
    OK(mine.Home().Set(home));
    OK(mine.Home().Rooms().At(-7).Size().Add(0.5f));
    OK(mine.Home().Rooms().At(-7).Doors().At(1).Push(5));
    OK(mine.Home().Rooms().At(-7).Doors().At(0).At(1).Add(40));
    OK(mine.Home().Rooms().At(-7).Doors().Push(std::vector<int32_t>{6}));
    CHECK(mine.Home().Rooms().Keys() == (std::vector<int32_t>{-7, 9, 10}));
    OK(mine.Home().Name().Set("house"));
    CHECK(mine.Home().Name().Get() == "house" && mine.Home().Name().GetConfirmed().empty());
    home = mine.Home().Get();
    CHECK(home.name == "house" && home.place == Vector3(1, 2, 3) && home.rooms.at(-7).size == 3);
    CHECK(home.rooms.at(-7).doors == (std::vector<std::vector<int32_t>>{{1, 42}, {5}, {6}}));
    OK(mine.Grid().Push(std::vector<float>{1.f}));
    OK(mine.Grid().At(0).Push(2.f));
    OK(mine.Grid().At(0).Insert(0, 0.f));
    OK(mine.Grid().At(0).At(2).Add(0.5f));
    OK(mine.Grid().At(0).Remove(1));
    CHECK(mine.Grid().Get() == (std::vector<std::vector<float>>{{0.f, 2.5f}}));
    const int64_t least = std::numeric_limits<int64_t>::min();
    OK(mine.Index().Put(least, std::map<std::string, std::vector<int32_t>>()));
    OK(mine.Index().At(least).Put("a", std::vector<int32_t>{1, 2}));
    OK(mine.Index().At(least).At("a").At(1).Set(7));
    OK(mine.Index().At(least).At("b").Set(std::vector<int32_t>{3}));
    const auto index = mine.Index().Get();
    CHECK(index.at(least).at("a") == (std::vector<int32_t>{1, 7}) && index.at(least).at("b") == std::vector<int32_t>{3});
}

void Custom(const NestedProfile &mine)
{
    OK(mine.Seed().Set(Bytes{1, 255}));
    CHECK(mine.Seed().Get() == (Bytes{1, 255}) && mine.Seed().GetConfirmed().empty());
    OK(mine.Seeds().Push(Bytes{7}));
    OK(mine.Seeds().At(0).Set(Bytes{8}));
    OK(mine.Seeds().Push(Bytes()));
    CHECK(mine.Seeds().Get() == (std::vector<Bytes>{{8}, {}}));
}

template <typename T> bool SameBits(T a, T b) { return std::memcmp(&a, &b, sizeof a) == 0; }

template <typename T> T OfBits(uint64_t bits)
{
    T number;
    std::memcpy(&number, reinterpret_cast<const char *>(&bits), sizeof number);
    return number;
}

void EveryScalar(const NestedProfile &mine)
{
    const uint8_t bytes[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 254, 255};
    const float f32s[] = {0.f, -0.f, 0.1f, -1.f / 3, std::numeric_limits<float>::max(), std::numeric_limits<float>::min(),
        std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity(), OfBits<float>(0x7fc00000), OfBits<float>(0xffc00001)};
    const double f64s[] = {0., -0., 0.1, -1. / 3, std::numeric_limits<double>::max(), std::numeric_limits<double>::min(),
        std::numeric_limits<double>::denorm_min(), std::numeric_limits<double>::infinity(),
        -std::numeric_limits<double>::infinity(), OfBits<double>(0x7ff8000000000000), OfBits<double>(0xfff8000000000007)};
    const int64_t moments[] = {0, -1, 1, -62135596800000000, 253402300799999999, 951782400000000, 951868799999999,
        4107542400000000, 68169600000000};
    All fresh = mine.All().Get();
    CHECK(fresh.quaternion == Quaternion() && fresh.color == Color() && !fresh.bool_ && fresh.string.empty());
    for (int i = 0; i < 11; ++i) {
        All all;
        all.bool_ = true;
        all.i32 = i % 2 == 0 ? std::numeric_limits<int32_t>::min() : std::numeric_limits<int32_t>::max();
        all.i64 = i % 2 == 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
        all.f32 = f32s[i];
        all.f64 = f64s[i];
        all.string = std::string("Gr\303\266\303\237e \"\\/\b\f\n\r\t\001\177 \360\237\230\200") + std::string(i * 40, 'x');
        all.bytes = Bytes(bytes, bytes + i);
        all.vector2 = Vector2(f32s[i], 1);
        all.vector3 = Vector3(1, f32s[i], 2);
        all.quaternion = Quaternion(1, 2, 3, f32s[i]);
        all.color = Color(0, 128, 255, static_cast<uint8_t>(i));
        all.datetime = DateTime(moments[i % 9]);
        all.uuid = Uuid(bytes);
        all.custom = Bytes(bytes + i, bytes + 16);
        OK(mine.All().Set(all));
        const All back = mine.All().Get();
        CHECK(back.bool_ && back.i32 == all.i32 && back.i64 == all.i64 && back.string == all.string && back.bytes == all.bytes);
        CHECK(SameBits(back.f32, all.f32) && SameBits(back.f64, all.f64));
        CHECK(SameBits(back.vector2.x, all.vector2.x) && SameBits(back.vector3.y, all.vector3.y));
        CHECK(SameBits(back.quaternion.w, all.quaternion.w) && back.quaternion.z == 3 && back.vector3.z == 2);
        CHECK(back.color == all.color && back.datetime == all.datetime && back.uuid == all.uuid && back.custom == all.custom);
    }
    All wrong;
    wrong.datetime = DateTime(std::numeric_limits<int64_t>::max());
    CHECK(mine.All().Set(wrong) == MST_ERR_INVALID_JSON);
    wrong = All();
    wrong.string = std::string("a\0b", 3);
    CHECK(mine.All().Set(wrong) != MST_OK);
    OK(mine.All().Uuid().Set(Uuid()));
    OK(mine.All().Bool().Set(false));
    CHECK(mine.All().Uuid().Get() == Uuid() && !mine.All().Bool().Get());
}

void OddNames(const NestedProfile &mine)
{
    OK(mine.Odd().Get_().Add(1));
    OK(mine.Odd().Class().Set("c"));
    OK(mine.Odd().Self().Add(2));
    OK(mine.Odd().New().Value_().Add(3));
    OK(mine.Odd().New().OddNew_().Add(0.5f));
    OddDeleteItem item;
    item.int_ = 4;
    OK(mine.Odd().Delete().Push(item));
    const Odd odd = mine.Odd().Get();
    CHECK(odd.get == 1 && odd.class_ == "c" && odd.new_.value == 3 && odd.delete_[0].int_ == 4);
}

void OtherSchemas()
{
    for (int i = 0; i < 2; ++i) {
        std::string json = NestedProfile::SchemaJson();
        json.insert(json.find('[', json.find("\"properties\"")) + 1, "{\"name\":\"extra\",\"type\":\"bool\"},");
        if (i == 1)
            json.replace(json.find("power:i32"), 9, "power:i64");
        MstSchema *schema = nullptr;
        MstProfile *profile = nullptr;
        OK(mst_schema_from_json(json.data(), static_cast<uint32_t>(json.size()), &schema));
        OK(mst_profile_create(schema, &profile));
        OK(mst_schema_free(schema));
        NestedProfile mine;
        if (i == 0) {
            OK(mine.Bind(profile));
            OK(mine.Quests().Push(Quest("a")));
            CHECK(mine.Quests().At(0).Id().Get() == "a");
        } else {
            CHECK(mine.Bind(profile) == MST_ERR_SCHEMA_MISMATCH && std::string(mine.Mismatch()) == "loadouts");
        }
        OK(mst_profile_free(profile));
    }
    NestedProfile unbound;
    CHECK(unbound.Quests().At(0).Progress().Add(1) == MST_ERR_INVALID_HANDLE && unbound.Quests().Get().empty());
    CHECK(unbound.Quests().Push(Quest("a")) == MST_ERR_INVALID_HANDLE && unbound.Loadouts().Keys().empty());
}

uint8_t IsBuild(const uint8_t *, uint32_t length, void *) { return length != 1; }

// JSON that is no base64, with all that could be taken for something else.
uint8_t BuildToJson(const uint8_t *, uint32_t, uint8_t *buffer, uint32_t capacity, uint32_t *out_length, void *)
{
    const std::string json = "{\"a\":[{\"b\":\"}\\\"]\"}],\"c\":{}}";
    *out_length = static_cast<uint32_t>(json.size());
    if (json.size() <= capacity)
        std::memcpy(buffer, json.data(), json.size());
    return 1;
}

uint8_t BuildFromJson(const uint8_t *, uint32_t, uint8_t *, uint32_t, uint32_t *out_length, void *)
{
    *out_length = 0;
    return 1;
}

void CustomWithACodec()
{
    OK(mst_codec_register("build", 5, IsBuild, BuildToJson, BuildFromJson, nullptr));
    MstSchema *schema = nullptr;
    MstProfile *profile = nullptr;
    OK(NestedProfile::CreateSchema(&schema));
    OK(mst_profile_create(schema, &profile));
    OK(mst_schema_free(schema));
    NestedProfile mine;
    OK(mine.Bind(profile));
    LoadoutsEntry entry;
    entry.build = Bytes{1, 2, 3};
    OK(mine.Loadouts().Put("main", entry));
    OK(mine.Loadouts().Put("second", LoadoutsEntry()));
    CHECK(mine.Loadouts().Keys() == (std::vector<std::string>{"main", "second"}));
    CHECK(mine.Loadouts().Get().at("main").build == (Bytes{1, 2, 3}) && mine.Loadouts().Get("second").build.empty());
    CHECK(mine.Loadouts().At("main").Build().Set(Bytes{1}) == MST_ERR_INVALID_CUSTOM);
    entry.build = Bytes{1};
    CHECK(mine.Loadouts().Put("main", entry) != MST_OK);
    OK(mst_profile_free(profile));
}

} // namespace

int main()
{
    // Where there is one that writes numbers in another way.
    std::setlocale(LC_ALL, "de_DE.UTF-8");
    MstSchema *schema = nullptr;
    MstProfile *profile = nullptr;
    OK(NestedProfile::CreateSchema(&schema));
    OK(mst_profile_create(schema, &profile));
    OK(mst_schema_free(schema));
    NestedProfile mine;
    OK(mine.Bind(profile));
    OK(mine.Loadouts().Put("main", LoadoutsEntry()));
    Slay(mine);
    CHECK(mine.Quests().At(0).Progress().Get() == 1 && mine.Loadouts().At("main").Power().Get() == 5);
    OK(mine.Quests().Clear());
    OK(mine.Loadouts().Clear());
    RecordsInLists(mine);
    RecordsInDictionaries(mine);
    Nested(mine);
    Custom(mine);
    EveryScalar(mine);
    OddNames(mine);
    OK(mst_profile_free(profile));
    OtherSchemas();
    CustomWithACodec();
    std::printf("all is well\n");
    return 0;
}

// One side of a match: `match client|server <address> <fingerprint> <user>`.
//
// The client gives itself a title, spends coins that the game server spends before it and is refused, writes its list of
// quests and watches its gold rise; the game server waits for the title, awards gold and sets the rest. Both write within
// the tasks, which are records. Each prints what it is told, one event a line, and at the end the profile as it sees it, and
// the quests as the events alone told them.
//
// It uses the plain C header, to show what wrappers of one's own take: handles that free themselves, results that become
// exceptions, and callbacks that no exception leaves. It is C++11.

#include <chrono>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mst_profiles.h"

namespace {

// ---- results ----

/// A call of the library that failed.
class Error : public std::runtime_error {
public:
    Error(MstResult result, const std::string &text)
        : std::runtime_error(std::string(mst_result_name(result)) + ": " + text), result_(result) {}

    MstResult result() const { return result_; }

private:
    MstResult result_;
};

void ok(MstResult result);

/// Asks with a small buffer, and again with a larger one if that was too small.
std::string text_of(const std::function<MstResult(char *, uint32_t, uint32_t *)> &get) {
    std::string text(16, '\0');
    uint32_t length = 0;
    MstResult result = get(&text[0], static_cast<uint32_t>(text.size()), &length);
    if (result == MST_ERR_BUFFER_TOO_SMALL) {
        text.resize(length);
        result = get(&text[0], length, &length);
    }
    ok(result);
    text.resize(length);
    return text;
}

void ok(MstResult result) {
    if (result != MST_OK) {
        throw Error(result, text_of(mst_last_error));
    }
}

void check(bool condition, const std::string &what) {
    if (!condition) {
        throw std::logic_error("it does not hold that " + what);
    }
}

/// The call fails with this, and the error names the word.
template <typename Call> void fails(MstResult expected, const std::string &word, Call call) {
    try {
        call();
    } catch (const Error &error) {
        check(error.result() == expected, std::string(mst_result_name(expected)) + " comes, not " + error.what());
        check(std::string(error.what()).find(word) != std::string::npos, std::string(error.what()) + " names " + word);
        return;
    }
    throw std::logic_error("a call does not fail");
}

uint32_t size_of(const std::string &text) { return static_cast<uint32_t>(text.size()); }

// ---- handles ----

/// A handle that frees itself.
template <typename T, MstResult (*Free)(T *)> class Handle {
public:
    Handle() = default;
    explicit Handle(T *handle) : handle_(handle) {}
    Handle(Handle &&other) noexcept : handle_(other.release()) {}
    Handle &operator=(Handle &&other) noexcept {
        reset(other.release());
        return *this;
    }
    Handle(const Handle &) = delete;
    Handle &operator=(const Handle &) = delete;
    ~Handle() { reset(nullptr); }

    T *get() const { return handle_; }
    T *release() {
        T *handle = handle_;
        handle_ = nullptr;
        return handle;
    }
    void reset(T *handle) {
        // What ended with its owner is stale, which does no harm.
        Free(handle_);
        handle_ = handle;
    }

private:
    T *handle_ = nullptr;
};

using Schema = Handle<MstSchema, mst_schema_free>;
using Builder = Handle<MstSchemaBuilder, mst_schema_builder_free>;
using Profile = Handle<MstProfile, mst_profile_free>;
using Endpoint = Handle<MstEndpoint, mst_endpoint_free>;

/// A subscription, and the function that it is called with. It stays where it is, as the library knows its address.
class Subscription {
public:
    using Function = std::function<void(const MstEvent &)>;

    Subscription(MstEndpoint *endpoint, Function function) : function_(std::move(function)) {
        MstSubscription *made = nullptr;
        ok(mst_endpoint_subscribe(endpoint, call, this, &made));
        handle_.reset(made);
    }
    Subscription(MstProfile *profile, uint32_t property, Function function) : function_(std::move(function)) {
        MstSubscription *made = nullptr;
        ok(mst_profile_subscribe(profile, property, call, this, &made));
        handle_.reset(made);
    }
    Subscription(const Subscription &) = delete;
    Subscription &operator=(const Subscription &) = delete;

    /// Throws what its function threw.
    void rethrow() {
        const std::exception_ptr thrown = thrown_;
        thrown_ = nullptr;
        if (thrown) {
            std::rethrow_exception(thrown);
        }
    }

private:
    static void call(const MstEvent *event, void *user_data) {
        Subscription *self = static_cast<Subscription *>(user_data);
        try {
            self->function_(*event);
        } catch (...) {
            // No exception may leave a callback.
            self->thrown_ = std::current_exception();
        }
    }

    Function function_;
    std::exception_ptr thrown_;
    Handle<MstSubscription, mst_subscription_free> handle_;
};

// ---- values ----

/// A value of any type without parts, with a text of its own.
class Value {
public:
    static Value of_int(MstValueType type, int64_t number) {
        Value value(type);
        value.plain_.int_value = number;
        return value;
    }
    static Value of_float(MstValueType type, double number) {
        Value value(type);
        value.plain_.float_value = number;
        return value;
    }
    static Value of_components(MstValueType type, float x, float y, float z = 0, float w = 0) {
        Value value(type);
        value.plain_.x = x;
        value.plain_.y = y;
        value.plain_.z = z;
        value.plain_.w = w;
        return value;
    }
    static Value of_uuid(uint8_t first) {
        Value value(MST_TYPE_UUID);
        for (uint8_t i = 0; i < 16; i++) {
            value.plain_.uuid[i] = static_cast<uint8_t>(first + i);
        }
        return value;
    }
    static Value of_text(const std::string &text, MstValueType type = MST_TYPE_STRING) {
        Value value(type);
        value.text_ = text;
        return value;
    }

    /// The one that a function of the library gives.
    static Value given_by(const std::function<MstResult(MstValue *, void *, uint32_t, uint32_t *)> &get) {
        Value value(MST_TYPE_NONE);
        value.text_ = text_of([&](char *buffer, uint32_t capacity, uint32_t *length) {
            return get(&value.plain_, buffer, capacity, length);
        });
        value.plain_.text = nullptr;
        return value;
    }

    /// As the library takes it; good as long as this value is.
    MstValue plain() const {
        MstValue plain = plain_;
        plain.text = text_.data();
        plain.text_len = size_of(text_);
        return plain;
    }

    MstValueType type() const { return static_cast<MstValueType>(plain_.value_type); }
    int64_t number() const { return plain_.int_value; }
    double floating() const { return plain_.float_value; }
    const std::string &text() const { return text_; }

    std::string shown() const {
        std::ostringstream out;
        const MstValue &v = plain_;
        switch (type()) {
        case MST_TYPE_F32:
        case MST_TYPE_F64:
            out << v.float_value;
            break;
        case MST_TYPE_RECORD:
            out << "record";
            break;
        case MST_TYPE_STRING:
            out << text_;
            break;
        case MST_TYPE_BYTES:
            hex(out, reinterpret_cast<const uint8_t *>(text_.data()), text_.size());
            break;
        case MST_TYPE_VECTOR2:
            out << '(' << v.x << ',' << v.y << ')';
            break;
        case MST_TYPE_VECTOR3:
            out << '(' << v.x << ',' << v.y << ',' << v.z << ')';
            break;
        case MST_TYPE_QUATERNION:
            out << '(' << v.x << ',' << v.y << ',' << v.z << ',' << v.w << ')';
            break;
        case MST_TYPE_UUID:
            hex(out, v.uuid, sizeof v.uuid);
            break;
        default:
            out << v.int_value;
        }
        return out.str();
    }

private:
    explicit Value(MstValueType type) : plain_() { plain_.value_type = type; }

    static void hex(std::ostream &out, const uint8_t *bytes, std::size_t count) {
        static const char digits[] = "0123456789abcdef";
        for (std::size_t i = 0; i < count; i++) {
            out << digits[bytes[i] >> 4] << digits[bytes[i] & 15];
        }
    }

    MstValue plain_;
    std::string text_;
};

MstKey key_of(const std::string &text) {
    MstKey key = MstKey();
    key.key_type = MST_KEY_STRING;
    key.text = text.data();
    key.text_len = size_of(text);
    return key;
}

MstKey key_of(int32_t number) {
    MstKey key = MstKey();
    key.key_type = MST_KEY_I32;
    key.int_value = number;
    return key;
}

// ---- the schema: the same in every program of the match ----

struct Declared {
    std::string name;
    Value value;
};

/// What becomes of the properties of every type.
const std::vector<Declared> &every_type(bool changed) {
    static const std::vector<Declared> first = {
        {"speed", Value::of_float(MST_TYPE_F32, 1.5)},
        {"icon", Value::of_text("", MST_TYPE_BYTES)},
        {"place", Value::of_components(MST_TYPE_VECTOR2, 0, 0)},
        {"position", Value::of_components(MST_TYPE_VECTOR3, 0, 0)},
        {"facing", Value::of_components(MST_TYPE_QUATERNION, 0, 0, 0, 1)},
        {"tint", Value::of_int(MST_TYPE_COLOR, 0x000000ff)},
        {"since", Value::of_int(MST_TYPE_DATETIME, 0)},
        {"id", Value::of_int(MST_TYPE_UUID, 0)},
    };
    static const std::vector<Declared> then = {
        {"speed", Value::of_float(MST_TYPE_F32, 2.25)},
        {"icon", Value::of_text(std::string("\x01\x00\xff", 3), MST_TYPE_BYTES)},
        {"place", Value::of_components(MST_TYPE_VECTOR2, 1, -2)},
        {"position", Value::of_components(MST_TYPE_VECTOR3, 1, 2.5f, -3)},
        {"facing", Value::of_components(MST_TYPE_QUATERNION, 0.5f, 0.5f, 0.5f, 0.5f)},
        {"tint", Value::of_int(MST_TYPE_COLOR, 0xff800040)},
        {"since", Value::of_int(MST_TYPE_DATETIME, INT64_C(1767323045250000))},
        {"id", Value::of_uuid(1)},
    };
    return changed ? then : first;
}

Schema make_schema() {
    MstSchemaBuilder *created = nullptr;
    ok(mst_schema_builder_create(&created));
    const Builder builder(created);
    const auto options = [](MstWriters writers, MstVisibility visibility) {
        MstPropertyOptions made;
        ok(mst_property_options_init(&made));
        made.writers = writers;
        made.visibility = visibility;
        return made;
    };
    const auto add = [&](const std::string &name, const Value &value, const MstPropertyOptions &said) {
        const MstValue plain = value.plain();
        ok(mst_schema_builder_add_value(builder.get(), name.data(), size_of(name), &plain, &said));
    };
    const MstPropertyOptions plain = options(MST_WRITERS_SERVERS, MST_VISIBILITY_OWNER);
    const MstPropertyOptions owned = options(MST_WRITERS_OWNER, MST_VISIBILITY_OWNER);
    MstPropertyOptions percent = plain;
    percent.limits.has_min = percent.limits.has_max = 1;
    percent.limits.max_int = 100;
    add("level", Value::of_int(MST_TYPE_I32, 1), options(MST_WRITERS_SERVERS, MST_VISIBILITY_PUBLIC));
    add("gold", Value::of_int(MST_TYPE_I64, 10), plain);
    add("rating", Value::of_float(MST_TYPE_F64, 0.5), plain);
    add("title", Value::of_text("Novice"), options(MST_WRITERS_OWNER, MST_VISIBILITY_PUBLIC));
    add("vip", Value::of_int(MST_TYPE_BOOL, 0), plain);
    add("secret", Value::of_int(MST_TYPE_I32, 0), options(MST_WRITERS_SERVERS, MST_VISIBILITY_SERVERS));
    add("motd", Value::of_text(""), options(MST_WRITERS_MASTER, MST_VISIBILITY_OWNER));
    add("hp", Value::of_int(MST_TYPE_I32, 50), percent);
    add("coins", Value::of_int(MST_TYPE_I64, 100), owned);
    for (const Declared &declared : every_type(false)) {
        add(declared.name, declared.value, plain);
    }
    ok(mst_schema_builder_add_list(builder.get(), "quests", 6, MST_TYPE_STRING, &owned));
    ok(mst_schema_builder_add_dict(builder.get(), "stats", 5, MST_KEY_STRING, MST_TYPE_I64, nullptr));
    ok(mst_schema_builder_add_dict(builder.get(), "slots", 5, MST_KEY_I32, MST_TYPE_STRING, nullptr));
    const std::string tasks = "list<record{id:string,progress:i32,steps:list<string>}>";
    ok(mst_schema_builder_add_type(builder.get(), "tasks", 5, tasks.data(), size_of(tasks), nullptr, 0, &owned));
    MstSchema *built = nullptr;
    ok(mst_schema_builder_build(builder.get(), &built));
    return Schema(built);
}

// ---- the match ----

class Match {
public:
    Match(const std::string &role, const std::string &address, const std::string &fingerprint, const std::string &user)
        : is_client_(role == "client"), schema_(make_schema()) {
        const std::string token = (is_client_ ? "dev:" : "dev-server:arena-of-") + user;
        MstConnectOptions options;
        ok(mst_connect_options_init(&options));
        options.address = address.data();
        options.address_len = size_of(address);
        options.fingerprint = fingerprint.data();
        options.fingerprint_len = size_of(fingerprint);
        options.token = token.data();
        options.token_len = size_of(token);
        options.schema = schema_.get();
        MstEndpoint *endpoint = nullptr;
        ok((is_client_ ? mst_client_connect : mst_server_connect)(&options, &endpoint));
        endpoint_.reset(endpoint);
        ok(mst_endpoint_set_flush_interval(endpoint, 10));
        MstProfile *profile = nullptr;
        ok(mst_endpoint_fill_profile(endpoint, user.data(), size_of(user), &profile));
        profile_.reset(profile);
        subscribe(new Subscription(endpoint, [this](const MstEvent &event) { take(event); }));
        subscribe(new Subscription(profile, property("gold"), [this](const MstEvent &event) {
            gold_calls_ += event.cause == MST_CAUSE_REMOTE || event.cause == MST_CAUSE_LOCAL;
        }));
        subscribe(new Subscription(profile, std::numeric_limits<uint32_t>::max(), [this](const MstEvent &event) {
            check(event.profile == profile_.get(), "only this profile's events come");
            profile_calls_++;
        }));
    }

    void play() {
        fails(MST_ERR_NOT_LOADED, "", [&] { set("level", Value::of_int(MST_TYPE_I32, 99)); });
        wait_until("the profile is loaded", [&] { return is_loaded_; });
        if (is_client_) {
            play_client();
        } else {
            play_server();
        }
        check(quests() == quests_told_, "the events told the quests that there are");
        check(profile_calls_ > gold_calls_, "the profile has more events than one of its properties");
        std::cout << "quests";
        for (const std::string &quest : quests_told_) {
            std::cout << ' ' << quest;
        }
        std::cout << "\njson " << text_of([&](char *buffer, uint32_t capacity, uint32_t *length) {
            return mst_profile_to_json(profile_.get(), buffer, capacity, length);
        }) << std::endl;
        leave();
    }

private:
    void play_client() {
        fails(MST_ERR_NOT_PERMITTED, "gold", [&] { ok(mst_profile_add_int(profile_.get(), property("gold"), 1)); });
        set("title", Value::of_text("Champion of Z\xc3\xbc" "rich"));
        spend_in_vain();
        write_quests();
        wait_until_durable();
        step();
        wait_until("all that the server awards came", [&] {
            return get("gold").number() == 110 && get("level").number() == 42;
        });
        check(gold_calls_ > 0, "the gold was seen to rise");
        check(get("secret").number() == 0, "the secret stayed one");
        check(get("hp").number() == 100 && stat("kills").number() == 3, "the rest came too");
        fails(MST_ERR_NO_SUCH_KEY, "deaths", [&] { stat("deaths"); });
        for (const Declared &declared : every_type(true)) {
            check(get(declared.name).shown() == declared.value.shown(), declared.name + " came");
        }
    }

    /// Coins that the game server spends meanwhile: the whole batch is refused, and all of it taken back.
    void spend_in_vain() {
        MstProfile *profile = profile_.get();
        ok(mst_profile_begin_batch(profile));
        push("steal");
        ok(mst_profile_add_int_guarded(profile, property("coins"), -80, 0, INT64_MAX));
        check(get("coins").number() == 20 && confirmed("coins").number() == 100, "what is predicted is not confirmed");
        uint32_t count = 99;
        ok(mst_profile_list_confirmed_count(profile, property("quests"), &count));
        check(count == 0 && quests().size() == 1, "neither are items");
        // The title goes; what is in the batch does not.
        const uint64_t batch = flush();
        wait_until("the server spent the coins", [&] { return durable_ >= batch && confirmed("coins").number() == 20; });
        ok(mst_profile_commit_batch(profile));
        flush();
        wait_until("the batch is refused", [&] { return refusals_ == 1; });
        check(get("coins").number() == 20 && quests().empty(), "all of it is taken back");
        fails(MST_ERR_GUARD_FAILED, "coins", [&] {
            ok(mst_profile_add_int_guarded(profile, property("coins"), -21, 0, INT64_MAX));
        });
    }

    void write_quests() {
        MstProfile *profile = profile_.get();
        const uint32_t list = property("quests");
        const Value rest = Value::of_text("rest"), fight = Value::of_text("fight");
        const MstValue plain_rest = rest.plain(), plain_fight = fight.plain();
        push("flee");
        ok(mst_profile_clear(profile, list));
        push("find");
        push("flee");
        ok(mst_profile_list_insert(profile, list, 0, &plain_rest));
        ok(mst_profile_list_move(profile, list, 2, 0));
        ok(mst_profile_list_set(profile, list, 0, &plain_fight));
        ok(mst_profile_list_remove(profile, list, 2));
        fails(MST_ERR_INDEX_OUT_OF_RANGE, "quests", [&] { ok(mst_profile_list_remove(profile, list, 2)); });
        check(quests() == std::vector<std::string>{"fight", "rest"}, "the quests are in order");
    }

    /// Once the game server has counted, the client adds a step to the task.
    void step() {
        wait_until("the task came", [&] { return tasks() == 1 && task("[0].progress").number() == 3; });
        const std::string steps = "[0].steps";
        const Value search = Value::of_text("search");
        const MstValue plain = search.plain();
        ok(mst_profile_insert_at(profile_.get(), property("tasks"), steps.data(), size_of(steps), UINT32_MAX, &plain));
        check(task("[0].steps").number() == 1 && task("[0].steps[0]").text() == "search", "the step shows at once");
        fails(MST_ERR_NO_SUCH_PLACE, "[0].steps[1]", [&] { task("[0].steps[1]"); });
        wait_until_durable();
    }

    void give_a_task() {
        const std::string rats = "{\"id\":\"rats\"}", progress = "[0].progress";
        ok(mst_profile_insert_json_at(profile_.get(), property("tasks"), nullptr, 0, UINT32_MAX, rats.data(),
                                      size_of(rats)));
        wait_until_durable();
        ok(mst_profile_add_int_at(profile_.get(), property("tasks"), progress.data(), size_of(progress), 3));
        check(task(progress).number() == 3, "the progress shows at once");
        wait_until_durable();
    }

    void play_server() {
        MstProfile *profile = profile_.get();
        fails(MST_ERR_NOT_PERMITTED, "motd", [&] { set("motd", Value::of_text("hello")); });
        wait_until("the title came", [&] { return get("title").text() == "Champion of Z\xc3\xbc" "rich"; });
        ok(mst_profile_add_int_guarded(profile, property("coins"), -80, 0, INT64_MAX));
        // A batch that is taken back, and one that is not.
        ok(mst_profile_begin_batch(profile));
        set("level", Value::of_int(MST_TYPE_I32, 41));
        ok(mst_profile_cancel_batch(profile));
        check(get("level").number() == 1, "the level is as it was");
        ok(mst_profile_begin_batch(profile));
        set("level", Value::of_int(MST_TYPE_I32, 42));
        set("rating", Value::of_float(MST_TYPE_F64, 2.25));
        set("vip", Value::of_int(MST_TYPE_BOOL, 1));
        set("secret", Value::of_int(MST_TYPE_I32, 7));
        ok(mst_profile_commit_batch(profile));
        ok(mst_profile_add_int_clamped(profile, property("hp"), 80, 0, 100));
        fails(MST_ERR_OUT_OF_RANGE, "hp", [&] { ok(mst_profile_add_int(profile, property("hp"), 1)); });
        for (const Declared &declared : every_type(true)) {
            set(declared.name, declared.value);
        }
        write_dictionaries();
        wait_until_durable();
        give_a_task();
        for (int i = 1; i <= 50; i++) {
            ok(mst_profile_add_int(profile, property("gold"), 2));
            check(get("gold").number() == 10 + 2 * i, "the gold shows at once");
            if (i % 10 == 0) {
                wait_until_durable();
            } else {
                take_events(1);
            }
        }
        wait_until("the quests came", [&] { return quests() == std::vector<std::string>{"fight", "rest"}; });
        wait_until("the step came", [&] { return task("[0].steps").number() == 1; });
        check(gold_calls_ == 50, "each change of the gold was told");
    }

    void write_dictionaries() {
        MstProfile *profile = profile_.get();
        const uint32_t stats = property("stats"), slots = property("slots");
        const std::string kills = "kills", deaths = "deaths";
        const MstKey kills_key = key_of(kills), deaths_key = key_of(deaths);
        const MstValue number = Value::of_int(MST_TYPE_I64, 1).plain();
        ok(mst_profile_dict_put(profile, stats, &kills_key, &number));
        ok(mst_profile_dict_add_int(profile, stats, &kills_key, 2));
        ok(mst_profile_dict_add_int_clamped(profile, stats, &deaths_key, 5, 0, 3));
        check(stat("kills").number() == 3 && stat("deaths").number() == 3, "entries show at once");
        fails(MST_ERR_GUARD_FAILED, "stats", [&] {
            ok(mst_profile_dict_add_int_guarded(profile, stats, &kills_key, -4, 0, 99));
        });
        ok(mst_profile_dict_remove(profile, stats, &deaths_key));
        const std::map<int32_t, std::string> weapons = {{2, "bow"}, {1, "sword"}};
        for (auto weapon = weapons.rbegin(); weapon != weapons.rend(); ++weapon) {
            const MstKey key = key_of(weapon->first);
            const Value value = Value::of_text(weapon->second);
            const MstValue plain = value.plain();
            ok(mst_profile_dict_put(profile, slots, &key, &plain));
        }
        std::map<int32_t, std::string> found;
        MstKey key = MstKey();
        for (;;) {
            const Value value = Value::given_by([&](MstValue *out, void *buffer, uint32_t capacity, uint32_t *length) {
                return mst_profile_dict_next(profile, slots, &key, nullptr, 0, nullptr, out, buffer, capacity, length);
            });
            if (key.key_type == MST_KEY_NONE) {
                break;
            }
            found[static_cast<int32_t>(key.int_value)] = value.text();
        }
        check(found == weapons, "a dictionary can be gone through");
    }

    void leave() {
        MstProfile *profile = profile_.get();
        ok(mst_profile_release(profile));
        wait_until("the profile is released", [&] { return is_released_; });
        fails(MST_ERR_RELEASED, "", [&] { get("level"); });
        ok(mst_endpoint_close(endpoint_.get(), 15000));
        subscriptions_.clear();
        profile_.reset(nullptr);
        check(mst_profile_free(profile) == MST_ERR_INVALID_HANDLE, "a handle is freed once");
        endpoint_.reset(nullptr);
        schema_.reset(nullptr);
        ok(mst_shutdown(1000));
    }

    // ---- events ----

    void subscribe(Subscription *subscription) { subscriptions_.emplace_back(subscription); }

    void take_events(uint32_t timeout_ms) {
        ok(mst_endpoint_wait(endpoint_.get(), timeout_ms, nullptr));
        ok(mst_endpoint_dispatch(endpoint_.get(), 0, nullptr));
        for (const auto &subscription : subscriptions_) {
            subscription->rethrow();
        }
    }

    template <typename Condition> void wait_until(const std::string &what, Condition condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(15);
        while (!condition()) {
            check(std::chrono::steady_clock::now() < deadline, what);
            take_events(100);
        }
    }

    uint64_t flush() {
        uint64_t batch = 0;
        ok(mst_profile_flush(profile_.get(), &batch));
        check(batch > 0, "there was something to send");
        return batch;
    }

    void wait_until_durable() {
        const uint64_t batch = flush();
        wait_until("all changes are durable", [&] { return durable_ >= batch; });
        MstPending pending;
        ok(mst_profile_pending(profile_.get(), &pending));
        check(pending.unsent == 0 && pending.undurable == 0 && pending.last == batch, "nothing is pending");
    }

    void take(const MstEvent &event) {
        const std::string text = text_of([&](char *buffer, uint32_t capacity, uint32_t *length) {
            return mst_endpoint_event_text(endpoint_.get(), buffer, capacity, length);
        });
        switch (event.event_type) {
        case MST_EVENT_CONNECTED:
            std::cout << "connected" << std::endl;
            break;
        case MST_EVENT_PROFILE_LOADED:
            std::cout << "loaded" << std::endl;
            is_loaded_ = true;
            break;
        case MST_EVENT_PROPERTY_CHANGED:
            take_change(event);
            break;
        case MST_EVENT_APPLIED:
            std::cout << "applied " << event.number << std::endl;
            break;
        case MST_EVENT_DURABLE:
            std::cout << "durable " << event.number << std::endl;
            durable_ = event.number;
            break;
        case MST_EVENT_REFUSED:
            std::cout << "refused " << event.number << ' ' << mst_result_name(event.code) << ' '
                      << name(event.property_index) << std::endl;
            check(text.find("coins") != std::string::npos, "the reason names the property");
            refusals_++;
            break;
        case MST_EVENT_PROFILE_RELEASED:
            std::cout << "released" << std::endl;
            is_released_ = true;
            break;
        default:
            throw Error(static_cast<MstResult>(event.code), text);
        }
    }

    void take_change(const MstEvent &event) {
        static const char *const causes[] = {"local", "remote", "rollback", "load"};
        const auto value = [&](uint32_t which) {
            return Value::given_by([&](MstValue *out, void *buffer, uint32_t capacity, uint32_t *length) {
                return mst_endpoint_event_value(endpoint_.get(), which, out, buffer, capacity, length);
            });
        };
        const Value before = value(0), after = value(1);
        MstKey key = MstKey();
        const std::string key_text = text_of([&](char *buffer, uint32_t capacity, uint32_t *length) {
            return mst_endpoint_event_key(endpoint_.get(), &key, buffer, capacity, length);
        });
        check(event.old_int == before.number() && event.new_int == after.number(), "numbers are in the event too");
        if (event.property_index == property("tasks")) {
            const std::string path = text_of([&](char *buffer, uint32_t capacity, uint32_t *length) {
                return mst_endpoint_event_path(endpoint_.get(), buffer, capacity, length);
            });
            check((event.is_within == 1) == (path.size() > 3), "a task is no part of another");
            std::cout << "changed tasks at " << path << (event.change == MST_CHANGE_FIELD_SET ? " set " : " inserted ")
                      << after.shown() << ' ' << causes[event.cause] << std::endl;
            return;
        }
        const auto place = quests_told_.begin() + event.item_index;
        const std::size_t index = event.item_index;
        std::ostringstream how;
        switch (event.change) {
        case MST_CHANGE_REPLACED:
            how << ' ' << (event.value_type == MST_TYPE_STRING ? "" : before.shown() + " ") << "-> " << after.shown();
            break;
        case MST_CHANGE_ITEM_SET:
            quests_told_.at(index) = after.text();
            how << '[' << index << "] set " << after.text();
            break;
        case MST_CHANGE_ITEM_INSERTED:
            check(index <= quests_told_.size(), "an item is inserted at a place that there is");
            quests_told_.insert(place, after.text());
            how << '[' << index << "] inserted " << after.text();
            break;
        case MST_CHANGE_ITEM_REMOVED:
            check(quests_told_.at(index) == before.text(), "the item that is removed is the one there");
            quests_told_.erase(place);
            how << '[' << index << "] removed " << before.text();
            break;
        case MST_CHANGE_ITEM_MOVED: {
            const std::string moved = quests_told_.at(index);
            quests_told_.erase(place);
            quests_told_.insert(quests_told_.begin() + event.to_index, moved);
            how << '[' << index << "] moved to " << event.to_index;
            break;
        }
        case MST_CHANGE_CLEARED:
            quests_told_.clear();
            how << " cleared of " << event.old_int;
            break;
        default:
            how << '{';
            if (key.key_type == MST_KEY_STRING) {
                how << key_text;
            } else {
                how << key.int_value;
            }
            how << "} ";
            if (event.change == MST_CHANGE_ENTRY_PUT) {
                how << "put " << after.shown();
            } else {
                how << "removed " << before.shown();
            }
        }
        std::cout << "changed " << name(event.property_index) << how.str() << ' ' << causes[event.cause] << std::endl;
    }

    // ---- reading and writing ----

    uint32_t property(const std::string &name) const {
        uint32_t index = 0;
        ok(mst_schema_find(schema_.get(), name.data(), size_of(name), &index));
        return index;
    }

    std::string name(uint32_t property) const {
        return text_of([&](char *buffer, uint32_t capacity, uint32_t *length) {
            return mst_schema_property_name(schema_.get(), property, buffer, capacity, length);
        });
    }

    Value get(const std::string &name) const {
        return Value::given_by([&](MstValue *out, void *buffer, uint32_t capacity, uint32_t *length) {
            return mst_profile_get_value(profile_.get(), property(name), out, buffer, capacity, length);
        });
    }

    /// What the master said last, without what this program predicts.
    Value confirmed(const std::string &name) const {
        return Value::given_by([&](MstValue *out, void *buffer, uint32_t capacity, uint32_t *length) {
            return mst_profile_get_confirmed(profile_.get(), property(name), out, buffer, capacity, length);
        });
    }

    Value stat(const std::string &name) const {
        const MstKey key = key_of(name);
        return Value::given_by([&](MstValue *out, void *buffer, uint32_t capacity, uint32_t *length) {
            return mst_profile_dict_get(profile_.get(), property("stats"), &key, out, buffer, capacity, length);
        });
    }

    uint32_t tasks() const {
        uint32_t count = 0;
        ok(mst_profile_count_at(profile_.get(), property("tasks"), nullptr, 0, &count));
        return count;
    }

    /// What is there in the tasks.
    Value task(const std::string &path) const {
        return Value::given_by([&](MstValue *out, void *buffer, uint32_t capacity, uint32_t *length) {
            return mst_profile_get_at(profile_.get(), property("tasks"), path.data(), size_of(path), out, buffer, capacity,
                                      length);
        });
    }

    std::vector<std::string> quests() const {
        uint32_t count = 0;
        ok(mst_profile_list_count(profile_.get(), property("quests"), &count));
        std::vector<std::string> found;
        for (uint32_t i = 0; i < count; i++) {
            const auto get = [&](MstValue *out, void *buffer, uint32_t capacity, uint32_t *length) {
                return mst_profile_list_get(profile_.get(), property("quests"), i, out, buffer, capacity, length);
            };
            found.push_back(Value::given_by(get).text());
        }
        return found;
    }

    void set(const std::string &name, const Value &value) {
        const MstValue plain = value.plain();
        ok(mst_profile_set_value(profile_.get(), property(name), &plain));
    }

    void push(const std::string &quest) {
        const Value value = Value::of_text(quest);
        const MstValue plain = value.plain();
        ok(mst_profile_list_push(profile_.get(), property("quests"), &plain));
    }

    bool is_client_;
    Schema schema_;
    Endpoint endpoint_;
    Profile profile_;
    std::vector<std::unique_ptr<Subscription>> subscriptions_;
    bool is_loaded_ = false;
    bool is_released_ = false;
    uint64_t durable_ = 0;
    int refusals_ = 0;
    int gold_calls_ = 0;
    int profile_calls_ = 0;
    std::vector<std::string> quests_told_;
};

} // namespace

int main(int count, char **arguments) {
    if (count != 5 || (std::strcmp(arguments[1], "client") != 0 && std::strcmp(arguments[1], "server") != 0)) {
        std::cerr << "usage: match client|server <address> <fingerprint> <user>\n";
        return 2;
    }
    try {
        check(mst_abi_version() == MST_ABI_VERSION && mst_abi_hash() == MST_ABI_HASH, "the library fits the header");
        Match(arguments[1], arguments[2], arguments[3], arguments[4]).play();
        return 0;
    } catch (const std::exception &error) {
        std::cerr << error.what() << std::endl;
        return 1;
    }
}

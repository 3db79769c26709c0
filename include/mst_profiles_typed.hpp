/* mst-profiles: typed properties for C++11 and later.
 *
 * What the code is made of that `mst-profiles schema gen --lang cpp` writes. Header only, over mst_profiles.h; it needs
 * no exceptions and no run-time type information.
 *
 * A property is a value of one of the classes below: a profile's handle and an index, cheap to copy. Whatever changes a
 * profile returns the MstResult of the C function that it calls, which mst_profiles.h describes. What is read comes
 * either as a value, which is zero or empty when there is none to be had, or through an output, with the MstResult.
 */

#ifndef MST_PROFILES_TYPED_HPP
#define MST_PROFILES_TYPED_HPP

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mst_profiles.h"

namespace mst {
namespace typed {

/* The parentheses around `max` and `min` keep the macros of windows.h out. */

/* ---- values ---- */

/** Two coordinates. */
struct Vector2 {
    float x, y;
    Vector2() : x(0), y(0) {}
    Vector2(float x_, float y_) : x(x_), y(y_) {}
    bool operator==(const Vector2 &other) const { return x == other.x && y == other.y; }
    bool operator!=(const Vector2 &other) const { return !(*this == other); }
};

/** Three coordinates. */
struct Vector3 {
    float x, y, z;
    Vector3() : x(0), y(0), z(0) {}
    Vector3(float x_, float y_, float z_) : x(x_), y(y_), z(z_) {}
    bool operator==(const Vector3 &other) const { return x == other.x && y == other.y && z == other.z; }
    bool operator!=(const Vector3 &other) const { return !(*this == other); }
};

/** A rotation; at first the identity. */
struct Quaternion {
    float x, y, z, w;
    Quaternion() : x(0), y(0), z(0), w(1) {}
    Quaternion(float x_, float y_, float z_, float w_) : x(x_), y(y_), z(z_), w(w_) {}
    bool operator==(const Quaternion &other) const
    {
        return x == other.x && y == other.y && z == other.z && w == other.w;
    }
    bool operator!=(const Quaternion &other) const { return !(*this == other); }
};

/** A colour; at first opaque black. */
struct Color {
    uint8_t r, g, b, a;
    Color() : r(0), g(0), b(0), a(255) {}
    Color(uint8_t r_, uint8_t g_, uint8_t b_, uint8_t a_ = 255) : r(r_), g(g_), b(b_), a(a_) {}
    bool operator==(const Color &other) const
    {
        return r == other.r && g == other.g && b == other.b && a == other.a;
    }
    bool operator!=(const Color &other) const { return !(*this == other); }
};

/** A moment in UTC; at first 1970. */
struct DateTime {
    /** Microseconds since 1970 UTC. */
    int64_t unix_micros;
    DateTime() : unix_micros(0) {}
    explicit DateTime(int64_t unix_micros_) : unix_micros(unix_micros_) {}
    bool operator==(const DateTime &other) const { return unix_micros == other.unix_micros; }
    bool operator!=(const DateTime &other) const { return !(*this == other); }
};

/** A 128-bit identifier; at first all zeros. */
struct Uuid {
    /** In the order of its text. */
    uint8_t bytes[16];
    Uuid() : bytes() {}
    explicit Uuid(const uint8_t (&bytes_)[16]) { std::memcpy(bytes, bytes_, sizeof bytes); }
    bool operator==(const Uuid &other) const { return std::memcmp(bytes, other.bytes, sizeof bytes) == 0; }
    bool operator!=(const Uuid &other) const { return !(*this == other); }
};

/** Bytes. */
typedef std::vector<uint8_t> Bytes;

/** UTF-8 text that is given to the library; not kept, and not copied but by the library. */
class Text {
public:
    Text(const char *text) : data_(text), length_(text == nullptr ? 0 : std::strlen(text)) {}
    Text(const std::string &text) : data_(text.data()), length_(text.size()) {}
    Text(const char *data, size_t length) : data_(data), length_(length) {}
    const char *Data() const { return data_; }
    /** In bytes. What is longer than a 32-bit number tells is too long for the library in any case. */
    uint32_t Length() const
    {
        const size_t most = (std::numeric_limits<uint32_t>::max)();
        return static_cast<uint32_t>(length_ < most ? length_ : most);
    }

private:
    const char *data_;
    size_t length_;
};

/** Bytes that are given to the library. */
class ByteView {
public:
    ByteView(const Bytes &bytes) : text_(reinterpret_cast<const char *>(bytes.data()), bytes.size()) {}
    ByteView(const uint8_t *data, size_t length) : text_(reinterpret_cast<const char *>(data), length) {}
    const char *Data() const { return text_.Data(); }
    uint32_t Length() const { return text_.Length(); }

private:
    Text text_;
};

/* ---- what values are in C ---- */

namespace detail {

inline MstValue ValueOf(MstValueType type)
{
    MstValue value = MstValue();
    value.value_type = type;
    return value;
}

inline MstValue IntOf(MstValueType type, int64_t number)
{
    MstValue value = ValueOf(type);
    value.int_value = number;
    return value;
}

inline MstValue FloatOf(MstValueType type, double number)
{
    MstValue value = ValueOf(type);
    value.float_value = number;
    return value;
}

inline MstValue TextOf(MstValueType type, const char *data, uint32_t length)
{
    MstValue value = ValueOf(type);
    value.text = data;
    value.text_len = length;
    return value;
}

/** How a C++ type is given (`Arg`) and what it is in C. */
template <typename T> struct Type;

template <> struct Type<bool> {
    typedef bool Arg;
    static MstValue In(Arg v) { return IntOf(MST_TYPE_BOOL, v ? 1 : 0); }
    static void Out(const MstValue &value, bool &out) { out = value.int_value != 0; }
};

template <> struct Type<int32_t> {
    typedef int32_t Arg;
    static MstValue In(Arg v) { return IntOf(MST_TYPE_I32, v); }
    static void Out(const MstValue &value, int32_t &out) { out = static_cast<int32_t>(value.int_value); }
};

template <> struct Type<int64_t> {
    typedef int64_t Arg;
    static MstValue In(Arg v) { return IntOf(MST_TYPE_I64, v); }
    static void Out(const MstValue &value, int64_t &out) { out = value.int_value; }
};

template <> struct Type<float> {
    typedef float Arg;
    static MstValue In(Arg v) { return FloatOf(MST_TYPE_F32, static_cast<double>(v)); }
    static void Out(const MstValue &value, float &out) { out = static_cast<float>(value.float_value); }
};

template <> struct Type<double> {
    typedef double Arg;
    static MstValue In(Arg v) { return FloatOf(MST_TYPE_F64, v); }
    static void Out(const MstValue &value, double &out) { out = value.float_value; }
};

template <> struct Type<std::string> {
    typedef const Text &Arg;
    static MstValue In(Arg v) { return TextOf(MST_TYPE_STRING, v.Data(), v.Length()); }
    static void Out(const MstValue &value, std::string &out)
    {
        // An empty text needs no buffer, and may have none.
        out.assign(value.text_len == 0 ? "" : value.text, value.text_len);
    }
};

template <> struct Type<Bytes> {
    typedef const ByteView &Arg;
    static MstValue In(Arg v) { return TextOf(MST_TYPE_BYTES, v.Data(), v.Length()); }
    static void Out(const MstValue &value, Bytes &out)
    {
        const uint8_t *first = reinterpret_cast<const uint8_t *>(value.text);
        out.clear();
        if (value.text_len != 0)
            out.assign(first, first + value.text_len);
    }
};

template <> struct Type<Vector2> {
    typedef const Vector2 &Arg;
    static MstValue In(Arg v)
    {
        MstValue value = ValueOf(MST_TYPE_VECTOR2);
        value.x = v.x;
        value.y = v.y;
        return value;
    }
    static void Out(const MstValue &value, Vector2 &out) { out = Vector2(value.x, value.y); }
};

template <> struct Type<Vector3> {
    typedef const Vector3 &Arg;
    static MstValue In(Arg v)
    {
        MstValue value = ValueOf(MST_TYPE_VECTOR3);
        value.x = v.x;
        value.y = v.y;
        value.z = v.z;
        return value;
    }
    static void Out(const MstValue &value, Vector3 &out) { out = Vector3(value.x, value.y, value.z); }
};

template <> struct Type<Quaternion> {
    typedef const Quaternion &Arg;
    static MstValue In(Arg v)
    {
        MstValue value = ValueOf(MST_TYPE_QUATERNION);
        value.x = v.x;
        value.y = v.y;
        value.z = v.z;
        value.w = v.w;
        return value;
    }
    static void Out(const MstValue &value, Quaternion &out)
    {
        out = Quaternion(value.x, value.y, value.z, value.w);
    }
};

template <> struct Type<Color> {
    typedef const Color &Arg;
    static MstValue In(Arg v)
    {
        const uint32_t rgba = static_cast<uint32_t>(v.r) << 24 | static_cast<uint32_t>(v.g) << 16
            | static_cast<uint32_t>(v.b) << 8 | v.a;
        return IntOf(MST_TYPE_COLOR, rgba);
    }
    static void Out(const MstValue &value, Color &out)
    {
        const uint32_t rgba = static_cast<uint32_t>(value.int_value);
        out = Color(static_cast<uint8_t>(rgba >> 24), static_cast<uint8_t>(rgba >> 16), static_cast<uint8_t>(rgba >> 8),
            static_cast<uint8_t>(rgba));
    }
};

template <> struct Type<DateTime> {
    typedef DateTime Arg;
    static MstValue In(Arg v) { return IntOf(MST_TYPE_DATETIME, v.unix_micros); }
    static void Out(const MstValue &value, DateTime &out) { out.unix_micros = value.int_value; }
};

template <> struct Type<Uuid> {
    typedef const Uuid &Arg;
    static MstValue In(Arg v)
    {
        MstValue value = ValueOf(MST_TYPE_UUID);
        std::memcpy(value.uuid, v.bytes, sizeof v.bytes);
        return value;
    }
    static void Out(const MstValue &value, Uuid &out) { std::memcpy(out.bytes, value.uuid, sizeof out.bytes); }
};

inline MstKey IntKeyOf(MstKeyType type, int64_t number)
{
    MstKey key = MstKey();
    key.key_type = type;
    key.int_value = number;
    return key;
}

/** The same for keys of dictionaries. */
template <typename K> struct KeyOf;

template <> struct KeyOf<int32_t> {
    typedef int32_t Arg;
    static MstKey In(Arg v) { return IntKeyOf(MST_KEY_I32, v); }
    static void Out(const MstKey &key, int32_t &out) { out = static_cast<int32_t>(key.int_value); }
};

template <> struct KeyOf<int64_t> {
    typedef int64_t Arg;
    static MstKey In(Arg v) { return IntKeyOf(MST_KEY_I64, v); }
    static void Out(const MstKey &key, int64_t &out) { out = key.int_value; }
};

template <> struct KeyOf<std::string> {
    typedef const Text &Arg;
    static MstKey In(Arg v)
    {
        MstKey key = IntKeyOf(MST_KEY_STRING, 0);
        key.text = v.Data();
        key.text_len = v.Length();
        return key;
    }
    static void Out(const MstKey &key, std::string &out)
    {
        out.assign(key.text_len == 0 ? "" : key.text, key.text_len);
    }
};

/** Bytes that most texts fit into, so that reading them takes no allocation of its own. */
const uint32_t kRoom = 256;

/** Calls what reads a value, with as large a buffer as it needs. */
template <typename T, typename Call> MstResult Read(T &out, Call call)
{
    char small[kRoom];
    std::vector<char> large;
    char *room = small;
    uint32_t capacity = kRoom;
    for (;;) {
        MstValue value = MstValue();
        uint32_t length = 0;
        const MstResult result = call(&value, room, capacity, &length);
        if (result == MST_OK)
            Type<T>::Out(value, out);
        if (result != MST_ERR_BUFFER_TOO_SMALL)
            return result;
        large.resize(length);
        room = large.data();
        capacity = length;
    }
}

/** How numbers of a type are added. */
inline MstResult Add(MstProfile *profile, uint32_t index, int64_t amount)
{
    return mst_profile_add_int(profile, index, amount);
}
inline MstResult Add(MstProfile *profile, uint32_t index, double amount)
{
    return mst_profile_add_f64(profile, index, amount);
}
inline MstResult AddClamped(MstProfile *profile, uint32_t index, int64_t amount, int64_t min, int64_t max)
{
    return mst_profile_add_int_clamped(profile, index, amount, min, max);
}
inline MstResult AddClamped(MstProfile *profile, uint32_t index, double amount, double min, double max)
{
    return mst_profile_add_f64_clamped(profile, index, amount, min, max);
}
inline MstResult AddGuarded(MstProfile *profile, uint32_t index, int64_t amount, int64_t min, int64_t max)
{
    return mst_profile_add_int_guarded(profile, index, amount, min, max);
}
inline MstResult AddGuarded(MstProfile *profile, uint32_t index, double amount, double min, double max)
{
    return mst_profile_add_f64_guarded(profile, index, amount, min, max);
}
inline MstResult Add(MstProfile *profile, uint32_t index, const MstKey *key, int64_t amount)
{
    return mst_profile_dict_add_int(profile, index, key, amount);
}
inline MstResult Add(MstProfile *profile, uint32_t index, const MstKey *key, double amount)
{
    return mst_profile_dict_add_f64(profile, index, key, amount);
}
inline MstResult AddClamped(MstProfile *profile, uint32_t index, const MstKey *key, int64_t amount, int64_t min, int64_t max)
{
    return mst_profile_dict_add_int_clamped(profile, index, key, amount, min, max);
}
inline MstResult AddClamped(MstProfile *profile, uint32_t index, const MstKey *key, double amount, double min, double max)
{
    return mst_profile_dict_add_f64_clamped(profile, index, key, amount, min, max);
}
inline MstResult AddGuarded(MstProfile *profile, uint32_t index, const MstKey *key, int64_t amount, int64_t min, int64_t max)
{
    return mst_profile_dict_add_int_guarded(profile, index, key, amount, min, max);
}
inline MstResult AddGuarded(MstProfile *profile, uint32_t index, const MstKey *key, double amount, double min, double max)
{
    return mst_profile_dict_add_f64_guarded(profile, index, key, amount, min, max);
}

/** What a number is added as. `Most` is no bound. */
template <typename T> struct Wide;
template <> struct Wide<int32_t> {
    typedef int64_t Type;
    static int64_t Most() { return (std::numeric_limits<int64_t>::max)(); }
    static bool HasNegative(int64_t) { return true; }
};
template <> struct Wide<int64_t> {
    typedef int64_t Type;
    static int64_t Most() { return (std::numeric_limits<int64_t>::max)(); }
    static bool HasNegative(int64_t number) { return number != (std::numeric_limits<int64_t>::min)(); }
};
template <> struct Wide<float> {
    typedef double Type;
    static double Most() { return std::numeric_limits<double>::infinity(); }
    static bool HasNegative(double) { return true; }
};
template <> struct Wide<double> : Wide<float> {};

} // namespace detail

/* ---- properties ---- */

/** What all properties have. */
class Property {
public:
    Property(MstProfile *profile, uint32_t index) : profile_(profile), index_(index) {}

    /** The property's index in its schema, as events have it. */
    uint32_t Index() const { return index_; }

    /** Whether a change of this process to it is not confirmed yet: see mst_profile_is_pending. */
    bool IsPending() const
    {
        uint8_t pending = 0;
        return mst_profile_is_pending(profile_, index_, &pending) == MST_OK && pending != 0;
    }

    /** Calls back when it changes: see mst_profile_subscribe. */
    MstResult Subscribe(MstEventCallback callback, void *user_data, MstSubscription **out_subscription = nullptr) const
    {
        return mst_profile_subscribe(profile_, index_, callback, user_data, out_subscription);
    }

protected:
    MstProfile *profile_;
    uint32_t index_;
};

/** A volatile property: it can be read and set, has no part in batches, and nothing can be added to it. */
template <typename T> class Volatile : public Property {
public:
    typedef typename detail::Type<T>::Arg Arg;

    Volatile(MstProfile *profile, uint32_t index) : Property(profile, index) {}

    /** The value as this process sees it, its own unconfirmed changes included: see mst_profile_get_value. */
    MstResult Get(T &out) const
    {
        MstProfile *const profile = profile_;
        const uint32_t index = index_;
        return detail::Read(out, [=](MstValue *value, void *room, uint32_t capacity, uint32_t *length) {
            return mst_profile_get_value(profile, index, value, room, capacity, length);
        });
    }

    /** The same; zero or empty when it can't be read. */
    T Get() const
    {
        T value = T();
        Get(value);
        return value;
    }

    /** The value without this process's unconfirmed changes: see mst_profile_get_confirmed. */
    MstResult GetConfirmed(T &out) const
    {
        MstProfile *const profile = profile_;
        const uint32_t index = index_;
        return detail::Read(out, [=](MstValue *value, void *room, uint32_t capacity, uint32_t *length) {
            return mst_profile_get_confirmed(profile, index, value, room, capacity, length);
        });
    }

    /** The same; zero or empty when it can't be read. */
    T GetConfirmed() const
    {
        T value = T();
        GetConfirmed(value);
        return value;
    }

    /** Sets it: see mst_profile_set_value. */
    MstResult Set(Arg value) const
    {
        const MstValue in = detail::Type<T>::In(value);
        return mst_profile_set_value(profile_, index_, &in);
    }
};

/** A property without parts. */
template <typename T> class Scalar : public Volatile<T> {
public:
    Scalar(MstProfile *profile, uint32_t index) : Volatile<T>(profile, index) {}

    /** Lets the batch that is begun be refused unless it has this value when the master decides: see mst_profile_require. */
    MstResult Require(typename Volatile<T>::Arg value) const
    {
        const MstValue in = detail::Type<T>::In(value);
        return mst_profile_require(this->profile_, this->index_, &in);
    }
};

/** A number. */
template <typename T> class Number : public Scalar<T> {
    typedef typename detail::Wide<T>::Type Wide;

public:
    Number(MstProfile *profile, uint32_t index) : Scalar<T>(profile, index) {}

    /** Adds to it. Additions of several writers all count: see mst_profile_add_int. */
    MstResult Add(T amount) const { return detail::Add(this->profile_, this->index_, static_cast<Wide>(amount)); }

    /** Adds to it and brings the sum to the nearer bound: see mst_profile_add_int_clamped. */
    MstResult AddClamped(T amount, T min, T max) const
    {
        return detail::AddClamped(this->profile_, this->index_, static_cast<Wide>(amount), static_cast<Wide>(min),
            static_cast<Wide>(max));
    }

    /** Adds to it if the sum is within the bounds, which the master decides: see mst_profile_add_int_guarded. */
    MstResult AddGuarded(T amount, T min, T max) const
    {
        return detail::AddGuarded(this->profile_, this->index_, static_cast<Wide>(amount), static_cast<Wide>(min),
            static_cast<Wide>(max));
    }

    /** Subtracts from it if `least` or more is left, which the master decides: "take 30, but refuse below 0". */
    MstResult SubtractGuarded(T amount, T least) const
    {
        const Wide wide = static_cast<Wide>(amount);
        if (!detail::Wide<T>::HasNegative(wide))
            return MST_ERR_INVALID_ARGUMENT;
        return detail::AddGuarded(this->profile_, this->index_, -wide, static_cast<Wide>(least), detail::Wide<T>::Most());
    }
};

/** A list. A place is that in the list which this process sees; the master finds the item wherever it stands by then. */
template <typename T> class List : public Property {
public:
    typedef typename detail::Type<T>::Arg Arg;

    List(MstProfile *profile, uint32_t index) : Property(profile, index) {}

    /** The number of items: see mst_profile_list_count. */
    MstResult Count(uint32_t &out) const { return mst_profile_list_count(profile_, index_, &out); }

    /** The same; 0 when it can't be read. */
    uint32_t Count() const
    {
        uint32_t count = 0;
        Count(count);
        return count;
    }

    /** The item at a place, from 0: see mst_profile_list_get. */
    MstResult Get(uint32_t place, T &out) const
    {
        MstProfile *const profile = profile_;
        const uint32_t index = index_;
        return detail::Read(out, [=](MstValue *value, void *room, uint32_t capacity, uint32_t *length) {
            return mst_profile_list_get(profile, index, place, value, room, capacity, length);
        });
    }

    /** The same; zero or empty when there is none. */
    T Get(uint32_t place) const
    {
        T value = T();
        Get(place, value);
        return value;
    }

    /** All items, in their order. */
    std::vector<T> All() const
    {
        std::vector<T> all;
        for (const T &item : *this)
            all.push_back(item);
        return all;
    }

    /** The number of items without this process's unconfirmed changes: see mst_profile_list_confirmed_count. */
    uint32_t ConfirmedCount() const
    {
        uint32_t count = 0;
        mst_profile_list_confirmed_count(profile_, index_, &count);
        return count;
    }

    /** The item at a place without this process's unconfirmed changes: see mst_profile_list_get_confirmed. */
    MstResult GetConfirmed(uint32_t place, T &out) const
    {
        MstProfile *const profile = profile_;
        const uint32_t index = index_;
        return detail::Read(out, [=](MstValue *value, void *room, uint32_t capacity, uint32_t *length) {
            return mst_profile_list_get_confirmed(profile, index, place, value, room, capacity, length);
        });
    }

    /** Appends an item: see mst_profile_list_push. */
    MstResult Push(Arg value) const
    {
        const MstValue in = detail::Type<T>::In(value);
        return mst_profile_list_push(profile_, index_, &in);
    }

    /** Inserts an item, so that it stands at `place`: see mst_profile_list_insert. */
    MstResult Insert(uint32_t place, Arg value) const
    {
        const MstValue in = detail::Type<T>::In(value);
        return mst_profile_list_insert(profile_, index_, place, &in);
    }

    /** Gives the item at a place another value: see mst_profile_list_set. */
    MstResult Set(uint32_t place, Arg value) const
    {
        const MstValue in = detail::Type<T>::In(value);
        return mst_profile_list_set(profile_, index_, place, &in);
    }

    /** Removes the item at a place: see mst_profile_list_remove. */
    MstResult Remove(uint32_t place) const { return mst_profile_list_remove(profile_, index_, place); }

    /** Moves the item at a place, so that it stands at `to`: see mst_profile_list_move. */
    MstResult Move(uint32_t from, uint32_t to) const { return mst_profile_list_move(profile_, index_, from, to); }

    /** Removes everything, also what others put there meanwhile: see mst_profile_clear. */
    MstResult Clear() const { return mst_profile_clear(profile_, index_); }

    /** Goes through the items as they are when it comes to them. */
    class Iterator {
    public:
        Iterator(const List &list, bool is_end) : list_(list), place_(0), item_(), is_end_(is_end) { Read(); }
        const T &operator*() const { return item_; }
        Iterator &operator++()
        {
            ++place_;
            Read();
            return *this;
        }
        bool operator!=(const Iterator &other) const { return is_end_ != other.is_end_; }

    private:
        void Read() { is_end_ = is_end_ || list_.Get(place_, item_) != MST_OK; }

        List list_;
        uint32_t place_;
        T item_;
        bool is_end_;
    };

    Iterator begin() const { return Iterator(*this, false); }
    Iterator end() const { return Iterator(*this, true); }
};

/** A dictionary. */
template <typename K, typename T> class Dict : public Property {
public:
    typedef typename detail::KeyOf<K>::Arg KeyArg;
    typedef typename detail::Type<T>::Arg Arg;

    /** A key with its value. */
    struct Entry {
        K key;
        T value;
        Entry() : key(), value() {}
    };

    Dict(MstProfile *profile, uint32_t index) : Property(profile, index) {}

    /** The number of entries: see mst_profile_dict_count. */
    MstResult Count(uint32_t &out) const { return mst_profile_dict_count(profile_, index_, &out); }

    /** The same; 0 when it can't be read. */
    uint32_t Count() const
    {
        uint32_t count = 0;
        Count(count);
        return count;
    }

    /** The value of a key: see mst_profile_dict_get. MST_ERR_NO_SUCH_KEY when it has none. */
    MstResult Get(KeyArg key, T &out) const
    {
        const MstKey in = detail::KeyOf<K>::In(key);
        MstProfile *const profile = profile_;
        const uint32_t index = index_;
        return detail::Read(out, [=](MstValue *value, void *room, uint32_t capacity, uint32_t *length) {
            return mst_profile_dict_get(profile, index, &in, value, room, capacity, length);
        });
    }

    /** The same; zero or empty when it has none. */
    T Get(KeyArg key) const
    {
        T value = T();
        Get(key, value);
        return value;
    }

    /** Whether it has a key: see mst_profile_dict_contains. */
    bool Contains(KeyArg key) const
    {
        const MstKey in = detail::KeyOf<K>::In(key);
        uint8_t contains = 0;
        return mst_profile_dict_contains(profile_, index_, &in, &contains) == MST_OK && contains != 0;
    }

    /** The number of entries without this process's unconfirmed changes: see mst_profile_dict_confirmed_count. */
    uint32_t ConfirmedCount() const
    {
        uint32_t count = 0;
        mst_profile_dict_confirmed_count(profile_, index_, &count);
        return count;
    }

    /** The value of a key without this process's unconfirmed changes: see mst_profile_dict_get_confirmed. */
    MstResult GetConfirmed(KeyArg key, T &out) const
    {
        const MstKey in = detail::KeyOf<K>::In(key);
        MstProfile *const profile = profile_;
        const uint32_t index = index_;
        return detail::Read(out, [=](MstValue *value, void *room, uint32_t capacity, uint32_t *length) {
            return mst_profile_dict_get_confirmed(profile, index, &in, value, room, capacity, length);
        });
    }

    /** Gives a key a value: see mst_profile_dict_put. */
    MstResult Put(KeyArg key, Arg value) const
    {
        const MstKey in = detail::KeyOf<K>::In(key);
        const MstValue in_value = detail::Type<T>::In(value);
        return mst_profile_dict_put(profile_, index_, &in, &in_value);
    }

    /** Removes a key: see mst_profile_dict_remove. */
    MstResult Remove(KeyArg key) const
    {
        const MstKey in = detail::KeyOf<K>::In(key);
        return mst_profile_dict_remove(profile_, index_, &in);
    }

    /** Removes everything, also what others put there meanwhile: see mst_profile_clear. */
    MstResult Clear() const { return mst_profile_clear(profile_, index_); }

    /** Goes through the entries in the order of their keys, as they are when it comes to them. */
    class Iterator {
    public:
        Iterator(const Dict &dict, bool is_end) : dict_(dict), entry_(), is_end_(is_end)
        {
            if (!is_end_)
                Next(MstKey());
        }
        const Entry &operator*() const { return entry_; }
        const Entry *operator->() const { return &entry_; }
        Iterator &operator++()
        {
            Next(detail::KeyOf<K>::In(entry_.key));
            return *this;
        }
        bool operator!=(const Iterator &other) const { return is_end_ != other.is_end_; }

    private:
        void Next(const MstKey &before)
        {
            // Both buffers are made as large as the entry needs, at once.
            char small_key[detail::kRoom], small_value[detail::kRoom];
            std::vector<char> large_key, large_value;
            char *key_room = small_key, *value_room = small_value;
            uint32_t key_capacity = detail::kRoom, value_capacity = detail::kRoom;
            for (;;) {
                MstKey key = before;
                MstValue value = MstValue();
                uint32_t key_length = 0, value_length = 0;
                const MstResult result = mst_profile_dict_next(dict_.profile_, dict_.index_, &key, key_room, key_capacity,
                    &key_length, &value, value_room, value_capacity, &value_length);
                if (result == MST_ERR_BUFFER_TOO_SMALL) {
                    large_key.resize(key_length + 1);
                    large_value.resize(value_length + 1);
                    key_room = large_key.data();
                    value_room = large_value.data();
                    key_capacity = key_length + 1;
                    value_capacity = value_length + 1;
                    continue;
                }
                is_end_ = result != MST_OK || key.key_type == MST_KEY_NONE;
                if (!is_end_) {
                    detail::KeyOf<K>::Out(key, entry_.key);
                    detail::Type<T>::Out(value, entry_.value);
                }
                return;
            }
        }

        Dict dict_;
        Entry entry_;
        bool is_end_;
    };

    Iterator begin() const { return Iterator(*this, false); }
    Iterator end() const { return Iterator(*this, true); }
};

/** A dictionary of numbers; a key that is not there counts as zero when something is added to it. */
template <typename K, typename T> class NumberDict : public Dict<K, T> {
    typedef typename detail::Wide<T>::Type Wide;

public:
    typedef typename Dict<K, T>::KeyArg KeyArg;

    NumberDict(MstProfile *profile, uint32_t index) : Dict<K, T>(profile, index) {}

    /** Adds to the number of a key: see mst_profile_dict_add_int. */
    MstResult Add(KeyArg key, T amount) const
    {
        const MstKey in = detail::KeyOf<K>::In(key);
        return detail::Add(this->profile_, this->index_, &in, static_cast<Wide>(amount));
    }

    /** Adds to the number of a key and brings the sum to the nearer bound: see mst_profile_dict_add_int_clamped. */
    MstResult AddClamped(KeyArg key, T amount, T min, T max) const
    {
        const MstKey in = detail::KeyOf<K>::In(key);
        return detail::AddClamped(this->profile_, this->index_, &in, static_cast<Wide>(amount), static_cast<Wide>(min),
            static_cast<Wide>(max));
    }

    /** Adds to the number of a key if the sum is within the bounds: see mst_profile_dict_add_int_guarded. */
    MstResult AddGuarded(KeyArg key, T amount, T min, T max) const
    {
        const MstKey in = detail::KeyOf<K>::In(key);
        return detail::AddGuarded(this->profile_, this->index_, &in, static_cast<Wide>(amount), static_cast<Wide>(min),
            static_cast<Wide>(max));
    }

    /** Subtracts from the number of a key if `least` or more is left, which the master decides. */
    MstResult SubtractGuarded(KeyArg key, T amount, T least) const
    {
        const Wide wide = static_cast<Wide>(amount);
        if (!detail::Wide<T>::HasNegative(wide))
            return MST_ERR_INVALID_ARGUMENT;
        const MstKey in = detail::KeyOf<K>::In(key);
        return detail::AddGuarded(this->profile_, this->index_, &in, -wide, static_cast<Wide>(least),
            detail::Wide<T>::Most());
    }
};

/* ---- places within properties ---- */

/**
 * A place within a property: a field of a record, an item of a list, an entry of a dictionary, however deep. It is the way
 * there as text, as mst_profile_get_at reads it; most ways take no allocation.
 */
class Place {
public:
    Place(MstProfile *profile, uint32_t index) : profile_(profile), index_(index), length_(0), small_() {}

    MstProfile *Handle() const { return profile_; }
    /** The property's index in its schema, as events have it. */
    uint32_t Index() const { return index_; }
    /** The way, without a terminating zero. */
    const char *Path() const { return large_.empty() ? small_ : large_.data(); }
    uint32_t PathLength() const { return static_cast<uint32_t>(length_); }

    Place Field(const char *name) const
    {
        Place within(*this);
        within.Append(".", 1);
        within.Append(name, std::strlen(name));
        return within;
    }

    Place Item(uint32_t item) const { return Entry(static_cast<int64_t>(item)); }

    Place Entry(int64_t key) const
    {
        char text[32];
        const int length = std::snprintf(text, sizeof text, "[%lld]", static_cast<long long>(key));
        Place within(*this);
        within.Append(text, static_cast<size_t>(length));
        return within;
    }

    Place Entry(const Text &key) const;

private:
    enum { kRoom = 104 };

    void Append(const char *text, size_t length)
    {
        if (large_.empty() && length_ + length <= kRoom) {
            std::memcpy(small_ + length_, text, length);
        } else {
            if (large_.empty())
                large_.assign(small_, length_);
            large_.append(text, length);
        }
        length_ += length;
    }

    MstProfile *profile_;
    uint32_t index_;
    size_t length_;
    char small_[kRoom];
    /** The way that is longer. */
    std::string large_;
};

/** JSON text that is written: see mst_profile_set_json_at. */
class Json {
public:
    const std::string &Written() const { return text_; }

    void Open(char bracket)
    {
        Separate();
        text_ += bracket;
    }

    void Close(char bracket) { text_ += bracket; }

    /** The name of what comes next. */
    void Name(const Text &name)
    {
        Separate();
        Quote(text_, name.Data(), name.Length());
        text_ += ':';
    }

    void Name(int64_t name)
    {
        Separate();
        text_ += '"' + Decimal(name) + "\":";
    }

    /** A value without parts. */
    void Write(const MstValue &value)
    {
        Separate();
        switch (value.value_type) {
        case MST_TYPE_BOOL:
            text_ += value.int_value != 0 ? "true" : "false";
            break;
        case MST_TYPE_F32:
            Float(static_cast<float>(value.float_value));
            break;
        case MST_TYPE_F64:
            Double(value.float_value);
            break;
        case MST_TYPE_STRING:
            Quote(text_, value.text, value.text_len);
            break;
        case MST_TYPE_BYTES:
        case MST_TYPE_CUSTOM:
            Base64(reinterpret_cast<const uint8_t *>(value.text), value.text_len);
            break;
        case MST_TYPE_VECTOR2:
        case MST_TYPE_VECTOR3:
        case MST_TYPE_QUATERNION:
            Components(value);
            break;
        case MST_TYPE_COLOR:
            Format("\"#%08lX\"", static_cast<unsigned long>(value.int_value));
            break;
        case MST_TYPE_DATETIME:
            Moment(value.int_value);
            break;
        case MST_TYPE_UUID:
            text_ += '"';
            for (int i = 0; i < 16; ++i) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                    text_ += '-';
                Format("%02lx", static_cast<unsigned long>(value.uuid[i]));
            }
            text_ += '"';
            break;
        default:
            text_ += Decimal(value.int_value);
        }
    }

    /** Puts a text in quotes behind another. */
    static void Quote(std::string &out, const char *text, size_t length)
    {
        out += '"';
        for (size_t i = 0; i < length; ++i) {
            const unsigned char c = static_cast<unsigned char>(text[i]);
            if (c == '"' || c == '\\') {
                out += '\\';
                out += text[i];
            } else if (c < 0x20) {
                char escape[8];
                std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
                out += escape;
            } else {
                out += text[i];
            }
        }
        out += '"';
    }

private:
    void Separate()
    {
        const char last = text_.empty() ? '[' : text_[text_.size() - 1];
        if (last != '[' && last != '{' && last != ':')
            text_ += ',';
    }

    static std::string Decimal(int64_t number)
    {
        char text[32];
        std::snprintf(text, sizeof text, "%lld", static_cast<long long>(number));
        return text;
    }

    void Format(const char *format, unsigned long number)
    {
        char text[32];
        std::snprintf(text, sizeof text, format, number);
        text_ += text;
    }

    void Float(float number)
    {
        if (number != number) {
            uint32_t bits;
            std::memcpy(&bits, &number, sizeof bits);
            Format("\"NaN(0x%08lx)\"", bits);
        } else {
            Double(static_cast<double>(number));
        }
    }

    void Double(double number)
    {
        char text[40];
        if (number != number) {
            uint64_t bits;
            std::memcpy(&bits, &number, sizeof bits);
            std::snprintf(text, sizeof text, "\"NaN(0x%016llx)\"", static_cast<unsigned long long>(bits));
            text_ += text;
        } else if (number - number != 0) {
            text_ += number > 0 ? "\"Infinity\"" : "\"-Infinity\"";
        } else {
            std::snprintf(text, sizeof text, "%.17g", number);
            for (const char *c = text; *c != 0; ++c) {
                // Whatever the locale has as the point of decimals.
                const bool is_point = std::strchr("0123456789+-e", *c) == nullptr;
                text_ += is_point ? '.' : *c;
            }
        }
    }

    void Components(const MstValue &value)
    {
        const float components[] = {value.x, value.y, value.z, value.w};
        const int count = value.value_type == MST_TYPE_VECTOR2 ? 2 : value.value_type == MST_TYPE_VECTOR3 ? 3 : 4;
        text_ += '{';
        for (int i = 0; i < count; ++i) {
            text_ += i == 0 ? "\"" : ",\"";
            text_ += "xyzw"[i];
            text_ += "\":";
            Float(components[i]);
        }
        text_ += '}';
    }

    void Base64(const uint8_t *bytes, size_t length)
    {
        const char *const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        text_ += '"';
        for (size_t i = 0; i < length; i += 3) {
            const size_t left = length - i;
            const uint32_t three = static_cast<uint32_t>(bytes[i]) << 16
                | (left > 1 ? static_cast<uint32_t>(bytes[i + 1]) << 8 : 0u) | (left > 2 ? bytes[i + 2] : 0u);
            text_ += digits[three >> 18];
            text_ += digits[three >> 12 & 63];
            text_ += left > 1 ? digits[three >> 6 & 63] : '=';
            text_ += left > 2 ? digits[three & 63] : '=';
        }
        text_ += '"';
    }

    void Moment(int64_t micros)
    {
        const int64_t day_micros = 86400000000LL;
        int64_t days = micros / day_micros, rest = micros % day_micros;
        if (rest < 0) {
            --days;
            rest += day_micros;
        }
        // The years 1 to 9999; the library refuses a number.
        if (days < -719162 || days > 2932896) {
            text_ += Decimal(micros);
            return;
        }
        // Counted from 1 March of the year 0, in eras of 400 years, so that leap days come last.
        const int64_t since = days + 719468, era = since / 146097, of_era = since % 146097;
        const int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
        const int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        const int64_t month_from_march = (5 * of_year + 2) / 153;
        const int day = static_cast<int>(of_year - (153 * month_from_march + 2) / 5 + 1);
        const int month = static_cast<int>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
        const int year = static_cast<int>(year_of_era + era * 400 + (month <= 2 ? 1 : 0));
        const int seconds = static_cast<int>(rest / 1000000), fraction = static_cast<int>(rest % 1000000);
        char text[96];
        std::snprintf(text, sizeof text, "\"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ\"", year, month, day, seconds / 3600,
            seconds / 60 % 60, seconds % 60, fraction);
        text_ += text;
    }

    std::string text_;
};

inline Place Place::Entry(const Text &key) const
{
    std::string quoted;
    Json::Quote(quoted, key.Data(), key.Length());
    Place within(*this);
    within.Append("[", 1);
    within.Append(quoted.data(), quoted.size());
    within.Append("]", 1);
    return within;
}

namespace detail {

template <typename T> MstResult ReadAt(const Place &place, bool confirmed, T &out)
{
    const Place *const at = &place;
    return Read(out, [=](MstValue *value, void *room, uint32_t capacity, uint32_t *length) {
        return confirmed ? mst_profile_get_confirmed_at(at->Handle(), at->Index(), at->Path(), at->PathLength(), value, room,
                   capacity, length)
                         : mst_profile_get_at(at->Handle(), at->Index(), at->Path(), at->PathLength(), value, room, capacity,
                               length);
    });
}

inline MstResult SetAt(const Place &place, const MstValue &value)
{
    return mst_profile_set_at(place.Handle(), place.Index(), place.Path(), place.PathLength(), &value);
}

inline MstResult SetAt(const Place &place, const Json &json)
{
    const std::string &text = json.Written();
    return mst_profile_set_json_at(place.Handle(), place.Index(), place.Path(), place.PathLength(), text.data(),
        Text(text).Length());
}

inline MstResult InsertAt(const Place &list, uint32_t item, const MstValue &value)
{
    return mst_profile_insert_at(list.Handle(), list.Index(), list.Path(), list.PathLength(), item, &value);
}

inline MstResult InsertAt(const Place &list, uint32_t item, const Json &json)
{
    const std::string &text = json.Written();
    return mst_profile_insert_json_at(list.Handle(), list.Index(), list.Path(), list.PathLength(), item, text.data(),
        Text(text).Length());
}

inline MstResult RemoveAt(const Place &place)
{
    return mst_profile_remove_at(place.Handle(), place.Index(), place.Path(), place.PathLength());
}

inline MstResult ClearAt(const Place &place)
{
    return mst_profile_clear_at(place.Handle(), place.Index(), place.Path(), place.PathLength());
}

inline MstResult CountAt(const Place &place, uint32_t &out)
{
    return mst_profile_count_at(place.Handle(), place.Index(), place.Path(), place.PathLength(), &out);
}

/** The number of elements without this process's unconfirmed changes; 0 when it can't be read. */
inline uint32_t ConfirmedCountAt(const Place &place)
{
    MstValue value = MstValue();
    uint32_t length = 0;
    const MstResult result = mst_profile_get_confirmed_at(place.Handle(), place.Index(), place.Path(), place.PathLength(),
        &value, nullptr, 0, &length);
    return result == MST_OK ? static_cast<uint32_t>(value.int_value) : 0;
}

/** The text that begins with the quote at `at`, of JSON that the library wrote; then `at` is behind it. */
inline std::string Unquoted(const std::string &json, size_t &at)
{
    std::string text;
    for (++at; at < json.size() && json[at] != '"'; ++at) {
        if (json[at] != '\\') {
            text += json[at];
            continue;
        }
        switch (json[++at]) {
        case 'b':
            text += '\b';
            break;
        case 'f':
            text += '\f';
            break;
        case 'n':
            text += '\n';
            break;
        case 'r':
            text += '\r';
            break;
        case 't':
            text += '\t';
            break;
        case 'u':
            // The library escapes nothing else in this way than control characters.
            text += static_cast<char>(std::strtol(json.substr(at + 1, 4).c_str(), nullptr, 16));
            at += 4;
            break;
        default:
            text += json[at];
        }
    }
    ++at;
    return text;
}

/** The names of the members of a JSON object that the library wrote. */
inline std::vector<std::string> Names(const std::string &json)
{
    std::vector<std::string> names;
    int depth = 0;
    for (size_t at = 0; at < json.size();) {
        const char c = json[at];
        if (c == '"') {
            std::string text = Unquoted(json, at);
            if (depth == 1 && at < json.size() && json[at] == ':')
                names.push_back(std::move(text));
            continue;
        }
        depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
        ++at;
    }
    return names;
}

inline MstResult NamesAt(const Place &place, std::vector<std::string> &out)
{
    std::string json;
    for (;;) {
        uint32_t length = 0;
        const MstResult result = mst_profile_get_json_at(place.Handle(), place.Index(), place.Path(), place.PathLength(),
            json.empty() ? nullptr : &json[0], static_cast<uint32_t>(json.size()), &length);
        json.resize(length);
        if (result == MST_OK)
            out = Names(json);
        if (result != MST_ERR_BUFFER_TOO_SMALL)
            return result;
    }
}

inline void KeyOfName(const std::string &name, std::string &key) { key = name; }
inline void KeyOfName(const std::string &name, int32_t &key) { key = static_cast<int32_t>(std::atoll(name.c_str())); }
inline void KeyOfName(const std::string &name, int64_t &key) { key = std::atoll(name.c_str()); }

} // namespace detail

/** What all that stands at a place has. */
class Placed {
public:
    explicit Placed(const Place &place) : place_(place) {}

    /** The place. */
    const Place &Where() const { return place_; }

    /** The property's index in its schema, as events have it. */
    uint32_t Index() const { return place_.Index(); }

    /** Whether a change of this process to the property is not confirmed yet: see mst_profile_is_pending. */
    bool IsPending() const { return Property(place_.Handle(), place_.Index()).IsPending(); }

    /** Calls back when the property changes: see mst_profile_subscribe, and mst_endpoint_event_path for where. */
    MstResult Subscribe(MstEventCallback callback, void *user_data, MstSubscription **out_subscription = nullptr) const
    {
        return Property(place_.Handle(), place_.Index()).Subscribe(callback, user_data, out_subscription);
    }

protected:
    Place place_;
};

/** A value without parts. */
template <typename T> class ScalarAt : public Placed {
public:
    typedef T Value;
    typedef typename detail::Type<T>::Arg Arg;

    explicit ScalarAt(const Place &place) : Placed(place) {}

    /** The value as this process sees it: see mst_profile_get_at. */
    MstResult Get(T &out) const { return detail::ReadAt(place_, false, out); }

    /** The same; zero or empty when nothing is there. */
    T Get() const
    {
        T value = T();
        Get(value);
        return value;
    }

    /** The value without this process's unconfirmed changes: see mst_profile_get_confirmed_at. */
    MstResult GetConfirmed(T &out) const { return detail::ReadAt(place_, true, out); }

    /** The same; zero or empty when nothing is there. */
    T GetConfirmed() const
    {
        T value = T();
        GetConfirmed(value);
        return value;
    }

    /** Sets it; an entry that is not there is made: see mst_profile_set_at. */
    MstResult Set(Arg value) const { return detail::SetAt(place_, detail::Type<T>::In(value)); }

    static void Write(Json &json, const T &value) { json.Write(detail::Type<T>::In(value)); }
    static MstResult InsertInto(const Place &list, uint32_t item, Arg value)
    {
        return detail::InsertAt(list, item, detail::Type<T>::In(value));
    }
};

namespace detail {

inline MstResult AddAt(const Place &at, int64_t amount)
{
    return mst_profile_add_int_at(at.Handle(), at.Index(), at.Path(), at.PathLength(), amount);
}
inline MstResult AddAt(const Place &at, double amount)
{
    return mst_profile_add_f64_at(at.Handle(), at.Index(), at.Path(), at.PathLength(), amount);
}
inline MstResult AddClampedAt(const Place &at, int64_t amount, int64_t min, int64_t max)
{
    return mst_profile_add_int_clamped_at(at.Handle(), at.Index(), at.Path(), at.PathLength(), amount, min, max);
}
inline MstResult AddClampedAt(const Place &at, double amount, double min, double max)
{
    return mst_profile_add_f64_clamped_at(at.Handle(), at.Index(), at.Path(), at.PathLength(), amount, min, max);
}
inline MstResult AddGuardedAt(const Place &at, int64_t amount, int64_t min, int64_t max)
{
    return mst_profile_add_int_guarded_at(at.Handle(), at.Index(), at.Path(), at.PathLength(), amount, min, max);
}
inline MstResult AddGuardedAt(const Place &at, double amount, double min, double max)
{
    return mst_profile_add_f64_guarded_at(at.Handle(), at.Index(), at.Path(), at.PathLength(), amount, min, max);
}

} // namespace detail

/** A number. An entry that is not there counts as zero when something is added to it. */
template <typename T> class NumberAt : public ScalarAt<T> {
    typedef typename detail::Wide<T>::Type Wide;

public:
    explicit NumberAt(const Place &place) : ScalarAt<T>(place) {}

    /** Adds to it. Additions of several writers all count: see mst_profile_add_int_at. */
    MstResult Add(T amount) const { return detail::AddAt(this->place_, static_cast<Wide>(amount)); }

    /** Adds to it and brings the sum to the nearer bound: see mst_profile_add_int_clamped_at. */
    MstResult AddClamped(T amount, T min, T max) const
    {
        return detail::AddClampedAt(this->place_, static_cast<Wide>(amount), static_cast<Wide>(min), static_cast<Wide>(max));
    }

    /** Adds to it if the sum is within the bounds, which the master decides: see mst_profile_add_int_guarded_at. */
    MstResult AddGuarded(T amount, T min, T max) const
    {
        return detail::AddGuardedAt(this->place_, static_cast<Wide>(amount), static_cast<Wide>(min), static_cast<Wide>(max));
    }

    /** Subtracts from it if `least` or more is left, which the master decides. */
    MstResult SubtractGuarded(T amount, T least) const
    {
        const Wide wide = static_cast<Wide>(amount);
        if (!detail::Wide<T>::HasNegative(wide))
            return MST_ERR_INVALID_ARGUMENT;
        return detail::AddGuardedAt(this->place_, -wide, static_cast<Wide>(least), detail::Wide<T>::Most());
    }
};

/** A value of a type of the game's own: bytes. */
class CustomAt : public Placed {
public:
    typedef Bytes Value;
    typedef const ByteView &Arg;

    explicit CustomAt(const Place &place) : Placed(place) {}

    /** The bytes as this process sees them: see mst_profile_get_at. */
    MstResult Get(Bytes &out) const { return detail::ReadAt(place_, false, out); }

    /** The same; none when nothing is there. */
    Bytes Get() const
    {
        Bytes value;
        Get(value);
        return value;
    }

    /** The bytes without this process's unconfirmed changes: see mst_profile_get_confirmed_at. */
    MstResult GetConfirmed(Bytes &out) const { return detail::ReadAt(place_, true, out); }

    /** The same; none when nothing is there. */
    Bytes GetConfirmed() const
    {
        Bytes value;
        GetConfirmed(value);
        return value;
    }

    /** Sets it; an entry that is not there is made: see mst_profile_set_at. */
    MstResult Set(Arg value) const { return detail::SetAt(place_, In(value)); }

    static void Write(Json &json, const Bytes &value) { json.Write(In(value)); }
    static MstResult InsertInto(const Place &list, uint32_t item, Arg value)
    {
        return detail::InsertAt(list, item, In(value));
    }

private:
    static MstValue In(Arg value) { return detail::TextOf(MST_TYPE_CUSTOM, value.Data(), value.Length()); }
};

/** A record, as generated code has it: its struct `T` and the accessors of its fields. */
template <typename T> class RecordAt : public Placed {
public:
    typedef T Value;
    typedef const T &Arg;

    explicit RecordAt(const Place &place) : Placed(place) {}

    /** All of it, as this process sees it. It is read field by field: on a thread where nothing changes it meanwhile. */
    MstResult Get(T &out) const
    {
        T read = T();
        const MstResult result = read.ReadFrom(place_);
        if (result == MST_OK)
            out = std::move(read);
        return result;
    }

    /** The same; as a new one when nothing is there. */
    T Get() const
    {
        T value = T();
        Get(value);
        return value;
    }

    /** Sets all of it: what differs is changed, in one batch. An entry that is not there is made. See mst_profile_set_json_at. */
    MstResult Set(const T &value) const
    {
        Json json;
        value.WriteTo(json);
        return detail::SetAt(place_, json);
    }

    static void Write(Json &json, const T &value) { value.WriteTo(json); }
    static MstResult InsertInto(const Place &list, uint32_t item, const T &value)
    {
        Json json;
        value.WriteTo(json);
        return detail::InsertAt(list, item, json);
    }
};

/**
 * A list of what `E` stands for. A place is that in the list which this process sees; the master finds the item wherever it
 * stands by then.
 */
template <typename E> class ListAt : public Placed {
public:
    typedef typename E::Value Item;
    typedef typename E::Arg ItemArg;
    typedef std::vector<Item> Value;
    typedef const Value &Arg;

    explicit ListAt(const Place &place) : Placed(place) {}

    /** The number of items: see mst_profile_count_at. */
    MstResult Count(uint32_t &out) const { return detail::CountAt(place_, out); }

    /** The same; 0 when it can't be read. */
    uint32_t Count() const
    {
        uint32_t count = 0;
        Count(count);
        return count;
    }

    /** The number of items without this process's unconfirmed changes. */
    uint32_t ConfirmedCount() const { return detail::ConfirmedCountAt(place_); }

    /** The item at a place, from 0, to be read or changed. */
    E At(uint32_t place) const { return E(place_.Item(place)); }
    E operator[](uint32_t place) const { return At(place); }

    /** The item at a place, from 0. */
    MstResult Get(uint32_t place, Item &out) const { return At(place).Get(out); }

    /** The same; zero or empty when there is none. */
    Item Get(uint32_t place) const { return At(place).Get(); }

    /** All items, in their order. They are read one by one: on a thread where nothing changes them meanwhile. */
    MstResult Get(Value &out) const
    {
        uint32_t count = 0;
        MstResult result = Count(count);
        Value all;
        for (uint32_t i = 0; result == MST_OK && i < count; ++i) {
            Item item = Item();
            result = Get(i, item);
            all.push_back(std::move(item));
        }
        if (result == MST_OK)
            out = std::move(all);
        return result;
    }

    /** The same; none when it can't be read. */
    Value Get() const
    {
        Value all;
        Get(all);
        return all;
    }

    /** Appends an item: see mst_profile_insert_at. */
    MstResult Push(ItemArg value) const { return E::InsertInto(place_, (std::numeric_limits<uint32_t>::max)(), value); }

    /** Inserts an item, so that it stands at `place`: see mst_profile_insert_at. */
    MstResult Insert(uint32_t place, ItemArg value) const { return E::InsertInto(place_, place, value); }

    /** Gives the item at a place another value: see mst_profile_set_at. */
    MstResult Set(uint32_t place, ItemArg value) const { return At(place).Set(value); }

    /** Gives the whole list another value: what differs is changed, in one batch. See mst_profile_set_json_at. */
    MstResult Set(const Value &items) const
    {
        Json json;
        Write(json, items);
        return detail::SetAt(place_, json);
    }

    /** Removes the item at a place: see mst_profile_remove_at. */
    MstResult Remove(uint32_t place) const { return detail::RemoveAt(place_.Item(place)); }

    /** Moves the item at a place, so that it stands at `to`: see mst_profile_move_at. */
    MstResult Move(uint32_t from, uint32_t to) const
    {
        const Place item = place_.Item(from);
        return mst_profile_move_at(item.Handle(), item.Index(), item.Path(), item.PathLength(), to);
    }

    /** Removes everything, also what others put there meanwhile: see mst_profile_clear_at. */
    MstResult Clear() const { return detail::ClearAt(place_); }

    static void Write(Json &json, const Value &items)
    {
        json.Open('[');
        for (const Item &item : items)
            E::Write(json, item);
        json.Close(']');
    }

    static MstResult InsertInto(const Place &list, uint32_t item, const Value &value)
    {
        Json json;
        Write(json, value);
        return detail::InsertAt(list, item, json);
    }

    /** Goes through the items as they are when it comes to them. */
    class Iterator {
    public:
        Iterator(const ListAt &list, bool is_end) : list_(list), place_(0), item_(), is_end_(is_end) { Read(); }
        const Item &operator*() const { return item_; }
        const Item *operator->() const { return &item_; }
        Iterator &operator++()
        {
            ++place_;
            Read();
            return *this;
        }
        bool operator!=(const Iterator &other) const { return is_end_ != other.is_end_; }

    private:
        void Read() { is_end_ = is_end_ || list_.Get(place_, item_) != MST_OK; }

        ListAt list_;
        uint32_t place_;
        Item item_;
        bool is_end_;
    };

    Iterator begin() const { return Iterator(*this, false); }
    Iterator end() const { return Iterator(*this, true); }
};

/** A dictionary of what `E` stands for. */
template <typename K, typename E> class DictAt : public Placed {
public:
    typedef typename detail::KeyOf<K>::Arg KeyArg;
    typedef typename E::Value Item;
    typedef typename E::Arg ItemArg;
    typedef std::map<K, Item> Value;
    typedef const Value &Arg;

    /** A key with its value. */
    struct Entry {
        K key;
        Item value;
        Entry() : key(), value() {}
    };

    explicit DictAt(const Place &place) : Placed(place) {}

    /** The number of entries: see mst_profile_count_at. */
    MstResult Count(uint32_t &out) const { return detail::CountAt(place_, out); }

    /** The same; 0 when it can't be read. */
    uint32_t Count() const
    {
        uint32_t count = 0;
        Count(count);
        return count;
    }

    /** The number of entries without this process's unconfirmed changes. */
    uint32_t ConfirmedCount() const { return detail::ConfirmedCountAt(place_); }

    /**
     * The value of a key, to be read or changed. Setting it, or adding to it, makes an entry that is not there; a field of a
     * record that is not there can't be changed.
     */
    E At(KeyArg key) const { return E(place_.Entry(key)); }
    E operator[](KeyArg key) const { return At(key); }

    /** The value of a key. MST_ERR_NO_SUCH_PLACE when it has none. */
    MstResult Get(KeyArg key, Item &out) const { return At(key).Get(out); }

    /** The same; zero or empty when it has none. */
    Item Get(KeyArg key) const { return At(key).Get(); }

    /** Whether it has a key. */
    bool Contains(KeyArg key) const
    {
        const Place place = place_.Entry(key);
        MstValue value = MstValue();
        uint32_t length = 0;
        const MstResult result = mst_profile_get_at(place.Handle(), place.Index(), place.Path(), place.PathLength(), &value,
            nullptr, 0, &length);
        return result == MST_OK || result == MST_ERR_BUFFER_TOO_SMALL;
    }

    /** The keys, in their order. */
    MstResult Keys(std::vector<K> &out) const
    {
        std::vector<std::string> names;
        const MstResult result = detail::NamesAt(place_, names);
        if (result != MST_OK)
            return result;
        std::map<K, bool> sorted;
        for (const std::string &name : names) {
            K key = K();
            detail::KeyOfName(name, key);
            sorted[key] = true;
        }
        out.clear();
        for (const auto &entry : sorted)
            out.push_back(entry.first);
        return MST_OK;
    }

    /** The same; none when it can't be read. */
    std::vector<K> Keys() const
    {
        std::vector<K> keys;
        Keys(keys);
        return keys;
    }

    /** All entries. They are read one by one: on a thread where nothing changes them meanwhile. */
    MstResult Get(Value &out) const
    {
        std::vector<K> keys;
        MstResult result = Keys(keys);
        Value all;
        for (size_t i = 0; result == MST_OK && i < keys.size(); ++i)
            result = Get(keys[i], all[keys[i]]);
        if (result == MST_OK)
            out = std::move(all);
        return result;
    }

    /** The same; none when it can't be read. */
    Value Get() const
    {
        Value all;
        Get(all);
        return all;
    }

    /** Gives a key a value: see mst_profile_set_at. */
    MstResult Put(KeyArg key, ItemArg value) const { return At(key).Set(value); }

    /** Gives the whole dictionary another value: what differs is changed, in one batch. See mst_profile_set_json_at. */
    MstResult Set(const Value &entries) const
    {
        Json json;
        Write(json, entries);
        return detail::SetAt(place_, json);
    }

    /** Removes a key: see mst_profile_remove_at. */
    MstResult Remove(KeyArg key) const { return detail::RemoveAt(place_.Entry(key)); }

    /** Removes everything, also what others put there meanwhile: see mst_profile_clear_at. */
    MstResult Clear() const { return detail::ClearAt(place_); }

    static void Write(Json &json, const Value &entries)
    {
        json.Open('{');
        for (const auto &entry : entries) {
            json.Name(entry.first);
            E::Write(json, entry.second);
        }
        json.Close('}');
    }

    static MstResult InsertInto(const Place &list, uint32_t item, const Value &value)
    {
        Json json;
        Write(json, value);
        return detail::InsertAt(list, item, json);
    }

    /** Goes through the entries in the order of their keys, as they are when it comes to them. */
    class Iterator {
    public:
        Iterator(const DictAt &dict, bool is_end) : dict_(dict), next_(0), entry_(), is_end_(is_end)
        {
            if (!is_end_)
                dict_.Keys(keys_);
            Next();
        }
        const Entry &operator*() const { return entry_; }
        const Entry *operator->() const { return &entry_; }
        Iterator &operator++()
        {
            Next();
            return *this;
        }
        bool operator!=(const Iterator &other) const { return is_end_ != other.is_end_; }

    private:
        void Next()
        {
            is_end_ = true;
            while (is_end_ && next_ < keys_.size()) {
                entry_.key = keys_[next_++];
                is_end_ = dict_.Get(entry_.key, entry_.value) != MST_OK;
            }
        }

        DictAt dict_;
        std::vector<K> keys_;
        size_t next_;
        Entry entry_;
        bool is_end_;
    };

    Iterator begin() const { return Iterator(*this, false); }
    Iterator end() const { return Iterator(*this, true); }
};

/* ---- finding them ---- */

/** A property that generated code was written for. */
struct Declared {
    const char *name;
    uint16_t key;
    /** Its type, as mst_schema_property_type tells it. */
    const char *type_name;
};

namespace detail {

/** Whether a property of a schema is of a type. */
inline MstResult IsOfType(const MstSchema *schema, uint32_t index, const char *type_name, bool &out)
{
    std::string found(kRoom, 0);
    for (;;) {
        uint32_t length = 0;
        const MstResult result =
            mst_schema_property_type(schema, index, &found[0], static_cast<uint32_t>(found.size()), &length);
        found.resize(length);
        out = result == MST_OK && found == type_name;
        if (result != MST_ERR_BUFFER_TOO_SMALL)
            return result;
    }
}

} // namespace detail

/**
 * Finds the declared properties of a profile, whose indexes go into `indexes`. A schema with the declared fingerprint has
 * them in their order. In another one they are found by their keys, and each must have the type that was declared: it may
 * have more properties, in another order, and other rights. MST_ERR_SCHEMA_MISMATCH when one is missing or of another
 * type; its name goes into `mismatch`, which else gets null.
 */
inline MstResult Find(const MstProfile *profile, uint64_t fingerprint, const Declared *declared, uint32_t count,
    uint32_t *indexes, const char **mismatch)
{
    MstSchema *schema = nullptr;
    uint64_t found = 0;
    *mismatch = nullptr;
    MstResult result = mst_schema_of_profile(profile, &schema);
    if (result != MST_OK)
        return result;
    result = mst_schema_fingerprint(schema, &found);
    for (uint32_t i = 0; result == MST_OK && i < count; ++i) {
        indexes[i] = i;
        if (found == fingerprint)
            continue;
        bool is_of_type = true;
        result = mst_schema_find_key(schema, declared[i].key, &indexes[i]);
        if (result == MST_OK)
            result = detail::IsOfType(schema, indexes[i], declared[i].type_name, is_of_type);
        if (result == MST_ERR_UNKNOWN_PROPERTY || (result == MST_OK && !is_of_type)) {
            result = MST_ERR_SCHEMA_MISMATCH;
            *mismatch = declared[i].name;
        }
    }
    mst_schema_free(schema);
    return result;
}

} // namespace typed
} // namespace mst

#endif /* MST_PROFILES_TYPED_HPP */

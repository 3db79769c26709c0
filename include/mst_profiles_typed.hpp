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
#include <cstring>
#include <limits>
#include <string>
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

/* ---- finding them ---- */

/** A property that generated code was written for. */
struct Declared {
    const char *name;
    uint16_t key;
    int32_t value_type;
    int32_t element_type;
    int32_t key_type;
};

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
        MstPropertyInfo info = MstPropertyInfo();
        result = mst_schema_find_key(schema, declared[i].key, &indexes[i]);
        if (result == MST_OK)
            result = mst_schema_property_info(schema, indexes[i], &info);
        if (result == MST_ERR_UNKNOWN_PROPERTY
            || (result == MST_OK
                && (info.value_type != declared[i].value_type || info.element_type != declared[i].element_type
                    || info.key_type != declared[i].key_type))) {
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

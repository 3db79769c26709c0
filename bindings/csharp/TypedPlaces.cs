// mst-profiles: typed places within properties, for C# 7.2 and later, Unity included.
//
// What the code is made of that `mst-profiles schema gen --lang csharp` writes for records, for lists and dictionaries of
// anything, and for values of the game's own; see Typed.cs. A place is a struct with the way to it as text, so that scalars are
// read and changed without garbage; what is read or set whole is allocated.

// What its name says all of has no comment.
#pragma warning disable 1591

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Runtime.InteropServices;
using MstProfiles.Native;
using static MstProfiles.Native.NativeMethods;

namespace MstProfiles.Typed
{
    /// <summary>A value of a type of the game's own.</summary>
    public unsafe struct Custom : IType<byte[]>
    {
        public int Room(byte[] value) { return default(Blob).Room(value); }

        public MstValue In(byte[] value, byte* room, int size)
        {
            MstValue made = default(Blob).In(value, room, size);
            made.value_type = (int)MstValueType.MST_TYPE_CUSTOM;
            return made;
        }

        public byte[] Out(MstValue* value) { return default(Blob).Out(value); }
    }

    /// <summary>A place within a property: a field of a record, an item of a list, an entry of a dictionary, however deep. It is
    /// the way there as text, as <c>mst_profile_get_at</c> reads it; most ways take no allocation.</summary>
    public unsafe struct Place
    {
        private const int SmallLength = 104;

        private readonly MstProfile* profile;
        private readonly uint index;
        private int length;
        private fixed byte small[SmallLength];
        private byte[] large;

        public Place(MstProfile* profile, uint index)
        {
            this.profile = profile;
            this.index = index;
            length = 0;
            large = null;
        }

        /// <summary>The property's index in its schema, as events have it.</summary>
        public uint Index { get { return index; } }

        /// <summary>Whether a change of this process to the property is not confirmed yet.</summary>
        public bool IsPending { get { return Crossing.IsPending(profile, index); } }

        public Place Field(string name)
        {
            Place within = Copy();
            within.Append((byte)'.');
            foreach (char letter in name)
            {
                within.Append((byte)letter);
            }
            return within;
        }

        public Place Item(int item)
        {
            Place within = Copy();
            within.Append((byte)'[');
            within.Append((long)(uint)item);
            within.Append((byte)']');
            return within;
        }

        public Place Entry<K, TKey>(K key) where TKey : struct, IKeyType<K>
        {
            int size = default(TKey).Room(key);
            byte* near = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(near, size);
            MstKey native = default(TKey).In(key, room, size);
            Place within = Copy();
            within.Append((byte)'[');
            if ((MstKeyType)native.key_type == MstKeyType.MST_KEY_STRING)
            {
                within.Append((byte)'"');
                for (int i = 0; i < size; i++)
                {
                    within.AppendEscaped(room[i]);
                }
                within.Append((byte)'"');
            }
            else
            {
                within.Append(native.int_value);
            }
            within.Append((byte)']');
            Crossing.Free(near, room);
            return within;
        }

        /// <summary>The same place, with a long way of its own.</summary>
        private Place Copy()
        {
            Place copy = this;
            if (large != null)
            {
                copy.large = (byte[])large.Clone();
            }
            return copy;
        }

        private void Append(byte letter)
        {
            if (large == null && length < SmallLength)
            {
                fixed (byte* near = small)
                {
                    near[length] = letter;
                }
            }
            else
            {
                if (large == null || large.Length == length)
                {
                    Grow();
                }
                large[length] = letter;
            }
            length++;
        }

        private void Grow()
        {
            var grown = new byte[length * 2];
            if (large != null)
            {
                large.CopyTo(grown, 0);
            }
            else
            {
                fixed (byte* near = small)
                {
                    Marshal.Copy((IntPtr)near, grown, 0, length);
                }
            }
            large = grown;
        }

        private void Append(long number)
        {
            if (number < 0)
            {
                Append((byte)'-');
            }
            byte* digits = stackalloc byte[20];
            int count = 0;
            do
            {
                long digit = number % 10;
                digits[count++] = (byte)('0' + (digit < 0 ? -digit : digit));
                number /= 10;
            }
            while (number != 0);
            while (count > 0)
            {
                Append(digits[--count]);
            }
        }

        private void AppendEscaped(byte letter)
        {
            if (letter < 0x20)
            {
                const string Digits = "0123456789abcdef";
                foreach (char c in "\\u00")
                {
                    Append((byte)c);
                }
                Append((byte)Digits[letter >> 4]);
                Append((byte)Digits[letter & 15]);
                return;
            }
            if (letter == '"' || letter == '\\')
            {
                Append((byte)'\\');
            }
            Append(letter);
        }

        internal MstResult Get<T, TType>(bool confirmed, out T value) where TType : struct, IType<T>
        {
            byte* nearRoom = stackalloc byte[Crossing.SmallRoom];
            byte* room = nearRoom;
            uint capacity = Crossing.SmallRoom;
            value = default(T);
            fixed (byte* near = small, far = large)
            {
                byte* path = far == null ? near : far;
                for (;;)
                {
                    MstValue read;
                    uint needed;
                    MstResult result = confirmed
                        ? mst_profile_get_confirmed_at(profile, index, path, (uint)length, &read, room, capacity, &needed)
                        : mst_profile_get_at(profile, index, path, (uint)length, &read, room, capacity, &needed);
                    if (result == MstResult.MST_OK)
                    {
                        value = default(TType).Out(&read);
                    }
                    Crossing.Free(nearRoom, room);
                    if (result != MstResult.MST_ERR_BUFFER_TOO_SMALL)
                    {
                        return result;
                    }
                    room = Crossing.Room(nearRoom, (int)needed);
                    capacity = needed;
                }
            }
        }

        /// <summary>Whether something is there.</summary>
        internal bool IsThere
        {
            get
            {
                MstValue read;
                uint needed;
                MstResult result;
                fixed (byte* near = small, far = large)
                {
                    result = mst_profile_get_at(
                        profile, index, far == null ? near : far, (uint)length, &read, null, 0, &needed);
                }
                if (result == MstResult.MST_ERR_NO_SUCH_PLACE)
                {
                    return false;
                }
                if (result != MstResult.MST_ERR_BUFFER_TOO_SMALL)
                {
                    Crossing.Check(result);
                }
                return true;
            }
        }

        internal int Count
        {
            get
            {
                uint count;
                fixed (byte* near = small, far = large)
                {
                    Crossing.Check(mst_profile_count_at(profile, index, far == null ? near : far, (uint)length, &count));
                }
                return (int)count;
            }
        }

        internal int ConfirmedCount
        {
            get
            {
                MstValue read;
                uint needed;
                fixed (byte* near = small, far = large)
                {
                    Crossing.Check(mst_profile_get_confirmed_at(
                        profile, index, far == null ? near : far, (uint)length, &read, null, 0, &needed));
                }
                return (int)read.int_value;
            }
        }

        /// <summary>The value of a record, list or dictionary as JSON.</summary>
        internal MstResult GetJson(out byte[] json)
        {
            json = new byte[256];
            fixed (byte* near = small, far = large)
            {
                for (;;)
                {
                    uint needed;
                    MstResult result;
                    fixed (byte* room = json)
                    {
                        result = mst_profile_get_json_at(
                            profile, index, far == null ? near : far, (uint)length, room, (uint)json.Length, &needed);
                    }
                    if (result == MstResult.MST_ERR_BUFFER_TOO_SMALL)
                    {
                        json = new byte[needed];
                        continue;
                    }
                    if (result == MstResult.MST_OK)
                    {
                        Array.Resize(ref json, (int)needed);
                    }
                    return result;
                }
            }
        }

        internal MstResult Set<T, TType>(T value) where TType : struct, IType<T>
        {
            int size = default(TType).Room(value);
            byte* nearRoom = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(nearRoom, size);
            MstValue native = default(TType).In(value, room, size);
            MstResult result;
            fixed (byte* near = small, far = large)
            {
                result = mst_profile_set_at(profile, index, far == null ? near : far, (uint)length, &native);
            }
            Crossing.Free(nearRoom, room);
            return result;
        }

        internal MstResult Insert<T, TType>(uint item, T value) where TType : struct, IType<T>
        {
            int size = default(TType).Room(value);
            byte* nearRoom = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(nearRoom, size);
            MstValue native = default(TType).In(value, room, size);
            MstResult result;
            fixed (byte* near = small, far = large)
            {
                result = mst_profile_insert_at(profile, index, far == null ? near : far, (uint)length, item, &native);
            }
            Crossing.Free(nearRoom, room);
            return result;
        }

        /// <summary>Sets what is there whole: see <c>mst_profile_set_json_at</c>.</summary>
        public MstResult Set(JsonText json)
        {
            fixed (byte* near = small, far = large, text = json.Bytes)
            {
                return mst_profile_set_json_at(
                    profile, index, far == null ? near : far, (uint)length, text, (uint)json.Length);
            }
        }

        /// <summary>Inserts an item into the list that is there: see <c>mst_profile_insert_json_at</c>.</summary>
        public MstResult Insert(uint item, JsonText json)
        {
            fixed (byte* near = small, far = large, text = json.Bytes)
            {
                return mst_profile_insert_json_at(
                    profile, index, far == null ? near : far, (uint)length, item, text, (uint)json.Length);
            }
        }

        internal MstResult Remove()
        {
            fixed (byte* near = small, far = large)
            {
                return mst_profile_remove_at(profile, index, far == null ? near : far, (uint)length);
            }
        }

        internal MstResult Move(int to)
        {
            fixed (byte* near = small, far = large)
            {
                return mst_profile_move_at(profile, index, far == null ? near : far, (uint)length, (uint)to);
            }
        }

        internal MstResult Clear()
        {
            fixed (byte* near = small, far = large)
            {
                return mst_profile_clear_at(profile, index, far == null ? near : far, (uint)length);
            }
        }

        internal MstResult Add(long amount)
        {
            fixed (byte* near = small, far = large)
            {
                return mst_profile_add_int_at(profile, index, far == null ? near : far, (uint)length, amount);
            }
        }

        internal MstResult Add(double amount)
        {
            fixed (byte* near = small, far = large)
            {
                return mst_profile_add_f64_at(profile, index, far == null ? near : far, (uint)length, amount);
            }
        }

        internal MstResult AddClamped(long amount, long min, long max)
        {
            fixed (byte* near = small, far = large)
            {
                return mst_profile_add_int_clamped_at(
                    profile, index, far == null ? near : far, (uint)length, amount, min, max);
            }
        }

        internal MstResult AddClamped(double amount, double min, double max)
        {
            fixed (byte* near = small, far = large)
            {
                return mst_profile_add_f64_clamped_at(
                    profile, index, far == null ? near : far, (uint)length, amount, min, max);
            }
        }

        internal MstResult AddGuarded(long amount, long min, long max)
        {
            fixed (byte* near = small, far = large)
            {
                return mst_profile_add_int_guarded_at(
                    profile, index, far == null ? near : far, (uint)length, amount, min, max);
            }
        }

        internal MstResult AddGuarded(double amount, double min, double max)
        {
            fixed (byte* near = small, far = large)
            {
                return mst_profile_add_f64_guarded_at(
                    profile, index, far == null ? near : far, (uint)length, amount, min, max);
            }
        }
    }

    /// <summary>JSON text that is written: see <c>mst_profile_set_json_at</c>.</summary>
    public sealed unsafe class JsonText
    {
        private byte[] bytes = new byte[256];
        private int length;

        internal byte[] Bytes { get { return bytes; } }
        internal int Length { get { return length; } }

        public void Open(char bracket)
        {
            Separate();
            Append((byte)bracket);
        }

        public void Close(char bracket) { Append((byte)bracket); }

        /// <summary>The name of what comes next.</summary>
        public void Name(string name) { Name<string, Text>(name); }

        /// <summary>The key of what comes next.</summary>
        public void Name<K, TKey>(K key) where TKey : struct, IKeyType<K>
        {
            int size = default(TKey).Room(key);
            byte* near = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(near, size);
            MstKey native = default(TKey).In(key, room, size);
            Separate();
            if ((MstKeyType)native.key_type == MstKeyType.MST_KEY_STRING)
            {
                Quote(room, size);
            }
            else
            {
                Append("\"" + native.int_value.ToString(CultureInfo.InvariantCulture) + "\"");
            }
            Crossing.Free(near, room);
            Append((byte)':');
        }

        /// <summary>A value without parts.</summary>
        public void Write<T, TType>(T value) where TType : struct, IType<T>
        {
            int size = default(TType).Room(value);
            byte* near = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(near, size);
            MstValue native = default(TType).In(value, room, size);
            Separate();
            Write(&native);
            Crossing.Free(near, room);
        }

        private void Write(MstValue* value)
        {
            switch ((MstValueType)value->value_type)
            {
                case MstValueType.MST_TYPE_BOOL:
                    Append(value->int_value != 0 ? "true" : "false");
                    break;
                case MstValueType.MST_TYPE_F32:
                    Float((float)value->float_value);
                    break;
                case MstValueType.MST_TYPE_F64:
                    Double(value->float_value);
                    break;
                case MstValueType.MST_TYPE_STRING:
                    Quote(value->text, (int)value->text_len);
                    break;
                case MstValueType.MST_TYPE_BYTES:
                case MstValueType.MST_TYPE_CUSTOM:
                    Append("\"" + Convert.ToBase64String(default(Blob).Out(value)) + "\"");
                    break;
                case MstValueType.MST_TYPE_VECTOR2:
                case MstValueType.MST_TYPE_VECTOR3:
                case MstValueType.MST_TYPE_QUATERNION:
                    Components(value);
                    break;
                case MstValueType.MST_TYPE_COLOR:
                    Append("\"#" + ((uint)value->int_value).ToString("X8", CultureInfo.InvariantCulture) + "\"");
                    break;
                case MstValueType.MST_TYPE_DATETIME:
                    Append(default(Moment).Out(value).ToString(
                        "'\"'yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'ffffff'Z\"'", CultureInfo.InvariantCulture));
                    break;
                case MstValueType.MST_TYPE_UUID:
                    Append("\"" + default(Uuid).Out(value).ToString("D") + "\"");
                    break;
                default:
                    Append(value->int_value.ToString(CultureInfo.InvariantCulture));
                    break;
            }
        }

        private void Separate()
        {
            byte last = length == 0 ? (byte)'[' : bytes[length - 1];
            if (last != '[' && last != '{' && last != ':')
            {
                Append((byte)',');
            }
        }

        private void Append(byte letter)
        {
            if (length == bytes.Length)
            {
                Array.Resize(ref bytes, length * 2);
            }
            bytes[length++] = letter;
        }

        private void Append(string ascii)
        {
            foreach (char letter in ascii)
            {
                Append((byte)letter);
            }
        }

        private void Quote(byte* text, int size)
        {
            Append((byte)'"');
            for (int i = 0; i < size; i++)
            {
                byte letter = text[i];
                if (letter < 0x20)
                {
                    Append("\\u" + letter.ToString("x4", CultureInfo.InvariantCulture));
                    continue;
                }
                if (letter == '"' || letter == '\\')
                {
                    Append((byte)'\\');
                }
                Append(letter);
            }
            Append((byte)'"');
        }

        private void Float(float number)
        {
            if (float.IsNaN(number))
            {
                Append("\"NaN(0x" + (*(uint*)&number).ToString("x8", CultureInfo.InvariantCulture) + ")\"");
            }
            else
            {
                Double(number);
            }
        }

        private void Double(double number)
        {
            if (double.IsNaN(number))
            {
                Append("\"NaN(0x" + (*(ulong*)&number).ToString("x16", CultureInfo.InvariantCulture) + ")\"");
            }
            else if (double.IsInfinity(number))
            {
                Append(number > 0 ? "\"Infinity\"" : "\"-Infinity\"");
            }
            else if (number == 0)
            {
                // Not every runtime writes the sign of a zero.
                Append(*(long*)&number < 0 ? "-0.0" : "0.0");
            }
            else
            {
                Append(number.ToString("G17", CultureInfo.InvariantCulture));
            }
        }

        private void Components(MstValue* value)
        {
            var type = (MstValueType)value->value_type;
            Append("{\"x\":");
            Float(value->x);
            Append(",\"y\":");
            Float(value->y);
            if (type != MstValueType.MST_TYPE_VECTOR2)
            {
                Append(",\"z\":");
                Float(value->z);
            }
            if (type == MstValueType.MST_TYPE_QUATERNION)
            {
                Append(",\"w\":");
                Float(value->w);
            }
            Append((byte)'}');
        }

        /// <summary>The names of the members of a JSON object that the library wrote.</summary>
        internal static List<byte[]> Names(byte[] json)
        {
            var names = new List<byte[]>();
            int depth = 0;
            for (int at = 0; at < json.Length;)
            {
                byte letter = json[at];
                if (letter == '"')
                {
                    byte[] text = Unquoted(json, ref at);
                    if (depth == 1 && at < json.Length && json[at] == ':')
                    {
                        names.Add(text);
                    }
                    continue;
                }
                depth += letter == '{' || letter == '[' ? 1 : letter == '}' || letter == ']' ? -1 : 0;
                at++;
            }
            return names;
        }

        /// <summary>The text that begins with the quote at <c>at</c>, which then is behind it.</summary>
        private static byte[] Unquoted(byte[] json, ref int at)
        {
            var text = new List<byte>();
            for (at++; json[at] != '"'; at++)
            {
                if (json[at] != '\\')
                {
                    text.Add(json[at]);
                    continue;
                }
                switch ((char)json[++at])
                {
                    case 'b':
                        text.Add((byte)'\b');
                        break;
                    case 'f':
                        text.Add((byte)'\f');
                        break;
                    case 'n':
                        text.Add((byte)'\n');
                        break;
                    case 'r':
                        text.Add((byte)'\r');
                        break;
                    case 't':
                        text.Add((byte)'\t');
                        break;
                    case 'u':
                        // The library escapes nothing else in this way than control characters.
                        text.Add((byte)(Digit(json[at + 3]) << 4 | Digit(json[at + 4])));
                        at += 4;
                        break;
                    default:
                        text.Add(json[at]);
                        break;
                }
            }
            at++;
            return text.ToArray();
        }

        private static int Digit(byte letter) { return letter <= '9' ? letter - '0' : (letter | 0x20) - 'a' + 10; }
    }

    /// <summary>What stands at a place. (For use by this file and by generated code.)</summary>
    public interface IPart<T>
    {
        /// <summary>Says where it stands.</summary>
        void Stand(Place place);

        /// <summary>Reads it whole.</summary>
        MstResult TryGet(out T value);

        /// <summary>Sets it whole.</summary>
        MstResult Set(T value);

        /// <summary>Inserts such a value into a list, wherever this stands.</summary>
        MstResult InsertInto(Place list, uint item, T value);

        /// <summary>Writes such a value, wherever this stands.</summary>
        void Write(JsonText json, T value);
    }

    /// <summary>What generated code does with places.</summary>
    public static class Places
    {
        /// <summary>The value of what stands there; throws when nothing does.</summary>
        public static T Value<T, TPart>(TPart part) where TPart : struct, IPart<T>
        {
            T value;
            Crossing.Check(part.TryGet(out value));
            return value;
        }

        /// <summary>A value that must not be null.</summary>
        public static T Given<T>(T value) where T : class
        {
            if (value == null)
            {
                throw new ArgumentNullException("value");
            }
            return value;
        }
    }

    /// <summary>A value without parts, or one of the game's own.</summary>
    public struct ScalarPlace<T, TType> : IPart<T> where TType : struct, IType<T>
    {
        private Place place;

        public ScalarPlace(Place place) { this.place = place; }

        /// <summary>The property's index in its schema, as events have it.</summary>
        public uint Index { get { return place.Index; } }

        /// <summary>Whether a change of this process to the property is not confirmed yet.</summary>
        public bool IsPending { get { return place.IsPending; } }

        /// <summary>The value as this process sees it, its own unconfirmed changes included.</summary>
        public T Value { get { return Places.Value<T, ScalarPlace<T, TType>>(this); } }

        /// <summary>The value without this process's unconfirmed changes.</summary>
        public T Confirmed
        {
            get
            {
                T value;
                Crossing.Check(place.Get<T, TType>(true, out value));
                return value;
            }
        }

        /// <summary>Reads it: see <c>mst_profile_get_at</c>. <c>MST_ERR_NO_SUCH_PLACE</c> when nothing is there.</summary>
        public MstResult TryGet(out T value) { return place.Get<T, TType>(false, out value); }

        /// <summary>Sets it; an entry that is not there is made: see <c>mst_profile_set_at</c>.</summary>
        public MstResult Set(T value) { return place.Set<T, TType>(value); }

        public void Stand(Place place) { this.place = place; }
        public MstResult InsertInto(Place list, uint item, T value) { return list.Insert<T, TType>(item, value); }
        public void Write(JsonText json, T value) { json.Write<T, TType>(value); }
    }

    /// <summary>A number. An entry that is not there counts as zero when something is added to it.</summary>
    public struct NumberPlace<T, TType> : IPart<T> where TType : struct, INumberType<T>
    {
        private Place place;

        public NumberPlace(Place place) { this.place = place; }

        private ScalarPlace<T, TType> Scalar { get { return new ScalarPlace<T, TType>(place); } }

        /// <summary>The property's index in its schema, as events have it.</summary>
        public uint Index { get { return place.Index; } }

        /// <summary>Whether a change of this process to the property is not confirmed yet.</summary>
        public bool IsPending { get { return place.IsPending; } }

        /// <summary>The value as this process sees it, its own unconfirmed changes included.</summary>
        public T Value { get { return Scalar.Value; } }

        /// <summary>The value without this process's unconfirmed changes.</summary>
        public T Confirmed { get { return Scalar.Confirmed; } }

        /// <summary>Reads it: see <c>mst_profile_get_at</c>. <c>MST_ERR_NO_SUCH_PLACE</c> when nothing is there.</summary>
        public MstResult TryGet(out T value) { return place.Get<T, TType>(false, out value); }

        /// <summary>Sets it; an entry that is not there is made: see <c>mst_profile_set_at</c>.</summary>
        public MstResult Set(T value) { return place.Set<T, TType>(value); }

        /// <summary>Adds to it. Additions of several writers all count: see <c>mst_profile_add_int_at</c>.</summary>
        public MstResult Add(T amount)
        {
            TType type = default(TType);
            return type.IsInteger ? place.Add(type.ToInteger(amount)) : place.Add(type.ToFloat(amount));
        }

        /// <summary>Adds to it and brings the sum to the nearer bound: see <c>mst_profile_add_int_clamped_at</c>.</summary>
        public MstResult AddClamped(T amount, T min, T max)
        {
            TType type = default(TType);
            return type.IsInteger
                ? place.AddClamped(type.ToInteger(amount), type.ToInteger(min), type.ToInteger(max))
                : place.AddClamped(type.ToFloat(amount), type.ToFloat(min), type.ToFloat(max));
        }

        /// <summary>Adds to it if the sum is within the bounds, which the master decides: see
        /// <c>mst_profile_add_int_guarded_at</c>.</summary>
        public MstResult AddGuarded(T amount, T min, T max)
        {
            TType type = default(TType);
            return type.IsInteger
                ? place.AddGuarded(type.ToInteger(amount), type.ToInteger(min), type.ToInteger(max))
                : place.AddGuarded(type.ToFloat(amount), type.ToFloat(min), type.ToFloat(max));
        }

        /// <summary>Subtracts from it if `least` or more is left, which the master decides.</summary>
        public MstResult SubtractGuarded(T amount, T least)
        {
            TType type = default(TType);
            if (!type.IsInteger)
            {
                return place.AddGuarded(-type.ToFloat(amount), type.ToFloat(least), double.PositiveInfinity);
            }
            long number = type.ToInteger(amount);
            return number == long.MinValue
                ? MstResult.MST_ERR_INVALID_ARGUMENT
                : place.AddGuarded(-number, type.ToInteger(least), long.MaxValue);
        }

        public void Stand(Place place) { this.place = place; }
        public MstResult InsertInto(Place list, uint item, T value) { return list.Insert<T, TType>(item, value); }
        public void Write(JsonText json, T value) { json.Write<T, TType>(value); }
    }

    /// <summary>A list of what <c>TPart</c> stands for. A place is that in the list which this process sees; the master finds the
    /// item wherever it stands by then. It can be gone through by <c>foreach</c>, which reads item by item.</summary>
    public struct ListPlace<T, TPart> : IPart<List<T>> where TPart : struct, IPart<T>
    {
        private Place place;

        public ListPlace(Place place) { this.place = place; }

        /// <summary>The property's index in its schema, as events have it.</summary>
        public uint Index { get { return place.Index; } }

        /// <summary>Whether a change of this process to the property is not confirmed yet.</summary>
        public bool IsPending { get { return place.IsPending; } }

        /// <summary>The number of items, this process's own unconfirmed changes included.</summary>
        public int Count { get { return place.Count; } }

        /// <summary>The number of items without this process's unconfirmed changes.</summary>
        public int ConfirmedCount { get { return place.ConfirmedCount; } }

        /// <summary>The item at a place, from 0, to be read or changed.</summary>
        public TPart this[int item]
        {
            get
            {
                TPart part = default(TPart);
                part.Stand(place.Item(item));
                return part;
            }
        }

        /// <summary>All items, in their order.</summary>
        public List<T> Value { get { return Places.Value<List<T>, ListPlace<T, TPart>>(this); } }

        /// <summary>Reads all items, one by one: on a thread where nothing changes them meanwhile.</summary>
        public MstResult TryGet(out List<T> value)
        {
            value = null;
            if (!place.IsThere)
            {
                return MstResult.MST_ERR_NO_SUCH_PLACE;
            }
            int count = Count;
            var all = new List<T>(count);
            for (int i = 0; i < count; i++)
            {
                T item;
                MstResult result = this[i].TryGet(out item);
                if (result != MstResult.MST_OK)
                {
                    return result;
                }
                all.Add(item);
            }
            value = all;
            return MstResult.MST_OK;
        }

        /// <summary>Appends an item: see <c>mst_profile_insert_at</c>.</summary>
        public MstResult Push(T value) { return default(TPart).InsertInto(place, uint.MaxValue, value); }

        /// <summary>Inserts an item, so that it stands at `item`: see <c>mst_profile_insert_at</c>.</summary>
        public MstResult Insert(int item, T value)
        {
            // The greatest number means the end.
            return item < 0
                ? MstResult.MST_ERR_INDEX_OUT_OF_RANGE
                : default(TPart).InsertInto(place, (uint)item, value);
        }

        /// <summary>Gives the item at a place another value: see <c>mst_profile_set_at</c>.</summary>
        public MstResult Set(int item, T value) { return this[item].Set(value); }

        /// <summary>Gives the whole list another value: what differs is changed, in one batch. See
        /// <c>mst_profile_set_json_at</c>.</summary>
        public MstResult Set(List<T> value)
        {
            var json = new JsonText();
            Write(json, value);
            return place.Set(json);
        }

        /// <summary>Removes the item at a place: see <c>mst_profile_remove_at</c>.</summary>
        public MstResult Remove(int item) { return place.Item(item).Remove(); }

        /// <summary>Moves the item at a place, so that it stands at `to`: see <c>mst_profile_move_at</c>.</summary>
        public MstResult Move(int from, int to) { return place.Item(from).Move(to); }

        /// <summary>Removes everything, also what others put there meanwhile: see <c>mst_profile_clear_at</c>.</summary>
        public MstResult Clear() { return place.Clear(); }

        public Enumerator GetEnumerator() { return new Enumerator(this); }

        public void Stand(Place place) { this.place = place; }

        public MstResult InsertInto(Place list, uint item, List<T> value)
        {
            var json = new JsonText();
            Write(json, value);
            return list.Insert(item, json);
        }

        public void Write(JsonText json, List<T> value)
        {
            json.Open('[');
            foreach (T item in Places.Given(value))
            {
                default(TPart).Write(json, item);
            }
            json.Close(']');
        }

        /// <summary>Goes through the items as they are when it comes to them.</summary>
        public struct Enumerator
        {
            private readonly ListPlace<T, TPart> list;
            private int item;
            private T current;

            internal Enumerator(ListPlace<T, TPart> list)
            {
                this.list = list;
                item = -1;
                current = default(T);
            }

            public T Current { get { return current; } }

            public bool MoveNext()
            {
                if (++item >= list.Count)
                {
                    return false;
                }
                Crossing.Check(list[item].TryGet(out current));
                return true;
            }
        }
    }

    /// <summary>A dictionary of what <c>TPart</c> stands for. It can be gone through by <c>foreach</c>, in the order of the
    /// keys.</summary>
    public struct DictPlace<K, T, TKey, TPart> : IPart<Dictionary<K, T>>
        where TKey : struct, IKeyType<K>
        where TPart : struct, IPart<T>
    {
        private Place place;

        public DictPlace(Place place) { this.place = place; }

        /// <summary>The property's index in its schema, as events have it.</summary>
        public uint Index { get { return place.Index; } }

        /// <summary>Whether a change of this process to the property is not confirmed yet.</summary>
        public bool IsPending { get { return place.IsPending; } }

        /// <summary>The number of entries, this process's own unconfirmed changes included.</summary>
        public int Count { get { return place.Count; } }

        /// <summary>The number of entries without this process's unconfirmed changes.</summary>
        public int ConfirmedCount { get { return place.ConfirmedCount; } }

        /// <summary>The value of a key, to be read or changed. Setting it, or adding to it, makes an entry that is not there; a
        /// field of a record that is not there can't be changed.</summary>
        public TPart this[K key]
        {
            get
            {
                TPart part = default(TPart);
                part.Stand(place.Entry<K, TKey>(key));
                return part;
            }
        }

        /// <summary>Whether it has a key.</summary>
        public bool Contains(K key) { return place.Entry<K, TKey>(key).IsThere; }

        /// <summary>The keys, in their order.</summary>
        public List<K> Keys
        {
            get
            {
                List<K> keys;
                Crossing.Check(TryGetKeys(out keys));
                return keys;
            }
        }

        /// <summary>All entries.</summary>
        public Dictionary<K, T> Value { get { return Places.Value<Dictionary<K, T>, DictPlace<K, T, TKey, TPart>>(this); } }

        private unsafe MstResult TryGetKeys(out List<K> keys)
        {
            byte[] json;
            keys = null;
            MstResult result = place.GetJson(out json);
            if (result != MstResult.MST_OK)
            {
                return result;
            }
            keys = new List<K>();
            bool isText = typeof(K) == typeof(string);
            foreach (byte[] name in JsonText.Names(json))
            {
                fixed (byte* text = name)
                {
                    var key = new MstKey { text = text, text_len = (uint)name.Length };
                    if (!isText)
                    {
                        key.int_value = long.Parse(Crossing.Decode(text, key.text_len), CultureInfo.InvariantCulture);
                    }
                    keys.Add(default(TKey).Out(&key));
                }
            }
            if (!isText)
            {
                // They came in the order of their texts.
                keys.Sort();
            }
            return MstResult.MST_OK;
        }

        /// <summary>Reads all entries, one by one: on a thread where nothing changes them meanwhile.</summary>
        public MstResult TryGet(out Dictionary<K, T> value)
        {
            List<K> keys;
            value = null;
            MstResult result = TryGetKeys(out keys);
            if (result != MstResult.MST_OK)
            {
                return result;
            }
            var all = new Dictionary<K, T>(keys.Count);
            foreach (K key in keys)
            {
                T read;
                result = this[key].TryGet(out read);
                if (result != MstResult.MST_OK)
                {
                    return result;
                }
                all.Add(key, read);
            }
            value = all;
            return MstResult.MST_OK;
        }

        /// <summary>Gives a key a value: see <c>mst_profile_set_at</c>.</summary>
        public MstResult Put(K key, T value) { return this[key].Set(value); }

        /// <summary>Gives the whole dictionary another value: what differs is changed, in one batch. See
        /// <c>mst_profile_set_json_at</c>.</summary>
        public MstResult Set(Dictionary<K, T> value)
        {
            var json = new JsonText();
            Write(json, value);
            return place.Set(json);
        }

        /// <summary>Removes a key: see <c>mst_profile_remove_at</c>.</summary>
        public MstResult Remove(K key) { return place.Entry<K, TKey>(key).Remove(); }

        /// <summary>Removes everything, also what others put there meanwhile: see <c>mst_profile_clear_at</c>.</summary>
        public MstResult Clear() { return place.Clear(); }

        public Enumerator GetEnumerator() { return new Enumerator(this); }

        public void Stand(Place place) { this.place = place; }

        public MstResult InsertInto(Place list, uint item, Dictionary<K, T> value)
        {
            var json = new JsonText();
            Write(json, value);
            return list.Insert(item, json);
        }

        public void Write(JsonText json, Dictionary<K, T> value)
        {
            json.Open('{');
            foreach (KeyValuePair<K, T> entry in Places.Given(value))
            {
                json.Name<K, TKey>(entry.Key);
                default(TPart).Write(json, entry.Value);
            }
            json.Close('}');
        }

        /// <summary>Goes through the entries that were there, as they are when it comes to them.</summary>
        public struct Enumerator
        {
            private readonly DictPlace<K, T, TKey, TPart> dict;
            private readonly List<K> keys;
            private int next;
            private KeyValuePair<K, T> current;

            internal Enumerator(DictPlace<K, T, TKey, TPart> dict)
            {
                this.dict = dict;
                keys = dict.Keys;
                next = 0;
                current = default(KeyValuePair<K, T>);
            }

            public KeyValuePair<K, T> Current { get { return current; } }

            public bool MoveNext()
            {
                while (next < keys.Count)
                {
                    K key = keys[next++];
                    T read;
                    MstResult result = dict[key].TryGet(out read);
                    if (result == MstResult.MST_ERR_NO_SUCH_PLACE)
                    {
                        continue;
                    }
                    Crossing.Check(result);
                    current = new KeyValuePair<K, T>(key, read);
                    return true;
                }
                return false;
            }
        }
    }
}

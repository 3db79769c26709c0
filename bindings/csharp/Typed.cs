// mst-profiles: typed properties for C# 7.2 and later, Unity included.
//
// What the code is made of that `mst-profiles schema gen --lang csharp` writes, over NativeMethods.g.cs.
//
// A property is a struct of one of the types below: a profile's handle and an index. Whatever changes a profile returns
// the MstResult of the function that it calls, which NativeMethods describes; `Value` and its like give what is read, and
// throw an MstProfilesException where there is nothing to be read, as of a profile that was freed. Nothing is allocated
// but for the strings and byte arrays that are read.

// What its name says all of has no comment.
#pragma warning disable 1591

using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;
using MstProfiles.Native;
using static MstProfiles.Native.NativeMethods;

namespace MstProfiles.Typed
{
    /// <summary>A call of the library that did not give what was asked for.</summary>
    public sealed class MstProfilesException : Exception
    {
        /// <summary>What the library returned.</summary>
        public MstResult Result { get; }

        public MstProfilesException(MstResult result, string message) : base(message)
        {
            Result = result;
        }

        /// <summary>The exception of a result, with the text of the calling thread's last failure.</summary>
        public static unsafe MstProfilesException Of(MstResult result)
        {
            byte* text = stackalloc byte[1024];
            uint length;
            if (mst_last_error(text, 1024, &length) != MstResult.MST_OK)
            {
                length = 0;
            }
            return new MstProfilesException(result, result + ": " + Encoding.UTF8.GetString(text, (int)length));
        }
    }

    // ---- values ----

    /// <summary>Two coordinates.</summary>
    public struct Vector2 : IEquatable<Vector2>
    {
        public float X, Y;

        public Vector2(float x, float y)
        {
            X = x;
            Y = y;
        }

        public bool Equals(Vector2 other) { return X.Equals(other.X) && Y.Equals(other.Y); }
        public override bool Equals(object other) { return other is Vector2 && Equals((Vector2)other); }
        public override int GetHashCode() { return X.GetHashCode() * 31 + Y.GetHashCode(); }
        public override string ToString() { return FormattableString.Invariant($"({X}, {Y})"); }

#if UNITY_5_3_OR_NEWER
        public static implicit operator UnityEngine.Vector2(Vector2 v) { return new UnityEngine.Vector2(v.X, v.Y); }
        public static implicit operator Vector2(UnityEngine.Vector2 v) { return new Vector2(v.x, v.y); }
#endif
    }

    /// <summary>Three coordinates.</summary>
    public struct Vector3 : IEquatable<Vector3>
    {
        public float X, Y, Z;

        public Vector3(float x, float y, float z)
        {
            X = x;
            Y = y;
            Z = z;
        }

        public bool Equals(Vector3 other) { return X.Equals(other.X) && Y.Equals(other.Y) && Z.Equals(other.Z); }
        public override bool Equals(object other) { return other is Vector3 && Equals((Vector3)other); }
        public override int GetHashCode() { return (X.GetHashCode() * 31 + Y.GetHashCode()) * 31 + Z.GetHashCode(); }
        public override string ToString() { return FormattableString.Invariant($"({X}, {Y}, {Z})"); }

#if UNITY_5_3_OR_NEWER
        public static implicit operator UnityEngine.Vector3(Vector3 v) { return new UnityEngine.Vector3(v.X, v.Y, v.Z); }
        public static implicit operator Vector3(UnityEngine.Vector3 v) { return new Vector3(v.x, v.y, v.z); }
#endif
    }

    /// <summary>A rotation. (The identity is 0, 0, 0, 1.)</summary>
    public struct Quaternion : IEquatable<Quaternion>
    {
        public float X, Y, Z, W;

        public Quaternion(float x, float y, float z, float w)
        {
            X = x;
            Y = y;
            Z = z;
            W = w;
        }

        public bool Equals(Quaternion other)
        {
            return X.Equals(other.X) && Y.Equals(other.Y) && Z.Equals(other.Z) && W.Equals(other.W);
        }

        public override bool Equals(object other) { return other is Quaternion && Equals((Quaternion)other); }

        public override int GetHashCode()
        {
            return ((X.GetHashCode() * 31 + Y.GetHashCode()) * 31 + Z.GetHashCode()) * 31 + W.GetHashCode();
        }

        public override string ToString() { return FormattableString.Invariant($"({X}, {Y}, {Z}, {W})"); }

#if UNITY_5_3_OR_NEWER
        public static implicit operator UnityEngine.Quaternion(Quaternion q)
        {
            return new UnityEngine.Quaternion(q.X, q.Y, q.Z, q.W);
        }

        public static implicit operator Quaternion(UnityEngine.Quaternion q)
        {
            return new Quaternion(q.x, q.y, q.z, q.w);
        }
#endif
    }

    /// <summary>Red, green, blue and alpha, 8 bits each.</summary>
    public struct Color : IEquatable<Color>
    {
        public byte R, G, B, A;

        public Color(byte r, byte g, byte b, byte a = 255)
        {
            R = r;
            G = g;
            B = b;
            A = a;
        }

        internal uint Rgba { get { return (uint)R << 24 | (uint)G << 16 | (uint)B << 8 | A; } }

        public bool Equals(Color other) { return Rgba == other.Rgba; }
        public override bool Equals(object other) { return other is Color && Equals((Color)other); }
        public override int GetHashCode() { return (int)Rgba; }
        public override string ToString() { return "#" + Rgba.ToString("X8"); }

#if UNITY_5_3_OR_NEWER
        public static implicit operator UnityEngine.Color32(Color c) { return new UnityEngine.Color32(c.R, c.G, c.B, c.A); }
        public static implicit operator Color(UnityEngine.Color32 c) { return new Color(c.r, c.g, c.b, c.a); }
#endif
    }

    // ---- what values are in C ----

    /// <summary>What a type of C# is in C. (For use by this file; a type of values is made known to it by such a struct.)</summary>
    public unsafe interface IType<T>
    {
        /// <summary>The bytes that the text of a value takes; 0 of what has none.</summary>
        int Room(T value);

        /// <summary>The value in C. Its text is put into the room.</summary>
        MstValue In(T value, byte* room, int size);

        /// <summary>The value in C#.</summary>
        T Out(MstValue* value);
    }

    /// <summary>What a type of numbers is added as.</summary>
    public interface INumberType<T> : IType<T>
    {
        bool IsInteger { get; }
        long ToInteger(T number);
        double ToFloat(T number);
    }

    /// <summary>What a type of keys is in C.</summary>
    public unsafe interface IKeyType<K>
    {
        int Room(K key);
        MstKey In(K key, byte* room, int size);
        K Out(MstKey* key);
    }

    public unsafe struct Bool : IType<bool>
    {
        public int Room(bool value) { return 0; }
        public MstValue In(bool value, byte* room, int size) { return Crossing.Int(MstValueType.MST_TYPE_BOOL, value ? 1 : 0); }
        public bool Out(MstValue* value) { return value->int_value != 0; }
    }

    public unsafe struct I32 : INumberType<int>, IKeyType<int>
    {
        public int Room(int value) { return 0; }
        public MstValue In(int value, byte* room, int size) { return Crossing.Int(MstValueType.MST_TYPE_I32, value); }
        public int Out(MstValue* value) { return (int)value->int_value; }
        public bool IsInteger { get { return true; } }
        public long ToInteger(int number) { return number; }
        public double ToFloat(int number) { return number; }
        MstKey IKeyType<int>.In(int key, byte* room, int size) { return Crossing.Key(MstKeyType.MST_KEY_I32, key); }
        int IKeyType<int>.Out(MstKey* key) { return (int)key->int_value; }
    }

    public unsafe struct I64 : INumberType<long>, IKeyType<long>
    {
        public int Room(long value) { return 0; }
        public MstValue In(long value, byte* room, int size) { return Crossing.Int(MstValueType.MST_TYPE_I64, value); }
        public long Out(MstValue* value) { return value->int_value; }
        public bool IsInteger { get { return true; } }
        public long ToInteger(long number) { return number; }
        public double ToFloat(long number) { return number; }
        MstKey IKeyType<long>.In(long key, byte* room, int size) { return Crossing.Key(MstKeyType.MST_KEY_I64, key); }
        long IKeyType<long>.Out(MstKey* key) { return key->int_value; }
    }

    public unsafe struct F32 : INumberType<float>
    {
        public int Room(float value) { return 0; }
        public MstValue In(float value, byte* room, int size) { return Crossing.Float(MstValueType.MST_TYPE_F32, value); }
        public float Out(MstValue* value) { return (float)value->float_value; }
        public bool IsInteger { get { return false; } }
        public long ToInteger(float number) { return (long)number; }
        public double ToFloat(float number) { return number; }
    }

    public unsafe struct F64 : INumberType<double>
    {
        public int Room(double value) { return 0; }
        public MstValue In(double value, byte* room, int size) { return Crossing.Float(MstValueType.MST_TYPE_F64, value); }
        public double Out(MstValue* value) { return value->float_value; }
        public bool IsInteger { get { return false; } }
        public long ToInteger(double number) { return (long)number; }
        public double ToFloat(double number) { return number; }
    }

    public unsafe struct Text : IType<string>, IKeyType<string>
    {
        public int Room(string value)
        {
            if (value == null)
            {
                throw new ArgumentNullException("value");
            }
            return Encoding.UTF8.GetByteCount(value);
        }

        public MstValue In(string value, byte* room, int size)
        {
            Crossing.Encode(value, room, size);
            return Crossing.Bytes(MstValueType.MST_TYPE_STRING, room, size);
        }

        public string Out(MstValue* value) { return Crossing.Decode(value->text, value->text_len); }

        MstKey IKeyType<string>.In(string key, byte* room, int size)
        {
            Crossing.Encode(key, room, size);
            MstKey made = Crossing.Key(MstKeyType.MST_KEY_STRING, 0);
            made.text = room;
            made.text_len = (uint)size;
            return made;
        }

        string IKeyType<string>.Out(MstKey* key) { return Crossing.Decode(key->text, key->text_len); }
    }

    public unsafe struct Blob : IType<byte[]>
    {
        public int Room(byte[] value)
        {
            if (value == null)
            {
                throw new ArgumentNullException("value");
            }
            return value.Length;
        }

        public MstValue In(byte[] value, byte* room, int size)
        {
            Marshal.Copy(value, 0, (IntPtr)room, size);
            return Crossing.Bytes(MstValueType.MST_TYPE_BYTES, room, size);
        }

        public byte[] Out(MstValue* value)
        {
            var bytes = new byte[value->text_len];
            if (bytes.Length > 0)
            {
                Marshal.Copy((IntPtr)value->text, bytes, 0, bytes.Length);
            }
            return bytes;
        }
    }

    public unsafe struct Vec2 : IType<Vector2>
    {
        public int Room(Vector2 value) { return 0; }

        public MstValue In(Vector2 value, byte* room, int size)
        {
            return Crossing.Components(MstValueType.MST_TYPE_VECTOR2, value.X, value.Y, 0, 0);
        }

        public Vector2 Out(MstValue* value) { return new Vector2(value->x, value->y); }
    }

    public unsafe struct Vec3 : IType<Vector3>
    {
        public int Room(Vector3 value) { return 0; }

        public MstValue In(Vector3 value, byte* room, int size)
        {
            return Crossing.Components(MstValueType.MST_TYPE_VECTOR3, value.X, value.Y, value.Z, 0);
        }

        public Vector3 Out(MstValue* value) { return new Vector3(value->x, value->y, value->z); }
    }

    public unsafe struct Quat : IType<Quaternion>
    {
        public int Room(Quaternion value) { return 0; }

        public MstValue In(Quaternion value, byte* room, int size)
        {
            return Crossing.Components(MstValueType.MST_TYPE_QUATERNION, value.X, value.Y, value.Z, value.W);
        }

        public Quaternion Out(MstValue* value) { return new Quaternion(value->x, value->y, value->z, value->w); }
    }

    public unsafe struct Rgba : IType<Color>
    {
        public int Room(Color value) { return 0; }
        public MstValue In(Color value, byte* room, int size) { return Crossing.Int(MstValueType.MST_TYPE_COLOR, value.Rgba); }

        public Color Out(MstValue* value)
        {
            uint rgba = (uint)value->int_value;
            return new Color((byte)(rgba >> 24), (byte)(rgba >> 16), (byte)(rgba >> 8), (byte)rgba);
        }
    }

    /// <summary>A moment in UTC. What is below a microsecond is cut off; a local time is turned into UTC.</summary>
    public unsafe struct Moment : IType<DateTime>
    {
        private const long TicksPerMicro = TimeSpan.TicksPerMillisecond / 1000;
        private const long TicksOf1970 = 621355968000000000;

        public int Room(DateTime value) { return 0; }

        public MstValue In(DateTime value, byte* room, int size)
        {
            long ticks = value.Kind == DateTimeKind.Local ? value.ToUniversalTime().Ticks : value.Ticks;
            // Cut off before 1970 too, towards the past.
            return Crossing.Int(MstValueType.MST_TYPE_DATETIME, ticks / TicksPerMicro - TicksOf1970 / TicksPerMicro);
        }

        public DateTime Out(MstValue* value)
        {
            return new DateTime(TicksOf1970 + value->int_value * TicksPerMicro, DateTimeKind.Utc);
        }
    }

    public unsafe struct Uuid : IType<Guid>
    {
        public int Room(Guid value) { return 0; }

        public MstValue In(Guid value, byte* room, int size)
        {
            MstValue made = Crossing.Int(MstValueType.MST_TYPE_UUID, 0);
            // A Guid is an int, two shorts and eight bytes.
            byte* guid = (byte*)&value;
            uint a = *(uint*)guid;
            ushort b = *(ushort*)(guid + 4), c = *(ushort*)(guid + 6);
            for (int i = 0; i < 4; i++)
            {
                made.uuid[i] = (byte)(a >> (24 - 8 * i));
            }
            made.uuid[4] = (byte)(b >> 8);
            made.uuid[5] = (byte)b;
            made.uuid[6] = (byte)(c >> 8);
            made.uuid[7] = (byte)c;
            for (int i = 8; i < 16; i++)
            {
                made.uuid[i] = guid[i];
            }
            return made;
        }

        public Guid Out(MstValue* value)
        {
            byte* u = value->uuid;
            return new Guid(u[0] << 24 | u[1] << 16 | u[2] << 8 | u[3], (short)(u[4] << 8 | u[5]), (short)(u[6] << 8 | u[7]),
                u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
        }
    }

    /// <summary>How values are put together, and where they come from.</summary>
    internal static unsafe class Crossing
    {
        /// <summary>Bytes that most texts fit into, so that they take no allocation of their own.</summary>
        internal const int SmallRoom = 256;

        /// <summary>Where a value is read.</summary>
        internal enum Source
        {
            Property,
            Confirmed,
            Item,
            ConfirmedItem,
            Entry,
            ConfirmedEntry,
        }

        internal static MstValue Int(MstValueType type, long number)
        {
            return new MstValue { value_type = (int)type, int_value = number };
        }

        internal static MstValue Float(MstValueType type, double number)
        {
            return new MstValue { value_type = (int)type, float_value = number };
        }

        internal static MstValue Bytes(MstValueType type, byte* bytes, int size)
        {
            return new MstValue { value_type = (int)type, text = bytes, text_len = (uint)size };
        }

        internal static MstValue Components(MstValueType type, float x, float y, float z, float w)
        {
            return new MstValue { value_type = (int)type, x = x, y = y, z = z, w = w };
        }

        internal static MstKey Key(MstKeyType type, long number)
        {
            return new MstKey { key_type = (int)type, int_value = number };
        }

        internal static void Encode(string text, byte* room, int size)
        {
            fixed (char* characters = text)
            {
                Encoding.UTF8.GetBytes(characters, text.Length, room, size);
            }
        }

        internal static string Decode(byte* text, uint length)
        {
            return length == 0 ? "" : Encoding.UTF8.GetString(text, (int)length);
        }

        /// <summary>As many bytes as are needed: the small room, or memory that `Free` gives back.</summary>
        internal static byte* Room(byte* small, int size)
        {
            return size <= SmallRoom ? small : (byte*)Marshal.AllocHGlobal(size);
        }

        internal static void Free(byte* small, byte* room)
        {
            if (room != small)
            {
                Marshal.FreeHGlobal((IntPtr)room);
            }
        }

        /// <summary>Reads a value, with as large a buffer as it needs.</summary>
        internal static MstResult Read<T, TType>(
            Source source, MstProfile* profile, uint index, uint place, MstKey* key, out T value)
            where TType : struct, IType<T>
        {
            byte* small = stackalloc byte[SmallRoom];
            byte* room = small;
            uint capacity = SmallRoom;
            value = default(T);
            for (;;)
            {
                MstValue read;
                uint length;
                MstResult result;
                switch (source)
                {
                    case Source.Property:
                        result = mst_profile_get_value(profile, index, &read, room, capacity, &length);
                        break;
                    case Source.Confirmed:
                        result = mst_profile_get_confirmed(profile, index, &read, room, capacity, &length);
                        break;
                    case Source.Item:
                        result = mst_profile_list_get(profile, index, place, &read, room, capacity, &length);
                        break;
                    case Source.ConfirmedItem:
                        result = mst_profile_list_get_confirmed(profile, index, place, &read, room, capacity, &length);
                        break;
                    case Source.Entry:
                        result = mst_profile_dict_get(profile, index, key, &read, room, capacity, &length);
                        break;
                    default:
                        result = mst_profile_dict_get_confirmed(profile, index, key, &read, room, capacity, &length);
                        break;
                }
                if (result == MstResult.MST_OK)
                {
                    value = default(TType).Out(&read);
                }
                Free(small, room);
                if (result != MstResult.MST_ERR_BUFFER_TOO_SMALL)
                {
                    return result;
                }
                room = Room(small, (int)length);
                capacity = length;
            }
        }

        internal static void Check(MstResult result)
        {
            if (result != MstResult.MST_OK)
            {
                throw MstProfilesException.Of(result);
            }
        }

        internal static bool IsPending(MstProfile* profile, uint index)
        {
            byte pending;
            Check(mst_profile_is_pending(profile, index, &pending));
            return pending != 0;
        }
    }

    // ---- properties ----

    /// <summary>A volatile property: it can be read and set, has no part in batches, and nothing can be added to it.</summary>
    public unsafe readonly struct VolatileProperty<T, TType> where TType : struct, IType<T>
    {
        private readonly ScalarProperty<T, TType> scalar;

        public VolatileProperty(MstProfile* profile, uint index)
        {
            scalar = new ScalarProperty<T, TType>(profile, index);
        }

        /// <summary>The property's index in its schema, as events have it.</summary>
        public uint Index { get { return scalar.Index; } }

        /// <summary>The value as this process sees it, its own unconfirmed changes included.</summary>
        public T Value { get { return scalar.Value; } }

        /// <summary>The value without this process's unconfirmed changes.</summary>
        public T Confirmed { get { return scalar.Confirmed; } }

        /// <summary>Whether a change of this process to it is not confirmed yet.</summary>
        public bool IsPending { get { return scalar.IsPending; } }

        /// <summary>Reads it: see <c>mst_profile_get_value</c>.</summary>
        public MstResult TryGet(out T value) { return scalar.TryGet(out value); }

        /// <summary>Sets it: see <c>mst_profile_set_value</c>.</summary>
        public MstResult Set(T value) { return scalar.Set(value); }
    }

    /// <summary>A property without parts.</summary>
    public unsafe readonly struct ScalarProperty<T, TType> where TType : struct, IType<T>
    {
        private readonly MstProfile* profile;
        private readonly uint index;

        public ScalarProperty(MstProfile* profile, uint index)
        {
            this.profile = profile;
            this.index = index;
        }

        /// <summary>The property's index in its schema, as events have it.</summary>
        public uint Index { get { return index; } }

        /// <summary>The value as this process sees it, its own unconfirmed changes included.</summary>
        public T Value
        {
            get
            {
                T value;
                Crossing.Check(TryGet(out value));
                return value;
            }
        }

        /// <summary>The value without this process's unconfirmed changes.</summary>
        public T Confirmed
        {
            get
            {
                T value;
                Crossing.Check(Crossing.Read<T, TType>(Crossing.Source.Confirmed, profile, index, 0, null, out value));
                return value;
            }
        }

        /// <summary>Whether a change of this process to it is not confirmed yet.</summary>
        public bool IsPending { get { return Crossing.IsPending(profile, index); } }

        /// <summary>Reads it: see <c>mst_profile_get_value</c>.</summary>
        public MstResult TryGet(out T value)
        {
            return Crossing.Read<T, TType>(Crossing.Source.Property, profile, index, 0, null, out value);
        }

        /// <summary>Sets it: see <c>mst_profile_set_value</c>.</summary>
        public MstResult Set(T value)
        {
            int size = default(TType).Room(value);
            byte* small = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(small, size);
            MstValue native = default(TType).In(value, room, size);
            MstResult result = mst_profile_set_value(profile, index, &native);
            Crossing.Free(small, room);
            return result;
        }

        /// <summary>Lets the batch that is begun be refused unless it has this value when the master decides: see
        /// <c>mst_profile_require</c>.</summary>
        public MstResult Require(T value)
        {
            int size = default(TType).Room(value);
            byte* small = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(small, size);
            MstValue native = default(TType).In(value, room, size);
            MstResult result = mst_profile_require(profile, index, &native);
            Crossing.Free(small, room);
            return result;
        }
    }

    /// <summary>A number.</summary>
    public unsafe readonly struct NumberProperty<T, TType> where TType : struct, INumberType<T>
    {
        private readonly MstProfile* profile;
        private readonly uint index;

        public NumberProperty(MstProfile* profile, uint index)
        {
            this.profile = profile;
            this.index = index;
        }

        private ScalarProperty<T, TType> Scalar { get { return new ScalarProperty<T, TType>(profile, index); } }

        /// <summary>The property's index in its schema, as events have it.</summary>
        public uint Index { get { return index; } }

        /// <summary>The value as this process sees it, its own unconfirmed changes included.</summary>
        public T Value { get { return Scalar.Value; } }

        /// <summary>The value without this process's unconfirmed changes.</summary>
        public T Confirmed { get { return Scalar.Confirmed; } }

        /// <summary>Whether a change of this process to it is not confirmed yet.</summary>
        public bool IsPending { get { return Crossing.IsPending(profile, index); } }

        /// <summary>Reads it: see <c>mst_profile_get_value</c>.</summary>
        public MstResult TryGet(out T value) { return Scalar.TryGet(out value); }

        /// <summary>Sets it: see <c>mst_profile_set_value</c>.</summary>
        public MstResult Set(T value) { return Scalar.Set(value); }

        /// <summary>Lets the batch that is begun be refused unless it has this value when the master decides: see
        /// <c>mst_profile_require</c>.</summary>
        public MstResult Require(T value) { return Scalar.Require(value); }

        /// <summary>Adds to it. Additions of several writers all count: see <c>mst_profile_add_int</c>.</summary>
        public MstResult Add(T amount)
        {
            TType type = default(TType);
            return type.IsInteger
                ? mst_profile_add_int(profile, index, type.ToInteger(amount))
                : mst_profile_add_f64(profile, index, type.ToFloat(amount));
        }

        /// <summary>Adds to it and brings the sum to the nearer bound, "heal 80, but not above 100": see
        /// <c>mst_profile_add_int_clamped</c>.</summary>
        public MstResult AddClamped(T amount, T min, T max)
        {
            TType type = default(TType);
            return type.IsInteger
                ? mst_profile_add_int_clamped(profile, index, type.ToInteger(amount), type.ToInteger(min), type.ToInteger(max))
                : mst_profile_add_f64_clamped(profile, index, type.ToFloat(amount), type.ToFloat(min), type.ToFloat(max));
        }

        /// <summary>Adds to it if the sum is within the bounds, which the master decides: see
        /// <c>mst_profile_add_int_guarded</c>.</summary>
        public MstResult AddGuarded(T amount, T min, T max)
        {
            TType type = default(TType);
            return type.IsInteger
                ? mst_profile_add_int_guarded(profile, index, type.ToInteger(amount), type.ToInteger(min), type.ToInteger(max))
                : mst_profile_add_f64_guarded(profile, index, type.ToFloat(amount), type.ToFloat(min), type.ToFloat(max));
        }

        /// <summary>Subtracts from it if `least` or more is left, which the master decides: "take 30, but refuse below
        /// 0".</summary>
        public MstResult SubtractGuarded(T amount, T least)
        {
            TType type = default(TType);
            if (!type.IsInteger)
            {
                return mst_profile_add_f64_guarded(
                    profile, index, -type.ToFloat(amount), type.ToFloat(least), double.PositiveInfinity);
            }
            long number = type.ToInteger(amount);
            return number == long.MinValue
                ? MstResult.MST_ERR_INVALID_ARGUMENT
                : mst_profile_add_int_guarded(profile, index, -number, type.ToInteger(least), long.MaxValue);
        }
    }

    /// <summary>A list. A place is that in the list which this process sees; the master finds the item wherever it stands by
    /// then. It can be gone through by <c>foreach</c>.</summary>
    public unsafe readonly struct ListProperty<T, TType> where TType : struct, IType<T>
    {
        private readonly MstProfile* profile;
        private readonly uint index;

        public ListProperty(MstProfile* profile, uint index)
        {
            this.profile = profile;
            this.index = index;
        }

        /// <summary>The property's index in its schema, as events have it.</summary>
        public uint Index { get { return index; } }

        /// <summary>The number of items, this process's own unconfirmed changes included.</summary>
        public int Count
        {
            get
            {
                uint count;
                Crossing.Check(mst_profile_list_count(profile, index, &count));
                return (int)count;
            }
        }

        /// <summary>The item at a place, from 0.</summary>
        public T this[int place]
        {
            get
            {
                T value;
                Crossing.Check(TryGet(place, out value));
                return value;
            }
        }

        /// <summary>The number of items without this process's unconfirmed changes.</summary>
        public int ConfirmedCount
        {
            get
            {
                uint count;
                Crossing.Check(mst_profile_list_confirmed_count(profile, index, &count));
                return (int)count;
            }
        }

        /// <summary>Whether a change of this process to it is not confirmed yet.</summary>
        public bool IsPending { get { return Crossing.IsPending(profile, index); } }

        /// <summary>Reads the item at a place: see <c>mst_profile_list_get</c>.</summary>
        public MstResult TryGet(int place, out T value)
        {
            return Crossing.Read<T, TType>(Crossing.Source.Item, profile, index, (uint)place, null, out value);
        }

        /// <summary>Reads the item at a place without this process's unconfirmed changes: see
        /// <c>mst_profile_list_get_confirmed</c>.</summary>
        public MstResult TryGetConfirmed(int place, out T value)
        {
            return Crossing.Read<T, TType>(Crossing.Source.ConfirmedItem, profile, index, (uint)place, null, out value);
        }

        /// <summary>Appends an item: see <c>mst_profile_list_push</c>.</summary>
        public MstResult Push(T value)
        {
            int size = default(TType).Room(value);
            byte* small = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(small, size);
            MstValue native = default(TType).In(value, room, size);
            MstResult result = mst_profile_list_push(profile, index, &native);
            Crossing.Free(small, room);
            return result;
        }

        /// <summary>Inserts an item, so that it stands at `place`: see <c>mst_profile_list_insert</c>.</summary>
        public MstResult Insert(int place, T value)
        {
            int size = default(TType).Room(value);
            byte* small = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(small, size);
            MstValue native = default(TType).In(value, room, size);
            MstResult result = mst_profile_list_insert(profile, index, (uint)place, &native);
            Crossing.Free(small, room);
            return result;
        }

        /// <summary>Gives the item at a place another value: see <c>mst_profile_list_set</c>.</summary>
        public MstResult Set(int place, T value)
        {
            int size = default(TType).Room(value);
            byte* small = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(small, size);
            MstValue native = default(TType).In(value, room, size);
            MstResult result = mst_profile_list_set(profile, index, (uint)place, &native);
            Crossing.Free(small, room);
            return result;
        }

        /// <summary>Removes the item at a place: see <c>mst_profile_list_remove</c>.</summary>
        public MstResult Remove(int place) { return mst_profile_list_remove(profile, index, (uint)place); }

        /// <summary>Moves the item at a place, so that it stands at `to`: see <c>mst_profile_list_move</c>.</summary>
        public MstResult Move(int from, int to) { return mst_profile_list_move(profile, index, (uint)from, (uint)to); }

        /// <summary>Removes everything, also what others put there meanwhile: see <c>mst_profile_clear</c>.</summary>
        public MstResult Clear() { return mst_profile_clear(profile, index); }

        public Enumerator GetEnumerator() { return new Enumerator(this); }

        /// <summary>Goes through the items as they are when it comes to them.</summary>
        public struct Enumerator
        {
            private readonly ListProperty<T, TType> list;
            private int place;
            private T current;

            internal Enumerator(ListProperty<T, TType> list)
            {
                this.list = list;
                place = -1;
                current = default(T);
            }

            public T Current { get { return current; } }

            public bool MoveNext()
            {
                MstResult result = list.TryGet(++place, out current);
                if (result == MstResult.MST_ERR_INDEX_OUT_OF_RANGE)
                {
                    return false;
                }
                Crossing.Check(result);
                return true;
            }
        }
    }

    /// <summary>A dictionary. It can be gone through by <c>foreach</c>, in the order of the keys.</summary>
    public unsafe readonly struct DictProperty<K, T, TKey, TType>
        where TKey : struct, IKeyType<K>
        where TType : struct, IType<T>
    {
        private readonly MstProfile* profile;
        private readonly uint index;

        public DictProperty(MstProfile* profile, uint index)
        {
            this.profile = profile;
            this.index = index;
        }

        /// <summary>The property's index in its schema, as events have it.</summary>
        public uint Index { get { return index; } }

        /// <summary>The number of entries, this process's own unconfirmed changes included.</summary>
        public int Count
        {
            get
            {
                uint count;
                Crossing.Check(mst_profile_dict_count(profile, index, &count));
                return (int)count;
            }
        }

        /// <summary>The value of a key, which must be there.</summary>
        public T this[K key]
        {
            get
            {
                T value;
                Crossing.Check(TryGet(key, out value));
                return value;
            }
        }

        /// <summary>The number of entries without this process's unconfirmed changes.</summary>
        public int ConfirmedCount
        {
            get
            {
                uint count;
                Crossing.Check(mst_profile_dict_confirmed_count(profile, index, &count));
                return (int)count;
            }
        }

        /// <summary>Whether a change of this process to it is not confirmed yet.</summary>
        public bool IsPending { get { return Crossing.IsPending(profile, index); } }

        /// <summary>Reads the value of a key: see <c>mst_profile_dict_get</c>. <c>MST_ERR_NO_SUCH_KEY</c> when it has
        /// none.</summary>
        public MstResult TryGet(K key, out T value) { return Read(Crossing.Source.Entry, key, out value); }

        /// <summary>Reads the value of a key without this process's unconfirmed changes: see
        /// <c>mst_profile_dict_get_confirmed</c>.</summary>
        public MstResult TryGetConfirmed(K key, out T value) { return Read(Crossing.Source.ConfirmedEntry, key, out value); }

        private MstResult Read(Crossing.Source source, K key, out T value)
        {
            int size = default(TKey).Room(key);
            byte* small = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(small, size);
            MstKey native = default(TKey).In(key, room, size);
            MstResult result = Crossing.Read<T, TType>(source, profile, index, 0, &native, out value);
            Crossing.Free(small, room);
            return result;
        }

        /// <summary>Whether it has a key.</summary>
        public bool Contains(K key)
        {
            int size = default(TKey).Room(key);
            byte* small = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(small, size);
            MstKey native = default(TKey).In(key, room, size);
            byte contains;
            MstResult result = mst_profile_dict_contains(profile, index, &native, &contains);
            Crossing.Free(small, room);
            Crossing.Check(result);
            return contains != 0;
        }

        /// <summary>Gives a key a value: see <c>mst_profile_dict_put</c>.</summary>
        public MstResult Put(K key, T value)
        {
            int keySize = default(TKey).Room(key), size = default(TType).Room(value);
            byte* smallForKey = stackalloc byte[Crossing.SmallRoom], small = stackalloc byte[Crossing.SmallRoom];
            byte* keyRoom = Crossing.Room(smallForKey, keySize), room = Crossing.Room(small, size);
            MstKey nativeKey = default(TKey).In(key, keyRoom, keySize);
            MstValue native = default(TType).In(value, room, size);
            MstResult result = mst_profile_dict_put(profile, index, &nativeKey, &native);
            Crossing.Free(smallForKey, keyRoom);
            Crossing.Free(small, room);
            return result;
        }

        /// <summary>Removes a key: see <c>mst_profile_dict_remove</c>.</summary>
        public MstResult Remove(K key)
        {
            int size = default(TKey).Room(key);
            byte* small = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(small, size);
            MstKey native = default(TKey).In(key, room, size);
            MstResult result = mst_profile_dict_remove(profile, index, &native);
            Crossing.Free(small, room);
            return result;
        }

        /// <summary>Removes everything, also what others put there meanwhile: see <c>mst_profile_clear</c>.</summary>
        public MstResult Clear() { return mst_profile_clear(profile, index); }

        public Enumerator GetEnumerator() { return new Enumerator(profile, index); }

        /// <summary>Goes through the entries as they are when it comes to them.</summary>
        public struct Enumerator
        {
            private readonly MstProfile* profile;
            private readonly uint index;
            private bool isBegun;
            private KeyValuePair<K, T> current;

            internal Enumerator(MstProfile* profile, uint index)
            {
                this.profile = profile;
                this.index = index;
                isBegun = false;
                current = default(KeyValuePair<K, T>);
            }

            public KeyValuePair<K, T> Current { get { return current; } }

            public bool MoveNext()
            {
                int size = isBegun ? default(TKey).Room(current.Key) : 0;
                byte* smallBefore = stackalloc byte[Crossing.SmallRoom];
                byte* smallKey = stackalloc byte[Crossing.SmallRoom], small = stackalloc byte[Crossing.SmallRoom];
                byte* roomBefore = Crossing.Room(smallBefore, size), keyRoom = smallKey, room = small;
                uint keyCapacity = Crossing.SmallRoom, capacity = Crossing.SmallRoom;
                MstKey before = isBegun ? default(TKey).In(current.Key, roomBefore, size) : default(MstKey);
                for (;;)
                {
                    MstKey key = before;
                    MstValue value;
                    uint keyLength, length;
                    MstResult result = mst_profile_dict_next(
                        profile, index, &key, keyRoom, keyCapacity, &keyLength, &value, room, capacity, &length);
                    bool isThere = result == MstResult.MST_OK && (MstKeyType)key.key_type != MstKeyType.MST_KEY_NONE;
                    if (isThere)
                    {
                        current = new KeyValuePair<K, T>(default(TKey).Out(&key), default(TType).Out(&value));
                        isBegun = true;
                    }
                    Crossing.Free(smallKey, keyRoom);
                    Crossing.Free(small, room);
                    if (result == MstResult.MST_ERR_BUFFER_TOO_SMALL)
                    {
                        keyRoom = Crossing.Room(smallKey, (int)keyLength);
                        room = Crossing.Room(small, (int)length);
                        keyCapacity = Math.Max(keyLength, Crossing.SmallRoom);
                        capacity = Math.Max(length, Crossing.SmallRoom);
                        continue;
                    }
                    Crossing.Free(smallBefore, roomBefore);
                    Crossing.Check(result);
                    return isThere;
                }
            }
        }
    }

    /// <summary>A dictionary of numbers; a key that is not there counts as zero when something is added to it. It can be gone
    /// through by <c>foreach</c>, in the order of the keys.</summary>
    public unsafe readonly struct NumberDictProperty<K, T, TKey, TType>
        where TKey : struct, IKeyType<K>
        where TType : struct, INumberType<T>
    {
        private readonly MstProfile* profile;
        private readonly uint index;

        public NumberDictProperty(MstProfile* profile, uint index)
        {
            this.profile = profile;
            this.index = index;
        }

        private DictProperty<K, T, TKey, TType> Dict { get { return new DictProperty<K, T, TKey, TType>(profile, index); } }

        /// <summary>The property's index in its schema, as events have it.</summary>
        public uint Index { get { return index; } }

        /// <summary>The number of entries, this process's own unconfirmed changes included.</summary>
        public int Count { get { return Dict.Count; } }

        /// <summary>The value of a key, which must be there.</summary>
        public T this[K key] { get { return Dict[key]; } }

        /// <summary>The number of entries without this process's unconfirmed changes.</summary>
        public int ConfirmedCount { get { return Dict.ConfirmedCount; } }

        /// <summary>Whether a change of this process to it is not confirmed yet.</summary>
        public bool IsPending { get { return Crossing.IsPending(profile, index); } }

        /// <summary>Reads the value of a key: see <c>mst_profile_dict_get</c>. <c>MST_ERR_NO_SUCH_KEY</c> when it has
        /// none.</summary>
        public MstResult TryGet(K key, out T value) { return Dict.TryGet(key, out value); }

        /// <summary>Reads the value of a key without this process's unconfirmed changes: see
        /// <c>mst_profile_dict_get_confirmed</c>.</summary>
        public MstResult TryGetConfirmed(K key, out T value) { return Dict.TryGetConfirmed(key, out value); }

        /// <summary>Whether it has a key.</summary>
        public bool Contains(K key) { return Dict.Contains(key); }

        /// <summary>Gives a key a value: see <c>mst_profile_dict_put</c>.</summary>
        public MstResult Put(K key, T value) { return Dict.Put(key, value); }

        /// <summary>Removes a key: see <c>mst_profile_dict_remove</c>.</summary>
        public MstResult Remove(K key) { return Dict.Remove(key); }

        /// <summary>Removes everything, also what others put there meanwhile: see <c>mst_profile_clear</c>.</summary>
        public MstResult Clear() { return Dict.Clear(); }

        public DictProperty<K, T, TKey, TType>.Enumerator GetEnumerator() { return Dict.GetEnumerator(); }

        /// <summary>Adds to the number of a key: see <c>mst_profile_dict_add_int</c>.</summary>
        public MstResult Add(K key, T amount)
        {
            TType type = default(TType);
            int size = default(TKey).Room(key);
            byte* small = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(small, size);
            MstKey native = default(TKey).In(key, room, size);
            MstResult result = type.IsInteger
                ? mst_profile_dict_add_int(profile, index, &native, type.ToInteger(amount))
                : mst_profile_dict_add_f64(profile, index, &native, type.ToFloat(amount));
            Crossing.Free(small, room);
            return result;
        }

        /// <summary>Adds to the number of a key and brings the sum to the nearer bound: see
        /// <c>mst_profile_dict_add_int_clamped</c>.</summary>
        public MstResult AddClamped(K key, T amount, T min, T max)
        {
            TType type = default(TType);
            int size = default(TKey).Room(key);
            byte* small = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(small, size);
            MstKey native = default(TKey).In(key, room, size);
            MstResult result = type.IsInteger
                ? mst_profile_dict_add_int_clamped(
                    profile, index, &native, type.ToInteger(amount), type.ToInteger(min), type.ToInteger(max))
                : mst_profile_dict_add_f64_clamped(
                    profile, index, &native, type.ToFloat(amount), type.ToFloat(min), type.ToFloat(max));
            Crossing.Free(small, room);
            return result;
        }

        /// <summary>Adds to the number of a key if the sum is within the bounds, which the master decides: see
        /// <c>mst_profile_dict_add_int_guarded</c>.</summary>
        public MstResult AddGuarded(K key, T amount, T min, T max)
        {
            TType type = default(TType);
            return type.IsInteger
                ? Guarded(key, type.ToInteger(amount), type.ToInteger(min), type.ToInteger(max))
                : Guarded(key, type.ToFloat(amount), type.ToFloat(min), type.ToFloat(max));
        }

        /// <summary>Subtracts from the number of a key if `least` or more is left, which the master decides.</summary>
        public MstResult SubtractGuarded(K key, T amount, T least)
        {
            TType type = default(TType);
            if (!type.IsInteger)
            {
                return Guarded(key, -type.ToFloat(amount), type.ToFloat(least), double.PositiveInfinity);
            }
            long number = type.ToInteger(amount);
            return number == long.MinValue
                ? MstResult.MST_ERR_INVALID_ARGUMENT
                : Guarded(key, -number, type.ToInteger(least), long.MaxValue);
        }

        private MstResult Guarded(K key, long amount, long min, long max)
        {
            int size = default(TKey).Room(key);
            byte* small = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(small, size);
            MstKey native = default(TKey).In(key, room, size);
            MstResult result = mst_profile_dict_add_int_guarded(profile, index, &native, amount, min, max);
            Crossing.Free(small, room);
            return result;
        }

        private MstResult Guarded(K key, double amount, double min, double max)
        {
            int size = default(TKey).Room(key);
            byte* small = stackalloc byte[Crossing.SmallRoom];
            byte* room = Crossing.Room(small, size);
            MstKey native = default(TKey).In(key, room, size);
            MstResult result = mst_profile_dict_add_f64_guarded(profile, index, &native, amount, min, max);
            Crossing.Free(small, room);
            return result;
        }
    }

    // ---- finding them ----

    /// <summary>A property that generated code was written for.</summary>
    public readonly struct DeclaredProperty
    {
        public readonly string Name;
        public readonly ushort Key;
        /// <summary>Its type, as <c>mst_schema_property_type</c> tells it.</summary>
        public readonly string TypeName;

        public DeclaredProperty(string name, ushort key, string typeName)
        {
            Name = name;
            Key = key;
            TypeName = typeName;
        }
    }

    /// <summary>What generated code shares.</summary>
    public static unsafe class Generated
    {
        /// <summary>
        /// Finds the declared properties of a profile; their indexes, in their order. A schema with the declared fingerprint
        /// has them in their order. In another one they are found by their keys, and each must have the type that was
        /// declared: it may have more properties, in another order, and other rights. Throws an MstProfilesException with
        /// MST_ERR_SCHEMA_MISMATCH, which names the property, when one is missing or of another type.
        /// </summary>
        public static uint[] Find(MstProfile* profile, ulong fingerprint, DeclaredProperty[] declared)
        {
            MstSchema* schema;
            Crossing.Check(mst_schema_of_profile(profile, &schema));
            try
            {
                ulong found;
                Crossing.Check(mst_schema_fingerprint(schema, &found));
                var indexes = new uint[declared.Length];
                for (int i = 0; i < indexes.Length; i++)
                {
                    indexes[i] = found == fingerprint ? (uint)i : Find(schema, declared[i]);
                }
                return indexes;
            }
            finally
            {
                mst_schema_free(schema);
            }
        }

        private static uint Find(MstSchema* schema, DeclaredProperty declared)
        {
            uint index;
            MstResult result = mst_schema_find_key(schema, declared.Key, &index);
            if (result == MstResult.MST_ERR_UNKNOWN_PROPERTY)
            {
                throw new MstProfilesException(MstResult.MST_ERR_SCHEMA_MISMATCH, "the profile's schema has no property `"
                    + declared.Name + "` (key " + declared.Key + "), for which the code was generated");
            }
            Crossing.Check(result);
            if (TypeName(schema, index) != declared.TypeName)
            {
                throw new MstProfilesException(MstResult.MST_ERR_SCHEMA_MISMATCH, "the property `" + declared.Name
                    + "` of the profile's schema is of another type than the one that the code was generated for");
            }
            return index;
        }

        private static string TypeName(MstSchema* schema, uint index)
        {
            byte* small = stackalloc byte[Crossing.SmallRoom];
            byte* room = small;
            uint capacity = Crossing.SmallRoom;
            for (;;)
            {
                uint length;
                MstResult result = mst_schema_property_type(schema, index, room, capacity, &length);
                string name = result == MstResult.MST_OK ? Crossing.Decode(room, length) : null;
                Crossing.Free(small, room);
                if (result != MstResult.MST_ERR_BUFFER_TOO_SMALL)
                {
                    Crossing.Check(result);
                    return name;
                }
                room = Crossing.Room(small, (int)length);
                capacity = length;
            }
        }

        /// <summary>Makes a schema of its JSON text. Free it with mst_schema_free.</summary>
        public static MstSchema* Schema(string json)
        {
            byte[] text = Encoding.UTF8.GetBytes(json);
            MstSchema* schema;
            fixed (byte* bytes = text)
            {
                Crossing.Check(mst_schema_from_json(bytes, (uint)text.Length, &schema));
            }
            return schema;
        }
    }
}

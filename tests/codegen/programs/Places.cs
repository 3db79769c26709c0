// Uses what is generated for records, lists and dictionaries of anything, and types of the game's own.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using MstProfiles.Native;
using MstProfiles.Typed;
using Profiles;
using static MstProfiles.Native.NativeMethods;
using Records = Profiles.NestedProfile.Records;

internal static unsafe class Program
{
    private static int Main()
    {
        // It writes numbers in another way.
        Thread.CurrentThread.CurrentCulture = new CultureInfo("de-DE");
        MstSchema* schema = NestedProfile.CreateSchema();
        MstProfile* profile;
        Ok(mst_profile_create(schema, &profile));
        Ok(mst_schema_free(schema));
        var mine = new NestedProfile(profile);
        Ok(mine.Loadouts.Put("main", new Records.LoadoutsEntry()));
        Slay(mine);
        Check(mine.Quests[0].Progress.Value == 1 && mine.Loadouts["main"].Power.Value == 5);
        Ok(mine.Quests.Clear());
        Ok(mine.Loadouts.Clear());
        RecordsInLists(mine);
        RecordsInDictionaries(mine);
        Nested(mine);
        CustomValues(mine);
        EveryScalar(mine);
        OddNames(mine);
        NothingIsAllocated(mine);
        Ok(mst_profile_free(profile));
        Gives(MstResult.MST_ERR_INVALID_HANDLE, mine.Quests[0].Progress.Add(1));
        Throws(MstResult.MST_ERR_INVALID_HANDLE, () => { int count = mine.Quests.Count; });
        Throws(MstResult.MST_ERR_INVALID_HANDLE, () => { var all = mine.Loadouts.Value; });
        OtherSchemas();
        Console.WriteLine("all is well");
        return 0;
    }

    /// <summary>The README's snippet.</summary>
    private static void Slay(NestedProfile ann)
    {
        ann.Quests.Push(new Records.QuestsItem { Id = "dragon" });
        ann.Quests[0].Progress.Add(1);
        ann.Loadouts["main"].Power.Set(5);
        Console.WriteLine(ann.Quests[0].Value.Steps.Count + " steps");
    }

    private static Records.QuestsItem Wolves()
    {
        return new Records.QuestsItem
        {
            Id = "wolves",
            Progress = 2,
            Steps = { new Records.QuestsStepsItem { Name = "track" }, new Records.QuestsStepsItem { Name = "hunt" } },
            Rewards = { { "gold", 50 } },
        };
    }

    private static void RecordsInLists(NestedProfile mine)
    {
        var quests = mine.Quests;
        Ok(quests.Push(new Records.QuestsItem { Id = "dragon" }));
        Ok(quests.Insert(0, Wolves()));
        Ok(mine.Quests[1].Progress.Add(7));
        Ok(quests[1].Progress.AddClamped(70, 0, 10));
        Gives(MstResult.MST_ERR_GUARD_FAILED, quests[1].Progress.AddGuarded(1, 0, 10));
        Gives(MstResult.MST_ERR_GUARD_FAILED, quests[1].Progress.SubtractGuarded(11, 0));
        Ok(quests[1].Progress.SubtractGuarded(1, 0));
        Ok(quests[0].Steps[1].Done.Set(true));
        Ok(quests[0].Steps.Push(new Records.QuestsStepsItem { Name = "skin" }));
        Ok(quests[0].Steps.Move(2, 0));
        Ok(quests[0].Rewards["gold"].Add(5));
        Ok(quests[0].Rewards["fur"].Add(1));
        const string Tooth = "tooth \"\\\n\t\u0001\u00fc";
        Ok(quests[0].Rewards.Put(Tooth, 3));
        Gives(MstResult.MST_ERR_INVALID_ARGUMENT, quests[0].Rewards["gold"].SubtractGuarded(long.MinValue, 0));
        Ok(quests[0].Id.Set("the wolves"));
        Check(quests.Count == 2 && quests.ConfirmedCount == 0 && quests.IsPending && quests[0].IsPending);
        Check(quests[1].Progress.Value == 9 && quests[1].Progress.Index == quests.Index);
        int progress;
        Gives(MstResult.MST_ERR_NO_SUCH_PLACE, quests[2].Progress.TryGet(out progress));
        Throws(MstResult.MST_ERR_NO_SUCH_PLACE, () => progress = mine.Quests[1].Progress.Confirmed);
        Throws(MstResult.MST_ERR_NO_SUCH_PLACE, () => { var quest = mine.Quests[2].Value; });
        Gives(MstResult.MST_ERR_INDEX_OUT_OF_RANGE, quests[2].Progress.Add(1));
        Gives(MstResult.MST_ERR_INDEX_OUT_OF_RANGE, quests.Insert(-1, Wolves()));
        Gives(MstResult.MST_ERR_INDEX_OUT_OF_RANGE, quests.Remove(-1));
        Records.QuestsItem first = quests[0].Value;
        Check(first.Id == "the wolves" && first.Progress == 2);
        Check(string.Join(" ", first.Steps.Select(step => step.Name + step.Done)) == "skinFalse trackFalse huntTrue");
        Check(first.Rewards.Count == 3 && first.Rewards["gold"] == 55 && first.Rewards[Tooth] == 3);
        string all = "";
        foreach (Records.QuestsItem quest in quests)
        {
            all += quest.Id + " ";
        }
        Check(all == "the wolves dragon ");
        all = "";
        foreach (KeyValuePair<string, long> reward in quests[0].Rewards)
        {
            all += reward.Key + "=" + reward.Value + " ";
        }
        Check(all == "fur=1 gold=55 " + Tooth + "=3 ");
        // Whole again, with what differs.
        Ok(quests.Set(0, Wolves()));
        Check(quests.Value[0].Id == "wolves" && quests.Value[0].Steps.Count == 2);
        Ok(quests[1].Set(new Records.QuestsItem { Id = "dragons" }));
        Ok(quests.Remove(0));
        Ok(quests.Set(new List<Records.QuestsItem> { new Records.QuestsItem { Id = "a" }, Wolves(), new Records.QuestsItem { Id = "b" } }));
        Ok(quests.Move(0, 2));
        Check(string.Join(" ", quests.Value.Select(quest => quest.Id)) == "wolves b a");
        Ok(quests.Push(new Records.QuestsItem { Id = "c" }));
        Ok(quests.Push(new Records.QuestsItem { Id = "d" }));
        Gives(MstResult.MST_ERR_TOO_MANY, quests.Push(Wolves()));
        ThrowsNull(() => mine.Quests.Push(null));
        ThrowsNull(() => mine.Quests.Push(new Records.QuestsItem { Id = null }));
        ThrowsNull(() => mine.Quests.Push(new Records.QuestsItem { Steps = null }));
        ThrowsNull(() => mine.Quests.Push(new Records.QuestsItem { Rewards = null }));
        Ok(quests.Clear());
        Check(quests.Count == 0 && quests.Value.Count == 0);
        foreach (Records.QuestsItem quest in quests)
        {
            Check(false);
        }
    }

    private static void RecordsInDictionaries(NestedProfile mine)
    {
        var loadouts = mine.Loadouts;
        var main = new Records.LoadoutsEntry { Power = 3, Weight = 1.5, Slots = { "axe" }, Build = new byte[] { 1, 2, 3 } };
        Gives(MstResult.MST_ERR_NO_SUCH_KEY, loadouts["main"].Power.Set(5));
        Ok(loadouts.Put("main", main));
        Ok(loadouts["second"].Set(new Records.LoadoutsEntry()));
        Ok(loadouts["main"].Power.Set(5));
        Ok(loadouts["main"].Weight.Add(0.25));
        Ok(loadouts["main"].Slots.Push("bow"));
        Ok(loadouts["main"].Slots[0].Set("sword"));
        Check(Convert.ToBase64String(loadouts["main"].Build.Value) == "AQID");
        Ok(loadouts["main"].Build.Set(new byte[] { 9 }));
        // Ways that are longer than most, with keys that have to be escaped; two from one place.
        string lengthy = new string('"', 300);
        Ok(loadouts.Put(lengthy, main));
        var place = loadouts[lengthy];
        var slots = place.Slots;
        var power = place.Power;
        Ok(slots.Push("long"));
        Ok(power.Add(1));
        Check(string.Join(" ", slots.Value) == "axe long" && power.Value == 4 && slots[1].Value == "long");
        Check(string.Join(" ", loadouts.Keys) == lengthy + " main second" && loadouts.Contains(lengthy));
        Ok(loadouts.Remove(lengthy));
        Dictionary<string, Records.LoadoutsEntry> all = loadouts.Value;
        Check(all.Count == 2 && all["main"].Power == 5 && all["main"].Weight == 1.75 && all["main"].Build[0] == 9);
        Check(string.Join(" ", all["main"].Slots) == "sword bow" && all["second"].Slots.Count == 0);
        Check(loadouts.Contains("second") && !loadouts.Contains("third") && loadouts.Count == 2);
        Check(loadouts.ConfirmedCount == 0);
        Records.LoadoutsEntry found;
        Gives(MstResult.MST_ERR_NO_SUCH_PLACE, loadouts["third"].TryGet(out found));
        Ok(loadouts.Set(new Dictionary<string, Records.LoadoutsEntry> { { "x", main } }));
        foreach (KeyValuePair<string, Records.LoadoutsEntry> entry in loadouts)
        {
            Check(entry.Key == "x" && entry.Value.Power == 3 && entry.Value.Build.Length == 3);
        }
        Ok(loadouts.Clear());
        Check(loadouts.Count == 0);
    }

    private static void Nested(NestedProfile mine)
    {
        var home = new Records.Home { Name = "hut", Place = new Vector3(1, 2, 3) };
        home.Rooms[-7] = new Records.HomeRoomsEntry { Size = 2.5f, Doors = { new List<int> { 1, 2 }, new List<int>() } };
        home.Rooms[10] = new Records.HomeRoomsEntry();
        home.Rooms[9] = new Records.HomeRoomsEntry();
        Ok(mine.Home.Set(home));
        Ok(mine.Home.Rooms[-7].Size.Add(0.5f));
        Ok(mine.Home.Rooms[-7].Doors[1].Push(5));
        Ok(mine.Home.Rooms[-7].Doors[0][1].Add(40));
        Ok(mine.Home.Rooms[-7].Doors.Push(new List<int> { 6 }));
        Check(string.Join(" ", mine.Home.Rooms.Keys) == "-7 9 10");
        Ok(mine.Home.Name.Set("house"));
        Check(mine.Home.Name.Value == "house" && mine.Home.Name.Confirmed == "");
        home = mine.Home.Value;
        Check(home.Name == "house" && home.Place.Equals(new Vector3(1, 2, 3)) && home.Rooms[-7].Size == 3);
        Check(string.Join("|", home.Rooms[-7].Doors.Select(door => string.Join(",", door))) == "1,42|5|6");
        Ok(mine.Grid.Push(new List<float> { 1 }));
        Ok(mine.Grid[0].Push(2));
        Ok(mine.Grid[0].Insert(0, 0));
        Ok(mine.Grid[0][2].Add(0.5f));
        Ok(mine.Grid[0].Remove(1));
        Check(mine.Grid.Value[0].SequenceEqual(new[] { 0, 2.5f }));
        Ok(mine.Index.Put(long.MinValue, new Dictionary<string, List<int>>()));
        Ok(mine.Index[long.MinValue].Put("a", new List<int> { 1, 2 }));
        Ok(mine.Index[long.MinValue]["a"][1].Set(7));
        Ok(mine.Index[long.MinValue]["b"].Set(new List<int> { 3 }));
        var index = mine.Index.Value[long.MinValue];
        Check(index["a"].SequenceEqual(new[] { 1, 7 }) && index["b"].SequenceEqual(new[] { 3 }) && index.Count == 2);
    }

    private static void CustomValues(NestedProfile mine)
    {
        Ok(mine.Seed.Set(new byte[] { 1, 255 }));
        Check(mine.Seed.Value[1] == 255 && mine.Seed.Confirmed.Length == 0);
        Ok(mine.Seeds.Push(new byte[] { 7 }));
        Ok(mine.Seeds[0].Set(new byte[] { 8 }));
        Ok(mine.Seeds.Push(new byte[0]));
        Check(mine.Seeds.Value[0][0] == 8 && mine.Seeds.Value[1].Length == 0);
    }

    private static void EveryScalar(NestedProfile mine)
    {
        var id = new Guid("01020304-0506-0708-890a-0b0c0d0e0f10");
        float[] f32s =
        {
            0, -0f, 0.1f, -1f / 3, float.MaxValue, 1.17549435E-38f, float.Epsilon, float.PositiveInfinity,
            float.NegativeInfinity, float.NaN, 1e-7f,
        };
        double[] f64s =
        {
            0, -0.0, 0.1, -1.0 / 3, double.MaxValue, 2.2250738585072014E-308, double.Epsilon, double.PositiveInfinity,
            double.NegativeInfinity, double.NaN, BitConverter.Int64BitsToDouble(0x7ff8000000000007),
        };
        DateTime[] moments =
        {
            DateTime.MinValue, DateTime.MaxValue, new DateTime(2000, 2, 29, 23, 59, 59), new DateTime(1969, 12, 31, 1, 2, 3),
        };
        Records.All fresh = mine.All.Value, made = new Records.All();
        Check(fresh.Quaternion.Equals(made.Quaternion) && fresh.Color.Equals(made.Color) && fresh.String == made.String);
        Check(fresh.Datetime == made.Datetime && fresh.Uuid == made.Uuid && fresh.Bytes.Length == made.Bytes.Length);
        for (int i = 0; i < 11; i++)
        {
            byte[] bytes = id.ToByteArray().Take(i).ToArray();
            var all = new Records.All
            {
                Bool = true,
                I32 = i % 2 == 0 ? int.MinValue : int.MaxValue,
                I64 = i % 2 == 0 ? long.MinValue : long.MaxValue,
                F32 = f32s[i],
                F64 = f64s[i],
                String = "Gr\u00f6\u00dfe \"\\/\b\f\n\r\t\u0001\u007f \U0001f600" + new string('x', i * 40),
                Bytes = bytes,
                Vector2 = new Vector2(f32s[i], 1),
                Vector3 = new Vector3(1, f32s[i], 2),
                Quaternion = new Quaternion(1, 2, 3, f32s[i]),
                Color = new Color(0, 128, 255, (byte)i),
                Datetime = moments[i % 4],
                Uuid = id,
                Custom = bytes,
            };
            Ok(mine.All.Set(all));
            Records.All back = mine.All.Value;
            Check(back.Bool && back.I32 == all.I32 && back.I64 == all.I64 && back.String == all.String);
            Check(Bits(back.F32) == Bits(all.F32) && Bits(back.F64) == Bits(all.F64));
            Check(Bits(back.Vector2.X) == Bits(all.F32) && Bits(back.Vector3.Y) == Bits(all.F32) && back.Vector3.Z == 2);
            Check(Bits(back.Quaternion.W) == Bits(all.F32) && back.Quaternion.Z == 3 && back.Color.Equals(all.Color));
            // What is below a microsecond is cut off.
            Check(back.Datetime.Ticks == all.Datetime.Ticks / 10 * 10 && back.Uuid == id);
            Check(back.Bytes.SequenceEqual(bytes) && back.Custom.SequenceEqual(bytes));
        }
        Gives(MstResult.MST_ERR_INVALID_JSON, mine.All.Set(new Records.All { String = "a\0b" }));
        Ok(mine.All.Uuid.Set(Guid.Empty));
        Ok(mine.All.Bool.Set(false));
        Check(mine.All.Uuid.Value == Guid.Empty && !mine.All.Bool.Value);
    }

    private static long Bits(double number) { return BitConverter.DoubleToInt64Bits(number); }

    private static void OddNames(NestedProfile mine)
    {
        Ok(mine.Odd.Get.Add(1));
        Ok(mine.Odd.Class.Set("c"));
        Ok(mine.Odd.Self.Add(2));
        Ok(mine.Odd.New.Value_.Add(3));
        Ok(mine.Odd.New.OddNew_.Add(0.5f));
        Ok(mine.Odd.Delete.Push(new Records.OddDeleteItem { Int = 4 }));
        Records.Odd odd = mine.Odd.Value;
        Check(odd.Get == 1 && odd.Class == "c" && odd.New.Value == 3 && odd.New.OddNew_ == 0.5f && odd.Delete[0].Int == 4);
    }

    /// <summary>
    /// The garbage collector has nothing to do, however often scalars are read and written. (The test gives it little memory,
    /// and here it is seen that a single object each time would be noticed.)
    /// </summary>
    private static void NothingIsAllocated(NestedProfile mine)
    {
        const int Times = 40000;
        Ok(mine.Quests.Push(Wolves()));
        Ok(mine.Loadouts.Put("main \"one\"", new Records.LoadoutsEntry()));
        ReadAndWrite(mine, 10);
        int before = GC.CollectionCount(0);
        ReadAndWrite(mine, Times);
        Check(GC.CollectionCount(0) == before);
        for (int i = 0; i < Times; i++)
        {
            GC.KeepAlive(new object());
        }
        Check(GC.CollectionCount(0) > before);
    }

    private static void ReadAndWrite(NestedProfile mine, int times)
    {
        const int Room = 65536;
        byte* delta = stackalloc byte[Room];
        uint length;
        for (int i = 0; i < times; i++)
        {
            Ok(mine.Quests[0].Progress.Add(mine.Quests[0].Progress.Value > 5 ? -1 : 1));
            Ok(mine.Quests[0].Steps[1].Done.Set(!mine.Quests[0].Steps[1].Done.Value));
            Ok(mine.Quests[0].Rewards["gold"].Set(i));
            Ok(mine.Loadouts["main \"one\""].Weight.Set(i));
            Check(mine.Loadouts.Count == 1 && mine.Loadouts.Contains("main \"one\""));
            Ok(mine.Home.Place.Set(new Vector3(i, 0, 0)));
            if (i % 100 == 0)
            {
                // So that not too many changes wait.
                Ok(mst_profile_take_delta(mine.Handle, delta, Room, &length));
            }
        }
    }

    /// <summary>The schema with another property in front, and with a part of its text replaced.</summary>
    private static MstProfile* Other(string from, string to)
    {
        string json = NestedProfile.SchemaJson;
        json = json.Insert(json.IndexOf('[', json.IndexOf("\"properties\"")) + 1, "{\"name\":\"extra\",\"type\":\"bool\"},");
        Check(json.Contains(from));
        MstSchema* schema = Generated.Schema(json.Replace(from, to));
        MstProfile* profile;
        Ok(mst_profile_create(schema, &profile));
        Ok(mst_schema_free(schema));
        return profile;
    }

    private static void OtherSchemas()
    {
        MstProfile* profile = Other("max_count", "max_count");
        var mine = new NestedProfile(profile);
        Ok(mine.Quests.Push(Wolves()));
        Check(mine.Quests[0].Id.Value == "wolves");
        Ok(mst_profile_free(profile));
        MstProfile* other = Other("power:i32", "power:i64");
        Check(Throws(MstResult.MST_ERR_SCHEMA_MISMATCH, () => new NestedProfile(other)).Contains("`loadouts`"));
        Ok(mst_profile_free(other));
    }

    private static string Throws(MstResult expected, Action action)
    {
        try
        {
            action();
        }
        catch (MstProfilesException error)
        {
            Gives(expected, error.Result);
            return error.Message;
        }
        throw new Exception("nothing was thrown");
    }

    private static void ThrowsNull(Action action)
    {
        try
        {
            action();
        }
        catch (ArgumentNullException)
        {
            return;
        }
        throw new Exception("nothing was thrown");
    }

    private static void Ok(MstResult result, [CallerLineNumber] int line = 0)
    {
        Gives(MstResult.MST_OK, result, line);
    }

    private static void Gives(MstResult expected, MstResult result, [CallerLineNumber] int line = 0)
    {
        if (result != expected)
        {
            throw new Exception("line " + line + ": " + MstProfilesException.Of(result).Message);
        }
    }

    private static void Check(bool holds, [CallerLineNumber] int line = 0)
    {
        if (!holds)
        {
            throw new Exception("line " + line + " does not hold");
        }
    }
}

// Uses every kind of accessor that is generated for the kitchen sink's schema, on a profile of its own.

using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using MstProfiles.Native;
using MstProfiles.Typed;
using Profiles;
using static MstProfiles.Native.NativeMethods;

internal static unsafe class Program
{
    private static int Main()
    {
        MstSchema* schema = KitchenSinkProfile.CreateSchema();
        MstProfile* profile;
        ulong fingerprint;
        uint index;
        Ok(mst_schema_fingerprint(schema, &fingerprint));
        Check(fingerprint == KitchenSinkProfile.SchemaFingerprint);
        Ok(mst_profile_create(schema, &profile));
        var sink = new KitchenSinkProfile(profile);
        Ok(mst_schema_find_key(schema, KitchenSinkProfile.Keys.TypesDictI64, &index));
        Check(index == sink.TypesDictI64.Index && sink.Handle == profile);
        Check(KitchenSinkProfile.Names.BanReason == "banReason" && KitchenSinkProfile.Keys.BanReason == 7);
        Ok(mst_schema_free(schema));
        Defaults(sink);
        Scalars(sink);
        Numbers(sink);
        Lists(sink);
        Dictionaries(sink);
        NamedRecords(sink);
        BatchesAndEvents(sink);
        NothingIsAllocated(sink);
        Ok(mst_profile_free(profile));
        Throws(MstResult.MST_ERR_INVALID_HANDLE, () => { bool read = sink.TypesBool.Value; });
        Throws(MstResult.MST_ERR_INVALID_HANDLE, () => { foreach (string name in sink.Party) { } });
        OtherSchemas();
        Console.WriteLine("all is well");
        return 0;
    }

    private static void Defaults(KitchenSinkProfile sink)
    {
        Check(sink.TypesBool.Value);
        Check(sink.TypesI32.Value == int.MinValue);
        Check(sink.TypesI64.Value == long.MaxValue);
        Check(sink.TypesF32.Value == 0.1f);
        Check(double.IsNegativeInfinity(sink.TypesF64.Value));
        Check(sink.TypesString.Value == "Gr\u00f6\u00dfe \U0001f600");
        Check(Convert.ToBase64String(sink.TypesBytes.Value) == "AQID");
        Check(sink.TypesVector2.Value.Equals(new Vector2(0.5f, -1)));
        Check(sink.TypesVector3.Value.ToString() == "(12.5, 0.25, -81.125)");
        Check(sink.TypesQuaternion.Value.Equals(new Quaternion(0, 0, 1, 0)));
        Check(sink.TypesColor.Value.Equals(new Color(255, 128, 0)) && sink.TypesColor.Value.ToString() == "#FF8000FF");
        Check(sink.TypesDatetime.Value == new DateTime(2026, 1, 2, 3, 4, 5, 250, DateTimeKind.Utc));
        Check(sink.TypesUuid.Value == new Guid("6ba7b810-9dad-11d1-80b4-00c04fd430c8"));
        Check(sink.TypesList.Count == 2 && sink.TypesList[1] == "rope");
        Check(sink.TypesDictString["gold"] == 100 && sink.TypesDictString.Count == 2);
        Check(sink.TypesDictI32[-1] && !sink.TypesDictI32[7] && sink.TypesDictI32.Contains(7));
        Check(sink.TypesDictI64[9007199254740993].Equals(new Vector2(1, 2)));
        Check(sink.Heading.Value == 0);
    }

    private static void Scalars(KitchenSinkProfile sink)
    {
        var id = new Guid("01020304-0506-0708-890a-0b0c0d0e0f10");
        var moment = new DateTime(1, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddTicks(19);
        Ok(sink.TypesBool.Set(false));
        Ok(sink.TypesI32.Set(-5));
        Ok(sink.TypesI64.Set(-6));
        Ok(sink.TypesF32.Set(0.5f));
        Ok(sink.TypesF64.Set(0.25));
        Ok(sink.TypesString.Set("\u00dcber"));
        Ok(sink.TypesBytes.Set(new byte[] { 9, 0 }));
        Ok(sink.TypesVector2.Set(new Vector2(1, 2)));
        Ok(sink.TypesVector3.Set(new Vector3(1, 2, 3)));
        Ok(sink.TypesQuaternion.Set(new Quaternion(0.5f, 0.5f, 0.5f, 0.5f)));
        Ok(sink.TypesColor.Set(new Color(1, 2, 3, 4)));
        Ok(sink.TypesDatetime.Set(moment));
        Ok(sink.TypesUuid.Set(id));
        Ok(sink.Heading.Set(1.5f));
        Check(!sink.TypesBool.Value && sink.TypesBool.Confirmed);
        Check(sink.TypesI32.Value == -5 && sink.TypesI32.Confirmed == int.MinValue && sink.TypesI64.Value == -6);
        Check(sink.TypesF32.Value == 0.5f && sink.TypesF64.Value == 0.25);
        Check(sink.TypesString.Value == "\u00dcber" && sink.TypesString.IsPending && !sink.DisplayName.IsPending);
        Check(Convert.ToBase64String(sink.TypesBytes.Value) == "CQA=");
        Check(sink.TypesVector2.Value.Equals(new Vector2(1, 2)) && sink.TypesVector3.Value.Equals(new Vector3(1, 2, 3)));
        Check(sink.TypesQuaternion.Value.W == 0.5f && sink.TypesColor.Value.Equals(new Color(1, 2, 3, 4)));
        Check(sink.TypesDatetime.Value.Ticks == 10 && sink.TypesDatetime.Value.Kind == DateTimeKind.Utc);
        Check(sink.TypesUuid.Value == id && sink.Heading.Value == 1.5f && !sink.Heading.Confirmed.Equals(1.5f));
        var local = new DateTime(2026, 7, 1, 12, 0, 0, DateTimeKind.Local);
        Ok(sink.TypesDatetime.Set(local));
        Check(sink.TypesDatetime.Value == local.ToUniversalTime());
        Gives(MstResult.MST_ERR_TOO_SHORT, sink.DisplayName.Set("no"));
        string text;
        Ok(sink.DisplayName.TryGet(out text));
        Check(text == "Player");
        // Longer than what fits without an allocation, and nothing at all.
        string lengthy = new string('\u00fc', 2500);
        Ok(sink.TypesString.Set(lengthy));
        Check(sink.TypesString.Value == lengthy);
        Ok(sink.TypesString.Set(""));
        Ok(sink.TypesBytes.Set(new byte[0]));
        Check(sink.TypesString.Value == "" && sink.TypesBytes.Value.Length == 0);
        try
        {
            sink.TypesString.Set(null);
            Check(false);
        }
        catch (ArgumentNullException)
        {
        }
    }

    private static void Numbers(KitchenSinkProfile sink)
    {
        Ok(sink.Health.Add(-30));
        Ok(sink.Health.AddClamped(80, 0, 100));
        Check(sink.Health.Value == 100);
        Gives(MstResult.MST_ERR_OUT_OF_RANGE, sink.Health.Add(1));
        Ok(sink.Health.SubtractGuarded(60, 0));
        Gives(MstResult.MST_ERR_GUARD_FAILED, sink.Health.SubtractGuarded(41, 0));
        Gives(MstResult.MST_ERR_GUARD_FAILED, sink.Health.AddGuarded(1, 0, 40));
        Check(sink.Health.Value == 40 && sink.Health.Confirmed == 100 && sink.Health.IsPending);
        Ok(sink.Experience.Add(5000000000));
        Gives(MstResult.MST_ERR_NOT_MONOTONIC, sink.Experience.Add(-1));
        Gives(MstResult.MST_ERR_INVALID_ARGUMENT, sink.TypesI64.SubtractGuarded(long.MinValue, 0));
        Ok(sink.Rating.Add(-0.5));
        Ok(sink.Rating.AddClamped(9999, 0, 1600));
        Gives(MstResult.MST_ERR_GUARD_FAILED, sink.Rating.SubtractGuarded(1600.5, 0));
        Ok(sink.Rating.AddGuarded(-600, 0, 2000));
        Check(sink.Rating.Value == 1000 && sink.Experience.Value == 5000000000);
        Ok(sink.TypesF32.Add(0.25f));
        Check(sink.TypesF32.Value == 0.75f);
    }

    private static void Lists(KitchenSinkProfile sink)
    {
        Ok(sink.Party.Push("cem"));
        Ok(sink.Party.Insert(1, "bob"));
        Ok(sink.Party.Set(0, "ada"));
        Ok(sink.Party.Move(2, 0));
        var all = new List<string>();
        foreach (string name in sink.Party)
        {
            all.Add(name);
        }
        Check(string.Join(" ", all) == "cem ada bob" && sink.Party.Count == 3 && sink.Party.ConfirmedCount == 1);
        string item;
        Ok(sink.Party.TryGetConfirmed(0, out item));
        Check(item == "ann");
        Ok(sink.Party.Remove(1));
        Check(sink.Party[1] == "bob" && sink.Party.IsPending);
        Gives(MstResult.MST_ERR_INDEX_OUT_OF_RANGE, sink.Party.TryGet(2, out item));
        Gives(MstResult.MST_ERR_INDEX_OUT_OF_RANGE, sink.Party.Remove(-1));
        Throws(MstResult.MST_ERR_INDEX_OUT_OF_RANGE, () => item = sink.Party[2]);
        Gives(MstResult.MST_ERR_TOO_FEW, sink.Party.Clear());
        Ok(sink.TypesList.Clear());
        foreach (string name in sink.TypesList)
        {
            Check(false);
        }
    }

    private static void Dictionaries(KitchenSinkProfile sink)
    {
        var purse = sink.TypesDictString;
        Ok(purse.Add("gold", 5));
        Ok(purse.Add("ore", 1));
        Ok(purse.AddClamped("ore", 50, 0, 9));
        Ok(purse.SubtractGuarded("gems", 4, 0));
        Gives(MstResult.MST_ERR_GUARD_FAILED, purse.SubtractGuarded("gems", 2, 0));
        Gives(MstResult.MST_ERR_GUARD_FAILED, purse.AddGuarded("gems", 9, 0, 9));
        Ok(purse.Put("silver", -3));
        string all = "";
        foreach (KeyValuePair<string, long> entry in purse)
        {
            all += entry.Key + "=" + entry.Value + " ";
        }
        Check(all == "gems=1 gold=105 ore=9 silver=-3 ");
        Ok(purse.Remove("ore"));
        long value;
        Check(!purse.Contains("ore") && purse.Count == 3 && purse.ConfirmedCount == 2 && purse.IsPending);
        Gives(MstResult.MST_ERR_NO_SUCH_KEY, purse.TryGet("ore", out value));
        Throws(MstResult.MST_ERR_NO_SUCH_KEY, () => value = purse["ore"]);
        Ok(purse.TryGetConfirmed("gold", out value));
        Check(value == 100);
        Ok(sink.TypesDictI32.Put(int.MaxValue, true));
        long sum = 0;
        foreach (KeyValuePair<int, bool> entry in sink.TypesDictI32)
        {
            sum += entry.Key;
        }
        Check(sum == int.MaxValue + 6L);
        Ok(sink.TypesDictI64.Put(-1, new Vector2(3, 4)));
        foreach (KeyValuePair<long, Vector2> entry in sink.TypesDictI64)
        {
            Check(entry.Key == -1 && entry.Value.Equals(new Vector2(3, 4)));
            break;
        }
        Ok(sink.TypesDictI64.Clear());
        Check(sink.TypesDictI64.Count == 0);
        // Entries for which the rooms are too small at first, the value's or the key's.
        Gives(MstResult.MST_ERR_PATTERN_MISMATCH, sink.Settings.Put("LANG", "tr"));
        Ok(sink.Settings.Put("lang.ui", "tr"));
        Ok(sink.Settings.Put("note", new string('\u00fc', 256)));
        all = "";
        foreach (KeyValuePair<string, string> entry in sink.Settings)
        {
            all += entry.Key + ":" + entry.Value.Length + " ";
        }
        Check(all == "lang.ui:2 note:256 ");
        string longKey = new string('k', 300);
        Ok(purse.Put(longKey, 7));
        Check(purse[longKey] == 7);
        all = "";
        foreach (KeyValuePair<string, long> entry in purse)
        {
            all += entry.Key.Length + " ";
        }
        Check(all == "4 4 300 6 ");
        Ok(purse.Remove(longKey));
    }

    private static void NamedRecords(KitchenSinkProfile sink)
    {
        Check(new KitchenSinkProfile.Records.Reward().Count == 1);
        Check(new KitchenSinkProfile.Records.Mission().Due == new DateTime(2099, 12, 31, 23, 59, 59, DateTimeKind.Utc));
        Check(sink.TypesRecord.Value.Item.Length == 3 && sink.TypesRecord.Count.Value == 5);
        Gives(MstResult.MST_ERR_OUT_OF_RANGE, sink.TypesRecord.Count.Add(95));
        var step = new KitchenSinkProfile.Records.MissionStep { At = { Map = "woods" } };
        Ok(sink.TypesListRecord[0].Steps.Push(step));
        Ok(sink.TypesListRecord[0].Rewards.Put("gold", new KitchenSinkProfile.Records.Reward()));
        Ok(sink.TypesListRecord[0].Rewards["gold"].Count.Add(1));
        KitchenSinkProfile.Records.Mission bridge = sink.TypesListRecord[0].Value;
        Check(bridge.Steps.Count == 3 && bridge.Steps[2].At.Map == "woods" && bridge.Rewards["gold"].Count == 2);
    }

    private static void BatchesAndEvents(KitchenSinkProfile sink)
    {
        Ok(mst_profile_begin_batch(sink.Handle));
        Gives(MstResult.MST_ERR_PRECONDITION_FAILED, sink.Rating.Require(1));
        Ok(sink.Rating.Require(1000));
        Ok(sink.TypesString.Require(""));
        Ok(sink.Experience.Add(1));
        Ok(mst_profile_cancel_batch(sink.Handle));
        Check(sink.Experience.Value == 5000000000);
        Ok(mst_profile_dispatch(sink.Handle, null));
        Ok(sink.Health.Set(50));
        MstEvent told;
        Ok(mst_profile_next_event(sink.Handle, &told));
        switch (told.property_key)
        {
            case KitchenSinkProfile.Keys.Health:
                Check(told.property_index == sink.Health.Index && told.new_int == 50);
                break;
            default:
                Check(false);
                break;
        }
    }

    /// <summary>
    /// The garbage collector has nothing to do, however often scalars are read and written. (The test gives it little memory,
    /// and here it is seen that a single object each time would be noticed.)
    /// </summary>
    private static void NothingIsAllocated(KitchenSinkProfile sink)
    {
        const int Times = 40000;
        Ok(sink.TypesDictI32.Put(1, true));
        ReadAndWrite(sink, 10);
        int before = GC.CollectionCount(0);
        ReadAndWrite(sink, Times);
        Check(GC.CollectionCount(0) == before);
        for (int i = 0; i < Times; i++)
        {
            GC.KeepAlive(new object());
        }
        Check(GC.CollectionCount(0) > before);
    }

    private static void ReadAndWrite(KitchenSinkProfile sink, int times)
    {
        var id = new Guid("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
        for (int i = 0; i < times; i++)
        {
            Ok(sink.TypesBool.Set(!sink.TypesBool.Value));
            Ok(sink.TypesF32.Add(sink.TypesF32.Value > 1 ? -1 : 1));
            Ok(sink.TypesVector3.Set(new Vector3(i, sink.TypesVector3.Value.X, 0)));
            Ok(sink.TypesUuid.Set(id));
            Check(sink.TypesUuid.Value == id && sink.TypesColor.Value.R == 1);
            Ok(sink.TypesDatetime.Set(sink.TypesDatetime.Value.AddTicks(10)));
            Ok(sink.TypesString.Set(i % 2 == 0 ? "even" : "odd"));
            int count = 0;
            foreach (KeyValuePair<int, bool> entry in sink.TypesDictI32)
            {
                count++;
            }
            Check(count == sink.TypesDictI32.Count);
        }
    }

    /// <summary>The kitchen sink's schema with another property in front, and with a part of its text replaced.</summary>
    private static MstProfile* Other(string from, string to)
    {
        string json = KitchenSinkProfile.SchemaJson;
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
        MstProfile* profile = Other("\"min\":0,\"max\":100", "\"min\":0,\"max\":200");
        var sink = new KitchenSinkProfile(profile);
        Ok(sink.Health.Add(70));
        Check(sink.Health.Value == 170 && sink.Party[0] == "ann");
        Ok(mst_profile_free(profile));
        Throws(MstResult.MST_ERR_INVALID_HANDLE, () => new KitchenSinkProfile(profile));
        MstProfile* other = Other("\"name\":\"health\",\"type\":\"i32\"", "\"name\":\"health\",\"type\":\"i64\"");
        Check(Throws(MstResult.MST_ERR_SCHEMA_MISMATCH, () => new KitchenSinkProfile(other)).Contains("`health`"));
        Ok(mst_profile_free(other));
        MstProfile* missing = Other("\"name\":\"rating\"", "\"name\":\"score\"");
        Check(Throws(MstResult.MST_ERR_SCHEMA_MISMATCH, () => new KitchenSinkProfile(missing)).Contains("`rating`"));
        Ok(mst_profile_free(missing));
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

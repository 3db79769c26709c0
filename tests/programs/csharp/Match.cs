// One side of a match: `Match.exe client|server <address> <fingerprint> <user>`.
//
// The client gives itself a title, spends coins that the game server spends before it and is refused, writes its list of
// quests and watches its gold rise; the game server waits for the title, awards gold and sets the rest. Both write within
// the tasks, which are records. Each prints what it is told, one event a line, and at the end the profile as it sees it, and
// the quests as the events alone told them.
//
// The client has its events told to callbacks; the game server polls.
//
// It calls the generated class as it is, to show what each step takes without a wrapper.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;
using MstProfiles.Native;
using static MstProfiles.Native.NativeMethods;

internal static class Program
{
    private static int Main(string[] arguments)
    {
        if (arguments.Length != 4 || (arguments[0] != "client" && arguments[0] != "server"))
        {
            Console.Error.WriteLine("usage: Match.exe client|server <address> <fingerprint> <user>");
            return 2;
        }
        using (var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)))
        {
            output.AutoFlush = true;
            Console.SetOut(output);
            try
            {
                new Match(arguments[0], arguments[1], arguments[2], arguments[3]).Play();
                return 0;
            }
            catch (MstException error)
            {
                Console.Error.WriteLine(error);
                return 1;
            }
        }
    }
}

/// <summary>A call of the library that did not give what it should, or a check that does not hold.</summary>
internal sealed class MstException : Exception
{
    public MstException(string text) : base(text)
    {
    }
}

internal sealed unsafe class Match
{
    private const int Adds = 50;
    private const int Amount = 2;
    private const string ChosenTitle = "Champion of Z\u00fcrich";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly bool isClient;
    private readonly MstSchema* schema;
    private readonly MstEndpoint* endpoint;
    private readonly MstProfile* profile;
    private readonly uint level, gold, rating, title, vip, secret, motd, hp, coins, quests, stats, slots, tasks;
    private readonly uint[] everyType;

    /// <summary>The quests as the events told them.</summary>
    private readonly List<string> questsTold = new List<string>();

    // The library calls these as long as the subscriptions last, and does not keep them from being collected.
    private readonly MstEventCallback onEvent;
    private readonly MstEventCallback onGold;
    private MstSubscription* goldSubscription;
    private Exception failed;
    private int goldCalls;

    private bool isLoaded;
    private bool isReleased;
    private ulong durable;
    private int remoteGoldChanges;
    private int refusals;

    public Match(string role, string address, string fingerprint, string user)
    {
        Check(mst_abi_version() == MST_ABI_VERSION, "the library is of this version");
        Check(mst_abi_hash() == MST_ABI_HASH, "the library has these signatures");
        isClient = role == "client";
        schema = MakeSchema();
        level = Find("level");
        gold = Find("gold");
        rating = Find("rating");
        title = Find("title");
        vip = Find("vip");
        secret = Find("secret");
        motd = Find("motd");
        hp = Find("hp");
        coins = Find("coins");
        everyType = Array.ConvertAll(TypeNames, Find);
        quests = Find("quests");
        stats = Find("stats");
        slots = Find("slots");
        tasks = Find("tasks");
        onEvent = OnEvent;
        onGold = OnGold;
        endpoint = Connect(address, fingerprint, (isClient ? "dev:" : "dev-server:arena-of-") + user);
        profile = Fill(user);
        if (isClient)
        {
            MstSubscription* subscription;
            Ok(mst_endpoint_subscribe(endpoint, onEvent, null, null));
            Ok(mst_profile_subscribe(profile, gold, onGold, (void*)0x90d, &subscription));
            goldSubscription = subscription;
        }
    }

    public void Play()
    {
        Load();
        if (isClient)
        {
            PlayClient();
        }
        else
        {
            PlayServer();
        }
        Check(string.Join(" ", Quests()) == string.Join(" ", questsTold), "the events told the quests that there are");
        Console.WriteLine("quests " + string.Join(" ", questsTold));
        Console.WriteLine("json " + Json());
        Leave();
    }

    // ---- values ----

    private static readonly string[] TypeNames =
        { "speed", "icon", "place", "position", "facing", "tint", "since", "id" };

    private static readonly MstValue[] TypeDefaults =
    {
        Float(MstValueType.MST_TYPE_F32, 1.5),
        Int(MstValueType.MST_TYPE_BYTES, 0),
        Components(MstValueType.MST_TYPE_VECTOR2, 0, 0, 0, 0),
        Components(MstValueType.MST_TYPE_VECTOR3, 0, 0, 0, 0),
        Components(MstValueType.MST_TYPE_QUATERNION, 0, 0, 0, 1),
        Int(MstValueType.MST_TYPE_COLOR, 0x000000ff),
        Int(MstValueType.MST_TYPE_DATETIME, 0),
        Int(MstValueType.MST_TYPE_UUID, 0),
    };

    private static MstValue Int(MstValueType type, long number)
    {
        return new MstValue { value_type = (int)type, int_value = number };
    }

    private static MstValue Float(MstValueType type, double number)
    {
        return new MstValue { value_type = (int)type, float_value = number };
    }

    private static MstValue Components(MstValueType type, float x, float y, float z, float w)
    {
        return new MstValue { value_type = (int)type, x = x, y = y, z = z, w = w };
    }

    /// <summary>A uuid whose bytes count up from 1.</summary>
    private static MstValue CountingUuid()
    {
        MstValue value = Int(MstValueType.MST_TYPE_UUID, 0);
        for (int i = 0; i < 16; i++)
        {
            value.uuid[i] = (byte)(i + 1);
        }
        return value;
    }

    private static MstValue String(Utf8 text)
    {
        return new MstValue
        {
            value_type = (int)MstValueType.MST_TYPE_STRING, text = text.Bytes, text_len = text.Length
        };
    }

    private static MstKey Key(Utf8 text)
    {
        return new MstKey { key_type = (int)MstKeyType.MST_KEY_STRING, text = text.Bytes, text_len = text.Length };
    }

    private static MstKey Key(int number)
    {
        return new MstKey { key_type = (int)MstKeyType.MST_KEY_I32, int_value = number };
    }

    private static string Show(MstValue value)
    {
        switch ((MstValueType)value.value_type)
        {
            case MstValueType.MST_TYPE_F32:
            case MstValueType.MST_TYPE_F64:
                return value.float_value.ToString(CultureInfo.InvariantCulture);
            case MstValueType.MST_TYPE_STRING:
                return Encoding.UTF8.GetString(Copy(value.text, value.text_len));
            case MstValueType.MST_TYPE_RECORD:
                return "record";
            case MstValueType.MST_TYPE_BYTES:
                return Hex(Copy(value.text, value.text_len));
            case MstValueType.MST_TYPE_VECTOR2:
                return FormattableString.Invariant($"({value.x},{value.y})");
            case MstValueType.MST_TYPE_VECTOR3:
                return FormattableString.Invariant($"({value.x},{value.y},{value.z})");
            case MstValueType.MST_TYPE_QUATERNION:
                return FormattableString.Invariant($"({value.x},{value.y},{value.z},{value.w})");
            case MstValueType.MST_TYPE_UUID:
                return Hex(Copy(value.uuid, 16));
            default:
                return value.int_value.ToString(CultureInfo.InvariantCulture);
        }
    }

    private static byte[] Copy(byte* bytes, uint count)
    {
        var copy = new byte[count];
        for (uint i = 0; i < count; i++)
        {
            copy[i] = bytes[i];
        }
        return copy;
    }

    private static string Hex(byte[] bytes)
    {
        return BitConverter.ToString(bytes).Replace("-", "").ToLowerInvariant();
    }

    // ---- the schema: the same in every program of the match ----

    private static MstSchema* MakeSchema()
    {
        var everybodySees = Options(MstWriters.MST_WRITERS_SERVERS, MstVisibility.MST_VISIBILITY_PUBLIC);
        var ownerWrites = Options(MstWriters.MST_WRITERS_OWNER, MstVisibility.MST_VISIBILITY_PUBLIC);
        var serversSee = Options(MstWriters.MST_WRITERS_SERVERS, MstVisibility.MST_VISIBILITY_SERVERS);
        var masterWrites = Options(MstWriters.MST_WRITERS_MASTER, MstVisibility.MST_VISIBILITY_OWNER);
        var owned = Options(MstWriters.MST_WRITERS_OWNER, MstVisibility.MST_VISIBILITY_OWNER);
        var percent = Options(MstWriters.MST_WRITERS_SERVERS, MstVisibility.MST_VISIBILITY_OWNER);
        percent.limits.has_min = percent.limits.has_max = 1;
        percent.limits.max_int = 100;
        MstSchemaBuilder* builder;
        MstSchema* made;
        Ok(mst_schema_builder_create(&builder));
        using (Utf8 level = "level", gold = "gold", rating = "rating", title = "title", vip = "vip", secret = "secret",
            motd = "motd", novice = "Novice", hp = "hp", coins = "coins", quests = "quests", stats = "stats",
            slots = "slots", tasks = "tasks", tasksType = "list<record{id:string,progress:i32,steps:list<string>}>")
        {
            Ok(mst_schema_builder_add_i32(builder, level.Bytes, level.Length, 1, &everybodySees));
            Ok(mst_schema_builder_add_i64(builder, gold.Bytes, gold.Length, 10, null));
            Ok(mst_schema_builder_add_f64(builder, rating.Bytes, rating.Length, 0.5, null));
            Ok(mst_schema_builder_add_string(builder, title.Bytes, title.Length, novice.Bytes, novice.Length, &ownerWrites));
            Ok(mst_schema_builder_add_bool(builder, vip.Bytes, vip.Length, 0, null));
            Ok(mst_schema_builder_add_i32(builder, secret.Bytes, secret.Length, 0, &serversSee));
            Ok(mst_schema_builder_add_string(builder, motd.Bytes, motd.Length, null, 0, &masterWrites));
            Ok(mst_schema_builder_add_i32(builder, hp.Bytes, hp.Length, 50, &percent));
            Ok(mst_schema_builder_add_i64(builder, coins.Bytes, coins.Length, 100, &owned));
            for (int i = 0; i < TypeNames.Length; i++)
            {
                MstValue value = TypeDefaults[i];
                using (Utf8 name = TypeNames[i])
                {
                    Ok(mst_schema_builder_add_value(builder, name.Bytes, name.Length, &value, null));
                }
            }
            Ok(mst_schema_builder_add_list(builder, quests.Bytes, quests.Length, (int)MstValueType.MST_TYPE_STRING, &owned));
            Ok(mst_schema_builder_add_dict(builder, stats.Bytes, stats.Length, (int)MstKeyType.MST_KEY_STRING,
                (int)MstValueType.MST_TYPE_I64, null));
            Ok(mst_schema_builder_add_dict(builder, slots.Bytes, slots.Length, (int)MstKeyType.MST_KEY_I32,
                (int)MstValueType.MST_TYPE_STRING, null));
            Ok(mst_schema_builder_add_type(builder, tasks.Bytes, tasks.Length, tasksType.Bytes, tasksType.Length, null, 0,
                &owned));
        }
        Ok(mst_schema_builder_build(builder, &made));
        Ok(mst_schema_builder_free(builder));
        Gives(MstResult.MST_ERR_INVALID_HANDLE, mst_schema_builder_free(builder));
        return made;
    }

    private static MstPropertyOptions Options(MstWriters writers, MstVisibility visibility)
    {
        MstPropertyOptions options;
        Ok(mst_property_options_init(&options));
        options.writers = (int)writers;
        options.visibility = (int)visibility;
        return options;
    }

    private uint Find(string name)
    {
        uint index;
        using (Utf8 text = name)
        {
            Ok(mst_schema_find(schema, text.Bytes, text.Length, &index));
        }
        return index;
    }

    // ---- connecting ----

    private MstEndpoint* Connect(string address, string fingerprint, string token)
    {
        MstEndpoint* connected;
        MstConnectOptions options;
        Ok(mst_connect_options_init(&options));
        // The library copies the texts.
        using (Utf8 addressText = address, fingerprintText = fingerprint, tokenText = token)
        {
            options.address = addressText.Bytes;
            options.address_len = addressText.Length;
            options.fingerprint = fingerprintText.Bytes;
            options.fingerprint_len = fingerprintText.Length;
            options.token = tokenText.Bytes;
            options.token_len = tokenText.Length;
            options.schema = schema;
            Ok(isClient ? mst_client_connect(&options, &connected) : mst_server_connect(&options, &connected));
        }
        Ok(mst_endpoint_set_flush_interval(connected, 10));
        return connected;
    }

    private MstProfile* Fill(string user)
    {
        MstProfile* filling;
        using (Utf8 text = user)
        {
            Ok(mst_endpoint_fill_profile(endpoint, text.Bytes, text.Length, &filling));
        }
        return filling;
    }

    private void Load()
    {
        Check(!IsLoaded(), "nothing came before the first wait");
        Gives(MstResult.MST_ERR_NOT_LOADED, mst_profile_set_i32(profile, level, 99));
        WaitUntil(() => isLoaded, "the profile is loaded");
        Check(IsLoaded(), "the profile says that it is loaded");
    }

    // ---- the match ----

    private void PlayClient()
    {
        Gives(MstResult.MST_ERR_NOT_PERMITTED, mst_profile_add_int(profile, gold, 1));
        Check(LastError().Contains("gold"), "the error names the property");
        using (Utf8 text = ChosenTitle)
        {
            Ok(mst_profile_set_string(profile, title, text.Bytes, text.Length));
        }
        Check(Title() == ChosenTitle, "the title shows at once");
        SpendInVain();
        WriteQuests();
        WaitUntilDurable();
        Step();
        WaitUntil(() => Integer(gold) == 10 + Adds * Amount && Integer(level) == 42, "all that the server awards came");
        Check(remoteGoldChanges > 0, "the gold was seen to rise");
        Check(Integer(secret) == 0, "the secret stayed one");
        Check(Integer(hp) == 100 && Stat("kills") == 3 && Stat("deaths") == null, "the rest came too");
        Check(goldCalls > 0 && goldCalls == remoteGoldChanges, "the callbacks were told of the same");
        Ok(mst_subscription_free(goldSubscription));
        Gives(MstResult.MST_ERR_INVALID_HANDLE, mst_subscription_free(goldSubscription));
    }

    /// <summary>Coins that the game server spends meanwhile: the whole batch is refused, and all of it taken back.</summary>
    private void SpendInVain()
    {
        uint count;
        Ok(mst_profile_begin_batch(profile));
        Push("steal");
        Ok(mst_profile_add_int_guarded(profile, coins, -80, 0, long.MaxValue));
        Check(Integer(coins) == 20 && Confirmed(coins) == 100, "what is predicted is not confirmed");
        Ok(mst_profile_list_confirmed_count(profile, quests, &count));
        Check(count == 0 && Quests().Length == 1, "neither are items");
        // The title goes; what is in the batch does not.
        ulong batch = Flush();
        WaitUntil(() => durable >= batch && Confirmed(coins) == 20, "the game server spent the coins");
        Ok(mst_profile_commit_batch(profile));
        Flush();
        WaitUntil(() => refusals == 1, "the batch is refused");
        Check(Integer(coins) == 20 && Confirmed(coins) == 20 && Quests().Length == 0, "all of it is taken back");
        Gives(MstResult.MST_ERR_GUARD_FAILED, mst_profile_add_int_guarded(profile, coins, -21, 0, long.MaxValue));
        Check(LastError().Contains("coins"), "the error names the property");
    }

    private void WriteQuests()
    {
        Push("flee");
        Ok(mst_profile_clear(profile, quests));
        Push("find");
        Push("flee");
        using (Utf8 rest = "rest", fight = "fight")
        {
            MstValue restValue = String(rest), fightValue = String(fight);
            Ok(mst_profile_list_insert(profile, quests, 0, &restValue));
            Ok(mst_profile_list_move(profile, quests, 2, 0));
            Ok(mst_profile_list_set(profile, quests, 0, &fightValue));
        }
        Ok(mst_profile_list_remove(profile, quests, 2));
        Gives(MstResult.MST_ERR_INDEX_OUT_OF_RANGE, mst_profile_list_remove(profile, quests, 2));
        Check(string.Join(" ", Quests()) == "fight rest", "the quests are in order");
    }

    /// <summary>Once the game server has counted, the client adds a step to the task.</summary>
    private void Step()
    {
        WaitUntil(() => Task("[0].progress") == "3", "the task came");
        using (Utf8 steps = "[0].steps", nowhere = "[0].rewards", search = "search")
        {
            MstValue value = String(search);
            Ok(mst_profile_insert_at(profile, tasks, steps.Bytes, steps.Length, uint.MaxValue, &value));
            Gives(MstResult.MST_ERR_NO_SUCH_PLACE,
                mst_profile_insert_at(profile, tasks, nowhere.Bytes, nowhere.Length, 0, &value));
        }
        Check(Task("[0].steps[0]") == "search" && Task("[0].steps[1]") == null, "the step shows at once");
        WaitUntilDurable();
    }

    private void GiveATask()
    {
        using (Utf8 rats = "{\"id\":\"rats\"}", progress = "[0].progress")
        {
            Ok(mst_profile_insert_json_at(profile, tasks, null, 0, uint.MaxValue, rats.Bytes, rats.Length));
            WaitUntilDurable();
            Ok(mst_profile_add_int_at(profile, tasks, progress.Bytes, progress.Length, 3));
        }
        Check(Task("[0].progress") == "3" && Task("[0].id") == "rats", "the progress shows at once");
        WaitUntilDurable();
    }

    private void Push(string quest)
    {
        using (Utf8 text = quest)
        {
            MstValue value = String(text);
            Ok(mst_profile_list_push(profile, quests, &value));
        }
    }

    private void PlayServer()
    {
        using (Utf8 text = "hello")
        {
            Gives(MstResult.MST_ERR_NOT_PERMITTED, mst_profile_set_string(profile, motd, text.Bytes, text.Length));
        }
        Check(LastError().Contains("motd"), "the error names the property");
        WaitUntil(() => Title() == ChosenTitle, "the title came");
        Ok(mst_profile_add_int_guarded(profile, coins, -80, 0, long.MaxValue));
        // A batch that is taken back, and one that is not.
        Ok(mst_profile_begin_batch(profile));
        Ok(mst_profile_set_i32(profile, level, 41));
        Ok(mst_profile_cancel_batch(profile));
        Check(Integer(level) == 1, "the level is as it was");
        Ok(mst_profile_begin_batch(profile));
        Ok(mst_profile_set_i32(profile, level, 42));
        Ok(mst_profile_set_f64(profile, rating, 2.25));
        Ok(mst_profile_set_bool(profile, vip, 1));
        Ok(mst_profile_set_i32(profile, secret, 7));
        Ok(mst_profile_commit_batch(profile));
        Ok(mst_profile_add_int_clamped(profile, hp, 80, 0, 100));
        Gives(MstResult.MST_ERR_OUT_OF_RANGE, mst_profile_add_int(profile, hp, 1));
        SetEveryType();
        WriteDictionaries();
        WaitUntilDurable();
        GiveATask();
        for (int i = 1; i <= Adds; i++)
        {
            Ok(mst_profile_add_int(profile, gold, Amount));
            Check(Integer(gold) == 10 + i * Amount, "the gold shows at once");
            if (i % 10 == 0)
            {
                WaitUntilDurable();
            }
            else
            {
                PollEvents(1);
            }
        }
        Check(Integer(gold) == 10 + Adds * Amount, "all the gold was awarded");
        WaitUntil(() => string.Join(" ", Quests()) == "fight rest", "the quests came");
        WaitUntil(() => Task("[0].steps[0]") == "search", "the step came");
    }

    private void SetEveryType()
    {
        var icon = new byte[] { 1, 0, 255 };
        fixed (byte* iconBytes = icon)
        {
            MstValue[] values =
            {
                Float(MstValueType.MST_TYPE_F32, 2.25),
                new MstValue { value_type = (int)MstValueType.MST_TYPE_BYTES, text = iconBytes, text_len = 3 },
                Components(MstValueType.MST_TYPE_VECTOR2, 1, -2, 0, 0),
                Components(MstValueType.MST_TYPE_VECTOR3, 1, 2.5f, -3, 0),
                Components(MstValueType.MST_TYPE_QUATERNION, 0.5f, 0.5f, 0.5f, 0.5f),
                Int(MstValueType.MST_TYPE_COLOR, 0xff800040),
                Int(MstValueType.MST_TYPE_DATETIME, 1767323045250000),
                CountingUuid(),
            };
            for (int i = 0; i < values.Length; i++)
            {
                MstValue value = values[i], got;
                byte* room = stackalloc byte[16];
                Ok(mst_profile_set_value(profile, everyType[i], &value));
                Ok(mst_profile_get_value(profile, everyType[i], &got, room, 16, null));
                Check(Show(got) == Show(value) && got.value_type == value.value_type, "a value is what it was set to");
            }
        }
    }

    private void WriteDictionaries()
    {
        using (Utf8 kills = "kills", deaths = "deaths", sword = "sword", bow = "bow")
        {
            MstKey killsKey = Key(kills), deathsKey = Key(deaths), one = Key(1), two = Key(2);
            MstValue number = Int(MstValueType.MST_TYPE_I64, 1), swordValue = String(sword), bowValue = String(bow);
            byte contains;
            Ok(mst_profile_dict_put(profile, stats, &killsKey, &number));
            Ok(mst_profile_dict_add_int(profile, stats, &killsKey, 2));
            Ok(mst_profile_dict_add_int_clamped(profile, stats, &deathsKey, 5, 0, 3));
            Check(Stat("kills") == 3 && Stat("deaths") == 3, "entries show at once");
            Gives(MstResult.MST_ERR_GUARD_FAILED,
                mst_profile_dict_add_int_guarded(profile, stats, &killsKey, -4, 0, 99));
            Ok(mst_profile_dict_remove(profile, stats, &deathsKey));
            Check(Stat("deaths") == null, "an entry is removed");
            Ok(mst_profile_dict_put(profile, slots, &two, &bowValue));
            Ok(mst_profile_dict_put(profile, slots, &one, &swordValue));
            Ok(mst_profile_dict_contains(profile, slots, &two, &contains));
            Check(contains == 1 && Slots() == "1:sword 2:bow", "a dictionary is in the order of its keys");
        }
    }

    private string Slots()
    {
        var entries = new List<string>();
        byte* room = stackalloc byte[16];
        MstKey key = new MstKey();
        for (;;)
        {
            MstValue value;
            Ok(mst_profile_dict_next(profile, slots, &key, null, 0, null, &value, room, 16, null));
            if ((MstKeyType)key.key_type == MstKeyType.MST_KEY_NONE)
            {
                return string.Join(" ", entries);
            }
            entries.Add(key.int_value + ":" + Show(value));
        }
    }

    private void WaitUntilDurable()
    {
        ulong batch = Flush();
        Check(batch > 0, "there was something to send");
        WaitUntil(() => durable >= batch, "all changes are durable");
        MstPending pending;
        Ok(mst_profile_pending(profile, &pending));
        Check(pending.unsent == 0 && pending.unapplied == 0 && pending.undurable == 0, "nothing is pending");
        Check(pending.last == batch, "the last batch has the flush's number");
    }

    private ulong Flush()
    {
        ulong batch;
        Ok(mst_profile_flush(profile, &batch));
        return batch;
    }

    private void Leave()
    {
        int value;
        MstEvent told;
        Ok(mst_profile_release(profile));
        WaitUntil(() => isReleased, "the profile is released");
        Gives(MstResult.MST_ERR_RELEASED, mst_profile_get_i32(profile, level, &value));
        Ok(mst_endpoint_close(endpoint, (uint)Patience.TotalMilliseconds));
        Ok(mst_profile_free(profile));
        Ok(mst_endpoint_free(endpoint));
        Ok(mst_schema_free(schema));
        // Freed handles are found out.
        Gives(MstResult.MST_ERR_INVALID_HANDLE, mst_profile_get_i32(profile, level, &value));
        Gives(MstResult.MST_ERR_INVALID_HANDLE, mst_profile_free(profile));
        Gives(MstResult.MST_ERR_INVALID_HANDLE, mst_endpoint_next_event(endpoint, &told));
        Gives(MstResult.MST_ERR_INVALID_HANDLE, mst_endpoint_free(endpoint));
        Gives(MstResult.MST_ERR_INVALID_HANDLE, mst_schema_free(schema));
        Ok(mst_shutdown(1000));
    }

    // ---- events ----

    private void WaitUntil(Func<bool> condition, string what)
    {
        var waited = Stopwatch.StartNew();
        while (!condition())
        {
            Check(waited.Elapsed < Patience, what);
            PollEvents(100);
        }
    }

    /// <summary>Waits for events, at most so long, and takes all there are.</summary>
    private void PollEvents(uint timeoutMs)
    {
        MstEvent next;
        Ok(mst_endpoint_wait(endpoint, timeoutMs, null));
        if (isClient)
        {
            Ok(mst_endpoint_dispatch(endpoint, 0, null));
            if (failed != null)
            {
                throw new MstException(failed.ToString());
            }
            return;
        }
        for (;;)
        {
            Ok(mst_endpoint_next_event(endpoint, &next));
            if ((MstEventType)next.event_type == MstEventType.MST_EVENT_NONE)
            {
                return;
            }
            TakeEvent(next);
        }
    }

    /// <summary>What the library calls. No exception may leave it.</summary>
    private void OnEvent(MstEvent* told, void* userData)
    {
        try
        {
            TakeEvent(*told);
        }
        catch (Exception error)
        {
            failed = failed ?? error;
        }
    }

    private void OnGold(MstEvent* told, void* userData)
    {
        try
        {
            Check(userData == (void*)0x90d && told->property_index == gold, "it is called with what was given");
            goldCalls += (MstCause)told->cause == MstCause.MST_CAUSE_REMOTE ? 1 : 0;
        }
        catch (Exception error)
        {
            failed = failed ?? error;
        }
    }

    private void TakeEvent(MstEvent told)
    {
        string text = Text((buffer, capacity, length) => mst_endpoint_event_text(endpoint, buffer, capacity, length));
        Check(told.profile == null || told.profile == profile, "the event is of this profile");
        switch ((MstEventType)told.event_type)
        {
            case MstEventType.MST_EVENT_CONNECTED:
                Console.WriteLine("connected");
                break;
            case MstEventType.MST_EVENT_DISCONNECTED:
                Console.WriteLine("disconnected {0} {1}", (MstResult)told.code, text);
                break;
            case MstEventType.MST_EVENT_PROFILE_LOADED:
                Console.WriteLine("loaded");
                isLoaded = true;
                break;
            case MstEventType.MST_EVENT_PROFILE_RESUMED:
                Console.WriteLine("resumed {0}", told.number);
                break;
            case MstEventType.MST_EVENT_PROPERTY_CHANGED:
                Console.WriteLine("changed " + Change(told));
                if (told.property_index == gold && (MstCause)told.cause == MstCause.MST_CAUSE_REMOTE)
                {
                    Check(told.new_int > told.old_int, "the gold rises");
                    remoteGoldChanges++;
                }
                break;
            case MstEventType.MST_EVENT_APPLIED:
                Console.WriteLine("applied {0}", told.number);
                break;
            case MstEventType.MST_EVENT_DURABLE:
                Console.WriteLine("durable {0}", told.number);
                durable = told.number;
                break;
            case MstEventType.MST_EVENT_REFUSED:
                Console.WriteLine("refused {0} {1} {2}", told.number, (MstResult)told.code, Name(told.property_index));
                Check(text.Contains("coins"), "the reason names the property");
                refusals++;
                break;
            case MstEventType.MST_EVENT_TAKEN_BACK:
                Console.WriteLine("taken back {0}", told.number);
                break;
            case MstEventType.MST_EVENT_PROFILE_RELEASED:
                Console.WriteLine("released");
                isReleased = true;
                break;
            default:
                throw new MstException($"{(MstEventType)told.event_type}: {(MstResult)told.code}: {text}");
        }
    }

    private string Change(MstEvent told)
    {
        MstValue before, after;
        MstKey key;
        byte* beforeRoom = stackalloc byte[64], afterRoom = stackalloc byte[64], keyRoom = stackalloc byte[64];
        Ok(mst_endpoint_event_value(endpoint, 0, &before, beforeRoom, 64, null));
        Ok(mst_endpoint_event_value(endpoint, 1, &after, afterRoom, 64, null));
        Ok(mst_endpoint_event_key(endpoint, &key, keyRoom, 64, null));
        Check(told.old_int == before.int_value && told.new_int == after.int_value && told.key_int == key.int_value,
            "what fits is in the event too");
        int place = (int)told.item_index;
        string old = Show(before), now = Show(after), how;
        bool isQuest = told.property_index == quests;
        string cause = ((MstCause)told.cause).ToString().Substring("MST_CAUSE_".Length).ToLowerInvariant();
        if (told.property_index == tasks)
        {
            string path = Text((buffer, capacity, length) => mst_endpoint_event_path(endpoint, buffer, capacity, length));
            Check((told.is_within == 1) == (path.Length > 3), "a task is no part of another");
            bool isSet = (MstChange)told.change == MstChange.MST_CHANGE_FIELD_SET;
            return Name(tasks) + " at " + path + (isSet ? " set " : " inserted ") + now + " " + cause;
        }
        switch ((MstChange)told.change)
        {
            case MstChange.MST_CHANGE_REPLACED:
                how = ((MstValueType)told.value_type == MstValueType.MST_TYPE_STRING ? " " : " " + old + " ") + "-> " + now;
                break;
            case MstChange.MST_CHANGE_ITEM_SET:
                questsTold[place] = now;
                how = "[" + place + "] set " + now;
                break;
            case MstChange.MST_CHANGE_ITEM_INSERTED:
                questsTold.Insert(place, now);
                how = "[" + place + "] inserted " + now;
                break;
            case MstChange.MST_CHANGE_ITEM_REMOVED:
                questsTold.RemoveAt(place);
                how = "[" + place + "] removed " + old;
                break;
            case MstChange.MST_CHANGE_ITEM_MOVED:
                string moved = questsTold[place];
                questsTold.RemoveAt(place);
                questsTold.Insert((int)told.to_index, moved);
                how = "[" + place + "] moved to " + told.to_index;
                break;
            case MstChange.MST_CHANGE_CLEARED:
                Check(!isQuest || questsTold.Count == told.old_int, "as many went as there were");
                questsTold.Clear();
                how = " cleared of " + told.old_int;
                break;
            default:
                string name = (MstKeyType)key.key_type == MstKeyType.MST_KEY_STRING
                    ? Encoding.UTF8.GetString(Copy(key.text, key.text_len))
                    : key.int_value.ToString(CultureInfo.InvariantCulture);
                how = "{" + name + "} " + (told.has_new == 1 ? "put " + now : "removed " + old);
                break;
        }
        return Name(told.property_index) + how + " " + cause;
    }

    // ---- reading ----

    private bool IsLoaded()
    {
        byte loaded;
        Ok(mst_profile_is_loaded(profile, &loaded));
        return loaded != 0;
    }

    private long Integer(uint property)
    {
        long value;
        Ok(mst_profile_get_i64(profile, property, &value));
        return value;
    }

    /// <summary>What the master said last, without what this program predicts.</summary>
    private long Confirmed(uint property)
    {
        MstValue value;
        Ok(mst_profile_get_confirmed(profile, property, &value, null, 0, null));
        return value.int_value;
    }

    /// <summary>What is there in the tasks; null when nothing is.</summary>
    private string Task(string path)
    {
        MstValue value;
        byte* room = stackalloc byte[16];
        using (Utf8 text = path)
        {
            MstResult result = mst_profile_get_at(profile, tasks, text.Bytes, text.Length, &value, room, 16, null);
            if (result == MstResult.MST_ERR_NO_SUCH_PLACE)
            {
                return null;
            }
            Ok(result);
        }
        return Show(value);
    }

    private string[] Quests()
    {
        uint count;
        Ok(mst_profile_list_count(profile, quests, &count));
        var found = new string[count];
        byte* room = stackalloc byte[16];
        for (uint i = 0; i < count; i++)
        {
            MstValue value;
            Ok(mst_profile_list_get(profile, quests, i, &value, room, 16, null));
            found[i] = Show(value);
        }
        return found;
    }

    private long? Stat(string name)
    {
        using (Utf8 text = name)
        {
            MstKey key = Key(text);
            MstValue value;
            MstResult result = mst_profile_dict_get(profile, stats, &key, &value, null, 0, null);
            if (result == MstResult.MST_ERR_NO_SUCH_KEY)
            {
                return null;
            }
            Ok(result);
            return value.int_value;
        }
    }

    private string Title()
    {
        return Text((buffer, capacity, length) => mst_profile_get_string(profile, title, buffer, capacity, length));
    }

    private string Name(uint property)
    {
        return Text((buffer, capacity, length) => mst_schema_property_name(schema, property, buffer, capacity, length));
    }

    private string Json()
    {
        return Text((buffer, capacity, length) => mst_profile_to_json(profile, buffer, capacity, length));
    }

    private static string LastError()
    {
        return Text(mst_last_error);
    }

    private delegate MstResult TextGetter(byte* buffer, uint capacity, uint* length);

    /// <summary>Asks with a small buffer, and again with a larger one if that was too small.</summary>
    private static string Text(TextGetter get)
    {
        var bytes = new byte[64];
        for (;;)
        {
            uint length;
            fixed (byte* buffer = bytes)
            {
                MstResult result = get(buffer, (uint)bytes.Length, &length);
                if (result != MstResult.MST_ERR_BUFFER_TOO_SMALL)
                {
                    Ok(result);
                    return Encoding.UTF8.GetString(bytes, 0, (int)length);
                }
            }
            bytes = new byte[length];
        }
    }

    // ---- checks ----

    private static void Ok(MstResult result)
    {
        Gives(MstResult.MST_OK, result);
    }

    private static void Gives(MstResult expected, MstResult result)
    {
        if (result != expected)
        {
            throw new MstException($"{result} instead of {expected}; the library's last error: {LastError()}");
        }
    }

    private static void Check(bool condition, string what)
    {
        if (!condition)
        {
            throw new MstException($"it does not hold that {what}; the library's last error: {LastError()}");
        }
    }

    /// <summary>A text as the library takes it: UTF-8 bytes that stay in their place until it is disposed.</summary>
    private sealed class Utf8 : IDisposable
    {
        private readonly byte[] bytes;
        private GCHandle pin;

        private Utf8(string text)
        {
            bytes = Encoding.UTF8.GetBytes(text);
            pin = GCHandle.Alloc(bytes, GCHandleType.Pinned);
        }

        public byte* Bytes
        {
            get { return (byte*)pin.AddrOfPinnedObject(); }
        }

        public uint Length
        {
            get { return (uint)bytes.Length; }
        }

        public static implicit operator Utf8(string text)
        {
            return new Utf8(text);
        }

        public void Dispose()
        {
            pin.Free();
        }
    }
}

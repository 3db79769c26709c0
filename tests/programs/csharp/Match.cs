// One side of a match: `Match.exe client|server <address> <fingerprint> <user>`.
//
// The client gives itself a title and watches its gold rise; the game server waits for the title, awards gold and sets
// the rest. Each prints what it is told, one event a line, and at the end the profile as it sees it.
//
// It calls the generated class as it is, to show what each step takes without a wrapper.

using System;
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
    private readonly uint level, gold, rating, title, vip, secret, motd;

    private bool isLoaded;
    private bool isReleased;
    private ulong durable;
    private int remoteGoldChanges;

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
        endpoint = Connect(address, fingerprint, (isClient ? "dev:" : "dev-server:arena-of-") + user);
        profile = Fill(user);
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
        Console.WriteLine("json " + Json());
        Leave();
    }

    // ---- the schema: the same in every program of the match ----

    private static MstSchema* MakeSchema()
    {
        var everybodySees = Options(MstWriters.MST_WRITERS_SERVERS, MstVisibility.MST_VISIBILITY_PUBLIC);
        var ownerWrites = Options(MstWriters.MST_WRITERS_OWNER, MstVisibility.MST_VISIBILITY_PUBLIC);
        var serversSee = Options(MstWriters.MST_WRITERS_SERVERS, MstVisibility.MST_VISIBILITY_SERVERS);
        var masterWrites = Options(MstWriters.MST_WRITERS_MASTER, MstVisibility.MST_VISIBILITY_OWNER);
        MstSchemaBuilder* builder;
        MstSchema* made;
        Ok(mst_schema_builder_create(&builder));
        using (Utf8 level = "level", gold = "gold", rating = "rating", title = "title", vip = "vip", secret = "secret",
            motd = "motd", novice = "Novice")
        {
            Ok(mst_schema_builder_add_i32(builder, level.Bytes, level.Length, 1, &everybodySees));
            Ok(mst_schema_builder_add_i64(builder, gold.Bytes, gold.Length, 10, null));
            Ok(mst_schema_builder_add_f64(builder, rating.Bytes, rating.Length, 0.5, null));
            Ok(mst_schema_builder_add_string(builder, title.Bytes, title.Length, novice.Bytes, novice.Length, &ownerWrites));
            Ok(mst_schema_builder_add_bool(builder, vip.Bytes, vip.Length, 0, null));
            Ok(mst_schema_builder_add_i32(builder, secret.Bytes, secret.Length, 0, &serversSee));
            Ok(mst_schema_builder_add_string(builder, motd.Bytes, motd.Length, null, 0, &masterWrites));
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
        WaitUntilDurable();
        WaitUntil(() => Integer(gold) == 10 + Adds * Amount && Integer(level) == 42, "all that the server awards came");
        Check(remoteGoldChanges > 0, "the gold was seen to rise");
        Check(Integer(secret) == 0, "the secret stayed one");
    }

    private void PlayServer()
    {
        using (Utf8 text = "hello")
        {
            Gives(MstResult.MST_ERR_NOT_PERMITTED, mst_profile_set_string(profile, motd, text.Bytes, text.Length));
        }
        Check(LastError().Contains("motd"), "the error names the property");
        WaitUntil(() => Title() == ChosenTitle, "the title came");
        Ok(mst_profile_set_i32(profile, level, 42));
        Ok(mst_profile_set_f64(profile, rating, 2.25));
        Ok(mst_profile_set_bool(profile, vip, 1));
        Ok(mst_profile_set_i32(profile, secret, 7));
        WaitUntilDurable();
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
                Console.WriteLine("changed " + Change(told, text));
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
                Console.WriteLine("refused {0} {1} {2}", told.number, (MstResult)told.code, text);
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

    private string Change(MstEvent told, string text)
    {
        string values;
        switch ((MstValueType)told.value_type)
        {
            case MstValueType.MST_TYPE_STRING:
                values = "-> " + text;
                break;
            case MstValueType.MST_TYPE_F64:
                values = string.Format(CultureInfo.InvariantCulture, "{0} -> {1}", told.old_float, told.new_float);
                break;
            default:
                values = told.old_int + " -> " + told.new_int;
                break;
        }
        string cause = ((MstCause)told.cause).ToString().Substring("MST_CAUSE_".Length).ToLowerInvariant();
        return Name(told.property_index) + " " + values + " " + cause;
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

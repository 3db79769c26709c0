// A whole master whose database is this program, with a game server in the same process: `Host.exe write|read <folder>`.
//
// The database is an accessor of profiles with three methods, each of which gives a task: a dictionary, kept in one file. The main
// thread ticks the master, which calls the methods; their tasks end on the thread pool, and complete the master's requests from there.
// Some fail on purpose.
//
// `write` adds gold to several profiles, waits until that is durable, adds once more, and ends in order; `read` prints what is
// stored. Both print the profiles, and what was asked of the accessor.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using MstProfiles.Native;
using static MstProfiles.Native.NativeMethods;

internal static class Program
{
    private static int Main(string[] arguments)
    {
        if (arguments.Length != 2 || (arguments[0] != "write" && arguments[0] != "read"))
        {
            Console.Error.WriteLine("usage: Host.exe write|read <folder>");
            return 2;
        }
        using (var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)))
        {
            output.AutoFlush = true;
            Console.SetOut(output);
            try
            {
                new Host(Path.Combine(arguments[1], "profiles.txt")).Run(arguments[0] == "write");
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

/// <summary>A document to write.</summary>
internal sealed class SavedProfile
{
    public string UserId;
    public ulong Version;
    public string Document;
}

/// <summary>The game's database of profiles.</summary>
internal interface IProfilesDatabaseAccessor
{
    /// <summary>The document of a user; null when there is none.</summary>
    Task<string> RestoreProfileAsync(string userId);

    Task UpdateProfileAsync(SavedProfile profile);

    Task UpdateProfilesAsync(IReadOnlyList<SavedProfile> profiles);
}

/// <summary>Profiles in a dictionary, and in a file that is written anew with each update.</summary>
internal sealed class DictionaryAccessor : IProfilesDatabaseAccessor
{
    private readonly string path;
    private readonly Dictionary<string, SavedProfile> profiles = new Dictionary<string, SavedProfile>();
    private int delay;
    public int Restored, Updated, UpdatedMany, FailedOnPurpose;

    public DictionaryAccessor(string path)
    {
        this.path = path;
        foreach (string line in File.Exists(path) ? File.ReadAllLines(path) : new string[0])
        {
            // No text of JSON has a tab in it as such, and neither has a user id.
            string[] parts = line.Split('\t');
            ulong version = ulong.Parse(parts[1], CultureInfo.InvariantCulture);
            profiles[parts[0]] = new SavedProfile { UserId = parts[0], Version = version, Document = parts[2] };
        }
    }

    public async Task<string> RestoreProfileAsync(string userId)
    {
        int turn = Interlocked.Increment(ref Restored);
        await SomeTime().ConfigureAwait(false);
        FailIf(turn == 2);
        lock (profiles)
        {
            return profiles.TryGetValue(userId, out SavedProfile found) ? found.Document : null;
        }
    }

    public async Task UpdateProfileAsync(SavedProfile profile)
    {
        int turn = Interlocked.Increment(ref Updated);
        await SomeTime().ConfigureAwait(false);
        FailIf(turn == 1);
        Write(new[] { profile });
    }

    public async Task UpdateProfilesAsync(IReadOnlyList<SavedProfile> saved)
    {
        int turn = Interlocked.Increment(ref UpdatedMany);
        await SomeTime().ConfigureAwait(false);
        FailIf(turn == 1);
        Write(saved);
    }

    private void Write(IEnumerable<SavedProfile> saved)
    {
        lock (profiles)
        {
            foreach (SavedProfile profile in saved)
            {
                // An update that was given up may be at work still, and come after a later one.
                if (!profiles.TryGetValue(profile.UserId, out SavedProfile there) || there.Version <= profile.Version)
                {
                    profiles[profile.UserId] = profile;
                }
            }
            var text = new StringBuilder();
            foreach (SavedProfile profile in profiles.Values)
            {
                text.Append(profile.UserId).Append('\t').Append(profile.Version.ToString(CultureInfo.InvariantCulture));
                text.Append('\t').Append(profile.Document).Append('\n');
            }
            string beside = path + ".new";
            using (var file = new FileStream(beside, FileMode.Create))
            {
                byte[] bytes = Encoding.UTF8.GetBytes(text.ToString());
                file.Write(bytes, 0, bytes.Length);
                file.Flush(true);
            }
            if (File.Exists(path))
            {
                File.Replace(beside, path, null);
            }
            else
            {
                File.Move(beside, path);
            }
        }
    }

    /// <summary>Less and less, so that what comes last is often done first.</summary>
    private Task SomeTime()
    {
        return Task.Delay(40 - Interlocked.Increment(ref delay) * 7 % 35);
    }

    private void FailIf(bool turn)
    {
        if (turn)
        {
            Interlocked.Increment(ref FailedOnPurpose);
            throw new IOException("failed on purpose");
        }
    }
}

/// <summary>Gives the requests of a master to an accessor.</summary>
internal sealed class Bridge
{
    private readonly IntPtr master;
    private readonly IProfilesDatabaseAccessor accessor;
    private readonly int mainThread = Thread.CurrentThread.ManagedThreadId;
    private int elsewhere;
    private volatile Exception failed;

    // The library calls these as long as the master lives, and does not keep them from being collected. Static methods, as some
    // runtimes can call no others; which bridge is meant is said by a handle.
    private static readonly unsafe MstStoreCallback RestoreCallback = OnRestore;
    private static readonly unsafe MstStoreCallback UpdateCallback = OnUpdate;
    private static readonly unsafe MstStoreCallback UpdateManyCallback = OnUpdateMany;
    private GCHandle self;

    public unsafe Bridge(MstMaster* master, IProfilesDatabaseAccessor accessor)
    {
        this.master = (IntPtr)master;
        this.accessor = accessor;
        self = GCHandle.Alloc(this);
        Host.Ok(mst_master_set_store_callbacks(master, RestoreCallback, UpdateCallback, UpdateManyCallback,
            (void*)GCHandle.ToIntPtr(self)));
    }

    /// <summary>How many requests were completed by other threads than the one that ticks.</summary>
    public int Elsewhere
    {
        get { return elsewhere; }
    }

    public void Rethrow()
    {
        if (failed != null)
        {
            throw new MstException(failed.ToString());
        }
    }

    /// <summary>After the master was freed.</summary>
    public void Free()
    {
        self.Free();
    }

    private static unsafe void OnRestore(MstMaster* master, ulong request, MstStoreDocument* documents, uint count, void* data)
    {
        Bridge bridge = Of(data);
        bridge.Begin(() => bridge.Restore(request, Host.Text(documents->user, documents->user_len)), count == 1);
    }

    private static unsafe void OnUpdate(MstMaster* master, ulong request, MstStoreDocument* documents, uint count, void* data)
    {
        Bridge bridge = Of(data);
        bridge.Begin(() => bridge.Update(request, () => bridge.accessor.UpdateProfileAsync(Copy(documents, 1)[0])), count == 1);
    }

    private static unsafe void OnUpdateMany(MstMaster* master, ulong request, MstStoreDocument* documents, uint count, void* data)
    {
        Bridge bridge = Of(data);
        bridge.Begin(() => bridge.Update(request, () => bridge.accessor.UpdateProfilesAsync(Copy(documents, count))), count > 1);
    }

    private static unsafe Bridge Of(void* data)
    {
        return (Bridge)GCHandle.FromIntPtr((IntPtr)data).Target;
    }

    /// <summary>The texts are there only until the callback returns.</summary>
    private static unsafe SavedProfile[] Copy(MstStoreDocument* documents, uint count)
    {
        var copies = new SavedProfile[count];
        for (uint i = 0; i < count; i++)
        {
            copies[i] = new SavedProfile
            {
                UserId = Host.Text(documents[i].user, documents[i].user_len),
                Version = documents[i].version,
                Document = Host.Text(documents[i].document, documents[i].document_len)
            };
        }
        return copies;
    }

    /// <summary>No exception may leave a callback.</summary>
    private void Begin(Func<Task> begin, bool countIsRight)
    {
        try
        {
            Host.Check(countIsRight, "the request has as many documents as its type says");
            Host.Check(Thread.CurrentThread.ManagedThreadId == mainThread, "the callback comes on the thread that ticks");
            begin();
        }
        catch (Exception error)
        {
            failed = error;
        }
    }

    private async Task Restore(ulong request, string userId)
    {
        string document;
        try
        {
            document = await accessor.RestoreProfileAsync(userId).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            Fail(request, error);
            return;
        }
        Complete(() => CompleteRestore(request, document));
    }

    private async Task Update(ulong request, Func<Task> update)
    {
        try
        {
            await update().ConfigureAwait(false);
        }
        catch (Exception error)
        {
            Fail(request, error);
            return;
        }
        Complete(() => CompleteUpdate(request));
    }

    private unsafe MstResult CompleteRestore(ulong request, string document)
    {
        using (Utf8 text = document ?? "")
        {
            return mst_master_complete_restore((MstMaster*)master, request, (byte)(document == null ? 0 : 1), text.Bytes, text.Length);
        }
    }

    private unsafe MstResult CompleteUpdate(ulong request)
    {
        return mst_master_complete_update((MstMaster*)master, request, MST_STORE_ALL);
    }

    private void Fail(ulong request, Exception error)
    {
        Complete(() => FailRequest(request, error.Message));
    }

    private unsafe MstResult FailRequest(ulong request, string reason)
    {
        using (Utf8 text = reason)
        {
            return mst_master_fail_store_request((MstMaster*)master, request, MST_STORE_ALL, (int)MstResult.MST_ERR_STORE_FAILED,
                text.Bytes, text.Length);
        }
    }

    private void Complete(Func<MstResult> complete)
    {
        try
        {
            Host.Ok(complete());
            // Once only.
            Host.Gives(MstResult.MST_ERR_STALE, complete());
            if (Thread.CurrentThread.ManagedThreadId != mainThread && Thread.CurrentThread.IsThreadPoolThread)
            {
                Interlocked.Increment(ref elsewhere);
            }
        }
        catch (Exception error)
        {
            failed = error;
        }
    }
}

internal sealed unsafe class Host
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);
    private static readonly string[] Users = { "ann", "b\u00fclent", "cem", "dora", "ebru" };
    private const string SchemaText =
        "{\"properties\":[{\"name\":\"gold\",\"type\":\"i64\",\"default\":10},{\"name\":\"title\",\"type\":\"string\"}]}";

    private readonly DictionaryAccessor accessor;
    private readonly Bridge bridge;
    private readonly MstMaster* master;
    private readonly MstEndpoint* endpoint;
    private readonly MstProfile*[] profiles = new MstProfile*[Users.Length];
    private readonly ulong[] durable = new ulong[Users.Length];
    private int loaded;
    private bool isEnding;

    public Host(string path)
    {
        Check(mst_abi_hash() == MST_ABI_HASH, "the library has these signatures");
        MstSchema* schema;
        MstMaster* made;
        MstEndpoint* connected;
        MstMasterOptions options;
        MstInProcessOptions peer;
        using (Utf8 text = SchemaText)
        {
            Ok(mst_schema_from_json(text.Bytes, text.Length, &schema));
        }
        Ok(mst_master_options_init(&options));
        options.schema = schema;
        options.in_process_only = 1;
        options.own_store = 1;
        options.update_interval_ms = -1;
        options.save_interval_ms = 20;
        Ok(mst_master_start(&options, &made));
        master = made;
        accessor = new DictionaryAccessor(path);
        bridge = new Bridge(master, accessor);
        Ok(mst_in_process_options_init(&peer));
        peer.flush_interval_ms = -1;
        using (Utf8 name = "arena")
        {
            Ok(mst_master_connect_server(master, name.Bytes, name.Length, &peer, &connected));
        }
        endpoint = connected;
        for (int i = 0; i < Users.Length; i++)
        {
            MstProfile* profile;
            using (Utf8 user = Users[i])
            {
                Ok(mst_endpoint_fill_profile(endpoint, user.Bytes, user.Length, &profile));
            }
            profiles[i] = profile;
        }
        Ok(mst_schema_free(schema));
    }

    public void Run(bool writes)
    {
        TickUntil(() => loaded == Users.Length);
        if (writes)
        {
            // Until all three methods were called, and failed once: with all profiles, and with one alone.
            int count = Users.Length;
            do
            {
                ulong[] batches = Change(count);
                TickUntil(() => Array.TrueForAll(Numbers(), i => durable[i] >= batches[i]));
                count = Users.Length + 1 - count;
            }
            while (accessor.FailedOnPurpose < 3);
            Change(Users.Length);
        }
        foreach (int i in Numbers())
        {
            Console.WriteLine("profile " + Users[i] + " " + Json(i));
        }
        isEnding = true;
        Ok(mst_master_begin_stop(master));
        TickUntil(() => HasStopped());
        Ok(mst_master_stop(master));
        Ok(mst_master_free(master));
        bridge.Free();
        foreach (int i in Numbers())
        {
            Ok(mst_profile_free(profiles[i]));
        }
        Ok(mst_endpoint_free(endpoint));
        Ok(mst_shutdown(1000));
        Console.WriteLine("restored " + accessor.Restored);
        Console.WriteLine("updated " + accessor.Updated + " " + accessor.UpdatedMany);
        Console.WriteLine("failed " + accessor.FailedOnPurpose);
        Console.WriteLine("elsewhere " + bridge.Elsewhere);
    }

    private static int[] Numbers()
    {
        var numbers = new int[Users.Length];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = i;
        }
        return numbers;
    }

    /// <summary>Adds gold to the first few. Gives the numbers to wait for.</summary>
    private ulong[] Change(int count)
    {
        var batches = new ulong[Users.Length];
        for (int i = 0; i < count; i++)
        {
            ulong batch;
            Ok(mst_profile_add_int(profiles[i], 0, i + 1));
            Ok(mst_profile_flush(profiles[i], &batch));
            batches[i] = batch;
        }
        return batches;
    }

    private void TickUntil(Func<bool> condition)
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            Check(clock.Elapsed < Patience, "it comes in time");
            Tick();
        }
    }

    private void Tick()
    {
        MstMasterEvent told;
        MstEvent happened;
        MstResult waited = mst_master_wait(master, 2, null);
        Check(waited == MstResult.MST_OK || (isEnding && waited == MstResult.MST_ERR_CLOSED), "the master lives");
        Ok(mst_master_dispatch(master, 0, null));
        bridge.Rethrow();
        do
        {
            Ok(mst_master_next_event(master, &told));
            Check(told.event_type != (int)MstMasterEventType.MST_MASTER_EVENT_FATAL, "the master can go on");
        }
        while (told.event_type != (int)MstMasterEventType.MST_MASTER_EVENT_NONE);
        Ok(mst_endpoint_tick(endpoint, 0));
        do
        {
            Ok(mst_endpoint_next_event(endpoint, &happened));
            switch ((MstEventType)happened.event_type)
            {
                case MstEventType.MST_EVENT_PROFILE_LOADED:
                    loaded++;
                    break;
                case MstEventType.MST_EVENT_DURABLE:
                    foreach (int i in Numbers())
                    {
                        durable[i] = profiles[i] == happened.profile ? happened.number : durable[i];
                    }
                    break;
                case MstEventType.MST_EVENT_OPEN_FAILED:
                case MstEventType.MST_EVENT_REFUSED:
                    throw new MstException("every profile is opened, and every change applied");
                case MstEventType.MST_EVENT_FAILED:
                    Check(isEnding, "the connection lasts");
                    break;
            }
        }
        while (happened.event_type != (int)MstEventType.MST_EVENT_NONE);
    }

    private bool HasStopped()
    {
        byte isStopped;
        Ok(mst_master_is_stopped(master, &isStopped));
        return isStopped == 1;
    }

    private string Json(int place)
    {
        var buffer = stackalloc byte[1024];
        uint length;
        Ok(mst_profile_to_json(profiles[place], buffer, 1024, &length));
        return Text(buffer, length);
    }

    public static string Text(byte* bytes, uint length)
    {
        return Encoding.UTF8.GetString(bytes, (int)length);
    }

    public static void Check(bool condition, string what)
    {
        if (!condition)
        {
            throw new MstException("it is not true that " + what);
        }
    }

    public static void Ok(MstResult result)
    {
        Gives(MstResult.MST_OK, result);
    }

    public static void Gives(MstResult expected, MstResult result)
    {
        if (result != expected)
        {
            var buffer = stackalloc byte[512];
            uint length;
            string text = mst_last_error(buffer, 512, &length) == MstResult.MST_OK ? Text(buffer, length) : "";
            throw new MstException("a call gave " + result + " instead of " + expected + ": " + text);
        }
    }
}

/// <summary>A text as the library takes it.</summary>
internal sealed unsafe class Utf8 : IDisposable
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

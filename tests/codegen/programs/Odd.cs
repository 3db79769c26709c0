// Names and comments that no compiler may stumble over, a schema of nothing, and a namespace.

using System;
using MstProfiles.Native;
using MstProfiles.Typed;
using Profiles;
using static MstProfiles.Native.NativeMethods;

internal static unsafe class Program
{
    private static int Main()
    {
        MstProfile* profile = Make(OddProfile.CreateSchema());
        var odd = new OddProfile(profile);
        Check(odd.Type.Add(1) == MstResult.MST_OK && odd.Self.Add(2) == MstResult.MST_OK);
        Check(odd.Type.Value == 1 && odd.Self.Value == 2 && !odd.Class.Value && odd.Handle == profile);
        Check(odd.Gr\u00f6\u00dfe.Value == 0 && odd.\u7b49\u7ea7.Value == 0 && odd.Property1.Value == Guid.Empty);
        Check(odd.AU1f600B.Value == "\"quoted\" \\ ??/ \"### {0} {{1}} \U0001f600");
        Check(odd.Handle_.Value.A == 255 && odd.OddProfile_.Value.W == 1 && odd.ToString_.Value.X == 0);
        Check(OddProfile.Names.QuoteBackSlash == "quote\"back\\slash??/" && OddProfile.Names.LineBreak == "line\u2028break");
        Check(odd._2fast.Value.Length == 0 && odd.Keys_.Value.Year == 1970 && OddProfile.Keys.Property1 == 1);
        new Profile(Make(Profile.CreateSchema()));
        Check(My.Game.Sink.Keys.BanReason == 7);
        Console.WriteLine("all is well");
        return 0;
    }

    private static MstProfile* Make(MstSchema* schema)
    {
        MstProfile* profile;
        Check(mst_profile_create(schema, &profile) == MstResult.MST_OK);
        return profile;
    }

    private static void Check(bool holds)
    {
        if (!holds)
        {
            throw new Exception("it does not hold");
        }
    }
}

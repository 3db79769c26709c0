// The README's snippet.

using System;
using MstProfiles.Native;
using Profiles;
using static MstProfiles.Native.NativeMethods;

internal static unsafe class Program
{
    private static void Award(MstProfile* profile)
    {
        var ann = new MatchProfile(profile);
        ann.CurrencyGold.Add(25);
        ann.InventoryItems.Push("axe");
        Console.WriteLine("level " + ann.ProgressionLevel.Value);
    }

    private static int Main()
    {
        MstProfile* profile;
        MstSchema* schema = MatchProfile.CreateSchema();
        if (mst_profile_create(schema, &profile) != MstResult.MST_OK)
        {
            return 1;
        }
        Award(profile);
        var ann = new MatchProfile(profile);
        Console.WriteLine(ann.CurrencyGold.Value + " gold");
        return ann.InventoryItems[0] == "axe" ? 0 : 1;
    }
}

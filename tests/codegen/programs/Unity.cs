// A script of Unity's that uses its own types with the generated ones.

using System;
using MstProfiles.Native;
using Profiles;
using UnityEngine;
using static MstProfiles.Native.NativeMethods;

internal static unsafe class Program
{
    private static int Main()
    {
        MstProfile* profile;
        MstSchema* schema = MatchProfile.CreateSchema();
        Check(mst_profile_create(schema, &profile) == MstResult.MST_OK);
        var ann = new MatchProfile(profile);
        Check(ann.WorldPosition.Set(new Vector3(1, 2, 3)) == MstResult.MST_OK);
        Vector3 position = ann.WorldPosition.Value;
        Check(position.x == 1 && position.y == 2 && position.z == 3);
        Color32 color = ann.UserColor.Value;
        Check(color.r == 0x40 && color.g == 0x80 && color.b == 0xff && color.a == 0xff);
        Check(ann.UserColor.Set(new Color32(1, 2, 3, 4)) == MstResult.MST_OK && ann.UserColor.Value.A == 4);
        Check(ann.WorldRespawns.Push(new Vector3(4, 5, 6)) == MstResult.MST_OK && ann.WorldRespawns[0].Z == 6);
        MstProfiles.Typed.Quaternion rotation = new Quaternion(1, 2, 3, 4);
        Quaternion back = rotation;
        MstProfiles.Typed.Vector2 place = new Vector2(1, 2);
        Vector2 there = place;
        Check(back.x == 1 && back.y == 2 && back.z == 3 && back.w == 4 && there.x == 1 && there.y == 2);
        Console.WriteLine("all is well");
        return 0;
    }

    private static void Check(bool holds)
    {
        if (!holds)
        {
            throw new Exception("it does not hold");
        }
    }
}

//! Looking at profiles and changing them.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value as Json, json};

use crate::common::PATIENCE;
use crate::common::serving::Serving;
use crate::{Place, fails};

/// The same commands, through a master and on the database.
fn both(check: impl Fn(&dyn Fn(&[&str]) -> Command)) {
    let place = Place::new();
    let master = place.serve();
    check(&|arguments| place.command_at(&master, arguments));
    let place = Place::new();
    // Opening makes none, so there has to be one.
    place.serve().terminate();
    check(&|arguments| place.command(arguments));
}

/// Lines as they come.
fn lines_of(out: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines() {
            if sender.send(line.unwrap()).is_err() {
                break;
            }
        }
    });
    lines
}

fn run(command: Command) -> String {
    crate::succeeds(command)
}

#[test]
fn what_is_set_is_there_and_what_is_deleted_is_not() {
    both(|command| {
        fails(command(&["get", "ann"]), "`ann` has no profile yet");
        fails(command(&["set", "ann", "gold=5"]), "there is no profile of `ann`; --create makes one");
        // Neither has made one.
        fails(command(&["get", "ann"]), "`ann` has no profile yet");
        let set = command(&["set", "ann", "gold=5", "title=The Great", "items=[\"a\"]", "--create"]);
        assert_eq!(run(set), "version 1\n");
        let add = ["set", "ann", "vip=true", "--add", "gold=-3", "--add", "rating=0.25"];
        assert_eq!(run(command(&add)), "version 2\n");
        // Nothing is changed by what is so already.
        assert_eq!(run(command(&["set", "ann", "vip=true"])), "version 2\n");
        let got = run(command(&["get", "ann", "title", "gold", "rating", "items"]));
        assert_eq!(got, "{\"gold\":2,\"items\":[\"a\"],\"rating\":0.75,\"title\":\"The Great\"}\n");
        let whole: Json = serde_json::from_str(&run(command(&["get", "ann", "--pretty"]))).unwrap();
        assert_eq!(
            (&whole["level"], &whole["vip"], &whole["motd"]),
            (&json!(1), &json!(true), &json!("hello"))
        );
        fails(command(&["delete", "ann"]), "--yes");
        assert_eq!(run(command(&["delete", "ann", "--yes"])), "deleted\n");
        fails(command(&["delete", "ann", "--yes"]), "there is no profile of `ann`");
        fails(command(&["get", "ann"]), "`ann` has no profile yet");
    });
}

#[test]
fn a_refusal_is_an_error_and_changes_nothing() {
    both(|command| {
        run(command(&["set", "ann", "gold=5", "--create"]));
        let refused = |arguments: &[&str], expected: &str| {
            fails(command(&[&["set", "ann"], arguments].concat()), expected);
        };
        // All of it, or nothing.
        refused(&["level=9", "gold=-1"], "`gold`");
        refused(&["--add", "gold=-6"], "`gold`");
        refused(&["level=9", "--add", "title=1"], "nothing can be added");
        refused(&["level=ten"], "`ten` is no JSON");
        refused(&["level=\"ten\""], "is not i32");
        refused(&["levle=9"], "unknown property `levle`; the closest one there is is `level`");
        refused(&["level"], "PROPERTY=VALUE");
        refused(&["level=9", "level=8"], "`level` is set twice");
        let got = run(command(&["get", "ann", "gold", "level"]));
        assert_eq!(got, "{\"gold\":5,\"level\":1}\n");
    });
}

#[test]
fn what_is_done_under_a_key_is_done_once() {
    both(|command| {
        run(command(&["set", "ann", "gold=5", "--create"]));
        let pay = ["set", "ann", "--add", "gold=100", "--key", "payment-7"];
        assert_eq!(run(command(&pay)), "version 2\n");
        assert_eq!(run(command(&pay)), "version 3 (done before under this key)\n");
        assert_eq!(run(command(&["get", "ann", "gold"])), "{\"gold\":105}\n");
    });
}

#[test]
fn who_may_not_write_a_property_is_refused() {
    let place = Place::new();
    let master = place.serve();
    place.run_at(&master, &["set", "ann", "gold=5", "--create"]);
    // A game server may not, and the master's own code may.
    fails(place.command_at(&master, &["set", "ann", "motd=bye"]), "`motd`");
    // And no other while it runs.
    place.fails(&["set", "ann", "motd=bye"], "--connect");
    master.terminate();
    place.run(&["set", "ann", "motd=bye"]);
    assert_eq!(place.get("ann")["motd"], "bye");
}

#[test]
fn where_the_profiles_are_has_to_be_said() {
    let place = Place::new();
    let schema = place.argument("schema.json");
    let get = |rest: &[&str], expected: &str| {
        fails(crate::profile(&[&["get", "ann", "--schema", &schema], rest].concat()), expected);
    };
    get(&[], "--connect");
    get(&["--database", "nowhere.db"], "database `nowhere.db`: there is no such file");
    get(&["--connect", "127.0.0.1:1", "--fingerprint", &"00".repeat(32)], "MST_TOKEN");
    get(&["--connect", "127.0.0.1:1", "--fingerprint", "00", "--token", "x"], "64 hexadecimal digits");
    let master = place.serve();
    let wrong = |fingerprint: &str, token: &str, expected: &str| {
        let address = master.listen.to_string();
        get(&["--connect", &address, "--fingerprint", fingerprint, "--token", token], expected);
    };
    wrong(&master.fingerprint, "nonsense", "token");
    // Players may not look into profiles that they do not have open.
    wrong(&master.fingerprint, "dev:bob", "clients may not");
    wrong(&"00".repeat(32), "dev-server:a", "certificate");
    place.fails(&["watch", "ann"], "--connect");
}

#[test]
fn each_change_is_shown_as_it_happens() {
    let place = Place::new();
    let master = place.serve();
    fails(place.command_at(&master, &["watch", "ann"]), "there is no profile of `ann`");
    place.run_at(&master, &["set", "ann", "items=[\"a\",\"b\"]", "--create"]);
    let watch = |arguments: &[&str]| {
        let mut command = place.command_at(&master, &[&["watch", "ann"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(told.next().unwrap().starts_with("watching the profile of `ann`, version "));
        let lines = lines_of(child.stdout.take().unwrap());
        (child, lines)
    };
    let (mut texts, text) = watch(&[]);
    let (mut jsons, json) = watch(&["--json", "items", "ammo"]);
    place.run_at(&master, &["set", "ann", "items=[\"a\",\"c\",\"b\"]", "ammo={\"arrow\":5}"]);
    place.run_at(&master, &["set", "ann", "gold=25", "ammo={\"arrow\":6}"]);
    // All that there is to tell, up to what was changed last; in either order within a batch.
    let until = |lines: &Receiver<String>, lasts: &[&str]| {
        let mut seen: Vec<String> = Vec::new();
        while !lasts.iter().all(|last| seen.iter().any(|line| line.contains(last))) {
            let line = lines.recv_timeout(PATIENCE);
            seen.push(line.unwrap_or_else(|_| panic!("no {lasts:?} in {seen:?}")));
        }
        seen
    };
    let shown = until(&text, &["gold  10 → 25  remote", "ammo[\"arrow\"]  5 → 6  remote"]);
    let of_items: Vec<_> = shown.iter().filter(|line| line.contains("  items[")).collect();
    assert_eq!(of_items.len(), 1, "{shown:?}");
    assert!(of_items[0].ends_with("  items[1]  + \"c\"  remote"), "{shown:?}");
    assert_eq!(shown.len(), 4, "{shown:?}");
    let lines = until(&json, &["\"new\":6"]);
    assert_eq!(lines.len(), 3, "{lines:?}");
    let last: Json = serde_json::from_str(&lines[2]).unwrap();
    assert!(last["at"].as_str().unwrap().ends_with('Z'));
    let expected = (&json!("ammo[\"arrow\"]"), &json!(5), &json!(6), &json!("remote"));
    assert_eq!((&last["path"], &last["old"], &last["new"], &last["cause"]), expected);
    for child in [&mut texts, &mut jsons] {
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn the_past_is_told_and_can_be_seen() {
    let place = Place::new();
    let master = place.serve();
    for level in 1..=5 {
        let level = format!("level={}", level * 10);
        place.run_at(&master, &["set", "ann", &level, "--create", "--key", &level]);
    }
    place.run_at(&master, &["set", "ann", "items=[\"sword\"]"]);
    let check = |run: &dyn Fn(&[&str]) -> String| {
        let all = run(&["history", "ann"]);
        let entries: Vec<&str> = all.lines().filter(|line| !line.starts_with(' ')).collect();
        assert_eq!(entries.len(), 6, "{all}");
        assert!(entries[1].starts_with("2  ") && entries[1].ends_with("server desk  key level=20"), "{all}");
        assert!(all.contains("    level  10 → 20\n"), "{all}");
        let some = run(&["history", "ann", "--after", "3", "--limit", "2", "--json", "--property", "level"]);
        let some: Vec<Json> = some.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(some.iter().map(|entry| entry["version"].as_u64().unwrap()).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(some[0]["changes"], json!([{ "path": "level", "old": 30, "new": 40 }]));
        let of_items = run(&["history", "ann", "--property", "items"]);
        assert!(of_items.starts_with("6  ") && of_items.contains("sword"), "{of_items}");
        for version in 1..=5 {
            let got = run(&["get", "ann", "level", "--at", &version.to_string()]);
            assert_eq!(got, format!("{{\"level\":{}}}\n", version * 10));
        }
    };
    check(&|arguments| place.run_at(&master, arguments));
    fails(place.command_at(&master, &["get", "ann", "--at", "7"]), "no version 7");
    fails(place.command_at(&master, &["history", "bob"]), "`bob` has no profile yet");
    Serving::terminate(master);
    check(&|arguments| place.run(arguments));
}

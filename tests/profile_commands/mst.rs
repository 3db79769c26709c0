//! Profiles of Master Server Toolkit.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mst_profiles::property_key;
use serde_json::{Value as Json, json};

use crate::Place;

/// The moment of the year 1970, in .NET's ticks.
const UNIX_EPOCH_TICKS: i64 = 621_355_968_000_000_000;
const UNKNOWN_KEY: u16 = 4711;

fn text(text: &str) -> Vec<u8> {
    let length = i16::try_from(text.len()).unwrap();
    [&length.to_be_bytes()[..], text.as_bytes()].concat()
}

fn blob(entries: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut blob = i32::try_from(entries.len()).unwrap().to_be_bytes().to_vec();
    for (key, bytes) in entries {
        blob.extend_from_slice(&key.to_be_bytes());
        blob.extend_from_slice(&i32::try_from(bytes.len()).unwrap().to_be_bytes());
        blob.extend_from_slice(bytes);
    }
    blob
}

/// Everything that there is, with an integer that has become a long since.
fn player(gold: i32) -> Vec<u8> {
    let key = property_key;
    let count = |count: i32| count.to_be_bytes().to_vec();
    let date = (1_i64 << 62 | (UNIX_EPOCH_TICKS + 10_000_000)).to_be_bytes().to_vec();
    let trophy = [count(1), text("wolf"), count(3), count(5), i64::MAX.to_be_bytes()[..0].to_vec()].concat();
    let trophy = [trophy, 3_155_378_975_999_999_999_i64.to_be_bytes().to_vec()].concat();
    blob(&[
        (key("gold"), gold.to_be_bytes().to_vec()),
        (key("level"), 12_i32.to_be_bytes().to_vec()),
        (key("title"), "Ünter".into()),
        (key("rating"), 1.5_f32.to_be_bytes().to_vec()),
        (key("vip"), vec![1, 0, 0, 0]),
        (key("color"), b"#FF800040".to_vec()),
        (key("seen"), date),
        (key("items"), [count(2), text("sword"), text("é")].concat()),
        (key("ammo"), [count(1), text("arrow"), count(40)].concat()),
        (key("trophies"), trophy),
        (UNKNOWN_KEY, b"what?".to_vec()),
    ])
}

fn check_player(profile: &Json, gold: i64) {
    let expected = json!({
        "gold": gold, "level": 12, "title": "Ünter", "rating": 1.5, "vip": true, "color": "#FF800040",
        "seen": "1970-01-01T00:00:01Z", "items": ["sword", "é"], "ammo": { "arrow": 40 },
        "trophies": [{ "key": "wolf", "progress": 3, "required": 5, "unlocked_at": "1970-01-01T00:00:00Z" }],
        "motd": "hello", "note": "",
    });
    assert_eq!(profile, &expected);
}

/// What of a profile is kept aside.
fn aside(place: &Place, user: &str) -> Json {
    let exported = place.run(&["export", "-o", "-"]);
    let mut lines = exported.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    lines.find(|line| line["user"] == user).unwrap()["document"]["$mst"]["aside"].clone()
}

fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

#[test]
fn blobs_in_a_folder() {
    let place = Place::new();
    std::fs::create_dir(place.path("blobs")).unwrap();
    place.write("blobs/ann.bin", player(250));
    place.write("blobs/bob", player(251));
    place.write("blobs/.DS_Store", "of the system");
    // One that ends too early, and one that is none at all.
    let whole = player(252);
    let cut = &whole[..whole.len() - 3];
    place.write("blobs/cut.bin", cut);
    place.write("blobs/none.bin", "hi");
    let report = place.argument("report.jsonl");
    let folder = place.argument("blobs");
    let output = place.command(&["import", "--from", "mst", &folder, "--report", &report]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "imported 4 profiles, skipped 0\n");
    check_player(&place.get("ann"), 250);
    check_player(&place.get("bob"), 251);
    check_player(&place.get("cut"), 252);
    assert_eq!(place.get("none")["gold"], 10);
    assert!(told.contains("`ann`: key 4711: no property has this key"), "{told}");
    assert!(told.contains("`cut`: key blob: property 11 of 11: "), "{told}");
    assert_eq!(aside(&place, "ann"), json!({ "mst:4711": [base64(b"what?")] }));
    assert_eq!(aside(&place, "cut"), json!({ "mst:blob": [base64(cut)] }));
    assert_eq!(aside(&place, "none"), json!({ "mst:blob": [base64(b"hi")] }));
    let lines = std::fs::read_to_string(report).unwrap();
    let users: Vec<Json> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let users: Vec<&str> = users.iter().map(|line| line["user"].as_str().unwrap()).collect();
    assert_eq!(users, ["ann", "bob", "cut", "none"]);
    // A master loads them, and keeps what is aside.
    let master = place.serve();
    place.run_at(&master, &["set", "ann", "--add", "gold=1"]);
    master.terminate();
    check_player(&place.get("ann"), 251);
    assert_eq!(aside(&place, "ann"), json!({ "mst:4711": [base64(b"what?")] }));
}

#[test]
fn blobs_in_lines() {
    let place = Place::new();
    let lines: String = (0..3)
        .map(|i| json!({ "user": format!("u{i}"), "base64": base64(&player(i)) }).to_string() + "\n")
        .collect();
    let file = place.write("mst.jsonl", lines.clone() + "{\"user\":\"x\",\"base64\":\"*\"}\n");
    place.fails(&["import", "--from", "mst", &file], "mst.jsonl: line 4: `base64`");
    let rest = ["import", "--from", "mst", &file, "--resume", "--keep-going"];
    place.fails(&rest, "1 profiles were not imported");
    for i in 0..3 {
        check_player(&place.get(&format!("u{i}")), i64::from(i));
    }
    // The same, through a master.
    let other = Place::new();
    let master = other.serve();
    let file = other.write("mst.jsonl", lines);
    other.run_at(&master, &["import", "--from", "mst", &file]);
    let profile = serde_json::from_str(&other.run_at(&master, &["get", "u2"])).unwrap();
    check_player(&profile, 2);
    master.terminate();
}

/// Account, property and JSON.
fn rows() -> Vec<(String, u16, String)> {
    let key = property_key;
    let mut rows = Vec::new();
    // Not in the order of accounts.
    for (name, json) in [
        ("gold", "250"),
        ("level", "12"),
        ("title", "\"Ünter, \\\"den\\\" Linden\""),
        ("rating", "1.5"),
        ("vip", "true"),
        ("color", r#"{"r":1,"g":0.5019608,"a":0.2509804}"#),
        ("seen", "\"13.01.2026 03:04:05\""),
        ("items", "[\"sword\",\"é\"]"),
        ("ammo", "{\"arrow\":40}"),
    ] {
        for account in ["ann", "7"] {
            rows.push((account.to_owned(), key(name), json.to_owned()));
        }
    }
    rows.push(("ann".into(), UNKNOWN_KEY, "{}".into()));
    rows.push(("bob".into(), key("seen"), "\"1/2/2026 3:04:05 AM\"".into()));
    rows.push(("bob".into(), key("level"), "3".into()));
    rows
}

fn check_rows(place: &Place) {
    for user in ["ann", "7"] {
        let profile = place.get(user);
        assert_eq!(profile["title"], "Ünter, \"den\" Linden");
        assert_eq!(profile["seen"], "2026-01-13T03:04:05Z");
        let rest = ["gold", "level", "rating", "vip", "color", "items", "ammo"].map(|name| &profile[name]);
        let expected = json!([250, 12, 1.5, true, "#FF800040", ["sword", "é"], { "arrow": 40 }]);
        assert_eq!(json!(rest), expected);
    }
    assert_eq!(aside(place, "ann"), json!({ "mst:4711": [base64(b"{}")] }));
    // January or February: it is not guessed.
    let bob = place.get("bob");
    assert_eq!((&bob["level"], &bob["seen"]), (&json!(3), &json!("1970-01-01T00:00:00Z")));
    let key = format!("mst:{}", property_key("seen"));
    assert_eq!(aside(place, "bob"), json!({ key: [base64(b"\"1/2/2026 3:04:05 AM\"")] }));
}

#[test]
fn the_table_in_sqlite() {
    let place = Place::new();
    let database = rusqlite::Connection::open(place.path("mst.db")).unwrap();
    let layout = "CREATE TABLE profiles (account_id, property_key INTEGER, property_value TEXT)";
    database.execute_batch(layout).unwrap();
    for (account, key, json) in rows() {
        let insert = "INSERT INTO profiles VALUES (?1, ?2, ?3)";
        match account.parse::<i64>() {
            Ok(number) => database.execute(insert, rusqlite::params![number, key, json]).unwrap(),
            Err(_) => database.execute(insert, rusqlite::params![account, key, json]).unwrap(),
        };
    }
    let said = place.run(&["import", "--from", "mst", &place.argument("mst.db")]);
    assert_eq!(said, "imported 3 profiles, skipped 0\n");
    check_rows(&place);
}

#[test]
fn the_table_as_csv() {
    let place = Place::new();
    let mut csv = String::from("id,account_id,property_key,property_value\r\n");
    for (number, (account, key, json)) in rows().into_iter().enumerate() {
        csv += &format!("{number},\"{account}\",{key},\"{}\"\r\n", json.replace('"', "\"\""));
    }
    let file = place.write("mst.csv", &csv);
    assert_eq!(place.run(&["import", "--from", "mst", &file]), "imported 3 profiles, skipped 0\n");
    check_rows(&place);
    let import = |name: &str, text: &str, expected: &str| {
        place.fails(&["import", "--from", "mst", &place.write(name, text)], expected);
    };
    import("bad.csv", "account_id,key\n", "bad.csv: the first line must name account_id, property_key");
    import("short.csv", "account_id,property_key,property_value\na,1\n", "short.csv: line 2: has 2 columns");
    import("what.dat", "?", "what.dat: is no folder of blobs");
}

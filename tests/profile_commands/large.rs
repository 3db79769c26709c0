//! Many profiles: in bounded memory, and after a kill.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::PATIENCE;
use crate::{Place, line};

const PROFILES: usize = 20_000;

/// A file with as many profiles.
fn many(place: &Place) -> String {
    let mut text = Vec::new();
    let note = "x".repeat(1500);
    for i in 0..PROFILES {
        let document = json!({ "gold": i, "title": format!("title {i}"), "note": note });
        text.write_all(line(&format!("user{i:06}"), &document).as_bytes()).unwrap();
    }
    place.write("many.jsonl", text)
}

fn stored(place: &Place) -> usize {
    let path = place.path("profiles.db");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let Ok(database) = rusqlite::Connection::open_with_flags(path, flags) else { return 0 };
    database
        .query_row("SELECT count(*) FROM profiles", [], |row| row.get(0))
        .map_or(0, |count: i64| usize::try_from(count).unwrap())
}

/// Waits for the end of a process, and says the most memory it had, in bytes. (What it takes in its last moment may be missing.)
fn peak_memory(mut child: Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let until = Instant::now() + 2 * PATIENCE;
    loop {
        if let Ok(text) = std::fs::read_to_string(&status)
            && let Some(line) = text.lines().find(|line| line.starts_with("VmHWM:"))
        {
            let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
            peak = peak.max(kilobytes * 1024);
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return peak;
        }
        assert!(Instant::now() < until, "it does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn memory_does_not_grow_with_the_number_of_profiles() {
    const FEW: usize = PROFILES / 5;
    let place = Place::new();
    let file = many(&place);
    let text = std::fs::read_to_string(&file).unwrap();
    let few: String = text.split_inclusive('\n').take(FEW).collect();
    let few = place.write("few.jsonl", few);
    let measure = |place: &Place, file: &str| {
        let import = peak_memory(spawn(place.command(&["import", file])));
        let export = peak_memory(spawn(place.command(&["export", "-o", &place.argument("out.jsonl")])));
        (import, export)
    };
    let (few_import, few_export) = measure(&Place::new(), &few);
    let (many_import, many_export) = measure(&place, &file);
    println!("import {few_import} → {many_import}, export {few_export} → {many_export} bytes");
    assert_eq!(stored(&place), PROFILES);
    // There are five times as many, and the others alone are as long as this.
    let more = text.len() as u64 * 4 / 5;
    for (few, many) in [(few_import, many_import), (few_export, many_export)] {
        assert!(many < few + more / 3, "{few} → {many} bytes, for {more} more of input");
    }
    let exported = std::fs::read_to_string(place.path("out.jsonl")).unwrap();
    for (i, line) in exported.lines().enumerate() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["user"], format!("user{i:06}"));
        assert_eq!(
            (&line["document"]["gold"], &line["document"]["title"]),
            (&json!(i), &json!(format!("title {i}")))
        );
    }
    assert_eq!(exported.lines().count(), PROFILES);
}

#[test]
fn an_import_that_is_killed_goes_on_where_it_was() {
    let place = Place::new();
    let file = many(&place);
    let mut child = spawn(place.command(&["import", &file]));
    let until = Instant::now() + PATIENCE;
    // In the middle of it, wherever that is.
    while stored(&place) < 3000 {
        assert!(Instant::now() < until && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = stored(&place);
    assert!(before < PROFILES, "it was too quick");
    place.fails(&["import", &file], "was interrupted; --resume goes on with it");
    let other = Place::new();
    fails_elsewhere(&other, &file);
    // That none is there twice is an error, as by default whatever is there already is.
    let said = place.run(&["import", &file, "--resume"]);
    let imported: usize = said.split(' ').nth(1).unwrap().parse().unwrap();
    println!("{before} before the kill, {imported} after it");
    assert!(imported < PROFILES && imported + before >= PROFILES, "{said}");
    assert_eq!(stored(&place), PROFILES);
    for i in [0, before - 1, before, before + 1, PROFILES - 1] {
        assert_eq!(place.get(&format!("user{i:06}"))["gold"], json!(i));
    }
    assert!(!place.path("many.jsonl.progress").exists());
}

/// What was begun into one database does not go on into another.
fn fails_elsewhere(other: &Place, file: &str) {
    other.fails(&["import", file, "--resume"], "is of an import into");
}

//! The configuration file: its example, its mistakes, and how flags override it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{CommandFactory, Parser};
use mst_profiles::{MasterOptions, Schema};
use toml::de::{DeTable, DeValue};

use super::config::{Config, EXAMPLE};
use super::document::{Mistake, Position};
use super::settings::{Flags, Settings};

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    flags: Flags,
}

/// What comes of a file in the folder `/etc/mst` and flags.
fn settings(file: &str, flags: &[&str]) -> Result<Settings, Vec<Mistake>> {
    let flags = Arguments::parse_from([&["serve"], flags].concat()).flags;
    let (config, mut mistakes) = Config::parse(file, Path::new("/etc/mst"))?;
    match Settings::merge(flags, config, &mut mistakes) {
        Some(settings) if mistakes.is_empty() => Ok(settings),
        _ => Err(mistakes),
    }
}

/// The keys of a file, by its syntax alone.
fn keys(text: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for (name, value) in DeTable::parse(text).unwrap().into_inner() {
        let name = name.into_inner();
        match value.into_inner() {
            DeValue::Table(table) => {
                keys.extend(table.keys().map(|key| format!("{name}.{}", key.get_ref())));
            }
            _ => drop(keys.insert(name.into_owned())),
        }
    }
    keys
}

#[test]
fn the_example_has_every_key_and_each_is_explained() {
    let known: BTreeSet<String> = Config::keys().into_iter().map(str::to_string).collect();
    assert!(known.contains("tls.cert"));
    assert_eq!(keys(EXAMPLE), known);
    // Every key has a comment of its own right above it, with what happens without it, and its flag.
    let mut comment = String::new();
    for line in EXAMPLE.lines() {
        match line.strip_prefix('#') {
            Some(text) => comment += text,
            None if line.contains(" = ") => {
                for needed in ["efault", "Flag: --"] {
                    assert!(comment.contains(needed), "{line}: {comment}");
                }
                assert!(!line.contains("_ms = ") || comment.contains("in milliseconds"), "{line}");
                comment.clear();
            }
            None => comment.clear(),
        }
    }
}

#[test]
fn every_flag_has_a_key() {
    let command = Arguments::command();
    let flags: BTreeSet<&str> = command.get_arguments().filter_map(|flag| flag.get_long()).collect();
    let told = EXAMPLE.lines().filter_map(|line| line.split_once("Flag: --").map(|(_, flag)| flag)).collect();
    assert_eq!(flags, told);
    assert_eq!(flags.len(), Config::keys().len());
}

#[test]
fn the_example_is_valid_and_shows_the_defaults() {
    let example = settings(EXAMPLE, &[]).unwrap();
    let usual = MasterOptions::new(Schema::from_json("{\"properties\":[]}").unwrap());
    assert_eq!(example.update_interval, Some(usual.update_interval));
    assert_eq!(example.save_interval, Some(usual.save_interval));
    assert_eq!(example.unload_after, Some(usual.unload_after));
    assert_eq!(example.idle_timeout, Some(usual.idle_timeout));
    assert_eq!(example.load_timeout, Some(usual.load_timeout));
    assert_eq!(example.stop_timeout, Some(usual.stop_timeout));
    assert_eq!(example.history_age, Some(usual.history.age));
    assert_eq!(example.history_rows, Some(usual.history.rows));
    // The same with only what has no default.
    let needed: String = EXAMPLE
        .lines()
        .filter(|line| ["schema", "file", "cert", "key", "["].iter().any(|begin| line.starts_with(begin)))
        .map(|line| format!("{line}\n"))
        .collect();
    let least = settings(&needed, &[]).unwrap();
    let (none, example) = (None, Settings { update_interval: None, save_interval: None, ..example });
    let example = Settings { load_timeout: none, stop_timeout: none, history_age: none, ..example };
    assert_eq!(least, Settings { unload_after: none, idle_timeout: none, history_rows: None, ..example });
}

#[test]
fn paths_start_from_the_folder_of_the_file_and_those_of_flags_do_not() {
    let file = "schema = 'a.json'\n[database]\nfile = '/var/b.db'\n[tls]\ncert = '../c.pem'\nkey = 'd.pem'";
    let read = settings(file, &["--key", "e.pem"]).unwrap();
    assert_eq!(read.schema, PathBuf::from("/etc/mst/a.json"));
    assert_eq!(read.database, Some(PathBuf::from("/var/b.db")));
    assert_eq!(read.certificate, Some((PathBuf::from("/etc/mst/../c.pem"), PathBuf::from("e.pem"))));
}

#[test]
fn a_database_that_is_a_server_is_no_path() {
    let file = |database: &str| {
        format!("schema = 's'\ndev = true\n[database]\nfile = '{database}'\nca_file = 'ca.pem'")
    };
    for server in ["postgres://u@h/d", "postgresql://h", "host=h dbname=d", "user=u hostaddr=::1"] {
        let read = settings(&file(server), &[]).unwrap();
        assert_eq!(read.database, Some(PathBuf::from(server)));
        assert_eq!(read.database_ca, Some(PathBuf::from("/etc/mst/ca.pem")));
    }
    for path in ["profiles.db", "postgres", "ghost=x.db"] {
        let read = settings(&file(path), &[]).unwrap();
        assert_eq!((read.database, read.database_ca), (Some(Path::new("/etc/mst").join(path)), None));
    }
    assert!(settings("schema = 's'\ndev = true", &["--database", "d", "--database-ca", "a"]).is_err());
}

#[test]
fn every_flag_overrides_its_key() {
    let flags = "--schema s --database postgres://d --database-ca a --listen [::1]:1 --dev=false --cert c --key k --update-interval 1 \
                 --save-interval 2 --unload-after 3 --idle-timeout 4 --load-timeout 5 --stop-timeout 6 --history-days 7 \
                 --history-rows 8";
    let flags: Vec<&str> = flags.split(' ').collect();
    let ms = |number| Some(Duration::from_millis(number));
    let expected = Settings {
        schema: "s".into(),
        database: Some("postgres://d".into()),
        database_ca: Some("a".into()),
        listen: "[::1]:1".parse().unwrap(),
        dev: false,
        certificate: Some(("c".into(), "k".into())),
        update_interval: ms(1),
        save_interval: ms(2),
        unload_after: ms(3),
        idle_timeout: ms(4),
        load_timeout: ms(5),
        stop_timeout: ms(6),
        history_age: Some(Duration::from_secs(7 * 24 * 3600)),
        history_rows: Some(8),
    };
    assert_eq!(settings(&EXAMPLE.replace("dev = false", "dev = true"), &flags).unwrap(), expected);
    assert_eq!(settings("", &flags).unwrap(), expected);
    // Either kind of store overrides the other one.
    let in_memory = "schema = 's'\ndev = true\n[database]\nmemory = true";
    assert_eq!(settings(in_memory, &[]).unwrap().database, None);
    assert_eq!(settings(in_memory, &["--database", "d"]).unwrap().database, Some("d".into()));
    assert_eq!(settings(EXAMPLE, &["--memory"]).unwrap().database, None);
    let ca = |flags: &[&str]| settings(EXAMPLE, flags).unwrap().database_ca;
    assert_eq!(ca(&["--database", "postgres://d"]), Some("/etc/mst/database-ca.pem".into()));
    assert_eq!([ca(&[]), ca(&["--memory"]), ca(&["--database", "d"])], [None, None, None]);
    assert!(settings(in_memory, &["--memory=false"]).is_err());
    assert!(!settings(&EXAMPLE.replace("dev = false", ""), &[]).unwrap().dev);
    assert!(settings(EXAMPLE, &["--dev"]).unwrap().dev);
}

#[test]
fn all_mistakes_are_told_at_once_and_none_twice() {
    let file = "schema = 5\nlisten = 'here'\n[intervals]\nsave_ms = 1.5\nidle_timeout_ms = 0\n[databse]\nfile = 'x'\n";
    let mut mistakes = settings(file, &[]).unwrap_err();
    mistakes.sort();
    let places: Vec<_> = mistakes.iter().map(|mistake| mistake.at.map(|at| (at.line, at.column))).collect();
    let in_file = [(1, 10), (2, 10), (4, 11), (5, 19), (6, 2)].map(Some);
    // That no database and no certificate are given is of no place; that no schema is would be told twice.
    assert_eq!(places, [&[None, None][..], &in_file].concat(), "{mistakes:#?}");
}

#[test]
fn columns_are_counted_in_characters() {
    let text = "title = \"Fürst\" oops";
    assert_eq!(Position::of(text, text.find("oops").unwrap()), Position { line: 1, column: 17 });
    assert_eq!(Position::of("a\n\nb", 3), Position { line: 3, column: 1 });
    assert_eq!(Position::of("", 0), Position { line: 1, column: 1 });
}

#[test]
fn no_file_makes_it_panic() {
    // Every piece of the example, and the example without every piece.
    let borders: Vec<usize> = EXAMPLE.char_indices().map(|(at, _)| at).step_by(7).collect();
    for border in borders {
        for text in [&EXAMPLE[..border], &EXAMPLE[border..]] {
            let _ = settings(text, &[]);
            let _ = settings(&text.replace('"', ""), &[]);
            let _ = settings(&text.replace('=', "."), &[]);
        }
    }
}

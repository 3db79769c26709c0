use std::path::Path;
use std::sync::mpsc;

use super::*;
use crate::error::ErrorCode as Code;
use crate::store::Effect;
use crate::store::conformance::{
    Random, conformance, document, history_is_kept, parsed, restored, row, save, writer,
};
use crate::value::Value;

#[path = "../../../tests/common/postgres.rs"]
mod server;

use self::server::Server;

/// A database of a test's own.
struct Place {
    server: &'static Server,
    name: String,
}

impl Place {
    fn new() -> Self {
        let server = Server::shared();
        Self { server, name: server.new_database() }
    }

    fn try_open(&self, options: PostgresOptions) -> Result<PostgresStore> {
        PostgresStore::connect(&self.server.url(&self.name), options)
    }

    fn open(&self) -> PostgresStore {
        self.try_open(PostgresOptions::default()).unwrap()
    }

    /// The store, claimed.
    fn store(&self) -> PostgresStore {
        let mut store = self.open();
        store.claim().unwrap();
        store
    }

    /// What another program does to the database.
    fn raw(&self, sql: &str) -> String {
        self.server.sql(&self.name, sql)
    }

    fn count(&self, table: &str) -> i64 {
        self.raw(&format!("SELECT count(*) FROM mst_{table}")).parse().unwrap()
    }

    /// All tables of the database with their rows.
    fn contents(&self) -> String {
        let tables = self
            .raw("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1");
        tables
            .lines()
            .map(|table| format!("{table}: {}\n", self.raw(&format!("SELECT * FROM {table}"))))
            .collect()
    }
}

#[test]
fn conforms() {
    let place = Place::new();
    conformance(|| Box::new(place.open()));
}

#[test]
fn history() {
    let place = Place::new();
    history_is_kept(|| Box::new(place.open()));
}

#[test]
fn an_earlier_owner_is_fenced() {
    let place = Place::new();
    let mut first = place.open();
    let fenced = |result: Result<()>| {
        let error = result.unwrap_err();
        assert_eq!(error.code(), Code::StoreFenced);
        assert!(error.to_string().contains(&place.name), "{error}");
    };
    fenced(first.append(&[row("ann", 1, 1)]));
    first.claim().unwrap();
    first.append(&[row("ann", 1, 1)]).unwrap();
    let mut second = place.store();
    // Both ways to append: with everything known, and with something new.
    fenced(first.append(&[row("ann", 1, 2)]));
    fenced(first.append(&[row("ann", 1, 2), row("bob", 1, 1)]));
    fenced(first.update_many(&[save("ann", 1)]).map(drop));
    fenced(first.delete("ann").map(drop));
    assert_eq!(restored(&mut second, "ann").rows, [row("ann", 1, 1)]);
    assert_eq!(second.list(None, 10).unwrap(), ["ann"]);
    // The next claim is a later owner.
    first.claim().unwrap();
    first.append(&[row("ann", 1, 2)]).unwrap();
    fenced(second.append(&[row("ann", 1, 3)]));
}

#[test]
fn an_append_under_way_is_committed_before_a_claim_or_never() {
    let place = Place::new();
    let mut random = Random::new();
    let mut owner = place.store();
    for round in 1..=20 {
        let mut version = 0;
        let user = format!("u{round}");
        let claim = std::thread::scope(|scope| {
            let (begin, begun) = mpsc::channel();
            let pause = Duration::from_micros(random.below(3000) as u64);
            let place = &place;
            let claim = scope.spawn(move || {
                begun.recv().unwrap();
                std::thread::sleep(pause);
                let mut next = place.store();
                let seen =
                    next.restore(&format!("u{round}")).unwrap().map_or(0, |profile| profile.rows.len());
                (next, seen)
            });
            begin.send(()).unwrap();
            while owner.append(&[row(&user, 1, version + 1)]).is_ok() {
                version += 1;
            }
            claim.join().unwrap()
        });
        let seen = claim.1;
        owner = claim.0;
        assert_eq!(seen as u64, version, "what was there at the claim is all that was ever committed");
        assert_eq!(owner.restore(&user).unwrap().map_or(0, |profile| profile.rows.len()), seen);
    }
}

#[test]
fn a_newer_layout_is_refused_and_left_alone() {
    let place = Place::new();
    drop(place.store());
    place.raw("UPDATE mst_meta SET value = 7 WHERE key = 'layout'; DROP TABLE mst_epochs");
    let before = place.contents();
    let error = place.try_open(PostgresOptions::default()).unwrap_err();
    assert_eq!(error.code(), Code::StoreNewer);
    let text = error.to_string();
    assert!(
        text.contains(&place.name) && text.contains("layout version 7") && text.contains("knows 1"),
        "{text}"
    );
    assert_eq!(place.contents(), before);
}

#[test]
fn an_older_layout_is_brought_forward_in_one_transaction() {
    let place = Place::new();
    let lay_out = |steps: &[&str]| {
        let mut store = place.open();
        let PostgresStore { runtime, writer, .. } = &mut store;
        let (runtime, writer) = (runtime.as_ref().unwrap(), writer.as_mut().unwrap());
        runtime
            .block_on(layout::lay_out(writer, "here", steps))
            .map_err(|failure| failure.explain("here", "laying out"))
    };
    drop(place.store());
    place.raw("INSERT INTO mst_profiles (user_id, version) VALUES ('ann', 3)");
    let first = layout::STEPS[0];
    let second = "ALTER TABLE mst_profiles ADD COLUMN region text; UPDATE mst_profiles SET region = 'eu'";
    let bad = "UPDATE mst_profiles SET region = 'us'; SELECT 1 / 0";
    // The third step fails, and takes the second back.
    let error = lay_out(&[first, second, bad]).unwrap_err();
    assert!(error.to_string().contains("division by zero"), "{error}");
    assert_eq!(place.raw("SELECT value FROM mst_meta WHERE key = 'layout'"), "1");
    lay_out(&[first, second]).unwrap();
    assert_eq!(place.raw("SELECT value FROM mst_meta WHERE key = 'layout'"), "2");
    assert_eq!(place.raw("SELECT user_id, version, region FROM mst_profiles"), "ann|3|eu");
    // This program's own knows only the first.
    assert_eq!(place.try_open(PostgresOptions::default()).unwrap_err().code(), Code::StoreNewer);
}

#[test]
fn many_that_begin_at_once_lay_out_one_database() {
    let place = Place::new();
    std::thread::scope(|scope| {
        let opened: Vec<_> = (0..6).map(|_| scope.spawn(|| place.open())).collect();
        for store in opened {
            store.join().unwrap();
        }
    });
    assert_eq!(place.raw("SELECT key, value FROM mst_meta ORDER BY key"), "layout|1\nowner|0");
}

#[test]
fn tables_of_another_program_are_refused_and_left_alone() {
    for (sql, reason) in [
        ("CREATE TABLE mst_profiles (a int)", "mst_profiles` is of another program"),
        ("CREATE TABLE mst_meta (a int)", "mst_meta` is of another program"),
        ("CREATE TABLE mst_meta (key text, value bigint)", "of another program"),
    ] {
        let place = Place::new();
        place.raw(sql);
        let before = place.contents();
        let error = place.try_open(PostgresOptions::default()).unwrap_err();
        assert_eq!(error.code(), Code::StoreOpen, "{error}");
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(place.contents(), before);
    }
    let place = Place::new();
    drop(place.store());
    place.raw("DROP TABLE mst_epochs");
    let error = place.try_open(PostgresOptions::default()).unwrap_err();
    assert_eq!(error.code(), Code::StoreCorrupt, "{error}");
    assert!(error.to_string().contains("mst_epochs` is missing"), "{error}");
    // Those of others in the same schema are of no concern.
    let place = Place::new();
    place.raw("CREATE TABLE profiles (a int); CREATE TABLE journal (a int)");
    place.store().append(&[row("ann", 1, 1)]).unwrap();
}

#[test]
fn what_can_not_be_opened_is_refused_without_its_password() {
    const SECRET: &str = "hunter2";
    let refused = |text: &str, code: Code, reason: &str| {
        let options = PostgresOptions { timeout: Duration::from_secs(5), ..PostgresOptions::default() };
        let error = PostgresStore::connect(text, options).unwrap_err();
        let text = format!("{error} {error:?}");
        assert_eq!(error.code(), code, "{text}");
        assert!(text.contains(reason) && !text.contains(SECRET), "{text}");
    };
    let place = Place::new();
    let port = place.server.port;
    refused("postgres://u:hunter2@127.0.0.1:nonsense/x", Code::StoreOpen, "port");
    refused("host=127.0.0.1 password=hunter2 prot=1", Code::StoreOpen, "prot");
    refused("user=u password=hunter2", Code::StoreOpen, "no host");
    refused("postgres://u:hunter2@127.0.0.1:1/x", Code::StoreOpen, "127.0.0.1:1");
    refused("host=127.0.0.1 port=1 dbname=x password=hunter2", Code::StoreOpen, "`x` at 127.0.0.1:1");
    let at = format!("postgres://postgres:hunter2@127.0.0.1:{port}");
    refused(&format!("{at}/nowhere"), Code::StoreOpen, "\"nowhere\" does not exist");
    refused(&format!("{at}/{}?sslmode=require", place.name), Code::StoreOpen, "does not support TLS");
    refused(&format!("{at}/{}?options=-csearch_path%3Dnone", place.name), Code::StoreOpen, "search_path");
    let mut store =
        PostgresStore::connect(&format!("{at}/{}", place.name), PostgresOptions::default()).unwrap();
    assert!(!format!("{store:?}").contains(SECRET), "{store:?}");
    let error = store.append(&[row("ann", 1, 1)]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
}

#[test]
fn a_table_may_be_in_a_schema_of_its_own() {
    let place = Place::new();
    place.raw("CREATE SCHEMA game; CREATE TABLE public.mst_profiles (a int)");
    let url = format!("{}&options=-csearch_path%3Dgame,public", place.server.url(&place.name));
    let mut store = PostgresStore::connect(&url, PostgresOptions::default()).unwrap();
    store.claim().unwrap();
    store.append(&[row("ann", 1, 1)]).unwrap();
    assert_eq!(place.raw("SELECT user_id FROM game.mst_profiles"), "ann");
}

#[test]
fn durable_means_synced_whatever_the_roles_own_setting() {
    let place = Place::new();
    for (setting, expected) in [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")] {
        place.raw(&format!("ALTER DATABASE {} SET synchronous_commit = {setting}", place.name));
        let store = place.store();
        let client = store.writer.as_ref().unwrap();
        let shown =
            store.runtime.as_ref().unwrap().block_on(client.query_one("SHOW synchronous_commit", &[]));
        assert_eq!(shown.unwrap().get::<_, &str>(0), expected);
    }
}

#[test]
fn a_failed_append_leaves_nothing_in_the_cache() {
    let place = Place::new();
    let mut store = place.store();
    place.raw(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'on purpose'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON mst_journal FOR EACH ROW WHEN (NEW.version = 3) EXECUTE FUNCTION refuse()",
    );
    let rows: Vec<_> = (1..=3).map(|v| row("ann", 1, v)).collect();
    let error = store.append(&rows).unwrap_err();
    assert_eq!(error.code(), Code::StoreFailed);
    let text = error.to_string();
    assert!(
        text.contains(&place.name) && text.contains("appending") && text.contains("on purpose"),
        "{text}"
    );
    for table in ["profiles", "journal", "sessions", "properties", "epochs"] {
        assert_eq!(place.count(table), 0, "{table}");
    }
    // Other rows take the numbers that the failed ones had.
    let other = JournalRow {
        writer: writer(77),
        effects: vec![(Arc::from("x"), Effect::Diff(1))],
        ..row("bob", 5, 1)
    };
    store.append(std::slice::from_ref(&other)).unwrap();
    place.raw("DROP TRIGGER refuse ON mst_journal");
    store.append(&rows).unwrap();
    assert_eq!(restored(&mut store, "ann").rows, rows);
    assert_eq!(restored(&mut store, "bob").rows, [other]);
    // Numbers of names are in every row, so they stay small.
    assert_eq!(place.raw("SELECT max(id) = count(*) FROM mst_properties"), "t");
}

#[test]
fn one_document_that_fails_does_not_stop_the_others() {
    let place = Place::new();
    let mut store = place.store();
    store.append(&[row("bad", 1, 1), row("good", 1, 1)]).unwrap();
    // The document is written before its rows are deleted, so it must be taken back.
    place.raw(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'on purpose'; END $$;
         CREATE TRIGGER refuse BEFORE DELETE ON mst_journal FOR EACH ROW
         WHEN (OLD.profile = 1) EXECUTE FUNCTION refuse()",
    );
    assert_eq!(place.raw("SELECT id FROM mst_profiles WHERE user_id = 'bad'"), "1");
    let broken = |user: &str, text: &str| DocumentSave { document: text.into(), ..save(user, 1) };
    let mut saves = vec![
        save("first", 1),
        save("bad", 1),
        DocumentSave { version: u64::MAX, ..save("huge", 1) },
        save("good", 1),
        broken("text", "no JSON"),
        broken("zero", r#"{"a":"\u0000"}"#),
        save("twice", 1),
        save("twice", 2),
    ];
    saves.extend((0..50).map(|i| save(&format!("other{i}"), 1)));
    let results = store.update_many(&saves).unwrap();
    let codes: Vec<_> = results.iter().map(|r| r.as_ref().err().map(Error::code)).collect();
    let failed = Some(Code::StoreFailed);
    assert_eq!(codes[..8], [None, failed, Some(Code::InvalidArgument), None, failed, failed, None, None]);
    assert!(codes[8..].iter().all(Option::is_none), "{codes:?}");
    let text = results[1].as_ref().unwrap_err().to_string();
    assert!(text.contains("document of `bad`: on purpose"), "{text}");
    assert_eq!(restored(&mut store, "first").document, Some(document("first", 1)));
    let expected = StoredProfile { document: Some(document("good", 1)), rows: vec![] };
    assert_eq!(restored(&mut store, "good"), expected);
    assert_eq!(restored(&mut store, "bad"), StoredProfile { document: None, rows: vec![row("bad", 1, 1)] });
    assert_eq!(restored(&mut store, "twice").document, Some(document("twice", 2)));
    assert_eq!(restored(&mut store, "other49").document, Some(document("other49", 1)));
    for user in ["huge", "text", "zero"] {
        assert_eq!(store.restore(user).unwrap(), None);
    }
    place.raw("DROP TRIGGER refuse ON mst_journal");
    store.update(&save("bad", 1)).unwrap();
    assert_eq!(restored(&mut store, "bad").document, Some(document("bad", 1)));
    // What concerns them all is an error of all.
    place.raw("ALTER TABLE mst_profiles RENAME TO away");
    let error = store.update_many(&[save("first", 2), save("good", 2)]).unwrap_err();
    assert!(error.to_string().contains("mst_profiles"), "{error}");
    place.raw("ALTER TABLE away RENAME TO mst_profiles");
    store.update(&save("first", 2)).unwrap();
}

#[test]
fn rows_are_pruned_and_sessions_swept() {
    let place = Place::new();
    let mut store = place.store();
    store.append(&(1..=9).map(|v| row("ann", v / 3, v)).collect::<Vec<_>>()).unwrap();
    assert_eq!([place.count("journal"), place.count("epochs"), place.count("sessions")], [9, 4, 3]);
    store.update(&save("ann", 7)).unwrap();
    assert_eq!([place.count("journal"), place.count("epochs"), place.count("sessions")], [2, 2, 3]);
    drop(store);
    // Of the rows' sessions, those of 8 and 9 are left.
    let mut store = place.store();
    assert_eq!(place.count("sessions"), 2);
    assert_eq!(restored(&mut store, "ann").rows, [row("ann", 2, 8), row("ann", 3, 9)]);
    store.append(&[row("ann", 3, 10)]).unwrap();
    assert_eq!(place.count("sessions"), 3);
    store.update(&save("ann", 10)).unwrap();
    assert_eq!([place.count("journal"), place.count("epochs")], [0, 1]);
    assert!(store.delete("ann").unwrap());
    assert_eq!([place.count("profiles"), place.count("epochs")], [0, 0]);
}

#[test]
fn broken_rows_are_named() {
    let place = Place::new();
    let mut store = place.store();
    let check = |store: &mut PostgresStore, sql: &str, reason: &str| {
        store.append(&[row("ann", 1, 1), row("ann", 1, 2), row("bob", 1, 2)]).unwrap();
        place.raw(sql);
        let error = store.restore("ann").unwrap_err();
        let text = error.to_string();
        assert_eq!(error.code(), Code::StoreCorrupt, "{text}");
        assert!(text.contains(&place.name) && text.contains("`ann`") && text.contains(reason), "{text}");
        assert_eq!(restored(store, "bob").rows, [row("bob", 1, 2)]);
        assert!(store.delete("ann").unwrap());
    };
    let second = "WHERE version = 2 AND profile = (SELECT id FROM mst_profiles WHERE user_id = 'ann')";
    let update = |set: &str| format!("UPDATE mst_journal SET {set} {second}");
    check(&mut store, &update(r"effects = '\x0109'"), "journal version 2: malformed journal row: entry 0");
    check(&mut store, &update(r"effects = '\xe80700'"), "no property name has the number 1000");
    check(&mut store, &update(r"refused = '\x07'"), "journal version 2");
    check(&mut store, &update("session = 99"), "writer session is missing");
    check(
        &mut store,
        "UPDATE mst_epochs SET first_version = 5
         WHERE profile = (SELECT id FROM mst_profiles WHERE user_id = 'ann')",
        "epoch is missing",
    );
}

#[test]
fn names_that_were_numbered_by_another_owner_are_known() {
    let place = Place::new();
    let mut first = place.store();
    first.append(&[row("ann", 1, 1)]).unwrap();
    let mut second = place.store();
    assert_eq!(restored(&mut second, "ann").rows, [row("ann", 1, 1)]);
    // The reader of the first has the names of before in mind.
    assert_eq!(restored(&mut first, "ann").rows, [row("ann", 1, 1)]);
    let more = JournalRow { effects: vec![(Arc::from("new"), Effect::Diff(1))], ..row("ann", 1, 2) };
    second.append(std::slice::from_ref(&more)).unwrap();
    assert_eq!(restored(&mut first, "ann").rows, [row("ann", 1, 1), more]);
}

#[test]
fn values_survive_jsonb() {
    let place = Place::new();
    let mut store = place.store();
    let mut random = Random::new();
    let special =
        [0.0, -0.0, 5e-324, f64::MAX, f64::MIN_POSITIVE, 0.1, 1e16, 1e300, -1.5, f64::NAN, f64::INFINITY];
    let floats = special.into_iter().chain((0..300).map(|_| {
        let bits = (random.below(1 << 32) as u64) << 32 | random.below(1 << 32) as u64;
        f64::from_bits(bits)
    }));
    let ints = [i64::MIN, i64::MAX, 0, -1];
    let texts = ["", "a\"b\\c\n\u{1}", "\u{1F600}é\u{10FFFF}\u{7f}"];
    let mut values: Vec<Value> = floats.flat_map(|f| [Value::F64(f), Value::F32(f as f32)]).collect();
    values.extend(ints.map(Value::I64));
    values.extend(texts.map(Value::from));
    values.push(Value::Vector3([-0.0, 1e-45, f32::MAX]));
    let members: serde_json::Map<_, _> = values
        .iter()
        .enumerate()
        .map(|(place, value)| (format!("p{place}"), crate::json::value_to_json(value)))
        .collect();
    let text = serde_json::to_string(&members).unwrap();
    store.update(&DocumentSave { document: text, ..save("ann", 1) }).unwrap();
    let back = parsed(&store.restore("ann").unwrap().unwrap().document.unwrap());
    for (place, value) in values.iter().enumerate() {
        let read = crate::json::value_from_json(&value.value_type(), &back[format!("p{place}")]).unwrap();
        let bits = |value: &Value| match value {
            Value::F64(v) => v.to_bits(),
            Value::F32(v) => u64::from(v.to_bits()),
            Value::Vector3([x, ..]) => u64::from(x.to_bits()),
            _ => 0,
        };
        assert_eq!((&read, bits(&read)), (value, bits(value)));
    }
}

#[test]
fn reads_go_on_beside_writes_and_end_in_time() {
    let place = Place::new();
    let mut store = place.store();
    store.append(&[row("ann", 1, 1)]).unwrap();
    // A write that waits for another program does not hold up a read.
    let options =
        PostgresOptions { timeout: Duration::from_secs(1), readers: 2, ..PostgresOptions::default() };
    let mut store = place.try_open(options).unwrap();
    store.claim().unwrap();
    store.append(&[row("ann", 1, 2)]).unwrap();
    let blocker = Blocker::start(&place, "LOCK TABLE mst_profiles IN SHARE MODE");
    let (told, answers) = mpsc::channel();
    let began = Instant::now();
    store.begin_restore(&Arc::from("ann"), Box::new(move |result| told.send(result).unwrap()));
    let error = store.update(&save("ann", 2)).unwrap_err();
    assert_eq!(error.code(), Code::StoreFailed, "{error}");
    let read = answers.recv().unwrap().unwrap().unwrap();
    assert_eq!(read.rows.len(), 2);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    drop(blocker);
    store.update(&save("ann", 2)).unwrap();
    // More reads than connections, all of which wait: each is told in time, and the next ones find connections again.
    let blocker = Blocker::start(&place, "LOCK TABLE mst_profiles IN ACCESS EXCLUSIVE MODE");
    let (told, answers) = mpsc::channel();
    for _ in 0..6 {
        let told = told.clone();
        store.begin_restore(&Arc::from("ann"), Box::new(move |result| told.send(result).unwrap()));
    }
    for _ in 0..6 {
        assert_eq!(answers.recv().unwrap().unwrap_err().code(), Code::StoreFailed);
    }
    drop(blocker);
    assert_eq!(restored(&mut store, "ann").document, Some(document("ann", 2)));
}

#[test]
fn connections_that_were_cut_are_made_anew() {
    let place = Place::new();
    let mut store = place.store();
    for version in 1..=5 {
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        place.raw(cut);
        // The first call may find out, and the next must not fail.
        let rows = [row("ann", 1, version)];
        if let Err(error) = store.append(&rows) {
            assert_eq!(error.code(), Code::StoreFailed, "{error}");
            store.append(&rows).unwrap();
        }
        // Reading is tried again by itself.
        place.raw(cut);
        assert_eq!(restored(&mut store, "ann").rows.len(), version as usize);
    }
}

#[test]
fn what_others_are_in_the_way_of_is_done_again() {
    let place = Place::new();
    let mut store = place.store();
    store.append(&[row("ann", 1, 1)]).unwrap();
    // The first attempts fail as a database does that knows nothing but serialisable transactions.
    place.raw(
        "CREATE SEQUENCE tries;
         CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN IF nextval('tries') <= 3 THEN RAISE EXCEPTION 'on purpose' USING ERRCODE = '40001'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER conflict BEFORE INSERT ON mst_journal FOR EACH ROW EXECUTE FUNCTION conflict()",
    );
    store.append(&[row("ann", 1, 2)]).unwrap();
    assert_eq!(place.raw("SELECT last_value FROM tries"), "4");
    assert_eq!(restored(&mut store, "ann").rows, [row("ann", 1, 1), row("ann", 1, 2)]);
    // Not for ever.
    place.raw("ALTER SEQUENCE tries RESTART WITH 1 MINVALUE -1000000; SELECT setval('tries', -1000000)");
    let error = store.append(&[row("ann", 1, 3)]).unwrap_err();
    assert_eq!(error.code(), Code::StoreFailed, "{error}");
    assert_eq!(place.raw("SELECT last_value - -1000000 FROM tries"), ATTEMPTS.to_string());
}

#[test]
fn an_append_takes_one_statement_when_nothing_is_new() {
    let place = Place::new();
    let mut store = place.store();
    let first: Vec<_> = (1..=5).map(|v| row("ann", 1, v)).collect();
    store.append(&first).unwrap();
    place.raw("CREATE TABLE seen (statement text)");
    place.raw(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN INSERT INTO seen VALUES (current_query()); RETURN NULL; END $$;
         CREATE TRIGGER note AFTER INSERT ON mst_journal FOR EACH STATEMENT EXECUTE FUNCTION note()",
    );
    store.append(&[row("ann", 1, 6), row("ann", 1, 7)]).unwrap();
    assert!(place.raw("SELECT statement FROM seen").starts_with("WITH guard"));
    // A new epoch has to be noted.
    store.append(&[row("ann", 2, 8)]).unwrap();
    assert_eq!(place.raw("SELECT count(*) FROM seen WHERE statement LIKE 'INSERT INTO mst_journal%'"), "1");
    store.append(&[row("ann", 2, 9)]).unwrap();
    assert_eq!(place.raw("SELECT count(*) FROM seen WHERE statement LIKE 'WITH guard%'"), "2");
    let epoch = |v: u64| if v < 8 { 1 } else { 2 };
    assert_eq!(
        restored(&mut store, "ann").rows,
        (1..=9).map(|v| row("ann", epoch(v), v)).collect::<Vec<_>>()
    );
}

#[test]
fn a_server_with_a_certificate_is_believed_by_its_authority_alone() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, certificate.pem()).unwrap();
    let prepare = |data: &Path| {
        std::fs::write(data.join("server.pem"), certificate.pem()).unwrap();
        let path = data.join("server.key");
        std::fs::write(&path, key.serialize_pem()).unwrap();
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(
            data.join("data/pg_hba.conf"),
            "hostssl all all 127.0.0.1/32 trust\nhost all postgres 127.0.0.1/32 trust\n",
        )
        .unwrap();
    };
    let settings = ["fsync=off", "ssl=on", "ssl_cert_file=../server.pem", "ssl_key_file=../server.key"];
    let server = Server::start_with(&settings, prepare);
    server.sql("postgres", "CREATE ROLE game LOGIN");
    server.sql("postgres", "CREATE DATABASE game OWNER game");
    let at = |host: &str, mode: &str| {
        format!("host={host} port={} user=game dbname=game sslmode={mode}", server.port)
    };
    let with_ca = || PostgresOptions { ca_file: Some(ca.clone()), ..PostgresOptions::default() };
    for mode in ["require", "prefer"] {
        let mut store = PostgresStore::connect(&at("127.0.0.1", mode), with_ca()).unwrap();
        store.claim().unwrap();
        store.append(&[row(mode, 1, 1)]).unwrap();
        assert_eq!(restored(&mut store, mode).rows.len(), 1);
        let encrypted = "SELECT bool_and(ssl), count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'game'";
        assert_eq!(server.sql("postgres", encrypted), "t|2");
        drop(store);
        while server.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE usename = 'game'") != "0" {}
        // Not by those who are usual on the web.
        let error = PostgresStore::connect(&at("127.0.0.1", mode), PostgresOptions::default()).unwrap_err();
        assert_eq!(error.code(), Code::StoreOpen);
        assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    }
    // Without encryption the server lets nobody in.
    let error = PostgresStore::connect(&at("127.0.0.1", "disable"), with_ca()).unwrap_err();
    assert!(error.to_string().contains("no encryption"), "{error}");
    for (file, reason) in [("nowhere.pem", "nowhere.pem"), ("text.pem", "text.pem: has no certificate")] {
        std::fs::write(folder.path().join("text.pem"), "no PEM").unwrap();
        let ca_file = Some(folder.path().join(file));
        let error =
            PostgresStore::connect(&at("127.0.0.1", "require"), PostgresOptions { ca_file, ..with_ca() })
                .unwrap_err();
        assert_eq!(error.code(), Code::TlsConfig);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

/// Somebody who holds a lock until dropped.
struct Blocker {
    runtime: Runtime,
    client: Option<tokio_postgres::Client>,
}

impl Blocker {
    fn start(place: &Place, sql: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let url = place.server.url(&place.name);
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(&format!("BEGIN; {sql}")).await.unwrap();
            client
        });
        Self { runtime, client: Some(client) }
    }
}

impl Drop for Blocker {
    fn drop(&mut self) {
        let client = self.client.take().unwrap();
        self.runtime.block_on(client.batch_execute("ROLLBACK")).unwrap();
    }
}

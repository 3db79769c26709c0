//! What the databases do a second: acknowledged batches beside a plain insert of the same rows into the same engine, saves and
//! loads, and what a change takes in the journal.
//!
//! `cargo bench --bench stores` (`-- --quick` for a short look, `-- --sqlite` or `-- --postgres` for one engine). PostgreSQL is
//! started from the distribution's package in a folder of its own, with its usual settings.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/common/postgres.rs"]
mod postgres;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mst_profiles::store::{
    DocumentSave, Effect, HistoryLimits, JournalRow, PostgresOptions, PostgresStore, ProfileStore,
    SqliteStore, WriterInfo,
};
use mst_profiles::{Event, InProcessOptions, Master, MasterOptions, Schema};

const PROFILES: u64 = 200;
const GROUPS: [usize; 3] = [1, 100, 4096];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let quick = has("--quick");
    let both = !has("--sqlite") && !has("--postgres");
    println!("medians of {} rounds; ours and plain take turns\n", rounds(quick));
    if both || has("--sqlite") {
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().join("ours.db");
        let open = || -> Box<dyn ProfileStore> { Box::new(SqliteStore::open(&ours).unwrap()) };
        let mut plain = PlainSqlite::new(&folder.path().join("plain.db"));
        measure("SQLite", quick, &open, &mut plain, &|| sqlite_rows(&ours));
        println!(
            "SQLite: {} bytes of the file for each change in the journal",
            sqlite_bytes(&folder.path().join("bytes.db"))
        );
        let whole = folder.path().join("master.db");
        end_to_end("SQLite", quick, Box::new(SqliteStore::open(&whole).unwrap()));
    }
    if both || has("--postgres") {
        let server = postgres::Server::start(&[]);
        let database = server.new_database();
        let url = server.url(&database);
        let connect = |url: &str| PostgresStore::connect(url, PostgresOptions::default()).unwrap();
        let open = || -> Box<dyn ProfileStore> { Box::new(connect(&url)) };
        let mut plain = PlainPostgres::new(&server.url(&server.new_database()));
        measure("PostgreSQL", quick, &open, &mut plain, &|| postgres_rows(&url));
        let sized = server.new_database();
        let bytes = postgres_bytes(&server, &sized, connect(&server.url(&sized)));
        println!("PostgreSQL: {bytes} bytes of table and index for each change in the journal");
        end_to_end("PostgreSQL", quick, Box::new(connect(&server.url(&server.new_database()))));
    }
}

fn rounds(quick: bool) -> usize {
    if quick { 3 } else { 7 }
}

/// A row of the journal as an engine has it.
#[derive(Clone)]
struct Raw {
    profile: i64,
    version: i64,
    session: i64,
    number: i64,
    at: i64,
    effects: Vec<u8>,
}

trait Plain {
    /// Inserts the rows in one transaction.
    fn insert(&mut self, rows: &[Raw]);
}

fn measure(
    engine: &str,
    quick: bool,
    open: &dyn Fn() -> Box<dyn ProfileStore>,
    plain: &mut dyn Plain,
    read: &dyn Fn() -> Vec<Raw>,
) {
    let mut store = open();
    store.keep_history(HistoryLimits::default());
    store.claim().unwrap();
    let mut rows = Rows::default();
    // Whatever is numbered once is so before the clock runs; and the plain rows are those of the engine itself.
    store.append(&rows.next(PROFILES as usize)).unwrap();
    let mut raw = RawRows { pattern: read(), next: 0 };
    for group in GROUPS {
        let appends = (if quick { 2000 } else { 20_000 } / group).clamp(4, 400);
        let (mut own, mut plain_rate) = (Vec::new(), Vec::new());
        for _ in 0..rounds(quick) {
            let groups: Vec<_> = (0..appends).map(|_| rows.next(group)).collect();
            let started = Instant::now();
            groups.iter().for_each(|rows| store.append(rows).unwrap());
            own.push((appends * group) as f64 / started.elapsed().as_secs_f64());
            let groups: Vec<_> = (0..appends).map(|_| raw.next(group)).collect();
            let started = Instant::now();
            groups.iter().for_each(|rows| plain.insert(rows));
            plain_rate.push((appends * group) as f64 / started.elapsed().as_secs_f64());
        }
        let (own, plain) = (median(own), median(plain_rate));
        println!(
            "{engine}: appended in groups of {group}: {own:.0} rows/s; plain insert {plain:.0} rows/s; ratio {:.2}",
            own / plain
        );
    }
    let document = document();
    let (mut saves, mut loads) = (Vec::new(), Vec::new());
    let mut version = 1 << 40;
    for _ in 0..rounds(quick) {
        let started = Instant::now();
        let count = if quick { 2 } else { 8 };
        for group in 0..count {
            version += 1;
            let save = |n| DocumentSave { user: user(group * 256 + n), version, document: document.clone() };
            let saves: Vec<_> = (0..256).map(save).collect();
            assert!(store.update_many(&saves).unwrap().iter().all(Result::is_ok));
        }
        saves.push((count * 256) as f64 / started.elapsed().as_secs_f64());
        let started = Instant::now();
        for n in 0..count * 256 {
            assert!(store.restore(&user(n)).unwrap().is_some());
        }
        loads.push((count * 256) as f64 / started.elapsed().as_secs_f64());
    }
    println!(
        "{engine}: documents of {} bytes: {:.0} saved/s in groups of 256, {:.0} loaded/s one after the other",
        document.len(),
        median(saves),
        median(loads)
    );
}

/// Through a master: four game servers in its process, as fast as they can.
fn end_to_end(engine: &str, quick: bool, store: Box<dyn ProfileStore>) {
    const SERVERS: u64 = 4;
    let schema = schema();
    let mut options = MasterOptions::new(schema.clone());
    options.listen = None;
    let master = Master::start(options, store).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let durable = Arc::new(AtomicU64::new(0));
    let servers: Vec<_> = (0..SERVERS)
        .map(|server| {
            let (stop, durable, gold) = (stop.clone(), durable.clone(), schema.index_of("gold").unwrap());
            let mut endpoint =
                master.connect_server(&format!("s{server}"), InProcessOptions::default()).unwrap();
            let ids: Vec<_> = (0..PROFILES / SERVERS)
                .map(|n| endpoint.fill(&user((server * PROFILES + n) as usize)).unwrap())
                .collect();
            std::thread::spawn(move || {
                let mut loaded = 0;
                let mut told = std::collections::HashMap::new();
                while !stop.load(Ordering::Relaxed) {
                    while let Some(event) = endpoint.next_event() {
                        match event {
                            Event::ProfileLoaded { .. } => loaded += 1,
                            Event::Durable { profile, through } => {
                                let before = told.insert(profile, through).unwrap_or(0);
                                durable.fetch_add(through - before, Ordering::Relaxed);
                            }
                            _ => {}
                        }
                    }
                    if loaded == ids.len() {
                        for id in &ids {
                            let _ = endpoint.change(*id, |p| p.add_int(gold, 1));
                            let _ = endpoint.flush_profile(*id);
                        }
                    }
                    endpoint.wait(Duration::from_millis(1));
                }
            })
        })
        .collect();
    std::thread::sleep(Duration::from_secs(1));
    let before = (durable.load(Ordering::Relaxed), master.stats().unwrap(), Instant::now());
    std::thread::sleep(Duration::from_secs(if quick { 1 } else { 5 }));
    let acknowledged = durable.load(Ordering::Relaxed) - before.0;
    let after = master.stats().unwrap();
    let groups = (after.journal_groups - before.1.journal_groups).max(1);
    println!(
        "{engine}: through a master: {:.0} durable acknowledgements/s, {:.0} in a transaction\n",
        acknowledged as f64 / before.2.elapsed().as_secs_f64(),
        (after.journal_rows - before.1.journal_rows) as f64 / groups as f64
    );
    stop.store(true, Ordering::Relaxed);
    servers.into_iter().for_each(|server| server.join().unwrap());
    master.stop().unwrap();
}

/// Batches of many profiles, in the order in which they come.
#[derive(Default)]
struct Rows(u64);

impl Rows {
    fn next(&mut self, count: usize) -> Vec<JournalRow> {
        let writer = Arc::new(WriterInfo { id: 7, subject: Arc::from("arena"), role: Arc::from("server") });
        let gold: Arc<str> = Arc::from("gold");
        (0..count)
            .map(|_| {
                let (profile, version) = (self.0 % PROFILES, self.0 / PROFILES + 1);
                self.0 += 1;
                JournalRow {
                    user: user(profile as usize),
                    epoch: 1,
                    version,
                    writer: writer.clone(),
                    number: version,
                    refused: Vec::new(),
                    effects: vec![(gold.clone(), Effect::Diff(25))],
                    outcomes: Vec::new(),
                    unix_ms: 1_790_000_000_000 + self.0,
                }
            })
            .collect()
    }
}

/// The same for the plain insert: the engine's own rows, with versions that go on.
struct RawRows {
    pattern: Vec<Raw>,
    next: u64,
}

impl RawRows {
    fn next(&mut self, count: usize) -> Vec<Raw> {
        (0..count)
            .map(|_| {
                let version = (self.next / PROFILES + 2) as i64;
                let row = &self.pattern[(self.next % PROFILES) as usize];
                self.next += 1;
                Raw { version, number: version, ..row.clone() }
            })
            .collect()
    }
}

struct PlainSqlite(rusqlite::Connection);

const PLAIN_TABLE: &str = "CREATE TABLE journal (profile INTEGER NOT NULL, version INTEGER NOT NULL, session INTEGER NOT NULL,
    number INTEGER NOT NULL, at INTEGER NOT NULL, effects BLOB NOT NULL, PRIMARY KEY (profile, version)) STRICT, WITHOUT ROWID";

impl PlainSqlite {
    fn new(path: &Path) -> Self {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.pragma_update(None, "synchronous", "FULL").unwrap();
        connection.execute_batch(PLAIN_TABLE).unwrap();
        Self(connection)
    }
}

impl Plain for PlainSqlite {
    fn insert(&mut self, rows: &[Raw]) {
        let transaction = self.0.transaction().unwrap();
        {
            let sql = "INSERT INTO journal VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let mut insert = transaction.prepare_cached(sql).unwrap();
            for row in rows {
                let values =
                    rusqlite::params![row.profile, row.version, row.session, row.number, row.at, row.effects];
                insert.execute(values).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
}

fn sqlite_rows(path: &Path) -> Vec<Raw> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let sql = "SELECT profile, version, session, number, at, effects FROM journal ORDER BY profile";
    let mut select = connection.prepare(sql).unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        Ok(Raw {
            profile: row.get(0)?,
            version: row.get(1)?,
            session: row.get(2)?,
            number: row.get(3)?,
            at: row.get(4)?,
            effects: row.get(5)?,
        })
    };
    select.query_map([], row).unwrap().map(Result::unwrap).collect()
}

/// Bytes by which a database grows with each of many changes.
fn sqlite_bytes(path: &Path) -> u64 {
    const CHANGES: usize = 100_000;
    let mut store = SqliteStore::open(path).unwrap();
    store.claim().unwrap();
    let mut rows = Rows::default();
    store.append(&rows.next(PROFILES as usize)).unwrap();
    let size = || {
        let connection = rusqlite::Connection::open(path).unwrap();
        let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() as u64;
        number("PRAGMA page_count") * number("PRAGMA page_size")
    };
    let before = size();
    (0..CHANGES / 1000).for_each(|_| store.append(&rows.next(1000)).unwrap());
    (size() - before) / CHANGES as u64
}

struct PlainPostgres {
    runtime: tokio::runtime::Runtime,
    client: tokio_postgres::Client,
    insert: tokio_postgres::Statement,
}

fn postgres_client(url: &str) -> (tokio::runtime::Runtime, tokio_postgres::Client) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (client, connection) = runtime.block_on(tokio_postgres::connect(url, tokio_postgres::NoTls)).unwrap();
    runtime.spawn(connection);
    (runtime, client)
}

impl PlainPostgres {
    fn new(url: &str) -> Self {
        let (runtime, client) = postgres_client(url);
        let table = "CREATE TABLE journal (profile bigint NOT NULL, version bigint NOT NULL, session bigint NOT NULL,
            number bigint NOT NULL, at bigint NOT NULL, effects bytea NOT NULL, PRIMARY KEY (profile, version))";
        runtime.block_on(client.batch_execute(table)).unwrap();
        let sql =
            "INSERT INTO journal SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],
            $5::bigint[], $6::bytea[])";
        let insert = runtime.block_on(client.prepare(sql)).unwrap();
        Self { runtime, client, insert }
    }
}

impl Plain for PlainPostgres {
    fn insert(&mut self, rows: &[Raw]) {
        let of = |get: fn(&Raw) -> i64| rows.iter().map(get).collect::<Vec<_>>();
        let effects: Vec<&[u8]> = rows.iter().map(|row| &*row.effects).collect();
        let (profiles, versions) = (of(|row| row.profile), of(|row| row.version));
        let (sessions, numbers, at) = (of(|row| row.session), of(|row| row.number), of(|row| row.at));
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
            [&profiles, &versions, &sessions, &numbers, &at, &effects];
        self.runtime.block_on(self.client.execute(&self.insert, &values)).unwrap();
    }
}

fn postgres_rows(url: &str) -> Vec<Raw> {
    let (runtime, client) = postgres_client(url);
    let sql = "SELECT profile, version, session, number, at, effects FROM mst_journal ORDER BY profile";
    let rows = runtime.block_on(client.query(sql, &[])).unwrap();
    rows.iter()
        .map(|row| Raw {
            profile: row.get(0),
            version: row.get(1),
            session: row.get(2),
            number: row.get(3),
            at: row.get(4),
            effects: row.get(5),
        })
        .collect()
}

fn postgres_bytes(server: &postgres::Server, database: &str, mut store: PostgresStore) -> u64 {
    const CHANGES: usize = 100_000;
    store.claim().unwrap();
    let mut rows = Rows::default();
    store.append(&rows.next(PROFILES as usize)).unwrap();
    let size = || {
        let text = server.sql(database, "SELECT pg_total_relation_size('mst_journal')");
        text.trim().parse::<u64>().unwrap()
    };
    let before = size();
    (0..CHANGES / 1000).for_each(|_| store.append(&rows.next(1000)).unwrap());
    (size() - before) / CHANGES as u64
}

fn schema() -> Arc<Schema> {
    let properties =
        r#"{"properties":[{"name":"gold","type":"i64","merge":"sum"},{"name":"title","type":"string"}]}"#;
    Schema::from_json(properties).unwrap()
}

fn user(number: usize) -> Arc<str> {
    Arc::from(format!("player-{number:06}"))
}

/// About what a profile of twenty properties is.
fn document() -> String {
    let items: Vec<String> = (0..50).map(|n| format!("\"item_{n:04}\"")).collect();
    let stats: Vec<String> = (0..30).map(|n| format!("\"stat_{n:03}\":{}", n * 1000 + 7)).collect();
    format!(
        r#"{{"gold":12345,"level":7,"title":"Player_00001","inventory":[{}],"stats":{{{}}},"$mst":{{"version":1,"epoch":"00000000000000aa"}}}}"#,
        items.join(","),
        stats.join(",")
    )
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

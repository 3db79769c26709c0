//! A disk that is full, and has room again later.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use mst_profiles::store::SqliteStore;
use mst_profiles::{ErrorCode, Event, MasterEvent};

use crate::common::{PATIENCE, fill, property};
use crate::{at_once, gold, on_file, stored_gold};

/// A small file system in memory, until this is dropped.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    fn mount(folder: &Path, bytes: u64) -> Self {
        fs::create_dir(folder).unwrap();
        let size = format!("size={bytes}");
        as_root(&["mount", "-t", "tmpfs", "-o", &size, "tmpfs", &folder.display().to_string()]);
        let disk = Self { folder: folder.to_owned() };
        as_root(&["chmod", "0777", &folder.display().to_string()]);
        disk
    }

    /// Writes a file until nothing more fits.
    fn fill_up(&self) -> PathBuf {
        let ballast = self.folder.join("ballast");
        let mut file = fs::File::options().create(true).append(true).open(&ballast).unwrap();
        for block in [65536, 4096, 1] {
            while std::io::Write::write_all(&mut file, &vec![b'x'; block]).is_ok() {}
        }
        ballast
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Also when a master that failed a test still has its files open.
        as_root(&["umount", "-l", &self.folder.display().to_string()]);
    }
}

/// Runs a command that only root may; the user of these tests may be let become root.
fn as_root(command: &[&str]) {
    let direct = Command::new(command[0]).args(&command[1..]).output().unwrap();
    if !direct.status.success() {
        let output = Command::new("sudo").arg("-n").args(command).output();
        let output = output.unwrap_or_else(|error| panic!("{command:?}: {direct:?}; sudo: {error}"));
        assert!(output.status.success(), "{command:?}: {direct:?}; {output:?}");
    }
}

#[test]
fn a_full_disk_costs_time_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::mount(&folder.path().join("disk"), 8 * 1024 * 1024);
    let database = disk.folder.join("profiles.db");
    // Documents are to be written meanwhile too.
    let master = on_file(&database, Duration::from_millis(50));
    let users: Vec<String> = (0..10).map(|n| format!("user {n}")).collect();
    let mut server = master.connect_server("arena", at_once()).unwrap();
    let ids: Vec<_> = users.iter().map(|user| fill(&mut server, user)).collect();
    let ballast = disk.fill_up();

    // Writers go on until the disk is full. What SQLite has in its files already may take some.
    let mut made = vec![0_i64; users.len()];
    let mut durable = vec![0_u64; users.len()];
    let mut hear = |server: &mut mst_profiles::GameServer| {
        while let Some(event) = server.next_event() {
            match event {
                Event::Durable { profile, through } => {
                    durable[ids.iter().position(|id| *id == profile).unwrap()] = through;
                }
                Event::Refused { error, .. } | Event::Disconnected { error, .. } => panic!("{error}"),
                _ => {}
            }
        }
        durable.clone()
    };
    let deadline = Instant::now() + PATIENCE;
    let mut failed = None;
    let mut waited = 0;
    while failed.is_none() || waited < 50 {
        assert!(Instant::now() < deadline, "the disk is never full");
        for (made, id) in made.iter_mut().zip(&ids) {
            // Each a batch of its own.
            server.change(*id, |p| p.add_int(property("gold"), 1)).unwrap();
            *made += 1;
            if let Err(error) = server.flush_profile(*id) {
                assert_eq!(error.code(), ErrorCode::Unavailable, "{error}");
            }
        }
        server.wait(Duration::from_millis(1));
        hear(&mut server);
        while let Some(event) = master.next_event() {
            if let MasterEvent::StoreFailed { error } = event {
                failed.get_or_insert(error);
            }
        }
        waited += u32::from(failed.is_some());
    }
    let error = failed.unwrap();
    assert_eq!(error.code(), ErrorCode::StoreFailed);
    assert!(error.to_string().contains("full"), "{error}");
    let health = master.health().unwrap();
    assert!(!health.is_well() && health.unjournaled_rows > 0, "{health:?}");

    // What was told to be durable is in the database as it is now, and what was not is only shown.
    let told = hear(&mut server);
    let copy = folder.path().join("copy.db");
    SqliteStore::open_read_only(&database).unwrap().back_up(&copy, false).unwrap();
    for ((stored, told), made) in stored_gold(&copy, &users).into_iter().zip(&told).zip(&made) {
        assert!(stored >= 10 + *told as i64, "{stored} stored, {told} told to be durable");
        assert!(stored < 10 + made, "{stored} stored of {made}: it was never full");
    }
    let pending = ids.iter().map(|id| server.pending(*id).unwrap().undurable).sum::<u64>();
    assert!(pending > 0);

    // There is room again.
    fs::remove_file(&ballast).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while ids.iter().any(|id| {
        let pending = server.pending(*id).unwrap();
        pending.undurable > 0 || pending.unsent
    }) {
        assert!(Instant::now() < deadline, "not all becomes durable: {:?}", master.health());
        server.wait(Duration::from_millis(10));
        hear(&mut server);
    }
    while !master.health().unwrap().is_well() {
        assert!(Instant::now() < deadline, "{:?}", master.health());
        std::thread::sleep(Duration::from_millis(10));
    }
    let expected: Vec<i64> = made.iter().map(|made| 10 + made).collect();
    assert_eq!(ids.iter().map(|id| gold(&server, *id)).collect::<Vec<_>>(), expected);
    server.close(PATIENCE).unwrap();
    master.stop().unwrap();
    assert_eq!(stored_gold(&database, &users), expected);
}

#[test]
fn a_disk_that_is_full_at_the_start_is_no_database_and_leaves_nothing_half_made() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::mount(&folder.path().join("disk"), 1024 * 1024);
    let database = disk.folder.join("profiles.db");
    let ballast = disk.fill_up();
    let error = SqliteStore::open(&database).unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreOpen, "{error}");
    // A backup onto it is refused, and no part of it stays.
    let other = folder.path().join("other.db");
    drop(SqliteStore::open(&other).unwrap());
    let error = SqliteStore::open_read_only(&other).unwrap().back_up(&disk.folder.join("b.db"), false);
    assert_eq!(error.unwrap_err().code(), ErrorCode::StoreFailed);
    let left: Vec<_> = fs::read_dir(&disk.folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("b.db")), "{left:?}");
    fs::remove_file(ballast).unwrap();
    assert_eq!(stored_gold(&database, &["ann".into()]), [10]);
}

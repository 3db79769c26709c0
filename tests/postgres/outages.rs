//! The database goes away, and comes again, while it is written to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mst_profiles::Master;

use crate::common::PATIENCE;
use crate::common::random::Random;
use crate::cutter::Cutter;
use crate::game::{Ledger, VETERAN, check_durable, log_in, play};
use crate::server::Server;

/// Does something that makes the database useless, and then something that ends that; meanwhile players come.
fn outage(master: &Master, round: usize, begin: impl FnOnce(), end: impl FnOnce()) {
    let (is_away, was_refused) = (AtomicBool::new(true), AtomicBool::new(false));
    begin();
    let newcomer = format!("newcomer{round}");
    std::thread::scope(|scope| {
        let mut players = vec![(newcomer.as_str(), 0)];
        if round == 0 {
            players.push(VETERAN);
        }
        let (is_away, was_refused) = (&is_away, &was_refused);
        for (user, gold) in players {
            scope.spawn(move || log_in(master, user, gold, is_away, was_refused));
        }
        let deadline = Instant::now() + PATIENCE;
        while !was_refused.load(Ordering::SeqCst) {
            assert!(Instant::now() < deadline, "nobody is told anything");
            std::thread::sleep(Duration::from_millis(5));
        }
        is_away.store(false, Ordering::SeqCst);
        end();
    });
}

fn is_in_trouble(master: &Master, what: &str) -> bool {
    master.health().unwrap().troubles.iter().any(|trouble| trouble.what == what)
}

fn wait_for_health(master: &Master, well: bool) {
    let deadline = Instant::now() + PATIENCE;
    while master.health().unwrap().is_well() != well {
        assert!(Instant::now() < deadline, "{:?}", master.health());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_server_that_is_stopped_and_started_again() {
    let mut server = Server::start(&["fsync=off"]);
    let url = server.url("postgres");
    play(&url, |master, ledger| {
        for round in 0..2 {
            let server = std::cell::RefCell::new(&mut server);
            outage(
                master,
                round,
                || {
                    server.borrow_mut().stop();
                    wait_for_health(master, false);
                },
                || server.borrow_mut().start_again(),
            );
            wait_for_health(master, true);
            ledger.wait_for_progress();
            check_durable(&url, &ledger.durable());
        }
    });
}

#[test]
fn a_server_that_is_killed_in_the_middle_of_batches() {
    // The one test that needs the disk: what is told to be durable is synced.
    let mut server = Server::start(&["fsync=on"]);
    let url = server.url("postgres");
    let mut random = Random::from_environment();
    play(&url, |master, ledger| {
        for round in 0..3 {
            std::thread::sleep(Duration::from_millis(random.below(100)));
            let server = std::cell::RefCell::new(&mut server);
            let killed = || server.borrow_mut().kill();
            let mut durable = Default::default();
            outage(
                master,
                round,
                || {
                    killed();
                    // Nothing is told before it was committed, so this is in what the server left.
                    durable = ledger.durable();
                },
                || server.borrow_mut().start_again(),
            );
            check_durable(&url, &durable);
            ledger.wait_for_progress();
        }
    });
}

#[test]
fn connections_that_are_cut_between_commit_and_answer() {
    let server = Server::shared();
    let database = server.new_database();
    let cutter = Cutter::start(server.port);
    let url = format!("host=127.0.0.1 port={} user=postgres dbname={database} sslmode=disable", cutter.port);
    let mut random = Random::from_environment();
    play(&url, |_, ledger: &Ledger| {
        for _ in 0..15 {
            cutter.cut(Duration::from_millis(random.below(30)));
            ledger.wait_for_progress();
            check_durable(&server.url(&database), &ledger.durable());
        }
    });
}

#[test]
fn a_permission_that_is_taken_and_given_again() {
    let server = Server::shared();
    let database = server.new_database();
    let role = format!("role_{database}");
    server.sql(&database, &format!("CREATE ROLE {role} LOGIN; GRANT CREATE ON SCHEMA public TO {role}"));
    let url = server.url(&database).replace("postgres@", &format!("{role}@"));
    play(&url, |master, ledger| {
        server.sql(&database, &format!("REVOKE INSERT ON mst_journal FROM {role}"));
        let deadline = Instant::now() + PATIENCE;
        while !is_in_trouble(master, "journal") {
            assert!(Instant::now() < deadline, "nobody noticed");
            std::thread::sleep(Duration::from_millis(5));
        }
        let trouble = format!("{:?}", master.health().unwrap().troubles);
        assert!(trouble.contains("permission denied for table mst_journal"), "{trouble}");
        // What is not in the journal is not told to be; reading goes on.
        let got_in = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                log_in(master, VETERAN.0, VETERAN.1, &AtomicBool::new(false), &AtomicBool::new(false));
                got_in.store(true, Ordering::SeqCst);
            });
            std::thread::sleep(Duration::from_millis(300));
            check_durable(&url, &ledger.durable());
            assert!(!got_in.load(Ordering::SeqCst), "told that a change is durable that is not");
            server.sql(&database, &format!("GRANT INSERT ON mst_journal TO {role}"));
        });
        wait_for_health(master, true);
        check_durable(&url, &ledger.durable());
    });
}

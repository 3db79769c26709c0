//! The live view, drawn on a terminal that only remembers.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;
use serde_json::{Value, json};

use super::draw::{draw, rows_shown};
use super::progress::Counters;
use super::view::View;
use crate::demo::latency::Latencies;
use crate::demo::report::{PropertyView, Role, RoleStats, Said, What};

const PROPERTIES: [&str; 4] = ["user.title", "currency.gold", "items", "stats.rating"];
const START: u64 = 1_800_000_000_000_000;

fn picture(view: &View, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view)).unwrap();
    terminal.backend().buffer().clone()
}

fn lines(view: &View, width: u16, height: u16) -> Vec<String> {
    let buffer = picture(view, width, height);
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(line).collect()
}

/// The colour of a text's first character, wherever it stands first.
fn colour(buffer: &Buffer, text: &str) -> Color {
    let (width, height) = (buffer.area.width, buffer.area.height);
    for y in 0..height {
        let line: Vec<&str> = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        for x in 0..width {
            if line[usize::from(x)..].concat().starts_with(text) {
                return buffer[(x, y)].fg;
            }
        }
    }
    panic!("`{text}` is not there");
}

fn see(view: &mut View, role: Role, user: &str, name: &str, shown: Value, confirmed: Option<Value>) {
    let is_pending = confirmed.is_some();
    let confirmed = confirmed.unwrap_or(shown.clone());
    let properties = vec![PropertyView { name: name.into(), shown, confirmed, is_pending }];
    view.heard(role, &Said::View { user: user.into(), properties });
}

fn happen(view: &mut View, latencies: &mut Latencies, role: Role, after: u64, what: What) {
    latencies.happened(role, START + after, "ann", &what);
    view.heard(role, &Said::Happened { at: START + after, user: "ann".into(), what });
}

fn made(property: &str, value: Value, batch: u64) -> What {
    What::Made { property: property.into(), value, batch }
}

/// A moment in a match.
fn moment() -> View {
    let (mut view, mut latencies) = (View::new(&PROPERTIES), Latencies::default());
    view.phase = "playing";
    for (role, user) in [(Role::Server, "ann"), (Role::Client(0), "ann"), (Role::Server, "bob")] {
        see(&mut view, role, user, "user.title", "Novice".into(), None);
        see(&mut view, role, user, "currency.gold", json!(100), None);
        see(&mut view, role, user, "items", json!(["sword", {"coins": 3}]), None);
        see(&mut view, role, user, "stats.rating", json!(1500.5), None);
    }
    // The public part alone.
    see(&mut view, Role::Client(1), "ann", "user.title", "Novice".into(), None);
    happen(&mut view, &mut latencies, Role::Server, 0, What::Loaded);
    happen(
        &mut view,
        &mut latencies,
        Role::Client(0),
        900,
        What::Seen { property: "stats.kills".into(), value: json!(1) },
    );
    // Told after it was seen: the processes' lines come in no order.
    happen(&mut view, &mut latencies, Role::Server, 500, made("stats.kills", json!(1), 1));
    happen(&mut view, &mut latencies, Role::Server, 1100, What::Applied { through: 1 });
    happen(&mut view, &mut latencies, Role::Server, 1500, What::Durable { through: 1 });
    happen(&mut view, &mut latencies, Role::Client(0), 300_000, made("user.title", "Fürst".into(), 1));
    let reason = "too grand".to_string();
    happen(&mut view, &mut latencies, Role::Client(0), 301_000, What::Refused { batch: 1, reason });
    happen(&mut view, &mut latencies, Role::Client(0), 301_000, What::Applied { through: 1 });
    let stats = RoleStats { deltas: 7, delta_bytes: 60, snapshot_bytes: 600, ..RoleStats::default() };
    view.heard(Role::Server, &Said::StatsSoFar(RoleStats { deltas: 1, ..RoleStats::default() }));
    view.heard(Role::Server, &Said::StatsSoFar(stats));
    view.heard(Role::Client(0), &Said::StatsSoFar(stats));
    view.advance(Duration::from_secs(2), &latencies);
    // Just now.
    see(&mut view, Role::Server, "ann", "currency.gold", json!(142), Some(json!(100)));
    see(&mut view, Role::Client(0), "ann", "stats.rating", json!(1501), None);
    view
}

#[test]
fn the_picture_has_all_there_is_to_see() {
    let lines = lines(&moment(), 140, 20);
    let picture = lines.join("\n");
    assert!(lines[0].starts_with("mst-profiles demo  2.0 s  playing"), "{picture}");
    let has = |line: usize, texts: &[&str]| {
        let mut rest = lines[line].as_str();
        for text in texts {
            rest = rest.split_once(text).unwrap_or_else(|| panic!("{text} in line {line}:\n{picture}")).1;
        }
    };
    has(1, &["┌ ann ", "┌ bob "]);
    has(2, &["property", "game server", "own game", "bob's game", "property", "own game", "ann's game"]);
    has(3, &["user.title", "Novice", "Novice", "Novice", "│", "user.title", "Novice", "·", "·"]);
    // What is unconfirmed stands before what is confirmed; the other player may not see it at all.
    has(4, &["currency.gold", "142* ← 100", "100", "·", "│", "100"]);
    // Values of any type.
    has(5, &["items", "2: sword, 1: coi…", "·"]);
    has(6, &["stats.rating", "1500.5", "1501", "1500.5"]);
    has(8, &["changes  made 2   applied 1   durable 1   refused 1", "medians of latency"]);
    has(9, &["deltas   120 bytes in 14"]);
    has(10, &["instead  1200 bytes, were they whole profiles (10.0 times)"]);
    has(11, &["latency  median 400 µs   99th percentile 400 µs"]);
    has(12, &["what happened"]);
    has(13, &["0.000 s server  ann loaded"]);
    has(14, &["0.001 s server  ann stats.kills = 1  applied 0.60  durable 1.00  client0 0.40"]);
    has(15, &["0.300 s client0 ann user.title = Fürst  refused: too grand"]);
    has(16, &["0.301 s client0 ann refused  batch 1: too grand"]);
    has(19, &["q ends", "changed just now", "* unconfirmed", "· not visible"]);
}

#[test]
fn what_changed_and_what_is_unconfirmed_stands_out_for_a_while() {
    let mut view = moment();
    let now = picture(&view, 140, 20);
    assert_eq!(colour(&now, "142* ← 100"), Color::Yellow);
    assert_eq!(colour(&now, "1501"), Color::Green);
    assert_eq!(colour(&now, "Novice"), Color::Reset);
    assert_eq!(colour(&now, "refused 1"), Color::Red);
    // While it is unconfirmed, it is marked, however long that takes.
    view.advance(Duration::from_secs(9), &Latencies::default());
    let later = picture(&view, 140, 20);
    assert_eq!(colour(&later, "142* ← 100"), Color::Yellow);
    assert_eq!(colour(&later, "1501"), Color::Reset);
    // Once it is confirmed, the mark goes, though not before it could be seen.
    see(&mut view, Role::Server, "ann", "currency.gold", json!(143), Some(json!(100)));
    see(&mut view, Role::Server, "ann", "currency.gold", json!(143), None);
    assert_eq!(colour(&picture(&view, 140, 20), "143*"), Color::Yellow);
    view.advance(Duration::from_millis(9301), &Latencies::default());
    assert_eq!(colour(&picture(&view, 140, 20), "143"), Color::Green);
    view.advance(Duration::from_millis(9501), &Latencies::default());
    assert_eq!(colour(&picture(&view, 140, 20), "143"), Color::Reset);
}

#[test]
fn it_fits_an_ordinary_terminal() {
    let lines = lines(&moment(), 80, 24);
    let picture = lines.join("\n");
    assert_eq!(lines[2].matches("property").count(), 1, "{picture}");
    assert!(lines[2].contains("server") && lines[2].contains("ann") && lines[2].contains("bob"), "{picture}");
    // There is room for one value, and the mark is never what is left out.
    assert!(lines[4].contains("142*") && !lines[4].contains('←'), "{picture}");
    assert!(lines[4].trim_end().ends_with('│'), "{picture}");
    assert!(picture.contains("refused 1 ") && picture.contains("q ends"), "{picture}");
}

#[test]
fn what_does_not_fit_can_be_scrolled_to() {
    let names: Vec<String> = (0..50).map(|number| format!("p{number:02}")).collect();
    let mut view = View::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let has = |view: &View, text: &str| lines(view, 80, 24).join("\n").contains(text);
    let scroll = |view: &mut View, rows| view.scroll(rows, rows_shown(24, view));
    assert!(has(&view, "ann: 1 to 12 of 50") && has(&view, "p11") && !has(&view, "p12"));
    scroll(&mut view, -1);
    assert!(has(&view, "ann: 1 to 12 of 50"));
    scroll(&mut view, 20);
    assert!(has(&view, "ann: 21 to 32 of 50") && has(&view, "p20") && !has(&view, "p19"));
    scroll(&mut view, 1000);
    assert!(has(&view, "ann: 39 to 50 of 50") && has(&view, "p49"));
    // A step back from the end is seen at once.
    scroll(&mut view, -1);
    assert!(has(&view, "ann: 38 to 49 of 50"));
    // On a terminal that has grown, nothing is left empty.
    assert!(lines(&view, 80, 40).join("\n").contains("ann: 23 to 50 of 50"));
}

#[test]
fn no_size_makes_it_panic() {
    let view = moment();
    for (width, height) in (0..30).flat_map(|width| (0..30).step_by(3).map(move |height| (width, height))) {
        picture(&view, width, height);
        picture(&View::new(&[]), width * 7, height);
    }
    picture(&view, 400, 120);
}

#[test]
fn values_cannot_write_to_the_terminal() {
    let mut view = View::new(&PROPERTIES);
    see(&mut view, Role::Server, "ann", "user.title", "a\u{1b}[2Jb\nc".into(), None);
    assert!(lines(&view, 140, 20).join("").contains("a [2Jb c"));
}

#[test]
fn batches_count_once_whoever_writes_them() {
    let (mut view, mut latencies) = (View::new(&PROPERTIES), Latencies::default());
    for role in [Role::Server, Role::Client(0)] {
        for batch in [1, 2, 4] {
            happen(&mut view, &mut latencies, role, 0, made("user.title", "x".into(), batch));
        }
    }
    let counters = |made, applied, durable, refused| Counters { made, applied, durable, refused };
    happen(&mut view, &mut latencies, Role::Server, 1, What::Applied { through: 2 });
    assert_eq!(view.progress.counters, counters(6, 2, 0, 0));
    happen(&mut view, &mut latencies, Role::Server, 1, What::Applied { through: 2 });
    happen(&mut view, &mut latencies, Role::Server, 2, What::Durable { through: 2 });
    happen(&mut view, &mut latencies, Role::Server, 3, What::Refused { batch: 4, reason: "no".into() });
    happen(&mut view, &mut latencies, Role::Server, 3, What::Applied { through: 4 });
    happen(&mut view, &mut latencies, Role::Client(0), 4, What::Durable { through: 4 });
    assert_eq!(view.progress.counters, counters(6, 2, 5, 1));
}

#[test]
fn changes_of_all_kinds_are_followed() {
    let (mut view, mut latencies) = (View::new(&PROPERTIES), Latencies::default());
    for step in 0..40 {
        let property = PROPERTIES[step as usize % PROPERTIES.len()];
        happen(&mut view, &mut latencies, Role::Server, step * 50_000, made(property, json!(step), step + 1));
    }
    let picture = lines(&view, 140, 40).join("\n");
    for property in PROPERTIES {
        assert!(picture.contains(&format!("ann {property} = ")), "{property}:\n{picture}");
    }
}

#[test]
fn the_log_and_the_samples_stay_bounded() {
    let (mut view, mut latencies) = (View::new(&PROPERTIES), Latencies::default());
    for step in 0..2000 {
        happen(
            &mut view,
            &mut latencies,
            Role::Server,
            step * 1_000_000,
            made("items", json!(step), step + 1),
        );
        view.advance(Duration::from_millis(step * 300), &latencies);
    }
    assert_eq!((view.log.len(), view.latency_samples.len()), (200, 400));
}

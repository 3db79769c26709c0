//! What the live view shows: a state that the processes' reports and the clock move on. Drawing it changes nothing.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::Value;

use super::progress::{Followed, Progress};
use crate::demo::PLAYERS;
use crate::demo::latency::{Latencies, Percentiles};
use crate::demo::report::{PropertyView, Role, RoleStats, Said, What};

/// Processes whose view of a profile is shown.
pub(super) const OBSERVERS: usize = 3;
/// How long a value that changed stands out.
const CHANGED_FOR: Duration = Duration::from_millis(500);
/// How long a value is marked as unconfirmed at least. On one machine it would be for less than a picture.
const PENDING_FOR: Duration = Duration::from_millis(300);
/// Time between two looks at the latencies.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(250);
/// Looks that the sparkline remembers.
const MAX_SAMPLES: usize = 400;
/// Time between two changes that are followed in the log: all of them could not be read.
const FOLLOW_INTERVAL_MICROS: u64 = 200_000;
/// Entries of the log between two changes of one property that are followed, unless nothing else happens.
const VARIETY: usize = 4;
/// Entries of the log that are kept.
const MAX_LOG: usize = 200;
/// Arrivals remembered until the change is told that arrived: the processes' lines reach the parent in no order.
const MAX_EARLY: usize = 64;

pub(super) struct View {
    /// Since the screen was opened.
    pub(super) now: Duration,
    pub(super) phase: &'static str,
    pub(super) players: Vec<PlayerView>,
    /// The first property shown, when there is no room for all.
    pub(super) first_row: usize,
    pub(super) progress: Progress,
    /// What each process counted.
    stats: BTreeMap<Role, RoleStats>,
    pub(super) latency: Option<Percentiles>,
    /// Medians of the recent past in microseconds, oldest first; `None` where nothing arrived.
    pub(super) latency_samples: VecDeque<Option<u64>>,
    /// Latencies that are in a sample already.
    sampled: usize,
    sampled_at: Duration,
    pub(super) log: VecDeque<LogEntry>,
    /// Microseconds since 1970 UTC of the first thing that happened.
    pub(super) first: Option<u64>,
    followed_at: Option<u64>,
    early: VecDeque<(Role, u64, String, What)>,
}

/// One player's profile.
pub(super) struct PlayerView {
    pub(super) user: &'static str,
    /// Who sees it: the game server, the player's own game, and the other's.
    pub(super) observers: [Role; OBSERVERS],
    pub(super) rows: Vec<Row>,
}

/// One property.
pub(super) struct Row {
    pub(super) property: String,
    pub(super) cells: [Cell; OBSERVERS],
}

/// A property as one observer sees it.
#[derive(Default)]
pub(super) struct Cell {
    /// The value; empty until it is known, and for who may not see it.
    pub(super) shown: String,
    /// The value without unconfirmed changes, as of when there last were any.
    pub(super) confirmed: String,
    changed_at: Option<Duration>,
    pending_at: Option<Duration>,
    is_pending: bool,
}

pub(super) enum LogEntry {
    /// A change, and how far it has come.
    Change(Followed),
    /// Something else.
    Event { at: u64, role: Role, user: String, text: String, is_bad: bool },
}

impl View {
    /// A view of profiles with these properties, in which nothing is known yet.
    pub(super) fn new(properties: &[&str]) -> Self {
        let row = |name: &&str| Row { property: (*name).into(), cells: Default::default() };
        let player = |number: usize| PlayerView {
            user: PLAYERS[number],
            observers: [Role::Server, Role::Client(number), Role::Client(1 - number)],
            rows: properties.iter().map(row).collect(),
        };
        Self {
            now: Duration::ZERO,
            phase: "starting",
            players: (0..PLAYERS.len()).map(player).collect(),
            first_row: 0,
            progress: Progress::default(),
            stats: BTreeMap::new(),
            latency: None,
            latency_samples: VecDeque::new(),
            sampled: 0,
            sampled_at: Duration::ZERO,
            log: VecDeque::new(),
            first: None,
            followed_at: None,
            early: VecDeque::new(),
        }
    }

    /// Takes in what a process said.
    pub(super) fn heard(&mut self, role: Role, said: &Said) {
        match said {
            Said::Happened { at, user, what } => self.happened(role, *at, user, what),
            Said::View { user, properties } => self.saw(role, user, properties),
            Said::StatsSoFar(stats) => drop(self.stats.insert(role, *stats)),
            Said::Listening { .. } | Said::Done | Said::Profile { .. } | Said::Stats(_) => {}
        }
    }

    /// Moves the clock on, and what goes by the clock.
    pub(super) fn advance(&mut self, now: Duration, latencies: &Latencies) {
        self.now = now;
        if now < self.sampled_at + SAMPLE_INTERVAL {
            return;
        }
        self.sampled_at = now;
        self.latency = latencies.percentiles(0);
        push_bounded(
            &mut self.latency_samples,
            latencies.percentiles(self.sampled).map(|recent| recent.p50),
            MAX_SAMPLES,
        );
        self.sampled = latencies.count();
    }

    /// Properties of a profile.
    pub(super) fn rows(&self) -> usize {
        self.players.iter().map(|player| player.rows.len()).max().unwrap_or_default()
    }

    /// Scrolls the properties, of which there is room for `shown`, but not beyond the last.
    pub(super) fn scroll(&mut self, rows: isize, shown: u16) {
        let last = self.rows().saturating_sub(shown.into());
        self.first_row = self.first_row.saturating_add_signed(rows).min(last);
    }

    /// What all processes counted.
    pub(super) fn total(&self) -> RoleStats {
        let mut total = RoleStats::default();
        self.stats.values().for_each(|stats| total.add(stats));
        total
    }

    fn happened(&mut self, role: Role, at: u64, user: &str, what: &What) {
        self.first.get_or_insert(at);
        self.progress.happened(role, user, what);
        for entry in &mut self.log {
            if let LogEntry::Change(change) = entry {
                change.happened(role, at, user, what);
            }
        }
        match what {
            What::Made { .. } => self.follow(role, at, user, what),
            What::Seen { .. } => {
                push_bounded(&mut self.early, (role, at, user.into(), what.clone()), MAX_EARLY)
            }
            What::Applied { .. } | What::Durable { .. } => {}
            What::Loaded | What::Refused { .. } | What::Disconnected { .. } => {
                let (user, text, is_bad) = (user.into(), what.to_string(), !matches!(what, What::Loaded));
                push_bounded(&mut self.log, LogEntry::Event { at, role, user, text, is_bad }, MAX_LOG);
            }
        }
    }

    /// Follows a change from now on, if the last one is old enough.
    fn follow(&mut self, role: Role, at: u64, user: &str, what: &What) {
        if self.followed_at.is_some_and(|last| at.saturating_sub(last) < FOLLOW_INTERVAL_MICROS) {
            return;
        }
        let Some(mut change) = Followed::new(role, at, user, what) else { return };
        // The match keeps time: at equal intervals it would be the same property again and again.
        let mut recent = self.log.iter().rev().take(VARIETY);
        if recent.any(|entry| matches!(entry, LogEntry::Change(old) if old.is_like(&change))) {
            return;
        }
        self.followed_at = Some(at);
        for (role, at, user, what) in &self.early {
            // An equal value of the time before is not this change.
            if *at >= change.at {
                change.happened(*role, *at, user, what);
            }
        }
        push_bounded(&mut self.log, LogEntry::Change(change), MAX_LOG);
    }

    fn saw(&mut self, role: Role, user: &str, properties: &[PropertyView]) {
        let now = self.now;
        let Some(player) = self.players.iter_mut().find(|player| player.user == user) else { return };
        let Some(column) = player.observers.iter().position(|observer| *observer == role) else { return };
        for property in properties {
            let Some(row) = player.rows.iter_mut().find(|row| row.property == property.name) else {
                continue;
            };
            row.cells[column].saw(property, now);
        }
    }
}

impl Cell {
    fn saw(&mut self, property: &PropertyView, now: Duration) {
        let shown = text_of(&property.shown);
        if shown != self.shown {
            // The first value is no change.
            if !self.shown.is_empty() {
                self.changed_at = Some(now);
            }
            self.shown = shown;
        }
        self.is_pending = property.is_pending;
        if property.is_pending {
            self.pending_at = Some(now);
            self.confirmed = text_of(&property.confirmed);
        }
    }

    /// Whether the value changed just now.
    pub(super) fn is_new(&self, now: Duration) -> bool {
        self.changed_at.is_some_and(|at| now < at + CHANGED_FOR)
    }

    /// Whether its observer has changed the value without a confirmation, now or a moment ago.
    pub(super) fn is_pending(&self, now: Duration) -> bool {
        self.is_pending || self.pending_at.is_some_and(|at| now < at + PENDING_FOR)
    }
}

/// A value of whatever type, in one line.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        // Quotes would only take room; but nothing must look like nothing known.
        Value::String(text) if !text.is_empty() => text.replace(char::is_control, " "),
        // Of a list or dictionary how much there is, and as much of it as there is room for.
        Value::Array(items) => format!("{}: {}", items.len(), joined(items.iter().map(text_of))),
        Value::Object(members) if is_vector(members) => joined(members.values().map(text_of)),
        Value::Object(entries) => {
            let entries_text = entries.iter().map(|(key, value)| format!("{key} {}", text_of(value)));
            format!(
                "{}: {}",
                entries.len(),
                joined(entries_text.map(|text| text.replace(char::is_control, " ")))
            )
        }
        other => other.to_string(),
    }
}

fn is_vector(members: &serde_json::Map<String, Value>) -> bool {
    members.len() >= 2 && members.keys().all(|name| ["x", "y", "z", "w"].contains(&name.as_str()))
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, limit: usize) {
    if queue.len() >= limit {
        queue.pop_front();
    }
    queue.push_back(item);
}

//! The demo's processes: the master, the game server, and the players' games.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use crossbeam_channel::{Receiver, TryRecvError, unbounded};
use mst_profiles::store::SqliteStore;
use mst_profiles::{
    Cause, Client, ConnectOptions, Endpoint, Event, GameServer, Master, MasterOptions, Profile, ProfileId,
    Schema, Trust, Value,
};

use super::report::{Role, RoleStats, Said, What};
use super::{PLAYERS, SCHEMA};
use crate::{Failure, hex};

#[derive(Args)]
pub(crate) struct RoleOptions {
    #[arg(long)]
    role: Role,
    #[arg(long)]
    database: Option<PathBuf>,
    #[arg(long, default_value = "")]
    address: String,
    #[arg(long, default_value = "")]
    fingerprint: String,
    /// Changes to make.
    #[arg(long, default_value_t = 0)]
    changes: u32,
}

/// Time between two changes of a process.
const PACE: Duration = Duration::from_millis(8);

pub(crate) fn run_role(options: &RoleOptions) -> Result<(), Failure> {
    let schema = Schema::from_json(SCHEMA)?;
    let orders = orders();
    if options.role == Role::Master {
        return run_master(schema, options, &orders);
    }
    let connect = |token: String| -> Result<ConnectOptions, Failure> {
        let trust = Trust::from_hex(&options.fingerprint)?;
        let mut connect = ConnectOptions::new(&options.address, token, Arc::clone(&schema), trust);
        connect.flush_interval = Some(Duration::ZERO);
        Ok(connect)
    };
    let (endpoint, users): (Endpoint, Vec<&str>) = match options.role {
        Role::Client(number) => {
            let own = PLAYERS[number];
            let client = Client::connect(connect(format!("dev:{own}"))?)?;
            // Its own profile, and the public part of the other player's.
            (client.into(), vec![own, PLAYERS[1 - number]])
        }
        _ => (GameServer::connect(connect("dev-server:arena".into())?)?.into(), PLAYERS.to_vec()),
    };
    Player::new(options.role, endpoint, &users)?.run(options.changes, &orders)
}

/// The parent's lines; its end is the end of the demo.
fn orders() -> Receiver<()> {
    let (order, orders) = unbounded();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if line.is_err() || order.send(()).is_err() {
                return;
            }
        }
    });
    orders
}

fn say(said: &Said) -> Result<(), Failure> {
    let mut line = serde_json::to_string(said)?;
    line.push('\n');
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()?;
    Ok(())
}

fn run_master(schema: Arc<Schema>, options: &RoleOptions, orders: &Receiver<()>) -> Result<(), Failure> {
    let database = options.database.clone().ok_or("the master's role needs a database")?;
    let mut settings = MasterOptions::new(schema);
    settings.development = true;
    settings.update_interval = Duration::ZERO;
    let master = Master::start(settings, Box::new(SqliteStore::open(&database)?))?;
    let (address, fingerprint) = (master.local_addr().to_string(), hex(&master.fingerprint()));
    say(&Said::Listening { address, fingerprint })?;
    while orders.recv().is_ok() {
        for user in PLAYERS {
            let json = master.profile_json(user)?.unwrap_or_default();
            say(&Said::Profile { user: user.into(), json })?;
        }
    }
    let stats = master.stats()?;
    master.stop()?;
    say(&Said::Stats(RoleStats {
        deltas: stats.deltas,
        delta_bytes: stats.delta_bytes,
        batches_applied: stats.batches_applied,
        batches_refused: stats.batches_refused,
        journal_rows: stats.journal_rows,
        journal_groups: stats.journal_groups,
        ..RoleStats::default()
    }))
}

/// A game server or a player's game.
struct Player {
    role: Role,
    endpoint: Endpoint,
    users: HashMap<ProfileId, &'static str>,
    /// The profiles it writes to.
    own: Vec<ProfileId>,
    loaded: usize,
    stats: RoleStats,
    /// Turns until the next change of each kind.
    turn: u32,
}

impl Player {
    fn new(role: Role, mut endpoint: Endpoint, users: &[&'static str]) -> Result<Self, Failure> {
        let mut by_id = HashMap::new();
        let mut own = Vec::new();
        for (place, user) in users.iter().enumerate() {
            let id = endpoint.fill(user)?;
            by_id.insert(id, *user);
            if role == Role::Server || place == 0 {
                own.push(id);
            }
        }
        Ok(Self { role, endpoint, users: by_id, own, loaded: 0, stats: RoleStats::default(), turn: 0 })
    }

    fn run(mut self, changes: u32, orders: &Receiver<()>) -> Result<(), Failure> {
        while self.loaded < self.users.len() {
            self.listen(Duration::from_secs(1))?;
        }
        let mut next = Instant::now();
        for _ in 0..changes {
            self.make_change()?;
            next += PACE;
            while Instant::now() < next {
                self.listen(next.saturating_duration_since(Instant::now()))?;
            }
        }
        while self.own.iter().any(|id| self.endpoint.pending(*id).is_ok_and(|p| p.undurable > 0)) {
            self.listen(Duration::from_millis(50))?;
        }
        say(&Said::Done)?;
        loop {
            match orders.try_recv() {
                Ok(()) => self.report()?,
                Err(TryRecvError::Empty) => self.listen(Duration::from_millis(10))?,
                Err(TryRecvError::Disconnected) => break,
            }
        }
        let (stats, link) = (self.endpoint.stats(), self.endpoint.link_stats());
        self.stats.batch_bytes = stats.batch_bytes;
        self.stats.udp_bytes = link.udp_sent_bytes + link.udp_received_bytes;
        self.endpoint.close(Duration::from_secs(5))?;
        say(&Said::Stats(self.stats))
    }

    fn report(&mut self) -> Result<(), Failure> {
        for id in &self.own {
            let json = self.endpoint.profile(*id)?.to_json();
            say(&Said::Profile { user: self.users[id].into(), json })?;
        }
        Ok(())
    }

    /// One change, as a game would make it, sent at once.
    fn make_change(&mut self) -> Result<(), Failure> {
        let id = self.own[self.turn as usize % self.own.len()];
        // Players of the server take turns, and each gets every kind of change.
        let turn = self.turn / self.own.len() as u32;
        self.turn += 1;
        let (name, change) = match self.role {
            Role::Server => server_change(turn),
            _ => client_change(turn),
        };
        // Before it is on its way: another process may see it before this one goes on.
        let at = now();
        let made = self.endpoint.change(id, |profile| {
            let property = profile.schema().index_of(name)?;
            let changed = change(profile, property)?;
            Ok(changed.then(|| value_of(profile.get(property))))
        })?;
        let batch = self.endpoint.flush_profile(id)?;
        // Setting an equal value is no change.
        if let Some(value) = made {
            self.stats.changes += 1;
            self.tell_at(at, id, What::Made { property: name.into(), value, batch })?;
        }
        Ok(())
    }

    /// Waits for something to happen, and tells it.
    fn listen(&mut self, patience: Duration) -> Result<(), Failure> {
        let deltas = self.endpoint.stats().deltas;
        self.endpoint.wait(patience);
        let new_deltas = self.endpoint.stats().deltas - deltas;
        if new_deltas > 0 {
            let whole: usize = self
                .users
                .keys()
                .filter_map(|id| Some(self.endpoint.profile(*id).ok()?.snapshot().len()))
                .sum();
            self.stats.snapshot_bytes += new_deltas * (whole / self.users.len()) as u64;
        }
        while let Some(event) = self.endpoint.next_event() {
            match event {
                Event::ProfileLoaded { profile } => {
                    self.loaded += 1;
                    self.tell(profile, What::Loaded)?;
                }
                Event::Changed { profile, change } if change.cause == Cause::Remote => {
                    let property = self.endpoint.schema().property(change.property).name().to_string();
                    self.tell(
                        profile,
                        What::Seen {
                            property,
                            value: change.new_value().map_or(serde_json::Value::Null, value_of),
                        },
                    )?;
                }
                Event::Applied { profile, through } => self.tell(profile, What::Applied { through })?,
                Event::Durable { profile, through } => self.tell(profile, What::Durable { through })?,
                Event::Refused { profile, batch, error, .. } => {
                    self.tell(profile, What::Refused { batch, reason: error.to_string() })?;
                }
                Event::Disconnected { error, .. } => {
                    self.tell(self.own[0], What::Disconnected { reason: error.to_string() })?;
                }
                Event::OpenFailed { error, .. } | Event::Failed { error } => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    fn tell(&self, id: ProfileId, what: What) -> Result<(), Failure> {
        self.tell_at(now(), id, what)
    }

    fn tell_at(&self, at: u64, id: ProfileId, what: What) -> Result<(), Failure> {
        let user = self.users.get(&id).copied().unwrap_or_default().to_string();
        say(&Said::Happened { at, user, what })
    }
}

/// Microseconds since 1970 UTC, by the clock that all processes of this machine share.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
}

type Change = Box<dyn FnOnce(&mut Profile, mst_profiles::PropertyIndex) -> mst_profiles::Result<bool>>;

fn server_change(turn: u32) -> (&'static str, Change) {
    let amount = i64::from(1 + turn * 37 % 60);
    match turn % 6 {
        0 | 3 => ("progression.xp", Box::new(move |p, i| p.add_int(i, amount))),
        1 => ("currency.gold", Box::new(move |p, i| p.add_int(i, amount - 20))),
        2 => ("stats.kills", Box::new(|p, i| p.add_int(i, 1))),
        4 => ("stats.rating", Box::new(move |p, i| p.add_float(i, amount as f64 / 8.0 - 3.0))),
        _ if turn % 24 == 5 => ("account.premium", Box::new(move |p, i| p.set(i, turn % 48 == 5))),
        _ => ("progression.level", Box::new(move |p, i| p.set(i, 2 + (turn / 6) as i32))),
    }
}

fn client_change(turn: u32) -> (&'static str, Change) {
    const TITLES: [&str; 4] = ["Knight", "Lord of the Marsh", "Wanderer", "Fürst"];
    match turn % 6 {
        0 | 3 => ("stats.steps", Box::new(move |p, i| p.add_int(i, i64::from(1 + turn % 9)))),
        1 | 4 => ("stats.taunts", Box::new(|p, i| p.add_int(i, 1))),
        2 => ("user.title", Box::new(move |p, i| p.set(i, TITLES[turn as usize / 6 % TITLES.len()]))),
        _ if turn % 12 == 5 => {
            ("settings.volume", Box::new(move |p, i| p.set(i, f64::from(turn % 100) / 100.0)))
        }
        _ => ("settings.tutorialDone", Box::new(move |p, i| p.set(i, turn % 24 == 11))),
    }
}

fn value_of(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(v) => (*v).into(),
        Value::I32(v) => (*v).into(),
        Value::I64(v) => (*v).into(),
        Value::F64(v) => (*v).into(),
        Value::String(v) => (**v).into(),
        other => format!("{other:?}").into(),
    }
}

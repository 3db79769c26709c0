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
    Cause, Client, ConnectOptions, Endpoint, ErrorCode, Event, GameServer, Master, MasterOptions, ProfileId,
    Schema, Trust, Visibility,
};

use super::report::{Role, RoleStats, Said, What};
use super::script::{client_change, seen, server_change};
use super::watch::{Watch, look_at};
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
    /// Time between two changes.
    #[arg(long, default_value_t = 8000)]
    pace_micros: u64,
    /// Time between two rounds of the master's deltas, in milliseconds.
    #[arg(long, default_value_t = 0)]
    update_interval: u64,
    /// Tell the profiles and the figures as they change.
    #[arg(long)]
    watched: bool,
}

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
    let mut player = Player::new(options.role, endpoint, &users)?;
    player.watch = options.watched.then(Watch::default);
    player.run(options.changes, Duration::from_micros(options.pace_micros), &orders)
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

pub(super) fn say(said: &Said) -> Result<(), Failure> {
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
    settings.update_interval = Duration::from_millis(options.update_interval);
    let master = Master::start(settings, Box::new(SqliteStore::open(&database)?))?;
    let (Some(address), Some(fingerprint)) = (master.local_addr(), master.fingerprint()) else {
        return Err("the master listens nowhere".into());
    };
    let (address, fingerprint) = (address.to_string(), hex(&fingerprint));
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
    /// When somebody watches.
    watch: Option<Watch>,
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
        Ok(Self {
            role,
            endpoint,
            users: by_id,
            own,
            loaded: 0,
            stats: RoleStats::default(),
            turn: 0,
            watch: None,
        })
    }

    fn run(mut self, changes: u32, pace: Duration, orders: &Receiver<()>) -> Result<(), Failure> {
        while self.loaded < self.users.len() {
            self.listen(Duration::from_secs(1))?;
        }
        let mut next = Instant::now();
        for _ in 0..changes {
            self.make_change()?;
            next += pace;
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
        self.count_bytes();
        self.endpoint.close(Duration::from_secs(5))?;
        say(&Said::Stats(self.stats))
    }

    fn count_bytes(&mut self) {
        let (stats, link) = (self.endpoint.stats(), self.endpoint.link_stats());
        self.stats.batch_bytes = stats.batch_bytes;
        self.stats.udp_bytes = link.udp_sent_bytes + link.udp_received_bytes;
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
        let change = match self.role {
            Role::Server => server_change(turn),
            _ => client_change(turn),
        };
        // Before it is on its way: another process may see it before this one goes on.
        let at = now();
        let made = match self.endpoint.change(id, change) {
            Ok(made) => made,
            // Too poor to buy.
            Err(error) if error.code() == ErrorCode::GuardFailed => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let batch = self.endpoint.flush_profile(id)?;
        // Setting an equal value is no change.
        for (property, value) in made {
            self.stats.changes += 1;
            self.tell_at(at, id, What::Made { property, value, batch })?;
        }
        if let Some(watch) = &mut self.watch {
            watch.touched(id);
        }
        // Before it is confirmed.
        self.show()
    }

    /// Shows those who watch what is new, when it is time to.
    fn show(&mut self) -> Result<(), Failure> {
        if !self.watch.as_ref().is_some_and(Watch::is_due) {
            return Ok(());
        }
        self.count_bytes();
        // The master has these figures in the end; those on the way are of what was received.
        let received = self.endpoint.stats();
        let so_far = RoleStats { deltas: received.deltas, delta_bytes: received.delta_bytes, ..self.stats };
        if let Some(watch) = &mut self.watch {
            for id in watch.take() {
                let visible: &[Visibility] = match self.role {
                    Role::Client(_) if self.own.contains(&id) => &[Visibility::Public, Visibility::Owner],
                    Role::Client(_) => &[Visibility::Public],
                    _ => &[Visibility::Public, Visibility::Owner, Visibility::Servers],
                };
                let properties = look_at(self.endpoint.profile(id)?, visible);
                say(&Said::View { user: self.users[&id].into(), properties })?;
            }
        }
        say(&Said::StatsSoFar(so_far))
    }

    /// Waits for something to happen, and tells it.
    fn listen(&mut self, patience: Duration) -> Result<(), Failure> {
        let deltas = self.endpoint.stats().deltas;
        let patience = self.watch.as_ref().map_or(patience, |watch| watch.patience(patience));
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
            if let Some(watch) = &mut self.watch {
                watch.saw(&event);
            }
            match event {
                Event::ProfileLoaded { profile } => {
                    self.loaded += 1;
                    self.tell(profile, What::Loaded)?;
                }
                Event::Changed { profile, change } if change.cause == Cause::Remote => {
                    let (property, value) = seen(self.endpoint.schema(), &change);
                    self.tell(profile, What::Seen { property, value })?;
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
        self.show()
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

//! An endpoint that a command uses: at a running master, or at one of this process that runs as long as the command does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mst_profiles::{
    Endpoint, Error, ErrorCode, Event, GameServer, InProcessOptions, Master, MasterOptions, ProfileId, Query,
    Schema,
};

use super::place::{Database, Place, Where};
use crate::Failure;

/// Time that a master may take for what is asked of it.
const PATIENCE: Duration = Duration::from_secs(30);
/// As whom this process tells itself that it writes.
const NAME: &str = "mst-profiles";

pub(super) struct Session {
    pub(super) endpoint: Endpoint,
    /// Ends after the endpoint.
    master: Option<Master>,
}

impl Session {
    /// Joins the master of a place, or begins one there, and waits until it answers.
    pub(super) fn open(place: &Place, schema: &Arc<Schema>) -> Result<Self, Failure> {
        let mut session = match place.find(schema)? {
            Where::Master(options) => Self { endpoint: GameServer::connect(*options)?.into(), master: None },
            Where::Database(database) => Self::on_database(&database, schema)?,
        };
        session.connected(Instant::now() + PATIENCE)?;
        Ok(session)
    }

    fn on_database(database: &Database<'_>, schema: &Arc<Schema>) -> Result<Self, Failure> {
        database.must_exist()?;
        let mut options = MasterOptions::new(Arc::clone(schema));
        options.listen = None;
        let master = Master::start(options, database.open_to_own()?)?;
        let endpoint = master.connect_own(NAME, InProcessOptions::default())?;
        Ok(Self { endpoint, master: Some(master) })
    }

    fn connected(&mut self, until: Instant) -> Result<(), Failure> {
        let mut why = None;
        while !self.endpoint.is_connected() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let why = why.map(|error: Error| format!(": {error}")).unwrap_or_default();
                return Err(format!("no master answers within {} seconds{why}", PATIENCE.as_secs()).into());
            }
            self.endpoint.wait(left);
            while let Some(event) = self.endpoint.next_event() {
                match event {
                    Event::Failed { error } => return Err(error.into()),
                    Event::Disconnected { error, .. } => why = Some(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The next event, if one comes in time.
    pub(super) fn event(&mut self, until: Instant) -> Option<Event> {
        loop {
            if let Some(event) = self.endpoint.next_event() {
                return Some(event);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.endpoint.wait(left);
        }
    }

    /// Events until one is what the caller waits for.
    ///
    /// # Errors
    /// What the caller makes one of them; that the master turned this process away; that nothing came in time.
    pub(super) fn until<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(&mut Endpoint, Event) -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let until = Instant::now() + PATIENCE;
        let mut why = String::new();
        while let Some(event) = self.event(until) {
            match &event {
                Event::Failed { error } => return Err(error.clone().into()),
                Event::Disconnected { error, .. } => why = format!(": {error}"),
                _ => {}
            }
            if let Some(found) = pick(&mut self.endpoint, event)? {
                return Ok(found);
            }
        }
        Err(format!("{what} takes more than {} seconds{why}", PATIENCE.as_secs()).into())
    }

    /// Asks the master something.
    pub(super) fn ask(&mut self, query: &Query) -> Result<String, Failure> {
        let answers = self.ask_all(std::slice::from_ref(query))?;
        let answer = answers.into_iter().next().unwrap_or_else(|| Ok(String::new()));
        Ok(answer?)
    }

    /// Asks several things at once, no more than a peer may, and gives the answers in their order.
    pub(super) fn ask_all(&mut self, queries: &[Query]) -> Result<Vec<Result<String, Error>>, Failure> {
        let mut answers: Vec<Option<Result<String, Error>>> = queries.iter().map(|_| None).collect();
        let until = Instant::now() + PATIENCE;
        // What a connection did not bring an answer to, the next one is asked.
        while answers.iter().any(Option::is_none) {
            self.connected(until)?;
            let mut open = Vec::new();
            for place in (0..queries.len()).filter(|place| answers[*place].is_none()) {
                match self.endpoint.ask(queries[place].clone()) {
                    Ok(request) => open.push((request, place)),
                    Err(error) if is_passing(&error) => break,
                    Err(error) => return Err(error.into()),
                }
            }
            while !open.is_empty() {
                let (request, result) = self.until("the master's answer", |_, event| {
                    Ok(match event {
                        Event::Answer { request, result } => Some((request, result)),
                        _ => None,
                    })
                })?;
                let Some(at) = open.iter().position(|(number, _)| *number == request) else { continue };
                let (_, place) = open.swap_remove(at);
                if !result.as_ref().is_err_and(is_passing) || until <= Instant::now() {
                    answers[place] = Some(result);
                }
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// Whether there is a profile of a user; makes none.
    pub(super) fn exists(&mut self, user: &str) -> Result<bool, Failure> {
        match self.ask_all(&[Query::Get { user: user.into() }])?.pop() {
            Some(Err(error)) if error.code() == ErrorCode::NoSuchProfile => Ok(false),
            Some(Err(error)) => Err(error.into()),
            _ => Ok(true),
        }
    }

    /// Opens a profile and waits until its values are there. That makes one if there is none.
    pub(super) fn fill(&mut self, user: &str) -> Result<ProfileId, Failure> {
        let id = self.endpoint.fill(user)?;
        self.until("loading the profile", |_, event| match event {
            Event::ProfileLoaded { profile } if profile == id => Ok(Some(id)),
            Event::OpenFailed { profile, error } if profile == id => Err(error.into()),
            _ => Ok(None),
        })
    }

    /// Ends when all that was changed is durable.
    pub(super) fn close(mut self) -> Result<(), Failure> {
        self.endpoint.close(PATIENCE)?;
        if let Some(master) = self.master.take() {
            master.stop()?;
        }
        Ok(())
    }
}

/// Whether the same may be answered on the next connection.
fn is_passing(error: &Error) -> bool {
    matches!(error.code(), ErrorCode::ConnectionLost | ErrorCode::Unreachable | ErrorCode::Timeout)
}

/// That there is no profile.
pub(super) fn no_profile(user: &str) -> Failure {
    format!("there is no profile of `{user}`").into()
}

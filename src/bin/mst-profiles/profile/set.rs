//! `mst-profiles profile set`.

use std::io::Write;

use clap::Args;
use mst_profiles::{Addition, Event, Profile, PropertyIndex, ScalarType, Schema};
use serde_json::{Map, Value as Json};

use super::names;
use super::place::Place;
use super::session::{Session, no_profile};
use crate::Failure;

#[derive(Args)]
pub(super) struct Options {
    /// Whose profile.
    user: String,
    /// A property and the JSON that it is to be. A text needs no quotes.
    #[arg(value_name = "PROPERTY=JSON", required_unless_present = "add")]
    set: Vec<String>,
    /// Adds to a number; also less than nothing.
    #[arg(long, value_name = "PROPERTY=NUMBER")]
    add: Vec<String>,
    /// An idempotency key, such as a payment's id: what was done under it is not done again.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Make a profile with the schema's defaults if there is none.
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let schema = options.place.schema()?;
    // All of it is understood before anything is done.
    let changes = Changes::parse(&schema, options)?;
    let mut session = Session::open(&options.place, &schema)?;
    let user = &options.user;
    if !options.create && !session.exists(user)? {
        session.close()?;
        return Err(format!("{}; --create makes one", no_profile(user)).into());
    }
    let id = session.fill(user)?;
    session.endpoint.change(id, |profile| match &options.key {
        Some(key) => profile.batch_once(key, |profile| changes.make(profile)),
        None => profile.batch(|profile| changes.make(profile)),
    })?;
    let number = session.endpoint.flush_profile(id)?;
    let mut is_repeated = false;
    if number > 0 {
        session.until("making it durable", |_, event| match event {
            Event::Refused { profile, batch, error, .. } if profile == id && batch == number => {
                Err(format!("refused: {error}").into())
            }
            Event::OpenFailed { profile, error } if profile == id => Err(error.into()),
            Event::Repeated { profile, batch } if profile == id && batch == number => {
                is_repeated = true;
                Ok(None)
            }
            Event::Durable { profile, through } if profile == id && through >= number => Ok(Some(())),
            _ => Ok(None),
        })?;
    }
    let version = session.endpoint.version(id)?;
    session.close()?;
    let note = if is_repeated { " (done before under this key)" } else { "" };
    Ok(writeln!(std::io::stdout(), "version {version}{note}")?)
}

/// What is to be done to the profile.
struct Changes {
    /// What it is to be, as a JSON object.
    set: String,
    add: Vec<(PropertyIndex, Addition)>,
}

impl Changes {
    fn parse(schema: &Schema, options: &Options) -> Result<Self, Failure> {
        let mut set = Map::new();
        for text in &options.set {
            let (property, text) = names::assignment(schema, text)?;
            let name = schema.property(property).name();
            if set.insert(name.into(), value(schema, property, text)?).is_some() {
                return Err(format!("`{name}` is set twice").into());
            }
        }
        let add = options.add.iter().map(|text| addition(schema, text)).collect::<Result<_, _>>()?;
        Ok(Self { set: Json::Object(set).to_string(), add })
    }

    fn make(&self, profile: &mut Profile) -> mst_profiles::Result<()> {
        profile.apply_json(&self.set)?;
        self.add.iter().try_for_each(|(property, amount)| profile.add(*property, *amount).map(drop))
    }
}

fn value(schema: &Schema, property: PropertyIndex, text: &str) -> Result<Json, Failure> {
    let info = schema.property(property);
    let json = serde_json::from_str::<Json>(text);
    let is_text = info.value_type().scalar().is_some_and(|scalar| {
        use ScalarType::{Bytes, Color, DateTime, String, Uuid};
        matches!(scalar, String | Bytes | Color | DateTime | Uuid)
    });
    match json {
        Ok(json) if !is_text || json.is_string() => Ok(json),
        _ if is_text => Ok(Json::from(text)),
        Ok(json) => Ok(json),
        Err(error) => {
            let (name, value_type) = (info.name(), info.value_type());
            Err(format!("`{name}`, which is {value_type}: `{text}` is no JSON: {error}").into())
        }
    }
}

fn addition(schema: &Schema, text: &str) -> Result<(PropertyIndex, Addition), Failure> {
    let (property, text) = names::assignment(schema, text)?;
    let info = schema.property(property);
    let scalar = info.value_type().scalar().filter(|scalar| scalar.is_number());
    let Some(scalar) = scalar else {
        return Err(
            format!("`{}` is {}, to which nothing can be added", info.name(), info.value_type()).into()
        );
    };
    let wrong = || format!("`{}`: `{text}` is no number that {scalar} can have added", info.name());
    let amount = match scalar.is_integer() {
        true => Addition::int(text.parse().map_err(|_| wrong())?),
        false => Addition::float(text.parse().map_err(|_| wrong())?),
    };
    Ok((property, amount))
}

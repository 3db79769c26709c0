//! `mst-profiles profile delete`.

use std::io::Write;

use clap::Args;
use mst_profiles::Query;

use super::place::Place;
use super::session::{Session, no_profile};
use crate::Failure;

#[derive(Args)]
pub(super) struct Options {
    /// Whose profile.
    user: String,
    /// That it is meant: nothing brings the profile back.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let user = &options.user;
    if !options.yes {
        return Err(
            format!("deleting the profile of `{user}` is for good; say --yes if that is meant").into()
        );
    }
    let schema = options.place.schema()?;
    let mut session = Session::open(&options.place, &schema)?;
    let existed = session.ask(&Query::Delete { user: user.clone() })?;
    session.close()?;
    if existed != "true" {
        return Err(no_profile(user));
    }
    Ok(writeln!(std::io::stdout(), "deleted")?)
}

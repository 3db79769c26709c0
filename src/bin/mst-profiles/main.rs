//! The program `mst-profiles`.

mod database;
mod demo;
mod profile;
mod schema;
mod serve;
mod store;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Real-time player profiles for games.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a master until SIGTERM or SIGINT.
    Serve(Box<serve::Options>),
    /// Play a short match between a game server and two clients over a master on this machine, and check the outcome.
    Demo(demo::Options),
    /// Check schema files, and what editors need to help with them.
    Schema(schema::Options),
    /// Look at profiles, change them, and move them between databases.
    Profile(profile::Options),
    /// Back a SQLite database up, verify it, and put a backup in its place.
    Store(store::Options),
    /// One process of the demo.
    #[command(hide = true)]
    DemoRole(demo::RoleOptions),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(options) => serve::run(*options).map(|()| ExitCode::SUCCESS),
        Command::Demo(options) => demo::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Schema(options) => schema::run(&options),
        Command::Profile(options) => profile::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Store(options) => store::run(&options).map(|()| ExitCode::SUCCESS),
        Command::DemoRole(options) => demo::run_role(&options).map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mst-profiles: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A failure of the program, in words.
type Failure = Box<dyn std::error::Error>;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

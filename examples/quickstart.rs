//! A player's game and a game server, both in this program, share the profile of the player `ann`.
//!
//! `cargo run --release --example quickstart -- 127.0.0.1:7777 FINGERPRINT`

use std::error::Error;
use std::time::{Duration, Instant};

use mst_profiles::{Cause, Client, ConnectOptions, Endpoint, Event, GameServer, Schema, Trust, Value};

const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(fingerprint)) = (arguments.next(), arguments.next()) else {
        return Err("usage: quickstart ADDRESS FINGERPRINT".into());
    };
    let schema = Schema::from_json(include_str!("match.profile.schema.json"))?;
    let trust = Trust::from_hex(&fingerprint)?;
    let options = |token| ConnectOptions::new(&address, token, schema.clone(), trust.clone());
    let mut server = GameServer::connect(options("dev-server:arena"))?;
    let mut client = Client::connect(options("dev:ann"))?;

    // Until a profile is loaded, its values are placeholders that can't be set.
    let at_server = server.fill("ann")?;
    let at_client = client.fill("ann")?;
    wait_for(&mut server, |event| matches!(event, Event::ProfileLoaded { .. }))?;
    wait_for(&mut client, |event| matches!(event, Event::ProfileLoaded { .. }))?;
    let gold = schema.index_of("currency.gold")?;
    let title = schema.index_of("user.title")?;
    let amount = client.profile(at_client)?.get(gold).as_int().unwrap_or_default();
    println!("loaded, with {amount} gold");

    // The server changes the gold. It shows there at once; the client is told by an event.
    server.change(at_server, |profile| profile.add_int(gold, 25))?;
    let batch = server.flush_profile(at_server)?;
    wait_for(&mut client, |event| match event {
        Event::Changed { change, .. } => change.property == gold && change.cause == Cause::Remote,
        _ => false,
    })?;
    let amount = client.profile(at_client)?.get(gold).as_int().unwrap_or_default();
    println!("the client sees {amount} gold");
    wait_for(&mut server, |event| matches!(event, Event::Durable { through, .. } if *through >= batch))?;
    println!("batch {batch} is durable");

    // The title is the player's own to write.
    client.change(at_client, |profile| profile.set(title, format!("Owner of {amount} gold")))?;
    client.flush_profile(at_client)?;
    wait_for(&mut server, |event| match event {
        Event::Changed { change, .. } => change.property == title && change.cause == Cause::Remote,
        _ => false,
    })?;
    if let Value::String(text) = server.profile(at_server)?.get(title) {
        println!("the server sees the title `{text}`");
    }

    // Waits until everything is durable.
    client.close(PATIENCE)?;
    server.close(PATIENCE)?;
    println!("closed");
    Ok(())
}

/// Polls events until a wanted one comes. A game with frames calls `tick` and polls once a frame instead.
fn wait_for(endpoint: &mut Endpoint, wanted: impl Fn(&Event) -> bool) -> Result<(), Box<dyn Error>> {
    let until = Instant::now() + PATIENCE;
    loop {
        while let Some(event) = endpoint.next_event() {
            match event {
                Event::Failed { error } | Event::OpenFailed { error, .. } | Event::Refused { error, .. } => {
                    return Err(error.into());
                }
                event if wanted(&event) => return Ok(()),
                _ => {}
            }
        }
        if !endpoint.wait(until.saturating_duration_since(Instant::now())) {
            return Err("nothing came in time".into());
        }
    }
}

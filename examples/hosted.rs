//! A game that hosts its own master: the player's game, a game server and code of the master's own, without a socket.
//!
//! `cargo run --example hosted`

use std::error::Error;
use std::time::Duration;

use mst_profiles::store::MemoryStore;
use mst_profiles::{
    Endpoint, Event, InProcessOptions, Master, MasterOptions, Merge, Property, Schema, Writers,
};

const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    let schema = Schema::builder()
        .property(Property::new("gold", 100_i64).merge(Merge::Sum))
        .property(Property::new("season", "").writers(Writers::Master))
        .build()?;
    let (gold, season) = (schema.index_of("gold")?, schema.index_of("season")?);
    let mut options = MasterOptions::new(schema);
    options.listen = None;
    // `SqliteStore::open(path)` keeps the profiles.
    let master = Master::start(options, Box::new(MemoryStore::new()))?;

    // Each is an endpoint like those of the network, with its own ticks. No tokens: the host says who they are.
    let mut client = master.connect_client("ann", InProcessOptions::default())?;
    let mut server = master.connect_server("arena", InProcessOptions::default())?;
    let mut own = master.connect_own("seasons", InProcessOptions::default())?;
    let at_client = client.fill("ann")?;
    let at_server = server.fill("ann")?;
    let at_own = own.fill("ann")?;
    wait_for(&mut client, |event| matches!(event, Event::ProfileLoaded { .. }))?;
    wait_for(&mut server, |event| matches!(event, Event::ProfileLoaded { .. }))?;
    wait_for(&mut own, |event| matches!(event, Event::ProfileLoaded { .. }))?;

    // What only the master may write, its own code may.
    own.change(at_own, |profile| profile.set(season, "winter"))?;
    own.change(at_own, |profile| profile.add_int(gold, 10))?;
    server.change(at_server, |profile| profile.add_int(gold, 5))?;
    let (a, b) = (own.flush_profile(at_own)?, server.flush_profile(at_server)?);
    wait_for(&mut own, |event| matches!(event, Event::Durable { through, .. } if *through >= a))?;
    wait_for(&mut server, |event| matches!(event, Event::Durable { through, .. } if *through >= b))?;
    while client.profile(at_client)?.get(gold).as_int() != Some(115) {
        wait_for(&mut client, |event| matches!(event, Event::Changed { .. }))?;
    }
    println!("{}", client.profile(at_client)?.to_json());

    // Before the master ends: its peers do not outlive it.
    for endpoint in [&mut client as &mut Endpoint, &mut server, &mut own] {
        endpoint.close(PATIENCE)?;
    }
    master.stop()?;
    Ok(())
}

/// Polls events until a wanted one comes. A game with frames calls `tick` and polls once a frame instead.
fn wait_for(endpoint: &mut Endpoint, wanted: impl Fn(&Event) -> bool) -> Result<(), Box<dyn Error>> {
    while endpoint.wait(PATIENCE) {
        while let Some(event) = endpoint.next_event() {
            if wanted(&event) {
                return Ok(());
            }
        }
    }
    Err("nothing came in time".into())
}

//! Volatile properties by real datagrams, of which many are lost, doubled and overtaken.

use std::sync::Arc;
use std::time::Duration;

use crate::common::proxy::{Faults, Proxy};
use crate::common::random::Random;
use crate::common::{TestMaster, fill, until};
use mst_profiles::{Client, Endpoint, GameServer, ProfileId, Property, Schema, SyncClass, Value, Visibility};

fn schema() -> Arc<Schema> {
    let position = Property::new("position", Value::Vector3([0.0; 3]));
    Schema::builder()
        .property(position.visibility(Visibility::Public).sync(SyncClass::Volatile))
        .property(Property::new("gold", 10_i64))
        .build()
        .unwrap()
}

fn at(step: u32) -> Value {
    Value::Vector3([step as f32, -1.0, 0.5])
}

fn shown(endpoint: &Endpoint, id: ProfileId) -> Value {
    let profile = endpoint.profile(id).unwrap();
    profile.get(profile.schema().index_of("position").unwrap()).clone()
}

#[test]
fn positions_arrive_on_a_bad_network_and_the_last_one_always() {
    const STEPS: u32 = 300;
    let mut random = Random::from_environment();
    let test = TestMaster::start_with(|options| options.schema = schema());
    let proxies = [(); 2].map(|()| Proxy::start(test.listen, random.next()));
    let behind = |proxy: &Proxy, token: &str| {
        let mut options = test.options(token);
        options.schema = schema();
        options.address = proxy.listen.to_string();
        options
    };
    let mut server = GameServer::connect(behind(&proxies[0], "dev-server:arena")).unwrap();
    let mut client = Client::connect(behind(&proxies[1], "dev:bob")).unwrap();
    // Somebody has to make the profile that bob looks at.
    let at_server = fill(&mut server, "ann");
    let at_client = fill(&mut client, "ann");
    let rough = Faults { lost: 200, duplicated: 100, reordered: 200, delay: 0..20 };
    proxies.iter().for_each(|proxy| proxy.set_faults(rough.clone()));

    let position = schema().index_of("position").unwrap();
    let mut seen = Vec::new();
    for step in 1..=STEPS {
        server.change(at_server, |p| p.set(position, at(step))).unwrap();
        server.wait(Duration::from_millis(2));
        while server.next_event().is_some() {}
        client.wait(Duration::from_millis(2));
        while client.next_event().is_some() {}
        if let Value::Vector3([x, ..]) = shown(&client, at_client)
            && seen.last() != Some(&(x as u32))
        {
            seen.push(x as u32);
        }
    }
    // Whatever was lost: never an older one after a newer one.
    assert!(seen.windows(2).all(|w| w[0] < w[1]), "{seen:?}");
    until(&mut client, |c| {
        server.tick();
        shown(c, at_client) == at(STEPS)
    });
    until(&mut server, |s| !s.profile(at_server).unwrap().is_pending(position));
    let (up, down) = (server.link_stats(), client.link_stats());
    println!("{} of {STEPS} values seen; {up:?}; {down:?}", seen.len());
    assert!(seen.len() > 10, "hardly any arrived in time");
    assert!(up.datagrams_sent >= u64::from(STEPS) * 9 / 10 && down.datagrams_received > 0);
    assert_eq!((up.datagrams_dropped, server.stats().batches_sent), (0, 0));
    assert_eq!(test.running().stats().unwrap().batches_applied, 0);
}

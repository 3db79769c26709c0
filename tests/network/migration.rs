//! Clients whose address changes under a connection, as happens behind routers that forget whom a port was for.

use std::time::{Duration, Instant};

use crate::common::proxy::{Faults, Proxy};
use crate::common::random::Random;
use crate::common::{PATIENCE, TestMaster, fill, property};
use crate::is_durable;
use mst_profiles::{Client, Endpoint, Event, GameServer, MasterEvent, Value};

#[test]
fn a_connection_goes_on_when_the_clients_address_changes() {
    let mut random = Random::from_environment();
    let test = TestMaster::start();
    let proxies = [(); 2].map(|()| Proxy::start(test.listen, random.next()));
    let behind = |proxy: &Proxy, token: &str| {
        let mut options = test.options(token);
        options.address = proxy.listen.to_string();
        options.keep_alive = Duration::from_millis(200);
        options
    };
    let mut server = GameServer::connect(behind(&proxies[0], "dev-server:arena")).unwrap();
    let mut client = Client::connect(behind(&proxies[1], "dev:ann")).unwrap();
    let at_server = fill(&mut server, "ann");
    let at_client = fill(&mut client, "ann");
    while test.running().next_event().is_some() {}

    let mut gold = 10;
    for round in 0..12 {
        if round == 6 {
            proxies.iter().for_each(|proxy| proxy.set_faults(Faults::rough()));
        }
        // In the middle of changes: some are on their way, and the answers to them go to the old address.
        for change in 0..20 {
            server.change(at_server, |p| p.add_int(property("gold"), 1)).unwrap();
            gold += 1;
            server.tick();
            if change == 10 {
                // One alone, the other, both.
                (round % 3 != 1).then(|| proxies[0].rebind());
                (round % 3 != 0).then(|| proxies[1].rebind());
            }
        }
        let title = format!("title {round}");
        client.change(at_client, |p| p.set(property("title"), title.as_str())).unwrap();
        still_connected(&mut client, |c| is_durable(c, at_client));
        still_connected(&mut server, |s| is_durable(s, at_server));
        still_connected(&mut server, |s| {
            s.profile(at_server).unwrap().get(property("title")).as_str() == Some(title.as_str())
        });
        still_connected(&mut client, |c| {
            c.profile(at_client).unwrap().get(property("gold")) == &Value::I64(gold)
        });
        for proxy in &proxies {
            assert!(proxy.counts().down_since_rebind > 0, "the master did not follow");
        }
    }
    println!("{:?}", proxies.each_ref().map(Proxy::counts));
    while let Some(event) = test.running().next_event() {
        let is_connection = matches!(event, MasterEvent::PeerConnected { .. } | MasterEvent::PeerLeft { .. });
        assert!(!is_connection, "{event:?}");
    }
    assert_eq!(test.running().stats().unwrap().sessions, 2);
    assert_eq!((server.stats().connections, client.stats().connections), (1, 1));
}

/// Ticks until `f` holds, and nothing may happen to the connection meanwhile.
fn still_connected(endpoint: &mut Endpoint, f: impl Fn(&Endpoint) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !f(endpoint) {
        assert!(Instant::now() < deadline, "it never came true");
        endpoint.wait(Duration::from_millis(10));
        while let Some(event) = endpoint.next_event() {
            assert!(!matches!(event, Event::Disconnected { .. } | Event::Connected), "{event:?}");
        }
    }
}

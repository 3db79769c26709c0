//! Every kind of change on a network that loses, delays, duplicates and reorders packets, and now and then falls silent for
//! longer than a connection bears. Beside the profiles a plain count is kept of what was changed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::time::Instant;

use crate::common::proxy::Faults;
use crate::common::random::Random;
use crate::common::{PATIENCE, TestMaster, fill};
use crate::player::{FIRST_STOCK, IDLE_TIMEOUT, Made, Player, USERS, What, index, options, schema};
use mst_profiles::{GameServer, Key, Profile, ProfileId};

#[test]
fn on_a_bad_network_nothing_is_lost_and_nothing_is_applied_twice() {
    let mut random = Random::from_environment();
    let mut test = TestMaster::start_with(|options| {
        options.schema = schema();
        options.idle_timeout = IDLE_TIMEOUT;
    });
    let mut players: Vec<Player> = ["dev-server:one", "dev-server:two", "dev:ann", "dev:bob"]
        .into_iter()
        .enumerate()
        .map(|(number, token)| Player::new(number, token, &test, random.next()))
        .collect();
    // A client does not make the profiles that it looks at: first everybody's own, then the other's.
    for user in USERS {
        players.iter_mut().for_each(|player| player.fill(user));
    }
    for player in &players {
        player.proxy.set_faults(Faults::rough());
    }

    a_taking_of_what_is_gone_is_refused(&mut players);
    let mut reconnects = 1;
    for blackout in 0..6 {
        for _ in 0..40 {
            one_change(&mut players, &mut random);
            tick(&mut players);
        }
        // Every player once alone, and then two at a time.
        let mut silent = vec![blackout % players.len()];
        silent.extend((blackout >= players.len()).then_some((blackout + 1) % players.len()));
        reconnects += silent.len() as u32;
        for i in &silent {
            players[*i].proxy.set_blackout(true);
        }
        changes_until(&mut players, &mut random, |players| {
            silent.iter().all(|i| !players[*i].endpoint.is_connected())
        });
        for i in &silent {
            players[*i].proxy.set_blackout(false);
        }
        changes_until(&mut players, &mut random, |players| players.iter().all(Player::is_back));
    }
    ticks_until(&mut players, |players| players.iter().all(|player| player.is_back() && player.is_durable()));

    // All that anybody may see is the same everywhere.
    let json = USERS.map(|user| test.json(user).unwrap());
    ticks_until(&mut players, |players| {
        players.iter().all(|player| player.sees(&json) && player.agrees_with(&players[0]))
    });
    let resumes: u32 = players.iter().map(|player| player.resumes).sum();
    let refused: usize = players.iter().map(|player| player.refused).sum();
    let made: usize = players.iter().map(|player| player.accepted.len()).sum();
    println!("{made} changes applied, {refused} refused, {resumes} resumes");
    for player in &players {
        println!("{}: {:?}, {:?}", player.token, player.proxy.counts(), player.endpoint.stats());
        assert_eq!(player.endpoint.stats().snapshots, USERS.len() as u64, "something travelled whole again");
    }
    assert!(resumes >= reconnects * USERS.len() as u32, "hardly any reconnect");
    assert!(made > 300, "hardly any load");

    // And a master that knows nothing but the file has what was made, once each.
    let accepted: Vec<HashMap<(ProfileId, u64), Made>> =
        players.iter_mut().map(|player| std::mem::take(&mut player.accepted)).collect();
    drop(players);
    // Nobody waits for it at the old port, which may be somebody else's by now.
    test.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    test.restart();
    let mut reader = GameServer::connect(options(&test, "dev-server:reader")).unwrap();
    for (user, json) in USERS.into_iter().zip(json) {
        let id = fill(&mut reader, user);
        let profile = reader.profile(id).unwrap();
        assert_eq!(profile.to_json(), json);
        check(user, profile, accepted.iter().flat_map(HashMap::values).filter(|made| made.user == user));
    }
}

/// Somebody who is cut off takes all that it sees, and somebody else some of it meanwhile.
fn a_taking_of_what_is_gone_is_refused(players: &mut [Player]) {
    let user = players[0].own();
    players[0].proxy.set_blackout(true);
    players[0].take(user, FIRST_STOCK);
    players[1].take(user, 1);
    ticks_until(players, |players| players[1].is_durable() && !players[0].endpoint.is_connected());
    assert_eq!(players[0].shown(user, "stock").as_int(), Some(0));
    players[0].proxy.set_blackout(false);
    ticks_until(players, |players| players.iter().all(|player| player.is_back() && player.is_durable()));
    assert_eq!((players[0].refused, players[1].refused), (1, 0));
    // What the other took comes with the delta after the refusal.
    ticks_until(players, |players| players[0].shown(user, "stock").as_int() == Some(FIRST_STOCK - 1));
}

fn one_change(players: &mut [Player], random: &mut Random) {
    let which = random.below(players.len() as u64) as usize;
    players[which].one_change(random);
}

fn tick(players: &mut [Player]) {
    players.iter_mut().for_each(Player::tick);
}

fn ticks_until(players: &mut [Player], f: impl Fn(&[Player]) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !f(players) {
        assert!(Instant::now() < deadline, "it never came true");
        tick(players);
    }
}

/// The same, with some changes meanwhile.
fn changes_until(players: &mut [Player], random: &mut Random, f: impl Fn(&[Player]) -> bool) {
    for _ in 0..30 {
        one_change(players, random);
        tick(players);
    }
    ticks_until(players, f);
}

/// What was made is what is there.
fn check<'m>(user: &str, profile: &Profile, made: impl Iterator<Item = &'m Made>) {
    let (mut score, mut stock, mut taken, mut stat, mut matches) = (0, FIRST_STOCK, 0, 0, 0);
    let (mut titles, mut bag, mut removed, mut entries) =
        (HashSet::from([""]), Vec::new(), Vec::new(), BTreeSet::new());
    for Made { what, .. } in made {
        match what {
            What::Score(amount) => score += amount,
            What::Title(title) => drop(titles.insert(title.as_str())),
            What::Restock(amount) => stock += amount,
            What::Take(amount) => {
                stock -= amount;
                taken += amount;
            }
            What::Push(item) => bag.push(*item),
            What::Remove(item) => removed.push(*item),
            What::Move => {}
            What::Put(key) => drop(entries.insert(*key)),
            What::Stat(amount) => stat += amount,
            What::Match => matches += 1,
        }
    }
    let int = |name| profile.get(index(name)).as_int().unwrap();
    assert_eq!((int("score"), int("stock"), int("taken")), (score, stock, taken), "{user}");
    assert_eq!((int("wins"), int("matches")), (matches, matches), "{user}");
    assert!(stock >= 0, "{user}");
    assert!(titles.contains(profile.get(index("title")).as_str().unwrap()), "{user}");
    removed.iter().for_each(|item| bag.retain(|other| other != item));
    bag.sort_unstable();
    let list = profile.get(index("bag")).as_list().unwrap();
    let mut found: Vec<i64> = list.iter().map(|item| item.as_int().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, bag, "{user}");
    let dict = profile.get(index("entries")).as_dict().unwrap();
    let keys: BTreeSet<i64> = dict.iter().map(|(_, value)| value.as_int().unwrap()).collect();
    assert_eq!((keys, dict.len()), (entries.clone(), entries.len()), "{user}");
    let stats = profile.get(index("stats")).as_dict().unwrap();
    assert_eq!(stats.get(&Key::from("total")).map_or(0, |v| v.as_int().unwrap()), stat, "{user}");
}

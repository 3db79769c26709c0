//! The same on PostgreSQL.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use crate::common::program;
use crate::postgres_server::Server;
use crate::{Place, fails, line, profile, succeeds};

#[test]
fn profiles_move_between_engines_and_a_master_keeps_its_database() {
    let server = Server::shared();
    let url = server.url(&server.new_database());
    let place = Place::new();
    let schema = place.argument("schema.json");
    let on_server = |arguments: &[&str]| {
        let mut command = profile(arguments);
        command.args(["--schema", &schema, "--database", &url]);
        command
    };
    let lines = (0..1500).map(|i| line(&format!("u{i:04}"), &json!({ "gold": i, "items": ["a"] })));
    let file = place.write("in.jsonl", lines.collect::<String>());
    let all = "imported 1500 profiles, skipped 0\n";
    assert_eq!(succeeds(on_server(&["import", &file, "--take-over"])), all);

    let mut master = Command::new(program())
        .args(["serve", "--dev", "--listen", "127.0.0.1:0", "--schema", &schema, "--database", &url])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(master.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address = said.next().unwrap().strip_prefix("listening on ").unwrap().to_owned();
    let fingerprint = said.next().unwrap().strip_prefix("fingerprint ").unwrap().to_owned();
    let through = |arguments: &[&str]| {
        let mut command = profile(arguments);
        command.args(["--schema", &schema, "--connect", &address, "--fingerprint", &fingerprint]);
        command.args(["--token", "dev-server:desk"]);
        command
    };
    assert_eq!(succeeds(through(&["set", "u0007", "gold=700"])), "version 2\n");
    // Nothing but a master's end takes its database from it unasked; reading does not.
    fails(on_server(&["set", "u0007", "gold=1"]), "--take-over");
    fails(on_server(&["import", &file]), "--take-over");
    assert_eq!(succeeds(on_server(&["get", "u0007", "gold"])), "{\"gold\":700}\n");
    assert!(succeeds(on_server(&["history", "u0007"])).contains("gold  7 → 700"));
    let exported = place.argument("out.jsonl");
    succeeds(on_server(&["export", "-o", &exported]));
    assert_eq!(succeeds(through(&["set", "u0007", "gold=701"])), "version 3\n");
    assert!(Command::new("kill").args(["-TERM", &master.id().to_string()]).status().unwrap().success());
    assert!(master.wait().unwrap().success());

    assert_eq!(place.run(&["import", &exported]), all);
    for i in [0, 7, 1499] {
        let expected = if i == 7 { 700 } else { i };
        let profile: Json = place.get(&format!("u{i:04}"));
        assert_eq!((&profile["gold"], &profile["items"]), (&json!(expected), &json!(["a"])));
    }
}

//! `mst-profiles serve` on a PostgreSQL database.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use mst_profiles::{ConnectOptions, GameServer, Trust, Value};

use crate::common::{PATIENCE, fill, make_durable, program};
use crate::game::{index, schema};
use crate::server::Server;

#[test]
fn serve_keeps_profiles_on_a_server() {
    let server = Server::shared();
    let database = server.new_database();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("schema.json"), schema().to_json()).unwrap();
    // The password is of no use to this server; nobody is told it all the same.
    let url = server.url(&database).replace("postgres@", "postgres:hunter2@");
    let config =
        format!("schema = 'schema.json'\ndev = true\nlisten = '127.0.0.1:0'\n[database]\nfile = '{url}'");
    std::fs::write(folder.path().join("master.toml"), config).unwrap();
    let serve = || {
        let mut command = Command::new(program());
        command.args(["serve", "--config"]).arg(folder.path().join("master.toml"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    for gold in [5, 10] {
        let mut child = serve();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut word =
            |name: &str| lines.next().unwrap().unwrap().strip_prefix(name).unwrap().trim().to_string();
        let (address, fingerprint) = (word("listening on"), word("fingerprint"));
        let trust = Trust::from_hex(&fingerprint).unwrap();
        let mut options = ConnectOptions::new(address, "dev-server:arena", schema(), trust);
        options.flush_interval = Some(Duration::ZERO);
        let mut arena = GameServer::connect(options).unwrap();
        let id = fill(&mut arena, "ann");
        arena.change(id, |p| p.add_int(index("gold"), 5)).unwrap();
        make_durable(&mut arena, id);
        assert_eq!(arena.profile(id).unwrap().get(index("gold")), &Value::I64(gold));
        arena.close(PATIENCE).unwrap();
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("hunter2"), "{said}");
        let stored =
            server.sql(&database, "SELECT document->>'gold' FROM mst_profiles WHERE user_id = 'ann'");
        assert_eq!(stored, gold.to_string());
    }
    // Nothing lies about: not even a certificate has a file to stand beside.
    let mut files: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["master.toml", "schema.json"]);

    server.sql(&database, "UPDATE mst_meta SET value = 9 WHERE key = 'layout'");
    let output = serve().wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && !said.contains("hunter2"), "{said}");
    assert!(said.contains("has layout version 9, this program knows 1"), "{said}");
    server.sql(&database, "UPDATE mst_meta SET value = 1 WHERE key = 'layout'; DROP TABLE mst_epochs");
    let output = serve().wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("mst_epochs` is missing"));
}

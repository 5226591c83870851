//! The server as a program: its address, its refusals and its end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::ran::{Folder, knowmvg, repository_arg};

#[test]
fn what_may_not_run_is_refused_before_the_model_is_loaded() {
    let ran = knowmvg(["serve", "--listen", "0.0.0.0:0", "--model", "nowhere"]).ended_with(2);
    assert!(ran.stderr.contains("--token-file"), "{}", ran.stderr);
    knowmvg(["serve", "--listen", "127.0.0.1:0", "--workers", "0", "--model", "nowhere"]).ended_with(2);
    knowmvg(["serve", "--listen", "localhost"]).ended_with(2);
    let folder = Folder::new();
    let token = folder.at("token");
    knowmvg(["serve", "--token-file", &token]).ended_with(3);
    std::fs::write(&token, "CANARY").unwrap();
    let ran = knowmvg(["serve", "--token-file", &token]).ended_with(3);
    assert!(!ran.stderr.contains("CANARY"), "{}", ran.stderr);
}

#[test]
fn an_issuer_of_tokens_opens_other_addresses_if_its_keys_can_be_trusted() {
    let run = |more: &[&str]| {
        knowmvg(["serve", "--listen", "0.0.0.0:0", "--model", "nowhere", "--oidc-audience", "a"].iter().chain(more))
    };
    // The model is looked for, so the address was allowed.
    run(&["--oidc-issuer-url", "https://login.example"]).ended_with(4);
    run(&["--oidc-issuer-url", "https://login.example", "--oidc-required-claim", "groups=radiology"]).ended_with(4);
    let ran = run(&["--oidc-issuer-url", "http://login.example"]).ended_with(2);
    assert!(ran.stderr.contains("expected an issuer like https://"), "{}", ran.stderr);
    run(&["--oidc-issuer-url", "https://login.example", "--oidc-required-claim", "groups"]).ended_with(2);
    run(&[]).ended_with(2);
    knowmvg(["serve", "--oidc-issuer-url", "https://login.example"]).ended_with(2);
    let folder = Folder::new();
    let authorities = folder.at("ca.pem");
    std::fs::write(&authorities, "CANARY").unwrap();
    let with_ca = ["--oidc-issuer-url", "https://login.example", "--oidc-ca-file", &authorities];
    let ran = run(&with_ca).ended_with(2);
    assert!(ran.stderr.contains("certificates in PEM") && !ran.stderr.contains("CANARY"), "{}", ran.stderr);
}

#[test]
fn a_server_takes_patients_out_only_with_a_key() {
    let folder = Folder::new();
    let key = folder.at("key");
    knowmvg(["serve", "--deidentify", "--model", "nowhere"]).ended_with(2);
    knowmvg(["serve", "--key", &key, "--model", "nowhere"]).ended_with(2);
    let run = || knowmvg(["serve", "--listen", "127.0.0.1:0", "--deidentify", "--key", &key, "--model", "nowhere"]);
    run().ended_with(3);
    std::fs::write(&key, "CANARY").unwrap();
    let ran = run().ended_with(3);
    assert!(ran.stderr.contains("cannot use the key") && !ran.stderr.contains("CANARY"), "{}", ran.stderr);
    std::fs::write(&key, "0123456789abcdef".repeat(4)).unwrap();
    // The model is looked for next.
    run().ended_with(4);
}

#[cfg(unix)]
#[test]
fn it_ends_although_a_batch_would_wait_for_long() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_knowmvg"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--batch-phrases", "16", "--batch-window-ms", "600000"]);
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary was built");
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").expect("an address").to_owned();
    let send = |head: &str, body: &[u8]| {
        let mut connection = TcpStream::connect(&address).unwrap();
        let length = body.len();
        let boundary = "Content-Type: multipart/form-data; boundary=b\r\nConnection: close\r\n";
        write!(connection, "POST {head} HTTP/1.1\r\nHost: {address}\r\n{boundary}Content-Length: {length}\r\n\r\n")
            .unwrap();
        connection.write_all(body).unwrap();
        connection
    };
    let part = |name: &str, value: &[u8]| {
        let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        [head.as_bytes(), value, b"\r\n--b--\r\n"].concat()
    };
    let image = std::fs::read(repository_arg("samples/rg1.dcm")).unwrap();
    let mut opened = String::new();
    send("/v1/sessions", &part("image", &image)).read_to_string(&mut opened).unwrap();
    let path = opened.lines().find_map(|line| line.strip_prefix("location: ")).expect("a session").to_owned();
    // Waits for company, and is gone before any comes.
    let waiting = send(&format!("{path}/ground"), &part("phrase", b"mass"));
    std::thread::sleep(Duration::from_millis(500));
    drop(waiting);
    let start = Instant::now();
    assert!(Command::new("kill").arg(server.id().to_string()).status().unwrap().success());
    assert_eq!(server.wait_with_output().unwrap().status.code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[cfg(unix)]
#[test]
fn it_says_where_it_is_answers_and_ends_when_told() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_knowmvg"));
    command.args(["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = command.spawn().expect("the binary was built");
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").expect("an address").to_owned();
    let mut connection = TcpStream::connect(&address).unwrap();
    write!(connection, "GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(Command::new("kill").arg(server.id().to_string()).status().unwrap().success());
    let ended = server.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    let log = String::from_utf8(ended.stderr).unwrap();
    assert!(log.lines().count() == 1 && log.contains("\"route\":\"/health/ready\""), "{log}");
}

//! The server with its socket: HTTP as it is on the wire, and the end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use knowmvg_serve::{App, Config, Limits, ServeError, Server};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::client::{grounder, patient, run, small_image};
use crate::form::Form;

fn config() -> Config {
    Config { address: SocketAddr::from(([127, 0, 0, 1], 0)), limits: patient(), ..Config::default() }
}

fn head(address: SocketAddr, body: &[u8]) -> String {
    format!(
        "POST /v1/ground HTTP/1.1\r\nHost: {address}\r\nContent-Type: {}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\
         Connection: close\r\n\r\n",
        Form::content_type(),
        body.len()
    )
}

#[test]
fn a_request_that_is_there_when_the_server_stops_is_answered() {
    let body = Form::new().file("image", "", &small_image()).text("phrase", "mass").whole();
    run(async {
        let server = Server::bind(config()).unwrap();
        let address = server.address();
        let app = App::new(grounder(), config(), Arc::new(|_| ())).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(server.serve(app, async { stopped.await.unwrap_or(()) }));
        let answer = spawn_blocking(move || {
            let mut connection = TcpStream::connect(address).unwrap();
            connection.write_all(head(address, &body).as_bytes()).unwrap();
            // The server asks for the body, so it works on this request.
            let mut asked = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
            connection.read_exact(&mut asked).unwrap();
            assert!(asked.starts_with(b"HTTP/1.1 100 "));
            stop.send(()).unwrap();
            connection.write_all(&body).unwrap();
            let mut answer = Vec::new();
            connection.read_to_end(&mut answer).unwrap();
            String::from_utf8_lossy(&answer).into_owned()
        });
        let answer = answer.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"findings\""), "{answer}");
        serving.await.unwrap().unwrap();
        assert!(TcpStream::connect(address).is_err());
    });
}

/// An answer up to its empty line. The sender goes on listening and stays: a server may drop whoever has said goodbye.
fn answer_head(connection: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        match connection.read(&mut buffer) {
            Ok(count) if count > 0 => answer.extend_from_slice(&buffer[..count]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn nonsense_on_the_wire_is_refused() {
    run(async {
        let server = Server::bind(config()).unwrap();
        let address = server.address();
        let app = App::new(grounder(), config(), Arc::new(|_| ())).unwrap();
        let serving = tokio::spawn(server.serve(app, std::future::pending()));
        let answers = spawn_blocking(move || {
            ["\x16\x03\x01\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"].map(|sent| {
                let mut connection = TcpStream::connect(address).unwrap();
                connection.write_all(sent.as_bytes()).unwrap();
                answer_head(&mut connection)
            })
        });
        let [tls, cut, nameless] = answers.await.unwrap();
        assert!(tls.starts_with("HTTP/1.1 400") && cut.starts_with("HTTP/1.1 400"), "{tls} {cut}");
        assert!(nameless.starts_with("HTTP/1.1 421"), "{nameless}");
        serving.abort();
    });
}

#[test]
fn who_is_refused_may_send_all_of_it_and_is_answered() {
    run(async {
        let one = || Config { limits: Limits { workers: 1, queue: 0, ..patient() }, ..config() };
        let server = Server::bind(one()).unwrap();
        let address = server.address();
        let app = App::new(grounder(), one(), Arc::new(|_| ())).unwrap();
        let serving = tokio::spawn(server.serve(app, std::future::pending()));
        let answer = spawn_blocking(move || {
            let body = vec![b'x'; 8 << 20];
            // The first has the only place, since its body is asked for, and does not send it.
            let mut first = TcpStream::connect(address).unwrap();
            first.write_all(head(address, &body).as_bytes()).unwrap();
            first.read_exact(&mut [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()]).unwrap();
            let mut second = TcpStream::connect(address).unwrap();
            second.write_all(head(address, &body).replace("Expect: 100-continue\r\n", "").as_bytes()).unwrap();
            second.write_all(&body).unwrap();
            answer_head(&mut second)
        });
        let answer = answer.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503") && answer.to_lowercase().contains("retry-after"), "{answer}");
        serving.abort();
    });
}

#[test]
fn a_taken_address_and_an_open_one_are_told_at_once() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    assert!(matches!(Server::bind(Config { address, ..config() }), Err(ServeError::Listen { .. })));
    let open = SocketAddr::from(([0, 0, 0, 0], 0));
    assert!(matches!(Server::bind(Config { address: open, ..config() }), Err(ServeError::Config(_))));
}

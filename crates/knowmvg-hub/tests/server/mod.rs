//! A hub on this machine: the requests that a download makes, answered as the hub answers them, and wrongly where a test says so.
//!
//! Small files are answered, large ones redirected to a store of another origin, with the headers that `huggingface_hub` reads.
#![allow(dead_code)] // each test file uses a part

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha1::{Digest, Sha1};
use sha2::Sha256;

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub const MODEL: &str = "tiny/model";

/// What is asked of a server.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
}

/// What a server answers.
pub struct Answered {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Of a body that is cut short, or goes on: what `content-length` says instead.
    pub length: Option<usize>,
}

/// A server, and all that it was asked.
pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Listens on a port of its own until the test ends.
    pub fn new(answer: impl Fn(&Asked) -> Answered + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(vec![]));
        let (answer, noted) = (Arc::new(answer), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, noted) = (answer.clone(), noted.clone());
                std::thread::spawn(move || serve(stream, &*answer, &noted));
            }
        });
        Self { url, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How often something was asked for.
    pub fn count(&self, method: &str, part: &str) -> usize {
        self.asked().iter().filter(|asked| asked.method == method && asked.path.contains(part)).count()
    }
}

impl Asked {
    /// The offset from which on bytes are asked for.
    pub fn from(&self) -> usize {
        let range = self.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        range.map_or(0, |from| from.parse().unwrap())
    }
}

impl Answered {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![], body: body.into(), length: None }
    }

    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// The rest of a file, as it is asked for.
    pub fn part(content: &[u8], asked: &Asked) -> Self {
        match asked.from() {
            0 => Self::new(200, content),
            from => Self::new(206, &content[from..])
                .with("content-range", format!("bytes {from}-{}/{}", content.len() - 1, content.len())),
        }
    }
}

fn serve(mut stream: TcpStream, answer: &dyn Fn(&Asked) -> Answered, noted: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = vec![];
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut words = lines[0].split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let asked = Asked { method, path, headers };
    noted.lock().unwrap().push(asked.clone());
    let Answered { status, headers, body, length } = answer(&asked);
    let mut text =
        format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n", length.unwrap_or(body.len()));
    headers.iter().for_each(|(name, value)| text += &format!("{name}: {value}\r\n"));
    let body = if asked.method == "HEAD" { vec![] } else { body };
    let _ = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.write_all(b"\r\n"))
        .and_then(|()| stream.write_all(&body));
}

/// A hub with one model, and the store to which it sends on for weights.
pub struct Hub {
    pub hub: Server,
    pub store: Server,
}

/// A wrong answer in the place of the right one, of the hub or of the store.
pub type Twist = fn(&Asked, Answered) -> Answered;

impl Hub {
    /// Serves files of a model.
    pub fn of(files: BTreeMap<String, Vec<u8>>) -> Self {
        Self::twisted(files, |_, answered| answered, |_, answered| answered)
    }

    pub fn twisted(files: BTreeMap<String, Vec<u8>>, hub: Twist, store: Twist) -> Self {
        let files = Arc::new(files);
        let stored = files.clone();
        let store = Server::new(move |asked| {
            let name = asked.path.trim_start_matches("/store/").split('?').next().unwrap_or_default();
            store(asked, stored.get(name).map_or(Answered::new(404, ""), |content| Answered::part(content, asked)))
        });
        let address = store.url.clone();
        let hub = Server::new(move |asked| hub(asked, right(&files, &address, asked)));
        Self { hub, store }
    }
}

/// As the hub answers.
fn right(files: &BTreeMap<String, Vec<u8>>, store: &str, asked: &Asked) -> Answered {
    if asked.path == format!("/api/models/{MODEL}/revision/main")
        || asked.path.ends_with(&format!("/revision/{COMMIT}"))
    {
        let names: Vec<String> = files.keys().map(|name| format!("{{\"rfilename\":{name:?}}}")).collect();
        let body = format!("{{\"id\":\"{MODEL}\",\"sha\":\"{COMMIT}\",\"siblings\":[{}]}}", names.join(","));
        return Answered::new(200, body);
    }
    // Small files are one redirect away, at the hub itself.
    if let Some(path) = asked.path.strip_prefix(&format!("/{MODEL}/resolve/{COMMIT}/")) {
        return match files.get(path) {
            Some(content) if path.ends_with(".safetensors") => Answered::new(302, "elsewhere")
                .with("location", format!("{store}/store/{path}?signature=secret"))
                .with("x-repo-commit", COMMIT)
                .with("x-linked-size", content.len())
                .with("x-linked-etag", format!("\"{}\"", sha256(content)))
                .with("etag", "\"of the redirect\""),
            Some(_) => {
                Answered::new(307, "here").with("location", format!("/cached/{path}")).with("x-repo-commit", COMMIT)
            }
            None => Answered::new(404, ""),
        };
    }
    match files.get(asked.path.trim_start_matches("/cached/")) {
        Some(content) => {
            Answered::part(content, asked).with("x-repo-commit", COMMIT).with("etag", format!("W/\"{}\"", git(content)))
        }
        None => Answered::new(404, ""),
    }
}

pub fn sha256(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

/// As `git hash-object` names it.
pub fn git(content: &[u8]) -> String {
    hex(&Sha1::new().chain_update(format!("blob {}\0", content.len())).chain_update(content).finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! A DICOMweb archive of one thread: STOW-RS and the QIDO-RS question whether it has an object.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::json;

/// What an archive does with the next object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Stores it and says so.
    Well,
    /// Stores it and hangs up before it says so.
    Mute,
    /// Is too busy.
    Busy,
}

/// An archive that runs until the tests are over.
pub(crate) struct Archive {
    pub address: SocketAddr,
    stored: Arc<Mutex<Vec<Vec<u8>>>>,
    moods: Arc<Mutex<Vec<Mood>>>,
}

impl Archive {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stored, moods) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let archive = Self { address, stored: stored.clone(), moods: moods.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                drop(answer(stream.unwrap(), &stored, &moods));
            }
        });
        archive
    }

    /// What it does next, last first.
    pub fn moods(&self, moods: &[Mood]) {
        *self.moods.lock().unwrap() = moods.to_vec();
    }

    pub fn stored(&self) -> Vec<Vec<u8>> {
        self.stored.lock().unwrap().clone()
    }
}

fn answer(stream: TcpStream, stored: &Mutex<Vec<Vec<u8>>>, moods: &Mutex<Vec<Mood>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if first.starts_with("GET ") {
        let asked = first.split("SOPInstanceUID=").nth(1).unwrap_or("-").split(' ').next().unwrap().to_owned();
        let has = stored.lock().unwrap().iter().any(|object| contains(object, asked.as_bytes()));
        let found = if has { json!([{"00080018": {"vr": "UI", "Value": [asked]}}]) } else { json!([]) };
        return respond(&mut writer, "200 OK", &found.to_string());
    }
    match moods.lock().unwrap().pop().unwrap_or(Mood::Well) {
        Mood::Busy => respond(&mut writer, "503 Service Unavailable", "{}"),
        mood => {
            let start = body.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
            let end = body.windows(4).rposition(|four| four == b"\r\n--").unwrap();
            stored.lock().unwrap().push(body[start..end].to_vec());
            if mood == Mood::Mute { Ok(()) } else { respond(&mut writer, "200 OK", "{}") }
        }
    }
}

fn respond(writer: &mut TcpStream, status: &str, body: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/dicom+json\r\nconnection: close\r\n");
    write!(writer, "{head}content-length: {}\r\n\r\n{body}", body.len())
}

pub(crate) fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

//! HL7 v2 messages over TCP or TLS, in frames of the Minimal Lower Layer Protocol.
//!
//! # Source
//! HL7 Version 2, transport specification MLLP, release 1: `<VT> message <FS><CR>`.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::config::Hl7Config;
use crate::error::ListenError;
use crate::intake::hl7::{self, Acknowledgment, Content};
use crate::intake::{Intake, MAX_REPORT, Refused};
use crate::log::Log;
use crate::port::Port;
use crate::tls;

const START: u8 = 0x0b;
const END: [u8; 2] = [0x1c, 0x0d];

/// Longest message: a report and what stands around it.
const MAX_MESSAGE: usize = 2 * MAX_REPORT;

/// A server that has its port.
pub(crate) struct Mllp {
    port: Port,
    config: Hl7Config,
    tls: Option<Arc<ServerConfig>>,
}

impl Mllp {
    /// Takes the port and reads the certificates.
    ///
    /// # Errors
    /// When somebody else has the port, or a certificate can't be read.
    pub fn bind(config: &Hl7Config) -> Result<Self, ListenError> {
        let port = Port::bind(config.listen, config.max_connections, "hl7 connection refused: too many")?;
        let tls = config.tls.as_ref().map(tls::server).transpose()?;
        Ok(Self { port, config: config.clone(), tls })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.port.address()
    }

    /// Takes connections for ever.
    pub fn run(&self, intake: &Arc<Intake>, log: &Log) {
        let timeout = Duration::from_secs(self.config.timeout_seconds.max(1));
        self.port.run(log, |peer| {
            if !self.lets_in(peer.ip()) {
                log.event("hl7 connection refused: not allowed");
                return None;
            }
            let (tls, intake, log) = (self.tls.clone(), intake.clone(), log.clone());
            Some(move |stream: TcpStream| {
                if let Err(error) = connection(stream, timeout, tls, &intake) {
                    log.with("hl7 connection broken", json!({"problem": error.kind().to_string()}));
                }
            })
        });
    }

    fn lets_in(&self, from: IpAddr) -> bool {
        let allow = &self.config.allow;
        allow.is_empty() || allow.iter().any(|ip| ip.to_canonical() == from.to_canonical())
    }
}

/// A connection from its first byte to its last, encrypted if certificates are given.
fn connection(stream: TcpStream, timeout: Duration, tls: Option<Arc<ServerConfig>>, intake: &Intake) -> io::Result<()> {
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    match tls {
        None => serve(stream, intake),
        Some(config) => {
            let connection = ServerConnection::new(config).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(connection, stream);
            // Who has no certificate, or speaks in the clear, gets no further than this.
            while stream.conn.is_handshaking() {
                stream.conn.complete_io(&mut stream.sock)?;
            }
            serve(stream, intake)
        }
    }
}

/// Answers every message of a connection.
fn serve(stream: impl Read + Write, intake: &Intake) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(message) = read_frame(&mut stream)? {
        let answer = answer(&message, intake);
        let writer = stream.get_mut();
        writer.write_all(&[&[START], answer.as_bytes(), &END].concat())?;
        writer.flush()?;
    }
    Ok(())
}

/// The next message; `None` when the peer has closed the connection between two.
fn read_frame(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    // Some senders put line breaks between frames.
    loop {
        let next = match reader.fill_buf() {
            // Many close the connection without the goodbye of TLS; between two messages, nothing can be cut off by that.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            next => next?,
        };
        match next {
            [] => return Ok(None),
            [START, ..] => break,
            [b'\r' | b'\n', ..] => reader.consume(1),
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "expected the start of a frame")),
        }
    }
    reader.consume(1);
    let mut message = Vec::new();
    reader.take(MAX_MESSAGE as u64 + 1).read_until(END[0], &mut message)?;
    if message.pop() != Some(END[0]) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message without an end, or too long"));
    }
    Ok(Some(message))
}

fn answer(message: &[u8], intake: &Intake) -> String {
    let Some(read) = hl7::read(message) else { return hl7::acknowledge(None, Acknowledgment::Reject) };
    let acknowledgment = match &read.content {
        Content::Other => Acknowledgment::Accept,
        Content::Report(report) => match intake.report(report) {
            Ok(_) => Acknowledgment::Accept,
            Err(Refused::Later) => Acknowledgment::Error,
            Err(Refused::NotOurs | Refused::Unreadable) => Acknowledgment::Reject,
        },
    };
    hl7::acknowledge(Some(&read), acknowledgment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart() {
        let mut bytes: &[u8] = b"\x0bone\x1c\r\n\x0btwo\x1c\r";
        assert_eq!(read_frame(&mut bytes).unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(read_frame(&mut bytes).unwrap().as_deref(), Some(&b"two"[..]));
        assert_eq!(read_frame(&mut bytes).unwrap(), None);
    }

    #[test]
    fn what_is_no_frame_ends_the_connection() {
        for mut bytes in [&b"GET / HTTP/1.1"[..], b"\x0bcut short"] {
            assert!(read_frame(&mut bytes).is_err());
        }
        let endless = [&[START], &vec![b'x'; MAX_MESSAGE + 2][..], &END].concat();
        assert!(read_frame(&mut &endless[..]).is_err());
    }
}

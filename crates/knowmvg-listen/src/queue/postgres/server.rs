//! [`Server`]: how a server's database is reached, as far as its configuration goes.

use std::fs;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postgres::config::{Host, SslMode};
use postgres::tls::MakeTlsConnect;
use postgres::{Client, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::DatabaseProblem;
use crate::config::{ClientTls, QueueConfig};
use crate::error::ListenError;
use crate::tls;

/// How long an attempt to connect takes at most, if the address does not say.
const CONNECT: Duration = Duration::from_secs(5);

/// A server that says nothing for so long is gone: a connection that nobody answers must not hold the queue for hours.
const SILENCE: Duration = Duration::from_secs(30);

/// Longest password.
const MAX_PASSWORD: u64 = 4 << 10;

/// A database that can be reached, as far as its configuration goes.
pub(crate) struct Server {
    config: postgres::Config,
    tls: Option<Tls>,
}

impl Server {
    /// Reads what it needs.
    ///
    /// # Errors
    /// When the address is none, connections would be in the clear, or a file can't be read. No message quotes the address: there
    /// may be a password in it.
    pub fn new(queue: &QueueConfig) -> Result<Self, ListenError> {
        let mut config = Self::checked(queue)?;
        if config.get_password().is_none() {
            let elsewhere = queue.password.as_ref().map(|password| password.reveal().to_owned());
            let password = queue.password_file.as_deref().map(read_password).transpose()?.or(elsewhere);
            password.into_iter().for_each(|password| _ = config.password(password));
        }
        let tls = queue.tls.as_ref().map(Tls::new).transpose()?;
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        Ok(Self { config, tls })
    }

    /// The address, if it is one and nobody can listen in on it.
    ///
    /// # Errors
    /// When it is none, or passwords and reports would cross a network in the clear.
    pub fn checked(queue: &QueueConfig) -> Result<postgres::Config, ListenError> {
        let wrong = |message: &str| ListenError::Config(format!("[queue] {message}"));
        let url = queue.url.reveal();
        let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let parsed = is_url.then(|| url.parse::<postgres::Config>().ok()).flatten();
        let mut config = parsed.ok_or_else(|| wrong("expected a url like postgres://user@host:5432/database"))?;
        if !is_schema(&queue.schema) {
            return Err(wrong("expected a schema of lower-case letters, digits and underscores"));
        }
        if queue.tls.is_none() {
            if config.get_ssl_mode() == SslMode::Require {
                return Err(wrong("url asks for encryption: expected tls with ca, the authorities of the server"));
            }
            if !is_on_this_machine(&config) && !queue.unencrypted {
                return Err(wrong("url is of another machine: expected tls with ca, or unencrypted = true"));
            }
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_application_name().is_none() {
            config.application_name("knowmvg listen");
        }
        config.tcp_user_timeout(SILENCE).keepalives(true).keepalives_idle(SILENCE);
        config.keepalives_interval(SILENCE / 3).keepalives_retries(3);
        // Notices go nowhere: they may quote values.
        config.notice_callback(|_| {});
        Ok(config)
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// When the server can't be reached, is not who it should be, or refuses.
    pub fn connect(&self) -> Result<Client, ListenError> {
        // The library gives up with a panic when the system has no more file descriptors for it.
        let connected = catch_unwind(AssertUnwindSafe(|| match &self.tls {
            None => self.config.connect(NoTls),
            Some(tls) => self.config.connect(tls.clone()),
        }));
        match connected {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error)) => Err(ListenError::Database(DatabaseProblem::of_connection(&error))),
            Err(_) => Err(ListenError::Database(DatabaseProblem::Unreachable)),
        }
    }
}

/// Encryption, and the name that the server's certificate has to have.
#[derive(Clone)]
struct Tls {
    connect: MakeRustlsConnect,
    server_name: Option<String>,
}

impl Tls {
    fn new(client: &ClientTls) -> Result<Self, ListenError> {
        let connect = MakeRustlsConnect::new(Arc::unwrap_or_clone(tls::client(client)?));
        Ok(Self { connect, server_name: client.server_name.clone() })
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;
    type TlsConnect = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;
    type Error = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<Self::TlsConnect, Self::Error> {
        let name = self.server_name.as_deref().unwrap_or(host);
        MakeTlsConnect::<Socket>::make_tls_connect(&mut self.connect, name)
    }
}

fn is_on_this_machine(config: &postgres::Config) -> bool {
    let names_it = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(names_it) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// Schemas are named without quotes.
fn is_schema(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c == '_';
    name.len() < 64 && name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

fn read_password(path: &Path) -> Result<String, ListenError> {
    let unreadable = |e| ListenError::file("cannot read the password", path, e);
    if fs::metadata(path).map_err(unreadable)?.len() > MAX_PASSWORD {
        return Err(ListenError::Config(format!("expected a password in {}", path.display())));
    }
    let password = fs::read_to_string(path).map_err(unreadable)?;
    Ok(password.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(text: &str) -> QueueConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn only_this_machine_is_talked_to_in_the_clear() {
        for here in ["localhost", "127.0.0.1", "[::1]:5433", "%2Frun%2Fpostgresql", "localhost,127.0.0.2"] {
            assert!(Server::checked(&queue(&format!("url = \"postgres://u@{here}/d\""))).is_ok(), "{here}");
        }
        for there in ["db.example", "10.0.0.1", "localhost,db.example", "localhost/d?hostaddr=10.0.0.1&dbname="] {
            let text = format!("url = \"postgres://u@{there}/d\"");
            assert!(Server::checked(&queue(&text)).is_err(), "{there}");
        }
        let there = "url = \"postgres://u@db.example/d\"\n";
        assert!(Server::checked(&queue(&format!("{there}unencrypted = true"))).is_ok());
        assert!(Server::checked(&queue(&format!("{there}tls = {{ ca = \"ca.pem\" }}"))).is_ok());
        assert!(Server::checked(&queue("url = \"postgres://u@localhost/d?sslmode=require\"")).is_err());
    }

    #[test]
    fn nothing_says_the_password() {
        let cases = [
            "url = \"postgres://u:CANARY@db.example/d\"",
            "url = \"postgres://u:CANARY@localhost:port/d\"",
            "url = \"host=localhost password=CANARY\"",
            "url = \"postgres://u:CANARY@localhost/d\"\nschema = \"No Schema\"",
        ];
        for case in cases {
            let queue = queue(case);
            let error = Server::checked(&queue).unwrap_err();
            assert!(!format!("{error} {error:?} {queue:?}").contains("CANARY"), "{case}");
        }
    }

    #[test]
    fn a_schema_is_a_plain_name() {
        assert!(is_schema("knowmvg") && is_schema("_a1"));
        for name in ["", "1a", "A", "a b", "a\"; DROP", &"a".repeat(64)] {
            assert!(!is_schema(name), "{name}");
        }
    }
}

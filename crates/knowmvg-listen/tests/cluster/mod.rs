//! A server of PostgreSQL that lives as long as the tests, in a folder of its own.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

use crate::authority::Identity;

/// Of the role that owns everything.
pub(crate) const PASSWORD: &str = "CANARYPASSWORD";

/// Longest wait for a server.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server; it is stopped, and its folder deleted, when this is dropped or the process dies.
pub(crate) struct Cluster {
    programs: PathBuf,
    /// With `data` in it.
    pub folder: PathBuf,
    port: u16,
    identity: Option<Identity>,
    script: Option<Child>,
}

impl Cluster {
    /// Starts one, with TLS if it has a certificate; `None` if PostgreSQL is not installed.
    pub(crate) fn start(identity: Option<Identity>) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("knowmvg-postgres-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(name);
        let mut cluster = Self { programs: programs()?, folder, port, identity, script: None };
        cluster.start_again();
        Some(cluster)
    }

    /// As before a [`Self::stop`].
    pub(crate) fn start_again(&mut self) {
        // It refuses to run as root.
        let mut command = if std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        let text = |of: fn(&Identity) -> &String| self.identity.as_ref().map_or(String::new(), |i| of(i).clone());
        // No process of this computer outlives it in these tests, so nothing has to wait for its disk.
        let settings = [
            "-c",
            "fsync=off",
            "-c",
            "autovacuum=off",
            "-c",
            if self.identity.is_some() { "ssl=on" } else { "ssl=off" },
        ];
        let script = command
            .args(["-c", include_str!("server.sh"), "sh"])
            .args([self.folder.as_os_str(), self.programs.as_os_str()])
            .arg(self.port.to_string())
            .args(settings)
            .current_dir("/")
            .env("PASSWORD", PASSWORD)
            .env("CERTIFICATE", text(|identity| &identity.certificate))
            .env("KEY", text(|identity| &identity.key))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.script = Some(script.unwrap());
        let end = Instant::now() + PATIENCE;
        while Client::connect(&self.url("postgres"), NoTls).is_err() {
            assert!(Instant::now() < end, "PostgreSQL does not start in {}", self.folder.display());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops it as at a loss of power.
    pub(crate) fn stop(&mut self) {
        let mut script = self.script.take().unwrap();
        script.stdin.take().unwrap().write_all(b"stop\n").unwrap();
        script.wait().unwrap();
    }

    /// Address of a database, with the password in it.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://knowmvg:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// What it has written about itself.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("server.log")).unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut script) = self.script.take() {
            drop(script.stdin.take());
            drop(script.wait());
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Folder of the newest version that is installed, on the path or where Debian has it.
fn programs() -> Option<PathBuf> {
    let has_it = |folder: &PathBuf| folder.join("initdb").exists() && folder.join("postgres").exists();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut debian: Vec<_> = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().collect();
    debian.sort_by_key(|version| version.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    let debian = debian.iter().rev().map(|version| version.path().join("bin"));
    std::env::split_paths(&path).chain(debian).find(has_it)
}

//! The whole node with the shipped model, over sockets on loopback: from images and reports to results in an archive.

mod archive;
#[path = "../authority/mod.rs"]
mod authority;
#[path = "../cluster/mod.rs"]
mod cluster;
mod database;
mod encrypted;
mod hostile;
mod outside;
mod refusals;
mod round_trip;
mod scu;

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use knowmvg::grounder::Grounder;
use knowmvg_listen::{Config, Listener, Log};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) static SAMPLE: LazyLock<Vec<u8>> = LazyLock::new(|| std::fs::read(root().join("samples/rg1.dcm")).unwrap());

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A node that runs until the tests are over.
pub(crate) struct Running {
    pub dicom: SocketAddr,
    pub hl7: SocketAddr,
    log: Arc<Mutex<String>>,
    pub folder: PathBuf,
}

impl Running {
    /// Starts a node; `more` is added to its configuration.
    pub fn start(dicom: &str, more: &str) -> Self {
        Self::start_with(dicom, more, |_| String::new())
    }

    /// Starts a node; `hl7` writes files into its folder, and says what the section of HL7 has.
    pub fn start_with(dicom: &str, more: &str, hl7: impl Fn(&Path) -> String) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("knowmvg-node-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let text = format!(
            "data = \"data\"\n[dicom]\nlisten = \"127.0.0.1:0\"\n{dicom}\n[hl7]\nlisten = \"127.0.0.1:0\"\ntimeout_seconds = 5\n{}\n{more}",
            hl7(&folder)
        );
        let config: Config = toml::from_str(&text).unwrap();
        let listener = Listener::new(config.checked(&folder).unwrap()).unwrap();
        let (dicom, hl7) = (listener.dicom_address().unwrap(), listener.hl7_address().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let lines = log.clone();
        std::thread::spawn(move || {
            let log = Log::new(Arc::new(move |line: &str| {
                let mut lines = lines.lock().unwrap();
                lines.push_str(line);
                lines.push('\n');
            }));
            listener.run(Grounder::load(&root().join("models")).unwrap(), &log)
        });
        Self { dicom, hl7, log, folder }
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub fn wait_for(&self, event: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.log().contains(event) {
            assert!(Instant::now() < end, "waited for {event:?}; the log is\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn count(&self, event: &str) -> usize {
        self.log().matches(event).count()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Sends a message of HL7 and returns the answer.
pub(crate) fn hl7(address: SocketAddr, message: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&[b"\x0b", message.as_bytes(), b"\x1c\r"].concat()).unwrap();
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

pub(crate) fn report(accession: &str, patient: &str, words: &str) -> String {
    format!(
        "MSH|^~\\&|RIS|H|KNOWMVG||202611250900||ORU^R01|9|P|2.5.1\rPID|1||{patient}\r\
         OBR|1|||71046||||||||||||||{accession}|||||||F\rOBX|1|TX|IMP||{words}||||||F\r"
    )
}

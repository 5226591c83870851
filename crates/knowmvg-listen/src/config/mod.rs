//! [`Config`]: the file that `knowmvg listen` is started with.

mod queue;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use knowmvg_dicom::deidentify::ProfileOption;
use serde::Deserialize;

pub use queue::{QueueConfig, Secret};

use crate::error::ListenError;
use crate::queue::Server;

/// What the node does, as it stands in a TOML file; relative paths are relative to that file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder with the queue and the files on their way; made if absent, and only readable by the user.
    pub data: PathBuf,
    /// The queue in a server's database instead.
    #[serde(default)]
    pub queue: Option<QueueConfig>,
    /// Days after which an image without anything left to do is forgotten.
    #[serde(default = "default_keep_days")]
    pub keep_days: u32,
    /// Folder of the model; found as for every other command if absent.
    #[serde(default)]
    pub model: Option<PathBuf>,
    /// The DICOM node.
    #[serde(default)]
    pub dicom: Option<DicomConfig>,
    /// Reports by HL7 v2 messages.
    #[serde(default)]
    pub hl7: Option<Hl7Config>,
    /// Reports of a FHIR server.
    #[serde(default)]
    pub fhir: Option<PollConfig>,
    /// Images and reports of a DICOMweb server.
    #[serde(default)]
    pub dicomweb: Option<PollConfig>,
    /// Where results go; every result goes to each of them.
    #[serde(default)]
    pub deliver: Vec<Destination>,
}

/// A DICOM node that takes images and reports in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DicomConfig {
    /// Its application entity title.
    #[serde(default = "default_ae_title")]
    pub ae_title: String,
    /// Address and port.
    pub listen: SocketAddr,
    /// Who may connect; anybody if empty, which only a loopback address allows.
    #[serde(default)]
    pub allow: Vec<Peer>,
    /// Encrypts connections; peers need a certificate of `client_ca` if that is given.
    #[serde(default)]
    pub tls: Option<ServerTls>,
    /// Most connections at once; more are closed.
    #[serde(default = "default_associations")]
    pub max_associations: usize,
    /// Largest object in MiB.
    #[serde(default = "default_object_mib")]
    pub max_object_mib: u64,
    /// A peer that is silent for so many seconds is cut off.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
}

/// Somebody who may connect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Application entity title that it gives.
    pub ae_title: String,
    /// Address that it connects from; any if absent.
    #[serde(default)]
    pub address: Option<IpAddr>,
}

/// Certificate and key of a server, as PEM files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// Chain of certificates, the server's own first.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
    /// Authorities of the peers' certificates; peers need none if absent.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
}

/// What a client proves itself with, and whom it believes, as PEM files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientTls {
    /// Authorities of the server's certificate; for https, those that browsers know if absent.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Chain of certificates, the client's own first.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// Private key.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// Name in the server's certificate; the host of the address if absent.
    #[serde(default)]
    pub server_name: Option<String>,
}

/// A server of HL7 v2 messages in MLLP frames.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hl7Config {
    /// Address and port.
    pub listen: SocketAddr,
    /// Addresses that may connect; anybody if empty, which only a loopback address allows, or `client_ca` of `tls`.
    #[serde(default)]
    pub allow: Vec<IpAddr>,
    /// Encrypts connections; peers need a certificate of `client_ca` if that is given.
    #[serde(default)]
    pub tls: Option<ServerTls>,
    /// Most connections at once; more are closed.
    #[serde(default = "default_associations")]
    pub max_connections: usize,
    /// A peer that is silent for so many seconds is cut off.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
}

/// A server that is asked for news again and again.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PollConfig {
    /// How to reach it.
    pub server: HttpServer,
    /// Seconds between two questions.
    #[serde(default = "default_poll")]
    pub poll_seconds: u64,
    /// How far back the first question goes, in days.
    #[serde(default = "default_back_days")]
    pub back_days: u32,
}

/// An HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpServer {
    /// Base address, e.g. `https://pacs.example/dicom-web`.
    pub url: String,
    /// File with the bearer token.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// Certificates.
    #[serde(default)]
    pub tls: Option<ClientTls>,
    /// An answer that takes longer is given up.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
}

/// Where results go.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// Its name in the queue and in the log.
    pub name: String,
    /// Takes them by STOW-RS; asked by QIDO-RS before anything is sent again.
    #[serde(default)]
    pub stow: Option<HttpServer>,
    /// Takes them by C-STORE.
    #[serde(default)]
    pub store: Option<StoreScp>,
    /// Takes the patient out of what is sent there.
    #[serde(default)]
    pub deidentify: Option<DeidentifyConfig>,
}

/// How the patient is taken out of a result; its content is always cleaned, since nothing would be left of it otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeidentifyConfig {
    /// File with the key, 64 or more hexadecimal digits.
    pub key: PathBuf,
    /// Options of the profile, by the names that `knowmvg deidentify` has.
    #[serde(default)]
    pub options: Vec<String>,
}

impl DeidentifyConfig {
    /// The options, each by its name.
    ///
    /// # Errors
    /// When a name is none.
    pub fn profile_options(&self) -> Result<Vec<ProfileOption>, ListenError> {
        let named = |name: &String| {
            let known = || ProfileOption::ALL.map(ProfileOption::name).join(", ");
            ProfileOption::named(name)
                .ok_or_else(|| ListenError::Config(format!("expected options among {}, found {name:?}", known())))
        };
        self.options.iter().map(named).collect()
    }
}

/// A DICOM node that stores objects.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreScp {
    /// Its application entity title.
    pub ae_title: String,
    /// Host and port.
    pub address: String,
    /// The title we give.
    #[serde(default = "default_ae_title")]
    pub calling_ae_title: String,
    /// Encrypts the connection.
    #[serde(default)]
    pub tls: Option<ClientTls>,
    /// An answer that takes longer is given up.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
}

fn default_ae_title() -> String {
    "KNOWMVG".to_owned()
}

fn default_keep_days() -> u32 {
    7
}

fn default_associations() -> usize {
    16
}

fn default_object_mib() -> u64 {
    256
}

fn default_timeout() -> u64 {
    30
}

fn default_poll() -> u64 {
    10
}

fn default_back_days() -> u32 {
    2
}

/// Longest application entity title (PS3.5 §6.2, AE).
const MAX_AE_TITLE: usize = 16;

impl Config {
    /// Looks for what can't work, and makes relative paths relative to a folder.
    ///
    /// # Errors
    /// When something is missing, or would let everybody in.
    pub fn checked(mut self, folder: &Path) -> Result<Self, ListenError> {
        let wrong = |message: String| Err(ListenError::Config(message));
        if self.dicom.is_none() && self.dicomweb.is_none() {
            return wrong("expected [dicom] or [dicomweb]: no image can arrive".into());
        }
        if self.deliver.is_empty() {
            return wrong("expected at least one [[deliver]]: no result could leave".into());
        }
        let mut names: Vec<&str> = self.deliver.iter().map(|destination| destination.name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return wrong("two [[deliver]] have one name".into());
        }
        if let Some(dicom) = &self.dicom {
            check_title(&dicom.ae_title)?;
            dicom.allow.iter().try_for_each(|peer| check_title(&peer.ae_title))?;
            check_open("dicom", dicom.listen, dicom.allow.is_empty(), dicom.tls.as_ref())?;
        }
        if let Some(hl7) = &self.hl7 {
            check_open("hl7", hl7.listen, hl7.allow.is_empty(), hl7.tls.as_ref())?;
        }
        self.queue.as_ref().map(Server::checked).transpose()?;
        for destination in &self.deliver {
            if destination.stow.is_some() == destination.store.is_some() {
                return wrong(format!("[[deliver]] {:?}: expected either stow or store", destination.name));
            }
            if let Some(scp) = &destination.store {
                check_title(&scp.ae_title)?;
                check_title(&scp.calling_ae_title)?;
            }
            destination.deidentify.as_ref().map(DeidentifyConfig::profile_options).transpose()?;
        }
        self.paths().into_iter().for_each(|path| *path = folder.join(&*path));
        Ok(self)
    }

    /// Every path of the configuration.
    fn paths(&mut self) -> Vec<&mut PathBuf> {
        let mut paths = vec![&mut self.data];
        paths.extend(&mut self.model);
        let servers = [
            self.dicom.as_mut().and_then(|dicom| dicom.tls.as_mut()),
            self.hl7.as_mut().and_then(|hl7| hl7.tls.as_mut()),
        ];
        for tls in servers.into_iter().flatten() {
            paths.extend([&mut tls.certificate, &mut tls.key]);
            paths.extend(&mut tls.client_ca);
        }
        let polls = [&mut self.fhir, &mut self.dicomweb].into_iter().flatten().map(|poll| &mut poll.server);
        let mut clients = vec![];
        if let Some(queue) = &mut self.queue {
            paths.extend(&mut queue.password_file);
            clients.push(&mut queue.tls);
        }
        for server in polls {
            paths.extend(&mut server.token_file);
            clients.push(&mut server.tls);
        }
        for destination in &mut self.deliver {
            if let Some(server) = &mut destination.stow {
                paths.extend(&mut server.token_file);
                clients.push(&mut server.tls);
            }
            if let Some(scp) = &mut destination.store {
                clients.push(&mut scp.tls);
            }
            paths.extend(destination.deidentify.as_mut().map(|deidentify| &mut deidentify.key));
        }
        for tls in clients.into_iter().flatten() {
            paths.extend([&mut tls.ca, &mut tls.certificate, &mut tls.key].into_iter().flatten());
        }
        paths
    }
}

/// On anything but loopback, somebody has to say who may connect.
fn check_open(section: &str, listen: SocketAddr, anybody: bool, tls: Option<&ServerTls>) -> Result<(), ListenError> {
    let is_certified = tls.is_some_and(|tls| tls.client_ca.is_some());
    if listen.ip().is_loopback() || !anybody || is_certified {
        return Ok(());
    }
    let needed = format!("{listen} is no loopback address: [{section}] needs allow, or tls with client_ca");
    Err(ListenError::Config(needed))
}

fn check_title(title: &str) -> Result<(), ListenError> {
    let fits = !title.trim().is_empty()
        && title.len() <= MAX_AE_TITLE
        && title.chars().all(|c| (c.is_ascii_graphic() || c == ' ') && c != '\\');
    if fits {
        Ok(())
    } else {
        Err(ListenError::Config(format!(
            "expected an application entity title of 1 to {MAX_AE_TITLE} ASCII characters, found {title:?}"
        )))
    }
}

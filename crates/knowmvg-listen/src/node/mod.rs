//! The DICOM node: associations, C-ECHO and C-STORE.

mod access;
mod association;
mod command;

use std::sync::Arc;
use std::time::Duration;

use dicom_ul::association::server::ServerAssociationOptions;
use rustls::ServerConfig;

use self::access::Allowed;
use self::association::serve;
use crate::config::DicomConfig;
use crate::error::ListenError;
use crate::intake::Intake;
use crate::log::Log;
use crate::port::Port;
use crate::tls;

pub(crate) use command::{Command, MAX_COMMAND, status};

/// Longest PDU that is taken: the largest that the library allows a requestor to ask for is far more.
const MAX_PDU: u32 = 1 << 17;

/// Transfer syntaxes that are taken. Explicit and implicit little endian first; the others are those that the decoder
/// reads, and an object is kept in the one it came in.
const TRANSFER_SYNTAXES: [&str; 11] = [
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.5",
];

/// SOP classes that are taken: verification, plain radiographs, and reports in words.
const SOP_CLASSES: [&str; 7] = [
    "1.2.840.10008.1.1",
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.88.11",
    "1.2.840.10008.5.1.4.1.1.88.22",
    "1.2.840.10008.5.1.4.1.1.88.33",
];

/// A node that has its port.
pub(crate) struct Node {
    port: Port,
    config: DicomConfig,
    tls: Option<Arc<ServerConfig>>,
}

impl Node {
    /// Takes the port and reads the certificates.
    ///
    /// # Errors
    /// When somebody else has the port, or a certificate can't be read.
    pub fn bind(config: &DicomConfig) -> Result<Self, ListenError> {
        let port = Port::bind(config.listen, config.max_associations, "dicom connection refused: too many")?;
        let tls = config.tls.as_ref().map(tls::server).transpose()?;
        Ok(Self { port, config: config.clone(), tls })
    }

    /// Where it listens.
    pub fn address(&self) -> std::io::Result<std::net::SocketAddr> {
        self.port.address()
    }

    /// Takes connections for ever.
    pub fn run(&self, intake: &Arc<Intake>, log: &Log) {
        self.port.run(log, |peer| {
            let allowed = Allowed::new(&self.config, peer.ip());
            let options = options(&self.config.ae_title, allowed, self.timeout());
            let (tls, intake, log) = (self.tls.clone(), intake.clone(), log.clone());
            let limit = self.config.max_object_mib << 20;
            Some(move |stream| {
                // The library's errors may quote a peer's messages, so only their kind is told.
                let outcome = match tls {
                    Some(config) => {
                        options.tls_config(config).establish_tls(stream).ok().map(|a| serve(a, &intake, limit))
                    }
                    None => options.establish(stream).ok().map(|a| serve(a, &intake, limit)),
                };
                match outcome {
                    None => log.event("dicom association refused"),
                    Some(Err(broken)) => log.with("dicom association broken", serde_json::json!({"problem": broken.0})),
                    Some(Ok(())) => {}
                }
            })
        });
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.config.timeout_seconds.max(1))
    }
}

fn options(
    title: &str,
    allowed: Allowed,
    timeout: Duration,
) -> ServerAssociationOptions<'static, Allowed, dicom_ul::association::server::DefaultNegotiation> {
    let mut options = ServerAssociationOptions::new()
        .ae_access_control(allowed)
        .ae_title(title.to_owned())
        .max_pdu_length(MAX_PDU)
        .strict(false)
        .read_timeout(timeout)
        .write_timeout(timeout);
    for sop_class in SOP_CLASSES {
        options = options.with_abstract_syntax(sop_class);
    }
    for transfer_syntax in TRANSFER_SYNTAXES {
        options = options.with_transfer_syntax(transfer_syntax);
    }
    options
}

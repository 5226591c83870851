//! HL7 over TLS, with clients as rustls makes them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::authority::{Authority, Identity};
use knowmvg_listen::Config;

use crate::{Running, report};

const NOWHERE: &str = "[[deliver]]\nname = \"x\"\nstow = { url = \"http://127.0.0.1:9/rs\" }\n";

/// Sends a message and returns the answer, as far as one comes.
fn ask(
    address: SocketAddr,
    believes: &Authority,
    identity: Option<&Identity>,
    message: &str,
) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(believes.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(crate::PATIENCE)).unwrap();
    let mut stream = StreamOwned::new(connection, stream);
    stream.write_all(&[b"\x0b", message.as_bytes(), b"\x1c\r"].concat())?;
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

/// What a client in the clear gets.
fn ask_in_the_clear(address: SocketAddr, message: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(crate::PATIENCE)).unwrap();
    stream.write_all(&[b"\x0b", message.as_bytes(), b"\x1c\r"].concat()).unwrap();
    let mut answer = Vec::new();
    // Hung up on, with a reset or without.
    drop(stream.read_to_end(&mut answer));
    answer
}

/// A node with a certificate of an authority, and the authority.
fn node(needs_certificates: bool) -> (Running, Authority) {
    let hospital = Authority::new();
    let identity = hospital.sign();
    let node = Running::start_with("", NOWHERE, |folder| {
        std::fs::write(folder.join("node.pem"), &identity.certificate).unwrap();
        std::fs::write(folder.join("node.key"), &identity.key).unwrap();
        hospital.write(folder, "hospital.pem");
        let ca = if needs_certificates { ", client_ca = \"hospital.pem\"" } else { "" };
        format!("tls = {{ certificate = \"node.pem\", key = \"node.key\"{ca} }}")
    });
    (node, hospital)
}

#[test]
fn a_report_is_taken_over_tls_and_not_in_the_clear() {
    let (node, hospital) = node(false);
    let message = report("ACC", "CANARYPATIENT", "CANARYWORD");
    let answer = ask_in_the_clear(node.hl7, &message);
    assert!(!answer.windows(4).any(|four| four == b"MSA|"), "{answer:?}");
    node.wait_for("hl7 connection broken");
    assert_eq!(node.count("report taken in"), 0);
    assert!(ask(node.hl7, &Authority::new(), None, &message).is_err(), "the client doesn't know this authority");
    assert!(ask(node.hl7, &hospital, None, &message).unwrap().contains("MSA|AA|9"));
    assert_eq!(node.count("report taken in"), 1);
    assert!(!node.log().contains("CANARY"));
}

#[test]
fn with_client_ca_only_peers_with_a_certificate_of_it_are_let_in() {
    let (node, hospital) = node(true);
    let message = report("ACC", "P", "Effusion.");
    assert!(ask(node.hl7, &hospital, None, &message).is_err(), "without a certificate");
    let stranger = Authority::new().sign();
    assert!(ask(node.hl7, &hospital, Some(&stranger), &message).is_err(), "with one of somebody else");
    assert!(!ask_in_the_clear(node.hl7, &message).windows(4).any(|four| four == b"MSA|"));
    assert_eq!(node.count("report taken in"), 0);
    assert!(ask(node.hl7, &hospital, Some(&hospital.sign()), &message).unwrap().contains("MSA|AA|9"));
}

#[test]
fn beyond_loopback_somebody_says_who_may_connect() {
    let node = "data = \"q\"\n[dicom]\nlisten = \"127.0.0.1:0\"\n[hl7]\nlisten = \"0.0.0.0:0\"\n";
    let tls = "certificate = \"node.pem\", key = \"node.key\"";
    let cases = [
        (String::new(), false),
        (format!("tls = {{ {tls} }}\n"), false),
        ("allow = [\"10.0.0.7\"]\n".to_owned(), true),
        (format!("tls = {{ {tls}, client_ca = \"hospital.pem\" }}\n"), true),
    ];
    for (who, may) in cases {
        let config: Config = toml::from_str(&format!("{node}{who}{NOWHERE}")).unwrap();
        let checked = config.checked(std::path::Path::new("/etc"));
        assert_eq!(checked.is_ok(), may, "{who}");
        if let Some(tls) = checked.ok().and_then(|config| config.hl7.unwrap().tls) {
            assert_eq!(tls.key, std::path::Path::new("/etc/node.key"), "paths are relative to the configuration");
        }
    }
}

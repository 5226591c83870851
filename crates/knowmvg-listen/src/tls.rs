//! Certificates and keys from PEM files, as rustls takes them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::config::{ClientTls, ServerTls};
use crate::error::ListenError;

/// Largest file of certificates.
const MAX_PEM: u64 = 1 << 20;

/// For connections that we accept.
///
/// # Errors
/// When a file can't be read or holds nothing that fits.
pub(crate) fn server(tls: &ServerTls) -> Result<Arc<ServerConfig>, ListenError> {
    let builder =
        ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().map_err(wrong)?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(ca)?), provider());
            builder.with_client_cert_verifier(verifier.build().map_err(wrong)?)
        }
    };
    let config = builder.with_single_cert(certificates(&tls.certificate)?, key(&tls.key)?).map_err(wrong)?;
    Ok(Arc::new(config))
}

/// For connections to DICOM nodes and databases that we open.
///
/// # Errors
/// When a file can't be read or holds nothing that fits, or no authority is named.
pub(crate) fn client(tls: &ClientTls) -> Result<Arc<ClientConfig>, ListenError> {
    let ca = tls.ca.as_deref().ok_or_else(|| ListenError::Tls("expected ca, the authorities of the server".into()))?;
    let builder =
        ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().map_err(wrong)?;
    let builder = builder.with_root_certificates(roots(ca)?);
    let config = match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(private)) => {
            builder.with_client_auth_cert(certificates(certificate)?, key(private)?).map_err(wrong)?
        }
        (None, None) => builder.with_no_client_auth(),
        _ => return Err(ListenError::Tls("expected certificate and key, or neither".into())),
    };
    Ok(Arc::new(config))
}

/// Bytes of a PEM file.
///
/// # Errors
/// When it can't be read, or is no file of certificates by its size.
pub(crate) fn pem(path: &Path) -> Result<Vec<u8>, ListenError> {
    let unreadable = |e| ListenError::file("cannot read the certificates", path, e);
    if fs::metadata(path).map_err(unreadable)?.len() > MAX_PEM {
        return Err(ListenError::Tls(format!("{} is too large", path.display())));
    }
    fs::read(path).map_err(unreadable)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ListenError> {
    let bytes = pem(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(ListenError::Tls(format!("no certificate in {}", path.display()))),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, ListenError> {
    PrivateKeyDer::from_pem_slice(&pem(path)?)
        .map_err(|_| ListenError::Tls(format!("no private key in {}", path.display())))
}

fn roots(path: &Path) -> Result<RootCertStore, ListenError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates(path)?);
    if added == 0 {
        return Err(ListenError::Tls(format!("no authority in {}", path.display())));
    }
    Ok(roots)
}

fn wrong(error: impl std::fmt::Display) -> ListenError {
    ListenError::Tls(error.to_string())
}

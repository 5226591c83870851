//! [`Allowed`]: who may open an association.

use std::net::IpAddr;

use dicom_ul::association::server::AccessControl;
use dicom_ul::pdu::{AssociationRJServiceUserReason, UserIdentity};

use crate::config::{DicomConfig, Peer};

/// Lets a connection in by the title it gives, the address it comes from and the title it calls.
pub(crate) struct Allowed {
    peers: Vec<Peer>,
    from: IpAddr,
}

impl Allowed {
    /// For one connection.
    pub fn new(config: &DicomConfig, from: IpAddr) -> Self {
        Self { peers: config.allow.clone(), from: from.to_canonical() }
    }

    fn lets_in(&self, title: &str) -> bool {
        let is_peer = |peer: &Peer| {
            peer.ae_title.trim() == title.trim()
                && peer.address.is_none_or(|address| address.to_canonical() == self.from)
        };
        self.peers.is_empty() || self.peers.iter().any(is_peer)
    }
}

impl AccessControl for Allowed {
    fn check_access(
        &self,
        this: &str,
        calling: &str,
        called: &str,
        _: Option<&UserIdentity>,
    ) -> Result<(), AssociationRJServiceUserReason> {
        if called.trim() != this.trim() {
            return Err(AssociationRJServiceUserReason::CalledAETitleNotRecognized);
        }
        if !self.lets_in(calling) {
            return Err(AssociationRJServiceUserReason::CallingAETitleNotRecognized);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(peers: &[(&str, Option<&str>)], from: &str) -> Allowed {
        let peers = peers
            .iter()
            .map(|(title, address)| Peer {
                ae_title: (*title).to_owned(),
                address: address.map(|address| address.parse().unwrap()),
            })
            .collect();
        Allowed { peers, from: from.parse::<IpAddr>().unwrap().to_canonical() }
    }

    #[test]
    fn an_empty_list_lets_everybody_in_who_calls_the_right_title() {
        let allowed = allowed(&[], "127.0.0.1");
        assert!(allowed.check_access("KNOWMVG", "ANYBODY", "KNOWMVG ", None).is_ok());
        assert!(allowed.check_access("KNOWMVG", "ANYBODY", "OTHER", None).is_err());
    }

    #[test]
    fn a_title_from_another_address_is_a_stranger() {
        let peers = [("PACS", Some("127.0.0.2")), ("CR1", None)];
        assert!(!allowed(&peers, "127.0.0.1").lets_in("PACS"));
        assert!(allowed(&peers, "127.0.0.2").lets_in("PACS  "));
        assert!(allowed(&peers, "::ffff:127.0.0.2").lets_in("PACS"));
        assert!(allowed(&peers, "127.0.0.9").lets_in("CR1"));
        assert!(!allowed(&peers, "127.0.0.9").lets_in("cr1"));
    }
}

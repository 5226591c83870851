//! Results by C-STORE; C-FIND asks whether one is there.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use dicom_ul::association::CloseSocket;
use dicom_ul::association::client::{ClientAssociation, ClientAssociationOptions};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu, PresentationContextResultReason};
use knowmvg_dicom::Identifiers;
use rustls::ClientConfig;

use super::{Attempt, Sender};
use crate::config::StoreScp;
use crate::error::ListenError;
use crate::node::{Command, MAX_COMMAND, status};
use crate::part10;
use crate::queue::{Delivery, NotSent};
use crate::tls;

const VERIFICATION: &str = "1.2.840.10008.1.1";
const STUDY_ROOT_FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";
const IMPLICIT_LITTLE: &str = "1.2.840.10008.1.2";

/// Most answers to one C-FIND that are read; one is expected.
const MAX_MATCHES: usize = 100;

/// A DICOM node that results go to.
pub(super) struct Store {
    scp: StoreScp,
    tls: Option<Arc<ClientConfig>>,
}

impl Store {
    pub fn new(scp: &StoreScp) -> Result<Self, ListenError> {
        let tls = scp.tls.as_ref().map(tls::client).transpose()?;
        Ok(Self { scp: scp.clone(), tls })
    }

    /// Proposes one presentation context and does something with the association.
    fn with<T>(
        &self,
        abstract_syntax: &str,
        transfer_syntax: &str,
        work: impl Fn(&mut dyn Associated, u8) -> Result<T, Attempt>,
    ) -> Result<T, Attempt> {
        let timeout = Duration::from_secs(self.scp.timeout_seconds.max(1));
        let options = ClientAssociationOptions::new()
            .calling_ae_title(self.scp.calling_ae_title.clone())
            .called_ae_title(self.scp.ae_title.clone())
            .with_presentation_context(abstract_syntax.to_owned(), vec![transfer_syntax.to_owned()])
            .read_timeout(timeout)
            .write_timeout(timeout)
            .connection_timeout(timeout);
        match &self.tls {
            None => in_association(options.establish(self.scp.address.as_str()), work),
            Some(config) => {
                let host = self.scp.address.rsplit_once(':').map_or(self.scp.address.as_str(), |(host, _)| host);
                let name = self.scp.tls.as_ref().and_then(|tls| tls.server_name.as_deref()).unwrap_or(host);
                let options = options.tls_config(config.clone()).server_name(name);
                in_association(options.establish_tls(self.scp.address.as_str()), work)
            }
        }
    }
}

impl Sender for Store {
    fn has(&self, delivery: &Delivery, file: &[u8]) -> Result<Option<bool>, Attempt> {
        let Ok(identifiers) = Identifiers::read(file) else { return Ok(None) };
        let query = identifier(delivery, &identifiers.series_instance_uid);
        let found = self.with(STUDY_ROOT_FIND, IMPLICIT_LITTLE, |association, context| {
            association.request(context, &Command::find(1, STUDY_ROOT_FIND), &query)?;
            for matches in 0..MAX_MATCHES {
                match association.answer()? {
                    // Pending: one match, whose attributes say nothing new.
                    0xff00 | 0xff01 => {}
                    status::SUCCESS => return Ok(Some(matches > 0)),
                    _ => return Ok(None),
                }
            }
            Ok(None)
        });
        match found {
            Err(attempt) if attempt.outcome == NotSent::Refused => Ok(None),
            found => found,
        }
    }

    fn check(&self) -> Result<(), Attempt> {
        let answer = self.with(VERIFICATION, IMPLICIT_LITTLE, |association, context| {
            association.command(context, &Command::echo(1))?;
            association.answer()
        })?;
        match answer {
            status::SUCCESS => Ok(()),
            _ => Err(Attempt::new(NotSent::NotThere, format!("the node answered with status {answer:04x}"))),
        }
    }

    fn send(&self, delivery: &Delivery, file: &[u8]) -> Result<(), Attempt> {
        let (transfer_syntax, data_set) =
            part10::data_set(file).ok_or_else(|| Attempt::new(NotSent::Refused, "the result's file is damaged"))?;
        let transfer_syntax = if transfer_syntax.is_empty() { EXPLICIT_LITTLE } else { &transfer_syntax };
        let command = Command::store(1, &delivery.sop_class_uid, &delivery.sop_instance_uid);
        let answer = self.with(&delivery.sop_class_uid, transfer_syntax, |association, context| {
            association.request(context, &command, data_set)?;
            association.answer()
        })?;
        match answer {
            // PS3.4 §B.2.3: 0 is success, Bxxx are warnings of something that was stored.
            status::SUCCESS | 0xb000..=0xbfff => Ok(()),
            0xa700..=0xa7ff | 0x0124 => {
                Err(Attempt::new(NotSent::NotThere, format!("the node answered with status {answer:04x}")))
            }
            _ => Err(Attempt::new(NotSent::Refused, format!("the node answered with status {answer:04x}"))),
        }
    }
}

/// What is asked of an association, with or without encryption.
trait Associated {
    /// Sends a command set.
    fn command(&mut self, context: u8, command: &Command) -> Result<(), Attempt>;

    /// Sends a command set and the data set after it.
    fn request(&mut self, context: u8, command: &Command, data_set: &[u8]) -> Result<(), Attempt>;

    /// The status of the next answer; its data set, if any, is passed over.
    fn answer(&mut self) -> Result<u16, Attempt>;
}

impl<S: Read + Write + CloseSocket> Associated for ClientAssociation<S> {
    fn command(&mut self, context: u8, command: &Command) -> Result<(), Attempt> {
        let value = PDataValue {
            presentation_context_id: context,
            value_type: PDataValueType::Command,
            is_last: true,
            data: command.bytes(),
        };
        self.send(&Pdu::PData { data: vec![value] }).map_err(|_| lost())
    }

    fn request(&mut self, context: u8, command: &Command, data_set: &[u8]) -> Result<(), Attempt> {
        self.command(context, command)?;
        let mut writer = self.send_pdata(context);
        writer.write_all(data_set).map_err(|_| lost())?;
        writer.finish().map_err(|_| lost())
    }

    fn answer(&mut self) -> Result<u16, Attempt> {
        let mut command = Vec::new();
        let mut answer: Option<Command> = None;
        loop {
            let Pdu::PData { data } = self.receive().map_err(|_| lost())? else { return Err(lost()) };
            for value in data {
                match value.value_type {
                    PDataValueType::Command => {
                        command.extend(value.data);
                        if command.len() > MAX_COMMAND {
                            return Err(lost());
                        }
                        if value.is_last {
                            answer = Some(Command::parse(&command).ok_or_else(lost)?);
                        }
                    }
                    PDataValueType::Data if !value.is_last => continue,
                    PDataValueType::Data => return answer.as_ref().and_then(Command::status).ok_or_else(lost),
                }
                if let Some(answer) = answer.as_ref().filter(|answer| !answer.has_data_set()) {
                    return answer.status().ok_or_else(lost);
                }
            }
        }
    }
}

fn in_association<S: Read + Write + CloseSocket, T>(
    opened: Result<ClientAssociation<S>, dicom_ul::association::Error>,
    work: impl Fn(&mut dyn Associated, u8) -> Result<T, Attempt>,
) -> Result<T, Attempt> {
    use dicom_ul::association::Error;
    // The library's errors may quote the peer's messages, so only their kind is told.
    let mut association = opened.map_err(|error| match error {
        Error::NoAcceptedPresentationContexts { .. } => {
            Attempt::new(NotSent::Refused, "the node does not take objects of this class")
        }
        Error::Rejected { .. } => Attempt::new(NotSent::NotThere, "the node rejected the association"),
        _ => Attempt::new(NotSent::NotThere, "the node cannot be reached"),
    })?;
    let context = association
        .presentation_contexts()
        .iter()
        .find(|context| context.reason == PresentationContextResultReason::Acceptance)
        .map(|context| context.id)
        .ok_or_else(|| Attempt::new(NotSent::Refused, "the node does not take objects of this class"))?;
    let outcome = work(&mut association, context);
    // What was answered counts, whether or not the goodbye gets through.
    drop(association.release());
    outcome
}

fn lost() -> Attempt {
    Attempt::new(NotSent::Unsure, "the connection was lost")
}

/// The identifier of a C-FIND for one object, in implicit VR little endian.
fn identifier(delivery: &Delivery, series: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut element = |group: u16, number: u16, value: &str, pad: u8| {
        let mut value = value.as_bytes().to_vec();
        if !value.len().is_multiple_of(2) {
            value.push(pad);
        }
        bytes.extend(group.to_le_bytes());
        bytes.extend(number.to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.append(&mut value);
    };
    element(0x0008, 0x0018, &delivery.sop_instance_uid, 0);
    element(0x0008, 0x0052, "IMAGE", b' ');
    element(0x0020, 0x000d, &delivery.study_instance_uid, 0);
    element(0x0020, 0x000e, series, 0);
    bytes
}

//! One association from its acceptance to its end.

use std::io::{Read, Write};

use dicom_ul::association::CloseSocket;
use dicom_ul::association::server::ServerAssociation;
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};

use super::command::{Command, MAX_COMMAND, field, status};
use crate::intake::{Intake, Refused};
use crate::part10;

/// Why an association ended before it was released.
pub(super) struct Broken(pub &'static str);

/// Answers requests until the peer releases the association.
///
/// # Errors
/// When the peer breaks the protocol, is silent for too long, or goes away.
pub(super) fn serve<S: Read + Write + CloseSocket>(
    mut association: ServerAssociation<S>,
    intake: &Intake,
    limit: u64,
) -> Result<(), Broken> {
    let mut message = Message::default();
    loop {
        match association.receive().map_err(|_| Broken("the connection was lost"))? {
            Pdu::PData { data } => {
                for value in data {
                    let Some(complete) = message.take(value, limit)? else { continue };
                    answer(&mut association, complete, intake)?;
                    message = Message::default();
                }
            }
            Pdu::ReleaseRQ => {
                association.send(&Pdu::ReleaseRP).map_err(|_| Broken("the connection was lost"))?;
                return Ok(());
            }
            Pdu::AbortRQ { .. } => return Err(Broken("the peer gave up")),
            _ => {
                // The peer learns of it; whether that reaches it makes no difference.
                let _ = association.abort();
                return Err(Broken("a message out of turn"));
            }
        }
    }
}

/// A message that arrives in fragments: a command set, then perhaps a data set.
#[derive(Default)]
struct Message {
    context: Option<u8>,
    command_bytes: Vec<u8>,
    command: Option<Command>,
    data: Vec<u8>,
    /// The data set is too large; it is passed over to its end, so that the peer can be answered.
    is_too_large: bool,
}

/// A message that is complete.
struct Complete {
    context: u8,
    command: Command,
    data: Vec<u8>,
    is_too_large: bool,
}

impl Message {
    /// Adds a fragment; returns the message when it was the last.
    fn take(&mut self, value: PDataValue, limit: u64) -> Result<Option<Complete>, Broken> {
        if *self.context.get_or_insert(value.presentation_context_id) != value.presentation_context_id {
            return Err(Broken("a message in two presentation contexts"));
        }
        match (value.value_type, &self.command) {
            (PDataValueType::Command, None) => {
                self.command_bytes.extend_from_slice(&value.data);
                if self.command_bytes.len() > MAX_COMMAND {
                    return Err(Broken("a command set that is too long"));
                }
                if !value.is_last {
                    return Ok(None);
                }
                let command = Command::parse(&self.command_bytes).ok_or(Broken("a command set that can't be read"))?;
                let is_complete = !command.has_data_set();
                self.command = Some(command);
                Ok(is_complete.then(|| self.complete()))
            }
            (PDataValueType::Data, Some(_)) => {
                if self.data.len() as u64 + value.data.len() as u64 > limit {
                    self.is_too_large = true;
                    self.data = Vec::new();
                }
                if !self.is_too_large {
                    self.data.extend_from_slice(&value.data);
                }
                Ok(value.is_last.then(|| self.complete()))
            }
            _ => Err(Broken("a data set without its command, or two commands")),
        }
    }

    fn complete(&mut self) -> Complete {
        let message = std::mem::take(self);
        Complete {
            context: message.context.unwrap_or_default(),
            command: message.command.unwrap_or_default(),
            data: message.data,
            is_too_large: message.is_too_large,
        }
    }
}

fn answer<S: Read + Write + CloseSocket>(
    association: &mut ServerAssociation<S>,
    message: Complete,
    intake: &Intake,
) -> Result<(), Broken> {
    let context = association.presentation_contexts().iter().find(|context| context.id == message.context);
    let transfer_syntax =
        context.ok_or(Broken("a presentation context that was not agreed on"))?.transfer_syntax.clone();
    let status = match message.command.field() {
        Some(field::C_ECHO_RQ) => status::SUCCESS,
        Some(field::C_STORE_RQ) if message.is_too_large => status::OUT_OF_RESOURCES,
        Some(field::C_STORE_RQ) => store(&message, &transfer_syntax, intake),
        Some(_) => status::UNRECOGNIZED_OPERATION,
        None => return Err(Broken("a command set without a command")),
    };
    let data = message.command.response(status).bytes();
    let value = PDataValue {
        presentation_context_id: message.context,
        value_type: PDataValueType::Command,
        is_last: true,
        data,
    };
    association.send(&Pdu::PData { data: vec![value] }).map_err(|_| Broken("the connection was lost"))
}

/// Takes an object in; success means that it is on the disk.
fn store(message: &Complete, transfer_syntax: &str, intake: &Intake) -> u16 {
    let (class, instance) = (message.command.sop_class(), message.command.sop_instance());
    let file = part10::file(&class, &instance, transfer_syntax, &message.data);
    match intake.object(&file) {
        Ok(_) => status::SUCCESS,
        Err(Refused::NotOurs) => status::SOP_CLASS_NOT_SUPPORTED,
        Err(Refused::Unreadable) => status::CANNOT_UNDERSTAND,
        Err(Refused::Later) => status::OUT_OF_RESOURCES,
    }
}

//! [`Command`]: the command set of a DIMSE message.
//!
//! # Source
//! PS3.7 §9.3 and annex E: implicit VR little endian, group 0000 only.

use std::collections::BTreeMap;

/// Status codes of C-STORE and C-ECHO (PS3.4 §B.2.3, PS3.7 annex C).
pub(crate) mod status {
    /// It is stored.
    pub const SUCCESS: u16 = 0x0000;
    /// Refused: out of resources; the sender may try again later.
    pub const OUT_OF_RESOURCES: u16 = 0xA700;
    /// Error: cannot understand.
    pub const CANNOT_UNDERSTAND: u16 = 0xC000;
    /// Refused: SOP class not supported.
    pub const SOP_CLASS_NOT_SUPPORTED: u16 = 0x0122;
    /// The operation is none of ours.
    pub const UNRECOGNIZED_OPERATION: u16 = 0x0211;
}

/// Command Field (0000,0100).
pub(crate) mod field {
    pub const C_STORE_RQ: u16 = 0x0001;
    pub const C_FIND_RQ: u16 = 0x0020;
    pub const C_ECHO_RQ: u16 = 0x0030;
    /// Of an answer.
    pub const RESPONSE: u16 = 0x8000;
}

const GROUP_LENGTH: u16 = 0x0000;
const AFFECTED_SOP_CLASS_UID: u16 = 0x0002;
const COMMAND_FIELD: u16 = 0x0100;
const MESSAGE_ID: u16 = 0x0110;
const MESSAGE_ID_BEING_RESPONDED_TO: u16 = 0x0120;
const PRIORITY: u16 = 0x0700;
const COMMAND_DATA_SET_TYPE: u16 = 0x0800;
const STATUS: u16 = 0x0900;
const AFFECTED_SOP_INSTANCE_UID: u16 = 0x1000;

/// Command Data Set Type when no data set follows.
const NO_DATA_SET: u16 = 0x0101;
const A_DATA_SET: u16 = 0x0001;

/// Longest command set that is read; real ones have some hundred bytes.
pub(crate) const MAX_COMMAND: usize = 16 << 10;

/// Elements of group 0000 by their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Command {
    elements: BTreeMap<u16, Vec<u8>>,
}

impl Command {
    /// Reads a command set; `None` if it is none.
    pub fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut elements = BTreeMap::new();
        while !bytes.is_empty() {
            let (header, rest) = bytes.split_first_chunk::<8>()?;
            let [g0, g1, e0, e1, l0, l1, l2, l3] = *header;
            let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            if u16::from_le_bytes([g0, g1]) != 0 || length > rest.len() {
                return None;
            }
            let (value, rest) = rest.split_at(length);
            elements.insert(u16::from_le_bytes([e0, e1]), value.to_vec());
            bytes = rest;
        }
        Some(Self { elements })
    }

    /// Writes it, with its length in front.
    pub fn bytes(&self) -> Vec<u8> {
        let mut rest = Vec::new();
        for (element, value) in self.elements.iter().filter(|(element, _)| **element != GROUP_LENGTH) {
            write_element(&mut rest, *element, value);
        }
        let mut bytes = Vec::new();
        write_element(&mut bytes, GROUP_LENGTH, &(rest.len() as u32).to_le_bytes());
        bytes.append(&mut rest);
        bytes
    }

    /// What is asked for or answered.
    pub fn field(&self) -> Option<u16> {
        self.number(COMMAND_FIELD)
    }

    /// Whether a data set follows.
    pub fn has_data_set(&self) -> bool {
        self.number(COMMAND_DATA_SET_TYPE).is_some_and(|kind| kind != NO_DATA_SET)
    }

    /// Of an answer.
    pub fn status(&self) -> Option<u16> {
        self.number(STATUS)
    }

    /// Affected SOP Class UID.
    pub fn sop_class(&self) -> String {
        self.uid(AFFECTED_SOP_CLASS_UID)
    }

    /// Affected SOP Instance UID.
    pub fn sop_instance(&self) -> String {
        self.uid(AFFECTED_SOP_INSTANCE_UID)
    }

    /// The answer to this request.
    pub fn response(&self, status: u16) -> Self {
        let mut answer = Self::default();
        answer.set_number(COMMAND_FIELD, self.field().unwrap_or_default() | field::RESPONSE);
        answer.set_number(MESSAGE_ID_BEING_RESPONDED_TO, self.number(MESSAGE_ID).unwrap_or_default());
        answer.set_number(COMMAND_DATA_SET_TYPE, NO_DATA_SET);
        answer.set_number(STATUS, status);
        for uid in [AFFECTED_SOP_CLASS_UID, AFFECTED_SOP_INSTANCE_UID] {
            if let Some(value) = self.elements.get(&uid) {
                answer.elements.insert(uid, value.clone());
            }
        }
        answer
    }

    /// C-ECHO-RQ.
    pub fn echo(message: u16) -> Self {
        let mut command = Self::request(field::C_ECHO_RQ, message, "1.2.840.10008.1.1");
        command.set_number(COMMAND_DATA_SET_TYPE, NO_DATA_SET);
        command
    }

    /// C-STORE-RQ.
    pub fn store(message: u16, sop_class: &str, sop_instance: &str) -> Self {
        let mut command = Self::request(field::C_STORE_RQ, message, sop_class);
        command.set_number(PRIORITY, 0);
        command.elements.insert(AFFECTED_SOP_INSTANCE_UID, padded(sop_instance));
        command
    }

    /// C-FIND-RQ.
    pub fn find(message: u16, sop_class: &str) -> Self {
        let mut command = Self::request(field::C_FIND_RQ, message, sop_class);
        command.set_number(PRIORITY, 0);
        command
    }

    fn request(field: u16, message: u16, sop_class: &str) -> Self {
        let mut command = Self::default();
        command.set_number(COMMAND_FIELD, field);
        command.set_number(MESSAGE_ID, message);
        command.set_number(COMMAND_DATA_SET_TYPE, A_DATA_SET);
        command.elements.insert(AFFECTED_SOP_CLASS_UID, padded(sop_class));
        command
    }

    fn set_number(&mut self, element: u16, number: u16) {
        self.elements.insert(element, number.to_le_bytes().to_vec());
    }

    fn number(&self, element: u16) -> Option<u16> {
        let bytes: [u8; 2] = self.elements.get(&element)?.as_slice().try_into().ok()?;
        Some(u16::from_le_bytes(bytes))
    }

    fn uid(&self, element: u16) -> String {
        let bytes = self.elements.get(&element).map(Vec::as_slice).unwrap_or_default();
        String::from_utf8_lossy(bytes).trim_end_matches(['\0', ' ']).to_owned()
    }
}

fn write_element(bytes: &mut Vec<u8>, element: u16, value: &[u8]) {
    bytes.extend([0, 0]);
    bytes.extend(element.to_le_bytes());
    bytes.extend((value.len() as u32).to_le_bytes());
    bytes.extend(value);
}

/// UIDs have an even length, with a zero behind if need be (PS3.5 §9.1).
fn padded(uid: &str) -> Vec<u8> {
    let mut bytes = uid.as_bytes().to_vec();
    if !bytes.len().is_multiple_of(2) {
        bytes.push(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let command = Command::store(7, "1.2.840.10008.5.1.4.1.1.88.33", "2.25.123");
        let read = Command::parse(&command.bytes()).unwrap();
        assert_eq!((read.field(), read.has_data_set()), (Some(field::C_STORE_RQ), true));
        assert_eq!(
            (read.sop_class().as_str(), read.sop_instance().as_str()),
            ("1.2.840.10008.5.1.4.1.1.88.33", "2.25.123")
        );
        assert_eq!(read.bytes(), command.bytes());
    }

    #[test]
    fn an_answer_names_its_request() {
        let answer = Command::echo(3).response(status::SUCCESS);
        assert_eq!(
            (answer.field(), answer.status(), answer.has_data_set()),
            (Some(field::C_ECHO_RQ | field::RESPONSE), Some(0), false)
        );
        assert_eq!(answer.number(MESSAGE_ID_BEING_RESPONDED_TO), Some(3));
    }

    #[test]
    fn what_is_cut_short_or_of_another_group_is_refused() {
        let bytes = Command::echo(1).bytes();
        for end in 1..bytes.len() {
            if let Some(cut) = Command::parse(&bytes[..end]) {
                assert_eq!(Command::parse(&cut.bytes()).map(|c| c.field()), Some(cut.field()), "cut at {end}");
            }
        }
        let mut other = bytes;
        other[0] = 8;
        assert_eq!(Command::parse(&other), None);
        assert_eq!(Command::parse(&[0, 0, 0, 0, 255, 255, 255, 255]), None);
    }
}

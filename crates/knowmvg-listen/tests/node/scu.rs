//! A sender of objects, as a modality is one; its messages are put together here, beside the node's own code.

use std::net::{SocketAddr, TcpStream};

use dicom_ul::ClientAssociation;
use dicom_ul::association::client::ClientAssociationOptions;
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};

/// Explicit VR little endian.
pub(crate) const EXPLICIT: &str = "1.2.840.10008.1.2.1";

/// Opens an association for one SOP class, with the title `SCU`.
pub(crate) fn associate(
    address: SocketAddr,
    called: &'static str,
    sop_class: &str,
    transfer_syntax: &str,
) -> Option<ClientAssociation<TcpStream>> {
    ClientAssociationOptions::new()
        .calling_ae_title("SCU")
        .called_ae_title(called)
        .with_presentation_context(sop_class.to_owned(), vec![transfer_syntax.to_owned()])
        .read_timeout(super::PATIENCE)
        .establish(address)
        .ok()
}

/// A command set (PS3.7 §9.3.1, §9.3.5).
pub(crate) fn command(field: u16, data_set: u16, sop_class: &str, instance: &str) -> Vec<u8> {
    let mut elements = Vec::new();
    let mut element = |number: u16, value: &[u8]| {
        elements.extend([0, 0]);
        elements.extend(number.to_le_bytes());
        elements.extend((value.len() as u32).to_le_bytes());
        elements.extend(value);
    };
    element(0x0002, &even(sop_class));
    element(0x0100, &field.to_le_bytes());
    element(0x0110, &1u16.to_le_bytes());
    element(0x0700, &0u16.to_le_bytes());
    element(0x0800, &data_set.to_le_bytes());
    element(0x1000, &even(instance));
    let mut bytes = vec![0, 0, 0, 0, 4, 0, 0, 0];
    bytes.extend((elements.len() as u32).to_le_bytes());
    bytes.append(&mut elements);
    bytes
}

fn even(uid: &str) -> Vec<u8> {
    let mut bytes = uid.as_bytes().to_vec();
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes
}

/// Sends a command set.
pub(crate) fn send(association: &mut ClientAssociation<TcpStream>, data: Vec<u8>) {
    let context = association.presentation_contexts()[0].id;
    let value =
        PDataValue { presentation_context_id: context, value_type: PDataValueType::Command, is_last: true, data };
    association.send(&Pdu::PData { data: vec![value] }).unwrap();
}

/// The status of the answer; `None` if the node hung up.
pub(crate) fn status(association: &mut ClientAssociation<TcpStream>) -> Option<u16> {
    let Ok(Pdu::PData { data }) = association.receive() else { return None };
    let at = data[0].data.windows(8).position(|element| element == [0, 0, 0, 9, 2, 0, 0, 0])?;
    Some(u16::from_le_bytes([data[0].data[at + 8], data[0].data[at + 9]]))
}

/// C-STORE of a file; returns the status, or `None` if the node refused or hung up.
pub(crate) fn store(address: SocketAddr, file: &[u8]) -> Option<u16> {
    use std::io::Write;
    let length = u32::from_le_bytes(file[140..144].try_into().unwrap()) as usize;
    let (meta, data_set) = (&file[144..144 + length], &file[144 + length..]);
    let uid = |element: u8| {
        let at = meta.windows(6).position(|head| head == [2, 0, element, 0, b'U', b'I']).unwrap();
        let length = usize::from(u16::from_le_bytes([meta[at + 6], meta[at + 7]]));
        String::from_utf8_lossy(&meta[at + 8..at + 8 + length]).trim_end_matches('\0').to_owned()
    };
    let (sop_class, instance) = (uid(2), uid(3));
    let mut association = associate(address, "KNOWMVG", &sop_class, &uid(0x10))?;
    send(&mut association, command(1, 1, &sop_class, &instance));
    let context = association.presentation_contexts()[0].id;
    let mut writer = association.send_pdata(context);
    writer.write_all(data_set).ok()?;
    writer.finish().ok()?;
    let status = status(&mut association);
    drop(association.release());
    status
}

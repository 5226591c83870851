//! A data set → the bytes of a file.
//!
//! Values are written as the bytes that they are, so that nothing which stays can change on its way; the writer that makes derived
//! objects would decode them first.

use dicom_core::{Tag, VR};

use super::dummy::padded;
use super::pixels::Pixels;
use crate::dataset::Element;
use crate::derived::IMPLEMENTATION_VERSION_NAME;
use crate::error::Error;
use crate::tags::PIXEL_DATA;
use crate::tree::Item;

const ITEM: Tag = Tag(0xfffe, 0xe000);
const ITEM_END: Tag = Tag(0xfffe, 0xe00d);
const SEQUENCE_END: Tag = Tag(0xfffe, 0xe0dd);
const UNDEFINED: u32 = u32::MAX;

/// Whether elements are written with their value representations; both forms are little endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Implicit,
    Explicit,
}

/// The head of a file: nothing of it comes from the original but class and transfer syntax (PS3.10 §7.1).
pub(super) struct Meta<'a> {
    pub sop_class: &'a str,
    pub sop_instance: &'a str,
    pub transfer_syntax: &'a str,
    pub implementation_class: &'a str,
}

/// Writes a file.
///
/// # Errors
/// When a value is longer than its representation can say.
pub(super) fn file(meta: &Meta<'_>, form: Form, object: &Item, pixels: Option<&Pixels<'_>>) -> Result<Vec<u8>, Error> {
    // A preamble may hold anything, so it is not repeated.
    let mut bytes = [&[0; 128][..], b"DICM"].concat();
    let group = meta_group(meta)?;
    let mut writer = Writer { form: Form::Explicit, bytes: &mut bytes };
    writer.value(Tag(2, 0), VR::UL, &(group.len() as u32).to_le_bytes())?;
    bytes.extend(group);
    let mut writer = Writer { form, bytes: &mut bytes };
    writer.item(object)?;
    match pixels {
        Some(Pixels::Native { vr, bytes }) => writer.value(PIXEL_DATA, *vr, bytes)?,
        Some(Pixels::Encapsulated(fragments)) => {
            writer.header(PIXEL_DATA, VR::OB, UNDEFINED)?;
            writer.bytes.extend_from_slice(fragments);
        }
        None => {}
    }
    Ok(bytes)
}

fn meta_group(meta: &Meta<'_>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut writer = Writer { form: Form::Explicit, bytes: &mut bytes };
    writer.value(Tag(2, 1), VR::OB, &[0, 1])?;
    for (element, uid) in [
        (0x02, meta.sop_class),
        (0x03, meta.sop_instance),
        (0x10, meta.transfer_syntax),
        (0x12, meta.implementation_class),
    ] {
        writer.value(Tag(2, element), VR::UI, &padded(uid, VR::UI))?;
    }
    writer.value(Tag(2, 0x13), VR::SH, &padded(IMPLEMENTATION_VERSION_NAME, VR::SH))?;
    Ok(bytes)
}

struct Writer<'a> {
    form: Form,
    bytes: &'a mut Vec<u8>,
}

impl Writer<'_> {
    /// The elements in the order of their tags. The depth is bounded by that of the sequences of a file.
    fn item(&mut self, item: &Item) -> Result<(), Error> {
        let mut values = item.values().peekable();
        for (tag, items) in item.sequences() {
            while let Some((before, element)) = values.next_if(|(before, _)| *before < tag) {
                self.element(before, element)?;
            }
            self.sequence(tag, items)?;
        }
        values.try_for_each(|(tag, element)| self.element(tag, element))
    }

    fn element(&mut self, tag: Tag, element: &Element) -> Result<(), Error> {
        self.value(tag, element.vr, &element.bytes)
    }

    fn sequence(&mut self, tag: Tag, items: &[Item]) -> Result<(), Error> {
        if items.is_empty() {
            return self.header(tag, VR::SQ, 0);
        }
        self.header(tag, VR::SQ, UNDEFINED)?;
        for item in items {
            self.delimiter(ITEM, UNDEFINED);
            self.item(item)?;
            self.delimiter(ITEM_END, 0);
        }
        self.delimiter(SEQUENCE_END, 0);
        Ok(())
    }

    /// Values have an even length (PS3.5 §7.1.1); one that had not is mended.
    fn value(&mut self, tag: Tag, vr: VR, value: &[u8]) -> Result<(), Error> {
        let length = u32::try_from(value.len().next_multiple_of(2)).map_err(|_| too_long(value.len()))?;
        self.header(tag, vr, length)?;
        self.bytes.extend_from_slice(value);
        if !value.len().is_multiple_of(2) {
            self.bytes.push(if is_text(vr) { b' ' } else { 0 });
        }
        Ok(())
    }

    fn header(&mut self, tag: Tag, vr: VR, length: u32) -> Result<(), Error> {
        self.tag(tag);
        if self.form == Form::Implicit {
            self.bytes.extend(length.to_le_bytes());
            return Ok(());
        }
        self.bytes.extend(vr.to_bytes());
        if has_long_length(vr) {
            self.bytes.extend([0; 2]);
            self.bytes.extend(length.to_le_bytes());
            return Ok(());
        }
        let short = u16::try_from(length).map_err(|_| too_long(length as usize))?;
        self.bytes.extend(short.to_le_bytes());
        Ok(())
    }

    fn delimiter(&mut self, tag: Tag, length: u32) {
        self.tag(tag);
        self.bytes.extend(length.to_le_bytes());
    }

    fn tag(&mut self, Tag(group, element): Tag) {
        self.bytes.extend(group.to_le_bytes());
        self.bytes.extend(element.to_le_bytes());
    }
}

/// PS3.5 §7.1.2.
fn has_long_length(vr: VR) -> bool {
    use VR::{OB, OD, OF, OL, OV, OW, SQ, SV, UC, UN, UR, UT, UV};
    matches!(vr, OB | OD | OF | OL | OV | OW | SQ | SV | UC | UN | UR | UT | UV)
}

/// Those that are padded with a blank.
fn is_text(vr: VR) -> bool {
    use VR::{AE, AS, CS, DA, DS, DT, IS, LO, LT, PN, SH, ST, TM, UC, UR, UT};
    matches!(vr, AE | AS | CS | DA | DS | DT | IS | LO | LT | PN | SH | ST | TM | UC | UR | UT)
}

fn too_long(length: usize) -> Error {
    Error::Invalid { name: "a value", expected: "that its representation can hold", found: format!("{length} bytes") }
}

//! [`Object`]: a data set to be written, element by element, each with the value representation of the dictionary.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

use super::charset::Charset;
use super::error::WriteError;
use super::uid;
use crate::dataset::{Element, words};
use crate::error::Error;
use crate::file::Encoding;
use crate::tree::Item;

/// A data set that is being put together.
#[derive(Clone)]
pub(super) struct Object(InMemDicomObject);

impl Object {
    pub fn new() -> Self {
        Self(InMemDicomObject::new_empty())
    }

    /// A text, number or UID; one value, or several between backslashes.
    pub fn text(self, tag: Tag, value: &str) -> Self {
        self.with(tag, vr(tag), PrimitiveValue::from(value))
    }

    /// An attribute that has to be there, and of which nothing is known (type 2).
    pub fn empty(self, tag: Tag) -> Self {
        self.with(tag, vr(tag), PrimitiveValue::Empty)
    }

    /// 16-bit numbers.
    pub fn words(self, tag: Tag, values: &[u16]) -> Self {
        self.with(tag, vr(tag), PrimitiveValue::U16(values.iter().copied().collect()))
    }

    /// 32-bit integers.
    pub fn longs(self, tag: Tag, values: &[i32]) -> Self {
        self.with(tag, vr(tag), PrimitiveValue::I32(values.iter().copied().collect()))
    }

    /// 32-bit floating point numbers.
    pub fn floats(self, tag: Tag, values: &[f32]) -> Self {
        self.with(tag, vr(tag), PrimitiveValue::F32(values.iter().copied().collect()))
    }

    /// Bytes as they are.
    pub fn bytes(self, tag: Tag, vr: VR, values: Vec<u8>) -> Self {
        self.with(tag, vr, PrimitiveValue::U8(values.into()))
    }

    /// A sequence.
    pub fn items(mut self, tag: Tag, items: Vec<Self>) -> Self {
        let items: Vec<InMemDicomObject> = items.into_iter().map(|item| item.0).collect();
        self.0.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
        self
    }

    /// A sequence of one item.
    pub fn item(self, tag: Tag, item: Self) -> Self {
        self.items(tag, vec![item])
    }

    /// All elements of another one.
    pub fn and(mut self, other: Self) -> Self {
        other.0.into_iter().for_each(|element| drop(self.0.put(element)));
        self
    }

    fn with(mut self, tag: Tag, vr: VR, value: PrimitiveValue) -> Self {
        self.0.put(DataElement::new(tag, vr, value));
        self
    }

    /// A copy of what another file holds, its text in Unicode.
    ///
    /// # Errors
    /// When text cannot be read in the character set.
    pub fn copied(source: &Item, charset: &Charset) -> Result<Self, Error> {
        let mut object = Self::new();
        for (tag, element) in source.values() {
            object = object.copied_value(tag, element, charset)?;
        }
        for (tag, items) in source.sequences() {
            let items: Result<Vec<Self>, Error> = items.iter().map(|item| Self::copied(item, charset)).collect();
            object = object.items(tag, items?);
        }
        Ok(object)
    }

    fn copied_value(self, tag: Tag, element: &Element, charset: &Charset) -> Result<Self, Error> {
        Ok(match element.vr {
            VR::US | VR::SS | VR::OW => {
                let values = words(&element.bytes, Encoding::ExplicitLittle).collect();
                self.with(tag, element.vr, PrimitiveValue::U16(values))
            }
            _ if is_text(element.vr) => {
                let text = charset.decode(&element.bytes)?;
                let value = if text.is_empty() { PrimitiveValue::Empty } else { PrimitiveValue::from(text) };
                self.with(tag, element.vr, value)
            }
            // Private or binary; nothing that derived objects repeat is.
            _ => self,
        })
    }

    /// The file (PS3.10), in Explicit VR Little Endian.
    ///
    /// # Errors
    /// When a text cannot be encoded.
    pub fn file(self, sop_class: &str, sop_instance: &str) -> Result<Vec<u8>, WriteError> {
        let object = self
            .text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192")
            .text(tags::SOP_CLASS_UID, sop_class)
            .text(tags::SOP_INSTANCE_UID, sop_instance);
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
            .media_storage_sop_class_uid(sop_class)
            .media_storage_sop_instance_uid(sop_instance)
            .implementation_class_uid(implementation_class())
            .implementation_version_name(IMPLEMENTATION_VERSION_NAME);
        let meta = meta.build().map_err(|_| WriteError::Unwritable)?;
        let mut bytes = Vec::new();
        object.0.with_exact_meta(meta).write_all(&mut bytes).map_err(|_| WriteError::Unwritable)?;
        Ok(bytes)
    }
}

/// Implementation Version Name (0002,0013) of every file that is written.
pub(crate) const IMPLEMENTATION_VERSION_NAME: &str = concat!("KNOWMVG_", env!("CARGO_PKG_VERSION"));

/// Implementation Class UID (0002,0012) of every file that is written.
pub(crate) fn implementation_class() -> String {
    uid::of(&["implementation class"])
}

fn vr(tag: Tag) -> VR {
    StandardDataDictionary.by_tag(tag).map_or(VR::UN, |entry| entry.vr().relaxed())
}

/// PS3.5 §6.2.
fn is_text(vr: VR) -> bool {
    use VR::{AE, AS, CS, DA, DS, DT, IS, LO, LT, PN, SH, ST, TM, UC, UI, UR, UT};
    matches!(vr, AE | AS | CS | DA | DS | DT | IS | LO | LT | PN | SH | ST | TM | UC | UI | UR | UT)
}

//! [`Item`]: a data set with its sequences, as raw bytes.
//!
//! Where the image reader keeps a handful of elements, a report is a tree, and a derived object repeats whole sequences. The
//! tree is built with a stack of its own instead of recursion, so that nesting costs no call stack.

use std::collections::BTreeMap;

use dicom_core::{Tag, VR};
use dicom_parser::dataset::DataToken;

use crate::dataset::{Element, raw, words};
use crate::error::Error;
use crate::file::Encoding;
use crate::tags::PIXEL_DATA;
use crate::tokens::{MAX_DEPTH, Tokens};

/// Most elements and items that are kept of a file; a report of 256 boxes has 40,000.
const MAX_NODES: usize = 1 << 18;

/// A data set, or an item of a sequence.
#[derive(Clone, Default)]
pub(crate) struct Item {
    values: BTreeMap<Tag, Element>,
    sequences: BTreeMap<Tag, Vec<Item>>,
}

impl Item {
    /// Reads the elements of a data set that `keeps` wants by their tag, and everything below them, up to the pixel data.
    pub fn read(dataset: &[u8], encoding: Encoding, keeps: fn(Tag) -> bool) -> Result<Self, Error> {
        Builder::new(dataset, encoding, keeps)?.build().map(|(item, _)| item)
    }

    /// Reads every element up to the pixel data, and where the value of that begins, if there is one.
    ///
    /// # Units
    /// Bytes from the start of the data set.
    pub fn read_all(dataset: &[u8], encoding: Encoding) -> Result<(Self, Option<u64>), Error> {
        Builder::new(dataset, encoding, |_| true)?.build()
    }

    /// Sets a value, in little endian.
    pub fn insert(&mut self, tag: Tag, vr: VR, bytes: Vec<u8>) {
        self.sequences.remove(&tag);
        self.values.insert(tag, Element { vr, bytes });
    }

    /// Sets a sequence.
    pub fn insert_items(&mut self, tag: Tag, items: Vec<Self>) {
        self.values.remove(&tag);
        self.sequences.insert(tag, items);
    }

    /// A part of it.
    pub fn only(&self, values: &[Tag], sequences: &[Tag]) -> Self {
        let found = |tag: &Tag| Some((*tag, self.values.get(tag)?.clone()));
        let found_items = |tag: &Tag| Some((*tag, self.sequences.get(tag)?.clone()));
        let values = values.iter().filter_map(found).collect();
        Self { values, sequences: sequences.iter().filter_map(found_items).collect() }
    }

    /// The bytes of a value, in little endian.
    pub fn value(&self, tag: Tag) -> Option<&Element> {
        self.values.get(&tag)
    }

    /// The items of a sequence; none if it is not there.
    pub fn items(&self, tag: Tag) -> &[Self] {
        self.sequences.get(&tag).map_or(&[], Vec::as_slice)
    }

    /// A value of digits or defined terms, without its padding.
    pub fn term(&self, tag: Tag) -> Option<String> {
        let bytes = &self.values.get(&tag)?.bytes;
        let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
        let text = text.trim_matches(['\0', ' ']);
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The first of some decimal strings, if it is a finite number.
    pub fn decimal(&self, tag: Tag) -> Option<f64> {
        self.decimals(tag).first().copied()
    }

    /// Decimal strings up to the first that is no finite number.
    pub fn decimals(&self, tag: Tag) -> Vec<f64> {
        let text = self.term(tag).unwrap_or_default();
        let parts = text.split('\\').map(|part| part.trim().parse::<f64>().ok().filter(|number| number.is_finite()));
        parts.map_while(|number| number).collect()
    }

    /// The first 16-bit value.
    pub fn word(&self, tag: Tag) -> Option<u16> {
        self.words(tag).first().copied()
    }

    /// 16-bit values.
    pub fn words(&self, tag: Tag) -> Vec<u16> {
        let element = self.values.get(&tag);
        element.map_or_else(Vec::new, |element| words(&element.bytes, Encoding::ExplicitLittle).collect())
    }

    /// 32-bit floating point values (FL).
    pub fn floats(&self, tag: Tag) -> Vec<f32> {
        let bytes = self.values.get(&tag).map_or(&[][..], |element| &element.bytes);
        bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
    }

    /// Elements without those in sequences.
    pub fn values(&self) -> impl Iterator<Item = (Tag, &Element)> {
        self.values.iter().map(|(tag, element)| (*tag, element))
    }

    /// Sequences with their items.
    pub fn sequences(&self) -> impl Iterator<Item = (Tag, &[Self])> {
        self.sequences.iter().map(|(tag, items)| (*tag, items.as_slice()))
    }
}

/// A sequence that has begun.
struct Open {
    tag: Tag,
    items: Vec<Item>,
    /// The item that has begun.
    item: Item,
}

struct Builder<'a> {
    tokens: Tokens<'a>,
    keeps: fn(Tag) -> bool,
    root: Item,
    open: Vec<Open>,
    nodes: usize,
    encoding: Encoding,
}

impl<'a> Builder<'a> {
    fn new(dataset: &'a [u8], encoding: Encoding, keeps: fn(Tag) -> bool) -> Result<Self, Error> {
        let tokens = Tokens::new(dataset, encoding)?;
        Ok(Self { tokens, keeps, root: Item::default(), open: Vec::new(), nodes: 0, encoding })
    }

    /// The tree, and the place of the pixels.
    fn build(mut self) -> Result<(Item, Option<u64>), Error> {
        while let Some(token) = self.tokens.next()? {
            let is_outermost = self.open.is_empty();
            match token {
                DataToken::ElementHeader(header) if header.tag == PIXEL_DATA && is_outermost => {
                    return Ok((self.root, Some(self.tokens.offset())));
                }
                DataToken::PixelSequenceStart if is_outermost => {
                    return Ok((self.root, Some(self.tokens.offset())));
                }
                DataToken::PixelSequenceStart => self.skip_fragments()?,
                DataToken::ElementHeader(header) => {
                    if let Some(DataToken::PrimitiveValue(value)) = self.tokens.next()? {
                        self.keep(header.tag, header.vr, raw(value))?;
                    }
                }
                DataToken::SequenceStart { tag, .. } => self.open_sequence(tag)?,
                DataToken::ItemEnd => self.close_item()?,
                DataToken::SequenceEnd => self.close_sequence(),
                _ => {}
            }
        }
        Ok((self.root, None))
    }

    /// Compressed pixels of an icon: their fragments look like items and are none.
    fn skip_fragments(&mut self) -> Result<(), Error> {
        loop {
            match self.tokens.next()? {
                // A fragment has a length (PS3.5 §A.4).
                Some(DataToken::ItemStart { len }) => self.tokens.check_length(len)?,
                Some(DataToken::SequenceEnd) | None => return Ok(()),
                Some(_) => {}
            }
        }
    }

    /// By the outermost sequence.
    fn is_wanted(&self, tag: Tag) -> bool {
        (self.keeps)(self.open.first().map_or(tag, |outermost| outermost.tag))
    }

    fn count(&mut self) -> Result<(), Error> {
        self.nodes += 1;
        if self.nodes > MAX_NODES { Err(self.tokens.damaged("more elements than any report has")) } else { Ok(()) }
    }

    fn keep(&mut self, tag: Tag, vr: VR, bytes: Vec<u8>) -> Result<(), Error> {
        if !self.is_wanted(tag) {
            return Ok(());
        }
        self.count()?;
        let bytes = if self.encoding == Encoding::ExplicitBig { little_endian(vr, bytes) } else { bytes };
        let item = self.open.last_mut().map_or(&mut self.root, |open| &mut open.item);
        item.values.insert(tag, Element { vr, bytes });
        Ok(())
    }

    fn open_sequence(&mut self, tag: Tag) -> Result<(), Error> {
        self.open.push(Open { tag, items: Vec::new(), item: Item::default() });
        if self.open.len() > MAX_DEPTH {
            return Err(self.tokens.damaged("sequences nested too deep"));
        }
        Ok(())
    }

    fn close_item(&mut self) -> Result<(), Error> {
        let Some(outermost) = self.open.first() else { return Ok(()) };
        if (self.keeps)(outermost.tag) {
            self.count()?;
            if let Some(open) = self.open.last_mut() {
                open.items.push(std::mem::take(&mut open.item));
            }
        }
        Ok(())
    }

    fn close_sequence(&mut self) {
        let Some(Open { tag, items, .. }) = self.open.pop() else { return };
        if self.is_wanted(tag) {
            let parent = self.open.last_mut().map_or(&mut self.root, |open| &mut open.item);
            parent.sequences.insert(tag, items);
        }
    }
}

/// Values of a retired big endian file as every other file has them.
pub(crate) fn little_endian(vr: VR, mut bytes: Vec<u8>) -> Vec<u8> {
    let width = match vr {
        VR::US | VR::SS | VR::OW => 2,
        VR::UL | VR::SL | VR::FL | VR::OF | VR::OL => 4,
        VR::FD | VR::OD | VR::SV | VR::UV | VR::OV => 8,
        _ => 1,
    };
    bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    bytes
}

//! Data set → [`Elements`]: the few that are needed, as raw bytes.

use std::collections::BTreeMap;

use dicom_core::{PrimitiveValue, Tag, VR};
use dicom_parser::dataset::DataToken;

use crate::error::Error;
use crate::file::Encoding;
use crate::tags;
use crate::tokens::{MAX_DEPTH, Tokens};

/// A value as it stands in the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Element {
    /// Value representation; the dictionary's in an implicit data set.
    pub vr: VR,
    /// The bytes, in the byte order of the file.
    pub bytes: Vec<u8>,
}

/// Pixel Data (7FE0,0010).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PixelData {
    /// Uncompressed; all frames.
    Native(Element),
    /// Compressed (PS3.5 §A.4): the Basic Offset Table and the fragments.
    Encapsulated {
        /// Byte offset of each frame's first fragment; may be empty.
        offsets: Vec<u32>,
        /// The fragments, in order.
        fragments: Vec<Vec<u8>>,
    },
}

/// What is kept of a data set.
#[derive(Debug)]
pub(crate) struct Elements {
    encoding: Encoding,
    values: BTreeMap<Tag, Element>,
    /// Elements of the first item of each kept sequence.
    items: BTreeMap<Tag, BTreeMap<Tag, Element>>,
    pixel_data: Option<PixelData>,
}

impl Elements {
    /// Reads a data set up to its pixel data.
    pub fn read(dataset: &[u8], encoding: Encoding) -> Result<Self, Error> {
        Collector::new(dataset, encoding)?.collect()
    }

    /// The pixel data, which is moved out because it is large.
    pub fn take_pixel_data(&mut self) -> Option<PixelData> {
        self.pixel_data.take()
    }

    /// The first item of a kept sequence.
    pub fn item(&self, sequence: Tag) -> Option<&BTreeMap<Tag, Element>> {
        self.items.get(&sequence)
    }

    /// Byte order and presence of value representations.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// A text value, without its padding.
    pub fn text(&self, tag: Tag) -> Option<String> {
        let text: String = self.values.get(&tag)?.bytes.iter().map(|&b| char::from(b)).collect();
        let text = text.trim_matches(['\0', ' ']);
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Decimal strings (DS, IS); `None` if a part is not a finite number.
    pub fn decimals(&self, tag: Tag) -> Option<Vec<f64>> {
        let text = self.text(tag)?;
        let parts = text.split('\\').map(|part| part.trim().parse::<f64>().ok().filter(|v| v.is_finite()));
        parts.collect()
    }

    /// The first of some decimal strings.
    pub fn decimal(&self, tag: Tag) -> Option<f64> {
        self.decimals(tag)?.first().copied()
    }

    /// A 16-bit value (US, SS, or OW), as its bits.
    pub fn word(&self, tag: Tag) -> Option<u16> {
        words(&self.values.get(&tag)?.bytes, self.encoding).next()
    }
}

/// 16-bit words in the byte order of the data set.
pub(crate) fn words(bytes: &[u8], encoding: Encoding) -> impl Iterator<Item = u16> + '_ {
    bytes.chunks_exact(2).map(move |pair| match encoding {
        Encoding::ExplicitBig => u16::from_be_bytes([pair[0], pair[1]]),
        Encoding::ImplicitLittle | Encoding::ExplicitLittle => u16::from_le_bytes([pair[0], pair[1]]),
    })
}

/// Walks the tokens of a data set. It keeps a count of open sequences instead of recursing, so that nesting costs no stack.
struct Collector<'a> {
    tokens: Tokens<'a>,
    elements: Elements,
    /// The open sequences, outermost first, each with the number of its items so far.
    open: Vec<(Tag, usize)>,
}

impl<'a> Collector<'a> {
    fn new(dataset: &'a [u8], encoding: Encoding) -> Result<Self, Error> {
        let elements = Elements { encoding, values: BTreeMap::new(), items: BTreeMap::new(), pixel_data: None };
        Ok(Self { tokens: Tokens::new(dataset, encoding)?, elements, open: Vec::new() })
    }

    fn collect(mut self) -> Result<Elements, Error> {
        while self.elements.pixel_data.is_none() {
            match self.tokens.next()? {
                Some(token) => self.accept(token)?,
                None => break,
            }
        }
        Ok(self.elements)
    }

    fn accept(&mut self, token: DataToken) -> Result<(), Error> {
        match token {
            DataToken::ElementHeader(header) => {
                let value = self.tokens.next()?;
                self.keep(header.tag, header.vr, value);
            }
            DataToken::PixelSequenceStart => {
                let pixel_data = self.fragments()?;
                if self.open.is_empty() {
                    self.elements.pixel_data = Some(pixel_data);
                }
            }
            DataToken::SequenceStart { tag, .. } => {
                self.open.push((tag, 0));
                if self.open.len() > MAX_DEPTH {
                    return Err(self.tokens.damaged("sequences nested too deep"));
                }
            }
            DataToken::ItemStart { .. } => {
                if let Some((_, items)) = self.open.last_mut() {
                    *items += 1;
                }
            }
            DataToken::SequenceEnd => drop(self.open.pop()),
            _ => {}
        }
        Ok(())
    }

    fn keep(&mut self, tag: Tag, vr: VR, value: Option<DataToken>) {
        let Some(DataToken::PrimitiveValue(value)) = value else { return };
        let wanted = match self.open.as_slice() {
            [] => tags::KEPT.contains(&tag),
            [(sequence, 1)] => tags::KEPT_SEQUENCES.contains(sequence) && tags::KEPT_IN_ITEMS.contains(&tag),
            _ => false,
        };
        if !wanted {
            return;
        }
        let element = Element { vr, bytes: raw(value) };
        match self.open.first() {
            Some((sequence, _)) => drop(self.elements.items.entry(*sequence).or_default().insert(tag, element)),
            None if tag == tags::PIXEL_DATA => self.elements.pixel_data = Some(PixelData::Native(element)),
            None => drop(self.elements.values.insert(tag, element)),
        }
    }

    fn fragments(&mut self) -> Result<PixelData, Error> {
        let (mut offsets, mut fragments, mut items) = (Vec::new(), Vec::new(), 0_usize);
        loop {
            match self.tokens.next()? {
                Some(DataToken::ItemStart { len }) => {
                    // A fragment has a length (PS3.5 §A.4).
                    self.tokens.check_length(len)?;
                    items += 1;
                }
                Some(DataToken::OffsetTable(table)) => offsets = table,
                // The first item is the offset table, even where the parser gives it as bytes.
                Some(DataToken::ItemValue(bytes)) if items > 1 => fragments.push(bytes),
                Some(DataToken::SequenceEnd) | None => return Ok(PixelData::Encapsulated { offsets, fragments }),
                Some(_) => {}
            }
        }
    }
}

/// The bytes of a value, as the raw strategy reads them.
pub(crate) fn raw(value: PrimitiveValue) -> Vec<u8> {
    match value {
        PrimitiveValue::U8(bytes) => bytes.into_vec(),
        // An empty value; the raw strategy gives no other.
        _ => Vec::new(),
    }
}

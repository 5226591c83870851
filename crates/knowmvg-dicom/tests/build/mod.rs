//! Writes small Explicit VR Little Endian files, by hand, so that a test does not trust the reader's own dependencies.

use std::collections::BTreeMap;

/// Rows and columns.
pub const SIDE: usize = 40;

/// A data set: elements by group and number.
#[derive(Clone)]
pub struct Dataset {
    elements: BTreeMap<u32, (&'static str, Vec<u8>)>,
    bits_allocated: u16,
}

impl Dataset {
    /// A chest radiograph with `bits` stored, whose pixels are all 0.
    pub fn new(bits: u16) -> Self {
        let bits_allocated = if bits <= 8 { 8 } else { 16 };
        let empty = Self { elements: BTreeMap::new(), bits_allocated };
        let text = empty.text(0x0008_0016, "UI", "1.2.840.10008.5.1.4.1.1.1.1").text(0x0008_0060, "CS", "DX");
        let sized = text
            .photometric("MONOCHROME2")
            .word(0x0028_0002, 1)
            .word(0x0028_0010, SIDE as u16)
            .word(0x0028_0011, SIDE as u16);
        let bits = sized.word(0x0028_0100, bits_allocated).word(0x0028_0101, bits).word(0x0028_0102, bits - 1);
        bits.word(0x0028_0103, 0).pixels(0)
    }

    /// Sets a text element; an odd value is padded with a blank, a UID with a null.
    pub fn text(mut self, tag: u32, vr: &'static str, value: &str) -> Self {
        let mut bytes = value.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(if vr == "UI" { 0 } else { b' ' });
        }
        self.elements.insert(tag, (vr, bytes));
        self
    }

    /// Sets a US element.
    pub fn word(mut self, tag: u32, value: u16) -> Self {
        self.elements.insert(tag, ("US", value.to_le_bytes().to_vec()));
        self
    }

    /// Sets Photometric Interpretation.
    pub fn photometric(self, value: &str) -> Self {
        self.text(0x0028_0004, "CS", value)
    }

    /// Sets all pixels to one value.
    pub fn pixels(self, value: u16) -> Self {
        self.values(&[value; SIDE * SIDE])
    }

    /// Sets the pixels.
    pub fn values(mut self, values: &[u16]) -> Self {
        assert_eq!(values.len(), SIDE * SIDE);
        let element = match self.bits_allocated {
            8 => ("OB", values.iter().map(|&value| value as u8).collect()),
            _ => ("OW", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        };
        self.elements.insert(0x7fe0_0010, element);
        self
    }

    /// The bytes of the file.
    pub fn file(&self) -> Vec<u8> {
        let syntax = element(0x0002_0010, "UI", b"1.2.840.10008.1.2.1\0");
        let length = element(0x0002_0000, "UL", &(syntax.len() as u32).to_le_bytes());
        let body = self.elements.iter().flat_map(|(&tag, (vr, value))| element(tag, vr, value));
        [vec![0; 128], b"DICM".to_vec(), length, syntax, body.collect()].concat()
    }
}

/// PS3.5 §7.1.2.
fn element(tag: u32, vr: &str, value: &[u8]) -> Vec<u8> {
    let [group, number] = [(tag >> 16) as u16, (tag & 0xffff) as u16].map(u16::to_le_bytes);
    let length = match vr {
        "OB" | "OW" => [&[0, 0], &(value.len() as u32).to_le_bytes()[..]].concat(),
        _ => (value.len() as u16).to_le_bytes().to_vec(),
    };
    [&group[..], &number, vr.as_bytes(), &length, value].concat()
}

//! How the pixels of one frame are laid out (PS3.3 §C.7.6.3).

use dicom_core::Tag;
use knowmvg::image::check_size;

use crate::dataset::Elements;
use crate::error::Error;
use crate::tags;

/// Which end of the grey scale the smallest value is (PS3.3 §C.7.6.3.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Photometric {
    /// The smallest value is white.
    Monochrome1,
    /// The smallest value is black.
    Monochrome2,
}

/// Size and bits of one frame; every value lies in the range that the rest of the crate counts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PixelFormat {
    pub columns: u16,
    pub rows: u16,
    pub frames: u32,
    /// 8 or 16.
    pub bits_allocated: u16,
    /// In `1..=bits_allocated`.
    pub bits_stored: u16,
    /// In `bits_stored - 1..bits_allocated`.
    pub high_bit: u16,
    pub signed: bool,
    pub photometric: Photometric,
}

impl PixelFormat {
    /// Reads and checks the Image Pixel module.
    pub fn read(elements: &Elements) -> Result<Self, Error> {
        let columns = required(elements, "Columns", tags::COLUMNS)?;
        let rows = required(elements, "Rows", tags::ROWS)?;
        check_size(u32::from(columns), u32::from(rows))?;
        let photometric = photometric(elements)?;
        let samples = elements.word(tags::SAMPLES_PER_PIXEL).unwrap_or(1);
        if samples != 1 {
            return Err(Error::Unsupported { expected: "1 sample per pixel", found: samples.to_string() });
        }
        let bits_allocated = required(elements, "Bits Allocated", tags::BITS_ALLOCATED)?;
        if !matches!(bits_allocated, 8 | 16) {
            return Err(Error::Unsupported { expected: "8 or 16 bits allocated", found: bits_allocated.to_string() });
        }
        let bits_stored = elements.word(tags::BITS_STORED).unwrap_or(bits_allocated);
        in_range("Bits Stored", "of at least 1 and at most Bits Allocated", bits_stored, 1, bits_allocated)?;
        let high_bit = elements.word(tags::HIGH_BIT).unwrap_or(bits_stored - 1);
        let allowed = "of at least Bits Stored - 1 and less than Bits Allocated";
        in_range("High Bit", allowed, high_bit, bits_stored - 1, bits_allocated - 1)?;
        let signed = elements.word(tags::PIXEL_REPRESENTATION).unwrap_or(0) == 1;
        let frames = frames(elements)?;
        Ok(Self { columns, rows, frames, bits_allocated, bits_stored, high_bit, signed, photometric })
    }

    /// Pixels of one frame.
    pub fn pixels(&self) -> usize {
        usize::from(self.columns) * usize::from(self.rows)
    }

    /// The smallest and the largest stored value that the bits can hold.
    pub fn stored_range(&self) -> (i32, i32) {
        let values = 1_i32 << self.bits_stored;
        if self.signed { (-values / 2, values / 2 - 1) } else { (0, values - 1) }
    }

    /// The stored value within a cell, whose lowest used bit is `low_bit`.
    ///
    /// # Source
    /// PS3.5 §8.1.1: bits above High Bit may hold overlays or rubbish, and are masked.
    pub fn stored_value(&self, cell: u16, low_bit: u16) -> i32 {
        let unused = 32 - u32::from(self.bits_stored);
        let top = (u32::from(cell) >> low_bit) << unused;
        if self.signed { top.cast_signed() >> unused } else { (top >> unused).cast_signed() }
    }
}

fn required(elements: &Elements, name: &'static str, tag: Tag) -> Result<u16, Error> {
    elements.word(tag).ok_or_else(|| Error::Missing { name, tag: tag.to_string() })
}

fn in_range(name: &'static str, expected: &'static str, value: u16, low: u16, high: u16) -> Result<(), Error> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Error::Invalid { name, expected, found: value.to_string() })
}

fn photometric(elements: &Elements) -> Result<Photometric, Error> {
    let expected = "MONOCHROME1 or MONOCHROME2";
    match elements.text(tags::PHOTOMETRIC_INTERPRETATION).as_deref() {
        Some("MONOCHROME1") => Ok(Photometric::Monochrome1),
        Some("MONOCHROME2") => Ok(Photometric::Monochrome2),
        Some(known @ ("RGB" | "PALETTE COLOR" | "YBR_FULL" | "YBR_FULL_422" | "YBR_RCT" | "YBR_ICT" | "XYB")) => {
            Err(Error::Unsupported { expected, found: known.to_owned() })
        }
        Some(_) => Err(Error::Unsupported { expected, found: "another Photometric Interpretation".to_owned() }),
        None => {
            let tag = tags::PHOTOMETRIC_INTERPRETATION.to_string();
            Err(Error::Missing { name: "Photometric Interpretation", tag })
        }
    }
}

fn frames(elements: &Elements) -> Result<u32, Error> {
    let Some(frames) = elements.text(tags::NUMBER_OF_FRAMES) else { return Ok(1) };
    let found = || frames.parse::<i64>().map_or("no whole number".to_owned(), |number| number.to_string());
    match frames.parse::<u32>() {
        Ok(frames @ 1..) => Ok(frames),
        _ => Err(Error::Invalid { name: "Number of Frames", expected: "of at least 1", found: found() }),
    }
}

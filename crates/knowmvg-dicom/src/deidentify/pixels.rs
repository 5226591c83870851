//! [`Pixels`]: the pixel data as it stands in the file, undecoded.

use std::borrow::Cow;

use dicom_core::VR;

use crate::error::Error;
use crate::file::Encoding;
use crate::tree;

/// Pixel Data (7FE0,0010) to be written again.
pub(super) enum Pixels<'a> {
    /// Uncompressed.
    Native { vr: VR, bytes: Cow<'a, [u8]> },
    /// Compressed: offset table and fragments up to their end, with all their headers.
    Encapsulated(&'a [u8]),
}

const ITEM: [u8; 4] = [0xfe, 0xff, 0x00, 0xe0];
const SEQUENCE_END: [u8; 4] = [0xfe, 0xff, 0xdd, 0xe0];

impl<'a> Pixels<'a> {
    /// Those whose value begins at an offset of a data set.
    pub fn at(dataset: &'a [u8], offset: u64, encoding: Encoding) -> Result<Self, Error> {
        let damaged = Error::Damaged { problem: "pixel data that breaks off", offset };
        let start = usize::try_from(offset).map_err(|_| damaged.clone())?;
        let (vr, length) = header(dataset, start, encoding).ok_or(damaged.clone())?;
        let rest = dataset.get(start..).ok_or(damaged.clone())?;
        if length != u32::MAX {
            let bytes = rest.get(..length as usize).ok_or(damaged)?;
            return Ok(Self::Native { vr, bytes: little_endian(vr, bytes, encoding) });
        }
        // Compressed pixels are always written so (PS3.5 §A.4).
        let end = (encoding == Encoding::ExplicitLittle).then(|| fragments_end(rest)).flatten();
        Ok(Self::Encapsulated(&rest[..end.ok_or(damaged)?]))
    }
}

/// Value representation and length, from the header that ends at `start`.
fn header(dataset: &[u8], start: usize, encoding: Encoding) -> Option<(VR, u32)> {
    let length: [u8; 4] = dataset.get(start.checked_sub(4)?..start)?.try_into().ok()?;
    match encoding {
        // The dictionary's, which the writer leaves out again.
        Encoding::ImplicitLittle => Some((VR::OW, u32::from_le_bytes(length))),
        Encoding::ExplicitLittle => Some((stated_vr(dataset, start)?, u32::from_le_bytes(length))),
        Encoding::ExplicitBig => Some((stated_vr(dataset, start)?, u32::from_be_bytes(length))),
    }
}

fn stated_vr(dataset: &[u8], start: usize) -> Option<VR> {
    let vr = VR::from_binary(dataset.get(start.checked_sub(8)?..start - 6)?.try_into().ok()?)?;
    matches!(vr, VR::OB | VR::OW).then_some(vr)
}

/// Words of a big endian file the other way round: the same numbers.
fn little_endian(vr: VR, bytes: &[u8], encoding: Encoding) -> Cow<'_, [u8]> {
    if encoding == Encoding::ExplicitBig {
        return Cow::Owned(tree::little_endian(vr, bytes.to_vec()));
    }
    Cow::Borrowed(bytes)
}

/// Where the items of a fragment sequence end, its delimiter included.
fn fragments_end(bytes: &[u8]) -> Option<usize> {
    let mut offset = 0_usize;
    loop {
        let header: [u8; 8] = bytes.get(offset..offset.checked_add(8)?)?.try_into().ok()?;
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        offset += 8;
        match [header[0], header[1], header[2], header[3]] {
            ITEM => offset = offset.checked_add(length)?,
            SEQUENCE_END => return Some(offset),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragments() -> Vec<u8> {
        [&ITEM[..], &[0; 4], &ITEM, &[4, 0, 0, 0], b"abcd", &SEQUENCE_END, &[0; 4]].concat()
    }

    #[test]
    fn fragments_end_at_their_delimiter_and_nowhere_else() {
        let whole = fragments();
        let followed = [&whole[..], b"CANARY"].concat();
        assert_eq!(fragments_end(&followed), Some(whole.len()));
        for end in 0..whole.len() {
            assert_eq!(fragments_end(&whole[..end]), None, "cut at {end}");
        }
        assert_eq!(fragments_end(b"CANARY__"), None);
    }

    #[test]
    fn a_length_beyond_the_file_is_an_error() {
        let dataset = b"\xe0\x7f\x10\0OW\0\0\x05\0\0\0abcd";
        let native = |bytes: &[u8]| Pixels::at(bytes, 12, Encoding::ExplicitLittle).is_ok();
        assert!(!native(dataset) && native(&[&dataset[..], b"e"].concat()));
        assert!(!native(b"\xe0\x7f\x10\0PN\0\0\x04\0\0\0abcd"));
    }
}

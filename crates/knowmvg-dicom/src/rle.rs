//! RLE Lossless (PS3.5 §G): one run-length coded segment for each byte of a cell, the most significant first.

use crate::error::Error;
use crate::format::PixelFormat;

const CODEC: &str = "RLE";
/// Number of segments, then at most fifteen offsets, each of four bytes (PS3.5 §G.5).
const HEADER_BYTES: usize = 64;

/// The cells of one frame.
pub(crate) fn decode(fragment: &[u8], format: &PixelFormat) -> Result<Vec<u16>, Error> {
    let expected = usize::from(format.bits_allocated / 8);
    let segments = segments(fragment)?;
    if segments.len() != expected {
        return Err(Error::Codec { codec: CODEC, problem: "another number of segments than bytes allocated" });
    }
    let mut cells = vec![0_u16; format.pixels()];
    for segment in segments {
        unpack(segment, &mut cells)?;
    }
    Ok(cells)
}

fn segments(fragment: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let cut = Error::Codec { codec: CODEC, problem: "a header that breaks off" };
    let header = fragment.get(..HEADER_BYTES).ok_or(cut)?;
    let field = |i: usize| u32::from_le_bytes([header[4 * i], header[4 * i + 1], header[4 * i + 2], header[4 * i + 3]]);
    let count = field(0).min(15) as usize;
    let mut bounds: Vec<usize> = (1..=count).map(|i| field(i) as usize).collect();
    bounds.push(fragment.len());
    let outside = Error::Codec { codec: CODEC, problem: "segments outside the fragment" };
    bounds.windows(2).map(|pair| fragment.get(pair[0]..pair[1]).ok_or(outside.clone())).collect()
}

/// Adds the bytes of one segment below those that the cells already hold.
///
/// # Source
/// PS3.5 §G.3.2: 0..127 → that many literal bytes and one more; 129..255 → the next byte 257 - n times; 128 → nothing.
fn unpack(segment: &[u8], cells: &mut [u16]) -> Result<(), Error> {
    let (mut rest, mut filled) = (segment, 0);
    while filled < cells.len() {
        let cut = Error::Codec { codec: CODEC, problem: "a segment that breaks off" };
        let (&control, after) = rest.split_first().ok_or(cut.clone())?;
        let room = cells.len() - filled;
        let run = match control {
            0..=127 => usize::from(control) + 1,
            128 => 0,
            129.. => 257 - usize::from(control),
        };
        let used = match control {
            0..=127 => run,
            128 => 0,
            129.. => 1,
        };
        let bytes = after.get(..used).ok_or(cut)?;
        for (i, cell) in cells[filled..filled + run.min(room)].iter_mut().enumerate() {
            *cell = *cell << 8 | u16::from(bytes[i.min(used - 1)]);
        }
        filled += run.min(room);
        rest = &after[used..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_runs_and_no_operations() {
        // PS3.5 §G.3.1 by hand: three literals, nothing, a run of four.
        let segment = [2, 10, 20, 30, 128, 253, 7];
        let mut cells = [0; 7];
        unpack(&segment, &mut cells).unwrap();
        assert_eq!(cells, [10, 20, 30, 7, 7, 7, 7]);
    }

    #[test]
    fn the_second_segment_is_the_low_byte() {
        let mut cells = [0; 2];
        unpack(&[255, 1], &mut cells).unwrap();
        unpack(&[1, 2, 3], &mut cells).unwrap();
        assert_eq!(cells, [0x0102, 0x0103]);
    }

    #[test]
    fn a_run_past_the_end_is_cut_and_a_short_segment_is_an_error() {
        let mut cells = [0; 2];
        unpack(&[129, 5], &mut cells).unwrap();
        assert_eq!(cells, [5, 5]);
        assert!(unpack(&[4, 1], &mut [0; 5]).is_err());
        assert!(unpack(&[], &mut [0; 5]).is_err());
    }
}

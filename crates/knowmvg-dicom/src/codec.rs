//! One frame of pixel data → cells of 16 bits.
//!
//! The data set says how large the image is; a codestream that says otherwise is refused before it is decoded. The
//! decoders are called directly and not through a registry of transfer syntaxes, so that each check stands before its call.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::dataset::{Element, PixelData, words};
use crate::error::Error;
use crate::file::Encoding;
use crate::format::PixelFormat;
use crate::rle;

/// The undecoded samples of a frame.
#[derive(Debug)]
pub(crate) struct Cells {
    /// Row by row; only the low 8 bits are used if so many are allocated.
    pub cells: Vec<u16>,
    /// The lowest bit of a cell that belongs to the sample.
    pub low_bit: u16,
}

/// How pixel data is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Rle,
    Jpeg,
    JpegLs,
    Jpeg2000,
}

impl Codec {
    /// By transfer syntax (PS3.6 §A).
    fn of(transfer_syntax: &str) -> Option<Self> {
        match transfer_syntax.strip_prefix("1.2.840.10008.1.2.")? {
            "5" => Some(Self::Rle),
            "4.50" | "4.51" | "4.57" | "4.70" => Some(Self::Jpeg),
            "4.80" | "4.81" => Some(Self::JpegLs),
            "4.90" | "4.91" => Some(Self::Jpeg2000),
            _ => None,
        }
    }
}

/// Decodes the first frame.
pub(crate) fn first_frame(
    data: PixelData,
    format: &PixelFormat,
    syntax: &str,
    encoding: Encoding,
) -> Result<Cells, Error> {
    match data {
        PixelData::Native(element) => native(&element, format, encoding),
        PixelData::Encapsulated { offsets, fragments } => {
            let codec = Codec::of(syntax).ok_or_else(|| unsupported(syntax))?;
            let codestream = first_codestream(&offsets, &fragments, format.frames)?;
            // A panic in a decoder is an error of the file; nothing that it touched is used again.
            let cells = catch_unwind(AssertUnwindSafe(|| compressed(codec, &codestream, format)))
                .unwrap_or(Err(Error::Codec { codec: "compressed", problem: "data that the decoder gave up on" }))?;
            Ok(Cells { cells, low_bit: 0 })
        }
    }
}

fn unsupported(syntax: &str) -> Error {
    let expected = "RLE, JPEG, JPEG-LS or JPEG 2000 pixel data";
    Error::Unsupported { expected, found: format!("transfer syntax {syntax}") }
}

fn native(element: &Element, format: &PixelFormat, encoding: Encoding) -> Result<Cells, Error> {
    let bytes_per_cell = usize::from(format.bits_allocated / 8);
    let expected = format.pixels() * bytes_per_cell;
    let found = element.bytes.len();
    if found < expected {
        return Err(Error::PixelDataTooShort { expected: expected as u64, found: found as u64 });
    }
    let mut cells: Vec<u16> = match bytes_per_cell {
        2 => words(&element.bytes[..expected], encoding).collect(),
        // PS3.5 §D.2: two cells share a big-endian word, the first in its low half.
        _ if encoding == Encoding::ExplicitBig && element.vr == dicom_core::VR::OW => {
            words(&element.bytes, encoding).flat_map(|word| [word & 0xff, word >> 8]).collect()
        }
        _ => element.bytes[..expected].iter().map(|&byte| u16::from(byte)).collect(),
    };
    cells.truncate(format.pixels());
    if cells.len() < format.pixels() {
        return Err(Error::PixelDataTooShort { expected: expected as u64, found: found as u64 });
    }
    Ok(Cells { cells, low_bit: format.high_bit + 1 - format.bits_stored })
}

/// The fragments of the first frame, joined (PS3.5 §A.4).
fn first_codestream<'a>(offsets: &[u32], fragments: &'a [Vec<u8>], frames: u32) -> Result<Cow<'a, [u8]>, Error> {
    let first = fragments.first().ok_or(Error::Codec { codec: "compressed", problem: "no fragment" })?;
    if fragments.len() == 1 || fragments.len() as u64 == u64::from(frames) {
        return Ok(Cow::Borrowed(first));
    }
    // Without an offset table all are joined: each codestream says itself where it ends.
    let end = offsets.get(1).map_or(u64::MAX, |&offset| u64::from(offset));
    let (mut joined, mut offset) = (Vec::new(), 0);
    for fragment in fragments {
        if offset >= end {
            break;
        }
        joined.extend_from_slice(fragment);
        // Each fragment stands behind a tag and a length of four bytes each.
        offset += fragment.len() as u64 + 8;
    }
    Ok(Cow::Owned(joined))
}

fn compressed(codec: Codec, codestream: &[u8], format: &PixelFormat) -> Result<Vec<u16>, Error> {
    check_ratio(codestream, format)?;
    let cells = match codec {
        Codec::Rle => rle::decode(codestream, format)?,
        Codec::Jpeg => jpeg(codestream, format)?,
        Codec::JpegLs => jpeg_ls(codestream, format)?,
        Codec::Jpeg2000 => jpeg_2000(codestream, format)?,
    };
    if cells.len() != format.pixels() {
        return Err(Error::Codec { codec: "compressed", problem: "another number of pixels than rows times columns" });
    }
    Ok(cells)
}

/// Refuses bombs: a large image of so few bytes is blank, and would cost as much memory as a real one.
fn check_ratio(codestream: &[u8], format: &PixelFormat) -> Result<(), Error> {
    const LARGE: usize = 1 << 22;
    const MOST_PIXELS_PER_BYTE: usize = 1000;
    if format.pixels() > LARGE && format.pixels() / MOST_PIXELS_PER_BYTE > codestream.len() {
        return Err(Error::Codec { codec: "compressed", problem: "too few bytes for so many pixels" });
    }
    Ok(())
}

fn check_size(codec: &'static str, format: &PixelFormat, found: (u32, u32)) -> Result<(), Error> {
    let expected = (u32::from(format.columns), u32::from(format.rows));
    if expected == found { Ok(()) } else { Err(Error::SizeMismatch { codec, expected, found }) }
}

/// Baseline, extended (8 bits) and lossless JPEG.
fn jpeg(codestream: &[u8], format: &PixelFormat) -> Result<Vec<u16>, Error> {
    use jpeg_decoder::PixelFormat as Samples;
    const CODEC: &str = "JPEG";
    let damaged = |error: jpeg_decoder::Error| Error::Codec {
        codec: CODEC,
        problem: match error {
            jpeg_decoder::Error::Unsupported(_) => {
                "a feature that is not supported, such as 12 bits or arithmetic coding"
            }
            _ => "damaged or cut data",
        },
    };
    let mut decoder = jpeg_decoder::Decoder::new(codestream);
    decoder.set_max_decoding_buffer_size(2 * format.pixels());
    decoder.read_info().map_err(damaged)?;
    let info = decoder.info().ok_or(Error::Codec { codec: CODEC, problem: "no frame header" })?;
    check_size(CODEC, format, (u32::from(info.width), u32::from(info.height)))?;
    if !matches!(info.pixel_format, Samples::L8 | Samples::L16) {
        return Err(Error::Codec { codec: CODEC, problem: "more than one component" });
    }
    let samples = decoder.decode().map_err(damaged)?;
    Ok(match info.pixel_format {
        Samples::L16 => samples.chunks_exact(2).map(|pair| u16::from_ne_bytes([pair[0], pair[1]])).collect(),
        _ => samples.into_iter().map(u16::from).collect(),
    })
}

fn jpeg_ls(codestream: &[u8], format: &PixelFormat) -> Result<Vec<u16>, Error> {
    const CODEC: &str = "JPEG-LS";
    check_size(CODEC, format, jpeg_ls_size(codestream)?)?;
    match jpegls::decode(codestream, u32::from(format.columns), u32::from(format.rows)) {
        Ok((cells, _, _)) => Ok(cells),
        Err(_) => Err(Error::Codec { codec: CODEC, problem: "damaged, cut or unsupported data" }),
    }
}

/// Columns and rows in the frame header.
///
/// # Source
/// ITU-T T.87 §C.2.2: SOF55 is FFF7, length (2), precision (1), lines (2), columns (2).
fn jpeg_ls_size(codestream: &[u8]) -> Result<(u32, u32), Error> {
    let missing = Error::Codec { codec: "JPEG-LS", problem: "no frame header" };
    let mut rest = codestream.get(2..).ok_or(missing.clone())?;
    while let Some(&[0xff, marker, high, low]) = rest.get(..4) {
        if let (0xf7, Some(&[_, r1, r0, c1, c0])) = (marker, rest.get(4..9)) {
            return Ok((u32::from(u16::from_be_bytes([c1, c0])), u32::from(u16::from_be_bytes([r1, r0]))));
        }
        rest = rest.get(2 + usize::from(u16::from_be_bytes([high, low]))..).unwrap_or_default();
    }
    Err(missing)
}

fn jpeg_2000(codestream: &[u8], format: &PixelFormat) -> Result<Vec<u16>, Error> {
    const CODEC: &str = "JPEG 2000";
    let damaged = |_| Error::Codec { codec: CODEC, problem: "damaged, cut or unsupported data" };
    let header = SizeHeader::read(codestream, format)?;
    let settings = hayro_jpeg2000::DecodeSettings { strict: true, ..Default::default() };
    let image = hayro_jpeg2000::Image::new(codestream, &settings).map_err(damaged)?;
    let mut context = hayro_jpeg2000::DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(damaged)?;
    match decoded.components() {
        [component] => Ok(component.samples().iter().map(|&sample| header.cell(sample)).collect()),
        _ => Err(Error::Codec { codec: CODEC, problem: "more than one component" }),
    }
}

/// The head of a JPEG 2000 codestream.
///
/// # Source
/// ITU-T T.800 §A.5.1: FF4F, FF51, length (2), capabilities (2), Xsiz, Ysiz, XOsiz, YOsiz, XTsiz, YTsiz, XTOsiz, YTOsiz
/// (4 each), components (2), then for each its sign (1 bit) and its precision - 1 (7 bits).
struct SizeHeader {
    signed: bool,
    precision: u32,
}

impl SizeHeader {
    /// Reads the head. Another size than the data set's is refused, and so are more tiles than a radiograph needs: each
    /// costs memory before any of its data is read.
    fn read(codestream: &[u8], format: &PixelFormat) -> Result<Self, Error> {
        const MOST_TILES: u64 = 4096;
        let problem = |problem| Error::Codec { codec: "JPEG 2000", problem };
        if codestream.get(..4) != Some(&[0xff, 0x4f, 0xff, 0x51]) {
            return Err(problem("something other than a JPEG 2000 codestream"));
        }
        let head = codestream.get(8..43).ok_or(problem("a header that breaks off"))?;
        let field = |i: usize| u32::from_be_bytes([head[4 * i], head[4 * i + 1], head[4 * i + 2], head[4 * i + 3]]);
        let size = (field(0).saturating_sub(field(2)), field(1).saturating_sub(field(3)));
        check_size("JPEG 2000", format, size)?;
        let across = u64::from(field(0)).div_ceil(u64::from(field(4).max(1)));
        let down = u64::from(field(1)).div_ceil(u64::from(field(5).max(1)));
        if across.saturating_mul(down) > MOST_TILES {
            return Err(problem("more than 4096 tiles"));
        }
        let (signed, precision) = (head[34] & 0x80 != 0, u32::from(head[34] & 0x7f) + 1);
        if precision > 16 {
            return Err(problem("samples of more than 16 bits"));
        }
        Ok(Self { signed, precision })
    }

    /// A decoded sample as the bits of a cell, in two's complement if it is signed.
    ///
    /// Samples are whole after a reversible transform. After an irreversible one they are fractions that may overshoot
    /// the range, and are clamped, or white would turn black. The decoder shifts signed samples up as it must shift
    /// unsigned ones (T.800 §G.1.2 shifts only those), which is undone here.
    fn cell(&self, sample: f32) -> u16 {
        let level = (sample.round() as i32).clamp(0, (1 << self.precision) - 1);
        let shifted = if self.signed { level - (1 << (self.precision - 1)) } else { level };
        (shifted & 0xffff) as u16
    }
}

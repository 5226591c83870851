//! Image sizes from image files: fractions and scaled pixels become pixels.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crate::dataset::{Dataset, ImageEntry, UNIT_FRAME};
use crate::error::DataError;
use crate::format::Frame;
use crate::limits::MAX_IMAGE_BYTES;
use crate::name;
use knowmvg::geometry::Box2;

/// Endings that are tried if an entry names no file, or one of another ending.
const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

/// The image file of an entry below a folder: by its path, by the last part of that, or by its id.
pub fn find_image(folder: &Path, entry: &ImageEntry) -> Option<PathBuf> {
    let id = entry.id.split('#').next().unwrap_or(&entry.id);
    let named = [entry.file.as_deref(), Some(id)].into_iter().flatten();
    let mut candidates = vec![];
    for path in named.filter_map(name::portable) {
        let last = path.file_name().map(PathBuf::from).unwrap_or_default();
        for path in [path.clone(), last, Path::new("images").join(&path)] {
            let bare = name::without_extension(&path.to_string_lossy()).to_owned();
            candidates.push(path);
            candidates.extend(ENDINGS.map(|ending| PathBuf::from(format!("{bare}.{ending}"))));
        }
    }
    candidates.into_iter().map(|path| folder.join(path)).find(|path| path.is_file())
}

/// Sets the size of every entry that has none from its image file, and puts the boxes into its pixels.
///
/// Returns how many images were not found.
///
/// # Errors
/// When an image file cannot be read, or is neither PNG nor JPEG.
pub fn fill(dataset: &mut Dataset, frame: Frame, folder: &Path) -> Result<usize, DataError> {
    let mut missing = 0;
    for entry in &mut dataset.images {
        match find_image(folder, entry) {
            Some(path) => fill_entry(entry, frame, image_size(&path)?),
            None => missing += 1,
        }
    }
    Ok(missing)
}

/// Puts the boxes of an entry into the pixels of its image file.
fn fill_entry(entry: &mut ImageEntry, frame: Frame, size: [u32; 2]) {
    let [width, height] = size.map(f64::from);
    let scale = match (frame, entry.size) {
        (Frame::LongSide(side), _) => [width.max(height) / f64::from(side); 2],
        (_, Some(UNIT_FRAME)) => [width, height],
        (_, None) => [1.0, 1.0],
        (_, Some(_)) => return,
    };
    for bounds in entry.targets.iter_mut().flat_map(|target| &mut target.boxes) {
        let [x0, y0, x1, y1] = bounds.xyxy();
        let corners = [x0 * scale[0], y0 * scale[1], x1 * scale[0], y1 * scale[1]];
        // Scaling by a finite factor above 0 keeps the order; only an overflow could not be a box.
        *bounds = Box2::from_xyxy(corners).unwrap_or(*bounds);
    }
    entry.size = Some(size);
}

/// Width and height of a PNG or JPEG file, from its header.
///
/// # Errors
/// When the file cannot be read, or is neither.
pub fn image_size(path: &Path) -> Result<[u32; 2], DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
    let reader = BufReader::new(file.take(MAX_IMAGE_BYTES));
    header_size(reader)
        .map_err(DataError::io(path))?
        .ok_or_else(|| DataError::file(path, "expected a PNG or JPEG file, found another or a damaged one"))
}

fn header_size(mut reader: impl Read) -> std::io::Result<Option<[u32; 2]>> {
    let mut head = [0; 2];
    if !fill_buffer(&mut reader, &mut head)? {
        return Ok(None);
    }
    match head {
        [0x89, b'P'] => png_size(&mut reader),
        [0xff, 0xd8] => jpeg_size(&mut reader),
        _ => Ok(None),
    }
}

fn png_size(reader: &mut impl Read) -> std::io::Result<Option<[u32; 2]>> {
    let mut head = [0; 22];
    let is_whole = fill_buffer(reader, &mut head)?;
    let is_png = is_whole && head[..6] == *b"NG\r\n\x1a\n" && head[10..14] == *b"IHDR";
    let side = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    Ok(is_png.then(|| [side(14), side(18)]).filter(|size| !size.contains(&0)))
}

/// Walks the segments to the frame header.
///
/// # Source
/// ITU-T T.81, B.2.2: `SOFn` is length, precision, lines, samples per line.
fn jpeg_size(reader: &mut impl Read) -> std::io::Result<Option<[u32; 2]>> {
    loop {
        let mut marker = [0; 4];
        if !fill_buffer(reader, &mut marker[..2])? || marker[0] != 0xff {
            return Ok(None);
        }
        while marker[1] == 0xff {
            if !fill_buffer(reader, &mut marker[1..2])? {
                return Ok(None);
            }
        }
        let is_frame = matches!(marker[1], 0xc0..=0xcf) && !matches!(marker[1], 0xc4 | 0xc8 | 0xcc);
        if !fill_buffer(reader, &mut marker[2..])? {
            return Ok(None);
        }
        let length = u64::from(u16::from_be_bytes([marker[2], marker[3]])).saturating_sub(2);
        if is_frame {
            let mut frame = [0; 5];
            let is_whole = fill_buffer(reader, &mut frame)?;
            let size = [[frame[3], frame[4]], [frame[1], frame[2]]].map(|side| u32::from(u16::from_be_bytes(side)));
            return Ok(Some(size).filter(|size| is_whole && !size.contains(&0)));
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
    }
}

/// Whether there were enough bytes.
fn fill_buffer(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

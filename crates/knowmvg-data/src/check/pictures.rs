//! The image files of a data set.

use std::collections::HashMap;
use std::path::Path;

use super::fingerprint::Fingerprint;
use super::{Input, ProblemKind, Problems};
use crate::dataset::{ImageEntry, UNIT_FRAME};
use crate::format::Frame;
use crate::limits::MAX_IMAGE_BYTES;
use crate::read::bounded;
use crate::sizes::find_image;

/// Fingerprints by the position of the entry.
pub(super) type Pictures = HashMap<usize, Fingerprint>;

pub(super) fn read(input: &Input, problems: &mut Problems, progress: &mut dyn FnMut()) -> Pictures {
    let mut pictures = Pictures::new();
    let Some(folder) = &input.images else { return pictures };
    for (at, entry) in input.dataset.images.iter().enumerate() {
        match find_image(folder, entry) {
            None => {
                let detail = "expected a PNG or JPEG file in the folder of the images, found none";
                problems.add(ProblemKind::MissingImage, &input.name, Some(&entry.id), detail);
            }
            Some(path) => match fingerprint(&path) {
                Ok(fingerprint) => {
                    check_size(input, entry, &fingerprint, problems);
                    pictures.insert(at, fingerprint);
                }
                Err(detail) => problems.add(ProblemKind::UnreadableImage, &input.name, Some(&entry.id), detail),
            },
        }
        progress();
    }
    pictures
}

fn fingerprint(path: &Path) -> Result<Fingerprint, String> {
    let bytes = bounded::read(path, MAX_IMAGE_BYTES).map_err(|_| "expected a file that can be read".to_owned())?;
    Fingerprint::of(&bytes).map_err(|e| e.to_string())
}

fn check_size(input: &Input, entry: &ImageEntry, fingerprint: &Fingerprint, problems: &mut Problems) {
    let Some(size) = entry.size.filter(|size| *size != UNIT_FRAME) else { return };
    let [width, height] = fingerprint.size;
    let is_right = match input.frame {
        Frame::LongSide(_) => same_shape(size, fingerprint.size),
        Frame::Image | Frame::Fraction => size == fingerprint.size,
    };
    if !is_right {
        let detail = format!("expected {} x {} pixels as annotated, found {width} x {height}", size[0], size[1]);
        problems.add(ProblemKind::SizeMismatch, &input.name, Some(&entry.id), detail);
    }
}

/// Whether one size is the other, scaled and rounded to whole pixels.
fn same_shape(a: [u32; 2], b: [u32; 2]) -> bool {
    let [aw, ah, bw, bh] = [a[0], a[1], b[0], b[1]].map(f64::from);
    (aw * bh - ah * bw).abs() <= (aw + ah).max(bw + bh)
}

//! Cached output of the frozen tower: one file per image and view, written once, read by every epoch.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use half::f16;
use half::slice::HalfFloatSliceExt;
use memmap2::Mmap;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::corpus::Record;
use crate::geometry::{Box2, Image, Map, Model, Thorax};
use crate::image::GreyImage;
use crate::image::augment::{Mirror, Ranges, View};
use crate::image::lesion::{self, Lesion};
use crate::image::preprocess::{self, ModelImage};
use crate::model::encode::{MIDDLE_LAYER, encode};
use crate::model::input::Features;
use crate::model::vision::VisionTower;
use crate::model::visual_tokens::{STANDARDISE_EPSILON, standardise};

/// The view `index` of a record: 0 is the image as stored, others are drawn from a seed made of the id and the index.
pub fn view(record: &Record, index: usize, mirror_allowed: bool) -> (Option<View>, ChaCha8Rng) {
    let mut rng = ChaCha8Rng::from_seed(seed(&record.id, index));
    if index == 0 {
        return (None, rng);
    }
    let boxes: Vec<Box2<Image>> =
        record.findings.iter().chain(&record.anatomy).map(|b| record.box_in_image(b)).collect();
    let mirror = if mirror_allowed && index.is_multiple_of(2) { Mirror::Yes } else { Mirror::No };
    let view = View::draw(record.width, record.height, &boxes, &Ranges::default(), mirror, &mut rng);
    (Some(view), rng)
}

/// Views with made-up lesions are numbered from here on, so that they never meet the others in the cache.
pub const FIRST_INSERTED: usize = 1000;

/// Share of masses among the lesions of the first inserted view; the others are nodules.
const MASSES_AT_FIRST: f64 = 0.7;
/// And of the views after it.
const MASSES_LATER: f64 = 0.15;

/// A view of an image and the lesions drawn on it.
pub struct Inserted {
    /// How the image is seen; never mirrored.
    pub view: View,
    /// Lesions and their boxes on the square.
    pub lesions: Vec<(Lesion, Box2<Model>)>,
}

/// The view `index` of a record with made-up lesions, for a patient whose lungs are known on view 0.
pub fn inserted(record: &Record, index: usize, side: usize, model_from_thorax: &Map<Model, Thorax>) -> Inserted {
    let mut rng = ChaCha8Rng::from_seed(seed(&record.id, index + FIRST_INSERTED));
    let boxes: Vec<Box2<Image>> = record.anatomy.iter().map(|b| record.box_in_image(b)).collect();
    let view = View::draw(record.width, record.height, &boxes, &Ranges::default(), Mirror::No, &mut rng);
    let view_from_stored =
        view.model_from_image.after(&preprocess::model_from_image(record.width, record.height, side).inverse());
    let share_of_masses = if index == 0 { MASSES_AT_FIRST } else { MASSES_LATER };
    let lesions = lesion::lesions(&view_from_stored.after(model_from_thorax), share_of_masses, &mut rng);
    Inserted { view, lesions }
}

fn seed(id: &str, index: usize) -> [u8; 32] {
    Sha256::digest(format!("{id}#{index}")).into()
}

/// A folder of cached features for one tower and one side.
pub struct FeatureCache {
    folder: PathBuf,
    side: usize,
    grid: usize,
    width: usize,
}

impl FeatureCache {
    /// The cache of a tower below `root`; nothing is read or written yet.
    pub fn new(root: &Path, tower: &VisionTower, tower_sha256: &str, side: usize) -> Self {
        let short = &tower_sha256[..tower_sha256.len().min(12)];
        let grid = side / tower.config().patch_size;
        Self {
            folder: root.join(format!("{short}-{side}-l{MIDDLE_LAYER}")),
            side,
            grid,
            width: 2 * tower.config().hidden_size,
        }
    }

    fn path(&self, id: &str, index: usize) -> PathBuf {
        let name = crate::model::weights::hex(&Sha256::digest(id)[..12]);
        self.folder.join(&name[..2]).join(format!("{name}-{index}.f16"))
    }

    /// Beside the view: what its standardised tokens leave out of the residual stream after the middle layer.
    fn stream_path(&self, id: &str, index: usize) -> PathBuf {
        self.path(id, index).with_extension("stream")
    }

    /// Whether the view is there.
    pub fn has(&self, id: &str, index: usize) -> bool {
        self.path(id, index).exists()
    }

    /// Makes a view and stores it, unless it is there.
    ///
    /// # Errors
    /// When the tower refuses the side or the file cannot be written.
    pub fn ensure(
        &self,
        tower: &VisionTower,
        record: &Record,
        image: &GreyImage,
        index: usize,
        mirror_allowed: bool,
    ) -> std::io::Result<()> {
        if self.has(&record.id, index) {
            return Ok(());
        }
        let prepared = self.picture(record, image, index, mirror_allowed);
        let features = encode(tower, &prepared).map_err(std::io::Error::other)?;
        self.write(&self.path(&record.id, index), &features)
    }

    /// Makes a view with made-up lesions and stores it, unless it is there.
    ///
    /// # Errors
    /// When the tower refuses the side or the file cannot be written.
    pub fn ensure_inserted(
        &self,
        tower: &VisionTower,
        record: &Record,
        image: &GreyImage,
        inserted: &Inserted,
        index: usize,
    ) -> std::io::Result<()> {
        let prepared = self.picture_with_lesions(record, image, inserted, index);
        let features = encode(tower, &prepared).map_err(std::io::Error::other)?;
        self.write(&self.path(&record.id, index), &features)
    }

    /// What the tower sees of a view.
    pub(super) fn picture(&self, record: &Record, image: &GreyImage, index: usize, mirror_allowed: bool) -> ModelImage {
        let (view, mut rng) = view(record, index, mirror_allowed);
        match view {
            None => preprocess::prepare(image, self.side),
            Some(view) => view.render(image, self.side, &mut rng),
        }
    }

    /// What the tower sees of a view with made-up lesions.
    pub(super) fn picture_with_lesions(
        &self,
        record: &Record,
        image: &GreyImage,
        inserted: &Inserted,
        index: usize,
    ) -> ModelImage {
        let mut rng = ChaCha8Rng::from_seed(seed(&record.id, index));
        let mut prepared = inserted.view.render(image, self.side, &mut rng);
        inserted.lesions.iter().for_each(|(lesion, _)| lesion.draw_on(&mut prepared));
        prepared
    }

    /// Whether the residual stream of a view can be read.
    pub(super) fn has_stream(&self, id: &str, index: usize) -> bool {
        self.stream_path(id, index).exists()
    }

    /// Stores what the residual stream of a cached view needs beside its tokens: the class token, and mean and deviation of every
    /// other one.
    ///
    /// # Errors
    /// When the picture is not the one whose tokens are cached, the tower refuses its side or the file cannot be written.
    pub(super) fn ensure_stream(
        &self,
        tower: &VisionTower,
        picture: &ModelImage,
        id: &str,
        index: usize,
    ) -> std::io::Result<()> {
        let stream = tower.hidden_state(&picture.pixel_values(), picture.side, MIDDLE_LAYER);
        let stream = stream.map_err(std::io::Error::other)?;
        let width = self.width / 2;
        let mut values = stream[..width].to_vec();
        for token in stream[width..].chunks_exact(width) {
            values.extend(spread(token));
        }
        let rebuilt = self.with_tokens(&values, &self.read(id, index)?);
        let distance: f32 = rebuilt.iter().zip(&stream).map(|(r, s)| (r - s).powi(2)).sum();
        if distance > 1e-4 * stream.iter().map(|s| s * s).sum::<f32>() {
            return Err(invalid("a cached feature file is of another picture; delete the cache"));
        }
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        write_whole(&self.stream_path(id, index), &bytes)
    }

    /// The residual stream after the middle layer, class token first, of a view whose features were read.
    ///
    /// # Shapes
    /// Returns `[1 + grid * grid, hidden_size]`
    ///
    /// # Errors
    /// When the file is absent or has the wrong length.
    pub(super) fn read_stream(&self, id: &str, index: usize, features: &Features) -> std::io::Result<Vec<f32>> {
        let bytes = fs::read(self.stream_path(id, index))?;
        if bytes.len() != 4 * (self.width / 2 + 2 * self.grid * self.grid) {
            return Err(invalid("a cached stream file has the wrong length; delete the cache"));
        }
        let values: Vec<f32> =
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().expect("four bytes"))).collect();
        Ok(self.with_tokens(&values, features))
    }

    fn with_tokens(&self, values: &[f32], features: &Features) -> Vec<f32> {
        let width = self.width / 2;
        let mut stream = values[..width].to_vec();
        let tokens = features.tokens.chunks_exact(self.width).zip(values[width..].chunks_exact(2));
        tokens.for_each(|(token, spread)| stream.extend(token[width..].iter().map(|v| v * spread[1] + spread[0])));
        stream
    }

    fn write(&self, path: &Path, features: &Features) -> std::io::Result<()> {
        let mut bytes = Vec::with_capacity(features.tokens.len() * 2 + features.pixels.len());
        bytes.extend(features.tokens.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()));
        bytes.extend(features.pixels.iter().map(|p| (p * 255.0).round() as u8));
        write_whole(path, &bytes)
    }

    /// Reads a view back.
    ///
    /// # Errors
    /// When the file is absent or has the wrong length.
    pub fn read(&self, id: &str, index: usize) -> std::io::Result<Features> {
        let file = File::open(self.path(id, index))?;
        // SAFETY: read-only map of a file that is only ever replaced by renaming.
        let bytes = unsafe { Mmap::map(&file)? };
        let count = self.grid * self.grid * self.width;
        if bytes.len() != count * 2 + self.side * self.side {
            return Err(invalid("a cached feature file has the wrong length; delete the cache"));
        }
        let halves: Vec<f16> = bytes[..count * 2].chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]])).collect();
        let pixels = bytes[count * 2..].iter().map(|b| f32::from(*b) / 255.0).collect();
        let mut tokens = halves.to_f32_vec();
        standardise(&mut tokens, self.width / 2);
        Ok(Features { grid: self.grid, side: self.side, tokens, pixels })
    }

    /// Makes every view of the list, in parallel, and calls `progress` after each.
    ///
    /// # Errors
    /// The first image that cannot be read or view that cannot be written.
    pub fn fill<'a, E: From<std::io::Error> + Send>(
        &self,
        tower: &VisionTower,
        wanted: &[(&'a Record, usize, bool)],
        open: impl Fn(&'a Record) -> Result<GreyImage, E> + Sync,
        progress: impl Fn() + Sync,
    ) -> Result<(), E> {
        wanted.par_iter().try_for_each(|(record, index, mirror_allowed)| {
            if !self.has(&record.id, *index) {
                self.ensure(tower, record, &open(record)?, *index, *mirror_allowed)?;
            }
            progress();
            Ok(())
        })
    }
}

/// Mean and deviation of a token, as it is standardised by.
fn spread(token: &[f32]) -> [f32; 2] {
    let width = token.len() as f32;
    let mean = token.iter().sum::<f32>() / width;
    let variance = token.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / width;
    [mean, (variance + STANDARDISE_EPSILON).sqrt()]
}

fn invalid(problem: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, problem)
}

/// Renaming is atomic: a run that is killed leaves no half-written file behind under the final name.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(path.parent().expect("a cached file has a folder"))?;
    let partial = path.with_extension("part");
    File::create(&partial)?.write_all(bytes)?;
    fs::rename(partial, path)
}

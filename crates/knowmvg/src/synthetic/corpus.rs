//! A corpus folder full of made-up radiographs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use serde::Serialize;

use super::radiograph::{Radiograph, radiograph};
use crate::geometry::{Box2, Image};

const IMAGES: std::ops::RangeInclusive<usize> = 3..=1_000_000;
const SIZES: std::ops::RangeInclusive<u32> = 64..=2_048;

/// How many radiographs to make and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntheticOptions {
    /// Number of images, 3 to 1,000,000; three patients are the fewest that fill three splits.
    pub images: usize,
    /// Width and height in pixels, 64 to 2,048.
    pub size: u32,
    /// The same seed makes the same corpus.
    pub seed: u64,
}

impl Default for SyntheticOptions {
    fn default() -> Self {
        Self { images: 200, size: 512, seed: 0 }
    }
}

/// Why there is no corpus.
#[derive(Debug, thiserror::Error)]
pub enum SyntheticError {
    /// The number of images is out of range.
    #[error("expected {} to {} images, found {found}", IMAGES.start(), IMAGES.end())]
    Images {
        /// Requested.
        found: usize,
    },
    /// The size is out of range.
    #[error("expected a size of {} to {} pixels, found {found}", SIZES.start(), SIZES.end())]
    Size {
        /// Requested.
        found: u32,
    },
    /// The folder holds a corpus already.
    #[error("expected a folder without annotations, found {}", path.display())]
    Exists {
        /// The annotations that would be overwritten.
        path: PathBuf,
    },
    /// A file or folder cannot be written.
    #[error("expected to write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An image cannot be written.
    #[error("expected to write {}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What the encoder said.
        #[source]
        source: image::ImageError,
    },
}

/// One line of `annotations.jsonl`.
#[derive(Debug, Serialize)]
struct Record {
    id: String,
    image: String,
    source: &'static str,
    tier: &'static str,
    split: &'static str,
    width: u32,
    height: u32,
    original_size: [u32; 2],
    patient: String,
    view: &'static str,
    findings_annotated: bool,
    findings: Vec<LabelledBox>,
    anatomy: Vec<LabelledBox>,
    image_labels: BTreeSet<&'static str>,
}

/// A box in fractions of width and height.
#[derive(Debug, Serialize)]
struct LabelledBox {
    label: &'static str,
    #[serde(rename = "box")]
    corners: [f64; 4],
}

/// Writes a corpus folder; it may exist, but must not hold annotations yet.
///
/// Patients have one to three images and do not cross splits: of seven patients five train, one validates and one tests.
///
/// # Errors
/// When an option is out of range, the folder holds annotations, or a file cannot be written.
pub fn write_corpus(folder: &Path, options: &SyntheticOptions) -> Result<(), SyntheticError> {
    check(options)?;
    let annotations = folder.join("annotations.jsonl");
    if annotations.exists() {
        return Err(SyntheticError::Exists { path: annotations });
    }
    let images = folder.join("images").join("synthetic");
    fs::create_dir_all(&images).map_err(|source| SyntheticError::Write { path: images, source })?;
    let patients = patients_of_images(options);
    let lines: Result<Vec<String>, SyntheticError> =
        (0..options.images).into_par_iter().map(|index| write_image(folder, options, index, patients[index])).collect();
    write_file(&folder.join("README.md"), &readme(options))?;
    // The annotations come last: a folder that has them is complete.
    write_file(&annotations, &lines?.concat())
}

fn check(options: &SyntheticOptions) -> Result<(), SyntheticError> {
    if !IMAGES.contains(&options.images) {
        return Err(SyntheticError::Images { found: options.images });
    }
    if !SIZES.contains(&options.size) {
        return Err(SyntheticError::Size { found: options.size });
    }
    Ok(())
}

/// The patient of each image. The first three patients have one image, so that small corpora fill every split.
fn patients_of_images(options: &SyntheticOptions) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let counts = (0..).map(|patient| (patient, if patient < 3 { 1 } else { random.random_range(1..=3) }));
    counts.flat_map(|(patient, count)| std::iter::repeat_n(patient, count)).take(options.images).collect()
}

fn split(patient: usize) -> &'static str {
    match patient % 7 {
        1 => "val",
        2 => "test",
        _ => "train",
    }
}

/// Seeds that neighbouring images and patients do not share.
fn mixed(seed: u64, stream: u64, index: usize) -> u64 {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    random.set_word_pos(2 * index as u128);
    random.random()
}

fn write_image(
    folder: &Path,
    options: &SyntheticOptions,
    index: usize,
    patient: usize,
) -> Result<String, SyntheticError> {
    let made = radiograph(mixed(options.seed, 1, patient), mixed(options.seed, 2, index), options.size);
    let record = record(&made, index, patient);
    let path = folder.join(&record.image);
    made.pixels.save(&path).map_err(|source| SyntheticError::Image { path, source })?;
    let mut line = serde_json::to_string(&record).expect("a record has only strings and finite numbers");
    line.push('\n');
    Ok(line)
}

fn record(made: &Radiograph, index: usize, patient: usize) -> Record {
    let (width, height) = made.pixels.dimensions();
    let name = format!("synthetic/{index:06}");
    let labels: BTreeSet<&'static str> = made.findings.iter().map(|(kind, _)| kind.label()).collect();
    Record {
        image: format!("images/{name}.png"),
        id: name,
        source: "synthetic",
        tier: "open",
        split: split(patient),
        width,
        height,
        original_size: [width, height],
        patient: format!("synthetic:{patient:06}"),
        view: "PA",
        findings_annotated: true,
        findings: made.findings.iter().map(|(kind, area)| labelled(kind.label(), area, width, height)).collect(),
        anatomy: made.anatomy.iter().map(|(name, area)| labelled(name, area, width, height)).collect(),
        image_labels: labels,
    }
}

fn labelled(label: &'static str, area: &Box2<Image>, width: u32, height: u32) -> LabelledBox {
    let [x0, y0, x1, y1] = area.xyxy();
    let (width, height) = (f64::from(width), f64::from(height));
    LabelledBox { label, corners: [x0 / width, y0 / height, x1 / width, y1 / height] }
}

fn readme(options: &SyntheticOptions) -> String {
    let mut text = String::from(
        "# Corpus: made-up chest radiographs\n\n\
         Computed pictures with exact boxes; no patient is on them. Good for trying out training and evaluation, and\n\
         for nothing that concerns patients.\n\n",
    );
    let _ = writeln!(text, "{} images of {1} x {1} pixels, seed {2}.", options.images, options.size, options.seed);
    text.push_str(
        "\n`annotations.jsonl` has one image a line. `findings` and `anatomy` hold `{label, box}`; a box is\n\
         `[x0, y0, x1, y1]` in fractions of width and height from the top-left corner. The left of the image is the\n\
         patient's right. Patients do not cross splits.\n",
    );
    text
}

fn write_file(path: &Path, text: &str) -> Result<(), SyntheticError> {
    fs::write(path, text).map_err(|source| SyntheticError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;

    const SMALL: SyntheticOptions = SyntheticOptions { images: 30, size: 64, seed: 5 };

    /// An empty folder of this test.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("knowmvg-synthetic-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    fn records(folder: &Path) -> Vec<Value> {
        let text = fs::read_to_string(folder.join("annotations.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn the_same_options_write_the_same_bytes() {
        let folders = ["first", "second"].map(folder);
        for folder in &folders {
            write_corpus(folder, &SMALL).unwrap();
        }
        let mut compared = 0;
        for record in records(&folders[0]) {
            let [first, second] =
                folders.each_ref().map(|f| fs::read(f.join(record["image"].as_str().unwrap())).unwrap());
            assert_eq!(first, second);
            compared += 1;
        }
        assert_eq!(compared, SMALL.images);
        let [first, second] = folders.each_ref().map(|f| fs::read(f.join("annotations.jsonl")).unwrap());
        assert_eq!(first, second);
        folders.iter().for_each(|folder| fs::remove_dir_all(folder).unwrap());
    }

    #[test]
    fn every_split_has_images_and_no_patient_has_two() {
        let folder = folder("splits");
        write_corpus(&folder, &SMALL).unwrap();
        let mut splits: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for record in records(&folder) {
            let [patient, split] = ["patient", "split"].map(|key| record[key].as_str().unwrap().to_owned());
            splits.entry(patient).or_default().insert(split);
        }
        assert!(splits.values().all(|splits| splits.len() == 1));
        let all: BTreeSet<&str> = splits.values().flatten().map(String::as_str).collect();
        assert_eq!(all, BTreeSet::from(["test", "train", "val"]));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_smallest_corpus_has_every_split() {
        let patients = patients_of_images(&SyntheticOptions { images: 3, ..SMALL });
        let splits: BTreeSet<&str> = patients.into_iter().map(split).collect();
        assert_eq!(splits.len(), 3);
    }

    #[test]
    fn boxes_are_fractions_and_lungs_lie_on_their_sides() {
        let folder = folder("boxes");
        write_corpus(&folder, &SMALL).unwrap();
        for record in records(&folder) {
            let boxes = |key: &str| -> Vec<(String, Vec<f64>)> {
                let entries = record[key].as_array().unwrap().iter();
                let corners = |e: &Value| e["box"].as_array().unwrap().iter().map(|c| c.as_f64().unwrap()).collect();
                entries.map(|e| (e["label"].as_str().unwrap().to_owned(), corners(e))).collect()
            };
            let anatomy: BTreeMap<_, _> = boxes("anatomy").into_iter().collect();
            assert!(anatomy["left lung"][0] > anatomy["right lung"][2] - 1e-9);
            for (label, corners) in boxes("findings").into_iter().chain(boxes("anatomy")) {
                assert!(corners.iter().all(|c| (0.0..=1.0).contains(c)), "{label} leaves the image");
                assert!(corners[0] < corners[2] && corners[1] < corners[3]);
            }
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn nothing_is_overwritten_and_odd_options_are_errors() {
        let folder = folder("again");
        write_corpus(&folder, &SyntheticOptions { images: 3, ..SMALL }).unwrap();
        assert!(matches!(write_corpus(&folder, &SMALL), Err(SyntheticError::Exists { .. })));
        fs::remove_dir_all(&folder).unwrap();
        let found = write_corpus(&folder, &SyntheticOptions { images: 0, ..SMALL });
        assert!(matches!(found, Err(SyntheticError::Images { found: 0 })));
        let found = write_corpus(&folder, &SyntheticOptions { size: 1 << 20, ..SMALL });
        assert!(matches!(found, Err(SyntheticError::Size { .. })));
        assert!(!folder.exists());
    }
}

//! Agreement with pydicom on whole files, by the digests that `reference/dicom_digests.py` wrote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use knowmvg::image::GreyImage;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Grey levels of 255: one level, and the rounding of `f32`. JPEG decoders round their cosine transform differently, and
/// JPEG 2000 decoders their irreversible one; everything else differs by less than 0.001.
const TOLERANCE: f64 = 1.001;
/// Of the mean over all pixels, where rounding cancels.
const MEAN_TOLERANCE: f64 = 0.1;
/// Share of the pixels that may fall into another one of the 16 bins, being within a rounding of its edge.
const HISTOGRAM_TOLERANCE: f64 = 0.01;
const TILES: usize = 8;

#[derive(Deserialize)]
struct Digests {
    repository: BTreeMap<String, Digest>,
    shared: BTreeMap<String, Digest>,
}

#[derive(Deserialize)]
struct Digest {
    sha256: String,
    width: usize,
    height: usize,
    step: String,
    mean: f64,
    samples: Vec<f64>,
    histogram16: Vec<u64>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn digests() -> Digests {
    let text = std::fs::read_to_string(root().join("golden/dicom/digests.json")).expect("the golden file is committed");
    serde_json::from_str(&text).expect("the golden file has the form that its script writes")
}

#[test]
fn the_files_of_the_repository_agree_with_pydicom() {
    let digests = digests().repository;
    assert!(digests.contains_key("samples/rg1.dcm"));
    check_all(&root(), &digests);
}

#[test]
fn the_shared_radiographs_agree_with_pydicom() {
    let folder = root().join("../shared/dicom");
    if !folder.is_dir() {
        println!("SKIPPED the_shared_radiographs_agree_with_pydicom: ../shared/dicom is absent");
        return;
    }
    check_all(&folder, &digests().shared);
}

/// Checks every file and reports all that differ, the worst sample of each first.
fn check_all(base: &Path, digests: &BTreeMap<String, Digest>) {
    let mut problems = Vec::new();
    for (name, digest) in digests {
        let bytes = std::fs::read(base.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, digest.sha256, "{name} is another file than the one that pydicom read");
        match knowmvg_dicom::read(&bytes) {
            Ok(read) => {
                problems.extend(differences(&read.image, digest).into_iter().map(|what| format!("{name}: {what}")))
            }
            Err(error) => problems.push(format!("{name}: {error}")),
        }
    }
    assert!(problems.is_empty(), "{} of {} files differ:\n{}", problems.len(), digests.len(), problems.join("\n"));
}

fn differences(image: &GreyImage, digest: &Digest) -> Vec<String> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    if (width, height) != (digest.width, digest.height) {
        return vec![format!("{width} x {height}, expected {} x {}", digest.width, digest.height)];
    }
    let grey: Vec<f64> = image.pixels().iter().map(|&p| 255.0 * f64::from(p)).collect();
    let mean = grey.iter().sum::<f64>() / grey.len() as f64;
    let worst = worst_sample(&grey, width, height, &digest.samples);
    let moved = moved_pixels(&grey, &digest.histogram16) / grey.len() as f64;
    println!(
        "{width} x {height} {}: worst sample {worst:.3}, mean {:+.4}, moved {moved:.5}",
        digest.step,
        mean - digest.mean
    );
    let checks = [
        (worst, TOLERANCE, "worst sampled pixel"),
        ((mean - digest.mean).abs(), MEAN_TOLERANCE, "mean"),
        (moved, HISTOGRAM_TOLERANCE, "share of pixels in other bins"),
    ];
    let failed = checks.into_iter().filter(|(found, allowed, _)| found > allowed);
    failed
        .map(|(found, allowed, what)| format!("{what} differs by {found:.4}, allowed {allowed} ({})", digest.step))
        .collect()
}

fn worst_sample(grey: &[f64], width: usize, height: usize, samples: &[f64]) -> f64 {
    assert_eq!(samples.len(), TILES * TILES);
    let centre = |i: usize, side: usize| (2 * i + 1) * side / (2 * TILES);
    let places = (0..TILES).flat_map(|row| (0..TILES).map(move |column| (row, column)));
    let found = places.map(|(row, column)| grey[centre(row, height) * width + centre(column, width)]);
    found.zip(samples).map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max)
}

/// Half the sum of the differences: each pixel that changed its bin is counted once.
fn moved_pixels(grey: &[f64], expected: &[u64]) -> f64 {
    let mut histogram = vec![0_u64; expected.len()];
    let bins = histogram.len();
    for value in grey {
        histogram[((value / 255.0 * bins as f64) as usize).min(bins - 1)] += 1;
    }
    histogram.iter().zip(expected).map(|(&a, &b)| a.abs_diff(b)).sum::<u64>() as f64 / 2.0
}

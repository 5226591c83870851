//! `knowmvg info --bench`: times on made-up images, as `bench/README.md` describes them.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use knowmvg::grounder::{Asked, Session};
use knowmvg::image::preprocess::prepare;
use knowmvg::image::{GreyImage, ImageSource};
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::model::files;
use knowmvg::model::vision::VisionTower;
use knowmvg::model::weights::{WeightError, WeightFile};
use knowmvg::report;
use knowmvg::synthetic::radiograph;
use serde::Serialize;

use crate::args::InfoArgs;
use crate::failure::{Exit, Failure};
use crate::{machine, model_folder, output};

/// Calls that are not timed.
const WARMUP: usize = 2;
/// Side of the image for the tower alone, in pixels.
const TOWER_SIDE: usize = 448;
/// Side of the radiograph for the whole way, in pixels.
const RADIOGRAPH_SIDE: u32 = 1_024;

/// Phrases that are asked one after the other.
const PHRASES: [&str; 6] = [
    "left pleural effusion",
    "nodule in the right upper lobe",
    "cardiomegaly",
    "consolidation in the left lower zone",
    "right pneumothorax",
    "mass in the right mid zone",
];

/// One line of a record, as the other implementations print it.
#[derive(Serialize)]
struct TowerTimes {
    implementation: &'static str,
    version: &'static str,
    side: usize,
    threads: usize,
    milliseconds: Vec<f64>,
    median_ms: f64,
    /// First channels of the class token, so that a fast wrong answer shows.
    class_token: Vec<f64>,
}

/// Times the image encoder alone.
pub fn tower(args: &InfoArgs) -> Result<(), Failure> {
    let folder = model_folder::locate(args.model.folder.as_deref())?;
    let tower = load_tower(&folder.join(files::TOWER_WEIGHTS))?;
    let grey: Vec<f32> = synthetic_image(TOWER_SIDE).into_iter().map(|v| f32::from(v) / 255.0).collect();
    let side = TOWER_SIDE as u32;
    // At its own side an image is prepared without being resampled.
    let image = GreyImage::new(side, side, grey, ImageSource::default()).map_err(|e| failed(e.into()))?;
    let pixel_values = prepare(&image, TOWER_SIDE).pixel_values();
    let forward = || tower.forward(&pixel_values, TOWER_SIDE, &[]).map_err(|e| failed(e.into()));
    let (milliseconds, output) = time_calls(args.repeats as usize, forward)?;
    let class_token = output.last_hidden_state[..8].iter().map(|v| rounded(f64::from(*v), 5)).collect();
    let times = TowerTimes {
        implementation: "knowmvg",
        version: env!("CARGO_PKG_VERSION"),
        side: TOWER_SIDE,
        threads: machine::threads(),
        median_ms: rounded(median(&milliseconds), 2),
        milliseconds: milliseconds.iter().map(|ms| rounded(*ms, 2)).collect(),
        class_token,
    };
    if args.json {
        return output::print(&output::json_line(&times)?);
    }
    let peak = peak_words();
    output::print(&format!("image encoder, {side} px, {} threads: {}{peak}\n", times.threads, spread(&milliseconds)))
}

fn load_tower(path: &Path) -> Result<VisionTower, Failure> {
    let broken = |e: WeightError| {
        Failure::about(Exit::Model, "cannot load the image encoder", path, e)
            .fix("restore the files of the model folder")
    };
    let config_path = path.with_extension("config.json");
    let config = std::fs::read(&config_path).map_err(Box::<dyn std::error::Error>::from);
    let config = config.and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
    let config = config.map_err(|e| Failure::about(Exit::Model, "cannot load the image encoder", &config_path, e))?;
    let file = WeightFile::open(path).map_err(broken)?;
    VisionTower::load(file.loader().map_err(broken)?, config).map_err(broken)
}

/// The image of `reference/synthetic.py`: integer arithmetic only, so every language repeats it exactly.
fn synthetic_image(side: usize) -> Vec<u8> {
    let triangle = |t: usize, period: usize| (t % (2 * period)).abs_diff(period);
    let grey = |x: usize, y: usize| triangle(3 * x + y, 100) + triangle(2 * y + 5 * x, 77) + triangle(x * y / 64, 78);
    // The three periods add up to 255.
    (0..side).flat_map(|y| (0..side).map(move |x| (x, y))).map(|(x, y)| grey(x, y) as u8).collect()
}

/// Times of the whole way.
#[derive(Serialize)]
struct GroundTimes {
    implementation: &'static str,
    version: &'static str,
    threads: usize,
    load_ms: f64,
    /// Pixels to encoded image with lungs and heart.
    image_ms: Vec<f64>,
    /// The first phrase on an image.
    first_phrase_ms: Vec<f64>,
    /// Each phrase after it.
    further_phrase_ms: Vec<f64>,
    peak_memory_mib: Option<f64>,
}

/// Times image, first phrase and further phrases.
pub fn ground(args: &InfoArgs) -> Result<(), Failure> {
    let started = Instant::now();
    let (_, grounder) = model_folder::load(&args.model)?;
    let load_ms = milliseconds_since(started);
    let image = made_up_radiograph()?;
    let (mut image_ms, mut first_phrase_ms, mut further_phrase_ms) = (Vec::new(), Vec::new(), Vec::new());
    for call in 0..args.repeats as usize + WARMUP {
        let started = Instant::now();
        let session = grounder.session(&image).map_err(|e| failed(e.into()))?;
        let encoded = milliseconds_since(started);
        let phrases = PHRASES.map(|text| phrase_ms(&session, text));
        if call >= WARMUP {
            image_ms.push(encoded);
            first_phrase_ms.push(phrases[0]);
            further_phrase_ms.extend_from_slice(&phrases[1..]);
        }
    }
    let (threads, peak_memory_mib) = (machine::threads(), machine::peak_memory_mib());
    let version = env!("CARGO_PKG_VERSION");
    let times = GroundTimes {
        implementation: "knowmvg",
        version,
        threads,
        load_ms,
        image_ms,
        first_phrase_ms,
        further_phrase_ms,
        peak_memory_mib,
    };
    if args.json { output::print(&output::json_line(&times)?) } else { output::print(&ground_table(&times)) }
}

fn phrase_ms(session: &Session, text: &str) -> f64 {
    let started = Instant::now();
    black_box(session.grounding(vec![Asked::from_user(report::query(text, KnowledgeBase::chest()))]));
    milliseconds_since(started)
}

fn made_up_radiograph() -> Result<GreyImage, Failure> {
    let pixels = radiograph(1, 2, RADIOGRAPH_SIDE).pixels;
    let grey = pixels.as_raw().iter().map(|v| f32::from(*v) / 255.0).collect();
    GreyImage::new(RADIOGRAPH_SIDE, RADIOGRAPH_SIDE, grey, ImageSource::default()).map_err(|e| failed(e.into()))
}

fn ground_table(times: &GroundTimes) -> String {
    let rows = [
        ("image", &times.image_ms),
        ("first phrase", &times.first_phrase_ms),
        ("each further phrase", &times.further_phrase_ms),
    ];
    let lines = rows.map(|(name, ms)| format!("{name:<20} {}\n", spread(ms)));
    let (threads, peak) = (times.threads, peak_words());
    format!("{:<20} {:.0} ms, once\n{}{threads} threads{peak}\n", "model", times.load_ms, lines.concat())
}

fn peak_words() -> String {
    machine::peak_memory_mib().map(|mib| format!(", peak memory {mib:.0} MiB")).unwrap_or_default()
}

fn failed(error: Box<dyn std::error::Error>) -> Failure {
    Failure::new(Exit::Work, "the benchmark failed").because(error)
}

/// Wall-clock milliseconds of each timed call, and the last result.
fn time_calls<T>(repeats: usize, mut call: impl FnMut() -> Result<T, Failure>) -> Result<(Vec<f64>, T), Failure> {
    for _ in 0..WARMUP {
        black_box(call()?);
    }
    let mut timed = || {
        let started = Instant::now();
        let result = call()?;
        Ok((milliseconds_since(started), result))
    };
    let (first, mut last) = timed()?;
    let mut milliseconds = vec![first];
    for _ in 1..repeats {
        let (time, result) = timed()?;
        milliseconds.push(time);
        last = result;
    }
    Ok((milliseconds, last))
}

fn milliseconds_since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e3
}

fn spread(milliseconds: &[f64]) -> String {
    let least = milliseconds.iter().copied().fold(f64::INFINITY, f64::min);
    let most = milliseconds.iter().copied().fold(0.0, f64::max);
    format!("{:.1} ms (median of {}, {least:.1} to {most:.1})", median(milliseconds), milliseconds.len())
}

/// The middle value, or the mean of the two in the middle.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { (sorted[middle - 1] + sorted[middle]) / 2.0 } else { sorted[middle] }
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10.0_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_is_the_one_of_the_reference() {
        let image = synthetic_image(448);
        let at = |x: usize, y: usize| image[y * 448 + x];
        // |0 - 100| + |0 - 77| + |0 - 78|, and two pixels that were worked out by hand.
        assert_eq!(at(0, 0), 255);
        // |(3 * 10 + 20) % 200 - 100| + |(40 + 50) % 154 - 77| + |(200 / 64) % 156 - 78| = 50 + 13 + 75
        assert_eq!(at(10, 20), 138);
        // |(900 + 400) % 200 - 100| + |(800 + 1500) % 154 - 77| + |(120000 / 64) % 156 - 78| = 0 + 67 + 75
        assert_eq!(at(300, 400), 142);
    }

    #[test]
    fn every_call_is_timed_once() {
        let mut calls = 0;
        let (times, last) = time_calls(5, || {
            calls += 1;
            Ok(calls)
        })
        .unwrap();
        assert_eq!((times.len(), last), (5, 5 + WARMUP));
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
    }
}

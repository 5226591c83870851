//! Prints how well reports are read; see `bench/report-parsing/README.md`.
//!
//! ```text
//! cargo run --release --example measure_reports -- <shared folder> [train] [errors]
//! ```
//! `train` measures the training files only, `errors` prints the ids of what was read otherwise.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use knowmvg::grounding::Side;
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::report::{Reader, main_finding};
use serde::Deserialize;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [shared, flags @ ..] = arguments.as_slice() else {
        return Err("expected the shared folder".into());
    };
    let has = |flag: &str| flags.iter().any(|f| f == flag);
    let options = Options { only_train: has("train"), errors: has("errors") };
    let reader = Reader::new(KnowledgeBase::chest());
    println!("| reports | n | class of main finding | side (n that state one) | ms a report |");
    println!("|---|---|---|---|---|");
    let splits: &[&str] = if options.only_train { &["train"] } else { &["train", "val", "test"] };
    for writer in ["gpt", "llama"] {
        for split in splits {
            let path = Path::new(shared).join(format!("mrg-chestx-ray8/{writer}_{split}.jsonl"));
            main_findings(&path, &reader, options)?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Options {
    only_train: bool,
    errors: bool,
}

// ---- MRG-ChestX-ray8: is the main finding the one that the report was written about, on its side? ----

#[derive(Deserialize)]
struct Sample {
    image: String,
    report: String,
    phrase: String,
}

fn main_findings(path: &Path, reader: &Reader, options: Options) -> Result<(), Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let samples: Vec<Sample> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let (mut right_class, mut right_side, mut stating) = (0, 0, 0);
    let start = Instant::now();
    for sample in &samples {
        let phrases = reader.phrases(&sample.report);
        let chief = main_finding(&phrases);
        let found = chief.and_then(|p| p.finding.as_deref());
        let class = sample.phrase.split(',').next().unwrap_or("");
        let is_right = found.is_some() && found == id_of_class(class);
        right_class += usize::from(is_right);
        if options.errors && !is_right {
            println!("class {} {class}: {found:?}", sample.image);
        }
        if let Some(side) = side_of_phrase(&sample.phrase).filter(|_| states_a_side(&sample.report)) {
            let is_right = chief.and_then(|p| p.side) == Some(side);
            stating += 1;
            right_side += usize::from(is_right);
            if options.errors && !is_right {
                println!("side {} {}: {:?}", sample.image, sample.phrase, chief.and_then(|p| p.side));
            }
        }
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let ms = start.elapsed().as_secs_f64() * 1e3 / samples.len() as f64;
    let class = share(right_class, samples.len());
    println!("| {name} | {} | {class} | {} ({stating}) | {ms:.2} |", samples.len(), share(right_side, stating));
    Ok(())
}

fn id_of_class(class: &str) -> Option<&'static str> {
    Some(match class {
        "Atelectasis" => "atelectasis",
        "Cardiomegaly" => "cardiomegaly",
        "Effusion" => "pleural_effusion",
        "Infiltrate" | "Infiltration" => "infiltrate",
        "Mass" => "pulmonary_mass",
        "Nodule" => "pulmonary_nodule",
        "Pneumonia" => "pneumonia",
        "Pneumothorax" => "pneumothorax",
        _ => return None,
    })
}

fn side_of_phrase(phrase: &str) -> Option<Side> {
    let position = phrase.split_once("position:")?.1;
    match (position.contains("left"), position.contains("right")) {
        (true, false) => Some(Side::Left),
        (false, true) => Some(Side::Right),
        _ => None,
    }
}

/// The word `left` or `right` stands anywhere in the report; nothing of the parser decides this.
fn states_a_side(report: &str) -> bool {
    report.to_lowercase().split(|c: char| !c.is_alphabetic()).any(|w| w == "left" || w == "right")
}

/// `97.5 % (195/200)`.
fn share(part: usize, whole: usize) -> String {
    format!("{:.1} % ({part}/{whole})", 100.0 * part as f64 / whole.max(1) as f64)
}

//! `knowmvg info`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use knowmvg::calibration::Calibration;
use knowmvg::grounder::Grounder;
use knowmvg::grounding::{ModelInfo, NOTICE};
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::model::config::ModelConfig;
use serde::Serialize;

use crate::args::{Bench, InfoArgs};
use crate::failure::{Exit, Failure};
use crate::model_folder::ModelArgs;
use crate::{bench, machine, model_folder, output};

/// What is installed.
#[derive(Serialize)]
struct Info {
    version: &'static str,
    notice: &'static str,
    folder: PathBuf,
    model: ModelInfo,
    model_bytes: u64,
    tower: TowerSizes,
    decoder: ModelConfig,
    calibration: Calibration,
    knowledge: KnowledgeCounts,
    threads: usize,
    load_ms: f64,
    peak_memory_mib: Option<f64>,
}

#[derive(Serialize)]
struct TowerSizes {
    layers: usize,
    width: usize,
    heads: usize,
    patch_side: usize,
}

#[derive(Serialize)]
struct KnowledgeCounts {
    version: String,
    modality: String,
    languages: Vec<String>,
    findings: usize,
    groundable_findings: usize,
    places: usize,
    modifiers: usize,
    cues: usize,
    terms: usize,
}

/// Prints what is installed, or times it.
pub fn run(args: &InfoArgs) -> Result<(), Failure> {
    match args.bench {
        Some(Bench::Tower) => bench::tower(args),
        Some(Bench::Ground) => bench::ground(args),
        None => {
            let info = gather(&args.model)?;
            if args.json { output::print_json(&info) } else { output::print(&table(&info)) }
        }
    }
}

fn gather(model: &ModelArgs) -> Result<Info, Failure> {
    let started = std::time::Instant::now();
    let (folder, grounder) = model_folder::load(model)?;
    let load_ms = started.elapsed().as_secs_f64() * 1e3;
    Ok(Info {
        version: env!("CARGO_PKG_VERSION"),
        notice: NOTICE,
        model_bytes: folder_bytes(&folder)?,
        model: grounder.info(),
        tower: tower_of(&grounder),
        decoder: grounder.config().clone(),
        calibration: *grounder.calibration(),
        knowledge: knowledge_counts(),
        threads: machine::threads(),
        load_ms,
        peak_memory_mib: machine::peak_memory_mib(),
        folder,
    })
}

fn tower_of(grounder: &Grounder) -> TowerSizes {
    let config = grounder.tower().config();
    TowerSizes {
        layers: config.num_hidden_layers,
        width: config.hidden_size,
        heads: config.num_attention_heads,
        patch_side: config.patch_size,
    }
}

fn folder_bytes(folder: &Path) -> Result<u64, Failure> {
    let unreadable = |e| Failure::about(Exit::Model, "cannot read the model folder", folder, e);
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        bytes += entry.and_then(|entry| entry.metadata()).map_err(unreadable)?.len();
    }
    Ok(bytes)
}

fn knowledge_counts() -> KnowledgeCounts {
    let base = KnowledgeBase::chest();
    KnowledgeCounts {
        version: base.manifest().version.clone(),
        modality: base.manifest().modality.clone(),
        languages: base.manifest().languages.clone(),
        findings: base.findings().len(),
        groundable_findings: base.findings().iter().filter(|f| f.groundable).count(),
        places: base.places().len(),
        modifiers: base.modifiers().iter().count(),
        cues: base.cues().lists().iter().map(|(_, cues)| cues.len()).sum(),
        terms: base.lexicon().len(),
    }
}

fn table(info: &Info) -> String {
    let (tower, decoder, knowledge) = (&info.tower, &info.decoder, &info.knowledge);
    let switches = &decoder.switches;
    let mut text = format!("knowmvg {}\n", info.version);
    let mut row = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<12} {value}");
    };
    row("model", format!("{} {}", info.model.name, info.model.version));
    row("sha256", info.model.sha256.clone());
    row("folder", format!("{} ({:.1} MiB)", info.folder.display(), info.model_bytes as f64 / f64::from(1 << 20)));
    row("tower", format!("{} layers, width {}, patches of {} px", tower.layers, tower.width, tower.patch_side));
    row(
        "decoder",
        format!(
            "{} layers, width {}, {} queries, image {} px",
            decoder.layers, decoder.width, decoder.queries, decoder.image_side
        ),
    );
    let switch = format!("knowledge {:?}, prior {:?}, local {:?}", switches.knowledge, switches.prior, switches.local);
    row("switches", switch.to_lowercase());
    row("knowledge", format!("{} {} ({})", knowledge.modality, knowledge.version, knowledge.languages.join(", ")));
    row(
        "",
        format!(
            "{} findings ({} can be boxed), {} places, {} modifiers, {} cues, {} terms",
            knowledge.findings,
            knowledge.groundable_findings,
            knowledge.places,
            knowledge.modifiers,
            knowledge.cues,
            knowledge.terms
        ),
    );
    row("threads", info.threads.to_string());
    let peak = info.peak_memory_mib.map(|mib| format!(", peak memory {mib:.0} MiB")).unwrap_or_default();
    row("loading", format!("{:.0} ms{peak}", info.load_ms));
    text + info.notice + "\n"
}

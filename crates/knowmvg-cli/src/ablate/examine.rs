//! Scores a finished run: each phrase of a split at both levels of text, lungs and heart, and where the decoder looked.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use knowmvg::compute::Device;
use knowmvg::grounder::Grounder;
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::model::input::Features;
use knowmvg::train::attention::{Looked, scored_and_looked};
use knowmvg::train::compose::TextLevel;
use knowmvg::train::config::TrainConfig;
use knowmvg::train::corpus::{Corpus, Split, Tier};
use knowmvg::train::dataset::{LabelMap, Sample, samples};
use knowmvg::train::features::FeatureCache;
use knowmvg::train::score::{Scored, Scorer, score_anatomy};
use knowmvg::train::thorax::{self, Thoraxes};
use knowmvg_vlm::train::VlmTrainConfig;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};
use crate::model_folder;
use crate::train::recipe::Recipe;

/// The levels of text that are scored.
pub const LEVELS: [(&str, TextLevel); 2] = [("class", TextLevel::Class), ("zone", TextLevel::Zone)];
/// Written last, so that it is there only if the other file is whole.
const SCORED: &str = "scored";
const LOOKED: &str = "looked";

/// A row of one level of text; lungs and heart are the level `anatomy`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AtLevel<T> {
    /// How much the text told.
    pub level: String,
    /// The row.
    #[serde(flatten)]
    pub row: T,
}

/// Whether a run was scored on a split.
pub fn is_done(folder: &Path, split: Split) -> bool {
    file(folder, SCORED, split).exists()
}

/// The scored phrases of a finished run.
pub fn scored(folder: &Path, split: Split) -> Result<Vec<AtLevel<Scored>>, Failure> {
    read(&file(folder, SCORED, split))
}

/// Where the decoder of a finished run looked.
pub fn looked(folder: &Path, split: Split) -> Result<Vec<AtLevel<Looked>>, Failure> {
    read(&file(folder, LOOKED, split))
}

fn file(folder: &Path, what: &str, split: Split) -> PathBuf {
    let split = match split {
        Split::Train => "train",
        Split::Val => "val",
        Split::Test => "test",
    };
    folder.join(format!("{what}-{split}.jsonl"))
}

/// Scores the model of a run on the open tier of a split.
pub fn examine(recipe: &Recipe, split: Split, device: &Device) -> Result<(), Failure> {
    let output = recipe.output();
    let model = output.join("model");
    let grounder = knowmvg_vlm::grounding::load(&model, device).map_err(|e| model_folder::broken(&model, e))?;
    let decoder = grounder.decoder();
    let examined = match recipe {
        Recipe::Compact(config) => Examined::of_decoder(config, &grounder, split)?,
        Recipe::Language(config) => Examined::of_language_model(config, &grounder, split, device)?,
    };
    let asked: Vec<&Sample> = examined.samples.iter().collect();
    let read = |s: &Sample| examined.features(s, &grounder);
    let failed = |e: io::Error| Failure::about(Exit::Input, "cannot score the run below", output, e);
    let scorer = Scorer { decoder: &decoder, reader: grounder.reader() };
    let (mut rows, mut looks) = (Vec::new(), Vec::new());
    for (level, text) in LEVELS {
        let (scored, looked) = scored_and_looked(scorer, &asked, text, read).map_err(failed)?;
        rows.extend(scored.into_iter().map(|row| AtLevel { level: level.into(), row }));
        looks.extend(looked.into_iter().map(|row| AtLevel { level: level.into(), row }));
    }
    let anatomy = score_anatomy(&decoder, &asked, read).map_err(failed)?;
    rows.extend(anatomy.into_iter().map(|row| AtLevel { level: "anatomy".into(), row }));
    write(&file(output, LOOKED, split), &looks)?;
    write(&file(output, SCORED, split), &rows)
}

/// The images of a split, with the features that the run kept.
struct Examined {
    corpus: Corpus,
    cache: FeatureCache,
    samples: Vec<Sample>,
}

impl Examined {
    fn of_decoder(config: &TrainConfig, grounder: &Grounder, split: Split) -> Result<Self, Failure> {
        let cache = config.cache.clone().unwrap_or_else(|| config.output.join("features"));
        let mut examined = Self::open(&config.corpus, &cache, grounder, split)?;
        // Arms that were told where the lungs lie learn little of lungs, and would be told apart by how badly they find them.
        if config.thorax.is_some() {
            let path = config.output.join(thorax::FILE);
            let lungs = Thoraxes::read(&path);
            let lungs = lungs.map_err(|e| Failure::about(Exit::Input, "cannot read where the lungs lie", &path, e))?;
            examined.samples.iter_mut().for_each(|sample| lungs.place(sample));
        }
        Ok(examined)
    }

    /// The lungs lie where the decoder found them that all arms start from.
    fn of_language_model(
        config: &VlmTrainConfig,
        grounder: &Grounder,
        split: Split,
        device: &Device,
    ) -> Result<Self, Failure> {
        let cache = config.cache.clone().unwrap_or_else(|| config.output.join("features"));
        let mut examined = Self::open(&config.corpus, &cache, grounder, split)?;
        let first = Grounder::load_on(&config.model, device).map_err(|e| model_folder::broken(&config.model, e))?;
        let decoder = first.decoder();
        let mut samples = std::mem::take(&mut examined.samples);
        for sample in samples.iter_mut().filter(|sample| !sample.findings.is_empty()) {
            let features = examined.features(sample, &first).map_err(|e| {
                Failure::about(Exit::Input, "cannot read the image", &examined.corpus.image_path(&sample.record), e)
            })?;
            sample.model_from_thorax = Some(decoder.thorax(&features));
        }
        Ok(Self { samples, ..examined })
    }

    fn open(corpus: &Path, cache: &Path, grounder: &Grounder, split: Split) -> Result<Self, Failure> {
        let unusable = |e: String| Failure::about(Exit::Input, "cannot use the corpus", corpus, e);
        let opened = Corpus::open(corpus).map_err(|e| unusable(e.to_string()))?;
        let mut labels = LabelMap::new(KnowledgeBase::chest());
        let side = grounder.config().image_side;
        let samples = samples(&opened, side, &mut labels, |r| {
            r.split == split && r.tier == Tier::Open && !(r.findings.is_empty() && r.anatomy.is_empty())
        })
        .map_err(unusable)?;
        let cache = FeatureCache::new(cache, grounder.tower(), grounder.tower_sha256(), side);
        Ok(Self { corpus: opened, cache, samples })
    }

    fn features(&self, sample: &Sample, grounder: &Grounder) -> io::Result<Features> {
        let record = &sample.record;
        if !self.cache.has(&record.id, 0) {
            let image = self.corpus.read_image(record).map_err(io::Error::other)?;
            self.cache.ensure(grounder.tower(), record, &image, 0, false)?;
        }
        self.cache.read(&record.id, 0)
    }
}

/// Renaming is atomic: a file under its own name is whole.
fn write<T: Serialize>(path: &Path, rows: &[T]) -> Result<(), Failure> {
    let partial = path.with_extension("part");
    let lines = || -> io::Result<()> {
        let mut out = BufWriter::new(File::create(&partial)?);
        for row in rows {
            writeln!(out, "{}", serde_json::to_string(row)?)?;
        }
        out.flush()?;
        fs::rename(&partial, path)
    };
    lines().map_err(|e| Failure::about(Exit::Work, "cannot write", path, e))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Failure> {
    let unreadable = |e: io::Error| Failure::about(Exit::Input, "cannot read", path, e);
    let lines = BufReader::new(File::open(path).map_err(unreadable)?).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect::<io::Result<_>>().map_err(unreadable)
}

//! The rows of MRG-ChestX-ray8 whose image stands in a corpus: there the model sees it.

use std::collections::BTreeMap;
use std::path::Path;

use knowmvg::grounder::Grounder;
use knowmvg::grounding::{self, GroundedPhrase, ModelInfo};
use knowmvg::train::corpus::{Corpus, Record, Split};
use knowmvg_eval::blind::read;
use knowmvg_eval::mrg::{MrgRow, SIDE};
use knowmvg_eval::{Found, Prediction, ScoredBox};

use super::args::MrgArgs;
use super::system::rescaled;
use crate::dtype::Dtype;
use crate::failure::{Exit, Failure};
use crate::model_folder::ModelArgs;
use crate::{files, model_folder};

/// A corpus and the model that looks at its images.
pub struct Pixels {
    corpus: Corpus,
    grounder: Grounder,
    /// By the name of the file without its ending, as the benchmark has it.
    by_name: BTreeMap<String, Record>,
}

impl Pixels {
    /// The chosen part of a corpus, and the model.
    ///
    /// # Errors
    /// When either cannot be read.
    pub fn open(folder: &Path, args: &MrgArgs) -> Result<Self, Failure> {
        let corpus = files::open_corpus(folder)?;
        let model = ModelArgs { folder: args.model.clone(), device: args.device.clone(), dtype: Dtype::Auto };
        let (_, grounder) = model_folder::load(&model)?;
        let split = Split::from(args.split);
        let records = corpus.records.iter().filter(|record| record.split == split);
        let by_name = records.filter_map(|record| Some((name(&record.image)?, record.clone()))).collect();
        Ok(Self { corpus, grounder, by_name })
    }

    /// The model that looks.
    pub fn model(&self) -> ModelInfo {
        self.grounder.info()
    }

    /// Whether the image of a row is there.
    pub fn has(&self, row: &MrgRow) -> bool {
        self.record(row).is_some()
    }

    fn record(&self, row: &MrgRow) -> Option<&Record> {
        self.by_name.get(&name(&row.image)?)
    }

    /// What the model makes of the image and the report of a row; nothing of the row's phrase is read.
    ///
    /// # Errors
    /// When the image is not there or cannot be read.
    pub fn answer(&self, row: &MrgRow, item: &str) -> Result<Prediction, Failure> {
        let unseen = || Failure::new(Exit::Input, "expected the image of a row in the corpus, found none");
        let record = self.record(row).ok_or_else(unseen)?;
        let image = files::read_record(&self.corpus, record)?;
        let grounding = self
            .grounder
            .ground(&image, Some(&row.report), &[])
            .map_err(|e| Failure::about(Exit::Work, "cannot ground the report", &self.corpus.image_path(record), e))?;
        let finding = read(&row.report).finding;
        let found =
            chief(&grounding.findings, finding.as_deref()).map(|phrase| found(phrase, [image.width(), image.height()]));
        Ok(Prediction { item: item.to_owned(), findings: found.into_iter().collect(), answer: None })
    }
}

fn name(image: &str) -> Option<String> {
    Some(Path::new(image).file_stem()?.to_str()?.to_owned())
}

/// The phrase with boxes that names the chief finding of the report; the first one with boxes if none does.
fn chief<'a>(phrases: &'a [GroundedPhrase], finding: Option<&str>) -> Option<&'a GroundedPhrase> {
    let mut boxed = phrases.iter().filter(|phrase| !phrase.boxes.is_empty());
    let first = boxed.clone().next();
    boxed.find(|phrase| phrase.finding.as_deref() == finding).or(first)
}

/// In the benchmark's frame, to which it stretches every image.
fn found(phrase: &GroundedPhrase, size: [u32; 2]) -> Found {
    let in_frame = |b: &grounding::ScoredBox| ScoredBox {
        bounds: rescaled(&b.box_in_image, size, [SIDE, SIDE]),
        confidence: b.confidence,
    };
    Found {
        text: Some(phrase.phrase.text.clone()),
        label: phrase.finding.clone(),
        boxes: phrase.boxes.iter().map(in_frame).collect(),
        presence: phrase.presence,
        heat: None,
    }
}

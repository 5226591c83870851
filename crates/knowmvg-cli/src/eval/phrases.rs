//! `knowmvg eval CORPUS` without a task: phrases that one box fits, beside two guesses, as a table.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use knowmvg::eval::{ConstantBoxes, Example};
use knowmvg::grounder::Grounder;
use knowmvg::image::preprocess::prepare;
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::model::encode::encode;
use knowmvg::model::input::Features;
use knowmvg::train::compose::TextLevel;
use knowmvg::train::corpus::{Corpus, Record, Split, Tier};
use knowmvg::train::dataset::{LabelMap, Sample, samples};

use knowmvg::train::score::{Scored, Scorer, score_anatomy, score_findings};
use serde::Serialize;

use super::args::EvalArgs;
use super::phrases_table::{self, Report};
use crate::failure::{Exit, Failure};
use crate::{files, model_folder, output, progress};

/// A scored phrase and what the best constant box gets on it.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// `finding` or `anatomy`.
    pub kind: &'static str,
    /// The model and the prior.
    #[serde(flatten)]
    pub scored: Scored,
    /// IoU of the constant box; `None` if the training split has no box of this kind.
    pub floor_iou: Option<f64>,
}

/// Scores the model and prints the table.
pub fn run(args: &EvalArgs) -> Result<(), Failure> {
    let (folder, level) = (args.corpus()?, args.level()?);
    let corpus = files::open_corpus(folder)?;
    let (_, grounder) = model_folder::load(&args.model)?;
    let asked = Asked::gather(args, &corpus, &grounder, level)?;
    let measured = asked.measure(args, &corpus, &grounder)?;
    if let Some(path) = &args.predictions {
        write_predictions(
            &measured,
            File::create(path).map_err(|e| Failure::about(Exit::Work, "cannot write", path, e))?,
        )
        .map_err(|e| Failure::about(Exit::Work, "cannot write", path, e))?;
    }
    let report = Report::new(args, asked.samples.len(), grounder.info(), &measured);
    if args.json { output::print_json(&report) } else { output::print(&phrases_table::table(&report)) }
}

/// The images that are asked about, and the constant boxes of the training split.
struct Asked {
    samples: Vec<Sample>,
    level: TextLevel,
    findings: ConstantBoxes,
    anatomy: ConstantBoxes,
}

impl Asked {
    fn gather(args: &EvalArgs, corpus: &Corpus, grounder: &Grounder, level: TextLevel) -> Result<Self, Failure> {
        let folder = &corpus.folder;
        let unknown = |problem: String| {
            Failure::about(Exit::Input, "cannot use the corpus", folder, problem)
                .fix("use labels that `knowmvg knowledge` links")
        };
        let side = grounder.config().image_side;
        let mut labels = LabelMap::new(KnowledgeBase::chest());
        let fits = |r: &Record| args.tier.map(Tier::from).is_none_or(|tier| r.tier == tier);
        let has_boxes = |r: &Record| !r.findings.is_empty() || (args.anatomy && !r.anatomy.is_empty());
        let split = Split::from(args.split);
        let wanted =
            samples(corpus, side, &mut labels, |r| r.split == split && fits(r) && has_boxes(r)).map_err(unknown)?;
        let train = samples(corpus, side, &mut labels, |r| r.split == Split::Train && fits(r)).map_err(unknown)?;
        if wanted.is_empty() {
            let problem = "expected annotated images of this split and tier, found none".to_owned();
            return Err(Failure::about(Exit::Input, "cannot use the corpus", folder, problem)
                .fix("choose another --split or --tier"));
        }
        let samples = spread(wanted, args.limit.map_or(usize::MAX, |limit| limit as usize));
        Ok(Self { samples, level, findings: finding_floor(&train, level), anatomy: anatomy_floor(&train) })
    }

    fn measure(&self, args: &EvalArgs, corpus: &Corpus, grounder: &Grounder) -> Result<Vec<Measured>, Failure> {
        let bar = progress::of_things("scoring", self.samples.len() as u64);
        let mut measured = Vec::new();
        for sample in &self.samples {
            let found = self.measure_image(args, sample, &|| read_features(corpus, sample, grounder), grounder);
            let path = corpus.image_path(&sample.record);
            measured.extend(found.map_err(|e| Failure::about(Exit::Input, "cannot read the image", &path, e))?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(measured)
    }

    /// Scores one image; it is encoded once, and only if something is asked about it.
    fn measure_image(
        &self,
        args: &EvalArgs,
        sample: &Sample,
        read: &dyn Fn() -> io::Result<Features>,
        grounder: &Grounder,
    ) -> io::Result<Vec<Measured>> {
        let cell = OnceCell::new();
        let once = |_: &Sample| -> io::Result<Features> {
            if cell.get().is_none() {
                let _ = cell.set(read()?);
            }
            Ok(cell.get().expect("set above").clone())
        };
        let decoder = grounder.decoder();
        let scorer = Scorer { decoder: &decoder, reader: grounder.reader() };
        let findings = score_findings(scorer, &[sample], self.level, once)?;
        let anatomy = if args.anatomy { score_anatomy(&decoder, &[sample], once)? } else { Vec::new() };
        let findings = findings.into_iter().map(|row| Measured {
            kind: "finding",
            floor_iou: self.finding_floor_iou(sample, &row),
            scored: row,
        });
        let anatomy = anatomy.into_iter().map(|row| Measured {
            kind: "anatomy",
            floor_iou: self.anatomy.for_label(&row.label).map(|floor| floor.iou(&row.truth)),
            scored: row,
        });
        Ok(findings.chain(anatomy).collect())
    }

    /// The constant box knows as much of the place as the words say.
    fn finding_floor_iou(&self, sample: &Sample, row: &Scored) -> Option<f64> {
        let asked = sample.findings.iter().find(|b| b.label == row.label && b.bounds == row.truth)?;
        let floor = self.findings.for_place(&row.label, self.level.visible(asked.location));
        floor.map(|floor| floor.iou(&row.truth))
    }
}

/// At most `limit` samples, evenly spread, so that no source is cut off.
pub fn spread<T>(all: Vec<T>, limit: usize) -> Vec<T> {
    let count = all.len();
    if count <= limit {
        return all;
    }
    let is_chosen = |index: usize| index * limit / count != (index + 1) * limit / count;
    all.into_iter().enumerate().filter(|(index, _)| is_chosen(*index)).map(|(_, sample)| sample).collect()
}

fn finding_floor(train: &[Sample], level: TextLevel) -> ConstantBoxes {
    let boxes = train.iter().flat_map(|sample| &sample.findings);
    let examples =
        boxes.map(|b| Example { label: b.label.clone(), location: level.visible(b.location), bounds: b.bounds });
    ConstantBoxes::fit(&examples.collect::<Vec<_>>())
}

fn anatomy_floor(train: &[Sample]) -> ConstantBoxes {
    let location = knowmvg::prior::Location { side: None, zone: None };
    let boxes = train.iter().flat_map(|sample| &sample.anatomy);
    let examples = boxes.map(|(label, bounds)| Example { label: label.clone(), location, bounds: *bounds });
    ConstantBoxes::fit(&examples.collect::<Vec<_>>())
}

/// Reads and encodes an image as training does.
fn read_features(corpus: &Corpus, sample: &Sample, grounder: &Grounder) -> io::Result<Features> {
    let image = corpus.read_image(&sample.record).map_err(io::Error::other)?;
    encode(grounder.tower(), &prepare(&image, grounder.config().image_side)).map_err(io::Error::other)
}

fn write_predictions(measured: &[Measured], file: File) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    for row in measured {
        writeln!(out, "{}", serde_json::to_string(row)?)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_spreads_over_the_whole_corpus() {
        let all: Vec<usize> = (0..100).collect();
        assert_eq!(spread(all.clone(), 4), [24, 49, 74, 99]);
        assert_eq!(spread(all.clone(), 100).len(), 100);
        assert_eq!(spread(all.clone(), 99).len(), 99);
        assert_eq!(spread(all, usize::MAX).len(), 100);
    }
}

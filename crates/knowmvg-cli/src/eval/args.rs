//! The arguments of `knowmvg eval` as types.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum, value_parser};
use knowmvg::train::compose::TextLevel;
use knowmvg::train::corpus::{Split, Tier};
use knowmvg_eval::Task;
use knowmvg_eval::noise::Corruption;

use crate::failure::{Exit, Failure};
use crate::model_folder::{DeviceArg, ModelArgs};

/// `knowmvg eval`
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Without --task, a table: a phrase counts if only one box of its image fits its words. Beside the model
stand two guesses on the same phrases: the prior, which knows the lungs that were found and nothing
else of the image, and the floor, the best constant box of each label (with --text zone: of each label,
side and zone) on the training split. Intervals hold 95 % of 2,000 means over resampled patients.

With --task and --out, files: items.jsonl has what is asked and what is true, predictions/ has one file
for each of these systems, and an interrupted run goes on where it stopped.
  model               the model
  blind-on-lungs      its prior on the lungs that it finds; nothing else of the image is used
  blind               its prior on a typical thorax; no pixel is used
  constant            the best box of the training split for a finding and what the words say of its place
  shuffled-images     the model on another image of the same source
  shuffled-knowledge  the model with the knowledge and the prior of another finding"
)]
pub struct EvalArgs {
    /// What to do instead
    #[command(subcommand)]
    pub verb: Option<EvalVerb>,
    /// Folder with annotations.jsonl and the images it names
    #[arg(required = true)]
    pub corpus: Option<PathBuf>,
    /// What is asked
    #[arg(long, requires = "out")]
    pub task: Option<TaskArg>,
    /// Part of the corpus
    #[arg(long, default_value = "test")]
    pub split: SplitArg,
    /// Only images whose licence is of this tier
    #[arg(long)]
    pub tier: Option<TierArg>,
    /// Only images from this source
    #[arg(long, value_name = "NAME", requires = "task")]
    pub source: Option<String>,
    /// What the words say; by default the finding alone, and in reports also its side and zone
    #[arg(long)]
    pub text: Option<TextArg>,
    /// Also ask phrases that fit several boxes, with all of them as the truth
    #[arg(long, requires = "task")]
    pub ambiguous: bool,
    /// Damage the reports on purpose, at severities 0 to 4; may be given several times
    #[arg(long, value_name = "KIND", requires = "task", value_parser = corruption)]
    pub noise: Vec<Corruption>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Write every phrase with its boxes and scores, one JSON object a line
    #[arg(long, value_name = "JSONL", conflicts_with = "task")]
    pub predictions: Option<PathBuf>,
    /// Folder of items and predictions
    #[arg(long, value_name = "DIR", requires = "task")]
    pub out: Option<PathBuf>,
    /// Lungs and heart too; with --task, for classes only
    #[arg(long)]
    pub anatomy: bool,
    /// At most so many images, evenly spread over the corpus
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Seed of everything drawn: questions, partners, resampling
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    #[command(flatten)]
    pub model: ModelArgs,
}

fn corruption(name: &str) -> Result<Corruption, String> {
    Corruption::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Corruption::EVERY.into_iter().map(Corruption::name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// What to do instead of asking about a corpus.
#[derive(Debug, Subcommand)]
pub enum EvalVerb {
    /// Measure what a report of MRG-ChestX-ray8 tells without any image
    Mrg(MrgArgs),
    /// Score the files of a folder again; needs no model and no image
    Score(ScoreArgs),
    /// Compare two predictions files on the same items
    Compare(CompareArgs),
}

/// `knowmvg eval score`
#[derive(Debug, clap::Args)]
pub struct ScoreArgs {
    /// Folder with items.jsonl and predictions/; gets scores.json
    pub folder: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Seed of the resampling
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// `knowmvg eval compare`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Both files lie as FOLDER/predictions/SYSTEM.jsonl below folders with the same items.jsonl. The interval
and p are from a bootstrap over patients, both systems together; McNemar's test takes statements of one
patient as independent.")]
pub struct CompareArgs {
    /// Predictions of one system
    pub a: PathBuf,
    /// Predictions of another system
    pub b: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Seed of the resampling
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// `knowmvg eval mrg`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The folder has {gpt,llama}_{train,val,test}.jsonl. A row has a report, a box in the image scaled to
640 x 640, and the phrase that the report was written from. The phrase goes into no answer but that of
the floor named after it.
  train  five-fold cross-validation over the patients of the training rows
  val    learnt from train
  test   learnt from train and val")]
pub struct MrgArgs {
    /// Folder of the benchmark
    pub folder: PathBuf,
    /// Who wrote the reports
    #[arg(long)]
    pub text: MrgText,
    /// Rows to answer; with --corpus, those of all files whose image is in this part of the corpus
    #[arg(long, default_value = "test")]
    pub split: SplitArg,
    /// Also let the model look, at the rows whose image stands in this corpus; the others are left out
    #[arg(long, value_name = "DIR")]
    pub corpus: Option<PathBuf>,
    /// Folder of the model that looks [default: the shipped one]
    #[arg(long, value_name = "DIR", requires = "corpus")]
    pub model: Option<PathBuf>,
    #[command(flatten)]
    pub device: DeviceArg,
    /// Write items.jsonl and predictions/ into a folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Seed of folds and resampling
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// Author of the benchmark's reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MrgText {
    /// GPT-4
    Gpt,
    /// Llama-2
    Llama,
}

impl MrgText {
    /// As the files begin.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpt => "gpt",
            Self::Llama => "llama",
        }
    }
}

impl EvalArgs {
    /// The folder of the corpus, which the parser demands where there is no verb.
    pub fn corpus(&self) -> Result<&Path, Failure> {
        self.corpus.as_deref().ok_or_else(|| Failure::new(Exit::Usage, "expected a corpus"))
    }

    /// What the words say.
    pub fn level(&self) -> Result<TextLevel, Failure> {
        match (self.task, self.text) {
            (Some(TaskArg::Report), None) => Ok(TextLevel::Zone),
            (Some(TaskArg::Report), Some(TextArg::Report)) => Ok(TextLevel::Zone),
            (_, Some(TextArg::Report)) => {
                Err(Failure::new(Exit::Usage, "only reports say what a report says").fix("give --task report"))
            }
            (_, text) => Ok(text.map_or(TextLevel::Class, TextLevel::from)),
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TaskArg {
    /// Phrases that one box fits, and phrases that are false
    Phrase,
    /// Names of classes, present and absent
    Class,
    /// Reports from templates, in which phrases must be found
    Report,
    /// Questions with answers in words
    Vqa,
}

impl From<TaskArg> for Task {
    fn from(arg: TaskArg) -> Self {
        match arg {
            TaskArg::Phrase => Self::Phrase,
            TaskArg::Class => Self::Class,
            TaskArg::Report => Self::Report,
            TaskArg::Vqa => Self::Vqa,
        }
    }
}

/// Part of a corpus.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SplitArg {
    /// What weights and priors were estimated on
    Train,
    /// What training stopped on and confidences were fitted on
    Val,
    /// What nothing was tuned on
    Test,
}

impl From<SplitArg> for Split {
    fn from(arg: SplitArg) -> Self {
        match arg {
            SplitArg::Train => Self::Train,
            SplitArg::Val => Self::Val,
            SplitArg::Test => Self::Test,
        }
    }
}

/// Licence of an image.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum TierArg {
    /// May train weights that are given away
    Open,
    /// May only be measured on
    Research,
}

impl From<TierArg> for Tier {
    fn from(arg: TierArg) -> Self {
        match arg {
            TierArg::Open => Self::Open,
            TierArg::Research => Self::Research,
        }
    }
}

/// What phrases say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TextArg {
    /// The finding
    Class,
    /// The finding with its side, taken from the true box
    Side,
    /// The finding with its side and zone, taken from the true box
    Zone,
    /// A whole report
    Report,
}

impl From<TextArg> for TextLevel {
    fn from(arg: TextArg) -> Self {
        match arg {
            TextArg::Class => Self::Class,
            TextArg::Side => Self::Side,
            TextArg::Zone => Self::Zone,
            TextArg::Report => Self::Report,
        }
    }
}

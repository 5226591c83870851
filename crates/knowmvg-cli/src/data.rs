//! `knowmvg data`: formats, conversion and checks of annotations.

use std::path::{Path, PathBuf};

use knowmvg_data::write::WriteOptions;
use knowmvg_data::{DataError, Dataset, Format, Input, ReadOptions, sizes};
use serde::Serialize;

use crate::args::{DataArgs, DataCheckArgs, DataConvertArgs, DataVerb};
use crate::failure::{Exit, Failure};
use crate::{data_table, output, progress};

/// Does what the second verb says.
pub fn run(args: &DataArgs) -> Result<(), Failure> {
    match &args.verb {
        DataVerb::Formats(args) => formats(args.json),
        DataVerb::Convert(args) => convert(args),
        DataVerb::Check(args) => check(args),
    }
}

/// A format, for the list.
#[derive(Serialize)]
struct Listed {
    name: &'static str,
    writable: bool,
    description: &'static str,
}

fn formats(json: bool) -> Result<(), Failure> {
    let listed = |format: Format| Listed {
        name: format.name(),
        writable: format.is_writable(),
        description: format.description(),
    };
    let formats = Format::ALL.map(listed);
    if json {
        return output::print_json(&formats);
    }
    let row = |format: &Listed| {
        let access = if format.writable { "read, write" } else { "read" };
        format!("{:<13} {access:<12} {}\n", format.name, format.description)
    };
    output::print(&formats.iter().map(row).collect::<String>())
}

fn convert(args: &DataConvertArgs) -> Result<(), Failure> {
    let spacing = args.spacing.0;
    let (mut dataset, format) = read_strictly(args)?;
    if let Some(images) = &args.images {
        fill_sizes(&mut dataset, format, images)?;
    }
    let options = WriteOptions { format: args.to, spacing };
    let losses = knowmvg_data::write(&dataset, &args.output, &options).map_err(|e| unwritten(&args.output, e))?;
    for loss in &losses {
        output::warn(&format!("{} does not hold {loss}", args.to.name()));
    }
    if args.to == Format::Corpus {
        warn_of_training(&dataset);
    }
    output::print(&format!("{}\n", args.output.display()))
}

fn read_strictly(args: &DataConvertArgs) -> Result<(Dataset, Format), Failure> {
    let unread = |e| unread(&args.input, e).fix("correct the file, or list everything wrong with `knowmvg data check`");
    let format = args.from.map_or_else(|| Format::guess(&args.input), Ok).map_err(unread)?;
    let options = ReadOptions { format: Some(format), spacing: args.spacing.0 };
    Ok((knowmvg_data::read(&args.input, &options).map_err(unread)?, format))
}

fn fill_sizes(dataset: &mut Dataset, format: Format, images: &Path) -> Result<(), Failure> {
    let missing = sizes::fill(dataset, format.frame(), images).map_err(|e| unread(images, e))?;
    if missing > 0 {
        output::warn(&format!("{missing} image files were not found in the folder of the images"));
    }
    Ok(())
}

/// Training refuses entries without these; another program may not.
fn warn_of_training(dataset: &Dataset) {
    let lacks = |what: &str, is_there: fn(&knowmvg_data::ImageEntry) -> bool| {
        let count = dataset.images.iter().filter(|entry| !is_there(entry)).count();
        if count > 0 {
            output::warn(&format!("{count} images have no {what}, which `knowmvg train` needs"));
        }
    };
    lacks("file", |entry| entry.file.is_some());
    lacks("size", |entry| entry.size.is_some_and(|size| size != knowmvg_data::dataset::UNIT_FRAME));
    lacks("source", |entry| entry.source.is_some());
    lacks("split", |entry| entry.split.is_some());
    lacks("tier", |entry| entry.tier.is_some());
}

fn check(args: &DataCheckArgs) -> Result<(), Failure> {
    let input = input(args, &args.input)?;
    let against: Vec<Input> = args.against.iter().map(|path| self::input(args, path)).collect::<Result<_, _>>()?;
    let read = std::iter::once(&input).chain(&against).filter(|input| input.images.is_some());
    let count: usize = read.map(|input| input.dataset.images.len()).sum();
    let bar = progress::of_things("images", count as u64);
    let report = knowmvg_data::check(&input, &against, &mut || bar.inc(1));
    bar.finish_and_clear();
    if args.json {
        output::print_json(&report)?
    } else {
        output::print(&data_table::table(&report))?
    }
    let problems: usize = report.counts.values().sum();
    if report.is_clean() { Ok(()) } else { Err(Failure::new(Exit::Work, format!("found {problems} problems"))) }
}

fn input(args: &DataCheckArgs, path: &Path) -> Result<Input, Failure> {
    let format = args.from.map_or_else(|| Format::guess(path), Ok).map_err(|e| unread(path, e))?;
    let options = ReadOptions { format: Some(format), ..ReadOptions::default() };
    let (dataset, broken) = knowmvg_data::read_leniently(path, &options).map_err(|e| unread(path, e))?;
    Ok(Input { name: short_name(path), dataset, broken, frame: format.frame(), images: images_of(args, path, format) })
}

/// Where the images are: where it was said, or in the folder of a corpus.
fn images_of(args: &DataCheckArgs, path: &Path, format: Format) -> Option<PathBuf> {
    let own = (format == Format::Corpus && path.is_dir()).then(|| path.to_owned());
    args.images.clone().filter(|_| own.is_none() || path == args.input).or(own)
}

/// The last part of a path; two inputs may have the same.
fn short_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn unread(path: &Path, error: DataError) -> Failure {
    let failure = Failure::about(Exit::Input, "cannot read the annotations", path, error);
    failure.fix("name the format with --from if it was guessed wrong; `knowmvg data formats` lists them")
}

fn unwritten(path: &Path, error: DataError) -> Failure {
    let fix = match &error {
        DataError::Unwritable { .. } => "give the folder of the images with --images, or choose another format",
        _ => "choose a path that does not exist yet and may be written to",
    };
    Failure::about(Exit::Work, "cannot write the annotations", path, error).fix(fix)
}

//! Language models of the Hugging Face hub: `knowmvg vlm download` asks for them, a recipe finds them in the cache.

use std::env;
use std::path::{Path, PathBuf};

use knowmvg_hub::{Files, HubError, PinnedFiles, Progress, Settings, download};

use crate::args::DownloadArgs;
use crate::failure::{Exit, Failure};
use crate::{output, progress};

/// Downloads a model and prints where it is.
pub fn run(args: &DownloadArgs) -> Result<(), Failure> {
    let settings = settings()?;
    let bar = progress::of_bytes("connecting", 0);
    let files = args.file.clone().map_or(Files::Checkpoint, Files::Gguf);
    let downloaded = download(&settings, &args.model, &files, &mut |Progress { file, done, all }| {
        bar.set_message(file.to_owned());
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let told = |e| failure(&args.model.to_string(), e);
    let snapshot = downloaded.map_err(told)?;
    eprintln!("in a recipe: language = \"{}\"", snapshot.found);
    let path = match &args.output {
        None => snapshot.path,
        Some(folder) => snapshot.copy_to(folder).map_err(told)?,
    };
    output::print(&format!("{}\n", path.display()))
}

/// The language model that a recipe in `base` names: a file or a folder, or a model of the hub with its commit, out of the cache.
/// Nobody is asked for it: training calls no other machine.
pub fn language(base: &Path, named: &Path) -> Result<PathBuf, Failure> {
    let path = base.join(named);
    let text = named.to_str().unwrap_or_default();
    // What looks like a path is one, whether it is there or not.
    if path.exists() || !text.contains('@') {
        return Ok(path);
    }
    let fix = "download it with `knowmvg vlm download`, and name it as that says: owner/name@commit, or owner/name@commit/file.gguf";
    let unusable = |e: HubError| failure(text, e).fix(fix);
    let wanted: PinnedFiles = text.parse().map_err(unusable)?;
    let cache = settings()?.cache;
    cache.find(&wanted).ok_or_else(|| {
        let problem = format!("expected {wanted} in the cache {}, found nothing", cache.folder().display());
        Failure::new(Exit::Input, problem).fix(format!("download it first: knowmvg vlm download {}", request(&wanted)))
    })
}

/// What `knowmvg vlm download` has to be told to get it.
fn request(wanted: &PinnedFiles) -> String {
    match &wanted.files {
        Files::Checkpoint => wanted.pinned.to_string(),
        Files::Gguf(name) => format!("{} --file {name}", wanted.pinned),
    }
}

fn settings() -> Result<Settings, Failure> {
    Settings::from_variables(|name| env::var_os(name))
        .map_err(|e| Failure::new(Exit::Usage, "cannot use the hub").because(e))
}

fn failure(model: &str, error: HubError) -> Failure {
    let exit = if matches!(error, HubError::Input(_)) { Exit::Input } else { Exit::Work };
    Failure::new(exit, format!("cannot get the model {model}")).because(error)
}

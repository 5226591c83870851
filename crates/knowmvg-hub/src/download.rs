use std::fs;
use std::path::{Path, PathBuf};

use crate::client::Client;
use crate::error::{HubError, io};
use crate::fetch::fetch;
use crate::files::Files;
use crate::id::{PinnedFiles, Wanted};
use crate::listing::{described, revision, total};
use crate::settings::Settings;

/// A model on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What to name it by, so that it is the same tomorrow.
    pub found: PinnedFiles,
    /// The folder of a checkpoint, or the one file that was wanted.
    pub path: PathBuf,
}

/// How far a download is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The file that arrives.
    pub file: &'a str,
    /// Bytes of the model that are there.
    pub done: u64,
    /// Bytes of the model.
    pub all: u64,
}

/// Downloads a model into the cache: those of its files that are wanted, each checked against the hub's checksum. What is there already and
/// right is not asked for again. Offline, what is there is what there is.
///
/// # Errors
/// When the hub cannot be reached, refuses, or answers what makes no sense; what has arrived of a file is kept and gone on with.
pub fn download(
    settings: &Settings,
    wanted: &Wanted,
    wanted_files: &Files,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Snapshot, HubError> {
    if settings.is_offline {
        return offline(settings, wanted, wanted_files);
    }
    let client = Client::new(settings);
    let (pinned, names) = revision(&client, wanted, wanted_files)?;
    let files = names.iter().map(|name| described(&client, &pinned, name)).collect::<Result<Vec<_>, _>>()?;
    let all = total(&files)?;
    let mut before = 0;
    for file in &files {
        let mut tell = |bytes| on_progress(Progress { file: &file.name, done: before + bytes, all });
        fetch(&client, &settings.cache, &pinned, file, &mut tell)?;
        before += file.size;
    }
    // Links come last: a folder of a commit that is there is whole.
    let links: Vec<(&str, &str)> = files.iter().map(|file| (file.name.as_str(), file.checksum.as_str())).collect();
    settings.cache.link(&pinned, &links)?;
    settings.cache.remember(wanted, &pinned)?;
    in_cache(settings, PinnedFiles { pinned, files: wanted_files.clone() }, wanted)
}

fn offline(settings: &Settings, wanted: &Wanted, files: &Files) -> Result<Snapshot, HubError> {
    let pinned = settings.cache.commit(wanted).ok_or_else(|| HubError::Offline(wanted.to_string()))?;
    in_cache(settings, PinnedFiles { pinned, files: files.clone() }, wanted)
}

fn in_cache(settings: &Settings, found: PinnedFiles, wanted: &Wanted) -> Result<Snapshot, HubError> {
    let path = settings.cache.find(&found).ok_or_else(|| HubError::Offline(wanted.to_string()))?;
    Ok(Snapshot { found, path })
}

impl Snapshot {
    /// Copies it into a folder of its own, without links; returns the folder, or the one file in it.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn copy_to(&self, folder: &Path) -> Result<PathBuf, HubError> {
        fs::create_dir_all(folder).map_err(io(folder))?;
        if let Files::Gguf(name) = &self.found.files {
            let to = folder.join(name.as_str());
            fs::copy(&self.path, &to).map_err(io(&to))?;
            return Ok(to);
        }
        for entry in fs::read_dir(&self.path).map_err(io(&self.path))? {
            let from = entry.map_err(io(&self.path))?.path();
            let to = folder.join(from.file_name().unwrap_or_default());
            fs::copy(&from, &to).map_err(io(&to))?;
        }
        Ok(folder.to_owned())
    }
}

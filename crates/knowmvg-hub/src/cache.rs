use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{HubError, io};
use crate::files::Files;
use crate::id::{Model, Pinned, PinnedFiles, Wanted};

/// The cache of `huggingface_hub`: contents by their checksums, and a folder of links for each commit.
///
/// ```text
/// models--owner--name/blobs/<checksum>            contents; <checksum>.incomplete while they arrive
///                     snapshots/<commit>/<file>   links to them
///                     refs/<branch>               the commit that it was at
/// .locks/models--owner--name/<checksum>.lock      held while contents arrive
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache(PathBuf);

impl Cache {
    /// In a folder, which need not be there yet.
    pub fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Where files of a commit are, if they are: the folder of a checkpoint, or one file.
    pub fn find(&self, wanted: &PinnedFiles) -> Option<PathBuf> {
        let folder = self.snapshot(&wanted.pinned);
        match &wanted.files {
            Files::Checkpoint => folder.join("config.json").is_file().then_some(folder),
            Files::Gguf(name) => Some(folder.join(name.as_str())).filter(|file| file.is_file()),
        }
    }

    /// The commit that a revision was at when it was asked for last; a commit is its own.
    pub(crate) fn commit(&self, wanted: &Wanted) -> Option<Pinned> {
        let pinned = |commit: &str| Pinned::new(wanted.model.clone(), commit).ok();
        pinned(wanted.revision()).or_else(|| pinned(fs::read_to_string(self.reference(wanted)).ok()?.trim()))
    }

    /// Remembers the commit of a revision.
    pub(crate) fn remember(&self, wanted: &Wanted, pinned: &Pinned) -> Result<(), HubError> {
        if wanted.revision() == pinned.commit() {
            return Ok(());
        }
        let path = self.reference(wanted);
        create_above(&path)?;
        fs::write(&path, pinned.commit()).map_err(io(&path))
    }

    /// Makes the folder of a commit out of contents that are there.
    pub(crate) fn link(&self, pinned: &Pinned, files: &[(&str, &str)]) -> Result<(), HubError> {
        let folder = self.snapshot(pinned);
        fs::create_dir_all(&folder).map_err(io(&folder))?;
        for (name, checksum) in files {
            link(&self.blob(&pinned.model, checksum), checksum, &folder.join(name))?;
        }
        Ok(())
    }

    pub(crate) fn blob(&self, model: &Model, checksum: &str) -> PathBuf {
        self.0.join(model.folder()).join("blobs").join(checksum)
    }

    pub(crate) fn lock(&self, model: &Model, checksum: &str) -> PathBuf {
        self.0.join(".locks").join(model.folder()).join(format!("{checksum}.lock"))
    }

    fn snapshot(&self, pinned: &Pinned) -> PathBuf {
        self.0.join(pinned.model.folder()).join("snapshots").join(pinned.commit())
    }

    fn reference(&self, wanted: &Wanted) -> PathBuf {
        self.0.join(wanted.model.folder()).join("refs").join(wanted.revision())
    }
}

/// Makes the folder that a file is to lie in.
pub(crate) fn create_above(path: &Path) -> Result<(), HubError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(io(folder))
}

#[cfg(unix)]
fn link(_blob: &Path, checksum: &str, to: &Path) -> Result<(), HubError> {
    // Relative, so that the cache can be moved.
    let target = Path::new("../../blobs").join(checksum);
    if fs::read_link(to).is_ok_and(|found| found == target) {
        return Ok(());
    }
    absent(fs::remove_file(to)).map_err(io(to))?;
    std::os::unix::fs::symlink(target, to).map_err(io(to))
}

#[cfg(not(unix))]
fn link(blob: &Path, _checksum: &str, to: &Path) -> Result<(), HubError> {
    absent(fs::remove_file(to)).map_err(io(to))?;
    fs::hard_link(blob, to).or_else(|_| fs::copy(blob, to).map(|_| ())).map_err(io(to))
}

/// What is not there need not be removed.
fn absent(removed: std::io::Result<()>) -> std::io::Result<()> {
    removed.or_else(|e| if e.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
}

//! [`Spool`]: the folder with images on their way in and results on their way out.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::ListenError;

/// Ending of files that are not complete yet.
const PARTIAL: &str = "part";

/// A folder of files that are complete or not there.
///
/// Names are random or digests: they say nothing of a patient.
pub struct Spool {
    folder: PathBuf,
}

impl Spool {
    /// Opens or makes the folder; only the user of the process may look into it.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn open(folder: &Path) -> Result<Self, ListenError> {
        fs::create_dir_all(folder).map_err(|e| ListenError::file("cannot make the folder", folder, e))?;
        private(folder).map_err(|e| ListenError::file("cannot protect the folder", folder, e))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Writes a file; it is on the disk when this returns, and under no circumstances half of it.
    ///
    /// # Errors
    /// When the disk is full or broken.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let partial = self.path(name).with_extension(PARTIAL);
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, self.path(name))?;
        // The name itself is in the folder, which has to reach the disk too.
        File::open(&self.folder)?.sync_all()
    }

    /// Reads a file of at most `limit` bytes.
    ///
    /// # Errors
    /// When it is not there, or longer.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path(name))?.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a file of the spool has grown"));
        }
        Ok(bytes)
    }

    /// Deletes a file; it is no error if it is gone already.
    ///
    /// # Errors
    /// When it can't be deleted.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Deletes every file that is not needed: what a process that was killed between a file and its row left behind.
    ///
    /// # Errors
    /// When the folder can't be read or a file can't be deleted.
    pub fn sweep(&self, needed: &BTreeSet<String>) -> io::Result<usize> {
        let mut swept = 0;
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            if name.to_str().is_none_or(|name| !needed.contains(name)) {
                fs::remove_file(self.folder.join(name))?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Lets only the user of the process look into a folder.
#[cfg(unix)]
pub(crate) fn private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// Folders of a user are private there already.
#[cfg(not(unix))]
pub(crate) fn private(_: &Path) -> io::Result<()> {
    Ok(())
}

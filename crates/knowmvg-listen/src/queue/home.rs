//! [`Home`]: which node this is, and where its files are.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::ListenError;
use crate::random;
use crate::spool::Spool;

const SPOOL_FOLDER: &str = "spool";
const NODE_FILE: &str = "node";

/// A node of a queue.
pub(super) struct Home {
    /// Its name in the rows whose files it has.
    pub node: String,
    /// Folder of its files.
    pub spool: PathBuf,
}

impl Home {
    /// Of a queue that no other node can have.
    pub fn alone(data: &Path) -> Self {
        Self { node: String::new(), spool: data.join(SPOOL_FOLDER) }
    }

    /// In a queue of many nodes: a folder for this queue alone, with the node's name beside its files.
    ///
    /// A folder for each queue, since whatever a queue doesn't name is swept from its spool: after a change of the configuration, the
    /// files of the queue before are still there.
    ///
    /// # Errors
    /// When the folder can't be made or read, or has files and no name.
    pub fn among(data: &Path, queue: &str) -> Result<Self, ListenError> {
        let folder = data.join(format!("postgres-{queue}"));
        let spool = folder.join(SPOOL_FOLDER);
        let files = Spool::open(&folder)?;
        let path = folder.join(NODE_FILE);
        let node = match fs::read_to_string(&path) {
            Ok(name) if is_name(&name) => name,
            Ok(_) => return Err(ListenError::Config(format!("expected the name of a node in {}", path.display()))),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Under a new name, every file would be one that no row names.
                if fs::read_dir(&spool).is_ok_and(|mut found| found.next().is_some()) {
                    let lost = format!("{} is lost, and the files beside it are of that node", path.display());
                    return Err(ListenError::Config(lost));
                }
                let name = random::name()?;
                let written = files.write(NODE_FILE, name.as_bytes());
                written.map_err(|e| ListenError::file("cannot write the node's name", &path, e))?;
                name
            }
            Err(error) => return Err(ListenError::file("cannot read the node's name", path, error)),
        };
        Ok(Self { node, spool })
    }
}

fn is_name(name: &str) -> bool {
    name.len() == random::NAME_LENGTH && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

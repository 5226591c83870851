//! Strict loading of safetensors: what was asked for and what was found must be equal as sets.
//!
//! Missing, unused and misshapen tensors are one error that lists them all. Random initialisation is a different
//! constructor, never a fallback.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

/// Largest file that is opened.
///
/// # Units
/// Bytes.
pub const MAX_FILE_LEN: u64 = 4 << 30;
/// Most tensors in one file.
pub const MAX_TENSORS: usize = 20_000;

/// Why weights could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum WeightError {
    /// The file cannot be opened or mapped.
    #[error("cannot read the weights: {source}: {}", path.display())]
    Io {
        /// What the system said.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// The file is larger than [`MAX_FILE_LEN`].
    #[error("expected at most {MAX_FILE_LEN} bytes of weights, found {0}")]
    TooLarge(u64),
    /// The bytes are not a valid safetensors file.
    #[error("expected a safetensors file: {0}")]
    Format(String),
    /// Names or shapes differ from what the model asks for.
    #[error("the weights do not fit the model: {}", .0.join("; "))]
    Mismatch(Vec<String>),
}

/// Checks a safetensors header and returns each tensor's name, shape and type.
///
/// # Errors
/// When the header is malformed, offsets overlap or leave gaps, or a limit is exceeded.
pub fn read_header(bytes: &[u8]) -> Result<Vec<(String, Vec<usize>, String)>, WeightError> {
    let tensors = parse(bytes)?;
    let mut rows: Vec<_> = tensors
        .iter()
        .map(|(name, view)| (name.to_owned(), view.shape().to_vec(), format!("{:?}", view.dtype())))
        .collect();
    rows.sort();
    Ok(rows)
}

fn parse(bytes: &[u8]) -> Result<SafeTensors<'_>, WeightError> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| WeightError::Format(e.to_string()))?;
    if tensors.len() > MAX_TENSORS {
        return Err(WeightError::Format(format!("expected at most {MAX_TENSORS} tensors, found {}", tensors.len())));
    }
    Ok(tensors)
}

/// A memory-mapped file of weights.
pub struct WeightFile {
    map: Mmap,
}

impl WeightFile {
    /// Maps a file.
    ///
    /// # Errors
    /// When it cannot be opened, is too large or is not a safetensors file.
    pub fn open(path: &Path) -> Result<Self, WeightError> {
        let io = |source| WeightError::Io { source, path: path.to_owned() };
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        if length > MAX_FILE_LEN {
            return Err(WeightError::TooLarge(length));
        }
        // SAFETY: the map is read-only. A file that another process truncates meanwhile would fault; weights are
        // installed once and not written again, which the documentation of `models/` states.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        parse(&map)?;
        Ok(Self { map })
    }

    /// SHA-256 of the whole file, hexadecimal.
    pub fn sha256(&self) -> String {
        hex(&Sha256::digest(&self.map))
    }

    /// The strings under `__metadata__`.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        let header = SafeTensors::read_metadata(&self.map).ok();
        header.and_then(|(_, m)| m.metadata().clone()).map(|m| m.into_iter().collect()).unwrap_or_default()
    }

    /// The tensors as they are stored.
    ///
    /// # Errors
    /// When the file changed under us and no longer parses.
    pub fn tensors(&self) -> Result<SafeTensors<'_>, WeightError> {
        parse(&self.map)
    }

    /// A strict reader of all tensors.
    ///
    /// # Errors
    /// When the file changed under us and no longer parses.
    pub fn loader(&self) -> Result<Loader<'_>, WeightError> {
        Ok(Loader { tensors: parse(&self.map)?, used: BTreeSet::new(), problems: Vec::new() })
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Hands out tensors by name and remembers what was wrong.
pub struct Loader<'a> {
    tensors: SafeTensors<'a>,
    used: BTreeSet<String>,
    problems: Vec<String>,
}

impl Loader<'_> {
    /// The shape of a tensor, if the file holds it.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.tensor(name).ok().map(|view| view.shape().to_vec())
    }

    /// The values of `name` in f32. A missing or misshapen tensor is noted for [`Loader::finish`] and read as zeros.
    pub fn tensor(&mut self, name: &str, shape: &[usize]) -> Vec<f32> {
        self.used.insert(name.to_owned());
        let zeros = || vec![0.0; shape.iter().product()];
        let Ok(view) = self.tensors.tensor(name) else {
            self.problems.push(format!("missing {name} {shape:?}{}", self.nearest(name)));
            return zeros();
        };
        if view.shape() != shape {
            self.problems.push(format!("expected {name} {shape:?}, found {:?}", view.shape()));
            return zeros();
        }
        decode(view.dtype(), view.data()).unwrap_or_else(|| {
            self.problems.push(format!("expected {name} as F32, F16 or BF16, found {:?}", view.dtype()));
            zeros()
        })
    }

    fn nearest(&self, name: &str) -> String {
        let last = name.rsplit('.').next().unwrap_or(name);
        let similar =
            self.tensors.names().into_iter().filter(|n| n.ends_with(last)).min_by_key(|n| n.len().abs_diff(name.len()));
        similar.map(|n| format!(" (the file has {n})")).unwrap_or_default()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// When a tensor was missing, misshapen or left unused.
    pub fn finish(mut self) -> Result<(), WeightError> {
        let mut unused: Vec<_> = self.tensors.names().into_iter().filter(|n| !self.used.contains(*n)).collect();
        unused.sort_unstable();
        self.problems.extend(unused.into_iter().map(|n| format!("unused {n}")));
        if self.problems.is_empty() { Ok(()) } else { Err(WeightError::Mismatch(self.problems)) }
    }
}

/// Stored numbers as f32; `None` if they are of a type that is not read.
pub fn decode(dtype: Dtype, data: &[u8]) -> Option<Vec<f32>> {
    let pairs = || data.chunks_exact(2).map(|b| [b[0], b[1]]);
    match dtype {
        Dtype::F32 => Some(data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()),
        Dtype::F16 => Some(pairs().map(|b| f16::from_le_bytes(b).to_f32()).collect()),
        Dtype::BF16 => Some(pairs().map(|b| bf16::from_le_bytes(b).to_f32()).collect()),
        _ => None,
    }
}

/// Numbers as they are stored, rounded to the nearest; `None` if that is not a type that is read.
pub fn encode(dtype: Dtype, values: &[f32]) -> Option<Vec<u8>> {
    match dtype {
        Dtype::F32 => Some(values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        Dtype::F16 => Some(values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect()),
        Dtype::BF16 => Some(values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect()),
        _ => None,
    }
}

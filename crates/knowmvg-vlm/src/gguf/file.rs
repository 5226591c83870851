use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

use knowmvg::model::weights::MAX_TENSORS;
use memmap2::Mmap;

use super::cursor::Cursor;
use super::error::GgufError;
use super::kind::Kind;
use super::value::Value;
use crate::{Error, Result};

const MAGIC: [u8; 4] = *b"GGUF";
/// Most entries of the metadata.
const MAX_ENTRIES: u64 = 1 << 12;
/// Most axes of a tensor.
const MAX_AXES: u32 = 4;
const DEFAULT_ALIGNMENT: u64 = 32;

/// An open GGUF file.
pub struct Gguf {
    bytes: Box<dyn AsRef<[u8]> + Send + Sync>,
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, GgufTensor>,
}

/// Where a tensor lies and what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct GgufTensor {
    /// Slowest axis first, as everywhere but in the file.
    pub shape: Vec<usize>,
    /// How its numbers are stored.
    pub kind: Kind,
    range: Range<usize>,
}

impl Gguf {
    /// Maps a file and reads what it says of itself.
    ///
    /// # Errors
    /// When it cannot be opened or is broken.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |source| Error::Io { source, path: path.to_owned() };
        let file = File::open(path).map_err(io)?;
        // SAFETY: the map is read-only. A file that another process truncates meanwhile would fault; weights are
        // installed once and not written again, which the documentation of `VisionLanguageModel::load` states.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        Self::parse(map).map_err(|source| Error::Gguf { source, path: path.to_owned() })
    }

    /// Reads what the bytes of a file say of themselves.
    ///
    /// # Errors
    /// When they are cut short, contradict themselves or pass a limit.
    ///
    /// # Source
    /// `docs/gguf.md` of ggml, versions 2 and 3.
    pub fn parse(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, GgufError> {
        let mut cursor = Cursor::new(bytes.as_ref());
        if cursor.array()? != MAGIC {
            return Err(GgufError::Format("its first bytes are not GGUF".into()));
        }
        let version = cursor.u32()?;
        if !(2..=3).contains(&version) {
            return Err(GgufError::Format(format!("it is of version {version}; 2 and 3 are read")));
        }
        let tensor_count = cursor.count("tensors", MAX_TENSORS as u64)?;
        let entry_count = cursor.count("entries", MAX_ENTRIES)?;
        let metadata = read_metadata(&mut cursor, entry_count)?;
        let infos = (0..tensor_count).map(|_| TensorInfo::read(&mut cursor)).collect::<Result<Vec<_>, _>>()?;
        let data = data_start(cursor.position(), &metadata)?;
        let mut tensors = BTreeMap::new();
        for info in infos {
            let (name, tensor) = info.placed(data, bytes.as_ref().len())?;
            if tensors.contains_key(&name) {
                return Err(GgufError::Format(format!("it holds {name} twice")));
            }
            tensors.insert(name, tensor);
        }
        Ok(Self { bytes: Box::new(bytes), metadata, tensors })
    }

    /// The tensors, by the file's names.
    pub fn tensors(&self) -> &BTreeMap<String, GgufTensor> {
        &self.tensors
    }

    /// The numbers of a tensor in f32, row-major.
    pub fn values(&self, tensor: &GgufTensor) -> Vec<f32> {
        tensor.kind.decode(self.blocks(tensor))
    }

    /// The numbers of a tensor as they are stored, row-major.
    pub fn blocks(&self, tensor: &GgufTensor) -> &[u8] {
        let bytes = (*self.bytes).as_ref();
        bytes.get(tensor.range.clone()).unwrap_or_default()
    }

    /// A value of the metadata.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// A string of the metadata.
    pub fn string(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// A whole number of the metadata.
    pub fn integer(&self, key: &str) -> Option<u64> {
        self.get(key)?.as_u64()
    }

    /// A fraction of the metadata.
    pub fn float(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            Value::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// An array of strings, or `None` if it is not one.
    pub fn strings(&self, key: &str) -> Option<Vec<&str>> {
        let Value::Array(values) = self.get(key)? else { return None };
        values.iter().map(Value::as_str).collect()
    }

    /// An array of whole numbers, or `None` if it is not one.
    pub fn integers(&self, key: &str) -> Option<Vec<u64>> {
        let Value::Array(values) = self.get(key)? else { return None };
        values.iter().map(Value::as_u64).collect()
    }
}

fn read_metadata(cursor: &mut Cursor, count: u64) -> Result<BTreeMap<String, Value>, GgufError> {
    let mut elements = Value::element_budget();
    let mut metadata = BTreeMap::new();
    for _ in 0..count {
        let key = cursor.string()?;
        let value = Value::read(cursor, &mut elements)?;
        if metadata.insert(key.to_owned(), value).is_some() {
            return Err(GgufError::Format(format!("it states {key} twice")));
        }
    }
    Ok(metadata)
}

/// The first byte of the data: where the tensors' descriptions end, aligned.
fn data_start(end: usize, metadata: &BTreeMap<String, Value>) -> Result<u64, GgufError> {
    let alignment = metadata.get("general.alignment").map_or(Some(DEFAULT_ALIGNMENT), Value::as_u64);
    match alignment {
        Some(alignment) if alignment.is_power_of_two() && alignment <= 1 << 16 => {
            Ok((end as u64).next_multiple_of(alignment))
        }
        _ => Err(GgufError::Format("its alignment is not a power of two".into())),
    }
}

/// What the file says of a tensor.
struct TensorInfo {
    name: String,
    shape: Vec<u64>,
    kind: Kind,
    offset: u64,
}

impl TensorInfo {
    fn read(cursor: &mut Cursor) -> Result<Self, GgufError> {
        let name = cursor.string()?.to_owned();
        let axes = cursor.u32()?;
        if axes > MAX_AXES {
            return Err(GgufError::TooMany { what: "axes", most: MAX_AXES.into(), found: axes.into() });
        }
        let mut shape = (0..axes).map(|_| cursor.u64()).collect::<Result<Vec<_>, _>>()?;
        shape.reverse();
        Ok(Self { name, shape, kind: Kind::from_id(cursor.u32()?)?, offset: cursor.u64()? })
    }

    /// Checks the place against the file.
    fn placed(self, data: u64, file_len: usize) -> Result<(String, GgufTensor), GgufError> {
        let wrong = || GgufError::Format(format!("{} does not lie within it", self.name));
        let count = self.shape.iter().try_fold(1u64, |product, side| product.checked_mul(*side)).ok_or_else(wrong)?;
        let (block, size) = self.kind.block();
        let row = self.shape.last().copied().unwrap_or(1);
        if row % block as u64 != 0 {
            let name = &self.name;
            return Err(GgufError::Format(format!("rows of {name} have {row} values, not blocks of {block}")));
        }
        let length = (count / block as u64).checked_mul(size as u64).ok_or_else(wrong)?;
        let start = data.checked_add(self.offset).ok_or_else(wrong)?;
        let end = start.checked_add(length).filter(|end| *end <= file_len as u64).ok_or_else(wrong)?;
        // Both ends lie within the file, whose length is a usize, and so does each side of a shape that holds something.
        let shape =
            self.shape.iter().map(|side| usize::try_from(*side).map_err(|_| wrong())).collect::<Result<_, _>>()?;
        Ok((self.name, GgufTensor { shape, kind: self.kind, range: start as usize..end as usize }))
    }
}

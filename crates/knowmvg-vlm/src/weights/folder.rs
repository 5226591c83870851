use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use knowmvg::model::weights::{Loader, WeightError, WeightFile};
use serde::Deserialize;

use super::TensorSource;
use crate::{Error, Result};

/// The one file of small models.
pub(crate) const SINGLE: &str = "model.safetensors";
/// The list of files of large ones.
pub(crate) const INDEX: &str = "model.safetensors.index.json";
/// Most files that one model may be spread over.
const MAX_SHARDS: usize = 1024;

/// The mapped weight files of a Hugging Face folder: `model.safetensors`, or those of `model.safetensors.index.json`.
pub struct Shards {
    /// With their names, in order.
    files: Vec<(String, WeightFile)>,
    /// Which file holds which tensor, where an index says so.
    index: Option<BTreeMap<String, usize>>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Shards {
    /// Maps the weights of a folder.
    ///
    /// # Errors
    /// When there are none, or a file is missing, too large or not what it should be.
    pub fn open(folder: &Path) -> Result<Self> {
        let single = folder.join(SINGLE);
        if single.is_file() {
            return Ok(Self { files: vec![(SINGLE.to_owned(), open_file(&single)?)], index: None });
        }
        let path = folder.join(INDEX);
        let json = std::fs::read(&path).map_err(|source| Error::Io { source, path: path.clone() })?;
        let wrong = |what: String| Error::Config { what, path: path.clone() };
        let index: Index = serde_json::from_slice(&json).map_err(|e| wrong(format!("expected an index: {e}")))?;
        let names: Vec<&String> = BTreeSet::from_iter(index.weight_map.values()).into_iter().collect();
        if names.len() > MAX_SHARDS {
            return Err(wrong(format!("expected at most {MAX_SHARDS} files of weights, found {}", names.len())));
        }
        let inside =
            |name: &&String| matches!(Path::new(name).components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
        if let Some(outside) = names.iter().find(|name| !inside(name)) {
            return Err(wrong(format!("expected files beside the index, found {outside}")));
        }
        let opened = names.iter().map(|name| Ok((name.to_string(), open_file(&folder.join(name))?)));
        let files = opened.collect::<Result<_>>()?;
        let place = |name: &String| names.binary_search(&name).unwrap_or_default();
        let index = index.weight_map.iter().map(|(tensor, file)| (tensor.clone(), place(file))).collect();
        Ok(Self { files, index: Some(index) })
    }

    /// The files, by their names.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &WeightFile)> {
        self.files.iter().map(|(name, file)| (name.as_str(), file))
    }

    /// Whether one of the files holds a tensor.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.files.iter().any(|(_, file)| file.tensors().is_ok_and(|tensors| tensors.tensor(name).is_ok()))
    }

    /// A strict reader over all files.
    ///
    /// # Errors
    /// When a file changed under us and no longer parses.
    pub fn source(&self) -> Result<impl TensorSource + '_, WeightError> {
        let loaders = self.files.iter().map(|(_, file)| file.loader()).collect::<Result<_, _>>()?;
        Ok(ShardSource { loaders, index: self.index.as_ref() })
    }
}

fn open_file(path: &Path) -> Result<WeightFile> {
    WeightFile::open(path).map_err(|source| Error::Weights { source, path: path.to_owned() })
}

struct ShardSource<'a> {
    loaders: Vec<Loader<'a>>,
    index: Option<&'a BTreeMap<String, usize>>,
}

impl ShardSource<'_> {
    /// Which file holds a tensor: as the index says, or the only one.
    fn place(&self, name: &str) -> Option<usize> {
        self.index.map_or(Some(0), |index| index.get(name).copied())
    }
}

impl TensorSource for ShardSource<'_> {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.loaders.get(self.place(name)?)?.shape(name)
    }

    fn values(&mut self, name: &str) -> Result<Vec<f32>, String> {
        let shape = self.shape(name).ok_or_else(|| format!("missing {name}"))?;
        let place = self.place(name).unwrap_or_default();
        Ok(self.loaders[place].tensor(name, &shape))
    }

    fn finish(self: Box<Self>) -> Vec<String> {
        let finished = self.loaders.into_iter().map(Loader::finish);
        finished
            .filter_map(Result::err)
            .flat_map(|error| match error {
                WeightError::Mismatch(problems) => problems,
                other => vec![other.to_string()],
            })
            .collect()
    }
}

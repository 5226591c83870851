use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use knowmvg::model::params::NamedParam;
use knowmvg::model::weights::{WeightError, WeightFile};
use rayon::prelude::*;

use crate::grounding::file::{CONFIG, PEFT, WEIGHTS};
use crate::grounding::folder::{Learnt, read_config};
use crate::text::LoraConfig;
use crate::{Error, Result};

/// Names of what is learnt of `[BOX]`.
const BOX_TOKEN: &str = "reader.box_token";
const BOX_HEAD: &str = "reader.box_head";
/// Between PEFT's prefix and the path of a map.
const BODY: &str = "model.";

/// What was learnt of a language model, read without it: a checkpoint of gigabytes need not be loaded to be changed.
pub(super) struct Changes {
    /// By the path of the map, as `layers.0.self_attn.q_proj`.
    lora: BTreeMap<String, Change>,
    used: RefCell<BTreeSet<String>>,
    /// Rank, scale and maps; `None` if the language model is as it was.
    pub config: Option<LoraConfig>,
    /// The embedding of `[BOX]`.
    pub box_token: Vec<f32>,
    /// Its row of the output head, where that is a table of its own.
    box_head: Option<Vec<f32>>,
}

/// `scale B A`, to be added to one matrix.
pub(super) struct Change {
    /// `[rank, inputs]`
    pub a: NamedParam,
    /// `[outputs, rank]`
    pub b: NamedParam,
    scale: f32,
}

impl Changes {
    /// Reads what was learnt beside `language`, strictly.
    ///
    /// # Errors
    /// When a file is missing, malformed or was learnt beside another language model.
    pub fn open(folder: &Path, language: &Path) -> Result<Self> {
        let config = read_config(&folder.join(CONFIG))?.lora;
        let learnt = Learnt::open(folder, language)?;
        let wrong = |source| Error::Weights { source, path: folder.join(WEIGHTS) };
        let mut tensors = tensors(&learnt.file).map_err(wrong)?;
        Self::of(&mut tensors, config).map_err(|problem| wrong(WeightError::Mismatch(vec![problem])))
    }

    fn of(tensors: &mut BTreeMap<String, NamedParam>, config: Option<LoraConfig>) -> std::result::Result<Self, String> {
        let mut take = |name: &str| tensors.remove(name).ok_or_else(|| format!("missing {name}"));
        let box_token = take(BOX_TOKEN)?.values;
        let box_head = take(BOX_HEAD).ok().map(|head| head.values);
        let mut lora = BTreeMap::new();
        let scale = config.as_ref().map_or(0.0, |config| config.lora_alpha / config.r as f64) as f32;
        while let Some(name) = tensors.keys().find(|name| name.starts_with(PEFT)).cloned() {
            let unlike = || format!("expected the name of a change, found {name}");
            let path =
                name.strip_suffix(".lora_A.weight").or(name.strip_suffix(".lora_B.weight")).ok_or_else(unlike)?;
            let mut half = |which: &str| {
                let name = format!("{path}.{which}.weight");
                tensors.remove(&name).filter(|half| half.shape.len() == 2).ok_or(format!("missing {name} as a matrix"))
            };
            let (a, b) = (half("lora_A")?, half("lora_B")?);
            let rank = config.as_ref().map_or(0, |config| config.r);
            if [a.shape[0], b.shape[1]] != [rank; 2] {
                return Err(format!("expected {path} of rank {rank}, found {:?} and {:?}", a.shape, b.shape));
            }
            let path = path.strip_prefix(PEFT).and_then(|path| path.strip_prefix(BODY)).ok_or_else(unlike)?;
            lora.insert(path.to_owned(), Change { a, b, scale });
        }
        Ok(Self { lora, used: RefCell::default(), config, box_token, box_head })
    }

    /// The row of `[BOX]` in an output head that is a table of its own.
    ///
    /// # Errors
    /// When none was learnt.
    pub fn head(&self) -> std::result::Result<&[f32], String> {
        self.box_head.as_deref().ok_or_else(|| format!("missing {BOX_HEAD}"))
    }

    /// All of them, by the paths of their maps.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Change)> {
        self.lora.iter().map(|(path, change)| (path.as_str(), change))
    }

    /// The change of the map at a path such as `layers.0.self_attn.q_proj`, for a matrix of this shape.
    ///
    /// # Errors
    /// When there is one of another shape.
    pub fn take(&self, path: &str, shape: &[usize]) -> std::result::Result<Option<&Change>, String> {
        let Some(change) = self.lora.get(path) else { return Ok(None) };
        let found = [change.b.shape[0], change.a.shape[1]];
        if found != shape {
            return Err(format!("expected a change {shape:?} of {path}, found {found:?}"));
        }
        self.used.borrow_mut().insert(path.to_owned());
        Ok(Some(change))
    }

    /// Ends the taking.
    ///
    /// # Errors
    /// When there are changes of maps that the language model does not have.
    pub fn finish(&self) -> std::result::Result<(), WeightError> {
        let used = self.used.borrow();
        let unused = self.lora.keys().filter(|path| !used.contains(*path));
        let unused: Vec<String> = unused.map(|path| format!("unused change of {path}")).collect();
        if unused.is_empty() { Ok(()) } else { Err(WeightError::Mismatch(unused)) }
    }
}

impl Change {
    /// Adds it to a matrix `[outputs, inputs]`.
    pub fn add_to(&self, matrix: &mut [f32]) {
        let (inputs, rank) = (self.a.shape[1], self.a.shape[0]);
        matrix.par_chunks_mut(inputs).zip(self.b.values.par_chunks(rank)).for_each(|(row, factors)| {
            let mut added = vec![0.0; inputs];
            for (factor, halves) in factors.iter().zip(self.a.values.chunks_exact(inputs)) {
                added.iter_mut().zip(halves).for_each(|(sum, half)| *sum += factor * half);
            }
            row.iter_mut().zip(added).for_each(|(value, added)| *value += self.scale * added);
        });
    }
}

/// Every tensor of a file.
fn tensors(file: &WeightFile) -> std::result::Result<BTreeMap<String, NamedParam>, WeightError> {
    let mut loader = file.loader()?;
    let order = file.metadata().remove("order").unwrap_or_default();
    let read = |name: &str| {
        let shape = loader.shape(name).unwrap_or_default();
        (name.to_owned(), NamedParam { name: name.to_owned(), values: loader.tensor(name, &shape), shape })
    };
    let tensors = order.lines().map(read).collect();
    loader.finish()?;
    Ok(tensors)
}

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use knowmvg::model::weights::{WeightError, WeightFile, decode, encode};
use safetensors::tensor::{Dtype, TensorView, View};
use serde_json::{Map, Value, json};

use super::changes::{Change, Changes};
use super::{BOX_TOKEN, add_box, create, write_json};
use crate::config::ModelConfig;
use crate::model::text_names;
use crate::text::TextNames;
use crate::tokenizer::TextTokenizer;
use crate::weights::{INDEX, SINGLE, Shards};
use crate::{Error, Result};

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
/// What else belongs to a checkpoint: words, pictures, answers, licences.
const COPIED: [&str; 3] = ["json", "txt", "jinja"];
/// Largest file that is copied.
///
/// # Units
/// Bytes.
const MAX_COPIED: u64 = 64 << 20;

/// Writes a folder of Hugging Face once more, with the changes in it: tensors that are not changed are the same bytes, all have the
/// type that they had, and lie in files of the same names.
///
/// # Errors
/// When a file cannot be read or written, or the changes do not fit.
pub(super) fn export(language: &Path, changes: &Changes, out: &Path) -> Result<()> {
    create(out)?;
    if same(language, out)? {
        let what = "expected another folder than that of the language model".to_owned();
        return Err(Error::Config { what, path: out.to_owned() });
    }
    let path = language.join(CONFIG);
    let json = fs::read(&path).map_err(|source| Error::Io { source, path: path.clone() })?;
    let vocabulary = ModelConfig::from_json(&json).map(|config| config.text.vocab_size);
    let vocabulary = vocabulary.map_err(|what| Error::Config { what, path })?;
    let mut tokenizer = TextTokenizer::open(&language.join(TOKENIZER))?;
    let id = add_box(&mut tokenizer)?;
    // Tables may be longer than the vocabulary, so as to be divisible; else a row is added.
    if id > vocabulary {
        return Err(Error::Tokenizer(format!("expected {BOX_TOKEN} as token {vocabulary} at most, found {id}")));
    }

    let shards = Shards::open(language)?;
    let wrong = |source| Error::Weights { source, path: language.to_owned() };
    let merge = Merge { changes, names: text_names(|name| shards.holds(name)), id };
    let mut places = BTreeMap::new();
    let mut bytes = 0;
    for (name, file) in shards.files() {
        let tensors = merge.tensors(file).map_err(wrong)?;
        places.extend(tensors.iter().map(|(tensor, _)| (tensor.clone(), Value::from(name))));
        bytes += tensors.iter().map(|(_, merged)| merged.data_len()).sum::<usize>();
        write(tensors, &out.join(name))?;
    }
    changes.finish().map_err(wrong)?;
    if language.join(SINGLE).is_file() {
        remove_old(&out.join(INDEX))?;
    } else {
        remove_old(&out.join(SINGLE))?;
        let places = Map::from_iter(places);
        write_json(&out.join(INDEX), &json!({"metadata": {"total_size": bytes}, "weight_map": places}))?;
    }
    copy_rest(language, out)?;
    tokenizer.save(&out.join(TOKENIZER))?;
    write_json(&out.join(CONFIG), &grown(&json, vocabulary.max(id + 1)))
}

/// What becomes of each tensor.
struct Merge<'a> {
    changes: &'a Changes,
    names: TextNames,
    /// Of `[BOX]`.
    id: usize,
}

impl<'a> Merge<'a> {
    fn tensors(&self, file: &'a WeightFile) -> Result<Vec<(String, Merged<'a>)>, WeightError> {
        let tensors = file.tensors()?;
        let merged = tensors.iter().map(|(name, view)| Ok((name.to_owned(), self.merged(name, view)?)));
        merged.collect::<Result<_, String>>().map_err(|problem| WeightError::Mismatch(vec![problem]))
    }

    fn merged(&self, name: &str, stored: TensorView<'a>) -> Result<Merged<'a>, String> {
        let mut shape = stored.shape().to_vec();
        let inner = name.strip_prefix(self.names.body);
        let edit = if inner == Some("embed_tokens.weight") {
            Edit::Row { id: self.id, values: &self.changes.box_token }
        } else if name.strip_prefix(self.names.head) == Some(".weight") {
            Edit::Row { id: self.id, values: self.changes.head()? }
        } else {
            let path = inner.and_then(|inner| inner.strip_suffix(".weight"));
            path.map_or(Ok(None), |path| self.changes.take(path, &shape))?.map_or(Edit::None, Edit::Add)
        };
        if !matches!(edit, Edit::None) && encode(stored.dtype(), &[]).is_none() {
            return Err(format!("expected {name} as F32, F16 or BF16, found {:?}", stored.dtype()));
        }
        if let Edit::Row { id, values } = &edit {
            if shape.len() != 2 || shape[1] != values.len() || shape[0] < *id {
                return Err(format!("expected {name} [{id} or more, {}], found {shape:?}", values.len()));
            }
            shape[0] = shape[0].max(id + 1);
        }
        Ok(Merged { stored, shape, edit })
    }
}

/// A tensor of the merged checkpoint, which is computed when it is written: one at a time is in memory.
struct Merged<'a> {
    stored: TensorView<'a>,
    shape: Vec<usize>,
    edit: Edit<'a>,
}

enum Edit<'a> {
    None,
    Add(&'a Change),
    /// A row of a table is replaced, or added after its last one.
    Row {
        id: usize,
        values: &'a [f32],
    },
}

impl View for Merged<'_> {
    fn dtype(&self) -> Dtype {
        self.stored.dtype()
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let (dtype, stored) = (self.stored.dtype(), self.stored.data());
        let encoded = |values: &[f32]| encode(dtype, values).expect("a type that was looked at before");
        match &self.edit {
            Edit::None => stored.into(),
            Edit::Add(change) => {
                let mut values = decode(dtype, stored).expect("a type that was looked at before");
                change.add_to(&mut values);
                encoded(&values).into()
            }
            Edit::Row { id, values } => {
                let row = encoded(values);
                let mut bytes = stored.to_vec();
                bytes.resize(self.data_len(), 0);
                bytes[id * row.len()..(id + 1) * row.len()].copy_from_slice(&row);
                bytes.into()
            }
        }
    }

    fn data_len(&self) -> usize {
        let stored: usize = self.stored.shape().iter().product();
        let numbers: usize = self.shape.iter().product();
        // Of a tensor without numbers nothing is changed.
        self.stored.data().len().checked_div(stored).map_or(0, |each| each * numbers)
    }
}

/// Writes a file as a whole or not at all.
fn write(tensors: Vec<(String, Merged)>, path: &Path) -> Result<()> {
    let part = path.with_extension("part");
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize_to_file(tensors, Some(metadata), &part)
        .map_err(|e| Error::Weights { source: WeightError::Format(e.to_string()), path: part.clone() })?;
    fs::rename(&part, path).map_err(|source| Error::Io { source, path: path.to_owned() })
}

/// The configuration with another size of the vocabulary, wherever it says one.
fn grown(json: &[u8], vocabulary: usize) -> Value {
    let mut config: Value = serde_json::from_slice(json).expect("what was read before");
    let set = |keys: Option<&mut Value>| {
        if let Some(size) = keys.and_then(|keys| keys.get_mut("vocab_size")) {
            *size = vocabulary.into();
        }
    };
    set(config.get_mut("text_config"));
    set(Some(&mut config));
    config
}

fn copy_rest(language: &Path, out: &Path) -> Result<()> {
    let io = |source| Error::Io { source, path: language.to_owned() };
    for entry in fs::read_dir(language).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let is_made = [CONFIG, TOKENIZER, INDEX].contains(&name);
        let is_wanted = path.extension().is_some_and(|kind| COPIED.iter().any(|wanted| kind == *wanted))
            || ["LICENSE", "NOTICE"].iter().any(|wanted| name.starts_with(wanted));
        let found = fs::metadata(&path).map_err(io)?;
        if !is_made && is_wanted && found.is_file() && found.len() <= MAX_COPIED {
            fs::copy(&path, out.join(name)).map_err(io)?;
        }
    }
    Ok(())
}

/// Of an older export, which would be read in the place of what is written now.
fn remove_old(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::Io { source, path: path.to_owned() })
        }
        _ => Ok(()),
    }
}

fn same(a: &Path, b: &Path) -> Result<bool> {
    let whole = |path: &Path| fs::canonicalize(path).map_err(|source| Error::Io { source, path: path.to_owned() });
    Ok(whole(a)? == whole(b)?)
}

//! The tiny checkpoints, what transformers computes with them, and the comparison.
#![allow(dead_code)] // each test file uses a part

use std::path::PathBuf;

use burn::tensor::Tensor;
use knowmvg_vlm::VisionLanguageModel;
use knowmvg_vlm::image::{Patches, Picture};
use knowmvg_vlm::text::{Cache, TextBatch};
use safetensors::SafeTensors;

pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../golden/vlm").join(name)
}

pub fn model(name: &str) -> VisionLanguageModel {
    VisionLanguageModel::load(&path(name)).unwrap_or_else(|e| panic!("{e}"))
}

/// A safetensors file below `golden/vlm`.
pub struct Golden(Vec<u8>);

impl Golden {
    pub fn open(name: &str) -> Self {
        Self(std::fs::read(path(name)).unwrap_or_else(|e| panic!("{name}: {e}")))
    }

    fn read<const N: usize, T>(&self, name: &str, number: impl Fn([u8; N]) -> T) -> (Vec<usize>, Vec<T>) {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        let numbers = view.data().chunks_exact(N).map(|b| number(b.try_into().unwrap()));
        (view.shape().to_vec(), numbers.collect())
    }

    pub fn floats(&self, name: &str) -> Vec<f32> {
        self.read(name, f32::from_le_bytes).1
    }

    pub fn ints(&self, name: &str) -> Vec<i64> {
        self.read(name, i64::from_le_bytes).1
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        self.read(name, |[byte]: [u8; 1]| byte).1
    }

    pub fn ids(&self, name: &str) -> Vec<u32> {
        self.ints(name).into_iter().map(|id| u32::try_from(id).unwrap()).collect()
    }

    /// The ids of the padded case, row by row, without padding.
    pub fn rows(&self) -> Vec<Vec<u32>> {
        let mut ids = self.ids("padded.ids").into_iter();
        self.ids("padded.lens").into_iter().map(|len| ids.by_ref().take(len as usize).collect()).collect()
    }

    pub fn picture(&self, i: usize) -> Picture {
        let (shape, bytes) = self.read(&format!("picture.{i}"), |[byte]: [u8; 1]| byte);
        Picture::from_rgb(shape[1], shape[0], &bytes).unwrap()
    }

    /// The pictures' patches as the reference makes them.
    pub fn patches(&self, model: &VisionLanguageModel) -> Vec<Patches> {
        let mut all = model.look(&[self.picture(0), self.picture(1)]).unwrap();
        let mut values = self.floats("pixel_values").into_iter();
        for patches in &mut all {
            let count = patches.values.len();
            patches.values = values.by_ref().take(count).collect();
        }
        all
    }
}

/// On which side rows are filled up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Side {
    Left,
    Right,
}

/// Rows filled up to `length` with `filler`, and which places hold tokens.
pub fn padded(rows: &[Vec<u32>], side: Side, length: usize, filler: u32) -> (Vec<Vec<u32>>, Vec<Vec<bool>>) {
    fn fill<T: Clone>(row: Vec<T>, side: Side, length: usize, filler: T) -> Vec<T> {
        let rest = vec![filler; length - row.len()];
        if side == Side::Left { [rest, row].concat() } else { [row, rest].concat() }
    }
    let ids = rows.iter().map(|row| fill(row.clone(), side, length, filler)).collect();
    let is_token = rows.iter().map(|row| fill(vec![true; row.len()], side, length, false)).collect();
    (ids, is_token)
}

/// Logits of every place, `[batch * tokens]` rows of the vocabulary.
pub fn logits(model: &VisionLanguageModel, batch: TextBatch, cache: &mut Cache) -> Vec<Vec<f32>> {
    let rows = model.language().hidden_states(batch, cache).unwrap();
    values(&model.language().logits(rows)).chunks(model.language().config().vocab_size).map(<[f32]>::to_vec).collect()
}

/// A batch of one row, without padding.
pub fn row_batch(model: &VisionLanguageModel, ids: &[u32], pictures: &[Patches]) -> TextBatch {
    model.batch(&[ids.to_vec()], vec![vec![true; ids.len()]], pictures).unwrap()
}

/// Logits of one row, without padding.
pub fn row_logits(model: &VisionLanguageModel, ids: &[u32], pictures: &[Patches]) -> Vec<Vec<f32>> {
    logits(model, row_batch(model, ids, pictures), &mut Cache::default())
}

/// Logits of the tokens of a padded batch, row after row.
pub fn padded_logits(
    model: &VisionLanguageModel,
    rows: &[Vec<u32>],
    side: Side,
    length: usize,
    pictures: &[Patches],
) -> Vec<Vec<f32>> {
    let (ids, is_token) = padded(rows, side, length, 1);
    let batch = model.batch(&ids, is_token.clone(), pictures).unwrap();
    let all = logits(model, batch, &mut Cache::default());
    all.into_iter().zip(is_token.concat()).filter(|(_, is_token)| *is_token).map(|(row, _)| row).collect()
}

pub fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.try_to_vec_as().unwrap()
}

/// The largest difference, which is printed: `--nocapture` shows it.
pub fn largest_difference(what: &str, found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len(), "{what}: other sizes");
    let difference = |(a, b): (&f32, &f32)| if a.is_nan() || b.is_nan() { f32::INFINITY } else { (a - b).abs() };
    let largest = found.iter().zip(expected).map(difference).fold(0.0, f32::max);
    println!("{what}: {largest:e}");
    largest
}

pub fn assert_close(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    let largest = largest_difference(what, found, expected);
    assert!(largest <= tolerance, "{what}: differs by {largest}, more than {tolerance}");
}

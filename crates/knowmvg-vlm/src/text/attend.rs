//! Attention over slices, for inference on a CPU: what is remembered grows in place, and no operation is a tensor's own.

use burn::tensor::{Device, Tensor, TensorData};
use knowmvg::model::linalg::{Rhs, Threads, View, matmul, softmax_rows};
use rayon::prelude::*;

use super::rotary::Rotation;
use super::slices::numbers;

/// Queries of one head that are handled together.
const TOGETHER: usize = 64;

/// Sizes of attention.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    pub heads: usize,
    pub key_value_heads: usize,
    pub width: usize,
}

/// Keys and values of the tokens so far, `[tokens, head_width]` for each row of the batch and each head.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    heads: Vec<Remembered>,
}

#[derive(Debug, Clone, Default)]
struct Remembered {
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// What new tokens ask and bring.
pub(super) struct Asked {
    /// `[batch, tokens, heads * head_width]`
    pub queries: Tensor<3>,
    /// `[batch, tokens, key_value_heads * head_width]`
    pub keys: Tensor<3>,
    /// As `keys`.
    pub values: Tensor<3>,
}

/// Attends from new tokens to themselves and those remembered, and remembers them.
///
/// # Shapes
/// - `hidden`: added to the scores, `[batch, 1, tokens, past + tokens]`
/// - returns `[batch, tokens, heads * head_width]`
pub(super) fn attend(
    sizes: Heads,
    asked: Asked,
    rotation: &Rotation,
    hidden: Option<&Tensor<4>>,
    memory: &mut Memory,
) -> Tensor<3> {
    let (device, dims) = (asked.queries.device(), asked.queries.dims());
    let [batch, tokens, _] = dims;
    let turns = rotation.angles();
    let mut queries = numbers(asked.queries);
    turn(&mut queries, (sizes.heads, sizes.width), &turns);
    let mut keys = numbers(asked.keys);
    turn(&mut keys, (sizes.key_value_heads, sizes.width), &turns);
    memory.remember(sizes, batch, &keys, &numbers(asked.values));

    let hidden = hidden.map(|hidden| numbers(hidden.clone()));
    let places = memory.heads.first().map_or(0, |head| head.keys.len() / sizes.width);
    let work = |(index, head): (usize, &Remembered)| {
        let (row, shared) = (index / sizes.key_value_heads, index % sizes.key_value_heads);
        let hidden = hidden.as_ref().map(|hidden| &hidden[row * tokens * places..(row + 1) * tokens * places]);
        let queries = &queries[row * tokens * sizes.heads * sizes.width..];
        head.answer(sizes, shared, &queries[..tokens * sizes.heads * sizes.width], hidden)
    };
    let heads = memory.heads.iter().enumerate();
    let answers: Vec<Vec<f32>> = match tokens * places > 4096 {
        true => memory.heads.par_iter().enumerate().map(work).collect(),
        false => heads.map(work).collect(),
    };
    gathered(sizes, dims, &answers, &device)
}

impl Memory {
    fn remember(&mut self, sizes: Heads, batch: usize, keys: &[f32], values: &[f32]) {
        let Heads { key_value_heads, width, .. } = sizes;
        self.heads.resize_with(batch * key_value_heads, Remembered::default);
        let of_row = keys.len() / batch.max(1);
        for (row, heads) in self.heads.chunks_mut(key_value_heads).enumerate() {
            let [keys, values] = [keys, values].map(|all| all[row * of_row..(row + 1) * of_row].chunks(width));
            for (index, (key, value)) in keys.zip(values).enumerate() {
                let head = &mut heads[index % key_value_heads];
                head.keys.extend_from_slice(key);
                head.values.extend_from_slice(value);
            }
        }
    }
}

impl Remembered {
    /// The mean of the values that the queries which share this head attend to, `[queries of it, tokens, head_width]`.
    fn answer(&self, sizes: Heads, shared: usize, queries: &[f32], hidden: Option<&[f32]>) -> Vec<f32> {
        let Heads { heads, key_value_heads, width } = sizes;
        let (group, stride) = (heads / key_value_heads, heads * width);
        let (tokens, places) = (queries.len() / stride, self.keys.len() / width);
        let mut answers = vec![0.0; group * tokens * width];
        let mut scores = vec![0.0; TOGETHER.min(tokens) * places];
        let scale = 1.0 / (width as f32).sqrt();
        for (index, answers) in answers.chunks_mut(tokens * width).enumerate() {
            let first = (shared * group + index) * width;
            for (piece, answers) in answers.chunks_mut(TOGETHER * width).enumerate() {
                let (from, rows) = (piece * TOGETHER, answers.len() / width);
                // A token sees nothing behind itself.
                let seen = places - tokens + from + rows;
                let asking = View { data: &queries[from * stride + first..], rows, cols: width, stride };
                let keys = View::dense(&self.keys, seen, width);
                let scores = &mut scores[..rows * seen];
                matmul(scores, seen, asking, keys, Rhs::Transposed, scale, Threads::One);
                if let Some(hidden) = hidden {
                    let hidden = hidden[from * places..].chunks(places);
                    for (scores, hidden) in scores.chunks_mut(seen).zip(hidden) {
                        scores.iter_mut().zip(hidden).for_each(|(score, hidden)| *score += hidden);
                    }
                }
                softmax_rows(scores, seen);
                let values = View::dense(&self.values, seen, width);
                matmul(answers, width, View::dense(scores, rows, seen), values, Rhs::Plain, 1.0, Threads::One);
            }
        }
        answers
    }
}

/// From answers by row and shared head to `[batch, tokens, heads * head_width]`.
fn gathered(sizes: Heads, [batch, tokens, all]: [usize; 3], answers: &[Vec<f32>], device: &Device) -> Tensor<3> {
    let width = sizes.width;
    let mut rows = vec![0.0; batch * tokens * all];
    for (row, answers) in rows.chunks_mut(tokens * all).zip(answers.chunks(sizes.key_value_heads)) {
        for (head, answer) in answers.iter().flat_map(|shared| shared.chunks(tokens * width)).enumerate() {
            for (token, answer) in row.chunks_mut(all).zip(answer.chunks(width)) {
                token[head * width..(head + 1) * width].copy_from_slice(answer);
            }
        }
    }
    Tensor::from_data(TensorData::new(rows, [batch, tokens, all]), device)
}

/// Turns every head of every token: [`Rotation::turn`] where tokens come before heads.
fn turn(rows: &mut [f32], sizes: (usize, usize), (cosines, sines): &(Vec<f32>, Vec<f32>)) {
    let (heads, width) = sizes;
    let turns = cosines.chunks(width).zip(sines.chunks(width));
    for (token, (cosines, sines)) in rows.chunks_mut(heads * width).zip(turns) {
        for head in token.chunks_mut(width) {
            let (first, second) = head.split_at_mut(width / 2);
            for (i, (first, second)) in first.iter_mut().zip(second).enumerate() {
                let (x, y) = (*first, *second);
                *first = x * cosines[i] - y * sines[i];
                *second = y * cosines[i] + x * sines[i];
            }
        }
    }
}

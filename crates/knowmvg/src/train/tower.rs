//! Gradients of the tower's adapters: the layers after the middle one forwards with what they saw kept, and backwards.
//!
//! In plain slices like the tower itself; Burn's autodiff, which the tests compare with, is slower (docs/log.md).
//! Frozen weights need no gradient, so the way back costs little more than the way there.

use burn::module::{ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use crate::model::adapters::{LowRank, TowerAdapters};
use crate::model::linalg::{self, Rhs, Threads, View};
use crate::model::trace;
use crate::model::vision::{Layer, Linear, Norm, VisionTower};
use crate::model::visual_tokens::STANDARDISE_EPSILON;

/// The changed layers of one step.
pub struct Tail<'t> {
    layers: Vec<(Layer, [Change; 6])>,
    norm: &'t Norm,
    width: usize,
}

/// The matrices of a [`LowRank`], as slices.
struct Change {
    a: Vec<f32>,
    b: Vec<f32>,
    rank: usize,
    scale: f32,
}

/// Gradients of one [`LowRank`].
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeGradient {
    /// Of `A`, `[rank, inputs]`.
    pub a: Vec<f32>,
    /// Of `B`, `[outputs, rank]`.
    pub b: Vec<f32>,
}

/// Gradients of every change, by layer, in the order of a layer's fields.
pub type TailGradient = Vec<[ChangeGradient; 6]>;

/// What the layers saw of one image.
pub struct Seen {
    layers: Vec<LayerSeen>,
    last: Normed,
    standardised: Normed,
}

struct LayerSeen {
    norm1: Normed,
    qkv: Vec<f32>,
    /// After the softmax, one matrix a head.
    weights: Vec<Vec<f32>>,
    context: Vec<f32>,
    norm2: Normed,
    /// Before GELU.
    hidden: Vec<f32>,
}

/// Centred rows of unit variance, and what they were multiplied by.
struct Normed {
    rows: Vec<f32>,
    inverse: Vec<f32>,
}

impl<'t> Tail<'t> {
    /// The tower's layers after the middle one, changed.
    pub fn new(tower: &'t VisionTower, adapters: &TowerAdapters) -> Self {
        let changes = adapters.layers().iter().map(|layer| layer.maps().map(Change::new));
        Self {
            layers: adapters.changed_layers(tower).into_iter().zip(changes).collect(),
            norm: &tower.norm,
            width: tower.config().hidden_size,
        }
    }

    /// Standardised tokens of the last layer, as the decoder reads them, and what their gradient needs.
    ///
    /// # Shapes
    /// - `tokens`: the residual stream after the middle layer, class token first, `[1 + patches, width]`
    /// - returns `[patches, width]`
    pub fn forward(&self, mut tokens: Vec<f32>) -> (Vec<f32>, Seen) {
        let layers = self.layers.iter().map(|(layer, _)| LayerSeen::forward(layer, &mut tokens)).collect();
        let last = Normed::new(&tokens, self.width, self.norm.epsilon);
        let standardised = Normed::new(&last.scaled(self.norm)[self.width..], self.width, STANDARDISE_EPSILON);
        (standardised.rows.clone(), Seen { layers, last, standardised })
    }

    /// Gradients of the changes.
    ///
    /// # Shapes
    /// - `slope`: the loss's gradient of what [`Tail::forward`] returned, `[patches, width]`
    pub fn backward(&self, seen: &Seen, slope: &[f32]) -> TailGradient {
        let mut tokens = vec![0.0; self.width]; // the class token is not read
        tokens.extend(seen.standardised.backward(slope, None));
        let mut tokens = seen.last.backward(&tokens, Some(self.norm));
        let mut gradient: TailGradient = Vec::with_capacity(self.layers.len());
        for (index, ((layer, changes), seen)) in self.layers.iter().zip(&seen.layers).enumerate().rev() {
            gradient.push(seen.backward(
                layer,
                changes,
                &mut tokens,
                if index == 0 { Input::Frozen } else { Input::Learnt },
            ));
        }
        gradient.reverse();
        gradient
    }
}

/// Whether anything before a layer is learnt.
#[derive(PartialEq, Eq)]
enum Input {
    Frozen,
    Learnt,
}

impl LayerSeen {
    fn forward(layer: &Layer, tokens: &mut [f32]) -> Self {
        let width = layer.projection.inputs;
        let norm1 = Normed::new(tokens, width, layer.norm1.epsilon);
        let mut qkv = layer.qkv.product(&norm1.scaled(&layer.norm1));
        linalg::add_bias(&mut qkv, &layer.qkv.bias);
        let heads = Heads::of(layer, &qkv);
        let (weights, contexts): (Vec<_>, Vec<_>) =
            (0..layer.heads).into_par_iter().map(|head| heads.attend(head)).unzip();
        let context = heads.side_by_side(&contexts);
        linalg::add_scaled(tokens, &layer.projection.product(&context), &layer.projection.bias, &layer.layer_scale1);

        let norm2 = Normed::new(tokens, width, layer.norm2.epsilon);
        let mut hidden = layer.fc1.product(&norm2.scaled(&layer.norm2));
        linalg::add_bias(&mut hidden, &layer.fc1.bias);
        linalg::add_scaled(tokens, &layer.fc2.product(&gelu(&hidden)), &layer.fc2.bias, &layer.layer_scale2);
        Self { norm1, qkv, weights, context, norm2, hidden }
    }

    /// Gradients of the layer's changes; `tokens` goes in as the gradient of its output and comes out as that of its input, unless
    /// nobody needs that.
    fn backward(&self, layer: &Layer, changes: &[Change; 6], tokens: &mut [f32], input: Input) -> [ChangeGradient; 6] {
        let [query, key, value, projection, fc1, fc2] = changes;
        let width = layer.projection.inputs;
        let mixed = scaled(tokens, &layer.layer_scale2);
        let fc2 = fc2.gradient(&gelu(&self.hidden), dense(&mixed, width));
        let mut hidden = back(&mixed, &layer.fc2);
        hidden.par_iter_mut().zip(&self.hidden).for_each(|(slope, x)| *slope *= linalg::gelu_slope(*x));
        let fc1 = fc1.gradient(&self.norm2.scaled(&layer.norm2), dense(&hidden, layer.fc1.outputs()));
        add(tokens, &self.norm2.backward(&back(&hidden, &layer.fc1), Some(&layer.norm2)));

        let attended = scaled(tokens, &layer.layer_scale1);
        let projection = projection.gradient(&self.context, dense(&attended, width));
        let context = back(&attended, &layer.projection);
        let heads = Heads::of(layer, &self.qkv);
        let qkv = heads.backward(&self.weights, &context);
        let seen = self.norm1.scaled(&layer.norm1);
        let part = |index: usize| View {
            data: &qkv[index * width..],
            rows: qkv.len() / (3 * width),
            cols: width,
            stride: 3 * width,
        };
        let [query, key, value] = [(query, 0), (key, 1), (value, 2)].map(|(c, index)| c.gradient(&seen, part(index)));
        if input == Input::Learnt {
            add(tokens, &self.norm1.backward(&back(&qkv, &layer.qkv), Some(&layer.norm1)));
        }
        [query, key, value, projection, fc1, fc2]
    }
}

/// Queries, keys and values of a layer, by head.
struct Heads<'a> {
    qkv: &'a [f32],
    heads: usize,
    count: usize,
    width: usize,
    scale: f32,
}

impl<'a> Heads<'a> {
    fn of(layer: &Layer, qkv: &'a [f32]) -> Self {
        let width = layer.projection.inputs;
        let head_width = width / layer.heads;
        Self { qkv, heads: layer.heads, count: qkv.len() / (3 * width), width, scale: 1.0 / (head_width as f32).sqrt() }
    }

    fn head_width(&self) -> usize {
        self.width / self.heads
    }

    fn view(&self, part: usize, head: usize) -> View<'a> {
        View {
            data: &self.qkv[part * self.width + head * self.head_width()..],
            rows: self.count,
            cols: self.head_width(),
            stride: 3 * self.width,
        }
    }

    /// Weights `[count, count]` and context `[count, head_width]` of a head.
    fn attend(&self, head: usize) -> (Vec<f32>, Vec<f32>) {
        let (count, width) = (self.count, self.head_width());
        let (query, key, value) = (self.view(0, head), self.view(1, head), self.view(2, head));
        let mut weights = vec![0.0; count * count];
        linalg::matmul(&mut weights, count, query, key, Rhs::Transposed, self.scale, Threads::One);
        linalg::softmax_rows(&mut weights, count);
        let mut context = vec![0.0; count * width];
        linalg::matmul(&mut context, width, dense(&weights, count), value, Rhs::Plain, 1.0, Threads::One);
        (weights, context)
    }

    fn side_by_side(&self, heads: &[Vec<f32>]) -> Vec<f32> {
        let width = self.head_width();
        let mut out = Vec::with_capacity(self.count * self.width);
        for row in 0..self.count {
            heads.iter().for_each(|head| out.extend_from_slice(&head[row * width..][..width]));
        }
        out
    }

    /// Gradient of queries, keys and values, `[count, 3 * width]`, from that of the context.
    fn backward(&self, weights: &[Vec<f32>], context: &[f32]) -> Vec<f32> {
        let width = self.head_width();
        let heads: Vec<[Vec<f32>; 3]> = weights
            .par_iter()
            .enumerate()
            .map(|(head, weights)| {
                let slope = View { data: &context[head * width..], rows: self.count, cols: width, stride: self.width };
                self.backward_of(head, weights, slope)
            })
            .collect();
        let mut out = Vec::with_capacity(self.count * 3 * self.width);
        for row in 0..self.count {
            for part in 0..3 {
                heads.iter().for_each(|head| out.extend_from_slice(&head[part][row * width..][..width]));
            }
        }
        out
    }

    fn backward_of(&self, head: usize, weights: &[f32], context: View) -> [Vec<f32>; 3] {
        let (count, width) = (self.count, self.head_width());
        let (query, key, value) = (self.view(0, head), self.view(1, head), self.view(2, head));
        let mut scores = vec![0.0; count * count];
        linalg::matmul(&mut scores, count, context, value, Rhs::Transposed, 1.0, Threads::One);
        for (slope, weights) in scores.chunks_exact_mut(count).zip(weights.chunks_exact(count)) {
            // Softmax: each score moves all weights of its row.
            let mean = linalg::dot(slope, weights);
            slope.iter_mut().zip(weights).for_each(|(slope, weight)| *slope = weight * (*slope - mean));
        }
        let [mut queries, mut keys, mut values] = [(); 3].map(|()| vec![0.0; count * width]);
        let (scores, weights) = (dense(&scores, count), dense(weights, count));
        linalg::matmul(&mut queries, width, scores, key, Rhs::Plain, self.scale, Threads::One);
        linalg::matmul_transposed(&mut keys, width, scores, query, self.scale, Threads::One);
        linalg::matmul_transposed(&mut values, width, weights, context, 1.0, Threads::One);
        [queries, keys, values]
    }
}

impl Normed {
    fn new(rows: &[f32], width: usize, epsilon: f32) -> Self {
        let mut normed = rows.to_vec();
        let inverse = normed
            .par_chunks_mut(width)
            .map(|row| {
                let mean = row.iter().sum::<f32>() / width as f32;
                row.iter_mut().for_each(|v| *v -= mean);
                let inverse = 1.0 / (linalg::dot(row, row) / width as f32 + epsilon).sqrt();
                row.iter_mut().for_each(|v| *v *= inverse);
                inverse
            })
            .collect();
        Self { rows: normed, inverse }
    }

    /// The output of a layer norm.
    fn scaled(&self, norm: &Norm) -> Vec<f32> {
        let mut out = scaled(&self.rows, &norm.weight);
        linalg::add_bias(&mut out, &norm.bias);
        out
    }

    /// Gradient of the rows that were normed; with the weight of a layer norm, if it followed.
    fn backward(&self, slope: &[f32], norm: Option<&Norm>) -> Vec<f32> {
        let width = self.rows.len() / self.inverse.len();
        let mut out = norm.map_or_else(|| slope.to_vec(), |norm| scaled(slope, &norm.weight));
        let rows = out.par_chunks_mut(width).zip(self.rows.par_chunks(width)).zip(&self.inverse);
        rows.for_each(|((slope, row), inverse)| {
            let mean = slope.iter().sum::<f32>() / width as f32;
            let along = linalg::dot(slope, row) / width as f32;
            slope.iter_mut().zip(row).for_each(|(s, v)| *s = inverse * (*s - mean - along * v));
        });
        out
    }
}

impl Change {
    fn new(change: &LowRank) -> Self {
        let [rank, _] = change.lora_a.dims();
        Self {
            a: trace::values(&change.lora_a.val()),
            b: trace::values(&change.lora_b.val()),
            rank,
            scale: change.scale as f32,
        }
    }

    /// # Shapes
    /// - `inputs`: of the linear map, `[rows, inputs]`
    /// - `slope`: gradient of its outputs, `[rows, outputs]`
    fn gradient(&self, inputs: &[f32], slope: View) -> ChangeGradient {
        let (rank, rows) = (self.rank, slope.rows);
        let inputs = View::dense(inputs, rows, inputs.len() / rows);
        let [mut narrow, mut narrow_slope] = [(); 2].map(|()| vec![0.0; rows * rank]);
        let (a, b) = (View::dense(&self.a, rank, inputs.cols), View::dense(&self.b, slope.cols, rank));
        linalg::matmul(&mut narrow, rank, inputs, a, Rhs::Transposed, 1.0, Threads::Pool);
        linalg::matmul(&mut narrow_slope, rank, slope, b, Rhs::Plain, 1.0, Threads::Pool);
        let mut gradient = ChangeGradient { a: vec![0.0; self.a.len()], b: vec![0.0; self.b.len()] };
        let (narrow, narrow_slope) = (View::dense(&narrow, rows, rank), View::dense(&narrow_slope, rows, rank));
        linalg::matmul_transposed(&mut gradient.a, inputs.cols, narrow_slope, inputs, self.scale, Threads::Pool);
        linalg::matmul_transposed(&mut gradient.b, rank, slope, narrow, self.scale, Threads::Pool);
        gradient
    }
}

/// Writes the last layer's part of every token; blanked ones, which are zero, stay so.
///
/// # Shapes
/// - `tokens`: `[patches, token_width]`, the last layer's half first; `last`: `[patches, token_width / 2]`
pub fn write_last(tokens: &mut [f32], token_width: usize, last: &[f32]) {
    let halves = last.chunks_exact(token_width / 2);
    for (token, last) in tokens.chunks_exact_mut(token_width).zip(halves).filter(|(token, _)| !is_blank(token)) {
        token[..token_width / 2].copy_from_slice(last);
    }
}

/// The gradient of what [`write_last`] wrote, from that of the tokens.
pub fn slope_of_last(tokens: &[f32], slope: &[f32], token_width: usize) -> Vec<f32> {
    let tokens = tokens.chunks_exact(token_width).zip(slope.chunks_exact(token_width));
    let own = tokens.flat_map(|(token, slope)| {
        let share = if is_blank(token) { 0.0 } else { 1.0 };
        slope[..token_width / 2].iter().map(move |s| s * share)
    });
    own.collect()
}

/// A standardised token is never zero throughout.
fn is_blank(token: &[f32]) -> bool {
    token.iter().all(|v| *v == 0.0)
}

/// Adds the gradients of one image to those of others.
pub fn accumulate(sum: &mut TailGradient, other: &TailGradient) {
    for (sum, other) in sum.iter_mut().flatten().zip(other.iter().flatten()) {
        add(&mut sum.a, &other.a);
        add(&mut sum.b, &other.b);
    }
}

/// Hands the gradients to the optimizer, under the ids of the parameters that they belong to.
pub fn register(gradient: TailGradient, adapters: &TowerAdapters, gradients: &mut GradientsParams) {
    let mut hand_over = |param: &Param<Tensor<2>>, values: Vec<f32>| {
        let device = param.device().without_autodiff();
        let values = Tensor::<2>::from_data(TensorData::new(values, param.dims()), &device);
        gradients.register(param.id, values);
    };
    for (layer, gradient) in adapters.layers().iter().zip(gradient) {
        for (change, gradient) in layer.maps().into_iter().zip(gradient) {
            hand_over(&change.lora_a, gradient.a);
            hand_over(&change.lora_b, gradient.b);
        }
    }
}

/// Takes the gradients of the adapters out of those of a whole model, so that they can have a learning rate of their own.
pub fn take(gradients: &mut GradientsParams, adapters: &TowerAdapters) -> GradientsParams {
    struct Taker<'g> {
        from: &'g mut GradientsParams,
        taken: GradientsParams,
    }
    impl ModuleVisitor for Taker<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.from.remove::<D>(param.id) {
                self.taken.register(param.id, gradient);
            }
        }
    }
    let mut taker = Taker { from: gradients, taken: GradientsParams::new() };
    burn::module::Module::visit(adapters, &mut taker);
    taker.taken
}

fn dense(rows: &[f32], width: usize) -> View<'_> {
    View::dense(rows, rows.len() / width, width)
}

/// Gradient of a linear map's inputs.
fn back(slope: &[f32], map: &Linear) -> Vec<f32> {
    let slope = dense(slope, map.outputs());
    let mut out = vec![0.0; slope.rows * map.inputs];
    let weight = View::dense(&map.weight, map.outputs(), map.inputs);
    linalg::matmul(&mut out, map.inputs, slope, weight, Rhs::Plain, 1.0, Threads::Pool);
    out
}

fn gelu(rows: &[f32]) -> Vec<f32> {
    rows.par_iter().map(|x| linalg::gelu(*x)).collect()
}

fn scaled(rows: &[f32], scale: &[f32]) -> Vec<f32> {
    rows.chunks_exact(scale.len()).flat_map(|row| row.iter().zip(scale).map(|(v, s)| v * s)).collect()
}

fn add(sum: &mut [f32], other: &[f32]) {
    sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
}

use std::sync::Arc;

use rayon::prelude::*;

use super::BLOCK;
use super::encode::{EncodedBlock, Form, eight_bits};
use super::layout::{Halves, Lanes, PANEL, Panel, half};
use crate::gguf::Kind;

/// The rows of a matrix as they are stored, one slice of whole blocks for each output.
#[derive(Debug, Clone)]
pub struct StoredRows<'a> {
    /// How their numbers are stored.
    pub kind: Kind,
    /// In the order of the outputs.
    pub rows: Vec<&'a [u8]>,
    /// Values of a row; its last block may hold more.
    pub inputs: usize,
}

/// A quantised matrix `[outputs, inputs]` for products with rows from the right: `y = x W'`.
///
/// Copies share their numbers.
#[derive(Debug, Clone)]
pub struct QuantizedMatrix {
    outputs: usize,
    inputs: usize,
    form: Form,
    numbers: Arc<Numbers>,
}

/// Panel after panel; the last one is filled up with zeros.
#[derive(Debug)]
struct Numbers {
    words: Vec<Lanes>,
    scales: Vec<Halves>,
    least: Vec<Halves>,
}

impl QuantizedMatrix {
    /// Keeps stored rows as they are, in another order; `None` if their kind has no blocks, or they are not whole.
    pub fn from_stored(stored: &StoredRows) -> Option<Self> {
        let form = Form::of(stored.kind)?;
        let (count, size) = stored.kind.block();
        let blocks = stored.inputs.div_ceil(count);
        if blocks == 0 || stored.rows.iter().any(|row| row.len() != blocks * size) {
            return None;
        }
        let panels = stored.rows.len().div_ceil(PANEL);
        let groups = form.width.groups();
        let mut numbers = Numbers {
            words: vec![Lanes::default(); panels * blocks * groups],
            scales: vec![[0; PANEL]; panels * blocks],
            least: vec![[0; PANEL]; panels * blocks],
        };
        let words = numbers.words.par_chunks_mut(blocks * groups);
        let halves = numbers.scales.par_chunks_mut(blocks).zip(numbers.least.par_chunks_mut(blocks));
        let rows = stored.rows.par_chunks(PANEL);
        rows.zip(words).zip(halves).for_each(|((rows, words), (scales, least))| {
            for (lane, row) in rows.iter().enumerate() {
                for (block, bytes) in row.chunks_exact(size).enumerate() {
                    let encoded = EncodedBlock::of(stored.kind, bytes);
                    scales[block][lane] = encoded.scale;
                    least[block][lane] = encoded.least;
                    let words = &mut words[block * groups..(block + 1) * groups];
                    words.iter_mut().zip(encoded.words).for_each(|(lanes, word)| lanes.0[lane] = word);
                }
            }
        });
        if !form.has_least {
            numbers.least = vec![];
        }
        Some(Self { outputs: stored.rows.len(), inputs: stored.inputs, form, numbers: Arc::new(numbers) })
    }

    /// Rounds rows of `inputs` values to 8 bits; `None` if they are not whole.
    pub fn from_values(values: &[f32], inputs: usize) -> Option<Self> {
        if inputs == 0 || !values.len().is_multiple_of(inputs) {
            return None;
        }
        let rows: Vec<Vec<u8>> = values.par_chunks(inputs).map(eight_bits).collect();
        Self::from_stored(&StoredRows { kind: Kind::Q8_0, rows: rows.iter().map(Vec::as_slice).collect(), inputs })
    }

    /// Values of a row that is multiplied with it.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Values of a product.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Memory of its numbers.
    ///
    /// # Units
    /// Bytes.
    pub fn bytes(&self) -> usize {
        let Numbers { words, scales, least } = &*self.numbers;
        size_of_val(&words[..]) + size_of_val(&scales[..]) + size_of_val(&least[..])
    }

    /// The weights of one output, as floats.
    ///
    /// # Panics
    /// When there is no such output.
    pub fn row(&self, output: usize) -> Vec<f32> {
        assert!(output < self.outputs, "expected an output below {}, found {output}", self.outputs);
        let (panel, lane) = (self.panel(output / PANEL), output % PANEL);
        let mut values = Vec::with_capacity(panel.blocks() * BLOCK);
        for block in 0..panel.blocks() {
            let scale = half(panel.scales[block][lane]);
            let least = panel.least.get(block).map_or(0.0, |least| half(least[lane]));
            let value = |step| (i32::from(step) - panel.shift) as f32 * scale + least;
            values.extend(panel.steps(block, lane).map(value));
        }
        values.truncate(self.inputs);
        values
    }

    pub(super) fn panels(&self) -> usize {
        self.outputs.div_ceil(PANEL)
    }

    pub(super) fn blocks(&self) -> usize {
        self.inputs.div_ceil(BLOCK)
    }

    pub(super) fn panel(&self, panel: usize) -> Panel<'_> {
        let blocks = self.blocks();
        let groups = self.form.width.groups();
        let all = panel * blocks..(panel + 1) * blocks;
        let Numbers { words, scales, least } = &*self.numbers;
        Panel {
            width: self.form.width,
            shift: self.form.shift,
            words: &words[all.start * groups..all.end * groups],
            scales: &scales[all.clone()],
            least: if self.form.has_least { &least[all] } else { &[] },
        }
    }
}

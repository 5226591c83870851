//! Goldens: what an independent implementation computed, and the comparison with it.
#![allow(dead_code)] // each test file uses a part

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::{Device, Int, Tensor, TensorData};
use knowmvg::model::config::ModelConfig;
use knowmvg::model::fine_map::pixel_patches;
use knowmvg::model::trace::{Trace, values};
use knowmvg::model::weights::WeightFile;
use knowmvg::model::{GroundingInput, GroundingModel, ImageBatch, PhraseBatch, params};
use safetensors::tensor::TensorView;
use safetensors::{SafeTensors, serialize_to_file};

/// Side of a tower patch in pixels.
pub const PATCH: usize = 14;

/// A safetensors file below `golden/`.
pub struct Golden {
    bytes: Vec<u8>,
}

impl Golden {
    pub fn open(path: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden").join(path);
        Self { bytes: std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())) }
    }

    fn file(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).expect("a golden is a safetensors file")
    }

    pub fn metadata(&self, key: &str) -> String {
        let (_, header) = SafeTensors::read_metadata(&self.bytes).expect("a golden is a safetensors file");
        let metadata = header.metadata().as_ref().expect("a golden has metadata");
        metadata.get(key).unwrap_or_else(|| panic!("the golden has no metadata {key}")).clone()
    }

    pub fn has(&self, name: &str) -> bool {
        self.file().tensor(name).is_ok()
    }

    fn read<T>(&self, name: &str, number: impl Fn(&[u8]) -> T, width: usize) -> (Vec<usize>, Vec<T>) {
        let file = self.file();
        let view = file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        let count: usize = view.shape().iter().product();
        assert_eq!(view.data().len(), count * width, "{name}: expected numbers of {width} bytes");
        (view.shape().to_vec(), view.data().chunks_exact(width).map(number).collect())
    }

    pub fn floats(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        self.read(name, |b| f32::from_le_bytes(b.try_into().unwrap()), 4)
    }

    pub fn doubles(&self, name: &str) -> (Vec<usize>, Vec<f64>) {
        self.read(name, |b| f64::from_le_bytes(b.try_into().unwrap()), 8)
    }

    pub fn ints(&self, name: &str) -> (Vec<usize>, Vec<i64>) {
        self.read(name, |b| i64::from_le_bytes(b.try_into().unwrap()), 8)
    }

    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let (shape, values) = self.floats(name);
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    fn int_tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D, Int> {
        let (shape, values) = self.ints(name);
        let values: Vec<i32> = values.into_iter().map(|v| i32::try_from(v).expect("ids are small")).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// The configuration under `prefix`, `""` for the plain one.
    pub fn config(&self, prefix: &str) -> ModelConfig {
        serde_json::from_str(&self.metadata(&format!("{prefix}config"))).expect("the golden's configuration is ours")
    }

    /// The model with the golden's weights: every one is used, and none is missing.
    pub fn model(&self, device: &Device) -> GroundingModel {
        let path = temporary_path();
        let file = self.file();
        let weights: Vec<(String, TensorView)> =
            file.tensors().into_iter().filter(|(name, _)| name.starts_with("weight.")).collect();
        serialize_to_file(weights, None, &path).unwrap();
        let weights = WeightFile::open(&path).unwrap();
        let mut loader = weights.loader().unwrap();
        let model = params::load(GroundingModel::init(&self.config(""), PATCH, device), "weight.", &mut loader);
        loader.finish().unwrap();
        std::fs::remove_file(path).unwrap();
        model
    }

    /// The pixels of every image, and their side.
    pub fn pixels(&self) -> (Vec<Vec<f32>>, usize) {
        let (shape, values) = self.floats("input.pixels");
        (values.chunks_exact(shape[1] * shape[2]).map(<[f32]>::to_vec).collect(), shape[1])
    }

    /// The batch that the model was run on.
    pub fn input(&self, device: &Device) -> GroundingInput {
        let (images, side) = self.pixels();
        let patches: Vec<f32> = images.iter().flat_map(|image| pixel_patches(image, side, PATCH)).collect();
        let shape = [images.len(), patches.len() / images.len() / (PATCH * PATCH), PATCH * PATCH];
        let images = ImageBatch {
            tokens: self.tensor("input.tokens", device),
            positions: self.tensor("input.positions", device),
            pixel_patches: Tensor::from_data(TensorData::new(patches, shape), device),
            upsample: self.tensor("input.upsample", device),
        };
        let phrases = PhraseBatch {
            token_ids: self.int_tensor("input.token_ids", device),
            is_word: self.tensor("input.is_word", device),
            sides: self.int_tensor("input.sides", device),
            zones: self.int_tensor("input.zones", device),
            node_token_ids: self.int_tensor("input.node_token_ids", device),
            node_is_word: self.tensor("input.node_is_word", device),
            node_index: self.int_tensor("input.node_index", device),
            node_features: self.tensor("input.node_features", device),
            is_node: self.tensor("input.is_node", device),
            link_quality: self.tensor("input.link_quality", device),
            prior: self.tensor("input.prior", device),
            prior_boxes: self.tensor("input.prior_boxes", device),
            read: None,
        };
        GroundingInput { images, phrases }
    }

    /// Walks the intermediates in the order in which the model computes them and stops at the first that differs.
    pub fn assert_trace(&self, prefix: &str, found: &Recorded, tolerance: f32) {
        let expected = self.metadata(&format!("{prefix}trace_order"));
        let names: Vec<&str> = found.0.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, expected.lines().collect::<Vec<_>>(), "names of the intermediates");
        for (name, shape, values) in &found.0 {
            self.assert_close(prefix, &format!("trace.{name}"), shape, values, tolerance);
        }
    }

    /// Compares an output with the golden's.
    pub fn assert_output<const D: usize>(&self, prefix: &str, name: &str, found: &Tensor<D>, tolerance: f32) {
        self.assert_close(prefix, &format!("output.{name}"), &found.dims(), &values(found), tolerance);
    }

    /// A variant stores only what differs from the plain run.
    fn assert_close(&self, prefix: &str, name: &str, shape: &[usize], found: &[f32], tolerance: f32) {
        let varied = format!("{prefix}{name}");
        let (expected_shape, expected) = self.floats(if self.has(&varied) { &varied } else { name });
        assert_eq!(shape, expected_shape, "{varied}: shape");
        assert_close(&varied, shape, found, &expected, tolerance);
    }
}

fn temporary_path() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("knowmvg-golden-{}-{count}.safetensors", std::process::id()))
}

/// Intermediates in the order in which they were recorded.
#[derive(Default)]
pub struct Recorded(pub Vec<(String, Vec<usize>, Vec<f32>)>);

impl Trace for Recorded {
    fn record<const D: usize>(&mut self, name: &str, tensor: &Tensor<D>) {
        self.0.push((name.to_owned(), tensor.dims().to_vec(), values(tensor)));
    }
}

impl Recorded {
    pub fn get(&self, name: &str) -> &[f32] {
        &self.0.iter().find(|(n, ..)| n == name).unwrap_or_else(|| panic!("{name} was not recorded")).2
    }
}

/// Fails where `found` differs by more than `tolerance`, absolute below 1 and relative above; NaN in `expected` leaves the
/// value open, but it must still be a number.
pub fn assert_close(name: &str, shape: &[usize], found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{name}: count");
    if let Some(index) = found.iter().position(|f| !f.is_finite()) {
        panic!("{name} {shape:?}: {} at {:?}", found[index], place(index, shape));
    }
    let error = |index: &usize| {
        let (f, e) = (found[*index], expected[*index]);
        if e.is_nan() { 0.0 } else { (f - e).abs() / e.abs().max(1.0) }
    };
    let Some(worst) = (0..found.len()).max_by(|a, b| error(a).total_cmp(&error(b))) else { return };
    let (f, e) = (found[worst], expected[worst]);
    let report = format!("difference {:e}, relative {:e}", (f - e).abs(), (f - e).abs() / e.abs());
    println!("{name}: largest {report}");
    assert!(
        error(&worst) <= tolerance,
        "{name} {shape:?}: {report} at {:?}: expected {e}, found {f}",
        place(worst, shape)
    );
}

/// The index along each axis.
fn place(index: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = index;
    let mut place: Vec<usize> = shape
        .iter()
        .rev()
        .map(|size| {
            let at = rest % size;
            rest /= size;
            at
        })
        .collect();
    place.reverse();
    place
}

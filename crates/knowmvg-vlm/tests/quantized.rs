//! Products of quantised matrices: every path gives the bits of the portable one, and their error is bounded.

use half::f16;
use knowmvg_vlm::gguf::Kind;
use knowmvg_vlm::quantized::{
    BLOCK, Kernel, QuantizedMatrix, QuantizedRows, StoredRows, products, products_by, products_of,
};
use proptest::prelude::*;

/// Kinds with blocks, and the bytes of one.
const KINDS: [(Kind, usize); 5] =
    [(Kind::Q4_0, 18), (Kind::Q4_1, 20), (Kind::Q5_0, 22), (Kind::Q5_1, 24), (Kind::Q8_0, 34)];

/// A stored matrix, and the rows that it is multiplied with.
#[derive(Debug, Clone)]
struct Case {
    kind: Kind,
    outputs: usize,
    inputs: usize,
    bytes: Vec<u8>,
    rows: Vec<f32>,
}

impl Case {
    fn matrix(&self) -> QuantizedMatrix {
        let rows = self.bytes.chunks(self.bytes.len() / self.outputs).collect();
        QuantizedMatrix::from_stored(&StoredRows { kind: self.kind, rows, inputs: self.inputs }).unwrap()
    }

    fn rows(&self) -> QuantizedRows {
        QuantizedRows::of(&self.rows, self.inputs)
    }
}

/// Any bits in the steps, scales up to 2; values of any size beside zeros and outliers.
fn case() -> impl Strategy<Value = Case> {
    let value = prop_oneof![4 => -4.0f32..4.0, 1 => Just(0.0f32), 1 => -1e4f32..1e4];
    (0..KINDS.len(), 1..40usize, 1..4usize, 1..14usize).prop_flat_map(move |(kind, outputs, blocks, rows)| {
        let (kind, size) = KINDS[kind];
        let bytes = prop::collection::vec(
            prop_oneof![3 => any::<u8>(), 1 => Just(0u8), 1 => Just(255u8), 1 => Just(128u8)],
            outputs * blocks * size,
        );
        let halves = prop::collection::vec((-2.0f32..2.0, -2.0f32..2.0), outputs * blocks);
        let values = prop::collection::vec(value.clone(), rows * blocks * BLOCK);
        (bytes, halves, values).prop_map(move |(mut bytes, halves, rows)| {
            for (block, (scale, least)) in bytes.chunks_mut(size).zip(halves) {
                block[..2].copy_from_slice(&f16::from_f32(scale).to_le_bytes());
                if matches!(kind, Kind::Q4_1 | Kind::Q5_1) {
                    block[2..4].copy_from_slice(&f16::from_f32(least).to_le_bytes());
                }
            }
            Case { kind, outputs, inputs: blocks * BLOCK, bytes, rows }
        })
    })
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Half a step of each value times its weight: what rounding a row to 8 bits may change, and as much again for f32.
fn bound(weights: &[f32], values: &[f32]) -> f64 {
    let blocks = weights.chunks(BLOCK).zip(values.chunks(BLOCK)).map(|(weights, values)| {
        let most = values.iter().fold(0.0f64, |most, v| most.max(f64::from(v.abs())));
        let magnitude: f64 = weights.iter().map(|w| f64::from(w.abs())).sum();
        magnitude * most / 254.0
    });
    1.001 * blocks.sum::<f64>()
}

fn exact(weights: &[f32], values: &[f32]) -> f64 {
    weights.iter().zip(values).map(|(w, v)| f64::from(*w) * f64::from(*v)).sum()
}

proptest! {
    #[test]
    fn every_path_gives_the_bits_of_the_portable_one(case in case()) {
        let (matrix, rows) = (case.matrix(), case.rows());
        let mut kernels = Kernel::available().into_iter();
        let [expected] = products_by(kernels.next().unwrap(), [&matrix], &rows);
        for kernel in kernels {
            let [found] = products_by(kernel, [&matrix], &rows);
            prop_assert_eq!(bits(&found), bits(&expected), "{}", kernel.name());
        }
    }

    #[test]
    fn products_are_as_close_as_eight_bits_allow(case in case()) {
        let (matrix, rows) = (case.matrix(), case.rows());
        let found = products(&matrix, &rows);
        for (row, found) in case.rows.chunks(case.inputs).zip(found.chunks(case.outputs)) {
            for (output, found) in found.iter().enumerate() {
                let weights = matrix.row(output);
                let (expected, bound) = (exact(&weights, row), bound(&weights, row));
                // The sum itself is made in f32, of terms that may cancel.
                let magnitude: f64 = weights.iter().zip(row).map(|(w, v)| f64::from((w * v).abs())).sum();
                let error = (f64::from(*found) - expected).abs();
                prop_assert!(error <= bound + 1e-5 * (magnitude + bound), "{error} > {bound}");
            }
        }
    }

    #[test]
    fn rows_are_multiplied_alike_alone_and_together(case in case()) {
        let matrix = case.matrix();
        let together = products(&matrix, &case.rows());
        for (row, together) in case.rows.chunks(case.inputs).zip(together.chunks(case.outputs)) {
            prop_assert_eq!(bits(&products(&matrix, &QuantizedRows::of(row, case.inputs))), bits(together));
        }
    }

    #[test]
    fn eight_bits_are_half_a_step_away(values in prop::collection::vec(-100.0f32..100.0, 1..100)) {
        let matrix = QuantizedMatrix::from_values(&values, values.len()).unwrap();
        let restored = matrix.row(0);
        prop_assert_eq!(restored.len(), values.len());
        for (found, value) in restored.chunks(BLOCK).zip(values.chunks(BLOCK)) {
            let most = value.iter().fold(0.0f32, |most, v| most.max(v.abs()));
            // A scale of 16 bits is off by 2^-11, at most 127 times.
            let step = most / 127.0 * (0.5 + 127.0 / 2048.0);
            prop_assert!(found.iter().zip(value).all(|(f, v)| (f - v).abs() <= step + 1e-5), "{found:?} {value:?}");
        }
    }
}

/// The largest steps against the largest values, where 16-bit sums of byte products would saturate.
#[test]
fn extremes_do_not_saturate() {
    for (kind, size) in KINDS {
        for (byte, value) in [(0u8, 1.0f32), (0x7f, 1.0), (0x80, -1.0), (0xff, 1.0), (0xff, -1.0)] {
            let mut bytes = vec![byte; size * 3];
            for block in bytes.chunks_mut(size) {
                block[..2].copy_from_slice(&f16::ONE.to_le_bytes());
                if matches!(kind, Kind::Q4_1 | Kind::Q5_1) {
                    block[2..4].copy_from_slice(&f16::from_f32(-3.0).to_le_bytes());
                }
            }
            let case = Case { kind, outputs: 1, inputs: 3 * BLOCK, bytes, rows: vec![value; 3 * BLOCK] };
            let expected: f32 = case.matrix().row(0).iter().map(|weight| weight * value).sum();
            for kernel in Kernel::available() {
                let [found] = products_by(kernel, [&case.matrix()], &case.rows());
                let error = (found[0] - expected).abs();
                assert!(
                    error <= 1e-5 * expected.abs(),
                    "{kind:?} {byte} by {}: {} {expected}",
                    kernel.name(),
                    found[0]
                );
            }
        }
    }
}

/// More panels than one task takes, and rows beyond every tile.
#[test]
fn many_threads_give_the_bits_of_one() {
    let inputs = 320;
    let value = |i: usize| ((i * 7919 % 1013) as f32 - 506.0) / 97.0;
    let weights: Vec<f32> = (0..inputs * 1000).map(value).collect();
    let matrices = [&weights[..], &weights[inputs * 7..]].map(|w| QuantizedMatrix::from_values(w, inputs).unwrap());
    let rows = QuantizedRows::of(&(0..inputs * 23).map(|i| value(i + 5)).collect::<Vec<_>>(), inputs);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let four = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let multiply = || products_of([&matrices[0], &matrices[1]], &rows);
    let [alone, together] = [one.install(multiply), four.install(multiply)];
    assert_eq!(alone.each_ref().map(|v| bits(v)), together.each_ref().map(|v| bits(v)));
    // The second matrix is the first without 7 outputs.
    let rest: Vec<f32> = alone[0].chunks(1000).flat_map(|row| row[7..].to_vec()).collect();
    assert_eq!(bits(&alone[1]), bits(&rest));
}

/// Stored numbers are kept to the bit.
#[test]
fn weights_are_as_the_file_says() {
    let bytes: Vec<u8> = (0..=255u8).cycle().take(34 * 2).collect();
    for (kind, size) in KINDS {
        let mut bytes = bytes[..size * 2].to_vec();
        for block in bytes.chunks_mut(size) {
            block[..2].copy_from_slice(&f16::from_f32(0.37).to_le_bytes());
        }
        let matrix = QuantizedMatrix::from_stored(&StoredRows { kind, rows: vec![&bytes], inputs: 2 * BLOCK }).unwrap();
        assert_eq!(bits(&matrix.row(0)), bits(&kind.decode(&bytes)), "{kind:?}");
    }
}

#[test]
fn what_is_not_whole_is_no_matrix() {
    let stored = |kind, bytes: &[u8], inputs| {
        QuantizedMatrix::from_stored(&StoredRows { kind, rows: vec![bytes], inputs }).is_some()
    };
    assert!(stored(Kind::Q8_0, &[0; 34], 32) && stored(Kind::Q8_0, &[0; 34], 31));
    assert!(!stored(Kind::Q8_0, &[0; 34], 33) && !stored(Kind::Q8_0, &[0; 35], 32) && !stored(Kind::Q8_0, &[], 0));
    assert!(!stored(Kind::F32, &[0; 128], 32));
}

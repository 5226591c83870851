//! `Decoder on a device -> does it find there what it finds on the CPU?`
//!
//! Drivers and compilers of shaders have faults, and a box that one of them moved looks like any other. So before a device is
//! trusted, the decoder looks on both for a phrase in a made-up picture.

use burn::module::Module;
use burn::tensor::Device;

use crate::decoder::{Decoder, identity_thorax};
use crate::model::answer::{Answer, Candidate};
use crate::model::input::{Features, ImageInput};
use crate::prior::Prior;
use crate::report;

/// Largest difference of an edge, in sides of the square, or of a probability that rounding is allowed to make; matrix units of a GPU
/// round to 10 bits.
const TOLERANCE: f64 = 0.02;
/// What is looked for.
const PHRASE: &str = "left pleural effusion";

/// A device finds something else than the CPU.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "expected of the device what the decoder finds on the CPU, found boxes or probabilities that differ by {difference:.2}: the \
     device or its driver computes wrongly; compute on the CPU, or try another driver"
)]
pub struct Disagreement {
    /// By how much an edge, in sides of the square, or a probability differs at most.
    pub difference: f64,
}

/// Checks a decoder's device; one on the CPU is its own reference.
///
/// # Errors
/// When it finds something else than the CPU.
pub fn check(decoder: &Decoder) -> Result<(), Disagreement> {
    let cpu = Device::flex();
    if *decoder.device == cpu {
        return Ok(());
    }
    let model = decoder.model.clone().fork(&cpu);
    let difference = difference(&look(&Decoder { model: &model, device: &cpu, ..*decoder }), &look(decoder));
    // What is no number is no agreement either.
    if difference <= TOLERANCE { Ok(()) } else { Err(Disagreement { difference }) }
}

fn look(decoder: &Decoder) -> Answer {
    let (features, frame) = (picture(decoder), identity_thorax());
    let phrase = decoder.input(&report::query(PHRASE, decoder.knowledge), &Prior::flat(), &frame, features.grid);
    let image = ImageInput { features: &features, model_from_thorax: frame, phrases: vec![phrase] };
    decoder.answers(&[image], &mut ()).remove(0).remove(0)
}

/// Tokens and pixels without a meaning, the same everywhere.
fn picture(decoder: &Decoder) -> Features {
    let side = decoder.config.image_side;
    let grid = side / decoder.patch_size;
    // Steps of the golden ratio fill an interval evenly, in no visible order.
    let spread = |count: usize| (0..count).map(|i| ((i + 1) as f64 * 0.618_033_988_749_894_9).fract() as f32);
    let tokens = spread(grid * grid * decoder.config.token_width).map(|value| (value - 0.5) * 3.5).collect();
    Features { grid, side, tokens, pixels: spread(side * side).collect() }
}

/// Between each candidate of one answer and the most similar one of the other: near ties may change places.
fn difference(expected: &Answer, found: &Answer) -> f64 {
    let nearest = |candidate: &Candidate| {
        found.candidates.iter().map(|other| apart(candidate, other)).fold(f64::INFINITY, f64::min)
    };
    let boxes = expected.candidates.iter().map(nearest).fold(0.0, f64::max);
    boxes.max((expected.knowledge_gate - found.knowledge_gate).abs())
}

fn apart(one: &Candidate, other: &Candidate) -> f64 {
    let edges = one.bounds.xyxy().into_iter().zip(other.bounds.xyxy()).map(|(a, b)| (a - b).abs());
    edges.chain([(one.presence - other.presence).abs()]).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::grounder::Grounder;
    use crate::model::params;

    fn shipped() -> Grounder {
        Grounder::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")).unwrap()
    }

    #[test]
    fn the_same_numbers_agree_and_others_do_not() {
        let grounder = shipped();
        let decoder = grounder.decoder();
        let expected = look(&decoder);
        assert!(expected.candidates.len() > 1);
        assert_eq!(difference(&expected, &look(&decoder)), 0.0);
        let mut exchanged = look(&decoder);
        exchanged.candidates.reverse();
        assert_eq!(difference(&expected, &exchanged), 0.0, "an order is no difference");

        // A device that loses the sign of one matrix.
        let mut right = params::collect(decoder.model).into_iter();
        let wrong = params::replace(decoder.model.clone(), |path, _| {
            let sign = if path.contains("global_attention.value.weight") { -1.0 } else { 1.0 };
            right.next().expect("as many again").values.into_iter().map(|value| sign * value).collect()
        });
        assert!(difference(&expected, &look(&Decoder { model: &wrong, ..decoder })) > TOLERANCE);
    }
}

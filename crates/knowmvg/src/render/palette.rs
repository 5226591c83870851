//! One colour per kind of finding.

use std::collections::HashMap;

use crate::grounding::{Assertion, GroundedPhrase};

use super::canvas::Colour;

/// Seven colours that people with any common colour vision tell apart, on black and on white.
///
/// # Source
/// Okabe and Ito, Color Universal Design, 2008; without black.
pub(super) const COLOURS: [Colour; 7] = [
    [0xe6, 0x9f, 0x00],
    [0x56, 0xb4, 0xe9],
    [0x00, 0x9e, 0x73],
    [0xf0, 0xe4, 0x42],
    [0xd5, 0x5e, 0x00],
    [0xcc, 0x79, 0xa7],
    [0x00, 0x72, 0xb2],
];

/// Phrases without boxes, and boxes of phrases that the knowledge base does not know.
pub(super) const NEUTRAL: Colour = [0xd8, 0xdc, 0xe0];

/// Denied phrases.
pub(super) const ABSENT: Colour = [0x80, 0x86, 0x8c];

/// A colour for each phrase: the same finding has the same colour, and different findings with boxes have different ones
/// while there are no more than seven.
///
/// A finding keeps its colour from picture to picture unless another one of the same picture took it before.
pub(super) fn colours(phrases: &[GroundedPhrase]) -> Vec<Colour> {
    let mut taken = [false; COLOURS.len()];
    let mut of_finding: HashMap<&str, usize> = HashMap::new();
    let mut colour = |finding: &str| {
        let index = free_colour(finding, &taken);
        taken[index] = true;
        index
    };
    let of_phrase = phrases.iter().map(|phrase| match phrase.finding.as_deref() {
        _ if phrase.assertion == Assertion::Absent => ABSENT,
        Some(finding) if !phrase.boxes.is_empty() => {
            COLOURS[*of_finding.entry(finding).or_insert_with(|| colour(finding))]
        }
        _ => NEUTRAL,
    });
    of_phrase.collect()
}

/// Black or white, whichever is easier to read on the colour.
pub(super) fn ink_on([red, green, blue]: Colour) -> Colour {
    let luma = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    if luma > 110_000 { [0, 0, 0] } else { [255, 255, 255] }
}

/// The colour that the name hashes to, or the next one that nobody has; with all taken, that colour again.
fn free_colour(finding: &str, taken: &[bool; COLOURS.len()]) -> usize {
    // FNV-1a: small, and the same on every machine, unlike the standard library's hasher.
    let hash =
        finding.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let home = (hash % COLOURS.len() as u64) as usize;
    (0..COLOURS.len()).map(|step| (home + step) % COLOURS.len()).find(|index| !taken[*index]).unwrap_or(home)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::scene::tests::phrase;

    fn boxed(finding: &str) -> GroundedPhrase {
        phrase(finding, &[[0.0, 0.0, 1.0, 1.0]])
    }

    #[test]
    fn one_colour_per_finding_while_they_last() {
        let names = ["mass", "nodule", "effusion", "pneumothorax", "edema", "mass", "fracture", "atelectasis"];
        let phrases: Vec<_> = names.iter().map(|name| boxed(name)).collect();
        let colours = colours(&phrases);
        assert_eq!(colours[0], colours[5]);
        let mut distinct = colours.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), COLOURS.len());
    }

    #[test]
    fn a_finding_alone_keeps_its_colour() {
        let alone = colours(&[boxed("effusion")])[0];
        assert_eq!(alone, colours(&[boxed("effusion"), boxed("mass")])[0]);
    }

    #[test]
    fn phrases_that_are_not_drawn_take_no_colour() {
        let mut absent = boxed("pneumothorax");
        absent.assertion = Assertion::Absent;
        let found = colours(&[absent, phrase("edema", &[]), boxed("effusion")]);
        assert_eq!(found[..2], [ABSENT, NEUTRAL]);
        assert_eq!(found[2], colours(&[boxed("effusion")])[0]);
    }
}

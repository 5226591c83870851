//! Left for right. One edit is one word.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::words::{in_case_of, replaced, spans};
use super::{Effect, Report, Severity};

/// Words that have a mirror image. The middle lobe and the lingula have none, and stay.
const MIRRORED: [(&str, &str); 6] = [
    ("left", "right"),
    ("lefts", "rights"),
    ("leftward", "rightward"),
    ("leftwards", "rightwards"),
    ("lul", "rul"),
    ("lll", "rll"),
];

/// Swaps every side word in the target's sentences with a probability of a quarter for each severity.
///
/// All or none of one report: with half of its words swapped, a report would contradict itself and not err. So a score over
/// many reports goes down in a straight line if, and only if, a system believes the words.
pub(super) fn swap(report: &mut Report, severity: Severity, generator: &mut ChaCha8Rng) {
    let draw = generator.random_range(0..Severity::MAX);
    if draw >= severity.get() {
        return;
    }
    let mut edits = 0;
    for sentence in report.sentences.iter_mut().filter(|sentence| sentence.is_target) {
        let (text, count) = mirrored(&sentence.text);
        sentence.text = text;
        edits += count;
    }
    report.note(edits, Some(Effect::Misleads));
}

/// The text with its sides swapped, and how many words changed.
fn mirrored(text: &str) -> (String, usize) {
    let change = |span: std::ops::Range<usize>| mirror(&text[span.clone()]).map(|word| (span, word));
    let changes: Vec<_> = spans(text).into_iter().filter_map(change).collect();
    (replaced(text, &changes), changes.len())
}

fn mirror(word: &str) -> Option<String> {
    let folded = word.to_ascii_lowercase();
    let twin = MIRRORED.iter().find_map(|(a, b)| match folded.as_str() {
        w if w == *a => Some(*b),
        w if w == *b => Some(*a),
        _ => None,
    })?;
    in_case_of(word, twin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn side_words_swap_in_every_case_and_form() {
        let (text, count) = mirrored("Left-sided opacity, RLL > LUL, LEFT of the rightward shift; copyright leftover.");
        assert_eq!(text, "Right-sided opacity, LLL > RUL, RIGHT of the leftward shift; copyright leftover.");
        assert_eq!(count, 5);
    }
}

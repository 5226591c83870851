//! What a language model named, found again in the report.

use std::ops::Range;

/// Share of common words from which on a stretch of the report is what was named.
const MIN_DICE: f64 = 0.6;

/// The bytes of `report` that `named` means; `None` if nothing there is like it.
///
/// The same words, whatever their case, count first, after `from` before anywhere else; else the stretch of about as many
/// words that has most of them in common.
pub fn align(named: &str, report: &str, from: usize) -> Option<Range<usize>> {
    let wanted = words(named);
    let have = words(report);
    if wanted.is_empty() || have.is_empty() {
        return None;
    }
    let same = |start: &usize| {
        let stretch = &have[*start..(start + wanted.len()).min(have.len())];
        stretch.len() == wanted.len() && stretch.iter().zip(&wanted).all(|(a, b)| a.text == b.text)
    };
    let exact: Vec<usize> = (0..have.len()).filter(same).collect();
    let chosen = exact.iter().find(|start| have[**start].bytes.start >= from).or(exact.first());
    match chosen {
        Some(start) => Some(span(&have[*start..start + wanted.len()])),
        None => closest(&wanted, &have),
    }
}

/// A word in lower case, and where it stands.
struct Word {
    text: String,
    bytes: Range<usize>,
}

fn words(text: &str) -> Vec<Word> {
    let mut found: Vec<Word> = vec![];
    let mut start = None;
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        match (letter.is_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(first)) => {
                found.push(Word { text: text[first..at].to_lowercase(), bytes: first..at });
                start = None;
            }
            _ => {}
        }
    }
    found
}

fn span(stretch: &[Word]) -> Range<usize> {
    stretch.first().map_or(0, |word| word.bytes.start)..stretch.last().map_or(0, |word| word.bytes.end)
}

fn closest(wanted: &[Word], have: &[Word]) -> Option<Range<usize>> {
    let mut best: Option<(f64, &[Word])> = None;
    for len in wanted.len().saturating_sub(2).max(1)..=wanted.len() + 2 {
        for stretch in have.windows(len) {
            let dice = dice(wanted, stretch);
            if dice >= MIN_DICE && best.is_none_or(|(least, _)| dice > least) {
                best = Some((dice, stretch));
            }
        }
    }
    best.map(|(_, stretch)| span(stretch))
}

/// Twice the common words over all of both.
fn dice(a: &[Word], b: &[Word]) -> f64 {
    let mut left: Vec<&str> = b.iter().map(|word| word.text.as_str()).collect();
    let mut common = 0;
    for word in a {
        if let Some(at) = left.iter().position(|other| *other == word.text) {
            left.swap_remove(at);
            common += 1;
        }
    }
    2.0 * f64::from(common) / (a.len() + b.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "PA view. Small left pleural effusion. No pneumothorax. Left pleural effusion, small, again.";

    fn found(named: &str, from: usize) -> Option<&'static str> {
        align(named, REPORT, from).map(|bytes| &REPORT[bytes])
    }

    #[test]
    fn the_same_words_are_found_whatever_their_case_and_marks() {
        assert_eq!(found("small LEFT pleural effusion.", 0), Some("Small left pleural effusion"));
        assert_eq!(align("left pleural effusion", REPORT, 30).unwrap().start, REPORT.rfind("Left").unwrap());
        assert_eq!(align("left pleural effusion", REPORT, 90).unwrap().start, REPORT.find("left").unwrap());
    }

    #[test]
    fn most_of_the_words_are_enough_and_few_are_not() {
        assert_eq!(found("tiny left pleural effusion", 0), Some("left pleural effusion"));
        assert_eq!(found("right lower lobe nodule", 0), None);
        assert_eq!(found("", 0), None);
        assert_eq!(align("effusion", "", 0), None);
    }

    #[test]
    fn spans_lie_on_characters() {
        let report = "Größere Verschattung rechts – »Erguß«.";
        let bytes = align("erguß", report, 0).unwrap();
        assert_eq!(&report[bytes], "Erguß");
    }
}

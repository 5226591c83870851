//! The same said in another manner. One edit is one word, one turn or one sentence in capitals.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::words::{capitalised, replaced, spans};
use super::{Report, Severity};

const ABBREVIATIONS: [(&str, &str); 14] = [
    ("right upper lobe", "RUL"),
    ("right middle lobe", "RML"),
    ("right lower lobe", "RLL"),
    ("left upper lobe", "LUL"),
    ("left lower lobe", "LLL"),
    ("pneumothorax", "PTX"),
    ("chest radiograph", "CXR"),
    ("endotracheal tube", "ETT"),
    ("nasogastric tube", "NGT"),
    ("bilateral", "bilat"),
    ("congestive heart failure", "CHF"),
    ("chronic obstructive pulmonary disease", "COPD"),
    ("anteroposterior", "AP"),
    ("history", "hx"),
];
/// What a telegram leaves out. Words of denial are not among them.
const EMPTY_WORDS: [&str; 12] = ["the", "a", "an", "is", "are", "was", "were", "has", "have", "been", "there", "also"];
const OPENINGS: [(&str, &str); 2] = [("There is ", "is seen"), ("There are ", "are seen")];

/// Gives the restyled sentence and how many changes that took.
type Manner = fn(&str) -> (String, usize);

/// One more manner with each severity, in an order that the generator draws: abbreviations, telegraphic, passive, capitals.
pub(super) fn restyle(report: &mut Report, severity: Severity, generator: &mut ChaCha8Rng) {
    let mut manners: [Manner; 4] = [abbreviated, telegraphic, passive, upper_case];
    manners.shuffle(generator);
    for manner in manners.into_iter().take(usize::from(severity.get())) {
        for at in 0..report.sentences.len() {
            let (text, edits) = manner(&report.sentences[at].text);
            report.sentences[at].text = text;
            report.note(edits, None);
        }
    }
}

fn abbreviated(text: &str) -> (String, usize) {
    // Lower case of other letters than ASCII may have another length, and positions would no longer fit.
    let folded = text.to_ascii_lowercase();
    let mut changes: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    for (long, short) in ABBREVIATIONS {
        changes.extend(whole_words(&folded, long).map(|span| (span, short.to_owned())));
    }
    changes.sort_by_key(|(span, _)| span.start);
    (replaced(text, &changes), changes.len())
}

fn whole_words<'a>(text: &'a str, words: &'a str) -> impl Iterator<Item = std::ops::Range<usize>> + 'a {
    let is_alone = move |span: &std::ops::Range<usize>| {
        !text[..span.start].ends_with(char::is_alphabetic) && !text[span.end..].starts_with(char::is_alphabetic)
    };
    text.match_indices(words).map(|(at, found)| at..at + found.len()).filter(is_alone)
}

fn telegraphic(text: &str) -> (String, usize) {
    let is_empty_word =
        |span: &std::ops::Range<usize>| EMPTY_WORDS.contains(&text[span.clone()].to_ascii_lowercase().as_str());
    // Only a word with a space behind it can go without joining what is around it.
    let followed = spans(text).into_iter().filter(|span| text[span.end..].starts_with(' ')).filter(is_empty_word);
    let gone: Vec<_> = followed.map(|span| (span.start..span.end + 1, String::new())).collect();
    if gone.is_empty() {
        return (text.to_owned(), 0);
    }
    (capitalised(&replaced(text, &gone)), gone.len())
}

fn passive(text: &str) -> (String, usize) {
    let turned = OPENINGS.iter().find_map(|(opening, verb)| {
        let head = text.get(..opening.len()).filter(|head| head.eq_ignore_ascii_case(opening))?;
        let rest = &text[opening.len()..];
        let body = rest.trim_end_matches('.');
        let verb = if head.chars().all(|c| !c.is_lowercase()) { verb.to_uppercase() } else { (*verb).to_owned() };
        (!body.trim().is_empty()).then(|| format!("{} {verb}{}", capitalised(body), &rest[body.len()..]))
    });
    turned.map_or_else(|| (text.to_owned(), 0), |text| (text, 1))
}

fn upper_case(text: &str) -> (String, usize) {
    let upper = text.to_uppercase();
    let edits = usize::from(upper != text);
    (upper, edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_manner_does_what_it_says() {
        assert_eq!(abbreviated("Opacity in the Left lower lobe.").0, "Opacity in the LLL.");
        assert_eq!(telegraphic("There is a small effusion.").0, "Small effusion.");
        assert_eq!(passive("There is no effusion.").0, "No effusion is seen.");
        assert_eq!(upper_case("Erguß links.").0, "ERGUSS LINKS.");
    }

    #[test]
    fn what_cannot_be_restyled_is_not_counted() {
        for manner in [abbreviated, telegraphic, passive] {
            assert_eq!(manner("EFFUSION."), ("EFFUSION.".to_owned(), 0));
        }
        assert_eq!(upper_case("EFFUSION.").1, 0);
    }
}

//! Words of a sentence, and their replacement.

use std::ops::Range;

/// Byte ranges of the words: unbroken runs of letters, so that `left-sided` is two.
pub(super) fn spans(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, letter) in text.char_indices().filter(|(_, letter)| letter.is_alphabetic()) {
        let end = at + letter.len_utf8();
        match found.last_mut() {
            Some(word) if word.end == at => word.end = end,
            _ => found.push(at..end),
        }
    }
    found
}

/// The text with other words at some of its ranges, which are in order and apart.
pub(super) fn replaced(text: &str, changes: &[(Range<usize>, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (range, word) in changes {
        out.push_str(&text[done..range.start]);
        out.push_str(word);
        done = range.end;
    }
    out + &text[done..]
}

/// `word` in the letter case of `model`: lower, Capitalised or UPPER; `None` if the model's case is mixed.
pub(super) fn in_case_of(model: &str, word: &str) -> Option<String> {
    let upper = |text: &str| text.chars().all(char::is_uppercase);
    let lower = |text: &str| text.chars().all(char::is_lowercase);
    let first = model.chars().next()?.len_utf8();
    match model {
        m if lower(m) => Some(word.to_lowercase()),
        m if upper(m) && m.len() > first => Some(word.to_uppercase()),
        m if upper(&m[..first]) && lower(&m[first..]) => Some(capitalised(&word.to_lowercase())),
        _ => None,
    }
}

/// With a capital first letter.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// With a small first letter, unless the first word is an abbreviation or a name in capitals.
pub(super) fn uncapitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next();
    if letters.clone().next().is_some_and(char::is_uppercase) {
        return text.to_owned();
    }
    first.map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// A statement that somebody else wrote as part of a sentence: no full stop, no `There is`, on one line.
pub(super) fn as_noun_phrase(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.trim_end_matches(['.', ';', ',', ':']);
    let openings = ["There is ", "There are ", "there is ", "there are "];
    let phrase = openings.iter().find_map(|opening| text.strip_prefix(opening)).unwrap_or(text);
    uncapitalised(phrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hyphens_part_words_and_umlauts_do_not() {
        let text = "left-sided Erguß, 3 cm";
        let words: Vec<&str> = spans(text).into_iter().map(|span| &text[span]).collect();
        assert_eq!(words, ["left", "sided", "Erguß", "cm"]);
    }

    #[test]
    fn case_follows_the_model_or_is_refused() {
        assert_eq!(in_case_of("left", "Right").as_deref(), Some("right"));
        assert_eq!(in_case_of("LEFT", "right").as_deref(), Some("RIGHT"));
        assert_eq!(in_case_of("Left", "right").as_deref(), Some("Right"));
        assert_eq!(in_case_of("lEft", "right"), None);
    }

    #[test]
    fn replacements_leave_the_rest() {
        assert_eq!(replaced("one two three", &[(0..3, "1".into()), (8..13, "3".into())]), "1 two 3");
    }

    #[test]
    fn statements_become_parts_of_sentences() {
        assert_eq!(as_noun_phrase("There is a small\neffusion."), "a small effusion");
        assert_eq!(as_noun_phrase("RUL nodule"), "RUL nodule");
    }
}

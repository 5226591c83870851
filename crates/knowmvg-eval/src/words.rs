//! Words in common: how near two short texts are, whatever their case and punctuation.

use std::collections::BTreeMap;

/// Lower-case runs of letters and digits, in order.
pub fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// F1 of the words of two texts as multisets, in `[0, 1]`; 0 if either has none.
///
/// # Source
/// Rajpurkar et al., *SQuAD*, EMNLP 2016, §6.1 (macro-averaged F1), for one pair.
pub fn overlap(a: &[String], b: &[String]) -> f64 {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    a.iter().for_each(|word| *left.entry(word).or_default() += 1);
    let mut shared = 0;
    for word in b {
        if let Some(count) = left.get_mut(word.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            shared += 1;
        }
    }
    if shared == 0 { 0.0 } else { 2.0 * f64::from(shared) / (a.len() + b.len()) as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_punctuation_do_not_matter() {
        assert_eq!(words("Small, LEFT-sided effusion (2 cm)."), ["small", "left", "sided", "effusion", "2", "cm"]);
        assert_eq!(overlap(&words("Left effusion"), &words("left, effusion.")), 1.0);
    }

    #[test]
    fn a_repeated_word_counts_as_often_as_both_have_it() {
        assert_eq!(overlap(&words("left left lung"), &words("left")), 0.5);
        assert_eq!(overlap(&words("left lung"), &words("right heart")), 0.0);
        assert_eq!(overlap(&words(""), &words("")), 0.0);
    }
}

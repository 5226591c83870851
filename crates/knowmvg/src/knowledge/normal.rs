//! One form per word, so that a term and a text can be compared.

use std::ops::Range;

/// British and other spellings, and the American ones that stand for both.
const SPELLINGS: [(&str, &str); 13] = [
    ("haem", "hem"),
    ("oedem", "edem"),
    ("oesoph", "esoph"),
    ("anaem", "anem"),
    ("orthopaed", "orthoped"),
    ("tumour", "tumor"),
    ("fibre", "fiber"),
    ("centre", "center"),
    ("calibre", "caliber"),
    ("colour", "color"),
    ("grey", "gray"),
    ("isation", "ization"),
    ("azygous", "azygos"),
];

/// Words whose plural no rule finds.
const IRREGULAR: [(&str, &str); 12] = [
    ("apices", "apex"),
    ("hila", "hilum"),
    ("vertebrae", "vertebra"),
    ("bullae", "bulla"),
    ("pleurae", "pleura"),
    ("scapulae", "scapula"),
    ("axillae", "axilla"),
    ("granulomata", "granuloma"),
    ("emboli", "embolus"),
    ("septa", "septum"),
    ("diverticula", "diverticulum"),
    ("humeri", "humerus"),
];

/// The comparable form of a text: words in lower case, singular, American spelling, without accents, one blank between.
///
/// ```
/// use knowmvg::knowledge::normalize;
/// assert_eq!(normalize("Ground-glass  OPACITIES"), normalize("ground glass opacity"));
/// assert_eq!(normalize("pulmonary oedema"), "pulmonary edema");
/// ```
pub fn normalize(text: &str) -> String {
    let words: Vec<String> = words(text).into_iter().map(|(_, word)| word).collect();
    words.join(" ")
}

/// Words of a text: their bytes and their comparable form.
pub(super) fn words(text: &str) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let mut start = None;
    for (i, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (is_word_char(c), start) {
            (true, None) => start = Some(i),
            (false, Some(from)) => {
                found.push((from..i, normalize_word(&text[from..i])));
                start = None;
            }
            _ => {}
        }
    }
    found
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || is_combining(c)
}

fn is_combining(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

fn normalize_word(word: &str) -> String {
    let mut folded = String::with_capacity(word.len());
    for c in word.chars().flat_map(char::to_lowercase).filter(|c| !is_combining(*c)) {
        push_without_accent(&mut folded, c);
    }
    for (from, to) in SPELLINGS {
        if folded.contains(from) {
            folded = folded.replace(from, to);
        }
    }
    singular(folded)
}

fn push_without_accent(out: &mut String, c: char) {
    match c {
        'à'..='å' => out.push('a'),
        'è'..='ë' => out.push('e'),
        'ì'..='ï' => out.push('i'),
        'ò'..='ö' | 'ø' => out.push('o'),
        'ù'..='ü' => out.push('u'),
        'ý' | 'ÿ' => out.push('y'),
        'ç' => out.push('c'),
        'ñ' => out.push('n'),
        'ß' => out.push_str("ss"),
        'æ' => out.push_str("ae"),
        'œ' => out.push_str("oe"),
        other => out.push(other),
    }
}

/// Removes a plural ending. Terms and texts go through it alike, so it has to be consistent rather than right.
fn singular(word: String) -> String {
    if let Some((_, one)) = IRREGULAR.iter().find(|(many, _)| *many == word) {
        return (*one).to_owned();
    }
    // Shorter words are mostly abbreviations, and words with other letters are of other languages.
    if word.len() < 4 || !word.is_ascii() {
        return word;
    }
    let cut = |letters: usize, ending: &str| format!("{}{ending}", &word[..word.len() - letters]);
    if word.ends_with("thoraces") {
        cut(4, "ax")
    } else if word.ends_with("tases") {
        cut(2, "is")
    } else if word.ends_with("ies") && word.len() > 4 {
        cut(3, "y")
    } else if ["sses", "shes", "ches", "xes"].iter().any(|ending| word.ends_with(ending)) {
        cut(2, "")
    } else if word.ends_with('s') && !["ss", "us", "is"].iter().any(|ending| word.ends_with(ending)) {
        cut(1, "")
    } else {
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_case_hyphen_accent_and_country_do_not_matter() {
        let same = [
            ("Pneumothoraces", "pneumothorax"),
            ("air-space opacities", "Air space opacity"),
            ("pulmonary oedema", "PULMONARY EDEMA"),
            ("metastases", "metastasis"),
            ("lung apices", "lung apex"),
            ("hæmothorax", "hemothorax"),
            ("épanchement", "e\u{301}panchement"),
            ("azygous", "azygos"),
        ];
        for (a, b) in same {
            assert_eq!(normalize(a), normalize(b), "{a}");
        }
    }

    #[test]
    fn normal_forms_are_stable() {
        for text in ["Ground-glass opacities", "silhouette", "hila", "s1+2", "Pleuraergüsse", "collapses"] {
            assert_eq!(normalize(&normalize(text)), normalize(text), "{text}");
        }
    }

    #[test]
    fn bytes_point_into_the_original() {
        let text = "Kleiner Erguß – re. apikal";
        let found: Vec<&str> = words(text).into_iter().map(|(range, _)| &text[range]).collect();
        assert_eq!(found, ["Kleiner", "Erguß", "re", "apikal"]);
    }
}

//! Words, numbers and the punctuation that matters, each with its bytes in the original text and one normal form.

use std::ops::Range;

/// What a token is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Word,
    Number,
    Punctuation,
}

/// One word, number or punctuation mark.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    /// Bytes of the original text.
    pub span: Range<usize>,
    /// Lower case, without accents, singular; the form that terms are compared in.
    pub norm: String,
    pub kind: TokenKind,
    /// Written in capitals only.
    pub is_upper: bool,
    /// The word was misspelt and `norm` is its correction.
    pub corrected: bool,
}

/// Punctuation that ends or structures a statement; all other marks only separate words.
const MARKS: [char; 14] = ['.', ',', ';', ':', '!', '?', '(', ')', '/', '>', '<', '=', '+', '×'];

/// Longest word whose letters are normalized; what is longer is no word, and is cut here to bound the work.
const MAX_WORD_BYTES: usize = 64;

/// All tokens of `text`, in order.
pub(crate) fn tokenize(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = 0;
    while let Some(first) = text[rest..].chars().next() {
        let end = match first {
            c if c.is_ascii_digit() => number_end(text, rest),
            c if is_letter(c) => word_end(text, rest),
            c => rest + c.len_utf8(),
        };
        tokens.extend(token(text, rest..end, first));
        rest = end;
    }
    tokens
}

fn token(text: &str, span: Range<usize>, first: char) -> Option<Token> {
    let (norm, kind) = match first {
        c if c.is_ascii_digit() => (text[span.clone()].replace(',', "."), TokenKind::Number),
        c if is_letter(c) => (normalize_word(&text[span.clone()]), TokenKind::Word),
        c if MARKS.contains(&c) => (c.to_string(), TokenKind::Punctuation),
        _ => return None,
    };
    let is_upper = !text[span.clone()].chars().any(char::is_lowercase);
    Some(Token { span, norm, kind, is_upper, corrected: false })
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() || is_combining(c)
}

fn is_combining(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

fn word_end(text: &str, start: usize) -> usize {
    let mut end = start;
    for c in text[start..].chars() {
        if !(is_letter(c) || c.is_ascii_digit()) || end - start >= MAX_WORD_BYTES {
            break;
        }
        end += c.len_utf8();
    }
    end
}

/// Digits with at most one decimal mark between digits, so that the full stop after `3 cm. ` stays a full stop.
fn number_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let digits_end = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = digits_end(start);
    let has_fraction =
        matches!(bytes.get(whole), Some(b'.' | b',')) && bytes.get(whole + 1).is_some_and(u8::is_ascii_digit);
    if has_fraction { digits_end(whole + 1) } else { whole }
}

/// Lower case, accents folded, British digraphs and plural endings removed.
pub(crate) fn normalize_word(word: &str) -> String {
    let mut folded = String::with_capacity(word.len());
    for c in word.chars().flat_map(char::to_lowercase) {
        fold_into(&mut folded, c);
    }
    singular(&folded.replace("haem", "hem").replace("oedem", "edem"))
}

fn fold_into(out: &mut String, c: char) {
    match c {
        'ä' | 'à' | 'á' | 'â' | 'ã' | 'å' => out.push('a'),
        'é' | 'è' | 'ê' | 'ë' => out.push('e'),
        'í' | 'ì' | 'î' | 'ï' => out.push('i'),
        'ö' | 'ò' | 'ó' | 'ô' | 'õ' | 'ø' => out.push('o'),
        'ü' | 'ù' | 'ú' | 'û' => out.push('u'),
        'ç' => out.push('c'),
        'ñ' => out.push('n'),
        'ß' => out.push_str("ss"),
        'æ' => out.push_str("ae"),
        'œ' => out.push_str("oe"),
        'ﬁ' => out.push_str("fi"),
        'ﬂ' => out.push_str("fl"),
        'ﬀ' => out.push_str("ff"),
        c if is_combining(c) => {}
        c => out.push(c),
    }
}

/// Plural endings of English and of medical Latin. Applied to terms and texts alike, so it need not be right, only equal.
fn singular(word: &str) -> String {
    let replace = |cut: usize, ending: &str| format!("{}{ending}", &word[..word.len() - cut]);
    if word.len() <= 3 || !word.is_ascii() {
        return word.to_owned();
    }
    match word {
        w if w.ends_with("thoraces") => replace(4, "ax"),
        "apices" => "apex".to_owned(),
        w if w.ends_with("tases") => replace(2, "is"),
        w if w.ends_with("ies") && w.len() > 4 => replace(3, "y"),
        w if ["sses", "shes", "ches", "xes"].iter().any(|e| w.ends_with(e)) => replace(2, ""),
        w if w.ends_with("ae") && w.len() > 4 => replace(1, ""),
        w if ["ss", "us", "is"].iter().any(|e| w.ends_with(e)) => w.to_owned(),
        w if w.ends_with('s') => replace(1, ""),
        w => w.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norms(text: &str) -> Vec<String> {
        tokenize(text).into_iter().map(|t| t.norm).collect()
    }

    #[test]
    fn plurals_and_accents_share_one_form() {
        assert_eq!(
            norms("Pneumothoraces opacities masses bullae atelectases"),
            ["pneumothorax", "opacity", "mass", "bulla", "atelectasis"]
        );
        assert_eq!(norms("Pleuraergüsse"), norms("pleuraergusse"));
        assert_eq!(norms("hæmothorax oedema"), ["hemothorax", "edema"]);
    }

    #[test]
    fn decimals_stay_whole_and_full_stops_stay_marks() {
        assert_eq!(norms("3.5 cm. 2,1 x 4."), ["3.5", "cm", ".", "2.1", "x", "4", "."]);
    }

    #[test]
    fn spans_point_into_the_original() {
        let text = "kleiner Erguß – re. apikal";
        for token in tokenize(text) {
            assert!(text.get(token.span.clone()).is_some_and(|t| !t.is_empty()));
        }
    }

    #[test]
    fn endless_words_are_cut() {
        assert!(tokenize(&"é".repeat(10_000)).iter().all(|t| t.span.len() <= MAX_WORD_BYTES + 4));
    }
}

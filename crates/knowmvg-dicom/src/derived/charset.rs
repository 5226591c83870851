//! [`Charset`]: the bytes of a text value → Unicode.
//!
//! Derived objects are written in UTF-8 (ISO_IR 192), since they hold phrases in any language, so what they repeat of the
//! image has to be read exactly: a wrong letter in a name is a wrong patient.

use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

use crate::error::Error;

const ESCAPE: u8 = 0x1b;

/// Specific Character Set (0008,0005) of a data set.
///
/// # Source
/// PS3.3 §C.12.1.1.2, PS3.5 §6.1.2.
///
/// # Departures
/// Where none or ASCII is stated, Latin-1 is read: the standard allows ASCII only, and such files hold Latin-1 if anything.
pub(super) struct Charset {
    first: SpecificCharacterSet,
}

impl Charset {
    /// From the value of the attribute, `None` if there is none.
    ///
    /// # Errors
    /// When it is not one that is supported.
    pub fn new(stated: Option<&str>) -> Result<Self, Error> {
        // An empty first value means ASCII, with escapes to the others.
        let first = stated.and_then(|value| value.split('\\').next()).map_or("ISO_IR 100", str::trim);
        let first = if first.is_empty() { "ISO_IR 6" } else { first };
        let first = SpecificCharacterSet::from_code(first).ok_or_else(unsupported)?;
        Ok(Self { first })
    }

    /// The text without its padding.
    ///
    /// # Errors
    /// When the bytes are not text in this character set.
    pub fn decode(&self, bytes: &[u8]) -> Result<String, Error> {
        let mut text = String::new();
        for (index, part) in bytes.split(|&byte| byte == ESCAPE).enumerate() {
            text += &if index == 0 { decode(&self.first, part)? } else { self.escaped(part)? };
        }
        Ok(text.trim_end_matches(['\0', ' ']).to_owned())
    }

    /// What follows an escape character: its sequence, which says how to read the rest up to the next one.
    ///
    /// A delimiter such as `^` ends the effect, and what follows it is ASCII until the next escape, which every supported set
    /// but the Japanese kanji reads as itself; and kanji are left by an escape before any delimiter (PS3.5 §6.1.2.5.3).
    fn escaped(&self, part: &[u8]) -> Result<String, Error> {
        let found = ESCAPES.iter().find_map(|(sequence, code)| Some((part.strip_prefix(*sequence)?, *code, *sequence)));
        let (rest, code, sequence) = found.ok_or_else(unsupported)?;
        let codec = SpecificCharacterSet::from_code(code).ok_or_else(unsupported)?;
        if code == "ISO_IR 87" {
            // This codec wants the escape sequence itself.
            let whole = [&[ESCAPE], sequence, rest].concat();
            return decode(&codec, &whole);
        }
        decode(&codec, rest)
    }
}

/// PS3.3 §C.12.1.1.2, tables C.12-3 and C.12-4: what follows the escape character, and the set that it begins.
const ESCAPES: [(&[u8], &str); 15] = [
    (b"(B", "ISO_IR 6"),
    (b"(J", "ISO_IR 6"),
    (b")I", "ISO_IR 13"),
    (b"$B", "ISO_IR 87"),
    (b"$)C", "ISO_IR 149"),
    (b"$)A", "GBK"),
    (b"-A", "ISO_IR 100"),
    (b"-B", "ISO_IR 101"),
    (b"-C", "ISO_IR 109"),
    (b"-D", "ISO_IR 110"),
    (b"-L", "ISO_IR 144"),
    (b"-G", "ISO_IR 127"),
    (b"-F", "ISO_IR 126"),
    (b"-H", "ISO_IR 138"),
    (b"-T", "ISO_IR 166"),
];

fn decode(codec: &SpecificCharacterSet, bytes: &[u8]) -> Result<String, Error> {
    let text = codec.decode(bytes).map_err(|_| undecodable())?;
    // The codec writes what it cannot read as an octal number behind a backslash.
    let backslashes = |found: usize| found > bytes.iter().filter(|&&byte| byte == b'\\').count();
    if backslashes(text.matches('\\').count()) || text.contains('\u{fffd}') {
        return Err(undecodable());
    }
    Ok(text)
}

fn unsupported() -> Error {
    let found = "one that is not read here".to_owned();
    Error::Invalid { name: "Specific Character Set", expected: "of a set that is supported", found }
}

fn undecodable() -> Error {
    let found = "other bytes".to_owned();
    Error::Invalid { name: "a text value", expected: "in the Specific Character Set that the file states", found }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(stated: Option<&str>, bytes: &[u8]) -> Result<String, Error> {
        Charset::new(stated)?.decode(bytes)
    }

    #[test]
    fn the_names_of_the_standard() {
        // PS3.5 annexes H.3.1, I.2, J.1, K.2.
        let japanese = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B";
        assert_eq!(decoded(Some("\\ISO 2022 IR 87"), japanese).unwrap(), "Yamada^Tarou=山田^太郎=やまだ^たろう");
        let korean = b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf";
        assert_eq!(decoded(Some("\\ISO 2022 IR 149"), korean).unwrap(), "Hong^Gildong=洪^吉洞=홍^길동");
        let chinese = "Wang^XiaoDong=王^小東";
        assert_eq!(decoded(Some("ISO_IR 192"), chinese.as_bytes()).unwrap(), chinese);
        assert_eq!(decoded(Some("ISO_IR 100"), b"Buc^J\xe9r\xf4me ").unwrap(), "Buc^Jérôme");
        assert_eq!(decoded(Some("ISO_IR 144"), b"\xbb\xee\xdace\xdcb\xe3p\xd3").unwrap(), "Люкceмbуpг");
    }

    #[test]
    fn files_without_a_character_set_are_latin() {
        assert_eq!(decoded(None, b"M\xfcller^Eva\0").unwrap(), "Müller^Eva");
        assert_eq!(decoded(Some("ISO_IR 6"), b"M\xfcller").unwrap(), "Müller");
        assert_eq!(decoded(Some(""), b"A\\B ").unwrap(), "A\\B");
    }

    #[test]
    fn what_cannot_be_read_exactly_is_an_error_that_quotes_nothing() {
        let wrong: [(&str, &[u8]); 4] = [
            ("ISO_IR 192", b"CANARY \xff"),
            ("CANARY", b"x"),
            ("ISO 2022 IR 6", b"CANARY\x1b$(Dxx"),
            ("ISO 2022 IR 6", b"\x1bCANARY"),
        ];
        for (stated, bytes) in wrong {
            let error = decoded(Some(stated), bytes).unwrap_err().to_string();
            assert!(!error.contains("CANARY"), "{error}");
        }
    }
}

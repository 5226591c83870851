//! [`Key`]: what makes replacements the same in every file, and unpredictable for everybody else.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::derived::uuid_v8;

/// Fewest bytes of a key: those of the hash, below which it would be weaker than the hash (RFC 2104 §3).
pub const MIN_KEY_BYTES: usize = 32;

/// Most bytes of a key; more would be hashed to fewer.
const MAX_KEY_BYTES: usize = 64;

/// Most days that dates are shifted back.
///
/// # Units
/// Days: some ten years.
const MAX_DAYS: u64 = 3_650;

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Something else than hexadecimal digits.
    #[error("expected a key of hexadecimal digits in pairs, found other characters")]
    NotHexadecimal,
    /// Too few or too many of them.
    #[error("expected a key of 64 to 128 hexadecimal digits, found {digits}")]
    Length {
        /// How many there are.
        digits: usize,
    },
    /// All digits alike, as nobody's random source makes them.
    #[error("expected a random key, found one digit again and again")]
    NotRandom,
}

/// A secret that replacements are derived from; its `Debug` shows nothing.
///
/// Two files that are de-identified with one key stay in one study, and whoever has the key and a guess can check that guess. Who
/// must not be able to relate anything destroys the key afterwards.
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl Key {
    /// From hexadecimal digits, as `openssl rand -hex 32` prints them.
    ///
    /// # Errors
    /// When there are fewer than 64 digits or more than 128, or other characters than digits and white space around them.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let digits = text.trim().as_bytes();
        let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8).ok_or(KeyError::NotHexadecimal);
        let values: Vec<u8> = digits.iter().map(digit).collect::<Result<_, _>>()?;
        if !(2 * MIN_KEY_BYTES..=2 * MAX_KEY_BYTES).contains(&values.len()) {
            return Err(KeyError::Length { digits: values.len() });
        }
        if !values.len().is_multiple_of(2) {
            return Err(KeyError::NotHexadecimal);
        }
        if values.iter().all(|value| *value == values[0]) {
            return Err(KeyError::NotRandom);
        }
        Ok(Self(values.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()))
    }

    /// The UID that stands for another one: below 2.25, a UUID of version 8 from a keyed hash.
    ///
    /// # Source
    /// PS3.5 §B.2; RFC 9562 §5.8; RFC 2104 with SHA-256.
    pub(super) fn uid(&self, uid: &str) -> String {
        let hash = self.hash("uid", uid);
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&hash[..16]);
        format!("2.25.{}", u128::from_be_bytes(uuid_v8(uuid)))
    }

    /// A word that stands for a text of some kind.
    pub(super) fn pseudonym(&self, kind: &str, text: &str) -> String {
        self.hash(kind, text)[..8].iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// By how many days the dates of a subject are shifted back, 1 to [`MAX_DAYS`].
    pub(super) fn days(&self, subject: &str) -> u64 {
        let hash = self.hash("days", subject);
        let number = hash[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        1 + number % MAX_DAYS
    }

    /// The kind ends with a byte that no kind has, so that no two of kind and text make the same message.
    fn hash(&self, kind: &str, text: &str) -> [u8; 32] {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.chain_update(kind).chain_update([0]).chain_update(text).finalize().into_bytes().into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(pair: &str) -> Key {
        Key::from_hex(&format!("01{}", pair.repeat(31))).unwrap()
    }

    #[test]
    fn replacements_follow_from_key_and_value() {
        assert_eq!(key("ab").uid("1.2.3"), key("AB").uid("1.2.3"));
        assert_ne!(key("ab").uid("1.2.3"), key("ac").uid("1.2.3"));
        assert_ne!(key("ab").uid("1.2.3"), key("ab").uid("1.2.4"));
        assert_ne!(key("ab").pseudonym("a", "b"), key("ab").pseudonym("ab", ""));
        assert_eq!(key("ab").pseudonym("patient", "4711").len(), 16);
    }

    #[test]
    fn uids_are_those_of_uuids_of_version_8() {
        for seed in 0..200 {
            let uid = key("5e").uid(&format!("1.2.{seed}"));
            let number: u128 = uid.strip_prefix("2.25.").unwrap().parse().unwrap();
            assert!(crate::is_uid(&uid) && uid.len() <= 44);
            assert_eq!((number >> 76 & 0xf, number >> 62 & 0b11), (8, 0b10), "{uid}");
        }
    }

    #[test]
    fn days_spread_over_the_whole_range() {
        let days: Vec<u64> = (0..400).map(|patient| key("c3").days(&patient.to_string())).collect();
        assert!(days.iter().all(|days| (1..=MAX_DAYS).contains(days)));
        let [least, most] = [days.iter().min(), days.iter().max()].map(|days| *days.unwrap());
        assert!(least < 100 && most > MAX_DAYS - 100, "{least} {most}");
    }

    #[test]
    fn a_short_or_careless_key_is_refused() {
        let refused = |text: &str| Key::from_hex(text).unwrap_err();
        assert_eq!(refused(&"ab".repeat(31)), KeyError::Length { digits: 62 });
        assert_eq!(refused(&"ab".repeat(65)), KeyError::Length { digits: 130 });
        assert_eq!(refused(""), KeyError::Length { digits: 0 });
        assert_eq!(refused(&"0".repeat(64)), KeyError::NotRandom);
        assert_eq!(refused(&"é".repeat(64)), KeyError::NotHexadecimal);
        assert_eq!(refused(&"ab1".repeat(23)), KeyError::NotHexadecimal);
        assert!(Key::from_hex(&format!(" {}\n", "ab".repeat(32))).is_ok());
        assert_eq!(format!("{:?}", key("ab")), "Key { .. }");
    }
}

//! UIDs that follow from what they name, so that the same input gives the same file.

use sha2::{Digest, Sha256};

/// A UID below 2.25, from everything that makes the thing what it is.
///
/// # Source
/// PS3.5 §B.2 (UUIDs as UIDs).
pub(super) fn of(parts: &[&str]) -> String {
    format!("2.25.{}", u128::from_be_bytes(name_based_uuid("knowmvg-dicom", parts)))
}

/// A UUID of version 8 from everything that makes a thing what it is, and the domain that the name is of.
///
/// The parts are hashed with their lengths, so that `["ab", "c"]` and `["a", "bc"]` differ.
///
/// # Source
/// RFC 9562 §5.8: the bits are a hash of our choice, here SHA-256.
pub fn name_based_uuid(domain: &str, parts: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new_with_prefix(domain);
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&digest[..16]);
    uuid_v8(uuid)
}

/// Random-looking bits as a UUID of version 8 (RFC 9562 §5.8).
pub(crate) fn uuid_v8(mut bits: [u8; 16]) -> [u8; 16] {
    bits[6] = bits[6] & 0x0f | 0x80;
    bits[8] = bits[8] & 0x3f | 0x80;
    bits
}

/// A UID as files hold it: at most 64 digits and full stops (PS3.5 §9.1).
pub fn is_uid(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_ascii_digit() || c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_parts_give_the_same_uid_and_others_another() {
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["a"]), of(&["a", ""]));
    }

    #[test]
    fn it_is_a_uid_of_a_uuid_of_version_8() {
        for seed in 0..200 {
            let uid = of(&[&seed.to_string()]);
            let number: u128 = uid.strip_prefix("2.25.").unwrap().parse().unwrap();
            assert!(is_uid(&uid) && uid.len() <= 44);
            assert_eq!((number >> 76 & 0xf, number >> 62 & 0b11), (8, 0b10), "{uid}");
        }
    }
}

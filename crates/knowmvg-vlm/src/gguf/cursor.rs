use super::error::GgufError;

/// Longest string, e.g. a chat template.
const MAX_STRING: u64 = 1 << 20;

/// Reads little-endian numbers, one after the other.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn take(&mut self, wanted: u64) -> Result<&'a [u8], GgufError> {
        let rest = &self.bytes[self.at..];
        let found = usize::try_from(wanted).ok().and_then(|len| rest.get(..len));
        let found = found.ok_or(GgufError::Truncated { at: self.at, wanted, left: rest.len() })?;
        self.at += found.len();
        Ok(found)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64)?);
        Ok(array)
    }

    pub(super) fn u32(&mut self) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A count that must not exceed a limit.
    pub(super) fn count(&mut self, what: &'static str, most: u64) -> Result<u64, GgufError> {
        let found = self.u64()?;
        if found > most { Err(GgufError::TooMany { what, most, found }) } else { Ok(found) }
    }

    pub(super) fn string(&mut self) -> Result<&'a str, GgufError> {
        let length = self.count("bytes of a string", MAX_STRING)?;
        let at = self.at;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| GgufError::Format(format!("the string at byte {at} is not UTF-8")))
    }
}

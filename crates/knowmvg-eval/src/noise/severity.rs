//! How strongly a report is damaged.

use serde::{Deserialize, Serialize};

/// A strength of damage from 0 (the text stays as it is) to 4.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Severity(u8);

/// A number that is no severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a severity from 0 to 4, found {0}")]
pub struct SeverityError(u8);

impl Severity {
    /// Largest severity.
    pub const MAX: u8 = 4;
    /// Every severity in ascending order.
    pub const ALL: [Self; 5] = [Self(0), Self(1), Self(2), Self(3), Self(4)];

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }

    /// The entry of a table with one entry per severity.
    pub(super) fn pick<T: Copy>(self, table: [T; 5]) -> T {
        table[usize::from(self.0)]
    }

    /// The part of `total` that this severity stands for: none, a quarter, half, three quarters, all; rounded up.
    pub(super) fn share_of(self, total: usize) -> usize {
        (total * usize::from(self.0)).div_ceil(usize::from(Self::MAX))
    }
}

impl TryFrom<u8> for Severity {
    type Error = SeverityError;

    fn try_from(value: u8) -> Result<Self, SeverityError> {
        if value <= Self::MAX { Ok(Self(value)) } else { Err(SeverityError(value)) }
    }
}

impl From<Severity> for u8 {
    fn from(severity: Severity) -> Self {
        severity.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_is_no_severity() {
        assert_eq!(Severity::try_from(5).unwrap_err().to_string(), "expected a severity from 0 to 4, found 5");
        assert!(serde_json::from_str::<Severity>("5").is_err());
        assert_eq!(serde_json::from_str::<Severity>("4").unwrap(), Severity::ALL[4]);
    }

    #[test]
    fn shares_are_rounded_up_and_end_at_all() {
        let shares = |total| Severity::ALL.map(|s| s.share_of(total));
        assert_eq!(shares(1), [0, 1, 1, 1, 1]);
        assert_eq!(shares(8), [0, 2, 4, 6, 8]);
    }
}

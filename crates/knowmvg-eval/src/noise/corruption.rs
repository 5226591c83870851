//! The kinds of damage.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Report, Severity};
use super::{all, boilerplate, distractor, location, measurement, negation, style, typo, wrong_side};

/// One kind of damage to a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Corruption {
    /// Sentences about other findings, on the image or invented.
    Distractors,
    /// Sentences that deny other findings.
    Negations,
    /// Left and right swapped in the sentences about the target.
    WrongSide,
    /// Words for places left out of the sentences about the target.
    DeletedLocation,
    /// Sizes and ratios that nobody measured.
    Measurements,
    /// Technique, history and recommendations.
    Boilerplate,
    /// Misspelt words, none of which becomes another finding.
    Typos,
    /// Abbreviations, telegraphic and passive sentences, capitals.
    Style,
    /// The others one after the other.
    All,
}

impl Corruption {
    /// Every kind, the mixture last.
    pub const EVERY: [Self; 9] = [
        Self::Distractors,
        Self::Negations,
        Self::WrongSide,
        Self::DeletedLocation,
        Self::Measurements,
        Self::Boilerplate,
        Self::Typos,
        Self::Style,
        Self::All,
    ];

    /// As on the command line and in files, e.g. `wrong-side`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Distractors => "distractors",
            Self::Negations => "negations",
            Self::WrongSide => "wrong-side",
            Self::DeletedLocation => "deleted-location",
            Self::Measurements => "measurements",
            Self::Boilerplate => "boilerplate",
            Self::Typos => "typos",
            Self::Style => "style",
            Self::All => "all",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|kind| kind.name() == name)
    }

    /// The level of items with this damage, e.g. `noise-typos-2`; [`Self::from_level`] reads it.
    pub fn level(self, severity: Severity) -> String {
        format!("noise-{}-{}", self.name(), severity.get())
    }

    /// The damage that a level of items names.
    pub fn from_level(level: &str) -> Option<(Self, Severity)> {
        let (name, severity) = level.strip_prefix("noise-")?.rsplit_once('-')?;
        let severity = severity.parse::<u8>().ok()?.try_into().ok()?;
        Some((Self::from_name(name)?, severity))
    }

    /// The damaged report. Severity 0 changes nothing; with a generator in the same state, a higher severity makes at least
    /// as many changes as a lower one.
    ///
    /// The generator's type is fixed because a seed would mean other texts with another.
    pub fn apply(self, report: &Report, severity: Severity, generator: &mut ChaCha8Rng) -> Report {
        let mut report = report.clone();
        if severity.get() > 0 {
            self.damage(&mut report, severity, generator);
        }
        report
    }

    fn damage(self, report: &mut Report, severity: Severity, generator: &mut ChaCha8Rng) {
        match self {
            Self::Distractors => distractor::add(report, severity, generator),
            Self::Negations => negation::add(report, severity, generator),
            Self::WrongSide => wrong_side::swap(report, severity, generator),
            Self::DeletedLocation => location::delete(report, severity, generator),
            Self::Measurements => measurement::add(report, severity, generator),
            Self::Boilerplate => boilerplate::add(report, severity, generator),
            Self::Typos => typo::misspell(report, severity, generator),
            Self::Style => style::restyle(report, severity, generator),
            Self::All => all::damage(report, severity, generator),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_back() {
        for kind in Corruption::EVERY {
            for severity in Severity::ALL {
                assert_eq!(Corruption::from_level(&kind.level(severity)), Some((kind, severity)));
            }
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.name()));
        }
        assert_eq!(Corruption::from_level("noise-typos-9"), None);
        assert_eq!(Corruption::from_level("zone"), None);
    }
}

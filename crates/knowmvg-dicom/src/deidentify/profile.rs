//! [`Profile`]: which options are used with the Basic Profile.

/// An option of the Basic Application Level Confidentiality Profile.
///
/// # Source
/// PS3.15 §E.3; names and codes are those of PS3.16 CID 7050.
///
/// # Incomplete
/// Clean Pixel Data, Clean Recognizable Visual Features, Clean Graphics, Retain Safe Private, Retain Institution Identity and Full
/// Dates are not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProfileOption {
    /// Keeps of a content tree what is coded, measured or drawn, and of its words those that this program knows to be its own.
    CleanStructuredContent,
    /// Keeps of descriptions the words of a closed list.
    CleanDescriptors,
    /// Shifts dates, by the same number of days for all that is of one patient.
    RetainModifiedDates,
    /// Keeps sex, age, size, weight and the like.
    RetainPatientCharacteristics,
    /// Keeps what tells one device from another.
    RetainDeviceIdentity,
    /// Keeps UIDs; whoever has the original finds it.
    RetainUids,
}

impl ProfileOption {
    /// All that are offered.
    pub const ALL: [Self; 6] = [
        Self::CleanStructuredContent,
        Self::CleanDescriptors,
        Self::RetainModifiedDates,
        Self::RetainPatientCharacteristics,
        Self::RetainDeviceIdentity,
        Self::RetainUids,
    ];

    /// Its name on the command line and in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::CleanStructuredContent => "clean-structured-content",
            Self::CleanDescriptors => "clean-descriptors",
            Self::RetainModifiedDates => "retain-modified-dates",
            Self::RetainPatientCharacteristics => "retain-patient-characteristics",
            Self::RetainDeviceIdentity => "retain-device-identity",
            Self::RetainUids => "retain-uids",
        }
    }

    /// The option of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|option| option.name() == name)
    }

    /// Its code in CID 7050.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::CleanStructuredContent => "113104",
            Self::CleanDescriptors => "113105",
            Self::RetainModifiedDates => "113107",
            Self::RetainPatientCharacteristics => "113108",
            Self::RetainDeviceIdentity => "113109",
            Self::RetainUids => "113110",
        }
    }
}

/// What is done with an image whose file says that identifying text is part of its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BurnedIn {
    /// It is refused.
    #[default]
    Refuse,
    /// Its pixels go through as they are: somebody has looked at them.
    Allow,
}

/// The Basic Profile with options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    options: Vec<ProfileOption>,
    /// What is done with text in pixels.
    pub burned_in: BurnedIn,
}

impl Profile {
    /// With options, in any order; one that is given twice counts once.
    pub fn new(options: impl IntoIterator<Item = ProfileOption>, burned_in: BurnedIn) -> Self {
        let mut options: Vec<ProfileOption> = options.into_iter().collect();
        options.sort_unstable();
        options.dedup();
        Self { options, burned_in }
    }

    /// The same with one more option.
    pub fn and(self, option: ProfileOption) -> Self {
        Self::new(self.options.into_iter().chain([option]), self.burned_in)
    }

    /// Whether an option is used.
    pub fn has(&self, option: ProfileOption) -> bool {
        self.options.contains(&option)
    }

    /// The options that are used, each once.
    pub fn options(&self) -> &[ProfileOption] {
        &self.options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_options() {
        for option in ProfileOption::ALL {
            assert_eq!(ProfileOption::named(option.name()), Some(option));
        }
        assert_eq!(ProfileOption::named("clean-pixel-data"), None);
    }

    #[test]
    fn an_option_counts_once() {
        let uids = ProfileOption::RetainUids;
        let profile = Profile::new([uids, uids], BurnedIn::Refuse).and(uids);
        assert_eq!(profile.options(), [uids]);
    }
}

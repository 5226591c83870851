//! The arguments of `knowmvg deidentify`, and those by which `knowmvg ground` and `knowmvg serve` do the same.

use std::path::PathBuf;

use clap::ValueEnum;
use knowmvg_dicom::deidentify::ProfileOption;

const HELP: &str = "\
Examples:
  knowmvg deidentify chest.dcm --out outgoing --key key --new-key
  knowmvg deidentify studies/ --out outgoing --key key --retain-modified-dates --clean-descriptors
  openssl rand -hex 32 > key

Applies the Basic Application Level Confidentiality Profile of DICOM PS3.15 at every depth of a file:
names, numbers, dates, free text, private elements, curves and overlays go; UIDs and the patient's
name and id are replaced, the same by the same in all files of one key. Pixels stay bit for bit. New
files are named after their new SOP Instance UID; none is overwritten. In folders, what is not DICOM
is passed over.

What it does NOT do:
  text in the pixels is not looked for: files that say they have some are refused, and others may
    have some all the same
  faces and other features that somebody may be recognized by stay
  text that compressed pixels carry in comments of their own stays
  nobody has certified it: who passes data on has to look at it, and to weigh what may be found out

Keep the key as secret as the files: with it, a guess about a patient can be checked.
docs/deidentify.md says more.";

/// `knowmvg deidentify`
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct DeidentifyArgs {
    /// DICOM files, and folders of them
    #[arg(value_name = "FILE|FOLDER", required = true)]
    pub inputs: Vec<PathBuf>,
    /// Folder for the new files; made if absent
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// File with the key: 64 to 128 hexadecimal digits
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Make the key first; its file must not exist yet
    #[arg(long)]
    pub new_key: bool,
    /// Keep what is coded, measured and drawn in reports, without their words
    #[arg(long)]
    pub clean_structured_content: bool,
    /// Keep the words of descriptions that are in a closed list, like CHEST and PA
    #[arg(long)]
    pub clean_descriptors: bool,
    /// Keep dates, all of a patient moved back by as many days
    #[arg(long)]
    pub retain_modified_dates: bool,
    /// Keep sex, age (up to 89 years), size, weight and the like
    #[arg(long)]
    pub retain_patient_characteristics: bool,
    /// Keep what tells one device from another
    #[arg(long)]
    pub retain_device_identity: bool,
    /// Keep UIDs, by which whoever has the originals finds them
    #[arg(long)]
    pub retain_uids: bool,
    /// Take files that say there is identifying text in their pixels
    #[arg(long)]
    pub allow_burned_in: bool,
    /// Print JSON, with the new name of each file
    #[arg(long)]
    pub json: bool,
}

impl DeidentifyArgs {
    /// The options that were asked for.
    pub fn options(&self) -> Vec<ProfileOption> {
        let asked = [
            (self.clean_structured_content, ProfileOption::CleanStructuredContent),
            (self.clean_descriptors, ProfileOption::CleanDescriptors),
            (self.retain_modified_dates, ProfileOption::RetainModifiedDates),
            (self.retain_patient_characteristics, ProfileOption::RetainPatientCharacteristics),
            (self.retain_device_identity, ProfileOption::RetainDeviceIdentity),
            (self.retain_uids, ProfileOption::RetainUids),
        ];
        asked.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, option)| option).collect()
    }
}

/// De-identification of what `knowmvg ground` writes and `knowmvg serve` answers.
#[derive(Debug, Default, clap::Args)]
pub struct ResultDeidentifyArgs {
    /// Take the patient out of every result, whatever its form, and the report's own words
    #[arg(long, requires = "key")]
    pub deidentify: bool,
    /// File with the key of --deidentify; `knowmvg deidentify --help` says more
    #[arg(long, value_name = "FILE", requires = "deidentify")]
    pub key: Option<PathBuf>,
    /// Option of the profile, with --deidentify; may be given several times
    #[arg(long, value_name = "OPTION", requires = "deidentify")]
    pub deidentify_option: Vec<DeidentifyOption>,
    /// Take an image that says there is identifying text in its pixels, which stays there
    #[arg(long, requires = "deidentify")]
    pub allow_burned_in: bool,
}

/// Options that change what is derived from an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DeidentifyOption {
    /// Keep dates, shifted back
    RetainModifiedDates,
    /// Keep sex and age (up to 89 years)
    RetainPatientCharacteristics,
    /// Keep UIDs
    RetainUids,
    /// Keep of descriptions the words of a closed list
    CleanDescriptors,
}

impl From<DeidentifyOption> for ProfileOption {
    fn from(option: DeidentifyOption) -> Self {
        match option {
            DeidentifyOption::RetainModifiedDates => Self::RetainModifiedDates,
            DeidentifyOption::RetainPatientCharacteristics => Self::RetainPatientCharacteristics,
            DeidentifyOption::RetainUids => Self::RetainUids,
            DeidentifyOption::CleanDescriptors => Self::CleanDescriptors,
        }
    }
}

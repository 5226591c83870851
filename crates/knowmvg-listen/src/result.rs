//! A grounding as the object that leaves.

use chrono::DateTime;
use knowmvg::grounding::Grounding;
use knowmvg_dicom::{ContentTime, Identifiers, Source, WriteError, sr};

/// A file and whom it is of.
pub(crate) struct ResultFile {
    /// Of the result itself.
    pub identifiers: Identifiers,
    /// The object as a file.
    pub file: Vec<u8>,
}

/// Writes a grounding as a structured report, said to be made at a time; `None` if it shows nothing.
///
/// # Units
/// `time`: seconds since 1970 in UTC.
///
/// # Errors
/// Why it can't be written, in words that quote nothing.
pub(crate) fn write(source: &Source, grounding: &Grounding, time: i64) -> Result<Option<ResultFile>, String> {
    let moment = DateTime::from_timestamp(time, 0).unwrap_or_default();
    let time = ContentTime::parse(&moment.to_rfc3339()).ok_or("the clock is out of range")?;
    let options = sr::Options { class: sr::Class::default(), time };
    let file = match sr::write(source, grounding, &options) {
        Ok(file) => file,
        Err(WriteError::NoBoxes) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let identifiers = Identifiers::read(&file).map_err(|error| error.to_string())?;
    Ok(Some(ResultFile { identifiers, file }))
}

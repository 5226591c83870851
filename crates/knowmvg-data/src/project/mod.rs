//! What a format can hold of a data set: writing it and reading it back gives exactly the projected one.

mod entry;
mod holds;
mod loss;

use std::collections::HashMap;
use std::path::PathBuf;

pub use holds::{Annotated, Holds, Names, Sizes};
pub use loss::{Loss, LossKind};

use crate::dataset::{Dataset, ImageEntry};
use crate::error::DataError;
use crate::format::Format;
use crate::name;
use crate::read::Builder;
use loss::Losses;

/// The part of the data set that the format holds, and what it does not.
///
/// Entries of one image become one where the format names images by their files. Folder formats list their images in the
/// order of their paths. Boxes stay what they are up to rounding in the last digits.
///
/// # Errors
/// When the format can only be read, when it needs image sizes that are not known, or when two images would get one name.
pub fn project(dataset: &Dataset, format: Format) -> Result<(Dataset, Vec<Loss>), DataError> {
    let holds = Holds::of(format).ok_or_else(|| unwritable(format, "can only be read"))?;
    let mut losses = Losses::default();
    let mut builder = Builder::default();
    let mut files: HashMap<String, Option<String>> = HashMap::new();
    for entry in &dataset.images {
        let (mut entry, original_file) = (entry::project(entry, format, &holds, &mut losses)?, entry.file.clone());
        if !holds.empty_images && entry.targets.is_empty() {
            losses.add(LossKind::ImagesWithoutBox);
            continue;
        }
        let targets = std::mem::take(&mut entry.targets);
        let (key, size) = (entry.id.clone(), entry.size);
        if builder.has(&key) {
            losses.add(LossKind::EntriesMerged);
            check_same(format, files.get(&key).unwrap_or(&None), &original_file)?;
        }
        files.entry(key.clone()).or_insert(original_file);
        let image = builder.find_or_add(&key, || entry);
        if builder.entry(image).size != size {
            return Err(unwritable(
                format,
                "needs one size of every image, and entries of one image have different ones",
            ));
        }
        targets.into_iter().for_each(|target| builder.add(image, target));
    }
    let mut projected = builder.finish();
    if let Some(ending) = holds.file_ending {
        projected.images.sort_by_key(|entry| written_path(entry, ending));
    }
    Ok((projected, losses.list()))
}

/// Entries that share a name must be of one image.
fn check_same(format: Format, first: &Option<String>, second: &Option<String>) -> Result<(), DataError> {
    let problem = "needs image names that differ in more than their ending, and two images share one";
    if first == second { Ok(()) } else { Err(unwritable(format, problem)) }
}

/// Where the file of an entry lies below the folder.
pub(crate) fn written_path(entry: &ImageEntry, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", name::without_extension(&entry.id)))
}

pub(crate) fn unwritable(format: Format, problem: impl Into<String>) -> DataError {
    DataError::Unwritable { format: format.name(), problem: problem.into() }
}

//! What file names tell: the image, the patient, the split.

use std::path::{Component, Path, PathBuf};

/// The path as a relative one that leads down only: the path itself, or its last part.
pub(crate) fn portable(path: &str) -> Option<PathBuf> {
    let path = path.replace('\\', "/");
    let as_path = Path::new(&path);
    if as_path.components().all(|part| matches!(part, Component::Normal(_))) && !path.is_empty() {
        return Some(as_path.components().collect());
    }
    as_path.file_name().map(PathBuf::from)
}

/// The last part of a path, without its extension.
pub(crate) fn stem(path: &str) -> &str {
    let last = path.rsplit(['/', '\\']).next().unwrap_or(path);
    match last.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && is_image_extension(extension) => stem,
        _ => last,
    }
}

/// The path without the extension of an image.
pub(crate) fn without_extension(path: &str) -> &str {
    match path.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && is_image_extension(extension) => stem,
        _ => path,
    }
}

fn is_image_extension(text: &str) -> bool {
    ["png", "jpg", "jpeg", "dcm", "dicom", "tif", "tiff", "bmp", "webp"].contains(&text.to_ascii_lowercase().as_str())
}

/// Whether this names an image of NIH ChestX-ray14: eight digits of the patient, three of the image.
pub(crate) fn is_nih(path: &str) -> bool {
    nih_patient(path).is_some()
}

/// The patient of an image of NIH ChestX-ray14.
///
/// # Source
/// Wang et al., CVPR 2017: files are `<patient>_<follow-up>.png`.
pub(crate) fn nih_patient(path: &str) -> Option<String> {
    let (patient, image) = stem(path).split_once('_')?;
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    (digits(patient, 8) && digits(image, 3)).then(|| format!("nih:{patient}"))
}

/// The patient of an image of MIMIC-CXR, whose folders are `p10/p10000032/s50414267`.
///
/// # Source
/// Johnson et al., MIMIC-CXR 2.0.0, <https://physionet.org/content/mimic-cxr/2.0.0/>.
pub(crate) fn mimic_patient(path: &str) -> Option<String> {
    let is_patient =
        |part: &&str| part.len() == 9 && part.starts_with('p') && part[1..].bytes().all(|b| b.is_ascii_digit());
    path.split(['/', '\\']).find(is_patient).map(|part| format!("mimic:{part}"))
}

/// The split that a file's name tells, as in `ChestX_Det_train.json`.
pub(crate) fn split(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_str()?.to_ascii_lowercase();
    let split = stem.rsplit(['_', '-', '.']).find_map(|word| match word {
        "train" | "training" => Some("train"),
        "val" | "valid" | "validation" | "dev" => Some("val"),
        "test" => Some("test"),
        _ => None,
    });
    split.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patients_come_from_names_of_known_sets_only() {
        assert_eq!(nih_patient("a/00030162_029.png").as_deref(), Some("nih:00030162"));
        assert_eq!(nih_patient("0030162_029.png"), None);
        let path = "files/p10/p10000032/s50414267/0a-1b.jpg";
        assert_eq!(mimic_patient(path).as_deref(), Some("mimic:p10000032"));
        assert_eq!(mimic_patient("files/p10/x.jpg"), None);
        assert_eq!(mimic_patient("é10000032/x.jpg"), None);
    }

    #[test]
    fn no_path_leads_up() {
        assert_eq!(portable("a/b.png"), Some("a/b.png".into()));
        assert_eq!(portable("../../etc/b.png"), Some("b.png".into()));
        assert_eq!(portable("C:\\scans\\b.png"), Some("C:/scans/b.png".into()));
        assert_eq!(portable("/"), None);
        assert_eq!(portable(".."), None);
    }

    #[test]
    fn splits_come_from_whole_words() {
        assert_eq!(split(Path::new("x/ChestX_Det_train.json")).as_deref(), Some("train"));
        assert_eq!(split(Path::new("gpt_val.jsonl")).as_deref(), Some("val"));
        assert_eq!(split(Path::new("contest.csv")), None);
    }
}

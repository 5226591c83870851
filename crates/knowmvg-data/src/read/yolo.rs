//! YOLO: a text file an image, with a line `class cx cy width height` a box, and the names of the classes.
//!
//! The folder has `classes.txt`, `obj.names` or `data.yaml`; the text files lie in `labels`, or beside them. An empty file
//! is an image without findings. A sixth number, the confidence of a prediction, is not read.
//!
//! # Units
//! Fractions of the image's width and height; classes are counted from 0.
//!
//! # Source
//! <https://docs.ultralytics.com/datasets/detect/>; `obj.names` is Darknet's.

use std::path::{Path, PathBuf};

use super::table::parse_number;
use super::{Builder, Rows, Source, bounded, builder, folder};
use crate::dataset::{Dataset, ImageEntry, UNIT_FRAME};
use crate::error::DataError;
use crate::limits::MAX_SMALL_FILE_BYTES;

/// Files that name the classes, in the order in which they are looked for.
const CLASS_FILES: [&str; 4] = ["classes.txt", "obj.names", "data.yaml", "data.yml"];

/// The file that names the classes of a folder.
pub(crate) fn classes_file(folder: &Path) -> Option<PathBuf> {
    let below = ["", "labels"].map(|below| folder.join(below));
    let candidates = below.iter().flat_map(|folder| CLASS_FILES.map(|name| folder.join(name)));
    candidates.into_iter().find(|path| path.is_file())
}

/// The split that an image's folder names, as in `labels/train/a.txt`.
pub(crate) fn split(id: &str) -> Option<String> {
    let (folders, _) = id.rsplit_once('/')?;
    let is_split = |folder: &&str| ["train", "val", "test"].contains(folder);
    folders.split('/').find(is_split).map(str::to_owned)
}

pub(crate) fn read(source: &Source, rows: &mut Rows) -> Result<Dataset, DataError> {
    let missing = "expected a folder with classes.txt, obj.names or data.yaml, found none of them";
    let classes_file = classes_file(source.path).ok_or_else(|| DataError::file(source.path, missing))?;
    let classes = classes(&classes_file)?;
    let labels = Some(source.path.join("labels")).filter(|labels| labels.is_dir());
    let labels = labels.unwrap_or_else(|| source.path.to_owned());
    let mut builder = Builder::default();
    for path in folder::files_ending(&labels, ".txt")?.into_iter().filter(|path| *path != classes_file) {
        rows.next(&path)?;
        let id = folder::id_below(&labels, &path, ".txt");
        let entry = || ImageEntry {
            size: Some(UNIT_FRAME),
            split: split(&id),
            findings_annotated: true,
            id: id.clone(),
            ..ImageEntry::default()
        };
        let image = builder.find_or_add(&id, entry);
        let text = bounded::read_text(&path, MAX_SMALL_FILE_BYTES)?;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            rows.next(&path)?;
            let added = add(&mut builder, image, line, &classes);
            rows.check(&path, index + 1, added)?;
        }
    }
    Ok(builder.finish())
}

fn add(builder: &mut Builder, image: usize, line: &str, classes: &[String]) -> Result<(), String> {
    let cells: Vec<&str> = line.split_whitespace().collect();
    if !(5..=6).contains(&cells.len()) {
        return Err(format!("expected a class and 4 numbers, found {} values", cells.len()));
    }
    let class = cells[0].parse::<usize>().ok().and_then(|class| classes.get(class));
    let class =
        class.ok_or_else(|| format!("expected the number of one of {} classes, counted from 0", classes.len()))?;
    let mut numbers = [0.0; 4];
    for (number, cell) in numbers.iter_mut().zip(&cells[1..]) {
        *number = parse_number(cell).ok_or("expected 4 numbers behind the class")?;
    }
    let [cx, cy, width, height] = numbers;
    let bounds = builder::xyxy([cx - width / 2.0, cy - height / 2.0, cx + width / 2.0, cy + height / 2.0])?;
    builder.add_class(image, class, bounds);
    Ok(())
}

fn classes(path: &Path) -> Result<Vec<String>, DataError> {
    let text = bounded::read_text(path, MAX_SMALL_FILE_BYTES)?;
    let is_yaml = path.extension().is_some_and(|extension| extension != "txt" && extension != "names");
    let lines = || text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    let mut names = if is_yaml { yaml_names(&text) } else { lines() };
    while names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    // A list without names is that of a set without findings; YAML without them may have them where we don't look.
    let problem = "expected the key `names` with a list of classes, found none";
    if is_yaml && names.is_empty() { Err(DataError::file(path, problem)) } else { Ok(names) }
}

/// The `names` of `data.yaml`, in the three ways in which they are written: `[a, b]`, `- a`, `0: a`.
fn yaml_names(text: &str) -> Vec<String> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("names:"));
    let inline = lines.next().unwrap_or("").trim_start_matches("names:").trim();
    if let Some(list) = inline.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
        return list.split(',').map(unquoted).collect();
    }
    let below = lines.take_while(|line| line.trim().is_empty() || line.starts_with([' ', '-', '\t']));
    let mut numbered: Vec<(usize, String)> =
        below.enumerate().filter_map(|(i, line)| yaml_item(i, line.trim())).collect();
    numbered.sort();
    numbered.into_iter().map(|(_, name)| name).collect()
}

fn yaml_item(position: usize, line: &str) -> Option<(usize, String)> {
    if let Some(name) = line.strip_prefix("- ") {
        return Some((position, unquoted(name)));
    }
    let (number, name) = line.split_once(':')?;
    Some((number.trim().parse().ok()?, unquoted(name)))
}

fn unquoted(text: &str) -> String {
    text.trim().trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_yaml_are_read_in_three_ways() {
        let expected = ["mass", "pleural effusion"];
        assert_eq!(yaml_names("nc: 2\nnames: [mass, 'pleural effusion']\n"), expected);
        assert_eq!(yaml_names("names:\n  - mass\n  - \"pleural effusion\"\nnc: 2"), expected);
        assert_eq!(yaml_names("path: x\nnames:\n  1: pleural effusion\n  0: mass\n"), expected);
        assert!(yaml_names("nc: 2").is_empty());
    }
}

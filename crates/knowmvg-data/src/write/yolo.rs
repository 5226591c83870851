//! YOLO: `classes.txt`, `data.yaml` and `labels/`; see [`crate::read`].

use std::fmt::Write;
use std::path::Path;

use super::{classes, create_below, create_folder, finish, positions};
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::project::written_path;

pub(super) fn write(dataset: &Dataset, path: &Path) -> Result<(), DataError> {
    create_folder(path)?;
    let classes = classes(dataset);
    let list: String = classes.iter().map(|name| format!("{name}\n")).collect();
    write_below(path, Path::new("classes.txt"), &list)?;
    write_below(path, Path::new("data.yaml"), &yaml(&classes))?;
    let positions = positions(&classes);
    for entry in &dataset.images {
        let mut text = String::new();
        for target in &entry.targets {
            for bounds in &target.boxes {
                let [cx, cy, width, height] = bounds.cxcywh();
                let _ = writeln!(text, "{} {cx} {cy} {width} {height}", positions[target.text.as_str()]);
            }
        }
        write_below(path, &Path::new("labels").join(written_path(entry, ".txt")), &text)?;
    }
    Ok(())
}

fn write_below(folder: &Path, below: &Path, text: &str) -> Result<(), DataError> {
    finish(create_below(folder, below)?, &folder.join(below), text.as_bytes())
}

/// A JSON string is a YAML string too.
fn yaml(classes: &[&str]) -> String {
    let names = classes.iter().enumerate().map(|(number, name)| format!("  {number}: {}\n", serde_json::json!(name)));
    format!("path: .\ntrain: images\nval: images\nnames:\n{}", names.collect::<String>())
}

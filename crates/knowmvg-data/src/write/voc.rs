//! Pascal VOC; see [`crate::read`]. Coordinates that are no whole pixels keep their fraction.

use std::fmt::Write;
use std::path::Path;

use knowmvg::geometry::{Box2, Image};

use super::{create_below, create_folder, finish};
use crate::dataset::{Dataset, ImageEntry};
use crate::error::DataError;
use crate::project::written_path;

pub(super) fn write(dataset: &Dataset, path: &Path) -> Result<(), DataError> {
    create_folder(path)?;
    for entry in &dataset.images {
        let below = written_path(entry, ".xml");
        finish(create_below(path, &below)?, &path.join(&below), document(entry).as_bytes())?;
    }
    Ok(())
}

fn document(entry: &ImageEntry) -> String {
    let [width, height] = entry.size.unwrap_or([0, 0]);
    let name = escaped(&entry.id);
    let mut text = format!(
        "<annotation>\n  <filename>{name}</filename>\n  <size>\n    <width>{width}</width>\n    \
         <height>{height}</height>\n    <depth>1</depth>\n  </size>\n  <segmented>0</segmented>\n"
    );
    for target in &entry.targets {
        target.boxes.iter().for_each(|bounds| text.push_str(&object(&target.text, bounds)));
    }
    text + "</annotation>\n"
}

fn object(class: &str, bounds: &Box2<Image>) -> String {
    let [x0, y0, x1, y1] = bounds.xyxy();
    let mut text =
        format!("  <object>\n    <name>{}</name>\n    <difficult>0</difficult>\n    <bndbox>\n", escaped(class));
    for (name, value) in [("xmin", x0 + 1.0), ("ymin", y0 + 1.0), ("xmax", x1), ("ymax", y1)] {
        let _ = writeln!(text, "      <{name}>{value}</{name}>");
    }
    text + "    </bndbox>\n  </object>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

//! Pascal VOC: a folder of XML files, one an image, or one such file.
//!
//! # Units
//! Pixels counted from 1, both ends inside the box: `xmin` 1 and `xmax` 1 is the first column. A box in the frame of
//! [`knowmvg::geometry::Image`] is `[xmin - 1, ymin - 1, xmax, ymax]`.
//!
//! # Source
//! Everingham et al., VOC2012 Development Kit, section 8.1: "the top-left pixel in the image has coordinates (1,1)".
//! Parts, poses and flags of an object are not read.

use std::path::Path;

use roxmltree::{Document, Node, ParsingOptions};

use super::table::parse_number;
use super::{Builder, Rows, Source, bounded, builder, folder};
use crate::dataset::{Dataset, ImageEntry};
use crate::error::DataError;
use crate::limits::{MAX_SMALL_FILE_BYTES, MAX_XML_NODES};

pub(crate) fn read(source: &Source, rows: &mut Rows) -> Result<Dataset, DataError> {
    let mut builder = Builder::default();
    for path in folder::files_ending(source.path, ".xml")? {
        rows.next(&path)?;
        let text = bounded::read_text(&path, MAX_SMALL_FILE_BYTES)?;
        let options = ParsingOptions { nodes_limit: MAX_XML_NODES, ..ParsingOptions::default() };
        let parsed = Document::parse_with_options(&text, options).map_err(|e| xml_problem(&e));
        let Some(document) = rows.check(&path, 1, parsed)? else { continue };
        let id = folder::id_below(source.path, &path, ".xml");
        let added = add_image(&mut builder, &document, &path, &id);
        let Some(image) = rows.check(&path, 1, added)? else { continue };
        let objects = document.root_element().children().filter(|node| node.has_tag_name("object"));
        for (index, object) in objects.enumerate() {
            rows.next(&path)?;
            let added = add_object(&mut builder, image, &object);
            rows.check(&path, index + 1, added)?;
        }
    }
    Ok(builder.finish())
}

/// The parser's error without its words, which may quote names of the file.
fn xml_problem(error: &roxmltree::Error) -> String {
    let place = error.pos();
    format!("expected XML without a document type, found another text at line {} column {}", place.row, place.col)
}

fn child<'a>(node: &Node<'a, 'a>, name: &str) -> Option<Node<'a, 'a>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn text<'a>(node: &Node<'a, 'a>, name: &str) -> Option<&'a str> {
    child(node, name)?.text().map(str::trim).filter(|text| !text.is_empty())
}

fn add_image(builder: &mut Builder, document: &Document, path: &Path, id: &str) -> Result<usize, String> {
    let root = document.root_element();
    if !root.has_tag_name("annotation") {
        return Err("expected the element `annotation`, found another".into());
    }
    let file = text(&root, "filename").unwrap_or(id).to_owned();
    let size = child(&root, "size").map(|size| size_of(&size)).transpose()?.flatten();
    let entry =
        || ImageEntry { id: file.clone(), file: Some(file), size, findings_annotated: true, ..ImageEntry::default() };
    Ok(builder.find_or_add(&path.to_string_lossy(), entry))
}

/// Width and height; programs that don't know them write 0.
fn size_of(size: &Node) -> Result<Option<[u32; 2]>, String> {
    let side = |name: &str| text(size, name).and_then(|text| text.parse::<u32>().ok());
    match (side("width"), side("height")) {
        (Some(0), Some(0)) => Ok(None),
        (Some(width), Some(height)) if width > 0 && height > 0 => Ok(Some([width, height])),
        _ => Err("expected a size of whole numbers `width` and `height`".into()),
    }
}

fn add_object(builder: &mut Builder, image: usize, object: &Node) -> Result<(), String> {
    let class = text(object, "name").ok_or("expected a `name`, found none")?;
    let bounds = child(object, "bndbox").ok_or("expected a `bndbox`, found none")?;
    let number =
        |name: &str| text(&bounds, name).and_then(parse_number).ok_or_else(|| format!("expected a number as `{name}`"));
    let corners = [number("xmin")? - 1.0, number("ymin")? - 1.0, number("xmax")?, number("ymax")?];
    builder.add_class(image, class, builder::xyxy(corners)?);
    Ok(())
}

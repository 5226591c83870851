//! Rows in any order → images with merged targets.

use std::collections::HashMap;

use knowmvg::geometry::{Box2, Image};

use crate::dataset::{Dataset, ImageEntry, Target, TargetKind};

type TargetKey = (usize, TargetKind, String, Option<String>, Option<String>);

/// Gathers images in the order of their first row, and merges the boxes of equal statements.
#[derive(Default)]
pub(crate) struct Builder {
    images: Vec<ImageEntry>,
    by_key: HashMap<String, usize>,
    by_id: HashMap<String, usize>,
    by_target: HashMap<TargetKey, usize>,
}

impl Builder {
    /// The image with this key, made if it is new; its id is the key.
    pub fn image(&mut self, key: &str) -> usize {
        self.find_or_add(key, || ImageEntry { id: key.to_owned(), ..ImageEntry::default() })
    }

    /// The image with this key, made by `new` if there is none.
    pub fn find_or_add(&mut self, key: &str, new: impl FnOnce() -> ImageEntry) -> usize {
        if let Some(&index) = self.by_key.get(key) {
            return index;
        }
        self.by_key.insert(key.to_owned(), self.images.len());
        let mut entry = new();
        entry.id = self.unique(entry.id);
        self.images.push(entry);
        self.images.len() - 1
    }

    pub fn has(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    /// The id, with a number behind it from its second use on.
    fn unique(&mut self, id: String) -> String {
        let uses = self.by_id.entry(id.clone()).or_insert(0);
        *uses += 1;
        if *uses == 1 { id } else { format!("{id}#{uses}") }
    }

    pub fn entry(&mut self, image: usize) -> &mut ImageEntry {
        &mut self.images[image]
    }

    /// Adds a target, or its boxes to the equal one.
    pub fn add(&mut self, image: usize, target: Target) {
        let Target { kind, text, label, answer, boxes } = target;
        let targets = &mut self.images[image].targets;
        let key = (image, kind, text, label, answer);
        match self.by_target.get(&key) {
            Some(&index) => targets[index].boxes.extend(boxes),
            None => {
                let (_, kind, text, label, answer) = key.clone();
                targets.push(Target { kind, text, label, answer, boxes });
                self.by_target.insert(key, targets.len() - 1);
            }
        }
    }

    /// Adds a box of a class.
    pub fn add_class(&mut self, image: usize, class: &str, bounds: Box2<Image>) {
        let target =
            Target { kind: TargetKind::Class, text: class.to_owned(), label: None, answer: None, boxes: vec![bounds] };
        self.add(image, target);
    }

    pub fn finish(self) -> Dataset {
        Dataset { images: self.images }
    }
}

/// A box, or why the numbers are none.
pub(crate) fn xyxy(corners: [f64; 4]) -> Result<Box2<Image>, String> {
    Box2::from_xyxy(corners).map_err(|e| e.to_string())
}

/// A box, or why the numbers are none.
pub(crate) fn xywh(numbers: [f64; 4]) -> Result<Box2<Image>, String> {
    Box2::from_xywh(numbers).map_err(|e| e.to_string())
}

/// The box in another frame.
pub(crate) fn scaled(bounds: &Box2<Image>, [sx, sy]: [f64; 2]) -> Result<Box2<Image>, String> {
    let [x0, y0, x1, y1] = bounds.xyxy();
    xyxy([x0 * sx, y0 * sy, x1 * sx, y1 * sy])
}

/// Width and height of a frame.
pub(crate) fn sides(size: [u32; 2]) -> [f64; 2] {
    size.map(f64::from)
}

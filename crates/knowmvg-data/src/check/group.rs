//! Parts of the data between which nothing may be shared.

use std::collections::BTreeMap;

use super::Input;

/// The entries of one split of one file.
pub(super) struct Group {
    /// Position of the data set.
    pub input: usize,
    pub split: Option<String>,
    /// Positions of the entries.
    pub entries: Vec<usize>,
}

/// The groups of all data sets, in order.
pub(super) fn groups(inputs: &[&Input]) -> Vec<Group> {
    let mut groups = vec![];
    for (input, data) in inputs.iter().enumerate() {
        let mut splits: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
        for (at, entry) in data.dataset.images.iter().enumerate() {
            splits.entry(entry.split.as_deref()).or_default().push(at);
        }
        groups.extend(splits.into_iter().map(|(split, entries)| Group {
            input,
            split: split.map(str::to_owned),
            entries,
        }));
    }
    groups
}

impl Group {
    /// Whether the two may share nothing: other splits, or other files that do not both name the same split.
    pub fn must_differ(&self, other: &Self) -> bool {
        let is_same_split = self.split.is_some() && self.split == other.split;
        !is_same_split
    }

    /// How the group is called: its file and its split.
    pub fn name(&self, inputs: &[&Input]) -> String {
        let file = &inputs[self.input].name;
        self.split.as_ref().map_or_else(|| file.clone(), |split| format!("{file} [{split}]"))
    }
}

//! Images and patients that two groups share.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::Serialize;

use super::fingerprint::{Fingerprint, distance};
use super::group::{Group, groups};
use super::pictures::Pictures;
use super::{Input, ProblemKind, Problems};
use crate::dataset::ImageEntry;
use crate::name;

/// Two images look alike if their perceptual hashes differ in at most so many of 256 bits.
///
/// Of 401 radiographs of seven sources, copies at half the size with 64 grey levels differ in 3 bits (median; 7 at 95 %),
/// while 80,200 pairs of different ones differ in 23 at least.
pub const NEAR_DUPLICATE_BITS: u32 = 10;

/// What two groups share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leak {
    /// File and split.
    pub left: String,
    /// The other file and split.
    pub right: String,
    /// Images that are in both, by name or by the bytes of their files.
    pub images: usize,
    /// Patients that are in both.
    pub patients: usize,
    /// Further images of the left group that look like one of the right group.
    pub near_duplicates: usize,
}

/// What one pair of groups is compared by.
struct Pair<'a> {
    inputs: &'a [&'a Input],
    pictures: &'a [Pictures],
    left: &'a Group,
    right: &'a Group,
}

pub(super) fn check(inputs: &[&Input], pictures: &[Pictures], problems: &mut Problems) -> Vec<Leak> {
    let groups = groups(inputs);
    groups.iter().filter(|group| group.input == 0).for_each(|group| duplicates(inputs, pictures, group, problems));
    let mut leaks = vec![];
    for (at, left) in groups.iter().enumerate().filter(|(_, group)| group.input == 0) {
        for right in groups[at + 1..].iter().filter(|right| left.must_differ(right)) {
            let leak = Pair { inputs, pictures, left, right }.leak(problems);
            leaks.extend(Some(leak).filter(|leak| leak.images + leak.patients + leak.near_duplicates > 0));
        }
    }
    leaks
}

/// Files that are there under two names in one group.
fn duplicates(inputs: &[&Input], pictures: &[Pictures], group: &Group, problems: &mut Problems) {
    let input = inputs[group.input];
    let mut first: HashMap<[u8; 32], &str> = HashMap::new();
    for at in &group.entries {
        let Some(fingerprint) = pictures[group.input].get(at) else { continue };
        let entry = &input.dataset.images[*at];
        let key = image_key(entry);
        if *first.entry(fingerprint.digest).or_insert(key) != key {
            let detail = "expected each image file once, found its bytes under another name in the same split";
            problems.add(ProblemKind::DuplicateImage, &input.name, Some(&entry.id), detail);
        }
    }
}

/// What names an image: its file without folders and ending, or its id.
fn image_key(entry: &ImageEntry) -> &str {
    name::stem(entry.file.as_deref().unwrap_or(&entry.id))
}

impl<'a> Pair<'a> {
    fn entry(&self, group: &Group, at: usize) -> &'a ImageEntry {
        &self.inputs[group.input].dataset.images[at]
    }

    fn picture(&self, group: &Group, at: usize) -> Option<&'a Fingerprint> {
        self.pictures[group.input].get(&at)
    }

    fn leak(&self, problems: &mut Problems) -> Leak {
        let (left, right) = (self.left.name(self.inputs), self.right.name(self.inputs));
        let shared = self.shared_images();
        for image in &shared {
            self.add(problems, ProblemKind::SharedImage, image, &right);
        }
        let patients = self.shared_patients(&right, problems);
        let near = self.near_duplicates(&shared);
        for image in &near {
            self.add(problems, ProblemKind::NearDuplicate, image, &right);
        }
        Leak { left, right, images: shared.len(), patients, near_duplicates: near.len() }
    }

    fn add(&self, problems: &mut Problems, kind: ProblemKind, image: &str, right: &str) {
        problems.add(kind, &self.left.name(self.inputs), Some(image), format!("also in {right}"));
    }

    /// Names of images on the left that are on the right too.
    fn shared_images(&self) -> BTreeSet<&'a str> {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut digests = HashSet::new();
        for &at in &self.right.entries {
            by_name.entry(image_key(self.entry(self.right, at))).or_default().push(at);
            digests.extend(self.picture(self.right, at).map(|picture| picture.digest));
        }
        let is_shared = |&&at: &&usize| {
            let namesakes = by_name.get(image_key(self.entry(self.left, at)));
            let has_bytes = self.picture(self.left, at).is_some_and(|picture| digests.contains(&picture.digest));
            has_bytes || namesakes.is_some_and(|others| others.iter().any(|&other| self.may_be_same(at, other)))
        };
        self.left.entries.iter().filter(is_shared).map(|&at| image_key(self.entry(self.left, at))).collect()
    }

    /// Whether two images of one name can be the same: names like `0001.png` are used by many.
    fn may_be_same(&self, left: usize, right: usize) -> bool {
        if let (Some(a), Some(b)) = (self.picture(self.left, left), self.picture(self.right, right)) {
            return distance(&a.hash, &b.hash) <= NEAR_DUPLICATE_BITS;
        }
        let (left, right) = (self.entry(self.left, left), self.entry(self.right, right));
        let is_one_file = self.left.input == self.right.input;
        !is_one_file || left.file == right.file
    }

    fn shared_patients(&self, right_name: &str, problems: &mut Problems) -> usize {
        let patients = |group: &'a Group| {
            group
                .entries
                .iter()
                .filter_map(move |&at| self.entry(group, at).patient.as_deref())
                .collect::<BTreeSet<_>>()
        };
        let shared: BTreeSet<&str> = patients(self.left).intersection(&patients(self.right)).copied().collect();
        let mut reported = HashSet::new();
        for &at in &self.left.entries {
            let entry = self.entry(self.left, at);
            // One line a patient, which names an image: ids of patients are not repeated.
            if entry.patient.as_deref().is_some_and(|patient| shared.contains(patient) && reported.insert(patient)) {
                self.add(problems, ProblemKind::SharedPatient, image_key(entry), right_name);
            }
        }
        shared.len()
    }

    /// Names of images on the left that look like one on the right and are not known to be shared.
    fn near_duplicates(&self, shared: &BTreeSet<&str>) -> BTreeSet<&'a str> {
        let hashes: Vec<_> = self.right.entries.iter().filter_map(|&at| self.picture(self.right, at)).collect();
        let looks_alike = |&&at: &&usize| {
            self.picture(self.left, at).is_some_and(|picture| {
                hashes.iter().any(|other| distance(&picture.hash, &other.hash) <= NEAR_DUPLICATE_BITS)
            })
        };
        let keys = self.left.entries.iter().filter(looks_alike).map(|&at| image_key(self.entry(self.left, at)));
        keys.filter(|key| !shared.contains(key)).collect()
    }
}

//! Folds that patients do not cross.

use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::MrgRow;

/// The fold of each row, below `count`; all rows of a patient are in the same one.
pub fn folds(rows: &[MrgRow], count: usize, seed: u64) -> Vec<usize> {
    let patients: BTreeSet<&str> = rows.iter().map(MrgRow::patient).collect();
    let mut patients: Vec<&str> = patients.into_iter().collect();
    patients.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let of: BTreeMap<&str, usize> = patients.into_iter().enumerate().map(|(i, p)| (p, i % count.max(1))).collect();
    rows.iter().map(|row| of[row.patient()]).collect()
}

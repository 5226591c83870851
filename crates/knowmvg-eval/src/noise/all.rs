//! Every kind of damage together.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Corruption, Report, Severity};

/// The strength of each kind in the mixture.
const EACH: Severity = Severity::ALL[2];

/// Two more kinds with each severity, in an order that the generator draws, each at half of its strength.
///
/// More kinds and not stronger ones: so the text at a severity is the text at the one below with more damage.
pub(super) fn damage(report: &mut Report, severity: Severity, generator: &mut ChaCha8Rng) {
    let mut kinds: Vec<Corruption> = Corruption::EVERY.into_iter().filter(|kind| *kind != Corruption::All).collect();
    kinds.shuffle(generator);
    let count = severity.share_of(kinds.len());
    for kind in kinds.into_iter().take(count) {
        *report = kind.apply(report, EACH, generator);
    }
}

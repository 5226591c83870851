//! Sentences that deny findings. One edit is one sentence.

use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::report::usable;
use super::words::{as_noun_phrase, capitalised};
use super::{Effect, Report, Severity};

/// Denied where the source does not say what the image does not show.
const USUAL: [&str; 8] = [
    "pneumothorax",
    "pleural effusion",
    "focal consolidation",
    "pulmonary edema",
    "pneumoperitoneum",
    "acute rib fracture",
    "mediastinal widening",
    "cavitary lesion",
];
const FRAMES: [&str; 4] =
    ["No {} is appreciated.", "{} is not seen.", "The study is without {}.", "{} has been excluded."];

/// Adds 1, 2, 4 or 6 denials of findings that share nothing with the target or with what else the image shows.
///
/// Sentences are only ever added beside the target's, never written into it: a negation inside of it would change the truth.
pub(super) fn add(report: &mut Report, severity: Severity, generator: &mut ChaCha8Rng) {
    let known: Vec<_> = usable(&report.surroundings.absent).map(|name| (as_noun_phrase(name), None)).collect();
    let usual = USUAL.iter().map(|name| ((*name).to_owned(), Some(Effect::Invents)));
    let usual = usual.filter(|(name, _)| !known.iter().any(|(absent, _)| absent.eq_ignore_ascii_case(name)));
    let mut pool: Vec<_> = known.clone().into_iter().chain(usual).filter(|(name, _)| report.is_foreign(name)).collect();
    pool.shuffle(generator);
    for (name, effect) in pool.into_iter().take(severity.pick([0, 1, 2, 4, 6])) {
        let frame = FRAMES.choose(generator).expect("not empty");
        report.insert_anywhere(capitalised(&frame.replace("{}", &name)), generator);
        report.note(1, effect);
    }
}

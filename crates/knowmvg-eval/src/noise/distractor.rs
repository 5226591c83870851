//! Sentences about findings that are not the target. One edit is one sentence.

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::report::usable;
use super::words::as_noun_phrase;
use super::{Effect, Report, Severity};

/// Findings that data sets of chest radiographs rarely box; `{side}` is drawn.
const INVENTED: [&str; 10] = [
    "a calcified granuloma in the {side} upper lobe",
    "an old healed fracture of the {side} seventh rib",
    "degenerative change of the thoracic spine",
    "surgical clips projecting over the {side} axilla",
    "tortuosity of the descending aorta",
    "an elevated {side} hemidiaphragm",
    "a hiatal hernia behind the heart",
    "pleural plaques along the {side} chest wall",
    "an accessory azygos fissure",
    "a {side} cervical rib",
];
const FRAMES: [&str; 4] = [
    "There is also {}.",
    "Incidental note is made of {}.",
    "Additionally, {} is identified.",
    "The study further depicts {}.",
];

/// Adds 1, 2, 4 or 6 sentences about other findings: those on the image and invented ones, as the generator mixes them.
pub(super) fn add(report: &mut Report, severity: Severity, generator: &mut ChaCha8Rng) {
    let seen = usable(&report.surroundings.elsewhere).map(|name| (as_noun_phrase(name), None));
    let invented =
        INVENTED.iter().map(|name| name.replace("{side}", side(generator))).map(|name| (name, Some(Effect::Invents)));
    let invented: Vec<_> = invented.filter(|(name, _)| report.is_foreign(name)).collect();
    let mut pool: Vec<_> = seen.chain(invented).collect();
    pool.shuffle(generator);
    for (name, effect) in pool.into_iter().take(severity.pick([0, 1, 2, 4, 6])) {
        let frame = FRAMES.choose(generator).expect("not empty");
        report.insert_anywhere(frame.replace("{}", &name), generator);
        report.note(1, effect);
    }
}

fn side(generator: &mut ChaCha8Rng) -> &'static str {
    if generator.random_bool(0.5) { "left" } else { "right" }
}

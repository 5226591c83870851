//! Phrases that training composes say to the parser what they were composed to say.

use knowmvg::grounding::Side;
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::prior::Location;
use knowmvg::report::{Zone, query};
use knowmvg::train::compose::{TextLevel, canonical, compose};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const LABELS: [&str; 8] =
    ["effusion", "consolidation", "nodule", "mass", "lung opacity", "pneumonia", "active tuberculosis", "fibrosis"];

fn locations() -> impl Iterator<Item = Location> {
    let sides = [Side::Left, Side::Right];
    let zones = [Zone::Upper, Zone::Mid, Zone::Lower];
    sides.into_iter().flat_map(move |side| zones.map(|zone| Location { side: Some(side), zone: Some(zone) }))
}

/// The words that the evaluation asks with leave nothing out.
#[test]
fn canonical_words_are_read_completely() {
    let knowledge = KnowledgeBase::chest();
    for label in LABELS {
        let finding = query(label, knowledge).finding;
        assert!(finding.is_some(), "{label}");
        for location in locations() {
            let read = query(&canonical(label, location), knowledge);
            assert_eq!(
                (read.finding, read.side, read.zone),
                (finding.clone(), location.side, location.zone),
                "{label}"
            );
        }
    }
}

/// Composed words may use synonyms that mean something more special, but nearly all are read as they were meant.
#[test]
fn composed_words_are_read_as_they_were_meant() {
    let knowledge = KnowledgeBase::chest();
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let (mut asked, mut right, mut wrong_side) = (0, 0, 0);
    for label in LABELS {
        let finding = query(label, knowledge).finding.unwrap();
        for location in locations() {
            for level in [TextLevel::Side, TextLevel::Zone, TextLevel::Report] {
                for _ in 0..10 {
                    let read = compose(&finding, label, location, level, &["pneumothorax"], knowledge, &mut rng);
                    let said = level.visible(location);
                    asked += 1;
                    wrong_side += usize::from(read.side.is_some_and(|side| Some(side) != location.side));
                    right += usize::from(read.side == said.side && read.zone == said.zone);
                }
            }
        }
    }
    assert_eq!(wrong_side, 0);
    assert!(right as f64 >= 0.97 * asked as f64, "{right} of {asked}");
}

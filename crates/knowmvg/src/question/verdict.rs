use super::place::{common_side, side_word, words};
use super::{NO, Wanted, YES};
use crate::geometry::{Box2, Image};
use crate::grounding::Side;
use crate::prior::Location;
use crate::prior::frame::side_and_zone;
use crate::report::Zone;

/// Presence from which on a decoder that is asked alone answers yes.
const MIN_PRESENCE: f64 = 0.5;
/// Presence below which nothing counts as found, whatever a language model says: it chose the answers to questions on `val` best, among
/// tenths (docs/vlm.md).
pub const LEAST_PRESENCE: f64 = 0.2;

/// What a decoder shows of a phrase that a question or its answer is about.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// Whether it is there at all.
    pub presence: Option<f64>,
    /// Where its boxes lie, the most confident first.
    pub places: Vec<(Side, Zone)>,
}

impl Shown {
    /// Of boxes on an image of that width and height in pixels.
    pub fn new<'a>(presence: Option<f64>, boxes: impl IntoIterator<Item = &'a Box2<Image>>, size: [u32; 2]) -> Self {
        let [width, height] = size.map(|side| f64::from(side.max(1)));
        let in_fractions = |bounds: &Box2<Image>| {
            let [x0, y0, x1, y1] = bounds.xyxy();
            Box2::from_xyxy([x0 / width, y0 / height, x1 / width, y1 / height]).expect("scaling keeps a box a box")
        };
        Self { presence, places: boxes.into_iter().map(|bounds| side_and_zone(&in_fractions(bounds))).collect() }
    }
}

/// The answer that a decoder gives; without words where a place is wanted and there is no box.
pub fn answer(question: &str, shown: &Shown) -> String {
    match Wanted::of(question) {
        Wanted::Presence => {
            let is_there = shown.presence.is_some_and(|presence| presence >= MIN_PRESENCE);
            (if is_there { YES } else { NO }).to_owned()
        }
        Wanted::Side => common_side(shown.places.iter().map(|(side, _)| *side)).map_or("", side_word).to_owned(),
        Wanted::Place => shown
            .places
            .first()
            .map_or(String::new(), |(side, zone)| words(Location { side: Some(*side), zone: Some(*zone) })),
    }
}

/// What a decoder answers that disagrees with a language model; `None` where it agrees, is not sure, or shows nothing.
///
/// A yes needs both. Where something is, the boxes of the first phrase say: on `val` they were right twice as often as the words
/// (docs/vlm.md).
pub fn other_answer(question: &str, said: &str, shown: &[Shown]) -> Option<String> {
    let other = match Wanted::of(question) {
        Wanted::Presence => {
            let most = shown.iter().filter_map(|shown| shown.presence).max_by(f64::total_cmp)?;
            (said == YES && most < LEAST_PRESENCE).then(|| NO.to_owned())?
        }
        Wanted::Side | Wanted::Place => answer(question, shown.first().filter(|shown| !shown.places.is_empty())?),
    };
    Some(other).filter(|other| other != said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(presence: f64) -> Shown {
        Shown { presence: Some(presence), places: vec![] }
    }

    #[test]
    fn yes_needs_a_decoder_that_finds_something() {
        let other = |said, presences: &[f64]| {
            let shown: Vec<Shown> = presences.iter().map(|presence| present(*presence)).collect();
            other_answer("Is there a mass?", said, &shown)
        };
        assert_eq!([other(YES, &[0.1]).as_deref(), other(YES, &[0.1, 0.3]).as_deref()], [Some(NO), None]);
        assert_eq!(other(NO, &[0.99]), None, "no is not looked after");
        assert_eq!(other(YES, &[]), None, "nobody asked the decoder");
    }

    #[test]
    fn a_place_is_where_the_boxes_lie() {
        let places = vec![(Side::Left, Zone::Lower), (Side::Right, Zone::Mid)];
        let shown = [Shown { presence: Some(0.1), places }];
        let place = |said| other_answer("Where is the mass?", said, &shown);
        assert_eq!(place("right lower zone").as_deref(), Some("left lower zone"));
        assert_eq!(place("left lower zone"), None, "they agree");
        assert_eq!(other_answer("On which side is the mass?", "left", &shown).as_deref(), Some("both"));
        assert_eq!(other_answer("Where is the mass?", "left lower zone", &[present(0.9)]), None, "no box");
    }
}

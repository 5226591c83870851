//! The words for a place: what questions ask for and answers say.

use crate::grounding::Side;
use crate::prior::Location;
use crate::report::Zone;

const ZONE: &str = "zone";

/// Side and zone in words, e.g. `left lower zone`.
pub fn words(location: Location) -> String {
    let zone = location.zone.map(|zone| format!("{} {ZONE}", zone_word(zone)));
    location.side.map(|side| side_word(side).to_owned()).into_iter().chain(zone).collect::<Vec<_>>().join(" ")
}

/// Whether a word can stand in a place.
pub(super) fn is_word(word: &str) -> bool {
    const SIDES: [Side; 4] = [Side::Left, Side::Right, Side::Midline, Side::Bilateral];
    const ZONES: [Zone; 3] = [Zone::Upper, Zone::Mid, Zone::Lower];
    word == ZONE || SIDES.map(side_word).contains(&word) || ZONES.map(zone_word).contains(&word)
}

/// A side in a word.
pub fn side_word(side: Side) -> &'static str {
    match side {
        Side::Left => "left",
        Side::Right => "right",
        Side::Midline => "midline",
        Side::Bilateral => "both",
    }
}

fn zone_word(zone: Zone) -> &'static str {
    match zone {
        Zone::Upper => "upper",
        Zone::Mid => "mid",
        Zone::Lower => "lower",
    }
}

/// The side of several boxes together; `None` without any.
pub fn common_side(sides: impl IntoIterator<Item = Side>) -> Option<Side> {
    sides.into_iter().reduce(|all, side| if all == side { all } else { Side::Bilateral })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_as_long_as_what_is_known() {
        assert_eq!(words(Location { side: Some(Side::Left), zone: Some(Zone::Lower) }), "left lower zone");
        assert_eq!(words(Location { side: None, zone: Some(Zone::Mid) }), "mid zone");
        assert_eq!(words(Location { side: None, zone: None }), "");
    }

    #[test]
    fn two_sides_are_both() {
        assert_eq!(common_side([Side::Left, Side::Left]), Some(Side::Left));
        assert_eq!(common_side([Side::Left, Side::Right, Side::Left]), Some(Side::Bilateral));
        assert_eq!(common_side([]), None);
    }
}

//! From the words that place a finding to sides, zones and places of the knowledge base.

use super::index::Index;
use super::mention::{Hit, Kind};
use super::token::Token;
use crate::grounding::Side;

use super::Zone;

/// Where a finding is said to be.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Location {
    pub side: Option<Side>,
    pub zone: Option<Zone>,
    pub places: Vec<String>,
    /// The hits that say so, as indices among the hits of the sentence.
    pub hits: Vec<usize>,
}

const SEPARATORS: [&str; 11] = ["and", "or", "nor", "und", "oder", "/", ",", "+", "et", "y", "&"];

/// The locations that `located` (indices of places, sides and zones among `hits`) describe; one unless they differ in side.
pub(crate) fn locations(tokens: &[Token], hits: &[Hit], located: &[usize], index: &Index) -> Vec<Location> {
    let mut located = located.to_vec();
    located.sort_by_key(|&i| (hits[i].range.start, hits[i].range.end));
    let groups = groups(tokens, hits, &located);
    let mut resolved: Vec<Location> = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        let inherited = resolved.last().and_then(|l| l.side);
        let head = groups.get(i + 1).and_then(|g| head_noun(tokens, hits, g));
        resolved.push(resolve(tokens, hits, group, Context { inherited, head }, index));
    }
    by_side(resolved)
}

/// What the neighbouring groups lend to a shortened one: "right upper and middle lobes".
struct Context<'t> {
    inherited: Option<Side>,
    head: Option<&'t str>,
}

fn groups(tokens: &[Token], hits: &[Hit], located: &[usize]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut end = 0;
    for &i in located {
        let gap = end.min(hits[i].range.start)..hits[i].range.start;
        let is_separated = tokens[gap].iter().any(|t| SEPARATORS.contains(&t.norm.as_str()));
        match groups.last_mut() {
            Some(group) if !is_separated => group.push(i),
            _ => groups.push(vec![i]),
        }
        end = hits[i].range.end;
    }
    groups
}

/// `lobe` of "left lower lobe": the noun that an earlier, shortened group shares.
fn head_noun<'t>(tokens: &'t [Token], hits: &[Hit], group: &[usize]) -> Option<&'t str> {
    let place = group.iter().map(|&i| &hits[i]).find(|h| h.kind == Kind::Place)?;
    Some(tokens[place.range.end - 1].norm.as_str())
}

fn resolve(tokens: &[Token], hits: &[Hit], group: &[usize], context: Context, index: &Index) -> Location {
    let of_kind = |kind: Kind| group.iter().map(|&i| &hits[i]).filter(move |h| h.kind == kind);
    let mut location = Location { hits: group.to_vec(), ..Location::default() };
    let placed_side = || of_kind(Kind::Place).find_map(|h| index.place(&h.id).side);
    let said = said_side(of_kind(Kind::Side).filter_map(|h| index.side(&h.id)));
    // "Bibasilar, more on the left" is still on both sides.
    let is_both = |h: &Hit| {
        let first = tokens[h.range.start].norm.as_str();
        index.place(&h.id).side == Some(Side::Bilateral) || ["both", "bilateral"].contains(&first)
    };
    let both = of_kind(Kind::Place).any(is_both).then_some(Side::Bilateral);
    location.side = both.or(said).or_else(placed_side).or(context.inherited);
    location.zone = of_kind(Kind::Zone).find_map(|h| index.zone(&h.id));
    for hit in of_kind(Kind::Place) {
        location.places.extend(sided_places(&hit.id, location.side, index));
    }
    if location.places.is_empty() {
        location.places.extend(shortened(tokens, hits, group, &context, location.side, index));
    }
    let zone_of_place = || location.places.iter().find_map(|id| index.place(id).zone);
    location.zone = location.zone.or_else(zone_of_place);
    location.places.dedup();
    location
}

/// Left and right in one breath are both sides.
fn said_side(sides: impl Iterator<Item = Side>) -> Option<Side> {
    let sides: Vec<Side> = sides.collect();
    let opposite = sides.contains(&Side::Left) && sides.contains(&Side::Right);
    if opposite {
        sides.iter().copied().find(|s| *s == Side::Bilateral).or(sides.first().copied())
    } else {
        sides.first().copied()
    }
}

/// `lower lobe` on the left is `left lower lobe`, on both sides it is both lower lobes.
fn sided_places(id: &str, side: Option<Side>, index: &Index) -> Vec<String> {
    let on = |side: &str| Some(format!("{side}_{id}")).filter(|sided| index.has_place(sided));
    let sided: Vec<String> = match side {
        Some(Side::Left) => on("left").into_iter().collect(),
        Some(Side::Right) => on("right").into_iter().collect(),
        Some(Side::Bilateral) => ["right", "left"].into_iter().filter_map(on).collect(),
        _ => Vec::new(),
    };
    if sided.is_empty() { vec![id.to_owned()] } else { sided }
}

/// "right upper" before "and left lower lobe" is the right upper lobe.
fn shortened(
    tokens: &[Token],
    hits: &[Hit],
    group: &[usize],
    context: &Context,
    side: Option<Side>,
    index: &Index,
) -> Option<String> {
    let head = context.head?;
    let zone = group.iter().map(|&i| &hits[i]).find(|h| h.kind == Kind::Zone)?;
    let side = match side? {
        Side::Left => "left",
        Side::Right => "right",
        Side::Midline | Side::Bilateral => return None,
    };
    let zone = tokens[zone.range.clone()].iter().map(|t| t.norm.as_str());
    let words: Vec<&str> = std::iter::once(side).chain(zone).chain([head]).collect();
    index.place_named(&words)
}

/// One location per side; a word for both sides joins them all.
fn by_side(resolved: Vec<Location>) -> Vec<Location> {
    let is_bilateral = resolved.iter().any(|l| l.side == Some(Side::Bilateral));
    let mut merged: Vec<Location> = Vec::new();
    for location in resolved {
        let same =
            |l: &&mut Location| is_bilateral || l.side == location.side || l.side.is_none() || location.side.is_none();
        match merged.iter_mut().find(same) {
            Some(into) => merge(into, location, is_bilateral),
            None => merged.push(location),
        }
    }
    merged
}

fn merge(into: &mut Location, location: Location, is_bilateral: bool) {
    into.side = if is_bilateral { Some(Side::Bilateral) } else { into.side.or(location.side) };
    into.zone = into.zone.or(location.zone);
    let new: Vec<String> = location.places.into_iter().filter(|p| !into.places.contains(p)).collect();
    into.places.extend(new);
    into.hits.extend(location.hits);
}

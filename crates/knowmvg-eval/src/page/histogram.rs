//! How the IoU of the first box is distributed: a mean of 0.4 may be all 0.4, or half 0 and half 0.8.

use super::chart::{Axis, Chart, Mark, Reference, Series};
use super::curves::line;
use super::html::escaped;
use super::{Answers, MAX_PLOTTED_SYSTEMS, Page};
use crate::item::Item;
use crate::scores::Part;
use crate::statement::{Answered, answered};

const BINS: usize = 20;

/// What a system answered to the items of a part.
pub(super) fn answers_on<'a>(items: &'a [Item], system: &Answers<'a>, part: &Part) -> Vec<Answered<'a>> {
    let of_part = |answered: &Answered<'_>| answered.item.task == part.task && answered.item.level == part.level;
    answered(items, system.predictions).into_iter().filter(of_part).collect()
}

/// The plot: bars for the page's subject, outlines for the others.
pub(super) fn histogram(page: &Page<'_>, part: &Part) -> Option<String> {
    let systems = page.scored_on(part).into_iter().enumerate().take(MAX_PLOTTED_SYSTEMS);
    let with_predictions = systems.filter(|(_, (system, _))| !system.predictions.is_empty());
    let shares: Vec<_> = with_predictions
        .map(|(at, (system, _))| (at, system, shares(page, system, part)))
        .filter_map(|(at, system, shares)| shares.map(|shares| (at, system, shares)))
        .collect();
    if shares.is_empty() {
        return None;
    }
    let highest = shares.iter().flat_map(|(_, _, shares)| shares.iter().copied());
    let y = Axis::around("share of the statements", highest.chain([0.0]));
    let without = |(_, system, shares): &(usize, &Answers<'_>, [f64; BINS])| {
        format!("{}: {:.0} % below an IoU of 0.05", escaped(&system.scores.system), 100.0 * shares[0])
    };
    let description = shares.iter().map(without).collect::<Vec<_>>().join("; ");
    let series: Vec<Series> = shares.iter().map(|(at, system, shares)| line(*at, system, marks(*at, shares))).collect();
    let title = "IoU of the first box".to_owned();
    Some(Chart { title, description, x: Axis::unit("IoU"), y, reference: Reference::None, series }.figure())
}

/// The share of the statements with one true box in each bin; `None` without such statements.
fn shares(page: &Page<'_>, system: &Answers<'_>, part: &Part) -> Option<[f64; BINS]> {
    let mut counts = [0usize; BINS];
    let all = answers_on(page.items, system, part);
    for iou in all.iter().flat_map(Answered::statements).filter_map(|statement| statement.first_iou()) {
        counts[((iou * BINS as f64) as usize).min(BINS - 1)] += 1;
    }
    let total: usize = counts.iter().sum();
    (total > 0).then(|| counts.map(|count| count as f64 / total as f64))
}

fn marks(at: usize, shares: &[f64; BINS]) -> Vec<Mark> {
    let edge = |bin: usize| bin as f64 / BINS as f64;
    if at == 0 {
        return vec![Mark::Bars(
            shares.iter().enumerate().map(|(bin, share)| [edge(bin), edge(bin + 1), *share]).collect(),
        )];
    }
    vec![Mark::Line(
        shares.iter().enumerate().flat_map(|(bin, share)| [[edge(bin), *share], [edge(bin + 1), *share]]).collect(),
    )]
}

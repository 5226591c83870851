//! The same statements in parts: by class, source and size, where the page's subject is weak first.

use std::collections::BTreeMap;

use super::html::{cell, escaped, table};
use super::{Answers, MAX_GROUPS, Page};
use crate::scores::{Group, GroupKind, Measure, Metric, Part};

/// The tables of one part; none where there is only one group.
pub(super) fn group_tables(page: &Page<'_>, part: &Part) -> String {
    let kinds =
        [(GroupKind::Label, "Class"), (GroupKind::Source, "Source"), (GroupKind::Size, "Size of the true boxes")];
    kinds.into_iter().map(|(kind, name)| group_table(page, part, (kind, name))).collect()
}

fn group_table(page: &Page<'_>, part: &Part, (kind, name): (GroupKind, &str)) -> String {
    let systems = page.scored_on(part);
    let Some((_, first)) = systems.first() else { return String::new() };
    let mut groups: Vec<&Group> = first.groups.iter().filter(|group| group.kind == kind).collect();
    if groups.len() < 2 {
        return String::new();
    }
    if kind == GroupKind::Size {
        groups.sort_by_key(|group| size_rank(&group.name));
    } else {
        groups.sort_by(|a, b| weakness(a).total_cmp(&weakness(b)).then_with(|| a.name.cmp(&b.name)));
    }
    let hidden = groups.len().saturating_sub(MAX_GROUPS);
    let rows: Vec<String> = groups.iter().take(MAX_GROUPS).map(|group| row(group, &systems)).collect();
    let more = if hidden > 0 { format!("<p class=\"note\">{hidden} more are not shown.</p>\n") } else { String::new() };
    table(&format!("By {}", name.to_lowercase()), &columns(name, &systems), &rows) + &more
}

/// The subject with mIoU and Acc@0.5, every other system with its mIoU.
fn columns(name: &str, systems: &[(&Answers<'_>, &Part)]) -> Vec<String> {
    let mut columns = vec![name.to_owned(), "n".to_owned()];
    for (index, (system, _)) in systems.iter().enumerate() {
        let system = escaped(&system.scores.system);
        columns.push(format!("mIoU, {system}"));
        if index == 0 {
            columns.push(format!("Acc@0.5, {system}"));
        }
    }
    columns
}

fn row(group: &Group, systems: &[(&Answers<'_>, &Part)]) -> String {
    let own = |part: &'_ Part| {
        part.groups.iter().find(|g| g.kind == group.kind && g.name == group.name).map(|g| g.measures.clone())
    };
    let mut cells = String::new();
    for (index, (_, part)) in systems.iter().enumerate() {
        let measures: BTreeMap<Measure, Metric> = own(part).unwrap_or_default();
        cells.push_str(&cell(measures.get(&Measure::MeanIou)));
        if index == 0 {
            cells.push_str(&cell(measures.get(&Measure::Accuracy50)));
        }
    }
    let name = if group.name.is_empty() { "(none)".to_owned() } else { escaped(&group.name) };
    format!("<tr><th scope=\"row\">{name}</th><td data-value=\"{n}\">{n}</td>{cells}</tr>\n", n = group.n)
}

/// Lower is weaker; what has no mIoU comes last.
fn weakness(group: &Group) -> f64 {
    group.measures.get(&Measure::MeanIou).map_or(f64::INFINITY, |metric| metric.value)
}

fn size_rank(name: &str) -> usize {
    ["<2 %", "2-10 %", ">10 %"].iter().position(|known| *known == name).unwrap_or(usize::MAX)
}

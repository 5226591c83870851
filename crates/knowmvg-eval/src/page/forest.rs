//! Paired differences between systems, as a forest plot and as a table.

use super::chart::{Axis, Chart, Mark, Reference, Series};
use super::html::{NOTHING, cell, escaped, measure_name, number, table, task_name};
use crate::noise::Corruption;
use crate::scores::{ComparedPart, Comparison, Difference, Measure};

/// More rows than this are in the table only.
const MAX_ROWS: usize = 20;

/// One line of the plot: its name, escaped, and the difference.
struct Row {
    name: String,
    is_noise: bool,
    difference: Difference,
    mcnemar: Option<f64>,
}

/// The section; empty without comparisons.
pub(super) fn section(comparisons: &[Comparison]) -> String {
    let mut out = String::new();
    for measure in [Measure::MeanIou, Measure::Accuracy50, Measure::UnionIou] {
        let rows = rows(comparisons, measure);
        if !rows.is_empty() {
            out.push_str(&format!(
                "<h3>{}</h3>\n<div class=\"plots\">\n{}</div>\n{}",
                measure_name(measure),
                plot(&rows, measure),
                numbers(&rows)
            ));
        }
    }
    if out.is_empty() {
        return out;
    }
    format!(
        "<section>\n<h2>Paired differences</h2>\n<p class=\"note\">First system minus second, on the same statements. Intervals \
         and p from a paired bootstrap over patients; McNemar's exact test takes statements as independent.</p>\n{out}</section>\n"
    )
}

fn rows(comparisons: &[Comparison], measure: Measure) -> Vec<Row> {
    let parts = comparisons.iter().flat_map(|comparison| comparison.parts.iter().map(move |part| (comparison, part)));
    let mut rows: Vec<Row> = parts.filter_map(|(comparison, part)| row(comparison, part, measure)).collect();
    rows.sort_by_key(|row| row.is_noise);
    for (index, row) in rows.iter_mut().enumerate() {
        row.name = format!("{}. {}", index + 1, row.name);
    }
    rows
}

fn row(comparison: &Comparison, part: &ComparedPart, measure: Measure) -> Option<Row> {
    let difference = *part.differences.get(&measure)?;
    let level = part.level.as_ref().map(|level| format!(" {level}")).unwrap_or_default();
    let name = format!("{} − {}, {}{level}", comparison.a, comparison.b, task_name(part.task).to_lowercase());
    let mcnemar = part.mcnemar.filter(|_| measure == Measure::Accuracy50).map(|test| test.p);
    let is_noise = part.level.as_deref().is_some_and(|level| Corruption::from_level(level).is_some());
    Some(Row { name: escaped(&name), is_noise, difference, mcnemar })
}

fn plot(rows: &[Row], measure: Measure) -> String {
    // Damaged reports have curves of their own; they stand behind the others and are plotted only if there is nothing else.
    let clean = rows.iter().take_while(|row| !row.is_noise).count();
    let shown = &rows[..if clean > 0 { clean } else { rows.len() }.min(MAX_ROWS)];
    let ends = |row: &Row| {
        row.difference.difference.interval.map_or([row.difference.difference.value; 2], |i| [i.low, i.high])
    };
    let x = Axis::around(&format!("difference of {}", measure_name(measure)), shown.iter().flat_map(ends).chain([0.0]));
    let at = |index: usize| index as f64 + 1.0;
    let intervals = shown.iter().enumerate().map(|(index, row)| [at(index), ends(row)[0], ends(row)[1]]).collect();
    let values = shown.iter().enumerate().map(|(index, row)| [row.difference.difference.value, at(index)]).collect();
    let series = Series {
        name: String::new(),
        colour: 0,
        dashed: false,
        marks: vec![Mark::Intervals(intervals), Mark::Dots(values)],
    };
    let told: Vec<String> =
        shown.iter().map(|row| format!("{}: {}", row.name, number(row.difference.difference.value))).collect();
    // From the top down, as the rows of the table, to which the numbers lead.
    let ticks = (0..shown.len()).map(at).collect();
    let y = Axis { label: "row of the table".into(), low: shown.len() as f64 + 0.5, high: 0.5, ticks, digits: 0 };
    let title = format!("{}, paired differences", measure_name(measure));
    Chart { title, description: told.join("; "), x, y, reference: Reference::Upright(0.0), series: vec![series] }
        .figure()
}

fn numbers(rows: &[Row]) -> String {
    let has_mcnemar = rows.iter().any(|row| row.mcnemar.is_some());
    let names = ["Systems", "first", "second", "difference", "p (bootstrap)", "p (McNemar)"];
    let columns: Vec<String> = names[..if has_mcnemar { 6 } else { 5 }].iter().map(|name| (*name).to_owned()).collect();
    let p = |value: Option<f64>| {
        value.map_or(format!("<td>{NOTHING}</td>"), |p| format!("<td data-value=\"{p}\">{}</td>", p_value(p)))
    };
    let plain = |value: f64| format!("<td data-value=\"{value}\">{}</td>", number(value));
    let row = |row: &Row| {
        let Difference { a, b, difference, p: bootstrap } = &row.difference;
        format!(
            "<tr><th scope=\"row\">{}</th>{}{}{}{}{}</tr>\n",
            row.name,
            plain(*a),
            plain(*b),
            cell(Some(difference)),
            p(*bootstrap),
            if has_mcnemar { p(row.mcnemar) } else { String::new() }
        )
    };
    table("Differences", &columns, &rows.iter().map(row).collect::<Vec<_>>())
}

/// A p value that is never printed as zero.
fn p_value(p: f64) -> String {
    if p < 0.001 { "&lt; 0.001".to_owned() } else { number(p) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_p_value_is_not_zero() {
        assert_eq!((p_value(0.0), p_value(0.0421)), ("&lt; 0.001".to_owned(), "0.042".to_owned()));
    }
}

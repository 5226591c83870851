//! The report of `knowmvg data check` for people.

use std::fmt::Write;

use knowmvg_data::Report;
use knowmvg_data::check::{Problem, Summary};

use crate::output;

/// Most problems that are printed one by one; `--json` has more.
const MAX_SHOWN: usize = 20;

/// Inputs, counts of problems, leakage, and the first problems.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    report.inputs.iter().for_each(|input| text.push_str(&summary(input)));
    for (kind, count) in &report.counts {
        let _ = writeln!(text, "  {count:>7} {}", kind.description());
    }
    for leak in &report.leaks {
        let _ = writeln!(
            text,
            "{} and {} share {} images and {} patients; {} more images look alike",
            output::printable(&leak.left),
            output::printable(&leak.right),
            leak.images,
            leak.patients,
            leak.near_duplicates
        );
    }
    report.problems.iter().take(MAX_SHOWN).for_each(|problem| text.push_str(&row(problem)));
    let found: usize = report.counts.values().sum();
    match found.saturating_sub(MAX_SHOWN) {
        0 if found == 0 => text + "nothing wrong was found\n",
        0 => text,
        more => text + &format!("… and {more} more; --json lists them\n"),
    }
}

fn summary(input: &Summary) -> String {
    let splits: Vec<String> =
        input.splits.iter().map(|(name, count)| format!("{} {count}", split_name(name))).collect();
    format!(
        "{}: {} entries ({}), {} patients, {} statements, {} boxes, {} image files read\n",
        output::printable(&input.name),
        input.entries,
        output::shortened(&splits.join(", "), 80),
        input.patients,
        input.targets,
        input.boxes,
        input.images_read
    )
}

fn split_name(name: &str) -> &str {
    if name.is_empty() { "no split" } else { name }
}

fn row(problem: &Problem) -> String {
    let image = problem.image.as_deref().unwrap_or("-");
    let (input, image) = (output::printable(&problem.input), output::shortened(image, 40));
    format!("{input}: {image}: {}: {}\n", problem.kind.description(), output::printable(&problem.detail))
}

//! Scores and comparisons for people.

use std::fmt::Write;

use knowmvg::grounding::NOTICE;
use knowmvg_eval::{Comparison, GroupKind, Measure, Metric, Part, Scores};

/// What stands in the columns.
const COLUMNS: [(Measure, &str); 5] = [
    (Measure::MeanIou, "mIoU"),
    (Measure::Accuracy50, "Acc@0.5"),
    (Measure::Accuracy10, "Acc@0.1"),
    (Measure::UnionIou, "union IoU"),
    (Measure::Pointing, "pointing"),
];

/// Every task and level as a block, with one line a system.
pub fn table(scores: &[Scores]) -> String {
    let mut text = String::new();
    let first = scores.first().map(|scores| scores.parts.as_slice()).unwrap_or_default();
    for (index, part) in first.iter().enumerate() {
        header(&mut text, part);
        for system in scores {
            system.parts.get(index).into_iter().for_each(|part| row(&mut text, &system.system, part));
        }
    }
    if let Some(scores) = scores.first() {
        let _ = writeln!(text, "\nintervals: 95 %, {} resamples of patients, seed {}", scores.resamples, scores.seed);
    }
    text + NOTICE + "\n"
}

fn header(text: &mut String, part: &Part) {
    let counts = part.counts;
    let level = part.level.as_ref().map(|level| format!(", {level}")).unwrap_or_default();
    let task = format!("{:?}", part.task).to_lowercase();
    let _ = writeln!(
        text,
        "\n{task}{level}: {} items, {} images, {} patients; {} statements with boxes ({} with one), {} without",
        counts.items, counts.images, counts.patients, counts.present, counts.single_box, counts.absent
    );
    let columns: String = COLUMNS.iter().map(|(_, name)| format!("{name:<21}")).collect();
    let _ = writeln!(text, "{:<20} {columns}{:<21}{:<8} answers", "system", "AUROC", "AP50");
}

fn row(text: &mut String, system: &str, part: &Part) {
    let overall = part.groups.iter().find(|group| group.kind == GroupKind::Overall);
    let measured = |measure: &Measure| overall.and_then(|group| group.measures.get(measure));
    let columns: String = COLUMNS.iter().map(|(measure, _)| format!("{:<21}", cell(measured(measure)))).collect();
    let presence = cell(part.presence.as_ref().map(|presence| &presence.auroc));
    let detection = part.detection.as_ref().map_or("-".to_owned(), |d| format!("{:.3}", d.pooled.ap50));
    let answers = cell(part.answers.as_ref().map(|answers| &answers.accuracy));
    let _ = writeln!(text, "{system:<20} {columns}{presence:<21}{detection:<8} {answers}");
    if part.counts.missing > 0 {
        let _ = writeln!(text, "{:<20} {} items have no answer and count as wrong", "", part.counts.missing);
    }
}

fn cell(metric: Option<&Metric>) -> String {
    let Some(metric) = metric else { return "-".to_owned() };
    let ends = metric.interval.map(|i| format!(" [{:.3}, {:.3}]", i.low, i.high)).unwrap_or_default();
    format!("{:.3}{ends}", metric.value)
}

/// Two systems on the same statements.
pub fn comparison(compared: &Comparison) -> String {
    let mut text = format!("{} against {}\n", compared.a, compared.b);
    for part in &compared.parts {
        let level = part.level.as_ref().map(|level| format!(", {level}")).unwrap_or_default();
        let _ = writeln!(text, "\n{}{level}", format!("{:?}", part.task).to_lowercase());
        for (measure, difference) in &part.differences {
            let p = difference.p.map(|p| format!(", p = {p:.4}")).unwrap_or_default();
            let (a, b, change) = (difference.a, difference.b, cell(Some(&difference.difference)));
            let _ = writeln!(text, "{:<12} {a:.3} - {b:.3} = {change}{p}", format!("{measure:?}"));
        }
        if let Some(test) = part.mcnemar {
            let _ = writeln!(text, "McNemar      {} against {}, p = {:.4}", test.only_a, test.only_b, test.p);
        }
    }
    let _ = writeln!(text, "\n95 %, {} resamples of patients, seed {}", compared.resamples, compared.seed);
    text + NOTICE + "\n"
}

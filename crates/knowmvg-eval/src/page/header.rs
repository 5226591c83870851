//! What was run, on what, with which seeds; and what the words of the page mean.

use knowmvg::grounding::NOTICE;

use super::html::escaped;
use super::{About, Page};

/// The top of the page.
pub(super) fn header(about: &About) -> String {
    let facts: Vec<String> = facts(about)
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>", escaped(&value)))
        .collect();
    format!(
        "<header>\n<h1>{}</h1>\n<p class=\"notice\">{}</p>\n<dl class=\"facts\">{}</dl>\n</header>\n",
        escaped(&about.title),
        escaped(NOTICE),
        facts.concat()
    )
}

fn facts(about: &About) -> Vec<(&'static str, String)> {
    let model = about.model.as_ref();
    vec![
        ("Date", about.date.clone()),
        ("Data set", about.data_set.clone()),
        ("Split", about.split.clone()),
        ("Model", model.map(|m| format!("{} {}", m.name, m.version)).unwrap_or_default()),
        ("Weights (SHA-256)", model.map(|m| m.sha256.clone()).unwrap_or_default()),
        ("Knowledge base", model.map(|m| m.knowledge.clone()).unwrap_or_default()),
        ("Seeds", about.seeds.clone()),
    ]
}

const DEFINITIONS: [(&str, &str); 10] = [
    ("mIoU", "mean IoU of the first box, over statements with exactly one true box; no box counts 0"),
    ("Acc@t", "share of these statements with an IoU of at least t; some papers call Acc@0.5 AP50"),
    ("Union IoU", "IoU of all predicted boxes together with all true boxes together"),
    ("AP50", "COCO average precision at an IoU of 0.5, mean over the classes; without an interval"),
    ("AUROC", "how well the stated presence tells statements that are true of the image from those that are not"),
    ("ECE", "expected calibration error of the first box's confidence against an IoU of at least 0.5; lower is better"),
    ("ECE by chance", "the ECE that exact confidences would have on so few boxes; nothing below it means anything"),
    ("Macro", "each class weighs the same"),
    ("Floor", "a system that a model must beat, e.g. one that never sees the image; in italics, dashed in plots"),
    ("[low, high]", "95 % percentile interval of a bootstrap over patients"),
];

/// The bottom of the page.
pub(super) fn footer(page: &Page<'_>) -> String {
    let entries: Vec<String> =
        DEFINITIONS.iter().map(|(name, text)| format!("<dt>{name}</dt><dd>{text}</dd>")).collect();
    let resampling = page.systems.first().map_or(String::new(), |system| {
        format!("<p>{} resamples, seed {}.</p>", system.scores.resamples, system.scores.seed)
    });
    format!(
        "<footer>\n<h2>What the words mean</h2>\n<dl class=\"facts\">{}</dl>\n{resampling}\n<p>{}</p>\n</footer>\n",
        entries.concat(),
        escaped(NOTICE)
    )
}

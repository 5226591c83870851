//! The tables of an ablation: what every arm scores, how it differs from the reference arm, and where its decoder looked.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use knowmvg::eval::{Interval, Resampling};
use knowmvg::train::attention::Looked;
use knowmvg::train::score::Scored;
use serde::Serialize;

use super::examine::AtLevel;

/// IoU from which a box counts as right.
const HIT: f64 = 0.5;

/// The finished runs of one arm.
#[derive(Debug, Default)]
pub struct Arm {
    /// Scored phrases, one list a seed.
    pub scored: Vec<Vec<AtLevel<Scored>>>,
    /// Where the decoder looked, of all seeds.
    pub looked: Vec<AtLevel<Looked>>,
}

/// Both tables.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tables {
    /// The arm that the others are compared with.
    pub reference: String,
    /// One row an arm and level of text.
    pub arms: Vec<Row>,
    /// One row an arm, level of text and layer.
    pub attention: Vec<LookedRow>,
    /// Not a medical device.
    pub notice: &'static str,
}

/// What an arm scores at one level of text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Name of the arm.
    pub arm: String,
    /// `class`, `zone` or `anatomy`.
    pub level: String,
    /// Finished seeds.
    pub seeds: usize,
    /// Phrases.
    pub n: usize,
    /// Mean IoU of each seed.
    pub mean_iou_by_seed: Vec<f64>,
    /// Their mean.
    pub mean_iou: f64,
    /// Mean over seeds of the share with IoU of at least 0.5.
    pub acc_at_50: f64,
    /// Mean IoU of the image-blind prior on the same phrases.
    pub blind_mean_iou: f64,
    /// Reference minus this arm, mean IoU; `None` for the reference itself.
    pub gain_of_reference: Option<Difference>,
    /// The same in Acc@0.5.
    pub acc_gain_of_reference: Option<Difference>,
}

/// A paired difference: per phrase, the mean over seeds of one arm minus that of the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// Mean over phrases.
    pub value: f64,
    /// Middle 95 % of means over resampled patients.
    pub interval: Option<Interval>,
}

/// Where the decoder of an arm looked in one layer; means over phrases and seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LookedRow {
    /// Name of the arm.
    pub arm: String,
    /// `class` or `zone`.
    pub level: String,
    /// From 0.
    pub layer: usize,
    /// Share of the attention inside the true box.
    pub energy_inside: f64,
    /// What flat attention would have inside.
    pub flat: f64,
    /// Entropy over that of flat attention.
    pub entropy: f64,
    /// Share of phrases whose most looked-at patch lies in the true box.
    pub pointing: f64,
}

/// One phrase of one image, averaged over seeds.
#[derive(Debug, Clone, Copy, Default)]
struct Phrase<'a> {
    patient: &'a str,
    iou: f64,
    hit: f64,
    blind: f64,
}

type Key<'a> = (&'a str, &'a str, &'a str, String);

impl Tables {
    /// From the finished runs of every arm.
    pub fn new(reference: &str, arms: &BTreeMap<String, Arm>) -> Self {
        let mut tables = Self {
            reference: reference.to_owned(),
            arms: vec![],
            attention: vec![],
            notice: "Research software, not a medical device.",
        };
        let levels: std::collections::BTreeSet<&str> = arms.values().flat_map(levels_of).collect();
        for level in levels {
            let phrases: BTreeMap<&str, BTreeMap<Key, Phrase>> =
                arms.iter().map(|(name, arm)| (name.as_str(), averaged(arm, level))).collect();
            for (name, arm) in arms.iter().filter(|(_, arm)| !arm.scored.is_empty()) {
                let other = (name != reference).then(|| phrases.get(reference)).flatten();
                tables.arms.push(row(name, level, arm, &phrases[name.as_str()], other));
            }
        }
        for (name, arm) in arms {
            tables.attention.extend(looked_rows(name, &arm.looked));
        }
        tables
    }
}

fn levels_of(arm: &Arm) -> impl Iterator<Item = &str> {
    arm.scored.iter().flatten().map(|row| row.level.as_str())
}

/// Each phrase of a level by what it asks, its values averaged over the seeds that have it.
fn averaged<'a>(arm: &'a Arm, level: &str) -> BTreeMap<Key<'a>, Phrase<'a>> {
    let mut sums: BTreeMap<Key, (Phrase, f64)> = BTreeMap::new();
    for AtLevel { row, .. } in arm.scored.iter().flatten().filter(|row| row.level == level) {
        let key = (row.id.as_str(), row.label.as_str(), row.text.as_str(), format!("{:?}", row.truth.xyxy()));
        let (sum, count) = sums.entry(key).or_default();
        sum.patient = &row.patient;
        sum.iou += row.iou;
        sum.hit += f64::from(row.iou >= HIT);
        sum.blind += row.prior_iou;
        *count += 1.0;
    }
    let mean = |(p, n): (Phrase<'a>, f64)| Phrase { iou: p.iou / n, hit: p.hit / n, blind: p.blind / n, ..p };
    sums.into_iter().map(|(key, sum)| (key, mean(sum))).collect()
}

fn row(
    name: &str,
    level: &str,
    arm: &Arm,
    phrases: &BTreeMap<Key, Phrase>,
    reference: Option<&BTreeMap<Key, Phrase>>,
) -> Row {
    let mean = |value: &dyn Fn(&Phrase) -> f64| phrases.values().map(value).sum::<f64>() / phrases.len().max(1) as f64;
    let of_seed = |rows: &Vec<AtLevel<Scored>>| {
        let ious: Vec<f64> = rows.iter().filter(|row| row.level == level).map(|row| row.row.iou).collect();
        ious.iter().sum::<f64>() / ious.len().max(1) as f64
    };
    let against = |value: fn(&Phrase) -> f64| reference.map(|reference| difference(reference, phrases, value));
    Row {
        arm: name.to_owned(),
        level: level.to_owned(),
        seeds: arm.scored.len(),
        n: phrases.len(),
        mean_iou_by_seed: arm.scored.iter().map(of_seed).collect(),
        mean_iou: mean(&|p| p.iou),
        acc_at_50: mean(&|p| p.hit),
        blind_mean_iou: mean(&|p| p.blind),
        gain_of_reference: against(|p| p.iou),
        acc_gain_of_reference: against(|p| p.hit),
    }
}

fn difference(a: &BTreeMap<Key, Phrase>, b: &BTreeMap<Key, Phrase>, value: fn(&Phrase) -> f64) -> Difference {
    let pairs = a.iter().filter_map(|(key, a)| Some((a.patient, value(a) - value(b.get(key)?))));
    let pairs: Vec<(&str, f64)> = pairs.collect();
    let mean = pairs.iter().map(|(_, d)| d).sum::<f64>() / pairs.len().max(1) as f64;
    Difference { value: mean, interval: Resampling::default().mean_interval(pairs) }
}

fn looked_rows(arm: &str, looked: &[AtLevel<Looked>]) -> Vec<LookedRow> {
    let mut groups: BTreeMap<(&str, usize), Vec<&Looked>> = BTreeMap::new();
    for AtLevel { level, row } in looked {
        groups.entry((level, row.layer)).or_default().push(row);
    }
    let row = |((level, layer), rows): ((&str, usize), Vec<&Looked>)| {
        let mean = |value: &dyn Fn(&Looked) -> f64| rows.iter().map(|r| value(r)).sum::<f64>() / rows.len() as f64;
        LookedRow {
            arm: arm.to_owned(),
            level: level.to_owned(),
            layer,
            energy_inside: mean(&|r| r.energy_inside),
            flat: mean(&|r| r.box_share),
            entropy: mean(&|r| r.entropy),
            pointing: mean(&|r| f64::from(r.is_pointing)),
        }
    };
    groups.into_iter().map(row).collect()
}

/// The tables for people, in Markdown.
pub fn markdown(tables: &Tables) -> String {
    let mut text = String::from(
        "| arm | text | seeds | n | mIoU | of each seed | Acc@0.5 | blind mIoU | reference gains mIoU | Acc@0.5 |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in &tables.arms {
        let seeds: Vec<String> = row.mean_iou_by_seed.iter().map(|v| format!("{v:.3}")).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {:.3} | {} | {:.3} | {:.3} | {} | {} |",
            row.arm,
            row.level,
            row.seeds,
            row.n,
            row.mean_iou,
            seeds.join(", "),
            row.acc_at_50,
            row.blind_mean_iou,
            signed(row.gain_of_reference.as_ref()),
            signed(row.acc_gain_of_reference.as_ref()),
        );
    }
    text += "\n| arm | text | layer | energy in the box | flat | entropy | pointing |\n|---|---|---|---|---|---|---|\n";
    for LookedRow { arm, level, layer, energy_inside, flat, entropy, pointing } in &tables.attention {
        let _ = writeln!(
            text,
            "| {arm} | {level} | {layer} | {energy_inside:.3} | {flat:.3} | {entropy:.3} | {pointing:.3} |"
        );
    }
    let _ = writeln!(text, "\nReference: {}. Intervals: 95 %, over patients. {}", tables.reference, tables.notice);
    text
}

fn signed(difference: Option<&Difference>) -> String {
    let Some(Difference { value, interval }) = difference else { return "–".into() };
    let interval = interval.map(|i| format!(" [{:+.3}, {:+.3}]", i.low, i.high)).unwrap_or_default();
    format!("{value:+.3}{interval}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scored(patient: &str, iou: f64) -> AtLevel<Scored> {
        let corners = [0.1, 0.1, 0.4, 0.4];
        let row = json!({"level": "class", "id": patient, "patient": patient, "source": "s", "label": "mass",
                         "text": "mass", "truth": corners, "predicted": corners, "presence": 0.9, "spread": 0.1,
                         "iou": iou, "agreement": 0.5, "prior_iou": 0.2});
        serde_json::from_value(row).unwrap()
    }

    fn arm(seeds: &[[f64; 3]]) -> Arm {
        let rows = |ious: &[f64; 3]| ious.iter().enumerate().map(|(i, iou)| scored(&format!("p{i}"), *iou)).collect();
        Arm { scored: seeds.iter().map(rows).collect(), looked: vec![] }
    }

    #[test]
    fn seeds_are_averaged_before_arms_are_compared() {
        let full = arm(&[[0.6, 0.7, 0.8], [0.8, 0.7, 0.6]]);
        let less = arm(&[[0.4, 0.5, 0.6], [0.6, 0.5, 0.4]]);
        let tables = Tables::new("full", &BTreeMap::from([("full".into(), full), ("less".into(), less)]));
        let [full, less] = &tables.arms[..] else { panic!("expected two rows") };
        assert!((full.mean_iou - 0.7).abs() < 1e-12 && full.acc_at_50 == 1.0 && full.gain_of_reference.is_none());
        let gain = less.gain_of_reference.unwrap();
        // Every phrase differs by 0.2 once the seeds are averaged, so no resampling can move the mean.
        assert!((gain.value - 0.2).abs() < 1e-12);
        let interval = gain.interval.unwrap();
        assert!((interval.low - 0.2).abs() < 1e-12 && (interval.high - 0.2).abs() < 1e-12);
        assert!(markdown(&tables).contains("| less | class | 2 | 3 | 0.500 | 0.500, 0.500 | 0.667 |"));
    }
}

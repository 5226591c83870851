//! What must hold for any items and predictions.

use knowmvg::eval::Resampling;
use knowmvg::geometry::{Box2, Image};
use knowmvg_eval::region::{rectangles, union_area, union_iou};
use knowmvg_eval::{
    GroupKind, Heat, Item, Measure, Part, Prediction, ScoredBox, Scores, System, Target, Task, compare, score,
};
use proptest::collection::vec;
use proptest::prelude::*;

mod common;
use common::{found, item, pixels, prediction, scored, target};

/// Few draws: these laws hold for every number of them.
const FEW: Resampling = Resampling { resamples: 40, seed: 7 };

fn a_box() -> impl Strategy<Value = Box2<Image>> {
    // A grid, so that equal edges, touching boxes and boxes without area are common.
    (0..8_u32, 0..8_u32, 0..5_u32, 0..5_u32)
        .prop_map(|(x, y, w, h)| pixels([x, y, x + w, y + h].map(|v| f64::from(v) * 90.0)))
}

fn a_scored_box() -> impl Strategy<Value = ScoredBox> {
    (a_box(), 0..5_u32).prop_map(|(bounds, level)| ScoredBox { bounds, confidence: f64::from(level) / 4.0 })
}

fn a_target() -> impl Strategy<Value = Target> {
    (prop::sample::select(vec!["mass", "nodule", "effusion"]), vec(a_box(), 0..3))
        .prop_map(|(l, boxes)| target(l, boxes))
}

fn a_heat() -> impl Strategy<Value = Option<Heat>> {
    prop::option::of(vec(any::<u8>(), 12).prop_map(|values| Heat { cols: 4, rows: 3, values }))
}

/// What is asked and, mostly, answered.
type Asked = (Vec<Item>, Vec<Prediction>);

fn phrases() -> impl Strategy<Value = Asked> {
    let one = (a_target(), vec(a_scored_box(), 0..3), 0..6_u32, prop::option::of(0..5_u32), a_heat());
    vec(one, 1..14).prop_map(|rows| {
        let (mut items, mut predictions) = (Vec::new(), Vec::new());
        for (index, (target, boxes, patient, presence, heat)) in rows.into_iter().enumerate() {
            let id = format!("i{index}");
            let answer = common_found(boxes, presence.map(|level| f64::from(level) / 4.0), heat);
            items.push(item(&id, &format!("p{patient}"), Task::Phrase, vec![target]));
            predictions.extend((index % 7 != 3).then(|| prediction(&id, vec![answer])));
        }
        (items, predictions)
    })
}

fn common_found(boxes: Vec<ScoredBox>, presence: Option<f64>, heat: Option<Heat>) -> knowmvg_eval::Found {
    knowmvg_eval::Found { presence, heat, ..found(None, boxes) }
}

fn reports() -> impl Strategy<Value = Asked> {
    let label = prop::option::of(prop::sample::select(vec!["mass", "nodule", "effusion", "fracture"]));
    let finding = (label, vec(a_scored_box(), 0..3)).prop_map(|(label, boxes)| found(label, boxes));
    vec((vec(a_target(), 0..4), vec(finding, 0..5), 0..6_u32), 1..10).prop_map(|rows| {
        let one = |(index, (targets, findings, patient)): (usize, (Vec<Target>, Vec<_>, u32))| {
            let id = format!("r{index}");
            (item(&id, &format!("p{patient}"), Task::Report, targets), prediction(&id, findings))
        };
        rows.into_iter().enumerate().map(one).unzip()
    })
}

fn scores((items, predictions): &Asked) -> Scores {
    score("law", items, predictions, FEW).unwrap()
}

fn only_part(asked: &Asked) -> Part {
    scores(asked).parts.remove(0)
}

fn overall(part: &Part, measure: Measure) -> Option<f64> {
    part.groups.iter().find(|g| g.kind == GroupKind::Overall)?.measures.get(&measure).map(|metric| metric.value)
}

/// Every metric of a group that is a share.
fn shares(part: &Part) -> Vec<f64> {
    let groups = part.groups.iter().flat_map(|group| &group.measures);
    let of_boxes = groups.filter(|(measure, _)| **measure != Measure::Cnr).map(|(_, metric)| *metric);
    let of_rest = part.calibration.iter().flat_map(|c| [c.ece, c.adaptive_ece, c.brier]);
    let of_presence = part.presence.iter().map(|p| p.auroc);
    let of_risk = part.selective.iter().flat_map(|s| [s.miss.full, s.miss.at_80, s.miss.aurc, s.one_minus_iou.aurc]);
    let metrics = of_boxes.chain(of_rest).chain(of_presence).chain(of_risk);
    let ends = metrics.flat_map(|m| m.interval.map_or(vec![m.value], |i| vec![m.value, i.low, i.high]));
    ends.chain(part.detection.iter().flat_map(|d| [d.mean.ap, d.mean.ap50, d.mean.ap75, d.pooled.ap])).collect()
}

fn shuffled<T: Clone>(values: &[T], turn: usize) -> Vec<T> {
    let mut values = values.to_vec();
    values.reverse();
    let middle = turn % values.len().max(1);
    values.rotate_left(middle);
    values
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_lines_changes_nothing(asked in prop_oneof![phrases(), reports()], turn in 0..50_usize) {
        let moved = (shuffled(&asked.0, turn), shuffled(&asked.1, turn * 3 + 1));
        prop_assert_eq!(scores(&moved), scores(&asked));
    }

    #[test]
    fn shares_are_shares(asked in prop_oneof![phrases(), reports()]) {
        for share in shares(&only_part(&asked)) {
            prop_assert!((-1e-12..=1.0 + 1e-12).contains(&share), "{}", share);
        }
    }

    #[test]
    fn a_system_does_not_differ_from_itself(asked in prop_oneof![phrases(), reports()]) {
        let runs = [asked.1.as_slice()];
        let system = System { name: "law", runs: &runs };
        for part in compare(&asked.0, system, system, FEW).unwrap().parts {
            prop_assert_eq!(part.mcnemar.unwrap().p, 1.0);
            for difference in part.differences.values() {
                prop_assert_eq!(difference.difference.value, 0.0);
                prop_assert!(difference.p.is_none_or(|p| p == 1.0));
            }
        }
    }

    #[test]
    fn a_comparison_turns_round((items, predictions) in phrases()) {
        let (a, b) = ([predictions.as_slice()], [&predictions[..predictions.len() / 2]]);
        let (a, b) = (System { name: "a", runs: &a }, System { name: "b", runs: &b });
        let (there, back) = (compare(&items, a, b, FEW).unwrap(), compare(&items, b, a, FEW).unwrap());
        for (there, back) in there.parts.iter().zip(&back.parts) {
            prop_assert_eq!(there.mcnemar.map(|m| (m.only_a, m.only_b, m.p)), back.mcnemar.map(|m| (m.only_b, m.only_a, m.p)));
            for (measure, difference) in &there.differences {
                let other = &back.differences[measure];
                prop_assert!((difference.difference.value + other.difference.value).abs() < 1e-12);
                prop_assert_eq!(difference.p, other.p);
                prop_assert!(difference.difference.value >= 0.0, "half of the answers beat all of them");
            }
        }
    }

    #[test]
    fn the_same_run_twice_is_the_run((items, predictions) in phrases()) {
        let none: [&[Prediction]; 1] = [&[]];
        let (once, twice) = ([predictions.as_slice()], [predictions.as_slice(); 2]);
        let silent = System { name: "silent", runs: &none };
        let of = |runs| compare(&items, System { name: "a", runs }, silent, FEW).unwrap().parts.remove(0).differences;
        prop_assert_eq!(of(&once), of(&twice));
    }

    #[test]
    fn answering_with_the_truth_is_never_worse((items, predictions) in phrases(), chosen in 0..14_usize) {
        let before = only_part(&(items.clone(), predictions.clone()));
        let chosen = &items[chosen % items.len()];
        // A true box without area cannot be met, so naming it is an error like any other.
        let truth = chosen.targets[0].boxes.iter().filter(|b| b.area() > 0.0);
        let truth = truth.map(|b| ScoredBox { bounds: *b, confidence: 1.0 }).collect();
        let mut better: Vec<Prediction> = predictions.into_iter().filter(|p| p.item != chosen.id).collect();
        better.push(prediction(&chosen.id, vec![found(None, truth)]));
        let after = only_part(&(items, better));
        for measure in [Measure::MeanIou, Measure::Accuracy10, Measure::Accuracy50, Measure::UnionIou] {
            prop_assert!(overall(&after, measure) >= overall(&before, measure).map(|value| value - 1e-12), "{:?}", measure);
        }
        prop_assert!(after.detection.map(|d| d.pooled.ap50) >= before.detection.map(|d| d.pooled.ap50 - 1e-12));
    }

    #[test]
    fn the_truth_is_perfect((items, _) in phrases()) {
        let area = |item: &Item| item.targets[0].boxes.iter().all(|b| b.area() > 0.0);
        let items: Vec<Item> = items.into_iter().filter(area).collect();
        prop_assume!(items.iter().any(|item| !item.targets[0].boxes.is_empty()));
        let answer = |item: &Item| {
            let boxes = item.targets[0].boxes.iter().map(|b| ScoredBox { bounds: *b, confidence: 1.0 });
            prediction(&item.id, vec![found(None, boxes.collect())])
        };
        let part = only_part(&(items.clone(), items.iter().map(answer).collect()));
        prop_assert_eq!(overall(&part, Measure::UnionIou), Some(1.0));
        prop_assert!(overall(&part, Measure::MeanIou).is_none_or(|iou| iou == 1.0));
        prop_assert!((part.detection.unwrap().mean.ap - 1.0).abs() < 1e-12);
        prop_assert!(part.presence.is_none_or(|p| p.auroc.value == 1.0));
    }

    #[test]
    fn the_union_of_one_box_is_the_box(a in a_box(), b in a_box()) {
        prop_assert!((union_iou(&[a], &[b]) - a.iou(&b)).abs() < 1e-12);
        prop_assert!((union_area(&[a]) - a.area()).abs() < 1e-9);
    }

    #[test]
    fn unions_are_symmetric_and_repeat_nothing(a in vec(a_box(), 0..6), b in vec(a_box(), 0..6)) {
        let twice = [a.as_slice(), &a].concat();
        prop_assert!((union_iou(&a, &b) - union_iou(&b, &a)).abs() < 1e-12);
        prop_assert_eq!(union_iou(&twice, &b), union_iou(&a, &b));
        prop_assert!(union_area(&[a.as_slice(), &b].concat()) <= union_area(&a) + union_area(&b) + 1e-6);
    }

    #[test]
    fn rectangles_do_not_overlap(boxes in vec(a_box(), 0..6)) {
        let rectangles: Vec<Box2<Image>> = rectangles(&boxes).into_iter().map(pixels).collect();
        for (index, rectangle) in rectangles.iter().enumerate() {
            prop_assert!(rectangles[..index].iter().all(|other| other.iou(rectangle) == 0.0));
        }
    }
}

#[test]
fn an_item_without_a_prediction_counts_as_wrong() {
    let square = [0.0, 0.0, 100.0, 100.0];
    let items = ["a", "b"].map(|id| item(id, id, Task::Class, vec![target("mass", vec![pixels(square)])]));
    let part = only_part(&(items.to_vec(), vec![prediction("a", vec![found(None, vec![scored(square, 0.9)])])]));
    assert_eq!((part.counts.missing, overall(&part, Measure::MeanIou)), (1, Some(0.5)));
    assert_eq!(part.selective.unwrap().miss.full.value, 0.5);
    assert_eq!(part.calibration.unwrap().ece.n, 1);
}

#[test]
fn tasks_and_levels_are_apart() {
    let asked = |id: &str, task, level: Option<&str>| Item {
        level: level.map(str::to_owned),
        ..item(id, id, task, vec![target("mass", vec![pixels([0.0, 0.0, 10.0, 10.0])])])
    };
    let items =
        vec![asked("a", Task::Phrase, Some("zone")), asked("b", Task::Phrase, None), asked("c", Task::Report, None)];
    let found: Vec<(Task, Option<String>)> =
        scores(&(items, Vec::new())).parts.into_iter().map(|p| (p.task, p.level)).collect();
    let zone = Some("zone".to_owned());
    assert_eq!(found, [(Task::Report, None), (Task::Phrase, None), (Task::Phrase, zone)]);
}

#[test]
fn questions_are_scored_by_words_and_boxes() {
    let square = [0.0, 0.0, 100.0, 100.0];
    let question = |id: &str, answer: &str| Item {
        answer: Some(answer.to_owned()),
        ..item(id, id, Task::Vqa, vec![target("mass", vec![pixels(square)])])
    };
    let answer = |id: &str, words: &str| Prediction {
        answer: Some(words.to_owned()),
        ..prediction(id, vec![found(None, vec![scored(square, 0.5)])])
    };
    let items = vec![question("a", "yes"), question("b", "no"), question("c", "Left lung"), question("d", "yes")];
    let part =
        only_part(&(items, vec![answer("a", "Yes, there is."), answer("b", "yes"), answer("c", "the left lung")]));
    let answers = part.answers.as_ref().unwrap();
    assert_eq!((answers.accuracy.value, answers.accuracy.n), (0.5, 4));
    assert_eq!(answers.yes_no.map(|m| (m.value, m.n)), Some((1.0 / 3.0, 3)));
    assert_eq!(answers.open.map(|m| m.value), Some(1.0));
    assert_eq!(overall(&part, Measure::MeanIou), Some(0.75));
}

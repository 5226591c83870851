//! Laws of the noise protocol.

use std::collections::BTreeSet;

use knowmvg::grounding::{Assertion, Side};
use knowmvg::knowledge::KnowledgeBase;
use knowmvg::prior::Location;
use knowmvg::report::{self, Zone};
use knowmvg::train::compose;
use knowmvg_eval::noise::template::{self, Statement};
use knowmvg_eval::noise::{Corruption, Effect, MAX_ADDED_BYTES, Report, Severity, Surroundings};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const SIDES: [Option<Side>; 3] = [None, Some(Side::Left), Some(Side::Right)];
const ZONES: [Option<Zone>; 4] = [None, Some(Zone::Upper), Some(Zone::Mid), Some(Zone::Lower)];
const LABELS: [&str; 6] = ["Effusion", "Pneumothorax", "Nodule", "Atelectasis", "Cardiomegaly", "Consolidation"];

fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn surroundings() -> Surroundings {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
    Surroundings {
        target: Vec::new(),
        elsewhere: names(&["a right apical pneumothorax", "Cardiomegaly."]),
        absent: names(&["mass", "fracture", "emphysema"]),
    }
}

/// A report from the templates.
fn written() -> impl Strategy<Value = Report> {
    (0..LABELS.len(), 0..SIDES.len(), 0..ZONES.len(), any::<u64>()).prop_map(|(label, side, zone, seed)| {
        let location = Location { side: SIDES[side], zone: ZONES[zone] };
        let statement = Statement { label: LABELS[label], location, absent: &["mass", "fracture"] };
        template::write(&statement, &mut generator(seed)).unwrap()
    })
}

/// Any text, with words that the corruptions look for, and any part of it as the target.
fn arbitrary() -> impl Strategy<Value = Report> {
    let words = "(left|Right|LLL|no|upper lobe|effusion|There is |\\.|\n|ß|ﬀ|\u{130}|💉|e\u{301}| |\\PC){0,40}";
    (words, any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(text, a, b)| {
        let at = |index: prop::sample::Index| text.floor_char_boundary(index.index(text.len() + 1));
        let (start, end) = (at(a).min(at(b)), at(a).max(at(b)));
        Report::new(&text, std::slice::from_ref(&(start..end))).unwrap().with_surroundings(surroundings())
    })
}

fn any_report() -> impl Strategy<Value = Report> {
    prop_oneof![written(), arbitrary()]
}

fn targets(report: &Report) -> Vec<&str> {
    report.target_sentences().collect()
}

/// What the whole text says: finding, assertion.
fn statements(text: &str) -> BTreeSet<(Option<String>, bool)> {
    let phrases = report::phrases(text, KnowledgeBase::chest());
    phrases.into_iter().map(|phrase| (phrase.finding, phrase.assertion == Assertion::Absent)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn severity_zero_is_the_identity(report in any_report(), seed: u64) {
        for kind in Corruption::EVERY {
            prop_assert_eq!(kind.apply(&report, Severity::ALL[0], &mut generator(seed)), report.clone());
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_text(report in any_report(), seed: u64) {
        for kind in Corruption::EVERY {
            let damaged = || kind.apply(&report, Severity::ALL[3], &mut generator(seed));
            prop_assert_eq!(damaged(), damaged());
        }
    }

    #[test]
    fn edits_grow_with_severity_and_sizes_are_bounded(report in any_report(), seed: u64) {
        let longest = 3 * (report.text().len() + MAX_ADDED_BYTES);
        for kind in Corruption::EVERY {
            let damaged = Severity::ALL.map(|severity| kind.apply(&report, severity, &mut generator(seed)));
            let edits = damaged.each_ref().map(Report::edits);
            prop_assert!(edits.is_sorted(), "{}: {:?}", kind.name(), edits);
            prop_assert!(damaged.iter().all(|report| report.text().len() <= longest));
            let changed = damaged.each_ref().map(|damaged| damaged.text() != report.text());
            prop_assert!((0..5).all(|s| !changed[s] || edits[s] > 0), "{}: a change was not counted", kind.name());
        }
    }

    #[test]
    fn sentences_beside_the_target_leave_it_alone(report in any_report(), seed: u64) {
        for kind in [Corruption::Negations, Corruption::Distractors, Corruption::Boilerplate] {
            let damaged = kind.apply(&report, Severity::ALL[4], &mut generator(seed));
            prop_assert_eq!(targets(&damaged), targets(&report));
        }
    }

    #[test]
    fn swapping_sides_twice_is_the_identity(report in any_report(), seed: u64) {
        let swap = |report: &Report| Corruption::WrongSide.apply(report, Severity::ALL[4], &mut generator(seed));
        let once = swap(&report);
        prop_assert_eq!(swap(&once).text(), report.text());
        prop_assert_eq!(once.effects().contains(&Effect::Misleads), once.text() != report.text());
    }

    #[test]
    fn typos_make_no_other_finding(report in written(), seed: u64) {
        let damaged = Corruption::Typos.apply(&report, Severity::ALL[4], &mut generator(seed));
        prop_assert!(damaged.edits() > 0);
        let (before, after) = (statements(&report.text()), statements(&damaged.text()));
        prop_assert!(after.is_subset(&before), "{:?} of {:?}", after, before);
    }

    #[test]
    fn deleted_locations_are_not_read_again(report in written(), seed: u64) {
        let damaged = Corruption::DeletedLocation.apply(&report, Severity::ALL[4], &mut generator(seed));
        for sentence in damaged.target_sentences() {
            let words = sentence.to_lowercase();
            prop_assert!(["left", "right", "upper", "lower", "middle"].iter().all(|word| !words.contains(word)), "{}", words);
        }
    }

    #[test]
    fn denials_never_name_the_target(report in written(), seed: u64) {
        let damaged = Corruption::Negations.apply(&report, Severity::ALL[4], &mut generator(seed));
        let target: Vec<_> = statements(&targets(&report).join(" ")).into_iter().collect();
        let denied = |finding: &Option<String>| statements(&damaged.text()).contains(&(finding.clone(), true));
        prop_assert!(target.iter().all(|(finding, _)| !denied(finding)));
    }
}

#[test]
fn severities_of_a_wrong_side_are_shares_of_the_reports() {
    let report = Report::about("A left effusion is seen. The right lung is clear.", &["left effusion"]).unwrap();
    for severity in Severity::ALL {
        let swapped = (0..400).filter(|seed| {
            let damaged = Corruption::WrongSide.apply(&report, severity, &mut generator(*seed));
            damaged.text() == "A right effusion is seen. The right lung is clear."
        });
        let expected = 100.0 * f64::from(severity.get());
        // Three standard deviations of a binomial share of 400 are at most 30.
        assert!((swapped.count() as f64 - expected).abs() <= 30.0, "{severity:?}");
    }
}

/// With shared sentences the evaluation would measure memory.
#[test]
fn templates_share_no_sentence_with_those_of_training() {
    let location = Location { side: Some(Side::Left), zone: Some(Zone::Lower) };
    let knowledge = KnowledgeBase::chest();
    let sentences = |text: &str| text.split_inclusive(". ").map(|s| s.trim().to_lowercase()).collect::<BTreeSet<_>>();
    let mut learned = BTreeSet::new();
    let mut tested = BTreeSet::new();
    for seed in 0..300 {
        let random = &mut generator(seed);
        let phrase = compose::phrase("effusion", "Effusion", location, knowledge, random);
        learned.extend(sentences(&compose::report(&phrase, &["mass", "fracture"], random)));
        let statement = Statement { label: "Effusion", location, absent: &["mass", "fracture"] };
        tested.extend(sentences(&template::write(&statement, random).unwrap().text()));
    }
    assert!(learned.len() > 50 && tested.len() > 20, "{} and {}", learned.len(), tested.len());
    assert_eq!(learned.intersection(&tested).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn templates_say_the_finding_and_its_side() {
    for (seed, label) in LABELS.iter().enumerate() {
        for side in SIDES {
            let location = Location { side, zone: Some(Zone::Upper) };
            let statement = Statement { label, location, absent: &["mass"] };
            let report = template::write(&statement, &mut generator(seed as u64)).unwrap();
            let phrase = report::query(targets(&report)[0], KnowledgeBase::chest());
            let expected = report::query(label, KnowledgeBase::chest());
            assert_eq!((phrase.finding, phrase.side), (expected.finding, side));
        }
    }
}

#[test]
fn levels_of_a_long_report_stay_quick_and_bounded() {
    let text = "There is a small left pleural effusion at the base. ".repeat(1_200);
    let report = Report::about(&text, &["left pleural effusion"]).unwrap();
    for kind in Corruption::EVERY {
        let damaged = kind.apply(&report, Severity::ALL[4], &mut generator(5));
        assert!(damaged.text().len() <= 3 * (text.len() + MAX_ADDED_BYTES));
    }
}

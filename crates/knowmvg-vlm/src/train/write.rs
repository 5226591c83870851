//! Reports from phrases: several kinds of writing, so that a language model learns what a phrase is and not where it stands.

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

use super::example::Named;

/// A report that says the phrases, with denials, sentences that say nothing of the image, and reasons for the examination, which
/// name findings that nobody has seen yet; the phrases come back in the order in which they stand in it.
pub fn composed(named: Vec<Named>, absent: &[&str], rng: &mut impl Rng) -> (String, Vec<Named>) {
    let mut sentences: Vec<(String, Vec<Named>)> = vec![];
    let mut rest = named.into_iter().peekable();
    while rest.peek().is_some() {
        let count = [1, 1, 1, 1, 1, 2, 2, 3][rng.random_range(0..8)];
        let together: Vec<Named> = rest.by_ref().take(count).collect();
        sentences.push((affirmed_together(&together, rng), together));
    }
    let most_denied = rng.random_range(0..6);
    let denied: Vec<&str> = absent.choose_multiple(rng, most_denied).copied().collect();
    for labels in denied.chunks(rng.random_range(1..4)) {
        sentences.push((denial(labels, rng), vec![]));
    }
    sentences.extend((0..rng.random_range(0..4)).map(|_| (pick(&FILLERS, rng).to_owned(), vec![])));
    sentences.shuffle(rng);
    let mut order = vec![];
    let mut body = vec![];
    for (sentence, phrases) in sentences {
        body.push(sentence);
        order.extend(phrases);
    }
    let text = if rng.random_bool(0.5) { with_titles(&body.join(" "), absent, &order, rng) } else { plain(body, rng) };
    (text, order)
}

fn plain(mut body: Vec<String>, rng: &mut impl Rng) -> String {
    body.insert(0, pick(&OPENINGS, rng).to_owned());
    body.push(pick(&CLOSINGS, rng).to_owned());
    body.retain(|sentence| !sentence.is_empty());
    body.join(" ")
}

/// With sections, in which the reason for the examination names a finding and the impression says nothing new.
fn with_titles(body: &str, absent: &[&str], order: &[Named], rng: &mut impl Rng) -> String {
    let suspected = absent.choose(rng).copied().unwrap_or("cough");
    let reason = match rng.random_range(0..4) {
        0 => format!("Evaluate for {suspected}."),
        1 => "Cough and fever.".to_owned(),
        2 => format!("Known {suspected}, follow-up."),
        _ => "Shortness of breath.".to_owned(),
    };
    let impression = match order.is_empty() {
        true => pick(&["No acute abnormality.", "Normal chest."], rng),
        false => pick(
            &["As described above.", "See findings.", "Abnormal chest, as above.", "Please correlate clinically."],
            rng,
        ),
    };
    let mut sections = vec![
        (
            "EXAMINATION",
            pick(&["Chest radiograph, PA view.", "Portable AP chest.", "Chest, two views."], rng).to_owned(),
        ),
        ("INDICATION", reason),
        ("COMPARISON", pick(&["None.", "None available.", "Prior image of last year."], rng).to_owned()),
        ("FINDINGS", body.to_owned()),
        ("IMPRESSION", impression.to_owned()),
    ];
    sections.retain(|(title, _)| *title == "FINDINGS" || rng.random_bool(0.7));
    let (joint, gap) = *[(": ", "\n"), (":\n", "\n\n"), (": ", "\n\n")].choose(rng).expect("not empty");
    let sections: Vec<String> = sections.into_iter().map(|(title, text)| format!("{title}{joint}{text}")).collect();
    sections.join(gap)
}

const OPENINGS: [&str; 6] = [
    "",
    "Chest radiograph, frontal view.",
    "FINDINGS:",
    "Single view of the chest.",
    "AP portable film.",
    "Indication: cough.",
];
const CLOSINGS: [&str; 6] = [
    "",
    "Please correlate clinically.",
    "Follow-up is advised.",
    "CT may help if symptoms persist.",
    "No prior image is available for comparison.",
    "The patient is slightly rotated.",
];
const FILLERS: [&str; 10] = [
    "The trachea is central.",
    "The bones are intact.",
    "The soft tissues are unremarkable.",
    "Lung volumes are adequate.",
    "The hila are of normal size.",
    "The diaphragm is smooth on both sides.",
    "The exposure is satisfactory.",
    "The mediastinum is not widened.",
    "The heart is not enlarged.",
    "No free air under the diaphragm.",
];

fn pick<'a>(choices: &[&'a str], rng: &mut impl Rng) -> &'a str {
    choices.choose(rng).expect("not empty")
}

/// A sentence that says so, with the phrase word for word but for its first letter.
fn affirmed(phrase: &str, rng: &mut impl Rng) -> String {
    let article = if phrase.ends_with('s') || rng.random_bool(0.5) { "" } else { "a " };
    match rng.random_range(0..10) {
        0 | 1 => format!("There is {article}{phrase}."),
        2 => format!("{} is seen.", capitalised(phrase)),
        3 => format!("{} is noted, as before.", capitalised(phrase)),
        4 => format!("The appearance suggests {phrase}."),
        5 => format!("The image shows {phrase}, measuring {}.{} cm.", rng.random_range(1..9), rng.random_range(0..10)),
        6 => format!("Findings in keeping with {phrase}."),
        7 => format!("{} is possible.", capitalised(phrase)),
        _ => format!("{}.", capitalised(phrase)),
    }
}

fn affirmed_together(named: &[Named], rng: &mut impl Rng) -> String {
    let texts: Vec<&str> = named.iter().map(|named| named.text.as_str()).collect();
    match texts[..] {
        [only] => affirmed(only, rng),
        [first, second] => both(first, second, rng),
        _ => listed(&texts, rng),
    }
}

fn both(first: &str, second: &str, rng: &mut impl Rng) -> String {
    match rng.random_range(0..3) {
        0 => format!("There is {first} and {second}."),
        1 => format!("{}, with {second}.", capitalised(first)),
        _ => format!("{} and {second} are seen.", capitalised(first)),
    }
}

fn listed(texts: &[&str], rng: &mut impl Rng) -> String {
    let [firsts @ .., last] = texts else { return String::new() };
    let firsts = firsts.join(", ");
    match rng.random_range(0..3) {
        0 => format!("There are {firsts} and {last}."),
        1 => format!("Findings: {firsts}, {last}."),
        _ => format!("{}, and {last}.", capitalised(&firsts)),
    }
}

fn denial(labels: &[&str], rng: &mut impl Rng) -> String {
    let [first, rest @ ..] = labels else { return String::new() };
    if !rest.is_empty() {
        return format!("No {}.", labels.join(pick(&[", ", " or "], rng)));
    }
    match rng.random_range(0..5) {
        0 => format!("There is no evidence of {first}."),
        1 => format!("{} is not seen.", capitalised(first)),
        2 => format!("Negative for {first}."),
        3 => format!("Without {first}."),
        _ => format!("No {first}."),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use knowmvg::knowledge::KnowledgeBase;
    use knowmvg::prior::Location;
    use knowmvg::report;
    use knowmvg::train::criterion::Target;
    use knowmvg::train::dataset::Question;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::grounding::align::align;

    fn named(text: &str) -> Named {
        let phrase = report::query(text, KnowledgeBase::chest());
        let target = Target { boxes: vec![], is_unlocated: false, weight: 1.0 };
        let location = Location { side: None, zone: None };
        let question = Question { phrase, target, finding: None, location };
        Named { text: text.into(), question, is_looked_for: true }
    }

    #[test]
    fn phrases_stand_in_the_report_in_their_order_and_what_is_absent_is_never_said_to_be_there() {
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let phrases = ["left lower zone effusion", "mild cardiomegaly", "right upper lobe nodule"];
            let (text, order) = composed(phrases.map(named).into(), &["pneumothorax", "fracture"], &mut rng);
            assert_eq!(order.len(), 3);
            let starts: Vec<usize> =
                order.iter().map(|n| align(&n.text, &text, 0).expect("word for word").start).collect();
            assert!(starts.is_sorted(), "{text}");
            assert!(phrases.iter().all(|phrase| text.to_lowercase().contains(phrase)), "{text}");
        }
    }
}

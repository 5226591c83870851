//! Sizes that nobody measured. One edit is one statement of a size.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Effect, Report, Severity};

/// Writes one false measurement for each severity: first a size into the target's sentence, then sentences behind it.
pub(super) fn add(report: &mut Report, severity: Severity, generator: &mut ChaCha8Rng) {
    let last = report.sentences.iter().rposition(|sentence| sentence.is_target);
    let mut at = last.map_or(report.sentences.len(), |at| at + 1);
    let statements = statements(generator);
    for (nth, statement) in statements.into_iter().take(usize::from(severity.get())).enumerate() {
        match last.filter(|_| nth == 0) {
            Some(target) => append(&mut report.sentences[target].text, &statement),
            None => {
                report.insert(at, sentence(nth, &statement));
                at += 1;
            }
        }
        report.note(1, Some(Effect::Invents));
    }
}

/// All four are drawn at any severity, so that the first is the same at each.
fn statements(generator: &mut ChaCha8Rng) -> [String; 4] {
    let mut tenths = |low: u32, high: u32| f64::from(generator.random_range(low..=high)) / 10.0;
    [
        format!("measuring {:.1} x {:.1} cm", tenths(8, 79), tenths(8, 59)),
        format!("Its craniocaudal extent is approximately {:.1} cm.", tenths(10, 90)),
        format!("It lies {:.1} cm from the midline.", tenths(20, 99)),
        format!("The cardiothoracic ratio is 0.{}.", 38 + (tenths(0, 200) as u32)),
    ]
}

fn sentence(nth: usize, statement: &str) -> String {
    if nth == 0 { format!("A lesion {statement} was noted.") } else { statement.to_owned() }
}

/// Before the full stop, if there is one.
fn append(sentence: &mut String, statement: &str) {
    let end = sentence.trim_end_matches(['.', '!', '?']).len();
    sentence.insert_str(end, &format!(", {statement}"));
}

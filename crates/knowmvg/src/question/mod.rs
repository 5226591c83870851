//! `label -> question -> answer`: what is asked about an image, the same words wherever they are learnt, asked and understood,
//! and what boxes have to say about an answer.

pub mod place;
mod verdict;

pub use verdict::{LEAST_PRESENCE, Shown, answer, other_answer};

/// Answer to whether there is something that there is.
pub const YES: &str = "yes";
/// Answer to whether there is something that there is not.
pub const NO: &str = "no";

/// Whether an answer has no words but those of a yes, a no or a place, so that it can say nothing else.
pub fn is_plain(answer: &str) -> bool {
    answer.split_whitespace().all(|word| [YES, NO].contains(&word) || place::is_word(word))
}

/// What a question wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// `Is there ...?`
    Presence,
    /// `Where is the ...?`
    Place,
    /// `On which side is the ...?`
    Side,
}

impl Wanted {
    /// From the first words of a question; a question of another kind is taken for one about presence.
    pub fn of(question: &str) -> Self {
        let question = question.trim_start().to_lowercase();
        if question.starts_with("where") {
            Self::Place
        } else if question.starts_with("on which side") || question.starts_with("which side") {
            Self::Side
        } else {
            Self::Presence
        }
    }

    /// The question about the class of a label.
    pub fn question(self, label: &str) -> String {
        match self {
            Self::Presence => format!("Is there {}{label}?", article(label)),
            Self::Place => format!("Where is the {label}?"),
            Self::Side => format!("On which side is the {label}?"),
        }
    }
}

/// Only of what can be counted is there one.
fn article(label: &str) -> &'static str {
    const COUNTED: [&str; 5] = ["mass", "nodule", "fracture", "effusion", "infiltrate"];
    match label.chars().next() {
        Some('a' | 'e' | 'i' | 'o') if COUNTED.contains(&label) => "an ",
        _ if COUNTED.contains(&label) => "a ",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grounding::Side;
    use crate::prior::Location;
    use crate::report::Zone;

    #[test]
    fn every_answer_of_ours_is_plain_and_a_name_is_not() {
        for side in [Side::Left, Side::Right, Side::Midline, Side::Bilateral] {
            for zone in [Zone::Upper, Zone::Mid, Zone::Lower] {
                let place = place::words(Location { side: Some(side), zone: Some(zone) });
                assert!(is_plain(&place), "{place}");
            }
        }
        assert!(is_plain(YES) && is_plain(NO) && is_plain(""));
        assert!(!is_plain("yes, CANARY") && !is_plain("the left"));
    }

    #[test]
    fn a_question_is_understood_as_it_was_meant() {
        for wanted in [Wanted::Presence, Wanted::Place, Wanted::Side] {
            assert_eq!(Wanted::of(&wanted.question("mass")), wanted);
        }
        assert_eq!(Wanted::Presence.question("mass"), "Is there a mass?");
        assert_eq!(Wanted::Presence.question("effusion"), "Is there an effusion?");
        assert_eq!(Wanted::Presence.question("emphysema"), "Is there emphysema?");
    }
}

//! `label -> question`: what is asked about an image, the same words wherever they are learnt, asked and understood.

/// Answer to whether there is something that there is.
pub const YES: &str = "yes";
/// Answer to whether there is something that there is not.
pub const NO: &str = "no";

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

/// Presence below which nothing counts as found, whatever a language model says: it chose the answers to questions on `val` best, among
/// tenths (docs/vlm.md).
pub const LEAST_PRESENCE: f64 = 0.2;

/// Whether a language model says that something is there of which the decoder finds too little: it was asked, and none of the presences
/// that it knows is enough.
pub fn is_contradicted(question: &str, said: &str, presences: impl IntoIterator<Item = f64>) -> bool {
    let most = presences.into_iter().max_by(f64::total_cmp);
    Wanted::of(question) == Wanted::Presence && said == YES && most.is_some_and(|presence| presence < LEAST_PRESENCE)
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

    #[test]
    fn a_question_is_understood_as_it_was_meant() {
        for wanted in [Wanted::Presence, Wanted::Place, Wanted::Side] {
            assert_eq!(Wanted::of(&wanted.question("mass")), wanted);
        }
        assert_eq!(Wanted::Presence.question("mass"), "Is there a mass?");
        assert_eq!(Wanted::Presence.question("effusion"), "Is there an effusion?");
        assert_eq!(Wanted::Presence.question("emphysema"), "Is there emphysema?");
    }

    #[test]
    fn yes_needs_a_decoder_that_finds_something() {
        assert!(is_contradicted("Is there a mass?", YES, [0.1]));
        assert!(
            !is_contradicted("Is there a mass?", YES, [0.1, 0.3]) && !is_contradicted("Is there a mass?", NO, [0.1])
        );
        assert!(!is_contradicted("Is there a mass?", YES, []), "nobody asked the decoder");
        assert!(!is_contradicted("Where is the mass?", "right lower zone", [0.1]), "a place is no claim of presence");
    }
}

//! Whether a question was answered correctly, in words.

use knowmvg::eval::Resampling;

use crate::bootstrap::mean;
use crate::scores::AnswerScores;
use crate::statement::Answered;
use crate::words::words;

const ARTICLES: [&str; 3] = ["a", "an", "the"];

/// Scores the questions whose true answer is known; `None` without such questions.
pub fn answer_scores(questions: &[Answered], resampling: Resampling) -> Option<AnswerScores> {
    let (mut yes_no, mut open) = (Vec::new(), Vec::new());
    for question in questions {
        let Some(truth) = &question.item.answer else { continue };
        let given = question.prediction.and_then(|prediction| prediction.answer.as_deref()).unwrap_or_default();
        let list = if is_yes_or_no(truth) { &mut yes_no } else { &mut open };
        list.push((question.item.patient.as_str(), f64::from(is_right(given, truth))));
    }
    Some(AnswerScores {
        accuracy: mean(&[yes_no.as_slice(), &open].concat(), resampling)?,
        yes_no: mean(&yes_no, resampling),
        open: mean(&open, resampling),
    })
}

fn is_yes_or_no(answer: &str) -> bool {
    matches!(words(answer).as_slice(), [word] if word == "yes" || word == "no")
}

/// Where the truth is yes or no, the first word decides: "Yes, on the left." is a yes. Any other answer must be the same.
fn is_right(given: &str, truth: &str) -> bool {
    let (given, truth_words) = (normalised(given), normalised(truth));
    if is_yes_or_no(truth) { given.first() == truth_words.first() } else { given == truth_words }
}

/// Without case, punctuation and articles.
fn normalised(answer: &str) -> Vec<String> {
    words(answer).into_iter().filter(|word| !ARTICLES.contains(&word.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_answers_a_yes_no_question() {
        assert!(is_right("Yes, on the left.", "yes") && !is_right("No.", "yes") && !is_right("", "no"));
        assert!(!is_right("probably yes", "yes"));
    }

    #[test]
    fn an_open_answer_must_be_the_same_but_for_articles_and_case() {
        assert!(is_right("The left lower lobe", "left lower lobe."));
        assert!(!is_right("left lobe", "left lower lobe"));
    }
}

//! [`Course`]: the phrases of one request on their way through the decoder, pass by pass, alone or beside those of other requests.
//!
//! ```text
//! Vec<Asked> ──Session::course──▶ Course ──Grounder::pass, until it is done──▶ Course ──Session::finish──▶ Grounding
//! ```

use std::collections::VecDeque;

use super::{Asked, Grounder, MAX_PHRASES, PHRASES_PER_PASS, Passed, Prepared, Session};
use crate::grounding::{Grounding, NOTICE, SCHEMA_VERSION};
use crate::model::answer::Answer;
use crate::model::input::{PhraseInput, SeenImage};

/// The phrases of one request: what is known of them, what was decoded, and what is still to be.
pub struct Course {
    asked: Vec<Asked>,
    prepared: Vec<Prepared>,
    answers: Vec<Option<Answer>>,
    /// Phrases by pass; those of one pass share the frame of their priors.
    ahead: VecDeque<Vec<usize>>,
    passed: Passed,
    warnings: Vec<String>,
}

impl Course {
    /// How far it is.
    pub fn passed(&self) -> Passed {
        self.passed
    }

    /// Whether nothing is left to decode.
    pub fn is_done(&self) -> bool {
        self.ahead.is_empty()
    }

    /// Phrases that the next pass will decode.
    pub fn next_len(&self) -> usize {
        self.ahead.front().map_or(0, Vec::len)
    }

    /// Whether the next pass is about lungs and heart.
    fn is_next_anatomy(&self) -> bool {
        self.ahead.front().is_some_and(|next| self.prepared[next[0]].is_anatomy)
    }
}

impl Session<'_> {
    /// Prepares phrases for the decoder; the image is not looked at yet.
    pub fn course(&self, mut asked: Vec<Asked>) -> Course {
        let mut warnings = self.warnings.clone();
        if asked.len() > MAX_PHRASES {
            warnings.push(format!(
                "expected at most {MAX_PHRASES} phrases, found {}; the others were left out",
                asked.len()
            ));
            asked.truncate(MAX_PHRASES);
        }
        let prepared: Vec<Prepared> = asked.iter().map(|a| self.prepare(&a.phrase)).collect();
        let wanted: Vec<usize> =
            (0..asked.len()).filter(|i| self.is_groundable(&asked[*i].phrase, &prepared[*i].linked)).collect();
        let passed = Passed { decoded: 0, wanted: wanted.len() };
        let (anatomy, findings): (Vec<usize>, Vec<usize>) = wanted.into_iter().partition(|i| prepared[*i].is_anatomy);
        let passes = anatomy.chunks(PHRASES_PER_PASS).chain(findings.chunks(PHRASES_PER_PASS));
        let ahead = passes.map(<[usize]>::to_vec).collect();
        Course { answers: vec![None; asked.len()], asked, prepared, ahead, passed, warnings }
    }

    /// What became of the phrases; those that were not decoded have no box.
    pub fn finish(&self, course: Course) -> Grounding {
        let answered = course.asked.iter().zip(&course.prepared).zip(&course.answers);
        let findings =
            answered.map(|((asked, prepared), answer)| self.grounded(asked, prepared, answer.as_ref())).collect();
        Grounding {
            schema_version: SCHEMA_VERSION.into(),
            notice: NOTICE.into(),
            id: None,
            image: self.info.clone(),
            anatomy: self.anatomy(),
            findings,
            warnings: course.warnings,
            model: self.grounder.info(),
        }
    }
}

/// How large the pass that comes next for these courses is: its images, and the phrases of the one that has most, to which the others
/// are padded. Lungs and heart count as another image, since they have a frame of their own.
pub fn pass_shape(courses: &[(&Session<'_>, &Course)]) -> [usize; 2] {
    let mut images: Vec<(&Session<'_>, bool, usize)> = Vec::new();
    for (session, course) in courses.iter().filter(|(_, course)| !course.is_done()) {
        let is_anatomy = course.is_next_anatomy();
        let image = images.iter_mut().find(|image| std::ptr::eq(image.0, *session) && image.1 == is_anatomy);
        match image {
            Some((_, _, count)) => *count += course.next_len(),
            None => images.push((session, is_anatomy, course.next_len())),
        }
    }
    [images.len(), images.iter().map(|(_, _, count)| *count).max().unwrap_or(0)]
}

/// An image of a pass, and whose phrases are looked for on it.
struct Shared<'s, 'g> {
    session: &'s Session<'g>,
    is_anatomy: bool,
    phrases: Vec<PhraseInput>,
    /// For each phrase the course and its number there.
    of: Vec<(usize, usize)>,
}

impl Grounder {
    /// Decodes the next phrases of every course, all in one pass; the sessions are this grounder's.
    ///
    /// Phrases on one image share the work that is done once an image. What comes out for a phrase does not depend on its neighbours,
    /// but for the order in which floats are added.
    pub fn pass(&self, courses: &mut [(&Session<'_>, &mut Course)]) {
        let mut images: Vec<Shared> = Vec::new();
        for (number, (session, course)) in courses.iter_mut().enumerate() {
            let is_anatomy = course.is_next_anatomy();
            let Some(next) = course.ahead.pop_front() else { continue };
            let is_there = |image: &Shared| std::ptr::eq(image.session, *session) && image.is_anatomy == is_anatomy;
            let at = images.iter().position(is_there).unwrap_or_else(|| {
                images.push(Shared { session, is_anatomy, phrases: Vec::new(), of: Vec::new() });
                images.len() - 1
            });
            images[at].phrases.extend(next.iter().map(|i| session.input(&course.asked[*i], &course.prepared[*i])));
            images[at].of.extend(next.iter().map(|i| (number, *i)));
        }
        self.answer(images, courses);
    }

    fn answer(&self, images: Vec<Shared>, courses: &mut [(&Session<'_>, &mut Course)]) {
        if images.is_empty() {
            return;
        }
        let (inputs, of): (Vec<SeenImage>, Vec<Vec<(usize, usize)>>) = images
            .into_iter()
            .map(|image| {
                let sight = image.session.sight(image.is_anatomy);
                (SeenImage { sight, phrases: image.phrases }, image.of)
            })
            .unzip();
        let answers = self.decoder().answers_seen(&inputs, &mut ());
        for ((number, phrase), answer) in of.into_iter().flatten().zip(answers.into_iter().flatten()) {
            let course = &mut courses[number].1;
            course.answers[phrase] = Some(answer);
            course.passed.decoded += 1;
        }
    }
}

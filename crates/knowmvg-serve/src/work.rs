//! What a worker does: bytes → image → encoded image → grounding.

use std::sync::Arc;
use std::time::Instant;

use knowmvg::ask::{Asking, GroundedAnswer, report_warnings};
use knowmvg::grounder::{Asked, Explanation, Passed, Session};
use knowmvg::grounding::Grounding;
use knowmvg::image::GreyImage;

use crate::app::App;
use crate::batch::Batches;
use crate::film::Film;
use crate::metrics::Stage;
use crate::pool::Seat;
use crate::problem::{INTERNAL, NO_LAYER, NOT_FOUND, Problem, TIMED_OUT, UNREADABLE_IMAGE, UNREADABLE_TEXT};
use crate::upload::Words;

impl App {
    /// Decodes an upload.
    ///
    /// # Errors
    /// When it is no image that can be read.
    fn read_image(&self, bytes: &[u8]) -> Result<GreyImage, Problem> {
        let start = Instant::now();
        // These errors quote no free text of the file.
        let image = knowmvg_dicom::read_image(bytes).map_err(|e| Problem::new(&UNREADABLE_IMAGE, e.to_string()))?;
        self.metrics().took(Stage::Read, start.elapsed());
        Ok(image)
    }

    /// Encodes an image and finds its lungs.
    fn encode(&self, image: &GreyImage) -> Result<Arc<Session<'static>>, Problem> {
        let start = Instant::now();
        let session = self.grounder().session(image);
        let session = session.map_err(|_| Problem::new(&INTERNAL, "the image could not be encoded"))?;
        self.metrics().took(Stage::Encode, start.elapsed());
        Ok(Arc::new(session))
    }

    /// Grounds words on an encoded image, and tells after every pass how far it is.
    pub(crate) fn ground(
        &self,
        session: &Session<'static>,
        words: &Words,
        seat: &Seat,
        tell: &mut dyn FnMut(Passed),
    ) -> Result<Grounding, Problem> {
        self.grounded(session, words, |asked| {
            let go_on = &mut |passed| {
                tell(passed);
                !seat.is_cancelled()
            };
            session.grounding_while(asked, go_on).ok_or_else(stopped)
        })
    }

    /// The same beside others who ask at the same time. No worker is needed before, and there is none afterwards.
    pub(crate) fn ground_beside(
        &self,
        batches: &Batches,
        session: &Arc<Session<'static>>,
        words: &Words,
        seat: &Seat,
    ) -> Result<Grounding, Problem> {
        // Rules read in milliseconds, a language model in seconds.
        if self.grounder().reader().is_some() {
            seat.resume();
        }
        self.grounded(session, words, |asked| self.ride(batches, session, asked, seat))
    }

    fn grounded(
        &self,
        session: &Session<'static>,
        words: &Words,
        decode: impl FnOnce(Vec<Asked>) -> Result<Grounding, Problem>,
    ) -> Result<Grounding, Problem> {
        let start = Instant::now();
        let Asking { asked, warnings } = session.asked(words.report.as_deref(), &words.phrases);
        let mut grounding = decode(asked)?;
        grounding.warnings.extend(warnings);
        grounding.warnings.extend(report_warnings(words.report.as_deref(), &grounding));
        self.metrics().took(Stage::Ground, start.elapsed());
        Ok(self.leaving(grounding))
    }
}

impl App {
    /// Answers a question about an encoded image.
    ///
    /// # Errors
    /// When it cannot be read, or nobody waits any more.
    pub(crate) fn answered(
        &self,
        session: &Session<'static>,
        question: &str,
        seat: &Seat,
    ) -> Result<GroundedAnswer, Problem> {
        let start = Instant::now();
        // These errors have no word of the question.
        let reply = session.answer(question).map_err(|problem| Problem::new(&UNREADABLE_TEXT, problem))?;
        let grounding = session.grounding_while(reply.asked.clone(), &mut |_| !seat.is_cancelled());
        let answered = reply.beside(question, grounding.ok_or_else(stopped)?);
        self.metrics().took(Stage::Ground, start.elapsed());
        Ok(self.answer_leaving(answered))
    }
}

impl App {
    /// What guided one of the findings that the words have, counted from 0.
    ///
    /// # Errors
    /// When there is no such finding, or it is not looked for.
    pub(crate) fn explain(
        &self,
        session: &Session<'static>,
        words: &Words,
        finding: usize,
    ) -> Result<Explanation, Problem> {
        let start = Instant::now();
        let Asking { asked, .. } = session.asked(words.report.as_deref(), &words.phrases);
        let count = asked.len();
        let phrase = asked.get(finding);
        let phrase = phrase.ok_or_else(|| {
            Problem::new(&NOT_FOUND, format!("expected the number of one of {count} findings, counted from 0"))
        })?;
        let explanation = session.explain(phrase);
        self.metrics().took(Stage::Ground, start.elapsed());
        explanation.ok_or_else(|| Problem::new(&NO_LAYER, "expected a finding that is looked for"))
    }
}

/// How far the work on an upload is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Reading,
    Encoding,
    Grounding(Passed),
}

impl App {
    /// An upload as the model sees it, and as it is.
    ///
    /// # Errors
    /// When it cannot be read or encoded, or nobody waits any more.
    pub(crate) fn seen(
        &self,
        bytes: Vec<u8>,
        seat: &Seat,
        tell: &mut dyn FnMut(Step),
    ) -> Result<(Arc<Session<'static>>, GreyImage), Problem> {
        check(seat)?;
        tell(Step::Reading);
        let image = self.read_image(&bytes)?;
        drop(bytes);
        check(seat)?;
        tell(Step::Encoding);
        Ok((self.encode(&image)?, image))
    }

    /// Everything from an upload to its grounding, and what it is drawn on.
    ///
    /// # Errors
    /// When the image cannot be read or encoded, or nobody waits any more.
    pub(crate) fn whole(
        &self,
        bytes: Vec<u8>,
        words: &Words,
        seat: &Seat,
        tell: &mut dyn FnMut(Step),
    ) -> Result<(Grounding, Film), Problem> {
        let (session, image) = self.seen(bytes, seat, tell)?;
        let film = Film::from(&image);
        drop(image);
        check(seat)?;
        let grounding = self.ground(&session, words, seat, &mut |passed| tell(Step::Grounding(passed)))?;
        Ok((grounding, film))
    }
}

/// Between two steps: whether there is still somebody who waits.
pub(crate) fn check(seat: &Seat) -> Result<(), Problem> {
    if seat.is_cancelled() { Err(stopped()) } else { Ok(()) }
}

/// Nobody waits any more.
pub(crate) fn stopped() -> Problem {
    Problem::new(&TIMED_OUT, "the work was stopped")
}

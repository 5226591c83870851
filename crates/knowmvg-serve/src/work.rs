//! What a worker does: bytes → image → encoded image → grounding.

use std::time::Instant;

use knowmvg::ask::{Asking, report_warnings};
use knowmvg::grounder::{Explanation, Passed, Session};
use knowmvg::grounding::Grounding;
use knowmvg::image::GreyImage;

use crate::app::App;
use crate::metrics::Stage;
use crate::pool::Cancel;
use crate::problem::{INTERNAL, NO_LAYER, NOT_FOUND, Problem, TIMED_OUT, UNREADABLE_IMAGE};
use crate::upload::Words;

impl App {
    /// Decodes an upload.
    ///
    /// # Errors
    /// When it is no image that can be read.
    pub(crate) fn read_image(&self, bytes: &[u8]) -> Result<GreyImage, Problem> {
        let start = Instant::now();
        // These errors quote no free text of the file.
        let image = knowmvg_dicom::read_image(bytes).map_err(|e| Problem::new(&UNREADABLE_IMAGE, e.to_string()))?;
        self.metrics().took(Stage::Read, start.elapsed());
        Ok(image)
    }

    /// Encodes an image and finds its lungs.
    pub(crate) fn encode(&self, image: &GreyImage) -> Result<Session<'static>, Problem> {
        let start = Instant::now();
        let session = self.grounder().session(image);
        let session = session.map_err(|_| Problem::new(&INTERNAL, "the image could not be encoded"))?;
        self.metrics().took(Stage::Encode, start.elapsed());
        Ok(session)
    }

    /// Grounds words on an encoded image, and tells after every pass how far it is.
    pub(crate) fn ground(
        &self,
        session: &Session<'static>,
        words: &Words,
        cancel: &Cancel,
        tell: &mut dyn FnMut(Passed),
    ) -> Result<Grounding, Problem> {
        let start = Instant::now();
        let Asking { asked, warnings } = session.asked(words.report.as_deref(), &words.phrases);
        let grounding = session.grounding_while(asked, &mut |passed| {
            tell(passed);
            !cancel.is_cancelled()
        });
        let mut grounding = grounding.ok_or_else(stopped)?;
        grounding.warnings.extend(warnings);
        grounding.warnings.extend(report_warnings(words.report.as_deref(), &grounding));
        self.metrics().took(Stage::Ground, start.elapsed());
        Ok(self.leaving(grounding))
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
    /// Everything from an upload to its grounding, and what it is drawn on.
    ///
    /// # Errors
    /// When the image cannot be read or encoded, or nobody waits any more.
    pub(crate) fn whole(
        &self,
        bytes: Vec<u8>,
        words: &Words,
        cancel: &Cancel,
        tell: &mut dyn FnMut(Step),
    ) -> Result<(Grounding, GreyImage), Problem> {
        check(cancel)?;
        tell(Step::Reading);
        let image = self.read_image(&bytes)?;
        drop(bytes);
        check(cancel)?;
        tell(Step::Encoding);
        let session = self.encode(&image)?;
        check(cancel)?;
        let grounding = self.ground(&session, words, cancel, &mut |passed| tell(Step::Grounding(passed)))?;
        Ok((grounding, image))
    }
}

/// Between two steps: whether there is still somebody who waits.
pub(crate) fn check(cancel: &Cancel) -> Result<(), Problem> {
    if cancel.is_cancelled() { Err(stopped()) } else { Ok(()) }
}

fn stopped() -> Problem {
    Problem::new(&TIMED_OUT, "the work was stopped")
}

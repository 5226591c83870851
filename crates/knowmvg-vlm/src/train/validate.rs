//! `val` as a user would use the model: the phrases of a report are found and grounded, end to end, and questions are answered.

use std::collections::BTreeMap;

use knowmvg::decoder::Decoder;
use knowmvg::geometry::{Box2, Model};
use knowmvg::model::input::{Features, ImageInput, PhraseInput};
use knowmvg::prior::frame::model_from_typical;
use knowmvg::reader::Seen;
use knowmvg::report::Phrase;
use knowmvg::train::dataset::Sample;
use knowmvg::train::drawn::Drawn;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::example::{Example, Named, Subject};
use super::made_up::MadeUp;
use crate::Result;
use crate::generate::Sampling;
use crate::grounding::align::align;
use crate::grounding::answer::phrase_input;
use crate::grounding::reader::reply;
use crate::grounding::{GroundingAdapter, Look, Speaker, Words};

/// Most phrases of a report.
const PHRASES: usize = 6;

/// Sums over images.
#[derive(Default)]
pub struct Tally {
    named: usize,
    wanted: usize,
    found: usize,
    boxes: usize,
    iou: f64,
    own_iou: f64,
    asked: usize,
    right: usize,
}

/// One image of `val` with everything that looks at it.
pub struct Validator<'a> {
    pub speaker: &'a Speaker,
    pub adapter: &'a GroundingAdapter,
    pub decoder: &'a Decoder<'a>,
    pub drawn: &'a Drawn,
    pub made_up: &'a MadeUp,
    pub seed: u64,
}

impl Validator<'_> {
    /// Scores one image.
    ///
    /// # Errors
    /// When the image or the words do not fit the language model.
    pub fn score(&self, sample: &Sample, features: &Features, tally: &mut Tally) -> Result<()> {
        let thorax = sample.model_from_thorax.unwrap_or_else(model_from_typical);
        let mut rng = ChaCha8Rng::from_seed(Sha256::digest(format!("{} val {}", self.seed, sample.record.id)).into());
        let absent = self.drawn.absent(sample, &mut rng);
        let stored = sample.seen(0, features.side);
        let subject = Subject { sample, seen: &stored, absent: &absent, made_up: self.made_up };
        let example = Example::report(&subject, PHRASES, &mut rng);
        let seen = Seen { features, model_from_thorax: &thorax, decoder: self.decoder };
        let look = self.speaker.look(self.adapter, &[features], self.decoder.config.token_width)?;
        self.ask(&subject, &seen, &look, &mut rng, tally)?;
        let answered =
            self.speaker.answer(self.adapter, &seen, &look, Words::Report(&example.words), &Sampling::Greedy)?;
        let spans =
            |texts: Vec<&str>| -> Vec<_> { texts.iter().filter_map(|text| align(text, &example.words, 0)).collect() };
        let wanted = spans(example.named.iter().map(|named| named.text.as_str()).collect());
        let named = spans(answered.named.iter().map(|named| named.text.as_str()).collect());
        tally.wanted += example.named.len();
        tally.named += answered.named.len();
        tally.found += wanted.iter().filter(|span| named.contains(span)).count();
        let looked_for: Vec<&Named> = example.named.iter().filter(|named| named.is_looked_for).collect();
        let phrases: Vec<Phrase> = looked_for.iter().map(|named| named.question.phrase.clone()).collect();
        if phrases.is_empty() {
            return Ok(());
        }
        let embeds = self.speaker.read_phrases(self.adapter, &seen, &look, &phrases)?;
        let read = ious(&seen, &looked_for, |i| Some(embeds[i].clone()));
        let own = ious(&seen, &looked_for, |_| None);
        tally.boxes += read.len();
        tally.iou += read.iter().sum::<f64>();
        tally.own_iou += own.iter().sum::<f64>();
        Ok(())
    }

    /// Asks for something that is there, and for something that is not.
    fn ask(&self, subject: &Subject, seen: &Seen, look: &Look, rng: &mut ChaCha8Rng, tally: &mut Tally) -> Result<()> {
        let asked: Vec<Example> =
            [true, false].into_iter().filter_map(|is_there| Example::presence(subject, is_there, rng)).collect();
        // One answer to everything must not pay.
        if asked.len() < 2 {
            return Ok(());
        }
        for example in asked {
            let answered = self.speaker.answer(self.adapter, seen, look, example.asked(), &Sampling::Greedy)?;
            let text = reply(answered.named, answered.rest).text;
            tally.asked += 1;
            tally.right += usize::from(example.lead.is_some_and(|lead| lead == text));
        }
        Ok(())
    }
}

/// IoU of each phrase's first box with the nearest true one.
fn ious(seen: &Seen, named: &[&Named], embed: impl Fn(usize) -> Option<Vec<f32>>) -> Vec<f64> {
    let input = |(index, named): (usize, &&Named)| PhraseInput {
        embed: embed(index),
        ..phrase_input(seen, &named.question.phrase)
    };
    let phrases = named.iter().enumerate().map(input).collect();
    let image = ImageInput { features: seen.features, model_from_thorax: *seen.model_from_thorax, phrases };
    let answers = seen.decoder.answers(&[image], &mut ()).remove(0);
    let nearest = |boxes: &[Box2<Model>], found: &Box2<Model>| boxes.iter().map(|b| b.iou(found)).fold(0.0, f64::max);
    let answered = named.iter().zip(&answers);
    answered.map(|(named, answer)| nearest(&named.question.target.boxes, &answer.candidates[0].bounds)).collect()
}

impl Tally {
    /// Scores by name, and what a run is judged by.
    pub fn scores(&self) -> (BTreeMap<String, f64>, f64) {
        let share = |part: usize, all: usize| if all == 0 { 0.0 } else { part as f64 / all as f64 };
        let (recall, precision) = (share(self.found, self.wanted), share(self.found, self.named));
        let f1 = if recall + precision > 0.0 { 2.0 * recall * precision / (recall + precision) } else { 0.0 };
        let mean = |sum: f64| if self.boxes == 0 { 0.0 } else { sum / self.boxes as f64 };
        let yes_or_no = share(self.right, self.asked);
        let scores = [
            ("phrase F1", f1),
            ("mIoU", mean(self.iou)),
            ("mIoU of the decoder's own reader", mean(self.own_iou)),
            ("yes or no", yes_or_no),
        ];
        (scores.map(|(name, value)| (name.to_owned(), value)).into(), f1 + mean(self.iou) + yes_or_no)
    }
}

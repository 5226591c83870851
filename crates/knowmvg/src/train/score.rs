//! Phrase grounding on labelled boxes: the decoder's first box and the image-blind prior's, side by side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::compose::{TextLevel, canonical};
use super::dataset::{FindingBox, Sample};
use crate::calibration::Signs;
use crate::decoder::{ANATOMY, Decoder, identity_thorax};
use crate::geometry::{Box2, Map, Model, Thorax};
use crate::knowledge;
use crate::model::answer::{Answer, answer};
use crate::model::input::{Features, ImageInput, PhraseInput};
use crate::prior::frame::model_from_typical;
use crate::prior::{Location, Prior};
use crate::report::{self, Phrase};

/// One phrase of one image, scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// Image.
    pub id: String,
    /// Unit of resampling.
    pub patient: String,
    /// Where the image is from.
    pub source: String,
    /// The source's label.
    pub label: String,
    /// The words that were asked.
    pub text: String,
    /// Truth, in fractions of the square.
    pub truth: Box2<Model>,
    /// The decoder's first box.
    pub predicted: Box2<Model>,
    /// Its presence.
    pub presence: f64,
    /// Mean of its relative spread.
    pub spread: f64,
    /// IoU of the decoder's first box.
    pub iou: f64,
    /// IoU of the decoder's first box with that of the image-blind prior.
    pub agreement: f64,
    /// IoU of the reference box of the image-blind prior, with the same words, on the patient's own lungs.
    pub prior_iou: f64,
}

impl Scored {
    /// What a confidence is made from.
    pub fn signs(&self) -> Signs {
        Signs { presence: self.presence, spread: self.spread, area: self.predicted.area(), agreement: self.agreement }
    }
}

/// The phrases of a sample that only one box fits, with canonical words.
fn unique_phrases(sample: &Sample, level: TextLevel) -> Vec<(&FindingBox, Location)> {
    let said = |b: &FindingBox| level.visible(b.location);
    let twins = |b: &FindingBox| sample.findings.iter().filter(|o| o.label == b.label && said(o) == said(b)).count();
    sample.findings.iter().filter(|b| twins(b) == 1).map(|b| (b, said(b))).collect()
}

/// What is asked about one image, ready for the decoder.
pub(super) struct Asked<'s> {
    boxes: Vec<&'s FindingBox>,
    phrases: Vec<Phrase>,
    priors: Vec<Prior>,
    inputs: Vec<PhraseInput>,
    model_from_thorax: Map<Model, Thorax>,
}

impl<'s> Asked<'s> {
    /// The decoder's input.
    pub(super) fn image<'f>(&self, features: &'f Features) -> ImageInput<'f> {
        ImageInput { features, model_from_thorax: self.model_from_thorax, phrases: self.inputs.clone() }
    }

    /// The true box of a phrase.
    pub(super) fn truth(&self, phrase: usize) -> &'s FindingBox {
        self.boxes[phrase]
    }
}

/// The unique phrases of a sample with its features; `None` if it has none.
pub(super) fn ask<'s>(
    decoder: &Decoder,
    sample: &'s Sample,
    level: TextLevel,
    read: impl Fn(&Sample) -> std::io::Result<Features>,
) -> std::io::Result<Option<(Features, Asked<'s>)>> {
    let (boxes, said): (Vec<&FindingBox>, Vec<Location>) = unique_phrases(sample, level).into_iter().unzip();
    if boxes.is_empty() {
        return Ok(None);
    }
    let features = read(sample)?;
    let model_from_thorax = match sample.model_from_thorax {
        Some(known) => known,
        None => decoder.anatomy(&[&features])[0].model_from_thorax.unwrap_or_else(model_from_typical),
    };
    let phrases: Vec<Phrase> =
        boxes.iter().zip(said).map(|(b, said)| report::query(&canonical(&b.label, said), decoder.knowledge)).collect();
    let priors: Vec<Prior> = phrases.iter().map(|p| decoder.prior(p, &knowledge::link(p, decoder.knowledge))).collect();
    let inputs = phrases
        .iter()
        .zip(&priors)
        .map(|(p, prior)| decoder.input(p, prior, &model_from_thorax, features.grid))
        .collect();
    Ok(Some((features, Asked { boxes, phrases, priors, inputs, model_from_thorax })))
}

/// Grounds every unique phrase of the samples.
///
/// # Errors
/// When features cannot be read.
pub fn score_findings(
    decoder: &Decoder,
    samples: &[&Sample],
    level: TextLevel,
    read: impl Fn(&Sample) -> std::io::Result<Features>,
) -> std::io::Result<Vec<Scored>> {
    let mut out = Vec::new();
    for sample in samples {
        let Some((features, asked)) = ask(decoder, sample, level, &read)? else { continue };
        let image = asked.image(&features);
        let answers =
            answer(decoder.model, decoder.config, &[image], decoder.texts, decoder.patch_size, decoder.device, &mut ());
        for (phrase, found) in answers[0].iter().enumerate() {
            let truth = asked.truth(phrase);
            let blind = asked.priors[phrase].on_image(&asked.model_from_thorax, 1).reference;
            let text = &asked.phrases[phrase].text;
            out.push(scored(sample, &truth.label, text, &truth.bounds, found, &blind));
        }
    }
    Ok(out)
}

fn scored(
    sample: &Sample,
    label: &str,
    text: &str,
    truth: &Box2<Model>,
    answer: &Answer,
    blind: &Box2<Model>,
) -> Scored {
    let first = &answer.candidates[0];
    let signs = Signs::new(first, blind);
    Scored {
        id: sample.record.id.clone(),
        patient: sample.record.patient_key().to_owned(),
        source: sample.record.source.clone(),
        label: label.to_owned(),
        text: text.to_owned(),
        truth: *truth,
        predicted: first.bounds,
        presence: signs.presence,
        spread: signs.spread,
        iou: first.bounds.iou(truth),
        agreement: signs.agreement,
        prior_iou: blind.iou(truth),
    }
}

/// Grounds lungs and heart where they are annotated.
///
/// # Errors
/// When features cannot be read.
pub fn score_anatomy(
    decoder: &Decoder,
    samples: &[&Sample],
    read: impl Fn(&Sample) -> std::io::Result<Features>,
) -> std::io::Result<Vec<Scored>> {
    let mut out = Vec::new();
    for sample in samples.iter().filter(|s| !s.anatomy.is_empty()) {
        let features = read(sample)?;
        let found = decoder.anatomy(&[&features]).remove(0);
        for (name, bounds) in &sample.anatomy {
            let Some(index) = ANATOMY.iter().position(|a| a == name) else { continue };
            let prior = decoder.anatomy_prior(name);
            let blind = prior.on_image(&identity_thorax(), 1).reference;
            out.push(scored(sample, name, name, bounds, &found.answers[index], &blind));
        }
    }
    Ok(out)
}

/// Means over scored phrases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Phrases.
    pub n: usize,
    /// Mean IoU of the decoder's first box.
    pub mean_iou: f64,
    /// Share with IoU >= 0.5.
    pub acc_at_50: f64,
    /// Mean IoU of the image-blind prior.
    pub prior_mean_iou: f64,
    /// Share of the image-blind prior with IoU >= 0.5.
    pub prior_acc_at_50: f64,
}

/// Summarises scored phrases.
pub fn summary<'a>(scored: impl IntoIterator<Item = &'a Scored>) -> Summary {
    let rows: Vec<&Scored> = scored.into_iter().collect();
    let n = rows.len();
    let mean = |value: &dyn Fn(&Scored) -> f64| rows.iter().map(|r| value(r)).sum::<f64>() / n.max(1) as f64;
    Summary {
        n,
        mean_iou: mean(&|r| r.iou),
        acc_at_50: mean(&|r| f64::from(r.iou >= 0.5)),
        prior_mean_iou: mean(&|r| r.prior_iou),
        prior_acc_at_50: mean(&|r| f64::from(r.prior_iou >= 0.5)),
    }
}

/// Summaries by a key, in its order.
pub fn by<K: Ord>(scored: &[Scored], key: impl Fn(&Scored) -> K) -> BTreeMap<K, Summary> {
    let mut groups: BTreeMap<K, Vec<&Scored>> = BTreeMap::new();
    for row in scored {
        groups.entry(key(row)).or_default().push(row);
    }
    groups.into_iter().map(|(key, rows)| (key, summary(rows))).collect()
}

//! Phrase grounding on labelled boxes: the decoder's first box and the image-blind prior's, side by side.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::compose::{TextLevel, canonical};
use super::dataset::{FindingBox, Sample};
use super::drawn::Drawn;
use crate::calibration::Signs;
use crate::decoder::{ANATOMY, Decoder, identity_thorax};
use crate::geometry::{Box2, Map, Model, Thorax};
use crate::knowledge;
use crate::model::answer::Answer;
use crate::model::input::{Features, ImageInput, PhraseInput};
use crate::prior::{Location, Prior};
use crate::reader::{PhraseReader, Seen};
use crate::report::{self, Phrase};

/// Most labels that are asked for on an image that does not show them.
const FALSE_LABELS: usize = 2;

/// A decoder, and what reads for it if that is not its own reader.
#[derive(Clone, Copy)]
pub struct Scorer<'a> {
    /// What is scored.
    pub decoder: &'a Decoder<'a>,
    /// A language model, for example.
    pub reader: Option<&'a dyn PhraseReader>,
}

impl<'a> From<&'a Decoder<'a>> for Scorer<'a> {
    fn from(decoder: &'a Decoder<'a>) -> Self {
        Self { decoder, reader: None }
    }
}

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
    /// Highest score of a patch, a logit; 0 in files written without it.
    #[serde(default)]
    pub patch: f64,
    /// IoU of the reference box of the image-blind prior, with the same words, on the patient's own lungs.
    pub prior_iou: f64,
}

impl Scored {
    /// What a confidence is made from.
    pub fn signs(&self) -> Signs {
        Signs {
            presence: self.presence,
            spread: self.spread,
            area: self.predicted.area(),
            agreement: self.agreement,
            patch: self.patch,
        }
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
    words: Words,
}

/// Phrases about one image, on the patient's thorax.
struct Words {
    phrases: Vec<Phrase>,
    priors: Vec<Prior>,
    inputs: Vec<PhraseInput>,
    model_from_thorax: Map<Model, Thorax>,
}

impl Words {
    fn new(scorer: Scorer, sample: &Sample, texts: &[String], features: &Features) -> io::Result<Self> {
        let Scorer { decoder, reader } = scorer;
        let model_from_thorax = sample.model_from_thorax.unwrap_or_else(|| decoder.thorax(features));
        let phrases: Vec<Phrase> = texts.iter().map(|text| report::query(text, decoder.knowledge)).collect();
        let priors: Vec<Prior> =
            phrases.iter().map(|p| decoder.prior(p, &knowledge::link(p, decoder.knowledge))).collect();
        let mut inputs: Vec<PhraseInput> = phrases
            .iter()
            .zip(&priors)
            .map(|(p, prior)| decoder.input(p, prior, &model_from_thorax, features.grid))
            .collect();
        if let Some(reader) = reader {
            let seen = Seen { features, model_from_thorax: &model_from_thorax, decoder };
            let embeds = reader.phrases(&seen, &phrases).map_err(io::Error::other)?;
            inputs.iter_mut().zip(embeds).for_each(|(input, embed)| input.embed = Some(embed));
        }
        Ok(Self { phrases, priors, inputs, model_from_thorax })
    }

    fn image<'f>(&self, features: &'f Features) -> ImageInput<'f> {
        ImageInput { features, model_from_thorax: self.model_from_thorax, phrases: self.inputs.clone() }
    }

    /// The box that the words of a phrase alone would give.
    fn blind(&self, phrase: usize) -> Box2<Model> {
        self.priors[phrase].on_image(&self.model_from_thorax, 1).reference
    }
}

impl<'s> Asked<'s> {
    /// The decoder's input.
    pub(super) fn image<'f>(&self, features: &'f Features) -> ImageInput<'f> {
        self.words.image(features)
    }

    /// The true box of a phrase.
    pub(super) fn truth(&self, phrase: usize) -> &'s FindingBox {
        self.boxes[phrase]
    }

    /// The answers, scored.
    pub(super) fn scored(&self, sample: &Sample, answers: &[Answer]) -> Vec<Scored> {
        let row = |(phrase, found): (usize, &Answer)| {
            let truth = self.truth(phrase);
            let text = &self.words.phrases[phrase].text;
            scored(sample, &truth.label, text, &truth.bounds, found, &self.words.blind(phrase))
        };
        answers.iter().enumerate().map(row).collect()
    }
}

/// The unique phrases of a sample with its features; `None` if it has none.
pub(super) fn ask<'s>(
    scorer: Scorer,
    sample: &'s Sample,
    level: TextLevel,
    read: impl Fn(&Sample) -> io::Result<Features>,
) -> io::Result<Option<(Features, Asked<'s>)>> {
    let (boxes, said): (Vec<&FindingBox>, Vec<Location>) = unique_phrases(sample, level).into_iter().unzip();
    if boxes.is_empty() {
        return Ok(None);
    }
    let features = read(sample)?;
    let texts: Vec<String> = boxes.iter().zip(said).map(|(b, said)| canonical(&b.label, said)).collect();
    let words = Words::new(scorer, sample, &texts, &features)?;
    Ok(Some((features, Asked { boxes, words })))
}

/// Grounds every unique phrase of the samples.
///
/// # Errors
/// When features cannot be read, or the reader fails.
pub fn score_findings(
    scorer: Scorer,
    samples: &[&Sample],
    level: TextLevel,
    read: impl Fn(&Sample) -> io::Result<Features>,
) -> io::Result<Vec<Scored>> {
    let mut out = Vec::new();
    for sample in samples {
        let Some((features, asked)) = ask(scorer, sample, level, &read)? else { continue };
        let image = asked.image(&features);
        out.extend(asked.scored(sample, &scorer.decoder.answers(&[image], &mut ())[0]));
    }
    Ok(out)
}

/// Signs of phrases that are false of their image: labels that somebody looked for and did not draw and, where the words say
/// a side, drawn ones on the other side.
///
/// # Errors
/// When features cannot be read.
pub fn signs_of_false_phrases(
    decoder: &Decoder,
    samples: &[&Sample],
    level: TextLevel,
    drawn: &Drawn,
    read: impl Fn(&Sample) -> io::Result<Features>,
) -> io::Result<Vec<Signs>> {
    let mut out = Vec::new();
    for sample in samples {
        let texts = false_phrases(sample, level, drawn);
        if texts.is_empty() {
            continue;
        }
        let features = read(sample)?;
        let words = Words::new(decoder.into(), sample, &texts, &features)?;
        let image = words.image(&features);
        let answers = decoder.answers(&[image], &mut ());
        let answers = answers[0].iter().enumerate();
        out.extend(answers.map(|(phrase, found)| Signs::new(found, &found.candidates[0], &words.blind(phrase))));
    }
    Ok(out)
}

/// Canonical words; the same ones every time.
fn false_phrases(sample: &Sample, level: TextLevel, drawn: &Drawn) -> Vec<String> {
    let mut random = ChaCha8Rng::from_seed(Sha256::digest(&sample.record.id).into());
    let absent = drawn.absent(sample, &mut random).into_iter().take(FALSE_LABELS);
    let mut texts: Vec<String> = absent.map(str::to_owned).collect();
    if level != TextLevel::Class {
        let mirrored = sample.wrong_sides().map(|(found, said)| canonical(&found.label, level.visible(said)));
        texts.extend(mirrored);
    }
    let mut asked = BTreeSet::new();
    texts.retain(|text| asked.insert(text.clone()));
    texts
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
    let signs = Signs::new(answer, first, blind);
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
        patch: signs.patch,
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
    read: impl Fn(&Sample) -> io::Result<Features>,
) -> io::Result<Vec<Scored>> {
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

/// Share of pairs of a true and a false phrase in which the true one has the higher presence, ties half; `None` without
/// pairs.
pub fn presence_auroc(of_true: &[Signs], of_false: &[Signs]) -> Option<f64> {
    let pairs = of_true.iter().flat_map(|t| of_false.iter().map(move |f| t.presence.total_cmp(&f.presence)));
    let won = |order: Ordering| f64::from(u8::from(order.is_gt())) + f64::from(u8::from(order.is_eq())) / 2.0;
    let count = of_true.len() * of_false.len();
    (count > 0).then(|| pairs.map(won).sum::<f64>() / count as f64)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::KnowledgeBase;
    use crate::train::corpus::Record;
    use crate::train::dataset::LabelMap;

    /// A nodule in the image's left half, the patient's right, and an effusion across the midline.
    fn sample() -> Sample {
        let record: Record = serde_json::from_value(serde_json::json!({
            "id": "s/1", "source": "s", "image": "1.png", "tier": "open", "split": "val", "width": 100, "height": 100,
            "findings_annotated": true,
            "findings": [
                {"label": "nodule", "box": [0.2, 0.2, 0.3, 0.3]},
                {"label": "nodule", "box": [0.2, 0.4, 0.3, 0.5]},
                {"label": "effusion", "box": [0.2, 0.6, 0.8, 0.9]},
            ],
        }))
        .unwrap();
        Sample::new(&record, 448, &mut LabelMap::new(KnowledgeBase::chest())).unwrap()
    }

    #[test]
    fn a_phrase_that_is_false_is_asked_once_and_of_a_side_that_can_be_wrong() {
        let sample = sample();
        let asked = false_phrases(&sample, TextLevel::Side, &Drawn::of([&sample]));
        // Both nodules are false of the other lung, in the same words; the effusion may be said of either.
        assert_eq!(asked, ["left nodule"]);
        assert!(false_phrases(&sample, TextLevel::Class, &Drawn::of([&sample])).is_empty());
    }

    #[test]
    fn auroc_is_the_share_of_pairs_in_order() {
        let signs = |presence| Signs { presence, spread: 0.1, area: 0.1, agreement: 0.0, patch: 0.0 };
        let area = |t: &[f64], f: &[f64]| {
            let of = |presences: &[f64]| presences.iter().map(|p| signs(*p)).collect::<Vec<_>>();
            presence_auroc(&of(t), &of(f))
        };
        assert_eq!(area(&[0.9, 0.5], &[0.5, 0.1]), Some(0.875)); // three pairs in order, one tied
        assert_eq!(area(&[0.1], &[0.9]), Some(0.0));
        assert_eq!(area(&[], &[0.9]), None);
    }
}

//! Records and cached views to batches of phrases with their truth.

use std::collections::BTreeMap;

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

use super::compose::{TextLevel, compose};
use super::corpus::{Corpus, Record};
use super::criterion::Target;
use super::drawn::Drawn;
use super::{features, weak};
use crate::decoder::{ANATOMY, anatomy_key};
use crate::geometry::{Box2, Map, Model, Thorax};
use crate::grounding::Side;
use crate::image::augment::{Mirror, View, mirrored};
use crate::image::preprocess::model_from_image;
use crate::knowledge::KnowledgeBase;
use crate::model::config::PriorSwitch;
use crate::prior::estimator::{PriorBox, PriorEstimator};
use crate::prior::frame::{model_from_typical, side_and_zone};
use crate::prior::{Location, Prior};
use crate::report::{self, Phrase, Zone};

/// Times that one box of a view is asked for, each time in other words: an image costs far more than a phrase.
const WORDINGS: usize = 3;
/// Questions about something that is not there, where it is known.
const FALSE_QUESTIONS: usize = 2;

/// A box of a finding with what its words may say.
#[derive(Debug, Clone)]
pub struct FindingBox {
    /// The source's label.
    pub label: String,
    /// Node of the knowledge base.
    pub finding: String,
    /// By the centre of the box on the stored image.
    pub location: Location,
    /// On the square, as stored (view 0).
    pub bounds: Box2<Model>,
}

/// One image of the corpus, ready to be asked about.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The corpus record.
    pub record: Record,
    /// Findings, if somebody looked for them.
    pub findings: Vec<FindingBox>,
    /// Structures by name.
    pub anatomy: Vec<(String, Box2<Model>)>,
    /// Thorax of the patient on view 0; `None` before the anatomy stage.
    pub model_from_thorax: Option<Map<Model, Thorax>>,
    /// Views that the cache holds.
    pub views: Vec<usize>,
    /// Whether views with an even index are mirrored.
    pub mirror_allowed: bool,
}

impl Sample {
    /// Links a record's labels to the knowledge base.
    ///
    /// # Errors
    /// The label that names no finding of the knowledge base.
    pub fn new(record: &Record, side: usize, labels: &mut LabelMap) -> Result<Self, String> {
        let model_from_image = model_from_image(record.width, record.height, side);
        let on_square = |b| model_from_image.apply(&record.box_in_image(b));
        let findings = record.findings.iter().map(|labelled| {
            let (side, zone) = side_and_zone(&labelled.box_in_fractions);
            let location = Location { side: Some(side), zone: Some(zone) };
            let finding = labels.finding(&labelled.label)?;
            Ok(FindingBox { label: labelled.label.clone(), finding, location, bounds: on_square(labelled) })
        });
        Ok(Self {
            findings: findings.collect::<Result<_, String>>()?,
            anatomy: record.anatomy.iter().map(|b| (b.label.clone(), on_square(b))).collect(),
            record: record.clone(),
            model_from_thorax: None,
            views: vec![0],
            mirror_allowed: record.anatomy.is_empty(),
        })
    }

    /// Whether a finding may be said of a side: one of its boxes is there, or where no side can be told.
    pub fn may_show_on(&self, finding: &str, side: Side) -> bool {
        self.findings.iter().any(|found| found.finding == finding && found.location.side != side.other())
    }

    /// Each box's finding, said of the other side, where that is false of the image.
    pub fn wrong_sides(&self) -> impl Iterator<Item = (&FindingBox, Location)> {
        self.findings.iter().filter_map(|found| {
            let side = found.location.side?.other().filter(|side| !self.may_show_on(&found.finding, *side))?;
            Some((found, Location { side: Some(side), ..found.location }))
        })
    }

    /// This sample with made-up lesions instead of its own boxes, as seen in an inserted view; `None` where no lesion fits
    /// or the lungs are not known.
    pub fn with_lesions(&self, index: usize, side: usize) -> Option<(Self, features::Inserted)> {
        let inserted = features::inserted(&self.record, index, side, self.model_from_thorax.as_ref()?);
        let stored_from_view = inserted
            .view
            .model_from_image
            .after(&model_from_image(self.record.width, self.record.height, side).inverse())
            .inverse();
        let findings: Vec<FindingBox> = inserted
            .lesions
            .iter()
            .map(|(lesion, bounds)| {
                let bounds = stored_from_view.apply(bounds);
                let (side, zone) = side_and_zone(&bounds);
                let finding = format!("pulmonary_{}", lesion.kind.label());
                FindingBox {
                    label: lesion.kind.label().into(),
                    finding,
                    location: Location { side: Some(side), zone: Some(zone) },
                    bounds,
                }
            })
            .collect();
        (!findings.is_empty()).then(|| (Self { findings, anatomy: vec![], ..self.clone() }, inserted))
    }

    /// Whether made-up lesions may be drawn on it: nothing else must be there that the words could mean.
    pub fn takes_lesions(&self) -> bool {
        self.findings.is_empty() && (self.record.findings_annotated || !self.record.anatomy.is_empty())
    }

    /// Whether its findings were drawn on it by us.
    pub fn has_made_up_lesions(&self) -> bool {
        self.record.findings.is_empty() && !self.findings.is_empty()
    }

    /// Maps of an inserted view.
    pub fn seen_inserted(&self, inserted: &features::Inserted, side: usize) -> Seen {
        let stored = model_from_image(self.record.width, self.record.height, side);
        Seen { view_from_stored: inserted.view.model_from_image.after(&stored.inverse()), mirror: Mirror::No, side }
    }

    fn view(&self, index: usize) -> Option<View> {
        features::view(&self.record, index, self.mirror_allowed).0
    }

    /// Where the boxes, the thorax and the sides of this sample lie in a view.
    pub fn seen(&self, index: usize, side: usize) -> Seen {
        let Some(view) = self.view(index) else { return Seen::as_stored(side) };
        let stored = model_from_image(self.record.width, self.record.height, side);
        Seen { view_from_stored: view.model_from_image.after(&stored.inverse()), mirror: view.mirror, side }
    }
}

/// Maps things of the stored image into a view.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    view_from_stored: Map<Model, Model>,
    mirror: Mirror,
    side: usize,
}

impl Seen {
    fn as_stored(side: usize) -> Self {
        Self { view_from_stored: Map::new([1.0; 2], [0.0; 2]).expect("the identity"), mirror: Mirror::No, side }
    }

    /// Side of the square.
    ///
    /// # Units
    /// Pixels.
    pub fn side(&self) -> usize {
        self.side
    }

    /// A box.
    pub fn bounds(&self, stored: &Box2<Model>) -> Box2<Model> {
        let moved = self.view_from_stored.apply(stored);
        if self.mirror == Mirror::Yes { mirrored(&moved) } else { moved }
    }

    /// The thorax; mirrored, it is still the box around both lungs.
    pub fn thorax(&self, stored: &Map<Model, Thorax>) -> Map<Model, Thorax> {
        let unit = Box2::from_xyxy([0.0, 0.0, 1.0, 1.0]).expect("a constant box");
        Map::from_unit_square(&self.bounds(&stored.apply(&unit))).expect("a thorax has an area")
    }

    /// A side and zone.
    pub fn location(&self, stored: Location) -> Location {
        let seen = |side: Side| if self.mirror == Mirror::Yes { side.other().unwrap_or(side) } else { side };
        Location { side: stored.side.map(seen), ..stored }
    }
}

/// Labels of a corpus and the findings they name.
pub struct LabelMap {
    knowledge: &'static KnowledgeBase,
    known: BTreeMap<String, String>,
}

impl LabelMap {
    /// For one knowledge base.
    pub fn new(knowledge: &'static KnowledgeBase) -> Self {
        Self { knowledge, known: BTreeMap::new() }
    }

    /// The finding that a label names.
    ///
    /// # Errors
    /// When it names none.
    pub fn finding(&mut self, label: &str) -> Result<String, String> {
        if let Some(id) = self.known.get(label) {
            return Ok(id.clone());
        }
        let id = report::query(label, self.knowledge)
            .finding
            .ok_or_else(|| format!("the knowledge base has no finding for the label {label:?}"))?;
        self.known.insert(label.to_owned(), id.clone());
        Ok(id)
    }

    /// Labels by finding, as they were met.
    pub fn known(&self) -> &BTreeMap<String, String> {
        &self.known
    }
}

/// A phrase to ask, its truth and where its prior comes from.
pub struct Question {
    /// Parsed words.
    pub phrase: Phrase,
    /// Truth in the frame of the view.
    pub target: Target,
    /// Key of the prior.
    pub finding: Option<String>,
    /// Side and zone that the words say.
    pub location: Location,
}

/// Everything that questions and priors are made from.
pub struct Asker<'a> {
    /// The knowledge base.
    pub knowledge: &'static KnowledgeBase,
    /// Priors of findings, without the patient in question.
    pub priors: &'a PriorEstimator<'static>,
    /// Priors of lungs and heart on the square.
    pub anatomy_priors: &'a PriorEstimator<'static>,
    /// Weight of each finding in the loss.
    pub class_weights: &'a BTreeMap<String, f32>,
    /// Labels by finding.
    pub labels: &'a BTreeMap<String, String>,
    /// What each source looks for.
    pub drawn: &'a Drawn,
    /// Which prior is used.
    pub prior_switch: PriorSwitch,
    /// Most phrases per image.
    pub phrases_per_image: usize,
}

impl Asker<'_> {
    /// Draws the questions of one view.
    ///
    /// Structures are asked about on the square, findings on the patient's thorax, so never in one view: an image that
    /// has both is asked about one or the other, by chance.
    pub fn questions(&self, sample: &Sample, seen: &Seen, rng: &mut impl Rng) -> Vec<Question> {
        if weak::is_weak(&sample.record) {
            return weak::questions(&sample.record, self.knowledge, rng);
        }
        let mut structures = self.anatomy_questions(sample, seen);
        let findings = if structures.is_empty() || (sample.record.findings_annotated && rng.random_bool(0.5)) {
            self.finding_questions(sample, seen, rng)
        } else {
            vec![]
        };
        if !findings.is_empty() {
            return findings;
        }
        structures.shuffle(rng);
        structures.truncate(self.phrases_per_image);
        structures
    }

    fn finding_questions(&self, sample: &Sample, seen: &Seen, rng: &mut impl Rng) -> Vec<Question> {
        let absent = self.drawn.absent(sample, rng);
        let mut order: Vec<&FindingBox> = sample.findings.iter().collect();
        order.shuffle(rng);
        let asked = order.iter().cycle().take(order.len() * WORDINGS);
        let room = self.phrases_per_image.saturating_sub(FALSE_QUESTIONS).max(1);
        let mut questions: Vec<Question> =
            asked.take(room).map(|chosen| self.about_finding(sample, chosen, seen, &absent, rng)).collect();
        for _ in 0..FALSE_QUESTIONS {
            questions.extend(self.false_question(sample, seen, &absent, rng));
        }
        questions
    }

    /// One question for every structure of the view that has a box.
    pub fn anatomy_questions(&self, sample: &Sample, seen: &Seen) -> Vec<Question> {
        let structures = sample.anatomy.iter().filter(|(name, _)| ANATOMY.contains(&name.as_str()));
        structures.map(|(name, bounds)| self.about_anatomy(name, &seen.bounds(bounds))).collect()
    }

    /// One of the finding's boxes, with all other boxes that the same words describe.
    fn about_finding(
        &self,
        sample: &Sample,
        chosen: &FindingBox,
        seen: &Seen,
        absent: &[&str],
        rng: &mut impl Rng,
    ) -> Question {
        let level =
            *[TextLevel::Class, TextLevel::Class, TextLevel::Side, TextLevel::Zone, TextLevel::Zone, TextLevel::Report]
                .choose(rng)
                .expect("not empty");
        let said = level.visible(chosen.location);
        let fits = |b: &&FindingBox| {
            b.finding == chosen.finding
                && said.side.is_none_or(|s| b.location.side == Some(s))
                && said.zone.is_none_or(|z| b.location.zone == Some(z))
        };
        let boxes = sample.findings.iter().filter(fits).map(|b| seen.bounds(&b.bounds)).collect();
        let location = seen.location(said);
        let phrase = compose(&chosen.finding, &chosen.label, location, level, absent, self.knowledge, rng);
        let weight = self.class_weights.get(&chosen.finding).copied().unwrap_or(1.0);
        Question {
            phrase,
            target: Target { boxes, is_unlocated: false, weight },
            finding: Some(chosen.finding.clone()),
            location,
        }
    }

    /// A phrase that is false of the image: a finding that is not there, or one on the wrong side.
    fn false_question(&self, sample: &Sample, seen: &Seen, absent: &[&str], rng: &mut impl Rng) -> Option<Question> {
        if !sample.record.findings_annotated {
            return None;
        }
        let random = Location {
            side: [None, Some(Side::Left), Some(Side::Right)].choose(rng).copied().flatten(),
            zone: [None, Some(Zone::Upper), Some(Zone::Mid), Some(Zone::Lower)].choose(rng).copied().flatten(),
        };
        let wrong_sides: Vec<_> = sample.wrong_sides().collect();
        let wrong_side = wrong_sides.choose(rng).filter(|_| rng.random_bool(0.4));
        let wrong_side = wrong_side.map(|(found, location)| (found.finding.clone(), *location));
        let (finding, location) = match wrong_side {
            Some(wrong) => wrong,
            None => (absent.choose(rng).and_then(|label| self.by_label(label))?, random),
        };
        let location = seen.location(location);
        let label = self.labels.iter().find(|(_, id)| **id == finding).map(|(label, _)| label.as_str())?;
        let level = if location.side.is_none() && location.zone.is_none() { TextLevel::Class } else { TextLevel::Zone };
        let phrase = compose(&finding, label, location, level, &[], self.knowledge, rng);
        Some(Question {
            phrase,
            target: Target { boxes: vec![], is_unlocated: false, weight: 0.7 },
            finding: Some(finding),
            location,
        })
    }

    fn by_label(&self, label: &str) -> Option<String> {
        self.labels.get(label).cloned()
    }

    /// The question for a structure, whose prior lives on the square itself.
    fn about_anatomy(&self, name: &str, bounds: &Box2<Model>) -> Question {
        let phrase = report::query(name, self.knowledge);
        let finding = Some(anatomy_key(name));
        Question {
            phrase,
            target: Target { boxes: vec![*bounds], is_unlocated: false, weight: 1.0 },
            finding,
            location: Location { side: None, zone: None },
        }
    }

    /// The prior of a question, without the boxes of its own patient.
    pub fn prior(&self, question: &Question, patient: &str) -> Prior {
        if self.prior_switch == PriorSwitch::Off {
            return Prior::flat();
        }
        let finding = question.finding.as_deref();
        if finding.is_some_and(is_anatomy_key) {
            return self.anatomy_priors.estimate(finding, question.location, Some(patient));
        }
        // What the parser read counts, not what the template meant: inference has nothing else.
        let location = Location { side: question.phrase.side, zone: question.phrase.zone };
        self.priors.estimate(question.phrase.finding.as_deref().or(finding), location, Some(patient))
    }
}

/// Whether a key is a structure's.
pub fn is_anatomy_key(key: &str) -> bool {
    ANATOMY.iter().any(|name| anatomy_key(name) == key)
}

/// Boxes of structures on the square, as if the square were the thorax.
pub fn anatomy_prior_boxes(samples: &[Sample]) -> Vec<PriorBox> {
    let boxes =
        samples.iter().flat_map(|sample| sample.anatomy.iter().map(move |(name, bounds)| (sample, name, bounds)));
    let known = boxes.filter(|(_, name, _)| ANATOMY.contains(&name.as_str()));
    known
        .map(|(sample, name, bounds)| {
            let (side, zone) = side_and_zone(bounds);
            let bounds = Box2::from_xyxy(bounds.xyxy()).expect("a box stays a box in another frame");
            PriorBox { finding: anatomy_key(name), side, zone, bounds, patient: sample.record.patient_key().to_owned() }
        })
        .collect()
}

/// Boxes of findings in the thorax frames of their patients.
pub fn finding_prior_boxes(samples: &[Sample]) -> Vec<PriorBox> {
    let mut out = Vec::new();
    for sample in samples {
        let thorax_from_model = sample.model_from_thorax.unwrap_or_else(model_from_typical).inverse();
        for b in &sample.findings {
            let (Some(side), Some(zone)) = (b.location.side, b.location.zone) else { continue };
            let patient = sample.record.patient_key().to_owned();
            out.push(PriorBox {
                finding: b.finding.clone(),
                side,
                zone,
                bounds: thorax_from_model.apply(&b.bounds),
                patient,
            });
        }
    }
    out
}

/// All samples of a corpus that `wanted` accepts.
///
/// # Errors
/// A label that the knowledge base does not know.
pub fn samples(
    corpus: &Corpus,
    side: usize,
    labels: &mut LabelMap,
    wanted: impl Fn(&Record) -> bool,
) -> Result<Vec<Sample>, String> {
    corpus.records.iter().filter(|r| wanted(r)).map(|r| Sample::new(r, side, labels)).collect()
}

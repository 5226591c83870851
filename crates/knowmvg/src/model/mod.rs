//! Everything with weights.
//!
//! `VisualTokens + Phrase + Knowledge -> boxes, presence, spread`
//!
//! | symbol | name | meaning |
//! |---|---|---|
//! | B | `batch` | images |
//! | P | `phrases` | phrases per image, padded |
//! | T | `tokens` | word pieces of a phrase, padded |
//! | M | `nodes` | knowledge nodes of a phrase, padded |
//! | K | `prompt_tokens` | prompt tokens per phrase |
//! | Q | `queries` | boxes per phrase |
//! | N | `patches` | `grid * grid` visual tokens |
//! | D | `width` | width of the decoder |
//! | H | `heads` | attention heads |

pub mod adapters;
pub mod answer;
pub mod box_head;
pub mod config;
pub mod encode;
pub mod files;
pub mod fine_map;
pub mod global_local;
pub mod input;
pub mod knowledge_prompt;
pub mod layers;
pub mod linalg;
pub mod params;
pub mod phrase_encoder;
pub mod proposals;
pub mod sight;
pub mod tokenizer;
pub mod trace;
pub mod vision;
pub mod visual_tokens;
pub mod weights;
pub mod window;

use burn::module::{Module, Param};
use burn::nn::{Embedding, EmbeddingConfig, Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};

use adapters::TowerAdapters;
use box_head::{BoxHead, Boxes};
use config::{KnowledgeSwitch, ModelConfig, StartSwitch};
use fine_map::FineMap;
use global_local::{GlobalLocalLayer, Scene};
use knowledge_prompt::{KnowledgeInput, KnowledgePrompt};
use phrase_encoder::PhraseEncoder;
use proposals::{PatchBoxes, Proposal, ProposalHead};
use sight::Sight;
use trace::Trace;
use visual_tokens::VisualProjection;

/// Number of side slots: none, left, right, midline, bilateral.
pub const SIDE_SLOTS: usize = 5;
/// Number of zone slots: none, upper, mid, lower.
pub const ZONE_SLOTS: usize = 4;

/// The grounding decoder and its readers: everything but the frozen tower.
#[derive(Module, Debug)]
pub struct GroundingModel {
    phrase_encoder: PhraseEncoder,
    sides: Embedding,
    zones: Embedding,
    knowledge_prompt: KnowledgePrompt,
    random_nodes: Param<Tensor<2>>,
    visual_projection: VisualProjection,
    proposal_head: Option<ProposalHead>,
    fine_map: FineMap,
    queries: Param<Tensor<2>>,
    query_offsets: Param<Tensor<2>>,
    from_phrase: Linear,
    from_prior: Linear,
    from_start: Option<Linear>,
    layers: Vec<GlobalLocalLayer>,
    heads: Vec<BoxHead>,
    region: Linear,
    region_phrase: Linear,
    adapters: Option<TowerAdapters>,
}

/// A batch of images with padded phrases.
#[derive(Debug, Clone)]
pub struct GroundingInput {
    /// Once an image.
    pub images: ImageBatch,
    /// Once a phrase.
    pub phrases: PhraseBatch,
}

/// The images of a batch, as the tower gave them.
#[derive(Debug, Clone)]
pub struct ImageBatch {
    /// Standardised tower tokens, `[batch, patches, token_width]`.
    pub tokens: Tensor<3>,
    /// `[batch, patches, POSITION_FEATURES]`
    pub positions: Tensor<3>,
    /// `[batch, cells * cells, patch_size^2]`
    pub pixel_patches: Tensor<3>,
    /// `[cells, grid]`
    pub upsample: Tensor<2>,
}

/// The phrases of a batch, padded.
#[derive(Debug, Clone)]
pub struct PhraseBatch {
    /// `[batch * phrases, tokens]`
    pub token_ids: Tensor<2, Int>,
    /// `[batch * phrases, tokens]`
    pub is_word: Tensor<2>,
    /// Side slot of each phrase, `[batch * phrases, 1]`.
    pub sides: Tensor<2, Int>,
    /// Zone slot of each phrase, `[batch * phrases, 1]`.
    pub zones: Tensor<2, Int>,
    /// Word pieces of every distinct node in the batch, `[distinct, tokens]`.
    pub node_token_ids: Tensor<2, Int>,
    /// `[distinct, tokens]`
    pub node_is_word: Tensor<2>,
    /// Which distinct node stands at each place, `[batch * phrases * nodes]`.
    pub node_index: Tensor<1, Int>,
    /// `[batch * phrases, nodes, NODE_FEATURES]`
    pub node_features: Tensor<3>,
    /// `[batch * phrases, nodes]`
    pub is_node: Tensor<2>,
    /// `[batch * phrases, 1]`
    pub link_quality: Tensor<2>,
    /// `[batch, phrases, patches]`, in `[0, 1]`
    pub prior: Tensor<3>,
    /// Centre and size, `[batch, phrases, 4]`.
    pub prior_boxes: Tensor<3>,
    /// What another reader made of the phrases; the model's own reads them all if absent.
    pub read: Option<ReadPhrases>,
}

/// Embeddings of phrases by another reader than the model's own, such as a language model.
#[derive(Debug, Clone)]
pub struct ReadPhrases {
    /// `e_box`, `[batch * phrases, width]`
    pub embeds: Tensor<2>,
    /// 1 where the other reader has read the phrase, 0 where the model's own does, `[batch * phrases, 1]`.
    pub is_read: Tensor<2>,
}

/// Boxes after every layer, the last one last.
pub struct GroundingOutput {
    /// One entry per decoder layer.
    pub layers: Vec<Boxes>,
    /// Global attention of each query in each layer, `[batch, phrases * queries, patches]`.
    pub global_maps: Vec<Tensor<3>>,
    /// What every patch says about every phrase; `None` from a model that starts at the prior.
    pub patch_boxes: Option<PatchBoxes>,
    /// How far the knowledge gate opened, `[batch * phrases, 1]`.
    pub knowledge_gate: Tensor<2>,
    /// Phrase and region embeddings for the contrastive loss.
    pub alignment: Alignment,
}

/// The two sides of the phrase-region contrast.
pub struct Alignment {
    /// `[batch, phrases, width]`
    pub phrases: Tensor<3>,
    /// `[batch, patches, width]`
    pub patches: Tensor<3>,
}

impl GroundingModel {
    /// Randomly initialised; `patch_size` is the tower's.
    pub fn init(config: &ModelConfig, patch_size: usize, device: &Device) -> Self {
        let width = config.width;
        let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
        let normal = |std| Initializer::Normal { mean: 0.0, std };
        let proposes = config.switches.start == StartSwitch::Proposals;
        let slots = |count| EmbeddingConfig::new(count, width).with_initializer(normal(0.02)).init(device);
        Self {
            phrase_encoder: PhraseEncoder::init(config, device),
            sides: slots(SIDE_SLOTS),
            zones: slots(ZONE_SLOTS),
            knowledge_prompt: KnowledgePrompt::init(config, device),
            random_nodes: normal(1.0).init([RANDOM_NODES, width], device),
            visual_projection: VisualProjection::init(config, device),
            proposal_head: proposes.then(|| ProposalHead::init(config, device)),
            fine_map: FineMap::init(config, patch_size, device),
            queries: normal(1.0).init([config.queries, width], device),
            query_offsets: normal(0.1).init([config.queries, 4], device),
            from_phrase: linear(width, width),
            from_prior: linear(4, width),
            from_start: proposes.then(|| linear(START_FEATURES, width)),
            layers: (0..config.layers).map(|_| GlobalLocalLayer::init(config, device)).collect(),
            heads: (0..config.layers).map(|_| BoxHead::init(config, device)).collect(),
            region: linear(width, width),
            region_phrase: linear(width, width),
            adapters: None,
        }
    }

    /// The same model with changes of the tower that are learnt beside it; [`GroundingModel::forward`] does not read them.
    pub fn with_adapters(self, adapters: Option<TowerAdapters>) -> Self {
        Self { adapters, ..self }
    }

    /// What is changed in the tower, if anything.
    pub fn adapters(&self) -> Option<&TowerAdapters> {
        self.adapters.as_ref()
    }

    /// Grounds every phrase of every image in the batch.
    ///
    /// # Shapes
    /// See the fields of [`GroundingInput`] and [`GroundingOutput`].
    pub fn forward(&self, input: GroundingInput, config: &ModelConfig, trace: &mut impl Trace) -> GroundingOutput {
        let told = self.told(&input.phrases, config, trace);
        let sight = self.see(input.images, trace);
        self.look(input.phrases, told, &sight, config, trace)
    }

    /// The same of images that were seen before.
    pub fn forward_seen(
        &self,
        phrases: PhraseBatch,
        sight: &Sight,
        config: &ModelConfig,
        trace: &mut impl Trace,
    ) -> GroundingOutput {
        let told = self.told(&phrases, config, trace);
        self.look(phrases, told, sight, config, trace)
    }

    /// What the decoder makes of images, whatever is asked about them.
    pub fn see(&self, images: ImageBatch, trace: &mut impl Trace) -> Sight {
        let [cells, grid] = images.upsample.dims();
        let visual = self.visual_projection.forward(images.tokens, images.positions);
        trace.record("visual_tokens", &visual.values);
        let fine_map = self.fine_map.forward(images.pixel_patches, visual.values.clone(), images.upsample);
        trace.record("fine_map", &fine_map);
        let regions = self.region.forward(visual.values.clone());
        Sight { visual, fine_map, regions, grid, cells }
    }

    /// What is read of the phrases, whatever the image shows.
    fn told(&self, phrases: &PhraseBatch, config: &ModelConfig, trace: &mut impl Trace) -> Told {
        let embeds = self.phrase_embeds(phrases);
        trace.record("phrase_embeds", &embeds);
        let prompt = self.prompt(embeds.clone(), phrases, config, trace);
        Told { embeds, prompt }
    }

    fn look(
        &self,
        phrases: PhraseBatch,
        told: Told,
        sight: &Sight,
        config: &ModelConfig,
        trace: &mut impl Trace,
    ) -> GroundingOutput {
        let PhraseBatch { prior, prior_boxes, .. } = phrases;
        let Told { embeds, prompt } = told;
        let [batch, phrases, _] = prior.dims();
        let width = config.width;
        let alignment = Alignment {
            phrases: self.region_phrase.forward(embeds.clone()).reshape([batch, phrases, width]),
            patches: sight.regions.clone(),
        };
        let asked = embeds.clone() + prompt.embeds.clone().mean_dim(1).squeeze_dim(1);
        let head = self.proposal_head.as_ref();
        let patch_boxes = head.map(|head| head.forward(asked, sight.visual.keys.clone(), prior.clone()));
        if let Some(said) = &patch_boxes {
            trace.record("patch_boxes.logits", &said.logits);
            trace.record("patch_boxes.log_sides", &said.log_sides);
        }

        let start = Start::new(patch_boxes.as_ref(), &prior_boxes, config);
        trace.record("start", &start.boxes);
        let mut references = self.first_references(&start, [batch, phrases], config);
        let mut states = self.first_states(embeds, prompt.embeds, prior_boxes, &start);
        trace.record("first_states", &states);
        let knowledge_gate = prompt.gate;
        let mut output =
            GroundingOutput { layers: vec![], global_maps: vec![], patch_boxes, knowledge_gate, alignment };
        for (index, (layer, head)) in self.layers.iter().zip(&self.heads).enumerate() {
            let scene = Scene { sight, prior: &prior };
            let looked = layer.forward(states, references.clone(), scene, config, &format!("layers.{index}"), trace);
            let asked = looked.states.clone().slice([0..batch * phrases, 0..config.queries]);
            let boxes =
                head.forward(asked.reshape([batch, phrases * config.queries, width]), looked.geometry, references);
            trace.record(&format!("layers.{index}.boxes"), &boxes.boxes);
            trace.record(&format!("layers.{index}.presence_logits"), &boxes.presence_logits);
            trace.record(&format!("layers.{index}.log_spread"), &boxes.log_spread);
            references = boxes.boxes.clone().detach();
            states = looked.states;
            output.layers.push(boxes);
            output.global_maps.push(looked.global_map);
        }
        output
    }

    /// The prompt tokens of every phrase as the model's own reader asks for them, for a language model to read before it
    /// says where the phrase is (eq. 1, 2).
    ///
    /// # Shapes
    /// - returns `[batch * phrases, prompt_tokens, width]`
    pub fn knowledge_tokens(&self, phrases: &PhraseBatch, config: &ModelConfig) -> Tensor<3> {
        self.prompt(self.read_phrases(phrases), phrases, config, &mut ()).embeds
    }

    /// `e_box`, by whoever reads each phrase.
    fn phrase_embeds(&self, phrases: &PhraseBatch) -> Tensor<2> {
        let own = self.read_phrases(phrases);
        match &phrases.read {
            Some(ReadPhrases { embeds, is_read }) => {
                own * (is_read.clone().neg() + 1.0) + embeds.clone() * is_read.clone()
            }
            None => own,
        }
    }

    /// `e_box` by the model's own reader: the words of the phrase, with its side and zone.
    ///
    /// # Shapes
    /// - returns `[batch * phrases, width]`
    pub fn read_phrases(&self, phrases: &PhraseBatch) -> Tensor<2> {
        let words = self.phrase_encoder.forward(phrases.token_ids.clone(), phrases.is_word.clone());
        let side = self.sides.forward(phrases.sides.clone()).squeeze_dim(1);
        let zone = self.zones.forward(phrases.zones.clone()).squeeze_dim(1);
        words + side + zone
    }

    fn prompt(
        &self,
        phrase_embeds: Tensor<2>,
        phrases: &PhraseBatch,
        config: &ModelConfig,
        trace: &mut impl Trace,
    ) -> knowledge_prompt::Prompt {
        let [rows, nodes, _] = phrases.node_features.dims();
        let (node_embeds, node_features) = match config.switches.knowledge {
            KnowledgeSwitch::Random => {
                let embeds = self.random_nodes.val().detach().narrow(0, 0, nodes.min(RANDOM_NODES));
                (embeds.unsqueeze_dim::<3>(0).expand([rows, nodes, config.width]), phrases.node_features.zeros_like())
            }
            _ => {
                let distinct =
                    self.phrase_encoder.forward(phrases.node_token_ids.clone(), phrases.node_is_word.clone());
                (
                    distinct.select(0, phrases.node_index.clone()).reshape([rows, nodes, config.width]),
                    phrases.node_features.clone(),
                )
            }
        };
        let link_quality = match config.switches.knowledge {
            KnowledgeSwitch::Off => phrases.link_quality.zeros_like(),
            _ => phrases.link_quality.clone(),
        };
        let knowledge = KnowledgeInput { node_embeds, node_features, is_node: phrases.is_node.clone(), link_quality };
        self.knowledge_prompt.forward(phrase_embeds, knowledge, trace)
    }

    /// Each query starts a learned step away from its box.
    fn first_references(&self, start: &Start, [batch, phrases]: [usize; 2], config: &ModelConfig) -> Tensor<3> {
        let shape = [batch, phrases * config.queries, 4];
        let steps = self.query_offsets.val().unsqueeze::<4>().expand([batch, phrases, config.queries, 4]);
        box_head::refine(start.boxes.clone().reshape(shape), steps.reshape(shape))
    }

    /// `Z`: queries, the phrase, the prompt.
    fn first_states(
        &self,
        phrase_embeds: Tensor<2>,
        prompt_embeds: Tensor<3>,
        prior_boxes: Tensor<3>,
        start: &Start,
    ) -> Tensor<3> {
        let [rows, _] = phrase_embeds.dims();
        let told =
            self.from_phrase.forward(phrase_embeds.clone()) + self.from_prior.forward(prior_boxes.reshape([rows, 4]));
        let queries = self.queries.val().unsqueeze_dim::<3>(0) + told.unsqueeze_dim(1);
        let queries = match &self.from_start {
            Some(layer) => queries + layer.forward(Tensor::cat(vec![start.boxes.clone(), start.scores.clone()], 2)),
            None => queries,
        };
        Tensor::cat(vec![queries, phrase_embeds.unsqueeze_dim(1), prompt_embeds], 1)
    }
}

/// What was read of the phrases of a batch.
struct Told {
    /// `e_box`, `[batch * phrases, width]`
    embeds: Tensor<2>,
    prompt: knowledge_prompt::Prompt,
}

/// Numbers that a query is told about where it starts: its box and the score of the best patch that spoke for it.
const START_FEATURES: usize = 5;

/// Where each query starts: the proposals of its phrase, best first, then the prior's box.
struct Start {
    /// Centre and size, `[batch * phrases, queries, 4]`.
    boxes: Tensor<3>,
    /// Score of the proposal, 0 for the prior's box, `[batch * phrases, queries, 1]`.
    scores: Tensor<3>,
}

impl Start {
    fn new(patch_boxes: Option<&PatchBoxes>, prior_boxes: &Tensor<3>, config: &ModelConfig) -> Self {
        let device = prior_boxes.device();
        let prior_boxes = trace::values(prior_boxes);
        let rows = prior_boxes.len() / 4;
        let proposals = match (config.switches.start, patch_boxes) {
            (StartSwitch::Proposals, Some(said)) => said.propose(config.queries),
            _ => vec![vec![]; rows],
        };
        let (mut boxes, mut scores) = (Vec::with_capacity(rows * config.queries * 4), Vec::new());
        for (proposals, prior) in proposals.iter().zip(prior_boxes.chunks_exact(4)) {
            for query in 0..config.queries {
                let proposal = proposals.get(query);
                boxes.extend(proposal.map_or([prior[0], prior[1], prior[2], prior[3]], centre_and_size));
                scores.push(proposal.map_or(0.0, |p| 1.0 / (1.0 + (-p.logit).exp())));
            }
        }
        Self {
            boxes: Tensor::from_data(TensorData::new(boxes, [rows, config.queries, 4]), &device),
            scores: Tensor::from_data(TensorData::new(scores, [rows, config.queries, 1]), &device),
        }
    }
}

fn centre_and_size(proposal: &Proposal) -> [f32; 4] {
    let [x0, y0, x1, y1] = proposal.bounds;
    [(x0 + x1) / 2.0, (y0 + y1) / 2.0, x1 - x0, y1 - y0]
}

/// Most nodes that one phrase links to.
pub const MAX_NODES: usize = 8;
/// Fixed random embeddings of the ablation; as many as a phrase can have nodes.
const RANDOM_NODES: usize = MAX_NODES;

//! From a parsed phrase and its knowledge to the numbers that the decoder reads; shared by training and inference.

use std::collections::BTreeMap;

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::config::ModelConfig;
use super::fine_map::{CELLS_PER_PATCH, pixel_patches, upsampling};
use super::knowledge_prompt::NODE_FEATURES;
use super::sight::Sight;
use super::tokenizer::{NodeTexts, PAD, PhraseTokenizer};
use super::visual_tokens::{POSITION_FEATURES, position_features};
use super::{GroundingInput, ImageBatch, MAX_NODES, PhraseBatch, ReadPhrases};
use crate::geometry::{Map, Model, Thorax};
use crate::grounding::Side;
use crate::knowledge::{self, Knowledge, KnowledgeBase};
use crate::prior::PriorOnImage;
use crate::report::{Phrase, Zone};

/// One phrase, ready to be batched.
#[derive(Debug, Clone)]
pub struct PhraseInput {
    /// Word pieces.
    pub token_ids: Vec<u32>,
    /// Side slot.
    pub side: usize,
    /// Zone slot.
    pub zone: usize,
    /// Linked nodes, at most [`MAX_NODES`].
    pub nodes: Vec<NodeInput>,
    /// In `[0, 1]`; 0 closes the knowledge gate.
    pub link_quality: f32,
    /// The prior on this image.
    pub prior: PriorOnImage,
    /// `e_box` of another reader, `[width]`; the decoder's own reader reads the word pieces if absent.
    pub embed: Option<Vec<f32>>,
}

/// One linked node.
#[derive(Debug, Clone)]
pub struct NodeInput {
    /// Id in the knowledge base.
    pub id: String,
    /// See [`NODE_FEATURES`].
    pub features: [f32; NODE_FEATURES],
}

/// What the decoder reads of one image, without its phrases.
#[derive(Debug, Clone)]
pub struct Features {
    /// Patches along one side.
    pub grid: usize,
    /// Side of `pixels`.
    pub side: usize,
    /// Standardised tokens of the last and the middle layer, `[grid * grid, token_width]`.
    pub tokens: Vec<f32>,
    /// The picture, `[side, side]`, in `[0, 1]`.
    pub pixels: Vec<f32>,
}

/// An image with its phrases.
pub struct ImageInput<'a> {
    /// Tower output.
    pub features: &'a Features,
    /// Where this patient's lungs are.
    pub model_from_thorax: Map<Model, Thorax>,
    /// At least one.
    pub phrases: Vec<PhraseInput>,
}

/// An image that the decoder has seen, with its phrases.
pub struct SeenImage<'a> {
    /// One image alone.
    pub sight: &'a Sight,
    /// At least one.
    pub phrases: Vec<PhraseInput>,
}

/// Makes the input of a phrase.
pub fn phrase_input(
    phrase: &Phrase,
    linked: &Knowledge,
    knowledge: &KnowledgeBase,
    tokenizer: &PhraseTokenizer,
    model_from_thorax: &Map<Model, Thorax>,
    prior: PriorOnImage,
    config: &ModelConfig,
) -> PhraseInput {
    let matched = linked.finding.iter().chain(&linked.places);
    let nodes: Vec<NodeInput> = matched
        .take(MAX_NODES)
        .map(|id| NodeInput { id: id.clone(), features: node_features(id, knowledge, model_from_thorax) })
        .collect();
    PhraseInput {
        token_ids: tokenizer.encode(&phrase.text, config.max_tokens),
        side: side_slot(phrase.side.or(linked.side)),
        zone: zone_slot(phrase.zone.or(linked.zone)),
        link_quality: if nodes.is_empty() { 0.0 } else { linked.coverage.clamp(0.05, 1.0) as f32 },
        nodes,
        prior,
        embed: None,
    }
}

fn side_slot(side: Option<Side>) -> usize {
    match side {
        None => 0,
        Some(Side::Left) => 1,
        Some(Side::Right) => 2,
        Some(Side::Midline) => 3,
        Some(Side::Bilateral) => 4,
    }
}

fn zone_slot(zone: Option<Zone>) -> usize {
    match zone {
        None => 0,
        Some(Zone::Upper) => 1,
        Some(Zone::Mid) => 2,
        Some(Zone::Lower) => 3,
    }
}

/// The region of a node on this patient and its kind.
fn node_features(id: &str, knowledge: &KnowledgeBase, model_from_thorax: &Map<Model, Thorax>) -> [f32; NODE_FEATURES] {
    let mut features = [0.0; NODE_FEATURES];
    if let Some(region) = knowledge::region(id, knowledge) {
        let corners = model_from_thorax.apply(&region).xyxy();
        for (feature, corner) in features.iter_mut().zip(corners) {
            *feature = corner.clamp(-0.5, 1.5) as f32;
        }
        features[4] = 1.0;
    }
    let kind = if knowledge.finding(id).is_some() { 5 } else { 6 };
    features[kind] = 1.0;
    features
}

/// Batches images with their phrases.
pub fn collate(
    images: &[ImageInput],
    texts: &NodeTexts,
    config: &ModelConfig,
    patch_size: usize,
    device: &Device,
) -> GroundingInput {
    let phrases: Vec<&[PhraseInput]> = images.iter().map(|image| image.phrases.as_slice()).collect();
    let seen: Vec<_> = images.iter().map(|image| (image.features, &image.model_from_thorax)).collect();
    GroundingInput {
        images: collate_images(&seen, config, patch_size, device),
        phrases: collate_phrases(&phrases, images[0].features.grid.pow(2), texts, config, device),
    }
}

/// Batches images, each with the thorax that positions are told on.
pub fn collate_images(
    images: &[(&Features, &Map<Model, Thorax>)],
    config: &ModelConfig,
    patch_size: usize,
    device: &Device,
) -> ImageBatch {
    let batch = images.len();
    let grid = images[0].0.grid;
    let cells = grid * CELLS_PER_PATCH;
    let tokens = images.iter().flat_map(|(features, _)| features.tokens.iter().copied()).collect();
    let positions = images.iter().flat_map(|(_, thorax)| position_features(grid, &thorax.inverse())).collect();
    let patches = images.iter().flat_map(|(f, _)| pixel_patches(&f.pixels, f.side, patch_size)).collect();
    ImageBatch {
        tokens: floats3(tokens, [batch, grid * grid, config.token_width], device),
        positions: floats3(positions, [batch, grid * grid, POSITION_FEATURES], device),
        pixel_patches: floats3(patches, [batch, cells * cells, patch_size * patch_size], device),
        upsample: floats(upsampling(cells, grid), [cells, grid], device),
    }
}

/// Batches the phrases of every image of so many patches, padding phrases, words and nodes.
pub fn collate_phrases(
    images: &[&[PhraseInput]],
    patches: usize,
    texts: &NodeTexts,
    config: &ModelConfig,
    device: &Device,
) -> PhraseBatch {
    let batch = images.len();
    let phrases = images.iter().map(|phrases| phrases.len()).max().unwrap_or(1).max(1);
    let text = TextBatch::new(images, phrases, patches, texts);
    PhraseBatch {
        token_ids: ints(&text.tokens.ids, text.tokens.shape, device),
        is_word: floats(text.tokens.is_real, text.tokens.shape, device),
        sides: ints(&text.sides, [batch * phrases, 1], device),
        zones: ints(&text.zones, [batch * phrases, 1], device),
        node_token_ids: ints(&text.distinct.ids, text.distinct.shape, device),
        node_is_word: floats(text.distinct.is_real, text.distinct.shape, device),
        node_index: Tensor::<1, Int>::from_data(
            TensorData::new(text.node_index, [batch * phrases * MAX_NODES]),
            device,
        ),
        node_features: floats3(text.node_features, [batch * phrases, MAX_NODES, NODE_FEATURES], device),
        is_node: floats(text.is_node, [batch * phrases, MAX_NODES], device),
        link_quality: floats(text.link_quality, [batch * phrases, 1], device),
        prior: floats3(text.prior, [batch, phrases, patches], device),
        prior_boxes: floats3(text.prior_boxes, [batch, phrases, 4], device),
        read: read_phrases(images, phrases, config.width, device),
    }
}

/// The embeddings that phrases bring along; `None` if none brings one.
fn read_phrases(images: &[&[PhraseInput]], phrases: usize, width: usize, device: &Device) -> Option<ReadPhrases> {
    let slots = || images.iter().flat_map(|image| (0..phrases).map(|at| image.get(at)?.embed.as_deref()));
    if slots().all(|embed| embed.is_none()) {
        return None;
    }
    let rows = images.len() * phrases;
    let embeds = slots().flat_map(|embed| embed.map_or_else(|| vec![0.0; width], <[f32]>::to_vec)).collect();
    let is_read = slots().map(|embed| f32::from(embed.is_some())).collect();
    Some(ReadPhrases { embeds: floats(embeds, [rows, width], device), is_read: floats(is_read, [rows, 1], device) })
}

fn ints(values: &[i32], shape: [usize; 2], device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

fn floats(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn floats3(values: Vec<f32>, shape: [usize; 3], device: &Device) -> Tensor<3> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Rows of ids padded to the longest.
struct Padded {
    ids: Vec<i32>,
    is_real: Vec<f32>,
    shape: [usize; 2],
}

impl Padded {
    fn new(rows: &[&[u32]]) -> Self {
        let longest = rows.iter().map(|r| r.len()).max().unwrap_or(0).max(1);
        let mut ids = Vec::with_capacity(rows.len() * longest);
        let mut is_real = Vec::with_capacity(rows.len() * longest);
        for row in rows {
            ids.extend(row.iter().map(|id| *id as i32).chain(std::iter::repeat(PAD as i32)).take(longest));
            is_real.extend((0..longest).map(|i| f32::from(i < row.len())));
        }
        Self { ids, is_real, shape: [rows.len(), longest] }
    }
}

/// The phrase side of a batch, flattened; padding phrases have one padding token, no node and a flat prior.
struct TextBatch {
    tokens: Padded,
    sides: Vec<i32>,
    zones: Vec<i32>,
    distinct: Padded,
    node_index: Vec<i32>,
    node_features: Vec<f32>,
    is_node: Vec<f32>,
    link_quality: Vec<f32>,
    prior: Vec<f32>,
    prior_boxes: Vec<f32>,
}

impl TextBatch {
    fn new(images: &[&[PhraseInput]], phrases: usize, patches: usize, texts: &NodeTexts) -> Self {
        let slots: Vec<Option<&PhraseInput>> =
            images.iter().flat_map(|image| (0..phrases).map(|p| image.get(p))).collect();
        let padding = [PAD];
        let token_rows: Vec<&[u32]> =
            slots.iter().map(|s| s.map_or(&padding[..], |p| p.token_ids.as_slice())).collect();

        let used = slots.iter().flatten().flat_map(|p| &p.nodes).map(|n| n.id.as_str());
        let mut index_of: BTreeMap<&str, i32> = used.map(|id| (id, 0)).collect();
        for (index, place) in index_of.values_mut().enumerate() {
            *place = index as i32;
        }
        let node_rows: Vec<&[u32]> = match index_of.len() {
            0 => vec![&padding[..]],
            _ => index_of.keys().map(|id| texts.get(id)).collect(),
        };
        let mut batch = Self {
            tokens: Padded::new(&token_rows),
            sides: slots.iter().map(|s| s.map_or(0, |p| p.side as i32)).collect(),
            zones: slots.iter().map(|s| s.map_or(0, |p| p.zone as i32)).collect(),
            distinct: Padded::new(&node_rows),
            node_index: Vec::new(),
            node_features: Vec::new(),
            is_node: Vec::new(),
            link_quality: slots.iter().map(|s| s.map_or(0.0, |p| p.link_quality)).collect(),
            prior: Vec::new(),
            prior_boxes: Vec::new(),
        };
        for slot in slots {
            batch.push(slot, &index_of, patches);
        }
        batch
    }

    fn push(&mut self, slot: Option<&PhraseInput>, index_of: &BTreeMap<&str, i32>, patches: usize) {
        for at in 0..MAX_NODES {
            let node = slot.and_then(|p| p.nodes.get(at));
            self.node_index.push(node.map_or(0, |n| index_of[n.id.as_str()]));
            self.node_features.extend(node.map_or([0.0; NODE_FEATURES], |n| n.features));
            self.is_node.push(f32::from(node.is_some()));
        }
        match slot {
            Some(phrase) => {
                self.prior.extend(&phrase.prior.map);
                self.prior_boxes.extend(phrase.prior.reference.cxcywh().map(|c| c as f32));
            }
            None => {
                self.prior.extend(std::iter::repeat_n(1.0, patches));
                self.prior_boxes.extend([0.5, 0.5, 0.4, 0.4]);
            }
        }
    }
}

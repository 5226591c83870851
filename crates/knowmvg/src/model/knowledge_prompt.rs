//! Knowledge about a phrase as a few embeddings that join the decoder's prompt.
//!
//! Each linked node of the graph becomes `k_j`, from its text and its region on this patient; learned queries, moved by
//! the phrase, pool them; a gate mixes the result with learned null tokens by how well the phrase was linked:
//!
//! eq. 1: `P = LN(Q0 + Attn(Q0 + W e_box, K, K))`
//! eq. 2: `P <- g P + (1 - g) P_null`, `g = sigmoid(w [e_box; mean P; s])`
//!
//! # Source
//! KnowMVG (arXiv 2604.01915), "compact embeddings" of phrase-related knowledge; the equations are our reconstruction.
//!
//! # Departures
//! The paper does not say how a missing entity is handled; the gate, the null tokens and the random removal of knowledge
//! while training are ours.

use burn::module::{Module, Param};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};

use super::config::ModelConfig;
use super::layers::Attention;
use super::trace::Trace;

/// Numbers that say where a node lies and what it is: box corners in the model frame, whether there is a box, and
/// one-hot finding / place / modifier.
pub const NODE_FEATURES: usize = 8;

/// Pools knowledge into prompt tokens.
#[derive(Module, Debug)]
pub struct KnowledgePrompt {
    node_text: Linear,
    node_features: Linear,
    node_norm: LayerNorm,
    queries: Param<Tensor<2>>,
    from_phrase: Linear,
    attention: Attention,
    norm: LayerNorm,
    null: Param<Tensor<2>>,
    gate: Linear,
}

/// Linked knowledge of each phrase.
#[derive(Debug, Clone)]
pub struct KnowledgeInput {
    /// Encoded text of each node, `[phrases, nodes, width]`.
    pub node_embeds: Tensor<3>,
    /// `[phrases, nodes, NODE_FEATURES]`
    pub node_features: Tensor<3>,
    /// 1 for a node, 0 for padding, `[phrases, nodes]`.
    pub is_node: Tensor<2>,
    /// How well the phrase was linked, in `[0, 1]`; 0 closes the gate, `[phrases, 1]`.
    pub link_quality: Tensor<2>,
}

/// Prompt tokens and how much knowledge is in them.
pub struct Prompt {
    /// `[phrases, prompt_tokens, width]`
    pub embeds: Tensor<3>,
    /// In `[0, 1]`, `[phrases, 1]`.
    pub gate: Tensor<2>,
}

impl KnowledgePrompt {
    /// Randomly initialised.
    pub fn init(config: &ModelConfig, device: &Device) -> Self {
        let width = config.width;
        let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
        let small = Initializer::Normal { mean: 0.0, std: 0.02 };
        Self {
            node_text: linear(width, width),
            node_features: linear(NODE_FEATURES, width),
            node_norm: LayerNormConfig::new(width).init(device),
            queries: small.init([config.prompt_tokens, width], device),
            from_phrase: linear(width, width),
            attention: Attention::init(width, config.heads, device),
            norm: LayerNormConfig::new(width).init(device),
            null: small.init([config.prompt_tokens, width], device),
            gate: linear(2 * width + 1, 1),
        }
    }

    /// # Shapes
    /// - `phrase_embeds`: `[phrases, width]`
    pub fn forward(&self, phrase_embeds: Tensor<2>, knowledge: KnowledgeInput, trace: &mut impl Trace) -> Prompt {
        let [phrases, width] = phrase_embeds.dims();
        let nodes = self.node_text.forward(knowledge.node_embeds) + self.node_features.forward(knowledge.node_features);
        let nodes = self.node_norm.forward(nodes);
        trace.record("knowledge_prompt.nodes", &nodes);

        let shared = self.queries.val().unsqueeze_dim::<3>(0);
        let asked = shared.clone() + self.from_phrase.forward(phrase_embeds.clone()).unsqueeze_dim(1);
        // A phrase without nodes attends to nothing in particular; its gate is closed below.
        let bias: Tensor<4> = ((knowledge.is_node - 1.0) * 1e4).unsqueeze_dims(&[1, 2]);
        let pooled = self.attention.forward(asked, nodes, Some(bias)).context;
        let prompt = self.norm.forward(shared + pooled); // eq. 1
        trace.record("knowledge_prompt.pooled", &prompt);

        let mean = prompt.clone().mean_dim(1).reshape([phrases, width]);
        let evidence = Tensor::cat(vec![phrase_embeds, mean, knowledge.link_quality.clone()], 1);
        let is_linked = knowledge.link_quality.greater_scalar(0.0).float();
        let gate = sigmoid(self.gate.forward(evidence)) * is_linked; // eq. 2
        trace.record("knowledge_prompt.gate", &gate);
        let open = gate.clone().unsqueeze_dim::<3>(2);
        let null = self.null.val().unsqueeze_dim::<3>(0);
        let embeds = prompt * open.clone() + null * (open.neg() + 1.0);
        trace.record("knowledge_prompt.embeds", &embeds);
        Prompt { embeds, gate }
    }
}

"""Knowledge about one phrase as a few embeddings.

eq. 1: P = LN(Q0 + Attn(Q0 + W e_box, K, K))
eq. 2: P <- g P + (1 - g) P_null, g = sigmoid(w [e_box; mean P; s]), and g = 0 where s = 0

K are the linked nodes alone. Without nodes there is nothing to attend to: P of eq. 1 is not a number, and s must be 0.
"""

import torch

from layers import Weights, attention, layer_norm, linear, sigmoid


def prompt(weights: Weights, phrase, node_embeds, node_features, link_quality, heads: int) -> dict[str, torch.Tensor]:
    """`phrase`: [width]; `node_embeds`: [nodes, width]; `node_features`: [nodes, 8]; `link_quality`: scalar."""
    nodes = linear(weights.at("node_text"), node_embeds) + linear(weights.at("node_features"), node_features)
    nodes = layer_norm(weights.at("node_norm"), nodes)
    shared, null = weights["queries"], weights["null"]
    if len(nodes) > 0:
        asked = shared + linear(weights.at("from_phrase"), phrase)
        context, _ = attention(weights.at("attention"), asked, nodes, nodes, heads)
        pooled = layer_norm(weights.at("norm"), shared + context)
    else:
        assert link_quality == 0
        pooled = torch.full_like(shared, torch.nan)
    if link_quality > 0:
        evidence = torch.cat([phrase, pooled.mean(0), link_quality.reshape(1)])
        gate = sigmoid(linear(weights.at("gate"), evidence))
        embeds = gate * pooled + (1 - gate) * null
    else:
        gate = torch.zeros(1, dtype=phrase.dtype)
        embeds = null
    return {"nodes": nodes, "pooled": pooled, "gate": gate, "embeds": embeds}

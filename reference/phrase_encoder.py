"""Words of one phrase, or of one knowledge node, to one vector. There is no padding here: a phrase is only its words."""

import torch

from layers import Weights, attention, feed_forward, layer_norm


def encode(weights: Weights, words: torch.Tensor, layers: int, heads: int) -> torch.Tensor:
    """`words`: ids [words]; returns [width]."""
    states = weights["tokens.weight"][words] + weights["positions"][: len(words)]
    for index in range(layers):
        layer = weights.at(f"layers.{index}")
        normed = layer_norm(layer.at("norm1"), states)
        context, _ = attention(layer.at("attention"), normed, normed, normed, heads)
        states = states + context
        states = states + feed_forward(layer.at("feed_forward"), layer_norm(layer.at("norm2"), states))
    return layer_norm(weights.at("norm"), states).mean(0)

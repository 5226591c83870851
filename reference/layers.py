"""The layers that several stages share, on one sequence of rows at a time."""

import math

import torch


class Weights:
    """Parameters by name, seen from one module: `weights.at("layers.0")["norm1.gamma"]`."""

    def __init__(self, tensors: dict[str, torch.Tensor], prefix: str = "") -> None:
        self.tensors = tensors
        self.prefix = prefix

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.tensors[self.prefix + name]

    def at(self, name: str) -> "Weights":
        return Weights(self.tensors, f"{self.prefix}{name}.")


def linear(weights: Weights, rows: torch.Tensor) -> torch.Tensor:
    """`x W + b`; the weight is stored [inputs, outputs]."""
    return rows @ weights["weight"] + weights["bias"]


def layer_norm(weights: Weights, rows: torch.Tensor) -> torch.Tensor:
    centred = rows - rows.mean(-1, keepdim=True)
    variance = (centred**2).mean(-1, keepdim=True)
    return centred / torch.sqrt(variance + 1e-5) * weights["gamma"] + weights["beta"]


def gelu(x: torch.Tensor) -> torch.Tensor:
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def softmax(scores: torch.Tensor) -> torch.Tensor:
    powers = torch.exp(scores - scores.max(-1, keepdim=True).values)
    return powers / powers.sum(-1, keepdim=True)


def sigmoid(x: torch.Tensor) -> torch.Tensor:
    return 1 / (1 + torch.exp(-x))


def feed_forward(weights: Weights, rows: torch.Tensor) -> torch.Tensor:
    return linear(weights.at("outer"), gelu(linear(weights.at("inner"), rows)))


def attention(weights, queries, keys, values, heads: int, bias=0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Attends from `queries` [q, width] to `keys` and `values` [k, width]; also returns the weights [heads, q, k]."""
    query = linear(weights.at("query"), queries)
    key = linear(weights.at("key"), keys)
    value = linear(weights.at("value"), values)
    head_width = query.shape[1] // heads
    contexts, maps = [], []
    for head in range(heads):
        part = slice(head * head_width, (head + 1) * head_width)
        map_ = softmax(query[:, part] @ key[:, part].T / math.sqrt(head_width) + bias)
        contexts.append(map_ @ value[:, part])
        maps.append(map_)
    return linear(weights.at("output"), torch.cat(contexts, 1)), torch.stack(maps)

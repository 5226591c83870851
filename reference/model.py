"""The whole decoder, one phrase of one image at a time, so that nothing can leak between them.

`input` holds the tensors of a batch as the Rust `GroundingInput` does; padding is taken away first.
"""

import torch

import box_head
import fine_map
import global_local
import knowledge_prompt
import phrase_encoder
import proposals
import visual_tokens
from layers import Weights, linear, sigmoid


def forward(weights: Weights, input: dict[str, torch.Tensor], config: dict) -> dict[str, torch.Tensor]:
    """Every intermediate (`trace.*`) and output (`output.*`), batched as the Rust model batches them. NaN where the
    equations define nothing: nodes that are padding, and the pooled prompt of a phrase without nodes. `vote.*` says by
    phrase how the proposals came about."""
    batch, phrases, _ = input["prior"].shape
    grid = round(input["prior"].shape[2] ** 0.5)
    per_image = [look(weights, input, image, grid, config) for image in range(batch)]
    per_phrase = [
        ground(weights, input, image * phrases + phrase, image, phrase, per_image[image], grid, config)
        for image in range(batch)
        for phrase in range(phrases)
    ]
    return collect(per_image, per_phrase, batch, phrases)


def look(weights: Weights, input: dict, image: int, grid: int, config: dict) -> dict[str, torch.Tensor]:
    """What does not depend on the phrase."""
    tokens, positions = input["tokens"][image], input["positions"][image]
    values, keys = visual_tokens.project(weights.at("visual_projection"), tokens, positions, config["neck_blocks"])
    fine = fine_map.fine_map(weights.at("fine_map"), input["pixel_patches"][image], values, grid, config["fine_blocks"])
    return {"trace.visual_tokens": values, "keys": keys, "trace.fine_map": fine,
            "output.alignment.patches": linear(weights.at("region"), values)}


def read_phrase(weights: Weights, input: dict, row: int, config: dict) -> torch.Tensor:
    """`e_box`: the mean of the words, plus where the phrase says to look."""
    words = input["token_ids"][row][input["is_word"][row] == 1]
    embed = phrase_encoder.encode(weights.at("phrase_encoder"), words, config["text_layers"], config["heads"])
    return embed + weights["sides.weight"][input["sides"][row, 0]] + weights["zones.weight"][input["zones"][row, 0]]


def read_knowledge(weights: Weights, input: dict, row: int, phrase_embed: torch.Tensor, config: dict) -> dict:
    """The prompt of a phrase; nodes that are padding become NaN in the trace."""
    switch = config["switches"]["knowledge"]
    places = input["is_node"].shape[1]
    real = [place for place in range(places) if input["is_node"][row, place] == 1]
    features = input["node_features"][row, real]
    if switch == "random":
        embeds, features = weights["random_nodes"][real], torch.zeros_like(features)
    else:
        embeds = torch.zeros(0, config["width"], dtype=phrase_embed.dtype)
        for place in real:
            distinct = input["node_index"][row * places + place]
            words = input["node_token_ids"][distinct][input["node_is_word"][distinct] == 1]
            embed = phrase_encoder.encode(weights.at("phrase_encoder"), words, config["text_layers"], config["heads"])
            embeds = torch.cat([embeds, embed[None]])
    quality = input["link_quality"][row, 0] * (switch != "off")
    prompt = knowledge_prompt.prompt(weights.at("knowledge_prompt"), phrase_embed, embeds, features, quality, config["heads"])
    nodes = torch.full((places, config["width"]), torch.nan, dtype=phrase_embed.dtype)
    nodes[real] = prompt["nodes"]
    return prompt | {"nodes": nodes}


def ground(weights: Weights, input: dict, row: int, image: int, phrase: int, seen: dict, grid: int, config: dict) -> dict:
    """One phrase."""
    embed = read_phrase(weights, input, row, config)
    prompt = read_knowledge(weights, input, row, embed, config)
    found = {"trace.phrase_embeds": embed, "output.alignment.phrases": linear(weights.at("region_phrase"), embed)}
    found |= {f"trace.knowledge_prompt.{name}": value for name, value in prompt.items()}
    found["output.knowledge_gate"] = prompt["gate"]

    cells = grid * fine_map.CELLS_PER_PATCH
    fine = seen["trace.fine_map"].reshape(cells, cells, -1)
    scene = global_local.Scene(seen["trace.visual_tokens"], seen["keys"], input["prior"][image, phrase], fine, grid)
    box = input["prior_boxes"][image, phrase]
    starts, scores, proposed = propose(weights, embed + prompt["embeds"].mean(0), scene, box, config)
    found |= proposed
    references = box_head.refine(starts, weights["query_offsets"])
    told = linear(weights.at("from_phrase"), embed) + linear(weights.at("from_prior"), box)
    started = linear(weights.at("from_start"), torch.cat([starts, scores], 1))
    states = torch.cat([weights["queries"] + told + started, embed[None], prompt["embeds"]])
    found["trace.first_states"] = states
    for index in range(config["layers"]):
        trace: dict[str, torch.Tensor] = {}
        states, geometry = global_local.layer(weights.at(f"layers.{index}"), states, references, scene, config, trace)
        queries = states[: config["queries"]]
        boxes, presence, spread = box_head.head(weights.at(f"heads.{index}"), queries, geometry, references)
        trace |= {"boxes": boxes, "presence_logits": presence, "log_spread": spread}
        found |= {f"trace.layers.{index}.{name}": value for name, value in trace.items()}
        references = boxes
    found |= {"output.boxes": boxes, "output.presence_logits": presence, "output.log_spread": spread}
    return found


def propose(weights: Weights, told, scene, prior_box, config: dict) -> tuple[torch.Tensor, torch.Tensor, dict]:
    """Where each query starts, by centre and size [queries, 4], and how sure that is [queries, 1]: the proposals, best
    first, then the prior's box with no certainty at all."""
    logits, log_sides = proposals.patch_boxes(weights.at("proposal_head"), told, scene.keys, scene.prior)
    vote = proposals.propose(logits, log_sides, config["queries"] if config["switches"]["start"] == "proposals" else 0)
    starts, scores = [], []
    for (x0, y0, x1, y1), logit in zip(vote.boxes, vote.logits):
        starts.append(torch.tensor([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0], dtype=told.dtype))
        scores.append(sigmoid(torch.tensor([logit], dtype=told.dtype)))
    while len(starts) < config["queries"]:
        starts.append(prior_box)
        scores.append(torch.zeros(1, dtype=told.dtype))
    starts, scores = torch.stack(starts), torch.stack(scores)
    found = {"trace.patch_boxes.logits": logits, "trace.patch_boxes.log_sides": log_sides, "trace.start": starts}
    found |= {name.replace("trace", "output"): found[name] for name in found if "patch_boxes" in name}
    voters = vote.voters + [0] * (config["queries"] - len(vote.voters))
    return starts, scores, found | {"vote.margin": torch.tensor([vote.margin]), "vote.voters": torch.tensor(voters)}


# One row per phrase of the batch; everything else has the queries of all phrases of an image in one axis.
BY_PHRASE = ("phrase_embeds", "knowledge", "trace.start", "first_states", ".states", "vote")
# An axis each for the images and for the phrases of an image.
BY_IMAGE_AND_PHRASE = ("output.alignment.phrases", "patch_boxes")


def collect(per_image: list[dict], per_phrase: list[dict], batch: int, phrases: int) -> dict[str, torch.Tensor]:
    """Stacks the results; names in the order in which they were computed."""
    stacked = {name: torch.stack([found[name] for found in per_phrase]) for name in per_phrase[0]}
    for name, tensor in stacked.items():
        if any(part in name for part in BY_IMAGE_AND_PHRASE):
            stacked[name] = tensor.reshape(batch, phrases, *tensor.shape[1:])
        elif not any(part in name for part in BY_PHRASE):
            stacked[name] = tensor.reshape(batch, phrases * tensor.shape[1], tensor.shape[2])
    for name in per_image[0]:
        if name != "keys":
            stacked[name] = torch.stack([found[name] for found in per_image])
    return stacked

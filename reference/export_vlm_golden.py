"""Writes golden/vlm/: tiny checkpoints with random weights, and what transformers computes with them in float32.

    python reference/export_vlm_golden.py

Weights are drawn large enough that attention is far from uniform, biases and norms are random too. Each case also runs
in float64; the largest difference is stored as `float32_error`.
"""

import copy
import json
import os
import shutil
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import gguf
import jinja2
import numpy as np
import torch
import transformers

import vlm_tokenizer
from safetensors_file import save

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "vlm"
SEED = 20261
VOCABULARY = len(vlm_tokenizer.vocabulary(vlm_tokenizer.MERGES)) + len(vlm_tokenizer.SPECIAL)
ID = {token: VOCABULARY - len(vlm_tokenizer.SPECIAL) + i for i, token in enumerate(vlm_tokenizer.SPECIAL)}
PAD = ID["<|endoftext|>"]
TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": VOCABULARY,
    "bos_token_id": ID["<|im_start|>"],
    "eos_token_id": ID["<|im_end|>"],
    "pad_token_id": PAD,
}
VISION = {
    "depth": 3,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_heads": 2,
    "patch_size": 4,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "window_size": 16,
    "out_hidden_size": 32,
    "fullatt_block_indexes": [1],
}
TEXT_3 = {**TEXT, "hidden_size": 24, "num_hidden_layers": 3, "intermediate_size": 48, "head_dim": 16}
# Two of three layers go on to the language model, whose third layer gets nothing; the learned positions are a square that
# no picture has.
VISION_3 = {
    "depth": 3,
    "hidden_size": 8,
    "intermediate_size": 24,
    "num_heads": 2,
    "patch_size": 4,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "out_hidden_size": 24,
    "num_position_embeddings": 25,
    "deepstack_visual_indexes": [0, 1],
}
# Of the vocabulary, every third token's logit is stored: enough to see any error, in a third of the bytes.
COLUMNS = 3
PREPROCESSOR = {
    "image_processor_type": "Qwen2VLImageProcessor",
    "size": {"shortest_edge": 64, "longest_edge": 1024},
    "patch_size": 4,
    "temporal_patch_size": 2,
    "merge_size": 2,
}
PREPROCESSOR_3 = {**PREPROCESSOR, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
# chat_template.json of Qwen/Qwen2.5-VL-3B-Instruct, without the branches for videos.
QWEN_TEMPLATE = (
    "{% set image_count = namespace(value=0) %}{% for message in messages %}{% if loop.first and message['role'] != "
    "'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] "
    "}}\n{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}{% for content in "
    "message['content'] %}{% if content['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% elif 'text' "
    "in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}{% endfor %}{% if "
    "add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# chat_template.json of Qwen/Qwen3-VL-4B-Instruct, without the branches for videos and tools: nobody gives instructions who was
# not asked for any.
QWEN_3_TEMPLATE = (
    "{% if messages[0].role == 'system' %}<|im_start|>system\n{{ messages[0].content }}<|im_end|>\n{% endif %}{% for message "
    "in messages %}{% if message.role == 'user' %}<|im_start|>user\n{% if message.content is string %}{{ message.content }}"
    "{% else %}{% for content in message.content %}{% if content.type == 'image' %}<|vision_start|><|image_pad|>"
    "<|vision_end|>{% elif 'text' in content %}{{ content.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% elif "
    "message.role == 'assistant' %}<|im_start|>assistant\n{{ message.content }}<|im_end|>\n{% endif %}{% endfor %}{% if "
    "add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# tokenizer.chat_template in the metadata of SmolLM2-135M-Instruct's GGUF.
SMOLLM_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou "
    "are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + "
    "message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ "
    "'<|im_start|>assistant\n' }}{% endif %}"
)
SENTENCES = [
    "There is a small left pleural effusion.",
    " the  heart\tis 12.5 cm wide\n\nNo pneumothorax",
    "it's the 2nd reading; don't",
    "naïve café, 3 µm — Ärzte 肺",
    "",
]


def randomise(model: torch.nn.Module, generator: torch.Generator) -> None:
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim == 1:
            is_norm = ("norm" in name or "ln_q" in name) and not name.endswith("bias")
            parameter.data = 1 + 0.2 * noise if is_norm else 0.3 * noise
        else:
            is_table = "embed_tokens" in name
            parameter.data = noise if is_table else noise * (1.4 / parameter[0].numel() ** 0.5)


def rounded(model: torch.nn.Module, dtype: torch.dtype) -> torch.nn.Module:
    """A float32 model whose weights the narrower type holds exactly. `model.to` would round rotary frequencies too."""
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype).float()
    return model


def save_checkpoint(folder: Path, model: torch.nn.Module, dtype: torch.dtype, **options: object) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    copy.deepcopy(model).to(dtype).save_pretrained(folder, **options)


class Cases:
    """Runs a model in float32 and in float64 and keeps inputs and outputs by name."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model.eval()
        self.double = copy.deepcopy(model).double().eval()
        self.tensors: dict[str, np.ndarray] = {}
        self.error = 0.0

    def logits(self, **inputs: object) -> torch.Tensor:
        wide = {k: v.double() if torch.is_tensor(v) and v.is_floating_point() else v for k, v in inputs.items()}
        with torch.no_grad():
            found = self.model(**inputs).logits
            exact = self.double(**wide).logits
        keep = inputs.get("attention_mask", torch.ones(found.shape[:2])).bool()
        self.error = max(self.error, (found - exact)[keep].abs().max().item())
        return found

    def put(self, name: str, value: torch.Tensor | np.ndarray | list) -> None:
        self.tensors[name] = np.asarray(value)

    def write(self, path: Path) -> None:
        metadata = {
            "seed": str(SEED),
            "torch": torch.__version__.split("+")[0],
            "transformers": transformers.__version__,
            "float32_error": f"{self.error:.2e}",
        }
        save(path, self.tensors, metadata)
        print(path.name, path.stat().st_size, "bytes", metadata["float32_error"])


def padded(rows: list[list[int]], side: str) -> tuple[torch.Tensor, torch.Tensor]:
    length = max(map(len, rows))
    fill = [[PAD] * (length - len(row)) for row in rows]
    keep = [[0] * (length - len(row)) for row in rows]
    left = side == "left"
    ids = [f + row if left else row + f for row, f in zip(rows, fill, strict=True)]
    mask = [k + [1] * len(row) if left else [1] * len(row) + k for row, k in zip(rows, keep, strict=True)]
    return torch.tensor(ids), torch.tensor(mask)


def counted(mask: torch.Tensor) -> torch.Tensor:
    return (mask.cumsum(1) - 1).clamp(min=0)


def padded_cases(cases: Cases, rows: list[list[int]], extra: dict, positions) -> None:
    """Left and right padding give the same logits for tokens, so only one set is stored, row after row."""
    found = {}
    for side in ("left", "right"):
        ids, mask = padded(rows, side)
        inputs = {"input_ids": ids, "attention_mask": mask, **extra, **positions(ids, mask)}
        found[side] = cases.logits(**inputs)[mask.bool()]
    assert (found["left"] - found["right"]).abs().max() < 1e-4
    cases.put("padded.lens", np.array([len(row) for row in rows], dtype=np.int64))
    cases.put("padded.ids", np.concatenate([np.array(row, dtype=np.int64) for row in rows]))
    cases.put("padded.logits", found["left"][:, ::COLUMNS].contiguous().numpy())


def decoded(cases: Cases, name: str, prompt: torch.Tensor, steps: int, extra: dict) -> None:
    """Greedy, by `generate`, which prefills and then decodes with a cache; without stopping."""
    outputs = cases.model.generate(
        input_ids=prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=steps,
        min_new_tokens=steps,
        do_sample=False,
        return_dict_in_generate=True,
        output_logits=True,
        eos_token_id=None,
        **extra,
    )
    cases.put(f"{name}.generated", outputs.sequences[0, prompt.shape[1] :].numpy())
    cases.put(f"{name}.step_logits", torch.cat(outputs.logits).float()[:, ::COLUMNS].contiguous().numpy())


def llama(generator: torch.Generator) -> None:
    config = transformers.LlamaConfig(
        **TEXT, tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 1e5}, rms_norm_eps=1e-5
    )
    config._attn_implementation = "eager"
    model = transformers.LlamaForCausalLM(config)
    randomise(model, generator)
    model = rounded(model, torch.float16)
    save_checkpoint(GOLDEN / "llama", model, torch.float16, max_shard_size="40KB")
    vlm_tokenizer.smollm().save(str(GOLDEN / "llama" / "tokenizer.json"))

    cases = Cases(model)
    draw = lambda count: torch.randint(0, PAD, (count,), generator=generator).tolist()
    ids = torch.tensor([draw(12)])
    cases.put("text.ids", ids[0].numpy())
    cases.put("text.logits", cases.logits(input_ids=ids)[0, :, ::COLUMNS].contiguous().numpy())
    padded_cases(cases, [draw(6), draw(9), draw(2)], {}, lambda _, mask: {"position_ids": counted(mask)})
    decoded(cases, "text", ids, 6, {})
    cases.write(GOLDEN / "llama.safetensors")
    quantised(model, cases)


def permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of query and key as llama.cpp wants them: pairs side by side."""
    width = weight.shape[0] // heads
    return weight.reshape(heads, 2, width // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def unpermuted(weight: np.ndarray, heads: int) -> np.ndarray:
    width = weight.shape[0] // heads
    return weight.reshape(heads, width // 2, 2, -1).swapaxes(1, 2).reshape(weight.shape)


def quantised(model: torch.nn.Module, text: Cases) -> None:
    """The same model as GGUF, a type per tensor; the logits are of the weights that the package `gguf` reads back."""
    kinds = gguf.GGMLQuantizationType
    names = {
        "embed_tokens": ("token_embd", kinds.Q8_0),
        "self_attn.q_proj": ("attn_q", kinds.Q8_0),
        "self_attn.k_proj": ("attn_k", kinds.Q4_1),
        "self_attn.v_proj": ("attn_v", kinds.Q5_0),
        "self_attn.o_proj": ("attn_output", kinds.Q4_0),
        "mlp.gate_proj": ("ffn_gate", kinds.Q5_1),
        "mlp.up_proj": ("ffn_up", kinds.BF16),
        "mlp.down_proj": ("ffn_down", kinds.F16),
        "input_layernorm": ("attn_norm", kinds.F32),
        "post_attention_layernorm": ("ffn_norm", kinds.F32),
        "norm": ("output_norm", kinds.F32),
    }
    path = GOLDEN / "llama.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(256)
    writer.add_embedding_length(TEXT["hidden_size"])
    writer.add_block_count(TEXT["num_hidden_layers"])
    writer.add_feed_forward_length(TEXT["intermediate_size"])
    writer.add_head_count(TEXT["num_attention_heads"])
    writer.add_head_count_kv(TEXT["num_key_value_heads"])
    writer.add_rope_freq_base(1e5)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)
    words = vlm_tokenizer.vocabulary(vlm_tokenizer.MERGES)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(words + vlm_tokenizer.SPECIAL)
    writer.add_token_types([1] * len(words) + [3] * len(vlm_tokenizer.SPECIAL))
    writer.add_token_merges(vlm_tokenizer.MERGES)
    writer.add_bos_token_id(ID["<|im_start|>"])
    writer.add_eos_token_id(ID["<|im_end|>"])
    writer.add_chat_template(SMOLLM_TEMPLATE)

    read_back = copy.deepcopy(model)
    for name, parameter in read_back.model.named_parameters():
        *layer, kind = name.removesuffix(".weight").removeprefix("layers.").split(".", 1)
        short, quantisation = names[kind] if layer else names[name.removesuffix(".weight")]
        heads = {"attn_q": TEXT["num_attention_heads"], "attn_k": TEXT["num_key_value_heads"]}.get(short)
        values = parameter.detach().numpy()
        stored = permuted(values, heads) if heads else values
        data = gguf.quantize(stored, quantisation)
        target = f"blk.{layer[0]}.{short}.weight" if layer else f"{short}.weight"
        writer.add_tensor(target, data, raw_dtype=quantisation)
        values = gguf.dequantize(data, quantisation).reshape(values.shape)
        parameter.data = torch.tensor(unpermuted(values, heads) if heads else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    cases = Cases(read_back)
    ids = torch.tensor(text.tensors["text.ids"])[None]
    cases.put("text.ids", ids[0].numpy())
    cases.put("text.logits", cases.logits(input_ids=ids)[0, :, ::COLUMNS].contiguous().numpy())
    cases.write(GOLDEN / "llama_gguf.safetensors")


def pictures() -> list[np.ndarray]:
    """Colours by arithmetic: one picture of 24 x 40 that fits, and one of 50 x 33 that must be scaled."""
    made = []
    for height, width in ((24, 40), (50, 33)):
        y, x = np.mgrid[:height, :width]
        channels = [(7 * x + 3 * y) % 256, (x * y) % 251, (5 * x + 200 - 2 * y) % 256]
        made.append(np.stack(channels, axis=-1).astype(np.uint8))
    return made


SEEN_TOKENS = {
    "image_token_id": ID["<|image_pad|>"],
    "video_token_id": ID["<|video_pad|>"],
    "vision_start_token_id": ID["<|vision_start|>"],
    "vision_end_token_id": ID["<|vision_end|>"],
}


def qwen(generator: torch.Generator) -> None:
    config = transformers.Qwen2_5_VLConfig(
        text_config={**TEXT, "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]}},
        vision_config=VISION,
        **SEEN_TOKENS,
    )
    seeing(generator, config, transformers.Qwen2_5_VLForConditionalGeneration, PREPROCESSOR)


def qwen_3(generator: torch.Generator) -> None:
    """Of eight frequencies, the second and fifth turn with the row, the third and sixth with the column."""
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 2, 2], "mrope_interleaved": True}
    config = transformers.Qwen3VLConfig(
        text_config={**TEXT_3, "rope_parameters": rope}, vision_config=VISION_3, tie_word_embeddings=True, **SEEN_TOKENS
    )
    seeing(generator, config, transformers.Qwen3VLForConditionalGeneration, PREPROCESSOR_3)


def seeing(generator: torch.Generator, config: transformers.PretrainedConfig, kind: type, preprocessor: dict) -> None:
    """A checkpoint that sees, below the name of its family."""
    config._attn_implementation = "eager"
    config.text_config._attn_implementation = config.vision_config._attn_implementation = "eager"
    model = kind(config)
    randomise(model, generator)
    model = rounded(model, torch.bfloat16)
    folder = GOLDEN / config.model_type
    save_checkpoint(folder, model, torch.bfloat16)
    vlm_tokenizer.qwen().save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=2) + "\n")

    cases = Cases(model)
    draw = lambda count: torch.randint(0, PAD, (count,), generator=generator).tolist()
    ids = torch.tensor([draw(10)])
    cases.put("text.ids", ids[0].numpy())
    cases.put("text.logits", cases.logits(input_ids=ids)[0, :, ::COLUMNS].contiguous().numpy())

    processor = transformers.Qwen2VLImageProcessor(**{k: v for k, v in preprocessor.items() if k != "image_processor_type"})
    seen = processor(images=pictures(), return_tensors="pt")
    grids = seen["image_grid_thw"]
    for i, picture in enumerate(pictures()):
        cases.put(f"picture.{i}", picture)
    cases.put("pixel_values", seen["pixel_values"].numpy())
    cases.put("grids", grids.numpy())
    with torch.no_grad():
        tokens = model.model.get_image_features(seen["pixel_values"], grids)
    for i, deeper in enumerate(getattr(tokens, "deepstack_features", None) or []):
        cases.put(f"deepstack.{i}", torch.cat(list(deeper)).numpy())
    tokens = tokens.pooler_output if hasattr(tokens, "pooler_output") else tokens
    cases.put("image_tokens", torch.cat(list(tokens)).numpy())

    counts = [int(t * h * w // 4) for t, h, w in grids.tolist()]
    shown = lambda i: [ID["<|vision_start|>"], *[ID["<|image_pad|>"]] * counts[i], ID["<|vision_end|>"]]
    kinds = lambda ids: {"mm_token_type_ids": (ids == ID["<|image_pad|>"]).int()}
    both = torch.tensor([[*draw(3), *shown(0), *draw(1), *shown(1), *draw(3)]])
    extra = {"pixel_values": seen["pixel_values"], "image_grid_thw": grids}
    cases.put("image.ids", both[0].numpy())
    cases.put("image.logits", cases.logits(input_ids=both, **extra, **kinds(both))[0, :, ::COLUMNS].contiguous().numpy())
    positions, _ = model.model.get_rope_index(both, kinds(both)["mm_token_type_ids"], image_grid_thw=grids)
    cases.put("image.positions", positions[:, 0].T.contiguous().numpy())
    decoded(cases, "image", both, 5, {**extra, **kinds(both)})

    patches = int(grids[0].prod())
    first = {"pixel_values": seen["pixel_values"][:patches], "image_grid_thw": grids[:1]}

    def positions_of(ids, mask):
        types = kinds(ids)["mm_token_type_ids"]
        found, _ = model.model.get_rope_index(ids, types, image_grid_thw=grids[:1], attention_mask=mask)
        return {"position_ids": found, **kinds(ids)}

    padded_cases(cases, [draw(5), [*draw(1), *shown(0), *draw(2)]], first, positions_of)
    cases.write(GOLDEN / f"{config.model_type}.safetensors")


def words() -> None:
    """Sentences as ids, and conversations as the published templates render them."""
    turns = {
        "question": [{"role": "user", "content": "Where is it?"}],
        "talk": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Where?"},
            {"role": "assistant", "content": "Left."},
            {"role": "user", "content": "Sure?"},
        ],
    }
    seen = [{"role": "user", "content": [{"type": "image"}, {"type": "image"}, {"type": "text", "text": "Compare."}]}]
    render = lambda template, messages: jinja2.Template(template, keep_trailing_newline=True).render(
        messages=messages, add_generation_prompt=True
    )
    chat = {
        "qwen": {name: render(QWEN_TEMPLATE, messages) for name, messages in {**turns, "pictures": seen}.items()},
        "qwen3": {name: render(QWEN_3_TEMPLATE, messages) for name, messages in {**turns, "pictures": seen}.items()},
        "smollm": {name: render(SMOLLM_TEMPLATE, messages) for name, messages in turns.items()},
    }
    encoders = {"qwen": vlm_tokenizer.qwen(), "smollm": vlm_tokenizer.smollm()}
    ids = {
        family: [{"text": text, "ids": encoder.encode(text, add_special_tokens=False).ids} for text in SENTENCES]
        for family, encoder in encoders.items()
    }
    text = json.dumps({"chat": chat, "sentences": ids}, indent=1, ensure_ascii=False)
    (GOLDEN / "words.json").write_text(text + "\n")


def main() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(SEED)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    llama(generator)
    qwen(generator)
    qwen_3(torch.Generator().manual_seed(SEED))
    words()


if __name__ == "__main__":
    main()

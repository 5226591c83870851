"""Writes golden/vlm/smollm2.safetensors: logits of the real SmolLM2-135M-Instruct, from the file that users have.

    python reference/export_smollm2_golden.py SmolLM2-135M-Instruct.Q4_1.gguf

The package `gguf` reads and dequantises the file, rows of query and key are put back into Hugging Face's order, and
transformers' LlamaForCausalLM computes in float32. The ids come from transformers' own reading of the file's tokenizer.
"""

import hashlib
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import gguf
import numpy as np
import torch
import transformers

from export_vlm_golden import GOLDEN, SMOLLM_TEMPLATE, unpermuted
from safetensors_file import save

SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
PARTS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
WHOLE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
QUESTION = "Which space does a pleural effusion collect in?"
SENTENCES = [
    "There is a small left pleural effusion, 12.5 cm.",
    "No  pneumothorax.\n\nHeart size: normal; don't repeat",
    "naïve café, 3 µm — Ärzte 肺 \U0001fac1",
    "\t leading and trailing \n",
]
STRIDE = 1009
STEPS = 24


def field(reader: gguf.GGUFReader, key: str) -> object:
    return reader.fields[key].contents()


def model_of(reader: gguf.GGUFReader) -> transformers.LlamaForCausalLM:
    heads, shared = field(reader, "llama.attention.head_count"), field(reader, "llama.attention.head_count_kv")
    config = transformers.LlamaConfig(
        vocab_size=len(field(reader, "tokenizer.ggml.tokens")),
        hidden_size=field(reader, "llama.embedding_length"),
        intermediate_size=field(reader, "llama.feed_forward_length"),
        num_hidden_layers=field(reader, "llama.block_count"),
        num_attention_heads=heads,
        num_key_value_heads=shared,
        rms_norm_eps=field(reader, "llama.attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": field(reader, "llama.rope.freq_base")},
        tie_word_embeddings=not any(tensor.name == "output.weight" for tensor in reader.tensors),
        bos_token_id=1,
        eos_token_id=2,
    )
    weights = {}
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).reshape(tuple(reversed(tensor.shape.tolist())))
        parts = tensor.name.removesuffix(".weight").split(".")
        if parts[0] == "blk":
            reordered = {"attn_q": heads, "attn_k": shared}.get(parts[2])
            values = unpermuted(values, reordered) if reordered else values
            weights[f"model.layers.{parts[1]}.{PARTS[parts[2]]}.weight"] = torch.tensor(values)
        else:
            weights[f"{WHOLE[parts[0]]}.weight"] = torch.tensor(values)
    model = transformers.LlamaForCausalLM(config)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    return model.float().eval()


def main() -> None:
    path = Path(sys.argv[1])
    torch.set_num_threads(1)
    model = model_of(gguf.GGUFReader(path))
    tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    import jinja2

    prompt = jinja2.Template(SMOLLM_TEMPLATE, keep_trailing_newline=True).render(
        messages=[{"role": "user", "content": QUESTION}], add_generation_prompt=True
    )
    ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0]
        answer = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=STEPS, do_sample=False)
    answer = answer[0, ids.shape[1] :]
    print(tokenizer.decode(answer))
    tensors = {
        "ids": ids[0].numpy(),
        "logits": logits[:, ::STRIDE].contiguous().numpy(),
        "likeliest": logits.argmax(-1).numpy(),
        "answer": answer.numpy(),
    }
    for i, text in enumerate(SENTENCES):
        tensors[f"sentence.{i}"] = np.frombuffer(text.encode(), dtype=np.uint8)
        tensors[f"sentence.{i}.ids"] = np.array(tokenizer(text, add_special_tokens=False)["input_ids"], dtype=np.int64)
    metadata = {
        "gguf_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "wheel_sha256": SHA256,
        "question": QUESTION,
        "stride": str(STRIDE),
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
    }
    save(GOLDEN / "smollm2.safetensors", tensors, metadata)


if __name__ == "__main__":
    main()

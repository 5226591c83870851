"""Times a GGUF file's language model in transformers (PyTorch, float32, CPU) and prints one line of JSON.

    python bench/vlm_transformers.py language.gguf <word ids> <prompt tokens> <new tokens> <threads>
"""

import json
import sys
import time
from itertools import cycle, islice
from pathlib import Path

import torch
import transformers


@torch.inference_mode()
def decode(model: transformers.PreTrainedModel, prompt: list[int], new: int) -> tuple[float, float, list[int]]:
    """Seconds for the prompt, seconds for the rest, and the tokens."""
    start = time.perf_counter()
    out = model(input_ids=torch.tensor([prompt]), use_cache=True, logits_to_keep=1)
    ids = [int(out.logits[0, -1].argmax())]
    read = time.perf_counter() - start
    for _ in range(new):
        out = model(input_ids=torch.tensor([ids[-1:]]), past_key_values=out.past_key_values, use_cache=True)
        ids.append(int(out.logits[0, -1].argmax()))
    return read, time.perf_counter() - start - read, ids


def main() -> None:
    path, words, prompt, new, threads = sys.argv[1:]
    path, prompt, new = Path(path), int(prompt), int(new)
    torch.set_num_threads(int(threads))
    model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    ids = list(islice(cycle(map(int, words.split(","))), prompt))
    decode(model, ids[:16], 4)
    read, written, answer = decode(model, ids, new)
    line = {
        "implementation": "transformers",
        "version": f"{transformers.__version__}, torch {torch.__version__.split('+')[0]}",
        "prompt_tokens": prompt,
        "prompt_tokens_per_s": prompt / read,
        "new_tokens": new,
        "new_tokens_per_s": new / written,
        "ids": answer,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()

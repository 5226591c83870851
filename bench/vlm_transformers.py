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
def decode(model: transformers.PreTrainedModel, prompt: list[int], new: int) -> tuple[list[tuple[float, float]], list[int]]:
    """Start, end of the prompt and end, each by the wall and by the processor; and the tokens."""
    moment = lambda: (time.perf_counter(), time.process_time())  # noqa: E731
    moments = [moment()]
    out = model(input_ids=torch.tensor([prompt]), use_cache=True, logits_to_keep=1)
    ids = [int(out.logits[0, -1].argmax())]
    moments.append(moment())
    for _ in range(new):
        out = model(input_ids=torch.tensor([ids[-1:]]), past_key_values=out.past_key_values, use_cache=True)
        ids.append(int(out.logits[0, -1].argmax()))
    return [*moments, moment()], ids


def main() -> None:
    path, words, prompt, new, threads = sys.argv[1:]
    path, prompt, new = Path(path), int(prompt), int(new)
    torch.set_num_threads(int(threads))
    model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    ids = list(islice(cycle(map(int, words.split(","))), prompt))
    decode(model, ids[:16], 4)
    (start, read, end), answer = decode(model, ids, new)
    line = {
        "implementation": "transformers",
        "version": f"{transformers.__version__}, torch {torch.__version__.split('+')[0]}",
        "prompt_tokens": prompt,
        "prompt_tokens_per_s": prompt / (read[0] - start[0]),
        "prompt_cpu_ms": (read[1] - start[1]) * 1e3 / prompt,
        "new_tokens": new,
        "new_tokens_per_s": new / (end[0] - read[0]),
        "new_cpu_ms": (end[1] - read[1]) * 1e3 / new,
        "ids": answer,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()

"""Loads what `knowmvg vlm export` wrote, the adapter with PEFT and the merged folder with transformers, and compares their logits.

    knowmvg vlm export --model vlm --adapter adapter --merged merged
    python reference/check_vlm_export.py vlm/language.gguf adapter merged
"""

import sys
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

QUESTION = "Where does a pleural effusion collect?"


def logits(model, ids, count):
    with torch.no_grad():
        return model(ids).logits[0, :, :count]


def main() -> None:
    gguf, adapter, merged = (Path(argument).resolve() for argument in sys.argv[1:4])
    base = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    whole = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(merged)
    count = base.config.vocab_size
    assert tokenizer.convert_tokens_to_ids("[BOX]") == count == whole.config.vocab_size - 1
    ids = torch.tensor([tokenizer(QUESTION)["input_ids"]])
    unchanged = logits(base, ids, count)
    changed = logits(whole, ids, count)
    beside = logits(PeftModel.from_pretrained(base, adapter), ids, count)
    print(f"adapter against merged weights: {(beside - changed).abs().max():.3f}")
    print(f"merged weights against the unchanged model: {(changed - unchanged).abs().max():.3f}")


if __name__ == "__main__":
    main()

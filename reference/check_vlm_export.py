"""Loads what `knowmvg vlm export` wrote, the adapter with PEFT and the merged folder with transformers, and compares their logits.

    knowmvg vlm export --model vlm --adapter adapter --merged merged
    python reference/check_vlm_export.py vlm/language.gguf adapter merged    # or the folder vlm/language
"""

import sys
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer

QUESTION = "Where does a pleural effusion collect?"


def logits(model, ids, count):
    with torch.no_grad():
        return model(ids).logits[0, :, :count]


def loaded(path):
    if path.is_file():
        return AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    sees = AutoConfig.from_pretrained(path).model_type == "qwen2_5_vl"
    family = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    return family.from_pretrained(path, dtype=torch.float32)


def main() -> None:
    language, adapter, merged = (Path(argument).resolve() for argument in sys.argv[1:4])
    base, whole = loaded(language), loaded(merged)
    tokenizer = AutoTokenizer.from_pretrained(merged)
    count = tokenizer.convert_tokens_to_ids("[BOX]")
    assert count in (base.config.get_text_config().vocab_size, len(tokenizer) - 1)
    assert count < whole.config.get_text_config().vocab_size
    ids = torch.tensor([tokenizer(QUESTION)["input_ids"]])
    unchanged = logits(base, ids, count)
    changed = logits(whole, ids, count)
    beside = logits(PeftModel.from_pretrained(base, adapter), ids, count)
    print(f"adapter against merged weights: {(beside - changed).abs().max():.3f}")
    print(f"merged weights against the unchanged model: {(changed - unchanged).abs().max():.3f}")


if __name__ == "__main__":
    main()

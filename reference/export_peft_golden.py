"""Writes golden/vlm/peft/: adapters that PEFT made for the tiny checkpoints of golden/vlm, and what the models compute with them.

    python reference/export_peft_golden.py

Needs golden/vlm (export_vlm_golden.py). Adapter weights are multiples of powers of two, so that `W + lora_alpha / r B A` is exact in
float32: whoever merges them has to round the same numbers. `adapter.logits` are PEFT's beside the frozen weights,
`merged.logits` those of `merge_and_unload`, rounded to the type of the checkpoint.
"""

import json
import os
import shutil
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model

from safetensors_file import save

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "vlm"
SEED = 20262
RANK, ALPHA = 2, 4
MAPS = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
# Every third token of the vocabulary, as in the other goldens.
COLUMNS = 3
# Of the tower of Qwen2.5-VL, which has maps of the same names, nothing is changed.
MODELS = {
    "llama": (transformers.LlamaForCausalLM, torch.float16, [path.rsplit(".", 1)[1] for path in MAPS]),
    "qwen2_5_vl": (
        transformers.Qwen2_5_VLForConditionalGeneration,
        torch.bfloat16,
        r"model\.language_model\.layers\.\d+\.(" + "|".join(path.replace(".", r"\.") for path in MAPS) + ")",
    ),
}


def logits(model: torch.nn.Module, ids: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return model(input_ids=ids).logits[0, :, ::COLUMNS].float().contiguous().numpy()


def made(name: str, generator: torch.Generator) -> None:
    family, dtype, targets = MODELS[name]
    base = family.from_pretrained(GOLDEN / name, dtype=torch.float32, attn_implementation="eager").eval()
    ids = torch.randint(0, 271, (1, 12), generator=generator)
    tensors = {"ids": ids[0].numpy(), "base.logits": logits(base, ids)}
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=targets, lora_dropout=0.0, task_type="CAUSAL_LM")
    model = get_peft_model(base, config).eval()
    for key, parameter in sorted(model.named_parameters()):
        if "lora_" in key:
            steps = torch.randint(-4, 5, parameter.shape, generator=generator)
            parameter.data = steps / (32.0 if "lora_A" in key else 8.0)
    tensors["adapter.logits"] = logits(model, ids)
    folder = GOLDEN / "peft" / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    (folder / "adapter_model.safetensors").chmod(0o644)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    # PEFT writes a set, in another order each time.
    targets = config["target_modules"]
    config |= {"base_model_name_or_path": name, "target_modules": targets if isinstance(targets, str) else sorted(targets)}
    path.write_text(json.dumps(config, indent=2) + "\n")
    merged = model.merge_and_unload()
    for parameter in merged.parameters():
        parameter.data = parameter.data.to(dtype).float()
    tensors["merged.logits"] = logits(merged, ids)
    moved = np.abs(tensors["adapter.logits"] - tensors["base.logits"]).max()
    assert moved > 1, f"{name}: the adapter changes too little, {moved}"
    versions = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__, "peft": peft.__version__}
    save(folder.with_suffix(".safetensors"), tensors, {"seed": str(SEED), **versions})
    rounding = np.abs(tensors["adapter.logits"] - tensors["merged.logits"]).max()
    print(f"{name}: the adapter changes logits by up to {moved:.1f}, rounding of the merged weights by {rounding:.3f}")


def main() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(SEED)
    for name in MODELS:
        made(name, generator)


if __name__ == "__main__":
    main()

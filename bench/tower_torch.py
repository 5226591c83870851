"""Times the vision tower in PyTorch (`transformers` Dinov2Model, float32, CPU) and prints one line of JSON.

    python bench/tower_torch.py --attention sdpa --threads 2
"""

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "reference"))
import synthetic  # noqa: E402
import tower  # noqa: E402
from timing import add_options, report, time_calls  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attention", choices=["eager", "sdpa"], required=True)
    options = add_options(parser).parse_args()
    torch.set_num_threads(options.threads)
    model = tower.build_small(options.attention)
    pixels = torch.from_numpy(synthetic.pixel_values(synthetic.synthetic_image(options.side)))
    with torch.inference_mode():
        milliseconds, output = time_calls(lambda: model(pixels).last_hidden_state, options)
    version = torch.__version__.split("+")[0]
    report(f"torch-{options.attention}", version, options, milliseconds, output.numpy())


if __name__ == "__main__":
    main()

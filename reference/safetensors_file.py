"""Writes safetensors files whose bytes depend on their content only.

`safetensors.numpy.save_file` orders the metadata by a hash seeded per process, so two runs differ. Files that are
committed need a digest that a second run repeats.
"""

import json
import struct
from pathlib import Path

import numpy as np

DTYPES = {"uint8": "U8", "float16": "F16", "float32": "F32", "float64": "F64", "int64": "I64"}


def save(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Tensors and metadata are stored in the order of their names; the header is padded to a multiple of 8 bytes."""
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))}
    ordered = [(name, np.ascontiguousarray(tensors[name])) for name in sorted(tensors)]
    offset = 0
    for name, tensor in ordered:
        end = offset + tensor.nbytes
        header[name] = {"dtype": DTYPES[tensor.dtype.name], "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, tensor in ordered:
            file.write(tensor.tobytes())

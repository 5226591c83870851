"""Writes golden/dicom/digests.json: what pydicom displays for each DICOM file.

    python reference/dicom_digests.py [--shared ../shared/dicom]

Needs pydicom, numpy, pillow, pylibjpeg, pylibjpeg-libjpeg, pylibjpeg-openjpeg, pyjpegls; the versions that were used are
written into the file. Grey levels are in 0..255 with 0 black, after the modality transformation, the VOI transformation
and the inversion of MONOCHROME1. Where pydicom leaves a step to its caller (the range, padding, Presentation LUT Shape, a
window where the file has none), this script is the reference, and `step` says so.
"""

import argparse
import hashlib
import json
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pydicom
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ["pydicom", "numpy", "pillow", "pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg", "pyjpegls"]
SAMPLES_PER_SIDE = 8


def stored_range(ds):
    values = 1 << ds.BitsStored
    return (-values // 2, values // 2 - 1) if ds.PixelRepresentation else (0, values - 1)


def modality_ends(ds):
    """Output of the modality transformation for the smallest and for the largest input."""
    if ds.get("ModalityLUTSequence"):
        return 0.0, float((1 << ds.ModalityLUTSequence[0].LUTDescriptor[2]) - 1)
    slope, intercept = float(ds.get("RescaleSlope", 1)), float(ds.get("RescaleIntercept", 0))
    return tuple(slope * value + intercept for value in stored_range(ds))


def padding_mask(ds, stored):
    if "PixelPaddingValue" not in ds:
        return np.zeros(stored.shape, dtype=bool)
    ends = sorted([ds.PixelPaddingValue, ds.get("PixelPaddingRangeLimit", ds.PixelPaddingValue)])
    return (stored >= ends[0]) & (stored <= ends[1])


def percentile_range(values):
    """The smallest values that 0.5 % and 99.5 % of the pixels do not exceed."""
    low, high = np.percentile(values, [0.5, 99.5], method="inverted_cdf")
    return float(low), float(high)


def first_frame(ds):
    """Frame 1; a file without meta information is native and little endian here."""
    if "TransferSyntaxUID" not in ds.file_meta:
        implicit = ds.original_encoding[0]
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1"
    return pixel_array(ds, index=0)


def displayed(ds):
    """Grey levels in 0..1, and which step made the contrast."""
    stored = first_frame(ds)
    padding = padding_mask(ds, stored)
    modality = apply_modality_lut(stored, ds)
    low, high = modality_ends(ds)
    if ds.get("VOILUTSequence"):
        grey = apply_voi_lut(modality, ds).astype(np.float64)
        low, high, step = 0.0, float((1 << ds.VOILUTSequence[0].LUTDescriptor[2]) - 1), "VOI LUT"
    elif "WindowCenter" in ds:
        # pydicom spreads a window from one end of the modality transformation to the other. With a negative slope the
        # first is the larger, and dividing by `high - low` below puts black and white back (PS3.3 C.11.2.1.2.1).
        grey, step = apply_voi_lut(modality, ds).astype(np.float64), "window"
    elif ds.BitsStored <= 8:
        low, high = sorted([low, high])
        grey, step = modality.astype(np.float64), "full range"
    else:
        low, high = percentile_range(modality[~padding])
        grey, step = modality.astype(np.float64), "percentiles (this script)"
    fraction = np.clip((grey - low) / (high - low), 0, 1)
    if ds.PhotometricInterpretation == "MONOCHROME1" or ds.get("PresentationLUTShape") == "INVERSE":
        fraction = 1 - fraction
    fraction[padding] = 0
    return fraction, step


def sampled_places(height, width):
    """The centres of 8 x 8 equal tiles, as `[row, column]`."""
    rows = [(2 * i + 1) * height // (2 * SAMPLES_PER_SIDE) for i in range(SAMPLES_PER_SIDE)]
    columns = [(2 * i + 1) * width // (2 * SAMPLES_PER_SIDE) for i in range(SAMPLES_PER_SIDE)]
    return [(row, column) for row in rows for column in columns]


def digest(path):
    raw = path.read_bytes()
    fraction, step = displayed(pydicom.dcmread(path, force=True))
    grey = 255 * fraction
    height, width = grey.shape
    samples = [round(float(grey[row, column]), 3) for row, column in sampled_places(height, width)]
    histogram, _ = np.histogram(grey, bins=16, range=(0, 255))
    return {
        "sha256": hashlib.sha256(raw).hexdigest(),
        "width": width,
        "height": height,
        "step": step,
        "mean": round(float(grey.mean()), 4),
        "samples": samples,
        "histogram16": [int(count) for count in histogram],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared" / "dicom")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # pydicom comments on files that depart from the standard, which is their purpose
    groups = {
        "repository": (ROOT, [*sorted((ROOT / "samples").glob("*.dcm")), *sorted((ROOT / "fixtures/readable").glob("*.dcm"))]),
        "shared": (arguments.shared, sorted(arguments.shared.rglob("*.dcm"))),
    }
    result = {"generated_by": "reference/dicom_digests.py", "versions": {name: version(name) for name in PACKAGES}}
    for group, (base, paths) in groups.items():
        result[group] = {path.relative_to(base).as_posix(): digest(path) for path in paths}
    target = ROOT / "golden/dicom/digests.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1)
    target.write_text(text + "\n")
    print(f"{target.relative_to(ROOT)}: {len(result['repository'])} + {len(result['shared'])} files")


if __name__ == "__main__":
    main()

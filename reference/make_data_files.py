#!/usr/bin/env python3
"""Writes the PyTorch files of crates/knowmvg-data/tests/files/mrg-pth, with CPython's pickle and zipfile.

    python3 reference/make_data_files.py

Standard library only. The content is invented; keys and shapes are those of uMedGround's lists. A file that torch.save
writes is a ZIP archive with `<name>/data.pkl`, which CPython's pickle wrote with protocol 2; no tensor is in these lists,
so torch itself is not needed.
"""
import os
import pickle
import zipfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "crates/knowmvg-data/tests/files/mrg-pth"
STAMP = (2020, 1, 1, 0, 0, 0)

SINGLE = {
    "image_paths": ["X-ray14/resize_images/00000007_001.png", "X-ray14/resize_images/00000007_001.png",
                    "X-ray14/resize_images/00000009_000.png"],
    "bboxes": [(10, 20, 300, 40), (15, 25, 30, 45), (0, 0, 640, 640)],
    "all_reports": [["Invented report one."], ["Invented report two."], ["Invented report three, with ünïcode."]],
    "phrases": ["Nodule, position: right top", "Mass, position: left", "Cardiomegaly"],
}
# Three boxes of one image in one row; floats, negative numbers and integers of every size.
NESTED = {
    "image_paths": ["files/p10/p10000032/s50414267/invented-a.jpg", "files/p11/p11000033/s50000001/invented-b.jpg"],
    "bboxes": [[(1, 2, 3, 4), (300, 2, 70000, 4)], [[-1, 2.5, 3, 4]]],
    "all_report_answer": ["Is there an effusion? Yes, on the left.", "Where? Right."],
    "phrases": [["left effusion", "left effusion"], ["right base"]],
    "class_all": [["Effusion"], ""],
    "extra": {"version": 2**40, "none": None, "flags": (True, False), "empty": []},
}
LENGTHS = {**SINGLE, "phrases": SINGLE["phrases"][:2]}


class Calls:
    """What a hostile pickle does: runs a program."""

    def __reduce__(self):
        return os.system, ("echo this must not run",)


def archive(name, data, method=zipfile.ZIP_STORED, entry="archive/data.pkl"):
    with zipfile.ZipFile(FOLDER / name, "w") as file:
        for path, content in ((entry, data), ("archive/version", b"3\n")):
            info = zipfile.ZipInfo(path, STAMP)
            info.compress_type = method
            file.writestr(info, content)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    archive("single_test.pth", pickle.dumps(SINGLE, 2))
    archive("nested_train.pth", pickle.dumps(NESTED, 2), zipfile.ZIP_DEFLATED)
    (FOLDER / "protocol4_val.pkl").write_bytes(pickle.dumps(SINGLE, 4))
    (FOLDER / "protocol5_val.pkl").write_bytes(pickle.dumps(SINGLE, 5))
    legacy = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}, SINGLE, []]
    (FOLDER / "legacy_test.pth").write_bytes(b"".join(pickle.dumps(part, 2) for part in legacy))
    archive("lengths.pth", pickle.dumps(LENGTHS, 2))
    archive("calls.pth", pickle.dumps({**SINGLE, "phrases": Calls()}, 2))
    archive("calls4.pth", pickle.dumps({**SINGLE, "phrases": Calls()}, 4))
    archive("no-pickle.pth", b"", entry="archive/other")
    whole = (FOLDER / "single_test.pth").read_bytes()
    (FOLDER / "cut.pth").write_bytes(whole[: len(whole) // 2])
    damaged = bytearray(whole)
    damaged[whole.index(b"Invented report one")] ^= 1
    (FOLDER / "damaged.pth").write_bytes(damaged)
    # A megabyte of one byte, which deflates to nearly nothing.
    archive("not-a-pickle.pth", b"0" * (1 << 20), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()

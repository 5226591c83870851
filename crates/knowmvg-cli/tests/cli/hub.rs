//! A language model out of the cache of the hub, with links as `huggingface_hub` lays them out; downloads are tested in
//! `knowmvg-hub`.
#![cfg(unix)]

use std::fs;
use std::path::Path;

use crate::corpus::recipe;
use crate::ran::{Folder, Ran, knowmvg, knowmvg_with, repository};
use crate::vlm::recipe_with;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A cache that holds `tiny/llama` as links to contents, at `main`.
fn cached(folder: &Folder) -> String {
    let model = Path::new(&folder.at("hub")).join("models--tiny--llama");
    let snapshot = model.join("snapshots").join(COMMIT);
    for made in [&snapshot, &model.join("blobs"), &model.join("refs")] {
        fs::create_dir_all(made).unwrap();
    }
    fs::write(model.join("refs/main"), COMMIT).unwrap();
    for entry in fs::read_dir(repository("golden/vlm/llama")).unwrap() {
        let name = entry.unwrap().file_name();
        fs::copy(repository("golden/vlm/llama").join(&name), model.join("blobs").join(&name)).unwrap();
        std::os::unix::fs::symlink(Path::new("../../blobs").join(&name), snapshot.join(&name)).unwrap();
    }
    fs::copy(repository("golden/vlm/llama.gguf"), snapshot.join("llama.gguf")).unwrap();
    snapshot.into_os_string().into_string().unwrap()
}

#[test]
fn a_recipe_names_a_model_of_the_hub_by_its_commit_and_nobody_is_asked_for_it() {
    let folder = Folder::new();
    let snapshot = cached(&folder);
    let cache = folder.at("hub");
    // Whoever asked the hub would fail.
    let variables = [("HF_HUB_CACHE", cache.as_str()), ("HF_ENDPOINT", "http://127.0.0.1:9"), ("HF_HUB_OFFLINE", "1")];
    let found = knowmvg_with(&variables, ["vlm", "download", "tiny/llama"]).ended_with(0);
    assert_eq!(found.stdout.trim(), snapshot);
    let name = format!("tiny/llama@{COMMIT}");
    assert!(found.stderr.contains(&name), "{found:?}");
    let file = knowmvg_with(&variables, ["vlm", "download", "tiny/llama", "--file", "llama.gguf"]).ended_with(0);
    assert_eq!(file.stdout.trim(), format!("{snapshot}/llama.gguf"));
    assert!(file.stderr.contains(&format!("{name}/llama.gguf")), "{file:?}");
    let absent = knowmvg_with(&variables, ["vlm", "download", "tiny/other"]).ended_with(1);
    assert!(absent.stderr.contains("HF_HUB_OFFLINE"), "{absent:?}");

    knowmvg(["synth", &folder.at("corpus"), "--images", "20", "--size", "64"]).ended_with(0);
    knowmvg(["train", &folder.write("decoder.toml", recipe())]).ended_with(0);
    let train = |language: &str| -> Ran {
        let recipe = recipe_with(language).replace("epochs = 3", "epochs = 1");
        knowmvg_with(&variables, ["train", &folder.write("vlm.toml", recipe)])
    };
    train(&name).ended_with(0);
    // The finished folder holds the model itself, and knows it again without the cache.
    fs::remove_dir_all(&cache).unwrap();
    knowmvg(["info", "--model", &folder.at("vlm/model")]).ended_with(0);

    let gone = train(&name).ended_with(3);
    assert!(gone.stderr.contains(&format!("knowmvg vlm download {name}")), "{gone:?}");
    let gone = train(&format!("{name}/llama.gguf")).ended_with(3);
    assert!(gone.stderr.contains(&format!("knowmvg vlm download {name} --file llama.gguf")), "{gone:?}");
    let unpinned = train("tiny/llama@main").ended_with(3);
    assert!(unpinned.stderr.contains("expected a commit"), "{unpinned:?}");
}

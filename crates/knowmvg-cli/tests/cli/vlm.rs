//! A tiny vision-language model from a checkpoint to its scores: the commands of docs/fine-tune.md.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::corpus::recipe;
use crate::ran::{Folder, knowmvg, repository_arg};

fn recipe_of(language: &str) -> String {
    recipe_with(&repository_arg(&format!("golden/vlm/{language}")))
}

/// The recipe of a tiny run, with a language model by its path or its name in the hub.
pub fn recipe_with(language: &str) -> String {
    format!(
        "seed = 1\ncorpus = \"corpus\"\nmodel = \"run/model\"\nlanguage = {language:?}\noutput = \"vlm\"\n\
         [reader]\nmodel_type = \"knowmvg-vlm\"\nimage_tokens_side = 2\nknowledge_tokens = true\n\
         [reader.lora]\nr = 4\nlora_alpha = 8.0\ntarget_modules = [\"q_proj\", \"down_proj\"]\n\
         [data]\nnegatives = 2\nval_images = 1\nmade_up = 2\n\
         [stage]\nepochs = 3\nbatch = 2\nlearning_rate = 2e-2\nwarmup_steps = 1\nweight_decay = 0.01\nclip = 1.0\n\
         ema = 0.5\nvalidate_every = 3\npatience = 9\n"
    )
}

/// A corpus, a small decoder, and a language model that was taught to read for it.
fn taught(language: &str) -> Folder {
    let folder = Folder::new();
    knowmvg(["synth", &folder.at("corpus"), "--images", "20", "--size", "64"]).ended_with(0);
    knowmvg(["train", &folder.write("decoder.toml", recipe())]).ended_with(0);
    let recipe = folder.write("vlm.toml", recipe_of(language));
    let ran = knowmvg(["train", &recipe]).ended_with(0);
    assert_eq!(ran.stdout.trim(), folder.at("vlm/model"));
    folder
}

fn losses(folder: &Folder) -> Vec<f64> {
    losses_of(folder, "vlm")
}

fn losses_of(folder: &Folder, run: &str) -> Vec<f64> {
    let log = folder.read(&format!("{run}/log.jsonl"));
    let rows = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| row["loss"]["language"].as_f64().unwrap()).collect()
}

fn report_answers(folder: &Folder, corpus: &str, out: &str) -> String {
    let args = ["eval", &folder.at(corpus), "--split", "train", "--limit", "2", "--task", "report"];
    let more = ["--model", &folder.at("vlm/model"), "--out", &folder.at(out)];
    knowmvg(args.iter().chain(&more)).ended_with(0);
    folder.read(&format!("{out}/predictions/model.jsonl"))
}

#[test]
fn qwen_is_taught_asked_and_scored_and_the_truth_does_not_reach_it() {
    let folder = taught("qwen2_5_vl");
    let losses = losses(&folder);
    assert!(losses[2] < 0.9 * losses[0], "{losses:?}");

    let info = knowmvg(["info", "--json", "--model", &folder.at("vlm/model")]).ended_with(0).json();
    assert_eq!(info["model"]["name"], "knowmvg-vlm");

    let before = report_answers(&folder, "corpus", "before");
    move_boxes(&folder);
    assert_eq!(report_answers(&folder, "corpus", "after"), before, "boxes of the truth reach no prompt");

    let image = first_image(&folder);
    let model = folder.at("vlm/model");
    let args = ["ground", &image, "--phrase", "left effusion", "--model", &model, "--json"];
    let grounded = knowmvg(args).ended_with(0).json();
    assert_eq!(grounded["findings"][0]["boxes"].as_array().unwrap().len(), 1);
    assert_eq!(grounded["model"]["name"], "knowmvg-vlm");
    let own = knowmvg(["ground", &image, "--phrase", "left effusion", "--model", &folder.at("run/model"), "--json"]);
    assert_ne!(
        own.ended_with(0).json()["findings"][0]["boxes"],
        grounded["findings"][0]["boxes"],
        "who reads, matters"
    );
    let answered = knowmvg(["ask", &image, "Is there an effusion?", "--model", &model, "--json"]).ended_with(0).json();
    assert!(answered["answer"].is_string() && answered["grounding"]["findings"].is_array());

    words_that_are_drawn_say_how(&folder);
    other_numbers_find_nearly_the_same_and_are_named(&folder);

    let adapter = folder.at("adapter");
    knowmvg(["vlm", "export", "--model", &model, "--adapter", &adapter]).ended_with(0);
    let bytes = fs::read(Path::new(&adapter).join("adapter_model.safetensors")).unwrap();
    let names = knowmvg::model::weights::read_header(&bytes).unwrap();
    let deeper = "base_model.model.model.language_model.layers.";
    assert!(names.iter().all(|row| row.0.starts_with(deeper)), "{names:?}");

    statements_teach(&folder);
    arms_are_compared(&folder);
    it_learns_on(&folder, losses[0]);
    it_learns_alike_on_threads_and_in_rounds(&folder);

    // Without a language model there is nobody to answer.
    let ran = knowmvg(["ask", &image, "Is there an effusion?", "--model", &folder.at("run/model")]).ended_with(4);
    assert!(ran.stderr.contains("knowmvg vlm assemble"), "{ran:?}");
}

#[test]
fn changes_are_exported_for_peft_and_in_the_weights_and_another_language_model_is_refused() {
    let folder = taught("llama.gguf");
    let model = folder.at("vlm/model");
    let (adapter, merged) = (folder.at("adapter"), folder.at("merged"));
    knowmvg(["vlm", "export", "--model", &model, "--adapter", &adapter, "--merged", &merged]).ended_with(0);
    let config: Value = serde_json::from_str(&folder.read("adapter/adapter_config.json")).unwrap();
    assert_eq!([&config["r"], &config["target_modules"]], [&json!(4), &json!(["q_proj", "down_proj"])]);
    let bytes = fs::read(Path::new(&adapter).join("adapter_model.safetensors")).unwrap();
    let names: Vec<String> =
        knowmvg::model::weights::read_header(&bytes).unwrap().into_iter().map(|row| row.0).collect();
    assert!(names.contains(&"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight".to_owned()), "{names:?}");
    assert_eq!(names.len(), 2 * 2 * 2, "layers, maps, halves");

    // The merged folder is a model of its own, one token larger.
    let reader = knowmvg_vlm::VisionLanguageModel::load(Path::new(&merged)).unwrap();
    assert_eq!(reader.language().config().vocab_size, 279);
    assert_eq!(reader.tokenizer().id("[BOX]").unwrap(), 278);

    // A run that is finished is not begun anew.
    let again = knowmvg(["train", &folder.at("vlm.toml"), "--resume"]).ended_with(0);
    assert_eq!(again.stdout.trim(), model);
    assert_eq!(losses(&folder).len(), 3);

    let mut other = fs::read(Path::new(&model).join("language.gguf")).unwrap();
    let last = other.len() - 1;
    other[last] ^= 1;
    fs::remove_file(Path::new(&model).join("language.gguf")).unwrap();
    fs::write(Path::new(&model).join("language.gguf"), other).unwrap();
    let ran = knowmvg(["info", "--model", &model]).ended_with(4);
    assert!(ran.stderr.contains("was learnt beside"), "{ran:?}");
}

fn words_that_are_drawn_say_how(folder: &Folder) {
    let image = first_image(folder);
    let report = folder.write("report.txt", "Small left effusion.");
    let drawn = |model: &str| {
        let args = ["ground", &image, "--report", &report, "--model", &folder.at(model), "--json"];
        knowmvg(args.iter().chain(&["--temperature", "1.5", "--top-p", "0.9", "--seed", "3"]))
    };
    let once = drawn("vlm/model").ended_with(0).json();
    assert!(once["warnings"].to_string().contains("temperature 1.5, top-p 0.9, seed 3"), "{once}");
    assert_eq!(once["findings"], drawn("vlm/model").ended_with(0).json()["findings"]);
    let model = folder.at("vlm/model");
    let args = ["ask", &image, "Where?", "--model", &model, "--temperature", "1", "--json"];
    let asked = knowmvg(args).ended_with(0).json();
    assert!(asked["grounding"]["warnings"].to_string().contains("temperature 1, top-p 1, seed 0"), "{asked}");
    // Rules draw nothing.
    assert!(drawn("run/model").ended_with(2).stderr.contains("--temperature"));
}

fn other_numbers_find_nearly_the_same_and_are_named(folder: &Folder) {
    let image = first_image(folder);
    let grounded = |model: &str, dtype: &str| {
        let args = ["ground", &image, "--phrase", "left effusion", "--model", &folder.at(model), "--json"];
        knowmvg(args.iter().chain(&["--dtype", dtype]))
    };
    let corner_of = |found: &Value| found["findings"][0]["boxes"][0]["box"][0].as_f64().unwrap();
    let full = grounded("vlm/model", "float32").ended_with(0).json();
    // The image is 64 pixels wide; the weights have no quantised form that `auto` could keep.
    assert_eq!(full["findings"], grounded("vlm/model", "auto").ended_with(0).json()["findings"]);
    for dtype in ["bfloat16", "float16", "int8"] {
        let found = grounded("vlm/model", dtype).ended_with(0).json();
        assert_eq!(found["model"]["name"], format!("knowmvg-vlm-{dtype}"));
        assert_ne!(found["findings"], full["findings"], "{dtype} is other numbers");
        assert!((corner_of(&found) - corner_of(&full)).abs() < 2.0, "{dtype}: {found}, {full}");
    }
    // Rules have no numbers.
    assert!(grounded("run/model", "bfloat16").ended_with(2).stderr.contains("--dtype"));
}

/// A made-up file in the format of MS-CXR, converted, learnt from and scored.
fn statements_teach(folder: &Folder) {
    let columns = "dicom_id,category_name,label_text,path,x,y,w,h,image_width,image_height,split\n";
    let row = |id: &str, words: &str, split: &str| {
        format!("{id},Pleural Effusion,{words},files/p10/p10000000/s1/{id}.png,8,30,20,24,64,64,{split}\n")
    };
    let rows = [row("a", "small left effusion", "train"), row("b", "effusion at the right base", "val")];
    let table = folder.write("ms-cxr.csv", columns.to_owned() + &rows.concat());
    knowmvg(["data", "convert", &table, &folder.at("ms-cxr"), "--to", "corpus"]).ended_with(0);
    let images = Path::new(&folder.at("ms-cxr")).join("files/p10/p10000000/s1");
    fs::create_dir_all(&images).unwrap();
    ["a", "b"].iter().for_each(|id| {
        fs::copy(first_image(folder), images.join(format!("{id}.png"))).unwrap();
    });
    let recipe = recipe_of("qwen2_5_vl").replace("corpus = \"corpus\"", "corpus = \"ms-cxr\"");
    let recipe = recipe
        .replace("output = \"vlm\"", "output = \"vlm-ms\"")
        .replace("[data]\n", "[data]\ntiers = [\"research\"]\n");
    let ran = knowmvg(["train", &folder.write("ms.toml", recipe)]).ended_with(0);
    let args = ["eval", &folder.at("ms-cxr"), "--split", "val", "--tier", "research", "--task", "report", "--json"];
    let more = ["--model", ran.stdout.trim(), "--out", &folder.at("ms-scores")];
    let scores = knowmvg(args.iter().chain(&more)).ended_with(0).json();
    assert_eq!(scores[0]["parts"][0]["counts"]["items"], 1);
}

/// Arms of an ablation are language models too, and phrases are scored with what theirs reads.
fn arms_are_compared(folder: &Folder) {
    let grid = "recipe = \"vlm.toml\"\noutput = \"grid\"\nseeds = [1]\nreference = \"full\"\n\
                [shared.stage]\nepochs = 1\nvalidate_every = 1\n[arms.full]\n\
                [arms.no-knowledge]\nreader.knowledge_tokens = false\nswitches.knowledge = \"off\"\n";
    let args = ["ablate", &folder.write("grid.toml", grid), "--split", "val", "--json"];
    let tables = knowmvg(args).ended_with(0).json();
    let rows = tables["arms"].as_array().unwrap();
    let row = |arm: &str| rows.iter().find(|row| row["arm"] == arm && row["level"] == "class").unwrap();
    assert!(row("full")["n"].as_u64().unwrap() > 0 && row("full")["gain_of_reference"].is_null());
    assert!(row("no-knowledge")["gain_of_reference"]["value"].is_number());
    let scored = |arm: &str| folder.read(&format!("grid/{arm}-1/scored-val.jsonl"));
    assert_ne!(scored("full"), scored("no-knowledge"));
    // What is finished is not trained again, and the decoder's own reader says something else.
    assert_eq!(knowmvg(args).ended_with(0).json(), tables);
    let scored_by = |model: &str| {
        let args = ["eval", &folder.at("corpus"), "--split", "val", "--model", &folder.at(model), "--json"];
        knowmvg(args).ended_with(0).stdout
    };
    assert_ne!(scored_by("vlm/model"), scored_by("run/model"));
}

/// A run from what another one learnt begins better than one from the seed.
fn it_learns_on(folder: &Folder, first: f64) {
    let recipe = recipe_of("qwen2_5_vl").replace("output = \"vlm\"", "output = \"vlm-on\"\ninit = \"vlm/model\"");
    knowmvg(["train", &folder.write("on.toml", recipe.replace("epochs = 3", "epochs = 1"))]).ended_with(0);
    assert!(losses_of(folder, "vlm-on")[0] < first);
    let other = recipe.replace("image_tokens_side = 2", "image_tokens_side = 1");
    let ran = knowmvg(["train", &folder.write("other.toml", other.replace("vlm-on", "vlm-other"))]).ended_with(3);
    assert!(ran.stderr.contains("`reader`"), "{ran:?}");
}

/// On which devices and in how many rounds the parts of a batch are learnt from changes nothing; nor does forgetting on the way.
fn it_learns_alike_on_threads_and_in_rounds(folder: &Folder) {
    let learnt = |name: &str, data: &str, top: &str, devices: &str| {
        let recipe = recipe_of("llama.gguf").replace("output = \"vlm\"", &format!("output = {name:?}\n{top}"));
        let recipe = recipe.replace("epochs = 3", "epochs = 1").replace("[data]\n", &format!("[data]\n{data}\n"));
        let recipe = folder.write(&format!("{name}.toml"), recipe);
        knowmvg(["train", &recipe, "--device", devices]).ended_with(0);
        let file = fs::read(folder.at(&format!("{name}/model/knowmvg-vlm.safetensors"))).unwrap();
        // The header names the recipe; the numbers come after it.
        let header = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
        (losses_of(folder, name)[0], file[header..].to_vec())
    };
    let (loss, side_by_side) = learnt("threads", "micro_batch = 1\nshards = 2", "", "cpu");
    let (_, in_rounds) = learnt("rounds", "micro_batch = 1\nshards = 1", "", "cpu");
    assert!(side_by_side == in_rounds);
    let (_, on_devices) = learnt("devices", "micro_batch = 1\nshards = 1", "", "cpu,cpu");
    assert!(side_by_side == on_devices);
    let (again, _) = learnt("forgetful", "micro_batch = 1\nshards = 2", "gradient_checkpointing = true", "cpu");
    assert!((again - loss).abs() < 1e-4 * loss, "{again} {loss}");
    let ran = knowmvg(["train", &folder.at("decoder.toml"), "--device", "cpu,cpu"]).ended_with(2);
    assert!(ran.stderr.contains("expected one device, found 2"), "{ran:?}");
}

fn first_image(folder: &Folder) -> String {
    let line = folder.read("corpus/annotations.jsonl").lines().next().unwrap().to_owned();
    let record: Value = serde_json::from_str(&line).unwrap();
    folder.at(&format!("corpus/{}", record["image"].as_str().unwrap()))
}

/// Moves every box, by too little for other words.
fn move_boxes(folder: &Folder) {
    let mut records: Vec<Value> =
        folder.read("corpus/annotations.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let findings = records.iter_mut().flat_map(|record| record["findings"].as_array_mut().unwrap());
    for labelled in findings {
        let corner = labelled["box"][0].as_f64().unwrap();
        labelled["box"][0] = json!(corner + 1e-4);
    }
    folder.write("corpus/annotations.jsonl", records.iter().map(|record| format!("{record}\n")).collect::<String>());
}

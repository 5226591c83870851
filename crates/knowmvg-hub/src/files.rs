use std::fmt;
use std::str::FromStr;

use crate::error::HubError;
use crate::id::is_name;

const WEIGHTS: &str = "model.safetensors";
const GGUF: &str = ".gguf";
/// Files of a checkpoint beside its weights: what is read here, and what transformers wants of the same folder.
const WANTED: [&str; 13] = [
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.json",
    "chat_template.jinja",
    "model.safetensors.index.json",
];
/// Without them there is nothing to load.
const NEEDED: [&str; 2] = ["config.json", "tokenizer.json"];

/// Which files of a model are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Files {
    /// What loads a checkpoint of Hugging Face: configuration, vocabulary, safetensors.
    Checkpoint,
    /// One file of llama.cpp, which holds all of these.
    Gguf(GgufName),
}

/// The name of a GGUF file at the top of a model's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GgufName(String);

impl GgufName {
    /// As the hub has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GgufName {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, HubError> {
        match is_name(text) && text.ends_with(GGUF) {
            true => Ok(Self(text.to_owned())),
            false => Err(HubError::Input(format!("expected the name of a {GGUF} file, found {text:?}"))),
        }
    }
}

impl fmt::Display for GgufName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Files {
    /// Those among a model's files, all at the top: what lies in folders is of other programs.
    pub(crate) fn chosen(&self, names: Vec<String>) -> Result<Vec<String>, String> {
        if let Some(name) = names.iter().find(|name| leads_elsewhere(name)) {
            return Err(format!("expected names of files, found {name:?}"));
        }
        match self {
            Self::Checkpoint => checkpoint(names),
            Self::Gguf(wanted) => gguf(wanted, names),
        }
    }
}

fn checkpoint(names: Vec<String>) -> Result<Vec<String>, String> {
    let is_whole = names.iter().any(|name| name == WEIGHTS);
    let is_wanted = |name: &str| {
        WANTED.contains(&name) || (if is_whole { name == WEIGHTS } else { is_shard(name) }) || is_licence(name)
    };
    let chosen = sorted(names.iter().filter(|name| is_wanted(name)).cloned());
    let holds = |name: &str| chosen.iter().any(|found| found == name);
    if let Some(missing) = NEEDED.iter().find(|name| !holds(name)) {
        let others = gguf_files(&names).map(|others| format!("; of its files, one of these can be named: {others}"));
        return Err(format!("expected a checkpoint with {missing}, found none{}", others.unwrap_or_default()));
    }
    match chosen.iter().any(|name| is_weights(name)) {
        true => Ok(chosen),
        false => Err("expected weights as model.safetensors or its shards, found none".into()),
    }
}

fn gguf(wanted: &GgufName, names: Vec<String>) -> Result<Vec<String>, String> {
    if !names.contains(&wanted.0) {
        let found = gguf_files(&names).unwrap_or_else(|| "no such file".into());
        return Err(format!("expected {wanted}, found {found}"));
    }
    Ok(sorted(names.into_iter().filter(|name| *name == wanted.0 || is_licence(name))))
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.dedup();
    names
}

/// The GGUF files among them, a few, for a message; `None` if there is none.
fn gguf_files(names: &[String]) -> Option<String> {
    const MOST: usize = 30;
    let few: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| name.ends_with(GGUF) && is_name(name)).take(MOST).collect();
    (!few.is_empty()).then(|| few.join(", "))
}

/// Whether a file holds weights, which may be large.
pub(crate) fn is_weights(name: &str) -> bool {
    name == WEIGHTS || is_shard(name) || name.ends_with(GGUF)
}

fn leads_elsewhere(name: &str) -> bool {
    name.is_empty()
        || name.starts_with('/')
        || name.contains(['\\', ':'])
        || name.chars().any(char::is_control)
        || name.split('/').any(|part| part == "..")
}

fn is_licence(name: &str) -> bool {
    let is_plain =
        name.len() <= 96 && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter));
    is_plain && ["LICENSE", "NOTICE"].iter().any(|start| name.starts_with(start))
}

/// `model-00001-of-00002.safetensors`
fn is_shard(name: &str) -> bool {
    let numbers = name.strip_prefix("model-").and_then(|name| name.strip_suffix(".safetensors"));
    let numbers = numbers.and_then(|numbers| numbers.split_once("-of-"));
    let is_number = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(shard, of)| is_number(shard) && is_number(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &Files, names: &[&str]) -> Result<Vec<String>, String> {
        files.chosen(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn names(names: &[&str]) -> Result<Vec<String>, String> {
        of(&Files::Checkpoint, names)
    }

    #[test]
    fn what_loads_is_chosen_and_pickles_folders_and_second_copies_are_not() {
        let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
        let rest =
            ["config.json", "tokenizer.json", "LICENSE", "pytorch_model.bin", "onnx/model.onnx", "a/config.json"];
        let found = names(&[&rest[..], &shards].concat()).unwrap();
        assert_eq!(found, [&["LICENSE", "config.json"][..], &shards, &["tokenizer.json"]].concat());
        let found = names(&[&rest[..], &shards, &[WEIGHTS]].concat()).unwrap();
        assert_eq!(found, ["LICENSE", "config.json", WEIGHTS, "tokenizer.json"]);
    }

    #[test]
    fn names_that_lead_elsewhere_and_what_is_no_checkpoint_are_refused() {
        let whole = ["config.json", "tokenizer.json", WEIGHTS];
        assert!(names(&whole).is_ok());
        for hostile in ["../config.json", "/etc/passwd", "a/../../b", "..\\b", "c:x", "LICENSE\n"] {
            assert!(names(&[&whole[..], &[hostile]].concat()).is_err(), "{hostile}");
        }
        for left_out in 0..3 {
            let some: Vec<&str> =
                whole.iter().enumerate().filter(|(i, _)| *i != left_out).map(|(_, name)| *name).collect();
            assert!(names(&some).is_err(), "{some:?}");
        }
    }

    #[test]
    fn one_gguf_file_is_chosen_and_another_is_told_what_there_is() {
        let files = ["README.md", "LICENSE", "m.Q4_0.gguf", "m.Q8_0.gguf", "old/m.Q4_0.gguf"];
        let wanted = |name: &str| Files::Gguf(name.parse().unwrap());
        assert_eq!(of(&wanted("m.Q4_0.gguf"), &files).unwrap(), ["LICENSE", "m.Q4_0.gguf"]);
        let problem = of(&wanted("m.gguf"), &files).unwrap_err();
        assert!(problem.contains("m.Q4_0.gguf, m.Q8_0.gguf"), "{problem}");
        let problem = names(&files).unwrap_err();
        assert!(problem.contains("config.json") && problem.contains("m.Q4_0.gguf"), "{problem}");
        for text in ["", ".gguf", "a/b.gguf", "../b.gguf", "b.bin", "b.gguf?x"] {
            assert!(text.parse::<GgufName>().is_err(), "{text}");
        }
    }
}

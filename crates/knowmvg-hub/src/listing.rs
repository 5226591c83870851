use serde::Deserialize;
use ureq::http::HeaderMap;

use crate::client::{Client, Method};
use crate::digest::Kind;
use crate::error::HubError;
use crate::id::{Pinned, Wanted};
use crate::limits::{MAX_MODEL, MAX_OTHER, MAX_WEIGHTS};

const WEIGHTS: &str = "model.safetensors";
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

/// A file of a model, as the hub says that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteFile {
    pub name: String,
    pub size: u64,
    pub checksum: String,
    pub kind: Kind,
}

/// What is read of `/api/models`.
#[derive(Deserialize)]
struct Revision {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

/// The commit of a revision, and the names of the files that are wanted of it.
///
/// # Errors
/// When the hub does not answer, or its files are no checkpoint.
pub(crate) fn revision(client: &Client, wanted: &Wanted) -> Result<(Pinned, Vec<String>), HubError> {
    let path = format!("/api/models/{}/revision/{}", wanted.model, wanted.revision().replace('/', "%2F"));
    let bytes = client.text(&path, &wanted.to_string())?;
    let answer: Revision = serde_json::from_slice(&bytes)
        .map_err(|e| HubError::Answer(format!("expected the files of {wanted} as JSON: {e}")))?;
    let strange = || HubError::Answer(format!("expected a commit of {wanted}, found another answer"));
    let pinned = Pinned::new(wanted.model.clone(), &answer.sha).map_err(|_| strange())?;
    // Who asks for a commit is given that one.
    if Pinned::new(wanted.model.clone(), wanted.revision()).is_ok_and(|asked| asked != pinned) {
        return Err(strange());
    }
    let names: Vec<String> = answer.siblings.into_iter().map(|file| file.rfilename).collect();
    chosen(names).map(|names| (pinned, names)).map_err(|problem| HubError::Answer(format!("{problem} in {wanted}")))
}

/// The files that are wanted, all at the top: what lies in folders is of other programs.
fn chosen(names: Vec<String>) -> Result<Vec<String>, String> {
    if let Some(name) = names.iter().find(|name| leads_elsewhere(name)) {
        return Err(format!("expected names of files, found {name:?}"));
    }
    let is_whole = names.iter().any(|name| name == WEIGHTS);
    let is_wanted = |name: &str| {
        WANTED.contains(&name)
            || (if is_whole { name == WEIGHTS } else { is_shard(name) })
            || ["LICENSE", "NOTICE"].iter().any(|start| name.starts_with(start) && is_plain(name))
    };
    let mut chosen: Vec<String> = names.into_iter().filter(|name| is_wanted(name)).collect();
    chosen.sort();
    chosen.dedup();
    let holds = |name: &str| chosen.iter().any(|found| found == name);
    if let Some(missing) = NEEDED.iter().find(|name| !holds(name)) {
        return Err(format!("expected a checkpoint with {missing}, found none"));
    }
    match chosen.iter().any(|name| is_weights(name)) {
        true => Ok(chosen),
        false => Err("expected weights as model.safetensors or its shards, found none".into()),
    }
}

/// What the hub says that a file is.
///
/// # Errors
/// When it does not answer, says it of another commit, or the file is too large.
pub(crate) fn described(client: &Client, pinned: &Pinned, name: &str) -> Result<RemoteFile, HubError> {
    let said = client.ask(Method::Head, &address(pinned, name), name)?.said;
    let wrong = |problem: &str| HubError::Answer(format!("expected {problem} of {name}"));
    if header(&said, "x-repo-commit") != Some(pinned.commit()) {
        return Err(wrong(&format!("commit {}", pinned.commit())));
    }
    let etag = header(&said, "x-linked-etag").or(header(&said, "etag"));
    let checksum = etag.map(|etag| etag.trim_start_matches("W/").trim_matches('"')).unwrap_or_default();
    let Some(kind) = Kind::of(checksum) else { return Err(wrong("a checksum as ETag")) };
    let size = header(&said, "x-linked-size").or(header(&said, "content-length"));
    let size = size.and_then(|size| size.parse().ok()).ok_or_else(|| wrong("the size"))?;
    let most = if is_weights(name) { MAX_WEIGHTS } else { MAX_OTHER };
    if size > most {
        return Err(wrong(&format!("at most {most} bytes, found {size},")));
    }
    Ok(RemoteFile { name: name.to_owned(), size, checksum: checksum.to_owned(), kind })
}

/// Whether all files together are not too large; returns their size.
///
/// # Errors
/// When they are.
pub(crate) fn total(files: &[RemoteFile]) -> Result<u64, HubError> {
    let bytes = files.iter().map(|file| file.size).sum();
    if bytes > MAX_MODEL {
        return Err(HubError::Answer(format!("expected a model of at most {MAX_MODEL} bytes, found {bytes}")));
    }
    Ok(bytes)
}

/// Where a file is, below the hub.
pub(crate) fn address(pinned: &Pinned, name: &str) -> String {
    format!("/{}/resolve/{}/{name}", pinned.model, pinned.commit())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn leads_elsewhere(name: &str) -> bool {
    name.is_empty()
        || name.starts_with('/')
        || name.contains(['\\', ':'])
        || name.chars().any(char::is_control)
        || name.split('/').any(|part| part == "..")
}

fn is_plain(name: &str) -> bool {
    name.len() <= 96 && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter))
}

fn is_weights(name: &str) -> bool {
    name == WEIGHTS || is_shard(name)
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

    fn names(names: &[&str]) -> Result<Vec<String>, String> {
        chosen(names.iter().map(|name| (*name).to_owned()).collect())
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
}

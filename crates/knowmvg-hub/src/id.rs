use std::fmt;
use std::str::FromStr;

use crate::error::HubError;
use crate::files::Files;

/// Longest part of a name.
const MAX_NAME: usize = 96;
/// Longest revision.
const MAX_REVISION: usize = 200;
/// Digits of a commit.
const COMMIT: usize = 40;

/// A model of the hub: `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    owner: String,
    name: String,
}

/// A model at a revision: `owner/name@revision`, or `owner/name` for its main branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which model.
    pub model: Model,
    revision: String,
}

/// Files of a model at a commit: `owner/name@commit`, or `owner/name@commit/file.gguf` for one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedFiles {
    /// Which model, at which commit.
    pub pinned: Pinned,
    /// Which of its files.
    pub files: Files,
}

/// A model at a commit, which never changes: `owner/name@` and 40 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// Which model.
    pub model: Model,
    commit: String,
}

impl Model {
    /// The name of its folder in the cache.
    pub(crate) fn folder(&self) -> String {
        format!("models--{}--{}", self.owner, self.name)
    }
}

impl Wanted {
    /// A branch, a tag, or a commit.
    pub fn revision(&self) -> &str {
        &self.revision
    }
}

impl Pinned {
    /// # Errors
    /// When `commit` is none.
    pub(crate) fn new(model: Model, commit: &str) -> Result<Self, HubError> {
        if !is_hex(commit, COMMIT) {
            return Err(HubError::Input(format!("expected a commit, {COMMIT} hexadecimal digits, found {commit:?}")));
        }
        Ok(Self { model, commit: commit.to_owned() })
    }

    /// 40 hexadecimal digits.
    pub fn commit(&self) -> &str {
        &self.commit
    }
}

impl FromStr for Model {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, HubError> {
        match text.split_once('/') {
            Some((owner, name)) if is_name(owner) && is_name(name) => {
                Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
            }
            _ => Err(HubError::Input(format!("expected a model of the hub as owner/name, found {text:?}"))),
        }
    }
}

impl FromStr for Wanted {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, HubError> {
        let (model, revision) = text.split_once('@').unwrap_or((text, "main"));
        let is_revision = revision.len() <= MAX_REVISION && revision.split('/').all(is_name);
        if !is_revision {
            return Err(HubError::Input(format!("expected a branch, a tag or a commit after @, found {revision:?}")));
        }
        Ok(Self { model: model.parse()?, revision: revision.to_owned() })
    }
}

impl FromStr for Pinned {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, HubError> {
        let Wanted { model, revision } = text.parse()?;
        Self::new(model, &revision)
    }
}

impl FromStr for PinnedFiles {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, HubError> {
        let of_one = text.split_once('@').and_then(|(model, revision)| Some((model, revision.split_once('/')?)));
        match of_one {
            Some((model, (commit, name))) => {
                Ok(Self { pinned: Pinned::new(model.parse()?, commit)?, files: Files::Gguf(name.parse()?) })
            }
            None => Ok(Self { pinned: text.parse()?, files: Files::Checkpoint }),
        }
    }
}

impl fmt::Display for PinnedFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.files {
            Files::Checkpoint => write!(f, "{}", self.pinned),
            Files::Gguf(name) => write!(f, "{}/{name}", self.pinned),
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.model, self.revision)
    }
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.model, self.commit)
    }
}

/// Whether a text can be part of a path and of an address as it is: no separators, nothing hidden, no way up.
pub(crate) fn is_name(text: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let first = text.chars().next();
    (1..=MAX_NAME).contains(&text.len())
        && text.chars().all(is_plain)
        && first.is_some_and(|first| first != '.' && first != '-')
        && !text.contains("..")
        && !text.contains("--")
}

/// Whether a text is so many lower-case hexadecimal digits.
pub(crate) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_lead_elsewhere_are_none() {
        let wrong =
            ["", "a", "a/b/c", "../b", "a/..", "a/b@../x", "a/b@x//y", "a/b@", "a\\b/c", "/a", "a/b?c", "a b/c", "~/b"];
        for text in wrong {
            assert!(text.parse::<Wanted>().is_err(), "{text}");
        }
        assert_eq!("Qwen/Qwen2.5-VL-3B-Instruct".parse::<Wanted>().unwrap().revision(), "main");
        assert_eq!("a/b@refs/pr/1".parse::<Wanted>().unwrap().revision(), "refs/pr/1");
    }

    #[test]
    fn only_a_commit_pins() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(format!("a/b@{commit}").parse::<Pinned>().unwrap().to_string(), format!("a/b@{commit}"));
        for text in ["a/b", "a/b@main", "a/b@0123456", &format!("a/b@{}", commit.to_uppercase())] {
            assert!(text.parse::<Pinned>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_follows_the_commit() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        for text in [format!("a/b@{commit}"), format!("a/b@{commit}/c.Q4_0.gguf")] {
            let found: PinnedFiles = text.parse().unwrap();
            assert_eq!((found.to_string(), found.pinned.commit()), (text, commit));
        }
        for file in ["", "c.bin", "d/c.gguf", "../c.gguf"] {
            assert!(format!("a/b@{commit}/{file}").parse::<PinnedFiles>().is_err(), "{file}");
        }
        assert!("a/b@main/c.gguf".parse::<PinnedFiles>().is_err());
    }
}

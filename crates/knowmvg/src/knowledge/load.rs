//! From files to entries.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::cue::Cues;
use super::error::KnowledgeError;
use super::manifest::Manifest;
use super::modifier::Modifiers;
use super::node::{Finding, Place};

/// Largest file that is read; the built-in ones are below a tenth of it.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const FINDINGS: &str = "findings.json";
pub(super) const PLACES: &str = "places.json";
pub(super) const MODIFIERS: &str = "modifiers.json";
pub(super) const CUES: &str = "cues.json";

/// The texts of the five files.
pub(super) struct Files {
    manifest: Cow<'static, str>,
    findings: Cow<'static, str>,
    places: Cow<'static, str>,
    modifiers: Cow<'static, str>,
    cues: Cow<'static, str>,
}

/// The entries of the five files, not yet checked against each other.
#[derive(Debug)]
pub(super) struct Parsed {
    pub manifest: Manifest,
    pub findings: Vec<Finding>,
    pub places: Vec<Place>,
    pub modifiers: Modifiers,
    pub cues: Cues,
}

impl Files {
    /// The files that were compiled in.
    pub(super) fn chest() -> Self {
        Self {
            manifest: include_str!("../../../../knowledge/chest/manifest.json").into(),
            findings: include_str!("../../../../knowledge/chest/findings.json").into(),
            places: include_str!("../../../../knowledge/chest/places.json").into(),
            modifiers: include_str!("../../../../knowledge/chest/modifiers.json").into(),
            cues: include_str!("../../../../knowledge/chest/cues.json").into(),
        }
    }

    /// The files of a folder.
    pub(super) fn read(folder: &Path) -> Result<Self, KnowledgeError> {
        Ok(Self {
            manifest: read(folder, MANIFEST)?.into(),
            findings: read(folder, FINDINGS)?.into(),
            places: read(folder, PLACES)?.into(),
            modifiers: read(folder, MODIFIERS)?.into(),
            cues: read(folder, CUES)?.into(),
        })
    }

    /// The entries.
    pub(super) fn parse(&self) -> Result<Parsed, KnowledgeError> {
        Ok(Parsed {
            manifest: parse(&self.manifest, MANIFEST)?,
            findings: parse(&self.findings, FINDINGS)?,
            places: parse(&self.places, PLACES)?,
            modifiers: parse(&self.modifiers, MODIFIERS)?,
            cues: parse(&self.cues, CUES)?,
        })
    }
}

fn read(folder: &Path, file: &str) -> Result<String, KnowledgeError> {
    let path = folder.join(file);
    let failed = |source| KnowledgeError::Io { file: path.display().to_string(), source };
    let mut text = String::new();
    // One byte more than allowed tells a file at the limit from one beyond it, whatever its length claims.
    File::open(&path).map_err(failed)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(KnowledgeError::TooLarge { file: path.display().to_string(), limit: MAX_FILE_BYTES });
    }
    Ok(text)
}

fn parse<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, KnowledgeError> {
    serde_json::from_str(text).map_err(|reason| KnowledgeError::Json { file: file.to_owned(), reason })
}

use serde::Deserialize;
use ureq::http::HeaderMap;

use crate::client::{Client, Method};
use crate::digest::Kind;
use crate::error::HubError;
use crate::files::{Files, is_weights};
use crate::id::{Pinned, Wanted};
use crate::limits::{MAX_MODEL, MAX_OTHER, MAX_WEIGHTS};

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

/// The commit of a revision, and the names of those of its files that are wanted.
///
/// # Errors
/// When the hub does not answer, or they are not there.
pub(crate) fn revision(client: &Client, wanted: &Wanted, files: &Files) -> Result<(Pinned, Vec<String>), HubError> {
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
    files
        .chosen(names)
        .map(|names| (pinned, names))
        .map_err(|problem| HubError::Answer(format!("{problem} in {wanted}")))
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

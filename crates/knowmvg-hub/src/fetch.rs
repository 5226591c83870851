use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ureq::http::StatusCode;

use crate::cache::{Cache, create_above};
use crate::client::{Client, Method, connection};
use crate::error::{HubError, io};
use crate::id::Pinned;
use crate::listing::{RemoteFile, address};

/// Tries in a row that bring less than [`PROGRESS`].
const TRIES: usize = 3;
/// What a try has to bring, so that a server that drips does not keep us for ever.
///
/// # Units
/// Bytes.
const PROGRESS: u64 = 1 << 20;

/// Puts a file's content into the cache, unless it is there. What an interrupted download has left is gone on with; what is
/// in the cache has its checksum.
///
/// `on_bytes` is told how many bytes of the file there are.
///
/// # Errors
/// When it cannot be had, is another one than the hub says, or another process is at the same work.
pub(crate) fn fetch(
    client: &Client,
    cache: &Cache,
    pinned: &Pinned,
    file: &RemoteFile,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<(), HubError> {
    let blob = cache.blob(&pinned.model, &file.checksum);
    if is_there(&blob, file)? {
        on_bytes(file.size);
        return Ok(());
    }
    let _lock = lock(&cache.lock(&pinned.model, &file.checksum), &file.name)?;
    let part = beside(&blob);
    create_above(&part)?;
    let mut open =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&part).map_err(io(&part))?;
    let mut tries = TRIES;
    loop {
        let before = resumed(&mut open, file.size).map_err(io(&part))?;
        if before == file.size {
            break;
        }
        let tried = attempt(client, pinned, file, &mut open, on_bytes);
        let after = open.metadata().map_err(io(&part))?.len();
        match tried {
            Ok(()) => {}
            Err(Trouble::Lost(_)) if after.saturating_sub(before) >= PROGRESS => tries = TRIES,
            Err(Trouble::Lost(_)) if tries > 1 => tries -= 1,
            Err(Trouble::Lost(error) | Trouble::Refused(error)) => return Err(error),
            Err(Trouble::Disk(source)) => return Err(io(&part)(source)),
        }
    }
    open.sync_all().map_err(io(&part))?;
    drop(open);
    let found = file.kind.file(&part, file.size)?;
    if found != file.checksum {
        fs::remove_file(&part).map_err(io(&part))?;
        return Err(HubError::Checksum { file: file.name.clone(), expected: file.checksum.clone(), found });
    }
    fs::rename(&part, &blob).map_err(io(&blob))
}

/// Why a try ended before the file did.
enum Trouble {
    /// The next one may go on.
    Lost(HubError),
    /// The next one would be told the same.
    Refused(HubError),
    /// The file cannot be written.
    Disk(std::io::Error),
}

/// One request, written behind what is there.
fn attempt(
    client: &Client,
    pinned: &Pinned,
    file: &RemoteFile,
    to: &mut File,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<(), Trouble> {
    let from = to.metadata().map_err(Trouble::Disk)?.len();
    let asked = client.ask(Method::Get { from }, &address(pinned, &file.name), &file.name);
    let mut response = asked
        .map_err(|error| match error {
            HubError::Connection { .. } | HubError::Status { status: 429 | 500.., .. } => Trouble::Lost(error),
            error => Trouble::Refused(error),
        })?
        .response;
    let mut done = match response.status() {
        StatusCode::PARTIAL_CONTENT if goes_on(response.headers().get("content-range"), from, file.size) => from,
        StatusCode::OK => 0,
        _ => return Err(Trouble::Refused(HubError::Answer(format!("expected {} from byte {from} on", file.name)))),
    };
    // Who does not go on begins anew.
    to.set_len(done).map_err(Trouble::Disk)?;
    to.seek(SeekFrom::Start(done)).map_err(Trouble::Disk)?;
    let mut body = response.body_mut().as_reader();
    let mut piece = vec![0; 1 << 18];
    loop {
        let length = match body.read(&mut piece) {
            Ok(length) => length,
            Err(problem) => return Err(Trouble::Lost(connection(client.origin(), &problem))),
        };
        if length == 0 {
            break;
        }
        done += length as u64;
        if done > file.size {
            to.set_len(0).map_err(Trouble::Disk)?;
            let problem = format!("expected {} with {} bytes, found more; it was deleted", file.name, file.size);
            return Err(Trouble::Refused(HubError::Answer(problem)));
        }
        to.write_all(&piece[..length]).map_err(Trouble::Disk)?;
        on_bytes(done);
    }
    match done == file.size {
        true => Ok(()),
        false => Err(Trouble::Lost(connection(client.origin(), &"the answer ended too early"))),
    }
}

/// Whether `bytes 10-99/100` begins and ends where it should.
fn goes_on(range: Option<&ureq::http::HeaderValue>, from: u64, size: u64) -> bool {
    let range = range.and_then(|range| range.to_str().ok()).and_then(|range| range.strip_prefix("bytes "));
    range == Some(&format!("{from}-{}/{size}", size.saturating_sub(1)))
}

/// How much is there; more than there can be is nothing.
fn resumed(part: &mut File, size: u64) -> std::io::Result<u64> {
    let length = part.metadata()?.len();
    if length > size {
        part.set_len(0)?;
        return Ok(0);
    }
    Ok(length)
}

/// Contents that have spoilt are as good as none.
fn is_there(blob: &Path, file: &RemoteFile) -> Result<bool, HubError> {
    match fs::metadata(blob) {
        Ok(found) if found.len() == file.size => Ok(file.kind.file(blob, file.size)? == file.checksum),
        Ok(_) => Ok(false),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io(blob)(error)),
    }
}

/// As `huggingface_hub` does, which waits for it.
fn lock(path: &Path, name: &str) -> Result<File, HubError> {
    create_above(path)?;
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(io(path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(HubError::Input(format!("another process is downloading {name}; wait for it")))
        }
        Err(TryLockError::Error(source)) => Err(io(path)(source)),
    }
}

fn beside(blob: &Path) -> PathBuf {
    let mut name = blob.as_os_str().to_owned();
    name.push(".incomplete");
    name.into()
}

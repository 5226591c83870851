//! Downloads from a hub on this machine, kind and hostile.

mod server;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use knowmvg_hub::{Files, HubError, Settings, Snapshot, download};
use server::{Answered, COMMIT, Hub, MODEL, git, sha256};

const TOKEN: &str = "hf_secret";
const WEIGHTS: &str = "model.safetensors";

/// More than one piece, so that there is something to interrupt.
fn weights() -> Vec<u8> {
    (0..3_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn files() -> BTreeMap<String, Vec<u8>> {
    let file = |name: &str, content: &[u8]| (name.to_owned(), content.to_vec());
    BTreeMap::from([
        file("config.json", b"{}"),
        file("tokenizer.json", b"{\"model\": 1}"),
        file("pytorch_model.bin", b"pickle"),
        file("LICENSE", b""),
        file("onnx/model.onnx", b"other"),
        (WEIGHTS.to_owned(), weights()),
    ])
}

/// A cache that vanishes.
struct Cache(PathBuf);

impl Cache {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hub-{number}"));
        let _ = fs::remove_dir_all(&folder);
        Self(folder)
    }

    fn settings(&self, endpoint: &str, offline: &str) -> Settings {
        let variables = [
            ("HF_ENDPOINT", OsString::from(endpoint)),
            ("HF_HUB_CACHE", self.0.clone().into()),
            ("HF_TOKEN", TOKEN.into()),
            ("HF_HUB_OFFLINE", offline.into()),
        ];
        let found = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        Settings::from_variables(found).unwrap()
    }

    fn download(&self, hub: &Hub) -> Result<Snapshot, HubError> {
        download(&self.settings(&hub.hub.url, ""), &MODEL.parse().unwrap(), &Files::Checkpoint, &mut |_| {})
    }

    /// The contents, or what has arrived of them.
    fn blob(&self, name: &str) -> PathBuf {
        self.0.join("models--tiny--model/blobs").join(name)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_checkpoint_comes_into_the_cache_once_and_is_found_there_without_a_network() {
    let (cache, hub) = (Cache::new(), Hub::of(files()));
    let mut told = vec![];
    let wanted = MODEL.parse().unwrap();
    let snapshot = download(&cache.settings(&hub.hub.url, ""), &wanted, &Files::Checkpoint, &mut |progress| {
        told.push((progress.done, progress.all))
    })
    .unwrap();
    assert_eq!(snapshot.found.to_string(), format!("{MODEL}@{COMMIT}"));
    assert_eq!(snapshot.path, cache.0.join("models--tiny--model/snapshots").join(COMMIT));
    let names = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&snapshot.path), ["LICENSE", "config.json", WEIGHTS, "tokenizer.json"], "no pickle, no folder");
    for (name, content) in files().iter().filter(|(name, _)| snapshot.path.join(name).exists()) {
        assert!(fs::read(snapshot.path.join(name)).unwrap() == *content, "{name}");
    }
    // Each is called by its checksum, as huggingface_hub does.
    assert!(cache.blob(&sha256(&weights())).is_file() && cache.blob(&git(b"{}")).is_file());
    assert_eq!(fs::read_to_string(cache.0.join("models--tiny--model/refs/main")).unwrap(), COMMIT);
    assert!(told.is_sorted() && told.iter().all(|(_, all)| *all == told.last().unwrap().0), "{told:?}");

    // What is there is not asked for again, unless it has spoilt.
    cache.download(&hub).unwrap();
    assert_eq!(hub.store.count("GET", WEIGHTS), 1);
    fs::write(cache.blob(&sha256(&weights())), vec![0; weights().len()]).unwrap();
    cache.download(&hub).unwrap();
    assert_eq!(hub.store.count("GET", WEIGHTS), 2);
    assert!(fs::read(snapshot.path.join(WEIGHTS)).unwrap() == weights());

    let nobody = cache.settings("http://127.0.0.1:9", "1");
    assert_eq!(download(&nobody, &wanted, &Files::Checkpoint, &mut |_| {}).unwrap(), snapshot);
    let other = "tiny/other".parse().unwrap();
    assert!(matches!(download(&nobody, &other, &Files::Checkpoint, &mut |_| {}), Err(HubError::Offline(_))));
    let copy = cache.0.join("copy");
    snapshot.copy_to(&copy).unwrap();
    assert_eq!(names(&copy), names(&snapshot.path));
    assert!(fs::symlink_metadata(copy.join(WEIGHTS)).unwrap().is_file());
}

/// A repository of llama.cpp's files alone: one of them is downloaded, and the others are left there.
#[test]
fn one_gguf_file_comes_into_the_cache() {
    const NAME: &str = "model.Q4_0.gguf";
    let (cache, hub) = (
        Cache::new(),
        Hub::of(BTreeMap::from([
            (NAME.to_owned(), weights()),
            ("model.Q8_0.gguf".to_owned(), b"other".to_vec()),
            ("LICENSE".to_owned(), b"terms".to_vec()),
        ])),
    );
    let files = Files::Gguf(NAME.parse().unwrap());
    let wanted = MODEL.parse().unwrap();
    let problem = cache.download(&hub).unwrap_err().to_string();
    assert!(problem.contains(NAME), "{problem}");
    let snapshot = download(&cache.settings(&hub.hub.url, ""), &wanted, &files, &mut |_| {}).unwrap();
    assert_eq!(snapshot.found.to_string(), format!("{MODEL}@{COMMIT}/{NAME}"));
    assert!(fs::read(&snapshot.path).unwrap() == weights());
    assert_eq!(hub.hub.count("HEAD", "model.Q8_0.gguf"), 0);

    let nobody = cache.settings("http://127.0.0.1:9", "1");
    assert_eq!(download(&nobody, &wanted, &files, &mut |_| {}).unwrap(), snapshot);
    let other = Files::Gguf("model.Q8_0.gguf".parse().unwrap());
    assert!(matches!(download(&nobody, &wanted, &other, &mut |_| {}), Err(HubError::Offline(_))));
    let copy = snapshot.copy_to(&cache.0.join("copy")).unwrap();
    assert!(copy.ends_with(NAME) && fs::symlink_metadata(&copy).unwrap().is_file());
}

#[test]
fn the_token_is_for_the_hub_alone() {
    let (cache, hub) = (Cache::new(), Hub::of(files()));
    cache.download(&hub).unwrap();
    let bearer = format!("Bearer {TOKEN}");
    assert!(hub.hub.asked().iter().all(|asked| asked.headers.get("authorization") == Some(&bearer)));
    let sent_on = hub.store.asked();
    assert!(!sent_on.is_empty());
    assert!(sent_on.iter().all(|asked| !format!("{asked:?}").contains(TOKEN)), "{sent_on:?}");
}

#[test]
fn an_interrupted_download_goes_on_where_it_stopped() {
    // Each answer breaks off in the middle of what is left.
    let hub = Hub::twisted(
        files(),
        |_, right| right,
        |_, right| {
            let half = right.body.len() / 2;
            let length = Some(right.body.len());
            let body = if half > 1000 { right.body[..half].to_vec() } else { right.body };
            Answered { body, length, ..right }
        },
    );
    let cache = Cache::new();
    let mut runs = 0;
    while let Err(error) = cache.download(&hub) {
        assert!(matches!(error, HubError::Connection { .. }), "{error}");
        assert!(!cache.0.join("models--tiny--model/snapshots").exists(), "a snapshot that is there is whole");
        runs += 1;
        assert!(runs < 10, "{error}");
    }
    let offsets: Vec<usize> = hub.store.asked().iter().map(server::Asked::from).collect();
    assert!(runs > 0 && offsets.windows(2).all(|two| two[0] < two[1]), "{offsets:?}");
    assert!(fs::read(cache.blob(&sha256(&weights()))).unwrap() == weights());
}

#[test]
fn a_store_that_cannot_go_on_begins_anew() {
    let hub = Hub::twisted(files(), |_, right| right, |_, _| Answered::new(200, weights()));
    let cache = Cache::new();
    let part = cache.blob(&format!("{}.incomplete", sha256(&weights())));
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    fs::write(&part, [1; 1000]).unwrap();
    cache.download(&hub).unwrap();
    assert_eq!(hub.store.asked()[0].from(), 1000);
    assert!(fs::read(cache.blob(&sha256(&weights()))).unwrap() == weights() && !part.exists());
}

/// Every answer that is wrong on purpose, and what the error says of it.
#[test]
fn hostile_answers_are_refused_and_leave_no_model() {
    type Case = (&'static str, server::Twist, server::Twist, &'static str);
    fn right(_: &server::Asked, right: Answered) -> Answered {
        right
    }
    let cases: [Case; 11] = [
        ("other bytes", right, |_, r| Answered { body: vec![7; r.body.len()], ..r }, "checksum"),
        ("a body without end", right, |_, r| Answered { body: vec![7; r.body.len() + 1], ..r }, "found more"),
        (
            "a part of something else",
            right,
            |_, _| Answered::new(206, "x").with("content-range", "bytes 5-5/6"),
            "from byte 0",
        ),
        (
            "another commit",
            |a, r| if a.path.contains("/api/") { r } else { r.with("x-repo-commit", "f".repeat(40)) },
            right,
            "commit",
        ),
        (
            "a listing without a commit",
            |a, r| if a.path.contains("/api/") { Answered::new(200, "{\"sha\":\"../..\",\"siblings\":[]}") } else { r },
            right,
            "commit",
        ),
        (
            "a way up",
            |a, r| if a.path.contains("/api/") { listing("../../../evil") } else { r },
            right,
            "names of files",
        ),
        (
            "a listing without end",
            |a, r| if a.path.contains("/api/") { Answered::new(200, vec![b' '; 9 << 20]) } else { r },
            right,
            "found more",
        ),
        (
            "a path as a checksum",
            |a, r| if a.path.contains(WEIGHTS) { r.with("x-linked-etag", "../../evil") } else { r },
            right,
            "checksum",
        ),
        (
            "too large a file",
            |a, r| if a.path.contains(WEIGHTS) { r.with("x-linked-size", 5_u64 << 30) } else { r },
            right,
            "at most",
        ),
        (
            "a circle",
            |a, r| if a.path.contains("/cached") { Answered::new(307, "").with("location", &a.path) } else { r },
            right,
            "redirects",
        ),
        (
            "a redirect without TLS",
            |a, r| {
                if a.path.contains(WEIGHTS) && a.method == "GET" {
                    Answered::new(302, "").with("location", "http://192.0.2.1/x?signature=secret")
                } else {
                    r
                }
            },
            right,
            "with TLS",
        ),
    ];
    for (what, at_hub, at_store, says) in cases {
        let (cache, hub) = (Cache::new(), Hub::twisted(files(), at_hub, at_store));
        let error = cache.download(&hub).err().unwrap_or_else(|| panic!("{what}")).to_string();
        assert!(error.contains(says) && !error.contains("secret"), "{what}: {error}");
        assert!(!cache.0.join("models--tiny--model/snapshots").exists(), "{what}");
        assert!(!cache.blob(&sha256(&weights())).exists(), "{what}");
    }
}

fn listing(name: &str) -> Answered {
    let names = ["config.json", "tokenizer.json", WEIGHTS, name].map(|name| format!("{{\"rfilename\":{name:?}}}"));
    Answered::new(200, format!("{{\"sha\":\"{COMMIT}\",\"siblings\":[{}]}}", names.join(",")))
}

#[test]
fn refusals_say_what_to_do() {
    for (status, says) in [(401, "HF_TOKEN"), (403, "licence"), (404, "revision")] {
        let cache = Cache::new();
        let hub = match status {
            401 => Hub::twisted(files(), |_, _| Answered::new(401, ""), |_, right| right),
            403 => Hub::twisted(files(), |_, _| Answered::new(403, ""), |_, right| right),
            _ => Hub::twisted(files(), |_, _| Answered::new(404, ""), |_, right| right),
        };
        let error = cache.download(&hub).err().unwrap().to_string();
        assert!(error.contains(says) && !error.contains(TOKEN), "{error}");
    }
}

#[test]
fn two_downloads_of_one_file_do_not_mix() {
    let (cache, hub) = (Cache::new(), Hub::of(files()));
    let path = cache.0.join(".locks/models--tiny--model").join(format!("{}.lock", sha256(&weights())));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let held = fs::File::create(&path).unwrap();
    held.try_lock().unwrap();
    let error = cache.download(&hub).err().unwrap().to_string();
    assert!(error.contains("another process"), "{error}");
    drop(held);
    cache.download(&hub).unwrap();
}

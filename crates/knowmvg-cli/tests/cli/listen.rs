//! The node's configuration and its status; what it does is tested in its crate, and against Orthanc by a script.

use std::fs;

use crate::ran::{Folder, knowmvg};

/// Port 9 of this machine answers nobody.
const NOWHERE: &str = "[[deliver]]\nname = \"pacs\"\nstow = { url = \"http://127.0.0.1:9/rs\" }\n";

fn configured(text: &str) -> (Folder, String) {
    let folder = Folder::new();
    let path = folder.at("listen.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn a_configuration_that_cannot_work_names_what_is_wrong() {
    let store =
        "[[deliver]]\nname = \"pacs\"\nstore = { ae_title = \"SEVENTEEN_LETTERS\", address = \"127.0.0.1:104\" }\n";
    let cases = [
        ("data = \"q\"\n".to_owned() + NOWHERE, "no image can arrive"),
        ("data = \"q\"\n[dicom]\nlisten = \"127.0.0.1:0\"\n".to_owned(), "no result could leave"),
        ("data = \"q\"\n[dicom]\nlisten = \"127.0.0.1:0\"\n".to_owned() + store, "SEVENTEEN_LETTERS"),
        ("data = \"q\"\n[dicom]\nlisten = \"0.0.0.0:0\"\n".to_owned() + NOWHERE, "no loopback address"),
        (
            "data = \"q\"\n[dicom]\nlisten = \"127.0.0.1:0\"\n[hl7]\nlisten = \"0.0.0.0:0\"\n".to_owned() + NOWHERE,
            "[hl7] needs allow",
        ),
        ("data = \"q\"\n[dicom]\nlisten = \"127.0.0.1:0\"\nae = \"X\"\n".to_owned() + NOWHERE, "ae"),
        ("data = \"q\"\n[dicom]\nlisten = \"127.0.0.1:0\"\n".to_owned() + NOWHERE + NOWHERE, "one name"),
    ];
    for (text, word) in cases {
        let (_folder, path) = configured(&text);
        let ran = knowmvg(["listen", &path, "--check"]).ended_with(3);
        assert!(ran.stderr.contains(word) && ran.stderr.contains("listen.toml"), "{}", ran.stderr);
    }
}

#[test]
fn a_destination_that_does_not_answer_is_told_by_name() {
    let (_folder, path) = configured(&("data = \"q\"\n[dicom]\nlisten = \"127.0.0.1:0\"\n".to_owned() + NOWHERE));
    let checked = knowmvg(["listen", &path, "--check", "--json"]).ended_with(1).json();
    assert_eq!(checked[0]["destination"], "pacs");
    assert_eq!(checked[0]["problem"], "the server cannot be reached");
}

#[test]
fn the_status_of_a_queue_counts_and_a_missing_queue_is_an_error() {
    let (folder, path) = configured(&("data = \"q\"\n[dicom]\nlisten = \"127.0.0.1:0\"\n".to_owned() + NOWHERE));
    let ran = knowmvg(["listen", &path, "--status"]).ended_with(3);
    assert!(ran.stderr.contains("no queue yet"), "{}", ran.stderr);
    // A check makes the queue.
    knowmvg(["listen", &path, "--check"]).ended_with(1);
    let status = knowmvg(["listen", &path, "--status", "--json"]).ended_with(0).json();
    assert_eq!((status["reports"].as_i64(), status["failed"].as_array().map(Vec::len)), (Some(0), Some(0)));
    assert!(knowmvg(["listen", &path, "--retry"]).ended_with(0).stdout.starts_with("0 put back in the queue\n"));
    drop(folder);
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_look_into_the_data_folder() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = configured(&("data = \"q\"\n[dicom]\nlisten = \"127.0.0.1:0\"\n".to_owned() + NOWHERE));
    knowmvg(["listen", &path, "--check"]).ended_with(1);
    for name in ["q", "q/spool"] {
        let mode = fs::metadata(folder.at(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{name}");
    }
}

#[test]
fn no_message_says_the_password_of_the_database() {
    let node = "data = \"q\"\n[dicom]\nlisten = \"127.0.0.1:0\"\n".to_owned() + NOWHERE;
    let url = "postgres://u:CANARY@127.0.0.1:9/d";
    let cases = [
        (format!("queue = \"{url}\"\n{node}"), 3, "line 1"),
        (format!("queue = {{ url = \"{url}\", ur = 1 }}\n{node}"), 3, "ur"),
        (format!("{node}[queue]\nurl = \"{url}\"\nschema = 5\n"), 3, "line 9"),
        (format!("{node}[queue]\nurl = {url}\n"), 3, "line"),
        (format!("{node}[queue]\nurl = \"host=127.0.0.1 password=CANARY\"\n"), 3, "postgres://"),
        (format!("{node}[queue]\nurl = \"postgres://u:CANARY@db.example/d\"\n"), 3, "another machine"),
        // Port 9 of this machine answers nobody.
        (format!("{node}[queue]\nurl = \"{url}\"\n"), 1, "cannot be reached"),
    ];
    for (text, code, word) in cases {
        let (_folder, path) = configured(&text);
        for verb in ["--check", "--status"] {
            let ran = knowmvg(["listen", &path, verb]).ended_with(code);
            assert!(!ran.stderr.contains("CANARY"), "{}", ran.stderr);
            assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
        }
    }
}

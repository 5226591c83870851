//! Files without their patient, and results about them.

use std::fs;

use crate::ran::{Folder, knowmvg, repository_arg};

const SAMPLE: &str = "samples/rg1.dcm";
const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
/// From the name of the sample's patient; the id is so short that pixels may have it by chance.
const PATIENT: &[u8] = b"CompressedSamples";

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_folder_is_deidentified_once_and_nothing_is_overwritten() {
    let folder = Folder::new();
    let (studies, out, key) = (folder.at("studies"), folder.at("out"), folder.at("key"));
    fs::create_dir_all(folder.at("studies/one")).unwrap();
    fs::copy(repository_arg(SAMPLE), folder.at("studies/one/a")).unwrap();
    fs::write(folder.at("studies/notes.txt"), "CANARY").unwrap();
    let run = |more: &[&str]| knowmvg(["deidentify", &studies, "--out", &out, "--key", &key].iter().chain(more));
    let ran = run(&["--new-key"]).ended_with(0);
    assert_eq!(ran.stdout, "1 written, 0 already there, 1 not DICOM, 0 skipped\n");
    let made = fs::read_to_string(&key).unwrap();
    assert!(made.trim().len() == 64 && run(&["--new-key"]).ended_with(1).stderr.contains("does not exist yet"));
    assert_eq!(fs::read_to_string(&key).unwrap(), made);

    let again = run(&["--json"]).ended_with(0).json();
    assert_eq!((again["written"].as_i64(), again["already_there"].as_i64()), (Some(0), Some(1)));
    let written = again["files"][0]["out"].as_str().unwrap().to_owned();
    let bytes = fs::read(&written).unwrap();
    assert!(!has(&bytes, PATIENT) && written.contains("/2.25.") && written.ends_with(".dcm"));

    // Other options make another file of the same name.
    let other = run(&["--retain-patient-characteristics"]).ended_with(5);
    assert!(other.stderr.contains("with other content"), "{}", other.stderr);
    assert_eq!(fs::read(&written).unwrap(), bytes);
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_a_new_key() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let (out, key) = (folder.at("out"), folder.at("key"));
    knowmvg(["deidentify", &repository_arg(SAMPLE), "--out", &out, "--key", &key, "--new-key"]).ended_with(0);
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_cannot_be_done_says_why_and_leaves_nothing() {
    let folder = Folder::new();
    let out = folder.at("out");
    let (short, good) = (folder.write("short", "abcdef"), folder.write("good", KEY));
    let (text, missing) = (folder.write("text.dcm", "CANARY"), folder.at("missing"));
    let cases = [
        (repository_arg(SAMPLE), &short, "expected a key of 64 to 128 hexadecimal digits, found 6"),
        (repository_arg(SAMPLE), &missing, "cannot use the key"),
        (text, &good, "expected a DICOM file, found text"),
        (folder.at("nothing"), &good, "cannot read"),
    ];
    for (input, key, why) in cases {
        let ran = knowmvg(["deidentify", &input, "--out", &out, "--key", key]).ended_with(3);
        assert!(ran.stderr.contains(why) && !ran.stderr.contains("CANARY"), "{}", ran.stderr);
    }
    assert!(fs::read_dir(&out).map_or(true, |mut files| files.next().is_none()));
}

#[test]
fn one_bad_file_of_several_is_skipped_and_told() {
    let folder = Folder::new();
    let (out, key, bad) = (folder.at("out"), folder.write("key", KEY), folder.write("bad.dcm", "CANARY"));
    let ran = knowmvg(["deidentify", &bad, &repository_arg(SAMPLE), "--out", &out, "--key", &key]).ended_with(5);
    assert!(ran.stderr.contains("1 of 2 files were skipped") && ran.stdout.starts_with("1 written"), "{ran:?}");
}

#[test]
fn help_says_first_what_is_not_done() {
    let help = knowmvg(["deidentify", "--help"]).ended_with(0).stdout;
    assert!(help.contains("What it does NOT do:") && help.contains("text in the pixels is not looked for"), "{help}");
}

#[test]
fn results_of_ground_name_nobody_and_are_of_the_deidentified_image() {
    let folder = Folder::new();
    let (image, out, key) = (repository_arg(SAMPLE), folder.at("out"), folder.write("key", KEY));
    let report =
        folder.write("r.txt", "Large mass of CANARYWORD in the right mid zone. CANARYWORD has no pneumothorax.");
    let names = ["sr.dcm", "gsps.dcm", "sc.dcm", "bundle.json", "boxes.svg", "grounding.json"];
    let [sr, gsps, sc, fhir, svg, json] = names.map(|name| folder.at(name));
    let write = ["--sr", &sr, "--gsps", &gsps, "--sc", &sc, "--fhir", &fhir, "--svg", &svg, "--out", &json];
    let ground = ["ground", &image, "--report", &report, "--deidentify", "--key", &key];
    let ran = knowmvg(ground.iter().chain(&write)).ended_with(0);
    assert!(!ran.stdout.contains("CANARYWORD") && ran.stdout.contains("mass"), "{}", ran.stdout);
    let ids = knowmvg_dicom::Identifiers::read(&fs::read(&image).unwrap()).unwrap();
    for name in names {
        let bytes = fs::read(folder.at(name)).unwrap();
        let uids = [ids.study_instance_uid.as_bytes(), ids.sop_instance_uid.as_bytes()];
        for secret in [PATIENT, b"CANARYWORD"].into_iter().chain(uids) {
            assert!(!has(&bytes, secret), "{} in {name}", String::from_utf8_lossy(secret));
        }
    }
    // The same key made the image that the results refer to.
    let listed = knowmvg(["deidentify", &image, "--out", &out, "--key", &key, "--json"]).ended_with(0).json();
    let file = listed["files"][0]["out"].as_str().unwrap();
    let uid = file.rsplit('/').next().unwrap().strip_suffix(".dcm").unwrap();
    assert_eq!(knowmvg(["sr", &sr, "--json"]).ended_with(0).json()[0]["images"][0], uid);
    assert!(folder.read("bundle.json").contains(uid));
}

//! DICOM files out, and structured reports in.

use std::fs;

use serde_json::Value;

use crate::ran::{Folder, knowmvg, repository_arg};

const SAMPLE: &str = "samples/rg1.dcm";

#[test]
fn a_report_that_is_written_is_read_with_the_same_boxes() {
    let folder = Folder::new();
    let (image, report) = (repository_arg(SAMPLE), repository_arg("samples/rg1-report.txt"));
    let files = ["sr.dcm", "gsps.dcm", "sc.dcm"].map(|name| folder.at(name));
    let [sr, gsps, sc] = files.each_ref().map(String::as_str);
    let ground = ["ground", &image, "--report", &report, "--json", "--sr", sr, "--gsps", gsps, "--sc", sc];
    let grounding = knowmvg(ground.into_iter().chain(["--content-time", "2026-01-02T03:04:05Z"])).ended_with(0).json();
    let boxes: Vec<&Value> =
        grounding["findings"].as_array().unwrap().iter().flat_map(|f| f["boxes"].as_array().unwrap()).collect();
    let groups = knowmvg(["sr", sr, "--json"]).ended_with(0).json();
    let groups = groups.as_array().unwrap();
    assert!(groups.len() == boxes.len() && boxes.len() >= 5);
    for (group, scored) in groups.iter().zip(boxes) {
        for corner in 0..4 {
            let [read, written] = [&group["boxes"][0][corner], &scored["box"][corner]].map(|c| c.as_f64().unwrap());
            assert!((read - written).abs() < 1e-3, "{group}");
        }
        assert!(group["finding"]["meaning"].as_str().unwrap().contains("Pulmonary") && group["verified"] == false);
    }
    let table = knowmvg(["sr", sr]).ended_with(0).stdout;
    assert!(table.contains("KnowMVG 1") && table.contains("not verified by a person"), "{table}");
    for (file, class) in [(gsps, "1.2.840.10008.5.1.4.1.1.11.1"), (sc, "1.2.840.10008.5.1.4.1.1.7")] {
        let bytes = fs::read(file).unwrap();
        assert_eq!(&bytes[128..132], b"DICM");
        assert!(bytes[..400].windows(class.len()).any(|window| window == class.as_bytes()), "{file}");
    }
}

#[test]
fn a_picture_has_no_patient_to_write_about() {
    let folder = Folder::new();
    for option in ["--sr", "--gsps", "--sc"] {
        let output = folder.at("out.dcm");
        let ran =
            knowmvg(["ground", &repository_arg("docs/overlay.png"), "--phrase", "mass", option, &output]).ended_with(3);
        assert!(ran.stderr.contains("expected a DICOM image") && ran.stderr.contains("fix: "), "{ran:?}");
        assert!(ran.stdout.is_empty() && !fs::exists(&output).unwrap());
    }
}

#[test]
fn nothing_is_written_without_a_box() {
    let folder = Folder::new();
    let (output, report) = (folder.at("out.dcm"), folder.write("r.txt", "No pneumothorax."));
    let ran = knowmvg(["ground", &repository_arg(SAMPLE), "--report", &report, "--sr", &output]).ended_with(1);
    assert!(ran.stderr.contains("expected at least one phrase with a box") && !fs::exists(&output).unwrap(), "{ran:?}");
}

#[test]
fn what_is_no_report_is_code_3_and_quotes_nothing() {
    let folder = Folder::new();
    let ran = knowmvg(["sr", &repository_arg(SAMPLE)]).ended_with(3);
    assert!(
        ran.stderr.contains("expected a structured report") && !ran.stderr.contains("CompressedSamples"),
        "{ran:?}"
    );
    let text = folder.write("sr.dcm", "CANARY");
    let ran = knowmvg(["sr", &text]).ended_with(3);
    assert!(ran.stderr.contains("expected a DICOM file") && !ran.stderr.contains("CANARY"), "{ran:?}");
}

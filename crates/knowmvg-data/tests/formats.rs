//! Every format is read from a small file with invented content; the boxes expected were worked out by hand.

use std::path::{Path, PathBuf};

use knowmvg_data::dataset::UNIT_FRAME;
use knowmvg_data::{Dataset, Format, ImageEntry, ReadOptions, TargetKind, read};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(name)
}

/// Reads a file whose format must be found in its content.
#[track_caller]
fn guessed(name: &str, format: Format) -> Dataset {
    assert_eq!(Format::guess(&file(name)).unwrap(), format, "{name}");
    read(&file(name), &ReadOptions::default()).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// `text: corners corners` for each target.
fn targets(entry: &ImageEntry) -> Vec<(&str, Vec<[f64; 4]>)> {
    let boxes = |target: &knowmvg_data::Target| {
        target.boxes.iter().map(|b| b.xyxy().map(|c| (c * 1e9).round() / 1e9)).collect()
    };
    entry.targets.iter().map(|target| (target.text.as_str(), boxes(target))).collect()
}

#[test]
fn a_corpus_holds_everything() {
    let data = guessed("corpus", Format::Corpus);
    assert_eq!(data, guessed("corpus/annotations.jsonl", Format::Corpus));
    let [first, second] = &data.images[..] else { panic!("two images") };
    assert_eq!((first.size, first.patient.as_deref()), (Some([200, 100]), Some("p1")));
    assert_eq!(first.report.as_deref(), Some("Made-up report."));
    let mass = [20.0, 20.0, 60.0, 40.0];
    let expected = [
        ("mass", vec![mass, [100.0, 50.0, 150.0, 100.0]]),
        ("heart", vec![[0.0, 0.0, 200.0, 100.0]]),
        ("a mass", vec![mass]),
        ("no effusion", vec![]),
        ("Where?", vec![[0.0, 0.0, 100.0, 50.0]]),
    ];
    assert_eq!(targets(first), expected);
    let kinds: Vec<_> = first.targets.iter().map(|target| target.kind).collect();
    use TargetKind::{Anatomy, Class, Phrase, Question};
    assert_eq!(kinds, [Class, Anatomy, Phrase, Phrase, Question]);
    assert_eq!(first.targets[4].answer.as_deref(), Some("There."));
    assert!(first.findings_annotated && !second.findings_annotated && second.targets.is_empty());
}

#[test]
fn coco_boxes_count_from_0_with_a_size() {
    let data = guessed("coco/instances.json", Format::Coco);
    let expected = [
        ("mass", vec![[10.0, 20.0, 40.0, 60.0], [100.0, 200.0, 130.0, 240.0]]),
        ("nodule", vec![[0.5, 0.5, 1.5, 1.5]]),
    ];
    assert_eq!(targets(&data.images[0]), expected);
    assert_eq!((data.images[1].id.as_str(), data.images[1].size), ("b.png", Some([100, 100])));
    assert!(data.images[1].findings_annotated && data.images[1].targets.is_empty());
}

#[test]
fn voc_boxes_count_from_1_with_both_ends_inside() {
    let data = guessed("voc", Format::Voc);
    let expected = [("mass & more", vec![[0.0, 0.0, 500.0, 375.0]]), ("nodule", vec![[10.0, 30.0, 20.0, 50.0]])];
    assert_eq!(targets(&data.images[0]), expected);
    assert_eq!((data.images[0].size, data.images[1].size), (Some([500, 375]), None));
    assert_eq!(guessed("voc/a.xml", Format::Voc).images, data.images[..1]);
}

#[test]
fn yolo_boxes_are_centres_in_fractions() {
    let data = guessed("yolo", Format::Yolo);
    let [b, a] = &data.images[..] else { panic!("two images") };
    assert_eq!((a.id.as_str(), a.split.as_deref(), a.size), ("train/a", Some("train"), Some(UNIT_FRAME)));
    let expected = [("pleural effusion", vec![[0.4, 0.3, 0.6, 0.7]]), ("mass", vec![[0.0, 0.5, 0.5, 1.0]])];
    assert_eq!(targets(a), expected);
    assert!(b.id == "b" && b.targets.is_empty() && b.findings_annotated);
}

#[test]
fn label_studio_boxes_are_percent() {
    let data = guessed("label-studio/export.json", Format::LabelStudio);
    let [a, b] = &data.images[..] else { panic!("two images") };
    assert_eq!((a.id.as_str(), a.file.as_deref(), a.size), ("a.png", Some("scans/a.png"), Some([600, 400])));
    assert_eq!(targets(a), [("mass", vec![[60.0, 100.0, 360.0, 300.0]])]);
    assert_eq!((b.patient.as_deref(), b.report.as_deref(), b.size), (Some("p2"), Some("Made up."), Some(UNIT_FRAME)));
    assert!(a.findings_annotated && !b.findings_annotated);
}

#[test]
fn slicer_boxes_are_millimetres_from_the_centre_of_the_first_pixel() {
    let data = guessed("slicer", Format::Slicer);
    let expected = [("mass", vec![[5.0, 10.0, 15.0, 30.0]]), ("nodule", vec![[0.0, 0.0, 1.0, 1.0]])];
    assert_eq!((data.images[0].id.as_str(), targets(&data.images[0])), ("a", expected.to_vec()));
    let options = ReadOptions { spacing: [0.5, 2.0], ..ReadOptions::default() };
    let finer = read(&file("slicer"), &options).unwrap();
    // The centre (9.5, 19.5) mm is (19.5, 10.25) pixels behind half a pixel, the size 20 x 10 pixels.
    assert_eq!(targets(&finer.images[0])[0].1, [[9.5, 5.25, 29.5, 15.25]]);
}

#[test]
fn nih_rows_of_one_class_are_one_target() {
    let data = guessed("nih-csv/BBox_List_2017.csv", Format::NihCsv);
    assert_eq!(targets(&data.images[0]), [("Nodule", vec![[225.5, 547.25, 312.0, 627.0], [1.0, 2.0, 4.0, 6.0]])]);
    assert_eq!((data.images[0].patient.as_deref(), data.images[0].size), (Some("nih:00000007"), Some([1024, 1024])));
    assert_eq!(data.images.len(), 2);
}

#[test]
fn ms_cxr_says_the_same_as_csv_and_as_json() {
    let data = guessed("ms-cxr/MS_CXR.csv", Format::MsCxrCsv);
    assert_eq!(data, guessed("ms-cxr/MS_CXR.json", Format::MsCxrJson));
    let boxes = vec![[100.0, 200.0, 400.0, 600.0], [1000.0, 200.0, 1300.0, 600.0]];
    assert_eq!(targets(&data.images[0]), [("invented, with a comma", boxes)]);
    let first = &data.images[0];
    assert_eq!((first.size, first.split.as_deref()), (Some([2544, 3056]), Some("train")));
    assert_eq!(
        (first.patient.as_deref(), first.targets[0].label.as_deref()),
        (Some("mimic:p10000032"), Some("Pneumonia"))
    );
}

#[test]
fn chestx_det_is_read_with_and_without_polygons() {
    let data = guessed("chestx-det/ChestX_Det_train.json", Format::ChestXDet);
    let effusion = vec![[1.0, 2.0, 30.0, 40.0], [500.0, 2.0, 530.0, 40.0]];
    assert_eq!(targets(&data.images[0]), [("Effusion", effusion), ("Mass", vec![[5.0, 5.0, 10.0, 10.0]])]);
    assert!(data.images[1].findings_annotated && data.images[1].targets.is_empty());
    assert_eq!(data.images[0].split.as_deref(), Some("train"));
    let ten = guessed("chestx-det/ChestX_Det10_test.json", Format::ChestXDet);
    assert_eq!((ten.images.len(), ten.images[0].split.as_deref()), (1, Some("test")));
}

#[test]
fn tables_with_negatives_keep_them() {
    let rsna = guessed("rsna-csv/stage_2_train_labels.csv", Format::RsnaCsv);
    assert!(rsna.images[0].findings_annotated && rsna.images[0].targets.is_empty());
    let boxes = vec![[264.0, 152.0, 477.0, 531.0], [562.0, 152.0, 818.0, 605.0]];
    assert_eq!(targets(&rsna.images[1]), [("Lung Opacity", boxes)]);
    let vindr = guessed("vindr-csv/annotations_train.csv", Format::VindrCsv);
    assert!(vindr.images[0].findings_annotated && vindr.images[0].targets.is_empty());
    let boxes = vec![[691.5, 1375.0, 1653.0, 1831.0], [700.0, 1380.0, 1650.0, 1830.0]];
    assert_eq!(targets(&vindr.images[1]), [("Aortic enlargement", boxes)]);
}

#[test]
fn padchest_sentences_are_phrases_and_the_report() {
    let data = guessed("padchest-gr/grounded_reports.json", Format::PadchestGr);
    let entry = &data.images[0];
    let nodule = ("Invented nodule on the left.", vec![[0.6, 0.2, 0.7, 0.3], [0.1, 0.2, 0.3, 0.4]]);
    assert_eq!(targets(entry), [nodule, ("No effusion.", vec![])]);
    assert_eq!(entry.targets[0].label.as_deref(), Some("nodule"));
    assert_eq!(entry.report.as_deref(), Some("Invented nodule on the left. No effusion."));
    assert_eq!(entry.size, Some(UNIT_FRAME));
}

#[test]
fn an_image_of_mrg_has_an_entry_for_each_report() {
    let data = guessed("mrg-jsonl/made_test.jsonl", Format::MrgJsonl);
    let ids: Vec<_> = data.images.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["00000007_001.png", "00000007_001.png#2"]);
    let boxes = vec![[10.0, 20.0, 310.0, 60.0], [1.0, 2.0, 4.0, 6.0]];
    assert_eq!(targets(&data.images[0]), [("Nodule, position: right top", boxes)]);
    let first = &data.images[0];
    assert_eq!((first.size, first.split.as_deref()), (Some([640, 640]), Some("test")));
    assert_eq!(first.targets[0].label.as_deref(), Some("Nodule"));
    assert_eq!(first.file, data.images[1].file);
}

#[test]
fn pickles_of_every_protocol_say_the_same() {
    let data = guessed("mrg-pth/single_test.pth", Format::MrgPth);
    assert_eq!(data.images.len(), 3);
    let first = &data.images[0];
    assert_eq!(targets(first), [("Nodule, position: right top", vec![[10.0, 20.0, 310.0, 60.0]])]);
    assert_eq!((first.patient.as_deref(), first.split.as_deref()), (Some("nih:00000007"), Some("test")));
    assert_eq!(first.report.as_deref(), Some("Invented report one."));
    assert_eq!(data.images[2].report.as_deref(), Some("Invented report three, with ünïcode."));
    assert_eq!(data, guessed("mrg-pth/legacy_test.pth", Format::MrgPth));
    for name in ["mrg-pth/protocol4_val.pkl", "mrg-pth/protocol5_val.pkl"] {
        let other = guessed(name, Format::MrgPth);
        assert_eq!(other.images[0].split.as_deref(), Some("val"));
        assert!(other.images.iter().zip(&data.images).all(|(a, b)| a.targets == b.targets && a.report == b.report));
    }
}

#[test]
fn lists_grouped_by_image_pair_each_box_with_its_phrase() {
    let data = guessed("mrg-pth/nested_train.pth", Format::MrgPth);
    let [first, second] = &data.images[..] else { panic!("two images") };
    assert_eq!(targets(first), [("left effusion", vec![[1.0, 2.0, 4.0, 6.0], [300.0, 2.0, 70300.0, 6.0]])]);
    assert_eq!(first.targets[0].label.as_deref(), Some("Effusion"));
    assert_eq!(first.report.as_deref(), Some("Is there an effusion? Yes, on the left."));
    assert_eq!((first.size, first.patient.as_deref()), (None, Some("mimic:p10000032")));
    assert_eq!(targets(second), [("right base", vec![[-1.0, 2.5, 2.0, 6.5]])]);
    assert_eq!(second.targets[0].label, None);
}

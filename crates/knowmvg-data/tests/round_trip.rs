//! What is written is read back as the projection onto the format says: no less, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use knowmvg::geometry::Box2;
use knowmvg::train::corpus::Tier;
use knowmvg_data::write::WriteOptions;
use knowmvg_data::{Dataset, Format, ImageEntry, ReadOptions, Target, TargetKind, project, read, write};
use proptest::prelude::*;

const WRITABLE: [Format; 7] =
    [Format::Corpus, Format::Coco, Format::Voc, Format::Yolo, Format::LabelStudio, Format::Slicer, Format::NihCsv];

fn words() -> impl Strategy<Value = String> {
    "[a-zA-Zé<>&\",'][a-zA-Z0-9é<>&\"', ]{0,8}[a-z;]"
}

fn some(strategy: impl Strategy<Value = String>) -> impl Strategy<Value = Option<String>> {
    proptest::option::of(strategy)
}

fn kind() -> impl Strategy<Value = TargetKind> {
    prop_oneof![
        Just(TargetKind::Class),
        Just(TargetKind::Phrase),
        Just(TargetKind::Question),
        Just(TargetKind::Anatomy)
    ]
}

/// Boxes in fractions, some of them degenerate and some outside.
fn fractions() -> impl Strategy<Value = Vec<[f64; 4]>> {
    let one = [-0.1..1.0f64, -0.1..1.0f64, 0.0..0.9f64, 0.0..0.9f64].prop_map(|[x, y, w, h]| [x, y, x + w, y + h]);
    proptest::collection::vec(one, 0..3)
}

fn target(size: [u32; 2]) -> impl Strategy<Value = Target> {
    (kind(), words(), some(words()), some(words()), fractions()).prop_map(move |(kind, text, label, answer, boxes)| {
        let [w, h] = size.map(f64::from);
        let in_pixels = |[x0, y0, x1, y1]: [f64; 4]| Box2::from_xyxy([x0 * w, y0 * h, x1 * w, y1 * h]).unwrap();
        Target { kind, text, label, answer, boxes: boxes.into_iter().map(in_pixels).collect() }
    })
}

fn entry() -> impl Strategy<Value = ImageEntry> {
    let size = [1..3000u32, 2..3000u32];
    let facts = (some(words()), some("train|val|test|fold 3".prop_map(|s| s)), some(words()), some(words()));
    (size, facts, any::<bool>(), proptest::option::of(any::<bool>())).prop_flat_map(|(size, facts, annotated, tier)| {
        proptest::collection::vec(target(size), 0..4).prop_map(move |targets| {
            let (patient, split, source, report) = facts.clone();
            let tier = tier.map(|open| if open { Tier::Open } else { Tier::Research });
            let (size, findings_annotated) = (Some(size), annotated);
            ImageEntry {
                patient,
                split,
                source,
                report,
                tier,
                size,
                findings_annotated,
                targets,
                ..ImageEntry::default()
            }
        })
    })
}

/// Images with different names: some in folders, some of NIH, some with an id beside the file.
fn dataset() -> impl Strategy<Value = Dataset> {
    proptest::collection::vec((entry(), 0..4u8), 0..5).prop_map(|entries| {
        let named = |(number, (mut entry, style)): (usize, (ImageEntry, u8))| {
            entry.id = format!("made/{number}");
            entry.file = match style {
                0 => None,
                1 => Some(format!("train/a-{number}.png")),
                2 => Some(format!("0000000{number}_001.png")),
                _ => Some(format!("a.{number}.jpg")),
            };
            merged(entry)
        };
        Dataset { images: entries.into_iter().enumerate().map(named).collect() }
    })
}

/// The entry without a second target of the same words.
fn merged(mut entry: ImageEntry) -> ImageEntry {
    let mut kept: Vec<Target> = vec![];
    for target in entry.targets {
        let key = |t: &Target| (t.kind, t.text.clone());
        if !kept.iter().any(|other| key(other) == key(&target)) {
            kept.push(target);
        }
    }
    entry.targets = kept;
    entry
}

/// A place of one test's own, since tests run side by side.
fn place(test: &str, format: Format) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", format.name()));
    let _ = fs::remove_dir_all(&path);
    let _ = fs::remove_file(&path);
    path
}

/// Equal but for the last digits of the boxes, which are scaled and scaled back.
fn assert_same(read: &Dataset, expected: &Dataset) {
    let without_boxes = |data: &Dataset| {
        let mut data = data.clone();
        data.images.iter_mut().flat_map(|entry| &mut entry.targets).for_each(|target| target.boxes.clear());
        data
    };
    assert_eq!(without_boxes(read), without_boxes(expected));
    let boxes =
        |data: &Dataset| data.images.iter().flat_map(|e| &e.targets).flat_map(|t| t.boxes.clone()).collect::<Vec<_>>();
    let (read, expected) = (boxes(read), boxes(expected));
    assert_eq!(read.len(), expected.len());
    for (a, b) in read.iter().zip(&expected) {
        // Coordinates are below 6,000; f64 has 16 digits, of which a few go in a handful of operations.
        assert!(a.xyxy().iter().zip(b.xyxy()).all(|(a, b)| (a - b).abs() < 1e-9), "{a:?} {b:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(data in dataset()) {
        for format in WRITABLE {
            let (expected, losses) = project(&data, format).unwrap();
            let path = place("round-trip", format);
            let written = write(&data, &path, &WriteOptions { format, spacing: [0.2, 0.3] }).unwrap();
            prop_assert_eq!(written, losses);
            if expected.images.is_empty() && format != Format::Corpus && path.is_dir() {
                continue;
            }
            let read = read(&path, &ReadOptions { format: Some(format), spacing: [0.2, 0.3] }).unwrap();
            assert_same(&read, &expected);
        }
    }

    #[test]
    fn a_corpus_loses_only_what_it_says(data in dataset()) {
        let (kept, losses) = project(&data, Format::Corpus).unwrap();
        let lost_targets: usize = losses.iter()
            .filter(|loss| loss.kind == knowmvg_data::project::LossKind::StatementsWithoutBox)
            .map(|loss| loss.count).sum();
        let count = |data: &Dataset| data.images.iter().map(|entry| entry.targets.len()).sum::<usize>();
        prop_assert_eq!(count(&kept) + lost_targets, count(&data));
        let facts = |e: &ImageEntry| (e.id.clone(), e.file.clone(), e.size, e.patient.clone(), e.split.clone(),
            e.source.clone(), e.tier, e.report.clone(), e.findings_annotated);
        prop_assert!(kept.images.iter().map(facts).eq(data.images.iter().map(facts)));
    }

    #[test]
    fn a_projection_loses_nothing_more(data in dataset()) {
        for format in WRITABLE {
            let (once, _) = project(&data, format).unwrap();
            let (twice, losses) = project(&once, format).unwrap();
            assert_same(&twice, &once);
            prop_assert!(losses.is_empty(), "{}: {:?}", format.name(), losses);
        }
    }
}

#[test]
fn nothing_is_overwritten_and_no_path_leads_out() {
    let mut data =
        Dataset { images: vec![ImageEntry { id: "../../up".into(), size: Some([9, 9]), ..ImageEntry::default() }] };
    let path = place("nothing-is-overwritten", Format::Yolo);
    let options = WriteOptions { format: Format::Yolo, spacing: [1.0, 1.0] };
    write(&data, &path, &options).unwrap();
    assert!(path.join("labels/up.txt").is_file());
    assert!(write(&data, &path, &options).unwrap_err().to_string().contains("new or empty"));
    data.images.push(ImageEntry { id: "b".into(), file: Some("other/up.png".into()), ..ImageEntry::default() });
    data.images.push(ImageEntry { id: "c".into(), file: Some("other/up.jpg".into()), ..ImageEntry::default() });
    let error = project(&data, Format::Voc).and(project(&data, Format::Yolo)).unwrap_err();
    assert!(error.to_string().contains("differ in more than their ending"), "{error}");
}

#[test]
fn formats_that_need_a_size_say_so() {
    let boxed = |size| {
        let boxes = vec![Box2::from_xyxy([0.0, 0.0, 0.5, 0.5]).unwrap()];
        let target = Target { kind: TargetKind::Class, text: "mass".into(), label: None, answer: None, boxes };
        Dataset { images: vec![ImageEntry { id: "a".into(), size, targets: vec![target], ..ImageEntry::default() }] }
    };
    for format in [Format::Coco, Format::Voc, Format::Slicer, Format::NihCsv] {
        assert!(project(&boxed(Some([1, 1])), format).unwrap_err().to_string().contains("give the images"));
        assert!(project(&boxed(None), format).is_ok());
    }
    for format in [Format::Corpus, Format::Yolo, Format::LabelStudio] {
        assert!(project(&boxed(None), format).is_err());
        assert!(project(&boxed(Some([1, 1])), format).is_ok());
    }
    assert!(project(&boxed(None), Format::RsnaCsv).unwrap_err().to_string().contains("can only be read"));
}

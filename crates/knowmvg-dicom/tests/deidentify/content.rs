//! Structured reports and presentation states.

use dicom_core::VR;
use dicom_dictionary_std::tags;
use knowmvg_dicom::deidentify::{ProfileOption, without_words};
use knowmvg_dicom::{Source, gsps, report_text, sr};

use crate::bytes::{EXPLICIT, Elements, Value, file, put, put_items, read};
use crate::made::{Phrase, grounding, image, options, source};
use crate::{has, with};

const CLEAN: [ProfileOption; 1] = [ProfileOption::CleanStructuredContent];

fn phrases() -> [Phrase<'static>; 2] {
    let boxes = [([1.0, 2.0, 3.0, 4.0], 0.5), ([5.0, 6.0, 7.0, 8.0], 0.25)];
    let place = Phrase { side: Some("left"), place: Some("left_lung"), ..Phrase::new("CANARY's effusion", &boxes) };
    [place, Phrase { finding: None, ..Phrase::new("what CANARY has", &boxes) }]
}

#[test]
fn a_report_of_ours_keeps_its_boxes_and_loses_its_words() {
    let report = sr::write(&source(), &grounding(&phrases()), &options()).unwrap();
    let written = with(&CLEAN).file(&report).unwrap().bytes;
    assert!(has(&report, b"CANARY") && !has(&written, b"CANARY") && !has(&written, b"20260102"));
    let (before, after) = (sr::read(&report).unwrap(), sr::read(&written).unwrap());
    assert_eq!(before.len(), 4);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(
            (&before.boxes, &before.confidence, &before.finding),
            (&after.boxes, &after.confidence, &after.finding)
        );
        assert_eq!((&before.sites, &before.tracking_id), (&after.sites, &after.tracking_id));
        assert_ne!(before.tracking_uid, after.tracking_uid);
        // Viewers show the comment as a label.
        assert_eq!(after.comment.as_deref(), before.finding.as_ref().map(|finding| finding.meaning.as_str()));
        assert_eq!(after.images, [with(&[]).uid("1.2.3.4")]);
    }
    assert_eq!(before.len(), after.len());
}

#[test]
fn without_the_option_nothing_of_the_content_is_left() {
    let report = sr::write(&source(), &grounding(&phrases()), &options()).unwrap();
    let written = with(&[]).file(&report).unwrap().bytes;
    assert!(sr::read(&written).unwrap().is_empty() && !has(&written, b"KnowMVG 1") && !has(&written, b"60046008"));
    let items = read(&written).element(tags::CONTENT_SEQUENCE).unwrap().items().unwrap().len();
    assert_eq!(items, 1);
}

#[test]
fn what_is_derived_from_a_deidentified_image_names_nobody() {
    for all in [&[][..], &ProfileOption::ALL] {
        let done = with(all).file(&image().file()).unwrap();
        let source = Source::read(&done.bytes).unwrap();
        let grounding = without_words(&grounding(&phrases()));
        let options = sr::Options { time: done.content_time(options().time), ..options() };
        let objects = [
            sr::write(&source, &grounding, &options).unwrap(),
            gsps::write(&source, &grounding, options.time).unwrap(),
        ];
        for object in objects {
            assert!(!has(&object, b"CANARY") && !has(&object, b"20261125") && !has(&object, b"20260102"));
            assert!(has(&object, b"Pleural effusion, lung, left") && has(&object, b"113100"));
        }
    }
}

#[test]
fn a_presentation_state_keeps_its_display_and_loses_its_words() {
    let state = gsps::write(&source(), &grounding(&phrases()), options().time).unwrap();
    let written = with(&[]).file(&state).unwrap().bytes;
    assert!(has(&state, b"CANARY") && !has(&written, b"CANARY"));
    let object = read(&written);
    let annotation = &object.element(tags::GRAPHIC_ANNOTATION_SEQUENCE).unwrap().items().unwrap()[0];
    assert_eq!(annotation.element(tags::GRAPHIC_LAYER).unwrap().to_str().unwrap().trim_end(), "KNOWMVG");
    let voi = &object.element(tags::SOFTCOPY_VOILUT_SEQUENCE).unwrap().items().unwrap()[0];
    assert_eq!(voi.element(tags::WINDOW_CENTER).unwrap().to_str().unwrap().trim_end(), "2000");
}

/// An item with a concept of some scheme.
fn item(value_type: &str, code: &str, scheme: &str) -> Elements {
    let mut concept = Elements::new();
    put(&mut concept, tags::CODE_VALUE, code);
    put(&mut concept, tags::CODING_SCHEME_DESIGNATOR, scheme);
    put(&mut concept, tags::CODE_MEANING, if scheme == "DCM" { "Meaning" } else { "CANARY" });
    let mut item = Elements::new();
    put(&mut item, tags::RELATIONSHIP_TYPE, "CONTAINS");
    put(&mut item, tags::VALUE_TYPE, value_type);
    put_items(&mut item, tags::CONCEPT_NAME_CODE_SEQUENCE, vec![concept]);
    item
}

fn with_text(mut item: Elements, tag: dicom_core::Tag, text: &str) -> Elements {
    put(&mut item, tag, text);
    item
}

fn coded(mut item: Elements, code: &str, scheme: &str) -> Elements {
    let value = self::item("CODE", code, scheme).remove(&tags::CONCEPT_NAME_CODE_SEQUENCE).unwrap();
    item.insert(tags::CONCEPT_CODE_SEQUENCE, value);
    item
}

/// A report that says everything it can about somebody.
fn foreign() -> Vec<u8> {
    let mut section = item("CONTAINER", "121070", "DCM");
    let words = with_text(item("TEXT", "121071", "DCM"), tags::TEXT_VALUE, "CANARY has an effusion");
    let tracked = with_text(item("TEXT", "112039", "DCM"), tags::TEXT_VALUE, "CANARY 1");
    put_items(&mut section, tags::CONTENT_SEQUENCE, vec![words, tracked]);
    let mut age = item("NUM", "121033", "DCM");
    put_items(&mut age, tags::MEASURED_VALUE_SEQUENCE, vec![with_text(Elements::new(), tags::NUMERIC_VALUE, "77.25")]);
    let mut root = Elements::new();
    put(&mut root, tags::SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.88.22");
    put(&mut root, tags::SOP_INSTANCE_UID, "1.2.3.4");
    put(&mut root, tags::VALUE_TYPE, "CONTAINER");
    let items = vec![
        section,
        with_text(item("PNAME", "121008", "DCM"), tags::PERSON_NAME, "Doctor^CANARY"),
        with_text(item("DATE", "121031", "DCM"), tags::DATE, "19400305"),
        with_text(item("DATETIME", "121125", "DCM"), tags::DATE_TIME, "20260102030405"),
        with_text(item("UIDREF", "121012", "DCM"), tags::UID, "1.2.826.0.1"),
        with_text(item("TABLE", "1", "DCM"), tags::TEXT_VALUE, "CANARY"),
        coded(item("CODE", "121032", "DCM"), "M", "DCM"),
        coded(item("CODE", "1", "99CANARY"), "CANARY", "99HOUSE"),
        age,
    ];
    put_items(&mut root, tags::CONTENT_SEQUENCE, items);
    root.insert(tags::VERIFYING_OBSERVER_NAME, (VR::PN, Value::Bytes(b"CANARY".to_vec())));
    file(&[0; 128], &[], EXPLICIT, &root)
}

#[test]
fn a_report_of_others_keeps_its_shape_and_says_nothing() {
    let report = foreign();
    assert!(report_text(&report).unwrap().unwrap().contains("CANARY"));
    let written = with(&CLEAN).file(&report).unwrap().bytes;
    for part in ["CANARY", "19400305", "2026", "1.2.826", "77.25", "99HOUSE"] {
        assert!(has(&report, part.as_bytes()) && !has(&written, part.as_bytes()), "{part}");
    }
    let object = read(&written);
    let items = object.element(tags::CONTENT_SEQUENCE).unwrap().items().unwrap();
    assert_eq!(items.len(), 9, "items may be referred to by their place");
    assert_eq!(report_text(&written).unwrap().unwrap().lines().next(), Some("Meaning:"));
    // Two items about one thing still are: the identifier is another, and the same in every file.
    let tracked = &items[0].element(tags::CONTENT_SEQUENCE).unwrap().items().unwrap()[1];
    assert_eq!(tracked.element(tags::TEXT_VALUE).unwrap().to_str().unwrap().trim_end().len(), 16);
    let both = [ProfileOption::CleanStructuredContent, ProfileOption::RetainPatientCharacteristics];
    let kept = with(&both).file(&report).unwrap().bytes;
    assert!(has(&kept, b"77.25") && !has(&kept, b"CANARY") && !has(&kept, b"19400305"));
}

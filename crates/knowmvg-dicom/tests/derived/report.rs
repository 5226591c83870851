//! Structured reports.

use knowmvg_dicom::sr::{Class, Options, read, write};
use knowmvg_dicom::{Source, WriteError};

use crate::build::SIDE;
use crate::made::{CANARY, Phrase, Random, grounding, image, options, source};

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn boxes_come_back_as_they_went_in() {
    let mut random = Random(1);
    for _ in 0..50 {
        let boxes: Vec<Vec<([f64; 4], f64)>> = (0..1 + random.below(4))
            .map(|_| (0..1 + random.below(3)).map(|_| (random.corners(), random.share())).collect())
            .collect();
        let phrases: Vec<Phrase> = boxes.iter().map(|boxes| Phrase::new("a phrase", boxes)).collect();
        let groups = read(&write(&source(), &grounding(&phrases), &options()).unwrap()).unwrap();
        let expected: Vec<&([f64; 4], f64)> = boxes.iter().flatten().collect();
        assert_eq!(groups.len(), expected.len());
        for (group, (corners, confidence)) in groups.iter().zip(expected) {
            let [found] = group.boxes.as_slice() else { panic!("{} boxes in a group", group.boxes.len()) };
            // The file has 32-bit coordinates, and hundredths of a percent.
            let off = found.xyxy().iter().zip(corners).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 4e-6, "{:?} {corners:?}", found.xyxy());
            assert!((group.confidence.unwrap() - confidence).abs() <= 0.5e-4 + 1e-12);
            assert_eq!(group.images, ["1.2.3.4"]);
            assert!(!group.is_verified);
        }
    }
}

#[test]
fn a_group_says_what_where_and_by_which_words() {
    let effusion = Phrase {
        side: Some("left"),
        place: Some("left_lower_lobe"),
        ..Phrase::new("kleiner Erguß: 少量", &[([1.0, 2.0, 3.0, 4.0], 0.5)])
    };
    let groups = read(&write(&source(), &grounding(&[effusion]), &options()).unwrap()).unwrap();
    let group = &groups[0];
    assert_eq!(group.tracking_id.as_deref(), Some("KnowMVG 1"));
    let finding = group.finding.as_ref().unwrap();
    assert_eq!(
        (finding.value.as_str(), finding.scheme.as_str(), finding.meaning.as_str()),
        ("60046008", "SCT", "Pleural effusion")
    );
    assert_eq!(group.sites[0].place.value, "90572001");
    assert_eq!(group.sites[0].laterality.as_ref().unwrap().value, "7771000");
    assert_eq!(group.comment.as_deref(), Some("Report phrase: kleiner Erguß: 少量; prior: 3 boxes of it"));
}

#[test]
fn boxes_of_one_phrase_share_its_number_and_nothing_else() {
    let two = Phrase::new("masses", &[([0.0, 0.0, 9.0, 9.0], 0.9), ([20.0, 20.0, 30.0, 30.0], 0.8)]);
    let one = Phrase::new("mass", &[([0.0, 0.0, 9.0, 9.0], 0.9)]);
    let groups = read(&write(&source(), &grounding(&[two, one]), &options()).unwrap()).unwrap();
    let names: Vec<&str> = groups.iter().map(|group| group.tracking_id.as_deref().unwrap()).collect();
    assert_eq!(names, ["KnowMVG 1a", "KnowMVG 1b", "KnowMVG 2"]);
    let mut uids: Vec<&str> = groups.iter().map(|group| group.tracking_uid.as_deref().unwrap()).collect();
    uids.sort_unstable();
    uids.dedup();
    assert_eq!(uids.len(), 3);
}

#[test]
fn what_is_denied_is_in_no_report() {
    let box_ = [([1.0, 2.0, 3.0, 4.0], 0.5)];
    let denied = || Phrase { assertion: "absent", finding: Some("pneumothorax"), ..Phrase::new("no CANARY", &box_) };
    let unboxed = || Phrase::new("CANARY", &[]);
    let bytes =
        write(&source(), &grounding(&[denied(), unboxed(), Phrase::new("effusion", &box_)]), &options()).unwrap();
    let groups = read(&bytes).unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].tracking_id.as_deref(), Some("KnowMVG 3"));
    assert!(!has(&bytes, b"no CANARY") && !has(&bytes, b"36118008"));
    for phrases in [&[][..], &[denied()], &[unboxed()]] {
        assert!(matches!(write(&source(), &grounding(phrases), &options()), Err(WriteError::NoBoxes)));
    }
}

#[test]
fn boxes_stay_within_the_image_and_on_its_size() {
    let side = SIDE as f64;
    let wide = Phrase::new("p", &[([-3.0, -0.001, side + 0.001, side * 9.0], 2.0)]);
    let groups = read(&write(&source(), &grounding(&[wide]), &options()).unwrap()).unwrap();
    assert_eq!(groups[0].boxes[0].xyxy(), [0.0, 0.0, side, side]);
    assert_eq!(groups[0].confidence, Some(1.0));
    let mut other = grounding(&[Phrase::new("p", &[([1.0, 1.0, 2.0, 2.0], 0.5)])]);
    other.image.width += 1;
    let error = write(&source(), &other, &options()).unwrap_err();
    assert_eq!(error.to_string(), "expected boxes on an image of 40 x 40 pixels, found some of 41 x 40");
}

#[test]
fn the_same_input_gives_the_same_bytes_and_another_one_another_instance() {
    let phrases = |confidence| [Phrase::new("p", &[([1.0, 1.0, 2.0, 2.0], confidence)])];
    let written = |confidence, options: &Options| write(&source(), &grounding(&phrases(confidence)), options).unwrap();
    let first = written(0.5, &options());
    assert_eq!(first, written(0.5, &options()));
    let instance = |bytes: &[u8]| {
        // (0008,0018) SOP Instance UID, after its tag, representation and length.
        let place = bytes.windows(6).position(|window| window == b"\x08\0\x18\0UI").unwrap() + 8;
        bytes[place..place + 40].to_vec()
    };
    let comprehensive = Options { class: Class::Comprehensive, ..options() };
    assert_ne!(instance(&first), instance(&written(0.6, &options())));
    assert_ne!(instance(&first), instance(&written(0.5, &comprehensive)));
    let later = Options { time: knowmvg_dicom::ContentTime::parse("2026-11-26T12:00:00Z").unwrap(), ..options() };
    assert_eq!(instance(&first), instance(&written(0.5, &later)));
    assert_ne!(first, written(0.5, &later));
}

#[test]
fn patient_and_study_are_those_of_the_image() {
    let bytes = write(&source(), &grounding(&[Phrase::new("p", &[([1.0, 1.0, 2.0, 2.0], 0.5)])]), &options()).unwrap();
    for value in ["Name^CANARY", "ID CANARY", "19400305", "A CANARY", "Doctor^CANARY", "S CANARY", "20260102", "030405"]
    {
        assert!(has(&bytes, value.as_bytes()), "{value}");
    }
    assert!(has(&bytes, b"KnowMVG - research use only, not for diagnosis"));
    assert!(has(&bytes, b"UNVERIFIED") && has(&bytes, b"PRELIMINARY"));
}

#[test]
fn names_are_the_same_name_in_another_encoding() {
    let latin = image().text(0x0010_0010, "PN", "M^E");
    let mut bytes = latin.file();
    let place = bytes.windows(3).position(|window| window == b"M^E").unwrap();
    bytes[place] = 0xd6;
    let source = Source::read(&bytes).unwrap();
    let written = write(&source, &grounding(&[Phrase::new("p", &[([1.0, 1.0, 2.0, 2.0], 0.5)])]), &options()).unwrap();
    assert!(has(&written, "Ö^E".as_bytes()) && has(&written, b"ISO_IR 192"));
}

#[test]
fn debug_shows_no_patient() {
    assert!(!format!("{:?}", source()).contains(CANARY));
    assert_eq!(format!("{:?}", source()), "Source { columns: 40, rows: 40, .. }");
}

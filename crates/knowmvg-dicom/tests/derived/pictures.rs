//! Presentation states and secondary captures, by their bytes: these tests trust no reader.

use knowmvg::render::GreyView;
use knowmvg_dicom::{Source, WriteError, gsps, secondary_capture};

use crate::build::{Dataset, SIDE};
use crate::made::{Phrase, grounding, image, options, source};

/// An element in Explicit VR Little Endian (PS3.5 §7.1.2), for representations with a short length.
fn element(tag: u32, vr: &str, value: &[u8]) -> Vec<u8> {
    let [group, number] = [(tag >> 16) as u16, (tag & 0xffff) as u16].map(u16::to_le_bytes);
    [&group[..], &number, vr.as_bytes(), &(value.len() as u16).to_le_bytes(), value].concat()
}

#[track_caller]
fn assert_has(bytes: &[u8], tag: u32, vr: &str, value: &[u8]) {
    let part = element(tag, vr, value);
    assert!(bytes.windows(part.len()).any(|window| window == part), "no ({tag:08x}) {vr} {value:?}");
}

fn has_tag(bytes: &[u8], tag: u32, vr: &str) -> bool {
    let head = &element(tag, vr, &[])[..6];
    bytes.windows(head.len()).any(|window| window == head)
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn phrases<'a>() -> [Phrase<'a>; 2] {
    let uncertain = Phrase { assertion: "uncertain", ..Phrase::new("nodule", &[([5.0, 6.0, 7.0, 8.0], 0.124)]) };
    [Phrase::new("kleiner Erguß", &[([1.5, 2.0, 3.0, 4.25], 0.876)]), uncertain]
}

fn state(image: &Dataset) -> Vec<u8> {
    let source = Source::read(&image.file()).unwrap();
    gsps::write(&source, &grounding(&phrases()), options().time).unwrap()
}

#[test]
fn a_presentation_state_has_the_boxes_and_the_words() {
    let state = state(&image());
    assert_has(&state, 0x0070_0022, "FL", &floats(&[1.5, 2.0, 3.0, 2.0, 3.0, 4.25, 1.5, 4.25, 1.5, 2.0]));
    assert_has(&state, 0x0070_0022, "FL", &floats(&[5.0, 6.0, 7.0, 6.0, 7.0, 8.0, 5.0, 8.0, 5.0, 6.0]));
    // 27 bytes, and a blank to make them even.
    assert_has(&state, 0x0070_0006, "ST", "1: kleiner Erguß (AI 88 %) ".as_bytes());
    assert_has(&state, 0x0070_0006, "ST", b"2: nodule (AI 12 %, uncertain)");
    assert_has(&state, 0x0070_0006, "ST", b"AI, NOT FOR DIAGNOSIS ");
}

#[test]
fn a_presentation_state_keeps_the_display_of_the_image() {
    let plain = state(&image().text(0x0028_1052, "DS", "-100").text(0x0028_1053, "DS", "2"));
    assert_has(&plain, 0x0028_1050, "DS", b"2000");
    assert_has(&plain, 0x0028_1051, "DS", b"3000");
    assert_has(&plain, 0x0028_1052, "DS", b"-100");
    assert_has(&plain, 0x0028_1054, "LO", b"US");
    assert_has(&plain, 0x2050_0020, "CS", b"IDENTITY");
    // Pixels are 0.139 mm high and 0.145 mm wide.
    assert_has(&plain, 0x0070_0102, "IS", b"9586\\10000");
    assert_has(&plain, 0x0070_0053, "SL", &[SIDE as i32, SIDE as i32].map(i32::to_le_bytes).concat());
    let two = state(&image().text(0x0028_1050, "DS", "2000\\40").text(0x0028_1051, "DS", "3000\\80"));
    assert_has(&two, 0x0028_1050, "DS", b"2000");
    assert_has(&two, 0x0028_1051, "DS", b"3000");
    let inverted = state(&image().photometric("MONOCHROME1"));
    assert_has(&inverted, 0x2050_0020, "CS", b"INVERSE ");
    let without = state(&image().text(0x0028_1050, "DS", ""));
    assert!(!has_tag(&without, 0x0028_1050, "DS") && !has_tag(&without, 0x0028_1052, "DS"));
    assert!(has_tag(&plain, 0x0028_1050, "DS"));
}

#[test]
fn a_secondary_capture_is_a_colour_picture_that_says_what_it_is() {
    let grey = vec![0.5; SIDE * SIDE];
    let view = GreyView::new(SIDE as u32, SIDE as u32, &grey).unwrap();
    let written = || secondary_capture::write(&source(), &view, &grounding(&phrases()), options().time).unwrap();
    let capture = written();
    assert_eq!(capture, written());
    assert_has(&capture, 0x0028_0301, "CS", b"YES ");
    assert_has(&capture, 0x0020_4000, "LT", b"AI, NOT FOR DIAGNOSIS ");
    assert_has(&capture, 0x0028_2110, "CS", b"00");
    let word = |tag: u32| {
        let head = element(tag, "US", &[0, 0]);
        let place = capture.windows(8).position(|window| window == &head[..8]).expect("the element is there") + 8;
        usize::from(u16::from_le_bytes([capture[place], capture[place + 1]]))
    };
    let size = word(0x0028_0010) * word(0x0028_0011) * 3;
    let head = [b"\xe0\x7f\x10\0OB\0\0", &(size.next_multiple_of(2) as u32).to_le_bytes()[..]].concat();
    let place = capture.windows(head.len()).position(|window| window == head).expect("pixels of that size");
    let pixels = &capture[place + head.len()..];
    assert_eq!(pixels.len(), size.next_multiple_of(2));
    assert!(pixels.chunks_exact(3).any(|rgb| rgb[0] != rgb[1]) && pixels.iter().any(|&level| level > 200));
    let lossy = Source::read(&image().text(0x0028_2110, "CS", "01").file()).unwrap();
    let capture = secondary_capture::write(&lossy, &view, &grounding(&phrases()), options().time).unwrap();
    assert_has(&capture, 0x0028_2110, "CS", b"01");
}

#[test]
fn neither_is_written_without_a_box() {
    let grey = vec![0.5; SIDE * SIDE];
    let view = GreyView::new(SIDE as u32, SIDE as u32, &grey).unwrap();
    let nothing = grounding(&[Phrase { assertion: "absent", ..Phrase::new("no nodule", &[]) }]);
    assert!(matches!(gsps::write(&source(), &nothing, options().time), Err(WriteError::NoBoxes)));
    assert!(matches!(secondary_capture::write(&source(), &view, &nothing, options().time), Err(WriteError::NoBoxes)));
}

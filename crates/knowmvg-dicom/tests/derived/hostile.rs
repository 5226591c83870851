//! Damaged, lying and foreign files, as sources and as reports.

use knowmvg_dicom::sr::{read, write};
use knowmvg_dicom::{Error, Source};

use crate::made::{CANARY, Phrase, Random, grounding, image, options, source};

fn report() -> Vec<u8> {
    let boxes = [([1.0, 2.0, 3.0, 4.0], 0.5), ([5.0, 6.0, 7.0, 8.0], 0.25)];
    let phrase = Phrase { side: Some("left"), place: Some("left_lung"), ..Phrase::new("a CANARY", &boxes) };
    write(&source(), &grounding(&[phrase]), &options()).unwrap()
}

/// Counts how often each happened, so that a test can tell that it tried both.
#[derive(Default)]
struct Answers {
    read: usize,
    refused: usize,
}

impl Answers {
    fn count<T>(&mut self, answer: Result<T, Error>) {
        match answer {
            Ok(_) => self.read += 1,
            Err(error) => {
                self.refused += 1;
                assert!(!error.to_string().contains(CANARY), "{error}");
            }
        }
    }
}

#[test]
fn a_report_cut_anywhere_is_an_error_or_its_beginning() {
    let report = report();
    let whole = read(&report).unwrap();
    for end in 0..report.len() {
        // A cut between two elements leaves a shorter file that is whole; it holds no box that the report does not hold.
        if let Ok(groups) = read(&report[..end]) {
            assert!(groups.len() <= whole.len());
            assert!(
                groups.iter().flat_map(|g| &g.boxes).all(|b| whole.iter().any(|w| w.boxes.contains(b))),
                "cut at {end}"
            );
        }
    }
}

#[test]
fn a_source_cut_anywhere_is_an_error_or_the_source() {
    let bytes = image().file();
    let mut answers = Answers::default();
    (0..bytes.len()).for_each(|end| answers.count(Source::read(&bytes[..end])));
    assert!(answers.refused > 500 && answers.read > 0, "{} {}", answers.read, answers.refused);
}

#[test]
fn files_with_changed_bytes_are_answered() {
    let (report, image) = (report(), image().file());
    let mut random = Random(7);
    let (mut reports, mut sources) = (Answers::default(), Answers::default());
    let mut change = |bytes: &[u8]| {
        let mut changed = bytes.to_vec();
        for _ in 0..=random.below(8) {
            let place = random.below(changed.len());
            changed[place] = random.below(256) as u8;
        }
        changed
    };
    for _ in 0..4_000 {
        reports.count(read(&change(&report)));
        // The pixels are most of the file and are not read.
        let changed = [change(&image[..800]), image[800..].to_vec()].concat();
        sources.count(Source::read(&changed));
    }
    for answers in [reports, sources] {
        assert!(answers.read > 200 && answers.refused > 200, "{} {}", answers.read, answers.refused);
    }
}

/// Sequences in explicit little endian, of undefined length.
fn nested(depth: usize) -> Vec<u8> {
    let start = b"\x40\0\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff";
    let end = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0";
    [start.repeat(depth), end.repeat(depth)].concat()
}

fn with_prefix(elements: &[u8]) -> Vec<u8> {
    let meta = b"\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0";
    [&[0; 128], &b"DICM"[..], meta, elements].concat()
}

#[test]
fn nesting_and_numbers_have_an_end() {
    let container = b"\x40\0\x40\xa0CS\x0a\0CONTAINER ";
    let file = |elements: Vec<u8>| with_prefix(&[&container[..], &elements].concat());
    assert_eq!(read(&file(nested(30))), Ok(Vec::new()));
    for depth in [40, 100_000] {
        let error = read(&file(nested(depth))).unwrap_err().to_string();
        assert!(error.contains("nested too deep"), "{error}");
    }
    let items = [&b"\x40\0\x30\xa7SQ\0\0\xff\xff\xff\xff"[..], &b"\xfe\xff\0\xe0\0\0\0\0".repeat(300_000)].concat();
    let error = read(&file(items)).unwrap_err().to_string();
    assert!(error.contains("more elements than any report has"), "{error}");
}

#[test]
fn what_is_no_report_is_told_by_its_kind() {
    let message = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    assert_eq!(message(b"FINDINGS: CANARY"), "expected a DICOM file, found text");
    assert_eq!(
        message(&image().file()),
        "expected a structured report, found an object of class 1.2.840.10008.5.1.4.1.1.1.1"
    );
    assert_eq!(message(&vec![0; (1 << 24) + 1]), "expected a file of at most 16777216 bytes, found more");
}

#[test]
fn a_source_without_what_every_image_has_is_refused_by_name() {
    let refused = |image: crate::build::Dataset| Source::read(&image.file()).unwrap_err().to_string();
    assert_eq!(refused(image().text(0x0020_000d, "UI", "")), "expected Study Instance UID (0020,000D), found none");
    assert_eq!(
        refused(image().text(0x0008_0018, "UI", "1.CANARY")),
        "expected SOP Instance UID of digits and full stops, found other characters, or more than 64"
    );
    assert_eq!(refused(image().word(0x0028_0010, 0)), "expected Rows above 0, found 0");
    let long = "x".repeat(4_097);
    assert_eq!(
        refused(image().text(0x0010_0010, "PN", &long)),
        "expected a value about patient or study of at most 4096 bytes, found 4098 bytes"
    );
    assert_eq!(
        refused(image().text(0x0008_0005, "CS", "CANARY")),
        "expected Specific Character Set of a set that is supported, found one that is not read here"
    );
}

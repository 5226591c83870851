//! Files that are broken or meant to harm: an error that names file and row, and quotes nothing.

use std::fs;
use std::path::{Path, PathBuf};

use knowmvg_data::{Format, ReadOptions, read, read_leniently};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(name)
}

fn made(name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).expect("the temporary folder can be written to");
    path
}

/// The message, which names the file and none of its text.
#[track_caller]
fn refused(path: &Path, format: Format) -> String {
    let options = ReadOptions { format: Some(format), ..ReadOptions::default() };
    let message = read(path, &options).expect_err("a broken file").to_string();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(message.contains(name) && !message.contains("SECRET"), "{message}");
    message
}

#[test]
fn pytorch_files_that_call_are_refused_by_opcode() {
    assert!(refused(&file("mrg-pth/calls.pth"), Format::MrgPth).contains("GLOBAL, which imports"));
    assert!(refused(&file("mrg-pth/calls4.pth"), Format::MrgPth).contains("STACK_GLOBAL, which imports"));
}

#[test]
fn damaged_archives_are_refused() {
    assert!(refused(&file("mrg-pth/cut.pth"), Format::MrgPth).contains("damaged ZIP archive"));
    assert!(refused(&file("mrg-pth/damaged.pth"), Format::MrgPth).contains("damaged ZIP archive"));
    assert!(refused(&file("mrg-pth/no-pickle.pth"), Format::MrgPth).contains("data.pkl"));
    assert!(refused(&file("mrg-pth/not-a-pickle.pth"), Format::MrgPth).contains("protocol 2 to 5"));
    assert!(refused(&file("mrg-pth/lengths.pth"), Format::MrgPth).contains("found 3 and 2"));
}

#[test]
fn an_archive_cut_or_changed_anywhere_is_an_error_or_the_same_data() {
    let whole = fs::read(file("mrg-pth/nested_train.pth")).unwrap();
    let truth = read(&file("mrg-pth/nested_train.pth"), &ReadOptions::default()).unwrap();
    let options = ReadOptions { format: Some(Format::MrgPth), ..ReadOptions::default() };
    for at in 0..whole.len() {
        let cut = made("cut_train.pth", &whole[..at]);
        assert!(read(&cut, &options).is_err(), "cut at {at}");
        let mut changed = whole.clone();
        changed[at] ^= 0x55;
        // Dates, comments and the second entry may change; what is read must not.
        if let Ok(data) = read(&made("changed_train.pth", &changed), &options) {
            assert_eq!(data, truth, "changed at {at}");
        }
    }
}

#[test]
fn a_size_that_lies_is_refused_before_memory_is_spent() {
    let mut archive = fs::read(file("mrg-pth/single_test.pth")).unwrap();
    let central = archive.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    archive[central + 24..central + 28].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(refused(&made("huge.pth", &archive), Format::MrgPth).contains("found 4294967295"));
}

#[test]
fn numbers_that_are_no_box_name_their_row() {
    let message = refused(&file("hostile/nan.rsna.csv"), Format::RsnaCsv);
    assert!(message.contains("row 2 of") && message.contains("a number in column `width`"), "{message}");
    let options = ReadOptions { format: Some(Format::RsnaCsv), ..ReadOptions::default() };
    let (data, problems) = read_leniently(&file("hostile/nan.rsna.csv"), &options).unwrap();
    let rows: Vec<_> = problems.iter().map(|problem| problem.row).collect();
    assert_eq!((data.images.len(), rows), (1, vec![2, 3]));
    assert!(problems[1].problem.contains("x0 <= x1"), "{problems:?}");
    let overflow = made("overflow.yolo.json", r#"[{"file_name":"a","syms":["m"],"boxes":[[0,0,1e999,1]]}]"#);
    assert!(refused(&overflow, Format::ChestXDet).contains("line 1"));
}

#[test]
fn rows_that_are_no_rows_are_listed_and_not_quoted() {
    let path = file("hostile/rows.mrg.jsonl");
    assert!(refused(&path, Format::MrgJsonl).contains("row 1 of"));
    let options = ReadOptions { format: Some(Format::MrgJsonl), ..ReadOptions::default() };
    let (data, problems) = read_leniently(&path, &options).unwrap();
    assert!(data.images.is_empty() && problems.len() == 3);
    assert!(problems[1].problem.contains("`box_xywh_640`"), "{problems:?}");
    assert!(problems.iter().all(|problem| !problem.to_string().contains("SECRET")));
}

#[test]
fn tables_without_their_columns_are_refused() {
    assert!(refused(&file("hostile/columns.nih.csv"), Format::NihCsv).contains("`Finding Label`"));
    for format in [Format::RsnaCsv, Format::VindrCsv, Format::MsCxrCsv, Format::NihCsv] {
        refused(&made("empty.csv", ""), format);
        assert!(refused(&made("latin.csv", b"SECRET\xe9,SECRET\n1,2\n"), format).contains("UTF-8"));
    }
}

#[test]
fn rows_without_end_are_refused() {
    let quote = format!("image_id,class_name,x_min,y_min,x_max,y_max\nf,\"SECRET{}", "\nx".repeat(600_000));
    assert!(refused(&made("quote.csv", quote), Format::VindrCsv).contains("rows of at most"));
    let line = format!("{{\"image\": \"SECRET{}", "x".repeat(2 << 20));
    assert!(refused(&made("line.jsonl", line), Format::MrgJsonl).contains("lines of at most"));
    let columns = format!("image_id{}\n", ",".repeat(5000));
    assert!(refused(&made("columns.csv", columns), Format::VindrCsv).contains("columns"));
}

#[test]
fn documents_in_documents_do_not_overflow_the_stack() {
    let json = format!("{{\"images\": {}", "[".repeat(100_000));
    refused(&made("deep.json", &json), Format::Coco);
    refused(
        &made("deep.json", format!("[{{\"data\": {{\"image\": \"a\", \"width\": {}", "[".repeat(100_000))),
        Format::LabelStudio,
    );
    refused(&made("deep.xml", format!("<annotation>{}", "<a>".repeat(50_000))), Format::Voc);
    assert!(refused(&file("hostile/bomb.xml"), Format::Voc).contains("without a document type"));
}

#[test]
fn files_of_other_kinds_are_not_guessed() {
    for (name, bytes) in
        [("empty.bin", &b""[..]), ("text.txt", b"SECRET"), ("object.json", b"{\"SECRET\": 1}"), ("list.json", b"[1]")]
    {
        let message = Format::guess(&made(name, bytes)).expect_err("no format").to_string();
        assert!(message.contains(name) && !message.contains("SECRET"), "{message}");
    }
    assert!(Format::guess(Path::new("absent.json")).is_err());
}

#[test]
fn yolo_classes_must_be_named() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-yolo");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a.txt"), "1 0.5 0.5 0.1 0.1\n").unwrap();
    fs::write(folder.join("classes.txt"), "SECRET\n").unwrap();
    let options = ReadOptions { format: Some(Format::Yolo), ..ReadOptions::default() };
    let message = read(&folder, &options).unwrap_err().to_string();
    assert!(message.contains("row 1 of") && message.contains("one of 1 classes"), "{message}");
}

#[test]
fn references_to_nothing_are_broken_rows() {
    let coco = r#"{"images": [{"id": 1, "file_name": "SECRET"}], "categories": [{"id": 1, "name": "SECRET"}],
        "annotations": [{"image_id": 2, "category_id": 1, "bbox": [0, 0, 1, 1]}]}"#;
    assert!(refused(&made("references.json", coco), Format::Coco).contains("`image_id`"));
    let three = coco.replace("\"image_id\": 2", "\"image_id\": 1").replace("0, 0, 1, 1", "0, 0, 1");
    assert!(refused(&made("three.json", three), Format::Coco).contains("4 numbers, found 3"));
    let turned = r#"[{"data": {"image": "SECRET"}, "annotations": [{"result": [{"type": "rectanglelabels",
        "value": {"x": 1, "y": 1, "width": 1, "height": 1, "rotation": 30, "rectanglelabels": ["SECRET"]}}]}]}]"#;
    assert!(refused(&made("turned.json", turned), Format::LabelStudio).contains("not turned"));
}

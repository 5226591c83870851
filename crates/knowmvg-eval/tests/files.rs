//! Reading items and predictions: what is refused, where, and in words that say nothing of what the file says.

use std::path::PathBuf;

use knowmvg_eval::limits::MAX_LINE_BYTES;
use knowmvg_eval::{read_items, read_predictions};

const ITEM: &str = r#"{"id":"SECRET-1","image":"x","patient":"SECRET","source":"s","size":[10,10],"task":"phrase","text":"SECRET","targets":[{"label":"mass","boxes":[[1,2,3,4]]}]}"#;
const PREDICTION: &str = r#"{"item":"SECRET-1","findings":[{"boxes":[{"box":[1,2,3,4],"confidence":0.5}]}]}"#;

/// A file of this test process alone.
fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("knowmvg-eval-{}-{name}", std::process::id()));
    std::fs::write(&path, text).expect("the temporary folder can be written");
    path
}

/// The message for a file of items.
fn items_error(name: &str, text: &str) -> String {
    let path = file(name, text);
    let message = read_items(&path).expect_err("the items are wrong").to_string();
    std::fs::remove_file(&path).expect("the file was just written");
    assert!(message.contains(name) && !message.contains("SECRET"), "{message}");
    message
}

/// The message for a file of predictions of [`ITEM`].
fn predictions_error(name: &str, text: &str) -> String {
    let (items, path) = (file(&format!("items-of-{name}"), ITEM), file(name, text));
    let message =
        read_predictions(&path, &read_items(&items).unwrap()).expect_err("the predictions are wrong").to_string();
    [items, path].iter().for_each(|file| std::fs::remove_file(file).expect("the file was just written"));
    assert!(message.contains(name) && !message.contains("SECRET"), "{message}");
    message
}

#[test]
fn good_files_are_read_with_or_without_a_last_line_break() {
    for end in ["", "\n"] {
        let (items, predictions) =
            (file("good-items", &format!("{ITEM}{end}")), file("good-predictions", &format!("{PREDICTION}{end}")));
        let read = read_items(&items).unwrap();
        assert_eq!((read.len(), read_predictions(&predictions, &read).unwrap().len()), (1, 1));
        [items, predictions].iter().for_each(|file| std::fs::remove_file(file).expect("the file was just written"));
    }
}

#[test]
fn a_line_that_is_no_item_is_named() {
    let broken = items_error("broken.jsonl", &format!("{ITEM}\n{{\"id\": SECRET}}\n"));
    assert!(broken.contains("line 2: expected an item, found something that is not JSON"), "{broken}");
    let unknown = items_error("unknown.jsonl", &ITEM.replace("\"phrase\"", "\"SECRET\""));
    assert!(unknown.contains("line 1: expected an item, found a field"), "{unknown}");
    let inverted = items_error("inverted.jsonl", &ITEM.replace("[1,2,3,4]", "[9,2,3,4]"));
    assert!(inverted.contains("line 1: expected an item"), "{inverted}");
    let blank = items_error("blank.jsonl", &format!("{ITEM}\n\n"));
    assert!(blank.contains("line 2: expected an item, found the end of the line"), "{blank}");
    let cut = items_error("cut.jsonl", &ITEM[..40]);
    assert!(cut.contains("line 1: expected an item, found the end of the line"), "{cut}");
}

#[test]
fn items_that_cannot_be_scored_are_named() {
    let repeated = items_error("repeated.jsonl", &format!("{ITEM}\n{ITEM}\n"));
    assert!(repeated.contains("line 2: expected an id of its own, found that of line 1"), "{repeated}");
    let empty = items_error("empty.jsonl", &ITEM.replace("[10,10]", "[10,0]"));
    assert!(empty.contains("expected an image of at least 1 x 1 pixels, found 10 x 0"), "{empty}");
    let none = items_error("none.jsonl", &ITEM.replace(r#"{"label":"mass","boxes":[[1,2,3,4]]}"#, ""));
    assert!(none.contains("expected one target for a phrase, a class or a question, found 0"), "{none}");
    let many = items_error("many.jsonl", &ITEM.replace("[1,2,3,4]", &vec!["[1,2,3,4]"; 1_001].join(",")));
    assert!(many.contains("expected at most 1000 boxes a statement"), "{many}");
}

#[test]
fn predictions_that_cannot_be_scored_are_named() {
    let unknown = predictions_error("stranger.jsonl", &PREDICTION.replace("SECRET-1", "SECRET-2"));
    assert!(unknown.contains("line 1: expected the id of an item, found another"), "{unknown}");
    let repeated = predictions_error("twice.jsonl", &format!("{PREDICTION}\n{PREDICTION}"));
    assert!(
        repeated.contains("line 2: expected one prediction for an item, found a second one after line 1"),
        "{repeated}"
    );
    let certain = predictions_error("certain.jsonl", &PREDICTION.replace("0.5", "1.5"));
    assert!(certain.contains("expected a confidence or presence in [0, 1], found 1.5"), "{certain}");
    let two = predictions_error("two.jsonl", &PREDICTION.replace("[{\"boxes\"", r#"[{"boxes":[]},{"boxes""#));
    assert!(two.contains("expected at most one finding for a phrase, a class or a question, found 2"), "{two}");
    let heat = r#""heat":{"cols":3,"rows":2,"values":[1,2,3]},"boxes""#;
    let heat = predictions_error("heat.jsonl", &PREDICTION.replace("\"boxes\"", heat));
    assert!(heat.contains("found 3 x 2 cells and 3 values"), "{heat}");
}

#[test]
fn a_line_without_end_is_not_read_to_its_end() {
    let long = items_error("long.jsonl", &format!("{ITEM}\n{}", " ".repeat(MAX_LINE_BYTES + 1)));
    assert!(long.contains("line 2: expected at most 8388608 bytes, found more"), "{long}");
}

#[test]
fn a_missing_file_is_an_error() {
    let absent = std::env::temp_dir().join("knowmvg-eval-absent.jsonl");
    assert!(read_items(&absent).unwrap_err().to_string().contains("cannot be read"));
}

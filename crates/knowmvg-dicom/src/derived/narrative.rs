//! [`report_text`]: a report in words → its words.

use dicom_dictionary_std::tags;

use super::charset::Charset;
use super::code::{self, Concept};
use crate::error::Error;
use crate::file;
use crate::guard::guarded;
use crate::tree::Item;

/// Most bytes of a report; one of words alone has some kilobytes.
const MAX_REPORT_BYTES: usize = 1 << 24;

/// Reports of measurements: what they say in words is beside the point.
const NOT_IN_WORDS: [Concept; 1] = [code::IMAGING_MEASUREMENT_REPORT];

/// The words of a structured report, a line for each text and for each heading; `None` if it has none.
///
/// The heading of a section is the meaning of its concept, e.g. `Findings:`, as a dictated report has it.
///
/// # Errors
/// When the file is not DICOM, is damaged, or holds text that its character set does not explain. No error quotes a value.
///
/// # Source
/// PS3.3 §A.35.1 (Basic Text SR) and §C.17.3; PS3.16 TID 2000.
///
/// # Departures
/// Only what an item CONTAINS is read: who observed, in which language, and what it was inferred from is context.
pub fn report_text(bytes: &[u8]) -> Result<Option<String>, Error> {
    guarded(bytes, MAX_REPORT_BYTES, parse)
}

fn parse(bytes: &[u8]) -> Result<Option<String>, Error> {
    let file = file::open(bytes)?;
    let root = Item::read(&file.dataset, file.encoding, |_| true)?;
    let charset = Charset::new(root.term(tags::SPECIFIC_CHARACTER_SET).as_deref())?;
    let title = root.items(tags::CONCEPT_NAME_CODE_SEQUENCE).first();
    let title = title.and_then(|item| item.term(tags::CODE_VALUE)).unwrap_or_default();
    if NOT_IN_WORDS.iter().any(|concept| code::Code::from(*concept).value == title) {
        return Ok(None);
    }
    let mut words = Words { charset: &charset, lines: Vec::new(), has_text: false };
    words.of_children(&root)?;
    Ok(words.has_text.then(|| words.lines.join("\n")))
}

/// Lines as they are found.
struct Words<'a> {
    charset: &'a Charset,
    lines: Vec<String>,
    has_text: bool,
}

impl Words<'_> {
    /// The depth is bounded by that of the sequences.
    fn of_children(&mut self, item: &Item) -> Result<(), Error> {
        for child in item.items(tags::CONTENT_SEQUENCE) {
            if child.term(tags::RELATIONSHIP_TYPE).as_deref() != Some("CONTAINS") {
                continue;
            }
            match child.term(tags::VALUE_TYPE).as_deref() {
                Some("CONTAINER") => {
                    self.heading(child)?;
                    self.of_children(child)?;
                }
                Some("TEXT") => {
                    self.text(child)?;
                    self.of_children(child)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn heading(&mut self, item: &Item) -> Result<(), Error> {
        let concept = item.items(tags::CONCEPT_NAME_CODE_SEQUENCE).first();
        if let Some(meaning) = concept.and_then(|concept| concept.value(tags::CODE_MEANING)) {
            self.lines.push(format!("{}:", self.charset.decode(&meaning.bytes)?.trim()));
        }
        Ok(())
    }

    fn text(&mut self, item: &Item) -> Result<(), Error> {
        if let Some(value) = item.value(tags::TEXT_VALUE) {
            let text = self.charset.decode(&value.bytes)?.replace("\r\n", "\n").replace('\r', "\n");
            self.has_text |= !text.trim().is_empty();
            self.lines.push(text.trim().to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::object::Object;
    use super::*;

    fn item(relationship: &str, kind: &str, meaning: &str) -> Object {
        let concept = Object::new().text(tags::CODE_VALUE, "1").text(tags::CODE_MEANING, meaning);
        Object::new()
            .text(tags::RELATIONSHIP_TYPE, relationship)
            .text(tags::VALUE_TYPE, kind)
            .item(tags::CONCEPT_NAME_CODE_SEQUENCE, concept)
    }

    fn file(root: &str, children: Vec<Object>) -> Vec<u8> {
        let title = Object::new().text(tags::CODE_VALUE, root);
        Object::new()
            .text(tags::VALUE_TYPE, "CONTAINER")
            .item(tags::CONCEPT_NAME_CODE_SEQUENCE, title)
            .items(tags::CONTENT_SEQUENCE, children)
            .file("1.2.840.10008.5.1.4.1.1.88.11", "1.2.3")
            .unwrap()
    }

    fn children() -> Vec<Object> {
        let text = |words: &str| item("CONTAINS", "TEXT", "Finding").text(tags::TEXT_VALUE, words);
        let section = item("CONTAINS", "CONTAINER", "Findings")
            .items(tags::CONTENT_SEQUENCE, vec![text("Small left effusion.\r\nNo pneumothorax."), text("Wörter")]);
        let observer = item("HAS OBS CONTEXT", "TEXT", "Observer").text(tags::TEXT_VALUE, "SOMEBODY");
        vec![observer, section]
    }

    #[test]
    fn sections_are_headed_and_context_is_left_out() {
        let words = report_text(&file("18748-4", children())).unwrap();
        assert_eq!(words.as_deref(), Some("Findings:\nSmall left effusion.\nNo pneumothorax.\nWörter"));
    }

    #[test]
    fn measurements_and_reports_without_words_have_none() {
        assert_eq!(report_text(&file("126000", children())).unwrap(), None);
        assert_eq!(report_text(&file("18748-4", vec![item("CONTAINS", "CONTAINER", "Findings")])).unwrap(), None);
    }

    #[test]
    fn a_report_that_is_cut_short_is_an_error_or_shorter() {
        let whole = file("18748-4", children());
        for end in 0..whole.len() {
            drop(report_text(&whole[..end]));
        }
    }
}

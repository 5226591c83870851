//! HL7 v2 messages with reports: ORU^R01 → [`NewReport`], and the acknowledgment.
//!
//! # Source
//! HL7 v2.5.1, §2.9 (acknowledgments), §7.4 (ORU), IHE RAD TF-2 §4.28 for where the accession number stands.

use std::panic::catch_unwind;

use hl7_parser::Message;
use hl7_parser::message::Segment;

use crate::queue::NewReport;

/// Acknowledgment codes (table 0008).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acknowledgment {
    /// Taken, or nothing that concerns us.
    Accept,
    /// Can't be read; sending it again won't help.
    Reject,
    /// Can't be stored now.
    Error,
}

impl Acknowledgment {
    fn code(self) -> &'static str {
        match self {
            Self::Accept => "AA",
            Self::Reject => "AR",
            Self::Error => "AE",
        }
    }
}

/// What a message is.
pub(crate) enum Content {
    /// A report.
    Report(NewReport),
    /// A message that is no report, or of one that was withdrawn.
    Other,
}

/// A message that was read, with what its acknowledgment needs.
pub(crate) struct Read {
    /// What it is.
    pub content: Content,
    control: String,
    version: String,
    separators: String,
}

/// Reads a message; `None` if it is none.
pub(crate) fn read(bytes: &[u8]) -> Option<Read> {
    let text = decode(bytes);
    // The parser is a large dependency: a panic in it is an error of the message.
    catch_unwind(|| {
        let message = Message::parse_with_lenient_newlines(&text, true).ok()?;
        let header = message.segment("MSH")?;
        let raw = |number: usize| header.field(number).map(|field| field.raw_value().to_owned()).unwrap_or_default();
        let is_report = raw(9).split(message.separators.component).next() == Some("ORU");
        let content = if is_report { report(&message).map_or(Content::Other, Content::Report) } else { Content::Other };
        Some(Read { content, control: raw(10), version: raw(12), separators: message.separators.to_string() })
    })
    .ok()
    .flatten()
}

/// The acknowledgment of a message, or of something that was none.
pub(crate) fn acknowledge(read: Option<&Read>, acknowledgment: Acknowledgment) -> String {
    let (separators, control, version) = match read {
        Some(read) => (read.separators.as_str(), read.control.as_str(), read.version.as_str()),
        None => ("|^~\\&", "", "2.5.1"),
    };
    let mut letters = separators.chars();
    let field = letters.next().unwrap_or('|');
    let encoding = letters.as_str();
    let component = encoding.chars().next().unwrap_or('^');
    let kind = format!("ACK{component}R01{component}ACK");
    let header = ["MSH", encoding, "KNOWMVG", "", "", "", "", "", &kind, control, "P", version];
    let answer = ["MSA", acknowledgment.code(), control];
    let [header, answer] = [&header[..], &answer[..]].map(|fields| fields.join(&field.to_string()));
    format!("{header}\r{answer}\r")
}

/// UTF-8, or Latin-1 if it is not.
fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// `None` for a report that was withdrawn, or says nothing.
fn report(message: &Message) -> Option<NewReport> {
    let first = |segment: Option<&Segment>, number: usize| {
        let component = segment?.field(number)?.repeat(1)?.component(1)?.raw_value();
        let value = message.separators.decode(component).to_string();
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    let (request, order) = (message.segment("OBR"), message.segment("ORC"));
    // X: no results available, the order was cancelled.
    if first(request, 25).as_deref() == Some("X") {
        return None;
    }
    let words: Vec<String> = message.segments().filter_map(|segment| observation(message, segment)).collect();
    let words = words.join("\n");
    if words.trim().is_empty() {
        return None;
    }
    // IHE's Report Manager sends the accession number in OBR-18; others have it in the filler's order number.
    let accession = first(request, 18).or_else(|| first(request, 3)).or_else(|| first(order, 3));
    let study = first(message.segment("IPC"), 3).or_else(|| first(message.segment("ZDS"), 1));
    Some(NewReport {
        study_instance_uid: study.unwrap_or_default(),
        accession_number: accession.unwrap_or_default(),
        patient_id: first(message.segment("PID"), 3).unwrap_or_default(),
        words,
    })
}

/// The lines of an OBX with text.
fn observation(message: &Message, segment: &Segment) -> Option<String> {
    let kind = segment.field(2).map(|field| field.raw_value());
    if segment.name != "OBX" || !matches!(kind, Some("TX" | "FT" | "ST")) {
        return None;
    }
    let lines = segment.field(5)?.repeats().map(|line| {
        let line = message.separators.decode(line.raw_value()).to_string();
        line.replace("\r\n", "\n").replace('\r', "\n")
    });
    Some(lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORU: &str = "MSH|^~\\&|RIS|HOSPITAL|KNOWMVG||202611250900||ORU^R01^ORU_R01|77|P|2.5.1\r\
        PID|1||MRN-9^^^HOSPITAL~OTHER^^^X||DOE^JANE\r\
        OBR|1|PLACER|FILLER-5|71046^CHEST 2 VIEWS||||||||||||||ACC-42|||||||F\r\
        OBX|1|TX|71046&IMP||Small left pleural effusion.~No pneumothorax\\T\\ no fracture.||||||F\r\
        OBX|2|FT|71046&IMP||First\\.br\\second||||||F\r\
        OBX|3|ED|PDF||^application^pdf^Base64^AAAA||||||F\r";

    fn report_of(message: &str) -> Option<NewReport> {
        match read(message.as_bytes())?.content {
            Content::Report(report) => Some(report),
            Content::Other => None,
        }
    }

    #[test]
    fn a_report_has_its_words_and_what_says_of_whom() {
        let report = report_of(ORU).unwrap();
        assert_eq!(report.accession_number, "ACC-42");
        assert_eq!((report.patient_id.as_str(), report.study_instance_uid.as_str()), ("MRN-9", ""));
        assert_eq!(report.words, "Small left pleural effusion.\nNo pneumothorax& no fracture.\nFirst\nsecond");
    }

    #[test]
    fn the_filler_number_stands_in_and_the_study_is_read() {
        let message = ORU.replace("|ACC-42|", "||") + "ZDS|1.2.3^KNOWMVG^Application^DICOM\r";
        let report = report_of(&message).unwrap();
        assert_eq!((report.accession_number.as_str(), report.study_instance_uid.as_str()), ("FILLER-5", "1.2.3"));
    }

    #[test]
    fn a_withdrawn_report_and_other_messages_are_accepted_and_left() {
        assert!(report_of(&ORU.replace("|||||||F\rOBX|1", "|||||||X\rOBX|1")).is_none());
        assert!(report_of(&ORU.replace("ORU^R01^ORU_R01", "ADT^A08")).is_none());
        let read = read(ORU.as_bytes()).unwrap();
        let answer = acknowledge(Some(&read), Acknowledgment::Accept);
        assert_eq!(answer, "MSH|^~\\&|KNOWMVG||||||ACK^R01^ACK|77|P|2.5.1\rMSA|AA|77\r");
    }

    #[test]
    fn hostile_messages_are_refused_without_a_panic() {
        for end in 0..ORU.len() {
            drop(read(&ORU.as_bytes()[..end]));
        }
        assert!(read(b"").is_none());
        assert!(read(b"no message at all").is_none());
        assert!(read(&[0xff; 4096]).is_none());
    }

    #[test]
    fn latin_1_is_understood() {
        let mut bytes = ORU.replace("pleural", "pleural\u{1}").into_bytes();
        let at = bytes.iter().position(|byte| *byte == 1).unwrap();
        bytes[at] = 0xe9;
        let Content::Report(report) = read(&bytes).unwrap().content else { panic!("expected a report") };
        assert!(report.words.contains("pleural\u{e9}"));
    }
}

//! Dates and times that are shifted (Retain Longitudinal Temporal Information with Modified Dates).
//!
//! All dates of a patient move by the same whole number of days, so that distances and the time of the day stay what they were.

use chrono::{Days, NaiveDate};
use dicom_core::VR;

use super::dummy::padded;

/// A value with every date in it shifted back; `None` if one of them is no date to the day, which can't be shifted.
pub(super) fn shifted(bytes: &[u8], vr: VR, days: u64) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let one = |text: &str| match (text.trim_matches([' ', '\0']), vr) {
        ("", _) => Some(String::new()),
        (text, VR::DA) => date(text, days),
        (text, VR::DT) => date_time(text, days),
        (text, VR::TM) => is_made_of(text, "0123456789.:").then(|| text.to_owned()),
        // Timezone Offset From UTC is the one text that the option names.
        (text, VR::SH) => is_offset(text).then(|| text.to_owned()),
        _ => None,
    };
    let parts: Vec<String> = text.split('\\').map(one).collect::<Option<_>>()?;
    Some(padded(&parts.join("\\"), vr))
}

fn date(text: &str, days: u64) -> Option<String> {
    if text.len() != 8 || !is_made_of(text, "0123456789") {
        return None;
    }
    let date = NaiveDate::parse_from_str(text, "%Y%m%d").ok()?.checked_sub_days(Days::new(days))?;
    // Years before 1000 would lose a digit on their way.
    (date >= NaiveDate::from_ymd_opt(1000, 1, 1)?).then(|| date.format("%Y%m%d").to_string())
}

fn date_time(text: &str, days: u64) -> Option<String> {
    let (day, rest) = text.split_at_checked(8)?;
    is_made_of(rest, "0123456789.+-").then_some(())?;
    Some(date(day, days)? + rest)
}

fn is_offset(text: &str) -> bool {
    text.len() == 5 && text.starts_with(['+', '-']) && is_made_of(&text[1..], "0123456789")
}

fn is_made_of(text: &str, characters: &str) -> bool {
    text.chars().all(|c| characters.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str, vr: VR) -> Option<String> {
        shifted(value.as_bytes(), vr, 366).map(|bytes| String::from_utf8(bytes).unwrap().trim_end().to_owned())
    }

    #[test]
    fn dates_move_and_times_stay() {
        assert_eq!(text("20240301", VR::DA).as_deref(), Some("20230301"));
        assert_eq!(text("20240301\\20240302", VR::DA).as_deref(), Some("20230301\\20230302"));
        assert_eq!(text("20240301235959.5+0100", VR::DT).as_deref(), Some("20230301235959.5+0100"));
        assert_eq!(text("235959.123456 ", VR::TM).as_deref(), Some("235959.123456"));
        assert_eq!(text("-0430", VR::SH).as_deref(), Some("-0430"));
        assert_eq!(text("", VR::DA).as_deref(), Some(""));
    }

    #[test]
    fn what_is_no_date_to_the_day_is_given_up() {
        for (value, vr) in [
            ("CANARY", VR::DA),
            ("20241301", VR::DA),
            ("2024.03.01", VR::DA),
            ("+2024030", VR::DA),
            ("10000101", VR::DA),
            ("202403", VR::DT),
            ("20240301CANARY", VR::DT),
            ("CANARY", VR::TM),
            ("CANARY", VR::SH),
            ("CANARY", VR::LO),
        ] {
            assert_eq!(text(value, vr), None, "{value}");
        }
        assert_eq!(shifted(b"2024\xff301", VR::DA, 1), None);
    }
}

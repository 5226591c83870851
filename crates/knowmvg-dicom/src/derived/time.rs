//! [`ContentTime`]: when a derived object was made.

use chrono::{DateTime, Days, FixedOffset, Local, SecondsFormat};

/// A moment, and the offset from UTC in which it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentTime(DateTime<FixedOffset>);

impl ContentTime {
    /// This moment, in the time zone of this machine.
    pub fn now() -> Self {
        Self(Local::now().fixed_offset())
    }

    /// A stated moment, for files that are the same on every run.
    ///
    /// # Source
    /// RFC 3339, e.g. `2026-11-25T12:00:00+01:00`; `None` if the text is something else, or its year has not four digits.
    pub fn parse(text: &str) -> Option<Self> {
        let moment = DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self(moment))
    }

    /// The moment that stands for every moment in what is de-identified: the first of January 1900.
    pub(crate) fn epoch() -> Self {
        Self::parse("1900-01-01T00:00:00Z").expect("a constant moment")
    }

    /// The same time of the day on an earlier day.
    pub(crate) fn days_earlier(self, days: u64) -> Self {
        // No moment that is written has so early a year that days are missing before it.
        self.0.checked_sub_days(Days::new(days)).map_or_else(Self::epoch, Self)
    }

    /// As it is parsed, to the second.
    pub fn to_rfc3339(self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// Date and time as DA and TM, in the time zone that the source image states: an offset holds for all of an object's times.
    pub(super) fn date_and_time(self, stated_offset: Option<&str>) -> (String, String) {
        let offset = stated_offset.and_then(parse_offset);
        let moment = offset.map_or(self.0, |offset| self.0.with_timezone(&offset));
        (moment.format("%Y%m%d").to_string(), moment.format("%H%M%S").to_string())
    }
}

/// Timezone Offset From UTC (0008,0201), `&ZZXX`.
fn parse_offset(text: &str) -> Option<FixedOffset> {
    let (sign, digits) = text.split_at_checked(1)?;
    let number: i32 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    let seconds = (number / 100 * 60 + number % 100) * 60;
    match sign {
        "+" => FixedOffset::east_opt(seconds),
        "-" => FixedOffset::west_opt(seconds),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_the_zone_of_the_image() {
        let moment = ContentTime::parse("2026-11-25T01:02:03+01:00").unwrap();
        let written = |offset| moment.date_and_time(offset);
        assert_eq!(written(None), ("20261125".into(), "010203".into()));
        assert_eq!(written(Some("-0430")), ("20261124".into(), "193203".into()));
        for nonsense in ["", "+", "0100", "+100", "+99999", "é0100", "+9900"] {
            assert_eq!(written(Some(nonsense)), written(None), "{nonsense}");
        }
    }

    #[test]
    fn only_rfc_3339_is_a_moment() {
        assert!(ContentTime::parse("2026-11-25").is_none() && ContentTime::parse("").is_none());
    }
}

//! Text that is safe in a page, numbers as they are printed, and the frame of the document.

use crate::scores::{Measure, Metric, Part};

/// Shown where nothing was measured.
pub(super) const NOTHING: &str = "–";

/// Text between tags and inside of quotes; characters that no document may hold become `U+FFFD`.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') || turns_text(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Marks of direction, which could make a label read as another.
fn turns_text(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// At most `letters` of a text, escaped; an ellipsis stands for the rest.
pub(super) fn shortened(text: &str, letters: usize) -> String {
    let mut kept: String = text.chars().take(letters).collect();
    if kept.len() < text.len() {
        kept.pop();
        kept.push('…');
    }
    escaped(&kept)
}

/// Three digits behind the point.
pub(super) fn number(value: f64) -> String {
    if value.is_finite() { format!("{value:.3}") } else { NOTHING.to_owned() }
}

/// A value and its interval, as `0.412 [0.380, 0.444]`.
pub(super) fn metric(metric: Option<&Metric>) -> String {
    let Some(metric) = metric else { return NOTHING.to_owned() };
    match metric.interval {
        Some(interval) => format!(
            "{} <span class=\"interval\">[{}, {}]</span>",
            number(metric.value),
            number(interval.low),
            number(interval.high)
        ),
        None => number(metric.value),
    }
}

/// A cell with a number, and the number itself for sorting.
pub(super) fn cell(value: Option<&Metric>) -> String {
    let key = value.map_or(String::new(), |metric| format!(" data-value=\"{}\"", metric.value));
    format!("<td{key}>{}</td>", self::metric(value))
}

/// The head of a table; the first column is words, the others are numbers.
pub(super) fn head(columns: &[String]) -> String {
    let cells: Vec<String> = columns.iter().map(|name| format!("<th scope=\"col\">{name}</th>")).collect();
    format!("<thead><tr>{}</tr></thead>", cells.concat())
}

/// A table that scrolls inside of itself on a narrow screen.
pub(super) fn table(caption: &str, columns: &[String], rows: &[String]) -> String {
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table class=\"sortable\">\
         <caption>{caption}</caption>{}<tbody>{}</tbody></table></div>\n",
        head(columns),
        rows.concat()
    )
}

/// Name of a measure as the field writes it.
pub(super) fn measure_name(measure: Measure) -> &'static str {
    match measure {
        Measure::MeanIou => "mIoU",
        Measure::Accuracy10 => "Acc@0.1",
        Measure::Accuracy30 => "Acc@0.3",
        Measure::Accuracy50 => "Acc@0.5",
        Measure::UnionIou => "Union IoU",
        Measure::Pointing => "Pointing game",
        Measure::EnergyInside => "Energy inside",
        Measure::HeatEntropy => "Heat entropy",
        Measure::Cnr => "CNR",
    }
}

/// Name of a task and level, escaped, e.g. `Phrases, level zone`.
pub(super) fn part_name(part: &Part) -> String {
    let task = task_name(part.task);
    part.level.as_ref().map_or_else(|| task.to_owned(), |level| format!("{task}, level {}", escaped(level)))
}

/// Name of a task.
pub(super) fn task_name(task: crate::item::Task) -> &'static str {
    match task {
        crate::item::Task::Report => "Reports",
        crate::item::Task::Phrase => "Phrases",
        crate::item::Task::Class => "Classes",
        crate::item::Task::Vqa => "Questions",
    }
}

/// The whole file around its body. Every element is closed, so that an XML parser reads it too.
pub(super) fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n\
         {body}<script>\n{}</script>\n</body>\n</html>\n",
        escaped(title),
        include_str!("page.css"),
        include_str!("page.js"),
    )
}

#[cfg(test)]
mod tests {
    use knowmvg::eval::Interval;

    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        let text = escaped("</td><script>alert('x')</script>\u{0}\u{202e}\"&");
        assert_eq!(text, "&lt;/td&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;\u{fffd}\u{fffd}&quot;&amp;");
    }

    #[test]
    fn a_shortened_text_is_cut_before_it_is_escaped() {
        assert_eq!(shortened("<<<<", 3), "&lt;&lt;…");
        assert_eq!(shortened("abc", 3), "abc");
    }

    #[test]
    fn metrics_show_their_interval() {
        let value = Metric { value: 0.41249, interval: Some(Interval { low: 0.38, high: 0.444 }), n: 3 };
        assert_eq!(metric(Some(&value)), "0.412 <span class=\"interval\">[0.380, 0.444]</span>");
        assert_eq!(metric(None), NOTHING);
    }
}

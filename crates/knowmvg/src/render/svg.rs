//! The overlay as scalable vectors over a linked image.

use std::fmt::Write;

use crate::geometry::Map;
use crate::grounding::{Assertion, GroundedPhrase, Grounding, NOTICE};

use super::RenderError;
use super::canvas::{Colour, rect};
use super::palette;
use super::scene::{Frame, Line, Mark, Tag, badge_style, marks, share, tag_style};
use super::text::{Typeface, printable};

const LONG_SIDE: f64 = 1_200.0;
const STRIP: f64 = 34.0;
const FONT: &str = "font-family=\"DejaVu Sans, Verdana, sans-serif\"";

/// Draws a grounding as SVG over the image at `href`, which is linked and not embedded.
///
/// Each box is a group with a `<title>` that says its phrase, so that a pointer and a screen reader find it. The notice
/// stands below the image.
///
/// # Errors
/// When the image has no pixels or there are more boxes than [`MAX_BOXES`](super::MAX_BOXES).
pub fn svg(grounding: &Grounding, href: &str) -> Result<String, RenderError> {
    let (width, height) = (grounding.image.width, grounding.image.height);
    if width == 0 || height == 0 {
        return Err(RenderError::EmptyImage { width, height });
    }
    let frame = frame(f64::from(width), f64::from(height));
    let marks = marks(grounding, &frame, &Typeface::embedded())?;
    let mut text = opening(grounding, &frame, href);
    for mark in &marks {
        text.push_str(&group(&grounding.findings[mark.phrase], mark));
    }
    text.push_str(&closing(&frame));
    Ok(text)
}

fn frame(width: f64, height: f64) -> Frame {
    let scale = LONG_SIDE / width.max(height);
    let image = rect(0.0, 0.0, width * scale, height * scale);
    let picture_from_image = Map::new([scale, scale], [0.0, 0.0]).expect("the sides are positive");
    Frame { picture_from_image, image, bounds: image, reserved: Vec::new(), scale: 1.0 }
}

fn opening(grounding: &Grounding, frame: &Frame, href: &str) -> String {
    let (width, height) = (number(frame.image.width()), number(frame.image.height()));
    let full = number(frame.image.height() + STRIP);
    let phrases: Vec<String> = grounding.findings.iter().enumerate().map(|(i, p)| sentence(i, p)).collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {full}\" role=\"img\">\n\
         <title>Grounded report</title>\n<desc>{}</desc>\n\
         <rect width=\"{width}\" height=\"{full}\" fill=\"#0d1013\"/>\n\
         <image href=\"{}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\"/>\n",
        escaped(&phrases.join(" ")),
        escaped(href),
    )
}

fn closing(frame: &Frame) -> String {
    let baseline = number(frame.image.height() + 22.0);
    // Below a narrow image the notice shrinks instead of running out of the picture.
    let room = frame.image.width() - 24.0;
    let fit = if room < 520.0 {
        format!(" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\"", number(room.max(1.0)))
    } else {
        String::new()
    };
    format!(
        "<text x=\"12\" y=\"{baseline}\" {FONT} font-size=\"14\" font-weight=\"bold\" fill=\"#d8dce0\"{fit}>{}</text>\n</svg>\n",
        escaped(NOTICE)
    )
}

/// One phrase for a reader who does not see the picture.
fn sentence(index: usize, phrase: &GroundedPhrase) -> String {
    let assertion = match phrase.assertion {
        Assertion::Present => "present",
        Assertion::Absent => "absent, not boxed",
        Assertion::Uncertain => "uncertain",
    };
    let boxes = if phrase.assertion != Assertion::Absent && phrase.boxes.is_empty() { ", no box found" } else { "" };
    format!("{}: {} ({assertion}{boxes}).", index + 1, printable(&phrase.phrase.text))
}

fn group(phrase: &GroundedPhrase, mark: &Mark) -> String {
    let colour = hex(mark.colour);
    let [x0, y0, x1, y1] = mark.outline.xyxy();
    let geometry = format!(
        "x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\"",
        number(x0),
        number(y0),
        number(x1 - x0),
        number(y1 - y0)
    );
    let dash = if mark.line == Line::Dashed { " stroke-dasharray=\"13 8\"" } else { "" };
    let scored = &phrase.boxes[mark.nth];
    let source =
        if scored.by_person { "Placed by a person".into() } else { format!("Confidence {}", share(scored.confidence)) };
    let title = format!("{} {source}.", sentence(mark.phrase, phrase));
    let mut text = format!(
        "<g data-phrase=\"{}\" data-box=\"{}\">\n<title>{}</title>\n\
         <rect {geometry} fill=\"none\" stroke=\"#000\" stroke-opacity=\"0.6\" stroke-width=\"6\"/>\n\
         <rect {geometry} fill=\"none\" stroke=\"{colour}\" stroke-width=\"3\"{dash}/>\n",
        mark.phrase + 1,
        mark.nth + 1,
        escaped(&title),
    );
    if let Some(tag) = &mark.tag {
        text.push_str(&label(mark, tag, &colour));
    }
    text.push_str("</g>\n");
    text
}

fn label(mark: &Mark, tag: &Tag, colour: &str) -> String {
    let area = &tag.place.area;
    let [x0, y0, _, y1] = area.xyxy();
    let height = number(y1 - y0);
    let (left, top, baseline) = (number(x0), number(y0), number((y0 + y1) / 2.0 + 5.0));
    let mut text = String::new();
    if let Some((from, to)) = tag.place.leader {
        let [a, b, c, d] = [from[0], from[1], to[0], to[1]].map(number);
        let _ = writeln!(
            text,
            "<line x1=\"{a}\" y1=\"{b}\" x2=\"{c}\" y2=\"{d}\" stroke=\"{colour}\" stroke-width=\"1.4\"/>"
        );
    }
    let (width, badge) = (number(area.width()), number(tag.badge_width));
    let _ = write!(
        text,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"4\" fill=\"#12161a\" fill-opacity=\"0.88\"/>\n\
         <rect x=\"{left}\" y=\"{top}\" width=\"{badge}\" height=\"{height}\" rx=\"4\" fill=\"{colour}\"/>\n",
    );
    let ink = hex(palette::ink_on(mark.colour));
    let words = tag.badge_width + 6.0;
    let columns = [
        (6.0, &mark.name, badge_style(1.0).size, "bold", ink.as_str()),
        (words, &tag.text, tag_style(1.0).size, "normal", "#fff"),
    ];
    for (offset, content, size, weight, fill) in columns {
        let x = number(x0 + offset);
        let _ = writeln!(
            text,
            "<text x=\"{x}\" y=\"{baseline}\" {FONT} font-size=\"{size}\" font-weight=\"{weight}\" fill=\"{fill}\">{}</text>",
            escaped(content),
        );
    }
    text
}

fn hex([red, green, blue]: Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// At most two digits after the point, without trailing zeros.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text that is safe between tags and inside of quotes; characters that XML 1.0 has no way to write become `U+FFFD`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::scene::tests::{grounding, phrase};

    #[test]
    fn boxes_stand_where_the_grounding_says() {
        let text = svg(&grounding(600, 300, vec![phrase("mass", &[[30.0, 60.0, 90.0, 100.0]])]), "image.png").unwrap();
        assert!(text.contains("viewBox=\"0 0 1200 634\""));
        assert!(text.contains("x=\"60\" y=\"120\" width=\"120\" height=\"80\""));
        assert!(text.contains("href=\"image.png\"") && text.contains(NOTICE));
    }

    #[test]
    fn hostile_words_stay_words() {
        let mut odd = phrase("</text><script>alert(1)</script>\u{0}", &[[1.0, 1.0, 9.0, 9.0]]);
        odd.finding = None;
        let text = svg(&grounding(20, 20, vec![odd]), "\"/><script>").unwrap();
        assert!(!text.contains("<script") && !text.contains('\u{0}'));
        assert!(text.contains("&lt;script&gt;"));
        let (opened, closed) = (text.matches("<text").count(), text.matches("</text>").count());
        assert_eq!(opened, closed);
    }

    #[test]
    fn denied_phrases_are_told_and_not_boxed() {
        let mut absent = phrase("pneumothorax", &[[1.0, 1.0, 9.0, 9.0]]);
        absent.assertion = Assertion::Absent;
        let text = svg(&grounding(20, 20, vec![absent]), "image.png").unwrap();
        assert!(!text.contains("<g ") && text.contains("1: pneumothorax (absent, not boxed)."));
    }

    #[test]
    fn an_image_without_pixels_is_an_error() {
        assert!(matches!(svg(&grounding(0, 9, vec![]), ""), Err(RenderError::EmptyImage { .. })));
    }
}

//! The panel beside the radiograph: every phrase of the report, what it says and what supports its boxes.

use crate::grounding::{Assertion, GroundedPhrase, Grounding, Side, Support};

use super::canvas::{Canvas, Colour, Stroke, rect};
use super::palette;
use super::scene::{mark_name, share};
use super::text::{Style, Typeface, finding_name};

/// Width of the panel at scale 1, in pixels.
pub(super) const WIDTH: f64 = 440.0;

const PADDING: f64 = 22.0;
const INDENT: f64 = 40.0;

const TITLE: Colour = [0xf2, 0xf4, 0xf6];
const WORDS: Colour = [0xe2, 0xe6, 0xea];
const DETAIL: Colour = [0xa4, 0xac, 0xb4];
const CAUTION: Colour = [0xff, 0xc8, 0x5c];
const RULE: Colour = [0x3a, 0x42, 0x4a];

/// One thing to draw, relative to the panel's top-left corner.
enum Item {
    Text { words: String, style: Style, at: [f64; 2], colour: Colour },
    Line { from: [f64; 2], to: [f64; 2], width: f64, colour: Colour },
    Badge { name: String, centre: [f64; 2], colour: Colour, assertion: Assertion },
    Bar { at: [f64; 2], share: f64, colour: Colour },
}

/// The laid-out panel; its height is whatever the report needs.
pub(super) struct Legend<'a> {
    items: Vec<Item>,
    typeface: &'a Typeface,
    scale: f64,
    /// Where the next line begins.
    y: f64,
}

impl<'a> Legend<'a> {
    /// Lays out everything a grounding says.
    pub fn new(grounding: &Grounding, typeface: &'a Typeface, scale: f64) -> Self {
        let mut legend = Self { items: Vec::new(), typeface, scale, y: PADDING * scale };
        legend.heading(grounding);
        let colours = palette::colours(&grounding.findings);
        for (index, (phrase, colour)) in grounding.findings.iter().zip(colours).enumerate() {
            legend.phrase(index, phrase, colour);
        }
        legend.warnings(&grounding.warnings);
        legend.provenance(grounding);
        legend
    }

    /// Height in pixels.
    pub fn height(&self) -> f64 {
        self.y + PADDING * self.scale
    }

    fn heading(&mut self, grounding: &Grounding) {
        let boxes: usize = grounding.findings.iter().filter(|p| is_boxed(p)).map(|p| p.boxes.len()).sum();
        let counted = format!("{}, {}", counted(grounding.findings.len(), "phrase", "s"), counted(boxes, "box", "es"));
        self.paragraph("Phrases of the report", Style::bold(20.0 * self.scale), TITLE, 0.0);
        let key = format!("{counted} · solid: present · dashed: uncertain");
        self.paragraph(&key, Style::regular(12.5 * self.scale), DETAIL, 0.0);
        self.rule();
    }

    fn phrase(&mut self, index: usize, phrase: &GroundedPhrase, colour: Colour) {
        let scale = self.scale;
        let words = if phrase.assertion == Assertion::Absent { palette::ABSENT } else { WORDS };
        let centre = [(PADDING + 13.0) * scale, self.y + 11.0 * scale];
        self.items.push(Item::Badge { name: (index + 1).to_string(), centre, colour, assertion: phrase.assertion });
        self.paragraph(&phrase.phrase.text, Style::regular(16.0 * scale), words, INDENT);
        self.paragraph(&reading(phrase), Style::regular(13.0 * scale), DETAIL, INDENT);
        if is_boxed(phrase) {
            self.support(phrase);
            self.confidences(index, phrase, colour);
        }
        self.y += 13.0 * scale;
    }

    fn support(&mut self, phrase: &GroundedPhrase) {
        let (words, colour) = match phrase.evidence.support {
            Support::Image => ("support: image", DETAIL),
            Support::Prior => ("support: prior only – the image did not confirm it", CAUTION),
            Support::None => ("support: none stated", CAUTION),
        };
        self.paragraph(words, Style::regular(13.0 * self.scale), colour, INDENT);
    }

    /// One bar for each box.
    fn confidences(&mut self, index: usize, phrase: &GroundedPhrase, colour: Colour) {
        let scale = self.scale;
        for (nth, scored) in phrase.boxes.iter().enumerate() {
            let count = phrase.boxes.len();
            let name = if count > 1 { format!("{}  ", mark_name(index, nth, count)) } else { String::new() };
            let left = (PADDING + INDENT) * scale;
            let words = if scored.by_person {
                format!("{name}placed by a person")
            } else {
                self.items.push(Item::Bar { at: [left, self.y + 5.0 * scale], share: scored.confidence, colour });
                format!("{name}confidence {}", share(scored.confidence))
            };
            self.paragraph(&words, Style::regular(13.0 * scale), DETAIL, INDENT + 84.0);
        }
    }

    fn warnings(&mut self, warnings: &[String]) {
        if warnings.is_empty() {
            return;
        }
        self.rule();
        self.paragraph("Before trusting the boxes", Style::bold(14.0 * self.scale), CAUTION, 0.0);
        for warning in warnings {
            self.paragraph(warning, Style::regular(13.0 * self.scale), WORDS, 0.0);
            self.y += 4.0 * self.scale;
        }
    }

    fn provenance(&mut self, grounding: &Grounding) {
        let (image, model) = (&grounding.image, &grounding.model);
        let short: String = model.sha256.chars().take(12).collect();
        let lines = [
            format!("Image {} × {} px, {}, {}", image.width, image.height, image.format, image.grey_mapping),
            format!("Model {} ({short}), program {}, knowledge {}", model.name, model.version, model.knowledge),
        ];
        self.rule();
        for line in lines {
            self.paragraph(&line, Style::regular(11.5 * self.scale), DETAIL, 0.0);
        }
    }

    fn rule(&mut self) {
        let y = (self.y + 7.0 * self.scale).round() + 0.5;
        let [left, right] = [PADDING * self.scale, (WIDTH - PADDING) * self.scale];
        self.items.push(Item::Line { from: [left, y], to: [right, y], width: 1.0, colour: RULE });
        self.y += 18.0 * self.scale;
    }

    /// Wrapped lines, `indent` design pixels from the left.
    fn paragraph(&mut self, words: &str, style: Style, colour: Colour, indent: f64) {
        let left = (PADDING + indent) * self.scale;
        let width = (WIDTH - PADDING) * self.scale - left;
        for line in self.typeface.wrap(words, style, width) {
            let baseline = self.y + style.size;
            self.items.push(Item::Text { words: line, style, at: [left, baseline], colour });
            self.y += (1.38 * style.size).round();
        }
    }

    /// Draws the panel with its top-left corner at `(left, top)`.
    pub fn draw(&self, canvas: &mut Canvas, [left, top]: [f64; 2]) {
        let moved = |[x, y]: [f64; 2]| [x + left, y + top];
        for item in &self.items {
            match item {
                Item::Text { words, style, at, colour } => {
                    self.typeface.draw(canvas, words, *style, moved(*at), *colour)
                }
                Item::Line { from, to, width, colour } => canvas.line(moved(*from), moved(*to), *width, *colour, 1.0),
                Item::Badge { name, centre, colour, assertion } => {
                    self.badge(canvas, name, moved(*centre), *colour, *assertion);
                }
                Item::Bar { at, share, colour } => self.bar(canvas, moved(*at), *share, *colour),
            }
        }
    }

    /// The number in a disc: full when present, a dashed ring when uncertain, a thin ring when absent.
    fn badge(&self, canvas: &mut Canvas, name: &str, [x, y]: [f64; 2], colour: Colour, assertion: Assertion) {
        let style = Style::bold(13.0 * self.scale);
        let width = self.typeface.width(name, style);
        let radius = 12.5 * self.scale;
        let half = radius.max(width / 2.0 + 5.0 * self.scale);
        let shape = rect(x - half, y - radius, x + half, y + radius);
        let dash = 4.0 * self.scale;
        let ring = |width, dash| Stroke { width: width * self.scale, radius, dash, alpha: 1.0 };
        let ink = match assertion {
            Assertion::Present => {
                canvas.fill(&shape, radius, colour, 1.0);
                palette::ink_on(colour)
            }
            Assertion::Uncertain => {
                canvas.stroke(&shape, &ring(2.0, Some((dash, dash))), colour);
                colour
            }
            Assertion::Absent => {
                canvas.stroke(&shape, &ring(1.0, None), colour);
                colour
            }
        };
        let baseline = y + self.typeface.cap_height(style) / 2.0;
        self.typeface.draw(canvas, name, style, [x - width / 2.0, baseline], ink);
    }

    fn bar(&self, canvas: &mut Canvas, [x, y]: [f64; 2], share: f64, colour: Colour) {
        let (width, height) = (74.0 * self.scale, 8.0 * self.scale);
        let filled = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        canvas.fill(&rect(x, y, x + width, y + height), height / 2.0, RULE, 1.0);
        if filled > 0.0 {
            canvas.fill(&rect(x, y, x + (filled * width).max(height), y + height), height / 2.0, colour, 1.0);
        }
    }
}

fn is_boxed(phrase: &GroundedPhrase) -> bool {
    phrase.assertion != Assertion::Absent && !phrase.boxes.is_empty()
}

/// Assertion, finding and side in words, and why there is no box where there is none.
fn reading(phrase: &GroundedPhrase) -> String {
    let assertion = match (phrase.assertion, phrase.boxes.len()) {
        (Assertion::Absent, 0) => "absent – not boxed".to_owned(),
        (Assertion::Absent, found) => format!("absent – {} not drawn", counted(found, "box", "es")),
        (Assertion::Present, 0) => "present – no box found".to_owned(),
        (Assertion::Uncertain, 0) => "uncertain – no box found".to_owned(),
        (Assertion::Present, _) => "present".to_owned(),
        (Assertion::Uncertain, _) => "uncertain".to_owned(),
    };
    let finding = phrase.finding.as_deref().map_or_else(|| "not in the knowledge base".to_owned(), finding_name);
    let side = phrase.side.map(side_words).map_or_else(String::new, |side| format!(", {side}"));
    format!("{assertion} · {finding}{side}")
}

fn side_words(side: Side) -> &'static str {
    match side {
        Side::Left => "patient's left",
        Side::Right => "patient's right",
        Side::Midline => "midline",
        Side::Bilateral => "both sides",
    }
}

fn counted(count: usize, noun: &str, plural: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { plural })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::scene::tests::{grounding, phrase};

    fn texts(legend: &Legend<'_>) -> String {
        let words = legend.items.iter().filter_map(|item| match item {
            Item::Text { words, .. } => Some(words.as_str()),
            _ => None,
        });
        words.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_phrase_and_warning_is_listed() {
        let mut absent = phrase("pneumothorax", &[]);
        absent.assertion = Assertion::Absent;
        let mut guessed = phrase("mass", &[[0.0, 0.0, 5.0, 5.0], [5.0, 5.0, 9.0, 9.0]]);
        guessed.evidence.support = Support::Prior;
        let mut value = grounding(10, 10, vec![absent, guessed, phrase("edema", &[])]);
        value.warnings = vec!["thorax frame unsure".to_owned()];
        let typeface = Typeface::embedded();
        let words = texts(&Legend::new(&value, &typeface, 1.0));
        let expected = [
            "absent – not boxed",
            "prior only",
            "2a",
            "2b",
            "present – no box found",
            "thorax frame unsure",
            "3 phrases, 2 boxes",
        ];
        for part in expected {
            assert!(words.contains(part), "{part} is missing in {words}");
        }
    }

    #[test]
    fn the_panel_grows_with_the_report() {
        let typeface = Typeface::embedded();
        let height = |count| Legend::new(&grounding(9, 9, vec![phrase("mass", &[]); count]), &typeface, 1.0).height();
        assert!(height(100) > height(10) && height(10) > height(1));
    }

    #[test]
    fn all_items_stay_in_the_panel() {
        let long = "w".repeat(400) + &" opacity".repeat(50);
        let typeface = Typeface::embedded();
        let legend = Legend::new(&grounding(9, 9, vec![phrase(&long, &[[0.0, 0.0, 5.0, 5.0]])]), &typeface, 1.0);
        for item in &legend.items {
            let (right, bottom) = match item {
                Item::Text { words, style, at, .. } => (at[0] + typeface.width(words, *style), at[1]),
                Item::Line { to, .. } => (to[0], to[1]),
                Item::Badge { centre, .. } => (centre[0] + 20.0, centre[1] + 13.0),
                Item::Bar { at, .. } => (at[0] + 74.0, at[1] + 8.0),
            };
            assert!(right <= WIDTH && bottom <= legend.height());
        }
    }
}

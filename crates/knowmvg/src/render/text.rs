//! Text: an embedded open font, measured, wrapped and drawn.
//!
//! # Incomplete
//! Letters are set one after another, left to right: there is no shaping for scripts that join letters or run the other
//! way, and a letter that the embedded subset lacks (it has Latin, Greek and Cyrillic) is drawn as a hollow box.

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};

use super::canvas::{Canvas, Colour};

const REGULAR: &[u8] = include_bytes!("../../assets/DejaVuSans-subset.ttf");
const BOLD: &[u8] = include_bytes!("../../assets/DejaVuSans-Bold-subset.ttf");

/// Thickness of the letters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// Weight and size of letters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Style {
    pub weight: Weight,
    /// Size of the em square in pixels.
    pub size: f64,
}

impl Style {
    pub fn regular(size: f64) -> Self {
        Self { weight: Weight::Regular, size }
    }

    pub fn bold(size: f64) -> Self {
        Self { weight: Weight::Bold, size }
    }
}

/// The embedded fonts.
pub(super) struct Typeface {
    regular: FontRef<'static>,
    bold: FontRef<'static>,
}

impl Typeface {
    pub fn embedded() -> Self {
        let load = |bytes| FontRef::try_from_slice(bytes).expect("the embedded font is a font");
        Self { regular: load(REGULAR), bold: load(BOLD) }
    }

    fn font(&self, weight: Weight) -> &FontRef<'static> {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    /// Glyphs on a baseline at `y = 0`, and the advance of the whole line.
    fn glyphs(&self, text: &str, style: Style) -> (Vec<Glyph>, f64) {
        let font = self.font(style.weight);
        let scale = em_scale(font, style.size);
        let scaled = font.as_scaled(scale);
        let mut glyphs = Vec::new();
        let mut x = 0.0;
        let mut previous = None;
        for letter in text.chars() {
            let id = scaled.glyph_id(letter);
            x += previous.map_or(0.0, |before| scaled.kern(before, id));
            glyphs.push(id.with_scale_and_position(scale, point(x, 0.0)));
            x += scaled.h_advance(id);
            previous = Some(id);
        }
        (glyphs, f64::from(x))
    }

    /// Width of a line in pixels.
    pub fn width(&self, text: &str, style: Style) -> f64 {
        self.glyphs(text, style).1
    }

    /// Height of the capital letters in pixels; half of it is what centres a line.
    pub fn cap_height(&self, style: Style) -> f64 {
        let font = self.font(style.weight);
        let glyph = font.glyph_id('H').with_scale(em_scale(font, style.size));
        font.outline_glyph(glyph).map_or(0.0, |outline| f64::from(outline.px_bounds().height()))
    }

    /// Draws one line whose baseline starts at `(x, baseline)`.
    pub fn draw(&self, canvas: &mut Canvas, text: &str, style: Style, at: [f64; 2], colour: Colour) {
        let font = self.font(style.weight);
        // A baseline on a pixel edge keeps horizontal stems sharp.
        let (left, baseline) = (at[0] as f32, at[1].round() as f32);
        for mut glyph in self.glyphs(text, style).0 {
            glyph.position = point(glyph.position.x + left, baseline);
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let bounds = outline.px_bounds();
            let (x0, y0) = (bounds.min.x as i64, bounds.min.y as i64);
            outline.draw(|x, y, share| canvas.blend(x0 + i64::from(x), y0 + i64::from(y), colour, share));
        }
    }

    /// Lines no wider than `width`, broken between words, and inside a word only when it alone is too wide.
    pub fn wrap(&self, text: &str, style: Style, width: f64) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut line = String::new();
        for word in printable(text).split(' ').filter(|word| !word.is_empty()) {
            let joined = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if self.width(&joined, style) <= width {
                line = joined;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            let mut pieces = self.pieces(word, style, width);
            line = pieces.pop().unwrap_or_default();
            lines.append(&mut pieces);
        }
        if !line.is_empty() || lines.is_empty() {
            lines.push(line);
        }
        lines
    }

    /// A word cut into parts no wider than `width`, of at least one letter each.
    fn pieces(&self, word: &str, style: Style, width: f64) -> Vec<String> {
        let mut pieces = vec![String::new()];
        let mut used = 0.0;
        for letter in word.chars() {
            let advance = self.width(letter.encode_utf8(&mut [0; 4]), style);
            if used + advance > width && used > 0.0 {
                pieces.push(String::new());
                used = 0.0;
            }
            used += advance;
            pieces.last_mut().expect("there is always a last piece").push(letter);
        }
        pieces
    }

    /// The text, or as much of its beginning as fits with an ellipsis.
    pub fn shortened(&self, text: &str, style: Style, width: f64) -> String {
        let text = printable(text);
        if self.width(&text, style) <= width {
            return text;
        }
        let room = width - self.width("…", style);
        let mut used = 0.0;
        let fits = |letter: &char| {
            used += self.width(letter.encode_utf8(&mut [0; 4]), style);
            used <= room
        };
        let kept: String = text.chars().take_while(fits).collect();
        format!("{}…", kept.trim_end())
    }
}

fn em_scale(font: &FontRef<'_>, size: f64) -> PxScale {
    let units = font.units_per_em().unwrap_or(1000.0);
    PxScale::from(size as f32 * font.height_unscaled() / units)
}

/// The words on one line: white space becomes single spaces, and letters that draw nothing or turn the direction of the
/// text, with which a report could show something else than it says, are dropped.
pub(super) fn printable(text: &str) -> String {
    let is_invisible = |c: char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let spaced: String =
        text.chars().filter(|c| !is_invisible(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A finding's id in words: `pulmonary_mass` as `pulmonary mass`.
pub(super) fn finding_name(id: &str) -> String {
    printable(&id.replace('_', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_of_european_languages_have_glyphs() {
        let typeface = Typeface::embedded();
        for weight in [Weight::Regular, Weight::Bold] {
            for letter in "àâäéèêëïîôöùûüçñß¿¡åøæœłżźćęąčřšžűőğışțșđ–“”’…≥≤×±µ°²□".chars()
            {
                assert_ne!(typeface.font(weight).glyph_id(letter).0, 0, "no glyph for {letter}");
            }
        }
    }

    #[test]
    fn wrapped_lines_fit_and_keep_every_word() {
        let typeface = Typeface::embedded();
        let style = Style::regular(15.0);
        let text =
            "Petit  épanchement\tpleural gauche; Donaudampfschifffahrtselektrizitätenhauptbetriebswerk, unchanged.";
        for width in [60.0, 140.0, 300.0] {
            let lines = typeface.wrap(text, style, width);
            assert!(lines.iter().all(|line| typeface.width(line, style) <= width + 1.0));
            let letters = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            assert_eq!(letters(&lines.concat()), letters(text));
        }
    }

    #[test]
    fn shortened_text_fits() {
        let typeface = Typeface::embedded();
        let style = Style::bold(14.0);
        assert_eq!(typeface.shortened("mass", style, 200.0), "mass");
        let short = typeface.shortened("a very long description of a small nodule", style, 90.0);
        assert!(short.ends_with('…') && typeface.width(&short, style) <= 92.0);
    }

    #[test]
    fn direction_marks_and_control_letters_are_not_drawn() {
        assert_eq!(printable("no\u{202e} \u{0}effusion\r\n"), "no effusion");
    }
}

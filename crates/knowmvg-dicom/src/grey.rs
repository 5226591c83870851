//! Stored values → displayed grey levels (PS3.3 §C.11, PS3.4 §N.2).
//!
//! Every stored value has at most 16 bits, so the whole chain (modality, VOI, presentation) is evaluated once for each
//! possible value, and the pixels are looked up.

use crate::codec::Cells;
use crate::dataset::Elements;
use crate::format::{Photometric, PixelFormat};
use crate::tags;
use crate::voi::{Function, Lut, Window};

/// The part of the pixels, at each end, that a percentile window leaves out.
const TAIL: f64 = 0.005;

/// Displayed grey levels and how they came about.
#[derive(Debug)]
pub(crate) struct Displayed {
    pub pixels: Vec<f32>,
    pub mapping: String,
    pub warnings: Vec<String>,
}

/// What display needs besides the pixels.
struct Chain<'a> {
    elements: &'a Elements,
    format: &'a PixelFormat,
    low_bit: u16,
    modality: Modality,
    /// Stored values that are no part of the image, from smallest to largest.
    padding: Option<(i32, i32)>,
    warnings: Vec<String>,
}

/// Stored → modality value (PS3.3 §C.11.1).
enum Modality {
    Rescale { slope: f64, intercept: f64 },
    Lut(Lut),
}

/// Modality value → displayed fraction (PS3.3 §C.11.2).
enum Voi {
    Lut(Lut),
    Window(Window),
    /// From the first value (black) to the second (white).
    Range(f64, f64),
}

/// Maps the cells of a frame to what a reader sees.
pub(crate) fn display(cells: &Cells, elements: &Elements, format: &PixelFormat) -> Displayed {
    let mut warnings = Vec::new();
    let modality = Modality::read(elements, format, &mut warnings);
    let padding = padding(elements, format);
    let mut chain = Chain { elements, format, low_bit: cells.low_bit, modality, padding, warnings };
    let (voi, mut mapping) = chain.voi(cells);
    if chain.modality.is_table() {
        mapping.insert_str(0, "Modality LUT, ");
    }
    let inverted = chain.inverted();
    if inverted {
        mapping.push_str(", inverted");
    }
    let table: Vec<f32> = (0..=cell_maximum(format)).map(|cell| chain.grey(cell, &voi, inverted)).collect();
    // A codec may give more bits than are allocated; those are not part of the sample.
    let mask = cell_maximum(format);
    let pixels = cells.cells.iter().map(|cell| table[usize::from(cell & mask)]).collect();
    Displayed { pixels, mapping, warnings: chain.warnings }
}

fn cell_maximum(format: &PixelFormat) -> u16 {
    if format.bits_allocated == 8 { 0xff } else { 0xffff }
}

impl Modality {
    fn read(elements: &Elements, format: &PixelFormat, warnings: &mut Vec<String>) -> Self {
        if let Some(item) = elements.item(tags::MODALITY_LUT_SEQUENCE) {
            match Lut::read(item, elements.encoding(), format.signed) {
                Some(lut) => return Self::Lut(lut),
                None => warnings.push("the Modality LUT is unusable and was not applied".to_owned()),
            }
        }
        let slope = elements.decimal(tags::RESCALE_SLOPE).unwrap_or(1.0);
        let intercept = elements.decimal(tags::RESCALE_INTERCEPT).unwrap_or(0.0);
        if slope == 0.0 {
            warnings.push("Rescale Slope is 0 and was not applied".to_owned());
            return Self::Rescale { slope: 1.0, intercept };
        }
        Self::Rescale { slope, intercept }
    }

    fn apply(&self, stored: i32) -> f64 {
        match self {
            // PS3.3 §C.11.1.1.2: output = slope * stored + intercept.
            Self::Rescale { slope, intercept } => slope * f64::from(stored) + intercept,
            Self::Lut(lut) => lut.apply(f64::from(stored)),
        }
    }

    /// The smallest and largest output that the bits of the input (or of the table) allow.
    fn range(&self, format: &PixelFormat) -> (f64, f64) {
        match self {
            Self::Rescale { .. } => {
                let (low, high) = format.stored_range();
                let (a, b) = (self.apply(low), self.apply(high));
                (a.min(b), a.max(b))
            }
            Self::Lut(lut) => (0.0, lut.maximum()),
        }
    }

    fn is_table(&self) -> bool {
        matches!(self, Self::Lut(_))
    }
}

impl Voi {
    fn apply(&self, x: f64) -> f64 {
        match self {
            Self::Lut(lut) => lut.apply(x) / lut.maximum(),
            Self::Window(window) => window.apply(x),
            Self::Range(black, white) => (x - black) / (white - black),
        }
    }
}

impl Chain<'_> {
    fn grey(&self, cell: u16, voi: &Voi, inverted: bool) -> f32 {
        let stored = self.format.stored_value(cell, self.low_bit);
        if self.is_padding(stored) {
            // PS3.3 §C.7.5.1.1.2: not part of the image; black is what surrounds it.
            return 0.0;
        }
        let fraction = voi.apply(self.modality.apply(stored)).clamp(0.0, 1.0);
        (if inverted { 1.0 - fraction } else { fraction }) as f32
    }

    fn is_padding(&self, stored: i32) -> bool {
        self.padding.is_some_and(|(low, high)| (low..=high).contains(&stored))
    }

    /// The VOI transformation of the file, else one that suits the pixels, and its name.
    ///
    /// A table goes before a window (as pydicom and dicom-rs choose; the standard leaves it to the reader), and the first
    /// of several before the others.
    fn voi(&mut self, cells: &Cells) -> (Voi, String) {
        if let Some(item) = self.elements.item(tags::VOILUT_SEQUENCE) {
            let signed = self.modality.range(self.format).0 < 0.0;
            match Lut::read(item, self.elements.encoding(), signed) {
                Some(lut) => return (Voi::Lut(lut), "VOI LUT".to_owned()),
                None => self.warnings.push("the VOI LUT is unusable and was not applied".to_owned()),
            }
        }
        if let Some(window) = self.window() {
            return (Voi::Window(window), format!("VOI window {}", window.function.name()));
        }
        self.without_voi(cells)
    }

    fn window(&mut self) -> Option<Window> {
        let center = self.elements.decimal(tags::WINDOW_CENTER);
        let width = self.elements.decimal(tags::WINDOW_WIDTH);
        let function = match self.elements.text(tags::VOILUT_FUNCTION).as_deref() {
            None | Some("LINEAR") => Function::Linear,
            Some("LINEAR_EXACT") => Function::LinearExact,
            Some("SIGMOID") => Function::Sigmoid,
            Some(_) => {
                self.warnings.push("the VOI LUT Function is unknown; LINEAR was applied".to_owned());
                Function::Linear
            }
        };
        let window = Window::new(center?, width?, function);
        if window.is_none() {
            self.warnings.push("the window's width is unusable and the window was not applied".to_owned());
        }
        window
    }

    /// 8 bits without a window are a picture that was made for display. More bits are raw detector values, of which a
    /// film uses a part: the central 99 %, so that a marker or a hot pixel does not darken the rest.
    fn without_voi(&mut self, cells: &Cells) -> (Voi, String) {
        if self.format.bits_stored <= 8 {
            let (low, high) = self.modality.range(self.format);
            return (Voi::Range(low, high), format!("full range of {} bits", self.format.bits_stored));
        }
        let name = "percentile window 0.5-99.5".to_owned();
        match self.percentiles(cells) {
            Some((low, high)) if low < high => (Voi::Range(low, high), name),
            constant => {
                self.warnings.push("nearly all pixels have one value".to_owned());
                let (value, _) = constant.unwrap_or_default();
                (Voi::Range(value, value + 1.0), name)
            }
        }
    }

    /// The smallest modality values that 0.5 % and 99.5 % of the pixels do not exceed; `None` if all is padding.
    fn percentiles(&self, cells: &Cells) -> Option<(f64, f64)> {
        let mut counts = vec![0_u64; 1 << 16];
        for &cell in &cells.cells {
            counts[usize::from(cell)] += 1;
        }
        let mut values: Vec<(f64, u64)> = (0..=u16::MAX)
            .zip(counts)
            .filter(|&(_, count)| count > 0)
            .map(|(cell, count)| (self.format.stored_value(cell, self.low_bit), count))
            .filter(|&(stored, _)| !self.is_padding(stored))
            .map(|(stored, count)| (self.modality.apply(stored), count))
            .collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: u64 = values.iter().map(|(_, count)| count).sum();
        Some((quantile(&values, total, TAIL)?, quantile(&values, total, 1.0 - TAIL)?))
    }

    /// Whether black and white change places after the VOI transformation, which happens once however often it is said:
    /// PS3.3 §C.8.11.3.1.2 demands Presentation LUT Shape INVERSE *with* MONOCHROME1.
    fn inverted(&mut self) -> bool {
        let shape = self.elements.text(tags::PRESENTATION_LUT_SHAPE);
        let monochrome1 = self.format.photometric == Photometric::Monochrome1;
        match (shape.as_deref(), monochrome1) {
            (Some("INVERSE"), false) => {
                self.warnings
                    .push("Presentation LUT Shape is INVERSE although the image is MONOCHROME2; inverted".to_owned());
                true
            }
            (Some("IDENTITY"), true) => {
                let text = "Presentation LUT Shape is IDENTITY although the image is MONOCHROME1; inverted";
                self.warnings.push(text.to_owned());
                true
            }
            _ => monochrome1,
        }
    }
}

fn quantile(sorted: &[(f64, u64)], total: u64, fraction: f64) -> Option<f64> {
    let wanted = (total as f64 * fraction).ceil() as u64;
    let mut seen = 0;
    let reached = sorted.iter().find(|(_, count)| {
        seen += count;
        seen >= wanted
    });
    reached.map(|&(value, _)| value)
}

/// Pixel Padding Value (0028,0120), and Range Limit (0028,0121) on either side of it.
fn padding(elements: &Elements, format: &PixelFormat) -> Option<(i32, i32)> {
    let stored = |cell: u16| format.stored_value(cell, 0);
    let value = stored(elements.word(tags::PIXEL_PADDING_VALUE)?);
    let limit = elements.word(tags::PIXEL_PADDING_RANGE_LIMIT).map_or(value, stored);
    Some((value.min(limit), value.max(limit)))
}

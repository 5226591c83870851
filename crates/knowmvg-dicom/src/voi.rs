//! Lookup tables and window functions (PS3.3 §C.11).

use std::collections::BTreeMap;

use dicom_core::{Tag, VR};

use crate::dataset::{Element, words};
use crate::file::Encoding;
use crate::tags;

/// A lookup table (PS3.3 §C.11.1.1.1 and §C.11.2.1.1).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lut {
    first: i32,
    entries: Vec<u16>,
    bits: u16,
}

impl Lut {
    /// From the item of a Modality or VOI LUT Sequence; `None` if descriptor and data do not fit each other.
    pub fn read(item: &BTreeMap<Tag, Element>, encoding: Encoding, signed_input: bool) -> Option<Self> {
        let descriptor = item.get(&tags::LUT_DESCRIPTOR)?;
        let [count, first, bits] = *words(&descriptor.bytes, encoding).take(3).collect::<Vec<_>>() else { return None };
        // §C.11.1.1.1: "when the number of table entries is equal to 65536, the first value shall be 0".
        let count = if count == 0 { 65536 } else { usize::from(count) };
        let signed = descriptor.vr == VR::SS || (signed_input && encoding == Encoding::ImplicitLittle);
        let first = if signed { i32::from(first.cast_signed()) } else { i32::from(first) };
        let entries = entries(item.get(&tags::LUT_DATA)?, count, encoding)?;
        (1..=16).contains(&bits).then_some(Self { first, entries, bits })
    }

    /// The output for an input; inputs outside the table take its first or last entry.
    pub fn apply(&self, input: f64) -> f64 {
        let index = (input.round() - f64::from(self.first)).clamp(0.0, (self.entries.len() - 1) as f64);
        f64::from(self.entries[index as usize])
    }

    /// The largest output that the bits allow.
    pub fn maximum(&self) -> f64 {
        f64::from((1_u32 << self.bits) - 1)
    }
}

/// 16-bit entries, or 8-bit ones packed two to a word.
fn entries(data: &Element, count: usize, encoding: Encoding) -> Option<Vec<u16>> {
    if data.bytes.len() >= 2 * count {
        return Some(words(&data.bytes, encoding).take(count).collect());
    }
    (data.bytes.len() >= count).then(|| data.bytes[..count].iter().map(|&byte| u16::from(byte)).collect())
}

/// VOI LUT Function (0028,1056).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Linear,
    LinearExact,
    Sigmoid,
}

impl Function {
    /// The term in the standard.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "LINEAR",
            Self::LinearExact => "LINEAR_EXACT",
            Self::Sigmoid => "SIGMOID",
        }
    }
}

/// Window Center (0028,1050), Window Width (0028,1051) and the function between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Window {
    pub center: f64,
    pub width: f64,
    pub function: Function,
}

impl Window {
    /// `None` if the function has no value for this width (§C.11.2.1.2.1: at least 1; §C.11.2.1.3: above 0).
    pub fn new(center: f64, width: f64, function: Function) -> Option<Self> {
        let usable = match function {
            Function::Linear => width >= 1.0,
            Function::LinearExact | Function::Sigmoid => width > 0.0,
        };
        (usable && center.is_finite() && width.is_finite()).then_some(Self { center, width, function })
    }

    /// The displayed fraction, with `ymin = 0` and `ymax = 1`.
    pub fn apply(&self, x: f64) -> f64 {
        let Self { center: c, width: w, .. } = *self;
        match self.function {
            // PS3.3 §C.11.2.1.2.1:
            //   if (x <= c - 0.5 - (w-1)/2), then y = ymin
            //   else if (x > c - 0.5 + (w-1)/2), then y = ymax
            //   else y = ((x - (c - 0.5)) / (w-1) + 0.5) * (ymax - ymin) + ymin
            Function::Linear if x <= c - 0.5 - (w - 1.0) / 2.0 => 0.0,
            Function::Linear if x > c - 0.5 + (w - 1.0) / 2.0 => 1.0,
            Function::Linear => (x - (c - 0.5)) / (w - 1.0) + 0.5,
            // PS3.3 §C.11.2.1.3.2:
            //   if (x <= c - w/2), then y = ymin; else if (x > c + w/2), then y = ymax
            //   else y = ((x - c) / w + 0.5) * (ymax - ymin) + ymin
            Function::LinearExact => ((x - c) / w + 0.5).clamp(0.0, 1.0),
            // PS3.3 §C.11.2.1.3.1: y = (ymax - ymin) / (1 + exp(-4 * (x - c) / w)) + ymin
            Function::Sigmoid => 1.0 / (1.0 + (-4.0 * (x - c) / w).exp()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard() {
        // PS3.3 §C.11.2.1.2.1, note: c=2048, w=4096 becomes y = 0 for x <= 0, 1 for x > 4095, x / 4095 between.
        let window = Window::new(2048.0, 4096.0, Function::Linear).unwrap();
        assert_eq!([window.apply(0.0), window.apply(4095.0), window.apply(5000.0)], [0.0, 1.0, 1.0]);
        assert!((window.apply(1000.0) - 1000.0 / 4095.0).abs() < 1e-12);
        // c=2048, w=1: a threshold at 2047.5.
        let threshold = Window::new(2048.0, 1.0, Function::Linear).unwrap();
        assert_eq!([threshold.apply(2047.0), threshold.apply(2048.0)], [0.0, 1.0]);
    }

    #[test]
    fn exact_and_sigmoid_are_symmetric_about_the_center() {
        let exact = Window::new(100.0, 50.0, Function::LinearExact).unwrap();
        assert_eq!([exact.apply(75.0), exact.apply(100.0), exact.apply(125.0)], [0.0, 0.5, 1.0]);
        let sigmoid = Window::new(100.0, 50.0, Function::Sigmoid).unwrap();
        assert!((sigmoid.apply(125.0) - 1.0 / (1.0 + (-2.0_f64).exp())).abs() < 1e-12);
        assert!((sigmoid.apply(110.0) + sigmoid.apply(90.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn widths_without_a_value_are_refused() {
        assert!(Window::new(0.0, 0.5, Function::Linear).is_none());
        assert!(Window::new(0.0, 0.5, Function::LinearExact).is_some());
        assert!(Window::new(0.0, -1.0, Function::Sigmoid).is_none());
        assert!(Window::new(f64::NAN, 10.0, Function::Linear).is_none());
    }

    #[test]
    fn inputs_outside_a_table_take_its_ends() {
        let lut = Lut { first: -2, entries: vec![5, 6, 9], bits: 8 };
        assert_eq!([-9.0, -2.0, -1.0, 0.0, 70.0].map(|x| lut.apply(x)), [5.0, 5.0, 6.0, 9.0, 9.0]);
        assert_eq!(lut.maximum(), 255.0);
    }
}

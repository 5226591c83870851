use crate::{Error, Result};

/// A picture that is so much longer than wide is refused.
const MAX_ASPECT: f64 = 200.0;

/// The size nearest to a picture's whose sides are multiples of `factor` and which has between `min` and `max` pixels.
///
/// # Units
/// Pixels; height, then width.
///
/// # Errors
/// When a side is more than 200 times the other.
///
/// # Source
/// `smart_resize` of Qwen2-VL's image processor, transformers 5.23.0. Halves are rounded to even, as Python does.
pub fn smart_size([height, width]: [usize; 2], factor: usize, [min, max]: [usize; 2]) -> Result<[usize; 2]> {
    let [h, w] = [height, width].map(|side| side as f64);
    if h.max(w) > MAX_ASPECT * h.min(w) {
        return Err(Error::Input(format!("expected sides of at most 1 to {MAX_ASPECT}, found {height} x {width}")));
    }
    let unit = factor as f64;
    let near = [h, w].map(|side| (side / unit).round_ties_even() * unit);
    let pixels = near[0] * near[1];
    let size = if pixels > max as f64 {
        let shrink = (h * w / max as f64).sqrt();
        [h, w].map(|side| unit.max((side / shrink / unit).floor() * unit))
    } else if pixels < min as f64 {
        let grow = (min as f64 / (h * w)).sqrt();
        [h, w].map(|side| (side * grow / unit).ceil() * unit)
    } else {
        near
    };
    Ok(size.map(|side| side as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: [usize; 2] = [56 * 56, 28 * 28 * 1280];

    /// By transformers 5.23.0.
    #[test]
    fn is_the_size_of_the_reference() {
        assert_eq!(smart_size([100, 200], 28, LIMITS).unwrap(), [112, 196]);
        assert_eq!(smart_size([42, 70], 28, LIMITS).unwrap(), [56, 56]);
        assert_eq!(smart_size([10, 10], 28, LIMITS).unwrap(), [56, 56]);
        assert_eq!(smart_size([3000, 2500], 28, LIMITS).unwrap(), [1092, 896]);
    }

    #[test]
    fn refuses_stripes() {
        assert!(smart_size([1, 201], 28, LIMITS).is_err());
    }
}

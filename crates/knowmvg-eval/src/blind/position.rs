//! Nine positions of a box on the image, by its centre.

use knowmvg::geometry::{Box2, Model};

/// Number of positions.
pub const POSITIONS: usize = 9;

/// Upper ends of the patient's right third and of the middle, in fractions of the width.
const COLUMNS: [f64; 2] = [0.45, 0.55];
/// Upper ends of the top and of the middle, in fractions of the height.
const ROWS: [f64; 2] = [0.30, 0.60];

/// Number of the position of a box, row by row from the patient's upper right.
///
/// # Source
/// The words of position in the training rows of MRG-ChestX-ray8 follow these bounds without exception.
pub fn position(bounds: &Box2<Model>) -> usize {
    let [cx, cy, _, _] = bounds.cxcywh();
    let column = usize::from(cx >= COLUMNS[0]) + usize::from(cx > COLUMNS[1]);
    let row = usize::from(cy > ROWS[0]) + usize::from(cy > ROWS[1]);
    3 * row + column
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_middle_and_bounds() {
        let at = |cx: f64, cy: f64| position(&Box2::from_cxcywh([cx, cy, 0.0, 0.0]).unwrap());
        assert_eq!([at(0.1, 0.1), at(0.9, 0.1), at(0.5, 0.45), at(0.1, 0.9), at(0.9, 0.9)], [0, 2, 4, 6, 8]);
        assert_eq!([at(0.45, 0.3), at(0.55, 0.6), at(0.551, 0.601)], [1, 4, 8]);
    }
}

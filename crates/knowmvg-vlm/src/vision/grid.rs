use crate::{Error, Result};

/// Most patches of one image: 65,536, as many as published preprocessors allow.
pub const MAX_PATCHES: usize = 1 << 16;

/// How many patches an image has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Patches from top to bottom.
    pub rows: usize,
    /// Patches from left to right.
    pub columns: usize,
}

impl Grid {
    /// A grid whose sides are multiples of `merge`.
    ///
    /// # Errors
    /// When they are not, or there are more than [`MAX_PATCHES`] patches.
    pub fn new(rows: usize, columns: usize, merge: usize) -> Result<Self> {
        let sides = [rows, columns];
        let is_whole = sides.iter().all(|side| *side > 0 && side.is_multiple_of(merge) && *side <= MAX_PATCHES);
        if !is_whole || rows * columns > MAX_PATCHES {
            return Err(Error::Input(format!(
                "expected sides that are multiples of {merge} patches and at most {MAX_PATCHES} patches, found {rows} x {columns}"
            )));
        }
        Ok(Self { rows, columns })
    }

    /// Number of patches.
    pub fn patches(&self) -> usize {
        self.rows * self.columns
    }

    /// Rows and columns of squares of `merge * merge` patches.
    pub fn merged(&self, merge: usize) -> [usize; 2] {
        [self.rows / merge, self.columns / merge]
    }

    /// Tokens of the language model.
    pub fn tokens(&self, merge: usize) -> usize {
        self.patches() / (merge * merge)
    }

    /// Row and column of each patch, square by square, as patches are stored.
    pub fn places(&self, merge: usize) -> Vec<[usize; 2]> {
        let [rows, columns] = self.merged(merge);
        let mut places = Vec::with_capacity(self.patches());
        for row in 0..rows {
            for column in 0..columns {
                let inside = (0..merge * merge).map(|i| [row * merge + i / merge, column * merge + i % merge]);
                places.extend(inside);
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_go_square_by_square() {
        let grid = Grid::new(2, 4, 2).unwrap();
        assert_eq!(grid.places(2), [[0, 0], [0, 1], [1, 0], [1, 1], [0, 2], [0, 3], [1, 2], [1, 3]]);
        assert_eq!(grid.tokens(2), 2);
    }

    #[test]
    fn refuses_broken_squares_and_floods() {
        assert!(Grid::new(3, 4, 2).is_err());
        assert!(Grid::new(0, 4, 2).is_err());
        assert!(Grid::new(usize::MAX - 1, 4, 2).is_err());
        assert!(Grid::new(256, 258, 2).is_err());
    }
}

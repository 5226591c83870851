use super::grid::Grid;

/// The order in which patches stand so that each window's lie together.
///
/// # Source
/// `get_vision_window_index`, transformers 5.23.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowPlan {
    /// The square that stands at each place, counted over all images; squares are of `merge * merge` patches.
    pub squares: Vec<usize>,
    /// Number of patches of each window, in order.
    pub windows: Vec<usize>,
    /// Number of patches of each image, in order.
    pub images: Vec<usize>,
}

impl WindowPlan {
    /// The plan for several images; `window` is the side of a window in squares. Windows at the right and lower edges
    /// are smaller.
    pub fn new(grids: &[Grid], merge: usize, window: usize) -> Self {
        let mut plan = Self { squares: vec![], windows: vec![], images: vec![] };
        for grid in grids {
            plan.add(grid, merge, window);
        }
        plan
    }

    fn add(&mut self, grid: &Grid, merge: usize, window: usize) {
        let [rows, columns] = grid.merged(merge);
        let first = self.squares.len();
        for top in (0..rows).step_by(window) {
            for left in (0..columns).step_by(window) {
                let before = self.squares.len();
                for row in top..rows.min(top + window) {
                    self.squares.extend((left..columns.min(left + window)).map(|c| first + row * columns + c));
                }
                self.windows.push((self.squares.len() - before) * merge * merge);
            }
        }
        self.images.push(grid.patches());
    }

    /// The patch that stands at each place.
    pub fn patches(&self, merge: usize) -> Vec<usize> {
        let unit = merge * merge;
        self.squares.iter().flat_map(|square| square * unit..(square + 1) * unit).collect()
    }

    /// The place of each square: what undoes the order.
    pub fn places(&self) -> Vec<usize> {
        let mut places = vec![0; self.squares.len()];
        for (place, square) in self.squares.iter().enumerate() {
            places[*square] = place;
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_rows_of_squares_and_smaller_at_the_edges() {
        let plan = WindowPlan::new(&[Grid { rows: 6, columns: 6 }], 2, 2);
        assert_eq!(plan.squares, [0, 1, 3, 4, 2, 5, 6, 7, 8]);
        assert_eq!(plan.windows, [16, 8, 8, 4]);
        assert_eq!(plan.images, [36]);
    }

    #[test]
    fn places_undo_the_order() {
        let plan = WindowPlan::new(&[Grid { rows: 6, columns: 10 }, Grid { rows: 2, columns: 6 }], 2, 2);
        let restored: Vec<_> = plan.places().into_iter().map(|place| plan.squares[place]).collect();
        assert_eq!(restored, (0..18).collect::<Vec<_>>());
        assert_eq!(plan.windows.iter().sum::<usize>(), plan.images.iter().sum::<usize>());
    }
}

//! Where each token of a row stands: text in a line, images in time, rows and columns.

use crate::config::ImageTokens;
use crate::text::Position;
use crate::vision::Grid;
use crate::{Error, Result};

/// The positions of rows with images; padding stands at zero and does not count.
///
/// A run of text goes on by one per token. An image starts where the text ended: its tokens stand at that number in time,
/// and at it plus their row and column in the other two; what follows goes on after the longer side.
///
/// # Shapes
/// - `ids`, `is_token`: `[batch, tokens]`; returns the same
/// - `grids`: of all images, in the order in which the rows show them
///
/// # Errors
/// When a row's image tokens are not as many as its images have, or a video is asked for.
///
/// # Source
/// `get_rope_index` of Qwen2.5-VL and Qwen3-VL, transformers 5.23.0: they differ in videos alone.
///
/// # Departures
/// There, image tokens side by side are one image; here, each image takes as many as its grid has.
pub fn positions(
    ids: &[Vec<u32>],
    is_token: &[Vec<bool>],
    grids: &[Grid],
    merge: usize,
    tokens: ImageTokens,
) -> Result<Vec<Vec<Position>>> {
    let mut grids = grids.iter();
    let rows = ids.iter().zip(is_token).map(|(ids, is_token)| {
        let mut line = Line { next: 0, image: vec![] };
        let places = ids
            .iter()
            .zip(is_token)
            .map(|(id, is_token)| if *is_token { line.step(*id, &mut grids, merge, tokens) } else { Ok([0; 3]) });
        let places = places.collect::<Result<Vec<_>>>()?;
        if line.image.is_empty() { Ok(places) } else { Err(mismatch("fewer")) }
    });
    let rows = rows.collect::<Result<Vec<_>>>()?;
    if grids.next().is_some() { Err(mismatch("fewer")) } else { Ok(rows) }
}

/// A row as it is read.
struct Line {
    /// Where the next text token stands.
    next: i64,
    /// What is left of the image that is being read, last token first.
    image: Vec<Position>,
}

impl Line {
    fn step<'a>(
        &mut self,
        id: u32,
        grids: &mut impl Iterator<Item = &'a Grid>,
        merge: usize,
        tokens: ImageTokens,
    ) -> Result<Position> {
        if id == tokens.video {
            return Err(Error::Input("expected text and images, found a token of a video".into()));
        }
        if id != tokens.image {
            self.next += 1;
            return if self.image.is_empty() { Ok([self.next - 1; 3]) } else { Err(mismatch("fewer")) };
        }
        if self.image.is_empty() {
            self.begin(grids.next().ok_or_else(|| mismatch("more"))?, merge);
        }
        self.image.pop().ok_or_else(|| mismatch("more"))
    }

    fn begin(&mut self, grid: &Grid, merge: usize) {
        let [rows, columns] = grid.merged(merge).map(|side| side as i64);
        let start = self.next;
        let places = (0..rows).flat_map(|row| (0..columns).map(move |c| [start, start + row, start + c]));
        self.image = places.collect();
        self.image.reverse();
        self.next += rows.max(columns);
    }
}

fn mismatch(how: &str) -> Error {
    Error::Input(format!("expected one image token per square of patches, found {how}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: ImageTokens = ImageTokens { image: 9, video: 8 };

    fn of(ids: &[u32], grids: &[Grid]) -> Result<Vec<Position>> {
        Ok(positions(&[ids.to_vec()], &[vec![true; ids.len()]], grids, 2, TOKENS)?.remove(0))
    }

    #[test]
    fn an_image_spreads_and_text_goes_on_after_its_longer_side() {
        let found = of(&[1, 9, 9, 9, 2], &[Grid { rows: 2, columns: 6 }]).unwrap();
        assert_eq!(found, [[0; 3], [1, 1, 1], [1, 1, 2], [1, 1, 3], [4; 3]]);
    }

    #[test]
    fn two_images_side_by_side_are_two() {
        let grid = Grid { rows: 2, columns: 2 };
        assert_eq!(of(&[9, 9, 1], &[grid, grid]).unwrap(), [[0; 3], [1; 3], [2; 3]]);
    }

    #[test]
    fn refuses_too_few_and_too_many() {
        let grid = Grid { rows: 2, columns: 4 };
        for ids in [&[9, 1][..], &[9], &[9, 9, 9], &[1, 2], &[8]] {
            assert!(of(ids, &[grid]).is_err(), "{ids:?}");
        }
    }
}

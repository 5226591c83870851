use burn::tensor::{Device, Tensor, TensorData};

/// Added to the score of what may not be seen. Finite, so that no row of scores can become NaN.
const HIDDEN: f32 = -1e30;

/// What each new token may attend to: itself, and every token before it in its row that is not padding.
///
/// A padded place sees itself only. Nothing reads it, but a row of scores without any key would be NaN, and NaN times a
/// weight of zero is NaN in the rows that are read.
///
/// `None` where everything may be seen, which is the case of one new token after a past without padding.
///
/// # Shapes
/// - `is_token`: of each row, past and new places, `[batch, past + new]`
/// - returns `[batch, 1, new, past + new]`: zero, or [`HIDDEN`]
pub(super) fn hide(is_token: &[Vec<bool>], new: usize, device: &Device) -> Option<Tensor<4>> {
    if new == 1 && is_token.iter().flatten().all(|is_token| *is_token) {
        return None;
    }
    let places = is_token.first().map_or(0, Vec::len);
    let mut scores = Vec::with_capacity(is_token.len() * new * places);
    for row in is_token {
        for query in places - new..places {
            scores.extend((0..places).map(|key| if may_attend(row, query, key) { 0.0 } else { HIDDEN }));
        }
    }
    Some(Tensor::from_data(TensorData::new(scores, [is_token.len(), 1, new, places]), device))
}

fn may_attend(is_token: &[bool], query: usize, key: usize) -> bool {
    key == query || (key < query && is_token[key])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(is_token: &[Vec<bool>], new: usize) -> Vec<u8> {
        let mask = hide(is_token, new, &Device::flex()).unwrap();
        mask.try_to_vec_as::<f32>().unwrap().into_iter().map(|score| u8::from(score == 0.0)).collect()
    }

    #[test]
    fn sees_itself_and_what_came_before_and_no_padding() {
        assert_eq!(seen(&[vec![true; 3]], 3), [1, 0, 0, 1, 1, 0, 1, 1, 1]);
        assert_eq!(seen(&[vec![false, true, true]], 3), [1, 0, 0, 0, 1, 0, 0, 1, 1]);
        assert_eq!(seen(&[vec![true, false, true, true]], 2), [1, 0, 1, 0, 1, 0, 1, 1]);
    }

    #[test]
    fn each_row_has_its_own_padding() {
        assert_eq!(seen(&[vec![true; 2], vec![false, true]], 1), [1, 1, 0, 1]);
    }

    #[test]
    fn nothing_is_hidden_from_one_new_token_after_tokens() {
        assert!(hide(&[vec![true; 4]], 1, &Device::flex()).is_none());
    }
}

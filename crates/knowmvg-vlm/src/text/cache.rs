use super::attention::KeysValues;
use super::model::TextBatch;
use super::rotary::Position;

/// What a language model remembers of the rows it has read.
#[derive(Debug, Clone, Default)]
pub struct Cache {
    pub(super) layers: Vec<Option<KeysValues>>,
    /// Which places of each row hold a token and not padding.
    pub(super) is_token: Vec<Vec<bool>>,
    /// One past the highest position of each row.
    next_positions: Vec<i64>,
}

impl Cache {
    /// Places per row that are remembered, padding included.
    pub fn len(&self) -> usize {
        self.is_token.first().map_or(0, Vec::len)
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Positions of `count` text tokens that follow what is remembered, for each row.
    pub fn continued(&self, count: usize) -> Vec<Vec<Position>> {
        self.next_positions.iter().map(|next| (*next..).take(count).map(|place| [place; 3]).collect()).collect()
    }

    /// Makes room for a batch: notes which of its places hold tokens and where its rows end.
    pub(super) fn admit(&mut self, batch: &TextBatch, layers: usize) {
        let rows = batch.is_token.len();
        self.layers.resize(layers, None);
        self.is_token.resize(rows, vec![]);
        self.next_positions.resize(rows, 0);
        for (row, (is_token, positions)) in batch.is_token.iter().zip(&batch.positions).enumerate() {
            let tokens = positions.iter().zip(is_token).filter(|(_, is_token)| **is_token);
            let last = tokens.flat_map(|(position, _)| position).max();
            self.next_positions[row] = last.map_or(0, |last| last + 1).max(self.next_positions[row]);
            self.is_token[row].extend(is_token);
        }
    }
}

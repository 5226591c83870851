//! McNemar's exact test: do two systems fail equally often on the same statements?

use crate::scores::McNemar;

/// Of `(a is right, b is right)`.
///
/// # Source
/// McNemar, *Psychometrika* 12, 1947, with the exact binomial distribution: where both or neither is right, nothing is learnt.
pub fn mcnemar(pairs: impl IntoIterator<Item = (bool, bool)>) -> McNemar {
    let (mut only_a, mut only_b) = (0, 0);
    for (a, b) in pairs {
        only_a += usize::from(a && !b);
        only_b += usize::from(b && !a);
    }
    McNemar { only_a, only_b, p: two_sided(only_a.min(only_b), only_a + only_b) }
}

/// Chance that of `n` fair coins at most `fewer` fall on one side or on the other.
fn two_sided(fewer: usize, n: usize) -> f64 {
    // The terms underflow long before their sum matters, so they are kept as logarithms until they are added.
    let mut log_term = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = log_term.exp();
    for k in 1..=fewer {
        log_term += ((n - k + 1) as f64).ln() - (k as f64).ln();
        tail += log_term.exp();
    }
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_disagreement_counts() {
        let agree = [(true, true), (false, false), (true, true)];
        assert_eq!(mcnemar(agree), McNemar { only_a: 0, only_b: 0, p: 1.0 });
        let five_to_none = [(true, false); 5].into_iter().chain(agree);
        assert_eq!(mcnemar(five_to_none).only_a, 5);
        assert!((mcnemar([(true, false); 5]).p - 2.0 / 32.0).abs() < 1e-15);
    }
}

//! Whether a confidence of 0.7 is right seven times in ten.

use knowmvg::eval::Resampling;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::bootstrap::Clustered;
use crate::scores::{Calibration, ReliabilityBin};

/// Bins of equal width, and of equally many.
pub const BINS: usize = 15;

/// A stated confidence and what came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claim {
    /// In `[0, 1]`.
    pub confidence: f64,
    /// Whether the box has an IoU of at least 0.5 with the true one.
    pub is_hit: bool,
}

/// Scores `(patient, claim)`; `None` without claims.
pub fn calibration(claims: &[(&str, Claim)], resampling: Resampling) -> Option<Calibration> {
    let mut sorted = claims.to_vec();
    sorted.sort_by(|(_, a), (_, b)| a.confidence.total_cmp(&b.confidence));
    let alone: Vec<Claim> = sorted.iter().map(|(_, claim)| *claim).collect();
    let (bins, ece_by_chance) = (bins(&alone), ece_by_chance(&alone, resampling)?);
    let clustered = Clustered::new(sorted);
    Some(Calibration {
        ece: clustered.metric(resampling, ece)?,
        ece_by_chance,
        adaptive_ece: clustered.metric(resampling, adaptive_ece)?,
        brier: clustered.metric(resampling, brier)?,
        bins,
    })
}

/// Expected calibration error over bins of equal width, `[i / 15, (i + 1) / 15)`; the last one holds 1 too.
///
/// # Source
/// Guo et al., *On calibration of modern neural networks*, ICML 2017, eq. 3 (there with the upper ends included).
pub fn ece(claims: &[Claim]) -> Option<f64> {
    let error = |bin: &ReliabilityBin| bin.n as f64 * (bin.confidence - bin.accuracy).abs();
    (!claims.is_empty()).then(|| bins(claims).iter().map(error).sum::<f64>() / claims.len() as f64)
}

/// Mean [`ece`] of a system with the same confidences, all of them exact: hits are drawn as the confidences say, each claim
/// by itself.
///
/// # Source
/// The null distribution of Bröcker and Smith, *Increasing the reliability of reliability diagrams*, Weather and Forecasting
/// 22, 2007.
pub fn ece_by_chance(claims: &[Claim], resampling: Resampling) -> Option<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(resampling.seed);
    let mut drawn = |claim: &Claim| Claim { is_hit: rng.random_bool(claim.confidence.clamp(0.0, 1.0)), ..*claim };
    let draws = (0..resampling.resamples).map(|_| ece(&claims.iter().map(&mut drawn).collect::<Vec<_>>()));
    let total: f64 = draws.sum::<Option<f64>>()?;
    Some(total / resampling.resamples.max(1) as f64)
}

/// Expected calibration error over 15 bins of equally many claims, sorted by confidence; the first bins hold one more where
/// they cannot be equal. Equally confident claims that a bin's edge parts count with their mean share of hits on both sides.
///
/// # Source
/// Nixon et al., *Measuring calibration in deep learning*, CVPR Workshops 2019, §4 (adaptive bins, one class).
pub fn adaptive_ece(sorted: &[Claim]) -> Option<f64> {
    let hit = |claim: &Claim| f64::from(claim.is_hit);
    let gaps = sorted.chunk_by(|a, b| a.confidence == b.confidence).flat_map(|tied| {
        let rate = tied.iter().map(hit).sum::<f64>() / tied.len() as f64;
        std::iter::repeat_n(tied[0].confidence - rate, tied.len())
    });
    let gaps: Vec<f64> = gaps.collect();
    let (size, longer) = (gaps.len() / BINS, gaps.len() % BINS);
    let start = |bin: usize| bin * size + bin.min(longer);
    let errors = (0..BINS).map(|bin| gaps[start(bin)..start(bin + 1)].iter().sum::<f64>().abs());
    (!gaps.is_empty()).then(|| errors.sum::<f64>() / gaps.len() as f64)
}

/// Mean squared difference between confidence and hit.
///
/// # Source
/// Brier, *Monthly Weather Review* 78, 1950, for one of two classes.
pub fn brier(claims: &[Claim]) -> Option<f64> {
    let error = |claim: &Claim| (claim.confidence - f64::from(claim.is_hit)).powi(2);
    (!claims.is_empty()).then(|| claims.iter().map(error).sum::<f64>() / claims.len() as f64)
}

fn bins(claims: &[Claim]) -> Vec<ReliabilityBin> {
    let mut sums = [(0_usize, 0.0, 0.0); BINS];
    for claim in claims {
        let bin = ((claim.confidence * BINS as f64) as usize).min(BINS - 1);
        sums[bin].0 += 1;
        sums[bin].1 += claim.confidence;
        sums[bin].2 += f64::from(claim.is_hit);
    }
    let edge = |i: usize| i as f64 / BINS as f64;
    let bar = |(i, (n, confidence, hits)): (usize, (usize, f64, f64))| {
        let mean = |sum: f64| sum / n as f64;
        ReliabilityBin { low: edge(i), high: edge(i + 1), n, confidence: mean(confidence), accuracy: mean(hits) }
    };
    sums.into_iter().enumerate().filter(|(_, (n, _, _))| *n > 0).map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(confidence: f64, hits: usize, misses: usize) -> Vec<Claim> {
        let claim = |i: usize| Claim { confidence, is_hit: i < hits };
        (0..hits + misses).map(claim).collect()
    }

    #[test]
    fn an_honest_system_has_no_error_and_a_boaster_has() {
        let honest = [claims(0.25, 1, 3), claims(0.75, 3, 1)].concat();
        assert_eq!([ece(&honest), adaptive_ece(&honest)], [Some(0.0), Some(0.0)]);
        let boaster = claims(1.0, 1, 3);
        assert_eq!([ece(&boaster), adaptive_ece(&boaster), brier(&boaster)], [Some(0.75), Some(0.75), Some(0.75)]);
    }

    #[test]
    fn a_certain_claim_is_in_the_last_bin() {
        let found = bins(&claims(1.0, 1, 0));
        assert_eq!((found.len(), found[0].low, found[0].high), (1, 14.0 / 15.0, 1.0));
    }

    #[test]
    fn the_order_of_equally_confident_claims_does_not_matter() {
        let mut tied = claims(0.5, 20, 17);
        let before = adaptive_ece(&tied);
        tied.reverse();
        assert_eq!(adaptive_ece(&tied), before);
        assert!((before.unwrap() - (20.0 / 37.0 - 0.5)).abs() < 1e-12);
    }

    /// One claim of 0.3 misses by 0.3 seven times in ten, by 0.7 three times: 0.42. Of many claims, chance leaves little.
    #[test]
    fn chance_alone_is_the_binomial_error_of_the_bins() {
        let chance = |claims: &[Claim]| ece_by_chance(claims, Resampling { resamples: 4_000, seed: 1 }).unwrap();
        let one = chance(&claims(0.3, 0, 1));
        assert!((one - 0.42).abs() < 0.01, "{one}"); // three standard errors of 4,000 draws: 0.009
        // Mean distance of a binomial share from its mean, about sqrt(2 p (1 - p) / (pi n)).
        let many = chance(&claims(0.3, 0, 400));
        assert!((many - (2.0 * 0.21 / (std::f64::consts::PI * 400.0)).sqrt()).abs() < 1e-3, "{many}");
        assert_eq!(chance(&claims(1.0, 0, 5)), 0.0);
    }

    #[test]
    fn nothing_claimed_is_nothing_measured() {
        assert_eq!([ece(&[]), adaptive_ece(&[]), brier(&[])], [None; 3]);
        assert_eq!(ece_by_chance(&[], Resampling::default()), None);
        assert_eq!(calibration(&[], Resampling::default()), None);
    }
}

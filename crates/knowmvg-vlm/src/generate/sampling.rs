use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How the next token is chosen.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Sampling {
    /// Always the likeliest; the first of equals.
    #[default]
    Greedy,
    /// By chance.
    Random {
        /// Logits are divided by it: below 1 the likely become likelier.
        temperature: f32,
        /// Only so many of the likeliest are considered; `None` for all.
        top_k: Option<usize>,
        /// Only the likeliest that together have this probability are considered; 1 for all.
        top_p: f32,
        /// The same seed gives the same answer.
        seed: u64,
    },
}

/// Chooses tokens, one after the other.
pub struct Sampler {
    sampling: Sampling,
    random: ChaCha8Rng,
}

impl Sampler {
    /// A sampler at its start.
    ///
    /// # Errors
    /// When the temperature is not above 0, no token may be considered, or `top_p` is not in (0, 1].
    pub fn new(sampling: &Sampling) -> Result<Self, String> {
        let mut start = 0;
        if let Sampling::Random { temperature, top_k, top_p, seed } = sampling {
            if !(temperature.is_finite() && *temperature > 0.0) {
                return Err(format!(
                    "expected a temperature above 0, found {temperature}; greedy is a mode of its own"
                ));
            }
            if *top_k == Some(0) || !(*top_p > 0.0 && *top_p <= 1.0) {
                return Err(format!("expected top_k from 1 on and top_p in (0, 1], found {top_k:?} and {top_p}"));
            }
            start = *seed;
        }
        Ok(Self { sampling: sampling.clone(), random: ChaCha8Rng::seed_from_u64(start) })
    }

    /// The next token, or `None` if no logit is a number.
    pub fn choose(&mut self, logits: &[f32]) -> Option<u32> {
        match self.sampling {
            Sampling::Greedy => likeliest(logits),
            Sampling::Random { temperature, top_k, top_p, .. } => {
                let choices = considered(logits, temperature, top_k, top_p);
                draw(&choices, self.random.random::<f64>())
            }
        }
    }
}

fn likeliest(logits: &[f32]) -> Option<u32> {
    let numbers = logits.iter().zip(0u32..).filter(|(logit, _)| !logit.is_nan());
    numbers.max_by(|a, b| a.0.total_cmp(b.0).then(b.1.cmp(&a.1))).map(|(_, id)| id)
}

/// Tokens with their probabilities, likeliest first: divided by the temperature, then the best `top_k`, then those that
/// reach `top_p` together, in the order in which transformers applies them.
fn considered(logits: &[f32], temperature: f32, top_k: Option<usize>, top_p: f32) -> Vec<(u32, f64)> {
    let numbers = logits.iter().zip(0u32..).filter(|(logit, _)| !logit.is_nan());
    let mut choices: Vec<(u32, f64)> = numbers.map(|(logit, id)| (id, f64::from(logit / temperature))).collect();
    choices.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    choices.truncate(top_k.unwrap_or(usize::MAX));
    let highest = choices.first().map_or(0.0, |(_, score)| *score);
    for (_, score) in &mut choices {
        *score = (*score - highest).exp();
    }
    let total: f64 = choices.iter().map(|(_, weight)| weight).sum();
    let mut reached = 0.0;
    let kept = choices.iter().take_while(|(_, weight)| {
        let is_needed = reached < f64::from(top_p) * total;
        reached += weight;
        is_needed
    });
    let kept = kept.count();
    choices.truncate(kept);
    let total: f64 = choices.iter().map(|(_, weight)| weight).sum();
    choices.into_iter().map(|(id, weight)| (id, weight / total)).collect()
}

fn draw(choices: &[(u32, f64)], chance: f64) -> Option<u32> {
    let mut sum = 0.0;
    let hit = choices.iter().find(|(_, probability)| {
        sum += probability;
        chance < sum
    });
    // Rounding may leave the sum below 1 by a hair.
    hit.or(choices.last()).map(|(id, _)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(temperature: f32, top_k: Option<usize>, top_p: f32, seed: u64) -> Sampling {
        Sampling::Random { temperature, top_k, top_p, seed }
    }

    fn drawn(sampling: &Sampling, logits: &[f32], count: usize) -> Vec<u32> {
        let mut sampler = Sampler::new(sampling).unwrap();
        (0..count).map(|_| sampler.choose(logits).unwrap()).collect()
    }

    #[test]
    fn greedy_takes_the_first_of_the_likeliest_and_no_nan() {
        assert_eq!(likeliest(&[0.0, 3.0, f32::NAN, 3.0]), Some(1));
        assert_eq!(likeliest(&[f32::NAN]), None);
    }

    #[test]
    fn probabilities_are_the_softmax_of_what_is_kept() {
        let logits = [1.0f32.ln(), 4.0f32.ln(), 2.0f32.ln(), 1.0f32.ln()];
        let near = |found: Vec<(u32, f64)>, expected: &[(u32, f64)]| {
            assert_eq!(found.len(), expected.len(), "{found:?}");
            let is_near = found.iter().zip(expected).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-6);
            assert!(is_near, "{found:?}");
        };
        near(considered(&logits, 1.0, None, 1.0), &[(1, 0.5), (2, 0.25), (0, 0.125), (3, 0.125)]);
        near(considered(&logits, 0.5, Some(2), 1.0), &[(1, 0.8), (2, 0.2)]);
        near(considered(&logits, 1.0, None, 0.6), &[(1, 2.0 / 3.0), (2, 1.0 / 3.0)]);
        near(considered(&logits, 1.0, None, 0.01), &[(1, 1.0)]);
    }

    #[test]
    fn draws_come_as_often_as_they_are_likely() {
        let logits = [0.0, 3.0f32.ln()];
        let ones: u32 = drawn(&random(1.0, None, 1.0, 7), &logits, 4000).iter().sum();
        // Three standard deviations of a binomial with p = 0.75 are 82.
        assert!(ones.abs_diff(3000) < 82, "{ones}");
    }

    #[test]
    fn a_seed_repeats_and_another_does_not() {
        let logits: Vec<f32> = (0..50).map(|i| (i as f32).sin()).collect();
        let once = drawn(&random(1.0, None, 0.9, 3), &logits, 30);
        assert_eq!(once, drawn(&random(1.0, None, 0.9, 3), &logits, 30));
        assert_ne!(once, drawn(&random(1.0, None, 0.9, 4), &logits, 30));
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        for wrong in [random(0.0, None, 1.0, 0), random(f32::NAN, None, 1.0, 0), random(1.0, Some(0), 1.0, 0)] {
            assert!(Sampler::new(&wrong).is_err());
        }
        assert!(Sampler::new(&random(1.0, None, 0.0, 0)).is_err());
        assert!(Sampler::new(&random(1.0, None, 1.1, 0)).is_err());
    }
}

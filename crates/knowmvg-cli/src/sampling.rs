//! `--temperature`, `--top-p`, `--seed`: how a language model chooses its words.

use clap::Args;
use knowmvg_vlm::Sampling;

/// How a language model answers: always the likeliest word, unless a temperature is given.
#[derive(Debug, Clone, Args)]
pub struct SamplingArgs {
    /// Let a language model draw its words by chance: above 0, likelier words below 1
    #[arg(long, value_name = "T", value_parser = temperature)]
    temperature: Option<f32>,
    /// Draw from the likeliest words that together have this probability
    #[arg(long, value_name = "P", default_value = "1", requires = "temperature", value_parser = share)]
    top_p: f32,
    /// The same seed gives the same words
    #[arg(long, value_name = "N", default_value_t = 0, requires = "temperature")]
    seed: u64,
}

impl SamplingArgs {
    /// What was asked for.
    pub fn sampling(&self) -> Sampling {
        match self.temperature {
            None => Sampling::Greedy,
            Some(temperature) => Sampling::Random { temperature, top_k: None, top_p: self.top_p, seed: self.seed },
        }
    }
}

fn temperature(text: &str) -> Result<f32, &'static str> {
    let number = text.parse().ok().filter(|number: &f32| number.is_finite() && *number > 0.0);
    number.ok_or("expected a number above 0; without --temperature, the likeliest words are taken")
}

fn share(text: &str) -> Result<f32, &'static str> {
    let number = text.parse().ok().filter(|number: &f32| *number > 0.0 && *number <= 1.0);
    number.ok_or("expected a number above 0 and up to 1")
}

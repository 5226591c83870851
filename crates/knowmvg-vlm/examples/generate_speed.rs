//! Times a language model: a prompt of repeated words, then as many tokens as asked for, whatever they are. Prints one line of
//! JSON for `bench/vlm_speed.py`.
//!
//! ```sh
//! cargo run --release -p knowmvg-vlm --example generate_speed -- language.gguf stored 256 64
//! ```

use std::path::Path;
use std::time::Instant;

use knowmvg_vlm::quantized::Kernel;
use knowmvg_vlm::text::{Cache, TextBatch};
use knowmvg_vlm::{LoadOptions, VisionLanguageModel, Weights};

/// What is repeated until the prompt is long enough.
const WORDS: &str = "The left lung base shows a small pleural effusion. ";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, path, weights, prompt, new] = &arguments[..] else {
        return Err("usage: generate_speed <model> full|stored|int8 <prompt tokens> <new tokens>".into());
    };
    let options = LoadOptions {
        weights: match weights.as_str() {
            "full" => Weights::Full,
            "stored" => Weights::AsStored,
            "int8" => Weights::Int8,
            other => return Err(format!("expected full, stored or int8, found {other}").into()),
        },
    };
    let start = Instant::now();
    let model = VisionLanguageModel::load_with(Path::new(path), &options)?;
    let load = start.elapsed();
    let (prompt, new): (usize, usize) = (prompt.parse()?, new.parse()?);
    let words = model.tokenizer().encode(WORDS)?;
    let ids: Vec<u32> = words.iter().copied().cycle().take(prompt).collect();

    // Once to warm up: the first run pays for threads and pages.
    decode(&model, &ids[..prompt.min(16)], 4)?;
    let timed = decode(&model, &ids, new)?;
    let line = serde_json::json!({
        "implementation": format!("knowmvg-{weights}"),
        "version": env!("CARGO_PKG_VERSION"),
        "kernel": Kernel::best().name(),
        "words": words,
        "load_ms": load.as_secs_f64() * 1e3,
        "prompt_tokens": prompt,
        "prompt_tokens_per_s": prompt as f64 / timed.prompt.wall,
        "prompt_cpu_ms": timed.prompt.cpu.map(|cpu| cpu * 1e3 / prompt as f64),
        "new_tokens": new,
        "new_tokens_per_s": new as f64 / timed.new.wall,
        "new_cpu_ms": timed.new.cpu.map(|cpu| cpu * 1e3 / new as f64),
        "text": model.tokenizer().decode(&timed.ids)?,
        "ids": timed.ids,
    });
    println!("{line}");
    Ok(())
}

/// What the two parts took, and the tokens.
struct Timed {
    prompt: Seconds,
    new: Seconds,
    ids: Vec<u32>,
}

/// Since a moment.
struct Seconds {
    wall: f64,
    /// Of all threads: what another program takes of the processor meanwhile is not in it.
    cpu: Option<f64>,
}

struct Clock {
    wall: Instant,
    cpu: Option<f64>,
}

impl Clock {
    fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu_seconds() }
    }

    fn stop(&self) -> Seconds {
        let cpu = cpu_seconds().zip(self.cpu).map(|(now, then)| now - then);
        Seconds { wall: self.wall.elapsed().as_secs_f64(), cpu }
    }
}

/// What this process has had of the processor, where the system says so in hundredths of a second.
fn cpu_seconds() -> Option<f64> {
    let line = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold spaces; user and system time are fields 14 and 15.
    let (_, fields) = line.rsplit_once(") ")?;
    let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<f64>().ok()).sum::<Option<f64>>()?;
    Some(ticks / 100.0)
}

/// Reads the prompt and its likeliest continuation, which does not end.
fn decode(model: &VisionLanguageModel, prompt: &[u32], new: usize) -> Result<Timed, Box<dyn std::error::Error>> {
    let language = model.language();
    let mut cache = Cache::default();
    let start = Clock::start();
    let batch = TextBatch::of_text(language, &[prompt.to_vec()], vec![vec![true; prompt.len()]])?;
    let mut next = likeliest(model, batch, &mut cache)?;
    let read = start.stop();
    let start = Clock::start();
    let mut ids = vec![next];
    for _ in 0..new {
        let batch = TextBatch::without_images(language.embed(&[vec![next]])?, vec![vec![true]], cache.continued(1));
        next = likeliest(model, batch, &mut cache)?;
        ids.push(next);
    }
    Ok(Timed { prompt: read, new: start.stop(), ids })
}

fn likeliest(
    model: &VisionLanguageModel,
    batch: TextBatch,
    cache: &mut Cache,
) -> Result<u32, Box<dyn std::error::Error>> {
    let rows = model.language().hidden_states(batch, cache)?;
    let [_, tokens, _] = rows.dims();
    let logits: Vec<f32> = model.language().logits(rows.narrow(1, tokens - 1, 1)).try_to_vec_as()?;
    let best = (0u32..).zip(&logits).max_by(|a, b| a.1.total_cmp(b.1)).map(|(id, _)| id);
    best.ok_or_else(|| "the vocabulary is empty".into())
}

//! [`Metrics`]: what the server counts, in the text form of Prometheus.
//!
//! Labels are routes, methods, status codes and stages: all from fixed lists, none from a request.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Upper bounds of the buckets.
///
/// # Units
/// Seconds.
const BOUNDS: [f64; 10] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0];

/// Upper bounds of the buckets of batches.
const SIZES: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];

/// A step of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Bytes to grey levels.
    Read,
    /// Grey levels to features, lungs included.
    Encode,
    /// Words to boxes.
    Ground,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Encode => "encode",
            Self::Ground => "ground",
        }
    }
}

/// Counters since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    requests: BTreeMap<(String, &'static str, u16), u64>,
    stages: BTreeMap<Stage, Histogram>,
    batch_requests: Sizes,
    batch_phrases: Sizes,
}

/// How large batches were.
#[derive(Debug, Default)]
struct Sizes {
    /// Per bucket, the last one without a bound; not cumulative.
    buckets: [u64; SIZES.len() + 1],
    sum: u64,
}

impl Sizes {
    fn add(&mut self, size: usize) {
        self.buckets[SIZES.iter().position(|bound| size <= *bound).unwrap_or(SIZES.len())] += 1;
        self.sum += size as u64;
    }

    fn write(&self, text: &mut String, name: &str, help: &str) {
        header(text, name, help, "histogram");
        let mut below = 0;
        let bounds = SIZES.iter().map(usize::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(self.buckets) {
            below += count;
            let _ = writeln!(text, "knowmvg_{name}_bucket{{le=\"{bound}\"}} {below}");
        }
        let _ = writeln!(text, "knowmvg_{name}_sum {}\nknowmvg_{name}_count {below}", self.sum);
    }
}

#[derive(Debug, Default)]
struct Histogram {
    /// Per bucket, the last one without a bound; not cumulative.
    buckets: [u64; BOUNDS.len() + 1],
    sum: f64,
}

/// What is true at the moment of asking.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub running: usize,
    pub waiting: usize,
    pub sessions: usize,
    pub jobs: usize,
}

impl Metrics {
    pub fn answered(&self, route: &str, method: &'static str, status: u16) {
        *self.lock().requests.entry((route.to_owned(), method, status)).or_default() += 1;
    }

    pub fn took(&self, stage: Stage, time: Duration) {
        let seconds = time.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        let mut counts = self.lock();
        let histogram = counts.stages.entry(stage).or_default();
        histogram.buckets[bucket] += 1;
        histogram.sum += seconds;
    }

    /// A pass of the decoder for several requests, or for one where others might have been.
    pub fn decoded(&self, requests: usize, phrases: usize) {
        let mut counts = self.lock();
        counts.batch_requests.add(requests);
        counts.batch_phrases.add(phrases);
    }

    /// The text that Prometheus reads.
    pub fn text(&self, now: Now) -> String {
        let mut text = String::new();
        let counts = self.lock();
        counter(&mut text, &counts.requests);
        histograms(&mut text, &counts.stages);
        counts.batch_requests.write(
            &mut text,
            "batch_requests",
            "Requests of each batch; none without --batch-phrases.",
        );
        counts.batch_phrases.write(&mut text, "batch_phrases", "Phrases of each batch.");
        let gauges = [
            ("requests_running", "Requests and jobs at a worker.", now.running),
            ("requests_waiting", "Requests and jobs that arrive or wait for a worker.", now.waiting),
            ("sessions", "Encoded images that are kept.", now.sessions),
            ("jobs", "Jobs that are kept.", now.jobs),
        ];
        for (name, help, value) in gauges {
            header(&mut text, name, help, "gauge");
            let _ = writeln!(text, "knowmvg_{name} {value}");
        }
        header(&mut text, "build_info", "The version that runs.", "gauge");
        let _ = writeln!(text, "knowmvg_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
        text
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn header(text: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(text, "# HELP knowmvg_{name} {help}\n# TYPE knowmvg_{name} {kind}");
}

fn counter(text: &mut String, requests: &BTreeMap<(String, &'static str, u16), u64>) {
    header(text, "requests_total", "Requests that were answered.", "counter");
    for ((route, method, status), count) in requests {
        let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
        let _ = writeln!(text, "knowmvg_requests_total{{{labels}}} {count}");
    }
}

fn histograms(text: &mut String, stages: &BTreeMap<Stage, Histogram>) {
    header(text, "stage_seconds", "Time of each step of the work.", "histogram");
    for (stage, histogram) in stages {
        let stage = stage.name();
        let mut below = 0;
        let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(histogram.buckets) {
            below += count;
            let _ = writeln!(text, "knowmvg_stage_seconds_bucket{{stage=\"{stage}\",le=\"{bound}\"}} {below}");
        }
        let _ = writeln!(text, "knowmvg_stage_seconds_sum{{stage=\"{stage}\"}} {}", histogram.sum);
        let _ = writeln!(text, "knowmvg_stage_seconds_count{{stage=\"{stage}\"}} {below}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let metrics = Metrics::default();
        for milliseconds in [5, 500, 500, 1_000_000] {
            metrics.took(Stage::Encode, Duration::from_millis(milliseconds));
        }
        for (requests, phrases) in [(1, 1), (3, 17), (70, 70)] {
            metrics.decoded(requests, phrases);
        }
        metrics.answered("/v1/ground", "POST", 200);
        metrics.answered("/v1/ground", "POST", 200);
        let text = metrics.text(Now { running: 1, waiting: 2, sessions: 3, jobs: 4 });
        for line in [
            "knowmvg_stage_seconds_bucket{stage=\"encode\",le=\"0.01\"} 1",
            "knowmvg_stage_seconds_bucket{stage=\"encode\",le=\"1\"} 3",
            "knowmvg_stage_seconds_bucket{stage=\"encode\",le=\"120\"} 3",
            "knowmvg_stage_seconds_bucket{stage=\"encode\",le=\"+Inf\"} 4",
            "knowmvg_stage_seconds_count{stage=\"encode\"} 4",
            "knowmvg_requests_total{route=\"/v1/ground\",method=\"POST\",status=\"200\"} 2",
            "knowmvg_batch_requests_bucket{le=\"1\"} 1",
            "knowmvg_batch_requests_bucket{le=\"4\"} 2",
            "knowmvg_batch_requests_bucket{le=\"64\"} 2",
            "knowmvg_batch_requests_bucket{le=\"+Inf\"} 3",
            "knowmvg_batch_requests_sum 74",
            "knowmvg_batch_phrases_bucket{le=\"32\"} 2",
            "knowmvg_batch_phrases_count 3",
            "knowmvg_requests_waiting 2",
            "knowmvg_jobs 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}

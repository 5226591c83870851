//! The devices of a run, and the parts of a batch that are learnt from on them side by side.

use burn::tensor::Device;

use crate::grounding::Speaker;

/// A device that learns, with a frozen language model of its own.
pub struct Worker {
    /// With a graph for gradients.
    pub device: Device,
    /// What is asked there.
    pub speaker: Speaker,
}

/// Where a run computes. The first holds the weights that are learnt; the others get a copy for each step.
pub struct Workers {
    first: Worker,
    others: Vec<Worker>,
}

impl Workers {
    /// The first, and copies of its language model on other devices.
    pub fn new(first: Worker, others: &[Device]) -> Self {
        let on = |device: &Device| {
            let Speaker { model, config } = &first.speaker;
            let speaker = Speaker { model: model.on(device), config: config.clone() };
            Worker { device: device.clone(), speaker }
        };
        Self { others: others.iter().map(on).collect(), first }
    }

    /// The one that holds what is learnt.
    pub fn first(&self) -> &Worker {
        &self.first
    }

    /// How many parts are learnt from at once, where the recipe wants `shards`: at least one on each device.
    pub fn at_once(&self, shards: usize) -> usize {
        shards.max(1 + self.others.len())
    }

    /// Works on all parts, `at_once` at a time on a thread each, by turns on every device; what comes of them is in their order.
    pub fn each<P: Sync, T: Send>(
        &self,
        parts: &[P],
        at_once: usize,
        work: impl Fn(usize, &P, &Worker) -> T + Sync,
    ) -> Vec<T> {
        let workers: Vec<&Worker> = std::iter::once(&self.first).chain(&self.others).collect();
        let mut done = Vec::with_capacity(parts.len());
        for round in parts.chunks(at_once.max(1)) {
            let (work, first) = (&work, done.len());
            std::thread::scope(|scope| {
                let begin = |(at, part)| {
                    let worker = workers[at % workers.len()];
                    scope.spawn(move || work(first + at, part, worker))
                };
                let threads: Vec<_> = round.iter().enumerate().map(begin).collect();
                done.extend(threads.into_iter().map(|thread| thread.join().expect("a part does not panic")));
            });
        }
        done
    }
}

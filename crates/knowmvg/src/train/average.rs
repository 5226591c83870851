//! Exponential moving average of the weights: what is validated and shipped.

use burn::module::Module;

use crate::model::params::{NamedParam, collect, replace};

/// The average of a module's parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightAverage {
    params: Vec<NamedParam>,
    steps: u64,
}

impl WeightAverage {
    /// Starts at the module's weights.
    pub fn new<M: Module>(module: &M) -> Self {
        Self { params: collect(module), steps: 0 }
    }

    /// Continues from saved values.
    pub fn from_saved(params: Vec<NamedParam>, steps: u64) -> Self {
        Self { params, steps }
    }

    /// Moves towards the module's weights; early on the average forgets faster, or it would stay at the random start.
    pub fn update<M: Module>(&mut self, module: &M, decay: f64) {
        self.steps += 1;
        let steps = self.steps as f64;
        let keep = decay.min((1.0 + steps) / (10.0 + steps)) as f32;
        for (average, current) in self.params.iter_mut().zip(collect(module)) {
            for (mean, value) in average.values.iter_mut().zip(current.values) {
                *mean += (1.0 - keep) * (value - *mean);
            }
        }
    }

    /// The averaged parameters.
    pub fn params(&self) -> &[NamedParam] {
        &self.params
    }

    /// Steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The module with averaged weights.
    pub fn applied_to<M: Module>(&self, module: M) -> M {
        let mut values = self.params.iter();
        replace(module, |_, _| values.next().expect("as many parameters as were collected").values.clone())
    }
}

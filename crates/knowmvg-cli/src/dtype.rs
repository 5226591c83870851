//! `--dtype`: in which numbers a language model computes.

use clap::ValueEnum;
use knowmvg_vlm::{Half, Weights};

/// Numbers of a language model's matrices, by PyTorch's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dtype {
    /// As stored on the CPU, where quantised weights stay so; float32 elsewhere
    Auto,
    /// 4 bytes a weight
    Float32,
    /// 2 bytes a weight: the range of float32 and a third of its digits
    Bfloat16,
    /// 2 bytes a weight: more digits than bfloat16, numbers up to 65,504
    Float16,
    /// 1 byte a weight and a scale for 32 of them; the CPU only
    Int8,
}

impl Dtype {
    /// What was asked for; `None` leaves it to the device.
    pub fn weights(self) -> Option<Weights> {
        match self {
            Self::Auto => None,
            Self::Float32 => Some(Weights::Full),
            Self::Bfloat16 => Some(Weights::Half(Half::BFloat16)),
            Self::Float16 => Some(Weights::Half(Half::Float16)),
            Self::Int8 => Some(Weights::Int8),
        }
    }
}

//! Where the decoder and a language model compute: the CPU, or a GPU that the program was built for.
//!
//! The image encoder computes on the CPU everywhere: its kernels are written for it.

pub use burn::tensor::Device;
use burn::tensor::DeviceType;

/// Why there is no such device.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The name is not one of a kind of device, with or without a number.
    #[error("expected cpu, vulkan, metal, cuda or rocm, with a number as in cuda:1 if there are several, found {0:?}")]
    Name(String),
    /// The kind is known, and this program cannot use it.
    #[error("expected a program that was built for {0}, found one that was not; build it with --features {0}")]
    NotBuilt(&'static str),
    /// The machine has none of that kind, or not so many.
    #[error("expected a {kind} device with number {index}, found {found} of that kind on this machine")]
    Absent {
        /// The kind.
        kind: &'static str,
        /// The number that was asked for, from 0.
        index: usize,
        /// How many there are.
        found: usize,
    },
}

/// The kinds of devices by name.
const KINDS: [&str; 5] = ["cpu", "vulkan", "metal", "cuda", "rocm"];

/// What Burn calls a kind; `None` if the program was not built for it.
fn built(kind: &str) -> Option<DeviceType> {
    match kind {
        "cpu" => Some(DeviceType::Flex),
        #[cfg(feature = "vulkan")]
        "vulkan" => Some(DeviceType::Vulkan),
        #[cfg(feature = "metal")]
        "metal" => Some(DeviceType::Metal),
        #[cfg(feature = "cuda")]
        "cuda" => Some(DeviceType::Cuda),
        #[cfg(feature = "rocm")]
        "rocm" => Some(DeviceType::Rocm),
        _ => None,
    }
}

/// The device of that name: `cpu`, `vulkan`, `metal`, `cuda` or `rocm`, with a number as in `cuda:1` for another than the first.
///
/// # Errors
/// When the name is malformed, the program was not built for it, or the machine has no such device.
pub fn device(name: &str) -> Result<Device, DeviceError> {
    let unknown = || DeviceError::Name(name.to_owned());
    let (kind, index) = name.split_once(':').unwrap_or((name, "0"));
    let index: usize = index.parse().map_err(|_| unknown())?;
    let kind = KINDS.into_iter().find(|known| *known == kind).ok_or_else(unknown)?;
    let found = Device::enumerate(built(kind).ok_or(DeviceError::NotBuilt(kind))?).into_vec();
    let count = found.len();
    found.into_iter().nth(index).ok_or(DeviceError::Absent { kind, index, found: count })
}

/// The kinds that this program was built for.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.into_iter().filter(|kind| built(kind).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there_and_once() {
        assert_eq!(device("cpu").unwrap(), Device::flex());
        assert!(matches!(device("cpu:1"), Err(DeviceError::Absent { index: 1, found: 1, .. })));
        assert!(kinds().any(|kind| kind == "cpu"));
    }

    #[test]
    fn malformed_names_are_told() {
        for name in ["", "gpu", "cuda:", "cuda:x", ":0", "cpu:0:0", "cpu:-1", "cuda:99999999999999999999"] {
            assert!(matches!(device(name), Err(DeviceError::Name(_))), "{name}");
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_kind_that_was_not_built_is_named_with_its_feature() {
        assert!(device("cuda:0").unwrap_err().to_string().contains("--features cuda"));
    }
}

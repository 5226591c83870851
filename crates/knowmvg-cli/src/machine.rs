//! What the machine gives and what the program took of it.

use std::fs;
use std::thread::available_parallelism;

/// Most memory that this process held so far, in MiB; known on Linux only.
pub fn peak_memory_mib() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    Some(peak_kib(&status)? as f64 / 1024.0)
}

fn peak_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Threads that the computation uses: `RAYON_NUM_THREADS`, or as many as there are cores.
pub fn threads() -> usize {
    let wanted = std::env::var("RAYON_NUM_THREADS").ok().and_then(|text| text.parse().ok()).filter(|n| *n > 0);
    wanted.unwrap_or_else(|| available_parallelism().map_or(1, usize::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_a_line_of_the_status() {
        assert_eq!(peak_kib("Name:\tknowmvg\nVmHWM:\t  204800 kB\nVmRSS:\t 1 kB\n"), Some(204_800));
        assert_eq!(peak_kib("Name:\tknowmvg\n"), None);
    }
}

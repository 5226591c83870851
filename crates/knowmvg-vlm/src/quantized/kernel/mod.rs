//! Products of one panel, 16 outputs, with a few rows, on each kind of processor.
//!
//! `sum over blocks of (scale_w * scale_x) * (dot(steps_w, steps_x) - shift * sum(steps_x)) + least_w * total_x`
//!
//! Every path adds in this order, block after block, without fused operations, so all give the same bits.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use std::sync::OnceLock;

use super::layout::{PANEL, Panel};
use super::rows::QuantizedRows;

/// How products are computed. One that the processor can't run has no value of this type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Path);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

impl Kernel {
    /// All that this processor can run, the fastest last.
    pub fn available() -> Vec<Self> {
        let mut paths = vec![Path::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let has_avx2 = has!("avx2") && has!("f16c");
            paths.extend(has_avx2.then_some(Path::Avx2));
            paths.extend((has_avx2 && has!("avxvnni")).then_some(Path::AvxVnni));
            paths.extend((has!("avx512f") && has!("avx512vnni")).then_some(Path::Avx512Vnni));
        }
        paths.into_iter().map(Self).collect()
    }

    /// The fastest that this processor can run.
    pub fn best() -> Self {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().pop().unwrap_or(Self(Path::Portable)))
    }

    /// What the path is called.
    pub fn name(self) -> &'static str {
        match self.0 {
            Path::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Path::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Path::Avx512Vnni => "avx512-vnni",
        }
    }

    /// The products of a panel with the rows from `first` on, as many as `out` has room for.
    pub(super) fn run(self, panel: &Panel, rows: &QuantizedRows, first: usize, out: &mut [[f32; PANEL]]) {
        assert_eq!(rows.blocks_per_row(), panel.blocks(), "the rows have another width than the matrix");
        let (many, rest) = out.as_chunks_mut::<8>();
        let mut at = first;
        for out in many {
            self.tile(panel, rows, at, out);
            at += 8;
        }
        let (few, rest) = rest.as_chunks_mut::<4>();
        for out in few {
            self.tile(panel, rows, at, out);
            at += 4;
        }
        for out in rest.as_chunks_mut::<1>().0 {
            self.tile(panel, rows, at, out);
            at += 1;
        }
    }

    fn tile<const ROWS: usize>(
        self,
        panel: &Panel,
        rows: &QuantizedRows,
        first: usize,
        out: &mut [[f32; PANEL]; ROWS],
    ) {
        match self.0 {
            Path::Portable => portable::tile(panel, rows, first, out),
            // SAFETY: of all three, a value of this type says that the processor has what the path was compiled for.
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => unsafe { avx2::tile(panel, rows, first, out) },
            #[cfg(target_arch = "x86_64")]
            Path::AvxVnni => unsafe { avx2::tile_vnni(panel, rows, first, out) },
            #[cfg(target_arch = "x86_64")]
            Path::Avx512Vnni => unsafe { avx512::tile(panel, rows, first, out) },
        }
    }
}

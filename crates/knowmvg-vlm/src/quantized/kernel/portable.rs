use crate::quantized::layout::{PANEL, Panel, Width, half};
use crate::quantized::rows::{QuantizedRows, RowBlock};

/// [`super::Kernel::run`] in plain Rust: what the other paths are held against.
pub(super) fn tile<const ROWS: usize>(
    panel: &Panel,
    rows: &QuantizedRows,
    first: usize,
    out: &mut [[f32; PANEL]; ROWS],
) {
    for (row, out) in (first..).zip(out) {
        let mut sums = [0.0f32; PANEL];
        let mut bases = [0.0f32; PANEL];
        for (block, values) in rows.row(row).iter().enumerate() {
            let dots = dots(panel, block, values);
            for lane in 0..PANEL {
                let scale = half(panel.scales[block][lane]) * values.scale;
                sums[lane] += scale * dots[lane] as f32;
            }
            if let Some(least) = panel.least.get(block) {
                for lane in 0..PANEL {
                    bases[lane] += half(least[lane]) * values.total;
                }
            }
        }
        *out = std::array::from_fn(|lane| sums[lane] + bases[lane]);
    }
}

/// Of each of the 16 outputs.
fn dots(panel: &Panel, block: usize, values: &RowBlock) -> [i32; PANEL] {
    let words = panel.block(block);
    let mut dots = [-panel.shift * values.sum; PANEL];
    let mut add = |lanes: &[u32; PANEL], shift: u32, mask: u32, four: i32| {
        let steps = four.to_le_bytes().map(|step| i32::from(step as i8));
        for (dot, word) in dots.iter_mut().zip(lanes) {
            let bytes = (word >> shift & mask).to_le_bytes().map(i32::from);
            *dot += bytes[0] * steps[0] + bytes[1] * steps[1] + bytes[2] * steps[2] + bytes[3] * steps[3];
        }
    };
    for (group, lanes) in words.iter().enumerate() {
        match panel.width {
            Width::Four => {
                add(&lanes.0, 0, 0x0f0f_0f0f, values.fours[group]);
                add(&lanes.0, 4, 0x0f0f_0f0f, values.fours[group + words.len()]);
            }
            Width::Eight => add(&lanes.0, 0, u32::MAX, values.fours[group]),
        }
    }
    dots
}

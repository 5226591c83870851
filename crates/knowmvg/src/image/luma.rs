//! Decoded colours → displayed grey levels.

use image::DynamicImage;

/// Weights of red, green and blue in luma.
///
/// # Source
/// ITU-R BT.601, as Pillow's mode `L` and OpenCV's `COLOR_RGB2GRAY` use them.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// How far apart the channels of one pixel may lie, of 1, before the image counts as coloured: JPEG chroma of a grey
/// film strays by one or two levels of 255.
const CHROMA_TOLERANCE: f32 = 8.0 / 255.0;

/// What was done to the samples, in words.
pub(super) fn mapping(decoded: &DynamicImage) -> String {
    let bits = decoded.color().bits_per_pixel() / u16::from(decoded.color().channel_count());
    let kind = if decoded.color().has_color() { "BT.601 luma of" } else { "full range of" };
    format!("{kind} {bits} bits")
}

/// Grey levels in `[0, 1]`, row by row.
pub(super) fn grey_levels(decoded: &DynamicImage) -> Vec<f32> {
    match decoded {
        DynamicImage::ImageLuma8(image) => image.as_raw().iter().map(|&v| unit8(v)).collect(),
        DynamicImage::ImageLuma16(image) => image.as_raw().iter().map(|&v| unit16(v)).collect(),
        DynamicImage::ImageLumaA8(image) => image.pixels().map(|p| unit8(p.0[0]) * unit8(p.0[1])).collect(),
        DynamicImage::ImageLumaA16(image) => image.pixels().map(|p| unit16(p.0[0]) * unit16(p.0[1])).collect(),
        DynamicImage::ImageRgb8(image) => image.pixels().map(|p| luma(p.0.map(unit8))).collect(),
        DynamicImage::ImageRgb16(image) => image.pixels().map(|p| luma(p.0.map(unit16))).collect(),
        DynamicImage::ImageRgba8(image) => image.pixels().map(|p| flattened(p.0.map(unit8))).collect(),
        DynamicImage::ImageRgba16(image) => image.pixels().map(|p| flattened(p.0.map(unit16))).collect(),
        other => other.to_luma16().as_raw().iter().map(|&v| unit16(v)).collect(),
    }
}

/// Whether some pixel is visibly not grey.
pub(super) fn is_coloured(decoded: &DynamicImage) -> bool {
    match decoded {
        DynamicImage::ImageRgb8(image) => image.pixels().any(|p| chroma(p.0.map(unit8)) > CHROMA_TOLERANCE),
        DynamicImage::ImageRgb16(image) => image.pixels().any(|p| chroma(p.0.map(unit16)) > CHROMA_TOLERANCE),
        DynamicImage::ImageRgba8(image) => image.pixels().any(|p| chroma(opaque(p.0.map(unit8))) > CHROMA_TOLERANCE),
        DynamicImage::ImageRgba16(image) => image.pixels().any(|p| chroma(opaque(p.0.map(unit16))) > CHROMA_TOLERANCE),
        _ => false,
    }
}

fn unit8(value: u8) -> f32 {
    f32::from(value) / 255.0
}

fn unit16(value: u16) -> f32 {
    f32::from(value) / 65535.0
}

/// Clamped, because the three weights add up to 1 only within rounding.
fn luma(rgb: [f32; 3]) -> f32 {
    rgb.iter().zip(LUMA).map(|(value, weight)| value * weight).sum::<f32>().clamp(0.0, 1.0)
}

fn flattened(rgba: [f32; 4]) -> f32 {
    luma(opaque(rgba)) * rgba[3]
}

fn opaque([r, g, b, _]: [f32; 4]) -> [f32; 3] {
    [r, g, b]
}

fn chroma([r, g, b]: [f32; 3]) -> f32 {
    r.max(g).max(b) - r.min(g).min(b)
}

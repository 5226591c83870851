//! A prior or an attention map, over the darkened radiograph or as a layer of its own.

use image::codecs::png::PngEncoder;
use image::imageops::FilterType;
use image::{ExtendedColorType, ImageBuffer, ImageEncoder, Luma, RgbImage, RgbaImage};

use super::canvas::{Canvas, Colour, rect};
use super::text::{Style, Typeface};
use super::{GreyView, RenderError, scaled_size};

const LONG_SIDE: u32 = 1_000;
/// Of a layer, which whoever shows it scales to the image.
const LAYER_SIDE: u32 = 512;
/// Narrowest picture in pixels, so that title and colour bar have room.
const SMALLEST_WIDTH: u32 = 420;
const HEADER: u32 = 44;
const FOOTER: u32 = 46;
const BACKGROUND: Colour = [0x0d, 0x10, 0x13];
const WORDS: Colour = [0xe2, 0xe6, 0xea];

/// Colours for equal steps from nothing to the largest value; each is lighter than the one before, so the order survives
/// a grey printer and every kind of colour vision.
const RAMP: [Colour; 7] = [
    [0x08, 0x06, 0x1c],
    [0x3a, 0x10, 0x6e],
    [0x86, 0x1f, 0x80],
    [0xcf, 0x3f, 0x5c],
    [0xf4, 0x77, 0x2b],
    [0xfb, 0xb8, 0x2e],
    [0xfc, 0xfb, 0xae],
];

/// Draws a map over its image, with a colour bar from 0 to the largest value.
///
/// The map covers the whole image: its first value lies over the top-left corner and its last over the bottom-right one.
/// Negative values and NaN count as 0.
///
/// # Shapes
/// `map` is `[rows, cols]`, row by row from the top.
///
/// # Errors
/// When the map is empty or not `rows * cols` long.
pub fn heatmap(
    image: &GreyView<'_>,
    map: &[f32],
    rows: usize,
    cols: usize,
    title: &str,
) -> Result<RgbImage, RenderError> {
    let (width, height) = image.scaled_size(LONG_SIDE);
    let largest = largest(map);
    let heat = resized(map, (rows, cols), (width, height), largest)?;
    let picture_width = width.max(SMALLEST_WIDTH);
    let left = (picture_width - width) / 2;
    let mut canvas = Canvas::new(picture_width, height + HEADER + FOOTER, BACKGROUND);
    let grey = image.resized(width, height);
    canvas.place(&grey, (left, HEADER), |x, y, value| warmed(value, heat.get_pixel(x, y).0[0].clamp(0.0, 1.0)));
    let typeface = Typeface::embedded();
    let style = Style::bold(17.0);
    let title = typeface.shortened(title, style, f64::from(picture_width) - 32.0);
    typeface.draw(&mut canvas, &title, style, [16.0, 28.0], WORDS);
    draw_bar(&mut canvas, &typeface, (picture_width, height + HEADER), largest);
    Ok(canvas.into_picture())
}

/// Draws a map alone, as PNG with alpha: the colours of [`heatmap`], clear where there is no heat.
///
/// `size` is that of the image, whose shape the layer gets; `map`, `rows` and `cols` are as in [`heatmap`].
///
/// # Errors
/// When the image or the map is empty, or the map is not `rows * cols` long.
pub fn layer_png(size: (u32, u32), map: &[f32], rows: usize, cols: usize) -> Result<Vec<u8>, RenderError> {
    if size.0 == 0 || size.1 == 0 {
        return Err(RenderError::EmptyImage { width: size.0, height: size.1 });
    }
    let largest = largest(map);
    let heat = resized(map, (rows, cols), scaled_size(size, LAYER_SIDE), largest)?;
    let mut layer = RgbaImage::new(heat.width(), heat.height());
    for (pixel, heat) in layer.pixels_mut().zip(heat.pixels()) {
        let heat = heat.0[0].clamp(0.0, 1.0);
        let [red, green, blue] = ramp(heat);
        pixel.0 = [red, green, blue, (alpha(heat) * 255.0).round() as u8];
    }
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(layer.as_raw(), layer.width(), layer.height(), ExtendedColorType::Rgba8)
        .map_err(RenderError::Png)?;
    Ok(bytes)
}

fn largest(map: &[f32]) -> f32 {
    map.iter().copied().filter(|v| v.is_finite()).fold(0.0, f32::max)
}

/// The map as shares of its largest value, smooth, at the size of the image.
fn resized(
    map: &[f32],
    (rows, cols): (usize, usize),
    (width, height): (u32, u32),
    largest: f32,
) -> Result<ImageBuffer<Luma<f32>, Vec<f32>>, RenderError> {
    let wrong = RenderError::MapShape { rows, cols, found: map.len() };
    let (Ok(source_width), Ok(source_height)) = (u32::try_from(cols), u32::try_from(rows)) else { return Err(wrong) };
    if map.is_empty() || rows.checked_mul(cols) != Some(map.len()) {
        return Err(wrong);
    }
    let share = |value: &f32| if value.is_finite() && largest > 0.0 { (value / largest).max(0.0) } else { 0.0 };
    let shares = map.iter().map(share).collect();
    let source: ImageBuffer<Luma<f32>, Vec<f32>> =
        ImageBuffer::from_raw(source_width, source_height, shares).expect("the length was checked");
    // This filter passes through every value of the map; what it overshoots next to a peak is clipped when drawn.
    Ok(image::imageops::resize(&source, width, height, FilterType::CatmullRom))
}

/// The darkened image with the colour of `heat` over it; where there is no heat the image shows through.
fn warmed(grey: f32, heat: f32) -> Colour {
    let below = 0.6 * grey * 255.0;
    let alpha = alpha(heat);
    ramp(heat).map(|above| (below * (1.0 - alpha) + f32::from(above) * alpha).round() as u8)
}

/// How much of what lies below a share of the heat hides.
fn alpha(heat: f32) -> f32 {
    0.85 * heat.sqrt()
}

/// The colour of a share in `[0, 1]`.
fn ramp(share: f32) -> Colour {
    let position = share.clamp(0.0, 1.0) * (RAMP.len() - 1) as f32;
    let index = (position as usize).min(RAMP.len() - 2);
    let rest = position - index as f32;
    let mix = |channel: usize| {
        let [from, to] = [RAMP[index][channel], RAMP[index + 1][channel]].map(f32::from);
        (from + (to - from) * rest).round() as u8
    };
    [mix(0), mix(1), mix(2)]
}

fn draw_bar(canvas: &mut Canvas, typeface: &Typeface, (width, top): (u32, u32), largest: f32) {
    let style = Style::regular(13.0);
    let (top, middle) = (f64::from(top), f64::from(width) / 2.0);
    let (left, right) = ((middle - 120.0).round(), (middle + 120.0).round());
    for step in 0..240 {
        let x = left + f64::from(step);
        canvas.fill(&rect(x, top + 16.0, x + 1.0, top + 28.0), 0.0, ramp((step as f32 + 0.5) / 240.0), 1.0);
    }
    let baseline = top + 27.0;
    let [lowest, highest] = ["0".to_owned(), format!("{largest:.2e}")];
    let highest = if (0.01..1000.0).contains(&largest) { format!("{largest:.3}") } else { highest };
    typeface.draw(canvas, &lowest, style, [left - 8.0 - typeface.width(&lowest, style), baseline], WORDS);
    typeface.draw(canvas, &highest, style, [right + 8.0, baseline], WORDS);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hottest_pixel_lies_over_the_largest_value() {
        let pixels = vec![0.5; 64 * 64];
        let mut map = vec![0.0; 16];
        map[6] = 0.25;
        let picture = heatmap(&GreyView::new(64, 64, &pixels).unwrap(), &map, 4, 4, "prior").unwrap();
        let at = |row: u32, col: u32| picture.get_pixel(col * 250 + 125, HEADER + row * 250 + 125).0;
        let cold = [(0.6_f32 * 0.5 * 255.0).round() as u8; 3];
        assert!(at(1, 2)[0] > 200, "row 1, column 2 is hot: {:?}", at(1, 2));
        assert_eq!(at(3, 0), cold);
    }

    #[test]
    fn a_layer_hides_where_it_is_hot_and_is_clear_elsewhere() {
        let mut map = vec![0.0; 8];
        map[1] = 0.25;
        let bytes = layer_png((2_000, 1_000), &map, 2, 4).unwrap();
        let layer = image::load_from_memory(&bytes).unwrap().into_rgba8();
        assert_eq!(layer.dimensions(), (512, 256));
        let at = |col: u32, row: u32| layer.get_pixel(col * 128 + 64, row * 128 + 64).0;
        assert!(at(1, 0)[3] > 200 && at(1, 0)[0] > 200, "{:?}", at(1, 0));
        assert_eq!(at(3, 1)[3], 0);
        assert!(matches!(layer_png((0, 5), &map, 2, 4), Err(RenderError::EmptyImage { .. })));
        assert!(matches!(layer_png((5, 5), &map, 3, 4), Err(RenderError::MapShape { .. })));
        assert!(layer_png((1, u32::MAX), &[f32::NAN; 2], 1, 2).is_ok());
    }

    #[test]
    fn the_ramp_grows_lighter() {
        let luma = |[r, g, b]: Colour| 0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b);
        let values: Vec<f32> = (0..=100).map(|i| luma(ramp(i as f32 / 100.0))).collect();
        assert!(values.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn odd_maps_give_pictures_or_errors() {
        let image = [0.1; 6];
        let image = GreyView::new(3, 2, &image).unwrap();
        assert!(heatmap(&image, &[f32::NAN, -1.0, f32::INFINITY, 0.0], 2, 2, "\n").is_ok());
        assert!(matches!(heatmap(&image, &[0.0; 4], 3, 2, ""), Err(RenderError::MapShape { .. })));
        assert!(heatmap(&image, &[], 0, 0, "").is_err());
        assert!(heatmap(&image, &[1.0], usize::MAX, 2, "").is_err());
    }
}

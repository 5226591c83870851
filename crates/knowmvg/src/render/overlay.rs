//! The PNG overlay: radiograph, outlines, labels, legend and notice.

use image::RgbImage;

use crate::geometry::{Box2, Map};
use crate::grounding::{Grounding, NOTICE};

use super::canvas::{Canvas, Colour, Picture, Stroke, rect};
use super::legend::{Legend, WIDTH};
use super::palette;
use super::scene::{Frame, Line, Mark, badge_style, marks, tag_style};
use super::text::{Style, Typeface};
use super::{GreyView, MAX_PICTURE_PIXELS, RenderError};

const LONG_SIDES: std::ops::RangeInclusive<u32> = 320..=4_000;
/// Long side for which the sizes of letters and lines are given.
const DESIGN_SIDE: f64 = 1_200.0;
/// Narrowest and lowest space beside the legend, so that labels of any image have room.
const SMALLEST_STAGE: f64 = 340.0;

const BACKGROUND: Colour = [0x0d, 0x10, 0x13];
const PANEL: Colour = [0x17, 0x1b, 0x20];
const HALO: Colour = [0, 0, 0];
const TAG: Colour = [0x12, 0x16, 0x1a];
const TAG_WORDS: Colour = [0xff, 0xff, 0xff];
const NOTICE_WORDS: Colour = [0xd8, 0xdc, 0xe0];
const ANATOMY: Colour = [0xb4, 0xc4, 0xd4];

/// Whether a layer of the overlay is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Drawn.
    Shown,
    /// Left out.
    Hidden,
}

/// What an overlay shows besides boxes and notice.
///
/// The default is a long side of 1,200 pixels with legend and side letters, without anatomy and priors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverlayOptions {
    /// Long side of the radiograph in the picture, 320 to 4,000 pixels.
    pub long_side: u32,
    /// The list of all phrases at the right.
    pub legend: Visibility,
    /// `R` and `L` of the patient at the edges of the image; right for frontal views only.
    pub side_letters: Visibility,
    /// Thin outlines of lungs and heart.
    pub anatomy: Visibility,
    /// Thin outlines of what the knowledge alone would have said.
    pub priors: Visibility,
    /// The words below the picture, by default [`NOTICE`].
    pub notice: &'static str,
}

impl Default for OverlayOptions {
    fn default() -> Self {
        Self {
            long_side: 1_200,
            legend: Visibility::Shown,
            side_letters: Visibility::Shown,
            anatomy: Visibility::Hidden,
            priors: Visibility::Hidden,
            notice: NOTICE,
        }
    }
}

/// Draws a grounding on its image.
///
/// The image may be smaller or larger than the stored one, as long as it has its shape.
///
/// # Errors
/// When the image has another shape than the one that was grounded, the long side is out of range, there are more boxes
/// than [`MAX_BOXES`](super::MAX_BOXES), or the legend needs more than [`MAX_PICTURE_PIXELS`].
pub fn overlay(image: &GreyView<'_>, grounding: &Grounding, options: &OverlayOptions) -> Result<RgbImage, RenderError> {
    check_long_side(options.long_side)?;
    check_shape(image, grounding)?;
    let typeface = Typeface::embedded();
    let plan = Plan::new(image, grounding, options, &typeface)?;
    let marks = marks(grounding, &plan.frame, &typeface)?;
    let mut canvas = Canvas::new(plan.width, plan.height, BACKGROUND);
    plan.draw_image(image, &mut canvas);
    plan.draw_hints(grounding, options, &mut canvas);
    marks.iter().for_each(|mark| draw_outline(mark, plan.scale(), &mut canvas));
    if options.side_letters == Visibility::Shown {
        plan.draw_side_letters(&typeface, &mut canvas);
    }
    marks.iter().for_each(|mark| draw_leader(mark, plan.scale(), &mut canvas));
    marks.iter().for_each(|mark| draw_tag(mark, plan.scale(), &typeface, &mut canvas));
    plan.draw_panel(&typeface, &mut canvas);
    Ok(canvas.into_picture())
}

fn check_long_side(found: u32) -> Result<(), RenderError> {
    if LONG_SIDES.contains(&found) {
        return Ok(());
    }
    Err(RenderError::LongSide { min: *LONG_SIDES.start(), max: *LONG_SIDES.end(), found })
}

/// Boxes may only be drawn on the image that they were found on, at any size.
fn check_shape(image: &GreyView<'_>, grounding: &Grounding) -> Result<(), RenderError> {
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    let stored = (grounding.image.width, grounding.image.height);
    let expected = height * f64::from(stored.0) / f64::from(stored.1).max(1.0);
    // A resized image is off by less than a pixel of its short side.
    let tolerance = (1.0 + 1.0 / height) * (1.0 + width / height);
    let is_same_shape = stored.0 > 0 && stored.1 > 0 && (width - expected).abs() <= tolerance;
    if is_same_shape {
        return Ok(());
    }
    Err(RenderError::ImageShape { expected: stored, found: (image.width(), image.height()) })
}

/// Where everything goes.
struct Plan<'a> {
    width: u32,
    height: u32,
    image_size: (u32, u32),
    image_corner: (u32, u32),
    /// Width of the space beside the legend.
    stage: f64,
    legend: Option<Legend<'a>>,
    notice: Vec<String>,
    notice_top: f64,
    frame: Frame,
}

impl<'a> Plan<'a> {
    fn new(
        image: &GreyView<'_>,
        grounding: &Grounding,
        options: &OverlayOptions,
        typeface: &'a Typeface,
    ) -> Result<Self, RenderError> {
        let scale = (f64::from(options.long_side) / DESIGN_SIDE).clamp(0.6, 4.0);
        let image_size = image.scaled_size(options.long_side);
        let smallest = (SMALLEST_STAGE * scale).round();
        let stage = f64::from(image_size.0).max(smallest);
        let legend = (options.legend == Visibility::Shown).then(|| Legend::new(grounding, typeface, scale));
        let panel = legend.as_ref().map_or(0.0, |_| (WIDTH * scale).round());
        let notice = typeface.wrap(options.notice, notice_style(scale), stage + panel - 32.0 * scale);
        let top = f64::from(image_size.1).max(smallest).max(legend.as_ref().map_or(0.0, |l| l.height().ceil()));
        let height = top + (notice.len() as f64 * 20.0 * scale + 16.0 * scale).round();
        check_size(stage + panel, height)?;
        let image_corner = (((stage - f64::from(image_size.0)) / 2.0) as u32, 0);
        let frame = frame(grounding, options, (image_size, image_corner), (stage, smallest), scale);
        let (width, height) = ((stage + panel) as u32, height as u32);
        Ok(Self { width, height, image_size, image_corner, stage, legend, notice, notice_top: top, frame })
    }

    fn scale(&self) -> f64 {
        self.frame.scale
    }

    fn draw_image(&self, image: &GreyView<'_>, canvas: &mut Canvas) {
        let grey = image.resized(self.image_size.0, self.image_size.1);
        canvas.place(&grey, self.image_corner, |_, _, value| [(value * 255.0).round() as u8; 3]);
    }

    /// Thin outlines below the findings.
    fn draw_hints(&self, grounding: &Grounding, options: &OverlayOptions, canvas: &mut Canvas) {
        let thin = |dash| Stroke { width: self.scale().max(1.0), radius: 3.0, dash, alpha: 0.75 };
        let place = |area| snapped(&self.frame.picture_from_image.apply(area).clamped(&self.frame.image));
        if options.anatomy == Visibility::Shown {
            for structure in &grounding.anatomy {
                canvas.stroke(&place(&structure.box_in_image), &thin(Some((3.0, 5.0))), ANATOMY);
            }
        }
        if options.priors == Visibility::Shown {
            let colours = palette::colours(&grounding.findings);
            let priors = grounding.findings.iter().zip(colours);
            for (prior, colour) in priors.filter_map(|(p, colour)| Some((p.evidence.prior_box.as_ref()?, colour))) {
                canvas.stroke(&place(prior), &thin(Some((2.0, 3.0))), colour);
            }
        }
    }

    fn draw_side_letters(&self, typeface: &Typeface, canvas: &mut Canvas) {
        let style = letter_style(self.scale());
        for (letter, area) in ["R", "L"].iter().zip(&side_areas(&self.frame.image, self.scale())) {
            let [cx, cy, _, _] = area.cxcywh();
            canvas.fill(area, 6.0 * self.scale(), HALO, 0.55);
            let left = cx - typeface.width(letter, style) / 2.0;
            typeface.draw(canvas, letter, style, [left, cy + typeface.cap_height(style) / 2.0], TAG_WORDS);
        }
    }

    fn draw_panel(&self, typeface: &Typeface, canvas: &mut Canvas) {
        let scale = self.scale();
        if let Some(legend) = &self.legend {
            canvas.fill(&rect(self.stage, 0.0, f64::from(self.width), self.notice_top), 0.0, PANEL, 1.0);
            legend.draw(canvas, [self.stage, 0.0]);
        }
        let strip = rect(0.0, self.notice_top, f64::from(self.width), f64::from(self.height));
        canvas.fill(&strip, 0.0, [0x26, 0x2c, 0x33], 1.0);
        for (line, words) in self.notice.iter().enumerate() {
            let baseline = self.notice_top + (22.0 + 20.0 * line as f64) * scale;
            typeface.draw(canvas, words, notice_style(scale), [16.0 * scale, baseline], NOTICE_WORDS);
        }
    }
}

fn notice_style(scale: f64) -> Style {
    Style::bold(14.0 * scale)
}

fn letter_style(scale: f64) -> Style {
    Style::bold(22.0 * scale)
}

fn check_size(width: f64, height: f64) -> Result<(), RenderError> {
    let found = (width * height) as u64;
    if found <= MAX_PICTURE_PIXELS {
        return Ok(());
    }
    Err(RenderError::TooLarge { limit: MAX_PICTURE_PIXELS, found })
}

fn frame(
    grounding: &Grounding,
    options: &OverlayOptions,
    (size, corner): ((u32, u32), (u32, u32)),
    (stage, smallest): (f64, f64),
    scale: f64,
) -> Frame {
    let [left, top] = [f64::from(corner.0), f64::from(corner.1)];
    let (width, height) = (f64::from(size.0), f64::from(size.1));
    let image = rect(left, top, left + width, top + height);
    let stored = [f64::from(grounding.image.width), f64::from(grounding.image.height)];
    let picture_from_image = Map::new([width / stored[0], height / stored[1]], [left, top])
        .expect("the shape of the image was checked to be positive");
    let reserved = if options.side_letters == Visibility::Shown { side_areas(&image, scale) } else { Vec::new() };
    // Labels keep a pixel away from the edge, where their round corners would be cut.
    let bounds = rect(1.0, 1.0, stage - 1.0, height.max(smallest) - 1.0);
    Frame { picture_from_image, image, bounds, reserved, scale }
}

/// Where the letters of the patient's right and left stand: at the middle of the edges, as on a workstation.
fn side_areas(image: &Box2<Picture>, scale: f64) -> Vec<Box2<Picture>> {
    let [x0, _, x1, _] = image.xyxy();
    let middle = image.cxcywh()[1];
    let side = 32.0 * scale;
    let area = |left: f64| rect(left, middle - side / 2.0, left + side, middle + side / 2.0);
    vec![area(x0 + 6.0 * scale), area(x1 - 6.0 * scale - side)]
}

/// The box with its sides on centres of pixels, where a line of odd width is sharp.
fn snapped(outline: &Box2<Picture>) -> Box2<Picture> {
    let [x0, y0, x1, y1] = outline.xyxy().map(|c| c.round() + 0.5);
    rect(x0, y0, x1.max(x0 + 1.0) - 1.0, y1.max(y0 + 1.0) - 1.0)
}

/// The line in the finding's colour over a wider dark one, so that it shows on black and on white.
fn draw_outline(mark: &Mark, scale: f64, canvas: &mut Canvas) {
    // An odd number of whole pixels keeps the sides sharp.
    let width = 2.0 * (1.5 * scale - 0.5).round().max(0.0) + 1.0;
    let outline = snapped(&mark.outline);
    let radius = 4.0 * scale;
    let halo = Stroke { width: width + 2.0 * (1.5 * scale).round(), radius, dash: None, alpha: 0.6 };
    let dash = (mark.line == Line::Dashed).then_some((13.0 * scale, 8.0 * scale));
    canvas.stroke(&outline, &halo, HALO);
    canvas.stroke(&outline, &Stroke { width, radius, dash, alpha: 1.0 }, mark.colour);
}

fn draw_leader(mark: &Mark, scale: f64, canvas: &mut Canvas) {
    let Some((from, to)) = mark.tag.as_ref().and_then(|tag| tag.place.leader) else { return };
    canvas.line(from, to, 3.0 * scale, HALO, 0.6);
    canvas.line(from, to, 1.4 * scale, mark.colour, 1.0);
}

fn draw_tag(mark: &Mark, scale: f64, typeface: &Typeface, canvas: &mut Canvas) {
    let Some(tag) = &mark.tag else { return };
    let [x0, y0, _, y1] = tag.place.area.xyxy();
    let (radius, padding) = (4.0 * scale, 6.0 * scale);
    let badge = rect(x0, y0, x0 + tag.badge_width, y1);
    canvas.fill(&tag.place.area, radius, TAG, 0.88);
    canvas.fill(&badge, radius, mark.colour, 1.0);
    let style = badge_style(scale);
    let baseline = (y0 + y1 + typeface.cap_height(style)) / 2.0;
    typeface.draw(canvas, &mark.name, style, [x0 + padding, baseline], palette::ink_on(mark.colour));
    typeface.draw(canvas, &tag.text, tag_style(scale), [x0 + tag.badge_width + padding, baseline], TAG_WORDS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grounding::Assertion;
    use crate::render::png;
    use crate::render::scene::tests::{grounding, phrase};

    fn grey(width: u32, height: u32) -> Vec<f32> {
        (0..width * height).map(|i| (i % 97) as f32 / 97.0).collect()
    }

    #[test]
    fn the_sides_of_a_box_have_the_colour_of_its_finding() {
        let value = grounding(600, 600, vec![phrase("effusion", &[[100.0, 200.0, 300.0, 400.0]])]);
        let pixels = grey(600, 600);
        let image = GreyView::new(600, 600, &pixels).unwrap();
        let picture = overlay(&image, &value, &OverlayOptions::default()).unwrap();
        let colour = palette::colours(&value.findings)[0];
        // Stored pixels are doubled: the box is 200 to 600 by 400 to 800, and its last pixel is one before its end.
        for (x, y) in [(200, 600), (599, 600), (400, 400), (400, 799)] {
            assert_eq!(picture.get_pixel(x, y).0, colour, "at {x}, {y}");
        }
        assert_ne!(picture.get_pixel(400, 600).0, colour);
    }

    #[test]
    fn a_suspected_box_has_gaps() {
        let mut suspected = phrase("mass", &[[100.0, 200.0, 300.0, 400.0]]);
        suspected.assertion = Assertion::Uncertain;
        let value = grounding(600, 600, vec![suspected]);
        let pixels = grey(600, 600);
        let picture = overlay(&GreyView::new(600, 600, &pixels).unwrap(), &value, &OverlayOptions::default()).unwrap();
        let colour = palette::colours(&value.findings)[0];
        let coloured = (400..800).filter(|y| picture.get_pixel(200, *y).0 == colour).count();
        assert!((150..350).contains(&coloured), "{coloured} of 400 pixels are coloured");
    }

    #[test]
    fn the_same_grounding_gives_the_same_bytes() {
        let value = grounding(90, 120, vec![phrase("mass", &[[10.0, 20.0, 40.0, 50.0]]), phrase("edema", &[])]);
        let pixels = grey(90, 120);
        let image = GreyView::new(90, 120, &pixels).unwrap();
        let draw = || png(&overlay(&image, &value, &OverlayOptions::default()).unwrap()).unwrap();
        assert_eq!(draw(), draw());
    }

    #[test]
    fn any_shape_of_image_and_report_gives_a_picture() {
        let hostile = [[-9e9, -9e9, 9e9, 9e9], [3.0, 3.0, 3.0, 3.0], [1e12, 0.0, 1e12, 1.0]];
        for (width, height) in [(1, 1), (1, 700), (900, 1), (37, 41)] {
            let mut odd = phrase("\u{202e}\u{0}病気 nodule", &hostile);
            odd.boxes[0].confidence = f64::NAN;
            odd.finding = None;
            let value = grounding(width, height, vec![odd; 9]);
            let pixels = vec![f32::NAN; (width * height) as usize];
            let image = GreyView::new(width, height, &pixels).unwrap();
            let all = OverlayOptions { long_side: 400, anatomy: Visibility::Shown, ..OverlayOptions::default() };
            assert!(overlay(&image, &value, &all).is_ok(), "{width} x {height}");
        }
    }

    #[test]
    fn boxes_are_not_drawn_on_another_image() {
        let value = grounding(600, 400, vec![]);
        let pixels = grey(400, 600);
        let found = overlay(&GreyView::new(400, 600, &pixels).unwrap(), &value, &OverlayOptions::default());
        assert!(matches!(found, Err(RenderError::ImageShape { .. })));
        let half = grey(300, 200);
        assert!(overlay(&GreyView::new(300, 200, &half).unwrap(), &value, &OverlayOptions::default()).is_ok());
    }

    #[test]
    fn an_endless_report_is_an_error() {
        let value = grounding(10, 10, vec![phrase("mass", &[]); 3_000]);
        let pixels = grey(10, 10);
        let found = overlay(&GreyView::new(10, 10, &pixels).unwrap(), &value, &OverlayOptions::default());
        assert!(matches!(found, Err(RenderError::TooLarge { .. })));
    }

    #[test]
    fn without_the_legend_the_notice_stays() {
        let value = grounding(600, 600, vec![]);
        let pixels = vec![0.0; 360_000];
        let options = OverlayOptions { legend: Visibility::Hidden, ..OverlayOptions::default() };
        let picture = overlay(&GreyView::new(600, 600, &pixels).unwrap(), &value, &options).unwrap();
        assert_eq!(picture.width(), 1_200);
        let strip = picture.rows().skip(1_200).flatten();
        assert!(strip.filter(|pixel| pixel.0 == NOTICE_WORDS).count() > 200);
    }
}

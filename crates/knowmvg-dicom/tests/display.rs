//! Grey levels and warnings of files written here, against values computed by hand from the clauses of the standard.

mod build;

use build::{Dataset, SIDE};
use knowmvg_dicom::{DicomImage, read};

fn displayed(dataset: &Dataset) -> DicomImage {
    read(&dataset.file()).unwrap_or_else(|error| panic!("{error}"))
}

/// The displayed level of the first pixel, in 0..255.
fn level(dataset: &Dataset) -> f64 {
    255.0 * f64::from(displayed(dataset).image.pixels()[0])
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-3
}

fn warnings(dataset: &Dataset) -> Vec<String> {
    displayed(dataset).image.source().warnings.clone()
}

#[test]
fn a_linear_window() {
    // PS3.3 §C.11.2.1.2.1: ((1300 - (1000 - 0.5)) / (2001 - 1) + 0.5) = 0.65025.
    let dataset = Dataset::new(12).pixels(1300).text(0x0028_1050, "DS", "1000").text(0x0028_1051, "DS", "2001");
    assert!(close(level(&dataset), 255.0 * 0.65025));
    assert_eq!(displayed(&dataset).image.source().grey_mapping, "VOI window LINEAR");
}

#[test]
fn monochrome1_is_inverted_once_however_often_it_is_said() {
    let window = |photometric: &str| {
        let dataset = Dataset::new(12).photometric(photometric).pixels(1300);
        dataset.text(0x0028_1050, "DS", "1000").text(0x0028_1051, "DS", "2001")
    };
    let dark = 255.0 * (1.0 - 0.65025);
    assert!(close(level(&window("MONOCHROME1")), dark));
    assert!(close(level(&window("MONOCHROME1").text(0x2050_0020, "CS", "INVERSE")), dark));
    assert!(close(level(&window("MONOCHROME2").text(0x2050_0020, "CS", "INVERSE")), dark));
    assert!(close(level(&window("MONOCHROME2").text(0x2050_0020, "CS", "IDENTITY")), 255.0 * 0.65025));
    assert!(
        warnings(&window("MONOCHROME2").text(0x2050_0020, "CS", "INVERSE"))[0]
            .contains("although the image is MONOCHROME2")
    );
    assert!(warnings(&window("MONOCHROME1").text(0x2050_0020, "CS", "INVERSE")).is_empty());
}

#[test]
fn the_rescaled_value_goes_into_the_window() {
    // 0.5 * 1300 - 1024 = -374; ((-374 - (-400 - 0.5)) / (101 - 1) + 0.5) = 0.765.
    let dataset = Dataset::new(12).pixels(1300).text(0x0028_1053, "DS", "0.5").text(0x0028_1052, "DS", "-1024");
    let dataset = dataset.text(0x0028_1050, "DS", "-400\\9").text(0x0028_1051, "DS", "101\\9");
    assert!(close(level(&dataset), 255.0 * 0.765));
}

#[test]
fn bits_outside_the_sample_are_masked() {
    // PS3.5 §8.1.1: 12 bits stored below High Bit 11, overlay bits above; 0xF801 & 0x0FFF = 0x801 = 2049.
    let plain = Dataset::new(12).pixels(0xf801).text(0x0028_1050, "DS", "2048").text(0x0028_1051, "DS", "4096");
    assert!(close(level(&plain), 255.0 * 2049.0 / 4095.0));
    // High Bit 15: the sample is the upper 12 bits; 0x801F >> 4 = 0x801.
    assert!(close(level(&plain.clone().pixels(0x801f).word(0x0028_0102, 15)), 255.0 * 2049.0 / 4095.0));
}

#[test]
fn signed_values_are_extended() {
    // 0xFFF in 12 signed bits is -1: ((-1 - (0 - 0.5)) / (5 - 1) + 0.5) = 0.375.
    let dataset =
        Dataset::new(12).word(0x0028_0103, 1).pixels(0x0fff).text(0x0028_1050, "DS", "0").text(0x0028_1051, "DS", "5");
    assert!(close(level(&dataset), 255.0 * 0.375));
}

#[test]
fn a_percentile_window_leaves_out_a_marker() {
    // Four pixels are a marker; the other 1596 grow from 1000 to 1255, 6.25 pixels to a value. In order of size the 8th
    // (0.5 % of 1600) is pixel 11, of value 1001, and the 1592nd (99.5 %) is pixel 1595, of value 1255.
    let mut values: Vec<u16> = (0..SIDE * SIDE).map(|i| 1000 + (i * 256 / (SIDE * SIDE)) as u16).collect();
    values[..4].fill(4095);
    let read = displayed(&Dataset::new(12).values(&values));
    assert_eq!(read.image.source().grey_mapping, "percentile window 0.5-99.5");
    let grey = read.image.pixels();
    assert_eq!((grey[0], grey[4]), (1.0, 0.0));
    let (low, high) = (1001.0, 1255.0);
    let middle = (f64::from(values[800]) - low) / (high - low);
    assert!(close(f64::from(grey[800]), middle), "{} {middle}", grey[800]);
}

#[test]
fn a_constant_image_is_black_and_says_so() {
    let read = displayed(&Dataset::new(12).pixels(700));
    assert!(read.image.pixels().iter().all(|&grey| grey == 0.0));
    assert_eq!(read.image.source().warnings, ["nearly all pixels have one value"]);
}

#[test]
fn eight_bits_without_a_window_keep_their_range() {
    let read = displayed(&Dataset::new(8).pixels(51));
    assert!(close(255.0 * f64::from(read.image.pixels()[0]), 51.0));
    assert_eq!(read.image.source().grey_mapping, "full range of 8 bits");
}

#[test]
fn unusable_windows_are_passed_over_with_a_warning() {
    let dataset = Dataset::new(8).pixels(51).text(0x0028_1050, "DS", "10").text(0x0028_1051, "DS", "0");
    assert!(close(level(&dataset), 51.0));
    assert_eq!(warnings(&dataset), ["the window's width is unusable and the window was not applied"]);
    assert!(close(
        level(&Dataset::new(8).pixels(51).text(0x0028_1050, "DS", "nan").text(0x0028_1051, "DS", "1e400")),
        51.0
    ));
}

#[test]
fn padding_is_black_on_either_end() {
    let values: Vec<u16> = (0..SIDE * SIDE).map(|i| if i < 300 { 4000 } else { 100 + i as u16 }).collect();
    for photometric in ["MONOCHROME1", "MONOCHROME2"] {
        let dataset = Dataset::new(12).photometric(photometric).values(&values).word(0x0028_0120, 4000);
        let read = displayed(&dataset);
        assert!(read.image.pixels()[..300].iter().all(|&grey| grey == 0.0));
        // Without the padding in the statistics, the rest spans the whole range.
        let brightest = read.image.pixels().iter().copied().fold(0.0, f32::max);
        assert_eq!(brightest, 1.0);
    }
}

#[test]
fn views_that_the_model_was_not_made_for_are_named() {
    let flat = || Dataset::new(8).pixels(9);
    assert!(warnings(&flat()).is_empty());
    assert_eq!(warnings(&flat().text(0x0018_5101, "CS", "LL")), ["expected a frontal view (PA, AP), found LL"]);
    assert_eq!(
        warnings(&flat().text(0x0020_0020, "CS", "A\\F")),
        ["expected a frontal view (PA, AP), found a lateral Patient Orientation"]
    );
    assert!(warnings(&flat().text(0x0020_0020, "CS", "R\\F"))[0].contains("left and right are exchanged"));
    assert!(warnings(&flat().text(0x0020_0020, "CS", "L\\H"))[0].contains("upside down"));
    assert_eq!(warnings(&flat().text(0x0018_0015, "CS", "KNEE")), ["expected a chest, found body part KNEE"]);
    assert_eq!(
        warnings(&flat().text(0x0008_0060, "CS", "CT")),
        ["expected a radiograph (CR, DX, RG), found modality CT"]
    );
    assert!(warnings(&flat().text(0x0028_0301, "CS", "YES"))[0].contains("burned-in"));
}

#[test]
fn pixels_that_are_not_square_are_reported() {
    let flat = || Dataset::new(8).pixels(9);
    let wide = displayed(&flat().text(0x0028_0030, "DS", "0.2\\0.1")).image;
    assert_eq!(wide.source().pixel_aspect, Some(2.0));
    assert_eq!(wide.source().warnings, ["pixels are not square: height over width is 2.000"]);
    let square = displayed(&flat().text(0x0018_1164, "DS", "0.139\\0.139")).image;
    assert_eq!((square.source().pixel_aspect, square.source().warnings.len()), (Some(1.0), 0));
}

#[test]
fn facts_are_the_standards_terms() {
    let facts = displayed(&Dataset::new(8).pixels(9).text(0x0018_5101, "CS", "pa ")).facts;
    assert_eq!(facts.view_position.as_deref(), Some("PA"));
    assert_eq!(facts.modality.as_deref(), Some("DX"));
    assert_eq!(facts.transfer_syntax, "1.2.840.10008.1.2.1");
    assert_eq!(facts.photometric, "MONOCHROME2");
}

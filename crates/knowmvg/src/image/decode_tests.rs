use image::{ColorType, ExtendedColorType, ImageEncoder};

use super::*;

fn png(samples: &[u8], color: ExtendedColorType) -> Vec<u8> {
    let mut file = Vec::new();
    image::codecs::png::PngEncoder::new(&mut file).write_image(samples, 16, 16, color).unwrap();
    file
}

fn close(found: f32, expected: f32) -> bool {
    (found - expected).abs() < 1e-6
}

#[test]
fn eight_bits_are_read_as_stored() {
    let samples: Vec<u8> = (0..=255).collect();
    let grey = decode_png_or_jpeg(&png(&samples, ColorType::L8.into())).unwrap();
    assert_eq!((grey.width(), grey.height()), (16, 16));
    assert!(grey.pixels().iter().zip(&samples).all(|(&g, &s)| close(g, f32::from(s) / 255.0)));
    assert_eq!(grey.source().grey_mapping, "full range of 8 bits");
    assert!(grey.source().warnings.is_empty());
}

#[test]
fn sixteen_bits_keep_their_precision() {
    let samples: Vec<u8> = (0..256u16).flat_map(|v| (v * 257 - v / 2).to_ne_bytes()).collect();
    let grey = decode_png_or_jpeg(&png(&samples, ColorType::L16.into())).unwrap();
    assert!(close(grey.pixels()[3], (3.0 * 257.0 - 1.0) / 65535.0));
    assert_eq!(grey.source().grey_mapping, "full range of 16 bits");
}

#[test]
fn colour_becomes_luma_and_says_so() {
    let samples: Vec<u8> = [255, 0, 0].repeat(256);
    let grey = decode_png_or_jpeg(&png(&samples, ColorType::Rgb8.into())).unwrap();
    assert!(grey.pixels().iter().all(|&g| close(g, 0.299)));
    assert_eq!(grey.source().warnings, ["the image has colours, which were reduced to grey"]);
}

#[test]
fn transparency_is_flattened_onto_black() {
    let samples: Vec<u8> = [255, 255, 255, 51].repeat(256);
    let grey = decode_png_or_jpeg(&png(&samples, ColorType::Rgba8.into())).unwrap();
    assert!(grey.pixels().iter().all(|&g| close(g, 0.2)));
}

#[test]
fn jpeg_is_read() {
    let mut file = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, 100);
    encoder.write_image(&[128; 32 * 24], 32, 24, ExtendedColorType::L8).unwrap();
    let grey = decode_png_or_jpeg(&file).unwrap();
    assert_eq!((grey.width(), grey.height(), grey.source().format.as_str()), (32, 24, "JPEG"));
    assert!(grey.pixels().iter().all(|&g| (g * 255.0 - 128.0).abs() < 1.5));
}

#[test]
fn an_exif_orientation_is_reported_and_not_applied() {
    let mut file = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new(&mut file);
    encoder.write_image(&[128; 32 * 24], 32, 24, ExtendedColorType::L8).unwrap();
    // APP1: "Exif", a little-endian TIFF header and one entry, Orientation (0x0112) SHORT = 6.
    let exif = b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    file.splice(2..2, exif.iter().copied());
    let grey = decode_png_or_jpeg(&file).unwrap();
    assert_eq!((grey.width(), grey.height()), (32, 24));
    assert!(grey.source().warnings[0].contains("EXIF orientation"));
}

#[test]
fn other_files_are_named() {
    let message = |bytes: &[u8]| decode_png_or_jpeg(bytes).unwrap_err().to_string();
    assert_eq!(message(b""), "expected a PNG or JPEG file, found an empty file");
    assert_eq!(message(b"PK\x03\x04rest"), "expected a PNG or JPEG file, found a ZIP archive");
    assert_eq!(message(b"The heart is normal."), "expected a PNG or JPEG file, found text");
    assert_eq!(message(&[0, 159, 146, 150]), "expected a PNG or JPEG file, found unknown bytes");
}

#[test]
fn every_cut_of_a_file_is_an_error_and_no_panic() {
    let whole = png(&(0..=255).collect::<Vec<u8>>(), ColorType::L8.into());
    let pixels_end = whole.windows(4).position(|w| w == b"IEND").unwrap() - 8;
    for end in 0..pixels_end {
        assert!(decode_png_or_jpeg(&whole[..end]).is_err(), "{end} of {} bytes were accepted", whole.len());
    }
}

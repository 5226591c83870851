//! Leakage and broken data are found, and clean data is called clean.

use std::fs;
use std::path::{Path, PathBuf};

use knowmvg::geometry::Box2;
use knowmvg::image::{GreyImage, ImageSource, decode_png_or_jpeg};
use knowmvg_data::check::fingerprint::{difference_hash, distance};
use knowmvg_data::check::{NEAR_DUPLICATE_BITS, ProblemKind, check};
use knowmvg_data::{Dataset, Format, ImageEntry, Input, ReadOptions, Target, TargetKind, read};

fn shared(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared").join(name)
}

fn input(name: &str, images: Vec<ImageEntry>) -> Input {
    Input { name: name.into(), dataset: Dataset { images }, broken: vec![], frame: Format::Coco.frame(), images: None }
}

fn image(file: &str, patient: &str, split: &str) -> ImageEntry {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ImageEntry {
        id: file.into(),
        file: Some(file.into()),
        patient: given(patient),
        split: given(split),
        size: Some([100, 50]),
        ..ImageEntry::default()
    }
}

fn class(text: &str, boxes: &[[f64; 4]]) -> Target {
    let boxes = boxes.iter().map(|corners| Box2::from_xyxy(*corners).unwrap()).collect();
    Target { kind: TargetKind::Class, text: text.into(), label: None, answer: None, boxes }
}

#[test]
fn clean_data_is_clean() {
    let mut first = image("a.png", "p1", "train");
    first.targets = vec![class("mass", &[[0.0, 0.0, 100.0, 50.0]])];
    let report = check(&input("x", vec![first, image("b.png", "p2", "test")]), &[], &mut || {});
    assert!(report.is_clean() && report.leaks.is_empty() && report.problems.is_empty());
    assert_eq!((report.inputs[0].entries, report.inputs[0].boxes), (2, 1));
}

#[test]
fn shared_images_and_patients_are_counted_once() {
    let data = vec![image("a.png", "p1", "train"), image("b.png", "p1", "test"), image("c.png", "p1", "test")];
    let report = check(&input("x", data), &[], &mut || {});
    assert_eq!((report.leaks[0].images, report.leaks[0].patients), (0, 1));
    assert_eq!(report.counts[&ProblemKind::SharedPatient], 1);
    assert!(report.problems.iter().all(|problem| !format!("{problem:?}").contains("p1")), "{report:?}");
}

#[test]
fn files_share_nothing_unless_they_name_one_split() {
    let left = input("left", vec![image("images/a.png", "", "test")]);
    let same = input("same", vec![image("a.jpg", "", "test")]);
    assert!(check(&left, &[same], &mut || {}).is_clean());
    for split in ["", "train"] {
        let report = check(&left, &[input("other", vec![image("a.jpg", "", split)])], &mut || {});
        assert_eq!(report.counts[&ProblemKind::SharedImage], 1, "{split}");
    }
}

#[test]
fn bad_boxes_and_names_are_found() {
    let mut entry = image("a.png", "", "");
    let inside = [1.0, 1.0, 2.0, 2.0];
    entry.targets = vec![
        class("twice", &[inside, inside]),
        class("flat", &[[5.0, 5.0, 9.0, 5.0]]),
        class("outside", &[[90.0, 0.0, 101.0, 50.0]]),
        class(" ", &[inside]),
        class("none", &[]),
    ];
    let counts = check(&input("x", vec![entry]), &[], &mut || {}).counts;
    use ProblemKind::{BoxOutside, ClassWithoutBox, DegenerateBox, DuplicateBox, EmptyText};
    let kinds = [EmptyText, ClassWithoutBox, DegenerateBox, BoxOutside, DuplicateBox];
    assert_eq!(counts, kinds.map(|kind| (kind, 1)).into());
}

/// A picture with the given shift of its pattern, as JPEG of the given size.
fn write_picture(folder: &Path, name: &str, size: [u32; 2], shift: f32) {
    let [width, height] = size;
    let level = |x: u32, y: u32| {
        let (x, y) = (x as f32 / width as f32, y as f32 / height as f32);
        (0.5 + 0.4 * (9.0 * x + 3.0 * y + shift).sin() * (7.0 * y - 2.0 * shift).cos()).clamp(0.0, 1.0)
    };
    let pixels: Vec<u8> = (0..height).flat_map(|y| (0..width).map(move |x| (level(x, y) * 255.0) as u8)).collect();
    fs::write(folder.join(name), png(width, height, &pixels)).unwrap();
}

/// A PNG file with stored, i.e. not compressed, rows.
fn png(width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
    let mut rows = vec![];
    pixels.chunks(width as usize).for_each(|row| {
        rows.push(0);
        rows.extend_from_slice(row);
    });
    let mut packed = flate2::write::ZlibEncoder::new(vec![], flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &rows).unwrap();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8], data: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(data);
        file.extend((data.len() as u32).to_be_bytes());
        file.extend([kind, data].concat());
        file.extend(crc.sum().to_be_bytes());
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    chunk(b"IHDR", &header);
    chunk(b"IDAT", &packed.finish().unwrap());
    chunk(b"IEND", b"");
    file
}

#[test]
fn pictures_are_compared_by_bytes_and_by_looks() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("check-pictures");
    fs::create_dir_all(&folder).unwrap();
    write_picture(&folder, "a.png", [100, 50], 0.0);
    write_picture(&folder, "smaller.png", [80, 40], 0.0);
    write_picture(&folder, "other.png", [100, 50], 1.5);
    fs::copy(folder.join("a.png"), folder.join("copy.png")).unwrap();
    fs::write(folder.join("text.png"), "no picture").unwrap();
    let train = ["a.png", "text.png", "absent.png"].map(|file| image(file, "", "train"));
    let test = ["smaller.png", "other.png", "copy.png"].map(|file| image(file, "", "test"));
    let mut data = input("x", train.into_iter().chain(test).collect());
    data.images = Some(folder);
    let mut seen = 0;
    let report = check(&data, &[], &mut || seen += 1);
    use ProblemKind::{MissingImage, NearDuplicate, SharedImage, SizeMismatch, UnreadableImage};
    let kinds = [MissingImage, UnreadableImage, SizeMismatch, SharedImage, NearDuplicate];
    assert_eq!((report.counts.clone(), seen), (kinds.map(|kind| (kind, 1)).into(), 6), "{report:?}");
    let of = |kind| report.problems.iter().find(|problem| problem.kind == kind).unwrap().image.clone().unwrap();
    assert_eq!(
        (of(SharedImage), of(NearDuplicate), of(SizeMismatch)),
        ("copy".into(), "smaller".into(), "smaller.png".into())
    );
}

#[test]
fn the_split_of_mrg_chestx_ray8_leaks() {
    let folder = shared("mrg-chestx-ray8");
    if !folder.is_dir() {
        println!("SKIPPED the leakage of MRG-ChestX-ray8: its lists are absent");
        return;
    }
    for writer in ["gpt", "llama"] {
        let list = |part: &str| {
            let path = folder.join(format!("{writer}_{part}.jsonl"));
            let dataset = read(&path, &ReadOptions::default()).unwrap();
            Input { dataset, ..input(part, vec![]) }
        };
        let report = check(&list("test"), &[list("train")], &mut || {});
        assert_eq!((report.inputs[0].entries, report.inputs[0].patients), (198, 189), "{writer}");
        assert_eq!((report.leaks[0].images, report.leaks[0].patients), (23, 59), "{writer}");
    }
}

/// The picture at half its size.
fn halved(image: &GreyImage) -> GreyImage {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (half_width, half_height) = (width / 2, height / 2);
    let at = |x: usize, y: usize| image.pixels()[y * width + x];
    let mean = |x: usize, y: usize| {
        (at(2 * x, 2 * y) + at(2 * x + 1, 2 * y) + at(2 * x, 2 * y + 1) + at(2 * x + 1, 2 * y + 1)) / 4.0
    };
    let pixels = (0..half_height).flat_map(|y| (0..half_width).map(move |x| (x, y)));
    let pixels = pixels.map(|(x, y)| (mean(x, y) * 64.0).round() / 64.0).collect();
    GreyImage::new(half_width as u32, half_height as u32, pixels, ImageSource::default()).unwrap()
}

#[test]
fn radiographs_look_like_their_copies_and_not_like_each_other() {
    let folder = shared("corpus");
    if !folder.is_dir() {
        println!("SKIPPED the perceptual hash on radiographs: the corpus is absent");
        return;
    }
    let data = read(&folder, &ReadOptions::default()).unwrap();
    let mut chosen = vec![];
    for entry in data.images.iter().step_by(12) {
        let bytes = fs::read(folder.join(entry.file.as_deref().unwrap())).unwrap();
        let image = decode_png_or_jpeg(&bytes).unwrap();
        chosen.push((difference_hash(&image), difference_hash(&halved(&image))));
    }
    let mut copies: Vec<u32> = chosen.iter().map(|(whole, half)| distance(whole, half)).collect();
    copies.sort();
    let others = (0..chosen.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    let mut others: Vec<u32> = others.map(|(a, b)| distance(&chosen[a].0, &chosen[b].0)).collect();
    others.sort();
    let n = copies.len();
    println!(
        "{n} radiographs; copies differ in {} bits (median), {} (95 %), {} (most)",
        copies[n / 2],
        copies[n * 95 / 100],
        copies[n - 1]
    );
    println!(
        "{} pairs differ in at least {} bits, {} (0.01 %), {} (median)",
        others.len(),
        others[0],
        others[others.len() / 10_000],
        others[others.len() / 2]
    );
    assert!(copies[n * 95 / 100] <= NEAR_DUPLICATE_BITS);
    assert!(others[0] > NEAR_DUPLICATE_BITS);
}

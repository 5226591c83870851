//! Unions, heat maps and McNemar's test against NumPy, torchvision and SciPy (`reference/export_eval_golden.py`).

use knowmvg::geometry::{Box2, Image};
use knowmvg_eval::Heat;
use knowmvg_eval::heat::HeatOnTruth;
use knowmvg_eval::mcnemar::mcnemar;
use knowmvg_eval::region::{union_area, union_iou};
use serde::Deserialize;

mod common;
use common::{assert_close, assert_same, golden};

#[derive(Deserialize)]
struct Regions {
    tolerance: f64,
    cases: Vec<Region>,
}

#[derive(Deserialize)]
struct Region {
    a: Vec<Box2<Image>>,
    b: Vec<Box2<Image>>,
    area_a: f64,
    iou: f64,
}

#[test]
fn unions_equal_their_masks() {
    let Regions { tolerance, cases } = golden("regions.json");
    assert!(cases.iter().filter(|case| case.a.len() > 1 && case.iou > 0.0).count() > 30);
    for (index, case) in cases.iter().enumerate() {
        assert_close(&format!("case {index}, IoU"), union_iou(&case.a, &case.b), case.iou, tolerance);
        // An area of up to 6,144 pixels.
        assert_close(&format!("case {index}, area"), union_area(&case.a), case.area_a, 6_144.0 * tolerance);
    }
}

#[derive(Deserialize)]
struct Heats {
    tolerance: f64,
    size: [u32; 2],
    cols: usize,
    rows: usize,
    cases: Vec<HeatCase>,
}

#[derive(Deserialize)]
struct HeatCase {
    heat: Vec<u8>,
    boxes: Vec<Box2<Image>>,
    pointing: f64,
    energy_inside: f64,
    entropy: f64,
    cnr: Option<f64>,
}

#[test]
fn heat_on_cells_equals_heat_on_pixels() {
    let Heats { tolerance, size, cols, rows, cases } = golden("heat.json");
    assert!(cases.iter().filter(|case| case.cnr.is_some_and(|cnr| cnr > 0.1)).count() > 10);
    for (index, case) in cases.iter().enumerate() {
        let map = HeatOnTruth::new(&Heat { cols, rows, values: case.heat.clone() }, size, &case.boxes);
        assert_close(&format!("case {index}, pointing"), map.pointing(), case.pointing, tolerance);
        assert_close(&format!("case {index}, energy"), map.energy_inside(), case.energy_inside, tolerance);
        assert_close(&format!("case {index}, entropy"), map.entropy(), case.entropy, tolerance);
        assert_same(&format!("case {index}, CNR"), map.cnr(), case.cnr, tolerance);
    }
}

#[derive(Deserialize)]
struct Tests {
    relative_tolerance: f64,
    cases: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    only_a: usize,
    only_b: usize,
    p: f64,
}

#[test]
fn mcnemar_equals_the_binomial_test() {
    let Tests { relative_tolerance, cases } = golden("mcnemar.json");
    for Test { only_a, only_b, p } in cases {
        let only = |count: usize, pair: (bool, bool)| std::iter::repeat_n(pair, count);
        let found =
            mcnemar(only(only_a, (true, false)).chain(only(only_b, (false, true))).chain(only(3, (true, true))));
        assert_eq!((found.only_a, found.only_b), (only_a, only_b));
        assert_close(&format!("{only_a} against {only_b}"), found.p, p, p * relative_tolerance);
    }
}

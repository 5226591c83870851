//! A small grid on a made-up corpus: trained once, resumed, and compared.

use serde_json::Value;

use crate::corpus::recipe;
use crate::ran::{Folder, knowmvg};

const GRID: &str = "recipe = 'recipe.toml'\noutput = 'grid'\nseeds = [1, 2]\nreference = 'full'\n\
                    [shared.data]\nphrases_per_image = 4\n[arms.full]\n[arms.no-local.model.switches]\nlocal = 'off'\n";

fn folder() -> Folder {
    let folder = Folder::new();
    knowmvg(["synth", &folder.at("corpus"), "--images", "16", "--size", "64"]).ended_with(0);
    folder.write("recipe.toml", recipe());
    folder
}

#[test]
fn every_arm_is_trained_with_every_seed_once_and_compared_with_the_reference() {
    let folder = folder();
    let grid = folder.write("grid.toml", GRID);
    let args = ["ablate", &grid, "--split", "train", "--json"];
    let ran = knowmvg(args).ended_with(0);
    let table = ran.json();
    let rows = table["arms"].as_array().unwrap();
    let row = |arm: &str, level: &str| rows.iter().find(|r| r["arm"] == arm && r["level"] == level).unwrap();
    for level in ["class", "zone", "anatomy"] {
        let (full, less) = (row("full", level), row("no-local", level));
        assert_eq!([&full["seeds"], &less["seeds"]], [2, 2]);
        assert!(full["gain_of_reference"].is_null() && full["n"] == less["n"]);
        let gain = full["mean_iou"].as_f64().unwrap() - less["mean_iou"].as_f64().unwrap();
        assert!((less["gain_of_reference"]["value"].as_f64().unwrap() - gain).abs() < 1e-9, "{less}");
    }
    let looked: Vec<&Value> = table["attention"].as_array().unwrap().iter().collect();
    assert_eq!(looked.len(), 2 * 2 * 2, "arms, levels and layers");
    assert!(looked.iter().all(|l| (0.0..=1.0).contains(&l["energy_inside"].as_f64().unwrap())));
    assert!(folder.read("grid/table.md").contains("| no-local | class | 2 |"));

    // Nothing is trained twice, and the tables are those of the finished runs.
    let again = knowmvg(args).ended_with(0);
    assert!(!again.stderr.contains("run 1 of"), "{again:?}");
    assert_eq!(again.json(), table);
}

#[test]
fn a_grid_that_does_not_fit_its_recipe_is_refused_before_anything_is_trained() {
    let folder = folder();
    for (text, told) in [
        (GRID.replace("local = 'off'", "locale = 'off'"), "locale"),
        (GRID.replace("reference = 'full'", "reference = 'best'"), "reference"),
        (GRID.replace("recipe = 'recipe.toml'", "recipe = 'absent.toml'"), "absent.toml"),
    ] {
        let ran = knowmvg(["ablate", &folder.write("grid.toml", text)]).ended_with(3);
        assert!(ran.stderr.contains(told), "{ran:?}");
    }
    assert!(!std::path::Path::new(&folder.at("grid")).exists());
}

//! The grid of an ablation, as it stands in a file under `runs/`: one recipe, changed in one way an arm.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Table;

use crate::failure::{Exit, Failure};
use crate::train::recipe::{self, Recipe, merge};

/// Most runs of one grid.
const MAX_RUNS: usize = 1000;

/// An ablation.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// The recipe that the arms change; paths are relative to this file.
    pub recipe: PathBuf,
    /// Where runs and tables go.
    pub output: PathBuf,
    /// Every arm is trained once with each.
    pub seeds: Vec<u64>,
    /// The arm that the others are compared with.
    pub reference: String,
    /// Changes to the recipe that all arms share, e.g. a shorter schedule.
    #[serde(default)]
    pub shared: Table,
    /// Changes of each arm, by its name; keys as in the recipe.
    pub arms: BTreeMap<String, Table>,
}

/// One training of a grid.
#[derive(Debug, Clone)]
pub struct ArmRun {
    /// Name of the arm.
    pub arm: String,
    /// Seed of the run.
    pub seed: u64,
    /// With the arm's changes.
    pub recipe: Recipe,
}

impl Grid {
    /// Reads a grid; its paths become relative to the working directory.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let unreadable = |e: String| Failure::about(Exit::Input, "cannot read the ablation", path, e);
        let text = fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
        let mut grid: Self = toml::from_str(&text)
            .map_err(|e| unreadable(e.to_string()).fix("runs/ablation/ has some to compare with"))?;
        let base = path.parent().unwrap_or(Path::new("."));
        grid.recipe = base.join(&grid.recipe);
        grid.output = base.join(&grid.output);
        grid.check().map_err(unreadable)?;
        Ok(grid)
    }

    fn check(&self) -> Result<(), String> {
        if !self.arms.contains_key(&self.reference) {
            return Err("expected `reference` to name one of the arms".into());
        }
        if let Some(name) = self.arms.keys().find(|name| !is_folder_name(name)) {
            return Err(format!("expected arms named by letters, digits, - and _, found {name:?}"));
        }
        let runs = self.arms.len().saturating_mul(self.seeds.len());
        if runs == 0 || runs > MAX_RUNS {
            return Err(format!("expected between 1 and {MAX_RUNS} runs (arms times seeds), found {runs}"));
        }
        Ok(())
    }

    /// All runs, seed by seed, so that an interrupted grid has whole rows.
    ///
    /// # Errors
    /// When an arm's changes do not fit the recipe.
    pub fn runs(&self) -> Result<Vec<ArmRun>, Failure> {
        let base = recipe::read_table(&self.recipe)?;
        let run = |arm: &str, changes: &Table, seed: u64| {
            let mut table = base.clone();
            merge(&mut table, &self.shared);
            merge(&mut table, changes);
            let recipe = Recipe::understand(table, &self.recipe)?.with_seed(seed).with_output(self.folder(arm, seed));
            Ok(ArmRun { arm: arm.to_owned(), seed, recipe })
        };
        let pairs =
            self.seeds.iter().flat_map(|seed| self.arms.iter().map(move |(arm, changes)| (arm, changes, *seed)));
        pairs.map(|(arm, changes, seed)| run(arm, changes, seed)).collect()
    }

    /// Where a run's files are.
    pub fn folder(&self, arm: &str, seed: u64) -> PathBuf {
        self.output.join(format!("{arm}-{seed}"))
    }
}

fn is_folder_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use knowmvg::model::config::{KnowledgeSwitch, LocalSwitch};

    use super::*;

    fn grid(text: &str) -> Grid {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_grids_of_the_repository_fit_their_recipe_and_share_their_runs() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runs/ablation");
        let runs = |grid: &str| Grid::open(&folder.join(grid)).unwrap().runs().unwrap();
        let (paper, all) = (runs("paper.toml"), runs("all.toml"));
        assert_eq!((paper.len(), all.len()), (3 * 4, 3 * 9));
        let is_among = |run: &ArmRun| all.iter().any(|other| other.recipe == run.recipe);
        assert!(paper.iter().all(is_among));
        let no_local = paper.iter().find(|run| run.arm == "no-local").unwrap();
        let Recipe::Compact(config) = &no_local.recipe else { panic!("expected a decoder's recipe") };
        assert_eq!(config.model.switches.local, LocalSwitch::Off);

        let language = runs("vlm.toml");
        assert_eq!(language.len(), 3 * 4);
        let neither = language.iter().find(|run| run.arm == "neither").unwrap();
        let Recipe::Language(config) = &neither.recipe else { panic!("expected a language model's recipe") };
        let switches = config.switches.unwrap();
        assert_eq!((switches.local, switches.knowledge), (LocalSwitch::Off, KnowledgeSwitch::Off));
        assert!(!config.reader.knowledge_tokens && config.decoder_rate > 0.0);
    }

    #[test]
    fn a_reference_that_is_no_arm_and_a_name_that_is_no_folder_are_refused() {
        let head = "recipe = 'r.toml'\noutput = 'o'\nseeds = [1]\n";
        assert!(grid(&format!("{head}reference = 'full'\n[arms.full]")).check().is_ok());
        assert!(grid(&format!("{head}reference = 'other'\n[arms.full]")).check().is_err());
        assert!(grid(&format!("{head}reference = '../x'\n[arms.'../x']")).check().is_err());
        assert!(grid("recipe = 'r'\noutput = 'o'\nseeds = []\nreference = 'a'\n[arms.a]").check().is_err());
    }
}

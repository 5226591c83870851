//! A recipe, from its file: TOML whose paths are relative to the file's own folder. One with `base = "other.toml"` only says
//! what differs from that file, which lies in the same folder.

use std::fs;
use std::path::{Path, PathBuf};

use knowmvg::compute::Device;
use knowmvg::model::config::ModelConfig;
use knowmvg::train::config::TrainConfig;
use knowmvg::train::run::Run;
use knowmvg::train::{Observer, TrainError};
use knowmvg_vlm::train::VlmTrainConfig;
use toml::{Table, Value};

use crate::failure::{Exit, Failure};
use crate::hub;

/// Most recipes that stand on each other; more are a circle.
const MAX_BASES: usize = 8;

/// Reads a recipe, written over its base, to be changed before it is understood.
pub fn read_table(path: &Path) -> Result<Table, Failure> {
    read_over_base(path, MAX_BASES)
}

fn read_over_base(path: &Path, bases_left: usize) -> Result<Table, Failure> {
    let text = fs::read_to_string(path).map_err(|e| unreadable(path, e))?;
    let mut own: Table = toml::from_str(&text).map_err(|e| unreadable(path, e))?;
    let Some(base) = own.remove("base") else { return Ok(own) };
    // Of another folder, the paths inside would be relative to one file and read from another.
    let Some(name) = base.as_str().filter(|name| Path::new(name).file_name().is_some_and(|own| own == *name)) else {
        return Err(malformed(path, format!("expected `base` to name a recipe of the same folder, found {base}")));
    };
    if bases_left == 0 {
        return Err(malformed(path, format!("expected at most {MAX_BASES} recipes that stand on each other")));
    }
    let mut table = read_over_base(&path.with_file_name(name), bases_left - 1)?;
    merge(&mut table, &own);
    Ok(table)
}

/// What a recipe teaches.
#[derive(Debug, Clone, PartialEq)]
pub enum Recipe {
    /// A decoder with a reader of its own.
    Compact(Box<TrainConfig>),
    /// A language model before a decoder.
    Language(Box<VlmTrainConfig>),
}

impl Recipe {
    /// Understands a recipe that was read from `path`.
    pub fn understand(table: Table, path: &Path) -> Result<Self, Failure> {
        if table.contains_key("language") {
            return Ok(Self::Language(Box::new(of_language_model(table, path)?)));
        }
        Ok(Self::Compact(Box::new(from_table(table, path)?)))
    }

    /// Where the run's files go.
    pub fn output(&self) -> &Path {
        match self {
            Self::Compact(config) => &config.output,
            Self::Language(config) => &config.output,
        }
    }

    /// The same with another seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        match &mut self {
            Self::Compact(config) => config.seed = seed,
            Self::Language(config) => config.seed = seed,
        }
        self
    }

    /// The same in another folder.
    pub fn with_output(mut self, output: PathBuf) -> Self {
        match &mut self {
            Self::Compact(config) => config.output = output,
            Self::Language(config) => config.output = output,
        }
        self
    }

    /// Trains, from a checkpoint if one is wanted and there; returns the folder of the finished model. A decoder with a reader of its own
    /// is trained on the first of the devices.
    pub fn train(&self, resume: bool, devices: &[Device], observer: &mut dyn Observer) -> Result<PathBuf, TrainError> {
        match self {
            Self::Compact(config) => Run::prepare_on((**config).clone(), &devices[0])?.run(resume, observer),
            Self::Language(config) => {
                knowmvg_vlm::train::Run::prepare((**config).clone(), devices)?.run(resume, observer)
            }
        }
    }
}

/// Understands a recipe that was read from `path`; what its `model` leaves out is as by default.
fn from_table(mut table: Table, path: &Path) -> Result<TrainConfig, Failure> {
    if let Some(Value::Table(given)) = table.get("model") {
        let mut model = Table::try_from(ModelConfig::default()).expect("a configuration is a table");
        merge(&mut model, given);
        table.insert("model".into(), model.into());
    }
    let mut config: TrainConfig =
        table.try_into().map_err(|e| unreadable(path, e).fix("runs/ has recipes to compare with"))?;
    let base = path.parent().unwrap_or(Path::new("."));
    for target in [&mut config.corpus, &mut config.tower, &mut config.output] {
        *target = base.join(&*target);
    }
    config.cache = config.cache.take().map(|cache| base.join(cache));
    config.tokenizer = config.tokenizer.take().map(|tokenizer| base.join(tokenizer));
    config.thorax = config.thorax.take().map(|thorax| base.join(thorax));
    if let Some(adaptation) = &mut config.adaptation {
        adaptation.init = adaptation.init.take().map(|init| base.join(init));
    }
    Ok(config)
}

/// Understands the recipe of a language model that was read from `path`.
fn of_language_model(table: Table, path: &Path) -> Result<VlmTrainConfig, Failure> {
    let mut config: VlmTrainConfig =
        table.try_into().map_err(|e| unreadable(path, e).fix("runs/vlm has recipes to compare with"))?;
    let base = path.parent().unwrap_or(Path::new("."));
    for target in [&mut config.corpus, &mut config.model, &mut config.output] {
        *target = base.join(&*target);
    }
    config.language = hub::language(base, &config.language)?;
    config.cache = config.cache.take().map(|cache| base.join(cache));
    config.init = config.init.take().map(|init| base.join(init));
    Ok(config)
}

fn unreadable(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    malformed(path, error.to_string())
}

fn malformed(path: &Path, problem: String) -> Failure {
    Failure::about(Exit::Input, "cannot read the recipe", path, problem)
}

/// Writes `changes` over `table`, key by key, down to the values.
pub fn merge(table: &mut Table, changes: &Table) {
    for (key, change) in changes {
        match (table.get_mut(key), change) {
            (Some(Value::Table(inner)), Value::Table(changes)) => merge(inner, changes),
            _ => {
                table.insert(key.clone(), change.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> Result<TrainConfig, Failure> {
        from_table(read_table(path)?, path)
    }

    #[test]
    fn changes_reach_the_values_and_leave_the_rest() {
        let mut table: Table = toml::from_str("a = 1\n[b]\nc = 2\nd = 3").unwrap();
        merge(&mut table, &toml::from_str("e = 4\n[b]\nc = 5").unwrap());
        assert_eq!(table, toml::from_str("a = 1\ne = 4\n[b]\nc = 5\nd = 3").unwrap());
    }

    #[test]
    fn a_recipe_says_what_differs_from_its_base_and_a_circle_is_refused() {
        let folder = std::env::temp_dir().join(format!("knowmvg-recipes-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        write("1.toml", "a = 1\n[b]\nc = 2\nd = 3");
        write("2.toml", "base = '1.toml'\n[b]\nc = 5");
        write("circle.toml", "base = 'circle.toml'");
        write("elsewhere.toml", "base = '../1.toml'");
        let table = |name: &str| read_table(&folder.join(name));
        assert_eq!(table("2.toml").unwrap(), toml::from_str("a = 1\n[b]\nc = 5\nd = 3").unwrap());
        assert!(table("circle.toml").is_err() && table("elsewhere.toml").is_err());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_recipes_of_the_repository_are_understood() {
        let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runs/compact");
        let steps: Vec<TrainConfig> =
            ["1", "2", "3", "4"].map(|step| read(&runs.join(format!("{step}.toml"))).unwrap()).into();
        // Each step goes on where the one before stopped, with the same model and in the same folder.
        assert!(steps.iter().all(|step| step.model == ModelConfig::default() && step.output == steps[0].output));
        assert!(steps.windows(2).all(|two| two[0].findings.taken() < two[1].findings.taken()));

        let runs = runs.join("../adaptation");
        let [frozen, adapted] = ["frozen", "rank-8"].map(|name| read(&runs.join(format!("{name}.toml"))).unwrap());
        let [mut without, with] =
            [frozen, adapted].map(|recipe| (recipe.adaptation.unwrap(), recipe.data, recipe.seed));
        assert_eq!(without.0.init, Some(runs.join("../../work/compact/model/knowmvg.safetensors")));
        // The control differs in the adapters alone.
        assert!(without.0.adapters.is_none());
        without.0.adapters = with.0.adapters;
        assert_eq!(without, with);
    }

    #[test]
    fn each_recipe_of_the_language_model_learns_on_from_the_one_before() {
        let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runs/vlm");
        let recipes = ["small", "reports", "questions"].map(|name| {
            let path = runs.join(name).with_extension("toml");
            match Recipe::understand(read_table(&path).unwrap(), &path).unwrap() {
                Recipe::Language(config) => *config,
                Recipe::Compact(_) => panic!("expected a language model's recipe"),
            }
        });
        assert_eq!(recipes[0].init, None);
        for two in recipes.windows(2) {
            assert_eq!(two[1].init, Some(two[0].output.join("model")));
            assert_eq!(two[0].reader, two[1].reader, "else the weights would not fit");
        }
    }
}

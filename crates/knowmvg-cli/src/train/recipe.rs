//! A recipe, from its file: TOML whose paths are relative to the file's own folder.

use std::fs;
use std::path::Path;

use knowmvg::model::config::ModelConfig;
use knowmvg::train::config::TrainConfig;
use toml::{Table, Value};

use crate::failure::{Exit, Failure};

/// Reads a recipe.
pub fn read(path: &Path) -> Result<TrainConfig, Failure> {
    from_table(read_table(path)?, path)
}

/// Reads a recipe as it stands, to be changed before it is understood.
pub fn read_table(path: &Path) -> Result<Table, Failure> {
    let text = fs::read_to_string(path).map_err(|e| unreadable(path, e))?;
    toml::from_str(&text).map_err(|e| unreadable(path, e))
}

/// Understands a recipe that was read from `path`; what its `model` leaves out is as by default.
pub fn from_table(mut table: Table, path: &Path) -> Result<TrainConfig, Failure> {
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
    Ok(config)
}

fn unreadable(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::about(Exit::Input, "cannot read the recipe", path, error)
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

    #[test]
    fn changes_reach_the_values_and_leave_the_rest() {
        let mut table: Table = toml::from_str("a = 1\n[b]\nc = 2\nd = 3").unwrap();
        merge(&mut table, &toml::from_str("e = 4\n[b]\nc = 5").unwrap());
        assert_eq!(table, toml::from_str("a = 1\ne = 4\n[b]\nc = 5\nd = 3").unwrap());
    }

    #[test]
    fn the_recipes_of_the_repository_are_understood() {
        let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runs/compact");
        let steps: Vec<TrainConfig> =
            ["1", "2", "3", "4"].map(|step| read(&runs.join(format!("{step}.toml"))).unwrap()).into();
        // Each step goes on where the one before stopped, with the same model and in the same folder.
        assert!(steps.iter().all(|step| step.model == ModelConfig::default() && step.output == steps[0].output));
        assert!(steps.windows(2).all(|two| two[0].findings.taken() < two[1].findings.taken()));
    }
}

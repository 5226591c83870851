//! A recipe, from its file: TOML whose paths are relative to the file's own folder.

use std::fs;
use std::path::Path;

use knowmvg::train::config::TrainConfig;
use toml::Table;

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

/// Understands a recipe that was read from `path`.
pub fn from_table(table: Table, path: &Path) -> Result<TrainConfig, Failure> {
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

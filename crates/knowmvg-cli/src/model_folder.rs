//! Where the model is: a folder with [`MARKER`].

use std::env;
use std::path::{Path, PathBuf};

use clap::Args;
use knowmvg::compute::{self, Device};
use knowmvg::grounder::{Grounder, GrounderError};
use knowmvg_vlm::Sampling;
use knowmvg_vlm::grounding::{LanguageOptions, LoadError};

use crate::args::MODEL_HELP;
use crate::dtype::Dtype;
use crate::failure::{Exit, Failure};
use crate::sampling::SamplingArgs;

/// The file that makes a folder a model folder.
pub use knowmvg::model::files::CONFIG as MARKER;
/// Name of a model folder that is found without being named.
const NAME: &str = "models";

/// Which model, and where it computes.
#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    #[arg(id = "model", long = "model", value_name = "DIR", help = MODEL_HELP)]
    pub folder: Option<PathBuf>,
    #[command(flatten)]
    pub device: DeviceArg,
    /// Numbers of a language model's weights
    #[arg(long, value_enum, value_name = "DTYPE", default_value_t = Dtype::Auto)]
    pub dtype: Dtype,
}

/// Where a model computes.
#[derive(Debug, Clone, Args)]
pub struct DeviceArg {
    /// cpu, or vulkan, metal, cuda, rocm (docs/devices.md); cuda:1 is the second
    #[arg(id = "device", long = "device", value_name = "DEVICE", default_value = "cpu")]
    name: String,
}

/// Where a model is trained.
#[derive(Debug, Clone, Args)]
pub struct DevicesArg {
    /// As elsewhere; several for a language model, e.g. cuda:0,cuda:1
    #[arg(id = "device", long = "device", value_name = "DEVICE", default_value = "cpu", value_delimiter = ',')]
    names: Vec<String>,
}

impl DeviceArg {
    /// The device of that name.
    pub fn find(&self) -> Result<Device, Failure> {
        device(&self.name)
    }
}

impl DevicesArg {
    /// The devices of those names, in their order.
    pub fn find(&self) -> Result<Vec<Device>, Failure> {
        self.names.iter().map(|name| device(name)).collect()
    }

    /// The only device.
    pub fn find_one(&self) -> Result<Device, Failure> {
        match self.names.as_slice() {
            [name] => device(name),
            names => Err(Failure::new(Exit::Usage, format!("expected one device, found {}", names.len()))
                .fix("train the compact model on one; a language model can be trained on several")),
        }
    }
}

fn device(name: &str) -> Result<Device, Failure> {
    compute::device(name).map_err(|e| {
        let kinds: Vec<&str> = compute::kinds().collect();
        Failure::new(Exit::Usage, e.to_string())
            .fix(format!("name another with --device; this program has: {}", kinds.join(", ")))
    })
}

/// Finds and loads the model.
pub fn load(args: &ModelArgs) -> Result<(PathBuf, Grounder), Failure> {
    load_choosing(args, Sampling::Greedy)
}

/// Finds and loads the model, whose language model chooses its words as it is told.
pub fn load_sampling(args: &ModelArgs, sampling: &SamplingArgs) -> Result<(PathBuf, Grounder), Failure> {
    load_choosing(args, sampling.sampling())
}

fn load_choosing(args: &ModelArgs, sampling: Sampling) -> Result<(PathBuf, Grounder), Failure> {
    let device = args.device.find()?;
    let folder = locate(args.folder.as_deref())?;
    let options = LanguageOptions { sampling, weights: args.dtype.weights() };
    // Those of the sampling were checked as they were read.
    options.check(&device).map_err(|e| {
        let fix = "leave --device out, or take --dtype bfloat16";
        Failure::new(Exit::Usage, "cannot use --dtype").because(e).fix(fix)
    })?;
    let loaded = knowmvg_vlm::grounding::load_as(&folder, &device, &options);
    let grounder = loaded.map_err(|e| broken(&folder, e))?;
    let of_language = [("--temperature", options.sampling != Sampling::Greedy), ("--dtype", options.weights.is_some())];
    match of_language.into_iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) if grounder.reader().is_none() => {
            let problem = format!("expected a model with a language model for {option}, found one without");
            let fix = format!("leave {option} out");
            Err(Failure::about(Exit::Usage, "cannot use the option", &folder, problem).fix(fix))
        }
        _ => Ok((folder, grounder)),
    }
}

/// Finds the folder.
pub fn locate(given: Option<&Path>) -> Result<PathBuf, Failure> {
    find(given, &Places::of_this_process())
}

/// The files are there and don't hold a model, or their device computes something else than the CPU.
pub fn broken(folder: &Path, error: impl Into<LoadError>) -> Failure {
    match error.into() {
        LoadError::Decoder(GrounderError::Device(wrong)) => Failure::new(Exit::Work, "cannot trust the device")
            .because(wrong)
            .fix("leave --device out to compute on the CPU"),
        error => {
            let fix =
                "restore the files of the model folder from the release; they belong together and may not be mixed";
            Failure::about(Exit::Model, "cannot load the model", folder, error).fix(fix)
        }
    }
}

/// Where a search begins.
#[derive(Debug, Default)]
struct Places {
    executable: Option<PathBuf>,
    current: Option<PathBuf>,
    /// `$XDG_DATA_HOME`, or what stands for it.
    data_home: Option<PathBuf>,
}

impl Places {
    fn of_this_process() -> Self {
        let set = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        Self {
            executable: env::current_exe().ok(),
            current: env::current_dir().ok(),
            data_home: set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share"))),
        }
    }

    /// Every folder that may be the model's, nearest first, each once.
    fn candidates(&self) -> Vec<PathBuf> {
        let above =
            |path: Option<&Path>| path.into_iter().flat_map(Path::ancestors).map(|p| p.join(NAME)).collect::<Vec<_>>();
        let beside_executable = above(self.executable.as_deref().and_then(Path::parent));
        let installed = self.data_home.iter().map(|home| home.join("knowmvg").join(NAME));
        let mut found: Vec<PathBuf> = Vec::new();
        for candidate in beside_executable.into_iter().chain(above(self.current.as_deref())).chain(installed) {
            if !found.contains(&candidate) {
                found.push(candidate);
            }
        }
        found
    }
}

fn find(given: Option<&Path>, places: &Places) -> Result<PathBuf, Failure> {
    let candidates = given.map_or_else(|| places.candidates(), |folder| vec![folder.to_owned()]);
    let found = candidates.iter().find(|folder| folder.join(MARKER).is_file());
    found.cloned().ok_or_else(|| missing(&candidates))
}

fn missing(candidates: &[PathBuf]) -> Failure {
    let looked: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
    let what = format!("expected a model folder with {MARKER}, found none in {}", looked.join(", "));
    Failure::new(Exit::Model, what).fix("name the folder with --model DIR, or put it beside the program as `models`")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// `<temporary>/{bin/release, here/below, data/knowmvg/models}`, without any model.
    fn tree(name: &str) -> (PathBuf, Places) {
        let root = env::temp_dir().join(format!("knowmvg-places-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for folder in ["bin/release", "here/below", "data/knowmvg/models"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let places = Places {
            executable: Some(root.join("bin/release/knowmvg")),
            current: Some(root.join("here/below")),
            data_home: Some(root.join("data")),
        };
        (root, places)
    }

    fn put_model(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(MARKER), "{}").unwrap();
    }

    #[test]
    fn the_nearest_folder_wins() {
        let (root, places) = tree("nearest");
        for folder in ["data/knowmvg/models", "here/models", "bin/models", "bin/release/models"] {
            put_model(&root.join(folder));
            assert_eq!(find(None, &places).unwrap(), root.join(folder));
        }
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_named_folder_is_the_only_one_that_is_looked_at() {
        let (root, places) = tree("named");
        put_model(&root.join("bin/release/models"));
        let named = root.join("here");
        let failure = find(Some(&named), &places).unwrap_err();
        assert_eq!(failure.exit, Exit::Model);
        assert!(failure.to_string().contains(&named.display().to_string()));
        put_model(&named);
        assert_eq!(find(Some(&named), &places).unwrap(), named);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_search_in_vain_says_where_it_looked() {
        let (root, places) = tree("vain");
        // A folder without the marker does not count.
        fs::create_dir_all(root.join("bin/release/models")).unwrap();
        let places = Places { current: None, ..places };
        let text = find(None, &places).unwrap_err().to_string();
        for folder in ["bin/release/models", "bin/models", "data/knowmvg/models"] {
            assert!(text.contains(&root.join(folder).display().to_string()), "{text}");
        }
        fs::remove_dir_all(root).unwrap();
    }
}

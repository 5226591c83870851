use std::ffi::OsString;
use std::path::PathBuf;

use crate::cache::Cache;
use crate::client::Origin;
use crate::error::HubError;

/// Where the hub is, unless `HF_ENDPOINT` says otherwise.
const ENDPOINT: &str = "https://huggingface.co";
/// Longest token.
const MAX_TOKEN: usize = 1024;

/// Whom to ask, as whom, and where to keep what comes.
#[derive(Clone)]
pub struct Settings {
    pub(crate) endpoint: String,
    pub(crate) token: Option<String>,
    /// Where models are kept.
    pub cache: Cache,
    /// Whether nothing may be asked.
    pub is_offline: bool,
}

impl Settings {
    /// From variables as `huggingface_hub` reads them: `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`, and for the cache
    /// `HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`, `HOME`.
    ///
    /// # Errors
    /// When one of them makes no sense, or none says where the cache is.
    ///
    /// # Departures
    /// A token is taken from the variable alone, not from the file that a login leaves: who sends it has said so.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, HubError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &str| {
            let not_text = |_| HubError::Input(format!("expected {name} as text"));
            set(name).map(|value| value.into_string().map_err(not_text)).transpose()
        };
        let folder = |name: &str| set(name).map(PathBuf::from);
        let home = || folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
        let own = || folder("HF_HOME").or_else(|| Some(home()?.join("huggingface")));
        let cache = folder("HF_HUB_CACHE").or_else(|| Some(own()?.join("hub")));
        let cache = cache.ok_or_else(|| HubError::Input("expected HF_HOME to say where the cache is".into()))?;
        let endpoint = text("HF_ENDPOINT")?.unwrap_or_else(|| ENDPOINT.to_owned());
        let offline = text("HF_HUB_OFFLINE")?.unwrap_or_default().to_lowercase();
        Ok(Self {
            endpoint: checked_endpoint(&endpoint)?,
            token: text("HF_TOKEN")?.map(checked_token).transpose()?,
            cache: Cache::at(cache),
            is_offline: ["1", "on", "yes", "true"].contains(&offline.as_str()),
        })
    }
}

/// Checksums come from there, so nobody on the way may change them.
fn checked_endpoint(text: &str) -> Result<String, HubError> {
    let text = text.trim_end_matches('/');
    match Origin::of(text) {
        Some(origin) if origin.is_safe() && !text.contains(['?', '#', '@']) => Ok(text.to_owned()),
        _ => Err(HubError::Input(format!(
            "expected HF_ENDPOINT as https://host, or http:// on this machine, found {text:?}"
        ))),
    }
}

fn checked_token(text: String) -> Result<String, HubError> {
    let token = text.trim();
    // The secret must not stand in an error.
    if token.is_empty() || token.len() > MAX_TOKEN || !token.chars().all(|letter| letter.is_ascii_graphic()) {
        return Err(HubError::Input("expected HF_TOKEN as visible ASCII".into()));
    }
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Settings, HubError> {
        let found = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        Settings::from_variables(found)
    }

    #[test]
    fn the_nearest_variable_says_where_the_cache_is() {
        let mut set = vec![("HOME", "/h")];
        for (variable, expected) in [
            (("HOME", "/h"), "/h/.cache/huggingface/hub"),
            (("XDG_CACHE_HOME", "/x"), "/x/huggingface/hub"),
            (("HF_HOME", "/f"), "/f/hub"),
            (("HF_HUB_CACHE", "/c"), "/c"),
        ] {
            set.push(variable);
            assert_eq!(read(&set).unwrap().cache, Cache::at(expected.into()));
        }
        assert!(read(&[]).is_err());
    }

    #[test]
    fn a_hub_is_asked_safely_or_not_at_all() {
        for endpoint in ["https://hub.example/mirror/", "http://127.0.0.1:8080", "http://localhost"] {
            assert!(read(&[("HOME", "/h"), ("HF_ENDPOINT", endpoint)]).is_ok(), "{endpoint}");
        }
        for endpoint in
            ["http://hub.example", "hub.example", "file:///x", "https://", "https://u@hub.example", "https://h/?q"]
        {
            assert!(read(&[("HOME", "/h"), ("HF_ENDPOINT", endpoint)]).is_err(), "{endpoint}");
        }
        let Err(error) = read(&[("HOME", "/h"), ("HF_TOKEN", "hf_se cret")]) else { panic!("a token with a space") };
        assert!(!error.to_string().contains("cret"));
    }
}

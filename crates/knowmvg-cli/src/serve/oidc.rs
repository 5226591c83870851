//! `--oidc-*`: whose access tokens open the server.

use std::path::{Path, PathBuf};

use knowmvg_serve::{OidcConfig, RequiredClaim};

use crate::failure::{Exit, Failure};
use crate::files;

/// Longest file of authorities; those that browsers know have a fifth of it.
///
/// # Units
/// Bytes.
const MAX_AUTHORITIES: usize = 1 << 20;

/// Whose access tokens open the server.
#[derive(Debug, Default, clap::Args)]
pub struct OidcArgs {
    /// OpenID provider whose access tokens clients may send: an https:// address, letter by letter its `iss`
    #[arg(long, value_name = "URL", requires = "oidc_audience")]
    pub oidc_issuer_url: Option<String>,
    /// What has to be in `aud` of these tokens: the name that the provider has for this server
    #[arg(long, value_name = "AUD", requires = "oidc_issuer_url")]
    pub oidc_audience: Option<String>,
    /// Scope that these tokens need; may be given several times
    #[arg(long, value_name = "SCOPE", requires = "oidc_issuer_url")]
    pub oidc_required_scope: Vec<String>,
    /// Claim that these tokens need, like groups=radiology; may be given several times
    #[arg(long, value_name = "NAME=VALUE", requires = "oidc_issuer_url", value_parser = claim)]
    pub oidc_required_claim: Vec<RequiredClaim>,
    /// PEM file of the authorities of the provider's certificate, in the place of those that browsers know
    #[arg(long, value_name = "FILE", requires = "oidc_issuer_url")]
    pub oidc_ca_file: Option<PathBuf>,
}

impl OidcArgs {
    /// The issuer that was asked for.
    pub fn config(&self) -> Result<Option<OidcConfig>, Failure> {
        let (Some(issuer), Some(audience)) = (&self.oidc_issuer_url, &self.oidc_audience) else { return Ok(None) };
        Ok(Some(OidcConfig {
            required_scopes: self.oidc_required_scope.clone(),
            required_claims: self.oidc_required_claim.clone(),
            authorities: self.oidc_ca_file.as_deref().map(read_authorities).transpose()?,
            ..OidcConfig::new(issuer, audience)
        }))
    }
}

fn claim(text: &str) -> Result<RequiredClaim, String> {
    RequiredClaim::parse(text).ok_or_else(|| "expected NAME=VALUE".to_owned())
}

fn read_authorities(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = files::bytes_at_most(path, MAX_AUTHORITIES);
    bytes.map_err(|e| Failure::about(Exit::Input, "cannot read the authorities", path, e))
}

//! [`Id`]: the part of a path that names a session or a job.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::app::App;
use crate::problem::{NOT_FOUND, Problem};

/// An id, as it stands in the path; nobody has looked it up yet.
pub(crate) struct Id(pub String);

impl FromRequestParts<App> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        path.map(|Path(id)| Self(id)).map_err(|_| Problem::new(&NOT_FOUND, "expected an id, found other bytes"))
    }
}

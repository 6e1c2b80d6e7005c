//! CORS: which web pages may read answers over HTTP.

use std::time::Duration;

use http::{HeaderValue, Method};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use crate::transport::error::RpcError;
use crate::web_name::WebSetting;

/// Makes the CORS headers for the given origins; `*`: any origin. Like go-ethereum, it allows GET and POST with any
/// header, and browsers may cache the result for ten minutes.
pub(crate) fn cors(origins: &[String]) -> Result<CorsLayer, RpcError> {
    if origins.is_empty() {
        return Ok(CorsLayer::new());
    }
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST])
        // `*` would not cover the header `Authorization`.
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(Duration::from_secs(600));
    if origins.iter().any(|origin| origin.trim() == "*") {
        return Ok(layer.allow_origin(Any));
    }
    WebSetting::Cors.check_all(origins)?;
    // Every origin can be the value of a header: it has only printable ASCII characters.
    let value = |origin: &String| HeaderValue::from_str(origin.trim()).ok();
    Ok(layer.allow_origin(origins.iter().filter_map(value).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_origin_is_an_error() {
        for bad in ["bad\norigin", "app.example", "https://app.example/path"] {
            let origins = ["https://app.example".to_owned(), bad.to_owned()];
            let error = cors(&origins).unwrap_err();
            assert!(matches!(error, RpcError::WebName { name, .. } if name == bad));
        }
    }
}

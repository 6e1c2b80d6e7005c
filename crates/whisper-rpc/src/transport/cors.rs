//! CORS: which web pages may read answers over HTTP.

use std::time::Duration;

use http::{HeaderValue, Method};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use crate::transport::error::RpcError;

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
    let value = |origin: &String| {
        HeaderValue::from_str(origin.trim())
            .map_err(|_| RpcError::CorsOrigin { origin: origin.clone() })
    };
    Ok(layer.allow_origin(origins.iter().map(value).collect::<Result<Vec<_>, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_that_cannot_be_a_header_value_is_an_error() {
        let origins = ["https://app.example".to_owned(), "bad\norigin".to_owned()];
        let error = cors(&origins).unwrap_err();
        assert!(matches!(error, RpcError::CorsOrigin { origin } if origin == "bad\norigin"));
    }
}

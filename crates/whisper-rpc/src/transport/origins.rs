//! WebSocket origins: which web pages may connect.
//!
//! Browsers do not apply their same-origin policy to WebSocket: any page may connect to any server. But they send the
//! origin of the page in the `Origin` header, so that the server can refuse it. Programs do not send this header.

use http::{HeaderValue, Request, header};

/// The allowed origins if none are configured: pages from this machine.
const LOCAL_ORIGINS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The allowed origins.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    any: bool,
    patterns: Vec<Pattern>,
}

/// `[scheme://]host[:port]`. A missing part matches anything.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    scheme: Option<String>,
    host: String,
    port: Option<String>,
}

impl Pattern {
    fn parse(text: &str) -> Self {
        let text = text.trim().to_ascii_lowercase();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_owned()), rest),
            None => (None, text.as_str()),
        };
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.rsplit_once(':') {
            // The last colon in `[::1]` does not separate a port.
            Some((host, port)) if !port.contains(']') => (host, Some(port.to_owned())),
            _ => (rest, None),
        };
        Self { scheme, host: host.to_owned(), port }
    }

    fn matches(&self, origin: &Self) -> bool {
        let fits = |pattern: &Option<String>, given: &Option<String>| {
            pattern.is_none() || pattern == given
        };
        self.host == origin.host
            && fits(&self.scheme, &origin.scheme)
            && fits(&self.port, &origin.port)
    }
}

impl Origins {
    /// Reads the configured origins. `*` allows any origin; an empty list allows [`LOCAL_ORIGINS`].
    pub(crate) fn new(origins: &[String]) -> Self {
        let any = origins.iter().any(|origin| origin.trim() == "*");
        let patterns = match origins {
            [] => LOCAL_ORIGINS.into_iter().map(Pattern::parse).collect(),
            _ => origins.iter().map(|origin| Pattern::parse(origin)).collect(),
        };
        Self { any, patterns }
    }

    /// Whether the origin of a request is allowed.
    pub(crate) fn allow<B>(&self, request: &Request<B>) -> bool {
        match request.headers().get(header::ORIGIN).map(HeaderValue::to_str) {
            None => true,
            Some(origin) => origin.is_ok_and(|origin| self.allows(origin)),
        }
    }

    fn allows(&self, origin: &str) -> bool {
        let origin = Pattern::parse(origin);
        self.any || self.patterns.iter().any(|pattern| pattern.matches(&origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(list: &[&str]) -> Origins {
        Origins::new(&list.iter().map(|&origin| origin.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn by_default_only_pages_of_this_machine_are_allowed() {
        let origins = origins(&[]);
        for origin in
            ["http://localhost", "http://localhost:3000", "https://127.0.0.1", "http://[::1]:80"]
        {
            assert!(origins.allows(origin), "{origin}");
        }
        for origin in ["http://example.com", "http://localhost.evil", "null", ""] {
            assert!(!origins.allows(origin), "{origin}");
        }
    }

    #[test]
    fn a_missing_part_of_a_pattern_matches_anything() {
        let origins = origins(&["https://app.example", "other.example:8080"]);
        assert!(origins.allows("https://APP.example:444"));
        assert!(!origins.allows("http://app.example"));
        assert!(origins.allows("http://other.example:8080"));
        assert!(!origins.allows("http://other.example"));
        assert!(!origins.allows("http://localhost"));
    }

    #[test]
    fn a_star_allows_any_origin() {
        assert!(origins(&["*"]).allows("http://example.com"));
    }
}

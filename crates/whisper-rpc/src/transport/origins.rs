//! WebSocket origins: which web pages may connect.
//!
//! Browsers do not apply their same-origin policy to WebSockets: any page may connect to any server. They do say in
//! the `Origin` header where the page is from, and it is for the server to refuse. Programs send no such header.

use http::{HeaderValue, Request, header};

/// The origins that may connect where none are configured: pages from this machine.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The origins that may connect.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    any: bool,
    patterns: Vec<Pattern>,
}

/// `[scheme://]host[:port]`; what is left out may be anything.
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
            // The last colon of `[::1]` is not before a port.
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
    /// The origins as configured; `*` is any, and none are the pages of this machine.
    pub(crate) fn new(origins: &[String]) -> Self {
        let any = origins.iter().any(|origin| origin.trim() == "*");
        let patterns = match origins {
            [] => LOCAL.into_iter().map(Pattern::parse).collect(),
            _ => origins.iter().map(|origin| Pattern::parse(origin)).collect(),
        };
        Self { any, patterns }
    }

    /// Whether a request may connect.
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
    fn by_default_only_pages_of_this_machine_connect() {
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
    fn what_a_pattern_leaves_out_may_be_anything() {
        let origins = origins(&["https://app.example", "other.example:8080"]);
        assert!(origins.allows("https://APP.example:444"));
        assert!(!origins.allows("http://app.example"));
        assert!(origins.allows("http://other.example:8080"));
        assert!(!origins.allows("http://other.example"));
        assert!(!origins.allows("http://localhost"));
    }

    #[test]
    fn a_star_lets_any_page_connect() {
        assert!(origins(&["*"]).allows("http://example.com"));
    }
}

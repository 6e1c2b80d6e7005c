//! The chat page: a small application of this node, served at `/` of the HTTP port if it is switched on.
//!
//! It calls JSON-RPC at its own origin, and loads nothing from elsewhere. Its files are plain HTML and JavaScript, to be read as
//! an example.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::Full;

use crate::transport::refuse_reason::HttpResponse;

/// The files: path, media type, content.
const FILES: [(&str, &str, &str); 3] = [
    ("/", "text/html; charset=utf-8", include_str!("chat/index.html")),
    ("/chat.css", "text/css; charset=utf-8", include_str!("chat/chat.css")),
    ("/chat.js", "text/javascript; charset=utf-8", include_str!("chat/chat.js")),
];

/// What the page may do: nothing but load its own files and call its own origin.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The answer to a request for a file of the page; `None` if it is for something else. The files have no secrets, so they need no
/// token; the calls of the page do.
pub(super) fn page<B>(request: &Request<B>) -> Option<HttpResponse> {
    if *request.method() != Method::GET || request.headers().contains_key(header::UPGRADE) {
        return None;
    }
    let path = request.uri().path();
    let (_, kind, content) = FILES.iter().find(|(of_file, ..)| *of_file == path)?;
    let mut answer = Response::new(Full::new(Bytes::from_static(content.as_bytes())));
    for (name, value) in [
        (header::CONTENT_TYPE, *kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(method: Method, path: &str, upgrade: bool) -> Option<HttpResponse> {
        let request = Request::builder().method(method).uri(path);
        let request = if upgrade { request.header(header::UPGRADE, "websocket") } else { request };
        page(&request.body(()).unwrap())
    }

    #[test]
    fn only_its_own_files_are_served() {
        let index = answer(Method::GET, "/?channel=news", false).unwrap();
        assert_eq!(index.headers()[header::CONTENT_SECURITY_POLICY], POLICY);
        assert_eq!(index.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert!(answer(Method::GET, "/chat.js", false).is_some());
        for (method, path, upgrade) in [
            (Method::POST, "/", false),
            (Method::GET, "/", true),
            (Method::GET, "/../Cargo.toml", false),
            (Method::GET, "/metrics", false),
        ] {
            assert!(answer(method.clone(), path, upgrade).is_none(), "{method} {path}");
        }
    }

    #[test]
    fn the_page_needs_nothing_but_its_own_files() {
        for (path, _, content) in FILES {
            for foreign in ["http://", "https://", "//cdn", "@import", "url("] {
                assert!(!content.contains(foreign), "{path} has {foreign}");
            }
            // Names and messages are text, not HTML.
            for unsafe_call in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
            {
                assert!(!content.contains(unsafe_call), "{path} has {unsafe_call}");
            }
        }
    }
}

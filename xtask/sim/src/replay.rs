//! A page that replays a run in a browser.

use std::{
    fmt::Write as _,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use p2p_sim::{Nodes, TraceEvent};

/// The page, without its data.
const PAGE: &str = include_str!("replay.html");

/// Where the data goes.
const PLACE: &str = "/*DATA*/";

/// Maximum size of the trace in bytes. What comes later is not on the page.
const MAX_TRACE: usize = 64 * 1024 * 1024;

/// A trace in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recording(Arc<Mutex<Vec<u8>>>);

impl Recording {
    /// What the page shows.
    pub(crate) fn wants(event: &TraceEvent<'_>) -> bool {
        !matches!(event, TraceEvent::Connected { .. } | TraceEvent::End { .. })
    }

    /// Writes the page. `summary`: what it says about the run.
    pub(crate) fn write_page(
        &self,
        path: &Path,
        seed: u64,
        nodes: &Nodes,
        summary: &str,
    ) -> io::Result<()> {
        let trace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&trace);
        let count = nodes.hosts().len();
        let mut data = format!("{{\"seed\":{seed},\"nodes\":{count},\"summary\":");
        add_text(&mut data, summary);
        data.push_str(",\"ids\":[");
        for index in 0..count {
            add_text(&mut data, &nodes.id(index).to_string());
            data.push(',');
        }
        data.truncate(data.trim_end_matches(',').len());
        data.push_str("],\"lines\":[");
        for line in text.lines() {
            add_text(&mut data, line);
            data.push_str(",\n");
        }
        data.truncate(data.trim_end_matches(",\n").len());
        data.push_str("]}");
        std::fs::write(path, PAGE.replacen(PLACE, &data, 1))
    }
}

impl Write for Recording {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut trace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if trace.len() < MAX_TRACE {
            trace.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Adds a text as JSON that can stand in a script of a page.
fn add_text(data: &mut String, text: &str) {
    data.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' | '<' | '\u{0}'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(data, "\\u{:04x}", u32::from(character));
            }
            other => data.push(other),
        }
    }
    data.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_script() {
        let mut data = String::new();
        add_text(&mut data, "a\"</script>\\\n");
        assert_eq!(data, "\"a\\u0022\\u003c/script>\\u005c\\u000a\"");
        assert_eq!(PAGE.matches(PLACE).count(), 1);
    }
}

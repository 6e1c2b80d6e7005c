//! Places in histories that clients of a team have named and acknowledged, so that the node remembers them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use whisper_protocol::{HistoryCursor, ParseCursorError, StateError, Whisper};

use crate::lock::lock;

/// Maximum number of places of a team.
const MAX_CURSORS: usize = 256;

/// Maximum number of bytes of all places of a team together. One of two archives has up to 170 KB, and usually 100 bytes.
const MAX_BYTES: usize = 8 << 20;

/// Maximum length of a name in bytes.
const MAX_NAME: usize = 64;

/// A place in a history cannot be kept.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum CursorError {
    /// The name cannot be used.
    #[error("a name of a cursor has 1 to {MAX_NAME} bytes")]
    Name,
    /// There are too many.
    #[error(
        "there are {MAX_CURSORS} named cursors already: forget one with history_ack and an empty cursor"
    )]
    Many,
    /// They are too large together.
    #[error(
        "the named cursors have more than {MAX_BYTES} bytes: forget one with history_ack and an empty cursor"
    )]
    Large,
    /// The text is no cursor.
    #[error(transparent)]
    Parse(#[from] ParseCursorError),
    /// It cannot be written.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The places of a team, by their names.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    by_name: Mutex<BTreeMap<Arc<str>, Vec<u8>>>,
    /// Held while a place is written, so that what is in memory is what was written last.
    turn: tokio::sync::Mutex<()>,
}

impl Cursors {
    /// These places are there again that were kept.
    pub(crate) fn restore(&self, kept: Vec<(Arc<str>, Vec<u8>)>) {
        lock(&self.by_name).extend(kept);
    }

    /// The names, in their order.
    pub(crate) fn names(&self) -> Vec<String> {
        lock(&self.by_name).keys().map(|name| (**name).to_owned()).collect()
    }

    /// The place of this name; the beginning if there is none.
    pub(crate) fn get(&self, name: &str) -> Result<HistoryCursor, CursorError> {
        check_name(name)?;
        let cursor = lock(&self.by_name).get(name).cloned();
        Ok(HistoryCursor::from_bytes(&cursor.unwrap_or_default())?)
    }

    /// Everything before this place is processed. It is on the disk when this returns, if `whisper` keeps its state. The beginning
    /// forgets the name.
    pub(crate) async fn set(
        &self,
        whisper: &Whisper,
        name: &str,
        cursor: &HistoryCursor,
    ) -> Result<(), CursorError> {
        check_name(name)?;
        let bytes = cursor.to_bytes();
        let _turn = self.turn.lock().await;
        self.check_room(name, bytes.len())?;
        let (name, is_there): (Arc<str>, _) = (Arc::from(name), !bytes.is_empty());
        let kept = is_there.then(|| bytes.clone());
        whisper.state().keep_cursor(Arc::clone(&name), kept).await?;
        let mut by_name = lock(&self.by_name);
        match is_there {
            true => _ = by_name.insert(name, bytes),
            false => _ = by_name.remove(&name),
        }
        Ok(())
    }

    /// Whether there is room for a place of this size in place of the one with this name.
    fn check_room(&self, name: &str, bytes: usize) -> Result<(), CursorError> {
        let by_name = lock(&self.by_name);
        let others = || by_name.iter().filter(|(other, _)| &***other != name);
        if bytes > 0 && others().count() >= MAX_CURSORS {
            return Err(CursorError::Many);
        }
        let used: usize = others().map(|(_, cursor)| cursor.len()).sum();
        if bytes > 0 && used + bytes > MAX_BYTES { Err(CursorError::Large) } else { Ok(()) }
    }
}

fn check_name(name: &str) -> Result<(), CursorError> {
    let fits = !name.is_empty() && name.len() <= MAX_NAME;
    if fits { Ok(()) } else { Err(CursorError::Name) }
}

#[cfg(test)]
mod tests {
    use whisper_protocol::Config;

    use super::*;

    /// A cursor of about this many bytes.
    fn cursor(bytes: usize) -> HistoryCursor {
        // A place in a history that was read, with as many messages that may come again.
        let mut seen = vec![0; bytes / 20 * 20];
        for (index, entry) in seen.chunks_mut(20).enumerate() {
            entry[..8].copy_from_slice(&(index as u64).to_be_bytes());
        }
        let item = |out: &mut Vec<u8>, bytes: &[u8]| {
            out.push(0xb9);
            out.extend_from_slice(&u16::try_from(bytes.len()).unwrap().to_be_bytes());
            out.extend_from_slice(bytes);
        };
        let mut content = vec![2, 0x88, 1, 2, 3, 4, 5, 6, 7, 8, 7, 7, 0xc0];
        item(&mut content, &seen);
        let mut list = vec![0xf9];
        list.extend_from_slice(&u16::try_from(content.len()).unwrap().to_be_bytes());
        list.extend_from_slice(&content);
        HistoryCursor::from_bytes(&list).unwrap()
    }

    #[tokio::test]
    async fn the_places_of_a_team_are_limited() {
        let (whisper, cursors) = (Whisper::new(Config::default()), Cursors::default());
        let set = async |name: &str, bytes| cursors.set(&whisper, name, &cursor(bytes)).await;
        for wrong in [String::new(), "x".repeat(MAX_NAME + 1)] {
            assert!(matches!(set(&wrong, 400).await, Err(CursorError::Name)));
            assert!(matches!(cursors.get(&wrong), Err(CursorError::Name)));
        }
        for number in 0..MAX_CURSORS {
            set(&number.to_string(), 400).await.unwrap();
        }
        assert!(matches!(set("more", 400).await, Err(CursorError::Many)));
        set("7", 60_000).await.unwrap();
        assert_eq!(cursors.get("7").unwrap(), cursor(60_000));
        cursors.set(&whisper, "7", &HistoryCursor::default()).await.unwrap();
        assert_eq!(cursors.get("7").unwrap(), HistoryCursor::default());
        assert_eq!(cursors.names().len(), MAX_CURSORS - 1);
        set("more", 400).await.unwrap();
        whisper.stop().await;
    }

    #[tokio::test]
    async fn the_bytes_of_the_places_are_limited() {
        let (whisper, cursors) = (Whisper::new(Config::default()), Cursors::default());
        let large = cursor(60_000);
        let most = MAX_BYTES / large.to_bytes().len();
        cursors
            .restore((0..most).map(|name| (name.to_string().into(), large.to_bytes())).collect());
        assert!(matches!(cursors.set(&whisper, "more", &large).await, Err(CursorError::Large)));
        cursors.set(&whisper, "0", &large).await.unwrap();
        whisper.stop().await;
    }
}

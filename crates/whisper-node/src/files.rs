//! The files that a node keeps, and whether they are damaged.

use std::sync::Arc;

use p2p_server::Server;
use whisper_archive::Damage;
use whisper_store::EncryptedStore;

use crate::archive::OpenArchive;

/// The files that a node keeps, and whether damage was found in them. Clones share it, and do not keep the files open.
#[derive(Debug, Clone, Default)]
pub struct KeptFiles(Arc<[KeptFile]>);

#[derive(Debug)]
struct KeptFile {
    /// What it is, as in the label of the metric.
    name: &'static str,
    damage: Damage,
}

impl KeptFiles {
    pub(crate) fn of(
        server: &Server,
        archive: Option<&OpenArchive>,
        store: Option<&EncryptedStore>,
    ) -> Self {
        let archive = archive.and_then(OpenArchive::damage).cloned();
        let store = store.map(|store| store.damage().clone());
        let named = [("archive", archive), ("nodes", server.damage()), ("store", store)];
        let files = named.into_iter();
        Self(files.filter_map(|(name, damage)| Some(KeptFile { name, damage: damage? })).collect())
    }

    /// The files by name: `archive`, `nodes` (the database of known nodes) and `store` (keys and filters), if the node has them. The
    /// second value is whether damage was found in the file since the start.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, bool)> {
        self.0.iter().map(|file| (file.name, file.damage.found().is_some()))
    }

    /// The names of those that are damaged.
    pub fn damaged(&self) -> impl Iterator<Item = &'static str> {
        self.iter().filter_map(|(name, is_damaged)| is_damaged.then_some(name))
    }
}

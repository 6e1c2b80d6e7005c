//! What the methods of the namespace work on.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use p2p_server::Server;
use p2p_world::World;

use super::unix_time::Clocks;
use crate::namespace::reload::Reloader;
use crate::team::change::TeamEditor;
use crate::transport::transports::Transports;

/// What the methods work on.
pub(crate) struct AdminContext {
    pub(super) server: Server,
    pub(super) datadir: PathBuf,
    /// The transports to start and stop. They own the methods, so the methods do not keep them alive.
    pub(super) transports: Weak<Transports>,
    pub(super) reload: Option<Reloader>,
    pub(super) editor: Arc<TeamEditor>,
    pub(super) world: Arc<dyn World>,
}

impl AdminContext {
    pub(crate) fn new(
        server: Server,
        datadir: &Path,
        transports: Weak<Transports>,
        reload: Option<Reloader>,
        editor: Arc<TeamEditor>,
        world: Arc<dyn World>,
    ) -> Self {
        // Clients need an absolute path. If the current directory was removed, the path stays relative.
        let datadir = std::path::absolute(datadir).unwrap_or_else(|_| datadir.to_owned());
        Self { server, datadir, transports, reload, editor, world }
    }

    pub(super) fn clocks(&self) -> Clocks {
        Clocks::read(&*self.world)
    }
}

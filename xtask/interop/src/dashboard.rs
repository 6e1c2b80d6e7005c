//! The dashboard of a node, in a browser.

use crate::{
    check::{Failure, passed},
    program::Program,
    script,
};

/// A post is followed on the page to its filter, and 1000 peers are drawn.
pub(crate) async fn check() -> Result<(), Failure> {
    if !script::has("chromium", "--version").await {
        println!("  dashboard: SKIPPED, chromium is not in the PATH");
        return Ok(());
    }
    let mut node = Program::start()?;
    let (enode, http) = (node.address("enode").await?, node.address("HTTP").await?);
    let metrics = node.address("metrics").await?;
    let mut peer = Program::start_with(&["--staticnodes", &enode])?;
    peer.address("enode").await?;
    let metrics = metrics.trim_start_matches("http://").split('/').next().unwrap_or_default();
    script::run("node".as_ref(), &["dashboard.mjs", metrics, &http]).await?;
    passed("a post is followed to its filter, with the keyboard alone");
    passed("1000 peers are drawn, and the page makes no error and no foreign request");
    peer.interrupt().await?;
    node.interrupt().await
}

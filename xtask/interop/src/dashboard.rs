//! The dashboard of a node, in a browser.

use crate::{
    check::{Failure, passed},
    program::{Program, binary},
    script,
    terminal::Terminal,
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
    node.interrupt().await?;
    of_a_team().await?;
    chat().await
}

/// A team sees its own posts only.
async fn of_a_team() -> Result<(), Failure> {
    let dir = tempfile::TempDir::new()?;
    let file = dir.path().join("teams.toml").display().to_string();
    let token = |name: &'static str| Program::output(["team", "add", name, "--teams", &file]);
    let (weather, alarms) = (token("weather").await?, token("alarms").await?);
    let mut node = Program::start_with(&["--teams", &file])?;
    let (http, metrics) = (node.address("HTTP").await?, node.address("metrics").await?);
    let metrics = metrics.trim_start_matches("http://").split('/').next().unwrap_or_default();
    script::run("node".as_ref(), &["team.mjs", metrics, &http, &weather, &alarms]).await?;
    passed("the dashboard shows a team what belongs to it, and nothing of another one");
    node.interrupt().await
}

/// The chat page of a node with an archive.
async fn chat() -> Result<(), Failure> {
    let dir = tempfile::TempDir::new()?;
    let archive = dir.path().display().to_string();
    let flags = ["--http.chat", "--http.api", "history", "--archive", &archive];
    let mut node = Program::start_with(&flags)?;
    let http = node.address("HTTP").await?;
    let arguments = ["chat", "--name", "dora", "--topic", "news", "--rpc", &http];
    let program = binary()?;
    let terminal = Terminal::run("page", program.as_os_str(), &arguments, "swordfish").await?;
    let said = "hello from the terminal";
    match &terminal {
        Some(terminal) => {
            terminal.wait_for("dora>").await?;
            terminal.type_line(said).await?;
            terminal.wait_for(&format!("dora  {said}")).await?;
        }
        None => println!("  whisper-node chat: SKIPPED, tmux is not in the PATH"),
    }
    let shown = if terminal.is_some() { said } else { "" };
    script::run("node".as_ref(), &["chatpage.mjs", &http, shown]).await?;
    passed("the chat page sends and receives, and shows what an archive has");
    if let Some(terminal) = terminal {
        terminal.wait_for("alice  hello <b>bob</b>").await?;
        terminal.wait_for("bob  hello alice").await?;
        passed("the chat page and whisper-node chat read each other");
    }
    node.interrupt().await
}

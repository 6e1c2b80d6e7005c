//! The chats in the folder `examples/`: programs in five languages read what each of them writes.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{
    check::{Failure, passed, same, within},
    program::{Program, binary},
    script,
    terminal::Terminal,
};

const CHANNEL: &str = "straße";
const PASSWORD: &str = "swordfish";

/// What is printed when a chat listens.
const JOINED: &str = "joined straße, type a message";

/// A running chat. Dropping it kills the process.
struct Chat {
    name: &'static str,
    process: Child,
    typed: ChildStdin,
    printed: Lines<BufReader<ChildStdout>>,
}

impl Chat {
    /// Starts a chat with the command line `command`, the channel, the password, `name` and `node`.
    fn start(
        name: &'static str,
        mut command: Command,
        password: &str,
        node: &str,
    ) -> Result<Self, Failure> {
        let mut process = command
            .args([CHANNEL, password, name, node])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("the chat of {name} could not be started: {error}"))?;
        let typed = process.stdin.take().ok_or("the chat has no stdin")?;
        let printed = process.stdout.take().ok_or("the chat has no stdout")?;
        Ok(Self { name, process, typed, printed: BufReader::new(printed).lines() })
    }

    /// Waits for the next line that the chat prints.
    async fn line(&mut self) -> Result<String, Failure> {
        let what = format!("a line of the chat of {}", self.name);
        let line = within(&what, self.printed.next_line()).await??;
        line.ok_or_else(|| format!("the chat of {} ended (see above)", self.name).into())
    }

    /// Waits until the chat listens. It may print other lines before.
    async fn joined(&mut self) -> Result<(), Failure> {
        while self.line().await? != JOINED {}
        Ok(())
    }

    /// Types a text with a control character. Returns the line that every chat of the channel prints then, without it.
    async fn say(&mut self, text: &str) -> Result<String, Failure> {
        self.typed.write_all(format!("{text}\u{7}\n").as_bytes()).await?;
        Ok(format!("{}: {text}", self.name))
    }

    /// Ends the input, as Ctrl-D does. The chat must end without an error, and without another line.
    async fn leave(mut self) -> Result<(), Failure> {
        drop(self.typed);
        let name = self.name;
        let rest = within("the end of a chat", self.printed.next_line()).await??;
        same(&format!("what the chat of {name} prints at its end"), &rest, &None)?;
        let status = within("the end of a chat", self.process.wait()).await??;
        if status.success() {
            Ok(())
        } else {
            Err(format!("the chat of {name} ended with {status}").into())
        }
    }
}

/// Every chat reads what each of them writes, and nothing of a chat with another password.
pub(crate) async fn check() -> Result<(), Failure> {
    let mut node = Program::start()?;
    let enode = node.address("enode").await?;
    let (http, ws) = (node.address("HTTP").await?, node.address("WebSocket").await?);
    let start = |name, command, url| Chat::start(name, command, PASSWORD, url);
    let mut chats =
        vec![start("rust", Command::new(rust()?), &enode)?, start("web3", web3(), &ws)?];
    let has_browser = script::has("chromium", "--version").await;
    if script::has("node", WEBSOCKET).await {
        chats.push(start("websocket", websocket(), &ws)?);
    } else {
        skipped("chat.mjs", "this version of node has no WebSocket; version 20.10 has");
    }
    if script::has("python3", "--version").await {
        chats.push(start("python", script("python3", "chat.py"), &http)?);
    } else {
        skipped("chat.py", "python3 is not in the PATH");
    }
    if script::has("go", "version").await {
        chats.push(start("go", Command::new(build_go().await?), &http)?);
    } else {
        skipped("chat.go", "go is not in the PATH");
    }
    if has_browser {
        chats.push(start("page", page("server"), &ws)?);
    } else {
        skipped("chat.html", "chromium is not in the PATH");
    }
    let mut stranger = Chat::start("stranger", web3(), "another password", &ws)?;
    for chat in chats.iter_mut().chain([&mut stranger]) {
        chat.joined().await?;
    }
    exchange(&mut chats).await?;
    talk_to_a_terminal(&mut chats, &http).await?;
    let own = stranger.say("is anyone here?").await?;
    same("the first line that a stranger sees", &stranger.line().await?, &own)?;
    passed("a chat with another password reads nothing");
    for chat in chats.into_iter().chain([stranger]) {
        chat.leave().await?;
    }
    passed("each ends with its input");
    if has_browser {
        refuse_page_from_disk(&ws).await?;
    }
    node.interrupt().await
}

fn skipped(chat: &str, why: &str) {
    println!("  {chat}: SKIPPED, {why}");
}

/// Each says something, and all read it.
async fn exchange(chats: &mut [Chat]) -> Result<(), Failure> {
    for speaker in 0..chats.len() {
        let said = chats[speaker].say("Grüße, 世界 🎉").await?;
        for chat in &mut *chats {
            let read = format!("what the chat of {} reads", chat.name);
            same(&read, &chat.line().await?, &said)?;
        }
    }
    let names: Vec<&str> = chats.iter().map(|chat| chat.name).collect();
    passed(&format!("each reads what each writes: {}", names.join(", ")));
    Ok(())
}

/// `whisper-node chat` reads what each of them writes, and they read what is typed there.
async fn talk_to_a_terminal(chats: &mut [Chat], http: &str) -> Result<(), Failure> {
    let arguments = ["chat", "--name", "terminal", "--topic", CHANNEL, "--rpc", http];
    let program = binary()?;
    let started = Terminal::run("chats", program.as_os_str(), &arguments, PASSWORD).await?;
    let Some(terminal) = started else {
        skipped("whisper-node chat", "tmux is not in the PATH");
        return Ok(());
    };
    terminal.wait_for("terminal>").await?;
    let text = "hello, 終端 🎉";
    terminal.type_line(text).await?;
    for chat in &mut *chats {
        let read = format!("what the chat of {} reads", chat.name);
        same(&read, &chat.line().await?, &format!("terminal: {text}"))?;
    }
    for speaker in 0..chats.len() {
        let said = chats[speaker].say(text).await?;
        for chat in &mut *chats {
            same("what a chat reads", &chat.line().await?, &said)?;
        }
        terminal.wait_for(&format!("{}  {text}", chats[speaker].name)).await?;
    }
    passed("whisper-node chat reads what each writes, and each reads what is typed there");
    Ok(())
}

/// A node does not accept a page from the disk by default, and the page says so.
async fn refuse_page_from_disk(ws: &str) -> Result<(), Failure> {
    let mut page = Chat::start("page from the disk", page("disk"), PASSWORD, ws)?;
    while !page.line().await?.contains("it refuses pages from the disk") {}
    page.leave().await?;
    passed("a page from the disk is refused, and says it");
    Ok(())
}

/// The path of an example.
fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

fn script(interpreter: &str, name: &str) -> Command {
    let mut command = Command::new(interpreter);
    command.arg(example(name));
    command
}

/// The option for WebSocket. From version 22 of node on, it has no effect.
const WEBSOCKET: &str = "--experimental-websocket";

fn websocket() -> Command {
    let mut command = Command::new("node");
    command.arg(WEBSOCKET).arg(example("chat.mjs"));
    command
}

/// The packages of web3 are those that are installed for the other checks.
fn web3() -> Command {
    let mut command = script("node", "web3/chat.js");
    command.env("NODE_PATH", script::folder().join("node_modules"));
    command
}

/// The page in a browser. `source` is where the browser gets it, `server` or `disk`.
fn page(source: &str) -> Command {
    let mut command = Command::new("node");
    command.current_dir(script::folder()).args(["page.mjs", source]);
    command
}

/// The path of the chat in Rust, an example of `whisper-protocol`.
fn rust() -> Result<PathBuf, Failure> {
    let here = std::env::current_exe()?;
    let name = format!("examples/chat{}", std::env::consts::EXE_SUFFIX);
    Ok(here.with_file_name(name))
}

/// Builds the chat in Go. Returns the path of the program.
async fn build_go() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe()?.with_file_name("chat-go");
    let mut build = Command::new("go");
    let built = build.args(["build", "-o"]).arg(&program).arg(example("chat.go")).status().await?;
    if built.success() { Ok(program) } else { Err("chat.go does not compile (see above)".into()) }
}

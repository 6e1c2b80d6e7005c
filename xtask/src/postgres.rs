//! A PostgreSQL server of its own for tests and benchmarks: in a temporary folder, on a free port, with TLS.

use std::{
    env, fs,
    hash::{BuildHasher as _, RandomState},
    io,
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    command::Failure,
    process::{output, works},
    workspace::root,
};

/// The variable with the address of the server: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. The user may do everything.
pub(crate) const VARIABLE: &str = "WHISPER_TEST_POSTGRES";

/// The folder with the certificate of the server and its key, which only the user of the server may read.
const CERTIFICATES: &str = "crates/whisper-archive/tests/tls";
const CERTIFICATE: [&str; 2] = ["server.pem", "server-key.pem"];

/// Maximum time until the server answers.
const START_TIME: Duration = Duration::from_secs(60);

/// The user of the server when this program is root, which the server refuses; if there is none, that with this number.
const USER: &str = "postgres";
const UNPRIVILEGED: u32 = 65534;

/// A running server. It is stopped, and its folder removed, on drop.
pub(crate) struct PostgresServer {
    process: Child,
    folder: Folder,
    address: String,
}

/// The folder of a server, and who owns it.
struct Folder {
    path: PathBuf,
    programs: PathBuf,
    user: Option<(u32, u32)>,
}

/// Whether a server is installed, in the `PATH` or where Debian puts it.
pub(crate) fn is_installed() -> bool {
    programs().is_some()
}

impl PostgresServer {
    /// Starts a server; `None` if none is installed.
    pub(crate) fn start() -> Result<Option<Self>, Failure> {
        let Some(programs) = programs() else { return Ok(None) };
        let path = env::temp_dir().join(format!("whisper-postgres-{}", std::process::id()));
        let failed = |error: io::Error| Failure::new(format!("{}: {error}", path.display()));
        let folder = Folder::make(path.clone(), programs).map_err(failed)?;
        let password = format!("{:016x}", RandomState::new().hash_one(0));
        let file = folder.write("password", &password).map_err(failed)?;
        let mut make = folder.command("initdb");
        make.args(["--username=postgres", "--auth=scram-sha-256", "--no-sync", "--no-locale"]);
        make.args(["--encoding=UTF8", "--pgdata=data"]).arg("--pwfile").arg(file);
        output(&mut make)?;
        for name in CERTIFICATE {
            let text = fs::read_to_string(root().join(CERTIFICATES).join(name));
            text.and_then(|text| folder.write(name, &text)).map_err(failed)?;
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = port.map_err(failed)?.port();
        let log = fs::File::create(folder.path.join("log")).map_err(failed)?;
        let mut server = folder.command("postgres");
        server.args(["-D", "data", "-c", "listen_addresses=127.0.0.1", "-c"]);
        server.arg(format!("unix_socket_directories={}", folder.path.display()));
        let [certificate, key] = CERTIFICATE.map(|name| folder.path.join(name));
        server.args(["-c", "ssl=on", "-c"]).arg(format!("ssl_cert_file={}", certificate.display()));
        server.arg("-c").arg(format!("ssl_key_file={}", key.display()));
        server.args(["-p", &port.to_string()]).stdin(Stdio::null());
        let process = server.stderr(log).spawn().map_err(failed)?;
        let address = format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres");
        let mut server = Self { process, folder, address };
        server.wait_until_ready()?;
        Ok(Some(server))
    }

    /// Its address, with the password.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The server writes its state into a file, which `pg_ctl` reads as well.
    fn wait_until_ready(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + START_TIME;
        let file = self.folder.path.join("data/postmaster.pid");
        loop {
            let text = fs::read_to_string(&file).unwrap_or_default();
            if text.lines().nth(7).is_some_and(|state| state.trim() == "ready") {
                return Ok(());
            }
            let ended = self.process.try_wait().is_ok_and(|status| status.is_some());
            if ended || Instant::now() > deadline {
                let log = fs::read_to_string(self.folder.path.join("log")).unwrap_or_default();
                return Err(Failure::new(format!("the PostgreSQL server does not start:\n{log}")));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let stopped = works(self.folder.command("pg_ctl").args([
            "--pgdata=data",
            "--mode=immediate",
            "--wait",
            "stop",
        ]));
        if !stopped {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder.path);
    }
}

impl Folder {
    fn make(path: PathBuf, programs: PathBuf) -> io::Result<Self> {
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
        let is_root = fs::metadata(&path)?.uid() == 0;
        let user = if is_root { Some(unprivileged()?) } else { None };
        let folder = Self { path, programs, user };
        folder.give(&folder.path)?;
        Ok(folder)
    }

    fn give(&self, path: &Path) -> io::Result<()> {
        self.user.map_or(Ok(()), |(uid, gid)| chown(path, Some(uid), Some(gid)))
    }

    fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let file = self.path.join(name);
        fs::write(&file, text)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        self.give(&file)?;
        Ok(file)
    }

    /// A program of the server, run in this folder by its owner.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(&self.path).env_remove("PGDATA").env("LC_ALL", "C");
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// The folder with the programs of the newest server.
fn programs() -> Option<PathBuf> {
    let has = |folder: &PathBuf| {
        ["initdb", "postgres", "pg_ctl"].iter().all(|program| folder.join(program).is_file())
    };
    let path = env::var_os("PATH").unwrap_or_default();
    let of_debian = || {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
        let folders = versions.filter_map(|entry| Some(entry.ok()?.path()));
        folders.max_by_key(version).map(|newest| newest.join("bin")).filter(has)
    };
    env::split_paths(&path).find(has).or_else(of_debian)
}

/// The numbers of a user that is not root, and of its group.
fn unprivileged() -> io::Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd")?;
    let user = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let numbers = (fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?);
        Some((fields[0] == USER, numbers))
    };
    let found =
        users.lines().filter_map(user).filter(|(named, (uid, _))| *named || *uid == UNPRIVILEGED);
    let none = || io::Error::other("there is no user under which a PostgreSQL server can run");
    found.max_by_key(|(named, _)| *named).map(|(_, numbers)| numbers).ok_or_else(none)
}

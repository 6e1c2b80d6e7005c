//! The file of the IPC socket. It belongs to one node, and only the user that runs the node can open it.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use p2p_world::rng;

use crate::transport::error::RpcError;

/// The file of a listening socket. Dropping this removes the file, unless another file has replaced it.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode number.
    identity: (u64, u64),
}

impl SocketFile {
    /// Listens at `path`. The only file that may be there is the socket of a node that ended without removing it.
    ///
    /// # Errors
    ///
    /// The path is too long for a socket, the file is not a socket, another node listens there, or the system reports an
    /// error.
    pub(crate) fn bind(path: &Path) -> Result<(Self, UnixListener), RpcError> {
        let failed = |source| RpcError::IpcBind { path: path.to_owned(), source };
        check_free(path)?;
        let (folder, socket) = private_folder(path).map_err(failed)?;
        let bound = listen(path, &socket);
        // The folder is no longer needed, whether or not listening succeeded.
        let removed = fs::remove_dir_all(&folder);
        let (identity, listener) = bound?;
        removed.map_err(failed)?;
        Ok((Self { path: path.to_owned(), identity }, listener))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the IPC socket cannot be removed");
        }
    }
}

/// Checks that no node listens at `path`, and that no other kind of file is there.
fn check_free(path: &Path) -> Result<(), RpcError> {
    let failed = |source| RpcError::IpcBind { path: path.to_owned(), source };
    check_length(path, path)?;
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !kind.is_socket() {
        return Err(RpcError::IpcNotASocket { path: path.to_owned() });
    }
    match UnixStream::connect(path) {
        // Left behind by a node that has ended. The new socket replaces it.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Ok(_) => Err(RpcError::IpcInUse { path: path.to_owned() }),
        Err(error) => Err(failed(error)),
    }
}

/// Checks the length of the path of `socket`. The error names `path`, which the user knows.
fn check_length(path: &Path, socket: &Path) -> Result<(), RpcError> {
    match SocketAddr::from_pathname(socket) {
        Ok(_) => Ok(()),
        Err(_) => Err(RpcError::IpcPath { path: path.to_owned() }),
    }
}

/// Makes a folder beside `path` that only the user may enter. Returns it and the path of a socket in it.
fn private_folder(path: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let name = format!(".{:08x}", u32::from_le_bytes(rng().bytes()));
    let folder = path.parent().unwrap_or(Path::new("")).join(name);
    DirBuilder::new().mode(0o700).create(&folder)?;
    let socket = folder.join("s");
    Ok((folder, socket))
}

/// Makes the socket in the private folder, restricts its mode, and then moves it to `path`, so that another user cannot
/// connect at any time.
fn listen(path: &Path, socket: &Path) -> Result<((u64, u64), UnixListener), RpcError> {
    check_length(path, socket)?;
    let listen = || {
        let listener = UnixListener::bind(socket)?;
        fs::set_permissions(socket, fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        let identity = identity(socket)?;
        fs::rename(socket, path)?;
        Ok((identity, listener))
    };
    listen().map_err(|source| RpcError::IpcBind { path: path.to_owned(), source })
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_user_may_connect_and_dropping_removes_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.ipc");
        let (file, listener) = SocketFile::bind(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "the private folder is removed"
        );
        UnixStream::connect(&path).unwrap();
        assert!(matches!(SocketFile::bind(&path), Err(RpcError::IpcInUse { .. })));
        drop((file, listener));
        assert!(!path.exists());
    }

    #[test]
    fn a_socket_without_a_listener_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.ipc");
        drop(UnixListener::bind(&path).unwrap());
        let (file, _listener) = SocketFile::bind(&path).unwrap();
        UnixStream::connect(&path).unwrap();
        // Another file has replaced it, which is left alone.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "another file").unwrap();
        drop(file);
        assert!(path.exists());
    }

    #[test]
    fn a_file_that_is_not_a_socket_is_never_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.ipc");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(SocketFile::bind(&path), Err(RpcError::IpcNotASocket { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_an_error() {
        let path = Path::new("/tmp").join("x".repeat(200));
        let error = SocketFile::bind(&path).err().unwrap();
        assert!(matches!(error, RpcError::IpcPath { .. }), "{error}");
    }
}

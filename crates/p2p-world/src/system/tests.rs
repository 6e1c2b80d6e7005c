//! The system's world does what the trait promises.

use std::{
    future::poll_fn,
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadBuf},
    sync::oneshot,
};

use super::*;

const LOOPBACK: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

#[tokio::test]
async fn connections_carry_bytes() -> io::Result<()> {
    let world = SystemWorld::shared();
    let mut listener = world.listen(LOOPBACK.into(), false)?;
    let addr = listener.local_addr()?;
    let mut dialed = world.connect(addr).await?;
    let (mut accepted, from) = poll_fn(|cx| listener.poll_accept(cx)).await?;
    assert_eq!(dialed.local_addr()?, from);
    assert!(dialed.tcp().is_some());
    dialed.write_all(b"word").await?;
    let mut read = [0; 4];
    accepted.read_exact(&mut read).await?;
    assert_eq!(&read, b"word");
    let taken = world.listen(addr, false).err().map(|error| error.kind());
    assert_eq!(taken, Some(ErrorKind::AddrInUse));
    Ok(())
}

#[tokio::test]
async fn datagrams_arrive() -> io::Result<()> {
    let world = SystemWorld::shared();
    let (a, b) = (world.bind(LOOPBACK.into())?, world.bind(LOOPBACK.into())?);
    let to = b.local_addr()?;
    assert_eq!(poll_fn(|cx| a.poll_send(cx, b"word", to)).await?, 4);
    let mut bytes = [0; 8];
    let mut buffer = ReadBuf::new(&mut bytes);
    let from = poll_fn(|cx| b.poll_receive(cx, &mut buffer)).await?;
    assert_eq!((from, buffer.filled()), (a.local_addr()?, b"word".as_slice()));
    Ok(())
}

#[tokio::test]
async fn tasks_and_blocking_work_run() {
    let world = SystemWorld::shared();
    let (done, wait) = oneshot::channel();
    world.spawn(Box::pin(async move {
        let _ = done.send(());
    }));
    wait.await.unwrap();
    let ran = Arc::new(AtomicBool::new(false));
    let run = Arc::clone(&ran);
    world.run_blocking(Box::new(move || run.store(true, Ordering::Release))).await;
    assert!(ran.load(Ordering::Acquire));
    assert_eq!(world.resolve("127.0.0.1", 7).await.unwrap(), [([127, 0, 0, 1], 7).into()]);
}

#[test]
fn a_file_is_locked_read_and_written() -> io::Result<()> {
    let (world, folder) = (SystemWorld::shared(), tempfile::tempdir()?);
    let (path, other) = (folder.path().join("file"), folder.path().join("other"));
    assert!(!world.exists(&path));
    let file = world.open_file(&path)?;
    assert!(file.is_empty()?);
    let locked = world.open_file(&path).err().map(|error| error.kind());
    assert_eq!(locked, Some(ErrorKind::WouldBlock));
    file.write(2, b"word")?;
    file.sync()?;
    let mut read = [1; 6];
    file.read(0, &mut read)?;
    assert_eq!(&read, b"\0\0word");
    let end = file.read(3, &mut read).err().map(|error| error.kind());
    assert_eq!(end, Some(ErrorKind::UnexpectedEof));
    file.set_len(3)?;
    assert_eq!(file.len()?, 3);
    drop(file);
    world.rename(&path, &other)?;
    assert_eq!((world.exists(&path), world.open_file(&other)?.len()?), (false, 3));
    Ok(())
}

#[cfg(unix)]
#[test]
fn the_folder_of_a_name_is_synced() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    file::sync_folder(&folder.path().join("file"))?;
    file::sync_folder("a-file-of-the-working-folder".as_ref())?;
    let missing = file::sync_folder(&folder.path().join("missing").join("file"));
    assert_eq!(missing.err().map(|error| error.kind()), Some(ErrorKind::NotFound));
    Ok(())
}

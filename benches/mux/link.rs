//! One end of a network link with delay: a tun device of this process's network namespace. Its packets go through a
//! socket to the other end's process, and each leaves [`DELAY`] after it came. No packet is lost, and the rate is not
//! limited.

use std::{
    io,
    net::Ipv4Addr,
    os::unix::net::UnixDatagram,
    process::Command,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use tun_rs::{DeviceBuilder, SyncDevice};

/// The time from one end to the other.
pub(crate) const DELAY: Duration = Duration::from_millis(50);

/// The largest packet, in bytes.
const MTU: u16 = 1500;

/// Number of packets that the device queues: more than a full window, so that none is lost.
const QUEUE_PACKETS: u32 = 100_000;

/// Opens this end of the link with the address `addr`, and moves packets in threads of their own as long as the process
/// runs. `other`: the socket to the other end's process.
pub(crate) fn open(addr: Ipv4Addr, other: UnixDatagram) -> io::Result<()> {
    let device = DeviceBuilder::new().ipv4(addr, 24, None).mtu(MTU).build_sync()?;
    set_queue_length(&device.name()?)?;
    let device = Arc::new(device);
    let (packets, waiting) = mpsc::channel();
    let from_device = Arc::clone(&device);
    thread::spawn(move || read(&from_device, &packets));
    let to_other = other.try_clone()?;
    thread::spawn(move || delay(&waiting, &to_other));
    thread::spawn(move || write(&other, &device));
    Ok(())
}

/// Sets the length of the device's queue. The call that the crate has for it is not permitted in a user namespace.
fn set_queue_length(device: &str) -> io::Result<()> {
    let length = QUEUE_PACKETS.to_string();
    let set =
        Command::new("ip").args(["link", "set", "dev", device, "txqueuelen", &length]).status();
    if set?.success() { Ok(()) } else { Err(io::Error::other("cannot set the length of a queue")) }
}

/// Reads packets from the device.
fn read(device: &SyncDevice, packets: &mpsc::Sender<(Instant, Vec<u8>)>) {
    let mut packet = [0; MTU as usize];
    while let Ok(length) = device.recv(&mut packet) {
        if packets.send((Instant::now() + DELAY, packet[..length].to_vec())).is_err() {
            return;
        }
    }
}

/// Sends each packet to the other end when its time has come.
fn delay(packets: &mpsc::Receiver<(Instant, Vec<u8>)>, other: &UnixDatagram) {
    while let Ok((due, packet)) = packets.recv() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if other.send(&packet).is_err() {
            return;
        }
    }
}

/// Writes the packets of the other end to the device.
fn write(other: &UnixDatagram, device: &SyncDevice) {
    let mut packet = [0; MTU as usize];
    while let Ok(length @ 1..) = other.recv(&mut packet) {
        // An error means that the device is not up yet, or not any more.
        let _ = device.send(&packet[..length]);
    }
}

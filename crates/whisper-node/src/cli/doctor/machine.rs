//! Checks this machine: the data directory, the disk, file descriptors, ports, and the files of JSON-RPC.

use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_cert::Certificate;

use super::finding::{Finding, error, warning};
use crate::cli::flags::{Flags, List};

/// Free space below which a node may fail soon, in bytes.
const MIN_FREE: u64 = 100 << 20;

/// File descriptors of a node without peers: listeners, clients of JSON-RPC, files.
const OWN_FILES: u64 = 256;

/// Time before its end at which a certificate is reported.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// Checks this machine. `may_run`: whether the node runs, or it is not known.
pub(super) fn check(flags: &Flags, datadir: &Path, may_run: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(free_space(datadir));
    // A running node has its ports, and perhaps another user and other limits.
    if !may_run {
        findings.extend(writable(datadir));
        findings.extend(descriptors(flags));
        findings.extend(ports(flags));
    }
    findings.extend(token(flags));
    findings.extend(flags.rpc.tls_cert().and_then(|file| certificate(file, SystemTime::now())));
    findings
}

/// The data directory, or the first folder above it that exists, can be written.
fn writable(datadir: &Path) -> Option<Finding> {
    let existing = datadir.ancestors().find(|path| path.exists())?;
    let probe = existing.join(format!(".whisper-node-doctor-{}", std::process::id()));
    let tried = fs::File::create_new(&probe).and_then(|_| fs::remove_file(&probe));
    tried.err().map(|source| {
        error(
            format!("the data directory {} cannot be written: {source}", datadir.display()),
            "give the user of the node the right to write there, or choose another datadir",
        )
    })
}

fn free_space(datadir: &Path) -> Option<Finding> {
    #[cfg(unix)]
    {
        let existing = datadir.ancestors().find(|path| path.exists())?;
        let found = rustix::fs::statvfs(existing).ok()?;
        low_space(datadir, found.f_bavail.saturating_mul(found.f_frsize))
    }
    #[cfg(not(unix))]
    None
}

fn low_space(datadir: &Path, free: u64) -> Option<Finding> {
    (free < MIN_FREE).then(|| {
        error(
            format!("the disk of {} is full: {} MiB are free", datadir.display(), free >> 20),
            "free some space, or set archive.size",
        )
    })
}

/// Number of files that a node with all its peers may need.
pub(super) fn needed_files(flags: &Flags) -> Option<u64> {
    let network = &flags.network;
    let peers = u64::try_from(network.maxpeers.saturating_add(network.maxpendpeers)).ok()?;
    Some(peers.saturating_add(OWN_FILES))
}

/// Enough file descriptors for all peers.
fn descriptors(flags: &Flags) -> Option<Finding> {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
        let needed = needed_files(flags)?;
        (limit < needed).then(|| {
            error(
                format!("this process may open {limit} files, and the node may need {needed}"),
                format!(
                    "raise the limit: `ulimit -n {needed}`, or LimitNOFILE={needed} in the unit"
                ),
            )
        })
    }
    #[cfg(not(unix))]
    {
        let _ = flags;
        None
    }
}

/// The ports of the node are free.
fn ports(flags: &Flags) -> Vec<Finding> {
    let network = &flags.network;
    let first = List::joined(network.addr.clone()).first().copied();
    let mut findings = Vec::new();
    let peers = List::joined(network.addr.clone());
    let peers = peers.into_iter().map(|ip| ("port", SocketAddr::new(ip, network.port)));
    let others = [
        ("http.port", flags.rpc.http_addr()),
        ("ws.port", flags.rpc.ws_addr()),
        ("metrics.port", flags.metrics.addr()),
    ];
    let others = others.into_iter().filter_map(|(setting, addr)| Some((setting, addr?)));
    for (setting, addr) in peers.chain(others) {
        let taken = TcpListener::bind(addr).err();
        findings.extend(taken.map(|source| unusable(setting, addr, &source)));
    }
    if let (false, Some(ip)) = (network.nodiscover, first) {
        let addr = SocketAddr::new(ip, network.discovery.discovery_port.unwrap_or(network.port));
        let taken = UdpSocket::bind(addr).err();
        findings.extend(taken.map(|source| unusable("discovery.port", addr, &source)));
    }
    findings
}

fn unusable(setting: &str, addr: SocketAddr, source: &std::io::Error) -> Finding {
    error(
        format!("{addr} ({setting}) cannot be used: {source}"),
        format!("stop the program that uses it, or choose another {setting}"),
    )
}

/// The file with the token is one that the node can read.
fn token(flags: &Flags) -> Option<Finding> {
    let file = flags.rpc.token_file()?;
    // A missing file is made by the node.
    let source = fs::read_to_string(file).err().filter(|_| file.exists())?;
    Some(error(
        format!("the token in {} cannot be read: {source}", file.display()),
        "give the user of the node the right to read it, or correct rpc.token-file",
    ))
}

/// The first certificate of a file is valid now, and for some time.
fn certificate(file: &Path, now: SystemTime) -> Option<Finding> {
    let renew = "renew the certificate, and restart the node";
    let certificates = fs::read(file).ok().map(|pem| Certificate::load_pem_chain(&pem))?;
    let Ok(certificates) = certificates else {
        let what = format!("{} has no certificate in PEM form", file.display());
        return Some(error(what, "correct rpc.tls-cert"));
    };
    let validity = *certificates.first()?.tbs_certificate().validity();
    let end = UNIX_EPOCH + validity.not_after.to_unix_duration();
    let begin = UNIX_EPOCH + validity.not_before.to_unix_duration();
    if now > end {
        let what = format!(
            "the TLS certificate in {} has expired ({})",
            file.display(),
            validity.not_after
        );
        return Some(error(what, renew));
    }
    if now < begin {
        let what = format!(
            "the TLS certificate in {} is not valid before {}",
            file.display(),
            validity.not_before
        );
        return Some(error(what, "check the clock, or use a certificate that is valid now"));
    }
    (now + SOON > end).then(|| {
        let what =
            format!("the TLS certificate in {} expires on {}", file.display(), validity.not_after);
        warning(what, renew)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_the_end_of_a_certificate_are_found() {
        let dir = Path::new("data");
        assert_eq!(low_space(dir, MIN_FREE), None);
        assert!(low_space(dir, 5 << 20).unwrap().what.contains("5 MiB are free"));
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/cert.pem");
        let pem = fs::read(&file).unwrap();
        let validity = *Certificate::load_pem_chain(&pem).unwrap()[0].tbs_certificate().validity();
        let end = UNIX_EPOCH + validity.not_after.to_unix_duration();
        let day = Duration::from_secs(24 * 3600);
        let what = |now| certificate(&file, now).map(|finding| finding.what);
        assert_eq!(what(end - 15 * day), None);
        assert!(what(end - day).unwrap().contains("expires on"));
        assert!(what(end + day).unwrap().contains("has expired"));
    }
}

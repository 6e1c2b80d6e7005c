//! Connections to a database with TLS.

use p2p_world::SystemWorld;
use whisper_archive::{PostgresArchive, PostgresError, Retention};
use whisper_protocol::Archive as _;

use crate::{
    postgres::{connect, fresh, run},
    samples::envelope,
};

const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/ca.pem");

/// Opens and uses an archive with these parameters of TLS. Returns how many of its connections were encrypted, and how many were
/// not.
async fn used(host: &str, parameters: &str) -> Result<[usize; 2], PostgresError> {
    let plain = fresh().await;
    let name = parameters.split('&').next().unwrap().replace(['=', '-'], "_");
    let address = plain.replace("@127.0.0.1:", &format!("@{host}:"));
    let address = format!("{address}&application_name={name}&{parameters}").parse()?;
    let opened = PostgresArchive::open(SystemWorld::shared(), address, Retention::default()).await;
    let archive = opened?;
    archive.append(vec![envelope(1, 1)]).await.unwrap();
    let count = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = $1";
    let rows = connect(&plain).await.query(count, &[&name]).await.unwrap();
    let encrypted = rows.iter().filter(|row| row.get(0)).count();
    Ok([encrypted, rows.len() - encrypted])
}

#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
fn connections_are_encrypted_as_the_address_says() {
    run(async {
        for (parameters, is_encrypted) in
            [("sslmode=disable", false), ("sslmode=prefer", true), ("sslmode=require", true)]
        {
            let [encrypted, plain] = used("127.0.0.1", parameters).await.unwrap();
            assert!(encrypted + plain >= 2, "{parameters}: one that writes, and one that listens");
            assert_eq!((encrypted > 0, plain > 0), (is_encrypted, !is_encrypted), "{parameters}");
        }
        let verified = format!("sslmode=verify-full&sslrootcert={AUTHORITY}");
        let [encrypted, plain] = used("localhost", &verified).await.unwrap();
        assert!(encrypted >= 2 && plain == 0);
        // The certificate is for another name, and this machine does not trust its authority.
        for (host, parameters) in
            [("127.0.0.1", &verified[..]), ("localhost", "sslmode=verify-full")]
        {
            let refused = used(host, parameters).await.unwrap_err();
            assert!(matches!(refused, PostgresError::Tls { .. }), "{parameters}: {refused:?}");
        }
    });
}

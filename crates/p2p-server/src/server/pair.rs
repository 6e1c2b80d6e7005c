//! Two connected servers in one process, for tests of sub-protocols.

use p2p_mux::{Protocol, identity::SecretKey};

use crate::{Config, Server, StartError};

/// Starts two servers in this process, of which the first connects to the second over loopback. For tests of
/// sub-protocols and for examples. Each server runs one [`Protocol`] or several.
///
/// The servers may not be connected yet when this returns: [`Service::wait_for_peer`](p2p_mux::Service::wait_for_peer) and
/// [`Event::Added`](crate::Event::Added) tell it.
///
/// ```
/// use p2p_server::{mux::Service, pair};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let lengths = || Service::new("length", 1, |_peer, word: String| async move { Ok::<_, String>(word.len() as u64) });
/// let (here, there) = (lengths(), lengths());
/// let [first, second] = pair(here.protocol(), there.protocol()).await?;
/// let remote = here.wait_for_peer(&second.id()).await;
/// assert_eq!(remote.request(&"seven".to_owned()).await?, 5);
/// first.stop().await;
/// second.stop().await;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`StartError`].
pub async fn pair(
    first: impl Into<Vec<Protocol>>,
    second: impl Into<Vec<Protocol>>,
) -> Result<[Server; 2], StartError> {
    let config = |protocols| Config::new(SecretKey::generate()).protocols(protocols);
    let second = Server::start(config(second.into()).listen("127.0.0.1:0")).await?;
    let first = Server::start(config(first.into()).static_node(second.enode())).await?;
    Ok([first, second])
}

//! A node that announces what it has and never delivers it.

use p2p_server::mux::{Channel, Exit, Protocol};
use whisper_protocol::lazy_1::{LENGTH, LazyMessage, NAME, VERSION};

/// The sub-protocol of an honest node, which never learns what its peers want.
pub(super) fn protocol(honest: Protocol) -> Protocol {
    Protocol::new(NAME, VERSION, LENGTH, move |peer, mut channel: Channel| {
        let honest = honest.clone();
        async move {
            let (near, mut far) = Channel::pipe_of(VERSION, LENGTH);
            let running = honest.run(peer, near);
            tokio::pin!(running);
            loop {
                tokio::select! {
                    biased;
                    ended = &mut running => return ended,
                    message = channel.recv() => {
                        let Some(message) = message else { return Ok::<_, Exit>(()) };
                        let read = LazyMessage::decode(message.code, &message.payload);
                        // With PUSH it would deliver as well.
                        if !matches!(read, Ok(LazyMessage::Want(_) | LazyMessage::Push(_))) {
                            far.send_raw(message.code, message.payload).await?;
                        }
                    }
                    message = far.recv() => {
                        let Some(message) = message else { return Ok(()) };
                        channel.send_raw(message.code, message.payload).await?;
                    }
                }
            }
        }
    })
}

//! A connection that carries notifications.
#![allow(async_fn_in_trait, reason = "nothing here is spawned")]

/// A connection to a node.
pub trait Client {
    /// Sends a request.
    async fn send(&mut self, text: String);

    /// The next message; `None` when the node has closed the connection.
    async fn next(&mut self) -> Option<String>;

    /// Sends a request and returns the next message. Without subscriptions it is the response.
    async fn ask(&mut self, text: impl Into<String>) -> String {
        self.send(text.into()).await;
        self.next().await.expect("a response")
    }
}

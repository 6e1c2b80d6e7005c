//! A channel of typed messages.

use core::{fmt, marker::PhantomData};

use crate::{
    Channel, DecodeError, Exit, Message, Peer, Protocol, Receiver, SendError, Sender, TypedMessage,
};

/// A [`Channel`] for messages of type `M`.
///
/// ```
/// # use bytes::Bytes;
/// # use p2p_mux::{DecodeError, rlp};
/// use p2p_mux::{Channel, Protocol, TypedChannel, TypedMessage};
///
/// struct Count(u64);
///
/// impl TypedMessage for Count {
///     // ...
/// #   const LENGTH: u64 = 1;
/// #   fn encode(&self) -> (u64, Bytes) { (0, rlp::encode(&self.0).into()) }
/// #   fn decode(code: u64, payload: &[u8]) -> Result<Self, DecodeError> {
/// #       if code == 0 { Ok(Self(rlp::decode(payload)?)) } else { Err(DecodeError::UnknownCode(code)) }
/// #   }
/// }
///
/// let counter = Protocol::typed("count", 1, |_peer, mut channel: TypedChannel<Count>| async move {
///     while let Some(Count(number)) = channel.recv().await? {
///         channel.send(&Count(number + 1)).await?;
///     }
///     Ok(())
/// });
/// assert_eq!(counter.length(), 1);
/// ```
pub struct TypedChannel<M> {
    channel: Channel,
    messages: PhantomData<fn(M) -> M>,
}

/// The sending half of a [`TypedChannel`]. Cheap to clone.
pub struct TypedSender<M> {
    sender: Sender,
    messages: PhantomData<fn(M)>,
}

/// The receiving half of a [`TypedChannel`].
pub struct TypedReceiver<M> {
    receiver: Receiver,
    messages: PhantomData<fn() -> M>,
}

impl Protocol {
    /// Same as [`new`](Self::new), for a sub-protocol with messages of type `M`.
    #[must_use]
    pub fn typed<M, F, Fut>(name: &'static str, version: u64, run: F) -> Self
    where
        M: TypedMessage + 'static,
        F: Fn(Peer, TypedChannel<M>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Exit>> + Send + 'static,
    {
        Self::new(name, version, M::LENGTH, move |peer, channel| {
            run(peer, TypedChannel::new(channel))
        })
    }
}

impl<M: TypedMessage> TypedChannel<M> {
    /// Encodes and decodes the messages of `channel` as `M`.
    #[must_use]
    pub const fn new(channel: Channel) -> Self {
        Self { channel, messages: PhantomData }
    }

    /// Receives the next message of the peer. `None` at the end, as in [`Channel::recv`]. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`DecodeError`]. The message is lost; the channel can still be used.
    pub async fn recv(&mut self) -> Result<Option<M>, DecodeError> {
        decode(self.channel.recv().await)
    }

    /// Queues `message` once there is room for it.
    ///
    /// # Errors
    ///
    /// Same as [`Sender::send`].
    pub async fn send(&self, message: &M) -> Result<(), SendError> {
        let (code, payload) = message.encode();
        self.channel.send_raw(code, payload).await
    }

    /// Another sender to the same peer.
    #[must_use]
    pub fn sender(&self) -> TypedSender<M> {
        TypedSender { sender: self.channel.sender(), messages: PhantomData }
    }

    /// Splits the channel into two halves. See [`Channel::split`].
    #[must_use]
    pub fn split(self) -> (TypedSender<M>, TypedReceiver<M>) {
        let (sender, receiver) = self.channel.split();
        let sender = TypedSender { sender, messages: PhantomData };
        (sender, TypedReceiver { receiver, messages: PhantomData })
    }

    /// The version of the sub-protocol on this connection.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.channel.version()
    }
}

impl<M: TypedMessage> TypedSender<M> {
    /// Queues `message` once there is room for it.
    ///
    /// # Errors
    ///
    /// Same as [`Sender::send`].
    pub async fn send(&self, message: &M) -> Result<(), SendError> {
        let (code, payload) = message.encode();
        self.sender.send_raw(code, payload).await
    }

    /// Queues `message` if there is room for it now.
    ///
    /// # Errors
    ///
    /// [`SendError`].
    pub fn try_send(&self, message: &M) -> Result<(), SendError> {
        let (code, payload) = message.encode();
        self.sender.try_send_raw(code, payload)
    }
}

impl<M: TypedMessage> TypedReceiver<M> {
    /// Same as [`TypedChannel::recv`].
    ///
    /// # Errors
    ///
    /// [`DecodeError`].
    pub async fn recv(&mut self) -> Result<Option<M>, DecodeError> {
        decode(self.receiver.recv().await)
    }
}

fn decode<M: TypedMessage>(message: Option<Message>) -> Result<Option<M>, DecodeError> {
    message.map(|message| M::decode(message.code, &message.payload)).transpose()
}

// Not derived, because a derive would require the same trait of `M`.

impl<M> Clone for TypedSender<M> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), messages: PhantomData }
    }
}

impl<M> fmt::Debug for TypedChannel<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedChannel").field(&self.channel).finish()
    }
}

impl<M> fmt::Debug for TypedSender<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedSender").field(&self.sender).finish()
    }
}

impl<M> fmt::Debug for TypedReceiver<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedReceiver").field(&self.receiver).finish()
    }
}

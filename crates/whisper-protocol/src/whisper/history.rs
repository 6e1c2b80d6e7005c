//! What nodes ask each other beside Whisper: what archives have, what happened to an envelope, and which envelopes there are.

use std::{sync::Arc, time::Duration};

use p2p_identity::NodeId;
use p2p_mux::{Channel, Exit, Protocol};
use whisper_envelope::{Dialect, Envelope, Topic};
use whisper_pow::Policy;

use super::Whisper;
use crate::{
    archive::{
        Archive, ArchiveSettings, HistoryFilter,
        history::{History, HistoryError, HistoryRequest},
        wire::{LENGTH, NAME, VERSION},
    },
    delivery::filter::{Filter, FilterError, FilterSpec},
    delivery::message::ReceivedMessage,
    keys::id::FilterId,
    peers::remote::Remote,
    relay::lazy,
    whisper::trace::{self, Trace, TraceOff, TraceSettings},
};

/// Opens stored envelopes as a filter would, made by [`Whisper::stored_messages`].
#[derive(Debug, Clone)]
pub struct StoredMessages(Arc<Filter>);

impl StoredMessages {
    /// What to ask archives for. Topics that are given by their beginning cannot be asked for: then it is everything.
    #[must_use]
    pub fn filter(&self) -> HistoryFilter {
        let topics = self.0.topics();
        let whole = topics.iter().map(|topic| topic.as_bytes().try_into().ok().map(Topic));
        match whole.collect::<Option<Vec<_>>>() {
            Some(topics) if !topics.is_empty() => HistoryFilter::Topics(topics),
            _ => HistoryFilter::All,
        }
    }

    /// The dialect of the wanted envelopes; `None`: both.
    #[must_use]
    pub fn dialect(&self) -> Option<Dialect> {
        self.0.dialect()
    }

    /// Identifies what is opened: the key and the criteria, except for the dialect.
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.0.digest()
    }

    /// The message in an envelope; `None` if the criteria are not met, or the key does not open it. A message that was sealed
    /// under several rules has several envelopes.
    #[must_use]
    pub fn open(&self, envelope: &Envelope) -> Option<ReceivedMessage> {
        let filter = &self.0;
        let work = Policy::default().work(envelope).map_or(0.0, |work| work.get());
        let is_wanted =
            filter.has_topic(envelope.topic()) && filter.admits(envelope.dialect(), work, false);
        let message = is_wanted.then(|| filter.open(envelope).ok()).flatten()?;
        filter.wants(&message).then(|| filter.received(envelope, work, false, message))
    }
}

impl Whisper {
    /// Stores every envelope that is admitted from now on in an archive: those that peers relay, and posts. Direct messages
    /// are not stored. An earlier archive gets no more of them.
    ///
    /// Relaying does not wait for the archive for long. If the archive stays slower than the network, the source that sends the
    /// most loses envelopes, which are counted ([`Reason::Unarchived`](crate::Reason::Unarchived)).
    pub fn record(&self, archive: Arc<dyn Archive>) {
        self.context().relays.recorder().set_archive(archive);
    }

    /// The sub-protocol `lazy/1`, for a server, beside [`protocols`](Self::protocols): to peers that have it, envelopes are
    /// announced, and fetched once. Other peers do not notice. `None` if [`PeerSettings::lazy`](crate::PeerSettings::lazy) is off.
    #[must_use]
    pub fn lazy_protocol(&self) -> Option<Protocol> {
        self.context().relays.relays().relay(Dialect::V6).exchange().lazy_salt()?;
        let sessions = self.clone();
        Some(Protocol::new(
            lazy::wire::NAME,
            lazy::wire::VERSION,
            lazy::wire::LENGTH,
            move |peer, channel| {
                // The highest version that both ends have is the one that runs.
                let versions = peer.shared().iter().filter(|shared| shared.name == "shh");
                let is_v5 = versions.map(|shared| shared.version).max() == Some(5);
                let dialect = if is_v5 { Dialect::V5 } else { Dialect::V6 };
                let context = Arc::clone(&sessions.node.context);
                let session = lazy::session::run(context, Remote::of(dialect, peer), channel);
                sessions.node.tasks.track_future(session)
            },
        ))
    }

    /// The sub-protocol `archive/1`, for a server: peers read the archive of this node, and this node those of its peers.
    /// `own`: the id of this node. It keeps the node alive.
    #[must_use]
    pub fn archive_protocol(&self, own: NodeId) -> Protocol {
        let whisper = self.clone();
        Protocol::new(NAME, VERSION, LENGTH, move |peer, channel| {
            let whisper = whisper.clone();
            async move { whisper.attach_archive(own, peer.id(), channel).await }
        })
    }

    /// Runs `archive/1` with a peer over a channel, until the channel closes, the node stops or the peer violates the protocol.
    /// `own`: the id of this node.
    pub fn attach_archive(
        &self,
        own: NodeId,
        peer: NodeId,
        channel: Channel,
    ) -> impl Future<Output = Result<(), Exit>> + Send + use<> {
        let archives = Arc::clone(&self.node.archives);
        self.node.tasks.track_future(archives.run(own, peer, channel))
    }

    /// Lets peers and this node read an archive over `archive/1`. Call it before peers connect. It does not store anything:
    /// see [`record`](Self::record).
    pub fn serve_archive(&self, archive: Arc<dyn Archive>, settings: ArchiveSettings) {
        self.node.archives.serve(archive, settings);
    }

    /// Reads archives: everything that was stored, then, if asked for, what arrives.
    ///
    /// ```
    /// # use whisper_protocol::{HistoryCursor, HistoryError, Topic, Whisper};
    /// use whisper_protocol::{HistoryEvent, HistoryFilter, HistoryRequest};
    ///
    /// # async fn read(whisper: Whisper, cursor: HistoryCursor) -> Result<(), HistoryError> {
    /// let chat = HistoryFilter::Topics(vec![Topic(*b"chat")]);
    /// let mut history = whisper.history(HistoryRequest::new(chat, cursor).live())?;
    /// while let Some(event) = history.next().await {
    ///     match event {
    ///         HistoryEvent::Envelopes(envelopes) => {
    ///             println!("{} envelopes", envelopes.len());
    ///             println!("next time, go on at {}", history.cursor());
    ///         }
    ///         other => println!("{other:?}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`HistoryError`]: the question is not valid.
    pub fn history(&self, request: HistoryRequest) -> Result<History, HistoryError> {
        History::start(&self.node.archives, &self.context().corrector, request)
    }

    /// Whether there is a filter with this id. It does not count as used.
    #[must_use]
    pub fn has_filter(&self, id: &FilterId) -> bool {
        self.context().delivery.delivery().has_filter(id)
    }

    /// Opens stored envelopes as a filter of this node does; `None` if there is no such filter.
    #[must_use]
    pub fn stored_messages_of(&self, id: &FilterId) -> Option<StoredMessages> {
        Some(StoredMessages(self.context().delivery.touch(id)?))
    }

    /// Opens stored envelopes as a filter with these criteria would.
    ///
    /// # Errors
    ///
    /// If its key does not exist.
    pub fn stored_messages(&self, spec: FilterSpec) -> Result<StoredMessages, FilterError> {
        let filter = Filter::new(spec, &self.keys, self.mailbox())?;
        Ok(StoredMessages(Arc::new(filter)))
    }

    /// The sub-protocol `trace/1`, for a server: nodes ask each other what happened to an envelope. It keeps the node alive.
    /// From now on [`trace`](Self::trace) asks the peers with this sub-protocol.
    #[must_use]
    pub fn trace_protocol(&self, settings: TraceSettings) -> Protocol {
        self.node.traces.set(settings);
        let whisper = self.clone();
        Protocol::new(
            trace::wire::NAME,
            trace::wire::VERSION,
            trace::wire::LENGTH,
            move |peer, channel| whisper.attach_trace(peer.id(), channel),
        )
    }

    /// Runs `trace/1` with a peer over a channel, until the channel closes, the node stops or the peer violates the protocol. At
    /// once over if the peer may not trace, or without [`trace_protocol`](Self::trace_protocol).
    pub fn attach_trace(
        &self,
        peer: NodeId,
        channel: Channel,
    ) -> impl Future<Output = Result<(), Exit>> + Send + use<> {
        let traces = Arc::clone(&self.node.traces);
        self.node.tasks.track_future(traces.run(peer, channel))
    }

    /// Asks all nodes that consent what happened to an envelope: the peers, their peers, and so on. It takes as long as the
    /// slowest of them, at most `time`, which is at most ten seconds. At the end of that time, what has come is returned.
    ///
    /// It follows this envelope: the others of the same post ([`Explanation::envelopes`](crate::Explanation::envelopes)) are
    /// envelopes of their own.
    ///
    /// # Errors
    ///
    /// [`TraceOff`]: the node does not speak `trace/1`.
    pub async fn trace(&self, hash: [u8; 32], time: Duration) -> Result<Trace, TraceOff> {
        self.node.traces.ask(hash, time).await
    }
}

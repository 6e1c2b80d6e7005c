//! The connection as a pure machine, driven by hand over blocking sockets of the standard library:
//! no runtime, no task. What is yours here is the I/O, the clock and the loop.
//!
//! `cargo run -p p2p-mux --example bring_your_own_io`

use std::{
    error::Error,
    io::{self, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use p2p_mux::{
    Capability, Config, Connection, Event, Hello, LostReason, MAX_HELLO, Message, Offer,
    P2P_VERSION, QueueLoad, SlotEndReason, SlotId, SlotSettings, base,
    identity::{NodeId, SecretKey},
    negotiate, rlp,
    transport::{Initiator, Recipient, Session, Step},
};

use bytes::BytesMut;

type Failure = Box<dyn Error + Send + Sync>;

/// The only slot here.
const ECHO: SlotId = SlotId(0);

/// A socket and what has been read from it.
struct Wire {
    socket: TcpStream,
    input: BytesMut,
}

impl Wire {
    /// Reads something. `false` if nothing came until `until`.
    fn read(&mut self, until: Option<Instant>) -> Result<bool, Failure> {
        let wait = until.map(|until| until.saturating_duration_since(Instant::now()));
        // A socket cannot be told to wait for no time at all.
        self.socket.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))?;
        let mut chunk = [0; 4096];
        match self.socket.read(&mut chunk) {
            Ok(0) => Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
            Ok(length) => {
                self.input.extend_from_slice(&chunk[..length]);
                Ok(true)
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

// ---- first: two ends shake hands

fn call(wire: &mut Wire, key: &SecretKey, remote: &NodeId) -> Result<Session, Failure> {
    let (mut initiator, auth) = Initiator::start(key, &remote.public_key()?, &mut rand::rng());
    wire.socket.write_all(&auth)?;
    loop {
        wire.read(None)?;
        match initiator.handle(&mut wire.input)? {
            Step::NeedMore(same) => initiator = same,
            Step::Done(session) => return Ok(session),
        }
    }
}

fn answer(wire: &mut Wire, key: &SecretKey) -> Result<Session, Failure> {
    let mut recipient = Recipient::new(key);
    loop {
        wire.read(None)?;
        match recipient.handle(&mut wire.input, &mut rand::rng())? {
            Step::NeedMore(same) => recipient = same,
            Step::Done(accepted) => {
                wire.socket.write_all(&accepted.ack)?;
                return Ok(accepted.session);
            }
        }
    }
}

// ---- second: they say Hello

fn exchange_hello(
    wire: &mut Wire,
    mut session: Session,
    id: NodeId,
) -> Result<Connection, Failure> {
    let capability = Capability::new("echo", 1);
    let offer =
        Offer { capability: capability.clone(), length: 2, settings: SlotSettings::default() };
    let ours = Hello {
        version: P2P_VERSION,
        client: "own-io/0.1".into(),
        capabilities: vec![capability],
        port: 0,
        id,
    };
    let mut output = BytesMut::new();
    session.sealer.seal(base::HELLO, &ours.encode(), &mut output)?;
    wire.socket.write_all(&output)?;
    session.opener.set_limit(MAX_HELLO);
    let first = loop {
        if let Some(first) = session.opener.open(&mut wire.input)? {
            break first;
        }
        wire.read(None)?;
    };
    if first.code != base::HELLO {
        return Err("no Hello".into());
    }
    let theirs = Hello::decode(&first.payload)?;
    theirs.check(&session.remote)?;
    if theirs.has_snappy() {
        session.sealer.enable_snappy();
        session.opener.enable_snappy();
    }
    let shared = negotiate(&[offer], &theirs.capabilities);
    let slots: Vec<_> =
        shared.into_iter().map(|shared| (shared, SlotSettings::default())).collect();
    Ok(Connection::new(session, &slots, &Config::default(), Instant::now()))
}

// ---- third: the connection lives

/// Runs it until it is closed; `on_message` says what to answer, and `None` when it has heard enough.
fn live(
    wire: &mut Wire,
    connection: &mut Connection,
    mut on_message: impl FnMut(&Message) -> Result<Option<Message>, Failure>,
) -> Result<(), Failure> {
    let mut output = BytesMut::new();
    loop {
        while let Some(event) = connection.poll_event(Instant::now(), &mut wire.input) {
            let Event::Message { slot, message } = event else { continue };
            // It is taken at once, so its room in the budget of the slot is free at once.
            let bytes = message.payload.len() + 64;
            connection.release(slot, QueueLoad { bytes, items: 1 });
            match on_message(&message)? {
                Some(answer) => connection.send(slot, answer)?,
                None => connection.end_slot(Instant::now(), slot, SlotEndReason::Returned),
            }
        }
        while connection.poll_transmit(&mut output).is_some() {}
        wire.socket.write_all(&output)?;
        output.clear();
        if let Some(closed) = connection.closed() {
            println!("{:?}: closed {closed}", thread::current().name().unwrap_or_default());
            return Ok(());
        }
        match wire.read(connection.poll_timeout()) {
            Ok(true) => {}
            Ok(false) => connection.handle_timeout(Instant::now()),
            Err(_) => connection.handle_lost(LostReason::Eof),
        }
    }
}

fn number(code: u64, number: u64) -> Message {
    Message { code, payload: rlp::encode(&number).into() }
}

fn main() -> Result<(), Failure> {
    let (alice, bob) = (SecretKey::random(&mut rand::rng()), SecretKey::random(&mut rand::rng()));
    let bob_id = bob.id();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;

    let bobs_side = move || -> Result<(), Failure> {
        let mut wire = Wire { socket: listener.accept()?.0, input: BytesMut::new() };
        let session = answer(&mut wire, &bob)?;
        let mut connection = exchange_hello(&mut wire, session, bob.id())?;
        live(&mut wire, &mut connection, |ping| Ok(Some(number(1, ping.decode::<u64>()? + 1))))
    };
    let bobs_thread = thread::Builder::new().name("bob".into()).spawn(bobs_side)?;

    let mut wire = Wire { socket: TcpStream::connect(address)?, input: BytesMut::new() };
    let session = call(&mut wire, &alice, &bob_id)?;
    let mut connection = exchange_hello(&mut wire, session, alice.id())?;
    connection.send(ECHO, number(0, 0))?;
    live(&mut wire, &mut connection, |pong| {
        let heard = pong.decode::<u64>()?;
        println!("bob counts to {heard}");
        Ok((heard < 3).then(|| number(0, heard)))
    })?;
    bobs_thread.join().map_err(|_| "bob panicked")?
}

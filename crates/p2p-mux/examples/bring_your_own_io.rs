//! A connection as a state machine, over blocking sockets of the standard library: no runtime, no
//! tasks. The caller has the I/O, the clock and the loop.
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
    identity::{NodeId, SecretKey, causes},
    negotiate, rlp,
    transport::{HandshakeStep, Initiator, Recipient, Session},
};

use bytes::BytesMut;

type Failure = Box<dyn Error + Send + Sync>;

/// The only slot.
const ECHO: SlotId = SlotId(0);

/// A socket and the bytes read from it.
struct Wire {
    socket: TcpStream,
    input: BytesMut,
}

impl Wire {
    /// Reads some bytes. `false` if none arrived before `until`.
    fn read(&mut self, until: Option<Instant>) -> Result<bool, Failure> {
        let wait = until.map(|until| until.saturating_duration_since(Instant::now()));
        // A timeout of zero is an error.
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

// ---- 1. the handshake

fn connect(wire: &mut Wire, key: &SecretKey, remote: &NodeId) -> Result<Session, Failure> {
    let (mut initiator, auth) = Initiator::start(key, &remote.public_key()?, &mut rand::rng());
    wire.socket.write_all(&auth)?;
    loop {
        wire.read(None)?;
        match initiator.handle(&mut wire.input)? {
            HandshakeStep::NeedMore(same) => initiator = same,
            HandshakeStep::Done(session) => return Ok(session),
        }
    }
}

fn accept(wire: &mut Wire, key: &SecretKey) -> Result<Session, Failure> {
    let mut recipient = Recipient::new(key);
    loop {
        wire.read(None)?;
        match recipient.handle(&mut wire.input, &mut rand::rng())? {
            HandshakeStep::NeedMore(same) => recipient = same,
            HandshakeStep::Done(accepted) => {
                wire.socket.write_all(&accepted.ack)?;
                return Ok(accepted.session);
            }
        }
    }
}

// ---- 2. the exchange of Hello

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

// ---- 3. the connection

/// Runs a connection until it is closed. `on_message` returns the response to a message, or `None` to
/// end the slot.
fn run(
    wire: &mut Wire,
    connection: &mut Connection,
    mut on_message: impl FnMut(&Message) -> Result<Option<Message>, Failure>,
) -> Result<(), Failure> {
    let mut output = BytesMut::new();
    loop {
        while let Some(event) = connection.poll_event(Instant::now(), &mut wire.input) {
            let Event::Message { slot, message } = event else { continue };
            // The message is taken at once, so its room in the queue of the slot is free.
            let bytes = message.payload.len() + 64;
            connection.release(slot, QueueLoad { bytes, items: 1 });
            match on_message(&message)? {
                Some(response) => connection.send(slot, response)?,
                None => connection.end_slot(Instant::now(), slot, SlotEndReason::Returned),
            }
        }
        while connection.poll_transmit(&mut output).is_some() {}
        wire.socket.write_all(&output)?;
        output.clear();
        if let Some(closed) = connection.closed() {
            let thread = thread::current();
            println!("{:?}: closed {}", thread.name().unwrap_or_default(), causes(closed));
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
        let session = accept(&mut wire, &bob)?;
        let mut connection = exchange_hello(&mut wire, session, bob.id())?;
        run(&mut wire, &mut connection, |ping| Ok(Some(number(1, ping.decode::<u64>()? + 1))))
    };
    let bobs_thread = thread::Builder::new().name("bob".into()).spawn(bobs_side)?;

    let mut wire = Wire { socket: TcpStream::connect(address)?, input: BytesMut::new() };
    let session = connect(&mut wire, &alice, &bob_id)?;
    let mut connection = exchange_hello(&mut wire, session, alice.id())?;
    connection.send(ECHO, number(0, 0))?;
    let mut count = 0;
    run(&mut wire, &mut connection, |pong| {
        count = pong.decode::<u64>()?;
        println!("bob counts to {count}");
        Ok((count < 3).then(|| number(0, count)))
    })?;
    assert_eq!(count, 3);
    bobs_thread.join().map_err(|_| "bob panicked")?
}

#[test]
fn bob_counts_to_three() {
    main().unwrap();
}

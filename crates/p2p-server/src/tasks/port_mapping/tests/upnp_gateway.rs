//! A UPnP gateway on loopback; a test controls its behavior. It answers searches, has a description, and
//! accepts SOAP requests.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::watch,
    task::JoinSet,
};

use super::server::soon;

const SERVICE: &str = "urn:schemas-upnp-org:service:WANIPConnection:1";

/// The kind of its HTTP answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Http {
    /// Valid.
    Sound,
    /// Neither HTTP nor XML.
    Junk,
    /// A header that announces a body that never arrives.
    Endless,
    /// A body that is too long.
    Flood,
}

/// How the gateway behaves, and what it has done.
#[derive(Clone)]
pub(super) struct UpnpGatewayState {
    pub(super) ip: Ipv4Addr,
    /// External ports of other clients.
    pub(super) taken: BTreeSet<u16>,
    /// Whether it grants only mappings without a time limit.
    pub(super) permanent: bool,
    /// The code of its refusals; `None` grants mappings.
    pub(super) fault: Option<u16>,
    pub(super) description: Http,
    pub(super) control: Http,
    /// Client and lifetime in seconds, by protocol and external port.
    pub(super) mappings: BTreeMap<(String, u16), (SocketAddr, u32)>,
    pub(super) searched: usize,
    pub(super) asked: usize,
}

impl UpnpGatewayState {
    /// Performs an action. Returns the elements of the answer, or a fault.
    fn act(&mut self, action: &str, body: &str) -> Result<String, u16> {
        let value = |name: &str| {
            let (open, close) = (format!("<{name}>"), format!("</{name}>"));
            let rest = body.split_once(&open).map(|(_, rest)| rest);
            rest.and_then(|rest| rest.split_once(&close)).map(|(value, _)| value.to_owned())
        };
        let number =
            |name: &str| value(name).and_then(|text| text.parse::<u32>().ok()).ok_or(402u16);
        let port = |name: &str| number(name).and_then(|port| u16::try_from(port).map_err(|_| 402));
        match action {
            "GetExternalIPAddress" => {
                Ok(format!("<NewExternalIPAddress>{}</NewExternalIPAddress>", self.ip))
            }
            "AddPortMapping" => {
                self.asked += 1;
                let (external, seconds) = (port("NewExternalPort")?, number("NewLeaseDuration")?);
                if let Some(fault) = self.fault {
                    return Err(fault);
                }
                if self.permanent && seconds != 0 {
                    return Err(725);
                }
                if self.taken.contains(&external) {
                    return Err(718);
                }
                let ip: Ipv4Addr =
                    value("NewInternalClient").and_then(|ip| ip.parse().ok()).ok_or(402u16)?;
                let client = SocketAddr::from((ip, port("NewInternalPort")?));
                let key = (value("NewProtocol").ok_or(402u16)?, external);
                self.mappings.insert(key, (client, seconds));
                Ok(String::new())
            }
            "DeletePortMapping" => {
                let key = (value("NewProtocol").ok_or(402u16)?, port("NewExternalPort")?);
                self.mappings.remove(&key).map(|_| String::new()).ok_or(714)
            }
            _ => Err(401),
        }
    }
}

/// The gateway.
pub(super) struct UpnpGateway {
    pub(super) ssdp: SocketAddr,
    pub(super) state: watch::Sender<UpnpGatewayState>,
    _tasks: JoinSet<()>,
}

impl UpnpGateway {
    pub(super) async fn start() -> Self {
        let state = watch::Sender::new(UpnpGatewayState {
            ip: "203.0.113.7".parse().unwrap(),
            taken: BTreeSet::new(),
            permanent: false,
            fault: None,
            description: Http::Sound,
            control: Http::Sound,
            mappings: BTreeMap::new(),
            searched: 0,
            asked: 0,
        });
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (ssdp, http) = (udp.local_addr().unwrap(), tcp.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(answer_searches(udp, http, state.clone()));
        tasks.spawn(serve(tcp, state.clone()));
        Self { ssdp, state, _tasks: tasks }
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut UpnpGatewayState)) {
        self.state.send_modify(change);
    }

    /// Waits until the condition holds.
    pub(super) async fn until(
        &self,
        holds: impl FnMut(&UpnpGatewayState) -> bool,
    ) -> UpnpGatewayState {
        let mut changes = self.state.subscribe();
        soon(changes.wait_for(holds)).await.unwrap().clone()
    }
}

async fn answer_searches(
    socket: UdpSocket,
    http: SocketAddr,
    state: watch::Sender<UpnpGatewayState>,
) {
    let mut buffer = [0; 1500];
    loop {
        let Ok((len, from)) = socket.recv_from(&mut buffer).await else { continue };
        assert!(buffer[..len].starts_with(b"M-SEARCH * HTTP/1.1\r\n"));
        // The first answers are not those of a gateway.
        for answer in [
            "\u{1f}junk".to_owned(),
            "HTTP/1.1 200 OK\r\nLOCATION: http://198.51.100.1:80/elsewhere\r\n\r\n".to_owned(),
            format!("HTTP/1.1 200 OK\r\nST: {SERVICE}\r\nLOCATION: http://{http}/root.xml\r\n\r\n"),
        ] {
            let _ = socket.send_to(answer.as_bytes(), from).await;
        }
        state.send_modify(|state| state.searched += 1);
    }
}

async fn serve(listener: TcpListener, state: watch::Sender<UpnpGatewayState>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        connections.spawn(answer_request(socket, state.clone()));
    }
}

/// Reads one request and answers it. `None` after an error of the connection.
async fn answer_request(
    mut socket: TcpStream,
    state: watch::Sender<UpnpGatewayState>,
) -> Option<()> {
    let (head, body) = read_request(&mut socket).await?;
    let http = {
        let state = state.borrow();
        if head.starts_with("GET") { state.description } else { state.control }
    };
    let answer = match http {
        Http::Sound if head.starts_with("GET /root.xml") => ok(&description()),
        Http::Sound if head.starts_with("GET /scpd.xml") => ok(&actions()),
        Http::Sound => {
            let action = head.split_once('#')?.1.split_once('"')?.0;
            let mut done = Err(401);
            state.send_modify(|state| done = state.act(action, &body));
            envelope(action, &done)
        }
        Http::Junk => "\0\u{7f}HTTP is what others speak\r\n\r\n".to_owned(),
        Http::Endless => "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n<root>".to_owned(),
        Http::Flood => "HTTP/1.1 200 OK\r\n\r\n<root>".to_owned(),
    };
    socket.write_all(answer.as_bytes()).await.ok()?;
    match http {
        Http::Endless => drop(socket.read(&mut [0]).await),
        Http::Flood => while socket.write_all(&[b' '; 1 << 16]).await.is_ok() {},
        Http::Sound | Http::Junk => {}
    }
    Some(())
}

async fn read_request(socket: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8(bytes.clone()).ok()?;
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = |line: &str| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse::<usize>().ok()).flatten()
            };
            let length = head.lines().find_map(length).unwrap_or(0);
            if body.len() >= length {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

fn envelope(action: &str, done: &Result<String, u16>) -> String {
    let (status, body) = match done {
        Ok(elements) => (
            "200 OK",
            format!("<u:{action}Response xmlns:u=\"{SERVICE}\">{elements}</u:{action}Response>"),
        ),
        Err(code) => (
            "500 Internal Server Error",
            format!(
                "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>\
                 <UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\"><errorCode>{code}</errorCode>\
                 <errorDescription>no</errorDescription></UPnPError></detail></s:Fault>"
            ),
        ),
    };
    let soap = "http://schemas.xmlsoap.org/soap/envelope/";
    let body = format!(
        "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"{soap}\"><s:Body>{body}</s:Body></s:Envelope>"
    );
    ok(&body).replacen("200 OK", status, 1)
}

/// The description. The service is nested in two devices, as in the standard.
fn description() -> String {
    let service = format!(
        "<serviceList><service><serviceType>{SERVICE}</serviceType><controlURL>/control</controlURL>\
         <SCPDURL>/scpd.xml</SCPDURL></service></serviceList>"
    );
    let inner = format!("<deviceList><device>{service}</device></deviceList>");
    let middle = format!("<deviceList><device>{inner}</device></deviceList>");
    format!("<?xml version=\"1.0\"?><root><device>{middle}</device></root>")
}

fn actions() -> String {
    let add: &[&str] = &[
        "NewRemoteHost",
        "NewExternalPort",
        "NewProtocol",
        "NewInternalPort",
        "NewInternalClient",
        "NewEnabled",
        "NewPortMappingDescription",
        "NewLeaseDuration",
    ];
    let list = [("AddPortMapping", add), ("DeletePortMapping", &add[..3])];
    let actions = list.map(|(name, arguments)| {
        let argument = |name: &&str| {
            format!("<argument><name>{name}</name><direction>in</direction></argument>")
        };
        let arguments: String = arguments.iter().map(argument).collect();
        format!("<action><name>{name}</name><argumentList>{arguments}</argumentList></action>")
    });
    format!("<?xml version=\"1.0\"?><scpd><actionList>{}</actionList></scpd>", actions.concat())
}

//! Servers: TLS on this machine, with certificates of their own, that write down what they are asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// A connection as the server holds it.
pub type Stream = StreamOwned<ServerConnection, TcpStream>;

/// Who signs: a root certificate, and a leaf of this machine under it.
pub struct Authority {
    root: rcgen::Certificate,
    leaf: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Authority {
    /// For servers of this machine.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "making keys is no default")]
    pub fn new() -> Self {
        Self::of(&["localhost", "127.0.0.1"])
    }

    /// With a leaf for these hosts.
    #[must_use]
    pub fn of(hosts: &[&str]) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Root of a test");
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let names: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        Self { root, leaf: leaf.der().clone(), key: key.serialize_der() }
    }

    /// The root certificate, as a file has it.
    #[must_use]
    pub fn pem(&self) -> String {
        self.root.pem()
    }

    /// The root certificate, to be trusted.
    #[must_use]
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der().clone()).unwrap();
        roots
    }

    fn config(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.leaf.clone()], key)
            .unwrap();
        Arc::new(config)
    }
}

/// A server that runs until the test process ends.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers each request with what `answer` does to the connection, given the number of requests before it. The
    /// connection is closed then.
    pub fn start(authority: &Authority, answer: impl Fn(usize, &mut Stream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let connections = Arc::clone(&server.connections);
        let (config, requests, answer) = (authority.config(), Arc::clone(&server.requests), Arc::new(answer));
        thread::spawn(move || {
            for socket in listener.incoming() {
                connections.fetch_add(1, Ordering::SeqCst);
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(connection, socket.unwrap());
                let (requests, answer) = (Arc::clone(&requests), Arc::clone(&answer));
                thread::spawn(move || {
                    let Some(request) = head(&mut stream) else { return };
                    let before = {
                        let mut requests = requests.lock().unwrap();
                        requests.push(request);
                        requests.len() - 1
                    };
                    answer(before, &mut stream);
                    stream.conn.send_close_notify();
                    // The client may be gone already.
                    let _ = stream.flush();
                });
            }
        });
        server
    }

    /// A server that always answers the same.
    pub fn says(authority: &Authority, text: impl Into<Vec<u8>>) -> Self {
        let text = text.into();
        Self::start(authority, move |_, stream| {
            let _ = stream.write_all(&text);
        })
    }

    /// The address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// How many connections were made so far, whatever came of them.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What was asked so far: the heads of all requests.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// The head of a request; none where the client leaves without one.
pub fn head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// Waits until the client leaves.
pub fn hang(stream: &mut Stream) {
    let _ = stream.read(&mut [0; 64]);
}

/// An answer with a body and its length.
#[must_use]
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

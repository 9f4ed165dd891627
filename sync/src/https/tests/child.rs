//! What the environment says: root certificates and proxies. It is given to a child process, which runs one test of this file.

use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;

use clearance_testkit::server::{Authority, Server, answer, head};

use super::{TOKEN, question};

const URL: &str = "CLEARANCE_TEST_URL";

/// Asks from a child process with an environment of these variables alone.
fn asked(url: &str, environment: &[(&str, &str)]) -> String {
    let Output { stdout, stderr, .. } = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "https::tests::child::the_child", "--ignored", "--nocapture"])
        .env_clear()
        .env(URL, url)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr))
}

#[test]
#[ignore = "the other tests of this file run it"]
#[expect(clippy::disallowed_methods, reason = "the child is told by its environment")]
fn the_child() {
    println!("{:?}", crate::https::ask(&question(&std::env::var(URL).unwrap())));
}

/// A file with the root certificate of an authority.
fn root_file(directory: &Path, name: &str, authority: &Authority) -> String {
    let path = directory.join(name);
    File::create(&path).unwrap().write_all(authority.pem().as_bytes()).unwrap();
    path.into_os_string().into_string().unwrap()
}

#[test]
fn roots_of_the_environment() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Server::says(&authority, answer("200 OK", "", ""));
    let directory = tempfile::tempdir().unwrap();
    let right = root_file(directory.path(), "right.pem", &authority);
    let wrong = root_file(directory.path(), "wrong.pem", &other);

    let said = asked(&server.url("/"), &[("SSL_CERT_FILE", &right)]);
    assert!(said.contains("Reply { status: 200"), "{said}");
    let said = asked(&server.url("/"), &[("SSL_CERT_FILE", &wrong)]);
    assert!(said.contains("Err(Tls {") && !said.contains(TOKEN), "{said}");
    let said = asked(&server.url("/"), &[("SSL_CERT_FILE", "/nowhere.pem")]);
    assert!(said.contains("Err(Tls {") && said.contains("no root certificates"), "{said}");
    assert_eq!(server.requests().len(), 1);
}

/// A proxy is told the host; the rest goes through it unseen.
#[test]
fn proxies_of_the_environment() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let record = Arc::clone(&seen);
    thread::spawn(move || {
        for socket in proxy.incoming() {
            let mut socket = socket.unwrap();
            record.lock().unwrap().extend(head(&mut socket));
            socket.write_all(b"HTTP/1.1 403 Not Here\r\n\r\n").unwrap();
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let root = root_file(directory.path(), "root.pem", &Authority::new());
    let said =
        asked("https://good.example/path?hush", &[("SSL_CERT_FILE", &root), ("HTTPS_PROXY", &address)]);
    let seen = seen.lock().unwrap().join("");
    assert!(seen.starts_with("CONNECT good.example:443 HTTP/1.1\r\n"), "{seen}");
    assert!(!seen.contains(TOKEN) && !seen.contains("hush"), "{seen}");
    assert!(said.contains("Err(Connect {") && !said.contains(TOKEN) && !said.contains("hush"), "{said}");
}

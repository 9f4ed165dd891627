//! The HTTP client: what it trusts, what it sends of itself, how long it waits.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, redirect, retry};
use rustls::{ClientConfig, RootCertStore};

/// How long one connection may take to stand, with its handshake.
const CONNECT: Duration = Duration::from_secs(5);

/// Whether proxies are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proxies {
    /// Those of the environment.
    Environment,
    /// None: for servers of this machine.
    None,
}

/// Which addresses are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schemes {
    /// HTTPS only.
    Https,
    /// HTTP as well: for servers of this machine.
    Both,
}

/// The roots that the system trusts, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
pub(crate) fn roots_of_system() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems keep a few that nobody can read; what signs nothing here is not missed.
    roots.add_parsable_certificates(found.certs);
    match found.errors.first() {
        _ if !roots.is_empty() => Ok(roots),
        Some(error) => Err(format!("there are no root certificates: {error}")),
        None => Err("there are no root certificates; install ca-certificates".to_owned()),
    }
}

/// What a connection is secured with.
pub(crate) fn tls(roots: RootCertStore) -> Result<ClientConfig, String> {
    let versions = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}

/// A client that decides nothing: no redirects, no retries, no cookies, no decompression. It bears a server that is silent
/// for so long.
pub(crate) fn build(
    roots: RootCertStore,
    (proxies, schemes): (Proxies, Schemes),
    silence: Duration,
) -> Result<Client, String> {
    let tls = tls(roots)?;
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));

    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(schemes == Schemes::Https)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .user_agent(concat!("clearance/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .connect_timeout(CONNECT)
        .read_timeout(silence)
        // A connection that its server is about to close fails the next request; a question has few of them.
        .pool_max_idle_per_host(0);
    let client = match proxies {
        Proxies::Environment => client,
        Proxies::None => client.no_proxy(),
    };
    client.build().map_err(|error| error.without_url().to_string())
}

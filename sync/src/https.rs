//! Questions to servers: GET over HTTPS, for rules of kind `http`. The one place that sends any.
//!
//! What a rule asks and what a server answers are both hostile until shown otherwise, so everything is bounded: the time of
//! the whole question, the attempts, the redirects, the size of the body. The token goes to the host of the URL alone, and
//! into no message.

pub(crate) mod address;
pub(crate) mod client;
mod error;
mod exchange;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use rustls::RootCertStore;

use self::client::{Proxies, Schemes};
pub use self::error::AskError;
use self::error::Shown;
pub(crate) use self::error::replaced;
pub(crate) use self::exchange::{causes, retry_after};

/// Most bytes of a body that are read.
pub const BODY: usize = 1 << 20;
/// Most attempts after the first one, whatever is asked for.
pub const RETRIES: u32 = 5;
/// Most redirects that one attempt follows, all of them within the host.
pub const REDIRECTS: u32 = 3;
/// Longest that a question may take, whatever is asked for.
pub const DEADLINE: Duration = Duration::from_secs(600);
/// Shortest silence of a server that ends an attempt.
const SILENCE: Duration = Duration::from_secs(2);

/// A question to a server: GET, over HTTPS only.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// Where to. The host must be written plainly, as it is connected to: no user name, no escapes, no Unicode.
    pub url: &'a str,
    /// Sent as `Authorization: Bearer`, to the host of `url` and to no other.
    pub token: Option<&'a str>,
    /// For the whole question, with its retries and redirects. At most [`DEADLINE`]. A server that is silent for an
    /// attempt's share of it is asked again.
    pub deadline: Duration,
    /// Attempts after the first one, for connections that fail, timeouts, 429 and 5xx. At most [`RETRIES`].
    pub retries: u32,
    /// A status in this list is an answer: it is neither retried nor followed.
    pub expect_status: &'a [u16],
}

impl Question<'_> {
    fn deadline(&self) -> Duration {
        self.deadline.min(DEADLINE)
    }

    fn retries(&self) -> u32 {
        self.retries.min(RETRIES)
    }

    /// How long a server may be silent: an attempt's share of the deadline, as the others want theirs.
    fn silence(&self) -> Duration {
        (self.deadline() / (self.retries() + 1)).max(SILENCE)
    }
}

impl fmt::Debug for Question<'_> {
    /// Without the token, and without the URL: its path and query may hold secrets too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question")
            .field("token", &self.token.map(|_| "…"))
            .field("deadline", &self.deadline)
            .field("retries", &self.retries)
            .field("expect_status", &self.expect_status)
            .finish_non_exhaustive()
    }
}

/// What the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status, whichever it is.
    pub status: u16,
    /// The body as it was sent: nothing is decompressed, and nothing compressed is asked for.
    pub body: Vec<u8>,
}

/// Asks a server and waits for the answer. Any status is an answer, except a redirect that leads away from the host.
///
/// Certificates are verified against the roots of the system, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name instead.
/// Proxies are taken from the environment (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`); they see the host and nothing else.
///
/// # Errors
/// [`AskError`]: there is no answer, or none that may be used.
///
/// # Panics
/// Inside a tokio runtime, which nothing here needs.
pub fn ask(question: &Question<'_>) -> Result<Reply, AskError> {
    ask_with(question, client::roots_of_system, Proxies::Environment)
}

/// The same, trusting the given roots. They are looked for once the question is found to be one that may be asked.
fn ask_with(
    question: &Question<'_>,
    roots: impl FnOnce() -> Result<RootCertStore, String>,
    proxies: Proxies,
) -> Result<Reply, AskError> {
    let shown = Shown::without(question.token);
    let url = address::read(question.url, shown)?;
    let authorization = question.token.map(address::authorization).transpose()?;
    let host = shown.host(&url);
    let other = |reason: String| AskError::Other { host: host.clone(), reason: shown.text(&reason) };

    let roots =
        roots().map_err(|reason| AskError::Tls { host: host.clone(), reason: shown.text(&reason) })?;
    let client = client::build(roots, (proxies, Schemes::Https), question.silence()).map_err(other)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| other(error.to_string()))?;
    let exchange = exchange::Exchange { client, question, authorization, shown };
    let answer = runtime.block_on(exchange.run(&url));
    // A name that is still being looked up cannot be interrupted; the deadline holds all the same.
    runtime.shutdown_background();
    answer
}

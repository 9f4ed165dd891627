//! Why there is no answer, in words that hold neither the token nor anything of a URL but its host.

use std::time::Duration;

use reqwest::Url;

/// Longest text of somebody else that goes into a message, in characters.
const TEXT: usize = 200;

/// Why a question has no answer that may be used. Messages name the host, never the token, the path or the query.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum AskError {
    /// The URL cannot be used. Nothing was sent.
    #[error("the URL cannot be used: {reason}; nothing was sent")]
    #[diagnostic(code(http_bad_url), help("write it as https://HOST/PATH"))]
    BadUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// The URL is not an HTTPS one. Nothing was sent.
    #[error("{host} would be asked over {scheme}, not https; nothing was sent")]
    #[diagnostic(
        code(http_not_https),
        help("write https:// in the URL; there is no exception, not for localhost either")
    )]
    NotHttps {
        /// Which host.
        host: String,
        /// The scheme of the URL.
        scheme: String,
    },
    /// The token cannot be sent. Nothing was.
    #[error("the token cannot be sent: {reason}; nothing was sent")]
    #[diagnostic(code(http_bad_token), help("look at the environment variable that holds it"))]
    BadToken {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The server sends the question to another host, port or scheme. It was not asked there.
    #[error(
        "{host} answered {status} and leads to {to}, which was not asked: a question stays with its host"
    )]
    #[diagnostic(code(http_redirected), help("if that is the right place, write it in the URL of the rule"))]
    Redirected {
        /// Which host.
        host: String,
        /// The status of its answer.
        status: u16,
        /// Where it leads to.
        to: String,
    },
    /// The server redirects within its host without an end.
    #[error("{host} redirected more than {limit} times")]
    #[diagnostic(
        code(http_redirects),
        help("write the URL that it ends at; it may redirect because it wants a login")
    )]
    Redirects {
        /// Which host.
        host: String,
        /// How many redirects are followed.
        limit: u32,
    },
    /// The body is larger than what is read.
    #[error("the answer of {host} is larger than {limit} bytes; it was not used")]
    #[diagnostic(code(http_too_large), help("ask for less: one item, one page, fewer fields"))]
    TooLarge {
        /// Which host.
        host: String,
        /// How many bytes are read.
        limit: usize,
    },
    /// No answer, or no whole answer, in time.
    #[error("no whole answer of {host} within {after:?}")]
    #[diagnostic(
        code(http_timeout),
        help("look whether the server can be reached from here, or allow the rule more time")
    )]
    Timeout {
        /// Which host.
        host: String,
        /// How long it was waited.
        after: Duration,
    },
    /// No connection.
    #[error("no connection to {host}: {reason}")]
    #[diagnostic(
        code(http_connect),
        help("look at the host name, the network and the proxy (HTTPS_PROXY, NO_PROXY)")
    )]
    Connect {
        /// Which host.
        host: String,
        /// What the system said.
        reason: String,
    },
    /// The server's certificate cannot be trusted, or the two sides have no protocol in common.
    #[error("no trusted connection to {host}: {reason}")]
    #[diagnostic(
        code(http_tls),
        help("where a proxy signs certificates, name a file with its root certificate in SSL_CERT_FILE")
    )]
    Tls {
        /// Which host.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Anything else: the connection broke, or what came is not HTTP.
    #[error("no answer of {host} that can be read: {reason}")]
    #[diagnostic(code(http_other), help("try again; look at what the server sends with: curl -v URL"))]
    Other {
        /// Which host.
        host: String,
        /// What went wrong.
        reason: String,
    },
}

impl AskError {
    /// Whether another attempt may do better.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::Connect { .. } | Self::Other { .. })
    }
}

/// Makes what others wrote fit for a message. A server that knows the token could send it back in a host name.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    token: Option<&'a str>,
}

impl<'a> Shown<'a> {
    /// Text without that token.
    pub(super) fn without(token: Option<&'a str>) -> Self {
        Self { token: token.filter(|token| !token.is_empty()) }
    }

    /// Of a URL the host, with the port where it is not the usual one, and the scheme where it is not https.
    pub(super) fn host(self, url: &Url) -> String {
        let place = super::address::authority(url);
        self.text(&if url.scheme() == "https" { place } else { format!("{}://{place}", url.scheme()) })
    }

    /// A text without the token, in whatever case, without control characters, and not too long.
    pub(super) fn text(self, text: &str) -> String {
        let text = match self.token {
            Some(token) => replaced(text, token),
            None => text.to_owned(),
        };
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT).collect()
    }
}

/// The text with "…" for every occurrence of a word, in upper or lower case.
pub(crate) fn replaced(text: &str, word: &str) -> String {
    let (lower, word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let mut kept = String::with_capacity(text.len());
    let mut end = 0;
    // ASCII case changes no length, so places in one text are places in the other.
    for (start, found) in lower.match_indices(&word) {
        kept.push_str(&text[end..start]);
        kept.push('…');
        end = start + found.len();
    }
    kept.push_str(&text[end..]);
    kept
}

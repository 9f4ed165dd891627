//! Where a question may go: what a URL must look like, and which redirects stay with its host.

use reqwest::Url;
use reqwest::header::{HeaderValue, LOCATION};

use super::error::{AskError, Shown};

/// The URL of a question, if it may be asked.
pub(super) fn read(text: &str, shown: Shown<'_>) -> Result<Url, AskError> {
    let bad = |reason: &str| Err(AskError::BadUrl { reason: reason.to_owned() });
    if text.contains(char::is_control) {
        return bad("it holds a control character");
    }
    // The parser's errors are fixed sentences; nothing of the text is in them.
    let url = Url::parse(text).map_err(|error| AskError::BadUrl { reason: error.to_string() })?;
    if url.scheme() != "https" {
        let host = shown.text(&authority(&url));
        return Err(AskError::NotHttps { host, scheme: shown.text(url.scheme()) });
    }
    if has_user(&url) {
        return bad("it holds a user name or a password");
    }
    // What a person allowed by its text must be what is connected to; parsers are more generous than readers.
    let written = match text.split_at_checked("https://".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https://") => rest,
        _ => "",
    };
    let written = written.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = authority(&url);
    let usual = url.port().is_none() && written.eq_ignore_ascii_case(&format!("{plain}:443"));
    if !usual && !written.eq_ignore_ascii_case(&plain) {
        return bad(
            "its host is not written plainly (no user name, no escapes, no Unicode, https:// before it)",
        );
    }
    Ok(url)
}

/// The header that carries a token.
pub(crate) fn authorization(token: &str) -> Result<HeaderValue, AskError> {
    if token.is_empty() {
        return Err(AskError::BadToken { reason: "it is empty" });
    }
    let unfit = AskError::BadToken {
        reason: "it holds a space, a line break or another character that no token has",
    };
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unfit);
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| unfit)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Host and port of a URL; the port only where it is not the usual one of its scheme.
pub(crate) fn authority(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => "no host".to_owned(),
    }
}

/// Where an answer redirects to: nowhere, or a place at the same host.
pub(super) fn next(
    from: &Url,
    response: &reqwest::Response,
    shown: Shown<'_>,
) -> Result<Option<Url>, AskError> {
    let status = response.status().as_u16();
    let (301 | 302 | 303 | 307 | 308, Some(location)) = (status, response.headers().get(LOCATION)) else {
        return Ok(None);
    };
    let refused = |to: String| Err(AskError::Redirected { host: shown.host(from), status, to });
    let Some(to) = location.to_str().ok().and_then(|location| from.join(location).ok()) else {
        return refused("a place that cannot be read".to_owned());
    };
    // Scheme, host and port: another port may be another owner.
    if to.origin() != from.origin() || has_user(&to) {
        return refused(shown.host(&to));
    }
    Ok(Some(to))
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

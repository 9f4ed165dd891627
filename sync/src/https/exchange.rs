//! One question, asked until it is answered or its time is over.

use std::error::Error;
use std::io;
use std::iter::successors;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, Url};
use tokio::time::{Instant, sleep, timeout_at};

use super::address;
use super::error::{AskError, Shown};
use super::{BODY, Question, REDIRECTS, Reply};

/// The pause before the second attempt; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(200);

/// What a question needs while it is asked.
pub(super) struct Exchange<'a> {
    pub(super) client: Client,
    pub(super) question: &'a Question<'a>,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) shown: Shown<'a>,
}

/// An answer, and how long its server wants to be left alone.
struct Answer {
    reply: Reply,
    retry_after: Option<Duration>,
}

impl Exchange<'_> {
    /// Asks, within the deadline of the question.
    pub(super) async fn run(&self, url: &Url) -> Result<Reply, AskError> {
        let deadline = self.question.deadline();
        let end = Instant::now() + deadline;
        match timeout_at(end, self.attempts(url, end)).await {
            Ok(answer) => answer,
            Err(_) => Err(AskError::Timeout { host: self.shown.host(url), after: deadline }),
        }
    }

    /// Asks again while that may help and there is time for it; the last answer or error counts.
    async fn attempts(&self, url: &Url, end: Instant) -> Result<Reply, AskError> {
        let mut left = self.question.retries();
        let mut pause = PAUSE;
        loop {
            let answer = self.attempt(url).await;
            let wanted = match &answer {
                Ok(answer) if self.may_pass(answer.reply.status) => answer.retry_after.unwrap_or_default(),
                Err(error) if error.may_pass() => Duration::ZERO,
                _ => return answer.map(|answer| answer.reply),
            };
            let wait = pause.max(wanted);
            // Whoever is told to come back later than the deadline has been answered.
            if left == 0 || wait >= end.saturating_duration_since(Instant::now()) {
                return answer.map(|answer| answer.reply);
            }
            sleep(wait).await;
            left -= 1;
            pause *= 2;
        }
    }

    /// Whether a status may be another one in a moment.
    fn may_pass(&self, status: u16) -> bool {
        matches!(status, 429 | 500..=599) && !self.question.expect_status.contains(&status)
    }

    /// Asks once, and follows redirects within the host.
    async fn attempt(&self, url: &Url) -> Result<Answer, AskError> {
        let mut at = url.clone();
        for _ in 0..=REDIRECTS {
            let mut request = self.client.get(at.clone());
            if let Some(authorization) = &self.authorization {
                request = request.header(AUTHORIZATION, authorization.clone());
            }
            let response = request.send().await.map_err(|error| self.failed(url, error))?;
            if self.question.expect_status.contains(&response.status().as_u16()) {
                return self.read(url, response).await;
            }
            match address::next(&at, &response, self.shown)? {
                Some(next) => at = next,
                None => return self.read(url, response).await,
            }
        }
        Err(AskError::Redirects { host: self.shown.host(url), limit: REDIRECTS })
    }

    /// Reads the body, as far as it is not too large. What the server says of its length is believed only if it is too much.
    async fn read(&self, url: &Url, mut response: Response) -> Result<Answer, AskError> {
        let too_large = || AskError::TooLarge { host: self.shown.host(url), limit: BODY };
        if response.content_length().is_some_and(|length| length > BODY as u64) {
            return Err(too_large());
        }
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(url, error))? {
            if chunk.len() > BODY - body.len() {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { reply: Reply { status, body }, retry_after })
    }

    /// What the client's error means. Its own text holds the URL; its causes do not.
    fn failed(&self, url: &Url, error: reqwest::Error) -> AskError {
        let host = self.shown.host(url);
        let error = error.without_url();
        let reason = causes(&error).last().map(ToString::to_string).unwrap_or_default();
        let reason = self.shown.text(&reason);
        if causes(&error).any(<dyn Error>::is::<rustls::Error>) {
            AskError::Tls { host, reason }
        } else if error.is_connect() {
            AskError::Connect { host, reason }
        } else if error.is_timeout() {
            AskError::Timeout { host, after: self.question.silence() }
        } else {
            AskError::Other { host, reason }
        }
    }
}

/// An error and what caused it. An `io::Error` hides what it wraps from `source()`.
pub(crate) fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    successors(Some(first), |&error| match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    })
}

/// How long the server wants to be left alone: seconds, or a date, which is taken against the server's own clock.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than fit are more than anybody waits.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = |text: &str| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    let (until, now) = (date(text)?, date(headers.get(DATE)?.to_str().ok()?)?);
    Some(until.duration_since(now).try_into().unwrap_or_default())
}

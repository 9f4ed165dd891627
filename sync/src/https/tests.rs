//! What is promised of questions, against real servers on this machine.

mod address;
mod answers;
mod child;
mod redirects;
mod retries;

use std::time::{Duration, Instant};

use clearance_testkit::server::Authority;
use miette::Diagnostic as _;

use super::client::Proxies;
use super::{AskError, Question, Reply};

/// A token that is found wherever it goes, in any case.
const TOKEN: &str = "Secret0Token";
/// Longer than any test may wait, and shorter than what the code waits for by itself would add up to.
const PATIENCE: Duration = Duration::from_secs(60);

fn question(url: &str) -> Question<'_> {
    Question { url, token: Some(TOKEN), deadline: PATIENCE, retries: 0, expect_status: &[] }
}

/// Asks, trusting an authority. Whatever fails must not tell the token.
fn ask(authority: &Authority, question: &Question<'_>) -> Result<Reply, AskError> {
    let start = Instant::now();
    let answer = super::ask_with(question, || Ok(authority.roots()), Proxies::None);
    assert!(start.elapsed() < PATIENCE, "{question:?} took {:?}", start.elapsed());
    if let Err(error) = &answer {
        tells_nothing(error);
    }
    answer
}

/// An error says where and what to do, and neither the token nor a query.
fn tells_nothing(error: &AskError) {
    let help = error.help().map(|help| help.to_string()).unwrap_or_default();
    assert!(!help.is_empty(), "{error:?} does not say what to do");
    assert!(error.code().is_some(), "{error:?} has no code");
    for said in [error.to_string(), format!("{error:?}"), format!("{error:#?}"), help] {
        let lower = said.to_lowercase();
        assert!(!lower.contains(&TOKEN.to_lowercase()), "the token is told: {said}");
        assert!(!lower.contains("hush"), "the query is told: {said}");
        assert!(!said.contains(['\x1b', '\r']), "control characters: {said:?}");
    }
}

fn text(reply: &Reply) -> &str {
    str::from_utf8(&reply.body).unwrap()
}

//! Trust: a rule that runs a program or asks a server does so only where somebody who may decide that has looked at it.
//!
//! What is trusted is a hash, of the rule's text and of every file of the repository that its command names. A change of
//! either is another hash, and nobody trusts that. Grants come from outside the repository: from the user's store, from the
//! command line; and from `rules.d/trust.lock`, but only as the target branch has it.

pub mod named;
pub mod store;

use std::collections::{BTreeMap, BTreeSet};

use clearance_engine::registry::is_kebab_case;
use clearance_engine::source::Source;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::kinds::Capability;
use super::rule::Rule;
use super::yaml::{self, At, RuleError};

/// The schema of the lock file.
pub const SCHEMA: &str = "clearance.trust-lock/v1";

/// What a command names, by path, each with what names its content.
pub type NamedFiles = BTreeMap<String, String>;

/// What is trusted, as it is granted: `exec:uv-lock-check@sha256:...`.
#[must_use]
pub fn grant(rule: &Rule, files: &NamedFiles) -> String {
    let mut hash = Sha256::new();
    // Lengths in front, so that no two inputs run together into the same bytes.
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add(b"clearance.trust/v1");
    add(rule.source.text().as_bytes());
    for (path, content) in files {
        add(path.as_bytes());
        add(content.as_bytes());
    }
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}:{}@sha256:{hex}", rule.capability().name(), rule.id())
}

/// What somebody who may decide that has granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    given: BTreeSet<String>,
    /// Why those of a store are not known, where they are not.
    lacking: Option<String>,
}

impl Grants {
    /// Adds grants: with a hash; of a server also without one, `network:ci-status`.
    pub fn add(&mut self, grants: impl IntoIterator<Item = String>) {
        self.given.extend(grants);
    }

    /// Whether this is granted.
    #[must_use]
    pub fn has(&self, grant: &str) -> bool {
        let without_hash = grant.split('@').next().filter(|grant| grant.starts_with("network:"));
        self.given.contains(grant) || without_hash.is_some_and(|grant| self.given.contains(grant))
    }

    /// Notes that some are not known, and why.
    pub fn lacks(&mut self, why: String) {
        self.lacking = Some(why);
    }

    /// Why some are not known.
    #[must_use]
    pub fn lacking(&self) -> Option<&str> {
        self.lacking.as_deref()
    }
}

/// A grant as it may be written: what is wrong with it otherwise.
///
/// # Errors
/// In a sentence.
pub fn check_grant(text: &str) -> Result<(), String> {
    let (capability, rest) = text.split_once(':').ok_or("a grant begins with `exec:` or `network:`")?;
    if !is_kebab_case(rest.split('@').next().unwrap_or_default()) {
        return Err("behind it stands the id of a rule".to_owned());
    }
    let hashed = rest.split_once('@').map(|(_, hash)| hash.strip_prefix("sha256:").is_some_and(is_hash));
    match (capability, hashed) {
        ("exec" | "network", Some(true)) | ("network", None) => Ok(()),
        ("exec" | "network", Some(false)) => Err("behind `@` stands `sha256:` and 64 digits".to_owned()),
        ("exec", None) => Err("what runs is trusted by its hash: exec:RULE@sha256:HASH".to_owned()),
        _ => Err("a grant begins with `exec:` or `network:`".to_owned()),
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The grants of `rules.d/trust.lock`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock(Vec<String>);

/// The file as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenLock {
    /// `clearance.trust-lock/v1`
    pub schema: At<String>,
    /// Grants, as `clearance rules trust show` prints them.
    #[serde(default)]
    pub trust: Vec<At<String>>,
}

impl Lock {
    /// Reads the file.
    ///
    /// # Errors
    /// [`RuleError`] at the place.
    pub fn read(source: &Source) -> Result<Self, RuleError> {
        let written: WrittenLock = yaml::read(source)?;
        let error = |at: &At<String>, message: String| RuleError::new(source, at.span.clone(), message, None);
        if written.schema.value != SCHEMA {
            return Err(error(&written.schema, format!("the schema is `{SCHEMA}`")));
        }
        for grant in &written.trust {
            check_grant(&grant.value).map_err(|why| error(grant, why))?;
            if !grant.value.contains('@') {
                return Err(error(grant, "in this file every grant has its hash".to_owned()));
            }
        }
        Ok(Self(written.trust.into_iter().map(|grant| grant.value).collect()))
    }

    /// The grants.
    pub fn grants(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().cloned()
    }
}

/// What somebody is about to trust, in lines for people.
#[must_use]
pub fn described(rule: &Rule) -> Vec<(&'static str, String)> {
    match rule.capability() {
        Capability::Data => vec![("takes", "nothing: it reads data only".to_owned())],
        Capability::Exec { argv, installs, env, cwd, timeout } => {
            let words: Vec<_> = argv.iter().map(|word| clearance_engine::source::shell_quote(word)).collect();
            let place = match cwd {
                "repo" => "the repository itself".to_owned(),
                other => format!("a throw-away checkout of {other}"),
            };
            let env = if env.is_empty() {
                "the usual variables".to_owned()
            } else {
                format!("the usual variables, and {}", env.join(", "))
            };
            let installs = (!installs.is_empty()).then(|| ("installs", installs.join(", ")));
            let runs = [("runs", words.join(" ")), ("in", place), ("with", env), ("for at most", timeout)];
            installs.into_iter().chain(runs).collect()
        }
        Capability::Network { host, token_env } => {
            let token = token_env.map_or("no token".to_owned(), |name| format!("the token in {name}"));
            vec![("asks", host), ("with", token)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const HASH: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[rstest]
    #[case(format!("exec:a@{HASH}"), true)]
    #[case(format!("network:a@{HASH}"), true)]
    #[case("network:a".to_owned(), true)]
    #[case("exec:a".to_owned(), false)]
    #[case("exec:a@sha256:12".to_owned(), false)]
    #[case(format!("data:a@{HASH}"), false)]
    #[case("a".to_owned(), false)]
    fn grants_are_checked(#[case] text: String, #[case] fits: bool) {
        assert_eq!(check_grant(&text).is_ok(), fits);
    }

    #[test]
    fn a_server_may_be_granted_without_a_hash_and_a_program_may_not() {
        let mut grants = Grants::default();
        grants.add(["network:a".to_owned(), "exec:b".to_owned()]);
        assert!(grants.has(&format!("network:a@{HASH}")) && !grants.has(&format!("exec:b@{HASH}")));
    }
}

//! What git, or a program that runs hooks for it, says is about to be pushed.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Read as _};

use clearance_engine::item::Unanswered;
use clearance_engine::merge::target::commit_of;
use clearance_engine::repo::{Git, Repo};
use clearance_engine::source::shell_quote;
use clearance_rules::team::document::live::Pushed;

use crate::failure::Failure;

/// Most that is read of what is pushed, in bytes: some ten thousand references.
const LONGEST: u64 = 4 << 20;

/// A reference that is pushed: `<local ref> <local object> <remote ref> <remote object>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    local: String,
    pub(super) remote_ref: String,
    /// `None` where the remote has no such reference, or it is not told which commit that has.
    remote: Option<String>,
    /// What is known to be there where it is not told, of whoever runs hooks for git.
    over: Option<String>,
}

impl Line {
    fn of(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, local, remote_ref, remote] = fields[..] else { return None };
        let is_object = |text: &str| text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_object(local) && is_object(remote) && !remote_ref.is_empty()).then(|| Self {
            local: local.to_owned(),
            remote_ref: remote_ref.to_owned(),
            remote: (!is_nothing(remote)).then(|| remote.to_owned()),
            over: None,
        })
    }

    /// Why it is let through unasked, where it is.
    pub(super) fn unasked(&self) -> Option<&'static str> {
        if is_nothing(&self.local) {
            Some("it is deleted")
        } else if self.branch().is_none() {
            Some("it is no branch")
        } else {
            None
        }
    }

    /// The branch at the remote.
    pub(super) fn branch(&self) -> Option<&str> {
        self.remote_ref.strip_prefix("refs/heads/")
    }
}

/// Objects that are none have this name.
fn is_nothing(object: &str) -> bool {
    object.bytes().all(|byte| byte == b'0')
}

/// What is pushed: from standard input, as git has it; else from the variables of pre-commit, which reads the input itself.
pub(super) fn lines(variables: &[(OsString, OsString)]) -> Result<Vec<Line>, Failure> {
    let help =
        "git gives a hook a line for each reference: <local ref> <local object> <remote ref> <remote object>";
    let bad = |message: String| Failure::usage("bad_hook_input", message, help);
    let mut input = Vec::new();
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let read = stdin.lock().take(LONGEST + 1).read_to_end(&mut input);
        read.map_err(|error| bad(format!("standard input cannot be read: {error}")))?;
    }
    if input.len() as u64 > LONGEST {
        return Err(bad(format!("standard input has more than {} MiB", LONGEST >> 20)));
    }
    let input = String::from_utf8(input).map_err(|_| bad("standard input is not UTF-8".to_owned()))?;
    let lines = input.lines().enumerate();
    let read = lines.map(|(nth, line)| {
        Line::of(line)
            .ok_or_else(|| bad(format!("line {} of standard input is no reference that is pushed", nth + 1)))
    });
    let lines: Vec<Line> = read.collect::<Result<_, _>>()?;
    Ok(if lines.is_empty() { of_pre_commit(variables).into_iter().collect() } else { lines })
}

/// As pre-commit and prek tell it, of the first branch only.
fn of_pre_commit(variables: &[(OsString, OsString)]) -> Option<Line> {
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| known.to_str() == Some(name));
        found.and_then(|(_, value)| value.to_str()).filter(|value| !value.is_empty()).map(str::to_owned)
    };
    Some(Line {
        local: variable("PRE_COMMIT_TO_REF")?,
        remote_ref: variable("PRE_COMMIT_REMOTE_BRANCH")?,
        remote: None,
        over: variable("PRE_COMMIT_FROM_REF"),
    })
}

/// The commits of a line, over what the remote has.
pub(super) fn pushed(
    line: &Line,
    remote: &str,
    target: Option<&str>,
    repo: &Repo,
) -> Result<Result<Pushed, Unanswered>, Failure> {
    let branch = line.branch().unwrap_or_default().to_owned();
    let head = line.local.clone();
    let whole = |base: Option<String>, without: Option<String>| {
        Ok(Ok(Pushed { branch: branch.clone(), head: head.clone(), base, without }))
    };
    if let Some(there) = line.remote.as_ref().or(line.over.as_ref()) {
        if !repo.has_commit(there) {
            let why = format!(
                "{remote} has {branch} at {there}, which is not here: it cannot be told what this push would change there"
            );
            let help = Some(format!("git fetch {}", shell_quote(remote)));
            return Ok(Err(Unanswered { help, ..Unanswered::new(why) }));
        }
        return whole(Some(there.clone()), Some(there.clone()));
    }
    let Some(target) = target.filter(|target| *target != branch) else { return whole(None, None) };
    let git = Git::new(repo.root());
    // The remote has what it had when it was last asked; what is only here is pushed with the branch.
    let tracked = format!("refs/remotes/{remote}/{target}^{{commit}}");
    let (code, tip) = git.answer(&["rev-parse", "--verify", "--quiet", &tracked], &[0, 1])?;
    let tip = if code == 0 { Some(tip.trim().to_owned()) } else { commit_of(repo, target)? };
    let Some(tip) = tip else { return whole(None, None) };
    let (code, base) = git.answer(&["merge-base", &tip, &head], &[0, 1])?;
    whole((code == 0).then(|| base.trim().to_owned()), Some(tip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says() {
        let (one, none) = ("1".repeat(40), "0".repeat(40));
        let line = |text: &str| Line::of(text);
        let push = line(&format!("refs/heads/a {one} refs/heads/b {none}")).unwrap();
        assert_eq!((push.branch(), push.unasked(), push.remote.as_deref()), (Some("b"), None, None));
        let update = line(&format!("HEAD {one} refs/heads/b {one}")).unwrap();
        assert_eq!(update.remote.as_deref(), Some(one.as_str()));
        let deleted = line(&format!("(delete) {none} refs/heads/b {one}")).unwrap();
        assert!(deleted.unasked().is_some());
        let tag = line(&format!("refs/tags/v1 {one} refs/tags/v1 {none}")).unwrap();
        assert!(tag.unasked().is_some());
        let bad = ["", "a b c", &format!("a {one} refs/heads/b"), &format!("a --x refs/heads/b {one}")];
        for text in bad {
            assert_eq!(line(text), None, "{text}");
        }
    }
}

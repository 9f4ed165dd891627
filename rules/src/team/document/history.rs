//! Branches, commits and changes, as rules see them.

use clearance_engine::check::Stage;
use clearance_engine::item::Unanswered;
use clearance_engine::merge::target::commit_of;
use clearance_engine::repo::gated::{FileChange, Gated};
use clearance_engine::repo::message::CommitMessage;
use clearance_engine::repo::{Git, Head};
use serde_json::{Value as Json, json};

use super::live::{Subject, told};
use crate::team::files::fetch;

type Told = Result<Json, Unanswered>;

/// Most commits that are looked at.
const MOST_COMMITS: usize = 10_000;

/// The branch that is gated, its commit, the branch that it goes to, and the commit where it left that one.
pub(super) struct Ends {
    name: String,
    head: String,
    target: String,
    target_tip: Option<String>,
    base: String,
}

pub(super) fn ends(subject: &Subject<'_>) -> Result<Ends, Unanswered> {
    if let Some(pushed) = subject.pushed {
        return Ok(Ends {
            name: pushed.branch.clone(),
            head: pushed.head.clone(),
            target: subject.target.unwrap_or_default().to_owned(),
            target_tip: pushed.without.clone(),
            base: pushed.base.clone().unwrap_or_default(),
        });
    }
    let view = subject.repo.view();
    let tip = |branch: &str| view.branch_tip(branch).map_err(|error| told(&error));
    let (name, target) = match subject.merge {
        Some(merge) => (merge.mission_branch.clone().unwrap_or_default(), merge.target.clone()),
        None => {
            let name = match view.head().map_err(|error| told(&error))? {
                Head::Branch(_) => subject.repo.caller_branch().unwrap_or_default().to_owned(),
                Head::Detached => String::new(),
            };
            (name, subject.target.unwrap_or_default().to_owned())
        }
    };
    // CI often has a commit checked out, and no branch.
    let head = match subject.merge {
        None if name.is_empty() => checked_out(subject)?,
        _ if name.is_empty() => None,
        _ => tip(&name)?,
    };
    let head = head.unwrap_or_default();
    let of_target = || commit_of(subject.repo, &target).map_err(|error| told(&error));
    let target_tip = if target.is_empty() { None } else { of_target()? };
    let base = match &target_tip {
        Some(target) if !head.is_empty() => {
            let git = Git::new(subject.repo.root());
            let (code, base) =
                git.answer(&["merge-base", target, &head], &[0, 1]).map_err(|error| told(&error))?;
            if code == 0 { base.trim().to_owned() } else { String::new() }
        }
        _ => String::new(),
    };
    Ok(Ends { name, head, target, target_tip, base })
}

/// The commit that is checked out, where it is no branch.
fn checked_out(subject: &Subject<'_>) -> Result<Option<String>, Unanswered> {
    let question = ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"];
    let answer = Git::new(subject.repo.caller_root()).answer(&question, &[0, 1]);
    let (code, commit) = answer.map_err(|error| told(&error))?;
    Ok((code == 0).then(|| commit.trim().to_owned()))
}

/// What the branch that is checked out would bring to its target, where there is no mission to merge.
pub(super) fn brought(subject: &Subject<'_>, ends: &Ends) -> Result<Gated, Unanswered> {
    let Ends { head, base, target, .. } = ends;
    if head.is_empty() {
        return Err(Unanswered::new("nothing is committed: it cannot be told what would be merged"));
    }
    if base.is_empty() {
        return Err(no_base(target));
    }
    Gated::committed(subject.repo, base, head).map_err(|error| told(&error))
}

/// Where a branch left its target is not known, so neither is what it brings: nothing would be no answer.
fn no_base(target: &str) -> Unanswered {
    let (why, help) = if target.is_empty() {
        ("it is not known which branch this goes to".to_owned(), "name it: --target BRANCH".to_owned())
    } else {
        let why = format!("it is not known where this left {target}: no commit of both is here");
        let or_fetch = fetch(target).map(|fetch| format!(", or {fetch}")).unwrap_or_default();
        (why, format!("git fetch --unshallow{or_fetch}"))
    };
    Unanswered { help: Some(help), ..Unanswered::new(why) }
}

pub(super) fn branch(Ends { name, head, target, base, .. }: &Ends) -> Json {
    json!({ "name": name, "head": head, "base": base, "target": target })
}

/// The commits that the branch has and the target has not, newest first; of a merge, those of its lanes too.
pub(super) fn commits(subject: &Subject<'_>, ends: &Ends) -> Told {
    let Ends { head, target, target_tip, base, .. } = ends;
    if head.is_empty() {
        return Ok(json!([]));
    }
    let without = target_tip.as_ref().filter(|_| !base.is_empty());
    // A push may be the first one of all.
    if without.is_none() && subject.pushed.is_none() {
        return Err(no_base(target));
    }
    let view = subject.repo.view();
    let mut tips = vec![head.clone()];
    for lane in subject.merge.iter().flat_map(|merge| &merge.lanes) {
        let tip = lane.branch.as_ref().map(|branch| view.branch_tip(branch)).transpose();
        tips.extend(tip.map_err(|error| told(&error))?.flatten());
    }
    let without = without.map(|without| format!("^{without}"));
    // Fields end with a zero byte, which no message can have.
    let form = "--format=%H%x00%P%x00%an%x00%ae%x00%aI%x00%s%x00%b%x00";
    let most = format!("--max-count={}", MOST_COMMITS + 1);
    let mut arguments = vec!["log", "--no-show-signature", "--no-color", "--no-notes", form, most.as_str()];
    arguments.extend(tips.iter().chain(&without).map(String::as_str));
    arguments.push("--");
    let out = Git::new(subject.repo.root()).run(&arguments).map_err(|error| told(&error))?;
    let fields: Vec<&str> = out.split('\0').collect();
    let commits: Vec<Json> = fields.chunks_exact(7).map(commit).collect();
    if commits.len() > MOST_COMMITS {
        let why = format!("the branch has more than {MOST_COMMITS} commits that {target} does not have");
        return Err(Unanswered::new(why));
    }
    Ok(commits.into())
}

fn commit(fields: &[&str]) -> Json {
    json!({
        "sha": fields[0].trim(),
        "merge": fields[1].split_whitespace().count() > 1,
        "author": fields[2],
        "email": fields[3],
        "at": fields[4],
        "subject": fields[5],
        "body": fields[6].trim_end(),
    })
}

/// The message of the commit that is about to be made.
pub(super) fn about_to_be_made(message: Option<&CommitMessage>) -> Json {
    let Some(message) = message else {
        return json!({ "message": "", "subject": "", "body": "", "trailers": [] });
    };
    let trailers = message.trailers.iter().map(|(key, value)| json!({ "key": key, "value": value }));
    json!({
        "message": message.text,
        "subject": message.subject(),
        "body": message.body(),
        "trailers": trailers.collect::<Vec<_>>(),
    })
}

/// What is known of the merge before it is made.
pub(super) fn merge(subject: &Subject<'_>) -> Json {
    let Some(merge) = subject.merge.filter(|_| subject.stage == Stage::Merge) else {
        return json!({ "strategy": "", "subject": "", "body": "" });
    };
    let slug = subject.mission.map_or("", |mission| mission.slug());
    json!({ "strategy": merge.options.strategy, "subject": merge.subject(slug), "body": "" })
}

/// `owner/name` of the repository that `origin` is.
pub(super) fn remote(subject: &Subject<'_>) -> Told {
    let url = subject.repo.view().config("remote.origin.url").map_err(|error| told(&error))?;
    Ok(json!({ "slug": url.as_deref().and_then(slug).unwrap_or_default() }))
}

/// The last two parts of the path: `git@host:owner/name.git`, `https://host/owner/name`.
fn slug(url: &str) -> Option<String> {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => url.split_once(':').map_or(url, |(_, path)| path),
    };
    let path = path.trim_end_matches('/').trim_end_matches(".git");
    let mut parts = path.rsplit('/');
    let name = parts.next().filter(|name| !name.is_empty())?;
    let owner = parts.next().filter(|owner| !owner.is_empty())?;
    Some(format!("{owner}/{name}"))
}

pub(super) fn diff(changes: &[FileChange]) -> Json {
    let files = changes.iter().map(|change| {
        json!({ "path": change.path, "status": change.status, "added": change.added, "deleted": change.deleted })
    });
    json!({
        "files": files.collect::<Vec<_>>(),
        "added": changes.iter().map(|change| change.added).sum::<u64>(),
        "deleted": changes.iter().map(|change| change.deleted).sum::<u64>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("git@github.com:acme/tool.git", Some("acme/tool"))]
    #[case("https://github.com/acme/tool", Some("acme/tool"))]
    #[case("ssh://git@host:22/group/sub/tool.git/", Some("sub/tool"))]
    #[case("/srv/git/tool.git", Some("git/tool"))]
    #[case("tool", None)]
    #[case("https://host", None)]
    fn slugs(#[case] url: &str, #[case] expected: Option<&str>) {
        assert_eq!(slug(url).as_deref(), expected);
    }
}

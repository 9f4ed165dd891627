//! The number that a merge gives a mission.

use serde_json::{Map, Value};

use super::scope::ScopeError;
use crate::limits;
use crate::mission::{MISSIONS_DIR, Mission};
use crate::repo::{Git, Repo, RepoError};

/// One more than the largest on the target; `None` where the mission has one, or no `meta.json`. A number that cannot be
/// read might be the largest, so that there is no guess then.
///
/// # Errors
/// What git, or a `meta.json`, has against it.
pub fn mission_number(mission: &Mission, repo: &Repo, target: &str) -> Result<Option<u64>, ScopeError> {
    let Some(meta) = mission.meta()? else { return Ok(None) };
    if meta.mission_number.is_some() {
        return Ok(None);
    }
    let git = Git::new(repo.root());
    let manifests = manifests(&git, target).map_err(RepoError::from)?;
    let objects: Vec<_> = manifests.iter().map(|(object, _)| object.as_str()).collect();
    let contents = git.contents(&objects).map_err(RepoError::from)?;
    let mut largest = 0;
    for ((_, file), content) in manifests.iter().zip(contents) {
        let why = |why| ScopeError::Number { file: file.clone(), target: target.to_owned(), why };
        let number = content.and_then(|text| number_in(&text));
        let number = number.map_err(why)?.unwrap_or(0);
        // The next one must fit too.
        largest = largest.max(number.checked_add(1).ok_or_else(|| why(too_large(number)))?);
    }
    Ok(Some(largest.max(1)))
}

/// Object and name of the `meta.json` of every mission on a branch, whatever bytes the mission's name is made of.
fn manifests(git: &Git, target: &str) -> Result<Vec<(String, String)>, crate::repo::GitError> {
    let below = format!("{MISSIONS_DIR}/");
    let out = git.bytes(&["ls-tree", "-r", "-z", &format!("refs/heads/{target}"), &below])?;
    // `100644 blob <object>TAB<path>NUL`. See git-ls-tree(1).
    let manifest = |record: &[u8]| {
        let tab = record.iter().position(|byte| *byte == b'\t')?;
        let path = &record[tab + 1..];
        let mission = path.strip_prefix(below.as_bytes())?.strip_suffix(b"/meta.json")?;
        let object = str::from_utf8(&record[..tab]).ok()?.split(' ').nth(2)?;
        (!mission.contains(&b'/')).then(|| (object.to_owned(), String::from_utf8_lossy(path).into_owned()))
    };
    Ok(out.split(|byte| *byte == 0).filter_map(manifest).collect())
}

/// The number in a `meta.json`; text that is no number, such as `pending`, is none.
pub(super) fn number_in(text: &[u8]) -> Result<Option<u64>, String> {
    if text.len() as u64 > limits::MANIFEST {
        return Err("it is too large".to_owned());
    }
    let fields: Map<String, Value> =
        serde_json::from_slice(text).map_err(|error| format!("it is broken: {error}"))?;
    let said = ["mission_number", "feature_number"].iter().filter_map(|name| fields.get(*name));
    let said = said.into_iter().find(|value| value.is_string() || value.is_number());
    match said {
        Some(Value::Number(number)) => number.as_u64().map(Some).ok_or_else(|| too_large(number)),
        Some(Value::String(text)) => {
            let text = text.trim();
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { text.parse().map(Some).map_err(|_| too_large(text)) } else { Ok(None) }
        }
        _ => Ok(None),
    }
}

fn too_large(number: impl std::fmt::Display) -> String {
    format!("its number is {number}, and none can be counted from there")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("{}", Some(None))]
    #[case(r#"{"mission_number": null}"#, Some(None))]
    #[case(r#"{"mission_number": "pending"}"#, Some(None))]
    #[case(r#"{"mission_number": null, "feature_number": " 013 "}"#, Some(Some(13)))]
    #[case(r#"{"mission_number": 99999999999}"#, Some(Some(99_999_999_999)))]
    #[case(r#"{"mission_number": 99999999999999999999}"#, None)]
    #[case(r#"{"mission_number": "99999999999999999999"}"#, None)]
    #[case(r#"{"mission_number": 1.5}"#, None)]
    #[case("{", None)]
    #[case("[]", None)]
    fn numbers(#[case] text: &str, #[case] number: Option<Option<u64>>) {
        assert_eq!(number_in(text.as_bytes()).ok(), number);
    }
}

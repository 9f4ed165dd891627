//! The original's own answers, where there are any: `CLEARANCE_CORPUS` names a folder of real missions, and beside it
//! `lanes/` holds what the original said (transition matrix, reducer).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clearance_engine::lane::Lane;
use clearance_engine::mission::Mission;
use clearance_engine::mission::state::MissionState;
use clearance_engine::source::Source;
use clearance_engine::transition::{Credentials, Refusal, Review, check};
use clearance_testkit::{corpus, read};
use serde_json::Value;

fn vectors(name: &str) -> Option<Value> {
    let folder = corpus()?.parent().map(|parent| parent.join("lanes"))?;
    let text = folder.join(name).is_file().then(|| read(&folder, name));
    let Some(text) = text else {
        eprintln!("no lanes/{name} beside CLEARANCE_CORPUS: not compared");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// A review as the vectors print it: `ReviewResult(reviewer='rev', verdict='approved', reference='ref-1', ...)`.
fn review(text: &str) -> Review {
    let field = |name: &str| {
        let start = text.find(&format!("{name}='")).unwrap() + name.len() + 2;
        text[start..].split('\'').next().unwrap().to_owned()
    };
    Review { reviewer: field("reviewer"), verdict: field("verdict"), reference: field("reference") }
}

fn credentials(context: &Value) -> Credentials {
    let text = |name: &str| context[name].as_str().map(str::to_owned);
    Credentials {
        actor: text("actor"),
        workspace: text("workspace_context"),
        tasks_done: context["subtasks_complete"].as_bool(),
        implemented: context["implementation_evidence_present"].as_bool(),
        reason: text("reason"),
        review_ref: text("review_ref"),
        evidence: text("evidence").as_deref().map(review),
        review_result: text("review_result").as_deref().map(review),
        force: context["force"].as_bool().unwrap_or_default(),
    }
}

/// The original's words for a refusal.
fn in_its_words(refusal: &Refusal, from: Lane, to: Lane) -> String {
    let text = match refusal {
        Refusal::NoSuchStep { .. } => return format!("Illegal transition: {from} -> {to}"),
        Refusal::ForceUnexplained => "Force transitions require actor and reason",
        Refusal::NoActor => "Transition requires actor identity",
        Refusal::NoWorkspace => "Transition claimed -> in_progress requires workspace context",
        Refusal::TasksOpen => {
            "Transition in_progress -> for_review requires completed subtasks or force with reason"
        }
        Refusal::NotImplemented => {
            "Transition in_progress -> for_review requires implementation evidence or force with reason"
        }
        Refusal::NoEvidence => {
            "Transition to approved/done requires evidence (reviewer identity and approval reference)"
        }
        Refusal::NoReason => "Transition in_progress -> planned requires reason",
        Refusal::NoReviewRef => "Transition requires review_ref (review feedback reference)",
        Refusal::NoReviewResult => {
            "Transition from in_review requires review_result (structured review outcome)"
        }
        Refusal::ReferencesDiffer => "review_ref must match review_result.reference",
        Refusal::ReviewsDiffer => "Review evidence must match review_result",
        other => panic!("unknown here: {other}"),
    };
    text.to_owned()
}

fn answer(from: &str, to: &str, context: &Value) -> (bool, Option<String>) {
    let (Ok(from), Ok(target)) = (Lane::parse(from), Lane::parse(to)) else {
        let unknown = if Lane::parse(from).is_err() { from } else { to };
        return (false, Some(format!("Unknown lane: {unknown}")));
    };
    match check(from, target, &credentials(context)) {
        Ok(()) => (true, None),
        Err(refusal) => (false, Some(in_its_words(&refusal, from, target))),
    }
}

/// From, to and context of a row.
type Question = (String, String, String);

/// How many rows there are, and those whose answer is not the original's.
fn differing(file: &str) -> Option<(usize, Vec<Question>)> {
    let vectors = vectors(file)?;
    let rows = vectors["rows"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let differs = |row: &&Value| {
        let (from, to, context) = (text(&row[0]), text(&row[1]), text(&row[2]));
        let expected = (row[3].as_bool().unwrap(), row[4].as_str().map(str::to_owned));
        answer(&from, &to, &vectors["contexts"][&context]) != expected
    };
    let differing = rows.iter().filter(differs);
    Some((rows.len(), differing.map(|row| (text(&row[0]), text(&row[1]), text(&row[2]))).collect()))
}

/// 3.2.7, whose rules these are. It lets force write `uninitialized`; nothing here does.
#[test]
fn the_matrix_is_that_of_the_present_release() {
    let Some((rows, differing)) = differing("transitions_3.2.7.json") else { return };
    assert_eq!(rows, 4875);
    for (from, to, context) in &differing {
        assert!(to == "uninitialized" && context.starts_with("force"), "{from} {to} {context}");
    }
    // Twelve spellings of lanes, in five contexts with force.
    assert_eq!(differing.len(), 60);
}

/// 3.2.0 differs from 3.2.7 in 24 rows, and here as well: see docs/lanes.md.
#[test]
fn the_matrix_differs_from_the_old_release_as_documented() {
    let Some((rows, differing)) = differing("transitions.json") else { return };
    assert_eq!(rows, 4200);
    let mut by_context: BTreeMap<&str, usize> = BTreeMap::new();
    for (.., context) in &differing {
        *by_context.entry(context).or_default() += 1;
    }
    let expected = [
        ("actor+evidence_changes_requested", 4),
        ("actor+other_current_actor", 1),
        ("actor+review_result+other_review_ref", 8),
        ("actor+review_result_changes", 3),
        ("actor+review_result_changes+evidence_approved", 8),
    ];
    assert_eq!(by_context.into_iter().collect::<Vec<_>>(), expected);
}

/// Logs whose snapshot is meant to differ from the original's, and why.
const MEANT: [(&str, &str); 1] = [("unknown-type", "an event of an unknown kind is passed over")];

#[test]
fn logs_reduce_as_the_original_reduces_them() {
    let Some(vectors) = vectors("reducer_3.2.7.json") else { return };
    let meta = serde_json::from_str(r#"{"mission_type": "software-dev"}"#).unwrap();
    let mut different = Vec::new();
    for (name, vector) in vectors.as_object().unwrap() {
        let source = Source::new("log", "log", vector["log"].as_str().unwrap());
        let ours = MissionState::reduce(&source).map(|state| state.snapshot(Some(&meta)));
        let same = match (&ours, vector["snapshot"].as_str()) {
            (Ok(ours), Some(theirs)) => ours == theirs,
            (Err(_), None) => true,
            _ => false,
        };
        if !same {
            different.push((name.as_str(), ours));
        }
    }
    let names: Vec<_> = different.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, MEANT.map(|(name, _)| name), "{different:#?}");
}

fn missions() -> Vec<PathBuf> {
    let Some(folder) = corpus() else { return Vec::new() };
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// Missions whose committed snapshot is not what their log adds up to, for the original's present release either.
const NOT_REPRODUCED: [&str; 2] =
    ["deliver-loaded-doctrine-01M0DSQM", "operating-procedures-validate-triage-01M0DR8F"];

#[test]
fn snapshots_of_real_missions_are_reproduced_byte_for_byte() {
    let mut compared = 0;
    for directory in missions() {
        let slug = directory.file_name().unwrap().to_str().unwrap().to_owned();
        // The corpus has missions where a repository has `kitty-specs/`.
        let repo = clearance_testkit::TestRepo::new();
        for name in ["meta.json", "status.events.jsonl"] {
            if directory.join(name).is_file() {
                repo.write(&format!("kitty-specs/{slug}/{name}"), read(&directory, name));
            }
        }
        let Some(committed) = committed(&directory) else { continue };
        let mission = Mission::open(repo.root(), &slug).unwrap();
        let ours = mission.state().unwrap().snapshot(mission.meta().unwrap());
        assert_eq!(ours != committed, NOT_REPRODUCED.contains(&slug.as_str()), "{slug}");
        compared += 1;
    }
    assert!(corpus().is_none() || compared > 50, "only {compared} were compared");
}

fn committed(directory: &Path) -> Option<String> {
    directory.join("status.json").is_file().then(|| read(directory, "status.json"))
}

//! What is sent, byte for byte: the original's batches, and CloudEvents for brokers that know nothing of either of us.

use std::fs;

use clearance_testkit::receiver::{Receiver, Reply, Request};
use rstest::rstest;
use serde_json::Value;

use crate::landed::script;
use crate::ready::{LANES, mission, ready, with_another};
use crate::support::{Run, TestRepo, events, rows};
use crate::sync_support::{STEP, Synced, TOKEN, logged};

/// A project that the repository says it is of.
const PROJECT: &str = "project:\n  uuid: 7f0c0a52-5d0f-4d8f-9d9e-0d8f5a3c1b2a\n  slug: rockets\n";
/// A hook that kills the merge when the target has moved.
#[cfg(target_os = "linux")]
const KILL: &str =
    "grep -q refs/heads/main && [ \"$1\" = committed ] && kill -9 $(cut -d' ' -f4 /proc/$PPID/stat); exit 0";

/// The request as it came, with what differs from run to run under a name: ids, places, lengths, the version.
fn shown(request: &Request) -> String {
    let mut names = Vec::new();
    let body = masked(&serde_json::from_slice(&request.body).unwrap(), &mut names);
    let headers = request.headers.iter().map(|(name, value)| match name.as_str() {
        "host" | "content-length" => format!("{name}: [{name}]\n"),
        "user-agent" => format!("{name}: {}/[version]\n", value.split('/').next().unwrap()),
        _ => format!("{name}: {}\n", value.replace(TOKEN, "[token]")),
    });
    format!("{}\n{}\n{body:#}\n", request.line, headers.collect::<String>())
}

fn masked(value: &Value, names: &mut Vec<String>) -> Value {
    let is_id = |text: &str| {
        text.len() == 26 && text.starts_with("01") && text.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    match value {
        Value::String(text) if is_id(text) => {
            let nth = names.iter().position(|name| name == text).unwrap_or_else(|| {
                names.push(text.clone());
                names.len() - 1
            });
            format!("[id {}]", nth + 1).into()
        }
        Value::Array(values) => values.iter().map(|value| masked(value, names)).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), masked(value, names))).collect(),
        other => other.clone(),
    }
}

/// The one request that a command made, which must have succeeded without a word.
fn sent(synced: &Synced, server: &Receiver, arguments: &[&str]) -> Request {
    let run = synced.run(arguments);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}", run.stdout);
    let mut requests = server.requests();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

/// A mission whose state is in the given form, of a project and a team.
fn of_a_team(repo: TestRepo, server: &Receiver) -> Synced {
    let synced = Synced { repo, server: server.url() };
    synced.repo.write(".kittify/config.yaml", PROJECT);
    synced.user("[sync]\nteam = \"blue\"\n");
    synced
}

#[rstest]
#[case::a_step("step", ready(), &STEP)]
#[case::tasks("tasks", events("- [ ] T001 a\n- [ ] T002 b\n", &[("WP01", "T001, T002")]), &["mark-status", "T001", "T002", "--status", "done", "--mission=m"])]
#[case::rows("rows", rows("## WP01\n- [ ] T001 a\n- [ ] T002 b\n"), &["mark-status", "T001", "T002", "--status", "done", "--mission=m"])]
#[case::a_merge("merge", ready(), &["merge", "--mission=m"])]
fn in_the_originals_shape(#[case] name: &str, #[case] repo: TestRepo, #[case] arguments: &[&str]) {
    let server = Receiver::takes();
    let synced = of_a_team(repo, &server);
    let request = sent(&synced, &server, arguments);
    insta::assert_snapshot!(name, shown(&request));
    assert_eq!(
        (synced.status()["queue"]["events"].as_u64(), server.taken().len()),
        (Some(0), request.ids().len())
    );
}

/// What was done by a merge is told when it is over: also by the call that ends what another one began.
#[cfg(target_os = "linux")]
#[rstest]
#[case::resumed(&["merge", "--resume"], 0)]
#[case::made_again(&["merge", "--mission=m"], 0)]
#[case::aborted_too_late(&["merge", "--abort"], 1)]
#[case::by_the_way(&["merge", "--mission=n"], 1)]
fn a_merge_that_was_killed(#[case] next: &[&str], #[case] code: i32) {
    let server = Receiver::takes();
    let synced = of_a_team(ready(), &server);
    with_another(&synced.repo);
    // That one is not cleared: what is told is of the first one alone.
    synced.repo.git(&["branch", "--quiet", "-D", "kitty/mission-n"]);
    let before = logged(&synced.repo);
    let hook = script(&synced.repo, ".git/hooks/reference-transaction", KILL);
    let killed = synced.on(&["merge", "--mission=m"]).output().unwrap();
    assert_eq!(killed.status.code(), None);
    fs::remove_file(hook).unwrap();
    assert_eq!(server.requests().len(), 0, "it was killed before that");
    let run = synced.run(next);
    assert_eq!(run.code, code, "{}", run.stderr);
    assert!(!run.stderr.contains("sync_diagnostic"), "{}", run.stderr);
    assert_eq!(synced.run(&["merge", "--resume"]).code, 0);
    let log = synced.repo.git(&["show", "main:kitty-specs/m/status.events.jsonl"]);
    let ids = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut ids: Vec<_> = ids.map(|line| line["event_id"].as_str().unwrap().to_owned()).collect();
    ids.retain(|id| !before.contains(id));
    ids.sort();
    assert_eq!(ids.len(), 2, "one of each work package");
    assert_eq!(
        server.taken().into_iter().collect::<Vec<_>>(),
        ids.into_iter().map(|id| (id, 1)).collect::<Vec<_>>()
    );
}

/// What is wrong with a batch, by CloudEvents 1.0 and its JSON batch format.
fn faults(batch: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let events = batch.as_array().expect("a batch is an array");
    for event in events {
        let event = event.as_object().expect("an event is an object");
        for required in ["id", "source", "specversion", "type"] {
            if event.get(required).and_then(Value::as_str).is_none_or(str::is_empty) {
                faults.push(format!("{required}: {:?}", event.get(required)));
            }
        }
        for (name, value) in
            event.iter().filter(|(name, _)| !["data", "data_base64"].contains(&name.as_str()))
        {
            let is_name =
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            // A value is text, a number or a truth; optional ones that have none are left out, and are never empty.
            let is_value = match value {
                Value::String(text) => !text.is_empty() && !text.contains(char::is_control),
                Value::Bool(_) => true,
                Value::Number(number) => number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
                _ => false,
            };
            if !is_name || !is_value {
                faults.push(format!("{name}: {value}"));
            }
        }
        // A reference as RFC 3986 has it: of these characters only.
        let is_uri = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
        let source = event.get("source").and_then(Value::as_str).unwrap_or_default();
        if !source.chars().all(is_uri) {
            faults.push(format!("source: {source}"));
        }
        let time = event.get("time").and_then(Value::as_str).unwrap_or_default();
        if time.parse::<jiff::Timestamp>().is_err() {
            faults.push(format!("time: {time}"));
        }
        if event.get("specversion") != Some(&"1.0".into()) {
            faults.push(format!("specversion: {:?}", event.get("specversion")));
        }
    }
    faults
}

/// A broker takes a batch with a status alone, at the address itself.
#[rstest]
#[case::accepted(202, "")]
#[case::no_content(204, "")]
#[case::ok(200, "")]
#[case::in_words(200, "queued")]
#[case::in_json(200, "{\"ok\": true}")]
fn a_broker(#[case] status: u16, #[case] body: &'static str) {
    let server = Receiver::start(move |_, _| Reply::Status(status, "", body.to_owned()));
    let synced = of_a_team(ready(), &server);
    let synced = Synced { server: format!("{}/mesh/topic", server.url()), ..synced };
    synced.user("[sync]\nteam = \"blue\"\nformat = \"cloudevents\"\n");
    let request = sent(&synced, &server, &["merge", "--mission=m"]);
    assert_eq!(
        (request.line.as_str(), request.headers["content-type"].as_str()),
        ("POST /mesh/topic", "application/cloudevents-batch+json")
    );
    let batch: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((faults(&batch), batch.as_array().unwrap().len()), (Vec::new(), 2));
    assert_eq!(synced.status()["queue"]["events"], 0);
    if status == 202 {
        insta::assert_snapshot!("cloudevents", shown(&request));
    }
}

/// Events of every kind, of a repository that says nothing or nonsense of its project, are events of that form.
#[rstest]
#[case::none("", "urn:clearance:")]
#[case::empty("project:\n", "urn:clearance:")]
#[case::a_name("project: rockets\n", "urn:clearance:")]
#[case::a_list("project: [1, 2]\n", "urn:clearance:")]
#[case::a_number("project: {uuid: 7, slug: 8}\n", "urn:clearance:")]
#[case::empty_names("project: {uuid: '', slug: ''}\n", "urn:clearance:")]
#[case::no_uuid("project: {uuid: 'a b\\u00e9%zz', slug: 'x'}\n", "urn:clearance:")]
#[case::more(
    "project: {uuid: 7f0c0a52-5d0f-4d8f-9d9e-0d8f5a3c1b2a, slug: x, node_id: y, other: [z]}\n",
    "urn:uuid:7f0c0a52-5d0f-4d8f-9d9e-0d8f5a3c1b2a"
)]
fn whatever_the_project_is(#[case] config: &str, #[case] source: &str) {
    let server = Receiver::says(Reply::Status(202, "", String::new()));
    let synced = of_a_team(ready(), &server);
    synced.user("[sync]\nformat = \"cloudevents\"\n");
    synced.repo.write(".kittify/config.yaml", config);
    let off = Run::of(&mut synced.off(&[&STEP[..], &["--dry-run"]].concat()));
    assert_eq!((off.code, off.stderr.as_str()), (0, ""), "it is nobody's business where sync is off");
    let request = sent(&synced, &server, &STEP);
    let batch: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(faults(&batch), Vec::<String>::new());
    assert!(batch[0]["source"].as_str().unwrap().starts_with(source), "{:#}", batch[0]);
}

/// The project is named in the envelope, and where it comes from in the form of brokers.
#[rstest]
#[case("spec-kitty", "/events/0")]
#[case("cloudevents", "/0/data")]
fn the_project(#[case] format: &str, #[case] envelope: &str) {
    let server = Receiver::takes();
    let synced = of_a_team(ready(), &server);
    synced.user(&format!("[sync]\nformat = \"{format}\"\n"));
    let request = sent(&synced, &server, &STEP);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let envelope = body.pointer(envelope).unwrap();
    let uuid = "7f0c0a52-5d0f-4d8f-9d9e-0d8f5a3c1b2a";
    assert_eq!(
        (&envelope["project_uuid"], &envelope["project_slug"]),
        (&uuid.into(), &"rockets".into()),
        "{body:#}"
    );
    if format == "cloudevents" {
        assert_eq!(body[0]["source"], format!("urn:uuid:{uuid}"));
    }
}

/// Many events go in several requests, oldest first: at most 1000 each, and no more bytes than servers take.
#[rstest]
#[case::by_number("spec-kitty", 2500, 0)]
#[case::by_size("spec-kitty", 1200, 1000)]
#[case::by_number_to_a_broker("cloudevents", 1100, 0)]
#[case::by_size_to_a_broker("cloudevents", 700, 1000)]
#[case::larger_than_all("spec-kitty", 2, 300_000)]
fn divided(#[case] format: &str, #[case] events: usize, #[case] more: usize) {
    const BUDGET: usize = 235_929;
    let server = Receiver::takes();
    let synced = Synced { repo: at_rest(), server: server.url() };
    synced.user(&format!("[sync]\nformat = \"{format}\"\n"));
    let ids = synced.fill(events, more);
    let (code, told) = synced.now(&[]);
    assert_eq!((code, &told["delivered"]), (0, &events.into()), "{told:#}");
    let requests = server.requests();
    let sizes: Vec<_> = requests.iter().map(|request| (request.ids().len(), request.body.len())).collect();
    assert!(sizes.iter().all(|(many, bytes)| *many == 1 || (*many <= 1000 && *bytes <= BUDGET)), "{sizes:?}");
    // As many as fit.
    assert!(
        sizes.windows(2).all(|two| two[0].0 == 1000 || two[0].1 + two[0].1 / two[0].0 > BUDGET),
        "{sizes:?}"
    );
    assert_eq!(requests.iter().flat_map(Request::ids).collect::<Vec<_>>(), ids);
}

/// A mission in which nothing happens.
fn at_rest() -> TestRepo {
    let repo = TestRepo::new();
    mission(&repo, LANES, &["WP01-a"]);
    repo
}

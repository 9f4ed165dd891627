//! Bad input to the gate: one JSON value, the right exit code, words that help, and nothing is written.

use std::fs;
use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value, json};

use crate::ready::{LANE_A, LANES, MISSION, done, dry_run, made_with, ready, shell};
use crate::support::{LOG, Run, TestRepo, command, run, unchanged};

const META: &str = "kitty-specs/m/meta.json";
const MANIFEST: &str = "kitty-specs/m/lanes.json";
const QUESTION: [&str; 5] = ["merge", "--dry-run", "--json", "--mission", "m"];

/// One value, and no trace of a crash.
fn value(run: &Run) -> Value {
    assert!(!run.stderr.contains("panicked") && run.code != 101, "{}", run.stderr);
    let json = run.json();
    assert_ne!((run.code, &json["ready"]), (0, &false.into()));
    assert!(json["ready"] != true || run.code == 0, "{json:#}");
    json
}

/// What is asked of the gate, and must change nothing.
fn asked(repo: &TestRepo) -> (i32, Value) {
    let run = unchanged(repo.root(), || dry_run(repo, &["--json"]));
    (run.code, value(&run))
}

fn blocker<'a>(json: &'a Value, code: &str) -> &'a Value {
    let all = json["blockers"].as_array().unwrap();
    all.iter().find(|blocker| blocker["code"] == code).unwrap_or_else(|| panic!("no {code}: {json:#}"))
}

fn committed(repo: &TestRepo, name: &str, content: impl AsRef<[u8]>) {
    repo.write(name, content);
    repo.commit_all(name);
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[rstest]
#[case::truncated(MANIFEST, LANES.as_bytes()[..90].to_vec(), "lanes_invalid", "EOF")]
#[case::empty(MANIFEST, Vec::new(), "lanes_invalid", "not a JSON object")]
#[case::not_utf_8(MANIFEST, b"{\"version\": 1, \"x\": \"\xff\"}".to_vec(), "lanes_invalid", "not UTF-8")]
#[case::large(MANIFEST, LANES.replace('{', &format!("{{{}", " ".repeat(7 << 20))).into_bytes(), "lanes_invalid", "larger than 8 MiB")]
#[case::deep(MANIFEST, LANES.replace("\"m\"", &nested(100_000)).into_bytes(), "lanes_invalid", "expected a string")]
#[case::deep_version(MANIFEST, LANES.replace(": 1,", &format!(": {},", nested(100_000))).into_bytes(), "lanes_invalid", "recursion limit")]
#[case::array(META, b"[]".to_vec(), "meta_invalid", "not a JSON object")]
#[case::number(META, b"5".to_vec(), "meta_invalid", "not a JSON object")]
#[case::target_of_another_kind(META, br#"{"status_phase": "1", "target_branch": ["main"]}"#.to_vec(), "meta_invalid", "target_branch is no text")]
#[case::log(LOG, b"{\"event_id\": 5}\n\0\n".to_vec(), "event_log_invalid", "status.events.jsonl:1")]
fn files_that_say_nothing(
    #[case] file: &str,
    #[case] content: Vec<u8>,
    #[case] code: &str,
    #[case] words: &str,
) {
    let repo = ready();
    committed(&repo, file, content);
    let (exit, json) = asked(&repo);
    let message = blocker(&json, code)["message"].as_str().unwrap();
    assert_eq!(exit, 1);
    assert!(message.contains(file) && message.contains(words), "{message}");
}

/// A number that is still to come is none, and depth that nobody reads does no harm.
#[rstest]
#[case(META, r#"{"status_phase": "1", "target_branch": "main", "mission_number": "pending"}"#.to_owned())]
#[case(MANIFEST, LANES.replace(": 1,", &format!(": 1, \"more\": {},", nested(100_000))))]
fn odd_files_that_say_enough(#[case] file: &str, #[case] content: String) {
    let repo = ready();
    committed(&repo, file, content);
    let (exit, json) = asked(&repo);
    assert_eq!((exit, &json["would_assign_mission_number"]), (0, &1.into()), "{json:#}");
}

#[rstest]
#[case::number("12", "mission_ambiguous", &["012-alpha", "012-beta"])]
#[case::name("beta", "mission_ambiguous", &["012-beta", "013-beta"])]
#[case::unknown("gama", "mission_not_found", &["014-gamma"])]
#[case::parent("../m", "mission_handle_invalid", &[])]
#[case::through_itself("m/../m", "mission_handle_invalid", &[])]
#[case::absolute("/etc", "mission_handle_invalid", &[])]
#[case::lines("m\nx", "mission_handle_invalid", &[])]
#[case::escape("m\u{1b}[2J", "mission_handle_invalid", &[])]
#[case::nothing("", "mission_handle_invalid", &[])]
#[case::option("-m", "mission_handle_invalid", &[])]
fn missions_that_are_none_or_several(#[case] name: &str, #[case] error: &str, #[case] candidates: &[&str]) {
    let repo = ready();
    for mission in ["012-alpha", "012-beta", "013-beta", "014-gamma"] {
        repo.write(&format!("kitty-specs/{mission}/meta.json"), "{}");
    }
    for question in [&["merge", "--dry-run", "--json"][..], &["check", "--json"]] {
        let named = format!("--mission={name}");
        let run = unchanged(repo.root(), || run(&repo, &[question, &[named.as_str()]].concat()));
        let json = value(&run);
        assert_eq!((run.code, &json["error"]), (2, &error.into()), "{json:#}");
        assert_eq!(json["candidates"], json!(candidates));
    }
}

/// What is shown to be pasted is one word for a shell, whatever somebody called a mission.
#[test]
fn names_of_missions_are_quoted_where_they_are_offered() {
    let repo = TestRepo::new();
    let (one, other) = ("009-$(touch pwned)", "010-$(touch pwned)");
    let (quoted, others) = (format!("'{one}'"), format!("'{other}'"));
    repo.write(&format!("kitty-specs/{one}/meta.json"), "{}");
    let help = |arguments: &[&str]| {
        let json = value(&run(&repo, &[arguments, &["--json"]].concat()));
        json["help"].as_str().unwrap_or_else(|| panic!("{json:#}")).to_owned()
    };
    assert_eq!(help(&["check", "--mission", "009-touch"]), format!("did you mean {quoted}?"));
    let mark = ["mark-status", "T001", "--status", "done"];
    assert_eq!(help(&mark), format!("name it: --mission {quoted}"));
    let moved = help(&["move", "WP01", "--to", "done", "--mission", one]);
    assert!(moved.contains(&format!("clearance status --mission {quoted};")), "{moved}");
    repo.write(&format!("kitty-specs/{other}/meta.json"), "{}");
    assert_eq!(help(&mark), format!("name one: --mission {quoted}, {others}"));
    let several = help(&["check", "--mission", "$(touch pwned)"]);
    assert!(several.ends_with(&format!("--mission {quoted}")), "{several}");
    // Of a log with a torn end, and of a mission that cannot be read, where all are listed.
    repo.write(&format!("kitty-specs/{one}/status.events.jsonl"), "{");
    repo.write(&format!("kitty-specs/{other}/meta.json"), "[");
    let told = run(&repo, &["status", "--all"]).stderr;
    assert!(told.contains(&format!("--recover --mission {quoted},")), "{told}");
    let bare = told.replace(&quoted, "").replace(&others, "");
    assert!(!bare.contains("--mission 0"), "{told}");
}

/// A target that git would take for an option, or for an order to write elsewhere, is not fetched.
#[rstest]
#[case("$(touch${IFS}pwned)", Some("git fetch origin '$(touch${IFS}pwned)'"))]
#[case("--upload-pack=touch${IFS}pwned", None)]
#[case("+main:other", None)]
fn a_target_that_is_not_here_is_quoted(#[case] target: &str, #[case] fetch: Option<&str>) {
    let repo = TestRepo::new();
    repo.write("a.txt", "x\n");
    repo.commit_all("First");
    let named = format!("--target={target}");
    let json = value(&run(&repo, &["check", "--stage", "commit", "--json", "--rules-from", "base", &named]));
    let told = json.to_string();
    assert!(told.contains("--target BRANCH"), "{json:#}");
    match fetch {
        Some(fetch) => assert!(told.contains(fetch), "{json:#}"),
        None => assert!(!told.contains("git fetch"), "{json:#}"),
    }
}

/// The command makes the branch of that name, and nothing else.
#[rstest]
#[case("kitty/mission-$(touch${IFS}pwned);'x'")]
#[case("kitty/mission-`touch${IFS}pwned`|\"&<>")]
#[case("kitty/mission-!#%\u{e4}\u{1f600}")]
// A branch is where this one needs a directory, and the other way round.
#[case("kitty/mission-m/x")]
#[case("kitty")]
fn a_branch_of_any_name_is_made_by_the_command(#[case] name: &str) {
    let repo = ready();
    committed(&repo, MANIFEST, LANES.replace(MISSION, &name.replace('"', "\\\"")));
    let (exit, json) = asked(&repo);
    assert_eq!((exit, &json["expected_branch"]), (1, &name.into()), "{json:#}");
    let files = fs::read_dir(repo.root()).unwrap().count();
    let count = || repo.git(&["for-each-ref", "refs/heads"]).lines().count();
    let before = count();
    let made = shell(&repo, json["remediation"].as_str().unwrap());
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert_eq!(repo.git(&["rev-parse", &format!("refs/heads/{name}")]), repo.git(&["rev-parse", "main"]));
    assert_eq!((count(), fs::read_dir(repo.root()).unwrap().count()), (before + 1, files));
    let (_, json) = asked(&repo);
    assert_ne!(json["blocker"], "missing_mission_branch");
}

/// What git refuses is said, and no command is given that git would refuse.
#[rstest]
#[case("a..b")]
#[case("-x")]
#[case("a b")]
#[case("x.lock")]
#[case("@{-1}")]
#[case("main~0")]
#[case("HEAD")]
#[case("a//b")]
#[case("a\\nb")]
fn names_that_git_refuses(
    #[case] name: &str,
    #[values("mission_branch", "lane_id")] field: &str,
    #[values("", "--object-format=sha256")] format: &str,
) {
    let repo = ready();
    let manifest = match field {
        "lane_id" => LANES.replace("\"lane_id\": \"lane-b\"", &format!("\"lane_id\": \"lane-b {name}\"")),
        _ => LANES.replace(MISSION, name),
    };
    committed(&repo, MANIFEST, manifest);
    let run = Run::of(command(&made_with(&repo, format)).args(QUESTION));
    let json = value(&run);
    let code = if field == "lane_id" { "missing_lane_branch" } else { "missing_mission_branch" };
    let found = blocker(&json, code);
    let (message, command) = (found["message"].as_str().unwrap(), found["remediation"].as_str().unwrap());
    assert_eq!(run.code, 1);
    assert!(message.contains("git takes") && !command.contains("git branch"), "{message}: {command}");
}

/// An object that is gone: nobody knows, and what is missing is said in words.
#[rstest]
#[case::commit(LANE_A, "the branch kitty/mission-m-lane-a is at commit")]
#[case::tree("kitty/mission-m-lane-a^{tree}", "Could not read")]
#[case::blob("kitty/mission-m-lane-a:shared.txt", "unable to read blob")]
#[case::history("main~1", "object not found")]
fn objects_that_are_gone(#[case] object: &str, #[case] words: &str) {
    let repo = ready();
    let id = repo.git(&["rev-parse", object]).trim().to_owned();
    fs::remove_file(repo.root().join(format!(".git/objects/{}/{}", &id[..2], &id[2..]))).unwrap();
    let (exit, json) = asked(&repo);
    assert_eq!((exit, &json["ready"]), (3, &false.into()), "{json:#}");
    let undecided = json["undecided"].to_string();
    for words in [words, id.as_str(), "A part of the history is missing", "git fsck"] {
        assert!(undecided.contains(words), "{words}: {json:#}");
    }
}

/// The number of the mission cannot be told when a file of the target is gone.
#[rstest]
fn a_manifest_of_the_target_is_gone(#[values("sha1", "sha256")] format: &str) {
    let repo = ready();
    let place = made_with(&repo, &format!("--object-format={format}"));
    // Unpacked, so that one can be taken away.
    done(
        &repo,
        "cd ../made; mv .git/objects/pack/*.pack . || true; for p in *.pack; do [ ! -e $p ] || git unpack-objects -q < $p; rm -f $p; done",
    );
    let run = shell(&repo, &format!("git -C ../made rev-parse main:{META}"));
    let id = run.stdout.trim();
    fs::remove_file(place.join(format!(".git/objects/{}/{}", &id[..2], &id[2..]))).unwrap();
    let run = Run::of(command(&place).args(QUESTION));
    assert_eq!(run.code, 3, "{}", run.stdout);
    assert!(run.stdout.contains(id), "{}", run.stdout);
}

#[test]
fn a_thousand_lanes() {
    let repo = ready();
    let lanes = |count: usize| {
        let lane = |nth| json!({"lane_id": format!("lane-{nth}"), "wp_ids": ["WP01"], "depends_on_lanes": [format!("lane-{}", nth + 1)]});
        let mut lanes: Vec<_> = (0..count).map(lane).collect();
        lanes[count - 1]["depends_on_lanes"] = json!([]);
        committed(
            &repo,
            MANIFEST,
            json!({"version": 1, "mission_branch": MISSION, "lanes": lanes}).to_string(),
        );
    };
    lanes(1000);
    let started = Instant::now();
    let (exit, json) = asked(&repo);
    let missing =
        json["blockers"].as_array().unwrap().iter().filter(|found| found["code"] == "missing_lane_branch");
    assert_eq!((exit, missing.count()), (1, 1000));
    lanes(200);
    let tip = repo.git(&["rev-parse", LANE_A]);
    let branches: String =
        (0..200).map(|nth| format!("create refs/heads/{MISSION}-lane-{nth} {tip}")).collect();
    assert_eq!(shell(&repo, &format!("git update-ref --stdin <<END\n{branches}END")).code, 0);
    repo.git(&["branch", "--quiet", "--delete", "--force", LANE_A]);
    let (exit, json) = asked(&repo);
    assert_eq!((exit, json["lanes"].as_array().unwrap().len()), (0, 200), "{}", json["blockers"]);
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

/// Names need not be UTF-8, and hide nothing either.
#[cfg(target_os = "linux")]
#[test]
fn a_hidden_change_whose_name_is_not_utf_8() {
    let repo = ready();
    let script = "n=$(printf 'b\\351.txt'); echo new > \"$n\"; git add .; git commit -qm c; git update-index --assume-unchanged -- \"$n\"; echo mine > \"$n\"";
    done(&repo, script);
    let json = dry_run(&repo, &["--json"]).json();
    assert_eq!(json["blocker"], "hidden_change", "{json:#}");
}

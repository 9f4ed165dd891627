//! The merge: what each strategy makes of a mission, and what it records of itself.

use rstest::rstest;
use serde_json::Value;

use crate::landed::{at, branches, by_two, changing_nothing, is_sound, merge, merged, refs, script, told};
use crate::ready::{LANE_A, LANE_B, MISSION, approved, dry_run, ready};
use crate::support::{LOG, SNAPSHOT, TestRepo, run, step};

const META: &str = "kitty-specs/m/meta.json";

/// What was merged: the branches before, and what the dry run and the merge said.
struct Made {
    repo: TestRepo,
    main: String,
    lanes: [String; 2],
    log: String,
    plan: Value,
    told: Value,
}

fn made(strategy: &str) -> Made {
    let repo = by_two();
    let (main, lanes, log) = (at(&repo, "main"), [at(&repo, LANE_A), at(&repo, LANE_B)], repo.read(LOG));
    let plan = dry_run(&repo, &["--strategy", strategy, "--json"]).json();
    let told = merged(&repo, &["--strategy", strategy]);
    Made { repo, main, lanes, log, plan, told }
}

/// Author, subject and body of the commits that came onto the target by its own line, oldest first.
fn came(made: &Made) -> Vec<String> {
    let range = format!("{}..main", made.main);
    let form = "--format=%an <%ae> %ad%n%B%x00";
    let text = made.repo.git(&["log", "--first-parent", "--reverse", "--date=iso", form, &range]);
    text.split('\0').map(|commit| commit.trim().to_owned()).filter(|commit| !commit.is_empty()).collect()
}

fn parents(repo: &TestRepo, commit: &str) -> Vec<String> {
    told(repo, &["show", "--no-patch", "--format=%P", commit]).split(' ').map(str::to_owned).collect()
}

const TESTER: &str = "Tester <tester@example.invalid> 2026-01-02 03:04:05 +0000";
const DONE: &str = "Mission: m\nMission-number: 1\n";
const PACKAGES: &str = "Work-package: WP01\nWork-package: WP02";

/// The lanes come into the mission branch in the order that they depend on each other, whatever the order of the file.
fn lanes_are_merged(made: &Made, tip: &str) {
    let Made { repo, main, lanes: [a, b], .. } = made;
    let [first, second] = [parents(repo, &format!("{tip}^")), parents(repo, tip)];
    assert_eq!(first, [main.clone(), a.clone()], "lane-a first");
    assert_eq!(second[1], *b);
    let subjects = told(repo, &["log", "--first-parent", "--format=%an: %B", &format!("{main}..{tip}")]);
    let merge = |lane: &str| format!("Tester: Merge branch '{lane}' into {MISSION}");
    assert_eq!(subjects, format!("{}\n\n{}", merge(LANE_B), merge(LANE_A)));
}

#[test]
fn a_squash_is_one_commit() {
    let made = made("squash");
    let tip = made.told["refs"][1]["new"].as_str().unwrap();
    let authors = "Co-authored-by: Ann <ann@example.invalid>\nCo-authored-by: Bo <bo@example.invalid>";
    let message = format!("Squash mission m into main\n\n{DONE}Mission-tip: {tip}\n{PACKAGES}\n{authors}");
    assert_eq!(came(&made), [format!("{TESTER}\n{message}")]);
    assert_eq!(parents(&made.repo, "main"), vec![made.main.clone()]);
    lanes_are_merged(&made, tip);
    assert_eq!(at(&made.repo, "refs/clearance/merged/kitty/mission-m"), tip);
}

#[test]
fn a_merge_is_a_merge_commit() {
    let made = made("merge");
    let message = format!("Merge mission m into main\n\n{DONE}{PACKAGES}");
    assert_eq!(came(&made), [format!("{TESTER}\n{message}")]);
    let tip = at(&made.repo, "main^2");
    assert_eq!(
        (made.told["refs"][1]["new"].as_str(), parents(&made.repo, "main")),
        (Some(&*tip), vec![made.main.clone(), tip.clone()])
    );
    lanes_are_merged(&made, &tip);
}

/// Each commit by its author, at its time; git made the same of them.
#[test]
fn a_rebase_makes_the_commits_again() {
    let made = made("rebase");
    let record = format!("{TESTER}\nRecord the merge of mission m into main\n\n{DONE}{PACKAGES}");
    let by = |name: &str, lane: &str| {
        format!("{name} <{}@example.invalid> 2025-12-24 18:00:00 +0100\n{lane}", name.to_lowercase())
    };
    assert_eq!(came(&made), [by("Ann", LANE_A), by("Bo", LANE_B), record]);
    for commit in ["main", "main~1", "main~2"] {
        assert_eq!(parents(&made.repo, commit).len(), 1, "{commit}");
    }
    assert_eq!(at(&made.repo, "main~3"), made.main);
    // What the merge records of itself is in its own commit.
    let files = told(&made.repo, &["diff", "--name-only", "main^", "main"]);
    assert_eq!(files, format!("{META}\n{LOG}\n{SNAPSHOT}"));
}

/// What all strategies have in common.
#[rstest]
#[case("squash")]
#[case("merge")]
#[case("rebase")]
fn a_merge_is_what_was_shown(#[case] strategy: &str) {
    let made = made(strategy);
    let Made { repo, main, log, plan, told: account, .. } = &made;
    assert_eq!(plan["forecast"]["tree"], at(repo, "main^{tree}"));
    assert_eq!((&account["plan"]["id"], &account["strategy"]), (&plan["plan"]["id"], &strategy.into()));
    assert_eq!(account["commit"], at(repo, "main"));
    is_sound(repo, ".");
    assert_eq!(branches(repo), ["main"], "the branches of the mission are removed");
    for what in ["main", "HEAD"] {
        let why = told(repo, &["reflog", "-1", "--format=%gs %H", what]);
        assert_eq!(why, format!("merge mission m: {strategy} {}", at(repo, "main")), "{what}");
    }
    // Number and baseline, and no other byte.
    assert_eq!(
        repo.read(META),
        format!(
            "{{\"baseline_merge_commit\": \"{main}\", \"mission_number\": 1, \"status_phase\": \"1\", \"target_branch\": \"main\"}}\n"
        )
    );
    assert_eq!((&account["mission_number"], &plan["would_assign_mission_number"]), (&1.into(), &1.into()));
    let now = repo.read(LOG);
    let events = now.strip_prefix(log.as_str()).expect("the log goes on");
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fields = |event: &Value| {
        ["wp_id", "from_lane", "to_lane", "actor", "reason"]
            .map(|name| event[name].as_str().unwrap().to_owned())
    };
    let done =
        |id: &str| [id, "approved", "done", "merge", &format!("Merged {id} into main")].map(str::to_owned);
    assert_eq!(events.iter().map(fields).collect::<Vec<_>>(), [done("WP01"), done("WP02")]);
    assert!(
        events.iter().all(|event| event["force"] == false && event["evidence"]["review"]["reviewer"] == "r")
    );
    for (event, told) in events.iter().zip(account["done"].as_array().unwrap()) {
        assert_eq!((&told["work_package"], &told["event_id"]), (&event["wp_id"], &event["event_id"]));
    }
    let board = run(repo, &["status", "--mission", "m", "--json"]);
    let lanes: Vec<_> =
        board.json()["work_packages"].as_array().unwrap().iter().map(|one| one["lane"].clone()).collect();
    assert_eq!((board.code, lanes), (0, vec![Value::from("done"), "done".into()]));
    // The snapshot is what the log says.
    let snapshot = repo.read(SNAPSHOT);
    assert_eq!(run(repo, &["status", "--mission", "m", "--materialize"]).code, 0);
    assert_eq!(repo.read(SNAPSHOT), snapshot);
}

/// Once is enough: the next one finds nothing, does nothing, and asks no hook.
#[rstest]
#[case("squash", &[])]
#[case("merge", &[])]
#[case("rebase", &[])]
#[case("squash", &["--keep-branch"])]
#[case("rebase", &["--keep-branch"])]
#[case("merge", &["--keep-branch"])]
fn a_second_merge_has_nothing_to_do(#[case] strategy: &str, #[case] more: &[&str]) {
    let repo = ready();
    let arguments = [&["--strategy", strategy], more].concat();
    merged(&repo, &arguments);
    for hook in [
        "pre-commit",
        "pre-merge-commit",
        "commit-msg",
        "pre-rebase",
        "post-merge",
        "post-commit",
        "post-rewrite",
    ] {
        script(&repo, &format!(".git/hooks/{hook}"), "echo $0 >> ../hooks");
    }
    let again = changing_nothing(&repo, || merge(&repo, &arguments));
    assert_eq!(
        (again.code, again.stdout.lines().next()),
        (0, Some("nothing to merge: main has everything of m already")),
        "{}",
        again.stderr
    );
    let json = changing_nothing(&repo, || merged(&repo, &arguments));
    assert_eq!(
        (&json["refs"], &json["done"], &json["mission_number"]),
        (&Value::Array(vec![]), &Value::Array(vec![]), &Value::Null)
    );
}

/// Commits that somebody made on the mission branch itself, and on the target meanwhile, are merged like the rest.
#[rstest]
fn both_sides_went_on(#[values("squash", "merge", "rebase")] strategy: &str) {
    let repo = ready();
    repo.git(&["checkout", "--quiet", MISSION]);
    repo.write("own.txt", "own\n");
    repo.commit_all("Own");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write("target.txt", "target\n");
    repo.commit_all("Target");
    let tree = dry_run(&repo, &["--strategy", strategy, "--json"]).json()["forecast"]["tree"].clone();
    merged(&repo, &["--strategy", strategy]);
    assert_eq!(tree, at(&repo, "main^{tree}"));
    let files = told(&repo, &["ls-files", "*.txt"]);
    assert_eq!(files, "a.txt\nb.txt\nown.txt\nshared.txt\ntarget.txt");
    assert_eq!(repo.read("shared.txt"), "ONE\ntwo\nthree\nfour\nfive\nsix\nSEVEN\n");
    is_sound(&repo, ".");
}

/// Settings that change what git prints, or how it takes a message, change no commit.
#[rstest]
#[case("log.showSignature", "true")]
#[case("i18n.commitEncoding", "ISO-8859-1")]
#[case("i18n.logOutputEncoding", "ISO-8859-1")]
#[case("core.commentChar", "M")]
#[case("commit.cleanup", "scissors")]
#[case("color.ui", "always")]
#[case("merge.ff", "only")]
fn settings_of_a_person(
    #[case] name: &str,
    #[case] value: &str,
    #[values("squash", "rebase")] strategy: &str,
) {
    let repo = ready();
    repo.git(&["checkout", "--quiet", LANE_A]);
    let author = "--author=J\u{fc}rgen <j@example.invalid>";
    repo.git(&[
        "commit",
        "--quiet",
        "--amend",
        "--message",
        "F\u{fc}r\n\n# kept",
        author,
        "--cleanup=verbatim",
    ]);
    repo.git(&["checkout", "--quiet", "main"]);
    let gpg = script(&repo, "../gpg", "echo a fake one >&2; exit 1");
    repo.git(&["config", "gpg.program", gpg.to_str().unwrap()]);
    if name == "log.showSignature" {
        sign(&repo, LANE_A);
    }
    repo.git(&["config", name, value]);
    merged(&repo, &["--strategy", strategy]);
    repo.git(&["config", "--unset", name]);
    let text =
        |commit: &str| told(&repo, &["show", "--no-patch", "--encoding=UTF-8", "--format=%an|%B", commit]);
    if strategy == "rebase" {
        assert_eq!(text("main~2"), "J\u{fc}rgen|F\u{fc}r\n\n# kept");
    } else {
        let message = text("main");
        assert!(message.contains("\nCo-authored-by: J\u{fc}rgen <j@example.invalid>"), "{message}");
        assert_eq!(message.matches("Co-authored-by").count(), 1, "{message}");
        assert!(message.contains("\nMission: m\n"), "{message}");
    }
    is_sound(&repo, ".");
}

/// Gives the tip of a branch something like a signature.
fn sign(repo: &TestRepo, branch: &str) {
    let commit = repo.git(&["cat-file", "commit", branch]);
    let (head, message) = commit.split_once("\n\n").unwrap();
    let signed = format!(
        "{head}\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n fake\n -----END PGP SIGNATURE-----\n\n{message}"
    );
    repo.write("../signed", signed);
    let id = told(repo, &["hash-object", "-t", "commit", "-w", "../signed"]);
    repo.git(&["update-ref", &format!("refs/heads/{branch}"), &id]);
    repo.git(&["reflog", "expire", "--expire=all", "--all"]);
    repo.git(&["prune", "--expire=now"]);
}

/// What is canceled is not done, and what is done is not done again.
#[test]
fn only_what_is_approved_is_done() {
    let repo = ready();
    let log = approved("WP01") + &step("WP02", "claimed", "canceled") + &step("WP03", "approved", "done");
    repo.write(LOG, &log);
    repo.commit_all("Log");
    let told = merged(&repo, &[]);
    assert_eq!(told["done"].as_array().unwrap().len(), 1);
    let now = repo.read(LOG);
    let events: Vec<_> = now.strip_prefix(log.as_str()).unwrap().lines().collect();
    assert!(events.len() == 1 && events[0].contains(r#""wp_id": "WP01""#), "{events:?}");
    let message = self::told(&repo, &["show", "--no-patch", "--format=%(trailers:key=Work-package)", "main"]);
    assert_eq!(message, "Work-package: WP01");
}

/// Where nobody is known who commits, nothing is changed.
#[test]
fn nobody_is_known_who_commits() {
    let repo = ready();
    repo.git(&["config", "--unset", "user.email"]);
    repo.git(&["config", "user.useConfigOnly", "true"]);
    let before = refs(&repo);
    let refused = merge(&repo, &[]);
    assert_eq!((refused.code == 0, refs(&repo)), (false, before), "{}", refused.stdout);
    is_sound(&repo, ".");
}

//! What stands beside the binary: completion in shells, the manual, the version.

use std::process::Command;

use rstest::rstest;

use crate::rules_support::{passing, staged};
use crate::support::{Run, TestRepo, binary, command, in_git, run, unchanged};

/// What bash offers at the end of a line, asked as bash asks.
fn offered(repo: &TestRepo, words: &[&str]) -> Option<Vec<String>> {
    let script = r#"
        PATH="$PROGRAMS:$PATH"
        source <(clearance completions bash)
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        COMP_TYPE=9
        _clap_complete_clearance clearance "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    if Command::new("bash").arg("--version").output().is_err() {
        eprintln!("there is no bash on PATH: its completion is not tried");
        return None;
    }
    // The environment that the tests own, with another program in it.
    let own = in_git(repo.root());
    let mut bash = Command::new("bash");
    bash.env_clear().envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    bash.current_dir(repo.root()).env("PROGRAMS", binary().parent().unwrap());
    let said = Run::of(bash.args(["--norc", "--noprofile", "-c", script, "bash"]).args(words));
    assert_eq!(said.code, 0, "{}", said.stderr);
    Some(said.stdout.lines().map(str::to_owned).collect())
}

#[test]
fn bash_offers_the_missions_and_rules_of_the_repository() {
    let repo = staged(&[("rules.d/own.yaml", &passing("own-rule"))]);
    repo.write("kitty-specs/020-pay/meta.json", "{}\n");
    repo.write("kitty-specs/021-ship/meta.json", "{}\n");
    let Some(missions) = offered(&repo, &["clearance", "check", "--mission", ""]) else { return };
    assert_eq!(missions, ["020-pay", "021-ship"]);
    let rules = offered(&repo, &["clearance", "check", "--rule", "o"]).unwrap();
    assert_eq!(rules, ["own-rule"]);
    let checks = offered(&repo, &["clearance", "rules", "explain", "git"]).unwrap();
    assert_eq!(checks, ["git-state"]);
    let commands = offered(&repo, &["clearance", "mer"]).unwrap();
    assert_eq!(commands, ["merge"]);
}

/// What a shell would run, expand or take for an option. Shells insert what they are offered as it stands.
const HOSTILE: [&str; 9] = [
    "009-$(touch${IFS}pwn)",
    "009-`id`",
    "009-a;id",
    "009-a b",
    "009-'x",
    "009-\"x",
    "009-a&b",
    "009-*",
    "009-~",
];

#[rstest]
fn no_shell_is_offered_what_it_would_read_otherwise(
    #[values("bash", "elvish", "fish", "powershell", "zsh")] shell: &str,
) {
    let repo =
        staged(&[("rules.d/own.yaml", &passing("own-rule")), ("rules.d/bad.yaml", "id: own-$(touch pwn)\n")]);
    for name in HOSTILE.iter().chain(&["009-plain"]) {
        repo.write(&format!("kitty-specs/{name}/meta.json"), "{}\n");
        repo.write(name, "x\n");
    }
    for name in ["--trust=x", "~/x"] {
        repo.write(name, "x\n");
    }
    for (words, known) in [
        (&["check", "--mission", ""][..], "009-plain"),
        (&["check", "--mission=0"], "--mission=009-plain"),
        (&["status", "--repo", "0"], "009-plain"),
        (&["check", "--message", ""], "009-plain"),
        (&["check", "--rule", "own"], "own-rule"),
        (&["explain", "own"], "own-rule"),
        (&["rules", "trust", "allow", "own"], "own-rule"),
    ] {
        let mut command = command(repo.root());
        let index = words.len().to_string();
        command.envs([("CLEARANCE_COMPLETE", shell), ("_CLAP_COMPLETE_INDEX", &index), ("_CLAP_IFS", "\n")]);
        let said = Run::of(command.args(["--", "clearance"]).args(words)).stdout;
        let offered: Vec<_> = said.lines().map(|line| line.split(['\t', ':']).next().unwrap()).collect();
        assert!(offered.contains(&known), "{words:?}: {offered:?}");
        let plain =
            |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/=".contains(&byte));
        assert!(offered.iter().all(plain), "{words:?}: {offered:?}");
        assert!(!offered.contains(&"--trust=x") && !said.contains("pwn"), "{words:?}: {offered:?}");
    }
}

#[rstest]
#[case("bash")]
#[case("elvish")]
#[case("fish")]
#[case("powershell")]
#[case("zsh")]
fn every_shell_is_told_how_to_ask(#[case] shell: &str) {
    let told = run(&TestRepo::new(), &["completions", shell]);
    assert!(told.code == 0 && told.stdout.contains("CLEARANCE_COMPLETE"), "{told:?}");
    let value = run(&TestRepo::new(), &["completions", shell, "--json"]).json();
    assert_eq!(value["text"].as_str(), Some(told.stdout.as_str()));
}

#[test]
fn an_unknown_shell_is_refused_with_those_that_are_known() {
    let told = run(&TestRepo::new(), &["completions", "tcsh"]);
    assert!(told.code == 2 && told.stderr.contains("bash, elvish, fish, powershell, zsh"), "{told:?}");
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let repo = TestRepo::new();
    let first = run(&repo, &["man"]);
    assert!(
        first.stdout.contains(".TH clearance 1") && first.stdout.contains("Exit codes"),
        "{}",
        first.stdout
    );
    let pages = repo.outside().join("man");
    assert_eq!(run(&repo, &["man", "--out", pages.to_str().unwrap()]).code, 0);
    for page in ["clearance.1", "clearance-merge.1", "clearance-rules-trust-allow.1", "clearance-env-drift.1"]
    {
        let text = clearance_testkit::read(&pages, page);
        assert!(text.contains(".SH NAME") && text.contains(&page[..page.len() - 2]), "{page}: {text}");
    }
    assert!(!pages.join("clearance-agent.1").exists(), "what is hidden has no page");
}

/// Pages of another version are replaced; what somebody else put there, and where a link leads, is not.
#[cfg(unix)]
#[rstest]
fn pages_replace_pages_and_nothing_else(
    #[values("a file", "a link", "a link to a page", "a directory")] what: &str,
) {
    let repo = TestRepo::new();
    let out = ["man", "--out", "man"];
    assert_eq!(run(&repo, &out).code, 0);
    let page = repo.read("man/clearance-merge.1");
    repo.write("man/clearance-merge.1", page.replace("Merge", "Once merged"));
    assert_eq!(run(&repo, &out).code, 0);
    assert_eq!(repo.read("man/clearance-merge.1"), page);
    let place = repo.root().join("man/clearance-merge.1");
    std::fs::remove_file(&place).unwrap();
    repo.write("target", if what == "a link to a page" { page.as_str() } else { "mine\n" });
    match what {
        "a file" => drop(repo.write("man/clearance-merge.1", "mine\n")),
        "a directory" => drop(repo.write("man/clearance-merge.1/x", "")),
        _ => std::os::unix::fs::symlink("../target", &place).unwrap(),
    }
    let told = unchanged(repo.root(), || run(&repo, &out));
    assert!(told.code == 3 && told.stderr.contains("clearance-merge.1"), "{told:?}");
}

#[rstest]
#[case(&[], "Usage: clearance [OPTIONS] <COMMAND>", "mark-status")]
#[case(&["rules", "trust"], "Usage: clearance rules trust [OPTIONS] <COMMAND>", "allow")]
#[case(&["check", "--stage", "commit", "--bogus"], "Usage: clearance check [OPTIONS]\n", "--bogus")]
fn a_line_that_is_not_understood_is_told_how_it_is_written(
    #[case] words: &[&str],
    #[case] usage: &str,
    #[case] word: &str,
) {
    let told = run(&TestRepo::new(), words);
    assert_eq!((told.code, told.stdout.as_str()), (2, ""));
    assert!(told.stderr.contains(usage) && told.stderr.contains(word), "{}", told.stderr);
    assert!(!told.stderr.contains("irreversible") && !told.stderr.contains("× Is this"), "{}", told.stderr);
}

#[test]
fn the_version_is_told_with_its_commit_where_it_is_a_release() {
    let told = run(&TestRepo::new(), &["--version"]).stdout;
    let rest = told.trim_end().strip_prefix("clearance ").unwrap();
    let (version, commit) =
        rest.split_once(' ').map_or((rest, None), |(version, commit)| (version, Some(commit)));
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    let is_commit = |commit: &str| {
        let inner = commit.strip_prefix('(').and_then(|commit| commit.strip_suffix(')')).unwrap();
        inner.len() == 12 && inner.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    assert!(commit.is_none_or(is_commit), "{told}");
}

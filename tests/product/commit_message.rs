//! The message of a commit that is about to be made, as rules see it.

use rstest::rstest;

use crate::rules_support::{at_commit, items, of, rule, staged, with_env};
use crate::support::TestRepo;

/// Rules about every part of a message.
fn about_messages() -> TestRepo {
    let one = |id: &str, assert: &str| {
        let text = format!("check: {{ assert: '{assert}' }}\nmessage: m\nremediation: r\n");
        (format!("rules.d/{id}.yaml"), rule(id, &text))
    };
    let rules = [
        one("subject", r#"commit.subject.matches("^(feat|fix): .+$")"#),
        one("body", r#"commit.subject == "x" || commit.body.contains("Why")"#),
        one("signed", r#"commit.trailers.exists(t, t.key == "Signed-off-by" && t.value.contains("@"))"#),
        one("uncommented", r##"!commit.message.contains("# ")"##),
        one("any-step", "stage == \"commit\""),
    ];
    staged(&rules.each_ref().map(|(name, text)| (name.as_str(), text.as_str())))
}

const GOOD: &str = "feat: add it\n\nWhy.\n\nSigned-off-by: A <a@example.invalid>\n";

#[rstest]
#[case::good(GOOD, &[])]
#[case::subject("wip\n\nWhy.\n\nSigned-off-by: A <a@example.invalid>\n", &["subject"])]
#[case::all("wip\n", &["body", "signed", "subject"])]
#[case::not_signed("feat: x\n\nWhy, Signed-off-by: not at the end\n\nof it\n", &["signed"])]
fn every_part_is_seen(#[case] message: &str, #[case] fails: &[&str]) {
    let repo = about_messages();
    repo.write("../message", message);
    let asked = at_commit(&repo, &["--message", "../message"]);
    let failed = |id: &&str| items(&asked, id) == ["all fail"] || items(&asked, id)[0].ends_with(" fail");
    let failed: Vec<_> = ["body", "signed", "subject", "uncommented"].into_iter().filter(failed).collect();
    assert_eq!(failed, fails);
    assert_eq!(asked.code, i32::from(!fails.is_empty()), "{:#}", asked.json());
}

/// Without a message a rule about it does not apply, which is no pass; the others are asked.
#[test]
fn there_may_be_none() {
    let repo = about_messages();
    let asked = at_commit(&repo, &[]);
    let told = of(&asked, "subject");
    assert_eq!((told["applicable"].as_bool(), told["verdict"].as_str()), (Some(false), None), "{told:#}");
    assert!(told["skipped"].as_str().unwrap().contains("message of a commit"), "{told:#}");
    assert_eq!(of(&asked, "any-step")["verdict"], "cleared");
    let alone = at_commit(&repo, &["--rule", "subject"]);
    assert_eq!((alone.code, &alone.json()["verdict"]), (4, &serde_json::Value::Null));
    let traced = at_commit(&repo, &["--rule", "subject", "--trace"]);
    assert_eq!(traced.code, 4, "{:#}", traced.json());
}

/// A file that somebody edited has comments, which git takes out; git says to hooks whether somebody did.
#[rstest]
#[case::edited(&[("GIT_INDEX_FILE", ".git/index")], 0)]
#[case::edited_with(&[("GIT_INDEX_FILE", ".git/index"), ("GIT_EDITOR", "vi")], 0)]
#[case::not_edited(&[("GIT_INDEX_FILE", ".git/index"), ("GIT_EDITOR", ":")], 1)]
#[case::no_hook(&[("GIT_EDITOR", "vi")], 1)]
fn comments_are_none_of_it(#[case] env: &[(&str, &str)], #[case] code: i32) {
    let repo = about_messages();
    repo.write("message", format!("{GOOD}# On branch main\n"));
    let question = ["check", "--stage", "commit", "--rule", "uncommented", "--message", "message", "--json"];
    let asked = with_env(&repo, env, &question);
    assert_eq!(asked.code, code, "{:#}", asked.json());
}

#[rstest]
#[case::another_step(&["--stage", "merge", "--message", "message"], 2, "usage")]
#[case::no_file(&["--stage", "commit", "--message", "nosuch"], 2, "no_message")]
#[case::directory(&["--stage", "commit", "--message", "."], 2, "no_message")]
#[case::not_text(&["--stage", "commit", "--message", "bytes"], 3, "not_utf8")]
fn a_message_that_cannot_be_read(#[case] arguments: &[&str], #[case] code: i32, #[case] error: &str) {
    let repo = about_messages();
    repo.write("message", GOOD);
    repo.write("bytes", b"feat: \xff\n");
    let asked = crate::support::run(&repo, &[&["check", "--json"], arguments].concat());
    assert_eq!((asked.code, asked.json()["error"].as_str()), (code, Some(error)), "{:#}", asked.json());
}

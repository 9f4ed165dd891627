//! What is written, and what is left as it was: bytes, modes, links, times.

use std::fs;

use rstest::rstest;

use crate::support::{TASKS, mark, rows};

#[rstest]
#[case::windows("# a\r\n- [ ] T001 a  \r\n\r\n")]
#[case::old_mac("# a\r- [ ] T001 a\r")]
#[case::mixed("# a\r\n- [ ] T001 a\nb\r\n")]
#[case::bom("\u{feff}- [ ] T001 a\n")]
#[case::no_final_newline("- [ ] T001 a")]
#[case::trailing_blanks("- [ ] T001 a \t \n\n\n")]
#[case::nul("- [ ] T001 a\0b\n")]
#[case::separators("a\u{2028}b\u{85}c\u{b}d\n- [ ] T001 a\n")]
fn only_the_box_changes(#[case] text: &str) {
    let repo = rows(text);
    assert_eq!(mark(&repo, "done", &["T001"]).code, 0);
    assert_eq!(repo.read(TASKS), text.replacen("[ ] T001", "[x] T001", 1));
    assert_eq!(mark(&repo, "pending", &["T001"]).code, 0);
    assert_eq!(repo.read(TASKS), text);
}

#[test]
fn an_unchanged_file_is_not_written() {
    let repo = rows("- [x] T001 a\n");
    let path = repo.root().join(TASKS);
    let before = fs::metadata(&path).unwrap();
    let run = mark(&repo, "done", &["T001"]);
    assert_eq!(run.code, 0);
    assert!(run.stdout.contains("already done"), "{}", run.stdout);
    let after = fs::metadata(&path).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::MetadataExt::ino(&before), std::os::unix::fs::MetadataExt::ino(&after));
}

#[test]
fn a_dry_run_writes_nothing_at_all() {
    let repo = rows("- [ ] T001 a\n");
    let run = mark(&repo, "done", &["T001", "--dry-run"]);
    assert_eq!(run.code, 0);
    assert!(run.stdout.contains("-- [ ] T001 a\n+- [x] T001 a"), "{}", run.stdout);
    assert_eq!(repo.read(TASKS), "- [ ] T001 a\n");
    assert!(!repo.root().join(".git/spec-kitty-locks").exists(), "not even a lock file");
    let json = mark(&repo, "done", &["T001", "--dry-run", "--json"]).json();
    assert_eq!(json["results"][0]["message"], "Would mark T001 as done in tasks.md.");
}

#[cfg(unix)]
#[test]
fn mode_and_symbolic_link_are_kept() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let repo = rows("");
    let real = repo.write("shared/real.md", "- [ ] T001 a\n");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    let link = repo.root().join(TASKS);
    fs::remove_file(&link).unwrap();
    symlink("../../shared/real.md", &link).unwrap();
    assert_eq!(mark(&repo, "done", &["T001"]).code, 0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(repo.read("shared/real.md"), "- [x] T001 a\n");
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn nothing_is_left_beside_the_file() {
    let repo = rows("- [ ] T001 a\n");
    repo.commit_all("Tasks");
    mark(&repo, "done", &["T001"]);
    assert_eq!(repo.git(&["status", "--porcelain"]), format!(" M {TASKS}\n"));
    let staging = repo.root().join(".git/clearance/staging/m");
    assert_eq!(fs::read_dir(staging).map(Iterator::count).unwrap_or(0), 0);
}

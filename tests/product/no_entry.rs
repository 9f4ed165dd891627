//! What the gate may not read, or what is not there: links that lead away, pipes, permissions, other people's
//! repositories, and places that are no repository.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use rstest::rstest;

use crate::ready::{Break, LANE_A, beside, done, dry_run, ready, shell};
use crate::support::{LOG, Run, TestRepo, below, command, copied, run, run_without_privilege, unchanged};

pub(crate) const MANIFEST: &str = "kitty-specs/m/lanes.json";
const QUESTION: [&str; 5] = ["merge", "--dry-run", "--json", "--mission", "m"];

/// The answer, unless it waits for what nobody will ever write into a pipe.
fn in_time(repo: &TestRepo, pipe: &Path) -> Run {
    let (send, answer) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || send.send(dry_run(repo, &["--json"])));
        answer.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| {
            // Who reads sees the end of it, and ends.
            drop(fs::OpenOptions::new().write(true).open(pipe));
            panic!("it waits for {}", pipe.display())
        })
    })
}

/// What stands where the manifest belongs, and what is said of it.
pub(crate) const NO_MANIFEST: &[(&str, Break, &str)] = &[
    (
        "link_out",
        |repo: &TestRepo| {
            symlink(clearance_testkit::write(repo.outside(), "lanes.json", "{}"), repo.root().join(MANIFEST))
                .unwrap();
        },
        "outside of what clearance may touch",
    ),
    (
        "link_nowhere",
        |repo: &TestRepo| symlink("nowhere", repo.root().join(MANIFEST)).unwrap(),
        "leads to nowhere",
    ),
    ("pipe", |repo: &TestRepo| done(repo, &format!("mkfifo {MANIFEST}")), "not a regular file"),
    (
        "directory",
        |repo: &TestRepo| fs::create_dir(repo.root().join(MANIFEST)).unwrap(),
        "not a regular file",
    ),
];

/// What stands where the manifest of lanes belongs is not opened, and the command brings the manifest back.
#[test]
fn what_is_no_manifest() {
    for &(name, make, words) in NO_MANIFEST {
        eprintln!("{name}");
        let repo = ready();
        fs::remove_file(repo.root().join(MANIFEST)).unwrap();
        make(&repo);
        let run = unchanged(repo.outside(), || in_time(&repo, &repo.root().join(MANIFEST)));
        let json = run.json();
        let found =
            json["blockers"].as_array().unwrap().iter().find(|found| found["code"] == "lanes_invalid");
        let found = found.unwrap_or_else(|| panic!("{json:#}"));
        assert_eq!(run.code, 1);
        assert!(found["message"].as_str().unwrap().contains(words), "{found:#}");
        done(&repo, found["remediation"].as_str().unwrap());
        assert_eq!(dry_run(&repo, &[]).code, 0);
    }
}

#[test]
fn a_link_inside_the_repository_is_followed() {
    let repo = ready();
    done(&repo, &format!("git mv {MANIFEST} kitty-specs/real.json; ln -s ../real.json {MANIFEST}"));
    repo.commit_all("Link");
    assert_eq!(dry_run(&repo, &[]).code, 0);
}

/// A pipe in place of any other file is not waited for either.
#[rstest]
#[case(LOG)]
#[case("kitty-specs/m/meta.json")]
#[case("kitty-specs/m/tasks/WP01-a.md")]
#[case("kitty-specs/m/tasks/WP01-a/review-cycle-1.md")]
fn pipes_are_not_opened(#[case] file: &str) {
    let repo = ready();
    done(&repo, &format!("rm -f {file}; mkdir -p $(dirname {file}); mkfifo {file}"));
    let json = in_time(&repo, &repo.root().join(file)).json();
    assert!(json["ready"] == false || json["warnings"].to_string().contains(file), "{json:#}");
}

#[rstest]
#[case::all_missions("kitty-specs")]
#[case::one_mission("kitty-specs/m")]
fn directories_that_are_elsewhere(#[case] directory: &str) {
    let repo = ready();
    done(&repo, &format!("mv {directory} ../away; ln -s {} {directory}", beside(&repo, "away").display()));
    let asked = unchanged(repo.outside(), || run(&repo, &QUESTION));
    let json = asked.json();
    assert_eq!((asked.code, &json["error"], &json["file"]), (3, &"path_escape".into(), &directory.into()));
}

/// What may not be read is no pass; the message names it, and nobody is told to make up an identity.
#[rstest]
#[case::manifest(MANIFEST, 1, MANIFEST)]
#[case::log(LOG, 1, LOG)]
#[case::mission("kitty-specs/m", 1, "kitty-specs/m/meta.json")]
#[case::missions("kitty-specs", 3, "kitty-specs")]
#[case::work_packages("kitty-specs/m/tasks", 3, "kitty-specs/m/tasks")]
#[case::objects(".git/objects", 3, "may not be read")]
#[case::index(".git/index", 3, ".git/index")]
#[case::configuration(".git/config", 3, ".git/config")]
#[case::refs(".git/refs/heads", 3, "the branch main cannot be read")]
#[case::repository(".git", 2, "Permission denied")]
fn what_may_not_be_read(#[case] path: &str, #[case] code: i32, #[case] words: &str) {
    let repo = ready();
    let run = run_without_privilege(&repo);
    let mode = |mode| fs::set_permissions(repo.root().join(path), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o000);
    let asked = run(&QUESTION);
    mode(0o755);
    let json = asked.json();
    assert_eq!((asked.code, json["ready"] == true), (code, false), "{json:#}");
    assert!(asked.stdout.contains(words) && !asked.stdout.contains("identity_missing"), "{json:#}");
}

#[test]
fn an_object_directory_that_may_not_be_read() {
    let repo = ready();
    let run = run_without_privilege(&repo);
    let tip = shell(&repo, &format!("git -c safe.directory='*' rev-parse {LANE_A}")).stdout;
    let directory = repo.root().join(".git/objects").join(&tip[..2]);
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o000)).unwrap();
    let asked = run(&QUESTION);
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(asked.code, 3, "{}", asked.stdout);
    assert!(
        asked.stdout.contains(tip.trim()) && asked.stdout.contains("may not be read"),
        "{}",
        asked.stdout
    );
}

/// A repository of another user is not trusted; the command names its top, as git wants it.
#[test]
fn a_repository_of_another_user() {
    const OWNER: u32 = 4242;
    const CALLER: u32 = 65_534;
    let repo = ready();
    if fs::metadata(repo.root()).unwrap().uid() != 0 {
        return; // Only root can give files away.
    }
    let odd = beside(&repo, "ow n'er");
    fs::rename(repo.root(), &odd).unwrap();
    let product = copied(repo.outside());
    fs::set_permissions(repo.outside(), fs::Permissions::from_mode(0o755)).unwrap();
    below(&odd).iter().for_each(|path| chown(path, Some(OWNER), Some(OWNER)).unwrap());
    let home = repo.outside().join("home");
    fs::create_dir(&home).unwrap();
    chown(&home, Some(CALLER), Some(CALLER)).unwrap();
    let as_caller = |place: &Path, program: &Path, arguments: &[&str]| {
        let mut command = clearance_testkit::clearance(program, place);
        command.env("HOME", &home).env_remove("GIT_CONFIG_GLOBAL").uid(CALLER).gid(CALLER);
        Run::of(command.args(arguments))
    };
    let asked = as_caller(&odd.join("kitty-specs"), &product, &QUESTION);
    let json = asked.json();
    assert_eq!((asked.code, &json["error"]), (2, &"unsafe_directory".into()), "{json:#}");
    let command = json["help"].as_str().unwrap().strip_prefix("if you do: ").unwrap();
    assert_eq!(as_caller(&odd, Path::new("sh"), &["-c", command]).code, 0);
    assert_eq!(as_caller(&odd.join("kitty-specs"), &product, &QUESTION).code, 0);
}

/// Places that are no repository: what is wrong there is said.
#[rstest]
#[case::bare("git clone -q --bare . ../place", "bare_repository", "bare repository")]
#[case::nothing("mkdir ../place", "not_a_repository", "not in a git repository")]
#[case::leads_nowhere(
    "mkdir ../place; echo gitdir: /nowhere > ../place/.git",
    "not_a_repository",
    "leads to /nowhere"
)]
#[case::says_nothing("mkdir ../place; echo hello > ../place/.git", "not_a_repository", "does not say")]
#[case::dangling("mkdir ../place; ln -s nowhere ../place/.git", "not_a_repository", "place/.git")]
// A broken one is not passed over for the repository around it.
#[case::inside_another(
    "mkdir in; echo gitdir: /nowhere > in/.git; ln -s repo/in ../place",
    "not_a_repository",
    "leads to /nowhere"
)]
#[case::worktree_moved(
    "git worktree add -q ../place; mv .git ../elsewhere",
    "not_a_repository",
    "git worktree repair"
)]
fn places_that_are_no_repository(#[case] script: &str, #[case] error: &str, #[case] words: &str) {
    let repo = ready();
    done(&repo, script);
    for question in [&QUESTION[..], &["check", "--json"]] {
        let asked = unchanged(repo.outside(), || Run::of(command(&beside(&repo, "place")).args(question)));
        let json = asked.json();
        assert_eq!((asked.code, &json["error"]), (2, &error.into()), "{json:#}");
        assert!(asked.stdout.contains(words), "{json:#}");
    }
}

#[test]
fn a_repository_without_a_commit() {
    let repo = ready();
    done(&repo, "git init -q ../place");
    let place = beside(&repo, "place");
    let ask = |question: &[&str]| unchanged(&place, || Run::of(command(&place).args(question)));
    assert_eq!(ask(&["merge", "--dry-run", "--json"]).json()["error"], "mission_required");
    done(
        &repo,
        "cp -r kitty-specs ../place; git -C ../place config user.name T; git -C ../place config user.email t@example.invalid",
    );
    let asked = ask(&QUESTION);
    let json = asked.json();
    assert_eq!((asked.code, &json["blocker"]), (1, &"target_branch_missing".into()), "{json:#}");
}

/// What merges by its id may still be missing when it is written.
#[rstest]
fn a_file_of_a_lane_is_gone(#[values("", "--object-format=sha256")] format: &str) {
    let repo = ready();
    let add = format!(
        "git checkout -q {LANE_A}; echo only here > c.txt; git add c.txt; git commit -qm c; git checkout -q main"
    );
    done(&repo, &add);
    let place = crate::ready::made_with(&repo, format);
    let unpack = "cd ../made; mv .git/objects/pack/*.pack . || true; for p in *.pack; do [ ! -e $p ] || git unpack-objects -q < $p; rm -f $p; done";
    done(&repo, unpack);
    let id = shell(&repo, &format!("git -C ../made rev-parse {LANE_A}:c.txt")).stdout;
    fs::remove_file(place.join(format!(".git/objects/{}/{}", &id[..2], id[2..].trim()))).unwrap();
    let asked = Run::of(command(&place).args(QUESTION));
    assert_eq!(asked.code, 3, "{}", asked.stdout);
    assert!(asked.stdout.contains(id.trim()), "{}", asked.stdout);
}

#[test]
fn a_file_in_the_way_whose_name_is_not_utf_8() {
    use std::os::unix::ffi::OsStrExt;
    let repo = ready();
    let name = repo.root().join(std::ffi::OsStr::from_bytes(b"b\xe9.txt"));
    let add = "echo new > \"$(printf 'b\\351.txt')\"; git add .; git commit -qm c; git checkout -q main";
    done(&repo, &format!("git checkout -q {LANE_A}; {add}"));
    assert_eq!(dry_run(&repo, &[]).code, 0);
    fs::rename(repo.write("b.txt", "mine"), name).unwrap();
    assert_eq!(crate::ready::codes(&repo, &[]), ["untracked_obstruction"]);
}

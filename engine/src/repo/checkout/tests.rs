use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use clearance_testkit::{TestRepo, read, write};
use rstest::rstest;

use super::*;

/// What is below a directory: mode and content of files, targets of links, and empty directories.
fn everything(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries: Vec<_> = directory.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        let name = |path: &Path| path.strip_prefix(root).unwrap().to_owned();
        if entries.is_empty() {
            found.insert(name(&directory), "empty".to_owned());
        }
        for path in entries {
            let facts = path.symlink_metadata().unwrap();
            let what = if facts.is_dir() {
                directories.push(path);
                continue;
            } else if facts.is_symlink() {
                format!("-> {}", path.read_link().unwrap().display())
            } else {
                let content = std::fs::read(&path).unwrap();
                format!("{:03o} {}", facts.permissions().mode() & 0o100, content.escape_ascii())
            };
            found.insert(name(&path), what);
        }
    }
    found
}

fn checkout(repo: &TestRepo, tree_ish: &str) -> Result<Checkout, GitError> {
    Repo::discover(repo.root()).unwrap().checkout(tree_ish)
}

/// A script that says that it ran, and passes on what it reads.
fn telltale(repo: &TestRepo) -> (String, PathBuf) {
    let ran = repo.outside().join("ran");
    (format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\ncat\n", ran.display()), ran)
}

fn script(repo: &TestRepo, name: &str, content: &str) {
    let path = repo.write(name, content);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn files_are_as_they_are_in_the_commit_and_go_with_the_value() {
    let repo = TestRepo::new();
    let odd = Path::new(OsStr::from_bytes(b"a b\n\"\xff*"));
    script(&repo, "bin/run", "#!/bin/sh\n");
    repo.write("binary", b"\0\xff\r\n");
    repo.write("nothing/at/all", "");
    std::fs::File::create(repo.root().join(odd)).unwrap().write_all(b"odd").unwrap();
    symlink("/etc/hostname", repo.root().join("outside")).unwrap();
    symlink("nowhere", repo.root().join("bin/dangling")).unwrap();
    symlink("bin", repo.root().join("inside")).unwrap();
    repo.commit_all("One");
    repo.write("binary", "changed since");
    repo.write("untracked", "");
    repo.git(&["rm", "--quiet", "--cached", "bin/run"]);
    let checkout = checkout(&repo, "HEAD").unwrap();
    let expected = [
        ("bin/run".into(), "100 #!/bin/sh\\n"),
        ("binary".into(), "000 \\x00\\xff\\r\\n"),
        ("nothing/at/all".into(), "000 "),
        (odd.to_owned(), "000 odd"),
        ("outside".into(), "-> /etc/hostname"),
        ("bin/dangling".into(), "-> nowhere"),
        ("inside".into(), "-> bin"),
    ];
    assert_eq!(everything(checkout.path()), expected.map(|(path, what)| (path, what.to_owned())).into());
    let above = checkout.path().parent().unwrap().to_owned();
    assert_eq!(above.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    drop(checkout);
    assert!(!above.exists());
}

#[test]
fn the_repository_stays_as_it_is() {
    let repo = TestRepo::new();
    (0..50).for_each(|nth| drop(repo.write(&format!("d{nth}/f"), "a")));
    repo.commit_all("One");
    repo.git(&["config", "core.splitIndex", "true"]);
    repo.git(&["config", "core.untrackedCache", "true"]);
    let linked = repo.outside().join("linked");
    repo.git(&["worktree", "add", "--quiet", "-b", "lane", linked.to_str().unwrap()]);
    repo.git(&["rm", "--quiet", "-r", "--cached", "d1"]);
    let before = everything(repo.outside());
    let main = Repo::discover(repo.root()).unwrap();
    let first = main.checkout("lane").unwrap();
    let second = main.at_worktree(&linked).unwrap().checkout("HEAD").unwrap();
    assert_eq!(everything(first.path()).len(), 50);
    assert_eq!(everything(first.path()), everything(second.path()));
    assert_ne!(first.path(), second.path());
    assert_eq!(everything(repo.outside()), before);
}

#[test]
fn what_a_merge_would_give_is_written_though_the_repository_does_not_have_it() {
    let repo = TestRepo::new();
    repo.write("a", "1\n");
    repo.commit_all("One");
    repo.git(&["checkout", "--quiet", "-b", "other"]);
    repo.write("b", "other\n");
    repo.commit_all("Two");
    repo.git(&["checkout", "--quiet", "work"]);
    repo.write("a", "2\n");
    repo.commit_all("Three");
    let before = everything(&repo.root().join(".git"));
    let mut scratch = Repo::discover(repo.root()).unwrap().throw_away("work").unwrap();
    let merged = scratch.merge(None, "work", "other").unwrap();
    let checkout = scratch.checkout(&merged.tree).unwrap();
    drop(scratch);
    let expected = [("a", "000 2\\n"), ("b", "000 other\\n")];
    assert_eq!(everything(checkout.path()), expected.map(|(path, what)| (path.into(), what.into())).into());
    assert_eq!(everything(&repo.root().join(".git")), before);
    assert!(checkout_in(repo.outside(), &Git::new(repo.root()), &merged.tree).is_err());
}

#[rstest]
#[case::plain("it")]
#[case::with_an_equals_sign("a=b")]
#[case::with_dots("a.b.smudge")]
#[case::in_other_letters("Größe")]
fn a_commit_does_not_choose_what_is_started(#[case] filter: &str, #[values("smudge", "process")] kind: &str) {
    let repo = TestRepo::new();
    let (text, ran) = telltale(&repo);
    script(&repo, "filter", &text);
    repo.write(".gitattributes", format!("secret filter={filter}\n"));
    repo.write("secret", "as it is stored");
    repo.commit_all("One");
    let command = repo.root().join("filter");
    repo.git(&["config", &format!("filter.{filter}.{kind}"), command.to_str().unwrap()]);
    repo.git(&["config", &format!("filter.{filter}.required"), "true"]);
    let checkout = checkout(&repo, "HEAD").unwrap();
    assert_eq!(everything(checkout.path())[Path::new("secret")], "000 as it is stored");
    assert!(!ran.exists(), "{}", read(repo.outside(), "ran"));
}

#[rstest]
#[case::of_the_commit(".hooks")]
#[case::of_the_repository(".git/hooks")]
fn no_hook_is_run(#[case] place: &str) {
    let repo = TestRepo::new();
    let (text, ran) = telltale(&repo);
    for hook in ["post-index-change", "post-checkout", "reference-transaction", "fsmonitor"] {
        script(&repo, &format!("{place}/{hook}"), &text);
    }
    repo.write("file", "");
    repo.commit_all("One");
    repo.git(&["config", "core.hooksPath", place]);
    repo.git(&["config", "core.fsmonitor", &format!("{place}/fsmonitor")]);
    let _ = std::fs::remove_file(&ran);
    assert!(checkout(&repo, "HEAD").unwrap().path().join("file").exists());
    assert!(!ran.exists(), "{}", read(repo.outside(), "ran"));
}

#[test]
fn a_submodule_is_an_empty_directory() {
    let repo = TestRepo::new();
    let other = TestRepo::new();
    other.write("inside", "");
    other.commit_all("One");
    let url = other.root().to_str().unwrap();
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", url, "sub"]);
    repo.commit_all("One");
    repo.git(&["config", "submodule.recurse", "true"]);
    let before = everything(&repo.root().join(".git"));
    let checkout = checkout(&repo, "HEAD").unwrap();
    assert_eq!(everything(checkout.path())[Path::new("sub")], "empty");
    assert_eq!(everything(&repo.root().join(".git")), before);
}

#[test]
fn a_sparse_work_tree_is_checked_out_whole_and_lines_end_as_the_user_has_it() {
    let repo = TestRepo::new();
    repo.write("a/text", "1\n2\n");
    repo.write("b/unix", "1\n");
    repo.write(".gitattributes", "b/unix eol=lf\n* export-ignore\n");
    repo.commit_all("One");
    repo.git(&["sparse-checkout", "set", "--cone", "a"]);
    repo.git(&["config", "core.autocrlf", "true"]);
    assert!(!repo.root().join("b").exists());
    let found = everything(checkout(&repo, "HEAD").unwrap().path());
    assert_eq!(found[Path::new("a/text")], "000 1\\r\\n2\\r\\n");
    assert_eq!(found[Path::new("b/unix")], "000 1\\n");
}

#[rstest]
fn any_kind_of_repository_is_checked_out(
    #[values("--ref-format=reftable", "--object-format=sha256", "--separate-git-dir=../made.git")] kind: &str,
) {
    let repo = TestRepo::new();
    repo.git(&["init", "--quiet", "--initial-branch=work", kind, "../made"]);
    let made = repo.root().with_file_name("made");
    write(&made, "file", "content");
    repo.git(&["-C", "../made", "add", "file"]);
    let who = ["-C", "../made", "-c", "user.name=T", "-c", "user.email=t@example.invalid"];
    repo.git(&[&who[..], &["commit", "--quiet", "--message", "One"]].concat());
    let tree = repo.git(&["-C", "../made", "rev-parse", "HEAD^{tree}"]);
    let here = Repo::discover(&made).unwrap();
    for tree_ish in ["HEAD", "work", tree.trim()] {
        let checkout = here.checkout(tree_ish).unwrap();
        assert_eq!(everything(checkout.path()), [("file".into(), "000 content".into())].into());
    }
}

#[test]
fn what_a_partial_clone_fetches_for_it_goes_with_it() {
    let repo = TestRepo::new();
    repo.write("file", "content");
    repo.commit_all("One");
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", repo.root().display());
    repo.git(&["clone", "--quiet", "--no-checkout", "--filter=blob:none", &url, "../partial"]);
    let partial = repo.root().with_file_name("partial");
    let before = everything(&partial);
    let checkout = Repo::discover(&partial).unwrap().checkout("HEAD").unwrap();
    assert_eq!(everything(checkout.path()), [("file".into(), "000 content".into())].into());
    assert_eq!(everything(&partial), before);
}

#[test]
fn a_commit_without_a_file_is_an_empty_directory() {
    let repo = TestRepo::new();
    let checkout = checkout(&repo, "HEAD").unwrap();
    assert_eq!(everything(checkout.path()), [(PathBuf::new(), "empty".to_owned())].into());
}

/// Makes a tree as no git would, of `<mode> <name>NUL<id>` each.
fn forged(repo: &TestRepo, entries: &[(&str, &str, &str)]) -> String {
    let mut tree = Vec::new();
    for (mode, name, id) in entries {
        tree.extend(format!("{mode} {name}\0").bytes());
        tree.extend((0..id.len()).step_by(2).map(|at| u8::from_str_radix(&id[at..at + 2], 16).unwrap()));
    }
    let path = write(repo.outside(), "forged", tree);
    let hash = ["hash-object", "-t", "tree", "-w", "--literally", path.to_str().unwrap()];
    repo.git(&hash).trim().to_owned()
}

#[rstest]
#[case::git_directory(".git")]
#[case::in_capitals(".GIT")]
#[case::above("..")]
#[case::through_a_link("link")]
fn nothing_is_written_but_below_the_directory(#[case] name: &str) {
    let repo = TestRepo::new();
    let place = repo.outside().join("place");
    std::fs::create_dir(&place).unwrap();
    let object = |path: &Path| repo.git(&["hash-object", "-w", path.to_str().unwrap()]).trim().to_owned();
    let file = object(&write(repo.outside(), "file", "hostile"));
    let target = object(&write(repo.outside(), "target", repo.outside().to_str().unwrap()));
    let below = forged(&repo, &[("100644", "written", &file)]);
    let tree = forged(&repo, &[("120000", "link", &target), ("40000", name, &below)]);
    let before = everything(repo.outside());
    let made = checkout_in(&place, &Git::new(repo.root()), &tree);
    match &made {
        Err(GitError::Failed { command, .. }) => assert_eq!(command, "read-tree"),
        // A path that is two things is the last of them.
        made => assert!(made.as_ref().unwrap().path().join("link/written").is_file() && name == "link"),
    }
    drop(made);
    assert_eq!(everything(repo.outside()), before);
}

#[rstest]
#[case::unknown("no-such-thing")]
#[case::an_option("--empty")]
#[case::a_file("HEAD:file")]
#[case::content_that_is_gone("HEAD")]
fn what_cannot_be_written_whole_is_an_error_and_leaves_nothing(#[case] tree_ish: &str) {
    let repo = TestRepo::new();
    let place = repo.outside().join("place");
    std::fs::create_dir(&place).unwrap();
    repo.write("file", "content");
    repo.write("other", "");
    repo.commit_all("One");
    let blob = repo.git(&["rev-parse", "HEAD:file"]);
    std::fs::remove_file(repo.root().join(".git/objects").join(&blob[..2]).join(blob[2..].trim())).unwrap();
    assert!(matches!(checkout_in(&place, &Git::new(repo.root()), tree_ish), Err(GitError::Failed { .. })));
    assert_eq!(place.read_dir().unwrap().count(), 0);
}

#[rstest]
fn files_never_go_into_the_repository(#[values("repo/below", "link")] place: &str) {
    let repo = TestRepo::new();
    repo.write("below/file", "");
    symlink(repo.root(), repo.outside().join("link")).unwrap();
    let place = repo.outside().join(place);
    let made = checkout_in(&place, &Git::new(repo.root()), "HEAD");
    assert!(matches!(made, Err(GitError::TemporaryInside(inside)) if inside == place));
}

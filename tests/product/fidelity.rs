//! The merge that is forecast, and made, is git's own: the same merges by `git merge` in a work tree of the first parent.
//! Of histories that are made up here, and of those in the folder that `CLEARANCE_HISTORY` names.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use clearance_engine::repo::Repo;
use proptest::prelude::ProptestConfig;
use rstest::rstest;

use crate::support::{Run, Scratch, TestRepo, git};

/// What comes of a merge: a tree, or the paths in conflict.
type Outcome = Result<String, BTreeSet<String>>;

/// By git, in a work tree; `None` where git does not even begin. (What it checks out may differ from what is committed,
/// where attributes came after the files.)
fn by_git(place: &Path, ours: &str, theirs: &str) -> Option<Outcome> {
    let run = |arguments: &[&str]| {
        let mut command = Command::new("git");
        clearance_testkit::scrub(&mut command);
        Run::of(command.current_dir(place).args(arguments))
    };
    // One that ended so left its lock.
    let _ = std::fs::remove_file(place.join(".git/index.lock"));
    run(&["reset", "--quiet", "--hard"]);
    run(&["clean", "-ffdxq"]);
    git(place, &["checkout", "--quiet", "--force", "--detach", ours]);
    let merge = ["merge", "--no-commit", "--no-ff", "--allow-unrelated-histories", theirs];
    let mut command = Command::new("git");
    clearance_testkit::scrub(&mut command);
    // Some histories that nobody has end git at a bug of its own.
    match command.current_dir(place).args(merge).output().unwrap().status.code().unwrap_or(128) {
        0 => Some(Ok(git(place, &["write-tree"]).trim().to_owned())),
        1 => {
            let unmerged = git(place, &["ls-files", "--unmerged", "-z"]);
            let paths = unmerged.split_terminator('\0').filter_map(|line| line.split_once('\t'));
            Some(Err(paths.map(|(_, path)| path.to_owned()).collect()))
        }
        _ => None,
    }
}

/// By the engine, without a work tree.
fn by_us(place: &Path, ours: &str, theirs: &str) -> Outcome {
    let repo = Repo::discover(place).unwrap();
    let merged = repo.throw_away(ours).unwrap().merge(None, ours, theirs).unwrap();
    match merged.conflicts.is_empty() {
        true => Ok(merged.tree),
        // A name that both sides took is told apart by the side.
        false => Err(merged
            .conflicts
            .into_iter()
            .map(|conflict| conflict.path.replace(&format!("~{ours}"), "~HEAD"))
            .collect()),
    }
}

/// How many of the merges are clean, in conflict, and not begun by git; all others are the same.
fn compare(place: &Path, merges: &[(String, String, String)]) -> (usize, usize, usize) {
    let (mut clean, mut conflicts, mut none) = (0, 0, 0);
    for (name, ours, theirs) in merges {
        match by_git(place, ours, theirs) {
            None => none += 1,
            Some(real) => {
                let engine = by_us(place, ours, theirs);
                *(if real.is_ok() { &mut clean } else { &mut conflicts }) += 1;
                // Of no single file are conflicts that no path of the index has.
                let same = match (&real, &engine) {
                    (Err(real), Err(engine)) => real.is_subset(engine),
                    (real, engine) => real == engine,
                };
                assert!(same, "{name} ({ours} {theirs}): git says {real:?}, and the engine {engine:?}");
            }
        }
    }
    (clean, conflicts, none)
}

/// Numbers that follow from a seed: splitmix64.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

/// A tree: mode and content of each path.
type Tree = BTreeMap<String, (u32, String)>;

const FILE: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;
const LINK: u32 = 0o120_000;

fn first(numbers: &mut Numbers) -> Tree {
    let mut tree = Tree::new();
    for directory in ["src", "src/deep", "docs", "with space"] {
        for nth in 0..3 {
            let lines: String = (0..12).map(|line| format!("{directory} {nth}: line {line}\n")).collect();
            let ending = if numbers.below(3) == 0 { "\r\n" } else { "\n" };
            tree.insert(format!("{directory}/f{nth}.txt"), (FILE, lines.replace('\n', ending)));
        }
    }
    tree.insert("run.sh".to_owned(), (PROGRAM, "#!/bin/sh\ntrue\n".to_owned()));
    tree.insert("link".to_owned(), (LINK, "src/f0.txt".to_owned()));
    tree.insert("data.bin".to_owned(), (FILE, "a\0b\0c\n".repeat(9)));
    tree.insert("CHANGES".to_owned(), (FILE, "first\nsecond\nthird\n".to_owned()));
    let attributes = [
        "CHANGES merge=union\n",
        "*.bin binary\nCHANGES merge=union\n",
        "f1.txt -merge\n",
        "docs/* merge=binary\n",
        "",
    ];
    tree.insert(".gitattributes".to_owned(), (FILE, numbers.one_of(&attributes).to_owned()));
    tree
}

/// One change, of those that people make.
fn change(tree: &mut Tree, numbers: &mut Numbers) {
    let word = format!("{:x}", numbers.below(1 << 16));
    let paths: Vec<String> = tree.keys().filter(|path| *path != ".gitattributes").cloned().collect();
    let path = numbers.one_of(&paths);
    match numbers.below(16) {
        // In few lines, so that both sides meet.
        0..=4 => {
            let at = numbers.one_of(&[0, 1, 5, 11]);
            let content = &mut tree.get_mut(&path).unwrap().1;
            let mut lines: Vec<_> = content.split_inclusive('\n').map(str::to_owned).collect();
            let at = at.min(lines.len() - 1);
            let end = if lines[at].ends_with("\r\n") { "\r\n" } else { "\n" };
            lines[at] = format!("{word}{end}");
            *content = lines.concat();
        }
        5 => tree.get_mut("CHANGES").unwrap_or(&mut (FILE, String::new())).1.push_str(&format!("{word}\n")),
        6 | 7 => {
            let moved = tree.remove(&path).unwrap();
            let directory = numbers.one_of(&["src", "moved", "docs", "new/deep"]);
            tree.insert(format!("{directory}/{}", numbers.one_of(&["f0.txt", "g.txt", "h.txt"])), moved);
        }
        8 | 9 => {
            let (from, to) = numbers.one_of(&[
                ("src/", "lib/"),
                ("docs/", "src/docs/"),
                ("src/deep/", "src/deeper/"),
                ("docs/", "manual/"),
            ]);
            for path in paths.iter().filter(|path| path.starts_with(from)) {
                let moved = tree.remove(path).unwrap();
                tree.insert(path.replacen(from, to, 1), moved);
            }
        }
        10 => drop(tree.remove(&path)),
        11 => {
            let mode = &mut tree.get_mut(&path).unwrap().0;
            *mode = match *mode {
                FILE => PROGRAM,
                PROGRAM => FILE,
                other => other,
            };
        }
        12 => drop(tree.insert(
            "link".to_owned(),
            (LINK, numbers.one_of(&["docs/f0.txt", "src/f1.txt", "nowhere"]).to_owned()),
        )),
        13 => {
            let name =
                format!("{}/new{}.txt", numbers.one_of(&["src", "docs", "src/deep"]), numbers.below(2));
            tree.insert(name, (FILE, format!("new\n{word}\n")));
        }
        // What was a file becomes a link, or a directory.
        14 => drop(tree.insert(path, (LINK, word))),
        _ => {
            tree.remove(&path);
            tree.insert(format!("{path}/inside"), (FILE, word));
        }
    }
    // A file cannot be a directory as well.
    let directories: BTreeSet<String> = tree
        .keys()
        .flat_map(|path| path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect::<Vec<_>>())
        .collect();
    tree.retain(|path, _| !directories.contains(path));
}

fn changed(tree: &Tree, numbers: &mut Numbers) -> Tree {
    let mut tree = tree.clone();
    for _ in 0..=numbers.below(2) {
        change(&mut tree, numbers);
    }
    tree
}

/// Commits for `git fast-import`, by number.
#[derive(Default)]
struct Import {
    stream: Vec<u8>,
    commits: usize,
}

impl Import {
    fn commit(&mut self, tree: &Tree, parents: &[usize]) -> usize {
        self.commits += 1;
        let mut text = String::new();
        let mark = self.commits;
        writeln!(
            text,
            "commit refs/commits/{mark}\nmark :{mark}\ncommitter T <t@example.invalid> {} +0000\ndata 0",
            1_700_000_000 + mark
        )
        .unwrap();
        for (nth, parent) in parents.iter().enumerate() {
            writeln!(text, "{} :{parent}", if nth == 0 { "from" } else { "merge" }).unwrap();
        }
        writeln!(text, "deleteall").unwrap();
        for (path, (mode, content)) in tree {
            writeln!(text, "M {mode:o} inline \"{path}\"\ndata {}\n{content}", content.len()).unwrap();
        }
        self.stream.extend(text.into_bytes());
        mark
    }
}

/// A small history, and the two commits of it that are to be merged.
fn history(import: &mut Import, seed: u64, renormalize: bool) -> (usize, usize) {
    let mut numbers = Numbers(seed);
    let base = first(&mut numbers);
    let root = import.commit(&base, &[]);
    let (mut ours, mut theirs) = (changed(&base, &mut numbers), changed(&base, &mut numbers));
    let (mut our_tip, mut their_tip) = (import.commit(&ours, &[root]), import.commit(&theirs, &[root]));
    // Each merged the other before, and resolved it in his own way. (Where line endings change then, git itself forgets the
    // attributes of the work tree while it merges what both come from.)
    if numbers.below(4) == 0 && !renormalize {
        let tips = (our_tip, their_tip);
        (ours, theirs) = (changed(&ours, &mut numbers), changed(&ours, &mut numbers));
        our_tip = import.commit(&ours, &[tips.0, tips.1]);
        their_tip = import.commit(&theirs, &[tips.1, tips.0]);
    }
    ours = changed(&ours, &mut numbers);
    if renormalize {
        // From here on line endings are git's business.
        ours.insert(".gitattributes".to_owned(), (FILE, "*.txt text\n".to_owned()));
        for (path, (mode, content)) in &mut ours {
            if *mode != LINK && path.ends_with(".txt") {
                *content = content.replace("\r\n", "\n");
            }
        }
    }
    theirs = changed(&theirs, &mut numbers);
    (import.commit(&ours, &[our_tip]), import.commit(&theirs, &[their_tip]))
}

/// Merges of histories that are made up. `PROPTEST_CASES` says how many: one for four.
#[rstest]
fn merges_are_those_of_git(#[values(false, true)] renormalize: bool) {
    let repo = TestRepo::new();
    repo.git(&["config", "merge.renormalize", if renormalize { "true" } else { "false" }]);
    let mut import = Import::default();
    let seeds = u64::from(ProptestConfig::default().cases / 8);
    let merges: Vec<_> = (0..seeds)
        .map(|seed| (seed, history(&mut import, seed * 2 + u64::from(renormalize), renormalize)))
        .collect();
    let mut command = Command::new("git");
    clearance_testkit::scrub(&mut command);
    let mut importer = command
        .current_dir(repo.root())
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    importer.stdin.take().unwrap().write_all(&import.stream).unwrap();
    assert!(importer.wait().unwrap().success());
    let commit = |mark: usize| repo.git(&["rev-parse", &format!("refs/commits/{mark}")]).trim().to_owned();
    let merges: Vec<_> = merges
        .into_iter()
        .map(|(seed, (ours, theirs))| (format!("seed {seed}"), commit(ours), commit(theirs)))
        .collect();
    let (clean, conflicts, none) = compare(repo.root(), &merges);
    eprintln!("{clean} clean, {conflicts} in conflict, {none} not begun");
    assert!(
        clean * 10 >= merges.len() && conflicts * 10 >= merges.len(),
        "{clean} clean, {conflicts} in conflict"
    );
    assert!(none * 10 <= merges.len(), "{none} not begun");
}

/// The newest merges of every repository in the folder that `CLEARANCE_HISTORY` names.
#[test]
fn merges_of_real_histories_are_those_of_git() {
    const MOST: &str = "--max-count=400";
    let Some(folder) = clearance_testkit::history() else {
        return eprintln!("CLEARANCE_HISTORY names no folder of repositories: nothing to replay");
    };
    for entry in std::fs::read_dir(folder).unwrap() {
        let source = entry.unwrap().path().canonicalize().unwrap();
        let scratch = Scratch::new();
        let place = scratch.path().canonicalize().unwrap().join("replay");
        let clone = [
            "clone",
            "--quiet",
            "--shared",
            "--no-checkout",
            source.to_str().unwrap(),
            place.to_str().unwrap(),
        ];
        git(scratch.path(), &clone);
        git(&place, &["config", "user.name", "T"]);
        git(&place, &["config", "user.email", "t@example.invalid"]);
        let list =
            git(&place, &["rev-list", "--all", "--min-parents=2", "--max-parents=2", "--parents", MOST]);
        let merges: Vec<_> = list
            .lines()
            .filter_map(|line| {
                let mut words = line.split(' ').map(str::to_owned);
                Some((words.next()?, words.next()?, words.next()?))
            })
            .collect();
        let (clean, conflicts, none) = compare(&place, &merges);
        eprintln!(
            "{}: {} merges: {clean} clean, {conflicts} in conflict, {none} not begun by git",
            source.display(),
            merges.len()
        );
    }
}

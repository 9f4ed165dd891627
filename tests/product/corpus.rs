//! Real missions, where there are any: `CLEARANCE_CORPUS` names a folder of mission directories. The project's own
//! fixtures cover the same forms for everyone else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clearance_engine::mission::Mission;
use clearance_testkit::{corpus, read, write};

use crate::support::{Run, TestRepo, outcomes, run};

/// A real mission, copied into a repository of its own.
struct RealMission {
    slug: String,
    repo: TestRepo,
    rostered: Vec<String>,
    text: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    AsIs,
    Rows,
}

fn missions(phase: Phase) -> Vec<RealMission> {
    let Some(folder) = corpus() else {
        eprintln!("CLEARANCE_CORPUS is not set: no real missions to test on");
        return Vec::new();
    };
    let mut found: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    assert!(!found.is_empty(), "CLEARANCE_CORPUS names an empty folder");
    found.into_iter().map(|directory| real_mission(&directory, phase)).collect()
}

fn real_mission(directory: &Path, phase: Phase) -> RealMission {
    let slug = directory.file_name().unwrap().to_str().unwrap().to_owned();
    let repo = TestRepo::new();
    let home = format!("kitty-specs/{slug}");
    let mut rostered = BTreeSet::new();
    for file in files_below(directory) {
        let name = file.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
        let text = read(directory, &name);
        if name.starts_with("tasks/WP") {
            rostered.extend(roster(&text));
        }
        let text = if name == "meta.json" && phase == Phase::Rows { without_phase(&text) } else { text };
        write(repo.root(), &format!("{home}/{name}"), text);
    }
    let text = repo.read(&format!("{home}/tasks.md"));
    RealMission { slug, repo, rostered: rostered.into_iter().collect(), text }
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn without_phase(meta: &str) -> String {
    let mut meta: serde_json::Value = serde_json::from_str(meta).unwrap();
    meta.as_object_mut().unwrap().remove("status_phase");
    meta.to_string()
}

/// The roster, read by other means than the product's: the words of the `subtasks:` block that look like tasks and
/// stand where an entry stands, in a block list, a list of objects or a flow list.
fn roster(work_package: &str) -> Vec<String> {
    let front = work_package.split("\n---").next().unwrap();
    let Some((_, block)) = front.split_once("\nsubtasks:") else { return Vec::new() };
    let more = |line: &&str| line.starts_with([' ', '-', ']', '"', '\t']) || line.is_empty();
    let mut lines = block.lines();
    let first = lines.next().unwrap_or_default();
    let rest = lines.take_while(more);
    let words = std::iter::once(first).chain(rest).flat_map(|line| {
        let line = line.trim().trim_start_matches("- ").trim_start_matches("id: ");
        line.split(['[', ']', ',']).map(|word| word.trim_matches([' ', '"', '\''])).collect::<Vec<_>>()
    });
    let is_task = |word: &&str| {
        word.strip_prefix('T').is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_digit()) && rest.chars().all(|c| c.is_ascii_alphanumeric())
        })
    };
    words.filter(is_task).map(str::to_owned).collect()
}

impl RealMission {
    fn mark_all(&self, state: &str) -> Run {
        let mut arguments =
            vec!["mark-status", "--json", "--strict", "--status", state, "--mission", &self.slug];
        arguments.extend(self.rostered.iter().map(String::as_str));
        run(&self.repo, &arguments)
    }

    fn file(&self, name: &str) -> String {
        self.repo.read(&format!("kitty-specs/{}/{name}", self.slug))
    }
}

#[test]
fn every_artefact_of_every_mission_reads() {
    for RealMission { slug, repo, rostered, .. } in missions(Phase::AsIs) {
        let mission = Mission::open(repo.root(), &slug).unwrap();
        let meta = mission.meta().unwrap().unwrap();
        assert_eq!(meta.mission_id.as_deref().map(str::len), Some(26), "{slug}");
        let packages = mission.work_packages().unwrap();
        assert!(packages.broken.is_empty(), "{slug}: {:?}", packages.broken);
        let read: BTreeSet<_> =
            packages.readable.iter().flat_map(|p| &p.subtasks).map(|s| s.id.to_string()).collect();
        assert_eq!(read, rostered.into_iter().collect(), "{slug}: the rosters, read two ways");
        let unplaced =
            packages.readable.iter().flat_map(|p| &p.subtasks).find(|subtask| subtask.line.is_none());
        assert!(unplaced.is_none(), "{slug}: {unplaced:?}");
        assert!(!mission.tasks().unwrap().lines().is_empty());
        let log = &mission.state().unwrap().log;
        assert_eq!((log.torn_tail, log.conflicting.len()), (None, 0), "{slug}");
        let snapshot = mission.snapshot().unwrap();
        let lanes = mission.lanes().unwrap();
        assert!(
            packages.readable.is_empty() || snapshot.is_some_and(|s| !s.work_packages.is_empty()),
            "{slug}"
        );
        assert!(lanes.is_none_or(|lanes| lanes.lanes.iter().all(|lane| !lane.wp_ids.is_empty())), "{slug}");
    }
}

#[test]
fn every_rostered_task_resolves_in_rows() {
    let mut tasks = 0;
    for mission in missions(Phase::Rows).iter().filter(|mission| !mission.rostered.is_empty()) {
        let first = mission.mark_all("done");
        assert_eq!(first.code, 0, "{}: {}{}", mission.slug, first.stdout, first.stderr);
        tasks += outcomes(&first).len();
        let done = mission.file("tasks.md");
        only_own_lines_changed(mission, &mission.text, &done);
        let pending = mission.mark_all("pending");
        assert_eq!(pending.code, 0, "{}: {}", mission.slug, pending.stdout);
        assert_ne!(mission.file("tasks.md"), done, "{}", mission.slug);
        only_own_lines_changed(mission, &done, &mission.file("tasks.md"));
        let again = mission.mark_all("done");
        assert_eq!(again.code, 0, "{}: {}", mission.slug, again.stdout);
        assert_eq!(mission.file("tasks.md"), done, "{}: done, pending, done", mission.slug);
        let idle = mission.mark_all("done");
        assert!(
            outcomes(&idle).iter().all(|(_, outcome, _)| outcome == "already_satisfied"),
            "{}",
            idle.stdout
        );
    }
    // 60 of the 62 known missions have rosters; a test that reads none of them must not pass.
    assert!(corpus().is_none() || tasks > 100, "only {tasks} tasks were tried");
}

#[test]
fn every_rostered_task_resolves_in_events() {
    for mission in missions(Phase::AsIs).iter().filter(|mission| !mission.rostered.is_empty()) {
        if !mission.file("meta.json").contains("status_phase") {
            continue;
        }
        let log = mission.file("status.events.jsonl");
        // Their coordination branches were not kept with them.
        let meta: serde_json::Value = serde_json::from_str(&mission.file("meta.json")).unwrap();
        if let Some(branch) = meta["coordination_branch"].as_str() {
            mission.repo.git(&["branch", branch]);
        }
        let first = mission.mark_all("done");
        assert_eq!(first.code, 0, "{}: {}{}", mission.slug, first.stdout, first.stderr);
        let with_done = mission.file("status.events.jsonl");
        assert!(with_done.starts_with(&log), "{}: the log was rewritten", mission.slug);
        let idle = mission.mark_all("done");
        assert!(
            outcomes(&idle).iter().all(|(_, outcome, _)| outcome == "already_satisfied"),
            "{}",
            idle.stdout
        );
        assert_eq!(mission.file("status.events.jsonl"), with_done);
        assert_eq!(mission.mark_all("pending").code, 0);
        assert_eq!(mission.mark_all("done").code, 0);
        assert_eq!(mission.file("tasks.md"), mission.text, "{}: tasks.md is never written", mission.slug);
    }
}

/// Every line that changed mentions a task of the mission, keeps its words, and keeps its `[P]`.
fn only_own_lines_changed(mission: &RealMission, before: &str, after: &str) {
    let mut old = before.lines().peekable();
    for line in after.lines() {
        if old.peek() == Some(&line) {
            old.next();
            continue;
        }
        let same_words = old.peek().is_some_and(|old| words(old) == words(line));
        if same_words {
            let old = old.next().unwrap();
            assert_eq!(
                old.matches("[P]").count(),
                line.matches("[P]").count(),
                "{}: {old}\n{line}",
                mission.slug
            );
        }
        let own = mission.rostered.iter().any(|id| line.to_uppercase().contains(&id.to_uppercase()));
        assert!(own || line.is_empty(), "{}: a foreign line changed: {line}", mission.slug);
    }
    assert_eq!(old.next(), None, "{}: a line was lost", mission.slug);
}

/// A line without its state: boxes, marks and the bullet that a new box needs.
fn words(line: &str) -> String {
    let bare = ["[ ]", "[x]", "[X]", "[D]"].iter().fold(line.to_owned(), |line, mark| line.replace(mark, ""));
    let bare = bare.replace(['|', ' '], "");
    bare.strip_prefix('-').unwrap_or(&bare).to_owned()
}

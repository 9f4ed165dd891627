//! Several processes at once, and processes that die: nothing is lost, nothing is torn.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};

use crate::support::{LOG, Run, SNAPSHOT, TASKS, TestRepo, binary, command, events, mark, rows, run, step};

fn spawn(repo: &TestRepo, arguments: &[String]) -> Child {
    let fixed = ["mark-status", "--status", "done", "--mission", "m", "--lock-timeout", "60"];
    let mut command = command(repo.root());
    command.args(fixed).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("T{number:03}")).collect()
}

fn list(count: usize) -> String {
    ids(0..count).iter().map(|id| format!("- [ ] {id} task\n")).collect()
}

#[test]
fn two_processes_marking_200_tasks_lose_none() {
    let repo = rows(&list(200));
    // Each marks a hundred, one call a task, and both run at the same time.
    let workers: Vec<_> = [0..100, 100..200]
        .into_iter()
        .map(|range| {
            let root = repo.root().to_owned();
            std::thread::spawn(move || {
                for id in ids(range) {
                    let mut command = clearance_testkit::clearance(binary(), &root);
                    command.args([
                        "mark-status",
                        &id,
                        "--status",
                        "done",
                        "--mission",
                        "m",
                        "--lock-timeout",
                        "60",
                    ]);
                    assert_eq!(Run::of(&mut command).code, 0, "{id}");
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    assert_eq!(repo.read(TASKS), list(200).replace("[ ]", "[x]"));
}

#[test]
fn many_processes_appending_events_lose_none() {
    let names = ids(0..40);
    let repo = events(&list(40), &[("WP01", &names.join(", "))]);
    let children: Vec<_> = names.iter().map(|id| spawn(&repo, std::slice::from_ref(id))).collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    let log = repo.read(LOG);
    let rows: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let marked: BTreeSet<_> =
        rows.iter().flat_map(|row| row["delta"]["subtasks"].as_object().unwrap().keys().cloned()).collect();
    let events: BTreeSet<_> = rows.iter().map(|row| row["event_id"].as_str().unwrap()).collect();
    assert_eq!((marked.len(), events.len()), (40, 40));
}

/// `kill -9` at many moments: after each, the file is the old one or the new one, and the next call works.
#[cfg(unix)]
#[test]
fn kill_9_leaves_the_old_file_or_the_new_one() {
    let old = format!("{}{}", list(300), "filler ".repeat(100_000));
    let new = old.replace("[ ]", "[x]");
    let repo = rows(&old);
    let (mut killed, mut olds) = (0, 0);
    for round in 0..60_u64 {
        repo.write(TASKS, &old);
        let mut child = spawn(&repo, &ids(0..300));
        spin(round * 400);
        child.kill().unwrap();
        let status = child.wait().unwrap();
        killed += usize::from(status.code().is_none());
        let now = repo.read(TASKS);
        assert!(now == old || now == new, "round {round}: a mix of old and new");
        olds += usize::from(now == old);
    }
    assert!(killed > 5 && olds > 0, "the kills came too late to say anything: {killed} killed, {olds} old");
    assert_eq!(mark(&repo, "done", &["T000-T299"]).code, 0, "a killed process blocks nobody");
    assert_eq!(repo.read(TASKS), new);
    let staging = repo.root().join(".git/clearance/staging/m");
    assert_eq!(std::fs::read_dir(staging).unwrap().count(), 0, "what they left behind is removed");
}

#[cfg(unix)]
#[test]
fn kill_9_tears_no_event() {
    let names = ids(0..200);
    let repo = events(&list(200), &[("WP01", &names.join(", "))]);
    let mut killed = 0;
    for round in 0..40_usize {
        let mut child = spawn(&repo, &names[round * 5..round * 5 + 5]);
        spin(round as u64 * 150);
        child.kill().unwrap();
        killed += usize::from(child.wait().unwrap().code().is_none());
    }
    assert!(killed > 2, "the kills came too late to say anything: {killed}");
    assert_eq!(mark(&repo, "done", &["T000-T199"]).code, 0);
    let marked: BTreeSet<String> = repo
        .read(LOG)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .flat_map(|row| row["delta"]["subtasks"].as_object().unwrap().keys().cloned().collect::<Vec<_>>())
        .collect();
    assert_eq!(marked.len(), 200);
}

/// Eight processes, each moving a work package of its own there and back, over and over, while others mark tasks.
#[test]
fn eight_writers_of_lanes_lose_no_event_and_tear_no_line() {
    let names = ids(0..40);
    let repo = events(&list(40), &[("WP01", &names.join(", "))]);
    let seeds: String = (1..=8).map(|nth| step(&format!("WP{nth:02}"), "genesis", "blocked")).collect();
    repo.write(LOG, &seeds);
    let mover = |nth: usize| {
        let root = repo.root().to_owned();
        std::thread::spawn(move || {
            for (to, reason) in [("in_progress", None), ("planned", Some("again"))].iter().cycle().take(10) {
                let package = format!("WP{nth:02}");
                let mut command = clearance_testkit::clearance(binary(), &root);
                command.args([
                    "move",
                    &package,
                    "--to",
                    to,
                    "--mission",
                    "m",
                    "--actor",
                    "a",
                    "--lock-timeout",
                    "60",
                ]);
                command.args(reason.iter().flat_map(|reason| ["--reason", reason]));
                let run = Run::of(&mut command);
                assert_eq!(run.code, 0, "{package}: {}", run.stderr);
            }
        })
    };
    let movers: Vec<_> = (1..=8).map(mover).collect();
    let markers: Vec<_> = names.iter().map(|id| spawn(&repo, std::slice::from_ref(id))).collect();
    for mover in movers {
        mover.join().unwrap();
    }
    for marker in markers {
        assert!(marker.wait_with_output().unwrap().status.success());
    }
    let rows = rows_of(&repo);
    let of =
        |package: &str| rows.iter().filter(|row| row["wp_id"] == package && row["kind"].is_null()).count();
    for nth in 1..=8 {
        // From planned the way to in_progress has two steps: five times there (the first from blocked) and five back.
        assert_eq!(of(&format!("WP{nth:02}")), 1 + 1 + 4 * 2 + 5, "WP{nth:02}");
    }
    let new: Vec<_> = rows[8..].iter().map(|row| row["event_id"].as_str().unwrap()).collect();
    assert!(new.is_sorted_by(|a, b| a < b), "ids ascend in the order of the file");
    assert_eq!(rows.iter().filter(|row| row["kind"] == "annotation").count(), 40);
    let again = run(&repo, &["status", "--materialize", "--mission", "m", "--json"]).json();
    assert_eq!(
        again["missions"][0]["written"],
        serde_json::Value::Null,
        "the snapshot is that of the whole log"
    );
}

fn rows_of(repo: &TestRepo) -> Vec<serde_json::Value> {
    repo.read(LOG).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A process that is killed while it moves a work package: either the whole way is in the log or nothing of it, and the
/// next call works. What it said it did is done.
#[cfg(unix)]
#[test]
fn kill_9_while_moving_loses_no_event() {
    let repo = events(&list(1), &[("WP01", "T000")]);
    repo.write(LOG, step("WP01", "genesis", "planned"));
    let (mut killed, mut told) = (0, 0);
    for round in 0..60_u64 {
        let (to, reason) = if rows_of(&repo).last().unwrap()["to_lane"] == "planned" {
            ("in_progress", "")
        } else {
            ("planned", "x")
        };
        let mut command = command(repo.root());
        command.args(["move", "WP01", "--to", to, "--mission", "m", "--actor", "a", "--reason", reason]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        spin(round * 100);
        child.kill().unwrap();
        let status = child.wait().unwrap();
        killed += usize::from(status.code().is_none());
        told += usize::from(status.success());
        let seen = run(&repo, &["status", "--mission", "m", "--json"]);
        assert_eq!(seen.code, 0, "round {round}: {}", seen.stdout);
    }
    assert!(killed > 5, "the kills came too late to say anything: {killed}");
    assert_eq!(
        run(&repo, &["move", "WP01", "--to", "blocked", "--mission", "m"]).code,
        0,
        "a dead process blocks nobody"
    );
    let rows = rows_of(&repo);
    for two in rows.windows(2) {
        assert_eq!(two[0]["to_lane"], two[1]["from_lane"], "each event goes on where the last one ended");
    }
    assert!(rows.len() > told, "what was told is there: {told} of {}", rows.len());
    let snapshot: serde_json::Value = serde_json::from_str(&repo.read(SNAPSHOT)).unwrap();
    assert_eq!(snapshot["event_count"], rows.len());
}

/// Waits without sleeping: the moment of the kill must vary by microseconds.
#[cfg(unix)]
fn spin(microseconds: u64) {
    let started = std::time::Instant::now();
    while started.elapsed().as_micros() < u128::from(microseconds) {
        std::hint::spin_loop();
    }
}

#[test]
fn a_held_lock_is_waited_for_and_its_holder_named() {
    let repo = rows("- [ ] T001 a\n");
    let path = repo.write(".git/spec-kitty-locks/m.status.lock", "");
    let file = std::fs::File::open(&path).unwrap();
    file.lock().unwrap();
    let run = mark(&repo, "done", &["T001", "--lock-timeout", "0.2"]);
    assert_eq!(run.code, 3, "{}", run.stdout);
    assert!(run.stderr.contains("who is writing"), "{}", run.stderr);
    if cfg!(target_os = "linux") && std::path::Path::new("/proc/locks").exists() {
        assert!(run.stderr.contains(&format!("process {}", std::process::id())), "{}", run.stderr);
    }
    assert_eq!(repo.read(TASKS), "- [ ] T001 a\n");
    // Freed while it is waited for, the call goes on.
    let waiting = spawn(&repo, &["T001".to_owned()]);
    file.unlock().unwrap();
    assert!(waiting.wait_with_output().unwrap().status.success());
    assert_eq!(repo.read(TASKS), "- [x] T001 a\n");
}

#[test]
fn the_lock_excludes_flock_users() {
    let repo = rows("- [ ] T001 a\n");
    let lock = repo.write(".git/spec-kitty-locks/m.status.lock", "");
    // flock(1) is the same call that Python's fcntl.flock makes.
    let holder = std::process::Command::new("flock")
        .arg(&lock)
        .args(["sh", "-c", "echo held; read line"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut holder) = holder else { return eprintln!("flock(1) is not installed") };
    let mut said = [0; 5];
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut said).unwrap();
    let run = mark(&repo, "done", &["T001", "--lock-timeout", "0"]);
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert_eq!(run.code, 3, "{}", run.stdout);
    assert_eq!(mark(&repo, "done", &["T001"]).code, 0);
}

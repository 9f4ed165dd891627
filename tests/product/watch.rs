//! `clearance status --watch`: the board again when it changes, and an end when nobody reads.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};

use crate::support::{LOG, TestRepo, command, events, run, step};

fn watched() -> TestRepo {
    let repo = events("## WP01\n\n- [ ] T001 One\n", &[]);
    repo.write(
        "kitty-specs/m/tasks/WP01-x.md",
        "---\nwork_package_id: WP01\nsubtasks: [T001]\n---\n# WP01\n",
    );
    repo.write(LOG, step("WP01", "genesis", "planned"));
    repo
}

struct Watching {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watching {
    fn of(repo: &TestRepo) -> Self {
        let mut command = command(repo.root());
        command.args(["status", "--mission", "m", "--watch=0.05"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Reads until a line has this.
    fn until(&mut self, wanted: &str) {
        let mut line = String::new();
        while !line.contains(wanted) {
            line.clear();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "it ended before {wanted}");
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_board_is_shown_again_when_it_changes() {
    let repo = watched();
    let mut watching = Watching::of(&repo);
    watching.until("planned (1)");
    assert_eq!(run(&repo, &["move", "WP01", "--to", "claimed", "--actor", "ann", "--mission", "m"]).code, 0);
    watching.until("claimed (1)");
    // A log that cannot be read is said, and is not the end.
    let log = repo.read(LOG);
    repo.write(LOG, format!("{log}no event\n"));
    watching.until("not an event");
    repo.write(LOG, &log);
    watching.until("claimed (1)");
}

#[test]
fn it_ends_when_nobody_reads() {
    let repo = watched();
    let mut watching = Watching::of(&repo);
    watching.until("planned (1)");
    let Watching { child, lines } = &mut watching;
    let (other, _) = std::io::pipe().unwrap();
    drop(std::mem::replace(lines, BufReader::new(ChildStdout::from(std::os::fd::OwnedFd::from(other)))));
    assert_eq!(run(&repo, &["move", "WP01", "--to", "claimed", "--actor", "ann", "--mission", "m"]).code, 0);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_board_that_is_watched_is_no_report_and_a_mission_must_be_there() {
    let repo = watched();
    assert_eq!(run(&repo, &["status", "--mission", "m", "--watch", "--json"]).json()["error"], "usage");
    assert_eq!(run(&repo, &["status", "--mission", "other", "--watch"]).code, 2);
}

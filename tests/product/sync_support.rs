//! What the tests of sync have in common: a mission that records events, and a server that takes them.

use std::process::Command;

use clearance_testkit::receiver::Receiver;
use serde_json::{Value, json};

use crate::ready::ready;
use crate::support::{Run, TestRepo, command, valid};

/// The token of the tests. It must be seen nowhere.
pub(crate) const TOKEN: &str = "s3cret-t0ken-of-a-test";

/// A repository with a mission in which `WP01` and `WP02` can be moved.
pub(crate) struct Synced {
    pub(crate) repo: TestRepo,
    /// The address that events go to.
    pub(crate) server: String,
}

impl Synced {
    pub(crate) fn with(server: &Receiver) -> Self {
        Self::at(&server.url())
    }

    pub(crate) fn at(server: &str) -> Self {
        let synced = Self { repo: ready(), server: server.to_owned() };
        synced.repo.git(&["checkout", "--quiet", "-b", "work"]);
        synced
    }

    /// The product with sync on.
    pub(crate) fn on(&self, arguments: &[&str]) -> Command {
        let mut on = self.off(arguments);
        on.env("CLEARANCE_SYNC", "1").env("CLEARANCE_SYNC_TOKEN", TOKEN);
        on.env("CLEARANCE_SYNC_SERVER", &self.server);
        on
    }

    /// The same with sync off. No proxy of the machine is between.
    pub(crate) fn off(&self, arguments: &[&str]) -> Command {
        let mut off = command(self.repo.root());
        off.args(arguments).env("XDG_CONFIG_HOME", self.repo.outside().join("config"));
        off
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&mut self.on(arguments))
    }

    /// Records a step, as any command may.
    pub(crate) fn step(&self, more: &[&str]) -> Run {
        Run::of(&mut self.step_command(more))
    }

    pub(crate) fn step_command(&self, more: &[&str]) -> Command {
        self.on(&[&STEP[..], more].concat())
    }

    /// How things are, by `sync status --offline`.
    pub(crate) fn status(&self) -> Value {
        let run = self.run(&["sync", "status", "--offline", "--json"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}", run.stdout);
        assert!(!run.stdout.contains(TOKEN), "{}", run.stdout);
        valid("clearance.sync-status.v1.json", &run.json());
        run.json()
    }

    /// How many events wait.
    pub(crate) fn waiting(&self) -> u64 {
        self.status()["queue"]["waiting"].as_u64().unwrap()
    }

    /// Delivers, and says how it came out.
    pub(crate) fn now(&self, more: &[&str]) -> (i32, Value) {
        let run = self.run(&[&["sync", "now", "--json"], more].concat());
        assert_eq!(run.stderr, "");
        valid("clearance.sync-now.v1.json", &run.json());
        assert_eq!(run.json()["exit_code"], run.code);
        (run.code, run.json())
    }

    /// Queues events by hand, as lines of the outbox, and gives their ids in their order. Each has so many bytes more than it
    /// needs.
    pub(crate) fn fill(&self, events: usize, more: usize) -> Vec<String> {
        let ids: Vec<_> = (1..=events).map(|nth| format!("01ARZ3NDEKTSV4RRFFQF{nth:06}")).collect();
        let lines = ids.iter().enumerate().map(|(nth, id)| {
            let event = json!({
                "event_id": id,
                "event_type": "WPStatusChanged",
                "aggregate_id": "WP01",
                "node_id": "here",
                "payload": { "mission_slug": "m", "reason": "x".repeat(more) },
                "timestamp": "2026-01-01T00:00:00+00:00",
            });
            let to = json!({ "server": format!("{}/", self.server), "team": null });
            let line = json!({ "number": nth + 1, "id": id, "to": to, "queued_at": "2026-01-01T00:00:00Z", "event": event });
            format!("{line}\n")
        });
        let path = ".git/clearance/sync/outbox.jsonl";
        clearance_testkit::write(self.repo.root(), path, lines.collect::<String>());
        ids
    }

    /// What the command says with sync off, in a repository of its own.
    pub(crate) fn unsynced() -> Run {
        let run = Run::of(&mut Self::at("http://127.0.0.1:9").off(&STEP));
        assert_eq!(run.stderr, "");
        run
    }

    /// Settings of the user.
    pub(crate) fn user(&self, text: &str) {
        clearance_testkit::write(self.repo.outside(), "config/clearance/config", text);
    }
}

/// A step that is always allowed, and told.
pub(crate) const STEP: [&str; 10] =
    ["move", "WP01", "--to", "blocked", "--force", "--reason", "waits", "--actor", "ann", "--mission=m"];

/// The ids of the log's events that a call appended.
pub(crate) fn logged(repo: &TestRepo) -> Vec<String> {
    let log = repo.read(crate::support::LOG);
    let ids = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event_id"].clone());
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// The code of the one line on standard error, and its message.
pub(crate) fn diagnostic(run: &Run) -> (String, String) {
    let stderr = run.stderr.as_str();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let rest = stderr.strip_prefix("sync_diagnostic severity=warning diagnostic_code=").expect(stderr);
    let (code, rest) = rest.split_once(" fatal=false sync_phase=final_sync message=").expect(stderr);
    assert!(!stderr.contains(TOKEN), "{stderr}");
    (code.to_owned(), rest.trim_end().to_owned())
}

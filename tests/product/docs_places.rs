//! Where the commands of the documentation are run: real repositories, each made anew.

use std::path::{Path, PathBuf};
use std::process::Command;

use clearance_testkit::Scratch;
use clearance_testkit::receiver::{Receiver, Reply};

use crate::ready::{LANE_A, LANE_B, LANES, approved, done, lane};
use crate::support::{Run, TestRepo, command, git, step};

/// The mission of these repositories, which `013` names.
pub(crate) const MISSION: &str = "013-order-history";

/// A repository, and what stands around it.
pub(crate) struct Place {
    /// Where the commands are run.
    pub(crate) root: PathBuf,
    /// A home of their own, empty at first.
    pub(crate) home: PathBuf,
    /// Variables that they have besides.
    pub(crate) variables: Vec<(&'static str, String)>,
    _kept: Kept,
}

enum Kept {
    Repo { _repo: TestRepo, _server: Option<Receiver> },
    Scratch { _scratch: Scratch },
}

impl Place {
    /// A place of that name.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "directory" | "python" => Self::scratch(|place| {
                std::fs::create_dir(place.join("here")).unwrap();
                "here".to_owned()
            }),
            "demo" => Self::scratch(|place| {
                let run = Run::of(command(place).args(["demo", "demo"]));
                assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
                // As it is before anything is run in it.
                git(&place.join("demo/shop"), &["reset", "--quiet", "--hard", "origin/main"]);
                git(&place.join("demo/shop"), &["clean", "--quiet", "--force", "-d"]);
                "demo/shop".to_owned()
            }),
            "empty" => Self::of(TestRepo::new(), None),
            "ready" => Self::of(ready(), None),
            "working" => Self::of(working(), None),
            "server" => Self::of(working(), Some(server())),
            _ => panic!("there is no place `{name}`: directory, python, demo, empty, ready, working, server"),
        }
    }

    /// What a place needs that this machine has not.
    pub(crate) fn missing(name: &str) -> Option<&'static str> {
        let has = |program: &[&str]| {
            Command::new(program[0]).args(&program[1..]).output().is_ok_and(|ran| ran.status.success())
        };
        let lacks = name == "python" && !has(&["python3", "-c", "import ensurepip, venv"]);
        lacks.then_some("there is no Python here that can make environments")
    }

    fn scratch(make: impl FnOnce(&Path) -> String) -> Self {
        let scratch = Scratch::new();
        let top = scratch.path().canonicalize().unwrap();
        let root = top.join(make(&top));
        let home = top.join("home");
        std::fs::create_dir(&home).unwrap();
        Self { root, home, variables: Vec::new(), _kept: Kept::Scratch { _scratch: scratch } }
    }

    fn of(repo: TestRepo, server: Option<Receiver>) -> Self {
        let home = repo.outside().join("home");
        std::fs::create_dir(&home).unwrap();
        let variables = server.iter().flat_map(|server| {
            [("CLEARANCE_SYNC_SERVER", server.url()), ("CLEARANCE_SYNC_TOKEN", "token-of-a-test".to_owned())]
        });
        let variables = variables.collect();
        Self {
            root: repo.root().to_owned(),
            home,
            variables,
            _kept: Kept::Repo { _repo: repo, _server: server },
        }
    }
}

/// The mission `013`, cleared for its merge: two lanes, approved, and a remote that has everything. On `main`.
fn ready() -> TestRepo {
    let repo = TestRepo::new();
    repo.git(&["branch", "--move", "main"]);
    let ours = |text: &str| {
        text.replace("mission-m", &format!("mission-{MISSION}")).replace("\"m\"", &format!("\"{MISSION}\""))
    };
    let file = |name: &str| format!("kitty-specs/{MISSION}/{name}");
    repo.write("shared.txt", "one\ntwo\nthree\nfour\nfive\nsix\nseven\n");
    repo.write(&file("meta.json"), "{\"status_phase\": \"1\", \"target_branch\": \"main\"}\n");
    repo.write(&file("lanes.json"), ours(LANES));
    repo.write(
        &file("tasks.md"),
        "# Tasks\n\n## WP01\n\n- [ ] T001 Store\n- [ ] T002 Read\n\n## WP02\n\n- [ ] T003 Page\n",
    );
    repo.write(&file("tasks/WP01-store.md"), "---\nwork_package_id: WP01\ntitle: Store\nsubtasks: []\n---\n");
    repo.write(&file("tasks/WP02-page.md"), "---\nwork_package_id: WP02\ntitle: Page\nsubtasks: []\n---\n");
    let log = approved("WP01") + &approved("WP02");
    repo.write(&file("status.events.jsonl"), ours(&log));
    repo.commit_all("Mission");
    repo.git(&["branch", &ours("kitty/mission-m")]);
    for (branch, (from, to), file) in
        [(LANE_A, ("one", "ONE"), "a.txt"), (LANE_B, ("seven", "SEVEN"), "b.txt")]
    {
        lane(&repo, &ours(branch), (from, to), file);
    }
    done(
        &repo,
        "git init --quiet --bare --initial-branch=main ../origin.git && git remote add origin ../origin.git && git push --quiet --all --set-upstream origin && git remote set-head origin main",
    );
    repo
}

/// The same mission on its own branch, with work packages that are planned, and one in review.
fn working() -> TestRepo {
    let repo = ready();
    repo.git(&["checkout", "--quiet", &format!("kitty/mission-{MISSION}")]);
    let log = step("WP01", "genesis", "planned") + &step("WP02", "planned", "claimed");
    let log = log.replace("\"m\"", &format!("\"{MISSION}\""));
    repo.write(&format!("kitty-specs/{MISSION}/status.events.jsonl"), log);
    repo.commit_all("At work");
    repo
}

/// A server that takes all events, and says that it is there.
fn server() -> Receiver {
    Receiver::start(|_, request| match request.body.is_empty() {
        true => Reply::Status(200, "", String::new()),
        false => Reply::Take,
    })
}

//! `clearance demo`: a small real repository, and the product run on it as its users run it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clearance_engine::exit::ExitStatus;
use clearance_engine::repo::{Git, without_redirection};
use clearance_engine::source::{harmless, shell_quote};
use serde_json::json;

use super::Answer;
use crate::args::{DemoArgs, Global};
use crate::env::Env;
use crate::failure::Failure;
use crate::output::reports;

/// The files of the demo's repository.
const FILES: [(&str, &str); 8] = [
    ("README.md", "# Shop\n\nA repository that keeps its specifications beside its code.\n"),
    ("kitty-specs/001-shop-checkout/tasks.md", include_str!("demo/rows-tasks.md")),
    ("kitty-specs/001-shop-checkout/tasks/WP03-payment.md", include_str!("demo/rows-wp03.md")),
    ("kitty-specs/002-order-history/tasks.md", include_str!("demo/events-tasks.md")),
    ("kitty-specs/002-order-history/tasks/WP01-store.md", include_str!("demo/events-wp01.md")),
    ("kitty-specs/002-order-history/tasks/WP02-page.md", include_str!("demo/events-wp02.md")),
    (
        "kitty-specs/001-shop-checkout/meta.json",
        "{\"mission_id\": \"01KQW4DFAWRMK2PM22CHZYBJ26\", \"mission_number\": 1, \"target_branch\": \"main\"}\n",
    ),
    (
        "kitty-specs/002-order-history/meta.json",
        "{\"mission_id\": \"01KQX5E0BXSNM3QN33DJ0ZCK37\", \"mission_number\": 2, \"status_phase\": \"1\", \"target_branch\": \"main\"}\n",
    ),
];

const BRANCH: &str = "kitty/mission-001-shop-checkout";

/// A command of the demo: what it shows, the words, and the exit code it must have.
type Step = (&'static str, &'static [&'static str], i32);

/// Words `clearance` first run this program, words `git` first run git.
const STEPS: [Step; 13] = [
    ("What is registered in this binary.", &["clearance", "rules", "list"], 0),
    (
        "A forecast: the mission comes from the branch. T001 has a checkbox and a table row, T004 stands in a range, \
         T006 has no box, T008 only a roster.",
        &["clearance", "mark-status", "T001", "T004", "T006", "T008", "--status", "done", "--dry-run"],
        0,
    ),
    (
        "The same for real, in one write and one commit.",
        &["clearance", "mark-status", "T001,T004,T006", "T008", "--status", "done", "--auto-commit"],
        0,
    ),
    ("What was committed.", &["git", "show", "--stat", "--format=%h %s"], 0),
    (
        "Again, for a script: nothing changes, and nothing is written.",
        &["clearance", "mark-status", "T001", "--status", "done", "--json"],
        0,
    ),
    (
        "What cannot be resolved is said, and hides nothing else.",
        &["clearance", "mark-status", "T002", "T1", "WP03", "--status", "done"],
        0,
    ),
    (
        "A mission whose state is kept in events: tasks.md stays as it is.",
        &["clearance", "mark-status", "T001-T003", "--status", "done", "--mission", "order-history"],
        0,
    ),
    ("The events.", &["git", "status", "--short"], 0),
    (
        "Work packages have lanes. These two have none yet; pending seeds them.",
        &["clearance", "mark-status", "WP01", "WP02", "--status", "pending", "--mission", "order-history"],
        0,
    ),
    (
        "The tasks of WP01 are done, so it may go to review: three steps, each by the rules, in one write.",
        &["clearance", "move", "WP01", "--to", "for_review", "--mission", "order-history"],
        0,
    ),
    (
        "What may not be done is refused, with what is missing and what is allowed next.",
        &["clearance", "move", "WP02", "--to", "done", "--mission", "order-history"],
        1,
    ),
    ("The board.", &["clearance", "status", "--mission", "order-history"], 0),
    (
        "A mission that does not exist.",
        &["clearance", "mark-status", "T001", "--status", "done", "--mission", "order-histori"],
        2,
    ),
];

/// What a step did.
struct Ran {
    about: &'static str,
    line: String,
    expected: i32,
    code: i32,
    stdout: String,
    stderr: String,
}

pub(crate) fn run(args: &DemoArgs, global: &Global, env: &Env) -> Result<Answer, Failure> {
    let directory = prepare(args, env)?;
    let work = build(&directory)?;
    let program = env
        .program
        .as_deref()
        .ok_or_else(|| Failure::undecided("no_program", "this program's file is gone"))?;
    let ran = STEPS.iter().map(|step| run_step(step, program, &work)).collect::<Result<Vec<_>, _>>()?;
    let surprise = ran.iter().any(|step| step.code != step.expected);
    let status = if surprise { ExitStatus::Bug } else { ExitStatus::Done };
    let steps = ran.iter().map(|step| {
        json!({ "command": step.line, "exit_code": step.code, "stdout": step.stdout, "stderr": step.stderr })
    });
    let value = json!({
        "schema": "clearance.demo/v1",
        "directory": directory,
        "steps": steps.collect::<Vec<_>>(),
    });
    let stdout = if reports::json_on_stdout(global) {
        format!("{}\n", reports::shown(&value))
    } else {
        text(&directory, &ran)
    };
    Ok(Answer { status, reports: reports::files(&global.report, &value, None), ..Answer::text(stdout) })
}

/// The directory to build in: new, or empty. Nothing that exists is touched.
fn prepare(args: &DemoArgs, env: &Env) -> Result<PathBuf, Failure> {
    let failed = |path: &Path, error: std::io::Error| {
        Failure::undecided("demo_failed", format!("cannot make {}: {error}", path.display()))
    };
    let Some(named) = &args.directory else {
        let made = tempfile::Builder::new().prefix("clearance-demo-").tempdir();
        return made
            .map(tempfile::TempDir::keep)
            .map_err(|error| failed(Path::new("a temporary directory"), error));
    };
    let directory = env.directory()?.join(named);
    if fs::read_dir(&directory).is_ok_and(|mut entries| entries.next().is_some()) || directory.is_file() {
        let message = format!("{} is not empty", named.display());
        return Err(Failure::usage(
            "demo_directory_not_empty",
            message,
            "name a directory that does not exist yet",
        ));
    }
    fs::create_dir_all(&directory).map_err(|error| failed(&directory, error))?;
    Ok(directory)
}

/// `DIR/origin.git`, bare, and `DIR/shop`, its clone, on the mission's branch.
fn build(directory: &Path) -> Result<PathBuf, Failure> {
    let work = directory.join("shop");
    let git = Git::new(directory);
    git.run(&["init", "--quiet", "--bare", "--initial-branch=main", "origin.git"])?;
    git.run(&["init", "--quiet", "--initial-branch=main", "shop"])?;
    for (name, content) in FILES {
        let path = work.join(name);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| File::create_new(&path))
            .and_then(|mut file| file.write_all(content.as_bytes()))
            .map_err(|error| Failure::undecided("demo_failed", format!("cannot write {name}: {error}")))?;
    }
    let git = Git::new(&work);
    // The demo must run where git was never set up, and must not run a user's own hooks or ask for a signature.
    for (key, value) in [
        ("user.name", "Demo"),
        ("user.email", "demo@example.invalid"),
        ("commit.gpgsign", "false"),
        ("core.hooksPath", ".git/hooks"),
    ] {
        git.run(&["config", key, value])?;
    }
    git.run(&["add", "--all"])?;
    git.run(&["commit", "--quiet", "--message", "Specify the checkout and the order history"])?;
    git.run(&["remote", "add", "origin", "../origin.git"])?;
    git.run(&["push", "--quiet", "--set-upstream", "origin", "main"])?;
    git.run(&["switch", "--quiet", "--create", BRANCH])?;
    Ok(work)
}

fn run_step(step: &Step, program: &Path, work: &Path) -> Result<Ran, Failure> {
    let (about, words, expected) = *step;
    let line = words.iter().map(|word| shell_quote(word)).collect::<Vec<_>>().join(" ");
    let mut command = match words[0] {
        "git" => {
            let mut git = Command::new("git");
            git.arg("--no-pager");
            git
        }
        _ => Command::new(program),
    };
    without_redirection(&mut command);
    let output = command.args(&words[1..]).current_dir(work).stdin(Stdio::null()).output();
    let output =
        output.map_err(|error| Failure::undecided("demo_failed", format!("cannot run `{line}`: {error}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ran {
        about,
        line,
        expected,
        code: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    })
}

fn text(directory: &Path, ran: &[Ran]) -> String {
    let mut out = format!("A repository was built in {}\n", directory.join("shop").display());
    for step in ran {
        out.push_str(&format!("\n# {}\n$ {}\n", step.about, step.line));
        out.push_str(&step.stdout);
        out.push_str(&step.stderr);
        if step.code != 0 {
            out.push_str(&format!("(exit code {})\n", step.code));
        }
        if step.code != step.expected {
            out.push_str(&format!("(expected exit code {}: this is a bug)\n", step.expected));
        }
    }
    out.push_str(&format!(
        "\nIt is yours to try: cd {}\n",
        shell_quote(&directory.join("shop").to_string_lossy())
    ));
    harmless(&out)
}

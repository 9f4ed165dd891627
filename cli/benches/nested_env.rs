//! `env create` beside the tool that it runs, on the same machine in the same run: what is between them is ours.

#![allow(missing_docs, reason = "criterion's macros write undocumented items")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clearance_testkit::{Scratch, clearance, python, scrub};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

/// Places for environments, each new.
struct Places {
    scratch: Scratch,
    next: std::cell::Cell<usize>,
}

impl Places {
    fn new() -> Self {
        Self { scratch: Scratch::new(), next: std::cell::Cell::new(0) }
    }

    fn next(&self) -> PathBuf {
        self.next.set(self.next.get() + 1);
        self.scratch.path().join(format!("env-{}", self.next.get()))
    }
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("a started process");
    assert!(status.success(), "{command:?}: {status}");
}

/// A command that is run as we run it: in an environment without the caller's.
fn scrubbed(mut command: Command, places: &Places, path: &Path) -> Command {
    scrub(&mut command);
    command.current_dir(places.scratch.path()).env("HOME", places.scratch.path()).env("PATH", path);
    command
}

fn uv(criterion: &mut Criterion) {
    let Some(uv) = python::uv(Path::new(env!("CARGO_TARGET_TMPDIR"))) else { return };
    let (places, python) = (Places::new(), python::interpreter());
    let programs = uv.parent().expect("its directory");
    let mut group = criterion.benchmark_group("env create with uv");
    group.sample_size(30);
    group.bench_function("uv venv", |bencher| {
        let one = |place: PathBuf| {
            let mut command = scrubbed(Command::new(&uv), &places, programs);
            run(command.args(["venv", "--no-config", "--no-project", "--python"]).arg(&python).arg(place));
        };
        bencher.iter_batched(|| places.next(), one, BatchSize::PerIteration);
    });
    group.bench_function("clearance env create", |bencher| {
        let one = |place: PathBuf| {
            let binary = Path::new(env!("CARGO_BIN_EXE_clearance"));
            let command = clearance(binary, places.scratch.path());
            let mut command = scrubbed(command, &places, programs);
            run(command.args(["env", "create", "--python"]).arg(&python).arg(place));
        };
        bencher.iter_batched(|| places.next(), one, BatchSize::PerIteration);
    });
    group.finish();
}

fn stdlib(criterion: &mut Criterion) {
    let (places, python) = (Places::new(), python::interpreter());
    let mut group = criterion.benchmark_group("env create with the standard library");
    group.sample_size(10);
    let nowhere = Path::new("/no/such/directory");
    group.bench_function("python -m venv", |bencher| {
        let one = |place: PathBuf| {
            let mut command = scrubbed(Command::new(&python), &places, nowhere);
            run(command.args(["-I", "-m", "venv"]).arg(place));
        };
        bencher.iter_batched(|| places.next(), one, BatchSize::PerIteration);
    });
    group.bench_function("clearance env create", |bencher| {
        let one = |place: PathBuf| {
            let binary = Path::new(env!("CARGO_BIN_EXE_clearance"));
            let mut command = scrubbed(clearance(binary, places.scratch.path()), &places, nowhere);
            run(command.args(["env", "create", "--python"]).arg(&python).arg(place));
        };
        bencher.iter_batched(|| places.next(), one, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, uv, stdlib);
criterion_main!(benches);

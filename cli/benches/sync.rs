//! A command that records a step, with sync off, and with a server of this machine that takes it; beside `git rev-parse HEAD` in
//! the same repository and run.
//!
//! Quote ratios: all stand in the same group. Figures are in docs/performance.md.

#![allow(missing_docs, reason = "criterion's macros write undocumented items")]

#[path = "support/missions.rs"]
mod missions;

use std::process::Command;

use clearance_testkit::receiver::Receiver;
use clearance_testkit::{clearance, scrub};
use criterion::{Criterion, criterion_group, criterion_main};
use missions::{Size, USUAL, binary, repository, run, tried_only};

fn sync(criterion: &mut Criterion) {
    let size = if tried_only() { Size { files: 10, ..USUAL } } else { USUAL };
    let repo = repository(size);
    let server = Receiver::takes();
    let mut group = criterion.benchmark_group("sync");
    group.bench_function("git rev-parse HEAD", |bencher| {
        bencher.iter(|| {
            let mut git = Command::new("git");
            scrub(&mut git);
            run(git.current_dir(repo.root()).args(["rev-parse", "HEAD"]));
        });
    });
    group.bench_function("sync now, off", |bencher| {
        bencher.iter(|| {
            // 4: nothing was evaluated.
            let status = clearance(binary(), repo.root()).args(["sync", "now", "--quiet"]).status();
            assert_eq!(status.expect("a started process").code(), Some(4));
        });
    });
    for (name, on) in [("move, off", false), ("move, on", true)] {
        let mut lanes = ["blocked", "planned"].into_iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let to = lanes.next().unwrap_or("blocked");
                let mut step = clearance(binary(), repo.root());
                step.args(["move", "WP01", "--to", to, "--mission", "m", "--force"]);
                step.args(["--reason", "x", "--actor", "ann"]);
                if on {
                    step.env("CLEARANCE_SYNC", "1").env("CLEARANCE_SYNC_TOKEN", "t");
                    step.env("CLEARANCE_SYNC_SERVER", server.url());
                }
                run(&mut step);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, sync);
criterion_main!(benches);

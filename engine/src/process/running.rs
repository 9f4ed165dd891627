//! Running a program, with an end to everything: its time, what it prints and what it started.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::source::harmless;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::interrupt::{Running, is_interrupted};
use super::{Ended, Kept, Program, ProgramError, resolve};

/// Runs it. See [`super::run`].
pub(super) fn run(program: &Program<'_>) -> Result<Ended, ProgramError> {
    let Some((name, arguments)) = program.argv.split_first() else { return Err(ProgramError::NoName) };
    let file = resolve(name, program.directory, program.env)?;
    if !program.directory.is_dir() {
        return Err(ProgramError::NoDirectory { path: program.directory.to_owned() });
    }
    let _running = Running::new();
    if is_interrupted() {
        return Err(ProgramError::Interrupted { program: file });
    }
    let mut command = Command::new(&file);
    command.args(arguments).current_dir(program.directory).process_group(0);
    command.env_clear().envs(program.env.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(source) => return Err(ProgramError::Spawn { program: file, source }),
    };
    let pipes = child.stdout.take().map(OwnedFd::from).zip(child.stderr.take().map(OwnedFd::from));
    let (stdout, stderr) = pipes.unwrap_or_else(|| unreachable!("both were asked for"));
    let mut outputs = [stdout, stderr].map(|pipe| Output::of(pipe, program));
    let watched = watch(Pid::from_child(&child), &mut outputs, program.timeout);
    // Before it is reaped: until then no other group can have its number.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let reaped = reap(&mut child);
    if watched.is_ok() {
        outputs.iter_mut().for_each(Output::take_the_rest);
    }
    outputs.iter_mut().for_each(Output::cut_the_beginning);
    let cut = outputs.iter().any(|output| output.cut);
    let [stdout, stderr] = outputs.map(Output::into_text);
    match (watched, reaped) {
        _ if is_interrupted() => Err(ProgramError::Interrupted { program: file }),
        (Ok(true), Ok(Some(status))) => {
            Ok(Ended { code: status.code(), signal: status.signal(), stdout, stderr, cut })
        }
        (Ok(false), reaped) => {
            let stopped = matches!(reaped, Ok(Some(_)));
            Err(ProgramError::Timeout { program: file, after: program.timeout, stopped, stdout, stderr })
        }
        (Err(source), _) | (_, Err(source)) => Err(ProgramError::Lost { program: file, source }),
        (Ok(true), Ok(None)) => {
            Err(ProgramError::Lost { program: file, source: io::ErrorKind::TimedOut.into() })
        }
    }
}

/// Takes what a program prints until it ends; whether it did in time. It is not reaped.
fn watch(program: Pid, outputs: &mut [Output; 2], timeout: Duration) -> io::Result<bool> {
    const SHORTEST: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_millis(16);
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    for pipe in outputs.iter().filter_map(|output| output.pipe.as_ref()) {
        ioctl_fionbio(pipe, true)?;
    }
    let started = Instant::now();
    let mut pause = SHORTEST;
    while waitid(WaitId::Pid(program), ended)?.is_none() {
        let left = timeout.saturating_sub(started.elapsed());
        if left.is_zero() || is_interrupted() {
            return Ok(false);
        }
        // Its end is told by its outputs, unless it closed them or somebody else holds them: so a pause has an end.
        wait_for_any(outputs, pause.min(left))?;
        let mut came = false;
        for output in &mut *outputs {
            // Who closes an output is about to end.
            let open = output.pipe.is_some();
            came |= output.take_some() || output.pipe.is_some() != open;
        }
        pause = if came { SHORTEST } else { (pause * 2).min(LONGEST) };
    }
    Ok(true)
}

/// Waits until there is something to take, but not for long.
fn wait_for_any(outputs: &[Output; 2], longest: Duration) -> io::Result<()> {
    let open = outputs.iter().filter_map(|output| output.pipe.as_ref());
    let mut open: Vec<_> = open.map(|pipe| PollFd::new(pipe, PollFlags::IN)).collect();
    if open.is_empty() {
        std::thread::sleep(longest);
        return Ok(());
    }
    let longest = Timespec::try_from(longest).map_err(io::Error::other)?;
    match poll(&mut open, Some(&longest)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Its status; `None` where it does not end though it was killed, as one that runs as somebody else.
fn reap(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    const LONGEST: Duration = Duration::from_secs(2);
    let started = Instant::now();
    loop {
        match child.try_wait()? {
            None if started.elapsed() < LONGEST => std::thread::sleep(Duration::from_millis(1)),
            status => return Ok(status),
        }
    }
}

/// What a program prints: a part is kept, and the rest is read, so that it can go on.
struct Output {
    /// Until its end.
    pipe: Option<File>,
    bytes: Vec<u8>,
    cap: usize,
    part: Kept,
    /// Whether there was more.
    cut: bool,
}

impl Output {
    fn of(pipe: OwnedFd, program: &Program<'_>) -> Self {
        let (cap, part) = (program.output_cap, program.kept);
        Self { pipe: Some(File::from(pipe)), bytes: Vec::new(), cap, part, cut: false }
    }

    /// Takes what is there, if anything is.
    fn take_some(&mut self) -> bool {
        let mut buffer = [0; 64 << 10];
        let Some(pipe) = &mut self.pipe else { return false };
        match pipe.read(&mut buffer) {
            Ok(length @ 1..) => {
                self.keep(&buffer[..length]);
                true
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                false
            }
            ended => {
                self.pipe = None;
                self.cut |= ended.is_err();
                false
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        match self.part {
            Kept::Beginning => {
                let room = bytes.len().min(self.cap - self.bytes.len());
                self.bytes.extend_from_slice(&bytes[..room]);
                self.cut |= room < bytes.len();
            }
            Kept::End => {
                self.bytes.extend_from_slice(bytes);
                // Not at every read: what is cut off is moved.
                if self.bytes.len() > 2 * self.cap {
                    self.cut_the_beginning();
                }
            }
        }
    }

    /// Of what is kept of the end; the beginning is never longer.
    fn cut_the_beginning(&mut self) {
        let surplus = self.bytes.len().saturating_sub(self.cap);
        self.bytes.drain(..surplus);
        self.cut |= surplus > 0;
    }

    /// Takes what was printed until now. Somebody else may hold the pipe, and fill it for ever.
    fn take_the_rest(&mut self) {
        /// More than a pipe holds.
        const MOST_READS: usize = 64;
        let all_that_is_kept = |output: &Self| output.cut && output.part == Kept::Beginning;
        (0..MOST_READS).take_while(|_| !all_that_is_kept(self) && self.take_some()).for_each(drop);
    }

    fn into_text(self) -> String {
        harmless(&String::from_utf8_lossy(&self.bytes))
    }
}

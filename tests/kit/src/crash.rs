//! Crashes: a command whose processes are all killed at one system call that changes files.
//!
//! The command runs under ptrace, and a seccomp filter stops it at the calls that change files and at no others. What is
//! changed without one is not seen: through a memory map, `io_uring` or a reflink, or by a process that was there before.
//! A program of another architecture is killed by the filter, and a process that stops itself goes on.

mod calls;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{panic, thread};

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

pub use calls::Call;

/// What the last call is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// It is not made.
    Before,
    /// If it [can be torn](Call::tears), the first half of its bytes is written. Else it is not made.
    Torn,
}

/// When a command is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// At which call, counted from one.
    pub at: usize,
    /// Whether some of it still happens.
    pub blow: Blow,
}

/// How a command ended.
#[derive(Debug)]
pub enum Ended {
    /// By itself, and whatever it left in the background with it.
    ByItself {
        /// Its exit code, if no signal ended it. 127 is also that of a program that is not there.
        code: Option<i32>,
        /// What was said on standard output.
        stdout: Vec<u8>,
        /// What was said on standard error.
        stderr: Vec<u8>,
        /// The calls that counted, in the order in which they were begun.
        calls: Vec<Call>,
    },
    /// With all of its processes, at a call.
    Killed {
        /// The call that was not made, or not to its end.
        call: Call,
        /// What had been said on standard output.
        stdout: Vec<u8>,
        /// What had been said on standard error.
        stderr: Vec<u8>,
    },
}

/// Runs a command, and kills it where it shall crash: the calls before that one are made, all of them to their ends, and
/// no later one. When this returns, no process of it is left.
///
/// Calls count when they touch something below a directory, if they succeed or not. The command's environment is what the
/// command was given, and nothing of the caller's; nothing is on its standard input.
///
/// # Errors
/// When the command cannot be started or traced, or sends itself a real-time signal.
pub fn run(command: &Command, below: &Path, crash: Option<Crash>) -> Result<Ended> {
    let below = below.canonicalize()?;
    // Files, as nobody would empty a pipe; without names, so that writing them is never counted.
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let start = waiting(command, stdout.try_clone()?, stderr.try_clone()?)?;
    // A thread of its own: it can wait for all of its children without those of other threads, and the filter, which cannot
    // be taken off, goes with it. Until then it is under the filter itself, so it writes nothing.
    let traced = thread::scope(|scope| {
        let thread = thread::Builder::new().name("crash".to_owned());
        let thread = thread.spawn_scoped(scope, || Tree::trace(start, &below, crash))?;
        thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic))
    });
    let (tree, stopped) = traced?;
    let (stdout, stderr) = (content(&mut stdout)?, content(&mut stderr)?);
    Ok(match stopped {
        Some(call) => Ended::Killed { call, stdout, stderr },
        None => Ended::ByItself { code: tree.code, stdout, stderr, calls: tree.calls },
    })
}

fn content(file: &mut File) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut content)?;
    Ok(content)
}

/// The command behind a shell that waits for its standard input to end, so that it can be traced from its first call on.
fn waiting(command: &Command, stdout: File, stderr: File) -> Result<Command> {
    if command.get_program().as_bytes().contains(&b'=') {
        return Err(Error::new(ErrorKind::InvalidInput, "a program with `=` in its name"));
    }
    let mut start = Command::new("/bin/sh");
    // Shells add to the environment of what they start (PWD, at least), so `env` makes it.
    start.args(["-c", r#"read -r line; exec /usr/bin/env -i -- "$@" </dev/null"#, "sh"]);
    start.args(command.get_envs().filter_map(|(name, value)| {
        let mut variable = OsString::from(name);
        variable.push("=");
        variable.push(value?);
        Some(variable)
    }));
    start.arg(command.get_program()).args(command.get_args());
    if let Some(directory) = command.get_current_dir() {
        start.current_dir(directory);
    }
    start.env_clear().stdin(Stdio::piped()).stdout(stdout).stderr(stderr);
    Ok(start)
}

/// The processes of a command, and their threads.
struct Tree<'a> {
    below: &'a Path,
    first: Pid,
    code: Option<i32>,
    /// Those that were seen and not reaped: their numbers are nobody else's. One that was never seen has yet to stop for the
    /// first time.
    alive: BTreeSet<Pid>,
    /// Those that are inside of a call that counts.
    inside: BTreeSet<Pid>,
    calls: Vec<Call>,
}

impl<'a> Tree<'a> {
    /// Gives the call at which all were killed, if they were.
    fn trace(mut start: Command, below: &'a Path, crash: Option<Crash>) -> Result<(Self, Option<Call>)> {
        seccompiler::apply_filter(&calls::filter()?).map_err(Error::other)?;
        let mut shell = start.spawn()?;
        let first = Pid::from_raw(i32::try_from(shell.id()).map_err(Error::other)?);
        let (code, alive, inside, calls) = (None, BTreeSet::from([first]), BTreeSet::new(), Vec::new());
        let mut tree = Self { below, first, code, alive, inside, calls };
        let seized = ptrace::seize(
            first,
            Options::PTRACE_O_EXITKILL
                | Options::PTRACE_O_TRACECLONE
                | Options::PTRACE_O_TRACEEXEC
                | Options::PTRACE_O_TRACEFORK
                | Options::PTRACE_O_TRACESECCOMP
                | Options::PTRACE_O_TRACESYSGOOD
                | Options::PTRACE_O_TRACEVFORK,
        );
        let stopped = match seized {
            Ok(()) => {
                drop(shell.stdin.take());
                tree.follow(crash)
            }
            Err(error) => Err(error.into()),
        };
        if !matches!(stopped, Ok(None)) {
            tree.kill();
        }
        Ok((tree, stopped?))
    }

    /// Lets them run until there are none, or until one is at the last call, and none inside of an earlier one.
    fn follow(&mut self, crash: Option<Crash>) -> Result<Option<Call>> {
        while let Some(status) = wait()? {
            let Some(pid) = self.saw(status) else { continue };
            match status {
                WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_SECCOMP) => {
                    match calls::at(pid, self.below)? {
                        Some((call, registers)) => match crash {
                            Some(Crash { at, blow }) if at == self.calls.len() + 1 => {
                                self.settle()?;
                                let torn = blow == Blow::Torn && call.tears();
                                if torn && present(ptrace::setregs(pid, calls::torn(registers)))? {
                                    self.enter(pid)?;
                                    self.settle()?;
                                }
                                return Ok(Some(call));
                            }
                            _ => {
                                self.calls.push(call);
                                self.enter(pid)?;
                            }
                        },
                        None => {
                            present(ptrace::cont(pid, None))?;
                        }
                    }
                }
                WaitStatus::Stopped(_, signal) => {
                    present(ptrace::cont(pid, signal))?;
                }
                _ => {
                    present(ptrace::cont(pid, None))?;
                }
            }
        }
        Ok(None)
    }

    /// Lets calls that were begun come to their ends. Whoever stops stays stopped.
    fn settle(&mut self) -> Result<()> {
        while !self.inside.is_empty() {
            let Some(status) = wait()? else { break };
            self.saw(status);
        }
        Ok(())
    }

    /// Lets one make the call at which it stopped, and stop behind it.
    fn enter(&mut self, pid: Pid) -> Result<()> {
        if present(ptrace::syscall(pid, None))? {
            self.inside.insert(pid);
        }
        Ok(())
    }

    /// Keeps the lists. Gives the one that stopped, if one did.
    fn saw(&mut self, status: WaitStatus) -> Option<Pid> {
        let pid = status.pid()?;
        self.inside.remove(&pid);
        if let WaitStatus::Exited(..) | WaitStatus::Signaled(..) = status {
            self.alive.remove(&pid);
            if let WaitStatus::Exited(_, code) = status
                && pid == self.first
            {
                self.code = Some(code);
            }
            return None;
        }
        self.alive.insert(pid);
        if let WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_EXEC) = status {
            // A thread that starts a program takes its process's number, and is never heard of under its own again.
            if let Ok(former) = ptrace::getevent(pid) {
                let former = Pid::from_raw(i32::try_from(former).unwrap_or_default());
                if former != pid {
                    self.alive.remove(&former);
                    self.inside.remove(&former);
                }
            }
        }
        Some(pid)
    }

    /// Kills and reaps all. SIGKILL ends a stopped process where it is: its call is not made.
    fn kill(&mut self) {
        for &pid in &self.alive {
            // An error says that it is dead already.
            let _ = kill(pid, Signal::SIGKILL);
        }
        loop {
            match wait() {
                Ok(None) => return,
                // A child that was just being made, or one that died at its stop.
                Ok(Some(status)) => {
                    if let Some(pid) = self.saw(status) {
                        let _ = kill(pid, Signal::SIGKILL);
                    }
                }
                // A signal without a name, of one that was killed above.
                Err(_) => {}
            }
        }
    }
}

/// What happens next to a child of this thread or to one that it traces; nothing if it has none.
fn wait() -> Result<Option<WaitStatus>> {
    loop {
        match waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD)) {
            Ok(status) => return Ok(Some(status)),
            Err(Errno::ECHILD) => return Ok(None),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether a process was there to be asked something: one that was killed is gone before that is reported.
fn present(asked: nix::Result<()>) -> Result<bool> {
    match asked {
        Ok(()) => Ok(true),
        Err(Errno::ESRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

//! The git command, run: its arguments, its environment, what it said.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::explained;
use crate::source::without_secrets;

/// Variables that would make a git child look at another repository, at other files or at another history than it is told
/// to; a hook's environment has some of them.
const REDIRECTING: [&str; 16] = [
    "GIT_ATTR_SOURCE",
    "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_NAMESPACE",
    "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_PREFIX",
];

/// What tells a hook that a merge of this program runs it, which has asked everything before.
pub const OF_A_LANDING: &str = "CLEARANCE_LANDING";

/// The git that first took `--attr-source`; the rest of what is asked for is older.
const NEEDED: (u32, u32) = (2, 41);

/// The git command in one directory.
#[derive(Debug, Clone)]
pub struct Git {
    pub(super) directory: PathBuf,
    /// Where new objects go, and where the others are.
    objects: Option<(PathBuf, PathBuf)>,
}

/// A git command that failed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum GitError {
    /// git could not be started.
    #[error("cannot run git: {0}")]
    #[diagnostic(code(git_not_found), help("install git, or put it on PATH"))]
    Start(io::Error),
    /// What git prints has no place to go.
    #[error("no temporary file can be made in {}: {}", tempfile::env::temp_dir().display(), .0.kind())]
    #[diagnostic(
        code(no_temporary_directory),
        help("make room there, or set TMPDIR to a directory that may be written to")
    )]
    Temporary(io::Error),
    /// Temporary files go into the repository itself.
    #[error("the directory of temporary files, {}, is inside the repository: files of a commit that are written there would be taken for a part of it", .0.display())]
    #[diagnostic(
        code(temporary_directory_in_repository),
        help("set TMPDIR to a directory outside of the repository: export TMPDIR=/tmp")
    )]
    TemporaryInside(PathBuf),
    /// git printed more than is read.
    #[error("git printed more than {} MiB", MOST_PRINTED >> 20)]
    #[diagnostic(
        code(git_too_much),
        help("files of that size belong outside of the repository: see git-lfs.com")
    )]
    TooMuch,
    /// git said no.
    #[error("`git {command}` failed: {message}")]
    #[diagnostic(code(git_failed))]
    Failed {
        /// Which git command.
        command: String,
        /// The last lines of what it said.
        message: String,
    },
}

impl Git {
    /// The git command, run in `directory`.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), objects: None }
    }

    /// The same, with new objects written into `own` and the others read from `shared`.
    #[must_use]
    pub fn with_objects(self, own: &Path, shared: &Path) -> Self {
        Self { objects: Some((own.to_owned(), shared.to_owned())), ..self }
    }

    /// The same in another directory.
    #[must_use]
    pub fn at(&self, directory: &Path) -> Self {
        Self { directory: directory.to_owned(), objects: self.objects.clone() }
    }

    /// Runs git where some exit codes are answers: the code, and what it printed.
    ///
    /// # Errors
    /// [`GitError`] for any other code.
    pub fn answer<A: AsRef<OsStr>>(&self, arguments: &[A], codes: &[i32]) -> Result<(i32, String), GitError> {
        let mut command = self.command(arguments);
        let output = to_its_end(command.env("LC_ALL", "C"))?;
        match output.status.code().filter(|code| codes.contains(code)) {
            Some(code) => Ok((code, String::from_utf8_lossy(&output.stdout).into_owned())),
            None => Err(GitError::Failed { command: described(arguments), message: last_words(&output) }),
        }
    }

    /// Runs git for at most `deadline`, for what asks another machine.
    ///
    /// # Errors
    /// [`GitError`]; after the deadline git is killed.
    pub fn run_within<A: AsRef<OsStr>>(
        &self,
        arguments: &[A],
        deadline: Duration,
    ) -> Result<String, GitError> {
        let failed = |message: String| GitError::Failed { command: described(arguments), message };
        let (mut out, mut err) = (
            tempfile::tempfile().map_err(GitError::Temporary)?,
            tempfile::tempfile().map_err(GitError::Temporary)?,
        );
        let mut command = self.command(arguments);
        command.env("LC_ALL", "C").env("GIT_ASKPASS", "true").env("SSH_ASKPASS_REQUIRE", "never");
        // Of these questions, a push has a hook.
        command.env(OF_A_LANDING, "1");
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let clone = |file: &File| file.try_clone().map_err(GitError::Temporary);
        let mut child = command.stdout(clone(&out)?).stderr(clone(&err)?).spawn().map_err(GitError::Start)?;
        let started = Instant::now();
        let status = loop {
            match child.try_wait().map_err(GitError::Start)? {
                Some(status) => break status,
                None if started.elapsed() < deadline => std::thread::sleep(Duration::from_millis(2)),
                None => {
                    // With all its helpers: ssh would wait on.
                    #[cfg(unix)]
                    if let Some(group) =
                        i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw)
                    {
                        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
                    }
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(failed(format!("no answer within {:.1} s", deadline.as_secs_f32())));
                }
            }
        };
        let read = |file: &mut File| read_back(file).map_err(not_read);
        let output = Output { status, stdout: read(&mut out)?, stderr: read(&mut err)? };
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(failed(last_words(&output)))
        }
    }

    /// Runs git and gives what it printed, without the last line ending.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<String, GitError> {
        let output = succeeded(arguments, to_its_end(&mut self.command(arguments)))?;
        let text = String::from_utf8_lossy(&output);
        Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
    }

    /// Runs git with something to read, and gives what it printed.
    pub(super) fn run_with_input<A: AsRef<OsStr>>(
        &self,
        arguments: &[A],
        input: impl AsRef<[u8]>,
    ) -> Result<Vec<u8>, GitError> {
        self.run_with_input_and(arguments, input, &[])
    }

    /// The same, with variables of the environment besides.
    pub(super) fn run_with_input_and<A: AsRef<OsStr>>(
        &self,
        arguments: &[A],
        input: impl AsRef<[u8]>,
        environment: &[(&str, &str)],
    ) -> Result<Vec<u8>, GitError> {
        let mut file = tempfile::tempfile().map_err(GitError::Temporary)?;
        let written = file.write_all(input.as_ref()).and_then(|()| file.rewind());
        written.map_err(GitError::Temporary)?;
        let mut command = self.command(arguments);
        command.stdin(file).env("LC_ALL", "C").envs(environment.iter().copied());
        succeeded(arguments, to_its_end(&mut command))
    }

    pub(super) fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = self.here();
        // Paths are names here, never patterns.
        command.arg("--literal-pathspecs").args(arguments);
        // A question must not write, not even a refreshed index.
        command.env("GIT_OPTIONAL_LOCKS", "0");
        command
    }

    /// git in its directory, ready to take arguments.
    fn here(&self) -> Command {
        let mut command = Command::new("git");
        without_redirection(&mut command);
        command.arg("-C").arg(&self.directory).env("GIT_TERMINAL_PROMPT", "0");
        if let Some((own, shared)) = &self.objects {
            command.env("GIT_OBJECT_DIRECTORY", own).env("GIT_ALTERNATE_OBJECT_DIRECTORIES", quoted(shared));
        }
        command.stdin(Stdio::null());
        command
    }
}

/// What a git command printed that ended well.
fn succeeded<A: AsRef<OsStr>>(
    arguments: &[A],
    output: Result<Output, GitError>,
) -> Result<Vec<u8>, GitError> {
    let output = output?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(GitError::Failed { command: described(arguments), message: last_words(&output) })
    }
}

/// git's version, if it is older than the one that is needed.
fn old_version() -> Option<String> {
    let output = Command::new("git").arg("version").output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.split_whitespace().nth(2)?;
    let mut numbers = version.split('.').map_while(|number| number.parse().ok());
    let version_of = (numbers.next()?, numbers.next()?);
    (version_of < NEEDED).then(|| version.to_owned())
}

/// Runs a command until it ends. What it prints goes to files: a pipe would also wait for whatever a hook left running
/// in the background.
fn to_its_end(command: &mut Command) -> Result<Output, GitError> {
    let mut files = || -> io::Result<_> {
        let (out, err) = (tempfile::tempfile()?, tempfile::tempfile()?);
        command.stdout(out.try_clone()?).stderr(err.try_clone()?);
        Ok((out, err))
    };
    let (mut out, mut err) = files().map_err(GitError::Temporary)?;
    let status = command.status().map_err(GitError::Start)?;
    let read = |file: &mut File| read_back(file).map_err(not_read);
    Ok(Output { status, stdout: read(&mut out)?, stderr: read(&mut err)? })
}

pub(super) fn read_back(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(MOST_PRINTED + 1).read_to_end(&mut bytes)?;
    // What is cut off would be taken for all there is.
    if bytes.len() as u64 > MOST_PRINTED { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// Most bytes of an answer of git that are read.
const MOST_PRINTED: u64 = 512 << 20;

fn not_read(error: io::Error) -> GitError {
    match error.kind() {
        io::ErrorKind::FileTooLarge => GitError::TooMuch,
        _ => GitError::Temporary(error),
    }
}

/// Whether a variable of the environment would lead git elsewhere.
#[must_use]
pub fn redirects(variable: &str) -> bool {
    REDIRECTING.contains(&variable)
}

/// Takes out of a child's environment what would lead git elsewhere.
pub fn without_redirection(command: &mut Command) {
    for variable in REDIRECTING {
        command.env_remove(variable);
    }
}

/// The subcommand; the rest is options, paths and messages.
fn described<A: AsRef<OsStr>>(arguments: &[A]) -> String {
    let mut words = arguments.iter().map(|word| word.as_ref().to_string_lossy());
    while let Some(word) = words.next() {
        if word == "-c" {
            words.next();
        } else if !word.starts_with('-') {
            return word.into_owned();
        }
    }
    String::new()
}

/// The next answer of `git cat-file --batch`: `<object> <type> <size>LF<content>LF`, or `<object> missing LF`.
fn one_content(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (head, after) = (str::from_utf8(&rest[..end]).ok()?, &rest[end + 1..]);
    *rest = after;
    let size: usize = head.rsplit_once(' ')?.1.parse().ok()?;
    let content = after.get(..size)?;
    *rest = after.get(size + 1..).unwrap_or_default();
    Some(content.to_owned())
}

/// A path in a list that is separated by colons: in quotes where it has one, as git takes it.
fn quoted(path: &Path) -> std::ffi::OsString {
    let text = path.to_string_lossy();
    if !text.contains(':') && !text.starts_with('"') {
        return path.as_os_str().to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")).into()
}

/// What git, or a hook it ran, said.
fn last_words(output: &Output) -> String {
    let text = last_lines(&[output.stdout.as_slice(), output.stderr.as_slice()].concat());
    if text.is_empty() { format!("{}", output.status) } else { text }
}

/// The last lines of what was said, control characters removed. git prints its usage where it does not know what it is
/// asked for, which tells nobody that it is too old.
pub(super) fn last_lines(said: &[u8]) -> String {
    const LINES: usize = 12;
    let said = String::from_utf8_lossy(said);
    let old = said.lines().any(|line| line.starts_with("usage: git ")).then(old_version).flatten();
    if let Some(version) = old {
        let (major, minor) = NEEDED;
        return format!(
            "clearance needs git {major}.{minor} or newer, and this one is {version}: install a newer one, or put it first on PATH"
        );
    }
    let lines: Vec<_> = said.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let lines = &lines[lines.len().saturating_sub(LINES)..];
    // A tab parts words.
    let text: String = lines.join("\n").chars().map(|c| if c == '\t' { ' ' } else { c }).collect();
    let text: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
    explained(without_secrets(&text))
}

/// A work tree as `git worktree list --porcelain` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OnRecord {
    /// Where it is, or was; of a bare repository, the git directory.
    pub(crate) root: PathBuf,
    /// The branch it has checked out.
    pub(crate) branch: Option<String>,
    /// Whether it is a bare repository, which has none.
    pub(crate) bare: bool,
    /// Whether git would forget it: its directory is gone, and nobody said (`git worktree lock`) that it comes back.
    pub(crate) prunable: bool,
}

impl OnRecord {
    fn of(entry: &[&[u8]]) -> Option<Self> {
        let field = |name: &[u8]| entry.iter().find_map(|field| field.strip_prefix(name));
        let branch = field(b"branch refs/heads/").map(|name| String::from_utf8_lossy(name).into_owned());
        Some(Self {
            root: path_of_bytes(field(b"worktree ")?),
            branch,
            bare: entry.contains(&b"bare".as_slice()),
            prunable: field(b"prunable").is_some() && field(b"locked").is_none(),
        })
    }
}

impl Git {
    /// A path that `git rev-parse` prints, whatever bytes it is made of.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn path(&self, question: &[&str]) -> Result<PathBuf, GitError> {
        let arguments = [&["rev-parse", "--path-format=absolute"], question].concat();
        let bytes = self.bytes(&arguments)?;
        Ok(path_of_bytes(bytes.strip_suffix(b"\n").unwrap_or(&bytes)))
    }

    /// Which of these paths git does not know, or what it does not know below them.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn unknown(&self, paths: &[&Path]) -> Result<Vec<PathBuf>, GitError> {
        // As many as fit on any command line, however long they are.
        const AT_ONCE: usize = 256;
        let mut unknown = Vec::new();
        for some in paths.chunks(AT_ONCE) {
            let mut arguments: Vec<&OsStr> = ["ls-files", "--others", "-z", "--"].map(OsStr::new).to_vec();
            arguments.extend(some.iter().map(|path| path.as_os_str()));
            let out = self.bytes(&arguments)?;
            let found = out.split(|byte| *byte == 0).filter(|path| !path.is_empty());
            unknown.extend(found.map(path_of_bytes));
        }
        Ok(unknown)
    }

    /// Every work tree that git has on record, the main one first, also those whose directory is gone.
    ///
    /// # Errors
    /// [`GitError`].
    pub(crate) fn worktrees_on_record(&self) -> Result<Vec<OnRecord>, GitError> {
        let bytes = self.bytes(&["worktree", "list", "--porcelain", "-z"])?;
        let fields: Vec<_> = bytes.split(|byte| *byte == 0).collect();
        Ok(fields.split(|field| field.is_empty()).filter_map(OnRecord::of).collect())
    }

    /// The content of objects, each as it is stored, or why there is none.
    pub(crate) fn contents(&self, objects: &[&str]) -> Result<Vec<Result<Vec<u8>, String>>, GitError> {
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        let out = self.run_with_input(&["cat-file", "--batch"], &(objects.join("\n") + "\n"))?;
        let mut rest = out.as_slice();
        let missing = |object: &str| explained(format!("it is the object {object}, which cannot be read"));
        Ok(objects.iter().map(|object| one_content(&mut rest).ok_or_else(|| missing(object))).collect())
    }

    /// The sizes of objects, in bytes; 0 of what is not there.
    pub(crate) fn sizes(&self, objects: &[&str]) -> Result<Vec<u64>, GitError> {
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        let input = objects.join("\n") + "\n";
        let out = self.run_with_input(&["cat-file", "--batch-check=%(objectsize)"], &input)?;
        let mut lines = out.split(|byte| *byte == b'\n');
        let mut size = || str::from_utf8(lines.next()?).ok()?.parse().ok();
        Ok(objects.iter().map(|_| size().unwrap_or(0)).collect())
    }

    /// Runs git with another index, and gives what it printed, without the last line ending.
    pub(crate) fn run_with_index<A: AsRef<OsStr>>(
        &self,
        arguments: &[A],
        index: &Path,
    ) -> Result<String, GitError> {
        let mut command = self.command(arguments);
        let out = succeeded(arguments, to_its_end(command.env("LC_ALL", "C").env("GIT_INDEX_FILE", index)))?;
        Ok(String::from_utf8_lossy(&out).trim_end_matches('\n').to_owned())
    }

    /// Runs a hook by `git hook run`, with the index that it is to look at. What is set for git here must not reach it: it
    /// is somebody else's program, in his language, and his paths are patterns.
    pub(crate) fn run_hook<A: AsRef<OsStr>>(
        &self,
        arguments: &[A],
        index: Option<&Path>,
    ) -> Result<(), GitError> {
        let mut command = self.here();
        command.args(arguments).env(OF_A_LANDING, "1");
        if let Some(index) = index {
            // As git says that nobody is asked for a message.
            command.env("GIT_INDEX_FILE", index).env("GIT_EDITOR", ":");
        }
        succeeded(arguments, to_its_end(&mut command)).map(drop)
    }

    /// Runs git for an answer to read: in the language whose words are known here.
    pub(crate) fn bytes<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Vec<u8>, GitError> {
        self.bytes_with(arguments, &[])
    }

    /// The same, with variables of the environment besides.
    pub(super) fn bytes_with<A: AsRef<OsStr>>(
        &self,
        arguments: &[A],
        environment: &[(&str, &OsStr)],
    ) -> Result<Vec<u8>, GitError> {
        let mut command = self.command(arguments);
        succeeded(arguments, to_its_end(command.env("LC_ALL", "C").envs(environment.iter().copied())))
    }
}

#[cfg(unix)]
pub(crate) fn path_of_bytes(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    Path::new(OsStr::from_bytes(bytes)).to_owned()
}

#[cfg(not(unix))]
pub(crate) fn path_of_bytes(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

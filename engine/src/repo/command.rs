//! The git command: for what libgit2 cannot read, and for everything that writes (hooks and signing are git's).

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::{Found, Head, RepoError, RepoView, Worktree, explained};

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

/// The git that first took `--attr-source`; the rest of what is asked for is older.
const NEEDED: (u32, u32) = (2, 41);

/// The git command in one directory.
#[derive(Debug, Clone)]
pub struct Git {
    directory: PathBuf,
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
        let read = |file: &mut File| read_back(file).map_err(GitError::Temporary);
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
        input: &str,
    ) -> Result<Vec<u8>, GitError> {
        let mut file = tempfile::tempfile().map_err(GitError::Temporary)?;
        let written = file.write_all(input.as_bytes()).and_then(|()| file.rewind());
        written.map_err(GitError::Temporary)?;
        let mut command = self.command(arguments);
        succeeded(arguments, to_its_end(command.stdin(file).env("LC_ALL", "C")))
    }

    pub(super) fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new("git");
        without_redirection(&mut command);
        // Paths are names here, never patterns.
        command.arg("-C").arg(&self.directory).arg("--literal-pathspecs").args(arguments);
        command.env("GIT_TERMINAL_PROMPT", "0");
        // A question must not write, not even a refreshed index.
        command.env("GIT_OPTIONAL_LOCKS", "0");
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
    let read = |file: &mut File| read_back(file).map_err(GitError::Temporary);
    Ok(Output { status, stdout: read(&mut out)?, stderr: read(&mut err)? })
}

pub(super) fn read_back(file: &mut File) -> io::Result<Vec<u8>> {
    const MOST: u64 = 64 << 20;
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
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
    explained(lines.join("\n").chars().filter(|c| !c.is_control() || *c == '\n').collect())
}

#[derive(Debug)]
struct CommandView(Git);

/// Finds the repository by asking git itself.
pub(super) fn discover(from: &Path) -> Result<Found, RepoError> {
    let here = Git::new(from);
    let caller_root = here.path(&["--show-toplevel"]).map_err(|error| not_found(from, error))?;
    let common_dir = here.path(&["--git-common-dir"])?;
    let main = here.main_work_tree()?;
    let is_linked = || here.path(&["--git-dir"]).map(|own| own != common_dir);
    let is_bare = || here.run(&["config", "--type=bool", "core.bare"]).is_ok_and(|bare| bare == "true");
    let main_is_unknown = main.is_none() && is_linked()? && !is_bare();
    let root = main.unwrap_or_else(|| caller_root.clone());
    let view = Box::new(CommandView(Git::new(&root)));
    let caller_branch = CommandView(here).branch();
    Ok(Found { root, common_dir, caller_root, caller_branch, main_is_unknown, view })
}

/// A view whose `HEAD` is that of this work tree.
pub(super) fn view_at(root: &Path) -> Box<dyn RepoView + Send + Sync> {
    Box::new(CommandView(Git::new(root)))
}

fn not_found(from: &Path, error: GitError) -> RepoError {
    let path = from.to_owned();
    match error {
        GitError::Failed { message, .. } if message.contains("dubious ownership") => {
            RepoError::untrusted(from)
        }
        GitError::Failed { message, .. } if message.contains("work tree") => RepoError::Bare { path },
        GitError::Failed { message, .. } if message.contains("not a git repository") => {
            RepoError::not_found(from)
        }
        // A file `.git` that is none of git's.
        GitError::Failed { message, .. } if message.contains("gitfile") => RepoError::not_found(from),
        other => other.into(),
    }
}

impl Git {
    /// A path that `git rev-parse` prints, whatever bytes it is made of.
    fn path(&self, question: &[&str]) -> Result<PathBuf, GitError> {
        let arguments = [&["rev-parse", "--path-format=absolute"], question].concat();
        let bytes = self.bytes(&arguments)?;
        Ok(path_of_bytes(bytes.strip_suffix(b"\n").unwrap_or(&bytes)))
    }

    /// The main work tree, when there is one: the first of the list, unless it is bare or only a git directory.
    fn main_work_tree(&self) -> Result<Option<PathBuf>, GitError> {
        let bytes = self.bytes(&["worktree", "list", "--porcelain", "-z"])?;
        let mut fields = bytes.split(|b| *b == 0).take_while(|field| !field.is_empty());
        let path = fields.next().and_then(|field| field.strip_prefix(b"worktree ")).map(path_of_bytes);
        let bare = fields.any(|field| field == b"bare");
        Ok(path.filter(|path| !bare && path.join(".git").exists()))
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

    /// Every work tree that git has on record, with the branch it holds, also those whose directory is gone.
    pub(crate) fn registered_worktrees(&self) -> Result<Vec<(PathBuf, Option<String>)>, GitError> {
        let bytes = self.bytes(&["worktree", "list", "--porcelain", "-z"])?;
        let mut found = Vec::new();
        for entry in bytes.split(|b| *b == 0).collect::<Vec<_>>().split(|field| field.is_empty()) {
            let field = |name: &[u8]| entry.iter().find_map(|field| field.strip_prefix(name));
            let branch = field(b"branch refs/heads/").map(|name| String::from_utf8_lossy(name).into_owned());
            found.extend(field(b"worktree ").map(|path| (path_of_bytes(path), branch)));
        }
        Ok(found)
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

    /// Runs git for an answer to read: in the language whose words are known here.
    pub(crate) fn bytes<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Vec<u8>, GitError> {
        succeeded(arguments, to_its_end(self.command(arguments).env("LC_ALL", "C")))
    }
}

#[cfg(unix)]
pub(super) fn path_of_bytes(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    Path::new(OsStr::from_bytes(bytes)).to_owned()
}

#[cfg(not(unix))]
pub(super) fn path_of_bytes(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

/// Object and path of one record of `git ls-files -v --stage -z`, if git was told not to look at it:
/// `h 100644 <object> 0<TAB><path>`.
fn overlooked_path(record: &[u8]) -> Option<(&str, PathBuf)> {
    let tab = record.iter().position(|byte| *byte == b'\t')?;
    let mut fields = str::from_utf8(&record[..tab]).ok()?.split(' ');
    let tag = fields.next()?;
    let told = tag == "S" || tag.starts_with(|c: char| c.is_ascii_lowercase());
    Some((fields.nth(1).filter(|_| told)?, path_of_bytes(&record[tab + 1..])))
}

impl CommandView {
    fn branch(&self) -> Option<String> {
        self.0.run(&["symbolic-ref", "--quiet", "--short", "HEAD"]).ok()
    }

    /// Where the git command runs, if that is a main work tree.
    fn own_main_work_tree(&self) -> Result<Option<PathBuf>, GitError> {
        let is_main = self.0.path(&["--git-dir"])? == self.0.path(&["--git-common-dir"])?;
        Ok(is_main.then(|| self.0.directory.clone()))
    }
}

impl RepoView for CommandView {
    fn head(&self) -> Result<Head, RepoError> {
        Ok(self.branch().map_or(Head::Detached, Head::Branch))
    }

    fn remote_default_branches(&self) -> Result<Vec<String>, RepoError> {
        // The name of a remote and of its default branch, one a line: `refs/remotes/origin/HEAD refs/remotes/origin/main`.
        let heads = self.0.run(&["for-each-ref", "--format=%(refname) %(symref)", "refs/remotes/*/HEAD"])?;
        let branch = |line: &str| {
            let (head, target) = line.split_once(' ')?;
            target.strip_prefix(head.strip_suffix("HEAD")?).map(str::to_owned)
        };
        Ok(heads.lines().filter_map(branch).collect())
    }

    fn operation_under_way(&self) -> Result<Option<&'static str>, RepoError> {
        const MARKS: [(&str, &str); 7] = [
            ("MERGE_HEAD", "merge"),
            ("rebase-merge", "rebase"),
            ("rebase-apply/applying", "am"),
            ("rebase-apply", "rebase"),
            ("CHERRY_PICK_HEAD", "cherry-pick"),
            ("REVERT_HEAD", "revert"),
            ("BISECT_LOG", "bisect"),
        ];
        for (file, name) in MARKS {
            if self.0.path(&["--git-path", file])?.exists() {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    fn worktrees(&self) -> Result<Vec<Worktree>, RepoError> {
        let bytes = self.0.bytes(&["worktree", "list", "--porcelain", "-z"])?;
        let mut found = Vec::new();
        let fields: Vec<_> = bytes.split(|b| *b == 0).collect();
        for (nth, entry) in fields.split(|field| field.is_empty()).enumerate() {
            let root = entry.iter().find_map(|field| field.strip_prefix(b"worktree ")).map(path_of_bytes);
            let branch = entry.iter().find_map(|field| field.strip_prefix(b"branch refs/heads/"));
            let bare = entry.contains(&b"bare".as_slice());
            let root = root.filter(|_| !bare).and_then(|root| root.canonicalize().ok());
            // For a separate git directory git lists that itself as the main work tree: it does not know the real one.
            // Who came from there does.
            let root = match root {
                Some(root) if nth == 0 && !root.join(".git").exists() => self.own_main_work_tree()?,
                known => known,
            };
            let branch = branch.map(|name| String::from_utf8_lossy(name).into_owned());
            found.extend(root.map(|root| Worktree { root, branch }));
        }
        Ok(found)
    }

    fn branch_tip(&self, branch: &str) -> Result<Option<String>, RepoError> {
        // What git refuses as a name may be an expression all the same: `main~1`.
        if !super::is_branch_name(branch) {
            return Ok(None);
        }
        match self.0.bytes(&["rev-parse", "--verify", &format!("refs/heads/{branch}")]) {
            Ok(commit) => Ok(Some(String::from_utf8_lossy(&commit).trim_end().to_owned())),
            // A branch that cannot be read is not the same as none.
            Err(GitError::Failed { message, .. })
                if message.contains("Needed a single revision") && !message.contains("broken") =>
            {
                Ok(None)
            }
            Err(other) => Err(other.into()),
        }
    }

    fn branches(&self, prefix: &str) -> Result<Vec<String>, RepoError> {
        let all = self.0.run(&["for-each-ref", "--format=%(refname:strip=2)", "refs/heads/"])?;
        Ok(all.lines().filter(|name| name.starts_with(prefix)).map(str::to_owned).collect())
    }

    fn remote_branches(&self, branch: &str) -> Result<Vec<String>, RepoError> {
        let pattern = format!("refs/remotes/*/{branch}");
        Ok(self
            .0
            .run(&["for-each-ref", "--format=%(refname:short)", &pattern])?
            .lines()
            .map(str::to_owned)
            .collect())
    }

    fn overlooked(&self) -> Result<Vec<(PathBuf, String)>, RepoError> {
        let out = self.0.bytes(&["ls-files", "-v", "--stage", "-z"])?;
        let overlooked = out.split(|byte| *byte == 0).filter_map(overlooked_path);
        Ok(overlooked.map(|(blob, path)| (path, blob.to_owned())).collect())
    }

    fn is_ancestor(&self, one: &str, other: &str) -> Result<bool, RepoError> {
        Ok(self.0.answer(&["merge-base", "--is-ancestor", one, other], &[0, 1])?.0 == 0)
    }

    fn config(&self, key: &str) -> Result<Option<String>, RepoError> {
        let (code, value) = self.0.answer(&["config", "--get", key], &[0, 1])?;
        Ok((code == 0).then(|| value.trim_end_matches('\n').to_owned()))
    }

    fn file_at(&self, branch: &str, path: &str, limit: u64) -> Result<Option<Vec<u8>>, RepoError> {
        // Listed first: a file that cannot be read is not the same as none.
        if self.branch_tip(branch)?.is_none() {
            return Ok(None);
        }
        let listed = self.0.run(&["ls-tree", "-z", "--full-tree", &format!("refs/heads/{branch}"), path])?;
        // `100644 blob <object><TAB><path>`
        let Some(object) = listed.split(['\t', ' ']).nth(2) else { return Ok(None) };
        let Ok(size) = self.0.run(&["cat-file", "-s", object]) else {
            let message = format!("{path} on {branch} is the object {object}, which cannot be read");
            return Err(RepoError::Libgit(explained(message)));
        };
        let size = size.parse().unwrap_or(u64::MAX);
        if size > limit {
            return Err(RepoError::TooLarge {
                path: path.to_owned(),
                branch: branch.to_owned(),
                size,
                limit,
            });
        }
        Ok(Some(self.0.bytes(&["cat-file", "blob", object])?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("H 100644 abc 0\ta b", None)]
    #[case("h 100644 abc 0\ta b", Some(("abc", "a b")))]
    #[case("S 100755 abc 0\ta\tb", Some(("abc", "a\tb")))]
    fn records_of_git_ls_files(#[case] record: &str, #[case] hidden: Option<(&str, &str)>) {
        let hidden = hidden.map(|(object, path)| (object, PathBuf::from(path)));
        assert_eq!(overlooked_path(record.as_bytes()), hidden);
    }
}

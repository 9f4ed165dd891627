//! `git merge-tree --stdin`: one process that merges as often as it is asked, each merge one that `git merge` would make.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::{Git, GitError};

/// What merging two commits gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The tree; with conflict markers where there are conflicts.
    pub(super) tree: String,
    /// Whether git found no conflict.
    pub(super) clean: bool,
    /// By path, the blobs in conflict: base, ours and theirs, each where that side has one.
    pub(super) paths: BTreeMap<String, [Option<String>; 3]>,
    /// By path, the last word of git on it. `.` stands for what is of no single path.
    pub(super) messages: BTreeMap<String, String>,
}

/// The arguments that all have in common; what comes in is answered in records of fields that end with NUL.
const MERGE_TREE: [&str; 4] = ["merge-tree", "--write-tree", "-z", "--messages"];

/// A running `git merge-tree --stdin`.
///
/// git writes an answer out as far as its messages, and its last byte only with the next one. So every question is
/// followed by one whose answer is known: merging a commit with itself.
pub(super) struct MergeTree {
    child: Child,
    questions: ChildStdin,
    answers: Fields,
    errors: File,
    /// The commit that is merged with itself.
    itself: String,
}

impl MergeTree {
    /// Starts it, with the attributes of a commit. `None` if this git does not answer before its input ends: then each
    /// merge needs a process.
    ///
    /// # Errors
    /// git cannot be started.
    pub(super) fn start(git: &Git, attributes: &str) -> Result<Option<Self>, GitError> {
        const LONGEST_START: Duration = Duration::from_secs(5);
        let source = format!("--attr-source={attributes}");
        let mut command = git.command(&[&[source.as_str()], &MERGE_TREE[..], &["--stdin"]].concat());
        let errors = tempfile::tempfile().map_err(GitError::Temporary)?;
        let own = errors.try_clone().map_err(GitError::Temporary)?;
        command.env("LC_ALL", "C").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(own);
        let mut child = command.spawn().map_err(GitError::Start)?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (questions, output) = pipes.unwrap_or_else(|| unreachable!("both were asked for"));
        let answers = Fields::of(output);
        let mut merges = Self { child, questions, answers, errors, itself: attributes.to_owned() };
        // What git has against the commit is said when it is asked to merge.
        let _ = merges.send(&merges.itself.clone());
        Ok(merges.answers.within(LONGEST_START).then_some(merges))
    }

    /// Merges two commits; with a base of one's own choice, applies what led from it to `theirs` onto `ours`.
    ///
    /// # Errors
    /// What git said when it gave up.
    pub(super) fn merge(&mut self, base: Option<&str>, ours: &str, theirs: &str) -> Result<Answer, GitError> {
        self.ask(base, ours, theirs).map_err(|_| self.last_words())
    }

    fn ask(&mut self, base: Option<&str>, ours: &str, theirs: &str) -> io::Result<Answer> {
        let base = base.map(|base| format!("{base} -- ")).unwrap_or_default();
        self.send(&format!("{base}{ours} {theirs}\n{}", self.itself))?;
        read(&mut self.answers)?;
        read(&mut self.answers)
    }

    /// A question, and after it the one whose answer is known; without its second word that one stands alone.
    fn send(&mut self, question: &str) -> io::Result<()> {
        writeln!(self.questions, "{question} {}", self.itself)?;
        self.questions.flush()
    }

    fn last_words(&mut self) -> GitError {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let mut said = super::git::read_back(&mut self.errors).unwrap_or_default();
        if said.is_empty() {
            said = b"it ended without an answer".to_vec();
        }
        GitError::Failed { command: "merge-tree".to_owned(), message: super::git::last_lines(&said) }
    }
}

impl Drop for MergeTree {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Merges with a process of its own.
///
/// # Errors
/// What git says.
pub(super) fn once(
    git: &Git,
    attributes: &str,
    base: Option<&str>,
    ours: &str,
    theirs: &str,
) -> Result<Answer, GitError> {
    let source = format!("--attr-source={attributes}");
    let base = base.map(|base| format!("--merge-base={base}"));
    let mut arguments = [&[source.as_str()], &MERGE_TREE[..]].concat();
    arguments.extend(base.as_deref());
    arguments.extend([ours, theirs]);
    let (code, out) = git.answer(&arguments, &[0, 1])?;
    // The same record, but for the status in front and the end.
    let record = format!("{}\0{out}\0", 1 - code);
    let failed = |error: io::Error| GitError::Failed {
        command: "merge-tree".to_owned(),
        message: format!("an answer that is not understood: {error}"),
    };
    read(&mut Fields::known(record.into_bytes())).map_err(failed)
}

/// One answer: status (1 is clean), tree, `<mode> <blob> <stage>TAB<path>` for every blob in conflict, an empty field;
/// then `<count> <path>... <type> <message>` for every message, and an empty field. See git-merge-tree(1).
fn read(fields: &mut Fields) -> io::Result<Answer> {
    let clean = match fields.next()?.as_str() {
        "0" => false,
        "1" => true,
        other => return Err(io::Error::other(format!("{other:?} is no merge status"))),
    };
    let tree = fields.next()?;
    let mut paths: BTreeMap<String, [Option<String>; 3]> = BTreeMap::new();
    loop {
        let field = fields.next()?;
        if field.is_empty() {
            break;
        }
        let (blob, stage, path) = in_conflict(&field).ok_or_else(|| io::Error::other(field.clone()))?;
        paths.entry(path.to_owned()).or_default()[stage - 1] = Some(blob.to_owned());
    }
    let mut messages = BTreeMap::new();
    loop {
        let field = fields.next()?;
        if field.is_empty() {
            break;
        }
        let count: usize = field.trim().parse().map_err(|_| io::Error::other(field.clone()))?;
        let mut about = (0..count).map(|_| fields.next()).collect::<io::Result<Vec<_>>>()?;
        let (kind, message) = (fields.next()?, fields.next()?);
        if kind.starts_with("CONFLICT") {
            if about.is_empty() {
                about.push(".".to_owned());
            }
            messages.extend(about.into_iter().map(|path| (path, message.trim().to_owned())));
        }
    }
    Ok(Answer { tree, clean, paths, messages })
}

/// `100644 <blob> 2<TAB><path>`
fn in_conflict(field: &str) -> Option<(&str, usize, &str)> {
    let (facts, path) = field.split_once('\t')?;
    let mut facts = facts.split(' ').skip(1);
    let (blob, stage) = (facts.next()?, facts.next()?.parse().ok()?);
    (1..=3).contains(&stage).then_some((blob, stage, path))
}

/// Fields that end with NUL, as they come.
struct Fields {
    arriving: Option<Receiver<Vec<u8>>>,
    here: Vec<u8>,
    /// How much of it was read.
    at: usize,
}

impl Fields {
    /// What a process prints. A thread reads it, so that waiting for it can have an end.
    fn of(mut output: impl Read + Send + 'static) -> Self {
        let (sender, arriving) = channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 16 << 10];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { arriving: Some(arriving), here: Vec::new(), at: 0 }
    }

    /// What is here already.
    fn known(bytes: Vec<u8>) -> Self {
        Self { arriving: None, here: bytes, at: 0 }
    }

    /// Whether something comes in time, or the end.
    fn within(&mut self, time: Duration) -> bool {
        match self.arriving.as_ref().map(|arriving| arriving.recv_timeout(time)) {
            Some(Ok(bytes)) => self.here.extend(bytes),
            Some(Err(RecvTimeoutError::Timeout)) => return false,
            Some(Err(RecvTimeoutError::Disconnected)) | None => {}
        }
        true
    }

    fn next(&mut self) -> io::Result<String> {
        let mut searched = self.at;
        loop {
            if let Some(length) = self.here[searched..].iter().position(|byte| *byte == 0) {
                let end = searched + length;
                let field = String::from_utf8_lossy(&self.here[self.at..end]).into_owned();
                self.at = end + 1;
                return Ok(field);
            }
            searched = self.here.len() - self.at;
            self.here.drain(..std::mem::take(&mut self.at));
            let more = self.arriving.as_ref().and_then(|arriving| arriving.recv().ok());
            self.here.extend(more.ok_or(io::ErrorKind::UnexpectedEof)?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_has_its_blobs_and_its_message() {
        let fields = [
            "0",
            "tree",
            "100644 b1 1\tf",
            "100644 b2 2\tf",
            "120000 b3 3\tf",
            "100644 x 2\tg h",
            "",
            "1",
            "f",
            "Auto-merging",
            "Auto-merging f\n",
            "1",
            "f",
            "CONFLICT (contents)",
            "CONFLICT (content): Merge conflict in f\n",
            "0",
            "CONFLICT (directory rename split)",
            "CONFLICT (directory rename split): d\n",
            "",
            "",
        ];
        let record = fields.join("\0");
        let answer = read(&mut Fields::known(record.as_bytes().to_vec())).unwrap();
        let blobs = |three: [&str; 3]| three.map(|blob| (!blob.is_empty()).then(|| blob.to_owned()));
        assert!(!answer.clean);
        assert_eq!(answer.paths["f"], blobs(["b1", "b2", "b3"]));
        assert_eq!(answer.paths["g h"], blobs(["", "x", ""]));
        assert_eq!(answer.messages["f"], "CONFLICT (content): Merge conflict in f");
        assert_eq!(answer.messages["."], "CONFLICT (directory rename split): d");
    }

    #[test]
    fn records_follow_each_other_and_a_torn_one_is_an_error() {
        let mut fields =
            Fields::known(["1", "one", "", "", "1", "two", "", "", "1", "th"].join("\0").into_bytes());
        assert_eq!(read(&mut fields).unwrap().tree, "one");
        assert_eq!(read(&mut fields).unwrap().tree, "two");
        assert!(read(&mut fields).is_err());
    }
}

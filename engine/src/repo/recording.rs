//! The git commands that record something: commits, the places of branches, the files of a work tree.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::git::path_of_bytes;
use super::{Git, GitError, Repo, RepoError};

/// Who wrote a commit, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    name: String,
    address: String,
    /// Seconds since 1970, and the offset: `1767323045 +0000`.
    date: String,
}

/// A path that two commits have differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeChange {
    /// The path, whatever bytes it is made of.
    pub path: PathBuf,
    /// What it is in the first one.
    pub old: Option<TreeSide>,
    /// What it is in the second one.
    pub new: Option<TreeSide>,
}

/// What a commit has at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeSide {
    /// `100644`, `100755`, `120000` or `160000`.
    pub mode: String,
    /// The object.
    pub blob: String,
}

/// How git tells of commits whatever people have it print for themselves: in UTF-8, and nothing before it.
const PLAIN: [&str; 4] = ["-c", "i18n.logOutputEncoding=UTF-8", "-c", "log.showSignature=false"];

/// What git makes durable before it says that it is done. By itself it does so with objects only.
const DURABLE: [&str; 2] = ["-c", "core.fsync=committed,index,reference"];

impl Git {
    /// Makes a commit of a tree, and gives its id. `sign` signs it as git is configured to.
    ///
    /// # Errors
    /// [`GitError`]: nobody is known who commits, it cannot be signed.
    pub fn commit_tree(
        &self,
        tree: &str,
        parents: &[&str],
        message: &str,
        author: Option<&Author>,
        sign: bool,
    ) -> Result<String, GitError> {
        let mut arguments = vec!["-c", "i18n.commitEncoding=UTF-8", "commit-tree"];
        arguments.extend(sign.then_some("-S"));
        arguments.extend(parents.iter().flat_map(|parent| ["-p", parent]));
        arguments.extend(["-F", "-", tree]);
        let date = author.map(|author| format!("@{}", author.date)).unwrap_or_default();
        let environment = author.map(|author| {
            let Author { name, address, .. } = author;
            [("GIT_AUTHOR_NAME", name.as_str()), ("GIT_AUTHOR_EMAIL", address), ("GIT_AUTHOR_DATE", &date)]
        });
        let environment: &[(&str, &str)] = environment.as_ref().map_or(&[], |three| three);
        let id = self.run_with_input_and(&arguments, message, environment)?;
        Ok(String::from_utf8_lossy(&id).trim_end().to_owned())
    }

    /// Author and message of a commit.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn author_and_message(&self, commit: &str) -> Result<(Author, String), GitError> {
        let form = "--format=%an%x00%ae%x00%ad%x00%B";
        let command = ["show", "--no-patch", "--date=raw", form, commit];
        let told = self.run(&[&PLAIN[..], &command].concat())?;
        let mut fields = told.splitn(4, '\0').map(str::to_owned);
        let mut next = || fields.next().unwrap_or_default();
        let author = Author { name: next(), address: next(), date: next() };
        Ok((author, next()))
    }

    /// Who wrote the commits of `tip` that `base` does not have, each once, as `Name <address>`; without who commits here.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn authors(&self, base: &str, tip: &str) -> Result<Vec<String>, GitError> {
        let own = self.run(&["var", "GIT_AUTHOR_IDENT"])?;
        let own = own.rsplit_once('>').map_or("", |(own, _)| own);
        let range = format!("{base}..{tip}");
        let command = ["log", "--no-merges", "--reverse", "--format=%aN <%aE>", &range, "--"];
        let told = self.run(&[&PLAIN[..], &command].concat())?;
        let mut authors: Vec<String> = Vec::new();
        for author in told.lines() {
            if author.strip_suffix('>') != Some(own) && !authors.iter().any(|known| known == author) {
                authors.push(author.to_owned());
            }
        }
        Ok(authors)
    }

    /// A message without needless blanks, as git takes it from a hook; what looks like a comment is none without an editor.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn stripped(&self, message: &str) -> Result<String, GitError> {
        let text = self.run_with_input(&["stripspace"], message)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Moves a branch, named in full, that is at `old`. No other value is overwritten.
    ///
    /// # Errors
    /// [`GitError`]: it is elsewhere, it is locked, or a hook refuses.
    pub fn move_ref(&self, name: &str, new: &str, old: &str, why: &str) -> Result<(), GitError> {
        let command = ["update-ref", "-m", why, name, new, old];
        self.run(&[&DURABLE[..], &command].concat()).map(drop)
    }

    /// Deletes a reference, named in full, that is at `old`.
    ///
    /// # Errors
    /// As [`Git::move_ref`].
    pub fn delete_ref(&self, name: &str, old: &str) -> Result<(), GitError> {
        self.run(&[&DURABLE[..], &["update-ref", "--no-deref", "-d", name, old]].concat()).map(drop)
    }

    /// The commit that a reference, named in full, is at; `None` where there is none.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn ref_tip(&self, name: &str) -> Result<Option<String>, GitError> {
        let (code, told) = self.answer(&["rev-parse", "--verify", "--quiet", name], &[0, 1])?;
        Ok((code == 0).then(|| told.trim_end().to_owned()))
    }

    /// Whether the repository has an object.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn has(&self, object: &str) -> Result<bool, GitError> {
        // 1 where it is not there; 128 where what it names is none.
        Ok(self.answer(&["cat-file", "-e", object], &[0, 1, 128])?.0 == 0)
    }

    /// Brings the files of the work tree and an index from one commit to another, or changes nothing: what is not
    /// committed, or not known to git, is not overwritten.
    ///
    /// # Errors
    /// [`GitError`]: something is in the way.
    pub fn update_files(&self, index: &Path, old: &str, new: &str) -> Result<(), GitError> {
        self.read_tree(index, &["-u", old, new])
    }

    /// Whether [`Git::update_files`] would do that, as far as git can tell before it writes anything.
    ///
    /// # Errors
    /// [`GitError`]: something is in the way.
    pub fn may_update_files(&self, index: &Path, old: &str, new: &str) -> Result<(), GitError> {
        self.read_tree(index, &["-u", "--dry-run", old, new])
    }

    fn read_tree(&self, index: &Path, arguments: &[&str]) -> Result<(), GitError> {
        // A part of the index elsewhere would not be renamed with it; submodules are left as git merge leaves them.
        let settings = ["-c", "core.splitIndex=false", "-c", "submodule.recurse=false"];
        let command = ["read-tree", "-m"];
        self.run_with_index(&[&DURABLE[..], &settings, &command, arguments].concat(), index).map(drop)
    }

    /// Writes files as the index has them, over whatever is there.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn checkout_files(&self, paths: &[&Path]) -> Result<(), GitError> {
        let list: Vec<u8> =
            paths.iter().flat_map(|path| [path.as_os_str().as_encoded_bytes(), b"\0"].concat()).collect();
        self.run_with_input(&["checkout-index", "--force", "-z", "--stdin"], list).map(drop)
    }

    /// The paths that two commits have differently, and how.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn tree_changes(&self, old: &str, new: &str) -> Result<Vec<TreeChange>, GitError> {
        let out = self.bytes(&["diff-tree", "-r", "-z", "--no-renames", "--raw", "--no-abbrev", old, new])?;
        let mut fields = out.split(|byte| *byte == 0);
        let mut changes = Vec::new();
        // `:<mode> <mode> <blob> <blob> <letter>NUL<path>NUL`, see git-diff-tree(1).
        while let (Some(facts @ [_, ..]), Some(path)) = (fields.next(), fields.next()) {
            let facts = String::from_utf8_lossy(facts);
            let words: Vec<_> = facts.trim_start_matches(':').split(' ').collect();
            let [old_mode, new_mode, old_blob, new_blob, ..] = words.as_slice() else { continue };
            let side = |mode: &str, blob: &str| {
                let (is_there, mode, blob) = (mode != "000000", mode.to_owned(), blob.to_owned());
                is_there.then_some(TreeSide { mode, blob })
            };
            let (old, new) = (side(old_mode, old_blob), side(new_mode, new_blob));
            changes.push(TreeChange { path: path_of_bytes(path), old, new });
        }
        Ok(changes)
    }

    /// The content of an object, as it is stored.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn blob(&self, id: &str) -> Result<Vec<u8>, GitError> {
        self.bytes(&["cat-file", "blob", id])
    }

    /// The content of files as a work tree has them, by blob and path, with the attributes of a commit.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn smudged(&self, attributes: &str, blob: &str, path: &Path) -> Result<Vec<u8>, GitError> {
        let source = format!("--attr-source={attributes}");
        let mut named = std::ffi::OsString::from("--path=");
        named.push(path);
        let words = [OsStr::new(&source), "cat-file".as_ref(), "--filters".as_ref(), &named, blob.as_ref()];
        self.bytes(&words)
    }

    /// The blob that a file of the work tree would be committed as.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn cleaned(&self, path: &Path) -> Result<String, GitError> {
        let words = ["hash-object", "--"].map(OsStr::new);
        let id = self.bytes(&[&words[..], &[path.as_os_str()]].concat())?;
        Ok(String::from_utf8_lossy(&id).trim_end().to_owned())
    }
}

impl Repo {
    /// Whether commits are to be signed: `commit.gpgSign`.
    ///
    /// # Errors
    /// What git says.
    pub fn signs(&self) -> Result<bool, RepoError> {
        let git = Git::new(self.root());
        let (_, told) = git.answer(&["config", "--type=bool", "--get", "commit.gpgSign"], &[0, 1])?;
        Ok(told.trim() == "true")
    }
}

//! The message of a commit that is about to be made: what git will keep of the file that it asks for it in.

use super::{Git, GitError};

/// Longest message that is read, in bytes, with the diff that `git commit --verbose` shows below it.
pub const LONGEST: u64 = 16 << 20;

/// The message of a commit, as git will record it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitMessage {
    /// All of it.
    pub text: String,
    /// The lines of its last paragraph that say who signed it off, and the like: `(key, value)`.
    pub trailers: Vec<(String, String)>,
}

impl CommitMessage {
    /// What is left of a file when git has cleaned it up, as `commit.cleanup` says. `edited`: whether somebody was asked for
    /// it, so that the file has comments.
    ///
    /// # Errors
    /// What git says.
    pub fn of(git: &Git, file: &str, edited: bool) -> Result<Self, GitError> {
        let setting = |key: &str| -> Result<Option<String>, GitError> {
            let (code, value) = git.answer(&["config", "--get", key], &[0, 1])?;
            Ok((code == 0).then(|| value.trim().to_owned()))
        };
        let cleanup = setting("commit.cleanup")?.unwrap_or_default();
        let comment =
            setting("core.commentString")?.map_or_else(|| setting("core.commentChar"), |s| Ok(Some(s)));
        let comment = comment?.filter(|comment| !comment.is_empty()).unwrap_or_else(|| "#".to_owned());
        let comment = if comment == "auto" { chosen(file) } else { comment };
        let kept = if edited { above_scissors(file, &comment) } else { file };
        let text = match cleanup.as_str() {
            "verbatim" => kept.to_owned(),
            "strip" => stripped(git, kept, Some(&comment))?,
            "whitespace" => stripped(git, kept, None)?,
            // What is below the scissors is gone; comments above them stay.
            "scissors" => stripped(git, kept, None)?,
            _ => stripped(git, kept, Some(&comment).filter(|_| edited))?,
        };
        let trailers = git.run_with_input(&["interpret-trailers", "--parse"], &text)?;
        let trailers = String::from_utf8_lossy(&trailers).into_owned();
        let pair =
            |line: &str| line.split_once(':').map(|(key, value)| (key.to_owned(), value.trim().to_owned()));
        Ok(Self { trailers: trailers.lines().filter_map(pair).collect(), text })
    }

    /// Its first paragraph on one line, as git shows it.
    #[must_use]
    pub fn subject(&self) -> String {
        self.paragraphs().0
    }

    /// What comes after that.
    #[must_use]
    pub fn body(&self) -> String {
        self.paragraphs().1
    }

    fn paragraphs(&self) -> (String, String) {
        let is_blank = |line: &&str| line.trim().is_empty();
        let lines: Vec<&str> = self.text.lines().skip_while(is_blank).collect();
        let end = lines.iter().position(|line| line.trim().is_empty()).unwrap_or(lines.len());
        let subject = lines[..end].iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        let body = lines[end..].iter().copied().skip_while(is_blank).collect::<Vec<_>>().join("\n");
        (subject, body.trim_end().to_owned())
    }
}

/// The text without needless white space, and without comments where it has some: by git's own command.
fn stripped(git: &Git, text: &str, comment: Option<&String>) -> Result<String, GitError> {
    let mut arguments = Vec::new();
    // Every version of git knows this name, and the last one that is set counts.
    let setting = comment.map(|comment| format!("core.commentChar={comment}"));
    arguments.extend(setting.iter().flat_map(|setting| ["-c", setting.as_str()]));
    arguments.push("stripspace");
    if comment.is_some() {
        arguments.push("--strip-comments");
    }
    let bytes = git.run_with_input(&arguments, text)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What stands above the line below which git shows what would be committed.
fn above_scissors<'a>(file: &'a str, comment: &str) -> &'a str {
    let scissors = format!("{comment} ------------------------ >8 ------------------------");
    let mut at = 0;
    for line in file.split_inclusive('\n') {
        if line.trim_end_matches(['\n', '\r']) == scissors {
            return &file[..at];
        }
        at += line.len();
    }
    file
}

/// What begins a comment where git chose it itself (`core.commentChar=auto`), so that no line of the message begins so: the
/// comments are at the end of the file.
fn chosen(file: &str) -> String {
    const CANDIDATES: &str = "#;@!$%^&|:";
    let last = file.lines().rev().find(|line| !line.trim().is_empty());
    let first = last.and_then(|line| line.chars().next()).filter(|first| CANDIDATES.contains(*first));
    // Below the scissors there is a diff.
    let cut = |candidate: &char| above_scissors(file, &candidate.to_string()).len() < file.len();
    CANDIDATES.chars().find(cut).or(first).unwrap_or('#').to_string()
}

#[cfg(test)]
mod tests {
    use clearance_testkit::TestRepo;
    use rstest::rstest;

    use super::*;

    const EDITED: &str =
        "\n\nAdd it  \n\n\n# is a comment\nWhy.\n\nSigned-off-by: A <a@example.invalid>\n# On branch x\n";

    #[rstest]
    #[case::edited(&[], true, EDITED, "Add it\n\nWhy.\n\nSigned-off-by: A <a@example.invalid>\n")]
    #[case::given(&[], false, "Fix\n\n#42 is it\n", "Fix\n\n#42 is it\n")]
    #[case::strip(&["commit.cleanup=strip"], false, "Fix\n\n#42 is it\n", "Fix\n")]
    #[case::whitespace(&["commit.cleanup=whitespace"], true, "Fix  \n\n\n\n# x\n", "Fix\n\n# x\n")]
    #[case::verbatim(&["commit.cleanup=verbatim"], true, "Fix  \n\n\n# x\n", "Fix  \n\n\n# x\n")]
    #[case::scissors(&["commit.cleanup=scissors"], true, "Fix\n# kept\n# ------------------------ >8 ------------------------\ndiff\n", "Fix\n# kept\n")]
    #[case::verbose(&[], true, "Fix\n# gone\n# ------------------------ >8 ------------------------\n# Do\ndiff --git a b\n", "Fix\n")]
    #[case::scissors_of_nobody(&[], false, "Fix\n\n# ------------------------ >8 ------------------------\nmore\n", "Fix\n\n# ------------------------ >8 ------------------------\nmore\n")]
    #[case::another_comment(&["core.commentChar=;"], true, "#1 is fixed\n; a comment\n", "#1 is fixed\n")]
    #[case::chosen_by_git(&["core.commentChar=auto"], true, "#1 is fixed\n\n; On branch x\n", "#1 is fixed\n")]
    #[case::chosen_and_verbose(&["core.commentChar=auto"], true, "#1\n; x\n; ------------------------ >8 ------------------------\n+# y\n", "#1\n")]
    #[case::nothing(&[], true, "# only\n# comments\n", "")]
    fn what_git_keeps(
        #[case] settings: &[&str],
        #[case] edited: bool,
        #[case] file: &str,
        #[case] kept: &str,
    ) {
        let repo = TestRepo::new();
        for (key, value) in settings.iter().filter_map(|setting| setting.split_once('=')) {
            repo.git(&["config", key, value]);
        }
        let message = CommitMessage::of(&Git::new(repo.root()), file, edited).unwrap();
        assert_eq!(message.text, kept);
    }

    #[test]
    fn its_parts() {
        let repo = TestRepo::new();
        let message = CommitMessage::of(&Git::new(repo.root()), EDITED, true).unwrap();
        assert_eq!((message.subject().as_str(), message.body().lines().count()), ("Add it", 3));
        assert_eq!(message.trailers, [("Signed-off-by".to_owned(), "A <a@example.invalid>".to_owned())]);
        let two = CommitMessage { text: "One\ntwo\n\nthree\n\nfour\n".to_owned(), trailers: Vec::new() };
        assert_eq!((two.subject(), two.body()), ("One two".to_owned(), "three\n\nfour".to_owned()));
        assert_eq!(CommitMessage::default().subject(), "");
    }
}

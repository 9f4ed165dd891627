//! Text kept with its name, so that a message can point at the file, the line and the byte.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{NamedSource, SourceSpan};

/// A text file that was read: its content, where it is, and the name it has in messages.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    path: PathBuf,
    text: Arc<str>,
}

impl Source {
    /// Text that is already in memory.
    #[must_use]
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), path: path.into(), text: text.into() }
    }

    /// Reads a regular file of at most `limit` bytes as UTF-8; `None` when there is no such file.
    ///
    /// # Errors
    /// [`SourceError`]: not a regular file, too large, not UTF-8, or the system's own error.
    pub fn read(name: &str, path: &Path, limit: u64) -> Result<Option<Self>, SourceError> {
        let Some(bytes) = read_bytes(name, path, limit)? else { return Ok(None) };
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(Self::new(name, path, text))),
            Err(error) => Err(not_utf8(name, error)),
        }
    }

    /// The same for a log of lines. A crash while appending may have cut the last line inside a character; such a
    /// tail is kept as text that is no JSON, so that it is told from a whole line.
    ///
    /// # Errors
    /// As [`Source::read`]; bytes that are not UTF-8 are an error in every other line.
    pub fn read_log(name: &str, path: &Path, limit: u64) -> Result<Option<Self>, SourceError> {
        read_bytes(name, path, limit)?.map(|bytes| Self::of_log(name, path, bytes)).transpose()
    }

    /// The same for the bytes of a log that was read otherwise.
    ///
    /// # Errors
    /// As [`Source::read_log`].
    pub fn of_log(name: &str, path: &Path, bytes: Vec<u8>) -> Result<Self, SourceError> {
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, path, text)),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                if error.as_bytes()[at..].contains(&b'\n') {
                    return Err(not_utf8(name, error));
                }
                Ok(Self::new(name, path, String::from_utf8_lossy(error.as_bytes())))
            }
        }
    }

    /// The name in messages: the path inside the repository, with `/`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The content.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A label on a byte range, and the source it is on, in the form that miette prints: only the lines around it, at
    /// their numbers, long ones cut; and what a terminal would obey is replaced.
    #[must_use]
    pub fn labelled(&self, range: Range<usize>) -> (NamedSource<Arc<str>>, SourceSpan) {
        const AROUND: usize = 3;
        let text = self.text();
        let start = text.floor_char_boundary(range.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let before = text[..line_start].split_inclusive('\n').count();
        let mut from = line_start;
        for _ in 0..AROUND.min(before) {
            from = text[..from - 1].rfind('\n').map_or(0, |at| at + 1);
        }
        let mut out = "\n".repeat(before.saturating_sub(AROUND));
        for line in text[from..line_start].lines() {
            out.push_str(&clipped(line, 0).0);
            out.push('\n');
        }
        let mut lines = text[line_start..].lines();
        let (own, cut, moved) = clipped(lines.next().unwrap_or_default(), start - line_start);
        let at = out.len() + start - line_start - cut + moved;
        out.push_str(&own);
        for line in lines.take(AROUND) {
            out.push('\n');
            out.push_str(&clipped(line, 0).0);
        }
        let length = range.end.saturating_sub(start).max(1);
        let label = span(&out, at..(at + length).min(out.len()).max(at));
        (NamedSource::new(harmless(&self.name), in_place(&out.into())), label)
    }

    /// The 1-based line that has this byte.
    #[must_use]
    pub fn line_of(&self, offset: usize) -> usize {
        1 + self.text.as_bytes()[..offset.min(self.text.len())].iter().filter(|b| **b == b'\n').count()
    }

    /// The byte offset of a 1-based line and column, as parsers report them (column in bytes).
    #[must_use]
    pub fn offset_of(&self, line: usize, column: usize) -> usize {
        let start = match line.checked_sub(2) {
            None => 0,
            Some(nth) => {
                self.text.match_indices('\n').nth(nth).map_or(self.text.len(), |(offset, _)| offset + 1)
            }
        };
        (start + column.saturating_sub(1)).min(self.text.len())
    }
}

/// A line that is not too long to be shown, with the part around a byte of it; how much was cut in front, and how long
/// is what stands for that.
fn clipped(line: &str, at: usize) -> (String, usize, usize) {
    const BEFORE: usize = 120;
    const MOST: usize = 400;
    let from = line.floor_char_boundary(at.saturating_sub(BEFORE));
    let from = if line.len() <= MOST { 0 } else { from };
    let to = line.floor_char_boundary((from + MOST).min(line.len()));
    let (front, back) = (if from > 0 { "…" } else { "" }, if to < line.len() { "…" } else { "" });
    (format!("{front}{}{back}", &line[from..to]), from, front.len())
}

/// Text without what a terminal would obey: control characters (line ending and tab excepted) and marks that turn
/// the direction of writing are shown as U+FFFD.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if obeyed(c) { '\u{fffd}' } else { c }).collect()
}

/// The same text on one line: a second one could be taken for something else.
#[must_use]
pub fn on_one_line(text: &str) -> String {
    harmless(text).replace(['\n', '\r', '\t'], " ").trim_end().to_owned()
}

/// Text without what addresses in it may hold for nobody to see: user and password before the host, and what is asked behind a
/// question mark, where some servers take a token.
#[must_use]
pub fn without_secrets(text: &str) -> String {
    const HIDDEN: &str = "***";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, address) = rest.split_at(at + "://".len());
        out.push_str(before);
        let ends = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`' | '<' | '>');
        let (address, after) = address.split_at(address.find(ends).unwrap_or(address.len()));
        let host_end = address.find(['/', '?', '#']).unwrap_or(address.len());
        let host = match address[..host_end].rfind('@') {
            Some(user_end) => format!("{HIDDEN}{}", &address[user_end..host_end]),
            None => address[..host_end].to_owned(),
        };
        out.push_str(&host);
        let path = &address[host_end..];
        match path.split_once('?') {
            Some((path, _)) => out.push_str(&format!("{path}?{HIDDEN}")),
            None => out.push_str(path),
        }
        rest = after;
    }
    out + rest
}

/// The same, with replacements as long as what they replace, so that byte offsets stay right.
fn in_place(text: &Arc<str>) -> Arc<str> {
    if !text.chars().any(obeyed) {
        return Arc::clone(text);
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character.len_utf8() {
            _ if !obeyed(character) => out.push(character),
            3 => out.push('\u{fffd}'),
            length => out.extend(std::iter::repeat_n('?', length)),
        }
    }
    out.into()
}

fn obeyed(character: char) -> bool {
    let turns = matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (character.is_control() && !matches!(character, '\n' | '\t' | '\r'))
}

/// A span for a label: the byte range, never past the end and never inside a character.
#[must_use]
pub fn span(text: &str, range: Range<usize>) -> SourceSpan {
    let start = text.floor_char_boundary(range.start);
    let end = text.ceil_char_boundary(range.end.max(start));
    (start, end - start).into()
}

/// Reads a regular file of at most `limit` bytes; `None` when there is no such file.
///
/// # Errors
/// [`SourceError`], as for [`Source::read`] but for the text encoding.
pub fn read_bytes(name: &str, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
    let failed = |source: io::Error| SourceError::Io { name: name.to_owned(), source };
    // Looked at before it is opened: opening a pipe would wait for its other end.
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if !metadata.is_file() {
        return Err(SourceError::NotAFile { name: name.to_owned() });
    }
    let too_large = || SourceError::TooLarge { name: name.to_owned(), limit };
    if metadata.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    File::open(path).map_err(failed)?.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(Some(bytes)) }
}

/// A file of the kernel's, such as `/proc/locks`: small, and without a length to check.
#[must_use]
pub fn read_virtual(path: &str) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(1 << 20).read_to_string(&mut text).ok()?;
    Some(text)
}

fn not_utf8(name: &str, error: std::string::FromUtf8Error) -> SourceError {
    let at = error.utf8_error().valid_up_to();
    let bytes = error.into_bytes();
    let line = 1 + bytes[..at].iter().filter(|b| **b == b'\n').count();
    let text: Arc<str> = String::from_utf8_lossy(&bytes[..at.min(1 << 20)]).into();
    let file = shell_quote(name);
    let convert = |from: &str| {
        format!("to convert it: iconv -f {from} -t UTF-8 {file} > {file}.utf8 && mv {file}.utf8 {file}")
    };
    let help = if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        format!("it looks like UTF-16; {}", convert("UTF-16"))
    } else if text.is_ascii() {
        format!("it looks like an 8-bit encoding such as Windows-1252; {}", convert("WINDOWS-1252"))
    } else {
        // Converting the whole file would corrupt what is UTF-8 already.
        format!("the text before it is UTF-8, so only this place is wrong: correct line {line} by hand")
    };
    SourceError::NotUtf8 {
        name: name.to_owned(),
        line,
        byte: bytes.get(at).copied().unwrap_or_default(),
        offset: at,
        help,
        at: span(&text, text.len().saturating_sub(1)..text.len()),
        source_code: NamedSource::new(harmless(name), in_place(&text)),
    }
}

/// Why a file of the repository could not be read as text.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum SourceError {
    /// The system refused.
    #[error("cannot read {name}: {source}")]
    #[diagnostic(code(unreadable_file), help("look at its permissions: ls -l {}", shell_quote(name)))]
    Io {
        /// The file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// A directory, pipe or device stands where a file should be.
    #[error("{name} is not a regular file")]
    #[diagnostic(
        code(not_a_file),
        help("move it away and restore the file: git checkout -- {}", shell_quote(name))
    )]
    NotAFile {
        /// The path.
        name: String,
    },
    /// More bytes than this tool reads of such a file.
    #[error("{name} is larger than {} MiB, the most that is read of it", limit >> 20)]
    #[diagnostic(code(file_too_large), help("split the file, or look at what filled it"))]
    TooLarge {
        /// The file.
        name: String,
        /// The cap, in bytes.
        limit: u64,
    },
    /// Bytes that are not UTF-8.
    #[error("{name} is not UTF-8: byte 0x{byte:02x} at offset {offset}, line {line}")]
    #[diagnostic(code(not_utf8), help("nothing was changed; {help}"))]
    NotUtf8 {
        /// The file.
        name: String,
        /// 1-based line of the byte.
        line: usize,
        /// The byte.
        byte: u8,
        /// Its offset.
        offset: usize,
        /// What it may be, and what to do.
        help: String,
        /// The text up to the byte.
        #[source_code]
        source_code: NamedSource<Arc<str>>,
        /// The last place that could be read.
        #[label("the next byte is not UTF-8")]
        at: SourceSpan,
    },
}

/// A word as a POSIX shell must be given it, so that pasted commands work. What a terminal would obey is spelled out.
#[must_use]
pub fn shell_quote(word: &str) -> String {
    if word.chars().any(|c| obeyed(c) || c.is_control()) {
        return spelled_out(word);
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A word that `printf` makes, so that no character of it does anything before the shell has it.
fn spelled_out(word: &str) -> String {
    // The shell takes line endings from the end of what a command prints.
    let text = word.trim_end_matches('\n');
    let mut format = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        // `!` is for the history of an interactive shell, also in quotes.
        let special = obeyed(character) || character.is_control() || "'\\%!".contains(character);
        if special || (at == 0 && character == '-') {
            format.extend(character.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\{byte:03o}")));
        } else {
            format.push(character);
        }
    }
    let end = &word[text.len()..];
    let end = if end.is_empty() { String::new() } else { format!("'{end}'") };
    format!("\"$(printf '{format}')\"{end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("a.md", "a.md")]
    #[case("", "''")]
    #[case("a b;rm", "'a b;rm'")]
    #[case("it's", r"'it'\''s'")]
    #[case("-a\u{1b}[2J'%\\\t.txt", r#""$(printf '\055a\033[2J\047\045\134\011.txt')""#)]
    #[case("a\u{202e}b\n", "\"$(printf 'a\\342\\200\\256b')\"'\n'")]
    fn words_are_quoted(#[case] word: &str, #[case] quoted: &str) {
        assert_eq!(shell_quote(word), quoted);
    }

    #[test]
    fn what_a_terminal_would_obey_is_replaced_in_place() {
        let text = "a\u{1b}[2J\u{9b}b\u{202e}c\r\n";
        let shown = in_place(&text.into());
        assert_eq!((shown.len(), &*shown), (text.len(), "a?[2J??b\u{fffd}c\r\n"));
        assert_eq!(harmless("a\u{1b}b\tc"), "a\u{fffd}b\tc");
    }

    #[test]
    fn lines_and_offsets_agree() {
        let source = Source::new("x", "x", "ab\ncd\n");
        assert_eq!((source.line_of(0), source.line_of(3), source.offset_of(2, 2)), (1, 2, 4));
        assert_eq!(source.offset_of(9, 9), 6);
    }

    #[rstest]
    #[case("nothing to hide: a@b", "nothing to hide: a@b")]
    #[case("to 'https://ann:s3cret@host/x.git': no", "to 'https://***@host/x.git': no")]
    #[case("https://token@host", "https://***@host")]
    #[case("http://host/x.git?private_token=s3cret and more", "http://host/x.git?*** and more")]
    #[case("a://b:c@d@e/f?g ssh://git@h/i", "a://***@e/f?*** ssh://***@h/i")]
    #[case("://", "://")]
    fn secrets_of_addresses(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(without_secrets(text), shown);
    }
}

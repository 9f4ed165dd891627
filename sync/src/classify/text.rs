//! A text as statements of plain words, so that a rule need not know about case, punctuation and white space.

/// What ends the name of a file: `Cargo.lock` is one word, and not about a lock.
const EXTENSIONS: [&str; 14] =
    ["cfg", "conf", "db", "html", "ini", "json", "lock", "log", "md", "py", "rs", "toml", "yaml", "yml"];

/// The statements of a text, each in lower case with one space around every word: ` event loop is closed `.
///
/// Of a text that is longer than twice `end`, only that many bytes at its beginning and at its end are read.
///
/// - A statement ends at `.`, `!` or `?` before white space, and with its line, unless the next line goes on with a word
///   in small letters: logs are wrapped. The code below a frame of a traceback belongs to the frame.
/// - A word is letters, digits and apostrophes. `CamelCase` is two words, as is `snake_case`; the name of a file is one.
/// - Of a URL only the scheme is kept, and of a path the last name: where something is does not say what happened.
pub(super) fn statements(text: &str, end: usize) -> Vec<String> {
    if text.len() <= 2 * end {
        return Words::of(text);
    }
    let mut found = Words::of(&text[..text.floor_char_boundary(end)]);
    found.extend(Words::of(&text[text.ceil_char_boundary(text.len() - end)..]));
    found
}

/// The statements so far.
struct Words {
    done: Vec<String>,
    /// Starts with a space.
    now: String,
}

impl Words {
    fn of(text: &str) -> Vec<String> {
        let mut words = Self { done: Vec::new(), now: " ".to_owned() };
        let (mut before, mut rest) = (' ', text);
        while let Some(char) = rest.chars().next() {
            rest = &rest[char.len_utf8()..];
            if char.is_whitespace() {
                rest = words.space(char, rest);
            } else if char == ':' && rest.starts_with("//") {
                words.gap();
                rest = &rest[rest.find(ends_url).unwrap_or(rest.len())..];
            } else if char == '/' && !before.is_alphanumeric() {
                words.gap();
                rest = last_name(rest);
            } else {
                words.take(before, char, rest);
            }
            before = char;
        }
        words.stop();
        words.done
    }

    /// White space, of which `rest` may have more. Gives what comes after it.
    fn space<'a>(&mut self, first: char, rest: &'a str) -> &'a str {
        let after = rest.trim_start();
        let run = &rest[..rest.len() - after.len()];
        let indented = !run.is_empty() && !run.ends_with('\n');
        let code_of_frame = indented && self.now.starts_with(" file ") && !after.starts_with("File ");
        let new_line = first == '\n' || run.contains('\n');
        if new_line && !code_of_frame && !wrapped(after) {
            self.stop();
        } else {
            self.gap();
        }
        after
    }

    /// What is no white space.
    fn take(&mut self, before: char, char: char, rest: &str) {
        let inside = before.is_alphanumeric();
        match char {
            '\'' | '’' if inside && rest.starts_with(char::is_alphanumeric) => self.now.push('\''),
            '.' if inside && extends(rest) => self.now.push('.'),
            '.' | '!' | '?' if rest.is_empty() || rest.starts_with(char::is_whitespace) => self.stop(),
            _ if char.is_alphanumeric() => {
                if hump(before, char, rest) {
                    self.gap();
                }
                self.now.extend(char.to_lowercase());
            }
            _ => self.gap(),
        }
    }

    fn gap(&mut self) {
        if !self.now.ends_with(' ') {
            self.now.push(' ');
        }
    }

    fn stop(&mut self) {
        self.gap();
        if self.now.len() > 1 {
            self.done.push(std::mem::replace(&mut self.now, " ".to_owned()));
        }
    }
}

/// Whether a line goes on with what the one before it began: its first word is a plain one, in small letters.
fn wrapped(line: &str) -> bool {
    let word = line.find(char::is_whitespace).map_or(line, |end| &line[..end]);
    let word = word.trim_end_matches([',', '.', ';', ':', '!', '?', ')']);
    !word.is_empty() && word.chars().all(char::is_lowercase)
}

fn ends_url(char: char) -> bool {
    char.is_whitespace() || "\"'<>()[]{},;".contains(char)
}

/// What comes after the directories of a path.
fn last_name(path: &str) -> &str {
    let end = path.find(ends_url).unwrap_or(path.len());
    &path[path[..end].rfind('/').map_or(0, |slash| slash + 1)..]
}

/// Whether what comes after a full stop ends the name of a file.
fn extends(rest: &str) -> bool {
    let end = rest.find(|char: char| !char.is_alphanumeric()).unwrap_or(rest.len());
    let mut after = rest[end..].chars();
    let goes_on = match after.next() {
        Some('.') => after.next().is_some_and(char::is_alphanumeric),
        other => other == Some('_'),
    };
    !goes_on && EXTENSIONS.iter().any(|extension| rest[..end].eq_ignore_ascii_case(extension))
}

/// Whether a word of `CamelCase` starts here: `eventLoop`, and `HTTPStatus` at its S.
fn hump(before: char, char: char, rest: &str) -> bool {
    let next_is_small = rest.starts_with(char::is_lowercase);
    char.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && next_is_small))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::statements;

    #[rstest]
    #[case("Event\u{a0}loop  is\tclosed", &[" event loop is closed "])]
    #[case("One. Two; three! four? 5.6", &[" one ", " two three ", " four ", " 5 6 "])]
    #[case("wrapped\n    at the margin\nNot wrapped", &[" wrapped at the margin ", " not wrapped "])]
    #[case("File \"x.py\", line 5\n    with lock:\nos.E: no", &[" file x.py line 5 with lock ", " os e no "])]
    #[case("WebSocket HTTPStatus OSError", &[" web socket http status os error "])]
    #[case("invalid_grant can't 'quoted'", &[" invalid grant can't quoted "])]
    #[case("at Cargo.lock, in a.b.lock. sync.lock_held", &[" at cargo.lock in a b.lock ", " sync lock held "])]
    #[case("see (https://x.example/a/lock?held=1) or wss://x", &[" see https or wss "])]
    #[case("in /var/auth/refresh.lock: HTTP/1.1 POST /a/b/ 401", &[" in refresh.lock http 1 1 post 401 "])]
    #[case(" .;!\n", &[])]
    fn words(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(statements(text, 1000), expected);
    }

    #[test]
    fn both_ends() {
        assert_eq!(statements("äbcdefä", 3), [" äb ", " fä "]);
    }
}

//! The line that says that events were not delivered: at most one a command, as who delivers asks for one line, and on
//! standard error only.

use crate::code::DiagnosticCode;

/// Most characters of the message.
const MOST: usize = 400;

/// The line, with its ending. The message comes last, and is made of what others wrote: nothing in it can end the line, turn the
/// terminal or go on for ever.
#[must_use]
pub(crate) fn line(code: DiagnosticCode, message: &str) -> String {
    format!(
        "sync_diagnostic severity=warning diagnostic_code={} fatal=false sync_phase=final_sync message={}\n",
        code.as_str(),
        tame(message)
    )
}

/// Control characters and marks that turn the direction of writing are escaped; what is too long ends with `…`.
fn tame(message: &str) -> String {
    let mut out = String::new();
    for (nth, character) in message.chars().enumerate() {
        if nth == MOST {
            out.push('…');
            break;
        }
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_obeyed(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// What a terminal, or a reader of lines, obeys.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::plain("no connection", "no connection")]
    #[case::a_second_line("a\nsync_diagnostic fatal=true", "a\\nsync_diagnostic fatal=true")]
    #[case::colour("\u{1b}[31mred", "\\u{1b}[31mred")]
    #[case::other_line_endings("a\r\u{85}\u{2028}b", "a\\r\\u{85}\\u{2028}b")]
    #[case::turned("a\u{202e}b", "a\\u{202e}b")]
    fn it_is_one_line(#[case] message: &str, #[case] shown: &str) {
        let line = line(DiagnosticCode::ServerAuthFailure, message);
        let front = "sync_diagnostic severity=warning diagnostic_code=sync.server_auth_failure fatal=false sync_phase=final_sync message=";
        assert_eq!(line, format!("{front}{shown}\n"));
    }

    #[test]
    fn it_has_an_end() {
        let line = line(DiagnosticCode::FinalSyncLockUnavailable, &"é".repeat(1_000_000));
        assert_eq!(line.chars().filter(|c| *c == 'é').count(), MOST);
        assert!(line.ends_with("…\n"));
    }
}

//! Text of the repository in the channels that it goes through: none of them may take it for a command.

use clearance_engine::source::harmless;

/// The value of a GitHub workflow command.
pub(super) fn workflow_data(text: &str) -> String {
    harmless(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a GitHub workflow command.
pub(super) fn workflow_property(text: &str) -> String {
    workflow_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Text in Markdown: nothing of it is markup, a mention or a link, and it stays in its cell.
pub(super) fn markdown(text: &str) -> String {
    let mut out = String::new();
    for character in harmless(text).chars() {
        match character {
            '\n' | '\r' => out.push(' '),
            // As numbers, for readers that make links of what is only escaped.
            '<' | '>' | '&' | '@' | '#' | ':' | '|' | '~' => {
                out.push_str(&format!("&#{};", u32::from(character)));
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '!' | '$' => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    out
}

/// Text in code of Markdown, on one line.
pub(super) fn markdown_code(text: &str) -> String {
    let text = harmless(text).replace(['\n', '\r'], " ");
    if text.trim().is_empty() {
        return String::new();
    }
    // A fence that is longer than any in it; in a table a bar ends the cell even in code.
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    format!("{fence} {} {fence}", text.replace('|', "\\|"))
}

/// Text, and the value of an attribute in quotes, in HTML.
pub(super) fn html(text: &str) -> String {
    let text = harmless(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

/// Text in XML, which has no way to write some characters.
pub(super) fn xml(text: &str) -> String {
    harmless(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("100% done\nand\r", "100%25 done%0Aand%0D")]
    #[case("::error::x", "::error::x")]
    #[case("\u{1b}[31mred", "\u{fffd}[31mred")]
    fn workflow_commands_cannot_be_ended(#[case] text: &str, #[case] escaped: &str) {
        assert_eq!(workflow_data(text), escaped);
    }

    #[test]
    fn a_property_cannot_begin_another() {
        assert_eq!(workflow_property("a,line=1::b"), "a%2Cline=1%3A%3Ab");
    }

    #[rstest]
    #[case("a | b", "a &#124; b")]
    #[case("<img src=x>", "&#60;img src=x&#62;")]
    #[case("[x](http://y)", "\\[x\\]\\(http&#58;//y\\)")]
    #[case("@team #12 **b** `c`", "&#64;team &#35;12 \\*\\*b\\*\\* \\`c\\`")]
    #[case("one\ntwo", "one two")]
    fn markdown_is_only_text(#[case] text: &str, #[case] escaped: &str) {
        assert_eq!(markdown(text), escaped);
    }

    #[rstest]
    #[case("git a", "` git a `")]
    #[case("a `b` ``c``", "``` a `b` ``c`` ```")]
    #[case("a | b", "` a \\| b `")]
    #[case(" ", "")]
    fn code_cannot_be_left(#[case] text: &str, #[case] escaped: &str) {
        assert_eq!(markdown_code(text), escaped);
    }

    #[test]
    fn html_and_xml_are_only_text() {
        assert_eq!(
            html("<a href='x' b=\"&\">\u{7}"),
            "&lt;a href=&#39;x&#39; b=&quot;&amp;&quot;&gt;\u{fffd}"
        );
        assert_eq!(xml("a\u{0}\u{b}\u{ffff}b"), "a\u{fffd}\u{fffd}\u{fffd}b");
    }
}

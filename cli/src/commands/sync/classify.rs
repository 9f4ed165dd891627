//! `clearance sync classify`: which code the messages of other programs would get.

use std::io::Read as _;

use serde_json::{Value, json};

use super::Answer;
use crate::args::Global;
use crate::failure::Failure;

/// Most that is read, in bytes.
const INPUT: u64 = 64 << 20;

pub(super) fn run(global: &Global) -> Result<Answer, Failure> {
    let mut input = Vec::new();
    let help = "give it plain lines; with --json, one {\"text\": ...} a line";
    std::io::stdin().lock().take(INPUT + 1).read_to_end(&mut input).map_err(|error| {
        Failure::usage("input_unreadable", format!("standard input cannot be read: {error}"), help)
    })?;
    if input.len() as u64 > INPUT {
        return Err(Failure::usage(
            "input_too_large",
            format!("standard input has more than {INPUT} bytes"),
            help,
        ));
    }
    let input = String::from_utf8_lossy(&input);
    let lines = input.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let texts =
        lines.map(|(nth, line)| if global.json { text_of(line, nth + 1, help) } else { Ok(line.to_owned()) });
    let mut out = String::new();
    let mut values = Vec::new();
    for text in texts {
        let text = text?;
        let code = clearance_sync::classify(&text).map(clearance_sync::DiagnosticCode::as_str);
        if global.json {
            values.push(json!({ "text": text, "code": code }));
        } else {
            out.push_str(&format!(
                "{}\t{}\n",
                code.unwrap_or("-"),
                clearance_engine::source::harmless(&text)
            ));
        }
    }
    // A value a line, as they came in.
    out.extend(values.iter().map(|value: &Value| format!("{value}\n")));
    Ok(Answer::text(out))
}

fn text_of(line: &str, nth: usize, help: &str) -> Result<String, Failure> {
    let value: Result<Value, _> = serde_json::from_str(line);
    let text = value.ok().and_then(|value| value["text"].as_str().map(str::to_owned));
    text.ok_or_else(|| {
        Failure::usage("input_invalid", format!("line {nth} of standard input is no {{\"text\": ...}}"), help)
    })
}

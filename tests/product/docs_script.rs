//! What is done with a block of commands, and what it must come to.

use std::fmt::Write as _;
use std::process::Command;
use std::sync::LazyLock;

use clearance_testkit::{read, scrub, write};
use regex::Regex;

use crate::docs_pages::{Block, workspace};
use crate::docs_places::Place;
use crate::support::{Run, binary};

/// Why a block may be left out. What it says of `clearance` is read by its parser all the same.
const REASONS: [&str; 3] = [
    "it builds this program",
    "it compares this program with others",
    "it changes the machine that it is run on",
];

/// What the comment before a block says: `run: PLACE [each] [NAME=VALUE...]` and, in the lines below, what is done
/// before; or `run: none: REASON`.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// Where it is run, made anew; without it, where the block before was.
    pub(crate) place: Option<String>,
    /// Each command in a place of its own.
    pub(crate) each: bool,
    /// Why it is not run.
    pub(crate) left_out: Option<String>,
    words: Vec<(String, String)>,
    before: String,
}

impl Order {
    /// # Errors
    /// What is wrong with the comment.
    pub(crate) fn of(block: &Block) -> Result<Self, String> {
        let comment = block.comment.as_deref().unwrap_or_default().trim();
        let Some(told) = comment.strip_prefix("<!-- run:").and_then(|rest| rest.strip_suffix("-->")) else {
            return Ok(Self::default());
        };
        let (first, before) = told.trim().split_once('\n').unwrap_or((told.trim(), ""));
        if let Some(reason) = first.strip_prefix("none:").map(str::trim) {
            let known = REASONS.contains(&reason);
            let order = Self { left_out: Some(reason.to_owned()), ..Self::default() };
            return known.then_some(order).ok_or_else(|| format!("`{reason}` is no reason: {REASONS:#?}"));
        }
        let mut order = Self { before: before.trim().to_owned(), ..Self::default() };
        for word in first.split_whitespace() {
            match word.split_once('=') {
                Some((name, value)) => order.words.push((name.to_owned(), value.to_owned())),
                None if word == "each" => order.each = true,
                None if order.place.is_none() => order.place = Some(word.to_owned()),
                None => return Err(format!("`{word}` is no place, and not `each` or NAME=VALUE")),
            }
        }
        Ok(order)
    }
}

/// A command of a block.
#[derive(Debug)]
pub(crate) struct Step {
    /// What is shown.
    pub(crate) line: String,
    /// What is run: with words for what stands for something.
    typed: String,
    code: i32,
    /// What the block shows below it.
    shown: Vec<String>,
}

/// The commands of a block, in order.
pub(crate) fn steps(block: &Block, order: &Order) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut open = String::new();
    for line in block.text.lines() {
        let command = match (block.language.as_str(), line.strip_prefix("$ ")) {
            ("console", Some(command)) => command,
            ("console", None) if open.is_empty() => {
                if let Some(step) = steps.last_mut() {
                    match code(&EXIT_SHOWN, line) {
                        Some(code) => step.code = code,
                        None => step.shown.push(line.trim_end().to_owned()),
                    }
                }
                continue;
            }
            _ => line,
        };
        open.push_str(command);
        if is_open(&open) {
            open.push('\n');
            continue;
        }
        let line = std::mem::take(&mut open);
        let words = line.trim();
        if !words.is_empty() && !words.starts_with('#') {
            let typed =
                order.words.iter().fold(line.clone(), |line, (name, value)| replaced(&line, name, value));
            steps.push(Step { code: code(&EXIT, &line).unwrap_or(0), line, typed, shown: Vec::new() });
        }
    }
    assert!(open.is_empty(), "line {}: this has no end: {open}", block.line);
    steps
}

static EXIT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\s# .*\bexit (?:code )?(\d+)").unwrap());
static EXIT_SHOWN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\(exit code (\d+)\)$").unwrap());

fn code(pattern: &Regex, line: &str) -> Option<i32> {
    pattern.captures(line).map(|found| found[1].parse().unwrap())
}

/// Whether a shell would wait for more.
fn is_open(text: &str) -> bool {
    static HERE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"<<-?\s*['"]?(\w+)['"]?"#).unwrap());
    if let Some(here) = HERE.captures(text) {
        return !text.lines().any(|line| line == &here[1]);
    }
    let told = Run::of(Command::new("bash").args(["-n", "-c", text]));
    text.ends_with('\\')
        || told.stderr.contains("unexpected end of file")
        || told.stderr.contains("unexpected EOF")
}

/// A word, where it stands alone, as another one.
fn replaced(line: &str, name: &str, value: &str) -> String {
    let word = Regex::new(&format!(r"\b{}\b", regex::escape(name))).unwrap();
    word.replace_all(line, regex::NoExpand(value)).into_owned()
}

/// Whether a command would change what is outside of its place: tests may run as somebody who is allowed to.
pub(crate) fn reaches_out(step: &Step) -> bool {
    static OUT: LazyLock<Regex> = LazyLock::new(|| {
        let changes = r"(>|\b(rm|mv|cp|ln|tee|install|chmod|chown)\b.*)";
        let machine = r"\s*/(bin|boot|dev|etc|lib|opt|root|sbin|usr|var)\b";
        let pattern = format!(r"\bsudo\b|--(global|system)\b|\b(apt|apt-get|brew|dnf)\b|{changes}{machine}");
        Regex::new(&pattern).unwrap()
    });
    OUT.is_match(&step.typed.replace("/dev/null", ""))
}

#[test]
fn what_reaches_out_is_seen() {
    let reaches = |typed: &str| {
        let step = Step { line: typed.to_owned(), typed: typed.to_owned(), code: 0, shown: Vec::new() };
        reaches_out(&step)
    };
    for line in
        ["git config --global a.b c", "sudo ls", "echo x > /etc/hosts", "rm -f /usr/bin/x", "apt-get update"]
    {
        assert!(reaches(line), "{line}");
    }
    for line in
        ["rm x", "ls 2> /dev/null > /dev/null", "git config user.name x", "clearance env create .venv"]
    {
        assert!(!reaches(line), "{line}");
    }
}

/// Runs steps one after the other in one shell, and gives what is wrong with each of them.
pub(crate) fn run(place: &Place, before: &str, steps: &[&Step]) -> Vec<String> {
    let notes = place.home.join("notes");
    let mut script = format!("set -e\n{before}\nset +e\n");
    for (number, step) in steps.iter().enumerate() {
        let notes = notes.join(number.to_string()).display().to_string();
        writeln!(
            script,
            "{{\n{}\n}} > '{notes}.said' 2>&1 < /dev/null\necho $? > '{notes}.code'",
            step.typed
        )
        .unwrap();
    }
    // The next block goes on where this one ends.
    let here = notes.join("here");
    let directory = if here.exists() { read(&notes, "here").trim_end().into() } else { place.root.clone() };
    writeln!(script, "pwd > '{}'", here.display()).unwrap();
    let file = write(&place.home, "notes/script", script);
    let mut bash = Command::new("bash");
    scrub(&mut bash);
    let path = bash.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, value)| value).unwrap();
    let own = binary().parent().unwrap().to_owned();
    let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(path))).unwrap();
    bash.env("PATH", path).env("HOME", &place.home).current_dir(directory);
    bash.env("GIT_CONFIG_GLOBAL", place.home.join("gitconfig"));
    bash.env("CLEARANCE_NOW", "2026-05-06T07:08:09.000001Z").env("NO_COLOR", "1").env("COLUMNS", "100");
    // Whoever commits must be known in a repository that a page makes. Nothing leaves this machine.
    for who in ["AUTHOR", "COMMITTER"] {
        bash.env(format!("GIT_{who}_NAME"), "Ann").env(format!("GIT_{who}_EMAIL"), "ann@example.com");
    }
    bash.env("SOURCE", workspace())
        .env("GIT_ALLOW_PROTOCOL", "file")
        .env("PIP_NO_INDEX", "1")
        .env("UV_OFFLINE", "1")
        .env("EDITOR", "true");
    bash.env("HTTPS_PROXY", "http://127.0.0.1:9")
        .envs(place.variables.iter().map(|(name, value)| (name, value)));
    let ran = Run::of(bash.args(["--norc", "--noprofile"]).arg(file));
    let of = |(number, step): (usize, &&Step)| {
        if !notes.join(format!("{number}.code")).exists() {
            return Some(format!("`{}` was not reached: {}{}", step.line, ran.stdout, ran.stderr));
        }
        let code: i32 = read(&notes, &format!("{number}.code")).trim().parse().unwrap();
        let said = read(&notes, &format!("{number}.said"));
        if code != step.code {
            return Some(format!("`{}` ended with {code}, and not {}:\n{said}", step.line, step.code));
        }
        differs(&step.shown, &said).map(|line| format!("`{}` does not say `{line}`:\n{said}", step.line))
    };
    steps.iter().enumerate().filter_map(of).collect()
}

/// Runs the steps of a block: all in a place, or each in one of its own.
pub(crate) fn run_block(place: &Place, order: &Order, steps: &[Step]) -> Vec<String> {
    if !order.each {
        return run(place, &order.before, &steps.iter().collect::<Vec<_>>());
    }
    let name = order.place.as_deref().expect("a place for each");
    steps.iter().flat_map(|step| run(&Place::named(name), &order.before, &[step])).collect()
}

/// The first line of what a page shows that was not said. `...` stands for anything, in a line and for lines.
pub(crate) fn differs(shown: &[String], said: &str) -> Option<String> {
    let lines = |text: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        let mut lines: Vec<_> = text.map(|line| plain(line.trim_end())).collect();
        lines.truncate(lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1));
        lines
    };
    let shown = lines(&mut shown.iter().map(String::as_str));
    let said = lines(&mut said.lines()).iter().map(|line| format!("{line}\n")).collect::<String>();
    let pattern = |lines: &[String]| lines.iter().map(|line| like(line)).collect::<String>();
    let begins = |lines| Regex::new(&format!("^{}", pattern(lines))).unwrap().is_match(&said);
    if let Some(wrong) = (0..shown.len()).find(|&at| !begins(&shown[..=at])) {
        return Some(shown[wrong].clone());
    }
    let whole = Regex::new(&format!("^{}$", pattern(&shown))).unwrap();
    (!shown.is_empty() && !whole.is_match(&said)).then(|| "(nothing more)".to_owned())
}

/// A line as a pattern.
fn like(shown: &str) -> String {
    if shown.trim() == "..." {
        return r"(?:.*\n)*?".to_owned();
    }
    let parts: Vec<_> = shown.split("...").map(regex::escape).collect();
    parts.join(".*") + r"\n"
}

/// Without what is another one every time: commits, ids, times.
fn plain(line: &str) -> String {
    static OTHER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\b[0-9a-f]*[0-9][0-9a-f]*[a-f][0-9a-f]*\b|\b[0-9]+(\.[0-9]+)? (ms|s|min|h|d)\b|\b[0-9a-f]{7,64}\b").unwrap()
    });
    OTHER.replace_all(line, "_").into_owned()
}

#[test]
fn what_is_shown_must_be_said() {
    let shown = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let said = "one\ntwo\nthree 89c026b07a in 3 ms\nfour\n";
    for right in [
        "",
        "one\ntwo\nthree 1234567 in 12 ms\nfour",
        "one\n...\nfour",
        "...\nth... in 1.5 s\n...",
        "one\n...",
        "...\nfour\n\n",
    ] {
        assert_eq!(differs(&shown(right), said), None, "{right}");
    }
    for wrong in ["two", "one\nthree", "one\n...\nfive", "one", "...\nfour\nfive", "o...x\n..."] {
        assert!(differs(&shown(wrong), said).is_some(), "{wrong}");
    }
}

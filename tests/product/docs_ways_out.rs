//! The pages of the checks show ways out. Each line there is what the product says in some situation: it is found, compared
//! with the line, and pasted.

use std::path::PathBuf;
use std::process::Command;

use regex::Regex;

use crate::blockers::{FOR_PEOPLE, LOOKS_READY, MENDED};
use crate::docs_pages::pages;
use crate::docs_situations::{ELSEWHERE, Made, Then, Way};
use crate::docs_situations_list::SITUATIONS;
use crate::docs_words::{Form, fault};
use crate::ready::{done, ready};
use crate::support::{Run, TestRepo, binary, command};

/// What stands in a page for something else: whole words in capitals, `WPnn` and `kitty/mission-013` as an example.
fn pattern(line: &str) -> Regex {
    let line = line.replace("kitty-specs/013/", "kitty-specs/m/").replace("mission-013", "mission-m");
    let words = Regex::new(r"\\\$\\\{EDITOR:\\-vi\\\}|\b(?:WPnn|FILES|[A-Z][A-Z_]{2,})\b").unwrap();
    let pattern = regex::escape(&line);
    let pattern = words.replace_all(&pattern, |found: &regex::Captures<'_>| match &found[0] {
        word if word.contains("EDITOR") => word.to_owned(),
        "FILES" => ".+?".to_owned(),
        "HEAD" | "NEW_PLACE" | "MERGE_HEAD" => found[0].to_owned(),
        _ => r"(?:'[^']*'|[^\s';&]+|\\')+".to_owned(),
    });
    Regex::new(&pattern).unwrap()
}

/// A repository in that situation, and where it is asked.
fn made(way: &Way) -> (TestRepo, PathBuf) {
    let repo = ready();
    match way.made {
        Made::As(name) => {
            let known = MENDED.iter().chain(FOR_PEOPLE).chain(LOOKS_READY).find(|known| known.0 == name);
            known.unwrap_or_else(|| panic!("there is no situation {name}")).2(&repo);
        }
        Made::By(script) => done(&repo, &format!("PATH={}:$PATH\n{script}", programs())),
        Made::With(make) => make(&repo),
    }
    let place = repo.root().join(way.place);
    (repo, place)
}

fn programs() -> String {
    binary().parent().unwrap().display().to_string()
}

/// What `check` says of a code: the commands that would end it.
fn remedies(place: &std::path::Path, way: &Way) -> Vec<String> {
    let mut check = command(place);
    let run = Run::of(check.args(["check", "--mission", "m", "--json"]).args(way.more));
    let value = run.json();
    let checks = value["checks"].as_array().unwrap_or_else(|| panic!("{}: {value:#}", way.code));
    let findings = checks.iter().flat_map(|check| check["findings"].as_array().unwrap());
    let of_code = findings.filter(|finding| finding["code"] == way.code);
    of_code.map(|finding| finding["remediation"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Why a line is not what the product says, or does not do what it should.
fn wrong(way: &Way) -> Option<String> {
    let (_repo, place) = made(way);
    let told = remedies(&place, way);
    let said = told.iter().find(|remedy| !way.said || pattern(way.line).is_match(remedy));
    let Some(said) = said else { return Some(format!("the product says {told:?}")) };
    let remedy = if way.said { said } else { way.line };
    let mut shell = Command::new("sh");
    clearance_testkit::scrub(&mut shell);
    shell.env("EDITOR", "true").env("GIT_ALLOW_PROTOCOL", "file");
    let pasted = format!("PATH={}:$PATH\n{remedy}", programs());
    let run = Run::of(shell.current_dir(&place).args(["-c", &pasted]));
    let goes_well = way.then != Then::AsksAPerson;
    if (run.code == 0) != goes_well {
        return Some(format!("`{remedy}` ended with {}: {}{}", run.code, run.stdout, run.stderr));
    }
    let left = remedies(&place, way);
    let gone = left.is_empty();
    (gone != (way.then == Then::ItIsGone)).then(|| format!("after `{remedy}` there is {left:?}"))
}

/// The lines of the pages, with their codes.
fn lines() -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for page in pages().into_iter().filter(|page| page.name.starts_with("docs/checks/")) {
        for block in page.blocks.iter().filter(|block| block.is_commands()) {
            lines.extend(block.text.lines().map(|line| (block.heading.clone(), line.to_owned())));
        }
    }
    lines
}

#[test]
fn every_way_out_of_the_pages_is_one_that_the_product_shows() {
    let lines = lines();
    let has = |way: &Way| lines.iter().any(|(_, line)| line == way.line);
    let stale: Vec<_> = SITUATIONS.iter().filter(|way| !has(way)).map(|way| way.line).collect();
    assert_eq!(stale, Vec::<&str>::new(), "no page has these lines");
    let mut faults = Vec::new();
    for (heading, line) in &lines {
        faults.extend(fault(line, Form::Filled).map(|fault| format!("{heading}: {fault}")));
        let known = SITUATIONS.iter().any(|way| way.line == line);
        if !known && !ELSEWHERE.iter().any(|(elsewhere, _)| elsewhere == line) {
            faults.push(format!("{heading}: no situation is known in which the product says `{line}`"));
        }
    }
    for way in SITUATIONS {
        eprintln!("{}: {}", way.code, way.line);
        faults.extend(wrong(way).map(|fault| format!("{}: `{}`: {fault}\n", way.code, way.line)));
    }
    eprintln!("{} lines of {} are pasted", SITUATIONS.len(), lines.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_line_is_compared_with_what_is_said() {
    let is_like = |line: &str, said: &str| pattern(line).is_match(said);
    assert!(is_like("git -C DIR switch BRANCH", "git -C '/a b' switch kitty/mission-m"));
    assert!(is_like("mv -n DIR/FILE DIR/FILE.mine", "mv -n /a/b /a/b.mine"));
    assert!(!is_like("git -C DIR switch BRANCH", "git -C /a checkout main"));
    assert!(!is_like("git branch BRANCH COMMIT", "git branch a"));
}

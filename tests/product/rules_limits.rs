//! Rules that were written by somebody hostile: each ends soon, without a crash, is told of as undecided, and takes nobody
//! else's answer with it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::rules_support::{at_commit, blocking, found, of, passing, rule, staged};
use crate::support::{TestRepo, run};

/// More than any of these takes on a slow machine, and less than the hostile ones would.
const LONG: Duration = Duration::from_secs(60);

fn assert(expression: &str) -> String {
    rule("hostile", &format!("check:\n  assert: >-\n    {expression}\nmessage: m\nremediation: r\n"))
}

fn nested(open: &str, inside: &str, close: &str, times: usize) -> String {
    format!("{}{inside}{}", open.repeat(times), close.repeat(times))
}

/// Lists that double with each name.
fn doubled(first: &str, times: usize) -> String {
    let mut text = format!("let:\n  a0: {first}\n");
    for nth in 1..=times {
        writeln!(text, "  a{nth}: a{} + a{}", nth - 1, nth - 1).unwrap();
    }
    text + &format!("check: {{ assert: a{times}.size() > 0 }}\nmessage: m\nremediation: r\n")
}

/// Aliases of aliases, as YAML has them.
fn billion() -> String {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for nth in 1..10 {
        let row = vec![format!("*a{}", nth - 1); 10].join(", ");
        writeln!(text, "a{nth}: &a{nth} [{row}]").unwrap();
    }
    rule("hostile", "check: { assert: 1 == 1 }\nmessage: m\n") + &text
}

/// 20,000 items.
fn many_items() -> String {
    let list = |times: usize| format!("[{}]", vec!["1"; times].join(", "));
    rule(
        "hostile",
        &format!(
            "let:\n  a: '{}'\n  b: a + a + a + a + a + a + a + a + a + a\n  c: b + b + b + b + b + b + b + b + b + b\ncheck: {{ each: c, as: x, key: string(x), assert: x == 1 }}\nmessage: m\nremediation: r\n",
            list(200)
        ),
    )
}

fn let_chain(more: &str) -> String {
    rule("hostile", &doubled("'[1, 2, 3, 4]'", 63).replace("check:", &format!("{more}check:")))
}

#[rstest]
#[case::large_file(format!("{}# {}\n", passing("hostile"), "x".repeat(65 << 10)))]
#[case::very_large_file(format!("{}# {}\n", passing("hostile"), "x".repeat(20 << 20)))]
#[case::long_expression(assert(&format!("{} == 1", vec!["1"; 2_000].join(" + "))))]
#[case::long_text(assert(&format!("\"{}\" != \"\"", "x".repeat(5 << 10))))]
#[case::parentheses(assert(&nested("(", "1", ")", 1_000)))]
#[case::lists(assert(&format!("{} == []", nested("[", "", "]", 1_000))))]
#[case::records(assert(&format!("{} == {{}}", nested("{1:", "1", "}", 1_000))))]
#[case::negations(assert(&format!("{}true", "!".repeat(3_000))))]
#[case::minuses(assert(&format!("{}1 == 1", "-".repeat(3_000))))]
#[case::ternaries(assert(&format!("{}true", "true ? true : ".repeat(250))))]
#[case::indexes(assert(&format!("[1]{} == 1", "[0]".repeat(1_000))))]
#[case::in_a_template(passing("hostile").replace("message: m", &format!("message: '{{{{ {} }}}}'", nested("(", "1", ")", 1_000))))]
#[case::open_only(assert(&"(".repeat(4_000)))]
#[case::flow_lists(format!("{}docs: {}{}\n", passing("hostile"), "[".repeat(20_000), "]".repeat(20_000)))]
#[case::flow_records(format!("{}params: {}x{}\n", passing("hostile"), "{a: ".repeat(5_000), "}".repeat(5_000)))]
#[case::block_lists(format!("{}docs:\n  {}x\n", passing("hostile"), "- ".repeat(5_000)))]
#[case::aliases(billion())]
#[case::an_anchor(passing("hostile").replace("id: hostile", "id: &x hostile"))]
#[case::a_merge_key(format!("{}docs: {{ <<: *x }}\n", passing("hostile")))]
#[case::many_nodes(format!("{}docs: [{}]\n", passing("hostile"), "1,".repeat(30_000)))]
#[case::three_loops(assert("tree.paths.all(a, tree.paths.all(b, tree.paths.all(c, a + b + c != \"x\")))"))]
#[case::three_loops_of_different_kinds(assert(
    "tree.paths.map(a, tree.paths.filter(b, tree.paths.exists(c, a == b + c))).size() == 0"
))]
#[case::many_names(rule("hostile", &doubled("'[1]'", 100)))]
#[case::doubled_lists(let_chain(""))]
#[case::doubled_texts(rule("hostile", &doubled("'\"0123456789\"'", 40)))]
#[case::many_items(many_items())]
#[case::a_large_pattern(rule(
    "hostile",
    "check: { scan: { files: '**', lines: all, forbid: '(((a{100}){100}){100}){100}' } }\nmessage: m\nremediation: r\n"
))]
#[case::a_large_pattern_in_an_expression(assert("\"a\".matches(\"(((a{100}){100}){100}){100}\")"))]
#[case::a_long_time(rule(
    "hostile",
    "check: { exec: { argv: [sh], timeout: 99999999999999999999m, pass: [0], fail: [] } }\nmessage: m\n"
))]
#[case::a_large_number(passing("hostile").replace("1 == 1", "99999999999999999999 > 1"))]
#[case::overflow(assert("9223372036854775807 + tree.paths.size() > 0"))]
#[case::division_by_nothing(assert("1 / (tree.paths.size() - tree.paths.size()) == 1"))]
#[case::remainder_of_the_least(assert("(-9223372036854775807 - 1) % -1 == 0"))]
fn a_hostile_rule_ends_and_hides_nothing(#[case] text: String) {
    let repo = staged(&[
        ("rules.d/a.yaml", &text),
        ("rules.d/m.yaml", &passing("harmless")),
        ("rules.d/z.yaml", &blocking()),
    ]);
    let started = Instant::now();
    let asked = at_commit(&repo, &[]);
    let took = started.elapsed();
    let json = asked.json();
    assert_eq!((asked.code, &json["verdict"]), (3, &"undecided".into()), "{json:#}");
    assert!(took < LONG, "{took:?}");
    let hostile = json["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] == "undecided");
    let ids: Vec<_> = hostile.map(|check| check["id"].as_str().unwrap().to_owned()).collect();
    assert!(ids == ["hostile"] || ids == ["rules.d/a.yaml"], "{ids:?}");
    assert_eq!(
        (&of(&asked, "harmless")["verdict"], found(&asked, "always-fails").len()),
        (&"cleared".into(), 1)
    );
    assert!(
        asked.stdout.len() < 1 << 20 && asked.stderr.is_empty(),
        "{} bytes; {}",
        asked.stdout.len(),
        asked.stderr
    );
    // The tools of its author are as patient.
    for (tool, codes) in [("test", [3, 4, 0]), ("lint", [1, 1, 1]), ("list", [0, 0, 0])] {
        let started = Instant::now();
        let ran = run(&repo, &["rules", tool, "--json"]);
        assert!(codes.contains(&ran.code) && started.elapsed() < LONG, "{tool}: {} {}", ran.code, ran.stderr);
        assert!(ran.json().is_object());
    }
}

/// Nor do tests keep anybody, whether they are read or not.
#[rstest]
#[case::flow_lists(format!("{}tests: {}{}\n", passing("hostile"), "[".repeat(20_000), "]".repeat(20_000)))]
#[case::block_lists(format!("{}tests:\n  {}x\n", passing("hostile"), "- ".repeat(5_000)))]
fn hostile_tests_end(#[case] text: String) {
    let repo = staged(&[("rules.d/a.yaml", &text)]);
    for (asked, code) in
        [(&["check", "--stage", "commit"][..], 0), (&["rules", "test"], 3), (&["rules", "lint"], 1)]
    {
        let started = Instant::now();
        let ran = run(&repo, &[asked, &["--json"]].concat());
        assert_eq!(ran.code, code, "{asked:?}: {}", ran.stdout);
        assert!(started.elapsed() < LONG, "{asked:?}");
    }
}

/// Expressions that are small, and take minutes where the repository is large; asked once, and of each of 400 items.
#[rstest]
#[case::squared("tree.paths.all(a, tree.paths.all(b, a + b != \"x\"))")]
#[case::squared_pattern("tree.paths.all(a, !tree.paths.exists(b, (a + b).matches(\"^(x|y)*$\")))")]
#[case::memory("tree.paths.map(a, tree.paths.map(b, a + b)).size() == 0")]
fn an_evaluation_has_an_end(#[case] expression: &str, #[values(false, true)] each: bool) {
    let repo = large(4_000);
    let items = "  each: tree.paths.filter(p, p.startsWith(\"directory-1/\"))\n  as: p\n  key: p\n";
    let text = assert(expression);
    repo.write(
        "rules.d/a.yaml",
        if each { text.replace("  assert:", &format!("{items}  assert:")) } else { text },
    );
    repo.write("rules.d/z.yaml", blocking());
    let started = Instant::now();
    let asked = at_commit(&repo, &[]);
    assert!(started.elapsed() < LONG, "{:?}", started.elapsed());
    assert_eq!((asked.code, &of(&asked, "hostile")["verdict"]), (3, &"undecided".into()));
    assert_eq!(found(&asked, "always-fails"), ["* always-fails"]);
    let told = of(&asked, "hostile")["unanswered"].to_string();
    assert!(told.contains("200 ms") || told.contains("64 MiB"), "{told}");
}

/// What the rule looks at is as long as a file may be, and may be somebody else's.
#[rstest]
#[case::loop_over_a_list("data: { d: { file: d.json } }", &format!("[1, 2, 3].all(x, {})", all("!(x in d)")), "200 ms")]
#[case::list_gone_through(NUMBERS, &all("!(1 in d)"), "200 ms")]
#[case::list_compared(NUMBERS, &all("d == d"), "200 ms")]
#[case::list_summed(NUMBERS, &all("sum(d) == 0"), "200 ms")]
#[case::keys_of_maps(
    "data: { d: { file: t.json } }",
    "[1, 2, 3, 4, 5].map(n, {d[0]: n}).size() == 5",
    "64 MiB"
)]
#[case::text_searched("data: { d: { file: ab.json } }", "!d[0].matches(\"a[ab]{400}c\")", "200 ms")]
#[case::file_of_many_values("data: { d: { file: many.json } }", "d != []", "500000 values")]
#[case::one_file_many_times(
    "data: { a: { file: d.json }, b: { file: d.json }, c: { file: d.json } }",
    "a == b",
    "32 MiB"
)]
fn files_have_bounds(#[case] data: &str, #[case] expression: &str, #[case] told: &str) {
    let numbers = |count: usize| format!("[{}0]", "0,".repeat(count));
    let repo = staged(&[
        ("d.json", &numbers(400_000)),
        ("many.json", &numbers(500_000)),
        ("ab.json", &format!("[\"{}\"]", letters(2 << 20))),
        ("t.json", &format!("[\"{}\"]", "x".repeat(16_000_000))),
        (
            "rules.d/a.yaml",
            &rule(
                "hostile",
                &format!("{data}\ncheck:\n  assert: >-\n    {expression}\nmessage: m\nremediation: r\n"),
            ),
        ),
    ]);
    let started = Instant::now();
    let asked = at_commit(&repo, &["--rule", "hostile"]);
    assert!(started.elapsed() < LONG, "{:?}", started.elapsed());
    assert_eq!(asked.code, 3, "{}", asked.stdout);
    let said = of(&asked, "hostile")["unanswered"].to_string();
    assert!(said.contains(told), "{said}");
}

const NUMBERS: &str = "data: { d: { file: d.json } }";

/// `a` and `b` without a pattern.
fn letters(count: usize) -> String {
    let next = |state: &mut u32, ()| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(if *state >> 31 == 0 { 'a' } else { 'b' })
    };
    std::iter::repeat_n((), count).scan(7, next).collect()
}

fn all(term: &str) -> String {
    vec![term; 60].join(" && ")
}

/// What a rule says is bounded too, of each item and of all.
#[test]
fn what_a_rule_says_has_bounds() {
    let text = "text ".repeat(5_000);
    let rest = format!(
        "check: {{ each: tree.paths, as: p, key: p, assert: 1 == 2 }}\nmessage: {text}\nremediation: {text}\n"
    );
    let repo = large(4_000);
    repo.write("rules.d/a.yaml", rule("long", &rest));
    let asked = at_commit(&repo, &["--rule", "long"]);
    assert_eq!(asked.code, 3, "what is left out is not cleared");
    assert!(asked.stdout.len() < 16 << 20, "{} MiB", asked.stdout.len() >> 20);
    assert!(of(&asked, "long")["unanswered"].to_string().contains("8 MiB"));
    let first = of(&asked, "long")["findings"][0]["message"].as_str().unwrap().len();
    assert!((2_000..2_100).contains(&first), "{first}");
}

/// A staged tree of many small files, which git makes of a list.
fn large(count: usize) -> TestRepo {
    let repo = TestRepo::new();
    repo.write("one", "x\n");
    let blob = repo.git(&["hash-object", "-w", "one"]);
    let mut index = String::new();
    for nth in 0..count {
        writeln!(index, "100644 {} 0\tdirectory-{}/file-{nth}.txt", blob.trim(), nth % 10).unwrap();
    }
    repo.write(".git/entries", index);
    crate::ready::done(&repo, "git update-index --index-info < .git/entries");
    repo
}

/// At the limit it is asked; above it, nobody pretends to have looked at all of them.
#[rstest]
#[case(10_000, 1)]
#[case(10_001, 3)]
fn items_have_a_limit(#[case] count: usize, #[case] code: i32) {
    let repo = large(count);
    repo.write("rules.d/a.yaml", rule("many", "check: { each: tree.paths, as: p, key: p, assert: 'p != \"directory-0/file-0.txt\"' }\nmessage: m\nremediation: r\n"));
    let asked = at_commit(&repo, &["--rule", "many"]);
    assert_eq!(asked.code, code);
    assert_eq!(found(&asked, "many").len(), usize::from(code == 1));
}

/// What a search reads is told before it is read, of every path that there is: with one object at many of them too.
#[rstest]
fn what_a_search_reads_has_a_limit(#[values("added", "changed-files", "all")] lines: &str) {
    let repo = TestRepo::new();
    let scan = format!("check: {{ scan: {{ files: '**/*.txt', lines: {lines}, forbid: BAD }} }}");
    repo.write("rules.d/a.yaml", rule("no-bad", &format!("{scan}\nmessage: m\nremediation: r\n")));
    let put = |bytes: usize, paths: usize| {
        repo.write("large", "x".repeat(bytes - 5) + "\nBAD\n");
        let blob = repo.git(&["hash-object", "-w", "large"]);
        let rows = (0..paths).map(|nth| format!("100644 {} 0\tlarge/{nth}.txt\n", blob.trim()));
        repo.write(".git/entries", rows.collect::<String>());
        crate::ready::done(&repo, "git update-index --index-info < .git/entries");
    };
    put(40 << 20, 60);
    let asked = at_commit(&repo, &["--rule", "no-bad"]);
    let told = of(&asked, "no-bad")["unanswered"].to_string();
    assert_eq!(asked.code, 3);
    assert!(told.contains("has 2516582400 bytes; at most 268435456 are read"), "{told}");
    put(1 << 20, 60);
    let asked = at_commit(&repo, &["--rule", "no-bad"]);
    let found = found(&asked, "no-bad");
    assert_eq!((asked.code, found.len(), &found[0]), (1, 60, &"large/0.txt:2 no-bad".to_owned()));
}

/// A search that finds very much says so, and is not taken for one that found as much as it tells.
#[test]
fn a_search_that_finds_too_much_is_undecided() {
    let repo = staged(&[("a.txt", &"BAD\n".repeat(1_001))]);
    repo.write(
        "rules.d/a.yaml",
        rule(
            "no-bad",
            "check: { scan: { files: '*.txt', lines: all, forbid: BAD } }\nmessage: m\nremediation: r\n",
        ),
    );
    assert_eq!(at_commit(&repo, &["--rule", "no-bad"]).code, 3);
    repo.write("a.txt", "BAD\n".repeat(1_000));
    repo.git(&["add", "a.txt"]);
    let asked = at_commit(&repo, &["--rule", "no-bad"]);
    assert_eq!((asked.code, found(&asked, "no-bad").len()), (1, 1_000));
}

/// A search that would go on for many minutes ends, whether in lines or in patterns, and says what it did not look at.
#[rstest]
#[case::forbidden_in_one_line("forbid", 1)]
#[case::required_in_many("require", 5_000)]
fn a_search_has_an_end(#[case] key: &str, #[case] lines: usize) {
    // Letters in no order: nearly every one of them leads to something new.
    let letters = |state: &mut u32, nth: usize| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let ends = (nth + 1).is_multiple_of((2 << 20) / lines);
        Some(if ends { '\n' } else { char::from(b'a' + u8::from(*state >> 31 == 0)) })
    };
    let text: String = (0..2 << 20).scan(7, letters).collect();
    let patterns: Vec<String> = (300..400).map(|times| format!("'a[ab]{{{times}}}[cd]'")).collect();
    let patterns = patterns.join(", ");
    let scan = format!("check: {{ scan: {{ files: '*.txt', lines: all, {key}: [{patterns}] }} }}");
    let hostile = rule("hostile", &format!("{scan}\nmessage: m\nremediation: r\n"));
    let repo = staged(&[
        ("a.txt", &text),
        ("b.txt", "b\n"),
        ("rules.d/a.yaml", &hostile),
        ("rules.d/z.yaml", &blocking()),
    ]);
    let started = Instant::now();
    let asked = at_commit(&repo, &[]);
    let took = started.elapsed();
    assert!(took < LONG * 4, "{took:?}");
    assert_eq!((asked.code, &of(&asked, "hostile")["verdict"]), (3, &"undecided".into()));
    assert_eq!(found(&asked, "always-fails"), ["* always-fails"]);
    let told = of(&asked, "hostile")["unanswered"].to_string();
    let expected =
        "the search took longer than 30 s: a.txt was not looked at to its end, and another file not at all";
    assert!(told.contains(expected), "{told}");
}

/// What is just within the limits is asked, wherever that happens, and takes no stack with it.
#[rstest]
#[case::round(&nested("(", "true", ")", 24))]
#[case::square(&format!("{} != 1", nested("[", "1", "]", 24)))]
#[case::operators(&format!("{} == 300", vec!["1"; 299].join(" + ")))]
#[case::negations(&format!("{}true", "!".repeat(300)))]
fn what_is_within_the_limits_is_asked(#[case] expression: &str) {
    let repo = staged(&[("rules.d/a.yaml", &assert(expression))]);
    let asked = at_commit(&repo, &[]);
    assert!(of(&asked, "hostile")["unanswered"].as_array().is_some_and(Vec::is_empty), "{:#}", asked.json());
    let head = ["--rules-from", "head"];
    for command in [&["rules", "test"][..], &["rules", "lint"], &["check", "--rule", "hostile", "--trace"]] {
        let code = run(&repo, &[command, &head].concat()).code;
        assert!((0..=4).contains(&code), "{command:?}: {code}");
    }
}

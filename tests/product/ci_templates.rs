//! What is offered to CI: valid by the schemas of those who read it, and its scripts run as they run them.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clearance_testkit::python;
use rstest::rstest;
use serde_json::Value;

use crate::hooks_support::{no_bad, path};
use crate::landed::script;
use crate::ready::{MISSION, done, ready};
use crate::rules_support::staged;
use crate::support::{Run, TestRepo, binary, git};

const ACTION: &str = "action.yml";
const GITLAB: &str = "ci/gitlab/clearance.gitlab-ci.yml";

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn document(name: &str) -> Value {
    clearance_testkit::yaml(&clearance_testkit::read(workspace(), name))
}

fn tool(requirement: &str) -> Option<PathBuf> {
    python::installed(Path::new(env!("CARGO_TARGET_TMPDIR")), requirement)
}

#[rstest]
#[case(ACTION, "vendor.github-actions")]
#[case(GITLAB, "vendor.gitlab-ci")]
fn valid_by_the_official_schema(#[case] file: &str, #[case] schema: &str) {
    let Some(folder) = tool("check-jsonschema==0.39.0") else { return };
    let mut python = Command::new("python3");
    clearance_testkit::scrub(&mut python);
    python.env("PYTHONPATH", folder).current_dir(workspace());
    let run = Run::of(python.args(["-m", "check_jsonschema", "--builtin-schema", schema, file]));
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
}

/// What is written of it in the documentation is a workflow, and a pipeline.
#[rstest]
#[case("on:", "vendor.github-workflows", 1)]
#[case("include:", "vendor.gitlab-ci", 1)]
fn examples_are_valid(#[case] begins: &str, #[case] schema: &str, #[case] count: usize) {
    let Some(folder) = tool("check-jsonschema==0.39.0") else { return };
    let page = clearance_testkit::read(workspace(), "docs/integrations.md");
    let blocks = page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let blocks: Vec<&str> = blocks.filter(|block| block.starts_with(begins)).collect();
    assert_eq!(blocks.len(), count);
    let scratch = clearance_testkit::Scratch::new();
    for (nth, block) in blocks.iter().enumerate() {
        let file = scratch.write(&format!("{nth}.yml"), block);
        let mut python = Command::new("python3");
        clearance_testkit::scrub(&mut python);
        python.env("PYTHONPATH", &folder).args(["-m", "check_jsonschema", "--builtin-schema", schema]);
        let run = Run::of(python.arg(file));
        assert_eq!(run.code, 0, "{block}{}{}", run.stdout, run.stderr);
    }
}

/// An auditor of actions has nothing to say, and no script has an expression in it.
#[test]
fn nothing_is_put_into_a_script() {
    for step in document(ACTION)["runs"]["steps"].as_array().unwrap() {
        assert!(!step["run"].as_str().unwrap_or_default().contains("${{"), "{step:#}");
        if let Some(uses) = step["uses"].as_str() {
            let (_, pinned) = uses.split_once('@').unwrap();
            assert!(pinned.len() == 40 && pinned.bytes().all(|byte| byte.is_ascii_hexdigit()), "{uses}");
        }
    }
    let Some(folder) = tool("zizmor==1.32.0") else { return };
    let mut zizmor = Command::new(folder.join("bin/zizmor"));
    clearance_testkit::scrub(&mut zizmor);
    let run = Run::of(
        zizmor.args(["--offline", "--no-progress", "--persona=pedantic"]).arg(workspace().join(ACTION)),
    );
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
}

/// A clone as a CI makes it: of a commit, with the branches of its remote.
struct Ci {
    repo: TestRepo,
    clone: PathBuf,
}

impl Ci {
    /// `main` has the rule that forbids `BAD`; `side` adds a file.
    fn of(text: &str) -> Self {
        let repo = staged(&[("rules.d/no-bad.yaml", &no_bad())]);
        repo.commit_all("Rules");
        repo.git(&["checkout", "--quiet", "-b", "side"]);
        repo.write("a.txt", text);
        repo.commit_all("feat: side");
        Self::clone_of(repo, "side")
    }

    fn clone_of(repo: TestRepo, branch: &str) -> Self {
        repo.git(&["checkout", "--quiet", "main"]);
        done(
            &repo,
            &format!(
                "git clone --quiet . ../clone; git -C ../clone checkout --quiet --detach origin/{branch}"
            ),
        );
        let clone = repo.root().with_file_name("clone");
        Self { repo, clone }
    }

    fn temp(&self) -> PathBuf {
        let temp = self.repo.root().with_file_name("temp");
        fs::create_dir_all(&temp).unwrap();
        temp
    }

    /// A shell as a runner starts it.
    fn shell(&self, program: &str) -> Command {
        let mut shell = Command::new(program);
        clearance_testkit::scrub(&mut shell);
        // Before everything else, what a test puts into a directory of its own.
        let with_own =
            [self.repo.root().with_file_name("bin").into_os_string(), path()].join(OsStr::new(":"));
        shell.current_dir(&self.clone).env("PATH", with_own).env("CI", "true");
        shell
    }

    /// Runs the steps of the action that have a script, with these inputs, until one fails.
    fn action(&self, inputs: &[(&str, &str)]) -> Ran {
        let action = document(ACTION);
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        for (name, input) in action["inputs"].as_object().unwrap() {
            known.insert(format!("inputs.{name}"), input["default"].as_str().unwrap().to_owned());
        }
        for (name, value) in inputs {
            let name = if name.contains('.') { (*name).to_owned() } else { format!("inputs.{name}") };
            known.insert(name, (*value).to_owned());
        }
        known.insert("github.action_path".to_owned(), workspace().to_str().unwrap().to_owned());
        let (output, summary) = (self.temp().join("output"), self.temp().join("summary"));
        fs::File::create(&output).unwrap();
        fs::File::create(&summary).unwrap();
        let mut last = None;
        for step in action["runs"]["steps"].as_array().unwrap() {
            let Some(text) = step["run"].as_str().filter(|_| applies(step, &known)) else { continue };
            assert_eq!(step["shell"], "bash");
            let file = clearance_testkit::write(&self.temp(), "step.sh", text);
            let mut shell = self.shell("bash");
            shell.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(file);
            for (name, value) in step["env"].as_object().into_iter().flatten() {
                shell.env(name, resolved(value.as_str().unwrap(), &known));
            }
            shell
                .env("GITHUB_ACTIONS", "true")
                .env("GITHUB_OUTPUT", &output)
                .env("GITHUB_STEP_SUMMARY", &summary);
            let run = Run::of(shell.env("RUNNER_TEMP", self.temp()));
            let code = run.code;
            last = Some(run);
            if code != 0 {
                break;
            }
        }
        let read = |file: &Path| {
            clearance_testkit::read(file.parent().unwrap(), file.file_name().unwrap().to_str().unwrap())
        };
        let lines = read(&output);
        let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let outputs = lines.lines().map(|line| pair(line).unwrap()).collect();
        Ran { run: last.unwrap(), outputs, summary: read(&summary) }
    }
}

/// What became of the action.
struct Ran {
    run: Run,
    outputs: BTreeMap<String, String>,
    summary: String,
}

/// Whether `if: ${{ name == 'value' }}` holds.
fn applies(step: &Value, known: &BTreeMap<String, String>) -> bool {
    let Some(condition) = step["if"].as_str() else { return true };
    let inside = condition.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}")).unwrap();
    let (name, value) = inside.split_once(" == ").unwrap();
    known[name] == value.trim_matches('\'')
}

/// `${{ one || other }}`: the first that is not empty.
fn resolved(text: &str, known: &BTreeMap<String, String>) -> String {
    let inside = text.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}")).unwrap();
    let value = |name: &str| known.get(name).cloned().unwrap_or_default();
    inside.split(" || ").map(value).find(|value| !value.is_empty()).unwrap_or_default()
}

#[rstest]
#[case::cleared("good\n", &[], 0, "cleared")]
#[case::blocked("BAD\n", &[], 1, "blocked")]
#[case::of_a_pull_request("BAD\n", &[("target", ""), ("github.base_ref", "main")], 1, "blocked")]
#[case::no_such_target("good\n", &[("target", "nosuch")], 3, "undecided")]
#[case::one_rule("BAD\n", &[("args", "--rule\ngit-state\n")], 0, "cleared")]
#[case::no_such_option("good\n", &[("args", "--nosuch")], 2, "failed")]
#[case::not_a_repository("good\n", &[("working-directory", "..")], 2, "failed")]
#[case::nothing("good\n", &[("args", "--rule\nwork-packages")], 4, "nothing-evaluated")]
fn the_action(#[case] text: &str, #[case] inputs: &[(&str, &str)], #[case] code: i32, #[case] verdict: &str) {
    let ci = Ci::of(text);
    let ran = ci.action(
        &[&[("install", "false"), ("target", "main"), ("reports", "junit=clearance.xml\n")], inputs].concat(),
    );
    let Run { stdout, stderr, .. } = &ran.run;
    assert_eq!((ran.run.code, ran.outputs["verdict"].as_str()), (code, verdict), "{stdout}{stderr}");
    assert_eq!(ran.outputs["exit-code"], code.to_string());
    if verdict == "blocked" {
        assert!(stdout.contains("::error ") && ran.summary.contains("no-bad"), "{stdout}\n{}", ran.summary);
    }
    if code < 2 {
        let sarif = clearance_testkit::read(Path::new("/"), ran.outputs["sarif"].trim_start_matches('/'));
        let sarif: Value = serde_json::from_str(&sarif).unwrap();
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        assert_eq!(
            results.iter().filter(|result| result["ruleId"] == "no-bad").count(),
            usize::try_from(code).unwrap()
        );
        assert!(ci.clone.join("clearance.xml").is_file());
    }
}

/// Inputs may come from whoever opens a pull request: they are never more than a value.
#[rstest]
fn hostile_inputs(
    #[values(
        "stage",
        "mission",
        "target",
        "rules-from",
        "working-directory",
        "sarif",
        "reports",
        "args",
        "install"
    )]
    input: &str,
    #[values(
        "\"; touch ../temp/x; \"",
        "$(touch ../temp/x)",
        "`touch ../temp/x`",
        "main\nverdict=cleared",
        "'; touch ../temp/x #",
        "x || touch ../temp/x"
    )]
    value: &str,
) {
    let ci = Ci::of("BAD\n");
    let mut inputs = vec![("install", "false"), ("target", "main")];
    inputs.push((input, value));
    if input != "install" {
        let ran = ci.action(&inputs);
        let names: Vec<_> = ran.outputs.keys().map(String::as_str).collect();
        assert_eq!(names, ["exit-code", "sarif", "verdict"]);
        // A report of another name changes no answer; everything else is no value that is known.
        assert_ne!(ran.outputs["verdict"], "cleared", "{}{}", ran.run.stdout, ran.run.stderr);
    } else {
        assert_ne!(ci.action(&inputs).run.code, 0);
    }
    assert!(!ci.temp().join("x").exists() && !ci.clone.join("x").exists());
}

/// What is built is what is asked, it is kept under a name that is that of its source, and it is not built again. A real build
/// takes minutes: here cargo is one that takes the product for what it built, and only where it is told all that it needs.
#[test]
fn the_action_builds_what_it_asks() {
    let ci = Ci::of("BAD\n");
    let text = format!(
        "echo \"$*\" >> '{0}/cargo.log'; [ -f \"$5/Cargo.toml\" ] || exit 9; mkdir -p \"$7/bin\"; cp '{1}' \"$7/bin/\"",
        ci.temp().display(),
        binary().display()
    );
    script(&ci.repo, "../bin/cargo", &text);
    let names = [(); 2].map(|()| {
        let ran = ci.action(&[("target", "main")]);
        assert_eq!(ran.outputs["verdict"], "blocked", "{}{}", ran.run.stdout, ran.run.stderr);
        ran.outputs["name"].clone()
    });
    assert!(names[0] == names[1] && names[0].len() == 40, "{names:?}");
    let log = clearance_testkit::read(&ci.temp(), "cargo.log");
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.starts_with("install --quiet --locked --path ") && log.contains("/cli --root "), "{log}");
}

/// The script of the pipeline, as GitLab's runner joins it.
fn gitlab(ci: &Ci, variables: &[(&str, &str)]) -> Run {
    let job = document(GITLAB)[".clearance"].clone();
    let lines: Vec<&str> =
        job["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let mut shell = ci.shell("sh");
    for (name, value) in job["variables"].as_object().unwrap() {
        shell.env(name, value.as_str().unwrap());
    }
    shell.env("CI_DEFAULT_BRANCH", "main").envs(variables.iter().copied());
    Run::of(shell.args(["-e", "-c", &lines.join("\n")]))
}

#[rstest]
#[case::cleared("good\n", &[("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "side"), ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main")], 0)]
#[case::blocked("BAD\n", &[("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "side"), ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main")], 1)]
#[case::of_a_branch("BAD\n", &[("CI_COMMIT_BRANCH", "side")], 1)]
#[case::another_target("BAD\n", &[("CI_COMMIT_BRANCH", "side"), ("CLEARANCE_TARGET", "nosuch")], 128)]
#[case::a_hostile_branch("BAD\n", &[("CI_COMMIT_BRANCH", "$(touch x);-")], 1)]
#[case::a_hostile_mission("BAD\n", &[("CI_COMMIT_BRANCH", "side"), ("CLEARANCE_MISSION", "\"; touch x; \"")], 2)]
fn the_pipeline(#[case] text: &str, #[case] variables: &[(&str, &str)], #[case] code: i32) {
    let ci = Ci::of(text);
    let run = gitlab(&ci, variables);
    assert_eq!(run.code, code, "{}{}", run.stdout, run.stderr);
    assert!(!ci.clone.join("x").exists());
    if code < 2 {
        let report = clearance_testkit::read(&ci.clone, "gl-code-quality-report.json");
        assert!(serde_json::from_str::<Value>(&report).unwrap().is_array());
        assert_eq!(report.contains("no-bad"), code == 1, "{report}");
        assert!(clearance_testkit::read(&ci.clone, "clearance-junit.xml").contains("<testsuite"));
    }
}

/// A mission is known by its branch, which a runner does not check out; the job does.
#[test]
fn the_pipeline_of_a_mission() {
    let ci = Ci::clone_of(ready(), MISSION);
    git(&ci.clone, &["branch", "--quiet", "kitty/mission-m-lane-a", "origin/kitty/mission-m-lane-a"]);
    git(&ci.clone, &["branch", "--quiet", "kitty/mission-m-lane-b", "origin/kitty/mission-m-lane-b"]);
    let variables =
        [("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", MISSION), ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main")];
    let run = gitlab(&ci, &variables);
    assert!(run.stdout.contains("of m") || run.stdout.contains("for m"), "{}{}", run.stdout, run.stderr);
}

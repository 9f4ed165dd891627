//! What is left, and what is not: calls that fail half way, at once with others, without the right to write, and on disks that
//! take nothing.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rstest::rstest;
use serde_json::Value;

use crate::nested_env_support::{Place, Tool, ended, interpreter, limited, uv, works};
use crate::support::{Run, all, below, binary, copied, same_after};

/// A uv and a Python that fail at once, when the first has left what it was told to.
fn fails(leaving: &str) -> Place {
    let uv = format!("#!/bin/sh\n{leaving}\necho 'error: not today' >&2\nexit 2\n");
    Place::with("uv", &uv).and("python3", "#!/bin/sh\nexit 1\n")
}

/// Two calls for one directory, the second while the first is at work: uv calls it.
#[test]
fn a_second_call_is_told_that_the_first_is_at_work() {
    let Some(uv) = uv() else { return };
    let (product, uv) = (binary().display(), uv.display());
    // Whoever does not refuse calls uv again, which then ends it.
    let script = format!(
        "#!/bin/sh\n[ -n \"$AGAIN\" ] && exit 9\nAGAIN=1 '{product}' env create made --json > \"$HOME/second\"\n\
         echo $? > \"$HOME/code\"\nAGAIN=1 '{product}' env create made --clear --json > \"$HOME/third\"\nexec '{uv}' \"$@\"\n"
    );
    let place = Place::with("uv", &script);
    let run = place.create(&["made", "--json"]);
    works(&run.json(), "uv_venv");
    for name in ["home/second", "home/third"] {
        let told: Value = serde_json::from_str(&clearance_testkit::read(place.root(), name)).unwrap();
        assert_eq!((&told["error"], &told["exit_code"]), (&"env_busy".into(), &3.into()), "{told:#}");
    }
    assert_eq!(clearance_testkit::read(place.root(), "home/code"), "3\n");
    // The lock left no file.
    let known = ["bin", "lib", "lib64", "pyvenv.cfg", "CACHEDIR.TAG", ".gitignore", ".lock"];
    for entry in fs::read_dir(place.path("made")).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(known.iter().any(|known| name == *known), "{name:?}");
    }
    assert_eq!(fs::read_dir(place.path("")).unwrap().count(), 1);
}

#[rstest]
fn calls_at_once_make_one_environment(#[values(Tool::Uv, Tool::Venv)] tool: Tool) {
    let Some(place) = Place::of(tool) else { return };
    let start = |_| {
        let mut command = tool.command(&place);
        command.args(["a/b/made", "--json"]).stdout(Stdio::piped()).spawn().unwrap()
    };
    let calls: Vec<_> = (0..4).map(start).collect();
    let outputs = calls.into_iter().map(|call| call.wait_with_output().unwrap());
    let (made, refused): (Vec<_>, Vec<_>) = outputs.partition(|output| output.status.success());
    let value = |output: &std::process::Output| serde_json::from_slice::<Value>(&output.stdout).unwrap();
    assert_eq!(made.len(), 1);
    works(&value(&made[0]), tool.method());
    for told in refused.iter().map(value) {
        assert!(["env_busy", "env_exists"].iter().any(|code| told["error"] == *code), "{told:#}");
    }
}

#[rstest]
#[case::parents_that_were_not_there("", "a/b/made", "")]
#[case::some_that_were("a/kept", "a/b/made", "")]
#[case::an_empty_directory("made", "made", "")]
#[case::one_with_a_half_made_environment(
    "made",
    "made",
    "mkdir -p \"$7/bin\" \"$7/lib/x\"; echo '*' > \"$7/.gitignore\"; echo x > \"$7/pyvenv.cfg\""
)]
#[case::a_half_made_environment(
    "",
    "a/made",
    "mkdir -p \"$7/bin\" \"$7/whatever\"; ln -s \"$HOME\" \"$7/lib64\"; chmod 0 \"$7/bin\""
)]
fn a_call_that_fails_takes_away_what_it_made_and_only_that(
    #[case] there: &str,
    #[case] made: &str,
    #[case] leaving: &str,
) {
    let place = fails(leaving);
    place.write("work.md", "mine");
    place.write("../home/notes.md", "mine");
    fs::create_dir_all(place.path(there)).unwrap();
    let told =
        limited(&same_after("failing", || all(place.root()), || place.create_of_path(&[made, "--json"])));
    assert_eq!(ended(&told["attempts"][0]), "failed exit 2");
}

/// What others put on the way, or into a directory that was there, meanwhile.
#[test]
fn a_call_that_fails_leaves_what_others_made_meanwhile() {
    let place = fails("echo mine > \"$7/../theirs\"; mkdir \"$7/bin\"");
    limited(&place.create_of_path(&["a/b/made", "--json"]));
    assert!(place.path("a/b/theirs").exists() && !place.path("a/b/made").exists());
    let place = fails("echo mine > \"$7/notes.md\"; mkdir \"$7/bin\"");
    fs::create_dir(place.path("made")).unwrap();
    let told = place.create_of_path(&["made", "--json"]).json();
    assert!(told["reason"].as_str().unwrap().contains("made still has notes.md"), "{told:#}");
    assert!(place.path("made/notes.md").exists() && !place.path("made/bin").exists());
}

/// `env create` of somebody whom permissions hold for.
fn without_privilege(place: &Place, directory: &str) -> Run {
    const NOBODY: u32 = 65_534;
    let mut command = Command::new(copied(place.root()));
    command.env_clear().envs(variables(place)).current_dir(place.path(""));
    if fs::metadata(place.root()).unwrap().uid() == 0 {
        fs::set_permissions(place.root(), fs::Permissions::from_mode(0o755)).unwrap();
        for path in below(place.root()) {
            lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        command.uid(NOBODY).gid(NOBODY);
    }
    Run::of(command.args(["env", "create", "--json", directory]))
}

/// The variables that the product is run with.
fn variables(place: &Place) -> Vec<(OsString, OsString)> {
    let command = place.command();
    let set = command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    set.collect()
}

#[rstest]
#[case::the_directory_above(0o555, "made", "env_directory_unusable")]
#[case::the_directory_itself_read_only(0o555, "", "environment_limitation")]
#[case::the_directory_itself_not_readable(0o000, "", "env_directory_unusable")]
#[case::on_the_way(0o000, "a/made", "env_directory_unusable")]
fn a_directory_that_may_not_be_written(#[case] mode: u32, #[case] below: &str, #[case] error: &str) {
    let place = Place::with(
        "python3",
        "#!/bin/sh\nmkdir \"$4/bin\" 2> /dev/null || echo \"Error: [Errno 13] Permission denied: '$4/bin'\" >&2\nexit 1\n",
    );
    let there = place.path("there");
    fs::create_dir(&there).unwrap();
    fs::set_permissions(&there, fs::Permissions::from_mode(mode)).unwrap();
    let run = without_privilege(&place, &format!("there/{below}"));
    fs::set_permissions(&there, fs::Permissions::from_mode(0o755)).unwrap();
    let told = run.json();
    assert_eq!((run.code, &told["error"]), (3, &error.into()), "{told:#}");
    assert!(told["message"].as_str().unwrap().contains("ermission denied"), "{told:#}");
    assert!(told["help"].as_str().unwrap().contains("name a directory that you may write to"), "{told:#}");
    assert_eq!(fs::read_dir(&there).unwrap().count(), 0);
}

/// `env create` in a world of mounts of its own, where these lines have mounted something at `$M`; and what is in it then.
/// `None`, said on standard error, where this system has no such worlds.
fn with_mount(place: &Place, lines: &str, arguments: &[&str]) -> Option<(Run, String)> {
    const NO_MOUNT: i32 = 77;
    let script = format!(
        "({lines}) || exit {NO_MOUNT}; PATH=$P \"$PRODUCT\" env create --json \"$@\"; code=$?\n\
         ls -A \"$M\" > \"$HOME/left\"; exit $code"
    );
    let mounted = place.path("mounted");
    fs::create_dir(&mounted).unwrap();
    let mut world = Command::new("unshare");
    world.env_clear().envs(variables(place)).current_dir(place.path(""));
    world.env("P", place.programs(&[])).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    world.env("PRODUCT", binary()).env("M", mounted);
    let Ok(true) = world.args(["-rm", "true"]).output().map(|output| output.status.success()) else {
        eprintln!("no mounts of one's own here: what needs them is left out");
        return None;
    };
    let mut run = Command::new("unshare");
    run.env_clear().envs(world.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run =
        Run::of(run.current_dir(place.path("")).args(["-rm", "sh", "-c", &script, "sh"]).args(arguments));
    if run.code == NO_MOUNT {
        eprintln!("no such mount here: what needs it is left out: {}", run.stderr);
        return None;
    }
    Some((run, clearance_testkit::read(place.root(), "home/left")))
}

#[rstest]
#[case::no_room_for_files(
    "mount -t tmpfs -o nr_inodes=3 none \"$M\"",
    "made",
    "No space left on device",
    "make room",
    ""
)]
#[case::no_room_for_bytes(
    "mount -t tmpfs -o size=4k none \"$M\"",
    "made",
    "No space left on device",
    "make room",
    ""
)]
#[case::no_room_on_the_way(
    "mount -t tmpfs -o nr_inodes=2 none \"$M\"",
    "a/b",
    "No space left on device",
    "",
    ""
)]
#[case::read_only(
    "mount -t tmpfs none \"$M\" && mount -o remount,ro \"$M\"",
    "made",
    "Read-only file system",
    "that you may write to",
    ""
)]
#[case::an_empty_directory_that_is_read_only(
    "mount -t tmpfs none \"$M\" && mkdir \"$M/made\" && mount -o remount,ro \"$M\"",
    "made",
    "Read-only file system",
    "that you may write to",
    "made\n"
)]
fn a_disk_that_takes_nothing(
    #[case] mount: &str,
    #[case] made: &str,
    #[case] cause: &str,
    #[case] help: &str,
    #[case] left: &str,
) {
    let Some(place) = Place::with_uv_and_quick_python() else { return };
    let Some((run, now)) = with_mount(&place, mount, &[&format!("mounted/{made}")]) else { return };
    let told = run.json();
    assert_eq!((run.code, run.stderr.as_str()), (3, ""), "{told:#}");
    if told["error"] == "environment_limitation" {
        for attempt in limited(&run)["attempts"].as_array().unwrap() {
            assert!(attempt["cause"].as_str().unwrap().contains(cause), "{attempt:#}");
        }
    } else {
        assert_eq!(told["error"], "env_directory_unusable");
        assert!(told["message"].as_str().unwrap().contains(cause), "{told:#}");
    }
    assert!(told["help"].as_str().unwrap().contains(help), "{told:#}");
    assert_eq!(now, left);
}

#[test]
fn where_programs_are_not_executed_those_elsewhere_are() {
    let Some(place) = Place::with_uv() else { return };
    let python = interpreter().to_str().unwrap();
    let mount = "mount -t tmpfs -o noexec none \"$M\"";
    let made = with_mount(&place, mount, &["--python", python, "mounted/made"]);
    let Some((run, _)) = made else { return };
    assert_eq!((run.code, &run.json()["method"]), (0, &"uv_venv".into()), "{}", run.stdout);
}

/// A limit on the size of files is the full disk of those who may not mount one.
#[test]
fn a_limit_on_the_size_of_files() {
    let Some(place) = Place::with_uv_and_quick_python() else { return };
    let mut command = Command::new("sh");
    command.env_clear().envs(variables(&place)).current_dir(place.path(""));
    command
        .args(["-c", "ulimit -f 0; exec \"$0\" \"$@\""])
        .arg(binary())
        .args(["env", "create", "made", "--json"]);
    let told = limited(&same_after("failing", || all(&place.path("")), || Run::of(&mut command)));
    assert!(ended(&told["attempts"][0]).starts_with("failed "), "{told:#}");
    assert_eq!(ended(&told["attempts"][1]), "failed exit 1");
    assert!(told["attempts"][1]["cause"].as_str().unwrap().contains("File too large"), "{told:#}");
}

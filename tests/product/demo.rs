//! The demo builds a repository and every command in it does what it says.

use crate::support::{Run, Scratch, command};

#[test]
fn the_demo_runs_from_nothing() {
    let place = Scratch::new();
    let run = Run::of(command(place.path()).args(["demo", "here", "--json"]));
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let json = run.json();
    let steps = json["steps"].as_array().unwrap();
    assert!(steps.len() >= 8);
    let tasks = place.read("here/shop/kitty-specs/001-shop-checkout/tasks.md");
    for row in [
        "- [x] T001",
        "  - [x] T004",
        "- [x] T006",
        "- [x] T008",
        "| T001 | Describe the cart contract | WP01 | [P] | [D] |",
    ] {
        assert!(tasks.contains(row), "{row} in {tasks}");
    }
    assert!(place.path().join("here/origin.git/HEAD").exists());
}

#[test]
fn the_demo_shows_each_command_and_touches_nothing_that_exists() {
    let place = Scratch::new();
    let shown = Run::of(command(place.path()).args(["demo", "here"]));
    assert_eq!(shown.code, 0);
    assert!(shown.stdout.contains("$ clearance mark-status T001 T004 T006 T008 --status done --dry-run\n"));
    assert!(!shown.stdout.contains("this is a bug"));
    let again = Run::of(command(place.path()).args(["demo", "here"]));
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("here is not empty"), "{}", again.stderr);
}

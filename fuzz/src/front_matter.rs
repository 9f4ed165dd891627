//! The front matter of a work package.

use clearance_engine::config::Config;
use clearance_engine::id::tokens;
use clearance_engine::mission::work_package::{WorkPackage, front_matter};
use clearance_engine::source::Source;

/// Holds for every file.
pub fn hold(data: &[u8]) {
    let Some(source) = super::source("tasks/WP07-x.md", data) else { return };
    let text = source.text();
    match front_matter(&source) {
        Err(error) => super::is_placed(&error, &source),
        Ok((_, body)) => {
            let front = &text[..body];
            assert!(front.trim_start_matches('\u{feff}').starts_with("---"), "{text:?}");
            assert_eq!(front.lines().last().map(str::trim_end), Some("---"), "{text:?}");
        }
    }
    match WorkPackage::parse(&source) {
        Err(error) => super::is_placed(&error, &source),
        Ok(package) => is_of_its_front_matter(&package, &source),
    }
    // The other YAML file that is read by the same parser.
    let _ = Config::of_text(text);
}

/// What stands behind the front matter changes nothing of the roster, and each entry is where it is said to be.
fn is_of_its_front_matter(package: &WorkPackage, source: &Source) {
    let text = source.text();
    let lines: Vec<&str> = text.split('\n').collect();
    let end = lines.iter().skip(1).position(|line| line.trim_end() == "---").map_or(0, |nth| nth + 2);
    for subtask in &package.subtasks {
        let Some(line) = subtask.line else { continue };
        assert!((2..end).contains(&line), "line {line} of {text:?}");
        let word = subtask.id.as_str().split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        assert!(lines[line - 1].contains(word), "{word} on line {line} of {text:?}");
    }
    let more = format!("{text}\nsubtasks: [T998]\n---\n- T999\n");
    let more = WorkPackage::parse(&Source::new(source.name(), source.path(), more)).expect("more of a body");
    let named = |package: &WorkPackage| {
        let tasks = package.subtasks.iter().map(|task| (task.id.to_string(), task.title.clone(), task.line));
        (
            package.id.to_string(),
            package.title.clone(),
            tasks.collect::<Vec<_>>(),
            package.dependencies.clone(),
        )
    };
    assert_eq!(named(&more), named(package), "{text:?}");
    assert!(tokens(package.id.as_str(), 0, package.id.as_str().len()).count() == 1);
}

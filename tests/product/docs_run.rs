//! Every command line of the documentation, run as its readers run it.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::docs_pages::{Block, Page, pages};
use crate::docs_places::Place;
use crate::docs_script::{Order, Step, reaches_out, run_block, steps};
use crate::docs_words::{Form, fault, options};
use crate::support::Run;

/// What the pages came to.
#[derive(Default)]
struct Count {
    run: usize,
    left_out: BTreeMap<String, usize>,
    faults: Vec<String>,
}

/// Blocks of the pages of checks are commands of findings: `docs_ways_out.rs` pastes each of their lines. Those of other codes
/// have words to be filled in for a situation of the reader's, and are read.
fn is_run_here(page: &Page) -> bool {
    !page.name.starts_with("docs/checks/") && !is_of_codes(page)
}

fn is_of_codes(page: &Page) -> bool {
    page.name.starts_with("docs/codes/") || page.name == "docs/strategies.md"
}

/// What the pages of codes tell people to type is what a shell and the program take.
#[test]
fn every_way_out_of_a_code_can_be_typed() {
    let (mut commands, mut faults) = (0, Vec::new());
    for page in pages().iter().filter(|page| is_of_codes(page)) {
        for block in page.blocks.iter().filter(|block| block.is_commands()) {
            for step in steps(block, &Order::default()) {
                commands += 1;
                faults
                    .extend(typed(&step.line).map(|fault| format!("{}:{}: {fault}", page.name, block.line)));
            }
        }
    }
    eprintln!("{commands} commands of codes were read and not run: they have words to be filled in");
    assert!(commands > 50, "{commands}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Why a shell, or the program, would not take a line.
fn typed(line: &str) -> Option<String> {
    let shell = Run::of(Command::new("bash").args(["-n", "-c", line]));
    let fine = shell.code == 0 && shell.stderr.is_empty();
    (!fine).then_some(shell.stderr).or_else(|| fault(line, Form::Filled))
}

#[test]
fn every_block_of_commands_runs() {
    let pages: Vec<Page> = pages().into_iter().filter(is_run_here).collect();
    let (next, count) = (AtomicUsize::new(0), Mutex::new(Count::default()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(page) = pages.get(next.fetch_add(1, Ordering::Relaxed)) {
                    run_page(page, &count);
                }
            });
        }
    });
    let count = count.into_inner().unwrap();
    eprintln!("{} commands of the documentation were run", count.run);
    for (reason, commands) in &count.left_out {
        eprintln!("{commands} were read and not run: {reason}");
    }
    assert!(count.faults.is_empty(), "{}", count.faults.join("\n"));
    assert!(count.run > 50, "the pages have lost their commands: {}", count.run);
}

/// Runs the blocks of a page, one after the other.
fn run_page(page: &Page, count: &Mutex<Count>) {
    let mut place: Option<Place> = None;
    for block in page.blocks.iter().filter(|block| block.is_commands()) {
        let found = block_of(block, &mut place);
        let mut count = count.lock().unwrap();
        match found {
            Ok((steps, None, faults)) => {
                count.run += steps;
                let faults = faults.into_iter().map(|fault| format!("{}:{}: {fault}", page.name, block.line));
                count.faults.extend(faults);
            }
            Ok((steps, Some(reason), _)) => *count.left_out.entry(reason).or_default() += steps,
            Err(fault) => count.faults.push(format!("{}:{}: {fault}", page.name, block.line)),
        }
    }
}

/// How many commands a block has, why it is left out, and what is wrong with it.
fn block_of(
    block: &Block,
    place: &mut Option<Place>,
) -> Result<(usize, Option<String>, Vec<String>), String> {
    let order = Order::of(block)?;
    let steps = steps(block, &order);
    if steps.is_empty() {
        return Err("there is no command in it".to_owned());
    }
    if let Some(reason) = order.left_out {
        let faults: Vec<_> = steps.iter().filter_map(|step: &Step| fault(&step.line, Form::Typed)).collect();
        return if faults.is_empty() {
            Ok((steps.len(), Some(reason), faults))
        } else {
            Err(faults.join("\n"))
        };
    }
    if let Some(step) = steps.iter().find(|step| reaches_out(step)) {
        return Err(format!("`{}` would change the machine: <!-- run: none: REASON -->", step.line));
    }
    if let Some(why) = order.place.as_deref().and_then(Place::missing) {
        return Ok((steps.len(), Some(why.to_owned()), Vec::new()));
    }
    if order.place.is_some() || place.is_none() {
        *place = Some(Place::named(order.place.as_deref().unwrap_or("demo")));
    }
    let faults = run_block(place.as_ref().unwrap(), &order, &steps);
    Ok((steps.len(), None, faults))
}

/// In sentences and tables a line may leave out what its reader knows; what it says must be there.
#[test]
fn every_line_in_a_sentence_is_one_that_the_program_takes() {
    let (mut lines, mut faults) = (0, Vec::new());
    for page in pages() {
        for (line, words) in &page.code {
            if words.starts_with("clearance ") {
                lines += 1;
                faults.extend(fault(words, Form::Told).map(|fault| format!("{}:{line}: {fault}", page.name)));
            }
        }
    }
    assert!(lines > 40, "{lines}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Options that pages name of other programs.
const OF_OTHERS: [&str; 9] = [
    "--continue",
    "--locked",
    "--root",
    "--no-default-features",
    "--unshallow",
    // Of the original, and not offered.
    "--allow-sparse-checkout",
    "--skip-review-artifact-check",
    "--context",
    "--keep-workspace",
];

/// An option that is named alone is one of ours, or of a program that is meant.
#[test]
fn every_option_in_a_sentence_exists() {
    let options = options();
    let mut faults = Vec::new();
    for page in pages() {
        for (line, words) in page.code.iter().filter(|(_, words)| words.starts_with("--")) {
            let name = words.split([' ', '=', '[', ',']).next().unwrap();
            if name.len() > 2 && !options.iter().any(|known| known == name) && !OF_OTHERS.contains(&name) {
                faults.push(format!("{}:{line}: {name}", page.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

//! The board for people.

use clearance_engine::board::{Board, Card, Difference, Summary};
use clearance_engine::lane::Lane;
use clearance_engine::source::harmless;
use comfy_table::presets::{ASCII_FULL_CONDENSED, NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{ContentArrangement, Table};
use jiff::{SignedDuration, Timestamp};

use super::Style;

/// Columns that a lane needs to be read.
const COLUMN: usize = 20;

/// The board of one mission: a column a lane where they fit side by side, else one below the other.
pub(crate) fn board(board: &Board, now: Timestamp, style: &Style, verbose: bool) -> String {
    let mut out = board.mission.clone();
    if let Some(name) = board.name.as_deref().map(one_line).filter(|name| *name != board.mission) {
        out.push_str(&format!("  {name}"));
    }
    out.push_str(&format!("\n{}\n", totals(board, now)));
    let shown: Vec<Lane> = columns(board);
    if !shown.is_empty() {
        let wide = shown.len() * (COLUMN + 3) < style.columns;
        out.push_str(&if wide { kanban(board, &shown, now, style) } else { list(board, &shown, now, style) });
    }
    out.push_str(&open_tasks(board, verbose));
    out.push_str(&differences(board, verbose));
    harmless(&out)
}

/// The lanes that have work packages; those without a lane event come first.
fn columns(board: &Board) -> Vec<Lane> {
    let used = |lane: &Lane| board.work_packages.iter().any(|card| card.lane == *lane);
    [Lane::Genesis, Lane::Uninitialized].into_iter().chain(Lane::SHOWN).filter(used).collect()
}

fn title(lane: Lane) -> &'static str {
    match lane {
        Lane::Genesis | Lane::Uninitialized => "no lane yet",
        lane => lane.as_str(),
    }
}

fn totals(board: &Board, now: Timestamp) -> String {
    let cards = &board.work_packages;
    let finished = cards.iter().filter(|card| card.lane == Lane::Done).count();
    let (done, total) =
        cards.iter().fold((0, 0), |(done, total), card| (done + card.tasks_done, total + card.tasks_total));
    let last = board.last_activity.map(|at| format!(", last activity {}", ago(now, at))).unwrap_or_default();
    format!("{finished} of {} work packages done, {done} of {total} tasks{last}", cards.len())
}

fn kanban(board: &Board, lanes: &[Lane], now: Timestamp, style: &Style) -> String {
    let mut table = Table::new();
    table.load_style(if style.unicode { UTF8_FULL_CONDENSED } else { ASCII_FULL_CONDENSED });
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(style.columns).unwrap_or(100));
    let of = |lane: Lane| board.work_packages.iter().filter(move |card| card.lane == lane);
    table.set_header(lanes.iter().map(|lane| format!("{} ({})", title(*lane), of(*lane).count())));
    let cell =
        |lane: &Lane| of(*lane).map(|card| harmless(&in_column(card, now))).collect::<Vec<_>>().join("\n\n");
    table.add_row(lanes.iter().map(cell));
    format!("{table}\n")
}

/// A work package in a column.
fn in_column(card: &Card, now: Timestamp) -> String {
    let mut lines = vec![heading(card)];
    lines.extend(facts(card, now));
    lines.join("\n")
}

/// Tasks, who, how long, what for: each only where there is something to say.
fn facts(card: &Card, now: Timestamp) -> Vec<String> {
    let tasks = (card.tasks_total > 0).then(|| format!("{}/{} tasks", card.tasks_done, card.tasks_total));
    let since = card.since.map(|since| for_long(now, since));
    let who = card.who.as_deref().map(one_line).into_iter().chain(since).collect::<Vec<_>>().join(", ");
    let waits = (!card.waits_for.is_empty() && card.lane != Lane::Done)
        .then(|| format!("waits for {}", card.waits_for.join(", ")));
    tasks.into_iter().chain((!who.is_empty()).then_some(who)).chain(waits).collect()
}

fn list(board: &Board, lanes: &[Lane], now: Timestamp, style: &Style) -> String {
    let mut out = String::new();
    for lane in lanes {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(style.columns).unwrap_or(100));
        let cards: Vec<_> = board.work_packages.iter().filter(|card| card.lane == *lane).collect();
        for card in &cards {
            let facts = facts(card, now).join("  ");
            let text = format!("{}\n{facts}", one_line(card.title.as_deref().unwrap_or_default()));
            table.add_row([format!(" {}", harmless(&card.id)), harmless(text.trim_start())]);
        }
        out.push_str(&format!("\n{} ({})\n{}", title(*lane), cards.len(), lines_of(&table)));
    }
    out + "\n"
}

/// A table without frames as lines, blanks at their ends removed.
fn lines_of(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(&line).trim_end())).collect()
}

/// `WP01 Title`
fn heading(card: &Card) -> String {
    format!("{} {}", card.id, one_line(card.title.as_deref().unwrap_or_default())).trim_end().to_owned()
}

/// Text of the repository in one line: a line ending in a title must not look like a line of ours.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is still to be done in work packages that somebody is at.
fn open_tasks(board: &Board, verbose: bool) -> String {
    let begun = |card: &&Card| {
        verbose || matches!(card.lane, Lane::Claimed | Lane::InProgress | Lane::ForReview | Lane::InReview)
    };
    let mut out = String::new();
    for card in board.work_packages.iter().filter(begun).filter(|card| !card.open_tasks.is_empty()) {
        let names: Vec<_> =
            card.open_tasks.iter().map(|task| task.id.as_deref().unwrap_or("a box")).collect();
        out.push_str(&format!("open in {}: {}\n", card.id, names.join(" ")));
        for task in card.open_tasks.iter().filter(|_| verbose) {
            let place = task.place.as_ref().map(|place| match place.line {
                Some(line) => format!("{}:{line}", place.file),
                None => place.file.clone(),
            });
            out.push_str(&format!(
                "    {:<8} {}\n",
                task.id.as_deref().unwrap_or("-"),
                place.unwrap_or_default()
            ));
        }
    }
    out
}

/// What artefacts say against each other, by kind: of many alike, a few are enough to see.
fn differences(board: &Board, verbose: bool) -> String {
    const ALIKE: usize = 3;
    let (expected, mut real): (Vec<_>, Vec<_>) =
        board.disagreements.iter().partition(|difference| difference.expected);
    real.sort_by_key(|difference| difference.code);
    let mut out = String::new();
    if !real.is_empty() {
        out.push_str(&format!("\n{} not agreed upon:\n", real.len()));
    }
    for alike in real.chunk_by(|a, b| a.code == b.code) {
        let shown = if verbose { alike.len() } else { ALIKE.min(alike.len()) };
        out.extend(alike[..shown].iter().map(|difference| told(difference, &board.mission)));
        if shown < alike.len() {
            out.push_str(&format!("  and {} more like that: --verbose shows them\n", alike.len() - shown));
        }
    }
    if !expected.is_empty() && verbose {
        out.push_str("\nas it is meant:\n");
        out.extend(expected.iter().map(|difference| told(difference, &board.mission)));
    }
    out
}

/// A disagreement and its places, which are named from the mission's directory.
fn told(difference: &Difference, mission: &str) -> String {
    let home = format!("kitty-specs/{mission}/");
    let places = difference.places.iter().map(|place| {
        let file = place.file.strip_prefix(&home).unwrap_or(&place.file);
        place.line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"))
    });
    let mut places: Vec<_> = places.collect();
    places.dedup();
    let more = if places.len() > 4 { format!(" and {} more", places.len() - 4) } else { String::new() };
    places.truncate(4);
    let places = if places.is_empty() { String::new() } else { format!("    {}{more}\n", places.join(", ")) };
    format!("  {}\n{places}", one_line(&difference.message))
}

/// A mission that could not be summed up.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) mission: String,
    /// The code of the failure.
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// Every mission, a line each.
pub(crate) fn summaries(missions: &[Result<Summary, Unread>], now: Timestamp) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    for summary in missions {
        let (name, what, when) = match summary {
            Ok(summary) => (summary.mission.clone(), lanes(summary), summary.last_activity),
            Err(unread) => (unread.mission.clone(), format!("could not be read: {}", unread.code), None),
        };
        let when = when.map_or_else(String::new, |at| ago(now, at));
        table.add_row([harmless(&name), what, when]);
    }
    let text = lines_of(&table);
    let missions =
        if missions.len() == 1 { "1 mission".to_owned() } else { format!("{} missions", missions.len()) };
    format!("{text}\n{missions}\n")
}

/// `2/5 done, 1 in_review, 2 planned, 1 without a lane`
fn lanes(summary: &Summary) -> String {
    if summary.work_packages == 0 {
        return "no work packages".to_owned();
    }
    let done = summary.lanes.get(Lane::Done.as_str()).copied().unwrap_or_default();
    let others = Lane::SHOWN.into_iter().filter(|lane| *lane != Lane::Done).filter_map(|lane| {
        let count = summary.lanes.get(lane.as_str()).copied().filter(|count| *count > 0)?;
        Some(format!("{count} {lane}"))
    });
    [format!("{done}/{} done", summary.work_packages)]
        .into_iter()
        .chain(others)
        .collect::<Vec<_>>()
        .join(", ")
}

fn ago(now: Timestamp, at: Timestamp) -> String {
    match now.duration_since(at) {
        ahead if ahead < SignedDuration::ZERO => "in the future".to_owned(),
        _ => format!("{} ago", for_long(now, at)),
    }
}

/// A duration in its largest unit: `3 min`, `5 h`, `12 d`.
fn for_long(now: Timestamp, since: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, "0 s ago")]
    #[case(119, "1 min ago")]
    #[case(7_200, "2 h ago")]
    #[case(172_800, "2 d ago")]
    #[case(-5, "in the future")]
    fn durations_in_one_unit(#[case] seconds: i64, #[case] text: &str) {
        let now: Timestamp = "2026-05-06T07:08:09Z".parse().unwrap();
        assert_eq!(ago(now, now - SignedDuration::from_secs(seconds)), text);
    }
}

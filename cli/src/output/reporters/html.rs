//! One HTML page: the verdict, what was found, the board of the mission, and how long each check took. It loads nothing and runs
//! nothing, so that it can be kept, sent and read anywhere; and what a repository says in it is text.

use clearance_engine::board::{Board, Card};
use clearance_engine::finding::Excerpt;
use clearance_engine::lane::Lane;
use clearance_engine::run::CheckResult;

use super::escape::html;
use super::telling::{Entry, Telling, concluded};

const STYLE: &str = include_str!("html/style.css");

pub(super) fn render(telling: &Telling<'_>) -> String {
    let subject = html(telling.subject());
    let verdict = telling.verdict;
    let class = verdict.replace(' ', "-");
    let stage = telling.stage.map(|stage| format!("before {}", step(stage))).unwrap_or_default();
    let entries: String = telling.entries.iter().map(entry).collect();
    let board = telling.board.map(board).unwrap_or_default();
    let checks = if telling.checks.is_empty() { String::new() } else { checks(telling.checks) };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{subject}: {verdict}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header class=\"{class}\"><h1>{subject}</h1><p><strong>{verdict}</strong> {stage}</p><p>{}</p></header>\n\
         <main>\n{entries}{board}{checks}</main>\n\
         <footer>clearance {}, exit code {}</footer>\n</body>\n</html>\n",
        html(&telling.counts()),
        env!("CLEARANCE_VERSION"),
        telling.exit_code,
    )
}

fn step(stage: clearance_engine::check::Stage) -> &'static str {
    use clearance_engine::check::Stage;
    match stage {
        Stage::MarkStatus => "marking tasks",
        Stage::Commit => "the commit",
        Stage::Merge => "the merge",
    }
}

fn entry(entry: &Entry<'_>) -> String {
    let class = entry.kind_in_words();
    let place =
        entry.place_in_words().map(|place| format!(" <code>{}</code>", html(&place))).unwrap_or_default();
    let help = match (entry.excepted(), entry.help) {
        (Some(excepted), _) => format!("<p>{}</p>\n", html(&excepted)),
        (None, Some(help)) => {
            format!("<p class=\"way-out\">To get past it</p>\n<pre class=\"command\">{}</pre>\n", html(help))
        }
        (None, None) => String::new(),
    };
    let excerpts: String = entry.excerpts.iter().map(excerpt).collect();
    // The code of a rule is its name.
    let of = if entry.code == entry.check { String::new() } else { format!(" of {}", html(entry.check)) };
    format!(
        "<article class=\"{class}\">\n<h2><span>{}</span> {}</h2>\n<p class=\"about\"><code>{}</code>{of}{place}</p>\n{excerpts}{help}</article>\n",
        entry.kind_in_words(),
        html(entry.message),
        html(entry.code),
    )
}

fn excerpt(excerpt: &Excerpt) -> String {
    let lines = excerpt.text.lines().enumerate();
    let lines: String =
        lines.map(|(nth, line)| format!("<span>{:>5}</span> {}\n", excerpt.line + nth, html(line))).collect();
    format!(
        "<figure><figcaption>{}:{} {}</figcaption><pre>{lines}</pre></figure>\n",
        html(&excerpt.name),
        excerpt.line,
        html(&excerpt.label)
    )
}

/// The lanes side by side, as far as they have work packages.
fn board(board: &Board) -> String {
    let cards = &board.work_packages;
    let of = |lane: Lane| cards.iter().filter(move |card| card.lane == lane);
    let lanes = [Lane::Genesis, Lane::Uninitialized].into_iter().chain(Lane::SHOWN);
    let columns: String = lanes
        .filter(|lane| of(*lane).next().is_some())
        .map(|lane| {
            let cards: String = of(lane).map(card).collect();
            format!("<section><h3>{} ({})</h3>\n{cards}</section>\n", lane.as_str(), of(lane).count())
        })
        .collect();
    format!("<h2 class=\"part\">Board</h2>\n<div class=\"board\">\n{columns}</div>\n")
}

fn card(card: &Card) -> String {
    let title = card.title.as_deref().map(|title| format!(" {}", html(title))).unwrap_or_default();
    let who = card.who.as_deref().map(|who| format!(", {}", html(who))).unwrap_or_default();
    format!(
        "<div class=\"card\"><strong>{}</strong>{title}<br><small>{} of {} tasks{who}</small></div>\n",
        html(&card.id),
        card.tasks_done,
        card.tasks_total
    )
}

fn checks(checks: &[CheckResult]) -> String {
    let millis = |check: &CheckResult| check.took.as_secs_f64() * 1000.0;
    let longest = checks.iter().map(millis).fold(f64::EPSILON, f64::max);
    let row = |check: &CheckResult| {
        let concluded = html(&concluded(check));
        let width = (millis(check) / longest * 100.0).round();
        format!(
            "<tr><td>{}</td><td>{concluded}</td><td>{:.1}</td><td class=\"bar\"><span style=\"width:{width}%\"></span></td></tr>\n",
            html(check.id),
            millis(check)
        )
    };
    let rows: String = checks.iter().map(row).collect();
    format!(
        "<h2 class=\"part\">Checks</h2>\n<table>\n<thead><tr><th>Check</th><th>Concluded</th><th>ms</th><th></th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
    )
}

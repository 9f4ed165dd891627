use super::*;
use rstest::rstest;

fn reduce(text: &str) -> Result<MissionState, ArtefactError> {
    MissionState::reduce(&Source::new("status.events.jsonl", "x", text))
}

fn id(word: &str) -> TaskId {
    TaskId::parse(word).unwrap()
}

/// An event id that ends in `tail`.
fn ulid(tail: &str) -> String {
    format!("01ARZ3NDEKTSV4RRFFQ69G5{tail:0>3}")
}

fn note(at: &str, event: &str, state: &str) -> String {
    let event = ulid(event);
    format!(
        r#"{{"actor":"u","at":"{at}","delta":{{"subtasks":{{"T001":"{state}"}}}},"event_id":"{event}","kind":"annotation","wp_id":"WP01"}}"#
    )
}

fn step(at: &str, event: &str, from: &str, to: &str, more: &str) -> String {
    let event = ulid(event);
    format!(
        r#"{{"actor":"a","at":"{at}","event_id":"{event}","execution_mode":"worktree","force":false,"from_lane":"{from}","mission_slug":"013-m","to_lane":"{to}","wp_id":"WP01"{more}}}"#
    )
}

#[rstest]
#[case::file_order("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", PENDING)]
#[case::out_of_order("2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z", DONE)]
// As text, `+02:00` sorts behind and `Z` sorts behind a fraction; as time they do not.
#[case::offset("2026-01-01T01:00:00+00:00", "2026-01-01T02:30:00+02:00", DONE)]
#[case::fraction("2026-01-01T00:00:00.500000+00:00", "2026-01-01T00:00:00Z", DONE)]
#[case::same_time("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", PENDING)]
fn the_latest_annotation_wins(#[case] done_at: &str, #[case] pending_at: &str, #[case] expected: &str) {
    let state =
        reduce(&format!("{}\n{}\n", note(done_at, "A", DONE), note(pending_at, "B", PENDING))).unwrap();
    assert_eq!(state.subtask(&id("WP01"), "T001"), Some(expected));
}

#[rstest]
#[case::order("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", Lane::Blocked)]
#[case::offset("2026-01-01T01:00:00+00:00", "2026-01-01T02:30:00+02:00", Lane::Claimed)]
#[case::fraction("2026-01-01T00:00:00.5+00:00", "2026-01-01T00:00:00Z", Lane::Claimed)]
fn the_latest_step_wins(#[case] claimed_at: &str, #[case] blocked_at: &str, #[case] lane: Lane) {
    let log =
        [step(claimed_at, "A", "planned", "claimed", ""), step(blocked_at, "B", "planned", "blocked", "")];
    assert_eq!(reduce(&log.join("\n")).unwrap().lane_of(&id("wp01")), lane);
}

#[rstest]
#[case::review("in_review", "", Lane::InProgress)]
#[case::old_review("for_review", r#","review_ref":"r""#, Lane::InProgress)]
#[case::no_reference("for_review", "", Lane::Approved)]
fn of_one_moment_back_to_work_wins(#[case] from: &str, #[case] more: &str, #[case] lane: Lane) {
    let at = "2026-01-01T00:00:00Z";
    for (back, forward) in [("A", "B"), ("B", "A")] {
        let mut log =
            [step(at, back, from, "in_progress", more), step(at, forward, "in_review", "approved", "")];
        log.sort_by_key(|line| line.contains(&ulid("B")));
        let expected = if lane == Lane::Approved && back == "B" { Lane::InProgress } else { lane };
        assert_eq!(reduce(&log.join("\n")).unwrap().lane_of(&id("WP01")), expected, "{log:?}");
    }
}

#[test]
fn an_approval_is_kept_as_long_as_it_counts() {
    let evidence = r#","evidence":{"review":{"reviewer":"r","verdict":"approved","reference":"PR#1"}}"#;
    let approved = step("2026-01-01T00:00:00Z", "A", "in_progress", "approved", evidence);
    let state = reduce(&approved).unwrap();
    assert_eq!(state.of(&id("WP01")).unwrap().approval.as_ref().unwrap().reference, "PR#1");
    let back = step("2026-01-01T00:00:01Z", "B", "approved", "in_progress", r#","review_ref":"r2""#);
    assert_eq!(reduce(&format!("{approved}\n{back}")).unwrap().of(&id("WP01")).unwrap().approval, None);
}

#[test]
fn a_work_package_that_is_only_noted_is_nowhere() {
    let state = reduce(&note("2026-01-01T00:00:00Z", "A", DONE)).unwrap();
    assert_eq!(state.work_packages["WP01"].lane, Lane::Uninitialized);
    assert_eq!((state.lane_of(&id("WP01")), state.lane_of(&id("WP02"))), (Lane::Genesis, Lane::Genesis));
}

#[test]
fn a_state_that_is_no_lane_is_refused_with_its_line() {
    let text = format!(
        "{}\n{}\n",
        note("2026-01-01T00:00:00Z", "A", DONE),
        note("2026-01-01T00:00:00Z", "B", "finished")
    );
    let error = reduce(&text).unwrap_err();
    assert_eq!(error.place(), ("status.events.jsonl", Some(2)));
    assert!(error.to_string().contains("`finished` is not a state of a task"), "{error}");
}

#[rstest]
#[case("013-m", "013-m")]
#[case("../../tmp/evil", "")]
#[case(".hidden", "")]
fn a_slug_of_the_log_is_not_trusted(#[case] slug: &str, #[case] kept: &str) {
    let line = step("2026-01-01T00:00:00Z", "A", "genesis", "planned", "").replace("013-m", slug);
    assert_eq!(reduce(&line).unwrap().mission_slug, kept);
}

/// Who answers for an approval is told as long as there is one.
#[rstest]
#[case::approved(None, Some("a"))]
#[case::sent_back(Some("in_progress"), None)]
#[case::done(Some("done"), Some("a"))]
fn who_approved_it(#[case] then: Option<&str>, #[case] expected: Option<&str>) {
    let mut log = vec![step("2026-01-01T00:00:00Z", "A", "in_review", "approved", "")];
    let later = then.map(|lane| step("2026-01-01T00:00:01Z", "B", "approved", lane, ""));
    log.extend(later.map(|later| later.replace(r#""actor":"a""#, r#""actor":"b""#)));
    let state = reduce(&log.join("\n")).unwrap();
    assert_eq!(state.of(&id("WP01")).unwrap().approver(), expected);
}

/// `00:00:05`, with more behind it.
fn at(second: u32, more: &str) -> String {
    format!("2026-01-01T00:00:{second:02}{more}Z")
}

fn decision(line_at: &str, at: &str) -> String {
    let event = ulid("D");
    format!(
        r#"{{"actor":"u","at":"{line_at}","delta":{{"review":{{"actor":"carol","at":"{at}","reason":"fine","wp_id":"WP01"}}}},"event_id":"{event}","kind":"annotation","wp_id":"WP01"}}"#
    )
}

fn outcome(verdict: &str) -> String {
    format!(r#","review_result":{{"reviewer":"bob","verdict":"{verdict}","reference":"r"}}"#)
}

/// A work package in review that an arbiter decided over at second 5, and what came then.
#[rstest]
#[case::nothing(&[], true)]
#[case::approved_by_it(&[("in_review", "approved", "approved")], true)]
#[case::merged(&[("in_review", "approved", ""), ("approved", "done", "")], true)]
#[case::sent_back(&[("in_review", "in_progress", "")], false)]
#[case::refused(&[("in_review", "approved", "changes_requested")], false)]
#[case::to_be_planned(&[("in_review", "approved", ""), ("approved", "planned", "")], false)]
#[case::out_of_the_approval(&[("in_review", "approved", ""), ("approved", "in_review", "")], false)]
#[case::review_begun(&[("in_review", "blocked", ""), ("blocked", "for_review", "")], true)]
#[case::review_skipped(&[("planned", "for_review", ""), ("for_review", "approved", "")], true)]
#[case::review_done(&[("planned", "for_review", ""), ("for_review", "approved", "approved")], false)]
#[case::review_without_a_word(&[("for_review", "in_review", ""), ("in_review", "approved", "")], false)]
fn a_decision_counts_until_the_next_round(#[case] then: &[(&str, &str, &str)], #[case] counts: bool) {
    let mut log = vec![
        step(&at(0, ""), "A", "in_progress", "for_review", ""),
        step(&at(1, ""), "B", "for_review", "in_review", ""),
        decision(&at(5, ""), &at(5, "")),
    ];
    for (second, (from, to, verdict)) in (6..).zip(then) {
        let more = if verdict.is_empty() { String::new() } else { outcome(verdict) };
        log.push(step(&at(second, ""), &format!("E{second}"), from, to, &more));
    }
    let state = reduce(&log.join("\n")).unwrap();
    let own = state.of(&id("WP01")).unwrap();
    assert_eq!(own.is_overridden(), counts);
    assert!(state.snapshot(None).contains(r#""reason": "fine""#), "the snapshot keeps it");
}

/// The original stamps a decision by the second, and what it moves along a file of old times.
#[rstest]
#[case::later(&at(6, ""), &at(6, ""), &at(5, ""), true)]
#[case::earlier(&at(4, ""), &at(4, ""), &at(5, ""), false)]
#[case::of_one_second(&at(5, ""), &at(5, ""), &at(5, ".9"), true)]
#[case::of_one_second_and_exact(&at(5, ".1"), &at(5, ".1"), &at(5, ".9"), false)]
#[case::brought_in(&at(0, ""), &at(6, ""), &at(5, ""), true)]
#[case::brought_in_as_python_writes_it(&at(0, ""), "2026-01-01 00:00:06+00:00", &at(5, ""), true)]
#[case::brought_in_and_outlived(&at(9, ""), &at(4, ""), &at(5, ""), false)]
#[case::without_a_time(&at(6, ""), "then", &at(5, ""), true)]
fn a_decision_has_its_own_time(
    #[case] line_at: &str,
    #[case] decided: &str,
    #[case] refused: &str,
    #[case] counts: bool,
) {
    let log = [
        step(refused, "A", "in_review", "planned", &outcome("changes_requested")),
        decision(line_at, decided),
    ];
    let state = reduce(&log.join("\n")).unwrap();
    assert_eq!(state.of(&id("WP01")).unwrap().is_overridden(), counts);
}

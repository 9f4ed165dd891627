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

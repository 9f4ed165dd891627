//! `meta.json` and `lanes.json` can be read: everything else is decided on them. So can `status.json`, which is only
//! derived, and therefore only warned of.

use std::collections::BTreeSet;
use std::sync::Arc;

use clearance_engine::check::{Check, CheckContext, CheckError, CheckMeta, Findings, Guards, Needs, Stage};
use clearance_engine::finding::{Excerpt, Fault, FindingError, Location};
use clearance_engine::id::WpId;
use clearance_engine::mission::Mission;
use clearance_engine::mission::artefact::ArtefactError;
use clearance_engine::mission::lanes::Lanes;
use clearance_engine::register_check;
use clearance_engine::repo::RepoView;
use clearance_engine::severity::Severity;
use clearance_engine::source::shell_quote;

use super::common::{shell_path, way_out};

register_check!("mission-manifests", MissionManifests);

/// A manifest that is absent is fine (old missions have none); one that is broken blocks.
pub struct MissionManifests;

impl Check for MissionManifests {
    fn meta(&self) -> &CheckMeta {
        &CheckMeta {
            id: "mission-manifests",
            summary: "the mission's meta.json, lanes.json and status.json can be read",
            codes: &["meta_invalid", "lanes_invalid", "snapshot_invalid"],
            stages: &[Stage::MarkStatus, Stage::Commit, Stage::Merge],
            needs: Needs::Mission,
            guards: Guards::Step,
            params: &[],
        }
    }

    fn run(&self, context: CheckContext<'_>, findings: &mut Findings<'_>) -> Result<(), CheckError> {
        let mission = context.mission()?;
        let edit = |error: &ArtefactError| way_out(mission.root(), error);
        report(findings, "meta_invalid", Severity::Blocker, mission.meta().err(), edit)?;
        report(findings, "lanes_invalid", Severity::Blocker, mission.lanes().err(), edit)?;
        // It is derived: nobody has to repair it.
        let anew = |error: &ArtefactError| match error {
            ArtefactError::Broken { .. } => {
                format!("clearance status --materialize --mission {}", shell_quote(mission.slug()))
            }
            other => edit(other),
        };
        report(findings, "snapshot_invalid", Severity::Warning, mission.snapshot().err(), anew)?;
        if let Ok(manifest) = mission.lanes() {
            for message in contradictions(context, manifest)? {
                broken(findings, "lanes_invalid", mission, "lanes.json", &message)?;
            }
        }
        if context.merge.is_some() && matches!(mission.meta(), Ok(None)) {
            let message = "it does not exist, so nothing says where the mission belongs";
            broken(findings, "meta_invalid", mission, "meta.json", message)?;
        }
        Ok(())
    }
}

/// What a manifest of lanes says against itself, or in words that are not known here; and where it should say something
/// and does not.
fn contradictions(context: CheckContext<'_>, manifest: Option<&Lanes>) -> Result<Vec<String>, CheckError> {
    let mission = context.mission()?;
    let mut said = Vec::new();
    if let Some(manifest) = manifest {
        if manifest.version.as_ref().is_some_and(|version| *version != 1) {
            let version = manifest.version.as_ref().map(ToString::to_string).unwrap_or_default();
            said.push(format!("it is of version {version}; version 1 is known here"));
        }
        let ids: BTreeSet<&str> = manifest.lanes.iter().map(|lane| lane.lane_id.as_str()).collect();
        if ids.len() < manifest.lanes.len() {
            said.push("two lanes have one id".to_owned());
        }
        for lane in &manifest.lanes {
            let unknown = lane.depends_on_lanes.iter().filter(|on| !ids.contains(on.as_str()));
            said.extend(unknown.map(|on| format!("{} depends on {on}, which is no lane", lane.lane_id)));
            // Whatever it is meant to be, nobody asks whether it is approved.
            let others = lane.wp_ids.iter().filter(|id| WpId::parse(id).is_err());
            said.extend(
                others.map(|id| format!("{} has {id:?}, which is no id of a work package", lane.lane_id)),
            );
        }
    }
    let Some(merge) = context.merge else { return Ok(said) };
    if !merge.circle.is_empty() {
        said.push(format!("these lanes depend on each other in a circle: {}", merge.circle.join(", ")));
    }
    for lane in merge.lanes.iter().filter(|lane| lane.wp_ids.is_empty()) {
        let Some(branch) = &lane.branch else { continue };
        if has_commits(context.repo.view(), branch, &merge.target)? {
            said.push(format!(
                "{} names no work package, and its branch {branch} has commits that nobody would ask a review of",
                lane.lane_id
            ));
        }
    }
    // Work that no lane names would be left out without a word.
    if manifest.is_none_or(|manifest| manifest.lanes.is_empty()) {
        let topology = mission.meta().ok().flatten().and_then(|meta| meta.topology.as_deref());
        let in_lanes = matches!(topology, Some("lanes" | "lanes_with_coord"));
        let branches = context.repo.view().branches(&format!("kitty/mission-{}-lane-", mission.slug()))?;
        if !branches.is_empty() {
            said.push(format!("it names no lane, and there are branches of lanes: {}", branches.join(", ")));
        } else if manifest.is_some() || in_lanes {
            said.push("it names no lane".to_owned());
        }
    }
    Ok(said)
}

/// Whether a branch has commits that the target lacks.
fn has_commits(view: &dyn RepoView, branch: &str, target: &str) -> Result<bool, CheckError> {
    let (Some(tip), Some(target)) = (view.branch_tip(branch)?, view.branch_tip(target)?) else {
        return Ok(false);
    };
    Ok(!view.is_ancestor(&tip, &target)?)
}

fn broken(
    findings: &mut Findings<'_>,
    code: &'static str,
    mission: &Mission,
    file: &str,
    message: &str,
) -> Result<(), FindingError> {
    let name = mission.name_of(file);
    findings.report(Fault {
        code,
        severity: Severity::Blocker,
        item: name.clone(),
        message: format!("{name}: {message}"),
        excerpts: Vec::new(),
        remediation: Some(format!("${{EDITOR:-vi}} {}", shell_path(&mission.root().join(&name)))),
        location: Location { name, line: None },
    })
}

fn report(
    findings: &mut Findings<'_>,
    code: &'static str,
    severity: Severity,
    error: Option<Arc<ArtefactError>>,
    remedy: impl Fn(&ArtefactError) -> String,
) -> Result<(), FindingError> {
    let Some(error) = error else { return Ok(()) };
    let (name, line) = error.place();
    findings.report(Fault {
        code,
        severity,
        item: name.to_owned(),
        message: error.to_string(),
        location: Location { name: name.to_owned(), line },
        excerpts: Excerpt::of_error(&*error).into_iter().collect(),
        remediation: Some(remedy(&error)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clearance_engine::param::ParamValues;
    use clearance_engine::repo::Repo;
    use clearance_engine::run::{CheckResult, preflight, verdict};
    use clearance_engine::severity::Verdict;
    use clearance_testkit::TestRepo;
    use rstest::rstest;

    fn asked(test: &TestRepo) -> Vec<CheckResult> {
        let repo = Repo::discover(test.root()).unwrap();
        let mission = Mission::open(repo.root(), "m").unwrap();
        let (repo, mission, params) = (&repo, Some(&mission), ParamValues::NONE);
        let context = CheckContext { repo, mission, merge: None, under_git: false, params };
        preflight(&[&MissionManifests], Stage::Merge, context)
    }

    #[rstest]
    #[case::healthy("{\"status_phase\": \"1\"}", "{\"version\": 1, \"lanes\": []}", &[], Verdict::Cleared)]
    #[case::array("[]", "{}", &[("meta_invalid", 1)], Verdict::Blocked)]
    #[case::both("{", "{\n\"lanes\": 5}", &[("meta_invalid", 1), ("lanes_invalid", 2)], Verdict::Blocked)]
    fn broken_manifests_block(
        #[case] meta: &str,
        #[case] lanes: &str,
        #[case] expected: &[(&str, usize)],
        #[case] wanted: Verdict,
    ) {
        let test = TestRepo::new();
        test.write("kitty-specs/m/meta.json", meta);
        test.write("kitty-specs/m/lanes.json", lanes);
        let results = asked(&test);
        let found: Vec<_> =
            results[0].findings.iter().map(|f| (f.code(), f.location().line.unwrap_or_default())).collect();
        assert_eq!((found.as_slice(), verdict(&results)), (expected, Some(wanted)));
    }

    #[test]
    fn a_broken_snapshot_is_a_warning() {
        let test = TestRepo::new();
        test.write("kitty-specs/m/status.json", "{\"work_packages\": {\"WP01\": {}}}");
        let results = asked(&test);
        assert_eq!(results[0].findings[0].code(), "snapshot_invalid");
        assert_eq!(verdict(&results), Some(Verdict::Cleared));
    }

    #[test]
    fn absent_manifests_are_fine() {
        let test = TestRepo::new();
        test.write("kitty-specs/m/tasks.md", "");
        assert_eq!(verdict(&asked(&test)), Some(Verdict::Cleared));
    }
}

//! The files of a mission, as rules see them. Every field of the table in `document.rs` is there.

use std::collections::HashMap;
use std::sync::LazyLock;

use clearance_engine::id::TaskId;
use clearance_engine::item::Unanswered;
use clearance_engine::limits;
use clearance_engine::mission::artefact::ArtefactError;
use clearance_engine::mission::artefact::read_json;
use clearance_engine::mission::lanes::Lanes;
use clearance_engine::mission::work_package::{WorkPackage, front_matter, id_of_file_name};
use clearance_engine::mission::{MISSIONS_DIR, Mission};
use clearance_engine::repo::directory::EntryKind;
use clearance_engine::repo::gated::Gated;
use clearance_engine::source::Source;
use regex::Regex;
use serde_json::{Map, Value as Json, json};

use super::live::told;

type Told = Result<Json, Unanswered>;

fn broken(error: &ArtefactError) -> Unanswered {
    told(error)
}

/// The files of a mission: as the step would leave them, where that is known, else as they are in the work tree. So a change
/// is judged by what it brings, and not by what happens to be checked out.
pub(super) struct Files {
    /// By path, where the step is known and has the mission.
    gated: Option<HashMap<String, EntryKind>>,
}

impl Files {
    pub(super) fn of(mission: &Mission, gated: Option<&Gated>) -> Result<Self, Unanswered> {
        let home = format!("{MISSIONS_DIR}/{}", mission.slug());
        let Some(gated) = gated else { return Ok(Self { gated: None }) };
        let directories = [home.clone(), format!("{home}/tasks")];
        let entries = gated.files_in(&directories, limits::WORK_PACKAGE).map_err(|error| told(&error))?;
        let files: HashMap<_, _> = entries.into_iter().map(|entry| (entry.name, entry.kind)).collect();
        Ok(Self { gated: Some(files).filter(|files| !files.is_empty()) })
    }

    fn source(&self, mission: &Mission, file: &str, limit: u64) -> Result<Option<Source>, Unanswered> {
        let Some(gated) = &self.gated else {
            let path = mission.path_of(file).map_err(|error| broken(&error))?;
            return Source::read(&mission.name_of(file), &path, limit).map_err(|error| told(&error));
        };
        let name = format!("{MISSIONS_DIR}/{}/{file}", mission.slug());
        match gated.get(&name) {
            None | Some(EntryKind::Directory) => Ok(None),
            Some(EntryKind::Link) => {
                Err(Unanswered::new(format!("{name} is a symbolic link, and is not followed")))
            }
            Some(EntryKind::TooLarge(size)) => {
                Err(Unanswered::new(format!("{name} has {size} bytes; at most {limit} are read")))
            }
            Some(EntryKind::File(bytes)) => match String::from_utf8(bytes.clone()) {
                Ok(text) => Ok(Some(Source::new(name.clone(), name, text))),
                Err(_) => Err(Unanswered::new(format!("{name} is not UTF-8"))),
            },
        }
    }

    /// The work packages, in the order of their files.
    fn work_packages(&self, mission: &Mission) -> Result<Vec<(WorkPackage, Source)>, Unanswered> {
        let mut names: Vec<String> = match &self.gated {
            Some(gated) => {
                let tasks = format!("{MISSIONS_DIR}/{}/tasks/", mission.slug());
                gated.keys().filter_map(|path| path.strip_prefix(&tasks).map(str::to_owned)).collect()
            }
            None => {
                let packages = mission.work_packages().map_err(|error| broken(&error))?;
                if let Some(error) = packages.broken.first() {
                    return Err(broken(error));
                }
                let file =
                    |package: &WorkPackage| package.file.rsplit('/').next().unwrap_or_default().to_owned();
                packages.readable.iter().map(file).collect()
            }
        };
        names.retain(|name| id_of_file_name(name).is_some());
        names.sort_unstable();
        let mut packages = Vec::new();
        for name in names {
            let Some(source) = self.source(mission, &format!("tasks/{name}"), limits::WORK_PACKAGE)? else {
                continue;
            };
            packages.push((WorkPackage::parse(&source).map_err(|error| broken(&error))?, source));
        }
        packages.sort_by(|(one, _), (other, _)| one.id.as_str().cmp(other.id.as_str()));
        Ok(packages)
    }
}

/// A text or a number as text; anything else as nothing.
fn text(value: Option<&Json>) -> String {
    match value {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(number)) => number.to_string(),
        Some(Json::Bool(flag)) => flag.to_string(),
        _ => String::new(),
    }
}

/// A list of texts; one text as a list of one.
fn texts(value: Option<&Json>) -> Vec<String> {
    match value {
        Some(Json::Array(items)) => items
            .iter()
            .map(|item| match item {
                Json::Object(fields) => text(fields.get("id")),
                other => text(Some(other)),
            })
            .filter(|item| !item.is_empty())
            .collect(),
        Some(Json::Null) | None => Vec::new(),
        other => Some(text(other)).filter(|text| !text.is_empty()).into_iter().collect(),
    }
}

/// The first of these fields that says something.
fn first(fields: &Map<String, Json>, names: &[&str]) -> String {
    names.iter().map(|name| text(fields.get(*name))).find(|text| !text.is_empty()).unwrap_or_default()
}

pub(super) fn mission(mission: &Mission, files: &Files) -> Told {
    let meta = files.source(mission, "meta.json", limits::MANIFEST)?;
    let meta: Map<String, Json> = match &meta {
        Some(source) => read_json(source).map_err(|error| broken(&error))?,
        None => Map::new(),
    };
    let phase = first(&meta, &["status_phase"]);
    Ok(json!({
        "slug": mission.slug(),
        "id": first(&meta, &["mission_id"]),
        "title": first(&meta, &["friendly_name", "title"]),
        "dir": format!("{MISSIONS_DIR}/{}", mission.slug()),
        "kind": first(&meta, &["mission_type", "mission"]),
        "status_phase": if phase.is_empty() { "0".to_owned() } else { phase },
        "topology": first(&meta, &["topology"]),
        "target_branch": first(&meta, &["merge_target_branch", "target_branch"]),
        "tags": texts(meta.get("tags")),
        "number": meta.get("mission_number").or_else(|| meta.get("feature_number")).cloned().unwrap_or(Json::Null),
    }))
}

pub(super) fn lanes(mission: &Mission, files: &Files) -> Told {
    let Some(source) = files.source(mission, "lanes.json", limits::MANIFEST)? else { return Ok(json!([])) };
    let manifest: Lanes = read_json(&source).map_err(|error| broken(&error))?;
    let branch =
        manifest.mission_branch.clone().unwrap_or_else(|| format!("kitty/mission-{}", mission.slug()));
    let lanes = manifest.lanes.iter().map(|lane| {
        json!({
            "id": lane.lane_id,
            "branch": format!("{branch}-{}", lane.lane_id),
            "wp_ids": lane.wp_ids,
            "depends_on": lane.depends_on_lanes,
        })
    });
    Ok(lanes.collect())
}

pub(super) fn work_packages(mission: &Mission, files: &Files) -> Told {
    let state = mission.settled_state().map_err(|error| broken(&error))?;
    let mut out = Vec::new();
    for (package, source) in files.work_packages(mission)? {
        let (front, body) = front_matter(&source).map_err(|error| broken(&error))?;
        let id: &TaskId = package.id.as_id();
        let known = state.of(id);
        let requirements = front.get("requirement_refs").or_else(|| front.get("requirements"));
        out.push(json!({
            "id": package.id.as_str(),
            "title": package.title.clone().unwrap_or_default(),
            "path": package.file,
            "lane": state.lane_of(id).as_str(),
            "agent": text(front.get("agent")),
            "assignee": text(front.get("assignee")),
            "reviewer": first(&front, &["reviewer", "reviewed_by"]),
            "review_verdict": known.and_then(|known| known.recorded_verdict()).unwrap_or_default(),
            "dependencies": package.dependencies,
            "requirements": texts(requirements),
            "subtasks": package.subtasks.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(),
            "owned_files": texts(front.get("owned_files")),
            "tags": texts(front.get("tags")),
            "front": front,
            "body": source.text()[body..],
        }));
    }
    Ok(out.into())
}

/// Where `spec.md` introduces a requirement: `- **FR-001**: ...`, `| FR-001 | ... |`, `### FR-001 ...`.
static REQUIREMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^[\s|*+#>-]*\**`?((?:FR|NFR|C|SC|R)-\d{1,4}[a-z]?)`?\**\s*[:|.—–-]?\s*(.*)$").ok()
});

pub(super) fn requirements(mission: &Mission, files: &Files) -> Told {
    let (Some(source), Some(pattern)) =
        (files.source(mission, "spec.md", limits::MANIFEST)?, REQUIREMENT.as_ref())
    else {
        return Ok(json!([]));
    };
    let mut found: Vec<Json> = Vec::new();
    for (nth, line) in source.text().lines().enumerate() {
        let Some(parts) = pattern.captures(line) else { continue };
        let id = parts.get(1).map_or("", |id| id.as_str());
        // Where it is named again, it is not introduced.
        if found.iter().any(|known| known["id"] == id) {
            continue;
        }
        let text = parts.get(2).map_or("", |text| text.as_str()).trim_matches([' ', '|', '*', ':']);
        found.push(json!({ "id": id, "text": text, "path": source.name(), "line": nth + 1 }));
    }
    Ok(found.into())
}

pub(super) fn events(mission: &Mission, _: &Files) -> Told {
    // A log that is not understood tells nothing, not even what of it could be read.
    mission.settled_state().map_err(|error| broken(&error))?;
    let source = mission.log().map_err(|error| broken(&error))?;
    let Some(source) = source else { return Ok(json!([])) };
    let rows = source.text().lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let rows =
        rows.filter_map(|(nth, line)| Some((nth + 1, serde_json::from_str::<Map<String, Json>>(line).ok()?)));
    Ok(rows.map(|(line, row)| event(line, &row)).collect())
}

fn event(line: usize, row: &Map<String, Json>) -> Json {
    let empty = Map::new();
    let of = |name: &str| row.get(name).and_then(Json::as_object).unwrap_or(&empty);
    let (payload, delta) = (of("payload"), of("delta"));
    let marked = delta.get("subtasks").and_then(Json::as_object).and_then(|tasks| tasks.iter().next());
    let actor = match row.get("actor").or_else(|| payload.get("actor")) {
        Some(Json::Object(actor)) => first(actor, &["name", "agent", "id"]),
        other => text(other),
    };
    let verdict = |field: &str| text(of(field).get("verdict"));
    let in_evidence = of("evidence").get("review").and_then(|review| review.get("verdict"));
    let kind = first(row, &["kind", "event_type", "event_name", "type"]);
    let is_move = kind.is_empty() && row.contains_key("to_lane");
    json!({
        "id": first(row, &["event_id", "id"]),
        "kind": if is_move { "transition".to_owned() } else { kind },
        "wp": first(row, &["wp_id"]),
        "from_lane": text(row.get("from_lane")),
        "to_lane": text(row.get("to_lane")),
        "actor": actor,
        "at": first(row, &["at", "timestamp"]),
        "reason": text(row.get("reason")),
        "verdict": Some(verdict("review_result")).filter(|verdict| !verdict.is_empty()).unwrap_or_else(|| text(in_evidence)),
        "task": marked.map(|(task, _)| task.clone()).unwrap_or_default(),
        "mark": text(marked.map(|(_, mark)| mark)),
        "force": row.get("force").and_then(Json::as_bool).unwrap_or(false),
        "line": line,
        "evidence": row.get("evidence").cloned().unwrap_or(Json::Null),
    })
}

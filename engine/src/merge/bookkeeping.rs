//! What a merge records of itself in the files of the mission: its number, where it began, and the work packages that are
//! done with it. All of it is a function of what is merged, so that a plan that is made again is the same to the byte, and
//! two clones that make the same merge record the same events.

mod done;
mod place;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) use place::state_branch;
use place::{LogPlace, place};

use super::json_fields;
use super::number::number_in;
use super::scope::MergeScope;
use crate::lane::Lane;
use crate::mission::home::HomeError;
use crate::mission::log::LOG;
use crate::mission::meta::Meta;
use crate::mission::state::MissionState;
use crate::mission::{MISSIONS_DIR, Mission, SNAPSHOT};
use crate::plan::event::{self, About, Event, Record, Stamp, Step};
use crate::repo::commit::may_commit_files;
use crate::repo::{GitError, ObjectStore, Repo};
use crate::source::Source;

/// What is to be recorded.
pub(super) struct Bookkeeping<'m> {
    repo: &'m Repo,
    mission: &'m Mission,
    scope: &'m MergeScope,
    /// The commit of the target before the merge.
    baseline: &'m str,
    /// The number that the mission gets if it has none.
    number: Option<u64>,
    place: LogPlace,
    stamp: Stamp,
}

/// What was recorded.
#[derive(Debug, Default)]
pub struct Recorded {
    /// The tree of the target with it.
    pub tree: String,
    /// The number that the mission got.
    pub number: Option<u64>,
    /// The work packages that are done now, each with its event.
    pub done: Vec<Done>,
    /// Why something could not be recorded: then there is no merge.
    pub missing: Vec<Unrecorded>,
    /// The branch that the log is on, where it has one of its own: its name, and its tree with the events.
    pub(super) state: Option<(String, String)>,
}

/// A work package that is done with the merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Which.
    pub work_package: String,
    /// The event that says so.
    pub event_id: String,
    /// The lane that it was in, where somebody let it through without an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unapproved: Option<String>,
}

/// Why a merge could not record what it has to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrecorded {
    /// No branch that is merged has the log.
    #[error("the merge would have no {file}: none of the branches has it")]
    NoLog {
        /// The log.
        file: String,
    },
    /// A file is broken where the branches come together.
    #[error("{file} as the merge would have it cannot be used: {why}")]
    Broken {
        /// The file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// What was judged is not what would be merged.
    #[error("{work_package} is in {judged}, and in {merged} by {file} as the merge would have it")]
    Differs {
        /// The log.
        file: String,
        /// The work package.
        work_package: String,
        /// Its lane where it was judged.
        judged: Lane,
        /// Its lane in what would be merged.
        merged: Lane,
    },
}

impl<'m> Bookkeeping<'m> {
    /// `baseline` is the commit of the target, `newest` the time of the newest commit that is merged; `inputs` tell one merge
    /// from another.
    pub(super) fn of(
        scope: &'m MergeScope,
        repo: &'m Repo,
        mission: &'m Mission,
        number: Option<u64>,
        (baseline, newest, inputs): (&'m str, Timestamp, &[u8]),
    ) -> Result<Self, HomeError> {
        let place = place(scope, repo, mission)?;
        let hash = git2::Oid::hash_object(git2::ObjectType::Blob, inputs);
        let random: [u8; 16] =
            hash.ok().and_then(|hash| hash.as_bytes()[..16].try_into().ok()).unwrap_or_default();
        let stamp = Stamp { now: newest, entropy: u128::from_be_bytes(random) };
        Ok(Self { repo, mission, scope, baseline, number, place, stamp })
    }

    /// Records it in a tree of the target; `merges` says whether anything comes to it.
    pub(super) fn enter(
        &self,
        store: &ObjectStore,
        tree: &str,
        merges: bool,
        recorded: &mut Recorded,
    ) -> Result<(), GitError> {
        tree.clone_into(&mut recorded.tree);
        let meta = self.enter_meta(store, merges, recorded)?;
        if let LogPlace::Merged(directory) = &self.place
            && let Some(tree) =
                self.enter_events(store, &recorded.tree.clone(), directory, meta.as_ref(), recorded)?
        {
            recorded.tree = tree;
        }
        Ok(())
    }

    /// Records the events on the branch that the log is on, which is at `tip`.
    pub(super) fn enter_state(
        &self,
        store: &ObjectStore,
        tip: &str,
        recorded: &mut Recorded,
    ) -> Result<(), GitError> {
        let LogPlace::Branch { branch, directory } = &self.place else { return Ok(()) };
        let meta = self.mission.meta().ok().flatten().cloned();
        let number = meta.as_ref().and_then(|meta| meta.mission_number).or(self.number);
        let meta = meta.map(|meta| Meta { mission_number: number, ..meta });
        let tree = self.enter_events(store, tip, directory, meta.as_ref(), recorded)?;
        recorded.state = tree.map(|tree| (branch.clone(), tree));
        Ok(())
    }

    /// A tree with the events, and the snapshot that follows them; `None` where there are none.
    fn enter_events(
        &self,
        store: &ObjectStore,
        of: &str,
        directory: &str,
        meta: Option<&Meta>,
        recorded: &mut Recorded,
    ) -> Result<Option<String>, GitError> {
        let Ok(judged) = self.mission.settled_state() else { return Ok(None) };
        if self.candidates(judged).next().is_none() {
            return Ok(None);
        }
        let log = format!("{directory}/{LOG}");
        let Some(text) = store.text(of, &log)? else {
            recorded.missing.push(Unrecorded::NoLog { file: log });
            return Ok(None);
        };
        let (text, snapshot) = match self.enter_log(&log, text, judged, meta, recorded) {
            Ok(texts) => texts,
            Err(why) => {
                recorded.missing.push(why);
                return Ok(None);
            }
        };
        if recorded.done.is_empty() {
            return Ok(None);
        }
        let mut tree = store.with_file(&store.tree_of(of)?, &log, &text)?;
        let file = format!("{directory}/{SNAPSHOT}");
        if store.text(&tree, &file)?.is_some() || self.takes_snapshot(&file) {
            tree = store.with_file(&tree, &file, &snapshot)?;
        }
        Ok(Some(tree))
    }

    /// Number and baseline in `meta.json`, and what it says then; `None` where there is none.
    fn enter_meta(
        &self,
        store: &ObjectStore,
        merges: bool,
        recorded: &mut Recorded,
    ) -> Result<Option<Meta>, GitError> {
        let file = format!("{MISSIONS_DIR}/{}/meta.json", self.mission.slug());
        let Some(before) = store.text(&recorded.tree, &file)? else { return Ok(None) };
        let written = self.meta(&before, merges);
        let (text, number) = match written {
            Ok(written) => written,
            Err(why) => {
                recorded.missing.push(Unrecorded::Broken { file, why });
                return Ok(None);
            }
        };
        if text != before {
            recorded.tree = store.with_file(&recorded.tree, &file, &text)?;
        }
        recorded.number = number;
        Ok(serde_json::from_str(&text).ok())
    }

    fn meta(&self, before: &str, merges: bool) -> Result<(String, Option<u64>), String> {
        let has_number = number_in(before.as_bytes())?.is_some();
        let number = self.number.filter(|_| !has_number);
        let set = |text: &str, name, value: Value| {
            json_fields::set(text, name, &value).map_err(|error| error.to_string())
        };
        let mut text = before.to_owned();
        if merges || number.is_some() {
            text = set(&text, "baseline_merge_commit", self.baseline.into())?;
        }
        if let Some(number) = number {
            text = set(&text, "mission_number", number.into())?;
        }
        Ok((text, number))
    }

    /// The log with the events, and the snapshot that follows it.
    fn enter_log(
        &self,
        file: &str,
        text: String,
        judged: &MissionState,
        meta: Option<&Meta>,
        recorded: &mut Recorded,
    ) -> Result<(String, String), Unrecorded> {
        let broken = |why: String| Unrecorded::Broken { file: file.to_owned(), why };
        let reduce = |text: &str| -> Result<MissionState, Unrecorded> {
            MissionState::reduce(&Source::new(file, "", text)).map_err(|why| broken(why.to_string()))
        };
        let merged = reduce(&text)?;
        if let Some(why) = &merged.log.contradiction {
            return Err(broken(why.to_string()));
        }
        if merged.log.torn_tail.is_some() {
            return Err(broken("its last line was torn by a crash".to_owned()));
        }
        let mut steps = Vec::new();
        for (id, allowed) in self.candidates(judged) {
            let (was, is) = (judged.lane_of(&id), merged.lane_of(&id));
            // Recorded by a merge before this one.
            if is == Lane::Done {
                continue;
            }
            if was != is {
                let (file, work_package) = (file.to_owned(), id.as_str().to_owned());
                recorded.missing.push(Unrecorded::Differs { file, work_package, judged: was, merged: is });
                continue;
            }
            steps.push((self.step(&id, is, merged.of(&id), allowed), allowed.map(|_| was)));
        }
        let about = About {
            slug: self.mission.slug(),
            mission_id: self.mission.meta().ok().flatten().and_then(|meta| meta.mission_id.as_deref()),
        };
        let records: Vec<_> = steps.iter().map(|(step, _)| Record::Step(Box::new(step.clone()))).collect();
        let events = event::events(&records, about, self.stamp, &merged.log)
            .map_err(|error| broken(error.to_string()))?;
        let done = |((step, unapproved), event): (&(Step, Option<Lane>), &Event)| Done {
            work_package: step.work_package.as_str().to_owned(),
            event_id: event.id.clone(),
            unapproved: unapproved.map(|lane| lane.as_str().to_owned()),
        };
        recorded.done = steps.iter().zip(&events).map(done).collect();
        let text = appended(text, &events);
        let snapshot = reduce(&text)?.snapshot(meta);
        Ok((text, snapshot))
    }

    /// Whether a snapshot that no branch has may be added: some teams ignore it, and one that stands there unknown to git
    /// would be in the way.
    fn takes_snapshot(&self, file: &str) -> bool {
        let stands = self.mission.path_of(SNAPSHOT).is_ok_and(|path| path.exists());
        !stands && may_commit_files(self.repo, &[file.to_owned()]).is_ok()
    }
}

fn appended(mut text: String, events: &[Event]) -> String {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.extend(events.iter().map(|event| format!("{}\n", event.line)));
    text
}

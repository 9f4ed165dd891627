//! The document of a real repository. Each part is read on first use, once for all rules.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use clearance_engine::check::Stage;
use clearance_engine::item::Unanswered;
use clearance_engine::merge::scope::MergeScope;
use clearance_engine::mission::Mission;
use clearance_engine::repo::Repo;
use clearance_engine::repo::gated::Gated;
use clearance_engine::repo::message::CommitMessage;
use serde_json::{Value as Json, json};

use super::{artefacts, history, names};
use crate::team::evaluate::Facts;
use crate::team::expression::Value;
use crate::team::world::Unknown;

/// Commits that are about to be pushed to a branch of a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The branch there, without `refs/heads/`.
    pub branch: String,
    /// The commit that it is to have.
    pub head: String,
    /// The commit over which it is looked at: what is there now, or where it left its target; `None` where nothing is there.
    pub base: Option<String>,
    /// The commit whose history is no part of it.
    pub without: Option<String>,
}

impl Pushed {
    fn gated(&self, repo: &Repo) -> Result<Gated, Unanswered> {
        let gated = match &self.base {
            Some(base) => Gated::committed(repo, base, &self.head),
            None => Gated::from_nothing(repo, &self.head),
        };
        gated.map_err(|error| told(&error))
    }
}

/// What is looked at.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// The mission, where the question is about one.
    pub mission: Option<&'a Mission>,
    /// The merge, where the step is one.
    pub merge: Option<&'a MergeScope>,
    /// The branch that work goes to, where the step is no merge of a mission and it is known.
    pub target: Option<&'a str>,
    /// The step.
    pub stage: Stage,
    /// The time, in RFC 3339.
    pub now: &'a str,
    /// The index that git works with, where git runs this and it is not the usual one.
    pub index: Option<&'a std::path::Path>,
    /// The commit whose files are looked at, in the place of those that the step would leave.
    pub at: Option<&'a str>,
    /// The message of the commit that is about to be made, where it is known.
    pub message: Option<&'a CommitMessage>,
    /// What is pushed, where the step is a push.
    pub pushed: Option<&'a Pushed>,
}

/// The document of a real repository.
pub struct Live<'a> {
    subject: Subject<'a>,
    parts: BTreeMap<String, OnceLock<Result<Value, Unknown>>>,
    ends: OnceLock<Result<history::Ends, Unanswered>>,
    gated: OnceLock<Result<Gated, Unanswered>>,
    /// Files of what is gated, as text: several items of a rule are in one.
    texts: Mutex<HashMap<String, Option<Arc<str>>>>,
    mission_files: OnceLock<Result<artefacts::Files, Unanswered>>,
}

impl<'a> Live<'a> {
    /// The document; nothing is read yet.
    #[must_use]
    pub fn new(subject: Subject<'a>) -> Self {
        let parts = names().names().map(|name| (name.to_owned(), OnceLock::new())).collect();
        Self {
            subject,
            parts,
            ends: OnceLock::new(),
            gated: OnceLock::new(),
            texts: Mutex::default(),
            mission_files: OnceLock::new(),
        }
    }

    /// What is looked at.
    #[must_use]
    pub fn subject(&self) -> Subject<'a> {
        self.subject
    }

    /// The files that the step would leave.
    ///
    /// # Errors
    /// Why they are not known.
    pub fn gated(&self) -> Result<&Gated, Unknown> {
        let Subject { repo, mission, merge, index, at, .. } = self.subject;
        if let Some(commit) = at {
            let gated = self.gated.get_or_init(|| Gated::whole(repo, commit).map_err(|error| told(&error)));
            return gated.as_ref().map_err(|why| Unknown::Unanswered(why.clone()));
        }
        if let (Some(merge), Some(mission)) = (merge, mission) {
            let forecast = merge.forecast(repo, mission);
            let forecast = forecast.map_err(|why| Unknown::Unanswered(Unanswered::new(why)))?;
            // Whatever is in the way is told by the check that forecasts.
            return forecast.gated.as_ref().ok_or(Unknown::Waits("conflict-forecast"));
        }
        let of_step = self.gated.get_or_init(|| match (self.subject.pushed, self.subject.stage) {
            (Some(pushed), _) => pushed.gated(repo),
            (None, Stage::Merge) => history::brought(&self.subject, self.ends()?),
            (None, Stage::Commit | Stage::MarkStatus) => {
                Gated::staged(repo, index).map_err(|error| told(&error))
            }
        });
        of_step.as_ref().map_err(|why| Unknown::Unanswered(why.clone()))
    }

    fn ends(&self) -> Result<&history::Ends, Unanswered> {
        self.ends.get_or_init(|| history::ends(&self.subject)).as_ref().map_err(Clone::clone)
    }

    /// A file of what is gated, as text; `None` where there is none.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn text(&self, path: &str) -> Result<Option<Arc<str>>, Unknown> {
        let texts = || self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = texts().get(path) {
            return Ok(known.clone());
        }
        let bytes = self.gated()?.file(path).map_err(|error| told(&error))?;
        let not_utf8 = |_| Unanswered::new(format!("{path} is not UTF-8"));
        let text = bytes.map(|bytes| String::from_utf8(bytes).map_err(not_utf8)).transpose()?;
        let text: Option<Arc<str>> = text.map(Into::into);
        texts().insert(path.to_owned(), text.clone());
        Ok(text)
    }

    /// The check that tells of a branch of the merge that is not there.
    fn lacks_a_branch(&self) -> Result<Option<&'static str>, Unanswered> {
        let Some(merge) = self.subject.merge else { return Ok(None) };
        let view = self.subject.repo.view();
        let is_there =
            |branch: &str| view.branch_tip(branch).map(|tip| tip.is_some()).map_err(|error| told(&error));
        if !is_there(&merge.target)? {
            return Ok(Some("target-sync"));
        }
        match &merge.mission_branch {
            Some(branch) if !is_there(branch)? => Ok(Some("mission-branch")),
            _ => Ok(None),
        }
    }

    fn mission_files(&self, mission: &Mission) -> Result<&artefacts::Files, Unanswered> {
        let files = self.mission_files.get_or_init(|| {
            // While it is not known what would be left, a rule about the mission's files is asked all the same: one fault must
            // not hide another.
            artefacts::Files::of(mission, self.gated().ok())
        });
        files.as_ref().map_err(Clone::clone)
    }

    fn read(&self, name: &str) -> Result<Value, Unknown> {
        let subject = &self.subject;
        let of_mission =
            |read: fn(&Mission, &artefacts::Files) -> Result<Json, Unanswered>| match subject.mission {
                Some(mission) => Ok(read(mission, self.mission_files(mission)?)?),
                None => Ok::<_, Unknown>(empty(name)),
            };
        let asked = |answer: Result<Json, Unanswered>| answer.map_err(Unknown::Unanswered);
        let value = match name {
            "mission" => of_mission(artefacts::mission)?,
            "lanes" => of_mission(artefacts::lanes)?,
            "wps" => of_mission(artefacts::work_packages)?,
            "requirements" => of_mission(artefacts::requirements)?,
            "events" => of_mission(artefacts::events)?,
            "commits" => {
                if let Some(check) = self.lacks_a_branch()? {
                    return Err(Unknown::Waits(check));
                }
                asked(history::commits(subject, self.ends()?))?
            }
            "commit" => history::about_to_be_made(subject.message),
            "branch" => history::branch(self.ends()?),
            "merge" => history::merge(subject),
            "remote" => asked(history::remote(subject))?,
            "diff" => {
                let changes = self.gated()?.changes().map_err(|error| Unknown::Unanswered(told(&error)))?;
                history::diff(&changes)
            }
            "tree" => {
                let paths = self.gated()?.paths().map_err(|error| Unknown::Unanswered(told(&error)))?;
                json!({ "paths": paths })
            }
            "stage" => json!(subject.stage),
            "now" => json!(subject.now),
            other => unreachable!("the document has no {other}"),
        };
        Ok(Value::from(&value))
    }
}

impl Facts for Live<'_> {
    fn value(&self, name: &str) -> Result<Value, Unknown> {
        match self.parts.get(name) {
            Some(part) => part.get_or_init(|| self.read(name)).clone(),
            None => Err(Unknown::Unanswered(Unanswered::new(format!("the document has no {name}")))),
        }
    }
}

/// What stands for a part that there is none of.
fn empty(name: &str) -> Json {
    names().get(name).map_or(Json::Null, super::given::empty)
}

/// An error as the reason why something could not be told.
pub(in crate::team) fn told(error: &dyn miette::Diagnostic) -> Unanswered {
    Unanswered {
        help: error.help().map(|help| help.to_string()),
        excerpts: clearance_engine::finding::Excerpt::of_error(error).into_iter().collect(),
        ..Unanswered::new(error.to_string())
    }
}

//! The world that rules are asked about for real: git's objects, programs in throw-away checkouts, servers.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clearance_engine::item::Unanswered;
use clearance_engine::mission::MISSIONS_DIR;
use clearance_engine::mission::artefact::confined;
use clearance_engine::process::{self, Kept, Program};
use clearance_engine::repo::Checkout;
use clearance_engine::repo::gated::Gated;
use clearance_nested_env::drift::{self, Packages, Played, Setting};

use super::document::live::{Live, told};
use super::evaluate::document;
use super::expression::Scope;

use super::rule::Rule;
use super::trust::named::named;
use super::trust::{self, Grants, NamedFiles};
use super::work_tree;
use super::world::{Call, Directory, DriftCall, Ended, Lines, Reply, Request, SeenFile, Unknown, World};

/// Asks a server, with the token that goes with the request; why there is no reply, in a sentence.
pub type Courier<'a> = &'a (dyn Fn(&Request, Option<&str>) -> Result<Reply, String> + Sync);

/// What the process brings: variables, and a way to servers.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// The variables of the environment, of which programs get the usual ones.
    pub variables: &'a [(OsString, OsString)],
    /// The way to servers; `None` where this build has none.
    pub courier: Option<Courier<'a>>,
    /// Whether no server is to be asked.
    pub offline: bool,
}

/// One run: the document, what is trusted, and the means. All rules share it.
pub struct Session<'a> {
    live: Live<'a>,
    grants: Grants,
    means: Means<'a>,
    documents: Mutex<BTreeMap<BTreeSet<String>, Arc<Scope<'static>>>>,
    /// Processor time that rules have had, in microseconds.
    spent: AtomicU64,
    /// Text that rules have said, in bytes.
    said: AtomicUsize,
}

/// The processor time that all rules have together.
pub const RUN_TIME: Duration = Duration::from_secs(60);

/// The text that all rules may say together, in bytes: a report has all of it.
pub const RUN_TEXT: usize = 256 << 20;

impl<'a> Session<'a> {
    /// A run.
    #[must_use]
    pub fn new(live: Live<'a>, grants: Grants, means: Means<'a>) -> Self {
        Self {
            live,
            grants,
            means,
            documents: Mutex::default(),
            spent: AtomicU64::new(0),
            said: AtomicUsize::new(0),
        }
    }

    /// The scope of these parts of the document. Rules that look at the same parts share it: a list is long.
    ///
    /// # Errors
    /// Why a part is not known.
    pub fn document(&self, uses: &BTreeSet<String>) -> Result<Arc<Scope<'static>>, Unknown> {
        let known = || self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known().get(uses) {
            return Ok(Arc::clone(known));
        }
        let scope = Arc::new(document(uses, &self.live)?);
        known().insert(uses.clone(), Arc::clone(&scope));
        Ok(scope)
    }

    /// Whether rules may go on being asked.
    pub(super) fn has_time(&self) -> bool {
        Duration::from_micros(self.spent.load(Ordering::Relaxed)) < RUN_TIME
    }

    /// Notes the processor time that a rule has had.
    pub(super) fn spend(&self, time: Duration) {
        self.spent.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX / 2), Ordering::Relaxed);
    }

    /// Whether there is room for so many bytes of text more.
    pub(super) fn has_room(&self, text: usize) -> bool {
        self.said.fetch_add(text, Ordering::Relaxed) + text <= RUN_TEXT
    }

    /// Whether a grant was given.
    #[must_use]
    pub fn trusts(&self, grant: &str) -> bool {
        self.grants.has(grant)
    }

    /// The document, for the files that are gated.
    #[must_use]
    pub fn live(&self) -> &Live<'a> {
        &self.live
    }
}

/// The world for one rule.
pub struct LiveWorld<'a> {
    session: &'a Session<'a>,
    rule: &'a Rule,
}

impl<'a> LiveWorld<'a> {
    /// The world for a rule.
    #[must_use]
    pub fn new(session: &'a Session<'a>, rule: &'a Rule) -> Self {
        Self { session, rule }
    }

    fn gated(&self) -> Result<&'a Gated, Unknown> {
        self.session.live.gated()
    }

    /// The grant that this command needs: of the rule, and of the files that it names as they will be where it runs.
    pub(super) fn grant_for(&self, call: &Call) -> Result<String, Unknown> {
        self.grant_of(&call.argv, call.directory)
    }

    /// The grant that this scenario needs: what is installed last and the tests decide what it says. The consumer is what it
    /// is about, and changes with every commit.
    pub(super) fn grant_to_play(&self, call: &DriftCall) -> Result<String, Unknown> {
        let Packages { candidate, with, find_links, .. } = &call.scenario.packages;
        let fixed = [candidate].into_iter().chain(with).chain(find_links).chain(&call.scenario.tests);
        self.grant_of(&fixed.cloned().collect::<Vec<_>>(), call.directory)
    }

    fn grant_of(&self, words: &[String], directory: Directory) -> Result<String, Unknown> {
        let gated = self.gated()?;
        let tree = match directory {
            Directory::Head => gated.nodes(&gated.tree).map_err(|error| told(&error))?,
            Directory::Base => gated.nodes(&gated.base).map_err(|error| told(&error))?,
            Directory::Repo => {
                let root = self.session.live.subject().repo.root();
                work_tree::nodes(root).map_err(Unanswered::new)?
            }
        };
        let named = named(words, &tree).map_err(|why| {
            let why = format!("{} cannot be trusted: {why}", self.rule.id());
            Unanswered { code: Unanswered::UNTRUSTED, ..Unanswered::new(why) }
        })?;
        Ok(trust::grant(self.rule, &named))
    }

    /// The grant that asking a server needs.
    pub(super) fn grant_to_ask(&self) -> String {
        trust::grant(self.rule, &NamedFiles::new())
    }

    /// Where a program runs, and with which variables; not where nobody trusts it.
    fn place(&self, grant: &str, directory: Directory, env: &[String]) -> Result<Place<'a>, Unknown> {
        if !self.session.grants.has(grant) {
            return Err(self.untrusted(grant).into());
        }
        let gated = self.gated()?;
        let checkout = match directory {
            Directory::Head => Some(gated.checkout(&gated.tree)),
            Directory::Base => Some(gated.checkout(&gated.base)),
            Directory::Repo => None,
        };
        let checkout = checkout.transpose().map_err(|error| told(&error))?;
        let mut env = process::environment(self.session.means.variables.iter().cloned(), env);
        if let Some(above) = checkout.as_ref().and_then(|checkout| checkout.path().parent()) {
            // A checkout has no history: git must not find that of a repository around it.
            env.push(("GIT_CEILING_DIRECTORIES".into(), above.into()));
        }
        Ok(Place { root: self.session.live.subject().repo.root(), checkout, env })
    }

    fn untrusted(&self, grant: &str) -> Unanswered {
        let id = self.rule.id();
        let what: Vec<String> =
            trust::described(self.rule).into_iter().map(|(how, what)| format!("{how} {what}")).collect();
        let lacking =
            self.session.grants.lacking().map(|why| format!("; what is trusted is not known: {why}"));
        Unanswered {
            code: Unanswered::UNTRUSTED,
            message: format!("{id} is not trusted: it {}{}", what.join(", "), lacking.unwrap_or_default()),
            help: Some(format!(
                "look at {}, then: clearance rules trust allow {id}; in CI: --trust {grant}",
                self.rule.source.name()
            )),
            excerpts: Vec::new(),
        }
    }
}

/// Where a program runs; a checkout goes with it.
struct Place<'a> {
    root: &'a Path,
    checkout: Option<Checkout>,
    env: Vec<(OsString, OsString)>,
}

impl Place<'_> {
    fn directory(&self) -> &Path {
        self.checkout.as_ref().map_or(self.root, Checkout::path)
    }
}

impl World for LiveWorld<'_> {
    fn lines(&self, which: Lines, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<SeenFile>, Unknown> {
        let gated = self.gated()?;
        let found = match which {
            Lines::Added => gated.added_lines(wanted),
            Lines::ChangedFiles => gated.changed_lines(wanted),
            Lines::All => gated.all_lines(wanted),
        };
        Ok(found.map_err(|error| told(&error))?)
    }

    fn file(&self, path: &str) -> Result<Option<String>, Unknown> {
        if !stays_inside(path) {
            return Err(Unanswered::new(format!("{path} is not a path inside the repository")).into());
        }
        let text = self.session.live.text(path)?;
        Ok(text.map(|text| text.to_string()))
    }

    fn shown(&self, path: &str) -> Option<String> {
        if let Some(text) = self.file(path).ok().flatten() {
            return Some(text);
        }
        // Of the work tree only what the document may have been read from: whatever else is there is not for reports.
        let subject = self.session.live.subject();
        let home = format!("{MISSIONS_DIR}/{}/", subject.mission?.slug());
        let is_of_mission = stays_inside(path) && path.starts_with(&home);
        let bytes = is_of_mission.then(|| in_work_tree(subject.repo.root(), path).ok().flatten()).flatten();
        String::from_utf8(bytes?).ok()
    }

    fn run(&self, call: &Call) -> Result<Ended, Unknown> {
        let place = self.place(&self.grant_for(call)?, call.directory, &call.env)?;
        let (directory, env) = (place.directory(), place.env.as_slice());
        let (timeout, output_cap) = (call.timeout, process::OUTPUT_CAP);
        let kept = Kept::Beginning;
        let program = Program { argv: &call.argv, directory, env, timeout, output_cap, kept };
        Ok(process::run(&program).map_err(|error| Unanswered::new(error.to_string()))?)
    }

    fn drift(&self, call: &DriftCall) -> Result<Played, Unknown> {
        let place = self.place(&self.grant_to_play(call)?, call.directory, &call.env)?;
        let mut scenario = call.scenario.clone();
        scenario.packages.offline |= self.session.means.offline;
        let (directory, variables) = (place.directory(), place.env.as_slice());
        let setting = Setting { directory, python: None, variables, timeout: call.timeout };
        Ok(drift::play(&scenario, &setting, &mut |_| {}).map_err(|error| Unanswered {
            help: miette::Diagnostic::help(&error).map(|help| help.to_string()),
            // A reason of a skip has lines.
            ..Unanswered::new(error.to_string().replace('\n', " "))
        })?)
    }

    fn ask(&self, request: &Request) -> Result<Reply, Unknown> {
        let grant = self.grant_to_ask();
        if !self.session.grants.has(&grant) {
            return Err(self.untrusted(&grant).into());
        }
        let means = self.session.means;
        if means.offline {
            let why = format!("{} asks a server, and --offline forbids that", self.rule.id());
            return Err(Unanswered { code: Unanswered::UNTRUSTED, ..Unanswered::new(why) }.into());
        }
        let Some(courier) = means.courier else {
            return Err(Unanswered::new(
                "this build of clearance asks no servers: it was made without `sync`",
            )
            .into());
        };
        let token = request.token_env.as_ref().map(|name| {
            let value = means.variables.iter().find(|(known, _)| known == name.as_str());
            let value = value.and_then(|(_, value)| value.to_str()).filter(|value| !value.is_empty());
            value.ok_or_else(|| {
                Unanswered::new(format!("the variable {name}, which has the token, is not set"))
            })
        });
        Ok(courier(request, token.transpose()?).map_err(Unanswered::new)?)
    }
}

fn stays_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.starts_with('/')
        && Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// A file of a work tree.
fn in_work_tree(root: &Path, path: &str) -> Result<Option<Vec<u8>>, Unanswered> {
    let found = confined(root, &root.join(path), path).map_err(|error| told(&error))?;
    let Some(found) = found.filter(|found| found.is_file()) else { return Ok(None) };
    let read = clearance_engine::source::read_bytes(path, &found, clearance_engine::repo::gated::LARGEST);
    read.map_err(|error| told(&error))
}

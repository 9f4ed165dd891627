//! The rules of a repository: read, checked, each by itself. One that is broken does not hide the others.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use clearance_engine::check::CheckMeta;
use clearance_engine::finding::Excerpt;
use clearance_engine::item::Unanswered;
use clearance_engine::registry::StrategyEntry;
use clearance_engine::repo::Repo;
use clearance_engine::run::STACK;
use clearance_engine::source::Source;
use jiff::civil::Date;

use super::files::{Files, Origin, invalid, is_misnamed};
use super::intern::intern;
use super::resolver::{self, Resolver};
use super::rule::{self, Rule};
use super::trust::Lock;
use super::tune::{self, Tune};
use super::waivers::{Waivers, WrittenWaivers};
use super::written::WrittenRule;
use super::yaml::{self, RuleError};

/// The rules of a repository.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// Those that can be asked, in the order of their files.
    pub rules: Vec<Rule>,
    /// Built-in checks that are set otherwise.
    pub tunes: Vec<Tune>,
    /// Ways to find tasks.
    pub resolvers: Vec<Resolver>,
    /// Files that cannot be used.
    pub broken: Vec<Broken>,
    /// Exceptions, where there is a file with some.
    pub waivers: Option<Waivers>,
    /// Hashes that the repository trusts. They count only where the rules are those of the target branch.
    pub lock: Lock,
}

/// A file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// What it is called in reports: its name.
    pub file: &'static str,
    /// The id that it seems to have.
    pub id: Option<String>,
    /// What is wrong with it.
    pub why: Unanswered,
}

impl Broken {
    fn of(file: &str, source: &Result<Source, Unanswered>, why: Unanswered) -> Self {
        let line = source
            .as_ref()
            .ok()
            .and_then(|source| source.text().lines().find_map(|line| line.strip_prefix("id:")));
        let id = line.map(|id| id.split('#').next().unwrap_or(id).trim_matches([' ', '"', '\'']).to_owned());
        Self { file: intern(file), id, why }
    }

    /// A rule with a test that cannot be run.
    #[must_use]
    pub fn test(rule: &Rule, error: &RuleError) -> Self {
        Self { file: intern(rule.source.name()), id: Some(rule.id().to_owned()), why: unusable(error) }
    }
}

/// What a file of rules is.
enum Loaded {
    Rule(Box<Rule>),
    Tune(Tune),
    Resolver(Box<Resolver>),
}

impl Loaded {
    fn id(&self) -> &'static str {
        match self {
            Self::Rule(rule) => rule.id(),
            Self::Tune(tune) => tune.id,
            Self::Resolver(resolver) => resolver.id(),
        }
    }
}

impl RuleSet {
    /// Reads and checks the rules of a place. `built_in` has the facts of the built-in checks.
    ///
    /// # Errors
    /// When the place as a whole cannot be read.
    pub fn load(
        repo: &Repo,
        origin: &Origin,
        built_in: &[CheckMeta],
        today: Date,
    ) -> Result<Self, Unanswered> {
        let files = Files::read(repo, origin)?;
        let mut set = Self::of(&files.rules, built_in);
        if let Some(source) = files.waivers {
            let read = |source: &Source| Waivers::of(source, &yaml::read::<WrittenWaivers>(source)?, today);
            match source.and_then(|source| read(&source).map_err(|error| unusable(&error))) {
                Ok(waivers) => set.waivers = Some(waivers),
                Err(why) => set.broken.push(Broken { file: "waivers", id: None, why }),
            }
        }
        if let Some(source) = files.lock {
            match source.and_then(|source| Lock::read(&source).map_err(|error| unusable(&error))) {
                Ok(lock) if !matches!(origin, Origin::Directory { .. }) => set.lock = lock,
                Ok(_) => {}
                Err(why) => set.broken.push(Broken { file: "trust-lock", id: None, why }),
            }
        }
        Ok(set)
    }

    /// Checks files of rules.
    #[must_use]
    pub fn of(files: &[(String, Result<Source, Unanswered>)], built_in: &[CheckMeta]) -> Self {
        let built_in: BTreeMap<&str, &CheckMeta> = built_in.iter().map(|meta| (meta.id, meta)).collect();
        let mut set = Self::default();
        let mut owners: HashMap<&'static str, String> = HashMap::new();
        for ((name, source), loaded) in files.iter().zip(side_by_side(files, &built_in)) {
            let own = loaded.and_then(|loaded| match owners.insert(loaded.id(), name.clone()) {
                None => Ok(loaded),
                Some(first) => Err(invalid(format!(
                    "{name}: `{}` is the id of {first} already: ids are unique",
                    loaded.id()
                ))),
            });
            match own {
                Ok(Loaded::Rule(rule)) => set.rules.push(*rule),
                Ok(Loaded::Tune(tune)) => set.tunes.push(tune),
                Ok(Loaded::Resolver(resolver)) => set.resolvers.push(*resolver),
                Err(why) => set.broken.push(Broken::of(name, source, why)),
            }
        }
        set
    }

    /// Takes the ways to find tasks out, as strategies, which live as long as the process.
    pub fn take_strategies(&mut self) -> Vec<&'static StrategyEntry> {
        std::mem::take(&mut self.resolvers).into_iter().map(Resolver::entry).collect()
    }

    /// The file that cannot be used and that a name means: its own, or the id in it.
    #[must_use]
    pub fn broken_one(&self, name: &str) -> Option<&Broken> {
        let is_file = |file: &str| file == name || file.rsplit('/').next() == Some(name);
        self.broken.iter().find(|broken| broken.id.as_deref() == Some(name) || is_file(broken.file))
    }

    /// What is set of a built-in check.
    #[must_use]
    pub fn tune(&self, id: &str) -> Option<&Tune> {
        self.tunes.iter().find(|tune| tune.id == id)
    }

    /// The rule of an id.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id() == id)
    }
}

/// The ways to find tasks of a place, and what is wrong with files that would be one; nothing else is read there.
///
/// # Errors
/// When the place as a whole cannot be read.
pub fn resolvers(repo: &Repo, origin: &Origin) -> Result<RuleSet, Unanswered> {
    let mut files = Files::read(repo, origin)?.rules;
    files.retain(|(name, source)| {
        !is_misnamed(name) && source.as_ref().map_or(true, |source| is_resolver(source.text()))
    });
    Ok(RuleSet::of(&files, &[]))
}

/// Loads files on as many threads as there are processors: a rule costs a tenth of a millisecond. Each takes some as it
/// comes to them, so that none waits for another.
fn side_by_side(
    files: &[(String, Result<Source, Unanswered>)],
    built_in: &BTreeMap<&str, &CheckMeta>,
) -> Vec<Result<Loaded, Unanswered>> {
    const AT_ONCE: usize = 32;
    let bug = || invalid("a bug: the rule could not be read".to_owned());
    // What panics is one rule, and takes no other with it.
    let alone =
        |source: &_| catch_unwind(AssertUnwindSafe(|| one(source, built_in))).unwrap_or_else(|_| Err(bug()));
    let next = AtomicUsize::new(0);
    let load = || -> Vec<(usize, Result<Loaded, Unanswered>)> {
        let mut loaded = Vec::new();
        loop {
            let from = next.fetch_add(AT_ONCE, Ordering::Relaxed);
            let some = files.iter().enumerate().skip(from).take(AT_ONCE);
            loaded.extend(some.map(|(place, (_, source))| (place, alone(source))));
            if from >= files.len() {
                return loaded;
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8);
    let mut all: Vec<_> = files.iter().map(|_| Err(bug())).collect();
    std::thread::scope(|scope| {
        let start = |_| std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, load);
        let running: Vec<_> = (0..threads.min(files.len().div_ceil(AT_ONCE))).map(start).collect();
        for (place, loaded) in
            running.into_iter().flatten().flat_map(|thread| thread.join().unwrap_or_default())
        {
            all[place] = loaded;
        }
    });
    all
}

fn one(
    source: &Result<Source, Unanswered>,
    built_in: &BTreeMap<&str, &CheckMeta>,
) -> Result<Loaded, Unanswered> {
    let source = source.as_ref().map_err(Clone::clone)?;
    if is_resolver(source.text()) {
        let read = resolver::read(source).map(|resolver| Loaded::Resolver(Box::new(resolver)));
        return read.map_err(|error| unusable(&error));
    }
    let loaded = yaml::read_without::<WrittenRule>(source, "tests").and_then(|written| {
        if written.check.is_none() && written.message.is_none() {
            return tune(source, &written, built_in).map(Loaded::Tune);
        }
        if let Some(id) = built_in.get(written.id.value.as_str()) {
            let help = "take another id; to set it otherwise, leave out everything but `id`, `severity` and `params`";
            let message = format!("`{}` is a built-in check", id.id);
            return Err(RuleError::new(source, written.id.span.clone(), message, Some(help.to_owned())));
        }
        Rule::of(source, &written).map(|rule| Loaded::Rule(Box::new(rule)))
    });
    loaded.map_err(|error| unusable(&error))
}

/// Whether a file defines a way to find tasks, and no check.
pub(super) fn is_resolver(text: &str) -> bool {
    text.lines()
        .any(|line| line.strip_prefix("kind:").is_some_and(|kind| kind.trim().starts_with("resolver")))
}

/// A file that sets a built-in check otherwise.
fn tune(
    source: &Source,
    written: &WrittenRule,
    built_in: &BTreeMap<&str, &CheckMeta>,
) -> Result<Tune, RuleError> {
    let id = rule::id(source, written)?;
    let Some(meta) = built_in.get(id) else {
        let near = super::nearest(id, built_in.keys().copied());
        let help = match near {
            Some(near) => format!(
                "did you mean the built-in check `{near}`? A rule of your own needs `check:` and `message:`"
            ),
            None => {
                "a rule needs `check:` and `message:`; without them a file sets a built-in check otherwise"
                    .to_owned()
            }
        };
        let message = format!("there is no built-in check `{id}`, and the rule has no `check`");
        return Err(RuleError::new(source, written.id.span.clone(), message, Some(help)));
    };
    tune::read(source, meta)
}

/// An error in a rule as the reason why it could not be asked.
#[must_use]
pub fn unusable(error: &RuleError) -> Unanswered {
    Unanswered {
        help: error.help().map(str::to_owned),
        excerpts: Excerpt::of_error(error).into_iter().collect(),
        ..invalid(error.to_string())
    }
}

//! What is registered in this binary, proven complete.
//!
//! `inventory` collects, and is not trusted: a crate that no source file names registers nothing, silently, and an
//! empty registry would say "cleared". So the plug-in crates export facts (`rules::REQUIRED`, `strategies::ORDER`)
//! that the caller must name, and everything registered is compared with them.

use std::collections::BTreeMap;

use crate::check::Check;
use crate::strategy::ResolverStrategy;

/// A check as `register_check!` submits it.
pub struct CheckEntry {
    /// The check's id.
    pub id: &'static str,
    /// The check.
    pub check: &'static dyn Check,
    /// Where it was registered.
    pub origin: Origin,
}

/// A strategy as `register_strategy!` submits it.
pub struct StrategyEntry {
    /// The strategy's id.
    pub id: &'static str,
    /// The strategy.
    pub strategy: &'static dyn ResolverStrategy,
    /// Where it was registered.
    pub origin: Origin,
}

/// Who wrote a check or a strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum OriginKind {
    /// This project: it is in every build.
    #[serde(rename = "built-in")]
    BuiltIn,
    /// A team: it is in a file of its repository.
    #[serde(rename = "rules.d")]
    RulesD,
}

/// Where something is registered: a source line of this project, or a line of a team's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Who wrote it.
    pub kind: OriginKind,
    /// Path inside the workspace, or inside the team's repository.
    pub file: &'static str,
    /// 1-based line.
    pub line: u32,
}

impl Origin {
    /// A line of this project.
    #[must_use]
    pub const fn built_in(file: &'static str, line: u32) -> Self {
        Self { kind: OriginKind::BuiltIn, file, line }
    }

    /// A line of a team's file.
    #[must_use]
    pub const fn rules_d(file: &'static str, line: u32) -> Self {
        Self { kind: OriginKind::RulesD, file, line }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Ids that a plug-in crate promises to register, and where it says so. Made by [`listed!`](crate::listed).
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// The ids; of strategies, in the order of the stack.
    pub ids: &'static [&'static str],
    /// Where the list is.
    pub origin: Origin,
}

/// A list of ids that knows where it stands: `listed!["checkbox", "pipe-table"]`.
#[macro_export]
macro_rules! listed {
    ($($id:literal),+ $(,)?) => {
        $crate::registry::Listed {
            ids: &[$($id),+],
            origin: $crate::registry::Origin::built_in(file!(), line!()),
        }
    };
}

inventory::collect!(CheckEntry);
inventory::collect!(StrategyEntry);

/// A registry that is not what this binary was built to have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("the {kind} `{id}` {fault}")]
#[diagnostic(
    code(registry_incomplete),
    help("this build of clearance is faulty: it would give wrong answers, so it gives none")
)]
pub struct RegistryError {
    /// `check` or `strategy`.
    pub kind: &'static str,
    /// The id.
    pub id: String,
    /// What is wrong, with file and line.
    pub fault: String,
}

/// A team's file uses an id that something else has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("{at}: the id `{id}` is taken by {by}")]
#[diagnostic(
    code(rule_id_taken),
    help("give the rule another id; `clearance rules list` shows those that are taken")
)]
pub struct IdTaken {
    /// The id.
    pub id: &'static str,
    /// The team's file.
    pub at: Origin,
    /// Who has it.
    pub by: Origin,
}

/// The checks, by id, and the strategies, in the order of the stack.
#[derive(Clone)]
pub struct Registry {
    checks: Vec<&'static CheckEntry>,
    strategies: Vec<&'static StrategyEntry>,
}

impl Registry {
    /// What is linked into this binary, compared with the facts of the plug-in crates.
    ///
    /// # Errors
    /// [`RegistryError`]: something missing, doubled or unplaced.
    pub fn linked(required_checks: Listed, strategy_order: Listed) -> Result<Self, RegistryError> {
        let checks = inventory::iter::<CheckEntry>.into_iter();
        let strategies = inventory::iter::<StrategyEntry>.into_iter();
        Self::build(checks, strategies, required_checks, strategy_order)
    }

    /// The same for any set of registrations.
    ///
    /// # Errors
    /// As [`Registry::linked`].
    pub fn build(
        checks: impl Iterator<Item = &'static CheckEntry>,
        strategies: impl Iterator<Item = &'static StrategyEntry>,
        required_checks: Listed,
        strategy_order: Listed,
    ) -> Result<Self, RegistryError> {
        let mut checks = unique("check", checks.map(|entry| (entry.id, entry.origin, entry)))?;
        for entry in checks.values() {
            same_id("check", entry.id, entry.check.meta().id, entry.origin)?;
        }
        each_once("check", required_checks)?;
        let mut in_order = Vec::with_capacity(checks.len());
        for id in required_checks.ids {
            in_order.push(checks.remove(id).ok_or_else(|| missing("check", id, required_checks.origin))?);
        }
        in_order.extend(checks.into_values());
        each_once("strategy", strategy_order)?;
        let mut strategies = unique("strategy", strategies.map(|entry| (entry.id, entry.origin, entry)))?;
        let mut ordered: Vec<&StrategyEntry> = Vec::with_capacity(strategy_order.ids.len());
        for id in strategy_order.ids {
            let entry =
                strategies.remove(id).ok_or_else(|| missing("strategy", id, strategy_order.origin))?;
            same_id("strategy", entry.id, entry.strategy.meta().id, entry.origin)?;
            ordered.push(entry);
        }
        if let Some(entry) = strategies.values().next() {
            let at = format!(
                "is registered at {} but has no place in the order at {}",
                entry.origin, strategy_order.origin
            );
            return Err(fault("strategy", entry.id, at));
        }
        Ok(Self { checks: in_order, strategies: ordered })
    }

    /// The same with the strategies of a team in the stack, in this order: behind every built-in one that tracks or that
    /// the contract of `mark-status` names, and before those that only name a task (a roster, a reference row). Those would
    /// otherwise write a second row for a task that has one.
    ///
    /// # Errors
    /// [`IdTaken`]: ids are unique among all checks and strategies.
    pub fn with_strategies(
        mut self,
        more: impl IntoIterator<Item = &'static StrategyEntry>,
    ) -> Result<Self, IdTaken> {
        let comes_before = |entry: &&StrategyEntry| {
            let meta = entry.strategy.meta();
            meta.tracks || meta.format.is_some()
        };
        let behind = self.strategies.iter().rposition(comes_before).map_or(0, |last| last + 1);
        for (at, entry) in (behind..).zip(more) {
            debug_assert_eq!(entry.id, entry.strategy.meta().id);
            if let Some(by) = self.origin_of(entry.id) {
                return Err(IdTaken { id: entry.id, at: entry.origin, by });
            }
            self.strategies.insert(at, entry);
        }
        Ok(self)
    }

    /// Where the check or the strategy with this id is registered.
    fn origin_of(&self, id: &str) -> Option<Origin> {
        let checks = self.checks.iter().map(|entry| (entry.id, entry.origin));
        let strategies = self.strategies.iter().map(|entry| (entry.id, entry.origin));
        checks.chain(strategies).find(|(known, _)| *known == id).map(|(_, origin)| origin)
    }

    /// The checks: the required ones in the order of their list, then the others by id.
    #[must_use]
    pub fn checks(&self) -> &[&'static CheckEntry] {
        &self.checks
    }

    /// The strategies, in the order of the stack.
    #[must_use]
    pub fn strategies(&self) -> &[&'static StrategyEntry] {
        &self.strategies
    }
}

fn unique<T>(
    kind: &'static str,
    entries: impl Iterator<Item = (&'static str, Origin, T)>,
) -> Result<BTreeMap<&'static str, T>, RegistryError> {
    let mut found: BTreeMap<&'static str, (Origin, T)> = BTreeMap::new();
    for (id, origin, entry) in entries {
        if let Some((first, _)) = found.get(id) {
            // The order of registrations is the linker's; the message must not depend on it.
            let mut places = [first.to_string(), origin.to_string()];
            places.sort();
            return Err(fault(
                kind,
                id,
                format!("is registered twice: at {} and at {}", places[0], places[1]),
            ));
        }
        found.insert(id, (origin, entry));
    }
    Ok(found.into_iter().map(|(id, (_, entry))| (id, entry)).collect())
}

fn same_id(kind: &'static str, id: &str, own: &str, origin: Origin) -> Result<(), RegistryError> {
    let differs = || fault(kind, id, format!("is registered at {origin} but calls itself `{own}`"));
    if id == own { Ok(()) } else { Err(differs()) }
}

fn each_once(kind: &'static str, listed: Listed) -> Result<(), RegistryError> {
    let twice = listed.ids.iter().enumerate().find(|(nth, id)| listed.ids[..*nth].contains(id));
    twice.map_or(Ok(()), |(_, id)| Err(fault(kind, id, format!("is listed twice at {}", listed.origin))))
}

fn missing(kind: &'static str, id: &str, listed: Origin) -> RegistryError {
    let why = "but not registered; is its crate linked, and its module declared?";
    fault(kind, id, format!("is listed at {listed} {why}"))
}

fn fault(kind: &'static str, id: &str, fault: String) -> RegistryError {
    RegistryError { kind, id: id.to_owned(), fault }
}

/// Registers a check: `register_check!("mission-manifests", MissionManifests);`. The id is checked at compile time
/// (kebab-case), and a second check of the same id does not link.
#[macro_export]
macro_rules! register_check {
    ($id:literal, $check:expr) => {
        $crate::register!(CheckEntry, check, $id, $check);
    };
}

/// Registers a strategy: `register_strategy!("checkbox", Checkbox);`. As [`register_check!`].
#[macro_export]
macro_rules! register_strategy {
    ($id:literal, $strategy:expr) => {
        $crate::register!(StrategyEntry, strategy, $id, $strategy);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! register {
    ($entry:ident, $field:ident, $id:literal, $value:expr) => {
        const _: () = {
            assert!($crate::registry::is_kebab_case($id), "the id is not kebab-case");
            // One linker symbol an id: a doubled id is a build error where the linker can tell.
            #[used]
            #[unsafe(export_name = concat!("clearance/", stringify!($field), "/", $id))]
            static UNIQUE: u8 = 0;
        };
        $crate::inventory::submit! {
            $crate::registry::$entry {
                id: $id,
                $field: &$value,
                origin: $crate::registry::Origin::built_in(file!(), line!()),
            }
        }
    };
}

/// Declares the modules of a plug-in folder and lists them as `MODULES`, so that a test can compare the list with
/// the folder and with what registered.
#[macro_export]
macro_rules! plugin_modules {
    ($($(#[$attribute:meta])* $module:ident),+ $(,)?) => {
        $($(#[$attribute])* pub mod $module;)+
        /// The modules of this folder, each one plug-in.
        pub const MODULES: &[&str] = &[$(stringify!($module)),+];
    };
}

/// Whether an id is words of lower-case letters and digits, joined by single hyphens.
#[must_use]
pub const fn is_kebab_case(id: &str) -> bool {
    let bytes = id.as_bytes();
    let mut at = 0;
    let mut after_hyphen = true;
    while at < bytes.len() {
        let hyphen = bytes[at] == b'-';
        let plain = bytes[at].is_ascii_lowercase() || bytes[at].is_ascii_digit();
        if !(hyphen || plain) || (hyphen && after_hyphen) {
            return false;
        }
        after_hyphen = hyphen;
        at += 1;
    }
    !after_hyphen
}

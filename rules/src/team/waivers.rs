//! `waivers.yaml`: items that a team excepts from a check, each with a reason and an end.

use clearance_engine::check::{CheckMeta, Guards, Needs, Stage};
use clearance_engine::finding::{Excerpt, Fault, Location, Waived};
use clearance_engine::policy::{Idle, Waiver};
use clearance_engine::severity::Severity;
use clearance_engine::source::Source;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;

use super::yaml::{At, RuleError};

/// The schema of the file.
pub const SCHEMA: &str = "clearance.waivers/v1";

/// The facts of what is found in the file.
pub const META: CheckMeta = CheckMeta {
    id: "waivers",
    summary: "every exception in rules.d/waivers.yaml still excepts something, and has an end",
    codes: &["waiver_expired", "waiver_refused", "waiver_unused", "waiver_weak"],
    stages: &[Stage::MarkStatus, Stage::Commit, Stage::Merge],
    needs: Needs::Repository,
    guards: Guards::Step,
    params: &[],
};

/// Farther ahead, an end is none.
const DAYS_AHEAD: i32 = 90;
/// Shorter, a reason is none.
const SHORTEST_REASON: usize = 10;

/// The file as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenWaivers {
    /// `clearance.waivers/v1`
    pub schema: At<String>,
    /// The exceptions.
    #[serde(default)]
    pub waivers: Vec<At<WrittenWaiver>>,
}

/// An exception as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenWaiver {
    /// The rule or check.
    pub rule: At<String>,
    /// The item, whole: there are no patterns.
    pub item: At<String>,
    /// Why.
    pub reason: At<String>,
    /// The last day, `2026-12-15`.
    pub expires: At<String>,
    /// Who says so.
    #[serde(default)]
    pub by: Option<At<String>>,
}

/// The exceptions of a file.
#[derive(Debug, Default)]
pub struct Waivers {
    /// Those that count.
    pub active: Vec<Waiver>,
    /// Where each of those stands.
    places: Vec<Place>,
    /// What is wrong with those that do not, or is odd with those that do.
    pub faults: Vec<Fault>,
}

#[derive(Debug, Clone)]
struct Place {
    location: Location,
    excerpt: Excerpt,
}

impl Waivers {
    /// Checks what is written.
    ///
    /// # Errors
    /// [`RuleError`] at the place.
    pub fn of(source: &Source, written: &WrittenWaivers, today: Date) -> Result<Self, RuleError> {
        let error = |at: &At<String>, message: String, help: Option<&str>| {
            RuleError::new(source, at.span.clone(), message, help.map(str::to_owned))
        };
        if written.schema.value != SCHEMA {
            let message = format!("the schema `{}` is not known here", written.schema.value);
            return Err(error(&written.schema, message, Some("write `schema: clearance.waivers/v1`")));
        }
        let mut out = Self::default();
        for At { value: waiver, span } in &written.waivers {
            for (name, value) in [("rule", &waiver.rule), ("item", &waiver.item), ("reason", &waiver.reason)]
            {
                if value.value.trim().is_empty() {
                    return Err(error(value, format!("a waiver needs its `{name}`"), None));
                }
            }
            let expires: Date = waiver.expires.value.trim().parse().map_err(|_| {
                let message = format!("`{}` is no day", waiver.expires.value);
                error(&waiver.expires, message, Some("the last day on which it counts: 2026-12-15"))
            })?;
            let line = source.line_of(span.start);
            let text = source.text().lines().nth(line - 1).unwrap_or_default();
            let place = Place {
                location: Location { name: source.name().to_owned(), line: Some(line) },
                excerpt: Excerpt::new(source.name(), line, text, "here"),
            };
            out.add(waiver, expires, today, place);
        }
        Ok(out)
    }

    fn add(&mut self, written: &WrittenWaiver, expires: Date, today: Date, place: Place) {
        let (rule, item) = (&written.rule.value, &written.item.value);
        if expires < today {
            let message = format!("the waiver of {rule} for {item} ended on {expires}, and excepts nothing");
            let help = "mend what it excepted and remove it, or agree on a new end";
            self.faults.push(fault("waiver_expired", item, message, &place, help));
            return;
        }
        let ahead = today.until(expires).map_or(i32::MAX, |span| span.get_days());
        let reason = written.reason.value.trim();
        if ahead > DAYS_AHEAD || reason.chars().count() < SHORTEST_REASON {
            let message = format!(
                "the waiver of {rule} for {item} says little: a reason has {SHORTEST_REASON} letters or more, and an end is at most {DAYS_AHEAD} days ahead"
            );
            let help = "write why it is excepted, and when that is looked at again";
            self.faults.push(fault("waiver_weak", item, message, &place, help));
        }
        self.active.push(Waiver {
            check: rule.clone(),
            item: item.clone(),
            terms: Waived {
                reason: reason.to_owned(),
                expires: expires.to_string(),
                by: written.by.as_ref().map(|by| by.value.clone()),
            },
        });
        self.places.push(place);
    }

    /// The faults of those that did nothing.
    pub fn idle(&self, idle: &[(usize, Idle)]) -> Vec<Fault> {
        let of_one = |(nth, why): &(usize, Idle)| {
            let (waiver, place) = (&self.active[*nth], &self.places[*nth]);
            let (rule, item) = (&waiver.check, &waiver.item);
            match why {
                Idle::Unused => {
                    let message = format!(
                        "the waiver of {rule} for {item} excepts nothing: {rule} finds no such fault"
                    );
                    fault("waiver_unused", item, message, place, "remove it")
                }
                Idle::Refused => {
                    let message = format!("{rule} cannot be waived: the waiver for {item} does not count");
                    fault("waiver_refused", item, message, place, "remove it, and mend what it was to except")
                }
            }
        };
        idle.iter().map(of_one).collect()
    }

    /// The faults of those whose rule there is none of.
    pub fn of_nothing(&self, is_known: impl Fn(&str) -> bool) -> Vec<Fault> {
        let both = self.active.iter().zip(&self.places).filter(|(waiver, _)| !is_known(&waiver.check));
        both.map(|(waiver, place)| {
            let message = format!(
                "there is no rule or check {}: the waiver for {} excepts nothing",
                waiver.check, waiver.item
            );
            fault("waiver_unused", &waiver.item, message, place, "correct the name, or remove it")
        })
        .collect()
    }
}

fn fault(code: &'static str, item: &str, message: String, place: &Place, remediation: &str) -> Fault {
    Fault {
        code,
        severity: Severity::Warning,
        item: item.to_owned(),
        message,
        location: place.location.clone(),
        excerpts: vec![place.excerpt.clone()],
        remediation: Some(remediation.to_owned()),
    }
}

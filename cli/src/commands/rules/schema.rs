//! `clearance rules schema`: JSON Schemas for editors.

use clearance_engine::registry::Registry;
use clearance_rules::team::schema;

use crate::args::Global;
use crate::args::rules::{RulesSchemaArgs, SchemaOf};
use crate::commands::{Answer, gate};
use crate::failure::Failure;
use crate::output::reports;

pub(super) fn run(args: &RulesSchemaArgs, global: &Global, registry: &Registry) -> Result<Answer, Failure> {
    let value = match args.of {
        SchemaOf::Rule => schema::rule(&gate::built_in(registry)),
        SchemaOf::Waivers => schema::waivers(),
        SchemaOf::TrustLock => schema::trust_lock(),
    };
    // For a file that people look at.
    let pretty =
        serde_json::to_string_pretty(&value).unwrap_or_else(|error| unreachable!("it is JSON: {error}"));
    let stdout = format!("{pretty}\n");
    Ok(Answer { reports: reports::files(&global.report, &value, None), ..Answer::text(stdout) })
}

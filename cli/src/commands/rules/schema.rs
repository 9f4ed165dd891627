//! `clearance rules schema`: JSON Schemas for editors.

use clearance_rules::team::schema;

use crate::args::{Global, RulesSchemaArgs, SchemaOf};
use crate::commands::Answer;
use crate::failure::Failure;
use crate::output::reports;

pub(super) fn run(args: &RulesSchemaArgs, global: &Global) -> Result<Answer, Failure> {
    let value = match args.of {
        SchemaOf::Rule => schema::rule(),
        SchemaOf::Waivers => schema::waivers(),
        SchemaOf::TrustLock => schema::trust_lock(),
    };
    let stdout = format!("{}\n", reports::shown(&value));
    Ok(Answer { reports: reports::files(global, &value), ..Answer::text(stdout) })
}

//! Nobody is told of anything in a build without sync.

use super::Recorded;
use crate::env::Env;

/// What is to be delivered: nothing.
#[derive(Debug, Default)]
pub(crate) struct Last;

impl Last {
    #[expect(clippy::needless_pass_by_value, reason = "as where it is used")]
    pub(crate) fn add(&mut self, _recorded: Recorded, _env: &Env) {}

    pub(crate) fn deliver(self) -> Option<String> {
        None
    }
}

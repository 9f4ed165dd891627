//! The strategies that resolve task IDs, and the order in which they are asked.

use clearance_engine::listed;
use clearance_engine::registry::Listed;

pub mod resolvers;

/// The stack: the first strategy that knows an ID answers. `inventory` gives no order, so it is written here; a
/// strategy that registers without a place in this array stops the program at start-up.
///
/// The first four are the contract's order. What only names a task (a roster, a reference row) comes after what
/// tracks one.
pub const ORDER: Listed =
    listed!["checkbox", "pipe-table", "inline-subtasks", "wp-delegation", "authored-roster", "reference-row"];

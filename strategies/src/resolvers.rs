//! One file a strategy. `common` has what several of them need.

mod common;

clearance_engine::plugin_modules!(
    authored_roster,
    checkbox,
    inline_subtasks,
    pipe_table,
    reference_row,
    wp_delegation,
);

#[cfg(test)]
mod testing;

//! The product seen from outside: the binary, run as its users run it, on real repositories.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on fails")]

#[path = "product/landed.rs"]
mod landed;
#[path = "product/ready.rs"]
mod ready;
#[path = "product/support.rs"]
mod support;

#[path = "product/agreement.rs"]
mod agreement;
#[path = "product/any_input.rs"]
mod any_input;
#[path = "product/any_text.rs"]
mod any_text;
#[path = "product/bad_logs.rs"]
mod bad_logs;
#[path = "product/bad_questions.rs"]
mod bad_questions;
#[path = "product/baseline.rs"]
mod baseline;
#[path = "product/blockers.rs"]
mod blockers;
#[path = "product/board.rs"]
mod board;
#[path = "product/brought_in.rs"]
mod brought_in;
#[cfg(unix)]
#[path = "product/ci_templates.rs"]
mod ci_templates;
#[path = "product/commit.rs"]
mod commit;
#[path = "product/commit_message.rs"]
mod commit_message;
#[path = "product/concurrency.rs"]
mod concurrency;
#[path = "product/coordination.rs"]
mod coordination;
#[path = "product/corpus.rs"]
mod corpus;
#[path = "product/demo.rs"]
mod demo;
#[path = "product/docs.rs"]
mod docs;
#[cfg(unix)]
#[path = "product/docs_claims.rs"]
mod docs_claims;
#[path = "product/docs_links.rs"]
mod docs_links;
#[path = "product/docs_pages.rs"]
mod docs_pages;
#[cfg(unix)]
#[path = "product/docs_places.rs"]
mod docs_places;
#[cfg(unix)]
#[path = "product/docs_run.rs"]
mod docs_run;
#[cfg(unix)]
#[path = "product/docs_script.rs"]
mod docs_script;
#[cfg(unix)]
#[path = "product/docs_situations.rs"]
mod docs_situations;
#[cfg(unix)]
#[path = "product/docs_situations_list.rs"]
mod docs_situations_list;
#[cfg(unix)]
#[path = "product/docs_ways_out.rs"]
mod docs_ways_out;
#[path = "product/docs_words.rs"]
mod docs_words;
#[cfg(unix)]
#[path = "product/drift.rs"]
mod drift;
#[cfg(unix)]
#[path = "product/drift_support.rs"]
mod drift_support;
#[path = "product/editor_schemas.rs"]
mod editor_schemas;
#[path = "product/errors.rs"]
mod errors;
#[path = "product/events.rs"]
mod events;
#[path = "product/explain.rs"]
mod explain;
#[path = "product/fidelity.rs"]
mod fidelity;
#[path = "product/forecast.rs"]
mod forecast;
#[cfg(unix)]
#[path = "product/hook_managers.rs"]
mod hook_managers;
#[cfg(unix)]
#[path = "product/hooks.rs"]
mod hooks;
#[cfg(unix)]
#[path = "product/hooks_asked.rs"]
mod hooks_asked;
#[cfg(unix)]
#[path = "product/hooks_support.rs"]
mod hooks_support;
#[path = "product/interrupts.rs"]
mod interrupts;
#[path = "product/json.rs"]
mod json;
#[cfg(target_os = "linux")]
#[path = "product/kills.rs"]
mod kills;
#[path = "product/landing.rs"]
mod landing;
#[path = "product/landing_clean_up.rs"]
mod landing_clean_up;
#[cfg(unix)]
#[path = "product/landing_hardened.rs"]
mod landing_hardened;
#[path = "product/landing_hooks.rs"]
mod landing_hooks;
#[path = "product/landing_leftovers.rs"]
mod landing_leftovers;
#[path = "product/landing_places.rs"]
mod landing_places;
#[path = "product/landing_plan.rs"]
mod landing_plan;
#[path = "product/landing_state.rs"]
mod landing_state;
#[path = "product/landings_at_once.rs"]
mod landings_at_once;
#[path = "product/lanes.rs"]
mod lanes;
#[path = "product/manual.rs"]
mod manual;
#[cfg(feature = "mcp")]
#[path = "product/mcp.rs"]
mod mcp;
#[cfg(feature = "mcp")]
#[path = "product/mcp_client.rs"]
mod mcp_client;
#[cfg(feature = "mcp")]
#[path = "product/mcp_support.rs"]
mod mcp_support;
#[cfg(feature = "mcp")]
#[path = "product/mcp_tools.rs"]
mod mcp_tools;
#[cfg(feature = "mcp")]
#[path = "product/mcp_trust.rs"]
mod mcp_trust;
#[path = "product/missions.rs"]
mod missions;
#[cfg(unix)]
#[path = "product/nested_env.rs"]
mod nested_env;
#[cfg(unix)]
#[path = "product/nested_env_leftovers.rs"]
mod nested_env_leftovers;
#[cfg(unix)]
#[path = "product/nested_env_places.rs"]
mod nested_env_places;
#[cfg(unix)]
#[path = "product/nested_env_pythons.rs"]
mod nested_env_pythons;
#[cfg(unix)]
#[path = "product/nested_env_support.rs"]
mod nested_env_support;
#[cfg(unix)]
#[path = "product/nested_env_tools.rs"]
mod nested_env_tools;
#[path = "product/no_entry.rs"]
mod no_entry;
#[path = "product/pasted.rs"]
mod pasted;
#[path = "product/places.rs"]
mod places;
#[path = "product/plain_words.rs"]
mod plain_words;
#[path = "product/preflight.rs"]
mod preflight;
#[cfg(target_os = "linux")]
#[path = "product/progress.rs"]
mod progress;
#[path = "product/properties.rs"]
mod properties;
#[path = "product/push.rs"]
mod push;
#[path = "product/push_pending.rs"]
mod push_pending;
#[path = "product/push_race.rs"]
mod push_race;
#[path = "product/push_support.rs"]
mod push_support;
#[path = "product/ready_each.rs"]
mod ready_each;
#[path = "product/registry.rs"]
mod registry;
#[path = "product/remotes.rs"]
mod remotes;
#[path = "product/report_files.rs"]
mod report_files;
#[path = "product/reports.rs"]
mod reports;
#[path = "product/reports_junit.rs"]
mod reports_junit;
#[path = "product/rows.rs"]
mod rows;
#[path = "product/rules_author.rs"]
mod rules_author;
#[cfg(unix)]
#[path = "product/rules_drift.rs"]
mod rules_drift;
#[path = "product/rules_errors.rs"]
mod rules_errors;
#[path = "product/rules_format.rs"]
mod rules_format;
#[path = "product/rules_http.rs"]
mod rules_http;
#[path = "product/rules_judges.rs"]
mod rules_judges;
#[path = "product/rules_limits.rs"]
mod rules_limits;
#[path = "product/rules_params.rs"]
mod rules_params;
#[path = "product/rules_programs.rs"]
mod rules_programs;
#[path = "product/rules_resolver.rs"]
mod rules_resolver;
#[path = "product/rules_support.rs"]
mod rules_support;
#[path = "product/rules_trace.rs"]
mod rules_trace;
#[path = "product/rules_trust.rs"]
mod rules_trust;
#[path = "product/rules_waivers.rs"]
mod rules_waivers;
#[path = "product/rules_whose.rs"]
mod rules_whose;
#[path = "product/second_look.rs"]
mod second_look;
#[cfg(feature = "sync")]
#[path = "product/sync_classify.rs"]
mod sync_classify;
#[cfg(feature = "sync")]
#[path = "product/sync_failures.rs"]
mod sync_failures;
#[cfg(feature = "sync")]
#[path = "product/sync_formats.rs"]
mod sync_formats;
#[cfg(all(feature = "sync", unix))]
#[path = "product/sync_locks.rs"]
mod sync_locks;
#[cfg(feature = "sync")]
#[path = "product/sync_outbox.rs"]
mod sync_outbox;
#[cfg(feature = "sync")]
#[path = "product/sync_settings.rs"]
mod sync_settings;
#[cfg(feature = "sync")]
#[path = "product/sync_support.rs"]
mod sync_support;
#[cfg(feature = "sync")]
#[path = "product/sync_websocket.rs"]
mod sync_websocket;
#[path = "product/team_resolvers.rs"]
mod team_resolvers;
#[path = "product/vectors.rs"]
mod vectors;
#[cfg(unix)]
#[path = "product/watch.rs"]
mod watch;
#[path = "product/ways_out.rs"]
mod ways_out;
#[path = "product/workspace.rs"]
mod workspace;
#[path = "product/writing.rs"]
mod writing;

//! One file a check.

clearance_engine::plugin_modules!(mission_manifests);

//! Arguments of `clearance mcp`.

use clap::Args;

/// Serve agents, over the Model Context Protocol on standard input and output.
#[derive(Debug, Clone, Copy, Args)]
#[command(after_help = CONFIGURATION)]
pub(crate) struct McpArgs {}

const CONFIGURATION: &str = "\
For a client that is configured by JSON:
  {\"mcpServers\": {\"clearance\": {\"command\": \"clearance\", \"args\": [\"mcp\", \"--repo\", \"DIR\"]}}}
Its tools are commands, with the same rules and the same trust; docs/mcp.md tells them all.";

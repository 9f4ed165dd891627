//! `clearance mcp`: the commands as tools of the Model Context Protocol, on standard input and output, until its input ends.

mod call;
mod lines;
mod questions;
mod server;
mod tools;

use std::path::PathBuf;

use rmcp::service::{ServerInitializeError, serve_server};

use super::Answer;
use crate::args::Global;
use crate::args::mcp::McpArgs;
use crate::env::Env;
use crate::failure::Failure;
use crate::output;
use lines::Lines;
use server::Server;

pub(crate) fn run(_: McpArgs, global: &Global, env: &Env) -> Result<Answer, Failure> {
    if global.json || !global.report.is_empty() {
        let help = "leave out --json and --report: standard output belongs to the protocol, and its tools answer in JSON";
        return Err(Failure::usage("usage", "a server is no report", help));
    }
    if env.asks {
        output::last_words(
            "serving the Model Context Protocol: a client is to talk here, see docs/mcp.md; Ctrl-D ends it",
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        // What teams write nests within limits that are meant for people, as in a command of its own.
        .thread_stack_size(clearance_engine::run::STACK)
        .build()
        .map_err(|error| failed(&format!("no runtime: {error}")))?;
    let served = runtime.block_on(serve(Server::of(repository(global, env)?)));
    // A read of the terminal cannot be taken back; nothing else is under way any more.
    runtime.shutdown_background();
    served.map(|()| Answer::text(String::new()))
}

/// Where the commands look, for as long as the server lives.
fn repository(global: &Global, env: &Env) -> Result<PathBuf, Failure> {
    match &global.repo {
        Some(directory) if directory.is_absolute() => Ok(directory.clone()),
        Some(directory) => Ok(env.directory()?.join(directory)),
        None => Ok(env.directory()?.to_owned()),
    }
}

async fn serve(server: Server) -> Result<(), Failure> {
    let turns = server.turns();
    match serve_server(server, Lines::new()).await {
        Ok(running) => {
            let ended = running.waiting().await;
            // What is being written is written to its end, whether or not anybody waits for it.
            turns.over().await;
            ended.map(|_| ()).map_err(|error| failed(&error.to_string()))
        }
        // It ended before it began.
        Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        Err(ServerInitializeError::ExpectedInitializeRequest(_)) => {
            let help = "start it from a client of the Model Context Protocol; docs/mcp.md says how";
            Err(Failure::usage("not_mcp", "what came first was no request to initialize", help))
        }
        Err(error) => Err(failed(&error.to_string())),
    }
}

fn failed(why: &str) -> Failure {
    Failure::undecided("mcp_failed", format!("the server ended: {why}"))
}

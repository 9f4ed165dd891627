//! What the server says of itself, and who may run when.

use std::path::PathBuf;
use std::sync::Arc;

use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CustomRequest, CustomResult, ErrorCode, ErrorData,
    Implementation, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{call, tools};
use crate::failure::Failure;

/// Calls that run side by side. Each uses all processors where it can.
const AT_ONCE: u32 = 4;
/// Calls that may be under way or wait.
const MOST: usize = 32;

const INSTRUCTIONS: &str = "\
Clearance tells whether this repository is cleared for a step that cannot be taken back, and what must be done if it is not. \
Call `check` before a commit or a merge; each finding has a command that ends it, and a code that `explain` tells of. \
Mark tasks with `mark_status` and move work packages with `move`, only when the work is really done. \
Every answer has `exit_code`: 0 cleared or done, 1 blocked, 2 a wrong question, 3 could not decide, 4 nothing was evaluated. \
Only 0 means that you may go on. Merging, and trusting rules, is done by people at a terminal.";

/// Who may run: some now, a few later, and nobody else.
#[derive(Clone)]
pub(super) struct Turns {
    running: Arc<Semaphore>,
    room: Arc<Semaphore>,
}

impl Turns {
    fn new() -> Self {
        Self { running: Arc::new(Semaphore::new(AT_ONCE as usize)), room: Arc::new(Semaphore::new(MOST)) }
    }

    /// Returns when nobody runs any more.
    pub(super) async fn over(&self) {
        let _ = self.running.acquire_many(AT_ONCE).await;
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Failure> {
        Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            let message = format!("{MOST} calls are under way or wait already");
            Failure::undecided_until(
                "busy",
                message,
                "nothing was done; ask again when some are answered".to_owned(),
            )
        })
    }
}

/// The tools, for one repository.
pub(super) struct Server {
    repo: PathBuf,
    turns: Turns,
}

impl Server {
    pub(super) fn of(repo: PathBuf) -> Self {
        Self { repo, turns: Turns::new() }
    }

    pub(super) fn turns(&self) -> Turns {
        self.turns.clone()
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let about = Implementation::new("clearance", env!("CARGO_PKG_VERSION")).with_title("Clearance");
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(about)
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::TOOLS.iter().map(tools::Definition::tool).collect()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::named(name).map(tools::Definition::tool)
    }

    /// What the library does not know, and a call that is not of the form that it knows.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        if request.method == "tools/call" {
            let message = "params must be an object with `name`, a text, and `arguments`, an object";
            return Err(ErrorData::invalid_params(message, None));
        }
        let message = format!("there is no method {}", request.method);
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, message, None))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = tools::named(&request.name) else {
            let names: Vec<_> = tools::TOOLS.iter().map(|tool| tool.told.name).collect();
            let message = format!("no tool has this name; there are {}", names.join(", "));
            return Err(ErrorData::invalid_params(message, None));
        };
        let asked = (tool.words)(request.arguments.unwrap_or_default())
            .and_then(|words| self.turns.place().map(|place| (words, place)));
        let (words, _place) = match asked {
            Ok(asked) => asked,
            Err(failure) => return Ok(call::refused(&failure).into()),
        };
        let turn = tokio::select! {
            biased;
            // Nobody waits for it any more, and it has not begun.
            () = context.ct.cancelled() => None,
            turn = Arc::clone(&self.turns.running).acquire_owned() => turn.ok(),
        };
        let Some(turn) = turn else {
            return Err(ErrorData::internal_error("cancelled; nothing was done", None));
        };
        let repo = self.repo.clone();
        // What has begun goes on to its end, also when the call is cancelled: no change is half made.
        let made = tokio::task::spawn_blocking(move || {
            let result = call::made(&repo, words);
            #[cfg(unix)]
            clearance_engine::process::end_if_interrupted();
            drop(turn);
            result
        });
        let result = made
            .await
            .unwrap_or_else(|error| call::refused(&Failure::bug(&format!("a call was lost: {error}"))));
        Ok(result.into())
    }
}

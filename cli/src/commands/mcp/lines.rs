//! Messages on standard input and output, a line each. What is no message is answered too, by the id that it has: the
//! library's own transport leaves that out, and a client would wait for ever.

use std::io;
use std::sync::Arc;

use rmcp::model::{ErrorData, RequestId};
use rmcp::service::{RoleServer, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Stdin, Stdout};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// Bytes of the longest line that is read. What is longer is passed over without being kept.
const LONGEST: usize = 4 << 20;

/// Standard input and output.
pub(super) struct Lines {
    input: BufReader<Stdin>,
    /// What was read of a line: reading is broken off, and gone on with, whenever there is something to send.
    line: Vec<u8>,
    too_long: bool,
    output: Arc<Mutex<Stdout>>,
    /// An answer that is on its way to who sent no message.
    answering: Option<JoinHandle<io::Result<()>>>,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self {
            input: BufReader::new(tokio::io::stdin()),
            line: Vec::new(),
            too_long: false,
            output: Arc::new(Mutex::new(tokio::io::stdout())),
            answering: None,
        }
    }

    /// The next line that is not too long, without its end; `None` where there is no more.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let read = self.input.fill_buf().await.ok().filter(|read| !read.is_empty())?;
            let end = read.iter().position(|byte| *byte == b'\n');
            let part = &read[..end.unwrap_or(read.len())];
            self.too_long |= self.line.len() + part.len() > LONGEST;
            if self.too_long {
                self.line = Vec::new();
            } else {
                self.line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() && !std::mem::take(&mut self.too_long) {
                return Some(std::mem::take(&mut self.line));
            }
        }
    }
}

impl Transport<RoleServer> for Lines {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let output = Arc::clone(&self.output);
        async move {
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            let mut output = output.lock().await;
            output.write_all(&line).await?;
            output.flush().await
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            if let Some(answering) = &mut self.answering {
                let _ = answering.await;
                self.answering = None;
            }
            match read(&self.next().await?) {
                Ok(message) => return Some(message),
                Err(None) => {}
                // In a task of its own, as this function may be broken off in the middle.
                Err(Some((error, id))) => {
                    let answer = self.send(TxJsonRpcMessage::<RoleServer>::error(error, id));
                    self.answering = Some(tokio::spawn(answer));
                }
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.output.lock().await.flush().await
    }
}

/// The message in a line; else what to answer, and to whom. What is no JSON, or wants no answer, gets none.
fn read(line: &[u8]) -> Result<RxJsonRpcMessage<RoleServer>, Option<(ErrorData, Option<RequestId>)>> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    if let Ok(message) = serde_json::from_slice(line) {
        return Ok(message);
    }
    let value: Value = serde_json::from_slice(line).map_err(|_| None)?;
    let is_question = value.get("method").is_some_and(Value::is_string);
    let id = value.get("id").filter(|_| is_question);
    if is_question && id.is_none() {
        return Err(None);
    }
    let has_params = value.get("params").is_some_and(|params| !params.is_object());
    let error = if value.get("jsonrpc") == Some(&"2.0".into()) && is_question && has_params {
        ErrorData::invalid_params("params must be an object", None)
    } else {
        ErrorData::invalid_request("Invalid request", None)
    };
    Err(Some((error, id.and_then(|id| serde_json::from_value(id.clone()).ok()))))
}

//! A session with `clearance mcp`, line by line, as the protocol is written.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{TestRepo, command, valid};

/// The newest version that begins with `initialize`.
pub(crate) const VERSION: &str = "2025-11-25";

/// Lines as they come. One that does not come is a failure of the test, and not a test that has no end.
pub(crate) struct Lines(Receiver<String>);

impl Lines {
    pub(crate) fn of(source: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(source).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self(receiver)
    }

    /// The next one; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<String> {
        const LONG: Duration = Duration::from_secs(120);
        match self.0.recv_timeout(LONG) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("no line comes"),
        }
    }
}

/// A server that runs, and its pipes.
pub(crate) struct Session {
    pub(crate) child: Child,
    pub(crate) input: Option<ChildStdin>,
    output: Lines,
    asked: u64,
}

impl Session {
    /// A server that nobody has talked to.
    pub(crate) fn silent(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take(), Lines::of(child.stdout.take().unwrap()));
        Self { child, input, output, asked: 0 }
    }

    pub(crate) fn of(command: Command) -> Self {
        let mut session = Self::silent(command);
        session.begin(VERSION);
        session
    }

    /// In a repository, with nothing said of sync or trust.
    pub(crate) fn in_repo(repo: &TestRepo) -> Self {
        let mut command = command(repo.root());
        command.arg("mcp");
        Self::of(command)
    }

    /// The handshake; what the server says of itself.
    pub(crate) fn begin(&mut self, version: &str) -> Value {
        let client = json!({ "name": "test", "version": "1" });
        let params = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": client });
        let answer = self.request("initialize", &params);
        self.line(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string());
        answer["result"].clone()
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// Asks, and does not wait; the number of the question.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> u64 {
        self.asked += 1;
        let line = json!({ "jsonrpc": "2.0", "id": self.asked, "method": method, "params": params });
        self.line(&line.to_string());
        self.asked
    }

    /// Calls a tool, and does not wait.
    pub(crate) fn begin_call(&mut self, tool: &str, arguments: &Value) -> u64 {
        self.ask("tools/call", &json!({ "name": tool, "arguments": arguments }))
    }

    /// The next message: nothing but messages is ever on standard output.
    pub(crate) fn next(&mut self) -> Value {
        let line = self.output.next().unwrap_or_else(|| panic!("it ended: {}", self.complaints()));
        let message: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        message
    }

    /// The answer to a question that is the only one.
    pub(crate) fn request(&mut self, method: &str, params: &Value) -> Value {
        let id = self.ask(method, params);
        let answer = self.next();
        assert_eq!(answer["id"], id, "{answer:#}");
        answer
    }

    /// What a tool answers.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Called {
        let answer = self.request("tools/call", &json!({ "name": tool, "arguments": arguments }));
        Called::of(&answer)
    }

    /// Ends the input: what else was said, what stands on standard error, and how the process ended.
    pub(crate) fn end(mut self) -> (Vec<Value>, String, Option<i32>) {
        drop(self.input.take());
        let rest: Vec<_> = std::iter::from_fn(|| self.output.next()).collect();
        let said = rest.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let complaints = self.complaints();
        (said, complaints, self.child.wait().unwrap().code())
    }

    fn complaints(&mut self) -> String {
        let mut text = String::new();
        self.child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut text));
        text
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a tool answered.
#[derive(Debug, PartialEq)]
pub(crate) struct Called {
    pub(crate) is_error: bool,
    pub(crate) said: Value,
}

impl Called {
    /// Of an answer; what is there for people and what is there for programs is the same.
    pub(crate) fn of(answer: &Value) -> Self {
        let result = &answer["result"];
        assert!(result.is_object(), "{answer:#}");
        Self::of_result(result)
    }

    pub(crate) fn of_result(result: &Value) -> Self {
        let said = result["structuredContent"].clone();
        let text = result["content"][0]["text"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), said);
        let is_error = result["isError"].as_bool().unwrap();
        if is_error {
            valid("clearance.error.v1.json", &said);
        }
        Self { is_error, said }
    }

    pub(crate) fn code(&self) -> i64 {
        self.said["exit_code"].as_i64().unwrap()
    }
}

/// How long something took is another time another one.
pub(crate) fn without_time(value: &Value) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .filter(|(key, _)| *key != "milliseconds")
            .map(|(key, value)| (key.clone(), without_time(value)))
            .collect(),
        Value::Array(array) => array.iter().map(without_time).collect(),
        other => other.clone(),
    }
}

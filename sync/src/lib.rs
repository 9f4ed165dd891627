//! The network, behind one blocking door: questions that rules ask servers, and the delivery of events after local
//! success. The only asynchronous code; no other crate sees that it is.

pub mod answer;
mod classify;
mod code;
pub mod credentials;
pub mod deliver;
mod diagnostic;
mod durable;
mod envelope;
mod error;
mod final_sync;
mod http;
pub mod https;
pub mod outbox;
mod session;
pub mod settings;
pub mod status;
mod websocket;
mod wire;

pub use classify::classify;
pub use code::DiagnosticCode;
pub use error::SyncError;
pub use final_sync::{
    Changes, FinalSync, MarkedTask, Pending, final_sync, queue, told_of_a_bug, told_of_unqueued,
};
pub use http::Clock;

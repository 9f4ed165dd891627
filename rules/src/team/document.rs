//! What rules look at: names, their types, and what they mean. One table, for checking names before anything runs, and for
//! the documentation.

pub mod given;
pub mod live;

mod artefacts;
mod history;

use std::sync::LazyLock;

use super::types::{Names, Type};

/// The document, as rules see it. Every field is there, always: what is not known is `null`, an empty list or an empty text.
#[must_use]
pub fn names() -> Names {
    static NAMES: LazyLock<Names> = LazyLock::new(made);
    NAMES.clone()
}

fn made() -> Names {
    let fields = [
        ("mission", mission()),
        ("lanes", Type::list(lane())),
        ("wps", Type::list(work_package())),
        ("requirements", Type::list(requirement())),
        ("events", Type::list(event())),
        ("commit", about_to_be_made()),
        ("commits", Type::list(commit())),
        ("diff", diff()),
        ("tree", Type::record([("paths", texts())])),
        ("branch", texts_of(&["name", "head", "base", "target"])),
        ("merge", texts_of(&["strategy", "subject", "body"])),
        ("remote", texts_of(&["slug"])),
        ("stage", Type::Text),
        ("now", Type::Text),
    ];
    fields.into_iter().map(|(name, of)| (name.to_owned(), of)).collect()
}

fn texts() -> Type {
    Type::list(Type::Text)
}

fn texts_of(fields: &[&'static str]) -> Type {
    Type::record(fields.iter().map(|field| (*field, Type::Text)))
}

/// `meta.json`, and where the mission is.
fn mission() -> Type {
    let mut fields = vec![("tags", texts()), ("number", Type::Any)];
    let texts = ["slug", "id", "title", "dir", "kind", "status_phase", "topology", "target_branch"];
    fields.extend(texts.map(|field| (field, Type::Text)));
    Type::record(fields)
}

/// An entry of `lanes.json`.
fn lane() -> Type {
    Type::record([("id", Type::Text), ("branch", Type::Text), ("wp_ids", texts()), ("depends_on", texts())])
}

/// A file `tasks/WPnn-*.md`, with its lane in the status log.
fn work_package() -> Type {
    let mut fields = vec![
        ("dependencies", texts()),
        ("requirements", texts()),
        ("subtasks", texts()),
        ("owned_files", texts()),
        ("tags", texts()),
        ("front", Type::Any),
    ];
    let texts = ["id", "title", "path", "lane", "agent", "assignee", "reviewer", "review_verdict", "body"];
    fields.extend(texts.map(|field| (field, Type::Text)));
    Type::record(fields)
}

/// An `FR-001` of `spec.md`.
fn requirement() -> Type {
    Type::record([("id", Type::Text), ("text", Type::Text), ("path", Type::Text), ("line", Type::Int)])
}

/// A line of the status log.
fn event() -> Type {
    let mut fields = vec![("force", Type::Bool), ("line", Type::Int), ("evidence", Type::Any)];
    let texts =
        ["id", "kind", "wp", "from_lane", "to_lane", "actor", "at", "reason", "verdict", "task", "mark"];
    fields.extend(texts.map(|field| (field, Type::Text)));
    Type::record(fields)
}

/// A commit that the mission has and the target has not.
fn commit() -> Type {
    let mut fields = vec![("merge", Type::Bool)];
    fields.extend(["sha", "subject", "body", "author", "email", "at"].map(|field| (field, Type::Text)));
    Type::record(fields)
}

/// The message of the commit that is about to be made.
fn about_to_be_made() -> Type {
    let mut fields = vec![("trailers", Type::list(texts_of(&["key", "value"])))];
    fields.extend(["message", "subject", "body"].map(|field| (field, Type::Text)));
    Type::record(fields)
}

/// What the merge would change on the target.
fn diff() -> Type {
    let file = Type::record([
        ("path", Type::Text),
        ("status", Type::Text),
        ("added", Type::Int),
        ("deleted", Type::Int),
    ]);
    Type::record([("files", Type::list(file)), ("added", Type::Int), ("deleted", Type::Int)])
}

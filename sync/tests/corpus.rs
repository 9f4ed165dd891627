//! Texts of failures with the code that people gave them, where there are any: beside the folder that `CLEARANCE_CORPUS`
//! names, `sync/errors.jsonl` has one text a line.

#![allow(clippy::print_stderr, reason = "a test says what it did not look at")]

use clearance_sync::{DiagnosticCode, classify};
use clearance_testkit::{corpus, read};
use serde_json::Value;

/// How many of a hundred texts that nobody argues about must get their code.
const RIGHT: usize = 97;

struct Row {
    text: String,
    code: Option<String>,
    debatable: bool,
}

fn rows() -> Option<Vec<Row>> {
    let folder = corpus().and_then(|missions| missions.parent().map(|folder| folder.join("sync")));
    let Some(folder) = folder.filter(|folder| folder.join("errors.jsonl").is_file()) else {
        eprintln!("no sync/errors.jsonl beside CLEARANCE_CORPUS: no texts to classify");
        return None;
    };
    let rows: Vec<_> =
        read(&folder, "errors.jsonl").lines().filter(|line| !line.trim().is_empty()).map(row).collect();
    assert!(!rows.is_empty(), "sync/errors.jsonl is empty");
    Some(rows)
}

fn row(line: &str) -> Row {
    let row: Value = serde_json::from_str(line).expect("a line of JSON");
    Row {
        text: row["text"].as_str().expect("a text").to_owned(),
        code: row["code"].as_str().filter(|&code| code != "none").map(str::to_owned),
        debatable: row["debatable"].as_bool().unwrap_or_default(),
    }
}

#[test]
fn texts_get_the_codes_that_people_gave_them() {
    let Some(rows) = rows() else { return };
    let (mut asked, mut right, mut accused) = (0, 0, 0);
    for row in &rows {
        let found = classify(&row.text).map(DiagnosticCode::as_str);
        let same = found == row.code.as_deref();
        asked += usize::from(!row.debatable);
        right += usize::from(!row.debatable && same);
        accused += usize::from(row.code.is_none() && found.is_some());
        if !same {
            let doubt = if row.debatable { " (debatable)" } else { "" };
            eprintln!("{found:?} instead of {:?}{doubt}: {}", row.code, row.text);
        }
    }
    eprintln!("{right} of {asked} right; {accused} texts about none of it have a code");
    assert!(right * 100 >= asked * RIGHT, "{right} of {asked} right");
    assert_eq!(accused, 0, "texts about none of it have a code");
}

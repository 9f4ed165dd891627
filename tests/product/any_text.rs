//! What holds for every text that is read from outside (`fuzz/src`, one file a reader) holds for the corpus of the search for
//! faults, and for changes of it. `.ci/fuzz` looks further.
//!
//! `PROPTEST_CASES=50000 cargo test --test product -- any_text` looks for longer.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::any_input::{change, changed};
use invariants::{event_log, front_matter, ids, lanes, meta, rules, tasks};

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is a library of its own there")]
mod invariants;

type Hold = fn(&[u8]);

/// Every reader, with the name of its corpus.
const READERS: &[(&str, Hold)] = &[
    ("event_log", event_log::hold),
    ("front_matter", front_matter::hold),
    ("ids", ids::hold),
    ("lanes", lanes::hold),
    ("meta", meta::hold),
    ("rules", rules::hold),
    #[cfg(feature = "sync")]
    ("sync_answer", invariants::sync_answer::hold),
    ("tasks", tasks::hold),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The files that the search begins with.
fn corpus(reader: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut directories = vec![root().join("fuzz/corpus").join(reader)];
    // The rules of this repository have every kind in them.
    directories.extend((reader == "rules").then(|| root().join("rules.d")));
    let files = directories.iter().flat_map(|directory| directory.read_dir().unwrap());
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_none_or(|extension| extension != "md"));
    files.sort();
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

static CORPORA: LazyLock<Vec<Vec<Vec<u8>>>> = LazyLock::new(|| {
    let texts = |name| corpus(name).into_iter().map(|(_, text)| text).collect();
    READERS.iter().map(|(name, _)| texts(*name)).collect()
});

#[test]
fn every_file_of_the_corpora() {
    for (name, hold) in READERS {
        let files = corpus(name);
        assert!(files.len() > 3, "{name} has a corpus");
        for (path, text) in files {
            assert!(text.len() < 4096, "{} is small", path.display());
            eprintln!("{}", path.display());
            hold(&text);
        }
    }
}

/// Each reader has a target of its own, and each target is run.
#[test]
fn every_reader_is_looked_at() {
    let targets = root().join("fuzz/fuzz_targets").read_dir().unwrap();
    let mut targets: Vec<_> = targets.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    targets.sort();
    let manifest = clearance_testkit::read(&root(), "fuzz/Cargo.toml");
    for target in &targets {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{target}\"")), "{target}");
    }
    if cfg!(feature = "sync") {
        let readers: Vec<_> = READERS.iter().map(|(name, _)| format!("{name}.rs")).collect();
        assert_eq!(targets, readers);
    }
}

/// A place of a corpus, and what is changed there.
fn any_text() -> impl Strategy<Value = (Index, Vec<crate::any_input::Change>)> {
    (any::<Index>(), proptest::collection::vec(change(), 1..5))
}

proptest! {
    // Each case is one for every reader.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 2, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changes_of_the_corpora(texts in proptest::collection::vec(any_text(), READERS.len())) {
        for (((_, hold), corpus), (which, changes)) in READERS.iter().zip(&*CORPORA).zip(&texts) {
            hold(&changed(which.get(corpus).clone(), changes));
        }
    }

    #[test]
    fn any_bytes(text in proptest::collection::vec(any::<u8>(), 0..200), words in any::<String>()) {
        for (_, hold) in READERS {
            hold(&text);
            hold(words.as_bytes());
        }
    }
}

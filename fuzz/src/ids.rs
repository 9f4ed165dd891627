//! IDs: what is read is shown, and reads as the same again.

use clearance_engine::id::{IdKind, MAX_IDS, TaskId, WpId, parse_argument, tokens};

/// Holds for every word and every text.
pub fn hold(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(id) = TaskId::parse(&text) {
        assert!(id.as_str().eq_ignore_ascii_case(text.trim()), "{id} of {text:?}");
        reads_again(&id);
    }
    argument(&text);
    in_text(&text);
}

fn reads_again(id: &TaskId) {
    let again = TaskId::parse(id.as_str()).expect("what is shown is an ID");
    assert_eq!((again.as_str(), again.kind(), again.number()), (id.as_str(), id.kind(), id.number()));
    assert_eq!(TaskId::parse(id.key()).as_ref(), Ok(id), "equal IDs share a key");
    assert_eq!(WpId::parse(id.as_str()).is_ok(), id.kind() == IdKind::WorkPackage);
    assert!(id.as_str().starts_with(id.kind().prefix()));
}

/// An argument stands for some IDs, and each of them can be named by itself.
fn argument(text: &str) {
    for read in parse_argument(text).unwrap_or_default() {
        assert!((1..=MAX_IDS).contains(&read.ids.len()), "{text:?}");
        for id in [&read.ids[0], &read.ids[read.ids.len() - 1]] {
            reads_again(id);
            let alone = read.qualifier.iter().map(|mission| format!("{mission}:")).collect::<String>();
            let alone = parse_argument(&format!("{alone}{id}")).expect("an ID of an argument is one");
            assert_eq!((alone.len(), &alone[0].qualifier), (1, &read.qualifier), "{text:?}");
            assert_eq!(alone[0].ids, std::slice::from_ref(id));
        }
        assert!(read.ids.windows(2).all(|pair| pair[0] < pair[1]), "a range is in order: {text:?}");
    }
}

/// IDs in running text come one behind the other, and are those that stand there.
fn in_text(text: &str) {
    let mut end = 0;
    for token in tokens(text, 0, text.len()) {
        assert!(
            end <= token.start && token.start < token.base_end && token.base_end <= token.end,
            "{text:?}"
        );
        let id = token.id(text);
        assert!(token.spells(text, &id) && id.as_str().eq_ignore_ascii_case(&text[token.start..token.end]));
        reads_again(&id);
        end = token.end;
    }
}

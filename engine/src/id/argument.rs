//! What a person types for IDs: lists, ranges, and a mission before them.

use super::{IdError, MAX_IDS, TaskId, range_from, range_joint, token_at};

/// One argument word, read: the mission it names (if any) and the IDs it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdArgument {
    /// `SLUG` of `SLUG:T001` or `SLUG/T001`.
    pub qualifier: Option<String>,
    /// The IDs, ranges written out.
    pub ids: Vec<TaskId>,
}

/// Reads one argument word: `T001`, `T001,T002`, `T001-T005`, `slug:T001`, `slug/WP02` and mixtures.
/// Words separated by blanks count as separate.
///
/// # Errors
/// Any [`IdError`]; nothing is guessed.
pub fn parse_argument(word: &str) -> Result<Vec<IdArgument>, IdError> {
    if word.trim().is_empty() {
        return Err(IdError::Empty);
    }
    // `T001 to T005`, given as one quoted word, is one piece; other blanks separate.
    let joined = word.replace(" to ", "..").replace(" - ", "..").replace(" – ", "..");
    let pieces = joined.split(',').flat_map(|piece| {
        let mut words = piece.split_whitespace().peekable();
        // `T001,,T002` has an empty piece, and that is an error rather than nothing.
        let empty = words.peek().is_none().then_some("");
        empty.into_iter().chain(words)
    });
    pieces.map(parse_piece).collect()
}

fn parse_piece(piece: &str) -> Result<IdArgument, IdError> {
    let (qualifier, body) = match piece.rsplit_once([':', '/']) {
        Some(("", _)) => return Err(IdError::Malformed(piece.to_owned())),
        Some((qualifier, body)) => (Some(qualifier.to_owned()), body),
        None => (None, piece),
    };
    let ids = parse_ids(body).map_err(|error| match error {
        IdError::Empty => IdError::Empty,
        IdError::Malformed(_) => IdError::Malformed(piece.to_owned()),
        IdError::BadRange(_) => IdError::BadRange(piece.to_owned()),
        IdError::TooMany(_) => IdError::TooMany(piece.to_owned()),
    })?;
    Ok(IdArgument { qualifier, ids })
}

fn parse_ids(body: &str) -> Result<Vec<TaskId>, IdError> {
    let whole = TaskId::parse(body);
    if matches!(whole, Ok(_) | Err(IdError::Empty)) {
        return whole.map(|id| vec![id]);
    }
    let malformed = || IdError::Malformed(body.to_owned());
    let first = token_at(body, 0).ok_or_else(malformed)?;
    range_joint(body, first.end, body.len()).ok_or_else(malformed)?;
    let bad_range = || IdError::BadRange(body.to_owned());
    let (range, _) =
        range_from(body, first, body.len()).filter(|(_, end)| *end == body.len()).ok_or_else(bad_range)?;
    if range.len() > MAX_IDS {
        return Err(IdError::TooMany(body.to_owned()));
    }
    Ok(range.ids().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn expanded(word: &str) -> Result<Vec<String>, IdError> {
        Ok(parse_argument(word)?.into_iter().flat_map(|a| a.ids).map(|id| id.to_string()).collect())
    }

    #[rstest]
    #[case("T001", &["T001"])]
    #[case(" t002 ", &["T002"])]
    #[case("wp02", &["WP02"])]
    #[case("T014b", &["T014b"])]
    #[case("T014-sig", &["T014-sig"])]
    #[case("T0nn", &[])]
    #[case("T001,T003", &["T001", "T003"])]
    #[case("T001, T003", &["T001", "T003"])]
    #[case("T001-T003", &["T001", "T002", "T003"])]
    #[case("T001–T003", &["T001", "T002", "T003"])]
    #[case("T001..T003", &["T001", "T002", "T003"])]
    #[case("T001 to T003", &["T001", "T002", "T003"])]
    #[case("T001-003", &["T001", "T002", "T003"])]
    #[case("T098-T101", &["T098", "T099", "T100", "T101"])]
    #[case("T9-T11", &["T9", "T10", "T11"])]
    #[case("WP01-WP02", &["WP01", "WP02"])]
    #[case("013-gamma:T001-T002", &["T001", "T002"])]
    fn arguments_expand(#[case] word: &str, #[case] ids: &[&str]) {
        if ids.is_empty() {
            assert!(expanded(word).is_ok(), "{word} is a real roster spelling");
        } else {
            assert_eq!(expanded(word).unwrap(), ids, "{word}");
        }
    }

    #[rstest]
    #[case("")]
    #[case("  ")]
    #[case("T001,")]
    #[case(",T001")]
    #[case("setup")]
    #[case("T")]
    #[case("001")]
    #[case("T001x_y")]
    #[case("/T001")]
    #[case("T003-T001")]
    #[case("T001-WP05")]
    #[case("T001b-T005")]
    #[case("T1-T999999")]
    #[case("T1234567")]
    #[case("T001é")]
    #[case("*")]
    fn nonsense_is_refused(#[case] word: &str) {
        assert!(expanded(word).is_err(), "{word:?} was accepted as {:?}", expanded(word));
    }

    #[test]
    fn qualifiers_are_kept() {
        let read = parse_argument("a-b:T001,c/T002,T003").unwrap();
        let qualifiers: Vec<_> = read.iter().map(|a| a.qualifier.as_deref()).collect();
        assert_eq!(qualifiers, [Some("a-b"), Some("c"), None]);
    }
}

//! Versions as <https://semver.org> orders them.

/// A text that sorts as the version does. `None` for what is no version; a `v` in front is passed over, and what follows
/// `+` does not count.
pub(super) fn sort_key(version: &str) -> Option<String> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let version = version.split_once('+').map_or(version, |(version, _)| version);
    let (numbers, early) =
        version.split_once('-').map_or((version, None), |(numbers, early)| (numbers, Some(early)));
    let numbers: Vec<&str> = numbers.split('.').collect();
    if numbers.len() != 3 {
        return None;
    }
    let mut key = String::new();
    for number in numbers {
        key.push_str(&padded(number)?);
        key.push('.');
    }
    // Parts are joined by what sorts before every letter of theirs, and a version that comes early before the one that it
    // comes before.
    let Some(early) = early else { return Some(key + "~") };
    for part in early.split('.') {
        let fits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !fits {
            return None;
        }
        // Numbers come before words.
        let is_number = part.bytes().all(|b| b.is_ascii_digit());
        key.push_str(&if is_number { format!("\u{1}0{}", padded(part)?) } else { format!("\u{1}1{part}") });
    }
    Some(key)
}

/// A number with zeros in front, so that it sorts as a number.
fn padded(number: &str) -> Option<String> {
    const WIDTH: usize = 20;
    let is_number = !number.is_empty() && number.len() <= WIDTH && number.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| format!("{number:0>WIDTH$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification, section 11.
    #[test]
    fn versions_sort_as_they_follow_each_other() {
        let in_order = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-alpha-0",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "v1.0.1+build.5",
            "1.2.0",
            "1.10.0",
            "2.0.0",
        ];
        let keys: Vec<_> = in_order.iter().map(|version| sort_key(version).unwrap()).collect();
        assert!(keys.is_sorted(), "{keys:#?}");
        assert_eq!(sort_key("1.0.0+a"), sort_key("1.0.0"));
        for wrong in ["", "1", "1.0", "1.0.x", "1.0.0-", "1.0.0-a..b", "1.0.0.0"] {
            assert_eq!(sort_key(wrong), None, "{wrong}");
        }
    }
}

//! What of a repository a command names: its words, and the parts of words, that are paths there. Links are followed, each with
//! what it says; what cannot be followed is told, so that it is never taken for nothing.

use std::collections::BTreeMap;

use clearance_engine::repo::gated::{Node, Tree};

/// Most links that are followed one after the other.
const MOST_LINKS: usize = 16;

/// What the words of a command name in a tree: paths, each with what stands there.
///
/// # Errors
/// In a sentence: a path that leads out of the repository, say.
pub fn named(argv: &[String], tree: &Tree) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    for word in argv {
        for part in parts(word) {
            follow(&part, tree, &mut found)?;
        }
    }
    Ok(found)
}

/// A word, and every part of it that could be a path: behind `=`, behind an option's letter, between blanks and quotes.
fn parts(word: &str) -> Vec<String> {
    let plain = |c: char| c.is_alphanumeric() || "._-/@+~%#".contains(c) || !c.is_ascii();
    let mut parts = vec![word.to_owned()];
    // A dot between others is a shell's, not the top of the tree.
    let says = |token: &&str| !token.trim_matches(['.', '/']).is_empty();
    for token in word.split(|c: char| !plain(c)).filter(says) {
        parts.push(token.to_owned());
        // `-fFILE`
        let attached = token.strip_prefix('-').and_then(|rest| rest.get(1..));
        // A letter alone names nothing; an empty path would be the whole tree.
        parts.extend(attached.filter(|attached| !attached.is_empty()).map(str::to_owned));
    }
    parts.sort_unstable();
    parts.dedup();
    parts
}

/// Adds what stands at a path, links and all.
fn follow(word: &str, tree: &Tree, found: &mut BTreeMap<String, String>) -> Result<(), String> {
    if word.starts_with('/') {
        return Ok(());
    }
    let mut waiting: Vec<String> = word.split('/').rev().map(str::to_owned).collect();
    let mut at: Vec<String> = Vec::new();
    let mut links = 0;
    while let Some(part) = waiting.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                if at.pop().is_none() {
                    // Whatever is outside is not the repository's; only a link could hide that it leads back.
                    return if links == 0 {
                        Ok(())
                    } else {
                        Err(format!("`{word}` leads out of the repository"))
                    };
                }
                continue;
            }
            _ => at.push(part),
        }
        let path = at.join("/");
        let Some(node) = tree.get(&path) else {
            let inside = format!("{path}/");
            if !tree.range(inside.clone()..).next().is_some_and(|(below, _)| below.starts_with(&inside)) {
                // There is nothing: the word is no path.
                return Ok(());
            }
            continue;
        };
        if node.mode == Node::SUBMODULE {
            return Err(format!("`{word}` is in a submodule, whose files are not known here"));
        }
        found.insert(path, format!("{} {}", node.mode, node.object));
        if let Some(to) = &node.leads_to {
            links += 1;
            if to.starts_with('/') || links > MOST_LINKS {
                return Err(format!("`{word}` leads out of the repository, by a link"));
            }
            at.pop();
            waiting.extend(to.split('/').rev().map(str::to_owned));
        }
    }
    let path = at.join("/");
    if !tree.contains_key(&path) {
        whole(&path, tree, found);
    }
    Ok(())
}

/// Adds everything in a directory; and where there is a link in it, the whole tree: a link may lead anywhere there.
fn whole(directory: &str, tree: &Tree, found: &mut BTreeMap<String, String>) {
    let inside = if directory.is_empty() { String::new() } else { format!("{directory}/") };
    let below = || tree.iter().filter(|(path, _)| path.starts_with(&inside));
    let linked = below().any(|(_, node)| node.leads_to.is_some() || node.mode == Node::SUBMODULE);
    let all = tree.iter().filter(|(path, _)| linked || path.starts_with(&inside));
    found.extend(all.map(|(path, node)| (path.clone(), format!("{} {}", node.mode, node.object))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn tree() -> Tree {
        let file =
            |object: &str| Node { mode: Node::FILE.to_owned(), object: object.to_owned(), leads_to: None };
        let link = |to: &str| Node {
            mode: Node::LINK.to_owned(),
            object: "l".to_owned(),
            leads_to: Some(to.to_owned()),
        };
        [
            ("scripts/real.sh", file("r")),
            ("tools/plain.sh", file("p")),
            ("tools/link.sh", link("../scripts/real.sh")),
            ("linkdir", link("scripts")),
            ("out", link("/etc")),
            ("up", link("../x")),
            ("round", link("round")),
            ("sub", Node { mode: Node::SUBMODULE.to_owned(), object: "s".to_owned(), leads_to: None }),
            ("parts/a", file("a")),
            ("parts/b", file("b")),
        ]
        .map(|(path, node)| (path.to_owned(), node))
        .into()
    }

    #[rstest]
    #[case("tools/plain.sh", &["tools/plain.sh"])]
    #[case("./tools/./plain.sh", &["tools/plain.sh"])]
    #[case(".//tools//plain.sh", &["tools/plain.sh"])]
    #[case("scripts/../tools/plain.sh", &["tools/plain.sh"])]
    #[case("tools/link.sh", &["scripts/real.sh", "tools/link.sh"])]
    #[case("linkdir/real.sh", &["linkdir", "scripts/real.sh"])]
    #[case("-ftools/plain.sh", &["tools/plain.sh"])]
    #[case("--file=tools/plain.sh", &["tools/plain.sh"])]
    #[case(". ./tools/plain.sh; exit", &["tools/plain.sh"])]
    #[case("parts", &["parts/a", "parts/b"])]
    #[case("parts/", &["parts/a", "parts/b"])]
    #[case("-s", &[])]
    #[case("/etc/passwd", &[])]
    #[case("../elsewhere", &[])]
    #[case("nothing.sh", &[])]
    fn words_name_files(#[case] word: &str, #[case] expected: &[&str]) {
        let found = named(&[word.to_owned()], &tree()).unwrap();
        assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    }

    #[rstest]
    #[case("out/passwd")]
    #[case("up/x")]
    #[case("round")]
    #[case("sub/x.sh")]
    fn what_cannot_be_followed_is_told(#[case] word: &str) {
        assert!(named(&[word.to_owned()], &tree()).is_err());
    }

    #[test]
    fn a_directory_with_a_link_is_the_whole_tree() {
        assert_eq!(named(&["tools".to_owned()], &tree()).unwrap().len(), tree().len());
    }
}

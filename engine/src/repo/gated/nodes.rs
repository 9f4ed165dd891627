//! What stands in a tree: files, links and submodules.

use std::collections::BTreeMap;

use super::{Gated, GatedError, GitError};

/// What stands at a path of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its kind and permissions, as git has them: `100644`.
    pub mode: String,
    /// What names its content.
    pub object: String,
    /// Where a symbolic link leads.
    pub leads_to: Option<String>,
}

impl Node {
    /// The mode of a file.
    pub const FILE: &'static str = "100644";
    /// The mode of a symbolic link.
    pub const LINK: &'static str = "120000";
    /// The mode of a submodule, whose files are elsewhere.
    pub const SUBMODULE: &'static str = "160000";
}

/// A tree, by path. Directories are what files are in.
pub type Tree = BTreeMap<String, Node>;

impl Gated {
    /// Every file, link and submodule of a tree or commit.
    ///
    /// # Errors
    /// [`GatedError`].
    pub fn nodes(&self, tree_ish: &str) -> Result<Tree, GatedError> {
        let out = self.git.bytes(&["ls-tree", "-r", "-z", "--full-tree", tree_ish])?;
        let mut nodes = Tree::new();
        for row in out.split(|byte| *byte == 0).filter(|row| !row.is_empty()) {
            let row = String::from_utf8_lossy(row);
            let Some((facts, path)) = row.split_once('\t') else { continue };
            let mut facts = facts.split(' ');
            let (mode, object) = (facts.next().unwrap_or_default(), facts.nth(1).unwrap_or_default());
            let node = Node { mode: mode.to_owned(), object: object.to_owned(), leads_to: None };
            nodes.insert(path.to_owned(), node);
        }
        let mut links: Vec<&mut Node> = nodes.values_mut().filter(|node| node.mode == Node::LINK).collect();
        let objects: Vec<String> = links.iter().map(|link| link.object.clone()).collect();
        let contents = self.git.contents(&objects.iter().map(String::as_str).collect::<Vec<_>>())?;
        for (link, content) in links.iter_mut().zip(contents) {
            let failed = |message| GitError::Failed { command: "cat-file".to_owned(), message };
            link.leads_to = Some(String::from_utf8_lossy(&content.map_err(failed)?).into_owned());
        }
        Ok(nodes)
    }
}

//! The files of a work tree as they are now, for programs that run there.

use std::io::Read as _;
use std::path::Path;

use clearance_engine::repo::gated::{Node, Tree};
use sha2::{Digest, Sha256};

/// Most files, and most bytes of them, that are looked at.
const MOST: usize = 50_000;
const MOST_BYTES: u64 = 512 << 20;

/// Every file and link below a directory, `.git` excepted.
///
/// # Errors
/// In a sentence: a file that cannot be read, too many of them.
pub(super) fn nodes(root: &Path) -> Result<Tree, String> {
    let mut nodes = Tree::new();
    let mut bytes = 0;
    let mut waiting = vec![String::new()];
    while let Some(directory) = waiting.pop() {
        let failed = |error: std::io::Error| format!("{directory}: {error}");
        for entry in std::fs::read_dir(root.join(&directory)).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if directory.is_empty() && name == ".git" {
                continue;
            }
            let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                waiting.push(path);
            } else if kind.is_symlink() {
                let to = std::fs::read_link(entry.path()).map_err(failed)?.to_string_lossy().into_owned();
                let node = Node { mode: Node::LINK.to_owned(), object: to.clone(), leads_to: Some(to) };
                nodes.insert(path, node);
            } else if kind.is_file() {
                bytes += entry.metadata().map_err(failed)?.len();
                if bytes > MOST_BYTES || nodes.len() > MOST {
                    return Err(format!(
                        "the work tree has more than {MOST} files, or {} MiB",
                        MOST_BYTES >> 20
                    ));
                }
                let object = hash(&entry.path()).map_err(failed)?;
                nodes.insert(path, Node { mode: Node::FILE.to_owned(), object, leads_to: None });
            }
        }
    }
    Ok(nodes)
}

fn hash(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

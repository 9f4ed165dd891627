//! The files of a work tree as they are now, for programs that run there.

use std::io::Read as _;
use std::path::Path;

use sha2::{Digest, Sha256};

/// Most files, and most bytes of them, that are looked at.
const MOST: usize = 50_000;
const MOST_BYTES: u64 = 512 << 20;

/// Path, mode, what names the content, and where a link leads.
type Row = (String, String, String, Option<String>);

/// Every file and link below a directory, `.git` excepted.
///
/// # Errors
/// In a sentence: a file that cannot be read, too many of them.
pub(super) fn nodes(root: &Path) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
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
                rows.push((path, "120000".to_owned(), to.clone(), Some(to)));
            } else if kind.is_file() {
                bytes += entry.metadata().map_err(failed)?.len();
                if bytes > MOST_BYTES || rows.len() > MOST {
                    return Err(format!(
                        "the work tree has more than {MOST} files, or {} MiB",
                        MOST_BYTES >> 20
                    ));
                }
                rows.push((path, "100644".to_owned(), hash(&entry.path()).map_err(failed)?, None));
            }
        }
    }
    Ok(rows)
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

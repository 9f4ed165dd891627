//! Links of the documentation lead somewhere, and every page can be found.

use std::path::{Component, Path, PathBuf};

use crate::docs_pages::{Page, pages, workspace};

/// A path without `.` and `..`; nothing where it leaves the top.
fn tidy(path: &Path) -> Option<PathBuf> {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => tidy.push(name),
            Component::ParentDir if tidy.pop() => {}
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(tidy)
}

/// Why a link of a page leads nowhere.
fn broken(pages: &[Page], page: &Page, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return link.starts_with("http://").then(|| "http, and not https".to_owned());
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let directory = Path::new(&page.name).parent().unwrap();
    let at = if path.is_empty() { PathBuf::from(&page.name) } else { tidy(&directory.join(path))? };
    if !workspace().join(&at).exists() {
        return Some("there is no such file".to_owned());
    }
    let anchor = anchor?;
    let Some(other) = pages.iter().find(|other| Path::new(&other.name) == at) else {
        return Some("it is no page, and has no headings".to_owned());
    };
    (!other.anchors.contains(anchor)).then(|| format!("there is no such heading: {:?}", other.anchors))
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let of = |page: &Page| {
        let broken = page.links.iter().filter_map(|(line, link)| {
            broken(&pages, page, link).map(|fault| format!("{}:{line}: {link}: {fault}", page.name))
        });
        broken.collect::<Vec<_>>()
    };
    let faults: Vec<_> = pages.iter().flat_map(of).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(pages.iter().map(|page| page.links.len()).sum::<usize>() > 100);
}

/// Who looks for something begins at the index.
#[test]
fn the_index_has_every_page() {
    let pages = pages();
    let index = pages.iter().find(|page| page.name == "docs/README.md").expect("docs/README.md");
    let linked: Vec<_> =
        index.links.iter().filter_map(|(_, link)| tidy(&Path::new("docs").join(link))).collect();
    let missing = pages.iter().map(|page| page.name.as_str()).filter(|name| name.starts_with("docs/"));
    let missing: Vec<_> =
        missing.filter(|name| *name != index.name && !linked.contains(&PathBuf::from(name))).collect();
    assert_eq!(missing, Vec::<&str>::new(), "docs/README.md names every page");
    let readme = pages.iter().find(|page| page.name == "README.md").unwrap();
    assert!(readme.links.iter().any(|(_, link)| link == "docs/README.md"));
}

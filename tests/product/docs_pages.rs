//! The pages of the documentation, taken apart: blocks of commands, words in code, links, headings.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clearance_testkit::read;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::support::below;

/// The top of the workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A page, and what stands on it.
pub(crate) struct Page {
    /// Its path from the top, as `docs/rules.md`.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
    /// Fenced blocks, in order.
    pub(crate) blocks: Vec<Block>,
    /// What stands in backquotes, and where.
    pub(crate) code: Vec<(usize, String)>,
    /// Where links lead, and where they stand.
    pub(crate) links: Vec<(usize, String)>,
    /// What a link behind `#` may name.
    pub(crate) anchors: BTreeSet<String>,
}

/// A fenced block.
pub(crate) struct Block {
    /// The line that it begins on.
    pub(crate) line: usize,
    /// `sh`, `yaml` and so on.
    pub(crate) language: String,
    /// What stands in it.
    pub(crate) text: String,
    /// The comment right before it.
    pub(crate) comment: Option<String>,
    /// The heading that it stands under.
    pub(crate) heading: String,
}

impl Block {
    /// Whether somebody would type what stands in it.
    pub(crate) fn is_commands(&self) -> bool {
        ["sh", "shell", "bash", "console"].contains(&self.language.as_str())
    }
}

/// Every page for people: the guides, and what the top of the repository has. Not the changelog: it tells of what was.
pub(crate) fn pages() -> Vec<Page> {
    let is_page = |path: &PathBuf| path.extension().is_some_and(|end| end == "md");
    let mut paths: Vec<PathBuf> = below(&workspace().join("docs")).into_iter().filter(is_page).collect();
    paths.sort_unstable();
    for name in ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "rules.d/README.md"] {
        paths.push(workspace().join(name));
    }
    let name = |path: PathBuf| path.strip_prefix(workspace()).unwrap().to_str().unwrap().replace('\\', "/");
    paths.into_iter().map(|path| Page::read(name(path))).collect()
}

impl Page {
    fn read(name: String) -> Self {
        let text = read(workspace(), &name);
        let mut page = Self {
            name,
            blocks: Vec::new(),
            code: Vec::new(),
            links: Vec::new(),
            anchors: BTreeSet::new(),
            text,
        };
        page.take_apart();
        page
    }

    fn take_apart(&mut self) {
        let text = std::mem::take(&mut self.text);
        let line = |range: &Range<usize>| text[..range.start].matches('\n').count() + 1;
        let (mut comment, mut heading) = (None, String::new());
        let (mut in_heading, mut in_block) = (false, false);
        for (event, range) in Parser::new_ext(&text, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::HtmlBlock) => comment = Some(String::new()),
                Event::Html(html) => comment.get_or_insert_default().push_str(&html),
                Event::End(TagEnd::HtmlBlock) => {}
                Event::Start(Tag::CodeBlock(kind)) => {
                    let language = match kind {
                        CodeBlockKind::Fenced(language) => language.to_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    self.blocks.push(Block {
                        line: line(&range),
                        language,
                        text: String::new(),
                        comment: comment.take(),
                        heading: heading.clone(),
                    });
                    in_block = true;
                }
                Event::End(TagEnd::CodeBlock) => in_block = false,
                Event::Text(part) if in_block => self.blocks.last_mut().unwrap().text.push_str(&part),
                Event::Start(Tag::Heading { .. }) => {
                    (in_heading, comment) = (true, None);
                    heading.clear();
                }
                Event::End(TagEnd::Heading(_)) => {
                    in_heading = false;
                    self.anchors.insert(anchor(&heading));
                }
                Event::Code(words) => {
                    if in_heading {
                        heading.push_str(&words);
                    }
                    self.code.push((line(&range), words.to_string()));
                }
                Event::Text(part) if in_heading => heading.push_str(&part),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    self.links.push((line(&range), dest_url.to_string()));
                }
                Event::Start(_) => comment = None,
                _ => {}
            }
        }
        self.text = text;
    }
}

/// The name that a heading gets, as the well-known hosts make it.
fn anchor(heading: &str) -> String {
    let letters = heading.trim().chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        _ if letter.is_alphanumeric() => Some(letter),
        _ => None,
    });
    letters.flat_map(char::to_lowercase).collect()
}

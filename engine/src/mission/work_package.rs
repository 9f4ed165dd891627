//! `tasks/WPnn-*.md`: the front matter of a work package. The body is not read.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Deserializer};

use super::artefact::ArtefactError;
use crate::id::{TaskId, WpId, parse_argument, token_at};
use crate::source::Source;
use crate::yaml;

/// A work package, as its file describes it.
#[derive(Debug, Clone)]
pub struct WorkPackage {
    /// Its ID: the front matter's, else the file name's.
    pub id: WpId,
    /// Its file, as named in messages.
    pub file: String,
    /// Its title.
    pub title: Option<String>,
    /// The tasks it owns, in order.
    pub subtasks: Vec<Subtask>,
    /// Work packages that must be done before.
    pub dependencies: Vec<String>,
}

/// An entry of a work package's roster.
#[derive(Debug, Clone)]
pub struct Subtask {
    /// The task.
    pub id: TaskId,
    /// Its title, where the entry is an object.
    pub title: Option<String>,
    /// 1-based line of the entry in the file, where it can be told.
    pub line: Option<usize>,
}

#[derive(Deserialize, Default)]
struct FrontMatter {
    #[serde(default)]
    work_package_id: Loose,
    #[serde(default)]
    wp_id: Loose,
    #[serde(default)]
    title: Loose,
    #[serde(default, deserialize_with = "entries")]
    subtasks: Vec<Entry>,
    #[serde(default, deserialize_with = "strings")]
    dependencies: Vec<String>,
}

/// Text, or something else where text should be, which then says nothing.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Loose {
    Text(String),
    Number(serde_yaml::Number),
    #[default]
    Nothing,
    Other(serde::de::IgnoredAny),
}

impl Loose {
    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(number) => Some(number.to_string()),
            Self::Nothing | Self::Other(_) => None,
        }
    }
}

/// A roster entry: `T001`, or an object with an `id` (28 of 12,002 real ones).
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Id(String),
    Object {
        id: String,
        #[serde(default)]
        title: Loose,
    },
    Named(BTreeMap<String, Loose>),
    Other(serde::de::IgnoredAny),
}

impl Entry {
    /// The tasks that an entry names: one, with the title that may stand behind it, or the IDs of a list or range.
    fn subtasks(self) -> Vec<(TaskId, Option<String>)> {
        let (text, title) = match self {
            Self::Id(text) => (text, None),
            Self::Object { id, title } => (id, title.text()),
            // `- T001: Setup` without quotes is a map of one key.
            Self::Named(map) => match map.into_iter().next() {
                Some((id, title)) => (id, title.text()),
                None => return Vec::new(),
            },
            Self::Other(_) => return Vec::new(),
        };
        let text = text.trim_matches(['[', ']', ' ', '*', '`']);
        if let Ok(arguments) = parse_argument(text) {
            return arguments.into_iter().flat_map(|read| read.ids).map(|id| (id, title.clone())).collect();
        }
        let Some(token) = token_at(text, 0) else { return Vec::new() };
        let behind = text[token.end..].trim_start_matches(['*', '`', ':', '-', '–', '—', ' ']).trim();
        let title = title.or_else(|| (!behind.is_empty()).then(|| behind.to_owned()));
        vec![(token.id(text), title)]
    }
}

/// A list, or one value in its place, or nothing.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Nothing(()),
    Many(Vec<T>),
    One(T),
}

impl WorkPackage {
    /// Reads the front matter of a work-package file.
    ///
    /// # Errors
    /// [`ArtefactError::Broken`]: no front matter, YAML that does not parse, or no work-package ID anywhere.
    pub fn parse(source: &Source) -> Result<Self, ArtefactError> {
        let range = front_matter_range(source)?;
        let front: FrontMatter = yaml::read(source, range.clone())?;
        let file_name = source.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let named = [front.work_package_id, front.wp_id].into_iter().filter_map(Loose::text);
        let id = named.into_iter().find_map(|id| WpId::parse(&id).ok());
        let id = id.or_else(|| id_of_file_name(file_name)).ok_or_else(|| {
            let help = "add `work_package_id: WP01` to the front matter, or name the file WP01-title.md";
            ArtefactError::broken(source, range.start, "the work package has no ID", help)
        })?;
        let text = &source.text()[range.clone()];
        let named = front.subtasks.into_iter().flat_map(Entry::subtasks);
        let first_line = source.line_of(range.start);
        let lines = EntryLines::of(text);
        let subtasks = named.map(|(id, title)| {
            let line = lines.find(id.as_str()).map(|line| first_line + line);
            Subtask { id, title, line }
        });
        let subtasks = subtasks.collect();
        let file = source.name().to_owned();
        Ok(Self { id, file, title: front.title.text(), subtasks, dependencies: front.dependencies })
    }

    /// Whether the roster lists a task.
    #[must_use]
    pub fn owns(&self, id: &TaskId) -> Option<&Subtask> {
        self.subtasks.iter().find(|subtask| subtask.id == *id)
    }
}

/// The work package that a file name stands for: `WP01-title.md`, `WP01.md`.
#[must_use]
pub fn id_of_file_name(name: &str) -> Option<WpId> {
    let stem = name.strip_suffix(".md")?;
    let end = stem.find(['-', '_', '.']).unwrap_or(stem.len());
    WpId::parse(&stem[..end]).ok()
}

/// All that the front matter says, and where the body begins.
///
/// # Errors
/// As [`WorkPackage::parse`].
pub fn front_matter(
    source: &Source,
) -> Result<(serde_json::Map<String, serde_json::Value>, usize), ArtefactError> {
    let range = front_matter_range(source)?;
    let end = source.text()[range.end..].find('\n').map_or(source.text().len(), |end| range.end + end + 1);
    Ok((yaml::read(source, range)?, end))
}

fn front_matter_range(source: &Source) -> Result<std::ops::Range<usize>, ArtefactError> {
    let text = source.text();
    let bom = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let missing = |at: usize, message: &str| {
        let help = "a work-package file starts with a line `---`, YAML, and a second line `---`";
        ArtefactError::broken(source, at, message, help)
    };
    let mut lines = text[bom..].split_inclusive('\n');
    let first = lines.next().filter(|line| line.trim_end() == "---");
    let start = bom + first.ok_or_else(|| missing(bom, "there is no front matter"))?.len();
    let mut end = start;
    for line in lines {
        if line.trim_end() == "---" {
            return Ok(start..end);
        }
        end += line.len();
    }
    Err(missing(bom, "the front matter is not closed"))
}

/// Where the words below `subtasks:` stand, 0-based lines inside the front matter.
struct EntryLines<'a> {
    /// First words of lines: entries of a block list.
    leading: HashMap<&'a str, usize>,
    /// All words: entries of a list in one line, and what titles mention.
    any: HashMap<&'a str, usize>,
}

impl<'a> EntryLines<'a> {
    fn of(front: &'a str) -> Self {
        let mut lines = Self { leading: HashMap::new(), any: HashMap::new() };
        let below = front.lines().enumerate().skip_while(|(_, line)| !line.starts_with("subtasks:"));
        for (number, line) in below {
            let line = line.strip_prefix("subtasks:").unwrap_or(line);
            let id = line.trim_start().strip_prefix("- id:").unwrap_or(line);
            let words = id.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
            for (nth, word) in words.enumerate() {
                if nth == 0 {
                    lines.leading.entry(word).or_insert(number);
                }
                lines.any.entry(word).or_insert(number);
            }
        }
        lines
    }

    fn find(&self, id: &str) -> Option<usize> {
        let word = id.split(|c: char| !c.is_alphanumeric()).next().unwrap_or(id);
        self.leading.get(word).or_else(|| self.any.get(word)).copied()
    }
}

fn entries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Entry>, D::Error> {
    Ok(match OneOrMany::deserialize(deserializer)? {
        // `subtasks: T001, T002` in one string.
        OneOrMany::One(Entry::Id(list)) => {
            list.split(',').map(|id| Entry::Id(id.trim().to_owned())).collect()
        }
        OneOrMany::One(Entry::Other(_) | Entry::Named(_)) => {
            return Err(serde::de::Error::custom("`subtasks` must be a list: [T001, T002]"));
        }
        OneOrMany::One(entry) => vec![entry],
        OneOrMany::Many(entries) => entries,
        OneOrMany::Nothing(()) => Vec::new(),
    })
}

/// `dependencies` is a list in 2,534 real files and a string such as `"[]"` or `WP01` in 3.
fn strings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::<Loose>::deserialize(deserializer)? {
        OneOrMany::One(list) => {
            let list = list.text().unwrap_or_default();
            let words =
                list.trim_matches(['[', ']']).split(',').map(|word| word.trim_matches(['"', '\'', ' ']));
            words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
        }
        OneOrMany::Many(entries) => entries.into_iter().filter_map(Loose::text).collect(),
        OneOrMany::Nothing(()) => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn parse(text: &str) -> Result<WorkPackage, ArtefactError> {
        WorkPackage::parse(&Source::new("tasks/WP07-x.md", "tasks/WP07-x.md", text))
    }

    #[rstest]
    #[case::list("subtasks:\n- T001\n- T014b\n", &["T001", "T014b"])]
    #[case::flow("subtasks: [T001, \"T002\"]\n", &["T001", "T002"])]
    #[case::objects("subtasks:\n- id: T001\n  title: a\n  status: planned\n", &["T001"])]
    #[case::string("subtasks: T001, T002\n", &["T001", "T002"])]
    #[case::empty("subtasks: []\n", &[])]
    #[case::null("subtasks:\n", &[])]
    #[case::absent("title: x\n", &[])]
    #[case::titled("subtasks:\n- 'T001: Setup'\n- T002: Core\n- T003 - Rest\n", &["T001", "T002", "T003"])]
    #[case::range("subtasks:\n- T001-T003\n- '[T005, T006]'\n", &["T001", "T002", "T003", "T005", "T006"])]
    #[case::odd("subtasks:\n- T001\n- 5\n- true\n- [T002]\n", &["T001"])]
    fn rosters(#[case] front: &str, #[case] expected: &[&str]) {
        let package = parse(&format!("---\n{front}---\nbody\n")).unwrap();
        let ids: Vec<_> = package.subtasks.iter().map(|s| s.id.as_str()).collect();
        assert_eq!((ids.as_slice(), package.id.as_str()), (expected, "WP07"));
    }

    #[rstest]
    #[case("dependencies: [WP01, WP02]\n", &["WP01", "WP02"])]
    #[case("dependencies: \"[]\"\n", &[])]
    #[case("dependencies: WP01\n", &["WP01"])]
    #[case("dependencies: [1, WP02]\nwp_id: WP07\nwork_package_id: 7\n", &["1", "WP02"])]
    fn dependencies(#[case] front: &str, #[case] expected: &[&str]) {
        assert_eq!(parse(&format!("---\n{front}---\n")).unwrap().dependencies, expected);
    }

    #[test]
    fn a_roster_entry_knows_its_line() {
        let package = parse("---\ntitle: T002\nsubtasks:\n- T001\n- T002\n---\n").unwrap();
        assert_eq!(package.subtasks[1].line, Some(5));
    }

    #[rstest]
    #[case("no front matter", 1)]
    #[case("---\ntitle: x\n", 1)]
    #[case("---\ntitle: x\nsubtasks: [T001\n---\n", 3)]
    #[case("---\ntitle: a: b\n---\n", 2)]
    #[case("---\nsubtasks: {T001: x}\n---\n", 2)]
    fn broken_front_matter_has_a_line(#[case] text: &str, #[case] line: usize) {
        let error = parse(text).unwrap_err();
        assert_eq!(error.place(), ("tasks/WP07-x.md", Some(line)), "{error}");
    }
}

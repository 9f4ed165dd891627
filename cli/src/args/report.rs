//! `--report FORMAT[=FILE]`.

use std::path::PathBuf;

use clearance_rules::team::nearest;

/// A report that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReportRequest {
    /// What it looks like.
    pub(crate) format: Format,
    /// The file to write; `None` for standard output.
    pub(crate) file: Option<PathBuf>,
}

/// What a report looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// The account of the command, one JSON value.
    Json,
    /// A JSON object a line.
    Jsonl,
    /// SARIF 2.1.0.
    Sarif,
    /// JUnit's XML.
    Junit,
    /// Annotations of GitHub Actions, and its step summary.
    Github,
    /// GitLab's code quality.
    Gitlab,
    /// Markdown.
    Markdown,
    /// One HTML page.
    Html,
    /// Text for people.
    Form(Form),
}

/// How findings are told to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// With frames and colour.
    Fancy,
    /// A line each, as compilers do.
    Plain,
    /// In sentences, without drawings.
    Narrated,
}

impl Format {
    /// Every format, by its name.
    const ALL: [(&'static str, Self); 11] = [
        ("json", Self::Json),
        ("jsonl", Self::Jsonl),
        ("sarif", Self::Sarif),
        ("junit", Self::Junit),
        ("github", Self::Github),
        ("gitlab", Self::Gitlab),
        ("markdown", Self::Markdown),
        ("html", Self::Html),
        ("fancy", Self::Form(Form::Fancy)),
        ("plain", Self::Form(Form::Plain)),
        ("narrated", Self::Form(Form::Narrated)),
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }

    /// Whether it tells of findings, which only a gate has.
    pub(crate) fn tells_findings(self) -> bool {
        !matches!(self, Self::Json | Self::Form(_))
    }
}

impl ReportRequest {
    /// The names under which standard output would be written a second time.
    const STDOUT: [&'static str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, file) = text.split_once('=').map_or((text, None), |(name, file)| (name, Some(file)));
        let names: Vec<_> = Format::ALL.iter().map(|(name, _)| *name).collect();
        let known = Format::ALL.iter().find(|(known, _)| *known == name);
        let Some((_, format)) = known else {
            let near = nearest(name, names.iter().copied())
                .map(|near| format!("did you mean `{near}`? "))
                .unwrap_or_default();
            return Err(format!(
                "{near}the formats are: {}; each but the last three also as FORMAT=FILE",
                names.join(", ")
            ));
        };
        let file = match (file, format) {
            (None, _) => None,
            (Some(_), Format::Form(_)) => {
                return Err(format!("`{name}` is how people are talked to, and no file"));
            }
            (Some(""), _) => return Err(format!("a file name must follow `{name}=`")),
            (Some(file), _) => Some(PathBuf::from(file)).filter(|_| !Self::STDOUT.contains(&file)),
        };
        Ok(Self { format: *format, file })
    }

    /// Whether it is a JSON value on standard output.
    pub(crate) fn is_json_on_stdout(&self) -> bool {
        self.file.is_none() && self.format == Format::Json
    }

    /// Whether it is all that standard output has. Annotations stand beside the text for people: a runner takes them out.
    pub(crate) fn takes_stdout(&self) -> bool {
        self.file.is_none() && !matches!(self.format, Format::Form(_) | Format::Github)
    }

    /// How people are talked to, where it says that.
    pub(crate) fn form(&self) -> Option<Form> {
        match self.format {
            Format::Form(form) => Some(form),
            _ => None,
        }
    }
}

//! Command lines of the documentation, read by the parser that reads those of users.

use clap::error::ErrorKind;

/// What stands for something else in a line, and a word that the parser takes in its place.
const PLACEHOLDERS: [(&str, &str); 12] = [
    ("WPnn", "WP01"),
    ("ID", "T001"),
    ("S", "merge"),
    ("STAGE", "merge"),
    ("LANE", "done"),
    ("STATE", "done"),
    ("SECONDS", "5"),
    ("WHEN", "auto"),
    ("FORMAT", "json"),
    ("GRANT", "network:a-rule"),
    ("COMMAND", "status"),
    ("FILE", "rule"),
];

/// How a line stands in a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// In a block: as it is typed.
    Typed,
    /// In a block, with words in capitals that stand for something.
    Filled,
    /// In a sentence or a table: `[what may be left out]`, `one|other`, `more...`, and perhaps only the name of a command.
    Told,
}

/// The commands of a line that are ours, each as its words. Whatever a shell does beside them is left out.
pub(crate) fn ours(line: &str) -> Vec<Vec<String>> {
    let commands = commands(line).into_iter();
    commands.filter_map(|words| own(&words)).collect()
}

/// The words behind what comes before the name of a program: variables, `exec`, `cargo run ... --`.
fn own(words: &[String]) -> Option<Vec<String>> {
    let is_before = |word: &&String| {
        let variable = word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        });
        variable || ["exec", "env", "time", "!", "if", "then", "do", "while"].contains(&word.as_str())
    };
    let before = words.iter().take_while(is_before).count();
    let words = &words[before..];
    match words.first()?.as_str() {
        "clearance" => Some(words.to_vec()),
        "cargo" if words.get(1).is_some_and(|word| word == "run") => {
            let end = words.iter().position(|word| word == "--")?;
            Some([&["clearance".to_owned()], &words[end + 1..]].concat())
        }
        _ => None,
    }
}

/// A line of a shell as commands, each as its words: quotes are taken off, redirections and comments left out.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut reader = Reader::default();
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (reader.quote, letter) {
            (Some(quote), _) if letter == quote => reader.quote = None,
            (Some('"'), '\\') | (None, '\\') => match letters.next() {
                Some('\n') | None => {}
                Some(next) => reader.push(next),
            },
            (Some(_), _) => reader.push(letter),
            (None, '\'' | '"') => {
                reader.quote = Some(letter);
                reader.word.get_or_insert_default();
            }
            (None, '#') if reader.word.is_none() => while letters.next_if(|next| *next != '\n').is_some() {},
            (None, ' ' | '\t') => reader.end_word(),
            (None, '|')
                if letters.peek().is_some_and(|next| !" |".contains(*next)) && reader.word.is_some() =>
            {
                reader.push(letter); // `one|other`
            }
            (None, '\n' | ';' | '|' | '&' | '(' | ')') => reader.end_command(),
            (None, '<' | '>') => {
                reader.word.take_if(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
                reader.end_word();
                reader.leave_out = true;
            }
            (None, _) => reader.push(letter),
        }
    }
    reader.end_command();
    reader.commands
}

#[derive(Default)]
struct Reader {
    commands: Vec<Vec<String>>,
    command: Vec<String>,
    word: Option<String>,
    quote: Option<char>,
    /// The next word is the file of a redirection.
    leave_out: bool,
}

impl Reader {
    fn push(&mut self, letter: char) {
        self.word.get_or_insert_default().push(letter);
    }

    fn end_word(&mut self) {
        if let Some(word) = self.word.take()
            && !std::mem::take(&mut self.leave_out)
        {
            self.command.push(word);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        let command = std::mem::take(&mut self.command);
        if !command.is_empty() {
            self.commands.push(command);
        }
    }
}

/// Why the program would not take a line; nothing where it would, or where the line has none of its commands.
pub(crate) fn fault(line: &str, form: Form) -> Option<String> {
    let variants = match form {
        Form::Typed | Form::Filled => vec![line.to_owned()],
        Form::Told => vec![without_brackets(line, false), without_brackets(line, true)],
    };
    variants.iter().flat_map(|line| ours(line)).find_map(|words| match form {
        Form::Typed => refused(&words, form),
        Form::Filled | Form::Told => alternatives(&words).iter().find_map(|words| refused(words, form)),
    })
}

/// `[what may be left out]`, left out or not.
fn without_brackets(line: &str, keep: bool) -> String {
    let mut depth = 0_u32;
    let kept = line.chars().filter(|letter| {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => return keep || depth == 0,
        }
        false
    });
    kept.collect()
}

/// Each alternative of `one|other`, those of all words at once, and words for what stands for something.
fn alternatives(words: &[String]) -> Vec<Vec<String>> {
    let most = words.iter().map(|word| word.split('|').count()).max().unwrap_or(1);
    let nth = |word: &String, number: usize| {
        let of: Vec<_> = word.split('|').collect();
        let one = of[number.min(of.len() - 1)].trim_end_matches("...");
        let (head, rest) = one.split_at(one.find('=').unwrap_or(one.len()));
        let placeholder = PLACEHOLDERS.iter().find(|(name, _)| *name == head);
        placeholder.map_or(head, |(_, stands)| *stands).to_owned() + rest
    };
    let line = |number| words.iter().map(|word| nth(word, number)).filter(|word| !word.is_empty()).collect();
    (0..most).map(line).collect()
}

fn refused(words: &[String], form: Form) -> Option<String> {
    let error = clearance::command_line().try_get_matches_from(words).err()?;
    let fine = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
        // The name of a command, in a sentence.
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => form == Form::Told,
        _ => false,
    };
    (!fine).then(|| format!("{words:?}: {}", error.to_string().lines().next().unwrap_or_default()))
}

/// The names of all options of all commands, as `--dry-run`.
pub(crate) fn options() -> Vec<String> {
    let mut commands = vec![clearance::command_line()];
    let mut names = vec!["--help".to_owned(), "--version".to_owned()];
    while let Some(command) = commands.pop() {
        let arguments = command.get_arguments().flat_map(|argument| {
            let aliases = argument.get_all_aliases().unwrap_or_default();
            argument.get_long().into_iter().chain(aliases).map(|name| format!("--{name}")).collect::<Vec<_>>()
        });
        names.extend(arguments);
        commands.extend(command.get_subcommands().cloned());
    }
    names
}

#[test]
fn lines_are_read_as_a_shell_reads_them() {
    let line = "A=1 clearance check --repo 'a b' 2>&1 > out | tee x; git status && clearance merge \\\n --resume # --not";
    assert_eq!(
        ours(line),
        [&["clearance", "check", "--repo", "a b"][..], &["clearance", "merge", "--resume"]]
    );
    assert_eq!(ours("cargo run --locked -- demo"), [["clearance", "demo"]]);
    assert_eq!(ours("git clearance"), Vec::<Vec<String>>::new());
}

#[test]
fn what_the_program_would_not_take_is_a_fault() {
    for line in [
        "clearance chek",
        "clearance check --no-such-thing",
        "clearance status --all|--mision M",
        "clearance check [--stage comit]",
        "true && clearance move WPnn --to",
    ] {
        assert!(fault(line, Form::Told).is_some(), "{line}");
    }
    for line in [
        "clearance mark-status ID... --status done|pending [--mission M]",
        "clearance move",
        "clearance rules new|test|lint|explain|schema|trust",
        "clearance check --report FORMAT[=FILE]",
        "git log --all",
    ] {
        assert_eq!(fault(line, Form::Told), None, "{line}");
    }
    assert!(fault("clearance move", Form::Typed).is_some());
}

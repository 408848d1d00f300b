//! Which files of a folder stay out of its package: the patterns of `.hearthignore`, else of `.gitignore`, as git reads
//! them. Pure: patterns and paths in, an answer out.
//!
//! Not read: `.gitignore` files in sub-folders, and git's global one.

/// Never of use to a function, whatever the patterns say.
const NEVER: [&str; 9] =
    [".DS_Store", ".git", ".gitignore", ".hearth", ".hearthignore", ".hg", ".svn", ".venv", "__pycache__"];
/// What editors leave for a moment beside a file that they save. A pattern with `!` brings one back.
const EDITORS: &str = "*~\n*.swp\n*.swx\n.#*\n\\#*#\n4913\n";
/// What git leaves out, and functions need.
const KEPT_FROM_GIT: &str = "node_modules";

/// What the patterns are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Packages: they are meant as they are.
    Hearth,
    /// Version control: installed dependencies stay in the package all the same.
    Git,
}

/// The patterns of one file, in order: the last that matches decides.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    segments: Vec<Segment>,
    kept: bool,
    folders_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// `**`: any number of folders.
    Folders,
    /// One name.
    Name(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    /// `?`
    One,
    /// `*`
    Many,
    /// `[a-z]`, or `[!a-z]`
    Class {
        ranges: Vec<(char, char)>,
        negated: bool,
    },
}

impl Rules {
    /// The patterns in `text`.
    pub(crate) fn parse(text: &str, source: Source) -> Self {
        let mut rules: Vec<Rule> = EDITORS.lines().chain(text.lines()).filter_map(rule).collect();
        if source == Source::Git {
            rules.retain(|rule| rule.kept || !names(rule, KEPT_FROM_GIT));
        }
        Self { rules }
    }

    /// Of a folder without patterns.
    pub(crate) fn usual() -> Self {
        Self::parse("", Source::Hearth)
    }

    /// Whether what is at `path` (relative, with `/`) stays out; with a folder all that is in it.
    pub(crate) fn excluded(&self, path: &str, is_folder: bool) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        if names.last().is_some_and(|name| NEVER.contains(name)) {
            return true;
        }
        // Once for all rules: a folder may have many thousands of files.
        let names: Vec<Vec<char>> = names.into_iter().map(|name| name.chars().collect()).collect();
        let decides = |rule: &&Rule| (is_folder || !rule.folders_only) && fits(&rule.segments, &names);
        self.rules.iter().rev().find(decides).is_some_and(|rule| !rule.kept)
    }

    /// As [`Rules::excluded`], for a path whose folders were not looked at before it.
    pub(crate) fn excluded_anywhere(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at);
        ends.filter_map(|end| path.get(..end)).any(|folder| self.excluded(folder, true)) || self.excluded(path, false)
    }
}

fn rule(line: &str) -> Option<Rule> {
    let line = line.trim_end();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (kept, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
    let (folders_only, line) = line.strip_suffix('/').map_or((false, line), |rest| (true, rest));
    let anchored = line.contains('/');
    let mut segments: Vec<Segment> = line.trim_start_matches('/').split('/').map(segment).collect();
    if !anchored {
        segments.insert(0, Segment::Folders);
    }
    Some(Rule { segments, kept, folders_only })
}

fn segment(text: &str) -> Segment {
    if text == "**" {
        return Segment::Folders;
    }
    let mut tokens = Vec::new();
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        tokens.push(match next {
            '*' => Token::Many,
            '?' => Token::One,
            '\\' => Token::Char(rest.next().unwrap_or('\\')),
            '[' => class(&mut rest).unwrap_or(Token::Char('[')),
            other => Token::Char(other),
        });
    }
    Segment::Name(tokens)
}

/// After `[`, up to and with `]`. Without one it is no class, and nothing is taken.
fn class(rest: &mut std::str::Chars<'_>) -> Option<Token> {
    let (inside, after) = rest.as_str().split_once(']')?;
    let negated = inside.starts_with(['!', '^']);
    let inside: Vec<char> = inside.chars().skip(usize::from(negated)).collect();
    let mut ranges = Vec::new();
    let mut left = inside.as_slice();
    loop {
        left = match left {
            [low, '-', high, after @ ..] => {
                ranges.push((*low, *high));
                after
            }
            [one, after @ ..] => {
                ranges.push((*one, *one));
                after
            }
            [] => break,
        };
    }
    *rest = after.chars();
    Some(Token::Class { ranges, negated })
}

/// Whether a rule is about one name and nothing else.
fn names(rule: &Rule, name: &str) -> bool {
    let wanted = Segment::Name(name.chars().map(Token::Char).collect());
    rule.segments.last() == Some(&wanted) && rule.segments.len() <= 2
}

fn fits(segments: &[Segment], names: &[Vec<char>]) -> bool {
    match segments {
        [] => names.is_empty(),
        // At the end it stands for what is inside, not for the folder itself.
        [Segment::Folders] => !names.is_empty(),
        // Each of the rest is one name: they can only be the last ones.
        [Segment::Folders, rest @ ..] if !rest.contains(&Segment::Folders) => {
            names.len().checked_sub(rest.len()).is_some_and(|skip| fits(rest, names.get(skip..).unwrap_or_default()))
        }
        [Segment::Folders, rest @ ..] => {
            (0..=names.len()).any(|skip| fits(rest, names.get(skip..).unwrap_or_default()))
        }
        [Segment::Name(tokens), rest @ ..] => match names {
            [name, others @ ..] => fits_name(tokens, name) && fits(rest, others),
            [] => false,
        },
    }
}

/// With one place to go back to, the last `*`: that is enough, and never takes more than pattern times name.
fn fits_name(tokens: &[Token], name: &[char]) -> bool {
    let (mut token, mut at) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while let Some(&next) = name.get(at) {
        match tokens.get(token) {
            Some(Token::Many) => {
                back = Some((token, at));
                token += 1;
                continue;
            }
            Some(one) if one.fits(next) => {
                token += 1;
                at += 1;
                continue;
            }
            _ => {}
        }
        // One character more for the last `*`.
        let Some((star, from)) = back else { return false };
        back = Some((star, from + 1));
        (token, at) = (star + 1, from + 1);
    }
    tokens.get(token..).unwrap_or_default().iter().all(|rest| *rest == Token::Many)
}

impl Token {
    fn fits(&self, c: char) -> bool {
        match self {
            Self::Char(wanted) => *wanted == c,
            Self::One | Self::Many => true,
            Self::Class { ranges, negated } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(patterns: &str, path: &str) -> bool {
        Rules::parse(patterns, Source::Git).excluded_anywhere(path)
    }

    #[test]
    fn a_name_is_left_out_wherever_it_is() {
        assert!(out("*.log", "a.log") && out("*.log", "deep/er/a.log") && !out("*.log", "a.logs"));
        assert!(out("*.py[cod]\n", "x.pyc") && !out("*.py[cod]", "x.py") && out("[!a]b", "cb") && !out("[!a]b", "ab"));
        assert!(out("build/", "build/x.js") && !out("build/", "build"), "only a folder");
        assert!(out("a?c", "abc") && !out("a?c", "ac") && out("\\*", "*") && !out("\\*", "x"));
    }

    #[test]
    fn a_pattern_with_a_slash_is_from_the_top() {
        assert!(out("/a.txt", "a.txt") && !out("/a.txt", "b/a.txt"));
        assert!(out("docs/*.md", "docs/a.md") && !out("docs/*.md", "docs/x/a.md") && !out("docs/*.md", "x/docs/a.md"));
        assert!(out("docs/**/*.md", "docs/x/y/a.md") && out("docs/**/*.md", "docs/a.md"));
        assert!(out("**/tmp", "x/y/tmp") && out("logs/**", "logs/x/y") && !out("logs/**", "logs"));
    }

    #[test]
    fn the_last_pattern_decides() {
        let patterns = "# comment\n\n*.txt\n!keep.txt\n";
        assert!(out(patterns, "a.txt") && !out(patterns, "keep.txt") && !out(patterns, "# comment"));
        assert!(out("x/\n!x/keep.txt", "x/keep.txt"), "not out of a folder that is left out, as in git");
    }

    #[test]
    fn dependencies_stay_and_version_control_goes() {
        assert!(!out("node_modules/\n/node_modules\nnode_modules", "node_modules/a/index.js"));
        assert!(out("node_modules/.cache", "node_modules/.cache/x"));
        assert!(Rules::parse("node_modules", Source::Hearth).excluded_anywhere("node_modules/a"));
        for path in [".git/HEAD", "a/__pycache__/x.pyc", ".gitignore", ".venv/bin/python"] {
            assert!(out("", path), "{path}");
        }
        assert!(!out("", ".env"));
        for path in ["app.py~", ".app.py.swp", "lib/4913", ".#app.py", "#app.py#"] {
            assert!(out("", path), "{path}");
        }
        assert!(!out("!4913", "4913"));
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!out(&pattern, &"a".repeat(255)));
    }
}

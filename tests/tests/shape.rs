//! The shape of the project: which crate may use which, what each must never name, and that what the README says is
//! there.

use imgcalc_tests::programs;
use imgcalc_tests::sandbox::files;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use toml::Table;

/// Folders and what each may use. Nothing may use `tests`.
const ARROWS: [(&str, &[&str]); 7] = [
    ("shared", &[]),
    ("proto", &["imgcalc-shared"]),
    ("cluster", &["imgcalc-shared"]),
    (
        "coordinator",
        &["imgcalc-shared", "imgcalc-proto", "imgcalc-cluster"],
    ),
    ("worker", &["imgcalc-shared", "imgcalc-proto", "imgcalc-engine"]),
    ("worker/engine", &["imgcalc-shared"]),
    (
        "tests",
        &[
            "imgcalc-shared",
            "imgcalc-proto",
            "imgcalc-cluster",
            "imgcalc-coordinator",
        ],
    ),
];

/// Crates that are workspaces of their own, and what each may use.
const APART: [(&str, &[&str]); 2] = [
    ("shared/fuzz", &["imgcalc-shared"]),
    ("shared/python", &["imgcalc-shared"]),
];

const FOLDERS: [&str; 6] = ["cluster", "coordinator", "proto", "shared", "tests", "worker"];

const LINES_MAX: usize = 450;

/// What a pure domain has no use for, as it would stand in code.
const IMPURE: [&str; 14] = [
    "async ",
    "await",
    "tokio",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant",
    "rand::",
    "println!",
    "static mut",
    "unsafe",
];

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace");
    root.to_path_buf()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

fn manifest(folder: &str) -> Table {
    read(&root().join(folder).join("Cargo.toml"))
        .parse()
        .expect("a manifest is TOML")
}

/// Names of everything a crate depends on, for whatever purpose.
fn dependencies(manifest: &Table) -> BTreeSet<String> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = kinds.iter().filter_map(|kind| manifest.get(*kind)?.as_table());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

/// Every source file of a folder, without what is built or fetched.
fn sources(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let wanted = |file: &PathBuf| {
        file.extension()
            .is_some_and(|end| extensions.iter().any(|known| end == *known))
    };
    files(folder).into_iter().filter(wanted).collect()
}

/// Rust without its comments: what is said about a thing is no use of it.
fn code(path: &Path) -> String {
    let text = read(path);
    let line = |line: &str| line.split("//").next().unwrap_or_default().to_string();
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Whether `word` stands in `text` as a name of its own.
fn names(text: &str, word: &str) -> bool {
    let inner = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        !inner(text[..at].chars().next_back()) && !inner(text[at + word.len()..].chars().next())
    })
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[test]
fn crates_use_only_what_the_design_allows() {
    let members = manifest("")["workspace"]["members"]
        .as_array()
        .expect("members")
        .clone();
    let members: BTreeSet<&str> = members.iter().filter_map(|member| member.as_str()).collect();
    assert_eq!(
        members,
        ARROWS.iter().map(|(folder, _)| *folder).collect(),
        "every crate has its arrows"
    );
    for (folder, allowed) in ARROWS.into_iter().chain(APART) {
        let used = dependencies(&manifest(folder));
        let own: Vec<&String> = used.iter().filter(|name| name.starts_with("imgcalc-")).collect();
        for name in own {
            assert!(
                allowed.contains(&name.as_str()),
                "{folder} must not use {name}; it may use {allowed:?}"
            );
        }
    }
}

#[test]
fn only_the_engine_names_the_tensor_library() {
    for (folder, _) in ARROWS {
        let has = dependencies(&manifest(folder)).contains("tch");
        assert_eq!(has, folder == "worker/engine", "{folder}/Cargo.toml");
    }
    for folder in FOLDERS {
        for file in sources(&root().join(folder), &["rs"]) {
            // The rule itself names what it forbids.
            let exempt =
                file.starts_with(root().join("worker/engine")) || file.ends_with("tests/tests/shape.rs");
            let uses = names(&code(&file), "tch");
            assert!(exempt || !uses, "{} names tch", shown(&file));
        }
    }
}

#[test]
fn the_agent_never_names_the_engine() {
    let source = root().join("worker/src");
    let mut agent = sources(&source.join("agent"), &["rs"]);
    agent.push(source.join("agent.rs"));
    assert!(agent.len() > 3, "the agent has moved: {agent:?}");
    for file in agent {
        assert!(
            !names(&code(&file), "imgcalc_engine"),
            "{} names the engine",
            shown(&file)
        );
    }
}

#[test]
fn modules_of_the_domain_use_only_those_above_them() {
    let source = root().join("shared/src");
    let text = code(&source.join("lib.rs"));
    let declared = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'));
    let order: BTreeMap<&str, usize> = declared.enumerate().map(|(place, name)| (name, place)).collect();
    assert!(order.len() > 10, "{order:?}");
    for file in sources(&source, &["rs"]) {
        let relative = file
            .strip_prefix(&source)
            .expect("found below")
            .with_extension("");
        let module = relative
            .iter()
            .next()
            .and_then(|name| name.to_str())
            .expect("a module has a name");
        if module == "lib" {
            continue;
        }
        let place = *order
            .get(module)
            .unwrap_or_else(|| panic!("lib.rs does not declare {module}"));
        // Unit tests may borrow from below.
        let text = code(&file);
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (at, _) in text.match_indices("crate::") {
            let rest = &text[at + "crate::".len()..];
            assert!(
                !rest.starts_with('{'),
                "{}: one use for each module of the crate",
                shown(&file)
            );
            let used: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let above = order
                .get(used.as_str())
                .unwrap_or_else(|| panic!("{}: crate::{used}?", shown(&file)));
            assert!(
                *above <= place,
                "{} uses {used}, which stands below {module} in lib.rs",
                shown(&file)
            );
        }
    }
}

#[test]
fn the_domain_is_pure() {
    for file in sources(&root().join("shared/src"), &["rs"]) {
        let text = code(&file);
        for word in IMPURE {
            let last = word.trim_end();
            let found = if last.ends_with(|c: char| c.is_alphanumeric()) {
                names(&text, last)
            } else {
                text.contains(last)
            };
            assert!(!found, "{} names {last}", shown(&file));
        }
    }
    let used = dependencies(&manifest("shared"));
    for name in ["rand", "tokio", "object_store", "tracing", "anyhow", "futures"] {
        assert!(!used.contains(name), "shared/Cargo.toml names {name}");
    }
}

#[test]
fn the_top_level_holds_the_six_crates_and_nothing_else() {
    let entries = std::fs::read_dir(root())
        .expect("the root can be read")
        .filter_map(Result::ok);
    let folders = entries.filter(|entry| entry.path().is_dir());
    let names: BTreeSet<String> = folders
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let names: Vec<&String> = names
        .iter()
        .filter(|name| !name.starts_with('.') && *name != "target")
        .collect();
    assert_eq!(names, FOLDERS);
}

#[test]
fn source_files_are_short() {
    let mut long = Vec::new();
    for folder in FOLDERS {
        for file in sources(&root().join(folder), &["rs", "py", "sh", "proto", "cpp"]) {
            let lines = read(&file).lines().count();
            if lines > LINES_MAX {
                long.push(format!("{} has {lines} lines", shown(&file)));
            }
        }
    }
    assert!(long.is_empty(), "at most {LINES_MAX} lines, {long:#?}");
}

/// What the README sets as code: spans in backticks, and fenced or indented lines.
fn readme_code() -> Vec<String> {
    let text = read(&root().join("README.md"));
    let mut found = Vec::new();
    let mut prose = String::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced || line.starts_with("    ") {
            // What a shell does not read is prose.
            found.push(line.split(" #").next().unwrap_or_default().trim().to_string());
        } else {
            prose += line;
            prose.push('\n');
        }
    }
    found.extend(
        prose
            .split('`')
            .skip(1)
            .step_by(2)
            .map(|span| span.replace('\n', " ")),
    );
    found
}

/// Words that follow `command` in the README's code, past options and their values.
fn readme_words(command: &str) -> BTreeSet<String> {
    let mut after = BTreeSet::new();
    for code in readme_code() {
        let words: Vec<&str> = code.split_whitespace().collect();
        for (at, word) in words.iter().enumerate() {
            let program = word.rsplit('/').next().unwrap_or(word);
            if program != command {
                continue;
            }
            let mut rest = words[at + 1..].iter();
            while let Some(next) = rest.next() {
                if next.starts_with("--") {
                    // The value of `--option value`; of `--option=value` it is part of the word.
                    if !next.contains('=') && *next != "--help" && *next != "--version" {
                        rest.next();
                    }
                } else {
                    after.insert(next.trim_end_matches([';', ',', '.']).to_string());
                    break;
                }
            }
        }
    }
    after
}

/// Whether a word in backticks is meant as a path of this repository.
fn is_repository_path(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let top = word.split('/').next().unwrap_or_default();
    let known_end = [".rs", ".toml", ".md", ".sh", ".proto", ".py"]
        .iter()
        .any(|end| word.ends_with(end));
    // Under `target` and `.deps` lies what a command makes, not what is kept.
    let made = ["target", ".deps"].contains(&top);
    word.chars().all(plain) && !made && (word.contains('/') && FOLDERS.contains(&top) || known_end)
}

#[test]
fn every_path_the_readme_names_is_there() {
    let spans = readme_code();
    let words = spans.iter().flat_map(|span| span.split_whitespace());
    let paths: BTreeSet<&str> = words.filter(|word| is_repository_path(word)).collect();
    let made: Vec<&str> = spans
        .iter()
        .flat_map(|span| span.split('>').skip(1))
        .map(str::trim)
        .collect();
    let spec = |path: &str| !path.contains('/') && made.contains(&path);
    for path in &paths {
        assert!(
            spec(path) || root().join(path).exists(),
            "README.md names {path}, which is not there"
        );
    }
    assert!(paths.len() > 5, "the README has a code map: {paths:?}");
}

#[test]
fn every_command_the_readme_names_is_there() {
    let makefile = read(&root().join("Makefile"));
    for target in readme_words("make") {
        let rule = format!("\n{target}:");
        assert!(
            makefile.contains(&rule),
            "README.md names `make {target}`, which the Makefile does not have"
        );
    }
    let help = programs::run(programs::imgcalc().arg("--help")).ok().stdout;
    let listed = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty());
    let verbs: BTreeSet<&str> = listed.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(verbs.contains("build"), "{help}");
    let named = readme_words("imgcalc");
    for verb in &named {
        let upper = verb.chars().all(|c| c.is_ascii_uppercase());
        assert!(
            upper || verbs.contains(verb.as_str()),
            "README.md names `imgcalc {verb}`, which is no verb"
        );
    }
    assert!(named.contains("build") && named.contains("explore"), "{named:?}");
}

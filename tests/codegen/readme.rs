//! What the README says of generated code is what is generated and run.

use std::fs;

use super::common::root;
use super::{MATCH, generate, here};

/// The section of the README.
fn section() -> String {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = readme.split_once("\n## Typed code from a schema\n").unwrap();
    section.split("\n## ").next().unwrap().into()
}

/// The blocks of a language.
fn blocks<'s>(section: &'s str, language: &str) -> Vec<&'s str> {
    let blocks = section.split(&format!("\n```{language}\n")).skip(1).collect::<Vec<_>>();
    blocks.into_iter().map(|block| block.split("```\n").next().unwrap()).collect()
}

#[test]
fn the_snippets_are_of_programs_that_run() {
    let section = section();
    for (language, files) in [
        ("rust", ["rust.rs", "nested.rs"]),
        ("cpp", ["programs/award.cpp", "programs/places.cpp"]),
        ("csharp", ["programs/Award.cs", "programs/Places.cs"]),
    ] {
        let blocks = blocks(&section, language);
        assert_eq!(blocks.len(), files.len(), "{language}");
        for (block, file) in blocks.iter().zip(files) {
            let program = fs::read_to_string(here(file)).unwrap();
            // In C# a function stands within a class.
            let lines =
                |text: &str| text.lines().map(|line| line.trim().to_string()).collect::<Vec<_>>().join("\n");
            assert!(lines(&program).contains(lines(block).trim()), "{file} has not what the README shows");
        }
    }
}

#[test]
fn the_commands_write_the_committed_code() {
    let folder = tempfile::tempdir().unwrap();
    let section = section();
    let commands = blocks(&section, "sh").concat();
    let mut written = 0;
    for command in commands.lines() {
        let words = command.strip_prefix("mst-profiles schema gen ").unwrap();
        let mut words: Vec<_> = words.split(' ').map(String::from).collect();
        assert_eq!(words.last().unwrap(), "match.profile.schema.json");
        *words.last_mut().unwrap() = MATCH.into();
        let output = words.iter().position(|word| word == "-o").unwrap() + 1;
        let file = words[output].clone();
        words[output] = folder.path().join(&file).to_str().unwrap().into();
        let run = generate(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(run.status.success(), "{run:?}");
        let committed = match file.as_str() {
            "MatchProfile.cs" => "match_profile.cs",
            file => file,
        };
        let [found, committed] = [folder.path().join(&file), here("generated").join(committed)];
        assert!(fs::read_to_string(found).unwrap() == fs::read_to_string(committed).unwrap(), "{file}");
        written += 1;
    }
    assert_eq!(written, 3);
}

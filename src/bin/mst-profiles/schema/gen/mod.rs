//! `mst-profiles schema gen`: typed code for the properties of a schema.
//!
//! A schema becomes a [`Model`], which says of each property what kind it is, what it is called, and what there is to tell
//! of it. Each language writes that down in its own way, over its own support: `mst_profiles::typed`,
//! `include/mst_profiles_typed.hpp` and `bindings/csharp/Typed*.cs`. What is within properties is reached by paths, and the types of
//! [`records`] get structs of their own.

mod cpp;
mod csharp;
mod model;
mod names;
mod records;
mod rust;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use self::model::Model;
use super::load;
use crate::Failure;

#[derive(Args)]
pub(super) struct Options {
    /// The language of the code.
    #[arg(long, value_enum)]
    lang: Language,
    /// The namespace of the code, such as `MyGame.Data`; `profiles` in C++ and `Profiles` in C# when left out. In Rust the
    /// file is a module, and there is none.
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// The name of the class; made of the schema's file name when left out, `MatchProfile` of match.profile.schema.json.
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// Where to write it, instead of printing it. A file that has this text already is left alone.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The schema file (JSON).
    #[arg(value_name = "SCHEMA")]
    schema: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    /// C# 7.2 and later, Unity included.
    #[value(name = "csharp")]
    CSharp,
    /// C++11 and later.
    Cpp,
    /// Rust.
    Rust,
}

impl Language {
    fn word(self) -> &'static str {
        match self {
            Self::CSharp => "csharp",
            Self::Cpp => "cpp",
            Self::Rust => "rust",
        }
    }
}

pub(super) fn run(out: &mut impl Write, options: &Options) -> Result<(), Failure> {
    let code = match generate(options) {
        Ok(code) => code,
        Err(Problem::Usage(problem)) => return Err(problem.into()),
        Err(Problem::Schema(mistakes)) => {
            for mistake in mistakes {
                eprintln!("{mistake}");
            }
            return Err(format!("no code can be written for {}", options.schema.display()).into());
        }
    };
    match &options.output {
        Some(file) => write(file, &code).map_err(|error| format!("{}: {error}", file.display()).into()),
        None => Ok(out.write_all(code.as_bytes())?),
    }
}

/// Why no code can be written.
enum Problem {
    /// What is wrong with the options.
    Usage(String),
    /// All that is wrong with the schema, with the file's name.
    Schema(Vec<String>),
}

fn generate(options: &Options) -> Result<String, Problem> {
    let language = options.lang;
    let rules = match language {
        Language::CSharp => &csharp::RULES,
        Language::Cpp => &cpp::RULES,
        Language::Rust => &rust::RULES,
    };
    let class = match &options.class {
        Some(class) if names::is_identifier(class, rules) => class.clone(),
        Some(class) => {
            return Err(Problem::Usage(format!("--class: `{class}` can't be the name of a class")));
        }
        None => names::class_of(&options.schema),
    };
    let namespace = namespace(options, rules).map_err(Problem::Usage)?;
    let schema = load(&options.schema).map_err(Problem::Schema)?;
    let in_file = |problem: String| format!("{}: {problem}", options.schema.display());
    let model = Model::new(&schema, class, namespace, rules, command(options))
        .map_err(|problems| Problem::Schema(problems.into_iter().map(in_file).collect()))?;
    Ok(match language {
        Language::CSharp => csharp::write(&model),
        Language::Cpp => cpp::write(&model),
        Language::Rust => rust::write(&model),
    })
}

/// The parts of the namespace, which may be separated as in C# or as in C++.
fn namespace(options: &Options, rules: &names::Rules) -> Result<Vec<String>, String> {
    let Some(given) = &options.namespace else {
        return Ok(rules.namespace.iter().map(ToString::to_string).collect());
    };
    if options.lang == Language::Rust {
        return Err("--namespace: in Rust the file is a module, and has no namespace".into());
    }
    let parts: Vec<String> = given.replace("::", ".").split('.').map(String::from).collect();
    match parts.iter().all(|part| names::is_identifier(part, rules)) {
        true => Ok(parts),
        false => Err(format!("--namespace: `{given}` can't be the name of a namespace")),
    }
}

/// The command that writes the same again, but for folders: they differ from one machine to the next.
fn command(options: &Options) -> String {
    let mut command = format!("mst-profiles schema gen --lang {}", options.lang.word());
    for (flag, value) in [("--namespace", &options.namespace), ("--class", &options.class)] {
        if let Some(value) = value {
            command += &format!(" {flag} {value}");
        }
    }
    let name = options.schema.file_name().unwrap_or_default().to_string_lossy();
    // It stands in a comment, which nothing in it may end.
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | ' ');
    let name = name.replace(|c| !is_plain(c), "?");
    if name.contains(' ') { format!("{command} '{name}'") } else { format!("{command} {name}") }
}

/// Writes a file that does not have this text already, so that what is built of it is not built again.
fn write(file: &Path, code: &str) -> std::io::Result<()> {
    match fs::read(file) {
        Ok(text) if text == code.as_bytes() => Ok(()),
        _ => fs::write(file, code),
    }
}

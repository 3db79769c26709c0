//! Generated C++ and C#, compiled and run against the library: the programs are in `programs/`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::common::{library_folder, root};
use super::{EMPTY, KITCHEN_SINK, MATCH, NESTED, ODD, generate, here};

#[test]
fn a_cpp_program_uses_every_kind_of_accessor() {
    let workshop = Workshop::new();
    workshop.generate("cpp", KITCHEN_SINK, "kitchen_sink.hpp");
    for standard in ["c++11", "c++17"] {
        let program = workshop.cpp("sink", standard, &["-fno-exceptions", "-fno-rtti"]);
        assert_eq!(workshop.run(Command::new(program)), "all is well\n");
    }
}

#[test]
fn a_cpp_program_goes_to_places_within_properties() {
    let workshop = Workshop::new();
    workshop.generate("cpp", NESTED, "nested.hpp");
    for standard in ["c++11", "c++17"] {
        let program = workshop.cpp("places", standard, &["-fno-exceptions", "-fno-rtti"]);
        assert_eq!(workshop.run(Command::new(program)), "0 steps\nall is well\n");
    }
}

#[test]
fn cpp_programs_are_clean_under_the_sanitizers() {
    let workshop = Workshop::new();
    workshop.generate("cpp", KITCHEN_SINK, "kitchen_sink.hpp");
    workshop.generate("cpp", NESTED, "nested.hpp");
    let sanitizers = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    for (program, expected) in [("sink", "all is well\n"), ("places", "0 steps\nall is well\n")] {
        assert_eq!(workshop.run(Command::new(workshop.cpp(program, "c++17", &sanitizers))), expected);
    }
}

#[test]
fn a_csharp_program_uses_every_kind_of_accessor() {
    let workshop = Workshop::new();
    workshop.generate("csharp", KITCHEN_SINK, "KitchenSink.cs");
    assert_eq!(workshop.run(workshop.csharp("Sink", &["KitchenSink.cs"], &[])), "all is well\n");
}

#[test]
fn a_csharp_program_goes_to_places_within_properties() {
    let workshop = Workshop::new();
    workshop.generate("csharp", NESTED, "Nested.cs");
    assert_eq!(workshop.run(workshop.csharp("Places", &["Nested.cs"], &[])), "0 steps\nall is well\n");
}

#[test]
fn values_convert_to_those_of_unity() {
    let workshop = Workshop::new();
    let unity = here("programs/UnityEngine.cs");
    workshop.generate("csharp", MATCH, "MatchProfile.cs");
    let options = ["-define:UNITY_5_3_OR_NEWER", unity.to_str().unwrap()];
    assert_eq!(workshop.run(workshop.csharp("Unity", &["MatchProfile.cs"], &options)), "all is well\n");
}

#[test]
fn the_readmes_programs_run() {
    let workshop = Workshop::new();
    workshop.generate("cpp", MATCH, "match_profile.hpp");
    workshop.generate("csharp", MATCH, "MatchProfile.cs");
    let expected = "level 1\n125 gold\n";
    assert_eq!(workshop.run(Command::new(workshop.cpp("award", "c++11", &[]))), expected);
    assert_eq!(workshop.run(workshop.csharp("Award", &["MatchProfile.cs"], &[])), expected);
}

#[test]
fn odd_names_and_comments_and_nothing_at_all_compile() {
    let workshop = Workshop::new();
    for (schema, name) in [(ODD, "odd"), (EMPTY, "empty")] {
        workshop.generate("cpp", schema, &format!("{name}.hpp"));
        workshop.generate("csharp", schema, &format!("{name}.cs"));
    }
    let namespaced = ["--namespace", "My.Game", "--class", "Sink"];
    workshop.generate_with("cpp", &namespaced, KITCHEN_SINK, "namespaced.hpp");
    workshop.generate_with("csharp", &namespaced, KITCHEN_SINK, "Namespaced.cs");
    for standard in ["c++11", "c++17"] {
        assert_eq!(workshop.run(Command::new(workshop.cpp("odd", standard, &[]))), "all is well\n");
    }
    let files = ["odd.cs", "empty.cs", "Namespaced.cs"];
    assert_eq!(workshop.run(workshop.csharp("Odd", &files, &[])), "all is well\n");
}

/// A folder to generate, compile and run in.
struct Workshop {
    folder: TempDir,
}

impl Workshop {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn generate(&self, language: &str, schema: &str, file: &str) {
        self.generate_with(language, &[], schema, file);
    }

    fn generate_with(&self, language: &str, options: &[&str], schema: &str, file: &str) {
        let path = self.path(file);
        let arguments = [&["--lang", language, "-o", path.to_str().unwrap()], options, &[schema]].concat();
        let output = generate(&arguments);
        assert!(
            output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(),
            "{output:?}"
        );
    }

    /// Compiles `programs/<name>.cpp` with what was generated.
    fn cpp(&self, name: &str, standard: &str, options: &[&str]) -> PathBuf {
        let program = self.path(&format!("{name}.{standard}"));
        let mut command = Command::new("c++");
        command.arg(format!("-std={standard}")).args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
        command.args(options).arg("-I").arg(root().join("include")).arg("-I").arg(self.folder.path());
        command.arg("-o").arg(&program).arg(here("programs").join(name).with_extension("cpp"));
        command.arg("-L").arg(library_folder()).arg("-lmst_profiles");
        output(command);
        program
    }

    /// Compiles `programs/<name>.cs` with what was generated, and gives the command that runs it.
    fn csharp(&self, name: &str, generated: &[&str], options: &[&str]) -> Command {
        let program = self.path(name).with_extension("exe");
        let mut command = Command::new("mcs");
        command.args(["-langversion:7.2", "-unsafe", "-warn:4", "-warnaserror"]).args(options);
        command.arg(format!("-out:{}", program.display()));
        command.arg(here("programs").join(name).with_extension("cs"));
        command.args(generated.iter().map(|file| self.path(file)));
        for file in fs::read_dir(root().join("bindings/csharp")).unwrap() {
            command.arg(file.unwrap().path());
        }
        output(command);
        let mut mono = Command::new("mono");
        // So little that whatever is allocated again and again is collected again and again.
        mono.env("MONO_GC_PARAMS", "nursery-size=256k").arg("--debug").arg(program);
        mono
    }

    fn run(&self, mut command: Command) -> String {
        command.env("LD_LIBRARY_PATH", library_folder()).current_dir(self.folder.path());
        output(command)
    }
}

/// What a command prints that ends well.
fn output(mut command: Command) -> String {
    let tool = Path::new(command.get_program()).display().to_string();
    let output = command.output().unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => {
            panic!("this test needs `{tool}` (a C++ compiler, mono-mcs and mono-runtime are needed)")
        }
        _ => panic!("{tool}: {error}"),
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

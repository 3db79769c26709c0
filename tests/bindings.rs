//! The committed header and C# class are those that the sources give, and name what the library exports.
//!
//! `MST_BLESS=1 cargo test --test bindings` writes them anew.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use common::{library, root};

fn check(committed: &str, generated: &str) {
    let generated = std::fs::read_to_string(Path::new(env!("OUT_DIR")).join(generated)).unwrap();
    let path = root().join(committed);
    if std::env::var_os("MST_BLESS").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let line = found.lines().zip(generated.lines()).position(|(a, b)| a != b);
    assert!(
        found == generated,
        "{committed} is not what the sources give (first at line {line:?}); MST_BLESS=1 mends it"
    );
}

#[test]
fn the_header_matches_the_sources() {
    check("include/mst_profiles.h", "mst_profiles.h");
}

#[test]
fn the_csharp_class_matches_the_sources() {
    check("bindings/csharp/NativeMethods.g.cs", "NativeMethods.g.cs");
}

/// The words of a text that are names of functions.
fn functions(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("mst_")).map(String::from).collect()
}

#[test]
fn header_csharp_and_export_table_have_one_set_of_functions() {
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(library()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let symbols = String::from_utf8(output.stdout).unwrap();
    let exported = functions(&symbols);
    assert!(exported.len() > 120, "{}", exported.len());
    // Nothing else leaves the library under a name of its own.
    for line in symbols.lines().filter(|line| line.contains(" T ")) {
        let name = line.rsplit(' ').next().unwrap();
        assert!(exported.contains(name), "{name} is exported");
    }

    let header = std::fs::read_to_string(root().join("include/mst_profiles.h")).unwrap();
    let code: String = header.lines().filter(|line| !line.trim_start().starts_with('*')).collect();
    let declared =
        functions(&code).into_iter().filter(|f| code.contains(&format!("{f}("))).collect::<BTreeSet<_>>();
    assert_eq!(declared, exported);

    let csharp = std::fs::read_to_string(root().join("bindings/csharp/NativeMethods.g.cs")).unwrap();
    let imports: BTreeSet<String> = csharp
        .lines()
        .filter_map(|line| Some(line.split_once("EntryPoint = \"")?.1.split_once('"')?.0.to_string()))
        .collect();
    assert_eq!(imports, exported);
}

/// Compiles the header alone.
fn compiles(compiler: &str, language: &str, standard: &str) {
    let output = Command::new(compiler)
        .args(["-x", language, &format!("-std={standard}"), "-pedantic", "-Wall", "-Wextra", "-Werror"])
        .arg("-fsyntax-only")
        .arg(root().join("include/mst_profiles.h"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{compiler} {standard}: {errors}");
}

#[test]
fn the_header_compiles_pedantic_in_every_standard() {
    for standard in ["c99", "c11"] {
        compiles("cc", "c", standard);
    }
    for standard in ["c++11", "c++17"] {
        compiles("c++", "c++", standard);
    }
}

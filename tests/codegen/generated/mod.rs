//! Committed code: so that it is compiled with the tests, and a reviewer sees what a change of the generators does.

pub(super) mod kitchen_sink;
pub(super) mod match_profile;
pub(super) mod nested;
pub(super) mod odd;
pub(super) mod profile;

use super::{EMPTY, KITCHEN_SINK, MATCH, NESTED, ODD, code, here};

fn check(file: &str, language: &str, schema: &str) {
    let code = code(language, schema);
    let path = here("generated").join(file);
    if std::env::var_os("MST_BLESS").is_some() {
        std::fs::write(&path, &code).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let line = found.lines().zip(code.lines()).position(|(a, b)| a != b);
    assert!(found == code, "{file} is not what is generated (first at line {line:?}); MST_BLESS=1 mends it");
}

#[test]
fn the_committed_code_is_what_is_generated() {
    check("match_profile.rs", "rust", MATCH);
    check("match_profile.hpp", "cpp", MATCH);
    check("match_profile.cs", "csharp", MATCH);
    check("kitchen_sink.rs", "rust", KITCHEN_SINK);
    check("nested.rs", "rust", NESTED);
    check("nested.hpp", "cpp", NESTED);
    check("nested.cs", "csharp", NESTED);
    check("odd.rs", "rust", ODD);
    check("profile.rs", "rust", EMPTY);
}

//! Names of properties, as they stand on a command line.

use mst_profiles::{PropertyIndex, Schema};

use crate::Failure;

/// The property of a name.
///
/// # Errors
/// That there is none, with the closest that there is.
pub(super) fn property(schema: &Schema, name: &str) -> Result<PropertyIndex, Failure> {
    schema.index_of(name).map_err(|_| {
        let names = schema.properties().iter().map(|property| property.name());
        let closest = names.min_by_key(|known| strsim::damerau_levenshtein(name, known));
        let closest =
            closest.map(|known| format!("; the closest one there is is `{known}`")).unwrap_or_default();
        format!("unknown property `{name}`{closest}").into()
    })
}

/// A property and what stands after `=`. Names may have `=` in them, too.
pub(super) fn assignment<'t>(schema: &Schema, text: &'t str) -> Result<(PropertyIndex, &'t str), Failure> {
    let mut places = text.match_indices('=').map(|(place, _)| place);
    let found = places.clone().find_map(|place| {
        let index = schema.index_of(&text[..place]).ok()?;
        Some((index, &text[place + 1..]))
    });
    match (found, places.next()) {
        (Some(found), _) => Ok(found),
        (None, Some(place)) => Ok((property(schema, &text[..place])?, &text[place + 1..])),
        (None, None) => Err(format!("`{text}` is no change: PROPERTY=VALUE is").into()),
    }
}

/// The property that a path begins with, which may have dots itself.
pub(super) fn of_path<'t>(schema: &Schema, path: &'t str) -> &'t str {
    let ends = path.char_indices().filter(|(_, c)| matches!(c, '.' | '[')).map(|(place, _)| place);
    let mut known = ends.chain([path.len()]).filter(|end| schema.index_of(&path[..*end]).is_ok());
    known.next_back().map_or(path, |end| &path[..end])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whatever_is_in_them() {
        let text = r#"{"properties":[{"name":"a","type":"i32"},{"name":"a.b","type":"dict<string,i32>"},
            {"name":"x=y","type":"string"},{"name":"gold","type":"i32"}]}"#;
        let schema = Schema::from_json(text).unwrap();
        let check = |text: &str, name: &str, value: &str| {
            let (index, found) = assignment(&schema, text).unwrap();
            assert_eq!((schema.property(index).name(), found), (name, value));
        };
        check("a=1", "a", "1");
        check("a.b={\"k\":1}", "a.b", "{\"k\":1}");
        check("x=y=z=1", "x=y", "z=1");
        check("gold=", "gold", "");
        let wrong = assignment(&schema, "golt=1").unwrap_err().to_string();
        assert_eq!(wrong, "unknown property `golt`; the closest one there is is `gold`");
        assert!(assignment(&schema, "gold").unwrap_err().to_string().contains("PROPERTY=VALUE"));
        for (path, name) in
            [("a", "a"), ("a.b", "a.b"), ("a.b[\"k\"]", "a.b"), ("a[3]", "a"), ("gone.x", "gone.x")]
        {
            assert_eq!(of_path(&schema, path), name);
        }
    }
}

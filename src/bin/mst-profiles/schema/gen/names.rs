//! Names of properties as identifiers.

use std::collections::HashMap;
use std::path::Path;

/// What a language demands of identifiers.
pub(super) struct Rules {
    /// How the name of a property is written.
    pub(super) case: Case,
    /// The namespace when none is told.
    pub(super) namespace: &'static [&'static str],
    /// Words that are no identifiers.
    pub(super) keywords: &'static [&'static str],
    /// What can be put in front of a keyword, so that it is one.
    pub(super) raw: Option<&'static str>,
    /// Names that the generated class has for itself.
    pub(super) taken: &'static [&'static str],
    /// Whether a member may not have the name of its class.
    pub(super) class_is_taken: bool,
    /// How the fields of records are written where a record is a value.
    pub(super) member_case: Case,
    /// Names that they can't have there.
    pub(super) member_taken: &'static [&'static str],
    /// Names that the accessors of all records have for themselves.
    pub(super) field_taken: &'static [&'static str],
    /// What is put behind the name of a record for the names of its accessors.
    pub(super) accessors: &'static [&'static str],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// `CurrencyGold`
    Pascal,
    /// `currency_gold`
    Snake,
}

/// The identifiers of properties, by their names and keys; or, for every two that would have one, a line that names both.
pub(super) fn identifiers(
    what: &str,
    names: &[(&str, u16)],
    class: &str,
    rules: &Rules,
) -> Result<Vec<String>, Vec<String>> {
    let of_class: &[&str] = if rules.class_is_taken { &[class] } else { &[] };
    distinct(what, names, |name, key| {
        identifier(&spelled(name, key, rules.case), &[rules.taken, of_class], rules)
    })
}

/// The identifiers of a record's fields: those of their accessors, and those of the members of the record as a value.
pub(super) fn field_identifiers(
    what: &str,
    names: &[&str],
    record: &str,
    rules: &Rules,
) -> Result<Vec<(String, String)>, Vec<String>> {
    let classes: Vec<String> =
        rules.accessors.iter().chain(&[""]).map(|accessor| format!("{record}{accessor}")).collect();
    let of_class: Vec<&str> =
        if rules.class_is_taken { classes.iter().map(String::as_str).collect() } else { Vec::new() };
    let names: Vec<(&str, u16)> = names.iter().zip(0..).map(|(name, place)| (*name, place)).collect();
    let accessors = distinct(what, &names, |name, key| {
        identifier(&spelled(name, key, rules.case), &[rules.field_taken, &of_class], rules)
    })?;
    let members = distinct(what, &names, |name, key| {
        identifier(&spelled(name, key, rules.member_case), &[rules.member_taken, &of_class], rules)
    })?;
    Ok(accessors.into_iter().zip(members).collect())
}

/// The identifier of a record, of the words of names.
pub(super) fn record_identifier(names: &[&str], rules: &Rules) -> String {
    let mut words: Vec<String> = names.iter().flat_map(|name| words(name)).collect();
    if words.is_empty() {
        words.push("record".into());
    }
    let identifier = begun(pascal(&words));
    let is_taken = |names: &[&str]| names.contains(&identifier.as_str());
    if is_taken(rules.keywords) || is_taken(rules.taken) { identifier + "_" } else { identifier }
}

fn distinct(
    what: &str,
    names: &[(&str, u16)],
    identifier: impl Fn(&str, u16) -> String,
) -> Result<Vec<String>, Vec<String>> {
    let mut first_of: HashMap<String, &str> = HashMap::new();
    let (mut identifiers, mut collisions) = (Vec::new(), Vec::new());
    for (name, key) in names {
        let identifier = identifier(name, *key);
        if let Some(first) = first_of.insert(identifier.clone(), name) {
            collisions.push(format!("{what} `{first}` and `{name}` would both be called `{identifier}`"));
        }
        identifiers.push(identifier);
    }
    if collisions.is_empty() { Ok(identifiers) } else { Err(collisions) }
}

/// A name in the spelling of a language.
fn spelled(name: &str, key: u16, case: Case) -> String {
    let mut words = words(name);
    if words.is_empty() {
        words = vec!["property".into(), key.to_string()];
    }
    begun(match case {
        Case::Pascal => pascal(&words),
        Case::Snake => words.join("_"),
    })
}

/// With something in front that an identifier can begin with.
fn begun(mut identifier: String) -> String {
    if identifier.starts_with(|c: char| c.is_ascii_digit()) {
        identifier.insert(0, '_');
    }
    identifier
}

fn identifier(spelled: &str, taken: &[&[&str]], rules: &Rules) -> String {
    let is_taken = taken.iter().any(|names| names.contains(&spelled));
    match rules.raw {
        _ if is_taken => format!("{spelled}_"),
        Some(raw) if rules.keywords.contains(&spelled) => format!("{raw}{spelled}"),
        _ => spelled.into(),
    }
}

/// `CURRENCY_GOLD`, of an identifier in snake case.
pub(super) fn screaming(identifier: &str) -> String {
    identifier.trim_start_matches("r#").to_uppercase()
}

fn pascal(words: &[String]) -> String {
    words
        .iter()
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        })
        .collect()
}

/// The words of a name, in lower case: `stats.byWeapon` is `stats`, `by`, `weapon`. What is neither a letter nor a digit
/// separates words; a character that not every compiler takes becomes a word of its number.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let letters: Vec<char> = name.chars().collect();
    for (place, letter) in letters.iter().copied().enumerate() {
        if !letter.is_ascii() && !letter.is_whitespace() && !is_letter(letter) {
            words.push(std::mem::take(&mut word));
            words.push(format!("u{:04x}", u32::from(letter)));
        } else if !is_letter(letter) && !letter.is_ascii_digit() {
            words.push(std::mem::take(&mut word));
        } else {
            let before = place.checked_sub(1).map(|place| letters[place]);
            let after = letters.get(place + 1);
            // `byWeapon`, and the `R` of `HTTPRequest`.
            let begins = letter.is_uppercase()
                && (before.is_some_and(|c| c.is_lowercase() || c.is_ascii_digit())
                    || (before.is_some_and(char::is_uppercase) && after.is_some_and(|c| c.is_lowercase())));
            if begins {
                words.push(std::mem::take(&mut word));
            }
            word.extend(letter.to_lowercase());
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Letters that the compilers of all three languages take, composed or not: those of ASCII, Latin, Greek, Cyrillic, Chinese,
/// Japanese and Korean.
fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphabetic()
        || (letter.is_alphabetic()
            && matches!(letter,
                '\u{c0}'..='\u{24f}'
                | '\u{391}'..='\u{3c9}'
                | '\u{400}'..='\u{45f}'
                | '\u{3041}'..='\u{3096}'
                | '\u{30a1}'..='\u{30fa}'
                | '\u{4e00}'..='\u{9fff}'
                | '\u{ac00}'..='\u{d7a3}'))
}

/// Whether a text can be the name of a class or of a part of a namespace.
pub(super) fn is_identifier(text: &str, rules: &Rules) -> bool {
    let begins_well = text.starts_with(|c| is_letter(c) || c == '_');
    begins_well
        && text.chars().all(|c| is_letter(c) || c.is_ascii_digit() || c == '_')
        && !rules.keywords.contains(&text)
}

/// `MatchProfile`, of the file `match.profile.schema.json`.
pub(super) fn class_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".json").unwrap_or(&name);
    let mut words = words(stem.strip_suffix(".schema").unwrap_or(stem));
    if words.last().is_none_or(|last| last != "profile") {
        words.push("profile".into());
    }
    let class = pascal(&words);
    if class.starts_with(|c: char| c.is_ascii_digit()) { format!("_{class}") } else { class }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::r#gen::{cpp, csharp, rust};

    fn both(name: &str) -> (String, String) {
        let all =
            |rules: &Rules| identifiers("properties", &[(name, 7)], "GameProfile", rules).unwrap().remove(0);
        assert_eq!(all(&cpp::RULES).trim_end_matches('_'), all(&csharp::RULES).trim_end_matches('_'));
        (all(&csharp::RULES), all(&rust::RULES))
    }

    #[test]
    fn names_become_identifiers_by_each_languages_convention() {
        for (name, pascal, snake) in [
            ("progression.level", "ProgressionLevel", "progression_level"),
            ("stats.byWeapon", "StatsByWeapon", "stats_by_weapon"),
            ("HTTPRequest2Count", "HttpRequest2Count", "http_request2_count"),
            ("types.i32", "TypesI32", "types_i32"),
            ("snake_case-and spaces/slash", "SnakeCaseAndSpacesSlash", "snake_case_and_spaces_slash"),
            ("2fast", "_2fast", "_2fast"),
            ("größe", "Größe", "größe"),
            ("等级", "等级", "等级"),
            ("a😀b", "AU1f600B", "a_u1f600_b"),
            ("e\u{301}", "EU0301", "e_u0301"),
            ("line\u{2028}break", "LineBreak", "line_break"),
            ("!?", "Property7", "property_7"),
            ("type", "Type", "r#type"),
            ("self", "Self", "self_"),
            ("of", "Of", "of_"),
            ("keys", "Keys_", "keys"),
            ("to string", "ToString_", "to_string"),
            ("gameProfile", "GameProfile_", "game_profile"),
        ] {
            assert_eq!(both(name), (pascal.into(), snake.into()), "{name}");
        }
        assert_eq!(screaming("r#type"), "TYPE");
    }

    #[test]
    fn two_names_for_one_identifier_are_told_both() {
        let names = [("a.b", 1), ("c", 2), ("a_b", 3), ("aB", 4)];
        let collisions = identifiers("properties", &names, "Game", &cpp::RULES).unwrap_err();
        assert_eq!(
            collisions,
            [
                "properties `a.b` and `a_b` would both be called `AB`",
                "properties `a_b` and `aB` would both be called `AB`"
            ]
        );
    }

    #[test]
    fn classes_are_called_after_their_file() {
        for (file, class) in [
            ("here/match.profile.schema.json", "MatchProfile"),
            ("kitchen-sink.profile.schema.json", "KitchenSinkProfile"),
            ("game.json", "GameProfile"),
            ("3d.schema.json", "_3dProfile"),
            ("", "Profile"),
        ] {
            assert_eq!(class_of(Path::new(file)), class, "{file}");
        }
    }
}

use std::sync::Arc;

use super::*;
use crate::error::ErrorCode;
use crate::schema::Property;

static DECLARED: Declared = Declared {
    fingerprint: 1,
    properties: &[
        DeclaredProperty { name: "gold", key: 57487, type_name: "i64" },
        DeclaredProperty { name: "quests", key: 7, type_name: "list<string>" },
    ],
};

fn quests() -> Property {
    Property::list("quests", ScalarType::String).key(7)
}

fn mismatch(properties: impl IntoIterator<Item = Property>) -> String {
    let error = View::of(&Profile::new(schema(properties)), &DECLARED).unwrap_err();
    assert_eq!(error.code(), ErrorCode::SchemaMismatch);
    error.to_string()
}

fn schema(properties: impl IntoIterator<Item = Property>) -> Arc<Schema> {
    properties
        .into_iter()
        .fold(Schema::builder(), |builder, property| builder.property(property))
        .build()
        .unwrap()
}

#[test]
fn declared_properties_are_found_by_key_in_another_schema() {
    let mut profile =
        Profile::new(schema([Property::new("level", 1), quests(), Property::new("gold", 5_i64)]));
    let mut view = ViewMut::of(&mut profile, &DECLARED).unwrap();
    view.scalar::<i64>(0).add(2).unwrap();
    view.list::<str>(1).push("find").unwrap();
    assert_eq!(view.view().index(0).get(), 2);
    assert_eq!(profile.to_json(), r#"{"gold":7,"level":1,"quests":["find"]}"#);
    let confirmed = View::of(&profile, &DECLARED).unwrap().confirmed();
    assert_eq!((confirmed.scalar::<i64>(0), confirmed.list::<str>(1).len()), (5, 0));
}

#[test]
fn a_schema_that_lacks_one_or_has_another_type_is_refused() {
    let missing = mismatch([Property::new("gold", 5_i64)]);
    assert!(
        missing.ends_with("it has no property `quests` (key 7), for which the code was generated"),
        "{missing}"
    );
    let other = mismatch([Property::new("gold", 5), quests()]);
    let expected = "its property `gold` is of type i32; the code was generated for `gold` of type i64";
    assert!(other.ends_with(expected), "{other}");
}

#[test]
fn bounds_of_every_kind_are_those_that_were_given() {
    let mut profile =
        Profile::new(schema([Property::new("i", 0), Property::new("f", 0.5), Property::new("g", 0.5_f32)]));
    let index = |name: &str| profile.schema().index_of(name).unwrap();
    let (i, f, g) = (index("i"), index("f"), index("g"));
    let mut int = ScalarMut::<i32>::new(&mut profile, i);
    int.add_clamped(9, ..5).unwrap();
    assert_eq!(int.get(), 4);
    int.add_clamped(9, ..=5).unwrap();
    assert_eq!(int.get(), 5);
    assert_eq!(int.subtract_guarded(6, 0).unwrap_err().code(), ErrorCode::GuardFailed);
    assert_eq!(int.subtract_guarded(i32::MIN, 0).unwrap_err().code(), ErrorCode::InvalidArgument);
    int.subtract_guarded(5, 0).unwrap();
    assert_eq!(int.add_guarded(8, 0..8).unwrap_err().code(), ErrorCode::GuardFailed);
    let mut float = ScalarMut::<f64>::new(&mut profile, f);
    float.add_clamped(9.0, ..1.0).unwrap();
    assert_eq!(float.get(), 1.0_f64.next_down());
    float.add_clamped(-9.0, 0.25..).unwrap();
    assert_eq!(float.get(), 0.25);
    assert_eq!(float.subtract_guarded(0.5, 0.0).unwrap_err().code(), ErrorCode::GuardFailed);
    let mut narrow = ScalarMut::<f32>::new(&mut profile, g);
    narrow.add(0.25).unwrap();
    narrow.subtract_guarded(0.5, 0.25).unwrap();
    assert_eq!(narrow.get(), 0.25);
}

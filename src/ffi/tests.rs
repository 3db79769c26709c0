//! What no program of another language can bring about: a defect inside the library.

use std::ptr::null_mut;

use super::profile::{
    MstProfile, mst_profile_create, mst_profile_free, mst_profile_get_i32, mst_profile_set_i32,
    mst_profile_to_json,
};
use super::result::{MstResult, mst_last_error};
use super::schema::{mst_schema_free, mst_schema_from_json};
use crate::profile::tests::PLANTED_PANIC;

const SCHEMA: &str = r#"{"properties":[{"name":"level","type":"i32","default":1}]}"#;

fn last_error() -> String {
    let mut buffer = [0_u8; 512];
    let mut len = 0;
    // SAFETY: the buffer has the capacity that is said.
    let result = unsafe { mst_last_error(buffer.as_mut_ptr().cast(), buffer.len() as u32, &raw mut len) };
    assert_eq!(result, MstResult::MST_OK);
    String::from_utf8(buffer[..len as usize].to_vec()).unwrap()
}

fn profile() -> *mut MstProfile {
    let (mut schema, mut profile) = (null_mut(), null_mut());
    // SAFETY: the text has the length that is said, the outputs are ours.
    unsafe {
        let made = mst_schema_from_json(SCHEMA.as_ptr().cast(), SCHEMA.len() as u32, &raw mut schema);
        assert_eq!(made, MstResult::MST_OK);
        assert_eq!(mst_profile_create(schema, &raw mut profile), MstResult::MST_OK);
    }
    assert_eq!(mst_schema_free(schema), MstResult::MST_OK);
    profile
}

#[test]
fn a_panic_stays_inside_and_poisons_its_handle_alone() {
    let (hurt, other) = (profile(), profile());
    PLANTED_PANIC.set(true);
    assert_eq!(mst_profile_set_i32(hurt, 0, 5), MstResult::MST_ERR_PANIC);
    assert!(last_error().contains("planted by a test"), "{}", last_error());

    let mut value = -1;
    let mut len = 0;
    // SAFETY: the outputs are ours.
    unsafe {
        assert_eq!(mst_profile_get_i32(hurt, 0, &raw mut value), MstResult::MST_ERR_POISONED);
        assert_eq!(mst_profile_to_json(hurt, null_mut(), 0, &raw mut len), MstResult::MST_ERR_POISONED);
    }
    assert_eq!(value, -1);
    assert_eq!(mst_profile_set_i32(other, 0, 5), MstResult::MST_OK);
    // SAFETY: the output is ours.
    assert_eq!(unsafe { mst_profile_get_i32(other, 0, &raw mut value) }, MstResult::MST_OK);
    assert_eq!(value, 5);
    assert_eq!(mst_profile_free(hurt), MstResult::MST_OK);
    assert_eq!(mst_profile_free(hurt), MstResult::MST_ERR_INVALID_HANDLE);
    assert_eq!(mst_profile_free(other), MstResult::MST_OK);
}

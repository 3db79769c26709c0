//! What no program of another language can bring about: a defect inside the library. And what several threads do to one
//! handle, at moments that only a test here can name.

use std::ptr::null_mut;

use super::profile::{MstProfile, mst_profile_create, mst_profile_free};
use super::result::{MstResult, mst_last_error};
use super::scalars::{mst_profile_get_i32, mst_profile_set_i32};
use super::schema::{mst_schema_free, mst_schema_from_json};
use super::whole::mst_profile_to_json;
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

/// A master and endpoints through the exported functions.
#[cfg(all(feature = "client", feature = "server", feature = "sqlite"))]
mod threads {
    use std::path::Path;
    use std::ptr::null_mut;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::super::endpoint::{
        MstConnectOptions, MstEndpoint, mst_connect_options_init, mst_endpoint_close,
        mst_endpoint_fill_profile, mst_endpoint_free, mst_endpoint_next_event, mst_endpoint_wait,
        mst_server_connect,
    };
    use super::super::events::{MstEvent, MstEventType};
    use super::super::master::{
        MstMaster, MstMasterOptions, MstMasterStats, mst_master_fingerprint, mst_master_free,
        mst_master_options_init, mst_master_port, mst_master_start, mst_master_stats,
    };
    use super::super::scalars::mst_profile_add_int;
    use super::*;
    use crate::ffi::schema::MstSchema;

    fn schema() -> *mut MstSchema {
        let mut schema = null_mut();
        // SAFETY: the text has the length that is said, the output is ours.
        let made =
            unsafe { mst_schema_from_json(SCHEMA.as_ptr().cast(), SCHEMA.len() as u32, &raw mut schema) };
        assert_eq!(made, MstResult::MST_OK);
        schema
    }

    fn start(database: &Path) -> (MstResult, *mut MstMaster) {
        let mut master = null_mut();
        let database = database.to_str().unwrap();
        // SAFETY: the options are made by their init function, the texts have the lengths that are said.
        let result = unsafe {
            let mut options: MstMasterOptions = std::mem::zeroed();
            assert_eq!(mst_master_options_init(&raw mut options), MstResult::MST_OK);
            options.database = database.as_ptr().cast();
            options.database_len = database.len() as u32;
            options.development = 1;
            options.schema = schema();
            mst_master_start(&raw const options, &raw mut master)
        };
        (result, master)
    }

    fn connect(master: *mut MstMaster, flush_interval_ms: i32) -> *mut MstEndpoint {
        let (mut port, mut fingerprint, mut len, mut endpoint) = (0, [0_u8; 64], 0, null_mut());
        let token = "dev-server:arena";
        // SAFETY: as above.
        unsafe {
            assert_eq!(mst_master_port(master, &raw mut port), MstResult::MST_OK);
            let got = mst_master_fingerprint(master, fingerprint.as_mut_ptr().cast(), 64, &raw mut len);
            assert_eq!((got, len), (MstResult::MST_OK, 64));
            let address = format!("127.0.0.1:{port}");
            let mut options: MstConnectOptions = std::mem::zeroed();
            assert_eq!(mst_connect_options_init(&raw mut options), MstResult::MST_OK);
            options.address = address.as_ptr().cast();
            options.address_len = address.len() as u32;
            options.token = token.as_ptr().cast();
            options.token_len = token.len() as u32;
            options.fingerprint = fingerprint.as_ptr().cast();
            options.fingerprint_len = 64;
            options.flush_interval_ms = flush_interval_ms;
            options.schema = schema();
            let made = mst_server_connect(&raw const options, &raw mut endpoint);
            assert_eq!(made, MstResult::MST_OK, "{}", last_error());
        }
        endpoint
    }

    fn wait_for(endpoint: *mut MstEndpoint, wanted: MstEventType) {
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            let mut has_events = 0;
            // SAFETY: the outputs are ours.
            unsafe {
                mst_endpoint_wait(endpoint, 1000, &raw mut has_events);
                let mut event: MstEvent = std::mem::zeroed();
                mst_endpoint_next_event(endpoint, &raw mut event);
                if event.event_type == wanted as i32 {
                    return;
                }
            }
        }
        panic!("{wanted:?} never came");
    }

    #[test]
    fn a_master_has_ended_when_it_is_freed_whoever_asks_it_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("profiles.db");
        for _ in 0..5 {
            let (result, master) = start(&database);
            assert_eq!(result, MstResult::MST_OK, "{}", last_error());
            let handle = master as usize;
            let askers: Vec<_> = (0..3)
                .map(|_| {
                    thread::spawn(move || {
                        let mut stats = MstMasterStats::default();
                        // SAFETY: the output is ours.
                        while unsafe { mst_master_stats(handle as *const MstMaster, &raw mut stats) }
                            == MstResult::MST_OK
                        {}
                    })
                })
                .collect();
            thread::sleep(Duration::from_millis(20));
            assert_eq!(mst_master_free(master), MstResult::MST_OK);
            // Its files are free at once.
            let (result, master) = start(&database);
            assert_eq!(result, MstResult::MST_OK, "{}", last_error());
            assert_eq!(mst_master_free(master), MstResult::MST_OK);
            askers.into_iter().for_each(|asker| asker.join().unwrap());
        }
    }

    #[test]
    fn who_waits_is_woken_by_changes_and_by_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let (_, master) = start(&folder.path().join("profiles.db"));
        let endpoint = connect(master, 10);
        let mut profile = null_mut();
        // SAFETY: the text has the length that is said, the output is ours.
        unsafe { mst_endpoint_fill_profile(endpoint, "ann".as_ptr().cast(), 3, &raw mut profile) };
        wait_for(endpoint, MstEventType::MST_EVENT_PROFILE_LOADED);
        // SAFETY: the output is ours.
        while unsafe {
            let mut event: MstEvent = std::mem::zeroed();
            mst_endpoint_next_event(endpoint, &raw mut event);
            event.event_type != 0
        } {}

        let handle = endpoint as usize;
        let wait = move || {
            let start = Instant::now();
            // SAFETY: no output is asked for.
            let result = unsafe { mst_endpoint_wait(handle as *mut MstEndpoint, 60_000, null_mut()) };
            (result, start.elapsed())
        };
        let waiter = thread::spawn(wait);
        thread::sleep(Duration::from_millis(50));
        assert_eq!(mst_profile_add_int(profile, 0, 1), MstResult::MST_OK);
        let (result, took) = waiter.join().unwrap();
        assert_eq!(result, MstResult::MST_OK);
        assert!(took < Duration::from_millis(900), "{took:?}");

        wait_for(endpoint, MstEventType::MST_EVENT_DURABLE);
        let waiters: Vec<_> = (0..3).map(|_| thread::spawn(wait)).collect();
        thread::sleep(Duration::from_millis(50));
        assert_eq!(mst_endpoint_free(endpoint), MstResult::MST_OK);
        for waiter in waiters {
            let (result, took) = waiter.join().unwrap();
            assert_eq!(result, MstResult::MST_ERR_INVALID_HANDLE);
            assert!(took < Duration::from_secs(5), "{took:?}");
        }
        assert_eq!(mst_profile_free(profile), MstResult::MST_OK);

        // Nothing is pending and nobody is there: closing takes no time.
        let endpoint = connect(master, 10);
        // SAFETY: the text has the length that is said, the output is ours.
        unsafe { mst_endpoint_fill_profile(endpoint, "ann".as_ptr().cast(), 3, &raw mut profile) };
        wait_for(endpoint, MstEventType::MST_EVENT_PROFILE_LOADED);
        assert_eq!(mst_master_free(master), MstResult::MST_OK);
        wait_for(endpoint, MstEventType::MST_EVENT_DISCONNECTED);
        let start = Instant::now();
        for _ in 0..2 {
            assert_eq!(mst_endpoint_close(endpoint, 30_000), MstResult::MST_OK, "{}", last_error());
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        assert_eq!(mst_endpoint_free(endpoint), MstResult::MST_OK);
        assert_eq!(mst_profile_free(profile), MstResult::MST_OK);
    }
}

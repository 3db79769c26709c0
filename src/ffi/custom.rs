//! Types of the game's own.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use libc::c_char;

use super::result::{Failure, MstResult, guard};
use super::text::read_text;
use crate::limits::MAX_STRING_BYTES;
use crate::value::{Codec, register_codec};

/// Tells whether bytes are a value of a type of the game's own: 1 if they are, 0 if not. It is called on whatever thread decodes a
/// value, also on several at a time, must not unwind, and must not call functions of this library, which may hold what these wait
/// for. `user_data` is what was given when the codec was registered.
pub type MstCodecValidate =
    Option<unsafe extern "C" fn(bytes: *const u8, bytes_len: u32, user_data: *mut c_void) -> u8>;

/// Gives the value that bytes are as JSON text, which must not be a JSON string, or JSON text as the bytes of the value that it is:
/// as many as there are into `out_len`, and as many as fit into `buffer`, which has `capacity` bytes. It is called again with room
/// enough when they don't fit. 1 when there is such a value, 0 if not. Else as `MstCodecValidate`.
pub type MstCodecConvert = Option<
    unsafe extern "C" fn(
        given: *const u8,
        given_len: u32,
        buffer: *mut u8,
        capacity: u32,
        out_len: *mut u32,
        user_data: *mut c_void,
    ) -> u8,
>;

/// A codec in C. What the host gave is called from several threads, as the documentation says.
struct HostCodec {
    validate: unsafe extern "C" fn(*const u8, u32, *mut c_void) -> u8,
    to_json: MstCodecConvert,
    from_json: MstCodecConvert,
    /// An address: never followed here.
    user_data: usize,
}

impl HostCodec {
    fn convert(&self, convert: MstCodecConvert, given: &[u8]) -> Result<Vec<u8>, String> {
        let convert = convert.ok_or("the codec does not do this")?;
        let mut buffer = vec![0; 256];
        for _ in 0..2 {
            let mut len = 0;
            // SAFETY: the bytes and the buffer are as long as is said, and the host promised a function of this kind.
            let done = unsafe {
                convert(
                    given.as_ptr(),
                    given.len() as u32,
                    buffer.as_mut_ptr(),
                    buffer.len() as u32,
                    &raw mut len,
                    ptr::with_exposed_provenance_mut(self.user_data),
                )
            };
            let len = len as usize;
            match done {
                1 if len <= buffer.len() => {
                    buffer.truncate(len);
                    return Ok(buffer);
                }
                1 if len <= 8 * MAX_STRING_BYTES => buffer = vec![0; len],
                1 => return Err(format!("the codec gives {len} bytes, which is too much")),
                _ => return Err("the codec refuses it".into()),
            }
        }
        Err("the codec wants more room each time".into())
    }
}

impl Codec for HostCodec {
    fn validate(&self, bytes: &[u8]) -> Result<(), String> {
        // SAFETY: the bytes are as many as is said, and the host promised a function of this kind.
        let is_valid = unsafe {
            (self.validate)(
                bytes.as_ptr(),
                bytes.len() as u32,
                ptr::with_exposed_provenance_mut(self.user_data),
            )
        };
        if is_valid == 1 { Ok(()) } else { Err("the codec of its type refuses the bytes".into()) }
    }

    fn to_json(&self, bytes: &[u8]) -> Result<String, String> {
        String::from_utf8(self.convert(self.to_json, bytes)?).map_err(|error| error.to_string())
    }

    fn from_json(&self, json: &str) -> Result<Vec<u8>, String> {
        self.convert(self.from_json, json.as_bytes())
    }
}

/// Registers what a type of the game's own is, for the whole process: that which a schema calls `custom<NAME>`. Do it before the first
/// profile that has such a value. Where a type has no codec, any bytes are a value, and their JSON is base64. `to_json` and
/// `from_json` may be null, and then it is that too. Stored profiles are JSON: `from_json` must take all that `to_json` gives, and there
/// is no `to_json` without it. The functions must always give the same answers, be good for any thread, and stay there until the process
/// ends; the master and the network call them on their own threads.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_UTF8`, or `MST_ERR_INVALID_ARGUMENT` for a name that no type can have, one that is
/// registered already, no `validate`, or a `to_json` without a `from_json`.
///
/// # Safety
/// `name` points to `name_len` readable bytes, or is null; the functions are of the kinds that they are given as.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_codec_register(
    name: *const c_char,
    name_len: u32,
    validate: MstCodecValidate,
    to_json: MstCodecConvert,
    from_json: MstCodecConvert,
    user_data: *mut c_void,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let name = unsafe { read_text("name", name, name_len)? };
        let validate = validate.ok_or_else(|| Failure::argument("validate", "is null"))?;
        if to_json.is_some() && from_json.is_none() {
            return Err(Failure::argument(
                "from_json",
                "is null, so that nothing reads what `to_json` gives",
            ));
        }
        let user_data = user_data.expose_provenance();
        Ok(register_codec(name, Arc::new(HostCodec { validate, to_json, from_json, user_data }))?)
    })
}

//! Values of which only the game knows what they are.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use once_cell::sync::Lazy;

use super::types::is_identifier;
use crate::error::{Error, Result};

/// A value of a type of the game's own: bytes to this library. See [`Codec`].
#[derive(Clone, PartialEq, Eq)]
pub struct Custom(Arc<Contents>);

#[derive(PartialEq, Eq)]
struct Contents {
    type_name: Option<Arc<str>>,
    bytes: Box<[u8]>,
}

impl Custom {
    /// A value of the type `custom<NAME>`, or of `custom`.
    #[must_use]
    pub fn new(type_name: Option<&str>, bytes: impl Into<Box<[u8]>>) -> Self {
        Self::shared(type_name.map(Arc::from), bytes.into())
    }

    pub(crate) fn shared(type_name: Option<Arc<str>>, bytes: Box<[u8]>) -> Self {
        Self(Arc::new(Contents { type_name, bytes }))
    }

    /// The name of its type, if that has one.
    #[must_use]
    pub fn type_name(&self) -> Option<&str> {
        self.0.type_name.as_deref()
    }

    pub(crate) fn shared_type_name(&self) -> &Option<Arc<str>> {
        &self.0.type_name
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// Lets the type's codec check the bytes, if there is one.
    pub(crate) fn validate(&self) -> Result<(), String> {
        self.codec().map_or(Ok(()), |codec| codec.validate(self.bytes()))
    }

    /// The codec of its type, if one is registered.
    pub(crate) fn codec(&self) -> Option<Arc<dyn Codec>> {
        codec_of(self.type_name()?)
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Custom({:?}, {:02x?})", self.type_name(), self.bytes())
    }
}

/// What a game tells this library of one of its own types: whether bytes are a value of it, and what that is as JSON.
///
/// Where no codec is registered (a master that knows the schema's file alone), any bytes are a value, and their JSON is
/// base64. A codec is called by whatever thread decodes or writes a value, also several at a time, and must always give the
/// same answers.
pub trait Codec: Send + Sync {
    /// Checks bytes that come from the game, another peer or the database.
    ///
    /// # Errors
    /// Why they are no value of the type; whoever sent them is told.
    fn validate(&self, bytes: &[u8]) -> Result<(), String>;

    /// The value as JSON text. It must not be a JSON string: that is the base64 of where no codec is registered.
    ///
    /// # Errors
    /// Why there is none; the JSON is base64 then.
    fn to_json(&self, bytes: &[u8]) -> Result<String, String>;

    /// The bytes of the value that JSON text is.
    ///
    /// # Errors
    /// Why it is none.
    #[expect(clippy::wrong_self_convention, reason = "the other way of `to_json`")]
    fn from_json(&self, json: &str) -> Result<Vec<u8>, String>;
}

type Codecs = HashMap<Box<str>, Arc<dyn Codec>>;

static CODECS: Lazy<RwLock<Codecs>> = Lazy::new(RwLock::default);

/// Registers the codec of the type `custom<NAME>`, for the whole process. Do it before the first profile that has such a value.
///
/// ```
/// use std::sync::Arc;
/// use mst_profiles::{Codec, Custom, Value, register_codec};
///
/// /// A pair of bytes.
/// struct Dice;
///
/// impl Codec for Dice {
///     fn validate(&self, bytes: &[u8]) -> Result<(), String> {
///         if bytes.len() == 2 { Ok(()) } else { Err("a throw has two dice".into()) }
///     }
///     fn to_json(&self, bytes: &[u8]) -> Result<String, String> {
///         Ok(format!("{bytes:?}"))
///     }
///     fn from_json(&self, json: &str) -> Result<Vec<u8>, String> {
///         serde_json::from_str(json).map_err(|error| error.to_string())
///     }
/// }
///
/// register_codec("dice", Arc::new(Dice))?;
/// let throw = Value::Custom(Custom::new(Some("dice"), [3, 6]));
/// assert_eq!(throw.to_string(), "[3,6]");
/// # Ok::<(), mst_profiles::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidArgument`] for a name that no type can have, or whose codec is registered already.
pub fn register_codec(name: &str, codec: Arc<dyn Codec>) -> Result<()> {
    let wrong = |reason: String| Err(Error::InvalidArgument { argument: "name", reason });
    if !is_identifier(name) {
        return wrong(format!("`{name}` is no name of a type: letters, digits and `_`"));
    }
    let mut codecs = CODECS.write().unwrap_or_else(PoisonError::into_inner);
    if codecs.contains_key(name) {
        return wrong(format!("the type `custom<{name}>` has a codec already"));
    }
    codecs.insert(name.into(), codec);
    Ok(())
}

/// The codec of a type, if one is registered.
pub(crate) fn codec_of(name: &str) -> Option<Arc<dyn Codec>> {
    CODECS.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
}

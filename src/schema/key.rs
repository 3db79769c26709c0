//! The 16-bit keys of properties.

/// The key of a property's name: MST's own hash, so that existing games keep their keys.
///
/// Folds each UTF-16 unit `c` of the name: from `0x01000193`, `h = (h xor c) * 0x811c9dc5` in wrapping 32-bit
/// arithmetic; the key is the low 16 bits. (FNV-1a's two constants stand in each other's place; MST has them so.)
///
/// ```
/// assert_eq!(mst_profiles::property_key("gold"), 57487);
/// ```
#[must_use]
pub fn property_key(name: &str) -> u16 {
    let hash = name
        .encode_utf16()
        .fold(0x0100_0193_u32, |hash, unit| (hash ^ u32::from(unit)).wrapping_mul(0x811c_9dc5));
    (hash & 0xffff) as u16
}

#[cfg(test)]
mod tests {
    use super::property_key;

    #[test]
    fn keys_are_those_of_mst() {
        for (name, key) in
            [("", 403), ("a", 59706), ("gold", 57487), ("level", 57225), ("displayName", 48290)]
        {
            assert_eq!(property_key(name), key, "{name}");
        }
    }
}

//! Generates the C header and the C# class into `OUT_DIR`, and a hash of the ABI that the library reports. The committed
//! copies (`include/mst_profiles.h`, `bindings/csharp/NativeMethods.g.cs`) are compared with these by `tests/bindings.rs`.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Enums that no signature names: their values cross as plain integers.
const ENUMS: [&str; 13] = [
    "MstValueType",
    "MstKeyType",
    "MstWriters",
    "MstVisibility",
    "MstMerge",
    "MstSync",
    "MstEventType",
    "MstCause",
    "MstChange",
    "MstConnectionState",
    "MstMasterEventType",
    "MstStoreRequestType",
    "MstQueryType",
];

/// The files with exported functions, in the order of the header.
const SOURCES: [&str; 19] = [
    "version",
    "result",
    "value",
    "schema",
    "properties",
    "events",
    "callbacks",
    "profile",
    "scalars",
    "containers",
    "parts",
    "custom",
    "whole",
    "endpoint",
    "connection",
    "master",
    "store",
    "in_process",
    "asks",
];

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    println!("cargo::rerun-if-changed=src/ffi");
    println!("cargo::rerun-if-changed=cbindgen.toml");

    let bare = header(&root, None);
    let hash = format!("{:016x}", fnv1a(bare.as_bytes()));
    println!("cargo::rustc-env=MST_ABI_HASH={hash}");
    let macros = format!(
        "\n/* What mst_abi_hash() of the library must return. */\n#define MST_ABI_HASH 0x{hash}ULL\n"
    );
    write(&out.join("mst_profiles.h"), &header(&root, Some(macros)));
    write(&out.join("NativeMethods.g.cs"), &csharp(&root, &out, &hash));
}

/// The header; without comments when there are no macros to add, for the hash.
fn header(root: &Path, macros: Option<String>) -> String {
    let mut config =
        cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is well formed");
    config.documentation = macros.is_some();
    config.export.include = ENUMS.map(String::from).to_vec();
    config.after_includes = macros;
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(source_path(root, source));
    }
    let mut text = Vec::new();
    builder.generate().expect("the sources can be read").write(&mut text);
    let text = String::from_utf8(text).expect("a header is text");
    without_safety(&text, "*", "*/")
}

/// Takes the safety sections out of the comments: they speak to Rust. `rule` begins each comment's line, `end` the line
/// after the section.
fn without_safety(text: &str, rule: &str, end: &str) -> String {
    let section = format!("{rule} # Safety");
    let mut kept: Vec<&str> = Vec::new();
    let mut skipping = false;
    for line in text.lines() {
        let trimmed = line.trim().replace("  ", " ");
        if trimmed == section {
            skipping = true;
            while kept.last().is_some_and(|l| l.trim() == rule) {
                kept.pop();
            }
        } else if trimmed.starts_with(end) {
            skipping = false;
        }
        if !skipping {
            kept.push(line.trim_end());
        }
    }
    kept.join("\n") + "\n"
}

fn csharp(root: &Path, out: &Path, hash: &str) -> String {
    let mut builder = csbindgen::Builder::default();
    for source in SOURCES {
        builder = builder.input_extern_file(source_path(root, source));
    }
    let path = out.join("csbindgen.cs");
    builder
        .csharp_dll_name("mst_profiles")
        .csharp_dll_name_if("UNITY_IOS && !UNITY_EDITOR", "__Internal")
        .csharp_namespace("MstProfiles.Native")
        .csharp_class_name("NativeMethods")
        .csharp_class_accessibility("public")
        .csharp_use_function_pointer(false)
        .csharp_generate_const_filter(|name| name.starts_with("MST_"))
        .always_included_types(ENUMS)
        .generate_csharp_file(&path)
        .expect("the sources can be read");
    let text = fs::read_to_string(&path).expect("it was just written");
    // The class gets the hash that the library it was made for reports.
    let anchor = "const string __DllName = \"mst_profiles\";\n#endif\n";
    let constant = format!("        public const ulong MST_ABI_HASH = 0x{hash};\n");
    assert!(text.contains(anchor), "csbindgen writes its class as before");
    let text = one_delegate(&text.replace(anchor, &format!("{anchor}\n{constant}")));
    without_safety(&text, "///", "/// </summary>")
}

/// csbindgen makes a delegate for each callback of each function. Those of one kind are one, so that a callback can be given
/// wherever it is good for, under the name that it has in C.
fn one_delegate(text: &str) -> String {
    const KINDS: [(&str, &[&str]); 4] = [
        (
            "MstEventCallback",
            &["mst_endpoint_subscribe_callback_delegate", "mst_profile_subscribe_callback_delegate"],
        ),
        ("MstCodecValidate", &["mst_codec_register_validate_delegate"]),
        (
            "MstCodecConvert",
            &["mst_codec_register_to_json_delegate", "mst_codec_register_from_json_delegate"],
        ),
        (
            "MstStoreCallback",
            &[
                "mst_master_set_store_callbacks_restore_delegate",
                "mst_master_set_store_callbacks_update_delegate",
                "mst_master_set_store_callbacks_update_many_delegate",
            ],
        ),
    ];
    let attribute = "        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]\n";
    let mut text = text.to_string();
    for (kind, names) in KINDS {
        let mut one = None;
        for name in names {
            let place = text.find(&format!(" {name}(")).unwrap_or_else(|| panic!("csbindgen has no {name}"));
            let start = text[..place].rfind(attribute).expect("each delegate has its attribute");
            let end = place + text[place..].find(";\n\n").expect("it ends") + 3;
            let declared = text[start..end].replace(name, kind);
            let is_first = one.is_none();
            let first = one.get_or_insert_with(|| declared.clone());
            assert_eq!(*first, declared, "callbacks of one kind have one signature");
            text.replace_range(start..end, if is_first { &declared } else { "" });
            text = text.replace(name, kind);
        }
    }
    assert!(!text.contains("_delegate"), "every callback has the delegate of its kind");
    text
}

fn source_path(root: &Path, source: &str) -> PathBuf {
    root.join("src/ffi").join(source).with_extension("rs")
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// FNV-1a, 64 bits: enough to tell one ABI from another.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

# What `run` and `growth` share: they set `here`, the folder that this file is in. Everything that is printed goes to stderr,
# as their own output may be JSON.
# shellcheck shell=bash disable=SC2154

# The oldest Node.js that is of use: that of Debian 12.
least_node=18
build=$here/rust/target/release
peers=$build/peers

# Installs Debian packages, of those named the ones that are missing.
install_packages() {
    echo "installing $*" >&2
    export DEBIAN_FRONTEND=noninteractive
    {
        apt-get update -o DPkg::Lock::Timeout=600 -qq
        apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 "$@"
    } >&2
}

# Node.js, and the version of @colyseus/schema that package-lock.json names.
install_node() {
    local missing=()
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    [ "${#missing[@]}" -eq 0 ] || install_packages "${missing[@]}"
    local version
    version=$(node --version)
    version=${version#v}
    if [ "${version%%.*}" -lt "$least_node" ]; then
        echo "node is of version $version; $least_node or later is needed" >&2
        exit 1
    fi
    local stamp=$here/node/node_modules/.installed
    if ! cmp -s "$here/node/package-lock.json" "$stamp"; then
        echo "installing the packages of node/package-lock.json" >&2
        (cd "$here/node" && npm ci --ignore-scripts) >&2
        cp "$here/node/package-lock.json" "$stamp"
    fi
}

# The program that measures, and the library as one that C links: both of one build.
build_peers() {
    cargo build --release --manifest-path "$here/rust/Cargo.toml" -p peers -p mst-profiles >&2
}

build_c_abi() {
    local missing=()
    command -v gcc >/dev/null || missing+=(gcc)
    [ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
    [ "${#missing[@]}" -eq 0 ] || install_packages "${missing[@]}"
    gcc -std=c99 -O2 -Wall -Wextra -Werror -I"$here/../../include" "$here/c/abi.c" -o "$build/abi" \
        -L"$build" -lmst_profiles -Wl,-rpath,"$build" >&2
}

# Stands in for the packages feed's rust-package.mk in a test: what it sets when it is read.

RUST_ARCH_DEPENDS:=@(arm||mips)
CARGO_PKG_PROFILE:=release
CARGO_PKG_ARGS=
CARGO_PKG_ARGS+= --locked

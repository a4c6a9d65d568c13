# Stands in for OpenWrt's rules.mk in a test: what the package's Makefile takes from there.

INCLUDE_DIR:=$(TOPDIR)/include
INSTALL_DIR:=install -d -m 0755
INSTALL_BIN:=install -m 0755
INSTALL_CONF:=install -m 0600
INSTALL_DATA:=install -m 0644
PKG_BUILD_DIR:=$(WORK)/build
PKG_INSTALL_DIR:=$(WORK)/install

# Stands in for OpenWrt's package.mk in a test. In place of packages it makes goals: one prints what is
# defined, `NAME=value` in each line, others carry out the recipes.

SHOWN:=PKG_NAME PKG_VERSION PKG_RELEASE PKG_SOURCE PKG_SOURCE_URL PKG_HASH PKG_MAINTAINER PKG_LICENSE \
	PKG_LICENSE_FILES PKG_BUILD_DEPENDS PKG_BUILD_PARALLEL MAKE_PATH CARGO_PKG_PROFILE CARGO_PKG_ARGS
SHOWN_OF_PACKAGE:=SECTION CATEGORY TITLE DEPENDS USERID VARIANT DEFAULT_VARIANT CONFLICTS PROVIDES

MAKE_PATH:=.

show:
	$(foreach name,$(SHOWN),$(info $(name)=$($(name))))@:

prepare:
	$(Build/Prepare)

# A package's variables don't reach the next package.
define Package/Default
$(foreach name,$(SHOWN_OF_PACKAGE),
  $(name):=)
endef

define BuildPackage
  $(eval $(Package/Default))
  $(eval $(Package/$(1)))
  $(foreach name,$(SHOWN_OF_PACKAGE),$(eval $(1)/$(name):=$($(name))))

show: show-$(1)
show-$(1):
	$$(foreach name,$(SHOWN_OF_PACKAGE),$$(info $(1)/$$(name)=$$($(1)/$$(name))))@:

describe-$(1):
	$$(info $$(Package/$(1)/description))@:

keep-$(1):
	$$(info $$(Package/$(1)/conffiles))@:

install-$(1):
	$$(call Package/$(1)/install,$$(WORK)/$(1))
endef

//! What runs on the router when the package arrives and leaves.
//!
//! All work is done by functions of OpenWrt's own: they make the user, run what lies in
//! `/etc/uci-defaults`, and enable, start, disable and stop the service. `IPKG_INSTROOT` is
//! where the image builder puts a system together; there is no such function in a root without
//! OpenWrt's base files, and then there is nothing to do.

/// After the files have arrived, for opkg.
pub(crate) const POSTINST: &str = "#!/bin/sh
[ \"${IPKG_NO_SCRIPT}\" = 1 ] && exit 0
[ -s \"${IPKG_INSTROOT}/lib/functions.sh\" ] || exit 0
. \"${IPKG_INSTROOT}/lib/functions.sh\"
default_postinst \"$0\" \"$@\"
";

/// Before the files leave, for opkg.
pub(crate) const PRERM: &str = "#!/bin/sh
[ -s \"${IPKG_INSTROOT}/lib/functions.sh\" ] || exit 0
. \"${IPKG_INSTROOT}/lib/functions.sh\"
default_prerm \"$0\" \"$@\"
";

/// After the files of a package have arrived, for apk, whose scripts aren't told the package's name.
pub(crate) fn post_install(package: &str) -> String {
    format!(
        "#!/bin/sh
[ \"${{IPKG_NO_SCRIPT}}\" = 1 ] && exit 0
{}add_group_and_user
default_postinst
",
        for_package(package)
    )
}

/// After the files of a newer package have taken the place of older ones, for apk.
pub(crate) fn post_upgrade(package: &str) -> String {
    post_install(package).replacen('\n', "\nexport PKG_UPGRADE=1\n", 1)
}

/// Before the files of a package leave, for apk.
pub(crate) fn pre_deinstall(package: &str) -> String {
    format!("#!/bin/sh\n{}default_prerm\n", for_package(package))
}

/// Brings OpenWrt's functions in, and what they want to know.
fn for_package(package: &str) -> String {
    format!(
        "[ -s \"${{IPKG_INSTROOT}}/lib/functions.sh\" ] || exit 0
. \"${{IPKG_INSTROOT}}/lib/functions.sh\"
export root=\"${{IPKG_INSTROOT}}\"
export pkgname=\"{package}\"
"
    )
}

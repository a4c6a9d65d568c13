//! What runs on the router when the package arrives and leaves.
//!
//! All work is done by functions of OpenWrt's own: they make the user, run what lies in
//! `/etc/uci-defaults`, and enable, start, disable and stop the service. `IPKG_INSTROOT` is
//! where the image builder puts a system together; there is no such function in a root without
//! OpenWrt's base files, and then there is nothing to do.

/// After the files have arrived.
pub(crate) const POSTINST: &str = "#!/bin/sh
[ \"${IPKG_NO_SCRIPT}\" = 1 ] && exit 0
[ -s \"${IPKG_INSTROOT}/lib/functions.sh\" ] || exit 0
. \"${IPKG_INSTROOT}/lib/functions.sh\"
default_postinst \"$0\" \"$@\"
";

/// Before the files leave.
pub(crate) const PRERM: &str = "#!/bin/sh
[ -s \"${IPKG_INSTROOT}/lib/functions.sh\" ] || exit 0
. \"${IPKG_INSTROOT}/lib/functions.sh\"
default_prerm \"$0\" \"$@\"
";

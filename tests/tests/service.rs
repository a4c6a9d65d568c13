//! The init script of the package, run as OpenWrt runs it.
#![forbid(unsafe_code)]

use wrtracker_tests::openwrt::Root;

#[test]
fn as_shipped() {
    let Some(root) = Root::new("as_shipped") else { return };
    root.configure_as_shipped();
    let record = root.service("start");
    println!("{}", record.0);
    for file in root.files() { println!("--- {file}\n{}", root.read(&format!("var/etc/wrtracker/{file}"))); }
    panic!();
}

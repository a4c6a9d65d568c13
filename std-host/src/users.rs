//! Users and groups, from the text of `/etc/passwd` and `/etc/group` (passwd(5), group(5)).
//!
//! A statically linked program has no name service to ask, and a router has these two files. Lines
//! that make no sense are skipped, as the C library does.

use std::fs::File;
use std::io::{self, Read as _};

use rustix::process::{Gid, Uid};

/// Where users are.
pub const PASSWD: &str = "/etc/passwd";
/// Where groups are.
pub const GROUP: &str = "/etc/group";

/// Whose rights a process has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The user.
    pub uid: Uid,
    /// The user's own group.
    pub gid: Gid,
    /// Groups beside it: those that list the user, each once.
    pub groups: Vec<Gid>,
}

impl Identity {
    /// Who has no rights but those that everybody has: user and group 65534, and no other group.
    pub const NOBODY: Self = Self {
        uid: Uid::from_raw_unchecked(65534),
        gid: NO_GROUP,
        groups: Vec::new(),
    };

    /// Finds `user`, a name or `uid` or `uid:gid` in decimal; a name of digits goes before a number.
    ///
    /// A number need not be in `passwd`. If it is, the user's group and groups are as for the name;
    /// if not, the group is 65534. With a group given, that is the only one.
    ///
    /// `None` if there is no such user. Reads both texts at most twice.
    pub fn find(user: &str, passwd: &[u8], group: &[u8]) -> Option<Self> {
        let by_name = |entry: &Entry<'_>| entry.name == user.as_bytes();
        if let Some(entry) = entries(passwd).find(by_name) {
            return Some(entry.identity(group));
        }
        if let Some((uid, gid)) = user.split_once(':') {
            return Some(Self {
                uid: Uid::from_raw(number(uid.as_bytes())?),
                gid: Gid::from_raw(number(gid.as_bytes())?),
                groups: Vec::new(),
            });
        }
        let uid = Uid::from_raw(number(user.as_bytes())?);
        let entry = entries(passwd).find(|entry| entry.uid == uid);
        Some(entry.map_or(
            Self {
                uid,
                ..Self::NOBODY
            },
            |entry| entry.identity(group),
        ))
    }
}

/// Reads a file of users or groups: its first 256 KiB, up to the end of a line.
///
/// # Errors
///
/// The kernel's, if there is no such file or it can't be read.
pub fn read(path: &str) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    // Memory that is never written costs nothing.
    let mut text = vec![0; MOST_READ];
    let mut length = 0;
    while let Some(rest) = text.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if length == MOST_READ {
        // Half a line could name another user.
        let end = text.iter().rposition(|byte| *byte == b'\n');
        length = end.unwrap_or(0);
    }
    text.truncate(length);
    Ok(text)
}

/// Most bytes of a file that are read. It takes memory before anything else does, so that it fits
/// into the least limit.
const MOST_READ: usize = 256 << 10;

/// `nogroup`, which owns nothing.
const NO_GROUP: Gid = Gid::from_raw_unchecked(65534);

/// One line of `/etc/passwd`.
struct Entry<'t> {
    name: &'t [u8],
    uid: Uid,
    gid: Gid,
}

impl Entry<'_> {
    fn identity(&self, group: &[u8]) -> Identity {
        let mut groups = Vec::new();
        for (gid, members) in group_lines(group) {
            let listed = members
                .split(|byte| *byte == b',')
                .any(|name| name == self.name);
            if listed && gid != self.gid && !groups.contains(&gid) {
                groups.push(gid);
            }
        }
        Identity {
            uid: self.uid,
            gid: self.gid,
            groups,
        }
    }
}

/// The lines of `/etc/passwd` that make sense: `name:password:uid:gid` and more.
fn entries(text: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    lines(text).filter_map(|mut fields| {
        let (name, _) = (fields.next()?, fields.next()?);
        let entry = Entry {
            name,
            uid: Uid::from_raw(number(fields.next()?)?),
            gid: Gid::from_raw(number(fields.next()?)?),
        };
        (!name.is_empty()).then_some(entry)
    })
}

/// The lines of `/etc/group` that make sense, `name:password:gid:member,member`: number and
/// members.
fn group_lines(text: &[u8]) -> impl Iterator<Item = (Gid, &[u8])> {
    lines(text).filter_map(|mut fields| {
        let (_, _) = (fields.next()?, fields.next()?);
        Some((Gid::from_raw(number(fields.next()?)?), fields.next()?))
    })
}

/// The fields of each line. A line with a NUL in it is none: what reads C strings would see another
/// one.
fn lines(text: &[u8]) -> impl Iterator<Item = impl Iterator<Item = &[u8]>> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.contains(&0))
        .map(|line| line.split(|byte| *byte == b':'))
}

/// A user's or a group's number: digits, below 2^32 - 1, which the kernel takes for "as it is".
fn number(digits: &[u8]) -> Option<u32> {
    let number = digits.iter().try_fold(0_u32, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        number.checked_mul(10)?.checked_add(digit.into())
    })?;
    (number != u32::MAX && !digits.is_empty()).then_some(number)
}

#[cfg(test)]
mod tests {
    use rustix::process::{Gid, Uid};

    use super::{Identity, MOST_READ, number, read};

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/ash\n\
        daemon:*:1:1:daemon:/var:/bin/false\n\
        tracker:x:107:112::/var/lib/tracker:/bin/false\n\
        1000:x:5:6:a name of digits:/:/bin/sh\n\
        nobody:*:65534:65533:nobody:/var:/bin/false";

    const GROUP: &[u8] = b"root:x:0:\n\
        adm:x:4:root,tracker\n\
        tracker:x:112:tracker\n\
        dialout:x:20:trackers,track,tracker2\n\
        video:x:44:root,tracker,daemon\n\
        again:x:44:tracker\n\
        backup:x:34:tracker";

    /// The numbers of who `user` is.
    fn find_in(user: &str, passwd: &[u8], group: &[u8]) -> Option<(u32, u32, Vec<u32>)> {
        let found = Identity::find(user, passwd, group)?;
        let groups = found.groups.iter().map(|gid| gid.as_raw()).collect();
        Some((found.uid.as_raw(), found.gid.as_raw(), groups))
    }

    fn find(user: &str) -> Option<(u32, u32, Vec<u32>)> {
        find_in(user, PASSWD, GROUP)
    }

    #[test]
    fn a_user_has_its_group_and_those_that_list_it() {
        assert_eq!(find("tracker"), Some((107, 112, vec![4, 44, 34])));
        assert_eq!(find("nobody"), Some((65534, 65533, vec![])));
        assert_eq!(find("root"), Some((0, 0, vec![4, 44])));
        for nobody in [
            "", "Tracker", "track", "tracker2", "x", "*", "-1", ":", "1:", ":1",
        ] {
            assert_eq!(find(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn numbers_stand_for_users() {
        assert_eq!(find("107"), Some((107, 112, vec![4, 44, 34])));
        assert_eq!(find("4711"), Some((4711, 65534, vec![])));
        assert_eq!(find("107:5"), Some((107, 5, vec![])));
        assert_eq!(find("0"), Some((0, 0, vec![4, 44])));
        assert_eq!(find("1000"), Some((5, 6, vec![])), "a name goes first");
        for wrong in [
            "4294967295",
            "4294967296",
            "107:4294967295",
            "+7",
            "7 ",
            "7:8:9",
        ] {
            assert_eq!(find(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_that_are_none_make_a_line_none() {
        assert_eq!(number(b"4294967294"), Some(u32::MAX - 1));
        assert_eq!(number(b"007"), Some(7));
        for text in [
            &b""[..],
            b"-1",
            b"+1",
            b" 1",
            b"0x1",
            b"4294967295",
            b"99999999999999999999",
        ] {
            assert_eq!(number(text), None, "{}", text.escape_ascii());
        }
        let passwd = b"me:x:4294967295:7:\nme:x:7:4294967296:\nme:x:7\nme:x\nme\nme:x::7:\n\
            +me:x:1:1:\n me:x:2:2:\n#me:x:3:3:\n:x:4:4:\nme\0:x:5:5:\nme:x:6:6:\0\n\
            me:x:8:9:\nme:x:0:0:";
        assert_eq!(find_in("me", passwd, b""), Some((8, 9, vec![])));
        let group = b"a:x:1\nb:x::me\nc:x:-1:me\nd:x:4294967295:me\ne:me\nf:x:2:,,me,:more\n\
            g:x:3:me\0\nh:x:4: me\n\n::::\ni::5:me";
        assert_eq!(find_in("me", passwd, group), Some((8, 9, vec![2, 5])));
        // An empty name is nobody's.
        assert_eq!(find_in("", passwd, group), None);
    }

    #[test]
    fn long_lines_and_other_bytes_are_read_as_well() {
        let mut passwd = vec![b'x'; 100_000];
        passwd.extend(b":x:1:1:\n\xff\xfe:x:2:2:\nme:x:3:4:");
        passwd.resize(300_000, b'y');
        let mut group = b"g:x:5:".to_vec();
        for _ in 0..50_000 {
            group.extend(b"other,");
        }
        group.extend(b"me,you");
        assert_eq!(find_in("me", &passwd, &group), Some((3, 4, vec![5])));
    }

    #[test]
    fn nobody_is_65534() {
        assert_eq!(Identity::NOBODY.uid, Uid::from_raw(65534));
        assert_eq!(Identity::NOBODY.gid, Gid::from_raw(65534));
    }

    #[test]
    fn a_file_is_read_up_to_a_whole_line() {
        let name = format!("wrtracker-users-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let path = path.to_str().expect("a path that is text");
        let mut text = b"first:x:1:1:\n".to_vec();
        std::fs::write(path, &text).expect("to write");
        assert_eq!(read(path).expect("to read"), text);
        text.resize(MOST_READ - 1, b'x');
        text.extend(b":x:0:0:\n");
        std::fs::write(path, &text).expect("to write");
        assert_eq!(read(path).expect("to read"), b"first:x:1:1:");
        std::fs::remove_file(path).expect("to remove");
        assert!(read(path).is_err());
        assert!(
            read("/dev/zero").expect("to read").is_empty(),
            "no line, no end"
        );
    }
}

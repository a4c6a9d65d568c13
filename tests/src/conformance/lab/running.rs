//! A process, and what it says.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::sockets;

/// How long anything may take before it counts as not happening.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// Held while a process starts, and while a port is tried: until it has begun its own program, a new
/// process has all our sockets.
pub(super) static ALONE: Mutex<()> = Mutex::new(());

/// A process that ends with the value.
pub(crate) struct Running {
    child: Child,
    said: Rc<Said>,
    ended: Option<ExitStatus>,
}

/// What a process has said on standard error, filled by a thread of its own.
#[derive(Default)]
pub(crate) struct Said(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    text: String,
    closed: bool,
}

/// How a process ended, and what it said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ended {
    /// Its exit status such as `0`, or `signal 15`.
    pub(crate) status: String,
    /// Its standard error.
    pub(crate) said: String,
}

impl Said {
    pub(crate) fn text(&self) -> String {
        self.0.lock().expect("what it said").text.clone()
    }

    fn closed(&self) -> bool {
        self.0.lock().expect("what it said").closed
    }
}

impl Running {
    /// Starts a process.
    ///
    /// # Panics
    ///
    /// If the system refuses.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let spawned = {
            let _alone = ALONE.lock();
            command.spawn()
        };
        let mut child =
            spawned.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let said = Said::default();
        let mut stderr = child.stderr.take().expect("standard error");
        let heard = Arc::clone(&said.0);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let count = stderr.read(&mut buffer).unwrap_or(0);
                let mut heard = heard.lock().expect("what it said");
                heard.text += &String::from_utf8_lossy(&buffer[..count]);
                if count == 0 {
                    heard.closed = true;
                    return;
                }
            }
        });
        Self {
            child,
            said: Rc::new(said),
            ended: None,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far, and will say.
    pub(crate) fn said_so_far(&self) -> Rc<Said> {
        Rc::clone(&self.said)
    }

    /// What it has said on standard error so far.
    pub(crate) fn said(&self) -> String {
        self.said.text()
    }

    /// Waits until it says `text`, and tells whether it does.
    pub(crate) fn says(&self, text: &str) -> bool {
        until(|| self.said().contains(text).then_some(())).is_some()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        // It may have ended, which the probe will see.
        let _ = rustix::process::kill_process(Pid::from_child(&self.child), signal);
    }

    /// Its status if it has ended.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("to wait");
        }
        self.ended
    }

    /// Waits until it ends by itself; one that goes on has the status `goes on`.
    pub(crate) fn wait(&mut self) -> Ended {
        let status = until(|| self.status());
        let status = status.map_or_else(
            || "goes on".to_owned(),
            |status| match (status.code(), status.signal()) {
                (Some(code), _) => code.to_string(),
                (None, Some(signal)) => format!("signal {signal}"),
                (None, None) => "unknown".to_owned(),
            },
        );
        if status != "goes on" {
            until(|| self.said.closed().then_some(()));
        }
        Ended {
            status,
            said: self.said(),
        }
    }

    /// Waits until it listens or ends, and returns its sockets in the first case: when it has said
    /// that it is ready or, where `sockets` says so, has that many.
    pub(crate) fn wait_until_it_listens(&mut self, sockets: Option<usize>) -> Option<Vec<String>> {
        until(|| {
            if self.status().is_some() {
                return Some(None);
            }
            // A table of the kernel's that changes while it is read may leave some out.
            let found = self.sockets();
            let said = self.said();
            let (ready, expected) = match sockets {
                Some(count) => (true, count),
                None => (
                    said.contains("wrtracker: ready\n"),
                    said.matches("wrtracker: listening on ").count(),
                ),
            };
            (ready && found.len() >= expected).then_some(Some(found))
        })
        .flatten()
    }

    /// The sockets that it listens on, for example `tcp 127.0.0.1:6969`, in order.
    pub(crate) fn sockets(&self) -> Vec<String> {
        sockets::of(self.pid())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again until there is an answer, up to [`DEADLINE`].
pub(crate) fn until<T>(ask: impl FnMut() -> Option<T>) -> Option<T> {
    until_within(DEADLINE, ask)
}

/// The same, up to another time.
pub(crate) fn until_within<T>(time: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + time;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() > deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

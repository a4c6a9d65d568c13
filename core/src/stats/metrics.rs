//! All counters in the text format of Prometheus, version 0.0.4.

use core::fmt::{self, Write};

use super::{VERSION, View};
use crate::access::Refusal;
use crate::counters::{BUCKETS, Bounds, Histogram, MICROS, PEERS, RENEWED_MINUTES};
use crate::wire::Out;

/// Writes one section, a metric's head or a sample, and says whether there is such a number.
pub(super) fn section(view: &View<'_, '_>, at: u16, out: &mut Out<'_>) -> Result<bool, fmt::Error> {
    let mut at = usize::from(at);
    for metric in &METRICS {
        if at == 0 {
            metric.head(out)?;
            return Ok(true);
        }
        if let Some((labels, value)) = metric.samples.get(at.saturating_sub(1)) {
            writeln!(out, "wrtracker_{}{labels} {}", metric.name, value(view))?;
            return Ok(true);
        }
        at = at.saturating_sub(metric.samples.len().saturating_add(1));
    }
    for (nth, (metric, help, labels, bounds, of)) in HISTOGRAMS.iter().enumerate() {
        // Of histograms of one name the head is written once.
        let before = nth.checked_sub(1).and_then(|nth| HISTOGRAMS.get(nth));
        let lines = BUCKETS.saturating_add(2);
        if at < lines {
            let named = before.is_some_and(|before| before.0 == *metric);
            return histogram((metric, help, labels), (bounds, of(view)), at, named, out);
        }
        at = at.saturating_sub(lines);
    }
    match at.checked_sub(1) {
        None => RENEWED.head(out)?,
        Some(minutes @ ..RENEWED_MINUTES) => {
            let renewed = &view.tracker.counters.renewed;
            let count = renewed.get(minutes).copied().unwrap_or_default();
            let name = RENEWED.name;
            writeln!(out, "wrtracker_{name}{{minutes=\"{minutes}\"}} {count}")?;
        }
        Some(RENEWED_MINUTES) => write!(
            out,
            "# HELP wrtracker_build_info The version of the program.\n\
             # TYPE wrtracker_build_info gauge\n\
             wrtracker_build_info{{version=\"{VERSION}\"}} 1\n"
        )?,
        Some(_) => return Ok(false),
    }
    Ok(true)
}

const MICROS_HELP: &str = "Time from when requests were received to when their replies were ready.";

/// A histogram's name, its help, its labels, its bounds and its counts.
type Shown = (
    &'static str,
    &'static str,
    &'static str,
    &'static Bounds,
    for<'v> fn(&'v View<'_, '_>) -> &'v Histogram,
);

fn refused(view: &View<'_, '_>, refusal: Refusal) -> u64 {
    let counts = &view.tracker.counters.refused;
    counts.get(refusal as usize).copied().unwrap_or_default()
}

static HISTOGRAMS: [Shown; 3] = [
    (
        "peers_in_replies",
        "Peers in the replies to announces.",
        "",
        &PEERS,
        |view| &view.tracker.counters.peers_told,
    ),
    (
        "reply_microseconds",
        MICROS_HELP,
        "protocol=\"http\"",
        &MICROS,
        |view| &view.tracker.counters.http_micros,
    ),
    (
        "reply_microseconds",
        MICROS_HELP,
        "protocol=\"udp\"",
        &MICROS,
        |view| &view.tracker.counters.udp_micros,
    ),
];

/// Writes one line of a histogram, or its head.
fn histogram(
    (name, help, labels): (&str, &str, &str),
    (bounds, histogram): (&Bounds, &Histogram),
    at: usize,
    named: bool,
    out: &mut Out<'_>,
) -> Result<bool, fmt::Error> {
    let comma = if labels.is_empty() { "" } else { "," };
    let Some(line) = at.checked_sub(1) else {
        if !named {
            write!(
                out,
                "# HELP wrtracker_{name} {help}\n# TYPE wrtracker_{name} histogram\n"
            )?;
        }
        return Ok(true);
    };
    let count = histogram.up_to(line);
    let bound = bounds.get(line);
    match bound {
        Some(bound) => writeln!(
            out,
            "wrtracker_{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"
        )?,
        None if line < BUCKETS => writeln!(
            out,
            "wrtracker_{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}"
        )?,
        None => {
            let open = if labels.is_empty() { "" } else { "{" };
            let close = if labels.is_empty() { "" } else { "}" };
            let sum = histogram.sum;
            write!(
                out,
                "wrtracker_{name}_sum{open}{labels}{close} {sum}\n\
                 wrtracker_{name}_count{open}{labels}{close} {count}\n"
            )?;
        }
    }
    Ok(true)
}

/// A figure or some of a kind. The names of counters end in `_total`, those of others don't.
struct Metric {
    /// Its name without the prefix.
    name: &'static str,
    help: &'static str,
    samples: &'static [Sample],
}

/// Labels and a figure.
type Sample = (&'static str, fn(&View<'_, '_>) -> u64);

impl Metric {
    fn head(&self, out: &mut Out<'_>) -> fmt::Result {
        let Self { name, help, .. } = self;
        let kind = if name.ends_with("_total") {
            "counter"
        } else {
            "gauge"
        };
        write!(
            out,
            "# HELP wrtracker_{name} {help}\n# TYPE wrtracker_{name} {kind}\n"
        )
    }
}

static METRICS: [Metric; 24] = [
    Metric {
        name: "uptime_seconds",
        help: "Seconds since the start.",
        samples: &[("", |view| view.uptime().into())],
    },
    Metric {
        name: "torrents",
        help: "Torrents stored.",
        samples: &[("", |view| view.totals.torrents.into())],
    },
    Metric {
        name: "peers",
        help: "Peers stored.",
        samples: &[
            ("{status=\"seeder\"}", |view| view.totals.seeders.into()),
            ("{status=\"leecher\"}", |view| view.totals.leechers().into()),
        ],
    },
    Metric {
        name: "completed_total",
        help: "Downloads completed.",
        samples: &[("", |view| view.tracker.counters.completed)],
    },
    Metric {
        name: "announces_total",
        help: "Announces answered.",
        samples: &[
            ("{protocol=\"http\"}", |view| {
                view.tracker.counters.http_announces
            }),
            ("{protocol=\"udp\"}", |view| {
                view.tracker.counters.udp_announces
            }),
        ],
    },
    Metric {
        name: "scrapes_total",
        help: "Scrapes answered.",
        samples: &[
            ("{protocol=\"http\"}", |view| {
                view.tracker.counters.http_scrapes
            }),
            ("{protocol=\"udp\"}", |view| {
                view.tracker.counters.udp_scrapes
            }),
        ],
    },
    Metric {
        name: "denied_total",
        help: "Announces refused, for whatever reason.",
        samples: &[("", |view| view.tracker.counters.denied)],
    },
    Metric {
        name: "refusals_total",
        help: "Announces refused, by reason.",
        samples: &[
            ("{reason=\"denied\"}", |view| refused(view, Refusal::Denied)),
            ("{reason=\"unregistered\"}", |view| {
                refused(view, Refusal::Unregistered)
            }),
            ("{reason=\"no_key\"}", |view| refused(view, Refusal::NoKey)),
            ("{reason=\"unknown_key\"}", |view| {
                refused(view, Refusal::UnknownKey)
            }),
            ("{reason=\"expired_key\"}", |view| {
                refused(view, Refusal::ExpiredKey)
            }),
            ("{reason=\"other_torrent\"}", |view| {
                refused(view, Refusal::OtherTorrent)
            }),
            ("{reason=\"many_peers\"}", |view| {
                refused(view, Refusal::ManyPeers)
            }),
            ("{reason=\"bad_signature\"}", |view| {
                refused(view, Refusal::BadSignature)
            }),
            ("{reason=\"busy\"}", |view| refused(view, Refusal::Busy)),
            ("{reason=\"blocked\"}", |view| {
                refused(view, Refusal::Blocked)
            }),
        ],
    },
    Metric {
        name: "tcp_connections_total",
        help: "TCP connections accepted.",
        samples: &[("", |view| view.tracker.counters.connections)],
    },
    Metric {
        name: "tcp_connections_dropped_total",
        help: "TCP connections closed before their time.",
        samples: &[
            ("{reason=\"evicted\"}", |view| {
                view.tracker.counters.connections_evicted
            }),
            ("{reason=\"timeout\"}", |view| {
                view.tracker.counters.connections_timed_out
            }),
        ],
    },
    Metric {
        name: "http_failures_total",
        help: "HTTP requests answered with a failure reason.",
        samples: &[("", |view| view.tracker.counters.http_failures)],
    },
    Metric {
        name: "http_errors_total",
        help: "HTTP requests answered with another status than 200.",
        samples: &[
            ("{error=\"redirect\"}", |view| view.errors(0)),
            ("{error=\"parse\"}", |view| view.errors(1)),
            ("{error=\"parameter\"}", |view| view.errors(2)),
            ("{error=\"compact\"}", |view| view.errors(3)),
            ("{error=\"not_modest\"}", |view| view.errors(4)),
            ("{error=\"payment\"}", |view| view.errors(5)),
            ("{error=\"forbidden\"}", |view| view.errors(6)),
            ("{error=\"not_found\"}", |view| view.errors(7)),
            ("{error=\"server\"}", |view| view.errors(8)),
        ],
    },
    Metric {
        name: "udp_datagrams_total",
        help: "UDP datagrams received.",
        samples: &[("", |view| view.tracker.counters.udp_datagrams)],
    },
    Metric {
        name: "udp_ignored_total",
        help: "UDP datagrams not answered.",
        samples: &[("", |view| view.tracker.counters.udp_ignored)],
    },
    Metric {
        name: "udp_connects_total",
        help: "UDP connection ids given out.",
        samples: &[("", |view| view.tracker.counters.udp_connects)],
    },
    Metric {
        name: "udp_mismatches_total",
        help: "UDP requests with a wrong connection id.",
        samples: &[("", |view| view.tracker.counters.udp_mismatches)],
    },
    Metric {
        name: "udp_errors_total",
        help: "UDP requests answered with an error.",
        samples: &[("", |view| view.tracker.counters.udp_errors)],
    },
    Metric {
        name: "requests_v6_total",
        help: "Requests answered that came over IPv6, which the others include.",
        samples: &[
            ("{protocol=\"http\",kind=\"announce\"}", |view| {
                view.tracker.counters.v6.http_announces
            }),
            ("{protocol=\"http\",kind=\"scrape\"}", |view| {
                view.tracker.counters.v6.http_scrapes
            }),
            ("{protocol=\"udp\",kind=\"connect\"}", |view| {
                view.tracker.counters.v6.udp_connects
            }),
            ("{protocol=\"udp\",kind=\"announce\"}", |view| {
                view.tracker.counters.v6.udp_announces
            }),
            ("{protocol=\"udp\",kind=\"scrape\"}", |view| {
                view.tracker.counters.v6.udp_scrapes
            }),
        ],
    },
    Metric {
        name: "full_scrapes_total",
        help: "Full scrapes begun.",
        samples: &[("", |view| view.tracker.counters.full_scrapes)],
    },
    Metric {
        name: "full_scrape_bytes_total",
        help: "Bytes of full scrapes sent.",
        samples: &[("", |view| view.tracker.counters.full_scrape_bytes)],
    },
    Metric {
        name: "synced_peers_total",
        help: "Peers that other trackers told of.",
        samples: &[("", |view| view.tracker.counters.synced)],
    },
    Metric {
        name: "store_bytes",
        help: "Memory for swarms.",
        samples: &[
            ("{state=\"used\"}", |view| {
                let totals = &view.totals;
                totals.bytes.saturating_sub(totals.usage.free)
            }),
            ("{state=\"free\"}", |view| view.totals.usage.free),
        ],
    },
    Metric {
        name: "evicted_peers_total",
        help: "Peers that made room for others.",
        samples: &[("", |view| view.totals.losses.evicted_peers)],
    },
    Metric {
        name: "refused_total",
        help: "Announces whose peer or torrent found no room.",
        samples: &[
            ("{what=\"peer\"}", |view| view.totals.losses.refused_peers),
            ("{what=\"torrent\"}", |view| {
                view.totals.losses.refused_torrents
            }),
        ],
    },
];

static RENEWED: Metric = Metric {
    name: "renewed_total",
    help: "Announces of known peers by the minutes since the one before.",
    samples: &[],
};

//! The committed corpus: what real clients send, and what lies just beside it.

mod client;
mod files;
mod http;
mod packets;
mod store;

/// An input's name and bytes.
pub type Seed = (&'static str, Vec<u8>);

/// The committed inputs of a target.
pub fn of(target: &str) -> Vec<Seed> {
    match target {
        "client_http" => client::client_http(),
        "client_json" => client::client_json(),
        "client_torrent" => client::client_torrent(),
        "client_udp" => client::client_udp(),
        "conf" => files::conf(),
        "connections" => http::connections(),
        "frames" => packets::frames(),
        "hash_lines" => files::hash_lines(),
        "grants" => files::grants(),
        "gzip" => store::gzip(),
        "http_request" => http::http_request(),
        "key_lines" => files::key_lines(),
        "live_sync" => packets::live_sync(),
        "query" => http::query(),
        "state" => files::state(),
        "store_ops" => store::store_ops(),
        "udp_request" => packets::udp_request(),
        _ => Vec::new(),
    }
}

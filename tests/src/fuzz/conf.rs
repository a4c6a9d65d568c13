//! A configuration file.

use wrtracker::conf;
use wrtracker::settings::{MOST_TOLD, Settings};

/// Runs it: whatever is wrong is told with its line, at most one thing for each line, up to where it
/// says that there is more.
pub fn run(data: &[u8]) {
    let mut settings = Settings::default();
    conf::parse(&"fuzz", data, &mut settings);
    let lines = data.split(|&byte| byte == b'\n').count();
    assert!(settings.errors.len() + settings.warnings.len() <= lines);
    for told in [&settings.errors, &settings.warnings] {
        assert!(told.len() <= MOST_TOLD + 1);
    }
    let told = |messages: &[String]| messages.iter().take(MOST_TOLD).cloned().collect::<Vec<_>>();
    for message in told(&settings.errors)
        .iter()
        .chain(&told(&settings.warnings))
    {
        let line = message
            .strip_prefix("fuzz:")
            .and_then(|rest| rest.split(':').next());
        let line: usize = line.expect("a line").parse().expect("a number");
        assert!((1..=lines).contains(&line), "{message}");
        assert!(message.is_ascii() && !message.contains('\n'), "{message}");
    }
    if let Ok(policy) = settings.policy() {
        assert!(policy.interval_jitter < policy.interval);
        assert!(policy.interval <= policy.interval_most);
        assert!(policy.peer_timeout > policy.interval_most + policy.interval_jitter);
        assert!(policy.default_wanted <= policy.most_wanted && policy.most_wanted <= 200);
        let text = [policy.stats_path(), &policy.redirect].concat();
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
    }
    let mut again = Settings::default();
    conf::parse(&"fuzz", data, &mut again);
    assert_eq!(again, settings);
    assert_eq!(settings.needs_restart(&again).count(), 0);
}

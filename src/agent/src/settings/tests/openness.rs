//! Who is let in: nobody from elsewhere, unless somebody says so.

use std::net::SocketAddr;

use super::Given;

const CREDENTIALS: [&[(&str, &str)]; 3] = [
    &[("alerts.token", "hush")],
    &[("alerts.user", "grafana"), ("alerts.password", "hush")],
    &[("alerts.hmac_secret", "hush")],
];

fn with(given: Given, flags: &[(&str, &str)]) -> Given {
    flags
        .iter()
        .fold(given, |given, (key, value)| given.flag(key, value))
}

fn listen(given: &Given) -> SocketAddr {
    given.settings().agent.alerts.listen
}

#[test]
fn without_a_token_the_agent_listens_on_this_machine_alone() {
    let given = Given::new();
    assert_eq!(listen(&given).to_string(), "127.0.0.1:8090");
    let entry = given.entry("alerts.address");
    assert_eq!((&*entry.value, &*entry.source), ("127.0.0.1", "default"));
    let other_port = Given::new().variable("AUTOSCALER_ALERTS__PORT", "8091");
    assert_eq!(listen(&other_port).to_string(), "127.0.0.1:8091");
    for address in ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"] {
        let given = Given::new().flag("alerts.address", address);
        assert_eq!(listen(&given).ip().to_string(), address);
    }
}

#[test]
fn with_a_token_it_listens_everywhere_or_where_it_is_told() {
    for flags in CREDENTIALS {
        let given = with(Given::new(), flags);
        assert_eq!(listen(&given).to_string(), "0.0.0.0:8090");
        assert_eq!(given.entry("alerts.address").value, "0.0.0.0");
        for address in ["0.0.0.0", "::", "192.0.2.7", "127.0.0.1"] {
            let given = with(Given::new(), flags).flag("alerts.address", address);
            assert_eq!(listen(&given).ip().to_string(), address);
        }
    }
}

#[test]
fn another_address_without_a_token_is_refused_with_the_fix() {
    for address in [
        "0.0.0.0",
        "::",
        "192.0.2.7",
        "10.0.0.7",
        "2001:db8::7",
        "::ffff:10.0.0.7",
    ] {
        let (key, source, message) = Given::new().flag("alerts.address", address).problem();
        assert_eq!((&*key, &*source), ("alerts.address", "flag --set"));
        for part in [
            address,
            "alerts.token",
            "127.0.0.1",
            "alerts.allow_unauthenticated",
        ] {
            assert!(message.contains(part), "{part} is missing in {message}");
        }
    }
    let file = Given::new().file("[alerts]\naddress = \"0.0.0.0\"\n");
    let (_, source, _) = file.problem();
    assert!(source.contains("agent.toml"), "{source}");
}

#[test]
fn whoever_wants_it_open_says_so() {
    for address in [None, Some("0.0.0.0"), Some("192.0.2.7")] {
        let allowed = Given::new().flag("alerts.allow_unauthenticated", "true");
        let course = Given::new().variable("LISTEN_PORT", "8090");
        for given in [allowed, course] {
            let given = match address {
                Some(address) => given.flag("alerts.address", address),
                None => given,
            };
            let expected = address.unwrap_or("0.0.0.0");
            assert_eq!(listen(&given).to_string(), format!("{expected}:8090"));
        }
    }
    // Another port is in force, so the course's variable says nothing.
    let other = Given::new()
        .variable("LISTEN_PORT", "8090")
        .flag("alerts.port", "8091");
    assert_eq!(listen(&other).to_string(), "127.0.0.1:8091");
    let empty = Given::new().variable("LISTEN_PORT", " ");
    assert_eq!(listen(&empty).to_string(), "127.0.0.1:8090");
    // It does not take a token away.
    let both = Given::new()
        .flag("alerts.allow_unauthenticated", "true")
        .flag("alerts.token", "hush");
    assert!(!both.settings().agent.alerts.authentication.is_open());
}

#[test]
fn an_empty_secret_is_a_mistake_and_never_no_secret() {
    for key in ["alerts.token", "alerts.hmac_secret", "drain.token"] {
        let (section, name) = key.split_once('.').unwrap();
        let variable = format!("AUTOSCALER_{}", key.to_uppercase().replace('.', "__"));
        for empty in ["", " ", "\t\n"] {
            for given in [
                Given::new().flag(key, empty),
                Given::new().variable(&variable, empty),
                Given::new().file(&format!("[{section}]\n{name} = {empty:?}\n")),
            ] {
                let (found, _, message) = given.problem();
                assert_eq!(found, key);
                assert!(message.starts_with("is empty; set it to a "), "{message}");
                assert!(message.ends_with(", or remove it"), "{message}");
            }
        }
    }
    // It hides no address that is open, and makes no second mistake of one.
    let (key, _, _) = Given::new()
        .flag("alerts.token", "")
        .flag("alerts.address", "0.0.0.0")
        .problem();
    assert_eq!(key, "alerts.token");
    let problems = Given::new()
        .flag("alerts.user", "grafana")
        .variable("AUTOSCALER_ALERTS__PASSWORD", "")
        .problems();
    assert!(
        problems
            .0
            .iter()
            .all(|problem| problem.key == "alerts.password")
    );
}

#[test]
fn reads_are_protected_by_what_a_reader_can_show() {
    let protected = || Given::new().flag("alerts.protect_reads", "true");
    for flags in &CREDENTIALS[..2] {
        assert!(
            with(protected(), flags)
                .settings()
                .agent
                .alerts
                .protect_reads
        );
    }
    // Nobody signs what has no body.
    for given in [protected(), with(protected(), CREDENTIALS[2])] {
        let (key, _, message) = given.problem();
        assert_eq!(key, "alerts.protect_reads");
        assert!(message.contains("alerts.token"), "{message}");
    }
    assert!(!Given::new().settings().agent.alerts.protect_reads);
}

#[test]
fn hosts_are_names_and_nothing_else() {
    let names = Given::new().flag("alerts.allowed_hosts", "agent.example, other.example");
    names.settings();
    for text in ["agent.example:8090", "https://agent.example", "*", "a b"] {
        let (key, _, message) = Given::new().flag("alerts.allowed_hosts", text).problem();
        assert_eq!(key, "alerts.allowed_hosts");
        assert!(message.contains("without a port"), "{message}");
    }
}

#[test]
fn whoever_sends_alerts_gives_no_orders() {
    let control = |token: &str| Given::new().flag("control.token", token);
    for (flags, key) in
        CREDENTIALS
            .into_iter()
            .zip(["alerts.token", "alerts.password", "alerts.hmac_secret"])
    {
        let (problem, _, message) = with(control("hush"), flags).problem();
        assert_eq!(problem, "control.token");
        assert!(message.contains(key), "{message}");
        assert!(!message.contains("hush"), "{message}");
        let settings = with(control("other"), flags).settings();
        assert!(settings.agent.control.token.is_some());
    }
    assert!(Given::new().settings().agent.control.token.is_none());
    let variable = Given::new().variable("AUTOSCALER_CONTROL_TOKEN", "other");
    assert!(variable.settings().agent.control.token.is_some());
    let (key, _, message) = control(" ").problem();
    assert_eq!(key, "control.token");
    assert!(message.contains("is empty"), "{message}");
}

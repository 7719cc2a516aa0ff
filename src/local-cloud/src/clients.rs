//! Who calls, by the `User-Agent` header, in the words of a log.

/// What the header holds (in lower case), and who sends it; the first that fits.
const KNOWN: [(&str, &str); 19] = [
    ("exoscale-terraform-provider", "Terraform"),
    ("terraform", "Terraform"),
    ("opentofu", "OpenTofu"),
    ("pulumi", "Pulumi"),
    ("packer", "Packer"),
    ("exoscale-cli", "exo"),
    ("exocli/", "exo"),
    ("autoscaler/", "autoscaler"),
    ("cluster-autoscaler", "cluster-autoscaler"),
    ("exoscale-cloud-controller", "cloud controller manager"),
    ("egoscale", "a Go program (egoscale)"),
    ("python-exoscale", "a Python program"),
    ("python-requests", "a Python program"),
    ("python-httpx", "a Python program"),
    ("python-urllib", "a Python program"),
    ("go-http-client", "a Go program"),
    ("curl/", "curl"),
    ("wget/", "wget"),
    ("mozilla/", "a browser"),
];

/// The longest name that is shown.
const LONGEST: usize = 40;

/// Who sends this header.
pub(crate) fn name(user_agent: Option<&str>) -> String {
    let text = user_agent.unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    if let Some((_, name)) = KNOWN.iter().find(|(part, _)| lower.contains(part)) {
        return (*name).to_owned();
    }
    let product = text.split(['/', ' ', '(']).next().unwrap_or_default();
    let product = plain(product, LONGEST);
    if product.is_empty() {
        "a client without a name".to_owned()
    } else {
        product
    }
}

/// A text of somebody else's, for one line of a log.
pub(crate) fn plain(text: &str, longest: usize) -> String {
    let shown = text.chars().take(longest);
    let shown: String = shown
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(longest).is_some() {
        shown + "…"
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_clients_are_called_by_their_names() {
        for (header, expected) in [
            (
                "Exoscale-Terraform-Provider/0.69.3 (abc) Terraform-SDK/2.40.0 egoscale/0.102.4 (go1.26; linux/amd64)",
                "Terraform",
            ),
            ("Exoscale-CLI/1.85.0 (abc) egoscale/3.1.31", "exo"),
            (
                "exocli/1.96.0/abc egoscale/v3.1.42 (go1.26; linux/amd64)",
                "exo",
            ),
            (
                "egoscale/v3.1.31 (go1.26; linux/amd64)",
                "a Go program (egoscale)",
            ),
            ("autoscaler/0.1.0", "autoscaler"),
            ("curl/8.5.0", "curl"),
            ("python-requests/2.32.3", "a Python program"),
            ("Mozilla/5.0 (X11; Linux x86_64)", "a browser"),
            ("my-tool/1.0", "my-tool"),
            ("", "a client without a name"),
        ] {
            assert_eq!(name(Some(header)), expected, "{header}");
        }
        assert_eq!(name(None), "a client without a name");
    }

    #[test]
    fn no_client_writes_lines_of_its_own() {
        assert_eq!(
            plain("a\r\nINFO b\u{1b}[31m", 40),
            "a\u{fffd}\u{fffd}INFO b\u{fffd}[31m"
        );
        assert_eq!(plain("abcdef", 3), "abc…");
        assert_eq!(plain("abc", 3), "abc");
    }
}

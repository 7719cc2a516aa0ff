//! Products that are not served, so that a refusal can name them.

/// How a path begins, and whose it is.
const PRODUCTS: [(&str, &str); 12] = [
    ("ai/", "dedicated inference (AI)"),
    ("block-storage", "block storage"),
    ("dbaas-", "DBaaS (databases)"),
    ("deploy-target", "deploy targets"),
    ("dns-domain", "DNS"),
    ("kms-", "KMS (keys)"),
    ("live-", "usage and billing"),
    ("sks-", "SKS (Kubernetes)"),
    ("sos", "SOS (object storage)"),
    ("usage-report", "usage and billing"),
    ("user", "users"),
    ("vpc", "VPC"),
];

/// A call that is not served, with the product where it belongs to one.
pub(super) fn describe(method: &str, path: &str) -> String {
    let call = format!("{method} {path}");
    let rest = path.split_once("/v2/").map_or("", |(_, rest)| rest);
    let mut products = PRODUCTS.iter();
    match products.find(|(prefix, _)| rest.starts_with(prefix)) {
        Some((_, product)) => format!("{product}: {call}"),
        None => call,
    }
}

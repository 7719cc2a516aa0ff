//! The certificate of a monitoring instance.

use rcgen::generate_simple_self_signed;
use serde_json::json;
use tempfile::TempDir;

use super::{SECRET, changed, file, install, monitoring, refusal, serve};

#[tokio::test]
async fn the_web_server_gets_the_certificate_that_is_given() {
    let pair = generate_simple_self_signed(vec!["192.0.2.7".to_owned()]).unwrap();
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let mut document = monitoring();
    document["tls"] = json!({ "certificate": certificate, "key": key });
    let server = serve(document.to_string()).await;
    let folder = TempDir::new().unwrap();
    let ended = install(&server, folder.path(), &[]).await;
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    assert_eq!(file(folder.path(), "tls-certificate.pem"), certificate);
    assert_eq!(file(folder.path(), "tls-key.pem"), key);

    let other = generate_simple_self_signed(vec!["192.0.2.7".to_owned()]).unwrap();
    document["tls"]["key"] = other.signing_key.serialize_pem().into();
    let said = refusal(&document, &[]).await;
    let expected = "tls.key: is not that of the first certificate in tls.certificate";
    assert!(said.contains(expected), "{said}");
}

#[tokio::test]
async fn what_is_no_certificate_is_named_and_not_shown() {
    for (pointer, value, said) in [
        (
            "/agent/tls",
            json!({ "certificate": "/a", "key": "/b" }),
            "agent.tls: is not for this host",
        ),
        ("/tls", json!([SECRET, SECRET]), "tls: must be an object"),
        (
            "/operator",
            json!([[], null]),
            "operator: must be an object",
        ),
        (
            "/tls",
            json!({ "certificate": "/run/a.pem", "key": SECRET }),
            "tls.certificate: must be a certificate in PEM",
        ),
        (
            "/tls",
            json!({ "certificate": SECRET }),
            "tls: missing field `key`",
        ),
    ] {
        let text = refusal(&changed(pointer, value), &[]).await;
        assert!(text.contains(said), "{pointer}: {text}");
    }
}

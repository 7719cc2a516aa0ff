//! The certificate with which the monitoring host speaks HTTPS, where it is not to make one itself.

use rustls::{
    Error,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use serde::Deserialize;

use super::document::{DocumentError, File, wrong};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    certificate: String,
    key: String,
}

impl Tls {
    /// Refuses what the web server could not use. Whether the certificate is for this host, and
    /// for how long, its visitors' browsers judge.
    pub(super) fn check(&self) -> Result<(), DocumentError> {
        let certificates = CertificateDer::pem_slice_iter(self.certificate.as_bytes());
        let certificates = certificates.collect::<Result<Vec<_>, _>>();
        let certificates = certificates.ok().filter(|found| !found.is_empty());
        let certificates =
            certificates.ok_or_else(|| wrong("tls.certificate", "must be a certificate in PEM"))?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(|_| {
            let problem = "must be a private key in PEM that asks for no password";
            wrong("tls.key", problem)
        })?;
        let provider = aws_lc_rs::default_provider();
        match CertifiedKey::from_der(certificates, key, &provider) {
            Ok(_) => Ok(()),
            Err(Error::InconsistentKeys(_)) => Err(wrong(
                "tls.key",
                "is not that of the first certificate in tls.certificate",
            )),
            Err(error) => Err(wrong("tls", format!("cannot be used: {error}"))),
        }
    }

    /// Empty files let the host make a certificate.
    pub(super) fn files(given: Option<&Self>) -> [File; 2] {
        let (certificate, key) = given
            .map(|tls| (tls.certificate.clone(), tls.key.clone()))
            .unwrap_or_default();
        [("tls-certificate.pem", certificate), ("tls-key.pem", key)]
            .map(|(name, content)| File { name, content })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    fn pair() -> Tls {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["192.0.2.7".to_owned()]).unwrap();
        Tls {
            certificate: cert.pem(),
            key: signing_key.serialize_pem(),
        }
    }

    #[test]
    fn a_certificate_with_its_key_is_handed_on_as_it_is() {
        let tls = pair();
        tls.check().unwrap();
        let [certificate, key] = Tls::files(Some(&tls));
        assert_eq!(
            (certificate.content, key.content),
            (tls.certificate, tls.key)
        );
        assert!(Tls::files(None).iter().all(|file| file.content.is_empty()));
    }

    #[test]
    fn the_chain_may_follow_the_certificate_but_not_precede_it() {
        let (tls, other) = (pair(), pair());
        let chain = |first: &Tls, second: &Tls| Tls {
            certificate: format!("{}{}", first.certificate, second.certificate),
            key: tls.key.clone(),
        };
        chain(&tls, &other).check().unwrap();
        let problem = chain(&other, &tls).check().unwrap_err().to_string();
        assert!(problem.starts_with("tls.key: is not that of"), "{problem}");
    }

    #[test]
    fn what_the_web_server_could_not_use_is_refused_without_telling_the_key() {
        let (tls, other) = (pair(), pair());
        let encrypted = tls.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let body = |text: &str| text.lines().nth(1).unwrap().to_owned();
        let broken = tls.key.replace(&body(&tls.key), "AAAA");
        for (certificate, key, said) in [
            (
                "",
                tls.key.as_str(),
                "tls.certificate: must be a certificate",
            ),
            ("hello", &tls.key, "tls.certificate: must be a certificate"),
            (&tls.key, &tls.key, "tls.certificate: must be a certificate"),
            (&tls.certificate, "", "tls.key: must be a private key"),
            (
                &tls.certificate,
                &tls.certificate,
                "tls.key: must be a private key",
            ),
            (
                &tls.certificate,
                &encrypted,
                "tls.key: must be a private key",
            ),
            (&tls.certificate, &broken, "tls: cannot be used"),
            (&tls.certificate, &other.key, "tls.key: is not that of"),
        ] {
            let wrong = Tls {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
            };
            let problem = wrong.check().unwrap_err().to_string();
            assert!(problem.starts_with(said), "{said}: {problem}");
            for secret in [&tls.key, &other.key].map(|key| body(key)) {
                assert!(!problem.contains(&secret), "{problem}");
            }
        }
    }
}

//! SSH keys: public keys under a name. Nothing here logs in with them.

use std::sync::Arc;

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD},
};
use exoscale::models::Operation;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{cloud::Cloud, refusal::Refusal};

/// The path under which the API serves them.
pub(crate) const KIND: &str = "ssh-key";

/// A registered key, as the API shows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SshKey {
    pub(crate) name: String,
    /// As `ssh-keygen -l` prints it.
    pub(crate) fingerprint: String,
}

/// `POST /ssh-key`. The key is there when the call is answered, which clients rely on.
pub(crate) fn register(
    cloud: &Arc<Cloud>,
    name: &str,
    public_key: &str,
) -> Result<Operation, Refusal> {
    let fingerprint = fingerprint(public_key).ok_or_else(|| {
        Refusal::invalid(
            "public-key",
            "must be a line such as `ssh-ed25519 AAAA… comment`",
        )
    })?;
    let mut state = cloud.state();
    if state.ssh_keys.contains_key(name) {
        return Err(Refusal::Conflict(format!(
            "there is an {KIND} {name:?} already"
        )));
    }
    let key = SshKey {
        name: name.to_owned(),
        fingerprint,
    };
    state.ssh_keys.insert(name.to_owned(), key);
    Ok(cloud.complete_named(&mut state, KIND, name))
}

/// `DELETE /ssh-key/{name}`. Instances that were made with it keep it.
pub(crate) fn delete(cloud: &Arc<Cloud>, name: &str) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    if state.ssh_keys.remove(name).is_none() {
        return Err(Refusal::not_found(KIND, name));
    }
    Ok(cloud.complete_named(&mut state, KIND, name))
}

/// RFC 4253, section 6.6: the data begins with the kind's length and name, which the line repeats.
fn fingerprint(public_key: &str) -> Option<String> {
    let mut words = public_key.split_whitespace();
    let (kind, data) = (words.next()?, BASE64_STANDARD.decode(words.next()?).ok()?);
    let length = u32::from_be_bytes(data.get(..4)?.try_into().ok()?);
    let named = data.get(4..)?.get(..usize::try_from(length).ok()?)?;
    let digest = Sha256::digest(&data);
    (named == kind.as_bytes()).then(|| format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(digest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_fingerprint_that_ssh_keygen_prints() {
        let key =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKD9Hp8hcRZ3N4BHkXxJCVfLhH3H4OhCm3qjeVwIeOCN me";
        let found = fingerprint(key).unwrap();
        assert!(found.starts_with("SHA256:") && found.len() == 50, "{found}");
        for wrong in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 !",
            "ssh-ed25519 AAAA",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIKD9",
        ] {
            assert_eq!(fingerprint(wrong), None, "{wrong}");
        }
    }
}

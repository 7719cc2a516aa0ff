//! Private templates: images that an account registers, for its instances to boot from.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    calls::ApiCall, catalog::Visibility, client::Client, error::ClientError, ids::TemplateId,
    lenient, models::Operation,
};

/// The MD5 sum of an image, as the API takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checksum(String);

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Checksum {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim().to_ascii_lowercase();
        if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text))
        } else {
            Err("an MD5 sum is 32 hexadecimal digits, as `md5sum` prints them")
        }
    }
}

/// What firmware an image boots with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootMode {
    /// BIOS.
    Legacy,
    /// UEFI.
    Uefi,
}

impl FromStr for BootMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "legacy" => Ok(Self::Legacy),
            "uefi" => Ok(Self::Uefi),
            _ => Err("boot modes are legacy and uefi"),
        }
    }
}

/// Body of `POST /template`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NewTemplate {
    /// Several templates may have one name; clients take the newest.
    pub name: String,
    /// Where Exoscale loads the image from.
    pub url: String,
    /// Of the image.
    pub checksum: Checksum,
    /// Its firmware.
    pub boot_mode: BootMode,
    /// Whether instances take SSH keys from the metadata service.
    pub ssh_key_enabled: bool,
    /// Whether instances take a password from it.
    pub password_enabled: bool,
    /// Who logs in.
    pub default_user: String,
}

/// A registered template, as `GET /template` lists it.
#[derive(Clone, Debug, Deserialize)]
pub struct RegisteredTemplate {
    /// Its id.
    pub id: TemplateId,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Of the image that it was made from.
    #[serde(default)]
    pub checksum: Option<String>,
}

impl RegisteredTemplate {
    /// Whether it was made from this image under this name.
    pub fn is(&self, name: &str, checksum: &Checksum) -> bool {
        let sum = self.checksum.as_deref().unwrap_or_default();
        self.name == name && sum.eq_ignore_ascii_case(&checksum.0)
    }
}

impl Client {
    /// `list-templates`, the account's own, with their checksums.
    pub async fn list_registered_templates(&self) -> Result<Vec<RegisteredTemplate>, ClientError> {
        #[derive(Deserialize)]
        struct List {
            #[serde(deserialize_with = "lenient::null_as_default")]
            templates: Vec<RegisteredTemplate>,
        }
        let query = [("visibility", Visibility::Private.as_str().to_owned())];
        let path = "/template".to_owned();
        let list: List = self.send_query(ApiCall::ListTemplates, path, query).await?;
        Ok(list.templates)
    }

    /// `register-template`; the operation's reference is the new template. It takes as long as the
    /// image's way to Exoscale, which is minutes.
    pub async fn register_template(&self, new: &NewTemplate) -> Result<Operation, ClientError> {
        let path = "/template".to_owned();
        self.send_body(ApiCall::RegisterTemplate, path, new).await
    }

    /// `delete-template`. Instances that were made from it go on.
    pub async fn delete_template(&self, id: TemplateId) -> Result<Operation, ClientError> {
        self.send(ApiCall::DeleteTemplate, format!("/template/{id}"))
            .await
    }
}

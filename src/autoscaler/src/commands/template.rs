//! `autoscaler template`: private templates, since Terraform's provider has no resource for them.

use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use exoscale::{
    Client, ClientConfig,
    config::{DEFAULT_ZONE, Endpoint},
    secret::{ApiKey, ApiSecret},
    templates::{BootMode, Checksum, NewTemplate},
};
use program::time_text::{DAY, SECOND, time_within};

use program::output;

use crate::failure::Usage;

/// Register an image as a private template, or remove it.
///
/// Both may be repeated: what is there already, by name and checksum, is left as it is. The
/// template's id is printed.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,

    /// The zone of the template.
    #[arg(long, global = true, env = "EXOSCALE_ZONE", default_value = DEFAULT_ZONE)]
    zone: String,

    /// An API other than the zone's.
    #[arg(long, global = true, env = "EXOSCALE_API_ENDPOINT", value_name = "URL")]
    endpoint: Option<Endpoint>,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Register an image, unless it is registered under this name already.
    Register {
        #[command(flatten)]
        image: Image,
        /// Where Exoscale finds the image (qcow2).
        #[arg(long)]
        url: String,
        /// The image's firmware: legacy or uefi.
        #[arg(long, value_name = "MODE", default_value = "legacy")]
        boot_mode: BootMode,
        /// How long the registration may take.
        #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time_within(SECOND..=DAY))]
        wait: Duration,
    },
    /// Remove the templates that were made from an image under this name.
    Remove {
        #[command(flatten)]
        image: Image,
    },
}

#[derive(Args, Clone, Debug)]
struct Image {
    /// The template's name.
    #[arg(long)]
    name: String,
    /// The image's MD5 sum.
    #[arg(long, value_name = "MD5")]
    checksum: Checksum,
}

/// How long a removal may take.
const REMOVED_WITHIN: Duration = Duration::from_secs(120);

pub(crate) fn run(options: Options) -> anyhow::Result<()> {
    actix_rt::System::new().block_on(async {
        let client = client(&options)?;
        match options.command {
            Command::Register {
                image,
                url,
                boot_mode,
                wait,
            } => register(&client, image, url, boot_mode, wait).await,
            Command::Remove { image } => remove(&client, &image).await,
        }
    })
}

/// Keys come from the environment only: a command line shows in `ps`.
fn client(options: &Options) -> anyhow::Result<Client> {
    let variable = |names: [&'static str; 2]| {
        let found = names.into_iter().find_map(|name| std::env::var(name).ok());
        found.ok_or_else(|| Usage(format!("{} is not set", names[0])))
    };
    let key = variable(["EXOSCALE_API_KEY", "EXOSCALE_KEY"])?;
    let key: ApiKey = key.parse().context("the API key (EXOSCALE_API_KEY)")?;
    let secret = variable(["EXOSCALE_API_SECRET", "EXOSCALE_SECRET"])?;
    let secret: ApiSecret = secret
        .parse()
        .context("the API secret (EXOSCALE_API_SECRET)")?;
    let config = match &options.endpoint {
        Some(endpoint) => ClientConfig::for_endpoint(endpoint.clone(), key, secret),
        None => ClientConfig::for_zone(&options.zone, key, secret)?,
    };
    Ok(Client::new(config)?)
}

async fn register(
    client: &Client,
    image: Image,
    url: String,
    boot_mode: BootMode,
    wait: Duration,
) -> anyhow::Result<()> {
    let Image { name, checksum } = image;
    let there = client.list_registered_templates().await?;
    if let Some(template) = there.iter().find(|template| template.is(&name, &checksum)) {
        eprintln!("{name} with checksum {checksum} is registered already");
        return print_id(&template.id);
    }
    eprintln!("registering {name}; Exoscale loads {url}");
    let new = NewTemplate {
        name,
        url,
        checksum,
        boot_mode,
        ssh_key_enabled: true,
        password_enabled: false,
        default_user: "root".to_owned(),
    };
    let operation = client.register_template(&new).await?;
    let ended = client.wait(operation, wait).await?;
    let reference = ended
        .reference
        .context("the API did not say which template it made")?;
    print_id(&reference.id)
}

async fn remove(client: &Client, image: &Image) -> anyhow::Result<()> {
    for template in client.list_registered_templates().await? {
        if template.is(&image.name, &image.checksum) {
            let operation = client.delete_template(template.id).await?;
            client.wait(operation, REMOVED_WITHIN).await?;
            print_id(&template.id)?;
        }
    }
    Ok(())
}

fn print_id(id: &impl std::fmt::Display) -> anyhow::Result<()> {
    output::print(&format!("{id}\n")).context("cannot print the template's id")
}

//! `/elastic-ip`.

use std::{collections::BTreeMap, net::IpAddr};

use exoscale::ids::{ElasticIpId, InstanceId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    super::{
        elastic_ips::{self, AddressFamily, ElasticIp, ElasticIpSettings, Healthcheck, KIND, Mode},
        refusal::Refusal,
    },
    body::{Change, Object},
    field::{Description, Labels, Name, Port, Reference, Size, Text, Word},
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/elastic-ip",
        operation: "list-elastic-ips",
        handler: |call| {
            let state = call.cloud.state();
            let found: Vec<_> = state.elastic_ips.values().map(ElasticIpView::of).collect();
            Ok(json!({ "elastic-ips": found }))
        },
    },
    Route {
        method: "POST",
        path: "/elastic-ip",
        operation: "create-elastic-ip",
        handler: create,
    },
    Route {
        method: "GET",
        path: "/elastic-ip/{id}",
        operation: "get-elastic-ip",
        handler: get,
    },
    Route {
        method: "PUT",
        path: "/elastic-ip/{id}",
        operation: "update-elastic-ip",
        handler: update,
    },
    Route {
        method: "DELETE",
        path: "/elastic-ip/{id}",
        operation: "delete-elastic-ip",
        handler: |call| Ok(json!(elastic_ips::delete(call.cloud, call.id("id")?)?)),
    },
    Route {
        method: "DELETE",
        path: "/elastic-ip/{id}/{field}",
        operation: "reset-elastic-ip-field",
        handler: reset,
    },
    Route {
        method: "PUT",
        path: "/elastic-ip/{id}:attach",
        operation: "attach-instance-to-elastic-ip",
        handler: |call| attachment(call, true),
    },
    Route {
        method: "PUT",
        path: "/elastic-ip/{id}:detach",
        operation: "detach-instance-from-elastic-ip",
        handler: |call| attachment(call, false),
    },
];

/// `create-elastic-ip`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateElasticIp {
    addressfamily: Option<Word<AddressFamily>>,
    description: Option<Description>,
    healthcheck: Option<Object<HealthcheckBody>>,
    labels: Option<Labels>,
}

/// `update-elastic-ip`. What it does not name stays.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct UpdateElasticIp {
    description: Change<Description>,
    healthcheck: Option<Object<HealthcheckBody>>,
    labels: Option<Labels>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct HealthcheckBody {
    mode: Word<Mode>,
    port: Port,
    uri: Option<Name>,
    interval: Option<Size<5, 300>>,
    timeout: Option<Size<2, 60>>,
    strikes_ok: Option<Size<1, 20>>,
    strikes_fail: Option<Size<1, 20>>,
    tls_sni: Option<Name>,
    tls_skip_verify: Option<bool>,
}

impl HealthcheckBody {
    /// With the defaults of the API's description.
    fn checked(self) -> Result<Healthcheck, Refusal> {
        let text = |text: Option<Name>| text.map(|Text(text)| text);
        let check = Healthcheck {
            mode: self.mode.0,
            port: self.port.0,
            uri: text(self.uri),
            interval: self.interval.map_or(10, |seconds| seconds.0),
            timeout: self.timeout.map_or(2, |seconds| seconds.0),
            strikes_ok: self.strikes_ok.map_or(2, |strikes| strikes.0),
            strikes_fail: self.strikes_fail.map_or(3, |strikes| strikes.0),
            tls_sni: text(self.tls_sni),
            tls_skip_verify: self.tls_skip_verify,
        };
        if check.timeout > check.interval {
            let problem = format!("must be at most the interval, {}", check.interval);
            return Err(Refusal::invalid("healthcheck.timeout", problem));
        }
        if check.mode != Mode::Tcp && check.uri.is_none() {
            return Err(Refusal::invalid("healthcheck.uri", "is missing"));
        }
        Ok(check)
    }
}

fn healthcheck(body: Option<Object<HealthcheckBody>>) -> Result<Option<Healthcheck>, Refusal> {
    body.map(|Object(body)| body.checked()).transpose()
}

/// `attach-instance-to-elastic-ip` and `detach-instance-from-elastic-ip`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attachment {
    instance: Reference<InstanceId>,
}

#[derive(Serialize)]
struct ElasticIpView<'a> {
    id: ElasticIpId,
    ip: IpAddr,
    cidr: String,
    addressfamily: AddressFamily,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    /// Absent when there are none: Terraform tells the two apart.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthcheck: Option<&'a Healthcheck>,
}

impl<'a> ElasticIpView<'a> {
    fn of(entry: &'a ElasticIp) -> Self {
        let (ip, length) = entry.address();
        let settings = &entry.settings;
        Self {
            id: entry.id,
            ip,
            cidr: format!("{ip}/{length}"),
            addressfamily: settings.family,
            description: settings.description.as_deref(),
            labels: &settings.labels,
            healthcheck: settings.healthcheck.as_ref(),
        }
    }
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.id("id")?;
    let state = call.cloud.state();
    let entry = state.elastic_ips.get(&id);
    let entry = entry.ok_or_else(|| Refusal::not_found(KIND, id))?;
    Ok(json!(ElasticIpView::of(entry)))
}

fn create(call: &Call<'_>) -> Answer {
    let body: CreateElasticIp = call.body()?;
    let settings = ElasticIpSettings {
        family: body
            .addressfamily
            .map_or_else(Default::default, |word| word.0),
        description: Description::text(body.description),
        labels: body.labels.unwrap_or_default().0,
        healthcheck: healthcheck(body.healthcheck)?,
    };
    Ok(json!(elastic_ips::create(call.cloud, settings)?))
}

/// Which kind it is, managed or not, is chosen once.
fn update(call: &Call<'_>) -> Answer {
    let body: UpdateElasticIp = call.body()?;
    let check = healthcheck(body.healthcheck)?;
    let operation = elastic_ips::update(call.cloud, call.id("id")?, |settings| {
        if check.is_some() && settings.healthcheck.is_none() {
            let problem = "cannot be added: give it when the elastic IP is made";
            return Err(Refusal::invalid("healthcheck", problem));
        }
        settings.healthcheck = check.or(settings.healthcheck.take());
        body.description
            .apply(&mut settings.description, |description| description.0);
        if let Some(Labels(labels)) = body.labels {
            settings.labels = labels;
        }
        Ok(())
    })?;
    Ok(json!(operation))
}

fn reset(call: &Call<'_>) -> Answer {
    if call.text("field") != "description" {
        return Err(Refusal::invalid("field", "must be description"));
    }
    let operation = elastic_ips::update(call.cloud, call.id("id")?, |settings| {
        settings.description = None;
        Ok(())
    })?;
    Ok(json!(operation))
}

fn attachment(call: &Call<'_>, attach: bool) -> Answer {
    let Reference(instance) = call.body::<Attachment>()?.instance;
    let id = call.id("id")?;
    let operation = elastic_ips::change_attachment(call.cloud, id, instance, attach)?;
    Ok(json!(operation))
}

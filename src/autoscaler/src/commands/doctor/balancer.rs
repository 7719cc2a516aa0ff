//! Whether the load balancer is before this pool, and its health checks tell what the agent asks
//! them: who serves, and who is drained.

use std::collections::HashSet;

use exoscale::{
    Client, ErrorKind,
    models::{
        HealthCheck, HealthStatus, Instance, InstanceState, LoadBalancer, LoadBalancerService,
    },
    probe::Question,
};

use super::{api::refusal, members::some, report::Report, subject::Subject};

pub(super) async fn examine(
    subject: &Subject,
    client: &Client,
    members: Option<&[Instance]>,
    report: &mut Report,
) {
    report.group("load-balancer");
    let Some(id) = subject.balancer else {
        return report.warned(
            "balancer-set",
            "a load balancer is set",
            "without one nobody knows which members serve, and a drain cannot be seen",
            "set exoscale.load_balancer to the id that `exo compute load-balancer list` shows",
        );
    };
    let question = Question::Read(format!("/load-balancer/{id}"), Vec::new());
    let title = format!("load balancer {id} can be read");
    let answered = match client.ask(&question).await {
        Ok(answered) => answered,
        Err(silence) => return report.skipped("balancer-exists", title, silence.to_string()),
    };
    let fix = format!(
        "correct exoscale.load_balancer: `exo compute load-balancer list -z {}` lists them",
        subject.zone
    );
    let balancer = match &answered.refusal {
        None => serde_json::from_slice::<LoadBalancer>(&answered.body).map_err(|e| e.to_string()),
        Some(ErrorKind::Unauthorized { .. }) => {
            let why = "the key may not read it, see above";
            return report.skipped("balancer-exists", title, why);
        }
        Some(_) => Err(refusal(&answered)),
    };
    let balancer = match balancer {
        Ok(balancer) => balancer,
        Err(why) => return report.failed("balancer-exists", title, why, fix),
    };
    report.passed(
        "balancer-exists",
        format!("load balancer \"{}\" can be read", balancer.name),
    );
    services(subject, &balancer, members, report);
}

fn services(
    subject: &Subject,
    balancer: &LoadBalancer,
    members: Option<&[Instance]>,
    report: &mut Report,
) {
    let (id, title) = (
        "balancer-serves-pool",
        "one of its services forwards to this pool",
    );
    let is_ours = |s: &&LoadBalancerService| s.instance_pool.is_some_and(|p| p.id == subject.pool);
    let ours: Vec<_> = balancer.services.iter().filter(is_ours).collect();
    let Some(first) = ours.first() else {
        let pools = balancer.services.iter().filter_map(|s| s.instance_pool);
        let pools: Vec<String> = pools.map(|pool| pool.id.to_string()).collect();
        let detail = match pools.as_slice() {
            [] => "it has no service".to_owned(),
            _ => format!("they forward to {}", pools.join(", ")),
        };
        let fix = "correct exoscale.load_balancer or exoscale.instance_pool, or add a service that \
                   forwards to the pool: `exo compute load-balancer service add`";
        return report.failed(id, title, detail, fix);
    };
    report.passed(
        id,
        format!(
            "service \"{}\" forwards port {} to port {} of this pool",
            first.name, first.port, first.target_port
        ),
    );
    for service in &ours {
        if let Some(check) = &service.healthcheck {
            health_check(subject, service, check, report);
        }
    }
    let running = members.unwrap_or_default().iter();
    let running = running.filter(|m| m.state == InstanceState::Running);
    healthy(&ours, &running.collect::<Vec<_>>(), report);
}

/// A member that drains answers its health check with an error: one over TCP does not see that.
fn health_check(
    subject: &Subject,
    service: &LoadBalancerService,
    check: &HealthCheck,
    report: &mut Report,
) {
    let (id, title) = (
        "health-check-sees-drains",
        "health check sees that a member drains",
    );
    if !subject.drains_over_http() {
        return;
    }
    let (name, mode) = (&service.name, &check.mode);
    if mode == "tcp" {
        report.failed(
            id,
            title,
            format!("that of service \"{name}\" is of mode tcp, which asks for a connection alone"),
            "give the service a health check of mode http with a path that answers 503 while the \
             member drains; or set drain.mode to none or wait=30s",
        );
    } else {
        let uri = check.uri.as_deref().unwrap_or("/");
        report.passed(
            id,
            format!("health check asks {mode} port {}, {uri}", check.port),
        );
    }
}

fn healthy(services: &[&LoadBalancerService], running: &[&Instance], report: &mut Report) {
    let (id, title) = (
        "members-healthy",
        "its health checks find every running member well",
    );
    let well: HashSet<_> = services
        .iter()
        .flat_map(|service| &service.healthcheck_status)
        .filter(|server| server.status == HealthStatus::Success)
        .filter_map(|server| server.public_ip)
        .collect();
    if running.is_empty() {
        return report.skipped(id, title, "no member runs");
    }
    let is_ill = |m: &&&Instance| !m.public_ip.is_some_and(|ip| well.contains(&ip));
    let ill: Vec<_> = running
        .iter()
        .filter(is_ill)
        .map(|m| m.name.clone())
        .collect();
    let fix = "see on a member whether the application runs and answers the health check's path, \
               and whether its security group lets the load balancer in";
    let detail = format!("not: {}", some(&ill));
    if ill.is_empty() {
        report.passed(
            id,
            format!("health checks find all {} members well", running.len()),
        );
    } else if ill.len() == running.len() {
        report.failed(id, title, detail, fix);
    } else {
        report.warned(id, title, detail, fix);
    }
}

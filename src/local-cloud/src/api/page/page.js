"use strict";
const el = id => document.getElementById(id);
const EVERY_MS = 1000, PATIENCE_MS = 5000, MEMBERS_SHOWN = 40, CALLS_SHOWN = 50, OPERATIONS_SHOWN = 12;

/** An element with a class and children; texts are never read as HTML. */
const make = (tag, cls, ...children) => {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  node.append(...children.map(child => child ?? "–"));
  return node;
};
const row = cells => make("tr", "", ...cells.map(([value, cls]) => make("td", cls, value == null ? "–" : String(value))));
const table = (heads, rows) => {
  const body = make("tbody", "", ...rows);
  return make("div", "scroll", make("table", "", make("thead", "", make("tr", "", ...heads.map(head => make("th", "", head)))), body));
};
const clock = stamp => new Date(stamp).toLocaleTimeString([], { hourCycle: "h23" });
const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
const stateClass = state =>
  ["running", "success"].includes(state) ? "ok"
    : ["error", "failure", "stopped", "degraded", "timeout"].includes(state) ? "bad" : "busy";
const badge = state => make("span", `badge ${stateClass(state)}`, state);

function memberRows(members) {
  const rows = members.slice(0, MEMBERS_SHOWN).map(member => row([
    [member.name, "words"], [member.state, stateClass(member.state)], [member.ip], [member.pid],
  ]));
  const more = members.length - rows.length;
  return more > 0 ? [...rows, row([[`and ${more} more`, "soft"]])] : rows;
}

function poolCard(pool) {
  const running = pool.members.filter(member => member.state === "running").length;
  const last = pool.resizes.at(-1);
  const card = make("article", "card",
    make("header", "", make("h3", "", pool.name), badge(pool.state)),
    make("p", "", `size ${pool.size}, ${running} running` + (last ? `; ${last.from} → ${last.to} at ${clock(last.at)}` : "")));
  if (pool.error_reason) card.append(make("p", "bad", pool.error_reason.message ?? pool.error_reason.type));
  if (pool.members.length) card.append(table(["member", "state", "address", "process"], memberRows(pool.members)));
  return card;
}

function serviceParts(service) {
  const where = service.listen ? `serves on ${service.listen}` : "serves nowhere";
  const { open, total, refused } = service.connections;
  const parts = [
    make("p", "", make("b", "", service.name), ` ${service.protocol} ${service.port}, ${service.strategy}; ${where}`),
    make("p", refused ? "bad" : "soft", `${open} open, ${total} taken, ${refused} refused`),
  ];
  if (service.servers.length) parts.push(table(["server", "health"], service.servers.slice(0, MEMBERS_SHOWN).map(server => row([
    [server.server], [server.status === "success" ? "healthy" : "unhealthy", server.status === "success" ? "ok" : "bad"],
  ]))));
  return parts;
}

const balancerCard = balancer => make("article", "card",
  make("header", "", make("h3", "", balancer.name), make("span", "soft", balancer.ip)),
  ...(balancer.services.length ? balancer.services.flatMap(serviceParts) : [make("p", "empty", "no service")]));

const fill = (id, nodes, none) => el(id).replaceChildren(...(nodes.length ? nodes : [make("p", "empty", none)]));

function names(status) {
  const all = [...status.pools, ...status.pools.flatMap(pool => pool.members), ...status.instances, ...status.balancers];
  return new Map(all.map(thing => [thing.id, thing.name]));
}

function faultText(fault) {
  const how = {
    "fail": `fail with ${fault.status ?? 503}`, "rate-limit": "be answered 429", "slow": "be slow", "hang": "hang",
    "apply-without-answer": "be applied without an answer", "fail-operation": "begin an operation that fails",
    "edit-answer": "have the answer changed",
  }[fault.fault] ?? fault.fault;
  return `${fault.operation === "*" ? "any operation" : fault.operation}: ${count(fault.count, "call")} to ${how}`;
}

function answerCell(call) {
  if (call.status) return [call.status + (call.fault ? " (as asked)" : ""), call.status < 400 ? "ok" : "bad"];
  return call.duration_ms == null ? ["waits…", "busy"] : ["none (connection closed)", "bad"];
}

function show(status, requests) {
  el("facts").textContent = `${status.zone} · speed ${status.speed} · ${status.endpoint}`;
  fill("pools", status.pools.map(poolCard), "no instance pool yet");
  fill("balancers", status.balancers.map(balancerCard), "no load balancer yet");
  el("alone").hidden = !status.instances.length;
  el("instances").replaceChildren(...memberRows(status.instances));
  const known = names(status);
  el("begun").replaceChildren(...status.operations.toReversed().slice(0, OPERATIONS_SHOWN).map(operation => {
    const about = operation.reference;
    const kind = (about?.command ?? "").replace(/^get-/, "");
    return row([
      [operation.state, stateClass(operation.state)],
      [`${kind} ${known.get(about?.id) ?? (about?.id ?? "").slice(0, 8)}`],
      [operation.message ?? operation.reason ?? "", "wrap wide"],
    ]);
  }));
  el("calls").replaceChildren(...requests.slice(-CALLS_SHOWN).toReversed().map(call => row([
    [clock(call.at)], [call.client, "words"], answerCell(call),
    [call.operation ?? `${call.method} ${call.path}`, call.operation ? "wrap" : "wrap soft"], [call.duration_ms?.toFixed(1) ?? "", "number"],
  ])));
  el("faults").replaceChildren(...status.faults.map(fault => make("li", "busy", faultText(fault))));
  el("clear").hidden = !status.faults.length;
  const others = Object.entries(status.others).filter(([, number]) => number);
  el("others").textContent = others.map(([kind, number]) => count(number, kind.replaceAll("-", " "))).join(", ") || "nothing else was made";
}

async function ask(path, options) {
  const answer = await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok) throw new Refusal((await answer.json()).message);
  return answer.json();
}
class Refusal extends Error {}

let answeredAt = null;
function alive(isAlive) {
  document.body.classList.toggle("dead", !isAlive);
  const since = answeredAt ? `; below is how it was at ${clock(answeredAt)}` : "";
  el("link").textContent = isAlive ? "live" : `does not answer${since}`;
  el("link").className = isAlive ? "badge ok" : "badge";
  document.title = isAlive ? "local cloud" : "✗ local cloud";
}

async function poll() {
  try {
    const [status, requests] = await Promise.all([ask("/_local/status"), ask("/_local/requests")]);
    answeredAt = new Date();
    show(status, requests);
    alive(true);
  } catch (error) {
    console.warn(error);
    alive(false);
  }
  setTimeout(poll, EVERY_MS);
}

async function change(path, options) {
  try {
    await ask(path, options);
    el("said").textContent = "";
  } catch (error) {
    el("said").textContent = error instanceof Refusal ? error.message : "the local cloud does not answer";
  }
}

el("add").addEventListener("submit", event => {
  event.preventDefault();
  const fault = { operation: el("operation").value.trim(), count: Number(el("count").value), fault: el("kind").value };
  if (fault.fault === "fail") fault.status = Number(el("status").value);
  change("/_local/faults", { method: "POST", body: JSON.stringify(fault) });
});
el("kind").addEventListener("change", () => { el("status-field").hidden = el("kind").value !== "fail"; });
el("clear").addEventListener("click", () => change("/_local/faults", { method: "DELETE" }));
for (const button of document.querySelectorAll("[data-advance]"))
  button.addEventListener("click", () => change(`/_local/time?advance=${button.dataset.advance}`, { method: "POST" }));
ask("/_local/operations").then(served =>
  el("operations").replaceChildren(...served.toSorted().map(id => Object.assign(make("option"), { value: id }))), console.warn);
poll();

// Keeps the page as the agent is: by the live stream, and by the clock where only time passes.

import { draw } from "./charts.js";
import * as connection from "./link.js";
import { overview } from "./overview.js";
import * as words from "./words.js";

/** The agent says something each five seconds; a longer silence is a lost connection. */
const SILENCE = 13_000;
const HISTORY_EVERY = 10_000;

/** Which of several pools this page is of. */
const wanted = new URLSearchParams(location.search).get("pool");
const at = path => wanted == null ? path : `${path}?pool=${encodeURIComponent(wanted)}`;

const el = id => document.getElementById(id);
const text = (id, value) => {
  const found = value ?? "–";
  if (el(id).textContent !== found) el(id).textContent = found;
};
const show = (id, is) => { el(id).hidden = !is; };

let status = null, decisions = [], history = null, shown = "hour";
let receivedAt = 0, drawnAt = 0, askedAt = 0, link = "connecting";

/** The agent's time, as far as this browser can tell. */
const agentNow = () => Date.parse(status.now) + Date.now() - receivedAt;
const age = stamp => words.span((agentNow() - Date.parse(stamp)) / 1000);

function made(name, content, kind) {
  const element = document.createElement(name);
  element.append(...[content].flat().filter(part => part != null));
  if (kind) element.className = kind;
  return element;
}

function rows(id, all, empty) {
  const table = el(id).closest("table");
  const row = cells => {
    const tr = made("tr", cells.map(([content, kind]) => {
      const td = made("td", content ?? "–", kind);
      td.setAttribute("role", "cell");
      return td;
    }));
    tr.setAttribute("role", "row");
    return tr;
  };
  table.setAttribute("role", "table");
  if (all.length) return el(id).replaceChildren(...all.map(row));
  const td = made("td", empty, "soft");
  td.colSpan = 5;
  el(id).replaceChildren(made("tr", td));
}

function facts(id, list) {
  const parts = list.filter(Boolean).flatMap(([name, value]) => [made("dt", name), made("dd", value)]);
  const before = el(id).textContent;
  if (before !== parts.map(part => part.textContent).join("")) el(id).replaceChildren(...parts);
}

/** All that does not change by mere passing of time. */
function render() {
  const { pool, about } = status;
  text("name", pool?.name || "Instance pool");
  text("zone", [about.zone, about.pool_id].filter(Boolean).join(" · "));
  document.title = `${pool && isKnown() ? pool.size : "?"} · ${pool?.name || "autoscaler"}`;
  text("mode", status.mode);
  text("bounds", `${status.min_size}–${Math.min(status.scheduled_max ?? status.max_size, status.max_size)}`);
  floors();
  lease();
  control();
  problems();
  numbers();
  rows("decisions", decisions.map(decision), "No decision yet: no alert came, and no minute has passed since the start.");
  rows("members", (pool?.members ?? []).map(member),
    pool ? "The pool has no members." : "The pool was not read yet, so its members are not known.");
  text("about", `autoscaler ${about.version}, started at ${words.day(about.started_at)}; ${status.targets} targets in the discovery file.`);
  links();
}

function floors() {
  const lines = [
    status.scheduled_min != null && `The schedule asks for at least ${status.scheduled_min}` + (status.scheduled_max != null ? ` and at most ${status.scheduled_max}` : "") + " now.",
    status.at_least != null && `An alert asks for at least ${status.at_least}.`,
    status.schedule.length && `Schedule: ${status.schedule.join("; ")}.`,
  ].filter(Boolean);
  show("floor", lines.length);
  text("floor", lines.join(" "));
}

/** Which of several agents acts. */
function lease() {
  const { lease } = status;
  show("lease", lease);
  if (!lease) return;
  const holder = lease.holder ? `${lease.holder} holds it` : "nobody is known to hold it";
  text("lease", lease.held ? `Leader: this agent holds the lease, number ${lease.number}.` : `Standby: this agent changes nothing without the lease; ${holder}.`);
}

/** What operators ordered and is in force, and who gave the latest order. */
function control() {
  const { control: { paused, mode, until, limits, size, order, who, why } } = status;
  const inForce = [
    paused && "paused",
    mode && `mode ${mode}${until ? ` until ${words.day(until)}` : ""}`,
    limits && `limits ${limits.min} to ${limits.max}`,
    size != null && `size ${size} as soon as it may`,
  ].filter(Boolean);
  show("control", inForce.length);
  const latest = [order && `Latest order: ${order}`, who && `by ${who}`, why && `“${why}”`].filter(Boolean);
  text("control", `By order: ${inForce.join(", ")}. ${latest.join(", ")}`);
}

function problems() {
  const found = status.health.filter(check => check.problem);
  const unknown = status.health_state === "unknown";
  show("problems", found.length && !unknown);
  el("problems").replaceChildren(...found.map(check => made("li", `${check.name}: ${check.problem}`)));
  const pill = el("health");
  const count = found.length === 1 ? "1 problem" : `${found.length} problems`;
  const blind = status.pool_failure != null;
  text("health", unknown ? "health unknown" : found.length ? count : blind ? "blind" : "healthy");
  pill.className = `pill ${!unknown && found.length ? "bad" : unknown || blind ? "warn" : "ok"}`;
}

const isKnown = () => status.pool?.current === true;

function big(id, value, small) {
  el(id).replaceChildren(made("span", value), ...(small ? [made("small", small)] : []));
}

function numbers() {
  const { pool } = status;
  const old = pool && !isKnown() ? `at ${words.clock(pool.read_at)}; not known now` : null;
  const unread = "not read yet";
  big("size", pool ? `${pool.size}` : "?", pool ? old : unread);
  big("healthy", pool ? `${pool.ready_members} / ${pool.running_members}` : "?", pool ? old : unread);
  const moving = status.acting ? `scaling ${words.arrow(status.acting)}` : status.draining && `draining, ${words.arrow(status.draining)}`;
  big("state", pool ? pool.state : "?", moving ?? (pool ? old : unread));
  const { cpu, cpu_at: at } = status.alerts;
  big("cpu", cpu == null ? "–" : `${Math.round(cpu * 100)} %`, at ? `at ${words.clock(at)}` : "no alert has told");
}

function decision(d) {
  const change = d.to == null ? d.from : `${d.from} → ${d.to}`;
  const remedy = d.verdict === "acted" ? "" : words.remedy(d.reason);
  return [
    [d.times > 1 ? `${words.clock(d.at)} – ${words.clock(d.until)}` : words.clock(d.at), "time"],
    [words.verdict(d), words.verdictClass(d)],
    [change == null ? "–" : `${change}`, "size"],
    [[words.reason(d), remedy && made("small", remedy)].filter(Boolean), "reason"],
    [d.signals ? [`${d.signals}`, made("span", d.signals === 1 ? " alert" : " alerts", "unit")] : ""],
  ];
}

function member(m) {
  return [
    [m.name || m.id, "name"],
    [m.address ?? "no address"],
    [m.running ? "running" : "not running", m.running ? "ok" : "bad"],
    [m.healthy == null ? "not known" : m.healthy ? "healthy" : "unhealthy", m.healthy === false ? "bad" : m.healthy ? "ok" : "soft"],
    [m.age_s == null ? "age unknown" : words.span(m.age_s + (agentNow() - Date.parse(status.pool.read_at)) / 1000), "age"],
  ];
}

function links() {
  const found = [["Grafana", status.about.grafana], ["Prometheus", status.about.prometheus]].filter(([, url]) => url);
  show("links", found.length);
  const made = found.flatMap(([name, url]) => {
    const link = document.createElement("a");
    [link.href, link.textContent, link.rel] = [url, name, "noreferrer"];
    return [link, " "];
  });
  el("links").replaceChildren("Look further: ", ...made);
}

/** What changes by mere passing of time. */
function tick() {
  if (status && Date.now() - receivedAt > SILENCE && link === "live") lose();
  if (link === "lost" && status) connection.lastWord(receivedAt);
  if (!status) return;
  const { pool, discovered_at: listed } = status;
  const isBlind = link !== "lost" && status.pool_failure != null;
  document.body.dataset.pool = isBlind ? "blind" : pool ? "known" : "unread";
  show("blind", isBlind);
  if (isBlind) {
    text("blind-text", "Blind: the agent cannot read the pool, and does not scale on what it cannot see.");
    text("blind-why", status.pool_failure);
    text("blind-age", pool ? `The pool's figures are ${age(pool.read_at)} old, from ${words.clock(pool.read_at)}.` : "The pool was never read since the start.");
  }
  text("freshness", `${pool ? `Pool read ${age(pool.read_at)} ago` : "Pool not read yet"}; ${listed ? `members listed ${age(listed)} ago` : "members not listed yet"}.`);
  const now = agentNow();
  text("as-of", `This is what the page showed at ${words.day(now)}.`);
  facts("next", ["up", "down"].map(direction => {
    if (link === "lost") return [direction === "up" ? "Scale-out" : "Scale-in", "not known: the agent does not answer"];
    const [name, ...rest] = words.outlook(direction, status, now).split(": ");
    return [name, rest.join(": ")];
  }));
  const { at_least_heard_at: atLeast, resolved_at: resolved, ignored_at: ignoredAt, ignored } = status.alerts;
  facts("alerts", [
    ["“up”", words.alert("up", status, now)],
    ["“down”", words.alert("down", status, now)],
    atLeast && ["“at least”", (status.at_least ? `asks for ${status.at_least}; ` : "asks for nothing now; ") + `last heard at ${words.clock(atLeast)}, ${age(atLeast)} ago`],
    resolved && ["resolved", `last at ${words.clock(resolved)}, ${age(resolved)} ago`],
    ignoredAt && ["ignored", `last at ${words.clock(ignoredAt)}, ${age(ignoredAt)} ago: ${words.ignored(ignored)}`],
  ]);
  if (history && Date.now() - drawnAt > 5_000) redraw();
  if (link === "live" && Date.now() - askedAt > HISTORY_EVERY && !document.hidden) fetchHistory();
}

function redraw() {
  drawnAt = Date.now();
  draw(history, shown, status, agentNow());
}

async function fetchHistory() {
  askedAt = Date.now();
  try {
    const answer = await fetch(at("history"));
    if (!answer.ok) return;
    history = await answer.json();
    if (status) redraw();
  } catch {
    // The stream says that the connection is lost.
  }
}

function alive() {
  receivedAt = Date.now();
  if (link === "live") return;
  link = "live";
  connection.live();
  fetchHistory();
}

function lose() {
  if (link === "lost") return;
  link = "lost";
  connection.lost(status && receivedAt);
  show("blind", false);
  document.title = document.title.replace(/^.* · /, "? · ");
}

/** What the stream would tell, asked for: an agent that has no place for a stream is not down. */
async function poll() {
  try {
    const answers = await Promise.all([fetch(at("status")), fetch(at("decisions"))]);
    if (!answers.every(answer => answer.ok)) return false;
    [status, decisions] = await Promise.all(answers.map(answer => answer.json()));
    decisions = decisions.reverse().slice(0, 25);
    alive();
    render();
    tick();
    return true;
  } catch {
    return false;
  }
}

function listen() {
  const source = new EventSource(at("events"));
  source.onmessage = message => {
    ({ status, decisions } = JSON.parse(message.data));
    alive();
    render();
    tick();
  };
  source.addEventListener("beat", message => {
    if (!status) return;
    const { current, ...beat } = JSON.parse(message.data);
    Object.assign(status, beat);
    if (status.pool) status.pool.current = current;
    alive();
    render();
    tick();
  });
  source.onerror = async () => {
    // A browser gives up by itself when the answer is an error, such as 503 for too many streams.
    if (source.readyState !== EventSource.CLOSED) return lose();
    if (!await poll()) lose();
    setTimeout(listen, 5_000);
  };
}


function onePool() {
  for (const id of ["hour", "day"]) {
    el(id).addEventListener("click", () => {
      shown = id;
      for (const other of ["hour", "day"]) el(other).setAttribute("aria-pressed", `${other === id}`);
      if (history && status) redraw();
    });
  }
  for (const link of document.querySelectorAll("[data-of-pool] a, footer a[href=sd]")) link.href = at(link.getAttribute("href"));
  show("up", wanted != null);
  addEventListener("resize", () => { if (history && status) redraw(); });
  setInterval(tick, 1_000);
  listen();
}

/** One pool, the only one or the one that the address names; else all of them. */
async function start() {
  if (wanted != null) return onePool();
  try {
    const answer = await fetch("pools");
    const { pools } = await answer.json();
    if (pools.length > 1) return overview(pools);
  } catch {
    // The stream says that the connection is lost.
  }
  onePool();
}

start();

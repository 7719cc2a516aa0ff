// What the agent's answers say, in words for whoever was woken by a pager.

export const clock = stamp => new Date(stamp).toLocaleTimeString([], { hour12: false });

export const day = stamp => new Date(stamp).toLocaleString([], { hour12: false });

/** A length of time in seconds, as people say it. */
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 100) return `${s} s`;
  if (s < 6000) return `${Math.floor(s / 60)} min` + (s < 600 && s % 60 ? ` ${s % 60} s` : "");
  if (s < 360000) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} days`;
}

const scaled = d => d.direction === "down" ? "scaled in" : "scaled out";
const action = d => d.direction === "up" ? "scale-out" : d.direction === "down" ? "scale-in" : "action";

const verdicts = {
  acted: d => d.outcome === "failed" ? `failed (${action(d)})`
    : d.outcome === "postponed" ? `postponed (${action(d)})`
    : d.outcome ? scaled(d) : `ordered (${action(d)})`,
  recommended: d => `would have ${scaled(d)}`,
  held: d => `waiting (${action(d)})`,
  refused: d => `not scaled (${action(d)})`,
  failed: d => `failed (${action(d)})`,
  draining: d => `draining (${action(d)})`,
  given_back: d => `given up (${action(d)})`,
  quiet: () => "no alert",
  control: d => `order${d.who ? ` of ${d.who}` : ""}${d.order ? `: ${d.order}` : ""}${d.why ? ` (${d.why})` : ""}`,
};

export const verdict = d => verdicts[d.verdict]?.(d) ?? d.verdict;

export const verdictClass = d =>
  d.verdict === "failed" || d.outcome === "failed" ? "bad" : d.verdict === "acted" ? "act" : "";

export function reason(d) {
  const step = d.step_reason && d.step !== "1" ? `; step ${d.step} for ${d.step_reason}` : "";
  return d.text + step + (d.times > 1 ? ` (${d.times} times)` : "");
}

// What a person can do about a reason, where that is not plain.
const remedies = {
  at_max: "If the load is real, raise scaling.max_size.",
  pinned: "Set scaling.mode to on to let alerts decide.",
  scale_in_disabled: "Set scaling.mode to on to let it shrink.",
  unauthorised: "Check the API key and its role.",
  pool_not_found: "Check exoscale.instance_pool and exoscale.zone.",
  no_capacity: "Check the quota and the provider's status page.",
  capacity_backoff: "Check the quota and the provider's status page.",
  api_unavailable: "Check the provider's status page and this host's network.",
  budget_spent: "Another process may use this key; see exoscale.calls_per_minute.",
  unready: "Look at the members below that do not run or are unhealthy.",
  pool_degraded: "Look at the pool in the provider's console.",
  members_unknown: "Look at the pool in the provider's console.",
  health_unknown: "Check the load balancer and exoscale.load_balancer.",
  conflict: "See who else changes the pool.",
  outcome_unknown: "Compare the size below with the provider's console.",
  write_failed: "The agent's log has the provider's answer.",
};

export const remedy = code => remedies[code] ?? "";

/** What stands in the way of a change, and when it may be made. */
export function outlook(direction, status, now) {
  const name = direction === "up" ? "Scale-out" : "Scale-in";
  const moving = status.acting ?? status.draining;
  if (moving) {
    const draining = status.draining ? ", draining first" : "";
    return `${name}: not while the pool is scaled ${arrow(moving)}${draining}.`;
  }
  const { reason: code, text, ends_at: ends } = status.next[direction];
  const pending = status.alerts[direction].pending;
  const verb = status.mode === "recommend" ? "recommends" : "acts";
  const left = ends ? (Date.parse(ends) - now) / 1000 : 0;
  if (!code || (ends && left <= 0)) {
    return pending ? `${name}: an alert waits; the agent ${verb} now.`
      : `${name}: nothing in the way; the agent ${verb} at the next “${direction}” alert.`;
  }
  if (!ends) return `${name}: not now: ${text}. ${remedy(code)}`.trim();
  const who = pending ? "an alert waits" : "an alert would wait";
  return `${name}: ${who} until ${clock(ends)} (in ${span(left)}): ${text}.`;
}

export const arrow = change => change.replace("->", "→");

/** What alerts of one direction say. */
export function alert(direction, status, now) {
  const { pending, count, heard_at: heard } = status.alerts[direction];
  const age = heard && `last heard at ${clock(heard)}, ${span((now - Date.parse(heard)) / 1000)} ago`;
  if (pending) return `pending: ${count} alert${count === 1 ? "" : "s"} wait${count === 1 ? "s" : ""} for an action` + (age ? `; ${age}` : "; heard before the restart");
  return age ? `nothing pending; ${age}` : `never heard since the agent started at ${day(status.about.started_at)}`;
}

const ignoredReasons = {
  no_data: "the monitoring had no data",
  error_alert: "the monitoring failed",
  test: "somebody tried the contact point out",
  no_direction: "no label says which way",
  bad_value: "its value is no size",
  no_value: "it says no size",
  bad_step: "its label names no step",
};

export const ignored = code => ignoredReasons[code] ?? code.replaceAll("_", " ");

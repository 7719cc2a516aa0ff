// Every pool in short, where the agent scales several.

import * as words from "./words.js";

/** Between two questions. */
const EVERY = 2_000;

const el = id => document.getElementById(id);

function cell(content, kind) {
  const td = document.createElement("td");
  td.append(...[content].flat().filter(Boolean));
  td.className = kind ?? "";
  td.setAttribute("role", "cell");
  return td;
}

function small(text) {
  const element = document.createElement("small");
  element.textContent = text;
  return element;
}

function row(pool) {
  const link = document.createElement("a");
  link.href = `?pool=${encodeURIComponent(pool.pool)}`;
  link.textContent = pool.pool;
  const known = pool.current === true;
  const moving = pool.acting ? `scaling ${words.arrow(pool.acting)}` : pool.draining && `draining, ${words.arrow(pool.draining)}`;
  const health = pool.health_state === "unknown" ? ["not known", "soft"]
    : pool.problems ? [pool.problems === 1 ? "1 problem" : `${pool.problems} problems`, "bad"]
    : pool.current === false ? ["blind", "bad"] : ["healthy", "ok"];
  const tr = document.createElement("tr");
  tr.setAttribute("role", "row");
  tr.append(
    cell([link, pool.name && small(pool.name)], "name"),
    cell(health[0], health[1]),
    cell([known ? `${pool.size}` : "?", small(`limits ${pool.min_size}–${pool.max_size}`)]),
    cell(known ? `${pool.ready_members} / ${pool.running_members}` : "?"),
    cell([known ? pool.state : "not known now", moving && small(moving)], known ? "" : "soft"),
    cell([pool.mode, pool.paused && small("paused by order")]),
  );
  return tr;
}

function lost(since) {
  document.body.dataset.link = "lost";
  el("lost").hidden = false;
  el("lost-text").textContent = "Disconnected: the agent does not answer. It may be down, and then nothing scales.";
  el("lost-age").textContent = since ? `${words.clock(since)}, ${words.span((Date.now() - since) / 1000)} ago` : "none yet";
  el("link").textContent = "disconnected";
  el("link").className = "pill warn";
  el("health").textContent = "health not known";
  el("health").className = "pill warn";
}

function show(pools) {
  document.body.dataset.link = "live";
  el("lost").hidden = true;
  el("link").textContent = "live";
  el("link").className = "pill ok";
  const wrong = pools.filter(pool => pool.problems || pool.current === false).length;
  const unknown = pools.some(pool => pool.health_state === "unknown");
  el("health").textContent = wrong ? `${wrong} of ${pools.length} pools with problems` : unknown ? "health unknown" : "all healthy";
  el("health").className = `pill ${wrong ? "bad" : unknown ? "warn" : "ok"}`;
  document.title = `${pools.length} pools · autoscaler`;
  const rows = pools.map(row);
  const text = rows => [...rows].map(row => `${row.textContent} ${[...row.cells].map(td => td.className)}`).join("\n");
  // What stays the same is left alone, so that the keyboard's place is kept.
  if (text(rows) !== text(el("pools").rows)) el("pools").replaceChildren(...rows);
}

/** Shows the table instead of one pool, for as long as the page is there. */
export function overview(first) {
  for (const section of document.querySelectorAll("main > *")) section.hidden = section.id !== "all";
  for (const link of document.querySelectorAll("[data-of-pool]")) link.hidden = true;
  el("name").textContent = "Instance pools";
  let heard = Date.now();
  show(first);
  setInterval(async () => {
    try {
      const answer = await fetch("pools", { signal: AbortSignal.timeout(3 * EVERY) });
      if (!answer.ok) throw new Error(answer.statusText);
      const { pools } = await answer.json();
      heard = Date.now();
      show(pools);
    } catch {
      lost(heard);
    }
  }, EVERY);
}

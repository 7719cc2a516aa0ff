// Every pool in short, where the agent scales several.

import * as link from "./link.js";
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
  const way = document.createElement("a");
  way.href = `?pool=${encodeURIComponent(pool.pool)}`;
  way.textContent = pool.pool;
  const known = pool.current === true;
  const moving = pool.acting ? `scaling ${words.arrow(pool.acting)}` : pool.draining && `draining, ${words.arrow(pool.draining)}`;
  const health = pool.health_state === "unknown" ? ["not known", "soft"]
    : pool.problems ? [pool.problems === 1 ? "1 problem" : `${pool.problems} problems`, "bad"]
    : pool.current === false ? ["blind", "bad"] : ["healthy", "ok"];
  const tr = document.createElement("tr");
  tr.setAttribute("role", "row");
  tr.append(
    cell([way, pool.name && small(pool.name)], "name"),
    cell(health[0], health[1]),
    cell([known ? `${pool.size}` : "?", small(`limits ${pool.min_size}–${pool.max_size}`)]),
    cell(known ? `${pool.ready_members} / ${pool.running_members}` : "?"),
    cell([known ? pool.state : "not known now", moving && small(moving)], known ? "" : "soft"),
    cell([pool.mode, pool.paused && small("paused by order")]),
  );
  return tr;
}

function show(pools) {
  link.live();
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
  for (const part of document.querySelectorAll("[data-of-pool]")) part.hidden = true;
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
      link.lost(heard);
    }
  }, EVERY);
}

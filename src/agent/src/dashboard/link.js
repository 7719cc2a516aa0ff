// Whether the agent answers, as every page shows it.

import * as words from "./words.js";

const el = id => document.getElementById(id);

export function live() {
  document.body.dataset.link = "live";
  el("lost").hidden = true;
  el("link").textContent = "live";
  el("link").className = "pill ok";
}

/** The agent was heard last at this time, if ever. */
export function lost(heardAt) {
  document.body.dataset.link = "lost";
  el("lost").hidden = false;
  // Said once: a screen reader repeats what is set again.
  const said = "Disconnected: the agent does not answer. It may be down, and then nothing scales.";
  if (el("lost-text").textContent !== said) el("lost-text").textContent = said;
  lastWord(heardAt);
  el("link").textContent = "disconnected";
  el("link").className = "pill warn";
  el("health").textContent = "health not known";
  el("health").className = "pill warn";
}

/** How long ago it was heard. */
export function lastWord(heardAt) {
  el("lost-age").textContent = heardAt ? `${words.clock(heardAt)}, ${words.span((Date.now() - heardAt) / 1000)} ago` : "none yet";
}

// The three charts, and what each says in words: for those who cannot see it.

import { Chart } from "./svg.js";
import { clock, span } from "./words.js";

const HOUR = 3_600_000;

const el = id => document.getElementById(id);
const numbers = values => values.filter(value => value != null);
const round = value => Math.ceil(Math.max(1, value));

/** Draws all charts of the last `shown`, `hour` or `day`, as of `now`. */
export function draw(history, shown, status, now) {
  const series = history[shown];
  const end = now, begin = now - (shown === "hour" ? HOUR : 24 * HOUR);
  const inside = series.at.map(at => at >= begin);
  const within = values => values.filter((_, index) => inside[index]);
  const frame = { begin, end, step: series.step_s * 1000 };
  const time = `the last ${shown}`;
  sizes(series, within, frame, time, history.marks.filter(mark => mark.at >= begin && mark.at <= end), now);
  load(series, within, frame, time, status);
  calls(series, within, frame, time);
}

function sizes(series, within, frame, time, marks, now) {
  const known = numbers(within(series.wanted));
  const peak = Math.max(0, ...known, ...numbers(within(series.healthy)));
  const most = Math.max(0, ...within(series.max));
  // A limit far above everything would leave the rest too small to see.
  const top = round((most <= 3 * peak + 8 ? Math.max(most, peak) : peak * 1.5) * 1.08);
  const words = sizeWords(series, within, known, time, marks, now);
  const chart = new Chart(el("size-chart"), { ...frame, top });
  if (!known.length) chart.say(series.at.length ? "The pool's size was not known." : "The first point comes after ten seconds.");
  chart.shade(series.at, series.wanted);
  chart.steps("limit", series.at, series.max.map(max => max <= top ? max : null));
  chart.steps("limit", series.at, series.min);
  chart.steps("healthy", series.at, series.healthy);
  chart.steps("wanted", series.at, series.wanted);
  for (const mark of marks) {
    const to = mark.to ?? mark.from;
    if (to == null) continue;
    const what = mark.verdict === "acted" ? "ordered" : mark.verdict;
    const title = `${clock(mark.at)}: ${mark.from} → ${to} ${what}`;
    chart.mark(mark.at, to, { up: mark.direction === "up", kind: mark.verdict, title });
  }
  el("size-words").textContent = words;
}

function sizeWords(series, within, known, time, marks, now) {
  if (!known.length) return `In ${time} the size was not known.`;
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const changes = marks.filter(mark => mark.verdict === "acted").length;
  const failed = marks.filter(mark => mark.verdict === "failed").length;
  const between = least === most ? `was ${least}` : `was between ${least} and ${most}`;
  const unknown = within(series.wanted).length - known.length;
  const since = now - series.at[0] > spanOf(series, time) ? "" : ` since ${clock(series.at[0])}`;
  return `In ${time}${since} the desired size (solid) ${between}; the agent ordered ${changes} change${changes === 1 ? "" : "s"}`
    + (failed ? ` and ${failed} failed` : "")
    + (unknown ? `; for ${span(unknown * series.step_s)} nobody knew it (shaded)` : "")
    + ". Healthy members are dashed, the limits dotted.";
}

const spanOf = (series, time) => (time.endsWith("hour") ? 1 : 24) * HOUR - 2 * series.step_s * 1000;

function load(series, within, frame, time, status) {
  const told = numbers(within(series.cpu));
  const { threshold_up: up, threshold_down: down } = status.about;
  const percent = share => Math.round(share * 100);
  const words = (told.length
    ? `Alerts told of ${[...new Set([Math.min(...told), Math.max(...told)].map(percent))].join(" to ")} % in ${time}.`
    : `No alert told of its value in ${time}.`)
    + (up == null ? "" : ` Above ${percent(up)} % monitoring alerts “up”, below ${percent(down)} % “down”; between the two no alert comes, so there is no line.`);
  const chart = new Chart(el("cpu-chart"), { ...frame, top: 100, unit: "%" });
  if (up != null) {
    chart.level(100 * up, `up ${percent(up)} %`);
    chart.level(100 * down, `down ${percent(down)} %`);
  }
  // Alerts are repeated each minute: what is nearer than that belongs together.
  chart.step = Math.max(chart.step, 36_000);
  const points = series.at.map((at, index) => [at, series.cpu[index]]).filter(([, cpu]) => cpu != null);
  chart.line("load", points.map(([at]) => at), points.map(([, cpu]) => 100 * cpu));
  if (!told.length) chart.say("no alert told of its value");
  el("cpu-words").textContent = words;
}

function calls(series, within, frame, time) {
  const minutes = byMinute(series);
  const sum = list => within(list).reduce((sum, value) => sum + value, 0);
  const [made, failed] = [sum(series.calls), sum(series.errors)];
  const words = `${made} call${made === 1 ? "" : "s"} in ${time}; ${failed || "none"} failed${failed ? " (red)" : ""}.`;
  const top = round(Math.max(6, ...minutes.calls) * 1.05);
  const chart = new Chart(el("calls-chart"), { ...frame, step: Math.max(frame.step, 60_000), top });
  chart.bars("bars", minutes.at, minutes.calls);
  chart.bars("errors", minutes.at, minutes.errors);
  el("calls-words").textContent = words;
}

/** The calls of each minute, or a minute's share of those of a longer step. */
function byMinute(series) {
  const found = { at: [], calls: [], errors: [] };
  const scale = Math.min(1, 60 / series.step_s);
  series.at.forEach((at, index) => {
    const end = series.step_s < 60 ? Math.ceil(at / 60_000) * 60_000 : at;
    if (found.at.at(-1) !== end) {
      for (const [list, first] of [[found.at, end], [found.calls, 0], [found.errors, 0]]) list.push(first);
    }
    found.calls[found.calls.length - 1] += series.calls[index] * scale;
    found.errors[found.errors.length - 1] += series.errors[index] * scale;
  });
  return found;
}

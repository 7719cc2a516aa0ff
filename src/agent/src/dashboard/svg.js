// Small charts in SVG: lines with gaps, limits, marks and bars.

const NS = "http://www.w3.org/2000/svg";
const HEIGHT = 150, LEFT = 40, RIGHT = 8, TOP = 10, BOTTOM = 22;

export function element(name, attributes = {}, text) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text != null) made.textContent = text;
  return made;
}

/** A chart of the time from `begin` to `end`, with values from 0 to `top`. */
export class Chart {
  constructor(host, { begin, end, top, step, unit = "" }) {
    this.width = Math.max(240, host.clientWidth || 600);
    Object.assign(this, { begin, end, top, step });
    const name = host.id.replace("-chart", "");
    this.svg = element("svg", {
      viewBox: `0 0 ${this.width} ${HEIGHT}`, role: "img",
      "aria-labelledby": `${name}-title`, "aria-describedby": `${name}-words`,
    });
    this.yAxis(unit);
    this.xAxis();
    host.replaceChildren(this.svg);
  }

  x(at) {
    return LEFT + (at - this.begin) / (this.end - this.begin) * (this.width - LEFT - RIGHT);
  }

  y(value) {
    return HEIGHT - BOTTOM - Math.min(value, this.top) / this.top * (HEIGHT - TOP - BOTTOM);
  }

  add(name, attributes, text) {
    this.svg.append(element(name, attributes, text));
  }

  yAxis(unit) {
    const steps = [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000];
    const step = steps.find(step => this.top / step <= 4) ?? this.top;
    for (let value = 0; value <= this.top; value += step) {
      const y = this.y(value);
      this.add("line", { class: "axis", x1: LEFT, x2: this.width - RIGHT, y1: y, y2: y });
      this.add("text", { x: LEFT - 5, y: y + 4, "text-anchor": "end" }, `${value}${unit}`);
    }
  }

  xAxis() {
    const minutes = [5, 10, 15, 30, 60, 120, 240, 360];
    const room = Math.max(2, Math.floor(this.width / 75));
    const span = (this.end - this.begin) / 60000;
    const step = (minutes.find(step => span / step <= room) ?? 480) * 60000;
    const zone = new Date(this.end).getTimezoneOffset() * 60000;
    for (let at = Math.ceil((this.begin - zone) / step) * step + zone; at <= this.end; at += step) {
      const time = new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
      const x = this.x(at);
      if (x < LEFT + 12 || x > this.width - RIGHT - 14) continue;
      this.add("line", { class: "axis", x1: x, x2: x, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM + 4 });
      this.add("text", { x, y: HEIGHT - 6, "text-anchor": "middle" }, time);
    }
  }

  /** Runs of samples without a gap: neither a value that is not known nor a time without samples. */
  runs(at, values) {
    const runs = [];
    let run = null;
    at.forEach((time, index) => {
      const value = values[index];
      if (value == null || time < this.begin) { run = null; return; }
      if (run && time - run.at(-1)[0] > 2.5 * this.step) run = null;
      if (!run) runs.push(run = []);
      run.push([time, value]);
    });
    return runs;
  }

  /** A line of steps: a size holds until the next sample. */
  steps(kind, at, values) {
    for (const run of this.runs(at, values)) {
      let path = "", before = null;
      run.forEach(([time, value], index) => {
        const x = this.x(time).toFixed(1), y = this.y(value).toFixed(1);
        if (index === 0) path += `M${this.x(Math.max(this.begin, time - this.step)).toFixed(1)} ${y}H${x}`;
        else path += value === before ? `H${x}` : `V${y}H${x}`;
        before = value;
      });
      this.add("path", { class: kind, d: path });
    }
  }

  /** A line from value to value, with a dot where one stands alone. */
  line(kind, at, values) {
    for (const run of this.runs(at, values)) {
      const points = run.map(([time, value]) => `${this.x(time).toFixed(1)} ${this.y(value).toFixed(1)}`);
      if (points.length > 1) this.add("path", { class: kind, d: `M${points.join("L")}` });
      for (const [time, value] of run.length > 60 ? [] : run) {
        this.add("circle", { class: `${kind}-dot`, cx: this.x(time), cy: this.y(value), r: 2.4 });
      }
    }
  }

  level(value, text) {
    const y = this.y(value);
    this.add("line", { class: "limit", x1: LEFT, x2: this.width - RIGHT, y1: y, y2: y });
    this.add("text", { x: this.width - RIGHT - 2, y: y - 3, "text-anchor": "end" }, text);
  }

  bars(kind, at, values) {
    const bars = at.map((time, index) => [time, values[index]]).filter(([time, value]) => value && time >= this.begin);
    const wide = Math.max(1, this.x(this.begin + this.step) - LEFT - 0.5), low = this.y(0);
    const path = bars.map(([time, value]) => {
      const right = this.x(time);
      const left = Math.max(LEFT, right - wide);
      return `M${left.toFixed(1)} ${low}V${this.y(value).toFixed(1)}H${right.toFixed(1)}V${low}z`;
    });
    if (path.length) this.add("path", { class: kind, d: path.join("") });
  }

  /** Shades what nobody knows. */
  shade(at, values) {
    const known = at.filter((time, index) => values[index] != null && time >= this.begin);
    const edges = [this.begin + this.step, ...known, this.end];
    for (let index = 1; index < edges.length; index++) {
      const [from, to] = [edges[index - 1], edges[index]];
      if (to - from <= 2.5 * this.step) continue;
      const [x, right] = [this.x(index === 1 ? this.begin : from), this.x(to)];
      if (right - x > 90) this.add("text", { x: (x + right) / 2, y: TOP + 12, "text-anchor": "middle" }, index === 1 ? "no samples kept" : "not known");
      this.add("rect", { class: "unknown", x, width: Math.max(0, right - x), y: TOP, height: HEIGHT - TOP - BOTTOM });
    }
  }

  mark(at, value, { up, kind, title }) {
    const x = this.x(at), y = this.y(value), d = up ? -6 : 6;
    const mark = element("path", { class: `mark ${kind}`, d: `M${x - 5} ${y - d / 2}h10l-5 ${2 * d}z` });
    mark.append(element("title", {}, title));
    this.svg.append(mark);
  }

  say(text) {
    this.add("text", { class: "empty", x: (this.width + LEFT) / 2, y: HEIGHT / 2, "text-anchor": "middle" }, text);
  }
}

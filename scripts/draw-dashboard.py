#!/usr/bin/env python3
"""Draws the dashboard from its own queries, so that units, legends, colours and empty panels can be looked at.

  scripts/draw-dashboard.py PROMETHEUS [--dashboard FILE] [--minutes N] [--out FILE.png]
  scripts/draw-dashboard.py http://127.0.0.1:9090 --minutes 15 --out /tmp/dashboard.png

Asks that Prometheus what each panel asks, and places the panels as the dashboard does. It must scrape the agent, too;
the demo's own does not. Names each query that found nothing; fails when one was refused. Needs matplotlib
(`pip install matplotlib`). `python3 -m doctest scripts/draw-dashboard.py` tests it.

This is not Grafana, and shows only what the dashboard uses: stat and timeseries panels; lines, steps, stacked bars and
areas; units, thresholds, value mappings, overrides by name, annotations.
"""

import argparse
import datetime
import json
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates
import matplotlib.pyplot
import matplotlib.ticker

BACKGROUND, PANEL, TEXT, FAINT = "#111217", "#181b1f", "#ccccdc", "#3a3d44"
COLORS = {"blue": "#5794f2", "green": "#73bf69", "orange": "#ff9830", "red": "#f2495c", "purple": "#b877d9",
          "yellow": "#fade2a", "light-blue": "#8ab8ff", "light-purple": "#ca95e5", "text": TEXT}
PALETTE = [COLORS[name] for name in ("green", "yellow", "blue", "orange", "red")] + ["#8ab8ff", "#b877d9", "#96d98d"]
SCRAPE = 15  # `timeInterval` of the datasource: no step is shorter
SECONDS = {"s": 1, "m": 60, "h": 3600}
CELL_WIDTH, CELL_HEIGHT = 0.75, 0.38  # inches of a cell of the grid


class Queries:
    """A Prometheus, the time of the picture, and what went wrong."""

    def __init__(self, address, minutes):
        self.address, self.end = address.rstrip("/"), time.time()
        self.start = self.end - minutes * 60
        self.failed = 0

    def range(self, where, expression, shortest):
        """[(labels, times, values)] of an expression, with gaps as NaN."""
        step = max(SCRAPE, shortest, (self.end - self.start) // 1000)
        # Grafana, too, aligns times to the step.
        start, end = (moment // step * step for moment in (self.start, self.end))
        form = urllib.parse.urlencode({"query": expression, "start": start, "end": end, "step": step})
        try:
            with urllib.request.urlopen(f"{self.address}/api/v1/query_range?{form}", timeout=30) as answer:
                result = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            self.failed += 1
            print(f"{where}: {error.read().decode(errors='replace')}", file=sys.stderr)
            return []
        if not result:
            print(f"{where}: no data", file=sys.stderr)
        series = []
        for one in result:
            known = {float(at): float(value) for at, value in one["values"]}
            times = [start + place * step for place in range(int((end - start) / step) + 1)]
            series.append((one["metric"], times, [known.get(at, float("nan")) for at in times]))
        return series


def length(text):
    """Seconds of a length of time; 0 of nothing.

    >>> length("15s"), length("1m"), length(None)
    (15, 60, 0)
    """
    found = re.fullmatch(r"(\d+)([smh])", text or "")
    return int(found[1]) * SECONDS[found[2]] if found else 0


def named(legend, labels):
    """A series' name: the legend's format, filled in; without one all labels, as in Grafana.

    >>> named("{{verdict}}: {{reason}}", {"verdict": "acted", "reason": "high_load"})
    'acted: high_load'
    >>> named("", {"__name__": "up", "job": "autoscaler"})
    'up{job="autoscaler"}'
    """
    if legend in ("", "__auto", None):
        pairs = ", ".join(f'{key}="{value}"' for key, value in labels.items() if key != "__name__")
        return labels.get("__name__", "") + (f"{{{pairs}}}" if pairs else "")
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda label: labels.get(label[1], ""), legend)


def written(value, field):
    """A value with its unit, as the panel's field says.

    >>> written(0.125, {"unit": "percentunit"}), written(0.0421, {"unit": "s"}), written(3, {"unit": "short"})
    ('12.5 %', '42.1 ms', '3')
    >>> written(1, {"mappings": [{"options": {"1": {"text": "healthy"}}}]})
    'healthy'
    """
    if value != value:
        return "–"
    for mapping in field.get("mappings", []):
        text = mapping["options"].get(f"{value:g}", {}).get("text")
        if text is not None:
            return text
    unit, decimals = field.get("unit", ""), field.get("decimals")

    def number(shown):
        return f"{shown:.{decimals}f}" if decimals is not None else f"{shown:.3g}"

    if unit == "percentunit":
        return number(value * 100) + " %"
    if unit == "reqps":
        return number(value) + " req/s"
    if unit == "s":
        return number(value) + " s" if value >= 1 or value == 0 else f"{value * 1000:.3g} ms"
    return number(value)


def threshold_color(value, field):
    color = TEXT
    for step in field.get("thresholds", {}).get("steps", []):
        if step["value"] is None or value >= step["value"]:
            color = COLORS.get(step["color"], step["color"])
    return color


def field_of(panel, name):
    """The panel's defaults with the overrides of a series: (field, custom)."""
    field = dict(panel["fieldConfig"]["defaults"])
    custom = dict(field.get("custom", {}))
    for override in panel["fieldConfig"].get("overrides", []):
        kind, wanted = override["matcher"]["id"], override["matcher"]["options"]
        if not (name == wanted if kind == "byName" else kind == "byRegexp" and re.search(wanted.strip("/"), name)):
            continue
        for change in override["properties"]:
            if change["id"].startswith("custom."):
                custom[change["id"].removeprefix("custom.")] = change["value"]
            else:
                field[change["id"]] = change["value"]
    return field, custom


def last(values):
    return next((value for value in reversed(values) if value == value), float("nan"))


def series_of(queries, panel):
    """[(name, times, values)] of all of a panel's targets."""
    found = []
    for target in panel["targets"]:
        where = f"{panel['title']} ({target['refId']})"
        shortest = length(target.get("interval") or panel.get("interval"))
        for labels, times, values in queries.range(where, target["expr"], shortest):
            found.append((named(target.get("legendFormat"), labels), times, values))
    return found


def draw_stat(axes, panel, series):
    axes.axis("off")
    field = panel["fieldConfig"]["defaults"]
    if not series:
        axes.text(0.5, 0.5, field.get("noValue", "No data"), color=TEXT, ha="center", va="center", fontsize=14)
    for place, (_, times, values) in enumerate(series):
        value = last(values)
        color = threshold_color(value, field)
        at = (place + 0.5) / len(series)
        axes.text(at, 0.62, written(value, field), color=color, ha="center", va="center", fontsize=22,
                  transform=axes.transAxes)
        if panel["options"].get("graphMode") == "area":
            spark = axes.inset_axes([place / len(series), 0, 1 / len(series), 0.35])
            spark.axis("off")
            spark.plot(times, values, color=color, linewidth=1)
            spark.fill_between(times, 0, values, color=color, alpha=0.2)


def draw_series(axes, panel, series):
    """The lines or bars of a panel, and its table of values."""
    rows = []
    base = [0.0] * (len(series[0][1]) if series else 0)
    for place, (name, times, values) in enumerate(series):
        field, custom = field_of(panel, name)
        color = field.get("color", {})
        color = COLORS.get(color.get("fixedColor")) if color.get("mode") == "fixed" else None
        color = color or PALETTE[place % len(PALETTE)]
        moments = [datetime.datetime.fromtimestamp(at) for at in times]
        fill = custom.get("fillOpacity", 0) / 100
        bottom = [0.0] * len(values)
        if custom.get("stacking", {}).get("mode") == "normal" and len(base) == len(values):
            bottom, base = base, [low + (value if value == value else 0) for low, value in zip(base, values)]
        tops = [low + value for low, value in zip(bottom, values)]
        if custom.get("drawStyle") == "bars":
            width = (times[1] - times[0]) / 86400 * 0.8 if len(times) > 1 else 0.001
            axes.bar(moments, values, width, bottom, color=color, alpha=max(fill, 0.1))
        else:
            steps = "post" if custom.get("lineInterpolation") == "stepAfter" else None
            dashes = "--" if custom.get("lineStyle", {}).get("fill") == "dash" else "-"
            axes.plot(moments, tops, dashes, color=color, linewidth=custom.get("lineWidth", 1),
                      drawstyle="steps-post" if steps else "default")
            if fill:
                axes.fill_between(moments, bottom, tops, color=color, alpha=fill, step=steps, linewidth=0)
        numbers = [value for value in values if value == value]
        figures = {"lastNotNull": last(values), "max": max(numbers, default=float("nan")), "sum": sum(numbers)}
        calcs = panel["options"]["legend"].get("calcs", [])
        texts = [f"{calc.removesuffix('NotNull')} {written(figures[calc], field)}" for calc in calcs]
        rows.append((color, "   ".join([name, *texts])))
    return rows


def draw_legend(axes, panel, rows):
    if not panel["options"]["legend"]["showLegend"]:
        return
    lines = [matplotlib.pyplot.Line2D([], [], color=color, linewidth=3) for color, _ in rows]
    texts = [text for _, text in rows]
    right = panel["options"]["legend"]["placement"] == "right"
    place = {"loc": "upper left", "bbox_to_anchor": (1.005, 1.02)} if right else \
        {"loc": "upper left", "bbox_to_anchor": (0, -0.16), "ncols": 2 if len(rows) > 2 else 1}
    axes.legend(lines, texts, frameon=False, labelcolor=TEXT, fontsize=7, borderaxespad=0, **place)


def draw_timeseries(axes, panel, series, queries, notes):
    field = panel["fieldConfig"]["defaults"]
    rows = draw_series(axes, panel, series)
    if series:
        draw_legend(axes, panel, rows)
    else:
        axes.text(0.5, 0.5, field.get("noValue", "No data"), color=TEXT, ha="center", transform=axes.transAxes)
    style = field.get("custom", {}).get("thresholdsStyle", {}).get("mode", "off")
    axes.set_xlim(*(datetime.datetime.fromtimestamp(at) for at in (queries.start, queries.end)))
    low, high = axes.get_ylim()
    axes.set_ylim(field.get("min", low), field.get("max", high if series else 1))
    steps = field.get("thresholds", {}).get("steps", []) if style != "off" else []
    tops = [step["value"] for step in steps[1:]] + [axes.get_ylim()[1]]
    for step, top in zip(steps, tops):
        color, low = COLORS.get(step["color"], step["color"]), step["value"]
        if low is not None and axes.get_ylim()[0] <= low <= axes.get_ylim()[1]:
            axes.axhline(low, color=color, linewidth=1, linestyle="--" if style == "dashed" else "-")
        if "area" in style:
            axes.axhspan(axes.get_ylim()[0] if low is None else low, top, color=color, alpha=0.06)
    for at, color in notes:
        axes.axvline(datetime.datetime.fromtimestamp(at), color=color, linewidth=0.8, linestyle=":")
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, integer=field.get("decimals") == 0))
    axes.yaxis.set_major_formatter(lambda value, _: written(value, field))
    axes.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%H:%M"))
    axes.tick_params(colors=TEXT, labelsize=7)
    axes.grid(color=FAINT, linewidth=0.4)
    for spine in axes.spines.values():
        spine.set_visible(False)


def annotations(dashboard, queries):
    """[(time, colour)]: one for each run of values, as Grafana joins neighbours."""
    notes = []
    for query in dashboard["annotations"]["list"]:
        if not query.get("enable") or query.get("hide"):
            continue
        color = COLORS.get(query["iconColor"], query["iconColor"])
        for _, times, values in queries.range(f"annotation {query['name']}", query["expr"], length(query.get("step"))):
            before = float("nan")
            for at, value in zip(times, values):
                if value == value and before != before:
                    notes.append((at, color))
                before = value
    return notes


def draw(dashboard, queries, out):
    panels = dashboard["panels"]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) + 1
    figure = matplotlib.pyplot.figure(figsize=(24 * CELL_WIDTH, rows * CELL_HEIGHT), facecolor=BACKGROUND)
    figure.text(0.01, 1 - 0.5 / rows, f"{dashboard['title']}: drawn from the dashboard's queries, not by Grafana",
                color=TEXT, fontsize=13, va="center")
    notes = annotations(dashboard, queries)
    for panel in panels:
        grid = panel["gridPos"]
        left, width = grid["x"] / 24, grid["w"] / 24
        top, height = 1 - (grid["y"] + 1) / rows, grid["h"] / rows
        if panel["type"] == "row":
            figure.text(left + 0.01, top - height / 2, f"▾ {panel['title']}", color=TEXT, fontsize=12, va="center")
            continue
        frame = figure.add_axes([left + 0.002, top - height + 0.002, width - 0.004, height - 0.004], facecolor=PANEL)
        frame.set_xticks([])
        frame.set_yticks([])
        figure.text(left + 0.008, top - 0.4 / rows, panel["title"], color=TEXT, fontsize=10, va="center")
        series = series_of(queries, panel)
        if panel["type"] == "stat":
            axes = figure.add_axes([left + 0.004, top - height + 0.004, width - 0.008, height - 1 / rows])
            draw_stat(axes, panel, series)
            continue
        below = 1.2 + 0.42 * ((len(series) + 1) // 2 if len(series) > 2 else len(series))
        right = panel["options"]["legend"]["placement"] == "right"
        below, beside = (0.8, 0.2) if right else (below, 0)
        axes = figure.add_axes([left + 0.035, top - height + below / rows, width * (1 - beside) - 0.045,
                                height - (below + 1) / rows], facecolor=PANEL)
        draw_timeseries(axes, panel, series, queries, notes)
    figure.savefig(out, dpi=100, facecolor=BACKGROUND)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = pathlib.Path(__file__).resolve().parent.parent / "nixos/grafana/dashboards/autoscaling.json"
    parser.add_argument("prometheus", help="its address, such as http://127.0.0.1:9090")
    parser.add_argument("--dashboard", type=pathlib.Path, default=default)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--out", default="dashboard.png")
    options = parser.parse_args()
    queries = Queries(options.prometheus, options.minutes)
    try:
        draw(json.loads(options.dashboard.read_text()), queries, options.out)
    except urllib.error.URLError as error:
        parser.exit(1, f"{options.prometheus} does not answer: {error.reason}\n")
    print(options.out)
    return 1 if queries.failed else 0


if __name__ == "__main__":
    sys.exit(main())

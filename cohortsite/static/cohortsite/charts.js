// Draws every `[data-chart]` from the JSON in the script element that it names (components/chart.html).
(function () {
  "use strict";
  const drawn = new Map();

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const tone = (series) => css(`--chart-${series.tone || "1"}`);
  const faded = (colour) => `color-mix(in oklab, ${colour} 14%, transparent)`;
  const number = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en-US", { maximumSignificantDigits: 6 }));
  const told = (value, chart) => `${number(value)}${value === null || value === undefined ? "" : chart.unit || ""}`;

  function timeLabel(at, chart) {
    const day = { day: "numeric", month: "short", year: "numeric" };
    const options = chart.step >= 86400 ? day : { ...day, hour: "2-digit", minute: "2-digit", hour12: false };
    return new Date(at * 1000).toLocaleString("en-GB", { ...options, timeZone: chart.time_zone || "UTC" });
  }

  function axes(chart) {
    const common = { stroke: css("--text-subtle"), font: "12px Inter, sans-serif", ticks: { show: false } };
    const grid = { stroke: css("--line"), width: 1 };
    const day = { day: "numeric", month: "short" };
    const hour = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const say = (at, parts) => new Date(at * 1000).toLocaleString("en-GB", { ...parts, timeZone: chart.time_zone || "UTC" });
    const midnight = (at) => say(at, hour) === "00:00";
    const label = (at) => say(at, chart.step >= 86400 || midnight(at) ? day : hour);
    const isWhole = !chart.unit && [chart.band?.low, chart.band?.high, ...chart.series.map((series) => series.values)].flat().every((value) => !value || Number.isInteger(value));
    const tick = (value) => (isWhole && !Number.isInteger(value) ? "" : told(Math.abs(value), chart));
    return [
      { ...common, grid: { show: false }, space: 72, size: 30, values: (_, ticks) => ticks.map(label), splits: chart.kind === "bars" ? barTicks(chart) : timeTicks(chart) },
      { ...common, grid, size: (_, labels) => 14 + 8 * Math.max(1, ...(labels || []).map((label) => label.length)), space: 36, values: (_, ticks) => ticks.map(tick) },
    ];
  }

  // Every n-th bar gets a label, so that labels stand under bars and never on each other.
  function barTicks(chart) {
    return (plot) => {
      const every = Math.max(1, Math.ceil((chart.times.length * 72) / Math.max(plot.bbox.width / devicePixelRatio, 1)));
      return chart.times.filter((_, index) => index % every === 0);
    };
  }

  // Ticks of a line stand on whole minutes, hours and days of the chart's time zone.
  const TICKS = [60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2419200];

  function timeTicks(chart) {
    return (plot, _, low, high) => {
      const room = Math.max(plot.bbox.width / devicePixelRatio / 72, 1);
      const every = TICKS.find((step) => (high - low) / step <= room && (chart.step < 86400 || step >= 86400)) || TICKS.at(-1);
      const shift = zoneShift(low, chart.time_zone);
      const ticks = [];
      for (let at = Math.ceil((low + shift) / every) * every - shift; at <= high; at += every) ticks.push(at);
      return ticks;
    };
  }

  // Seconds by which clocks of the time zone are ahead of UTC.
  function zoneShift(at, zone) {
    const parts = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
    const said = new Date(at * 1000).toLocaleString("sv-SE", { ...parts, timeZone: zone || "UTC" });
    return Math.round(Date.parse(`${said.replace(" ", "T")}Z`) / 1000 - at);
  }

  function lineOf(series, chart) {
    const paths = chart.stepped ? uPlot.paths.stepped({ align: 1 }) : undefined;
    return { stroke: tone(series), width: 2, fill: chart.band ? undefined : faded(tone(series)), points: { show: false }, paths };
  }

  function barOf(series) {
    return { stroke: tone(series), fill: tone(series), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.7, 28], radius: 0.15 }) };
  }

  function range(chart) {
    return (_, low, high) => {
      const top = (high > 0 ? high : 1) * 1.08;
      const bottom = chart.series.some((series) => series.below) ? Math.min(low, -1) : Math.min(low, 0);
      return [bottom * 1.08, top];
    };
  }

  // --- What was expected, when it was off, and the moment that the chart is about ------------------

  const EDGES = ["low", "high"];

  function edgeOf(chart) {
    const paths = chart.stepped ? uPlot.paths.stepped({ align: 1 }) : undefined;
    return { stroke: css("--chart-expected"), width: 1.5, dash: [5, 4], points: { show: false }, paths };
  }

  // Filled only where both edges are known.
  function filled(band) {
    const both = (edge) => band[edge].map((value, index) => (band.low[index] === null || band.high[index] === null ? null : value));
    return EDGES.map(both);
  }

  function paint(plot, chart) {
    const { ctx, bbox } = plot;
    const across = (at) => plot.valToPos(at, "x", true);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const span of chart.spans || []) {
      const left = across(span.from);
      ctx.fillStyle = faded(tone(span));
      ctx.fillRect(left, bbox.top, Math.max(across(span.to) - left, 2 * devicePixelRatio), bbox.height);
    }
    ctx.restore();
  }

  function mark(plot, chart) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.lineWidth = 1.5 * devicePixelRatio;
    for (const each of chart.marks || []) {
      const left = plot.valToPos(each.at, "x", true);
      if (left < bbox.left || left > bbox.left + bbox.width) continue;
      ctx.strokeStyle = ctx.fillStyle = tone(each);
      ctx.beginPath();
      ctx.moveTo(left, bbox.top);
      ctx.lineTo(left, bbox.top + bbox.height);
      ctx.stroke();
      if (each.value === null || each.value === undefined) continue;
      ctx.beginPath();
      ctx.arc(left, plot.valToPos(each.value, "y", true), 5 * devicePixelRatio, 0, 2 * Math.PI);
      ctx.fill();
    }
    ctx.restore();
  }

  function expected(chart, index) {
    const [low, high] = EDGES.map((edge) => chart.band[edge][index]);
    if (low === null && high === null) return "";
    if (low === null) return `at most ${told(high, chart)}`;
    return high === null ? `at least ${told(low, chart)}` : `${told(low, chart)} to ${told(high, chart)}`;
  }

  // What the pointer is over, in words.
  function tooltip(chart) {
    let box;
    const line = (className, text) => {
      const made = document.createElement("p");
      made.className = className;
      made.textContent = text;
      return made;
    };
    return {
      hooks: {
        init: (plot) => {
          box = document.createElement("div");
          box.className = "chart-tooltip";
          box.hidden = true;
          plot.over.append(box);
          plot.over.addEventListener("mouseleave", () => (box.hidden = true));
        },
        setCursor: (plot) => {
          const index = plot.cursor.idx;
          box.hidden = index === null || index === undefined || plot.cursor.left < 0;
          if (box.hidden) return;
          box.replaceChildren(line("chart-tooltip-time", timeLabel(chart.times[index], chart)));
          for (const series of chart.series) {
            box.append(line(`chart-key chart-key-${series.tone || "1"}`, `${series.label} ${told(series.values[index], chart)}`));
          }
          if (chart.band && expected(chart, index)) box.append(line("chart-key chart-key-expected", `${chart.band.label} ${expected(chart, index)}`));
          const right = plot.cursor.left > plot.over.clientWidth / 2;
          box.style.left = `${right ? plot.cursor.left - box.offsetWidth - 12 : plot.cursor.left + 12}px`;
          box.style.top = "8px";
        },
      },
    };
  }

  function draw(host) {
    drawn.get(host)?.destroy();
    const chart = JSON.parse(document.getElementById(host.dataset.chart).textContent);
    const bars = chart.kind === "bars";
    const half = (chart.step || 3600) / 2;
    const columns = chart.series.map((series) => (series.below ? series.values.map((value) => (value === null ? null : -value)) : series.values));
    const edges = chart.band ? [...EDGES.map((edge) => chart.band[edge]), ...filled(chart.band)] : [];
    const first = columns.length + 1;
    const none = { stroke: "transparent", width: 0, points: { show: false } };
    const plot = new uPlot(
      {
        width: Math.max(host.clientWidth, 120),
        height: host.clientHeight,
        legend: { show: false },
        cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { show: !bars, size: 7 } },
        scales: { x: { time: false, range: bars ? (_, low, high) => [low - half, high + half] : undefined }, y: { range: range(chart) } },
        axes: axes(chart),
        series: [
          {},
          ...chart.series.map((each) => (bars ? barOf(each) : lineOf(each, chart))),
          ...(chart.band ? [edgeOf(chart), edgeOf(chart), none, none] : []),
        ],
        bands: chart.band ? [{ series: [first + 3, first + 2], fill: faded(css("--chart-expected")) }] : [],
        hooks: { drawClear: [(plot) => paint(plot, chart)], draw: [(plot) => mark(plot, chart)] },
        plugins: [tooltip(chart)],
      },
      [chart.times, ...columns, ...edges],
      host,
    );
    drawn.set(host, plot);
  }

  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      drawn.get(target)?.setSize({ width: Math.max(target.clientWidth, 120), height: target.clientHeight });
    }
  });

  function drawNew() {
    for (const host of [...drawn.keys()].filter((host) => !host.isConnected)) {
      drawn.get(host).destroy();
      drawn.delete(host);
    }
    for (const host of document.querySelectorAll("[data-chart]")) {
      if (drawn.has(host)) continue;
      draw(host);
      resized.observe(host);
    }
  }

  document.addEventListener("DOMContentLoaded", drawNew);
  document.addEventListener("htmx:afterSettle", drawNew);
  document.addEventListener("theme:changed", () => [...drawn.keys()].forEach(draw));
})();

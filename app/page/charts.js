// Charts drawn by uPlot in the page's colours. A text beside each chart says the same.

/* global uPlot */

import { secondsText } from "./time.js";

const cssColor = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Redraw when the colour scheme or the width changes. Returns a function that stops this. */
function redrawOnChange(element, draw) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let width = 0;
  const resizeObserver = new ResizeObserver(([entry]) => {
    const newWidth = Math.floor(entry.contentRect.width);
    if (newWidth !== width && newWidth > 0) {
      width = newWidth;
      draw();
    }
  });
  resizeObserver.observe(element);
  dark.addEventListener("change", draw);
  return () => {
    resizeObserver.disconnect();
    dark.removeEventListener("change", draw);
  };
}

function axis(side, more = {}) {
  return {
    side,
    stroke: cssColor("--muted"),
    font: "12px system-ui, sans-serif",
    grid: { show: false },
    ticks: { show: false },
    ...more,
  };
}

/** The number of events over time as bars. `inset` pixels at both ends stay free for the slider's handle. */
export function densityChart(element, inset) {
  let chart = null;
  let density = null;
  function draw() {
    chart?.destroy();
    chart = null;
    if (!density || element.clientWidth === 0) return;
    const start = Date.parse(density.from) / 1000;
    const times = density.counts.map((_, n) => start + (n + 0.5) * density.bucket_seconds);
    chart = new uPlot(options(start, Date.parse(density.to) / 1000), [times, density.counts.map(Math.sqrt)], element);
  }
  function options(from, to) {
    const time = axis(2, { size: 28, gap: 8, space: 90, values: (self, splits, _, space, step) => splits.map((at) => tickLabel(at, step, to - from)) });
    return {
      width: element.clientWidth,
      height: element.clientHeight,
      padding: [8, inset, 0, inset],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: true, range: [from, to] }, y: { range: (_, low, high) => [0, Math.max(1, high)] } },
      axes: [time, { show: false }],
      series: [{}, { fill: cssColor("--bars"), stroke: "transparent", width: 0, paths: uPlot.paths.bars({ size: [0.72, 40], radius: 0.25 }), points: { show: false } }],
    };
  }
  const stop = redrawOnChange(element, draw);
  return {
    show(given) {
      density = given;
      draw();
    },
    close() {
      stop();
      chart?.destroy();
    },
  };
}

function tickLabel(at, step, span) {
  const date = new Date(at * 1000);
  if (step >= 28 * 86400) {
    return date.toLocaleDateString(undefined, date.getMonth() === 0 ? { year: "numeric" } : { month: "short" });
  }
  if (step >= 86400) return date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
  return date.toLocaleTimeString(undefined, span > 600 ? { timeStyle: "short" } : { timeStyle: "medium" });
}

/** Lag over the last minutes: seconds as a filled line, events as a dashed line with its own scale. */
export function lagChart(element, windowSeconds) {
  let chart = null;
  let samples = [[], [], []];
  function draw() {
    chart?.destroy();
    chart = element.clientWidth ? new uPlot(options(), samples, element) : null;
  }
  const atLeast = (least) => (_, low, high) => [0, Math.max(least, high ?? 0)];
  function options() {
    const behind = axis(3, { scale: "s", size: 58, space: 28, grid: { show: true, stroke: cssColor("--line"), width: 1 }, values: (_, ticks) => ticks.map(secondsText) });
    const events = axis(1, { scale: "n", size: 40, space: 28, values: (_, ticks) => ticks.map((one) => (Number.isInteger(one) ? one : "")) });
    const range = () => {
      const last = samples[0].at(-1) ?? Date.now() / 1000;
      return [last - windowSeconds, last];
    };
    return {
      width: element.clientWidth,
      height: element.clientHeight,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: true, range }, s: { range: atLeast(1) }, n: { range: atLeast(10) } },
      axes: [axis(2, { size: 26, space: 50, incrs: [60, 120, 300], values: (_, ticks) => ticks.map((at) => tickLabel(at, 1, 9999)) }), behind, events],
      series: [
        {},
        { scale: "s", stroke: cssColor("--accent"), fill: cssColor("--accent-soft"), width: 2, points: { show: false } },
        { scale: "n", stroke: cssColor("--muted"), width: 1, dash: [4, 4], points: { show: false } },
      ],
    };
  }
  const stop = redrawOnChange(element, draw);
  return {
    show(given) {
      samples = given;
      chart?.setData(samples);
    },
    close() {
      stop();
      chart?.destroy();
    },
  };
}

// Draws the charts of the analytics page. What they show stands in the page's tables as well.

const language = document.body.dataset.language || "en";
const data = JSON.parse(document.querySelector("[data-charts]")?.dataset.charts ?? "null");
const days = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: "UTC" });
const wholeDays = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" });
const short = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
const exact = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });
const DASHES = [[], [6, 4], [2, 3]];
const HEIGHT = 240;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function seconds(value) {
  if (value < 1) return `${exact.format(Math.round(value * 1000))} ms`;
  if (value < 120) return `${exact.format(value)} s`;
  return `${exact.format(value / 60)} min`;
}

const WRITE = {
  number: { axis: (value) => short.format(value), legend: (value) => exact.format(value) },
  people: { axis: (value) => short.format(value), legend: (value) => exact.format(value) },
  share: { axis: (value) => percent.format(value), legend: (value) => percent.format(value) },
  seconds: { axis: seconds, legend: seconds },
};

function line(one, number, unit) {
  return {
    label: one.name,
    stroke: colour(`--line-${(number % 8) + 1}`),
    dash: DASHES[number % DASHES.length],
    width: 2,
    // A day alone between days without any would be no line.
    points: { show: data.x.length < 40, size: 5 },
    value: (_, value) => (value == null ? "–" : WRITE[unit].legend(value)),
  };
}

function axes(unit) {
  const common = {
    stroke: colour("--soft"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1 },
  };
  return [
    { ...common, values: (_, ticks) => ticks.map((at) => days.format(at * 1000)), space: 70 },
    { ...common, values: (_, ticks) => ticks.map(WRITE[unit].axis), size: 64 },
  ];
}

function options(chart, width) {
  return {
    width,
    height: HEIGHT,
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
    scales: {
      x: { time: true },
      y: { range: (_, low, high) => [0, chart.unit === "share" ? 1 : Math.max(high, 0) * 1.05 || 1] },
    },
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    series: [
      { value: (_, at) => (at == null ? "–" : wholeDays.format(at * 1000)), label: data.begins },
      ...chart.lines.map((one, number) => line(one, number, chart.unit)),
    ],
    axes: axes(chart.unit),
  };
}

const drawn = new Map();

function draw(figure) {
  const chart = data.charts.find((one) => one.name === figure.dataset.chart);
  const place = figure.querySelector(".plot");
  drawn.get(figure)?.destroy();
  place.replaceChildren();
  const columns = [data.x, ...chart.lines.map((one) => one.values)];
  drawn.set(figure, new uPlot(options(chart, place.clientWidth), columns, place));
}

const resized = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const plot = drawn.get(target.closest("[data-chart]"));
    if (plot && Math.abs(plot.width - contentRect.width) > 1) {
      plot.setSize({ width: contentRect.width, height: HEIGHT });
    }
  }
});

function drawAll() {
  for (const figure of document.querySelectorAll("[data-chart]")) {
    draw(figure);
    resized.observe(figure.querySelector(".plot"));
  }
}

if (data) {
  drawAll();
  // Colours are drawn, not styled: in the dark they are drawn anew.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
}

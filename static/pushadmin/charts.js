// Charts of our own on the shell's Chart.js. A canvas names a json_script with
// {labels: [...], series: [{label, values, kind, stack}]}; the table beside it says the same.
(() => {
  "use strict";

  const KINDS = {
    sent: { light: "#1d4ed8", dark: "#60a5fa", dash: [] },
    delivered: { light: "#047857", dark: "#34d399", dash: [7, 4] },
    opened: { light: "#b45309", dark: "#fbbf24", dash: [2, 3] },
    failed: { light: "#b91c1c", dark: "#f87171", dash: [8, 3, 2, 3] },
  };
  const drawn = new Map();

  const isDark = () => document.documentElement.classList.contains("dark");
  const inks = () => (isDark() ? { text: "#cbd5e1", line: "#334155" } : { text: "#475569", line: "#e2e8f0" });

  // Bars are told apart without colour as well: what failed is hatched.
  function hatch(ink) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    const pen = tile.getContext("2d");
    pen.strokeStyle = ink;
    pen.lineWidth = 2;
    pen.beginPath();
    for (const shift of [-6, 0, 6]) { pen.moveTo(shift, 6); pen.lineTo(shift + 6, 0); }
    pen.stroke();
    return pen.createPattern(tile, "repeat");
  }

  // A line through one point is none: few values are dots, however long the axis is.
  const count = (values) => values.filter((value) => value !== null).length;

  function paintSeries(series, isBar) {
    const kind = KINDS[series.kind] || KINDS.sent;
    const ink = isDark() ? kind.dark : kind.light;
    return {
      label: series.label, data: series.values, borderColor: ink,
      backgroundColor: !isBar ? ink + "22" : series.kind === "sent" ? ink : hatch(ink), borderDash: isBar ? [] : kind.dash,
      borderWidth: !isBar ? 2 : series.kind === "sent" ? 0 : 1, borderRadius: 3, pointRadius: count(series.values) > 20 ? 0 : 2,
      pointHoverRadius: 4, tension: 0.3, spanGaps: false, fill: false,
    };
  }

  function describe(canvas, data) {
    const ink = inks();
    const isBar = canvas.dataset.paChart === "bar";
    const axis = { border: { display: false }, ticks: { color: ink.text } };
    return {
      type: isBar ? "bar" : "line",
      data: { labels: data.labels, datasets: data.series.map((series) => paintSeries(series, isBar)) },
      options: {
        responsive: true, maintainAspectRatio: false, animation: false,
        interaction: { mode: "index", intersect: false },
        plugins: { legend: { position: "bottom", labels: { color: ink.text, usePointStyle: !isBar, boxWidth: 14, pointStyle: "line" } } },
        scales: {
          x: { ...axis, grid: { display: false }, ticks: { color: ink.text, maxRotation: 0, autoSkipPadding: 12 } },
          y: { ...axis, beginAtZero: true, grid: { color: ink.line }, ticks: { color: ink.text, precision: 0, maxTicksLimit: 6 } },
        },
      },
    };
  }

  function draw(canvas) {
    const source = document.getElementById(canvas.dataset.paSource);
    if (!source) return;
    drawn.get(canvas)?.destroy();
    drawn.set(canvas, new Chart(canvas, describe(canvas, JSON.parse(source.textContent))));
  }

  const drawAll = () => document.querySelectorAll("canvas[data-pa-chart]").forEach(draw);

  // What a page fetches later may hold charts too.
  document.addEventListener("htmx:afterSwap", (event) => {
    event.detail.target.querySelectorAll("canvas[data-pa-chart]").forEach(draw);
  });
  document.addEventListener("DOMContentLoaded", () => {
    drawAll();
    new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["class"] });
  });
})();

// Draws each plot from the table behind it, in the colours of the theme, as wide as there is room.
"use strict";
(() => {
  if (typeof uPlot === "undefined") return;
  const root = document.documentElement;
  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const HEIGHT = 172;
  const steps = [1, 2, 5].flatMap((one) => [1, 10, 100, 1e3, 1e4, 1e5, 1e6].map((size) => one * size)).sort((a, b) => a - b);

  const read = (section) => {
    const heads = [...section.querySelectorAll("thead th")].slice(1);
    const rows = [...section.querySelectorAll("tbody tr")];
    const drawn = heads.map((head, place) => ({ name: head.textContent, tone: head.dataset.tone, place })).filter((one) => one.tone);
    const cells = rows.map((row) => [...row.querySelectorAll("td")]);
    return {
      labels: rows.map((row) => row.querySelector("th").dataset.label),
      columns: drawn.map((one) => ({
        ...one,
        values: cells.map((row) => (row[one.place].dataset.value === "" ? null : Number(row[one.place].dataset.value))),
        texts: cells.map((row) => row[one.place].textContent),
      })),
    };
  };

  const draw = (section, place) => {
    const { labels, columns } = read(section);
    const bars = section.dataset.plot === "bars";
    const reading = section.querySelector("[data-reading]");
    // One bar on the other: the whole is drawn first, and what lies below it in front.
    const order = bars ? [...columns.keys()].reverse() : [...columns.keys()];
    const height = (at, row) => (bars ? (columns[at].values[row] ? columns.slice(0, at + 1).reduce((sum, one) => sum + (one.values[row] || 0), 0) : null) : columns[at].values[row]);
    const data = [labels.map((_, row) => row), ...order.map((at) => labels.map((_, row) => height(at, row)))];
    const few = labels.length < 8;
    const font = `12px ${colour("sans")}`;
    const axis = { stroke: colour("ink-soft"), font, ticks: { show: false }, grid: { stroke: colour("line"), width: 1 } };
    const series = order.map((at) => {
      const tone = colour(columns[at].tone);
      if (!bars) return { stroke: tone, width: 2, dash: at ? [6, 4] : undefined, spanGaps: true, points: { show: true, size: 5, fill: tone } };
      // A second one is hollow, so that it is told apart without its colour.
      return { stroke: tone, width: at ? 1.5 : 0, fill: at ? colour("sheet") : tone, paths: uPlot.paths.bars({ size: [few ? 0.55 : 0.7, 60] }), points: { show: false } };
    });
    return new uPlot({
      width: place.clientWidth || 300,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: !bars } },
      scales: { x: { time: false, range: [-0.6, labels.length - 0.4] }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.08 || 1)] } },
      axes: [
        { ...axis, size: 26, gap: 4, grid: { show: false }, incrs: [1, 2, 3, 4, 6, 7, 8, 12], space: few ? 54 : 62, values: (_, at) => at.map((row) => (Number.isInteger(row) ? labels[row] ?? "" : "")) },
        { ...axis, size: (_, values) => 14 + 8 * Math.max(2, ...(values || []).map((one) => String(one).length)), gap: 4, incrs: steps, space: 34, values: (_, at) => at.map((one) => one.toLocaleString(root.lang || undefined)) },
      ],
      series: [{}, ...series],
      hooks: {
        setCursor: [(plot) => {
          const row = plot.cursor.idx;
          reading.textContent = row == null || labels[row] === undefined ? "" : `${labels[row]}: ${columns.map((one) => one.texts[row]).join(" / ")}`;
        }],
      },
    }, data, place);
  };

  const plots = [];
  for (const section of document.querySelectorAll("[data-plot]")) {
    const place = section.querySelector("[data-canvas]");
    place.hidden = false;
    plots.push({ section, place, plot: draw(section, place) });
  }
  const again = () => { for (const one of plots) { one.plot.destroy(); one.plot = draw(one.section, one.place); } };
  const sizes = new ResizeObserver((entries) => {
    for (const entry of entries) {
      const one = plots.find((known) => known.place === entry.target);
      const width = Math.floor(entry.contentRect.width);
      if (one && width && width !== one.plot.width) one.plot.setSize({ width, height: HEIGHT });
    }
  });
  for (const one of plots) sizes.observe(one.place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  new MutationObserver(again).observe(root, { attributes: true, attributeFilter: ["data-theme"] });
})();

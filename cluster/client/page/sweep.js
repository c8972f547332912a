// SPDX-License-Identifier: MIT
// A sweep: its metrics and figures, by grid point; policies that were compared.

// Half the 95 % interval of a mean; t of 1.96 is right from some hundred values on.
const halfWidth = (m) => (m.count > 1 ? 1.96 * m.sd / Math.sqrt(m.count) : null);

// Millionths of a dollar are shown in dollars.
const isMoney = (name) => name.endsWith("_uusd");
const readable = (name) => (isMoney(name) ? `${name.slice(0, -5)}, $` : name).replaceAll("_", " ");
const unitOf = (name) => (isMoney(name) ? 1e-6 : 1);
const times = (x, k) => (isNumber(x) ? x * k : x);
const inUnits = (name, m) => (unitOf(name) === 1 ? m : Object.fromEntries(Object.entries(m).map(
  ([k, v]) => [k, k === "count" ? v : times(v, 1e-6)])));

function metricsTable(metrics) {
  const rows = Object.entries(metrics).map(([name, m]) => [readable(name), inUnits(name, m)]);
  return table([["metric", (r) => r[0]], ["count", (r) => r[1].count, "n"],
    ["mean", (r) => r[1].mean, "n"], ["± 95 %", (r) => halfWidth(r[1]), "n"],
    ["sd", (r) => r[1].sd, "n"], ["min", (r) => r[1].min, "n"], ["p05", (r) => r[1].p05, "n"],
    ["p50", (r) => r[1].p50, "n"], ["p95", (r) => r[1].p95, "n"], ["max", (r) => r[1].max, "n"]],
  rows.map(([k, v]) => [k, v]), { "data-table": "metrics" });
}
function rowsHistograms(rows) {
  const names = Object.keys(rows.find((r) => r.metrics)?.metrics || {});
  const cells = names.map((name) => {
    const values = rows.map((r) => r.metrics && r.metrics[name]).filter(isNumber);
    if (new Set(values).size < 2)
      return null;
    const h = histogram(values, Math.min(40, Math.max(8, Math.round(Math.sqrt(values.length)))));
    const p = plot({ label: name, scale: scale(h.edges, { tight: true }) },
      { label: "items", scale: scale(h.counts, { low: 0 }) }, { w: 440, h: 230 });
    bars(p, h.edges, h.counts);
    return el("div", { "data-histogram": name }, p.node);
  }).filter(Boolean);
  if (cells.length)
    section("Distributions", `Of the items' metrics.${cutNote("rows.jsonl")}`,
      el("div", { class: "row" }, cells));
}

// Numbers of a grid point by name: means, figures, sums; with the half width where known.
function quantities(point) {
  const all = {};
  for (const [name, m] of Object.entries(point.metrics || {}))
    if (isNumber(m.mean))
      all[name] = { y: m.mean, half: halfWidth(m) };
  for (const [name, x] of Object.entries(point.figures || {}))
    if (isNumber(x) && !/_(ci99|se)$/.test(name))
      all[name] = { y: x, half: point.figures[`${name}_ci99`] ?? null };
  return all;
}
// One quantity over the first parameter with most values, a line for each of the rest.
function pointsPlot(points, name) {
  const keys = Object.keys(points[0].params);
  const values = (k) => [...new Set(points.map((p) => JSON.stringify(p.params[k])))];
  const along = keys.reduce((a, b) => (values(b).length > values(a).length ? b : a));
  const names = values(along).map((v) => JSON.parse(v));
  const numeric = names.every(isNumber);
  const groups = new Map();
  for (const p of points) {
    const key = keys.filter((k) => k !== along).map((k) => `${k} ${show(p.params[k])}`).join(", ");
    groups.set(key, [...(groups.get(key) || []), p]);
  }
  const spread = points.flatMap((p) => {
    const q = quantities(p)[name];
    return q ? [q.y - (q.half || 0), q.y + (q.half || 0)] : [];
  });
  const xOf = (p) => (numeric ? p.params[along] : names.indexOf(p.params[along]));
  const x = scale(numeric ? names : names.map((_, i) => i), {});
  const p = plot({ label: along, scale: x, names: numeric ? null : names.map(show) },
    { label: name.replaceAll("_", " "), scale: scale(spread) }, { w: 760, h: 320 });
  [...groups.values()].forEach((group, i) => {
    const colour = colours[i % colours.length];
    const known = group.filter((g) => quantities(g)[name]);
    line(p, known.map((g) => [xOf(g), quantities(g)[name].y]), { stroke: colour });
    for (const g of known) {
      const q = quantities(g)[name];
      if (q.half)
        interval(p, xOf(g), q.y - q.half, q.y + q.half, colour);
      dot(p, xOf(g), q.y, { fill: colour, r: 3.5, "data-value": q.y },
        `${keys.map((k) => `${k}: ${show(g.params[k])}`).join("\n")}\n${show(q.y)}`);
    }
  });
  return el("div", {}, groups.size > 1 ? legend([...groups.keys()]) : null, p.node);
}
function gridSection(points) {
  const keys = Object.keys(points[0].params);
  const names = Object.keys(quantities(points[0]));
  if (!names.length)
    return;
  const first = names.includes("mean_satisfaction") ? "mean_satisfaction" : names[0];
  const hole = el("div", { "data-plot": "points" }, pointsPlot(points, first));
  section("Over the grid", "Bars are intervals: 95 % of a mean, 99 % of a figure.",
    el("div", { class: "controls" }, choice("show", names, first,
      (name) => hole.replaceChildren(pointsPlot(points, name)))), hole,
    table([...keys.map((k) => [k, (p) => p.params[k]]),
      ...names.map((n) => [n.replaceAll("_", " "), (p) => quantities(p)[n]?.y, "n"])],
    points.slice(0, 400), { "data-table": "points" }));
}
// Sums that are lists: counts of whole numbers, one outline a point.
function totalsHistograms(points) {
  for (const name of Object.keys(points[0].totals || {})) {
    if (!Array.isArray(points[0].totals[name]))
      continue;
    const few = points.slice(0, colours.length);
    const rows = few.map((p) => p.totals[name].map(toNumber));
    const size = Math.max(...rows.map((r) => r.findLastIndex((x) => x > 0))) + 1;
    const p = plot({ label: name.replaceAll("_", " "), scale: scale([0, size], { tight: true }) },
      { label: "count", scale: scale(rows.flat(), { low: 0 }) });
    rows.forEach((r, i) => line(p, r.slice(0, size).map((y, x) => [x, y]),
      { stroke: colours[i], "stroke-width": 1.8 }));
    section(`Distribution: ${name.replaceAll("_", " ")}`, null, legend(few.map((q) =>
      Object.entries(q.params || {}).map(([k, v]) => `${k} ${show(v)}`).join(", ") || "all")), p.node);
  }
}

// ---- policies on common random numbers ---------------------------------------------
// By metric; profit first, if there is any.
function compareSection(all) {
  const known = Object.keys(all).filter((k) => all[k].policies);
  if (!known.length)
    return;
  const first = known.find((k) => k.startsWith("profit")) || known[0];
  const hole = el("div", {}, compareView(first, all[first]));
  section("Comparison", "The same items for all: means with 95 % intervals (t); paired "
    + "differences, p-values corrected after Holm.",
  el("div", { class: "controls" }, choice("metric", known, first,
    (name) => hole.replaceChildren(compareView(name, all[name])))), hole);
}
function compareView(metric, compare) {
  const names = Object.keys(compare.policies || {}), k = unitOf(metric);
  const rows = names.map((name) => {
    const m = compare.policies[name];
    return { name, mean: m.mean * k, sd: times(m.sd, k), half_95: (m.half_95 || 0) * k };
  });
  const ends = rows.flatMap((r) => [r.mean - r.half_95, r.mean + r.half_95]);
  const p = plot({ label: readable(metric), scale: scale(ends) },
    { label: "", scale: { of: (i) => 1 - (i + 0.5) / rows.length, ticks: [] } },
    { w: 760, h: 60 + 34 * rows.length });
  rows.forEach((r, i) => {
    const y = p.py(i), colour = colours[i % colours.length];
    p.layer.append(svg("line", { x1: p.px(r.mean - r.half_95), x2: p.px(r.mean + r.half_95),
      y1: y, y2: y, stroke: colour, "stroke-width": 3, "stroke-linecap": "round" }),
    svg("text", { x: p.px(r.mean), y: y - 9, "text-anchor": "middle", class: "strong" }, r.name));
    dot(p, r.mean, i, { r: 5, fill: colour, "data-value": r.mean }, `${r.name}: ${show(r.mean)}`);
  });
  return el("div", {}, p.node,
  table([["policy", (r) => r.name], ["mean", (r) => r.mean, "n"],
    ["± 95 %", (r) => r.half_95, "n"], ["sd", (r) => r.sd, "n"]], rows,
  { "data-table": "policies" }), el("h3", {}, "Pairs"),
  table([["pair", (r) => `${r.a} − ${r.b}`], ["difference", (r) => times(r.difference, k), "n"],
    ["± 95 %", (r) => times(r.half_95, k), "n"], ["d_z", (r) => r.d_z, "n"],
    ["paired t, Holm", (r) => pValue(r.t_p_holm), "n"],
    ["Wilcoxon, Holm", (r) => pValue(r.wilcoxon_p_holm), "n"]], compare.pairs || [],
  { "data-table": "pairs" }),
  compare.friedman ? el("p", { class: "note" },
    `All together: Friedman p ${pValue(compare.friedman.p)}, Kruskal–Wallis p `
    + `${pValue(compare.kruskal_wallis.p)}.`) : null);
}

function sweepReport() {
  const rows = lines("rows.jsonl");
  const points = Array.isArray(result.points) ? result.points : lines("points.jsonl");
  if (stats.compare)
    compareSection(stats.compare);
  for (const [name, p] of Object.entries(result.policies || {}))
    if (p.metrics)
      section(`Policy ${name}`, p.trace_digest ? `trace digest ${p.trace_digest}` : null,
        metricsTable(p.metrics));
  if (result.metrics && Object.keys(result.metrics).length)
    section("Metrics", null, metricsTable(result.metrics));
  if (points.length) {
    gridSection(points);
    totalsHistograms(points);
  }
  if (result.totals)
    totalsHistograms([result]);
  const figures = result.figures || result.pooled?.figures;
  if (figures)
    section(result.pooled ? "All points together" : "Figures", null, pairs(figures));
  if (rows.length)
    rowsHistograms(rows);
}

// SPDX-License-Identifier: MIT
// A search: how it converged, what it found, which parameters mattered.

// Goals: [{metric, sign}], loss = sign * metric.  Without the job file they are guessed from
// the direction in which the curve goes.
function goalsOf() {
  const list = data.spec && data.spec.objectives;
  if (Array.isArray(list))
    return list.map((o) => ({ metric: o.metric, sign: o.goal === "maximize" ? -1 : 1 }));
  const first = result.best || (result.front || [])[0];
  const curve = stats.curve || [];
  const up = curve.length > 1 && curve[curve.length - 1][1] > curve[0][1];
  return Object.keys(first?.metrics || {}).slice(0, result.front ? 9 : 1)
    .map((metric) => ({ metric, sign: up ? -1 : 1 }));
}
// One column a scalar parameter; short lists are taken apart.
function columnsOf(trials) {
  const columns = new Map();
  const put = (name, i, value) => {
    if (!columns.has(name))
      columns.set(name, { name, values: new Array(trials.length).fill(null) });
    columns.get(name).values[i] = value;
  };
  trials.forEach((t, i) => {
    for (const [name, v] of Object.entries(t.params))
      if (Array.isArray(v))
        v.slice(0, 12).forEach((x, k) => put(`${name}[${k}]`, i, x));
      else
        put(name, i, v);
  });
  return [...columns.values()];
}

function convergence(trials, goal) {
  const good = trials.filter((t) => t.state === "ok" && isNumber(t.metrics?.[goal.metric]));
  const values = good.map((t) => t.metrics[goal.metric]);
  const best = [];
  for (const t of good) {
    const x = t.metrics[goal.metric];
    if (!best.length || goal.sign * x < goal.sign * best[best.length - 1][1])
      best.push([t.trial, x]);
  }
  if (good.length)
    best.push([good[good.length - 1].trial, best[best.length - 1][1]]);
  const sorted = [...values].sort((a, b) => goal.sign * (a - b));
  const worst = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.97))];
  const draw = (kind) => {
    const log = kind === "log";
    const inside = values.filter((x) => goal.sign * (x - worst) <= 0);
    const s = scale(inside, { log });
    const p = plot({ label: "trial", scale: scale([0, trials.length], { tight: true }) },
      { label: goal.metric, scale: s }, { w: 1100, h: 340 });
    const step = Math.max(1, Math.ceil(good.length / 4000));
    good.forEach((t, i) => {
      const x = t.metrics[goal.metric];
      if (i % step === 0 && goal.sign * (x - worst) <= 0)
        dot(p, t.trial, x, { r: 2.2, fill: "var(--faint)" }, `trial ${t.trial}: ${show(x)}`);
    });
    line(p, best.filter(([, y]) => goal.sign * (y - worst) <= 0), { "data-best": best.at(-1)?.[1] }, true);
    return p.node;
  };
  const hole = el("div", { "data-plot": "convergence" }, draw("linear"));
  section("Convergence", `Every trial's ${goal.metric}, and the best so far.${cutNote("history.jsonl")}`,
    values.every((x) => x > 0) ? el("div", { class: "controls" }, choice("scale", ["linear", "log"],
      "linear", (k) => hole.replaceChildren(draw(k)))) : null, hole);
}

function frontSection(trials, goals) {
  const good = trials.filter((t) => t.state === "ok");
  const losses = good.map((t) => goals.map((g) => g.sign * t.metrics[g.metric]));
  const [gx, gy] = goals;
  const best = front(losses).map((i) => good[i]);
  const at = (t, g) => t.metrics[g.metric];
  const p = plot({ label: gx.metric, scale: scale(good.map((t) => at(t, gx))) },
    { label: gy.metric, scale: scale(good.map((t) => at(t, gy))) }, { w: 560, h: 400 });
  for (const t of good.slice(0, 5000))
    dot(p, at(t, gx), at(t, gy), { r: 2.2, fill: "var(--faint)" });
  if (goals.length === 2)
    line(p, best.map((t) => [at(t, gx), at(t, gy)]), { stroke: colours[1], "stroke-width": 1.2 }, true);
  for (const t of best)
    dot(p, at(t, gx), at(t, gy), { r: 4, fill: colours[1], "data-trial": t.trial },
      `trial ${t.trial}\n${goals.map((g) => `${g.metric}: ${show(at(t, g))}`).join("\n")}`);
  section("Pareto front", `${best.length} of ${good.length} trials are dominated by none.`,
    el("div", { class: "row" }, el("div", { "data-plot": "front", "data-size": best.length }, p.node),
      goals.length === 2 ? volumePlot(good, losses) : null));
  return best;
}
// The hypervolume over the trials, to the worst of each loss among all.
function volumePlot(good, losses) {
  const reference = [0, 1].map((k) => losses.reduce((m, l) => Math.max(m, l[k]), -Infinity));
  const curve = [], kept = [];
  losses.forEach((l, i) => {
    if (kept.some((k) => dominates(k, l)))
      return;
    kept.push(l);
    curve.push([good[i].trial, hypervolume2(kept, reference)]);
  });
  curve.push([good.at(-1).trial, curve.at(-1)[1]]);
  const p = plot({ label: "trial", scale: scale([0, good.at(-1).trial], { tight: true }) },
    { label: "hypervolume", scale: scale(curve.map((c) => c[1]), { low: 0 }) }, { w: 560, h: 400 });
  line(p, curve, { stroke: colours[2], "data-hypervolume": curve.at(-1)[1] }, true);
  return el("div", { "data-plot": "hypervolume" }, p.node);
}

function importanceSection(columns, objectives) {
  const blocks = objectives.map((o) => {
    const shares = importance(columns, o.losses);
    const rows = columns.map((c, i) => ({ name: c.name, share: shares[i] }))
      .sort((a, b) => b.share - a.share).slice(0, 16);
    return el("div", {}, objectives.length > 1 ? el("h3", {}, o.metric) : null,
      table([["parameter", (r) => r.name], ["", (r) => el("div", {
        style: `height:11px;border-radius:3px;background:${colours[0]};width:${Math.round(r.share * 260)}px` })],
      ["share", (r) => Number(r.share.toFixed(4)), "n"]], rows, { "data-table": "importance" }));
  });
  section("Importance", "How differently the best tenth of the trials is distributed from all "
    + "(PED-ANOVA); shares of one.", el("div", { class: "row" }, blocks));
  if (objectives.length > 1)
    section("Trade-offs", "Rank correlation of each parameter with each objective's loss: one that "
      + "makes one better and another worse is a trade-off point, one that moves some a sensitivity point.",
    table([["parameter", (r) => r.name],
      ...objectives.map((o, k) => [o.metric, (r) => Number(r.rho[k].toFixed(3)), "n"]),
      ["", (r) => r.kind]], pointsOf(columns, objectives), { "data-table": "trade-offs" }));
}

function searchReport() {
  const trials = lines("history.jsonl");
  const goals = goalsOf();
  if (result.best)
    section("Best", `Trial ${result.best.trial}.`, el("div", { class: "row" },
      el("div", {}, el("h3", {}, "metrics"), pairs(result.best.metrics)),
      el("div", {}, el("h3", {}, "parameters"), pairs(result.best.params))));
  if (!trials.length || !goals.length)
    return;
  let marked = result.best ? [result.best] : [];
  if (goals.length === 1)
    convergence(trials, goals[0]);
  else
    marked = frontSection(trials, goals);
  const good = trials.filter((t) => t.state === "ok" && goals.every((g) => isNumber(t.metrics[g.metric])));
  if (good.length < 5)
    return;
  const columns = columnsOf(good);
  const objectives = goals.map((g) => ({ ...g, losses: good.map((t) => g.sign * t.metrics[g.metric]) }));
  parallel(good, columns, objectives, new Set(marked.map((t) => t.trial)));
  importanceSection(columns, objectives);
}

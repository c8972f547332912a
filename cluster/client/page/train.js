// SPDX-License-Identifier: MIT
// Training: every number of the learning curve over its steps, and the evaluation.
function curveOf() {
  for (const list of [result.curve, stats.curve, lines("curve.jsonl")])
    if (Array.isArray(list) && list.length && list[0] && typeof list[0] === "object"
        && !Array.isArray(list[0]))
      return list;
  return [];
}

function trainReport() {
  const curve = curveOf();
  const names = curve.length ? Object.keys(curve[0]).filter((k) => isNumber(curve[0][k])) : [];
  const along = ["step", "steps", "update", "iteration", "episode"].find((k) => names.includes(k));
  const x = (row, i) => (along ? row[along] : i);
  const cells = names.filter((n) => n !== along).map((name) => {
    const points = curve.map((row, i) => [x(row, i), row[name]]).filter((q) => isNumber(q[1]));
    const p = plot({ label: along || "entry", scale: scale(points.map((q) => q[0]), { tight: true }) },
      { label: name.replaceAll("_", " "), scale: scale(points.map((q) => q[1])) }, { w: 460, h: 250 });
    line(p, points, { "data-last": points.at(-1)?.[1] });
    return el("div", { "data-curve": name }, p.node);
  });
  if (cells.length)
    section("Learning curves", null, el("div", { class: "row" }, cells));
  const evaluation = result.evaluation;
  if (stats.compare)
    compareSection(stats.compare);
  if (evaluation?.metrics)
    section("Evaluation", isNumber(evaluation.items) ? `${evaluation.items} items` : null,
      metricsTable(evaluation.metrics));
  else if (evaluation)
    section("Evaluation", null, pairs(evaluation));
}

// SPDX-License-Identifier: MIT
// Parallel coordinates: an axis a parameter and an objective, a line a trial.  Dragging
// along an axis keeps the trials of that range.

// To [0, 1]; texts stand evenly.
function axisOf(name, values) {
  const texts = values.filter((v) => v !== null && !isNumber(v));
  if (texts.length) {
    const kinds = [...new Set(values.filter((v) => v !== null).map(String))].sort();
    return { name, values, labels: kinds,
      of: (v) => (v === null ? null : (kinds.indexOf(String(v)) + 0.5) / kinds.length) };
  }
  const known = values.filter(isNumber);
  const log = known.every((v) => v > 0) && Math.max(...known) / Math.min(...known) > 300;
  const s = scale(known, { tight: true, log });
  return { name, values, ends: [s.low, s.high], of: (v) => (v === null ? null : s.of(v)) };
}

function parallel(trials, columns, objectives, marked) {
  const lineMax = 700, axisMax = 14;
  const axes = [...columns.slice(0, axisMax).map((c) => axisOf(c.name, c.values)),
    ...objectives.map((o) => axisOf(o.metric, trials.map((t) => t.metrics[o.metric])))];
  const w = 1100, h = 380, top = 40, bottom = h - 30;
  const x = (k) => 40 + k * (w - 80) / Math.max(1, axes.length - 1);
  const y = (share) => bottom - share * (bottom - top);
  const order = trials.map((_, i) => i)
    .sort((a, b) => objectives[0].losses[b] - objectives[0].losses[a]);
  const place = new Map(order.map((i, k) => [i, k / Math.max(1, order.length - 1)]));
  const step = Math.max(1, Math.ceil(order.length / lineMax));
  const node = svg("svg", { viewBox: `0 0 ${w} ${h}` });
  const drawn = [];
  order.forEach((i, k) => {
    const isMarked = marked.has(trials[i].trial);
    if (k % step && !isMarked && k < order.length - 20)
      return;
    let d = "", pen = "M";
    axes.forEach((axis, a) => {
      const share = axis.of(axis.values[i]);
      if (share === null || !isNumber(share)) {
        pen = "M";
        return;
      }
      d += `${pen}${x(a).toFixed(1)} ${y(share).toFixed(1)}`;
      pen = "L";
    });
    const good = place.get(i);
    const path = svg("path", { d, fill: "none", stroke: isMarked ? colours[1]
      : `hsl(217 ${15 + 70 * good}% ${74 - 24 * good}%)`,
    "stroke-width": isMarked ? 1.8 : 1, opacity: isMarked ? 1 : 0.25 + 0.45 * good });
    drawn.push({ i, path });
    node.append(hover(path, `trial ${trials[i].trial}\n` + objectives.map((o) =>
      `${o.metric}: ${show(trials[i].metrics[o.metric])}`).join("\n")));
  });
  axes.forEach((axis, a) => {
    node.append(svg("line", { class: "axis", x1: x(a), x2: x(a), y1: top, y2: bottom }),
      svg("text", { x: x(a), y: top - 20, "text-anchor": "middle", class: "strong" }, axis.name));
    const labels = axis.labels ? axis.labels.slice(0, 12).map((t) => [t, axis.of(t)])
      : [[show(Number(axis.ends[0].toPrecision(3))), 0], [show(Number(axis.ends[1].toPrecision(3))), 1]];
    for (const [text, share] of labels)
      node.append(svg("text", { x: x(a) + (axis.labels ? 5 : 0), "text-anchor": axis.labels ? "start" : "middle",
        y: axis.labels ? y(share) + 4 : share ? top - 5 : bottom + 15 }, text));
  });
  brushes(node, axes, drawn, { x, y, top, bottom });
  section("Parallel coordinates", "A line is a trial, the bluer the better"
    + (marked.size > 1 ? "; the front stands out." : "; the best stands out.")
    + " Drag along an axis to keep a range, click it to drop the range.",
  el("div", { "data-plot": "parallel", "data-lines": drawn.length }, node));
}

function brushes(node, axes, drawn, at) {
  const ranges = axes.map(() => null);
  const apply = () => drawn.forEach(({ i, path }) => {
    const kept = ranges.every((r, a) => {
      const share = r && axes[a].of(axes[a].values[i]);
      return !r || (share !== null && share >= r[0] && share <= r[1]);
    });
    path.style.display = kept ? "" : "none";
  });
  axes.forEach((_, a) => {
    const box = svg("rect", { x: at.x(a) - 6, width: 12, y: at.top, height: 0,
      fill: colours[4], opacity: 0.45, "pointer-events": "none" });
    const area = svg("rect", { x: at.x(a) - 12, width: 24, y: at.top - 8,
      height: at.bottom - at.top + 16, fill: "transparent", style: "cursor:ns-resize" });
    let from = null;
    const share = (event) => {
      const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(node.getScreenCTM().inverse());
      return Math.min(1, Math.max(0, (at.bottom - p.y) / (at.bottom - at.top)));
    };
    area.addEventListener("pointerdown", (e) => { from = share(e); area.setPointerCapture(e.pointerId); });
    area.addEventListener("pointermove", (e) => {
      if (from === null)
        return;
      const to = share(e);
      ranges[a] = Math.abs(to - from) < 0.01 ? null : [Math.min(from, to), Math.max(from, to)];
      set(box, ranges[a] ? { y: at.y(ranges[a][1]), height: at.y(ranges[a][0]) - at.y(ranges[a][1]) }
        : { height: 0 });
      apply();
    });
    area.addEventListener("pointerup", (e) => {
      if (Math.abs(share(e) - from) < 0.01) {
        ranges[a] = null;
        set(box, { height: 0 });
        apply();
      }
      from = null;
    });
    node.append(box, area);
  });
}

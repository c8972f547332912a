// SPDX-License-Identifier: MIT
// A plot with two axes, and what is drawn in it.

// Round steps of 1, 2 or 5 in [low, high].
function ticks(low, high, n) {
  const raw = (high - low) / n || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((k) => k * power >= raw * 0.999);
  const list = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
    list.push(Number((i * step).toPrecision(12)));
  return list;
}
function logTicks(low, high) {
  const list = [];
  for (let k = Math.floor(Math.log10(low)); k <= Math.ceil(Math.log10(high)); k++)
    list.push(10 ** k);
  const few = list.filter((x) => x >= low * 0.999 && x <= high * 1.001);
  return few.length >= 2 ? few : ticks(low, high, 4).filter((x) => x > 0);
}
// From values to [0, 1]; what is no number is left out.
function scale(values, options) {
  const o = options || {};
  let list = values.filter((x) => isNumber(x) && (!o.log || x > 0));
  let low = o.low ?? list.reduce((a, b) => Math.min(a, b), Infinity);
  let high = o.high ?? list.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!(low <= high))
    [low, high] = o.log ? [1, 10] : [0, 1];
  if (low === high)
    [low, high] = o.log ? [low / 2, high * 2] : [low - (Math.abs(low) || 1) * 0.5,
      high + (Math.abs(high) || 1) * 0.5];
  else if (!o.tight && !o.log)
    [low, high] = [o.low ?? low - (high - low) * 0.04, o.high ?? high + (high - low) * 0.04];
  const of = o.log
    ? (x) => (Math.log(x) - Math.log(low)) / (Math.log(high) - Math.log(low))
    : (x) => (x - low) / (high - low);
  return { of, low, high, ticks: o.log ? logTicks(low, high) : ticks(low, high, o.ticks || 5) };
}

// x, y: {label, scale}; returns the plot with px, py (pixels) and `layer` to draw in.
function plot(x, y, size) {
  const w = (size && size.w) || 720, h = (size && size.h) || 300;
  const box = { left: 62, right: 14, top: 12, bottom: 42 };
  const node = svg("svg", { viewBox: `0 0 ${w} ${h}`, role: "img" });
  const px = (v) => box.left + x.scale.of(v) * (w - box.left - box.right);
  const py = (v) => h - box.bottom - y.scale.of(v) * (h - box.top - box.bottom);
  const short = (v) => {
    const unit = [[1e12, "T"], [1e9, "G"], [1e6, "M"]].find((u) => Math.abs(v) >= u[0]);
    if (unit)
      return `${Number((v / unit[0]).toPrecision(4))} ${unit[1]}`;
    return v && Math.abs(v) < 1e-3 ? v.toExponential(0) : show(v);
  };
  for (const v of y.scale.ticks)
    node.append(svg("line", { class: "grid", x1: box.left, x2: w - box.right, y1: py(v), y2: py(v) }),
      svg("text", { x: box.left - 7, y: py(v) + 4, "text-anchor": "end" }, short(v)));
  for (const v of x.names ? [] : x.scale.ticks)
    node.append(svg("text", { x: px(v), y: h - box.bottom + 17, "text-anchor": "middle" }, short(v)));
  (x.names || []).forEach((name, i) =>
    node.append(svg("text", { x: px(i), y: h - box.bottom + 17, "text-anchor": "middle" }, name)));
  node.append(svg("line", { class: "axis", x1: box.left, x2: w - box.right,
    y1: h - box.bottom, y2: h - box.bottom }),
  svg("text", { x: (box.left + w - box.right) / 2, y: h - 6, "text-anchor": "middle" }, x.label || ""),
  svg("text", { transform: `translate(13 ${(h - box.bottom + box.top) / 2}) rotate(-90)`,
    "text-anchor": "middle" }, y.label || ""));
  const layer = svg("g");
  node.append(layer);
  return { node, layer, px, py, box, w, h };
}

const path = (p, points, stepped) => points.map(([a, b], i) => {
  const to = `${p.px(a).toFixed(1)} ${p.py(b).toFixed(1)}`;
  return i && stepped ? `H${p.px(a).toFixed(1)}V${p.py(b).toFixed(1)}` : (i ? "L" : "M") + to;
}).join("");
function line(p, points, attributes, stepped) {
  p.layer.append(svg("path", { d: path(p, points, stepped), fill: "none", stroke: colours[0],
    "stroke-width": 2, "stroke-linejoin": "round", ...attributes }));
}
function dot(p, x, y, attributes, text) {
  const node = svg("circle", { cx: p.px(x).toFixed(1), cy: p.py(y).toFixed(1), r: 3, ...attributes });
  p.layer.append(text ? hover(node, text) : node);
}
// y from low to high, with caps.
function interval(p, x, low, high, colour) {
  const at = p.px(x);
  for (const [x1, x2, y1, y2] of [[at, at, low, high], [at - 4, at + 4, low, low],
    [at - 4, at + 4, high, high]])
    p.layer.append(svg("line", { x1, x2, y1: p.py(y1), y2: p.py(y2), stroke: colour,
      "stroke-width": 1.5 }));
}
// counts[i] over [edges[i], edges[i + 1])
function bars(p, edges, counts, attributes) {
  counts.forEach((n, i) => {
    const left = p.px(edges[i]), right = p.px(edges[i + 1]);
    if (n > 0)
      p.layer.append(hover(svg("rect", { x: left + 0.5, width: Math.max(right - left - 1, 0.8),
        y: p.py(n), height: p.py(0) - p.py(n), fill: colours[0], "data-count": n, ...attributes }),
      `${show(edges[i])} to ${show(edges[i + 1])}\n${show(n)}`));
  });
}
function histogram(values, n) {
  const good = values.filter(isNumber);
  const s = scale(good, { tight: true });
  const edges = Array.from({ length: n + 1 }, (_, i) => s.low + (s.high - s.low) * i / n);
  const counts = new Array(n).fill(0);
  for (const x of good)
    counts[Math.min(n - 1, Math.max(0, Math.floor(s.of(x) * n)))]++;
  return { edges, counts };
}

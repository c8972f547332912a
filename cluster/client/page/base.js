// SPDX-License-Identifier: MIT
// What all parts of the page stand on: elements, numbers for people, tables.
const data = JSON.parse(document.getElementById("data").textContent);
const doc = data.document;
const result = doc.result || {};
const stats = doc.stats || {};
const colours = ["a", "b", "c", "d", "e", "f", "g", "h"].map((c) => `var(--${c})`);

function add(node, kids) {
  for (const kid of kids.flat(Infinity))
    if (kid !== null && kid !== undefined)
      node.append(kid);
  return node;
}
function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes || {}))
    if (name.startsWith("on"))
      node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined)
      node.setAttribute(name, value);
  return node;
}
const el = (name, attributes, ...kids) =>
  add(set(document.createElement(name), attributes), kids);
const svg = (name, attributes, ...kids) =>
  add(set(document.createElementNS("http://www.w3.org/2000/svg", name), attributes), kids);

// ---- numbers ------------------------------------------------------------------------
const isNumber = (x) => typeof x === "number" && Number.isFinite(x);
// The coordinator shows whole numbers beyond 64 bits as text.
const toNumber = (x) => (typeof x === "string" && /^\d+$/.test(x) ? Number(x) : x);
function show(x) {
  if (x === null || x === undefined)
    return "–";
  if (typeof x !== "number")
    return typeof x === "object" ? JSON.stringify(x) : String(x);
  if (Number.isInteger(x) && Math.abs(x) < 1e15)
    return x.toLocaleString("en-GB");
  const size = Math.abs(x);
  if (size >= 1e5 && size < 1e15)
    return Math.round(x).toLocaleString("en-GB");
  return size >= 1e7 || size < 1e-4 ? x.toExponential(4)
    : String(Number(x.toPrecision(6)));
}
function seconds(s) {
  if (!isNumber(s))
    return "–";
  if (s < 1)
    return `${(s * 1000).toPrecision(3)} ms`;
  if (s < 120)
    return `${s.toPrecision(3)} s`;
  return s < 7200 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
}
const dollars = (micro) =>
  `$${Math.round(micro / 1e6).toLocaleString("en-GB")}`.replace("$-", "−$");
const pValue = (p) => (!isNumber(p) ? "–" : p < 1e-4 ? p.toExponential(1) : p.toFixed(4));

// ---- pieces of the page -------------------------------------------------------------
const page = document.getElementById("report");
function section(title, note, ...kids) {
  const node = el("section", { "data-section": title }, el("h2", {}, title),
    note ? el("p", { class: "note" }, note) : null, ...kids);
  page.append(node);
  return node;
}
// columns: [title, cell of a row, "n" for numbers]
function table(columns, rows, attributes) {
  const head = el("tr", {}, columns.map((c) => el("th", { class: c[2] }, c[0])));
  const body = rows.map((row) => el("tr", {}, columns.map((c) => {
    const x = c[1](row);
    return el("td", { class: c[2], title: typeof x === "number" ? x : null },
      x instanceof Node ? x : show(x));
  })));
  return el("div", { class: "scroll" }, el("table", attributes || {}, el("thead", {}, head),
    el("tbody", {}, body)));
}
const pairs = (map) => el("dl", { class: "kv" }, Object.entries(map).map(([key, value]) =>
  [el("dt", {}, key), el("dd", { class: "mono" }, show(value))]));
const legend = (names) => el("div", { class: "legend" }, names.map((name, i) =>
  el("span", {}, el("i", { style: `background:${colours[i % colours.length]}` }), name)));
function choice(label, names, chosen, then) {
  const list = el("select", { onchange: () => then(list.value) },
    names.map((n) => el("option", n === chosen ? { value: n, selected: "" } : { value: n }, n)));
  return el("label", {}, `${label} `, list);
}

const tip = el("div", { id: "tip" });
document.body.append(tip);
function hover(node, text) {
  node.addEventListener("mousemove", (event) => {
    tip.textContent = typeof text === "function" ? text(event) : text;
    tip.style.display = tip.textContent ? "block" : "none";
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - 300)}px`;
    tip.style.top = `${event.clientY + 14}px`;
  });
  node.addEventListener("mouseleave", () => { tip.style.display = "none"; });
  return node;
}
const lines = (name) => (data.files && data.files[name] ? data.files[name].lines : []);
const cutNote = (name) => {
  const f = data.files && data.files[name];
  return f && f.of > f.lines.length
    ? ` Of ${show(f.of)} lines ${show(f.lines.length)} are shown, evenly spaced.` : "";
};

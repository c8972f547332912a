// SPDX-License-Identifier: MIT
// A fleet's day on a map: places, corridors, aircraft by state, closures, money over time.
const STATES = { fly: "a", prepare: "g", charge: "c", wait: "e", idle: "faint", down: "bad", retired: "line" };
const STATE_NAMES = { fly: "in the air", prepare: "preparing", charge: "charging",
  wait: "waiting for a charger", idle: "idle", down: "out of order", retired: "done for the day" };

const clock = (ms) => new Date(ms).toISOString().slice(11, 16);

function scenarioOf() {
  const params = (data.spec && data.spec.params) || {};
  for (const s of [data.scenario, params.scenario])
    if (s && typeof s === "object")
      return s;
  return data.spec ? {} : null;
}

function mapOf(day) {
  const w = 640, h = 560, edge = 46;
  const xs = scale(day.ports.map((v) => v.x), { tight: true });
  const ys = scale(day.ports.map((v) => v.y), { tight: true });
  const span = Math.max(xs.high - xs.low, (ys.high - ys.low) * (w - 2 * edge) / (h - 2 * edge)) || 1;
  const unit = (w - 2 * edge) / span;
  const at = (v) => [w / 2 + (v.x - (xs.low + xs.high) / 2) * unit,
    h / 2 - (v.y - (ys.low + ys.high) / 2) * unit];
  const used = new Map();
  for (const r of day.records)
    if (r.ev === "TAKEOFF") {
      const key = `${Math.min(r.from, r.to)}-${Math.max(r.from, r.to)}`;
      used.set(key, (used.get(key) || 0) + 1);
    }
  const most = Math.max(1, ...used.values());
  const node = svg("svg", { viewBox: `0 0 ${w} ${h}`, "data-map": "day" });
  for (const [key, n] of used) {
    const [a, b] = key.split("-").map((v) => at(day.ports[v]));
    node.append(svg("line", { x1: a[0], y1: a[1], x2: b[0], y2: b[1], stroke: "var(--line)",
      "stroke-width": (0.6 + 4 * n / most).toFixed(2) }));
  }
  const shut = svg("g"), craft = svg("g");
  const rings = day.ports.map((v, i) => {
    const [x, y] = at(v);
    const ring = svg("circle", { cx: x, cy: y, r: 13, fill: "var(--card)",
      stroke: v.core ? colours[3] : "var(--soft)", "stroke-width": v.core ? 2.5 : 1.5,
      "stroke-dasharray": v.charge ? null : "3 3" });
    const count = svg("text", { x, y: y + 4, "text-anchor": "middle", class: "strong" });
    const name = svg("text", { x, y: y + 27, "text-anchor": "middle" }, `V${i}`);
    node.append(hover(ring, () => `vertiport ${i}${v.core ? ", city core" : ""}\n`
      + `${v.charge} chargers, ${v.park} stands\n${count.textContent} aircraft here`), name);
    return { x, y, count, i };
  });
  node.append(shut, craft, ...rings.map((r) => r.count));
  rings.forEach((r) => r.count.setAttribute("pointer-events", "none"));
  return { node, at, shut, craft, rings };
}

function drawMap(day, map, t) {
  map.shut.replaceChildren(...day.closed.filter((c) => c.from <= t && t < c.to).map((c) => {
    const a = map.at(day.ports[c.i]), b = map.at(day.ports[c.j]);
    return hover(svg("line", { x1: a[0], y1: a[1], x2: b[0], y2: b[1], stroke: "var(--bad)",
      "stroke-width": 1.6, "stroke-dasharray": "7 5", opacity: 0.75 }),
    `closed ${clock(c.from)} to ${clock(c.to)}`);
  }));
  const counts = Object.fromEntries(Object.keys(STATES).map((s) => [s, 0]));
  const here = day.ports.map(() => []), nodes = [];
  for (const [a, list] of day.tracks) {
    const s = stateAt(list, t);
    counts[s.state]++;
    if (s.state !== "fly") {
      here[s.place].push(s.state);
      continue;
    }
    if (t >= s.down) { // it is landing
      here[s.j].push("fly");
      continue;
    }
    const from = map.at(day.ports[s.i]), to = map.at(day.ports[s.j]);
    const share = Math.min(1, Math.max(0, (t - s.from) / Math.max(1, s.down - s.from)));
    const x = from[0] + (to[0] - from[0]) * share, y = from[1] + (to[1] - from[1]) * share;
    const turn = Math.atan2(to[1] - from[1], to[0] - from[0]) * 180 / Math.PI;
    nodes.push(hover(svg("path", { d: "M8 0L-6 5L-3 0L-6 -5Z", fill: s.pax ? colours[0] : colours[1],
      transform: `translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${turn.toFixed(0)})` }),
    `aircraft ${a}: ${s.i} → ${s.j}\n${s.pax} passengers`));
  }
  map.rings.forEach((r) => {
    const states = here[r.i];
    r.count.textContent = states.filter((state) => state !== "fly").length;
    states.sort().forEach((state, k) => {
      const angle = -Math.PI / 2 + 2 * Math.PI * k / Math.max(12, states.length);
      nodes.push(svg("circle", { cx: r.x + 19 * Math.cos(angle), cy: r.y + 19 * Math.sin(angle), r: 3.2,
        fill: `var(--${STATES[state]})` }));
    });
  });
  map.craft.replaceChildren(...nodes);
  return counts;
}

function moneyPlot(day) {
  const points = [];
  const step = Math.max(1, Math.floor(day.records.length / 1500));
  day.records.forEach((r, i) => {
    if (i % step === 0 || i === day.records.length - 1)
      points.push([r.t / 3600000, r.money / 1e6]);
  });
  const p = plot({ label: "hour", scale: scale(points.map((q) => q[0]), { tight: true }) },
    { label: "profit so far, $", scale: scale(points.map((q) => q[1])) }, { w: 460, h: 230 });
  line(p, points, { stroke: colours[2] });
  const hand = svg("line", { y1: p.box.top, y2: p.h - p.box.bottom, stroke: colours[1], "stroke-width": 1.5 });
  p.layer.append(hand);
  return { node: p.node, move: (t) => set(hand, { x1: p.px(t / 3600000), x2: p.px(t / 3600000) }) };
}

function dayOf() {
  const list = data.day ? data.day.lines : [];
  const head = list.find((r) => r.spec), tail = list.find((r) => r.metrics);
  const scenario = scenarioOf();
  const records = list.filter((r) => r.ev);
  if (!head || !records.length || !scenario)
    return null;
  const ports = places(scenario);
  return { head, metrics: tail ? tail.metrics : {}, records, ports,
    closed: closures(scenario, ports.length, head.seed, head.episode),
    tracks: tracks(records, scenario.landing_ms ?? 360000) };
}

function dayReport() {
  const day = dayOf();
  if (!day)
    return;
  const first = day.records[0].t, last = day.records.at(-1).t;
  const map = mapOf(day), money = moneyPlot(day);
  const now = el("span", { class: "clock" }), list = el("div", { "data-day": "states" });
  const log = el("div", { class: "mono", "data-day": "log" });
  const slider = el("input", { type: "range", min: first, max: last, step: 1000, value: first,
    "aria-label": "time of day" });
  const served = (upTo) => day.records.slice(0, upTo).reduce((n, r) => n + (r.ev === "LAND" ? r.pax : 0), 0);
  const go = (t) => {
    const counts = drawMap(day, map, t);
    let k = day.records.findIndex((r) => r.t > t);
    k = k < 0 ? day.records.length : k;
    slider.value = t;
    now.textContent = clock(t);
    money.move(t);
    list.replaceChildren(table([["", (r) => el("i", { style: `display:inline-block;width:10px;height:10px;`
      + `border-radius:5px;background:var(--${STATES[r]})` })], ["aircraft", (r) => STATE_NAMES[r]],
    ["", (r) => counts[r], "n"]], Object.keys(STATES), { "data-table": "states" }),
    el("p", { class: "note" }, `${show(served(k))} passengers carried, `
      + `${dollars(k ? day.records[k - 1].money : 0)} earned.`));
    log.replaceChildren(...day.records.slice(Math.max(0, k - 9), k).reverse().map((r) =>
      el("div", {}, `${clock(r.t)}  ${r.ev.toLowerCase()}  aircraft ${r.a}`
        + (r.from === r.to ? ` at ${r.from}` : ` ${r.from} → ${r.to}, ${r.pax} aboard`))));
    map.node.setAttribute("data-flying", counts.fly);
  };
  let timer = null;
  const play = el("button", { onclick: () => {
    if (timer) {
      clearInterval(timer);
      timer = null;
      play.textContent = "play";
      return;
    }
    play.textContent = "pause";
    timer = setInterval(() => go(Number(slider.value) >= last ? first : Number(slider.value) + 60000), 80);
  } }, "play");
  slider.addEventListener("input", () => go(Number(slider.value)));
  section("The day", `Episode ${day.head.episode} of seed ${day.head.seed}, policy ${day.head.policy}, `
    + `scenario ${day.head.scenario}: ${show(day.records.length)} records.`,
  el("div", { class: "controls" }, play, now, slider),
  el("div", { class: "day" }, el("div", {}, map.node, el("div", { class: "legend" },
    el("span", {}, el("i", { style: `background:${colours[0]}` }), "flight with passengers"),
    el("span", {}, el("i", { style: `background:${colours[1]}` }), "empty flight"),
    el("span", {}, el("i", { style: "background:var(--bad)" }), "closed pair"),
    el("span", {}, el("i", { style: `background:${colours[3]}` }), "city core"))),
  el("div", {}, list, money.node, el("h3", {}, "last records"), log)),
  el("details", {}, el("summary", {}, "metrics of the day"), pairs(day.metrics)));
  const asked = /t=(\d+):(\d+)/.exec(location.hash);
  go(asked ? (Number(asked[1]) * 60 + Number(asked[2])) * 60000 : first + (last - first) * 0.2);
}

// SPDX-License-Identifier: MIT
// The world of a fleet's day as far as a map shows it: places and closures, by the rules of
// `fleet/1` (sections 2 to 4): all whole numbers.
function philox(counter, key) {
  let [c0, c1, c2, c3] = counter.map(BigInt), [k0, k1] = key.map(BigInt);
  const low = 0xffffffffn;
  for (let i = 0; i < 10; i++) {
    const a = 0xd2511f53n * c0, b = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(b >> 32n) ^ c1 ^ k0, b & low, (a >> 32n) ^ c3 ^ k1, a & low];
    k0 = (k0 + 0x9e3779b9n) & low;
    k1 = (k1 + 0xbb67ae85n) & low;
  }
  return [c0, c1, c2, c3];
}
const keyOf = (seed) => [BigInt(seed) & 0xffffffffn, (BigInt(seed) >> 32n) & 0xffffffffn];
const scaled = (word, n) => Number((word * BigInt(n)) >> 32n);

// Those of a scenario that says nothing of them: x, y, park, charge, core.
const PLAIN_PLACES = [
  [40233, 41842, 6, 6, 1], [49889, 33796, 6, 6, 1], [30577, 49889, 6, 0, 1],
  [9656, 14484, 6, 6, 0], [70811, 12874, 6, 6, 0], [69201, 67592, 6, 6, 0],
  [12874, 72420, 6, 6, 0], [41842, 8046, 6, 0, 0],
];

// A scenario's vertiports: listed, or laid out.
function places(scenario) {
  if (!scenario.vertiports && !scenario.layout)
    return PLAIN_PLACES.map(([x, y, park, charge, core]) => ({ x, y, park, charge, core }));
  if (scenario.vertiports)
    return scenario.vertiports;
  const l = scenario.layout;
  return Array.from({ length: l.count }, (_, v) => {
    const w = philox([0, v, 1, 0], keyOf(l.seed));
    const x = scaled(w[0], l.width_m), y = scaled(w[1], l.height_m);
    const stop = l.vertistop_every > 0 && v % l.vertistop_every === l.vertistop_every - 1;
    const core = (x - l.core_x) ** 2 + (y - l.core_y) ** 2 <= l.core_r ** 2;
    return { x, y, park: l.park, charge: stop ? 0 : l.charge, core: core ? 1 : 0 };
  });
}

// [{i, j, from, to}] in ms: the windows in which a pair is closed; of few places only.
function closures(scenario, n, seed, episode) {
  const list = (scenario.closures || []).map((c) => ({ i: c.i, j: c.j, from: c.from_ms, to: c.to_ms }));
  const ms = scenario.close_window_ms ?? 3600000, ppm = scenario.close_ppm ?? 50000;
  const start = scenario.t_start_ms ?? 21600000, end = scenario.t_end_ms ?? 64800000;
  const limit = (BigInt(ppm) << 32n) / 1000000n;
  for (let i = 0; i < n && n <= 60 && ppm; i++)
    for (let j = i + 1; j < n; j++)
      for (let w = 0, words; start + w * ms < end; w++) {
        if (w % 4 === 0)
          words = philox([w >> 2, i * n + j, 7, episode], keyOf(seed));
        if (words[w % 4] < limit)
          list.push({ i, j, from: start + w * ms, to: start + (w + 1) * ms });
      }
  return list;
}

// Where an aircraft is and what it does, from the records of a trace: {a: [{from, to,
// state, place | i, j}]}, `to` of the last is endless.
function tracks(records, landing) {
  const all = new Map();
  const put = (r, state, where) => {
    const list = all.get(r.a) || [];
    if (list.length)
      list.at(-1).to = Math.max(list.at(-1).from, r.t);
    else if (r.t > records[0].t)
      list.push({ from: -Infinity, to: r.t, state: "idle", place: r.from });
    list.push({ from: r.t, to: Infinity, state, ...where });
    all.set(r.a, list);
  };
  for (const r of records) {
    const here = { place: r.from };
    if (r.ev === "DISPATCH")
      put(r, "prepare", here);
    else if (r.ev === "TAKEOFF")
      put(r, "fly", { i: r.from, j: r.to, pax: r.pax });
    else if (r.ev === "LAND")
      put(r, "idle", { place: r.to });
    else if (r.ev === "FAIL")
      put(r, "down", here);
    else if (r.ev === "WAIT")
      put(r, "wait", here);
    else if (r.ev === "CHARGE")
      put(r, "charge", here);
    else if (["CHARGED", "REPAIRED", "HOLD"].includes(r.ev))
      put(r, "idle", here);
    else if (r.ev === "RETIRE")
      put(r, "retired", here);
  }
  for (const list of all.values())
    for (const s of list)
      if (s.state === "fly")
        s.down = s.to - landing;
  return all;
}
const stateAt = (list, t) => {
  let low = 0, high = list.length - 1;
  while (low < high) {
    const mid = (low + high + 1) >> 1;
    if (list[mid].from <= t)
      low = mid;
    else
      high = mid - 1;
  }
  return list[low];
};

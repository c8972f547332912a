// SPDX-License-Identifier: MIT
// Figures about trials: dominance, hypervolume, importance, sensitivity.

const dominates = (a, b) => a.every((x, i) => x <= b[i]) && a.some((x, i) => x < b[i]);

// Indices of the rows (losses: less is better) that no other dominates.
function front(rows) {
  const order = rows.map((_, i) => i).sort((i, k) => {
    for (let m = 0; m < rows[i].length; m++)
      if (rows[i][m] !== rows[k][m])
        return rows[i][m] - rows[k][m];
    return i - k;
  });
  const kept = [];
  for (const i of order)
    if (!kept.some((k) => dominates(rows[k], rows[i])))
      kept.push(i);
  return kept;
}

// Area that two losses leave below the reference (a sweep over the sorted front).
function hypervolume2(rows, reference) {
  let area = 0, roof = reference[1];
  for (const i of front(rows)) {
    const [x, y] = rows[i];
    if (x >= reference[0] || y >= roof)
      continue;
    area += (reference[0] - x) * (roof - y);
    roof = y;
  }
  return area;
}

function ranks(values) {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const rank = new Array(values.length);
  for (let i = 0, k; i < order.length; i = k) {
    for (k = i + 1; k < order.length && values[order[k]] === values[order[i]];)
      k++;
    for (let m = i; m < k; m++)
      rank[order[m]] = (i + k - 1) / 2;
  }
  return rank;
}
function correlation(x, y) {
  const n = x.length, mx = x.reduce((a, b) => a + b, 0) / n, my = y.reduce((a, b) => a + b, 0) / n;
  let xx = 0, yy = 0, xy = 0;
  for (let i = 0; i < n; i++) {
    xx += (x[i] - mx) ** 2;
    yy += (y[i] - my) ** 2;
    xy += (x[i] - mx) * (y[i] - my);
  }
  return xx && yy ? xy / Math.sqrt(xx * yy) : 0;
}
const spearman = (x, y) => correlation(ranks(x), ranks(y));

// PED-ANOVA (Watanabe, Bansal, Hutter, IJCAI 2023, eq. 10): how far the distribution of a
// parameter among the best tenth is from that among all: Pearson's divergence of two
// histograms, normalised to a sum of one.  Null parameters (inactive) are a bin of their own.
function importance(columns, losses) {
  const bins = 20, n = losses.length, m = Math.min(n, Math.max(2, Math.ceil(n / 10)));
  const top = bestOf(losses, m);
  const raw = columns.map((column) => {
    const bin = binsOf(column, bins), all = [], best = [];
    for (let i = 0; i < n; i++) {
      all[bin[i]] = (all[bin[i]] || 0) + 1;
      best[bin[i]] = (best[bin[i]] || 0) + top[i];
    }
    let sum = 0, used = 0;
    for (let b = 0; b < all.length; b++)
      if (all[b]) {
        const p = all[b] / n, q = best[b] / m;
        sum += (q - p) ** 2 / p;
        used++;
      }
    // What a parameter that matters not gets on average.
    return Math.max(0, sum - (used - 1) * (1 / m - 1 / n));
  });
  const total = raw.reduce((a, b) => a + b, 0) || 1;
  return raw.map((x) => x / total);
}
// 1 for the m least, the first of equals first.
function bestOf(losses, m) {
  const last = Float64Array.from(losses).sort()[m - 1], top = new Uint8Array(losses.length);
  let left = m;
  for (let i = 0; i < losses.length; i++)
    if (losses[i] < last) {
      top[i] = 1;
      left--;
    }
  for (let i = 0; i < losses.length && left; i++)
    if (losses[i] === last) {
      top[i] = 1;
      left--;
    }
  return top;
}
// A bin each: 0 where there is no value, texts one a text, numbers so many of one width.
function binsOf(column, bins) {
  const values = column.values, bin = new Uint16Array(values.length), kinds = new Map();
  let low = Infinity, high = -Infinity;
  for (const v of values)
    if (typeof v === "number") {
      low = v < low ? v : low;
      high = v > high ? v : high;
    }
  const log = low > 0 && high / low > 300, at = (v) => (log ? Math.log(v) : v);
  const start = at(low), width = (at(high) - start) / bins || 1;
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (typeof v === "number")
      bin[i] = 1 + Math.min(bins - 1, Math.floor((at(v) - start) / width));
    else if (v !== null) {
      if (!kinds.has(v))
        kinds.set(v, kinds.size + 1);
      bin[i] = bins + kinds.get(v);
    }
  }
  return bin;
}

// What ATRAM calls them: a sensitivity point moves one objective, a trade-off point makes
// one better and another worse.  |rho| of Spearman beyond 3 / sqrt(n - 1) counts.
function pointsOf(columns, objectives) {
  const n = objectives[0].losses.length, limit = Math.max(0.1, 3 / Math.sqrt(Math.max(2, n - 1)));
  return columns.filter((c) => c.values.every(isNumber)).map((c) => {
    const rho = objectives.map((o) => spearman(c.values, o.losses));
    const better = rho.filter((r) => r < -limit).length, worse = rho.filter((r) => r > limit).length;
    const kind = better && worse ? "trade-off" : better + worse ? "sensitivity" : "";
    return { name: c.name, rho, kind };
  });
}

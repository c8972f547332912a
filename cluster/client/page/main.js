// SPDX-License-Identifier: MIT
// The page, top to bottom.
function head() {
  page.append(el("header", {}, el("h1", {}, doc.name),
    el("span", { class: `badge ${doc.state}` }, doc.state), el("span", { class: "badge" }, doc.kind),
    el("span", { class: "badge mono" }, doc.job)),
  el("div", { class: "digest mono" }, doc.digest ? `digest ${doc.digest}`
    : `no digest: ${doc.why_no_digest || "unknown"}`));
  const tiles = [["items", show(doc.items)], ["failed", show(doc.failed)],
    ["elapsed", seconds(stats.elapsed_s)], ["items a second", show(Number((stats.items_per_s || 0).toPrecision(4)))],
    ["time of ranks", seconds(stats.rank_s)], ["seed", data.spec ? show(String(data.spec.seed ?? 0)) : "–"]];
  page.append(el("div", { class: "tiles" }, tiles.map(([name, value]) =>
    el("div", { class: "tile", "data-tile": name }, el("b", {}, value), el("span", {}, name)))));
  if (doc.why)
    section("Why", null, el("p", {}, doc.why));
}

head();
dayReport();
({ sweep: sweepReport, search: searchReport, train: trainReport }[doc.kind] || (() => {}))();
textsSection();
summarySection();
failuresSection();
rawSection();
page.append(el("p", { class: "note" }, `Shoal ${data.version}. This page asks no network for anything.`));
document.documentElement.setAttribute("data-ready", "yes");

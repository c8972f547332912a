// SPDX-License-Identifier: MIT
// Texts and what has no view of its own: a plain summary.
function textsSection() {
  const texts = Array.isArray(result.texts) ? result.texts : lines("results.jsonl");
  if (!texts.length)
    return;
  section("Texts", null, table([["prompt", (t) => t.id], ["new tokens", (t) =>
    (Array.isArray(t.tokens) ? t.tokens.length : t.new_tokens), "n"], ["end", (t) => t.finish],
  ["text", (t) => el("span", { style: "white-space:pre-wrap" }, t.text || "")]], texts.slice(0, 200),
  { "data-table": "texts" }));
}
// Plain values of the result, one level deep.
function summarySection() {
  const plain = Object.fromEntries(Object.entries(result).filter(([, v]) =>
    v === null || typeof v !== "object"));
  if (Object.keys(plain).length)
    section("Result", null, pairs(plain));
}
function failuresSection() {
  if ((doc.failures || []).length)
    section("Failures", doc.failed > doc.failures.length ? "The first of them." : null,
      table([["item", (f) => f.item, "n"], ["what", (f) => f.text]], doc.failures));
}
function rawSection() {
  const fold = (title, x) => el("details", {}, el("summary", {}, title),
    el("pre", {}, JSON.stringify(x, null, 2)));
  section("In full", null, data.spec ? fold("job file", data.spec) : null,
    fold("result", doc.result), fold("statistics of the run", doc.stats));
}

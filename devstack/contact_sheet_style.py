"""How the contact sheet looks: one style sheet for light, dark, wide and narrow."""

STYLE = """
:root { --paper: #f4f3f0; --card: #ffffff; --ink: #1f2328; --soft: #646a73; --line: #e2e0db; --frame: #ecebe7;
  --check: #d9d7d2; --good: #1a7f4b; --bad: #b3261e; --wait: #9a6700; --calm: #3b5b8c; --on: #ffffff; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15171a; --card: #1f2226; --ink: #e8e9eb; --soft: #9aa1ab; --line: #33373d; --frame: #292d32;
    --check: #3b4047; --good: #5fce95; --bad: #ff8a80; --wait: #f0c04c; --calm: #9dbcf0; --on: #15171a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1480px; padding: 28px clamp(12px, 3vw, 40px) 60px; background: var(--paper);
  color: var(--ink); font: 15px/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { font-size: clamp(22px, 3vw, 30px); font-weight: 650; letter-spacing: -.01em; margin: 0; }
header { margin-bottom: 26px; }
header p { margin: 8px 0 0; }
.summary { color: var(--soft); font-size: 16px; }
main { display: grid; gap: 18px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); }
article { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 16px; min-width: 0;
  display: flex; flex-direction: column; }
article.astray { border: 2px solid var(--bad); }
article p { margin: 0; }
h2 { font-size: 16px; font-weight: 620; margin: 0; overflow-wrap: anywhere; }
.blob { color: var(--soft); font: 12px/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace;
  overflow-wrap: anywhere; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; margin: 12px 0 10px; }
figure { margin: 0; min-width: 0; }
.frame { aspect-ratio: 4 / 3; border: 1px solid var(--line); border-radius: 9px; overflow: hidden; background: var(--frame); display: grid;
  place-items: center; }
.checked { background: repeating-conic-gradient(var(--check) 0 25%, var(--card) 0 50%) 0 0 / 20px 20px; }
.frame img { width: 100%; height: 100%; object-fit: contain; min-height: 0; }
.tile { color: var(--soft); padding: 10px; text-align: center; font-size: 14px; }
figcaption { color: var(--soft); font-size: 12px; margin-top: 5px; font-variant-numeric: tabular-nums; }
figcaption b { color: var(--ink); font-weight: 600; margin-right: 3px; }
.story { flex: 1; }
article .result { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; margin-top: 10px; }
.badge { display: inline-block; border-radius: 99px; padding: 2px 11px; font-size: 13px; font-weight: 600;
  background: var(--soft); color: var(--on); }
.updated, .unchanged { background: var(--good); }
.quarantined { background: var(--bad); }
.waiting { background: var(--wait); }
.superseded { background: var(--calm); }
code { font: 12.5px ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; background: var(--frame);
  border-radius: 5px; padding: 2px 6px; }
.time { margin-left: auto; color: var(--soft); font-size: 13px; font-variant-numeric: tabular-nums; }
.surprise { color: var(--bad); }
article .detail { margin-top: 10px; padding-left: 11px; border-left: 3px solid var(--line); color: var(--soft);
  font-size: 14px; white-space: pre-line; overflow-wrap: anywhere; }
@media (max-width: 480px) { .pair { gap: 8px; } article { padding: 12px; } }
@media print { article { break-inside: avoid; } }
"""

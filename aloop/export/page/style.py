"""The style sheet of an exported page: light and dark, on screen and paper."""

from __future__ import annotations

STYLE = """\
:root { color-scheme: light dark; --text: #1c1c1e; --page: #fdfdfc; --quiet: #6a6a70; --edge: #dcdce0;
  --panel: #f2f2f4; --accent: #0b5cad; --bad: #b3261e;
  --keyword: #7a2f9c; --string: #2a6a2a; --number: #8a4a00; --comment: #66666c; --name: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e4e7; --page: #161618; --quiet: #9a9aa2; --edge: #36363c;
    --panel: #222226; --accent: #7cb7f2; --bad: #ff8a80;
    --keyword: #d7a6f0; --string: #9ad29a; --number: #e8b878; --comment: #9a9aa2; --name: #8fc3f5; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 48rem; padding: 1.5rem 1rem 4rem; color: var(--text); background: var(--page);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word; }
header { border-bottom: 1px solid var(--edge); margin-bottom: 1.5rem; }
h1 { font-size: 1.4rem; line-height: 1.3; margin: 0 0 .3rem; }
header p, h2 a, h2 small, summary, details small, aside { color: var(--quiet); font-size: .8rem; }
h2, summary { display: flex; gap: .8rem; align-items: baseline; justify-content: space-between; }
h2 { font-size: .95rem; margin: 1.8rem 0 .4rem; }
h2 a { font-weight: normal; text-decoration: none; margin-left: .3rem; }
h2 > span { white-space: nowrap; }
h2 small { font-weight: normal; text-align: right; }
:target { scroll-margin-top: 4rem; }
:target > h2, details:target > summary { color: var(--accent); }
aside { margin: .4rem 0; padding: .3rem .8rem; border-left: 3px solid var(--number); }
aside::before { content: "Note: "; font-weight: bold; }
.answer h1, .answer h2, .answer h3, .answer h4 { font-size: 1.05rem; margin: 1.2rem 0 .4rem; }
.answer { overflow-x: auto; }
.answer > :first-child { margin-top: 0; }
.answer > table, .answer > pre { margin: .8rem 0; }
.user > pre { border-left: 3px solid var(--accent); }
pre { margin: .4rem 0; padding: .6rem .8rem; background: var(--panel); border-radius: 4px; white-space: pre-wrap;
  font: .9rem/1.45 ui-monospace, monospace; }
.user > pre { font-family: inherit; }
code { font: .9em ui-monospace, monospace; background: var(--panel); border-radius: 3px; padding: .1em .25em; }
pre code { padding: 0; background: none; font-size: 1em; }
.answer pre { white-space: pre; overflow-x: auto; }
.code { position: relative; margin: .8rem 0; }
.code pre { margin: 0; }
.code button { position: absolute; top: .3rem; right: .3rem; opacity: 0; }
.code button::after { content: "Copy"; }
.code button[data-done]::after { content: "Copied"; }
.code:hover button, .code button:focus-visible { opacity: 1; }
@media (hover: none) { .code button { opacity: .8; } }
.task { list-style: none; margin-left: -1.3em; }
footer { margin-top: 3rem; padding-top: .6rem; border-top: 1px solid var(--edge); color: var(--quiet);
  font-size: .8rem; }
blockquote { margin: .6rem 0; padding-left: .8rem; border-left: 3px solid var(--edge); color: var(--quiet); }
table { border-collapse: collapse; }
th, td { border: 1px solid var(--edge); padding: .25rem .6rem; text-align: left; }
a { color: var(--accent); }
img { max-width: 100%; }
details { margin: .15rem 0; }
details[open] { margin-bottom: .8rem; }
details pre { max-height: 30rem; overflow: auto; font-size: .8rem; }
details > small, details > div > small { display: block; margin: .4rem 0 0 .8rem; }
summary { cursor: pointer; list-style: none; padding: .1rem .3rem; border-radius: 4px; }
summary::-webkit-details-marker { display: none; }
summary:hover { background: var(--panel); }
summary span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
summary span::before { content: "\\25b8"; display: inline-block; width: 1.1em; }
[open] > summary span::before { content: "\\25be"; }
summary small { white-space: nowrap; }
.call > summary span { font-family: ui-monospace, monospace; }
.error > summary { color: var(--bad); }
::highlight(found) { background: #ffe08a; color: #1c1c1e; }
nav { position: sticky; top: 0; display: flex; gap: .5rem; align-items: center; padding: .5rem 0; margin-bottom: 1rem;
  background: var(--page); border-bottom: 1px solid var(--edge); }
nav input { flex: 1; min-width: 0; font: inherit; padding: .25rem .5rem; color: inherit; background: var(--panel);
  border: 1px solid var(--edge); border-radius: 4px; }
button { font: inherit; font-size: .85rem; color: inherit; background: var(--panel); cursor: pointer;
  border: 1px solid var(--edge); border-radius: 4px; padding: .25rem .6rem; }
.code button { font-size: .75rem; padding: .1rem .5rem; background: var(--page); }
nav output { color: var(--quiet); font-size: .85rem; white-space: nowrap; }
[hidden] { display: none !important; }
.k { color: var(--keyword); } .s { color: var(--string); } .n { color: var(--number); } .c { color: var(--comment); }
.f { color: var(--name); } .a { color: var(--string); } .d { color: var(--bad); } .h { color: var(--quiet); }
@media print { nav, .code button { display: none; } details pre { max-height: none; }
  .answer pre { white-space: pre-wrap; } }
"""

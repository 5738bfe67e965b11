"""The looks of an exported web page: the reader's own colours, light or dark, and one column."""

from __future__ import annotations

STYLE = """\
:root { color-scheme: light dark; --text: #1c1c1e; --page: #fdfdfc; --quiet: #6a6a70; --edge: #dcdce0;
  --panel: #f2f2f4; --accent: #0b5cad; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e4e7; --page: #161618; --quiet: #9a9aa2; --edge: #36363c;
    --panel: #222226; --accent: #7cb7f2; --bad: #ff8a80; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 48rem; padding: 1.5rem 1rem 4rem; color: var(--text); background: var(--page);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word; }
header { border-bottom: 1px solid var(--edge); margin-bottom: 1.5rem; }
h1 { font-size: 1.4rem; line-height: 1.3; margin: 0 0 .3rem; }
header p, h2 a, summary { color: var(--quiet); font-size: .85rem; }
h2 { font-size: .95rem; margin: 1.8rem 0 .4rem; }
h2 a { font-weight: normal; text-decoration: none; margin-left: .3rem; }
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
blockquote { margin: .6rem 0; padding-left: .8rem; border-left: 3px solid var(--edge); color: var(--quiet); }
table { border-collapse: collapse; }
th, td { border: 1px solid var(--edge); padding: .25rem .6rem; text-align: left; }
a { color: var(--accent); }
details { margin: .4rem 0; }
details > pre { max-height: 30rem; overflow: auto; }
summary { cursor: pointer; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.error > summary { color: var(--bad); }
@media print { details > pre { max-height: none; } }
"""

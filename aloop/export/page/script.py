"""The script of an exported page: search, folding and copies of code.

It loads and sends nothing. The page works without it, too; only then its search field and buttons are hidden.
"""

from __future__ import annotations

import base64
import hashlib

SCRIPT = """\
"use strict";
(() => {
  const bar = document.querySelector("nav");
  const field = bar.querySelector("input");
  const count = bar.querySelector("output");
  const parts = [...document.querySelectorAll("main > article, main > details")];
  const folds = [...document.querySelectorAll("details")];
  const opened = new Set();
  const search = () => {
    const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let shown = 0;
    for (const fold of opened) fold.open = false;
    opened.clear();
    for (const part of parts) {
      const text = part.textContent.toLowerCase();
      const found = words.every((word) => text.includes(word));
      part.hidden = !found;
      if (!found || !words.length) continue;
      shown += 1;
      for (const fold of [part, ...part.querySelectorAll("details")]) {
        if (fold.tagName !== "DETAILS" || fold.open) continue;
        const inside = fold.textContent.toLowerCase();
        if (words.some((word) => inside.includes(word))) {
          fold.open = true;
          opened.add(fold);
        }
      }
    }
    count.value = words.length ? `${shown} of ${parts.length}` : "";
    mark(words);
  };
  // Colors the words without a change of the page, where the browser can.
  const mark = (words) => {
    if (!CSS.highlights) return;
    const ranges = [];
    for (const part of words.length ? parts.filter((each) => !each.hidden) : []) {
      const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
      while (walker.nextNode() && ranges.length < 5000) {
        const node = walker.currentNode;
        const text = node.data.toLowerCase();
        if (text.length !== node.data.length) continue;
        for (const word of words) {
          for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
            const range = new Range();
            range.setStart(node, at);
            range.setEnd(node, at + word.length);
            ranges.push(range);
          }
        }
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  };
  const foldAll = (open) => {
    for (const fold of folds) fold.open = open;
    opened.clear();
  };
  field.addEventListener("input", search);
  bar.querySelector("[data-open]").addEventListener("click", () => foldAll(true));
  bar.querySelector("[data-close]").addEventListener("click", () => foldAll(false));
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== field) {
      event.preventDefault();
      field.focus();
    } else if (event.key === "Escape" && document.activeElement === field) {
      field.value = "";
      search();
      field.blur();
    }
  });
  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    const part = target.closest("main > *");
    if (part) part.hidden = false;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView();
  };
  // Only where the browser lets a page write to the clipboard. The label is in the style, so that no search finds it.
  for (const block of navigator.clipboard ? document.querySelectorAll(".answer pre") : []) {
    const frame = document.createElement("div");
    const button = document.createElement("button");
    const text = block.textContent;
    frame.className = "code";
    button.type = "button";
    button.ariaLabel = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text);
      button.dataset.done = "";
      setTimeout(() => delete button.dataset.done, 1500);
    });
    block.replaceWith(frame);
    frame.append(block, button);
  }
  addEventListener("hashchange", reveal);
  addEventListener("beforeprint", () => foldAll(true));
  bar.hidden = false;
  reveal();
})();
"""

DIGEST = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
"""The hash by which the policy of the page permits this script and no other."""

"""The script of an exported page: search and folding. It loads and sends nothing.

The page works without it, too; only then its search field and buttons are hidden.
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
    if (target) target.hidden = false;
  };
  addEventListener("hashchange", reveal);
  bar.hidden = false;
})();
"""

DIGEST = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
"""The hash by which the policy of the page permits this script and no other."""

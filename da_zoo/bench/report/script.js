"use strict";
// Theme: the system's until the button is pressed; storage may be forbidden in a mail.
const root = document.documentElement;
function remembered(value) {
  try {
    if (value) localStorage.setItem("da_zoo-theme", value);
    return localStorage.getItem("da_zoo-theme");
  } catch { return null; }
}
const saved = remembered();
if (saved === "light" || saved === "dark") root.dataset.theme = saved;
document.getElementById("theme").addEventListener("click", () => {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
  remembered(root.dataset.theme);
});

// Sorting: numbers from the highest down first, names from A. Cells without a value
// stay below; the rows of n/a and of the oracle keep their place at the end.
function value(row, column, isText) {
  const text = row.children[column].textContent.replace("●", "").trim();
  if (isText) return text;
  const number = parseFloat(text.replace("\u2212", "-"));
  return Number.isNaN(number) ? null : number;
}
function compare(a, b) {
  return typeof a === "number" ? a - b : a.localeCompare(b);
}
function sort(table, heading) {
  const column = [...heading.parentNode.children].indexOf(heading);
  const body = table.tBodies[0];
  const rows = [...body.rows].filter((row) => !row.classList.contains("fixed"));
  const fixed = [...body.rows].filter((row) => row.classList.contains("fixed"));
  const isText = heading.classList.contains("text");
  const keyed = rows.map((row) => [value(row, column, isText), row]);
  const before = heading.getAttribute("aria-sort");
  const down = before ? before === "ascending" : !isText;
  keyed.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return down ? -compare(a, b) : compare(a, b);
  });
  body.append(...keyed.map(([, row]) => row), ...fixed);
  for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
}
for (const table of document.querySelectorAll("table.sortable")) {
  for (const button of table.querySelectorAll("thead button")) {
    button.addEventListener("click", () => sort(table, button.parentNode));
  }
}

// Paper cannot open a <details>.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});

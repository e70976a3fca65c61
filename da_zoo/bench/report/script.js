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

// Filtering: rows whose name has the text; what has no script needs no empty box.
for (const table of document.querySelectorAll("table.sortable")) {
  const rows = [...table.tBodies[0].rows].filter((row) => row.cells[0].tagName === "TH");
  if (rows.length < 8) continue;
  const tools = document.createElement("div"), label = document.createElement("label");
  const box = document.createElement("input"), count = document.createElement("span");
  tools.className = "tools";
  box.type = "search";
  count.setAttribute("role", "status");
  const what = table.tHead.rows[0].cells[0].textContent.trim().toLowerCase();
  label.append(`Filter by ${what} `, box);
  tools.append(label, count);
  const region = table.closest(".scroll");
  region.before(tools);
  box.addEventListener("input", () => {
    const wanted = box.value.trim().toLowerCase();
    for (const row of rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
    }
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = wanted ? `${shown} of ${rows.length}` : "";
  });
}

// Tracks: tables and figures of one of them alone, where there are both.
const present = new Set([...document.querySelectorAll("[data-track]")].map((e) => e.dataset.track));
if (present.size > 1) {
  const group = document.createElement("div");
  group.className = "tracks";
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Tracks to show");
  const tracks = [["", "All", "All tracks"], ["U", "U", "No target labels"], ["F", "F", "Some target labels"]];
  for (const [track, name, meaning] of tracks) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.title = meaning;
    button.setAttribute("aria-label", meaning);
    button.setAttribute("aria-pressed", String(track === ""));
    button.addEventListener("click", () => {
      root.dataset.show = track;
      for (const other of group.children) other.setAttribute("aria-pressed", String(other === button));
    });
    group.append(button);
  }
  document.getElementById("theme").before(group);
}

// Figures to take along: the SVG with the colours that it has here.
const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity",
  "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "font-family", "font-size",
  "text-anchor", "dominant-baseline"];
function standalone(svg) {
  const copy = svg.cloneNode(true);
  const originals = [svg, ...svg.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((element, i) => {
    if (element.tagName === "title") return;
    const style = getComputedStyle(originals[i]);
    for (const name of STYLES) element.style.setProperty(name, style.getPropertyValue(name));
  });
  const box = svg.viewBox.baseVal;
  copy.setAttribute("width", box.width);
  copy.setAttribute("height", box.height);
  copy.style.background = getComputedStyle(root).getPropertyValue("--surface");
  return new XMLSerializer().serializeToString(copy);
}
for (const figure of document.querySelectorAll("figure")) {
  const svg = figure.querySelector("svg:not(.bar)");
  if (!svg) continue;
  const button = document.createElement("button");
  const caption = figure.querySelector("figcaption");
  const title = svg.getAttribute("aria-label");
  button.type = "button";
  button.className = "save";
  button.textContent = "SVG";
  button.title = "Download SVG";
  button.setAttribute("aria-label", `Download SVG: ${title}`);
  button.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([standalone(svg)], { type: "image/svg+xml" }));
    const name = title.split(":")[0].toLowerCase().replace(/[^a-z0-9_]+/g, "-");
    link.download = `${name.slice(0, 80)}.svg`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  caption.prepend(button);
}

// Paper cannot open a <details>.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});

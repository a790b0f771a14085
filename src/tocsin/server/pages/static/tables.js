// Tables that are whole can be sorted by their heads; each long one can be copied, or kept as CSV, as it is shown.
// Columns that say nothing are hidden; a table that is all in view does not scroll by itself, so that its heads stay in sight.
const words = document.getElementById("table-words")?.dataset;
const LONG = 5; // rows

const text = (cell) => {
  const time = cell.querySelector("time[datetime]");
  const said = cell.cloneNode(true);
  for (const unseen of said.querySelectorAll(".unseen, input, button, form")) unseen.remove();
  return time && said.textContent.trim() === time.textContent.trim() ? time.dateTime : said.textContent.trim().replace(/\s+/g, " ");
};

const rows = (table) => [...table.rows].filter((row) => ![...row.cells].some((cell) => cell.colSpan > 1));
const matrix = (table) => rows(table).map((row) => [...row.cells].filter((cell) => !cell.hidden).map(text));

// A field that a spreadsheet would take for a formula keeps an apostrophe before it (CWE-1236).
const field = (value) => {
  const safe = /^[=+\-@\t\r]/.test(value) && !/^-?\d/.test(value) ? `'${value}` : value;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

function button(said, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "plain";
  made.textContent = said;
  made.addEventListener("click", () => act(made));
  return made;
}

function tools(table) {
  const line = document.createElement("p");
  line.className = "table-tools";
  line.append(
    button(words.copy, async (made) => {
      await navigator.clipboard.writeText(matrix(table).map((row) => row.join("\t")).join("\n"));
      made.textContent = words.copied;
      setTimeout(() => { made.textContent = words.copy; }, 2000);
    }),
    button(words.csv, () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([`${matrix(table).map((row) => row.map(field).join(",")).join("\r\n")}\r\n`], { type: "text/csv;charset=utf-8" }));
      link.download = `${location.pathname.replace(/\W+/g, "-").replace(/^-|-$/g, "")}.csv`;
      link.click();
      URL.revokeObjectURL(link.href);
    }),
  );
  return line;
}

const order = new Intl.Collator(document.documentElement.lang || undefined, { numeric: true });
const number = (cell) => (cell.classList.contains("n") ? Number.parseFloat(cell.dataset.value ?? cell.textContent.replace(/[^\d-]/g, "")) : NaN);

function compare(one, other) {
  const [a, b] = [number(one), number(other)];
  return Number.isNaN(a) || Number.isNaN(b) ? order.compare(text(one), text(other)) : a - b;
}

function sortable(table) {
  const head = table.tHead?.rows[0];
  if (!head || table.tHead.rows.length > 1) return;
  [...head.cells].forEach((cell, column) => {
    if (!text(cell)) return;
    const inside = document.createElement("button");
    inside.type = "button";
    inside.className = "plain sort";
    inside.append(...cell.childNodes);
    cell.append(inside);
    inside.addEventListener("click", () => {
      const down = cell.getAttribute("aria-sort") === "ascending";
      for (const other of head.cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sorted = [...table.tBodies[0].rows].sort((one, other) => compare(one.cells[column], other.cells[column]));
      table.tBodies[0].append(...(down ? sorted.reverse() : sorted));
    });
  });
}

const says = (cell) => !["", "–"].includes(text(cell)) || cell.querySelector("input, button, a, img, svg, select") !== null;

function hideEmpty(table) {
  const body = [...table.tBodies].flatMap((part) => [...part.rows]);
  if (!body.length || [...table.rows].some((row) => row.cells.length !== body[0].cells.length)) return;
  [...body[0].cells].forEach((_, column) => {
    if (body.some((row) => says(row.cells[column]))) return;
    for (const row of table.rows) row.cells[column].hidden = true;
  });
}

function fit(box) {
  const fits = box.firstElementChild.offsetWidth <= box.clientWidth;
  box.classList.toggle("fits", fits);
  if (fits) box.removeAttribute("tabindex");
  else box.tabIndex = 0;
}

const sizes = new ResizeObserver((changes) => { for (const change of changes) fit(change.target); });

for (const table of document.querySelectorAll("main .scroll > table:not(#live-board table)")) {
  hideEmpty(table);
  sizes.observe(table.parentElement);
}

for (const table of words ? document.querySelectorAll("main .scroll > table:not(#live-board table)") : []) {
  if (table.parentElement.hasAttribute("data-bare") || (table.tBodies[0]?.rows.length ?? 0) < LONG) continue;
  if (table.parentElement.hasAttribute("data-whole")) sortable(table);
  table.parentElement.after(tools(table));
}

"use strict";
for (const box of document.querySelectorAll("[data-sortable]")) {
  const table = box.querySelector("table"), body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells], rows = [...body.rows];
  const search = box.querySelector("input[type=search]"), choice = box.querySelector("select");
  const count = box.querySelector("output"), more = box.querySelector(".tools button"), few = 15;
  let all = rows.length <= few + 5;
  const fold = () => {
    const here = [...body.rows].filter((row) => !row.hidden);
    here.forEach((row, i) => row.classList.toggle("rest", !all && i >= few));
    if (more) more.hidden = all || here.length <= few;
  };
  const value = (row, i) => {
    const cell = row.cells[i], given = cell.dataset.value;
    if (given === undefined) return cell.textContent.trim().toLowerCase();
    return given === "" ? null : Number(given);
  };
  const sort = (i, down) => {
    const order = rows.map((row, place) => [value(row, i), place, row]);
    order.sort(([a, at], [b, bt]) => {
      if (a === null || b === null) return a === b ? at - bt : a === null ? 1 : -1;
      const by = typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
      return (down ? -by : by) || at - bt;
    });
    body.append(...order.map((entry) => entry[2]));
    heads.forEach((head, at) => {
      if (at === i) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    if (choice) choice.value = String(i);
    fold();
  };
  heads.forEach((head, i) => {
    const button = head.querySelector("button");
    if (!button) return;
    if (choice) choice.add(new Option(button.textContent, i, false, head.hasAttribute("aria-sort")));
    const numbers = head.dataset.first !== "ascending";
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      sort(i, now ? now === "ascending" : numbers);
    });
  });
  if (choice) choice.addEventListener("change", () => {
    const i = Number(choice.value);
    sort(i, heads[i].dataset.first !== "ascending");
  });
  if (search) search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    count.textContent = words.length ? shown + " of " + rows.length : "";
    fold();
  });
  if (more) more.addEventListener("click", () => { all = true; fold(); });
  fold();
}
window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));

// What a person has chosen to see: a branch, the order, filters and columns of the table, curves. A reload keeps it.
(() => {
  const branches = [...document.querySelectorAll("input[name=branch]")];
  const showBranch = (value) => {
    document.querySelectorAll(".branch-plots").forEach((part) => { part.hidden = part.id !== value; });
    kept.set("branch", value);
  };
  branches.forEach((choice) => choice.addEventListener("change", () => {
    showBranch(choice.value);
    document.querySelectorAll(`#${choice.value} .plot[data-drawn]`).forEach((place) => Plotly.Plots.resize(place));
  }));
  const branch = branches.find((choice) => choice.value === kept.get("branch"));
  if (branch) { branch.checked = true; showBranch(branch.value); }

  const table = document.getElementById("table");
  if (!table) return;
  const body = table.tBodies[0], rows = [...body.rows];
  const columns = [...table.tHead.rows[0].cells].map((head, at) => ({
    head, at, button: head.querySelector("button"), wanted: head.querySelector("input, select"),
  }));
  columns.forEach((column) => { // two may have one name: a parameter can be called `seconds`
    const { name } = column.head.dataset;
    column.name = `${name} ${columns.filter((other) => other.at < column.at && other.head.dataset.name === name).length}`;
  });
  const named = (name) => columns.find((column) => column.name === name);

  // order
  const key = (cell) => cell.dataset.sort ?? cell.textContent;
  const number = (text) => (text === "" ? NaN : Number(text.replace(/inf(inity)?/i, "Infinity")));
  const collator = new Intl.Collator(undefined, { numeric: true });
  const sort = ({ head, at }, down) => {
    const keyed = rows.map((row) => ({ row, key: key(row.cells[at]) }));
    const numeric = keyed.every((one) => one.key === "" || !Number.isNaN(number(one.key)));
    const compare = numeric ? (a, b) => number(a) - number(b) || 0 : collator.compare;
    keyed.sort((a, b) => (a.key === "") - (b.key === "") || (down ? -1 : 1) * (a.key === "" ? 0 : compare(a.key, b.key)));
    table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...keyed.map(({ row }) => row));
  };
  columns.forEach((column) => column.button.addEventListener("click", () => {
    const down = column.head.getAttribute("aria-sort") === "ascending";
    sort(column, down);
    kept.set("sort", { name: column.name, down });
  }));
  const order = kept.get("sort");
  if (order && named(order.name)) sort(named(order.name), order.down);

  // filters
  const COMPARED = { ">": (a, b) => a > b, "<": (a, b) => a < b, ">=": (a, b) => a >= b, "<=": (a, b) => a <= b };
  const condition = (text) => {
    const wanted = text.trim().toLowerCase();
    if (wanted === "" || /^(!|[<>]=?|=)$/.test(wanted)) return null; // half typed
    const shown = (cell) => cell.textContent.trim().toLowerCase();
    if (wanted[0] === "!") { const inner = condition(wanted.slice(1)); return inner && ((cell) => !inner(cell)); }
    const range = wanted.match(/^(\S+)\s*\.\.\s*(\S+)$/);
    if (range && range.slice(1).every((end) => !Number.isNaN(number(end)))) {
      return (cell) => number(key(cell)) >= number(range[1]) && number(key(cell)) <= number(range[2]);
    }
    const [, sign, rest] = wanted.match(/^([<>]=?|=)?\s*(.*)$/), value = number(rest);
    if (sign && sign !== "=") {
      const compare = COMPARED[sign];
      return Number.isNaN(value) ? (cell) => key(cell) !== "" && compare(key(cell).toLowerCase(), rest) : (cell) => compare(number(key(cell)), value);
    }
    const equal = (cell) => shown(cell) === rest || (!Number.isNaN(value) && number(key(cell)) === value);
    if (sign) return equal;
    const whole = (cell) => Number.isInteger(value) && /^-?\d+$/.test(rest) && Number.isInteger(number(key(cell)));
    return (cell) => (whole(cell) ? equal(cell) : shown(cell).includes(rest)); // trial 7 is not 17
  };
  const count = document.getElementById("shown"), clear = document.getElementById("all-rows");
  const filter = () => {
    const set = columns.filter((column) => column.wanted.value !== "");
    const tests = set.flatMap((column) => {
      if (column.wanted.tagName === "SELECT") return [(row) => row.dataset.state === column.wanted.value];
      const test = condition(column.wanted.value);
      return test ? [(row) => test(row.cells[column.at])] : [];
    });
    let left = 0;
    for (const row of rows) left += !(row.hidden = !tests.every((test) => test(row)));
    count.textContent = set.length ? `${left} shown` : "";
    clear.hidden = !set.length;
    kept.set("filters", Object.fromEntries(set.map((column) => [column.name, column.wanted.value])));
  };
  for (const [name, value] of Object.entries(kept.get("filters") || {})) if (named(name)) named(name).wanted.value = value;
  columns.forEach(({ wanted }) => wanted.addEventListener(wanted.tagName === "SELECT" ? "change" : "input", filter));
  clear.addEventListener("click", () => { columns.forEach(({ wanted }) => { wanted.value = ""; }); filter(); });
  filter();

  // columns
  const menu = document.getElementById("columns"), style = document.head.appendChild(document.createElement("style"));
  const hidden = new Set(kept.get("hidden") || []);
  const hide = () => {
    const gone = columns.filter(({ name }) => hidden.has(name));
    style.textContent = gone.map(({ at }) => `#table tr > :nth-child(${at + 1}) { display: none; }`).join("\n");
    menu.firstElementChild.textContent = gone.length ? `Columns (${gone.length} hidden)` : "Columns";
    kept.set("hidden", [...hidden]);
  };
  menu.lastElementChild.append(...columns.map(({ head, name }) => {
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    box.checked = !hidden.has(name);
    box.addEventListener("change", () => { hidden[box.checked ? "delete" : "add"](name); hide(); });
    label.append(box, ` ${head.dataset.name}`);
    return label;
  }));
  hide();
  addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  addEventListener("keydown", (event) => { if (event.key === "Escape") menu.open = false; });

  // reasons that are unfolded, and the field that is being written in
  const unfolded = new Set(kept.get("unfolded") || []);
  rows.filter((row) => unfolded.has(row.id)).forEach((row) => row.querySelector("details")?.setAttribute("open", ""));
  body.addEventListener("toggle", ({ target }) => {
    unfolded[target.open ? "add" : "delete"](target.closest("tr").id);
    kept.set("unfolded", [...unfolded]);
  }, true);
  const focused = kept.get("focused");
  if (focused && named(focused)) named(focused).wanted.focus({ preventScroll: true });
  addEventListener("pagehide", () => {
    kept.set("focused", columns.find(({ wanted }) => wanted === document.activeElement)?.name);
  });

  // a trial that a plot or a link leads to, `#trial-7`, is shown whatever the filters say
  const lead = () => {
    const row = /^#trial-\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (!row) return;
    row.hidden = false;
    row.scrollIntoView({ block: "center", inline: "nearest" });
  };
  addEventListener("hashchange", lead);
  addEventListener("DOMContentLoaded", () => { if (location.hash !== (kept.get("scroll")?.hash ?? "")) lead(); });

  // curves
  const place = document.querySelector(".curves .plot");
  if (!place) return;
  const curves = JSON.parse(document.getElementById("all-curves").textContent);
  const figure = JSON.parse(place.nextElementSibling.textContent), [model] = figure.data;
  const best = figure.data.map((trace) => String(trace.meta.trial)), again = document.createElement("button");
  let chosen = (kept.get("curves") || best).filter((trial) => trial in curves);
  const box = (trial) => document.querySelector(`#trial-${trial} input[type=checkbox]`);
  const drawChosen = () => {
    const data = chosen.map((trial, i) => ({
      ...model, x: curves[trial][0], y: curves[trial][1], name: `trial ${trial}`, meta: { trial: Number(trial) },
      line: { ...model.line, color: `@series${i % 8}`, dash: ["solid", "dot", "dash"][Math.floor(i / 8) % 3] },
      hovertemplate: `trial ${trial}, step %{x}: %{y}<extra></extra>`,
    }));
    const { range, ...yaxis } = figure.layout.yaxis;
    place.nextElementSibling.textContent = JSON.stringify({ data, layout: { ...figure.layout, yaxis } });
    place.dispatchEvent(new Event("changed"));
  };
  again.type = "button";
  again.textContent = "The best again";
  const choose = (trials) => {
    chosen = trials;
    const own = String(trials) !== String(best);
    kept.set("curves", own ? trials : undefined); // who has not chosen sees the best of the moment
    again.hidden = !own;
    Object.keys(curves).forEach((trial) => { box(trial).checked = trials.includes(trial); });
    if (own || place.dataset.drawn !== undefined) drawChosen();
  };
  again.addEventListener("click", () => choose(best));
  place.closest("figure").append(again);
  body.addEventListener("change", ({ target }) => {
    const trial = target.type === "checkbox" && target.closest("tr").id.slice("trial-".length);
    if (trial) choose(target.checked ? [...chosen, trial] : chosen.filter((other) => other !== trial));
  });
  choose(chosen.length ? chosen : best);
})();

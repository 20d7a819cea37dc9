"use strict";
// What a reload keeps, by name. A page of another origin (a sandboxed frame) keeps nothing.
const kept = (() => {
  const key = `report ${location.pathname}`;
  let all = {};
  try { all = JSON.parse(sessionStorage.getItem(key)) || {}; } catch { /* nothing is kept */ }
  // who comes by a link, or types the address, begins afresh
  if (performance.getEntriesByType("navigation")[0]?.type === "navigate") all = { seen: all.seen };
  const set = (name, value) => {
    all[name] = value;
    try { sessionStorage.setItem(key, JSON.stringify(all)); } catch { /* full, or not allowed */ }
  };
  return { get: (name) => all[name], set };
})();

// How old the page is; while the search runs it loads itself again.
(() => {
  const page = document.documentElement.dataset;
  const age = document.getElementById("age"), status = document.getElementById("status"), hold = document.getElementById("hold");
  const written = 1000 * page.written, alive = 1000 * page.alive, every = 1000 * page.every;
  const loaded = Date.now(), isFile = /^(file|https?):$/.test(location.protocol); // about:srcdoc can't load itself
  const limit = 3 * every + 60e3; // a busy machine is late

  // The clock of the machine that wrote may go wrong: what is seen to change here, by this clock, counts first.
  const before = kept.get("seen");
  const seen = before && before.alive === alive ? before : { alive, at: loaded, moved: Boolean(before) && loaded - before.at < 10 * limit };
  const running = "alive" in page;
  const heard = running && loaded - seen.at < limit && (seen.moved || loaded - alive < limit);
  if (running) kept.set("seen", seen);

  const ago = (moment) => {
    const seconds = Math.max(0, Math.round((Date.now() - moment) / 1000));
    const [size, unit] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(([most]) => seconds >= 2 * most) || [1, "s"];
    return `${Math.floor(seconds / size)} ${unit} ago`;
  };
  let held = Boolean(kept.get("held"));
  const say = () => {
    const at = new Date(written).toLocaleString();
    age.title = at;
    if (heard && isFile) age.textContent = `Written ${ago(written)}. ${held ? "It stays as it is." : "It reloads itself while the search runs."}`;
    else if (running) age.textContent = `Written ${ago(written)}; the search was running then.`;
    else age.textContent = `Written ${at}, ${ago(written)}.`;
  };
  if (running && !heard) {
    status.textContent = status.textContent.replace("running", "was running");
    status.className = "pill stale";
    document.title = document.title.replace(/: running/, ": was running");
  }
  say();
  setInterval(say, 1000);

  // In a frame without an address of its own (an artifact viewer) no file is beside the page.
  if (!isFile) {
    document.querySelectorAll("main a:not([href^='#'], [href^='http'])").forEach((link) => link.removeAttribute("href"));
    addEventListener("click", (event) => {
      const link = event.target.closest?.("a[href^='#']");
      if (link) { event.preventDefault(); location.hash = link.getAttribute("href"); }
    });
  }

  // Scroll is kept from the top of what is looked at, as what stands above may grow.
  const parts = () => [...document.querySelectorAll("header, main > section")];
  const scroll = document.querySelector("#table")?.closest(".scroll");
  const keepScroll = () => {
    const at = parts().findLastIndex((part) => part.getBoundingClientRect().top <= 1);
    const part = parts()[Math.max(at, 0)];
    const by = part.getAttribute("aria-labelledby");
    kept.set("scroll", {
      by, y: at < 0 ? 0 : -part.getBoundingClientRect().top, all: scrollY, hash: location.hash,
      top: scroll?.scrollTop, left: scroll?.scrollLeft,
    });
  };
  const restoreScroll = () => {
    const was = kept.get("scroll");
    if (!was || was.hash !== location.hash) return;
    if (scroll) scroll.scrollTo({ top: was.top, left: was.left, behavior: "instant" });
    const part = parts().find((one) => one.getAttribute("aria-labelledby") === was.by);
    const y = part && was.all > 0 ? part.getBoundingClientRect().top + scrollY + was.y : was.all;
    scrollTo({ top: y, behavior: "instant" });
  };
  history.scrollRestoration = "manual";
  let touched = false;
  for (const kind of ["keydown", "wheel", "touchmove", "pointerdown"]) addEventListener(kind, () => { touched = true; }, { passive: true, once: true });
  addEventListener("DOMContentLoaded", restoreScroll);
  addEventListener("load", () => { if (!touched) restoreScroll(); }); // what has changed its height since
  addEventListener("pagehide", keepScroll);

  // Nobody's typing, dragging, reading of a marked text or of an open menu is cut off.
  let quietFrom = 0, pressed = false;
  const wait = (seconds) => { quietFrom = Math.max(quietFrom, Date.now() + 1000 * seconds); };
  for (const kind of ["keydown", "input", "wheel", "touchmove", "pointermove", "scroll"]) addEventListener(kind, () => wait(2), { passive: true, capture: true });
  addEventListener("pointerdown", (event) => { pressed = true; wait(event.target.closest?.("select") ? 15 : 2); }, true);
  addEventListener("change", () => { quietFrom = Date.now() + 1000; }, true);
  for (const kind of ["pointerup", "pointercancel", "dragend"]) addEventListener(kind, () => { pressed = false; }, true);
  const busy = () => held || pressed || document.hidden || Date.now() < quietFrom || !getSelection().isCollapsed
    || document.querySelector("dialog[open], details.menu[open]");

  if (!isFile || !running) return;
  const reload = () => { keepScroll(); location.reload(); };
  addEventListener("visibilitychange", () => { if (!document.hidden && !held && Date.now() - loaded > Math.min(limit, 2 * every)) reload(); });
  if (!heard) return;
  hold.hidden = false;
  const label = () => { hold.textContent = held ? "Go on" : "Pause"; hold.title = held ? "Reload it again" : "Keep it as it is"; };
  hold.addEventListener("click", () => { held = !held; kept.set("held", held); label(); say(); });
  label();
  const next = alive + every + 1500; // but the end may come sooner; and where it has not come, it is looked for again
  const due = next > loaded ? Math.min(next, loaded + Math.min(every, 20e3) + 1500) : loaded + Math.max(5000, Math.min(every / 2, 20e3));
  setInterval(() => { if (Date.now() > due && !busy()) reload(); }, 500);
})();

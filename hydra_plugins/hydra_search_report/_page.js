"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const mixed = (share) => {
    const [from, to] = ["low", "high"].map((end) => css(end).match(/[0-9a-f]{2}/gi).map((pair) => parseInt(pair, 16)));
    return `rgb(${from.map((start, i) => Math.round(start + (to[i] - start) * share)).join(",")})`;
  };

  // Figures come without looks: "@name" is a colour of the style sheet, a colorscale is the page's own.
  const dressed = (value, key) => {
    if (typeof value === "string") return /color$/i.test(key) && value[0] === "@" ? css(value.slice(1)) : value;
    if (key === "colorscale") return [[0, css("low")], [1, css("high")]];
    if (Array.isArray(value)) return typeof value[0] === "object" && value[0] ? value.map((item) => dressed(item)) : value;
    if (!value || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, dressed(inner, name)]));
  };
  const shaded = (trace) => trace.meta && "shade" in trace.meta
    ? { ...trace, line: { ...trace.line, color: mixed(trace.meta.shade) } } : trace;
  const axis = (own = {}) => ({
    gridcolor: css("line"), zerolinecolor: css("line"), linecolor: css("line"), automargin: true, zeroline: false,
    exponentformat: "power", ...own,
  });
  const layoutOf = (own, place) => {
    const small = "small" in place.dataset, touched = matchMedia("(pointer: coarse)").matches;
    const layout = {
      ...dressed(own),
      dragmode: touched ? false : "zoom", // a finger scrolls the page
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: small ? 11 : 12, color: css("ink") },
      margin: small ? { l: 40, r: 10, t: 8, b: 30 } : { l: 50, r: 16, t: own.annotations ? 24 : 12, b: 40 },
      hoverlabel: { bgcolor: css("raised"), bordercolor: css("line"), font: { color: css("ink") } },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" },
    };
    for (const name of Object.keys(own).filter((key) => /^[xy]axis/.test(key))) layout[name] = axis(dressed(own[name]));
    layout.xaxis = layout.xaxis || axis();
    layout.yaxis = layout.yaxis || axis();
    if (layout.xaxis.type === "date") Object.assign(layout.xaxis, { tickangle: 0, nticks: Math.max(3, Math.round(place.clientWidth / 150)) });
    if (own.scene) for (const name of ["xaxis", "yaxis", "zaxis"]) layout.scene[name] = axis({ ...layout.scene[name], backgroundcolor: css("surface") });
    return layout;
  };

  // A click on a trial leads to its row, and where a person has zoomed to is kept.
  const lead = ({ points: [point] }) => {
    const trial = point.data.meta?.trial ?? [point.customdata].flat()[0];
    if (!document.getElementById(`trial-${trial}`)) return;
    if (location.hash === `#trial-${trial}`) dispatchEvent(new Event("hashchange"));
    else location.hash = `trial-${trial}`;
  };
  const zoomed = () => (typeof kept !== "undefined" && kept.get("zoom")) || {};
  const attend = (place) => {
    const name = `${place.closest(".branch-plots")?.id ?? ""} ${place.getAttribute("aria-label")}`;
    place.on("plotly_click", lead);
    if (zoomed()[name]) Plotly.relayout(place, zoomed()[name]);
    place.on("plotly_relayout", (change) => {
      const ranges = Object.entries(change).filter(([key]) => /^[xy]axis\d*\.range/.test(key));
      const isOut = Object.keys(change).some((key) => /\.autorange$/.test(key));
      if (typeof kept !== "undefined" && (isOut || ranges.length)) {
        kept.set("zoom", { ...zoomed(), [name]: isOut ? undefined : { ...zoomed()[name], ...Object.fromEntries(ranges) } });
      }
    });
  };

  const draw = (place) => {
    const figure = JSON.parse(place.nextElementSibling.textContent);
    const data = figure.data.map((trace) => shaded(dressed(trace)));
    const config = { responsive: true, displayModeBar: false };
    const first = !("drawn" in place.dataset);
    place.dataset.drawn = "";
    return Plotly.react(place, data, layoutOf(figure.layout, place), config).then(() => { if (first) attend(place); }).catch((error) => {
      place.textContent = `This plot can't be drawn here: ${error.message || error}`;
    });
  };
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) { seen.unobserve(target); draw(target); }
  }, { rootMargin: "400px" });
  document.querySelectorAll(".plot").forEach((place) => {
    seen.observe(place);
    place.addEventListener("changed", () => { if ("drawn" in place.dataset) draw(place); });
  });
  const redraw = () => document.querySelectorAll(".plot[data-drawn]").forEach(draw);
  dark.addEventListener("change", redraw);

  document.querySelectorAll("button.copy").forEach((button) => button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.of);
    const told = (word) => { button.textContent = word; setTimeout(() => { button.textContent = "Copy"; }, 2500); };
    try { await navigator.clipboard.writeText(text.textContent); told("Copied"); } catch {
      getSelection().selectAllChildren(text); // a sandboxed frame has no clipboard; then the text is marked at least
      told(document.execCommand("copy") ? "Copied" : "Marked: Ctrl+C");
    }
  }));
})();

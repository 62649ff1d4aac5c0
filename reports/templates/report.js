"use strict";
(() => {
  const details = JSON.parse(document.getElementById("details").textContent);
  const panel = document.getElementById("panel");
  const search = document.getElementById("search");
  const found = document.getElementById("found");
  const canvas = document.getElementById("canvas");
  const svg = canvas && canvas.querySelector("svg");
  const byId = new Map(Object.entries(details).map(([identity, d]) => [d.id, identity]));

  // All text from the program under test goes through textContent.
  const element = (tag, text, className) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  for (const d of Object.values(details)) {
    const option = document.createElement("option");
    option.value = d.name;
    document.getElementById("functions").append(option);
  }

  // --- the panel -----------------------------------------------------------
  const section = (title, items) => {
    if (!items.length) return;
    panel.append(element("h4", title));
    const list = element("ul");
    list.append(...items);
    panel.append(list);
  };

  const sourceOf = (site) => {
    if (!site.source.length) return [];
    const pre = element("pre", undefined, "source");
    for (const line of site.source) {
      const row = element("span", undefined, line.here ? "here" : "line");
      row.append(element("b", String(line.number).padStart(5)), " " + line.text);
      pre.append(row);
    }
    return [pre];
  };

  const neighbour = (n, withSites) => {
    const item = element("li", undefined, "kind-" + n.kind);
    const link = element("button", n.name, "link");
    link.type = "button";
    link.addEventListener("click", () => go(n.identity));
    item.append(element("span", "", "glyph"), link, element("div", `${n.words}, ${n.hits} recorded`, "hint"));
    if (withSites) for (const site of n.sites) {
      item.append(element("div", site.place + (site.instruction ? "   " + site.instruction : ""), "arguments"));
      item.append(...sourceOf(site));
    }
    return item;
  };

  const show = (identity) => {
    const d = details[identity];
    panel.replaceChildren(element("h3", d.name), element("div", d.file, "place"));
    const about = [`in ${d.frames} backtraces`];
    if (d.threads.length) about.push("on " + d.threads.join(", "));
    if (d.milestones.length) about.push("milestone " + d.milestones.join(", "));
    panel.append(element("p", about.join("; "), "hint"));
    section("Arguments seen", d.arguments.map((a) => element("li", "(" + a + ")", "arguments")));
    section("Called by", d.callers.map((n) => neighbour(n, false)));
    section("Calls", d.callees.map((n) => neighbour(n, true)));
    panel.scrollTop = 0;
  };

  // --- the graph -----------------------------------------------------------
  const group = (id) => svg && svg.getElementById(id);
  const mark = (identity) => {
    if (!svg) return;
    for (const old of svg.querySelectorAll(".chosen, .near")) old.classList.remove("chosen", "near");
    const d = details[identity];
    group(d.id).classList.add("chosen");
    for (const n of [...d.callers, ...d.callees]) group(details[n.identity].id)?.classList.add("near");
  };

  let view = null, whole = null;
  const apply = () => svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
  const fit = () => { view = { ...whole }; apply(); };
  const begin = () => {  // at the top, large enough to read
    const w = Math.min(whole.w, canvas.clientWidth * 0.8);
    view = { x: whole.x + (whole.w - w) / 2, y: whole.y, w, h: (w * canvas.clientHeight) / canvas.clientWidth };
    apply();
  };
  const zoom = (factor, cx = view.x + view.w / 2, cy = view.y + view.h / 2) => {
    const w = Math.min(Math.max(view.w * factor, 40), whole.w * 6), real = w / view.w;
    view = { x: cx - (cx - view.x) * real, y: cy - (cy - view.y) * real, w, h: view.h * real };
    apply();
  };
  const point = (event) => {
    const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [p.x, p.y];
  };
  const centre = (identity) => {
    const node = group(details[identity].id);
    const box = node.getBBox();
    const p = new DOMPoint(box.x + box.width / 2, box.y + box.height / 2)
      .matrixTransform(node.getCTM()).matrixTransform(svg.getCTM().inverse());
    const scale = Math.min(1, 900 / whole.w);
    if (view.w > whole.w * scale) { view.w = whole.w * scale; view.h = whole.h * scale; }
    view.x = p.x - view.w / 2;
    view.y = p.y - view.h / 2;
    apply();
  };

  if (svg) {
    const box = svg.viewBox.baseVal;
    whole = { x: box.x, y: box.y, w: box.width, h: box.height };
    svg.removeAttribute("width");
    svg.removeAttribute("height");
    begin();
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.15 : 1 / 1.15, ...point(event));
    }, { passive: false });
    let drag = null;
    canvas.addEventListener("pointerdown", (event) => { drag = { at: point(event), moved: false, id: event.pointerId }; });
    canvas.addEventListener("pointermove", (event) => {
      if (!drag || !event.buttons) return;
      const [x, y] = point(event);
      if (!drag.moved && Math.hypot(x - drag.at[0], y - drag.at[1]) < view.w / 200) return;
      if (!drag.moved) canvas.setPointerCapture(drag.id);
      drag.moved = true;
      canvas.classList.add("dragging");
      view.x += drag.at[0] - x;
      view.y += drag.at[1] - y;
      apply();
    });
    canvas.addEventListener("pointerup", () => { setTimeout(() => { drag = null; }); canvas.classList.remove("dragging"); });
    for (const node of svg.querySelectorAll("g.node")) {
      node.setAttribute("tabindex", "0");
      node.setAttribute("role", "button");
      node.addEventListener("click", () => { if (!drag || !drag.moved) go(byId.get(node.id), true); });
      node.addEventListener("keydown", (event) => { if (event.key === "Enter") go(byId.get(node.id), true); });
    }
    for (const button of document.querySelectorAll("[data-zoom]")) {
      const action = { in: () => zoom(1 / 1.3), out: () => zoom(1.3), fit }[button.dataset.zoom];
      button.addEventListener("click", action);
    }
    canvas.addEventListener("keydown", (event) => {
      const action = { "+": () => zoom(1 / 1.3), "-": () => zoom(1.3), 0: fit }[event.key];
      if (action) action();
    });
  }

  // --- search and the address bar ------------------------------------------
  const matches = (text) => Object.keys(details).filter((i) => details[i].name.toLowerCase().includes(text));
  const filter = () => {
    const text = search.value.trim().toLowerCase();
    const hits = text ? matches(text) : [];
    found.textContent = text ? (hits.length === 1 ? "1 function" : `${hits.length} functions`) : "";
    if (svg) for (const node of svg.querySelectorAll("g.node")) {
      node.classList.toggle("dimmed", Boolean(text) && !hits.includes(byId.get(node.id)));
    }
    return hits;
  };
  search.addEventListener("input", filter);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { search.value = ""; filter(); search.blur(); }
    if (event.key !== "Enter") return;
    const hits = filter();
    const exact = hits.find((i) => details[i].name.toLowerCase() === search.value.trim().toLowerCase());
    if (exact || hits[0]) go(exact || hits[0]);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target === search) return;
    event.preventDefault();
    search.focus();
    document.getElementById("graph").scrollIntoView();
  });

  let stay = false;  // a click inside the graph does not move it under the pointer
  const go = (identity, inPlace = false) => {
    stay = inPlace;
    const hash = "#f=" + encodeURIComponent(identity);
    if (location.hash === hash) follow(); else location.hash = hash;
  };
  const follow = () => {
    const match = /^#f=(.*)$/.exec(location.hash);
    if (!match) return;
    const identity = decodeURIComponent(match[1]);
    if (!Object.hasOwn(details, identity)) return;
    show(identity);
    mark(identity);
    if (svg && !stay) centre(identity);
    if (!stay) document.getElementById("graph").scrollIntoView();
    stay = false;
  };
  window.addEventListener("hashchange", follow);
  follow();
})();

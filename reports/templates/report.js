(() => {
  const details = JSON.parse(document.getElementById("details").textContent);
  const panel = document.getElementById("panel");
  const nothing = [...panel.childNodes];  // what stands there while nothing is chosen
  const search = document.getElementById("search");
  const found = document.getElementById("found");
  const graph = drawing(document.getElementById("canvas"), (node) => go(byId.get(node.id), true));
  const svg = graph && graph.svg;
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
    item.append(element("span", n.arrow, "glyph"), link, element("div", `${n.words}, ${n.hits} recorded`, "hint"));
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
  const unmark = () => {
    if (svg) for (const old of svg.querySelectorAll(".chosen, .near")) old.classList.remove("chosen", "near");
  };
  const mark = (identity) => {
    unmark();
    if (!svg) return;
    const d = details[identity];
    group(d.id).classList.add("chosen");
    for (const n of [...d.callers, ...d.callees]) group(details[n.identity].id)?.classList.add("near");
  };

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

  // A click inside the graph does not move it under the pointer: inPlace. What a click leads to is shown before
  // the click is over, which an event of the address would be too late for.
  const go = (identity, inPlace = false) => {
    const hash = "#f=" + encodeURIComponent(identity);
    if (location.hash !== hash) history.pushState(null, "", hash);
    follow(inPlace);
  };
  const follow = (inPlace = false) => {
    const match = /^#f=(.*)$/.exec(location.hash);
    const identity = match ? decodeURIComponent(match[1]) : "";
    if (!Object.hasOwn(details, identity)) {
      unmark();
      panel.replaceChildren(...nothing);
      return;
    }
    show(identity);
    mark(identity);
    if (inPlace) return;
    if (graph) graph.centre(group(details[identity].id));
    document.getElementById("graph").scrollIntoView();
  };
  window.addEventListener("hashchange", () => follow());
  follow();
})();

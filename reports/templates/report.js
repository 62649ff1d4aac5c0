(() => {
  const details = JSON.parse(document.getElementById("function-details").textContent);
  const panel = document.getElementById("panel");
  const hint = [...panel.childNodes];  // shown while no function is selected
  const search = document.getElementById("search");
  const matchCount = document.getElementById("match-count");
  const graph = drawing(document.getElementById("canvas"), (node) => openFunction(identityOfNode.get(node.id), true));
  const svg = graph && graph.svg;
  const identityOfNode = new Map(Object.entries(details).map(([identity, d]) => [d.id, identity]));

  // All text from the program under test goes through textContent.
  const element = (tag, text, className) => {
    const created = document.createElement(tag);
    if (text !== undefined) created.textContent = text;
    if (className) created.className = className;
    return created;
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

  const sourceElements = (site) => {
    if (!site.source.length) return [];
    const pre = element("pre", undefined, "source");
    for (const line of site.source) {
      const row = element("span", undefined, line.highlighted ? "highlighted" : "line");
      row.append(element("b", String(line.number).padStart(5)), " " + line.text);
      pre.append(row);
    }
    return [pre];
  };

  const neighbourItem = (neighbour, withSites) => {
    const item = element("li", undefined, "kind-" + neighbour.kind);
    const link = element("button", neighbour.name, "link");
    link.type = "button";
    link.addEventListener("click", () => openFunction(neighbour.identity));
    item.append(element("span", neighbour.arrow, "glyph"), link, element("div", `${neighbour.sentence}, ${neighbour.hits} ${neighbour.hits === 1 ? "hit" : "hits"}`, "hint"));
    if (withSites) for (const site of neighbour.sites) {
      item.append(element("div", site.place + (site.instruction ? "   " + site.instruction : ""), "arguments"));
      item.append(...sourceElements(site));
    }
    return item;
  };

  const showInPanel = (identity) => {
    const shown = details[identity];
    panel.replaceChildren(element("h3", shown.name), element("div", shown.file, "place"));
    const facts = [`in ${shown.frames} backtraces`];
    if (shown.threads.length) facts.push("on " + shown.threads.join(", "));
    if (shown.milestones.length) facts.push("milestone " + shown.milestones.join(", "));
    panel.append(element("p", facts.join("; "), "hint"));
    section("Recorded arguments", shown.arguments.map((list) => element("li", "(" + list + ")", "arguments")));
    section("Called by", shown.callers.map((caller) => neighbourItem(caller, false)));
    section("Calls", shown.callees.map((callee) => neighbourItem(callee, true)));
    panel.scrollTop = 0;
  };

  // --- the graph -----------------------------------------------------------
  const nodeOf = (id) => svg && svg.getElementById(id);
  const clearSelection = () => {
    if (svg) for (const node of svg.querySelectorAll(".selected, .neighbour")) node.classList.remove("selected", "neighbour");
  };
  const selectInGraph = (identity) => {
    clearSelection();
    if (!svg) return;
    const selected = details[identity];
    nodeOf(selected.id).classList.add("selected");
    for (const { identity: other } of [...selected.callers, ...selected.callees]) {
      nodeOf(details[other].id)?.classList.add("neighbour");
    }
  };

  // --- search and the address bar ------------------------------------------
  const functionsMatching = (text) => Object.keys(details).filter((identity) => details[identity].name.toLowerCase().includes(text));
  const filter = () => {
    const text = search.value.trim().toLowerCase();
    const matching = text ? functionsMatching(text) : [];
    matchCount.textContent = text ? (matching.length === 1 ? "1 function" : `${matching.length} functions`) : "";
    if (svg) for (const node of svg.querySelectorAll("g.node")) {
      node.classList.toggle("dimmed", Boolean(text) && !matching.includes(identityOfNode.get(node.id)));
    }
    return matching;
  };
  search.addEventListener("input", filter);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { search.value = ""; filter(); search.blur(); }
    if (event.key !== "Enter") return;
    const matching = filter();
    const exact = matching.find((identity) => details[identity].name.toLowerCase() === search.value.trim().toLowerCase());
    if (exact || matching[0]) openFunction(exact || matching[0]);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target === search) return;
    event.preventDefault();
    search.focus();
    document.getElementById("graph").scrollIntoView();
  });

  // A click on a node does not scroll or pan: inPlace. The page follows the new hash within the click, since the
  // hashchange event would come later.
  const openFunction = (identity, inPlace = false) => {
    const hash = "#f=" + encodeURIComponent(identity);
    if (location.hash !== hash) history.pushState(null, "", hash);
    showHash(inPlace);
  };
  const showHash = (inPlace = false) => {
    const match = /^#f=(.*)$/.exec(location.hash);
    const identity = match ? decodeURIComponent(match[1]) : "";
    if (!Object.hasOwn(details, identity)) {
      clearSelection();
      panel.replaceChildren(...hint);
      return;
    }
    showInPanel(identity);
    selectInGraph(identity);
    if (inPlace) return;
    if (graph) graph.centre(nodeOf(details[identity].id));
    document.getElementById("graph").scrollIntoView();
  };
  window.addEventListener("hashchange", () => showHash());
  showHash();
})();
